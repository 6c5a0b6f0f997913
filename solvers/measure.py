"""The measure of the integrals: that of the body, whatever the dimension of the mesh that stands for it.

In the meridian of a body of revolution dx is 2 pi r dr dz; on a line it is the cross-section times dx.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.meshes import SpineMesh, boundary_cells
from spinepnp.meshes.stack import fem, ufl

#: Degree of the polynomials, cell by cell, that stand for the cross-section along a line.
CROSS_SECTION_DEGREE = 4


class Measure:
    """Integrals over the body and its boundaries, for forms on the mesh that stands for it.

    Args:
        mesh: of any dimension, in micrometres.

    Attributes:
        weight: UFL expression by which integrands are multiplied.
    """

    def __init__(self, mesh: SpineMesh) -> None:
        self._mesh, self._extra = mesh, 0
        self._entities: dict[tuple[str, ...], list[tuple[int, np.ndarray]]] = {}
        self.weight: Any = 1
        if mesh.geometry.dimension == "axisymmetric":
            self.weight, self._extra = 2.0 * np.pi * ufl.SpatialCoordinate(mesh.mesh)[0], 1
        elif mesh.geometry.dimension == "1d":
            self.weight = fem.Function(fem.functionspace(mesh.mesh, ("DG", CROSS_SECTION_DEGREE)))
            self.weight.interpolate(lambda x: mesh.geometry.weight(x[:1].T))
            self._extra = CROSS_SECTION_DEGREE

    def over_volume(self, integrand: Any, degree: int) -> Any:
        """The form of an integral over the body.

        Args:
            integrand: UFL expression.
            degree: up to which polynomials are integrated exactly on straight cells.
        """
        dx = ufl.Measure("dx", self._mesh.mesh, metadata={"quadrature_degree": degree + self._extra})
        return integrand * self.weight * dx

    def slab(self, integrand: Any, degree: int) -> tuple[Any, tuple[Any, Any]]:
        """The form of an integral over what lies between two planes z = const.

        Args:
            integrand: UFL expression.
            degree: as for the volume; the planes need not follow the cells, which costs accuracy.

        Returns:
            The form, and the constants with z of the lower and of the upper plane, in units of the mesh.
        """
        ends = fem.Constant(self._mesh.mesh, np.float64(0.0)), fem.Constant(self._mesh.mesh, np.float64(0.0))
        z = ufl.SpatialCoordinate(self._mesh.mesh)[self._mesh.mesh.geometry.dim - 1]
        inside = ufl.And(ufl.ge(z, ends[0]), ufl.lt(z, ends[1]))
        return self.over_volume(ufl.conditional(inside, 1.0, 0.0) * integrand, degree), ends

    def over_boundary(self, integrand: Any, name: str, degree: int, *, alone: bool = True) -> Any:
        """The form of an integral over a named boundary.

        Args:
            integrand: UFL expression.
            name: of the boundary.
            degree: as for the volume.
            alone: whether it makes a form by itself; then one kernel serves every boundary.
        """
        names = tuple(self._mesh.boundary_facets)
        number = 1 if alone else 1 + names.index(name)
        chosen = (name,) if alone else names
        if chosen not in self._entities:
            self._entities[chosen] = [(i, boundary_cells(self._mesh, n).ravel()) for i, n in enumerate(chosen, start=1)]
        metadata = {"quadrature_degree": degree + self._extra}
        ds = ufl.Measure("ds", self._mesh.mesh, subdomain_data=self._entities[chosen], metadata=metadata)
        return integrand * self.weight * ds(number)
