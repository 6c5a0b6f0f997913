"""Steady states of the Poisson-Nernst-Planck equations on one mesh."""

from __future__ import annotations

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.meshes import SpineMesh
from spinepnp.solvers.algebra.statistics import NewtonError, NewtonStatistics
from spinepnp.solvers.continuation import follow
from spinepnp.solvers.fem.probes import Position
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.closed import Closed
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.options import SolverOptions
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.regions import Region
from spinepnp.solvers.problem.evaluation import evaluate_solution
from spinepnp.solvers.problem.predictor import Prediction
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.problem.variable_choice import (
    change_within_cells,
    donnan_state,
    has_logarithms,
    is_positive,
    largest_drop,
)
from spinepnp.units import LENGTH, format_quantity


class SteadyProblem(Problem):
    """The steady equations on one mesh, for one structure of boundary data; see `Problem`.

    Args:
        mesh: distributed mesh with named boundaries; its communicator is used throughout.
        electrolyte: the species; values can change between solves.
        boundaries: what is imposed; values can change between solves.
        options: of the solvers.
        probes: points at which each solution is evaluated, m, by name.
        closed: amounts of species that no boundary holds.
        regions: parts of the volume whose means and extremes each solution has, by name.

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
        regions: dict[str, Region] | None = None,
    ) -> None:
        super().__init__(mesh, ProblemData(electrolyte, boundaries, closed), options, probes, regions)
        self._previous: np.ndarray | None = None

    def solve(self, electrolyte: Electrolyte, boundaries: Boundaries, closed: Closed | None = None) -> Solution:
        """Solve for given values. Collective.

        Newton starts from the electroneutral answer, where there is one, else from the Donnan state of fixed charges,
        from the last solution, and from the bulk state; where all fail, the data are raised from the bulk step by step
        (`solver.continuation`). With `solver.formulation = "auto"` the unknowns are densities unless the potential
        changes too much within a cell, see `choice`.

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
        problem_data = ProblemData(electrolyte, boundaries, closed)
        if problem_data.signature != self.signature:
            raise ValueError("the problem was built for other species or boundary conditions")
        prediction = self.prediction.predict(problem_data)
        self.use(*self._formulation_at(problem_data, prediction))
        self.system.set_data(problem_data)
        statistics = self._solve_by_choice(self._starts(problem_data, prediction), problem_data)
        self._previous = self.system.state.concentrations_and_potential()
        # Newton's remaining residual is part of the currents, so that their sum measures the balance.
        nodal_flux = self.system.nodal_flux()
        currents, floors = self.currents(problem_data, nodal_flux[:, :-1]), self.current_floors(nodal_flux)
        return evaluate_solution(self, problem_data, statistics, currents, floors, prediction=prediction)

    def _formulation_at(self, problem_data: ProblemData, prediction: Prediction | None) -> tuple[str, str]:
        """The formulation to begin with; an electroneutral answer shows how steep the potential will be."""
        formulation, reason = self._formulation_for(problem_data)
        if formulation == "density" and self._may_change(problem_data) and prediction is not None:
            reason = self._too_steep(prediction.u, problem_data)
        return ("nodal", reason) if reason else (formulation, "")

    def _may_change(self, problem_data: ProblemData) -> bool:
        """Whether "nodal" may take over from densities."""
        return self.options.formulation == "auto" and has_logarithms(problem_data)

    def _too_steep(self, phi: np.ndarray, problem_data: ProblemData) -> str:
        """Where the potential (local nodes, V_T) is too steep for densities; empty where it is not. Collective."""
        change, place = change_within_cells(self.discretisation.space, phi, problem_data.electrolyte)
        if change <= largest_drop(self.mesh.element_degree):
            return ""
        radial = self.mesh.geometry.dimension == "1d" and self.mesh.geometry.radial
        return (
            f"the potential changes by {change:.2g} V_T within a cell at {'r' if radial else 'z'} = "
            f"{format_quantity(float(f'{place * MODEL_UNIT:.3g}'), LENGTH)}"
        )

    def _starts(self, problem_data: ProblemData, prediction: Prediction | None) -> list[np.ndarray]:
        """Nodal values from which Newton starts, in their order. Collective."""
        electrolyte = problem_data.electrolyte
        bulk = self.system.state.bulk(electrolyte)
        if prediction is not None:
            return [np.column_stack([*prediction.concentrations, electrolyte.V_T * prediction.u])]
        starts = [bulk] if self._previous is None else [self._previous, bulk]
        if electrolyte.charged_regions:
            starts.insert(0, donnan_state(electrolyte, self.weights.fixed_charge_density(electrolyte.charged_regions)))
        if self.formulation == "density":
            return starts
        return [start for start in starts if is_positive(self.mesh.mesh.comm, start)]

    def _solve_by_choice(self, starts: list[np.ndarray], problem_data: ProblemData) -> NewtonStatistics:
        """Newton with the formulation at hand; where that is too coarse for densities, "nodal" takes over."""
        if self.formulation != "density" or not self._may_change(problem_data):
            return self._solve_from(starts, problem_data)
        failures: list[NewtonError] = []
        try:
            statistics = self._newton_from(starts, problem_data, failures)
        except NewtonError as error:
            reason = f"densities failed ({error.statistics.reason})"
        else:
            reason = self._too_steep(self.system.equations.phi.x.array, problem_data)
            if not reason:
                return statistics
            failures = [NewtonError("", statistics)]
            starts = [self.system.state.concentrations_and_potential(), *starts]
        self.use("nodal", reason)
        self.system.set_data(problem_data)
        positive = [start for start in starts if is_positive(self.mesh.mesh.comm, start)]
        try:
            return self._solve_from(positive, problem_data).after(failures)
        except NewtonError:
            pass
        self.use("density")
        self.system.set_data(problem_data)
        return self._solve_from(starts, problem_data).after(failures)

    def _newton_from(
        self, starts: list[np.ndarray], problem_data: ProblemData, failures: list[NewtonError]
    ) -> NewtonStatistics:
        """Newton from each start, until one leads to a solution; failed ones are added to ``failures``.

        Raises:
            NewtonError: none does; that of the last one.
        """
        for start in starts:
            try:
                return self._attempt(start, problem_data, line_search_fallback=True).after(failures)
            except NewtonError as error:
                failures.append(error)
        raise failures[-1]

    def _solve_from(self, starts: list[np.ndarray], problem_data: ProblemData) -> NewtonStatistics:
        """Newton from each start, then by continuation."""
        failures: list[NewtonError] = []
        try:
            return self._newton_from(starts, problem_data, failures)
        except NewtonError:
            if self.options.continuation == "none":
                raise
        bulk = self.system.state.bulk(problem_data.electrolyte)
        return follow(self._attempt, problem_data, bulk, self.options, self.system.state.volume, failures)


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
