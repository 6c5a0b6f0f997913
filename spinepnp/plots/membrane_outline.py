"""Outline of a meridian with the potential over its membranes, and marks of the arc length along them."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.plots.cells import facets
from spinepnp.plots.membranes import Stretch
from spinepnp.plots.style import at_time, in_words, level_limits

#: Colours of times and of the membrane potential.
COLOURS = "viridis"

#: Range over the largest value below which there is rounding only: fields in time have single precision.
ROUNDING = 2e-6

#: Number of points of a stretch of membrane on that outline.
FINE = 201

#: Colour of boundaries without a membrane.
BARE = "#c8c8c8"

#: Least distance of two marks of the arc length across and along, over the larger side of the outline: nearer ones
#: cover each other.
APART = (0.16, 0.05)

#: Values of one quantity: of each part of the membranes, its stretches and their values, of shape (times, n).
Panels = list[list[tuple[Stretch, np.ndarray]]]


def draw_outline(
    figure: Any, axes: Any, grid: Any, parts: list[list[Stretch]], panels: Panels, times: np.ndarray, label: str
) -> None:
    """Draw the outline of a meridian and its mirror image with the membrane potential, and marks of the arc length.

    Args:
        figure: figure of matplotlib.
        axes: its axes for the outline.
        grid: grid of the meridian.
        parts: membranes by connected parts of the outline.
        panels: potential over them, which is shown at the time of its largest change.
        times: times of the values, in the unit of the results.
        label: name of the potential.
    """
    import matplotlib.collections
    import matplotlib.ticker

    outer = facets(grid)
    outer = outer[np.any(grid.points[outer[:, :2], 0] > 1e-9 * np.ptp(grid.points), axis=1)]
    time = _time_of_largest_change(panels)
    pieces, colours = [], []
    for shown in panels:
        for stretch, values in shown:
            s = stretch.position
            fine = np.linspace(s[0], s[-1], FINE)
            points = np.column_stack([np.interp(fine, s, grid.points[stretch.nodes, i]) for i in (0, 1)])
            pieces += list(np.stack([points[:-1], points[1:]], axis=1))
            colours += list(np.interp((fine[:-1] + fine[1:]) / 2.0, s, values[time]))
    for side in (1.0, -1.0):
        mirror = np.array([side, 1.0])
        bare = matplotlib.collections.LineCollection(
            grid.points[outer[:, :2], :2] * mirror, colors=BARE, linewidths=1.0
        )
        axes.add_collection(bare)
        drawn = matplotlib.collections.LineCollection(
            np.array(pieces) * mirror, cmap=COLOURS, linewidths=3.5, capstyle="round"
        )
        drawn.set_array(np.array(colours))
        drawn.set_clim(*level_limits(min(colours), max(colours), ROUNDING))
        axes.add_collection(drawn)
    _mark_lengths(axes, grid, parts)
    axes.set_aspect("equal")
    axes.margins(x=0.3, y=0.1)  # marks of the arc length stand at the right
    axes.autoscale_view()
    axes.tick_params(axis="x", labelsize=7)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(3))
    axes.set_xlabel("r (um)")
    axes.set_ylabel("z (um)")
    when = f"\nat {at_time(times[time])}" if len(times) > 1 else ""
    label = in_words(label, min(colours), max(colours), ROUNDING)
    figure.colorbar(drawn, ax=axes, label=f"{label}{when}", aspect=25)


def _time_of_largest_change(panels: Panels) -> int:
    """Number of the time at which a quantity differs most from its first values."""
    changes = [np.abs(values - values[0]).max(axis=1) for part in panels for _, values in part]
    return int(np.argmax(np.max(changes, axis=0)))


def _mark_lengths(axes: Any, grid: Any, parts: list[list[Stretch]]) -> None:
    """Draw marks of the arc length along membranes, none so near to another one that both could not be read."""
    import matplotlib.ticker

    held: list[np.ndarray] = []
    side = np.ptp(grid.points[:, :2], axis=0).max()
    for part in sorted(parts, key=lambda part: -np.ptp(np.concatenate([stretch.position for stretch in part]))):
        s = np.concatenate([stretch.position for stretch in part])
        nodes = np.concatenate([stretch.nodes for stretch in part])
        for tick in matplotlib.ticker.MaxNLocator(5).tick_values(s[0], s[-1]):
            place = np.array([np.interp(tick, s, grid.points[nodes, i]) for i in (0, 1)])
            near = any(np.all(np.abs(place - other) < np.array(APART) * side) for other in held)
            if s[0] <= tick <= s[-1] and not near:
                held.append(place)
                axes.plot(*place, ".", color="black", markersize=3)
                axes.annotate(f"{tick:g}", place, (5, 0), textcoords="offset points", fontsize=7, va="center")
