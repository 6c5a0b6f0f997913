"""Rows of the table on paper 002 as verdicts: numbers that should agree, and numbers that are known to differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spinepnp.validation.gnp import table


@dataclass(frozen=True)
class Compared:
    """A row of the table; a computed number that is not finite is ``None``.

    Attributes:
        section, quantity, reason: texts of the row; the quantity with its unit.
        paper, computed: number or word of the paper, and of this project.
        error: relative error of the computed number; ``None`` where one of both is no number.
        tolerance: largest error, relative to the paper's number where that is not zero, else in its unit.
        verdict, expected: verdict on the row, and the expected one.
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
    """Rows of a section of `spinepnp.validation.gnp.table`."""
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
