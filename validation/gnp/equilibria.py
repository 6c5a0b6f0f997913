"""Equilibria as functions of the pump current, their stability, saddle-nodes and Hopf points (paper 002, Fig 9d-i).

For a given voltage an equilibrium is found without continuation: chloride is at its Nernst potential, gates have their
steady-state values, sodium follows from charge, and one equation for K_o is left: the pump moves three sodium for two
potassium. The balance of potassium then gives the pump current. Stability is that of the model with this pump current
as a constant.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from spinepnp.errors import SolveError
from spinepnp.validation.gnp import kinetics
from spinepnp.validation.gnp.models import Model

#: Imaginary part, relative to the largest eigenvalue, below which an eigenvalue counts as real (rounding).
REAL = 1e-13


@dataclass(frozen=True)
class Equilibrium:
    """One equilibrium.

    Attributes:
        V: voltage, mV.
        pump: pump current, uA/cm^2.
        state: state (m, h, n, V, Na_i, Cl_i).
        eigenvalues: eigenvalues of the Jacobian, 1/ms, shape (6,).
    """

    V: float
    pump: float
    state: np.ndarray
    eigenvalues: np.ndarray

    @property
    def stable(self) -> bool:
        """Whether all eigenvalues have negative real parts."""
        return bool(np.all(self.eigenvalues.real < 0.0))


@dataclass(frozen=True)
class Branch:
    """Equilibria in order of their voltage.

    Attributes:
        model: the model.
        points: equilibria; voltages without one are left out.
        saddle_nodes: extrema of the pump current, in order of the voltage.
        hopf: points at which a pair of complex eigenvalues crosses the imaginary axis.
        gaps: ranges of voltage (from, to) without equilibrium, mV.
    """

    model: Model
    points: tuple[Equilibrium, ...]
    saddle_nodes: tuple[Equilibrium, ...]
    hopf: tuple[Equilibrium, ...]
    gaps: tuple[tuple[float, float], ...]


def equilibrium(model: Model, V: float) -> Equilibrium | None:
    """Equilibrium at a voltage (mV) without a stimulus; ``None`` where there is none with K_o > 0."""
    constant = replace(model, pump="constant")
    c = constant.coefficients
    a_m, b_m, a_h, b_h, a_n, b_n = kinetics.gate_rates(float(V))
    Cl_i = c.Cl / (1.0 + np.exp(-V / c.phi))
    y = np.array([a_m / (a_m + b_m), a_h / (a_h + b_h), a_n / (a_n + b_n), V, 0.0, Cl_i])

    def parts(K_o: float) -> tuple[float, float]:
        y[kinetics.NA] = K_o + V / c.kappa + c.anions + Cl_i
        K_L, Na_L, _, _, _, K_V, Na_V, *_ = kinetics.currents(y, K_o, 0.0, c)
        return K_L + K_V, Na_L + Na_V

    def imbalance(K_o: float) -> float:
        K, Na = parts(K_o)
        return 3.0 * K + 2.0 * Na

    offset = V / c.kappa + c.anions + Cl_i  # Na_i - K_o
    low, high = max(0.0, -offset) + 1e-12, min(c.K, c.Na - offset) - 1e-9
    if low >= high or imbalance(low) * imbalance(high) > 0.0:
        return None
    K_o = float(brentq(imbalance, low, high, xtol=1e-15, rtol=1e-15, maxiter=300))
    pump = 0.5 * parts(K_o)[0]
    fixed = c._replace(pump=0, pump_constant=pump)
    return Equilibrium(float(V), float(pump), y.copy(), np.linalg.eigvals(kinetics.jacobian(y, 0.0, fixed)))


def branch(model: Model, voltages: np.ndarray | None = None) -> Branch:
    """Equilibria over a range of voltages, with their bifurcations.

    Args:
        model: model GNP, vGNP, kvGNP, navGNP or iHH.
        voltages: rising voltages, mV; by default -100 to -15 in steps of 0.1, above which the pump would run backwards.
    """
    at = np.linspace(-100.0, -15.0, 851) if voltages is None else np.asarray(voltages, dtype=float)
    equilibria = [equilibrium(model, float(V)) for V in at]
    points = tuple(e for e in equilibria if e is not None)
    turns, hopf = [], []
    for first, second, third in zip(equilibria, equilibria[1:], equilibria[2:], strict=False):
        if first is None or second is None or third is None:
            continue
        if (second.pump - first.pump) * (third.pump - second.pump) < 0.0:
            turns.append(_turn(model, first.V, third.V))
    for before, after in itertools.pairwise(equilibria):
        if before is None or after is None:
            continue
        a, b = _leading_pair(before), _leading_pair(after)
        if a is not None and b is not None and a * b < 0.0:
            hopf.append(_crossing(model, before.V, after.V))
    edges = [
        _edge(model, float(a), float(b))
        for a, b, one, other in zip(at, at[1:], equilibria, equilibria[1:], strict=False)
        if (one is None) != (other is None)
    ]
    if equilibria[0] is None:
        edges.insert(0, float(at[0]))
    if equilibria[-1] is None:
        edges.append(float(at[-1]))
    gaps = list(zip(edges[::2], edges[1::2], strict=True))
    return Branch(model, points, tuple(turns), tuple(h for h in hopf if h is not None), tuple(gaps))


def _edge(model: Model, low: float, high: float) -> float:
    """Voltage between two at which equilibria begin or end, mV."""
    exists = equilibrium(model, low) is not None
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if (equilibrium(model, middle) is not None) == exists else (low, middle)
    return 0.5 * (low + high)


def _leading_pair(e: Equilibrium) -> float | None:
    """Largest real part among the complex eigenvalues, 1/ms."""
    pairs = e.eigenvalues[np.abs(e.eigenvalues.imag) > REAL * np.abs(e.eigenvalues).max()]
    return float(pairs.real.max()) if len(pairs) else None


def _turn(model: Model, low: float, high: float) -> Equilibrium:
    """Equilibrium with the extremal pump current between two voltages, at which there are equilibria."""

    def at(V: float) -> Equilibrium:
        point = equilibrium(model, V)
        if point is None:
            raise SolveError(f"{model.name}: no equilibrium at {V:.6g} mV, between two voltages that have one")
        return point

    step = 1e-4
    return at(float(brentq(lambda V: at(V + step).pump - at(V - step).pump, low, high, xtol=1e-9)))


def _crossing(model: Model, low: float, high: float) -> Equilibrium | None:
    """Equilibrium at which the leading pair crosses the imaginary axis; ``None`` if it becomes real in between."""

    def value(V: float) -> float | None:
        point = equilibrium(model, V)
        return None if point is None else _leading_pair(point)

    a = value(low)
    for _ in range(60):
        middle = 0.5 * (low + high)
        at = value(middle)
        if at is None or a is None:
            return None
        low, high = (middle, high) if at * a > 0.0 else (low, middle)
    return equilibrium(model, 0.5 * (low + high))
