"""A distributed mesh with its boundaries by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spinepnp.geometries import Geometry
from spinepnp.meshes.options import ResolvedMeshOptions

if TYPE_CHECKING:
    from spinepnp.runtime.stack import Mesh


@dataclass(frozen=True, eq=False)  # compared by identity
class SpineMesh:
    """A distributed mesh with its boundaries by name; coordinates in micrometres.

    Examples:
        >>> import spinepnp as pnp
        >>> mesh = pnp.mesh(pnp.Cylinder(length="1 um", radius="100 nm", dimension="1d"), size="50 nm")
        >>> mesh.cells, mesh.vertices, mesh.element_degree
        (20, 21, 1)

    Attributes:
        mesh: the DOLFINx mesh.
        geometry: shape that the mesh fills.
        options: resolved options of the mesh.
        boundary_facets: local facets (owned and ghost) of each boundary, by name.
        min_quality: smallest ratio of inscribed to circumscribed radius (times 3; 1 for a regular tetrahedron).
        cells: number of cells on all ranks.
        vertices: number of vertices on all ranks.
        cell_order: number of each owned cell in the order of the whole mesh, the same on any number of ranks.
    """

    mesh: Mesh
    geometry: Geometry
    options: ResolvedMeshOptions
    boundary_facets: dict[str, np.ndarray]
    min_quality: float
    cells: int
    vertices: int
    cell_order: np.ndarray

    @property
    def element_degree(self) -> int:
        """Degree of the Lagrange elements of all unknowns."""
        return self.options.element_degree
