"""A cylindrical pore in a membrane, bare or between two reservoirs."""

from __future__ import annotations

from typing import Literal

import numpy as np

from spinepnp.geometries.meridian import Piece, Refinement
from spinepnp.geometries.revolution import SPHERE_EDGE
from spinepnp.geometries.revolved import Revolved, refuse_unless
from spinepnp.geometries.rings import Ringed, cut_line
from spinepnp.geometries.sizes import MODEL_UNIT
from spinepnp.units import Length, NonNegativeLength


class Pore(Ringed, Revolved):
    r"""A pore along the z axis; a reservoir is a half ball over each mouth.

    ::

             _______
           /         \      inside    the far surface of the upper half ball
          |____   ____|               (bare pore: its end z = length)
               | |          wall      the pore and both faces of the membrane
           ____# #____    ring       a band of the pore, as many as wanted
          |           |     outside   the far surface of the lower half ball
           \ _______ /                (bare pore: its end z = 0)

    Examples:
        >>> from spinepnp.geometries import Pore
        >>> pore = Pore(radius="5 nm", length="20 nm", reservoir_radius="40 nm")
        >>> pore.boundaries
        ('outside', 'inside', 'wall')

    Attributes:
        radius: radius of the pore, m.
        length: length of the pore, m.
        reservoir_radius: radius of the half balls, m; zero for a bare pore.
    """

    shape: Literal["pore"] = "pore"
    radius: Length
    length: Length
    reservoir_radius: NonNegativeLength = 0.0

    @property
    def named(self) -> tuple[str, ...]:
        """Names of both sides, the wall and each ring; a line has no wall."""
        return ("outside", "inside") if self.dimension == "1d" else ("outside", "inside", "wall", *self.ring_names)

    def check(self) -> None:
        """Refuse a reservoir that is not wider than the pore."""
        wide = self.reservoir_radius == 0.0 or self.reservoir_radius > 1.01 * self.radius
        narrow = "must be larger than radius, or zero for a bare pore"
        refuse_unless(wide, "reservoir_radius", narrow, self.reservoir_radius)
        bare = self.dimension != "1d" or self.reservoir_radius == 0.0
        refuse_unless(bare, "reservoir_radius", 'must be zero with dimension = "1d"', self.reservoir_radius)
        super().check()

    def default_size(self) -> float:
        """Default edge length: a sixth of the reservoirs' radius, or a quarter of the bare pore."""
        if self.reservoir_radius > 0.0:
            return SPHERE_EDGE * self.reservoir_radius
        return min(self.radius, self.length) / 4.0

    def refinements(self, scale: float) -> list[Refinement]:
        """Refinements: a quarter of the radius in the pore, half of that at its mouths, where the field is singular."""
        r, length = self.radius / MODEL_UNIT, self.length / MODEL_UNIT
        refinements = [Refinement(Piece("", (r, 0.0), (r, length)), scale * r / 4.0)]
        if self.reservoir_radius > 0.0:
            mouths = (Piece("", (r, z), (r, z)) for z in (0.0, length))
            refinements += [Refinement(mouth, scale * r / 8.0) for mouth in mouths]
        return refinements

    def end_heights(self) -> dict[str, float]:
        """Heights of both sides of a bare pore; a reservoir has no such ends."""
        return {} if self.reservoir_radius else {"outside": 0.0, "inside": self.length / MODEL_UNIT}

    def places(self) -> dict[str, float]:
        """Height of the middle of the pore's axis."""
        return {"middle": self.length / 2.0}

    @property
    def wall_beyond(self) -> bool:
        """Whether the membrane has faces."""
        return self.reservoir_radius > 0.0

    @property
    def in_layers(self) -> bool:
        """Whether inner planes become planes of the mesh: on a line."""
        return self.dimension == "1d"

    def _line(self) -> tuple[float, float, str | None, str]:
        """Line along the axis."""
        return 0.0, self.length / MODEL_UNIT, "outside", "inside"

    def cross_section(self, x: np.ndarray) -> np.ndarray:
        """Area of the pore's cross-section."""
        return np.full(len(x), np.pi * (self.radius / MODEL_UNIT) ** 2)

    def meridian(self) -> list[list[Piece]]:
        """Meridian from the lower pole along the walls to the upper one."""
        r, length, R = (x / MODEL_UNIT for x in (self.radius, self.length, self.reservoir_radius))
        pore = cut_line(Piece("wall", (r, 0.0), (r, length)), self.wall_parts())
        first, last = pore[0].start, pore[-1].end
        if R == 0.0:
            return [[Piece("outside", (0.0, 0.0), first), *pore, Piece("inside", last, (0.0, length))]]
        return [
            [
                Piece("outside", (0.0, -R), (R, 0.0), (0.0, 0.0)),
                Piece("wall", (R, 0.0), first),
                *pore,
                Piece("wall", last, (R, length)),
                Piece("inside", (R, length), (0.0, length + R), (0.0, length)),
            ]
        ]
