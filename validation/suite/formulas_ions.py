"""Formulas of ions at walls, in gels, between baths, in Box 1 and in pores."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.optimize import brentq

from spinepnp.errors import CaseError
from spinepnp.geometries import BallNeck, BallWindow, Cylinder, Pore
from spinepnp.solvers.model.terms.dirichlet import PotentialWaveform
from spinepnp.units import FARADAY, POTENTIAL, TIME
from spinepnp.validation.laws import (
    ChargedCylinderLaw,
    GouyChapmanLaw,
    MembraneLaw,
    binary_junction,
    donnan_concentrations,
    donnan_potential,
    ghk_current,
)
from spinepnp.validation.laws.constant_field import profile
from spinepnp.validation.reference import table as references
from spinepnp.validation.suite.context import FormulaContext

#: Number of modes of a neck: those left out are less than 1e-6 of the voltage.
MODES = 40


def gouy_chapman(context: FormulaContext) -> float:
    """V at a wall of given surface charge, or behind a membrane: sigma(V) = C_m (V_out - V), V."""
    electrolyte = context.case.electrolyte
    law = GouyChapmanLaw(electrolyte.ionic_strength(), electrolyte.absolute_permittivity, electrolyte.V_T)
    membrane = context.boundary.capacitance
    if membrane is None:
        if context.boundary.surface_charge is None:
            raise CaseError("checks.reference.formula", "needs a surface charge or a membrane; take another formula")
        return float(law.surface_potential(context.boundary.surface_charge))
    outside = context.boundary.outside_potential
    low, high = sorted((0.0, outside))
    return float(brentq(lambda V: membrane.value * (outside - V) - float(law.surface_charge(V)), low, high, xtol=1e-16))


def ghk_rest(context: FormulaContext) -> float:
    """V of a membrane that leaks ions of valence one, at rest, beside a bath (Goldman, Hodgkin and Katz)."""
    electrolyte = context.case.electrolyte
    (membrane,) = (b for b in context.case.boundaries.values() if b.mechanisms)
    (leak,) = membrane.mechanisms
    entering, leaving = 0.0, 0.0
    for name, permeability in leak.permeability.items():
        valence = electrolyte.species[electrolyte.index(name)].valence
        if abs(valence) != 1:
            raise CaseError("checks.reference.formula", "needs ions of valence one; take another formula")
        inside, outside = electrolyte.bulk[name], membrane.outside.concentrations[name]
        entering += permeability.value * (outside if valence > 0 else inside)
        leaving += permeability.value * (inside if valence > 0 else outside)
    return float(electrolyte.V_T * np.log(entering / leaving))


def capacitor_charge(context: FormulaContext) -> float:
    """Charge per area of the ions at a capacitance in series with the layer of Gouy and Chapman, C/m^2."""
    return float(context.boundary.capacitance.value * (gouy_chapman(context) - context.boundary.outside_potential))


def sphere_capacitor(context: FormulaContext) -> float:
    """Charge per area of the ions around a sphere with a capacitance, by Debye and Hueckel, C/m^2."""
    electrolyte, membrane = context.case.electrolyte, context.boundary.capacitance
    obstacle, length = context.case.geometry.obstacle, electrolyte.debye_length()
    if obstacle is None:
        raise CaseError("checks.reference.formula", "needs an obstacle; take another formula")
    radius = obstacle.radius
    layer = electrolyte.absolute_permittivity * (radius + length) / (radius * length)
    series = 1.0 / (1.0 / membrane.value + 1.0 / layer)
    return float(-series * context.boundary.outside_potential)


def charging_head(context: FormulaContext) -> float:
    """V of a head at the end of a neck with membranes, after a step of the current into it, V.

    The neck is a passive cable without leak, grounded at its base: c V_t = V_xx/r. The head is a capacitance C behind
    the resistance r e of its mouth: C V_t + V_x/r = I with V = (V + e V_x) at the end of the neck. With the modes
    sin(k x), (1 - C e k^2/c) cot(k L) = (C/c) k, the voltage is I r (L + e) less a sum of them.
    """
    case, geometry = context.case, context.geometry(BallNeck)
    _, injection = context.injection
    electrolyte, membrane = case.electrolyte, case.boundaries["wall"].capacitance.value
    carried = sum(s.valence**2 * s.concentration * electrolyte.effective_diffusivity(s) for s in electrolyte.species)
    r, R, L = geometry.neck_radius, geometry.head_radius, geometry.neck_length
    axial, neck = electrolyte.V_T / (FARADAY * carried) / (np.pi * r**2), membrane * 2.0 * np.pi * r
    head = membrane * geometry.exact_measures()["wall"] - neck * L
    # The way from the mouth to the centre: a disc on a half space, and what a ball adds to that (its Neumann function).
    mouth = np.pi * r / 4.0 + r**2 / (4.0 * R) * np.log(2.0 * R / r)
    time = context.row[f"time_{TIME.suffix}"] * TIME.si - (injection.onset or 0.0)

    def of_mode(y: float) -> float:
        return float((1.0 - head * mouth * (y / L) ** 2 / neck) * np.cos(y) - head / (neck * L) * y * np.sin(y))

    ends = np.linspace(1e-6, MODES * np.pi, 64 * MODES)
    changed = [(low, high) for low, high in itertools.pairwise(ends) if of_mode(low) * of_mode(high) < 0.0]
    k = np.array([brentq(of_mode, low, high, xtol=1e-14) for low, high in changed]) / L
    at_head = np.sin(k * L) + mouth * k * np.cos(k * L)
    product = np.sin(k * L) / k**2 - L * np.cos(k * L) / k
    square = L / 2.0 - np.sin(2.0 * k * L) / (4.0 * k)
    weight = (neck * product + head * (L + mouth) * at_head) / (neck * square + head * at_head**2)
    decayed = weight * at_head * np.exp(-max(time, 0.0) * k**2 / (axial * neck))
    return float(context.current * axial * (L + mouth - decayed.sum()))


def charged_membrane(context: FormulaContext) -> float:
    """V at the end of a cylinder behind a membrane, in time after a small step of V at its other end (RC circuit), V.

    The salt is a conductance and a capacitance in parallel, in series with its Debye layer and the membrane.
    """
    electrolyte, length = context.case.electrolyte, context.geometry(Cylinder).length
    (clamp,) = (b.potential for b in context.case.boundaries.values() if b.potential is not None)
    if not isinstance(clamp, PotentialWaveform) or clamp.waveform != "step":
        raise CaseError("checks.reference.formula", "needs a step of the potential; take another formula")
    time = context.row[f"time_{TIME.suffix}"] * TIME.si - (clamp.onset or 0.0)
    eps, membrane = electrolyte.absolute_permittivity, context.boundary.capacitance.value
    carried = sum(s.valence**2 * s.concentration * electrolyte.effective_diffusivity(s) for s in electrolyte.species)
    conductance, column = FARADAY * carried / electrolyte.V_T / length, eps / length
    series = 1.0 / (1.0 / membrane + electrolyte.debye_length() / eps)
    decay = series / (series + column) * np.exp(-max(time, 0.0) * conductance / (series + column))
    return float((clamp.value or 0.0) * series / membrane * (1.0 - decay)) if time > 0.0 else 0.0


def charged_cylinder(context: FormulaContext) -> float:
    """V at a probe far from the ends of the one charged ring or wall of a cylinder, in equilibrium with its baths."""
    electrolyte, geometry = context.case.electrolyte, context.geometry(Cylinder)
    (charge,) = (b.surface_charge for b in context.case.boundaries.values() if b.surface_charge is not None)
    x, y, _ = context.case.probe_position(context.place)
    valences, concentrations = zip(*((s.valence, s.concentration) for s in electrolyte.species), strict=True)
    medium = electrolyte.absolute_permittivity, electrolyte.V_T
    law = ChargedCylinderLaw(geometry.radius, charge, valences, concentrations, *medium)
    return float(law.potential(np.hypot(x, y)))


def _gel(context: FormulaContext) -> tuple[list[int], list[float], float]:
    """Valences, bulk concentrations and fixed charge of the one charged region."""
    electrolyte = context.case.electrolyte
    (region,) = electrolyte.charged_regions
    return [s.valence for s in electrolyte.species], [s.concentration for s in electrolyte.species], region.value


def donnan(context: FormulaContext) -> float:
    """V of the one region of fixed charge relative to its bath (Donnan)."""
    return donnan_potential(*_gel(context), context.case.electrolyte.V_T)


def donnan_ions(context: FormulaContext) -> float:
    """Concentration of an ion in the one region of fixed charge."""
    return float(donnan_concentrations(*_gel(context))[context.case.electrolyte.index(context.species.name)])


def junction(context: FormulaContext) -> float:
    """V at an end without net current, relative to an end with another concentration of a salt (Nernst, Planck)."""
    electrolyte = context.case.electrolyte
    cation, anion = sorted(electrolyte.species, key=lambda s: -s.valence)
    (left,) = (b for name, b in context.case.boundaries.items() if name != context.place)
    c_left, c_right = (b.prescribed(electrolyte)[cation.name] for b in (left, context.boundary))
    diffusivities = electrolyte.effective_diffusivity(cation), electrolyte.effective_diffusivity(anion)
    return binary_junction(c_left, c_right, (cation.valence, anion.valence), diffusivities, electrolyte.V_T)


def membrane(context: FormulaContext) -> float:
    """V at an end without net current, relative to the other end, of a neck with one charged region; a 1:1 salt."""
    electrolyte, geometry = context.case.electrolyte, context.geometry(Cylinder)
    (region,) = electrolyte.charged_regions
    low, high = region.region
    cation, anion = sorted(electrolyte.species, key=lambda s: -s.valence)
    if (cation.valence, anion.valence) != (1, -1):
        raise CaseError("checks.reference.formula", "needs a salt of monovalent ions; take another formula")
    left, right = (context.case.boundaries[end].prescribed(electrolyte)[cation.name] for end in ("base", "top"))
    diffusivities = electrolyte.effective_diffusivity(cation), electrolyte.effective_diffusivity(anion)
    lengths = low, high - low, geometry.length - high
    V = MembraneLaw(left, right, region.value, diffusivities, lengths, electrolyte.V_T).potential
    return V if context.place == "top" else -V


def boltzmann(context: FormulaContext) -> float:
    """Concentration C exp(-z V/V_T) of an ion without flux, with V of the full equations at the place."""
    V = context.potential(f"{context.place}.potential_{POTENTIAL.suffix}")
    return float(context.species.concentration * np.exp(-context.species.valence * V / context.case.electrolyte.V_T))


def escape(context: FormulaContext) -> float:
    """Mean concentration of a tracer with an even source that leaves by a window: source times mean escape time."""
    geometry, tracer = context.geometry(BallWindow), context.species
    ratio = geometry.window_radius / geometry.radius
    times = dict(references.load("window_escape")["rows"])
    unit = geometry.radius**2 / context.case.electrolyte.effective_diffusivity(tracer)
    return float(tracer.source * unit * times[round(ratio, 9)])


def _sides(context: FormulaContext) -> tuple[float, float, float]:
    """Potential inside relative to outside of a pore, and concentrations of the ion inside and outside."""
    outside, inside = (context.case.boundaries[side] for side in ("outside", "inside"))
    V = float(inside.prescribed_potential or 0.0) - float(outside.prescribed_potential or 0.0)
    c_i, c_o = (side.prescribed(context.case.electrolyte)[context.species.name] for side in (inside, outside))
    return V, c_i, c_o


def constant_field(context: FormulaContext) -> float:
    """Current of an ion into the cell through a pore with D = P d, A, by paper 002, eq. (14)."""
    case, ion, pore = context.case, context.species, context.geometry(Pore)
    V, c_i, c_o = _sides(context)
    permeability = case.electrolyte.effective_diffusivity(ion) / pore.length
    density = ghk_current(V, c_i, c_o, ion.valence, permeability, case.electrolyte.V_T)
    return float(density) * pore.exact_measures()["outside"]


def constant_field_ions(context: FormulaContext) -> float:
    """Concentration of an ion at a probe in a pore, by paper 002, eq. (13)."""
    case, ion, (*_, z) = context.case, context.species, context.case.probe_position(context.place)
    length = context.geometry(Pore).length
    V, c_i, c_o = _sides(context)
    return float(profile(z / length, V, c_i, c_o, ion.valence, case.electrolyte.V_T))
