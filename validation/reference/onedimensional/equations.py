"""Equations of a system with prescribed values, amounts and gauge in the rows that they replace."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_matrix

from spinepnp.validation.reference.onedimensional.assembly import Assembler, Gauge
from spinepnp.validation.reference.onedimensional.problem import Values
from spinepnp.validation.reference.onedimensional.system import Loads, System


class Equations:
    """Storage and residual of a system, with prescribed values and gauge in the rows that they replace.

    Args:
        system: the system.
        pinned: species whose amount is prescribed at the node of the gauge; the caller fills these rows.
    """

    def __init__(self, system: System, pinned: range = range(0)) -> None:
        self.system, self.gauge = system, Gauge(system)
        self.replaced = system.prescribed.copy()
        self.replaced[pinned, self.gauge.node] = True
        if self.gauge.active:
            self.replaced[-1, self.gauge.node] = True
        self.assembler = Assembler(system, self.replaced)

    def storage(self, state: Values) -> Values:
        """Storage q, zero in equations without storage, shape of the state."""
        return np.where(self.replaced, 0.0, self.system.storage(state))

    def residual(self, state: Values, loads: Loads) -> Values:
        """Residual F, shape of the state."""
        F = np.where(self.replaced, self.system.misfit(state, loads), self.system.residual(state, loads))
        if self.gauge.active:
            F[-1, self.gauge.node] = self.gauge.value(state)
        return F

    def matrix(self, state: Values, loads: Loads) -> csc_matrix:
        """Jacobian dF."""
        jacobian = self.assembler.matrix(state, loads) + self.assembler.identity(self.system.prescribed)
        if self.gauge.active:
            jacobian = jacobian + self.gauge.matrix(self.assembler)
        return jacobian.tocsc()

    def mass(self, state: Values) -> csc_matrix:
        """Mass matrix dq."""
        return self.assembler.mass(state)


class SteadyEquations(Equations):
    """Steady equations F = 0; in a closed problem with the amounts of all species."""

    def __init__(self, system: System) -> None:
        self.pinned = range(len(system.z)) if system.problem.closed else range(0)
        super().__init__(system, self.pinned)
        self.amounts = np.sum(system.weight) * system.reference

    def __call__(self, point: Values, loads: Loads) -> tuple[Values, csc_matrix]:
        """Residual (n,) and Jacobian (n, n)."""
        system, node, n = self.system, self.gauge.node, self.system.shape[1]
        state = point.reshape(system.shape)
        F, J, stored = self.residual(state, loads), self.matrix(state, loads), system.storage(state)
        for i in self.pinned:
            F[i, node] = np.sum(stored[i]) - self.amounts[i]
            mass = system.mass_blocks(state)[i].sum(axis=1)
            row = np.bincount(system.mesh.connectivity.ravel(), mass.ravel(), minlength=n)
            J = J + self.assembler.row(i * n + node, i * n + np.arange(n), row)
        return F.ravel(), J.tocsc()
