"""Steady states of the Poisson-Nernst-Planck equations on one mesh, by Newton's method and by continuation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.geometries.base import Point
from spinepnp.meshes import SpineMesh
from spinepnp.runtime.communication import on_root
from spinepnp.solvers.algebra.statistics import NewtonError, NewtonStatistics
from spinepnp.solvers.algebra.step_control import StepControl
from spinepnp.solvers.model.arguments import (
    BoundariesLike,
    ClosedLike,
    CompartmentsLike,
    ElectrolyteLike,
    OptionsLike,
    check_kind,
    checked_arguments,
)
from spinepnp.solvers.model.membrane.rest import NO_REST
from spinepnp.solvers.model.planar_layer import largest_drop
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.zero_dimensions import (
    EXCITED,
    exchanged_concentrations,
    has_mechanisms,
    rest_or_reason,
)
from spinepnp.solvers.pnp.custom_term import Term
from spinepnp.solvers.problem.evaluation import evaluate_solution
from spinepnp.solvers.problem.predictor import Prediction
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.problem.variable_choice import (
    change_within_cells,
    charged_sides,
    donnan_state,
    has_logarithms,
    immobile_charge,
    is_positive,
)
from spinepnp.units import LENGTH, format_quantity

#: First step of a continuation, as a fraction of the way from the bulk state.
FIRST_STEP = 0.25

#: Smallest step of a continuation, as a fraction of the way; below it the way is lost.
SMALLEST_STEP = 1e-3

#: Largest step of a continuation, as a fraction of the way.
LARGEST_STEP = 0.5


class SteadyProblem(Problem):
    """The steady equations on one mesh, for one structure of boundary data.

    The arguments are those of `Problem`; amounts are those of the steady state.

    Examples:
        >>> import spinepnp as pnp
        >>> mesh = pnp.mesh(pnp.Cylinder(length="1 um", radius="100 nm", dimension="1d"), size="50 nm")
        >>> ion = {"diffusivity": "200 um^2/s", "concentration": "150 mM"}
        >>> salt = pnp.Electrolyte(species=[{"name": "Na", "valence": 1, **ion}, {"name": "Cl", "valence": -1, **ion}])
        >>> ends = {"base": pnp.bath("0 mV"), "top": pnp.inject("Na", "50 pA")}
        >>> with pnp.SteadyProblem(mesh, salt, ends) as problem:
        ...     for current in ("10 pA", "50 pA"):
        ...         solution = problem.solve(boundaries=ends | {"top": pnp.inject("Na", current)})
        ...         print(current, round(solution.boundary["top"].potential * 1e3, 3), "mV")
        10 pA 1.352 mV
        50 pA 6.135 mV

    Raises:
        CaseError: see `Problem`.
    """

    _previous: np.ndarray | None = None
    _why_no_rest = ""

    def solve(
        self,
        electrolyte: ElectrolyteLike | None = None,
        boundaries: BoundariesLike | None = None,
        closed: ClosedLike | None = None,
        compartments: CompartmentsLike | None = None,
    ) -> Solution:
        """Solve for the values of construction, or for others. Collective.

        Newton starts from the electroneutral answer, where there is one, else from the Donnan state of fixed charges,
        from the last solution, and from the bulk state; where all fail, the data are raised from the bulk step by step
        (`solver.continuation`). With `solver.formulation = "auto"` the unknowns are concentrations unless the potential
        changes too much within a cell, see `variable_choice`.

        Args:
            electrolyte: species as at construction; values may differ. By default that of construction.
            boundaries: all conditions, with the structure of construction; values may differ. By default those of
                construction.
            closed: amounts of species that no boundary prescribes; by default those of construction.
            compartments: solutions beyond boundaries; by default those of construction.

        Returns:
            The steady state.

        Raises:
            CaseError: wrong keys or values; a current beyond the limiting one, or a closed domain whose data have no
                steady state.
            SolveError: Newton failed, with PETSc's reason.
            ValueError: other species or boundary conditions than at construction.
        """
        problem_data = self._data_of(electrolyte, boundaries, closed, compartments)
        prediction = self.prediction.predict(problem_data)
        self.use_formulation(*self._formulation_at(problem_data, prediction))
        self.system.set_data(problem_data)
        if self._preconditioner is not None:
            self._preconditioner.expect_smooth_potential(prediction is not None)
        starts, self._why_no_rest = self._starts(problem_data, prediction), ""
        statistics = None if prediction is not None else self._solve_from_rest(starts, problem_data)
        statistics = statistics or self._solve_excited(starts, problem_data)
        try:
            statistics = statistics or self._solve_by_choice(starts, problem_data)
        except NewtonError as error:
            if not self._why_no_rest:
                raise
            raise NewtonError(f"{self._why_no_rest} (as found without space; {error})", error.statistics) from None
        self._previous = self.system.state.concentrations_and_potential()
        # Newton's remaining residual is part of the currents, so that their sum measures the balance.
        nodal_flux = self.system.nodal_flux()
        currents, floors = self.currents(nodal_flux[:, :-1]), self.current_floors(nodal_flux)
        return evaluate_solution(self, problem_data, statistics, currents, floors, prediction=prediction)

    def _data_of(
        self,
        electrolyte: ElectrolyteLike | None,
        boundaries: BoundariesLike | None,
        closed: ClosedLike | None,
        compartments: CompartmentsLike | None,
    ) -> ProblemData:
        """Checked data of a solve: those of construction, with what is given in their place. Collective."""
        self.refuse_destroyed()
        self.take_terms()
        built = self.problem_data
        if electrolyte is None and boundaries is None and closed is None and compartments is None:
            return built
        given = checked_arguments(
            built.electrolyte if electrolyte is None else electrolyte,
            built.boundaries if boundaries is None else boundaries,
            built.closed if closed is None else closed,
            compartments=built.compartments if compartments is None else compartments,
        )
        problem_data = self._with_terms(
            ProblemData(given.electrolyte, given.boundaries, given.closed, compartments=given.compartments or {})
        )
        names = self.mesh.geometry.boundaries_of(problem_data.boundaries)
        if problem_data.signature != self.signature or names != self.boundary_names:
            raise ValueError("the problem was built for other species or boundary conditions")
        problem_data.check(self.mesh.geometry, self.options.formulation)
        check_kind(problem_data.boundaries, transient=False)
        return problem_data

    def _formulation_at(self, problem_data: ProblemData, prediction: Prediction | None) -> tuple[str, str]:
        """The first formulation and its reason; an electroneutral answer shows how steep the potential will be."""
        formulation, reason = self._formulation_for(problem_data)
        if formulation == "density" and self._may_use_nodal(problem_data) and prediction is not None:
            reason = self._too_steep(prediction.u, problem_data)
        return ("nodal", reason) if reason else (formulation, "")

    def _may_use_nodal(self, problem_data: ProblemData) -> bool:
        """Whether "nodal" may replace concentrations as unknowns."""
        return self.options.formulation == "auto" and has_logarithms(problem_data)

    def _too_steep(self, phi: np.ndarray, problem_data: ProblemData) -> str:
        """Reason why the potential (local nodes, V_T) is too steep for concentrations, or empty. Collective."""
        change, place = change_within_cells(self.discretisation.space, phi, problem_data.electrolyte)
        if change <= largest_drop(self.mesh.element_degree):
            return ""
        radial = self.mesh.geometry.dimension == "1d" and self.mesh.geometry.radial
        return (
            f"the potential changes by {change:.2g} V_T within a cell at {'r' if radial else 'z'} = "
            f"{format_quantity(float(f'{place * MODEL_UNIT:.3g}'), LENGTH)}"
        )

    def _starts(self, problem_data: ProblemData, prediction: Prediction | None) -> list[np.ndarray]:
        """Starts of Newton as nodal values, the best one first. Collective."""
        electrolyte = problem_data.electrolyte
        bulk = self.system.state.bulk(electrolyte)
        if prediction is not None:
            above = prediction.ground - problem_data.reference_potential  # of a load
            return [np.column_stack([*prediction.concentrations, electrolyte.V_T * prediction.u + above])]
        starts = [bulk] if self._previous is None else [self._previous, bulk]
        if electrolyte.charged_regions or charged_sides(problem_data, self.weights):
            starts.insert(0, donnan_state(electrolyte, immobile_charge(problem_data, self.weights)))
        if self.formulation == "density":
            return starts
        return [start for start in starts if is_positive(self.mesh.mesh.comm, start)]

    def _solve_by_choice(self, starts: list[np.ndarray], problem_data: ProblemData) -> NewtonStatistics:
        """Solve with the present formulation, or with "nodal" where cells are too coarse for it. Collective."""
        if self.formulation != "density" or not self._may_use_nodal(problem_data):
            return self._solve_from(starts, problem_data)
        failures: list[NewtonError] = []
        try:
            statistics = self._newton_from(starts, problem_data, failures)
        except NewtonError as error:
            reason = f"densities failed ({error.statistics.reason})"
        else:
            reason = self._too_steep(self.system.equations.fields.phi.x.array, problem_data)
            if not reason:
                return statistics
            failures = [NewtonError("", statistics)]
            starts = [self.system.state.concentrations_and_potential(), *starts]
        self.use_formulation("nodal", reason)
        self.system.set_data(problem_data)
        positive = [start for start in starts if is_positive(self.mesh.mesh.comm, start)]
        try:
            return self._solve_from(positive, problem_data).after(failures)
        except NewtonError:
            pass
        self.use_formulation("density")
        self.system.set_data(problem_data)
        return self._solve_from(starts, problem_data).after(failures)

    def _solve_from_rest(self, starts: list[np.ndarray], problem_data: ProblemData) -> NewtonStatistics | None:
        """Solve from the rest of membranes without space; ``None`` where that is no way. Collective.

        Where the potential turns out to be too steep for concentrations, the state becomes the first of the starts.
        """
        if not has_mechanisms(problem_data) or any(b.prescribes_potential for b in problem_data.boundaries.values()):
            return None  # the potential of a bath is that of the bulk state
        volume, areas = self.weights.total_volume * MODEL_UNIT**3, self.discretisation.areas()
        rest, reason = on_root(self.mesh.mesh.comm, lambda: rest_or_reason(problem_data, volume, areas))
        self._why_no_rest = reason if reason.startswith(NO_REST) else ""
        if rest is None:
            return None
        uniform = np.append(rest.inside, rest.potential - problem_data.reference_potential)
        start, compartments = np.tile(uniform, (len(starts[0]), 1)), self.system.compartments
        if self.formulation != "density" and not is_positive(self.mesh.mesh.comm, start):
            return None
        compartments.start_from(exchanged_concentrations(problem_data, rest))
        try:
            statistics = self._attempt(start, problem_data, line_search_fallback=True)
        except NewtonError:
            compartments.restart()
            return None
        may_change = self.formulation == "density" and self._may_use_nodal(problem_data)
        if may_change and self._too_steep(self.system.equations.fields.phi.x.array, problem_data):
            starts.insert(0, self.system.state.concentrations_and_potential())
            return None
        return statistics

    def _solve_excited(self, starts: list[np.ndarray], problem_data: ProblemData) -> NewtonStatistics | None:
        """Solve by raising what can have several states from zero; ``None`` where that is no way. Collective."""
        if self._previous is not None or problem_data.excited(0.0) is None:
            return None
        failures: list[NewtonError] = []

        def solve_at(fraction: float, start: np.ndarray | None) -> None:
            data = problem_data.excited(fraction)
            assert data is not None
            self.system.set_data(data)
            found = self._attempt(start, data, line_search_fallback=True)
            failures.append(NewtonError("", found))

        try:
            solve_at(0.0, starts[0])
            for fraction in EXCITED:
                solve_at(fraction, None)
            self.system.set_data(problem_data)
            return self._attempt(None, problem_data, line_search_fallback=True).after(failures)
        except NewtonError:
            self.system.compartments.restart()
            self.system.set_data(problem_data)
            return None

    def _newton_from(
        self, starts: list[np.ndarray], problem_data: ProblemData, failures: list[NewtonError]
    ) -> NewtonStatistics:
        """Solve by Newton from each start until one succeeds, or raise the last error; adds failures. Collective."""
        for start in starts:
            try:
                return self._attempt(start, problem_data, line_search_fallback=True).after(failures)
            except NewtonError as error:
                failures.append(error)
        raise failures[-1]

    def _solve_from(self, starts: list[np.ndarray], problem_data: ProblemData) -> NewtonStatistics:
        """Solve by Newton from each start, then by continuation. Collective."""
        failures: list[NewtonError] = []
        try:
            return self._newton_from(starts, problem_data, failures)
        except NewtonError:
            if self.options.continuation == "none":
                raise
        return self._continue_from_bulk(problem_data, failures)

    def _continue_from_bulk(self, problem_data: ProblemData, failures: list[NewtonError]) -> NewtonStatistics:
        """Solve by continuation in steps that Newton can take; a failure tells how far it came. Collective.

        The data of the boundaries are raised from the bulk state (currents, voltages, charges, concentrations, amounts,
        all in proportion), or the Debye length shrinks to its value (for a bulk that is not neutral).
        """
        # Where nothing is grounded, data on the way would not fit Gauss' law.
        continuation = self.options.continuation
        by_data = problem_data.signature.grounded and (
            continuation == "data" or (continuation == "auto" and problem_data.bulk_is_neutral)
        )
        start: np.ndarray | None = self.system.state.bulk(problem_data.electrolyte)
        volume = self.system.state.volume()
        amounts = {name: c * volume for name, c in problem_data.electrolyte.bulk.items()}

        def data_at(fraction: float) -> ProblemData:
            if fraction == 1.0:
                return problem_data
            return (
                problem_data.scaled_from_bulk(fraction, amounts)
                if by_data
                else problem_data.with_debye_scaling(fraction)
            )

        control = StepControl(step=FIRST_STEP, smallest=SMALLEST_STEP, largest=LARGEST_STEP)
        reached, steps = 0.0, 0
        if not by_data:
            try:
                failures.append(NewtonError("", self._attempt(start, data_at(0.0))))
            except NewtonError as error:
                failures.append(error)
                raise _lost(error, 0.0, failures, problem_data, by_data=False) from None
            start = None
        while reached < 1.0:
            target = min(1.0, reached + control.step)
            try:
                statistics = self._attempt(start, data_at(target))
            except NewtonError as error:
                failures.append(error)
                if not control.failed():
                    raise _lost(error, reached, failures, problem_data, by_data=by_data) from None
            else:
                reached, start, steps = target, None, steps + 1
                if reached < 1.0:  # its statistics are among those of the attempts before the last
                    failures.append(NewtonError("", statistics))
                control.succeeded()
        return statistics.after(failures, continuation=steps)


def _lost(
    error: NewtonError, reached: float, failures: list[NewtonError], problem_data: ProblemData, *, by_data: bool
) -> NewtonError:
    """The error of a continuation, with the fraction that was reached and the likely cause."""
    boundaries = problem_data.boundaries.values()
    flows = any(b.limited for b in boundaries)
    charged = any(b.charges_wall for b in boundaries)
    layers = charged or problem_data.electrolyte.charged_regions or not flows
    causes = {"a current may reach its limit": flows, "the mesh may be too coarse for a layer": layers}
    cause = " or ".join(name for name, holds in causes.items() if holds)
    way = (
        f"the data could be raised to {100.0 * reached:.3g} % of what is imposed, where {cause}"
        if by_data
        else f"the Debye length could be brought {100.0 * reached:.3g} % of the way to its value"
    )
    return NewtonError(f"{error}; {way}", error.statistics.after(failures[:-1]))


def solve_steady(
    mesh: SpineMesh,
    electrolyte: ElectrolyteLike,
    boundaries: BoundariesLike,
    options: OptionsLike | None = None,
    probes: Mapping[str, Point] | None = None,
    closed: ClosedLike | None = None,
    regions: Mapping[str, Any] | None = None,
    terms: Iterable[Term] = (),
    compartments: CompartmentsLike | None = None,
) -> Solution:
    """Solve once; to solve for several values, build one `SteadyProblem`. Collective.

    Args:
        mesh: distributed mesh with named boundaries; its communicator is used.
        electrolyte: species with bulk concentrations, and the medium.
        boundaries: boundary conditions by name.
        options: options of the solvers.
        probes: points at which the solution is evaluated, m, or places of the shape, by name.
        closed: amounts of species that no boundary prescribes.
        regions: parts of the volume whose means and extremes the solution has, by name.
        terms: terms of the user beside those of the package.
        compartments: well-stirred solutions beyond boundaries, by name.

    Returns:
        The steady state.

    Raises:
        CaseError: bad boundary data, or a current beyond the limiting one.
        SolveError: Newton failed, with PETSc's reason.
    """
    with SteadyProblem(
        mesh, electrolyte, boundaries, options, probes, closed, regions, terms, compartments=compartments
    ) as problem:
        return problem.solve()
