"""Diagonally implicit Runge-Kutta methods, stiffly accurate: a step ends at its last stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tableau:
    """Coefficients of a method whose implicit stages share one diagonal coefficient.

    Attributes:
        A: coefficients of the stages, shape (stages, stages), lower triangular; the last row has the weights.
        embedded: weights of the embedded method of the error estimate, one order lower.
        order: order of the method.
    """

    A: np.ndarray
    embedded: np.ndarray
    order: int

    @property
    def c(self) -> np.ndarray:
        """Times of the stages, over the step."""
        return np.asarray(self.A.sum(axis=1))

    @property
    def b(self) -> np.ndarray:
        """Weights of the stages."""
        return np.asarray(self.A[-1])

    @property
    def gamma(self) -> float:
        """Diagonal coefficient of the implicit stages."""
        return float(self.A[-1, -1])

    @property
    def defect(self) -> np.ndarray:
        """Weights of the differences of the states of the stages from the start that give h sum_i (b_i - b^_i) K_i.

        Only for a method with an explicit first stage, whose weight is zero, that is of stage order two.
        """
        weights = np.linalg.solve(self.A[1:, 1:].T, (self.b - self.embedded)[1:])
        return np.array([0.0, *weights])

    @property
    def explicit_start(self) -> bool:
        """Whether the first stage is the end of the step before."""
        return bool(self.A[0, 0] == 0.0)


#: Backward Euler, which needs no rate at its start.
EULER = Tableau(A=np.array([[1.0]]), embedded=np.array([1.0]), order=1)

#: Diagonal coefficient of ESDIRK.
_GAMMA = 1767732205903 / 4055673282236

#: ESDIRK3(2)4L[2]SA: third order, L-stable, stage order two. Implicit part of ARK3(2)4L[2]SA (Kennedy and Carpenter,
#: Appl. Numer. Math. 44 (2003) 139, appendix C).
ESDIRK = Tableau(
    A=np.array(
        [
            [0.0, 0.0, 0.0, 0.0],
            [_GAMMA, _GAMMA, 0.0, 0.0],
            [2746238789719 / 10658868560708, -640167445237 / 6845629431997, _GAMMA, 0.0],
            [1471266399579 / 7840856788654, -4482444167858 / 7529755066697, 11266239266428 / 11593286722821, _GAMMA],
        ]
    ),
    embedded=np.array(
        [
            2756255671327 / 12835298489170,
            -10771552573575 / 22201958757719,
            9247589265047 / 10645013368117,
            2193209047091 / 5459859503100,
        ]
    ),
    order=3,
)
