"""Currents of mechanisms, and charges of compartments, as printed lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spinepnp.case.case import Case
from spinepnp.solvers.model.compartment_charge import charge_of, remark_on_charge
from spinepnp.solvers.problem.columns import BESIDE, TIME_COLUMN
from spinepnp.units import CONCENTRATION, CURRENT, TIME, parse_quantity, to_unit

if TYPE_CHECKING:
    from spinepnp.solvers.problem.solution import Solution

#: Part of the names of columns with the currents of mechanisms, between the mechanism and the species.
CURRENT_COLUMN = ".current_pA."

#: Current over the largest one of all mechanisms that is rounding and residual, printed as zero.
ROUNDING = 1e-9


def current_lines(currents: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Line on the currents of each mechanism, by ion and in total.

    Args:
        currents: current of each moved species into the domain, pA, by "BOUNDARY.MECHANISM".
    """
    rounding = ROUNDING * max((abs(I) for found in currents.values() for I in found.values()), default=0.0)
    unit = CURRENT.unit
    return [f"current of {name} into the domain ({unit}): {_by_ion(I, rounding)}" for name, I in currents.items()]


def _by_ion(currents: Mapping[str, float], rounding: float) -> str:
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


def charge_warnings(case: Case, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Line on each compartment that has left neutrality, at the row where its charge is largest.

    Args:
        case: checked case.
        rows: rows of observables.csv: of a transient all, of a steady state its own.
    """
    lines, data = [], case.problem_data
    for name, compartment in data.compartments.items():
        column = f"compartments.{name}.charge_{CONCENTRATION.suffix}"
        start = to_unit(charge_of(compartment.concentrations, data.electrolyte), CONCENTRATION)
        charges = [(float(row[column]), row) for row in rows if row.get(column) not in (None, "")]
        if not charges:
            continue
        charge, row = max(charges, key=lambda pair: abs(pair[0] - start))
        when = f"at {float(row[TIME_COLUMN]):.4g} {TIME.unit}" if TIME_COLUMN in row else "in the steady state"
        charge *= parse_quantity(f"1 {CONCENTRATION.unit}", CONCENTRATION)
        lines.append(remark_on_charge(data, name, charge, "has left neutrality by", when))
    return [f"warning: {line}" for line in lines if line]


def shown_potentials(case: Case, solution: Solution) -> dict[str, float]:
    """Potentials of the boundaries that are shown, V, by their name, which tells where it is beside a Debye layer."""
    beside = {name: solution.potential_beside(name) for name in case.shown_boundaries}
    return {
        name if V is None else f"{name}, {BESIDE}": solution.boundary[name].potential if V is None else V
        for name, V in beside.items()
    }
