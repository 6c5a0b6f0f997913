"""Printed table at the end of a run, and remarks on its accuracy."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spinepnp.case.case import Case
from spinepnp.case.remarks import equilibrated
from spinepnp.geometries.description import body_line
from spinepnp.pages.outcome import PAGE, Outcome
from spinepnp.run.concentration_table import concentration_cells
from spinepnp.run.membranes import current_lines, currents_of_row
from spinepnp.run.options import Course, SweepPoint
from spinepnp.run.outcome_table import cells, columns_by_width, law_line, limit_line
from spinepnp.run.shares import charge_lines, course_of, current_shares
from spinepnp.solvers.problem.columns import NOTHING, columns_of_peaks, layers_of_rows

#: End of the columns with the species whose currents are no numbers.
BELOW_FLOOR = ".current_below_floor"

#: Potential, or change of one, below which there is rounding only, in the unit of the results.
LEAST_POTENTIAL = 1e-6

#: Column of the error of the totals that reactions conserve.
CONSERVED = "conservation_relative"

#: Beginnings of the columns of the number of ions in the body, and of its standard deviation where it is small.
COUNT, DEVIATION = "volume.amount_ions.", "volume.amount_sd_ions."

#: Most species whose small numbers are told.
SHOWN_COUNTS = 4

#: Quantity of a boundary that only one with a capacitance has.
CHARGE = "charge_C_per_m2"


def print_outcome(points: list[SweepPoint], directory: Path) -> None:
    """Print all points of a run on standard output, and where its results are. On rank 0 only."""
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False, markup=False)
    if points[0].case.title:
        console.print(points[0].case.title)
    for table in _tables(points, console.width):
        console.print(table)
    for line in _lines(points):
        console.print(line, soft_wrap=True)
    pictures = ", ".join(sorted(path.name for path in directory.glob("*.png")))
    made = [PAGE] if (directory / PAGE).exists() else []
    made += [f"pictures: {pictures}"] if pictures else []
    console.print(f"results: {directory}" + (f" ({', '.join(made)})" if made else ""))


def outcome_of(
    case: Case, rows: Sequence[dict[str, Any]], summary: Mapping[str, Any], trace: Sequence[dict[str, Any]] = ()
) -> Outcome:
    """Words that are printed at the end of a run, for its report.

    Args:
        case: case that was run.
        rows: rows of observables.csv, numbers or as they are read.
        summary: content of summary.json.
        trace: rows of trace.csv.
    """
    if case.study.values is None:
        peaks = columns_of_peaks(summary.get("peaks", {}))
        status = {"status": summary["status"]} if "status" in summary else {}
        layers = layers_of_rows(rows) if rows and case.study.kind == "transient" else {}
        points = [SweepPoint(0, case, None, {**row, **layers, **peaks, **status}) for row in rows[-1:]]
        if points and case.study.kind == "transient":
            points[0].course = replace(course_of(case, rows, trace), peaks=summary.get("peaks", {}))
    else:
        pairs = enumerate(zip(case.points(), case.study.values, rows, strict=False))
        points = [SweepPoint(i, single, value, dict(row)) for i, (single, value, row) in pairs]
    if not points:
        return Outcome()
    headings, _, table = cells(points)
    traced, _, found = concentration_cells(points)
    return Outcome(headings, table, _lines(points), [traced, *found] if found else ())


def _lines(points: list[SweepPoint]) -> list[str]:
    """Remarks below the table."""
    last = points[-1].case.geometry
    body = body_line(last, None if last.files() else last.exact_measures()["volume"])
    found = (
        body + (" (in the last row)" if body and points[0].case.geometry != last else ""),
        *statements([point.row for point in points], points[0].case.electrolyte.has_ions, [p.course for p in points]),
        *_chemistry(points),
        _lost_currents(points),
        _spread_charge(points),
        *_through_mechanisms(points),
        limit_line(points),
        law_line(points),
    )
    return [line for line in found if line]


def statements(rows: list[dict[str, Any]], has_ions: bool, courses: Sequence[Course | None] = ()) -> list[str]:
    """Remarks on the accuracy of rows of observables.csv: Debye layers, estimated errors, unknowns that were taken.

    Args:
        rows: rows of observables.csv.
        has_ions: whether a species carries charge.
        courses: facts on transients, one a row.
    """
    if not has_ions:
        return ["no species carries charge: there are no Debye layers"]
    solved = [row for row in rows if "layers_resolved" in row]
    if not solved:
        return []
    open_ = [row for row in solved if str(row["layers_resolved"]) != "True"]
    lines = []
    if not open_ and all(row.get("layers_charged") == NOTHING for row in solved):
        lines.append("no boundary has a charged Debye layer: electroneutral and full PNP values are the same")
    elif not open_:
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
    of_changes = [course for course in courses if course is not None and course.from_rest]
    lines += filter(None, [_error_of_changes(of_changes) if of_changes else _error_of_potentials(solved)])
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


def _error_of_potentials(rows: list[dict[str, Any]]) -> str:
    """Remark on the largest estimated error of a potential, relative to it; empty without any."""
    errors = [
        (abs(float(row[key]) / float(row[of])), of.removesuffix(".potential_mV"), abs(float(row[key])))
        for row in rows
        for key in row
        if key.endswith(".potential_error_mV") and row[key] not in ("", None)
        for of in [key.replace(".potential_error_mV", ".potential_mV")]
        if abs(float(row[of])) > LEAST_POTENTIAL
    ]
    if not errors:
        return ""
    relative, name, error = max(errors)
    return f"estimated error: at most {relative:.1e} of V({name}), {error:.1g} mV"


def _error_of_changes(courses: list[Course]) -> str:
    """Remark on the largest estimated error of a potential beside its change since rest; empty without any."""
    pairs = [(course, *pair) for course in courses for pair in course.change.items()]
    errors = [(course.error[n], n, change) for course, n, change in pairs if change > LEAST_POTENTIAL]
    if not errors:
        return ""
    error, name, change = max(errors)
    return (
        f"estimated error: at most {error:.1g} mV of V({name}), which changes by {change:.3g} mV ({error / change:.1e})"
    )


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


def _chemistry(points: list[SweepPoint]) -> list[str]:
    """Lines on the equilibrium of the bulk, on conserved totals and on small numbers of ions, of the last point."""
    solved = [point for point in points if point.row.get("status") == "ok"]
    if not solved or not solved[-1].case.electrolyte.has_chemistry:
        return []
    last, lines = solved[-1], [equilibrated(solved[-1].case.electrolyte)]
    errors = [float(p.row[CONSERVED]) for p in solved if p.row.get(CONSERVED) not in (None, "", NOTHING)]
    if max(errors, default=0.0) > 0.0:
        lines.append(f"largest error of a total that reactions conserve, relative: {max(errors):.1e}")
    counts = {
        key[len(DEVIATION) :]: (float(last.row[key.replace(DEVIATION, COUNT)]), float(last.row[key]))
        for key in last.row
        if key.startswith(DEVIATION) and last.row[key] not in (None, "")
    }
    fewest = sorted((name for name, (count, _) in counts.items() if count > 0.0), key=lambda name: counts[name][0])
    if fewest:
        shown = ", ".join(f"{name} {counts[name][0]:.0f} +- {counts[name][1]:.0f}" for name in fewest[:SHOWN_COUNTS])
        more = f" and {len(fewest) - SHOWN_COUNTS} more" if len(fewest) > SHOWN_COUNTS else ""
        lines.append(f"few ions: {shown}{more} in the body (Poisson: sqrt(N) of ions that enter independently)")
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


def _through_mechanisms(points: list[SweepPoint]) -> list[str]:
    """Lines on what passes mechanisms: charges of a transient, currents of the last point of steady states."""
    solved = [point for point in points if point.row.get("status") == "ok"]
    if not solved:
        return []
    last = solved[-1]
    if last.case.study.kind == "transient":
        lines = charge_lines(last.row, last.course.start) if last.course is not None else []
    else:
        lines = [*current_lines(currents_of_row(last.row)), *filter(None, [current_shares(last.row)])]
    return [f"last point, {last.name}:", *lines] if lines and last.value is not None else lines


def _spread_charge(points: list[SweepPoint]) -> str:
    """Remark on the charge that was spread over the walls of a closed domain; empty without any."""
    column = "wall_charge_C_per_m2"
    rows = [float(p.row[column]) for p in points if p.row.get("status") == "ok" and p.row.get(column) not in (None, "")]
    if not any(rows):
        return ""
    low, high = min(rows), max(rows)
    value = f"{low:.6g} C/m^2" if low == high else f"{low:.6g} to {high:.6g} C/m^2"
    return f"charge spread evenly over all walls, as Gauss' law asks for in a closed domain: {value}"


def _tables(points: list[SweepPoint], width: int) -> list[Any]:
    """Tables of a run that are not wider than the screen: one or several of potentials, and one of concentrations."""
    from rich.table import Table
    from rich.text import Text

    made = {"": cells(points), "concentrations": concentration_cells(points)}
    shown = [
        (title, [(headings[i], sides[i], [row[i] for row in rows]) for i in part])
        for title, (headings, sides, rows) in made.items()
        if rows
        for part in columns_by_width(headings, rows, width)
    ]
    tables = []
    for title, columns in shown:
        table = Table(title=title or None, title_justify="left")
        for heading, side, _ in columns:
            table.add_column(Text(heading), justify=side, overflow="fold")
        for texts in zip(*(column for _, _, column in columns), strict=True):
            table.add_row(*map(Text, texts))
        tables.append(table)
    return tables
