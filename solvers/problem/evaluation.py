"""From the unknowns of a converged solve to what a `Solution` says, in SI units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.solvers.algebra.statistics import NewtonStatistics
from spinepnp.solvers.fem.discretisation import Discretisation
from spinepnp.solvers.fem.subregions import RegionOnMesh
from spinepnp.solvers.fem.weights import IntegrationWeights, minimum
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.scaling import Scales
from spinepnp.solvers.problem.debye_layers import Layer, LayerState, debye_layers
from spinepnp.solvers.problem.error_estimate import dissipation_error
from spinepnp.solvers.problem.predictor import Prediction
from spinepnp.solvers.problem.solution import BoundaryState, PointState, RegionState, Solution, VolumeState
from spinepnp.solvers.problem.variable_choice import largest_drop
from spinepnp.units import FARADAY

#: Rounding of terminal currents over F D c L.
CURRENT_ROUNDING = 1e-13

#: Relative error of a balance above which a state is no answer, unless it is rounding.
UNBALANCED = 1e-6

#: Dissipation over what the flow through the boundaries can dissipate, above which it is not that of a flow.
MOST_DISSIPATED = 10.0

#: Range of all electrochemical potentials, V_T, up to which next to nothing flows: its error is that of rounding.
AT_REST = 1e-5

#: Rounding of the current through a boundary over that of the residual.
ROUNDING_OF_SUMS = 100.0


@dataclass(frozen=True)
class Converged:
    """What a converged solve leaves behind.

    Attributes:
        problem_data: what was solved for.
        formulation: of the unknowns, and why it is not densities.
        change_within_cell: largest change of |z| V within a cell, V_T.
        scales: of the unknowns.
        densities: scaled nodal densities, shape (local dofs, species).
        potential: nodal potential, V.
        currents: of each species into each boundary, A, by name, shape (species,).
        floors: below which no current is known, A, by boundary, shape (species + 1,), displacement last.
        amounts: integral of each density, mol.
        ionic_charge: sum of valence times amount, mol, added up node by node, where most of it cancels.
        wanted: prescribed amounts of the free species, mol, by name.
        field_energy: of the field in the volume, J.
        wall_charge: that was spread over all walls, C/m^2; ``None`` where something grounds the domain.
        prediction: the electroneutral answer, where it holds.
        statistics: of the Newton solve.
        balance: relative error of the balance, and whether it is open, where that is known; else it is that of a steady
            state.
        displacement: displacement current into each boundary, A, by name; ``None`` in a steady state.
    """

    problem_data: ProblemData
    formulation: tuple[str, str]
    change_within_cell: float
    scales: Scales
    densities: np.ndarray
    potential: np.ndarray
    currents: dict[str, np.ndarray]
    floors: dict[str, np.ndarray]
    amounts: np.ndarray
    ionic_charge: float
    wanted: dict[str, float]
    field_energy: float
    wall_charge: float | None
    prediction: Prediction | None
    statistics: NewtonStatistics
    balance: tuple[float, bool] | None = None
    displacement: dict[str, float] | None = None


def _state(mean: np.ndarray, names: tuple[str, ...]) -> PointState:
    return PointState(float(mean[-1]), dict(zip(names, mean[:-1].tolist(), strict=True)))


def solution_of(
    found: Converged,
    mesh: SpineMesh,
    discretisation: Discretisation,
) -> Solution:
    """All that is reported of a solve. Collective.

    Args:
        found: the converged unknowns.
        mesh: on which was solved.
        discretisation: weights, probes and degrees of freedom of the boundaries.
    """
    electrolyte, scales, weights = found.problem_data.electrolyte, found.scales, discretisation.weights
    names = electrolyte.names
    unknowns = np.column_stack([found.densities * scales.concentration, found.potential])
    currents = found.currents
    boundary, neutral = {}, {}
    for name in mesh.geometry.boundaries:
        mean = weights.integral(weights.boundary[name], unknowns) / weights.area[name]
        boundary[name] = BoundaryState(
            **vars(_state(mean, names)),
            area=weights.area[name] * scales.length**2,
            current=dict(zip(names, currents[name].tolist(), strict=True)),
            displacement=None if found.displacement is None else found.displacement[name],
            current_floor=dict(zip(names, found.floors[name][:-1].tolist(), strict=True)),
            displacement_floor=None if found.displacement is None else float(found.floors[name][-1]),
        )
        if found.prediction is not None:
            u = weights.integral(weights.boundary[name], found.prediction.u[:, None])[0] / weights.area[name]
            neutral[name] = found.prediction.ground + electrolyte.V_T * float(u)
    volume = _volume(found, unknowns, weights)
    layers = _layers(found, mesh, discretisation)
    of_dissipation, dissipation, ranges = dissipation_error(
        mesh, discretisation.space, found.densities, found.potential / electrolyte.V_T, electrolyte,
        along_edges=found.formulation[0] == "nodal" and mesh.element_degree == 1,
    )  # fmt: skip
    flow = _largest_flow(currents, electrolyte) / (FARADAY * scales.concentration * scales.length)
    # More than what flows can dissipate is what densities leave of an equilibrium.
    flows = ranges > AT_REST and 0.0 < dissipation < MOST_DISSIPATED * flow * ranges
    relative = of_dissipation / dissipation if flows else 0.0
    balance, is_open = found.balance if found.balance is not None else _balance(found, currents, weights)
    return Solution(
        unknowns=unknowns,
        electrolyte=electrolyte,
        boundary=boundary,
        probes={name: _state(value, names) for name, value in discretisation.probes.values(unknowns).items()},
        regions={
            name: _region(part, unknowns, weights, names, scales) for name, part in discretisation.regions.items()
        },
        volume=volume,
        ion_balance=balance,
        balance_is_open=is_open,
        layers=layers,
        layers_resolved=all(layer.resolved for layer in layers.values()),
        relative_error=relative,
        potential_error=_potential_errors(found.problem_data, boundary, layers, relative),
        wall_charge=found.wall_charge,
        electroneutral=neutral,
        formulation=found.formulation[0],
        formulation_reason=found.formulation[1],
        change_within_cell=found.change_within_cell,
        too_steep=found.formulation[0] == "density" and found.change_within_cell > largest_drop(mesh.element_degree),
        statistics=found.statistics,
    )


def _layers(found: Converged, mesh: SpineMesh, discretisation: Discretisation) -> dict[str, Layer]:
    """The Debye layers of the solution. Collective."""
    problem_data, scales, weights = found.problem_data, found.scales, discretisation.weights
    state = LayerState(
        densities=found.densities,
        potential=found.potential / problem_data.electrolyte.V_T,
        currents={name: current / scales.current for name, current in found.currents.items()},
        even_charge=(found.wall_charge or 0.0) / scales.surface_charge,
        lumped=found.formulation[0] == "nodal" and mesh.element_degree == 1,
    )
    return debye_layers(
        mesh, discretisation.heights, weights, state, problem_data.electrolyte, problem_data.boundaries, scales
    )


def _potential_errors(
    problem_data: ProblemData, states: dict[str, BoundaryState], layers: dict[str, Layer], relative: float
) -> dict[str, float]:
    """Estimated errors of potentials that are not prescribed, V: of a Debye layer, of what flows, of missing stress."""
    boundaries, V_T = problem_data.boundaries, problem_data.electrolyte.V_T
    of_edges = V_T * sum(layer.error_of_flows for layer in layers.values())
    missing = sum(layer.missing_pressure for layer in layers.values())
    held = [states[name].potential for name, b in boundaries.items() if b.prescribed_potential is not None]
    ground = held[0] if held else 0.0
    errors = {}
    for name, state in states.items():
        if name in boundaries and boundaries[name].prescribed_potential is not None:
            continue
        layer = layers.get(name)
        of_layer = abs(layer.error) if layer is not None and layer.forms and layer.moves_potential else 0.0
        ions = sum(state.concentration[s.name] for s in problem_data.electrolyte.species if s.valence)
        of_stress = V_T * missing / ions if ions > 0.0 else 0.0
        errors[name] = of_layer + of_stress + of_edges + relative * abs(state.potential - ground)
    return errors


def _largest_flow(currents: dict[str, np.ndarray], electrolyte: Electrolyte) -> float:
    """Largest current of a species over its valence, A."""
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


def _volume(found: Converged, unknowns: np.ndarray, weights: IntegrationWeights) -> VolumeState:
    electrolyte, scales = found.problem_data.electrolyte, found.scales
    names = electrolyte.names
    volume = weights.total_volume * scales.length**3
    mean_potential = float(weights.integral(weights.volume, unknowns[:, -1:])[0] / weights.total_volume)
    owned = unknowns[: weights.owned]
    comm = weights.comm
    lowest, highest = minimum(comm, owned), -minimum(comm, -owned)
    regional = weights.sum(weights.fixed_charge(electrolyte.charged_regions))
    fixed = electrolyte.uniform_charge * volume + regional * scales.length**3
    charge = FARADAY * (found.ionic_charge + fixed)
    mixing = weights.integral(weights.volume, _mixing(unknowns[:, :-1], electrolyte, scales)[:, None])[0]
    return VolumeState(
        potential=mean_potential,
        concentration=dict(zip(names, (found.amounts / volume).tolist(), strict=True)),
        volume=volume,
        amount=dict(zip(names, found.amounts.tolist(), strict=True)),
        min_potential=float(lowest[-1]),
        max_potential=float(highest[-1]),
        min_concentration=dict(zip(names, lowest[:-1].tolist(), strict=True)),
        max_concentration=dict(zip(names, highest[:-1].tolist(), strict=True)),
        charge=float(charge),
        field_energy=found.field_energy,
        mixing_energy=float(mixing) * scales.length**3 * FARADAY * electrolyte.V_T,
    )


def _mixing(c: np.ndarray, electrolyte: Electrolyte, scales: Scales) -> np.ndarray:
    """sum_i c_i ln(c_i / C_i) - c_i + C_i at each node, mol/m^3; C_i is the bulk, or the scale where that is empty."""
    total = np.zeros(len(c))
    for i, species in enumerate(electrolyte.species):
        reference = species.concentration or scales.concentration
        density = np.maximum(c[:, i], 0.0)
        ratio = np.where(density > 0.0, density / reference, 1.0)
        total += density * np.log(ratio) - density + reference
    return total


def _balance(found: Converged, currents: dict[str, np.ndarray], weights: IntegrationWeights) -> tuple[float, bool]:
    """Largest net current of a species over the largest current, and largest |N/N0 - 1|; 0/0 = 0.

    And whether that is more than rounding leaves of weak currents.
    """
    electrolyte, scales = found.problem_data.electrolyte, found.scales
    volume = weights.total_volume * scales.length**3
    produced = np.array([FARADAY * s.valence * s.source * volume for s in electrolyte.species])
    # What neither enters nor leaves has an amount instead of currents.
    injected = {i.species for b in found.problem_data.boundaries.values() for i in b.injections if i.flows}
    flowing = np.array([name in injected or name not in found.wanted for name in electrolyte.names])
    net = np.abs(sum(currents.values()) + produced) * flowing
    largest = max(float(np.abs(c * flowing).max()) for c in currents.values())
    # Currents that are nothing but rounding have no balance.
    rounding = max(CURRENT_ROUNDING, ROUNDING_OF_SUMS * found.statistics.rounding) * scales.current
    error = float(net.max()) / largest if largest > rounding else 0.0
    open_ = error > UNBALANCED and float(net.max()) > rounding
    for name, amount in found.wanted.items():
        has = float(found.amounts[electrolyte.index(name)])
        missed = abs(has / amount - 1.0) if amount > 0.0 else abs(has) / scales.amount
        error, open_ = max(error, missed), open_ or missed > UNBALANCED
    return error, open_
