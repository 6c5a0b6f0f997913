"""Transients of the Poisson-Nernst-Planck equations on one mesh, from nanoseconds to seconds in one run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Literal

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.solvers.algebra.statistics import NewtonStatistics
from spinepnp.solvers.algebra.step_control import StepControl
from spinepnp.solvers.fem.dof_order import Ordering
from spinepnp.solvers.fem.probes import Position
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.channels import GateStep
from spinepnp.solvers.model.closed import Closed, amounts_of, free_species
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.options import SolverOptions
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.regions import Region
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.pnp.conservation import ROUNDING, transient_balance
from spinepnp.solvers.problem.evaluation import ROUNDING_OF_SUMS, UNBALANCED
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.problem.variable_choice import spread_by_charge
from spinepnp.solvers.steady import SteadyProblem
from spinepnp.solvers.time.adaptive import GROWTH, AcceptedStep, Step, TransientProgress, advance
from spinepnp.solvers.time.dirk import TimeState, new_interval, state_at_rest

#: Of the Debye time: the step of backward Euler that each smooth piece begins with, and the smallest before the way is
#: lost.
BEGINNING, SMALLEST = 1e-3, 1e-6

#: What is said of initial states.
DONNAN = "starts from the Donnan state of the fixed charge, in equilibrium with the bulk"
BARE_WALLS = 'surface charges start bare, without Debye layers; study.initial = "steady" starts in equilibrium'


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
        remark: what a user must know of the initial state; empty where that is nothing.
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
        super().__init__(mesh, ProblemData(electrolyte, boundaries, closed, transient=True), options, probes, regions)
        self.progress: TransientProgress | None = None
        self.remark = ""
        # Tables are read once, here.
        self._waveforms = [i.time_profile for b in boundaries.values() for i in b.injections]

    def begin(self, initial: Literal["bulk", "steady"] = "bulk") -> Solution:
        """Set the state at time zero. Collective.

        Args:
            initial: the bulk concentrations (or the closed amounts, spread evenly), or the steady state before any
                waveform begins. Where regions have a fixed charge, the bulk is the Donnan state in equilibrium with it:
                even concentrations would leave the charge bare, and its field of kilovolts would decide the start.

        Returns:
            That state.

        Raises:
            CaseError, SolveError: there is no such steady state.
        """
        problem_data = self.problem_data
        if initial == "steady":
            before = problem_data.before()
            steady = SteadyProblem(self.mesh, before.electrolyte, before.boundaries, self.options, closed=before.closed)
            found = steady.solve(before.electrolyte, before.boundaries, before.closed).unknowns.copy()
            steady.destroy()
            self.system.set_data(problem_data)
            found[:, -1] -= self.system.step_data.zero
            statistics = self._settle(found, problem_data, self._field_charges(found))
        else:
            self.system.set_data(problem_data)
            nothing = dict.fromkeys(self.mesh.geometry.boundaries, 0.0)
            statistics = self._settle(self._bulk(problem_data), problem_data, nothing)
        time_state = state_at_rest(self, 0.0)
        self.progress = TransientProgress(
            time_state, StepControl(0.0, 0.0, np.inf, GROWTH), 0, started=False, first=self.system.state.amounts()
        )
        return self._solution_at(time_state, statistics)[0]

    @cached_property
    def ordering(self) -> Ordering:
        """Of the degrees of freedom, whatever the number of ranks. Collective at its first use."""
        return Ordering(self.discretisation.space, self.mesh)

    @property
    def time(self) -> float:
        """Time that the state has reached, s."""
        return self.progress.time_state.time if self.progress is not None else 0.0

    @property
    def step_count(self) -> int:
        """Number of accepted steps since the start."""
        return self.progress.number if self.progress is not None else 0

    @property
    def gates(self) -> dict[str, float]:
        """Open fraction of each gate of the channels, by ``boundary.gate.number``; empty before `begin`."""
        if self.progress is None:
            return {}
        return dict(
            zip(self.system.step_data.channels.gate_names(), self.progress.time_state.rates.gates.tolist(), strict=True)
        )

    def resume(self, progress: TransientProgress) -> Solution:
        """Go on from the progress of another run of the same case. Collective.

        Returns:
            The state that it has reached.
        """
        progress.control.growth = GROWTH
        self.progress, time_state = progress, progress.time_state
        self.system.set_data(self.problem_data)
        state = self.system.state
        state.restore(time_state.unknowns)
        state.iterate_from(time_state.unknowns)
        state.take(state.vector)
        nothing = NewtonStatistics(state.vector.getSize(), self.mesh.mesh.comm.size, 0, 0, 0.0, 0.0, 0.0, "resumed")
        return self._solution_at(time_state, nothing)[0]

    def _bulk(self, problem_data: ProblemData) -> np.ndarray:
        """Nodal values of the bulk or of the closed amounts; even, but for what regions of fixed charge arrange."""
        electrolyte, regions = problem_data.electrolyte, problem_data.electrolyte.charged_regions
        free, volume = free_species(electrolyte, problem_data.boundaries), self.system.state.volume()
        even = electrolyte.bulk
        if problem_data.closed is not None:
            amounts = amounts_of(problem_data.closed, electrolyte, free, volume)
            even |= {name: amount / volume for name, amount in amounts.items()}
        bulk, values = self.system.state.bulk(electrolyte), np.array([*even.values()])
        bulk[:, :-1] = values
        if any(b.surface_charge for b in problem_data.boundaries.values()):
            self.remark = BARE_WALLS
        if any(region.value for region in regions):
            charge = self.weights.fixed_charge_density(regions)
            arranged = spread_by_charge(electrolyte, values, free, charge, self.weights)
            if arranged is not None:
                bulk[:, :-1], self.remark = arranged, self.remark or DONNAN
        return bulk

    def _field_charges(self, nodal: np.ndarray) -> dict[str, float]:
        """Scaled charges on the boundaries of a state that meets Poisson's equation. Collective."""
        system = self.system
        system.state.restore(system.state.to_unknowns(nodal))
        return system.wall_charges(system.nodal_flux()[:, -1])

    def _settle(self, nodal: np.ndarray, problem_data: ProblemData, charges: dict[str, float]) -> NewtonStatistics:
        """Bring the potential to what the concentrations ask for, which stay. Collective.

        A step that is too short for any ion to move leaves Poisson's equation alone, with all its conditions.

        Args:
            nodal: values of the state before the boundaries hold theirs.
            problem_data: the case.
            charges: on the boundaries in that state, scaled, by name. Ions that the values of a floating boundary
                bring into its cells pass it, and its charge has to make up for theirs.
        """
        system, state, scales = self.system, self.system.state, self.system.step_data.scales
        unknowns = state.to_unknowns(nodal)
        state.restore(unknowns)
        before, charges = state.ionic_charge(), dict(charges)
        for name in self.signature.floating:
            entered = unknowns.copy()
            system.constraints.prescribe(entered, name)
            state.restore(entered)
            charges[name] -= state.ionic_charge() - before
        system.constraints.prescribe(unknowns)
        state.restore(unknowns)
        state.iterate_from(unknowns)
        state.take(state.vector)
        still = SMALLEST**2 * scales.debye_time / scales.time
        gates = GateStep(np.zeros(system.step_data.channels.gates), np.inf)
        system.step_data.set_step(
            problem_data.at(0.0, -1.0).boundaries, still, system.equations.storage(), gates, charges
        )
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
        progress, control, debye_time = self.progress, self.progress.control, self.system.step_data.scales.debye_time
        jumps = schedule.ends(self._waveforms)
        control.smallest = SMALLEST * debye_time
        while not schedule.is_over(progress.time_state.time):
            after = schedule.just_after(progress.time_state.time)
            target = next(t for t in jumps if t > after)
            if not progress.started:
                control.step = BEGINNING * debye_time
            control.largest = min([schedule.duration, *(waveform.longest(after) for waveform in self._waveforms)])
            control.step = min(control.step, control.largest)
            made = advance(self, progress, target, schedule)
            time_state = made.accepted.time_state
            at_end = time_state.time == target
            progress.number += 1
            progress.rounding += ROUNDING_OF_SUMS * made.accepted.statistics.rounding
            progress.started = not (at_end and jumps[target])
            progress.time_state = time_state if progress.started else new_interval(time_state)
            yield self._step(made, listed=at_end and schedule.is_listed(target))

    def _step(self, made: AcceptedStep, *, listed: bool) -> Step:
        assert self.progress is not None
        accepted, names = made.accepted, self.signature.names
        solution, defect = self._solution_at(accepted.time_state, accepted.statistics)
        passed = {
            name: dict(zip(names, row.tolist(), strict=True))
            for name, row in zip(self.mesh.geometry.boundaries, accepted.time_state.passed, strict=True)
        }
        return Step(
            number=self.progress.number,
            time=accepted.time_state.time,
            length=made.length,
            error=accepted.error,
            solution=solution,
            statistics=accepted.statistics,
            rejected=made.rejected,
            listed=listed,
            defect=dict(zip(names, defect.tolist(), strict=True)),
            passed=passed,
            gates=tuple(accepted.time_state.rates.gates.tolist()),
        )

    def _solution_at(self, time_state: TimeState, statistics: NewtonStatistics) -> tuple[Solution, np.ndarray]:
        """The state with its displacement currents, and how far the amounts are from what has passed, mol."""
        assert self.progress is not None
        state, unit, left = self.system.state, self.system.step_data.scales.amount, self.progress.rounding
        amounts = state.amounts()
        balance = transient_balance(
            gained=(amounts - self.progress.first) * unit,
            rounding=(ROUNDING * amounts + left) * unit,
            passed=time_state.passed,
            electrolyte=self.problem_data.electrolyte,
            volume=state.volume(),
            time=time_state.time,
            least=left * unit,
        )
        names = self.mesh.geometry.boundaries
        found = replace(
            self._converged(
                self.problem_data,
                None,
                statistics,
                dict(zip(names, time_state.rates.current, strict=True)),
                dict(zip(names, time_state.rates.floor, strict=True)),
            ),
            balance=(balance.error, balance.error > UNBALANCED),
            displacement=dict(zip(names, time_state.rates.charge_rate.tolist(), strict=True)),
        )
        return self._solution_of(found), balance.defect


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
