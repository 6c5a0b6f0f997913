"""The linear systems of Newton's steps: a factorisation or an iteration, of the matrix or of it within a border."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from spinepnp.errors import SolveError, petsc_reason
from spinepnp.runtime import interrupts
from spinepnp.runtime.stack import PETSc
from spinepnp.solvers.algebra.bordered import BorderedSystem
from spinepnp.solvers.algebra.petsc import NO_ACCURACY, OptionValues, PetscOptions, mumps_problem, weakly

DIRECT: OptionValues = {"ksp_type": "preonly", "pc_type": "lu", "pc_factor_mat_solver_type": "mumps"}

#: Relative accuracy of iterative solves far from the solution, and the highest that is ever asked for.
FAR, NEAREST = 1e-5, 1e-9

#: The same where an error is estimated: step lengths follow from it, and must be the same on any number of ranks.
ROUGH = 1e-6


class Preconditioner(Protocol):
    """Context of a PETSc preconditioner of Python type, as an iterative solve needs it.

    Attributes:
        iterations: gives the iterations of the last linear solve; a negative number says that it failed.
        failure: reason why the preconditioner could not be set up; empty where it could.
        options: defaults of the linear solver and of those within, by name of the PETSc option.
    """

    iterations: Callable[[], int]
    failure: str
    options: OptionValues

    def setUp(self, pc: Any, /) -> None:
        """Prepare for a new matrix."""

    def apply(self, pc: Any, x: Any, y: Any, /) -> None:
        """Overwrite y by the preconditioner applied to x."""


class LinearSolver:
    """PETSc's solver of the linear systems.

    Args:
        ksp: of SNES.
        A: matrix of the unknowns of the mesh.
        options: of the solver.
        border: unknown constants of the system, if there are any; its matrix is A.
        preconditioner: context of a Python preconditioner of A for an iterative solver; without it A is factorised.

    Attributes:
        ksp: the solver of the whole system.
        A: matrix of the unknowns of the mesh.
        operator: matrix of the whole system.
    """

    def __init__(
        self,
        ksp: Any,
        A: Any,
        options: PetscOptions,
        border: BorderedSystem | None,
        preconditioner: Preconditioner | None,
    ) -> None:
        self.ksp, self.A, self._options = ksp, A, options
        self._border, self._preconditioner = border, preconditioner
        self.operator = A if border is None else border.operator
        self._inner = ksp if border is None else border.inner
        self._accuracy_is_ours = preconditioner is not None and not options.is_set_by_user("ksp_rtol")

    def prepare_border(self) -> None:
        """Before options are read: let those of the linear solver be the factorisation's within the border."""
        if self._border is None or self._preconditioner is not None:
            return
        self.ksp.setOptionsPrefix("border_")
        self.ksp.setType("preonly")
        self._invert_border(self._border)
        self._inner.setFromOptions()

    def attach_preconditioner(self) -> None:
        """After options are read: give the preconditioner to the whole system, or to the border in between."""
        if self._preconditioner is None:
            return
        self._preconditioner.iterations = weakly(self._iterations)
        if self._border is not None:
            self._inner.setType("preonly")
            self._invert_border(self._border)
            self._inner.getPC().setType("python")
        if self._inner.getPC().getType() == "python":
            self._inner.getPC().setPythonContext(self._preconditioner)

    def _invert_border(self, border: BorderedSystem) -> None:
        self.ksp.getPC().setType("python")
        self.ksp.getPC().setPythonContext(border.inverse)

    def _iterations(self) -> int:
        """Of the last solve, as if to an accuracy of 1e-6; negative if it failed."""
        reason: Any = self.ksp.getConvergedReason()
        if reason < 0:
            return -1
        return int(np.ceil(self.ksp.getIterationNumber() * 6.0 / -np.log10(self.ksp.getTolerances()[0])))

    @property
    def iterates(self) -> bool:
        """Whether there is a preconditioner, and no factorisation."""
        return self._preconditioner is not None

    @property
    def factorisation_solves(self) -> int | None:
        """Solves with the factorisation within a border so far; ``None`` where SNES counts all there is."""
        return self._border.krylov if self._border is not None and not self.iterates else None

    def set_accuracy(self, accuracy: float) -> None:
        """Let an iterative solver reach a relative accuracy, within bounds, unless the user has chosen one."""
        if self._accuracy_is_ours:
            self.ksp.setTolerances(rtol=min(FAR, max(NEAREST, accuracy)))

    def matrix_has_changed(self) -> None:
        """Tell PETSc so: A has been assembled, the border beside it has not."""
        if self._border is not None:
            self.operator.assemble()

    def solve(self, right: Any, x: Any) -> None:
        """Solve with the last matrix, not to the last digit. Collective.

        Raises:
            SolveError: the solver failed.
        """
        if self._accuracy_is_ours:
            self.ksp.setTolerances(rtol=ROUGH)
        try:
            with self._options.in_force(), interrupts.deferred():
                self.ksp.solve(right, x)
        except PETSc.Error as error:
            raise SolveError(f"PETSc failed: {petsc_reason(error)}") from None
        if self.ksp.getConvergedReason() < 0:
            raise SolveError("the linear solve for the error of a time step failed")

    def forget_failure(self, *, failed: bool) -> None:
        """Be ready for new matrices. Collective.

        Args:
            failed: whether the last solve has: MUMPS refuses every later matrix after one failure.
        """
        if self._preconditioner is not None:
            self._preconditioner.failure = ""
        if failed and self._by_mumps():
            self._inner.getPC().reset()

    def error_text(self, error: PETSc.Error) -> str:
        """What PETSc has said before it gave up."""
        return (self._preconditioner.failure if self._preconditioner is not None else "") or petsc_reason(error)

    def why_failed(self) -> str:
        """What is known of a failed solve; empty where that is nothing."""
        if self.iterates:
            return NO_ACCURACY
        if not self._by_mumps():
            return ""
        return mumps_problem(self._inner.getPC().getFactorMatrix().getMumpsInfog(1), self._options.set_by_user)

    def _by_mumps(self) -> bool:
        preconditioner = self._inner.getPC()
        return preconditioner.getType() == "lu" and preconditioner.getFactorSolverType() == "mumps"
