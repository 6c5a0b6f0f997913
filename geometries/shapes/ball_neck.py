"""A spherical spine head on a cylindrical neck (paper 000)."""

from __future__ import annotations

import itertools
import math
from typing import ClassVar, Literal

from spinepnp.errors import CaseError
from spinepnp.geometries.base import OBSTACLE_NAME, VOLUME_NAME
from spinepnp.geometries.meridian import Piece, Refinement
from spinepnp.geometries.names import check_name
from spinepnp.geometries.revolution import SPHERE_EDGE
from spinepnp.geometries.revolved import Revolved, refuse_unless
from spinepnp.geometries.sizes import MODEL_UNIT
from spinepnp.units import Angle, Length, NonNegativeLength, Table

#: Gap between two bands, over the length of the head's or neck's meridian, below which they touch.
TOUCHING_GAP = 1e-6

#: Narrowest band, or strip of wall between two, over the length of the head's or neck's meridian, that can be meshed.
SMALLEST_WIDTH = 1e-3

#: Widest neck, over the head's radius, whose edge to the head a fillet can round.
WIDEST_ROUNDED = 1.0 - 1e-6

#: Edge length in the neck over its radius.
NECK_EDGE = 1.0 / 3.0

#: Edge length at the sharp edge between neck and head, over the neck's radius: the field is singular there.
CORNER_EDGE = 1.0 / 16.0


class Ring(Table):
    """A named band of the surface.

    Attributes:
        name: name of the boundary.
        theta: start and end on the head, in angles from the north pole about the head's centre, rad.
        z: start and end on the neck's wall, m.
        height: height of its middle on the neck's wall, m, instead of z (a number that a sweep can vary).
        width: extent along the neck, with `height`, m.
    """

    name: str
    theta: tuple[Angle, Angle] | None = None
    z: tuple[NonNegativeLength, NonNegativeLength] | None = None
    height: NonNegativeLength | None = None
    width: Length | None = None

    @property
    def on_neck(self) -> tuple[float, float] | None:
        """Start and end on the neck's wall, m; ``None`` for a ring on the head."""
        if self.height is None or self.width is None:
            return self.z
        return self.height - 0.5 * self.width, self.height + 0.5 * self.width


