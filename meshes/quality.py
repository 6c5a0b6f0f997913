"""Quality of the cells of a distributed mesh: shape of the straight cells, positive Jacobians of the curved ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.errors import SolveError
from spinepnp.meshes.simplices import determinants, shape_quality
from spinepnp.runtime.stack import MPI, basix, cell_nodes

#: A cell is straight if no node is off by more than this fraction of its extent.
STRAIGHT = 1e-12

#: Cells looked at together, to bound the memory.
CHUNK = 50_000


def smallest_jacobian(mesh: Any, signs: np.ndarray) -> float:
    """Smallest ratio of a cell's Jacobian determinant, over sample points, to its mean size; negative if inverted.

    The sample points are the nodes of fourth-degree elements: the determinant of second-order cells is cubic at most.
    Collective.

    Args:
        mesh: a DOLFINx mesh of simplices.
        signs: that the determinants of the local cells must have, +1 or -1.
    """
    element = mesh.ufl_domain().ufl_coordinate_element().basix_element
    points = basix.create_element(
        basix.ElementFamily.P, element.cell_type, 4, lagrange_variant=basix.LagrangeVariant.equispaced
    ).points
    gradients = element.tabulate(1, points)[1:, :, :, 0]  # (derivative, point, node)
    dim = mesh.topology.dim
    cells = cell_nodes(mesh)[: mesh.topology.index_map(dim).size_local]
    # Where all nodes lie where those of a straight cell would, the determinant is constant.
    corners = np.column_stack([1.0 - element.points.sum(axis=1), element.points])
    smallest = 1.0
    for start in range(0, len(cells), CHUNK):
        x, sign = mesh.geometry.x[cells[start : start + CHUNK], :dim], signs[start : start + CHUNK]
        straight = np.tensordot(x[:, : dim + 1], corners, axes=(1, 1)).transpose(0, 2, 1)
        bent = np.abs(x - straight).max(axis=(1, 2)) > STRAIGHT * np.ptp(x[:, : dim + 1], axis=1).max(axis=1)
        for some, at in ((bent, slice(None)), (~bent, slice(1))):
            determinant = determinants(gradients[:, at], x[some])
            size = np.abs(determinant).mean(axis=0)
            relative = np.divide(determinant * sign[some], size, out=np.zeros_like(determinant), where=size > 0.0)
            smallest = min(smallest, float(relative.min(initial=1.0)))
    return float(mesh.comm.allreduce(smallest, op=MPI.MIN))


def check_quality(mesh: Any, signs: np.ndarray) -> float:
    """Smallest shape quality of all cells. Collective.

    Args:
        mesh: a DOLFINx mesh of simplices.
        signs: see `smallest_jacobian`.

    Raises:
        SolveError: a cell is inverted.
    """
    if smallest_jacobian(mesh, signs) <= 0.0:
        raise SolveError("the mesh has an inverted cell; make mesh.size smaller, or the graded sizes larger")
    dim = mesh.topology.dim
    cells = cell_nodes(mesh)[: mesh.topology.index_map(dim).size_local]
    quality = shape_quality(mesh.geometry.x[cells[:, : dim + 1]])
    return float(mesh.comm.allreduce(float(quality.min(initial=1.0)), op=MPI.MIN))
