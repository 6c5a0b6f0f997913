"""Thickness of a body along its surface: radii of inner balls that touch it, and edge lengths that follow them."""

from __future__ import annotations

import numpy as np

from spinepnp.geometries.triangulation import UNNAMED, Triangulation

#: Steps of the search for a ball: each moves its centre along the normal.
BALL_STEPS = 12

#: Triangles of the coarse copy of a surface on which its thickness is found: enough for necks, and without roughness.
COARSE = 4000

#: Edge length over the thickness (a radius): with quadratic elements the conductance is right to 0.1 %; measured.
THICKNESS_SHARE = 0.4

#: Edge length on the rim of a patch over the patch's radius: the rim's polygon loses 0.3 % of its area.
RIM_SHARE = 0.13

#: Radius of a ball, over the bulk size, below which it is due to the surface: a ridge has no thickness.
SMALLEST_BALL = 0.5

#: Distance from the centre of a ball, over its radius, within which it counts for the thickness.
REACH = 1.2

#: Change of the edge length over a distance: neighbouring edges differ by about this part.
GROWTH = 0.25


def vertex_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals at the vertices, by the areas of their triangles, shape (points, 3)."""
    x = points[triangles]
    faces = np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0])
    normals = np.zeros_like(points)
    for i in range(3):
        np.add.at(normals, triangles[:, i], faces)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1), 1e-300)[:, None])


def inner_radii(points: np.ndarray, normals: np.ndarray, smallest: float, largest: float) -> np.ndarray:
    """Radius of the largest ball that touches the surface from inside at each point and holds no other point.

    The shrinking-ball method (Ma, Bae, Choi, The Visual Computer 28, 2012).

    Args:
        points: points of a closed surface, shape (n, 3).
        normals: outward unit normals, shape (n, 3).
        smallest: radius below which a ball counts as due to the roughness of the surface.
        largest: radius to begin with.

    Returns:
        Radii between ``smallest`` and ``largest``, shape (n,).
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(points)
    radius, active = np.full(len(points), largest), np.arange(len(points))
    for _ in range(BALL_STEPS):
        if len(active) == 0:
            break
        centre = points[active] - radius[active, None] * normals[active]
        distance, nearest = tree.query(centre)
        inside = distance < radius[active] * (1.0 - 1e-3)
        active, nearest = active[inside], nearest[inside]
        chord = points[active] - points[nearest]
        along = np.einsum("ij,ij->i", chord, normals[active])
        ball = np.einsum("ij,ij->i", chord, chord) / np.maximum(2.0 * along, 1e-300)
        rough = ball < smallest
        radius[active] = np.clip(ball, smallest, radius[active])
        active = active[~rough]
    return radius


def limit_growth(points: np.ndarray, triangles: np.ndarray, size: np.ndarray, growth: float = GROWTH) -> np.ndarray:
    """Edge lengths at the vertices, reduced so that they grow slowly along the edges.

    Args:
        points: coordinates, shape (points, 3).
        triangles: corners, shape (triangles, 3).
        size: edge lengths at the points, shape (points,).
        growth: largest change of an edge length over a distance.
    """
    from scipy.sparse import coo_array

    size = size.copy()
    a, b = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).T
    length = growth * np.linalg.norm(points[a] - points[b], axis=1)
    graph = coo_array((length, (a, b)), shape=(len(points),) * 2)
    a, b, length = graph.row, graph.col, graph.data
    for _ in range(len(points)):
        before = size.copy()
        np.minimum.at(size, b, before[a] + length)
        np.minimum.at(size, a, before[b] + length)
        if np.allclose(before, size, rtol=1e-3, atol=0.0):
            break
    return size


def thickness(points: np.ndarray, triangles: np.ndarray, smallest: float) -> np.ndarray:
    """Radius of the largest inner ball at each point of a closed, outward oriented surface, shape (points,).

    Args:
        points: coordinates, shape (points, 3).
        triangles: corners, shape (triangles, 3).
        smallest: radius below which a ball counts as due to roughness.
    """
    import pyvista
    from scipy.spatial import cKDTree

    coarse, corners = points, triangles
    if len(triangles) > COARSE:
        surface = pyvista.PolyData.from_regular_faces(points, triangles)
        surface = surface.decimate(1.0 - COARSE / len(triangles), volume_preservation=True)
        coarse, corners = np.asarray(surface.points, dtype=float), surface.regular_faces
    normals = vertex_normals(coarse, corners)
    balls = inner_radii(coarse, normals, smallest, float(np.ptp(coarse, axis=0).max()))
    tree, radii = cKDTree(coarse), balls.copy()
    # At an edge of the surface a ball is small; the body is as thick there as the largest ball that nearly reaches it.
    for near, ball in zip(tree.query_ball_point(coarse - balls[:, None] * normals, REACH * balls), balls, strict=True):
        radii[near] = np.maximum(radii[near], ball)
    _, nearest = cKDTree(coarse).query(points)
    return np.asarray(radii[nearest])


def bulk_size(surface: Triangulation) -> float:
    """Default edge length in thick parts: a third of a sphere's radius, half of a cylinder's; in the file's unit."""
    return abs(surface.volume()) / float(surface.areas().sum())


def edge_lengths(surface: Triangulation, size: float) -> np.ndarray:
    """Wanted edge length at each point of an outward oriented surface: a share of the thickness, finer at rims.

    Args:
        surface: the surface.
        size: edge length in the thickest parts, in the surface's unit; all others are in proportion to it.

    Returns:
        Edge lengths, in the surface's unit, shape (points,).
    """
    triangles, factor = surface.triangles[:, :3], size / bulk_size(surface)
    radii = thickness(surface.points, triangles, SMALLEST_BALL * bulk_size(surface))
    lengths = np.minimum(factor * THICKNESS_SHARE * radii, size)
    areas = surface.areas()
    for value in np.unique(surface.values):
        of_patch = surface.values == value
        if surface.names[value] == UNNAMED or of_patch.all():
            continue
        rim = np.intersect1d(triangles[of_patch], triangles[~of_patch])
        radius = np.sqrt(areas[of_patch].sum() / np.pi)
        lengths[rim] = np.minimum(lengths[rim], min(factor, 1.0) * RIM_SHARE * radius)
    return limit_growth(surface.points, triangles, lengths)
