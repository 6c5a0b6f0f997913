"""Film of a transient: its fields at the listed times, on one scale of colours from the first frame to the last."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.plots.bodies import View, page
from spinepnp.plots.cells import is_line, is_solid, read_times, times_and_files
from spinepnp.plots.lines import profiles
from spinepnp.plots.scene import can_render
from spinepnp.plots.style import ColourScale, at_time, fitted, level_limits, snapshot
from spinepnp.plots.sweeps import carrier
from spinepnp.units import CONCENTRATION, POTENTIAL

#: Largest number of frames; of more fields, this many are taken at even distances.
MOST_FRAMES = 60

#: Duration of a frame, ms.
FRAME_MS = 200

#: Duration of the last frame, ms: longer, so that the end is seen.
LAST_MS = 1200

#: Resolution of frames, dots per inch: a film of the resolution of pictures would be large.
DPI = 100

#: Number of colours of a GIF.
COLOURS = 256

#: Number of greys among them, for text and axes.
GREYS = 24

#: Number of shades of a line from its colour to white, for its smooth edges.
SHADES = 12

#: Per cent of the volume at either end of the values that may lie beyond the scale of colours.
LEFT_OUT = 0.5

#: Least distance of extreme values beyond the scale, over its length, at which they are left out of it.
BEYOND = 0.1

#: Figure, its title, function that puts the field of a given number into it, and its colours from 0 to 1, shape
#: (colours, 3).
Film = tuple[Any, Any, Callable[[int], None], np.ndarray]


def draw_animation(case: Case, directory: Path) -> list[Path]:
    """Potential and concentration of a transient as ``animation.gif``; none with fewer than two fields.

    A body is seen as in ``potential.png``, the potential at the left and the species that is injected at the right; of
    a line there are curves. What is hot in less than a two-hundredth of the volume lies beyond the scale of colours.
    """
    series = [(time, path) for time, path in times_and_files(directory / "fields.pvd") if path.exists()]
    if len(series) < 2:
        return []
    if case.geometry.dimension != "1d" and not can_render():
        print("no animation: install libegl1 (or libosmesa6)", file=sys.stderr)
        return []
    chosen = np.unique(np.linspace(0, len(series) - 1, min(len(series), MOST_FRAMES)).round().astype(int))
    grid, fields = read_times([series[i][1] for i in chosen])
    make = _film_of_line if is_line(grid) else _film_of_body
    frames = []
    with ExitStack() as at_end:
        figure, title, show, colours = make(case, grid, fields, at_end)
        for number, i in enumerate(chosen):
            show(number)
            title.set_text(fitted(case.title, figure, at_time(series[i][0])))
            frames.append(_frame(figure))
    path = directory / "animation.gif"
    path.write_bytes(_gif(frames, colours))
    return [path]


def _film_of_line(case: Case, grid: Any, fields: dict[str, np.ndarray], _at_end: ExitStack) -> Film:
    """Curves along a line, with axes that hold all of them."""
    import matplotlib.colors

    order = np.argsort(grid.points[:, 0])
    figure, lines, title = profiles(grid, case.title or "potential")
    for name, line in lines.items():
        x = np.tile(grid.points[:, 0], len(fields[name]))
        line.axes.update_datalim(np.column_stack([x, fields[name].ravel()]))
        line.axes.autoscale_view()

    def show(number: int) -> None:
        for name, line in lines.items():
            line.set_ydata(fields[name][number][order])

    colours = np.array([matplotlib.colors.to_rgb(line.get_color()) for line in lines.values()])
    shades = 1.0 - np.linspace(1.0, 0.0, SHADES, endpoint=False)[:, None, None] * (1.0 - colours)
    return figure, title, show, shades.reshape(-1, 3)


def _film_of_body(case: Case, grid: Any, fields: dict[str, np.ndarray], at_end: ExitStack) -> Film:
    """A body or a meridian with its potential, and beside it with the species that is injected."""
    import matplotlib

    species = carrier(case)
    potential, concentration = f"potential_{POTENTIAL.suffix}", f"concentration_{CONCENTRATION.suffix}.{species}"
    weights = node_weights(grid)
    looks = {
        potential: ColourScale(f"potential ({POTENTIAL.unit})", "viridis", *scale(fields[potential], weights)),
        concentration: ColourScale(
            f"{species} ({CONCENTRATION.unit})", "plasma", *scale(fields[concentration], weights)
        ),
    }
    for name in looks:
        for number, values in enumerate(fields[name]):
            grid.point_data[f"{number}.{name}"] = values
    view = View(grid, opened=case.geometry.on_axis)
    at_end.callback(view.close)
    first = [(view.picture(f"0.{name}", look), look) for name, look in looks.items()]
    figure, images, title = page(first, view.extent, case.title or "potential", flat=view.flat)

    def show(number: int) -> None:
        for image, (name, look) in zip(images, looks.items(), strict=True):
            image.set_data(view.picture(f"{number}.{name}", look))

    each = np.linspace(0.0, 1.0, (COLOURS - GREYS) // len(looks))
    colours = np.vstack([matplotlib.colormaps[look.colours](each)[:, :3] for look in looks.values()])
    return figure, title, show, colours


def node_weights(grid: Any) -> np.ndarray:
    """Volume around each node of a body, or of the body that a meridian stands for (up to a factor), shape (nodes,)."""
    dim = 3 if is_solid(grid) else 2
    corners = grid.cell_connectivity.reshape(grid.n_cells, -1)[:, : dim + 1]
    x = grid.points[corners][:, :, :dim]
    volumes = np.abs(np.linalg.det(x[:, 1:] - x[:, :1]))
    if dim == 2:
        volumes *= x[:, :, 0].mean(axis=1)
    return np.bincount(corners.ravel(), np.repeat(volumes, dim + 1), minlength=grid.n_points)


def scale(fields: np.ndarray, weights: np.ndarray) -> tuple[tuple[float, float], str]:
    """Limits of one scale of colours for all frames, without what is extreme in a small part of the volume.

    Args:
        fields: values of all frames, shape (frames, nodes).
        weights: volume around each node.

    Returns:
        The limits, and the ends beyond which there are values: "neither", "min", "max" or "both".
    """
    low, high = float(fields.min()), float(fields.max())
    ends = np.array([_percentiles(values, weights) for values in fields])
    inner_low, inner_high = float(ends[:, 0].min()), float(ends[:, 1].max())
    margin = BEYOND * (inner_high - inner_low)
    below, above = low < inner_low - margin, high > inner_high + margin
    limits = level_limits(inner_low if below else low, inner_high if above else high)
    return limits, {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[
        below, above
    ]


def _percentiles(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Lower and upper percentile of the values by volume."""
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    found = np.searchsorted(share, np.array([LEFT_OUT, 100.0 - LEFT_OUT]) / 100.0 * share[-1])
    return np.asarray(values[order][np.minimum(found, len(values) - 1)])


