"""Smallest known currents: errors by rounding and by Newton's remaining residual in a sum of terms that cancel.

A current is the sum of the residual over the rows of its boundary, in which diffusion and drift of all neighbours
cancel. Each of these terms has an error of the machine precision over its size, because the unknowns that it is made of
have no more digits: a large current of diffusion that drift cancels rounds away what is left. The edges of the constant
stiffness give their size. The sum over all free rows of a species is current that is lost within the domain: no
current of that species is known better. In a time step it is the tolerance of the balance of a stage (`conservation`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.solvers.fem.operators import Operators
from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.pnp.conservation import CONSERVED_AMOUNT, CONSERVED_FLOW
from spinepnp.solvers.pnp.constraints import Constraints
from spinepnp.solvers.pnp.equations import Equations

#: Error of a row over the size of its terms: machine precision times the number of sums in each of them.
PRECISION = 4.0 * float(np.finfo(float).eps)


class CurrentFloors:
    """Smallest known currents through the boundaries at a state.

    Args:
        equations: discrete equations at the state.
        constraints: constrained degrees of freedom.
        weights: weights of the boundaries, for sums over all ranks.
    """

    def __init__(self, equations: Equations, constraints: Constraints, weights: IntegrationWeights) -> None:
        self._equations, self._constraints, self._weights = equations, constraints, weights
        self._stiffness: dict[Operators, Any] = {}

    def _absolute(self, operators: Operators) -> Any:
        """The absolute values of a stiffness matrix, made once."""
        if operators not in self._stiffness:
            absolute = self._stiffness[operators] = operators.K.copy()
            rows, columns, values = absolute.getValuesCSR()
            absolute.setValuesCSR(rows, columns, np.abs(values))
            absolute.assemble()
        return self._stiffness[operators]

    def _over_edges(self, nodal: np.ndarray, operators: Operators) -> np.ndarray:
        """Sum over the neighbours b of each owned node a of |K_ab| (f_a + f_b), of nodal values f >= 0. Collective."""
        stiffness = self._absolute(operators)
        x, y, own = (operators.vector() for _ in range(3))
        x.array[:] = nodal[: self._weights.owned]
        stiffness.mult(x, y)
        x.set(1.0)
        stiffness.mult(x, own)
        sums = y.array_r + own.array_r * nodal[: self._weights.owned]
        for vector in (x, y, own):
            vector.destroy()
        return np.asarray(sums)

    def _terms(self) -> np.ndarray:
        """Size of the terms that cancel in each row of the residual, shape (owned dofs, N + 1). Collective."""
        equations = self._equations
        coefficients, contents = equations.fields.coefficients, np.abs(equations.fields.storage())
        concentrations, drift = np.abs(equations.fields.concentrations()), np.abs(equations.fields.phi.x.array)
        terms = np.empty((len(contents), equations.fields.count + 1))
        for i, w in enumerate(equations.fields.functions[:-1]):
            size = equations.fields.variables.digits(w.x.array) + abs(coefficients.valence[i]) * drift
            edges = self._over_edges(concentrations[:, i] * size, equations.fields.transport[i].operators)
            terms[:, i] = coefficients.diffusivity[i] * edges
            terms[:, i] += coefficients.storage_rate * contents[:, i]
        terms[:, -1] = coefficients.debye_squared * self._over_edges(drift, equations.fields.permittivity)
        terms[:, -1] += contents @ np.abs(coefficients.valence)
        return terms

    def floors(self, nodal_flux: np.ndarray) -> dict[str, np.ndarray]:
        """Floors (N + 1,) of the net currents through each boundary, by name, displacement last. Collective.

        They have the unit of the residual, `System.nodal_flux` (owned dofs, N + 1), from which they follow.
        """
        ones, lost = np.ones(len(nodal_flux)), self._lost(nodal_flux)
        squares = self._terms() ** 2
        floors = {}
        for name, indicator in self._constraints.indicators.items():
            rows = np.zeros_like(squares)
            rows[:, :-1] = indicator
            rows[self._constraints.potential_dofs.get(name, np.empty(0, dtype=int)), -1] = 1.0
            floors[name] = PRECISION * np.sqrt(self._weights.integral(ones, rows * squares)) + lost
        return floors

    def _lost(self, nodal_flux: np.ndarray) -> np.ndarray:
        """Current of each species that is lost in the domain, zero for the displacement, shape (N + 1,). Collective."""
        ones, free, ions = np.ones(len(nodal_flux)), self._constraints.free[:, :-1], nodal_flux[:, :-1]
        lost = np.zeros(nodal_flux.shape[1])
        if not self._equations.fields.coefficients.storage_rate:
            lost[:-1] = np.abs(self._weights.integral(ones, np.where(free, ions, 0.0)))
            return lost
        at_constraints = np.where(free, 0.0, ions)
        through = [
            np.abs(self._weights.integral(ones, part * at_constraints))
            for part in self._constraints.indicators.values()
        ]
        amounts = np.abs(self._weights.integral(ones, self._equations.fields.storage()))
        lost[:-1] = CONSERVED_FLOW * np.max(through, axis=0) + CONSERVED_AMOUNT * amounts
        return lost

    def destroy(self) -> None:
        """Free the matrices. Collective."""
        for matrix in self._stiffness.values():
            matrix.destroy()
