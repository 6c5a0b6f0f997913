"""The one controller of steps, of continuation and of time: halve and retry after a failure, grow after success."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Of the step that the error allows, what is taken.
SAFETY = 0.85

#: Grades of step lengths from one to two.
GRADES = 8

#: A step that could grow by less than this stays, so that factorisations can be used again.
WORTH = 1.25


def graded(factor: float) -> float:
    """The next smaller power of the eighth root of two.

    Errors are known to a few digits, and those differ between numbers of ranks; steps must not.
    """
    return float(2.0 ** (math.floor(GRADES * math.log2(factor) + 1e-9) / GRADES))


@dataclass
class StepControl:
    """Size of the next step.

    Attributes:
        step: of the next attempt.
        smallest: below it the way is lost.
        largest: above it no step grows.
        growth: largest factor after a success.
    """

    step: float
    smallest: float
    largest: float
    growth: float = 2.0

    def succeeded(self, factor: float | None = None, used: float | None = None) -> None:
        """Grow.

        Args:
            factor: that the error allows; the largest one where there is no error.
            used: the step that succeeded, where it was shorter than this one.
        """
        taken = self.step if used is None else used
        wanted = taken * min(self.growth if factor is None else graded(SAFETY * factor), self.growth)
        if taken <= wanted < WORTH * taken:
            wanted = taken
        if taken < self.step and wanted >= taken:
            wanted = max(wanted, self.step)  # a short step says nothing against a longer one
        self.step = min(wanted, self.largest)

    def failed(self, factor: float = 0.5, used: float | None = None) -> bool:
        """Shrink; whether another attempt makes sense."""
        self.step = graded(factor) * (self.step if used is None else used)
        return self.step >= self.smallest

    def step_to(self, remaining: float) -> float:
        """The step to take where one must end after ``remaining``: the steps up to there are equalised."""
        if self.step >= remaining * (1.0 - 1e-9):
            return remaining
        return 0.5 * remaining if 2.0 * self.step > remaining else self.step
