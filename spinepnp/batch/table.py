"""Tables of a batch: a row for each case and sweep value, made from the outcomes in the order of the sweep."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas

from spinepnp.batch.index import outcomes
from spinepnp.batch.store import Store
from spinepnp.batch.sweep import Plan
from spinepnp.case.case import VARIED
from spinepnp.errors import CaseError, reason_of
from spinepnp.runtime.files import write_atomically
from spinepnp.solvers.problem.columns import TIME_COLUMN

#: The list of a batch's cases.
LISTING = "batch.json"

#: Version of the layout of the list.
LAYOUT = 1

#: Last columns, which are no observables.
LAST = ("key", "version", "reason", "status")

#: Attribute of the frame that lists the columns with varied values, of the sweep or of a case itself.
AXES = "axes"

#: Table of observables.
TABLE = "observables.csv"

#: Table of observables as Parquet file, with the rows of the CSV file.
PARQUET = "observables.parquet"

#: Table of nonlinear solves.
SOLVER = "solver.csv"


def write_listing(directory: Path, plan: Plan) -> None:
    """Write the list of the cases of a batch, for readers of its results."""
    listing = {
        "layout": LAYOUT,
        "title": plan.sweep.title,
        "axes": list(dict.fromkeys(name for job in plan.jobs for name in job.columns)),
        "cases": [{"case": i.number, "key": i.key, "columns": i.columns} for i in plan.jobs],
    }
    write_atomically(directory / LISTING, json.dumps(listing) + "\n", then="run the same command again")


def read_listing(directory: Path) -> dict[str, Any]:
    """List of the cases of a batch.

    Raises:
        CaseError: the directory holds none.
    """
    path = directory / LISTING
    try:
        listing = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CaseError(
            str(directory), f"holds no batch ({LISTING}: {reason_of(error)}); give the directory of a batch"
        ) from None
    except ValueError:
        raise CaseError(str(path), "is damaged; run the batch again, which solves nothing twice") from None
    if not isinstance(listing, dict) or listing.get("layout") != LAYOUT:
        raise CaseError(str(path), "is of another version; run the batch again, which solves nothing twice")
    return listing


def assemble(listing: dict[str, Any], found: dict[str, dict[str, Any]]) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Tables of a batch, finished or not.

    Args:
        listing: list of its cases; see `read_listing`.
        found: outcomes of finished cases by key; see `outcomes`.

    Returns:
        Observables, a row a case and sweep value, with what was varied as the attribute `AXES`; and statistics, a row
        a nonlinear solve.
    """
    rows: list[dict[str, Any]] = []
    solver: list[dict[str, Any]] = []
    done: set[str] = set()
    axes: list[str] = list(listing["axes"])
    for case in listing["cases"]:
        outcome = found.get(case["key"])
        if outcome is None:
            continue
        axes += [name for name in [outcome["varied"]] if name is not None and name not in axes]
        before = {"case": case["case"], **case["columns"]}
        after = {"key": case["key"], "version": outcome["version"]}
        rows += [{**before, **row, **after, **_status(row, outcome)} for row in outcome["rows"]]
        if case["key"] not in done:  # the same case twice in a sweep was solved once
            solver += [{"case": case["case"], "key": case["key"], **row} for row in outcome["solver"]]
        done.add(case["key"])
    table = _frame(rows, ["case", *axes], LAST)
    table.attrs[AXES] = axes
    return table, _frame(solver, ["case", "key"], ())


def refresh(directory: Path) -> dict[str, dict[str, Any]]:
    """Bring index and tables of a batch up to date, under its lock; returns the outcomes of its cases, by key.

    Raises:
        OutputError: they cannot be written.
    """
    with Store(directory).alone():
        found = outcomes(directory, write=True)
        table, statistics = assemble(read_listing(directory), found)
        parquet = io.BytesIO()
        table.to_parquet(parquet, index=False)
        files = {TABLE: _csv(table), SOLVER: _csv(statistics), PARQUET: parquet.getvalue()}
        for name, content in files.items():
            write_atomically(directory / name, content, then="run it again")
    return found


def _csv(frame: pandas.DataFrame) -> bytes:
    return frame.to_csv(index=False, lineterminator="\n").encode()


def _status(row: dict[str, Any], outcome: dict[str, Any]) -> dict[str, str]:
    """Status of a row in a word, and its reason in a column of its own."""
    if row.get("status") == "ok":
        return {"reason": "", "status": "ok"}
    reason = str(row.get("status", "")).removeprefix("failed").removeprefix(": ")
    return {"reason": reason or outcome["reason"], "status": "failed"}


def _frame(rows: list[dict[str, Any]], first: list[str], last: tuple[str, ...]) -> pandas.DataFrame:
    """Frame of rows, with some columns first and some last, each of one type."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    inner = [name for name in names if name not in first and name not in last]
    frame = pandas.DataFrame(rows, columns=[*first, *inner, *last])
    for name in frame:
        values = frame[name].dropna()
        if frame[name].dtype == object and len({type(v) for v in values}) > 1:  # a word among numbers
            frame[name] = frame[name].map(lambda v: v if v is None or v != v else str(v))
    return frame


def load(directory: str | Path) -> pandas.DataFrame:
    """Table of results: of a batch, finished or not, or of a single run.

    Args:
        directory: directory of the results.

    Returns:
        One row a case and sweep value (or time), columns with units in their names; the attribute `AXES` lists those
        of varied values (of a transient the time).

    Raises:
        CaseError: it holds no results.
    """
    folder = Path(directory)
    if (folder / LISTING).exists():
        return assemble(read_listing(folder), outcomes(folder, write=False))[0]
    try:
        frame = pandas.read_csv(folder / TABLE)
        first = str(frame.columns[0])
        frame.attrs[AXES] = [first] if first == TIME_COLUMN or first.split(".")[0] in VARIED else []
        return frame
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise CaseError(str(folder), f"holds no results ({reason}); give the directory of a run or a batch") from None
