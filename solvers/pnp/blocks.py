"""Blocks of the Jacobian by equation and unknown, for any pair that a term asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from spinepnp.runtime.stack import PETSc
from spinepnp.solvers.fem.operators import Operators

#: An equation and an unknown, by index of the component; the potential is the last one.
Pair = tuple[int, int]


class Blocks:
    """Matrices of the scalar space, one for each pair of an equation and an unknown that are coupled.

    Args:
        operators: matrices of the scalar space, whose pattern all blocks have.
        count: number of components, N + 1.
        pairs: coupled pairs.
        nodal: pairs that are coupled within each node only; their matrices are diagonal.
    """

    def __init__(self, operators: Operators, count: int, pairs: Iterable[Pair], nodal: Iterable[Pair] = ()) -> None:
        self._comm, self._count = operators.space.mesh.comm, count
        coupled = set(pairs)
        self._matrices = {
            pair: operators.empty() if pair in coupled else operators.empty_diagonal()
            for pair in sorted(coupled.union(nodal))
        }
        self._written: set[Pair] = set()

    def __getitem__(self, pair: Pair) -> Any:
        """Matrix of a pair; ``None`` where the block is zero."""
        return self._matrices.get(pair)

    def begin(self) -> None:
        """Forget the values of all blocks."""
        self._written.clear()

    def write(self, i: int, j: int) -> Any:
        """Matrix that the caller overwrites; it is the first term in this block."""
        self._written.add((i, j))
        return self._matrices[i, j]

    def add(self, i: int, j: int) -> Any:
        """Matrix to which the caller adds; it is zero where no term has written before."""
        matrix = self._matrices[i, j]
        if (i, j) not in self._written:
            matrix.zeroEntries()
            self._written.add((i, j))
        return matrix

    def finish(self) -> None:
        """Set the blocks to zero that no term has filled."""
        for pair, matrix in self._matrices.items():
            if pair not in self._written:
                matrix.zeroEntries()

    def scale_rows(self, factors: Sequence[float]) -> None:
        """Multiply the equations of each component by a factor."""
        for (i, _), block in self._matrices.items():
            if factors[i] != 1.0:
                block.scale(factors[i])

    def apply_dirichlet(self, free: list[Any], constrained: list[Any]) -> None:
        """Replace rows and columns of constrained unknowns by those of the identity. Collective.

        Args:
            free: vector of each component, one at unconstrained degrees of freedom, else zero.
            constrained: vector of each component, one at constrained degrees of freedom, else zero.
        """
        for (i, j), block in self._matrices.items():
            block.diagonalScale(free[i], free[j])
            if i == j:
                block.setDiagonal(constrained[i], addv=True)

    def nest(self) -> Any:
        """One PETSc matrix of the blocks; its unknowns stand species by species on each rank."""
        rows: Any = [[self._matrices.get((i, j)) for j in range(self._count)] for i in range(self._count)]
        return PETSc.Mat().createNest(rows, comm=self._comm)

    def destroy(self) -> None:
        """Free the matrices. Collective."""
        for block in self._matrices.values():
            block.destroy()
