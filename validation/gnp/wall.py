"""The GNP neuron with the laws of its membrane at the wall of the Debye layer, in place of the solution beside it.

Inside, the charge of the membrane sits in the layer of Gouy and Chapman: V_wall = sigma/C, V_wall - V = -2 V_T
asinh(sigma/sqrt(8 eps V_T F c)), and at the wall a cation is more dilute by exp(-(V_wall - V)/V_T). Both change the
currents. In the model of the paper laws see the solution beside the layer, which is right: they are measured there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import root

from spinepnp.errors import SolveError
from spinepnp.validation.gnp import kinetics
from spinepnp.validation.gnp.models import Model
from spinepnp.validation.gnp.simulation import Piece
from spinepnp.validation.laws.gouy_chapman import GouyChapmanLaw

#: Relative and absolute tolerance of the integrator: spike times then err by less than 1e-5 ms.
RTOL, ATOL = 1e-8, 1e-10

#: Longest step of the integrator, ms, so that no spike is stepped over.
LONGEST = 1.0


@dataclass(frozen=True)
class WallModel:
    """The GNP neuron whose laws see the wall.

    States are (m, h, n, K_o, Na_i, Cl_i), concentrations (mM) averaged over a side of the membrane.

    Attributes:
        model: the neuron, with concentrations that change.
        capacitance: capacitance of the membrane without its layer, F/m^2.
        permittivity: absolute permittivity inside, F/m.
    """

    model: Model
    capacitance: float
    permittivity: float

    def seen(self, state: np.ndarray) -> tuple[float, float, np.ndarray]:
        """Potential beside the layer and at the wall, mV, and K_i, Na_i, Cl_i at the wall, mM, shape (3,)."""
        p, (K_o, Na_i, Cl_i) = self.model.parameters, state[3:]
        inside = np.array([p.K - K_o, Na_i, Cl_i])
        charge = inside @ (1.0, 1.0, -1.0) - p.anions
        layer = GouyChapmanLaw(0.5 * (inside.sum() + p.anions), self.permittivity, 1e-3 * p.thermal_voltage)
        density = 1e-5 * p.capacitance * p.kappa * charge  # C/m^2
        rise, V = -1e3 * float(layer.surface_potential(density)), 1e3 * density / self.capacitance
        z, u = np.array([1.0, 1.0, -1.0]), rise / p.thermal_voltage
        excess = 2.0 * layer.debye_length * np.expm1(-0.5 * z * u) * p.surface_to_volume
        return V - rise, V, inside / (1.0 + excess) * np.exp(-z * u)

    def slopes(self, state: np.ndarray, p_eff: float) -> np.ndarray:
        """Right-hand side dy/dt, 1/ms and mM/ms."""
        c, (m, h, n, K_o, Na_i, Cl_i) = self.model.coefficients, state
        _, V, (K, Na, Cl) = self.seen(state)
        there = c._replace(K=K + K_o, Na=Na + c.Na - Na_i, Cl=Cl + c.Cl - Cl_i)  # totals of wall and outside
        K_L, Na_L, Cl_L, K_G, Na_G, K_V, Na_V, pump, _, _ = kinetics.currents(
            np.array([m, h, n, V, Na, Cl]), K_o, p_eff, there
        )
        a_m, b_m, a_h, b_h, a_n, b_n = kinetics.gate_rates(V)
        gates = [a_m * (1.0 - m) - b_m * m, a_h * (1.0 - h) - b_h * h, a_n * (1.0 - n) - b_n * n]
        ions = [-K_L - K_G - K_V + 2.0 * pump, Na_L + Na_G + Na_V + 3.0 * pump, -Cl_L]
        return np.array([*gates, *(c.gamma * i for i in ions)])

    def rest(self) -> np.ndarray:
        """Steady state near that of the model.

        Raises:
            SolveError: there is none.
        """
        first, V = self.model.rest(), kinetics.V
        guess = np.array([*first[:V], float(self.model.potassium_outside(first)), *first[V + 1 :]])
        found = root(self.slopes, guess, args=(0.0,), tol=1e-14, options={"xtol": 1e-13})
        if np.abs(self.slopes(found.x, 0.0)).max() > 1e-9:
            raise SolveError(f"gnp at the wall: no steady state ({found.message})")
        return np.asarray(found.x)

    def run(self, protocol: tuple[Piece, ...], times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """States from rest at times (ms), shape (n, 6), and the times at which V rises through zero, ms.

        Raises:
            SolveError: the integrator fails.
        """
        state, begin, states, rises = self.rest(), 0.0, np.empty((len(times), 6)), []

        def zero(_: float, y: np.ndarray, *__: float) -> float:
            return self.seen(y)[1]

        zero.direction = 1.0  # type: ignore[attr-defined]
        for piece in protocol:
            solved = solve_ivp(
                lambda _, y, p: self.slopes(y, p), (begin, piece.until), state, "LSODA", dense_output=True,
                events=zero, args=(piece.p_eff,), rtol=RTOL, atol=ATOL, max_step=LONGEST,
            )  # fmt: skip
            if not solved.success:
                raise SolveError(f"gnp at the wall: {solved.message}")
            inside = (times >= begin) & (times <= piece.until)
            states[inside] = solved.sol(times[inside]).T if inside.any() else states[inside]
            rises.append(solved.t_events[0])
            state, begin = solved.y[:, -1], piece.until
        return states, np.concatenate(rises)
