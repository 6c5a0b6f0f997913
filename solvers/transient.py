"""Transients of the Poisson-Nernst-Planck equations on one mesh, from nanoseconds to seconds in one run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from spinepnp.errors import SolveError
from spinepnp.meshes import SpineMesh
from spinepnp.solvers.boundaries import Boundaries
from spinepnp.solvers.channels import GateStep
from spinepnp.solvers.closed import Closed, amounts_of, free_species
from spinepnp.solvers.control import StepControl
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.imposed import Imposed
from spinepnp.solvers.options import SolverOptions
from spinepnp.solvers.ordering import Ordering
from spinepnp.solvers.outcome import ROUNDING_OF_SUMS, UNBALANCED
from spinepnp.solvers.probes import Position
from spinepnp.solvers.problem import Problem
from spinepnp.solvers.regions import Region
from spinepnp.solvers.runge_kutta import ESDIRK, EULER
from spinepnp.solvers.solution import Solution
from spinepnp.solvers.statistics import NewtonError, NewtonStatistics
from spinepnp.solvers.steady import SteadyProblem
from spinepnp.solvers.time_stepping import Attempt, Moment, moment_at, new_piece, take_step
from spinepnp.units import FARADAY, TIME, format_quantity

#: Of the Debye time: the step of backward Euler that each smooth piece begins with, the first that follows it, and the
#: smallest before the way is lost.
BEGINNING, FIRST, SMALLEST = 1e-3, 3e-2, 1e-6

#: Largest growth of a step, and what is left of one at the most and at the least after its error was too large.
GROWTH, LEAST, MOST = 5.0, 0.2, 0.9

#: What is left of a step that could not be solved.
AFTER_FAILURE = 0.25

#: Rounding of an amount over itself: what fluxes through fine cells leave over steps far longer than their diffusion.
ROUNDING = 1e-11

#: Times that are nearer than this, over the duration, are one.
SAME = 1e-12


@dataclass(frozen=True)
class Schedule:
    """What time steps must do.

    Attributes:
        duration: from the start, s.
        times: that steps must end at, s.
        tolerance: of the error of each step: of a density over its largest value, of the potential over V_T.
        fixed_step: length of all steps, s, for studies of convergence; ``None`` adapts them.
    """

    duration: float
    times: tuple[float, ...] = ()
    tolerance: float = 1e-4
    fixed_step: float | None = None


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
    rejected: list[tuple[float, str, NewtonStatistics | None]]
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


class TransientProblem(Problem):
    """The equations in time on one mesh, for one structure of boundary data; see `Problem`.

    Args:
        mesh: distributed mesh with named boundaries; its communicator is used throughout.
        electrolyte: the species.
        boundaries: what is imposed, with waveforms and channels.
        options: of the solvers.
        probes: points at which each solution is evaluated, m, by name.
        closed: amounts of species that no boundary holds, at the start.
        regions: parts of the volume whose means and extremes each solution has, by name.

    Attributes:
        progress: where it is; ``None`` before `begin`.
    """

    def __init__(
        self,
        mesh: SpineMesh,
        electrolyte: Electrolyte,
        boundaries: Boundaries,
        options: SolverOptions | None = None,
        probes: dict[str, Position] | None = None,
        closed: Closed | None = None,
        regions: dict[str, Region] | None = None,
    ) -> None:
        super().__init__(mesh, Imposed(electrolyte, boundaries, closed, transient=True), options, probes, regions)
        self.progress: Progress | None = None
        # Tables are read once, here.
        self._courses = [i.course for b in boundaries.values() for i in b.injections]

    @property
    def debye_time(self) -> float:
        """lambda^2 / D of the scales, s."""
        scales = self.system.data.scales
        return scales.debye**2 * scales.time

    def begin(self, initial: Literal["bulk", "steady"] = "bulk") -> Solution:
        """Set the state at time zero. Collective.

        Args:
            initial: the bulk concentrations (or the closed amounts, spread evenly), or the steady state before any
                waveform begins.

        Returns:
            That state.

        Raises:
            CaseError, SolveError: there is no such steady state.
        """
        imposed = self._imposed
        if initial == "steady":
            before = imposed.before()
            steady = SteadyProblem(self.mesh, before.electrolyte, before.boundaries, self.options, closed=before.closed)
            found = steady.solve(before.electrolyte, before.boundaries, before.closed).unknowns.copy()
            steady.destroy()
            self.system.impose(imposed)
            found[:, -1] -= self.system.data.zero
            statistics = self._settle(found, imposed)
        else:
            self.system.impose(imposed)
            statistics = self._settle(self._even(imposed), imposed)
        moment = moment_at(self, 0.0)
        self.progress = Progress(
            moment, StepControl(0.0, 0.0, np.inf, GROWTH), 0, begun=False, first=self.system.state.amounts()
        )
        return self._solution_at(moment, statistics)[0]

    @cached_property
    def ordering(self) -> Ordering:
        """Of the degrees of freedom, whatever the number of ranks. Collective at its first use."""
        return Ordering(self.preview.space, self.mesh)

    def resume(self, progress: Progress) -> Solution:
        """Go on from the progress of another run of the same case. Collective.

        Returns:
            The state that it has reached.
        """
        progress.control.growth = GROWTH
        self.progress, moment = progress, progress.moment
        self.system.impose(self._imposed)
        self.system.state.restore(moment.unknowns)
        self.system.state.iterate_from(moment.unknowns)
        self.system.state.take(self.system.state.vector)
        comm = self.mesh.mesh.comm
        nothing = NewtonStatistics(self.system.state.vector.getSize(), comm.size, 0, 0, 0.0, 0.0, 0.0, "resumed")
        return self._solution_at(moment, nothing)[0]

    def _even(self, imposed: Imposed) -> np.ndarray:
        """Nodal values of even concentrations."""
        even = self.system.state.bulk(imposed.electrolyte)
        free = free_species(imposed.electrolyte, imposed.boundaries)
        if imposed.closed is not None:
            volume = self.system.state.volume()
            for name, amount in amounts_of(imposed.closed, imposed.electrolyte, free, volume).items():
                even[:, imposed.electrolyte.index(name)] = amount / volume
        return even

    def _settle(self, nodal: np.ndarray, imposed: Imposed) -> NewtonStatistics:
        """Bring the potential to what the concentrations ask for, which stay. Collective.

        A step that is too short for any ion to move leaves Poisson's equation alone, with all its conditions.
        """
        system = self.system
        unknowns = system.state.to_unknowns(nodal)
        system.held.prescribe(unknowns)
        system.state.restore(unknowns)
        system.state.iterate_from(unknowns)
        system.state.take(system.state.vector)
        still = SMALLEST**2 * self.debye_time / system.data.scales.time
        gates = GateStep(np.zeros(system.data.coupling.gates), np.inf)
        system.data.set_step(imposed.at(0.0, -1.0).boundaries, still, system.equations.contents(), gates)
        return self.solve_stage()

    def steps(self, schedule: Schedule) -> Iterator[Step]:
        """Go on from where it is to the end, one accepted step at a time. Collective.

        Yields:
            Each accepted step.

        Raises:
            SolveError: the step would have to be too short to go on.
        """
        if self.progress is None:
            self.begin()
        assert self.progress is not None
        progress, control = self.progress, self.progress.control
        jumps = self._ends(schedule)
        control.smallest = SMALLEST * self.debye_time
        while progress.moment.time < schedule.duration * (1.0 - SAME):
            here = progress.moment.time
            target = next(t for t in jumps if t > here + SAME * schedule.duration)
            if not progress.begun:
                control.step = BEGINNING * self.debye_time
            # A break that rounding puts a little ahead is behind already.
            at = here + SAME * schedule.duration
            control.largest = min([schedule.duration, *(course.longest(at) for course in self._courses)])
            control.step = min(control.step, control.largest)
            accepted, rejected, length = self._advance(target, schedule)
            progress.number += 1
            progress.rounding += ROUNDING_OF_SUMS * accepted.statistics.rounding
            at_end = accepted.moment.time == target
            progress.moment = new_piece(accepted.moment) if at_end and jumps[target] else accepted.moment
            progress.begun = not (at_end and jumps[target])
            yield self._step(accepted, rejected, length, listed=at_end and self._is_listed(target, schedule))

    @staticmethod
    def _is_listed(time: float, schedule: Schedule) -> bool:
        return any(abs(time - t) <= SAME * schedule.duration for t in (*schedule.times, schedule.duration))

    def _ends(self, schedule: Schedule) -> dict[float, bool]:
        """Whether a current jumps, by the times at which a step must end, rising."""
        marked = [(t, False) for t in (*schedule.times, schedule.duration)]
        marked += [(t, t in course.jumps) for course in self._courses for t in course.breaks]
        ends: list[tuple[float, bool]] = []
        for time, jumps in sorted(marked):
            if not 0.0 < time <= schedule.duration:
                continue
            if ends and time - ends[-1][0] <= SAME * schedule.duration:
                ends[-1] = ends[-1][0], ends[-1][1] or jumps
            else:
                ends.append((time, jumps))
        return dict(ends)

    def _advance(
        self, target: float, schedule: Schedule
    ) -> tuple[Attempt, list[tuple[float, str, NewtonStatistics | None]], float]:
        """One accepted step toward a time, with what was rejected before it."""
        assert self.progress is not None
        progress, control, rejected = self.progress, self.progress.control, []
        while True:
            moment, method = progress.moment, ESDIRK if progress.begun else EULER
            remaining = target - moment.time
            if schedule.fixed_step is not None and progress.begun:
                control.step = schedule.fixed_step
            length = control.toward(remaining)
            end = target if length == remaining else moment.time + length
            try:
                attempt = take_step(self, self._imposed, moment, end, method, schedule.tolerance)
            except SolveError as error:
                statistics = error.statistics if isinstance(error, NewtonError) else None
                rejected.append((length, str(error), statistics))
                self._after_failure(error, moment)
                if not control.failed(AFTER_FAILURE, length):
                    raise self._lost(error, moment, length) from None
                continue
            if schedule.fixed_step is not None or attempt.error <= 1.0:
                break
            reason = f"error {attempt.error:.2g} of the tolerance"
            rejected.append((length, reason, attempt.statistics))
            factor = min(MOST, max(LEAST, 0.85 * attempt.error ** (-1.0 / method.order)))
            if not control.failed(factor, length):
                raise self._lost(
                    SolveError(f"the error of a step stays above the tolerance ({reason})"), moment, length
                )
        if not progress.begun:
            control.step = FIRST * self.debye_time
        elif attempt.error > 0.0:
            control.succeeded(attempt.error ** (-1.0 / method.order), length)
        else:
            control.succeeded(GROWTH, length)
        return attempt, rejected, length

    def _after_failure(self, error: SolveError, moment: Moment) -> None:
        """Be ready for another attempt; with a factorisation where the block solver of "auto" has failed."""
        if isinstance(error, NewtonError) and self._factorise_instead(error):
            self.system.impose(self._imposed)
        self.system.state.restore(moment.unknowns)

    @staticmethod
    def _lost(error: SolveError, moment: Moment, length: float) -> SolveError:
        at, step = (format_quantity(float(f"{t:.6g}"), TIME) for t in (moment.time, length))
        message = f"at {at} no step can be made, not even one of {step}: {error}"
        return NewtonError(message, error.statistics) if isinstance(error, NewtonError) else SolveError(message)

    def _step(self, accepted: Attempt, rejected: list[Any], length: float, *, listed: bool) -> Step:
        assert self.progress is not None
        progress, moment = self.progress, accepted.moment
        names = self.structure.names
        solution, defect = self._solution_at(moment, accepted.statistics)
        passed = {
            name: dict(zip(names, row.tolist(), strict=True))
            for name, row in zip(self.mesh.geometry.boundaries, moment.passed, strict=True)
        }
        return Step(
            progress.number,
            moment.time,
            length,
            accepted.error,
            solution,
            accepted.statistics,
            rejected,
            listed,
            dict(zip(names, defect.tolist(), strict=True)),
            passed,
            tuple(moment.rates.gates.tolist()),
        )

    def _solution_at(self, moment: Moment, statistics: NewtonStatistics) -> tuple[Solution, np.ndarray]:
        """The state with its displacement currents, and how far the amounts are from what has passed, mol."""
        assert self.progress is not None
        system, species = self.system, self._imposed.electrolyte.species
        amounts, unit = system.state.amounts(), system.data.scales.amount
        charge = FARADAY * np.array([float(s.valence) for s in species])
        produced = np.array([s.source for s in species]) * system.state.volume() * moment.time
        carried = np.divide(moment.passed, charge, out=np.zeros_like(moment.passed), where=charge != 0.0)
        # A current says nothing of a species without charge.
        defect = np.abs((amounts - self.progress.first) * unit - carried.sum(axis=0) - produced) * (charge != 0.0)
        through = float((np.abs(carried).max(axis=0, initial=0.0) + np.abs(produced)).max())
        missed = float((defect - (ROUNDING * amounts + self.progress.rounding) * unit).max())
        # What has passed may be rounding itself.
        said = through > self.progress.rounding * unit and missed > 0.0
        error = missed / through if said else 0.0
        names = self.mesh.geometry.boundaries
        found = replace(
            self._converged(self._imposed, None, statistics, dict(zip(names, moment.rates.current, strict=True))),
            balance=(error, error > UNBALANCED),
            displacement=dict(zip(names, moment.rates.charge_rate.tolist(), strict=True)),
        )
        return self._solution_of(found), defect


def solve_transient(
    mesh: SpineMesh,
    electrolyte: Electrolyte,
    boundaries: Boundaries,
    schedule: Schedule,
    options: SolverOptions | None = None,
    probes: dict[str, Position] | None = None,
    closed: Closed | None = None,
    initial: Literal["bulk", "steady"] = "bulk",
) -> list[Step]:
    """Solve a transient and keep every step; to see them as they come, iterate over `TransientProblem.steps`.

    Collective.

    Args:
        mesh: distributed mesh with named boundaries.
        electrolyte: the species.
        boundaries: what is imposed, with waveforms and channels.
        schedule: duration, times and tolerance.
        options: of the solvers.
        probes: points at which each solution is evaluated, m, by name.
        closed: amounts of species that no boundary holds, at the start.
        initial: state at time zero, see `TransientProblem.begin`.

    Returns:
        All accepted steps.

    Raises:
        CaseError: bad data.
        SolveError: no step can be made, with the reason.
    """
    problem = TransientProblem(mesh, electrolyte, boundaries, options, probes, closed)
    try:
        problem.begin(initial)
        return list(problem.steps(schedule))
    finally:
        problem.destroy()
