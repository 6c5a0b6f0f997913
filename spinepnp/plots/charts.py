"""Charts of curves over time: their place on a page, and which curves of a family are shown."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.plots.curves import column_of
from spinepnp.plots.style import IONS, STYLES, WIDTH
from spinepnp.units import TIME

#: Column of the times.
TIME_COLUMN = f"time_{TIME.suffix}"

#: Range below which a curve is drawn as constant, in the units of the results: it is rounding.
CONSTANT_BELOW = 1e-6

#: Largest number of curves of a family on one chart, and of charts of a family.
MOST_CURVES, MOST_CHARTS = 8, 4

#: Least height of a chart, and height of a line of its legend, inches.
HEIGHT, LEGEND_LINE = 1.9, 0.205

#: Longest line of a note below a legend, characters.
NOTE_WIDTH = 22


@dataclass(frozen=True)
class Chart:
    """Curves over time on one axis.

    Attributes:
        label: of the axis, with its unit.
        curves: columns in that unit, NaN where a row has none, each with matplotlib's words for its line.
        legend: names and lines of the legend.
        heading: above it.
        level: range below which there is rounding only.
        note: below the legend: what is left out.
    """

    label: str
    curves: list[tuple[np.ndarray, dict[str, Any]]]
    legend: dict[str, dict[str, Any]]
    heading: str | None = None
    level: float = CONSTANT_BELOW
    note: str = ""

    @property
    def height(self) -> float:
        """Height on the page, inches: the legend has its place beside the curves."""
        lines = len(self.legend) + (self.heading is not None) + len(textwrap.wrap(self.note, NOTE_WIDTH))
        return max(HEIGHT, LEGEND_LINE * (lines + 1))


def columns_of(rows: Sequence[dict[str, Any]], names: Iterable[str], ending: str) -> dict[str, np.ndarray]:
    """Columns of one quantity by place, without empty ones.

    Args:
        rows: rows of a table.
        names: names of the places.
        ending: end of the names of the columns, behind the place.
    """
    columns = {name: column_of(rows, f"{name}{ending}") for name in names}
    return {name: column for name, column in columns.items() if np.isfinite(column).any()}


def ion_looks(case: Case, number: int) -> dict[str, dict[str, Any]]:
    """Matplotlib's words for the lines of all species: their colours, and the dashes of a place of some number."""
    names = case.electrolyte.names
    look = {"linestyle": STYLES[number % len(STYLES)], "linewidth": WIDTH if number < len(STYLES) else WIDTH / 2.0}
    return {name: look | {"color": IONS[i % len(IONS)]} for i, name in enumerate(names)}


def highest_of(column: np.ndarray) -> float:
    """Largest absolute value of a column."""
    return float(np.nanmax(np.abs(column)))


def largest_of(sizes: Mapping[str, float], count: int) -> set[str]:
    """Names of the largest sizes."""
    return set(sorted(sizes, key=lambda name: -sizes[name])[:count])


def family(
    label: str,
    curves: Mapping[str, tuple[np.ndarray, dict[str, Any]]],
    heading: str | None,
    size: Callable[[np.ndarray], float],
    level: float = CONSTANT_BELOW,
) -> Chart:
    """Chart of the largest of many curves with a note that names the others.

    Args:
        label: of the axis.
        curves: columns and matplotlib's words for their lines, by their text in the legend.
        heading: above the legend.
        size: of a column, by which curves are chosen.
        level: range below which there is rounding only.
    """
    shown = largest_of({name: size(column) for name, (column, _) in curves.items()}, MOST_CURVES)
    left = [name for name in curves if name not in shown]
    note = f"smaller: {'; '.join(left)}" if left else ""
    chosen = {name: curve for name, curve in curves.items() if name in shown}
    legend = {name: look for name, (_, look) in chosen.items()}
    return Chart(label, list(chosen.values()), legend, heading, level, note)
