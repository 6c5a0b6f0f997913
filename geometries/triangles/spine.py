"""A spine made ready for meshing: mended, remeshed, its base cut flat, its synapse marked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.geometries.triangles.anatomy import Anatomy, find_anatomy
from spinepnp.geometries.triangles.cutting import cut_off, flat_triangles, named_disc
from spinepnp.geometries.triangles.mending import Mended, made_anew, mended
from spinepnp.geometries.triangles.remeshing import remeshed
from spinepnp.geometries.triangles.thickness import bulk_size, edge_lengths
from spinepnp.geometries.triangulation import Triangulation, problem_of

#: Factors of the edge lengths that are tried until the remeshed surface does not intersect itself.
ATTEMPTS = (1.0, 0.8)

#: Spacings of the grids, over volume by area, on which a surface is made anew where no size gives a sound one.
OTHER_GRIDS = (0.14, 0.1, 0.3, 0.4)


@dataclass(frozen=True)
class ReadySpine:
    """A spine with the patches "base" and "psd".

    Attributes:
        surface: closed surface with named patches.
        anatomy: what was found along the axis.
        mended: how the surface was mended.
        disc_radius: distance of the rim of the synapse from the pole of the head.
    """

    surface: Triangulation
    anatomy: Anatomy
    mended: Mended
    disc_radius: float


def soundly_remeshed(surface: Triangulation, size: float) -> Triangulation:
    """The surface remeshed by its thickness, with smaller triangles where the result would intersect itself.

    Args:
        surface: closed, outward oriented surface.
        size: edge length in the thickest parts, in the surface's unit.

    Raises:
        ValueError: no size gives a sound surface; says why.
    """
    problem = None
    for factor in ATTEMPTS:
        found = remeshed(surface, edge_lengths(surface, factor * size))
        problem = problem_of(found)
        if problem is None:
            return found
    raise ValueError(f"cannot be remeshed: the result {problem}")


def _whole(repaired: Mended) -> tuple[Mended, Triangulation]:
    """The mended surface, on another grid where it must be, and its remeshed form."""
    for share in (None, *OTHER_GRIDS):
        try:
            candidate = repaired if share is None else made_anew(repaired, share)
            return candidate, soundly_remeshed(candidate.surface, bulk_size(candidate.surface))
        except ValueError:
            if share == OTHER_GRIDS[-1]:
                raise
    raise AssertionError("the loop ends by a return or an error")


def ready_spine(
    points: np.ndarray, triangles: np.ndarray, psd_area: float, base: np.ndarray | None = None
) -> ReadySpine:
    """Mend, remesh, cut and mark the surface of a spine.

    Args:
        points: coordinates, shape (points, 3).
        triangles: corners, shape (triangles, 3).
        psd_area: area of the synapse, in the square of the coordinates' unit.
        base: place near the base; without it the end from which most of the surface is far.

    Raises:
        ValueError: a step fails; says which and why.
    """
    repaired, whole = _whole(mended(points, triangles))
    anatomy = find_anatomy(whole, base)
    cut = cut_off(whole, anatomy.cut, anatomy.direction, "base", anatomy.tip, flat_triangles)
    marked, radius = named_disc(cut, anatomy.pole, psd_area, "psd")
    return ReadySpine(soundly_remeshed(marked, bulk_size(marked)), anatomy, repaired, radius)
