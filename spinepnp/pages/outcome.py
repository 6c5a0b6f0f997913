"""Outcome of a run in words, as it is printed at its end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: File of the report.
PAGE = "report.html"


@dataclass(frozen=True)
class Outcome:
    """Words that a run prints at its end.

    Attributes:
        headings: headings of its table.
        rows: texts of the rows.
        lines: remarks below the table.
        concentrations: headings and rows of the table of traces; empty without any.
    """

    headings: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    lines: Sequence[str] = ()
    concentrations: Sequence[Sequence[str]] = ()


#: Outcome of a run that has printed nothing.
NOTHING = Outcome()


def read_summary(directory: Path) -> dict[str, Any]:
    """Content of summary.json of a result directory; empty where it is missing or damaged."""
    try:
        summary = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return summary if isinstance(summary, dict) else {}
