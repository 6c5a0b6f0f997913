"""Remeshing of a closed triangulated surface to wanted edge lengths, with the shape, its patches and rims kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.geometries.triangles import edge_kernels as edges
from spinepnp.geometries.triangulation import Triangulation

#: Rounds of split, collapse, flip and smoothing.
ROUNDS = 6

#: Most triangles at a vertex, at least: more leave an operation out.
MOST_AROUND = 40

#: Edges shorter than this part of their size go first: they belong to needles, whose normals mean nothing.
TINY_FIRST = 0.2

#: Height of a triangle over its longest edge below which it is left out of a target: VTK takes a triangle with a
#: repeated corner for a line, and reads a third corner at random. Neighbours have all of its points.
FLAT = 1e-9

#: Rounds in which vertices move along their normals until the volume between both surfaces is zero around each.
VOLUME_ROUNDS = 3


class Target:
    """A surface onto which points are moved.

    Args:
        points: coordinates, shape (points, 3).
        triangles: corners, shape (triangles, 3).
    """

    def __init__(self, points: np.ndarray, triangles: np.ndarray) -> None:
        import pyvista
        from vtkmodules.vtkFiltersCore import vtkImplicitPolyDataDistance

        x = points[triangles]
        area = np.linalg.norm(np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]), axis=1)
        longest = np.max([np.linalg.norm(x[:, i] - x[:, i - 1], axis=1) for i in range(3)], axis=0)
        self._distance: Any = vtkImplicitPolyDataDistance()
        whole = pyvista.PolyData.from_regular_faces(points, triangles[area > FLAT * longest**2])
        self._distance.SetInput(whole)

    def nearest(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Nearest points, shape (n, 3), and distances with sign, positive outside, shape (n,)."""
        nearest, signed = np.empty_like(x), np.empty(len(x))
        point = [0.0, 0.0, 0.0]
        for i, place in enumerate(x):
            signed[i] = self._distance.EvaluateFunctionAndGetClosestPoint(place, point)
            nearest[i] = point
        return nearest, signed


def remeshed(surface: Triangulation, size: np.ndarray) -> Triangulation:
    """The surface with edges of about the wanted lengths; rims of patches and sharp edges keep their place.

    Args:
        surface: a closed, oriented surface.
        size: wanted edge length at each point, in the surface's unit, shape (points,).
    """
    given = surface.triangles[:, :3]
    target = Target(surface.points, given)
    expected = int(2.0 * (surface.areas() / np.maximum(0.43 * size[given].mean(axis=1) ** 2, 1e-300)).sum())
    room = len(given) + 2 * expected + 1000
    x, lengths = _room(surface.points, room), _room(size, room)
    triangles, labels = np.full((room, 3), -1), np.zeros(room, dtype=int)
    triangles[: len(given)], labels[: len(given)] = given, surface.values
    most = max(MOST_AROUND, 2 * int(np.bincount(given.ravel()).max()))
    around, count = np.empty((room, most), dtype=int), np.zeros(room, dtype=int)
    edges.surround(triangles, around, count)
    points, number = len(surface.points), len(given)
    edges.collapse_short(x, TINY_FIRST * lengths, triangles, labels, around, count)
    for round_number in range(ROUNDS):
        points, number = edges.split_long(x, lengths, points, triangles, labels, number, around, count)
        edges.collapse_short(x, lengths, triangles, labels, around, count)
        for _ in range(3):
            edges.flip_edges(x, triangles, labels, number, around, count)
        smooth = edges.smooth_tangentially(x, triangles, labels, points, around, count)
        if round_number >= 1:
            moving = np.flatnonzero(smooth)
            edges.place_vertices(x, triangles, around, count, moving, target.nearest(x[moving])[0])
    whole = triangles[:number][triangles[:number, 0] >= 0]
    _keep_volume(x, whole, target, np.flatnonzero(smooth), triangles, around, count)
    used, index = np.unique(whole, return_inverse=True)
    values = labels[:number][triangles[:number, 0] >= 0]
    return Triangulation(x[used], index.reshape(-1, 3), values, surface.names)


def _room(values: np.ndarray, room: int) -> np.ndarray:
    """An array with these values at its beginning and room behind them."""
    larger = np.zeros((room, *values.shape[1:]))
    larger[: len(values)] = values
    return larger


def _keep_volume(
    x: np.ndarray,
    whole: np.ndarray,
    target: Target,
    smooth: np.ndarray,
    triangles: np.ndarray,
    around: np.ndarray,
    count: np.ndarray,
) -> None:
    """Move smooth vertices along their normals until triangles lie outside the target as much as inside."""
    for _ in range(VOLUME_ROUNDS):
        corners = x[whole]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(normals, axis=1)
        samples = np.concatenate([0.5 * (corners[:, i] + corners[:, i - 1]) for i in range(3)])
        gap = target.nearest(samples)[1].reshape(3, -1).mean(axis=0)  # exact for quadratics
        offset, weight, direction = np.zeros(len(x)), np.full(len(x), 1e-300), np.zeros_like(x)
        for i in range(3):
            np.add.at(offset, whole[:, i], gap * area)
            np.add.at(weight, whole[:, i], area)
            np.add.at(direction, whole[:, i], normals)
        direction /= np.maximum(np.linalg.norm(direction, axis=1), 1e-300)[:, None]
        moved = x - (offset / weight)[:, None] * direction
        edges.place_vertices(x, triangles, around, count, smooth, moved[smooth])
