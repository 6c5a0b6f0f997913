"""Printed table at the end of a run, and remarks on its accuracy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from spinepnp.run.membranes import current_lines, currents_of_row
from spinepnp.run.options import SweepPoint
from spinepnp.solvers.problem.columns import LAW, NOTHING, PROBE, printed

#: End of the columns with the species whose currents are no numbers.
BELOW_FLOOR = ".current_below_floor"

#: Quantity of a boundary that only one with a capacitance has.
CHARGE = "charge_C_per_m2"


def _cell(row: dict[str, Any], key: str, form: str) -> str:
    value = row.get(key)
    return "" if value in (None, "") else format(float(value), form)


def _columns(point: SweepPoint) -> list[tuple[str, str, str]]:
    """Heading, key and format of each printed column."""
    names = point.case.shown_boundaries
    if point.case.compare is not None and len(names) == 1:
        solid = point.case.geometry.dimension == "3d"
        columns = [(heading, f"law.{key}", form) for heading, key, form in printed(LAW)]
        return [(heading if solid else heading.removeprefix("3D "), key, form) for heading, key, form in columns]
    names = [*names, *point.case.probes]
    return [(heading.replace("NAME", n), f"{n}.{key}", form) for n in names for heading, key, form in printed(PROBE)]


def print_outcome(points: list[SweepPoint], directory: Path) -> None:
    """Print all points of a run on standard output, and where its results are. On rank 0 only."""
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False, markup=False)
    if points[0].case.title:
        console.print(points[0].case.title)
    console.print(_table(points))
    rows = [point.row for point in points]
    for line in (
        *statements(rows, points[0].case.electrolyte.has_ions),
        _lost_currents(points),
        _spread_charge(points),
        *_currents_of_mechanisms(points),
    ):
        if line:
            console.print(line, soft_wrap=True)
    pictures = ", ".join(sorted(path.name for path in directory.glob("*.png")))
    console.print(f"results: {directory}" + (f" (pictures: {pictures})" if pictures else ""))


def statements(rows: list[dict[str, Any]], has_ions: bool) -> list[str]:
    """Remarks on the accuracy of rows of observables.csv: Debye layers, estimated errors, unknowns that were taken."""
    if not has_ions:
        return ["no species carries charge: there are no Debye layers"]
    solved = [row for row in rows if "layers_resolved" in row]
    if not solved:
        return []
    open_ = [row for row in solved if str(row["layers_resolved"]) != "True"]
    lines = []
    if not open_:
        lines.append("Debye layers are resolved: full PNP values")
    else:
        some = f" in {len(open_)} of {len(solved)} rows" if len(open_) < len(solved) else ""
        where = ", ".join(dict.fromkeys(n for row in open_ for n in str(row.get("layers_unresolved", "")).split("; ")))
        lines.append(f"Debye layers are not resolved at {where}{some}: electroneutral values there at best")
        capacitors = [n for n in where.split(", ") if any(f"{n}.{CHARGE}" in row for row in open_)]
        if capacitors:
            lines.append(
                f"the charge of the capacitance of {', '.join(capacitors)} is C_m V_m: the layer in series with it is "
                "missing on these cells; grade the mesh there to have it"
            )
    lines += bounds_lines(solved)
    errors = [
        (abs(float(row[key]) / float(row[of])), of.removesuffix(".potential_mV"), abs(float(row[key])))
        for row in solved
        for key in row
        if key.endswith(".potential_error_mV") and row[key] not in ("", None)
        for of in [key.replace(".potential_error_mV", ".potential_mV")]
        if float(row[of])
    ]
    if errors:
        relative, name, error = max(errors)
        lines.append(f"estimated error: at most {relative:.1e} of V({name}), {error:.1g} mV")
    reasons = list(dict.fromkeys(str(row.get("formulation_reason", NOTHING)) for row in solved))
    reasons = [reason for reason in reasons if reason != NOTHING]
    if reasons:
        others = len(reasons) - 1
        more = f" (and {others} more {'reason' if others == 1 else 'reasons'})" if others else ""
        lines.append(f"logarithms were taken, because {reasons[0]}{more}")
    steep = [row for row in solved if str(row.get("too_steep")) == "True"]
    if steep:
        most = max(float(row["change_within_cell_VT"]) for row in steep)
        lines.append(
            f"not to be trusted: the potential changes by {most:.2g} V_T within a cell, too much for densities; make "
            "mesh.size smaller, or leave out solver.formulation and concentrations of zero"
        )
    return lines


def bounds_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Words on the bounds of the conductance of each injector in rows of observables.csv."""
    start, end = "bounds.", ".G_low_per_um"
    names = dict.fromkeys(key[len(start) : -len(end)] for row in rows for key in row if key.endswith(end))
    lines = []
    for name in names:
        keys = f"{start}{name}{end}", f"{start}{name}.G_high_per_um"
        pairs = [(float(row[keys[0]]), float(row[keys[1]])) for row in rows if row.get(keys[0]) not in (None, "")]
        low, high = max(pairs, key=lambda pair: pair[1] / pair[0])
        which = " in the row where they are widest" if len(set(pairs)) > 1 else ""
        error = 100.0 * (high / low - 1.0)
        between = f"G({name}) between {low:.5g} and {high:.5g} 1/um{which}"
        lines.append(f"{between} (error of the mesh at most {error:.2g} %)")
    return lines


