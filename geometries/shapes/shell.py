"""The shell between two concentric spheres."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, Self

import numpy as np

from spinepnp.geometries.meridian import Piece
from spinepnp.geometries.revolution import SPHERE_EDGE
from spinepnp.geometries.revolved import Revolved, refuse_unless, sphere_layers
from spinepnp.geometries.sizes import LAYER_SHARE, MODEL_UNIT, Sizes
from spinepnp.geometries.wall_layers import WallLayers
from spinepnp.units import Length


class Shell(Revolved):
    r"""The space between two spheres about the origin.

    ::

            _____
          /  ___  \
         |  /   \  |
         | |  o  | |     inner   the sphere of inner_radius
         |  \___/  |     outer   the sphere of outer_radius
          \ _____ /

    Examples:
        >>> from spinepnp.geometries import Shell
        >>> gap = Shell(inner_radius="100 nm", outer_radius="200 nm")
        >>> round(gap.exact_measures()["volume"] * 1e18, 5)  # um^3
        0.02932

    Attributes:
        inner_radius: radius of the inner sphere, m.
        outer_radius: radius of the outer sphere, m.
    """

    takes_obstacle: ClassVar[bool] = False
    smooth: ClassVar[bool] = True
    radial: ClassVar[bool] = True

    shape: Literal["shell"] = "shell"
    inner_radius: Length
    outer_radius: Length

    @property
    def named(self) -> tuple[str, ...]:
        """Names of both spheres."""
        return ("inner", "outer")

    def check(self) -> None:
        """Refuse an inner sphere that does not lie in the outer one, with room between them."""
        fits = self.inner_radius < self.outer_radius * (1.0 - 1e-4)
        refuse_unless(fits, "inner_radius", "leaves no room inside outer_radius; make it smaller", self.inner_radius)
        super().check()

    def default_size(self) -> float:
        """Default edge length: a sixth of the outer radius, and at most half of the gap."""
        return min(SPHERE_EDGE * self.outer_radius, (self.outer_radius - self.inner_radius) / 2.0)

    def wall_layers(self, sizes: Sizes) -> list[WallLayers]:
        """Layers on each sphere that the case grades."""
        room = (self.outer_radius - self.inner_radius) * LAYER_SHARE
        spheres = (("outer", self.outer_radius, 1), ("inner", self.inner_radius, -1))
        return [c for name, R, side in spheres for c in sphere_layers(R, (name,), name, sizes, room, side)]

    def core(self, wall_layers: list[WallLayers]) -> Self:
        """Core: a narrower shell."""
        radii = {f"{layers.names[0]}_radius": layers.core_radius * MODEL_UNIT for layers in wall_layers}
        return self.model_copy(update=radii)

    def _line(self) -> tuple[float, float, str | None, str]:
        """Line along a radius."""
        return self.inner_radius / MODEL_UNIT, self.outer_radius / MODEL_UNIT, "inner", "outer"

    def cross_section(self, x: np.ndarray) -> np.ndarray:
        """Area of a sphere about the origin."""
        return 4.0 * math.pi * x**2

    def meridian(self) -> list[list[Piece]]:
        """Meridian: two half circles."""
        a, b = self.inner_radius / MODEL_UNIT, self.outer_radius / MODEL_UNIT
        return [
            [Piece("outer", (0.0, -b), (0.0, b), (0.0, 0.0))],
            [Piece("inner", (0.0, a), (0.0, -a), (0.0, 0.0), -1)],
        ]
