"""Implicit steps in time of the discrete equations.

The species' equations are d(storage)/dt = load - D flux, and Poisson's holds at every time: a differential-algebraic
system. A stage of a diagonally implicit Runge-Kutta method solves

    storage - base + gamma h (D flux - load) = 0,    base = storage_n + h sum_j a_ij K_j,
    K = (storage - base) / (gamma h),

so that rates K come from the storage, not from fluxes: they contain prescribed values, injections and states, and the
storage of a step changes by exactly h sum_i b_i K_i. Charges on boundaries and states of terms have rates of the same
form: the potential of a floating boundary is such that ions and displacement together carry no charge through it in a
stage.

Each smooth interval of the data begins with a short step of backward Euler, which needs no rate at its start; then
ESDIRK steps grow from there. The error of a step, h sum_i (b_i - b^_i) K_i, is a sum of the states of its stages: for a
method of stage order two it is a third difference of them, which the algebraic unknown, the potential, has as well, and
which costs no solve.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.algebra.statistics import NewtonError, NewtonStatistics
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.step_data import Stage, StateStep
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.time.tableaux import Tableau
from spinepnp.units import FARADAY

#: Number of earlier steps from whose ends the start of a stage is predicted.
HISTORY_LENGTH = 3

#: Largest distance of a predicted state from the nearest known one, over that of another state which it uses.
FARTHEST = 10.0

#: Fraction of the scale of concentrations: species that stay below it do not count for the error.
TRACE = 1e-6

#: The same fraction where species react: their traces are as exact as the ions.
TRACE_OF_REACTANTS = 1e-9


@dataclass
class StageRates:
    """Quantities with a time derivative at the end of a stage, their rates, and the currents.

    Attributes:
        content: storage, the integral of each concentration with each owned basis function, scaled, shape
            (owned dofs, N).
        charge: flux of the displacement field out of each boundary, C, shape (boundaries,).
        states: states of terms, such as open fractions of gates.
        nodal_states: states of terms at the nodes, shape (owned dofs, states).
        content_rate: rate of the storage, 1/s.
        charge_rate: displacement current into each boundary, A, shape (boundaries,).
        state_rate: rate of the states, 1/s.
        nodal_state_rate: rate of the nodal states, 1/s.
        current: current of each species into each boundary, then through each mechanism, A, shape
            (boundaries + mechanisms, N).
        floor: floors of the currents, A, shape (boundaries, N + 1), displacement last.
        production: production of each species in the volume, mol/s, shape (N,).
    """

    content: np.ndarray
    charge: np.ndarray
    states: np.ndarray
    nodal_states: np.ndarray
    content_rate: np.ndarray
    charge_rate: np.ndarray
    state_rate: np.ndarray
    nodal_state_rate: np.ndarray
    current: np.ndarray
    floor: np.ndarray
    production: np.ndarray


@dataclass(frozen=True)
class PastPoints:
    """Points of a step that the dense output of the next one uses: its start and one of its stages.

    Attributes:
        start: start of the step, s.
        nodal: concentrations, mol/m^3, and potential, V, at both, shape (local dofs, N + 1).
        nodal_states: nodal states at both, shape (owned dofs, states).
        totals: totals at both, see `Totals.flat` of `dense_output`, shape (2, totals).
        rates: their rates, 1/s, of the same shape.
        floor: floors of the currents at the start, A, shape (boundaries, N + 1), displacement last.
    """

    start: float
    nodal: tuple[np.ndarray, np.ndarray]
    nodal_states: tuple[np.ndarray, np.ndarray]
    totals: np.ndarray
    rates: np.ndarray
    floor: np.ndarray


@dataclass
class TimeState:
    """The state at one time, with all that the next step needs.

    Attributes:
        time: time, s.
        unknowns: local unknowns, shape (local dofs, N + 1).
        rates: storage, charges and states of terms with their rates.
        passed: charge that each species has carried in through each boundary, then through each mechanism, since the
            start, C, added up with the weights of the method, shape (boundaries + mechanisms, N).
        produced: amount of each species that was produced in the volume since the start, mol, shape (N,).
        history: times and unknowns of the ends of the last steps of this smooth interval, before this one.
        past: points of the step before for the dense output; ``None`` where the solution is not smooth.
    """

    time: float
    unknowns: np.ndarray
    rates: StageRates
    passed: np.ndarray
    produced: np.ndarray
    history: list[tuple[float, np.ndarray]] = field(default_factory=list)
    past: PastPoints | None = None


@dataclass(frozen=True)
class TrialStep:
    """A solved step, before it is accepted.

    Attributes:
        time_state: state at the end.
        error: error estimate over the tolerance; zero where the method has none.
        statistics: statistics of all its solves.
        method: Runge-Kutta method of the step.
        stages: rates at its stages.
        inner_unknowns: local unknowns at the stages between start and end.
    """

    time_state: TimeState
    error: float
    statistics: NewtonStatistics
    method: Tableau
    stages: list[StageRates]
    inner_unknowns: list[np.ndarray]


def _wall_charges(problem: Problem, nodal_flux: np.ndarray) -> np.ndarray:
    """Charge int eps dV/dn on each boundary, C, see `System.wall_charges`. Collective."""
    charges, unit = problem.system.wall_charges(nodal_flux[:, -1]), problem.system.step_data.scales.amount * FARADAY
    return np.array([charges[name] * unit for name in problem.boundary_names])


def _scaled(problem: Problem, charges: np.ndarray) -> dict[str, float]:
    """Charges of the boundaries (given in C), scaled, by name."""
    unit = problem.system.step_data.scales.amount * FARADAY
    return dict(zip(problem.boundary_names, charges / unit, strict=True))


def take_step(
    problem: Problem, problem_data: ProblemData, before: TimeState, end: float, method: Tableau, tolerance: float
) -> TrialStep:
    """Solve one step. Collective.

    Args:
        problem: discrete problem; its state is then that of the end of the step.
        problem_data: data of the case; waveforms are smooth within the step.
        before: state at the start.
        end: time at the end, s.
        method: Runge-Kutta method; an explicit first stage is the end of the step before.
        tolerance: tolerance of the error, over the scale of each unknown.

    Raises:
        NewtonError: a stage could not be solved, or ends with negative concentrations.
    """
    system, length = problem.system, end - before.time
    stages: list[StageRates] = [before.rates] if method.explicit_start else []
    points = [*before.history[-HISTORY_LENGTH:], (before.time, before.unknowns)]
    states, statistics = [before.unknowns] * len(stages), []
    for i in range(len(stages), len(method.c)):
        time = end if i == len(method.c) - 1 else before.time + method.c[i] * length
        now = problem_data.at(time, before.time + 0.5 * length)
        base = _combined(before.rates, stages, method.A[i, :i] * length)
        stage_length = method.gamma * length
        charge = _scaled(problem, base.charge)
        of_terms, at_nodes = StateStep(base.states, stage_length), StateStep(base.nodal_states, stage_length)
        scaled = stage_length / system.step_data.scales.time
        system.set_step(Stage(now, scaled, base.content, of_terms, at_nodes, charge))
        guess = predicted(problem.mesh.mesh.comm, points, time)
        system.constraints.prescribe(guess)
        system.state.iterate_from(guess)
        statistics.append(problem.solve_stage())
        rates = _rates(problem, base, stage_length, at_end=i == len(method.c) - 1)
        stages.append(rates)
        states.append(system.state.local_unknowns())
        points.append((time, states[-1]))
    problem.refuse_negative(statistics[-1], problem_data)
    error = _error(problem, states, stages, method, length) / tolerance if method.order > 1 else 0.0
    passed = before.passed + sum(b * length * s.current for b, s in zip(method.b, stages, strict=True))
    produced = before.produced + sum(b * length * s.production for b, s in zip(method.b, stages, strict=True))
    history = [*before.history, (before.time, before.unknowns)][-HISTORY_LENGTH:]
    time_state = TimeState(end, states[-1], stages[-1], passed, produced, history)
    spent = statistics[-1].after([NewtonError("", s) for s in statistics[:-1]])
    return TrialStep(time_state, error, spent, method, stages, states[1:-1])


def _combined(before: StageRates, stages: list[StageRates], weights: np.ndarray) -> StageRates:
    """Storage, charges and states at the start of a stage, with the rates of the stages before it."""
    content, charge, states = before.content.copy(), before.charge.copy(), before.states.copy()
    nodal_states = before.nodal_states.copy()
    for weight, stage in zip(weights, stages, strict=True):
        content += weight * stage.content_rate
        charge += weight * stage.charge_rate
        states += weight * stage.state_rate
        nodal_states += weight * stage.nodal_state_rate
    return replace(before, content=content, charge=charge, states=states, nodal_states=nodal_states)


def _rates(problem: Problem, base: StageRates, length: float, *, at_end: bool) -> StageRates:
    """Storage, charges and states at the end of a stage, with rates and currents; floors at the end of a step only."""
    system, boundaries = problem.system, problem.boundary_names
    nodal_flux = system.solved_flux()
    # The storage that the fluxes give: Newton's remaining residual is no production, and the next stage removes it.
    remaining = np.where(system.constraints.free, nodal_flux, 0.0)[:, :-1]
    content = system.equations.fields.storage() - remaining
    states, nodal_states = system.equations.states(), system.equations.nodal_states()
    charge = _wall_charges(problem, nodal_flux)
    # At free degrees of freedom only loads enter: Newton's remaining residual is no current.
    currents = problem.currents(np.where(system.constraints.free, 0.0, nodal_flux)[:, :-1])
    floors = problem.current_floors(nodal_flux) if at_end else dict.fromkeys(boundaries, np.zeros(nodal_flux.shape[1]))
    return StageRates(
        content=content,
        charge=charge,
        states=states,
        nodal_states=nodal_states,
        content_rate=(content - base.content) / length,
        charge_rate=(charge - base.charge) / length,
        state_rate=(states - base.states) / length,
        nodal_state_rate=(nodal_states - base.nodal_states) / length,
        current=np.vstack([*(currents[name] for name in boundaries), system.equations.mechanism_currents()]),
        floor=np.array([floors[name] for name in boundaries]),
        production=system.equations.production(),
    )


def predicted(comm: Any, points: list[tuple[float, np.ndarray]], time: float) -> np.ndarray:
    """Unknowns at a time from the polynomial through known states, whose degree rises while its terms fall. Collective.

    Args:
        comm: MPI communicator.
        points: times and unknowns; at least one.
        time: time of the prediction, s.
    """
    nearest, *others = sorted(points, key=lambda point: abs(point[0] - time))
    distance = abs(time - nearest[0])
    near = [nearest, *(point for point in others if distance <= FARTHEST * abs(point[0] - nearest[0]))]
    times = [t for t, _ in near]
    differences = [near[0][1]]  # divided differences that end at the last point
    guess, factor, last = near[0][1].copy(), 1.0, np.inf
    for k in range(1, len(near)):
        factor *= time - times[k - 1]
        row = [near[k][1]]
        for j in range(k):
            row.append((row[j] - differences[j]) / (times[k] - times[k - 1 - j]))
        differences, term = row, factor * row[k]
        size = comm.allreduce(float(np.abs(term).max(initial=0.0)), op=MPI.MAX)
        if size >= last:
            break
        guess, last = guess + term, size
    return guess


def _error(
    problem: Problem, states: list[np.ndarray], stages: list[StageRates], method: Tableau, length: float
) -> float:
    """Largest error of an unknown over its scale: the largest value of a concentration, V_T. Collective."""
    system, owned = problem.system, problem.system.equations.fields.owned
    error = np.asarray(sum(w * (s[:owned] - states[0][:owned]) for w, s in zip(method.defect, states, strict=True)))
    concentrations = system.equations.fields.concentrations()[:owned]
    error[:, :-1] *= system.equations.fields.variables.slope(concentrations)
    weights = method.b - method.embedded
    of_states = length * sum(w * s.state_rate for w, s in zip(weights, stages, strict=True))
    of_nodal = length * sum(w * s.nodal_state_rate for w, s in zip(weights, stages, strict=True))
    scales = system.equations.state_scales()
    others = max(np.abs(of_states / scales).max(initial=0.0), np.abs(of_nodal).max(initial=0.0))
    largest = np.array([*np.abs(error).max(axis=0, initial=0.0), others])
    scale = concentrations.max(axis=0, initial=0.0)
    largest, scale = reduced(problem.mesh.mesh.comm, np.array([largest, [*scale, 1.0, 1.0]]), MPI.MAX)
    return float((largest / np.maximum(scale, _smallest_scale(problem))).max())


def _smallest_scale(problem: Problem) -> float:
    """Scaled concentration below which errors do not count: a trace of the ions; without ions, one of the bulk."""
    electrolyte, scale = problem.problem_data.electrolyte, problem.system.step_data.scales.concentration
    whole = scale if electrolyte.has_ions else max(electrolyte.bulk.values())
    share = TRACE_OF_REACTANTS if electrolyte.has_chemistry else TRACE
    return max(share * whole / scale, float(np.finfo(float).tiny))


def state_at_rest(problem: Problem, time: float) -> TimeState:
    """The state of a problem at rest, as the start of a smooth interval: its first step uses no rates. Collective."""
    system, boundaries = problem.system, len(problem.boundary_names)
    content, states = system.equations.fields.storage(), system.equations.states()
    nodal_states = system.equations.nodal_states()
    mechanisms = system.equations.mechanism_currents()
    current = np.vstack([np.zeros((boundaries, content.shape[1])), mechanisms])
    for (boundary, _), through in zip(system.equations.mechanism_names(), mechanisms, strict=True):
        current[problem.boundary_names.index(boundary)] += through
    rates = StageRates(
        content=content,
        charge=_wall_charges(problem, system.nodal_flux()),
        states=states,
        nodal_states=nodal_states,
        content_rate=np.zeros_like(content),
        charge_rate=np.zeros(boundaries),
        state_rate=np.zeros_like(states),
        nodal_state_rate=np.zeros_like(nodal_states),
        current=current,
        floor=np.zeros((boundaries, content.shape[1] + 1)),
        production=np.zeros(content.shape[1]),
    )
    return TimeState(time, system.state.local_unknowns(), rates, np.zeros_like(current), np.zeros(content.shape[1]))
