"""Split, collapse and flip of the edges of a triangulated surface, and smoothing of its vertices; compiled by Numba.

The operations of isotropic remeshing (Botsch and Kobbelt, Symposium on Geometry Processing 2004). An edge is a feature
if its two triangles have different labels or meet at a sharp angle; features keep their place. No operation makes more
triangles around a vertex than fit into `around`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from spinepnp.geometries.triangles.triangle_lists import add, corner_of, drop, link, pair, remove_middle
from spinepnp.geometries.triangles.triangle_shapes import (
    NEEDLE,
    area_vector,
    distance,
    dot,
    is_feature,
    kind_of,
    shape_of,
    turns,
)

#: Length of an edge, over its size, below which it may always be collapsed.
TINY = 0.25

#: Length of an edge, over its size, below which even corners of patches at its ends are one.
SAME = 0.02

#: Smallest shape of a new triangle (see `shape_of`).
WORST_SHAPE = 0.05


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
            length = distance(x[a], x[b])
            if length <= 4.0 / 3.0 * 0.5 * (size[a] + size[b]):
                continue
            longest = True
            for j in (1, 2):
                if distance(x[triangles[t, (i + j) % 3]], x[triangles[t, (i + j + 1) % 3]]) > length:
                    longest = False
            if not longest:
                continue
            one, other = pair(triangles, around, count, a, b)
            if one < 0 or other < 0 or points + 1 > len(x) or number + 2 > len(triangles):
                continue
            c = triangles[one, (corner_of(triangles, one, a) + 2) % 3]
            d = triangles[other, (corner_of(triangles, other, a) + 1) % 3]
            if count[c] + 1 >= around.shape[1] or count[d] + 1 >= around.shape[1]:
                continue
            m = points
            x[m] = 0.5 * (x[a] + x[b])
            size[m] = 0.5 * (size[a] + size[b])
            count[m] = 0
            points += 1
            triangles[one, corner_of(triangles, one, b)] = m
            triangles[other, corner_of(triangles, other, b)] = m
            for new, old, p, q in ((number, one, b, c), (number + 1, other, d, b)):
                triangles[new, 0], triangles[new, 1], triangles[new, 2] = m, p, q
                labels[new] = labels[old]
                drop(around, count, b, old)
                add(around, count, b, new)
                add(around, count, m, new)
                add(around, count, m, old)
            add(around, count, c, number)
            add(around, count, d, number + 1)
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
        mean += area_vector(x[triangles[t, 0]], x[triangles[t, 1]], x[triangles[t, 2]])
    for k in range(count[v]):
        t = around[v, k]
        if corner_of(triangles, t, without) >= 0:
            continue
        i = corner_of(triangles, t, v)
        b, c = x[triangles[t, (i + 1) % 3]], x[triangles[t, (i + 2) % 3]]
        new, old = area_vector(p, b, c), area_vector(x[v], b, c)
        if turns(old if shape_of(x[v], b, c) > NEEDLE else mean, new) and shape_of(p, b, c) > NEEDLE:
            return False
        if shape_of(p, b, c) < min(worst, 0.9 * shape_of(x[v], b, c)):
            return False
        if distance(p, b) > most or distance(p, c) > most:
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
            if count[a] == 3 and kind == 0 and remove_middle(triangles, around, count, a):
                done += 1
                break
            for k in range(count[a]):
                t = around[a, k]
                b = triangles[t, (corner_of(triangles, t, a) + 1) % 3]
                h = 0.5 * (size[a] + size[b])
                if distance(x[a], x[b]) >= 0.8 * h:
                    continue
                one, other = pair(triangles, around, count, a, b)
                if one < 0 or other < 0:
                    continue
                if kind > 0 and not is_feature(x, triangles, labels, one, other):
                    continue
                if kind == 2 and distance(x[a], x[b]) > SAME * h:
                    continue
                if count[a] + count[b] - 4 >= around.shape[1] or not link(triangles, around, count, a, b):
                    continue
                p = x[b].copy()
                if kind == 0 and kind_of(x, triangles, labels, around, count, b) == 0:
                    p = 0.5 * (x[a] + x[b])
                tiny = distance(x[a], x[b]) < TINY * h
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
                            drop(around, count, triangles[dead, i], dead)
                    drop(around, count, a, dead)
                    triangles[dead, 0] = -1
                for j in range(count[a]):
                    moved = around[a, j]
                    triangles[moved, corner_of(triangles, moved, a)] = b
                    add(around, count, b, moved)
                count[a] = 0
                done += 1
                break
    return done


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
            one, other = pair(triangles, around, count, a, b)
            if one < 0 or other < 0 or is_feature(x, triangles, labels, one, other):
                continue
            c = triangles[one, (corner_of(triangles, one, a) + 2) % 3]
            d = triangles[other, (corner_of(triangles, other, a) + 1) % 3]
            if c == d or count[c] + 1 >= around.shape[1] or count[d] + 1 >= around.shape[1]:
                continue
            u, v, w, z = x[a] - x[c], x[b] - x[c], x[a] - x[d], x[b] - x[d]
            at_c = math.atan2(math.sqrt(dot(area_vector(x[c], x[a], x[b]), area_vector(x[c], x[a], x[b]))), dot(u, v))
            at_d = math.atan2(math.sqrt(dot(area_vector(x[d], x[b], x[a]), area_vector(x[d], x[b], x[a]))), dot(w, z))
            if at_c + at_d <= math.pi + 1e-6:
                continue
            forward, backward = pair(triangles, around, count, c, d)
            if forward >= 0 or backward >= 0:
                continue
            mean = area_vector(x[a], x[b], x[c]) + area_vector(x[b], x[a], x[d])
            if turns(mean, area_vector(x[c], x[a], x[d])) or turns(mean, area_vector(x[d], x[b], x[c])):
                continue
            triangles[one, 0], triangles[one, 1], triangles[one, 2] = c, a, d
            triangles[other, 0], triangles[other, 1], triangles[other, 2] = d, b, c
            drop(around, count, b, one)
            drop(around, count, a, other)
            add(around, count, d, one)
            add(around, count, c, other)
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
            n = area_vector(x[a], x[b], x[c])
            area = math.sqrt(dot(n, n))
            normal += n
            middle += area * (x[a] + x[b] + x[c]) / 3.0
            weight += area
        size = math.sqrt(dot(normal, normal))
        if weight <= 0.0 or size <= 0.0:
            continue
        normal /= size
        move = middle / weight - x[v]
        move -= dot(move, normal) * normal
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
