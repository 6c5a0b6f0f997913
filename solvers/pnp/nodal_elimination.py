"""Elimination of immobile species at the nodes, for the block preconditioner.

An immobile species meets others at its own node only. With the blocks A_II among immobile species, A_MI and A_IM, small
matrices at each node, the equations of the mobile ones become

    (A_MM - A_MI A_II^-1 A_IM) y_M = r_M - A_MI A_II^-1 r_I,      y_I = A_II^-1 (r_I - A_IM y_M),

whose changes of A_MM are diagonal matrices. With quadratic elements the diagonals of the blocks stand for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.solvers.pnp.blocks import Blocks
from spinepnp.solvers.pnp.fields import Fields


class NodalElimination:
    """Immobile species, eliminated at the nodes.

    Args:
        fields: fields of the unknowns.
        blocks: blocks of the Jacobian.

    Attributes:
        immobile: indices of the immobile species.
        mobile: indices of the others.
    """

    def __init__(self, fields: Fields, blocks: Blocks) -> None:
        self._fields, self._blocks = fields, blocks
        self.immobile = list(fields.immobile)
        self.mobile = [i for i in range(fields.count) if i not in fields.immobile]

    def _nodal(self, rows: list[int], columns: list[int]) -> np.ndarray:
        """Diagonals of blocks, shape (owned dofs, rows, columns)."""
        values = np.zeros((self._fields.owned, len(rows), len(columns)))
        for a, i in enumerate(rows):
            for b, j in enumerate(columns):
                if (block := self._blocks[i, j]) is not None:
                    diagonal = block.getDiagonal()
                    values[:, a, b] = diagonal.array_r
                    diagonal.destroy()
        return values

    def set_up(self) -> None:
        """Take the present blocks."""
        self._inverse = np.linalg.inv(self._nodal(self.immobile, self.immobile))
        self._from_mobile = self._nodal(self.immobile, self.mobile)
        self._to_mobile = self._nodal(self.mobile, self.immobile) @ self._inverse
        self._change = -(self._to_mobile @ self._from_mobile)

    def change(self, i: int, j: int) -> np.ndarray:
        """Change of the block of two mobile species by the elimination, at the owned nodes."""
        return self._change[:, self.mobile.index(i), self.mobile.index(j)]

    def reduce(self, r: list[Any]) -> np.ndarray:
        """Take the immobile species out of the right sides of the mobile ones.

        Args:
            r: vector of each component; those of mobile species are changed.

        Returns:
            Right sides of the immobile species, shape (owned dofs, immobile).
        """
        kept = np.column_stack([r[i].array_r for i in self.immobile])
        change = (self._to_mobile @ kept[:, :, None])[:, :, 0]
        for a, i in enumerate(self.mobile):
            r[i].array[:] -= change[:, a]
        return kept

    def solve(self, right: np.ndarray, mobile: np.ndarray) -> np.ndarray:
        """Immobile unknowns, shape (owned dofs, immobile), of their right sides and of the mobile ones."""
        rest = right - (self._from_mobile @ mobile[:, :, None])[:, :, 0]
        return np.asarray((self._inverse @ rest[:, :, None])[:, :, 0])
