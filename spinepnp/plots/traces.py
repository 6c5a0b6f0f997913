"""Potentials, concentrations, currents and gates of a transient over time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.plots.curves import column_of, pieces, smooth
from spinepnp.plots.style import (
    IONS,
    OHM,
    PLACES,
    WIDTH,
    line_styles,
    new_figure,
    place_styles,
    set_legend,
    set_title,
    write,
)  # fmt: skip
from spinepnp.units import CONCENTRATION, CURRENT, POTENTIAL, TIME

#: Factor over the maxima of all other potentials above which the curve of a boundary is drawn thin.
THIN_ABOVE = 1.3

#: Range below which a curve is drawn as constant, in the units of the results: it is rounding.
CONSTANT_BELOW = 1e-6


@dataclass(frozen=True)
class _Chart:
    """Curves over time on one axis.

    Attributes:
        label: of the axis, with its unit.
        curves: columns in that unit, NaN where a row has none, each with matplotlib's words for its line.
        legend: names and lines of the legend.
        heading: above it.
        level: range below which there is rounding only.
    """

    label: str
    curves: list[tuple[np.ndarray, dict[str, Any]]]
    legend: dict[str, dict[str, Any]]
    heading: str | None = None
    level: float = CONSTANT_BELOW


def draw_trace(case: Case, rows: Sequence[dict[str, Any]], directory: Path) -> list[Path]:
    """Potentials, concentrations, currents and gates of a transient over time, as ``trace.png``.

    Args:
        case: case of the transient.
        rows: rows of trace.csv or observables.csv.
        directory: directory of the picture.

    Returns:
        Path of the picture; an empty list with fewer than two times.
    """
    times, first = np.unique(column_of(rows, f"time_{TIME.suffix}"), return_index=True)
    rows = [rows[i] for i in first]
    charts = [chart(case, rows) for chart in (_potentials, _concentrations, _currents, _gates)]
    shown = [chart for chart in charts if chart.curves]
    if len(times) < 2 or not shown:
        return []
    figure = new_figure(7.4, 0.9 + 1.9 * len(shown))
    panels = figure.subplots(len(shown), sharex=True, squeeze=False)[:, 0]
    stretches = pieces(times, *_edges(case))
    for axes, chart in zip(panels, shown, strict=True):
        _draw_chart(axes, chart, times, stretches)
    panels[-1].set_xlabel(f"time ({TIME.unit})")
    panels[-1].set_xlim(times[0], times[-1])
    figure.align_ylabels(panels)
    set_title(figure, case.title)
    write(figure, directory / "trace.png")
    return [directory / "trace.png"]


def _edges(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Times at which prescribed values jump, and at which they bend, in the unit of the results."""
    profiles = [waveform for boundary in case.boundaries.values() for waveform in boundary.waveforms]
    jumps = {t for profile in profiles for t in profile.jumps}
    bends = {t for profile in profiles for t in profile.breaks} - jumps
    return np.array(sorted(jumps)) / TIME.si, np.array(sorted(bends)) / TIME.si


def _draw_chart(axes: Any, chart: _Chart, times: np.ndarray, stretches: list[slice]) -> None:
    """Draw the curves, axis and legend of a chart."""
    import matplotlib.lines

    for values, look in chart.curves:
        axes.plot(*smooth(times, values, stretches), **look)
    shown = np.concatenate([values[np.isfinite(values)] for values, _ in chart.curves])
    if np.ptp(shown) < chart.level:
        axes.set_ylim(shown.mean() - 0.5, shown.mean() + 0.5)
    axes.set_ylabel(chart.label)
    axes.grid(alpha=0.3)
    keys = [matplotlib.lines.Line2D([], [], **look) for look in chart.legend.values()]
    set_legend(axes, keys, list(chart.legend), chart.heading)


def _columns(rows: Sequence[dict[str, Any]], names: Iterable[str], ending: str) -> dict[str, np.ndarray]:
    """Columns of one quantity by place, without empty ones."""
    columns = {name: column_of(rows, f"{name}{ending}") for name in names}
    return {name: column for name, column in columns.items() if np.isfinite(column).any()}


def _potentials(case: Case, rows: Sequence[dict[str, Any]]) -> _Chart:
    """Chart of the potentials at probes and boundaries; a boundary far above all others gets a thin line."""
    looks = place_styles(case)
    values = _columns(rows, looks, f".potential_{POTENTIAL.suffix}")
    highest = {name: float(np.nanmax(np.abs(column))) for name, column in values.items()}
    for name in set(values) - set(case.probes):
        others = [high for other, high in highest.items() if other != name]
        if others and highest[name] > THIN_ABOVE * max(others):
            looks[name]["linewidth"] = WIDTH / 2.0
    curves = [(column, looks[name]) for name, column in values.items()]
    return _Chart(f"potential ({POTENTIAL.unit})", curves, {name: looks[name] for name in values})


def _concentrations(case: Case, rows: Sequence[dict[str, Any]]) -> _Chart:
    """Chart of the changes of concentrations since the first row, by colour of species and style of probe."""
    ions = dict(zip(case.electrolyte.names, line_styles(IONS, len(case.electrolyte.names)), strict=True))
    places, styles = list(case.probes) or ["volume"], {}
    if len(places) > 1:
        styles = {n: {"linestyle": look["linestyle"]} for n, look in place_styles(case).items() if n in places}
        ions = {name: look | {"linestyle": "-"} for name, look in ions.items()}
    curves, largest = [], 0.0
    for place in places:
        for name, look in ions.items():
            column = column_of(rows, f"{place}.concentration_{CONCENTRATION.suffix}.{name}")
            if np.isfinite(column[0]):
                curves.append((column - column[0], look | styles.get(place, {})))
                largest = max(largest, float(column[0]))
    legend = ions | {n: {"color": OHM, "linewidth": WIDTH} | style for n, style in styles.items()}
    heading = None if styles else places[0] if case.probes else "mean"
    label = f"change of\nconcentration ({CONCENTRATION.unit})"
    return _Chart(label, curves, legend, heading, level=1e-9 * largest)


def _currents(case: Case, rows: Sequence[dict[str, Any]]) -> _Chart:
    """Chart of the currents of all ions together, through the boundaries that are shown."""
    looks = place_styles(case)
    values = _columns(rows, case.shown_boundaries, f".current_{CURRENT.suffix}.total")
    curves = [(column, looks[name]) for name, column in values.items()]
    return _Chart(f"current ({CURRENT.unit})", curves, {name: looks[name] for name in values})


def _gates(_case: Case, rows: Sequence[dict[str, Any]]) -> _Chart:
    """Chart of the open fractions of gates."""
    names = sorted({name for row in rows for name in row if re.search(r"\.gate\.?\d+$", name)})
    looks = dict(zip(names, line_styles(PLACES, len(names)), strict=True))
    curves = [(column, looks[name]) for name, column in _columns(rows, names, "").items()]
    return _Chart("open fraction", curves, {name.replace(".gate", ", gate "): look for name, look in looks.items()})
