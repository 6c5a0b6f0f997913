"""Table that is printed at the end of a run: potentials, concentrations and resistances; of a transient the peaks.

Six digits stand where an estimate of their error, or a deviation from a law, stands beside them, four elsewhere; the
files have all digits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from spinepnp.case.trace_ions import traces
from spinepnp.run.options import SweepPoint
from spinepnp.solvers.problem.columns import BESIDE, LAW, POTENTIAL_COLUMN, TIME_COLUMN, printed, shown_potential
from spinepnp.units import CONCENTRATION, POTENTIAL, TIME, format_quantity

#: Format of numbers beside their error, and of others.
EXACT, ROUNDED = ".6g", ".4g"

#: Format of errors.
OF_ERROR = ".1g"

#: Characters of a column beside its text.
FRAME = 3

#: Largest number of columns of a row for a point: further places have potentials only.
MOST_COLUMNS = 10


class Heading(NamedTuple):
    """Printed column.

    Attributes:
        text: its heading.
        key: column of observables.csv, or of the peaks.
        form: format of its numbers.
    """

    text: str
    key: str
    form: str


def cells(points: Sequence[SweepPoint]) -> tuple[list[str], list[Any], list[list[str]]]:
    """Headings of the table, the sides on which its columns stand, and the texts of its rows.

    Args:
        points: points of a run: a row each; the only one of a transient has a row for each place.
    """
    first = next((point for point in points if point.row.get("status") == "ok"), points[0])
    if first.case.study.kind == "transient" and first.value is None:
        return _of_places(first)
    columns = _peaks(first) if first.case.study.kind == "transient" else _steady(first)
    headings, justified = [], []
    for value in first.key.values():
        kind, path = first.case.study.kind_of_values, str(first.case.study.vary)
        headings.append(f"{path.removesuffix('.value')}\n[{kind.unit}]" if kind else path)
        justified.append("right" if isinstance(value, float | int) else "left")
    rows = []
    for point in points:
        key = [f"{v:g}" if isinstance(v, float) else str(v) for v in point.key.values()]
        rows.append([*key, *(_cell(point.row, column) for column in columns), _status(point)])
    return [*headings, *(c.text for c in columns), "status"], [*justified, *("right" for _ in columns), "left"], rows


def columns_by_width(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[list[int]]:
    """Numbers of the columns of one table, or of several that are not wider than the screen.

    Each begins with the first column; those of one place stay together where they can.

    Args:
        headings: headings of all columns, on several lines each.
        rows: texts of the rows.
        width: characters of a line of the screen.
    """
    sizes = [max(map(len, [*h.split("\n"), *(row[i] for row in rows)])) + FRAME for i, h in enumerate(headings)]
    groups, name = list[list[int]](), ""
    for i in range(1, len(headings)):
        found = re.search(r"\((.+)\)", headings[i].split("\n")[0])
        place = found[1] if found else "" if headings[i] == "status" else name
        if place != name or not groups or sizes[0] + sum(sizes[k] for k in [*groups[-1], i]) >= width:
            groups.append([])
        groups[-1].append(i)
        name = place
    tables = [[0]]
    for group in groups:
        if len(tables[-1]) > 1 and sum(sizes[k] for k in [*tables[-1], *group]) >= width:
            tables.append([0])
        tables[-1] += group
    return tables


def _cell(row: dict[str, Any], column: Heading) -> str:
    value = row.get(column.key)
    return "" if value in (None, "") else format(float(value), column.form)


def _status(point: SweepPoint) -> str:
    return "ok" if point.row.get("status") == "ok" else "failed"


def _potential(point: SweepPoint, place: str) -> tuple[str, str]:
    """Column with the potential of a place that is shown, and the name of the place, which tells where it is."""
    key = shown_potential(place, point.row)
    return key, place if key == f"{place}.{POTENTIAL_COLUMN}" else f"{place}, {BESIDE}"


def _places(point: SweepPoint) -> list[str]:
    """Boundaries, probes and regions whose numbers a user wants to see."""
    return [*point.case.shown_boundaries, *point.case.probes, *point.case.regions]


def _species(point: SweepPoint) -> list[str]:
    """Species that a boundary lets in, if it is one: the one whose concentration changes most; no trace, see below."""
    driven = {species for boundary in point.case.boundaries.values() for species in boundary.driven}
    return list(driven) if len(driven) == 1 and not traces(point.case) else []


def _steady(point: SweepPoint) -> list[Heading]:
    """Columns of steady states."""
    shown = point.case.shown_boundaries
    if point.case.compare is not None and len(shown) == 1:
        solid, (name,) = point.case.geometry.dimension == "3d", shown
        columns = [Heading(heading if solid else heading.removeprefix("3D "), f"law.{key}", form)
                   for heading, key, form in printed(LAW)]  # fmt: skip
        return [columns[0], *_error(point, name), *columns[1:], *_slope(point, name, "")]
    columns, more = [], []
    for place in _places(point):
        error, (key, name) = _error(point, place), _potential(point, place)
        columns.append(Heading(f"V({name})\n[{POTENTIAL.unit}]", key, EXACT if error else ROUNDED))
        columns += error
        if f"{place}.resistance_MOhm" in point.row:
            columns.append(Heading(f"R({place})\n[MOhm]", f"{place}.resistance_MOhm", ROUNDED))
            columns += _slope(point, place, "")
        for species in _species(point):
            key = f"{place}.concentration_{CONCENTRATION.suffix}.{species}"
            more.append(Heading(f"{species}({place})\n[{CONCENTRATION.unit}]", key, ROUNDED))
    return columns + more[: max(0, MOST_COLUMNS - len(columns))]


def _error(point: SweepPoint, place: str) -> list[Heading]:
    """Column of the estimated error of a potential, where it has one."""
    key = f"{_potential(point, place)[0].removesuffix(POTENTIAL.suffix)}error_{POTENTIAL.suffix}"
    return [Heading(f"+-\n[{POTENTIAL.unit}]", key, OF_ERROR)] if point.row.get(key) not in (None, "") else []


def _slope(point: SweepPoint, place: str, text: str) -> list[Heading]:
    """Column of the slope of a resistance, where it has one."""
    key = f"{place}.slope_resistance_MOhm"
    return [Heading(f"dV/dI{text}\n[MOhm]", key, ROUNDED)] if key in point.row else []


def _peaks(point: SweepPoint) -> list[Heading]:
    """Columns of transients of which a key is varied: state at the end, and peaks."""
    columns: list[Heading] = []
    for place in _places(point):
        key, name = _potential(point, place)
        found = [
            Heading(f"V({name}) {_end(point)}\n[{POTENTIAL.unit}]", key, ROUNDED),
            *_of_peak(f"peak.{key}", f"V({name})"),
        ]
        columns += found if len(columns) + len(found) <= MOST_COLUMNS else found[:2]
    return columns


def _end(point: SweepPoint) -> str:
    """Moment of the last state."""
    time = point.row.get(TIME_COLUMN)
    return "at the end" if point.value is not None or time in (None, "") else f"at {_shown(float(time))}"


def _shown(time: float) -> str:
    return format_quantity(float(f"{time * TIME.si:.6g}"), TIME)


def _of_peak(key: str, text: str) -> list[Heading]:
    """Columns of a peak, from its key in a row."""
    return [
        Heading(f"peak {text}\n[{POTENTIAL.unit}]", key, ROUNDED),
        Heading(f"at\n[{TIME.unit}]", f"{key}.{TIME_COLUMN}", ROUNDED),
        Heading(f"half-width\n[{TIME.unit}]", f"{key}.half_width_{TIME.suffix}", ROUNDED),
        Heading(f"20-80 % rise\n[{TIME.unit}]", f"{key}.rise_20_80_{TIME.suffix}", ROUNDED),
    ]


def _of_places(point: SweepPoint) -> tuple[list[str], list[Any], list[list[str]]]:
    """Table of one transient: a row for each place, with its state at the end and its peak."""
    species, headings, rows = _species(point), ["place"], []
    for place in _places(point):
        concentration = [f"{place}.concentration_{CONCENTRATION.suffix}.{name}" for name in species]
        potential, shown = _potential(point, place)
        columns = [
            Heading(f"V {_end(point)}\n[{POTENTIAL.unit}]", potential, ROUNDED),
            *_of_peak(f"peak.{potential}", "V"),
            *(Heading(f"peak {n}\n[{CONCENTRATION.unit}]", f"peak.{key}", ROUNDED)
              for n, key in zip(species, concentration, strict=True)),
        ]  # fmt: skip
        headings = ["place", *(column.text for column in columns)]
        rows.append([shown, *(_cell(point.row, column) for column in columns), _status(point)])
    return [*headings, "status"], ["left", *("right" for _ in headings[1:]), "left"], rows


def law_line(points: Sequence[SweepPoint]) -> str:
    """Remark on the law that the last state of a transient is compared with; empty for others."""
    point = points[-1]
    if point.case.study.kind != "transient" or point.row.get("law.relative_error") in (None, ""):
        return ""
    computed, law = (float(point.row[f"law.{name}potential_mV"]) for name in ("computed_", ""))
    deviation = float(point.row["law.relative_error"])
    return f"law {_end(point)}: {law:{EXACT}} mV, solution {computed:{EXACT}} mV, deviation {deviation:+.1e}"


def limit_line(points: Sequence[SweepPoint]) -> str:
    """Remark on the limiting current of the boundary where a current enters; empty without one."""
    ending = ".limiting_current_pA"
    found = {
        key.removesuffix(ending): [float(p.row[key]) for p in points if p.row.get(key) not in (None, "")]
        for point in points
        for key in point.row
        if key.endswith(ending)
    }
    if len(found) != 1:
        return ""
    ((name, currents),) = found.items()
    low, high = f"{min(currents):{ROUNDED}}", f"{max(currents):{ROUNDED}}"
    way = ", outwards" if max(currents) < 0.0 else ", inwards" if min(currents) > 0.0 else ""
    return f"limiting current at {name}: {low if low == high else f'{low} to {high}'} pA{way} (electroneutral law)"
