"""A distributed DOLFINx mesh of simplices whose boundary facets carry values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.runtime.stack import Mesh, basix, cell_nodes, dolfinx, fem, ufl


@dataclass(frozen=True)
class TaggedMesh:
    """A distributed mesh whose boundary facets carry values.

    Attributes:
        mesh: the DOLFINx mesh, without ghost cells.
        facets: tagged local facets, in rising order.
        values: value of each tagged facet: the index of its boundary's name.
        order: number of each local cell in the order of the whole mesh, the same on any number of ranks.
        signs: signs of the Jacobian determinants of the straight cells, +1 or -1; a changed one: an inverted cell.
    """

    mesh: Mesh
    facets: np.ndarray
    values: np.ndarray
    order: np.ndarray
    signs: np.ndarray


def determinant_signs(mesh: Mesh) -> np.ndarray:
    """Signs of the Jacobian determinants of the local cells, from their vertices, shape (cells,)."""
    dim = mesh.topology.dim
    x = mesh.geometry.x[cell_nodes(mesh)[:, : dim + 1], :dim]
    return np.sign(np.linalg.det(x[:, 1:] - x[:, :1]))


def simplex_domain(cell: str, degree: int, dim: int) -> ufl.Mesh:
    """UFL domain of meshes of simplices whose cells have the dimension of space.

    Args:
        cell: name of the cell: "interval", "triangle" or "tetrahedron".
        degree: degree of the coordinate element: 1 for straight cells, 2 for curved ones.
        dim: dimension of the space, and of the cells.
    """
    return ufl.Mesh(basix.ufl.element("Lagrange", cell, degree, shape=(dim,)))


def tag_facets(mesh: Mesh, facets: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local facets with their values, from facets given by global input nodes on any rank. Collective.

    Args:
        mesh: distributed mesh.
        facets: all nodes of each facet as numbered in the input, shape (facets, nodes).
        values: value of each facet, shape (facets,).

    Returns:
        Local facets in rising order, and their values.
    """
    dim = mesh.topology.dim - 1
    entities, entity_values = dolfinx.io.utils.distribute_entity_data(
        mesh, dim, np.ascontiguousarray(facets, dtype=np.int64), np.ascontiguousarray(values, dtype=np.int32)
    )
    mesh.topology.create_connectivity(dim, dim + 1)
    mesh.topology.create_connectivity(dim + 1, dim)
    tags = dolfinx.mesh.meshtags_from_entities(mesh, dim, dolfinx.graph.adjacencylist(entities), entity_values)
    return tags.indices, tags.values


def cells_of_facets(mesh: Mesh, facets: np.ndarray) -> np.ndarray:
    """Local cell of each boundary facet and the facet's number in that cell, shape (facets, 2)."""
    pairs = fem.compute_integration_domains(fem.IntegralType.exterior_facet, mesh.topology, facets)
    return np.asarray(pairs).reshape(-1, 2)
