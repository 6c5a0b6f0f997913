"""Discrete problem of one mesh and one structure of boundary data: equations, Newton's method and a linear solver.

Steady states and time steps share it. A problem is built once; values are then changed without compiling or allocating
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from spinepnp.errors import CaseError, all_ranks_arrived
from spinepnp.geometries.base import Point
from spinepnp.meshes import SpineMesh
from spinepnp.runtime.memory import available_memory
from spinepnp.runtime.stack import MPI
from spinepnp.solvers.algebra.cost import Linear, linear_solver, memory
from spinepnp.solvers.algebra.newton import Newton
from spinepnp.solvers.algebra.petsc import LINEAR_SOLVE_FAILED, options_set_by_user
from spinepnp.solvers.algebra.statistics import NewtonError, NewtonStatistics
from spinepnp.solvers.fem.conductance import Conductance
from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.model.arguments import (
    BoundariesLike,
    ClosedLike,
    CompartmentsLike,
    ElectrolyteLike,
    InitialLike,
    OptionsLike,
    check_kind,
    checked_arguments,
)
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.regions import Region
from spinepnp.solvers.pnp.custom_term import Term, determined_by
from spinepnp.solvers.pnp.cycles import LaplaceCycles
from spinepnp.solvers.pnp.preconditioner import PREFIXES, SIMILAR, BlockPreconditioner
from spinepnp.solvers.pnp.system import System
from spinepnp.solvers.problem.checks import locate_not_a_number, refuse_beyond_bounds, refuse_negative
from spinepnp.solvers.problem.error_estimate import DissipationEstimate
from spinepnp.solvers.problem.prediction import ElectroneutralPrediction, discretise
from spinepnp.solvers.problem.variable_choice import has_logarithms, source_of_layers, steep_between_baths

#: Sensitivity of a stage, see `System.sensitivity`, above which linear solves may leave what curvature will leave.
LONG_STAGE = 1e-2

#: Prefixes of inner solvers that only some solves have: their options are no mistake elsewhere.
SOMETIMES = PREFIXES[2:]

#: Prefixes of PETSc options that belong to one sparse matrix and its factors.
MATRIX_PREFIXES = ("pc_factor_", "mat_")


class Problem:
    """The equations on one mesh, for one structure of boundary data; a context manager that frees them at its end.

    Tables may also be plain dictionaries with the keys of a case file.

    Args:
        mesh: distributed mesh with named boundaries; its communicator is used throughout.
        electrolyte: the species; values can change between solves.
        boundaries: boundary conditions by name, with waveforms and channels; values can change between solves. The wall
            of a line is a boundary where it is listed, by an empty table too.
        options: options of the solvers.
        probes: points at which each solution is evaluated, m, or places of the shape, by name.
        closed: amounts of species that no boundary prescribes; in a transient those at the start.
        regions: parts of the volume whose means and extremes each solution has, by name.
        terms: terms of the user beside those of the package.
        initial_concentrations: concentrations at the start of a transient, where they are not those of the bulk.
        compartments: well-stirred solutions beyond boundaries, by name.

    Attributes:
        terms: terms of the user; more may be appended before a solve.
        problem_data: data at construction.
        linear: linear solver in use, "direct" or "block".
        system: discrete equations and their state.
        discretisation: space of the mesh, weights, probes.
        prediction: electroneutral prediction.
        formulation: formulation of the unknowns, "density", "log" or "nodal".
        formulation_reason: reason why "auto" has left concentrations as unknowns; empty where it has not.

    Raises:
        CaseError: wrong keys or values of a table; boundary data that the shape or the species do not know, or that
            leave no unique answer; a probe outside of the domain.
    """

    #: Whether amounts follow from an initial state, so that the data of a closed domain are those at the start.
    transient = False

    _destroyed = False

    def __init__(
        self,
        mesh: SpineMesh,
        electrolyte: ElectrolyteLike,
        boundaries: BoundariesLike,
        options: OptionsLike | None = None,
        probes: Mapping[str, Point] | None = None,
        closed: ClosedLike | None = None,
        regions: Mapping[str, Region | Any] | None = None,
        terms: Iterable[Term] = (),
        initial_concentrations: InitialLike | None = None,
        compartments: CompartmentsLike | None = None,
    ) -> None:
        if not isinstance(mesh, SpineMesh):
            raise CaseError("mesh", "is no mesh of spinepnp; make one by spinepnp.mesh(geometry)")
        self.terms = list(terms)
        tables = checked_arguments(
            electrolyte, boundaries, closed, options, probes, regions, initial_concentrations, compartments
        )
        problem_data = ProblemData(
            tables.electrolyte, tables.boundaries, tables.closed,
            transient=self.transient, initial=tables.initial, compartments=tables.compartments or {},
        )  # fmt: skip
        problem_data = self._with_terms(problem_data)
        self.mesh, self.options = mesh, tables.solver
        problem_data.check(mesh.geometry, self.options.formulation)
        check_kind(problem_data.boundaries, transient=self.transient)
        self.signature = problem_data.signature
        self.discretisation = discretise(mesh, problem_data, tables.probes, tables.regions)
        self._laplace = LaplaceCycles()
        self.prediction = ElectroneutralPrediction(self.discretisation, problem_data, self._laplace)
        self.problem_data = problem_data
        self.formulation, self.formulation_reason = self._formulation_for(problem_data)
        operators = self.discretisation.operators
        operators.along_edges = self.formulation == "nodal" and operators.degree == 1
        of_a_node = len(problem_data.electrolyte.names) + 1
        dofs = self.discretisation.nodes * of_a_node
        linear, given = self.options.linear, options_set_by_user(self.options.petsc)
        if linear == "auto" and any(
            name in ("ksp_type", "pc_type") or name.startswith(MATRIX_PREFIXES) for name in given
        ):
            linear = "direct"  # a solver of the user's choice gets one sparse matrix
        self._make_solver(linear_solver(linear, dofs, mesh.geometry.dimension, of_a_node))

    def _with_terms(self, problem_data: ProblemData) -> ProblemData:
        """Data that know of the terms of the user."""
        return replace(problem_data, determined=determined_by(self.terms), custom=len(self.terms))

    @property
    def terms_changed(self) -> bool:
        """Whether terms of the user were added or removed after the equations were made."""
        return tuple(self.terms) != self._made_with

    def take_terms(self) -> None:
        """Make the equations again where terms of the user were added or removed. Collective."""
        if self.terms_changed:
            self.problem_data = self._with_terms(self.problem_data)
            self._free_solver()
            self._make_solver(self.linear)

    def _formulation_for(self, problem_data: ProblemData) -> tuple[str, str]:
        """The formulation that a solve begins with, and the reason where that is not concentrations."""
        if self.options.formulation != "auto":
            return self.options.formulation, ""
        degree, options = self.mesh.element_degree, self.mesh.options
        source = source_of_layers(problem_data, self.discretisation.heights, degree)
        if not (source or self.transient):
            size = options.size / 2**options.refine
            source = steep_between_baths(problem_data, size, self.discretisation.extent(), degree)
        return ("nodal", source) if source and has_logarithms(problem_data) else ("density", "")

    def use_formulation(self, formulation: str, reason: str = "") -> None:
        """Change to the formulation "density", "log" or "nodal", for a reason that the solution records. Collective."""
        self.formulation_reason = reason
        if formulation != self.formulation:
            self._free_solver()
            self.formulation = formulation
            self._make_solver(self.linear)

    def _make_solver(self, linear: Linear) -> None:
        self.linear = linear
        nodal_charge = self.formulation == "nodal" and self.discretisation.operators.degree > 1
        self.weights.mass = self.discretisation.operators.M if nodal_charge else None
        self._matrix_step: float | None = None  # step size that the matrix was made for
        # Options of a solver that "auto" does not choose are no mistake, nor are those of time steps in a steady state.
        unused = PREFIXES if linear == "direct" and self.options.linear == "auto" else SOMETIMES
        petsc = {name: value for name, value in self.options.petsc.items() if not name.startswith(unused)}
        self._made_with: tuple[Term, ...] | None = None  # a term that is refused leaves no equations
        self.system = system = System(
            self.mesh, self.problem_data, self.discretisation, self.formulation, tuple(self.terms),
            blocks=linear == "block",
        )  # fmt: skip
        self._laplace.keep = linear == "block"
        self._preconditioner = (
            BlockPreconditioner(system.equations, system.constraints.free, self._laplace, petsc, system.reactions)
            if linear == "block"
            else None
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
        self._made_with = tuple(self.terms)

    def _free_solver(self) -> None:
        self._newton.destroy()
        if self._preconditioner is not None:
            self._preconditioner.destroy()
        self.system.destroy()

    @cached_property
    def dissipation(self) -> DissipationEstimate:
        """Estimate of the error of the dissipation on the mesh."""
        return DissipationEstimate(self.mesh, self.discretisation.space)

    @cached_property
    def bounds(self) -> dict[str, Conductance]:
        """Bounds of G of each injector, by name; see `ElectroneutralPrediction.conductances`. Collective."""
        return self.prediction.conductances(self.problem_data)

    @property
    def boundary_names(self) -> tuple[str, ...]:
        """Names of the boundaries, in the order of results."""
        return self.discretisation.boundary_names

    @property
    def weights(self) -> IntegrationWeights:
        """Weights of boundaries and volume."""
        return self.discretisation.weights

    def factorise_instead(self, error: NewtonError) -> bool:
        """Let a factorisation replace a block solver that "auto" chose and that failed: whether it does. Collective."""
        block_failed = error.statistics.reason == LINEAR_SOLVE_FAILED.lower() and self.linear == "block"
        if not block_failed or self.options.linear != "auto":
            return False
        comm = self.mesh.mesh.comm
        enough = memory("direct", error.statistics.dofs) < available_memory() / 2.0
        if not comm.allreduce(enough, op=MPI.LAND):
            return False
        unknowns = self.system.state.local_unknowns()
        self._free_solver()
        newton_options = {name: value for name, value in self.options.petsc.items() if name.startswith("snes")}
        self.options = self.options.model_copy(update={"petsc": newton_options, "linear": "direct"})
        self._make_solver("direct")
        self.system.state.restore(unknowns)
        return True

    def _attempt(
        self, start: np.ndarray | None, problem_data: ProblemData, *, line_search_fallback: bool = False
    ) -> NewtonStatistics:
        """One Newton solve, by default from the present state; by MUMPS where the block solver fails. Collective."""
        if start is None:
            start = self.system.state.concentrations_and_potential()  # in SI: scales may change
        try:
            return self._solve_once(start, problem_data, line_search_fallback)
        except NewtonError as error:
            if not self.factorise_instead(error):
                raise
            return self._solve_once(start, problem_data, line_search_fallback).after([error])

    def _solve_once(self, start: np.ndarray, problem_data: ProblemData, line_search_fallback: bool) -> NewtonStatistics:
        system = self.system
        before = system.state.local_unknowns()
        system.set_data(problem_data)
        reference = system.reference_norm(problem_data.electrolyte)
        system.state.start_from(start)
        try:
            statistics = self._newton.solve(system.state.vector, reference, line_search_fallback=line_search_fallback)
            system.state.assign(system.state.vector)
            self.refuse_negative(statistics, problem_data)
            refuse_beyond_bounds(system, self.weights, problem_data, statistics)
        except NewtonError as error:
            located = locate_not_a_number(error, system, self.mesh.mesh.comm)
            system.state.restore(before)
            raise located from None
        return statistics

    def solve_stage(self) -> NewtonStatistics:
        """Solve a stage of a time step from the iterate of the system; see `StepData.set_step`. Collective.

        Raises:
            NewtonError: Newton failed.
        """
        system = self.system
        near = self._matrix_step is not None and abs(system.step_data.step_size / self._matrix_step - 1.0) < SIMILAR
        reuse_jacobian, before = near and self.linear == "direct", self._newton.callbacks.count
        try:
            statistics = self._newton.solve(
                system.state.vector,
                system.stage_reference(),
                line_search_fallback=False,
                reuse_jacobian=reuse_jacobian,
                is_long_stage=system.sensitivity >= LONG_STAGE,
            )
        except NewtonError as error:
            self._matrix_step = None
            raise locate_not_a_number(error, system, self.mesh.mesh.comm) from None
        if self._newton.callbacks.count > before:
            self._matrix_step = system.step_data.step_size
        system.state.assign(system.state.vector)
        return statistics

    def forget_matrix(self) -> None:
        """Make the matrix of the next stage anew, as after a restart."""
        self._matrix_step = None

    def currents(self, nodal_flux: np.ndarray) -> dict[str, np.ndarray]:
        """Current of each species that enters through each boundary at the state, A, shape (N,). Collective.

        Args:
            nodal_flux: columns of the species of `System.nodal_flux`, shape (owned dofs, N).
        """
        system = self.system
        return system.equations.currents(
            nodal_flux / system.step_data.step_size, system.constraints.indicators, system.step_data.scales.current
        )

    def current_floors(self, nodal_flux: np.ndarray) -> dict[str, np.ndarray]:
        """Smallest known currents (N + 1,) through each boundary, A, displacement last, by name. Collective.

        A neutral species has zero. The argument is `System.nodal_flux`, shape (owned dofs, N + 1).
        """
        system = self.system
        charge = np.append(np.abs(system.equations.fields.coefficients.valence), 1.0)
        unit = charge * system.step_data.scales.current / system.step_data.step_size
        return {name: unit * floor for name, floor in system.current_floors.floors(nodal_flux).items()}

    def refuse_negative(self, statistics: NewtonStatistics, problem_data: ProblemData) -> None:
        """Refuse a converged state with negative or vanished concentrations: it is not physical. Collective.

        Raises:
            NewtonError: names the species and its lowest value.
        """
        logarithms = self.formulation != "density"
        refuse_negative(self.system, self.weights, problem_data, statistics, logarithms=logarithms)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # After an error of one rank alone the others are elsewhere, and freeing is collective.
        if kind is None or all_ranks_arrived(self.mesh.mesh.comm):
            self.destroy()

    def refuse_destroyed(self) -> None:
        """Refuse to use a problem after its end.

        Raises:
            RuntimeError: `destroy` was called, or the ``with`` block has ended.
        """
        if self._destroyed:
            raise RuntimeError("the problem was destroyed, or its with block has ended; build a new one")

    def destroy(self) -> None:
        """Free the factorisation and all other PETSc objects; solutions stay. Collective."""
        if self._destroyed:
            return
        self._destroyed = True
        self._free_solver()
        self.prediction.destroy()
        self._laplace.destroy()
        self.discretisation.destroy()
