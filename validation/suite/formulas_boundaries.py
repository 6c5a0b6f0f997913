"""Formulas of fluxes, exchange, clamped potentials, electrical loads, cables and synapses at boundaries."""

from __future__ import annotations

import math

from scipy.optimize import brentq

from spinepnp.errors import CaseError
from spinepnp.geometries import Ball, Cylinder
from spinepnp.solvers import PotentialWaveform
from spinepnp.units import FARADAY, TIME
from spinepnp.validation.laws import (
    LAWS,
    BlockingElectrode,
    charging_cable,
    charging_resistor,
    end_with_exchange,
    end_with_leaky_wall,
    ghk_current,
    sphere_with_flux,
)
from spinepnp.validation.suite.context import FormulaContext

#: Distance of a time within the interval before it, over the time: at a jump the results are those before it.
SIDE = 1e-9

#: Half of the difference of potentials, over kT/e, by which a slope conductance is taken: its error is its square.
SMALL = 1e-5


def time_of(context: FormulaContext) -> float:
    """Time of the results, s."""
    return float(context.row[f"{TIME.name}_{TIME.suffix}"]) * TIME.si


def uptake(context: FormulaContext) -> float:
    """Concentration at the surface of a closed sphere into which an uncharged species, or a neutral salt, flows."""
    electrolyte, species = context.case.electrolyte, context.species
    (flux,) = (flux.value for flux in context.boundary.flux or () if flux.species == species.name)
    diffusivity = electrolyte.effective_diffusivity(species)
    return sphere_with_flux(time_of(context), context.geometry(Ball).radius, diffusivity, flux, species.concentration)


def exchange_end(context: FormulaContext) -> float:
    """Concentration of an uncharged species at an end of a straight neck with exchange; the other end is a bath."""
    case, species = context.case, context.species
    (entry,) = (entry for entry in context.boundary.exchange or () if entry.species == species.name)
    (bath,) = (b for name, b in case.boundaries.items() if name != context.place)
    return end_with_exchange(
        context.geometry(Cylinder).length, case.electrolyte.effective_diffusivity(species), entry.rate, entry.outside,
        bath.prescribed(case.electrolyte)[species.name],
    )  # fmt: skip


def exchange_wall(context: FormulaContext) -> float:
    """Concentration of an uncharged species at the closed end of a straight neck with exchange along its wall."""
    case, species, neck = context.case, context.species, context.geometry(Cylinder)
    (entry,) = (entry for entry in case.boundaries["wall"].exchange or () if entry.species == species.name)
    (bath,) = (b for name, b in case.boundaries.items() if name not in ("wall", context.place))
    return end_with_leaky_wall(
        neck.length, neck.radius, case.electrolyte.effective_diffusivity(species), entry.rate, entry.outside,
        bath.prescribed(case.electrolyte)[species.name],
    )  # fmt: skip


def _clamp(context: FormulaContext) -> PotentialWaveform:
    """Waveform of the potential at the place."""
    potential = context.boundary.potential
    if not isinstance(potential, PotentialWaveform):
        raise CaseError("checks.reference.formula", "needs a clamped potential; take another formula")
    return potential


def resistor(context: FormulaContext) -> float:
    """Current into the clamped end of a straight neck between two baths of bulk, A: V/R, carried by all ions."""
    electrolyte, neck, time = context.case.electrolyte, context.geometry(Cylinder), time_of(context)
    carriers = sum(s.valence**2 * electrolyte.effective_diffusivity(s) * s.concentration for s in electrolyte.species)
    conductivity = FARADAY * carriers / electrolyte.V_T
    V = _clamp(context).at(time, time * (1.0 - SIDE))
    return V * conductivity * neck.exact_measures()[context.place] / neck.length


def electrode(context: FormulaContext) -> float:
    """Current into a blocking electrode at a small sine of potential, A, by the impedance of the PNP equations."""
    electrolyte, neck, clamp = context.case.electrolyte, context.geometry(Cylinder), _clamp(context)
    first, *others = (electrolyte.effective_diffusivity(s) for s in electrolyte.species)
    if set(others) - {first} or clamp.frequency is None or clamp.value is None:
        raise CaseError("checks.reference.formula", "needs a sine, and ions with one diffusivity")
    law = BlockingElectrode(
        neck.length, neck.exact_measures()[context.place], first, electrolyte.debye_length(),
        electrolyte.absolute_permittivity,
    )  # fmt: skip
    return law.current(clamp.value, clamp.frequency, time_of(context))


