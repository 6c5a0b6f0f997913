"""The discrete equations of one mesh and one structure of boundary data: residual, matrix, border, and the state.

The state is that of the unknowns (c_1..c_N or their logarithms, phi) in one blocked space, scaled, with the unknown
constants behind them (`bordered`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.meshes.kernels import compile_form
from spinepnp.meshes.stack import MPI, basix, dolfinx, fem, ufl
from spinepnp.solvers.bordered import Bordered, Layout
from spinepnp.solvers.closed import Closed, amounts_of, charge_of, check_inflow, compatible_wall_charge
from spinepnp.solvers.currents import inflows, loads
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.formulation import FORMULATIONS
from spinepnp.solvers.held import Held
from spinepnp.solvers.imposed import Imposed
from spinepnp.solvers.preview import Preview
from spinepnp.solvers.scaling import Scales
from spinepnp.solvers.weak_forms import Coefficients, amounts, boundary_residual, steady_residual

#: Largest change of the logarithm of a density in a Newton step.
LARGEST_STEP = 3.0

#: Relative error of a prescribed amount at which Newton goes on.
AMOUNT_TOLERANCE = 1e-10


class System:
    """The discrete equations, and the state that they are assembled at.

    Args:
        mesh: distributed mesh with named boundaries.
        imposed: decides the structure; values can change.
        preview: space of one component, weights and measure.
        formulation: "density" or "log".

    Attributes:
        structure: what is compiled depends on it.
        space: blocked Lagrange space of all unknowns.
        held: prescribed degrees of freedom and unknown constants.
        A: matrix of the unknowns of the mesh.
        border: what the unknown constants add to it, if there are any.
        vector: state as Newton sees it, constants included.
        scales: of the values that are imposed.
        zero: potential that counts as zero, V.
    """

    def __init__(self, mesh: SpineMesh, imposed: Imposed, preview: Preview, formulation: str) -> None:
        self.mesh, self.structure, self.preview, self._formulation_name = mesh, imposed.structure, preview, formulation
        self._formulation = FORMULATIONS[formulation]
        cell, degree = mesh.mesh.basix_cell(), mesh.options.element_degree
        self._components = len(self.structure.names) + 1
        self.space = fem.functionspace(
            mesh.mesh, basix.ufl.element("Lagrange", cell, degree, shape=(self._components,))
        )
        self.weights, self._measure = preview.weights, preview.measure
        self.held = Held(self.space, preview.space, mesh, self.structure, preview.boundary_dofs)
        self._U = fem.Function(self.space)
        self._load = np.zeros((len(self.weights.volume), self._components))
        self._set_up_forms()
        self.A = fem.petsc.create_matrix(self._jacobian_form)
        owned = self.space.dofmap.index_map.size_local * self._components
        self._layout = Layout(mesh.mesh.comm, owned, self.held.constants)
        self.vector = self._layout.vector()
        self.border = Bordered(self._layout, self.A) if self.held.constants else None

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

    def _assembled(self, form: Any) -> np.ndarray:
        """A linear form at all local degrees of freedom, shape (local dofs, N + 1)."""
        vector = fem.assemble_vector(form)
        vector.scatter_reverse(dolfinx.la.InsertMode.add)
        vector.scatter_forward()
        return np.asarray(vector.array.reshape(-1, self._components))

    def reaction(self) -> np.ndarray:
        """Residual at the current unknowns minus the load, without boundary conditions; shape (local dofs, N + 1)."""
        return self._assembled(self._residual_form) - self._load

    def take(self, vector: Any) -> None:
        """Make the state that of a vector. Collective."""
        unknowns, constants = self._layout.split(vector)
        self._U.x.array[: self._layout.owned] = unknowns
        self._U.x.scatter_forward()
        self.held.apply(self._U.x.array, constants)

    def _charges(self) -> np.ndarray:
        """By which the reaction of each degree of freedom counts for the net current of each floating boundary."""
        valence = np.array([z.value for z in self._coefficients.valence] + [0.0])
        zero = np.zeros((len(self._load), 1))
        names = self.structure.floating
        return np.array([np.hstack([self.held.indicators[name], zero]) * valence for name in names])

    def _balances(self, reaction: np.ndarray) -> np.ndarray:
        """What each unknown constant must bring to zero: net currents, then amounts."""
        if not self.held.constants:
            return np.empty(0)
        weights, floating = self.weights, self.structure.floating
        ones = np.ones(len(reaction))
        currents = [float(weights.integral(ones, c * reaction).sum()) for c in self._charges()]
        currents = [c + self._injected[name] for c, name in zip(currents, floating, strict=True)]
        found = self.amounts()
        names = self.structure.names
        return np.array(currents + [found[names.index(s)] - self.wanted[s] for s in self.structure.free])

    def amounts(self) -> np.ndarray:
        """Integral of the density of each species, scaled. Collective."""
        of_nodes = self._assembled(self._amounts_form)
        return self.weights.integral(np.ones(len(of_nodes)), of_nodes)[:-1]

    def ionic_charge(self) -> float:
        """Integral of sum z_i c_i, scaled. Collective."""
        valence = np.array([z.value for z in self._coefficients.valence] + [0.0])
        return self.weights.sum(self._assembled(self._amounts_form) @ valence)

    def field_energy(self) -> float:
        """Integral of eps/2 |grad V|^2, J. Collective."""
        energy = self.mesh.mesh.comm.allreduce(fem.assemble_scalar(self._field_energy_form), op=MPI.SUM)
        return float(energy) * self.scales.amount * self.scales.thermal_energy

    def residual(self, vector: Any, b: Any) -> None:
        """Fill b with the residual at a vector: equations, then the balances of the constants. Collective."""
        self.take(vector)
        reaction = self.reaction()
        balances = self._balances(reaction)
        residual = reaction.ravel()[: self._layout.owned].copy()
        self.held.zero(residual)
        self._layout.join(b, residual, balances)

    def jacobian(self, vector: Any, A: Any) -> None:
        """Fill A with the derivative of the residual at a vector, and the border beside it. Collective."""
        self.take(vector)
        if self.border is not None:
            A.zeroEntries()
            fem.petsc.assemble_matrix(A, self._jacobian_form)
            A.assemble()
            self._set_border(A, self.border)
        A.zeroEntries()
        fem.petsc.assemble_matrix(A, self._jacobian_form, bcs=self.held.conditions)
        A.assemble()

    def step_fraction(self, step: Any) -> float:
        """Which part of a Newton step may be taken: logarithms of densities change by a few units at once. Collective.

        A longer step would send a density to zero, where its equation vanishes with it.
        """
        if self._formulation_name == "density":
            return 1.0
        unknowns, constants = self._layout.split(step)
        logarithms = np.abs(unknowns.reshape(-1, self._components)[:, :-1]).max(initial=0.0)
        largest = self.mesh.mesh.comm.allreduce(float(logarithms), op=MPI.MAX)
        largest = max([largest, *np.abs(constants[len(self.structure.floating) :])])
        return min(1.0, LARGEST_STEP / largest) if largest > 0.0 else 1.0

    def settled(self) -> bool:
        """Whether prescribed amounts are met, each for itself. Collective."""
        if not self.wanted:
            return True
        found = self.amounts()
        names = self.structure.names
        return all(
            abs(found[names.index(name)] - amount) <= AMOUNT_TOLERANCE * (amount or 1.0)
            for name, amount in self.wanted.items()
        )

    def _set_border(self, A: Any, border: Bordered) -> None:
        """Columns, rows and corner of the unknown constants, from the matrix without any condition."""
        held, owned = self.held, self._layout.owned
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
            of_nodes = self.weights.volume if self._formulation_name == "density" else slopes[:, i]
            row.array[i :: self._components] = of_nodes[: owned // self._components]
        border.corner[:] = [border.weighted(directions, row) for row in border.rows]
        for vector in (*border.columns, *border.rows):
            held.zero(vector.array)
        for vector in (left, *directions):
            vector.destroy()

    def _to_unknown(self, value: float, component: int) -> float:
        if component == self._components - 1:
            return (value - self.zero) / self.scales.potential
        return float(self._formulation.unknowns(np.array(value / self.scales.concentration)))

    def impose(self, imposed: Imposed) -> None:
        """Take values into constants, conditions and loads.

        Raises:
            CaseError: a closed domain whose data have no steady state.
        """
        electrolyte, boundaries, weights = imposed.electrolyte, imposed.boundaries, self.weights
        scales = self.scales = Scales.of(electrolyte)
        self.zero = imposed.zero
        self._coefficients.set(electrolyte, boundaries, scales, self.zero, weights.area)
        self._coefficients.debye_squared.value *= imposed.widening
        self._load[:] = loads(boundaries, electrolyte, scales, weights)
        self._injected = {
            name: sum(i.total(weights.area[name] * scales.length**2) for i in boundaries[name].injections)
            / scales.current
            for name in self.structure.floating
        }
        self.held.set(electrolyte, boundaries, self._to_unknown)
        volume = weights.total_volume * scales.length**3
        wanted = amounts_of(imposed.closed or Closed(), electrolyte, self.structure.free, volume)
        self.wanted = {name: amount / scales.amount for name, amount in wanted.items()}
        for name, (net, size) in inflows(boundaries, electrolyte, scales, weights).items():
            if name in self.structure.free:
                check_inflow({name: net}, size)
        if not self.structure.grounded:
            self._close(imposed, wanted)

    def _close(self, imposed: Imposed, wanted: dict[str, float]) -> None:
        """Add the wall field that Gauss' law asks for, where nothing says what the potential is relative to."""
        electrolyte, scales, weights = imposed.electrolyte, self.scales, self.weights
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

    def volume(self) -> float:
        """Of the body, m^3."""
        return float(self.weights.total_volume * self.scales.length**3)

    def bulk(self, electrolyte: Electrolyte) -> np.ndarray:
        """Nodal values of the bulk state."""
        return np.tile([*electrolyte.bulk.values(), 0.0], (len(self._load), 1))

    def keep(self) -> np.ndarray:
        """A copy of the unknowns, for `restore`."""
        return np.array(self._U.x.array)

    def restore(self, unknowns: np.ndarray) -> None:
        """Go back to unknowns that were kept."""
        self._U.x.array[:] = unknowns

    def densities_and_potential(self, unknowns: np.ndarray | None = None) -> np.ndarray:
        """Nodal concentrations, mol/m^3, and potential relative to its zero, V."""
        values = (self._U.x.array if unknowns is None else unknowns).reshape(-1, self._components)
        densities = self._formulation.densities(values[:, :-1]) * self.scales.concentration
        return np.column_stack([densities, values[:, -1] * self.scales.potential])

    def start_from(self, start: np.ndarray) -> None:
        """Set the iterate, prescribed values and constants included."""
        densities = self._formulation.unknowns(start[:, :-1] / self.scales.concentration)
        unknowns = np.column_stack([densities, start[:, -1] / self.scales.potential]).ravel()
        constants = self.held.constants_at(unknowns, self.mesh.mesh.comm)
        self.held.apply(unknowns, constants)
        self._layout.join(self.vector, unknowns[: self._layout.owned], constants)

    def reference_norm(self, electrolyte: Electrolyte) -> float:
        """Norm of the residual of the bulk state with the boundary data: the measure of Newton's residuals."""
        self.start_from(self.bulk(electrolyte))
        b = self._layout.vector()
        self.residual(self.vector, b)
        norm = float(b.norm())
        b.destroy()
        return norm

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        if self.border is not None:
            self.border.destroy()
        self.vector.destroy()
        self.A.destroy()
