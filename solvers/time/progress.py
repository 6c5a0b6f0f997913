"""Where a transient is, and what it says of each step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.solvers.algebra.statistics import NewtonStatistics
from spinepnp.solvers.algebra.step_control import StepControl
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.time.dirk import Moment

#: An attempt at a step that was not accepted: its length, s, the reason, and what it took, where that is known.
Rejected = tuple[float, str, NewtonStatistics | None]


@dataclass(frozen=True)
class Step:
    """An accepted step.

    Attributes:
        number: how many steps there were, this one included.
        time: of its end, s.
        length: s.
        error: estimate over the tolerance.
        solution: the state at its end.
        statistics: of its solves; those of rejected attempts are not among them.
        rejected: statistics and reasons of the attempts before it.
        listed: whether its end is one of the times of the schedule, or the end of all.
        defect: |N_end - N_start - passed| of each species since the start, mol.
        passed: charge that each species has carried in through each boundary since the start, C, by boundary.
        gates: open fractions, in the order of the channels.
    """

    number: int
    time: float
    length: float
    error: float
    solution: Solution
    statistics: NewtonStatistics
    rejected: list[Rejected]
    listed: bool
    defect: dict[str, float]
    passed: dict[str, dict[str, float]]
    gates: tuple[float, ...]


@dataclass
class Progress:
    """Where a transient is, and how it goes on: with the state, all that a restart needs.

    Attributes:
        moment: the state.
        control: of the steps.
        number: of steps so far.
        begun: whether the smooth piece that the state is in has had its first step.
        first: amounts at the start, scaled, shape (N,).
        rounding: what all steps so far may have left of an amount by rounding, scaled.
    """

    moment: Moment
    control: StepControl
    number: int
    begun: bool
    first: np.ndarray
    rounding: float = 0.0
