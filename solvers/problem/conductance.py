"""Current of a conductance by the electroneutral law: one scalar equation.

Phi = I G/(z_k F D_k) makes the potential of each place a function of the current I, so that I = g (E - V(I)) has one
unknown: V is the mean over the boundary of the conductance, and a load lifts the ground by its own law.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spinepnp.runtime.stack import MPI
from spinepnp.solvers.model.electroneutral import Electroneutral

#: Share of the limiting current up to which a current is searched: beyond it concentrations are negative.
BELOW_LIMIT = 1.0 - 1e-12

#: Largest change of the driving force over the boundary that counts as even: the error of the current is its square.
EVEN = 0.1


@dataclass(frozen=True)
class Injector:
    """Boundary through which a current of one species enters evenly.

    Attributes:
        comm: MPI communicator.
        law: relation between Phi and the potential.
        per_ampere: Phi of a current of 1 A at the local nodes, mol/m^3 per A, shape (n,).
        weights: weights of the mean over the boundary at the owned nodes, shape (owned,); they sum to one.
        ground_potential: potential of the ground, V, as a function of the current, A.
    """

    comm: MPI.Comm
    law: Electroneutral
    per_ampere: np.ndarray
    weights: np.ndarray
    ground_potential: Callable[[float], float]

    def _u(self, current: float) -> np.ndarray:
        """Potential over kT/e above the ground at the owned nodes."""
        return self.law.potential(current * self.per_ampere[: len(self.weights)])

    def _mean(self, current: float) -> float:
        """Mean potential over the boundary, V. Collective."""
        mean = self.comm.allreduce(float(self.weights @ self._u(current)), op=MPI.SUM)
        return self.law.electrolyte.V_T * mean + self.ground_potential(current)

    def _limit(self) -> float:
        """Current that uses up the species somewhere, A; infinite where there is none. Collective."""
        sign = math.copysign(1.0, self.comm.allreduce(float(self.per_ampere.sum()), op=MPI.SUM))
        largest = self.comm.allreduce(float((sign * self.per_ampere).max(initial=0.0)), op=MPI.MAX)
        return float(sign * self.law.depletion()[1] / largest)

    def _is_even(self, current: float, drive: float) -> bool:
        """Whether the potential varies little over the boundary, compared with a driving force, V. Collective."""
        u = self._u(current)[self.weights > 0.0]
        lowest = self.comm.allreduce(float(u.min(initial=math.inf)), op=MPI.MIN)
        highest = self.comm.allreduce(float(u.max(initial=-math.inf)), op=MPI.MAX)
        return self.law.electrolyte.V_T * (highest - lowest) <= EVEN * abs(drive)

    def current(self, conductance: float, reversal: float) -> float | None:
        """Current I = g (E - V(I)), A. Collective.

        Args:
            conductance: conductance g of the whole boundary, S.
            reversal: reversal potential E, V.

        Returns:
            The current; not a number beyond the limiting one, ``None`` where it would not be even over the boundary.
        """
        from scipy.optimize import brentq

        unit = largest = conductance * (reversal - self._mean(0.0))
        if unit == 0.0:
            return 0.0

        def excess(current: float) -> float:
            return (conductance * (reversal - self._mean(current)) - current) / unit

        limit = self._limit()
        if largest * limit > 0.0 and abs(limit) <= abs(largest):
            largest = BELOW_LIMIT * limit
            if excess(largest) > 0.0:
                return math.nan
        current = float(brentq(excess, 0.0, largest, xtol=1e-15 * abs(unit), rtol=1e-14))
        return current if self._is_even(current, current / conductance) else None
