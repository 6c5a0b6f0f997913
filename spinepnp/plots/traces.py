"""Potentials, concentrations, currents and gates of a transient over time."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.case.trace_ions import bound_forms, traces
from spinepnp.plots.curves import column_of, pieces, smooth
from spinepnp.plots.style import (
    IONS,
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
from spinepnp.units import CONCENTRATION, CURRENT, POTENTIAL, TIME, concentration_unit

#: Factor over the maxima of all other potentials above which the curve of a boundary is drawn thin.
THIN_ABOVE = 1.3

#: Column of the times.
TIME_COLUMN = f"time_{TIME.suffix}"

#: Range below which a curve is drawn as constant, in the units of the results: it is rounding.
CONSTANT_BELOW = 1e-6

#: Largest number of curves of a family on one chart, and of charts of a family.
MOST_CURVES, MOST_CHARTS = 8, 4

#: Ratio of the largest values of two species up to which they share a linear axis.
ONE_AXIS = 10.0

#: Least height of a chart, and height of a line of its legend, inches.
HEIGHT, LEGEND_LINE = 1.9, 0.205

#: Longest line of a note below a legend, characters.
NOTE_WIDTH = 22


@dataclass(frozen=True)
class _Chart:
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
    charts = [_potentials(case, rows), *_concentrations(case, rows), *_compartments(case, rows), _currents(case, rows)]
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
    looks, names = list(chart.legend.values()), list(chart.legend)
    if chart.note:
        looks.append({"linestyle": "none"})
        names.append(textwrap.fill(chart.note, NOTE_WIDTH))
    set_legend(axes, [matplotlib.lines.Line2D([], [], **look) for look in looks], names, chart.heading)


def _columns(rows: Sequence[dict[str, Any]], names: Iterable[str], ending: str) -> dict[str, np.ndarray]:
    """Columns of one quantity by place, without empty ones."""
    columns = {name: column_of(rows, f"{name}{ending}") for name in names}
    return {name: column for name, column in columns.items() if np.isfinite(column).any()}


def _potentials(case: Case, rows: Sequence[dict[str, Any]]) -> _Chart:
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
    return _Chart(f"potential ({POTENTIAL.unit})", curves, {words[name]: looks[name] for name in values})


def _concentrations(case: Case, rows: Sequence[dict[str, Any]]) -> list[_Chart]:
    """Charts of concentrations by magnitude: traces, their bound forms, others that react; else changes of the salt."""
    electrolyte, free, bound = case.electrolyte, traces(case), bound_forms(case)
    reacting = [n for n, reacts in zip(electrolyte.names, electrolyte.network.reacts, strict=True) if reacts]
    groups = []
    for names in (free, bound, [name for name in reacting if name not in (*free, *bound)]):
        ends = [f".concentration_{CONCENTRATION.suffix}.{name}" for name in names]
        columns = [_columns(rows, list(case.probes) or ["volume"], end).values() for end in ends]
        groups += _by_magnitude({n: max(map(_highest, c)) for n, c in zip(names, columns, strict=True) if c})
    salt = [] if reacting else [name for name in electrolyte.names if name not in free]
    charts = [_at_places(case, rows, salt, changes=True)] if salt else []
    return charts + [_at_places(case, rows, names, changes=False) for names in groups]


def _by_magnitude(sizes: Mapping[str, float]) -> list[list[str]]:
    """Names in groups that can share a linear axis, the largest first."""
    groups, top = list[list[str]](), 0.0
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        if not groups or (sizes[name] * ONE_AXIS < top and len(groups) < MOST_CHARTS):
            groups.append([])
            top = sizes[name]
        groups[-1].append(name)
    return groups


def _at_places(case: Case, rows: Sequence[dict[str, Any]], names: Sequence[str], *, changes: bool) -> _Chart:
    """Chart of concentrations at probes, or of their changes, by colour of species and style of probe."""
    ions = {name: look for name, look in _species_looks(case, dashed=changes).items() if name in names}
    places, styles = list(case.probes) or ["volume"], {}
    if len(places) > 1:
        styles = {n: {"linestyle": look["linestyle"]} for n, look in place_styles(case).items() if n in places}
        ions = {name: look | {"linestyle": "-"} for name, look in ions.items()}
    curves, largest, later = [], 0.0, dict[str, float]()
    for place in places:
        for name, look in ions.items():
            column = column_of(rows, f"{place}.concentration_{CONCENTRATION.suffix}.{name}")
            there = np.flatnonzero(np.isfinite(column))
            if len(there):
                curves.append((column - column[there[0]] if changes else column, look | styles.get(place, {})))
                largest = max(largest, float(column[there[0]]))
                if there[0]:  # a probe that was added to a run
                    later[place] = float(rows[there[0]][TIME_COLUMN])
    legend = ions | {n: {"color": OHM, "linewidth": WIDTH} | style for n, style in styles.items()}
    heading = None if styles else places[0] if case.probes else "mean"
    label = f"change of\nconcentration ({CONCENTRATION.unit})"
    if not changes:
        curves, label = _in_readable_unit(curves)
    note = "; ".join(f"{place}: since {time:g} {TIME.unit}" for place, time in later.items())
    return _Chart(label, curves, legend, heading, level=1e-9 * largest, note=note)


def _species_looks(case: Case, *, dashed: bool) -> dict[str, dict[str, Any]]:
    """Matplotlib's words for the lines of all species: colours, and dashes where none are left for places."""
    names = case.electrolyte.names
    looks = dict(zip(names, line_styles(IONS, len(names)), strict=True))
    return looks if dashed else {name: look | {"linestyle": STYLES[0]} for name, look in looks.items()}


