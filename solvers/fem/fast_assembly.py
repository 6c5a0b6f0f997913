"""Fast assembly of weighted stiffness and of drift in a field, by products of sparse matrices.

Both are linear in the nodal values of a function of the space (T_kab = int phi_k grad phi_a . grad phi_b dx):

    K(c)_ab = sum_k T_kab c_k,        B(phi)_ab = sum_k T_bak phi_k,

so that their entries are products of fixed sparse matrices with the values of c or phi. For linear elements these fit
into memory; they replace a pass over the cells by a few milliseconds for 10^5 unknowns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.meshes.simplices import reference_gradients
from spinepnp.runtime.memory import available_memory
from spinepnp.runtime.stack import MPI, basix, cell_nodes, coordinate_element, fem
from spinepnp.solvers.fem.measure import Measure

#: Bytes of the factors for one quadrature point.
BYTES_PER_POINT = 700.0

#: Largest share of the free memory for the factors: fields, matrices and the solver need the rest.
MEMORY_SHARE = 0.1

#: Most quadrature points of one rank: the factors have up to 16 entries a point and indices of 32 bits.
MOST_POINTS = 100_000_000


class FastAssembly:
    """Tensor T on the cells of one rank, factorised into sparse matrices.

    Args:
        space: scalar space of linear elements, in a plane or in three dimensions.
        measure: integration measure of the body.
        pattern: sparsity pattern of the matrices (DOLFINx).
        degrees: degrees of quadrature on straight and on curved cells.
    """

    def __init__(self, space: fem.FunctionSpace[Any], measure: Measure, pattern: Any, degrees: tuple[int, int]) -> None:
        from scipy import sparse  # not needed for higher elements and lines

        columns, rows = pattern.graph
        size = len(rows) - 1
        of_rows = np.repeat(np.arange(size, dtype=np.int64), np.diff(rows))
        of_nodes = columns < size  # other columns come from other ranks alone
        self._columns = columns[of_nodes].astype(np.int32)
        keys = of_rows[of_nodes] * size + self._columns  # rising: the columns of each row are sorted
        self._rows = np.searchsorted(keys, size * np.arange(size + 1, dtype=np.int64)).astype(np.int32)
        parts = []
        for (number, cells), degree in zip(measure.straight_and_curved(), degrees, strict=True):
            dofs = space.dofmap.list[cells].astype(np.int64)
            positions = np.searchsorted(keys, (dofs[:, :, None] * size + dofs[:, None, :]).ravel())
            parts.append(_tensors(space.mesh, measure, cells, dofs, positions.astype(np.int32), degree, number == 1))
        corners = parts[0][0].shape[-1]
        stiffness, values, dofs, positions = (np.concatenate([part[i] for part in parts]) for i in range(4))
        points, per_point = len(stiffness), corners * corners
        entries = len(self._columns)
        by_corner = corners * np.arange(points * corners + 1, dtype=np.int32)
        by_point = per_point * np.arange(points + 1, dtype=np.int32)
        self._at_points = sparse.csr_matrix((values.ravel(), dofs.ravel(), by_corner[: points + 1]), (points, size))
        self._from_weights = sparse.csc_matrix((stiffness.ravel(), positions.ravel(), by_point), (entries, points))
        of_corners = np.repeat(dofs[:, None, :], corners, axis=1).ravel()
        self._fluxes = sparse.csr_matrix((stiffness.ravel(), of_corners, by_corner), (points * corners, size))
        spread = np.repeat(values[:, None, :], corners, axis=1).ravel()
        self._from_fluxes = sparse.csc_matrix((spread, positions.ravel(), by_corner), (entries, points * corners))

    @staticmethod
    def fits(space: fem.FunctionSpace[Any], measure: Measure, degrees: tuple[int, int]) -> bool:
        """Whether the factors fit into the memory of this machine. Collective.

        Args:
            space: scalar space of linear elements.
            measure: integration measure of the body.
            degrees: degrees of quadrature on straight and on curved cells.
        """
        comm, cell = space.mesh.comm, space.mesh.basix_cell()
        each = [len(basix.make_quadrature(cell, degree)[1]) for degree in degrees]
        points = sum(n * len(cells) for n, (_, cells) in zip(each, measure.straight_and_curved(), strict=True))
        enough = comm.allreduce(points, op=MPI.SUM) * BYTES_PER_POINT < MEMORY_SHARE * available_memory()
        return bool(comm.allreduce(enough and points < MOST_POINTS, op=MPI.LAND))

    def stiffness(self, matrix: Any, weight: np.ndarray) -> None:
        """Fill a matrix with K(c) for local nodal values of c. Collective."""
        self._fill(matrix, self._from_weights @ (self._at_points @ weight))

    def drift(self, matrix: Any, potential: np.ndarray) -> None:
        """Fill a matrix with B(phi) for local nodal values of phi. Collective."""
        self._fill(matrix, self._from_fluxes @ (self._fluxes @ potential))

    def _fill(self, matrix: Any, entries: np.ndarray) -> None:
        matrix.zeroEntries()
        matrix.setValuesLocalCSR(self._rows, self._columns, entries, addv=True)
        matrix.assemble()


def _tensors(
    mesh: Any, measure: Measure, cells: np.ndarray, dofs: np.ndarray, positions: np.ndarray, degree: int, straight: bool
) -> tuple[np.ndarray, ...]:
    """Values at each quadrature point of each cell, cells first.

    Returns:
        Weighted products w grad phi_a . grad phi_b, shape (points, corners, corners); values phi_a, degrees of freedom,
        shape (points, corners); and positions of their pairs among the entries of the matrix.
    """
    dim, corners = mesh.topology.dim, dofs.shape[1]
    points, weights = basix.make_quadrature(mesh.basix_cell(), degree)
    element = basix.ufl.element("Lagrange", mesh.basix_cell(), 1) if straight else None
    geometry = (element or coordinate_element(mesh)).basix_element.tabulate(1, points)[..., 0]
    linear = basix.create_element(basix.ElementFamily.P, mesh.basix_cell(), 1).tabulate(1, points)[..., 0]
    nodes = cell_nodes(mesh)[cells, : geometry.shape[2]]
    x = np.array([mesh.geometry.x[:, i][nodes.T] for i in range(dim)])  # coordinate, node, cell
    count, profile = len(points), measure.profile_in(cells)
    stiffness = np.empty((len(cells), count, corners * corners))
    for q in range(count):
        # Cells last: long vectors instead of many small matrices.
        jacobian = np.tensordot(geometry[1:, q], x, axes=(1, 1))  # derivative, coordinate, cell
        determinant, inverse = reference_gradients(jacobian)
        gradients = np.tensordot(linear[1:, q], inverse, axes=(0, 0))
        scale = weights[q] * np.abs(determinant) * measure.weight_at(np.tensordot(geometry[0, q], x, axes=(0, 1)))
        scale *= profile
        of_pairs = np.empty((corners, corners, len(cells)))
        for a in range(corners):
            scaled = gradients[a] * scale
            for b in range(a + 1):
                of_pairs[a, b] = of_pairs[b, a] = (scaled * gradients[b]).sum(axis=0)
        stiffness[:, q] = of_pairs.reshape(corners * corners, -1).T
    values = np.tile(linear[0], (len(cells), 1))
    shape = (len(cells) * count, corners)
    positions = np.repeat(positions.reshape(len(cells), 1, corners * corners), count, axis=1).reshape(
        shape[0], corners * corners
    )
    return (
        stiffness.reshape(*shape, corners),
        values,
        np.repeat(dofs[:, None, :], count, axis=1).reshape(shape).astype(np.int32),
        positions,
    )
