"""Curves over time, or over a varied value, from tables of results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spinepnp.pages.curves import DASHES, Chart, Curve
from spinepnp.pages.words import DISPLACEMENT, Quantity, Words
from spinepnp.plots.curves import column_of
from spinepnp.plots.style import IONS, OHM
from spinepnp.solvers.problem.columns import BESIDE, NEUTRAL_POTENTIAL, shown_potential

#: Kinds of quantities that have curves.
KINDS = ("potential", "neutral_potential", "ohmic_potential", "concentration", "current", "gate")

#: Largest number of curves on a chart, and of charts on a page: of more, those with the largest changes are shown.
MOST_CURVES, MOST_CHARTS = 12, 24

#: Range of a potential or concentration over its size, and size of a current over the largest one, below which there
#: is rounding only, and no curve.
ROUNDING = 1e-9


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
        if quantity.kind not in KINDS or quantity.part == DISPLACEMENT or not _is_shown(quantity, rows):
            continue
        values = column_of(rows, name)[order]
        if np.isfinite(values).sum() > 1:
            groups.setdefault(_chart_of(quantity, words), []).append((quantity, values))
    made, mechanisms = [], list(dict.fromkeys(q.mechanism for found in groups.values() for q, _ in found))
    largest = max((_size(v) for found in groups.values() for q, v in found if q.kind == "current"), default=0.0)
    for (title, y_label), found in groups.items():
        shown = [(q, values) for q, values in found if _shows(q, values, largest)]
        curves = tuple(Curve(_name(q), x[order], v, *_look(q, ions, mechanisms), marks=True) for q, v in _most(shown))
        if curves:
            made.append(Chart(f"{'peak of ' if peaks else ''}{title}", x_label, y_label, curves))
    return made[:MOST_CHARTS]


def _is_shown(quantity: Quantity, rows: Sequence[dict[str, Any]]) -> bool:
    """Whether a quantity is shown: of a membrane the potential beside its layer or that at its nodes, not both."""
    if quantity.mechanism or quantity.kind not in ("potential", "neutral_potential"):
        return True
    shown = shown_potential(quantity.place, *({k.removeprefix("peak."): v for k, v in row.items()} for row in rows[:1]))
    return (NEUTRAL_POTENTIAL in shown) == (quantity.kind == "neutral_potential")


def _size(values: np.ndarray) -> float:
    return float(np.nanmax(np.abs(values)))


def _shows(quantity: Quantity, values: np.ndarray, largest: float) -> bool:
    """Whether a curve shows anything: a current that flows, a potential or concentration that changes."""
    if quantity.kind == "current":
        return _size(values) > ROUNDING * largest
    return quantity.kind == "gate" or float(np.nanmax(values) - np.nanmin(values)) > ROUNDING * _size(values)


def _chart_of(quantity: Quantity, words: Words) -> tuple[str, str]:
    """Title and label of the chart of a quantity: all potentials, one a species, currents and gates by place."""
    unit, at = f" ({quantity.unit})" if quantity.unit else "", words.place(quantity.place)
    if quantity.kind == "concentration":  # those of compartments may be 1e4 times those of the cytosol
        within = ", compartments" if quantity.column.startswith("compartments.") else ""
        return f"{quantity.part}{within}", f"{quantity.part}{unit}"
    if quantity.kind == "current":
        through = f"current through {at.removeprefix('at ').removeprefix('in ')}"
        return f"currents by mechanisms {at}" if quantity.mechanism else through, f"current{unit}"
    if quantity.kind == "gate":
        return f"open fractions {at}", "open fraction"
    return "potential", f"potential{unit}"


def _name(quantity: Quantity) -> str:
    """Name of a curve on a chart whose title has the rest."""
    if quantity.kind == "neutral_potential":
        return f"{quantity.place}, {BESIDE}"
    if quantity.kind == "potential" and quantity.mechanism:
        return f"{quantity.place}, {quantity.short}"
    return quantity.short if quantity.kind in ("current", "gate") or quantity.place == "law" else quantity.place


def _look(quantity: Quantity, ions: Sequence[str], mechanisms: Sequence[str]) -> tuple[str, str]:
    """Colour of a current by its ion, and dashes by its mechanism; empty for others."""
    if quantity.kind != "current":
        return "", ""
    colour = IONS[list(ions).index(quantity.part) % len(IONS)] if quantity.part in ions else OHM
    number = [name for name in mechanisms if name].index(quantity.mechanism) if quantity.mechanism else 0
    return colour, DASHES[number % len(DASHES)]


def _most(found: list[tuple[Quantity, np.ndarray]]) -> list[tuple[Quantity, np.ndarray]]:
    """Those curves of a chart that change most, in their order."""
    ranges = [float(np.nanmax(values) - np.nanmin(values)) for _, values in found]
    least = sorted(ranges)[-MOST_CURVES:][:1]
    return [one for one, span in zip(found, ranges, strict=True) if [span] >= least][:MOST_CURVES]
