"""The cylinder: a homogeneous spine neck (paper 001, Fig. 1)."""

from __future__ import annotations

import math
from typing import Literal

from spinepnp.geometries.extruded import Extruded
from spinepnp.geometries.meridian import Piece
from spinepnp.geometries.rings import Ringed, areas_of_parts, trapezium
from spinepnp.geometries.sizes import MODEL_UNIT
from spinepnp.units import Length


class Cylinder(Ringed, Extruded):
    r"""A circular cylinder on the z axis.

    ::

              ___
             /   \      top    z = length
             |\_/|
             |   |      wall
             #####      ring   a band of the wall, as many as wanted
              \_/       base   z = 0

    Examples:
        >>> from spinepnp.geometries import Cylinder
        >>> neck = Cylinder(length="1 um", radius="100 nm")
        >>> neck.boundaries
        ('base', 'top', 'wall')
        >>> round(neck.exact_area("top") * 1e12, 6)  # um^2
        0.031416

    Attributes:
        length: height, m.
        radius: radius of the cross-section, m.
    """

    shape: Literal["cylinder"] = "cylinder"
    length: Length
    radius: Length

    def default_size(self) -> float:
        """Default edge length: a quarter of the radius; with curved cells the voltage then errs by less than 1e-4."""
        return min(self.radius / 4.0, self.length / 4.0)

    def reference(self) -> tuple[float, float, float]:
        """Reference cylinder: the body itself."""
        return self.radius / MODEL_UNIT, self.length / MODEL_UNIT, 0.0

    def meridian(self) -> list[list[Piece]]:
        """Meridian: a rectangle."""
        r = self.radius / MODEL_UNIT
        return trapezium(r, r, self.length / MODEL_UNIT, self.wall_parts())

    def body_measures(self) -> dict[str, float]:
        """Volume in m^3 and areas in m^2."""
        disc = self.end_area("base")
        walls = areas_of_parts(self.wall_parts(), lambda low, high: 2.0 * math.pi * self.radius * (high - low))
        return {"volume": disc * self.length, "base": disc, "top": disc, **walls}

    def end_area(self, name: str) -> float:
        """Area of either end, m^2."""
        return math.pi * self.radius**2
