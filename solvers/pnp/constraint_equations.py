"""Equations of the unknown constants, as rows and columns at the border of the matrix.

Constants stand behind the unknowns of the mesh in this order: the potential of each floating boundary, with the
equation of its net current; the concentration of each free species at one node, with the equation of its amount; the
means that channels depend on, with the integral over their patch.

An open circuit carries no total current: that of the ions in a steady state, that of ions and displacement in time.
Over a stage of a time step the charge that ions carry through the boundary and the change of the charge on it add up to
zero. The charge on the boundary is a linear function of the state, whose derivative by the potential is a capacitance:
the constant is determined at each stage, and the method keeps its order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.solvers.algebra.bordered import BorderedSystem
from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.model.problem_data import ProblemSignature
from spinepnp.solvers.pnp.constraints import Constraints
from spinepnp.solvers.pnp.equations import Equations
from spinepnp.solvers.pnp.state import State
from spinepnp.solvers.pnp.step_data import StepData


class ConstraintEquations:
    """One equation for each unknown constant: its residual and its derivatives, the border of the matrix.

    Args:
        signature: floating boundaries, free species, and unknown means.
        equations: discrete equations without constraints.
        constraints: degrees of freedom that share one constant.
        step_data: prescribed currents and amounts, and channels.
        state: present state.
        weights: weights of boundaries and volume.
    """

    def __init__(
        self,
        signature: ProblemSignature,
        equations: Equations,
        constraints: Constraints,
        step_data: StepData,
        state: State,
        weights: IntegrationWeights,
    ) -> None:
        self._signature, self._equations, self._constraints = signature, equations, constraints
        self._step_data, self._state, self._weights = step_data, state, weights

    def passing(self, nodal_flux: np.ndarray) -> np.ndarray:
        """Terms of the net current through each floating boundary, shape (floating boundaries, N + 2). Collective.

        In a steady state: the current of each species, zero, and the injected current. In a step: the charge of each
        species, of the displacement field, and of the injection. At the solution each row adds up to zero. The argument
        is that of `System.nodal_flux`.
        """
        step_data, floating = self._step_data, self._signature.floating
        terms = np.zeros((len(floating), self._state.components + 1))
        for k, (name, charges) in enumerate(zip(floating, self._charges(), strict=True)):
            terms[k, :-1] = self._weights.integral(np.ones(len(nodal_flux)), charges * nodal_flux)
            terms[k, -1] = step_data.step_size * step_data.injected[name]
            if step_data.wall_charge is not None:
                terms[k, -2] -= step_data.wall_charge[name]
        return terms

    def values(self, nodal_flux: np.ndarray) -> np.ndarray:
        """Residuals: net currents, amounts, means, shape (constants,), by `System.nodal_flux`. Collective."""
        state, step_data, names = self._state, self._step_data, self._signature.names
        if not state.layout.count:
            return np.empty(0)
        currents = self.passing(nodal_flux).sum(axis=1)
        excess = []
        if self._signature.amount_constrained:
            amounts = state.amounts()
            excess = [
                amounts[names.index(s)] - step_data.prescribed_amounts[s] for s in self._signature.amount_constrained
            ]
        return np.array([*currents, *excess, *(state.means - state.means_of(state.local_unknowns()))])

    def lift(self, balances: np.ndarray, lifted: np.ndarray, constraint_residual: np.ndarray) -> None:
        """Add the first-order change of the residuals when unknowns take their prescribed values. Collective.

        Args:
            balances: residuals, see `values`.
            lifted: change of the nodal flux, shape (owned dofs, N + 1).
            constraint_residual: change of the unknowns, shape (owned dofs, N + 1).
        """
        for k, charges in enumerate(self._charges()):
            balances[k] += self._weights.sum(charges * lifted)
        for k, (weights, component) in enumerate(self._state.patches, self._constraints.constants):
            balances[k] -= self._weights.sum(weights * self._state.slope(component) * constraint_residual[:, component])

    def defects(self, storage: np.ndarray, charge: dict[str, float]) -> np.ndarray:
        """Error of each equation by errors of storage and of charges on boundaries, shape (constants,). Collective.

        Args:
            storage: error of the storage, scaled, shape (owned dofs, N).
            charge: error of the charge on each boundary, scaled, by name.
        """
        defects = np.zeros(self._state.layout.count)
        for k, (name, charges) in enumerate(zip(self._signature.floating, self._charges(), strict=True)):
            defects[k] = self._weights.sum(charges[:, :-1] * storage) + charge[name]
        return defects

    def _charges(self) -> list[np.ndarray]:
        """Weight of the nodal flux of each degree of freedom in the net current of each floating boundary.

        The nodal flux of the potential is the charge on the boundary; it counts in time.
        """
        valence, in_time = self._equations.coefficients.valence, self._step_data.wall_charge is not None
        weights = []
        for name in self._signature.floating:
            charges = np.zeros((self._weights.owned, self._state.components))
            charges[:, :-1] = self._constraints.indicators[name] * valence
            charges[self._constraints.potential_dofs[name], -1] = float(in_time)
            weights.append(charges)
        return weights

    def fill(self, border: BorderedSystem, matrix: Any) -> None:
        """Fill the columns, rows and corner of the border of a matrix of blocks without constraints. Collective.

        A constant moves the degrees of freedom that share it (its direction), or is the mean of a patch, which moves
        none but drives a flux.
        """
        directions = [column.duplicate() for column in border.columns]
        charges, driven = self._charges(), self._driven()
        self._fill_columns(border.columns, directions, driven, matrix)
        self._fill_rows(border.rows, charges, matrix)
        first = self._constraints.constants
        border.corner[:] = [border.weighted(directions, row) for row in border.rows]
        border.corner[first:, first:] += np.eye(len(driven))
        for k, charge in enumerate(charges):
            border.corner[k, first:] += [self._weights.sum(charge * flux) for flux in driven]
        elsewhere = ~self._constraints.free.T.ravel()
        for vector in (*border.columns, *border.rows):
            vector.array[elsewhere] = 0.0
        for direction in directions:
            direction.destroy()

    def _fill_columns(self, columns: list[Any], directions: list[Any], driven: list[np.ndarray], matrix: Any) -> None:
        """Fill the derivatives of the nodal flux by each constant."""
        first = self._constraints.constants
        for k, (direction, column) in enumerate(zip(directions[:first], columns, strict=False)):
            direction.array[:] = self._constraints.direction(k).T.ravel()
            matrix.mult(direction, column)
        for column, flux in zip(columns[first:], driven, strict=True):
            column.array[:] = flux.T.ravel()

    def _fill_rows(self, rows: list[Any], charges: list[np.ndarray], matrix: Any) -> None:
        """Fill the derivatives of each equation by the unknowns of the mesh."""
        signature, state, first = self._signature, self._state, self._constraints.constants
        left = rows[0].duplicate()
        for row, charge in zip(rows, charges, strict=False):
            left.array[:] = charge.T.ravel()
            matrix.multTranspose(left, row)
        left.destroy()
        for row, name in zip(rows[len(signature.floating) : first], signature.amount_constrained, strict=True):
            i = signature.names.index(name)
            self._fill_part(row, i, self._amount_slope(i))
        for row, (weights, component) in zip(rows[first:], state.patches, strict=True):
            self._fill_part(row, component, -weights * state.slope(component))

    def _amount_slope(self, i: int) -> np.ndarray:
        return self._equations.variables.amount_slope(self._equations.state[i])

    def _fill_part(self, row: Any, component: int, part: np.ndarray) -> None:
        owned = self._weights.owned
        row.set(0.0)
        row.array[component * owned : (component + 1) * owned] = part

    def _driven(self) -> list[np.ndarray]:
        """Derivatives of the nodal flux by each mean, shape (owned dofs, N + 1)."""
        owned, weights = self._weights.owned, self._weights.boundary
        driven = [np.zeros((owned, self._state.components)) for _ in self._state.patches]
        for mean, name, i, flux in self._step_data.channels.slopes(self._state.means):
            driven[mean][:, i] -= self._step_data.step_size * flux * weights[name][:owned]
        return driven
