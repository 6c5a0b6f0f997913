"""Constrained equations of one mesh and one structure of boundary data: residual and matrix for Newton's method."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.runtime.stack import MPI, PETSc, reduced
from spinepnp.solvers.algebra.bordered import BorderedLayout, BorderedSystem
from spinepnp.solvers.fem.discretisation import Discretisation
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.border import Border
from spinepnp.solvers.pnp.conservation import amounts_are_met, circuits_close, currents_are_met, step_conserves
from spinepnp.solvers.pnp.constraints import Constraints
from spinepnp.solvers.pnp.current_floors import CurrentFloors
from spinepnp.solvers.pnp.custom_term import Term as CustomSpec
from spinepnp.solvers.pnp.equations import Equations, make_terms
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.state import State
from spinepnp.solvers.pnp.step_data import Stage, StepData
from spinepnp.solvers.pnp.terms.channel import Channels
from spinepnp.solvers.pnp.terms.closed import ClosedDomain
from spinepnp.solvers.pnp.terms.compartment import Compartments
from spinepnp.solvers.pnp.terms.mechanism import Mechanisms
from spinepnp.solvers.pnp.terms.net_current import NetCurrent
from spinepnp.solvers.pnp.terms.reaction import Reactions

#: Largest change of the logarithm of a concentration in a Newton step: a longer one can send it to zero for good.
LARGEST_STEP = 3.0

#: Smallest scale of a species that reacts, over the scale of concentrations: 0.15 nM beside 150 mM.
SMALLEST_SCALE = 1e-9


class System:
    """Residual and Jacobian of the discrete equations with constraints, at a state, with data.

    Args:
        mesh: distributed mesh with named boundaries.
        problem_data: data that decide the structure; values can change.
        discretisation: scalar space of a component with its weights and measure.
        formulation: formulation of the unknowns, "density", "log" or "nodal".
        custom: terms of the user.
        blocks: whether the matrix stays in blocks (for an iterative solver), or is one sparse matrix.

    Attributes:
        signature: structure that is compiled.
        equations: discrete equations without constraints.
        constraints: prescribed degrees of freedom and unknown constants.
        step_data: data of the present solve or stage.
        state: unknowns.
        channels: channels, with their gates.
        mechanisms: mechanisms of membranes; ``None`` without any.
        reactions: reactions in the volume; ``None`` without chemistry.
        compartments: well-stirred solutions outside.
        closed: prescribed amounts, and the charge of walls that nothing grounds.
        A: matrix of the unknowns of the mesh.
        border: rows and columns of the unknown constants; ``None`` without any.
        current_floors: smallest known currents at the state.
    """

    def __init__(
        self,
        mesh: SpineMesh,
        problem_data: ProblemData,
        discretisation: Discretisation,
        formulation: str,
        custom: Iterable[CustomSpec] = (),
        *,
        blocks: bool = False,
    ) -> None:
        self.signature, self._comm, self._weights = problem_data.signature, mesh.mesh.comm, discretisation.weights
        fields = Fields(
            discretisation.operators, self._weights, discretisation.boundary_dofs, self.signature, formulation
        )
        self.equations = Equations(fields, make_terms(fields, problem_data, custom))
        self.constraints = Constraints(fields, self.equations.terms)
        self._net_currents = [term for term in self.equations.terms if isinstance(term, NetCurrent)]
        for term in self._net_currents:
            term.constraints = self.constraints
        self.channels, self.closed = self.equations.find(Channels), self.equations.find(ClosedDomain)
        self.compartments = self.equations.find(Compartments)
        self.mechanisms = next((term for term in self.equations.terms if isinstance(term, Mechanisms)), None)
        self.reactions = next((term for term in self.equations.terms if isinstance(term, Reactions)), None)
        if self.mechanisms is not None:
            self.mechanisms.compartments, self.compartments.mechanisms = self.compartments, self.mechanisms
        self.step_data = StepData(fields)
        self._border_equations = Border(fields, self.equations.border_terms, self.constraints)
        self.state = State(self.equations, self.constraints, self._border_equations, self.step_data)
        self._nest = self.equations.blocks.nest()
        self._nest.assemble()
        self.A = self._nest if blocks else self._nest.convert("aij", out=PETSc.Mat())
        self.border = BorderedSystem(self.state.layout, self.A) if self.state.layout.count else None
        masks = [discretisation.operators.masks(~free) for free in self.constraints.free.T]
        self._masks = [free for free, _ in masks], [constrained for _, constrained in masks]
        self._prescribed = self.constraints.prescribed_dofs()
        self.current_floors = CurrentFloors(self.equations, self.constraints, self._weights)
        self._row_factors = fields.row_factors
        self._totals: np.ndarray | None = None

    def set_data(self, problem_data: ProblemData) -> None:
        """Set coefficients, prescribed values and loads of a steady state. Collective.

        Raises:
            CaseError: a closed domain whose data have no steady state.
        """
        self.step_data.set_data(problem_data)
        if self.signature.has_chemistry:
            self._totals = problem_data.electrolyte.network.total_weights
            self._row_factors[:-1] = 1.0 / self._known_scales()
        self._can_flow = np.array(problem_data.can_flow)
        self.equations.update(self.step_data)
        self.closed.check_inflows(self.equations.terms, self.step_data)

    def set_step(self, stage: Stage) -> None:
        """Set the equations of an implicit stage in time. Collective."""
        self.step_data.set_step(stage)
        if self.signature.has_chemistry:
            fields = self.equations.fields
            largest = np.abs(fields.concentrations()[: fields.owned]).max(axis=0, initial=0.0)
            largest = reduced(self._comm, largest, MPI.MAX)
            self._row_factors[:-1] = 1.0 / np.clip(largest, SMALLEST_SCALE, 1.0)
        self.equations.update(self.step_data)

    def _known_scales(self) -> np.ndarray:
        """Largest given concentration of each species, scaled, at most one; one where none is given."""
        data, names = self.step_data.problem_data, self.signature.names
        given = [data.electrolyte.bulk, *(b.prescribed(data.electrolyte) for b in data.boundaries.values())]
        largest = np.array([max(content.get(name, 0.0) for content in given) for name in names])
        scales = np.where(largest > 0.0, largest / self.step_data.scales.concentration, 1.0)
        return np.clip(scales, SMALLEST_SCALE, 1.0)

    def nodal_flux(self) -> np.ndarray:
        """Residual with loads, without constraints, at the state; see `Equations.nodal_flux`. Collective."""
        return self.equations.nodal_flux()

    def solved_flux(self) -> np.ndarray:
        """`nodal_flux` at the end of the last solve, which has computed it."""
        return self._nodal_flux

    def wall_charges(self, poisson: np.ndarray) -> dict[str, float]:
        """Charge lambda^2 int dn phi on each boundary, scaled, from the last column of `nodal_flux`. Collective.

        It is known where the potential is prescribed or floats and at membranes, and zero elsewhere.
        """
        charges = self.equations.wall_charges(self.constraints.indicators)
        for name, holders in self.constraints.potential_dofs.items():
            charges[name] = self._weights.sum(poisson[holders])
        return charges

    def residual(self, vector: Any, b: Any) -> None:
        """Fill b with the residual at a vector: of the equations, then of the constants. Collective."""
        self.state.assign(vector)
        nodal_flux = self.nodal_flux()
        self._nodal_flux = nodal_flux.copy()
        balances = self._net = self._border_equations.values(nodal_flux)
        constraint_residual = self.constraints.constraint_residual(self.state.split(vector)[0])
        if self._comm.allreduce(bool(constraint_residual.any()), op=MPI.LOR):
            lifted = self._lift(constraint_residual)
            nodal_flux += lifted
            self._border_equations.lift(balances, lifted, constraint_residual)
        if self.signature.has_chemistry:
            nodal_flux *= self._row_factors
        self.state.join(b, np.where(self.constraints.free, nodal_flux, -constraint_residual), balances)

    def _lift(self, constraint_residual: np.ndarray) -> np.ndarray:
        """First-order change of the residual when unknowns take their prescribed values. Collective.

        A step from a state with other values at the boundary then changes the whole domain, and not the cells at the
        boundary alone.
        """
        self.equations.fill_blocks()
        self._nest.assemble()
        layout = BorderedLayout(self._comm, constraint_residual.size, 0)
        step, change = layout.vector(), layout.vector()
        step.array[:] = constraint_residual.T.ravel()
        self._nest.mult(step, change)
        lifted = change.array_r.reshape(self.state.components, -1).T.copy()
        self._scale_rows()
        self.equations.blocks.apply_dirichlet(*self._masks)  # for solves before the matrix is filled again
        self._nest.assemble()
        step.destroy()
        change.destroy()
        return np.asarray(lifted)

    def jacobian(self, vector: Any, A: Any) -> None:
        """Fill A with the derivative of the residual at a vector, and the border beside it. Collective."""
        self.state.assign(vector)
        self.equations.fill_blocks()
        if self.border is not None:
            self._border_equations.fill(self.border, self._nest)
        self._scale_rows()
        self.equations.blocks.apply_dirichlet(*self._masks)
        self._nest.assemble()
        if A.handle != self._nest.handle:
            self._nest.convert("aij", out=A)

    def _scale_rows(self) -> None:
        """Multiply the equations of species that react by their factors, in the blocks and beside them."""
        if not self.signature.has_chemistry:
            return
        self.equations.blocks.scale_rows(self._row_factors.tolist())
        for column in self.border.columns if self.border is not None else ():
            owned, _ = self.state.split(column)
            column.array[: owned.size] *= np.repeat(self._row_factors, len(owned))

    def enforce_constraints(self, vector: Any, step: Any) -> None:
        """Overwrite a step of an iterative solver so that vector - step has its prescribed values exactly."""
        constraint_residual = self.constraints.constraint_residual(self.state.split(vector)[0])
        prescribed = self._prescribed.T.ravel()
        step.array_w[: prescribed.size][prescribed] = -constraint_residual.T.ravel()[prescribed]

    def step_fraction(self, step: Any) -> float:
        """Largest allowed fraction of a Newton step in logarithms, which change by a few units at once. Collective.

        A longer step would send a concentration to zero, where its equation vanishes with it.
        """
        unknowns, constants = self.state.split(step)
        logarithms = np.abs(unknowns[:, :-1]).max(initial=0.0)
        largest = self._comm.allreduce(float(logarithms), op=MPI.MAX)
        potentials = len(self.signature.unknown_potentials)
        largest = max([largest, *np.abs(constants[potentials : self.constraints.constants])])
        return min(1.0, LARGEST_STEP / largest) if largest > 0.0 else 1.0

    def meets_amounts(self) -> bool:
        """Whether every species meets its prescribed amount (steady) or its step balance (transient). Collective."""
        if self.equations.fields.coefficients.storage_rate:
            free, history = self.constraints.free[:, :-1], self.step_data.history
            through = self.step_data.step_size * self.equations.through()
            return bool(
                step_conserves(
                    self._comm,
                    self._nodal_flux[:, :-1],
                    free,
                    self.equations.load,
                    history,
                    through,
                    self.sensitivity,
                    self._totals,
                )
                and self._circuits_close()
            )
        if not self.closed.prescribed_amounts:
            return True
        amounts = self.closed.total_amounts(self.state.amounts())
        return amounts_are_met(
            dict(zip(self.closed.prescribed_amounts, amounts, strict=True)), self.closed.prescribed_amounts
        )

    def _circuits_close(self) -> bool:
        """Whether the net currents through boundaries at an unknown potential obey their equations. Collective."""
        net, verdicts = self._net, []
        for term in self._net_currents:
            verdicts.append(circuits_close(net[: term.count], term.passing(self._nodal_flux), term.rounding()))
            net = net[term.count :]
        return all(verdicts)

    def conserves(self) -> bool:
        """Whether the current of each species into a steady state leaves it again. Collective.

        The norm of the residual does not show the current of a trace next to that of a large species.
        """
        if self.equations.fields.coefficients.storage_rate:
            return True
        free, nodal_flux = self.constraints.free[:, :-1], self._nodal_flux[:, :-1]
        boundaries = [indicator * ~free for indicator in self.constraints.indicators.values()]
        sums = np.array([(part * nodal_flux).sum(axis=0) for part in (free, *boundaries)])
        lost, *through = np.abs(reduced(self._comm, sums, MPI.SUM))
        return currents_are_met(lost, np.maximum(np.max(through, axis=0), self.equations.through()), self._can_flow)

    def reference_norm(self, electrolyte: Electrolyte) -> float:
        """Norm of the residual of the bulk state with the boundary data, to which Newton's residuals are compared.

        Collective; the state is then the bulk.
        """
        unknowns = self.state.to_unknowns(self.state.bulk(electrolyte))
        self.constraints.prescribe(unknowns)
        self.state.iterate_from(unknowns)
        b = self.state.layout.vector()
        self.residual(self.state.vector, b)
        norm = float(b.norm())
        b.destroy()
        return norm

    @property
    def sensitivity(self) -> float:
        """Change of a charge over that of the potential which it makes in a stage, scaled, at most one."""
        return min(1.0, self.equations.fields.coefficients.debye_squared + self.step_data.step_size)

    def stage_reference(self) -> float:
        """Norm to which Newton's residuals in a time step are compared: of storage whose error moves the potential.

        An error q of a charge moves the potential by q / (lambda^2 + length): over short steps charges stay.
        Collective.
        """
        return self.sensitivity * float(np.sqrt(self._weights.sum(self._weights.volume**2)))

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        if self.border is not None:
            self.border.destroy()
        for item in (self.state.vector, *self._masks[0], *self._masks[1]):
            item.destroy()
        if self.A.handle != self._nest.handle:
            self.A.destroy()
        self._nest.destroy()
        self.current_floors.destroy()
        self.equations.destroy()
