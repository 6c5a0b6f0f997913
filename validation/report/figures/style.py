"""Style of the figures of the validation page: colours, type, panels."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import matplotlib.figure

from spinepnp.figure_style import COMPUTED as SOLVED
from spinepnp.figure_style import ION_COLOURS as IONS
from spinepnp.figure_style import figure_style

__all__ = ["AGREES", "FAILS", "GREY", "IONS", "LAW", "OHM", "SERIES", "SOLVED", "panels", "style"]

#: Colour of laws, and of numbers that passed. Markers tell these from failed numbers, too.
LAW = AGREES = "#0b3c8c"

#: Colour of failed numbers.
FAILS = SOLVED

#: Colour of Ohm's law, and of marks that are neither data nor law.
OHM = GREY = "#6f7780"

#: Colours of three or four curves of one kind, distinct for all eyes.
SERIES = (LAW, "#d95f02", "#117a65", "#8e3a9e")


def style() -> AbstractContextManager[None]:
    """Type and lines of all figures, for the time of a drawing."""
    return figure_style(9.0, {
        "axes.titlesize": 9.5, "lines.linewidth": 1.5, "axes.linewidth": 0.8, "axes.grid": True, "grid.alpha": 0.25,
        "svg.hashsalt": "spinepnp",
    })  # fmt: skip


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
