"""Evaluation of a converged state: a `Solution` with means, currents, balance and error estimates, in SI units."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from spinepnp.solvers.algebra.statistics import NewtonError, NewtonStatistics
from spinepnp.solvers.fem.conductance import Conductance
from spinepnp.solvers.fem.subregions import RegionOnMesh
from spinepnp.solvers.fem.weights import IntegrationWeights, minimum
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.planar_layer import largest_drop
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.scaling import Scales
from spinepnp.solvers.pnp.conservation import error_of_local_totals
from spinepnp.solvers.pnp.variables import EdgeFluxVariables
from spinepnp.solvers.problem.debye_layers import Layer, LayerState, debye_layers
from spinepnp.solvers.problem.neutral_potential import NeutralPotentials, membrane_names
from spinepnp.solvers.problem.predictor import Prediction
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.problem.resistance import NO_LIMITS, Resistance, resistance_of
from spinepnp.solvers.problem.solution import (
    BoundaryState,
    MechanismState,
    PointState,
    RegionState,
    Solution,
    VolumeState,
)
from spinepnp.solvers.problem.variable_choice import change_within_cells
from spinepnp.units import FARADAY

#: Rounding error of terminal currents over their scale F D c L.
CURRENT_ROUNDING = 1e-13

#: Relative error of the balance above which a state is refused, unless it is rounding.
UNBALANCED = 1e-6

#: Dissipation over the largest one of the flow through the boundaries above which it is no dissipation of a flow.
MOST_DISSIPATED = 10.0

#: Range of all electrochemical potentials, V_T, up to which next to nothing flows: the estimate would be rounding.
AT_REST = 1e-5

#: Rounding error of the current through a boundary over that of the residual.
ROUNDING_OF_SUMS = 100.0


class MembraneValues(NamedTuple):
    """Values of the terms of membranes, for the results.

    Attributes:
        currents: current of each species through each mechanism, A, shape (mechanisms, N).
        states: states of terms.
        nodal_states: nodal states of terms, shape (owned dofs, states).
    """

    currents: np.ndarray
    states: np.ndarray
    nodal_states: np.ndarray


def _state(mean: np.ndarray, names: tuple[str, ...]) -> PointState:
    return PointState(float(mean[-1]), dict(zip(names, mean[:-1].tolist(), strict=True)))


def evaluate_solution(
    problem: Problem,
    problem_data: ProblemData,
    statistics: NewtonStatistics,
    currents: dict[str, np.ndarray],
    floors: dict[str, np.ndarray],
    *,
    prediction: Prediction | None = None,
    displacement: dict[str, float] | None = None,
    balance_error: float | None = None,
    amounts: np.ndarray | None = None,
    membranes: MembraneValues | None = None,
    totals_error: float = 0.0,
    local_totals: np.ndarray | None = None,
) -> Solution:
    """The solution at the state of a problem, in SI units. Collective.

    Args:
        problem: the solved equations.
        problem_data: data that were solved for.
        statistics: statistics of the Newton solve.
        currents: current of each species into each boundary, A, by name, shape (species,).
        floors: smallest known currents, A, by boundary, shape (species + 1,), displacement last.
        prediction: electroneutral answer, where the law holds.
        displacement: displacement current into each boundary, A, by name; ``None`` in a steady state.
        balance_error: relative error of the balance of a transient; ``None`` in a steady state.
        amounts: amount of each species, mol, shape (species,); by default that of the state.
        membranes: currents and states of membranes; by default those at the state.
        totals_error: relative error of the totals that reactions have conserved since the start of a transient.
        local_totals: totals of immobile species at the start, mol/m^3, shape (owned dofs, totals); by default those of
            the bulk.

    Raises:
        NewtonError: the balance of the ions is open.
    """
    mesh, system, discretisation, weights = problem.mesh, problem.system, problem.discretisation, problem.weights
    electrolyte, scales = problem_data.electrolyte, system.step_data.scales
    names, V_T, lumped = electrolyte.names, electrolyte.V_T, system.equations.fields.variables.lumped
    nodal = system.state.concentrations_and_potential()
    concentrations, potential = nodal[:, :-1] / scales.concentration, nodal[:, -1] + system.step_data.zero
    if not problem.signature.grounded:
        potential -= weights.integral(weights.volume, potential[:, None])[0] / weights.total_volume
    unknowns = np.column_stack([concentrations * scales.concentration, potential])
    amounts = system.state.amounts() * scales.amount if amounts is None else amounts
    if balance_error is None:
        balance_error, is_open = _steady_balance(problem, problem_data, statistics, currents, amounts)
    else:
        is_open = balance_error > UNBALANCED
    if is_open:
        raise NewtonError(
            f"the balance of the ions is open by {balance_error:.1e} (relative); use a smaller solver.tolerance or a "
            "finer mesh",
            replace(statistics, reason="unbalanced"),
        )
    boundary, neutral, beside = {}, {}, NeutralPotentials(problem, problem_data)
    neutral_potential = dict(zip(beside.names, beside.means(unknowns).tolist(), strict=True))
    for name in problem.boundary_names:
        mean = weights.integral(weights.boundary[name], unknowns) / weights.area[name]
        boundary[name] = BoundaryState(
            **vars(_state(mean, names)),
            area=weights.area[name] * scales.length**2,
            current=dict(zip(names, currents[name].tolist(), strict=True)),
            displacement=None if displacement is None else displacement[name],
            current_floor=dict(zip(names, floors[name][:-1].tolist(), strict=True)),
            displacement_floor=None if displacement is None else float(floors[name][-1]),
            has_load=name in problem.signature.loaded,
            charge=_membrane_charge(problem_data, name, float(mean[-1])),
            neutral_potential=neutral_potential.get(name),
        )
        if prediction is not None:
            u = weights.integral(weights.boundary[name], prediction.u[:, None])[0] / weights.area[name]
            neutral[name] = prediction.ground + V_T * float(u)
    wall_charge = system.closed.wall_charge_density
    state = LayerState(
        concentrations=concentrations,
        potential=potential / V_T,
        currents={name: current / scales.current for name, current in currents.items()},
        even_charge=(wall_charge or 0.0) / scales.surface_charge,
        lumped=lumped,
    )
    layers = debye_layers(discretisation, state, electrolyte, problem_data.boundaries, scales)
    relative_error = _relative_error(problem, electrolyte, state, currents)
    of_flows = _at_most(relative_error, problem.bounds, neutral)
    errors, errors_beside = _potential_errors(problem_data, boundary, layers, of_flows)
    change, _ = change_within_cells(discretisation.space, system.equations.fields.phi.x.array, electrolyte)
    probes = {name: _state(value, names) for name, value in discretisation.probes.values(unknowns).items()}
    regions = {
        name: _region(region, unknowns, weights, names, scales) for name, region in discretisation.regions.items()
    }
    places = {name: state.potential for name, state in {**probes, **regions}.items()}
    return Solution(
        unknowns=unknowns,
        mesh=mesh,
        space=discretisation.space,
        electrolyte=electrolyte,
        boundary=boundary,
        probes=probes,
        regions=regions,
        volume=_volume(problem, electrolyte, unknowns, amounts),
        ion_balance=balance_error,
        conservation=_conservation(problem, problem_data, unknowns, amounts, totals_error, local_totals),
        layers=layers,
        layers_resolved=all(layer.resolved for layer in layers.values()),
        relative_error=relative_error,
        potential_error=errors,
        neutral_potential_error=errors_beside,
        bounds=problem.bounds,
        wall_charge=wall_charge,
        electroneutral=neutral,
        resistance=_resistances(problem, problem_data, boundary, places, prediction) if displacement is None else {},
        formulation=problem.formulation,
        formulation_reason=problem.formulation_reason,
        change_within_cell=change,
        too_steep=problem.formulation == "density" and change > largest_drop(mesh.element_degree),
        statistics=statistics,
        membranes=_membrane_nodes(problem, problem_data),
        **_of_membranes(problem, problem_data, membranes),
    )


def _conservation(
    problem: Problem,
    problem_data: ProblemData,
    unknowns: np.ndarray,
    amounts: np.ndarray,
    totals_error: float,
    local_totals: np.ndarray | None,
) -> float | None:
    """Largest relative error of the totals that reactions conserve; ``None`` without chemistry. Collective."""
    electrolyte, weights = problem_data.electrolyte, problem.weights
    if not electrolyte.has_chemistry:
        return None
    closed, unit = problem.system.closed, problem.system.step_data.scales.amount
    wanted = np.array([*closed.prescribed_amounts.values()]) * unit
    missed = np.abs(closed.total_amounts(amounts) - wanted) if wanted.size else np.empty(0)
    sizes = np.abs(closed.totals) @ np.abs(amounts) if wanted.size else np.empty(0)
    amiss = np.divide(missed, sizes, out=np.zeros_like(missed), where=sizes > 0.0).max(initial=0.0)
    local = electrolyte.network.local_weights
    start = local @ np.array([*electrolyte.bulk.values()]) if local_totals is None else local_totals
    at_nodes = error_of_local_totals(weights.comm, local, unknowns[: weights.owned, :-1], start)
    return max(float(amiss), totals_error, at_nodes)


def _resistances(
    problem: Problem,
    problem_data: ProblemData,
    boundary: dict[str, BoundaryState],
    places: dict[str, float],
    prediction: Prediction | None,
) -> dict[str, Resistance]:
    """Resistances of a steady state, see `resistance_of`. Collective."""
    if prediction is None:
        return resistance_of(problem_data, boundary, places, {}, {}, NO_LIMITS)
    weights, discretisation = problem.weights, problem.discretisation
    fields = np.column_stack([prediction.u, prediction.tangent])
    means = {name: weights.integral(w, fields) / weights.area[name] for name, w in weights.boundary.items()}
    means |= {name: weights.integral(r.weights, fields) / r.volume for name, r in discretisation.regions.items()}
    means |= discretisation.probes.values(fields)
    V_T = problem_data.electrolyte.V_T
    neutral = {name: prediction.ground + V_T * float(mean[0]) for name, mean in means.items()}
    tangents = {name: V_T * float(mean[1]) for name, mean in means.items()}
    return resistance_of(problem_data, boundary, places, neutral, tangents, prediction.limits)


def _membrane_charge(problem_data: ProblemData, name: str, potential: float) -> float | None:
    """Charge per area of the ions at a capacitance, C/m^2, by the mean potential there; ``None`` without one."""
    if name not in problem_data.boundaries or problem_data.boundaries[name].capacitance is None:
        return None
    boundary = problem_data.boundaries[name]
    return float(boundary.capacitance.value * (potential - boundary.outside_potential))


def _membrane_nodes(problem: Problem, problem_data: ProblemData) -> dict[str, np.ndarray]:
    """Fields of one at the nodes of a membrane, zero elsewhere, by the name in files. Collective."""
    owned, fields = problem.weights.owned, {}
    for name in membrane_names(problem_data):
        dofs = problem.discretisation.boundary_dofs[name]
        there = np.zeros((owned, 1))
        there[dofs[dofs < owned]] = 1.0
        fields[f"membrane.{name}"] = problem.system.state.nodal_with_ghosts(there)[:, 0]
    return fields


def _of_membranes(problem: Problem, problem_data: ProblemData, values: MembraneValues | None) -> dict[str, Any]:
    """Mechanisms, compartments and fields of gates of a solution. Collective."""
    system, names = problem.system, problem.signature.names
    equations, mechanisms = system.equations, system.mechanisms
    concentrations = {
        name: {species: c.concentrations[species] for species in names if species in c.concentrations}
        for name, c in problem_data.compartments.items()
    }
    if mechanisms is None:
        return {"compartments": concentrations}
    if values is None:
        values = MembraneValues(equations.mechanism_currents(), equations.states(), equations.nodal_states())
    means = mechanisms.gate_means(values.nodal_states)
    currents = dict(zip(mechanisms.mechanism_names(), values.currents.tolist(), strict=True))
    states: dict[tuple[str, str], MechanismState] = {}
    for key, current in currents.items():
        moved = mechanisms.moved(key)
        states[key] = MechanismState({n: I for n, I in zip(names, current, strict=True) if n in moved}, means[key])
    gates = system.state.nodal_with_ghosts(values.nodal_states)
    fields = dict(zip(equations.nodal_state_names(), gates.T, strict=True))
    for name, value in zip(equations.state_names(), values.states.tolist(), strict=True):
        if name.startswith("compartments."):
            _, compartment, _, species = name.split(".")
            concentrations[compartment][species] = value
    return {"mechanisms": states, "compartments": concentrations, "gates": fields}


def _relative_error(
    problem: Problem, electrolyte: Electrolyte, state: LayerState, currents: dict[str, np.ndarray]
) -> float:
    """Estimated relative error of the dissipation; zero where next to nothing flows. Collective."""
    scales, variables = problem.system.step_data.scales, problem.system.equations.fields.variables
    along_edges = isinstance(variables, EdgeFluxVariables)
    error, dissipation, ranges = problem.dissipation.error(
        state.concentrations, state.potential, electrolyte, along_edges=along_edges
    )
    flow = _largest_flow(currents, electrolyte) / (FARADAY * scales.concentration * scales.length)
    # A dissipation above that of the flow is a residue of an equilibrium in concentrations.
    flows = ranges > AT_REST and 0.0 < dissipation < MOST_DISSIPATED * flow * ranges
    return error / dissipation if flows else 0.0


def _at_most(relative_error: float, bounds: dict[str, Conductance], neutral: dict[str, float]) -> float:
    """Estimated error of flows, at most what bounds leave: the error of V of the law is below that of its one G."""
    return min(relative_error, *(b.gap for b in bounds.values())) if neutral and len(bounds) == 1 else relative_error


def _potential_errors(
    problem_data: ProblemData, states: dict[str, BoundaryState], layers: dict[str, Layer], relative: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Estimated errors, V, of potentials that are not prescribed: by Debye layers, by flows, by missing stress.

    Returns:
        Errors of the mean potentials of boundaries, and of those beside the Debye layers there.
    """
    boundaries, V_T = problem_data.boundaries, problem_data.electrolyte.V_T
    error_of_edges = V_T * sum(layer.error_of_flows for layer in layers.values())
    missing = sum(layer.missing_pressure for layer in layers.values())
    prescribed = [states[name].potential for name, b in boundaries.items() if b.prescribes_potential]
    prescribed += [b.load.resting_potential for b in boundaries.values() if b.load is not None]
    ground = prescribed[0] if prescribed else 0.0
    errors, beside = {}, {}
    for name, state in states.items():
        if name in boundaries and boundaries[name].prescribes_potential:
            continue
        layer = layers.get(name)
        error_of_layer = abs(layer.error) if layer is not None and layer.forms and layer.moves_potential else 0.0
        ions = sum(state.concentration[s.name] for s in problem_data.electrolyte.species if s.valence)
        error_of_stress = V_T * missing / ions if ions > 0.0 else 0.0
        error_of_flows = relative * abs(state.potential - ground)
        errors[name] = error_of_layer + error_of_stress + error_of_edges + error_of_flows
        beside[name] = error_of_stress + error_of_edges + error_of_flows
    return errors, beside


