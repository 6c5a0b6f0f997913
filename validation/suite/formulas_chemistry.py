"""Formulas of species that react: binding in a stirred volume, calcium in tubes and around channels, rapid buffers."""

from __future__ import annotations

import math

from spinepnp.errors import CaseError
from spinepnp.geometries import Cylinder, Shell
from spinepnp.solvers.model.electrolyte import Species
from spinepnp.solvers.model.reactions import Reaction
from spinepnp.units import FARADAY, TIME
from spinepnp.validation.laws import BufferedTube, RemovalLaw, SpreadingLaw, nanodomain, rapid_buffer_diffusivity
from spinepnp.validation.laws import binding as binding_law
from spinepnp.validation.laws.chemistry import buffer_capacity, excess_buffer_range
from spinepnp.validation.suite.context import FormulaContext


def _reaction(context: FormulaContext, molecules: int) -> tuple[Reaction, list[Species]]:
    """The one reaction of a case, and its species, those of the left side first.

    Raises:
        CaseError: there is another number of reactions, or of molecules on their left side.
    """
    electrolyte = context.case.electrolyte
    if len(electrolyte.reactions) != 1 or sum(electrolyte.reactions[0].parsed.left.values()) != molecules:
        problem = f"needs one reaction of {molecules} molecules; take another formula"
        raise CaseError("checks.reference.formula", problem)
    (reaction,) = electrolyte.reactions
    return reaction, [electrolyte.species[electrolyte.index(name)] for name in reaction.parsed.names]


def _backward(reaction: Reaction) -> float:
    return 0.0 if reaction.backward is None else reaction.backward.value


def _height(context: FormulaContext) -> float:
    """Height of the place of the quantity, m."""
    if context.place in context.case.probes:
        return context.case.probe_position(context.place)[2]
    return context.geometry(Cylinder).length if context.place == "top" else 0.0


def binding(context: FormulaContext) -> float:
    """Complex of A + B <-> C in a closed volume without any at the start, mol/m^3."""
    reaction, (first, second, complex_) = _reaction(context, 2)
    if context.case.boundaries or complex_.concentration or context.species is not complex_:
        raise CaseError("checks.reference.formula", "needs the complex of a closed volume; take another formula")
    time = float(context.row[f"{TIME.name}_{TIME.suffix}"]) * TIME.si
    found = binding_law(time, first.concentration, second.concentration, reaction.forward.value, _backward(reaction))
    return float(found)


def removal(context: FormulaContext) -> float:
    """Concentration of an ion that enters a tube and is removed at one rate, or of its product, mol/m^3."""
    reaction, (ion, product) = _reaction(context, 1)
    tube, electrolyte = context.geometry(Cylinder), context.case.electrolyte
    law = RemovalLaw(
        tube.length, tube.exact_measures()["top"], electrolyte.effective_diffusivity(ion), reaction.forward.value,
        ion.valence, context.current,
    )  # fmt: skip
    if context.species is ion:
        return float(law.concentration(_height(context)))
    return float(law.product(_height(context), electrolyte.effective_diffusivity(product)))


def buffered_tube(context: FormulaContext) -> float:
    """Rise of calcium, or of bound calcium, in a tube with a buffer to first order in the current, mol/m^3."""
    reaction, (ion, free, bound) = _reaction(context, 2)
    tube, electrolyte = context.geometry(Cylinder), context.case.electrolyte
    flux = context.current / (ion.valence * FARADAY * tube.exact_measures()["top"])
    law = BufferedTube(
        tube.length, electrolyte.effective_diffusivity(ion), electrolyte.effective_diffusivity(free),
        ion.concentration, free.concentration + bound.concentration, reaction.forward.value, _backward(reaction), flux,
    )  # fmt: skip
    rises = law.linear(_height(context))
    return float(rises[context.species is bound])


def channel(context: FormulaContext) -> float:
    """Rise of calcium around a spherical mouth with a buffer, to first order in the current, mol/m^3.

    With the rise h without a buffer, D dCa + D_B dCaB = D h, so that dCa = w h + (1 - w) g, with g the rise in excess
    buffer of the range 1/Lambda^2 = k_on B/D + (k_on Ca + k_off)/D_B, and w = Lambda^2 (k_on Ca + k_off)/D_B. Where
    nothing is unbound (one way, without calcium in the bulk), w = 0.
    """
    shell, electrolyte = context.geometry(Shell), context.case.electrolyte
    ion = context.species
    distance = math.hypot(*context.case.probe_position(context.place))
    D = electrolyte.effective_diffusivity(ion)

    def rise(range_: float) -> float:
        mouth, edge = shell.inner_radius, shell.outer_radius
        found = nanodomain(distance, context.current, ion.valence, D, range_, mouth, edge, solid_angle=4.0 * math.pi)
        return float(found)

    if not electrolyte.reactions:
        return rise(math.inf)
    reaction, (_, free, _) = _reaction(context, 2)
    exchange = reaction.forward.value * ion.concentration + _backward(reaction)
    unbinding = exchange / electrolyte.effective_diffusivity(free)
    binding = excess_buffer_range(D, reaction.forward.value, free.concentration) ** -2
    share = unbinding / (binding + unbinding)
    return share * rise(math.inf) + (1.0 - share) * rise((binding + unbinding) ** -0.5)


def rapid_buffer(context: FormulaContext) -> float:
    """Concentration of an uncharged ion that spreads in a closed neck among a rapid buffer, mol/m^3."""
    reaction, (ion, free, bound) = _reaction(context, 2)
    case, neck = context.case, context.geometry(Cylinder)
    if case.boundaries or case.initial is None:
        raise CaseError("checks.reference.formula", "needs a closed neck with initial.region; take another formula")
    total, dissociation = free.concentration + bound.concentration, _backward(reaction) / reaction.forward.value
    capacity = buffer_capacity(ion.concentration, total, dissociation)
    diffusivities = [case.electrolyte.effective_diffusivity(s) for s in (ion, free)]
    effective = float(rapid_buffer_diffusivity(capacity, *diffusivities))
    steps = tuple((*r.z, r.concentrations.get(ion.name, ion.concentration)) for r in case.initial.regions)
    time = float(context.row[f"{TIME.name}_{TIME.suffix}"]) * TIME.si
    law = SpreadingLaw(neck.length, effective, ion.concentration, steps)
    return float(law.concentration(_height(context), time)[0])
