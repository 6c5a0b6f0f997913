"""Closed triangulated surfaces: measures, and the conditions that they must meet before they are meshed.

Self-intersections are found by the edges of one triangle that pierce another (Moeller and Trumbore, J. Graphics Tools
2, 21, 1997), among the pairs whose boxes meet.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

#: Name of the part of a surface that has no other name.
UNNAMED = "wall"

#: Distance from a triangle, over its size, within which a point lies on it: rounding.
TOUCH_TOLERANCE = 1e-9

#: Smallest edge of a triangle with an area, over the extent of the surface: its square bounds the area.
SMALLEST_EDGE = 1e-9

#: Triangles whose neighbours are searched together, to bound the memory.
TRIANGLES_PER_BATCH = 2000

#: Pairs of triangles in one batch of array operations, to bound the memory.
PAIRS_PER_BATCH = 200_000


@dataclass(frozen=True, eq=False)
class Triangulation:
    """A triangulated surface, and the cells within it where the file has them.

    Attributes:
        points: coordinates in the file's unit, shape (points, 3).
        triangles: corners, shape (triangles, 3); with the nodes on their edges after them if the cells have such.
        values: index of each triangle's name in ``names``, shape (triangles,).
        names: names of the patches, `UNNAMED` last.
        cells: nodes of tetrahedra in the order of Basix, or ``None``.
    """

    points: np.ndarray
    triangles: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]
    cells: np.ndarray | None = None

    @property
    def corners(self) -> np.ndarray:
        """Coordinates of the triangles' corners, shape (triangles, 3, 3)."""
        return np.asarray(self.points[self.triangles[:, :3]])

    def areas(self) -> np.ndarray:
        """Areas of the triangles, in the file's unit squared."""
        return np.asarray(0.5 * np.linalg.norm(_normals(self.corners), axis=1))

    def volume(self) -> float:
        """Volume that the surface encloses, in the file's unit cubed; negative where its normals point inward."""
        if self.cells is not None:
            corner, *others = (self.points[self.cells[:, i]] for i in range(4))
            edges = np.stack([other - corner for other in others], axis=1)
            return float(np.abs(np.linalg.det(edges)).sum() / 6.0)
        a, b, c = (self.corners[:, i] for i in range(3))
        return float(np.einsum("ti,ti->", a, np.cross(b, c)) / 6.0)

    def outward(self) -> Triangulation:
        """Surface with normals that point outward."""
        if self.volume() > 0.0:
            return self
        return replace(self, triangles=self.triangles[:, ::-1])

    def mean_edge(self) -> float:
        """Mean length of the triangles' edges, in the file's unit."""
        x = self.corners
        return float(np.mean([np.linalg.norm(x[:, i] - x[:, i - 1], axis=1) for i in range(3)]))

    def extent(self) -> float:
        """Largest side of the box around it, in the file's unit."""
        return float(np.ptp(self.corners.reshape(-1, 3), axis=0).max())


def _normals(x: np.ndarray) -> np.ndarray:
    return np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0])


def unit_normals(surface: Triangulation) -> np.ndarray:
    """Unit normals of the triangles, zero where there is no area, shape (triangles, 3)."""
    normals = _normals(surface.corners)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1), 1e-300)[:, None])