def _in_readable_unit(curves: list[tuple[np.ndarray, dict[str, Any]]]) -> tuple[list[Any], str]:
    """Curves of concentrations in the unit that reads best, and the label of their axis."""
    highest = max((_highest(column) for column, _ in curves), default=0.0)
    unit, si = concentration_unit(highest * CONCENTRATION.si)
    return [(column * (CONCENTRATION.si / si), look) for column, look in curves], f"concentration ({unit})"


def _compartments(case: Case, rows: Sequence[dict[str, Any]]) -> list[_Chart]:
    """Charts of concentrations in compartments by colour of species and style of compartment.

    Of traces by magnitude, of the other species the changes.
    """
    changes, values, largest, compartments = {}, {}, 0.0, list(case.compartments or ())
    for place, name in enumerate(compartments):
        for species, look in _ion_looks(case, place).items():
            column = column_of(rows, f"compartments.{name}.concentration_{CONCENTRATION.suffix}.{species}")
            words = species if len(compartments) == 1 else f"{name}, {species}"
            if np.isfinite(column).any() and species in traces(case):
                values[words] = (column, look)
            elif np.isfinite(column).any():
                first = float(column[np.isfinite(column)][0])
                changes[words] = (column - first, look)
                largest = max(largest, first)
    heading = compartments[0] if len(compartments) == 1 else "compartments"
    label = f"change of\nconcentration ({CONCENTRATION.unit})"
    charts = [_family(label, changes, heading, _highest, level=1e-9 * largest)]
    for group in _by_magnitude({words: _highest(column) for words, (column, _) in values.items()}):
        curves, label = _in_readable_unit([values[words] for words in group])
        charts.append(_family(label, dict(zip(group, curves, strict=True)), heading, _highest, level=0.0))
    return charts


def _currents(case: Case, rows: Sequence[dict[str, Any]]) -> _Chart:
    """Chart of the currents of all ions together through the boundaries that are shown, and of those into loads."""
    looks = place_styles(case)
    values = _columns(rows, case.shown_boundaries, f".current_{CURRENT.suffix}.total")
    curves = {name: (column, looks[name]) for name, column in values.items()}
    for name, column in _columns(rows, case.boundaries, f".load.current_{CURRENT.suffix}").items():
        curves[f"{name}, out into load"] = (column, looks.get(name, {"color": OHM}) | {"linestyle": STYLES[1]})
    return _family(f"current ({CURRENT.unit})", curves, "ions, inwards" if values else None, _highest)


def _currents_out(case: Case, rows: Sequence[dict[str, Any]]) -> list[_Chart]:
    """Charts of what leaves through each boundary that is grounded or has a load, by ion, where there are membranes."""
    if not any(boundary.mechanisms for boundary in case.boundaries.values()):
        return []
    found = []
    for place in [n for n, b in case.boundaries.items() if b.prescribes_potential or b.load is not None][:MOST_CHARTS]:
        looks = _ion_looks(case, 0) | {"total": {"color": "black", "linestyle": STYLES[1], "linewidth": WIDTH}}
        columns = _columns(rows, (f"{place}.current_{CURRENT.suffix}.{name}" for name in looks), "")
        curves = {
            "all ions" if n == "total" else n: (-columns[key], looks[n])
            for key in columns
            for n in [key.split(".")[-1]]
        }
        found.append(_family(f"current at the\n{place} ({CURRENT.unit})", curves, "by ion, outwards", _highest))
    return found


