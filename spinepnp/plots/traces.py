"""Potentials, concentrations, currents and gates of a transient over time."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.plots.charts import (
    MOST_CHARTS,
    NOTE_WIDTH,
    TIME_COLUMN,
    Chart,
    columns_of,
    family,
    highest_of,
    ion_looks,
    largest_of,
)
from spinepnp.plots.concentration_traces import compartment_charts, concentration_charts
from spinepnp.plots.curves import column_of, pieces, smooth
from spinepnp.plots.style import (
    OHM,
    PLACES,
    STYLES,
    WIDTH,
    line_styles,
    new_figure,
    place_styles,
    set_legend,
    set_title,
    write,
)  # fmt: skip
from spinepnp.solvers.problem.columns import BESIDE, NEUTRAL_POTENTIAL, shown_potential
from spinepnp.units import CURRENT, POTENTIAL, TIME

#: Factor over the maxima of all other potentials above which the curve of a boundary is drawn thin.
THIN_ABOVE = 1.3


def draw_trace(
    case: Case, rows: Sequence[dict[str, Any]], directory: Path, trace: Sequence[dict[str, Any]] = ()
) -> list[Path]:
    """Potentials, concentrations, currents and gates of a transient over time, as ``trace.png``.

    Args:
        case: case of the transient.
        rows: rows of observables.csv.
        directory: directory of the picture.
        trace: rows of trace.csv, which has more times but not all columns; none where there is no such file.

    Returns:
        Path of the picture; an empty list with fewer than two times.
    """
    rows = _joined(trace or rows, rows if trace else ())
    times = column_of(rows, TIME_COLUMN)
    charts = [
        _potentials(case, rows),
        *concentration_charts(case, rows),
        *compartment_charts(case, rows),
        _currents(case, rows),
    ]
    charts += _currents_out(case, rows)
    shown = [chart for chart in (*charts, *_mechanisms(case, rows), _gates(case, rows)) if chart.curves]
    if len(times) < 2 or not shown:
        return []
    heights = [chart.height for chart in shown]
    figure = new_figure(7.4, 0.9 + sum(heights))
    panels = figure.subplots(len(shown), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    stretches = pieces(times, *_edges(case))
    for axes, chart in zip(panels, shown, strict=True):
        _draw_chart(axes, chart, times, stretches)
    panels[-1].set_xlabel(f"time ({TIME.unit})")
    panels[-1].set_xlim(times[0], times[-1])
    figure.align_ylabels(panels)
    set_title(figure, case.title)
    write(figure, directory / "trace.png")
    return [directory / "trace.png"]


def _joined(rows: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in the order of time, one a time, with those columns of others that they lack."""
    known = set(rows[0]) - {TIME_COLUMN} if rows else set()
    by_time: dict[float, dict[str, Any]] = {}
    for row in (*[{key: value for key, value in row.items() if key not in known} for row in others], *rows):
        by_time.setdefault(float(row[TIME_COLUMN]), {}).update(row)
    return [by_time[time] for time in sorted(by_time)]


