"""Channels: a current through a patch that depends on the mean potential there, and on its past.

    sigmoid:  I = maximum / (1 + exp(-(V - half) / slope))                           (facts pnp D4)
    table:    I(V) from a CSV file, monotone cubic in between, constant outside
    gates:    I = conductance (reversal - V) prod_g m_g^p_g       (Hodgkin-Huxley; Ohm's law without gates)
    ghk:      I = A P z F (x c_out e^-x - x c) / (1 - e^-x),  x = z (V - V_out)/V_T   (Goldman-Hodgkin-Katz)

Positive current is positive charge entering. V and c are means over the patch. Every law can be multiplied by gates,
each with dm/dt = (m_inf(V) - m) / time, m_inf = 1 / (1 + exp(-(V - half) / slope)).

An implicit step of length h from a value m_0 ends at m = (m_0 time + h m_inf(V)) / (time + h): a function of V alone,
so that currents couple to the equations through the means only (`channel_currents`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from spinepnp.solvers.model.tables import check_keys, read_columns
from spinepnp.units import (
    CURRENT,
    FARADAY,
    POTENTIAL,
    Concentration,
    Conductance,
    Current,
    Duration,
    Permeability,
    Potential,
    Table,
    Whole,
)

#: What each law needs, and what it may have, beside species and gates.
KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sigmoid": (("maximum", "half", "slope"), ("gates",)),
    "table": (("file",), ("gates",)),
    "gates": (("conductance", "reversal"), ("gates",)),
    "ghk": (("permeability", "outside"), ("outside_potential", "gates")),
}

#: Below it, x / (1 - exp(-x)) is taken from its series.
SMALL = 1e-3


def _not_zero(value: float) -> float:
    if value == 0.0:
        raise ValueError("a slope must not be zero; give the potential over which the channel opens")
    return value


class Gate(Table):
    """One kind of gate of a channel.

    Attributes:
        half: potential at which half of them are open, V.
        slope: potential over which they open, V; negative where they close with rising potential.
        time: constant of their relaxation, s.
        power: how many of them a channel has.
    """

    half: Potential
    slope: Potential
    time: Duration
    power: Annotated[Whole, Field(ge=1, le=8)] = 1

    @field_validator("slope")
    @classmethod
    def _steep(cls, value: float) -> float:
        return _not_zero(value)


class Channel(Table):
    """Channels of one kind, spread evenly over a boundary.

    Attributes:
        law: how the current depends on the potential; "gates" without any gate is Ohm's law.
        species: the species that carries it.
        maximum: current of a sigmoid with all channels open, A.
        half: potential at which half of them are open, V.
        slope: potential over which they open, V.
        file: CSV table with the columns ``potential_mV`` and ``current_pA``.
        conductance: that with all gates open, S.
        reversal: potential without current, V.
        permeability: of the boundary, m/s.
        outside: concentration of the species on the other side, mol/m^3.
        outside_potential: potential there, V.
        gates: open fractions that multiply the current.
    """

    law: Literal["sigmoid", "table", "gates", "ghk"]
    species: str
    maximum: Current | None = None
    half: Potential | None = None
    slope: Potential | None = None
    file: str | None = None
    conductance: Conductance | None = None
    reversal: Potential | None = None
    permeability: Permeability | None = None
    outside: Concentration | None = None
    outside_potential: Potential | None = None
    gates: tuple[Gate, ...] = ()

    @field_validator("gates", mode="before", json_schema_input_type=Gate | tuple[Gate, ...])
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, dict | Gate) else value

    @field_validator("slope")
    @classmethod
    def _steep(cls, value: float | None) -> float | None:
        return None if value is None else _not_zero(value)

    @model_validator(mode="after")
    def _whole(self) -> Channel:
        check_keys(self, "law", KEYS, ("species",))
        return self

    def check(self) -> None:
        """Read its table.

        Raises:
            ValueError: the table cannot be used.
        """
        if self.file is not None:
            read_columns(self.file, POTENTIAL, CURRENT)

    @property
    def needs_concentration(self) -> bool:
        """Whether the current depends on the concentration at the patch."""
        return self.law == "ghk"

    def open_channel_current(
        self, V: float, c: float, *, area: float, valence: float, thermal_voltage: float
    ) -> tuple[float, float, float]:
        """Current with all gates open, A, and its derivatives by potential and concentration.

        Args:
            V: mean potential of the patch, V.
            c: mean concentration of the species, mol/m^3.
            area: of the patch, m^2.
            valence: of the species.
            thermal_voltage: V.
        """
        if self.law == "sigmoid":
            from scipy.special import expit

            assert self.maximum is not None
            assert self.half is not None
            assert self.slope is not None
            fraction = float(expit((V - self.half) / self.slope))
            return self.maximum * fraction, self.maximum * fraction * (1.0 - fraction) / self.slope, 0.0
        if self.law == "table":
            from scipy.interpolate import PchipInterpolator

            assert self.file is not None
            at, current = read_columns(self.file, POTENTIAL, CURRENT)
            inside = float(np.clip(V, at[0], at[-1]))
            curve = PchipInterpolator(at, current)
            return float(curve(inside)), float(curve(inside, 1)) if inside == V else 0.0, 0.0
        if self.law == "gates":
            assert self.conductance is not None
            assert self.reversal is not None
            return self.conductance * (self.reversal - V), -self.conductance, 0.0
        assert self.permeability is not None
        assert self.outside is not None
        x = valence * (V - (self.outside_potential or 0.0)) / thermal_voltage
        strength = area * self.permeability * valence * FARADAY
        (into, into_slope), (out, out_slope) = bernoulli(x), bernoulli(-x)
        by_x = into_slope * self.outside + out_slope * c
        return (
            strength * (into * self.outside - out * c),
            strength * by_x * valence / thermal_voltage,
            -strength * out,
        )


def bernoulli(x: float) -> tuple[float, float]:
    """B(x) = x / (e^x - 1) without its removable singularity, and its derivative."""
    if abs(x) < SMALL:
        return 1.0 - x / 2.0 + x**2 / 12.0 - x**4 / 720.0, -0.5 + x / 6.0 - x**3 / 180.0
    if x > 500.0:
        return 0.0, 0.0
    grown = float(np.expm1(x))
    value = x / grown
    return value, (1.0 - value * float(np.exp(x))) / grown if x < 100.0 else -value


@dataclass(frozen=True)
class GateStep:
    """An implicit step of all gates: they end at (m_0 time + h m_inf) / (time + h).

    Attributes:
        start: m_0 of each gate, channel by channel.
        length: h, s; infinite in a steady state.
    """

    start: np.ndarray
    length: float

    def end(self, gates: tuple[Gate, ...], position: int, V: float) -> tuple[np.ndarray, np.ndarray]:
        """The gates of one channel at the end of the step, and their derivatives by the potential.

        Args:
            gates: of the channel.
            position: of its first gate among all.
            V: mean potential of the patch at the end of the step, V.
        """
        from scipy.special import expit

        half, slope, time = (np.array([getattr(g, name) for g in gates]) for name in ("half", "slope", "time"))
        settled = expit((V - half) / slope)
        moved = np.ones(len(gates)) if np.isinf(self.length) else self.length / (time + self.length)
        start = self.start[position : position + len(gates)]
        return start + moved * (settled - start), moved * settled * (1.0 - settled) / slope


def rates(gates: tuple[Gate, ...], m: np.ndarray, V: float) -> np.ndarray:
    """dm/dt of the gates of one channel at a potential, 1/s."""
    from scipy.special import expit

    half, slope, time = (np.array([getattr(g, name) for g in gates]) for name in ("half", "slope", "time"))
    return np.asarray((expit((V - half) / slope) - m) / time)
