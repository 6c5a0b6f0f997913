"""Curves along a line, or along the axis of a body, at the times of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.pages.body import Fields
from spinepnp.pages.curves import DASHES, Chart, Curve
from spinepnp.plots.cells import is_line, is_solid
from spinepnp.plots.membranes import GATE
from spinepnp.plots.style import IONS, LAW, OF_LAW
from spinepnp.units import CONCENTRATION, POTENTIAL
from spinepnp.validation.laws.profiles import LawProfile

#: Number of points along the axis of a body.
POINTS = 200


def profile_charts(fields: Fields, laws: Sequence[LawProfile | None] = ()) -> list[Chart]:
    """A chart of the potential and one of each ion along the line, the axis of a meridian, or that of a body.

    Args:
        fields: fields of a run.
        laws: profile of the law for each frame; dashed where all frames have one.
    """
    known = [law for law in laws if law is not None]
    place, values = _along(fields)
    if len(place) < 2:
        return []
    label = "position (um)" if is_line(fields.grid) else "z along the axis (um)"
    charts = list[Chart]()
    for i, name in enumerate(fields.names):
        if name.startswith(GATE):
            continue
        kind, _, species = name.partition(".")
        of_potential = kind.startswith("potential")
        words, unit = ("potential", POTENTIAL.unit) if of_potential else (species, CONCENTRATION.unit)
        colour = LAW if of_potential else IONS[(len(charts) - 1) % len(IONS)]
        curves = [Curve(words, place, values[:, :, i].T, colour)]
        if known and len(known) == len(fields.labels):
            of_law = [
                law.potential / POTENTIAL.si if of_potential else law.concentration[species] / CONCENTRATION.si
                for law in known
            ]
            curves.append(Curve("law", known[0].z / MODEL_UNIT, np.array(of_law), OF_LAW, DASHES[1]))
        charts.append(Chart(f"{words} ({unit})", label, f"{words} ({unit})", tuple(curves)))
    return charts


def _along(fields: Fields) -> tuple[np.ndarray, np.ndarray]:
    """Rising positions, um, and values there, shape (n, times, names)."""
    grid, points = fields.grid, np.asarray(fields.grid.points)
    if is_line(grid):
        order = np.argsort(points[:, 0])
        return points[order, 0], fields.values[order]
    if not is_solid(grid):
        on_axis = np.flatnonzero(points[:, 0] <= 1e-9 * np.ptp(points, axis=0).max())
        order = on_axis[np.argsort(points[on_axis, 1])]
        return points[order, 1], fields.values[order]
    return _sampled(grid, fields.values)


def _sampled(grid: Any, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values along the z axis in a body, where that is inside."""
    import pyvista

    corners = grid.cell_connectivity.reshape(grid.n_cells, -1)[:, :4]
    x = np.asarray(grid.points)[corners]
    size = np.linalg.norm(np.ptp(x, axis=1), axis=1)
    near = corners[np.hypot(x[:, :, 0], x[:, :, 1]).min(axis=1) <= size]  # only these can be cut by the axis
    straight = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: near}, grid.points)
    straight.point_data["values"] = values.reshape(len(values), -1)
    low, high = grid.bounds[4:]
    line = pyvista.Line((0.0, 0.0, low), (0.0, 0.0, high), resolution=POINTS).sample(straight)
    inside = np.asarray(line["vtkValidPointMask"], dtype=bool)
    found = np.asarray(line["values"]).reshape(-1, *values.shape[1:])
    return np.asarray(line.points)[inside, 2], found[inside]
