"""Dense output: the solution at any time of a step, from values that the steps have anyway.

Within a step from t_n to t_n + h the solution is a combination of its values at the stages of the step, at t_n and,
where the solution is smooth there, at the start and at one stage of the step before,

    y(t_n + theta h) = sum_i w_i(theta) Y_i,     w_i polynomials of theta.

Concentrations, potential, amounts, charges, states of terms, currents, and the charge that has passed a boundary get
the same weights. Poisson's equation, the condition of a floating boundary, the sum of all currents and the balance of
each species are linear in these; thus they hold at all times as they hold at the stages.

The potential is an algebraic variable, and the fast modes of the ions are as stiff as one: their values at the stages
are right whatever the order of the method. Slow modes have an error of third order at the stages: the value of
((t - t_n)/h)^3 there is 3 sum_j a_ij c_j^2, not c_i^3. The weights are exact for polynomials of fourth degree through
the points (second, in the first step of a smooth interval), and free of that error: these are the conditions of third
order of a continuous Runge-Kutta method (Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, section
II.6). The error is of third order in the step at all theta. Within a step of backward Euler values are linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.time.dirk import PastPoints, StageRates, TimeState, TrialStep
from spinepnp.solvers.time.tableaux import Tableau

#: Stage of a step whose values the next one uses beside those at the start: of all it has the smallest error.
KEPT_STAGE = 2

#: Largest ratio of the lengths of two successive steps at which the one before is used.
LARGEST_RATIO = 10.0


@dataclass(frozen=True)
class Totals:
    """Quantities of the whole domain that change in time, or their rates.

    Attributes:
        amounts: amount of each species, scaled, shape (N,).
        charge: flux of the displacement field out of each boundary, C, shape (boundaries,).
        states: states of terms, such as open fractions of gates.
        passed: charge that each species has carried in through each boundary, then through each mechanism, C, shape
            (boundaries + mechanisms, N).
        produced: amount of each species that was produced in the volume, mol, shape (N,).
    """

    amounts: np.ndarray
    charge: np.ndarray
    states: np.ndarray
    passed: np.ndarray
    produced: np.ndarray

    def flat(self) -> np.ndarray:
        """All of them in one row."""
        return np.concatenate([self.amounts, self.charge, self.states, self.passed.ravel(), self.produced])

    @classmethod
    def of(cls, flat: np.ndarray, species: int, boundaries: int, mechanisms: int) -> Totals:
        """Totals from the row of `flat`.

        Args:
            flat: row of numbers.
            species: number of species N.
            boundaries: number of boundaries.
            mechanisms: number of mechanisms.
        """
        places = boundaries + mechanisms
        states = len(flat) - 2 * species - boundaries - places * species
        parts = np.split(flat, np.cumsum([species, boundaries, states, places * species]))
        return cls(parts[0], parts[1], parts[2], parts[3].reshape(places, species), parts[4])


@dataclass(frozen=True)
class DenseOutput:
    """Solution at any time of a step.

    Attributes:
        start: start of the step, s.
        end: its end, s.
        coefficients: coefficients of the weights of the points by power of theta, shape (powers, points); the last
            point is the end of the step.
        first: number of the point at the start of the step.
        nodal: values at the points: concentrations, mol/m^3, and potential, V, as in `Solution.unknowns`, each of shape
            (local dofs, N + 1).
        nodal_states: nodal states of terms at the points, see `Term.nodal_states`, each of shape (owned dofs, states).
        totals: totals at the points, see `Totals.flat`, shape (points, totals).
        rates: their rates at the points, 1/s, of the same shape.
        floors: floors of the currents at the starts of the steps and at the end, A, each of shape (boundaries, N + 1),
            displacement last.
    """

    start: float
    end: float
    coefficients: np.ndarray
    first: int
    nodal: tuple[np.ndarray, ...]
    nodal_states: tuple[np.ndarray, ...]
    totals: np.ndarray
    rates: np.ndarray
    floors: tuple[np.ndarray, ...]

    def weights(self, time: float) -> np.ndarray:
        """Weights of the points at a time (s), shape (points,)."""
        if time in (self.start, self.end):
            return np.eye(len(self.nodal))[self.first if time == self.start else -1]
        theta = (time - self.start) / (self.end - self.start)
        return np.asarray(theta ** np.arange(len(self.coefficients)) @ self.coefficients)

    def values(self, time: float) -> np.ndarray:
        """Nodal values at a time (s) as in `Solution.unknowns`.

        The polynomial of a concentration that rises or falls by orders of magnitude within a step may be negative where
        both ends are not: there it is the smaller of both ends.
        """
        nodal = sum(w * y for w, y in zip(self.weights(time), self.nodal, strict=True))
        values, ends = np.asarray(nodal), np.minimum(self.nodal[self.first], self.nodal[-1])
        values[:, :-1] = np.where(values[:, :-1] < 0.0, np.maximum(values, ends)[:, :-1], values[:, :-1])
        return values

    def states_at_nodes(self, time: float) -> np.ndarray:
        """Nodal states of terms at a time (s), shape (owned dofs, states)."""
        return np.asarray(sum(w * y for w, y in zip(self.weights(time), self.nodal_states, strict=True)))

    def past(self) -> PastPoints | None:
        """Points for the next step; ``None`` after a step of backward Euler."""
        kept = [self.first, self.first + KEPT_STAGE]
        if kept[1] >= len(self.nodal) - 1:
            return None
        nodal, nodal_states = ((of[kept[0]], of[kept[1]]) for of in (self.nodal, self.nodal_states))
        return PastPoints(self.start, nodal, nodal_states, self.totals[kept], self.rates[kept], self.floors[-2])


def weight_coefficients(method: Tableau, ratio: float | None) -> np.ndarray:
    """Coefficients of the weights of all points by power of theta, shape (powers, points).

    The points are the start and the kept stage of the step before, the start, and the stages of the step.

    Args:
        method: Runge-Kutta method of both steps.
        ratio: length of the step before over that of the step; ``None`` without the points of the step before.
    """
    c, cubes = method.c, 3.0 * method.A @ method.c**2
    if ratio is not None:
        before = ratio * (c[[0, KEPT_STAGE]] - 1.0)
        kept, error = c[KEPT_STAGE], cubes[KEPT_STAGE] - c[KEPT_STAGE] ** 3
        cubes = np.concatenate([ratio**3 * np.array([-1.0, (kept - 1.0) ** 3 + error]), cubes])
        c = np.concatenate([before, c])
    powers = np.arange(len(c) - 1)
    conditions = np.vstack([c ** powers[:, None], cubes])
    # The right sides at theta are its powers, and theta^3 for the values of the stages.
    unit = np.eye(max(len(powers), 4))
    return np.linalg.solve(conditions, np.vstack([unit[: len(powers)], unit[3]])).T


def physical(problem: Problem, unknowns: np.ndarray) -> np.ndarray:
    """Concentrations, mol/m^3, and potential, V, as in `Solution.unknowns`, of local unknowns. Collective."""
    system, weights = problem.system, problem.weights
    scales = system.step_data.scales
    concentrations = system.equations.fields.variables.concentrations(unknowns[:, :-1]) * scales.concentration
    potential = unknowns[:, -1] * scales.potential + system.step_data.zero
    if not problem.signature.grounded:
        potential = potential - weights.integral(weights.volume, potential[:, None])[0] / weights.total_volume
    return np.column_stack([concentrations, potential])


def totals_of(problem: Problem, time_state: TimeState) -> Totals:
    """Totals at a state. Collective."""
    rates = time_state.rates
    amounts = reduced(problem.mesh.mesh.comm, rates.content.sum(axis=0), MPI.SUM)
    return Totals(amounts, rates.charge, rates.states, time_state.passed, time_state.produced)


def _stage_rates(problem: Problem, stages: list[StageRates]) -> np.ndarray:
    """Rates of the totals at each stage, shape (stages, totals). Collective."""
    sums = np.array([stage.content_rate.sum(axis=0) for stage in stages])
    amounts = reduced(problem.mesh.mesh.comm, sums, MPI.SUM)
    rows = zip(amounts, stages, strict=True)
    return np.array([Totals(a, s.charge_rate, s.state_rate, s.current, s.production).flat() for a, s in rows])


def dense_output(
    problem: Problem, before: TimeState, trial: TrialStep, first: np.ndarray, last: np.ndarray
) -> DenseOutput:
    """Dense output of an accepted step. Collective.

    Args:
        problem: discrete problem.
        before: state at the start, with points of the step before if the solution is smooth there.
        trial: the accepted step.
        first: nodal values at the start as in `Solution.unknowns`.
        last: those at the end.
    """
    start, end, method, past = before.time, trial.time_state.time, trial.method, before.past
    length, rates = end - start, _stage_rates(problem, trial.stages)
    totals = np.array([totals_of(problem, before).flat(), totals_of(problem, trial.time_state).flat()])
    floors = before.rates.floor, trial.time_state.rates.floor
    solved = trial.stages[-len(trial.inner_unknowns) - 1 :]
    states = (before.rates.nodal_states, *(stage.nodal_states for stage in solved))
    if not method.explicit_start:
        linear = np.array([[1.0, 0.0], [-1.0, 1.0]])
        return DenseOutput(start, end, linear, 0, (first, last), states, totals, np.vstack([rates, rates]), floors)
    nodal = (first, *(physical(problem, unknowns) for unknowns in trial.inner_unknowns), last)
    totals = np.vstack([totals[:1], totals[0] + length * method.A[1:-1] @ rates, totals[1:]])
    ratio = None if past is None else (start - past.start) / length
    if past is None or ratio is None or not 1.0 / LARGEST_RATIO <= ratio <= LARGEST_RATIO:
        return DenseOutput(start, end, weight_coefficients(method, None), 0, nodal, states, totals, rates, floors)
    totals, rates = np.vstack([past.totals, totals]), np.vstack([past.rates, rates])
    coefficients, all_floors = weight_coefficients(method, ratio), (past.floor, *floors)
    points, all_states = (*past.nodal, *nodal), (*past.nodal_states, *states)
    return DenseOutput(start, end, coefficients, 2, points, all_states, totals, rates, all_floors)
