"""Constrained degrees of freedom: their value is prescribed, or is one unknown constant with an equation of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.terms.base import BorderTerm, Term


class Constraints:
    """Constrained degrees of freedom of N species and a potential in one scalar space.

    Args:
        fields: fields of the unknowns.
        terms: terms that prescribe values or let degrees of freedom share one unknown constant.

    Attributes:
        free: unconstrained degrees of freedom, shape (owned dofs, N + 1), true or false.
        indicators: 1 where a degree of freedom of a species counts for a boundary, else 0, by boundary, shape
            (owned dofs, species). The rim of two boundaries counts for the one that prescribes the species. The side of
            a line has none: it prescribes nothing, and its currents are those of its terms.
        potential_dofs: owned degrees of freedom of each boundary that prescribes the potential, or floats.
        constants: number of constants that degrees of freedom share.
    """

    def __init__(self, fields: Fields, terms: Sequence[Term]) -> None:
        self._signature, self._boundary_dofs = fields.signature, fields.boundary_dofs
        self._sides = fields.weights.sides
        self._prescribed = [condition for term in terms for condition in term.prescribed]
        self._shared = [condition for term in terms if isinstance(term, BorderTerm) for condition in term.shared]
        self.constants = len(self._shared)
        for prescribed in self._prescribed:
            for shared in self._shared:  # the rim that both have belongs to the unknown constant
                if shared.component == prescribed.component:
                    prescribed.dofs = np.setdiff1d(prescribed.dofs, shared.dofs)
        owned = fields.owned
        self.free = np.ones((owned, fields.count + 1), dtype=bool)
        for condition in (*self._prescribed, *self._shared):
            self.free[condition.dofs[condition.dofs < owned], condition.component] = False
        self.indicators = self._indicators(owned)
        self.potential_dofs = self._potential_dofs(owned)

    def _potential_dofs(self, owned: int) -> dict[str, np.ndarray]:
        last, taken = len(self._signature.names), np.empty(0, dtype=np.int32)
        holders = {}
        for condition in (*self._shared, *self._prescribed):
            name = condition.boundary
            if condition.component == last and name:
                holders[name] = np.setdiff1d(condition.dofs[condition.dofs < owned], taken)
                taken = np.union1d(taken, holders[name])
        return holders

    def _indicators(self, owned: int) -> dict[str, np.ndarray]:
        names = self._signature.names
        taken = np.zeros((owned, len(names)), dtype=bool)
        indicators = {name: np.zeros((owned, len(names))) for name in self._boundary_dofs}
        holders = [(name, names.index(s)) for name, _, species in self._signature.dirichlet for s in species]
        with_facets = [name for name in self._boundary_dofs if name not in self._sides]
        for name, i in holders + [(name, i) for name in with_facets for i in range(len(names))]:
            dofs = self._boundary_dofs[name][self._boundary_dofs[name] < owned]
            free = dofs[~taken[dofs, i]]
            indicators[name][free, i] = 1.0
            taken[free, i] = True
        return indicators

    def prescribe(self, unknowns: np.ndarray, boundary: str | None = None) -> None:
        """Write prescribed values, all or those of one boundary, into local unknowns, shape (local dofs, N + 1)."""
        for condition in self._prescribed:
            if boundary in (None, condition.boundary):
                unknowns[condition.dofs, condition.component] = condition.value

    def prescribed_dofs(self) -> np.ndarray:
        """Degrees of freedom with a prescribed value, shape (owned dofs, N + 1), true or false."""
        prescribed = np.zeros(self.free.shape, dtype=bool)
        for condition in self._prescribed:
            prescribed[condition.dofs[condition.dofs < len(prescribed)], condition.component] = True
        return prescribed

    def write_constants(self, unknowns: np.ndarray, constants: np.ndarray) -> None:
        """Write the unknown constants into local unknowns."""
        for condition, g in zip(self._shared, constants, strict=True):
            unknowns[condition.dofs, condition.component] = g

    def constraint_residual(self, unknowns: np.ndarray) -> np.ndarray:
        """Prescribed minus present values of owned unknowns, shape (owned dofs, N + 1); zero elsewhere."""
        prescribed = np.array(unknowns)
        for condition in self._prescribed:
            own = condition.dofs[condition.dofs < len(prescribed)]
            prescribed[own, condition.component] = condition.value
        return prescribed - unknowns

    def direction(self, constant: int) -> np.ndarray:
        """Derivative of the owned unknowns by a constant: one at its degrees of freedom, zero elsewhere."""
        condition = self._shared[constant]
        direction = np.zeros(self.free.shape)
        direction[condition.dofs[condition.dofs < len(direction)], condition.component] = 1.0
        return direction
