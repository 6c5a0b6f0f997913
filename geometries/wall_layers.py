"""Boundary layers of thin cells on a wall: concentric cylinders about the axis or spheres about the origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

#: Distance from the surface of the core within which a point lies on it, model units: rounding, much less than a layer.
CORE_TOLERANCE = 1e-9


@dataclass(frozen=True)
class WallLayers:
    """Layers of thin cells on a wall.

    Attributes:
        names: names of the boundaries that the layers cover.
        graded: name of the boundary whose grading sets the heights.
        radius: radius of the wall, model units.
        heights: heights of the layers, model units, the innermost (next to the core) first.
        side: +1 for layers inside the wall, -1 for layers outside (the wall of a cavity).
        about: centre of the wall: the "origin" (a sphere) or the "axis" (a cylinder).
        aspect: half axis of an elliptic cylinder along y over that along x, which is ``radius``.
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
        """Radius of the surface of the core, on which the layers stand."""
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

    def contains(self, level: np.ndarray) -> np.ndarray:
        """Whether points of these levels lie in the layers, shape (n,)."""
        return self.side * (level - self.core_radius) > -CORE_TOLERANCE
