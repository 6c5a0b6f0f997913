"""Curving and refining distributed meshes.

Both stand on the same lattice: the nodes of Lagrange elements of twice the degree of the geometry. Curving turns the
middles of the edges of straight cells into nodes and moves those on the boundary onto the exact surface. Refining makes
each node of the lattice a node of the children, which stay on the rank of their parent, and moves those on the boundary
likewise. (DOLFINx's own refinement corrupts memory on second-order meshes.) Tetrahedra are divided as by Bey (Computing
55, 355, 1995): the children of all generations have three shapes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.geometries import Geometry, Sizes
from spinepnp.geometries.surfaces import snapped, surface_of_facets
from spinepnp.runtime.stack import basix, cell_nodes, dolfinx, fem, ufl, with_geometry

#: Vertices of the children of a simplex, by dimension: each the middle of two vertices of the parent.
CHILDREN = {
    1: ["00 01", "01 11"],
    2: ["00 01 02", "01 11 12", "02 12 22", "01 12 02"],
    3: [
        "00 01 02 03",
        "01 11 12 13",
        "02 12 22 23",
        "03 13 23 33",
        "01 02 03 13",
        "01 02 12 13",
        "02 03 13 23",
        "02 12 13 23",
    ],
}


@dataclass(frozen=True)
class TaggedMesh:
    """A distributed mesh whose boundary facets carry values.

    Attributes:
        mesh: the DOLFINx mesh, without ghost cells.
        facets: tagged local facets, rising.
        values: of these.
        order: number of each local cell in the order of the whole mesh, the same on any number of ranks.
        signs: of the Jacobian determinants of the straight cells: +1 or -1, to see whether one turns inside out.
    """

    mesh: Any
    facets: np.ndarray
    values: np.ndarray
    order: np.ndarray
    signs: np.ndarray


def signs_of(mesh: Any) -> np.ndarray:
    """Signs of the determinants of the local cells by their vertices."""
    dim = mesh.topology.dim
    x = mesh.geometry.x[cell_nodes(mesh)[:, : dim + 1], :dim]
    return np.sign(np.linalg.det(x[:, 1:] - x[:, :1]))


def domain_of(cell: str, degree: int, dim: int) -> Any:
    """The UFL domain of meshes of simplices that fill space."""
    return ufl.Mesh(basix.ufl.element("Lagrange", cell, degree, shape=(dim,)))


def tag_facets(mesh: Any, facets: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local facets with their values, from global input nodes on any rank. Collective.

    Args:
        mesh: distributed mesh.
        facets: all nodes of each facet as numbered in the input, shape (facets, nodes).
        values: of these.
    """
    dim = mesh.topology.dim - 1
    entities, found = dolfinx.io.utils.distribute_entity_data(
        mesh, dim, np.ascontiguousarray(facets, dtype=np.int64), np.ascontiguousarray(values, dtype=np.int32)
    )
    mesh.topology.create_connectivity(dim, dim + 1)
    mesh.topology.create_connectivity(dim + 1, dim)
    tags = dolfinx.mesh.meshtags_from_entities(mesh, dim, dolfinx.graph.adjacencylist(entities), found)
    return tags.indices, tags.values


def cells_of_facets(mesh: Any, facets: np.ndarray) -> np.ndarray:
    """Local cell of each boundary facet and which of its facets it is, shape (facets, 2)."""
    pairs = fem.compute_integration_domains(fem.IntegralType.exterior_facet, mesh.topology, facets)
    return np.asarray(pairs).reshape(-1, 2)


def _closure(degree: int, cell: Any) -> np.ndarray:
    """Nodes on each facet of the reference cell, shape (facets, nodes)."""
    element = basix.create_element(basix.ElementFamily.P, cell, degree, lagrange_variant=EQUISPACED)
    return np.array(element.entity_closure_dofs[len(basix.topology(cell)) - 2])


EQUISPACED = basix.LagrangeVariant.equispaced


def _lattice(mesh: Any, geometry: Geometry, sizes: Sizes) -> tuple[Any, np.ndarray, np.ndarray]:
    """The lattice of a mesh.

    In thin layers a node lies at the level that its cell's nodes have there, so that layers stay as thin everywhere.

    Returns:
        Its function space; coordinates of all local nodes, shape (nodes, dimension); their global numbers.
    """
    coordinates = mesh.ufl_domain().ufl_coordinate_element()
    degree, dim, cell = coordinates.degree, mesh.topology.dim, mesh.basix_cell().name
    element = basix.ufl.element("Lagrange", cell, 2 * degree, lagrange_variant=EQUISPACED)
    space = fem.functionspace(mesh, element)
    index_map, dofs = space.dofmap.index_map, space.dofmap.list
    x = space.tabulate_dof_coordinates()[:, :dim].copy()
    table = coordinates.basix_element.tabulate(0, element.basix_element.points)[0, :, :, 0]
    own = table.argmax(axis=0)  # the lattice nodes that are nodes of the mesh keep their place to the last bit
    x[dofs[:, own]] = mesh.geometry.x[cell_nodes(mesh), :dim]
    for cover in geometry.coverings(sizes):
        level = np.empty(len(x))
        level[dofs] = cover.level(mesh.geometry.x[:, :dim])[cell_nodes(mesh)] @ table.T
        thin = cover.holds(level)
        x[thin] = cover.at_level(x[thin], level[thin])
    numbers = index_map.local_to_global(np.arange(len(x), dtype=np.int32))
    return space, x, numbers