def _largest_flow(currents: dict[str, np.ndarray], electrolyte: Electrolyte) -> float:
    """Largest current of a species divided by its valence, A."""
    valence = np.array([abs(s.valence) or 1 for s in electrolyte.species], dtype=float)
    return max(float((np.abs(current) / valence).max()) for current in currents.values())


def _region(
    part: RegionOnMesh, unknowns: np.ndarray, weights: IntegrationWeights, names: tuple[str, ...], scales: Scales
) -> RegionState:
    mean = weights.integral(part.weights, unknowns) / part.volume
    lowest, highest = part.extremes(weights.comm, unknowns)
    return RegionState(
        **vars(_state(mean, names)),
        volume=part.volume * scales.length**3,
        min_potential=float(lowest[-1]),
        max_potential=float(highest[-1]),
        min_concentration=dict(zip(names, lowest[:-1].tolist(), strict=True)),
        max_concentration=dict(zip(names, highest[:-1].tolist(), strict=True)),
    )


def _volume(problem: Problem, electrolyte: Electrolyte, unknowns: np.ndarray, amounts: np.ndarray) -> VolumeState:
    state, scales, weights = problem.system.state, problem.system.step_data.scales, problem.weights
    names = electrolyte.names
    volume = weights.total_volume * scales.length**3
    mean_potential = float(weights.integral(weights.volume, unknowns[:, -1:])[0] / weights.total_volume)
    owned = unknowns[: weights.owned]
    comm = weights.comm
    lowest, highest = minimum(comm, owned), -minimum(comm, -owned)
    regional = weights.sum(weights.fixed_charge(electrolyte.charged_regions))
    fixed = electrolyte.uniform_charge * volume + regional * scales.length**3
    charge = FARADAY * (state.ionic_charge() * scales.amount + fixed)
    mixing = weights.integral(weights.volume, _mixing(unknowns[:, :-1], electrolyte, scales)[:, None])[0]
    return VolumeState(
        potential=mean_potential,
        concentration=dict(zip(names, (amounts / volume).tolist(), strict=True)),
        volume=volume,
        amount=dict(zip(names, amounts.tolist(), strict=True)),
        min_potential=float(lowest[-1]),
        max_potential=float(highest[-1]),
        min_concentration=dict(zip(names, lowest[:-1].tolist(), strict=True)),
        max_concentration=dict(zip(names, highest[:-1].tolist(), strict=True)),
        charge=float(charge),
        field_energy=state.field_energy(),
        mixing_energy=float(mixing) * scales.length**3 * FARADAY * electrolyte.V_T,
    )


