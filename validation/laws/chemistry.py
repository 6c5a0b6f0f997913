"""Laws of mass action in a stirred volume: a binding in time and in equilibrium, networks in equilibrium."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinepnp.validation.laws.stoichiometry import conservation_laws, null_space

Values = NDArray[np.float64]

#: Change of the logarithms in a Newton step of `equilibrium` at which it has converged: the next one is rounding.
CONVERGED = 1e-9

#: Largest number of Newton steps of `equilibrium`; steps are limited, and concentrations may differ by many decades.
STEPS = 200

#: Largest change of a logarithm in a Newton step of `equilibrium`.
LIMIT = 3.0

#: Relative error of constants that count as consistent around a cycle of reactions.
CONSISTENT = 1e-9


def binding_equilibrium(first: float, second: float, dissociation: float) -> float:
    """Complex of A + B <-> C in equilibrium: the smaller root of c^2 - (a0 + b0 + K) c + a0 b0 = 0.

    Written as 2 a0 b0/(s + sqrt((a0 - b0)^2 + K (K + 2 a0 + 2 b0))), which is exact to rounding for traces.

    Args:
        first: total concentration a0 of A, mol/m^3.
        second: total concentration b0 of B, mol/m^3.
        dissociation: dissociation constant K = k_off/k_on, mol/m^3.

    Returns:
        Concentration of C, mol/m^3.
    """
    total, apart = _of_binding(first, second, dissociation)
    return 2.0 * first * second / (total + apart) if first * second > 0.0 else 0.0


def _of_binding(first: float, second: float, dissociation: float) -> tuple[float, float]:
    """Sum and difference of the roots of the equilibrium of A + B <-> C, mol/m^3."""
    total = first + second + dissociation
    square = (first - second) ** 2 + dissociation * (dissociation + 2.0 * (first + second))
    return total, math.sqrt(square)


def binding(time: ArrayLike, first: float, second: float, forward: float, backward: float = 0.0) -> Values:
    """Complex of A + B <-> C in a stirred volume without any at the start; of one direction if `backward` is zero.

    The equation of Riccati c' = k_on (c - c1)(c - c2) has the solution c = a0 b0 y/(1 + c1 y) with
    y = (1 - e^(-w t))/(c2 - c1), w = k_on (c2 - c1) and c1 < c2 the roots of the equilibrium. Exact, also for a0 = b0.

    Args:
        time: times since the start, s.
        first: concentration a0 of A at the start, mol/m^3.
        second: concentration b0 of B at the start, mol/m^3.
        forward: rate constant k_on, m^3/(mol s).
        backward: rate constant k_off, 1/s.

    Returns:
        Concentrations of C, mol/m^3, shape of the times.
    """
    t = np.asarray(time, dtype=float)
    total, apart = _of_binding(first, second, backward / forward)
    low = 2.0 * first * second / (total + apart)
    past = forward * apart * t
    y = forward * t * np.divide(-np.expm1(-past), past, out=np.ones_like(past), where=past > 0.0)
    return np.asarray(first * second * y / (1.0 + low * y))


def equilibrium(stoichiometry: ArrayLike, constants: ArrayLike, start: ArrayLike) -> Values:
    """Concentrations of a network in equilibrium that has the conserved totals of a start, and so its charge.

    ln c = g + n^T lambda with N^T g = ln K; Newton's method for the lambda that gives the totals, whose Jacobian is
    symmetric and positive. Each total is met relative to itself, a trace among salt as well as the salt.

    Args:
        stoichiometry: N, whole numbers that each reaction produces less those that it consumes, (species, reactions).
        constants: equilibrium constants K = k_f/k_b = prod c_i^N_i of the reactions, in powers of mol/m^3; positive.
        start: concentrations of the start, mol/m^3, (species,); some may be zero.

    Returns:
        Concentrations, mol/m^3, (species,).

    Raises:
        ValueError: constants are not positive and finite, contradict each other around a cycle, a total of species is
            zero in which reactions take part, or the method does not converge.
    """
    N, c0 = np.asarray(stoichiometry, dtype=np.int64), np.asarray(start, dtype=float)
    K = np.asarray(constants, dtype=float)
    if not (np.all(np.isfinite(K)) and np.all(K > 0.0)):
        raise ValueError(
            "constants: positive and finite ones are needed; a reaction of one direction has no equilibrium"
        )
    g = _consistent_logs(N, np.log(K))
    laws = conservation_laws(N).astype(float)
    totals, sizes = laws @ c0, np.abs(laws) @ c0
    if np.any(sizes == 0.0):
        return _of_present(N, K, c0, laws[sizes == 0.0])
    logs = np.log(np.where(c0 > 0.0, c0, np.max(c0)))
    multipliers = np.linalg.lstsq(laws.T, logs - g, rcond=None)[0]
    for _ in range(STEPS):
        c = np.exp(g + laws.T @ multipliers)
        scale = 1.0 / np.sqrt((laws**2) @ c)
        matrix = scale[:, None] * (laws * c) @ laws.T * scale
        step = scale * np.linalg.solve(matrix, scale * (totals - laws @ c))
        change = float(np.max(np.abs(laws.T @ step)))
        multipliers = multipliers + step * min(1.0, LIMIT / max(change, LIMIT))
        if change < CONVERGED:
            return np.asarray(np.exp(g + laws.T @ multipliers))
    raise ValueError(f"start = {c0.tolist()}: no equilibrium was found")


def _consistent_logs(N: NDArray[np.int64], logs: Values) -> Values:
    """One solution g of N^T g = ln K.

    Raises:
        ValueError: there is none.
    """
    g = np.asarray(np.linalg.lstsq(N.T.astype(float), logs, rcond=None)[0])
    for cycle in null_space(N.T):
        if abs(float(cycle @ logs)) > CONSISTENT * max(1.0, float(np.abs(cycle) @ np.abs(logs))):
            raise ValueError(f"constants: their product around the cycle {cycle.tolist()} of reactions is not 1")
    return g


def _of_present(N: NDArray[np.int64], K: Values, c0: Values, empty: Values) -> Values:
    """Equilibrium of the species that are there: those of a total that is zero are not, nor are their reactions."""
    gone = np.any(empty != 0.0, axis=0)
    left = ~np.any(N[gone] != 0, axis=0)
    c = np.zeros_like(c0)
    c[~gone] = equilibrium(N[np.ix_(~gone, left)], K[left], c0[~gone]) if np.any(left) else c0[~gone]
    return c
