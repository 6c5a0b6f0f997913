"""A thin wrapper of PETSc's SNES that says what happened.

DOLFINx's own `NonlinearProblem` does not raise on failure and lets code override the user's options; here the order is
PETSC_OPTIONS of the environment > case file > defaults, and every solve returns its reason and one row of statistics.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from spinepnp.errors import CaseError, SolveError, nearest, petsc_reason
from spinepnp.meshes import interrupts
from spinepnp.meshes.stack import MPI, NOT_A_NUMBER, NOT_A_NUMBER_NAME, PETSc
from spinepnp.solvers.bordered import Bordered
from spinepnp.solvers.options import OURS, SolverOptions
from spinepnp.solvers.preconditioner import BlockPreconditioner

NEWTON: dict[str, str | int | float | bool] = {"snes_type": "newtonls", "snes_linesearch_type": "bt"}

DIRECT: dict[str, str | int | float | bool] = {
    "ksp_type": "preonly",
    "pc_type": "lu",
    "pc_factor_mat_solver_type": "mumps",
}

#: Full Newton steps that are tried before the line search takes over. The equations are bilinear in densities and
#: potential: full steps pass through states whose residual is large and arrive where a line search stalls, at charged
#: walls above all.
FULL_STEPS = 20

#: The same on the way of a continuation, where the next attempt is closer.
HASTY_STEPS = 10

#: Fraction of the tolerance at which Newton stops at once.
POLISHED = 1e-2

#: Relative accuracy of iterative linear solves far from the solution, and the highest that is ever asked for.
FAR, NEAREST = 1e-5, 1e-9

#: Reduction of the residual by a Newton step, up to which an old matrix is good.
GOOD = 0.1

#: Relative accuracy of a linear solve that an error is estimated with.
ROUGH = 1e-4

#: Residual over that of the bulk from which Newton is near its solution.
NEAR = 1e-3

#: Machine precision times the number of terms that cancel in a row, of which the diagonal one is the largest.
ROUNDING = 4.0 * np.finfo(float).eps

#: Errors of MUMPS (INFOG(1) of its manual).
SINGULAR = "the matrix is singular: the data leave something undetermined, or a concentration has vanished"
NO_MEMORY = "not enough memory for the factorisation: use a larger mesh.size or more ranks"
MUMPS_ERRORS = {-6: SINGULAR, -10: SINGULAR} | dict.fromkeys((-5, -7, -8, -9, -11, -13, -14, -15, -17, -19), NO_MEMORY)

#: By how much the rounding error may exceed its estimate where Newton stands still: the diagonal does not know of the
#: drift in a steep potential.
STALLED = 16.0

#: What a negative SNES reason means to the user, and what helps.
FAILURES = {
    "DIVERGED_LINEAR_SOLVE": "the linear solve failed",
    NOT_A_NUMBER_NAME: "the residual is not a number",
    "DIVERGED_MAX_IT": "Newton did not converge within solver.max_newton steps",
    "DIVERGED_LINE_SEARCH": "the line search found no smaller residual",
    "DIVERGED_DTOL": "the residual grew without bound",
}


@dataclass(frozen=True)
class NewtonStatistics:
    """One row of statistics a solve.

    Attributes:
        dofs: number of unknowns on all ranks.
        ranks: number of MPI ranks.
        newton: Newton steps.
        krylov: linear iterations over all steps (1 a step for a direct solver).
        assembly_s: seconds in residual and Jacobian assembly, largest over the ranks.
        solve_s: seconds of the whole solve, largest over the ranks.
        residual: final norm of the residual over that of the bulk state.
        reason: PETSc's reason, in lower case without its prefix.
        continuation: steps of continuation; zero where none was needed.
        rounding: estimate of the rounding error of the residual, scaled.
        krylov_step: most linear iterations in one Newton step.
    """

    dofs: int
    ranks: int
    newton: int
    krylov: int
    assembly_s: float
    solve_s: float
    residual: float
    reason: str
    continuation: int = 0
    rounding: float = 0.0
    krylov_step: int = 0

    def after(self, failures: list[NewtonError], continuation: int = 0) -> NewtonStatistics:
        """The statistics with those of the attempts before added."""
        before = [error.statistics for error in failures]
        return replace(
            self,
            newton=self.newton + sum(s.newton for s in before),
            krylov=self.krylov + sum(s.krylov for s in before),
            assembly_s=self.assembly_s + sum(s.assembly_s for s in before),
            solve_s=self.solve_s + sum(s.solve_s for s in before),
            continuation=continuation,
            krylov_step=max([self.krylov_step, *(s.krylov_step for s in before)]),
        )

    def row(self) -> dict[str, Any]:
        """The statistics by name."""
        return asdict(self)


def _reason_name(code: int) -> str:
    reasons = PETSc.SNES.ConvergedReason
    names = {value: name for name, value in vars(reasons).items() if isinstance(value, int) and name != "ITERATING"}
    return {**names, NOT_A_NUMBER: NOT_A_NUMBER_NAME}.get(code, f"reason {code}")


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
        complete: makes exact in a step (second argument, subtracted from the first) what is known of it.
        settled: whether a state meets what the norm of the residual does not show.
    """

    def __init__(
        self,
        comm: Any,
        residual: Callable[[Any, Any], None],
        jacobian: Callable[[Any, Any], None],
        b: Any,
        A: Any,
        options: SolverOptions,
        border: Bordered | None = None,
        preconditioner: BlockPreconditioner | None = None,
        step_fraction: Callable[[Any], float] | None = None,
        complete: Callable[[Any, Any], None] | None = None,
        settled: Callable[[], bool] = lambda: True,
    ) -> None:
        self._settled = settled
        self._residual, self._jacobian, self._A, self._options = residual, jacobian, A, options
        self._assembly_seconds = 0.0
        self._raised: BaseException | None = None
        self._polishing, self._last_residual = False, np.inf
        self._scale, self._most_krylov, self._krylov_before = 1.0, 0, 0
        self._forces = preconditioner is not None and "ksp_rtol" not in {*options.petsc, *PETSc.Options().getAll()}
        self._pending = interrupts.Pending()
        self.has_matrix, self.assemblies = False, 0
        self._keep, self._reduction = False, 0.0
        self._read: set[str] = set()
        self._comm = comm
        self._b = b = b.duplicate()
        snes = self._snes = PETSc.SNES().create(comm)
        self._border, self._preconditioner = border, preconditioner
        self._defaults = {**NEWTON, **(DIRECT if preconditioner is None else preconditioner.options)}
        if "pc_type" in {*options.petsc, *PETSc.Options().getAll()}:
            self._defaults.pop("pc_factor_mat_solver_type", None)  # it belongs to our own choice
        self._operator = A if border is None else border.operator
        self._linear = snes.getKSP() if border is None else border.inner
        snes.setFunction(self._weak("_timed_residual"), b)
        snes.setJacobian(self._weak("_timed_jacobian"), self._operator, self._operator)
        self._check_options()
        try:
            with self.options_in_force():
                if border is not None and preconditioner is None:
                    self._wrap(border)
                snes.setFromOptions()
                if preconditioner is not None:
                    self._precondition(preconditioner)
        except PETSc.Error as error:
            where = "solver.petsc" if options.petsc else "PETSc options of the command line or PETSC_OPTIONS"
            raise CaseError(where, f"PETSc refuses one ({petsc_reason(error)}); correct it") from None
        snes.setConvergenceTest(self._weak("_converged"))
        self._limited = step_fraction is not None
        if step_fraction is not None or complete is not None:
            snes.setLineSearchPreCheck(lambda x, y: _prepare(x, y, complete, step_fraction))

    def _weak(self, name: str) -> Callable[..., Any]:
        """A method for PETSc to call that does not keep this object: Python sees no cycles that lead through PETSc."""
        reference = weakref.ref(self)
        return lambda *arguments: getattr(reference(), name)(*arguments)

    def _linear_iterations(self) -> int:
        """Of the last solve, as if to an accuracy of 1e-6; negative if it failed."""
        solver = self._snes.getKSP()
        reason: Any = solver.getConvergedReason()
        if reason < 0:
            return -1
        return int(np.ceil(solver.getIterationNumber() * 6.0 / -np.log10(solver.getTolerances()[0])))

    @property
    def linear_solver(self) -> Any:
        """PETSc's solver of the linear systems."""
        return self._snes.getKSP()

    def _wrap(self, border: Bordered) -> None:
        """Let the options of the linear solver be those of the matrix within the border."""
        outer = self._snes.getKSP()
        outer.setOptionsPrefix("border_")
        outer.setType("preonly")
        outer.getPC().setType("python")
        outer.getPC().setPythonContext(border.inverse)
        border.inner.setFromOptions()

    def _precondition(self, preconditioner: BlockPreconditioner) -> None:
        """Give the preconditioner to the solver of the whole system, or to the border in between."""
        outer = self._snes.getKSP()
        preconditioner.iterations = self._weak("_linear_iterations")
        if self._border is not None:
            inner = self._border.inner
            inner.setType("preonly")
            outer.getPC().setType("python")
            outer.getPC().setPythonContext(self._border.inverse)
            inner.getPC().setType("python")
            inner.getPC().setPythonContext(preconditioner)
        elif outer.getPC().getType() == "python":
            outer.getPC().setPythonContext(preconditioner)

    def _check_options(self) -> None:
        """Refuse types of solvers that PETSc does not have before PETSc aborts on them."""
        known = {
            "snes_type": PETSc.SNES.Type,
            "ksp_type": PETSc.KSP.Type,
            "pc_type": PETSc.PC.Type,
            "pc_factor_mat_solver_type": PETSc.Mat.SolverType,
        }
        database = PETSc.Options()
        given = {name: database.getString(name) for name in known if database.hasName(name)}
        for name, value in {**self._options.petsc, **given}.items():
            types = {str(v) for k, v in vars(known.get(name, object)).items() if k.isupper()}
            if name in known and value not in types:
                raise CaseError(
                    f"solver.petsc.{name}", f"PETSc has no such type; {nearest(str(value), sorted(types))}", value
                )

    @contextmanager
    def options_in_force(self) -> Iterator[None]:
        """Our options in PETSc's database, where PETSC_OPTIONS has not set them, for the time of the block.

        Nested solvers read theirs only when they are set up in the first solve, so that one needs the block as well.
        """
        database = PETSc.Options()
        for name, ours in OURS.items():
            if database.hasName(name):
                raise CaseError(f"-{name}", f"is set by solver.{ours}; use --set solver.{ours}=...")
        mine = {k: v for k, v in {**self._defaults, **self._options.petsc}.items() if not database.hasName(k)}
        for name, value in mine.items():
            database.setValue(name, value)
        try:
            yield
        finally:
            self._read |= {name for name in self._options.petsc if name not in mine or database.used(name)}
            for name in mine:
                database.delValue(name)

    def _timed_residual(self, _snes: Any, x: Any, b: Any) -> None:
        self._assemble(self._residual, x, b)

    def _timed_jacobian(self, _snes: Any, x: Any, operator: Any, _P: Any) -> None:
        if self._keep and self.has_matrix and self._reduction <= GOOD:
            return
        self.assemblies += 1
        self._assemble(self._jacobian, x, self._A)
        self.has_matrix = True
        if self._border is not None:
            operator.assemble()  # tells PETSc that it has changed

    def _assemble(self, assemble: Callable[[Any, Any], None], x: Any, target: Any) -> None:
        start = time.perf_counter()
        try:
            self._pending.check()
            assemble(x, target)
        except BaseException as error:  # PETSc would replace it (Ctrl-C too) by an error code
            self._raised = error
            raise
        self._assembly_seconds += time.perf_counter() - start

    def _converged(self, snes: Any, iteration: int, norms: tuple[float, float, float]) -> Any:
        """Converged at the tolerance, or where rounding leaves nothing to gain (weak currents on graded meshes)."""
        reasons, residual = PETSc.SNES.ConvergedReason, norms[2]
        if not np.isfinite(residual):
            return NOT_A_NUMBER
        self._count_linear_iterations(iteration)
        self._force(residual)
        if residual <= snes.getTolerances()[1]:
            # Close to the tolerance one step more costs little and leaves nothing of it in the balances.
            if (residual <= POLISHED * snes.getTolerances()[1] or self._polishing) and self._settled():
                return reasons.CONVERGED_FNORM_ABS
            self._polishing = True
        self._reduction = residual / self._last_residual if iteration > 0 else 0.0
        stalled, self._last_residual = residual > 0.5 * self._last_residual, residual
        if (
            iteration > 0
            and residual <= self._rounding(snes.getSolution()) * (STALLED if stalled else 1.0)
            and (stalled or self._settled())
        ):
            return reasons.CONVERGED_FNORM_RELATIVE
        return reasons.CONVERGED_ITERATING

    def _count_linear_iterations(self, iteration: int) -> None:
        total = self._snes.getLinearSolveIterations()
        if iteration > 0:
            self._most_krylov = max(self._most_krylov, total - self._krylov_before)
        self._krylov_before = total

    def _force(self, residual: float) -> None:
        """Ask an iterative linear solver for what Newton can use of it, unless the user has chosen.

        Near the solution any step may be the last one, which then leaves all of the tolerance to be solved for: a few
        iterations cost less than another step.
        """
        if not self._forces:
            return
        tolerance, relative = self._options.tolerance, max(residual / self._scale, np.finfo(float).tiny)
        wanted = 0.1 * POLISHED * tolerance / relative if relative < NEAR else FAR
        self._snes.getKSP().setTolerances(rtol=min(FAR, max(NEAREST, wanted)))

    def _rounding(self, x: Any) -> float:
        """Rounding error of a residual: machine precision times the terms that cancel in its rows."""
        if not self._A.isAssembled():  # not every solver of PETSc asks for the matrix
            return 0.0
        terms = self._operator.getDiagonal()
        terms.pointwiseMult(terms, x)
        size: Any = terms.norm()
        terms.destroy()
        return ROUNDING * float(size)

    def solve(self, x: Any, reference: float, *, patient: bool = True, keep: bool = False) -> NewtonStatistics:
        """Solve from the initial guess in ``x``, in place. Collective.

        Args:
            x: PETSc vector with the initial guess; holds the solution afterwards.
            reference: norm of the residual that counts as one (that of the bulk state).
            patient: whether the line search has its turn after full steps; on a way of small steps it is not worth it.
            keep: whether the matrix of the last solve may serve again, as long as it serves well.

        Returns:
            The statistics of a solve that converged.

        Raises:
            SolveError: it did not converge, with the reason; ``x`` holds the last iterate.
        """
        self._assembly_seconds, start = 0.0, time.perf_counter()
        snes, options, reasons = self._snes, self._options, PETSc.SNES.ConvergedReason
        scale = self._scale = reference if reference > 0.0 else 1.0
        self._most_krylov, self._keep = 0, keep
        snes.setTolerances(rtol=1e-50, atol=options.tolerance * scale, stol=0.0, max_it=options.max_newton)
        steps = krylov = 0
        code: Any = 0
        within = self._border.krylov if self._border is not None else 0
        chosen_by_user = {"snes_linesearch_type"} & {*options.petsc, *PETSc.Options().getAll()}
        if not chosen_by_user:
            guess = x.copy()
            self._search(x, "basic", min(options.max_newton, FULL_STEPS if patient or self._limited else HASTY_STEPS))
            code = snes.getConvergedReason()
            in_vain = code == reasons.DIVERGED_LINEAR_SOLVE and self._preconditioner is not None
            if code <= 0 and patient and not in_vain:
                steps, krylov = snes.getIterationNumber(), snes.getLinearSolveIterations()
                guess.copy(x)
            guess.destroy()
        if chosen_by_user or steps:
            self._search(x, None, options.max_newton)
        code = snes.getConvergedReason()
        seconds = np.array([self._assembly_seconds, time.perf_counter() - start])
        assembly, solve = _maximum_over_ranks(self._comm, seconds)
        statistics = NewtonStatistics(
            dofs=x.getSize(),
            ranks=self._comm.size,
            newton=steps + snes.getIterationNumber(),
            krylov=self._border.krylov - within
            if self._border is not None and self._preconditioner is None
            else krylov + snes.getLinearSolveIterations(),
            assembly_s=assembly,
            solve_s=solve,
            residual=snes.getFunctionNorm() / scale,
            reason=_reason_name(code).lower(),
            rounding=self._rounding(x),
            krylov_step=self._most_krylov,
        )
        if code > 0 and code not in (reasons.CONVERGED_FNORM_ABS, reasons.CONVERGED_FNORM_RELATIVE):
            raise NewtonError(
                f"PETSc stopped before the tolerance was reached (SNES {_reason_name(code)}); drop its options",
                statistics,
            )
        if code <= 0:
            name = _reason_name(code)
            why = FAILURES.get(name, "Newton failed")
            if name == "DIVERGED_LINEAR_SOLVE":
                why = self._linear_failure() or why
            raise NewtonError(
                f"{why} (SNES {name}, {statistics.newton} steps, residual {statistics.residual:.1e} of the bulk's)",
                statistics,
            )
        return statistics

    def make_matrix(self, x: Any) -> None:
        """Assemble the derivative at a vector for `solve_linear`. Collective."""
        self._jacobian(x, self._A)
        self._operator.assemble()
        self._snes.getKSP().setOperators(self._operator)
        self.has_matrix = True

    def solve_linear(self, right: Any, x: Any) -> None:
        """Solve with the last matrix, not to the last digit. Collective.

        Raises:
            SolveError: the solver failed.
        """
        solver = self.linear_solver
        if self._forces:
            solver.setTolerances(rtol=ROUGH)
        try:
            with self.options_in_force(), interrupts.deferred():
                solver.solve(right, x)
        except PETSc.Error as error:
            raise SolveError(f"PETSc failed: {petsc_reason(error)}") from None
        if solver.getConvergedReason() < 0:
            raise SolveError("the linear solve for the error of a time step failed")

    def _search(self, x: Any, line_search: str | None, max_newton: int) -> None:
        """One attempt of SNES, with the line search of the options or another one."""
        snes = self._snes
        chosen = self._options.petsc.get("snes_linesearch_type", NEWTON["snes_linesearch_type"])
        database = PETSc.Options()
        chosen = database.getString("snes_linesearch_type", str(chosen))
        snes.getLineSearch().setType(line_search or chosen)
        snes.setTolerances(max_it=max_newton)
        self._raised, self._polishing, self._last_residual = None, False, np.inf
        self._krylov_before = 0
        if self._preconditioner is not None:
            self._preconditioner.failure = ""
        if snes.getConvergedReason() == PETSc.SNES.ConvergedReason.DIVERGED_LINEAR_SOLVE and self._by_mumps():
            self._linear.getPC().reset()  # MUMPS refuses every later matrix after one failure
        try:
            with self.options_in_force(), interrupts.deferred() as self._pending:
                snes.solve(None, x)
        except PETSc.Error as error:
            told = (self._preconditioner.failure if self._preconditioner is not None else "") or petsc_reason(error)
            raise self._raised or SolveError(f"PETSc failed: {told}") from None
        self._refuse_unused()

    def _linear_failure(self) -> str:
        """What is known of a failed linear solve; empty where that is nothing."""
        if self._preconditioner is not None:
            return 'the linear solve did not reach its tolerance; use a finer mesh, or solver.linear = "direct"'
        if not self._by_mumps():
            return ""
        return MUMPS_ERRORS.get(self._linear.getPC().getFactorMatrix().getMumpsInfog(1), "")

    def _by_mumps(self) -> bool:
        preconditioner = self._linear.getPC()
        return preconditioner.getType() == "lu" and preconditioner.getFactorSolverType() == "mumps"

    def _refuse_unused(self) -> None:
        """A misspelt PETSc option is one that nobody has read after the first solve."""
        for name in self._options.petsc:
            if name not in self._read:
                raise CaseError(f"solver.petsc.{name}", "is read by no part of this solver; correct or drop it")

    def destroy(self) -> None:
        """Free the PETSc objects that are its own. Collective."""
        self._snes.destroy()
        self._b.destroy()


class NewtonError(SolveError):
    """Newton failed; carries the statistics of the attempt."""

    def __init__(self, message: str, statistics: NewtonStatistics) -> None:
        super().__init__(message)
        self.statistics = statistics

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.statistics)


def _prepare(
    x: Any, step: Any, complete: Callable[[Any, Any], None] | None, fraction: Callable[[Any], float] | None
) -> None:
    if complete is not None:
        complete(x, step)
    if fraction is not None:
        step.scale(fraction(step))


def _maximum_over_ranks(comm: Any, values: np.ndarray) -> tuple[float, ...]:
    largest = np.empty_like(values)
    comm.Allreduce(values, largest, op=MPI.MAX)
    return tuple(float(v) for v in largest)
