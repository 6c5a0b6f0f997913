"""Integration measure of the body, for meshes of any dimension.

In the meridian of a body of revolution dx is 2 pi r dr dz; on a line it is the cross-section times dx. The side of a
line has no facets: an integral over it goes along the line, with the area of the wall per length.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.meshes import SpineMesh, boundary_cells
from spinepnp.runtime.stack import Mesh, basix, cell_nodes, coordinate_element, fem, ufl
from spinepnp.solvers.model.profiles import UNIFORM, Profile

#: Displacement of a node from its position in a straight cell, over the length of an edge, below which the cell is
#: straight.
STRAIGHT_TOLERANCE = 1e-9

#: Degree of the cellwise polynomials that interpolate the cross-section along a line.
CROSS_SECTION_DEGREE = 4

#: Degree of the quadrature of a profile over a cell: a plane that cuts the cell counts by the part on each side.
PROFILE_DEGREE = 8

#: Number of points of a cell of a line at which a profile is evaluated: they place a plane to 0.1 % of the cell.
LINE_POINTS = 500


class Measure:
    """Measure of integrals over the body and its boundaries, as forms on its mesh.

    Args:
        mesh: mesh of any dimension, in micrometres.

    Attributes:
        weight: UFL expression by which integrands are multiplied.
        profile: function of a profile, constant in each cell, that the weight contains; one without a profile.
        is_line: whether the mesh is a line.
    """

    def __init__(self, mesh: SpineMesh) -> None:
        self._mesh, self._extra, self.is_line = mesh, 0, mesh.geometry.dimension == "1d"
        self._entities: dict[tuple[str, ...], list[tuple[int, np.ndarray]]] = {}
        self._cells: list[tuple[int, np.ndarray]] | None = None
        self.profile: Any = 1
        self.weight: Any = 1
        if mesh.geometry.dimension == "axisymmetric":
            self.weight, self._extra = 2.0 * np.pi * ufl.SpatialCoordinate(mesh.mesh)[0], 1
        elif self.is_line:
            self.weight = self._along_line(lambda x: mesh.geometry.weight(x[:, None]))
            self._extra = CROSS_SECTION_DEGREE

    def _along_line(self, values: Callable[[np.ndarray], np.ndarray]) -> Any:
        """Function of the position on the line, um, as a polynomial in each cell."""
        function = fem.Function(fem.functionspace(self._mesh.mesh, ("DG", CROSS_SECTION_DEGREE)))
        function.interpolate(lambda x: values(x[0]))
        return function

    @cached_property
    def _side_weight(self) -> Any:
        """Area of the side per length of the line."""
        return self._along_line(self._mesh.geometry.side_weight)

    def with_profile(self, profile: Profile) -> Measure:
        """Measure whose weight is multiplied with a profile; this measure where the profile is one everywhere.

        In each cell it is a constant; see `values_in_cells`.
        """
        if profile == UNIFORM:
            return self
        measure, mesh = copy.copy(self), self._mesh.mesh
        measure.profile = fem.Function(fem.functionspace(mesh, ("DG", 0)))
        measure.profile.x.array[measure.profile.function_space.dofmap.list[:, 0]] = values_in_cells(mesh, profile)
        measure.weight = self.weight * measure.profile
        return measure

    def degrees(self, degree: int, curved: int) -> tuple[int, int]:
        """Degrees of quadrature on straight and on curved cells, the weight of the measure included."""
        return degree + self._extra, max(degree, curved) + self._extra

    def over_volume(self, integrand: Any, degree: int, curved: int = 0) -> Any:
        """Form of an integral over the body.

        Args:
            integrand: UFL expression.
            degree: degree of polynomials that are integrated exactly on straight cells.
            curved: degree of quadrature on curved cells, where it is higher.
        """
        on_straight, on_curved = self.degrees(degree, curved)
        metadata = {"quadrature_degree": on_straight}
        if curved <= degree or self._is_straight():
            return integrand * self.weight * ufl.Measure("dx", self._mesh.mesh, metadata=metadata)
        dx = ufl.Measure("dx", self._mesh.mesh, subdomain_data=self.straight_and_curved())
        more = {"quadrature_degree": on_curved}
        return integrand * self.weight * dx(1, metadata=metadata) + integrand * self.weight * dx(2, metadata=more)

    def _is_straight(self) -> bool:
        return bool(cell_nodes(self._mesh.mesh).shape[1] == self._mesh.mesh.topology.dim + 1)

    def weight_at(self, x: np.ndarray) -> np.ndarray:
        """Weight of the measure without a profile at points, shape (dimension, n); not for lines."""
        if self._mesh.geometry.dimension == "axisymmetric":
            return np.asarray(2.0 * np.pi * x[0])
        return np.ones(x.shape[1])

    def profile_in(self, cells: np.ndarray) -> Any:
        """Values of the profile in cells, shape (n,); one without a profile."""
        if isinstance(self.profile, fem.Function):
            return self.profile.x.array[self.profile.function_space.dofmap.list[cells, 0]]
        return 1.0

    def straight_and_curved(self) -> list[tuple[int, np.ndarray]]:
        """Owned cells by number: 1 where all edges are straight, 2 elsewhere."""
        if self._cells is None:
            mesh = self._mesh.mesh
            nodes, x = cell_nodes(mesh)[: mesh.topology.index_map(mesh.topology.dim).size_local], mesh.geometry.x
            corners = mesh.topology.dim + 1
            element = coordinate_element(mesh).basix_element
            # Other nodes of a straight cell are means of its corners, weighted with their reference coordinates.
            points = element.points[corners:]
            means = np.column_stack([1.0 - points.sum(axis=1), points])
            # Each node is checked once, in any one of its cells.
            cell, place = np.full(len(x), -1), np.zeros(len(x), dtype=int)
            for i, node in enumerate(nodes[:, corners:].T):
                cell[node], place[node] = np.arange(len(nodes)), i
            others = np.flatnonzero(cell >= 0)
            ends = x[nodes[cell[others], :corners]]
            away = np.abs(x[others] - np.einsum("nc,nci->ni", means[place[others]], ends)).max(axis=1)
            bent_nodes = np.zeros(len(x), dtype=bool)
            bent_nodes[others] = away > STRAIGHT_TOLERANCE * np.abs(ends[:, 1] - ends[:, 0]).max(axis=1)
            bent = bent_nodes[nodes[:, corners:]].any(axis=1)
            cells = np.arange(len(nodes), dtype=np.int32)
            self._cells = [(1, cells[~bent]), (2, cells[bent])]
        return self._cells

    def slab(self, integrand: Any, degree: int) -> tuple[Any, tuple[Any, Any]]:
        """Form of an integral over the slab between two planes z = const.

        Args:
            integrand: UFL expression.
            degree: degree of quadrature as for the volume; planes that cut cells make the integral less accurate.

        Returns:
            Form, and the two constants with the heights of the lower and of the upper plane, um.
        """
        ends = fem.Constant(self._mesh.mesh, np.float64(0.0)), fem.Constant(self._mesh.mesh, np.float64(0.0))
        z = ufl.SpatialCoordinate(self._mesh.mesh)[self._mesh.mesh.geometry.dim - 1]
        inside = ufl.And(ufl.ge(z, ends[0]), ufl.lt(z, ends[1]))
        return self.over_volume(ufl.conditional(inside, 1.0, 0.0) * integrand, degree), ends

    def over_boundary(self, integrand: Any, name: str, degree: int, *, alone: bool = True) -> Any:
        """Form of an integral over a named boundary, or over the side of a line.

        Args:
            integrand: UFL expression.
            name: name of the boundary.
            degree: degree of quadrature as for the volume.
            alone: whether the form has no other boundary; then one compiled kernel serves every boundary.
        """
        metadata = {"quadrature_degree": degree + self._extra}
        if name in self._mesh.geometry.sides:
            dx = ufl.Measure("dx", self._mesh.mesh, metadata=metadata)
            return integrand * (self._side_weight * self.profile) * dx
        names = tuple(self._mesh.boundary_facets)
        number = 1 if alone else 1 + names.index(name)
        chosen = (name,) if alone else names
        if chosen not in self._entities:
            self._entities[chosen] = [(i, boundary_cells(self._mesh, n).ravel()) for i, n in enumerate(chosen, start=1)]
        ds = ufl.Measure("ds", self._mesh.mesh, subdomain_data=self._entities[chosen], metadata=metadata)
        return integrand * self.weight * ds(number)


def values_in_cells(mesh: Mesh, profile: Profile) -> np.ndarray:
    """Harmonic means of a profile over the cells of this rank, ghosts included, shape (cells,).

    With them a flux across a plane that cuts a cell is right; a cell within one region has its value.
    """
    if mesh.topology.dim == 1:  # a few points of Gauss would place the plane to a tenth of a cell
        points = (np.arange(LINE_POINTS)[:, None] + 0.5) / LINE_POINTS
        weights = np.full(LINE_POINTS, 1.0 / LINE_POINTS)
    else:
        points, weights = basix.make_quadrature(mesh.basix_cell(), PROFILE_DEGREE)
    table = coordinate_element(mesh).basix_element.tabulate(0, points)[0, :, :, 0]
    z = mesh.geometry.x[:, mesh.geometry.dim - 1][cell_nodes(mesh)] @ table.T
    values = profile.at(z * MODEL_UNIT)
    means = weights.sum() / ((1.0 / values) @ weights)
    # Cells within one region have its value to the last bit.
    return np.asarray(np.where(np.ptp(values, axis=1) == 0.0, values[:, 0], means))
