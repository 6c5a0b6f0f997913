"""Kinetics of gates: dm/dt = alpha(V) (1 - m) - beta(V) m, with derivatives of the rates.

An implicit step of size h from a value m_0 ends at m = (m_0 + h alpha) / (1 + h (alpha + beta)), a function of V alone.
"""

from __future__ import annotations

import functools
import tomllib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, override

import numpy as np

from spinepnp.errors import nearest
from spinepnp.solvers.model.membrane.expression import GRID, read_rate
from spinepnp.solvers.model.membrane.functions import logistic

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

    @override
    def unscaled_rates(self, V: np.ndarray) -> Rates:
        x = (V - self.half) / self.slope
        (steady, slope), (closed, _) = logistic(x), logistic(-x)
        rate = slope / (self.slope * self.time)
        return steady / self.time, closed / self.time, rate, -rate


@dataclass(frozen=True, kw_only=True)
class ExpressionGate(GateKinetics):
    """Gate with rates that are formulas in the potential.

    Attributes:
        alpha: rate of opening, such as "0.07/ms * exp(-(V + 65 mV)/(20 mV))".
        beta: rate of closing.

    Raises:
        ValueError: a rate is no such formula (`read_rate`), or both are zero somewhere.
    """

    alpha: str
    beta: str

    def __post_init__(self) -> None:
        rates = []
        for name in ("alpha", "beta"):
            try:
                rates.append(read_rate(getattr(self, name))(GRID)[0])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        still = rates[0] + rates[1] <= 0.0
        if np.any(still):
            V = GRID[still][np.argmin(np.abs(GRID[still]))]
            raise ValueError(f"alpha and beta are both zero at V = {V * 1e3:.4g} mV, where the gate would stand still")

    @override
    def unscaled_rates(self, V: np.ndarray) -> Rates:
        (alpha, alpha_slope), (beta, beta_slope) = read_rate(self.alpha)(V), read_rate(self.beta)(V)
        return alpha, beta, alpha_slope, beta_slope


@functools.cache
def known_kinetics() -> dict[str, dict[str, Any]]:
    """Kinetics that have a name, from kinetics.toml: alpha, beta, source, and celsius where it is known."""
    return tomllib.loads(Path(__file__).with_name("kinetics.toml").read_text(encoding="utf-8"))


def named_gate(name: str, *, power: int = 1, factor: float = 1.0) -> ExpressionGate:
    """Gate with kinetics from the literature.

    Args:
        name: name of the kinetics, such as "hh_m".
        power: number of these gates in a channel.
        factor: factor of both rates.

    Raises:
        ValueError: the name is not known.
    """
    known = known_kinetics()
    if name not in known:
        raise ValueError(f"no kinetics have this name; {nearest(name, known)}")
    return ExpressionGate(alpha=known[name]["alpha"], beta=known[name]["beta"], power=power, factor=factor)


def temperature_factor(q10: float, celsius: float, temperature: float) -> float:
    """Factor q10^((T - T_0)/10 K) of rates at a temperature.

    Args:
        q10: factor for ten kelvin.
        celsius: temperature T_0 at which the rates are given, degrees Celsius.
        temperature: temperature T, K.
    """
    return float(q10 ** ((temperature - ZERO_CELSIUS - celsius) / 10.0))
