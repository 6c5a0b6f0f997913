"""Pictures of sweeps: potentials against the law, peaks of transients."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.figure_style import COMPUTED
from spinepnp.plots.curves import column_of
from spinepnp.plots.style import LAW, OHM, new_figure, place_styles, set_legend, set_title, write
from spinepnp.solvers.model.terms import TERM_KEYS
from spinepnp.solvers.problem.columns import BESIDE, NEUTRAL_POTENTIAL, POTENTIAL_COLUMN, shown_potential
from spinepnp.units import CONCENTRATION, CURRENT, POTENTIAL, RESISTANCE, Kind, to_unit

#: Ends of the columns with resistances of a place: potential over current, and the slope.
CHORD, SLOPE = f"resistance_{RESISTANCE.suffix}", f"slope_resistance_{RESISTANCE.suffix}"

#: Markers of series.
MARKERS = ("o", "s", "^", "D", "v", "p")


def draw_sweep(case: Case, rows: Sequence[dict[str, Any]], directory: Path) -> list[Path]:
    """Potential at the injecting boundary (or each one that prescribes something) against the varied value.

    The file is ``iv.png`` if a current was varied, else ``sweep.png``; there is none where words were varied.

    Args:
        case: case of the sweep.
        rows: rows of observables.csv, one for each solved value.
        directory: directory of the picture.

    Returns:
        Path of the picture; an empty list without one.
    """
    kind, names = case.study.kind_of_values, [*case.shown_boundaries, *case.probes]
    x = _varied(case, rows)
    if not len(x):
        return []
    resistive = [name for name in names if any(f"{name}.{CHORD}" in row for row in rows)] if kind is CURRENT else []
    figure = new_figure(6.4, 4.6 + (2.2 if resistive else 0.0))
    axes, *below = figure.subplots(2, sharex=True, height_ratios=(2, 1)) if resistive else [figure.add_subplot()]
    pnp = "3D PNP" if case.geometry.dimension == "3d" else "PNP"
    if kind is not None and case.compare is not None:
        _draw_law(axes, case, kind, x)
    elif kind is CURRENT:
        _draw_electroneutral(axes, case, rows, x)
    for number, name in enumerate(names):
        column = shown_potential(name, *rows)
        values = column_of(rows, column)
        beside = f", {BESIDE}" if NEUTRAL_POTENTIAL in column else ""
        look = marker(number, len(names)) | ({"color": COMPUTED} if len(names) == 1 else {})
        axes.plot(x, values, label=f"{pnp}, {name}{beside}", **look)
        _hold(axes, values)
        if name in resistive:
            below[0].plot(x, column_of(rows, f"{name}.{CHORD}"), label=f"{name}, V/I", **look)
            below[0].plot(np.sort(x), column_of(rows, f"{name}.{SLOPE}")[np.argsort(x)], color=look.get("color", OHM),
                          linewidth=1.2, marker=".", label=f"{name}, dV/dI")  # fmt: skip
    for lower in below:
        lower.set_ylabel(f"resistance ({RESISTANCE.unit})")
        lower.grid(alpha=0.3)
        lower.legend(frameon=False, fontsize=8)
    (below or [axes])[-1].set_xlabel(_varied_label(case))
    axes.set_ylabel(f"potential ({POTENTIAL.unit})")
    set_title(figure, case.title)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    path = directory / ("iv.png" if kind is CURRENT else "sweep.png")
    write(figure, path)
    return [path]


def _draw_electroneutral(axes: Any, case: Case, rows: Sequence[dict[str, Any]], x: np.ndarray) -> None:
    """Draw the electroneutral law where the current enters, and the tangent at the smallest current."""
    order = np.argsort(x)
    for name in case.shown_boundaries:
        law = column_of(rows, f"{name}.electroneutral_{POTENTIAL_COLUMN}")[order]
        slope = column_of(rows, f"{name}.{SLOPE}")
        if len(law) > 1 and np.isfinite(law).all():
            axes.plot(*_curve(x[order], law, slope[order]), color=LAW, linewidth=1.6, label="electroneutral law")
        if len(slope) and np.isfinite(slope).all():
            least = int(np.argmin(np.abs(x)))
            value = column_of(rows, f"{name}.{POTENTIAL_COLUMN}")[least]
            rise = slope[least] * RESISTANCE.si * (x[order] - x[least]) * CURRENT.si
            ohm = value + rise / POTENTIAL.si
            axes.plot(x[order], ohm, "--", color=OHM, linewidth=1.2, label="Ohm's law of the smallest current")


def _curve(x: np.ndarray, V: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of a curve through few points with known slopes, MOhm; straight lines where there are none."""
    from scipy.interpolate import CubicHermiteSpline

    if not np.isfinite(slope).all() or not (np.diff(x) > 0.0).all():
        return x, V
    fine = np.unique(np.concatenate([np.linspace(a, b, 21) for a, b in itertools.pairwise(x)]))
    return fine, CubicHermiteSpline(x, V, slope * RESISTANCE.si * CURRENT.si / POTENTIAL.si)(fine)


