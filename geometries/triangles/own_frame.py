"""Frame of coordinates that turns with a surface, so that what is made in it does not depend on how the file is turned.

Grids, sorted coordinates, locators and meshing all know the axes of their coordinates. The axes here are those of the
second moments of the vertices, whose uneven places tell even the axes of a body of revolution apart; in the frame
coordinates are rounded and vertices sorted, so that all decisions that follow are the same to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spinepnp.geometries.triangulation import Triangulation

#: Difference of two second moments, over the largest, within which their axes are taken as free to turn: rounding turns
#: them by its own size over this difference.
EQUAL_MOMENTS = 0.02

#: Third moment of a coordinate, over its standard deviation to the third power, below which it gives no direction.
SYMMETRIC = 1e-6

#: Step to which coordinates are rounded, over the extent: far above the rounding of a rotation, far below any detail.
ROUNDING = 1e-7


@dataclass(frozen=True)
class Frame:
    """A right-handed frame of coordinates.

    Attributes:
        origin: its origin, shape (3,).
        axes: unit vectors along its axes, shape (axis, 3).
    """

    origin: np.ndarray
    axes: np.ndarray

    def into(self, points: np.ndarray) -> np.ndarray:
        """Coordinates in the frame, shape (..., 3)."""
        return np.asarray((points - self.origin) @ self.axes.T)

    def back(self, points: np.ndarray) -> np.ndarray:
        """Points from their coordinates in the frame, shape (..., 3)."""
        return np.asarray(points @ self.axes + self.origin)

    def direction_back(self, vector: np.ndarray) -> np.ndarray:
        """A vector from its components in the frame, shape (3,)."""
        return np.asarray(vector @ self.axes)

    def surface_back(self, surface: Triangulation) -> Triangulation:
        """A surface from its coordinates in the frame."""
        return replace(surface, points=self.back(surface.points))


def own_frame(points: np.ndarray) -> Frame:
    """Frame of some points that turns and moves with them.

    The first axis is the one whose second moment is most different from the others, which is that of a body of
    revolution. Where the other two moments are equal, a vertex farthest from the first axis gives the second.

    Args:
        points: coordinates, shape (points, 3).
    """
    origin = points.mean(axis=0)
    x = points - origin
    moments, vectors = np.linalg.eigh(x.T @ x)  # ascending
    odd, next_ = (2, 1) if moments[2] - moments[1] >= moments[1] - moments[0] else (0, 1)
    first = _directed(x, vectors[:, odd])
    if abs(moments[next_] - moments[3 - odd - next_]) > EQUAL_MOMENTS * moments[2]:
        second = _directed(x, vectors[:, next_])
    else:
        across = x - np.outer(x @ first, first)
        second = across[_farthest(np.linalg.norm(across, axis=1), x @ first)]
    second = second - (second @ first) * first
    second /= np.linalg.norm(second)
    return Frame(origin, np.array([first, second, np.cross(first, second)]))


def _directed(x: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """An axis with the direction in which the places along it reach farther."""
    along = x @ axis
    third = float((along**3).mean() / max(float((along**2).mean()), 1e-200) ** 1.5)
    if abs(third) < SYMMETRIC:
        third = float(along[_farthest(np.abs(along), np.linalg.norm(x, axis=1))])
    return np.asarray(axis if third >= 0.0 else -axis)


def _farthest(distance: np.ndarray, then: np.ndarray) -> int:
    """Number of the point with the largest distance, and of equal ones the largest other value."""
    step = ROUNDING * max(float(np.abs(distance).max()), float(np.abs(then).max()))
    return int(np.lexsort((np.round(then / step), np.round(distance / step)))[-1])


def in_own_frame(surface: Triangulation) -> tuple[Triangulation, Frame]:
    """A surface without cells in its own frame, with rounded coordinates, vertices and triangles sorted by them.

    Args:
        surface: the surface; vertices that no triangle uses are left out.

    Returns:
        The surface and the frame.
    """
    used, index = np.unique(surface.triangles[:, :3], return_inverse=True)
    frame = own_frame(surface.points[used])
    x = frame.into(surface.points[used])
    step = 2.0 ** np.floor(np.log2(ROUNDING * float(np.abs(x).max())))  # a power of two: products are exact
    rounded = np.round(x / step)
    order = np.lexsort(rounded.T[::-1])
    number = np.empty(len(order), dtype=int)
    number[order] = np.arange(len(order))
    triangles = number[index.reshape(-1, 3)]
    first = triangles.argmin(axis=1)
    triangles = np.take_along_axis(triangles, (first[:, None] + np.arange(3)) % 3, axis=1)
    by_corners = np.lexsort(triangles.T[::-1])
    sorted_surface = Triangulation(
        rounded[order] * step, triangles[by_corners], surface.values[by_corners], surface.names
    )
    return sorted_surface, frame


def unrounded(points: np.ndarray, surface: Triangulation) -> np.ndarray:
    """Points of which those at rounded vertices of a surface are put where the vertices are, shape (points, 3).

    Args:
        points: coordinates, shape (points, 3).
        surface: surface before it was rounded.
    """
    from scipy.spatial import cKDTree

    reach = 4.0 * ROUNDING * float(np.ptp(surface.points, axis=0).max())
    distance, nearest = cKDTree(surface.points).query(points, distance_upper_bound=reach)
    at_vertex = np.isfinite(distance)
    result = points.copy()
    result[at_vertex] = surface.points[nearest[at_vertex]]
    return result
