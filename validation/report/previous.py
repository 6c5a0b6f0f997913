"""Report of the previous run in the same directory, and the changes since then."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spinepnp.validation.suite.assess import Verdict

#: Name of the file of the verdicts.
RECORD = "report.json"

#: Change of an error, relative to its tolerance, below which it counts as unchanged: machines round differently.
UNCHANGED = 0.01

#: Kinds of change, worst first.
KINDS = ("fails now", "passes now", "new, fails", "error moved", "value changed", "new", "gone")

#: Keys that a row of a previous report must have to be compared.
REQUIRED = {"case", "quantity", "point", "passed"}


@dataclass(frozen=True)
class PreviousReport:
    """Report of a previous run.

    Attributes:
        when: date and time at which it was written.
        rows: its verdicts as plain data.
    """

    when: str
    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Change:
    """Change of a number since the previous run.

    Attributes:
        kind: one of `KINDS`.
        case, quantity, point: case, quantity and point of the number.
        before, after: its value in the previous run and in this one.
        error_before, error_after: its error in the previous run and in this one.
    """

    kind: str
    case: str
    quantity: str
    point: str
    before: Any = None
    after: Any = None
    error_before: float | None = None
    error_after: float | None = None


def read_rows(text: str) -> tuple[dict[str, Any], ...]:
    """Verdicts in the text of a report, as plain data; empty if the text is not a report."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(rows, list):
        return ()
    return tuple(row for row in rows if isinstance(row, dict) and set(row) >= REQUIRED)


def read_previous(directory: Path) -> PreviousReport | None:
    """Report in a directory; ``None`` if there is none that can be read. On rank 0."""
    path = directory / RECORD
    try:
        rows = read_rows(path.read_text(encoding="utf-8"))
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
    except (OSError, ValueError):
        return None
    return PreviousReport(when, rows) if rows else None


def _numbered(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Rows by case, quantity, point, and a count, as one number may have several references."""
    seen: Counter[tuple[str, ...]] = Counter()
    numbered: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        key = (str(row["case"]), str(row["quantity"]), str(row["point"]))
        numbered[(*key, str(seen[key]))] = row
        seen[key] += 1
    return numbered


def changes(previous: PreviousReport, verdicts: Sequence[Verdict], *, whole: bool) -> list[Change]:
    """Changes since the previous run, worst first.

    Args:
        previous: report of the previous run.
        verdicts: verdicts of this run.
        whole: whether all cases were examined, so that a case that is missing is gone.
    """
    before, after = _numbered(previous.rows), _numbered(asdict(verdict) for verdict in verdicts)
    examined = {verdict.case for verdict in verdicts}
    changed = []
    for key in [*after, *(key for key in before if key not in after)]:
        old, new = before.get(key), after.get(key)
        kind = _kind(old, new)
        if kind is None or (new is None and not whole and key[0] not in examined):
            continue
        old, new = old or {}, new or {}
        case, quantity, point, _ = key
        values, errors = ([row.get(name) for row in (old, new)] for name in ("value", "error"))
        changed.append(Change(kind, case, quantity, point, *values, *errors))
    return sorted(changed, key=lambda change: KINDS.index(change.kind))


def _kind(old: dict[str, Any] | None, new: dict[str, Any] | None) -> str | None:
    """Kind of the change of a number; ``None`` if it is unchanged."""
    if old is None or new is None:
        return "gone" if new is None else "new" if new["passed"] else "new, fails"
    if old["passed"] != new["passed"]:
        return "passes now" if new["passed"] else "fails now"
    errors = old.get("error"), new["error"]
    if all(isinstance(error, float) for error in errors):
        return "error moved" if abs(errors[0] - errors[1]) > UNCHANGED * new["tolerance"] else None
    same = old.get("value") == new["value"] or all(isinstance(row.get("value"), float) for row in (old, new))
    return None if same else "value changed"
