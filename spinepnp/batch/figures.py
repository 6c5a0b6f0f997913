"""Families of curves and maps over two axes of a batch, as figures and as charts of its page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas

from spinepnp.pages.curves import Chart, Curve
from spinepnp.pages.words import Words

#: Largest number of panels of a figure.
PANELS = 6

#: Largest number of curves of a panel: more could not be told apart.
CURVES = 12


def numeric(table: pandas.DataFrame, columns: list[str]) -> list[str]:
    """Those of some columns that hold numbers."""
    return [c for c in columns if pandas.api.types.is_numeric_dtype(table[c])]


def _text(words: Words, column: str, value: Any) -> str:
    """``radius = 50 nm``: a value with its name in words."""
    quantity = words.of_column(column)
    if isinstance(value, str):
        return value
    return f"{quantity.words} = {value:g} {quantity.unit}".rstrip()


def _label(table: pandas.DataFrame, column: str) -> str:
    """A column's name in words, as an axis is called: ``current at the top (pA)``."""
    return Words.of(table.columns).of_column(column).label


def _parts(table: pandas.DataFrame, columns: list[str]) -> Iterator[tuple[str, pandas.DataFrame]]:
    """Parts of a table whose rows agree in some columns, with their common values as text."""
    differing = [c for c in columns if table[c].nunique(dropna=False) > 1]
    if not differing:
        yield "", table
        return
    for values, part in table.groupby(differing, sort=False, dropna=False):
        words = Words.of(table.columns)
        yield ", ".join(_text(words, c, v) for c, v in zip(differing, values, strict=True) if v == v), part


def _panels(table: pandas.DataFrame, others: list[str]) -> list[tuple[str, pandas.DataFrame]]:
    """Parts of a table that get a panel each: by the columns with words, such as the shape."""
    words = [c for c in others if c not in numeric(table, others)]
    parts = list(_parts(table, words))
    return parts[:PANELS]


def _figure(number: int, width: float, height: float) -> tuple[Any, list[Any]]:
    import matplotlib.figure

    columns = min(number, 3)
    rows = -(-number // columns)
    figure = matplotlib.figure.Figure(figsize=(width * columns, height * rows), dpi=150, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in axes[number:]:
        unused.set_axis_off()
    return figure, list(axes[:number])


def draw_families(table: pandas.DataFrame, x: str, value: str, others: list[str]) -> Any:
    """Curves of a value over an axis, one for each combination of the others; a panel for each word among them.

    Args:
        table: results of a batch, one row a case.
        x: column of the abscissa.
        value: column of the ordinate.
        others: columns of the other axes of the batch.

    Returns:
        Figure of matplotlib.
    """
    import matplotlib

    panels = _panels(table, others)
    figure, axes = _figure(len(panels), 5.2, 4.0)
    for place, (title, part) in zip(axes, panels, strict=True):
        curves = list(_parts(part, others))
        colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.88, min(len(curves), CURVES)))
        for colour, (label, curve) in zip(colours, curves[:CURVES], strict=False):
            curve = curve.sort_values(x)
            place.plot(curve[x], curve[value], "o-", color=colour, markersize=3.5, linewidth=1.4, label=label)
        more = f" (first {CURVES} of {len(curves)})" if len(curves) > CURVES else ""
        place.set_title(title + more, fontsize=10)
        place.set_xlabel(_label(table, x))
        place.set_ylabel(_label(table, value))
        place.grid(alpha=0.3)
        if len(curves) > 1:
            place.legend(frameon=False, fontsize=8)
    return figure


def family_charts(table: pandas.DataFrame, x: str, value: str, others: list[str]) -> list[Chart]:
    """Charts of `draw_families`, for the page; none over words.

    Args:
        table: results of a batch, one row a case.
        x: column of the abscissa.
        value: column of the ordinate.
        others: columns of the other axes of the batch.
    """
    if not pandas.api.types.is_numeric_dtype(table[x]):
        return []
    charts = []
    for title, part in _panels(table, others):
        curves = []
        for label, curve in list(_parts(part, others))[:CURVES]:
            rows = curve.sort_values(x)
            name = label or _label(table, value)
            curves.append(Curve(name, rows[x].to_numpy(float), rows[value].to_numpy(float), marks=True))
        charts.append(Chart(title or _label(table, value), _label(table, x), _label(table, value), tuple(curves)))
    return charts


def _maps(table: pandas.DataFrame, y: str | None, others: list[str]) -> Iterator[tuple[str, str, pandas.DataFrame]]:
    """Title, column along the ordinate, and rows of each panel of a map."""
    numbers = numeric(table, others)
    for title, part in _parts(table, [c for c in others if c not in numbers and c != y]):
        within = [c for c in others if part[c].nunique() > 1]
        ordinate = y or max(within, key=lambda c: part[c].nunique(), default=None)
        if ordinate is not None and part[ordinate].notna().any():
            for detail, rows in _parts(part, [c for c in within if c != ordinate]):
                yield ", ".join(filter(None, (title, detail))), ordinate, rows


def draw_heat(table: pandas.DataFrame, x: str, y: str | None, value: str, others: list[str]) -> Any:
    """A value over two axes as a map with numbers; a panel for each combination of the others.

    Args:
        table: results of a batch, one row a case.
        x: column of the abscissa.
        y: column of the ordinate; by default the one with most values in a panel.
        value: column that is shown by colours and numbers.
        others: columns of the other axes of the batch.

    Returns:
        Figure of matplotlib; ``None`` where nothing has two axes.
    """
    panels = list(_maps(table, y, others))[:PANELS]
    if not panels:
        return None
    figure, axes = _figure(len(panels), 5.2, 3.6)
    limits = float(table[value].min()), float(table[value].max())
    image = None
    for place, (title, ordinate, part) in zip(axes, panels, strict=True):
        grid = part.pivot_table(index=ordinate, columns=x, values=value, aggfunc="mean", sort=True)
        image = place.imshow(
            grid.to_numpy(), origin="lower", aspect="auto", cmap="viridis", vmin=limits[0], vmax=limits[1]
        )
        place.set_xticks(range(grid.shape[1]), [_tick(v) for v in grid.columns], rotation=45, fontsize=8)
        place.set_yticks(range(grid.shape[0]), [_tick(v) for v in grid.index], fontsize=8)
        place.set_xlabel(_label(table, x))
        place.set_ylabel(_label(table, ordinate))
        place.set_title(title, fontsize=10)
        if grid.size <= 80:
            middle = 0.5 * (limits[0] + limits[1])
            for (row, column), number in np.ndenumerate(grid.to_numpy()):
                if np.isfinite(number):
                    shade = "black" if number > middle else "white"
                    place.text(column, row, f"{number:.3g}", ha="center", va="center", fontsize=7, color=shade)
    figure.colorbar(image, ax=axes, label=_label(table, value), shrink=0.8)
    return figure


def _tick(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | int) else str(value)
