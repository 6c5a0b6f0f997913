"""References that follow from a case by an analytic law, by the name that a validation case gives them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq, fsolve

from spinepnp.case import Case
from spinepnp.errors import CaseError
from spinepnp.geometries import BallNeck, BallWindow, Cylinder, Hyperboloid, Pore, Tube
from spinepnp.solvers.boundaries import Boundary, Injection
from spinepnp.solvers.electrolyte import Species
from spinepnp.units import CONCENTRATION, CURRENT, FARADAY, POTENTIAL, TIME, Kind, to_unit
from spinepnp.validation import references
from spinepnp.validation.analytic import (
    GouyChapmanLaw,
    ObstacleLaw,
    RingsLaw,
    binary_junction,
    donnan_concentrations,
    donnan_potential,
    ghk_current,
    smooth_tube,
)
from spinepnp.validation.analytic.constant_field import profile
from spinepnp.validation.analytic.liquid_junction import conductivity
from spinepnp.validation.analytic.relaxation import charging, debye_time
from spinepnp.validation.assumptions import absolute_permittivity, electroneutral_of
from spinepnp.validation.laws import throat_of


@dataclass(frozen=True)
class Asked:
    """What a formula is asked for.

    Attributes:
        case: at the point of the study.
        quantity: column of observables.csv.
        row: all that was computed at that point, by column.
        number: of a table, if the formula takes one.
    """

    case: Case
    quantity: str
    row: Mapping[str, Any]
    number: float = math.nan

    @property
    def place(self) -> str:
        """Boundary, probe or region of the quantity."""
        return self.quantity.split(".")[0]

    @property
    def species(self) -> Species:
        """The species of the quantity."""
        electrolyte = self.case.electrolyte
        return electrolyte.species[electrolyte.index(self.quantity.split(".")[-1])]

    @property
    def boundary(self) -> Boundary:
        """What is imposed at the place of the quantity."""
        return self.case.boundaries[self.place]

    @property
    def injection(self) -> tuple[str, Injection]:
        """The one current of the case, and where it enters.

        Raises:
            CaseError: there are none or several.
        """
        found = [(name, i) for name, b in self.case.boundaries.items() for i in b.injections]
        if len(found) != 1:
            raise CaseError("checks.reference.formula", "needs a case with one current; take another formula")
        return found[0]

    @property
    def current(self) -> float:
        """The height of that current, A."""
        name, injection = self.injection
        return injection.total(self.case.geometry.exact_measures()[name])

    def potential(self, column: str) -> float:
        """A potential that was computed, V."""
        return float(self.row[column]) * POTENTIAL.si


@dataclass(frozen=True)
class Formula:
    """A law.

    Attributes:
        kind: of quantity that it gives; ``None`` for a plain number.
        function: its value in SI.
        takes_number: whether it needs a number of a table.
    """

    kind: Kind
    function: Callable[[Asked], float]
    takes_number: bool = False

    def value(self, asked: Asked) -> float:
        """What it says, in the unit of the results."""
        return float(to_unit(self.function(asked), self.kind))


def _voltage(asked: Asked, G: float) -> float:
    """V of the electroneutral law of one injected species at a place of unit-flux function G, 1/m (facts pnp B6)."""
    _, injection = asked.injection
    return float(electroneutral_of(asked.case.electrolyte, injection.species).voltage(asked.current, G))


def electroneutral(asked: Asked) -> float:
    """The electroneutral law where G is the number, 1/um."""
    return _voltage(asked, asked.number / 1e-6)


def of_bulk(asked: Asked) -> float:
    """The number times the concentration of the bulk."""
    return asked.number * asked.species.concentration


def throat(asked: Asked) -> float:
    """The electroneutral law of a throat whose G is the number times that of paper 001, eq. (18)."""
    geometry = asked.case.geometry
    assert isinstance(geometry, Hyperboloid)
    return _voltage(asked, asked.number * float(throat_of(geometry).G_printed()))


def corrugated(asked: Asked) -> float:
    """The electroneutral law of a smooth tube, with the G of `smooth_tube`."""
    geometry = asked.case.geometry
    assert isinstance(geometry, Tube)
    return _voltage(asked, smooth_tube(geometry.radius, geometry.length).mean)


def obstacle(asked: Asked) -> float:
    """The electroneutral law of a tube with a sphere on its axis."""
    geometry = asked.case.geometry
    assert isinstance(geometry, Cylinder)
    assert geometry.obstacle is not None
    return _voltage(asked, ObstacleLaw(geometry.radius, geometry.obstacle.radius).G(geometry.length))


def neck_rings(asked: Asked) -> float:
    """What anions have more than their bulk, as a mean over a ring of a long neck where rings let currents in."""
    case, geometry = asked.case, asked.case.geometry
    assert isinstance(geometry, BallNeck)
    rings = {ring.name: band for ring in geometry.rings if (band := ring.on_neck) is not None}
    names = [name for name, b in case.boundaries.items() if b.injections]
    measures = geometry.exact_measures()
    currents = [sum(i.total(measures[n]) for i in case.boundaries[n].injections) for n in names]
    law = RingsLaw(geometry.neck_radius)
    G = np.array([law.mean(rings[asked.place], rings[n]) for n in names])
    return float(G @ currents) / _strength(asked) * asked.species.concentration


def gouy_chapman(asked: Asked) -> float:
    """V at a wall of given surface charge, or behind a membrane: sigma(V) = C_m (V_out - V), V."""
    electrolyte = asked.case.electrolyte
    law = GouyChapmanLaw(electrolyte.ionic_strength(), absolute_permittivity(electrolyte), electrolyte.V_T)
    membrane = asked.boundary.capacitance
    if membrane is None:
        assert asked.boundary.surface_charge is not None
        return float(law.surface_potential(asked.boundary.surface_charge))
    low, high = sorted((0.0, membrane.outside))
    return float(
        brentq(lambda V: membrane.value * (membrane.outside - V) - float(law.surface_charge(V)), low, high, xtol=1e-16)
    )


def _gel(asked: Asked) -> tuple[list[int], list[float], float]:
    electrolyte = asked.case.electrolyte
    (region,) = electrolyte.charged_regions
    return [s.valence for s in electrolyte.species], [s.concentration for s in electrolyte.species], region.value


def donnan(asked: Asked) -> float:
    """V of the one region of fixed charge over its bath (Donnan)."""
    return donnan_potential(*_gel(asked), asked.case.electrolyte.V_T)


def donnan_ions(asked: Asked) -> float:
    """Concentration of an ion in that region."""
    return float(donnan_concentrations(*_gel(asked))[asked.case.electrolyte.index(asked.species.name)])


def junction(asked: Asked) -> float:
    """V at an end without net current, over the other end with another concentration of one salt (Nernst, Planck)."""
    electrolyte = asked.case.electrolyte
    cation, anion = sorted(electrolyte.species, key=lambda s: -s.valence)
    (left,) = (b for name, b in asked.case.boundaries.items() if name != asked.place)
    c_left, c_right = (b.prescribed(electrolyte)[cation.name] for b in (left, asked.boundary))
    diffusivities = cation.diffusivity, anion.diffusivity
    return binary_junction(c_left, c_right, (cation.valence, anion.valence), diffusivities, electrolyte.V_T)


def boltzmann(asked: Asked) -> float:
    """C exp(-z V/V_T) at a place, of an ion that crosses no boundary but that of its bulk: no flux, full PNP."""
    V = asked.potential(f"{asked.place}.potential_{POTENTIAL.suffix}")
    return float(asked.species.concentration * np.exp(-asked.species.valence * V / asked.case.electrolyte.V_T))


def escape(asked: Asked) -> float:
    """Mean concentration of a tracer that is made evenly and leaves by a window: its source times the escape time."""
    geometry, tracer = asked.case.geometry, asked.species
    assert isinstance(geometry, BallWindow)
    ratio = geometry.window_radius / geometry.radius
    times = dict(references.load("window_escape")["rows"])
    unit = geometry.radius**2 / asked.case.electrolyte.effective_diffusivity(tracer)
    return float(tracer.source * unit * times[round(ratio, 9)])


def _pore(asked: Asked) -> Pore:
    geometry = asked.case.geometry
    assert isinstance(geometry, Pore)
    return geometry


def _sides(asked: Asked) -> tuple[float, float, float]:
    """V inside relative to outside, and the concentrations of the ion inside and outside a pore."""
    outside, inside = (asked.case.boundaries[side] for side in ("outside", "inside"))
    V = float(inside.held_potential or 0.0) - float(outside.held_potential or 0.0)
    c_i, c_o = (side.prescribed(asked.case.electrolyte)[asked.species.name] for side in (inside, outside))
    return V, c_i, c_o


def constant_field(asked: Asked) -> float:
    """Current of an ion into the cell through a pore with D = P d, by paper 002, eq. 14, A."""
    case, ion, pore = asked.case, asked.species, _pore(asked)
    V, c_i, c_o = _sides(asked)
    permeability = case.electrolyte.effective_diffusivity(ion) / pore.length
    density = ghk_current(V, c_i, c_o, ion.valence, permeability, case.electrolyte.V_T)
    return float(density) * pore.exact_measures()["outside"]


def constant_field_ions(asked: Asked) -> float:
    """Concentration of an ion at a probe in such a pore, by paper 002, eq. 13."""
    case, ion, (*_, z) = asked.case, asked.species, asked.case.probes[asked.place]
    length = _pore(asked).length
    V, c_i, c_o = _sides(asked)
    return float(profile(z / length, V, c_i, c_o, ion.valence, case.electrolyte.V_T))


def leaving(asked: Asked) -> float:
    """What leaves at the ground is what enters, at every moment: minus the injected current, A."""
    name, injection = asked.injection
    time = float(asked.row.get(f"{TIME.name}_{TIME.suffix}", 0.0)) * TIME.si
    area = asked.case.geometry.exact_measures()[name]
    return -injection.at(time, time).total(area)


def relaxation(asked: Asked) -> float:
    """V_Ohm (1 - exp(-t/tau)) with V_Ohm the number in mV, t since the onset and tau the Debye time (facts pnp D2)."""
    electrolyte, (_, injection) = asked.case.electrolyte, asked.injection
    ions = electrolyte.species
    c, z, D = ([getattr(s, key) for s in ions] for key in ("concentration", "valence", "diffusivity"))
    tau = debye_time(absolute_permittivity(electrolyte), conductivity(c, z, D, electrolyte.V_T))
    elapsed = float(asked.row[f"{TIME.name}_{TIME.suffix}"]) * TIME.si - (injection.onset or 0.0)
    return float(charging(elapsed, asked.number * POTENTIAL.si, tau))


def _strength(asked: Asked) -> float:
    """2 D F C of monovalent ions with one diffusivity, A/m."""
    species = asked.case.electrolyte.species
    (D,) = {s.diffusivity for s in species}
    return 2.0 * D * FARADAY * sum(s.concentration for s in species if s.valence < 0)


def _band(asked: Asked) -> float:
    """w of a band of the spine in a steady state: w_i = sum_j G_ij I_j(V_j) / (2 D F C), c = C (1 + w), u = ln(1 + w).

    The bands and their mean G are those of `spine_rings` in validation/references.toml (facts pnp B8). Exact for given
    currents; channels see the mean V of their band, which is that of the mean w to the square of its spread.
    """
    case = asked.case
    table, electrolyte = references.load("spine_rings"), case.electrolyte
    names = [name for name, b in case.boundaries.items() if b.injections or b.channels]
    names += [asked.place] if asked.place not in names else []
    rows = [table["bands"].index(name) for name in names]
    G = np.array(table["G"])[np.ix_(rows, rows)] / 1e-6
    measures, imposed = case.geometry.exact_measures(), {n: case.boundaries.get(n, Boundary()) for n in names}
    strength = _strength(asked)

    def currents(V: np.ndarray) -> np.ndarray:
        given = [sum(i.total(measures[n]) for i in imposed[n].injections) for n in names]
        gated = [
            sum(
                c.all_open(float(v), 0.0, area=measures[n], valence=1.0, thermal_voltage=electrolyte.V_T)[0]
                for c in imposed[n].channels
            )
            for n, v in zip(names, V, strict=True)
        ]
        return np.array(given) + np.array(gated)

    def misfit(u: np.ndarray) -> np.ndarray:
        return np.expm1(u) - G @ currents(u * electrolyte.V_T) / strength

    start = np.log1p(G @ currents(np.full(len(names), -np.inf)) / strength)
    found = fsolve(misfit, start, xtol=1e-13)
    return float(np.expm1(found[names.index(asked.place)]))


def band(asked: Asked) -> float:
    """Mean V of a band of the spine."""
    return float(np.log1p(_band(asked))) * asked.case.electrolyte.V_T


def band_ions(asked: Asked) -> float:
    """Mean over a band of what an anion has more than its bulk."""
    return _band(asked) * asked.species.concentration


#: Every formula by the name that it has in a validation case.
FORMULAS: dict[str, Formula] = {
    "band": Formula(POTENTIAL, band),
    "band_ions": Formula(CONCENTRATION, band_ions),
    "boltzmann": Formula(CONCENTRATION, boltzmann),
    "constant_field": Formula(CURRENT, constant_field),
    "constant_field_ions": Formula(CONCENTRATION, constant_field_ions),
    "corrugated": Formula(POTENTIAL, corrugated),
    "donnan": Formula(POTENTIAL, donnan),
    "donnan_ions": Formula(CONCENTRATION, donnan_ions),
    "electroneutral": Formula(POTENTIAL, electroneutral, takes_number=True),
    "escape": Formula(CONCENTRATION, escape),
    "gouy_chapman": Formula(POTENTIAL, gouy_chapman),
    "neck_rings": Formula(CONCENTRATION, neck_rings),
    "obstacle": Formula(POTENTIAL, obstacle),
    "of_bulk": Formula(CONCENTRATION, of_bulk, takes_number=True),
    "junction": Formula(POTENTIAL, junction),
    "leaving": Formula(CURRENT, leaving),
    "relaxation": Formula(POTENTIAL, relaxation, takes_number=True),
    "throat": Formula(POTENTIAL, throat, takes_number=True),
}
