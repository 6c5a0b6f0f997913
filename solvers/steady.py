"""Steady states of the Poisson-Nernst-Planck equations on one mesh.

`SteadyProblem` is built once for a mesh and a structure (which boundary prescribes what, for how many species); values
are then changed without compiling or allocating again, as a sweep does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.meshes import SpineMesh
from spinepnp.meshes.kernels import compile_form
from spinepnp.meshes.stack import basix, dolfinx, fem, ufl
from spinepnp.solvers.boundaries import Boundaries, check_boundaries
from spinepnp.solvers.currents import injection_load, terminal_currents
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.layers import layers_resolved
from spinepnp.solvers.measure import Measure
from spinepnp.solvers.newton import Newton, NewtonError, NewtonStatistics
from spinepnp.solvers.observables import Weights, minimum
from spinepnp.solvers.options import SolverOptions
from spinepnp.solvers.predictor import Prediction, Predictor
from spinepnp.solvers.probes import Position, Probes
from spinepnp.solvers.scaling import Scales
from spinepnp.solvers.solution import BoundaryState, ProbeState, Solution
from spinepnp.solvers.weak_forms import Coefficients, boundary_residual, steady_residual
from spinepnp.units import CONCENTRATION, format_quantity

#: Rounding of terminal currents over F D c L.
CURRENT_ROUNDING = 1e-13

#: Debye length over volume per surface, up to which the electroneutral law is taken for a prediction.
LARGEST_LAYER = 0.1

#: A concentration below minus this fraction of the largest one is no rounding: the answer is not one of physics.
NEGATIVE = 1e-9


@dataclass(frozen=True)
class Structure:
    """What the compiled problem depends on.

    Attributes:
        names: of the species.
        held: boundaries that hold the potential (or not) and some species.
        membranes: boundaries with a capacitance.
        matched: matched injectors and the position of their species.
    """

    names: tuple[str, ...]
    held: tuple[tuple[str, bool, tuple[str, ...]], ...]
    membranes: tuple[str, ...]
    matched: tuple[tuple[str, int], ...]


def structure_of(electrolyte: Electrolyte, boundaries: Boundaries) -> Structure:
    """The structure of a case."""
    held = (
        (name, b.potential is not None, tuple(b.prescribed(electrolyte)))
        for name, b in boundaries.items()
        if b.potential is not None or b.concentrations is not None
    )
    matched = ((n, electrolyte.index(b.injections[0].species)) for n, b in boundaries.items() if b.field_matched)
    return Structure(
        names=electrolyte.names,
        held=tuple(held),
        membranes=tuple(n for n, b in boundaries.items() if b.capacitance is not None),
        matched=tuple(matched),
    )


class SteadyProblem:
    """The steady equations on one mesh, for one structure of boundary data.

    Args:
        mesh: distributed mesh with named boundaries; its communicator is used throughout.
        electrolyte: the species; values can change between solves.
        boundaries: what is imposed; values can change between solves.
        options: of the solvers.
        probes: points at which each solution is evaluated, m, by name.

    Raises:
        CaseError: boundary data that the shape or the species do not know, or that leave no unique answer; a probe
            outside of the domain.
    """

    def __init__(
        self,
        mesh: SpineMesh,
        electrolyte: Electrolyte,
        boundaries: Boundaries,
        options: SolverOptions | None = None,
        probes: dict[str, Position] | None = None,
    ) -> None:
        electrolyte.check()
        check_boundaries(boundaries, mesh.geometry.boundaries, electrolyte)
        self.mesh, self.structure = mesh, structure_of(electrolyte, boundaries)
        cell, degree = mesh.mesh.basix_cell(), mesh.options.element_degree
        components = len(electrolyte.species) + 1
        scalar = basix.ufl.element("Lagrange", cell, degree)
        blocked = basix.ufl.element("Lagrange", cell, degree, shape=(components,))
        self.space = fem.functionspace(mesh.mesh, blocked)
        self._scalar_space = fem.functionspace(mesh.mesh, scalar)
        self._measure = Measure(mesh)
        self._probes = Probes(probes or {}, mesh, self._scalar_space)
        self._components = components
        self._U = fem.Function(self.space)
        self._matched = dict(self.structure.matched)
        membranes = self.structure.membranes
        self._coefficients = Coefficients.on(mesh.mesh, len(electrolyte.species), membranes, tuple(self._matched))
        self._set_up_boundaries(boundaries)
        self._set_up_newton(options or SolverOptions())

    def _set_up_boundaries(self, boundaries: Boundaries) -> None:
        mesh, facet_dim = self.mesh, self.mesh.mesh.topology.dim - 1
        self._dofs = {
            name: fem.locate_dofs_topological(self._scalar_space, facet_dim, facets)
            for name, facets in mesh.boundary_facets.items()
        }
        self.weights = Weights(self._scalar_space, mesh)
        self._held_values: dict[tuple[str, int], Any] = {}
        self._conditions = []
        names, held = self.structure.names, self.structure.held
        for name, holds_potential, species in held:
            components = [names.index(s) for s in species] + ([len(names)] if holds_potential else [])
            for i in components:
                value = self._held_values[name, i] = fem.Constant(mesh.mesh, np.float64(0.0))
                dofs = fem.locate_dofs_topological(self.space.sub(i), facet_dim, mesh.boundary_facets[name])
                self._conditions.append(fem.dirichletbc(value, dofs, self.space.sub(i)))
        self._owner_weights = self._indicators(names, held)
        grounded = np.unique(np.concatenate([self._dofs[h[0]] for h in held]))
        self._predictor = Predictor(
            self._scalar_space, grounded, self.weights.boundary, self.weights.area, self._measure
        )

    def _indicators(
        self, names: tuple[str, ...], held: tuple[tuple[str, bool, tuple[str, ...]], ...]
    ) -> dict[str, np.ndarray]:
        """Which boundary a degree of freedom of a species counts for: 0 or 1 by boundary, shape (local dofs, species).

        On the rim of two boundaries it is the one that holds the species.
        """
        taken = np.zeros((len(self.weights.volume), len(names)), dtype=bool)
        indicators = {name: np.zeros_like(taken, dtype=float) for name in self._dofs}
        holders = [(name, names.index(s)) for name, _, species in held for s in species]
        for name, i in holders + [(name, i) for name in self._dofs for i in range(len(names))]:
            free = self._dofs[name][~taken[self._dofs[name], i]]
            indicators[name][free, i] = 1.0
            taken[free, i] = True
        return indicators

    def _set_up_newton(self, options: SolverOptions) -> None:
        residual = steady_residual(self._U, self._coefficients, self._measure)
        residual += boundary_residual(self._U, self._coefficients, self._matched, self._measure)
        self._residual_form = compile_form(residual)
        self._jacobian_form = compile_form(ufl.derivative(residual, self._U))
        A = fem.petsc.create_matrix(self._jacobian_form)
        self._b = fem.Function(self.space)
        self._x = fem.Function(self.space)
        self._load = np.zeros((len(self.weights.volume), self._components))
        self._newton = Newton(
            self.mesh.mesh.comm, self._assemble_residual, self._assemble_jacobian, self._b.x.petsc_vec, A, options
        )

    def _reaction(self) -> np.ndarray:
        """Residual at the current unknowns minus the load, without boundary conditions; shape (local dofs, N + 1)."""
        vector = fem.assemble_vector(self._residual_form)
        vector.scatter_reverse(dolfinx.la.InsertMode.add)
        vector.scatter_forward()
        return vector.array.reshape(-1, self._components) - self._load

    def _take(self, x: Any) -> None:
        owned = self._U.x.index_map.size_local * self._components
        self._U.x.array[:owned] = x.array_r
        self._U.x.scatter_forward()

    def _assemble_residual(self, x: Any, b: Any) -> None:
        self._take(x)
        residual = self._reaction().ravel()
        b.array[:] = residual[: b.getLocalSize()]
        # The iterates hold the prescribed values from the start: the rows of the conditions say so.
        for condition in self._conditions:
            dofs, count = condition.dof_indices()
            b.array[dofs[:count]] = 0.0

    def _assemble_jacobian(self, x: Any, A: Any) -> None:
        self._take(x)
        A.zeroEntries()
        fem.petsc.assemble_matrix(A, self._jacobian_form, bcs=self._conditions)
        A.assemble()

    def predict(self, electrolyte: Electrolyte, boundaries: Boundaries) -> Prediction | None:
        """The electroneutral answer on this mesh, or ``None`` where it does not hold. Collective.

        Raises:
            CaseError: a current beyond the limiting one.
        """
        # The law is that of a thin Debye layer: a tenth of volume over surface at most.
        width = self.weights.total_volume / sum(self.weights.area.values()) * MODEL_UNIT
        if electrolyte.debye_length() > LARGEST_LAYER * width:
            return None
        return self._predictor.predict(electrolyte, boundaries)

    def solve(self, electrolyte: Electrolyte, boundaries: Boundaries) -> Solution:
        """Solve for given values. Collective.

        Args:
            electrolyte: species as at construction; values may differ.
            boundaries: structure as at construction; values may differ.

        Returns:
            The steady state.

        Raises:
            CaseError: a current beyond the limiting one.
            SolveError: Newton failed, with PETSc's reason.
            ValueError: another structure than at construction.
        """
        if structure_of(electrolyte, boundaries) != self.structure:
            raise ValueError("the problem was built for other species or boundary conditions")
        scales = Scales.of(electrolyte)
        # Potentials are relative to one that is prescribed: a common offset must not cost digits.
        held = [b.potential for b in boundaries.values() if b.potential is not None]
        outside = [b.capacitance.outside for b in boundaries.values() if b.capacitance is not None]
        self._gauge = (held + outside)[0]
        self._coefficients.set(electrolyte, boundaries, scales, self._gauge, self.weights.area)
        self._load[:] = injection_load(boundaries, electrolyte, scales, self.weights)
        prediction = self.predict(electrolyte, boundaries)
        to_scaled = np.array([1.0 / scales.concentration] * (self._components - 1) + [1.0 / scales.potential])
        bulk = np.array([s.concentration for s in electrolyte.species] + [0.0])
        reference = self._reference_norm(bulk * to_scaled, electrolyte, boundaries, to_scaled)
        if prediction is not None:
            start = np.column_stack([*prediction.concentrations, electrolyte.V_T * prediction.u])
            self._start_from(start * to_scaled, electrolyte, boundaries, to_scaled)
        statistics = self._newton.solve(self._x.x.petsc_vec, reference)
        self._take(self._x.x.petsc_vec)
        return self._solution(electrolyte, boundaries, scales, to_scaled, prediction, statistics)

    def _start_from(
        self, start: np.ndarray, electrolyte: Electrolyte, boundaries: Boundaries, to_scaled: np.ndarray
    ) -> None:
        """Set the iterate, prescribed values included."""
        self._x.x.array.reshape(-1, self._components)[:] = start
        names = self.structure.names
        for (name, i), constant in self._held_values.items():
            boundary = boundaries[name]
            if i == len(names):
                assert boundary.potential is not None
                constant.value = (boundary.potential - self._gauge) * to_scaled[i]
            else:
                constant.value = boundary.prescribed(electrolyte)[names[i]] * to_scaled[i]
        for condition in self._conditions:
            condition.set(self._x.x.array)

    def _reference_norm(
        self, bulk: np.ndarray, electrolyte: Electrolyte, boundaries: Boundaries, to_scaled: np.ndarray
    ) -> float:
        """Norm of the residual of the bulk state with the boundary data: the measure of Newton's residuals."""
        self._start_from(bulk, electrolyte, boundaries, to_scaled)
        self._assemble_residual(self._x.x.petsc_vec, self._b.x.petsc_vec)
        return float(self._b.x.petsc_vec.norm())

    def _solution(
        self,
        electrolyte: Electrolyte,
        boundaries: Boundaries,
        scales: Scales,
        to_scaled: np.ndarray,
        prediction: Prediction | None,
        statistics: NewtonStatistics,
    ) -> Solution:
        names, weights = electrolyte.names, self.weights
        unknowns = self._U.x.array.reshape(-1, self._components) / to_scaled
        unknowns[:, -1] += self._gauge
        lowest = self._lowest_concentrations(unknowns, statistics)
        reaction = self._reaction()[:, :-1]
        currents = terminal_currents(reaction, self._owner_weights, boundaries, electrolyte, scales, weights)
        states, neutral = {}, {}
        for name in self.mesh.geometry.boundaries:
            mean = weights.integral(weights.boundary[name], unknowns) / weights.area[name]
            states[name] = BoundaryState(
                area=weights.area[name] * scales.length**2,
                potential=float(mean[-1]),
                concentration=dict(zip(names, mean[:-1].tolist(), strict=True)),
                current=dict(zip(names, currents[name].tolist(), strict=True)),
            )
            if prediction is not None:
                u = float(weights.integral(weights.boundary[name], prediction.u[:, None])[0] / weights.area[name])
                neutral[name] = prediction.ground + electrolyte.V_T * u
        mean = weights.integral(weights.volume, unknowns) / weights.total_volume
        net = np.abs(sum(currents.values()))
        largest = max(float(np.abs(c).max()) for c in currents.values())
        return Solution(
            unknowns=unknowns,
            electrolyte=electrolyte,
            boundary=states,
            probes={
                name: ProbeState(float(v[-1]), dict(zip(names, v[:-1].tolist(), strict=True)))
                for name, v in self._probes.values(unknowns).items()
            },
            volume=weights.total_volume * scales.length**3,
            mean_potential=float(mean[-1]),
            mean_concentration=dict(zip(names, mean[:-1].tolist(), strict=True)),
            min_concentration=dict(zip(names, lowest.tolist(), strict=True)),
            # Currents that are nothing but rounding have no balance.
            ion_balance=float(net.max()) / largest if largest > CURRENT_ROUNDING * scales.current else 0.0,
            layers_resolved=layers_resolved(self.mesh, self._dofs, self._U.x.array, electrolyte, boundaries, scales),
            electroneutral=neutral,
            statistics=statistics,
        )

    def _lowest_concentrations(self, unknowns: np.ndarray, statistics: NewtonStatistics) -> np.ndarray:
        """Smallest nodal value of each species, mol/m^3. Collective.

        Raises:
            NewtonError: one is negative: the equations have converged to something that is not an answer.
        """
        names, owned = self.structure.names, self._U.x.index_map.size_local
        comm = self.mesh.mesh.comm
        lowest = minimum(comm, unknowns[:owned, :-1])
        largest = -minimum(comm, -unknowns[:owned, :-1])
        worst = int(np.argmin(lowest))
        if lowest[worst] < -NEGATIVE * largest.max():
            value = format_quantity(float(f"{lowest[worst]:.4g}"), CONCENTRATION)
            raise NewtonError(
                f"the concentration of {names[worst]} is negative ({value} at its lowest): a current is beyond its "
                "limit, or the mesh is too coarse for the layers at its boundaries",
                replace(statistics, reason="negative_concentration"),
            )
        return lowest

    def destroy(self) -> None:
        """Free the factorisation and all other PETSc objects. Collective."""
        self._newton.destroy()
        self._predictor.destroy()


def solve_steady(
    mesh: SpineMesh,
    electrolyte: Electrolyte,
    boundaries: Boundaries,
    options: SolverOptions | None = None,
    probes: dict[str, Position] | None = None,
) -> Solution:
    """Solve once; for several values of one structure, build a `SteadyProblem` and keep it. Collective.

    Args:
        mesh: distributed mesh with named boundaries.
        electrolyte: the species.
        boundaries: what is imposed, by name.
        options: of the solvers.
        probes: points at which the solution is evaluated, m, by name.

    Returns:
        The steady state.

    Raises:
        CaseError: bad boundary data, or a current beyond the limiting one.
        SolveError: Newton failed, with PETSc's reason.
    """
    problem = SteadyProblem(mesh, electrolyte, boundaries, options, probes)
    try:
        return problem.solve(electrolyte, boundaries)
    finally:
        problem.destroy()
