"""Pictures of a body at several values of a sweep, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from spinepnp.plots.bodies import View, draw_scale, show
from spinepnp.plots.cells import is_solid
from spinepnp.plots.style import TITLE_LINE, ColourScale, new_figure, scale_of, set_title
from spinepnp.units import POTENTIAL

#: Larger side of each of several small pictures, inches: tall ones stand in one row, others in rows of three.
TALL_INCHES, SMALL_INCHES = 3.8, 2.6

#: Larger side of them, pixels.
SMALL_PIXELS = 600

#: Ratio of the sizes of bodies up to which pictures have one scale of lengths, else each one its own.
ALIKE = 3.0

#: Height over width of a tall picture.
TALL = 1.5


def sweep_figure(
    points: Sequence[tuple[str, Any]], title: str, *, opened: bool, moment: str = "", where: str = ""
) -> Any:
    """Figure of the potential at several values of a sweep: small pictures with one scale of colours.

    Args:
        points: value in words, and grid with the potential at its points, of each point.
        title: title of the figure.
        opened: whether a body is cut open.
        moment: words for what was varied.
        where: addition to the name of the potential.
    """
    name = f"potential_{POTENTIAL.suffix}"
    ranges = np.array([grid.get_data_range(name) for _, grid in points])
    look = scale_of(f"potential ({POTENTIAL.unit}){where}", "viridis", ranges[:, 0].min(), ranges[:, 1].max())
    shown = list(_pictures(points, name, look, opened=opened))
    flat = not is_solid(points[0][1])
    extents = np.array([extent for _, _, extent in shown])
    sizes = np.column_stack([extents[:, 1] - extents[:, 0], extents[:, 3] - extents[:, 2]])
    longest = sizes.max(axis=1)
    alike = longest.max() <= ALIKE * longest.min()
    sizes = sizes / (longest.max() if alike else longest[:, None])
    tall = bool(np.all(sizes[:, 1] > TALL * sizes[:, 0]))
    columns = len(points) if tall else 2 if len(points) == 4 else min(len(points), 3)
    lines = -(-len(points) // columns)
    width, height = (TALL_INCHES if tall else SMALL_INCHES) * sizes.max(axis=0)
    figure = new_figure(columns * (max(width, 1.1) + (0.75 if flat else 0.3)) + 1.2, lines * (height + 0.4) + 0.5)
    figure.set_layout_engine("compressed")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, (value, picture, extent) in zip(panels, shown, strict=False):
        axes.set_title(value, fontsize=9, parse_math=False)
        show(axes, picture, extent, flat=flat)
        if alike:
            middle, half = np.array(extent).reshape(2, 2).mean(axis=1), 0.5 * longest.max() * sizes.max(axis=0)
            axes.set_xlim(middle[0] - half[0], middle[0] + half[0])
            axes.set_ylim(middle[1] - half[1], middle[1] + half[1])
        if axes is not panels[0]:
            axes.set_ylabel("")
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    draw_scale(figure, list(panels), look)
    above = set_title(figure, title or "potential", moment)
    figure.set_figheight(figure.get_figheight() + TITLE_LINE * above.get_text().count("\n"))
    return figure


def _pictures(
    points: Sequence[tuple[str, Any]], name: str, look: ColourScale, *, opened: bool
) -> Iterator[tuple[str, np.ndarray, tuple[float, ...]]]:
    """Value, picture and extent of each point; a mesh that all have is cut once, as it takes longer than a picture."""
    first = points[0][1]
    if all(np.array_equal(grid.points, first.points) for _, grid in points):
        for number, (_, grid) in enumerate(points):
            first.point_data[f"{number}.{name}"] = grid[name]
        view = View(first, opened=opened, pixels=SMALL_PIXELS)
        for number, (value, _) in enumerate(points):
            yield value, view.picture(f"{number}.{name}", look), view.extent
        view.close()
        return
    for value, grid in points:
        view = View(grid, opened=opened, pixels=SMALL_PIXELS)
        yield value, view.picture(name, look), view.extent
        view.close()
