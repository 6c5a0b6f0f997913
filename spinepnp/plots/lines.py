"""Curves along a line: fields on it, the potential along axis and wall of a body, sizes of cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.figure_style import COMPUTED
from spinepnp.plots.cells import facets, is_solid
from spinepnp.plots.style import IONS, LAW, OHM, line_styles, new_figure, set_legend, set_title, show_flat, write
from spinepnp.units import CONCENTRATION, POTENTIAL

#: Ratio of concentrations above which the axis is logarithmic: a trace beside salt is flat on a linear one.
TRACE = 1e3


def profiles(grid: Any, title: str, moment: str = "", where: str = "") -> tuple[Any, dict[str, Any], Any]:
    """Potential and concentrations along a line: the figure, its lines by the name of the array, and the title.

    Args:
        grid: grid with the fields at its points.
        title: title of the figure.
        moment: time or point of a sweep of the fields.
        where: addition to the name of the potential.
    """
    figure = new_figure(6.4, 6.4)
    upper, lower = figure.subplots(2, sharex=True)
    order = np.argsort(grid.points[:, 0])
    x, lines = grid.points[order, 0], {}
    looks = iter(line_styles(IONS, len(grid.array_names)))
    for name in [name for name in grid.array_names if name.startswith(("potential", "concentration"))]:
        if name.startswith("potential"):
            (lines[name],) = upper.plot(x, grid[name][order], color=LAW)
        else:
            ion = name.partition(".")[2]
            (lines[name],) = lower.plot(x, grid[name][order], label=ion, **next(looks))
    upper.set_ylabel(f"potential ({POTENTIAL.unit}){where}")
    lower.set_ylabel(f"concentration ({CONCENTRATION.unit})")
    lower.set_xlabel("position (um)")
    set_legend(lower, *lower.get_legend_handles_labels())
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        axes.margins(x=0.02)
        shown = np.concatenate([line.get_ydata() for line in axes.lines])
        show_flat(axes, shown.min(), shown.max())
    if lower.lines and shown.min() > 0.0 and shown.max() > TRACE * shown.min():
        lower.set_yscale("log")
    return figure, lines, set_title(figure, title, moment)


def draw_profile(grid: Any, path: Path, title: str, moment: str = "", where: str = "") -> None:
    """Potential and each concentration along the axis and along the wall of a body of revolution, above its outline.

    Each species has a panel of its own: a trace would be flat beside the salt.

    Args:
        grid: mesh with fields, as of `run.fields.gather` (PyVista, um and result units).
        path: path of the picture (PNG).
        title: title of the picture; "profile" where it is empty.
        moment: time or point of a sweep of the fields.
        where: addition to the name of the potential, such as that it is beside Debye layers.
    """
    import pyvista

    solid = is_solid(grid)
    along = 2 if solid else 1
    low, high = np.array(grid.bounds).reshape(3, 2)[along]
    ends = np.zeros((2, 3))
    ends[:, along] = low, high
    axis = pyvista.Line(*ends, resolution=400).sample(grid)
    inside = np.asarray(axis["vtkValidPointMask"], dtype=bool)
    outer = np.unique(facets(grid)[:, : 3 if solid else 2])
    points = grid.points[outer]
    z, radius = points[:, along], np.hypot(points[:, 0], points[:, 1]) if solid else points[:, 0]
    wall = radius > 1e-6 * (high - low)
    labels = {f"potential_{POTENTIAL.suffix}": f"potential ({POTENTIAL.unit}){where}"}
    start = f"concentration_{CONCENTRATION.suffix}."
    labels |= {n: f"{n.removeprefix(start)} ({CONCENTRATION.unit})" for n in grid.array_names if n.startswith(start)}
    figure = new_figure(6.4, 2.9 + 1.5 * len(labels))
    rows = figure.subplots(len(labels) + 1, sharex=True, height_ratios=[2, *[1.2] * (len(labels) - 1), 1])
    for axes, (name, label) in zip(rows[:-1], labels.items(), strict=True):
        axes.plot(axis.points[inside, along], axis[name][inside], color=LAW, label="axis")
        axes.plot(z[wall], grid[name][outer][wall], ".", color=COMPUTED, markersize=2.5, label="surface")
        show_flat(axes, *grid.get_data_range(name))
        axes.set_ylabel(label, parse_math=False)
    rows[-1].plot(z[wall], radius[wall], ".", color=OHM, markersize=2.5)
    set_title(figure, title or "profile", moment)
    rows[0].legend(frameon=False)
    rows[-1].set_ylabel("radius (um)")
    rows[-1].set_xlabel("z (um)")
    rows[-1].set_ylim(bottom=0.0)
    for axes in rows:
        axes.grid(alpha=0.3)
    figure.align_ylabels(rows)
    write(figure, path)


def draw_sizes(grid: Any, path: Path, title: str) -> None:
    """Size of the cells of a line against their place.

    Args:
        grid: mesh of a line, as of `run.fields.gather_mesh` (PyVista, um).
        path: path of the picture (PNG).
        title: title of the picture; "mesh" where it is empty.
    """
    ends = grid.points[grid.cell_connectivity.reshape(grid.n_cells, -1)[:, :2], 0]
    figure = new_figure(6.4, 4.6)
    axes = figure.add_subplot()
    order = np.argsort(ends.mean(axis=1))
    axes.semilogy(ends.mean(axis=1)[order], np.ptp(ends, axis=1)[order] * 1e3, ".-", color=LAW)
    axes.set_xlabel("position (um)")
    axes.set_ylabel("size of the cell (nm)")
    set_title(figure, title or "mesh")
    axes.grid(alpha=0.3)
    write(figure, path)
