"""Volumes, areas and heights of the cells of a (curved) mesh, by quadrature over its own geometry."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.meshes.simplices import determinants
from spinepnp.meshes.spine_mesh import SpineMesh
from spinepnp.meshes.tagged_mesh import cells_of_facets
from spinepnp.runtime.stack import MPI, Mesh, basix, cell_nodes, coordinate_element

#: Quadrature degree: exact for the determinants of second-order tetrahedra.
QUADRATURE_DEGREE = 6

#: Cell types of facets, by the dimension of the cells.
FACETS = {2: basix.CellType.interval, 3: basix.CellType.triangle}

#: Cells in one batch of array operations, to bound the memory.
CELLS_PER_BATCH = 50_000


def owned_cells(mesh: Mesh) -> np.ndarray:
    """Geometry nodes of the cells that this rank owns, shape (cells, nodes)."""
    return np.asarray(cell_nodes(mesh)[: mesh.topology.index_map(mesh.topology.dim).size_local])


def boundary_cells(mesh: SpineMesh, name: str) -> np.ndarray:
    """Owned cells with a facet on a boundary and the facet's number in the cell, shape (facets, 2). Not collective."""
    return cells_of_facets(mesh.mesh, mesh.boundary_facets[name])


def _element(mesh: Mesh) -> Any:
    return coordinate_element(mesh).basix_element


def _weight(mesh: SpineMesh, x: np.ndarray) -> np.ndarray:
    """Weight of the measure (`Geometry.weight`) at points, shape (point, cell, coordinate) to (point, cell)."""
    return mesh.geometry.weight(x.reshape(-1, x.shape[-1])).reshape(x.shape[:2])


def cell_contents(
    mesh: SpineMesh, cells: np.ndarray, weighted: bool = True, degree: int = QUADRATURE_DEGREE
) -> np.ndarray:
    """Volume of each cell, or of the part of the body that it stands for, shape (cells,).

    Args:
        mesh: mesh of the cells, in micrometres.
        cells: geometry nodes of the cells, shape (cells, nodes).
        weighted: False for the plain area or length of the cells of a meridian or a line.
        degree: degree of the quadrature.
    """
    element, dim = _element(mesh.mesh), mesh.mesh.topology.dim
    points, weights = basix.make_quadrature(element.cell_type, degree)
    tables = element.tabulate(1, points)[:, :, :, 0]
    contents = [np.empty(0)]
    for start in range(0, len(cells), CELLS_PER_BATCH):
        x = mesh.mesh.geometry.x[cells[start : start + CELLS_PER_BATCH], :dim]
        content = np.abs(determinants(tables[1:], x))
        if weighted:
            content = content * _weight(mesh, np.tensordot(tables[0], x, axes=(1, 1)))
        contents.append(weights @ content)
    return np.concatenate(contents)


def facet_contents(
    mesh: SpineMesh, pairs: np.ndarray, weighted: bool = True, degree: int = QUADRATURE_DEGREE
) -> np.ndarray:
    """Area of each facet, or of the part of the boundary that it stands for, shape (facets,).

    Args:
        mesh: mesh of the facets, in micrometres.
        pairs: cell of each facet and the facet's number in it, shape (facets, 2).
        weighted: False for the plain length of the edges of a meridian.
        degree: degree of the quadrature.
    """
    domain, dim = mesh.mesh, mesh.mesh.topology.dim
    element = _element(domain)
    corners, topology = basix.geometry(element.cell_type), basix.topology(element.cell_type)
    points, weights = np.empty((1, 0)), np.ones(1)
    if dim > 1:
        points, weights = basix.make_quadrature(FACETS[dim], degree)
    nodes, contents = cell_nodes(domain), np.empty(len(pairs))
    for side in np.unique(pairs[:, 1]):
        here = pairs[:, 1] == side
        origin, *others = corners[topology[dim - 1][side]]
        directions = np.array(others).reshape(-1, dim) - origin
        tables = element.tabulate(1, origin + points @ directions)[:, :, :, 0]
        x = domain.geometry.x[nodes[pairs[here, 0]], :dim]
        tangents = np.einsum("dpn,cni,kd->pcki", tables[1:], x, directions)
        if dim == 3:  # not by the root of a determinant, which costs digits
            content = np.linalg.norm(np.cross(tangents[:, :, 0], tangents[:, :, 1]), axis=-1)
        else:
            content = np.linalg.norm(tangents, axis=-1).prod(axis=-1)
        if weighted:
            content = content * _weight(mesh, np.einsum("pn,cni->pci", tables[0], x))
        contents[here] = weights @ content
    return contents


def volume(mesh: SpineMesh) -> float:
    """Volume of the mesh, or of the body that a meridian or a line stands for, um^3. Collective."""
    total = float(cell_contents(mesh, owned_cells(mesh.mesh)).sum())
    return float(mesh.mesh.comm.allreduce(total, op=MPI.SUM))


def area(mesh: SpineMesh, name: str) -> float:
    """Area of a boundary of the mesh, or of the surface that it stands for, um^2. Collective."""
    total = float(facet_contents(mesh, boundary_cells(mesh, name)).sum())
    return float(mesh.mesh.comm.allreduce(total, op=MPI.SUM))


def boundary_layer_heights(mesh: SpineMesh, name: str) -> np.ndarray:
    """Heights over a boundary of the cells that have a facet on it, in micrometres.

    The height of a cell over its facet is d |cell| / |facet| in d dimensions, both by their values in the middle, which
    is right to second order for curved ones; it must resolve a Debye layer there. Not
    collective: each rank gives the heights of its own cells, shape (facets of owned cells,).
    """
    pairs = boundary_cells(mesh, name)
    cells = cell_contents(mesh, cell_nodes(mesh.mesh)[pairs[:, 0]], weighted=False, degree=1)
    return mesh.mesh.topology.dim * cells / facet_contents(mesh, pairs, weighted=False, degree=1)


def size_along_z(mesh: SpineMesh, z: float) -> float:
    """Largest extent along z of the cells that touch a plane within the mesh, in micrometres. Collective.

    Args:
        mesh: mesh in micrometres.
        z: height of the plane; the result is zero where it is not between the ends of the mesh.
    """
    heights = mesh.mesh.geometry.x[owned_cells(mesh.mesh), mesh.mesh.geometry.dim - 1]
    low, high = heights.min(axis=1, initial=np.inf), heights.max(axis=1, initial=-np.inf)
    comm = mesh.mesh.comm
    bottom = comm.allreduce(float(low.min(initial=np.inf)), op=MPI.MIN)
    top = comm.allreduce(float(high.max(initial=-np.inf)), op=MPI.MAX)
    margin = 1e-9 * (top - bottom)
    touching = (low <= z + margin) & (high >= z - margin)
    size = comm.allreduce(float((high - low)[touching].max(initial=0.0)), op=MPI.MAX)
    return float(size) if bottom + margin < z < top - margin else 0.0
