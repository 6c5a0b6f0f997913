"""The rows of the table on paper 002 as verdicts: what should agree, and what is known to differ and why."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spinepnp.validation.gnp import table


@dataclass(frozen=True)
class Compared:
    """A row of the table; numbers that are not finite are none.

    Attributes:
        section, quantity, reason: of the row, the unit with the quantity.
        paper, computed: number or word.
        error: computed over paper, less one; ``None`` where one of them is no number.
        tolerance: relative to the paper's number where there is one, else in its unit.
        verdict, expected: of the row.
    """

    section: str
    quantity: str
    paper: float | str
    computed: float | str | None
    error: float | None
    tolerance: float
    verdict: str
    expected: str
    reason: str


def rows(section: str) -> list[Compared]:
    """The rows of a section of `spinepnp.validation.gnp.table`."""
    return [_compared(row) for row in table.rows(sections=(section,))]


def _compared(row: table.Row) -> Compared:
    computed: float | str | None = row.computed
    if isinstance(computed, float | int):
        computed = float(computed) if math.isfinite(computed) else None
    error, tolerance = None, row.tolerance
    if isinstance(row.paper, float | int) and row.paper != 0.0:
        tolerance = row.tolerance / abs(row.paper)
        error = None if computed is None else (float(computed) - row.paper) / abs(row.paper)
    return Compared(
        section=row.section,
        quantity=f"{row.quantity} ({row.unit})" if row.unit else row.quantity,
        paper=row.paper,
        computed=computed,
        error=error,
        tolerance=tolerance,
        verdict=row.verdict,
        expected=row.expected,
        reason=row.reason,
    )
