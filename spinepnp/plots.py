"""Pictures of a run: the potential in the cut-open domain, and the observable against what was varied."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.case import Case
from spinepnp.meshes.simplices import shape_quality
from spinepnp.units import CONCENTRATION, CURRENT, POTENTIAL, Kind, to_unit

#: Libraries of which VTK needs one to draw without a screen; without any it would crash the process.
OFF_SCREEN_LIBRARIES = ("libEGL.so.1", "libOSMesa.so.8", "libOSMesa.so")

#: VTK's types of the cells of a line and of a body.
LINES, SOLIDS = (3, 21), (10, 24)

COMPUTED, LAW, OHM = "#c1272d", "#0000a7", "#888888"


def can_render() -> bool:
    """Whether VTK can draw off screen on this machine."""
    for name in OFF_SCREEN_LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def draw(case: Case, rows: list[dict[str, Any]], fields: Path, directory: Path) -> None:
    """All pictures that suit a run. On rank 0 only; one that fails is a warning, not an error of the run.

    Args:
        case: what was run.
        rows: rows of observables.csv.
        fields: file with the fields of the last point that was solved.
        directory: that gets them.
    """
    try:
        if not can_render():
            print("no picture of the potential: install libegl1 (or libosmesa6)", file=sys.stderr)
        elif fields.exists():
            import pyvista

            grid = pyvista.read(fields)
            draw_potential(grid, directory / "potential.png", case.title, opened=case.geometry.on_axis)
            if case.geometry.on_axis and case.geometry.dimension != "1d":
                draw_profile(grid, directory / "profile.png", case.title)
        if case.study.kind == "sweep":
            draw_sweep(case, [row for row in rows if row.get("status") == "ok"], directory)
    except Exception as error:  # drawing libraries raise anything; the results are complete without pictures
        print(f"a picture could not be drawn: {' '.join(str(error).split())[:200]}", file=sys.stderr)


def draw_potential(grid: Any, path: Path, title: str, *, opened: bool = True) -> None:
    """The potential on the surface of the domain, cut open along its axis; in a meridian; or along a line.

    Args:
        grid: fields with an array ``potential_mV``.
        path: of the PNG.
        title: above the picture.
        opened: whether to cut it open.
    """
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")

    if grid.celltypes[0] in LINES:
        _draw_profiles(grid, path, title)
        return
    name = f"potential_{POTENTIAL.suffix}"
    bar = {"title": f"potential ({POTENTIAL.unit})", "vertical": True, "position_x": 0.78, "position_y": 0.2}
    bar |= {"height": 0.6, "title_font_size": 22, "label_font_size": 20, "fmt": "%.3g"}
    low, high = (0.0 if abs(limit) < 1e-9 else limit for limit in grid.get_data_range(name))
    if high - low < 1e-12:  # nothing but rounding: one colour
        low, high = low - 0.5, high + 0.5
    plotter = _plotter(grid, title or "potential")
    opened = opened and grid.celltypes[0] in SOLIDS
    shown = grid.clip(normal="y", origin=np.array(grid.center), invert=False) if opened else grid
    surface = shown.extract_surface(algorithm="dataset_surface", nonlinear_subdivision=2)
    light = {"ambient": 0.75, "diffuse": 0.35, "smooth_shading": False}  # colours must stay readable off the colour bar
    plotter.add_mesh(surface, scalars=name, cmap="viridis", clim=(low, high), scalar_bar_args=bar, **light)
    lines = surface.contour(np.linspace(low, high, 12)[1:-1], scalars=name)
    if lines.n_points:
        plotter.add_mesh(lines, color="white", line_width=1.5, lighting=False)
    plotter.screenshot(str(path))
    plotter.close()


def _draw_profiles(grid: Any, path: Path, title: str) -> None:
    """Potential and concentrations along a line."""
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(6.4, 6.4), dpi=150, layout="constrained")
    upper, lower = figure.subplots(2, sharex=True)
    order = np.argsort(grid.points[:, 0])
    x = grid.points[order, 0]
    for name in grid.array_names:
        if name.startswith("potential"):
            upper.plot(x, grid[name][order], color=LAW)
        else:
            lower.plot(x, grid[name][order], label=name.partition(".")[2])
    upper.set_title(title, fontsize=10, parse_math=False)
    upper.set_ylabel(f"potential ({POTENTIAL.unit})")
    lower.set_ylabel(f"concentration ({CONCENTRATION.unit})")
    lower.set_xlabel("position (um)")
    lower.legend(frameon=False)
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    figure.savefig(path)


def _surface_nodes(grid: Any, corners: int) -> np.ndarray:
    """Nodes at the corners of facets that belong to one cell only.

    Args:
        grid: of cells of one kind.
        corners: of a cell.
    """
    cells = grid.cell_connectivity.reshape(grid.n_cells, -1)[:, :corners]
    facets = np.vstack([np.delete(cells, corner, axis=1) for corner in range(corners)])
    unique, counts = np.unique(np.sort(facets, axis=1), axis=0, return_counts=True)
    return np.unique(unique[counts == 1])


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
    surface = _surface_nodes(grid, 4 if solid else 3)
    points = grid.points[surface]
    z, radius = points[:, along], np.hypot(points[:, 0], points[:, 1]) if solid else points[:, 0]
    wall = radius > 1e-6 * (high - low)
    figure = matplotlib.figure.Figure(figsize=(6.4, 5.6), dpi=150, layout="constrained")
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    upper.plot(axis.points[inside, along], axis[name][inside], color=LAW, label="axis")
    upper.plot(z[wall], grid[name][surface][wall], ".", color=COMPUTED, markersize=2.5, label="surface")
    lower.plot(z[wall], radius[wall], ".", color=OHM, markersize=2.5)
    upper.set_title(title or "profile", fontsize=10, parse_math=False)
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
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
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
    plotter = _plotter(grid, title or "mesh")
    bar = {"title": "quality", "vertical": True, "position_x": 0.8, "position_y": 0.2, "height": 0.6}
    plotter.add_mesh(
        shown, scalars="quality", clim=(0.0, 1.0), cmap="RdYlGn", show_edges=True, line_width=0.5, scalar_bar_args=bar
    )
    plotter.screenshot(str(path))
    plotter.close()


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
    axes.set_title(title or "mesh", fontsize=10, parse_math=False)
    axes.grid(alpha=0.3)
    figure.savefig(path)


def _plotter(grid: Any, title: str) -> Any:
    """A white window that looks at the whole grid: a body from its open side, a little from above; a meridian flat."""
    import pyvista

    plotter = pyvista.Plotter(off_screen=True, window_size=(900, 1100))
    plotter.set_background("white")
    plotter.add_text(title.replace("$", ""), font_size=11, color="black", position="upper_edge")  # VTK reads formulas
    centre = np.array(grid.center)
    extent = np.ptp(np.array(grid.bounds).reshape(3, 2), axis=1)
    flat = extent[2] == 0.0
    view, up = ((0.0, 0.0, 2.0), (0.0, 1.0, 0.0)) if flat else ((0.9, -2.0, 0.6), (0.0, 0.0, 1.0))
    # Half of the visible height: so that a wide body leaves room for the bar of colours, toward which it is moved.
    scale = max(0.62 * extent.max(), 0.9 * extent[0])
    across = np.cross(-np.array(view), up)
    focus = centre + 0.16 * scale * across / np.linalg.norm(across)
    plotter.camera_position = [tuple(focus + extent.max() * np.array(view)), tuple(focus), up]
    plotter.camera.parallel_projection = True
    plotter.camera.parallel_scale = scale
    if not flat:
        plotter.add_axes(color="black")
    return plotter


def draw_sweep(case: Case, rows: list[dict[str, Any]], directory: Path) -> None:
    """Potential at the injecting boundary (or each one that prescribes something) against the varied value.

    Args:
        case: what was run.
        rows: rows that were solved.
        directory: gets ``iv.png`` if a current was varied, else ``sweep.png``.
    """
    kind, names = case.study.kind_of_values, [*case.shown_boundaries, *case.probes]
    try:
        x = np.array([float(row[case.study.column]) for row in rows])
    except (TypeError, ValueError):  # words were varied: nothing to draw against
        return
    if not len(x):
        return
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(6.4, 4.6), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    if kind is not None and case.compare is not None:
        _draw_law(axes, case, kind, x)
    for name in names:
        values = np.array([float(row[f"{name}.potential_{POTENTIAL.suffix}"]) for row in rows])
        axes.plot(x, values, "o", color=COMPUTED if len(names) == 1 else None, label=f"3D PNP, {name}", zorder=3)
    axes.set_xlabel(f"{'current' if kind is CURRENT else case.study.vary}{f' ({kind.unit})' if kind else ''}")
    axes.set_ylabel(f"potential ({POTENTIAL.unit})")
    axes.set_title(case.title, fontsize=10, parse_math=False)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(directory / ("iv.png" if kind is CURRENT else "sweep.png"))


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
