"""Table of the concentrations of traces, such as calcium, that is printed below that of the potentials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from spinepnp.case.case import Case
from spinepnp.case.trace_ions import followed, traces
from spinepnp.run.options import SweepPoint
from spinepnp.solvers.problem.columns import NOTHING, TIME_COLUMN
from spinepnp.units import CONCENTRATION, TIME, readable_concentration

#: Most rows of a transient, of several transients in all, and most columns of steady states.
MOST_ROWS, MOST_OF_ALL, MOST_COLUMNS = 6, 24, 6

#: Name of the whole domain in results, and in words.
VOLUME, MEAN = "volume", "mean"

#: Columns of a peak in summary.json by their headings.
OF_PEAK = {
    f"at\n[{TIME.unit}]": TIME_COLUMN,
    f"half-width\n[{TIME.unit}]": f"half_width_{TIME.suffix}",
    f"1/e decay\n[{TIME.unit}]": f"decay_{TIME.suffix}",
}


def concentration_cells(points: Sequence[SweepPoint]) -> tuple[list[str], list[Any], list[list[str]]]:
    """Headings, sides of the columns and rows of the table; without rows where the case has no trace.

    Args:
        points: points of a run; a row is a place and a species, or a point of several steady states.
    """
    solved = [point for point in points if point.row.get("status") == "ok"]
    if not solved or not traces(solved[0].case):
        return [], [], []
    keys = [str(solved[0].case.study.vary).removesuffix(".value")] if solved[0].value is not None else []
    in_time = solved[0].case.study.kind == "transient"
    headings, rows = _of_transients(solved) if in_time else _of_steady_states(solved)
    names = 2 if in_time or not keys else 0
    sides = ["left"] * (len(keys) + names) + ["right"] * (len(headings) - names)
    return [*keys, *headings], sides, rows


def _places(case: Case, species: str) -> dict[str, str]:
    """Names in words of probes, regions, boundaries that are no membranes and do not hold a species, and the mean."""
    boundaries = [
        name
        for name, boundary in case.boundaries.items()
        if not boundary.mechanisms and species not in boundary.prescribed(case.electrolyte)
    ]
    return {name: name for name in (*case.probes, *case.regions, *boundaries)} | {VOLUME: MEAN}


def _column(place: str, species: str) -> str:
    return f"{place}.concentration_{CONCENTRATION.suffix}.{species}"


def _shown(value: Any) -> str:
    """Concentration in the unit that reads best."""
    return NOTHING if value in (None, "") else readable_concentration(float(value) * CONCENTRATION.si)


def _key(point: SweepPoint) -> list[str]:
    return [] if point.value is None else [str(point.value)]


def _of_transients(points: Sequence[SweepPoint]) -> tuple[list[str], list[list[str]]]:
    """Peaks of each place and species: of traces, then of those bound forms that rise most.

    The table that stands above several transients knows the largest values alone.
    """
    whole = all(point.course is not None for point in points)
    most = min(MOST_ROWS, max(1, MOST_OF_ALL // len(points)))
    rows = []
    for point in points:
        free, found = traces(point.case), list[tuple[float, list[str]]]()
        start = point.course.start if point.course is not None else {}
        for species in followed(point.case):
            for place, words in _places(point.case, species).items():
                column = _column(place, species)
                peak = _peak(point, column)
                if not peak or not (species in free or peak.get(TIME_COLUMN)):
                    continue
                times = [f"{peak[key]:.4g}" if key in peak else NOTHING for key in OF_PEAK.values()]
                rise = math.inf if species in free else peak["value"] - float(start.get(column, 0.0))
                texts = [_shown(start.get(column)), _shown(peak["value"]), *times] if whole else [_shown(peak["value"])]
                found.append((rise, [words, species, *texts]))
        found.sort(key=lambda pair: -pair[0])
        rows += [[*_key(point), *texts] for _, texts in found[:most]]
    return ["place", "species", *(["at start", "peak", *OF_PEAK] if whole else ["peak"])], rows


def _peak(point: SweepPoint, column: str) -> Mapping[str, float]:
    """Peak of a column: all of it where the transient was just run, else its value."""
    if point.course is not None and column in point.course.peaks:
        return point.course.peaks[column]
    value = point.row.get(f"peak.{column}")
    return {} if value in (None, "") else {"value": float(str(value))}


def _of_steady_states(points: Sequence[SweepPoint]) -> tuple[list[str], list[list[str]]]:
    """Concentrations of traces at the places: a row each, or of several states a column each."""
    case = points[0].case
    found = [
        (words, species, _column(place, species))
        for species in traces(case)
        for place, words in _places(case, species).items()
        if _column(place, species) in points[0].row
    ][:MOST_COLUMNS]
    if points[0].value is None:
        rows = [[words, species, _shown(points[0].row[column])] for words, species, column in found]
        return ["place", "species", "concentration"], rows
    headings = [f"{species}({words})" for words, species, _ in found]
    return headings, [[*_key(p), *(_shown(p.row.get(column)) for *_, column in found)] for p in points if found]
