"""A spine made ready for meshing: mended, remeshed, its base cut flat, its synapse marked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spinepnp.geometries.triangles.anatomy import Anatomy, find_anatomy
from spinepnp.geometries.triangles.cutting import cut_off, flat_triangles, named_disc
from spinepnp.geometries.triangles.mending import Mended, made_anew, mended
from spinepnp.geometries.triangles.own_frame import Frame, in_own_frame
from spinepnp.geometries.triangles.remeshing import remeshed
from spinepnp.geometries.triangles.smoothing import smoothed
from spinepnp.geometries.triangles.thickness import bulk_size, edge_lengths
from spinepnp.geometries.triangulation import UNNAMED, Triangulation, problem_of

#: Factors of the edge lengths that are tried until the remeshed surface does not intersect itself.
ATTEMPTS = (1.0, 0.8)

#: Relative error of the synapse's area by remeshing above which its rim is moved a little.
AREA_TOLERANCE = 0.006

#: Areas of the synapse, over the wanted one, that are tried until it keeps its area.
SYNAPSES = (1.0, 0.997, 1.003)

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
    given, frame = in_own_frame(surface)  # a plane of a cut, turned, leaves rounding that would decide between edges
    for factor in ATTEMPTS:
        found = remeshed(given, edge_lengths(given, factor * size))
        problem = problem_of(found)
        if problem is None:
            return frame.surface_back(found)
    raise ValueError(f"cannot be remeshed: the result {problem}")


def remeshed_whole(repaired: Mended) -> tuple[Mended, Triangulation]:
    """The mended surface, on another grid where it must be, and its remeshed form."""
    for share in (None, *OTHER_GRIDS):
        try:
            candidate = smoothed(repaired) if share is None else made_anew(repaired, share)
            return candidate, soundly_remeshed(candidate.surface, bulk_size(candidate.surface))
        except ValueError:
            if share == OTHER_GRIDS[-1]:
                raise
    raise AssertionError("the loop ends by a return or an error")


def ready_spine(
    points: np.ndarray, triangles: np.ndarray, psd_area: float, base: np.ndarray | None = None
) -> ReadySpine:
    """Mend, remesh, cut and mark the surface of a spine, in its own frame: the result turns with the file.

    Args:
        points: coordinates, shape (points, 3).
        triangles: corners, shape (triangles, 3).
        psd_area: area of the synapse, in the square of the coordinates' unit.
        base: place near the base; without it the end from which most of the surface is far.

    Raises:
        ValueError: a step fails; says which and why.
    """
    given, frame = in_own_frame(Triangulation(points, triangles, np.zeros(len(triangles), dtype=int), (UNNAMED,)))
    repaired, whole = remeshed_whole(mended(given.points, given.triangles))
    anatomy = find_anatomy(whole, None if base is None else frame.into(base))
    cut = cut_off(whole, anatomy.cut, anatomy.direction, "base", anatomy.tip, flat_triangles)
    ready, radius = _with_synapse(cut, anatomy.pole, psd_area)
    flat = np.unique(ready.triangles[ready.values == ready.names.index("base")])
    height = (ready.points[flat] - anatomy.cut) @ anatomy.direction  # what rounding has left
    ready.points[flat] -= height[:, None] * anatomy.direction
    return _turned_back(ReadySpine(ready, anatomy, repaired, radius), frame)


def _with_synapse(cut: Triangulation, pole: np.ndarray, area: float) -> tuple[Triangulation, float]:
    """The surface with a synapse, remeshed, and the distance of its rim from the pole.

    Args:
        cut: surface with a base.
        pole: middle of the synapse.
        area: area of the synapse.

    Raises:
        ValueError: the surface has less area, or cannot be remeshed.
    """
    made: list[tuple[float, Triangulation, float]] = []
    for factor in SYNAPSES:
        marked, radius = named_disc(cut, pole, factor * area, "psd")
        found = soundly_remeshed(marked, bulk_size(marked))
        error = abs(float(found.areas()[found.values == found.names.index("psd")].sum()) / area - 1.0)
        made.append((error, found, radius))
        if error < AREA_TOLERANCE:
            break
    return min(made, key=lambda one: one[0])[1:]


def _turned_back(spine: ReadySpine, frame: Frame) -> ReadySpine:
    """A spine from the frame in which it was made ready."""
    anatomy, mend = spine.anatomy, spine.mended
    return ReadySpine(
        surface=frame.surface_back(spine.surface),
        anatomy=replace(
            anatomy, tip=frame.back(anatomy.tip), pole=frame.back(anatomy.pole), cut=frame.back(anatomy.cut),
            direction=frame.direction_back(anatomy.direction),
        ),
        mended=replace(
            mend, surface=frame.surface_back(mend.surface), shells=tuple(frame.surface_back(s) for s in mend.shells)
        ),
        disc_radius=spine.disc_radius,
    )  # fmt: skip
