"""Fairing of closed triangulated surfaces: waves shorter than a width go, volume and longer waves stay.

The filter is Butterworth's of second order, 1/(1 + (w k)^4) for waves exp(i k s) along the surface and a width w: the
real part of the solution of (1 - i w^2 Laplacian) y = x with the cotangent Laplacian (implicit fairing: Desbrun, Meyer,
Schroeder, Barr, SIGGRAPH 1999). A second time it is applied to what it has taken away (Tukey's twicing), so that a
circle of radius R keeps all but (w/R)^8 of its radius.
"""

from __future__ import annotations

import numpy as np

from spinepnp.geometries.triangles.thickness import vertex_normals

#: Largest cotangent of an angle of a triangle that counts: needles of marching cubes would stiffen the surface.
MOST_COTANGENT = 5.0

#: Rounds in which the volume that was lost is put back where it was lost.
VOLUME_ROUNDS = 2


class LowPass:
    """Low-pass filter of values at the points of a closed surface.

    Args:
        points: coordinates, shape (points, 3).
        triangles: corners, shape (triangles, 3).
        width: shortest wave that stays, over 2 pi, at each point, shape (points,).
    """

    def __init__(self, points: np.ndarray, triangles: np.ndarray, width: np.ndarray) -> None:
        from scipy.sparse import coo_array, diags_array
        from scipy.sparse.linalg import splu

        number, x = len(points), points[triangles]
        twice = np.linalg.norm(np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]), axis=1)
        squared = (width[triangles] ** 2).mean(axis=1)
        weights = coo_array((number, number))
        for i in range(3):
            u, v = x[:, (i + 1) % 3] - x[:, i], x[:, (i + 2) % 3] - x[:, i]
            cotangent = np.clip(np.einsum("ij,ij->i", u, v) / np.maximum(twice, 1e-300), 0.0, MOST_COTANGENT)
            ends = (triangles[:, (i + 1) % 3], triangles[:, (i + 2) % 3])
            weights = weights + coo_array((0.5 * squared * cotangent, ends), shape=weights.shape)
        weights = weights + weights.T
        #: Area that belongs to each point.
        self.area = at_points(triangles, 0.5 * twice, number)
        matrix = diags_array(self.area + 1j * weights.sum(axis=1)) - 1j * weights
        options = {"SymmetricMode": True}
        self._solver = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The values without short waves, shape (points, ...)."""
        weighted = (self.area * values.T).T.astype(complex)
        return np.asarray(self._solver.solve(weighted).real)

    def mean(self, amounts: np.ndarray) -> np.ndarray:
        """Amounts at the points, as local means over their areas, shape (points,)."""
        return self(amounts / self.area)


def at_points(triangles: np.ndarray, amounts: np.ndarray, number: int) -> np.ndarray:
    """Amounts of triangles shared out to their corners, shape (points,).

    Args:
        triangles: corners, shape (triangles, 3).
        amounts: amount of each triangle, shape (triangles,).
        number: number of points.
    """
    return np.bincount(triangles.ravel(), np.repeat(amounts / 3.0, 3), minlength=number)


def faired(points: np.ndarray, triangles: np.ndarray, clean: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Points of a rough surface without waves shorter than a width; the volume stays, also locally.

    Args:
        points: coordinates of the rough surface, shape (points, 3).
        triangles: corners, shape (triangles, 3).
        clean: coordinates of the same points on a surface that is all but smooth, on which lengths are measured.
        width: shortest wave that stays, over 2 pi, at each point, shape (points,).
    """
    low_pass = LowPass(clean, triangles, width)
    origin = clean.mean(axis=0)
    once = low_pass(clean - origin)
    found = once + low_pass(clean - origin - once) + origin
    for _ in range(VOLUME_ROUNDS):
        lost = low_pass.mean(at_points(triangles, volumes_between(found, points, triangles), len(points)))
        found = found + lost[:, None] * vertex_normals(found, triangles)
    return found


def volumes_between(start: np.ndarray, end: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Volume that each triangle sweeps when its corners move straight; their sum is the change of the volume, exactly.

    Args:
        start: coordinates at the start, shape (points, 3).
        end: coordinates at the end, shape (points, 3).
        triangles: corners, shape (triangles, 3).
    """

    def areas(x: np.ndarray) -> np.ndarray:
        a, b, c = (x[triangles[:, i]] for i in range(3))
        return 0.5 * np.cross(b - a, c - a)

    mean = (areas(start) + 4.0 * areas(0.5 * (start + end)) + areas(end)) / 6.0  # Simpson's rule: they are quadratic
    return np.asarray(np.einsum("ti,ti->t", (end - start)[triangles].mean(axis=1), mean))
