"""From one state in time to the next: attempts at a step, shorter ones after a failure or a large error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.errors import SolveError
from spinepnp.solvers.algebra.statistics import NewtonError, NewtonStatistics
from spinepnp.solvers.algebra.step_control import StepControl
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.time.dirk import TimeState, TrialStep, take_step
from spinepnp.solvers.time.tableaux import ESDIRK, EULER
from spinepnp.units import TIME, format_quantity

#: Of the Debye time: the step that follows the first one of a smooth piece.
FIRST = 3e-2

#: Largest factor by which a step grows after an accepted one.
GROWTH = 5.0

#: Smallest factor by which a step is shortened after its error was too large.
LEAST = 0.2

#: Largest factor by which a step is shortened after its error was too large.
MOST = 0.9

#: What is left of a step that could not be solved.
AFTER_FAILURE = 0.25


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
class TransientProgress:
    """Where a transient is, and how it goes on: with the state, all that a restart needs.

    Attributes:
        time_state: the state.
        control: of the steps.
        number: of steps so far.
        started: whether the smooth piece that the state is in has had its first step.
        first: amounts at the start, scaled, shape (N,).
        rounding: what all steps so far may have left of an amount by rounding, scaled.
    """

    time_state: TimeState
    control: StepControl
    number: int
    started: bool
    first: np.ndarray
    rounding: float = 0.0


@dataclass(frozen=True)
class AcceptedStep:
    """What led to the next state.

    Attributes:
        accepted: the step.
        length: of it, s.
        rejected: attempts before it.
    """

    accepted: TrialStep
    length: float
    rejected: list[Rejected]


def advance(problem: Problem, progress: TransientProgress, target: float, schedule: Schedule) -> AcceptedStep:
    """One accepted step toward a time. Collective.

    Args:
        problem: the equations.
        progress: where it starts; its control shrinks and grows.
        target: time that no step may pass, s.
        schedule: tolerance, or fixed length.

    Raises:
        SolveError: the step would have to be too short to go on.
    """
    time_state, control, rejected = progress.time_state, progress.control, []
    method, remaining = ESDIRK if progress.started else EULER, target - progress.time_state.time
    while True:
        if schedule.fixed_step is not None and progress.started:
            control.step = schedule.fixed_step
        length = control.step_to(remaining)
        end = target if length == remaining else time_state.time + length
        try:
            attempt = take_step(problem, problem.problem_data, time_state, end, method, schedule.tolerance)
        except SolveError as error:
            lost, factor = _lost(error, time_state, length), AFTER_FAILURE
            rejected.append((length, str(error), error.statistics if isinstance(error, NewtonError) else None))
            _recover(problem, error, time_state)
        else:
            if schedule.fixed_step is not None or attempt.error <= 1.0:
                break
            reason = f"error {attempt.error:.2g} of the tolerance"
            lost = _lost(SolveError(f"the error of a step stays above the tolerance ({reason})"), time_state, length)
            factor = min(MOST, max(LEAST, 0.85 * attempt.error ** (-1.0 / method.order)))
            rejected.append((length, reason, attempt.statistics))
        if not control.failed(factor, length):
            raise lost
    if progress.started:
        _grow(control, attempt.error, method.order, length)
    else:
        control.step = FIRST * problem.system.step_data.scales.debye_time
    return AcceptedStep(attempt, length, rejected)


def _grow(control: StepControl, error: float, order: int, length: float) -> None:
    control.succeeded(error ** (-1.0 / order) if error > 0.0 else GROWTH, length)


def _recover(problem: Problem, error: SolveError, time_state: TimeState) -> None:
    """Be ready for another attempt; with a factorisation where the block solver of "auto" has failed. Collective."""
    if isinstance(error, NewtonError) and problem.factorise_instead(error):
        problem.system.set_data(problem.problem_data)
    problem.system.state.restore(time_state.unknowns)


def _lost(error: SolveError, time_state: TimeState, length: float) -> SolveError:
    """The error, with the time at which it would end the transient."""
    at, step = (format_quantity(float(f"{t:.6g}"), TIME) for t in (time_state.time, length))
    message = f"at {at} no step can be made, not even one of {step}: {error}"
    return NewtonError(message, error.statistics) if isinstance(error, NewtonError) else SolveError(message)
