"""Quality of the cells of a distributed mesh: shape of the straight cells, positive Jacobians of the curved ones."""

from __future__ import annotations

import numpy as np

from spinepnp.errors import SolveError
from spinepnp.meshes.simplices import determinants, shape_quality
from spinepnp.runtime.stack import MPI, Mesh, basix, cell_nodes, coordinate_element

#: Displacement of the nodes of a straight cell, over the cell's extent, that rounding may leave.
STRAIGHT_TOLERANCE = 1e-12

#: Cells in one batch of array operations, to bound the memory.
CELLS_PER_BATCH = 50_000


def smallest_jacobian(mesh: Mesh, signs: np.ndarray) -> float:
    """Smallest ratio of a Jacobian determinant to its mean absolute value in the cell; not positive if inverted.

    The sample points are the nodes of fourth-degree elements: the determinant of second-order cells is cubic at most.
    Collective.

    Args:
        mesh: a DOLFINx mesh of simplices.
        signs: required signs of the determinants of the local cells, +1 or -1.
    """
    element = coordinate_element(mesh).basix_element
    points = basix.create_element(
        basix.ElementFamily.P, element.cell_type, 4, lagrange_variant=basix.LagrangeVariant.equispaced
    ).points
    gradients = element.tabulate(1, points)[1:, :, :, 0]  # (derivative, point, node)
    dim = mesh.topology.dim
    cells = cell_nodes(mesh)[: mesh.topology.index_map(dim).size_local]
    # Where all nodes lie where those of a straight cell would, the determinant is constant.
    corners = np.column_stack([1.0 - element.points.sum(axis=1), element.points])
    smallest = 1.0
    for start in range(0, len(cells), CELLS_PER_BATCH):
        batch = slice(start, start + CELLS_PER_BATCH)
        x, sign = mesh.geometry.x[cells[batch], :dim], signs[batch]
        straight = np.tensordot(x[:, : dim + 1], corners, axes=(1, 1)).transpose(0, 2, 1)
        extent = np.ptp(x[:, : dim + 1], axis=1).max(axis=1)
        bent = np.abs(x - straight).max(axis=(1, 2)) > STRAIGHT_TOLERANCE * extent
        for some, at in ((bent, slice(None)), (~bent, slice(1))):
            determinant = determinants(gradients[:, at], x[some])
            size = np.abs(determinant).mean(axis=0)
            relative = np.divide(determinant * sign[some], size, out=np.zeros_like(determinant), where=size > 0.0)
            smallest = min(smallest, float(relative.min(initial=1.0)))
    return float(mesh.comm.allreduce(smallest, op=MPI.MIN))


def check_quality(mesh: Mesh, signs: np.ndarray) -> float:
    """Smallest shape quality of all cells. Collective.

    Args:
        mesh: a DOLFINx mesh of simplices.
        signs: required signs of the determinants of the local cells, +1 or -1.

    Raises:
        SolveError: a cell is inverted.
    """
    if smallest_jacobian(mesh, signs) <= 0.0:
        raise SolveError("the mesh has an inverted cell; make mesh.size smaller, or the graded sizes larger")
    dim = mesh.topology.dim
    cells = cell_nodes(mesh)[: mesh.topology.index_map(dim).size_local]
    quality = shape_quality(mesh.geometry.x[cells[:, : dim + 1]])
    return float(mesh.comm.allreduce(float(quality.min(initial=1.0)), op=MPI.MIN))
