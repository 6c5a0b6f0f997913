"""Linear solver of the Newton steps: a factorisation or an iteration, of a matrix or of a bordered system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from spinepnp.errors import petsc_reason
from spinepnp.runtime.stack import PETSc
from spinepnp.solvers.algebra.bordered import BorderedSystem
from spinepnp.solvers.algebra.petsc import NO_ACCURACY, OptionValues, PetscOptions, mumps_problem, weakly

#: PETSc options of a factorisation by MUMPS.
DIRECT_OPTIONS: OptionValues = {"ksp_type": "preonly", "pc_type": "lu", "pc_factor_mat_solver_type": "mumps"}

#: Relative tolerance of iterative solves far from the solution, where Newton steps are inexact anyway.
LOOSEST_RTOL = 1e-5

#: Smallest relative tolerance of iterative solves that is ever set.
TIGHTEST_RTOL = 1e-9


class Preconditioner(Protocol):
    """Context of a PETSc preconditioner of Python type, as an iterative solve needs it.

    Attributes:
        iterations: function that returns the iterations of the last linear solve, a negative number if it failed.
        failure: reason why the preconditioner could not be set up; empty where it could.
        generation: number that rises when the inverse has changed much.
        options: default PETSc options of the linear solver and of the nested ones.
    """

    iterations: Callable[[], int]
    failure: str
    generation: int
    options: OptionValues

    def setUp(self, pc: PETSc.PC, /) -> None:
        """Set up for a new matrix."""

    def apply(self, pc: PETSc.PC, x: PETSc.Vec, y: PETSc.Vec, /) -> None:
        """Apply the preconditioner to x, into y.

        Args:
            pc: preconditioner of PETSc with this context.
            x: vector that the preconditioner is applied to.
            y: result, which is overwritten.
        """


class LinearSolver:
    """Linear solver of PETSc for the Newton steps.

    Args:
        ksp: linear solver of SNES.
        A: matrix of the unknowns of the mesh.
        options: PETSc options of the solver.
        border: bordered system with matrix A, if there are unknown constants.
        preconditioner: context of a Python preconditioner of A for an iterative solver; without it A is factorised.

    Attributes:
        ksp: solver of the whole system.
        A: matrix of the unknowns of the mesh.
        operator: matrix of the whole system.
    """

    def __init__(
        self,
        ksp: Any,
        A: PETSc.Mat,
        options: PetscOptions,
        border: BorderedSystem | None,
        preconditioner: Preconditioner | None,
    ) -> None:
        self.ksp, self.A, self._options = ksp, A, options
        self._border, self._preconditioner = border, preconditioner
        self.operator = A if border is None else border.operator
        self._inner = ksp if border is None else border.inner
        self._rtol_before = LOOSEST_RTOL  # of the last solve
        self._sets_rtol = preconditioner is not None and not options.is_set_by_user("ksp_rtol")

    def prepare_border(self) -> None:
        """Let the options of the linear solver apply to the factorisation of A within the border."""
        if self._border is None or self._preconditioner is not None:
            return
        self.ksp.setOptionsPrefix("border_")
        self.ksp.setType("preonly")
        self._invert_border(self._border)
        self._inner.setFromOptions()

    def attach_preconditioner(self) -> None:
        """Attach the preconditioner to the solver, or to the inner solver of the border. It comes after the options."""
        if self._preconditioner is None:
            return
        self._preconditioner.iterations = weakly(self._iterations)
        if self._border is not None:
            self._inner.setType("preonly")
            preconditioner = self._preconditioner
            self._border.version = lambda: preconditioner.generation
            self._invert_border(self._border)
            self._inner.getPC().setType("python")
        if self._inner.getPC().getType() == "python":
            self._inner.getPC().setPythonContext(self._preconditioner)

    def _invert_border(self, border: BorderedSystem) -> None:
        self.ksp.getPC().setType("python")
        self.ksp.getPC().setPythonContext(border.inverse)

    def _iterations(self) -> int:
        """Iterations of the last solve, scaled to a relative tolerance of 1e-6; negative if it failed."""
        reason: Any = self.ksp.getConvergedReason()
        if reason < 0:
            return -1
        return int(np.ceil(self.ksp.getIterationNumber() * 6.0 / -np.log10(self._rtol_before)))

    @property
    def iterates(self) -> bool:
        """Whether the solver is iterative."""
        return self._preconditioner is not None

    @property
    def factorisation_solves(self) -> int | None:
        """Number of solves with the factorisation within a border so far; ``None`` where SNES counts every solve."""
        return self._border.krylov if self._border is not None and not self.iterates else None

    def set_rtol(self, rtol: float) -> float:
        """Set the relative tolerance of the next iterative solve, unless the user has set it; return what is in force.

        A factorisation has the smallest one.
        """
        self._rtol_before = float(self.ksp.getTolerances()[0])
        if self._sets_rtol:
            self.ksp.setTolerances(rtol=max(TIGHTEST_RTOL, rtol))
        return float(self.ksp.getTolerances()[0]) if self.iterates else TIGHTEST_RTOL

    def matrix_has_changed(self) -> None:
        """Tell PETSc that the bordered matrix has changed: only A has been assembled."""
        if self._border is not None:
            self.operator.assemble()

    def forget_failure(self, *, failed: bool) -> None:
        """Reset for new matrices; after a failed solve MUMPS would refuse every later one. Collective."""
        if self._preconditioner is not None:
            self._preconditioner.failure = ""
        if failed and self._by_mumps():
            self._inner.getPC().reset()

    def error_text(self, error: PETSc.Error) -> str:
        """Message of an error of PETSc, or of the preconditioner that caused it."""
        return (self._preconditioner.failure if self._preconditioner is not None else "") or petsc_reason(error)

    def why_failed(self) -> str:
        """Reason of a failed solve; empty where unknown."""
        if self.iterates:
            return NO_ACCURACY
        if not self._by_mumps():
            return ""
        return mumps_problem(self._inner.getPC().getFactorMatrix().getMumpsInfog(1), self._options.set_by_user)

    def _by_mumps(self) -> bool:
        preconditioner = self._inner.getPC()
        return preconditioner.getType() == "lu" and preconditioner.getFactorSolverType() == "mumps"
