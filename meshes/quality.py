"""Quality of the cells of a distributed mesh: shape of the straight cells, positive Jacobians of the curved ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.errors import SolveError
from spinepnp.meshes.stack import MPI, basix, cell_nodes

#: Cells looked at together, to bound the memory.
CHUNK = 50_000


def shape_quality(vertices: np.ndarray) -> np.ndarray:
    """Three times the inscribed over the circumscribed radius of tetrahedra: 1 for a regular one, 0 for a flat one.

    Args:
        vertices: shape (cells, 4, 3).

    Returns:
        Shape (cells,).
    """
    a, b, c = (vertices[:, i] - vertices[:, 0] for i in (1, 2, 3))
    bc, ca, ab = np.cross(b, c), np.cross(c, a), np.cross(a, b)
    six_volumes = np.abs(np.einsum("ci,ci->c", a, bc))
    faces = sum(np.linalg.norm(n, axis=1) for n in (bc, ca, ab, bc + ca + ab))  # twice the area of the surface
    squares = [np.einsum("ci,ci->c", v, v)[:, None] for v in (a, b, c)]
    diameter = np.linalg.norm(squares[0] * bc + squares[1] * ca + squares[2] * ab, axis=1)  # times six_volumes
    return np.divide(6.0 * six_volumes**2, faces * diameter, out=np.zeros_like(faces), where=diameter > 0.0)


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
