"""Grids that pictures show: files of them, which cells lie at the surface, and triangles for these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.runtime.files import is_whole

#: VTK's types of the cells of a line.
LINES = (3, 21)

#: VTK's types of the cells of a body.
SOLIDS = (10, 24)

#: Nodes of the facets of a tetrahedron in VTK's order, corners first.
TRIANGLES = ((0, 1, 3, 4, 8, 7), (1, 2, 3, 5, 9, 8), (0, 3, 2, 7, 9, 6), (0, 2, 1, 6, 5, 4))

#: Nodes of the facets of a triangle in VTK's order, corners first.
EDGES = ((0, 1, 3), (1, 2, 4), (2, 0, 5))

#: Facets of a surface that is fine enough for curved ones to be drawn with fewer triangles each.
MANY_FACETS = 20_000


def is_line(grid: Any) -> bool:
    """Whether a grid is a line."""
    return grid.celltypes[0] in LINES


def is_solid(grid: Any) -> bool:
    """Whether a grid is a body: neither a meridian nor a line."""
    return grid.celltypes[0] in SOLIDS


def facets(grid: Any) -> np.ndarray:
    """Nodes of the facets that belong to one cell only, of a body or meridian, corners first, shape (facets, nodes)."""
    cells = grid.cell_connectivity.reshape(grid.n_cells, -1)
    known, corners = (TRIANGLES, 3) if is_solid(grid) else (EDGES, 2)
    found = np.vstack([cells[:, [node for node in facet if node < cells.shape[1]]] for facet in known])
    # One whole number a facet, of corner after corner: unique rows of a matrix would take five times as long.
    keys, *others = np.sort(found[:, :corners], axis=1).T
    for corner in others:
        keys = np.unique(keys, return_inverse=True)[1] * grid.n_points + corner
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    return found[first[counts == 1]]


def surface(grid: Any) -> Any:
    """Triangles (`pyvista.PolyData`) of the surface of a body, with its arrays, or of a meridian itself.

    VTK's own surface of curved cells has facets of the interior, too.
    """
    if is_solid(grid):
        return surface_of(grid, facets(grid))
    return _triangles(grid)


def surface_of(grid: Any, outer: np.ndarray) -> Any:
    """Triangles (`pyvista.PolyData`) of facets of a body, with its arrays.

    Args:
        grid: grid of the body.
        outer: nodes of the facets, as of `facets`.
    """
    import pyvista

    kind = pyvista.CellType.TRIANGLE if outer.shape[1] == 3 else pyvista.CellType.QUADRATIC_TRIANGLE
    shown = pyvista.UnstructuredGrid({kind: outer}, grid.points)
    shown.point_data.update(grid.point_data)
    return _triangles(shown)


def _triangles(grid: Any) -> Any:
    """Triangles of a grid of triangles, several for a curved one."""
    fineness = 1 if grid.n_cells > MANY_FACETS else 2
    return grid.extract_surface(algorithm="dataset_surface", nonlinear_subdivision=fineness)


def read_fields(path: Path) -> Any:
    """Grid of a file of fields, or an error where VTK would print warnings and go on.

    Raises:
        CaseError: it is missing or damaged.
    """
    if not is_whole(path):
        raise CaseError(str(path), "is missing or damaged")
    import pyvista

    return pyvista.read(path)


def times_and_files(path: Path) -> list[tuple[float, Path]]:
    """Times, in the unit of the results, and files of a ParaView collection; none where there is no such file."""
    if not path.exists():
        return []
    entries = ElementTree.parse(path).iter("DataSet")
    return [(float(entry.attrib["timestep"]), path.parent / entry.attrib["file"]) for entry in entries]


def read_times(fields: Sequence[Any]) -> tuple[Any, dict[str, np.ndarray]]:
    """Grid of the first of several fields on one mesh, and each array of all, shape (fields, nodes).

    Args:
        fields: files, or grids.
    """
    grids = (read_fields(one) if isinstance(one, Path) else one for one in fields)
    first = next(grids)
    found = {name: [np.asarray(first[name], dtype=np.float32)] for name in first.array_names}
    for grid in grids:
        for name, values in found.items():
            values.append(np.asarray(grid[name], dtype=np.float32))
    return first, {name: np.array(values) for name, values in found.items()}
