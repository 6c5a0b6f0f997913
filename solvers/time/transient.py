"""Transients of the Poisson-Nernst-Planck equations on one mesh, from nanoseconds to seconds in one run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries.base import Point
from spinepnp.meshes import SpineMesh
from spinepnp.solvers.algebra.statistics import NewtonStatistics
from spinepnp.solvers.algebra.step_control import StepControl
from spinepnp.solvers.fem.dof_order import Ordering
from spinepnp.solvers.model.arguments import (
    BoundariesLike,
    ClosedLike,
    CompartmentsLike,
    ElectrolyteLike,
    InitialLike,
    OptionsLike,
)
from spinepnp.solvers.model.scaling import Scales
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.pnp.conservation import error_of_totals, transient_balance
from spinepnp.solvers.pnp.custom_term import Term
from spinepnp.solvers.problem.evaluation import ROUNDING_OF_SUMS, MembraneValues, evaluate_solution
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.time.adaptive import GROWTH, Step, TransientProgress, advance
from spinepnp.solvers.time.charges import ChargeCounter
from spinepnp.solvers.time.dense_output import DenseOutput, Totals, dense_output, totals_of
from spinepnp.solvers.time.dirk import StageRates, TimeState, state_at_rest
from spinepnp.solvers.time.start import (
    SMALLEST_STEP,
    initial_concentrations,
    remark_on_charges,
    start_from_initial,
    start_from_steady,
    with_start_amounts,
)
from spinepnp.solvers.time.steps import StepCallback, Steps, until_stopped
from spinepnp.solvers.time.traces import Tracer
from spinepnp.units import FARADAY

#: First step (of backward Euler) of each smooth interval, over the Debye time.
FIRST_STEP = 1e-3

#: Part of the names of those states that are gates of channels.
GATE = ".gate."


class TransientProblem(Problem):
    """The equations in time on one mesh, for one structure of boundary data.

    The arguments are those of `Problem`.

    Examples:
        >>> import spinepnp as pnp
        >>> mesh = pnp.mesh(pnp.Cylinder(length="1 um", radius="100 nm", dimension="1d"), size="50 nm")
        >>> ion = {"diffusivity": "200 um^2/s", "concentration": "150 mM"}
        >>> salt = pnp.Electrolyte(species=[{"name": "Na", "valence": 1, **ion}, {"name": "Cl", "valence": -1, **ion}])
        >>> ends = {"base": pnp.bath("0 mV"), "top": pnp.inject("Na", "50 pA")}
        >>> with pnp.TransientProblem(mesh, salt, ends) as problem:
        ...     for step in problem.steps(pnp.Schedule(duration="1 ns", tolerance=1e-2)):
        ...         V = step.solution.boundary["top"].potential
        ...     print(f"{problem.time:.0e} s, {V * 1e3:.2f} mV")
        1e-09 s, 1.92 mV

    Attributes:
        remark: remark on the initial state for the user; empty without one.

    Raises:
        CaseError: see `Problem`.
    """

    transient = True
    remark = ""
    _progress: TransientProgress | None = None
    _dense: DenseOutput | None = None
    _values: np.ndarray

    @property
    def progress(self) -> TransientProgress:
        """Progress of the transient.

        Raises:
            RuntimeError: neither `begin` nor `resume` has set a state.
        """
        if self._progress is None:
            raise RuntimeError("the transient has no state yet; call begin or resume first")
        return self._progress

    def begin(self, initial: Literal["bulk", "steady", "rest"] = "bulk") -> Solution:
        """Set the state at time zero. Collective.

        Args:
            initial: the bulk concentrations (or uniform ones with the closed amounts), or the steady state before any
                waveform begins ("rest" is another name of it for membranes). Where regions have a fixed charge, the
                bulk is the Donnan state in equilibrium with it: uniform concentrations would leave the charge bare,
                with a field of kilovolts. With `initial_concentrations` the bulk is what regions do not replace, or
                the file of fields, and the potential follows from Poisson's equation.

        Returns:
            The state at time zero.

        Raises:
            CaseError, SolveError: there is no such steady state, or the initial concentrations do not fit.
        """
        self.take_terms()
        at_rest: Solution | None = None
        if initial == "bulk":
            statistics, self.remark = start_from_initial(self)
        else:
            statistics, at_rest = start_from_steady(self, initial)
        time_state = state_at_rest(self, 0.0)
        self._progress = TransientProgress(
            time_state, StepControl(0.0, 0.0, np.inf, GROWTH), 0, started=False, first=self.system.state.amounts()
        )
        rates = time_state.rates if at_rest is None else self._with_currents(time_state.rates, at_rest)
        if at_rest is not None and self.charges.synapses:
            self._progress.resting = rates.current
        solution = self._solution_at(self._at_end(time_state), rates, statistics, 0.0)[0]
        self._values, self._dense = solution.unknowns, None
        if initial == "bulk":
            self.remark = "; ".join(filter(None, [self.remark, remark_on_charges(self, solution)]))
        return solution

    def _with_currents(self, rates: StageRates, at_rest: Solution) -> StageRates:
        """Rates at time zero with the currents of boundaries in the steady state, which no step has given yet."""
        current = rates.current.copy()
        for row, name in enumerate(self.boundary_names):
            current[row] = [at_rest.boundary[name].current[species] for species in self.signature.names]
        return replace(rates, current=current)

    @cached_property
    def ordering(self) -> Ordering:
        """Order of the degrees of freedom on any number of ranks. Collective at its first use."""
        return Ordering(self.discretisation.space, self.mesh)

    @cached_property
    def charges(self) -> ChargeCounter:
        """Places whose charge is counted: synapses, and boundaries that are grounded or have a load."""
        return ChargeCounter.of(self.problem_data, self.boundary_names, self.system.equations.mechanism_names())

    @property
    def resting(self) -> np.ndarray:
        """Currents of the steady state at the start, A, as in `TimeState.passed`; zero where they are not known."""
        known = self.progress.resting
        return np.zeros_like(self.progress.time_state.passed) if known is None else known

    def _tracer(self) -> Tracer:
        return Tracer(self, self.charges, self.resting)

    @property
    def time(self) -> float:
        """Time that the state has reached, s."""
        return self._progress.time_state.time if self._progress is not None else 0.0

    @property
    def step_count(self) -> int:
        """Number of accepted steps since the start."""
        return self._progress.number if self._progress is not None else 0

    @property
    def gates(self) -> dict[str, float]:
        """Open fraction of each gate of the channels, by ``boundary.gate.number``; empty before `begin`."""
        if self._progress is None:
            return {}
        return self._gates(self._progress.time_state.rates.states)

    def _gates(self, states: np.ndarray) -> dict[str, float]:
        """Gates of channels among the states of all terms."""
        named = zip(self.system.equations.state_names(), states.tolist(), strict=True)
        return {name: value for name, value in named if GATE in name}

    def resume(self, progress: TransientProgress) -> Solution:
        """Set the progress of another run of the same case, and return the state that it had reached. Collective."""
        self.take_terms()
        progress.control.growth = GROWTH
        self._progress, time_state = progress, progress.time_state
        first = progress.first * Scales.of(self.problem_data.electrolyte).amount
        self.problem_data = with_start_amounts(self.problem_data, first)
        self.system.set_data(self.problem_data)
        state = self.system.state
        state.restore(time_state.unknowns)
        state.iterate_from(time_state.unknowns)
        state.assign(state.vector)
        totals = self._at_end(time_state)
        solution = self._solution_at(totals, time_state.rates, self._no_solve("resumed"), time_state.time)[0]
        self._values, self._dense = solution.unknowns, None
        return solution

    def run(self, schedule: Schedule | dict[str, Any] | str, callback: StepCallback | None = None) -> Steps:
        """Solve from the present time to the end, and keep every step. Collective.

        Args:
            schedule: see `steps`.
            callback: called with each step on every rank; False ends the transient, see `until_stopped`.

        Returns:
            All accepted steps, with the one at which the callback has stopped.

        Raises:
            CaseError, SolveError: see `steps`.
        """
        steps = Steps(until_stopped(self.steps(schedule), callback, self.mesh.mesh.comm))
        steps.gate_names = tuple(self.gates)
        return steps

    def steps(self, schedule: Schedule | dict[str, Any] | str) -> Iterator[Step]:
        """Solve from the present time to the end, one accepted step at a time. Collective.

        Args:
            schedule: duration, times and tolerance; or a dictionary of them; or the duration alone.

        Returns:
            Iterator of the accepted steps; each is solved when it is asked for.

        Raises:
            CaseError: the schedule has an unknown key, or a value that is no time or not positive; or terms were added
                or removed since `begin`.
            SolveError: the step would have to be too short to go on.
        """
        return self._steps(Schedule.of(schedule))

    def _steps(self, schedule: Schedule) -> Iterator[Step]:
        self.refuse_destroyed()
        if self._progress is None:
            self.begin()
        progress, control, debye_time = self.progress, self.progress.control, self.system.step_data.scales.debye_time
        waveforms = [w for b in self.problem_data.boundaries.values() for w in b.waveforms]
        jumps, tracer = schedule.ends(waveforms), self._tracer()
        bends = {t for w in waveforms for t in w.breaks}
        control.smallest = SMALLEST_STEP * debye_time
        while not schedule.is_over(progress.time_state.time):
            if self.terms_changed:
                raise CaseError("terms", "changed since the transient began; call begin() to start again with them")
            after = schedule.just_after(progress.time_state.time)
            target = next(t for t in jumps if t > after)
            if not progress.started:
                control.step = FIRST_STEP * debye_time
            control.largest = min([schedule.duration, *(waveform.longest_step(after) for waveform in waveforms)])
            control.step = min(control.step, control.largest)
            before = progress.time_state
            accepted, length, rejected = advance(self, progress, target, schedule)
            time_state = accepted.time_state
            at_end = time_state.time == target
            progress.number += 1
            progress.rounding += ROUNDING_OF_SUMS * accepted.statistics.rounding
            progress.started = not (at_end and jumps[target])
            # Steps of a new smooth interval are not extrapolated from the history of the last one.
            progress.time_state = time_state if progress.started else replace(time_state, history=[])
            solution, defect = self._solution_at(
                self._at_end(time_state), time_state.rates, accepted.statistics, time_state.time
            )
            self._dense = dense = dense_output(self, before, accepted, self._values, solution.unknowns)
            smooth = not (at_end and target in bends)
            progress.time_state.past = dense.past() if smooth else None
            self._values = solution.unknowns
            step = Step(
                number=progress.number,
                time=time_state.time,
                length=length,
                error=accepted.error,
                solution=solution,
                statistics=accepted.statistics,
                rejected=rejected,
                listed=schedule.is_listed(time_state.time),
                interpolated=False,
                dense=dense,
                trace=tracer.trace(dense),
                defect=defect,
                passed=self._by_boundary(time_state.passed),
                gates=tuple(self._gates(time_state.rates.states).values()),
            )
            for time in schedule.times_within(before.time, time_state.time):
                yield self._within(step, time)
            yield step

    def _by_boundary(self, passed: np.ndarray) -> dict[str, dict[str, float]]:
        names = self.signature.names
        rows = zip(self.boundary_names, passed.tolist(), strict=False)  # mechanisms follow
        return {name: dict(zip(names, row, strict=True)) for name, row in rows}

    def _within(self, step: Step, time: float) -> Step:
        """State at a time within the last step as a step. Collective."""
        solution, defect = self._interpolated(time)
        totals = self._totals(step.dense.weights(time) @ step.dense.totals)
        return replace(
            step,
            time=time,
            length=time - step.dense.start,
            solution=solution,
            statistics=solution.statistics,
            rejected=[],
            listed=True,
            interpolated=True,
            defect=defect,
            passed=self._by_boundary(totals.passed),
            gates=tuple(self._gates(totals.states).values()),
        )

    def solution_at(self, time: float) -> Solution:
        """Solution at a time (s) within the last step, from the dense output. Collective.

        Raises:
            ValueError: there is no step yet, or the time lies outside of the last one.
        """
        self.refuse_destroyed()
        if self._dense is None or not self._dense.start <= time <= self._dense.end:
            raise ValueError(f"{time} s does not lie within the last step")
        return self._interpolated(time)[0]

    def _at_end(self, time_state: TimeState) -> Totals:
        """Totals at the state, with the amounts of its fields: they show what Newton has left. Collective."""
        return replace(totals_of(self, time_state), amounts=self.system.state.amounts())

    def _totals(self, flat: np.ndarray) -> Totals:
        mechanisms = len(self.system.equations.mechanism_names())
        return Totals.of(flat, len(self.signature.names), len(self.boundary_names), mechanisms)

    def _interpolated(self, time: float) -> tuple[Solution, dict[str, float]]:
        """The solution within the last step, as `_solution_at`. Collective."""
        dense, state = self._dense, self.system.state
        assert dense is not None
        weights = dense.weights(time)
        totals, rates = self._totals(weights @ dense.totals), self._totals(weights @ dense.rates)
        nodal = dense.values(time)
        nodal[:, -1] -= self.system.step_data.zero
        at_end, last = self.progress.time_state.rates, state.local_unknowns()
        state.restore(state.to_unknowns(nodal))
        try:
            return self._solution_at(
                totals,
                replace(
                    at_end,
                    charge_rate=rates.charge,
                    current=rates.passed,
                    floor=np.max(dense.floors, axis=0),
                    states=totals.states,
                    nodal_states=dense.states_at_nodes(time),
                ),
                self._no_solve("interpolated"),
                time,
            )
        finally:
            state.restore(last)

    def _error_of_totals(self, totals: Totals) -> float:
        """Relative error of the totals that reactions have conserved since the start; zero without chemistry."""
        electrolyte = self.problem_data.electrolyte
        if not electrolyte.has_chemistry:
            return 0.0
        unit, places = self.system.step_data.scales.amount, len(self.boundary_names)
        charge = FARADAY * np.array([float(s.valence) for s in electrolyte.species])
        passed = totals.passed[:places].sum(axis=0)
        carried = np.divide(passed, charge, out=np.zeros_like(passed), where=charge != 0.0)
        ways = set().union(*(b.carries(electrolyte) for b in self.problem_data.boundaries.values()))
        return error_of_totals(
            electrolyte.network.total_weights,
            (totals.amounts - self.progress.first) * unit,
            np.array([carried, totals.produced]),
            totals.amounts * unit,
            (charge != 0.0) | np.array([name not in ways for name in electrolyte.names]),
        )

    def _local_totals(self, time: float) -> np.ndarray | None:
        """Totals of immobile species at the start and what sources add until a time (s), see `evaluate_solution`.

        Collective.
        """
        electrolyte = self.problem_data.electrolyte
        if not electrolyte.network.local_totals:
            return None
        weights = electrolyte.network.local_weights
        return self._first_concentrations @ weights.T + time * (weights @ [s.source for s in electrolyte.species])

    @cached_property
    def _first_concentrations(self) -> np.ndarray:
        """Concentrations at the start, mol/m^3, of the bulk or at the owned nodes. Collective at its first use."""
        if self.problem_data.initial is None:
            return np.array([*self.problem_data.electrolyte.bulk.values()])
        return initial_concentrations(self)[: self.weights.owned]

    def _no_solve(self, reason: str) -> NewtonStatistics:
        """Statistics of a state that was not solved for."""
        size, ranks = self.system.state.vector.getSize(), self.mesh.mesh.comm.size
        return NewtonStatistics(size, ranks, 0, 0, 0.0, 0.0, 0.0, reason)

    def _solution_at(
        self, totals: Totals, rates: StageRates, statistics: NewtonStatistics, time: float
    ) -> tuple[Solution, dict[str, float]]:
        """Solution at a time (s), and the defect of the balance of each species since the start, mol. Collective."""
        unit, names = self.system.step_data.scales.amount, self.boundary_names
        defect, error = transient_balance(
            amounts=totals.amounts,
            start=self.progress.first,
            rounding=self.progress.rounding,
            passed=totals.passed[: len(names)],
            produced=totals.produced,
            electrolyte=self.problem_data.electrolyte,
            unit=unit,
        )
        solution = evaluate_solution(
            self,
            self.problem_data,
            statistics,
            dict(zip(names, rates.current, strict=False)),  # mechanisms follow
            dict(zip(names, rates.floor, strict=True)),
            displacement=dict(zip(names, rates.charge_rate.tolist(), strict=True)),
            balance_error=error,
            amounts=totals.amounts * unit,
            membranes=MembraneValues(rates.current[len(names) :], rates.states, rates.nodal_states),
            totals_error=self._error_of_totals(totals),
            local_totals=self._local_totals(time),
        )
        passed = totals.passed - time * self.resting
        return self.charges.add_to(solution, passed), dict(zip(self.signature.names, defect.tolist(), strict=True))


def solve_transient(
    mesh: SpineMesh,
    electrolyte: ElectrolyteLike,
    boundaries: BoundariesLike,
    schedule: Schedule | dict[str, Any] | str,
    options: OptionsLike | None = None,
    probes: Mapping[str, Point] | None = None,
    closed: ClosedLike | None = None,
    initial: Literal["bulk", "steady", "rest"] = "bulk",
    regions: Mapping[str, Any] | None = None,
    callback: StepCallback | None = None,
    initial_concentrations: InitialLike | None = None,
    terms: Iterable[Term] = (),
    compartments: CompartmentsLike | None = None,
) -> Steps:
    """Solve a transient and keep every step; `TransientProblem.steps` gives them as they come. Collective.

    Args:
        mesh: distributed mesh with named boundaries; its communicator is used.
        electrolyte: species with bulk concentrations, and the medium.
        boundaries: boundary conditions by name, with waveforms and channels.
        schedule: duration, times and tolerance; or a dictionary of them; or the duration alone.
        options: options of the solvers.
        probes: points at which each solution is evaluated, m, or places of the shape, by name.
        closed: amounts at the start of species that no boundary prescribes.
        initial: state at time zero, see `TransientProblem.begin`.
        regions: parts of the volume whose means and extremes each solution has, by name.
        callback: called with each step on every rank; False ends the transient, see `until_stopped`.
        initial_concentrations: concentrations by region or from a file, with ``initial = "bulk"``.
        terms: terms of the user beside those of the package.
        compartments: well-stirred solutions beyond boundaries, by name.

    Returns:
        All accepted steps.

    Raises:
        CaseError: bad data.
        SolveError: no step can be made, with the reason.
    """
    schedule = Schedule.of(schedule)  # a mistake in it is found before the problem is made
    with TransientProblem(
        mesh, electrolyte, boundaries, options, probes, closed, regions, terms, initial_concentrations, compartments
    ) as problem:
        problem.begin(initial)
        return problem.run(schedule, callback)
