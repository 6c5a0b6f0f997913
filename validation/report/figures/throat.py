"""Figures of paper 001, Fig 2: a constricted neck, solved in its meridian, against eq. (18) and the exact law."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.geometries import Hyperboloid
from spinepnp.units import CURRENT, FARADAY, POTENTIAL
from spinepnp.validation.laws import HyperboloidLaw
from spinepnp.validation.laws.geometric_factors import throat_of
from spinepnp.validation.report.evidence import Evidence
from spinepnp.validation.report.figures.cases import case_of, concentrations, draw_meridian, potentials, probes
from spinepnp.validation.report.figures.drawing import Sheet
from spinepnp.validation.report.figures.style import LAW, OHM, SERIES, SOLVED, panels, style
from spinepnp.validation.suite.solve import observables

#: Waists of the paper, nm.
WAISTS = (25, 50, 90)

#: The two currents of the paper's caption, pA.
LARGE = 50.0
SMALL = 10.0

#: Places on the axis, um.
PLACES = np.linspace(-0.5, 0.5, 41).tolist()

#: Currents of the sweep, pA.
CURRENTS = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0)

#: Keys of a throat in its meridian, without a layer at the injector.
MERIDIAN = {
    "geometry.dimension": "axisymmetric",
    "mesh.size": "25 nm",
    "mesh.element_degree": 2,
    "boundaries.top.field_matched": True,
}


def throat(waist: float, **changes: object) -> Case:
    """Case of a throat of a waist in nm and c = 100 nm with flat ends."""
    return case_of("hyperboloid_constriction", MERIDIAN | {"geometry.a": f"{waist} nm"} | changes)


def law_of(case: Case) -> HyperboloidLaw:
    """Law of the throat of a case."""
    assert isinstance(case.geometry, Hyperboloid)
    return throat_of(case.geometry)


def strength(case: Case) -> float:
    """Strength 2 D F C of the salt of a case, A/m."""
    cation, anion = case.electrolyte.species
    return 2.0 * case.electrolyte.effective_diffusivity(cation) * FARADAY * anion.concentration


def profiles(_: Evidence, comm: Any) -> Sheet:
    """Figure of Fig 2 A, D, E: the throat, potential and concentration along its axis."""
    with style():
        canvas, (shape, left, right) = panels(1, 3, height=3.6)
        numbers: dict[str, float] = {}
        study = {"kind": "sweep", "vary": "boundaries.top.current.value", "values": [f"{SMALL} pA", f"{LARGE} pA"]}
        for colour, waist in zip(SERIES, WAISTS, strict=False):
            case = throat(waist, probes=probes(PLACES), study=study)
            rows = observables(case, comm)
            V, salt = potentials(rows[1], PLACES), concentrations(rows[1], PLACES, "C")
            w = LARGE * CURRENT.si * law_of(case).G_printed(np.array(PLACES) * 1e-6) / strength(case)
            left.plot(PLACES, V, color=colour, linewidth=2.4, label=f"a = {waist} nm")
            left.plot(PLACES, 1e3 * case.electrolyte.V_T * np.log1p(w), "--", color="black", linewidth=0.9)
            right.plot(PLACES, salt, color=colour, linewidth=2.4)
            bulk = case.electrolyte.species[0].concentration
            right.plot(PLACES, bulk * (1.0 + w), "--", color="black", linewidth=0.9)
            printed = float(1e3 * case.electrolyte.V_T * np.log1p(w[-1]))
            numbers |= {f"V_{waist}": float(V[-1]), f"printed_{waist}": printed}
            numbers[f"small_{waist}"] = float(potentials(rows[0], PLACES)[-1])
        draw_meridian(shape, throat(WAISTS[1]), comm)
        shape.set_title(f"mesh, a = {WAISTS[1]} nm")
        left.set(xlabel="z (um)", ylabel="potential on the axis (mV)")
        right.set(xlabel="z (um)", ylabel="cations on the axis (mM)")
        left.plot([], [], "--", color="black", linewidth=0.9, label="eq. (18)")
        left.legend()
    caption = (
        f"Full equations in the meridian, c = 100 nm, half length 500 nm, {LARGE:g} pA; dashed: eq. (18). At the end "
        f"of the axis the potential is {_listed(numbers, 'V')} mV where eq. (18) says {_listed(numbers, 'printed')} "
        f"mV; with {SMALL:g} pA, the other current of the caption, {_listed(numbers, 'small')} mV."
    )
    alt = "Mesh of a throat; potential and cations along its axis for three waists; eq. (18) lies a little below."
    return Sheet(canvas, caption, alt, numbers)


def _listed(numbers: dict[str, float], what: str) -> str:
    return ", ".join(f"{numbers[f'{what}_{waist}']:.2f}" for waist in WAISTS)


def current_voltage(_: Evidence, comm: Any) -> Sheet:
    """Figure of Fig 2 F, G: V(I) and R(I)."""
    with style():
        canvas, (left, right) = panels(1, 2, height=3.6)
        fine, low = np.linspace(0.5, CURRENTS[-1], 100), []
        study = {"kind": "sweep", "vary": "boundaries.top.current.value", "values": [f"{I} pA" for I in CURRENTS]}
        for colour, waist in zip(SERIES, WAISTS, strict=False):
            case = throat(waist, study=study)
            V = np.array([row[f"top.potential_{POTENTIAL.suffix}"] for row in observables(case, comm)])
            law, scaled = law_of(case), fine * CURRENT.si / strength(case)
            printed = 1e3 * case.electrolyte.V_T * np.log1p(scaled * float(law.G_printed()))
            exact = 1e3 * case.electrolyte.V_T * np.log1p(scaled * law.G())
            for axes, over in ((left, 1.0), (right, fine * 1e-3)):
                axes.plot(fine, exact / over, color=LAW, linewidth=1.1)
                axes.plot(fine, printed / over, "--", color="black", linewidth=0.9)
            left.plot(CURRENTS, V, "o", color=colour, label=f"a = {waist} nm")
            right.plot(CURRENTS, V / CURRENTS * 1e3, "o", color=colour)
            w = CURRENTS[0] * CURRENT.si * float(law.G_printed()) / strength(case)
            low.append(f"{100.0 * (1.0 - 1e3 * case.electrolyte.V_T * np.log1p(w) / V[0]):.1f}")
        left.set(ylabel="potential at the end (mV)", xlabel="injected current (pA)", ylim=(0.0, None))
        right.set(ylabel="resistance (MOhm)", xlabel="injected current (pA)", yscale="log")
        right.set_yticks([50, 100, 200, 400], ["50", "100", "200", "400"])
        right.set_yticks([], minor=True)
        left.plot([], [], color=LAW, linewidth=1.1, label="exact, confocal ends")
        left.plot([], [], "--", color="black", linewidth=0.9, label="eq. (18)")
        left.legend()
    caption = (
        "Points: full equations, mean over the flat end. Lines: the exact law between confocal ends, which lie within "
        f"the flat ones; dashed: eq. (18), which is {low[0]} and {low[-1]} % low at {CURRENTS[0]:g} pA for waists of "
        f"{WAISTS[0]} and {WAISTS[-1]} nm."
    )
    alt = "Potential and resistance of three throats against the current; points lie on the exact law, above eq. (18)."
    return Sheet(canvas, caption, alt)


def ratio(evidence: Evidence, _comm: Any) -> Sheet:
    """Figure of solved and exact G over that of eq. (18), by a/c."""
    found = evidence.all("throat_ratio", f"top.potential_{POTENTIAL.suffix}")
    base = case_of("hyperboloid_constriction", MERIDIAN)
    shape = law_of(base)
    current = 0.01 * CURRENT.si
    waists, solved = [number.point for number in found], []
    for waist, number in zip(waists, found, strict=True):
        G = np.expm1(number.value * POTENTIAL.si / base.electrolyte.V_T) * strength(base) / current
        solved.append(G / float(HyperboloidLaw(waist * 1e-9, waist * 1e-9, shape.c, shape.half_length).G_printed()))
    x = np.geomspace(0.08, 5.0, 120)
    confocal = [HyperboloidLaw(r * shape.c, r * shape.c, shape.c, shape.half_length) for r in x]
    with style():
        canvas, (axes,) = panels(1, 1, width=6.6, height=4.2)
        axes.set_title("", loc="left")
        bounds = np.array([np.array(law.bounds_flat()) / float(law.G_printed()) for law in confocal]).T
        axes.fill_between(x, *bounds, color=LAW, alpha=0.2, linewidth=0.0, label="exact, confocal ends in and around")
        axes.plot(x, 0.5 * (1.0 + np.hypot(1.0, x)), "-.", color=SERIES[2], label="exact, infinitely long")
        axes.plot(x, 1.0 + x**2 / 4.0, ":", color=OHM, label="rule $1 + a^2/(4 c^2)$")
        axes.plot(np.array(waists) * 1e-9 / shape.c, solved, "o", color=SOLVED, markersize=7, label="solved, flat ends")
        axes.axhline(1.0, color="black", linestyle="--", linewidth=0.9, label="eq. (18)")
        axes.set(
            xscale="log", xlim=(x[0], x[-1]), ylim=(0.9, 3.0), xlabel="a/c", ylabel="resistance over that of eq. (18)"
        )
        axes.set_xticks([0.1, 0.25, 0.5, 1, 2, 4], ["0.1", "0.25", "0.5", "1", "2", "4"])
        axes.legend()
    percent = ", ".join(
        f"{100.0 * (r - 1.0):.3g} % ({w / (shape.c * 1e9):g})" for w, r in zip(waists, solved, strict=True)
    )
    caption = (
        f"The small-signal resistance that was solved exceeds eq. (18) by {percent} for a/c in brackets. It "
        "holds where the neck opens slowly, c above 2a, and is no bound of the error elsewhere."
    )
    numbers = {f"ratio_{w:g}": float(r) for w, r in zip(waists, solved, strict=True)}
    return Sheet(
        canvas, caption, "Resistance over that of eq. (18) against a/c: one for narrow waists, 2.5 at 4.", numbers
    )
