"""Pictures of a run: the cut-open domain, what was varied, and curves over time."""

from __future__ import annotations

import ctypes
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.case import Case
from spinepnp.meshes.simplices import shape_quality
from spinepnp.units import CONCENTRATION, CURRENT, POTENTIAL, TIME, Kind, to_unit

#: Libraries of which VTK needs one to draw without a screen; without any it would crash the process.
OFF_SCREEN_LIBRARIES = ("libEGL.so.1", "libOSMesa.so.8", "libOSMesa.so")

#: VTK's types of the cells of a line and of a body.
LINES, SOLIDS = (3, 21), (10, 24)

#: Nodes of the facets of a tetrahedron and of a triangle in VTK's order, corners first.
TRIANGLES = ((0, 1, 3, 4, 8, 7), (1, 2, 3, 5, 9, 8), (0, 3, 2, 7, 9, 6), (0, 2, 1, 6, 5, 4))
EDGES = ((0, 1, 3), (1, 2, 4), (2, 0, 5))

COMPUTED, LAW, OHM = "#c1272d", "#0000a7", "#888888"

#: Colours of probes and boundaries, of species, and lines of probes.
PLACES = (LAW, COMPUTED, "#e08e0b", "#444444", "#56b4e9", "#b05fa0")
IONS = ("#008176", "#7b3294", "#d95f02", "#3f90da", "#a6761d", "#666666")
STYLES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))

#: Width of curves, points.
WIDTH = 1.6

#: Curves of a transient: how much higher than all others one is drawn thin; below what range, in the units of the
#: results, one is level; and how near in time, over the whole, rows are where a jump is drawn as an upright line.
HOT, LEVEL, UPRIGHT = 1.3, 1e-6, 1e-3

#: Points of a smooth curve from one row to the next at the most, and in all about.
POINTS_PER_STEP, POINTS = 16, 20_000

#: Facets of a surface that is fine enough for curved ones to be drawn with fewer triangles each.
MANY_FACETS = 20_000

#: Smaller side and larger side of the pictures that VTK draws, pixels, and of their place on a page, inches.
PIXELS, INCHES = (360, 1100), (2.2, 5.8)

#: Height below a body, over its larger side, and side of the square with the arrows there, pixels.
FOOT, ARROWS = 0.12, 160.0


def can_render() -> bool:
    """Whether VTK can draw off screen on this machine."""
    for name in OFF_SCREEN_LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def draw(case: Case, rows: Sequence[dict[str, Any]], fields: Path, directory: Path) -> list[Path]:
    """All pictures that suit a run. On rank 0 only; one that fails is a warning, not an error of the run.

    Args:
        case: what was run.
        rows: rows of observables.csv, numbers or as they are read.
        fields: file with the fields of the last point that was solved.
        directory: that gets them.

    Returns:
        Files that were made.
    """
    solved = [row for row in rows if row.get("status") == "ok"]
    made = attempt(lambda: _draw_fields(case, fields, directory)) if fields.exists() else []
    over_time, varied = case.study.kind == "transient", case.study.vary is not None
    if over_time or varied:
        drawing = draw_sweep if not over_time else draw_peaks if varied else draw_trace
        made += attempt(lambda: drawing(case, solved, directory))
    return made


def attempt(work: Callable[[], list[Path]]) -> list[Path]:
    """The files that some drawing makes; none, and a warning, where it fails.

    Args:
        work: draws, and names its files.
    """
    try:
        return work()
    except Exception as error:  # drawing libraries raise anything; the results are complete without pictures
        print(f"a picture could not be drawn: {' '.join(str(error).split())[:200]}", file=sys.stderr)
        return []


def _draw_fields(case: Case, fields: Path, directory: Path) -> list[Path]:
    """Pictures of the last fields."""
    if case.geometry.dimension != "1d" and not can_render():
        print("no picture of the potential: install libegl1 (or libosmesa6)", file=sys.stderr)
        return []
    import pyvista

    grid = pyvista.read(fields)
    made = [directory / "potential.png"]
    draw_potential(grid, made[0], case.title, opened=case.geometry.on_axis)
    if case.geometry.on_axis and case.geometry.dimension != "1d":
        made.append(directory / "profile.png")
        draw_profile(grid, made[1], case.title)
    return made


