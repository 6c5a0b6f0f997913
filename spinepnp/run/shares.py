"""Shares of what enters through synapses: the part that reaches the dendrite, and the ions that carry it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.run.membranes import CURRENT_COLUMN
from spinepnp.run.options import Course
from spinepnp.solvers.problem.columns import SYNAPTIC_CURRENT, shown_potential
from spinepnp.units import CHARGE, CURRENT, POTENTIAL

#: Parts of the names of columns with the charge of synapses, and with that which leaves through boundaries.
CHARGE_IN, CHARGE_OUT = f".charge_{CHARGE.suffix}.", f".charge_out_{CHARGE.suffix}."

#: Charge in the domain.
STORED = f"volume.charge_{CHARGE.suffix}"

#: Sum over the sizes of its parts below which a charge has no shares in per cent: of ions that enter and leave.
LEAST_SUM = 0.02

#: Current over the largest one of an ion that is the residual of a solve.
LEAST_CURRENT = 1e-6

#: Charge, in the unit of the results, and current below which nothing has entered: rounding.
NOTHING_IN = 1e-9

#: Number of steps of shares in one per cent.
STEPS = 10


def charge_lines(row: Mapping[str, Any], start: Mapping[str, Any]) -> list[str]:
    """Lines on the charge of each synapse of a transient, and on where the charge of all of them goes.

    Args:
        row: last row of observables.csv, with the peaks.
        start: its first row.
    """
    synapses, outlets = _by_place(row, CHARGE_IN), _by_place(row, CHARGE_OUT)
    if not synapses:
        return []
    if all(abs(value) < NOTHING_IN for ions in synapses.values() for value in ions.values()):
        return [f"no charge has entered through {', '.join(synapses)}: closed until the end, or without a strength"]
    lines = []
    for place, ions in synapses.items():
        peak = row.get(f"peak.{place}{SYNAPTIC_CURRENT}")
        high = "" if peak in (None, "") else f"peak {float(peak):.4g} {CURRENT.unit}, "
        split = _ions(ions) or f" of {next(iter(ions))}"
        lines.append(f"{place}: {high}{sum(ions.values()):.4g} {CHARGE.unit} in{split}")
    entered = sum(sum(ions.values()) for ions in synapses.values())
    stored = float(row[STORED]) - float(start[STORED])
    leaked = entered - stored - sum(sum(ions.values()) for ions in outlets.values())
    others = {"out through other mechanisms and boundaries": leaked, "stored on the membrane": stored}
    parts = _parts({f"out at {place}": ions for place, ions in outlets.items()}, others, entered, CHARGE.unit)
    if len(lines) > 1:  # charges add up in the dendrite, and have no names there
        return [*lines, f"of all synapses together, {entered:.4g} {CHARGE.unit}: {parts}"]
    return [f"{lines[0]}; {parts}"]


def current_shares(row: Mapping[str, Any]) -> str:
    """Line on where the current that enters a steady state through mechanisms leaves it; empty without any.

    Args:
        row: row of observables.csv.
    """
    mechanisms = {p: ions for p, ions in _by_place(row, CURRENT_COLUMN).items() if p.count(".") == 1}
    if not mechanisms:
        return ""
    places = dict(mechanisms)
    for boundary, ions in _by_place(row, CURRENT_COLUMN).items():
        if boundary.count(".") == 0:  # what passes it beside its mechanisms
            own = [found for place, found in mechanisms.items() if place.startswith(f"{boundary}.")]
            places[boundary] = {s: I - sum(found.get(s, 0.0) for found in own) for s, I in ions.items()}
    totals = {place: sum(ions.values()) for place, ions in places.items()}
    largest = max(abs(I) for ions in places.values() for I in ions.values())
    rounding = max(LEAST_CURRENT * largest, NOTHING_IN)
    sources = {place: total for place, total in totals.items() if total > rounding}
    entered = sum(sources.values())
    if not sources:
        return ""
    listed = [place for place, total in totals.items() if total < -rounding]
    outlets = {f"out at {p}": {s: -I for s, I in places[p].items()} for p in listed if p not in mechanisms}
    others = {f"out through {p}": -totals[p] for p in listed if p in mechanisms}
    into = "; ".join(f"{place} {I:.4g}{_ions(places[place])}" for place, I in sources.items())
    return f"{entered:.4g} {CURRENT.unit} in by {into}: {_parts(outlets, others, entered, CURRENT.unit)}"


def _ions(parts: Mapping[str, float]) -> str:
    """Parts by ion in brackets; nothing of a single ion."""
    least = LEAST_CURRENT * max(map(abs, parts.values()))
    shown = ", ".join(f"{name} {part:.4g}" for name, part in parts.items() if abs(part) > least)
    return f" ({shown})" if len(parts) > 1 else ""


def _by_place(row: Mapping[str, Any], between: str) -> dict[str, dict[str, float]]:
    """Columns of one quantity by place and species, without totals, displacement and peaks."""
    found: dict[str, dict[str, float]] = {}
    for key, value in row.items():
        place, is_it, species = key.partition(between)
        if (
            is_it
            and species not in ("total", "displacement")
            and not place.startswith("peak.")
            and value not in (None, "")
        ):
            found.setdefault(place, {})[species] = float(value)
    return found


def _parts(outlets: Mapping[str, Mapping[str, float]], others: Mapping[str, float], total: float, unit: str) -> str:
    """Parts of a sum in words: in per cent that add up to 100, or in its unit where it is next to nothing.

    Args:
        outlets: parts by ion, by name.
        others: other parts by name.
        total: sum of all parts.
        unit: their unit.
    """
    values = [value for ions in outlets.values() for value in ions.values()] + list(others.values())
    if abs(total) > LEAST_SUM * sum(map(abs, values)):
        shares, unit = _per_cent(values, total), "%"
    else:
        shares = values
    left, words = iter(shares), []
    for name, ions in outlets.items():
        split = {species: next(left) for species in ions}
        by_ion = ", ".join(f"{species} {share:.4g}" for species, share in split.items() if share)
        words.append(f"{sum(split.values()):.4g} {unit} {name}" + (f" ({by_ion})" if by_ion else ""))
    return ", ".join([*words, *(f"{share:.4g} {unit} {name}" for name, share in zip(others, left, strict=True))])


def _per_cent(values: Sequence[float], total: float) -> list[float]:
    """Shares in per cent, rounded so that they add up to 100: the largest remainders are rounded up."""
    exact = np.asarray(values) * (100.0 * STEPS / total)
    steps = np.floor(exact)
    missing = round(100.0 * STEPS - float(steps.sum()))
    steps[np.argsort(steps - exact, kind="stable")[:missing]] += 1.0
    return [float(step) / STEPS for step in steps]


def course_of(case: Case, rows: Sequence[Mapping[str, Any]], trace: Sequence[Mapping[str, Any]]) -> Course:
    """Start, changes and estimated errors of a transient.

    Args:
        case: case of the transient.
        rows: rows of observables.csv, numbers or as they are read.
        trace: rows of trace.csv.
    """
    first, change, error = rows[0], dict[str, float](), dict[str, float]()
    for name in case.boundaries:
        potential = shown_potential(name, *rows)
        of_error = f"{potential.removesuffix(POTENTIAL.suffix)}error_{POTENTIAL.suffix}"
        errors = [float(row[of_error]) for row in rows if row.get(of_error) not in ("", None)]
        if errors:
            values = [float(row[potential]) for row in trace or rows]
            change[name] = max(abs(value - float(first[potential])) for value in values)
            error[name] = max(errors)
    return Course(dict(first), case.study.initial in ("steady", "rest"), change, error)
