"""Channels: currents through a patch that depend on its mean potential and concentration, and on gates.

    sigmoid:  I = maximum / (1 + exp(-(V - half) / slope))                           (facts pnp D4)
    table:    I(V) from a CSV file, monotone cubic in between, constant outside
    gates:    I = conductance (reversal - V) prod_g m_g^p_g       (Hodgkin-Huxley; Ohm's law without gates)
    ghk:      I = A P z F (x c_out e^-x - x c) / (1 - e^-x),  x = z (V - V_out)/V_T   (Goldman-Hodgkin-Katz)

Positive current is positive charge entering. V and c are means over the patch. Every law can be multiplied by gates,
each with dm/dt = (m_inf(V) - m) / time, m_inf = 1 / (1 + exp(-(V - half) / slope)).

An implicit step of size h from a value m_0 ends at m = (m_0 time + h m_inf(V)) / (time + h): a function of V alone,
so that currents couple to the equations through the means only (`pnp.terms.channel`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field, field_validator, model_validator

from spinepnp import units
from spinepnp.solvers.model.membrane.functions import bernoulli
from spinepnp.solvers.model.tables import check_keys, read_columns

#: Keys that each law needs, and keys that it may have, beside species and gates.
KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sigmoid": (("maximum", "half", "slope"), ("gates",)),
    "table": (("file",), ("gates",)),
    "gates": (("conductance", "reversal"), ("gates",)),
    "ghk": (("permeability", "outside"), ("outside_potential", "gates")),
}


def _not_zero(value: float) -> float:
    if value == 0.0:
        raise ValueError("a slope must not be zero; give the potential over which the channel opens")
    return value


#: Potential over which a gate or channel opens, not zero.
Slope = Annotated[units.Potential, AfterValidator(_not_zero)]


class Gate(units.Table):
    """One kind of gate of a channel.

    Examples:
        >>> from spinepnp.solvers import Channel, Gate
        >>> gate = Gate(half="-40 mV", slope="5 mV", time="2 ms", power=4)
        >>> channel = Channel(law="gates", species="K", conductance="10 nS", reversal="-80 mV", gates=[gate])
        >>> channel.gates[0].time  # s
        0.002

    Attributes:
        half: potential at which half of the gates are open, V.
        slope: potential over which the gates open, V; negative where they close with rising potential.
        time: time constant of the relaxation, s.
        power: number of these gates in a channel.
    """

    half: units.Potential
    slope: Slope
    time: units.Duration
    power: Annotated[units.Whole, Field(ge=1, le=8)] = 1


class Channel(units.Table):
    """Channels of one kind, spread evenly over a boundary.

    Examples:
        >>> from spinepnp.solvers import Channel
        >>> leak = Channel(law="gates", species="K", conductance="1 nS", reversal="-80 mV")
        >>> current, slope, _ = leak.open_channel_current(-0.07, 155.0, area=1e-14, valence=1, thermal_voltage=0.0253)
        >>> f"{current:.3g} A, {slope:.3g} A/V"
        '-1e-11 A, -1e-09 A/V'

    Attributes:
        law: dependence of the current on the potential; "gates" without any gate is Ohm's law.
        species: species that carries the current.
        maximum: current of a sigmoid with all channels open, A.
        half: potential at which half of the channels are open, V.
        slope: potential over which the channels open, V.
        file: CSV table with the columns ``potential_mV`` and ``current_pA``.
        conductance: conductance with all gates open, S.
        reversal: potential without current, V.
        permeability: permeability of the boundary, m/s.
        outside: concentration of the species on the other side, mol/m^3.
        outside_potential: potential on the other side, V.
        gates: open fractions that multiply the current.
    """

    law: Literal["sigmoid", "table", "gates", "ghk"]
    species: str
    maximum: units.Current | None = None
    half: units.Potential | None = None
    slope: Slope | None = None
    file: str | None = None
    conductance: units.Conductance | None = None
    reversal: units.Potential | None = None
    permeability: units.Permeability | None = None
    outside: units.Concentration | None = None
    outside_potential: units.Potential | None = None
    gates: tuple[Gate, ...] = ()

    @field_validator("gates", mode="before", json_schema_input_type=Gate | tuple[Gate, ...])
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, dict | Gate) else value

    @model_validator(mode="after")
    def _whole(self) -> Channel:
        check_keys(self, "law", KEYS, ("species",))
        return self

    def check(self) -> None:
        """Read the table of the law, if it has one.

        Raises:
            ValueError: the table cannot be used.
        """
        if self.file is not None:
            read_columns(self.file, units.POTENTIAL, units.CURRENT)

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
            area: area of the patch, m^2.
            valence: valence of the species.
            thermal_voltage: kT/e, V.
        """
        parameters: list[Any] = [getattr(self, key) for key in KEYS[self.law][0]]  # none is None: `check_keys`
        if self.law == "ghk":
            drop = V - (self.outside_potential or 0.0)
            return ghk_current(drop, c, *parameters, area=area, valence=valence, thermal_voltage=thermal_voltage)
        return *LAWS[self.law](V, *parameters), 0.0


