"""Lines cut into a triangulated surface: a plane that takes a piece off, and the rim of a patch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from spinepnp.geometries.triangulation import Triangulation

#: A vertex nearer to the line than this part of an edge is moved onto it, so that no slivers arise.
SNAP = 0.25

#: Smaller parts, which are tried where the area of a disc would jump over the wanted one as vertices move.
SMALLER_SNAPS = (SNAP, 0.1, 0.03)

#: Error of the area of a disc, relative, below which no smaller part is tried.
DISC_ERROR = 3e-3


def split_at_zero(surface: Triangulation, level: np.ndarray, snap: float = SNAP) -> tuple[Triangulation, np.ndarray]:
    """The surface with its triangles divided along the line at which a function of the vertices vanishes.

    Args:
        surface: the surface.
        level: value at each point, linear in between, shape (points,).
        snap: part of an edge within which a vertex moves onto the line.

    Returns:
        The surface, and the values at its points, zero on the line.
    """
    points, triangles, level = surface.points.copy(), surface.triangles[:, :3], level.astype(float).copy()
    a, b = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).T
    crossing = level[a] * level[b] < 0.0
    part = np.where(crossing, level[a] / np.where(crossing, level[a] - level[b], 1.0), 1.0)
    # Each vertex moves along the edge on which the line is nearest to it.
    near = np.flatnonzero(crossing & (part < snap))
    for edge in near[np.argsort(-part[near], kind="stable")]:
        points[a[edge]] = surface.points[a[edge]] + part[edge] * (surface.points[b[edge]] - surface.points[a[edge]])
    level[a[near]] = 0.0
    cut: dict[tuple[int, int], int] = {}
    new_points: list[np.ndarray] = []
    made: list[tuple[int, int, int]] = []
    values: list[int] = []

    def between(i: int, j: int) -> int:
        key = (min(i, j), max(i, j))
        if key not in cut:
            cut[key] = len(points) + len(new_points)
            s = level[i] / (level[i] - level[j])
            new_points.append(points[i] + s * (points[j] - points[i]))
        return cut[key]

    sign = np.sign(level).astype(int)
    for (i, j, k), value in zip(triangles.tolist(), surface.values.tolist(), strict=True):
        signs = sign[[i, j, k]]
        pieces = [(i, j, k)]
        if signs.min() < 0 < signs.max():
            if (signs == 0).any():
                i, j, k = _rolled((i, j, k), int(np.argmax(signs == 0)))
                m = between(j, k)
                pieces = [(i, j, m), (i, m, k)]
            else:
                alone = int(np.argmax(signs == (-1 if (signs > 0).sum() == 2 else 1)))
                i, j, k = _rolled((i, j, k), alone)
                m, n = between(i, j), between(i, k)
                pieces = [(i, m, n), (m, j, k), (m, k, n)]
        made += pieces
        values += [value] * len(pieces)
    all_points = np.vstack([points, *new_points]) if new_points else points
    split = Triangulation(all_points, np.array(made), np.array(values), surface.names)
    return split, np.concatenate([level, np.zeros(len(new_points))])


def _rolled(corners: tuple[int, int, int], first: int) -> tuple[int, int, int]:
    return corners[first], corners[(first + 1) % 3], corners[(first + 2) % 3]


def side_of(surface: Triangulation, level: np.ndarray) -> np.ndarray:
    """Whether each triangle of a split surface lies where the values are positive, shape (triangles,)."""
    return np.asarray(level[surface.triangles].sum(axis=1) > 0.0)


def cut_off(
    surface: Triangulation, point: np.ndarray, normal: np.ndarray, name: str, near: np.ndarray, cap: Callable[..., Any]
) -> Triangulation:
    """Cut a piece off by a plane; the flat face gets a name. Only the piece around one place goes, with what it holds.

    Surfaces within the body are cut by the same plane: their open ends are holes of the flat face.

    Args:
        surface: closed, outward oriented surface.
        point: point of the plane.
        normal: vector that points from the plane into what stays.
        name: name of the flat face.
        near: place on the piece that goes.
        cap: makes triangles in a plane within loops of points (`flat_triangles`).

    Raises:
        ValueError: the plane does not divide the surface there; says what to do.
    """
    from scipy.spatial import cKDTree

    normal = normal / np.linalg.norm(normal)
    split, level = split_at_zero(surface, (surface.points - point) @ normal)
    negative = ~side_of(split, level)
    if not negative.any() or negative.all():
        raise ValueError("the plane does not cut the surface; move its point")
    parts = connected_parts(split.triangles[negative])
    middle = split.corners[negative].mean(axis=1)
    goes = np.zeros(len(split.triangles), dtype=bool)
    goes[np.flatnonzero(negative)[parts == parts[cKDTree(middle).query(near)[1]]]] = True
    goes |= _within_removed(split, negative, goes, normal, cap)
    kept = split.triangles[~goes]
    loops = boundary_loops(kept)
    rim = np.concatenate(loops)
    points = split.points.copy()
    points[rim] -= ((points[rim] - point) @ normal)[:, None] * normal
    inner, flat = cap(points, loops, normal)
    names = (*(n for n in split.names[:-1]), name, split.names[-1])
    values = np.where(split.values[~goes] == len(split.names) - 1, len(names) - 1, split.values[~goes])
    triangles = np.vstack([kept, flat])
    values = np.concatenate([values, np.full(len(flat), len(names) - 2)])
    return compact(Triangulation(np.vstack([points, inner]), triangles, values, names))


def _within_removed(
    split: Triangulation, negative: np.ndarray, goes: np.ndarray, normal: np.ndarray, cap: Callable[..., Any]
) -> np.ndarray:
    """Mask of triangles beyond the plane of surfaces that lie within the piece that goes.

    Args:
        split: surface that is divided along the plane.
        negative: mask of the triangles beyond the plane.
        goes: mask of the triangles of the outer surface that go.
        normal: unit normal of the plane.
        cap: as for `cut_off`.
    """
    result = np.zeros(len(goes), dtype=bool)
    bodies = connected_parts(split.triangles)
    others = np.flatnonzero(negative & (bodies != bodies[np.argmax(goes)]))
    if len(others) == 0:
        return result
    from spinepnp.geometries.triangles.pieces import inside_of

    inner, flat = cap(split.points, boundary_loops(split.triangles[goes]), normal)
    removed = np.vstack([split.points, inner])[np.vstack([split.triangles[goes], flat[:, ::-1]])]
    parts = connected_parts(split.triangles[others])
    for part in np.unique(parts):
        members = others[parts == part]
        result[members] = inside_of(removed, split.corners[members].mean(axis=1)).any()
    return result


def flat_triangles(points: np.ndarray, loops: list[np.ndarray], normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles that fill loops of points in a plane, with new points between: Delaunay's, with the loops as edges.

    Args:
        points: coordinates, shape (points, 3).
        loops: numbers of the points of each closed loop, in order.
        normal: unit normal of the plane.

    Returns:
        New points, and triangles numbered in the given points and the new ones after them, normals against ``normal``.
    """
    import pyvista
    from scipy.spatial import cKDTree

    u = np.linalg.svd(normal[None])[2][1]
    axes = np.column_stack([u, np.cross(normal, u)])
    rim = np.concatenate(loops)
    flat, height = points[rim] @ axes, float((points[rim] @ normal).mean())
    ends = np.concatenate([np.roll(loop, -1) for loop in loops])
    edge = float(np.linalg.norm(points[rim] - points[ends], axis=1).mean())
    low, high = flat.min(axis=0), flat.max(axis=0)
    x, y = np.meshgrid(np.arange(low[0], high[0], edge), np.arange(low[1], high[1], edge * np.sqrt(0.75)))
    x[1::2] += 0.5 * edge
    grid = np.column_stack([x.ravel(), y.ravel()])
    number = np.cumsum([0, *map(len, loops)])
    inside = _within(grid, [flat[number[i] : number[i + 1]] for i in range(len(loops))])
    grid = grid[inside & (cKDTree(flat).query(grid)[0] > 0.6 * edge)]
    cloud = np.vstack([flat, grid])
    lines = [np.roll(np.arange(number[i], number[i + 1]), -s) for i in range(len(loops)) for s in (0, 1)]
    segments = [np.column_stack([np.full(len(a), 2), a, b]) for a, b in zip(lines[::2], lines[1::2], strict=True)]
    source = pyvista.PolyData(np.column_stack([cloud, np.zeros(len(cloud))]))
    constraint = pyvista.PolyData(source.points, lines=np.concatenate(segments).ravel())
    found = source.delaunay_2d(edge_source=constraint)
    triangles = np.asarray(found.regular_faces)
    a, b, c = (cloud[triangles[:, i]] for i in range(3))
    middle = (a + b + c) / 3.0
    triangles = triangles[_within(middle, [flat[number[i] : number[i + 1]] for i in range(len(loops))])]
    a, b, c = (cloud[triangles[:, i]] for i in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    upward = np.dot(np.cross(axes[:, 0], axes[:, 1]), normal) > 0.0
    turned = np.where(((area > 0.0) == upward)[:, None], triangles[:, ::-1], triangles)
    new = grid @ axes.T + height * normal
    names = np.concatenate([rim, len(points) + np.arange(len(grid))])
    return new, names[turned]


def _within(places: np.ndarray, loops: list[np.ndarray]) -> np.ndarray:
    """Whether places of a plane lie within an odd number of closed loops."""
    result = np.zeros(len(places), dtype=bool)
    for loop in loops:
        for (x0, y0), (x1, y1) in zip(loop, np.roll(loop, -1, axis=0), strict=True):
            spans = (y0 > places[:, 1]) != (y1 > places[:, 1])
            with np.errstate(divide="ignore", invalid="ignore"):
                result ^= spans & (places[:, 0] < (x1 - x0) * (places[:, 1] - y0) / (y1 - y0) + x0)
    return result


def boundary_loops(triangles: np.ndarray) -> list[np.ndarray]:
    """Closed loops of the edges that have one triangle, each in order.

    Raises:
        ValueError: loops touch each other.
    """
    directed = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    existing = set(map(tuple, directed.tolist()))
    open_edges = [(a, b) for a, b in directed.tolist() if (b, a) not in existing]
    following = dict(open_edges)
    if len(following) != len(open_edges):
        raise ValueError("the plane meets the surface in loops that touch; move its point a little")
    loops, left = [], set(following)
    while left:
        start = min(left)
        loop, at = [], start
        while at in left:
            left.remove(at)
            loop.append(at)
            at = following[at]
        loops.append(np.array(loop))
    return loops


def connected_parts(triangles: np.ndarray) -> np.ndarray:
    """Number of the connected part of each triangle; neighbours share a point."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = int(triangles.max()) + 1
    graph = coo_array(
        (np.ones(2 * len(triangles)), (triangles[:, [0, 0]].ravel(), triangles[:, [1, 2]].ravel())), (n, n)
    )
    return np.asarray(connected_components(graph, directed=False)[1][triangles[:, 0]])


def compact(surface: Triangulation) -> Triangulation:
    """The surface without unused points and unused names."""
    used, index = np.unique(surface.triangles, return_inverse=True)
    return replace(surface, points=surface.points[used], triangles=index.reshape(-1, 3))


def named_disc(surface: Triangulation, pole: np.ndarray, area: float, name: str) -> tuple[Triangulation, float]:
    """The surface with a disc of given area around a place of it, cut along its rim.

    The disc is what lies within a distance of the pole and is connected with it.

    Args:
        surface: the surface.
        pole: place in the middle of the disc.
        area: area of the disc, in the square of the surface's unit.
        name: name that its triangles get.

    Returns:
        The surface and the distance.

    Raises:
        ValueError: the surface has less area.
    """
    from scipy.spatial import cKDTree

    distance = np.linalg.norm(surface.points - pole, axis=1)

    def disc(radius: float, snap: float) -> tuple[Triangulation, np.ndarray]:
        split, level = split_at_zero(surface, radius - distance, snap)
        inside = side_of(split, level)
        if inside.any():
            parts = connected_parts(split.triangles[inside])
            middle = split.corners[inside].mean(axis=1)
            inside[np.flatnonzero(inside)[parts != parts[cKDTree(middle).query(pole)[1]]]] = False
        return split, inside

    if surface.areas().sum() <= area:
        raise ValueError("the surface has less area; make the patch smaller")
    for snap in SMALLER_SNAPS:
        low, high = 0.0, float(distance.max())
        for _ in range(20):
            radius = 0.5 * (low + high)
            split, inside = disc(radius, snap)
            low, high = (radius, high) if split.areas()[inside].sum() < area else (low, radius)
        if abs(split.areas()[inside].sum() / area - 1.0) < DISC_ERROR:
            break
    names = (*surface.names[:-1], name, surface.names[-1])
    values = np.where(split.values == len(surface.names) - 1, len(names) - 1, split.values)
    values[inside & (values == len(names) - 1)] = len(names) - 2
    return replace(split, values=values, names=names), radius
