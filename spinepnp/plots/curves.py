"""Curves over time through the rows of a transient: smooth between its jumps, and never over one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

#: Largest distance of two rows in time, over the duration, at which a jump is drawn as an upright line.
UPRIGHT = 1e-3

#: Largest number of points of a smooth curve from one row to the next.
POINTS_PER_STEP = 16

#: Number of points of a smooth curve in all, about.
POINTS = 20_000


def column_of(rows: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    """Numbers of a column of rows, numbers or as they are read; NaN where it is empty."""
    return np.array([np.nan if row.get(name) in (None, "") else float(row[name]) for row in rows])


def pieces(times: np.ndarray, jumps: np.ndarray, bends: np.ndarray) -> list[slice]:
    """Rows between which a transient is smooth.

    A row at a jump shows the state before it and belongs to what comes before; a row at a bend belongs to both sides.

    Args:
        times: of the rows, rising.
        jumps: times at which currents jump, in the same unit.
        bends: times at which they bend.

    Returns:
        Slices of the rows; none is empty.
    """
    limit = 1.0 + 1e-14  # times are written with 15 digits, and the first row after a jump may be picoseconds away
    behind = np.searchsorted(times, jumps * limit, side="right")
    starts = {int(i): int(i) for i in behind}
    for bend in bends:
        i = int(np.searchsorted(times, bend * limit, side="right"))
        if i > 0 and abs(times[i - 1] - bend) <= 2e-14 * bend:
            starts.setdefault(i, i - 1)
    ends = sorted(i for i in starts if 0 < i < len(times))
    return [slice(starts[a] if a else 0, b) for a, b in zip([0, *ends], [*ends, len(times)], strict=True)]


def smooth(times: np.ndarray, values: np.ndarray, stretches: list[slice]) -> tuple[np.ndarray, np.ndarray]:
    """A curve through rows that keeps their shape: monotone between two of them, and never interpolated over a jump.

    Args:
        times: of the rows, rising.
        values: at them; NaN where there is none.
        stretches: smooth pieces, see `pieces`.

    Returns:
        Times and values of many points; NaN where a jump leaves a gap.
    """
    each = max(2, min(POINTS_PER_STEP, POINTS // len(times)))
    x: list[np.ndarray] = []
    y: list[np.ndarray] = []
    for stretch in stretches:
        there = np.isfinite(values[stretch])
        t, v = times[stretch][there], values[stretch][there]
        if not len(t):
            continue
        if x and t[0] - x[-1][-1] > UPRIGHT * (times[-1] - times[0]):
            x.append(np.full(1, np.nan))
            y.append(np.full(1, np.nan))
        x.append(np.append(np.linspace(t[:-1], t[1:], each, endpoint=False, axis=1).ravel(), t[-1]))
        y.append(_monotone(t, v, x[-1]))
    return (np.concatenate(x), np.concatenate(y)) if x else (np.zeros(0), np.zeros(0))


def _monotone(t: np.ndarray, v: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Cubic interpolation with the slopes of parabolas, limited to what keeps it monotone from row to row.

    The slopes of PCHIP are safe too, but so small beside a peak that curves through few rows seem to have corners.
    """
    from scipy.interpolate import CubicHermiteSpline

    if len(t) < 3:
        return np.interp(at, t, v)
    secants = np.diff(v) / np.diff(t)
    before, behind = np.append(secants[0], secants), np.append(secants, secants[-1])
    most = np.where(before * behind > 0.0, 3.0 * np.minimum(abs(before), abs(behind)), 0.0)
    slopes = np.gradient(v, t, edge_order=2)
    slopes = np.where(slopes * behind > 0.0, np.clip(slopes, -most, most), 0.0)
    return np.asarray(CubicHermiteSpline(t, v, slopes)(at))
