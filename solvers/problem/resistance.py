"""Resistance between the boundary through which a current enters and the ground, as chord and as slope."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spinepnp.solvers.model.problem_data import ProblemData

#: Factors of the currents where nothing limits them.
NO_LIMITS = (-math.inf, math.inf)


@dataclass(frozen=True)
class Resistance:
    """Resistance of a steady state, and the current that it can carry.

    Attributes:
        chord: potential above the ground over the current, Ohm.
        slope: derivative of this potential by the current, Ohm: that of the electroneutral law, times the potential of
            the solution over that of the law; ``None`` where the law does not hold.
        limiting_current: current at which the injected species is used up somewhere, by the same law, A; ``None``
            without a limit.
    """

    chord: float
    slope: float | None = None
    limiting_current: float | None = None


def resistance_of(
    problem_data: ProblemData,
    states: Mapping[str, Any],
    places: Mapping[str, float],
    neutral: Mapping[str, float],
    tangents: Mapping[str, float],
    limits: tuple[float, float],
) -> dict[str, Resistance]:
    """Resistance between places and the ground, by the name of the boundary where the current enters, probe or region.

    Args:
        problem_data: data of the solve.
        states: means and currents by boundary name.
        places: potentials at probes and means over regions, V, by name.
        neutral: electroneutral potential by boundary, probe and region, V; empty where the law does not hold.
        tangents: derivative of this potential by a factor of all currents, V, by the same names.
        limits: factors of all currents at which a species is used up, reversed and forward; infinite without a limit.

    Returns:
        The resistances; none with several boundaries of either kind or several species, which diffusion drives, too, or
        with a current that is zero to its error.
    """
    driven = {(name, species) for name, boundary in problem_data.boundaries.items() for species in boundary.driven}
    grounds = {states[name].potential for name, boundary in problem_data.boundaries.items() if boundary.grounds}
    if len(driven) != 1 or len(grounds) != 1:
        return {}
    (name, _), ground = driven.pop(), grounds.pop()
    current, factor = states[name].total_current, min(limits, key=abs)
    if abs(current) <= sum(states[name].current_floor.values()):
        return {}
    found = {}
    for place, potential in {name: states[name].potential, **places}.items():
        drop, slope = potential - ground, None
        if neutral and neutral[place] != ground:
            slope = tangents[place] / current * drop / (neutral[place] - ground)
        limit = factor * current if place == name and math.isfinite(factor) else None
        found[place] = Resistance(drop / current, slope, limit)
    return found
