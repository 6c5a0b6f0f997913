"""Newton's method by PETSc's SNES, with statistics of each solve and reasons of a failure.

DOLFINx's own `NonlinearProblem` does not raise on failure, and its options override those of the user; here options
have the precedence of `PetscOptions`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from spinepnp.errors import CaseError, SolveError, petsc_reason
from spinepnp.runtime import interrupts
from spinepnp.runtime.stack import MPI, PETSc, reduced
from spinepnp.solvers.algebra.bordered import BorderedSystem
from spinepnp.solvers.algebra.convergence import Convergence
from spinepnp.solvers.algebra.linear import DIRECT_OPTIONS, LinearSolver, Preconditioner
from spinepnp.solvers.algebra.petsc import (
    FAILURES,
    LINEAR_SOLVE_FAILED,
    OptionValues,
    PetscOptions,
    reason_name,
    weakly,
)
from spinepnp.solvers.algebra.statistics import NewtonError, NewtonStatistics
from spinepnp.solvers.model.options import SolverOptions

#: PETSc options of the nonlinear solver.
NEWTON_OPTIONS: OptionValues = {"snes_type": "newtonls", "snes_linesearch_type": "bt"}

#: Most full Newton steps before a line search is tried. The equations are bilinear in concentrations and potential:
#: full steps pass through states with a large residual and converge where a line search stalls, as at charged walls.
FULL_STEPS = 20

#: Most full Newton steps where the caller takes a smaller step of continuation or of time after a failure.
STEPS_WITHOUT_FALLBACK = 10

#: Largest ratio of two successive residuals for which the Jacobian is reused.
REUSE_BELOW = 0.01


class SnesCallbacks:
    """Residual and Jacobian of one nonlinear system, as callbacks of SNES.

    Args:
        residual: fills the vector b with F(x); arguments (x, b).
        jacobian: fills the matrix A with dF/dx at x; arguments (x, A).
        A: matrix of the Jacobian.
        changed: function that is called after the matrix has changed.
        convergence: convergence test, which knows the residuals so far.

    Attributes:
        seconds: time of assembly since `begin` on this rank, s.
        raised: exception of the last attempt: PETSc replaces it by an error code.
        pending: signals that are deferred to the end of the attempt.
        has_matrix: whether A has been filled.
        count: number of assemblies of A.
    """

    def __init__(
        self,
        residual: Callable[[PETSc.Vec, PETSc.Vec], None],
        jacobian: Callable[[PETSc.Vec, PETSc.Mat], None],
        A: PETSc.Mat,
        changed: Callable[[], None],
        convergence: Convergence,
    ) -> None:
        self._residual, self._jacobian, self._A = residual, jacobian, A
        self._changed, self._convergence = changed, convergence
        self._reuse_jacobian = False
        self.seconds = 0.0
        self.raised: BaseException | None = None
        self.pending = interrupts.Pending()
        self.has_matrix, self.count = False, 0

    def begin(self, *, reuse_jacobian: bool) -> None:
        """Reset for another solve, which may reuse the Jacobian of the last one while the residual falls fast."""
        self.seconds, self._reuse_jacobian = 0.0, reuse_jacobian

    def residual(self, _snes: PETSc.SNES, x: PETSc.Vec, b: PETSc.Vec) -> None:
        """Residual callback of SNES. Collective.

        Args:
            x: unknowns.
            b: residual, which is overwritten.
        """
        self._timed(self._residual, x, b)

    def jacobian(self, _snes: PETSc.SNES, x: PETSc.Vec, _operator: PETSc.Mat, _P: PETSc.Mat) -> None:
        """Jacobian callback of SNES. Collective.

        Args:
            x: unknowns.
        """
        reuses = self._reuse_jacobian and self._convergence.reduction() <= REUSE_BELOW
        if self.has_matrix and (reuses or self._convergence.former_jacobian_serves()):
            return
        self.count += 1
        self._timed(self._jacobian, x, self._A)
        self.has_matrix = True
        self._changed()

    def make_matrix(self, x: PETSc.Vec) -> None:
        """Assemble the Jacobian outside of a solve. Collective."""
        self._jacobian(x, self._A)
        self.has_matrix = True

    def _timed(self, assemble: Callable[[PETSc.Vec, Any], None], x: PETSc.Vec, target: PETSc.Vec | PETSc.Mat) -> None:
        start = time.perf_counter()
        try:
            self.pending.check()
            assemble(x, target)
        except BaseException as error:  # Ctrl-C too
            self.raised = error
            raise
        self.seconds += time.perf_counter() - start


class Newton:
    """Newton's method for one nonlinear system F(x) = 0.

    Args:
        comm: MPI communicator.
        residual: fills the vector b with F(x); arguments (x, b).
        jacobian: fills the matrix A with dF/dx at x; arguments (x, A).
        b: vector with the layout of the system; it is duplicated.
        A: matrix of the Jacobian.
        options: tolerances and PETSc options.
        border: bordered system with matrix A, if there are unknown constants.
        preconditioner: context of a Python preconditioner of A for an iterative solver; without it A is factorised.
        step_fraction: function that returns the fraction of a step to take; whole steps without it.
        enforce_constraints: overwrites dx so that x - dx meets prescribed values exactly; arguments (x, dx).
        extra_convergence_test: whether the state meets conditions that the norm of the residual does not show.
        conserves: whether the currents of the state balance; if not, a few more steps are made.

    Attributes:
        petsc_options: PETSc options of the solver.
        linear: linear solver of the steps.
        callbacks: assembly of residual and Jacobian.

    Raises:
        CaseError: a PETSc option that PETSc refuses.
    """

    def __init__(
        self,
        comm: Any,
        residual: Callable[[PETSc.Vec, PETSc.Vec], None],
        jacobian: Callable[[PETSc.Vec, PETSc.Mat], None],
        b: PETSc.Vec,
        A: PETSc.Mat,
        options: SolverOptions,
        border: BorderedSystem | None = None,
        preconditioner: Preconditioner | None = None,
        step_fraction: Callable[[PETSc.Vec], float] | None = None,
        enforce_constraints: Callable[[PETSc.Vec, PETSc.Vec], None] | None = None,
        extra_convergence_test: Callable[[], bool] = lambda: True,
        conserves: Callable[[], bool] = lambda: True,
    ) -> None:
        self._comm, self._options, self._b = comm, options, b.duplicate()
        defaults = {**NEWTON_OPTIONS, **(DIRECT_OPTIONS if preconditioner is None else preconditioner.options)}
        self.petsc_options = PetscOptions(defaults, options.petsc)
        self._snes = PETSc.SNES().create(comm)
        self.linear = LinearSolver(self._snes.getKSP(), A, self.petsc_options, border, preconditioner)
        self._convergence = Convergence(
            self.linear, options.tolerance, extra_convergence_test, conserves, logarithms=step_fraction is not None
        )
        self.callbacks = SnesCallbacks(residual, jacobian, A, self.linear.matrix_has_changed, self._convergence)
        self._limited = step_fraction is not None
        self._set_up_snes()
        if step_fraction is not None or enforce_constraints is not None:
            self._snes.setLineSearchPreCheck(lambda x, y: _adjust_step(x, y, enforce_constraints, step_fraction))

    def _set_up_snes(self) -> None:
        snes, operator = self._snes, self.linear.operator
        snes.setFunction(weakly(self.callbacks.residual), self._b)
        snes.setJacobian(weakly(self.callbacks.jacobian), operator, operator)
        try:
            with self.petsc_options.in_force():
                self.linear.prepare_border()
                snes.setFromOptions()
                self.linear.attach_preconditioner()
        except PETSc.Error as error:
            raise CaseError(
                self.petsc_options.source, f"PETSc refuses one ({petsc_reason(error)}); correct it"
            ) from None
        snes.setConvergenceTest(weakly(self._convergence.test))

    def solve(
        self,
        x: PETSc.Vec,
        reference: float,
        *,
        line_search_fallback: bool = True,
        reuse_jacobian: bool = False,
        is_long_stage: bool = False,
    ) -> NewtonStatistics:
        """Solve from the initial guess in ``x``, in place. Collective.

        Args:
            x: PETSc vector with the initial guess, and with the solution afterwards.
            reference: reference norm of the residual (that of the bulk state).
            line_search_fallback: whether a line search is tried after full steps have failed.
            reuse_jacobian: whether the Jacobian of the last solve may be reused while the residual falls fast.
            is_long_stage: whether it is a stage of a time step in which no charge stays unscreened.

        Returns:
            Statistics of the converged solve.

        Raises:
            SolveError: no convergence, with the reason; ``x`` has the last iterate.
        """
        start = time.perf_counter()
        self._convergence.begin(reference, is_long_stage=is_long_stage)
        self.callbacks.begin(reuse_jacobian=reuse_jacobian)
        before = self.linear.factorisation_solves
        steps, krylov = self._attempts(x, line_search_fallback)
        if before is not None:
            krylov = (self.linear.factorisation_solves or 0) - before
        seconds = np.array([self.callbacks.seconds, time.perf_counter() - start])
        assembly_s, solve_s = reduced(self._comm, seconds, MPI.MAX).tolist()
        statistics = NewtonStatistics(
            dofs=x.getSize(),
            ranks=self._comm.size,
            newton=steps,
            krylov=krylov,
            assembly_s=assembly_s,
            solve_s=solve_s,
            residual=self._snes.getFunctionNorm() / self._convergence.scale,
            reason=reason_name(self._reason).lower(),
            rounding=self._convergence.rounding(x),
            krylov_step=self._convergence.most_krylov,
        )
        self._refuse_failure(statistics)
        return statistics

    def _attempts(self, x: PETSc.Vec, line_search_fallback: bool) -> tuple[int, int]:
        """Newton steps and linear iterations of all attempts: full steps and a line search, or the user's search."""
        snes, most_steps = self._snes, self._options.max_newton
        if self.petsc_options.is_set_by_user("snes_linesearch_type"):
            self._attempt(x, None, most_steps)
            return snes.getIterationNumber(), snes.getLinearSolveIterations()
        guess = x.copy()
        self._attempt(
            x, "basic", min(most_steps, FULL_STEPS if line_search_fallback or self._limited else STEPS_WITHOUT_FALLBACK)
        )
        steps, krylov = snes.getIterationNumber(), snes.getLinearSolveIterations()
        no_accuracy = self._reason == PETSc.SNES.ConvergedReason.DIVERGED_LINEAR_SOLVE and self.linear.iterates
        again = self._reason <= 0 and line_search_fallback and not no_accuracy
        if again:
            guess.copy(x)
        guess.destroy()
        if again and steps:  # without a step the guess itself has failed
            self._attempt(x, None, most_steps)
            return steps + snes.getIterationNumber(), krylov + snes.getLinearSolveIterations()
        return steps, krylov

    def _attempt(self, x: PETSc.Vec, line_search: str | None, max_newton: int) -> None:
        """Run SNES once, with a given line search or that of the options."""
        snes = self._snes
        snes.getLineSearch().setType(line_search or self.petsc_options.text("snes_linesearch_type"))
        snes.setTolerances(rtol=1e-50, atol=self._convergence.absolute_tolerance, stol=0.0, max_it=max_newton)
        self._convergence.begin_attempt()
        self.callbacks.raised = None
        self.linear.forget_failure(failed=self._reason == PETSc.SNES.ConvergedReason.DIVERGED_LINEAR_SOLVE)
        try:
            with self.petsc_options.in_force(), interrupts.deferred() as self.callbacks.pending:
                snes.solve(None, x)
        except PETSc.Error as error:
            raise self.callbacks.raised or SolveError(f"PETSc failed: {self.linear.error_text(error)}") from None
        self.petsc_options.refuse_unused()

    @property
    def _reason(self) -> Any:
        """Code of SNES for the end of its last attempt."""
        return self._snes.getConvergedReason()

    def _refuse_failure(self, statistics: NewtonStatistics) -> None:
        """Raise a `NewtonError` with the reason unless the last attempt has converged by `Convergence`."""
        code, reasons = self._reason, PETSc.SNES.ConvergedReason
        if code in (reasons.CONVERGED_FNORM_ABS, reasons.CONVERGED_FNORM_RELATIVE):
            return
        name = reason_name(code)
        if code > 0:
            raise NewtonError(
                f"PETSc stopped before the tolerance was reached (SNES {name}); drop its options", statistics
            )
        why = FAILURES.get(name, "Newton failed")
        if name == LINEAR_SOLVE_FAILED:
            why = self.linear.why_failed() or why
        raise NewtonError(
            f"{why} (SNES {name}, {statistics.newton} steps, residual {statistics.residual:.1e} of the bulk's)",
            statistics,
        )

    def make_matrix(self, x: PETSc.Vec) -> None:
        """Assemble the Jacobian at a vector for solves with `LinearSolver.ksp`. Collective."""
        self.callbacks.make_matrix(x)
        self.linear.operator.assemble()
        self.linear.ksp.setOperators(self.linear.operator)

    def destroy(self) -> None:
        """Free the PETSc objects of this solver. Collective."""
        self._snes.destroy()
        self._b.destroy()


def _adjust_step(
    x: PETSc.Vec,
    step: PETSc.Vec,
    enforce_constraints: Callable[[PETSc.Vec, PETSc.Vec], None] | None,
    fraction: Callable[[PETSc.Vec], float] | None,
) -> None:
    if enforce_constraints is not None:
        enforce_constraints(x, step)
    if fraction is not None:
        step.scale(fraction(step))
