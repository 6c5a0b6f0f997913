"""The Pareto front of time against error, and how far a point lies behind it. Plain numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Times and errors that differ by less than this factor are the same: measurements of one thing differ as much.
SAME = 1.25


@dataclass(frozen=True)
class Position:
    """Where a point lies.

    Attributes:
        slower: its time over the shortest one that has no larger error; 1 on the front.
        worse: its error over the smallest one that takes no longer; 1 on the front.
        faster_is: index of the point with that shortest time.
        better_is: index of the point with that smallest error.
    """

    slower: float
    worse: float
    faster_is: int
    better_is: int

    @property
    def is_near(self) -> bool:
        """Whether the point is as good as one of the front."""
        return self.slower <= SAME or self.worse <= SAME


def front(times: Sequence[float], errors: Sequence[float]) -> list[int]:
    """Indices of the points that no other one beats in both, by rising time (and falling error).

    Of points that are alike in both, the first one counts.
    """
    found: list[int] = []
    for i in sorted(range(len(times)), key=lambda i: (times[i], errors[i], i)):
        if not found or errors[i] < errors[found[-1]]:
            found.append(i)
    return found


def position(index: int, times: Sequence[float], errors: Sequence[float]) -> Position:
    """Where one of the points lies among all of them."""
    as_good = [i for i in range(len(times)) if errors[i] <= errors[index]]
    as_fast = [i for i in range(len(times)) if times[i] <= times[index]]
    fastest, best = min(as_good, key=lambda i: times[i]), min(as_fast, key=lambda i: errors[i])
    worse = 1.0 if errors[best] == errors[index] else errors[index] / max(errors[best], 1e-300)
    return Position(times[index] / times[fastest], worse, fastest, best)


def lasting(errors: Sequence[float]) -> list[float]:
    """Errors on finer and finer meshes, without luck: none is smaller than one on a finer mesh.

    An error that changes sign passes through zero on the way; no setting is better for that.
    """
    found = list(errors)
    for i in range(len(found) - 2, -1, -1):
        found[i] = max(found[i], found[i + 1])
    return found
