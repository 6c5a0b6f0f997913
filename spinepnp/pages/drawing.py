"""Pictures and report of a run, in the process of the run or in one of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spinepnp.case.case import Case
from spinepnp.pages import report
from spinepnp.pages.outcome import Outcome
from spinepnp.pages.page import environment
from spinepnp.plots import pictures


def draw(
    case: Case,
    rows: Sequence[dict[str, Any]],
    fields: Any,
    directory: Path,
    trace: Sequence[dict[str, Any]],
    outcome: Outcome,
) -> list[Path]:
    """Draw all pictures that suit a run, and write its report. On rank 0 only; what fails is a warning.

    Args:
        case: case that was run.
        rows: rows of observables.csv, numbers or as they are read.
        fields: fields of the last point that was solved: a grid, or the path of a file, which need not be there.
        directory: directory that gets them.
        trace: rows of trace.csv, numbers or as they are read.
        outcome: what the run prints at its end.
    """
    made = pictures.draw(case, rows, fields, directory, trace)
    return made + pictures.attempt(lambda: [report.write_report(case, directory, outcome)], "the report")


def warm_up() -> None:
    """Import and try everything that the first picture and the first report of a process need."""
    pictures.warm_up()
    environment("spinepnp.pages").get_template("report.html.j2")
