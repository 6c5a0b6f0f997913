"""The ball, closed or with a window: a spine head alone (paper 000)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries.base import OBSTACLE_NAME
from spinepnp.geometries.gmsh_reader import read_model
from spinepnp.geometries.linear_mesh import LinearMesh
from spinepnp.geometries.meridian import Piece, Refinement, set_size_fields
from spinepnp.geometries.revolution import BAND_EDGE, SPHERE_EDGE, name_groups
from spinepnp.geometries.revolved import Revolved, refuse_unless, sphere_layers
from spinepnp.geometries.sizes import MODEL_UNIT, Sizes
from spinepnp.geometries.surfaces import Surface
from spinepnp.geometries.wall_layers import WallLayers
from spinepnp.units import ANGLE, Angle, Length, format_quantity

#: Edge length at the window's rim over the rim's radius, before cells become thinner toward it (`RIM_POWER`).
RIM_EDGE = 1.0 / 16.0

#: Growth of the edge length with the distance from rims and patches: quadratic elements can follow it.
SLOPE = 0.45

#: Power of the distance from the rim by which nodes move toward it: the potential changes there with the root of the
#: distance, so that the error of even cells is of the order of their edge over the rim's radius. With 2 the root would
#: become linear, but curved cells could be inverted.
RIM_POWER = 1.5

#: Reach of this displacement over the distance of the rim from the nearest axis, patch, obstacle and from half the
#: radius.
RIM_REACH = 0.9

#: Widest rim, over the radius, that can be imprinted on Gmsh's sphere: a great circle would go through its poles.
WIDEST_RIM = 0.99

#: Narrowest strip of wall between window and cap that can be meshed, rad.
SMALLEST_GAP = 1e-3


class Ball(Revolved):
    r"""A closed ball about the origin.

    ::

            ___
          /     \
         |   o   |    wall
          \ ___ /

    Examples:
        >>> from spinepnp.geometries import Ball
        >>> head = Ball(radius="500 nm")
        >>> head.boundaries
        ('wall',)
        >>> round(head.exact_measures()["volume"] * 1e18, 4)  # um^3
        0.5236

    Attributes:
        radius: radius of the sphere, m.
    """

    radial: ClassVar[bool] = True

    shape: Literal["ball"] = "ball"
    radius: Length

    @property
    def named(self) -> tuple[str, ...]:
        """Name of the sphere."""
        return ("wall",)

    def places(self) -> dict[str, float]:
        """Height of the ball's centre."""
        return {"centre": 0.0}

    def default_size(self) -> float:
        """Default edge length: a sixth of the radius; curved cells then have the sphere's area and volume to 1e-5."""
        return SPHERE_EDGE * self.radius

    def meridian(self) -> list[list[Piece]]:
        """Meridian: a half circle."""
        R = self.radius / MODEL_UNIT
        return [[Piece("wall", (0.0, -R), (0.0, R), (0.0, 0.0))]]

    def wall_layers(self, sizes: Sizes) -> list[WallLayers]:
        """Layers on the whole sphere."""
        return sphere_layers(self.radius, ("wall",), "wall", sizes, self.room(self.radius))

    def core(self, wall_layers: list[WallLayers]) -> Self:
        """Core: a smaller ball."""
        return self.model_copy(update={"radius": wall_layers[0].core_radius * MODEL_UNIT}) if wall_layers else self

    def _line(self) -> tuple[float, float, str | None, str]:
        """Line along the radius."""
        return 0.0, self.radius / MODEL_UNIT, None, "wall"

    def cross_section(self, x: np.ndarray) -> np.ndarray:
        """Area of a sphere about the origin."""
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

    Examples:
        >>> from spinepnp.geometries import BallWindow
        >>> head = BallWindow(radius="500 nm", window_radius="50 nm", cap_radius="20 nm", cap_angle="30 deg")
        >>> head.boundaries
        ('window', 'cap', 'wall')

    Attributes:
        radius: radius of the sphere, m.
        window_radius: radius of the window's rim, m.
        cap_radius: radius of the cap's rim, m; without it there is no boundary "cap".
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
        """Names of window, cap (where there is one) and wall."""
        return ("window", *(() if self.cap_radius is None else ("cap",)), "wall")

    def _half_angle(self, rim: float | None) -> float:
        """Angle about the centre from the middle of a patch to its rim, rad."""
        return 0.0 if rim is None else math.asin(rim / self.radius)

    def _gap(self) -> float:
        """Smallest angle between the rims of window and cap, rad."""
        return math.pi - self.cap_angle - self._half_angle(self.cap_radius) - self._half_angle(self.window_radius)

    def check(self) -> None:
        """Refuse a window or a cap that is larger than the ball, and an overlap of both."""
        narrower, no_wider = "must be smaller than radius", "must not be larger than radius"
        largest = (
            ("window_radius", self.window_radius, self.window_radius < self.radius, narrower),
            ("cap_radius", self.cap_radius, self.cap_radius is None or self.cap_radius <= self.radius, no_wider),
        )
        for key, rim, fits, what in largest:
            refuse_unless(fits, key, f"{what}, it is the radius of the rim; make it smaller", rim)
            off_pole = 'must be at most 0.99 radius where the cap is off the pole; make it smaller or cap_angle "0 deg"'
            refuse_unless(rim is None or self.cap_angle == 0.0 or rim <= WIDEST_RIM * self.radius, key, off_pole, rim)
        has_cap = self.cap_angle == 0.0 or self.cap_radius is not None
        refuse_unless(has_cap, "cap_angle", "there is no cap without cap_radius; add it or leave cap_angle out")
        self._check_gap()
        symmetric = self.dimension == "3d" or self.cap_angle == 0.0
        refuse_unless(symmetric, "cap_angle", 'must be zero with dimension = "axisymmetric"')
        super().check()

    def _check_gap(self) -> None:
        """Refuse a cap that leaves no strip of wall beside the window; a window alone is half of the sphere at most."""
        fits = self._gap() >= SMALLEST_GAP
        if not fits and self.cap_angle > 0.0:
            angle = format_quantity(self.cap_angle, ANGLE)
            raise CaseError("geometry.cap_angle", "puts the cap onto the window; make it smaller", angle)
        problem = "leaves no wall between cap and window_radius; make one of them smaller"
        refuse_unless(fits, "cap_radius", problem, self.cap_radius)

    def places(self) -> dict[str, float]:
        """Height of the ball's centre."""
        return {"centre": 0.0}

    def default_size(self) -> float:
        """Default edge length: a sixth of the radius; window and cap get smaller edges by themselves."""
        return SPHERE_EDGE * self.radius

    def meridian(self) -> list[list[Piece]]:
        """Meridian of window, wall and cap, with the cap at the pole: its angle changes no measure."""
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
        """Refinement at the window's rim."""
        rim = self._at(math.pi - self._half_angle(self.window_radius))
        return [Refinement(Piece("window", rim, rim), scale * RIM_EDGE * rim[0])]

    def default_degree(self) -> int:
        """Default degree of the elements: 2, as linear ones would need ten times as many cells at the window's rim."""
        return 2

    def _rim_reach(self) -> float:
        """Distance from the window's rim within which nodes move toward it, in model units."""
        R, angle = self.radius / MODEL_UNIT, self._half_angle(self.window_radius)
        nearest = [R * angle, R * self._gap(), 0.5 * R]
        if self.obstacle is not None:
            a, z = self._at(math.pi - angle)
            centre = (self.obstacle.off_axis / MODEL_UNIT, self.obstacle.centre[2] / MODEL_UNIT)
            nearest.append(math.dist((a, z), centre) - self.obstacle.radius / MODEL_UNIT)
        return RIM_REACH * min(nearest)

    def toward_rims(self, x: np.ndarray, sizes: Sizes) -> np.ndarray:
        """Nodes of a mesh, those near the window's rim moved toward it, in depth and along the sphere.

        Layers on the wall and a graded window stay as thin as the case asks.

        Args:
            x: nodes, model units, shape (n, dimension).
            sizes: target edge lengths of the mesh.
        """
        if {"wall", "window"} & sizes.grade.keys():
            return x
        R, rim, reach = self.radius / MODEL_UNIT, self._half_angle(self.window_radius), self._rim_reach()
        across = np.linalg.norm(x[:, :-1], axis=1)
        along, depth = R * (np.arctan2(across, -x[:, -1]) - rim), R - np.hypot(across, x[:, -1])
        from_rim = np.hypot(along, depth)
        near = (from_rim > 0.0) & (from_rim < reach)
        factor = (from_rim[near] / reach) ** (RIM_POWER - 1.0)
        angle, distance = rim + factor * along[near] / R, R - factor * depth[near]
        moved = x.copy()
        moved[near, :-1] *= (distance * np.sin(angle) / across[near])[:, None]
        moved[near, -1] = -distance * np.cos(angle)
        return moved

    def _patches(self) -> dict[str, tuple[float, float]]:
        """Angle of the middle from the north pole, and half angle, of window and cap, rad."""
        patches = {"window": (math.pi, self._half_angle(self.window_radius))}
        if self.cap_radius is not None:
            patches["cap"] = (self.cap_angle, self._half_angle(self.cap_radius))
        return patches

    def all_refinements(self, sizes: Sizes, default: float) -> list[Refinement]:
        """Refinements of the body, those of the cap turned by its angle."""
        refinements = super().all_refinements(sizes, default)
        refinements = [replace(refinement, slope=max(refinement.slope, SLOPE)) for refinement in refinements]
        if self.cap_angle == 0.0 or self.cap_radius is None:
            return refinements
        R = self.radius / MODEL_UNIT
        sphere = Piece("wall", (0.0, -R), (0.0, R), (0.0, 0.0))
        moved: dict[str, dict[str, Any]] = {"cap": {"tilt": self.cap_angle}, "wall": {"piece": sphere}}
        refinements = [replace(refinement, **moved.get(refinement.piece.name, {})) for refinement in refinements]
        between = self.cap_angle + self._half_angle(self.cap_radius) + 0.5 * self._gap()
        return [*refinements, Refinement(Piece("", (0.0, R), (0.0, R)), BAND_EDGE * self._gap() * R, tilt=between)]

    def tilt_of(self, name: str) -> float:
        """Angle of the cap; zero for other boundaries."""
        return self.cap_angle if name == "cap" else 0.0

    def surfaces(self) -> list[Surface]:
        """Surfaces of the pieces, the cap turned; the wall is the whole sphere where the cap is off the pole."""
        R = self.radius / MODEL_UNIT
        surfaces = []
        for surface in super().surfaces():
            if self.cap_angle > 0.0 and surface.piece.name == "cap":
                surface = replace(surface, tilt=self.cap_angle)
            if self.cap_angle > 0.0 and surface.piece.name == "wall":
                surface = replace(surface, piece=Piece("wall", (0.0, -R), (0.0, R), (0.0, 0.0)))
            surfaces.append(surface)
        return surfaces

    def wall_layers(self, sizes: Sizes) -> list[WallLayers]:
        """Layers on the whole sphere, window and cap included, where the wall is graded."""
        return sphere_layers(self.radius, self.named, "wall", sizes, self.room(self.radius))

    def core(self, wall_layers: list[WallLayers]) -> Self:
        """Core: a smaller ball with window and cap at the same angles."""
        if not wall_layers:
            return self
        factor = wall_layers[0].core_radius / wall_layers[0].radius
        cap = None if self.cap_radius is None else factor * self.cap_radius
        update = {"radius": factor * self.radius, "window_radius": factor * self.window_radius, "cap_radius": cap}
        return self.model_copy(update=update)

    def mesh_core(self, gmsh: Any, sizes: Sizes, refinements: list[Refinement]) -> LinearMesh:
        """Mesh a sphere with the rims of window and cap imprinted; a patch is the face that its rim alone bounds.

        Args:
            gmsh: the initialised Gmsh module, with an empty current model.
            sizes: target edge lengths.
            refinements: regions with smaller edges than in the bulk.

        Returns:
            The linear mesh, model units.
        """
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
        _, fragments = occ.fragment([(3, ball)], tools)
        occ.synchronize()
        organelle = [] if self.obstacle is None else fragments[-1]
        (body,) = (entity for entity in fragments[0] if entity not in organelle)
        curves = {frozenset(curve): name for name, curve in zip(patches, fragments[1:], strict=False)}
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
