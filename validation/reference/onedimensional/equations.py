"""Equations of a system with prescribed values, amounts and gauge in the rows that they replace."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_matrix

from spinepnp.validation.reference.onedimensional.assembly import Assembler, Gauge, Rows
from spinepnp.validation.reference.onedimensional.kinetics import rows_of
from spinepnp.validation.reference.onedimensional.problem import Values
from spinepnp.validation.reference.onedimensional.system import Loads, System


class Equations:
    """Storage and residual of a system, with prescribed values and gauge in the rows that they replace.

    Args:
        system: the system.
        by_laws: rows that conserved totals replace, shape of a state; the caller fills them.
    """

    def __init__(self, system: System, by_laws: Rows | None = None) -> None:
        self.system, self.gauge = system, Gauge(system)
        self.replaced = system.prescribed.copy()
        if by_laws is not None:
            self.replaced |= by_laws
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
    """Steady equations F = 0, with the totals that reactions, ends and immobile species leave to be told.

    Totals of immobile species are those of the start at every place; the others, such as the amounts of a closed
    problem, are those of the start in the whole interval.
    """

    def __init__(self, system: System) -> None:
        self.conserved, by_laws = system.conserved, np.zeros(system.shape, dtype=bool)
        self.local, self.whole = rows_of(self.conserved.local), rows_of(self.conserved.whole)
        by_laws[self.local] = True
        by_laws[self.whole, system.pin] = True
        super().__init__(system, by_laws)
        self.at_start = system.storage(system.uniform())[:-1]
        self.amounts = np.sum(system.weight) * system.reference

    def __call__(self, point: Values, loads: Loads) -> tuple[Values, csc_matrix]:
        """Residual (n,) and Jacobian (n, n)."""
        system, node, n = self.system, self.gauge.node, self.system.shape[1]
        state = point.reshape(system.shape)
        F, J, stored = self.residual(state, loads), self.matrix(state, loads), system.storage(state)
        if self.local or self.whole:
            mass = system.mass_blocks(state)
        for i, law in zip(self.local, self.conserved.local, strict=True):
            F[i] = law @ (stored[:-1] - self.at_start)
            J = J + self.assembler.rows_of([(i, int(j), law[j] * mass[j]) for j in np.flatnonzero(law)])
        for i, law in zip(self.whole, self.conserved.whole, strict=True):
            F[i, node] = law @ (np.sum(stored[:-1], axis=1) - self.amounts)
            for j in np.flatnonzero(law):
                local = law[j] * mass[j].sum(axis=1)
                row = np.bincount(system.mesh.connectivity.ravel(), local.ravel(), minlength=n)
                J = J + self.assembler.row(i * n + node, int(j) * n + np.arange(n), row)
        return F.ravel(), J.tocsc()
