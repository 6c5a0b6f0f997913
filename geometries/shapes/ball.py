"""The ball, closed or with a window: a spine head alone (paper 000)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries.base import OBSTACLE_NAME
from spinepnp.geometries.gmsh_reader import read_model
from spinepnp.geometries.linear_mesh import StraightMesh
from spinepnp.geometries.meridian import Piece, Refinement, set_size_fields
from spinepnp.geometries.revolved import (
    BAND,
    CURVATURE,
    Covering,
    Revolved,
    name_groups,
    refuse_unless,
    sphere_covering,
)
from spinepnp.geometries.sizes import MODEL_UNIT, Sizes
from spinepnp.geometries.surfaces import Surface
from spinepnp.units import ANGLE, Angle, Length, format_quantity

#: Edges at the window's rim, over its radius: the flux into the window is singular there, and its access resistance
#: errs by about 1.5 %, halved with the edges.
RIM = 1.0 / 32.0

#: Widest rim, over the radius, that can be imprinted on Gmsh's sphere: a great circle would go through its poles.
WIDEST_RIM = 0.99

#: Narrowest strip of wall between window and cap, rad.
NARROWEST_GAP = 1e-3


class Ball(Revolved):
    r"""A closed ball about the origin.

    ::

            ___
          /     \
         |   o   |    wall
          \ ___ /

    Attributes:
        radius: of the sphere, m.
    """

    radial: ClassVar[bool] = True

    shape: Literal["ball"] = "ball"
    radius: Length

    @property
    def named(self) -> tuple[str, ...]:
        """The sphere."""
        return ("wall",)

    def default_size(self) -> float:
        """A sixth of the radius: curved cells then have the sphere's area and volume to 1e-5."""
        return CURVATURE * self.radius

    def meridian(self) -> list[list[Piece]]:
        """A half circle."""
        R = self.radius / MODEL_UNIT
        return [[Piece("wall", (0.0, -R), (0.0, R), (0.0, 0.0))]]

    def coverings(self, sizes: Sizes) -> list[Covering]:
        """The whole sphere."""
        return sphere_covering(self.radius, ("wall",), "wall", sizes, self.room(self.radius))

    def core(self, coverings: list[Covering]) -> Self:
        """A smaller ball."""
        return self.model_copy(update={"radius": coverings[0].core_radius * MODEL_UNIT}) if coverings else self

    def _line(self) -> tuple[float, float, str | None, str]:
        """The radius."""
        return 0.0, self.radius / MODEL_UNIT, None, "wall"

    def cross_section(self, x: np.ndarray) -> np.ndarray:
        """Of a sphere about the origin."""
        return 4.0 * math.pi * x**2


