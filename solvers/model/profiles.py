"""Coefficients by region: values between planes z = const and elsewhere, and the profile along z that they make."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Discriminator, Field, Tag

from spinepnp import units
from spinepnp.errors import CaseError
from spinepnp.geometries import Geometry

#: Relative distance of two heights below which they are the same.
ROUNDING_OF_HEIGHTS = 1e-9

#: A number or a quantity is a uniform value, a list has one entry a region.
UNIFORM_OR_REGIONS = Discriminator(lambda value: "regions" if isinstance(value, list | tuple) else "uniform")

#: Relative permittivity.
Permittivity = Annotated[units.Number, Field(gt=0.0, le=1e6)]


def _rising(planes: tuple[float, float]) -> tuple[float, float]:
    if planes[0] >= planes[1]:
        raise ValueError('the lower end comes first, for example ["0.2 um", "0.8 um"]')
    return planes


#: Heights of two planes z = const, m, rising.
Planes = Annotated[tuple[units.Coordinate, units.Coordinate], AfterValidator(_rising)]


class Part(units.Table):
    """Part of the body between two planes z = const, or all that no other entry of the list covers.

    Attributes:
        region: heights z of the lower and of the upper plane, m; left out, the entry holds elsewhere.
        value: value there.
    """

    region: Planes | None = None
    value: float


class DiffusivityPart(Part):
    """Diffusivity between two planes z = const, or elsewhere.

    Attributes:
        value: free diffusivity there, m^2/s.
    """

    value: units.Diffusivity


class PermittivityPart(Part):
    """Relative permittivity between two planes z = const, or elsewhere.

    Attributes:
        value: relative permittivity there.
    """

    value: Permittivity


DiffusivityByRegion = Annotated[
    Annotated[units.NonNegativeDiffusivity, Tag("uniform")]
    | Annotated[tuple[DiffusivityPart, ...], Field(min_length=1), Tag("regions")],
    UNIFORM_OR_REGIONS,
]

PermittivityByRegion = Annotated[
    Annotated[Permittivity, Tag("uniform")]
    | Annotated[tuple[PermittivityPart, ...], Field(min_length=1), Tag("regions")],
    UNIFORM_OR_REGIONS,
]


class ChargedRegion(units.Table):
    """Immobile charge between two planes z = const.

    Attributes:
        region: heights z of the lower and of the upper plane, m.
        value: concentration of unit charges between them, mol/m^3, signed.
    """

    region: Planes
    value: units.ChargeDensity


FixedCharge = Annotated[
    Annotated[units.ChargeDensity, Tag("uniform")] | Annotated[tuple[ChargedRegion, ...], Tag("regions")],
    UNIFORM_OR_REGIONS,
]


@dataclass(frozen=True)
class Profile:
    """Piecewise constant function of the height z.

    Attributes:
        planes: heights at which it steps, m, rising.
        values: value below the first plane, between the planes, and above the last one.
    """

    planes: tuple[float, ...] = ()
    values: tuple[float, ...] = (1.0,)

    @classmethod
    def of(cls, coefficient: float | Sequence[Part]) -> Profile:
        """Profile of a uniform value or of checked regions; beyond the last region its value goes on."""
        if isinstance(coefficient, int | float):
            return cls((), (coefficient,))
        regions = sorted((part.region, part.value) for part in coefficient if part.region is not None)
        elsewhere = next((part.value for part in coefficient if part.region is None), None)
        planes: list[float] = []
        values = [regions[0][1] if elsewhere is None else elsewhere]

        def step(z: float, value: float) -> None:
            if planes and z - planes[-1] <= ROUNDING_OF_HEIGHTS * abs(z):  # regions that touch
                planes.pop()
                values.pop()
            if value != values[-1]:
                planes.append(z)
                values.append(value)

        for (low, high), value in regions:
            step(low, value)
            if elsewhere is not None:
                step(high, elsewhere)
        return cls(tuple(planes), tuple(values))

    @property
    def largest(self) -> float:
        """Largest value."""
        return max(self.values)

    @property
    def smallest(self) -> float:
        """Smallest value."""
        return min(self.values)

    @property
    def relative(self) -> Profile:
        """Profile over its largest value; one where it is uniform."""
        if not self.planes:
            return UNIFORM
        return Profile(self.planes, tuple(value / self.largest for value in self.values))

    def at(self, z: np.ndarray) -> np.ndarray:
        """Values at heights, m, any shape; on a plane the one above it."""
        return np.asarray(self.values)[np.searchsorted(self.planes, z, side="right")]

    def smallest_near(self, low: float, high: float) -> float:
        """Smallest value between two heights, m, both sides of a plane at either of them included."""
        near = ROUNDING_OF_HEIGHTS * max(abs(low), abs(high))
        first = int(np.searchsorted(self.planes, low - near, side="left"))
        last = int(np.searchsorted(self.planes, high + near, side="right"))
        return min(self.values[first : last + 1])


#: Profile of a coefficient that is the same everywhere, over its value.
UNIFORM = Profile()


def refuse_overlap(key: str, regions: Iterable[tuple[float, float]], hint: str = "") -> None:
    """Refuse regions that overlap.

    Args:
        key: key of the case that gives them.
        regions: heights of the two planes of each region, m.
        hint: end of the message.

    Raises:
        CaseError: names the heights that two regions cover.
    """
    for below, above in itertools.pairwise(sorted(regions)):
        (_, end), (start, _) = below, above
        if start < end - ROUNDING_OF_HEIGHTS * max(abs(start), abs(end)):
            span = _span(start, min(end, above[1]))
            raise CaseError(key, f"two regions overlap from {span}; let each height have one value{hint}")


def check_parts(key: str, coefficient: float | Sequence[Part], geometry: Geometry) -> None:
    """Refuse regions of a coefficient that overlap, do not fit the body, or leave a part of it without a value.

    Args:
        key: key of the case that gives them.
        coefficient: uniform value, or its parts.
        geometry: shape of the body.

    Raises:
        CaseError: a body without planes, regions that overlap or lie outside of it, two values elsewhere, or heights
            without a value.
    """
    if isinstance(coefficient, int | float):
        return
    regions = sorted(part.region for part in coefficient if part.region is not None)
    refuse_overlap(key, regions)
    for number, part in enumerate(coefficient):
        if part.region is not None:
            check_region(f"{key}.{number}.region", part.region, geometry)
    bottom, top = _ends(geometry)
    near = ROUNDING_OF_HEIGHTS * (top - bottom)
    if len(coefficient) - len(regions) > 1:
        raise CaseError(key, "several entries have no region; one value holds elsewhere, drop the others")
    if len(coefficient) > len(regions):
        return
    covered = bottom
    for low, high in [*regions, (top, top)]:
        if low > covered + near:
            raise CaseError(
                key,
                f"has no value from {_span(covered, min(low, top))}; add a region, "
                "or an entry without region for the value elsewhere",
            )
        covered = max(covered, high)


def check_region(key: str, region: tuple[float, float], geometry: Geometry) -> None:
    """Refuse planes z = const of a region that lies outside of the body.

    Args:
        key: key of the case that gives them.
        region: heights of the two planes, m.
        geometry: shape of the body.

    Raises:
        CaseError: a body without planes, or a region outside of it.
    """
    if geometry.radial and geometry.dimension == "1d":
        raise CaseError(key, "a line along the radius has no planes z = const; use another dimension")
    bottom, top = _ends(geometry)
    near = ROUNDING_OF_HEIGHTS * (top - bottom)
    if not (region[0] < top - near and region[1] > bottom + near):
        raise CaseError(key, f"lies outside of the body, which is from {_span(bottom, top)}; move it inside")


def _ends(geometry: Geometry) -> tuple[float, float]:
    """Lowest and highest height of a body, m."""
    heights = [geometry.heights(name) for name in geometry.named]
    return min(low for low, _ in heights), max(high for _, high in heights)


def _span(low: float, high: float) -> str:
    return " to ".join(units.format_quantity(z, units.LENGTH) for z in (low, high))
