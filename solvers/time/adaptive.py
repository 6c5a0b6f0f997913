"""Adaptive steps in time: trial steps until one is accepted, shorter ones after a failure or a large error."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spinepnp.errors import SolveError
from spinepnp.solvers.algebra.statistics import NewtonError, NewtonStatistics
from spinepnp.solvers.algebra.step_control import StepControl
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.time.dense_output import DenseOutput
from spinepnp.solvers.time.dirk import TimeState, TrialStep, take_step
from spinepnp.solvers.time.tableaux import ESDIRK, EULER
from spinepnp.solvers.time.traces import Trace
from spinepnp.units import TIME, format_quantity

#: Step after the first one of a smooth interval, over the Debye time.
SECOND_STEP = 3e-2

#: Largest factor by which a step grows after an accepted one.
GROWTH = 5.0

#: Smallest factor of the step after an error that was too large.
SMALLEST_REDUCTION = 0.2

#: Largest factor of the step after an error that was too large.
LARGEST_REDUCTION = 0.9

#: Safety factor of the step that the error allows after one that was too large.
SAFETY = 0.85

#: Factor of a step that could not be solved.
FAILURE_REDUCTION = 0.25


#: A trial step that was not accepted: its length, s, the reason, and the statistics of its solves, where known.
Rejected = tuple[float, str, NewtonStatistics | None]


@dataclass(frozen=True)
class Step:
    """An accepted step, or the state at a listed time within one.

    Examples:
        >>> import spinepnp as pnp
        >>> mesh = pnp.mesh(pnp.Cylinder(length="1 um", radius="100 nm", dimension="1d"), size="50 nm")
        >>> ion = {"diffusivity": "200 um^2/s", "concentration": "150 mM"}
        >>> salt = pnp.Electrolyte(species=[{"name": "Na", "valence": 1, **ion}, {"name": "Cl", "valence": -1, **ion}])
        >>> ends = {"base": pnp.bath("0 mV"), "top": pnp.inject("Na", "50 pA")}
        >>> steps = pnp.solve_transient(mesh, salt, ends, pnp.Schedule(duration="1 ns", tolerance=1e-2))
        >>> steps[-1].time, steps[-1].listed  # s
        (1e-09, True)

    Attributes:
        number: number of the step, from one.
        time: end of the step, or the listed time, s.
        length: length of the step, or time since its start, s.
        error: error estimate of the step over the tolerance.
        solution: state at this time.
        statistics: statistics of its solves, without those of rejected trial steps; zeros at a listed time within.
        rejected: rejected trial steps before it.
        listed: whether its time is one of the times of the schedule, or the end of the transient.
        interpolated: whether its time lies within the step, and the state is that of the dense output.
        dense: dense output of the step.
        trace: numbers over the time of the step.
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
    interpolated: bool
    dense: DenseOutput = field(repr=False)
    trace: Trace = field(repr=False)
    defect: dict[str, float]
    passed: dict[str, dict[str, float]]
    gates: tuple[float, ...]

    def at(self, time: float) -> np.ndarray:
        """Nodal values at a time (s) within the step, as in `Solution.unknowns`, from the dense output."""
        if not self.dense.start <= time <= self.dense.end:
            raise ValueError(
                f"the step goes from {self.dense.start} s to {self.dense.end} s, and {time} s is not in it"
            )
        return self.dense.values(time)


@dataclass
class TransientProgress:
    """Progress of a transient: all that a restart needs.

    Attributes:
        time_state: present state.
        control: control of the steps.
        number: number of steps so far.
        started: whether the present smooth interval has had its first step.
        first: amounts at the start, scaled, shape (N,).
        rounding: rounding error of an amount by all steps so far, scaled.
        resting: currents of the steady state at the start, A, as in `TimeState.passed`; ``None`` where there is no such
            state, or nothing is counted beyond them.
    """

    time_state: TimeState
    control: StepControl
    number: int
    started: bool
    first: np.ndarray
    rounding: float = 0.0
    resting: np.ndarray | None = None


def advance(
    problem: Problem, progress: TransientProgress, target: float, schedule: Schedule
) -> tuple[TrialStep, float, list[Rejected]]:
    """Solve trial steps toward a time until one is accepted. Collective.

    Args:
        problem: discrete problem.
        progress: progress at the start of the step; its control shrinks and grows.
        target: time that no step may pass, s.
        schedule: schedule with the tolerance, or a fixed step.

    Returns:
        The accepted trial step, its length, s, and the rejected trial steps before it.

    Raises:
        SolveError: the step would have to be too short to go on.
    """
    time_state, control = progress.time_state, progress.control
    rejected: list[Rejected] = []
    method, remaining = ESDIRK if progress.started else EULER, target - progress.time_state.time
    while True:
        if schedule.fixed_step is not None and progress.started:
            control.step = schedule.fixed_step
        length = control.step_to(remaining)
        end = target if length == remaining else time_state.time + length
        try:
            trial = take_step(problem, problem.problem_data, time_state, end, method, schedule.tolerance)
        except SolveError as error:
            lost, factor = _lost(error, time_state, length), FAILURE_REDUCTION
            rejected.append((length, str(error), error.statistics if isinstance(error, NewtonError) else None))
            if isinstance(error, NewtonError) and problem.factorise_instead(error):
                problem.system.set_data(problem.problem_data)
            problem.system.state.restore(time_state.unknowns)
        else:
            if schedule.fixed_step is not None or trial.error <= 1.0:
                break
            reason = f"error {trial.error:.2g} of the tolerance"
            lost = _lost(SolveError(f"the error of a step stays above the tolerance ({reason})"), time_state, length)
            factor = SAFETY * trial.error ** (-1.0 / method.order)
            factor = min(LARGEST_REDUCTION, max(SMALLEST_REDUCTION, factor))
            rejected.append((length, reason, trial.statistics))
        if not control.failed(factor, length):
            raise lost
    if progress.started:
        control.succeeded(trial.error ** (-1.0 / method.order) if trial.error > 0.0 else GROWTH, length)
    else:
        control.step = SECOND_STEP * problem.system.step_data.scales.debye_time
    return trial, length, rejected


def _lost(error: SolveError, time_state: TimeState, length: float) -> SolveError:
    """The error, with the time at which it ends the transient."""
    at, step = (format_quantity(float(f"{t:.6g}"), TIME) for t in (time_state.time, length))
    message = f"at {at} no step can be made, not even one of {step}: {error}"
    return NewtonError(message, error.statistics) if isinstance(error, NewtonError) else SolveError(message)
