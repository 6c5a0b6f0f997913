"""Table of the README: the performance in ratios."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas

from benchmarks.front import TARGETS, position
from benchmarks.verdicts import WORDS, good, scopes, times_to

#: A quantity in words, and its value.
Line = tuple[str, str]


def summary(output: Path) -> list[str]:
    """Lines of the table, from the suites in a folder."""
    lines, machines = [], set()
    for name, describe in SOURCES.items():
        table, about = output / f"{name}.csv", output / f"{name}.json"
        if not table.exists() or not about.exists():
            continue
        facts = json.loads(about.read_text(encoding="utf-8"))
        machines.add(facts["machine"])
        lines += [f"| {what} | {number} | {facts['date']} |" for what, number in describe(pandas.read_csv(table))]
    if not lines:
        return []
    return ["| what | ratio | measured |", "|---|---|---|", *lines, "", f"Measured on {'; '.join(sorted(machines))}."]


def _solve(table: pandas.DataFrame) -> list[Line]:
    alone = table[table["ranks"] == 1]
    row = alone.loc[(alone["dofs"] - 150e3).abs().idxmin()]
    name = f"steady solve, two species, {row['dofs']:.0f} unknowns, over one scalar Poisson solve"
    return [(name, f"{row['units']:.1f}, {100 * row['assembly_share']:.0f} % of it assembly")]


def _accuracy(table: pandas.DataFrame) -> list[Line]:
    lines = []
    for problem, dimension, rows in scopes(table):
        for i in np.flatnonzero(rows["default"]):
            at = position(int(i), rows["total_s"].tolist(), rows["sure_error"].tolist())
            what = f"default settings, {problem} ({WORDS[dimension]}), over the best of all settings"
            error = f"error {rows.loc[i, 'sure_error']:.1e}"
            lines.append((what, f"{at.slower:.1f} in time, {at.worse:.1f} in error; {error}"))
    return lines


def _precision(table: pandas.DataFrame) -> list[Line]:
    rows = table[table["default"]].to_dict("records")
    return [(f"a time step over a linear solve, {r['case']}", f"{r['step_over_linear']:.1f}") for r in rows]


def _peer(table: pandas.DataFrame) -> list[Line]:
    rows = good(table)
    lines = _equal_errors(rows)
    theirs = rows[(rows["program"] == "NGSolve") & (rows["case"] == "cylinder")]
    for mesh, some in theirs.groupby("mesh", sort=False) if len(theirs) else ():
        ratios = some["solve_ratio"]
        what = f"NGSolve with PARDISO over this program, steady cylinder, {mesh} mesh, without meshing"
        lines.append((what, f"{ratios.min():.1f} to {ratios.max():.1f}"))
    other = rows[rows["program"] == "LSODA"]
    if len(other):
        other = other[other["spike_error_ms"] > 0.0]["solve_ratio"]
        what = "SciPy's LSODA over this program, tonic neuron, equal error of spike times"
        lines.append((what, f"{other.min():.0f} to {other.max():.0f}"))
    return lines


def _equal_errors(rows: pandas.DataFrame) -> list[Line]:
    """Lines on the best settings of each program over the best of this one, mesh and solve, for each error."""
    lines = []
    for error in TARGETS:
        best: dict[str, dict[str, float]] = {}
        for case, program, _, seconds in times_to(rows, error):
            programs = best.setdefault(case, {})
            programs[program] = min(seconds, programs.get(program, math.inf))
        for case, programs in best.items():
            own = programs.pop("spinepnp", math.inf)
            if own < math.inf and programs:
                ratios = [f"{n} {s / own:.2g}" if s < math.inf else f"{n} not reached" for n, s in programs.items()]
                what = f"other programs over this program, cylinder, {case}, mesh and solve, error {error:.0e}"
                lines.append((what, ", ".join(ratios)))
    return lines


def _start(table: pandas.DataFrame) -> list[Line]:
    rows = table[(table["kind"] == "time") & table["target"].notna()].to_dict("records")
    return [
        (f"{r['what']}, over what is asked for ({r['target']:g} s)", f"{r['seconds'] / r['target']:.2f}") for r in rows
    ]


#: Function that gives the lines of a suite, by its name.
SOURCES: dict[str, Callable[[pandas.DataFrame], list[Line]]] = {
    "solve": _solve,
    "accuracy": _accuracy,
    "precision": _precision,
    "peer": _peer,
    "start": _start,
}