def marker(number: int, count: int) -> dict[str, Any]:
    """Matplotlib's words for the markers of one of several series, all of which are seen where they coincide."""
    size = 6.0 + 3.0 * (count - 1 - number) if count <= len(MARKERS) else 6.0
    return {
        "linestyle": "none", "marker": MARKERS[number % len(MARKERS)], "markersize": size, "markerfacecolor": "none",
        "markeredgewidth": 1.5, "zorder": 3, "clip_on": False,
    }  # fmt: skip


def _hold(axes: Any, values: np.ndarray) -> None:
    """Widen the limits of an axis so that they hold all values, with a margin."""
    low, high = axes.get_ylim()
    values, margin = values[np.isfinite(values)], 0.05 * (high - low)
    if len(values):
        axes.set_ylim(min(low, values.min() - margin), max(high, values.max() + margin))


def _varied(case: Case, rows: Sequence[dict[str, Any]]) -> np.ndarray:
    """Varied values; none where words were varied, against which nothing can be drawn."""
    try:
        return np.array([float(row[case.study.column]) for row in rows])
    except (TypeError, ValueError):
        return np.zeros(0)


def _varied_label(case: Case) -> str:
    """Label of the varied key, with its unit."""
    kind = case.study.kind_of_values
    return f"{'current' if kind is CURRENT else case.study.vary}{f' ({kind.unit})' if kind else ''}"


def draw_peaks(case: Case, rows: Sequence[dict[str, Any]], directory: Path) -> list[Path]:
    """Peaks of transients against the varied value, as ``sweep.png``; none where words were varied.

    Potentials, and the injected species, at probes if there are any; rows have columns ``peak.*``.

    Args:
        case: case of the sweep.
        rows: rows of observables.csv, one for each value, with columns ``peak.*``.
        directory: directory of the picture.

    Returns:
        Path of the picture; an empty list without one.
    """
    x = _varied(case, rows)
    if not len(x):
        return []
    figure = new_figure(7.4, 5.2)
    panels, looks, order = figure.subplots(2, sharex=True), place_styles(case), np.argsort(x)
    species = carrier(case)
    endings = (POTENTIAL_COLUMN, f"concentration_{CONCENTRATION.suffix}.{species}")
    labels = (f"peak potential ({POTENTIAL.unit})", f"peak of {species} ({CONCENTRATION.unit})")
    places = (list(looks), list(case.probes) or list(looks))
    for axes, names, ending, label in zip(panels, places, endings, labels, strict=True):
        for number, name in enumerate(names):
            look = marker(number, len(names)) | {"color": looks[name]["color"]}
            column = shown_potential(name, *rows) if ending == POTENTIAL_COLUMN else f"{name}.{ending}"
            beside = f", {BESIDE}" if NEUTRAL_POTENTIAL in column else ""
            axes.plot(x[order], column_of(rows, f"peak.{column}")[order], label=f"{name}{beside}", **look)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    set_legend(panels[0], *panels[0].get_legend_handles_labels())
    panels[-1].set_xlabel(_varied_label(case))
    set_title(figure, case.title)
    write(figure, directory / "sweep.png")
    return [directory / "sweep.png"]


def carrier(case: Case) -> str:
    """Species that the first current carries in, or that of the first channel, or the first of all."""
    driven = (name for term in TERM_KEYS for boundary in case.boundaries.values() for name in term.driven(boundary))
    return next(driven, case.electrolyte.names[0])


def _draw_law(axes: Any, case: Case, kind: Kind, x: np.ndarray) -> None:
    """Draw the law of [compare] and Ohm's law over the varied value, from zero on where that is a current."""
    assert case.study.vary is not None
    low, high = (min(0.0, x.min()), max(0.0, x.max())) if kind is CURRENT else (x.min(), x.max())
    curve, law, ohm = np.linspace(low, high, 81), [], []
    for value in curve:
        point = case.with_value(case.study.vary, f"{value} {kind.unit}")
        answer = point.law()
        assert answer is not None
        ground = point.boundaries[answer.ground].ground_potential(answer.current) or 0.0
        law.append(to_unit(answer.potential + ground, POTENTIAL))
        ohm.append(to_unit(answer.ohmic_potential + ground, POTENTIAL))
    axes.plot(curve, ohm, "--", color=OHM, linewidth=1.2, label="Ohm's law")
    axes.plot(curve, law, color=LAW, linewidth=1.6, label="electroneutral law")
    finite = np.array(law)[np.isfinite(law)]
    if np.ptp(finite) > 0.0:
        axes.set_ylim(*(np.array([-0.05, 1.35]) * np.ptp(finite) + finite.min()))
