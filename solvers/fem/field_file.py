"""Files of fields: point arrays of a VTK file, interpolated to the nodes of a mesh of the same body.

Coordinates are micrometres, as in the files that a run writes: (x, y, z), (r, z, 0) on a meridian, (z, 0, 0) or
(r, 0, 0) on a line.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries import MODEL_UNIT, Geometry
from spinepnp.runtime.communication import on_root
from spinepnp.runtime.files import parts_of
from spinepnp.runtime.stack import MPI
from spinepnp.units import LENGTH, format_quantity

#: Distance of a node from a point of the file, over the extent of the body, below which it takes its value.
SAME_POINT = 1e-9

#: Largest distance of a node from the cells of the file, over the extent of the body: straight cells cut off less.
OUTSIDE_TOLERANCE = 1e-2

#: What is wrong with a file that VTK cannot read, and the remedy.
UNREADABLE = "is no file of fields that VTK can read; take another, or make it again"

#: Names of meshes by the dimension of their cells, for messages.
KINDS = {0: "points without cells", 1: "a line", 2: "a meridian", 3: "a body in three dimensions"}


class FieldFile:
    """Point arrays of a VTK file. Collective; rank 0 reads the file, and each part of a file in parts by itself.

    Args:
        path: path of the file.
        key: key of the case that gives it, for messages.
        comm: MPI communicator.

    Attributes:
        names: names of the arrays with one value a point.

    Raises:
        CaseError: the file cannot be read, or has no cells.
    """

    def __init__(self, path: str, key: str, comm: MPI.Comm) -> None:
        self._path, self._key, self._comm = path, key, comm
        self._last: tuple[Path, Any] = (Path(), None)  # on rank 0
        self._files: list[Path] = on_root(comm, lambda: _files(path, key))
        facts = [on_root(comm, partial(self._facts, file)) for file in self._files]
        kinds, names, bounds, ranges = zip(*facts, strict=True)
        self._dimension, self.names = kinds[0], names[0]
        self._extent = float(np.ptp(np.concatenate(bounds), axis=0).max())
        self._bounds = dict(zip(self._files, bounds, strict=True))
        self._ranges = {name: np.array([of_part[name] for of_part in ranges]) for name in self.names}

    def _read(self, file: Path) -> Any:
        """Grid of one file, on one rank."""
        if self._last[0] != file:
            self._last = (Path(), None)  # not two at a time
            self._last = file, _read(file, self._path, self._key)
        return self._last[1]

    def _facts(self, file: Path) -> Any:
        return _facts(self._read(file))

    def extremes(self, name: str) -> tuple[float, float]:
        """Lowest and highest value of an array; no numbers where one value is none."""
        values = self._ranges[name]
        return float(values[:, 0].min()), float(values[:, 1].max())

    def at_nodes(self, name_of: dict[str, str], x: np.ndarray, geometry: Geometry) -> np.ndarray:
        """Values of arrays at nodes, shape (n, arrays). Collective.

        A node takes the value of the point where it lies; between points the fields are those of the cells; a node
        outside of all cells takes the value of the nearest point on one of them.

        Args:
            name_of: names of the arrays, by what they stand for.
            x: nodes of the mesh, um, shape (n, 3); other coordinates than those of the mesh are zero.
            geometry: body of the mesh.

        Raises:
            CaseError: the file has a mesh of another dimension or of another body.
        """
        self._check_dimension(geometry)
        if self._dimension < geometry.cell_dimension:
            x = np.column_stack([np.hypot(x[:, 0], x[:, 1]), x[:, 2], np.zeros(len(x))])
        sample = _on_line if self._dimension == 1 else _in_cells
        values, distance = np.zeros((len(x), len(name_of))), np.full(len(x), np.inf)
        for file in self._files:
            grid = on_root(self._comm, partial(self._read, file))
            arrays = np.column_stack([np.asarray(grid.point_data[name], dtype=float) for name in name_of.values()])
            low, high = self._bounds[file]
            gap = np.linalg.norm(np.maximum(0.0, np.maximum(low - x, x - high)), axis=1)
            limit = OUTSIDE_TOLERANCE * self._extent if len(self._files) > 1 else np.inf
            near = np.flatnonzero(gap < np.minimum(distance, limit))
            if not len(near):
                continue
            found, away = sample(grid, arrays, x[near], SAME_POINT * self._extent)
            better = away < distance[near]
            values[near[better]], distance[near[better]] = found[better], away[better]
        farthest = self._comm.allreduce(float(distance.max(initial=0.0)), op=MPI.MAX)
        if farthest > OUTSIDE_TOLERANCE * self._extent:
            raise self._beyond(farthest)
        return values

    def _beyond(self, farthest: float) -> CaseError:
        """The error for a body that reaches beyond the mesh of the file, um; infinite: beyond what is looked at."""
        away = format_quantity(float(f"{farthest * MODEL_UNIT:.3g}"), LENGTH) if np.isfinite(farthest) else "far"
        problem = f"the body reaches {away} beyond the mesh of the file (in um); take a file of the same body"
        return CaseError(self._key, problem, self._path)

    def _check_dimension(self, geometry: Geometry) -> None:
        """Refuse a file of another dimension; a meridian also gives its body of revolution."""
        wanted, found = geometry.cell_dimension, self._dimension
        if found != wanted and not (found == 2 and wanted == 3 and "axisymmetric" in geometry.dimensions):
            problem = f"holds {KINDS[found]}, and the case is {KINDS[wanted]}; take a file of the same dimension"
            raise CaseError(self._key, problem, self._path)


@contextmanager
def _silence() -> Iterator[None]:
    """VTK without its messages: those of an unreadable file are many, on standard error."""
    from vtkmodules.vtkCommonCore import vtkLogger

    disabled, verbosity = logging.root.manager.disable, vtkLogger.GetCurrentVerbosityCutoff()
    logging.disable(logging.CRITICAL)
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        vtkLogger.SetStderrVerbosity(verbosity)
        logging.disable(disabled)


def _files(path: str, key: str) -> list[Path]:
    """The file itself, or those of its parts."""
    try:
        return parts_of(Path(path)) or [Path(path)]
    except (OSError, ValueError):
        raise CaseError(key, UNREADABLE, path) from None


def _read(file: Path, path: str, key: str) -> Any:
    """Grid of a file, which may be a part of that of the path, with its point arrays."""
    import pyvista

    try:
        with _silence():
            grid = pyvista.read(file).cast_to_unstructured_grid()
    except Exception:  # readers raise anything on a damaged file
        grid = pyvista.UnstructuredGrid()
    if grid.n_points == 0:
        raise CaseError(key, UNREADABLE, path)
    if _dimension(grid) == 0:
        raise CaseError(key, "has no cells between its points; take a file of fields on a mesh", path)
    return grid


def _dimension(grid: Any) -> int:
    """Dimension of the cells of a grid; zero without any."""
    first_of_each_type = np.unique(grid.celltypes, return_index=True)[1]
    return max((grid.GetCell(int(i)).GetCellDimension() for i in first_of_each_type), default=0)


def _facts(grid: Any) -> tuple[int, tuple[str, ...], np.ndarray, dict[str, np.ndarray]]:
    """Dimension of the cells, names of arrays, lowest and highest coordinates (2, 3), and values of each array."""
    points = grid.point_data
    names = tuple(name for name in points if np.ndim(points[name]) == 1)
    bounds = np.array([grid.points.min(axis=0), grid.points.max(axis=0)], dtype=float)
    ranges = {name: np.asarray([points[name].min(), points[name].max()], dtype=float) for name in names}
    return _dimension(grid), names, bounds, ranges


def _on_line(grid: Any, arrays: np.ndarray, x: np.ndarray, _same: float) -> tuple[np.ndarray, np.ndarray]:
    """Values of arrays (points, arrays) at nodes on a line, and distances of the nodes from the line of the file."""
    coordinate, nodes = grid.points[:, 0].astype(float), x[:, 0]
    order = np.argsort(coordinate)
    coordinate = coordinate[order]
    values = np.column_stack([np.interp(nodes, coordinate, array) for array in arrays[order].T])
    return values, np.maximum(0.0, np.maximum(coordinate[0] - nodes, nodes - coordinate[-1]))


def _in_cells(grid: Any, arrays: np.ndarray, x: np.ndarray, same: float) -> tuple[np.ndarray, np.ndarray]:
    """Values of arrays (points, arrays) at nodes in cells, and distances of the nodes from the cells of the file."""
    from scipy.spatial import KDTree

    distance, nearest = KDTree(grid.points).query(x)
    values, others = arrays[nearest], np.flatnonzero(distance > same)
    distance = np.zeros(len(x))
    if len(others):
        found, inside = _sampled(grid, arrays, x[others])
        outside = others[~inside]
        values[others[inside]] = found[inside]
        if len(outside):
            # On flat triangles: VTK does not find the closest point of a curved cell.
            surface = _flat_triangles(_with_values(grid, arrays))
            _, closest = surface.find_closest_cell(x[outside], return_closest_point=True)
            closest = np.atleast_2d(closest)
            distance[outside] = np.linalg.norm(closest - x[outside], axis=1)
            found, inside = _sampled(surface, _columns(surface.point_data["values"]), closest)
            values[outside[inside]] = found[inside]  # else those of the nearest point stay
    return values, distance


def _with_values(grid: Any, arrays: np.ndarray) -> Any:
    """Grid with its points and cells, and with arrays (points, arrays) alone."""
    source = grid.copy(deep=False)
    source.clear_data()
    source.point_data["values"] = arrays
    return source


def _flat_triangles(grid: Any) -> Any:
    """Surface of a grid, or the grid of a meridian, as flat triangles with its arrays."""
    import pyvista
    from vtkmodules.vtkFiltersGeometry import vtkDataSetSurfaceFilter

    surface = vtkDataSetSurfaceFilter()
    surface.SetNonlinearSubdivisionLevel(1)
    surface.SetInputData(grid)
    surface.Update()
    return pyvista.wrap(surface.GetOutput())


def _columns(values: Any) -> np.ndarray:
    """Values of shape (points, arrays): PyVista gives those of one array without the second axis."""
    return np.asarray(values, dtype=float).reshape(len(values), -1)


def _sampled(grid: Any, arrays: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of arrays (points, arrays) at points, and whether each lies in a cell."""
    import pyvista

    cloud = pyvista.PolyData(np.asarray(x, dtype=float)).sample(_with_values(grid, arrays))
    return _columns(cloud.point_data["values"]), np.asarray(cloud.point_data["vtkValidPointMask"]).astype(bool)
