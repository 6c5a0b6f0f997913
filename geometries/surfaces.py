"""Exact surfaces onto which the nodes of curved cells are moved: pieces of a meridian turned about an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spinepnp.geometries.meridian import Piece

#: Distance of a rim of one surface from another, over its distance from the axis, within which it lies on it: rounding.
RIM_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Surface:
    """A surface of revolution.

    Attributes:
        piece: piece of a meridian that is turned; its name is that of the boundary.
        tilt: angle of the axis from the z axis toward +x, rad.
        shift: shift of the axis along x and y.
        aspect: factor by which y is stretched, so that circles become ellipses.
    """

    piece: Piece
    tilt: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    aspect: float = 1.0

    def nearest(self, x: np.ndarray) -> np.ndarray:
        """Nearest points of the surface to points of space, or of the half plane (r, z), shape (n, 3 or 2)."""
        if x.shape[1] == 2:
            return np.column_stack(self.piece.nearest(x[:, 0], x[:, 1]))
        r, z, direction = self._cylinder_coordinates(x)
        return self._in_space(*self.piece.nearest(r, z), direction)

    def distance(self, x: np.ndarray) -> np.ndarray:
        """Distance of points from the surface, shape (n,)."""
        return np.linalg.norm(self.nearest(x) - x, axis=1)

    def common_rim(self, other: Surface, x: np.ndarray) -> np.ndarray:
        """Nearest points of the circles at which two surfaces meet; where they do not, of this surface.

        Args:
            other: the other surface.
            x: points near the circle, shape (n, 3), or near the corner of the half plane, shape (n, 2).
        """
        best = self.nearest(x)
        smallest = np.full(len(x), np.inf)
        for one, another in ((self, other), (other, self)):
            for corner in one._rims(x.shape[1]):
                if another.distance(one._on_rim(corner, x[:1]))[0] > RIM_TOLERANCE * corner[0]:
                    continue
                points = one._on_rim(corner, x)
                distance = np.linalg.norm(points - x, axis=1)
                nearer = distance < smallest
                best[nearer], smallest[nearer] = points[nearer], distance[nearer]
        return best

    def _rims(self, dimension: int) -> list[tuple[float, float]]:
        """Ends of the piece that sweep a circle; in the half plane those on the axis as well."""
        return [end for end in (self.piece.start, self.piece.end) if end[0] > 0.0 or dimension == 2]

    def _on_rim(self, corner: tuple[float, float], x: np.ndarray) -> np.ndarray:
        """Points of the circle that the corner sweeps, in the directions of ``x``."""
        ends = np.broadcast_to(np.array(corner), (len(x), 2))
        if x.shape[1] == 2:
            return ends.copy()
        return self._in_space(ends[:, 0], ends[:, 1], self._cylinder_coordinates(x)[2])

    def _cylinder_coordinates(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distance from the axis, height, and direction away from the axis, shape (n, 2)."""
        c, s = math.cos(self.tilt), math.sin(self.tilt)
        u, v = x[:, 0] - self.shift[0], (x[:, 1] - self.shift[1]) / self.aspect
        across, height = c * u - s * x[:, 2], s * u + c * x[:, 2]
        r = np.hypot(across, v)
        on_axis = r == 0.0
        safe = np.where(on_axis, 1.0, r)
        return r, height, np.column_stack([np.where(on_axis, 1.0, across / safe), v / safe])

    def _in_space(self, r: np.ndarray, height: np.ndarray, direction: np.ndarray) -> np.ndarray:
        c, s = math.cos(self.tilt), math.sin(self.tilt)
        across, v = r * direction[:, 0], r * direction[:, 1]
        x = c * across + s * height + self.shift[0]
        return np.column_stack([x, v * self.aspect + self.shift[1], c * height - s * across])


def surface_of_facets(surfaces: list[Surface], name: str, centroids: np.ndarray) -> np.ndarray:
    """Surface on which each facet of a boundary lies.

    Args:
        surfaces: surfaces of the whole body.
        name: name of the boundary.
        centroids: centroids of the straight facets, shape (facets, dimension).

    Returns:
        Indices into ``surfaces``, shape (facets,).
    """
    candidates = [i for i, surface in enumerate(surfaces) if surface.piece.name == name]
    distances = np.stack([surfaces[i].distance(centroids) for i in candidates])
    return np.array(candidates)[np.argmin(distances, axis=0)]


def project_nodes(surfaces: list[Surface], x: np.ndarray, on: np.ndarray) -> np.ndarray:
    """Nodes moved onto the exact surface.

    Args:
        surfaces: surfaces of the whole body.
        x: nodes, shape (n, dimension).
        on: whether each node lies on each surface, shape (n, surfaces); a node on two moves to their common rim.

    Returns:
        New coordinates, shape (n, dimension).
    """
    moved, count = x.copy(), on.sum(axis=1)
    for i, surface in enumerate(surfaces):
        alone = (count == 1) & on[:, i]
        if alone.any():
            moved[alone] = surface.nearest(x[alone])
        for j in range(i + 1, len(surfaces)):
            both = (count > 1) & on[:, i] & on[:, j]
            if both.any():
                moved[both] = surface.common_rim(surfaces[j], x[both])
    return moved