def sigmoid_current(V: float, maximum: float, half: float, slope: float) -> tuple[float, float]:
    """Current of voltage-dependent channels without memory, and its derivative by the potential.

    Args:
        V: potential, V.
        maximum: current with all channels open, A.
        half: potential at which half of the channels are open, V.
        slope: potential over which the channels open, V.

    Returns:
        Current, A, and its derivative, A/V.
    """
    from scipy.special import expit

    fraction = float(expit((V - half) / slope))
    return maximum * fraction, maximum * fraction * (1.0 - fraction) / slope


def table_current(V: float, file: str) -> tuple[float, float]:
    """Current interpolated in a table, A, and its derivative by the potential."""
    from scipy.interpolate import PchipInterpolator

    potential, current = read_columns(file, units.POTENTIAL, units.CURRENT)
    inside = float(np.clip(V, potential[0], potential[-1]))
    curve = PchipInterpolator(potential, current)
    return float(curve(inside)), float(curve(inside, 1)) if inside == V else 0.0


def ohmic_current(V: float, conductance: float, reversal: float) -> tuple[float, float]:
    """Current by Ohm's law, and its derivative by the potential.

    Args:
        V: potential, V.
        conductance: conductance, S.
        reversal: potential without current, V.

    Returns:
        Current, A, and its derivative, A/V.
    """
    return conductance * (reversal - V), -conductance


#: Laws that depend on the potential alone, by name; their parameters in the order of `KEYS`.
LAWS: dict[str, Callable[..., tuple[float, float]]] = {
    "sigmoid": sigmoid_current,
    "table": table_current,
    "gates": ohmic_current,
}


def ghk_current(
    drop: float, c: float, permeability: float, outside: float, *, area: float, valence: float, thermal_voltage: float
) -> tuple[float, float, float]:
    """Current by Goldman, Hodgkin and Katz, A, and its derivatives by potential and concentration.

    Args:
        drop: potential of the patch minus that of the other side, V.
        c: mean concentration at the patch, mol/m^3.
        permeability: permeability of the boundary, m/s.
        outside: concentration on the other side, mol/m^3.
        area: area of the patch, m^2.
        valence: valence of the species.
        thermal_voltage: kT/e, V.
    """
    x = valence * drop / thermal_voltage
    strength = area * permeability * valence * units.FARADAY
    into, into_slope, out, out_slope = (float(value) for y in (x, -x) for value in bernoulli(y))
    by_x = into_slope * outside + out_slope * c
    return strength * (into * outside - out * c), strength * by_x * valence / thermal_voltage, -strength * out


def _kinetics(gates: tuple[Gate, ...], V: float | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steady open fractions m_inf of the gates of a channel at a potential, their slopes, V, and time constants, s."""
    from scipy.special import expit

    half, slope, time = (np.array([getattr(g, name) for g in gates]) for name in ("half", "slope", "time"))
    return expit((V - half) / slope), slope, time


@dataclass(frozen=True)
class GateStep:
    """Implicit time step of all gates: they end at (m_0 time + h m_inf) / (time + h).

    Attributes:
        start: m_0 of each gate, channel by channel.
        length: step size h, s; infinite in a steady state.
    """

    start: np.ndarray
    length: float

    def end(self, gates: tuple[Gate, ...], position: int, V: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Some gates at the end of the step, and their derivatives by the potential.

        Args:
            gates: gates of one channel, or of several.
            position: index of the first of them among all gates.
            V: mean potential of the patch at the end of the step, V; one value, or one for each gate.
        """
        steady, slope, time = _kinetics(gates, V)
        moved = np.ones(len(gates)) if np.isinf(self.length) else self.length / (time + self.length)
        start = self.start[position : position + len(gates)]
        return start + moved * (steady - start), moved * steady * (1.0 - steady) / slope


def gate_rates(gates: tuple[Gate, ...], m: np.ndarray, V: float) -> np.ndarray:
    """Rates dm/dt of the gates of one channel at a potential.

    Args:
        gates: gates of a channel.
        m: their open fractions, shape (gates,).
        V: potential, V.

    Returns:
        Rates, 1/s, shape (gates,).
    """
    steady, _, time = _kinetics(gates, V)
    return np.asarray((steady - m) / time)