def neighbours(surface: Triangulation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both triangles of each edge of a closed surface, shape (edges,) each, and its ends, shape (edges, 2)."""
    triangles = surface.triangles[:, :3]
    directed = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    ends, index = np.unique(np.sort(directed, axis=1), axis=0, return_inverse=True)
    pairs = np.tile(np.arange(len(triangles)), 3)[np.argsort(index.ravel(), kind="stable")].reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1], ends


@functools.lru_cache(maxsize=4)
def problem_of(surface: Triangulation) -> str | None:
    """The problem that keeps a surface from being meshed, in words, or ``None``."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    x = surface.corners
    if len(x) < 4:
        return "has fewer than four triangles; a closed surface is needed"
    size = surface.extent()
    flat = int((surface.areas() <= (SMALLEST_EDGE * size) ** 2).sum())
    if flat:
        return f"has {flat} triangles without area; repair it"
    triangles = surface.triangles[:, :3]
    directed = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges, index, count = np.unique(np.sort(directed, axis=1), axis=0, return_inverse=True, return_counts=True)
    if (count == 1).any():
        place = _coordinates(surface.points[edges[np.argmax(count == 1)]].mean(axis=0))
        return f"is not watertight: {int((count == 1).sum())} open edges, one at {place}; close it"
    if (count > 2).any():
        place = _coordinates(surface.points[edges[np.argmax(count > 2)]].mean(axis=0))
        return f"has {int((count > 2).sum())} edges of more than two triangles, one at {place}; repair it"
    owner = np.tile(np.arange(len(triangles)), 3)[np.argsort(index.ravel(), kind="stable")].reshape(-1, 2)
    graph = coo_array((np.ones(len(owner)), (owner[:, 0], owner[:, 1])), shape=(len(triangles),) * 2)
    pieces, piece = connected_components(graph, directed=False)
    if pieces > 1 and not _is_body_with_holes(surface, piece):
        return f"has {pieces} separate pieces; keep one"
    if surface.cells is None:
        forward = (directed[:, 0] < directed[:, 1]).astype(int)
        twice = np.bincount(index.ravel(), forward) != 1
        if twice.any():
            return f"is not oriented: its triangles disagree at {int(twice.sum())} edges; repair it"
        normals = _normals(x)
        normals /= np.linalg.norm(normals, axis=1)[:, None]
        folded = np.einsum("ei,ei->e", normals[owner[:, 0]], normals[owner[:, 1]]) < -1.0 + 1e-9
        if folded.any():
            return f"is folded onto itself at {int(folded.sum())} edges; repair it"
        crossing = find_intersection(surface)
        if crossing is not None:
            return f"intersects itself at {_coordinates(crossing)}; repair it"
    return None


def _is_body_with_holes(surface: Triangulation, piece: np.ndarray) -> bool:
    """Whether the pieces are the surface of one body: an outer one, and others whose normals point into a hole each.

    Args:
        surface: the surface.
        piece: number of the piece of each triangle, shape (triangles,).
    """
    if surface.cells is not None:
        return _connected(surface.cells)
    x = surface.corners - surface.points.mean(axis=0)
    volumes = np.bincount(piece, np.einsum("ti,ti->t", x[:, 0], np.cross(x[:, 1], x[:, 2])))
    return bool((volumes > 0.0).sum() == 1 and volumes.sum() > 0.0)


def _connected(cells: np.ndarray) -> bool:
    """Whether tetrahedra hang together by their facets."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    facets = np.sort(np.concatenate([np.delete(cells[:, :4], i, axis=1) for i in range(4)]), axis=1)
    _, index = np.unique(facets, axis=0, return_inverse=True)
    owner = np.tile(np.arange(len(cells)), 4)
    membership = coo_array((np.ones(len(owner)), (owner, index.ravel()))).tocsr()
    return int(connected_components(membership @ membership.T, directed=False)[0]) == 1


def _coordinates(x: np.ndarray) -> str:
    return "({})".format(", ".join(f"{value:.4g}" for value in x))


def find_intersection(surface: Triangulation) -> np.ndarray | None:
    """A point at which two triangles cross, or ``None``.

    Pairs that share a corner are tested by their opposite edges; pairs that share an edge cannot cross.
    """
    x, nodes = surface.corners, surface.triangles[:, :3]
    for pairs in _near_pairs(x):
        a, b = nodes[pairs[:, 0]], nodes[pairs[:, 1]]
        same = a[:, :, None] == b[:, None, :]
        shared = same.sum(axis=(1, 2))
        for one, other, is_common in ((0, 1, same.any(axis=2)), (1, 0, same.any(axis=1))):
            for i, j in ((0, 1), (1, 2), (2, 0)):
                # An edge with a common corner touches the other triangle there; that is no crossing.
                separate = (shared < 2) & ~is_common[:, i] & ~is_common[:, j]
                first, second = pairs[separate, one], pairs[separate, other]
                hit, points = _pierce(x[first, i], x[first, j], x[second])
                if hit.any():
                    return np.asarray(points[np.argmax(hit)])
    return None


def _near_pairs(x: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs of triangles whose boxes meet, in batches of shape (pairs, 2)."""
    from scipy.spatial import cKDTree

    centre = x.mean(axis=1)
    radius = np.linalg.norm(x - centre[:, None], axis=2).max(axis=1)
    low, high = x.min(axis=1) - 1e-12, x.max(axis=1) + 1e-12
    order = np.argsort(-radius)
    tree = cKDTree(centre)
    for batch in itertools.batched(order.tolist(), TRIANGLES_PER_BATCH):
        here = np.array(batch)
        near = tree.query_ball_point(centre[here], 2.0 * radius[here])
        first = np.repeat(here, [len(n) for n in near])
        second = np.fromiter(itertools.chain.from_iterable(near), dtype=int, count=len(first))
        smaller = (radius[second] < radius[first]) | ((radius[second] == radius[first]) & (second > first))
        first, second = first[smaller], second[smaller]
        meet = ((low[first] <= high[second]) & (low[second] <= high[first])).all(axis=1)
        pairs = np.column_stack([first[meet], second[meet]])
        for start in range(0, len(pairs), PAIRS_PER_BATCH):
            yield pairs[start : start + PAIRS_PER_BATCH]


def _pierce(a: np.ndarray, b: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each edge a-b meets the triangle of the same row, and the point where its line does."""
    origin, u, v = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    direction = b - a
    p = np.cross(direction, v)
    determinant = np.einsum("ti,ti->t", u, p)
    size = np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1) * np.linalg.norm(direction, axis=1)
    crossing = np.abs(determinant) > TOUCH_TOLERANCE * size
    inverse = 1.0 / np.where(crossing, determinant, 1.0)
    s = a - origin
    q = np.cross(s, u)
    alpha, beta = np.einsum("ti,ti->t", s, p) * inverse, np.einsum("ti,ti->t", direction, q) * inverse
    t = np.einsum("ti,ti->t", v, q) * inverse
    low, high = -TOUCH_TOLERANCE, 1.0 + TOUCH_TOLERANCE
    within = (alpha >= low) & (beta >= low) & (alpha + beta <= high) & (t >= low) & (t <= high)
    return crossing & within, a + t[:, None] * direction
