"""The shell between two concentric spheres."""

from __future__ import annotations

from typing import Literal

from spinepnp.geometries.base import MODEL_UNIT
from spinepnp.geometries.meridian import Piece
from spinepnp.geometries.revolved import CURVATURE, Revolved, refuse_unless
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
        inner_radius: m.
        outer_radius: m.
    """

    shape: Literal["shell"] = "shell"
    inner_radius: Length
    outer_radius: Length

    @property
    def boundaries(self) -> tuple[str, ...]:
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

    def default_size(self) -> float:
        """A sixth of the outer radius, and two edges across the gap."""
        return min(CURVATURE * self.outer_radius, (self.outer_radius - self.inner_radius) / 2.0)

    def meridian(self) -> list[list[Piece]]:
        """Two half circles."""
        a, b = self.inner_radius / MODEL_UNIT, self.outer_radius / MODEL_UNIT
        return [
            [Piece("outer", (0.0, -b), (0.0, b), (0.0, 0.0))],
            [Piece("inner", (0.0, a), (0.0, -a), (0.0, 0.0), -1)],
        ]
