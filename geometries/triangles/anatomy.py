"""Anatomy of a spine: its axis from the base to the pole of the head, cross-sections, neck, head, cut of the base.

The coordinate along the spine is the geodesic distance from its base over the edges of the surface; the axis connects
the middles of the level lines of that distance, and cross-sections are planes normal to the axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.geometries.triangulation import Triangulation

#: Number of cross-sections between base and pole.
SECTIONS = 40

#: Radius of a cross-section over that of the narrowest one up to which it belongs to the neck; of a stubby spine up to
#: the mean of neck and head.
NECK_WIDTH = 1.5

#: Radius of a head over that of the widest cross-section, at least.
HEAD_WIDTH = 0.4

#: Distance of the cut from the end of the base, over the radius of the cross-section there.
CUT_DEPTH = 0.7

#: Distance from a given place near the base, over the length of the spine, within which its end is sought.
AROUND = 0.15


@dataclass(frozen=True)
class Anatomy:
    """Places and sizes along a spine, in the unit of the surface.

    Attributes:
        tip: end of the base, before it is cut.
        pole: farthest place of the head from the base.
        cut: point of the plane that cuts the base.
        direction: vector along the axis there, into the spine.
        neck_length: length of the neck along the axis.
        neck_radius: radius of the narrowest cross-section.
        head_volume: volume beyond the neck.
        head_area: area of the surface beyond the neck.
        radii: radius of each cross-section, from the base to the pole.
        positions: position of each along the axis.
    """

    tip: np.ndarray
    pole: np.ndarray
    cut: np.ndarray
    direction: np.ndarray
    neck_length: float
    neck_radius: float
    head_volume: float
    head_area: float
    radii: np.ndarray
    positions: np.ndarray


def _distances(surface: Triangulation, start: int) -> np.ndarray:
    """Distance of each point over the edges of the surface from one of them."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    t = surface.triangles[:, :3]
    a, b = np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]).T
    length = np.linalg.norm(surface.points[a] - surface.points[b], axis=1)
    graph = coo_array((length, (a, b)), shape=(len(surface.points),) * 2).tocsr()
    return np.asarray(dijkstra(graph.maximum(graph.T), directed=False, indices=start))


def _far_end(surface: Triangulation) -> int:
    """Number of the end of the surface from which most of it is far."""
    one = int(np.argmax(_distances(surface, 0)))
    distance, areas = _distances(surface, one), surface.areas()
    middle = float((distance[surface.triangles[:, :3]].mean(axis=1) * areas).sum() / areas.sum())
    return one if middle > 0.5 * distance.max() else int(np.argmax(distance))


def _end_near(surface: Triangulation, place: np.ndarray) -> int:
    """Number of the point that is farthest from the other end, around the one that is nearest to a place."""
    near = _distances(surface, int(np.argmin(np.linalg.norm(surface.points - place, axis=1))))
    opposite = _distances(surface, int(np.argmax(near)))
    return int(np.argmax(np.where(near <= AROUND * near.max(), opposite, -1.0)))


def find_anatomy(surface: Triangulation, base: np.ndarray | None = None) -> Anatomy:
    """Anatomy of a closed, outward oriented surface of a spine.

    Args:
        surface: the surface.
        base: place near the base; without it the end from which most of the surface is far.
    """
    points = surface.points
    start = _far_end(surface) if base is None else _end_near(surface, base)
    distance = _distances(surface, start)
    pole = int(np.argmax(distance))
    axis, radii = _sections(surface, distance)
    positions = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(axis, axis=0), axis=1))])
    whole = len(radii)
    first = next((i for i in range(whole) if positions[i] >= CUT_DEPTH * radii[i]), 0)
    first = min(first, whole // 4)
    narrow = first + _narrowest(radii[first:])
    head_radius = radii[narrow:].max()
    slim = radii <= min(NECK_WIDTH * radii[narrow], 0.5 * (radii[narrow] + head_radius))
    last, begin = narrow, narrow
    while last + 1 < whole and slim[last + 1]:
        last += 1
    while begin > first and slim[begin - 1]:
        begin -= 1
    tangent = axis[min(first + 3, whole - 1)] - axis[max(first - 1, 0)]
    along = distance[surface.triangles[:, :3]].mean(axis=1) > distance.max() * (last + 1.0) / (whole + 1.0)
    x, middle = surface.corners[along], axis[min(last + 1, whole - 1)]
    head = np.einsum("ti,ti->", x[:, 0] - middle, np.cross(x[:, 1] - middle, x[:, 2] - middle)) / 6.0
    return Anatomy(
        tip=points[start], pole=points[pole], cut=axis[first], direction=tangent / np.linalg.norm(tangent),
        neck_length=float(positions[last] - positions[begin]), neck_radius=float(radii[narrow]),
        head_volume=float(head), head_area=float(surface.areas()[along].sum()), radii=radii, positions=positions,
    )  # fmt: skip


def _narrowest(radii: np.ndarray) -> int:
    """Number of the cross-section beyond which the spine widens most, to a head: the base may be wider than that."""
    beyond = np.maximum.accumulate(radii[::-1])[::-1]
    widening = np.where(beyond >= HEAD_WIDTH * radii.max(), beyond / np.maximum(radii, 1e-300), 0.0)
    return int(np.argmax(widening))


def _sections(surface: Triangulation, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middles of the cross-sections along the spine, and their radii as those of circles of equal area."""
    import pyvista

    body = pyvista.PolyData.from_regular_faces(surface.points, surface.triangles[:, :3])
    body["distance"] = distance
    levels = distance.max() * np.arange(1, SECTIONS + 1) / (SECTIONS + 1.0)
    middles = []
    for level in levels:
        line = body.contour([level], scalars="distance")
        middles.append(line.compute_cell_sizes().cell_centers().points.mean(axis=0))
    axis = np.array(middles)
    for _ in range(3):
        axis[1:-1] = 0.25 * axis[:-2] + 0.5 * axis[1:-1] + 0.25 * axis[2:]
    tangents = np.gradient(axis, axis=0)
    radii = []
    for middle, tangent in zip(axis, tangents, strict=True):
        section = body.slice(normal=tangent, origin=middle).connectivity("closest", closest_point=middle)
        u = section.points - middle
        lines = section.lines.reshape(-1, 3)[:, 1:]
        a, b = u[lines[:, 0]], u[lines[:, 1]]
        # The direction of the segments follows that of the triangles: the sum is the area of the loop.
        cross = np.cross(a, b) @ (tangent / np.linalg.norm(tangent))
        radii.append(np.sqrt(abs(_loop_area(lines, cross)) / np.pi))
    return axis, np.array(radii)


def _loop_area(lines: np.ndarray, cross: np.ndarray) -> float:
    """Area within a loop of segments in any direction, by walking along it."""
    at: dict[int, list[int]] = {}
    for i, (a, b) in enumerate(lines.tolist()):
        at.setdefault(a, []).append(i)
        at.setdefault(b, []).append(i)
    seen, total, node, segment = set(), 0.0, int(lines[0, 0]), 0
    while segment not in seen:
        seen.add(segment)
        forward = int(lines[segment, 0]) == node
        total += float(cross[segment]) * (1.0 if forward else -1.0)
        node = int(lines[segment, 1] if forward else lines[segment, 0])
        segment = next((i for i in at[node] if i not in seen), segment)
    return 0.5 * total
