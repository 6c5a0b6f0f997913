"""Linear systems with a few unknown constants behind the many unknowns of a mesh.

    [ A  B ] [x]   [r]
    [ C  D ] [g] = [s]

A is sparse, B and C have a column and a row for each constant. One factorisation (or preconditioner) of A serves all:
with A Y = B and A y = r, g = (D - C Y)^-1 (s - C y) and x = y - Y g. The constants live on the last rank.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from spinepnp.runtime.stack import PETSc


class BorderedLayout:
    """Vectors with the unknowns of the mesh and the constants behind them.

    Args:
        comm: MPI communicator.
        owned: number of unknowns of the mesh on this rank.
        count: number of constants.
    """

    def __init__(self, comm: Any, owned: int, count: int) -> None:
        self.comm, self.owned, self.count = comm, owned, count
        self._last = comm.rank == comm.size - 1

    def vector(self) -> Any:
        """A new vector of zeros."""
        size = self.owned + (self.count if self._last else 0)
        vector = PETSc.Vec().createMPI((size, PETSc.DETERMINE), comm=self.comm)
        vector.set(0.0)
        return vector

    def split(self, vector: Any) -> tuple[np.ndarray, np.ndarray]:
        """Unknowns of this rank (a view) and all constants. Collective where there are constants."""
        values = vector.array_r
        constants = values[self.owned :].copy() if self._last else None
        return values[: self.owned], self._share(constants)

    def _share(self, constants: np.ndarray | None) -> np.ndarray:
        if not self.count:
            return np.empty(0)
        return np.asarray(self.comm.bcast(constants, root=self.comm.size - 1))

    def join(self, vector: Any, unknowns: np.ndarray, constants: np.ndarray) -> None:
        """Fill a vector."""
        array = vector.array_w
        array[: self.owned] = unknowns
        if self._last and self.count:
            array[self.owned :] = constants


class BorderedSystem:
    """The matrix of such a system and its inverse.

    Args:
        layout: of the vectors.
        A: sparse matrix of the unknowns of the mesh.

    Attributes:
        columns: of B, for the user to fill.
        rows: of C, likewise.
        corner: D.
        inner: solver for A, or one application of a preconditioner, to be configured.
        krylov: its iterations so far.
        operator: the whole matrix as a PETSc matrix.
        inverse: context of a PETSc preconditioner of Python type.
    """

    def __init__(self, layout: BorderedLayout, A: Any) -> None:
        self.layout, self.A = layout, A
        count, of_mesh = layout.count, BorderedLayout(layout.comm, layout.owned, 0)
        self.columns, self.rows, self._solved = ([of_mesh.vector() for _ in range(count)] for _ in range(3))
        self.corner = np.zeros((count, count))
        self._x, self._y = of_mesh.vector(), of_mesh.vector()
        self.inner = PETSc.KSP().create(layout.comm)
        self.krylov = 0
        sizes = layout.vector().getSizes()
        self.operator = PETSc.Mat().createPython((sizes, sizes), context=_Operator(self), comm=layout.comm)
        self.operator.setUp()
        self.inverse = _Inverse(self)

    @staticmethod
    def weighted(vectors: list[Any], vector: Any) -> np.ndarray:
        """Dot product of a vector with each of several. Collective."""
        return np.array([v.dot(vector) for v in vectors])

    def mult(self, x: Any, y: Any) -> None:
        """y = J x. Collective."""
        values, constants = self.layout.split(x)
        self._x.array[:] = values
        self.A.mult(self._x, self._y)
        for g, column in zip(constants, self.columns, strict=True):
            self._y.axpy(g, column)
        balances = self.weighted(self.rows, self._x) + self.corner @ constants
        self.layout.join(y, self._y.array_r, balances)

    def diagonal(self, diagonal: Any) -> None:
        """The diagonal of J."""
        self.A.getDiagonal(self._y)
        self.layout.join(diagonal, self._y.array_r, np.diag(self.corner))

    def factorise(self) -> None:
        """Solve for the columns after the matrix has changed. Collective."""
        self.inner.setOperators(self.A)
        for column, solved in zip(self.columns, self._solved, strict=True):
            self._solve(column, solved)
        self._schur = self.corner - np.array([self.weighted(self.rows, y) for y in self._solved]).T

    def _solve(self, right: Any, x: Any) -> None:
        self.inner.solve(right, x)
        self.krylov += self.inner.getIterationNumber()

    def solve(self, right: Any, x: Any) -> bool:
        """x = J^-1 right; whether that went well. Collective."""
        values, constants = self.layout.split(right)
        self._y.array[:] = values
        self._solve(self._y, self._x)
        reason: Any = self.inner.getConvergedReason()
        good = reason > 0
        try:
            constants = np.linalg.solve(self._schur, constants - self.weighted(self.rows, self._x))
        except np.linalg.LinAlgError:
            good = False
        for g, solved in zip(constants, self._solved, strict=True):
            self._x.axpy(-g, solved)
        self.layout.join(x, self._x.array_r, constants)
        return good

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        for item in (self.operator, self.inner, self._x, self._y, *self.columns, *self.rows, *self._solved):
            item.destroy()


class _Operator:
    """The matrix, in the words of a PETSc matrix of Python type."""

    def __init__(self, system: BorderedSystem) -> None:
        self._system = weakref.proxy(system)  # PETSc keeps this, and the system keeps the matrix

    def mult(self, _matrix: Any, x: Any, y: Any) -> None:
        self._system.mult(x, y)

    def getDiagonal(self, _matrix: Any, diagonal: Any) -> None:
        self._system.diagonal(diagonal)


class _Inverse:
    """Its inverse, in the words of a PETSc preconditioner of Python type."""

    def __init__(self, system: BorderedSystem) -> None:
        self._system = weakref.proxy(system)

    def setUp(self, _pc: Any) -> None:
        self._system.factorise()

    def apply(self, pc: Any, x: Any, y: Any) -> None:
        if not self._system.solve(x, y):
            pc.setFailedReason(PETSc.PC.FailedReason.FACTOR_OTHER)
