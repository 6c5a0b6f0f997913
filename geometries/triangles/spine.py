"""A spine made ready for meshing: mended, remeshed, its base cut flat, its synapse marked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spinepnp.geometries.triangles.anatomy import Anatomy, find_anatomy
from spinepnp.geometries.triangles.cutting import cut_off, flat_triangles, named_disc
from spinepnp.geometries.triangles.mending import Mended, made_anew, mended
from spinepnp.geometries.triangles.own_frame import Frame, in_own_frame
from spinepnp.geometries.triangles.pieces import joined, separated
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
    """A spine with the patches "base" and "psd", and holes "inner_1", ... for closed surfaces within.

    Attributes:
        surface: closed surface with named patches.
        anatomy: what was found along the axis.
        mended: how the surface was mended.
        disc_radius: distance of the rim of the synapse from the pole of the head; of a label, of a disc as large.
    """

    surface: Triangulation
    anatomy: Anatomy
    mended: Mended
    disc_radius: float


@dataclass(frozen=True)
class Given:
    """Places, labels and directions that are given rather than found; all in the unit of the coordinates.

    Attributes:
        values: index of each triangle's name in ``names``, shape (triangles,).
        names: "psd" and "base" where the triangles of these are known, `UNNAMED` last.
        root: place near the base; without it the end from which most of the surface is far.
        point: point of the plane that cuts the base.
        normal: vector normal to that plane; without it the axis of the spine.
        refuse_stray: remedy that the refusal of separate pieces names; ``None`` drops them.
    """

    values: np.ndarray | None = None
    names: tuple[str, ...] = (UNNAMED,)
    root: np.ndarray | None = None
    point: np.ndarray | None = None
    normal: np.ndarray | None = None
    refuse_stray: str | None = None


class RemeshingError(ValueError):
    """A surface for which no size gives a sound one; made anew on another grid it may have other creases."""


#: Nothing is given.
NOTHING = Given()


def soundly_remeshed(surface: Triangulation, size: float) -> Triangulation:
    """The surface remeshed by its thickness, with smaller triangles where the result would intersect itself.

    Args:
        surface: closed, outward oriented surface.
        size: edge length in the thickest parts, in the surface's unit.

    Raises:
        RemeshingError: no size gives a sound surface; says why.
    """
    problem = None
    given, frame = in_own_frame(surface)  # a plane of a cut, turned, leaves rounding that would decide between edges
    for factor in ATTEMPTS:
        found = remeshed(given, edge_lengths(given, factor * size))
        problem = problem_of(found)
        if problem is None:
            return frame.surface_back(found)
    raise RemeshingError(f"cannot be remeshed: the result {problem}")


def remeshed_whole(
    repaired: Mended, grids: tuple[float | None, ...] = (None, *OTHER_GRIDS)
) -> tuple[Mended, Triangulation]:
    """The mended surface, on another grid where it must be, and its remeshed form with its holes.

    Args:
        repaired: result of `mended`.
        grids: spacings of the grids that are tried, as shares of volume by area; ``None`` for the surface as it is.
    """
    for share in grids:
        try:
            candidate = smoothed(repaired) if share is None else made_anew(repaired, share)
            surface = joined(candidate.surface, list(candidate.shells))
            return candidate, soundly_remeshed(surface, bulk_size(surface))
        except ValueError:
            if share == grids[-1]:
                raise
    raise AssertionError("the loop ends by a return or an error")


def ready_spine(points: np.ndarray, triangles: np.ndarray, psd_area: float, given: Given = NOTHING) -> ReadySpine:
    """Mend, remesh, cut and mark the surface of a spine, in its own frame: the result turns with the file.

    Args:
        points: coordinates, shape (points, 3).
        triangles: corners, shape (triangles, 3).
        psd_area: area of the synapse where its triangles are not known, in the square of the coordinates' unit.
        given: what is known of the spine.

    Raises:
        ValueError: a step fails; says which and why.
    """
    values = np.zeros(len(triangles), dtype=int) if given.values is None else given.values
    own, frame = in_own_frame(Triangulation(points, triangles, values, given.names))
    given, grids = _in_frame(given, frame), (None, *OTHER_GRIDS)
    repaired = mended(own.points, own.triangles, own.values, own.names, given.refuse_stray)
    for tried in range(len(grids)):
        candidate, whole = remeshed_whole(repaired, grids[tried:])
        try:
            return _turned_back(_finished(candidate, whole, psd_area, given), frame)
        except RemeshingError:
            if tried == len(grids) - 1:
                raise
    raise AssertionError("the loop ends by a return or an error")


def _finished(repaired: Mended, whole: Triangulation, psd_area: float, given: Given) -> ReadySpine:
    """A remeshed surface, cut, marked, and remeshed again where that has left small triangles."""
    outer = separated(whole)[0]
    root = given.root if given.point is None else given.point
    if "base" in given.names:
        surface = whole
        root = _middle(outer, "base")
    anatomy = find_anatomy(outer, root)
    if "base" not in given.names:
        anatomy = _with_plane(anatomy, given)
        surface = cut_off(whole, anatomy.cut, anatomy.direction, "base", anatomy.tip, flat_triangles)
    if "psd" in given.names:
        _middle(surface, "psd")
        radius = float(np.sqrt(surface.areas()[surface.values == surface.names.index("psd")].sum() / np.pi))
        ready = soundly_remeshed(surface, bulk_size(surface))
    else:
        ready, radius = _with_synapse(surface, anatomy.pole, psd_area)
    if "base" not in given.names:
        flat = np.unique(ready.triangles[ready.values == ready.names.index("base")])
        height = (ready.points[flat] - anatomy.cut) @ anatomy.direction  # what rounding has left
        ready.points[flat] -= height[:, None] * anatomy.direction
    return ReadySpine(ready, anatomy, repaired, radius)


def _in_frame(given: Given, frame: Frame) -> Given:
    """Given places and directions in a frame."""
    return replace(
        given,
        root=None if given.root is None else frame.into(given.root),
        point=None if given.point is None else frame.into(given.point),
        normal=None if given.normal is None else frame.axes @ given.normal,
    )


def _middle(surface: Triangulation, name: str) -> np.ndarray:
    """Middle of a named patch, shape (3,)."""
    here = surface.values == surface.names.index(name) if name in surface.names else np.zeros(1, dtype=bool)
    if not here.any():
        raise ValueError(
            f"loses all triangles of its label {name}, beyond the cut or within; give another label or base"
        )
    return np.asarray(np.average(surface.corners[here].mean(axis=1), axis=0, weights=surface.areas()[here]))


def _with_plane(anatomy: Anatomy, given: Given) -> Anatomy:
    """The anatomy with the given plane for the cut, whose normal may point either way: the end of the base goes."""
    if given.point is None:
        return anatomy
    direction = anatomy.direction if given.normal is None else given.normal / np.linalg.norm(given.normal)
    beyond = float((anatomy.tip - given.point) @ direction)
    return replace(anatomy, cut=given.point, direction=-direction if beyond > 0.0 else direction)


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
    outer, shells = separated(cut)
    for factor in SYNAPSES:
        disc, radius = named_disc(outer, pole, factor * area, "psd")
        marked = joined(disc, shells)
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
