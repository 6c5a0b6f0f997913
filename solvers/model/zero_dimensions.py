"""Rest of a case in zero dimensions: one well-stirred inside with the areas of its boundaries, before the field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.closed import Closed, amounts_of
from spinepnp.solvers.model.compartments import counter_ion, enclosed_species, exchanged_species
from spinepnp.solvers.model.membrane.rest import NO_REST, Rest, RestError, find_rest
from spinepnp.solvers.model.membrane.well_stirred import Patch, PatchMechanism, WellStirredCell
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.terms import TERM_KEYS
from spinepnp.units import FARADAY, POTENTIAL, format_quantity

#: Terms of boundaries that have a meaning without space.
KNOWN_TERMS = {
    "capacitance", "dirichlet", "field_matched", "fixed_charge", "floating", "injection", "load", "mechanism",
    "surface_charge",
}  # fmt: skip

#: Fraction of a strength that stands for zero: an ion that nothing else moves comes to rest by it.
NEARLY_ZERO = 1e-6

#: Fractions of their strength at which gated mechanisms are raised beside others, from zero.
EXCITED = (0.25, 0.5, 0.75)

#: Fractions of their strength at which pumps are raised from zero, where their full strength leads to no rest.
PUMPING = (NEARLY_ZERO, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

#: Difference of membrane potentials that is none, V.
SAME_POTENTIAL = 0.5e-3

#: Potential of a membrane over that at rest below which it counts as uncharged.
LITTLE_CHARGE = 0.1


def has_mechanisms(data: ProblemData) -> bool:
    """Whether a case has mechanisms, whose rest is worth a look."""
    return any(boundary.mechanisms for boundary in data.boundaries.values())


def rest_of(data: ProblemData, volume: float, areas: Mapping[str, float]) -> Rest:
    """Rest of a case without space, with gated mechanisms raised from zero beside others as in the field.

    Args:
        data: data of a steady state; of a transient those before any waveform begins
            (`ProblemData.initial_steady_state`).
        volume: volume of the domain, m^3.
        areas: areas of the boundaries, m^2, by name.

    Raises:
        RestError: there is none, or it depends on what a well-stirred cell does not have.
    """
    _refuse_undetermined(data)
    raised = [found for fraction in (NEARLY_ZERO, *EXCITED) if (found := data.excited(fraction)) is not None]
    # On the way a strong pump can use up an ion that it does not use up at rest: then it is raised first, or last.
    before, after = ([_pumping(found, f) for f in PUMPING] for found in ((*raised, data)[0], data))
    failures = []
    for way in (raised, [*before, *raised], after):
        try:
            return find_rest(*(well_stirred_cell(found, volume, areas) for found in (data, *way)))
        except RestError as error:
            failures.append(error)
    raise failures[0]


def _refuse_undetermined(data: ProblemData) -> None:
    """Refuse species that pass to a bath by mechanisms alone whose currents come to rest at no concentration."""
    to_baths = (m for b in data.boundaries.values() for m in b.mechanisms if b.compartment_of(m) is None)
    moved = {species for m in to_baths if m.is_active for species in m.moved}
    free = [name for name in data.undetermined_species if name in moved]
    if free:
        raise RestError(
            f"{NO_REST}: nothing tells the amount of {', '.join(free)}, because pumps and currents of a fixed reversal "
            'come to rest at no concentration; add a mechanism that does (law = "ghk" or reversal = "nernst")'
        )


def _pumping(data: ProblemData, fraction: float) -> ProblemData:
    """Data with a fraction of the strengths of mechanisms that come to rest at no concentration, as pumps do."""
    boundaries = {
        name: boundary.model_copy(
            update={"mechanism": tuple(m if m.determines else m.with_strength(fraction) for m in boundary.mechanisms)}
        )
        for name, boundary in data.boundaries.items()
    }
    return replace(data, boundaries=boundaries)


def well_stirred_cell(data: ProblemData, volume: float, areas: Mapping[str, float]) -> WellStirredCell:
    """Well-stirred cell of a case.

    Args:
        data: data of a steady state.
        volume: volume of the domain, m^3.
        areas: areas of the boundaries, m^2, by name.

    Raises:
        RestError: the case has what a well-stirred cell has not.
    """
    _refuse_unknown(data)
    electrolyte = data.electrolyte
    compartments = tuple(data.compartments)
    inside, potential = _held(data)
    conductance = sum(b.load.model.conductance for b in data.boundaries.values() if b.load is not None)
    rests = [b.load.model.conductance * b.load.resting_potential for b in data.boundaries.values() if b.load]
    injected = np.zeros(len(electrolyte.names))
    for name, boundary in data.boundaries.items():
        for injection in boundary.injections:
            injected[electrolyte.index(injection.species)] += injection.total(areas[name])
    return WellStirredCell(
        names=electrolyte.names,
        valences=np.array([float(s.valence) for s in electrolyte.species]),
        thermal_voltage=electrolyte.V_T,
        volume=volume,
        inside=np.array([*electrolyte.bulk.values()]) if inside is None else inside,
        patches=tuple(_patch(data, name, areas[name]) for name in data.boundaries),
        totals=_totals(data, volume),
        compartments=compartments,
        compartment_volumes=tuple(data.compartments[name].volume for name in compartments),
        compartment_starts=tuple(
            np.array([data.compartments[name].concentrations.get(s, math.nan) for s in electrolyte.names])
            for name in compartments
        ),
        counters=tuple(
            (k, electrolyte.index(ion))
            for k, name in enumerate(compartments)
            if (ion := counter_ion(name, electrolyte, data.boundaries)) is not None
        ),
        is_held=inside is not None,
        potential=potential,
        load_conductance=conductance,
        load_rest=sum(rests) / conductance if conductance else 0.0,
        injected=injected,
        fixed_charge=electrolyte.uniform_charge,
        surface_charge=sum(boundary.wall_charge * areas[name] for name, boundary in data.boundaries.items()),
    )


def _refuse_unknown(data: ProblemData) -> None:
    """Refuse what a well-stirred cell does not have."""
    electrolyte = data.electrolyte
    if data.custom:
        raise RestError("terms of the user have no place in a well-stirred cell")
    if electrolyte.charged_regions:
        raise RestError("fixed charge by region has no place in a well-stirred cell")
    for term in TERM_KEYS:
        if term.name in KNOWN_TERMS:
            continue
        if term.is_present(electrolyte, data.boundaries):
            raise RestError(f"it leaves out {term.key}")


def _held(data: ProblemData) -> tuple[np.ndarray | None, float | None]:
    """Concentrations and the potential that baths hold inside; ``None`` for what they leave."""
    electrolyte = data.electrolyte
    found = {name: b.prescribed(electrolyte) for name, b in data.boundaries.items() if b.prescribed(electrolyte)}
    grounds = {b.prescribed_potential for b in data.boundaries.values() if b.prescribes_potential}
    if len(grounds) > 1:
        raise RestError("boundaries hold several potentials, between which none is that of the inside")
    potential = next(iter(grounds), None)
    if not found:
        if potential is not None:
            raise RestError("a boundary holds the potential but no concentrations: no bath, but an electrode")
        return None, None
    for values in found.values():
        if set(values) != set(electrolyte.mobile):
            raise RestError("a boundary holds the concentrations of some species only")
    first, *others = [np.array([*(electrolyte.bulk | values).values()]) for values in found.values()]
    if any(not np.array_equal(first, other) for other in others):
        raise RestError("boundaries hold different concentrations, between which none are those of the inside")
    return first, potential


def _patch(data: ProblemData, name: str, area: float) -> Patch:
    """Patch of a boundary."""
    boundary, electrolyte = data.boundaries[name], data.electrolyte
    outside = data.outside_concentrations(name)
    number: dict[str | None, int | None] = {None: None} | {n: k for k, n in enumerate(data.compartments)}
    return Patch(
        name=name,
        area=area,
        outside=np.array([outside.get(species, math.nan) for species in electrolyte.names]),
        outside_potential=boundary.outside_potential,
        capacitance=boundary.capacitance.value if boundary.capacitance is not None else 0.0,
        compartment=number[boundary.outside.compartment if boundary.outside is not None else None],
        is_equipotential=boundary.is_equipotential,
        mechanisms=tuple(
            PatchMechanism(
                name=mechanism.name,
                current=mechanism.membrane_current(electrolyte, outside, area),
                gates=tuple(gate.kinetics_object(electrolyte) for gate in mechanism.gates),
                is_active=mechanism.is_active,
                compartment=number[boundary.compartment_of(mechanism)],
            )
            for mechanism in boundary.mechanisms
        ),
    )


def _totals(data: ProblemData, volume: float) -> np.ndarray:
    """Amounts that never change, over domain and compartments, mol; not a number for other species."""
    electrolyte = data.electrolyte
    free = data.undetermined_species
    totals = amounts_of(data.closed or Closed(), electrolyte, free, volume)
    for name in enclosed_species(electrolyte, data.boundaries):
        exchanging = [c for k, c in data.compartments.items() if name in exchanged_species(k, data.boundaries)]
        beyond = sum(compartment.volume * compartment.concentrations[name] for compartment in exchanging)
        totals[name] = totals.get(name, electrolyte.bulk[name] * volume) + beyond
    return np.array([totals.get(name, math.nan) for name in electrolyte.names])


def rest_or_reason(data: ProblemData, volume: float, areas: Mapping[str, float]) -> tuple[Rest | None, str]:
    """Rest of a case, or the reason why there is none.

    Args:
        data: data of a steady state.
        volume: volume of the domain, m^3.
        areas: areas of the boundaries, m^2, by name.
    """
    try:
        return rest_of(data, volume, areas), ""
    except (RestError, CaseError) as error:
        return None, str(error)


def exchanged_concentrations(data: ProblemData, rest: Rest) -> dict[str, dict[str, float]]:
    """Concentrations in compartments at rest, mol/m^3, of the species that mechanisms exchange, by name."""
    found: dict[str, dict[str, float]] = {}
    for (k, i), value in zip(rest.places, rest.exchanged.tolist(), strict=True):
        found.setdefault(list(data.compartments)[k], {})[data.electrolyte.names[i]] = value
    return found


def initial_rest(data: ProblemData) -> ProblemData:
    """Data of the rest from which a transient starts: before any waveform, with amounts of the initial data."""
    before = data.initial_steady_state() if data.transient else data
    if before.closed is None and before.undetermined_species:
        before = replace(before, closed=Closed())  # ions that no mechanism moves keep their amount
    return before


def first_membrane_potentials(data: ProblemData, volume: float, areas: Mapping[str, float]) -> dict[str, float]:
    """Potentials V - V_out of membranes at the first step from the bulk, V, by boundary, as far as they are known.

    Beside a bath or a load a membrane with a capacitance starts without charge, and one without has their potential;
    without any the inside has the potential at which the membranes carry its charge.

    Args:
        data: data of the transient.
        volume: volume of the domain, m^3.
        areas: areas of the boundaries, m^2, by name.
    """
    before = data.initial_steady_state()
    grounds = [V for boundary in before.boundaries.values() if (V := boundary.ground_potential()) is not None]
    if grounds:
        return {
            name: 0.0 if b.capacitance is not None else grounds[0] - b.outside_potential
            for name, b in before.boundaries.items()
            if is_membrane(b)
        }
    try:
        charge, slope = well_stirred_cell(before, volume, areas).charge(0.0)
    except RestError:
        return {}
    if slope == 0.0:
        return {}
    amounts = amounts_of(before.closed or Closed(), before.electrolyte, before.electrolyte.names, volume)
    ions = sum(s.valence * amounts[s.name] for s in before.electrolyte.species)
    inside = (FARADAY * (ions + volume * before.electrolyte.uniform_charge) - charge) / slope
    return {name: inside - b.outside_potential for name, b in before.boundaries.items() if is_membrane(b)}


def is_membrane(boundary: Boundary) -> bool:
    """Whether a boundary has a capacitance, or mechanisms with a potential beyond them."""
    return boundary.capacitance is not None or (bool(boundary.mechanisms) and not boundary.is_equipotential)


def uncharged_membranes(
    data: ProblemData, first: Mapping[str, float], volume: float, areas: Mapping[str, float]
) -> str:
    """Remark on membranes that a start from the bulk leaves away from their rest; empty without any.

    Args:
        data: data of the transient.
        first: potential V - V_out of each membrane at the first step, V, by boundary.
        volume: volume of the domain, m^3.
        areas: areas of the boundaries, m^2, by name.
    """
    if data.initial is not None:
        return ""
    rest, reason = rest_or_reason(initial_rest(data), volume, areas)
    lines = []
    for name, start in first.items():
        boundary = data.boundaries[name]
        at_rest = None if rest is None else rest.potential - boundary.outside_potential
        if at_rest is not None and abs(at_rest - start) < SAME_POTENTIAL:
            continue
        little = max(SAME_POTENTIAL, LITTLE_CHARGE * abs(at_rest or 0.0))
        uncharged = abs(start) < little and boundary.capacitance is not None
        if at_rest is None and not uncharged:  # charged on purpose
            continue
        how = "uncharged" if uncharged else "away from its rest"
        lines.append(f"the membrane {name} starts {how}: V_m = {_millivolts(start)} at the first step")
        if at_rest is not None:
            lines[-1] += f'; study.initial = "rest" starts at {_millivolts(at_rest)}'
    if not lines:
        return ""
    return "; ".join(lines) + ("" if rest is not None else f' (study.initial = "rest" is not foreseen: {reason})')


def _millivolts(potential: float) -> str:
    return format_quantity(float(f"{potential:.4g}") if abs(potential) > 1e-9 else 0.0, POTENTIAL)
