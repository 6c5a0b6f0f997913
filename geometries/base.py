"""What every geometry offers: parameters, named boundaries, exact measures and a Gmsh model.

A geometry is a frozen table of the case file (`shape` and its lengths in SI). It knows no mesh and no MPI: `build`
makes the Gmsh model with one physical group per boundary name and one for the volume, in micrometres.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from spinepnp.units import Table

#: One unit of length of a Gmsh model or a mesh, in metres: micrometres keep coordinates near one.
MODEL_UNIT = 1e-6

#: Name of the physical group that holds all cells.
VOLUME_NAME = "volume"


@dataclass(frozen=True)
class Grading:
    """Grading of the mesh toward a boundary.

    Attributes:
        size: edge length (normal to flat faces) at the boundary, in model units.
        growth: ratio of two neighbouring layers, > 1.
    """

    size: float
    growth: float


@dataclass(frozen=True)
class Sizes:
    """Edge lengths that a geometry's builder aims at.

    Attributes:
        size: target edge length in the bulk, in model units (micrometres).
        grade: finer sizes toward named boundaries.
    """

    size: float
    grade: dict[str, Grading] = field(default_factory=dict)

    def layers(
        self, length: float, start: str, end: str, relative: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> np.ndarray:
        """Heights of the layers that divide a length, graded toward the boundaries at its two ends.

        The local height is h(s) = min(size, ln(g) (h_0 / (g - 1) + s)) at the distance s from an end graded to h_0 with
        growth g; the positions divide the integral of 1/h evenly, so that the layers are h_0, g h_0, g^2 h_0, ... or a
        little thinner, to fill the length.

        Args:
            length: distance from ``start`` to ``end``, in model units.
            start: name of the boundary at the start of the length.
            end: name of the boundary at its end.
            relative: local size over the bulk size, at most one, as a function of the distance from ``start``.

        Returns:
            Positive heights, shape (n,), that add up to ``length``.
        """
        points = [np.linspace(0.0, length, 2001)]
        for name in (start, end):
            if name in self.grade:  # resolve the grading itself by logarithmic spacing of the sample points
                distance = np.geomspace(self.grade[name].size * 1e-2, length, 2001)[:-1]
                points.append(distance if name == start else length - distance)
        z = np.unique(np.concatenate(points))
        height = self.size * (np.ones_like(z) if relative is None else relative(z))
        for name, distance in ((start, z), (end, length - z)):
            if name in self.grade:
                grade = self.grade[name]
                height = np.minimum(height, np.log(grade.growth) * (grade.size / (grade.growth - 1.0) + distance))
        density = 1.0 / height
        number = np.concatenate(([0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(z))))
        count = max(1, int(np.ceil(number[-1] - 1e-9)))
        positions = np.interp(np.linspace(0.0, number[-1], count + 1), number, z)
        positions[0], positions[-1] = 0.0, length
        return np.diff(positions)


class Geometry(Table, ABC):
    """Base of all shapes.

    A shape may be meshed in simpler coordinates and put in place afterwards (`place`): all nodes of the curved cells
    then lie where the exact map puts them.
    """

    shape: str
    dimension: Literal["3d"] = "3d"

    @property
    @abstractmethod
    def boundaries(self) -> tuple[str, ...]:
        """Names of the boundaries, in the order of the contract."""

    @property
    def gradable(self) -> tuple[str, ...]:
        """Those boundaries toward which `build` can grade the mesh."""
        return self.boundaries

    def check(self) -> None:
        """Refuse parameters that are impossible together.

        Raises:
            CaseError: names the parameter and what to do.
        """

    def place(self, x: np.ndarray) -> np.ndarray:
        """Physical coordinates of mesh nodes.

        Args:
            x: coordinates in the Gmsh model, model units, shape (n, 3).

        Returns:
            Coordinates in space, model units, shape (n, 3); by default the same.
        """
        return x

    @abstractmethod
    def default_size(self) -> float:
        """Target edge length where the case says none, in metres."""

    @abstractmethod
    def exact_measures(self) -> dict[str, float]:
        """Exact volume (key ``volume``, m^3) and area of each boundary (m^2)."""

    @abstractmethod
    def estimate_cells(self, sizes: Sizes) -> float:
        """Number of cells that `build` and meshing would give, within a factor two."""

    @abstractmethod
    def build(self, gmsh: Any, sizes: Sizes) -> None:
        """Fill the current Gmsh model (already named and empty), with physical groups by name; mesh sizes set.

        Args:
            gmsh: the initialised Gmsh module.
            sizes: what to aim at, in model units.
        """


def triangles_in(area: float, size: float) -> float:
    """Estimated number of triangles of edge ``size`` that fill ``area`` (equilateral ones)."""
    return max(area / (np.sqrt(3.0) / 4.0 * size**2), 6.0)
