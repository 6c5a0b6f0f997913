"""Base of the bodies of revolution: a meridian turned about the z axis."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import replace
from typing import Any, Self

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries.base import Geometry
from spinepnp.geometries.linear_mesh import LinearMesh, add_wall_layers, interval_mesh
from spinepnp.geometries.meridian import Piece, Refinement, facets_on
from spinepnp.geometries.obstacle import check_obstacle, gap_of
from spinepnp.geometries.revolution import estimate_revolved, mesh_revolved, refinements_of, surfaces_of
from spinepnp.geometries.sizes import LAYER_SHARE, MODEL_UNIT, Sizes
from spinepnp.geometries.surfaces import Surface
from spinepnp.geometries.wall_layers import WallLayers
from spinepnp.units import LENGTH, format_quantity


class Revolved(Geometry):
    """A body of revolution: a subclass gives its meridian and its own refinements.

    Grading (`mesh.grade`) is isotropic: it suits small patches; toward a whole wall it costs many cells. A whole sphere
    is covered with boundary layers instead, where the subclass gives `wall_layers` and its `core`.
    """

    @abstractmethod
    def meridian(self) -> list[list[Piece]]:
        """Closed chains of pieces in model units: the outer surface first, then those of cavities."""

    def refinements(self, scale: float) -> list[Refinement]:
        """Refinements beside those of every meridian; ``scale`` is the edge length over the default one, at most 1."""
        return []

    def core(self, wall_layers: list[WallLayers]) -> Self:
        """The body without its boundary layers."""
        return self

    def check(self) -> None:
        """Refuse an obstacle that is not inside. Subclasses check their own parameters first."""
        super().check()
        if self.obstacle is not None:
            check_obstacle(self.obstacle, self.meridian())

    def room(self, radius: float) -> float:
        """Thickness that layers on a sphere may have, m: a part of its radius, and half of the gap to an obstacle."""
        if self.obstacle is None:
            return radius * LAYER_SHARE
        return min(radius * LAYER_SHARE, gap_of(self.obstacle, self.meridian()) * MODEL_UNIT / 2.0)

    def z_extent(self) -> tuple[float, float]:
        """Lowest and highest z of the outer chain: those of its ends."""
        z = [end[1] for piece in self.meridian()[0] for end in (piece.start, piece.end)]
        return min(z), max(z)

    def pieces(self) -> list[Piece]:
        """Pieces of all chains of the meridian."""
        return [piece for chain in self.meridian() for piece in chain]

    def tilt_of(self, name: str) -> float:
        """Angle about the origin, from the z axis toward +x, by which a boundary is turned after its sweep, rad."""
        return 0.0

    def body_heights(self, name: str) -> tuple[float, float]:
        """Lowest and highest z of the boundary's pieces, swept and turned."""
        r, z = np.vstack([piece.points(180) for piece in self.pieces() if piece.name == name]).T
        c, s = math.cos(self.tilt_of(name)), abs(math.sin(self.tilt_of(name)))
        return float((c * z - s * r).min()), float((c * z + s * r).max())

    def all_refinements(self, sizes: Sizes, default: float) -> list[Refinement]:
        """Refinements of the body: regions with smaller edges than in the bulk, whose default size is given in m."""
        own = self.refinements(min(1.0, sizes.size * MODEL_UNIT / default))
        return refinements_of(self.meridian(), self.obstacle, own, sizes, default / MODEL_UNIT)

    def body_measures(self) -> dict[str, float]:
        """Volume in m^3 and areas in m^2."""
        measures = dict.fromkeys(("volume", *self.named), 0.0)
        for piece in self.pieces():
            measures["volume"] += piece.volume() * MODEL_UNIT**3
            measures[piece.name] = measures.get(piece.name, 0.0) + piece.area() * MODEL_UNIT**2
        return measures

    def surfaces(self) -> list[Surface]:
        """Surfaces of the swept pieces; a line has none."""
        return [] if self.dimension == "1d" else surfaces_of(self.meridian(), self.obstacle)

    def _core(self, sizes: Sizes) -> tuple[Self, Sizes, list[Refinement]]:
        """The body without wall layers, its sizes without the gradings of the layers, and its refinements."""
        wall_layers = self.wall_layers(sizes)
        layered = {layers.graded for layers in wall_layers}
        bulk = replace(sizes, grade={name: grade for name, grade in sizes.grade.items() if name not in layered})
        core = self.core(wall_layers)
        return core, bulk, core.all_refinements(bulk, self.default_size())

    def estimate_cells(self, sizes: Sizes) -> float:
        """Estimated number of cells: regular simplices of the target edge that fill the core, and the layers."""
        dim = self.cell_dimension
        if dim == 1:
            start, end, name, other = self._line()
            return sizes.layer_count(end - start, name or "centre", other, bottom=None if self.radial else start)
        core, bulk, refinements = self._core(sizes)
        cells = estimate_revolved(core.meridian(), self.obstacle, refinements, bulk.size, dim)
        for layers in self.wall_layers(sizes):
            pieces = [piece for piece in core.pieces() if piece.name in layers.names]
            cells += dim * len(layers.heights) * sum(facets_on(p, refinements, bulk.size, dim) for p in pieces)
        return cells

    def linear_mesh(self, gmsh: Any, sizes: Sizes) -> LinearMesh:
        """Mesh of the core by Gmsh with its boundary layers, or of the line."""
        if self.dimension == "1d":
            start, end, name, other = self._line()
            heights = sizes.layers(end - start, name or "centre", other, bottom=None if self.radial else start)
            return interval_mesh(start + np.concatenate(([0.0], heights.cumsum())), name, other)
        core, bulk, refinements = self._core(sizes)
        return add_wall_layers(core.mesh_core(gmsh, bulk, refinements), self.wall_layers(sizes))

    def mesh_core(self, gmsh: Any, sizes: Sizes, refinements: list[Refinement]) -> LinearMesh:
        """Mesh the body as it is, without boundary layers.

        Args:
            gmsh: the initialised Gmsh module, with an empty current model.
            sizes: target edge lengths, without the gradings of walls that get boundary layers.
            refinements: regions with smaller edges than in the bulk.

        Returns:
            The linear mesh, in the coordinates of meshing.
        """
        return mesh_revolved(gmsh, self.meridian(), self.obstacle, refinements, sizes.size, self.cell_dimension)

    def _line(self) -> tuple[float, float, str | None, str]:
        """Start and end of the line of a one-dimensional mesh, model units, and the names of its ends."""
        raise NotImplementedError


def sphere_layers(
    radius: float, names: tuple[str, ...], graded: str, sizes: Sizes, room: float, side: int = 1
) -> list[WallLayers]:
    """Boundary layers on a sphere about the origin, if the case grades it.

    Args:
        radius: radius of the sphere, m.
        names: names of the boundaries on the sphere.
        graded: name of the boundary whose grading counts.
        sizes: target sizes of the case.
        room: thickness that the layers may have, m.
        side: +1 where the body is inside the sphere, -1 where it is outside.
    """
    heights = sizes.wall_layer_heights(graded, room / MODEL_UNIT)
    return [WallLayers(names, graded, radius / MODEL_UNIT, heights, side)] if len(heights) else []


def refuse_unless(condition: bool, key: str, problem: str, value: float | None = None) -> None:
    """Refuse a parameter of the [geometry] table unless a condition holds.

    Args:
        condition: condition on the parameter.
        key: the parameter, without "geometry.".
        problem: the problem and its remedy.
        value: the parameter's value, a length in m.

    Raises:
        CaseError: the condition does not hold.
    """
    if not condition:
        raise CaseError(f"geometry.{key}", problem, None if value is None else format_quantity(value, LENGTH))
