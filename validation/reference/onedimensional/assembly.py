"""Assembly of the element blocks of `System` into sparse matrices; unknowns are flattened field by field."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csc_matrix

from spinepnp.validation.reference.onedimensional.problem import Values
from spinepnp.validation.reference.onedimensional.system import Loads, System

Rows = NDArray[np.bool_]


class Assembler:
    """Matrices of a system.

    Args:
        system: the system.
        replaced: rows that `matrix` leaves empty, shape of a state; rows of prescribed values are among them.
    """

    def __init__(self, system: System, replaced: Rows) -> None:
        self.system, self.replaced = system, replaced
        conn = system.mesh.connectivity
        self._rows = np.repeat(conn[:, :, None], conn.shape[1], axis=2).ravel()
        self._columns = np.repeat(conn[:, None, :], conn.shape[1], axis=1).ravel()
        self.size = system.shape[0] * system.shape[1]

    def _sparse(self, rows: Values, columns: Values, data: Values) -> csc_matrix:
        """Sparse matrix of triplets, without the replaced rows."""
        assembled = ~self.replaced.ravel()[rows]
        triplets = data[assembled], (rows[assembled], columns[assembled])
        return coo_matrix(triplets, shape=(self.size, self.size)).tocsc()

    def rows_of(self, blocks: list[tuple[int, int, Values]]) -> csc_matrix:
        """Matrix of element blocks by field of row and column, also in rows that are replaced."""
        rows, columns, data = self._triplets(blocks)
        return coo_matrix((data, (rows, columns)), shape=(self.size, self.size)).tocsc()

    def _triplets(self, blocks: list[tuple[int, int, Values]]) -> tuple[Values, Values, Values]:
        """Triplets of element blocks by field of row and column."""
        n = self.system.shape[1]
        rows = np.concatenate([self._rows + f * n for f, _, _ in blocks])
        columns = np.concatenate([self._columns + f * n for _, f, _ in blocks])
        return rows, columns, np.concatenate([block.ravel() for _, _, block in blocks])

    def mass(self, state: Values) -> csc_matrix:
        """Mass matrix dq, without the replaced rows."""
        last, n = len(self.system.z), self.system.shape[1]
        blocks = [(i, i, block) for i, block in enumerate(self.system.mass_blocks(state))]
        mass = self._sparse(*self._triplets(blocks))
        if not self.system.open.any():
            return mass
        rows, columns, data = self._triplets([(last, last, self.system.stiffness_blocks)])
        at_open = self.system.open[rows - last * n]
        return mass + self._sparse(rows[at_open], columns[at_open], data[at_open])

    def matrix(self, state: Values, loads: Loads) -> csc_matrix:
        """Jacobian dF, without the replaced rows."""
        n = self.system.shape[1]
        rows, columns, data = self._triplets(self.system.blocks(state))
        ends = self.system.end_entries(state, loads)
        rows = np.concatenate([rows, [f * n + node for node, f, _, _ in ends]]).astype(np.int64)
        columns = np.concatenate([columns, [g * n + node for node, _, g, _ in ends]]).astype(np.int64)
        data = np.concatenate([data, [value for *_, value in ends]])
        return self._sparse(*self._opened(rows, columns, data))

    def _opened(self, rows: Values, columns: Values, data: Values) -> tuple[Values, Values, Values]:
        """Triplets in which, at open ends, the sum of the species' rows takes the place of the potential's row."""
        system = self.system
        if not system.open.any():
            return rows, columns, data
        last, n = len(system.z), system.shape[1]
        field, node = np.divmod(rows, n)
        keep = ~(system.open[node] & (field == last))
        ions = system.open[node] & (field < last)
        by_charge = data[ions] * system.z[field[ions]]
        return (
            np.concatenate([rows[keep], last * n + node[ions]]),
            np.concatenate([columns[keep], columns[ions]]),
            np.concatenate([data[keep], by_charge]),
        )

    def identity(self, rows: Rows) -> csc_matrix:
        """Matrix with ones on the diagonal of the given rows."""
        where = np.flatnonzero(rows.ravel())
        return coo_matrix((np.ones(len(where)), (where, where)), shape=(self.size, self.size)).tocsc()

    def row(self, index: int, columns: NDArray[np.intp], data: Values) -> csc_matrix:
        """Matrix with entries in a single row.

        Args:
            index: number of the row.
            columns: numbers of the columns, shape (n,).
            data: entries, shape (n,).
        """
        rows = np.full(len(columns), index)
        return coo_matrix((data, (rows, columns)), shape=(self.size, self.size)).tocsc()


class Gauge:
    """Gauge of a potential that no end prescribes: its mean, or its value at the left end, is zero."""

    def __init__(self, system: System) -> None:
        self.active, self.node = system.problem.floating, system.pin
        n = system.shape[1]
        self._weights = np.zeros(n)
        if system.problem.gauge == "left":
            self._weights[0] = 1.0
        else:
            local = system.weight @ system.mesh.values
            self._weights = np.bincount(system.mesh.connectivity.ravel(), local.ravel(), minlength=n)
            self._weights /= np.sum(self._weights)

    def value(self, state: Values) -> float:
        """Residual of the gauge."""
        return float(self._weights @ state[-1])

    def matrix(self, assembler: Assembler) -> csc_matrix:
        """Matrix with the row of the gauge."""
        fields, n = assembler.system.shape
        columns = (fields - 1) * n + np.arange(n)
        return assembler.row((fields - 1) * n + self.node, columns, self._weights)
