"""Page docs/results.md on results, made by `spinepnp list results`; tests compare it with the files of runs."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from spinepnp.reference import describe
from spinepnp.solvers.algebra.statistics import NewtonStatistics
from spinepnp.solvers.problem.columns import GROUPS, STEP, SUMMARY, Column

_TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

#: Meanings of files by section.
FILES: dict[str, dict[str, str]] = _TEXTS["files"]

#: Further columns of the tables of a batch.
BATCH: dict[str, str] = _TEXTS["batch"]

#: Keys of surface.json and columns of spines.parquet.
SPINE: dict[str, str] = _TEXTS["spine"]


def statistics() -> dict[str, str]:
    """Columns of a nonlinear solve."""
    return describe.meanings(NewtonStatistics)


def page() -> str:
    """Text of the whole page."""
    parts: list[str] = [_TEXTS["introduction"], "## Files\n"]
    for heading, files in FILES.items():
        parts += [f"### {heading}\n", _table("file", files)]
    parts.append(_TEXTS["of_a_state"])
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
    parts += ["## surface.json and spines.parquet\n", _table("key", SPINE)]
    return "\n".join(filter(None, parts))


def _table(heading: str, rows: dict[str, str]) -> str:
    lines = [f"| {heading} | meaning |", "|---|---|", *(f"| `{name}` | {meaning} |" for name, meaning in rows.items())]
    return "\n".join(lines) + "\n"


def _columns(heading: str, names: Sequence[str], columns: Sequence[Column]) -> str:
    lines = [f"| {heading} | unit | meaning |", "|---|---|---|"]
    for name, column in zip(names, columns, strict=True):
        unit = f" {column.kind.unit} |" if column.kind else " |"
        lines.append(f"| `{name}` |{unit} {column.meaning} |")
    return "\n".join(lines) + "\n"