def load(context: FormulaContext) -> float:
    """Potential of a load that is at rest until a current steps up: all of the current flows into the load at once."""
    load, (_, injection) = context.boundary.load, context.injection
    if load is None or injection.waveform != "step":
        raise CaseError("checks.reference.formula", "needs a load, and a step of current; take another formula")
    time, cable = time_of(context) - (injection.onset or 0.0), load.cable
    if time <= 0.0:
        return float(load.resting_potential)
    if cable is None:
        over_current = charging_resistor(time, load.resistance, load.capacitance or 0.0)
    else:
        over_current = charging_cable(
            time, cable.diameter, float(cable.length), cable.axial_resistivity, cable.membrane_resistance,
            cable.membrane_capacitance, cable.arms,
        )  # fmt: skip
    return float(load.resting_potential + context.current * over_current)


def cable(context: FormulaContext) -> float:
    """Potential at an end of a line with a capacitance and leaks in its wall, after a current has stepped up."""
    case, neck, electrolyte = context.case, context.geometry(Cylinder), context.case.electrolyte
    wall = case.boundaries["wall"]
    leaks = [(m.conductance, m.reversal) for m in wall.mechanisms]
    entering = {name: b.injections for name, b in case.boundaries.items() if b.injections}
    if wall.capacitance is None or len(leaks) != 1 or not isinstance(leaks[0][1], float) or len(entering) != 1:
        raise CaseError("checks.reference.formula", "needs a capacitance, a leak with a reversal, a current at one end")
    ((end, injections),), ((conductance, reversal),) = entering.items(), leaks
    species = electrolyte.species
    carriers = sum(s.valence**2 * electrolyte.effective_diffusivity(s) * s.concentration for s in species)
    over_current = charging_cable(
        time_of(context), 2.0 * neck.radius, neck.length, electrolyte.V_T / (FARADAY * carriers),
        1.0 / conductance.per_area(neck.exact_area("wall")), wall.capacitance.value,
        distance=0.0 if context.place == end else neck.length,
    )  # fmt: skip
    current = sum(injection.total(neck.exact_area(end)) for injection in injections)
    return wall.outside_potential + reversal + current * over_current


def synapse_current(context: FormulaContext) -> float:
    """Current of a conductance at an end of a shape of known G, A: the law `synapse`."""
    return LAWS["synapse"](context.case.geometry, context.case.electrolyte, context.case.boundaries).current


def ghk_synapse(context: FormulaContext) -> float:
    """Current of one species through a GHK mechanism beside cytosol of the bulk at the potential of the base, A."""
    electrolyte, name = context.case.electrolyte, context.quantity.split(".")[1]
    (mechanism,) = (m for m in context.boundary.mechanisms if m.name == name)
    outside, V_T = context.boundary.outside.concentrations, electrolyte.V_T
    ratios = {species: strength.value for species, strength in mechanism.permeability.items()}

    def current(species: str, V: float) -> float:
        valence = electrolyte.species[electrolyte.index(species)].valence
        return float(ghk_current(V, electrolyte.bulk[species], outside[species], valence, ratios[species], V_T))

    def total(V: float) -> float:
        return sum(current(species, V) for species in ratios)

    reversal = brentq(total, -10.0 * V_T, 10.0 * V_T, xtol=1e-15)
    slope = (total(reversal - SMALL * V_T) - total(reversal + SMALL * V_T)) / (2.0 * SMALL * V_T)
    area = context.geometry(Cylinder).exact_area(context.place)
    scale = mechanism.conductance_density(area) * area / slope
    block = 1.0
    V = context.potential("base.potential_mV") - context.boundary.outside_potential
    if mechanism.magnesium is not None:  # Jahr and Stevens (1990)
        block = 1.0 / (1.0 + mechanism.magnesium / 3.57 * math.exp(-0.062 * V / 1e-3))
    return scale * block * current(context.species.name, V)