def _mechanisms(case: Case, rows: Sequence[dict[str, Any]]) -> list[_Chart]:
    """Charts of currents by mechanism and ion, one a boundary, by colour of species and style of mechanism."""
    charts, highest = {}, {}
    for place, boundary in case.boundaries.items():
        curves = {}
        for number, mechanism in enumerate(boundary.mechanisms):
            for species, look in _ion_looks(case, number).items():
                column = column_of(rows, f"{place}.{mechanism.name}.current_{CURRENT.suffix}.{species}")
                if np.isfinite(column).any() and _highest(column) > 0.0:  # trace.csv has zeros of ions that do not pass
                    curves[f"{mechanism.name}, {species}"] = (column, look)
        if curves:
            charts[place] = _family(f"current ({CURRENT.unit})", curves, f"{place}, inwards", _highest)
            highest[place] = max(_highest(column) for column, _ in curves.values())
    shown = _largest(highest, MOST_CHARTS)
    found = [chart for place, chart in charts.items() if place in shown]
    if len(found) < len(charts):
        left = ", ".join(place for place in charts if place not in shown)
        found[-1] = replace(found[-1], note=f"{found[-1].note} smaller currents: {left}".strip())
    return found


def _gates(_case: Case, rows: Sequence[dict[str, Any]]) -> _Chart:
    """Chart of the open fractions of gates: of channels, and means over the membrane of those of mechanisms."""
    names = sorted({name for row in rows for name in row if re.search(r"\.gate\.?\w+$", name)})
    found = dict(zip(names, line_styles(PLACES, len(names)), strict=True))
    places = {name.partition(".")[0] for name in names}
    curves = {}
    for name, column in _columns(rows, names, "").items():
        owner, _, label = name.rpartition(".gate")
        place, _, mechanism = owner.partition(".")
        words = [place] if len(places) > 1 or not mechanism else []
        text = ", ".join([*words, f"{mechanism} {label[1:]}" if mechanism else f"gate {label.lstrip('.')}"])
        curves[text] = (column, found[name])
    heading = next(iter(places)) if len(places) == 1 and all(".gate" in n.partition(".")[2] for n in names) else None
    return _family("open fraction", curves, heading, lambda column: float(np.ptp(column[np.isfinite(column)])))


def _ion_looks(case: Case, number: int) -> dict[str, dict[str, Any]]:
    """Matplotlib's words for the lines of all species: their colours, and the dashes of a place of some number."""
    names = case.electrolyte.names
    look = {"linestyle": STYLES[number % len(STYLES)], "linewidth": WIDTH if number < len(STYLES) else WIDTH / 2.0}
    return {name: look | {"color": IONS[i % len(IONS)]} for i, name in enumerate(names)}


def _highest(column: np.ndarray) -> float:
    """Largest absolute value of a column."""
    return float(np.nanmax(np.abs(column)))


def _largest(sizes: Mapping[str, float], count: int) -> set[str]:
    """Names of the largest sizes."""
    return set(sorted(sizes, key=lambda name: -sizes[name])[:count])


def _family(
    label: str,
    curves: Mapping[str, tuple[np.ndarray, dict[str, Any]]],
    heading: str | None,
    size: Callable[[np.ndarray], float],
    level: float = CONSTANT_BELOW,
) -> _Chart:
    """Chart of the largest of many curves with a note that names the others.

    Args:
        label: of the axis.
        curves: columns and matplotlib's words for their lines, by their text in the legend.
        heading: above the legend.
        size: of a column, by which curves are chosen.
        level: range below which there is rounding only.
    """
    shown = _largest({name: size(column) for name, (column, _) in curves.items()}, MOST_CURVES)
    left = [name for name in curves if name not in shown]
    note = f"smaller: {'; '.join(left)}" if left else ""
    chosen = {name: curve for name, curve in curves.items() if name in shown}
    legend = {name: look for name, (_, look) in chosen.items()}
    return _Chart(label, list(chosen.values()), legend, heading, level, note)
