"""Finite-element space of a mesh, with its matrices, integration weights, probes and regions."""

from __future__ import annotations

from collections.abc import Container
from functools import cached_property

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.geometries.base import Point
from spinepnp.meshes import SpineMesh, boundary_layer_heights
from spinepnp.runtime.stack import MPI, basix, fem
from spinepnp.solvers.fem.operators import Operators
from spinepnp.solvers.fem.probes import Probes
from spinepnp.solvers.fem.subregions import RegionOnMesh
from spinepnp.solvers.fem.weights import IntegrationWeights, minimum
from spinepnp.solvers.model.regions import Region


class Discretisation:
    """Scalar Lagrange space of a mesh, with everything that depends on mesh and space alone.

    Args:
        mesh: distributed mesh with named boundaries.
        probes: positions of points, m, or places of the shape, by name.
        regions: regions whose means and extremes are evaluated, by name.
        slabs: heights of the two planes of each region of fixed charge, m, by its key in the case.
        listed: boundaries for which the problem has tables: among them the side of a line is a boundary.

    Raises:
        CaseError: a probe or a region lies outside of the domain.

    Attributes:
        mesh: distributed mesh.
        space: scalar Lagrange space of each unknown field.
        boundary_names: names of the boundaries, in the order of results.
        boundary_dofs: local degrees of freedom of each boundary, by name; all of them on the side of a line.
        measure: integration measure of the body that the mesh represents.
        operators: matrices of the space.
        weights: integration weights of boundaries and volume.
        probes: points at which fields are evaluated.
        regions: regions whose means and extremes are evaluated, by name.
    """

    def __init__(
        self,
        mesh: SpineMesh,
        probes: dict[str, Point] | None = None,
        regions: dict[str, Region] | None = None,
        slabs: dict[str, tuple[float, float]] | None = None,
        listed: Container[str] = (),
    ) -> None:
        self.mesh = mesh
        element = basix.ufl.element("Lagrange", mesh.mesh.basix_cell(), mesh.element_degree)
        self.space = space = fem.functionspace(mesh.mesh, element)
        facet_dim = mesh.mesh.topology.dim - 1
        self.boundary_dofs = {
            name: fem.locate_dofs_topological(space, facet_dim, facets) for name, facets in mesh.boundary_facets.items()
        }
        self.boundary_names = mesh.geometry.boundaries_of(listed)
        sides = tuple(name for name in self.boundary_names if name not in self.boundary_dofs)
        self.weights = IntegrationWeights(space, mesh, sides)
        self.measure = self.weights.measure
        self.operators = Operators(space, self.measure)
        self.probes = Probes(probes or {}, mesh, space)
        for key, planes in (slabs or {}).items():
            self.weights.slab(planes, key)
        self.regions = {
            name: RegionOnMesh(name, region, self.weights, space, self.boundary_dofs)
            for name, region in (regions or {}).items()
        }
        self.boundary_dofs |= dict.fromkeys(sides, np.arange(len(self.weights.volume), dtype=np.int32))

    @property
    def nodes(self) -> int:
        """Number of nodes on all ranks."""
        return int(self.space.dofmap.index_map.size_global)

    @cached_property
    def heights(self) -> dict[str, float]:
        """Height of the tallest cell at each boundary with facets, m. Collective at first use."""
        comm = self.mesh.mesh.comm
        own = {n: float(boundary_layer_heights(self.mesh, n).max(initial=0.0)) for n in self.mesh.boundary_facets}
        return {name: comm.allreduce(height, op=MPI.MAX) * MODEL_UNIT for name, height in own.items()}

    def extent(self) -> float:
        """Longest side of the box around the mesh, m. Collective."""
        comm, x = self.mesh.mesh.comm, self.mesh.mesh.geometry.x
        low, high = minimum(comm, x), -minimum(comm, -x)
        return float((high - low).max()) * MODEL_UNIT

    def areas(self) -> dict[str, float]:
        """Areas of the boundaries, m^2."""
        return {name: area * MODEL_UNIT**2 for name, area in self.weights.area.items()}

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        self.operators.destroy()
