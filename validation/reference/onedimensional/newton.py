"""Newton's method with limited steps, for unknowns that are logarithms and potentials of order one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

Values = NDArray[np.float64]

#: Largest change of an unknown in a step: beyond a factor of e^2 the exponentials are far from linear.
LIMIT = 2.0


class NoConvergenceError(ArithmeticError):
    """Newton's method did not converge.

    Examples:
        >>> from spinepnp.validation.onedimensional import NoConvergenceError
        >>> issubclass(NoConvergenceError, ArithmeticError)
        True
    """


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
        start: initial guess, (n,).
        tolerance: largest change of an unknown in the last step; the error is of its square.
        iterations: largest number of iterations.
        polish: number of further iterations, which reduce the error to rounding.

    Returns:
        The root, (n,).

    Raises:
        NoConvergenceError: there are too many iterations, or the Jacobian is singular or not finite.
    """
    point, left = start.copy(), polish
    for _ in range(iterations):
        with np.errstate(over="ignore", invalid="ignore"):
            residual, jacobian = function(point)
        if not (np.all(np.isfinite(residual)) and np.all(np.isfinite(jacobian.data))):
            raise NoConvergenceError("not finite")
        try:
            step = splu(jacobian).solve(residual)
        except RuntimeError as error:  # from SuperLU for a singular matrix
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
