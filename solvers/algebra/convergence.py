"""Convergence test of Newton's method, and the accuracy that it needs of its linear solves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spinepnp.runtime.stack import NOT_A_NUMBER, PETSc
from spinepnp.solvers.algebra.linear import LOOSEST_RTOL, LinearSolver

#: Residual over the tolerance at which Newton stops without another step.
POLISHED_FRACTION = 1e-2

#: Residual that a linear solve aims at, over that at which Newton stops.
SHARE_OF_POLISHED = 0.3

#: Residual over that of the bulk below which any step may be the last one.
NEAR_SOLUTION = 1e-3

#: Residual over that of the linear solve above which the curvature of the equations has left it.
DOMINATES = 3.0

#: Residual of a linear solve over what the curvature of the equations is expected to leave.
SHARE_OF_CURVATURE = 0.3

#: Largest relative tolerance of a linear solve, however much the curvature will leave.
LOOSEST_NEAR = 1e-2

#: Rounding error of a row over its diagonal term: machine precision times the number of terms that cancel.
ROUNDING_PER_TERM = 4.0 * np.finfo(float).eps

#: Most Newton steps that are made only because currents do not balance yet.
STEPS_FOR_CURRENTS = 3

#: Largest change of a logarithm, or of the potential in V_T, in the last step of a solve that stops at rounding error.
LAST_STEP_SIZE = 1e-6

#: Factor by which the rounding error may exceed its estimate where Newton stagnates: the diagonal does not contain the
#: drift in a steep potential.
STAGNATION_FACTOR = 16.0


class Convergence:
    """Convergence test of SNES; it also sets the accuracy of each linear solve and counts its iterations.

    Args:
        linear: linear solver of the Newton steps.
        tolerance: tolerance of the residual, over the reference norm.
        extra_convergence_test: whether the state meets conditions that the norm of the residual does not show.
        conserves: whether the currents of the state balance; if not, a few more steps are made.
        logarithms: whether the unknowns are logarithms: then the rounding error of crowded ions hides the rest of the
            residual, and the last step must be small as well.

    Attributes:
        scale: reference norm of the residual.
        most_krylov: most linear iterations in one Newton step since `begin`.
    """

    def __init__(
        self,
        linear: LinearSolver,
        tolerance: float,
        extra_convergence_test: Callable[[], bool],
        conserves: Callable[[], bool],
        *,
        logarithms: bool = False,
    ) -> None:
        self._linear, self._tolerance, self._logarithms = linear, tolerance, logarithms
        self._extra_convergence_test, self._conserves = extra_convergence_test, conserves
        self.scale, self.most_krylov, self._krylov_before = 1.0, 0, 0
        self._polishing, self._last_residual, self._reduction = False, np.inf, 0.0
        self._curvature = np.nan  # residual that an exact Newton step leaves, over the square of that before
        self._is_stage = False
        self._linear_residual = 0.0  # that the last linear solve was allowed to leave

    def begin(self, reference: float, *, is_long_stage: bool) -> None:
        """Reset for another solve.

        Args:
            reference: reference norm of the residual (that of the bulk state).
            is_long_stage: whether it is a stage of a time step, whose curvature is like that of the last one; in short
                stages the smallest charge that a linear solve leaves would move the potential.
        """
        self.scale = reference if reference > 0.0 else 1.0
        self.most_krylov, self._is_stage = 0, is_long_stage

    def begin_attempt(self) -> None:
        """Reset for another attempt of SNES at the same solve."""
        self._polishing, self._last_residual, self._krylov_before, self._steps_for_currents = False, np.inf, 0, 0

    @property
    def absolute_tolerance(self) -> float:
        """Tolerance of the norm of the residual."""
        return self._tolerance * self.scale

    def reduction(self) -> float:
        """Ratio of the last two norms of the residual; zero before the first step."""
        return self._reduction

    def former_jacobian_serves(self) -> bool:
        """Whether a step with the Jacobian of the last one will leave no more than the linear solve.

        It leaves twice the product of the residual and the last reduction.
        """
        if self._reduction <= 0.0:
            return False
        return 2.0 * self._reduction * self._last_residual <= self._wanted * self.scale

    @property
    def _wanted(self) -> float:
        """Residual over the reference norm that a linear solve near the solution aims at."""
        return SHARE_OF_POLISHED * POLISHED_FRACTION * self._tolerance

    def test(self, snes: Any, iteration: int, norms: tuple[float, float, float]) -> Any:
        """Convergence at the tolerance, or at rounding error (weak currents on graded meshes). Collective.

        Args:
            snes: nonlinear solver of PETSc.
            iteration: number of the Newton step, from zero.
            norms: Euclidean norms of the unknowns, the last step and the residual, as PETSc gives them.

        Returns:
            Reason of PETSc: converged, not yet, or the residual is not a number.
        """
        reasons, residual = PETSc.SNES.ConvergedReason, norms[2]
        if not np.isfinite(residual):
            return NOT_A_NUMBER
        self._count(iteration, snes.getLinearSolveIterations())
        if self._is_stage and iteration > 0 and self._last_residual > 0.0:
            self._learn(residual / self.scale, self._last_residual / self.scale)
        stalled = iteration > 0 and residual > 0.5 * self._last_residual
        if residual <= self.absolute_tolerance:
            # One more step costs little and leaves a residual far below the tolerance in the balances.
            polished = residual <= POLISHED_FRACTION * self.absolute_tolerance or self._polishing
            if polished and self._extra_convergence_test() and (stalled or self._is_exact()):
                return reasons.CONVERGED_FNORM_ABS
            self._polishing = True
        self._reduction = residual / self._last_residual if iteration > 0 else 0.0
        self._last_residual = residual
        if (
            iteration > 0
            and residual <= self.rounding(snes.getSolution()) * (STAGNATION_FACTOR if stalled else 1.0)
            and (stalled or (self._extra_convergence_test() and self._is_exact()))
            and (not self._logarithms or snes.getSolutionUpdate().norm(PETSc.NormType.NORM_INFINITY) <= LAST_STEP_SIZE)
        ):
            return reasons.CONVERGED_FNORM_RELATIVE
        rtol = self._linear.set_rtol(self._useful_rtol(residual / self.scale))
        self._linear_residual = rtol * residual / self.scale
        return reasons.CONVERGED_ITERATING

    def _is_exact(self) -> bool:
        """Whether the currents balance, or no more steps are made for them. Collective."""
        if self._steps_for_currents >= STEPS_FOR_CURRENTS or self._conserves():
            return True
        self._steps_for_currents += 1
        return False

    def _count(self, iteration: int, krylov: int) -> None:
        if iteration > 0:
            self.most_krylov = max(self.most_krylov, krylov - self._krylov_before)
        self._krylov_before = krylov

    def _learn(self, residual: float, before: float) -> None:
        """Learn the curvature of the equations from a step, or a bound where the linear solve left more."""
        found = residual / before**2
        if residual > DOMINATES * self._linear_residual or not found > self._curvature:
            self._curvature = found

    def _useful_rtol(self, residual: float) -> float:
        """Relative accuracy of a linear solve that Newton can use, at a residual over the reference norm.

        What the curvature of the equations will leave, as the last solve had it, is left by the linear solve as well.
        Where that is not known, any step near the solution may be the last one, whose error then remains: a few
        iterations cost less than another step.
        """
        residual = max(residual, np.finfo(float).tiny)
        wanted = self._wanted
        expected = SHARE_OF_CURVATURE * self._curvature * residual**2
        if self._is_stage and expected >= 0.0:
            return float(min(max(expected, wanted) / residual, LOOSEST_NEAR))
        return min(wanted / residual, LOOSEST_RTOL) if residual < NEAR_SOLUTION else LOOSEST_RTOL

    def rounding(self, x: PETSc.Vec) -> float:
        """Rounding error of a residual, estimated from the diagonal terms of its rows. Collective.

        The logarithm of a concentration near its unit is near zero, but its own rounding error does not vanish there.
        """
        if not self._linear.A.isAssembled():  # some nonlinear solvers of PETSc never assemble the matrix
            return 0.0
        terms = self._linear.operator.getDiagonal()
        sizes = x.copy()
        if self._logarithms:
            sizes.array[:] = np.maximum(np.abs(x.array_r), 1.0)
        terms.pointwiseMult(terms, sizes)
        size: Any = terms.norm()
        terms.destroy()
        sizes.destroy()
        return ROUNDING_PER_TERM * float(size)
