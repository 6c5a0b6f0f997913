"""From one state in time to the next: attempts at a step, shorter ones after a failure or a large error."""

from __future__ import annotations

from dataclasses import dataclass

from spinepnp.errors import SolveError
from spinepnp.solvers.algebra.statistics import NewtonError
from spinepnp.solvers.algebra.step_control import StepControl
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.time.dirk import Attempt, Moment, take_step
from spinepnp.solvers.time.progress import Progress, Rejected
from spinepnp.solvers.time.tableaux import ESDIRK, EULER
from spinepnp.units import TIME, format_quantity

#: Of the Debye time: the step that follows the first one of a smooth piece.
FIRST = 3e-2

#: Largest growth of a step, and what is left of one at the most and at the least after its error was too large.
GROWTH, LEAST, MOST = 5.0, 0.2, 0.9

#: What is left of a step that could not be solved.
AFTER_FAILURE = 0.25


@dataclass(frozen=True)
class Advance:
    """What led to the next state.

    Attributes:
        accepted: the step.
        length: of it, s.
        rejected: attempts before it.
    """

    accepted: Attempt
    length: float
    rejected: list[Rejected]


def advance(problem: Problem, progress: Progress, target: float, schedule: Schedule) -> Advance:
    """One accepted step toward a time. Collective.

    Args:
        problem: the equations.
        progress: where it starts; its control shrinks and grows.
        target: time that no step may pass, s.
        schedule: tolerance, or fixed length.

    Raises:
        SolveError: the step would have to be too short to go on.
    """
    moment, control, rejected = progress.moment, progress.control, []
    method, remaining = ESDIRK if progress.begun else EULER, target - progress.moment.time
    while True:
        if schedule.fixed_step is not None and progress.begun:
            control.step = schedule.fixed_step
        length = control.step_to(remaining)
        end = target if length == remaining else moment.time + length
        try:
            attempt = take_step(problem, problem.problem_data, moment, end, method, schedule.tolerance)
        except SolveError as error:
            lost, factor = _lost(error, moment, length), AFTER_FAILURE
            rejected.append((length, str(error), error.statistics if isinstance(error, NewtonError) else None))
            _recover(problem, error, moment)
        else:
            if schedule.fixed_step is not None or attempt.error <= 1.0:
                break
            reason = f"error {attempt.error:.2g} of the tolerance"
            lost = _lost(SolveError(f"the error of a step stays above the tolerance ({reason})"), moment, length)
            factor = min(MOST, max(LEAST, 0.85 * attempt.error ** (-1.0 / method.order)))
            rejected.append((length, reason, attempt.statistics))
        if not control.failed(factor, length):
            raise lost
    if progress.begun:
        _grow(control, attempt.error, method.order, length)
    else:
        control.step = FIRST * problem.system.step_data.scales.debye_time
    return Advance(attempt, length, rejected)


def _grow(control: StepControl, error: float, order: int, length: float) -> None:
    control.succeeded(error ** (-1.0 / order) if error > 0.0 else GROWTH, length)


def _recover(problem: Problem, error: SolveError, moment: Moment) -> None:
    """Be ready for another attempt; with a factorisation where the block solver of "auto" has failed. Collective."""
    if isinstance(error, NewtonError) and problem.factorise_instead(error):
        problem.system.set_data(problem.problem_data)
    problem.system.state.restore(moment.unknowns)


def _lost(error: SolveError, moment: Moment, length: float) -> SolveError:
    """The error, with the time at which it would end the transient."""
    at, step = (format_quantity(float(f"{t:.6g}"), TIME) for t in (moment.time, length))
    message = f"at {at} no step can be made, not even one of {step}: {error}"
    return NewtonError(message, error.statistics) if isinstance(error, NewtonError) else SolveError(message)
