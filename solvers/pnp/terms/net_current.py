"""Boundaries at one unknown potential, which follows from the net current through each of them.

In a steady state it is the current of the ions, in time that of ions and displacement: over a stage of a step the
charge that ions carry through the boundary, and the change of the charge on it. The charge on the boundary is a linear
function of the state, whose derivative by the potential is a capacitance: the constant is determined at each stage, and
the method keeps its order.
"""

from __future__ import annotations

from typing import override

import numpy as np

from spinepnp.solvers.model.problem_data import ProblemData, ProblemSignature
from spinepnp.solvers.model.terms import TERM_KEYS
from spinepnp.solvers.pnp.constraints import Constraints
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import BorderRow, BorderTerm, Condition


class NetCurrent(BorderTerm):
    """Unknown potentials of boundaries with the equations of their net currents.

    Attributes:
        constraints: constrained degrees of freedom of the problem, for the flux at each boundary.
        names: boundaries of the term.
    """

    constraints: Constraints

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        self.names = self.boundaries(fields.signature)
        taken = np.empty(0, dtype=np.int32)
        for name in fields.signature.unknown_potentials:  # the rim of two of them is the first one's
            dofs = np.setdiff1d(fields.boundary_dofs[name], taken) if taken.size else fields.boundary_dofs[name]
            taken = np.union1d(taken, dofs)
            if name in self.names:
                self.shared.append(Condition(fields.count, dofs, name))

    @staticmethod
    def boundaries(signature: ProblemSignature) -> tuple[str, ...]:
        """Boundaries of the term by the structure of a problem."""
        raise NotImplementedError

    @override
    def update(self, step: StepData) -> None:
        areas, data = step.areas, step.problem_data
        given = {n: (data.boundaries[n], data.electrolyte, areas[n], data.time, data.time) for n in self.names}
        injected = {n: sum(I for term in TERM_KEYS for I in term.currents(*of)) for n, of in given.items()}
        self._injected = {name: current / step.scales.current for name, current in injected.items()}
        self._step_size, self._wall_charge = step.step_size, step.wall_charge

    def _weights(self) -> list[np.ndarray]:
        """Weight of the nodal flux of each degree of freedom in the net current of each boundary.

        The nodal flux of the potential is the charge on the boundary; it counts in time.
        """
        valence, in_time = self.fields.coefficients.valence, self._wall_charge is not None
        weights = []
        for name in self.names:
            charges = np.zeros((self.fields.owned, self.fields.count + 1))
            charges[:, :-1] = self.constraints.indicators[name] * valence
            charges[self.constraints.potential_dofs[name], -1] = float(in_time)
            weights.append(charges)
        return weights

    def passing(self, nodal_flux: np.ndarray) -> np.ndarray:
        """Terms of the equation of each boundary, shape (boundaries, N + 2 or more). Collective.

        In a steady state: the current of each species, zero, and the injected current. In a step: the charge of each
        species, of the displacement field, and of the injection. At the solution each row adds up to zero.

        Args:
            nodal_flux: residual without constraints, shape (owned dofs, N + 1).
        """
        terms = np.zeros((self.count, self.fields.count + 2))
        for k, (name, charges) in enumerate(zip(self.names, self._weights(), strict=True)):
            terms[k, :-1] = self.fields.weights.integral(np.ones(len(nodal_flux)), charges * nodal_flux)
            terms[k, -1] = self._step_size * self._injected[name]
            if self._wall_charge is not None:
                terms[k, -2] -= self._wall_charge[name]
        return terms

    def rounding(self) -> np.ndarray:
        """Rounding error of the sum of the terms of each boundary, beside that of the largest one; (boundaries,)."""
        return np.zeros(self.count)

    @override
    def values(self, nodal_flux: np.ndarray) -> list[float]:
        return list(self.passing(nodal_flux).sum(axis=1))

    @override
    def rows(self) -> list[BorderRow]:
        return [BorderRow(weights=weights) for weights in self._weights()]
