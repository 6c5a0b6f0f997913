"""Edges of linear elements, and fluxes along them with the logarithmic mean of the concentrations.

The rows of the stiffness matrix K add up to zero, so that diffusion is an exchange along edges: the flux of a species
with electrochemical potential mu = w + z phi (w = ln c, in V_T) out of the cells around node a is

    F_a = sum_b K_ab L(c_a, c_b) (mu_b - mu_a),      L(c_a, c_b) = (c_b - c_a) / (w_b - w_a),

with the logarithmic mean L of the two concentrations. Without a field this is K c exactly; where mu is constant (a
Donnan equilibrium, a Boltzmann distribution) it is zero exactly, however steep the potential is within a cell. The flux
that leaves a enters b, so that amounts are conserved to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spinepnp.runtime.stack import dolfinx, fem

#: Half difference s of two logarithms up to which power series replace quotients, which cancel, and hyperbolic
#: functions, which take ten times longer.
SERIES_UP_TO = 0.5

#: Coefficients of sinh(s)/s in powers of s^2, the highest first; the next term is below 1e-16 of the sum.
MEAN_SERIES = tuple(1.0 / math.factorial(2 * k + 1) for k in range(6, -1, -1))

#: Coefficients of (d/ds sinh(s)/s) / s in powers of s^2, the highest first.
SLOPE_SERIES = tuple(2.0 * k / math.factorial(2 * k + 1) for k in range(7, 0, -1))


class Edges:
    """Edges of one rank's cells, with their entries of K.

    Args:
        space: scalar space of linear elements.
        stiffness: compiled form of int grad u . grad v dx.
        pattern: sparsity pattern of the forms over the volume.

    Attributes:
        first, second: local nodes of each edge, shape (edges,).
        k: entries of K from the cells of this rank, shape (edges,); assembly adds them up over the ranks.
    """

    def __init__(self, space: fem.FunctionSpace[Any], stiffness: fem.Form[Any], pattern: Any) -> None:
        local = dolfinx.la.matrix_csr(pattern)
        assemble: Any = fem.assemble_matrix
        assemble(local, stiffness)  # cells of this rank only: nothing is added up over ranks
        self._space = space
        index_map = space.dofmap.index_map
        self._nodes = index_map.size_local + index_map.num_ghosts
        all_rows = np.repeat(np.arange(self._nodes), np.diff(local.indptr))
        of_nodes = local.indices < self._nodes  # other columns come from cells of other ranks alone
        row_of, columns, entries = all_rows[of_nodes], local.indices[of_nodes].astype(np.int64), local.data[of_nodes]
        self._columns = columns.astype(np.int32)
        self._rows = np.searchsorted(row_of, np.arange(self._nodes + 1)).astype(np.int32)
        (upper,) = np.nonzero((columns > row_of) & (entries != 0.0))
        self.first, self.second, self.k = row_of[upper], columns[upper], entries[upper]
        self._upper, self._lower = upper, self._positions(row_of, self.second, self.first)
        (self._diagonal,) = np.nonzero(columns == row_of)
        self._sum = fem.Function(space).x

    def _positions(self, row_of: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Positions of entries in the pattern, whose rows are not sorted and not symmetric on several ranks."""
        keys = row_of * np.int64(self._nodes) + self._columns
        order = None if np.all(keys[1:] > keys[:-1]) else np.argsort(keys, kind="stable")
        found = np.searchsorted(keys if order is None else keys[order], rows * np.int64(self._nodes) + columns)
        return np.asarray(found if order is None else order[found])

    def exchange(self, flows: np.ndarray) -> np.ndarray:
        """Net inflow at the owned nodes from flows along each edge, from its second to its first node. Collective."""
        total = np.bincount(self.first, flows, self._nodes) - np.bincount(self.second, flows, self._nodes)
        self._sum.array[:] = total
        self._sum.scatter_reverse(dolfinx.la.InsertMode.add)
        return self._sum.array[: self._space.dofmap.index_map.size_local].copy()

    def fill(self, matrix: Any, by_first: np.ndarray, by_second: np.ndarray) -> None:
        """Fill a matrix with the derivatives of `exchange` by the unknowns of first and second nodes. Collective.

        Args:
            matrix: assembled sparse matrix of the space, which is overwritten.
            by_first: derivative of each edge's flow by the unknown of its first node, shape (edges,).
            by_second: derivative of each edge's flow by the unknown of its second node, shape (edges,).
        """
        entries = np.zeros(len(self._columns))
        entries[self._upper], entries[self._lower] = by_second, -by_first
        entries[self._diagonal] = np.bincount(self.first, by_first, self._nodes) - np.bincount(
            self.second, by_second, self._nodes
        )
        matrix.zeroEntries()
        matrix.setValuesLocalCSR(self._rows, self._columns, entries, addv=True)
        matrix.assemble()

    def differences(self, values: np.ndarray) -> np.ndarray:
        """Differences of local nodal values along each edge, second minus first node."""
        return np.asarray(values[self.second] - values[self.first])

    def logarithmic_mean(self, w: np.ndarray) -> np.ndarray:
        """Logarithmic mean L of the concentrations e^w along each edge, shape (edges,).

        With s = (w_b - w_a)/2: L = exp((w_a + w_b)/2) sinh(s)/s.
        """
        s = 0.5 * self.differences(w)
        ratio = _by_series(s, MEAN_SERIES, lambda t: np.sinh(t) / t)
        return np.asarray(self._geometric_mean(w) * ratio)

    def slopes_of_mean(self, w: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives of the logarithmic mean along each edge by w at its first and at its second node."""
        s = 0.5 * self.differences(w)
        slope = _by_series(s, SLOPE_SERIES, lambda t: (np.cosh(t) - np.sinh(t) / t) / t**2)
        half, by_s = 0.5 * mean, 0.5 * self._geometric_mean(w) * s * slope
        return half - by_s, half + by_s

    def _geometric_mean(self, w: np.ndarray) -> np.ndarray:
        root = np.exp(0.5 * w)
        return np.asarray(root[self.first] * root[self.second])


def _by_series(s: np.ndarray, series: Sequence[float], exact: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Even function of s from its series in s^2, or exactly where s is large."""
    square = s**2
    (large,) = np.nonzero(square > SERIES_UP_TO**2)
    values = np.full_like(square, series[0])
    for coefficient in series[1:]:
        values *= square
        values += coefficient
    values[large] = exact(s[large])
    return values
