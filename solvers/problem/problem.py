"""The equations of one mesh and one structure of boundary data, with Newton and a linear solver for them.

What steady states and time steps share. A problem is built once; values are then changed without compiling or
allocating again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.runtime.memory import available_memory
from spinepnp.runtime.stack import MPI, NOT_A_NUMBER_NAME
from spinepnp.solvers.algebra.cost import Linear, linear_solver, memory
from spinepnp.solvers.algebra.newton import Newton
from spinepnp.solvers.algebra.petsc import LINEAR_SOLVE, given_by_user
from spinepnp.solvers.algebra.statistics import NewtonError, NewtonStatistics
from spinepnp.solvers.fem.probes import Position
from spinepnp.solvers.fem.weights import IntegrationWeights, minimum
from spinepnp.solvers.model.options import SolverOptions
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.regions import Region
from spinepnp.solvers.pnp.currents import terminal_currents
from spinepnp.solvers.pnp.preconditioner import PREFIXES, SIMILAR, BlockPreconditioner
from spinepnp.solvers.pnp.system import System
from spinepnp.solvers.problem.prediction import ElectroneutralPrediction, discretise
from spinepnp.solvers.problem.variable_choice import has_logarithms, source_of_layers
from spinepnp.units import CONCENTRATION, POTENTIAL, format_quantity

#: A concentration below minus this fraction of the largest one is no rounding: the answer is not one of physics.
NEGATIVE = 1e-9

#: The same over the scale of concentrations, where all are small.
ROUNDED = 1e-12

#: Bulk over ionic strength of a species that is nearly absent, and by which part of its largest value it may undershoot
#: in time.
TRACE, UNDERSHOOT = 1e-3, 0.5

#: Beginnings of PETSc options that belong to one sparse matrix and its factors.
OF_MATRIX = ("pc_factor_", "mat_")

#: How far an equilibrium may leave its bounds, V_T: elements that are not monotone overshoot a little.
OUTSIDE = 1e-2

#: LogVariables of densities below this fraction of the largest have left their equation behind.
VANISHED = 1e-150


class Problem:
    """The equations on one mesh, for one structure of boundary data.

    Args:
        mesh: distributed mesh with named boundaries; its communicator is used throughout.
        problem_data: decides the structure; values can change between solves.
        options: of the solvers.
        probes: points at which each solution is evaluated, m, by name.
        regions: parts of the volume whose means and extremes each solution has, by name.

    Attributes:
        problem_data: what the problem was made for.
        linear: the linear solver that is used, "direct" or "block".
        system: discrete equations and their state.
        discretisation: space of the mesh, weights, probes.
        prediction: electroneutral answer.
        formulation: of the unknowns, "density", "log" or "nodal".
        formulation_reason: why "auto" has left densities; empty where it has not.

    Raises:
        CaseError: boundary data that the shape or the species do not know, or that leave no unique answer; a probe
            outside of the domain.
    """

    def __init__(
        self,
        mesh: SpineMesh,
        problem_data: ProblemData,
        options: SolverOptions | None = None,
        probes: dict[str, Position] | None = None,
        regions: dict[str, Region] | None = None,
    ) -> None:
        self.mesh, self.options = mesh, options or SolverOptions()
        problem_data.check(mesh.geometry, self.options.formulation)
        self.signature = problem_data.signature
        self.discretisation = discretise(mesh, problem_data, probes, regions)
        self.prediction = ElectroneutralPrediction(self.discretisation, problem_data)
        self.problem_data = problem_data
        self.formulation, self.formulation_reason = self._formulation_for(problem_data)
        dofs = self.discretisation.nodes * (len(problem_data.electrolyte.names) + 1)
        wanted = self.options.linear
        given = given_by_user(self.options.petsc)
        if wanted == "auto" and any(name in ("ksp_type", "pc_type") or name.startswith(OF_MATRIX) for name in given):
            wanted = "direct"  # a solver of the user's choice gets one sparse matrix
        self._make_solver(linear_solver(wanted, dofs, mesh.geometry.dimension))

    def _formulation_for(self, problem_data: ProblemData) -> tuple[str, str]:
        """The formulation that a solve begins with, and why that is not densities."""
        if self.options.formulation != "auto":
            return self.options.formulation, ""
        source = source_of_layers(problem_data, self.discretisation.heights, self.mesh.element_degree)
        return ("nodal", source) if source and has_logarithms(problem_data) else ("density", "")

    def use(self, formulation: str, reason: str = "") -> None:
        """Make the equations of another formulation, where that is not the one at hand. Collective.

        Args:
            formulation: "density", "log" or "nodal".
            reason: why, for the solution.
        """
        self.formulation_reason = reason
        if formulation != self.formulation:
            self._free_solver()
            self.formulation = formulation
            self._make_solver(self.linear)

    def _make_solver(self, linear: Linear) -> None:
        self.linear = linear
        nodal_charge = self.formulation == "nodal" and self.discretisation.operators.degree > 1
        self.weights.mass = self.discretisation.operators.M if nodal_charge else None
        self._matrix_length: float | None = None  # of the time step that the matrix was made for
        # What "auto" has no use for is no mistake, nor is the solver of time steps in a steady state.
        useless = PREFIXES if linear == "direct" and self.options.linear == "auto" else PREFIXES[-1:]
        petsc = {name: value for name, value in self.options.petsc.items() if not name.startswith(useless)}
        self.system = system = System(
            self.mesh, self.problem_data, self.discretisation, self.formulation, blocks=linear == "block"
        )
        self._preconditioner = (
            BlockPreconditioner(system.equations, system.constraints.free) if linear == "block" else None
        )
        self._newton = Newton(
            self.mesh.mesh.comm,
            system.residual,
            system.jacobian,
            system.state.vector,
            system.A,
            self.options.model_copy(update={"petsc": petsc}),
            border=system.border,
            preconditioner=self._preconditioner,
            step_fraction=None if self.formulation == "density" else system.step_fraction,
            enforce_constraints=system.enforce_constraints if linear == "block" else None,
            extra_convergence_test=system.meets_amounts,
            conserves=system.conserves,
        )

    def _free_solver(self) -> None:
        self._newton.destroy()
        if self._preconditioner is not None:
            self._preconditioner.destroy()
        self.system.destroy()

    @property
    def weights(self) -> IntegrationWeights:
        """Weights of boundaries and volume."""
        return self.discretisation.weights

    def factorise_instead(self, error: NewtonError) -> bool:
        """Whether a factorisation takes over from the block solver, for good: where "auto" chose that in vain."""
        tried_in_vain = error.statistics.reason == LINEAR_SOLVE.lower() and self.linear == "block"
        if not tried_in_vain or self.options.linear != "auto":
            return False
        comm = self.mesh.mesh.comm
        enough = memory("direct", error.statistics.dofs) < available_memory() / 2.0
        if not comm.allreduce(enough, op=MPI.LAND):
            return False
        unknowns = self.system.state.keep()
        self._free_solver()
        of_newton = {name: value for name, value in self.options.petsc.items() if name.startswith("snes")}
        self.options = self.options.model_copy(update={"petsc": of_newton, "linear": "direct"})
        self._make_solver("direct")
        self.system.state.restore(unknowns)
        return True

    def _attempt(
        self, start: np.ndarray | None, problem_data: ProblemData, *, line_search_fallback: bool = False
    ) -> NewtonStatistics:
        """One solve from nodal values (SI, potential relative to its zero), or from where the last one ended.

        Raises:
            NewtonError: it failed; the unknowns are those of before.
        """
        here = self.system.state.concentrations_and_potential() if start is None else start  # in SI: scales may change
        try:
            return self._solve_once(here, problem_data, line_search_fallback)
        except NewtonError as error:
            if not self.factorise_instead(error):
                raise
            return self._solve_once(here, problem_data, line_search_fallback).after([error])

    def _solve_once(self, here: np.ndarray, problem_data: ProblemData, line_search_fallback: bool) -> NewtonStatistics:
        system = self.system
        before = system.state.keep()
        system.set_data(problem_data)
        reference = system.reference_norm(problem_data.electrolyte)
        system.state.start_from(here)
        try:
            statistics = self._newton.solve(system.state.vector, reference, line_search_fallback=line_search_fallback)
            system.state.take(system.state.vector)
            self.refuse_negative(statistics, problem_data)
            self._refuse_beyond_bounds(statistics, problem_data)
        except NewtonError as error:
            told = self._told(error)
            system.state.restore(before)
            raise told from None
        return statistics

    def solve_stage(self) -> NewtonStatistics:
        """Solve a stage of a time step from the iterate of the system; see `StepData.set_step`. Collective.

        Raises:
            NewtonError: it failed.
        """
        system = self.system
        near = self._matrix_length is not None and abs(system.step_data.step_size / self._matrix_length - 1.0) < SIMILAR
        reuse_jacobian, before = near and self.linear == "direct", self._newton.callbacks.count
        try:
            statistics = self._newton.solve(
                system.state.vector, system.stage_reference(), line_search_fallback=False, reuse_jacobian=reuse_jacobian
            )
        except NewtonError as error:
            self._matrix_length = None
            raise self._told(error) from None
        if self._newton.callbacks.count > before:
            self._matrix_length = system.step_data.step_size
        system.state.take(system.state.vector)
        return statistics

    def solve_linear(self, defect: np.ndarray, charge: dict[str, float] | None = None) -> np.ndarray:
        """How a defect of a time step moves the unknowns, by the last matrix. Collective.

        Args:
            defect: in the contents of the species, scaled, shape (owned dofs, N).
            charge: in the charges on boundaries, scaled, by name; none by default.

        Returns:
            Shape (owned dofs, N + 1).
        """
        if not self._newton.callbacks.has_matrix:  # every stage so far was solved before it began
            self._newton.make_matrix(self.system.state.vector)
        charge = charge or dict.fromkeys(self.mesh.geometry.boundaries, 0.0)
        return self.system.solve_linear(defect, charge, self._newton.linear.solve)

    def currents(self, problem_data: ProblemData, nodal_flux: np.ndarray) -> dict[str, np.ndarray]:
        """Current of each species that enters through each boundary at the state, A, shape (N,). Collective.

        Args:
            problem_data: with constant currents.
            nodal_flux: of the species, as `System.nodal_flux` gives it, shape (owned dofs, N).
        """
        system, weights = self.system, self.weights
        return terminal_currents(
            nodal_flux / system.step_data.step_size,
            system.constraints.indicators,
            problem_data.boundaries,
            problem_data.electrolyte,
            system.step_data.scales,
            weights,
            system.step_data.channels.currents(system.state.means, len(self.signature.names)),
        )

    def current_floors(self, nodal_flux: np.ndarray) -> dict[str, np.ndarray]:
        """Below which no current through a boundary is known at the state, A; displacement last. Collective.

        Args:
            nodal_flux: as `System.nodal_flux` gives it, shape (owned dofs, N + 1).

        Returns:
            By boundary, shape (N + 1,); zero for a neutral species.
        """
        system = self.system
        charge = np.append(np.abs(system.equations.coefficients.valence), 1.0)
        unit = charge * system.step_data.scales.current / system.step_data.step_size
        return {name: unit * floor for name, floor in system.rounding.floors(nodal_flux).items()}

    def _told(self, error: NewtonError) -> NewtonError:
        """The error, with the equations in which something is not a number named. Collective."""
        if error.statistics.reason != NOT_A_NUMBER_NAME.lower():
            return error
        broken = ~np.isfinite(self.system.nodal_flux()).all(axis=0)
        anywhere = np.empty_like(broken)
        self.mesh.mesh.comm.Allreduce(broken, anywhere, op=MPI.LOR)
        names = [n for n, bad in zip((*self.signature.names, "the potential"), anywhere, strict=True) if bad]
        where = f"in the equation of {', '.join(names)}: " if names else ""
        return NewtonError(f"{where}{error}", error.statistics)

    def _refuse_beyond_bounds(self, statistics: NewtonStatistics, problem_data: ProblemData) -> None:
        """Refuse an equilibrium whose potential leaves what boundaries hold: cells overestimate a crowd. Collective.

        Raises:
            NewtonError: with the potential.
        """
        bounds = problem_data.equilibrium_bounds()
        if bounds is None:
            return
        phi = self.system.state.concentrations_and_potential()[: self.weights.owned, -1:] + self.system.step_data.zero
        comm = self.mesh.mesh.comm
        lowest, highest = float(minimum(comm, phi)[0]), -float(minimum(comm, -phi)[0])
        hair = OUTSIDE * problem_data.electrolyte.V_T
        for found, outside in ((lowest, bounds[0] - lowest > hair), (highest, highest - bounds[1] > hair)):
            if outside:
                raise NewtonError(
                    f"the potential reaches {format_quantity(float(f'{found:.4g}'), POTENTIAL)}, beyond what any "
                    "boundary holds: a layer is thinner than the cells beside its wall; make them finer (mesh.grade), "
                    "or leave out solver.formulation",
                    replace(statistics, reason="beyond_bounds"),
                )

    def refuse_negative(self, statistics: NewtonStatistics, problem_data: ProblemData) -> None:
        """Refuse a converged state with negative or vanished concentrations: it is none of physics. Collective.

        Raises:
            NewtonError: names the species and its lowest value.
        """
        names, owned = self.signature.names, self.weights.owned
        values = self.system.state.concentrations_and_potential()[:owned, :-1]
        comm = self.mesh.mesh.comm
        lowest, largest = minimum(comm, values), -minimum(comm, -values)
        allowed = np.full(len(names), NEGATIVE * largest.max() + ROUNDED * self.system.step_data.scales.concentration)
        if problem_data.transient:
            # The front of a species that comes into nearly nothing is steeper than any cell: linear combinations of
            # basis functions undershoot next to it, the more the shorter the step. It passes; results say how far.
            bulk = np.array([*problem_data.electrolyte.bulk.values()])
            trace = bulk <= TRACE * problem_data.electrolyte.ionic_strength()
            allowed = np.where(trace, np.maximum(allowed, UNDERSHOOT * largest), allowed)
        worst = int(np.argmin(lowest + allowed))
        injected = any(i.flows for b in problem_data.boundaries.values() for i in b.injections)
        limit = "a current is beyond its limit, or " if injected else ""
        if self.formulation != "density" and lowest[worst] < VANISHED * largest.max():
            raise NewtonError(
                f"the concentration of {names[worst]} has vanished somewhere, where its equation says nothing more; "
                'use solver.formulation = "density", or a finer mesh',
                replace(statistics, reason="vanished_concentration"),
            )
        if np.any(lowest < -allowed):
            value = format_quantity(float(f"{lowest[worst]:.4g}"), CONCENTRATION)
            raise NewtonError(
                f"the concentration of {names[worst]} is negative ({value} at its lowest): {limit}the mesh is too "
                "coarse for the layers at its boundaries",
                replace(statistics, reason="negative_concentration"),
            )

    def destroy(self) -> None:
        """Free the factorisation and all other PETSc objects. Collective."""
        self._free_solver()
        self.prediction.destroy()
        self.discretisation.destroy()
