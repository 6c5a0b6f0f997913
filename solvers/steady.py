"""Steady states of the Poisson-Nernst-Planck equations on one mesh.

`SteadyProblem` is built once for a mesh and a structure (which boundary prescribes what, for how many species); values
are then changed without compiling or allocating again, as a sweep does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.meshes.kernels import compile_form
from spinepnp.meshes.stack import MPI, basix, dolfinx, fem, ufl
from spinepnp.solvers.bordered import Bordered, Layout
from spinepnp.solvers.boundaries import Boundaries
from spinepnp.solvers.closed import (
    Closed,
    amounts_of,
    charge_of,
    check_inflow,
    compatible_wall_charge,
)
from spinepnp.solvers.continuation import follow
from spinepnp.solvers.currents import inflows, loads
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.formulation import FORMULATIONS
from spinepnp.solvers.held import Held
from spinepnp.solvers.imposed import Imposed
from spinepnp.solvers.newton import Newton, NewtonError, NewtonStatistics
from spinepnp.solvers.observables import minimum
from spinepnp.solvers.options import SolverOptions
from spinepnp.solvers.outcome import Converged, solution_of
from spinepnp.solvers.predictor import Prediction
from spinepnp.solvers.preview import Preview
from spinepnp.solvers.probes import Position
from spinepnp.solvers.scaling import Scales
from spinepnp.solvers.solution import Solution
from spinepnp.solvers.weak_forms import Coefficients, amounts, boundary_residual, steady_residual
from spinepnp.units import CONCENTRATION, format_quantity

#: A concentration below minus this fraction of the largest one is no rounding: the answer is not one of physics.
NEGATIVE = 1e-9


class SteadyProblem:
    """The steady equations on one mesh, for one structure of boundary data.

    Args:
        mesh: distributed mesh with named boundaries; its communicator is used throughout.
        electrolyte: the species; values can change between solves.
        boundaries: what is imposed; values can change between solves.
        options: of the solvers.
        probes: points at which each solution is evaluated, m, by name.
        closed: amounts of species that no boundary holds.
        regions: parts of the volume between two planes z = const, m, whose means each solution has, by name.

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
        closed: Closed | None = None,
        regions: dict[str, tuple[float, float]] | None = None,
    ) -> None:
        self.mesh, self.options = mesh, options or SolverOptions()
        imposed = Imposed(electrolyte, boundaries, closed)
        imposed.check(mesh.geometry.boundaries, self.options.formulation)
        self.structure = imposed.structure
        self._formulation = FORMULATIONS[self.options.formulation]
        cell, degree = mesh.mesh.basix_cell(), mesh.options.element_degree
        self._components = len(electrolyte.species) + 1
        self.space = fem.functionspace(
            mesh.mesh, basix.ufl.element("Lagrange", cell, degree, shape=(self._components,))
        )
        self.preview = Preview(mesh, imposed, probes or {})
        self.weights, self._measure = self.preview.weights, self.preview.measure
        self._regions = regions or {}
        self._held = Held(self.space, self.preview.space, mesh, self.structure, self.preview.boundary_dofs)
        self._U = fem.Function(self.space)
        self._load = np.zeros((len(self.weights.volume), self._components))
        self._previous: np.ndarray | None = None
        self._set_up_forms()
        self._set_up_newton()

    def _set_up_forms(self) -> None:
        matched, membranes = dict(self.structure.matched), self.structure.membranes
        species = len(self.structure.names)
        self._coefficients = Coefficients.on(self.mesh.mesh, species, membranes, tuple(matched))
        residual = steady_residual(self._U, self._coefficients, self._measure, self._formulation)
        residual += boundary_residual(self._U, self._coefficients, matched, self._measure, self._formulation)
        self._residual_form = compile_form(residual)
        self._jacobian_form = compile_form(ufl.derivative(residual, self._U))
        self._amounts_form = compile_form(amounts(self._U, self._measure, self._formulation))
        phi = self._U[species]
        degree = 2 * self.space.element.basix_element.degree
        square = 0.5 * self._coefficients.debye_squared * ufl.inner(ufl.grad(phi), ufl.grad(phi))
        self._field_energy_form = compile_form(self._measure.over_volume(square, degree))

    def _set_up_newton(self) -> None:
        A = fem.petsc.create_matrix(self._jacobian_form)
        owned = self.space.dofmap.index_map.size_local * self._components
        comm = self.mesh.mesh.comm
        self._layout = Layout(comm, owned, self._held.constants)
        self._vector = self._layout.vector()
        self._A = A
        self._bordered = Bordered(self._layout, A) if self._held.constants else None
        self._newton = Newton(
            comm, self._assemble_residual, self._assemble_jacobian, self._vector, A, self.options, self._bordered
        )

    # The discrete equations ------------------------------------------------------------------------------------------

    def _assembled(self, form: Any) -> np.ndarray:
        """A linear form at all local degrees of freedom, shape (local dofs, N + 1)."""
        vector = fem.assemble_vector(form)
        vector.scatter_reverse(dolfinx.la.InsertMode.add)
        vector.scatter_forward()
        return np.asarray(vector.array.reshape(-1, self._components))

    def _reaction(self) -> np.ndarray:
        """Residual at the current unknowns minus the load, without boundary conditions; shape (local dofs, N + 1)."""
        return self._assembled(self._residual_form) - self._load

    def _take(self, vector: Any) -> None:
        unknowns, constants = self._layout.split(vector)
        self._U.x.array[: self._layout.owned] = unknowns
        self._U.x.scatter_forward()
        self._held.apply(self._U.x.array, constants)

    def _charges(self) -> np.ndarray:
        """By which the reaction of each degree of freedom counts for the net current of each floating boundary."""
        valence = np.array([z.value for z in self._coefficients.valence] + [0.0])
        zero = np.zeros((len(self._load), 1))
        names = self.structure.floating
        return np.array([np.hstack([self._held.indicators[name], zero]) * valence for name in names])

    def _balances(self, reaction: np.ndarray) -> np.ndarray:
        """What each unknown constant must bring to zero: net currents, then amounts."""
        if not self._held.constants:
            return np.empty(0)
        weights, floating = self.weights, self.structure.floating
        ones = np.ones(len(reaction))
        currents = [float(weights.integral(ones, c * reaction).sum()) for c in self._charges()]
        currents = [c + self._injected[name] for c, name in zip(currents, floating, strict=True)]
        found = self._amounts()
        names = self.structure.names
        return np.array(currents + [found[names.index(s)] - self._wanted[s] for s in self.structure.free])

    def _amounts(self) -> np.ndarray:
        """Integral of the density of each species, scaled. Collective."""
        of_nodes = self._assembled(self._amounts_form)
        return self.weights.integral(np.ones(len(of_nodes)), of_nodes)[:-1]

    def _ionic_charge(self) -> float:
        """Integral of sum z_i c_i, scaled. Collective."""
        valence = np.array([z.value for z in self._coefficients.valence] + [0.0])
        return self.weights.sum(self._assembled(self._amounts_form) @ valence)

    def _assemble_residual(self, vector: Any, b: Any) -> None:
        self._take(vector)
        reaction = self._reaction()
        balances = self._balances(reaction)
        residual = reaction.ravel()[: self._layout.owned].copy()
        self._held.zero(residual)
        self._layout.join(b, residual, balances)

    def _assemble_jacobian(self, vector: Any, A: Any) -> None:
        self._take(vector)
        if self._bordered is not None:
            A.zeroEntries()
            fem.petsc.assemble_matrix(A, self._jacobian_form)
            A.assemble()
            self._set_border(A, self._bordered)
        A.zeroEntries()
        fem.petsc.assemble_matrix(A, self._jacobian_form, bcs=self._held.conditions)
        A.assemble()

    def _set_border(self, A: Any, border: Bordered) -> None:
        """Columns, rows and corner of the unknown constants, from the matrix without any condition."""
        held, owned = self._held, self._layout.owned
        floating = len(self.structure.floating)
        directions = [A.createVecRight() for _ in range(held.constants)]
        for k, (direction, column) in enumerate(zip(directions, border.columns, strict=True)):
            held.directions(direction.array, k)
            A.mult(direction, column)
        left = A.createVecLeft()
        for row, charges in zip(border.rows, self._charges(), strict=False):
            left.array[:] = charges.ravel()[:owned]
            A.multTranspose(left, row)
        slopes = self._assembled(self._amounts_form) if self.structure.free else np.empty(0)
        for row, name in zip(border.rows[floating:], self.structure.free, strict=True):
            i = self.structure.names.index(name)
            row.set(0.0)
            # The integral of c has the slope of c: one for densities, c itself for their logarithms.
            of_nodes = self.weights.volume if self.options.formulation == "density" else slopes[:, i]
            row.array[i :: self._components] = of_nodes[: owned // self._components]
        border.corner[:] = [border.weighted(directions, row) for row in border.rows]
        for vector in (*border.columns, *border.rows):
            held.zero(vector.array)
        for vector in (left, *directions):
            vector.destroy()

    # What is imposed -------------------------------------------------------------------------------------------------

    def _to_unknown(self, value: float, component: int) -> float:
        if component == self._components - 1:
            return (value - self._zero) / self._scales.potential
        return float(self._formulation.unknowns(np.array(value / self._scales.concentration)))

    def _impose(self, imposed: Imposed) -> None:
        """Take values into constants, conditions and loads.

        Raises:
            CaseError: a closed domain whose data have no steady state.
        """
        electrolyte, boundaries, weights = imposed.electrolyte, imposed.boundaries, self.weights
        scales = self._scales = Scales.of(electrolyte)
        self._zero = imposed.zero
        self._coefficients.set(electrolyte, boundaries, scales, self._zero, weights.area)
        self._coefficients.debye_squared.value *= imposed.widening
        self._load[:] = loads(boundaries, electrolyte, scales, weights)
        self._injected = {
            name: sum(i.total(weights.area[name] * scales.length**2) for i in boundaries[name].injections)
            / scales.current
            for name in self.structure.floating
        }
        self._held.set(electrolyte, boundaries, self._to_unknown)
        volume = weights.total_volume * scales.length**3
        wanted = amounts_of(imposed.closed or Closed(), electrolyte, self.structure.free, volume)
        self._wanted = {name: amount / scales.amount for name, amount in wanted.items()}
        for name, (net, size) in inflows(boundaries, electrolyte, scales, weights).items():
            if name in self.structure.free:
                check_inflow({name: net}, size)
        if not self.structure.grounded:
            self._close(imposed, wanted)

    def _close(self, imposed: Imposed, wanted: dict[str, float]) -> None:
        """Add the wall field that Gauss' law asks for, where nothing says what the potential is relative to."""
        electrolyte, scales, weights = imposed.electrolyte, self._scales, self.weights
        regional = sum(r.value * weights.sum(weights.region(r.region)) for r in electrolyte.charged_regions)
        fixed = (electrolyte.uniform_charge * weights.total_volume + regional) * scales.length**3
        charge, size = charge_of(wanted, electrolyte, fixed)
        area = {name: a * scales.length**2 for name, a in weights.area.items()}
        on_walls = {n: b.surface_charge * area[n] for n, b in imposed.boundaries.items() if b.surface_charge}
        even = compatible_wall_charge(
            charge, sum(on_walls.values()), bool(on_walls), size + sum(map(abs, on_walls.values())), sum(area.values())
        )
        for of_boundary in weights.boundary.values():
            self._load[:, -1] += even / scales.surface_charge * of_boundary

    # Solving ---------------------------------------------------------------------------------------------------------

    def solve(self, electrolyte: Electrolyte, boundaries: Boundaries, closed: Closed | None = None) -> Solution:
        """Solve for given values. Collective.

        Newton starts from the electroneutral answer, where there is one, else from the last solution; where that
        fails, from the bulk state, and then the data are raised from it step by step (`solver.continuation`).

        Args:
            electrolyte: species as at construction; values may differ.
            boundaries: structure as at construction; values may differ.
            closed: amounts of species that no boundary holds.

        Returns:
            The steady state.

        Raises:
            CaseError: a current beyond the limiting one, or a closed domain whose data have no steady state.
            SolveError: Newton failed, with PETSc's reason.
            ValueError: another structure than at construction.
        """
        imposed = Imposed(electrolyte, boundaries, closed)
        if imposed.structure != self.structure:
            raise ValueError("the problem was built for other species or boundary conditions")
        self._impose(imposed)
        prediction = self.preview.predict(imposed)
        starts = [self._bulk(electrolyte)]
        if prediction is not None:
            starts = [np.column_stack([*prediction.concentrations, electrolyte.V_T * prediction.u])]
        elif self._previous is not None:
            starts.insert(0, self._previous)
        statistics = self._solve_from(starts, imposed)
        self._previous = self._densities_and_potential()
        return self._solution(imposed, prediction, statistics)

    def _solve_from(self, starts: list[np.ndarray], imposed: Imposed) -> NewtonStatistics:
        """Newton from each start, then by continuation."""
        failures: list[NewtonError] = []
        for start in starts:
            try:
                return self._attempt(start, imposed).after(failures)
            except NewtonError as error:
                failures.append(error)
        if self.options.continuation == "none":
            raise failures[-1]
        return follow(self._attempt, imposed, self._bulk(imposed.electrolyte), self.options, self._volume_of, failures)

    def _volume_of(self) -> float:
        return float(self.weights.total_volume * self._scales.length**3)

    def _attempt(self, start: np.ndarray | None, imposed: Imposed) -> NewtonStatistics:
        """One solve from nodal values (SI, potential relative to its zero), or from where the last one ended.

        Raises:
            NewtonError: it failed; the unknowns are those of before.
        """
        before = self._U.x.array.copy()
        self._impose(imposed)
        reference = self._reference_norm(imposed.electrolyte)
        self._start_from(self._densities_and_potential(before) if start is None else start)
        try:
            statistics = self._newton.solve(self._vector, reference)
            self._take(self._vector)
            self._refuse_negative(statistics)
        except NewtonError as error:
            told = self._told(error)
            self._U.x.array[:] = before
            raise told from None
        return statistics

    def _told(self, error: NewtonError) -> NewtonError:
        """The error, with the equations in which something is not a number named. Collective."""
        if error.statistics.reason != "diverged_function_nanorinf":
            return error
        broken = ~np.isfinite(self._reaction()).all(axis=0)
        anywhere = np.empty_like(broken)
        self.mesh.mesh.comm.Allreduce(broken, anywhere, op=MPI.LOR)
        names = [n for n, bad in zip((*self.structure.names, "the potential"), anywhere, strict=True) if bad]
        where = f"in the equation of {', '.join(names)}: " if names else ""
        return NewtonError(f"{where}{error}", error.statistics)

    def _bulk(self, electrolyte: Electrolyte) -> np.ndarray:
        return np.tile([*electrolyte.bulk.values(), 0.0], (len(self._load), 1))

    def _densities_and_potential(self, unknowns: np.ndarray | None = None) -> np.ndarray:
        """Nodal concentrations, mol/m^3, and potential relative to its zero, V."""
        values = (self._U.x.array if unknowns is None else unknowns).reshape(-1, self._components)
        densities = self._formulation.densities(values[:, :-1]) * self._scales.concentration
        return np.column_stack([densities, values[:, -1] * self._scales.potential])

    def _start_from(self, start: np.ndarray) -> None:
        """Set the iterate, prescribed values and constants included."""
        densities = self._formulation.unknowns(start[:, :-1] / self._scales.concentration)
        unknowns = np.column_stack([densities, start[:, -1] / self._scales.potential]).ravel()
        constants = self._held.constants_at(unknowns, self.mesh.mesh.comm)
        self._held.apply(unknowns, constants)
        self._layout.join(self._vector, unknowns[: self._layout.owned], constants)

    def _reference_norm(self, electrolyte: Electrolyte) -> float:
        """Norm of the residual of the bulk state with the boundary data: the measure of Newton's residuals."""
        self._start_from(self._bulk(electrolyte))
        b = self._layout.vector()
        self._assemble_residual(self._vector, b)
        norm = float(b.norm())
        b.destroy()
        return norm

    def _refuse_negative(self, statistics: NewtonStatistics) -> None:
        """Refuse a converged state with negative concentrations: it is none of physics. Collective.

        Raises:
            NewtonError: names the species and its lowest value.
        """
        names, owned = self.structure.names, self._U.x.index_map.size_local
        values = self._densities_and_potential()[:owned, :-1]
        comm = self.mesh.mesh.comm
        lowest, largest = minimum(comm, values), -minimum(comm, -values)
        worst = int(np.argmin(lowest))
        if lowest[worst] < -NEGATIVE * largest.max():
            value = format_quantity(float(f"{lowest[worst]:.4g}"), CONCENTRATION)
            raise NewtonError(
                f"the concentration of {names[worst]} is negative ({value} at its lowest): a current is beyond its "
                "limit, or the mesh is too coarse for the layers at its boundaries",
                replace(statistics, reason="negative_concentration"),
            )

    def _solution(self, imposed: Imposed, prediction: Prediction | None, statistics: NewtonStatistics) -> Solution:
        scales, comm = self._scales, self.mesh.mesh.comm
        nodal = self._densities_and_potential()
        potential = nodal[:, -1] + self._zero
        if not self.structure.grounded:
            potential -= self.weights.integral(self.weights.volume, potential[:, None])[0] / self.weights.total_volume
        energy = comm.allreduce(fem.assemble_scalar(self._field_energy_form), op=MPI.SUM)
        unit = scales.concentration * scales.length**3 * scales.thermal_energy
        found = Converged(
            imposed=imposed,
            scales=scales,
            densities=nodal[:, :-1] / scales.concentration,
            potential=potential,
            reaction=self._reaction()[:, :-1],
            amounts=self._amounts() * scales.amount,
            ionic_charge=self._ionic_charge() * scales.amount,
            wanted={name: amount * scales.amount for name, amount in self._wanted.items()},
            field_energy=float(energy) * unit,
            prediction=prediction,
            statistics=statistics,
        )
        return solution_of(found, self.mesh, self.preview, self._held, self._regions)

    def destroy(self) -> None:
        """Free the factorisation and all other PETSc objects. Collective."""
        self._newton.destroy()
        if self._bordered is not None:
            self._bordered.destroy()
        self._vector.destroy()
        self._A.destroy()
        self.preview.destroy()


def solve_steady(
    mesh: SpineMesh,
    electrolyte: Electrolyte,
    boundaries: Boundaries,
    options: SolverOptions | None = None,
    probes: dict[str, Position] | None = None,
    closed: Closed | None = None,
) -> Solution:
    """Solve once; for several values of one structure, build a `SteadyProblem` and keep it. Collective.

    Args:
        mesh: distributed mesh with named boundaries.
        electrolyte: the species.
        boundaries: what is imposed, by name.
        options: of the solvers.
        probes: points at which the solution is evaluated, m, by name.
        closed: amounts of species that no boundary holds.

    Returns:
        The steady state.

    Raises:
        CaseError: bad boundary data, or a current beyond the limiting one.
        SolveError: Newton failed, with PETSc's reason.
    """
    problem = SteadyProblem(mesh, electrolyte, boundaries, options, probes, closed)
    try:
        return problem.solve(electrolyte, boundaries, closed)
    finally:
        problem.destroy()
