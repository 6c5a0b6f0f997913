"""Debye layers at boundaries: where one can form, and how far off its potential drop is on the mesh."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.meshes import SpineMesh
from spinepnp.meshes.measures import size_along_z
from spinepnp.runtime.stack import MPI
from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.model.boundaries import Boundaries, Boundary, charges_at
from spinepnp.solvers.model.closed import is_grounded
from spinepnp.solvers.model.default_grading import charge_beside
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.planar_layer import EXTENT, PlanarLayer, error_of_drop, error_of_edge, graded_heights
from spinepnp.solvers.model.scaling import Scales
from spinepnp.units import LENGTH, format_quantity

#: Cells at the edge of a fixed charge that are this many times thinner than the Debye length resolve the layer there.
CELLS_PER_DEBYE_LENGTH = 2.0

#: Relative error of the potential drop of a layer up to which it counts as resolved.
RESOLVED = 0.03

#: Drop below which a layer is linear in its charge, V_T.
LINEAR = 0.2

#: Charge of a wall times Debye length over lambda^2 from which its layer is steep, V_T.
STEEP = 2.0

#: Bracket of the potential between a wall and the neutral solution beside it, V_T.
LARGEST_DROP = 60.0


def carries_layer(boundary: Boundary, electrolyte: Electrolyte, fixed: tuple[float, ...]) -> bool:
    """Whether a Debye layer can form at a boundary with these data, which fixed charges (mol/m^3) reach."""
    prescribed = boundary.prescribed(electrolyte)
    if boundary.surface_charge or boundary.capacitance is not None:
        return True
    if not prescribed and boundary.potential is None:
        flowing = any(i.flows for i in boundary.injections) or bool(boundary.channels)
        return flowing and not boundary.field_matched
    if set(prescribed) != set(electrolyte.names) or boundary.potential is None:
        return True
    return not all(electrolyte.is_neutral(prescribed, charge) for charge in fixed)


@dataclass(frozen=True)
class Layer:
    """The Debye layer at a boundary, if one can form there, and the cells that should resolve it.

    Attributes:
        forms: whether one can form.
        debye_length: beside it, m.
        cell_height: of the cells at the boundary, m.
        drop: potential across it, V; not a number where that is not known.
        error: by how much the drop on these cells is off, V; not a number where that is not known.
        moves_potential: whether the potential of the boundary is off by as much (it is not, where it is prescribed).
        error_of_flows: by how much the potential that flows need across an edge of fixed charge is off, V_T.
        missing_pressure: Maxwell stress of the field of a strong current that these cells miss, over RT, mol/m^3.
    """

    forms: bool
    debye_length: float
    cell_height: float
    drop: float = math.nan
    error: float = math.nan
    moves_potential: bool = False
    missing_pressure: float = 0.0
    error_of_flows: float = 0.0

    @property
    def resolved(self) -> bool:
        """Whether the drop is right to 3 %, or, where it is not known, cells are finer than the Debye length."""
        if not self.forms:
            return True
        if math.isfinite(self.error):
            return bool(abs(self.error) <= RESOLVED * abs(self.drop))
        return bool(self.cell_height * CELLS_PER_DEBYE_LENGTH <= self.debye_length)


@dataclass(frozen=True)
class LayerState:
    """What the layers at the boundaries depend on.

    Attributes:
        densities: scaled nodal values, shape (local dofs, species).
        potential: nodal, V_T, shape (local dofs,).
        currents: of each species into each boundary, scaled, shape (species,), by name.
        even_charge: surface charge that Gauss' law asks for on all walls of a closed domain, scaled.
        lumped: whether the charge of linear elements is that of the nodes.
    """

    densities: np.ndarray
    potential: np.ndarray
    currents: dict[str, np.ndarray]
    even_charge: float = 0.0
    lumped: bool = False


def debye_layers(
    mesh: SpineMesh,
    heights: dict[str, float],
    weights: IntegrationWeights,
    state: LayerState,
    electrolyte: Electrolyte,
    boundaries: Boundaries,
    scales: Scales,
) -> dict[str, Layer]:
    """The Debye layer at each boundary with data, and at each end of a charged region.

    A zero-field injector carries one (facts pnp D), and so does every boundary that imposes something without
    holding both the potential and a neutral set of concentrations. Where the mesh does not resolve a layer, the
    answer is the electroneutral one. Collective.

    Args:
        mesh: on which was solved.
        heights: of the tallest cell at each boundary, m, by name.
        weights: of boundaries and volume.
        state: the solution.
        electrolyte: the species.
        boundaries: what was imposed.
        scales: of the unknowns.
    """
    if not electrolyte.has_ions:
        return {}
    comm = mesh.mesh.comm
    valence = np.array([s.valence for s in electrolyte.species], dtype=float)
    fixed = weights.fixed_charge_density(electrolyte.charged_regions) / scales.concentration
    fixed += electrolyte.uniform_charge / scales.concentration
    layers = {}
    # In a domain that nothing grounds every wall has the field of Gauss' law.
    reflecting = {} if is_grounded(boundaries) else dict.fromkeys(heights, Boundary())
    everywhere = np.column_stack([state.densities, fixed])
    for name, boundary in {**reflecting, **boundaries}.items():
        *c, rho = weights.integral(weights.boundary[name], everywhere) / weights.area[name]
        phi = weights.integral(weights.boundary[name], state.potential[:, None])[0] / weights.area[name]
        beside = PlanarLayer(valence, np.maximum(c, 0.0), float(rho), scales.debye**2)
        forms = bool(reflecting) or carries_layer(boundary, electrolyte, charges_at(name, mesh.geometry, electrolyte))
        layer = Layer(forms, beside.debye_length * scales.length, heights[name])
        if forms and math.isfinite(beside.debye_length):
            trace = beside.neutral_trace(LARGEST_DROP)
            if trace is None:  # ions of one sign only: from where there are the fewest
                beside, drop = _thinnest(comm, weights, everywhere, beside), math.nan
            else:
                beside, drop = beside.beyond(trace), -trace
            charge = _wall_charge(name, boundary, state, phi, beside, weights, scales, electrolyte)
            layer = _with_error(layer, beside, charge, drop, mesh, name, state.lumped, electrolyte.V_T, weights)
        elif not forms and boundary.prescribes_potential:
            field = abs(_field_of_currents(name, state, beside, weights, scales, electrolyte))
            missing = missing_pressure(field, heights[name] / scales.length, scales.debye**2)
            layer = replace(layer, missing_pressure=missing * scales.concentration)
        layers[name] = layer
    ends = sorted({z for region in electrolyte.charged_regions for z in region.region})
    for end in ends:
        size = size_along_z(mesh, end / scales.length)
        if size > 0.0:
            height = weights.heights()
            near = np.abs(height - end / scales.length) <= size
            strength = np.maximum(state.densities @ valence**2, np.abs(fixed))[near].max(initial=0.0)
            strongest = comm.allreduce(float(strength), op=MPI.MAX)
            debye = scales.debye * scales.length / math.sqrt(strongest) if strongest > 0.0 else math.inf
            flows = _error_at_edge(mesh, end, size, weights, state, electrolyte, scales)
            layers[f"z = {format_quantity(end, LENGTH)}"] = Layer(
                True, debye, size * scales.length, error_of_flows=flows
            )
    return layers


def _wall_charge(
    name: str,
    boundary: Boundary,
    state: LayerState,
    phi: float,
    beside: PlanarLayer,
    weights: IntegrationWeights,
    scales: Scales,
    electrolyte: Electrolyte,
) -> float | None:
    """The charge that a layer screens, scaled; ``None`` where the potential of the boundary is prescribed.

    A flux of ions asks for a field g beside the layer (`_field_of_currents`), which a wall without charge does not
    have: the layer is that of the charge -lambda^2 g.
    """
    if boundary.prescribes_potential:
        return None
    charge = state.even_charge
    if boundary.surface_charge is not None:
        charge += boundary.surface_charge / scales.surface_charge
    if boundary.capacitance is not None:
        kappa = boundary.capacitance.value * scales.potential / scales.surface_charge
        charge += kappa * (boundary.capacitance.outside / scales.potential - phi)
    return charge - beside.debye_squared * _field_of_currents(name, state, beside, weights, scales, electrolyte)


def _error_at_edge(
    mesh: SpineMesh,
    end: float,
    size: float,
    weights: IntegrationWeights,
    state: LayerState,
    electrolyte: Electrolyte,
    scales: Scales,
) -> float:
    """Error of the potential that flows need across an edge of fixed charge at a height (m), V_T. Collective.

    With the resistance int dx/c_i of each ion the flux J_i changes its electrochemical potential by J_i/D_i int dx/c_i;
    without a change of the current, the potential follows by the ions' shares of the conductivity.

    Args:
        size: of the cells there along z, scaled.
    """
    comm, owned = mesh.mesh.comm, weights.owned
    valence = np.array([s.valence for s in electrolyte.species], dtype=float)
    near = np.abs(weights.heights()[:owned] - end / scales.length) <= size
    # Means of logarithms at different potentials are of one equilibrium, as the densities are.
    logarithms = np.log(np.maximum(state.densities[:owned][near], np.finfo(float).tiny)).sum(axis=0)
    *total, count = comm.allreduce(np.append(logarithms, float(near.sum())), op=MPI.SUM)
    below, above = (
        (value + electrolyte.uniform_charge) / scales.concentration for value in charge_beside(electrolyte, end)
    )
    beside = PlanarLayer(valence, np.exp(np.array(total) / max(count, 1.0)), below, scales.debye**2)
    trace = beside.neutral_trace(LARGEST_DROP)
    if trace is None or below == above:
        return 0.0
    options = mesh.options
    plane = next((p for p in options.grade_planes or () if abs(p.z - end) <= size * scales.length), None)
    whole = options.resolved(mesh.geometry).size
    growth, largest = (plane.growth, whole) if plane is not None and plane.size else (1.0, size * scales.length)
    beyond = beside.beyond(trace)
    errors = np.array(
        _edge_error(
            tuple(valence), tuple(map(_rounded, beyond.concentration)), _rounded(below), _rounded(above - below),
            beyond.debye_squared, _rounded(size), growth, _rounded(max(size, largest / scales.length)),
            mesh.element_degree, state.lumped,
        )
    )  # fmt: skip
    slab = weights.region((end - size * scales.length, end + size * scales.length))
    area = weights.sum(slab) / (2.0 * size)
    diffusivity = np.array([electrolyte.effective_diffusivity(s) for s in electrolyte.species]) / scales.diffusivity
    moving = (diffusivity > 0.0) & (valence != 0.0)
    if not area > 0.0:
        return 0.0
    flow = max(state.currents.values(), key=lambda current: float(np.abs(current).max()))[moving] / valence[moving]
    across = flow / diffusivity[moving] / area * errors[moving]
    conductivity = (valence**2 * diffusivity * beside.concentration)[moving]
    return abs(float((conductivity / valence[moving]) @ across) / float(conductivity.sum()))


def _field_of_currents(
    name: str,
    state: LayerState,
    beside: PlanarLayer,
    weights: IntegrationWeights,
    scales: Scales,
    electrolyte: Electrolyte,
) -> float:
    """Gradient of the potential toward a boundary in a neutral solution: sum_i (z_i J_i / D_i) / sum_i z_i^2 c_i."""
    strength = float(beside.valence**2 @ beside.concentration)
    if strength <= 0.0:
        return 0.0
    diffusivity = np.array([electrolyte.effective_diffusivity(s) for s in electrolyte.species]) / scales.diffusivity
    moving = diffusivity > 0.0
    flux = float((state.currents[name][moving] / diffusivity[moving]).sum()) / weights.area[name]
    return flux / strength


def missing_pressure(field: float, height: float, debye_squared: float) -> float:
    """Part of the Maxwell stress lambda^2/2 g^2 at an end with a neutral solution that a cell there does not have.

    The field g of a strong current falls with the distance x from such an end, as g/(1 + g x): its mean over a cell of
    height h is ln(1 + g h)/h. Where ions move freely, stress and osmotic pressure balance: what is missing of one is
    missing in sum_i c_i wherever the field is weak again.

    Args:
        field: g, V_T over the unit of length.
        height: h.
        debye_squared: lambda^2.

    Returns:
        In the unit of the concentrations.
    """
    change = field * height
    return 0.5 * debye_squared * field**2 * (1.0 - (math.log1p(change) / change) ** 2) if change > 0.0 else 0.0


def _thinnest(comm: Any, weights: IntegrationWeights, everywhere: np.ndarray, beside: PlanarLayer) -> PlanarLayer:
    """The solution where there are the fewest ions. Collective."""
    owned = everywhere[: weights.owned]
    strength = owned[:, :-1] @ beside.valence**2
    mine = (np.inf, [0.0] * everywhere.shape[1])
    if len(owned):
        least = int(np.argmin(strength))
        mine = float(strength[least]), owned[least].tolist()
    _, row = min(comm.allgather(mine))
    return PlanarLayer(beside.valence, np.maximum(row[:-1], 0.0), float(row[-1]), beside.debye_squared)


def _with_error(
    layer: Layer,
    beside: PlanarLayer,
    charge: float | None,
    drop: float,
    mesh: SpineMesh,
    name: str,
    lumped: bool,
    thermal_voltage: float,
    weights: IntegrationWeights,
) -> Layer:
    """The layer with its drop and error."""
    moves = charge is not None
    if charge is None:
        charge = beside.charge_of_drop(drop) if math.isfinite(drop) else 0.0
    grade, options = mesh.options.grade.get(name), mesh.options.resolved(mesh.geometry)
    first, growth = layer.cell_height / MODEL_UNIT, grade.growth if grade is not None else 1.0
    largest = max(first, options.size / MODEL_UNIT)
    width = weights.total_volume / weights.area[name]
    error, found = _error(beside, charge, first, growth, largest, width, mesh.element_degree, lumped)
    return Layer(
        layer.forms,
        layer.debye_length,
        layer.cell_height,
        drop=found * thermal_voltage,
        error=error * thermal_voltage,
        moves_potential=moves,
    )


def _error(
    beside: PlanarLayer,
    charge: float,
    first: float,
    growth: float,
    largest: float,
    width: float,
    degree: int,
    lumped: bool,
) -> tuple[float, float]:
    """Error of a drop and the drop, V_T; weak layers are linear in their charge, which is solved for once."""
    debye = beside.debye_length
    if not math.isfinite(debye):
        return 0.0, 0.0
    linear = charge * debye / beside.debye_squared
    if abs(linear) < LINEAR and width > EXTENT * debye and not beside.fixed:
        ratios = (_rounded(first / debye), growth, _rounded(largest / debye))
        return linear * _linear_error(*ratios, degree, lumped), linear
    # Concentrations lose more in a steep layer than the integral of their charge.
    lumped = lumped or (degree == 1 and abs(linear) > STEEP)
    extent = min(EXTENT * debye, width)
    heights = graded_heights(first, growth, largest, max(extent, 4.0 * first))
    return error_of_drop(beside, charge, heights, degree=degree, lumped=lumped)


def _rounded(value: float) -> float:
    return float(f"{value:.2e}")


@functools.lru_cache(maxsize=1000)
def _linear_error(first: float, growth: float, largest: float, degree: int, lumped: bool) -> float:
    """Relative error of the drop of a weak layer; lengths in Debye lengths."""
    beside = PlanarLayer(np.array([1.0, -1.0]), np.array([0.5, 0.5]), 0.0, 1.0)
    heights = graded_heights(first, growth, largest, max(EXTENT, 4.0 * first))
    error, exact = error_of_drop(beside, 1e-3, heights, degree=degree, lumped=lumped)
    return error / exact


@functools.lru_cache(maxsize=1000)
def _edge_error(
    valence: tuple[float, ...],
    concentration: tuple[float, ...],
    fixed: float,
    step: float,
    debye_squared: float,
    height: float,
    growth: float,
    largest: float,
    degree: int,
    lumped: bool,
) -> tuple[float, ...]:
    """See `error_of_edge`, for numbers that are rounded: states of one run share them."""
    solution = PlanarLayer(np.array(valence), np.array(concentration), fixed, debye_squared)
    return tuple(error_of_edge(solution, step, height, growth, largest, degree=degree, lumped=lumped).tolist())
