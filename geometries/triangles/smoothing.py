"""Smoothing of rough surfaces: noise of the vertices, and steps of the voxels of the image that they come from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spinepnp.geometries.triangles.fairing import at_points, faired
from spinepnp.geometries.triangles.mending import Mended
from spinepnp.geometries.triangles.remeshing import Target
from spinepnp.geometries.triangles.thickness import bulk_size, edge_lengths, vertex_normals
from spinepnp.geometries.triangulation import UNNAMED, Triangulation, problem_of

#: Shortest wave that stays, over 2 pi, as a part of the edges of the remeshed surface: these show no shorter one, and
#: would take its height at a few places for that around them. Smaller parts are tried where walls would meet.
WIDTHS = (0.7, 0.35)

#: Distance from the smooth surface, over the edges of the remeshed surface, above which a surface is rough where half
#: of its area is farther away: it is 0.002 of fine smooth surfaces, 0.03 of noise of 5 nm on a neck of 100 nm.
ROUGH = 4e-3

#: Rounds of Taubin's smoothing for the surface on which lengths are measured.
TAUBIN_ROUNDS = 30

#: Pass band of that smoothing.
PASS_BAND = 0.03


def smoothed(repaired: Mended) -> Mended:
    """The surface without noise and without the steps of voxels, where it has such; its volume stays, also locally.

    Noise narrows a body more than it widens it, and a remeshed surface would show it as waves of its own edges.

    Args:
        repaired: result of `mended`.

    Raises:
        ValueError: walls of the smooth surface would meet.
    """
    import pyvista

    before = repaired.surface
    triangles = before.triangles[:, :3]
    rough = pyvista.PolyData.from_regular_faces(before.points, triangles)
    clean = np.asarray(rough.smooth_taubin(n_iter=TAUBIN_ROUNDS, pass_band=PASS_BAND).points, dtype=float)
    bare = Triangulation(clean, triangles, np.zeros(len(triangles), dtype=int), (UNNAMED,))
    lengths = edge_lengths(bare, bulk_size(bare))
    for share in WIDTHS:
        points = faired(before.points, triangles, clean, share * lengths)
        surface = replace(before, points=points)
        if share == WIDTHS[0] and roughness(before, points, lengths) < ROUGH:
            return repaired
        if problem_of(surface) is None:
            break
    else:
        raise ValueError("cannot be smoothed: its walls would meet; export the surface again from its labels")
    gap = float(np.abs(Target(before.points, triangles).nearest(points)[1]).max())
    return replace(
        repaired,
        surface=surface,
        found=(*repaired.found, "a rough surface"),
        done=(*repaired.done, "smoothed the surface"),
        volume_change=(1.0 + repaired.volume_change) * surface.volume() / before.volume() - 1.0,
        area_change=float((1.0 + repaired.area_change) * surface.areas().sum() / before.areas().sum() - 1.0),
        distance=repaired.distance + gap,
    )


def roughness(surface: Triangulation, smooth: np.ndarray, lengths: np.ndarray) -> float:
    """Distance from the smooth surface, over wanted edges, that half of the area exceeds.

    Args:
        surface: the surface.
        smooth: coordinates of its points on the smooth surface, shape (points, 3).
        lengths: wanted edge length at each point, shape (points,).
    """
    triangles = surface.triangles[:, :3]
    normals = vertex_normals(smooth, triangles)
    distance = np.abs(np.einsum("ij,ij->i", surface.points - smooth, normals)) / lengths
    areas = at_points(triangles, replace(surface, points=smooth).areas(), len(smooth))
    order = np.argsort(distance)
    return float(distance[order][np.searchsorted(np.cumsum(areas[order]), 0.5 * areas.sum())])
