"""When Newton has arrived, and how well it must solve its linear systems on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spinepnp.runtime.stack import NOT_A_NUMBER, PETSc
from spinepnp.solvers.algebra.linear import FAR, LinearSolver

#: Fraction of the tolerance at which Newton stops at once.
POLISHED = 1e-2

#: Residual over that of the bulk from which Newton is near its solution.
NEAR = 1e-3

#: Machine precision times the number of terms that cancel in a row, of which the diagonal one is the largest.
ROUNDING = 4.0 * np.finfo(float).eps

#: Newton steps that are made for the currents where the norm of the residual asks for none.
FOR_CURRENTS = 3

#: Largest change of a logarithm, or of the potential in V_T, in the last step of a solve that ends by rounding.
LAST_STEP = 1e-6

#: By how much the rounding error may exceed its estimate where Newton stands still: the diagonal does not know of the
#: drift in a steep potential.
STALLED = 16.0


class Convergence:
    """Convergence test of SNES; it sees each residual, and so counts and steers the linear solver.

    Args:
        linear: solver of the steps.
        tolerance: of the residual, over that which counts as one.
        extra_convergence_test: whether a state meets what the norm of the residual does not show.
        conserves: whether its currents do; they are polished as long as that helps.
        logarithms: whether the unknowns are logarithms: the rounding of a crowd of ions hides the rest of the residual
            then, and the last step must be small as well.

    Attributes:
        scale: norm of the residual that counts as one.
        most_krylov: most linear iterations in one step since `begin`.
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
        self._logarithms = logarithms
        self._linear, self._tolerance, self._extra_convergence_test, self._conserves = (
            linear,
            tolerance,
            extra_convergence_test,
            conserves,
        )
        self.scale, self.most_krylov, self._krylov_before = 1.0, 0, 0
        self._polishing, self._last_residual, self._reduction = False, np.inf, 0.0

    def begin(self, reference: float) -> None:
        """Be ready for another solve.

        Args:
            reference: norm of the residual that counts as one.
        """
        self.scale = reference if reference > 0.0 else 1.0
        self.most_krylov = 0

    def begin_attempt(self) -> None:
        """Be ready for another attempt of SNES at it."""
        self._polishing, self._last_residual, self._krylov_before, self._for_currents = False, np.inf, 0, 0

    @property
    def absolute_tolerance(self) -> float:
        """Of the norm of the residual."""
        return self._tolerance * self.scale

    def reduction(self) -> float:
        """By which the last step has changed the norm of the residual; zero before the first."""
        return self._reduction

    def test(self, snes: Any, iteration: int, norms: tuple[float, float, float]) -> Any:
        """Converged at the tolerance, or where rounding leaves nothing to gain (weak currents on graded meshes).

        Collective.
        """
        reasons, residual = PETSc.SNES.ConvergedReason, norms[2]
        if not np.isfinite(residual):
            return NOT_A_NUMBER
        self._count(iteration, snes.getLinearSolveIterations())
        self._linear.set_accuracy(self._useful_accuracy(residual / self.scale))
        stalled = iteration > 0 and residual > 0.5 * self._last_residual
        if residual <= self.absolute_tolerance:
            # Close to the tolerance one step more costs little and leaves nothing of it in the balances.
            near = residual <= POLISHED * self.absolute_tolerance or self._polishing
            if near and self._extra_convergence_test() and (stalled or self._is_exact()):
                return reasons.CONVERGED_FNORM_ABS
            self._polishing = True
        self._reduction = residual / self._last_residual if iteration > 0 else 0.0
        self._last_residual = residual
        if (
            iteration > 0
            and residual <= self.rounding(snes.getSolution()) * (STALLED if stalled else 1.0)
            and (stalled or (self._extra_convergence_test() and self._is_exact()))
            and (not self._logarithms or snes.getSolutionUpdate().norm(PETSc.NormType.NORM_INFINITY) <= LAST_STEP)
        ):
            return reasons.CONVERGED_FNORM_RELATIVE
        return reasons.CONVERGED_ITERATING

    def _is_exact(self) -> bool:
        """Whether the currents need no further step. Collective."""
        if self._for_currents >= FOR_CURRENTS or self._conserves():
            return True
        self._for_currents += 1
        return False

    def _count(self, iteration: int, krylov: int) -> None:
        if iteration > 0:
            self.most_krylov = max(self.most_krylov, krylov - self._krylov_before)
        self._krylov_before = krylov

    def _useful_accuracy(self, residual: float) -> float:
        """Relative accuracy of a linear solve that Newton can use, at a residual over that which counts as one.

        Near the solution any step may be the last one, which then leaves all of the tolerance to be solved for: a few
        iterations cost less than another step.
        """
        residual = max(residual, np.finfo(float).tiny)
        return 0.1 * POLISHED * self._tolerance / residual if residual < NEAR else FAR

    def rounding(self, x: Any) -> float:
        """Rounding error of a residual: machine precision times the terms that cancel in its rows. Collective."""
        if not self._linear.A.isAssembled():  # not every solver of PETSc asks for the matrix
            return 0.0
        terms = self._linear.operator.getDiagonal()
        terms.pointwiseMult(terms, x)
        size: Any = terms.norm()
        terms.destroy()
        return ROUNDING * float(size)
