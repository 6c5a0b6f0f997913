"""Correction of the conserved totals of reacting species, for the block preconditioner.

Where reactions are fast, solving for one species after the other changes the totals l . c slowly: what one species
gains reactions give back to the others. A total diffuses with its species in local equilibrium. With the direction P_k
in which the concentrations follow it, without a change of the rates, its equation is

    M_k T_k = l_k . r,      M_k = sum_i l_ki A_ii diag(P_ik) + ...,      c += sum_k P_k T_k,

in which the rates cancel: l_k conserves them, and P_k changes none. M_k is near a stiffness matrix and gets a V-cycle.
For the scaled rates r_m(c) with the molecules n_mi, P = (1 + n^T J^-1 r') E, J = -r' n^T, where l E = 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.solvers.pnp.blocks import Blocks
from spinepnp.solvers.pnp.cycles import Cycle
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.terms.reaction import Reactions

#: Rate of a reaction over the largest one below which it does not bind its species together.
SLOW = 1e-10


class TotalCorrection:
    """Correction of the totals of mobile species that react.

    Args:
        fields: fields of the unknowns.
        blocks: blocks of the Jacobian, with constraints applied.
        reactions: the term of the reactions.
        free: unconstrained degrees of freedom, shape (owned dofs, N + 1).
        prefix: prefix of the PETSc options of the cycles.
    """

    def __init__(self, fields: Fields, blocks: Blocks, reactions: Reactions, free: np.ndarray, prefix: str) -> None:
        self._fields, self._blocks, self._reactions = fields, blocks, reactions
        network = reactions.network
        self._species = [int(i) for i in np.flatnonzero(network.reacts)]
        weights = network.total_weights
        weights = weights[(weights[:, network.reacts] != 0.0).any(axis=1)]
        # A total with one mobile species is that of its own equation, after the elimination of the others.
        counts = np.count_nonzero(weights * fields.moves, axis=1) > 1
        self._weights, self._kept = weights[counts], weights[~counts]
        totals = self._weights
        # A node where one of its species is constrained has no equation of the total.
        self._free = np.array([free[:, np.flatnonzero(w)].all(axis=1) for w in self._weights], dtype=float)
        self._cycles = [Cycle(fields.operators, prefix) for _ in totals]
        self._matrices = [fields.operators.empty() for _ in totals]
        self._work = [fields.operators.vector() for _ in range(3)]

    @property
    def count(self) -> int:
        """Number of totals."""
        return len(self._cycles)

    def set_up(self) -> None:
        """Set up the cycles for the present blocks. Collective."""
        self._directions = self._equilibrium_directions()
        scaled, product, _ = self._work
        for k, (cycle, matrix) in enumerate(zip(self._cycles, self._matrices, strict=True)):
            matrix.zeroEntries()
            for i in np.flatnonzero(self._weights[k]):
                for j in self._species:
                    block = self._blocks[int(i), j]
                    if block is None:
                        continue
                    scaled.array[:] = self._directions[:, j, k] * self._free[k]
                    product.array[:] = self._weights[k, i] / self._fields.row_factors[i] * self._free[k]
                    copy = block.copy()
                    copy.diagonalScale(product, scaled)
                    if i == j and i not in self._fields.immobile:
                        matrix.axpy(1.0, copy, structure=True)
                    else:
                        matrix.setDiagonal(copy.getDiagonal(), addv=True)
                    copy.destroy()
            scaled.array[:] = 1.0 - self._free[k]
            matrix.setDiagonal(scaled, addv=True)
            cycle.set_up(matrix)

    def _equilibrium_directions(self) -> np.ndarray:
        """Derivatives of the unknowns by the totals at equilibrium of the reactions, shape (owned dofs, N, totals).

        Each is over the effective diffusivity of its total, so that the equation of the total has a smooth matrix.
        """
        slopes, molecules = self._reactions.rate_slopes(), self._reactions.network.net.T.astype(float)
        start = np.linalg.pinv(np.vstack([self._weights, self._kept]))[:, : self.count]  # l E = 1, other totals stay
        binding = -slopes @ molecules
        size = np.abs(binding).max(axis=(1, 2), initial=0.0)
        floor = SLOW * max(float(size.max(initial=0.0)), 1e-300)
        binding = binding + floor * np.eye(binding.shape[1])
        change = np.linalg.solve(binding, slopes @ start)
        directions = start + molecules @ change
        carried = self._weights * self._fields.coefficients.diffusivity
        effective = np.einsum("ki,nik->nk", carried, directions)
        directions = directions / np.where(effective > 0.0, effective, 1.0)[:, None, :]
        c = self._fields.concentrations()[: self._fields.owned]
        return np.asarray(directions / self._fields.variables.slope(c)[:, :, None])

    def correct(self, residual: Any, solved: list[Any]) -> None:
        """Add the change of the totals to solved unknowns.

        Args:
            residual: function of an index that fills a vector with the residual of a species after its solve.
            solved: unknowns of the species, which are changed.
        """
        right, total, work = self._work
        for k, cycle in enumerate(self._cycles):
            right.set(0.0)
            for i in np.flatnonzero(self._weights[k]).tolist():
                residual(i, work)
                right.axpy(self._weights[k, i] / self._fields.row_factors[i], work)
            right.array[:] *= self._free[k]
            cycle.solver.solve(right, total)
            for j in self._species:
                solved[j].array[:] += self._directions[:, j, k] * self._free[k] * total.array_r

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        for item in (*self._cycles, *self._matrices, *self._work):
            item.destroy()
