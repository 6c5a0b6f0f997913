"""Kinetics of gates: dm/dt = alpha (1 - m) - beta m, with rates of V and of concentrations, and their derivatives.

An implicit step of size h from a value m_0 ends at m = (m_0 + h alpha) / (1 + h (alpha + beta)), a function of V and of
the concentrations inside. The same with a steady value s and a time constant tau: alpha = s/tau, beta = (1 - s)/tau.
"""

from __future__ import annotations

import functools
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, override

import numpy as np

from spinepnp.errors import nearest
from spinepnp.solvers.model.membrane.currents import OpenCurrent
from spinepnp.solvers.model.membrane.expression import GRID, RateExpression, check_points, read_rate
from spinepnp.solvers.model.membrane.functions import logistic

#: Rates alpha and beta, 1/s, and their derivatives by the potential, 1/(s V), each of the shape of the potentials.
Rates = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

#: Steady value above one by less is one by rounding.
ROUNDING = 1e-12

#: Zero of the Celsius scale, K.
ZERO_CELSIUS = 273.15


class GateEnd(NamedTuple):
    """Open fraction at the end of a step.

    Attributes:
        value: open fraction, of the shape of the potentials.
        by_potential: its derivative by the potential, 1/V.
        by_inside: its derivatives by concentrations inside, m^3/mol, by the index of the species.
    """

    value: np.ndarray
    by_potential: np.ndarray
    by_inside: dict[int, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class GateKinetics(ABC):
    """Kinetics of one kind of gate.

    Attributes:
        power: number of these gates in a channel.
        factor: factor of both rates, such as that of the temperature (`temperature_factor`).
    """

    power: int = 1
    factor: float = 1.0

    @property
    def is_fast(self) -> bool:
        """Whether it has its steady value at all times."""
        return False

    @abstractmethod
    def unscaled_rates(self, V: np.ndarray, inside: np.ndarray | None = None) -> Rates:
        """Rates without the factor, and their derivatives; see `rates`."""

    def unscaled_slopes(self, V: np.ndarray, inside: np.ndarray | None) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Derivatives of both rates without the factor by concentrations inside, by the index of the species."""
        return {}

    def rates(self, V: np.ndarray, inside: np.ndarray | None = None) -> Rates:
        """Rates of opening and closing, and their derivatives by the potential.

        Args:
            V: membrane potential, V, any shape.
            inside: concentrations inside, mol/m^3, shape (*V.shape, N), where the rates depend on some.

        Returns:
            alpha and beta, 1/s, dalpha/dV and dbeta/dV, 1/(s V), arrays like V.
        """
        alpha, beta, alpha_slope, beta_slope = self.unscaled_rates(np.asarray(V, dtype=float), inside)
        f = self.factor
        return f * alpha, f * beta, f * alpha_slope, f * beta_slope

    def end_of_step(self, V: np.ndarray, start: np.ndarray, length: float, inside: np.ndarray | None = None) -> GateEnd:
        """Open fraction at the end of an implicit step, and its derivatives.

        Args:
            V: membrane potential at the end of the step, V, any shape.
            start: open fraction m_0 from which the step starts, of the same shape.
            length: size h of the step, s; infinite for the steady state.
            inside: concentrations inside at the end of the step, see `rates`.
        """
        length = np.inf if self.is_fast else length
        alpha, beta, alpha_slope, beta_slope = self.rates(V, inside)
        total = 1.0 / length + alpha + beta
        m = (start / length + alpha) / total
        slopes = self.unscaled_slopes(np.asarray(V, dtype=float), inside)
        by_inside = {i: self.factor * (up * (1.0 - m) - down * m) / total for i, (up, down) in slopes.items()}
        return GateEnd(m, (alpha_slope * (1.0 - m) - beta_slope * m) / total, by_inside)


def gated(
    current: OpenCurrent,
    gates: Sequence[GateKinetics],
    V: np.ndarray,
    inside: np.ndarray,
    start: np.ndarray | None = None,
    length: float = np.inf,
) -> tuple[OpenCurrent, np.ndarray]:
    """Currents through channels whose gates are at the end of an implicit step, and their open fractions.

    Args:
        current: currents with all gates open, at n points.
        gates: kinetics of the gates.
        V: membrane potential at the end of the step, V, shape (n,).
        inside: concentrations inside at the end of the step, mol/m^3, shape (n, N).
        start: open fractions at its start, shape (n, gates); of no use for a steady state.
        length: its size, s; infinite for the steady state.
    """
    if not gates:
        return current, np.empty((len(V), 0))
    fraction, by_V, open_fractions = np.ones(len(V)), np.zeros(len(V)), []
    by_inside: dict[int, np.ndarray] = {}
    for number, gate in enumerate(gates):
        first = np.zeros(len(V)) if start is None else start[:, number]
        m, slope, slopes = gate.end_of_step(V, first, length, inside)
        opened = m ** (gate.power - 1)
        by_V = by_V * opened * m + fraction * gate.power * opened * slope
        by_inside = {i: found * opened * m for i, found in by_inside.items()}
        for i, by_c in slopes.items():
            by_inside[i] = by_inside.get(i, 0.0) + fraction * gate.power * opened * by_c
        fraction = fraction * opened * m
        open_fractions.append(m)
    return current.times(fraction, by_V, by_inside), np.column_stack(open_fractions)


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
    def unscaled_rates(self, V: np.ndarray, inside: np.ndarray | None = None) -> Rates:
        x = (V - self.half) / self.slope
        (steady, slope), (closed, _) = logistic(x), logistic(-x)
        rate = slope / (self.slope * self.time)
        return steady / self.time, closed / self.time, rate, -rate


@dataclass(frozen=True, kw_only=True)
class ExpressionGate(GateKinetics):
    """Gate whose rates, or steady value and time constant, are formulas in the potential and in concentrations.

    Attributes:
        alpha: rate of opening, such as "0.07/ms * exp(-(V + 65 mV)/(20 mV))".
        beta: rate of closing.
        steady: steady value, such as "[Ca]/([Ca] + 0.08 uM)", in place of the rates.
        tau: time constant; with "" the gate has its steady value at all times.
        places: index of each species inside whose concentration stands in a formula.
        constants: concentrations of species that do not change, mol/m^3.

    Raises:
        ValueError: a formula cannot be used (`read_rate`), both rates are zero somewhere, a steady value is above one,
            or a time constant is zero.
    """

    alpha: str = ""
    beta: str = ""
    steady: str = ""
    tau: str = ""
    places: Mapping[str, int] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check()

    @property
    def is_fast(self) -> bool:
        """Whether it has its steady value at all times."""
        return bool(self.steady) and not self.tau

    @functools.cached_property
    def species(self) -> tuple[str, ...]:
        """Species whose concentrations stand in its formulas."""
        return tuple(dict.fromkeys(name for formula in self._formulas for name in formula.species))

    @functools.cached_property
    def _formulas(self) -> tuple[RateExpression, RateExpression]:
        """Formulas of both rates, or of the steady value and the time constant."""
        texts = {"steady": (self.steady, 0.0), "tau": (self.tau or "1", 1.0 if self.tau else 0.0)} if self.steady else {
            "alpha": (self.alpha, -1.0), "beta": (self.beta, -1.0)
        }  # fmt: skip
        found = []
        for name, (text, power) in texts.items():
            try:
                found.append(read_rate(text, power))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return found[0], found[1]

    def _check(self) -> None:
        changing = [name for name in self.species if name not in self.constants]
        V, points = check_points(changing) if self.species else (GRID, [])
        given = dict(zip(changing, points, strict=True)) | {n: np.full(len(V), c) for n, c in self.constants.items()}
        values = [formula(V, [given[name] for name in formula.species])[0] for formula in self._formulas]
        wrong: tuple[tuple[np.ndarray, str], ...]
        if self.steady:
            wrong = ((values[0] > 1.0 + ROUNDING, "steady is above one"), (values[1] <= 0.0, "tau is zero"))
        else:
            wrong = ((values[0] + values[1] <= 0.0, "alpha and beta are both zero"),)
        for where, problem in wrong:
            if np.any(where):
                k = int(np.flatnonzero(where)[np.argmin(np.abs(V[where]))])
                beside = "".join(f", [{name}] = {given[name][k]:.4g} mM" for name in self.species)
                remedy = "" if self.steady else ", where the gate would stand still"
                raise ValueError(f"{problem} at V = {V[k] * 1e3:.4g} mV{beside}{remedy}")

    @override
    def unscaled_rates(self, V: np.ndarray, inside: np.ndarray | None = None) -> Rates:
        first, second = self._formulas
        (a, a_slope), (b, b_slope) = (f(V, self._concentrations(f, V, inside)) for f in (first, second))
        if not self.steady:
            return a, b, a_slope, b_slope
        return a / b, (1.0 - a) / b, *_slopes_of_rates(a, b, a_slope, b_slope)

    @override
    def unscaled_slopes(self, V: np.ndarray, inside: np.ndarray | None) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        slopes: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        if not self.species:
            return slopes
        formulas = self._formulas
        given = [self._concentrations(formula, V, inside) for formula in formulas]
        for name in self.species:
            if name in self.constants:
                continue
            a, b = (
                f.by_concentration(V, c, f.species.index(name)) if name in f.species else np.zeros(np.shape(V))
                for f, c in zip(formulas, given, strict=True)
            )
            if self.steady:
                steady, tau = (f(V, c)[0] for f, c in zip(formulas, given, strict=True))
                a, b = _slopes_of_rates(steady, tau, a, b)
            slopes[self.places[name]] = a, b
        return slopes

    def _concentrations(self, formula: RateExpression, V: np.ndarray, inside: np.ndarray | None) -> list[np.ndarray]:
        """Concentrations that stand in a formula, mol/m^3, each like V."""
        found = []
        for name in formula.species:
            if name in self.constants:
                found.append(np.full(np.shape(V), self.constants[name]))
            else:
                assert inside is not None
                found.append(inside[..., self.places[name]])
        return found


def _slopes_of_rates(
    steady: np.ndarray, tau: np.ndarray, steady_slope: np.ndarray, tau_slope: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of the rates s/tau and (1 - s)/tau by those of s and tau."""
    return (steady_slope - steady / tau * tau_slope) / tau, (-steady_slope - (1.0 - steady) / tau * tau_slope) / tau


@functools.cache
def known_kinetics() -> dict[str, dict[str, Any]]:
    """Kinetics that have a name, from kinetics.toml: alpha and beta, or steady and tau; source, celsius if known."""
    return tomllib.loads(Path(__file__).with_name("kinetics.toml").read_text(encoding="utf-8"))


def named_gate(
    name: str,
    *,
    power: int = 1,
    factor: float = 1.0,
    places: Mapping[str, int] | None = None,
    constants: Mapping[str, float] | None = None,
) -> ExpressionGate:
    """Gate with kinetics from the literature.

    Args:
        name: name of the kinetics, such as "hh_m".
        power: number of these gates in a channel.
        factor: factor of both rates.
        places: index of each species inside on which they depend.
        constants: concentrations of species that do not change, mol/m^3.

    Raises:
        ValueError: the name is not known.
    """
    known = known_kinetics()
    if name not in known:
        raise ValueError(f"no kinetics have this name; {nearest(name, known)}")
    formulas = {key: known[name][key] for key in ("alpha", "beta", "steady", "tau") if key in known[name]}
    return ExpressionGate(**formulas, power=power, factor=factor, places=places or {}, constants=constants or {})


def temperature_factor(q10: float, celsius: float, temperature: float) -> float:
    """Factor q10^((T - T_0)/10 K) of rates at a temperature.

    Args:
        q10: factor for ten kelvin.
        celsius: temperature T_0 at which the rates are given, degrees Celsius.
        temperature: temperature T, K.
    """
    return float(q10 ** ((temperature - ZERO_CELSIUS - celsius) / 10.0))
