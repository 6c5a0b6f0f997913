"""Curves over time, or over a varied value, from tables of results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spinepnp.pages.curves import Chart, Curve
from spinepnp.pages.words import DISPLACEMENT, Quantity, Words
from spinepnp.plots.curves import column_of
from spinepnp.plots.style import IONS

#: Kinds of quantities that have curves.
KINDS = (
    "potential", "electroneutral_potential", "ohmic_potential", "computed_potential", "concentration", "current",
    "gate",
)  # fmt: skip

#: Largest number of curves on a chart, and of charts on a page: of more, those with the largest changes are shown.
MOST_CURVES, MOST_CHARTS = 12, 24


def charts(
    rows: Sequence[dict[str, Any]], abscissa: str, x_label: str, ions: Sequence[str] = (), *, peaks: bool = False
) -> list[Chart]:
    """Charts of all potentials, concentrations, currents and open fractions of a table.

    Args:
        rows: rows, numbers or as they are read.
        abscissa: column of the abscissa.
        x_label: label of the abscissa.
        ions: species, whose currents have the colours of their places among them.
        peaks: whether the rows are those of transients, of which the peaks are shown.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    x = column_of(rows, abscissa)
    order = np.argsort(x, kind="stable")
    words, groups = Words.of(names), dict[tuple[str, str], list[tuple[Quantity, np.ndarray]]]()
    for name in names:
        if name == abscissa or name.startswith("peak.") != peaks:
            continue
        quantity = words.of_column(name.removeprefix("peak."))
        if quantity.kind not in KINDS or quantity.part == DISPLACEMENT:
            continue
        values = column_of(rows, name)[order]
        if np.isfinite(values).sum() > 1:
            groups.setdefault(_chart_of(quantity, words), []).append((quantity, values))
    made = []
    for (title, y_label), found in groups.items():
        if y_label.startswith("current") and not any(np.nanmax(np.abs(values)) > 0.0 for _, values in found):
            continue
        curves = tuple(Curve(_name(q), x[order], values, _colour(q, ions), marks=True) for q, values in _largest(found))
        made.append(Chart(f"{'peak of ' if peaks else ''}{title}", x_label, y_label, curves))
    return made[:MOST_CHARTS]


def _chart_of(quantity: Quantity, words: Words) -> tuple[str, str]:
    """Title and label of the chart of a quantity: all potentials, one a species, currents and gates by place."""
    unit, at = f" ({quantity.unit})" if quantity.unit else "", words.place(quantity.place)
    if quantity.kind == "concentration":
        return quantity.part, f"{quantity.part}{unit}"
    if quantity.kind == "current":
        through = f"current through {at.removeprefix('at ').removeprefix('in ')}"
        return f"currents by mechanisms {at}" if quantity.mechanism else through, f"current{unit}"
    if quantity.kind == "gate":
        return f"open fractions {at}", "open fraction"
    return "potential", f"potential{unit}"


def _name(quantity: Quantity) -> str:
    """Name of a curve on a chart whose title has the rest."""
    if quantity.kind in ("current", "gate") or quantity.place == "law":
        return quantity.short
    return f"{quantity.place}, electroneutral" if quantity.kind.startswith("electroneutral") else quantity.place


def _colour(quantity: Quantity, ions: Sequence[str]) -> str:
    """Colour of the current of an ion through a boundary; empty for others, which have that of their place."""
    own = quantity.kind == "current" and not quantity.mechanism and quantity.part in ions
    return IONS[list(ions).index(quantity.part) % len(IONS)] if own else ""


def _largest(found: list[tuple[Quantity, np.ndarray]]) -> list[tuple[Quantity, np.ndarray]]:
    """Those curves of a chart that change most, in their order."""
    ranges = [float(np.ptp(values[np.isfinite(values)])) for _, values in found]
    least = sorted(ranges)[-MOST_CURVES:][0]
    return [one for one, span in zip(found, ranges, strict=True) if span >= least][:MOST_CURVES]
