"""A thin wrapper of PETSc's SNES that says what happened.

DOLFINx's own `NonlinearProblem` does not raise on failure and lets code override the user's options; here the order is
that of `petsc_options`, and every solve returns its reason and one row of statistics.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from spinepnp.errors import CaseError, SolveError, petsc_reason
from spinepnp.runtime import interrupts
from spinepnp.runtime.stack import MPI, PETSc
from spinepnp.solvers.algebra.bordered import BorderedSystem
from spinepnp.solvers.algebra.convergence import Convergence
from spinepnp.solvers.algebra.linear import DIRECT, LinearSolver, Preconditioner
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

NEWTON: OptionValues = {"snes_type": "newtonls", "snes_linesearch_type": "bt"}

#: Full Newton steps that are tried before the line search takes over. The equations are bilinear in densities and
#: potential: full steps pass through states whose residual is large and arrive where a line search stalls, at charged
#: walls above all.
FULL_STEPS = 20

#: Full Newton steps on the way of a continuation, where the next attempt is closer.
HASTY_STEPS = 10


#: Reduction of the residual by a Newton step, up to which an old matrix is good.
GOOD = 0.1


class SnesCallbacks:
    """Residual and matrix of one nonlinear system.

    Args:
        residual: fills the vector b with F(x); arguments (x, b).
        jacobian: fills the matrix A with dF/dx at x; arguments (x, A).
        A: the matrix.
        changed: is called when the matrix has changed.
        reduction: by which the last Newton step has changed the norm of the residual.

    Attributes:
        seconds: spent since `begin`, on this rank.
        raised: exception of the last attempt: PETSc replaces it by an error code.
        pending: signals that wait for the end of the attempt.
        has_matrix: whether A has been filled.
        count: how often it was.
    """

    def __init__(
        self,
        residual: Callable[[Any, Any], None],
        jacobian: Callable[[Any, Any], None],
        A: Any,
        changed: Callable[[], None],
        reduction: Callable[[], float],
    ) -> None:
        self._residual, self._jacobian, self._A = residual, jacobian, A
        self._changed, self._reduction = changed, reduction
        self._reuse_jacobian = False
        self.seconds = 0.0
        self.raised: BaseException | None = None
        self.pending = interrupts.Pending()
        self.has_matrix, self.count = False, 0

    def begin(self, *, reuse_jacobian: bool) -> None:
        """Be ready for another solve, which may keep the matrix of the last one as long as it serves well."""
        self.seconds, self._reuse_jacobian = 0.0, reuse_jacobian

    def residual(self, _snes: Any, x: Any, b: Any) -> None:
        """For SNES. Collective."""
        self._timed(self._residual, x, b)

    def jacobian(self, _snes: Any, x: Any, _operator: Any, _P: Any) -> None:
        """For SNES. Collective."""
        if self._reuse_jacobian and self.has_matrix and self._reduction() <= GOOD:
            return
        self.count += 1
        self._timed(self._jacobian, x, self._A)
        self.has_matrix = True
        self._changed()

    def make_matrix(self, x: Any) -> None:
        """Fill the matrix outside of a solve. Collective."""
        self._jacobian(x, self._A)
        self.has_matrix = True

    def _timed(self, assemble: Callable[[Any, Any], None], x: Any, target: Any) -> None:
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
        b: a vector that fits the system; it is copied.
        A: a matrix that fits the system.
        options: tolerances and PETSc options.
        border: unknown constants of the system, if there are any; its matrix is A.
        preconditioner: context of a Python preconditioner of A for an iterative solver; without it A is factorised.
        step_fraction: which part of a step may be taken; all of it where there is no such function.
        enforce_constraints: makes exact in a step (second argument, subtracted from the first) what is known of it.
        extra_convergence_test: whether a state meets what the norm of the residual does not show.
        conserves: whether its currents do, for which a few more steps are made.

    Attributes:
        petsc_options: of PETSc's options.
        linear: solver of the steps.
        assembly: of residual and matrix.

    Raises:
        CaseError: a PETSc option that PETSc refuses.
    """

    def __init__(
        self,
        comm: Any,
        residual: Callable[[Any, Any], None],
        jacobian: Callable[[Any, Any], None],
        b: Any,
        A: Any,
        options: SolverOptions,
        border: BorderedSystem | None = None,
        preconditioner: Preconditioner | None = None,
        step_fraction: Callable[[Any], float] | None = None,
        enforce_constraints: Callable[[Any, Any], None] | None = None,
        extra_convergence_test: Callable[[], bool] = lambda: True,
        conserves: Callable[[], bool] = lambda: True,
    ) -> None:
        self._comm, self._options, self._b = comm, options, b.duplicate()
        defaults = {**NEWTON, **(DIRECT if preconditioner is None else preconditioner.options)}
        self.petsc_options = PetscOptions(defaults, options.petsc)
        self._snes = PETSc.SNES().create(comm)
        self.linear = LinearSolver(self._snes.getKSP(), A, self.petsc_options, border, preconditioner)
        self._convergence = Convergence(
            self.linear, options.tolerance, extra_convergence_test, conserves, logarithms=step_fraction is not None
        )
        self.callbacks = SnesCallbacks(
            residual, jacobian, A, self.linear.matrix_has_changed, self._convergence.reduction
        )
        self._limited = step_fraction is not None
        self._set_up_snes()
        if step_fraction is not None or enforce_constraints is not None:
            self._snes.setLineSearchPreCheck(lambda x, y: _prepare(x, y, enforce_constraints, step_fraction))

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
        self, x: Any, reference: float, *, line_search_fallback: bool = True, reuse_jacobian: bool = False
    ) -> NewtonStatistics:
        """Solve from the initial guess in ``x``, in place. Collective.

        Args:
            x: PETSc vector with the initial guess; holds the solution afterwards.
            reference: norm of the residual that counts as one (that of the bulk state).
            line_search_fallback: whether a line search is tried after full steps have failed.
            reuse_jacobian: whether the matrix of the last solve may serve again, as long as it serves well.

        Returns:
            The statistics of a solve that converged.

        Raises:
            SolveError: it did not converge, with the reason; ``x`` holds the last iterate.
        """
        start = time.perf_counter()
        self._convergence.begin(reference)
        self.callbacks.begin(reuse_jacobian=reuse_jacobian)
        before = self.linear.factorisation_solves
        steps, krylov = self._attempts(x, line_search_fallback)
        if before is not None:
            krylov = (self.linear.factorisation_solves or 0) - before
        seconds = np.array([self.callbacks.seconds, time.perf_counter() - start])
        assembly_s, solve_s = _maximum_over_ranks(self._comm, seconds)
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

    def _attempts(self, x: Any, line_search_fallback: bool) -> tuple[int, int]:
        """Full steps first, then from the same guess with the line search; a choice of the user comes first and last.

        Returns:
            Newton steps and linear iterations of all attempts, as SNES counts them.
        """
        snes, longest = self._snes, self._options.max_newton
        if self.petsc_options.is_set_by_user("snes_linesearch_type"):
            self._attempt(x, None, longest)
            return snes.getIterationNumber(), snes.getLinearSolveIterations()
        guess = x.copy()
        self._attempt(x, "basic", min(longest, FULL_STEPS if line_search_fallback or self._limited else HASTY_STEPS))
        steps, krylov = snes.getIterationNumber(), snes.getLinearSolveIterations()
        in_vain = self._reason == PETSc.SNES.ConvergedReason.DIVERGED_LINEAR_SOLVE and self.linear.iterates
        again = self._reason <= 0 and line_search_fallback and not in_vain
        if again:
            guess.copy(x)
        guess.destroy()
        if again and steps:  # a guess that is bad itself stays so
            self._attempt(x, None, longest)
            return steps + snes.getIterationNumber(), krylov + snes.getLinearSolveIterations()
        return steps, krylov

    def _attempt(self, x: Any, line_search: str | None, max_newton: int) -> None:
        """One attempt of SNES, with the line search of the options or another one."""
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
        """Of SNES, for the end of its last attempt; a number."""
        return self._snes.getConvergedReason()

    def _refuse_failure(self, statistics: NewtonStatistics) -> None:
        """Raise unless the last attempt has met our own tolerance.

        Raises:
            NewtonError: with the reason.
        """
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

    def make_matrix(self, x: Any) -> None:
        """Assemble the derivative at a vector for `LinearSolver.solve`. Collective."""
        self.callbacks.make_matrix(x)
        self.linear.operator.assemble()
        self.linear.ksp.setOperators(self.linear.operator)

    def destroy(self) -> None:
        """Free the PETSc objects that are its own. Collective."""
        self._snes.destroy()
        self._b.destroy()


def _prepare(
    x: Any, step: Any, enforce_constraints: Callable[[Any, Any], None] | None, fraction: Callable[[Any], float] | None
) -> None:
    if enforce_constraints is not None:
        enforce_constraints(x, step)
    if fraction is not None:
        step.scale(fraction(step))


def _maximum_over_ranks(comm: Any, values: np.ndarray) -> tuple[float, ...]:
    largest = np.empty_like(values)
    comm.Allreduce(values, largest, op=MPI.MAX)
    return tuple(float(v) for v in largest)
