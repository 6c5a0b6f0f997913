"""Neutral solution beside a membrane: what laws of physiology see of the domain, with derivatives.

At a wall the Debye layer is in equilibrium with the neutral solution beside it. Its potential above that of the wall
is V_T w, where w solves sum_i z_i c_i e^(-z_i w) + rho = 0 with the concentrations at the wall's point and the fixed
charge rho; its concentrations are c_i e^(-z_i w).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Largest size of w: beyond it the solution has ions of one sign only, and no neutral one stands beside it.
LARGEST = 30.0

#: Largest change of w in an iteration.
LONGEST = 2.0

#: Largest number of iterations.
MOST_ITERATIONS = 100

#: Change of w at which iterations end: the next one changes it by its square.
CONVERGED = 1e-9


@dataclass(frozen=True)
class NeutralTrace:
    """Neutral solution beside n points of a wall.

    Attributes:
        shift: potential above that of the wall over V_T, shape (n,).
        concentrations: concentrations, in the unit of those at the wall, shape (n, N).
        factors: factors e^(-z_i w) of the concentrations, shape (n, N).
        shift_slopes: derivative of the shift by each concentration at the wall, shape (n, N).
    """

    shift: np.ndarray
    concentrations: np.ndarray
    factors: np.ndarray
    shift_slopes: np.ndarray


def neutral_trace(
    c: np.ndarray, valences: np.ndarray, fixed: np.ndarray | float = 0.0, moves: np.ndarray | float = 1.0
) -> NeutralTrace:
    """Neutral solution in equilibrium with that at the wall.

    Where ions of one sign alone stand at a point there is none; the shift then ends at a bound.

    Args:
        c: concentrations at the wall, shape (n, N); those below zero count as zero.
        valences: valences of the species, shape (N,).
        fixed: fixed charge in the same unit, shape (n,) or one value.
        moves: one for each species that moves, zero for one whose concentration stays, shape (N,).
    """
    charge, positive = np.asarray(valences, dtype=float), np.maximum(c, 0.0)
    z = charge * moves
    w = np.zeros(len(c))
    for _ in range(MOST_ITERATIONS):
        charges = positive * np.exp(-np.multiply.outer(w, z)) * charge
        slope = charges @ z
        change = np.divide(charges.sum(axis=1) + fixed, slope, out=np.zeros_like(w), where=slope > 0.0)
        w = np.clip(w + np.clip(change, -LONGEST, LONGEST), -LARGEST, LARGEST)
        if np.abs(change).max(initial=0.0) < CONVERGED:
            break
    factors = np.exp(-np.multiply.outer(w, z))
    response = (positive * factors) @ z**2
    over = np.divide(1.0, response, out=np.zeros_like(w), where=response > 0.0)
    return NeutralTrace(w, c * factors, factors, charge * factors * over[:, None])
