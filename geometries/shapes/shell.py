"""The shell between two concentric spheres."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, Self

import numpy as np

from spinepnp.geometries.meridian import Piece
from spinepnp.geometries.revolved import CURVATURE, Covering, Revolved, refuse_unless, sphere_covering
from spinepnp.geometries.sizes import MODEL_UNIT, ROOM, Sizes
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

    Attributes:
        inner_radius: of the inner sphere, m.
        outer_radius: of the outer sphere, m.
    """

    takes_obstacle: ClassVar[bool] = False
    smooth: ClassVar[bool] = True
    radial: ClassVar[bool] = True

    shape: Literal["shell"] = "shell"
    inner_radius: Length
    outer_radius: Length

    @property
    def named(self) -> tuple[str, ...]:
        """Both spheres."""
        return ("inner", "outer")

    def check(self) -> None:
        """The inner sphere lies in the outer one, with room between them."""
        refuse_unless(
            self.inner_radius < self.outer_radius * (1.0 - 1e-4),
            "inner_radius",
            "leaves no room inside outer_radius; make it smaller",
            self.inner_radius,
        )
        super().check()

    def default_size(self) -> float:
        """A sixth of the outer radius, and two edges across the gap."""
        return min(CURVATURE * self.outer_radius, (self.outer_radius - self.inner_radius) / 2.0)

    def coverings(self, sizes: Sizes) -> list[Covering]:
        """Either sphere."""
        room = (self.outer_radius - self.inner_radius) * ROOM
        spheres = (("outer", self.outer_radius, 1), ("inner", self.inner_radius, -1))
        return [c for name, R, side in spheres for c in sphere_covering(R, (name,), name, sizes, room, side)]

    def core(self, coverings: list[Covering]) -> Self:
        """A narrower shell."""
        radii = {f"{cover.names[0]}_radius": cover.core_radius * MODEL_UNIT for cover in coverings}
        return self.model_copy(update=radii)

    def _line(self) -> tuple[float, float, str | None, str]:
        """Along a radius."""
        return self.inner_radius / MODEL_UNIT, self.outer_radius / MODEL_UNIT, "inner", "outer"

    def cross_section(self, x: np.ndarray) -> np.ndarray:
        """Of a sphere about the origin."""
        return 4.0 * math.pi * x**2

    def meridian(self) -> list[list[Piece]]:
        """Two half circles."""
        a, b = self.inner_radius / MODEL_UNIT, self.outer_radius / MODEL_UNIT
        return [
            [Piece("outer", (0.0, -b), (0.0, b), (0.0, 0.0))],
            [Piece("inner", (0.0, a), (0.0, -a), (0.0, 0.0), -1)],
        ]
