"""Curved cells: second-order nodes on the middles of edges, those of the boundary moved onto the exact surface.

The nodes come from a lattice: Lagrange elements of twice the degree of the mesh. `refinement` divides cells by the same
lattice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.geometries import Geometry, Sizes
from spinepnp.geometries.surfaces import project_nodes, surface_of_facets
from spinepnp.meshes.tagged_mesh import TaggedMesh, cells_of_facets, simplex_domain
from spinepnp.runtime.stack import (
    FunctionSpace,
    Mesh,
    basix,
    cell_nodes,
    coordinate_element,
    dolfinx,
    fem,
    with_geometry,
)

#: Node placement of all Lagrange elements here: nodes of one degree are then nodes of twice the degree.
EQUISPACED = basix.LagrangeVariant.equispaced


def facet_nodes(degree: int, cell: Any) -> np.ndarray:
    """Nodes on each facet of the reference cell, shape (facets, nodes)."""
    element = basix.create_element(basix.ElementFamily.P, cell, degree, lagrange_variant=EQUISPACED)
    return np.array(element.entity_closure_dofs[len(basix.topology(cell)) - 2])


def lattice(mesh: Mesh, geometry: Geometry, sizes: Sizes) -> tuple[FunctionSpace, np.ndarray, np.ndarray]:
    """The lattice of a mesh.

    In wall layers a node lies at the level that its cell's nodes have there, so that layers stay as thin everywhere.

    Args:
        mesh: distributed mesh of first or second order.
        geometry: shape that the mesh fills.
        sizes: target edge lengths that the mesh was made for; they decide the wall layers.

    Returns:
        Its function space; coordinates of all local nodes, shape (nodes, dimension); their global numbers.
    """
    coordinates = coordinate_element(mesh)
    degree, dim, cell = coordinates.degree, mesh.topology.dim, mesh.basix_cell().name
    element = basix.ufl.element("Lagrange", cell, 2 * degree, lagrange_variant=EQUISPACED)
    space = fem.functionspace(mesh, element)
    index_map, dofs = space.dofmap.index_map, space.dofmap.list
    x = space.tabulate_dof_coordinates()[:, :dim].copy()
    table = coordinates.basix_element.tabulate(0, element.basix_element.points)[0, :, :, 0]
    mesh_nodes = table.argmax(axis=0)  # lattice nodes that are nodes of the mesh keep their coordinates bit by bit
    x[dofs[:, mesh_nodes]] = mesh.geometry.x[cell_nodes(mesh), :dim]
    for layers in geometry.wall_layers(sizes):
        level = np.empty(len(x))
        level[dofs] = layers.level(mesh.geometry.x[:, :dim])[cell_nodes(mesh)] @ table.T
        thin = layers.contains(level)
        x[thin] = layers.at_level(x[thin], level[thin])
    numbers = index_map.local_to_global(np.arange(len(x), dtype=np.int32))
    return space, x, numbers


def curve(tagged: TaggedMesh, geometry: Geometry, sizes: Sizes) -> TaggedMesh:
    """The linear mesh with second-order cells, their boundary nodes on the exact surface. Collective.

    Args:
        tagged: linear mesh with the values of its boundary facets.
        geometry: shape that the mesh fills; its surfaces are exact.
        sizes: target edge lengths that the mesh was made for; they decide the wall layers.

    Returns:
        Mesh of second order with the same cells and facets.
    """
    mesh, dim = tagged.mesh, tagged.mesh.topology.dim
    space, x, numbers = lattice(mesh, geometry, sizes)
    domain = simplex_domain(mesh.basix_cell().name, 2, dim)
    new = with_geometry(mesh, space.dofmap.index_map, np.array(space.dofmap.list), domain, x, numbers)
    result = TaggedMesh(new, tagged.facets, tagged.values, tagged.order, tagged.signs)
    project_boundary(result, geometry)
    return result


def project_boundary(tagged: TaggedMesh, geometry: Geometry) -> None:
    """Move the nodes of tagged facets onto the exact surface, in place. Collective."""
    surfaces, mesh = geometry.surfaces(), tagged.mesh
    if not surfaces:
        return
    dim, degree = mesh.topology.dim, coordinate_element(mesh).degree
    pairs, nodes = cells_of_facets(mesh, tagged.facets), cell_nodes(mesh)
    on_facet = nodes[pairs[:, :1], facet_nodes(degree, mesh.basix_cell())[pairs[:, 1]]]
    x = mesh.geometry.x[:, :dim]
    facets_at_node = dolfinx.la.vector(mesh.geometry.index_map(), len(surfaces))
    counts = facets_at_node.array.reshape(-1, len(surfaces))
    for value, name in enumerate(geometry.boundaries):
        chosen = on_facet[tagged.values == value]
        if len(chosen):
            surface = surface_of_facets(surfaces, name, x[chosen[:, :dim]].mean(axis=1))
            np.add.at(counts, (chosen, surface[:, None]), 1.0)
    # A node between two ranks must know the facets of both.
    facets_at_node.scatter_reverse(dolfinx.la.InsertMode.add)
    facets_at_node.scatter_forward()
    moved = np.flatnonzero(counts.any(axis=1))
    mesh.geometry.x[moved, :dim] = project_nodes(surfaces, x[moved], counts[moved] > 0.0)
