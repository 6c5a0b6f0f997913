"""What the figures of the page share: colours, type, panels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import matplotlib.figure

#: Solved data, laws, Ohm's law, and what is neither.
SOLVED, LAW, OHM, GREY = "#c1272d", "#0b3c8c", "#6f7780", "#6f7780"

#: Numbers that passed and failed, told apart by their markers, too.
AGREES, FAILS = "#0b3c8c", "#c1272d"

#: Three or four curves of one kind, distinct for all eyes.
SERIES = ("#0b3c8c", "#d95f02", "#117a65", "#8e3a9e")

#: Colours of ions.
IONS = {"Na": "#0093b8", "K": "#7b3294", "A": "#4d4d4d"}

STYLE: Any = {
    "font.size": 9, "axes.labelsize": 9, "axes.titlesize": 9.5, "xtick.labelsize": 8, "ytick.labelsize": 8,
    "legend.fontsize": 8, "legend.frameon": False, "axes.spines.top": False, "axes.spines.right": False,
    "lines.linewidth": 1.5, "axes.linewidth": 0.8, "axes.grid": True, "grid.alpha": 0.25,
    "mathtext.default": "regular", "svg.hashsalt": "spinepnp",
}  # fmt: skip


@contextmanager
def style() -> Iterator[None]:
    """Type and lines of all figures, for the time of a drawing."""
    with matplotlib.rc_context(STYLE):
        yield


def panels(rows: int, columns: int, width: float = 9.4, height: float = 3.3) -> tuple[Any, list[Any]]:
    """An empty figure with lettered panels.

    Args:
        rows, columns: of panels.
        width: of the figure, inches.
        height: of a row, inches.
    """
    canvas = matplotlib.figure.Figure(figsize=(width, height * rows), dpi=180, layout="constrained")
    axes = list(canvas.subplots(rows, columns, squeeze=False).ravel())
    for letter, place in zip("abcdefghijkl", axes, strict=False):
        place.set_title(letter, loc="left", fontweight="bold")
    return canvas, axes
