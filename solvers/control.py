"""The one controller of steps, of continuation and of time: halve and retry after a failure, grow after success."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class StepControl:
    """Size of the next step.

    Attributes:
        step: of the next attempt.
        smallest: below it the way is lost.
        largest: above it no step grows.
        growth: after a success.
    """

    step: float
    smallest: float
    largest: float
    growth: float = 2.0

    def succeeded(self) -> None:
        """Grow."""
        self.step = min(self.step * self.growth, self.largest)

    def failed(self) -> bool:
        """Halve; whether another attempt makes sense."""
        self.step *= 0.5
        return self.step >= self.smallest
