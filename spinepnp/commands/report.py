"""The verb `report`: the page of a run or of a batch again, from its files alone; neither MPI nor DOLFINx is needed."""

from __future__ import annotations

import json
from pathlib import Path

from spinepnp.batch.report import View, write_report
from spinepnp.batch.table import LISTING
from spinepnp.commands.plot import read_run
from spinepnp.errors import CaseError
from spinepnp.pages import report as page
from spinepnp.run.summary import outcome_of


def report(directory: Path, view: View) -> list[Path]:
    """Write the page of a run, finished or not, or that of a batch.

    Args:
        directory: directory of the results.
        view: columns that the page of a batch shows.

    Returns:
        Files that were made, the page first.

    Raises:
        CaseError: the directory holds no results, or the view is one of a batch.
        OutputError: they cannot be written.
    """
    if (directory / LISTING).exists() or not (directory / "case.toml").exists():
        return write_report(directory, view)
    if view != View():
        option = next(name for name in ("x", "y", "value") if getattr(view, name) is not None)
        raise CaseError(f"--{option}", "is for the page of a batch; leave it out", getattr(view, option))
    return report_run(directory)


def report_run(directory: Path) -> list[Path]:
    """Write the page of a run, and those of its points that have a directory each.

    Raises:
        CaseError: the directory holds no results.
        OutputError: a page cannot be written.
    """
    points = sorted(path.parent for path in (directory / "points").glob("[0-9]*/case.toml"))
    below = [path for point in points for path in report_run(point)]
    case, rows = read_run(directory)
    try:
        summary = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        summary = {}
    return [page.write_report(case, directory, outcome_of(case, rows, summary), in_parts=True), *below]
