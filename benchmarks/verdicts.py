"""Sentences that sum up the table of a suite, and the rows on the fronts."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas

from benchmarks.front import TARGETS, front, position, time_to
from benchmarks.verdicts_formulations import formulations, formulations_in_time

Table = pandas.DataFrame

#: Words for the dimensions.
WORDS = {"3d": "3D", "axisymmetric": "meridian"}


def good(table: Table) -> Table:
    """Rows that have numbers."""
    return table[table["status"] == "ok"] if "status" in table else table


def scopes(table: Table) -> Iterator[tuple[str, str, Table]]:
    """Each problem and dimension with its rows, renumbered from zero."""
    for (problem, dimension), rows in good(table).groupby(["problem", "dimension"], sort=False):
        yield str(problem), str(dimension), rows.reset_index(drop=True)


def of_front(rows: Table) -> list[int]:
    """Indices of the rows on the front of time (mesh and solve) and error."""
    return front(rows["total_s"].tolist(), rows["sure_error"].tolist())


def accuracy(table: Table) -> list[str]:
    """Sentences on how far the default of each problem and dimension lies from the front of that dimension."""
    lines = []
    for problem, dimension, rows in scopes(table):
        for i in np.flatnonzero(rows["default"]):
            row = rows.loc[i]
            at = position(int(i), rows["total_s"].tolist(), rows["sure_error"].tolist())
            head = f"{problem}, {WORDS[dimension]}: default has {row['sure_error']:.1e} in {row['total_s']:.2f} s"
            if at.is_near:
                lines.append(
                    f"{head}: near the front ({at.slower:.1f} in time, {at.worse:.1f} in error){_next(rows, row)}"
                )
                continue
            faster, better = rows.loc[at.faster_is], rows.loc[at.better_is]
            lines.append(
                f"{head}: {at.slower:.1f} times slower than {_named(faster)} of no larger error, "
                f"{at.worse:.1f} times the error of {_named(better)} that takes no longer"
            )
    return lines


def _next(rows: Table, row: pandas.Series) -> str:
    """Text on the next point of the front with half the error or less: its gain in error and its cost in time."""
    for i in of_front(rows):
        other = rows.loc[i]
        if other["sure_error"] <= 0.5 * row["sure_error"]:
            gain, time = row["sure_error"] / other["sure_error"], other["total_s"] / row["total_s"]
            return f"; {_named(other)} has {gain:.1f} times less error in {time:.1f} times the time"
    return ""


def _named(row: pandas.Series) -> str:
    refined = f", divided {row['refine']} times" if row["refine"] else ""
    return f"({row['variant']}, size {row['size']:g}{refined})"


def precision(table: Table) -> list[str]:
    """Sentences on error and cost at the default tolerance."""
    lines = []
    for case, rows in table.groupby("case", sort=False):
        row = rows[rows["default"]].iloc[0]
        ends = np.log(rows["tolerance"].iloc[[0, -1]].to_numpy()), np.log(rows["error_c"].iloc[[0, -1]].to_numpy())
        slope = (ends[1][1] - ends[1][0]) / (ends[0][1] - ends[0][0])
        lines.append(
            f"{case}: tolerance {row['tolerance']:g} (default) gives {row['error_V']:.1e} in V and "
            f"{row['error_c']:.1e} in concentrations; a step costs {row['step_over_linear']:.1f} linear solves and has "
            f"{row['newton_a_step']:.1f} Newton steps; error ~ tolerance^{slope:.2f}"
        )
    return lines


def peer(table: Table) -> list[str]:
    """Sentences on times to equal errors, on the ratios to the other programs, and on skipped rows."""
    lines = sorted({str(s) for s in table["status"] if s != "ok"})
    rows = good(table)
    if not len(rows):
        return lines
    lines += _equal_errors(rows) + _cores(rows)
    for row in rows[(rows["program"] == "NGSolve") & (rows["case"] == "cylinder")].to_dict("records"):
        lines.append(
            f"NGSolve, {row['mesh']} mesh, {_elements(row)}, {row['unknowns']:.0f} unknowns: {row['solve_ratio']:.1f} "
            f"times this program's time without the mesh ({row['step_ratio']:.1f} for a Newton step), "
            f"{row['total_ratio']:.1f} with it; errors {row['error']:.1e} and {_ours(rows, row):.1e}"
        )
    for row in rows[rows["program"] == "LSODA"].to_dict("records"):
        if row["spike_error_ms"] > 0.0:
            lines.append(
                f"LSODA at {row['tolerance']:g}: error {row['spike_error_ms']:.2g} ms, at least "
                f"{row['solve_ratio']:.0f} times this program's time at that error"
            )
    return lines


def times_to(rows: Table, error: float) -> list[tuple[str, str, str, float]]:
    """Case, program, settings, and seconds to an error (mesh and solve) of each sweep of meshes of suite `peer`."""
    if "sure_error" not in rows or "settings" not in rows:
        return []
    sweeps = rows[rows["sure_error"].notna()].groupby(["case", "program", "settings"], sort=False)
    return [(*map(str, name), time_to(error, r["total_s"].tolist(), r["sure_error"].tolist())) for name, r in sweeps]


def _equal_errors(rows: Table) -> list[str]:
    """Sentence on each error and case: the times of all programs, in ascending order."""
    lines = []
    for error in TARGETS:
        cases: dict[str, list[tuple[float, str]]] = {}
        for case, program, settings, seconds in times_to(rows, error):
            cases.setdefault(case, []).append((seconds, f"{program} ({settings})"))
        for case, found in cases.items():
            times = [f"{name} {seconds:.2g} s" for seconds, name in sorted(found) if seconds < math.inf]
            never = [name for seconds, name in sorted(found) if seconds == math.inf]
            text = f"{case}, error {error:.0e}: {', '.join(times)}"
            lines.append(text + (f"; not reached by {', '.join(never)}" if never else ""))
    return lines


def _cores(rows: Table) -> list[str]:
    """Sentence on the speed-up of each program from one core to two, without the mesh."""
    if "cores" not in rows:
        return []
    lines = []
    for (program, settings), some in rows[rows["cores"].notna()].groupby(["program", "settings"], sort=False):
        seconds = some.set_index("cores")["solve_s"]
        if {1, 2} <= set(seconds.index):
            lines.append(f"{program} ({settings}): two cores are {seconds[1] / seconds[2]:.2f} times as fast as one")
    return lines


def _elements(row: dict) -> str:
    return ("linear" if row["degree"] == 1 else "quadratic") + (", layer resolved" if row["graded"] else "")


def _ours(rows: Table, theirs: dict) -> float:
    """Error of this program on the same mesh, with the number of unknowns that is nearest."""
    own = rows[(rows["program"] == "spinepnp") & (rows["case"] == "cylinder") & (rows["mesh"] == theirs["mesh"])]
    same = own[(own["degree"] == theirs["degree"]) & (own["graded"] == theirs["graded"])]
    return float(same["error"].iloc[(same["unknowns"] - theirs["unknowns"]).abs().argmin()])


def start(table: Table) -> list[str]:
    """Sentences on each target, reached or missed, and on the largest parts of each run."""
    times = table[table["kind"] == "time"]
    lines = [
        f"{row['what']}: {row['seconds']:.2f} s of {row['target']:g} s"
        + ("" if row["reached"] == "yes" else ", MISSED")
        for row in times[times["target"].notna()].to_dict("records")
    ]
    for kind in [kind for kind in table["kind"].unique() if kind.startswith(("first run", "second run"))]:
        parts = table[table["kind"] == kind].head(4)
        lines.append(f"{kind}: " + ", ".join(f"{r['what']} {r['seconds']:.2f} s" for r in parts.to_dict("records")))
    return lines


def wide(table: Table) -> list[str]:
    """Sentences on the last row of each kind against its first."""
    parts = [(kind, rows.iloc[0], rows.iloc[-1]) for kind, rows in table.groupby("kind", sort=False)]
    return [
        f"{kind}: {last['what']} take {last['ratio']:.2f} times the CPU time of {first['what']}, for each "
        + ("step" if str(kind).startswith(("channels", "chemistry")) else "unknown")
        + f"; iterations in a Newton step {first['mean']:.1f} and {last['mean']:.1f}"
        for kind, first, last in parts
    ]


#: Function that sums up the table of a suite, by the name of the suite.
VERDICTS = {
    "accuracy": accuracy,
    "formulations": formulations,
    "formulations_in_time": formulations_in_time,
    "precision": precision,
    "peer": peer,
    "start": start,
    "wide": wide,
}
