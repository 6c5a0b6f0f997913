"""Outcome of a run in words, as it is printed at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: File of the report.
PAGE = "report.html"


@dataclass(frozen=True)
class Outcome:
    """What a run prints at its end.

    Attributes:
        headings: headings of its table.
        rows: texts of the rows.
        lines: remarks below the table.
    """

    headings: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    lines: Sequence[str] = ()


#: Outcome of a run that has printed nothing.
NOTHING = Outcome()