def curved(tagged: TaggedMesh, geometry: Geometry, sizes: Sizes) -> TaggedMesh:
    """The straight mesh with second-order cells, those of the boundary on the exact surface. Collective."""
    mesh, dim = tagged.mesh, tagged.mesh.topology.dim
    space, x, numbers = _lattice(mesh, geometry, sizes)
    domain = domain_of(mesh.basix_cell().name, 2, dim)
    new = with_geometry(mesh, space.dofmap.index_map, np.array(space.dofmap.list), domain, x, numbers)
    result = TaggedMesh(new, tagged.facets, tagged.values, tagged.order, tagged.signs)
    snap(result, geometry)
    return result


def snap(tagged: TaggedMesh, geometry: Geometry) -> None:
    """Move the nodes of tagged facets onto the exact surface, in place. Collective."""
    surfaces, mesh = geometry.surfaces(), tagged.mesh
    if not surfaces:
        return
    dim, degree = mesh.topology.dim, mesh.ufl_domain().ufl_coordinate_element().degree
    pairs, nodes = cells_of_facets(mesh, tagged.facets), cell_nodes(mesh)
    closure = _closure(degree, mesh.basix_cell())
    on_facet = nodes[pairs[:, :1], closure[pairs[:, 1]]]
    x = mesh.geometry.x[:, :dim]
    on = dolfinx.la.vector(mesh.geometry.index_map(), len(surfaces))
    counts = on.array.reshape(-1, len(surfaces))
    for value, name in enumerate(geometry.boundaries):
        chosen = on_facet[tagged.values == value]
        if len(chosen):
            surface = surface_of_facets(surfaces, name, x[chosen[:, :dim]].mean(axis=1))
            np.add.at(counts, (chosen, surface[:, None]), 1.0)
    # A node between two ranks learns of the facets of both.
    on.scatter_reverse(dolfinx.la.InsertMode.add)
    on.scatter_forward()
    moved = np.flatnonzero(counts.any(axis=1))
    mesh.geometry.x[moved, :dim] = snapped(surfaces, x[moved], counts[moved] > 0.0)


@functools.cache
def _tables(dim: int, degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How the lattice of a cell divides it.

    Returns:
        Lattice nodes of each child, shape (children, nodes); for each facet of the parent those of its children's
        facets, shape (2^(dim - 1), nodes of a facet); and whether each child is turned (-1) or not (+1).
    """
    cell = {1: basix.CellType.interval, 2: basix.CellType.triangle, 3: basix.CellType.tetrahedron}[dim]
    element = basix.create_element(basix.ElementFamily.P, cell, degree, lagrange_variant=EQUISPACED)
    lattice = basix.create_element(basix.ElementFamily.P, cell, 2 * degree, lagrange_variant=EQUISPACED)
    numbers = {tuple(np.rint(2 * degree * p).astype(int)): i for i, p in enumerate(lattice.points)}
    corners = basix.geometry(cell)
    local = np.column_stack([1.0 - element.points.sum(axis=1), element.points])
    sides = [set(side) for side in basix.topology(cell)[dim - 1]]
    children: list[list[int]] = []
    facets: list[list[list[int]]] = [[] for _ in range(dim + 1)]
    signs = []
    for text in CHILDREN[dim]:
        middles = [(int(pair[0]), int(pair[1])) for pair in text.split()]
        vertices = np.array([0.5 * (corners[a] + corners[b]) for a, b in middles])
        signs.append(np.sign(np.linalg.det(vertices[1:] - vertices[0])))
        points = local @ vertices
        children.append([numbers[tuple(np.rint(2 * degree * p).astype(int))] for p in points])
        for own, nodes in zip(sides, _closure(degree, cell), strict=True):
            touched = {vertex for corner in own for vertex in middles[corner]}
            for parent, side in enumerate(sides):
                if touched <= side:
                    facets[parent].append([children[-1][n] for n in nodes])
    return np.array(children), np.array(facets), np.array(signs)


def refined(tagged: TaggedMesh, geometry: Geometry, sizes: Sizes) -> TaggedMesh:
    """The mesh with every cell divided, its boundary moved onto the exact one. Collective."""
    mesh, dim = tagged.mesh, tagged.mesh.topology.dim
    degree, cell = mesh.ufl_domain().ufl_coordinate_element().degree, mesh.basix_cell().name
    space, x, numbers = _lattice(mesh, geometry, sizes)
    dofs = space.dofmap.list
    children, of_facets, turned = _tables(dim, degree)
    cells = numbers[dofs[:, children].reshape(-1, children.shape[1])]

    def stay(comm: Any, _parts: int, _types: Any, _cells: Any) -> Any:
        own = np.full((len(cells), 1), comm.rank, dtype=np.int32)
        return dolfinx.graph.adjacencylist(own)._cpp_object

    pairs = cells_of_facets(mesh, tagged.facets)
    parts = of_facets[pairs[:, 1]]  # (facet, part, node)
    facets = numbers[dofs[pairs[:, :1, None], parts]]
    new = dolfinx.mesh.create_mesh(
        mesh.comm,
        cells,
        domain_of(cell, degree, dim),
        x[: space.dofmap.index_map.size_local],
        stay if mesh.comm.size > 1 else None,
    )
    found, values = tag_facets(new, facets.reshape(-1, facets.shape[-1]), np.repeat(tagged.values, facets.shape[1]))
    first = mesh.comm.exscan(len(cells)) or 0
    mine = new.topology.original_cell_index - first
    order = (tagged.order[:, None] * len(children) + np.arange(len(children))).ravel()[mine]
    signs = (tagged.signs[:, None] * turned).ravel()[mine]
    result = TaggedMesh(new, found, values, order, signs)
    snap(result, geometry)
    return result
