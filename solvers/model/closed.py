"""Closed domains: prescribed amounts of species that no boundary determines, and domains without a ground.

In a closed domain Gauss' law fixes the mean wall field: with the total charge Q inside, the integral of eps dV/dn over
all walls is -Q (facts pnp A2, paper 000, Box 2). Where no surface charge is given, it is spread evenly.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from pydantic import Field

from spinepnp.errors import CaseError, nearest
from spinepnp.solvers.model.boundaries import Boundaries, is_grounded
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.terms import TERM_KEYS
from spinepnp.solvers.model.waveforms import CONSTANT, WaveformFunction
from spinepnp.units import CURRENT, FARADAY, SURFACE_CHARGE, TIME, Amount, Table, format_quantity

#: Net current of a closed domain over the sum of all currents (and distance of two times over the last one) below
#: which it is rounding.
NEUTRAL_INFLOW = 1e-12

#: Charge that surface charges may leave unbalanced, over their own; the remainder is spread evenly.
CHARGE_TOLERANCE = 1e-6

#: Total charge over the sum of all absolute charges below which it is rounding.
ROUNDING_OF_CHARGE = 1e-14


#: Net inflow of a species over the sizes of all contributions below which it is rounding.
INFLOW_ROUNDING = 1e-9


class Closed(Table):
    """Prescribed amounts of species that no boundary determines.

    Examples:
        >>> from spinepnp.solvers import Closed
        >>> closed = Closed(amounts={"Na": "5584 ions"})
        >>> f"{closed.amounts['Na']:.3g}"  # mol
        '9.27e-21'

    Attributes:
        amounts: amounts of species whose concentration no boundary prescribes, mol, by name; a species that is not
            listed has its bulk concentration times the volume. Where no boundary gives a potential, its volume mean
            is zero.
    """

    amounts: dict[str, Amount] = Field(default_factory=dict)


def check_amounts(
    closed: Closed | None, electrolyte: Electrolyte, free: tuple[str, ...], known: str, *, grounded: bool, held: bool
) -> None:
    """Refuse amounts that are prescribed twice, and data that leave the potential undetermined.

    Args:
        closed: table [closed], if there is one.
        electrolyte: species of the case.
        free: species whose amount nothing determines.
        known: names of the shape's boundaries, for the message.
        grounded: whether something fixes the level of the potential.
        held: whether a boundary or a term of the user determines the amount of a species.

    Raises:
        CaseError: names the key and what to do.
    """
    for species in closed.amounts if closed is not None else ():
        key = f"closed.amounts.{species}"
        if species not in electrolyte.names:
            raise CaseError(key, f"no such species; {nearest(species, electrolyte.names)}")
        if species in electrolyte.immobile:
            raise CaseError(key, "does not move, so its amount is that of its concentration; drop it")
        if species not in free:
            raise CaseError(
                key,
                "a boundary prescribes its concentration, or an exchange or a mechanism there, or a reaction, decides "
                "its amount; drop one",
            )
    # Neutral species do not ask where the potential is zero.
    if electrolyte.has_ions and not grounded and (closed is None or held):
        raise CaseError(
            "boundaries",
            f'no boundary prescribes the potential; ground one of {known}: potential = "0 mV"'
            + (", or close the domain: no concentrations, and a table [closed]" if closed is not None else ""),
        )


def check_determined(
    closed: Closed | None,
    electrolyte: Electrolyte,
    boundaries: Boundaries,
    free: tuple[str, ...],
    *,
    transient: bool,
) -> None:
    """Refuse data that leave an amount undetermined, and currents that charge a domain without a ground.

    Args:
        closed: table [closed], if there is one.
        electrolyte: species of the case.
        boundaries: boundary conditions by name.
        free: species whose amount nothing determines.
        transient: whether the case is transient, so that amounts follow from the initial state.

    Raises:
        CaseError: names the key and what to do.
    """
    if transient and not is_grounded(boundaries):
        check_neutral_inflow(boundaries, electrolyte)
    if closed is None and free and not transient:
        raise CaseError(
            "boundaries",
            f"no boundary prescribes the concentration of {free[0]}, so its amount is undetermined; set "
            'concentrations = "bulk" on one, or give amounts in [closed]',
        )


def check_neutral_inflow(
    boundaries: Boundaries,
    electrolyte: Electrolyte,
    areas: dict[str, float] | None = None,
    volume: float | None = None,
) -> None:
    """Refuse currents and sources that at some time charge a domain without a ground.

    Args:
        boundaries: boundary conditions with their waveforms.
        electrolyte: species with their sources.
        areas: areas of the boundaries, m^2; without them checks that need an area are skipped.
        volume: volume of the domain, m^3; without it sources count as zero.

    Raises:
        CaseError: names the net current, its time, and what to do.
    """
    sources = [FARADAY * s.valence * s.source for s in electrolyte.species if s.source]
    sizes = dict.fromkeys(boundaries, math.nan) if areas is None else areas

    def currents(name: str, time: float, inside: float) -> list[tuple[str, float]]:
        """Currents into a boundary at a time, A, with the key of each."""
        return [
            (f"boundaries.{name}.{term.key}", current)
            for term in TERM_KEYS
            for current in term.currents(boundaries[name], electrolyte, sizes[name], time, inside)
        ]

    flowing = [key for name in boundaries for key, _ in currents(name, 0.0, 0.0)]
    if sources and not flowing:
        if abs(sum(sources)) > NEUTRAL_INFLOW * sum(map(abs, sources)):
            raise CaseError(
                "electrolyte.species.source",
                "the sources charge a domain in which nothing holds the potential; balance them, or ground a boundary",
            )
        return
    if not flowing or (areas is None and sources):
        return
    produced = [volume * source for source in sources] if volume is not None else []
    for time, inside in _instants([waveform for b in boundaries.values() for waveform in b.waveforms]):
        parts = [current for name in boundaries for _, current in currents(name, time, inside)] + produced
        if abs(sum(parts)) > NEUTRAL_INFLOW * sum(map(abs, parts)):  # never, where an area is not known
            net, at = format_quantity(float(f"{sum(parts):.6g}"), CURRENT), format_quantity(float(f"{time:.6g}"), TIME)
            raise CaseError(
                flowing[0],
                f"currents charge a domain in which nothing holds the potential: they add up to {net} at {at}; let "
                "them add up to zero at all times, ground a boundary, or give it a membrane",
            )


def _instants(waveforms: list[WaveformFunction]) -> list[tuple[float, float]]:
    """Sample times of currents, three in each smooth interval between breaks, each with a time inside the interval."""
    if all(waveform is CONSTANT for waveform in waveforms):
        return [(0.0, 0.0)]
    breaks = sorted({0.0, *(t for waveform in waveforms for t in waveform.breaks if t > 0.0)})
    after = [waveform.longest_step(breaks[-1]) for waveform in waveforms]
    last = max([t for t in after if math.isfinite(t)] or [breaks[-1] or 1.0])
    pieces = list(itertools.pairwise([*breaks, breaks[-1] + last]))
    return [
        (start + part * (end - start), 0.5 * (start + end))
        for start, end in pieces
        if end - start > NEUTRAL_INFLOW * breaks[-1]
        for part in (0.13, 0.5, 0.93)
    ]


def amounts_of(closed: Closed, electrolyte: Electrolyte, species: tuple[str, ...], volume: float) -> dict[str, float]:
    """Prescribed amounts, mol, by species.

    Args:
        closed: table [closed].
        electrolyte: species of the case.
        species: names of the species whose amount is prescribed.
        volume: volume of the domain, m^3.
    """
    bulk = electrolyte.bulk
    return {name: closed.amounts.get(name, bulk[name] * volume) for name in species}


def check_inflow(name: str, inflow: float, size: float, valence: int) -> None:
    """Refuse a net inflow into a closed domain, which has no steady state.

    Args:
        name: name of the species.
        inflow: net rate at which it enters, mol/s.
        size: sum of the sizes of all contributions, of which rounding is a small part, mol/s.
        valence: its valence; an ion's rate is told as a current.

    Raises:
        CaseError: names the species.
    """
    if abs(inflow) <= INFLOW_ROUNDING * size:
        return
    rate = f"{inflow * 1e18:.6g} amol/s" if not valence else f"{valence * FARADAY * inflow * 1e12:.6g} pA"
    raise CaseError(
        "closed",
        f"{name} enters at a net rate of {rate} and leaves nowhere, so there is no steady state; balance its currents, "
        "fluxes and sources, or prescribe its concentration on a boundary",
    )


@dataclass(frozen=True)
class Charges:
    """Charges of a domain.

    Attributes:
        ions: charge of each species, C.
        fixed: charge of the fixed charges, C.
        walls: charge of each wall with a surface charge, C.
    """

    ions: tuple[float, ...]
    fixed: tuple[float, ...]
    walls: tuple[float, ...]

    @property
    def inside(self) -> float:
        """Charge of ions and fixed charge, C."""
        return sum(self.ions) + sum(self.fixed)

    @property
    def rest(self) -> float:
        """Total charge, C; zero where it is rounding of the sums."""
        rest = self.inside + sum(self.walls)
        size = sum(map(abs, (*self.ions, *self.fixed, *self.walls)))
        return rest if abs(rest) > ROUNDING_OF_CHARGE * size else 0.0

    @property
    def balance(self) -> bool:
        """Whether the walls carry minus the charge inside."""
        return abs(self.rest) <= CHARGE_TOLERANCE * abs(sum(self.walls))


def compatible_wall_charge(charges: Charges, measures: list[Charges], area: float) -> float:
    """Even surface charge that Gauss' law adds to that of the case in a domain without a ground, C/m^2.

    Args:
        charges: charges of the domain of the mesh.
        measures: charges by the measures of the mesh and, where it is known, of the exact body: areas and volumes of a
            mesh err. Surface charges of the case must balance the charge inside in one of them; the rest is spread.
        area: area of all walls of the mesh, m^2.

    Raises:
        CaseError: the surface charges of the case do not balance the charge inside.
    """
    if charges.walls and not any(measure.balance for measure in measures):
        compatible, surface = 0.0 - charges.inside, sum(charges.walls)
        even = format_quantity(float(f"{compatible / area:.9g}"), SURFACE_CHARGE)
        raise CaseError(
            "boundaries",
            f"incompatible charge in a closed domain: by Gauss' law the walls must carry {compatible:.9g} C "
            f"(evenly {even}), but surface_charge gives {surface:.9g} C ({surface / area:.9g} C/m^2 over all walls); "
            "correct it, or drop it everywhere and the compatible one is taken",
        )
    return -charges.rest / area + 0.0
