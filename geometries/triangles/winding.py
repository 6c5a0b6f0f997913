"""Inside of an arbitrary set of closed oriented surfaces, by winding numbers on a grid, and its smooth outer surface.

The winding number of a point is the number of outward crossings of a ray less that of inward ones. It needs no clean
surface: folds, coincident points and triangles without area do not change it, and where pieces overlap it is two.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from spinepnp.geometries.triangles.remeshing import Target

#: Place of the grid's first point beyond the box along x, y and z, in spacings: no simple fractions, and not the same
#: ones, so that no column meets an edge, nor the edges on the diagonals of a symmetric body.
OFFSET = np.array([1.371234, 1.282817, 1.371234])

#: Rounds of Taubin's smoothing, which keeps the volume: it removes the steps of the grid, and creases of its size.
SMOOTHINGS = 30

#: Pass band of the smoothing.
PASS_BAND = 0.03

#: Most points of a grid, to bound the memory.
MOST_POINTS = 6e6


@njit(cache=True)
def _crossings(x, origin, spacing, change):  # type: ignore[no-untyped-def]
    """Add to ``change`` the steps of the winding number along the columns of a grid."""
    nx, ny, nz = change.shape
    for t in range(len(x)):
        ax, ay, az = x[t, 0]
        bx, by, bz = x[t, 1]
        cx, cy, cz = x[t, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        i0 = max(0, int(np.ceil((min(ax, bx, cx) - origin[0]) / spacing)))
        i1 = min(nx - 1, int(np.floor((max(ax, bx, cx) - origin[0]) / spacing)))
        j0 = max(0, int(np.ceil((min(ay, by, cy) - origin[1]) / spacing)))
        j1 = min(ny - 1, int(np.floor((max(ay, by, cy) - origin[1]) / spacing)))
        for i in range(i0, i1 + 1):
            px = origin[0] + i * spacing
            for j in range(j0, j1 + 1):
                py = origin[1] + j * spacing
                u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
                v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
                w = 1.0 - u - v
                if u < 0.0 or v < 0.0 or w < 0.0:
                    continue
                k = int(np.ceil((u * az + v * bz + w * cz - origin[2]) / spacing))
                if k < nz:
                    change[i, j, max(k, 0)] += -1 if area > 0.0 else 1


def winding_numbers(corners: np.ndarray, origin: np.ndarray, spacing: float, shape: tuple[int, int, int]) -> np.ndarray:
    """Winding number of the points of a grid.

    Args:
        corners: triangles of closed surfaces with outward normals, shape (triangles, 3, 3).
        origin: first point of the grid.
        spacing: distance of neighbouring points.
        shape: number of points along x, y and z.
    """
    change = np.zeros(shape, dtype=np.int16)
    _crossings(np.ascontiguousarray(corners), origin, spacing, change)
    return np.cumsum(change, axis=2, dtype=np.int16)


def outer_surface(points: np.ndarray, triangles: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Surface of all points with a positive winding number: closed, oriented, without intersections.

    The surface is where the distance from the triangles, with its sign from the winding number, vanishes on a grid.

    Args:
        points: coordinates, shape (points, 3).
        triangles: corners, of closed surfaces with outward normals, shape (triangles, 3).
        spacing: spacing of the grid; a larger one is taken where the grid would not fit into memory.

    Returns:
        Points and triangles.
    """
    import pyvista

    low, high = points.min(axis=0), points.max(axis=0)
    spacing = max(spacing, float((np.prod(high - low) / MOST_POINTS) ** (1.0 / 3.0)))
    origin = low - OFFSET * spacing
    nx, ny, nz = (int(n) for n in np.ceil((high - origin) / spacing) + 2)
    inside = winding_numbers(points[triangles], origin, spacing, (nx, ny, nz)) > 0
    near = np.zeros_like(inside)
    for axis in range(3):
        differs = np.diff(inside, axis=axis)
        lower = [slice(None)] * 3
        upper = [slice(None)] * 3
        lower[axis], upper[axis] = slice(None, -1), slice(1, None)
        near[tuple(lower)] |= differs
        near[tuple(upper)] |= differs
    level = np.where(inside, -spacing, spacing).astype(float)
    places = origin + spacing * np.argwhere(near)
    distance = np.linalg.norm(Target(points, triangles).nearest(places)[0] - places, axis=1)
    level[near] = np.where(inside[near], -distance, distance)
    grid = pyvista.ImageData(dimensions=(nx, ny, nz), spacing=(spacing,) * 3, origin=origin)
    grid["level"] = level.ravel(order="F")
    found = grid.contour([0.0], scalars="level", method="flying_edges").triangulate().clean()
    found = found.smooth_taubin(n_iter=SMOOTHINGS, pass_band=PASS_BAND)
    return np.asarray(found.points, dtype=float), np.asarray(found.regular_faces, dtype=int)
