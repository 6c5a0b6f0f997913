"""Curves with values under the pointer: what `curves.js` needs, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.pages.page import packed
from spinepnp.plots.style import PLACES

#: Dashes of lines that have used up the colours, in pixels; none first.
DASHES = ("", "7 3", "2 3", "8 3 2 3")

#: Largest and smallest number of points of a curve, and of all curves of a page together.
MOST_POINTS, FEWEST_POINTS, POINTS_OF_A_PAGE = 1500, 60, 40_000


@dataclass(frozen=True)
class Curve:
    """A curve.

    Attributes:
        name: name in the legend.
        x: rising positions, shape (n,).
        y: values, shape (n,), or (frames, n) where a slider chooses one; NaN where there is none.
        colour: colour; by its place among the curves of a chart by default.
        dash: dashes of a curve with a colour, see `DASHES`.
        marks: whether points are marked.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    colour: str = ""
    dash: str = ""
    marks: bool = False

    def data(self, number: int, most: int) -> dict[str, Any]:
        """Plain data for the script.

        Args:
            number: place among the curves of its chart.
            most: largest number of points.
        """
        frames = np.atleast_2d(np.asarray(self.y, dtype=float))
        kept = thinned(np.asarray(self.x, dtype=float), frames, most)
        return {
            "name": self.name,
            "x": packed(np.asarray(self.x, dtype=float)[kept], np.float64),
            "y": [packed(values[kept], np.float64) for values in frames],
            "colour": self.colour or PLACES[number % len(PLACES)],
            "dash": self.dash if self.colour else DASHES[number // len(PLACES) % len(DASHES)],
            "marks": self.marks and len(kept) <= FEWEST_POINTS,
        }


@dataclass(frozen=True)
class Chart:
    """Curves on one pair of axes.

    Attributes:
        title: title, and its unit in brackets.
        x: label of the abscissa.
        y: label of the ordinate.
        curves: curves.
    """

    title: str
    x: str
    y: str
    curves: tuple[Curve, ...]


def charts_data(charts: Sequence[Chart], first: int = 0) -> list[dict[str, Any]]:
    """Plain data of all charts of a page.

    Args:
        charts: charts.
        first: number of the frame that is shown at first.
    """
    frames = sum(np.atleast_2d(curve.y).shape[0] for chart in charts for curve in chart.curves)
    most = int(np.clip(POINTS_OF_A_PAGE // max(frames, 1), FEWEST_POINTS, MOST_POINTS))
    return [
        {"x": c.x, "y": c.y, "first": first, "curves": [curve.data(i, most) for i, curve in enumerate(c.curves)]}
        for c in charts
    ]


def thinned(x: np.ndarray, frames: np.ndarray, most: int) -> np.ndarray:
    """Numbers of the points that are kept of a curve: the lowest and highest of each of even pieces, and the ends.

    Args:
        x: rising positions, shape (n,).
        frames: values, shape (frames, n).
        most: number of points that are wanted, about.
    """
    if len(x) <= most:
        return np.arange(len(x))
    edges = np.linspace(x[0], x[-1], max(most // 4, 2))
    piece = np.searchsorted(edges, x, side="right")
    kept = {0, len(x) - 1}
    values = np.nan_to_num(frames[0]) if len(frames) == 1 else np.nan_to_num(np.ptp(frames, axis=0))
    for start, end in _pieces(piece):
        inside = values[start:end]
        kept |= {start, end - 1, start + int(inside.argmin()), start + int(inside.argmax())}
    return np.array(sorted(kept))


def _pieces(numbers: np.ndarray) -> list[tuple[int, int]]:
    """First and last number (behind it) of each run of equal numbers."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(numbers)) + 1, [len(numbers)]])
    return list(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))
