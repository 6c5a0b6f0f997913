"""Linear meshes as arrays, from Gmsh, a file or a grid, before they are distributed and curved.

Cells and facets are simplices of any dimension; facets carry the index of the boundary's name.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np

from spinepnp.geometries.wall_layers import WallLayers

#: Edges of a tetrahedron in the order of Basix.
TETRAHEDRON_EDGES = ((2, 3), (1, 3), (1, 2), (0, 3), (0, 2), (0, 1))


@dataclass(frozen=True)
class LinearMesh:
    """A mesh of simplices with named boundary facets, whole, on one rank.

    Examples:
        >>> import numpy as np
        >>> from spinepnp.geometries import LinearMesh
        >>> points, cells = np.array([[0.0], [0.5], [1.0]]), np.array([[0, 1], [1, 2]])
        >>> line = LinearMesh(points, cells, np.array([[0], [2]]), np.array([0, 1]), ("base", "top"))
        >>> [line.names[value] for value in line.values]
        ['base', 'top']

    Attributes:
        points: coordinates in model units, shape (points, geometric dimension).
        cells: vertices of each cell, shape (cells, dimension + 1); with the nodes on the edges of second-order cells
            after them, in the order of Basix, where a file gives such.
        facets: vertices of the named facets, shape (facets, dimension).
        values: index of each facet's name in ``names``, shape (facets,).
        names: names of the boundaries.
    """

    points: np.ndarray
    cells: np.ndarray
    facets: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]

    def without_edge_nodes(self) -> LinearMesh:
        """The mesh of the vertices alone."""
        dim = self.points.shape[1]
        cells, facets = self.cells[:, : dim + 1], self.facets[:, :dim]
        used, cells, number_of = renumbered(cells, len(self.points))
        return LinearMesh(self.points[used], cells, number_of[facets], self.values, self.names)


def renumbered(cells: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points that cells use, the cells numbered in them, and the new number of each point, -1 for unused ones."""
    used, numbers = np.unique(cells, return_inverse=True)
    number_of = np.full(points, -1)
    number_of[used] = np.arange(len(used))
    return used, numbers.reshape(cells.shape), number_of


def grid_mesh(r: np.ndarray, z: np.ndarray) -> LinearMesh:
    """Triangles that fill the rectangle of a half plane (r, z): two for each cell of a grid.

    Args:
        r: rising positions from the axis to the wall, shape (n,).
        z: rising positions from the base to the top, shape (m,).
    """
    points = np.stack(np.meshgrid(r, z), axis=-1).reshape(-1, 2)
    number = np.arange(len(points)).reshape(len(z), len(r))
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    cells = np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, b, d), (a, d, c))])
    sides = [number[0], number[-1], number[:, -1]]
    facets = [np.column_stack([side[:-1], side[1:]]) for side in sides]
    values = np.repeat(np.arange(3), [len(f) for f in facets])
    return LinearMesh(points, cells, np.concatenate(facets), values, ("base", "top", "wall"))


def interval_mesh(x: np.ndarray, start: str | None, end: str) -> LinearMesh:
    """Intervals between rising positions, shape (n,); the start has no name where it is a centre of symmetry.

    Args:
        x: rising positions, model units, shape (n,).
        start: name of the boundary at the first position; ``None`` where that is a centre of symmetry.
        end: name of the boundary at the last position.

    Returns:
        The n - 1 intervals, with their named ends as facets.
    """
    number = np.arange(len(x))
    ends = [(0, start), (len(x) - 1, end)]
    named = [(point, name) for point, name in ends if name is not None]
    return LinearMesh(
        x[:, None],
        np.column_stack([number[:-1], number[1:]]),
        np.array([[point] for point, _ in named]),
        np.arange(len(named)),
        tuple(name for _, name in named),
    )


def add_wall_layers(mesh: LinearMesh, wall_layers: list[WallLayers]) -> LinearMesh:
    """Cover boundaries of a core mesh with layers of thin cells, one wall after another; boundaries move outside.

    The facets are extruded outward layer by layer; each prism is divided into simplices in the order of its vertices'
    numbers, so that neighbours fit. Where the covered boundaries end, the sides of the prisms join the boundary there.
    """
    return functools.reduce(_add_layers, wall_layers, mesh)


