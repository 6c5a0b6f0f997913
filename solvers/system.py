"""The equations of one mesh and one structure of boundary data, with what is held: residual, matrix, border, and state.

The state is that of the unknowns (c_1..c_N or their logarithms, phi), scaled, species by species on each rank, with the
unknown constants behind them (`bordered`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.meshes.stack import MPI, PETSc
from spinepnp.solvers.bordered import Bordered, Layout
from spinepnp.solvers.boundaries import Boundaries
from spinepnp.solvers.channels import GateStep
from spinepnp.solvers.closed import Closed, amounts_of, charge_of, check_inflow, compatible_wall_charge
from spinepnp.solvers.coupling import Coupling
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

#: What a stage of a time step may leave of the balance of a species, over what passes, and over the amount: a step has
#: three, so that it conserves both to 1e-10 and 1e-13.
CONSERVED_FLOW, CONSERVED_AMOUNT = 1e-11, 5e-15

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
        length: scaled, of the implicit step that the equations are of; one in a steady state.
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
        self.length, self._history = 1.0, np.zeros((self._owned, self._components - 1))
        self._of_means = [
            (self.weights.boundary[name][: self._owned] / self.weights.area[name], component)
            for name, component in self.structure.means
        ]
        self.constants = self.held.constants + len(self._of_means)
        self._layout = Layout(mesh.mesh.comm, self._owned * self._components, self.constants)
        self.vector = self._layout.vector()
        self._nest = self.equations.nest()
        self._nest.assemble()
        self.A = self._nest if blocks else self._nest.convert("aij", out=PETSc.Mat())
        self.border = Bordered(self._layout, self.A) if self.constants else None
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
        residual = self.equations.residual()
        residual[:, :-1] -= self.length * self._load[:, :-1] + self._history
        residual[:, -1] -= self._load[:, -1]
        for name, i, flux in self.coupling.fluxes(self.means):
            residual[:, i] -= self.length * flux * self.weights.boundary[name][: self._owned]
        return residual

    def _into_floating(self, boundaries: Boundaries) -> dict[str, float]:
        """Prescribed current into each floating boundary, scaled."""
        areas = {name: self.weights.area[name] * self.scales.length**2 for name in self.structure.floating}
        return {
            name: sum(i.total(area) for i in boundaries[name].injections) / self.scales.current
            for name, area in areas.items()
        }

    def wall_charges(self, poisson: np.ndarray) -> dict[str, float]:
        """lambda^2 dn phi over each boundary that it is known of (held, floating, membranes), scaled. Collective.

        Args:
            poisson: reaction of the potential, the last column of `reaction`.
        """
        charges = dict.fromkeys(self.held.indicators, 0.0)
        for name, holders in self.held.field_holders.items():
            charges[name] = self.weights.sum(poisson[holders])
        for name, (kappa, outside) in self.equations.coefficients.capacitance.items():
            weights, phi = self.weights.boundary[name], self.equations.phi.x.array
            charges[name] = kappa * (outside * self.weights.area[name] - self.weights.sum(weights * phi))
        return charges

    def set_step(self, boundaries: Boundaries, length: float, history: np.ndarray, gates: GateStep) -> None:
        """Let the species' equations be those of an implicit step: content - history + length (flux - load) = 0.

        Args:
            boundaries: constant currents of its end.
            length: scaled, of the step over which the flux at its end counts.
            history: content at its start and what is known of the rates in between, shape (owned dofs, N).
            gates: step of the gates.
        """
        c = self.equations.coefficients
        c.diffusivity, c.storage = self._diffusivity * length, 1.0
        self.length, self._history, self.coupling.step = length, history, gates
        self._injected = self._into_floating(boundaries)
        self._load[:] = self._closing + loads(boundaries, self._electrolyte, self.scales, self.weights)[: self._owned]

    def take(self, vector: Any) -> None:
        """Make the state that of a vector. Collective."""
        owned, constants = self._split(vector)
        nodal = self._unknowns()
        nodal[: self._owned] = owned
        self.held.spread(nodal, constants[: self.held.constants])
        self.means = constants[self.held.constants :]
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
        if not self.constants:
            return np.empty(0)
        floating, names = self.structure.floating, self.structure.names
        currents = [self.weights.sum(c * reaction) for c in self._charges()]
        currents = [c + self.length * self._injected[name] for c, name in zip(currents, floating, strict=True)]
        missed = []
        if self.structure.free:
            found = self.amounts()
            missed = [found[names.index(s)] - self.wanted[s] for s in self.structure.free]
        return np.array([*currents, *missed, *(self.means - self.means_of(self._unknowns()))])

    def means_of(self, unknowns: np.ndarray) -> np.ndarray:
        """The means that channels depend on, scaled, of local unknowns. Collective where there are any."""
        if not self._of_means:
            return np.empty(0)
        owned = unknowns[: self._owned]
        values = np.column_stack([self._formulation.densities(owned[:, :-1]), owned[:, -1]])
        local = np.array([weights @ values[:, component] for weights, component in self._of_means])
        total = np.empty_like(local)
        self.mesh.mesh.comm.Allreduce(local, total, op=MPI.SUM)
        return total

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
        reaction = self._reaction = self.reaction()
        balances = self._balances(reaction)
        missing = self.held.missing(self._split(vector)[0])
        if self.mesh.mesh.comm.allreduce(bool(missing.any()), op=MPI.LOR):
            lifted = self._lift(missing)
            reaction += lifted
            for k, charges in enumerate(self._charges()):
                balances[k] += self.weights.sum(charges * lifted)
            for k, (weights, component) in enumerate(self._of_means, self.held.constants):
                balances[k] -= self.weights.sum(weights * self._slope(component) * missing[:, component])
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
        largest = max([largest, *np.abs(constants[len(self.structure.floating) : self.held.constants])])
        return min(1.0, LARGEST_STEP / largest) if largest > 0.0 else 1.0

    def settled(self) -> bool:
        """Whether amounts are met, each for itself: prescribed ones, or those that a time step leaves. Collective."""
        if self.equations.coefficients.storage:
            return self._conserves()
        if not self.wanted:
            return True
        found = self.amounts()
        names = self.structure.names
        return all(
            abs(found[names.index(name)] - amount) <= AMOUNT_TOLERANCE * (amount or 1.0)
            for name, amount in self.wanted.items()
        )

    def _conserves(self) -> bool:
        """Whether the last residual moves no amount: that of a step changes by what passes, and by nothing else."""
        reaction, free = self._reaction[:, :-1], self.held.free[:, :-1]
        load = self.length * self._load[:, :-1]
        sums = np.array([(reaction * free).sum(axis=0), (reaction * ~free).sum(axis=0), load.sum(axis=0)])
        sums = np.vstack([sums, self._history.sum(axis=0)])
        total = np.empty_like(sums)
        self.mesh.mesh.comm.Allreduce(sums, total, op=MPI.SUM)
        missed, left, came, amount = np.abs(total)
        return bool(np.all(missed <= CONSERVED_FLOW * np.maximum(left, came) + CONSERVED_AMOUNT * amount))

    def _set_border(self, border: Bordered) -> None:
        """Columns, rows and corner of the unknown constants, from the blocks without any condition.

        A constant moves the degrees of freedom that it holds (its direction), or is the mean of a patch, which moves
        none but drives a flux.
        """
        floating, free, held = self.structure.floating, self.held.free.T.ravel(), self.held.constants
        directions = [column.duplicate() for column in border.columns]
        for k, (direction, column) in enumerate(zip(directions[:held], border.columns, strict=False)):
            direction.array[:] = self.held.direction(k).T.ravel()
            self._nest.mult(direction, column)
        driven = self._driven()
        for column, flux in zip(border.columns[held:], driven, strict=True):
            column.array[:] = flux.T.ravel()
        left = border.rows[0].duplicate()
        charges = self._charges()
        for row, charge in zip(border.rows, charges, strict=False):
            left.array[:] = charge.T.ravel()
            self._nest.multTranspose(left, row)
        for row, name in zip(border.rows[len(floating) : held], self.structure.free, strict=True):
            i = self.structure.names.index(name)
            self._set_part(row, i, self._content_slope(i))
        for row, (weights, component) in zip(border.rows[held:], self._of_means, strict=True):
            self._set_part(row, component, -weights * self._slope(component))
        border.corner[:] = [border.weighted(directions, row) for row in border.rows]
        border.corner[held:, held:] += np.eye(len(driven))
        for k, charge in enumerate(charges):
            border.corner[k, held:] += [self.weights.sum(charge * flux) for flux in driven]
        for vector in (*border.columns, *border.rows):
            vector.array[~free] = 0.0
        for vector in (left, *directions):
            vector.destroy()

    def _set_part(self, row: Any, component: int, part: np.ndarray) -> None:
        row.set(0.0)
        row.array[component * self._owned : (component + 1) * self._owned] = part

    def _driven(self) -> list[np.ndarray]:
        """How the reaction changes with each mean, shape (owned dofs, N + 1)."""
        driven = [np.zeros((self._owned, self._components)) for _ in self._of_means]
        for mean, name, i, flux in self.coupling.slopes(self.means):
            driven[mean][:, i] -= self.length * flux * self.weights.boundary[name][: self._owned]
        return driven

    def _slope(self, component: int) -> np.ndarray | float:
        """How a nodal density, or the potential, changes with its unknown."""
        if component == self._components - 1:
            return 1.0
        unknown = self.equations.state[component].x.array[: self._owned]
        return self._formulation.slope(self._formulation.densities(unknown))

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
        self._electrolyte, self._diffusivity = electrolyte, coefficients.diffusivity.copy()
        self.length, self._closing = 1.0, np.zeros_like(self._load)
        self._history[:] = 0.0
        self.coupling = Coupling(imposed, self.structure.means, weights, scales)
        self._load[:] = loads(boundaries, electrolyte, scales, weights)[: self._owned]
        self._injected = self._into_floating(boundaries)
        self.held.set(electrolyte, boundaries, self._to_unknown)
        volume = weights.total_volume * scales.length**3
        wanted = amounts_of(imposed.closed or Closed(), electrolyte, self.structure.free, volume)
        self.wanted = {name: amount / scales.amount for name, amount in wanted.items()}
        for name, (net, size) in inflows(boundaries, electrolyte, scales, weights).items():
            if name in self.structure.free:
                check_inflow({name: net}, size)
        if not self.structure.grounded:
            self._close(imposed, amounts_of(imposed.closed or Closed(), electrolyte, electrolyte.names, volume))
            self._load += self._closing

    def _close(self, imposed: Imposed, amounts: dict[str, float]) -> None:
        """The wall field that Gauss' law asks for, where nothing says what the potential is relative to."""
        electrolyte, scales, weights = imposed.electrolyte, self.scales, self.weights
        regional = sum(r.value * weights.sum(weights.region(r.region)) for r in electrolyte.charged_regions)
        fixed = (electrolyte.uniform_charge * weights.total_volume + regional) * scales.length**3
        charge, size = charge_of(amounts, electrolyte, fixed)
        area = {name: a * scales.length**2 for name, a in weights.area.items()}
        on_walls = {n: b.surface_charge * area[n] for n, b in imposed.boundaries.items() if b.surface_charge}
        even = compatible_wall_charge(
            charge, sum(on_walls.values()), bool(on_walls), size + sum(map(abs, on_walls.values())), sum(area.values())
        )
        for of_boundary in weights.boundary.values():
            self._closing[:, -1] += even / scales.surface_charge * of_boundary[: self._owned]

    def volume(self) -> float:
        """Of the body, m^3."""
        return float(self.weights.total_volume * self.scales.length**3)

    def bulk(self, electrolyte: Electrolyte) -> np.ndarray:
        """Nodal values of the bulk state."""
        return np.tile([*electrolyte.bulk.values(), 0.0], (len(self.weights.volume), 1))

    def keep(self) -> np.ndarray:
        """A copy of the unknowns, for `restore`."""
        return self._unknowns()

    def with_ghosts(self, owned: np.ndarray) -> np.ndarray:
        """Local unknowns of owned ones, shape (local dofs, N + 1). Collective."""
        before = self.keep()
        for function, values in zip(self.equations.state, owned.T, strict=True):
            function.x.array[: self._owned] = values
            function.x.scatter_forward()
        complete = self.keep()
        self.restore(before)
        return complete

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
        unknowns = self.to_unknowns(start)
        farthest = float(np.abs(self.held.missing(unknowns[: self._owned])).max(initial=0.0))
        if self.mesh.mesh.comm.allreduce(farthest, op=MPI.MAX) < NEAR:
            self.held.prescribe(unknowns)
        self.iterate_from(unknowns)

    def to_unknowns(self, start: np.ndarray) -> np.ndarray:
        """Local unknowns of nodal values (SI, potential relative to its zero)."""
        densities = self._formulation.unknowns(start[:, :-1] / self.scales.concentration)
        return np.column_stack([densities, start[:, -1] / self.scales.potential])

    def iterate_from(self, unknowns: np.ndarray) -> None:
        """Set the iterate to local unknowns. Collective."""
        constants = self.held.constants_at(unknowns, self.mesh.mesh.comm)
        self._join(self.vector, unknowns[: self._owned], np.append(constants, self.means_of(unknowns)))

    def reference_norm(self, electrolyte: Electrolyte) -> float:
        """Norm of the residual of the bulk state with the boundary data: the measure of Newton's residuals."""
        unknowns = self.to_unknowns(self.bulk(electrolyte))
        self.held.prescribe(unknowns)
        self.iterate_from(unknowns)
        b = self._layout.vector()
        self.residual(self.vector, b)
        norm = float(b.norm())
        b.destroy()
        return norm

    def stage_reference(self) -> float:
        """The measure of Newton's residuals in a time step: contents, as far as their errors move the potential.

        A charge that is wrong by q moves the potential by q / (lambda^2 + length): over short steps charges stay.
        """
        sensitive = min(1.0, self.equations.coefficients.debye_squared + self.length)
        return sensitive * float(np.sqrt(self.weights.sum(self.weights.volume**2)))

    def solve_linear(self, defect: np.ndarray, solve: Callable[[Any, Any], None]) -> np.ndarray:
        """See `Problem.solve_linear`; ``solve`` takes a right-hand side and the vector of the answer. Collective."""
        right, x = self._layout.vector(), self._layout.vector()
        whole = np.column_stack([defect, np.zeros(self._owned)])
        self._join(right, np.where(self.held.free, whole, 0.0), np.zeros(self.constants))
        solve(right, x)
        owned, _ = self._split(x)
        moved = np.array(owned)
        for vector in (right, x):
            vector.destroy()
        return moved

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
