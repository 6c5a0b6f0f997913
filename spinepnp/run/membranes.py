"""Currents of mechanisms as printed lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spinepnp.units import CURRENT, to_unit

if TYPE_CHECKING:
    from spinepnp.solvers.problem.solution import Solution

#: Part of the names of columns with the currents of mechanisms, between the mechanism and the species.
CURRENT_COLUMN = ".current_pA."

#: Current over the largest one of a mechanism that is rounding and residual, printed as zero.
ROUNDING = 1e-9


def current_lines(currents: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Line on the currents of each mechanism, by ion and in total.

    Args:
        currents: current of each moved species into the domain, pA, by "BOUNDARY.MECHANISM".
    """
    return [f"current of {name} into the domain: {_by_ion(found)} pA" for name, found in currents.items()]


def _by_ion(currents: Mapping[str, float]) -> str:
    rounding = ROUNDING * max(map(abs, currents.values()), default=0.0)
    shown = {**currents, "total": sum(currents.values())} if len(currents) > 1 else currents
    return ", ".join(f"{name} {I if abs(I) > rounding else 0.0:.4g}" for name, I in shown.items())


def currents_of(solution: Solution) -> dict[str, dict[str, float]]:
    """Currents of the mechanisms of a solution, pA, by "BOUNDARY.MECHANISM"."""
    return {
        f"{boundary}.{name}": {species: to_unit(I, CURRENT) for species, I in state.current.items()}
        for (boundary, name), state in solution.mechanisms.items()
    }


def currents_of_row(row: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Currents of the mechanisms of a row of observables.csv, pA, by "BOUNDARY.MECHANISM"."""
    found: dict[str, dict[str, float]] = {}
    for key, value in row.items():
        place, between, species = key.partition(CURRENT_COLUMN)
        if between and species != "total" and place.count(".") == 1 and not place.startswith("peak."):
            found.setdefault(place, {})[species] = float(value)
    return found
