"""Smoothing of surfaces that show the voxels of the image that they come from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spinepnp.geometries.triangles.mending import Mended
from spinepnp.geometries.triangles.remeshing import Target
from spinepnp.geometries.triangles.winding import PASS_BAND, SMOOTHINGS
from spinepnp.geometries.triangulation import Triangulation, neighbours, problem_of, unit_normals

#: Angle between the normals of two triangles above which their edge may be that of a voxel, radians.
STEP_ANGLE = np.radians(30.0)

#: Share of such edges, of the convex and of the concave ones alike, above which a surface is made of steps: it is 0.1
#: of voxels, and 0.01 of smooth surfaces; a coarse mesh of a convex body has convex ones alone.
MOST_STEPS = 0.04


def steps_share(surface: Triangulation) -> float:
    """Share of the edges that are convex steps, or concave ones, whichever are fewer.

    Args:
        surface: closed, outward oriented surface.
    """
    one, other, _ = neighbours(surface)
    normals, middle = unit_normals(surface), surface.corners.mean(axis=1)
    sharp = np.einsum("ij,ij->i", normals[one], normals[other]) < np.cos(STEP_ANGLE)
    convex = np.einsum("ij,ij->i", middle[other] - middle[one], normals[one]) < 0.0
    return float(min((sharp & convex).mean(), (sharp & ~convex).mean()))


def smoothed(repaired: Mended) -> Mended:
    """The surface without the steps of voxels, where it has such, by Taubin's smoothing, which keeps the volume.

    Args:
        repaired: result of `mended`.
    """
    import pyvista

    before = repaired.surface
    if steps_share(before) < MOST_STEPS:
        return repaired
    mesh = pyvista.PolyData.from_regular_faces(before.points, before.triangles[:, :3])
    mesh = mesh.smooth_taubin(n_iter=SMOOTHINGS, pass_band=PASS_BAND)
    surface = replace(before, points=np.asarray(mesh.points, dtype=float))
    if problem_of(surface) is not None:
        return repaired
    gap = float(np.abs(Target(before.points, before.triangles[:, :3]).nearest(surface.points)[1]).max())
    return replace(
        repaired,
        surface=surface,
        found=(*repaired.found, "steps of voxels"),
        done=(*repaired.done, "smoothed the steps of voxels"),
        volume_change=(1.0 + repaired.volume_change) * surface.volume() / before.volume() - 1.0,
        area_change=float((1.0 + repaired.area_change) * surface.areas().sum() / before.areas().sum() - 1.0),
        distance=repaired.distance + gap,
    )
