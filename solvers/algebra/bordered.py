"""Bordered linear systems: the unknowns of a mesh, and a few unknown constants after them.

    [ A  B ] [x]   [r]
    [ C  D ] [g] = [s]

A is sparse; B has a column and C a row for each constant. One factorisation (or preconditioner) of A suffices:
with A Y = B and A y = r, g = (D - C Y)^-1 (s - C y) and x = y - Y g. The constants live on the last rank.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from spinepnp.runtime.stack import MPI, PETSc, reduced

#: Relative difference in the square of a cosine up to which two columns have one direction.
SAME_DIRECTION = 1e-6


class BorderedLayout:
    """Layout of vectors: the unknowns of the mesh, then the constants (on the last rank).

    Args:
        comm: MPI communicator.
        owned: number of unknowns of the mesh on this rank.
        count: number of constants.
    """

    def __init__(self, comm: Any, owned: int, count: int) -> None:
        self.comm, self.owned, self.count = comm, owned, count
        self._last = comm.rank == comm.size - 1

    def vector(self) -> Any:
        """New vector of zeros."""
        size = self.owned + (self.count if self._last else 0)
        vector = PETSc.Vec().createMPI((size, PETSc.DETERMINE), comm=self.comm)
        vector.set(0.0)
        return vector

    def split(self, vector: PETSc.Vec) -> tuple[np.ndarray, np.ndarray]:
        """Unknowns of this rank (a view), and all constants on every rank. Collective where there are constants."""
        values = vector.array_r
        constants = values[self.owned :].copy() if self._last else None
        if self.count:
            constants = self.comm.bcast(constants, root=self.comm.size - 1)
        return values[: self.owned], np.empty(0) if constants is None else constants

    def join(self, vector: PETSc.Vec, unknowns: np.ndarray, constants: np.ndarray) -> None:
        """Fill a vector with the unknowns of this rank and the constants.

        Args:
            vector: vector of this layout, which is overwritten.
            unknowns: unknowns of the mesh on this rank, shape (owned,).
            constants: all unknown constants, shape (count,); read on the last rank only.
        """
        array = vector.array_w
        array[: self.owned] = unknowns
        if self._last and self.count:
            array[self.owned :] = constants


def _dense(comm: Any, owned: int, count: int) -> tuple[np.ndarray, Any]:
    """Values of some columns on this rank, shape (owned, count), and the PETSc matrix that shares them."""
    values: Any = np.zeros((owned, count), order="F")
    return values, PETSc.Mat().createDense(((owned, PETSc.DETERMINE), (PETSc.DECIDE, count)), array=values, comm=comm)


class BorderedSystem:
    """Bordered matrix and its inverse.

    Args:
        layout: layout of the vectors.
        A: sparse matrix of the unknowns of the mesh.

    Attributes:
        columns: columns of B; the caller fills them.
        rows: rows of C; the caller fills them.
        corner: matrix D; the caller fills it.
        inner: linear solver for A (or one application of a preconditioner); the caller configures it.
        krylov: iterations of the inner solver so far.
        version: number of the present inner preconditioner; each call gives another one where it follows A.
        operator: bordered matrix as a PETSc matrix of Python type.
        inverse: context of a PETSc preconditioner of Python type that solves the bordered system.
    """

    def __init__(self, layout: BorderedLayout, A: PETSc.Mat) -> None:
        self.layout, self.A = layout, A
        count, of_mesh = layout.count, BorderedLayout(layout.comm, layout.owned, 0)
        self._dense = [_dense(layout.comm, layout.owned, count) for _ in range(3)]
        self._arrays = [array for array, _ in self._dense]  # of columns, rows and solved columns, shape (owned, count)
        self.columns, self.rows, self._solved = (
            [PETSc.Vec().createWithArray(part, comm=layout.comm) for part in array.T] for array in self._arrays
        )
        self._former = np.empty((layout.owned, 0))  # columns that the solved ones belong to
        self._version = -1
        self.corner = np.zeros((count, count))
        self._x, self._y = of_mesh.vector(), of_mesh.vector()
        self.inner = PETSc.KSP().create(layout.comm)
        self.krylov = 0
        self.version: Callable[[], int] = itertools.count().__next__
        sizes = layout.vector().getSizes()
        self.operator = PETSc.Mat().createPython((sizes, sizes), context=_Operator(self), comm=layout.comm)
        self.operator.setUp()
        self.inverse = _Inverse(self)

    @staticmethod
    def weighted(vectors: list[PETSc.Vec], vector: PETSc.Vec) -> np.ndarray:
        """Dot products of a vector with several others. Collective."""
        return np.array([v.dot(vector) for v in vectors])

    def mult(self, x: PETSc.Vec, y: PETSc.Vec) -> None:
        """Multiply: y = J x. Collective."""
        values, constants = self.layout.split(x)
        self._x.array[:] = values
        self.A.mult(self._x, self._y)
        columns, rows, _ = self._arrays
        self._y.array[:] += columns @ constants
        products = self._sums(rows.T @ self._x.array_r) + self.corner @ constants
        self.layout.join(y, self._y.array_r, products)

    def diagonal(self, diagonal: PETSc.Vec) -> None:
        """Copy the diagonal of J into a vector."""
        self.A.getDiagonal(self._y)
        self.layout.join(diagonal, self._y.array_r, np.diag(self.corner))

    def factorise(self) -> None:
        """Factorise A after it has changed, and solve for the columns Y. Collective.

        As long as a preconditioner stays as it is, a column that has only been scaled needs no other solve.
        """
        self.inner.setOperators(self.A)
        self.inner.setUp()
        columns, rows, solved = self._arrays
        version = self.version()
        scale = self._scaled() if version == self._version else None
        if scale is not None:
            solved *= scale
        else:
            (_, right), _, (_, x) = self._dense
            for matrix in (right, x):
                matrix.assemble()
            self.inner.matSolve(right, x)
            self.krylov += self.layout.count
            self._former, self._version = columns.copy(), version
        self._schur = self.corner - self._sums(rows.T @ solved)

    def _scaled(self) -> np.ndarray | None:
        """Factors of the columns to those that were solved; ``None`` where they differ by more. Collective."""
        columns, former = self._arrays[0], self._former
        parts = np.array([(columns * former).sum(axis=0), (former**2).sum(axis=0), (columns**2).sum(axis=0)])
        product, before, now = self._sums(parts)
        if np.any(before == 0.0) or np.any(product**2 < (1.0 - SAME_DIRECTION) * before * now):
            return None
        factor = product / before
        self._former = former * factor
        return np.asarray(factor)

    def _sums(self, local: np.ndarray) -> np.ndarray:
        return reduced(self.layout.comm, np.ascontiguousarray(local), MPI.SUM)

    def _solve(self, right: PETSc.Vec, x: PETSc.Vec) -> None:
        self.inner.solve(right, x)
        self.krylov += self.inner.getIterationNumber()

    def solve(self, right: PETSc.Vec, x: PETSc.Vec) -> bool:
        """Solve J x = right; whether it succeeded. Collective."""
        values, constants = self.layout.split(right)
        self._y.array[:] = values
        self._solve(self._y, self._x)
        _, rows, solved = self._arrays
        reason: Any = self.inner.getConvergedReason()
        converged = reason > 0
        try:
            constants = np.linalg.solve(self._schur, constants - self._sums(rows.T @ self._x.array_r))
        except np.linalg.LinAlgError:
            converged = False
        self._x.array[:] -= solved @ constants
        self.layout.join(x, self._x.array_r, constants)
        return converged

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        for item in (self.operator, self.inner, self._x, self._y, *self.columns, *self.rows, *self._solved):
            item.destroy()
        for _, matrix in self._dense:
            matrix.destroy()


class _Operator:
    """Context of the PETSc matrix of Python type."""

    def __init__(self, system: BorderedSystem) -> None:
        # No cycle through PETSc: it keeps this object, and the system keeps the matrix.
        self._system = weakref.proxy(system)

    def mult(self, _matrix: PETSc.Mat, x: PETSc.Vec, y: PETSc.Vec) -> None:
        self._system.mult(x, y)

    def getDiagonal(self, _matrix: PETSc.Mat, diagonal: PETSc.Vec) -> None:
        self._system.diagonal(diagonal)


class _Inverse:
    """Context of the PETSc preconditioner of Python type."""

    def __init__(self, system: BorderedSystem) -> None:
        self._system = weakref.proxy(system)

    def setUp(self, _pc: PETSc.PC) -> None:
        self._system.factorise()

    def apply(self, pc: Any, x: PETSc.Vec, y: PETSc.Vec) -> None:
        if not self._system.solve(x, y):
            pc.setFailedReason(PETSc.PC.FailedReason.FACTOR_OTHER)
