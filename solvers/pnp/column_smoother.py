"""Smoother for quadratic elements on flat cells: whole columns of nodes, then Gauss-Seidel.

The coarse space of linear elements has no correction that is quadratic along a layer of flat cells and constant across
it. Gauss-Seidel reduces such an error by 1/a^2 in a sweep (a = width over height), because nodes one above another hold
each other. A solve for all nodes of a column at once leaves couplings along the layer alone, which are weak.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.runtime.stack import PETSc
from spinepnp.solvers.fem.node_columns import NodeColumns

#: Relaxation of the columns. Couplings along the layer between quadratic nodes have eigenvalues up to about two.
RELAXATION = 0.8


class ColumnSmoother:
    """Context of a PETSc preconditioner of Python type: a solve for all columns, then a symmetric sweep over all nodes.

    Each column is solved on one rank, also where its nodes belong to several.

    Args:
        columns: columns of the space.
    """

    def __init__(self, columns: NodeColumns) -> None:
        self._columns = columns
        self._matrix: Any = None
        self._blocks: Any = None  # matrix of the nodes of this rank's columns, with couplings between columns
        self._nodes: Any = None
        self._of_columns: Any = None
        self._scatter: Any = PETSc.Scatter()
        self._own: list[Any] = []

    def setUp(self, pc: Any) -> None:
        """Factorise the columns of the present matrix. Collective."""
        self._matrix, _ = pc.getOperators()
        first = not self._own
        if first:
            dofs: Any = self._columns.dofs.astype(PETSc.IntType)
            self._nodes = PETSc.IS().createGeneral(dofs, comm=PETSc.COMM_SELF)
        self._blocks = self._matrix.createSubMatrices([self._nodes], submats=self._blocks)
        rows, entries, values = self._blocks[0].getValuesCSR()
        if first:
            self._allocate(rows, entries)
        self._of_columns.setValuesCSR(*self._pattern, values[self._within])
        self._of_columns.assemble()
        self._factors.setOperators(self._of_columns)
        self._factors.setUp()

    def _allocate(self, rows: np.ndarray, entries: np.ndarray) -> None:
        """Allocate the matrix of the columns with the couplings within them, from the pattern of all couplings."""
        labels = self._columns.labels
        self._within = labels[np.repeat(np.arange(len(labels)), np.diff(rows))] == labels[entries]
        pattern = np.concatenate([[0], np.cumsum(self._within)])[rows], entries[self._within]
        self._pattern = [part.astype(PETSc.IntType) for part in pattern]
        self._of_columns = PETSc.Mat().createAIJ(len(labels), csr=(*self._pattern, None), comm=PETSc.COMM_SELF)
        self._factors = PETSc.PC().create(PETSc.COMM_SELF)
        self._factors.setType("lu")
        self._right, self._solved = self._of_columns.createVecs()
        self._scatter.create(self._matrix.createVecLeft(), self._nodes, self._right, None)
        self._own = [self._nodes, self._of_columns, self._factors, self._right, self._solved, self._scatter]

    def apply(self, _pc: Any, right: Any, x: Any) -> None:
        """Smooth from zero. Collective.

        Args:
            right: right-hand side.
            x: result, which is overwritten.
        """
        self._scatter.scatter(right, self._right)
        self._factors.apply(self._right, self._solved)
        self._solved.scale(RELAXATION)
        x.set(0.0)
        self._scatter.scatter(self._solved, x, mode=PETSc.ScatterMode.REVERSE)
        self._matrix.SOR(right, x, sortype=PETSc.Mat.SORType.LOCAL_SYMMETRIC_SWEEP)

    def destroy(self, _pc: Any = None) -> None:
        """Free the PETSc objects; PETSc calls this. Collective."""
        for item in (*(self._blocks or ()), *self._own):
            item.destroy()
        self._blocks, self._own = None, []