def set_title(figure: Any, title: str) -> Any:
    """Write a title over a figure, on two lines if it is long and never beyond its sides.

    Args:
        figure: of matplotlib.
        title: plain text, not read as a formula.

    Returns:
        What matplotlib keeps of it, to change its text.
    """
    return figure.suptitle(fitted(title, figure), fontsize=10, parse_math=False)


def fitted(title: str, figure: Any) -> str:
    """A title in at most two lines as wide as a figure; see `set_title`."""
    characters = int(11.5 * figure.get_figwidth())  # at 10 points
    return "\n".join(textwrap.wrap(title, characters, max_lines=2, placeholder=" ..."))


def draw_potential(grid: Any, path: Path, title: str, *, opened: bool = True) -> None:
    """The potential on the surface of the domain, cut open along its axis; in a meridian; or along a line.

    Args:
        grid: fields with an array ``potential_mV``.
        path: of the PNG.
        title: above the picture.
        opened: whether to cut it open.
    """
    if grid.celltypes[0] in LINES:
        figure, _, _ = profiles(grid, title)
    else:
        name = f"potential_{POTENTIAL.suffix}"
        look = Look(f"potential ({POTENTIAL.unit})", "viridis", level_limits(*grid.get_data_range(name)))
        view = View(grid, opened=opened)
        figure, _, _ = page([(view.picture(name, look), look)], view.extent, title or "potential", flat=view.flat)
        view.close()
    figure.savefig(path)


def level_limits(low: float, high: float) -> tuple[float, float]:
    """Limits of a scale of colours: zero where there is rounding only, and never the same."""
    low, high = (0.0 if abs(limit) < 1e-9 else float(limit) for limit in (low, high))
    return (low, high) if high - low >= 1e-12 else (low - 0.5, high + 0.5)


@dataclass(frozen=True)
class Look:
    """How a field is coloured.

    Attributes:
        label: its name and unit.
        colours: matplotlib's name of the colours.
        limits: of the scale, in that unit.
        extend: ends of the scale that values go beyond: "neither", "min", "max", "both".
    """

    label: str
    colours: str
    limits: tuple[float, float]
    extend: Any = "neither"


class View:
    """A body, cut open or whole, or a meridian, seen without perspective; it draws one field after another.

    Args:
        grid: whose arrays are drawn.
        opened: whether to cut a body along its axis.

    Attributes:
        extent: left, right, lower and upper end of its pictures in the plane of view, um.
        flat: whether it is a meridian, and the ends are those of r and z.
    """

    def __init__(self, grid: Any, *, opened: bool) -> None:
        self.flat = grid.celltypes[0] not in SOLIDS
        self._surface = _surface(grid)
        if opened and not self.flat:
            plane = {"normal": "y", "origin": np.array(grid.center)}
            self._surface = self._surface.clip(**plane, invert=False).merge(grid.slice(**plane), merge_points=False)
        self._plotter, self.extent = window(self._surface.points, flat=self.flat)
        camera = self._plotter.camera
        self._nearer = 2e-3 * (np.array(camera.position) - np.array(camera.focal_point))  # off the surface, to be seen

    def picture(self, name: str, look: Look) -> np.ndarray:
        """A picture of a field with lines of equal values, shape (height, width, 3).

        Args:
            name: of an array of the grid.
            look: its colours.
        """
        light = {"ambient": 0.75, "diffuse": 0.35, "smooth_shading": False}  # colours must stay those of the scale
        self._plotter.add_mesh(
            self._surface, scalars=name, cmap=look.colours, clim=look.limits, show_scalar_bar=False, **light,
            name="field", render=False,
        )  # fmt: skip
        self._plotter.remove_actor("lines", render=False)
        lines = self._surface.contour(np.linspace(*look.limits, 12)[1:-1], scalars=name)
        if lines.n_points:
            lines.points += self._nearer
            self._plotter.add_mesh(lines, color="white", line_width=3.0, lighting=False, name="lines", render=False)
        self._plotter.render()
        return np.asarray(self._plotter.screenshot(None, return_img=True))

    def close(self) -> None:
        """Free the window."""
        self._plotter.close()


