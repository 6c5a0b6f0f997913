"""Reading of the directory of a run that is resumed: tables up to a checkpoint, and the start of the case."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from spinepnp.case.case import Case
from spinepnp.csv_files import csv_text
from spinepnp.errors import CaseError
from spinepnp.run.directory import ResultDirectory
from spinepnp.run.extension import widened
from spinepnp.run.growing_table import GrowingTable
from spinepnp.solvers.model.initial import Initial


def beginning_of(table: GrowingTable, name: str, about: dict[str, Any]) -> bytes | None:
    """Part of a table that a checkpoint has seen, with the columns that it was to get; ``None`` where it differs.

    Args:
        table: table of the run.
        name: its name in the checkpoint.
        about: description of the checkpoint.
    """
    wider = about.get("wider") or {"written": {}}
    if name not in wider["written"]:
        return table.beginning(*about["written"].get(name, (0, "")))
    content = table.beginning(*wider["written"][name])
    if content is None:  # the run was ended between the checkpoint and the table
        before = table.beginning(*about["written"][name])
        content = None if before is None else widened(before, wider["added"], wider["time"])
    return content


def with_recorded_start(case: Case, directory: ResultDirectory) -> Case:
    """The case with the path of its file of initial fields as it was at the start, where this file is gone."""
    if case.initial is None or case.initial.file is None or Path(case.initial.file).is_file():
        return case
    try:
        recorded = tomllib.loads((directory.path / "case.toml").read_text(encoding="utf-8"))["initial"]["file"]
        same = Path(recorded).name == Path(case.initial.file).name
    except (OSError, ValueError, KeyError, TypeError):
        return case
    return case.model_copy(update={"initial": Initial(file=recorded)}) if same else case


def statistics_left(directory: ResultDirectory, name: str, last: int) -> bytes:
    """Rows of the statistics up to a step that are left, as a table.

    Args:
        directory: directory of the run.
        name: name of the table.
        last: number of the last step.
    """
    try:
        rows = [row for row in directory.read_table(name) if _whole(row) and int(row["step"]) <= last]
    except CaseError:
        rows = []
    return csv_text(list(rows[0]), rows).encode() if rows else b""


def _whole(row: dict[str, Any]) -> bool:
    """Whether a row of a table is complete: a killed run may end with a part of one."""
    return None not in row and None not in row.values() and str(row.get("step", "")).isdecimal()
