"""Target edge lengths of a mesh: in the bulk, toward boundaries, toward inner planes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.units import LENGTH, format_quantity

#: One unit of length of a Gmsh model or a mesh, in metres: micrometres keep coordinates near one.
MODEL_UNIT = 1e-6

#: Part of the radius that wall layers may take: the core keeps cells of a good shape.
LAYER_SHARE = 1.0 / 3.0

#: Intervals of the numerical integration of 1/h along a length, and from each graded end or plane.
SAMPLES = 2000


@dataclass(frozen=True)
class Grading:
    """Grading of the mesh toward a boundary.

    Examples:
        >>> from spinepnp.geometries import Grading, Sizes
        >>> sizes = Sizes(size=0.1, grade={"top": Grading(size=0.01, growth=2.0)})
        >>> sizes.layers(0.3, "base", "top").round(3)
        array([0.092, 0.091, 0.06 , 0.032, 0.017, 0.009])

    Attributes:
        size: edge length (normal to flat faces) at the boundary, in model units.
        growth: ratio of the heights of two neighbouring layers, > 1.
    """

    size: float
    growth: float


@dataclass(frozen=True)
class InnerPlane:
    """A plane z = const within the body that the mesh follows.

    Examples:
        >>> from spinepnp.geometries import Grading, InnerPlane, Sizes
        >>> sizes = Sizes(size=0.1, planes=(InnerPlane(z=0.2, grading=Grading(size=0.02, growth=2.0)),))
        >>> sizes.layers(0.3, "base", "top", bottom=0.0).round(3)
        array([0.089, 0.061, 0.032, 0.017, 0.016, 0.03 , 0.054])

    Attributes:
        z: height of the plane, in model units.
        grading: grading of the cells on both sides; ``None`` for a plane of the mesh without finer cells.
    """

    z: float
    grading: Grading | None = None


def _whole_layers(number: float) -> float:
    """Number of layers for a length that holds ``number`` local heights: rounded up, at least one."""
    return max(1.0, float(np.ceil(number - 1e-9)))


@dataclass(frozen=True)
class Sizes:
    """Target edge lengths of a mesh.

    Examples:
        >>> from spinepnp.geometries import Sizes
        >>> Sizes(size=0.1).layers(0.25, "base", "top").round(4)
        array([0.0833, 0.0833, 0.0833])

    Attributes:
        size: target edge length in the bulk, in model units (micrometres).
        grade: finer sizes toward named boundaries.
        planes: inner planes z = const, in rising order.
    """

    size: float
    grade: dict[str, Grading] = field(default_factory=dict)
    planes: tuple[InnerPlane, ...] = ()

    def layers(
        self,
        length: float,
        start: str,
        end: str,
        relative: Callable[[np.ndarray], np.ndarray] | None = None,
        bottom: float | None = None,
    ) -> np.ndarray:
        """Heights of the layers that divide a length, graded toward the boundaries at its two ends and inner planes.

        The local height is h(s) = min(size, ln(g) (h_0 / (g - 1) + s)) at the distance s from an end or plane graded to
        h_0 with growth g; between neighbouring ends and planes the positions divide the integral of 1/h evenly, so that
        the layers are h_0, g h_0, g^2 h_0, ... or a little thinner, to fill the length.

        Args:
            length: distance from ``start`` to ``end``, in model units.
            start: name of the boundary at the start of the length.
            end: name of the boundary at its end.
            relative: local size over the bulk size, at most one, as a function of the distance from ``start``.
            bottom: z of the start, for a length along the z axis; without it inner planes do not count.

        Returns:
            Positive heights, shape (n,), that add up to ``length``.
        """
        z, number, stations = self._numbered(length, start, end, relative, bottom)
        heights = []
        for low, high in itertools.pairwise(stations):
            first, last = number[np.searchsorted(z, [low, high])]
            positions = np.interp(np.linspace(first, last, int(_whole_layers(last - first)) + 1), number, z)
            positions[0], positions[-1] = low, high
            heights.append(np.diff(positions))
        return np.concatenate(heights)

    def layer_count(
        self,
        length: float,
        start: str,
        end: str,
        relative: Callable[[np.ndarray], np.ndarray] | None = None,
        bottom: float | None = None,
    ) -> float:
        """Number of the `layers`, without making them: there may be more than fit into memory.

        Args:
            length: distance from ``start`` to ``end``, in model units.
            start: name of the boundary at the start of the length.
            end: name of the boundary at its end.
            relative: local size over the bulk size, as in `layers`.
            bottom: z of the start, in model units; without it inner planes do not count.
        """
        z, number, stations = self._numbered(length, start, end, relative, bottom)
        return float(sum(_whole_layers(n) for n in np.diff(number[np.searchsorted(z, stations)])))

    def _numbered(
        self,
        length: float,
        start: str,
        end: str,
        relative: Callable[[np.ndarray], np.ndarray] | None,
        bottom: float | None,
    ) -> tuple[np.ndarray, np.ndarray, list[float]]:
        """Positions along a length, number of local heights up to each, and positions of ends and inner planes."""
        inner = [] if bottom is None else [(plane.z - bottom, plane.grading) for plane in self.planes]
        ends = [(0.0, self.grade.get(start)), (length, self.grade.get(end))]
        graded = [(place, grading) for place, grading in [*ends, *inner] if grading is not None]
        stations = [0.0, *(place for place, _ in inner), length]
        points = [np.linspace(0.0, length, SAMPLES + 1), np.array(stations)]
        for place, grading in graded:  # resolve the grading itself by logarithmic spacing of the sample points
            distance = np.geomspace(grading.size * 1e-2, length, SAMPLES + 1)[:-1]
            points += [place - distance, place + distance]
        z = np.unique(np.concatenate(points))
        z = z[(z >= 0.0) & (z <= length)]
        height = self.size * (np.ones_like(z) if relative is None else relative(z))
        for place, grading in graded:
            graded_height = np.log(grading.growth) * (grading.size / (grading.growth - 1.0) + np.abs(z - place))
            height = np.minimum(height, graded_height)
        density = 1.0 / height
        number = np.concatenate(([0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(z))))
        return z, number, stations

    def wall_layer_heights(self, name: str, most: float) -> np.ndarray:
        """Heights of the boundary layers on a wall graded by the case, the innermost first.

        Heights are h_0, g h_0, g^2 h_0, ... up to half of the bulk size; the layers together stay below ``most``.

        Args:
            name: name of the boundary.
            most: largest thickness of all layers together, in model units.

        Returns:
            Heights, shape (n,); empty where the case does not grade the wall.

        Raises:
            CaseError: not even the first layer fits.
        """
        if name not in self.grade:
            return np.empty(0)
        first, growth = self.grade[name].size, self.grade[name].growth
        if first > most:
            room = format_quantity(float(f"{max(most, 1e-8) * MODEL_UNIT:.3g}"), LENGTH)
            value = format_quantity(float(f"{first * MODEL_UNIT:.6g}"), LENGTH)
            raise CaseError(f"mesh.grade.{name}.size", f"is thicker than the {room} of room; make it smaller", value)
        count = max(1, int(np.ceil(np.log(0.5 * self.size / first) / np.log(growth))))
        heights = first * growth ** np.arange(count)
        fitting = max(1, int(np.searchsorted(np.cumsum(heights), most)))
        return heights[:fitting][::-1]
