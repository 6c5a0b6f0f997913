"""Kinetics of gates: dm/dt = alpha(V) (1 - m) - beta(V) m, with derivatives of the rates.

An implicit step of size h from a value m_0 ends at m = (m_0 + h alpha) / (1 + h (alpha + beta)), a function of V alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from spinepnp.solvers.model.membrane.currents import logistic

#: Rates alpha and beta, 1/s, and their derivatives by the potential, 1/(s V), each of the shape of the potentials.
Rates = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

#: Zero of the Celsius scale, K.
ZERO_CELSIUS = 273.15


@dataclass(frozen=True, kw_only=True)
class GateKinetics(ABC):
    """Kinetics of one kind of gate.

    Attributes:
        power: number of these gates in a channel.
        factor: factor of both rates, such as that of the temperature (`temperature_factor`).
    """

    power: int = 1
    factor: float = 1.0

    @abstractmethod
    def unscaled_rates(self, V: np.ndarray) -> Rates:
        """Rates without the factor, and their derivatives; see `rates`."""

    def rates(self, V: np.ndarray) -> Rates:
        """Rates of opening and closing, and their derivatives.

        Args:
            V: membrane potential, V, any shape.

        Returns:
            alpha and beta, 1/s, dalpha/dV and dbeta/dV, 1/(s V), arrays like V.
        """
        alpha, beta, alpha_slope, beta_slope = self.unscaled_rates(np.asarray(V, dtype=float))
        f = self.factor
        return f * alpha, f * beta, f * alpha_slope, f * beta_slope

    def end_of_step(self, V: np.ndarray, start: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
        """Open fraction at the end of an implicit step, and its derivative by the potential.

        Args:
            V: membrane potential at the end of the step, V, any shape.
            start: open fraction m_0 from which the step starts, of the same shape.
            length: size h of the step, s; infinite for the steady state.

        Returns:
            Open fraction, and its derivative, 1/V.
        """
        alpha, beta, alpha_slope, beta_slope = self.rates(V)
        total = 1.0 / length + alpha + beta
        m = (start / length + alpha) / total
        return m, (alpha_slope * (1.0 - m) - beta_slope * m) / total


@dataclass(frozen=True, kw_only=True)
class SigmoidGate(GateKinetics):
    """Gate with a sigmoid steady state 1 / (1 + exp(-(V - half)/slope)) and a constant time constant.

    Attributes:
        half: potential at which half of the gates are open, V.
        slope: potential over which the gates open, V; negative where they close with rising potential.
        time: time constant, s.
    """

    half: float
    slope: float
    time: float

    def unscaled_rates(self, V: np.ndarray) -> Rates:
        """Rates m_inf/time and (1 - m_inf)/time, and their derivatives; see `GateKinetics.rates`."""
        x = (V - self.half) / self.slope
        (steady, slope), (closed, _) = logistic(x), logistic(-x)
        rate = slope / (self.slope * self.time)
        return steady / self.time, closed / self.time, rate, -rate


def temperature_factor(q10: float, celsius: float, temperature: float) -> float:
    """Factor q10^((T - T_0)/10 K) of rates at a temperature.

    Args:
        q10: factor for ten kelvin.
        celsius: temperature T_0 at which the rates are given, degrees Celsius.
        temperature: temperature T, K.
    """
    return float(q10 ** ((temperature - ZERO_CELSIUS - celsius) / 10.0))