def _mixing(c: np.ndarray, electrolyte: Electrolyte, scales: Scales) -> np.ndarray:
    """Mixing term sum_i c_i ln(c_i / C_i) - c_i + C_i at each node, mol/m^3.

    C_i is the bulk concentration, or the scale of concentrations where that is zero.
    """
    total = np.zeros(len(c))
    for i, species in enumerate(electrolyte.species):
        reference = species.concentration or scales.concentration
        positive = np.maximum(c[:, i], 0.0)
        ratio = np.where(positive > 0.0, positive / reference, 1.0)
        total += positive * np.log(ratio) - positive + reference
    return total


def _steady_balance(
    problem: Problem,
    problem_data: ProblemData,
    statistics: NewtonStatistics,
    currents: dict[str, np.ndarray],
    amounts: np.ndarray,
) -> tuple[float, bool]:
    """Relative error of the balance of a steady state, and whether that is more than rounding leaves of weak currents.

    The error is the largest net current of a species over the largest current, or the largest |N/N0 - 1| of a
    prescribed amount; 0/0 = 0.
    """
    electrolyte, step_data = problem_data.electrolyte, problem.system.step_data
    scales = step_data.scales
    prescribed = {name: amount * scales.amount for name, amount in problem.system.closed.prescribed_amounts.items()}
    produced = FARADAY * np.array([s.valence for s in electrolyte.species]) * problem.system.equations.production()
    # A species that neither enters nor leaves has an amount instead of currents.
    carried = set().union(*(b.carries(electrolyte) for b in problem_data.boundaries.values()))
    flowing = np.array([name in carried or name not in prescribed for name in electrolyte.names])
    net = np.abs(sum(currents.values()) + produced) * flowing
    largest = max(float(np.abs(c * flowing).max()) for c in currents.values())
    # Currents that are nothing but rounding have no balance.
    rounding = max(CURRENT_ROUNDING, ROUNDING_OF_SUMS * statistics.rounding) * scales.current
    error = float(net.max()) / largest if largest > rounding else 0.0
    is_open = error > UNBALANCED and float(net.max()) > rounding
    totals = problem.system.closed.total_amounts(amounts).tolist()
    for computed, amount in zip(totals, prescribed.values(), strict=True):
        missed = abs(computed / amount - 1.0) if amount > 0.0 else abs(computed) / scales.amount
        error, is_open = max(error, missed), is_open or missed > UNBALANCED
    return error, is_open
