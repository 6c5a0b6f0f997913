"""A spherical spine head on a cylindrical neck (paper 000)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from spinepnp.geometries.meridian import Piece, Refinement
from spinepnp.geometries.revolution import SPHERE_EDGE
from spinepnp.geometries.revolved import Revolved, refuse_unless
from spinepnp.geometries.rings import (
    Band,
    WallRing,
    bands_of,
    check_bands,
    check_names,
    check_wall_is_left,
    cut_line,
    parts_of_wall,
)
from spinepnp.geometries.sizes import MODEL_UNIT
from spinepnp.units import Angle, Length, NonNegativeLength

#: Widest neck, over the head's radius, whose edge to the head a fillet can round.
WIDEST_ROUNDED = 1.0 - 1e-6

#: Edge length in the neck over its radius.
NECK_EDGE = 1.0 / 3.0

#: Edge length at the sharp edge between neck and head, over the neck's radius: the field is singular there.
CORNER_EDGE = 1.0 / 16.0


class Ring(WallRing):
    """A named band of the head or the neck of a ball with neck.

    Attributes:
        name: name of the boundary.
        theta: start and end on the head, in angles from the north pole about the head's centre, rad.
        z: start and end on the neck's wall, m.
        height: height of its middle on the neck's wall, m, instead of z (a number that a sweep can vary).
        width: extent along the neck, with `height`, m.
    """

    places: ClassVar[dict[str, str]] = {
        "theta": 'theta = ["25 deg", "35 deg"]', "z": 'z = ["0.9 um", "1 um"]', "height": "height and width",
    }  # fmt: skip

    theta: tuple[Angle, Angle] | None = None


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

    def places(self) -> dict[str, float]:
        """Heights of the head's centre and of the middle of the neck's axis."""
        return {"head": self.head_centre, "neck": self.neck_length / 2.0}

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
        check_names(self.rings, ("base", "cap", "wall"))
        for ring in self.rings:
            ring.check()
        head, neck = self._head_end, self._fillet_centre
        place = f"0 deg and {math.degrees(head):.6g} deg, where the head ends"
        check_bands(self._on_head(), head, place)
        check_bands(bands_of(self.rings), neck, f"0 nm and {neck * 1e9:.6g} nm, where the neck's wall ends")
        check_wall_is_left(piece.name for piece in self.pieces())
        super().check()

    def _on_head(self) -> list[Band]:
        """Bands of the cap and the rings on the head, rad."""
        bands = [Band(*r.theta, r.name, f"geometry.rings.{r.name}.theta") for r in self.rings if r.theta is not None]
        return bands if self.cap_radius is None else [Band(0.0, self._cap_angle, "cap"), *bands]

    def anatomy(self) -> dict[str, float]:
        """Volumes of head (with a fillet) and neck, without an obstacle in them, and length of the neck."""
        neck = math.pi * self.neck_radius**2 * self.neck_length
        if self.obstacle is not None and self.obstacle.centre[2] < self.neck_length:
            neck -= 4.0 / 3.0 * math.pi * self.obstacle.radius**3
        head = self.exact_measures()["volume"] - neck
        return {"head_volume": head, "neck_volume": neck, "neck_length": self.neck_length}

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
        neck = Piece("wall", (r, 0.0), (r, top))
        parts = parts_of_wall(0.0, self._fillet_centre, bands_of(self.rings))
        chain = [Piece("base", (0.0, 0.0), neck.start), *cut_line(neck, parts)]
        end = math.pi - self._head_end
        if f > 0.0:
            on_head = (R * math.sin(end), centre[1] - R * math.cos(end))
            chain.append(Piece("wall", chain[-1].end, on_head, (r + f, top), -1))
        # From below: the angles of the bands are measured from the north pole.
        bands = [Band(math.pi - b, math.pi - a, name) for a, b, name, _ in self._on_head()]
        for _, angle, name, _ in parts_of_wall(end, math.pi, bands):
            point = (R * math.sin(angle), centre[1] - R * math.cos(angle)) if angle < math.pi else (0.0, centre[1] + R)
            chain.append(Piece(name, chain[-1].end, point, centre))
        return [chain]