def window(points: np.ndarray, *, flat: bool) -> tuple[Any, tuple[float, ...]]:
    """A white window that just holds a body, seen from its open side and a little from above, or a meridian.

    Args:
        points: of its surface, um, shape (points, 3).
        flat: whether it is a meridian.

    Returns:
        A `pyvista.Plotter`, and left, right, lower and upper end of what it shows in the plane of view, um.
    """
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    import pyvista

    toward, up = np.array([(0.0, 0.0, 1.0), (0.0, 1.0, 0.0)] if flat else [(0.9, -2.0, 0.6), (0.0, 0.0, 1.0)])
    toward /= np.linalg.norm(toward)
    right = np.cross(up, toward) / np.linalg.norm(np.cross(up, toward))
    axes = np.array([right, np.cross(toward, right), toward])
    ends = np.array([(points @ axes.T).min(axis=0), (points @ axes.T).max(axis=0)])
    if not flat:  # room for the arrows and the length below the body
        ends[0, 1] -= FOOT * np.ptp(ends[:, :2], axis=0).max()
    size = np.ptp(ends[:, :2], axis=0)
    size = 1.04 * np.maximum(size, size.max() * PIXELS[0] / PIXELS[1])
    width, height = (int(n) for n in np.round(size / size.max() * PIXELS[1]))
    plotter = pyvista.Plotter(off_screen=True, window_size=(width, height))
    plotter.set_background("white")
    plotter.enable_anti_aliasing("ssaa")
    middle, reach = ends.mean(axis=0) @ axes, 2.0 * np.linalg.norm(np.ptp(points, axis=0))
    plotter.camera_position = [tuple(middle + reach * toward), tuple(middle), tuple(up)]
    plotter.camera.parallel_projection = True
    plotter.camera.parallel_scale = size[1] / 2.0
    if not flat:
        plotter.add_axes(color="black", viewport=(0.0, 0.0, ARROWS / width, ARROWS / height))
    (across, along), (half, tall) = ends.mean(axis=0)[:2], size / 2.0
    return plotter, (across - half, across + half, along - tall, along + tall)


def page(
    pictures: list[tuple[np.ndarray, Look]], extent: tuple[float, ...], title: str, *, flat: bool
) -> tuple[Any, list[Any], Any]:
    """Pictures of one view side by side, each with its scale of colours, and a bar that tells lengths.

    Args:
        pictures: and how they are coloured.
        extent: of each in the plane of view, um: left, right, lower and upper end.
        title: above them.
        flat: whether they show a meridian.

    Returns:
        The figure, matplotlib's images in it, and the title.
    """
    import matplotlib.cm
    import matplotlib.colors
    import matplotlib.figure

    left, right, low, high = extent
    width, height = (INCHES[1] * side / max(right - left, high - low) for side in (right - left, high - low))
    size = (len(pictures) * (max(width, INCHES[0]) + 1.4), max(height, INCHES[0]) + 0.7)
    figure = matplotlib.figure.Figure(figsize=size, dpi=150)
    figure.set_layout_engine("compressed", wspace=0.08)  # ticks of the second stay clear of the scale of the first
    images = []
    for axes, (picture, look) in zip(figure.subplots(1, len(pictures), squeeze=False)[0], pictures, strict=True):
        images.append(axes.imshow(picture, extent=extent))
        colours = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(*look.limits), look.colours)
        figure.colorbar(colours, ax=axes, label=look.label, extend=look.extend, shrink=0.75, aspect=25)
        if flat:
            axes.set_xlabel("r (um)")
            axes.set_ylabel("z (um)" if len(images) == 1 else "")
            axes.spines[["top", "right"]].set_visible(False)
        else:
            axes.set_axis_off()
            _draw_length(axes, extent)
    return figure, images, set_title(figure, title)


def _draw_length(axes: Any, extent: tuple[float, ...]) -> None:
    """A bar of a round length in the lower right corner (um)."""
    left, right, low, high = extent
    longest = 0.3 * (right - left)
    power = 10.0 ** np.floor(np.log10(longest))
    length = max(digit * power for digit in (1, 2, 5) if digit * power <= longest)
    end, at = right - 0.04 * (right - left), low + 0.03 * (high - low)
    axes.plot([end - length, end], [at, at], color="black", linewidth=2.5, solid_capstyle="butt")
    axes.text(end - length / 2.0, at + 0.012 * (high - low), f"{length:g} um", ha="center", va="bottom", fontsize=9)


