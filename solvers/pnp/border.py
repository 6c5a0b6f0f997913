"""Equations of the unknown constants, as rows and columns at the border of the matrix.

Constants stand behind the unknowns of the mesh in the order of their terms: the potential of each floating boundary,
with the equation of its net current; the concentration of each free species at one node, with the equation of its
amount; the means that channels depend on, with the integral over their patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spinepnp.solvers.algebra.bordered import BorderedSystem
from spinepnp.solvers.pnp.constraints import Constraints
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.terms.base import BorderTerm


class Border:
    """One equation for each unknown constant: its residual and its derivatives, the border of the matrix.

    Args:
        fields: fields of the unknowns.
        terms: terms with unknown constants; those with driven fluxes come last.
        constraints: degrees of freedom that share one constant.
    """

    def __init__(self, fields: Fields, terms: Sequence[BorderTerm], constraints: Constraints) -> None:
        self._fields, self._terms, self._constraints = fields, terms, constraints
        self.count = sum(term.count for term in terms)

    def set_constants(self, constants: np.ndarray) -> None:
        """Hand the values of the constants, shape (constants,), to their terms."""
        first = 0
        for term in self._terms:
            term.constants = constants[first : first + term.count]
            first += term.count

    def constants_at(self, unknowns: np.ndarray) -> np.ndarray:
        """Values of the constants at local unknowns, shape (local dofs, N + 1). Collective where there are any."""
        return np.concatenate([np.empty(0), *(term.constants_at(unknowns) for term in self._terms)])

    def values(self, nodal_flux: np.ndarray) -> np.ndarray:
        """Residuals of the equations, shape (constants,), by the nodal flux (owned dofs, N + 1). Collective."""
        return np.array([value for term in self._terms for value in term.values(nodal_flux)])

    def lift(self, values: np.ndarray, lifted: np.ndarray, constraint_residual: np.ndarray) -> None:
        """Add the first-order change of the residuals when unknowns take their prescribed values. Collective.

        Args:
            values: residuals, see `values`.
            lifted: change of the nodal flux, shape (owned dofs, N + 1).
            constraint_residual: change of the unknowns, shape (owned dofs, N + 1).
        """
        for k, row in enumerate(row for term in self._terms for row in term.rows()):
            if row.weights is not None:
                values[k] += self._fields.weights.sum(row.weights * lifted)
            for component, dofs, slope in row.slopes if row.lifted else ():
                values[k] += self._fields.weights.sum(slope * constraint_residual[dofs, component])

    def fill(self, border: BorderedSystem, matrix: Any) -> None:
        """Fill the columns, rows and corner of the border of a matrix of blocks without constraints. Collective.

        A constant moves the degrees of freedom that share it (its direction), or drives fluxes and moves none.
        """
        rows = [row for term in self._terms for row in term.rows()]
        driven = [flux for term in self._terms for flux in term.driven()]
        first, owned = len(rows) - len(driven), self._fields.owned
        directions = [column.duplicate() for column in border.columns[:first]]
        for k, (direction, column) in enumerate(zip(directions, border.columns, strict=False)):
            direction.array[:] = self._constraints.direction(k).T.ravel()
            matrix.mult(direction, column)
        for column, flux in zip(border.columns[first:], driven, strict=True):
            column.set(0.0)
            for component, dofs, values in flux:
                column.array[component * owned + dofs] += values
        left = border.rows[0].duplicate()
        for vector, row in zip(border.rows, rows, strict=True):
            vector.set(0.0)
            if row.weights is not None:
                left.array[:] = row.weights.T.ravel()
                matrix.multTranspose(left, vector)
            for component, dofs, slope in row.slopes:
                vector.array[component * owned + dofs] += slope
        border.corner[:] = np.diag([row.own for row in rows])
        k = 0
        for term in self._terms:
            for i in range(term.count):
                for j, slope_of_constant in rows[k + i].others.items():
                    border.corner[k + i, k + j] = slope_of_constant
            k += term.count
        for k, (row, vector) in enumerate(zip(rows, border.rows, strict=True)):
            border.corner[k, :first] += border.weighted(directions, vector)
            if row.weights is not None:
                weights = row.weights.T.ravel()
                for j, column in enumerate(border.columns[first:], first):
                    border.corner[k, j] += self._fields.weights.comm.allreduce(float(weights @ column.array_r))
        elsewhere = ~self._constraints.free.T.ravel()
        for vector in (*border.columns, *border.rows):
            vector.array[elsewhere] = 0.0
        for vector in (left, *directions):
            vector.destroy()
