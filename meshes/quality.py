"""Quality of the cells of a distributed mesh: shape of the straight cells, positive Jacobians of the curved ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.errors import SolveError
from spinepnp.meshes.stack import MPI, basix, cell_nodes
from spinepnp.meshes.tetrahedra import shape_quality

#: Cells looked at together, to bound the memory.
CHUNK = 50_000


def smallest_jacobian(mesh: Any) -> float:
    """Smallest ratio of a cell's Jacobian determinant, over sample points, to its mean size; negative if inverted.

    The sample points are the nodes of fourth-degree elements: the determinant of second-order tetrahedra is cubic.
    Collective.
    """
    element = mesh.ufl_domain().ufl_coordinate_element().basix_element
    points = basix.create_element(
        basix.ElementFamily.P, element.cell_type, 4, lagrange_variant=basix.LagrangeVariant.equispaced
    ).points
    gradients = element.tabulate(1, points)[1:, :, :, 0]  # (derivative, point, node)
    cells = cell_nodes(mesh)[: mesh.topology.index_map(mesh.topology.dim).size_local]
    smallest = np.inf
    for start in range(0, len(cells), CHUNK):
        x = mesh.geometry.x[cells[start : start + CHUNK]]
        determinant = np.linalg.det(np.einsum("dpn,cni->cpid", gradients, x))
        # The orientation of a cell is arbitrary: what counts is that the sign does not change.
        sign = np.sign(determinant.mean(axis=1, keepdims=True))
        relative = determinant * sign / np.abs(determinant).mean(axis=1, keepdims=True)
        smallest = min(smallest, float(relative.min()))
    return float(mesh.comm.allreduce(smallest, op=MPI.MIN))


def check_quality(mesh: Any) -> float:
    """Smallest shape quality of all cells. Collective.

    Raises:
        SolveError: a curved cell is inverted.
    """
    if smallest_jacobian(mesh) <= 0.0:
        raise SolveError("the mesh has an inverted curved cell; make mesh.size smaller or set mesh.order = 1")
    cells = cell_nodes(mesh)[: mesh.topology.index_map(mesh.topology.dim).size_local]
    quality = shape_quality(mesh.geometry.x[cells[:, :4]])
    return float(mesh.comm.allreduce(float(quality.min(initial=1.0)), op=MPI.MIN))
