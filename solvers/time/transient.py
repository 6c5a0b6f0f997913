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
from spinepnp.solvers.time.adaptive import GROWTH, Advance, advance
from spinepnp.solvers.time.dirk import Moment, moment_at, new_piece
from spinepnp.solvers.time.progress import Progress, Step

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
        self.progress: Progress | None = None
        self.remark = ""
        # Tables are read once, here.
        self._courses = [i.course for b in boundaries.values() for i in b.injections]

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
        moment = moment_at(self, 0.0)
        self.progress = Progress(
            moment, StepControl(0.0, 0.0, np.inf, GROWTH), 0, begun=False, first=self.system.state.amounts()
        )
        return self._solution_at(moment, statistics)[0]

    @cached_property
    def ordering(self) -> Ordering:
        """Of the degrees of freedom, whatever the number of ranks. Collective at its first use."""
        return Ordering(self.discretisation.space, self.mesh)

    def resume(self, progress: Progress) -> Solution:
        """Go on from the progress of another run of the same case. Collective.

        Returns:
            The state that it has reached.
        """
        progress.control.growth = GROWTH
        self.progress, moment = progress, progress.moment
        self.system.set_data(self.problem_data)
        state = self.system.state
        state.restore(moment.unknowns)
        state.iterate_from(moment.unknowns)
        state.take(state.vector)
        nothing = NewtonStatistics(state.vector.getSize(), self.mesh.mesh.comm.size, 0, 0, 0.0, 0.0, 0.0, "resumed")
        return self._solution_at(moment, nothing)[0]

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
        jumps = schedule.ends(self._courses)
        control.smallest = SMALLEST * debye_time
        while not schedule.is_over(progress.moment.time):
            after = schedule.just_after(progress.moment.time)
            target = next(t for t in jumps if t > after)
            if not progress.begun:
                control.step = BEGINNING * debye_time
            control.largest = min([schedule.duration, *(course.longest(after) for course in self._courses)])
            control.step = min(control.step, control.largest)
            made = advance(self, progress, target, schedule)
            moment = made.accepted.moment
            at_end = moment.time == target
            progress.number += 1
            progress.rounding += ROUNDING_OF_SUMS * made.accepted.statistics.rounding
            progress.begun = not (at_end and jumps[target])
            progress.moment = moment if progress.begun else new_piece(moment)
            yield self._step(made, listed=at_end and schedule.is_listed(target))

    def _step(self, made: Advance, *, listed: bool) -> Step:
        assert self.progress is not None
        accepted, names = made.accepted, self.signature.names
        solution, defect = self._solution_at(accepted.moment, accepted.statistics)
        passed = {
            name: dict(zip(names, row.tolist(), strict=True))
            for name, row in zip(self.mesh.geometry.boundaries, accepted.moment.passed, strict=True)
        }
        return Step(
            number=self.progress.number,
            time=accepted.moment.time,
            length=made.length,
            error=accepted.error,
            solution=solution,
            statistics=accepted.statistics,
            rejected=made.rejected,
            listed=listed,
            defect=dict(zip(names, defect.tolist(), strict=True)),
            passed=passed,
            gates=tuple(accepted.moment.rates.gates.tolist()),
        )

    def _solution_at(self, moment: Moment, statistics: NewtonStatistics) -> tuple[Solution, np.ndarray]:
        """The state with its displacement currents, and how far the amounts are from what has passed, mol."""
        assert self.progress is not None
        state, unit, left = self.system.state, self.system.step_data.scales.amount, self.progress.rounding
        amounts = state.amounts()
        balance = transient_balance(
            gained=(amounts - self.progress.first) * unit,
            rounding=(ROUNDING * amounts + left) * unit,
            passed=moment.passed,
            electrolyte=self.problem_data.electrolyte,
            volume=state.volume(),
            time=moment.time,
            least=left * unit,
        )
        names = self.mesh.geometry.boundaries
        found = replace(
            self._converged(
                self.problem_data,
                None,
                statistics,
                dict(zip(names, moment.rates.current, strict=True)),
                dict(zip(names, moment.rates.floor, strict=True)),
            ),
            balance=(balance.error, balance.error > UNBALANCED),
            displacement=dict(zip(names, moment.rates.charge_rate.tolist(), strict=True)),
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
