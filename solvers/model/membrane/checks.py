"""Checks of mechanisms with the species, the boundary and the solution beyond it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spinepnp.errors import CaseError, nearest
from spinepnp.messages import entry_path
from spinepnp.solvers.model.membrane.law_keys import INSIDE, KINDS, VALENCES
from spinepnp.solvers.model.membrane.mechanism import Mechanism
from spinepnp.solvers.model.term_keys import check_passing
from spinepnp.units import POTENTIAL, format_quantity

if TYPE_CHECKING:
    from spinepnp.solvers.model.boundaries import Boundary
    from spinepnp.solvers.model.electrolyte import Electrolyte
    from spinepnp.solvers.model.problem_data import ProblemData


def needs_ground(boundary: Boundary, electrolyte: Electrolyte) -> bool:
    """Whether mechanisms depend on the level of the potential, or change the charge of the domain.

    Args:
        boundary: table of the boundary.
        electrolyte: species of the case.
    """
    charged = {s.name for s in electrolyte.species if s.valence}
    return any(
        (m.reads_potential and not boundary.is_equipotential) or (m.counter is None and charged & {*m.moved})
        for m in boundary.mechanisms
    )


def check_outside(key: str, boundary: Boundary, electrolyte: Electrolyte) -> None:
    """Refuse a solution outside that is given twice, or with unknown species.

    Args:
        key: key of the boundary, "boundaries.NAME".
        boundary: its table.
        electrolyte: species of the case.

    Raises:
        CaseError: names the key and what to do.
    """
    outside = boundary.outside
    if outside is None:
        return
    if boundary.is_equipotential and boundary.capacitance is not None:
        raise CaseError(f"{key}.outside.potential", "leaves no potential for a capacitance to store charge; drop one",
                        INSIDE)  # fmt: skip
    if isinstance(outside.potential, float) and outside.potential != boundary.outside_potential:
        other = format_quantity(boundary.outside_potential, POTENTIAL)
        raise CaseError(
            f"{key}.outside.potential",
            f'says the same as capacitance.outside = "{other}"; drop one of the two',
            format_quantity(outside.potential, POTENTIAL),
        )
    if outside.concentrations is not None and outside.compartment is not None:
        raise CaseError(f"{key}.outside.compartment", "has concentrations of its own; drop outside.concentrations",
                        outside.compartment)  # fmt: skip
    for species in outside.concentrations or ():
        if species not in electrolyte.names:
            raise CaseError(f"{key}.outside.concentrations.{species}",
                            f"no such species; {nearest(species, electrolyte.names)}")  # fmt: skip


def check_species(where: str, mechanism: Mechanism, key: str, boundary: Boundary, electrolyte: Electrolyte) -> None:
    """Refuse species that a mechanism cannot move, and unknown ones of its gates.

    Args:
        where: key of the mechanism.
        mechanism: its table.
        key: key of the boundary, "boundaries.NAME".
        boundary: its table.
        electrolyte: species of the case.

    Raises:
        CaseError: names the key and what to do.
    """
    column = {"ohmic": "species" if mechanism.carriers is None else "carriers", "ghk": "permeability",
              "hill": "species"}  # fmt: skip
    for species in mechanism.moved:
        if mechanism.law in KINDS and species != mechanism.counter:
            valence = next((s.valence for s in electrolyte.species if s.name == species), None)
            if valence != VALENCES[species]:
                words = " and ".join(KINDS[mechanism.law][1])
                problem = f"moves {words}, and there is no {species} of valence {VALENCES[species]}; add it"
                raise CaseError(f"{where}.kind", problem, mechanism.kind)
        place = "counter" if species == mechanism.counter else column.get(mechanism.law, "kind")
        charged = place == "counter" or mechanism.law not in ("ghk", "hill")
        check_passing(f"{where}.{place}", species, key, boundary, electrolyte, charged=charged)
    for number, gate in enumerate(mechanism.gates):
        path = f"{entry_path(f'{where}.gates', mechanism.gates, number)}"
        for species in gate.reads:
            if species not in electrolyte.names:
                remedy = f'add it, or give constants = {{ {species} = "0.5 uM" }}'
                raise CaseError(path, f"depends on [{species}], which is no species of the case; {remedy}")
        for species in gate.constants or ():
            if species in electrolyte.names:
                raise CaseError(f"{path}.constants.{species}", "is a species of the case; drop it, or rename one")


def check_beyond(name: str, boundary: Boundary, mechanism: Mechanism, data: ProblemData) -> None:
    """Refuse concentrations outside with which a law has no value, and a receiver that lacks a species.

    Args:
        name: name of the boundary.
        boundary: its table.
        mechanism: one of its mechanisms.
        data: data of the case.

    Raises:
        CaseError: names the key and what to do.
    """
    key, electrolyte, outside = f"boundaries.{name}", data.electrolyte, data.outside_concentrations(name)
    where, receiver = f"{key}.mechanism.{mechanism.name}", boundary.compartment_of(mechanism)
    beyond = boundary.outside.compartment if boundary.outside is not None else None
    place = f"{key}.outside.concentrations" if beyond is None else f"compartments.{beyond}.concentrations"
    needed = [(species, place, outside) for species in mechanism.reads_outside]
    if receiver is not None:
        given = data.compartments[receiver].concentrations
        needed += [(species, f"compartments.{receiver}.concentrations", given) for species in mechanism.moved]
    for species, path, found in needed:
        if species not in found:
            raise CaseError(path, f"the mechanism {mechanism.name} needs that of {species}; add it")
    for species in mechanism.reads_outside if mechanism.is_nernst else ():
        if outside[species] == 0.0:
            problem = f'no {species} is outside, so it has no Nernst potential; add some, or give reversal = "-80 mV"'
            raise CaseError(f"{where}.reversal", problem)
        if electrolyte.bulk[species] == 0.0:
            problem = f'the bulk has no {species}, so it has no Nernst potential; add some, or give reversal = "-80 mV"'
            raise CaseError(f"{where}.reversal", problem)
    try:
        mechanism.membrane_current(electrolyte, outside, 1.0)
    except ValueError as error:
        raise CaseError(
            f"{where}.permeability", f"{error}; change a concentration, or leave out the conductance"
        ) from None
