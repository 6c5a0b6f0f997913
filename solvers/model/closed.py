"""Species that no boundary holds: their amounts are prescribed, and a domain that nothing grounds has a gauge.

In a closed domain Gauss' law fixes the mean wall field: with the total charge Q inside, the integral of eps dV/dn over
all walls is -Q (facts pnp A2, paper 000, Box 2). Where no surface charge is given, it is spread evenly.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from pydantic import Field

from spinepnp.errors import CaseError, nearest
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.waveforms import CONSTANT, WaveformFunction
from spinepnp.units import CURRENT, FARADAY, SURFACE_CHARGE, TIME, Amount, Table, format_quantity

#: Net current of a closed domain over the sum of all currents that is rounding; the same of times.
NEUTRAL_INFLOW = 1e-12

#: Charge that surface charges may leave unbalanced, over their own. What is left is spread evenly.
CHARGE_TOLERANCE = 1e-6

#: Charge over the sum of all absolute charges that is the rounding of their sum.
ROUNDING_OF_CHARGE = 1e-14


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
    return any(b.prescribes_potential or b.capacitance is not None for b in boundaries.values())


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
    with_channels = [name for name, b in boundaries.items() if b.channels]
    if with_channels and not is_grounded(boundaries):
        raise CaseError(
            f"boundaries.{with_channels[0]}.channel",
            "depends on a potential that nothing here is relative to; ground a boundary, or give it a membrane",
        )
    for name in () if transient or closed is None else with_channels:
        for species in {channel.species for channel in boundaries[name].channels} & set(free):
            raise CaseError(
                f"boundaries.{name}.channel",
                f"lets {species} pass, which no other boundary holds: in a steady state its amount follows from that, "
                'and is not given; prescribe its concentration on a boundary, or set study.kind = "transient"',
            )
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
    """Refuse currents and sources that at some time charge a domain in which nothing holds the potential.

    Args:
        boundaries: with waveforms.
        electrolyte: the species, with their sources.
        areas: of the boundaries, m^2; without them what depends on one is left for later.
        volume: of the domain, m^3, likewise.

    Raises:
        CaseError: the net current at a time, and what to do.
    """
    sources = [FARADAY * s.valence * s.source for s in electrolyte.species if s.source]
    given = [(name, i) for name, b in boundaries.items() for i in b.injections if i.flows]
    if sources and not given:
        if abs(sum(sources)) > NEUTRAL_INFLOW * sum(map(abs, sources)):
            raise CaseError(
                "electrolyte.species.source",
                "the sources charge a domain in which nothing holds the potential; balance them, or ground a boundary",
            )
        return
    if not given or (areas is None and (sources or any(i.density is not None for _, i in given))):
        return
    produced = [volume * source for source in sources] if volume is not None else []
    for time, inside in _instants([i.time_profile for _, i in given]):
        parts = [i.at(time, inside).total(areas[name] if areas else 0.0) for name, i in given] + produced
        if abs(sum(parts)) > NEUTRAL_INFLOW * sum(map(abs, parts)):
            net, at = format_quantity(float(f"{sum(parts):.6g}"), CURRENT), format_quantity(float(f"{time:.6g}"), TIME)
            raise CaseError(
                f"boundaries.{given[0][0]}.current",
                f"currents charge a domain in which nothing holds the potential: they add up to {net} at {at}; let "
                "them add up to zero at all times, ground a boundary, or give it a membrane",
            )


def _instants(waveforms: list[WaveformFunction]) -> list[tuple[float, float]]:
    """Times at which currents show all of their courses, three a smooth piece, and a time inside of it."""
    if all(waveform is CONSTANT for waveform in waveforms):
        return [(0.0, 0.0)]
    breaks = sorted({0.0, *(t for waveform in waveforms for t in waveform.breaks if t > 0.0)})
    after = [waveform.longest(breaks[-1]) for waveform in waveforms]
    last = max([t for t in after if math.isfinite(t)] or [breaks[-1] or 1.0])
    pieces = list(itertools.pairwise([*breaks, breaks[-1] + last]))
    return [
        (start + part * (end - start), 0.5 * (start + end))
        for start, end in pieces
        if end - start > NEUTRAL_INFLOW * breaks[-1]
        for part in (0.13, 0.5, 0.93)
    ]


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


@dataclass(frozen=True)
class Charges:
    """Charges of a domain, C: of each species, of fixed charges, and of each wall that the case gives one."""

    ions: tuple[float, ...]
    fixed: tuple[float, ...]
    walls: tuple[float, ...]

    @property
    def inside(self) -> float:
        """Of ions and fixed charges."""
        return sum(self.ions) + sum(self.fixed)

    @property
    def rest(self) -> float:
        """What is left of all together; zero where that is rounding of the sums."""
        rest = self.inside + sum(self.walls)
        size = sum(map(abs, (*self.ions, *self.fixed, *self.walls)))
        return rest if abs(rest) > ROUNDING_OF_CHARGE * size else 0.0

    @property
    def balance(self) -> bool:
        """Whether the walls carry minus the charge inside."""
        return abs(self.rest) <= CHARGE_TOLERANCE * abs(sum(self.walls))


def compatible_wall_charge(charges: Charges, measures: list[Charges], area: float) -> float:
    """The even surface charge that Gauss' law asks for besides that of the case, where nothing grounds, C/m^2.

    Args:
        charges: of the domain of the mesh.
        measures: the same, and of the body itself, where that is known: areas and volumes of a mesh err. Where the case
            gives surface charges they must balance the charge inside in one of them; what is left is spread.
        area: of all walls of the mesh, m^2.

    Raises:
        CaseError: the surface charges of the case do not balance the charge inside.
    """
    if charges.walls and not any(measure.balance for measure in measures):
        wanted, surface = 0.0 - charges.inside, sum(charges.walls)
        even = format_quantity(float(f"{wanted / area:.9g}"), SURFACE_CHARGE)
        raise CaseError(
            "boundaries",
            f"incompatible charge in a closed domain: by Gauss' law the walls must carry {wanted:.9g} C "
            f"(evenly {even}), but surface_charge gives {surface:.9g} C ({surface / area:.9g} C/m^2 over all walls); "
            "correct it, or drop it everywhere and the compatible one is taken",
        )
    return -charges.rest / area + 0.0
