"""Formulas of reactions: species that are removed or buffered in a neck or around a channel, and equilibria."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries import Cylinder, Shell
from spinepnp.solvers.model.electrolyte import Species
from spinepnp.units import FARADAY
from spinepnp.validation.laws import (
    BufferedTube,
    RemovalLaw,
    SpreadingLaw,
    binding,
    equilibrium,
    nanodomain,
    rapid_buffer_diffusivity,
)
from spinepnp.validation.laws.buffers import excess_buffer_range
from spinepnp.validation.suite.context import FormulaContext
from spinepnp.validation.suite.formulas_boundaries import time_of
from spinepnp.validation.suite.one_dimension import reactions_of


def _refusal(problem: str) -> CaseError:
    return CaseError("checks.reference.formula", f"needs {problem}; take another formula")


def _one(context: FormulaContext) -> Any:
    """The one reaction of a case, which happens everywhere."""
    found = reactions_of(context.case.electrolyte)
    if len(found) != 1 or found[0].region is not None:
        raise _refusal("one reaction, everywhere")
    return found[0]


def _binding(context: FormulaContext) -> tuple[int, int, int, Any]:
    """Numbers of A, B and C of the one reaction A + B <-> C, A the species of the quantity or bound in it, and it."""
    reaction = _one(context)
    bound = [i for i, m in enumerate(reaction.produced) if m]
    free = [i for i, n in enumerate(reaction.consumed) if n]
    if sum(reaction.consumed) != 2 or len(free) != 2 or reaction.produced.count(1) != 1 or len(bound) != 1:
        raise _refusal("one reaction of the form A + B <-> C")
    return free[0], free[1], bound[0], reaction


def _flux(context: FormulaContext, name: str) -> float:
    """Flux of a species into the body at the place of the quantity or at its one injector, mol/(m^2 s)."""
    case, areas = context.case, context.case.geometry.exact_measures()
    valence = case.electrolyte.species[case.electrolyte.index(name)].valence
    fluxes = [
        i.total(areas[place]) / (valence * FARADAY * areas[place])
        for place, b in case.boundaries.items()
        for i in b.injections
        if i.species == name
    ]
    fluxes += [f.value for b in case.boundaries.values() for f in b.flux or () if f.species == name]
    if len(fluxes) != 1:
        raise _refusal(f"one current or flux of {name}")
    return float(fluxes[0])


def _height(context: FormulaContext) -> float:
    """Height of the place of the quantity: a probe, or the top of a neck."""
    if context.place in context.case.probes:
        return float(context.case.probe_position(context.place)[2])
    return context.geometry(Cylinder).length


def removal(context: FormulaContext) -> float:
    """Trace that enters at the top of a neck and becomes another at a rate, or that other one, mol/m^3."""
    case, reaction, neck = context.case, _one(context), context.geometry(Cylinder)
    if sum(reaction.consumed) != 1 or sum(reaction.produced) != 1 or reaction.backward:
        raise _refusal("a reaction of first order and one direction, with one product")
    species, product = (case.electrolyte.species[side.index(1)] for side in (reaction.consumed, reaction.produced))
    area, base = case.geometry.exact_measures()["top"], case.boundaries["base"].prescribed(case.electrolyte)
    law = RemovalLaw(
        neck.length, area, case.electrolyte.effective_diffusivity(species),
        reaction.forward, 1, FARADAY * area * _flux(context, species.name), base=base[species.name],
    )  # fmt: skip
    if context.species.name == species.name:
        return float(law.concentration(_height(context)))
    diffusivity = case.electrolyte.effective_diffusivity(product)
    return base[product.name] + float(law.product(_height(context), diffusivity))


def nanodomain_ions(context: FormulaContext) -> float:
    """Rise of an ion that enters through the inner sphere of a shell, with a buffer or none, mol/m^3.

    To first order in the current: with the rise h without a buffer D dA + D_B dC = D h, so that dA = w h + (1 - w) g
    with g the rise in excess buffer of the range 1/Lambda^2 = k_f B/D + (k_f A + k_b)/D_B, and w = Lambda^2 (k_f A +
    k_b)/D_B. Where nothing is unbound (one direction, none of A in the bulk) w is zero.
    """
    case, shell, species = context.case, context.geometry(Shell), context.species
    D = case.electrolyte.effective_diffusivity(species)
    r = shell.inner_radius if context.place == "inner" else float(np.linalg.norm(case.probe_position(context.place)))
    rate = FARADAY * 4.0 * math.pi * shell.inner_radius**2 * _flux(context, species.name)

    def rise(reach: float) -> float:
        return float(nanodomain(r, rate, 1, D, reach, shell.inner_radius, shell.outer_radius, 4.0 * math.pi))

    if not case.electrolyte.reactions:
        return rise(math.inf)
    buffer, reaction = _of_buffer(context)
    unbinding = (reaction.forward * species.concentration + reaction.backward) / (
        case.electrolyte.effective_diffusivity(buffer)
    )
    binding_ = excess_buffer_range(D, reaction.forward, buffer.concentration) ** -2
    share = unbinding / (binding_ + unbinding)
    return share * rise(math.inf) + (1.0 - share) * rise((binding_ + unbinding) ** -0.5)


def equilibrium_ions(context: FormulaContext) -> float:
    """Concentration that the reactions of a closed or stirred body come to from its bulk, mol/m^3."""
    electrolyte = context.case.electrolyte
    reactions = [r for r in reactions_of(electrolyte) if r.region is None]
    if len(reactions) != len(reactions_of(electrolyte)) or not all(r.backward for r in reactions):
        raise _refusal("reactions of both directions, everywhere")
    N = np.array([r.change for r in reactions]).T
    c = equilibrium(N, [r.forward / r.backward for r in reactions], list(electrolyte.bulk.values()))
    return float(c[electrolyte.index(context.species.name)])


def binding_in_time(context: FormulaContext) -> float:
    """Concentration at a time of A + B <-> C in a stirred body, with none of C at the start, mol/m^3."""
    electrolyte = context.case.electrolyte
    first, second, bound, reaction = _binding(context)
    start = list(electrolyte.bulk.values())
    if start[bound] > 0.0:
        raise _refusal(f"no {electrolyte.names[bound]} in the bulk")
    c = float(binding(time_of(context), start[first], start[second], reaction.forward, reaction.backward))
    k = electrolyte.index(context.species.name)
    return {bound: c, first: start[first] - c, second: start[second] - c}.get(k, start[k])


def _of_buffer(context: FormulaContext) -> tuple[Species, Any]:
    """Buffer of the one reaction A + B <-> C, A the species of the quantity or bound in it, and that reaction."""
    electrolyte = context.case.electrolyte
    first, second, bound, reaction = _binding(context)
    ion, buffer, both = (electrolyte.species[k] for k in (first, second, bound))
    if context.species.name not in (ion.name, both.name):
        raise _refusal("a quantity of the first species of the reaction, and the buffer as its second one")
    if electrolyte.effective_diffusivity(both) != electrolyte.effective_diffusivity(buffer):
        raise _refusal("equal diffusivities of the free and the bound buffer")
    return buffer, reaction


def _tube(context: FormulaContext) -> BufferedTube:
    """Law of a neck with one buffer, into whose top a trace enters."""
    electrolyte, (buffer, reaction) = context.case.electrolyte, _of_buffer(context)
    first, _, bound, _ = _binding(context)
    ion, both = electrolyte.species[first], electrolyte.species[bound]
    D, total = electrolyte.effective_diffusivity(ion), buffer.concentration + both.concentration
    moving, flux = electrolyte.effective_diffusivity(buffer), _flux(context, ion.name)
    length = context.geometry(Cylinder).length
    return BufferedTube(length, D, moving, ion.concentration, total, reaction.forward, reaction.backward, flux)


def buffered_linear(context: FormulaContext) -> float:
    """Rise of a trace in a buffered neck, or of what is bound, to first order in its flux, mol/m^3."""
    bound = _binding(context)[2]
    rises = _tube(context).linear(_height(context))
    return float(rises[context.species.name == context.case.electrolyte.names[bound]])


def buffered_rapid(context: FormulaContext) -> float:
    """Trace in a neck with a rapid buffer, for any flux, mol/m^3."""
    return float(_tube(context).rapid(_height(context)))


def spreading_rapid(context: FormulaContext) -> float:
    """Uncharged trace that spreads in a closed neck among a rapid buffer, with the effective diffusivity, mol/m^3."""
    case, neck, ion = context.case, context.geometry(Cylinder), context.species
    buffer, reaction = _of_buffer(context)
    if case.boundaries or case.initial is None:
        raise _refusal("a closed neck with initial.region")
    dissociation = reaction.backward / reaction.forward
    # In equilibrium the buffer is free by K/(K + A), so that kappa = B K/(K + A)^2 = free/(K + A).
    capacity = buffer.concentration / (dissociation + ion.concentration)
    D, moving = (case.electrolyte.effective_diffusivity(s) for s in (ion, buffer))
    effective = float(rapid_buffer_diffusivity(capacity, D, moving))
    steps = tuple((*r.z, r.concentrations.get(ion.name, ion.concentration)) for r in case.initial.regions)
    law = SpreadingLaw(neck.length, effective, ion.concentration, steps)
    return float(law.concentration(_height(context), time_of(context))[0])
