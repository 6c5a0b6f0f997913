"""Start of a transient: its state at time zero from concentrations, or from the steady state before any waveform."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries import MODEL_UNIT
from spinepnp.runtime.communication import on_root
from spinepnp.solvers.algebra.statistics import NewtonStatistics
from spinepnp.solvers.model.closed import Closed
from spinepnp.solvers.model.initial import STEADY_START
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.zero_dimensions import initial_rest, is_membrane, uncharged_membranes
from spinepnp.solvers.pnp.step_data import Stage, StateStep
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.problem.variable_choice import is_positive
from spinepnp.solvers.steady import SteadyProblem
from spinepnp.solvers.time.initial_state import InitialState, initial_state

#: Smallest step before the transient ends with an error, over the Debye time.
SMALLEST_STEP = 1e-6

#: Potential beyond which the fields of an earlier run cannot fit the charges of a case, V; no bath is at one volt.
CHARGED_FILE = 1.0


def start_from_steady(problem: Problem, initial: str) -> tuple[NewtonStatistics, Solution]:
    """Bring a problem to the steady state before any waveform begins. Collective.

    Args:
        problem: problem of the transient.
        initial: "steady" or "rest", for the message.

    Returns:
        Statistics of the solve for the potential at time zero, and the steady state.

    Raises:
        CaseError, SolveError: there is no such steady state, or initial concentrations are given beside it.
    """
    data, system = problem.problem_data, problem.system
    if data.initial is not None:
        raise CaseError("initial", STEADY_START.format(initial))
    before = initial_rest(data)
    with SteadyProblem(
        problem.mesh, before.electrolyte, before.boundaries, problem.options, closed=before.closed, terms=problem.terms,
        compartments=before.compartments,
    ) as steady:  # fmt: skip
        at_rest = steady.solve()
        nodal = at_rest.unknowns.copy()
        states = steady.system.equations.states()
    system.set_data(data)
    nodal[:, -1] -= system.step_data.zero
    return _solve_potential(problem, nodal, _field_charges(problem, nodal), states), at_rest


def start_from_initial(problem: Problem) -> tuple[NewtonStatistics, str]:
    """Bring a problem to the state of its initial concentrations, with the potential of Poisson's equation. Collective.

    Args:
        problem: problem of the transient; its closed amounts become those of the initial state.

    Returns:
        Statistics of the solve for the potential, and a remark on the state for the user, or an empty one.

    Raises:
        CaseError: the initial concentrations do not fit.
        SolveError: no potential was found.
    """
    start = _initial_state(problem)
    volume = problem.weights.volume
    amounts = problem.weights.integral(volume, start.nodal[:, :-1]) * MODEL_UNIT**3
    problem.problem_data = with_start_amounts(problem.problem_data, amounts)
    problem.system.set_data(problem.problem_data)
    charges = dict.fromkeys(problem.boundary_names, 0.0)
    if start.has_potential and problem.signature.floating:  # their charge is that of all that has passed
        charges = _field_charges(problem, start.nodal)
    states = problem.system.equations.start_states()
    return _solve_potential(problem, start.nodal, charges, states), start.remark


def remark_on_charges(problem: Problem, solution: Solution) -> str:
    """Remark on charges that an initial state lacks, of walls or of membranes; empty without one. Collective."""
    data, volume, areas = problem.problem_data, problem.weights.total_volume, problem.discretisation.areas()
    highest = max(abs(solution.volume.min_potential), abs(solution.volume.max_potential))
    wall = ""
    if data.initial is not None and data.initial.file is not None and highest > CHARGED_FILE:
        wall = f"the charge of initial.file alone gives {highest:.3g} V: a surface charge may be missing here"
    first = {
        name: solution.boundary[name].potential - boundary.outside_potential
        for name, boundary in data.boundaries.items()
        if is_membrane(boundary)
    }
    comm = problem.mesh.mesh.comm
    membranes = on_root(comm, lambda: uncharged_membranes(data, first, volume * MODEL_UNIT**3, areas))
    return "; ".join(filter(None, [wall, membranes]))


def with_start_amounts(data: ProblemData, amounts: np.ndarray) -> ProblemData:
    """Data of a transient where the amounts at the start, mol, are those of a closed domain with [initial]."""
    if data.initial is None or data.closed is None:
        return data
    closed = Closed.model_construct(amounts=dict(zip(data.signature.names, amounts.tolist(), strict=True)))
    return replace(data, closed=closed)


def initial_concentrations(problem: Problem) -> np.ndarray:
    """Initial concentrations at the local nodes, mol/m^3, shape (local dofs, N). Collective."""
    return _initial_state(problem).nodal[:, :-1]


def _initial_state(problem: Problem) -> InitialState:
    """Initial concentrations at the nodes. Collective."""
    data, nodes = problem.problem_data, problem.discretisation.space.tabulate_dof_coordinates()
    start = initial_state(data, problem.weights, problem.mesh.geometry, nodes)
    logarithms = data.initial is not None and problem.formulation != "density"
    if logarithms and not is_positive(problem.mesh.mesh.comm, start.nodal):
        raise CaseError("initial", 'a concentration of zero has no logarithm; use solver.formulation = "density"')
    return start


def _field_charges(problem: Problem, nodal: np.ndarray) -> dict[str, float]:
    """Scaled charges on the boundaries at a solution of Poisson's equation. Collective."""
    system = problem.system
    system.state.restore(system.state.to_unknowns(nodal))
    return system.wall_charges(system.nodal_flux()[:, -1])


def _solve_potential(
    problem: Problem, nodal: np.ndarray, charges: dict[str, float], states: np.ndarray
) -> NewtonStatistics:
    """Solve Poisson's equation for the potential of given concentrations. Collective.

    It is a step that is too short for any ion to move, with all conditions of the boundaries. The charges on the
    boundaries are scaled; `states` are those of terms. The prescribed concentrations of a floating boundary bring
    ions into its cells, whose charge its own has to balance.
    """
    system, state, scales = problem.system, problem.system.state, problem.system.step_data.scales
    unknowns = state.to_unknowns(nodal)
    state.restore(unknowns)
    ionic_charge, charges = state.ionic_charge(), dict(charges)
    for name in problem.signature.floating:
        entered = unknowns.copy()
        system.constraints.prescribe(entered, name)
        state.restore(entered)
        charges[name] -= state.ionic_charge() - ionic_charge
    system.constraints.prescribe(unknowns)
    state.restore(unknowns)
    state.iterate_from(unknowns)
    state.assign(state.vector)
    instant = SMALLEST_STEP**2 * scales.debye_time / scales.time
    start = StateStep(states, instant * scales.time, at_start=True)
    at_nodes, storage = replace(start, start=system.equations.nodal_states()), system.equations.fields.storage()
    system.set_step(Stage(problem.problem_data.at(0.0, -1.0), instant, storage, start, at_nodes, charges))
    return problem.solve_stage()
