"""Thin layers of cells that cover a wall: cylinders or spheres about the axis or the origin, one in another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

#: A point lies on the core of a body that layers cover if it is nearer to it than this, model units.
ON_CORE = 1e-9


@dataclass(frozen=True)
class Covering:
    """Layers on a wall.

    Attributes:
        names: of the boundaries that they cover.
        graded: the one whose grading they are.
        radius: of the wall, model units.
        heights: of the layers, the innermost (next to the core) first.
        side: +1 for layers inside the wall, -1 for those outside (the wall is that of a cavity).
        about: what the wall goes round: the "origin" (a sphere) or the "axis" (a cylinder).
        aspect: of an elliptic cylinder, half axis along y over that along x, which is ``radius``.
    """

    names: tuple[str, ...]
    graded: str
    radius: float
    heights: np.ndarray
    side: int = 1
    about: Literal["origin", "axis"] = "origin"
    aspect: float = 1.0

    @property
    def core_radius(self) -> float:
        """Of the surface on which the layers stand."""
        return self.radius - self.side * float(self.heights.sum())

    def level(self, x: np.ndarray) -> np.ndarray:
        """Radius of the sphere or cylinder through points, shape (n,)."""
        if self.about == "origin":
            return np.linalg.norm(x, axis=1)
        return np.hypot(x[:, 0], x[:, 1] / self.aspect)

    def at_level(self, x: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Points moved to the sphere or cylinder of a radius."""
        factor = (level / self.level(x))[:, None]
        return x * factor if self.about == "origin" else np.column_stack([x[:, :2] * factor, x[:, 2]])

    def outward(self, x: np.ndarray, distance: float) -> np.ndarray:
        """Points of the core's surface moved toward the wall."""
        return self.at_level(x, self.level(x) + self.side * distance)

    def holds(self, level: np.ndarray) -> np.ndarray:
        """Whether points of these levels lie in the layers."""
        return self.side * (level - self.core_radius) > -ON_CORE