class BallWindow(Revolved):
    r"""A ball about the origin with a window at its south pole and a cap (Box 1 of paper 000).

    ::

          __cap__
         /       \     cap      from the north pole by cap_angle, toward +x
        |    o    |    wall
         \       /
          window       window   at the south pole

    Window and cap are parts of the sphere.

    Attributes:
        radius: of the sphere, m.
        window_radius: of the window's rim, m.
        cap_radius: of the cap's rim, m; without it there is no boundary "cap".
        cap_angle: angle of the cap's middle from the north pole about the centre, rad.
    """

    dimensions: ClassVar[tuple[str, ...]] = ("3d", "axisymmetric")

    shape: Literal["ball_window"] = "ball_window"
    radius: Length
    window_radius: Length
    cap_radius: Length | None = None
    cap_angle: Angle = 0.0

    @property
    def named(self) -> tuple[str, ...]:
        """Window, cap (where there is one) and wall."""
        return ("window", *(() if self.cap_radius is None else ("cap",)), "wall")

    def _half_angle(self, rim: float | None) -> float:
        """Angle about the centre from the middle of a patch to its rim, rad."""
        return 0.0 if rim is None else math.asin(rim / self.radius)

    def _gap(self) -> float:
        """Smallest angle between the rims of window and cap, rad."""
        return math.pi - self.cap_angle - self._half_angle(self.cap_radius) - self._half_angle(self.window_radius)

    def check(self) -> None:
        """Window and cap are smaller than the ball and do not overlap."""
        narrower, no_wider = "must be smaller than radius", "must not be larger than radius"
        whole = (
            ("window_radius", self.window_radius, self.window_radius < self.radius, narrower),
            ("cap_radius", self.cap_radius, self.cap_radius is None or self.cap_radius <= self.radius, no_wider),
        )
        for key, rim, fits, what in whole:
            refuse_unless(fits, key, f"{what}, it is the radius of the rim; make it smaller", rim)
            off_pole = 'must be at most 0.99 radius where the cap is off the pole; make it smaller or cap_angle "0 deg"'
            refuse_unless(rim is None or self.cap_angle == 0.0 or rim <= WIDEST_RIM * self.radius, key, off_pole, rim)
        needed = self.cap_angle == 0.0 or self.cap_radius is not None
        refuse_unless(needed, "cap_angle", "there is no cap without cap_radius; add it or leave cap_angle out")
        self._check_gap()
        turned = self.dimension == "3d" or self.cap_angle == 0.0
        refuse_unless(turned, "cap_angle", 'must be zero with dimension = "axisymmetric"')
        super().check()

    def _check_gap(self) -> None:
        """Window and cap leave a strip of wall between them."""
        if self._gap() >= NARROWEST_GAP:
            return
        assert self.cap_radius is not None  # a window is half of the sphere at most: only a cap can meet it
        if self.cap_angle > 0.0:
            raise CaseError("geometry.cap_angle", "puts the cap onto the window; make it smaller", self._turn())
        problem = "leaves no wall between cap and window_radius; make one of them smaller"
        refuse_unless(False, "cap_radius", problem, self.cap_radius)

    def _turn(self) -> str:
        return format_quantity(self.cap_angle, ANGLE)

    def default_size(self) -> float:
        """A sixth of the radius; window and cap are meshed finer by themselves."""
        return CURVATURE * self.radius

    def meridian(self) -> list[list[Piece]]:
        """Window, wall and cap, the cap still at the pole: its angle changes no measure."""
        R, centre = self.radius / MODEL_UNIT, (0.0, 0.0)
        chain = [Piece("window", (0.0, -R), self._at(math.pi - self._half_angle(self.window_radius)), centre)]
        if self.cap_radius is None:
            return [[*chain, Piece("wall", chain[0].end, (0.0, R), centre)]]
        rim = self._at(self._half_angle(self.cap_radius))
        return [[*chain, Piece("wall", chain[0].end, rim, centre), Piece("cap", rim, (0.0, R), centre)]]

    def _at(self, angle: float) -> tuple[float, float]:
        """Point (r, z) of the sphere at an angle from the north pole, in model units."""
        R = self.radius / MODEL_UNIT
        return R * math.sin(angle), R * math.cos(angle)

    def refinements(self, scale: float) -> list[Refinement]:
        """Small edges at the window's rim."""
        rim = self._at(math.pi - self._half_angle(self.window_radius))
        return [Refinement(Piece("window", rim, rim), scale * RIM * rim[0])]

    def _patches(self) -> dict[str, tuple[float, float]]:
        """Angle of the middle from the north pole, and half angle, of window and cap, rad."""
        found = {"window": (math.pi, self._half_angle(self.window_radius))}
        if self.cap_radius is not None:
            found["cap"] = (self.cap_angle, self._half_angle(self.cap_radius))
        return found

    def all_refinements(self, sizes: Sizes, default: float) -> list[Refinement]:
        """Those of a body of revolution, the ones of the cap turned to where it is."""
        found = super().all_refinements(sizes, default)
        if self.cap_angle == 0.0 or self.cap_radius is None:
            return found
        R = self.radius / MODEL_UNIT
        sphere = Piece("wall", (0.0, -R), (0.0, R), (0.0, 0.0))
        moved: dict[str, dict[str, Any]] = {"cap": {"tilt": self.cap_angle}, "wall": {"piece": sphere}}
        found = [replace(refinement, **moved.get(refinement.piece.name, {})) for refinement in found]
        between = self.cap_angle + self._half_angle(self.cap_radius) + 0.5 * self._gap()
        return [*found, Refinement(Piece("", (0.0, R), (0.0, R)), BAND * self._gap() * R, tilt=between)]

    def tilt_of(self, name: str) -> float:
        """That of the cap."""
        return self.cap_angle if name == "cap" else 0.0

    def surfaces(self) -> list[Surface]:
        """The turned pieces; the wall is the whole sphere where the cap is off the pole."""
        R = self.radius / MODEL_UNIT
        found = []
        for surface in super().surfaces():
            if self.cap_angle > 0.0 and surface.piece.name == "cap":
                surface = replace(surface, tilt=self.cap_angle)
            if self.cap_angle > 0.0 and surface.piece.name == "wall":
                surface = replace(surface, piece=Piece("wall", (0.0, -R), (0.0, R), (0.0, 0.0)))
            found.append(surface)
        return found

    def coverings(self, sizes: Sizes) -> list[Covering]:
        """The whole sphere, window and cap included, where the wall is graded."""
        return sphere_covering(self.radius, self.named, "wall", sizes, self.room(self.radius))

    def core(self, coverings: list[Covering]) -> Self:
        """The same in a smaller ball, seen from the centre."""
        if not coverings:
            return self
        factor = coverings[0].core_radius / coverings[0].radius
        cap = None if self.cap_radius is None else factor * self.cap_radius
        update = {"radius": factor * self.radius, "window_radius": factor * self.window_radius, "cap_radius": cap}
        return self.model_copy(update=update)

    def mesh_core(self, gmsh: Any, sizes: Sizes, refinements: list[Refinement]) -> StraightMesh:
        """A sphere with the rims of window and cap imprinted; a patch is the face that its rim alone bounds."""
        widest = max(self.window_radius, self.cap_radius or 0.0)
        if self.dimension != "3d" or widest > WIDEST_RIM * self.radius:  # then the cap is at the pole
            return super().mesh_core(gmsh, sizes, refinements)
        occ, model, R = gmsh.model.occ, gmsh.model, self.radius / MODEL_UNIT
        patches = self._patches()
        ball = occ.addSphere(0.0, 0.0, 0.0, R)
        # No rim may meet the seam of Gmsh's sphere or its poles: the poles go to +-y, the middle of the seam to the
        # middle of the free side of the circle y = 0.
        free = 0.5 * (3.0 * math.pi + self.cap_angle + patches["window"][1] - self._half_angle(self.cap_radius))
        for axis, angle in (((1.0, 0.0, 0.0), 0.5 * math.pi), ((0.0, 1.0, 0.0), free - 0.5 * math.pi)):
            occ.rotate([(3, ball)], 0.0, 0.0, 0.0, *axis, angle)
        tools = []
        for angle, half in patches.values():
            normal = (math.sin(angle), 0.0, math.cos(angle))
            middle = [R * math.cos(half) * n for n in normal]
            tools.append((1, occ.addCircle(*middle, R * math.sin(half), zAxis=normal, xAxis=(0.0, 1.0, 0.0))))
        if self.obstacle is not None:
            centre = [x / MODEL_UNIT for x in self.obstacle.centre]
            tools.append((3, occ.addSphere(*centre, self.obstacle.radius / MODEL_UNIT)))
        _, became = occ.fragment([(3, ball)], tools)
        occ.synchronize()
        organelle = [] if self.obstacle is None else became[-1]
        (body,) = (entity for entity in became[0] if entity not in organelle)
        curves = {frozenset(curve): name for name, curve in zip(patches, became[1:], strict=False)}
        surfaces: dict[str, list[int]] = {name: [] for name in self.boundaries}
        inner = model.getBoundary(organelle, oriented=False)
        for face in model.getBoundary([body], oriented=False):
            bounds = frozenset(model.getBoundary([face], combined=False, oriented=False))
            surfaces[OBSTACLE_NAME if face in inner else curves.get(bounds, "wall")].append(face[1])
        model.removeEntities(organelle)
        name_groups(gmsh, surfaces, body[1])
        set_size_fields(gmsh, refinements, sizes.size)
        gmsh.option.setNumber("Mesh.OptimizeNetgen", 1)
        model.mesh.generate(3)
        return read_model(gmsh, tuple(surfaces), 3)
