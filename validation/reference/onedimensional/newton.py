"""Newton's method whose steps are limited, for unknowns that are logarithms and potentials of order one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

Values = NDArray[np.float64]

#: Largest change of an unknown in a step: beyond a factor of e^2 the exponentials are not linear at all.
LIMIT = 2.0


class NoConvergenceError(ArithmeticError):
    """Newton's method found nothing."""


def newton(
    function: Callable[[Values], tuple[Values, csc_matrix]],
    start: Values,
    *,
    tolerance: float = 1e-8,
    iterations: int = 30,
    polish: int = 0,
) -> Values:
    """Root of a function with its sparse Jacobian.

    Args:
        function: residual (n,) and Jacobian (n, n) at a point.
        start: (n,).
        tolerance: of the largest change in a step; what is left is of its square.
        iterations: at most.
        polish: further iterations, which bring what is left down to rounding.

    Returns:
        (n,).

    Raises:
        NoConvergenceError: too many iterations, or a Jacobian that is singular or not finite.
    """
    point, left = start.copy(), polish
    for _ in range(iterations):
        with np.errstate(over="ignore", invalid="ignore"):
            residual, jacobian = function(point)
        if not (np.all(np.isfinite(residual)) and np.all(np.isfinite(jacobian.data))):
            raise NoConvergenceError("not finite")
        try:
            step = splu(jacobian).solve(residual)
        except RuntimeError as error:  # how SuperLU says singular
            raise NoConvergenceError(str(error)) from None
        largest = float(np.max(np.abs(step)))
        if not np.isfinite(largest):
            raise NoConvergenceError("not finite")
        point -= step * min(1.0, LIMIT / max(largest, 1e-300))
        if largest < tolerance:
            if left == 0:
                return point
            left -= 1
    raise NoConvergenceError(f"no convergence in {iterations} iterations")
