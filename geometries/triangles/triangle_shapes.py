"""Shapes of triangles, sharp edges between them, and the kinds of vertices that follow; compiled by Numba."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from spinepnp.geometries.triangles.triangle_lists import corner_of, pair

#: Cosine of the angle between normals below which an edge is sharp.
SHARP = 0.6

#: Cosine of the angle by which a triangle may turn in one operation.
TURN = 0.5

#: Shape (see `shape_of`) of a triangle below which its normal is not trusted.
NEEDLE = 0.05


@njit(cache=True)
def area_vector(a, b, c):  # type: ignore[no-untyped-def]
    """Vector normal to a triangle, of twice its area."""
    u0, u1, u2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    v0, v1, v2 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    return np.array((u1 * v2 - u2 * v1, u2 * v0 - u0 * v2, u0 * v1 - u1 * v0))


@njit(cache=True)
def dot(u, v):  # type: ignore[no-untyped-def]
    """Scalar product of two vectors."""
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


@njit(cache=True)
def distance(a, b):  # type: ignore[no-untyped-def]
    """Distance of two points."""
    return math.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2)


@njit(cache=True)
def shape_of(a, b, c):  # type: ignore[no-untyped-def]
    """Shape of a triangle: 4 sqrt(3) area over the sum of its squared edges, 1 for an equilateral one."""
    n = area_vector(a, b, c)
    edges = distance(a, b) ** 2 + distance(b, c) ** 2 + distance(c, a) ** 2
    return 2.0 * math.sqrt(3.0) * math.sqrt(dot(n, n)) / max(edges, 1e-300)


@njit(cache=True)
def turns(old, new):  # type: ignore[no-untyped-def]
    """Whether a triangle with one normal turns too far when it gets the other."""
    return dot(old, new) <= TURN * math.sqrt(dot(old, old) * dot(new, new))


@njit(cache=True)
def is_feature(x, triangles, labels, one, other):  # type: ignore[no-untyped-def]
    """Whether the edge between two triangles is kept; a needle has no direction, so that its edges are not sharp."""
    if one < 0 or other < 0 or labels[one] != labels[other]:
        return True
    a, b, c = x[triangles[one, 0]], x[triangles[one, 1]], x[triangles[one, 2]]
    d, e, f = x[triangles[other, 0]], x[triangles[other, 1]], x[triangles[other, 2]]
    if shape_of(a, b, c) < NEEDLE or shape_of(d, e, f) < NEEDLE:
        return False
    n, m = area_vector(a, b, c), area_vector(d, e, f)
    return dot(n, m) < SHARP * math.sqrt(dot(n, n) * dot(m, m))


@njit(cache=True)
def kind_of(x, triangles, labels, around, count, v):  # type: ignore[no-untyped-def]
    """0: within a smooth part; 1: on a feature line; 2: an end, corner or crossing of feature lines.

    Args:
        x: coordinates of the points, with room for more, shape (room, 3).
        triangles: corners, shape (room, 3).
        labels: patch of each triangle, shape (room,).
        around: triangles around each point, shape (room, most).
        count: number of triangles around each point, shape (room,).
        v: the point.
    """
    number = 0
    one = np.zeros(3)
    other = np.zeros(3)
    for k in range(count[v]):
        t = around[v, k]
        w = triangles[t, (corner_of(triangles, t, v) + 1) % 3]
        forward, backward = pair(triangles, around, count, v, w)
        if is_feature(x, triangles, labels, forward, backward):
            number += 1
            if number == 1:
                one[:] = x[w] - x[v]
            elif number == 2:
                other[:] = x[w] - x[v]
    if number == 0:
        return 0
    if number == 2 and dot(one, other) < -0.5 * math.sqrt(dot(one, one) * dot(other, other)):
        return 1
    return 2
