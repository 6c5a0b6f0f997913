"""The equations of one mesh and one structure of boundary data, with what is held: residual, matrix, border, and state.

The state is that of the unknowns (c_1..c_N or their logarithms, phi), scaled, species by species on each rank, with the
unknown constants behind them (`bordered`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.meshes.stack import MPI, PETSc
from spinepnp.solvers.bordered import Bordered, Layout
from spinepnp.solvers.closed import Closed, amounts_of, charge_of, check_inflow, compatible_wall_charge
from spinepnp.solvers.currents import inflows, loads
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.equations import Coefficients, Equations
from spinepnp.solvers.held import Held
from spinepnp.solvers.imposed import Imposed
from spinepnp.solvers.preview import Preview
from spinepnp.solvers.scaling import Scales

#: Largest change of the logarithm of a density in a Newton step.
LARGEST_STEP = 3.0

#: Up to which scaled unknowns at a boundary are set to their prescribed values at once.
NEAR = 1e-2

#: Relative error of a prescribed amount at which Newton goes on.
AMOUNT_TOLERANCE = 1e-10


class System:
    """The discrete equations, and the state that they are assembled at.

    Args:
        mesh: distributed mesh with named boundaries.
        imposed: decides the structure; values can change.
        preview: space of one component, weights and measure.
        formulation: "density" or "log".
        blocks: whether the matrix stays in blocks (for an iterative solver), or is one sparse matrix.

    Attributes:
        structure: what is compiled depends on it.
        equations: without any condition.
        held: prescribed degrees of freedom and unknown constants.
        A: matrix of the unknowns of the mesh.
        border: what the unknown constants add to it, if there are any.
        vector: state as Newton sees it, constants included.
        scales: of the values that are imposed.
        zero: potential that counts as zero, V.
    """

    def __init__(
        self, mesh: SpineMesh, imposed: Imposed, preview: Preview, formulation: str, *, blocks: bool = False
    ) -> None:
        self.mesh, self.structure, self.preview, self._formulation_name = mesh, imposed.structure, preview, formulation
        self.weights = preview.weights
        self.equations = Equations(preview.operators, self.structure, formulation, self.weights.volume)
        self._formulation = self.equations.formulation
        self.held = Held(preview.space, self.structure, preview.boundary_dofs)
        self._owned = preview.operators.owned
        self._components = len(self.structure.names) + 1
        self._load = np.zeros((self._owned, self._components))
        self._layout = Layout(mesh.mesh.comm, self._owned * self._components, self.held.constants)
        self.vector = self._layout.vector()
        self._nest = self.equations.nest()
        self._nest.assemble()
        self.A = self._nest if blocks else self._nest.convert("aij", out=PETSc.Mat())
        self.border = Bordered(self._layout, self.A) if self.held.constants else None
        masks = [preview.operators.masks(~free) for free in self.held.free.T]
        self._masks = [free for free, _ in masks], [held for _, held in masks]
        self._prescribed = self.held.prescribed_dofs()

    def _split(self, vector: Any) -> tuple[np.ndarray, np.ndarray]:
        """Owned unknowns, shape (owned dofs, N + 1), and constants. Collective where there are constants."""
        unknowns, constants = self._layout.split(vector)
        return unknowns.reshape(self._components, -1).T, constants

    def _join(self, vector: Any, unknowns: np.ndarray, constants: np.ndarray) -> None:
        self._layout.join(vector, unknowns.T.ravel(), constants)

    def reaction(self) -> np.ndarray:
        """Residual at the state minus the load, without boundary conditions; shape (owned dofs, N + 1). Collective."""
        return self.equations.residual() - self._load

    def take(self, vector: Any) -> None:
        """Make the state that of a vector. Collective."""
        owned, constants = self._split(vector)
        nodal = self._unknowns()
        nodal[: self._owned] = owned
        self.held.spread(nodal, constants)
        for function, values in zip(self.equations.state, nodal.T, strict=True):
            function.x.array[:] = values
            function.x.scatter_forward()

    def _unknowns(self) -> np.ndarray:
        """A copy of the local unknowns, shape (local dofs, N + 1)."""
        return np.column_stack([function.x.array for function in self.equations.state])

    def _charges(self) -> np.ndarray:
        """By which the reaction of each degree of freedom counts for the net current of each floating boundary."""
        valence, zero = np.append(self.equations.coefficients.valence, 0.0), np.zeros((self._owned, 1))
        names = self.structure.floating
        return np.array([np.hstack([self.held.indicators[name], zero]) * valence for name in names])

    def _balances(self, reaction: np.ndarray) -> np.ndarray:
        """What each unknown constant must bring to zero: net currents, then amounts."""
        if not self.held.constants:
            return np.empty(0)
        floating, names = self.structure.floating, self.structure.names
        currents = [self.weights.sum(c * reaction) for c in self._charges()]
        currents = [c + self._injected[name] for c, name in zip(currents, floating, strict=True)]
        found = self.amounts()
        return np.array(currents + [found[names.index(s)] - self.wanted[s] for s in self.structure.free])

    def amounts(self) -> np.ndarray:
        """Integral of the density of each species, scaled. Collective."""
        contents = self.equations.contents()
        return self.weights.integral(np.ones(self._owned), contents)

    def ionic_charge(self) -> float:
        """Integral of sum z_i c_i, scaled. Collective."""
        return self.weights.sum(self.equations.contents() @ self.equations.coefficients.valence)

    def field_energy(self) -> float:
        """Integral of eps/2 |grad V|^2, J. Collective."""
        return self.equations.field_energy() * self.scales.amount * self.scales.thermal_energy

    def residual(self, vector: Any, b: Any) -> None:
        """Fill b with the residual at a vector: equations, then the balances of the constants. Collective."""
        self.take(vector)
        reaction = self.reaction()
        balances = self._balances(reaction)
        missing = self.held.missing(self._split(vector)[0])
        if self.mesh.mesh.comm.allreduce(bool(missing.any()), op=MPI.LOR):
            lifted = self._lift(missing)
            reaction += lifted
            for k, charges in enumerate(self._charges()):
                balances[k] += self.weights.sum(charges * lifted)
        self._join(b, np.where(self.held.free, reaction, -missing), balances)

    def _lift(self, missing: np.ndarray) -> np.ndarray:
        """How the residual will change with what prescribed values miss, to first order. Collective.

        A step from a state with other values at the boundary is then one of the whole domain, and no jump in its cells.
        """
        self.equations.fill_blocks()
        self._nest.assemble()
        of_mesh = Layout(self.mesh.mesh.comm, self._owned * self._components, 0)
        step, change = of_mesh.vector(), of_mesh.vector()
        step.array[:] = missing.T.ravel()
        self._nest.mult(step, change)
        lifted = change.array_r.reshape(self._components, -1).T.copy()
        self.equations.hold(*self._masks)  # for whoever uses the matrix before it is filled again
        self._nest.assemble()
        step.destroy()
        change.destroy()
        return np.asarray(lifted)

    def jacobian(self, vector: Any, A: Any) -> None:
        """Fill A with the derivative of the residual at a vector, and the border beside it. Collective."""
        self.take(vector)
        self.equations.fill_blocks()
        if self.border is not None:
            self._set_border(self.border)
        self.equations.hold(*self._masks)
        self._nest.assemble()
        if A.handle != self._nest.handle:
            self._nest.convert("aij", out=A)

    def complete(self, vector: Any, step: Any) -> None:
        """Let a step of an iterative solver bring prescribed values exactly: it is subtracted from the vector."""
        missing = self.held.missing(self._split(vector)[0])
        prescribed = self._prescribed.T.ravel()
        step.array_w[: prescribed.size][prescribed] = -missing.T.ravel()[prescribed]

    def step_fraction(self, step: Any) -> float:
        """Which part of a Newton step may be taken: logarithms of densities change by a few units at once. Collective.

        A longer step would send a density to zero, where its equation vanishes with it.
        """
        if self._formulation_name == "density":
            return 1.0
        unknowns, constants = self._split(step)
        logarithms = np.abs(unknowns[:, :-1]).max(initial=0.0)
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

    def _set_border(self, border: Bordered) -> None:
        """Columns, rows and corner of the unknown constants, from the blocks without any condition."""
        floating, free = self.structure.floating, self.held.free.T.ravel()
        directions = [column.duplicate() for column in border.columns]
        for k, (direction, column) in enumerate(zip(directions, border.columns, strict=True)):
            direction.array[:] = self.held.direction(k).T.ravel()
            self._nest.mult(direction, column)
        left = border.rows[0].duplicate()
        for row, charges in zip(border.rows, self._charges(), strict=False):
            left.array[:] = charges.T.ravel()
            self._nest.multTranspose(left, row)
        for row, name in zip(border.rows[len(floating) :], self.structure.free, strict=True):
            i = self.structure.names.index(name)
            row.set(0.0)
            row.array[i * self._owned : (i + 1) * self._owned] = self._content_slope(i)
        border.corner[:] = [border.weighted(directions, row) for row in border.rows]
        for vector in (*border.columns, *border.rows):
            vector.array[~free] = 0.0
        for vector in (left, *directions):
            vector.destroy()

    def _content_slope(self, i: int) -> np.ndarray:
        """How the amount of a species changes with its unknowns: for densities by one, for their logarithms by c."""
        if self._formulation_name == "density":
            return np.asarray(self.weights.volume[: self._owned])
        return self._formulation.content(self.equations.state[i])

    def _to_unknown(self, value: float, component: int) -> float:
        if component == self._components - 1:
            return (value - self.zero) / self.scales.potential
        return float(self._formulation.unknowns(np.array(value / self.scales.concentration)))

    def impose(self, imposed: Imposed) -> None:
        """Take values into coefficients, conditions and loads.

        Raises:
            CaseError: a closed domain whose data have no steady state.
        """
        electrolyte, boundaries, weights = imposed.electrolyte, imposed.boundaries, self.weights
        scales = self.scales = Scales.of(electrolyte)
        self.zero = imposed.zero
        coefficients = Coefficients.of(electrolyte, boundaries, scales, self.zero, weights.area)
        coefficients.debye_squared *= imposed.widening
        self.equations.coefficients = coefficients
        self._load[:] = loads(boundaries, electrolyte, scales, weights)[: self._owned]
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
            self._load[:, -1] += even / scales.surface_charge * of_boundary[: self._owned]

    def volume(self) -> float:
        """Of the body, m^3."""
        return float(self.weights.total_volume * self.scales.length**3)

    def bulk(self, electrolyte: Electrolyte) -> np.ndarray:
        """Nodal values of the bulk state."""
        return np.tile([*electrolyte.bulk.values(), 0.0], (len(self.weights.volume), 1))

    def keep(self) -> np.ndarray:
        """A copy of the unknowns, for `restore`."""
        return self._unknowns()

    def restore(self, unknowns: np.ndarray) -> None:
        """Go back to unknowns that were kept."""
        for function, values in zip(self.equations.state, unknowns.T, strict=True):
            function.x.array[:] = values

    def densities_and_potential(self) -> np.ndarray:
        """Nodal concentrations, mol/m^3, and potential relative to its zero, V; shape (local dofs, N + 1)."""
        densities = self.equations.nodal_densities() * self.scales.concentration
        return np.column_stack([densities, self.equations.phi.x.array * self.scales.potential])

    def start_from(self, start: np.ndarray) -> None:
        """Set the iterate, constants included; prescribed values only where they are near. Collective."""
        unknowns = self._to_unknowns(start)
        farthest = float(np.abs(self.held.missing(unknowns[: self._owned])).max(initial=0.0))
        if self.mesh.mesh.comm.allreduce(farthest, op=MPI.MAX) < NEAR:
            self.held.prescribe(unknowns)
        self._iterate(unknowns)

    def _to_unknowns(self, start: np.ndarray) -> np.ndarray:
        densities = self._formulation.unknowns(start[:, :-1] / self.scales.concentration)
        return np.column_stack([densities, start[:, -1] / self.scales.potential])

    def _iterate(self, unknowns: np.ndarray) -> None:
        constants = self.held.constants_at(unknowns, self.mesh.mesh.comm)
        self._join(self.vector, unknowns[: self._owned], constants)

    def reference_norm(self, electrolyte: Electrolyte) -> float:
        """Norm of the residual of the bulk state with the boundary data: the measure of Newton's residuals."""
        unknowns = self._to_unknowns(self.bulk(electrolyte))
        self.held.prescribe(unknowns)
        self._iterate(unknowns)
        b = self._layout.vector()
        self.residual(self.vector, b)
        norm = float(b.norm())
        b.destroy()
        return norm

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        if self.border is not None:
            self.border.destroy()
        for item in (self.vector, *self._masks[0], *self._masks[1]):
            item.destroy()
        if self.A.handle != self._nest.handle:
            self.A.destroy()
        self._nest.destroy()
        self.equations.destroy()