def profiles(grid: Any, title: str) -> tuple[Any, dict[str, Any], Any]:
    """Potential and concentrations along a line.

    Args:
        grid: fields on the line.
        title: above the picture.

    Returns:
        The figure, its lines by the name of the array (with values in the order of the places), and the title.
    """
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(6.4, 6.4), dpi=150, layout="constrained")
    upper, lower = figure.subplots(2, sharex=True)
    order = np.argsort(grid.points[:, 0])
    x, lines = grid.points[order, 0], {}
    looks = iter(_looks(IONS, len(grid.array_names)))
    for name in grid.array_names:
        if name.startswith("potential"):
            (lines[name],) = upper.plot(x, grid[name][order], color=LAW)
        else:
            ion = name.partition(".")[2]
            (lines[name],) = lower.plot(x, grid[name][order], label=ion, **next(looks))
    upper.set_ylabel(f"potential ({POTENTIAL.unit})")
    lower.set_ylabel(f"concentration ({CONCENTRATION.unit})")
    lower.set_xlabel("position (um)")
    _legend(lower, *lower.get_legend_handles_labels())
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        axes.margins(x=0.02)
    return figure, lines, set_title(figure, title)


def _facets(grid: Any) -> np.ndarray:
    """Nodes of the facets that belong to one cell only, corners first, shape (facets, nodes)."""
    cells = grid.cell_connectivity.reshape(grid.n_cells, -1)
    known, corners = (TRIANGLES, 3) if grid.celltypes[0] in SOLIDS else (EDGES, 2)
    facets = np.vstack([cells[:, [node for node in facet if node < cells.shape[1]]] for facet in known])
    _, first, counts = np.unique(np.sort(facets[:, :corners], axis=1), axis=0, return_index=True, return_counts=True)
    return facets[first[counts == 1]]


def _surface(grid: Any) -> Any:
    """Triangles of the surface of a body, with its arrays, or of a meridian itself.

    VTK's own surface of curved cells has facets of the interior, too.
    """
    import pyvista

    surface = grid
    if grid.celltypes[0] in SOLIDS:
        facets = _facets(grid)
        kind = pyvista.CellType.TRIANGLE if facets.shape[1] == 3 else pyvista.CellType.QUADRATIC_TRIANGLE
        surface = pyvista.UnstructuredGrid({kind: facets}, grid.points)
        surface.point_data.update(grid.point_data)
    fineness = 1 if surface.n_cells > MANY_FACETS else 2
    return surface.extract_surface(algorithm="dataset_surface", nonlinear_subdivision=fineness)


def draw_profile(grid: Any, path: Path, title: str) -> None:
    """The potential along the axis and along the wall of a body of revolution, above its outline.

    Args:
        grid: fields with an array ``potential_mV``, of a body around the z axis or of its meridian.
        path: of the PNG.
        title: above the picture.
    """
    import matplotlib.figure
    import pyvista

    name = f"potential_{POTENTIAL.suffix}"
    solid = grid.celltypes[0] in SOLIDS
    along = 2 if solid else 1
    low, high = np.array(grid.bounds).reshape(3, 2)[along]
    ends = np.zeros((2, 3))
    ends[:, along] = low, high
    axis = pyvista.Line(*ends, resolution=400).sample(grid)
    inside = np.asarray(axis["vtkValidPointMask"], dtype=bool)
    surface = np.unique(_facets(grid)[:, : 3 if solid else 2])
    points = grid.points[surface]
    z, radius = points[:, along], np.hypot(points[:, 0], points[:, 1]) if solid else points[:, 0]
    wall = radius > 1e-6 * (high - low)
    figure = matplotlib.figure.Figure(figsize=(6.4, 5.6), dpi=150, layout="constrained")
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    upper.plot(axis.points[inside, along], axis[name][inside], color=LAW, label="axis")
    upper.plot(z[wall], grid[name][surface][wall], ".", color=COMPUTED, markersize=2.5, label="surface")
    lower.plot(z[wall], radius[wall], ".", color=OHM, markersize=2.5)
    set_title(figure, title or "profile")
    upper.set_ylabel(f"potential ({POTENTIAL.unit})")
    upper.legend(frameon=False)
    lower.set_ylabel("radius (um)")
    lower.set_xlabel("z (um)")
    lower.set_ylim(bottom=0.0)
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    figure.savefig(path)