def _frame(figure: Any) -> np.ndarray:
    """Picture of a figure, shape (height, width, 3); its layout stays that of the first frame."""
    figure.set_dpi(DPI)
    picture = snapshot(figure)
    figure.set_layout_engine("none")
    return picture


def _gif(frames: list[np.ndarray], colours: np.ndarray) -> bytes:
    """Frames, each of shape (height, width, 3), as one file that plays again and again.

    Colours (0 to 1) and greys are the same for all frames, so that nothing flickers.
    """
    import PIL.Image
    from scipy.spatial import KDTree

    greys = np.repeat(np.linspace(1.0, 0.0, GREYS)[:, None], 3, axis=1)
    palette = np.round(255.0 * np.vstack([greys, colours])[:COLOURS]).astype(np.uint8)
    tree = KDTree(palette.astype(float))
    images = []
    for frame in frames:
        found, places = np.unique(frame.astype(np.int64) @ (1 << 16, 1 << 8, 1), return_inverse=True)
        nearest = tree.query(np.column_stack([found >> 16, found >> 8 & 255, found & 255]))[1]
        images.append(PIL.Image.fromarray(nearest[places].reshape(frame.shape[:2]).astype(np.uint8)))
        images[-1].putpalette(palette.ravel().tolist())
    buffer = io.BytesIO()
    stay = [FRAME_MS] * (len(images) - 1) + [LAST_MS]
    images[0].save(buffer, format="GIF", save_all=True, append_images=images[1:], duration=stay, loop=0)
    return buffer.getvalue()