class BallNeck(Revolved):
    r"""A ball on a cylinder that stands on z = 0; they meet at the circle of the neck's radius.

    ::

             __cap__
           /         \
          |     o     |    o       head centre, z = neck_length + sqrt(head_radius^2 - neck_radius^2)
          #           #    ring    a band of the head or the neck, as many as wanted
           \ __   __ /     wall    the rest; with a fillet, a torus rounds the edge of head and neck (the
               | |                 head stays where it is)
               | |
               |_|         base    z = 0

    Examples:
        >>> from spinepnp.geometries import BallNeck
        >>> spine = BallNeck(head_radius="500 nm", neck_radius="75 nm", neck_length="1 um", cap_radius="50 nm")
        >>> spine.boundaries
        ('base', 'cap', 'wall')
        >>> round(spine.head_centre * 1e9, 2)  # nm
        1494.34

    Attributes:
        head_radius: radius of the ball, m.
        neck_radius: radius of the cylinder, m.
        neck_length: length from the base to the circle where ball and cylinder meet, m.
        fillet: radius of the rounded edge between neck and head, m; zero for a sharp one.
        cap_radius: radius of the rim of the cap at the north pole, m; without it there is no boundary "cap".
        rings: named bands of the head or the neck, each a boundary of its own.
    """

    dimensions: ClassVar[tuple[str, ...]] = ("3d", "axisymmetric")

    shape: Literal["ball_neck"] = "ball_neck"
    head_radius: Length
    neck_radius: Length
    neck_length: Length
    fillet: NonNegativeLength = 0.0
    cap_radius: Length | None = None
    rings: tuple[Ring, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """Names of base, cap (where there is one), wall, and each ring."""
        cap = () if self.cap_radius is None else ("cap",)
        return ("base", *cap, "wall", *(ring.name for ring in self.rings))

    def end_heights(self) -> dict[str, float]:
        """Height of the neck's base."""
        return {"base": 0.0}

    @property
    def head_centre(self) -> float:
        """Height of the head's centre, m."""
        return self.neck_length + math.sqrt(self.head_radius**2 - self.neck_radius**2)

    @property
    def _fillet_centre(self) -> float:
        """Height of the centre of the fillet's arc, m; the neck's wall ends there."""
        if self.fillet == 0.0:
            return self.neck_length
        reach, inward = self.head_radius + self.fillet, self.neck_radius + self.fillet
        return self.head_centre - math.sqrt(reach**2 - inward**2)

    @property
    def _cap_angle(self) -> float:
        """Angle from the north pole at which the cap ends, rad."""
        return 0.0 if self.cap_radius is None else math.asin(self.cap_radius / self.head_radius)

    @property
    def _head_end(self) -> float:
        """Angle from the north pole at which the head's sphere ends, rad."""
        return math.pi - math.asin((self.neck_radius + self.fillet) / (self.head_radius + self.fillet))

    def check(self) -> None:
        """Refuse a neck wider than the head, and a cap or rings that do not lie on the body or overlap."""
        wide = "must be smaller than head_radius; make the neck narrower or the head larger"
        refuse_unless(self.neck_radius < self.head_radius, "neck_radius", wide, self.neck_radius)
        has_edge = self.fillet == 0.0 or self.neck_radius <= WIDEST_ROUNDED * self.head_radius
        no_edge = "there is no edge to round where neck_radius is nearly head_radius; leave fillet out"
        refuse_unless(has_edge, "fillet", no_edge, self.fillet)
        low = "reaches below the base of the neck; make it smaller or the neck longer"
        refuse_unless(self._fillet_centre >= 0.0, "fillet", low, self.fillet)
        fits = self.cap_radius is None or self.cap_radius <= self.head_radius
        large = "must not be larger than head_radius, it is the radius of the cap's rim; make it smaller"
        refuse_unless(fits, "cap_radius", large, self.cap_radius)
        self._check_names()
        for ring in self.rings:
            self._check_ring(ring)
        for on_head, length in ((True, self._head_end), (False, self._fillet_centre)):
            self._check_gaps(on_head, length)
        super().check()

    def _check_names(self) -> None:
        seen = {"base", "cap", "wall", VOLUME_NAME, OBSTACLE_NAME}
        for ring in self.rings:
            check_name("geometry.rings.name", ring.name, seen)

    def _check_ring(self, ring: Ring) -> None:
        key = f"geometry.rings.{ring.name}"
        if (ring.height is None) != (ring.width is None):
            raise CaseError(key, 'needs height = "0.5 um" and width = "50 nm" together')
        if [ring.theta, ring.z, ring.height].count(None) != 2:
            raise CaseError(
                key, 'needs either theta = ["25 deg", "35 deg"] or z = ["0.9 um", "1 um"], or height and width'
            )
        if ring.theta is not None:
            what, (first, last), high = "theta", ring.theta, self._head_end
            place = f"0 deg and {math.degrees(high):.6g} deg, where the head ends"
        elif ring.on_neck is not None:
            what, (first, last), high = "height" if ring.z is None else "z", ring.on_neck, self._fillet_centre
            place = f"0 nm and {high * 1e9:.6g} nm, where the neck's wall ends"
        if last - first < SMALLEST_WIDTH * high:
            raise CaseError(f"{key}.{what}", "must have its smaller value first, and some width")
        if first < 0.0 or last > high * (1.0 + TOUCHING_GAP):
            raise CaseError(f"{key}.{what}", f"must lie between {place}")

    def _check_gaps(self, on_head: bool, length: float) -> None:
        """Refuse bands that overlap, or leave a strip of wall too narrow to be meshed."""
        ends = [(0.0, 0.0, "the end"), *self._bands(on_head), (length, length, "the end")]
        by_height = {ring.name for ring in self.rings if ring.height is not None}
        for before, after in itertools.pairwise(ends):
            one, other = (before, after) if before[2] not in ("cap", "the end") else (after, before)
            what = "theta" if on_head else "height" if one[2] in by_height else "z"
            key, gap = f"geometry.rings.{one[2]}.{what}", (after[0] - before[1]) / length
            if gap < -TOUCHING_GAP:
                raise CaseError(key, f"overlaps {other[2]}; move one of them")
            if TOUCHING_GAP < gap < SMALLEST_WIDTH and one[2] not in ("cap", "the end"):
                raise CaseError(key, f"almost touches {other[2]}; let them touch or leave more room")

    def _bands(self, on_head: bool) -> list[tuple[float, float, str]]:
        """Start, end and name of the rings (and the cap) on the head, in rad, or on the neck, in m, in order."""
        bands = [(*b, ring.name) for ring in self.rings if (b := ring.theta if on_head else ring.on_neck) is not None]
        if on_head and self.cap_radius is not None:
            bands.append((0.0, self._cap_angle, "cap"))
        return sorted(bands)

    def default_size(self) -> float:
        """Default edge length: a sixth of the head's radius; neck, cap and rings get smaller edges by themselves."""
        return SPHERE_EDGE * self.head_radius

    def refinements(self, scale: float) -> list[Refinement]:
        """Refinements in the neck, and at a sharp edge to the head."""
        r, top = self.neck_radius / MODEL_UNIT, self._fillet_centre / MODEL_UNIT
        refinements = [Refinement(Piece("", (r, 0.0), (r, top)), scale * NECK_EDGE * r)]
        if self.fillet == 0.0:
            refinements.append(Refinement(Piece("", (r, top), (r, top)), scale * CORNER_EDGE * r))
        return refinements

    def meridian(self) -> list[list[Piece]]:
        """Meridian of the base, the neck from below, the fillet, and the head from below."""
        r, R, f = (x / MODEL_UNIT for x in (self.neck_radius, self.head_radius, self.fillet))
        top, centre = self._fillet_centre / MODEL_UNIT, (0.0, self.head_centre / MODEL_UNIT)
        chain = [Piece("base", (0.0, 0.0), (r, 0.0))]
        for z, name in _stations(0.0, self._fillet_centre, self._bands(on_head=False)):
            chain.append(Piece(name, chain[-1].end, (r, z / MODEL_UNIT)))
        end = math.pi - self._head_end
        if f > 0.0:
            on_head = (R * math.sin(end), centre[1] - R * math.cos(end))
            chain.append(Piece("wall", chain[-1].end, on_head, (r + f, top), -1))
        bands = [(math.pi - b, math.pi - a, name) for a, b, name in reversed(self._bands(on_head=True))]
        for angle, name in _stations(end, math.pi, bands):
            point = (R * math.sin(angle), centre[1] - R * math.cos(angle)) if angle < math.pi else (0.0, centre[1] + R)
            chain.append(Piece(name, chain[-1].end, point, centre))
        return [chain]


def _stations(start: float, end: float, bands: list[tuple[float, float, str]]) -> list[tuple[float, str]]:
    """End and name of each piece from ``start`` to ``end``: bands in order, and the wall between them.

    A gap that is narrower than rounding errors gets no piece: its neighbours touch.
    """
    pieces, at = [], start
    for first, last, name in bands:
        if first - at > TOUCHING_GAP * end:
            pieces.append((first, "wall"))
        # A band that reaches the end up to rounding ends there exactly.
        at = end if end - last <= TOUCHING_GAP * end else last
        pieces.append((at, name))
    return pieces if at == end else [*pieces, (end, "wall")]
