"""The report of an earlier run in the same directory, and what has changed since then."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spinepnp.validation.suite.assess import Verdict

#: File of the verdicts.
RECORD = "report.json"

#: An error that moved by less than this part of its tolerance is the same: other machines round differently.
SAME = 0.01

#: What has changed, worst first.
KINDS = ("fails now", "passes now", "new, fails", "error moved", "value changed", "new", "gone")

#: What a row of an earlier report must have to be compared.
NEEDED = {"case", "quantity", "point", "passed"}


@dataclass(frozen=True)
class PreviousReport:
    """The report of an earlier run.

    Attributes:
        when: it was written, in words.
        rows: its verdicts as plain data.
    """

    when: str
    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Change:
    """A number that is not what it was.

    Attributes:
        kind: one of `KINDS`.
        case, quantity, point: of the number.
        before, after: its value, then and now.
        error_before, error_after: likewise.
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
    """The verdicts in the text of a report, as plain data; none if it is of something else."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(rows, list):
        return ()
    return tuple(row for row in rows if isinstance(row, dict) and set(row) >= NEEDED)


def read_previous(directory: Path) -> PreviousReport | None:
    """The report that a directory holds; ``None`` without one, or where it cannot be read. On rank 0."""
    path = directory / RECORD
    try:
        rows = read_rows(path.read_text(encoding="utf-8"))
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
    except (OSError, ValueError):
        return None
    return PreviousReport(when, rows) if rows else None


def _numbered(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Rows by case, quantity, point and, as one number may have several references, by which of them it is."""
    seen: Counter[tuple[str, ...]] = Counter()
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        key = (str(row["case"]), str(row["quantity"]), str(row["point"]))
        found[(*key, str(seen[key]))] = row
        seen[key] += 1
    return found


def changes(previous: PreviousReport, verdicts: Sequence[Verdict], *, whole: bool) -> list[Change]:
    """What is not as it was, the worst first.

    Args:
        previous: report of the run before.
        verdicts: of now.
        whole: whether all cases were examined, so that what is not among them is gone.
    """
    before, after = _numbered(previous.rows), _numbered(asdict(verdict) for verdict in verdicts)
    examined = {verdict.case for verdict in verdicts}
    found = []
    for key in [*after, *(key for key in before if key not in after)]:
        old, new = before.get(key), after.get(key)
        kind = _kind(old, new)
        if kind is None or (new is None and not whole and key[0] not in examined):
            continue
        old, new = old or {}, new or {}
        case, quantity, point, _ = key
        values, errors = ([row.get(name) for row in (old, new)] for name in ("value", "error"))
        found.append(Change(kind, case, quantity, point, *values, *errors))
    return sorted(found, key=lambda change: KINDS.index(change.kind))


def _kind(old: dict[str, Any] | None, new: dict[str, Any] | None) -> str | None:
    """How a number has changed, if it has."""
    if old is None or new is None:
        return "gone" if new is None else "new" if new["passed"] else "new, fails"
    if old["passed"] != new["passed"]:
        return "passes now" if new["passed"] else "fails now"
    errors = old.get("error"), new["error"]
    if all(isinstance(error, float) for error in errors):
        return "error moved" if abs(errors[0] - errors[1]) > SAME * new["tolerance"] else None
    same = old.get("value") == new["value"] or all(isinstance(row.get("value"), float) for row in (old, new))
    return None if same else "value changed"