def _add_layers(mesh: LinearMesh, layers: WallLayers) -> LinearMesh:
    heights = layers.heights
    covered = np.isin(mesh.values, [mesh.names.index(name) for name in layers.names])
    facets, dim = np.sort(mesh.facets[covered], axis=1), mesh.facets.shape[1]
    base = np.unique(facets)
    count, first = len(base), len(mesh.points)
    levels = [base] + [first + j * count + np.arange(count) for j in range(len(heights))]
    points = [mesh.points] + [layers.outward(mesh.points[base], distance) for distance in np.cumsum(heights)]
    local = np.searchsorted(base, facets)
    rim, rim_values = _rim(mesh, covered)
    local_rim = np.searchsorted(base, rim)
    cells, outer, values = [mesh.cells], [mesh.facets[~covered]], [mesh.values[~covered]]
    for low, high in itertools.pairwise(levels):
        cells += _prisms(low[local], high[local])
        parts = _prisms(low[local_rim], high[local_rim])
        outer += parts
        values += [rim_values] * len(parts)
    outer.append(levels[-1][local])
    values.append(mesh.values[covered])
    assert cells[-1].shape[1] == dim + 1
    return LinearMesh(
        np.concatenate(points), np.concatenate(cells), np.concatenate(outer), np.concatenate(values), mesh.names
    )


def _prisms(low: np.ndarray, high: np.ndarray) -> list[np.ndarray]:
    """Simplices of the prisms between sorted simplices and their copies, each shape (prisms, vertices + 1)."""
    return [np.column_stack([low[:, : k + 1], high[:, k:]]) for k in range(low.shape[1])]


def _rim(mesh: LinearMesh, covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sides (sorted vertices) that covered and other named facets share, and the values of the other facets."""

    def sides(facets: np.ndarray) -> np.ndarray:
        columns = [[j for j in range(facets.shape[1]) if j != i] for i in range(facets.shape[1])]
        return np.sort(np.concatenate([facets[:, c] for c in columns]), axis=1)

    inner, outer = sides(mesh.facets[covered]), sides(mesh.facets[~covered])
    values = np.tile(mesh.values[~covered], mesh.facets.shape[1])
    unique, index = np.unique(np.concatenate([inner, outer]), axis=0, return_inverse=True)
    is_covered = np.zeros(len(unique), dtype=bool)
    is_covered[index.ravel()[: len(inner)]] = True
    shared = is_covered[index.ravel()[len(inner) :]]
    return outer[shared], values[shared]


def order_for_refinement(cells: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Tetrahedra with their vertices in such an order that refinement cuts along the shortest diagonal.

    Refinement joins the middles of the edges 02 and 13 (`meshes.refinement`).

    Args:
        cells: vertices, shape (cells, 4), or with the nodes on edges in the order of Basix, shape (cells, 10).
        points: coordinates in space, shape (points, 3).
    """
    x = points[cells[:, :4]]
    opposite = (((0, 2), (1, 3)), ((0, 1), (2, 3)), ((0, 3), (1, 2)))
    lengths = [np.linalg.norm(x[:, a] + x[:, b] - x[:, c] - x[:, d], axis=1) for (a, b), (c, d) in opposite]
    orders = np.array([[0, 1, 2, 3], [0, 2, 1, 3], [0, 1, 3, 2]])
    # A clear margin, so that rounding does not decide between equal ones.
    best = np.argmin(np.stack(lengths) * np.array([[1.0], [1.0 + 1e-6], [1.0 + 2e-6]]), axis=0)
    if cells.shape[1] == 10:
        number = {edge: 4 + i for i, edge in enumerate(TETRAHEDRON_EDGES)}
        edges = [[number[tuple(sorted((o[i], o[j])))] for i, j in TETRAHEDRON_EDGES] for o in orders.tolist()]
        orders = np.column_stack([orders, edges])
    return np.take_along_axis(cells, orders[best], axis=1)
