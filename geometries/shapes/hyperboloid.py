"""The hyperboloid: a neck with a constriction (paper 001, eq. (15); facts pnp B7)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries.extruded import Extruded
from spinepnp.geometries.sizes import MODEL_UNIT
from spinepnp.units import Length


class Hyperboloid(Extruded):
    r"""The inside of y^2/a^2 + x^2/b^2 = 1 + z^2/c^2, a circular (a = b) or elliptic throat.

    ::

           \_______/    top    z = half_length (flat), or the confocal cap through it
            \     /
             |   |      wall
            /     \
           /_______\    base   z = -half_length

    Examples:
        >>> from spinepnp.geometries import Hyperboloid
        >>> throat = Hyperboloid(a="20 nm", c="100 nm", half_length="300 nm")
        >>> round(throat.exact_area("top") * 1e12, 6)  # um^2
        0.012566

    Attributes:
        a: half axis of the throat along y, m.
        b: half axis along x, m; `a` by default.
        c: length over which the throat opens, m.
        half_length: half the height, m; with confocal ends, where they cross the axis.
        ends: "flat" discs, or "confocal" ellipsoids, which meet the wall at right angles.
    """

    takes_obstacle: ClassVar[bool] = False
    smooth: ClassVar[bool] = True

    shape: Literal["hyperboloid"] = "hyperboloid"
    a: Length
    b: Length | None = None
    c: Length
    half_length: Length
    ends: Literal["flat", "confocal"] = "flat"

    @property
    def along_x(self) -> float:
        """Half axis of the throat along x, m."""
        return self.a if self.b is None else self.b

    @property
    def _axes(self) -> tuple[float, float, float, float]:
        """Half axes along y and x, c and half_length in model units."""
        return self.a / MODEL_UNIT, self.along_x / MODEL_UNIT, self.c / MODEL_UNIT, self.half_length / MODEL_UNIT

    def _opening(self, z: np.ndarray) -> np.ndarray:
        """Radius at a height over that of the throat, flat ends: sqrt(1 + z^2/c^2)."""
        return np.sqrt(1.0 + (z / self._axes[2]) ** 2)

    def check(self) -> None:
        """Refuse a meridian of an elliptic throat, and a line with confocal ends."""
        super().check()
        if self.dimension == "axisymmetric" and self.along_x != self.a:
            raise CaseError("geometry.dimension", 'an elliptic throat needs "3d"; or let b be a', self.dimension)
        if self.dimension == "1d" and self.ends != "flat":
            raise CaseError("geometry.ends", 'a line needs "flat" ends', self.ends)

    def why_no_planes(self) -> str | None:
        """Reason against planes z = const; confocal ends bend all layers but the middle one."""
        if self.ends != "flat":
            return 'between confocal ends the layers are no planes; set geometry.ends = "flat" or drop it'
        return super().why_no_planes()

    def default_size(self) -> float:
        """Default edge length: a fifth of the mean half axis at the ends; cells shrink toward the throat.

        It is at most a quarter of the smaller half axis, and a sixth of half the height.
        """
        radius, aspect = self.reference()[0] * MODEL_UNIT, self.aspect()
        return min(radius * math.sqrt(aspect) / 5.0, radius * min(1.0, aspect) / 4.0, self.half_length / 6.0)

    def reference(self) -> tuple[float, float, float]:
        """Reference cylinder: the elliptic one around the body."""
        _, b, _, half = self._axes
        return b * float(self._opening(np.array(half))), 2.0 * half, -half

    def aspect(self) -> float:
        """Half axis a over b."""
        return self._axes[0] / self._axes[1]

    def relative_size(self, z: np.ndarray) -> np.ndarray:
        """Opening over the one at the ends."""
        half = self._axes[3]
        return self._opening(np.clip(z - half, -half, half)) / self._opening(np.array(half))

    def map_cylinder(self, x: np.ndarray) -> np.ndarray:
        """Map from the cylinder: cross-sections open, flat or onto the ellipsoids confocal with the wall.

        The ellipsoids are x^2/(b^2+c^2+t^2) + y^2/(a^2+c^2+t^2) + z^2/t^2 = 1 for t from -half_length to half_length.
        """
        a, b, c, _ = self._axes
        radius = self.reference()[0]
        p, q = x[:, 0] / radius, x[:, 1] / (radius * self.aspect())
        t = x[:, 2]
        if self.ends == "flat":
            opening = self._opening(t)
            return np.column_stack([b * p * opening, a * q * opening, t])
        A, B = b * b + c * c, a * a + c * c
        height = t * np.sqrt(1.0 - (b * p) ** 2 / A - (a * q) ** 2 / B)
        return np.column_stack([b * p * np.sqrt(1.0 + t * t / A), a * q * np.sqrt(1.0 + t * t / B), height])

    def body_measures(self) -> dict[str, float]:
        """Volume in m^3 and areas in m^2; closed forms where the ends are flat, but for the wall."""
        measures = super().body_measures()
        if self.ends == "flat":
            L = self.half_length
            measures["volume"] = math.pi * self.a * self.along_x * (2.0 * L + 2.0 * L**3 / (3.0 * self.c**2))
        return measures

    def end_area(self, name: str) -> float:
        """Area of "base" or "top", m^2; in closed form where the ends are flat."""
        if self.ends != "flat":
            return super().end_area(name)
        return math.pi * self.a * self.along_x * (1.0 + (self.half_length / self.c) ** 2)