def draw_mesh(grid: Any, path: Path, title: str, *, opened: bool = True) -> None:
    """The cells of a mesh, coloured by their quality: a body cut open along its axis, a meridian, or sizes on a line.

    Args:
        grid: the mesh (`fields.gather_mesh`).
        path: of the PNG.
        title: above the picture.
        opened: whether to cut a body.
    """
    import pyvista

    kind = grid.celltypes[0]
    if kind in LINES:
        _draw_line(grid, path, title)
        return
    corners = grid.cell_connectivity.reshape(grid.n_cells, -1)
    solid = kind in SOLIDS
    corners = corners[:, : 4 if solid else 3]
    straight = pyvista.UnstructuredGrid(
        {pyvista.CellType.TETRA if solid else pyvista.CellType.TRIANGLE: corners}, grid.points
    )
    straight.cell_data["quality"] = shape_quality(grid.points[corners])
    shown = straight
    if solid and opened:
        shown = straight.extract_cells(straight.cell_centers().points[:, 1] > grid.center[1])
    look = Look("quality of the cells", "RdYlGn", (0.0, 1.0))
    plotter, extent = window(shown.points, flat=not solid)
    plotter.add_mesh(
        shown, scalars="quality", clim=look.limits, cmap=look.colours, show_edges=True, line_width=0.5,
        show_scalar_bar=False,
    )  # fmt: skip
    figure, _, _ = page([(plotter.screenshot(None, return_img=True), look)], extent, title or "mesh", flat=not solid)
    plotter.close()
    figure.savefig(path)


