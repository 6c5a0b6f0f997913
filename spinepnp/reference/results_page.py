"""Page docs/results.md on results, made by `spinepnp list results`; tests compare it with the files of runs."""

from __future__ import annotations

from collections.abc import Sequence

from spinepnp.reference import describe
from spinepnp.run.columns import GROUPS, STEP, SUMMARY, Column
from spinepnp.solvers.algebra.statistics import NewtonStatistics

INTRODUCTION = """\
# Results

Made from the code by `./spine list results > docs/results.md`. `./spine run CASE` writes into `runs/NAME`, `NAME` being
that of the case file, unless `--output DIR` says otherwise. A directory that holds results is refused unless `--force`
(replace) or `--resume` (solve what is missing) is given; one with files that the program has not written is always
refused. While a run writes, the file `.spinepnp` keeps others away; it stays where nothing else says whose results they
are. Exit codes: 0 all good, 1 a solve failed, 2 bad input, 130
interrupted.

Units stand at the ends of names: `_mV`, `_mM`, `_pA`, `_nm`, `_um2`, `_um3`, `_ms`. NAME is a boundary, a probe or a
region, SPECIES an ion. Positive current is positive charge that enters.
"""

#: Meanings of files by section.
FILES = {
    "A run": {
        "case.toml": "the case as it was solved, with all defaults; it runs as it is",
        "summary.json": "all numbers of the last state, below",
        "observables.csv": "a row for each value of a sweep, or time of a transient, below",
        "solver.csv": "a row for each nonlinear solve, or step of time (rejected ones, too), below",
        "fields.vtu": "`potential_mV` and `concentration_mM.SPECIES` of the last state, for ParaView and PyVista (um)",
        "points/": "the fields of each value of a sweep, `0001.vtu`, ...; of a sweep of transients a directory each",
        "run.log": "lines that were printed",
        "potential.png": "the potential in the body, cut open",
        "profile.png": "potential and concentrations along the axis, where the body has one",
        "iv.png": "of a sweep over a current: the points, and the law",
        "trace.png": "of a transient: potential and concentrations over time",
    },
    "A transient, too": {
        "fields/": "the fields at the listed times",
        "fields.pvd": "their list with the times (ms), for ParaView",
        "checkpoint.npz": "what `--resume` goes on from, on any number of ranks",
        "checkpoint.older.npz": "the one before it, for the case that it is damaged",
        "animation.gif": "the film that `./spine plot DIR` draws",
    },
    "A batch": {
        "cases/KEY/": "the directory of each case, with its `outcome.json`",
        "observables.csv": "the rows of all cases, below",
        "observables.parquet": "the same",
        "solver.csv": "a row for each nonlinear solve, with `case` and `key`",
        "summary.json": "counts: `cases`, `ok`, `failed`, `missing`, `solved_now`",
        "batch.json": "which cases make up the batch",
        "batch.log": "lines that were printed",
        "index.sqlite": "makes reading fast; can be deleted",
        "work/": "cases that are being solved",
        "report.html": "the page of `./spine report DIR`",
        "families.png": "on it: curves over the current",
        "heat.png": "on it: a map over two axes",
    },
    "Other verbs": {
        "mesh.json": "of `mesh`: cells, quality, volume and areas, cells per Debye length, memory, time",
        "mesh.vtu": "of `mesh`: the mesh; `mesh.png` its picture",
        "report.json": "of `validate`: each number ([validation.md](validation.md)); `report.html` the page",
        "trace.csv": "of `gnp run`: voltage, concentrations and currents over time; `summary.json` spikes and block",
    },
}

#: Further columns of the tables of a batch.
BATCH = {
    "case": "number of the case in the sweep",
    "key": "digest of the case, the name of its directory",
    "version": "of the code that solved it: number, and digest of the source",
    "reason": "why it failed",
}


OF_A_STATE = """\
## observables.csv and summary.json

A column of observables.csv is the path of the key in summary.json, without `boundaries`, `probes` and `regions`. For a
sweep or a transient summary.json has the last state.
"""


def statistics() -> dict[str, str]:
    """Columns of a nonlinear solve."""
    return describe.meanings(NewtonStatistics)


def page() -> str:
    """Text of the whole page."""
    parts = [INTRODUCTION, "## Files\n"]
    for heading, files in FILES.items():
        parts += [f"### {heading}\n", _table("file", files)]
    parts.append(OF_A_STATE)
    for heading, group in GROUPS.items():
        where = f"`{group.key}` in summary.json. {group.about}\n" if group.key else ""
        parts += [f"### {heading}\n", where, _columns("column", group.names, group.columns)]
    parts += ["### Only in summary.json\n", _columns("key", [column.name for column in SUMMARY], SUMMARY)]
    parts += ["## solver.csv\n\nA sweep has the varied key in front, a transient has\n"]
    parts += [_columns("column", [column.name for column in STEP], STEP), "and all have\n"]
    solver = [Column(name, meaning) for name, meaning in statistics().items()]
    parts += [_columns("column", [column.name for column in solver], solver)]
    parts += ["## Tables of a batch\n\nA column for each axis, the columns above, and\n", _table("column", BATCH)]
    parts.append("`spinepnp.load(DIR)` gives the table in Python ([batch.md](batch.md#reading-the-results)).\n")
    return "\n".join(filter(None, parts))


def _table(heading: str, rows: dict[str, str]) -> str:
    lines = [f"| {heading} | |", "|---|---|", *(f"| `{name}` | {meaning} |" for name, meaning in rows.items())]
    return "\n".join(lines) + "\n"


def _columns(heading: str, names: Sequence[str], columns: Sequence[Column]) -> str:
    lines = [f"| {heading} | unit | |", "|---|---|---|"]
    for name, column in zip(names, columns, strict=True):
        unit = f" {column.kind.unit} |" if column.kind else " |"
        lines.append(f"| `{name}` |{unit} {column.meaning} |")
    return "\n".join(lines) + "\n"
