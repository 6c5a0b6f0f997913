"""The Pareto front of time against error, and how far a point lies behind it. Plain numbers only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Factor within which two times or two errors count as the same: repeated measurements differ by as much.
SPREAD = 1.25

#: Errors at which programs are compared.
TARGETS = (1e-3, 1e-4, 1e-5)


@dataclass(frozen=True)
class Position:
    """Position of a point relative to the front.

    Attributes:
        slower: its time over the shortest time of all points that have no larger error; 1 on the front.
        worse: its error over the smallest error of all points that take no longer; 1 on the front.
        faster_is: index of the point with that shortest time.
        better_is: index of the point with that smallest error.
    """

    slower: float
    worse: float
    faster_is: int
    better_is: int

    @property
    def is_near(self) -> bool:
        """Whether the point is as good as a point of the front."""
        return self.slower <= SPREAD or self.worse <= SPREAD


def front(times: Sequence[float], errors: Sequence[float]) -> list[int]:
    """Indices of the points that no other one beats in both time and error, in the order of time (and falling error).

    Of points that agree in both, the first one counts.
    """
    best: list[int] = []
    for i in sorted(range(len(times)), key=lambda i: (times[i], errors[i], i)):
        if not best or errors[i] < errors[best[-1]]:
            best.append(i)
    return best


def position(index: int, times: Sequence[float], errors: Sequence[float]) -> Position:
    """Position of one of the points among all of them."""
    as_good = [i for i in range(len(times)) if errors[i] <= errors[index]]
    as_fast = [i for i in range(len(times)) if times[i] <= times[index]]
    fastest, best = min(as_good, key=lambda i: times[i]), min(as_fast, key=lambda i: errors[i])
    worse = 1.0 if errors[best] == errors[index] else errors[index] / max(errors[best], 1e-300)
    return Position(times[index] / times[fastest], worse, fastest, best)


def lasting(errors: Sequence[float]) -> list[float]:
    """Errors on finer and finer meshes, each raised to the largest error on any finer mesh.

    An error that changes its sign passes through zero; a setting near that zero is not better, only lucky.
    """
    raised = list(errors)
    for i in range(len(raised) - 2, -1, -1):
        raised[i] = max(raised[i], raised[i + 1])
    return raised


def time_to(error: float, times: Sequence[float], errors: Sequence[float]) -> float:
    """Time to reach an error, interpolated (log-log) on the front of time and error of a sweep of meshes.

    It is the time of the coarsest mesh where that is better already, and infinite where no mesh reaches the error.
    """
    points = [(times[i], errors[i]) for i in front(times, errors)]
    before = None
    for time, reached in points:
        if reached <= error:
            if before is None or reached == 0.0:
                return time
            share = math.log(before[1] / error) / math.log(before[1] / reached)
            return float(before[0] * (time / before[0]) ** share)
        before = time, reached
    return math.inf
