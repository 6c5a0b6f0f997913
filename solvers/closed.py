"""Species that no boundary holds: their amounts are prescribed, and a domain that nothing grounds has a gauge.

In a closed domain Gauss' law fixes the mean wall field: with the total charge Q inside, the integral of eps dV/dn over
all walls is -Q (facts pnp A2, paper 000, Box 2). Where no surface charge is given, it is spread evenly.
"""

from __future__ import annotations

from pydantic import Field

from spinepnp.errors import CaseError, nearest
from spinepnp.solvers.boundaries import Boundaries
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.units import FARADAY, SURFACE_CHARGE, Amount, Table, format_quantity

#: Charge that surface charges may leave unbalanced, over the sum of all charges: the area of a mesh errs too. What is
#: left is spread evenly.
CHARGE_TOLERANCE = 1e-3


class Closed(Table):
    """Amounts of what no boundary holds.

    Attributes:
        amounts: of species that no boundary holds, mol, by name; one that is not listed has its bulk concentration
            times the volume. Without any potential among the boundaries that of the result has volume mean zero.
    """

    amounts: dict[str, Amount] = Field(default_factory=dict)


def free_species(electrolyte: Electrolyte, boundaries: Boundaries) -> tuple[str, ...]:
    """Species whose concentration no boundary prescribes."""
    held = {s for b in boundaries.values() for s in b.prescribed(electrolyte)}
    return tuple(name for name in electrolyte.names if name not in held)


def is_grounded(boundaries: Boundaries) -> bool:
    """Whether some boundary says what the potential is relative to."""
    return any(b.holds_potential or b.capacitance is not None for b in boundaries.values())


def check_closed(
    closed: Closed | None, electrolyte: Electrolyte, boundaries: Boundaries, known: str, *, transient: bool = False
) -> None:
    """Refuse data that leave the potential or an amount undetermined, or say it twice.

    Args:
        closed: the table, if there is one.
        electrolyte: the species.
        boundaries: what is imposed.
        known: names of the shape's boundaries, for the message.
        transient: whether it goes in time, so that amounts are known from the start.

    Raises:
        CaseError: names the key and what to do.
    """
    free = free_species(electrolyte, boundaries)
    for species in closed.amounts if closed is not None else ():
        key = f"closed.amounts.{species}"
        if species not in electrolyte.names:
            raise CaseError(key, f"no such species; {nearest(species, electrolyte.names)}")
        if species not in free:
            raise CaseError(key, "a boundary prescribes its concentration, which decides its amount; drop one")
    # Neutral species do not ask where the potential is zero.
    if electrolyte.has_ions and not is_grounded(boundaries) and (closed is None or free != electrolyte.names):
        raise CaseError(
            "boundaries",
            f'no boundary prescribes the potential; ground one of {known}: potential = "0 mV"'
            + (", or close the domain: no concentrations, and a table [closed]" if closed is not None else ""),
        )
    matched = [name for name, b in boundaries.items() if b.field_matched]
    if not is_grounded(boundaries) and matched:
        raise CaseError(
            f"boundaries.{matched[0]}.field_matched",
            "needs a potential that is given somewhere: in a closed domain Gauss' law decides the field; drop it",
        )
    if not is_grounded(boundaries) and any(b.floating for b in boundaries.values()):
        raise CaseError("boundaries", f"a floating potential needs another that is given; ground one of {known}")
    driven = [name for name, b in boundaries.items() if b.injections or b.channels]
    if transient and not is_grounded(boundaries) and driven:
        raise CaseError(
            f"boundaries.{driven[0]}",
            "a current charges a domain in which nothing holds the potential; ground a boundary, or give it a membrane",
        )
    charging = sum(s.valence * s.source for s in electrolyte.species)
    if (
        transient
        and not is_grounded(boundaries)
        and abs(charging) > 1e-12 * sum(abs(s.source) for s in electrolyte.species)
    ):
        raise CaseError(
            "electrolyte.species.source",
            "the sources charge a domain in which nothing holds the potential; balance them, or ground a boundary",
        )
    if closed is None and free and not transient:
        raise CaseError(
            "boundaries",
            f"no boundary prescribes the concentration of {free[0]}, so its amount is undetermined; set "
            'concentrations = "bulk" on one, or give amounts in [closed]',
        )


def amounts_of(closed: Closed, electrolyte: Electrolyte, species: tuple[str, ...], volume: float) -> dict[str, float]:
    """Amounts of the free species, mol.

    Args:
        closed: the table.
        electrolyte: the species.
        species: names of the free ones.
        volume: of the domain, m^3.
    """
    bulk = electrolyte.bulk
    return {name: closed.amounts.get(name, bulk[name] * volume) for name in species}


def check_inflow(inflow: dict[str, float], current_scale: float) -> None:
    """Refuse a net inflow into a closed domain, which has no steady state.

    Args:
        inflow: net rate at which species enter, A (or mol/s times F for neutral ones), by name.
        current_scale: of currents that are not rounding, A.

    Raises:
        CaseError: names the species.
    """
    for name, value in inflow.items():
        if abs(value) > 1e-9 * current_scale:
            raise CaseError(
                "closed",
                f"{name} enters at a net rate of {value * 1e12:.6g} pA and leaves nowhere, so there is no steady "
                "state; balance its currents and sources, or prescribe its concentration on a boundary",
            )


def compatible_wall_charge(charge: float, surface: float, given: bool, scale: float, area: float) -> float:
    """The even surface charge that Gauss' law asks for in a domain that nothing grounds, C/m^2.

    Args:
        charge: inside, C.
        surface: on the walls by the case, C.
        given: whether the case gives any surface charge.
        scale: sum of the absolute charges, C.
        area: of all walls, m^2.

    Raises:
        CaseError: the surface charges of the case do not balance the charge inside.
    """
    rest = charge + surface
    if given and abs(rest) > CHARGE_TOLERANCE * scale:
        value = format_quantity(float(f"{-charge / area:.9g}"), SURFACE_CHARGE)
        raise CaseError(
            "boundaries",
            f"incompatible charge in a closed domain: by Gauss' law the walls must carry {-charge:.9g} C "
            f"(evenly {value}), but surface_charge gives {surface:.9g} C; correct it, or drop it everywhere and "
            "the compatible one is taken",
        )
    return -rest / area


def charge_of(amounts: dict[str, float], electrolyte: Electrolyte, fixed: float) -> tuple[float, float]:
    """Charge of the ions and of the fixed charge, C, and the sum of the absolute charges.

    Args:
        amounts: mol, by species.
        electrolyte: the species.
        fixed: integral of the fixed charge over the domain, mol.
    """
    charges = [FARADAY * s.valence * amounts[s.name] for s in electrolyte.species] + [FARADAY * fixed]
    return sum(charges), sum(map(abs, charges))
