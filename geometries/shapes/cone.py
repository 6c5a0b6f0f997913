"""The truncated cone."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from spinepnp.geometries.extruded import Extruded
from spinepnp.geometries.meridian import Piece
from spinepnp.geometries.rings import Ringed, areas_of_parts, trapezium
from spinepnp.geometries.sizes import MODEL_UNIT
from spinepnp.units import Length


class Cone(Ringed, Extruded):
    r"""A truncated circular cone on the z axis.

    ::

              _
             / \        top    z = length, radius top_radius
            /   \       wall
           #     #      ring   a band of the wall, as many as wanted
           \_____/      base   z = 0, radius base_radius

    Examples:
        >>> from spinepnp.geometries import Cone
        >>> neck = Cone(length="1 um", base_radius="100 nm", top_radius="50 nm")
        >>> round(neck.exact_area("wall") * 1e12, 4)  # um^2
        0.4718

    Attributes:
        length: height, m.
        base_radius: radius at z = 0, m.
        top_radius: radius at z = length, m.
    """

    shape: Literal["cone"] = "cone"
    length: Length
    base_radius: Length
    top_radius: Length

    @property
    def _largest(self) -> float:
        return max(self.base_radius, self.top_radius)

    def _scale(self, fraction: np.ndarray) -> np.ndarray:
        """Radius over the largest one at fractions of the length."""
        return (self.base_radius + (self.top_radius - self.base_radius) * fraction) / self._largest

    def default_size(self) -> float:
        """Default edge length: a quarter of the larger radius; cells shrink with the cross-section."""
        return min(self._largest / 4.0, self.length / 4.0)

    def reference(self) -> tuple[float, float, float]:
        """Reference cylinder: the one around the cone."""
        return self._largest / MODEL_UNIT, self.length / MODEL_UNIT, 0.0

    def relative_size(self, z: np.ndarray) -> np.ndarray:
        """Radius over the largest one."""
        return self._scale(np.clip(z * MODEL_UNIT / self.length, 0.0, 1.0))

    def map_cylinder(self, x: np.ndarray) -> np.ndarray:
        """Map from the cylinder: every cross-section is scaled to its radius."""
        return np.hstack([x[:, :2] * self._scale(x[:, 2:] * MODEL_UNIT / self.length), x[:, 2:]])

    def meridian(self) -> list[list[Piece]]:
        """Meridian: a trapezium."""
        base, top, length = (x / MODEL_UNIT for x in (self.base_radius, self.top_radius, self.length))
        return trapezium(base, top, length, self.wall_parts())

    def body_measures(self) -> dict[str, float]:
        """Volume in m^3 and areas in m^2."""
        r, R, L = self.base_radius, self.top_radius, self.length
        return {
            "volume": math.pi * L / 3.0 * (r * r + r * R + R * R),
            "base": self.end_area("base"),
            "top": self.end_area("top"),
            **areas_of_parts(self.wall_parts(), self._area_between),
        }

    def _area_between(self, low: float, high: float) -> float:
        """Area of the wall between two heights in m, m^2."""
        r, R = (self.base_radius * (1.0 - t) + self.top_radius * t for t in (low / self.length, high / self.length))
        return math.pi * (r + R) * math.hypot(high - low, R - r)

    def end_area(self, name: str) -> float:
        """Area of either end, m^2."""
        return math.pi * (self.base_radius if name == "base" else self.top_radius) ** 2
