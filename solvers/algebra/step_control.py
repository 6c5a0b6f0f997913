"""Controller of the step size in continuation and in time: it shrinks after a failure and grows after a success."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Step size that is size over the one that the error estimate allows.
SAFETY = 0.85

#: Number of step sizes from one to two: rounded sizes are the same on any number of ranks.
SIZES_PER_DOUBLING = 8

#: Growth below which the step size stays, so that factorisations can be reused.
SMALLEST_GROWTH = 1.25


def graded(factor: float) -> float:
    """Factor rounded down to a power of the eighth root of two.

    Error estimates differ in their last digits between numbers of ranks; step sizes must not.
    """
    return float(2.0 ** (math.floor(SIZES_PER_DOUBLING * math.log2(factor) + 1e-9) / SIZES_PER_DOUBLING))


@dataclass
class StepControl:
    """Step size of the next attempt.

    Attributes:
        step: size of the next step.
        smallest: smallest size; below it the solve has failed.
        largest: largest size.
        growth: largest growth factor after a success.
    """

    step: float
    smallest: float
    largest: float
    growth: float = 2.0

    def succeeded(self, factor: float | None = None, used: float | None = None) -> None:
        """Grow after a success.

        Args:
            factor: growth that the error estimate allows; the largest one without an estimate.
            used: size of the step that succeeded, where it was smaller than `step`.
        """
        size = self.step if used is None else used
        proposed = size * min(self.growth if factor is None else graded(SAFETY * factor), self.growth)
        if size <= proposed < SMALLEST_GROWTH * size:
            proposed = size
        if size < self.step and proposed >= size:
            proposed = max(proposed, self.step)  # the success of a shorter step is no reason to shrink
        self.step = min(proposed, self.largest)

    def failed(self, factor: float = 0.5, used: float | None = None) -> bool:
        """Shrink after a failure; whether the size is still large enough for another attempt."""
        self.step = graded(factor) * (self.step if used is None else used)
        return self.step >= self.smallest

    def step_to(self, remaining: float) -> float:
        """Size of the next step, so that one ends exactly after ``remaining``; the last two are made equal."""
        if self.step >= remaining * (1.0 - 1e-9):
            return remaining
        return 0.5 * remaining if 2.0 * self.step > remaining else self.step
