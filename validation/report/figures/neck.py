"""Figures of paper 001, Fig 1: a straight neck, solved along a line by the full equations, and its laws."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.geometries import Cylinder
from spinepnp.units import CURRENT, RESISTANCE, to_unit
from spinepnp.validation.laws import CylinderLaw
from spinepnp.validation.report.evidence import Evidence
from spinepnp.validation.report.figures.cases import case_of, concentrations, potentials, probes
from spinepnp.validation.report.figures.drawing import Sheet
from spinepnp.validation.report.figures.style import IONS, LAW, OHM, SERIES, SOLVED, panels, style
from spinepnp.validation.suite.solve import observables

#: Radii of the paper, nm.
RADII = (50, 75, 100)

#: Current of the paper for the profiles, pA.
PROFILE_CURRENT = 100.0

#: Places along the neck, um.
PLACES = np.linspace(0.0, 1.0, 41).tolist()

#: Currents of the sweep, pA.
CURRENTS = (5.0, 20.0, 40.0, 60.0, 80.0, 100.0, 125.0, 150.0, 175.0, 200.0)

#: Keys of the neck on a line, with the layer at the injector resolved.
LINE = {"geometry.dimension": "1d", "mesh.size": "10 nm", "mesh.element_degree": 2}


def neck(radius: int, **changes: object) -> Case:
    """Case of the neck of a radius in nm, with Na, K and anions."""
    return case_of("cylinder_iv_three_species", LINE | {"geometry.radius": f"{radius} nm"} | changes)


def law_of(case: Case) -> CylinderLaw:
    """Law of the neck of a case."""
    electrolyte, shape = case.electrolyte, case.geometry
    assert isinstance(shape, Cylinder)
    na, _, anion = electrolyte.species
    D, concentrations = electrolyte.effective_diffusivity(na), (na.concentration, anion.concentration)
    return CylinderLaw(shape.length, shape.radius, D, *concentrations, electrolyte.V_T)


def profiles(_: Evidence, comm: Any) -> Sheet:
    """Figure of Fig 1 B to D: potential and concentrations along the neck at 100 pA."""
    with style():
        canvas, axes = panels(2, 2, height=2.9)
        numbers: dict[str, float] = {}
        for colour, radius in zip(SERIES, RADII, strict=False):
            case = neck(radius, **{"probes": probes(PLACES), "study": {"kind": "steady"}})
            (row,) = observables(case, comm)
            law, z = law_of(case), np.array(PLACES)
            V = 1e3 * np.array([float(law.voltage(PROFILE_CURRENT * CURRENT.si, x * 1e-6)) for x in PLACES])
            axes[0].plot(z, potentials(row, PLACES), color=colour, linewidth=2.8, label=f"{radius} nm")
            axes[0].plot(z, V, "--", color="black", linewidth=0.9)
            numbers[f"V_{radius}"], numbers[f"law_{radius}"] = float(potentials(row, PLACES)[-1]), float(V[-1])
            _draw_ions(axes[1 + RADII.index(radius)], row, law, radius)
        axes[0].set(xlabel="distance from the dendrite (um)", ylabel="potential (mV)")
        axes[0].plot([], [], "--", color="black", linewidth=0.9, label="eq. (13)")
        axes[0].legend(title="radius of the neck")
    differences = [1e3 * (numbers[f"V_{r}"] - numbers[f"law_{r}"]) for r in RADII]
    layers = ", ".join(f"{d:.1f}" for d in differences)
    caption = (
        f"Full equations on a line, {PROFILE_CURRENT:g} pA of Na among Na, K and anions; dashed: the paper's eqs. "
        f"(12) and (13). At the injector the potential is {_list(numbers, 'V')} mV for 50, 75 and 100 nm; the full "
        f"equations lie {layers} uV from the law there, which is the Debye layer at the injector."
    )
    alt = "Potential and concentrations of Na, K and anions along necks of three radii; solved curves lie on the laws."
    return Sheet(canvas, caption, alt, numbers)


def _list(numbers: dict[str, float], what: str) -> str:
    return ", ".join(f"{numbers[f'{what}_{r}']:.3f}" for r in RADII)


def _draw_ions(axes: Any, row: dict[str, Any], law: CylinderLaw, radius: int) -> None:
    """Draw concentrations along one neck."""
    z = np.array(PLACES)
    Na, K, A = np.array([law.concentrations(PROFILE_CURRENT * CURRENT.si, x * 1e-6) for x in PLACES]).T
    for ion, exact in (("Na", Na), ("K", K), ("A", A)):
        axes.plot(
            z, concentrations(row, PLACES, ion), color=IONS[ion], linewidth=2.8, label={"A": "anions"}.get(ion, ion)
        )
        axes.plot(z, exact, "--", color="black", linewidth=0.9)
    axes.set(xlabel="distance from the dendrite (um)", ylabel="concentration (mM)", ylim=(0.0, None))
    axes.set_title(f"radius {radius} nm")
    axes.legend()


def current_voltage(evidence: Evidence, comm: Any) -> Sheet:
    """Figure of Fig 1 E, F: V(I) and R(I)."""
    with style():
        canvas, (left, right) = panels(1, 2, height=3.7)
        numbers: dict[str, float] = {}
        fine = np.linspace(0.5, CURRENTS[-1], 200) * CURRENT.si
        for colour, radius in zip(SERIES, RADII, strict=False):
            study = {"kind": "sweep", "vary": "boundaries.top.current.value", "values": [f"{I} pA" for I in CURRENTS]}
            case = neck(radius, study=study)
            V = np.array([row["top.potential_mV"] for row in observables(case, comm)])
            law = law_of(case)
            ohm = to_unit(law.ohmic_resistance(), RESISTANCE)
            for axes, solved, exact, straight in (
                (left, V, 1e3 * law.voltage(fine), ohm * fine / CURRENT.si * 1e-3),
                (right, V / CURRENTS * 1e3, law.resistance(fine) * 1e-6, np.full(len(fine), ohm)),
            ):
                axes.plot(fine / CURRENT.si, straight, ":", color=OHM, linewidth=1.0)
                axes.plot(fine / CURRENT.si, exact, color=LAW, linewidth=1.1)
                axes.plot(CURRENTS, solved, "o", color=colour, markersize=4.5, label=f"{radius} nm")
            numbers |= {f"ohm_{radius}": ohm, f"R_{radius}": float(V[-1] / CURRENTS[-1] * 1e3)}
        _draw_verdicts(left, evidence)
        left.set(ylabel="potential at the head (mV)", ylim=(0.0, 55.0))
        right.set(ylabel="resistance (MOhm)", ylim=(0.0, 520.0))
        right.plot([], [], "D", color="none", markeredgecolor=SOLVED, markersize=8, label="100 nm, in space")
        right.plot([], [], color=LAW, linewidth=1.1, label="eqs. (6), (13)")
        right.plot([], [], ":", color=OHM, label="Ohm, eq. (7)")
        for axes in (left, right):
            axes.set(xlabel="injected current (pA)", xlim=(0.0, None))
        right.legend(ncols=2, loc=(0.38, 0.66))
    caption = (
        "Points: full equations on a line, and on tetrahedra (diamonds, from the verdicts). Lines: the paper's law; "
        f"dotted: Ohm's law. At {CURRENTS[-1]:g} pA the resistance has fallen from "
        + ", from ".join(f"{numbers[f'ohm_{r}']:.0f} to {numbers[f'R_{r}']:.0f} MOhm ({r} nm)" for r in RADII)
        + "."
    )
    alt = "Potential and resistance of necks of three radii against the injected current; points lie on the laws."
    return Sheet(canvas, caption, alt, numbers)


def _draw_verdicts(axes: Any, evidence: Evidence) -> None:
    """Draw the potentials that the validation solved on tetrahedra, if it did."""
    found = evidence.any("cylinder_3d", "top.potential_mV")
    currents, values = [f.point for f in found], [f.value for f in found]
    axes.plot(currents, values, "D", color="none", markeredgecolor=SOLVED, markersize=8)