def _edges(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Times at which prescribed values jump, and at which they bend, in the unit of the results."""
    profiles = [waveform for boundary in case.boundaries.values() for waveform in boundary.waveforms]
    jumps = {t for profile in profiles for t in profile.jumps}
    bends = {t for profile in profiles for t in profile.breaks} - jumps
    return np.array(sorted(jumps)) / TIME.si, np.array(sorted(bends)) / TIME.si


def _draw_chart(axes: Any, chart: Chart, times: np.ndarray, stretches: list[slice]) -> None:
    """Draw the curves, axis and legend of a chart."""
    import matplotlib.lines

    for values, look in chart.curves:
        axes.plot(*smooth(times, values, stretches), **look)
    shown = np.concatenate([values[np.isfinite(values)] for values, _ in chart.curves])
    if np.ptp(shown) < chart.level:
        axes.set_ylim(shown.mean() - 0.5, shown.mean() + 0.5)
    axes.set_ylabel(chart.label)
    axes.grid(alpha=0.3)
    looks, names = list(chart.legend.values()), list(chart.legend)
    if chart.note:
        looks.append({"linestyle": "none"})
        names.append(textwrap.fill(chart.note, NOTE_WIDTH))
    set_legend(axes, [matplotlib.lines.Line2D([], [], **look) for look in looks], names, chart.heading)


def _potentials(case: Case, rows: Sequence[dict[str, Any]]) -> Chart:
    """Chart of the potentials at probes and boundaries; a boundary far above all others gets a thin line."""
    looks = place_styles(case)
    columns = {name: shown_potential(name, *rows) for name in looks}
    words = {n: f"{n}, {BESIDE}" if NEUTRAL_POTENTIAL in column else n for n, column in columns.items()}
    values = {name: column_of(rows, column) for name, column in columns.items()}
    values = {name: column for name, column in values.items() if np.isfinite(column).any()}
    highest = {name: float(np.nanmax(np.abs(column))) for name, column in values.items()}
    for name in set(values) - set(case.probes):
        others = [high for other, high in highest.items() if other != name]
        if others and highest[name] > THIN_ABOVE * max(others):
            looks[name]["linewidth"] = WIDTH / 2.0
    curves = [(column, looks[name]) for name, column in values.items()]
    return Chart(f"potential ({POTENTIAL.unit})", curves, {words[name]: looks[name] for name in values})


def _currents(case: Case, rows: Sequence[dict[str, Any]]) -> Chart:
    """Chart of the currents of all ions together through the boundaries that are shown, and of those into loads."""
    looks = place_styles(case)
    values = columns_of(rows, case.shown_boundaries, f".current_{CURRENT.suffix}.total")
    curves = {name: (column, looks[name]) for name, column in values.items()}
    for name, column in columns_of(rows, case.boundaries, f".load.current_{CURRENT.suffix}").items():
        curves[f"{name}, out into load"] = (column, looks.get(name, {"color": OHM}) | {"linestyle": STYLES[1]})
    return family(f"current ({CURRENT.unit})", curves, "ions, inwards" if values else None, highest_of)


def _currents_out(case: Case, rows: Sequence[dict[str, Any]]) -> list[Chart]:
    """Charts of what leaves through each boundary that is grounded or has a load, by ion, where there are membranes."""
    if not any(boundary.mechanisms for boundary in case.boundaries.values()):
        return []
    found = []
    for place in [n for n, b in case.boundaries.items() if b.prescribes_potential or b.load is not None][:MOST_CHARTS]:
        looks = ion_looks(case, 0) | {"total": {"color": "black", "linestyle": STYLES[1], "linewidth": WIDTH}}
        columns = columns_of(rows, (f"{place}.current_{CURRENT.suffix}.{name}" for name in looks), "")
        curves = {
            "all ions" if n == "total" else n: (-columns[key], looks[n])
            for key in columns
            for n in [key.split(".")[-1]]
        }
        found.append(family(f"current at the\n{place} ({CURRENT.unit})", curves, "by ion, outwards", highest_of))
    return found


def _mechanisms(case: Case, rows: Sequence[dict[str, Any]]) -> list[Chart]:
    """Charts of currents by mechanism and ion, one a boundary, by colour of species and style of mechanism."""
    charts, highest = {}, {}
    for place, boundary in case.boundaries.items():
        curves = {}
        for number, mechanism in enumerate(boundary.mechanisms):
            for species, look in ion_looks(case, number).items():
                column = column_of(rows, f"{place}.{mechanism.name}.current_{CURRENT.suffix}.{species}")
                if (
                    np.isfinite(column).any() and highest_of(column) > 0.0
                ):  # trace.csv has zeros of ions that do not pass
                    curves[f"{mechanism.name}, {species}"] = (column, look)
        if curves:
            charts[place] = family(f"current ({CURRENT.unit})", curves, f"{place}, inwards", highest_of)
            highest[place] = max(highest_of(column) for column, _ in curves.values())
    shown = largest_of(highest, MOST_CHARTS)
    found = [chart for place, chart in charts.items() if place in shown]
    if len(found) < len(charts):
        left = ", ".join(place for place in charts if place not in shown)
        found[-1] = replace(found[-1], note=f"{found[-1].note} smaller currents: {left}".strip())
    return found


def _gates(_case: Case, rows: Sequence[dict[str, Any]]) -> Chart:
    """Chart of the open fractions of gates: of channels, and means over the membrane of those of mechanisms."""
    names = sorted({name for row in rows for name in row if re.search(r"\.gate\.?\w+$", name)})
    found = dict(zip(names, line_styles(PLACES, len(names)), strict=True))
    places = {name.partition(".")[0] for name in names}
    curves = {}
    for name, column in columns_of(rows, names, "").items():
        owner, _, label = name.rpartition(".gate")
        place, _, mechanism = owner.partition(".")
        words = [place] if len(places) > 1 or not mechanism else []
        text = ", ".join([*words, f"{mechanism} {label[1:]}" if mechanism else f"gate {label.lstrip('.')}"])
        curves[text] = (column, found[name])
    heading = next(iter(places)) if len(places) == 1 and all(".gate" in n.partition(".")[2] for n in names) else None
    return family("open fraction", curves, heading, lambda column: float(np.ptp(column[np.isfinite(column)])))
