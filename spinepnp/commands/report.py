"""The verb `report`: the page of a run or of a batch, from its files alone; neither MPI nor DOLFINx is needed."""

from __future__ import annotations

from pathlib import Path

from spinepnp.batch.report import View, write_report
from spinepnp.batch.table import LISTING
from spinepnp.errors import CaseError
from spinepnp.run.reports import NEEDED, report_run


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
    if (directory / LISTING).exists():
        return write_report(directory, view)
    given = next((name for name in ("x", "y", "value") if getattr(view, name) is not None), None)
    if given is not None:
        raise CaseError(f"--{given}", "is for the page of a batch; leave it out", getattr(view, given))
    if not any((directory / name).exists() for name in NEEDED):
        raise CaseError(str(directory), "holds no batch and no run; give the directory of one")
    return report_run(directory)
