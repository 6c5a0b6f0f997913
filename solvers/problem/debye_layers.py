"""Debye layers at boundaries and edges of fixed charge: where one can form, its drop, and the error of that drop."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.geometries.rings import finest_on
from spinepnp.meshes import SpineMesh
from spinepnp.meshes.measures import size_along_z
from spinepnp.runtime.stack import MPI
from spinepnp.solvers.fem.discretisation import Discretisation
from spinepnp.solvers.model.boundaries import Boundaries, Boundary, is_grounded
from spinepnp.solvers.model.default_grading import charge_beside
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.planar_layer import PlanarLayer
from spinepnp.solvers.model.scaling import Scales
from spinepnp.solvers.model.terms import TERM_KEYS
from spinepnp.solvers.model.terms.fixed_charge import charges_at
from spinepnp.solvers.problem.layer_errors import drop_error, edge_errors, missing_pressure, rounded
from spinepnp.units import FARADAY, LENGTH, format_quantity

#: Cells per Debye length from which a layer at the edge of a fixed charge is resolved.
CELLS_PER_DEBYE_LENGTH = 2.0

#: Relative error of the potential drop up to which a layer is resolved.
RESOLVED = 0.03

#: Potential across a layer, V, that is none: rounding, far below what a mesh resolves.
NO_DROP = 1e-9

#: Bracket of the potential between a wall and the neutral solution beside it, V_T.
LARGEST_DROP = 60.0


@dataclass(frozen=True)
class Layer:
    """The Debye layer at a boundary, if one can form there, and the cells that should resolve it.

    Attributes:
        forms: whether a layer can form.
        debye_length: Debye length beside the layer, m.
        cell_height: height of the cells at the boundary, m.
        drop: potential across the layer, V; not a number where it is not known.
        error: error of the drop on these cells, V; not a number where it is not known.
        moves_potential: whether the potential of the boundary has that error (it has not, where it is prescribed).
        error_of_flows: error of the potential that flows need across an edge of fixed charge, V_T.
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
    def charged(self) -> bool:
        """Whether a layer forms and its drop is not zero; an unknown one is taken for one that is not."""
        return self.forms and not abs(self.drop) <= NO_DROP

    @property
    def resolved(self) -> bool:
        """Whether the drop is right to 3 %, or, where it is not known, cells are finer than the Debye length."""
        if not self.charged:
            return True
        if math.isfinite(self.error):
            return bool(abs(self.error) <= RESOLVED * abs(self.drop))
        return bool(self.cell_height * CELLS_PER_DEBYE_LENGTH <= self.debye_length)


@dataclass(frozen=True)
class LayerState:
    """State on which the layers at the boundaries depend.

    Attributes:
        concentrations: scaled nodal concentrations, shape (local dofs, species).
        potential: nodal potential, V_T, shape (local dofs,).
        currents: current of each species into each boundary, scaled, shape (species,), by name; not a number where it
            is not known.
        even_charge: surface charge that Gauss' law requires on all walls of a closed domain, scaled.
        lumped: whether the charge of linear elements is that of the nodes.
    """

    concentrations: np.ndarray
    potential: np.ndarray
    currents: dict[str, np.ndarray]
    even_charge: float = 0.0
    lumped: bool = False


def debye_layers(
    discretisation: Discretisation, state: LayerState, electrolyte: Electrolyte, boundaries: Boundaries, scales: Scales
) -> dict[str, Layer]:
    """Debye layers at each boundary with data, and at each end of a charged region. Collective.

    A zero-field injector carries one (facts pnp D), and so does every boundary that imposes something without
    prescribing both the potential and a neutral set of concentrations. Where the mesh does not resolve a layer, the
    answer is the electroneutral one. The side of a line has no layer: its charge is balanced over the cross-section, as
    a fixed charge is, and forms layers at the ends.

    Args:
        discretisation: mesh with its weights and the heights of its cells.
        state: state of the solution.
        electrolyte: species and fixed charge.
        boundaries: boundary conditions by name.
        scales: scales of the unknowns.
    """
    if not electrolyte.has_ions:
        return {}
    return _Layers(discretisation, state, electrolyte, boundaries, scales).all()


