"""Residual and matrix in the way that PETSc calls for them: timed, interruptible, and with their own exceptions."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import Any

from spinepnp.runtime import interrupts

#: Reduction of the residual by a Newton step, up to which an old matrix is good.
GOOD = 0.1


def weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """A bound method for PETSc to call that does not keep its object: Python sees no cycles that lead through PETSc."""
    reference = weakref.WeakMethod(method)

    def call(*arguments: Any) -> Any:
        bound = reference()
        assert bound is not None
        return bound(*arguments)

    return call


class Assembly:
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
        self._keep = False
        self.seconds = 0.0
        self.raised: BaseException | None = None
        self.pending = interrupts.Pending()
        self.has_matrix, self.count = False, 0

    def begin(self, *, keep: bool) -> None:
        """Be ready for another solve, which may keep the matrix of the last one as long as it serves well."""
        self.seconds, self._keep = 0.0, keep

    def residual(self, _snes: Any, x: Any, b: Any) -> None:
        """For SNES. Collective."""
        self._timed(self._residual, x, b)

    def jacobian(self, _snes: Any, x: Any, _operator: Any, _P: Any) -> None:
        """For SNES. Collective."""
        if self._keep and self.has_matrix and self._reduction() <= GOOD:
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
