"""Initial concentrations of a transient at the nodes: bulk, closed amounts, regions, or a file of fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries import MODEL_UNIT, Geometry
from spinepnp.runtime.communication import on_root
from spinepnp.solvers.fem.field_file import FieldFile
from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.model.closed import amounts_of
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.initial import FILE, Initial, array_name
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.problem.checks import NEGATIVE
from spinepnp.solvers.problem.variable_choice import charged_sides, donnan_state, immobile_charge, spread_by_charge
from spinepnp.units import CONCENTRATION, POTENTIAL, format_quantity

#: Remark on an initial state with fixed charge by region.
DONNAN = "starts from the Donnan state of the fixed charge, in equilibrium with the bulk"

#: Remark on an initial state with surface charges.
BARE_WALLS = 'surface charges start bare, without Debye layers; study.initial = "steady" starts in equilibrium'


@dataclass(frozen=True)
class InitialState:
    """Initial values at the nodes.

    Attributes:
        nodal: concentrations, mol/m^3, and potential relative to its zero, V, where it is known, else zero; shape
            (local dofs, N + 1).
        remark: remark for the user; empty without one.
        has_potential: whether the potential is known.
    """

    nodal: np.ndarray
    remark: str = ""
    has_potential: bool = False


def initial_state(
    problem_data: ProblemData, weights: IntegrationWeights, geometry: Geometry, nodes: np.ndarray
) -> InitialState:
    """Initial state of a transient that does not start from a steady state. Collective.

    Args:
        problem_data: data of the transient.
        weights: weights of the volume.
        geometry: body of the mesh.
        nodes: coordinates of the local nodes, um, shape (local dofs, 3).

    Raises:
        CaseError: a region that is thinner than the cells, or a file that does not fit.
    """
    initial = problem_data.initial
    if initial is not None:
        on_root(weights.comm, initial.check_file)
    bare = {name for name, b in problem_data.boundaries.items() if b.wall_charge}
    if initial is None:  # ions balance the charge of the side of a line as they balance a fixed charge
        bare -= {*weights.sides}
    remark = BARE_WALLS if bare else ""
    if initial is not None and initial.file is not None:
        return _from_file(initial.file, problem_data, weights, geometry, nodes)
    if initial is not None:
        concentrations, arranged = _by_region(initial, problem_data.electrolyte, weights)
    else:
        concentrations, arranged = _bulk(problem_data, weights)
    if arranged and problem_data.electrolyte.has_chemistry:
        remark = remark or f"{DONNAN}, but for immobile species, which keep their bulk concentrations"
    nodal = np.column_stack([concentrations, np.zeros(len(concentrations))])
    return InitialState(nodal, remark or (DONNAN if arranged else ""))


def _bulk(problem_data: ProblemData, weights: IntegrationWeights) -> tuple[np.ndarray, bool]:
    """Concentrations of the bulk or of the closed amounts: uniform, or in Donnan equilibrium with fixed charge.

    Returns:
        Concentrations at the local nodes, mol/m^3, shape (local dofs, N), and whether there is such an equilibrium.
    """
    electrolyte, regions = problem_data.electrolyte, problem_data.electrolyte.charged_regions
    free = problem_data.loose_species
    volume = float(weights.total_volume * MODEL_UNIT**3)
    even = electrolyte.bulk
    if problem_data.closed is not None:
        amounts = amounts_of(problem_data.closed, electrolyte, free, volume)
        even |= {name: amount / volume for name, amount in amounts.items()}
    values = np.array([*even.values()])
    if any(region.value for region in regions) or charged_sides(problem_data, weights):
        arranged = spread_by_charge(electrolyte, values, free, immobile_charge(problem_data, weights), weights)
        if arranged is not None:
            return arranged, True
    return np.tile(values, (len(weights.volume), 1)), False


def _by_region(initial: Initial, electrolyte: Electrolyte, weights: IntegrationWeights) -> tuple[np.ndarray, bool]:
    """Concentrations of the regions; elsewhere those of the bulk, in Donnan equilibrium with fixed charge.

    Returns:
        Concentrations at the local nodes, mol/m^3, shape (local dofs, N), and whether there is such an equilibrium.
    """
    bulk, charged = electrolyte.bulk, electrolyte.charged_regions
    pieces = [
        (region.z, f"initial.region.{number}.z", [*(bulk | region.concentrations).values()])
        for number, region in enumerate(initial.region or ())
    ]
    gels = [(part, gel.value) for gel in charged if gel.value for part in initial.outside(gel.region)]
    for part, value in gels:
        pieces.append((part, "electrolyte.fixed_charge", donnan_state(electrolyte, np.array([value]))[0, :-1].tolist()))
    uniform = np.array([*bulk.values()])
    concentrations = np.tile(uniform, (len(weights.volume), 1))
    for planes, key, inside in pieces:
        concentrations += weights.share(planes, key, charged)[:, None] * (np.array(inside) - uniform)
    return concentrations, bool(gels)


def _from_file(
    path: str, problem_data: ProblemData, weights: IntegrationWeights, geometry: Geometry, nodes: np.ndarray
) -> InitialState:
    """State of a file of fields. Collective."""
    names, file = problem_data.electrolyte.names, FieldFile(path, FILE, weights.comm)
    arrays = {name: array_name(name) if array_name(name) in file.names else name for name in names}
    missing = [name for name in names if arrays[name] not in file.names]
    if missing:
        problem = f"has no array {' and no '.join(map(array_name, missing))} at its points; it has "
        raise CaseError(FILE, f"{problem}{', '.join(file.names) or 'none'}", path)
    for name in names:
        low, high = (value * CONCENTRATION.si for value in file.extremes(arrays[name]))
        if not np.isfinite([low, high]).all():
            raise CaseError(FILE, f"{arrays[name]} has a value that is no number; make the file again", path)
        if low < -NEGATIVE * max(abs(low), abs(high)):
            lowest = format_quantity(float(f"{low:.4g}"), CONCENTRATION)
            raise CaseError(FILE, f"{arrays[name]} is negative ({lowest} at its lowest); take another file", path)
    potential = f"potential_{POTENTIAL.suffix}"
    if potential in file.names and np.isfinite(file.extremes(potential)).all():
        arrays[potential] = potential
    found = file.at_nodes(arrays, nodes, geometry)
    nodal = np.zeros((len(nodes), len(names) + 1))
    nodal[:, :-1] = np.maximum(found[:, : len(names)], 0.0) * CONCENTRATION.si  # below zero by rounding
    if potential in arrays:
        nodal[:, -1] = found[:, -1] * POTENTIAL.si - problem_data.reference_potential
    return InitialState(nodal, has_potential=potential in arrays)