def _draw_line(grid: Any, path: Path, title: str) -> None:
    """Size of the cells of a line against their place."""
    import matplotlib.figure

    ends = grid.points[grid.cell_connectivity.reshape(grid.n_cells, -1)[:, :2], 0]
    figure = matplotlib.figure.Figure(figsize=(6.4, 4.6), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    order = np.argsort(ends.mean(axis=1))
    axes.semilogy(ends.mean(axis=1)[order], np.ptp(ends, axis=1)[order] * 1e3, ".-", color=LAW)
    axes.set_xlabel("position (um)")
    axes.set_ylabel("size of the cell (nm)")
    set_title(figure, title or "mesh")
    axes.grid(alpha=0.3)
    figure.savefig(path)


def draw_sweep(case: Case, rows: Sequence[dict[str, Any]], directory: Path) -> list[Path]:
    """Potential at the injecting boundary (or each one that prescribes something) against the varied value.

    Args:
        case: what was run.
        rows: rows that were solved.
        directory: gets ``iv.png`` if a current was varied, else ``sweep.png``.

    Returns:
        The file that was made; none where words were varied.
    """
    kind, names = case.study.kind_of_values, [*case.shown_boundaries, *case.probes]
    x = _varied(case, rows)
    if not len(x):
        return []
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(6.4, 4.6), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    pnp = "3D PNP" if case.geometry.dimension == "3d" else "PNP"
    if kind is not None and case.compare is not None:
        _draw_law(axes, case, kind, x)
    for name in names:
        values = np.array([float(row[f"{name}.potential_{POTENTIAL.suffix}"]) for row in rows])
        axes.plot(x, values, "o", color=COMPUTED if len(names) == 1 else None, label=f"{pnp}, {name}", zorder=3)
    axes.set_xlabel(_varied_label(case))
    axes.set_ylabel(f"potential ({POTENTIAL.unit})")
    set_title(figure, case.title)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    path = directory / ("iv.png" if kind is CURRENT else "sweep.png")
    figure.savefig(path)
    return [path]


def _varied(case: Case, rows: Sequence[dict[str, Any]]) -> np.ndarray:
    """The varied values; none where there is nothing to draw against, because words were varied."""
    try:
        return np.array([float(row[case.study.column]) for row in rows])
    except (TypeError, ValueError):
        return np.zeros(0)


def _varied_label(case: Case) -> str:
    """What was varied, with its unit."""
    kind = case.study.kind_of_values
    return f"{'current' if kind is CURRENT else case.study.vary}{f' ({kind.unit})' if kind else ''}"


def draw_peaks(case: Case, rows: Sequence[dict[str, Any]], directory: Path) -> list[Path]:
    """Peaks of transients against the varied value: potentials, and the injected species, at probes if there are any.

    Args:
        case: what was run.
        rows: one for each value, with columns ``peak.*``.
        directory: gets ``sweep.png``.

    Returns:
        The file that was made; none where words were varied.
    """
    import matplotlib.figure

    x = _varied(case, rows)
    if not len(x):
        return []
    figure = matplotlib.figure.Figure(figsize=(7.4, 5.2), dpi=150, layout="constrained")
    panels, looks, order = figure.subplots(2, sharex=True), _place_looks(case), np.argsort(x)
    species = carrier(case)
    endings = (f"potential_{POTENTIAL.suffix}", f"concentration_{CONCENTRATION.suffix}.{species}")
    labels = (f"peak potential ({POTENTIAL.unit})", f"peak of {species} ({CONCENTRATION.unit})")
    places = (list(looks), list(case.probes) or list(looks))
    for axes, names, ending, label in zip(panels, places, endings, labels, strict=True):
        for name in names:
            axes.plot(x[order], _column(rows, f"peak.{name}.{ending}")[order], "o", label=name, **looks[name])
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    _legend(panels[0], *panels[0].get_legend_handles_labels())
    panels[-1].set_xlabel(_varied_label(case))
    set_title(figure, case.title)
    figure.savefig(directory / "sweep.png")
    return [directory / "sweep.png"]


def carrier(case: Case) -> str:
    """The species that a current carries in: the first one, or that of the first channel, or the first of all."""
    boundaries = case.boundaries.values()
    injected = [injection.species for boundary in boundaries for injection in boundary.injections]
    through_channels = [channel.species for boundary in boundaries for channel in boundary.channels]
    return (*injected, *through_channels, *case.electrolyte.names)[0]


def _draw_law(axes: Any, case: Case, kind: Kind, x: np.ndarray) -> None:
    """The law of [compare] and Ohm's law as curves over the varied value, a current's from zero on."""
    assert case.study.vary is not None
    low, high = (min(0.0, x.min()), max(0.0, x.max())) if kind is CURRENT else (x.min(), x.max())
    curve, law, ohm = np.linspace(low, high, 81), [], []
    for value in curve:
        point = case.with_value(case.study.vary, f"{value} {kind.unit}")
        answer = point.law()
        assert answer is not None
        ground = point.boundaries[answer.ground].held_potential or 0.0
        law.append(to_unit(answer.potential + ground, POTENTIAL))
        ohm.append(to_unit(answer.ohmic_potential + ground, POTENTIAL))
    axes.plot(curve, ohm, "--", color=OHM, linewidth=1.2, label="Ohm's law")
    axes.plot(curve, law, color=LAW, linewidth=1.6, label="electroneutral law")
    finite = np.array(law)[np.isfinite(law)]
    if np.ptp(finite) > 0.0:
        axes.set_ylim(*(np.array([-0.05, 1.35]) * np.ptp(finite) + finite.min()))


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
    level: float = LEVEL


def draw_trace(case: Case, rows: Sequence[dict[str, Any]], directory: Path) -> list[Path]:
    """Potentials, concentrations, currents and gates of a transient over time.

    Args:
        case: what was run.
        rows: of observables.csv, numbers or as they are read.
        directory: gets ``trace.png``.

    Returns:
        The file that was made.
    """
    import matplotlib.figure

    times, first = np.unique(_column(rows, f"time_{TIME.suffix}"), return_index=True)
    rows = [rows[i] for i in first]
    charts = [chart(case, rows) for chart in (_potentials, _concentrations, _currents, _gates)]
    shown = [chart for chart in charts if chart.curves]
    if len(times) < 2 or not shown:
        return []
    figure = matplotlib.figure.Figure(figsize=(7.4, 0.9 + 1.9 * len(shown)), dpi=150, layout="constrained")
    panels = figure.subplots(len(shown), sharex=True, squeeze=False)[:, 0]
    stretches = pieces(times, *_edges(case))
    for axes, chart in zip(panels, shown, strict=True):
        _draw_chart(axes, chart, times, stretches)
    panels[-1].set_xlabel(f"time ({TIME.unit})")
    panels[-1].set_xlim(times[0], times[-1])
    figure.align_ylabels(panels)
    set_title(figure, case.title)
    figure.savefig(directory / "trace.png")
    return [directory / "trace.png"]


def _column(rows: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    """A column as numbers, NaN where it is empty."""
    return np.array([np.nan if row.get(name) in (None, "") else float(row[name]) for row in rows])


def _edges(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Times at which prescribed currents jump, and at which they bend, in the unit of the results."""
    courses = [injection.course for boundary in case.boundaries.values() for injection in boundary.injections]
    jumps = {t for course in courses for t in course.jumps}
    bends = {t for course in courses for t in course.breaks} - jumps
    return np.array(sorted(jumps)) / TIME.si, np.array(sorted(bends)) / TIME.si


def pieces(times: np.ndarray, jumps: np.ndarray, bends: np.ndarray) -> list[slice]:
    """Rows between which a transient is smooth.

    A row at a jump shows the state before it and belongs to what comes before; a row at a bend belongs to both sides.

    Args:
        times: of the rows, rising.
        jumps: times at which currents jump, in the same unit.
        bends: times at which they bend.

    Returns:
        Slices of the rows; none is empty.
    """
    limit = 1.0 + 1e-14  # times are written with 15 digits, and the first row after a jump may be picoseconds away
    behind = np.searchsorted(times, jumps * limit, side="right")
    starts = {int(i): int(i) for i in behind}
    for bend in bends:
        i = int(np.searchsorted(times, bend * limit, side="right"))
        if i > 0 and abs(times[i - 1] - bend) <= 2e-14 * bend:
            starts.setdefault(i, i - 1)
    ends = sorted(i for i in starts if 0 < i < len(times))
    return [slice(starts[a] if a else 0, b) for a, b in zip([0, *ends], [*ends, len(times)], strict=True)]


def smooth(times: np.ndarray, values: np.ndarray, stretches: list[slice]) -> tuple[np.ndarray, np.ndarray]:
    """A curve through rows that keeps their shape: monotone between two of them, and never interpolated over a jump.

    Args:
        times: of the rows, rising.
        values: at them; NaN where there is none.
        stretches: smooth pieces, see `pieces`.

    Returns:
        Times and values of many points; NaN where a jump leaves a gap.
    """
    each = max(2, min(POINTS_PER_STEP, POINTS // len(times)))
    x: list[np.ndarray] = []
    y: list[np.ndarray] = []
    for stretch in stretches:
        there = np.isfinite(values[stretch])
        t, v = times[stretch][there], values[stretch][there]
        if not len(t):
            continue
        if x and t[0] - x[-1][-1] > UPRIGHT * (times[-1] - times[0]):
            x.append(np.full(1, np.nan))
            y.append(np.full(1, np.nan))
        x.append(np.append(np.linspace(t[:-1], t[1:], each, endpoint=False, axis=1).ravel(), t[-1]))
        y.append(_monotone(t, v, x[-1]))
    return (np.concatenate(x), np.concatenate(y)) if x else (np.zeros(0), np.zeros(0))


def _monotone(t: np.ndarray, v: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Cubic interpolation with the slopes of parabolas, limited to what keeps it monotone from row to row.

    The slopes of PCHIP are safe too, but so small beside a peak that curves through few rows seem to have corners.
    """
    from scipy.interpolate import CubicHermiteSpline

    if len(t) < 3:
        return np.interp(at, t, v)
    secants = np.diff(v) / np.diff(t)
    before, behind = np.append(secants[0], secants), np.append(secants, secants[-1])
    most = np.where(before * behind > 0.0, 3.0 * np.minimum(abs(before), abs(behind)), 0.0)
    slopes = np.gradient(v, t, edge_order=2)
    slopes = np.where(slopes * behind > 0.0, np.clip(slopes, -most, most), 0.0)
    return np.asarray(CubicHermiteSpline(t, v, slopes)(at))


def _draw_chart(axes: Any, chart: _Chart, times: np.ndarray, stretches: list[slice]) -> None:
    """Its curves, axis and legend."""
    import matplotlib.lines

    for values, look in chart.curves:
        axes.plot(*smooth(times, values, stretches), **look)
    found = np.concatenate([values[np.isfinite(values)] for values, _ in chart.curves])
    if np.ptp(found) < chart.level:
        axes.set_ylim(found.mean() - 0.5, found.mean() + 0.5)
    axes.set_ylabel(chart.label)
    axes.grid(alpha=0.3)
    keys = [matplotlib.lines.Line2D([], [], **look) for look in chart.legend.values()]
    _legend(axes, keys, list(chart.legend), chart.heading)


def _legend(axes: Any, keys: list[Any], names: list[str], heading: str | None = None) -> None:
    """A legend at the right side of an axis, outside of it."""
    legend = axes.legend(
        keys, names, loc="upper left", bbox_to_anchor=(1.0, 1.03), frameon=False, fontsize=9,
        title=heading, title_fontsize=9, alignment="left",
    )  # fmt: skip
    for text in (*legend.get_texts(), legend.get_title()):
        text.set_parse_math(False)


def _looks(colours: Sequence[str], count: int) -> list[dict[str, Any]]:
    """Lines that can be told apart, also where they coincide."""
    return [
        {"color": colours[i % len(colours)], "linestyle": STYLES[i % len(STYLES)], "linewidth": WIDTH}
        for i in range(count)
    ]


def _place_looks(case: Case) -> dict[str, dict[str, Any]]:
    """Lines of probes and, without dashes, of the boundaries that are shown."""
    names = [*case.probes, *case.shown_boundaries]
    looks = dict(zip(names, _looks(PLACES, len(names)), strict=True))
    return {name: look if name in case.probes else look | {"linestyle": "-"} for name, look in looks.items()}


def _columns(rows: Sequence[dict[str, Any]], names: Iterable[str], ending: str) -> dict[str, np.ndarray]:
    """Columns of one quantity by place, without those that hold nothing."""
    columns = {name: _column(rows, f"{name}{ending}") for name in names}
    return {name: column for name, column in columns.items() if np.isfinite(column).any()}


def _potentials(case: Case, rows: Sequence[dict[str, Any]]) -> _Chart:
    """At probes and in the mean of boundaries, of which one that outdoes all else is thin."""
    looks = _place_looks(case)
    values = _columns(rows, looks, f".potential_{POTENTIAL.suffix}")
    highest = {name: float(np.nanmax(np.abs(column))) for name, column in values.items()}
    for name in set(values) - set(case.probes):
        others = [high for other, high in highest.items() if other != name]
        if others and highest[name] > HOT * max(others):
            looks[name]["linewidth"] = WIDTH / 2.0
    curves = [(column, looks[name]) for name, column in values.items()]
    return _Chart(f"potential ({POTENTIAL.unit})", curves, {name: looks[name] for name in values})


def _concentrations(case: Case, rows: Sequence[dict[str, Any]]) -> _Chart:
    """Changes since the first row of each species (by colour) at each probe (by style), or in the mean."""
    ions = dict(zip(case.electrolyte.names, _looks(IONS, len(case.electrolyte.names)), strict=True))
    places, styles = list(case.probes) or ["volume"], {}
    if len(places) > 1:
        styles = {n: {"linestyle": look["linestyle"]} for n, look in _place_looks(case).items() if n in places}
        ions = {name: look | {"linestyle": "-"} for name, look in ions.items()}
    curves, largest = [], 0.0
    for place in places:
        for name, look in ions.items():
            column = _column(rows, f"{place}.concentration_{CONCENTRATION.suffix}.{name}")
            if np.isfinite(column[0]):
                curves.append((column - column[0], look | styles.get(place, {})))
                largest = max(largest, float(column[0]))
    legend = ions | {n: {"color": OHM, "linewidth": WIDTH} | style for n, style in styles.items()}
    heading = None if styles else places[0] if case.probes else "mean"
    label = f"change of\nconcentration ({CONCENTRATION.unit})"
    return _Chart(label, curves, legend, heading, level=1e-9 * largest)


def _currents(case: Case, rows: Sequence[dict[str, Any]]) -> _Chart:
    """Of all ions together, through the boundaries that are shown."""
    looks = _place_looks(case)
    values = _columns(rows, case.shown_boundaries, f".current_{CURRENT.suffix}.total")
    curves = [(column, looks[name]) for name, column in values.items()]
    return _Chart(f"current ({CURRENT.unit})", curves, {name: looks[name] for name in values})


def _gates(_case: Case, rows: Sequence[dict[str, Any]]) -> _Chart:
    """Open fractions."""
    names = sorted({name for row in rows for name in row if re.search(r"\.gate\.?\d+$", name)})
    looks = dict(zip(names, _looks(PLACES, len(names)), strict=True))
    curves = [(column, looks[name]) for name, column in _columns(rows, names, "").items()]
    return _Chart("open fraction", curves, {name.replace(".gate", ", gate "): look for name, look in looks.items()})
