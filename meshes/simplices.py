"""Geometry of straight simplices, in NumPy."""

from __future__ import annotations

import numpy as np


def edge_lengths(vertices: np.ndarray) -> np.ndarray:
    """Lengths of all edges, shape (edges,), of simplices with vertices of shape (cells, dimension + 1, 3)."""
    count = vertices.shape[1]
    pairs = [(i, j) for i in range(count) for j in range(i)]
    return np.concatenate([np.linalg.norm(vertices[:, i] - vertices[:, j], axis=1) for i, j in pairs])


def determinants(gradients: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Jacobian determinants of cells at points.

    Args:
        gradients: gradients of the shape functions, shape (dimension, points, nodes).
        x: nodes of the cells, shape (cells, nodes, dimension).

    Returns:
        Determinants, shape (points, cells).
    """
    dim, points, nodes = gradients.shape
    columns = x.transpose(1, 2, 0).reshape(nodes, -1)
    J = (gradients.reshape(-1, nodes) @ columns).reshape(dim, points, dim, -1)  # (derivative, point, coordinate, cell)
    if dim == 1:
        return np.asarray(J[0, :, 0])
    if dim == 2:
        return np.asarray(J[0, :, 0] * J[1, :, 1] - J[0, :, 1] * J[1, :, 0])
    minors = [J[1, :, i - 2] * J[2, :, i - 1] - J[1, :, i - 1] * J[2, :, i - 2] for i in range(3)]
    return np.asarray(sum(J[0, :, i] * minors[i] for i in range(3)))


def shape_quality(vertices: np.ndarray) -> np.ndarray:
    """Inscribed over circumscribed radius times the dimension, (cells,): 1 for a regular simplex, 0 for a flat one.

    Args:
        vertices: vertices of tetrahedra, triangles or intervals, shape (cells, dimension + 1, 3).
    """
    if vertices.shape[1] == 2:
        return np.ones(len(vertices))
    if vertices.shape[1] == 3:
        a, b, c = (np.linalg.norm(vertices[:, i] - vertices[:, j], axis=1) for i, j in ((0, 1), (1, 2), (2, 0)))
        normal = np.cross(vertices[:, 1] - vertices[:, 0], vertices[:, 2] - vertices[:, 0])
        product = (a + b + c) * a * b * c
        square = 4.0 * np.einsum("ci,ci->c", normal, normal)
        return np.asarray(np.divide(square, product, out=np.zeros_like(product), where=product > 0.0))
    a, b, c = (vertices[:, i] - vertices[:, 0] for i in (1, 2, 3))
    bc, ca, ab = np.cross(b, c), np.cross(c, a), np.cross(a, b)
    six_volumes = np.abs(np.einsum("ci,ci->c", a, bc))
    faces = sum(np.linalg.norm(n, axis=1) for n in (bc, ca, ab, bc + ca + ab))  # twice the area of the surface
    squares = [np.einsum("ci,ci->c", v, v)[:, None] for v in (a, b, c)]
    diameter = np.linalg.norm(squares[0] * bc + squares[1] * ca + squares[2] * ab, axis=1)  # times six_volumes
    return np.divide(6.0 * six_volumes**2, faces * diameter, out=np.zeros_like(faces), where=diameter > 0.0)


def reference_gradients(jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Determinants of affine maps, and gradients of their reference coordinates.

    Args:
        jacobian: derivatives of the coordinates, shape (derivative, coordinate, n), in one to three dimensions.

    Returns:
        Determinants, shape (n,), and gradients, shape (reference coordinate, coordinate, n).
    """
    if len(jacobian) == 1:
        return jacobian[0, 0], 1.0 / jacobian
    if len(jacobian) == 2:
        (a, b), (c, d) = jacobian
        adjugate, determinant = np.array([[d, -c], [-b, a]]), a * d - b * c
    else:
        adjugate = np.empty_like(jacobian)
        for i in range(3):
            u, v = jacobian[(i + 1) % 3], jacobian[(i + 2) % 3]
            for j in range(3):
                k, m = (j + 1) % 3, (j + 2) % 3
                adjugate[i, j] = u[k] * v[m] - u[m] * v[k]
        determinant = (jacobian[0] * adjugate[0]).sum(axis=0)
    return determinant, adjugate / determinant
