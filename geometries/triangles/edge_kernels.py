"""Split, collapse and flip of the edges of a triangulated surface, and smoothing of its vertices; compiled by Numba.

The operations of isotropic remeshing (Botsch and Kobbelt, Symposium on Geometry Processing 2004). An edge is a feature
if its two triangles have different labels or meet at a sharp angle; features keep their place. A triangle that is gone
has a first corner of -1; `around` holds the triangles of each vertex, and no operation makes more than fit there.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

#: Cosine of the angle between normals below which an edge is sharp.
SHARP = 0.6

#: Cosine of the angle by which a triangle may turn in one operation.
TURN = 0.5

#: Shape (see `WORST_SHAPE`) of a triangle below which its normal is not trusted.
NEEDLE = 0.05

#: Length of an edge, over its size, below which it may always be collapsed.
TINY = 0.25

#: Length of an edge, over its size, below which even corners of patches at its ends are one.
SAME = 0.02

#: Smallest shape of a new triangle: 4 sqrt(3) area over the sum of its squared edges, 1 for an equilateral one.
WORST_SHAPE = 0.05


@njit(cache=True)
def _normal(a, b, c):  # type: ignore[no-untyped-def]
    u0, u1, u2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    v0, v1, v2 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    return np.array((u1 * v2 - u2 * v1, u2 * v0 - u0 * v2, u0 * v1 - u1 * v0))


@njit(cache=True)
def _dot(u, v):  # type: ignore[no-untyped-def]
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


@njit(cache=True)
def _distance(a, b):  # type: ignore[no-untyped-def]
    return math.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2)


@njit(cache=True)
def _shape(a, b, c):  # type: ignore[no-untyped-def]
    n = _normal(a, b, c)
    edges = _distance(a, b) ** 2 + _distance(b, c) ** 2 + _distance(c, a) ** 2
    return 2.0 * math.sqrt(3.0) * math.sqrt(_dot(n, n)) / max(edges, 1e-300)


@njit(cache=True)
def _turns(old, new):  # type: ignore[no-untyped-def]
    """Whether a triangle with one normal turns too far when it gets the other."""
    return _dot(old, new) <= TURN * math.sqrt(_dot(old, old) * _dot(new, new))


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
                _add(around, count, triangles[t, i], t)


@njit(cache=True)
def _drop(around, count, v, t):  # type: ignore[no-untyped-def]
    for k in range(count[v]):
        if around[v, k] == t:
            count[v] -= 1
            around[v, k] = around[v, count[v]]
            return


@njit(cache=True)
def _add(around, count, v, t):  # type: ignore[no-untyped-def]
    around[v, count[v]] = t
    count[v] += 1


@njit(cache=True)
def _corner_of(triangles, t, v):  # type: ignore[no-untyped-def]
    for i in range(3):
        if triangles[t, i] == v:
            return i
    return -1


@njit(cache=True)
def _pair(triangles, around, count, a, b):  # type: ignore[no-untyped-def]
    """The two triangles of an edge, first the one that runs from a to b; -1 where there is none."""
    forward, backward = -1, -1
    for k in range(count[a]):
        t = around[a, k]
        i = _corner_of(triangles, t, a)
        if triangles[t, (i + 1) % 3] == b:
            forward = t
        elif triangles[t, (i + 2) % 3] == b:
            backward = t
    return forward, backward


@njit(cache=True)
def _is_feature(x, triangles, labels, one, other):  # type: ignore[no-untyped-def]
    """Whether the edge between two triangles is kept; a needle has no direction, so that its edges are not sharp."""
    if one < 0 or other < 0 or labels[one] != labels[other]:
        return True
    a, b, c = x[triangles[one, 0]], x[triangles[one, 1]], x[triangles[one, 2]]
    d, e, f = x[triangles[other, 0]], x[triangles[other, 1]], x[triangles[other, 2]]
    if _shape(a, b, c) < NEEDLE or _shape(d, e, f) < NEEDLE:
        return False
    n, m = _normal(a, b, c), _normal(d, e, f)
    return _dot(n, m) < SHARP * math.sqrt(_dot(n, n) * _dot(m, m))


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
        w = triangles[t, (_corner_of(triangles, t, v) + 1) % 3]
        forward, backward = _pair(triangles, around, count, v, w)
        if _is_feature(x, triangles, labels, forward, backward):
            number += 1
            if number == 1:
                one[:] = x[w] - x[v]
            elif number == 2:
                other[:] = x[w] - x[v]
    if number == 0:
        return 0
    if number == 2 and _dot(one, other) < -0.5 * math.sqrt(_dot(one, one) * _dot(other, other)):
        return 1
    return 2


@njit(cache=True)
def split_long(x, size, points, triangles, labels, number, around, count):  # type: ignore[no-untyped-def]
    """Split edges longer than 4/3 of their size; returns the numbers of points and triangles.

    Args:
        x: coordinates of the points, with room for more, shape (room, 3).
        size: wanted edge length at each point, shape (room,).
        points: number of points.
        triangles: corners, shape (room, 3).
        labels: patch of each triangle, shape (room,).
        number: number of triangles, those that are gone included.
        around: triangles around each point, shape (room, most).
        count: number of triangles around each point, shape (room,).
    """
    t = 0
    while t < number:
        split = False
        for i in range(3):
            if triangles[t, 0] < 0:
                break
            a, b = triangles[t, i], triangles[t, (i + 1) % 3]
            length = _distance(x[a], x[b])
            if length <= 4.0 / 3.0 * 0.5 * (size[a] + size[b]):
                continue
            longest = True
            for j in (1, 2):
                if _distance(x[triangles[t, (i + j) % 3]], x[triangles[t, (i + j + 1) % 3]]) > length:
                    longest = False
            if not longest:
                continue
            one, other = _pair(triangles, around, count, a, b)
            if one < 0 or other < 0 or points + 1 > len(x) or number + 2 > len(triangles):
                continue
            c = triangles[one, (_corner_of(triangles, one, a) + 2) % 3]
            d = triangles[other, (_corner_of(triangles, other, a) + 1) % 3]
            if count[c] + 1 >= around.shape[1] or count[d] + 1 >= around.shape[1]:
                continue
            m = points
            x[m] = 0.5 * (x[a] + x[b])
            size[m] = 0.5 * (size[a] + size[b])
            count[m] = 0
            points += 1
            triangles[one, _corner_of(triangles, one, b)] = m
            triangles[other, _corner_of(triangles, other, b)] = m
            for new, old, p, q in ((number, one, b, c), (number + 1, other, d, b)):
                triangles[new, 0], triangles[new, 1], triangles[new, 2] = m, p, q
                labels[new] = labels[old]
                _drop(around, count, b, old)
                _add(around, count, b, new)
                _add(around, count, m, new)
                _add(around, count, m, old)
            _add(around, count, c, number)
            _add(around, count, d, number + 1)
            number += 2
            split = True
            break
        if not split:
            t += 1
    return points, number


@njit(cache=True)
def _may_move(x, triangles, around, count, v, without, p, most, worst):  # type: ignore[no-untyped-def]
    """Whether a vertex may move to p while the triangles that it shares with another one vanish."""
    mean = np.zeros(3)  # of all triangles around it, by area: needles do not count
    for k in range(count[v]):
        t = around[v, k]
        mean += _normal(x[triangles[t, 0]], x[triangles[t, 1]], x[triangles[t, 2]])
    for k in range(count[v]):
        t = around[v, k]
        if _corner_of(triangles, t, without) >= 0:
            continue
        i = _corner_of(triangles, t, v)
        b, c = x[triangles[t, (i + 1) % 3]], x[triangles[t, (i + 2) % 3]]
        new, old = _normal(p, b, c), _normal(x[v], b, c)
        if _turns(old if _shape(x[v], b, c) > NEEDLE else mean, new) and _shape(p, b, c) > NEEDLE:
            return False
        if _shape(p, b, c) < min(worst, 0.9 * _shape(x[v], b, c)):
            return False
        if _distance(p, b) > most or _distance(p, c) > most:
            return False
    return True


@njit(cache=True)
def collapse_short(x, size, triangles, labels, around, count):  # type: ignore[no-untyped-def]
    """Collapse edges shorter than 4/5 of their size, where the surface keeps its topology and features.

    Args:
        x: coordinates of the points, with room for more, shape (room, 3).
        size: wanted edge length at each point, shape (room,).
        triangles: corners, shape (room, 3).
        labels: patch of each triangle, shape (room,).
        around: triangles around each point, shape (room, most).
        count: number of triangles around each point, shape (room,).
    """
    done = 0
    for a in range(len(count)):
        again = True
        while again and count[a] > 0:
            again = False
            kind = kind_of(x, triangles, labels, around, count, a)
            if count[a] == 3 and kind == 0 and _remove_middle(triangles, around, count, a):
                done += 1
                break
            for k in range(count[a]):
                t = around[a, k]
                b = triangles[t, (_corner_of(triangles, t, a) + 1) % 3]
                h = 0.5 * (size[a] + size[b])
                if _distance(x[a], x[b]) >= 0.8 * h:
                    continue
                one, other = _pair(triangles, around, count, a, b)
                if one < 0 or other < 0:
                    continue
                if kind > 0 and not _is_feature(x, triangles, labels, one, other):
                    continue
                if kind == 2 and _distance(x[a], x[b]) > SAME * h:
                    continue
                if count[a] + count[b] - 4 >= around.shape[1] or not _link(triangles, around, count, a, b):
                    continue
                p = x[b].copy()
                if kind == 0 and kind_of(x, triangles, labels, around, count, b) == 0:
                    p = 0.5 * (x[a] + x[b])
                tiny = _distance(x[a], x[b]) < TINY * h
                most, worst = (1e300, 0.0) if tiny else (4.0 / 3.0 * h, WORST_SHAPE)
                if not _may_move(x, triangles, around, count, a, b, p, most, worst):
                    continue
                if not _may_move(x, triangles, around, count, b, a, p, most, worst):
                    continue
                x[b] = p
                size[b] = min(size[a], size[b])
                for dead in (one, other):
                    for i in range(3):
                        if triangles[dead, i] != a:
                            _drop(around, count, triangles[dead, i], dead)
                    _drop(around, count, a, dead)
                    triangles[dead, 0] = -1
                for j in range(count[a]):
                    moved = around[a, j]
                    triangles[moved, _corner_of(triangles, moved, a)] = b
                    _add(around, count, b, moved)
                count[a] = 0
                done += 1
                break
    return done


@njit(cache=True)
def _remove_middle(triangles, around, count, v):  # type: ignore[no-untyped-def]
    """Replace the three triangles around a vertex by one, where their outer corners keep three triangles each."""
    whole = around[v, 0]
    i = _corner_of(triangles, whole, v)
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
                _drop(around, count, triangles[t, j], t)
        triangles[t, 0] = -1
    triangles[whole, i] = r
    _add(around, count, r, whole)
    count[v] = 0
    return True


@njit(cache=True)
def _link(triangles, around, count, a, b):  # type: ignore[no-untyped-def]
    """Whether a and b have two common neighbours, and each of these more than three triangles."""
    common = 0
    for k in range(count[a]):
        t = around[a, k]
        w = triangles[t, (_corner_of(triangles, t, a) + 1) % 3]
        if w == b:
            continue
        for j in range(count[b]):
            s = around[b, j]
            if triangles[s, (_corner_of(triangles, s, b) + 1) % 3] == w:
                common += 1
                if count[w] <= 3:
                    return False
                break
    return common == 2


@njit(cache=True)
def flip_edges(x, triangles, labels, number, around, count):  # type: ignore[no-untyped-def]
    """Flip edges whose opposite angles add up to more than half a turn, on smooth parts.

    Args:
        x: coordinates of the points, with room for more, shape (room, 3).
        triangles: corners, shape (room, 3).
        labels: patch of each triangle, shape (room,).
        number: number of triangles, those that are gone included.
        around: triangles around each point, shape (room, most).
        count: number of triangles around each point, shape (room,).
    """
    done = 0
    for t in range(number):
        for i in range(3):
            if triangles[t, 0] < 0:
                break
            a, b = triangles[t, i], triangles[t, (i + 1) % 3]
            if a > b or count[a] <= 3 or count[b] <= 3:
                continue
            one, other = _pair(triangles, around, count, a, b)
            if one < 0 or other < 0 or _is_feature(x, triangles, labels, one, other):
                continue
            c = triangles[one, (_corner_of(triangles, one, a) + 2) % 3]
            d = triangles[other, (_corner_of(triangles, other, a) + 1) % 3]
            if c == d or count[c] + 1 >= around.shape[1] or count[d] + 1 >= around.shape[1]:
                continue
            u, v, w, z = x[a] - x[c], x[b] - x[c], x[a] - x[d], x[b] - x[d]
            at_c = math.atan2(math.sqrt(_dot(_normal(x[c], x[a], x[b]), _normal(x[c], x[a], x[b]))), _dot(u, v))
            at_d = math.atan2(math.sqrt(_dot(_normal(x[d], x[b], x[a]), _normal(x[d], x[b], x[a]))), _dot(w, z))
            if at_c + at_d <= math.pi + 1e-6:
                continue
            forward, backward = _pair(triangles, around, count, c, d)
            if forward >= 0 or backward >= 0:
                continue
            mean = _normal(x[a], x[b], x[c]) + _normal(x[b], x[a], x[d])
            if _turns(mean, _normal(x[c], x[a], x[d])) or _turns(mean, _normal(x[d], x[b], x[c])):
                continue
            triangles[one, 0], triangles[one, 1], triangles[one, 2] = c, a, d
            triangles[other, 0], triangles[other, 1], triangles[other, 2] = d, b, c
            _drop(around, count, b, one)
            _drop(around, count, a, other)
            _add(around, count, d, one)
            _add(around, count, c, other)
            done += 1
    return done


@njit(cache=True)
def smooth_tangentially(x, triangles, labels, number, around, count):  # type: ignore[no-untyped-def]
    """Move smooth vertices toward the middle of their neighbours within the surface; returns which are smooth.

    Args:
        x: coordinates of the points, with room for more, shape (room, 3).
        triangles: corners, shape (room, 3).
        labels: patch of each triangle, shape (room,).
        number: number of triangles, those that are gone included.
        around: triangles around each point, shape (room, most).
        count: number of triangles around each point, shape (room,).
    """
    smooth = np.zeros(number, dtype=np.bool_)
    for v in range(number):
        if count[v] == 0 or kind_of(x, triangles, labels, around, count, v) != 0:
            continue
        smooth[v] = True
        normal, middle, weight = np.zeros(3), np.zeros(3), 0.0
        for k in range(count[v]):
            a, b, c = triangles[around[v, k], 0], triangles[around[v, k], 1], triangles[around[v, k], 2]
            n = _normal(x[a], x[b], x[c])
            area = math.sqrt(_dot(n, n))
            normal += n
            middle += area * (x[a] + x[b] + x[c]) / 3.0
            weight += area
        size = math.sqrt(_dot(normal, normal))
        if weight <= 0.0 or size <= 0.0:
            continue
        normal /= size
        move = middle / weight - x[v]
        move -= _dot(move, normal) * normal
        place_vertex(x, triangles, around, count, v, x[v] + move)
    return smooth


@njit(cache=True)
def place_vertex(x, triangles, around, count, v, p):  # type: ignore[no-untyped-def]
    """Move a vertex, or as much of the way as no triangle turns over or becomes needle-shaped.

    Args:
        x: coordinates of the points, with room for more, shape (room, 3).
        triangles: corners, shape (room, 3).
        around: triangles around each point, shape (room, most).
        count: number of triangles around each point, shape (room,).
        v: the point.
        p: new place.
    """
    step = p - x[v]
    for _ in range(4):
        if _may_move(x, triangles, around, count, v, -2, x[v] + step, 1e300, WORST_SHAPE):
            x[v] += step
            return True
        step = 0.5 * step
    return False


@njit(cache=True)
def place_vertices(x, triangles, around, count, vertices, targets):  # type: ignore[no-untyped-def]
    """Move vertices to targets, each as far as its triangles allow; returns the number that moved.

    Args:
        x: coordinates of the points, with room for more, shape (room, 3).
        triangles: corners, shape (room, 3).
        around: triangles around each point, shape (room, most).
        count: number of triangles around each point, shape (room,).
        vertices: points that move.
        targets: new place of each, shape (vertices, 3).
    """
    moved = 0
    for i in range(len(vertices)):
        if place_vertex(x, triangles, around, count, vertices[i], targets[i]):
            moved += 1
    return moved
