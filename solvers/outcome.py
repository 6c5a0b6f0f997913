"""From the unknowns of a converged solve to what a `Solution` says, in SI units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.imposed import Imposed
from spinepnp.solvers.layers import debye_layers
from spinepnp.solvers.observables import Weights, minimum
from spinepnp.solvers.parts import Part
from spinepnp.solvers.predictor import Prediction
from spinepnp.solvers.preview import Preview
from spinepnp.solvers.scaling import Scales
from spinepnp.solvers.solution import BoundaryState, PointState, RegionState, Solution, VolumeState
from spinepnp.solvers.statistics import NewtonStatistics
from spinepnp.units import FARADAY

#: Rounding of terminal currents over F D c L.
CURRENT_ROUNDING = 1e-13

#: Relative error of a balance above which a state is no answer, unless it is rounding.
UNBALANCED = 1e-6

#: Rounding of the current through a boundary over that of the residual.
ROUNDING_OF_SUMS = 100.0


@dataclass(frozen=True)
class Converged:
    """What a converged solve leaves behind.

    Attributes:
        imposed: what was solved for.
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

    imposed: Imposed
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
    preview: Preview,
) -> Solution:
    """All that is reported of a solve. Collective.

    Args:
        found: the converged unknowns.
        mesh: on which was solved.
        preview: weights, probes and degrees of freedom of the boundaries.
    """
    electrolyte, scales, weights = found.imposed.electrolyte, found.scales, preview.weights
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
    layers = debye_layers(mesh, preview.boundary_dofs, found.densities, electrolyte, found.imposed.boundaries, scales)
    balance, is_open = found.balance if found.balance is not None else _balance(found, currents, weights)
    return Solution(
        unknowns=unknowns,
        electrolyte=electrolyte,
        boundary=boundary,
        probes={name: _state(value, names) for name, value in preview.probes.values(unknowns).items()},
        regions={name: _region(part, unknowns, weights, names, scales) for name, part in preview.regions.items()},
        volume=_volume(found, unknowns, weights),
        ion_balance=balance,
        balance_is_open=is_open,
        layers_resolved=all(layer.resolved for layer in layers.values()),
        wall_charge=found.wall_charge,
        electroneutral=neutral,
        statistics=found.statistics,
    )


def _region(part: Part, unknowns: np.ndarray, weights: Weights, names: tuple[str, ...], scales: Scales) -> RegionState:
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


def _volume(found: Converged, unknowns: np.ndarray, weights: Weights) -> VolumeState:
    electrolyte, scales = found.imposed.electrolyte, found.scales
    names = electrolyte.names
    volume = weights.total_volume * scales.length**3
    mean_potential = float(weights.integral(weights.volume, unknowns[:, -1:])[0] / weights.total_volume)
    owned = unknowns[: weights.owned]
    comm = weights.comm
    lowest, highest = minimum(comm, owned), -minimum(comm, -owned)
    regional = sum(r.value * weights.sum(weights.region(r.region)) for r in electrolyte.charged_regions)
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


def _balance(found: Converged, currents: dict[str, np.ndarray], weights: Weights) -> tuple[float, bool]:
    """Largest net current of a species over the largest current, and largest |N/N0 - 1|; 0/0 = 0.

    And whether that is more than rounding leaves of weak currents.
    """
    electrolyte, scales = found.imposed.electrolyte, found.scales
    volume = weights.total_volume * scales.length**3
    produced = np.array([FARADAY * s.valence * s.source * volume for s in electrolyte.species])
    # What neither enters nor leaves has an amount instead of currents.
    injected = {i.species for b in found.imposed.boundaries.values() for i in b.injections if i.flows}
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
