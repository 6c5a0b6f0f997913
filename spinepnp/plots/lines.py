"""Curves along a line: fields on it, the potential along axis and wall of a body, sizes of cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.figure_style import COMPUTED
from spinepnp.geometries import MODEL_UNIT
from spinepnp.plots.cells import facets, is_solid
from spinepnp.plots.style import (
    DARK,
    IONS,
    LAW,
    OF_LAW,
    OHM,
    WIDTH,
    line_styles,
    new_figure,
    set_legend,
    set_title,
    show_flat,
    write,
)
from spinepnp.units import CONCENTRATION, POTENTIAL
from spinepnp.validation.laws.profiles import LawProfile

#: Look of the curves of laws, which lie on those of the solution.
DASHED = {"linestyle": (0, (4, 3)), "color": OF_LAW, "linewidth": WIDTH, "zorder": 3}

#: Ratio of concentrations above which the axis is logarithmic: a trace beside salt is flat on a linear one.
TRACE = 1e3


def labels_of(grid: Any, where: str = "") -> dict[str, str]:
    """Name and unit of the potential and of each concentration of a grid, by the name of the array.

    Args:
        grid: grid with the fields at its points.
        where: addition to the name of the potential.
    """
    start = f"concentration_{CONCENTRATION.suffix}."
    ions = {n: f"{n.removeprefix(start)} ({CONCENTRATION.unit})" for n in grid.array_names if n.startswith(start)}
    return {f"potential_{POTENTIAL.suffix}": f"potential ({POTENTIAL.unit}){where}"} | ions


def draw_law(axes: Any, law: LawProfile | None, name: str, **look: Any) -> None:
    """Draw the profile of a law, dashed, if there is one, without a change of the limits of the axes.

    Args:
        axes: axes of matplotlib.
        law: the profile.
        name: name of the array that it belongs to.
        look: matplotlib's keywords in place of those of `DASHED`.
    """
    if law is None:
        return
    species = name.partition(".")[2]
    values = law.concentration[species] / CONCENTRATION.si if species else law.potential / POTENTIAL.si
    if np.isfinite(values).all():
        axes.plot(law.z / MODEL_UNIT, values, **{**DASHED, "label": "law", **look})


def profiles(
    grid: Any, title: str, moment: str = "", where: str = "", law: LawProfile | None = None
) -> tuple[Any, dict[str, Any], Any]:
    """Potential and concentrations along a line: the figure, its lines by the name of the array, and the title.

    Args:
        grid: grid with the fields at its points.
        title: title of the figure.
        moment: time or point of a sweep of the fields.
        where: addition to the name of the potential.
        law: profile of the law that the fields are compared with.
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
    for name, line in lines.items():
        draw_law(line.axes, law, name)
    if upper.lines[1:]:
        set_legend(upper, upper.lines[1:], ["law"])
    return figure, lines, set_title(figure, title, moment)


def sweep_profiles(
    points: Sequence[tuple[str, Any, LawProfile | None]], title: str, moment: str = "", where: str = ""
) -> Any:
    """Figure of the potential and of each concentration along a line, with one curve for each value of a sweep.

    Args:
        points: value in words, grid with the fields at its points, and profile of the law, of each point.
        title: title of the figure.
        moment: words for what was varied.
        where: addition to the name of the potential.
    """
    import matplotlib

    labels = labels_of(points[0][1], where)
    figure = new_figure(6.4, 1.4 + 1.9 * len(labels))
    rows = figure.subplots(len(labels), sharex=True)
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, DARK, len(points)))
    for axes, (name, label) in zip(rows, labels.items(), strict=True):
        for (_, grid, _), colour in zip(points, colours, strict=True):
            order = np.argsort(grid.points[:, 0])
            axes.plot(grid.points[order, 0], grid[name][order], color=colour, linewidth=WIDTH)
        keys = list(axes.lines)
        shown = np.concatenate([line.get_ydata() for line in keys])
        show_flat(axes, shown.min(), shown.max())
        for _, _, law in points:
            draw_law(axes, law, name, color="black", linewidth=1.0)
        if axes is rows[0]:
            laws = axes.lines[len(keys) :][:1]
            set_legend(axes, [*keys, *laws], [value for value, _, _ in points] + ["law"] * len(laws))
        axes.set_ylabel(label, parse_math=False)
        axes.grid(alpha=0.3)
    rows[-1].set_xlabel("position (um)")
    figure.align_ylabels(rows)
    set_title(figure, title, moment)
    return figure


def draw_profile(
    grid: Any, path: Path, title: str, moment: str = "", where: str = "", law: LawProfile | None = None
) -> None:
    """Potential and each concentration along the axis and along the wall of a body of revolution, above its outline.

    Each species has a panel of its own: a trace would be flat beside the salt.

    Args:
        grid: mesh with fields, as of `run.fields.gather` (PyVista, um and result units).
        path: path of the picture (PNG).
        title: title of the picture; "profile" where it is empty.
        moment: time or point of a sweep of the fields.
        where: addition to the name of the potential, such as that it is beside Debye layers.
        law: profile of the law that the fields are compared with.
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
    labels = labels_of(grid, where)
    figure = new_figure(6.4, 2.9 + 1.5 * len(labels))
    rows = figure.subplots(len(labels) + 1, sharex=True, height_ratios=[2, *[1.2] * (len(labels) - 1), 1])
    for axes, (name, label) in zip(rows[:-1], labels.items(), strict=True):
        axes.plot(axis.points[inside, along], axis[name][inside], color=LAW, label="axis")
        axes.plot(z[wall], grid[name][outer][wall], ".", color=COMPUTED, markersize=2.5, label="surface")
        draw_law(axes, law, name)
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
