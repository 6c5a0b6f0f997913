"""Dense output: the solution at any time of a step, from its stages.

Within a step of length h from t_n the values y (concentrations at the nodes and potential, and with the same weights
amounts, charges, gates and the charge that has passed each boundary) are the cubic polynomial with values and rates at
both ends (Hermite; Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, section II.6),

    y(t_n + theta h) = (1 - p) y_n + p y_n+1 + h theta (1 - theta) ((1 - theta) r_n - theta r_n+1),
    p = theta^2 (3 - 2 theta).

The potential is an algebraic variable, which has no rate of its own: all rates are combinations of the values Y_i at the
stages, h r = sum_i d_i Y_i, sum_i d_i = 0. Poisson's equation, the condition of a floating boundary and the balance of
each species are linear in y, so that they hold at all times as they hold at the stages.

The rate at the end is the one of the last stage: as the method is L-stable, K_s = sum_i d_i Y_i / h, without K_1. That
at the start is the one at the end of the step before. In the first step after a jump, a bend or a step of backward Euler
there is none; then it is the combination with which the conditions of third order of a Runge-Kutta method hold at all
theta, as they do with both K. The error is of third order in the step at all theta, as that of the steps. Within a step
of backward Euler values are linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.time.dirk import EndRates, StageRates, TimeState, TrialStep
from spinepnp.solvers.time.tableaux import Tableau


@dataclass(frozen=True)
class Cubic:
    """Cubic polynomial in time by its values and rates at both ends.

    Attributes:
        start: time of one end, s.
        end: time of the other end, s.
        values: arrays of values at both ends.
        rates: rates at both ends, 1/s.
    """

    start: float
    end: float
    values: tuple[np.ndarray, np.ndarray]
    rates: tuple[np.ndarray, np.ndarray]

    def at(self, time: float) -> np.ndarray:
        """Values at a time, s."""
        length = self.end - self.start
        theta = (time - self.start) / length
        part = theta**2 * (3.0 - 2.0 * theta)
        change = (1.0 - theta) * self.rates[0] - theta * self.rates[1]
        ends = (1.0 - part) * self.values[0] + part * self.values[1]
        return np.asarray(ends + length * theta * (1.0 - theta) * change)

    def rate_at(self, time: float) -> np.ndarray:
        """Rates at a time (s), 1/s."""
        length = self.end - self.start
        theta = (time - self.start) / length
        secant = (self.values[1] - self.values[0]) / length
        at_ends = (1.0 - theta) * (1.0 - 3.0 * theta) * self.rates[0] + theta * (3.0 * theta - 2.0) * self.rates[1]
        return np.asarray(6.0 * theta * (1.0 - theta) * secant + at_ends)


@dataclass(frozen=True)
class Totals:
    """Quantities of the whole domain that change in time, or their rates.

    Attributes:
        amounts: amount of each species, scaled, shape (N,).
        charge: flux of the displacement field out of each boundary, C, shape (boundaries,).
        gates: open fraction of each gate.
        passed: charge that each species has carried in through each boundary, C, shape (boundaries, N).
        produced: amount of each species that was produced in the volume, mol, shape (N,).
    """

    amounts: np.ndarray
    charge: np.ndarray
    gates: np.ndarray
    passed: np.ndarray
    produced: np.ndarray

    def flat(self) -> np.ndarray:
        """All of them in one row."""
        return np.concatenate([self.amounts, self.charge, self.gates, self.passed.ravel(), self.produced])

    @classmethod
    def of(cls, flat: np.ndarray, species: int, boundaries: int) -> Totals:
        """Totals from the row of `flat`."""
        gates = len(flat) - 2 * species - boundaries * (species + 1)
        parts = np.split(flat, np.cumsum([species, boundaries, gates, boundaries * species]))
        return cls(parts[0], parts[1], parts[2], parts[3].reshape(boundaries, species), parts[4])


@dataclass(frozen=True)
class DenseOutput:
    """Solution at any time of a step.

    Attributes:
        nodal: concentrations, mol/m^3, and potential, V, as in `Solution.unknowns`, shape (local dofs, N + 1).
        totals: totals as one row, see `Totals.flat`.
    """

    nodal: Cubic
    totals: Cubic

    def values_at(self, time: float) -> np.ndarray:
        """Nodal values at a time (s) as in `Solution.unknowns`.

        The polynomial of a concentration that rises or falls by orders of magnitude within a step may be negative where
        both ends are not: there it is the smaller of both ends.
        """
        values, (first, last) = self.nodal.at(time), self.nodal.values
        lowest = np.minimum(first[:, :-1], last[:, :-1])
        values[:, :-1] = np.where(values[:, :-1] < 0.0, np.maximum(values[:, :-1], lowest), values[:, :-1])
        return values

    @property
    def end_rates(self) -> EndRates:
        """Rates at the end."""
        return EndRates(self.nodal.rates[1], self.totals.rates[1])


def end_weights(method: Tableau) -> np.ndarray:
    """Weights d of the values at the stages for the rate K_s of the last one, shape (stages,)."""
    inverse = np.linalg.inv(method.A[1:, 1:])[-1]
    return np.array([-inverse.sum(), *inverse])


def start_weights(method: Tableau) -> np.ndarray:
    """Weights d of the values at the stages for the rate at the start.

    It is exact for parabolas, and free of the error of third order of the stages, whose values for t^3 are
    3 sum_j a_ij c_j^2.
    """
    c = method.c
    conditions = np.array([np.ones_like(c), c, c**2, 3.0 * method.A @ c**2])
    return np.linalg.solve(conditions, np.array([0.0, 1.0, 0.0, 0.0]))


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
    return Totals(amounts, rates.charge, rates.gates, time_state.passed, time_state.produced)


def _stage_totals(problem: Problem, stages: list[StageRates]) -> np.ndarray:
    """Rates of the totals at each stage, shape (stages, totals). Collective."""
    sums = np.array([stage.content_rate.sum(axis=0) for stage in stages])
    amounts = reduced(problem.mesh.mesh.comm, sums, MPI.SUM)
    return np.array(
        [
            Totals(a, s.charge_rate, s.gate_rate, s.current, s.production).flat()
            for a, s in zip(amounts, stages, strict=True)
        ]
    )


def dense_output(
    problem: Problem, before: TimeState, trial: TrialStep, first: np.ndarray, last: np.ndarray
) -> DenseOutput:
    """Dense output of an accepted step. Collective.

    Args:
        problem: discrete problem.
        before: state at the start, with the rates at the end of the step before, if the solution is smooth there.
        trial: the accepted step.
        first: nodal values at the start as in `Solution.unknowns`.
        last: those at the end.
    """
    start, end, method = before.time, trial.time_state.time, trial.method
    length, smooth = end - start, before.end_rates
    rates = _stage_totals(problem, trial.stages)
    if not method.explicit_start:
        secant, mean = (last - first) / length, rates[0]
        nodal_rates, total_rates = (secant, secant), (mean, mean)
    else:
        within = [physical(problem, unknowns) for unknowns in trial.inner_unknowns]
        at_stages, d = [first, *within, last], end_weights(method)
        last_rates = sum(w * y for w, y in zip(d, at_stages, strict=True)) / length, rates[-1]
        if smooth is None:
            d = start_weights(method)
            first_rates = sum(w * y for w, y in zip(d, at_stages, strict=True)) / length, d @ method.A @ rates
        else:
            first_rates = smooth.nodal, smooth.totals
        nodal_rates, total_rates = zip(first_rates, last_rates, strict=True)
    ends = totals_of(problem, before).flat(), totals_of(problem, trial.time_state).flat()
    return DenseOutput(Cubic(start, end, (first, last), nodal_rates), Cubic(start, end, ends, total_rates))
