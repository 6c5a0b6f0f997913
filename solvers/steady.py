"""Steady states of the Poisson-Nernst-Planck equations on one mesh."""

from __future__ import annotations

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.solvers.boundaries import Boundaries
from spinepnp.solvers.closed import Closed
from spinepnp.solvers.continuation import follow
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.imposed import Imposed
from spinepnp.solvers.options import SolverOptions
from spinepnp.solvers.probes import Position
from spinepnp.solvers.problem import Problem
from spinepnp.solvers.regions import Region
from spinepnp.solvers.solution import Solution
from spinepnp.solvers.statistics import NewtonError, NewtonStatistics


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
        super().__init__(mesh, Imposed(electrolyte, boundaries, closed), options, probes, regions)
        self._previous: np.ndarray | None = None

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
        self.system.impose(imposed)
        prediction = self.preview.predict(imposed)
        starts = [self.system.state.bulk(electrolyte)]
        if prediction is not None:
            starts = [np.column_stack([*prediction.concentrations, electrolyte.V_T * prediction.u])]
        elif self._previous is not None:
            starts.insert(0, self._previous)
        statistics = self._solve_from(starts, imposed)
        self._previous = self.system.state.densities_and_potential()
        # Newton's remaining residual is part of the currents, so that their sum measures the balance.
        reaction = self.system.reaction()
        currents, floors = self.currents(imposed, reaction[:, :-1]), self.current_floors(reaction)
        return self._solution_of(self._converged(imposed, prediction, statistics, currents, floors))

    def _solve_from(self, starts: list[np.ndarray], imposed: Imposed) -> NewtonStatistics:
        """Newton from each start, then by continuation."""
        failures: list[NewtonError] = []
        for start in starts:
            try:
                return self._attempt(start, imposed, patient=True).after(failures)
            except NewtonError as error:
                failures.append(error)
        if self.options.continuation == "none":
            raise failures[-1]
        bulk = self.system.state.bulk(imposed.electrolyte)
        return follow(self._attempt, imposed, bulk, self.options, self.system.state.volume, failures)


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
