"""Stiffness weighted with a density, and drift in a field, without going over the cells again.

Both are linear in the nodal values of a function of the space (T_kab = int phi_k grad phi_a . grad phi_b dx):

    K(c)_ab = sum_k T_kab c_k,        B(phi)_ab = sum_k T_bak phi_k,

so that the entries of the matrices are products of sparse matrices that are made once with the values of c or phi. For
linear elements these fit into memory; they turn a pass over the cells into a few milliseconds for 10^5 unknowns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.runtime.memory import available_memory
from spinepnp.runtime.stack import MPI, basix, cell_nodes, coordinate_element
from spinepnp.solvers.fem.measure import Measure

#: Bytes for a point of quadrature, and the part of the free memory that all of them may take.
BYTES_PER_POINT, MEMORY_SHARE = 700.0, 0.1

#: Points of one rank that indices of 32 bits can count.
MOST_POINTS = 100_000_000


class FastAssembly:
    """The tensor T on the cells of one rank, as factors of sparse matrices.

    Args:
        space: scalar space of linear elements, in a plane or in three dimensions.
        measure: of the body that the mesh stands for.
        pattern: of the matrices, DOLFINx's.
        degrees: of quadrature on straight and on curved cells.
    """

    def __init__(self, space: Any, measure: Measure, pattern: Any, degrees: tuple[int, int]) -> None:
        from scipy import sparse  # higher elements, and lines, do without

        columns, rows = pattern.graph
        size = len(rows) - 1
        of_rows = np.repeat(np.arange(size, dtype=np.int64), np.diff(rows))
        ours = columns < size  # the others come from other ranks alone
        self._columns = columns[ours].astype(np.int32)
        keys = of_rows[ours] * size + self._columns  # rising: the columns of each row are sorted
        self._rows = np.searchsorted(keys, size * np.arange(size + 1, dtype=np.int64)).astype(np.int32)
        parts = []
        for (number, cells), degree in zip(measure.straight_and_curved(), degrees, strict=True):
            dofs = space.dofmap.list[cells].astype(np.int64)
            places = np.searchsorted(keys, (dofs[:, :, None] * size + dofs[:, None, :]).ravel())
            parts.append(_tensors(space.mesh, measure, cells, dofs, places.astype(np.int32), degree, number == 1))
        corners = parts[0][0].shape[-1]
        stiffness, values, dofs, places = (np.concatenate([part[i] for part in parts]) for i in range(4))
        points, per_point = len(stiffness), corners * corners
        entries = len(self._columns)
        by_corner = corners * np.arange(points * corners + 1, dtype=np.int32)
        by_point = per_point * np.arange(points + 1, dtype=np.int32)
        self._at_points = sparse.csr_matrix((values.ravel(), dofs.ravel(), by_corner[: points + 1]), (points, size))
        self._from_weights = sparse.csc_matrix((stiffness.ravel(), places.ravel(), by_point), (entries, points))
        of_corners = np.repeat(dofs[:, None, :], corners, axis=1).ravel()
        self._fluxes = sparse.csr_matrix((stiffness.ravel(), of_corners, by_corner), (points * corners, size))
        spread = np.repeat(values[:, None, :], corners, axis=1).ravel()
        self._from_fluxes = sparse.csc_matrix((spread, places.ravel(), by_corner), (entries, points * corners))

    @staticmethod
    def fits(space: Any, measure: Measure, degrees: tuple[int, int]) -> bool:
        """Whether the factors find room in the memory of this machine. Collective."""
        comm, cell = space.mesh.comm, space.mesh.basix_cell()
        each = [len(basix.make_quadrature(cell, degree)[1]) for degree in degrees]
        mine = sum(n * len(cells) for n, (_, cells) in zip(each, measure.straight_and_curved(), strict=True))
        enough = comm.allreduce(mine, op=MPI.SUM) * BYTES_PER_POINT < MEMORY_SHARE * available_memory()
        return bool(comm.allreduce(enough and mine < MOST_POINTS, op=MPI.LAND))

    def stiffness(self, matrix: Any, weight: np.ndarray) -> None:
        """Fill a matrix with K of local nodal values. Collective."""
        self._fill(matrix, self._from_weights @ (self._at_points @ weight))

    def drift(self, matrix: Any, potential: np.ndarray) -> None:
        """Fill a matrix with B of local nodal values. Collective."""
        self._fill(matrix, self._from_fluxes @ (self._fluxes @ potential))

    def _fill(self, matrix: Any, entries: np.ndarray) -> None:
        matrix.zeroEntries()
        matrix.setValuesLocalCSR(self._rows, self._columns, entries, addv=True)
        matrix.assemble()


def _tensors(
    mesh: Any, measure: Measure, cells: np.ndarray, dofs: np.ndarray, places: np.ndarray, degree: int, straight: bool
) -> tuple[np.ndarray, ...]:
    """At each point of quadrature of each cell, cells first.

    Returns:
        w grad phi_a . grad phi_b, shape (points, corners, corners); phi_a, shape (points, corners); the degrees of
        freedom, and the places of their pairs in the matrix.
    """
    dim, corners = mesh.topology.dim, dofs.shape[1]
    points, weights = basix.make_quadrature(mesh.basix_cell(), degree)
    element = basix.ufl.element("Lagrange", mesh.basix_cell(), 1) if straight else None
    geometry = (element or coordinate_element(mesh)).basix_element.tabulate(1, points)[..., 0]
    linear = basix.create_element(basix.ElementFamily.P, mesh.basix_cell(), 1).tabulate(1, points)[..., 0]
    nodes = cell_nodes(mesh)[cells, : geometry.shape[2]]
    x = np.array([mesh.geometry.x[:, i][nodes.T] for i in range(dim)])  # coordinate, node, cell
    count = len(points)
    stiffness = np.empty((len(cells), count, corners * corners))
    for q in range(count):
        # Cells last: long vectors instead of many small matrices.
        jacobian = np.tensordot(geometry[1:, q], x, axes=(1, 1))  # derivative, coordinate, cell
        determinant, inverse = _inverse(jacobian)
        gradients = np.tensordot(linear[1:, q], inverse, axes=(0, 0))
        scale = weights[q] * np.abs(determinant) * measure.weight_at(np.tensordot(geometry[0, q], x, axes=(0, 1)))
        of_pairs = np.empty((corners, corners, len(cells)))
        for a in range(corners):
            scaled = gradients[a] * scale
            for b in range(a + 1):
                of_pairs[a, b] = of_pairs[b, a] = (scaled * gradients[b]).sum(axis=0)
        stiffness[:, q] = of_pairs.reshape(corners * corners, -1).T
    values = np.tile(linear[0], (len(cells), 1))
    shape = (len(cells) * count, corners)
    places = np.repeat(places.reshape(len(cells), 1, corners * corners), count, axis=1).reshape(
        shape[0], corners * corners
    )
    return (
        stiffness.reshape(*shape, corners),
        values,
        np.repeat(dofs[:, None, :], count, axis=1).reshape(shape).astype(np.int32),
        places,
    )


def _inverse(jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Determinants, and gradients of the coordinates of the reference, of n maps.

    Args:
        jacobian: derivatives of the coordinates, shape (derivative, coordinate, n), two or three of both.

    Returns:
        Shapes (n,) and (derivative, coordinate, n).
    """
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
