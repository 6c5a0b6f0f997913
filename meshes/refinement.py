"""Uniform refinement of distributed meshes, curved ones too.

Every node of the lattice (`curving.lattice`) becomes a node of the children, which stay on the rank of their parent;
boundary nodes move onto the exact surface. (DOLFINx's own refinement corrupts memory on second-order meshes.)
Tetrahedra are divided as by Bey (Computing 55, 355, 1995): the children of all generations have three shapes.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from spinepnp.geometries import Geometry, Sizes
from spinepnp.meshes.curving import EQUISPACED, facet_nodes, lattice, project_boundary
from spinepnp.meshes.tagged_mesh import TaggedMesh, cells_of_facets, simplex_domain, tag_facets
from spinepnp.runtime.stack import basix, coordinate_element, dolfinx

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


@functools.cache
def _division(dim: int, degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Division of a reference cell into its children.

    Returns:
        Lattice nodes of each child, shape (children, nodes); lattice nodes of the child facets on each facet of the
        parent, shape (facets, 2^(dim - 1), nodes of a facet); and the orientation of each child relative to its
        parent, +1 or -1.
    """
    cell = {1: basix.CellType.interval, 2: basix.CellType.triangle, 3: basix.CellType.tetrahedron}[dim]
    element = basix.create_element(basix.ElementFamily.P, cell, degree, lagrange_variant=EQUISPACED)
    fine = basix.create_element(basix.ElementFamily.P, cell, 2 * degree, lagrange_variant=EQUISPACED)
    numbers = {tuple(np.rint(2 * degree * p).astype(int)): i for i, p in enumerate(fine.points)}
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
        for side_of_child, nodes in zip(sides, facet_nodes(degree, cell), strict=True):
            touched = {vertex for corner in side_of_child for vertex in middles[corner]}
            for parent, side in enumerate(sides):
                if touched <= side:
                    facets[parent].append([children[-1][n] for n in nodes])
    return np.array(children), np.array(facets), np.array(signs)


def refine(tagged: TaggedMesh, geometry: Geometry, sizes: Sizes) -> TaggedMesh:
    """The mesh with every cell divided, its boundary nodes on the exact surface. Collective.

    Args:
        tagged: mesh of first or second order with the values of its boundary facets.
        geometry: shape that the mesh fills; its surfaces are exact.
        sizes: target edge lengths that the mesh was made for; they decide the wall layers.

    Returns:
        Mesh of the same order, with two, four or eight cells in place of each (one, two, three dimensions).
    """
    mesh, dim = tagged.mesh, tagged.mesh.topology.dim
    degree, cell = coordinate_element(mesh).degree, mesh.basix_cell().name
    space, x, numbers = lattice(mesh, geometry, sizes)
    dofs = space.dofmap.list
    children, facet_children, orientation = _division(dim, degree)
    cells = numbers[dofs[:, children].reshape(-1, children.shape[1])]

    def stay(comm: Any, _parts: int, _types: Any, _cells: Any) -> Any:
        destinations = np.full((len(cells), 1), comm.rank, dtype=np.int32)
        return dolfinx.graph.adjacencylist(destinations)._cpp_object

    pairs = cells_of_facets(mesh, tagged.facets)
    parts = facet_children[pairs[:, 1]]  # (facet, part, node)
    facets = numbers[dofs[pairs[:, :1, None], parts]]
    new = dolfinx.mesh.create_mesh(
        mesh.comm,
        cells,
        simplex_domain(cell, degree, dim),
        x[: space.dofmap.index_map.size_local],
        stay if mesh.comm.size > 1 else None,
    )
    tagged_facets, values = tag_facets(
        new, facets.reshape(-1, facets.shape[-1]), np.repeat(tagged.values, facets.shape[1])
    )
    first = mesh.comm.exscan(len(cells)) or 0
    local = new.topology.original_cell_index - first
    order = (tagged.order[:, None] * len(children) + np.arange(len(children))).ravel()[local]
    signs = (tagged.signs[:, None] * orientation).ravel()[local]
    result = TaggedMesh(new, tagged_facets, values, order, signs)
    project_boundary(result, geometry)
    return result
