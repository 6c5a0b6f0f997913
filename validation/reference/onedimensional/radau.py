"""Time steps of Radau IIA with three stages (order 5) for the discrete equations dq/dt + F = 0.

The stages Y_i at t + c_i h are solved together, without lagged terms:

    sum_j (A^-1)_ij (q(Y_j) - q(y))/h + F(Y_i, t + c_i h) = 0,

where an equation without storage (Poisson's, prescribed values, the gauge) is F(Y_i) = 0. The last stage is the new
state, so that these hold at every step. q is not linearised: amounts are conserved to the tolerance of Newton's method.
Gates at the ends, dm/dt = (m_inf(V) - m)/tau, have the same stages, M + (h/tau) A M = m + (h/tau) A m_inf(V), which are
functions of the potentials of all stages and go into the currents.
Source: Hairer and Wanner, Solving Ordinary Differential Equations II, sections IV.5 and IV.8 (RADAU5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.interpolate import BarycentricInterpolator
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from spinepnp.validation.reference.onedimensional.equations import Equations
from spinepnp.validation.reference.onedimensional.newton import NoConvergenceError
from spinepnp.validation.reference.onedimensional.problem import Values
from spinepnp.validation.reference.onedimensional.system import Loads

#: Nodes c_i of the stages, as fractions of the step.
C = np.array([(4.0 - math.sqrt(6.0)) / 10.0, (4.0 + math.sqrt(6.0)) / 10.0, 1.0])

#: Coefficients a_ij; the last row has the weights.
A = np.linalg.solve(np.vander(C, increasing=True).T, (C[:, None] ** np.arange(1, 4) / np.arange(1, 4)).T).T

#: Inverse A^-1.
INVERSE = np.linalg.inv(A)

# A^-1 has one real eigenvalue and a complex pair, whose conjugate needs no solve of its own.
_EIGENVALUES, _VECTORS = np.linalg.eig(INVERSE)
_CHOSEN = [int(np.argmin(np.abs(_EIGENVALUES.imag))), int(np.argmax(_EIGENVALUES.imag))]

#: Real eigenvalue of A^-1.
GAMMA = float(_EIGENVALUES[_CHOSEN[0]].real)

#: Complex eigenvalue of A^-1.
PAIR = complex(_EIGENVALUES[_CHOSEN[1]])

#: Transformation of the stages to eigenvectors.
_INTO = np.linalg.inv(_VECTORS)[_CHOSEN]

#: Transformation back; the complex part counts twice, for its conjugate.
_BACK = _VECTORS[:, _CHOSEN] * np.array([1.0, 2.0])

#: Coefficients of (q(Y_i) - q(y))/h in the estimate of the error, beside F(y) (Hairer and Wanner, eq. 8.18).
ERROR = np.array([-13.0 - 7.0 * math.sqrt(6.0), -13.0 + 7.0 * math.sqrt(6.0), -1.0]) / 3.0

#: Largest number of Newton iterations in a step; a shorter step is cheaper than more of them.
ITERATIONS = 15

#: Size of Newton corrections below which corrections that no longer fall are rounding.
ROUNDING = 1e-9

#: Error that Newton's method may leave, relative to the tolerance of a step: too small to change the step's error.
PART = 1e-4

#: Smallest error that is required of Newton's method, above rounding.
FLOOR = 1e-13

#: Ordering of SuperLU, which takes two thirds of the time of its default here.
ORDERING = "MMD_AT_PLUS_A"

#: Ratio of successive Newton corrections above which the iteration is given up as too slow.
SLOW = 0.7


@dataclass(frozen=True, eq=False)
class Step:
    """A step that was solved.

    Attributes:
        start: time at its start, s.
        length: step size, s.
        before: state at the start, (species + 1, nodes).
        stages: stages, (3, species + 1, nodes).
        error: estimate of the largest error in ln c and V/V_T.
        passed: amounts that have entered, scaled, (2, species).
        gates: values of the gates after the step, for each end of the line.
    """

    start: float
    length: float
    before: Values
    stages: Values
    error: float
    passed: Values
    gates: tuple[Values, ...] | None = None

    @property
    def state(self) -> Values:
        """State at the end of the step."""
        return np.asarray(self.stages[-1])

    def extrapolated(self, times: Values) -> Values:
        """Polynomial of the step at other times (s), (times, species + 1, nodes)."""
        places = np.concatenate([[0.0], C])
        known = np.concatenate([self.before[None], self.stages])
        return np.asarray(BarycentricInterpolator(places, known, axis=0)((times - self.start) / self.length))


class Stepper:
    """Solver of the steps of a system.

    Args:
        equations: equations of the system.
        tolerance: tolerance of a step, from which that of Newton's method follows.
    """

    def __init__(self, equations: Equations, tolerance: float) -> None:
        self.equations, self.system = equations, equations.system
        self.accuracy = max(PART * tolerance, FLOOR)

    def step(self, time: float, end: float, state: Values, guess: Values, *, filtered: bool = False) -> Step:
        """Solve one step.

        Args:
            time: start of the step, s.
            end: end of the step, s.
            state: state at the start.
            guess: initial guess of the stages.
            filtered: whether the error is estimated a second time, from the first estimate, as jumps need it.

        Raises:
            NoConvergenceError: Newton's method fails.
        """
        equations, h = self.equations, (end - time) / self.system.scale.time
        # The last stage takes currents just before the end, so that a step can end where a current jumps.
        at = [time + c * (end - time) for c in C[:-1]] + [math.nextafter(end, time)]
        loads = [self.system.loads(t) for t in at]
        solvers = self._factors(guess[-1], self._gated(guess, loads, h)[-1], h)
        before = equations.storage(state)
        stages = self._newton(guess.copy(), before, loads, h, solvers)
        loads = self._gated(stages, loads, h)
        change = np.array([equations.storage(Y) for Y in stages]) - before
        error = self._estimate(time, state, change / h, solvers[0], filtered)
        return Step(time, end - time, state, stages, error, self._passed(state, stages, loads, h), loads[-1].gates)

    def _gated(self, stages: Values, loads: list[Loads], h: float) -> list[Loads]:
        """Loads of stages with the gates that follow from their potentials; gates at the start are in the system."""
        system = self.system
        if system.gates is None:
            return loads
        rest = [system.rest(Y) for Y in stages]
        by_stage: list[list[Values]] = [[] for _ in stages]
        for k, end in enumerate(system.problem.ends):
            gates = np.empty((len(stages), len(end.gates)))
            for g, gate in enumerate(end.gates):
                part = h * system.scale.time / gate.time * A
                goal = system.gates[k][g] + part @ np.array([r[k][g] for r in rest])
                gates[:, g] = np.linalg.solve(np.eye(len(stages)) + part, goal)
            for i, m in enumerate(gates):
                by_stage[i].append(m)
        return [replace(at, gates=tuple(m)) for at, m in zip(loads, by_stage, strict=True)]

    def _factors(self, state: Values, loads: Loads, h: float) -> tuple[Any, Any]:
        """Factors of the real and the complex matrix of a step."""
        J, M = self.equations.matrix(state, loads), self.equations.mass(state) / h
        if not np.all(np.isfinite(J.data)):
            raise NoConvergenceError("not finite")
        try:
            real, pair = (
                self._by_gates((factor * M + J).tocsc(), state, loads, factor / h) for factor in (GAMMA, PAIR)
            )
            return splu(real, permc_spec=ORDERING), splu(pair, permc_spec=ORDERING)
        except RuntimeError as error:  # from SuperLU for a singular matrix
            raise NoConvergenceError(str(error)) from None

    def _by_gates(self, matrix: csc_matrix, state: Values, loads: Loads, rate: complex) -> csc_matrix:
        """Matrix with the contribution of the gates to dF, where all unknowns change at a rate (scaled)."""
        if loads.gates is None:
            return matrix
        system, (fields, n) = self.system, state.shape
        slopes = system.gate_slopes(state, loads, rate / system.scale.time)
        for k, node in enumerate(system.end_nodes):
            for i in np.flatnonzero(slopes[k]):
                column = np.array([(fields - 1) * n + node])
                matrix = matrix - self.equations.assembler.row(i * n + node, column, slopes[k, i : i + 1])
        return matrix.tocsc()

    def _residuals(self, stages: Values, before: Values, loads: list[Loads], h: float) -> Values:
        """Residuals of the stages."""
        stored = np.array([self.equations.storage(Y) for Y in stages]) - before
        F = np.array([self.equations.residual(Y, at) for Y, at in zip(stages, loads, strict=True)])
        return np.asarray(np.tensordot(INVERSE, stored, 1) / h + F)

    def _newton(self, stages: Values, before: Values, loads: list[Loads], h: float, solvers: tuple[Any, Any]) -> Values:
        """Stages by the simplified Newton method."""
        last = size = math.nan
        for k in range(ITERATIONS):
            with np.errstate(over="ignore", invalid="ignore"):
                right = self._residuals(stages, before, self._gated(stages, loads, h), h).reshape(3, -1)
            if not np.all(np.isfinite(right)):
                raise NoConvergenceError("not finite")
            real, pair = _INTO @ right
            solved = np.array([solvers[0].solve(np.ascontiguousarray(real.real)), solvers[1].solve(pair)])
            change = (_BACK @ solved).real.reshape(stages.shape)
            stages = stages - change
            size = float(np.max(np.abs(change)))
            ratio = min(size / last, 1.0) if k > 0 else 1.0
            left = size * min(1.0, ratio / max(1.0 - ratio, 1e-3))
            if left < self.accuracy or (size < ROUNDING and ratio > SLOW and k > 0):
                return stages
            if k > 0 and ratio > SLOW:
                break
            last = size
        raise NoConvergenceError(f"no convergence of a step, last change {size:.1e}")

    def _estimate(self, time: float, state: Values, rates: Values, solver: Any, filtered: bool) -> float:
        """Largest error by an embedded method of order 3, filtered by a matrix that damps stiff parts."""
        loads, embedded = self.system.loads(time), np.tensordot(ERROR, rates, 1)
        error = np.zeros_like(state)
        for _ in range(2 if filtered else 1):
            with np.errstate(over="ignore", invalid="ignore"):
                right = embedded - self.equations.residual(state + error, loads)
            # Poisson's equation holds at the end of every step, but not before a jump.
            right[-1, ~self.system.open] = 0.0
            right[self.equations.replaced] = 0.0
            error = solver.solve(right.ravel()).reshape(state.shape)
        return float(np.max(np.abs(error)))

    def _passed(self, state: Values, stages: Values, loads: list[Loads], h: float) -> Values:
        """Integral of the inflow by the weights of the method; from balances where values are prescribed."""
        system, last = self.system, len(self.system.z)
        ends, prescribed = system.end_nodes, system.prescribed[:last, system.end_nodes].T
        inflow = np.array([system.inflow(Y, at) for Y, at in zip(stages, loads, strict=True)])
        out = np.array([system.volume_terms(Y, at)[:last, ends].T for Y, at in zip(stages, loads, strict=True)])
        stored = (system.storage(stages[-1]) - system.storage(state))[:last, ends].T
        return np.where(prescribed, stored + h * np.tensordot(A[-1], out, 1), h * np.tensordot(A[-1], inflow, 1))
