"""Geometry of straight tetrahedra, in NumPy."""

from __future__ import annotations

import numpy as np


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