class _Layers:
    """Evaluation of the layers at one state; the arguments are those of `debye_layers`."""

    def __init__(
        self,
        discretisation: Discretisation,
        state: LayerState,
        electrolyte: Electrolyte,
        boundaries: Boundaries,
        scales: Scales,
    ) -> None:
        self._mesh, self._heights, self._weights = discretisation.mesh, discretisation.heights, discretisation.weights
        self._state, self._electrolyte, self._scales = state, electrolyte, scales
        self._boundaries = boundaries
        charge = np.array([s.valence for s in electrolyte.species], dtype=float)
        moves = np.array([s.moves for s in electrolyte.species])
        self._valence = charge * moves
        diffusivity = [electrolyte.effective_diffusivity(s) for s in electrolyte.species]
        self._diffusivity = np.array(diffusivity) / scales.diffusivity  # the largest ones
        self._fixed = self._weights.fixed_charge_density(electrolyte.charged_regions) / scales.concentration
        self._fixed += electrolyte.uniform_charge / scales.concentration
        if not moves.all():
            self._fixed += state.concentrations[:, ~moves] @ charge[~moves]
        self._everywhere = np.column_stack([state.concentrations, self._fixed])

    def all(self) -> dict[str, Layer]:
        """Layers by the name of their boundary or the plane of their edge. Collective."""
        # In a domain that nothing grounds every wall has the field of Gauss' law.
        closed = not is_grounded(self._boundaries)
        reflecting = dict.fromkeys(self._heights, Boundary()) if closed else {}
        layers = {
            name: self._at_boundary(name, boundary, closed=closed)
            for name, boundary in {**reflecting, **self._boundaries}.items()
            if name not in self._weights.sides
        }
        for end in sorted({z for region in self._electrolyte.charged_regions for z in region.region}):
            layers |= self._at_edge(end)
        return layers

    def _at_boundary(self, name: str, boundary: Boundary, *, closed: bool) -> Layer:
        """The layer at a boundary; in a closed domain every one forms. Collective."""
        state, weights, scales, electrolyte = self._state, self._weights, self._scales, self._electrolyte
        *c, rho = weights.integral(weights.boundary[name], self._everywhere) / weights.area[name]
        phi = weights.integral(weights.boundary[name], state.potential[:, None])[0] / weights.area[name]
        of_sides, given = self._charge_of_sides(name, phi)
        rho += of_sides
        beside = PlanarLayer(self._valence, np.maximum(c, 0.0), float(rho), scales.debye**2 * float(self._at(name)[-1]))
        fixed = tuple(charge + given for charge in charges_at(name, self._mesh.geometry, electrolyte))
        forms = closed or boundary.forms_layer(electrolyte, fixed)
        layer = Layer(forms, beside.debye_length * scales.length, self._heights[name])
        if forms and math.isfinite(beside.debye_length):
            trace = beside.neutral_trace(LARGEST_DROP)
            if trace is None:  # ions of one sign only: from where there are the fewest
                beside, drop = self._thinnest(beside), math.nan
            else:
                beside, drop = beside.beyond(trace), -trace
            charge = self._wall_charge(name, boundary, phi, beside)
            if charge is not None and math.isnan(charge):  # of an unknown current: judged by the cells
                return layer
            return self._with_error(layer, name, beside, charge, drop)
        if not forms and boundary.ground_potential() is not None:
            field = abs(self._field_of_currents(name, beside))
            missing = missing_pressure(field, self._heights[name] / scales.length, beside.debye_squared)
            return replace(layer, missing_pressure=missing * scales.concentration)
        return layer

    def _charge_of_sides(self, name: str, phi: float) -> tuple[float, float]:
        """Charge of the sides of a line over the cross-section at one of its ends. Collective.

        Args:
            name: name of the end.
            phi: potential there, V_T.

        Returns:
            Charge density at the potential, scaled, and what is given of it without regard to the potential, mol/m^3.
        """
        weights, scaled, given = self._weights, 0.0, 0.0
        for side in weights.sides:
            at_nodes = (weights.boundary[side] / weights.volume)[:, None]
            per_volume = weights.integral(weights.boundary[name], at_nodes)[0] / weights.area[name]
            boundary = self._boundaries[side]
            charges = (term.charge_at(boundary, phi, self._scales) for term in TERM_KEYS)
            scaled += per_volume * (self._state.even_charge + sum(charges))
            given += per_volume / MODEL_UNIT * boundary.wall_charge / FARADAY
        return float(scaled), float(given)

    def _at_edge(self, end: float) -> dict[str, Layer]:
        """The layer at an edge of fixed charge at a height, m; none where no cell is near. Collective."""
        scales = self._scales
        size = size_along_z(self._mesh, end / scales.length)
        if not size > 0.0:
            return {}
        near = np.abs(self._weights.heights() - end / scales.length) <= size
        strength = np.maximum(self._state.concentrations @ self._valence**2, np.abs(self._fixed))[near].max(initial=0.0)
        strongest = self._mesh.mesh.comm.allreduce(float(strength), op=MPI.MAX)
        permittivity = self._electrolyte.permittivity_profile.smallest_near(end, end)
        debye = scales.debye * scales.length / math.sqrt(strongest) if strongest > 0.0 else math.inf
        debye *= math.sqrt(permittivity)
        error = self._error_at_edge(end, size)
        return {f"z = {format_quantity(end, LENGTH)}": Layer(True, debye, size * scales.length, error_of_flows=error)}

    def _at(self, name: str) -> np.ndarray:
        """Diffusivity of each species and the permittivity at a boundary, over the largest ones. Collective."""
        weights, profiles = self._weights, self._electrolyte.profiles()
        if not self._electrolyte.has_profiles:
            return np.ones(len(profiles))
        nodal = np.column_stack([weights.at_nodes(profile) for profile in profiles])
        return weights.integral(weights.boundary[name], nodal) / weights.area[name]

    def _wall_charge(self, name: str, boundary: Boundary, phi: float, beside: PlanarLayer) -> float | None:
        """The charge that a layer screens, scaled; ``None`` where the boundary has a ground potential.

        A flux of ions requires a field g beside the layer (`_field_of_currents`), which a wall without charge does not
        have: the layer is that of the charge -lambda^2 g.
        """
        if boundary.ground_potential() is not None:
            return None
        charge = self._state.even_charge
        for term in TERM_KEYS:
            charge += term.charge_at(boundary, phi, self._scales)
        return charge - beside.debye_squared * self._field_of_currents(name, beside)

    def _field_of_currents(self, name: str, beside: PlanarLayer) -> float:
        """Gradient of the potential toward a boundary beside its layer: sum_i (z_i J_i / D_i) / sum_i z_i^2 c_i."""
        strength = float(beside.valence**2 @ beside.concentration)
        if strength <= 0.0:
            return 0.0
        diffusivity = self._diffusivity * self._at(name)[:-1]
        moving = diffusivity > 0.0
        currents = self._state.currents[name]
        flux = float((currents[moving] / diffusivity[moving]).sum()) / self._weights.area[name]
        return flux / strength

    def _thinnest(self, beside: PlanarLayer) -> PlanarLayer:
        """The solution where there are the fewest ions. Collective."""
        owned = self._everywhere[: self._weights.owned]
        strength = owned[:, :-1] @ beside.valence**2
        mine = (np.inf, [0.0] * owned.shape[1])
        if len(owned):
            least = int(np.argmin(strength))
            mine = float(strength[least]), owned[least].tolist()
        _, row = min(self._mesh.mesh.comm.allgather(mine))
        return PlanarLayer(beside.valence, np.maximum(row[:-1], 0.0), float(row[-1]), beside.debye_squared)

    def _with_error(self, layer: Layer, name: str, beside: PlanarLayer, charge: float | None, drop: float) -> Layer:
        """The layer with its drop and error; without a charge it is that of a prescribed potential."""
        moves, mesh, V_T = charge is not None, self._mesh, self._electrolyte.V_T
        if charge is None:
            charge = beside.charge_of_drop(drop) if math.isfinite(drop) else 0.0
        graded = finest_on(mesh.options.grade, mesh.geometry.share_layers(name))
        growth = 1.0 if graded is None else mesh.options.grade[graded].growth
        first = layer.cell_height / MODEL_UNIT
        largest = max(first, _bulk_size(mesh) / MODEL_UNIT)
        width = self._weights.total_volume / self._weights.area[name]
        error, drop = drop_error(beside, charge, first, growth, largest, width, mesh.element_degree, self._state.lumped)
        return replace(layer, drop=drop * V_T, error=error * V_T, moves_potential=moves)

    def _error_at_edge(self, end: float, size: float) -> float:
        """Error, V_T, of the potential that flows need across an edge at a height, m; cell size scaled. Collective.

        With the resistance int dx/c_i of each ion the flux J_i changes its electrochemical potential by
        J_i/D_i int dx/c_i; without a change of the current, the potential follows by the ions' shares of the
        conductivity.
        """
        mesh, weights, scales, electrolyte = self._mesh, self._weights, self._scales, self._electrolyte
        owned, valence, local = weights.owned, self._valence, electrolyte.permittivity_profile
        smallest = [electrolyte.diffusivity_profile(s).smallest_near(end, end) for s in electrolyte.species]
        diffusivity, debye_squared = self._diffusivity * smallest, scales.debye**2 * local.smallest_near(end, end)
        near = np.abs(weights.heights()[:owned] - end / scales.length) <= size
        # Means of logarithms at different potentials are of one equilibrium, as the concentrations are.
        logarithms = np.log(np.maximum(self._state.concentrations[:owned][near], np.finfo(float).tiny)).sum(axis=0)
        *total, count = mesh.mesh.comm.allreduce(np.append(logarithms, float(near.sum())), op=MPI.SUM)
        below, above = (
            (value + electrolyte.uniform_charge) / scales.concentration for value in charge_beside(electrolyte, end)
        )
        beside = PlanarLayer(valence, np.exp(np.array(total) / max(count, 1.0)), below, debye_squared)
        trace = beside.neutral_trace(LARGEST_DROP)
        if trace is None or below == above:
            return 0.0
        planes = mesh.options.grade_planes or ()
        plane = next((p for p in planes if abs(p.z - end) <= size * scales.length), None)
        growth, largest = 1.0, size * scales.length
        if plane is not None and plane.size:
            growth, largest = plane.growth, _bulk_size(mesh)
        beyond = beside.beyond(trace)
        errors = np.array(
            edge_errors(
                tuple(valence), tuple(map(rounded, beyond.concentration)), rounded(below), rounded(above - below),
                beyond.debye_squared, rounded(size), growth, rounded(max(size, largest / scales.length)),
                mesh.element_degree, self._state.lumped,
            )
        )  # fmt: skip
        slab = weights.slab((end - size * scales.length, end + size * scales.length))
        area = weights.sum(slab) / (2.0 * size)
        moving = (diffusivity > 0.0) & (valence != 0.0)
        if not area > 0.0:
            return 0.0
        flow = max(self._state.currents.values(), key=lambda current: float(np.abs(current).max()))
        across = flow[moving] / valence[moving] / diffusivity[moving] / area * errors[moving]
        conductivity = (valence**2 * diffusivity * beside.concentration)[moving]
        return abs(float((conductivity / valence[moving]) @ across) / float(conductivity.sum()))


def _bulk_size(mesh: SpineMesh) -> float:
    """Size of the cells away from all graded places, m."""
    size = mesh.options.resolved(mesh.geometry).size
    assert size is not None  # resolved
    return size