def _some(found: list[bool]) -> str:
    """Share of the rows for which something holds, in words; empty where it holds for all."""
    return "" if all(found) else f" in {sum(found)} of {len(found)} rows"


def _lost_currents(points: list[SweepPoint]) -> str:
    """Remark on currents below their rounding floor, of the species that can flow; empty without any."""
    solved = [point for point in points if point.row.get("status") == "ok"]
    where: dict[str, list[str]] = {}
    found = []
    for point in solved:
        problem_data = point.case.problem_data
        flowing = {n for n, can in zip(problem_data.electrolyte.names, problem_data.can_flow, strict=True) if can}
        # The current of a species whose amount is not determined there is that of the case, or zero.
        prescribed = {n: flowing & b.determines(problem_data.electrolyte) for n, b in problem_data.boundaries.items()}
        lost = {
            name: [species for species in str(value).split() if species in prescribed.get(name, ())]
            for key, value in point.row.items()
            if key.endswith(BELOW_FLOOR) and isinstance(value, str)
            for name in [key.removesuffix(BELOW_FLOOR)]
        }
        found.append(any(lost.values()))
        for boundary, names in lost.items():
            where.setdefault(boundary, []).extend(name for name in names if name not in where.get(boundary, []))
    if not any(found):
        return ""
    listed = "; ".join(f"{boundary} {', '.join(dict.fromkeys(names))}" for boundary, names in where.items() if names)
    return f"currents below their rounding floor, no numbers{_some(found)}: {listed} (floors: current_floor_pA)"


def _currents_of_mechanisms(points: list[SweepPoint]) -> list[str]:
    """Lines on the currents of each mechanism in the last row of steady states; none in time, where they change."""
    solved = [point for point in points if point.row.get("status") == "ok"]
    if not solved or solved[-1].case.study.kind == "transient":
        return []
    return current_lines(currents_of_row(solved[-1].row))


def _spread_charge(points: list[SweepPoint]) -> str:
    """Remark on the charge that was spread over the walls of a closed domain; empty without any."""
    column = "wall_charge_C_per_m2"
    rows = [float(p.row[column]) for p in points if p.row.get("status") == "ok" and p.row.get(column) not in (None, "")]
    if not any(rows):
        return ""
    low, high = min(rows), max(rows)
    value = f"{low:.6g} C/m^2" if low == high else f"{low:.6g} to {high:.6g} C/m^2"
    return f"charge spread evenly over all walls, as Gauss' law asks for in a closed domain: {value}"


def _table(points: list[SweepPoint]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    columns = _columns(points[0])
    for value in points[0].key.values():
        kind, path = points[0].case.study.kind_of_values, str(points[0].case.study.vary)
        heading = f"{path.removesuffix('.value')}\n[{kind.unit}]" if kind else path
        table.add_column(Text(heading), justify="right" if isinstance(value, float | int) else "left")
    for title, _, _ in columns:
        table.add_column(Text(title), justify="right")
    table.add_column("status")
    for point in points:
        cells = [f"{v:g}" if isinstance(v, float) else str(v) for v in point.key.values()]
        cells += [_cell(point.row, key, form) for _, key, form in columns]
        table.add_row(*cells, "ok" if point.row.get("status") == "ok" else "failed")
    return table
