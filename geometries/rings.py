"""Rings: bands of a wall that are cut out of it as boundaries of their own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from spinepnp.errors import CaseError
from spinepnp.geometries.base import OBSTACLE_NAME, VOLUME_NAME, Geometry
from spinepnp.geometries.linear_mesh import LinearMesh
from spinepnp.geometries.meridian import DEFAULT_SLOPE, Piece
from spinepnp.geometries.names import check_name
from spinepnp.geometries.revolution import BAND_EDGE
from spinepnp.geometries.sizes import MODEL_UNIT, Grading, InnerPlane, Sizes
from spinepnp.messages import problem_of_choice
from spinepnp.units import Length, NonNegativeLength, Table

#: Gap between two bands, over the length of their wall's meridian, below which they touch.
TOUCHING_GAP = 1e-6

#: Narrowest band, or strip of wall between two, over the length of their wall's meridian, that can be meshed.
SMALLEST_WIDTH = 1e-3


class WallRing(Table):
    """A named band of the wall of a cylinder, cone, tube or pore.

    Attributes:
        name: name of the boundary.
        z: start and end on the wall, m.
        height: height of its middle, m, instead of z (a number that a sweep can vary).
        width: extent along z, m, with `height`.
    """

    #: Keys of which one says where the ring lies, with examples.
    places: ClassVar[dict[str, str]] = {"z": 'z = ["0.3 um", "0.5 um"]', "height": "height and width"}

    name: str
    z: tuple[NonNegativeLength, NonNegativeLength] | None = None
    height: NonNegativeLength | None = None
    width: Length | None = None

    def check(self) -> None:
        """Refuse a ring whose place is missing, or given twice.

        Raises:
            CaseError: names the ring, and the keys.
        """
        key = f"geometry.rings.{self.name}"
        if (self.height is None) != (self.width is None):
            raise CaseError(key, 'needs height = "0.5 um" and width = "50 nm" together')
        if problem := problem_of_choice(self, self.places):
            raise CaseError(key, problem)

    @property
    def on_wall(self) -> tuple[float, float] | None:
        """Start and end on the wall, m; ``None`` where the ring is given by something else."""
        if self.height is None or self.width is None:
            return self.z
        return self.height - 0.5 * self.width, self.height + 0.5 * self.width

    def band(self) -> Band | None:
        """Band of the wall, m; ``None`` where the ring is given by something else."""
        key = f"geometry.rings.{self.name}.{'z' if self.height is None else 'height'}"
        return None if self.on_wall is None else Band(*self.on_wall, self.name, key)


class Band(NamedTuple):
    """A part of a wall's meridian with a name.

    Attributes:
        start: start along the meridian: a height, m, or an angle, rad.
        end: end.
        name: name of the boundary.
        key: key of messages on the band; ``None`` for a part that is none of the rings.
    """

    start: float
    end: float
    name: str
    key: str | None = None


def bands_of(rings: Sequence[WallRing]) -> list[Band]:
    """Bands between heights, m, of the rings that have such."""
    return [band for ring in rings if (band := ring.band()) is not None]


def check_names(rings: Sequence[WallRing], boundaries: tuple[str, ...]) -> None:
    """Refuse names of rings that are not allowed, taken by another boundary, or used twice.

    Raises:
        CaseError: names the ring.
    """
    seen = {*boundaries, VOLUME_NAME, OBSTACLE_NAME}
    for number, ring in enumerate(rings):
        check_name(f"geometry.rings.{number}.name", ring.name, seen)


def check_bands(bands: list[Band], length: float, place: str) -> None:
    """Refuse bands without width, outside of their wall or over each other, and strips too narrow to be meshed.

    Args:
        bands: bands in any order.
        length: length of the wall's meridian, which begins at 0; a height, m, or an angle, rad.
        place: the two ends of the wall, for the message.

    Raises:
        CaseError: names the band, and the remedy.
    """
    for band in bands:
        if band.key is None:
            continue
        if band.end - band.start < SMALLEST_WIDTH * length:
            raise CaseError(band.key, "must have its smaller value first, and some width")
        if band.start < 0.0 or band.end > length * (1.0 + TOUCHING_GAP):
            raise CaseError(band.key, f"must lie between {place}")
    ends = [Band(0.0, 0.0, "the end"), *sorted(bands), Band(length, length, "the end")]
    for before, after in itertools.pairwise(ends):
        one, other = (before, after) if before.key is not None else (after, before)
        if one.key is None:
            continue
        gap = (after.start - before.end) / length
        if gap < -TOUCHING_GAP:
            raise CaseError(one.key, f"overlaps {other.name}; move one of them")
        if TOUCHING_GAP < gap < SMALLEST_WIDTH:
            raise CaseError(one.key, f"almost touches {other.name}; let them touch or leave more room")


def check_wall_is_left(names: Iterable[str]) -> None:
    """Refuse rings that cover all of the wall.

    Args:
        names: names of all parts of the body's side.

    Raises:
        CaseError: none of them is the wall.
    """
    if "wall" not in names:
        problem = 'leave nothing of the wall; leave one of them out: the rest is the boundary "wall"'
        raise CaseError("geometry.rings", problem)


def parts_of_wall(start: float, end: float, bands: list[Band]) -> list[Band]:
    """Parts of a wall's meridian in order: the bands, and the wall between them.

    A gap that is narrower than rounding errors gets no part: its neighbours touch.

    Args:
        start: start of the meridian, a height, m, or an angle, rad.
        end: end of it.
        bands: bands within, checked, in any order.
    """
    parts, at = [], start
    for first, last, name, _ in sorted(bands):
        if first - at > TOUCHING_GAP * end:
            parts.append(Band(at, first, "wall"))
            at = first
        # A band that reaches the end up to rounding ends there exactly.
        last = end if end - last <= TOUCHING_GAP * end else last
        parts.append(Band(at, last, name))
        at = last
    return parts if at == end else [*parts, Band(at, end, "wall")]


def cut_line(line: Piece, parts: list[Band]) -> list[Piece]:
    """Pieces of a line of the meridian by the heights (m) of all parts of it, in order."""
    (r, z), (R, Z) = line.start, line.end
    heights = [part.end / MODEL_UNIT for part in parts[:-1]]
    corners = [line.start, *((r + (R - r) * (height - z) / (Z - z), height) for height in heights), line.end]
    return [Piece(part.name, *ends) for part, ends in zip(parts, itertools.pairwise(corners), strict=True)]


def trapezium(base: float, top: float, length: float, parts: list[Band]) -> list[list[Piece]]:
    """Meridian of a cone or cylinder on z = 0.

    Args:
        base: radius of the lower end, model units.
        top: radius of the upper end, model units.
        length: height, model units.
        parts: bands of the wall, from below.

    Returns:
        One chain of pieces: "base", the parts of the wall, "top".
    """
    wall = cut_line(Piece("wall", (base, 0.0), (top, length)), parts)
    return [[Piece("base", (0.0, 0.0), wall[0].start), *wall, Piece("top", wall[-1].end, (0.0, length))]]


def name_bands(mesh: LinearMesh, parts: list[Band]) -> LinearMesh:
    """The mesh with the names of bands on the facets of "wall" between their heights, which are planes of the mesh."""
    bands = [part for part in parts if part.name != "wall"]
    if not bands:
        return mesh
    names, values = (*mesh.names, *(band.name for band in bands)), mesh.values.copy()
    height = mesh.points[mesh.facets, -1].mean(axis=1) * MODEL_UNIT
    for number, band in enumerate(bands, start=len(mesh.names)):
        within = (band.start < height) & (height < band.end)
        values[(mesh.values == mesh.names.index("wall")) & within] = number
    return replace(mesh, values=values, names=names)


def areas_of_parts(parts: list[Band], area: Callable[[float, float], float]) -> dict[str, float]:
    """Area of the wall and of each ring, m^2, from the area between two heights, m."""
    areas = dict.fromkeys((part.name for part in parts), 0.0)
    for part in parts:
        areas[part.name] += area(part.start, part.end)
    return areas


def sizes_at_bands(sizes: Sizes, parts: list[Band], default: float, room: float) -> Sizes:
    """Sizes with a plane of the mesh at each end of a band, and smaller cells at narrow parts of the wall.

    Applied twice it changes nothing.

    Args:
        sizes: target sizes of the case.
        parts: parts of the wall in order, m.
        default: default size of the shape, in model units; edges on bands shrink together with the size.
        room: thickness that layers on the wall may have, in model units.
    """
    if len(parts) == 1:
        return sizes
    growth = math.exp(DEFAULT_SLOPE)
    edge = min(1.0, sizes.size / default) * BAND_EDGE / MODEL_UNIT
    edges = [edge * (part.end - part.start) for part in parts]
    hair, planes = TOUCHING_GAP * parts[-1].end / MODEL_UNIT, list(sizes.planes)
    for part, *beside in zip(parts, edges, edges[1:], strict=False):
        z, size = part.end / MODEL_UNIT, min(beside)
        own = InnerPlane(z, Grading(size, growth) if size < sizes.size else None)
        there = next((plane for plane in planes if abs(plane.z - z) <= hair), None)
        if there is None:
            planes.append(own)
        elif there.grading is None:  # what the case says of the plane stays
            planes[planes.index(there)] = replace(there, grading=own.grading)
    grade = dict(sizes.grade)
    for part, size in zip(parts, edges, strict=True):
        if min(size, room) < min(sizes.size, grade[part.name].size if part.name in grade else math.inf):
            grade[part.name] = Grading(min(size, room), growth)
    return replace(sizes, grade=grade, planes=tuple(sorted(planes, key=lambda plane: plane.z)))


def finest_on(grade: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """Name of the boundary with the smallest graded size among some; ``None`` where none of them is graded."""
    return min((name for name in names if name in grade), key=lambda name: grade[name].size, default=None)


class Ringed(Geometry):
    """Base of the shapes with a wall from z = 0 to their length, out of which rings are cut.

    Attributes:
        rings: named bands of the wall, each a boundary of its own.
    """

    if TYPE_CHECKING:
        length: float

    rings: tuple[WallRing, ...] | None = None

    @property
    def ring_names(self) -> tuple[str, ...]:
        """Name of each ring."""
        return tuple(ring.name for ring in self.rings or ())

    @property
    def wall_beyond(self) -> bool:
        """Whether the boundary "wall" has other parts than the one that rings can cover."""
        return False

    def wall_parts(self) -> list[Band]:
        """The wall and its rings from below, m."""
        return parts_of_wall(0.0, self.length, bands_of(self.rings or ()))

    def check(self) -> None:
        """Refuse rings that do not lie on the wall or overlap, and rings of a line.

        Raises:
            CaseError: names the ring, and the remedy.
        """
        if self.rings and self.dimension == "1d":
            problem = 'a line has one wall without parts; set dimension = "axisymmetric" or "3d", or leave rings out'
            raise CaseError("geometry.rings", problem)
        check_names(self.rings or (), self.model_copy(update={"rings": None}).named)
        for ring in self.rings or ():
            ring.check()
        place = f"0 nm and {self.length * 1e9:.6g} nm, where the wall ends"
        check_bands(bands_of(self.rings or ()), self.length, place)
        if not self.wall_beyond:
            check_wall_is_left(part.name for part in self.wall_parts())
        super().check()
