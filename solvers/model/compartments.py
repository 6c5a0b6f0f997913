"""Compartments: well-stirred solutions beyond boundaries, whose amounts change by what passes."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from spinepnp.errors import CaseError, nearest
from spinepnp.geometries.names import check_part_name
from spinepnp.solvers.model.boundaries import Boundaries, undetermined_species
from spinepnp.solvers.model.closed import Closed
from spinepnp.solvers.model.electrolyte import NEUTRALITY_TOLERANCE, Electrolyte
from spinepnp.solvers.model.membrane.mechanism import Mechanism
from spinepnp.units import CONCENTRATION, Concentration, Table, Volume, format_quantity


class Compartment(Table):
    """A well-stirred solution beyond boundaries; mechanisms there exchange ions with it.

    Examples:
        >>> from spinepnp.solvers import Compartment
        >>> cleft = Compartment(volume="0.01 um^3", concentrations={"Na": "145 mM", "Cl": "145 mM"})
        >>> f"{cleft.volume:.3g}", cleft.concentrations["Na"]  # m^3, mol/m^3
        ('1e-20', 145.0)

    Attributes:
        volume: its volume, m^3.
        concentrations: concentrations at the start, mol/m^3, by species: of all that mechanisms exchange with it.
    """

    volume: Volume
    concentrations: dict[str, Concentration] = Field(min_length=1)


def check_compartments(
    compartments: Mapping[str, Compartment],
    electrolyte: Electrolyte,
    boundaries: Boundaries,
    closed: Closed | None,
    volume: float,
) -> None:
    """Refuse compartments that are not there, or have wrong names or species, no boundary, or a charge.

    Args:
        compartments: tables by name.
        electrolyte: species of the case.
        boundaries: boundary conditions by name.
        closed: table [closed], if there is one.
        volume: volume of the domain, m^3.

    Raises:
        CaseError: names the key and what to do.
    """
    used = {f"boundaries.{name}.{key}": c for name, b in boundaries.items() for key, c in b.compartments.items()}
    for key, name in used.items():
        if name not in compartments:
            hint = nearest(name, compartments) if compartments else "add it as a table"
            raise CaseError(key, f"there is no [compartments.{name}]; {hint}", name)
    seen: set[str] = set()
    for name, compartment in compartments.items():
        check_part_name("compartments", name, seen)
        for species in compartment.concentrations:
            if species not in electrolyte.names:
                key = f"compartments.{name}.concentrations.{species}"
                raise CaseError(key, f"no such species; {nearest(species, electrolyte.names)}")
        if name not in used.values():
            raise CaseError(
                f"compartments.{name}",
                f'lies beyond no boundary; set outside.compartment = "{name}" on one, or drop it',
            )
    if compartments and electrolyte.neutral:
        _check_neutral(compartments, electrolyte, closed, volume)


def _check_neutral(
    compartments: Mapping[str, Compartment], electrolyte: Electrolyte, closed: Closed | None, volume: float
) -> None:
    """Refuse a charge of the domain and all compartments together.

    The bulk is neutral by its own check, so that the domain is what the amounts of a closed one differ from it.
    """
    valence, bulk = {s.name: s.valence for s in electrolyte.species}, electrolyte.bulk
    charges = [
        c.volume * valence[species] * value
        for c in compartments.values()
        for species, value in c.concentrations.items()
    ]
    amounts = closed.amounts if closed is not None else {}
    charges += [valence[species] * (amount - bulk[species] * volume) for species, amount in amounts.items()]
    if abs(sum(charges)) <= NEUTRALITY_TOLERANCE * sum(map(abs, charges)):
        return
    *_, last = compartments
    net = format_quantity(float(f"{sum(charges) / compartments[last].volume:.9g}"), CONCENTRATION)
    raise CaseError(
        f"compartments.{last}.concentrations",
        f"the charges of the domain and all compartments leave {net} here; change a concentration, add the ions that "
        "are missing, or set electrolyte.neutral = false if it is meant",
    )


def enclosed_species(electrolyte: Electrolyte, boundaries: Boundaries) -> tuple[str, ...]:
    """Species whose total over domain and compartments never changes: no bath and no other boundary determines it."""
    to_baths = {n: tuple(m for m in b.mechanisms if b.compartment_of(m) is None) for n, b in boundaries.items()}
    others = {n: b.model_copy(update={"mechanism": to_baths[n] or None}) for n, b in boundaries.items()}
    return undetermined_species(electrolyte, others)


def exchanged_species(name: str, boundaries: Boundaries) -> set[str]:
    """Species that mechanisms with a strength above zero exchange with a compartment."""
    return {species for m in mechanisms_of(name, boundaries) if m.is_active for species in m.moved}


def mechanisms_of(name: str, boundaries: Boundaries) -> list[Mechanism]:
    """Mechanisms that exchange with a compartment."""
    return [m for b in boundaries.values() for m in b.mechanisms if b.compartment_of(m) == name]


def counter_ion(name: str, electrolyte: Electrolyte, boundaries: Boundaries) -> str | None:
    """Species of a compartment whose amount at rest follows from its charge, which never changes; ``None`` without one.

    Only counter-ions of mechanisms without a net current have such an amount, where a bath holds the ion.

    Args:
        name: name of the compartment.
        electrolyte: species of the case.
        boundaries: boundary conditions by name.
    """
    active = [m for m in mechanisms_of(name, boundaries) if m.is_active]
    valence = {s.name: s.valence for s in electrolyte.species}
    told = set().union(*(m.determines for m in active))
    counters = {m.counter for m in active if m.counter is not None} - told
    neutral = all(m.counter is not None or not any(valence.get(s) for s in m.moved) for m in active)
    if len(counters) != 1 or not neutral or counters & {*enclosed_species(electrolyte, boundaries)}:
        return None
    return counters.pop()


def check_rest(compartments: Mapping[str, Compartment], electrolyte: Electrolyte, boundaries: Boundaries) -> None:
    """Refuse compartments whose concentrations a steady state does not tell.

    Args:
        compartments: tables by name.
        electrolyte: species of the case.
        boundaries: boundary conditions by name, without waveforms.

    Raises:
        CaseError: names the compartment and the species.
    """
    for name in compartments:
        told = set().union(*(m.determines for m in mechanisms_of(name, boundaries)))
        told.add(counter_ion(name, electrolyte, boundaries) or "")
        for species in sorted(exchanged_species(name, boundaries) - told):
            raise CaseError(
                f"compartments.{name}",
                f"has no steady concentration of {species}: no current there comes to rest with it; add a mechanism "
                'with law = "ghk" or reversal = "nernst" that moves it, give outside.concentrations in place of the '
                "compartment, or begin a transient from the bulk",
            )
