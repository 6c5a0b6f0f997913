"""Tables of the README (times of usual tasks beside other programs) and of docs/performance.md (all ratios)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from benchmarks.front import TARGETS, position
from benchmarks.verdicts import WORDS, good, scopes, times_to

#: Row of the ratios that a task quotes.
LSODA = "SciPy's LSODA over this program, tonic neuron, equal error of spike times"

#: A quantity in words, and its value.
Line = tuple[str, str]


def ratios(output: Path) -> list[str]:
    """Lines of the table of ratios, from the suites in a folder."""
    suites = [(*suite, describe) for name, describe in SOURCES.items() if (suite := _suite(output, name))]
    lines = [f"| {what} | {n} | {facts['date']} |" for table, facts, describe in suites for what, n in describe(table)]
    return ["| what | ratio | measured |", "|---|---|---|", *lines, "", _measured(suites)] if lines else []


def tasks(output: Path) -> list[str]:
    """Lines of the table of usual tasks, from the suites in a folder; empty where one is missing."""
    suites = {name: _suite(output, name) for name in ("start", "peer", "transient", "batch", "neuron", "large")}
    found = {name: suite[0] for name, suite in suites.items() if suite}
    if len(found) < len(suites):
        return []
    lines = [f"| {what} | {time} | {other} |" for what, time, other in _tasks(found)]
    about = _measured([suite for suite in suites.values() if suite])
    return ["| task | time | other ways |", "|---|---|---|", *lines, "", about]


def _suite(output: Path, name: str) -> tuple[pandas.DataFrame, dict[str, str]] | None:
    """Table of a suite in a folder, and its date and machine."""
    table, about = output / f"{name}.csv", output / f"{name}.json"
    if not table.exists() or not about.exists():
        return None
    return pandas.read_csv(table), json.loads(about.read_text(encoding="utf-8"))


def _measured(suites: Sequence[tuple[Any, ...]]) -> str:
    """Sentence on the days and machines of some suites."""
    days, machines = (sorted({suite[1][key] for suite in suites}) for key in ("date", "machine"))
    return f"Measured on {'; '.join(machines)}, {' and '.join(dict.fromkeys((days[0], days[-1])))}."


def _tasks(found: dict[str, pandas.DataFrame]) -> Iterator[tuple[str, str, str]]:
    """Tasks of users, their times here, and what other ways take."""
    start, peer, batch, neuron = (found[name] for name in ("start", "peer", "batch", "neuron"))
    whole = start.loc[start["what"] == "second run", "seconds"].iloc[0]
    yield "I-V law of a neck in 3D, four currents, with start, mesh and pictures", f"{whole:.1f} s", "-"
    same = dict(_equal_errors(good(peer)))
    for dimension in ("3D", "meridian"):
        name = f"other programs over this program, cylinder, full PNP, {dimension}, mesh and solve, error 1e-04"
        own = min(s for case, program, _, s in times_to(good(peer), 1e-4)
                  if program == "spinepnp" and case == f"full PNP, {dimension}")  # fmt: skip
        yield f"one current into a neck to an error of 1e-4, {dimension}", f"{own:.2g} s", f"{same[name]} (times this)"
    alpha = found["transient"].query("case == 'spine_alpha' and dimension == '3d' and ranks == 2 and tolerance == 1e-4")
    ours, direct = (alpha.loc[alpha["linear"] == linear].iloc[0] for linear in ("block", "direct"))
    yield (
        f"a synaptic current into a spine in 3D, 100 ms, {ours['steps']:.0f} steps, two ranks",
        f"{ours['run_s']:.1f} s", f"with MUMPS {direct['run_s'] / ours['run_s']:.1f} times this",
    )  # fmt: skip
    row = batch.iloc[0]
    yield (
        f"a batch of {row['cases']:.0f} necks, two ranks", f"{row['all_s']:.0f} s",
        f"one after another {row['faster']:.1f} times this",
    )  # fmt: skip
    spiking, lsoda = neuron.loc[neuron["tolerance"] == 1e-5].iloc[0], dict(_peer(peer))[LSODA]
    yield (
        f"{spiking['seconds']:.0f} s of a tonic neuron with its ions, {spiking['spikes']:.0f} spikes",
        f"{spiking['run_s']:.2g} s", f"SciPy's LSODA {lsoda} times this",
    )  # fmt: skip
    row = found["large"].sort_values("dofs").iloc[-1]
    seconds = row["mesh_s"] + row["set_up_s"] + row["solve_s"]
    yield (
        f"a steady state of {row['dofs'] / 1e6:.1f} million unknowns, {row['peak_GB']:.0f} GB, two ranks",
        f"{seconds:.0f} s, {row['mesh_s']:.0f} of it the mesh", f"one scalar Poisson solve {row['unit_s']:.1f} s",
    )  # fmt: skip


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
        lines.append((LSODA, f"{other.min():.0f} to {other.max():.0f}"))
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
