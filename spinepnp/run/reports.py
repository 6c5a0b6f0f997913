"""Report of a run again, from its files alone; neither MPI nor DOLFINx is needed."""

from __future__ import annotations

import csv
from pathlib import Path

from spinepnp.case.case import Case, load_case
from spinepnp.csv_files import complete_rows
from spinepnp.errors import CaseError, reason_of
from spinepnp.pages.outcome import read_summary
from spinepnp.pages.report import write_report
from spinepnp.run.summary import outcome_of

#: Files without which a directory holds no run.
NEEDED = ("case.toml", "observables.csv")


def report_run(directory: Path) -> list[Path]:
    """Write the report of a run, finished or not, and those of its points that have a directory each.

    Returns:
        The pages, that of the run first.

    Raises:
        CaseError: the directory holds no results.
        OutputError: a page cannot be written.
    """
    case, rows = read_run(directory)
    points = sorted(path.parent for path in (directory / "points").glob("[0-9]*/observables.csv"))
    below = [path for point in points for path in report_run(point)]
    traced = directory / "trace.csv"
    outcome = outcome_of(case, rows, read_summary(directory), read_rows(traced) if traced.is_file() else [])
    return [write_report(case, directory, outcome, in_parts=True), *below]


def read_run(directory: Path) -> tuple[Case, list[dict[str, str]]]:
    """The case of a result directory, and its complete rows.

    Raises:
        CaseError: there are none.
    """
    if not directory.is_dir():
        raise CaseError(str(directory), "is no directory; give the result directory of a run")
    missing = [name for name in NEEDED if not (directory / name).is_file()]
    if missing:
        raise CaseError(str(directory), f"holds no results ({missing[0]} is missing); give the directory of a run")
    return load_case(directory / NEEDED[0]), read_rows(directory / NEEDED[1])


def read_rows(path: Path) -> list[dict[str, str]]:
    """The complete rows of a table: a run that was killed may end with a part of one.

    Raises:
        CaseError: it is no table.
    """
    try:
        return complete_rows(path)
    except OSError as error:
        raise CaseError(str(path), f"cannot be read ({reason_of(error)}); give another directory") from None
    except (ValueError, csv.Error):
        raise CaseError(str(path), "is no table of results; give another directory") from None
