"""Triangles around each vertex of a triangulated surface whose edges change; compiled by Numba.

A triangle that is gone has a first corner of -1; `around` holds the triangles of each vertex, `count` their number.
"""

from __future__ import annotations

from numba import njit


@njit(cache=True)
def surround(triangles, around, count):  # type: ignore[no-untyped-def]
    """Fill the lists of triangles around each vertex.

    Args:
        triangles: corners, shape (room, 3).
        around: triangles around each point, shape (room, most).
        count: number of triangles around each point, shape (room,).
    """
    count[:] = 0
    for t in range(len(triangles)):
        if triangles[t, 0] >= 0:
            for i in range(3):
                add(around, count, triangles[t, i], t)


@njit(cache=True)
def drop(around, count, v, t):  # type: ignore[no-untyped-def]
    """Take a triangle off the list of a vertex."""
    for k in range(count[v]):
        if around[v, k] == t:
            count[v] -= 1
            around[v, k] = around[v, count[v]]
            return


@njit(cache=True)
def add(around, count, v, t):  # type: ignore[no-untyped-def]
    """Put a triangle on the list of a vertex."""
    around[v, count[v]] = t
    count[v] += 1


@njit(cache=True)
def corner_of(triangles, t, v):  # type: ignore[no-untyped-def]
    """Number of the corner of a triangle that is a vertex; -1 where none is."""
    for i in range(3):
        if triangles[t, i] == v:
            return i
    return -1


@njit(cache=True)
def pair(triangles, around, count, a, b):  # type: ignore[no-untyped-def]
    """The two triangles of an edge, first the one that runs from a to b; -1 where there is none."""
    forward, backward = -1, -1
    for k in range(count[a]):
        t = around[a, k]
        i = corner_of(triangles, t, a)
        if triangles[t, (i + 1) % 3] == b:
            forward = t
        elif triangles[t, (i + 2) % 3] == b:
            backward = t
    return forward, backward


@njit(cache=True)
def link(triangles, around, count, a, b):  # type: ignore[no-untyped-def]
    """Whether a and b have two common neighbours, and each of these more than three triangles."""
    common = 0
    for k in range(count[a]):
        t = around[a, k]
        w = triangles[t, (corner_of(triangles, t, a) + 1) % 3]
        if w == b:
            continue
        for j in range(count[b]):
            s = around[b, j]
            if triangles[s, (corner_of(triangles, s, b) + 1) % 3] == w:
                common += 1
                if count[w] <= 3:
                    return False
                break
    return common == 2


@njit(cache=True)
def remove_middle(triangles, around, count, v):  # type: ignore[no-untyped-def]
    """Replace the three triangles around a vertex by one, where their outer corners keep three triangles each."""
    whole = around[v, 0]
    i = corner_of(triangles, whole, v)
    p, q = triangles[whole, (i + 1) % 3], triangles[whole, (i + 2) % 3]
    r = -1
    for k in (1, 2):
        for j in range(3):
            w = triangles[around[v, k], j]
            if w not in (v, p, q):
                r = w
    if r < 0 or count[p] <= 3 or count[q] <= 3 or count[r] <= 3:
        return False
    for k in (1, 2):
        t = around[v, k]
        for j in range(3):
            if triangles[t, j] != v:
                drop(around, count, triangles[t, j], t)
        triangles[t, 0] = -1
    triangles[whole, i] = r
    add(around, count, r, whole)
    count[v] = 0
    return True
