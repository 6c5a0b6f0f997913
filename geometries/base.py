"""Base of all geometries: parameters, named boundaries, exact measures and a linear mesh.

A geometry is a frozen table of the case file (`shape` and its lengths in SI). It knows no DOLFINx and no MPI:
`linear_mesh` gives arrays, in micrometres, mostly from a Gmsh model with one physical group per boundary name.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from spinepnp.errors import CaseError, nearest
from spinepnp.geometries.linear_mesh import LinearMesh
from spinepnp.geometries.sizes import MODEL_UNIT, Sizes
from spinepnp.units import Coordinate, Length, Table

if TYPE_CHECKING:
    from spinepnp.geometries.surfaces import Surface
    from spinepnp.geometries.wall_layers import WallLayers

#: Dimension of the cells of each kind of mesh.
DIMENSIONS = {"3d": 3, "axisymmetric": 2, "1d": 1}

#: Name of the physical group that holds all cells.
VOLUME_NAME = "volume"

#: Position (x, y, z), m.
Position = tuple[float, float, float]

#: Point by its position, or by the name of one of the places of a shape (`Geometry.places`).
Point = str | Position

#: Name of the surface of an obstacle.
OBSTACLE_NAME = "obstacle"


class Obstacle(Table):
    """An organelle in the domain: a body that is cut out, with a surface of its own.

    Examples:
        >>> from spinepnp.geometries import Cylinder, Obstacle
        >>> organelle = Obstacle(centre=["0 um", "0 um", "0.5 um"], radius="30 nm")
        >>> neck = Cylinder(length="1 um", radius="100 nm", obstacle=organelle)
        >>> neck.boundaries
        ('base', 'top', 'wall', 'obstacle')

    Attributes:
        shape: shape of the body.
        centre: centre (x, y, z), m.
        radius: radius of the sphere, m.
    """

    shape: Literal["sphere"] = "sphere"
    centre: tuple[Coordinate, Coordinate, Coordinate]
    radius: Length

    @property
    def off_axis(self) -> float:
        """Distance of the centre from the z axis, m."""
        return math.hypot(*self.centre[:2])


#: Methods of a shape that have other names now; a shape that still overrides one would silently be another body.
FORMER_METHODS = {
    "stretch": "map_cylinder",
    "place": "map_points",
    "place_nodes": "map_to_body",
    "straight_mesh": "linear_mesh",
}


class Geometry(Table, ABC):
    """Base of all shapes.

    A shape may be meshed in simpler coordinates and mapped to the body afterwards (`map_to_body`), which places all
    nodes of curved cells exactly. The mesh is linear at first; then the nodes of curved cells move onto the exact
    `surfaces` of the boundary, and in boundary layers (`wall_layers`) to the level of their layer.

    Examples:
        >>> from spinepnp.geometries import Cylinder, Geometry
        >>> neck: Geometry = Cylinder(length="1 um", radius="100 nm", dimension="axisymmetric")
        >>> neck.cell_dimension, neck.boundaries
        (2, ('base', 'top', 'wall'))
        >>> neck.heights("top")  # m
        (1e-06, 1e-06)

    Attributes:
        shape: name of the shape in a case file.
        dimension: dimension of the mesh: "3d", the meridian of a body of revolution ("axisymmetric", coordinates r and
            z), or a line ("1d", the z axis of a neck or the radius of a ball; the wall of a neck is then a boundary
            where the case lists it, spread along the line).
        obstacle: an organelle, cut out of the body; its surface is the boundary "obstacle".
    """

    #: Kinds of mesh that the shape has.
    dimensions: ClassVar[tuple[str, ...]] = ("3d", "axisymmetric", "1d")

    #: Whether the shape takes an obstacle.
    takes_obstacle: ClassVar[bool] = True

    #: Whether the line of a one-dimensional mesh is a radius, not the z axis.
    radial: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a shape that overrides a method by its former name.

        Raises:
            TypeError: names the method and its present name.
        """
        super().__init_subclass__(**kwargs)
        for former, name in FORMER_METHODS.items():
            if former in vars(cls):
                raise TypeError(f"{cls.__name__}.{former}: the method is now called {name}; rename it")

    #: Whether walls are curved without edges, so that the solution is smooth everywhere.
    smooth: ClassVar[bool] = False

    #: Whether the mesh can be graded.
    gradable: ClassVar[bool] = True

    #: Whether the body stands on the z axis, so that a cut along it shows the inside.
    on_axis: ClassVar[bool] = True

    shape: str
    dimension: Literal["3d", "axisymmetric", "1d"] = "3d"
    obstacle: Obstacle | None = None

    @property
    def cell_dimension(self) -> int:
        """Dimension of the cells, and of the mesh's coordinates."""
        return DIMENSIONS[self.dimension]

    @property
    @abstractmethod
    def named(self) -> tuple[str, ...]:
        """Names of the body's boundaries, in the order of the contract."""

    @property
    def boundaries(self) -> tuple[str, ...]:
        """Names of all boundaries: those of the body, and of the obstacle."""
        return self.named if self.obstacle is None else (*self.named, OBSTACLE_NAME)

    @property
    def sides(self) -> tuple[str, ...]:
        """Names of walls that a line has along it: boundaries without facets, of the problems that list them."""
        return ()

    def boundaries_of(self, listed: Container[str]) -> tuple[str, ...]:
        """Names of the boundaries of a problem: all that have facets, then the sides that it lists.

        Args:
            listed: names of the boundaries for which the problem has tables.
        """
        return (*self.boundaries, *(name for name in self.sides if name in listed))

    def check(self) -> None:
        """Refuse parameters that are impossible together.

        Raises:
            CaseError: names the parameter, and the remedy.
        """
        if self.dimension not in self.dimensions:
            choices = " or ".join(f'"{name}"' for name in self.dimensions)
            raise CaseError("geometry.dimension", f"a {self.shape} can be {choices} only", self.dimension)
        if self.obstacle is None:
            return
        if not self.takes_obstacle:
            raise CaseError("geometry.obstacle", f"a {self.shape} cannot have one; leave it out")
        if self.dimension == "1d":
            raise CaseError("geometry.obstacle", 'cannot stand in a line; set dimension = "3d" or leave it out')
        if self.dimension == "axisymmetric" and self.obstacle.off_axis > 0.0:
            raise CaseError("geometry.obstacle.centre", 'lies off the axis; move it there or set dimension = "3d"')

    def map_points(self, x: np.ndarray) -> np.ndarray:
        """Coordinates in space of points in the coordinates of meshing, model units, shape (n, 3); here the same."""
        return x

    def map_to_body(self, x: np.ndarray) -> np.ndarray:
        """Coordinates in space of the nodes of a mesh in the coordinates of meshing, shape (n, dimension)."""
        if x.shape[1] == 3:
            return self.map_points(x)
        if x.shape[1] == 2:
            return self.map_points(np.column_stack([x[:, 0], np.zeros(len(x)), x[:, 1]]))[:, [0, 2]]
        return x

    def toward_rims(self, x: np.ndarray, sizes: Sizes) -> np.ndarray:
        """Nodes of a mesh in the coordinates of meshing, moved toward rims where fields are singular; here as they are.

        Args:
            x: nodes, model units, shape (n, dimension).
            sizes: target edge lengths of the mesh.
        """
        return x

    def wall_layers(self, sizes: Sizes) -> list[WallLayers]:
        """Boundary layers on the walls that the case grades, where the shape can have them."""
        return []

    def end_heights(self) -> dict[str, float]:
        """Heights z, model units, by name, of the boundaries that cross the z axis and end the wall there."""
        return {}

    def z_extent(self) -> tuple[float, float]:
        """Lowest and highest z of the body, in model units; only for shapes whose mesh can follow planes z = const."""
        raise NotImplementedError

    def why_no_planes(self) -> str | None:
        """Reason why the mesh cannot be graded toward planes z = const, and the remedy; ``None`` where it can."""
        if not self.gradable:
            return "the triangles of a surface stay as they are; make them finer in the file, or set mesh.refine"
        if self.radial and self.dimension == "1d":
            return "a line along the radius has no planes z = const; drop it, or grade toward a boundary"
        return None

    def own_planes(self) -> list[float]:
        """Heights z, model units, of the planes within the body that its mesh follows in any case."""
        return []

    def places(self) -> dict[str, float]:
        """Heights z, m, by name, of points on the body's axis that move with its lengths, for probes."""
        return {}

    def position(self, point: Point, key: str) -> Position:
        """Position of one of the `places` by its name, or of a point with coordinates, which is returned as it is.

        Args:
            point: name of a place, or coordinates, m.
            key: key of the point, for the message.

        Raises:
            CaseError: the shape has no such place.
        """
        if not isinstance(point, str):
            return point
        places = self.places()
        if point in places:
            return 0.0, 0.0, places[point]
        remedy = f"{nearest(point, places)}; or give" if places else "give"
        raise CaseError(key, f'a {self.shape} has no such place; {remedy} ["0 nm", "0 nm", "500 nm"]', point)

    def share_layers(self, name: str) -> tuple[str, ...]:
        """Names of the boundaries that the same layers cover as one of them, that one included."""
        return (name,)

    @property
    def in_layers(self) -> bool:
        """Whether inner planes become planes of the mesh; else cells are only small there."""
        return False

    def surfaces(self) -> list[Surface]:
        """The exact boundary in the coordinates of meshing; empty where straight facets are exact."""
        return []

    def weight(self, x: np.ndarray) -> np.ndarray:
        """Volume of the body per unit of the mesh: 1, 2 pi r, or the cross-section, at points (n, dimension)."""
        if self.dimension == "axisymmetric":
            return 2.0 * np.pi * x[:, 0]
        return np.ones(len(x)) if self.dimension == "3d" else self.cross_section(x[:, 0])

    def cross_section(self, x: np.ndarray) -> np.ndarray:
        """Area of the body's cross-section at positions on its line, model units; only for shapes with a "1d" mesh."""
        raise NotImplementedError

    def side_weight(self, x: np.ndarray) -> np.ndarray:
        """Area of the side per unit of the line at positions on it, model units; only for shapes with `sides`."""
        raise NotImplementedError

    def lengths(self) -> dict[str, float]:
        """Lengths among the shape's parameters that are given and not zero, m, by key."""
        own = {name: getattr(self, name) for name in type(self).model_fields if name not in Geometry.model_fields}
        return {name: value for name, value in own.items() if isinstance(value, float) and value > 0.0}

    def files(self) -> dict[str, str]:
        """Digest of each file that the shape is read from, by its key; part of the key of a cached mesh."""
        return {}

    @abstractmethod
    def default_size(self) -> float:
        """Default target edge length, m, for linear elements in three dimensions."""

    def default_degree(self) -> int:
        """Default degree of the elements.

        On a meridian quadratic elements on larger cells are faster and have a smaller error. In three dimensions this
        holds where walls are smooth and curved, and where nodes move toward singular rims (`toward_rims`); elsewhere
        rims and thin layers cancel their gain (`./spine bench accuracy`). On a line all solves are fast, and linear
        elements have smaller rounding errors.
        """
        return {"3d": 2 if self.smooth else 1, "axisymmetric": 2, "1d": 1}[self.dimension]

    @abstractmethod
    def body_measures(self) -> dict[str, float]:
        """Exact volume (key ``volume``, m^3) and area of each boundary (m^2) of the body without obstacle."""

    def exact_measures(self) -> dict[str, float]:
        """Exact volume (key ``volume``, m^3) and area of each boundary with facets (m^2)."""
        body = self.body_measures()
        measures = {name: body[name] for name in ("volume", *self.named)}
        if self.obstacle is not None:
            measures["volume"] -= 4.0 / 3.0 * math.pi * self.obstacle.radius**3
            measures[OBSTACLE_NAME] = 4.0 * math.pi * self.obstacle.radius**2
        return measures

    @abstractmethod
    def body_heights(self, name: str) -> tuple[float, float]:
        """Lowest and highest z of a boundary of the body, model units."""

    def heights(self, name: str) -> tuple[float, float]:
        """Lowest and highest z of a boundary, m."""
        if name == OBSTACLE_NAME and self.obstacle is not None:
            z, radius = self.obstacle.centre[2], self.obstacle.radius
            return z - radius, z + radius
        low, high = self.body_heights(name)
        return low * MODEL_UNIT, high * MODEL_UNIT

    def anatomy(self) -> dict[str, float]:
        """Exact volumes, m^3, and lengths, m, of the parts of a spine, by name such as "head_volume"; else empty."""
        return {}

    def exact_area(self, name: str) -> float:
        """Exact area of one boundary or side, m^2."""
        return self.body_measures()[name] if name in self.sides else self.exact_measures()[name]

    @abstractmethod
    def estimate_cells(self, sizes: Sizes) -> float:
        """Estimated number of cells of the mesh, within a factor two."""

    @abstractmethod
    def linear_mesh(self, gmsh: Any, sizes: Sizes) -> LinearMesh:
        """Mesh the shape with straight cells, in the coordinates of meshing.

        Args:
            gmsh: the initialised Gmsh module, with an empty current model.
            sizes: target edge lengths, in model units.

        Raises:
            Exception: Gmsh failed (it raises nothing more specific).
        """


def digest_of(path: str) -> str:
    """SHA-256 of a file's content, as hexadecimal text."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def triangles_in(area: float, size: float) -> float:
    """Estimated number of equilateral triangles of edge ``size`` that fill ``area``."""
    return max(area / (np.sqrt(3.0) / 4.0 * size**2), 6.0)
