"""Currents of membrane mechanisms at points of a membrane, with exact derivatives.

    ohmic:  j_i = g s_i b (E - V_m),  E fixed, or E = (V_T/z) ln(c_out/c_in) of one ion   (Nernst)
    ghk:    j_i = -P_i b z_i F (c_in B(x) - c_out B(-x)),  x = z_i V_m/V_T,  B(x) = x/(1 - e^-x)
    pump:   j = -maximum / {[1 + exp((25 mM - Na_in)/3 mM)] [1 + exp((3.5 mM - K_out)/1 mM)]}  (paper 002, eq. 31);
            Na carries 3 j, K -2 j

V_m is the potential inside minus that outside. Currents are per area and positive into the domain; all gates are open.
b is the block by magnesium of NMDA channels (Jahr and Stevens 1990), one where there is none. Pumps and
exchangers of calcium are in `membrane/calcium.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import override

import numpy as np

from spinepnp.solvers.model.membrane.functions import bernoulli, continued_log, logistic, magnesium_block
from spinepnp.units import FARADAY

#: Sodium inside at which the pump runs at half of its maximum, mol/m^3 (paper 002, eq. 31).
PUMP_SODIUM = 25.0

#: Sodium over which the pump speeds up, mol/m^3 (paper 002, eq. 31).
PUMP_SODIUM_SLOPE = 3.0

#: Potassium outside at which the pump runs at half of its maximum, mol/m^3 (paper 002, eq. 31).
PUMP_POTASSIUM = 3.5

#: Potassium over which the pump speeds up, mol/m^3 (paper 002, eq. 31).
PUMP_POTASSIUM_SLOPE = 1.0

#: Largest size of a reversal potential over kT/e: a ratio of concentrations of e^100 is none.
LARGEST_REVERSAL = 100.0

#: Current of each ion over the net current of the pump: sodium, potassium.
PUMP_SHARES = np.array([3.0, -2.0])


@dataclass(frozen=True)
class OpenCurrent:
    """Currents of a mechanism at n points of a membrane, and their derivatives.

    S is the number of species that it moves, N that of all species.

    Attributes:
        current: current of each moved species into the domain, A/m^2, shape (n, S); of a species without charge the
            flux times F.
        by_potential: derivative by the membrane potential, A/(m^2 V), shape (n, S).
        by_inside: derivative by each concentration inside, A/m^2 per mol/m^3, shape (n, S, N).
        by_outside: derivative by each concentration outside, A/m^2 per mol/m^3, shape (n, S, N).
    """

    current: np.ndarray
    by_potential: np.ndarray
    by_inside: np.ndarray
    by_outside: np.ndarray

    def times(
        self, factor: np.ndarray, slope: np.ndarray, by_inside: Mapping[int, np.ndarray] | None = None
    ) -> OpenCurrent:
        """Currents times a function of the potential and of concentrations inside.

        Args:
            factor: value of the function at each point, shape (n,).
            slope: its derivative by the potential, 1/V, shape (n,).
            by_inside: its derivatives by concentrations inside, m^3/mol, shape (n,), by the index of the species.
        """
        slopes = factor[:, None, None] * self.by_inside
        for i, by_c in (by_inside or {}).items():
            slopes[:, :, i] += by_c[:, None] * self.current
        return OpenCurrent(
            factor[:, None] * self.current,
            factor[:, None] * self.by_potential + slope[:, None] * self.current,
            slopes,
            factor[:, None, None] * self.by_outside,
        )


@dataclass(frozen=True, kw_only=True)
class MembraneCurrent(ABC):
    """Current per area of one mechanism with all its numbers, in SI units.

    Attributes:
        valences: valences of all species, shape (N,).
        thermal_voltage: kT/e, V.
    """

    valences: tuple[float, ...]
    thermal_voltage: float

    @property
    @abstractmethod
    def moved(self) -> tuple[int, ...]:
        """Indices of the species that it moves."""

    @abstractmethod
    def open_current(self, V: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> OpenCurrent:
        """Currents with all gates open.

        Concentrations of species that the mechanism does not depend on are not looked at; they may be not a number.

        Args:
            V: membrane potential (inside minus outside), V, shape (n,).
            inside: concentrations inside, mol/m^3, shape (n, N).
            outside: concentrations outside, mol/m^3, shape (N,).
        """

    @property
    def charge_numbers(self) -> np.ndarray:
        """Valence of each moved species; one where it has no charge: its current stands for F times the flux."""
        valences = np.array([self.valences[i] for i in self.moved])
        return np.where(valences == 0.0, 1.0, valences)

    @property
    def is_charged(self) -> np.ndarray:
        """One for each moved species that carries charge, zero for others: factors of a net current."""
        return np.array([float(self.valences[i] != 0.0) for i in self.moved])

    def _zeros(self, n: int) -> OpenCurrent:
        moved, species = len(self.moved), len(self.valences)
        shapes = (n, moved), (n, moved), (n, moved, species), (n, moved, species)
        return OpenCurrent(*(np.zeros(shape) for shape in shapes))


@dataclass(frozen=True, kw_only=True)
class OhmicCurrent(MembraneCurrent):
    """Current by Ohm's law, with a fixed reversal potential or that of Nernst.

    Attributes:
        conductance: conductance per area with all gates open, S/m^2.
        shares: share of the current that each moved species carries, by its index; they sum to one.
        reversal: potential without current, V; ``None`` for the Nernst potential of the one species that it moves.
        magnesium: concentration of blocking magnesium, mol/m^3; ``None`` without a block.
    """

    conductance: float
    shares: dict[int, float]
    reversal: float | None = None
    magnesium: float | None = None

    @property
    @override
    def moved(self) -> tuple[int, ...]:
        return tuple(self.shares)

    @override
    def open_current(self, V: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> OpenCurrent:
        result = self._zeros(len(V))
        strengths = self.conductance * np.array(list(self.shares.values()))
        reversal: np.ndarray | float
        if self.reversal is None:
            (i,) = self.moved
            unit = self.thermal_voltage / self.valences[i]
            inner, inner_slope = continued_log(inside[:, i])
            outer, outer_slope = continued_log(outside[i])
            reversal = unit * (outer - inner)
            result.by_inside[:, 0, i] = -strengths[0] * unit * inner_slope
            result.by_outside[:, 0, i] = strengths[0] * unit * outer_slope
        else:
            reversal = self.reversal
        result.current[:] = np.multiply.outer(reversal - V, strengths)
        result.by_potential[:] = -strengths
        return _blocked(result, V, self.magnesium)


@dataclass(frozen=True, kw_only=True)
class GhkCurrent(MembraneCurrent):
    """Current by Goldman, Hodgkin and Katz, of any set of ions; Fick's law for species without charge.

    Attributes:
        permeabilities: permeability with all gates open of each moved species, m/s, by its index.
        magnesium: concentration of blocking magnesium, mol/m^3; ``None`` without a block.
    """

    permeabilities: dict[int, float]
    magnesium: float | None = None

    @property
    @override
    def moved(self) -> tuple[int, ...]:
        return tuple(self.permeabilities)

    @override
    def open_current(self, V: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> OpenCurrent:
        result, moved = self._zeros(len(V)), list(self.moved)
        z, permeabilities = np.array(self.valences)[moved], np.array(list(self.permeabilities.values()))
        x = np.multiply.outer(V, z / self.thermal_voltage)
        (into, out), (into_slope, out_slope) = bernoulli(np.stack((x, -x)))
        strengths, inner, outer = permeabilities * self.charge_numbers * FARADAY, inside[:, moved], outside[moved]
        result.current[:] = strengths * (into * outer - out * inner)
        result.by_potential[:] = strengths * z / self.thermal_voltage * (into_slope * outer + out_slope * inner)
        each = np.arange(len(moved))
        result.by_inside[:, each, moved] = -strengths * out
        result.by_outside[:, each, moved] = strengths * into
        return _blocked(result, V, self.magnesium)


@dataclass(frozen=True, kw_only=True)
class NakPump(MembraneCurrent):
    """Pump that takes three sodium ions out for two potassium ions in (paper 002, eq. 31).

    Attributes:
        sodium: index of sodium.
        potassium: index of potassium.
        maximum: largest net current per area, outward, A/m^2.
        rate: constant net current per area, outward, A/m^2, in place of the maximum.
    """

    sodium: int
    potassium: int
    maximum: float = 0.0
    rate: float | None = None

    @property
    @override
    def moved(self) -> tuple[int, ...]:
        return self.sodium, self.potassium

    @override
    def open_current(self, V: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> OpenCurrent:
        result = self._zeros(len(V))
        if self.rate is not None:
            result.current[:] = -self.rate * PUMP_SHARES
            return result
        shares = -self.maximum * PUMP_SHARES
        sodium, by_sodium = logistic((inside[:, self.sodium] - PUMP_SODIUM) / PUMP_SODIUM_SLOPE)
        potassium, by_potassium = logistic((outside[self.potassium] - PUMP_POTASSIUM) / PUMP_POTASSIUM_SLOPE)
        by_sodium, by_potassium = by_sodium / PUMP_SODIUM_SLOPE, by_potassium / PUMP_POTASSIUM_SLOPE
        result.current[:] = np.multiply.outer(sodium * potassium, shares)
        result.by_inside[:, :, self.sodium] = np.multiply.outer(by_sodium * potassium, shares)
        result.by_outside[:, :, self.potassium] = np.multiply.outer(sodium * by_potassium, shares)
        return result


def _blocked(open_current: OpenCurrent, V: np.ndarray, magnesium: float | None) -> OpenCurrent:
    """Currents with the block by magnesium, if there is some."""
    return open_current if magnesium is None else open_current.times(*magnesium_block(V, magnesium))


def ghk_reversal(
    permeabilities: dict[int, float],
    valences: Sequence[float],
    inside: np.ndarray,
    outside: np.ndarray,
    thermal_voltage: float,
) -> float:
    """Membrane potential at which the total current by Goldman, Hodgkin and Katz is zero, V.

    Args:
        permeabilities: permeabilities, or their ratios, by the index of the species.
        valences: valences of all species, shape (N,).
        inside: concentrations inside, mol/m^3, shape (N,).
        outside: concentrations outside, mol/m^3, shape (N,).
        thermal_voltage: kT/e, V.

    Raises:
        ValueError: the current has one direction at all potentials.
    """
    from scipy.optimize import brentq  # a third of a second, and few cases need it

    law = GhkCurrent(permeabilities=permeabilities, valences=tuple(valences), thermal_voltage=thermal_voltage)

    def total(V: float) -> float:
        return float(np.sum(law.open_current(np.array([V]), inside[None, :], outside).current * law.is_charged))

    # The current falls with the potential.
    high = LARGEST_REVERSAL * thermal_voltage
    if not total(-high) > 0.0 > total(high):
        raise ValueError("the current has no reversal potential: no ion can leave, or none can enter")
    return float(brentq(total, -high, high, xtol=1e-15, rtol=1e-14))


def ghk_scale(
    ratios: dict[int, float],
    conductance: float,
    valences: Sequence[float],
    inside: np.ndarray,
    outside: np.ndarray,
    thermal_voltage: float,
) -> float:
    """Factor that makes ratios permeabilities, m/s, of a given slope conductance.

    The slope conductance -dj/dV of the total current is that at the given concentrations, at their reversal potential,
    without a block.

    Args:
        ratios: ratios of permeabilities by the index of the species.
        conductance: slope conductance per area, S/m^2.
        valences: valences of all species, shape (N,).
        inside: concentrations inside, mol/m^3, shape (N,).
        outside: concentrations outside, mol/m^3, shape (N,).
        thermal_voltage: kT/e, V.

    Raises:
        ValueError: the current has one direction at all potentials.
    """
    reversal = np.array([ghk_reversal(ratios, valences, inside, outside, thermal_voltage)])
    law = GhkCurrent(permeabilities=ratios, valences=tuple(valences), thermal_voltage=thermal_voltage)
    return conductance / -float(np.sum(law.open_current(reversal, inside[None, :], outside).by_potential))
