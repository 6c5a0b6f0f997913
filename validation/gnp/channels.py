"""Single channels with several permeants: permeabilities, individual, apparent and latent conductances (eqs. 15-25).

SI units: V, A, S, mol/m^3, m/s, m^2. Apparent and latent quantities come in pairs, and both pairs give one current:
g_a (V - E_a) = g_l (V - E_l) = sum of the Goldman-Hodgkin-Katz currents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.units import FARADAY
from spinepnp.validation.laws.constant_field import Values, conductance, ghk_current, harmonic_mean, reversal_potential


@dataclass(frozen=True)
class Permeant:
    """One ion that a channel lets through.

    Examples:
        >>> from spinepnp.validation.gnp import Channel, Permeant
        >>> potassium = Permeant("K", 1, inside=140.0, outside=4.0, permeability=1e-8)
        >>> reversal = Channel("K", (potassium,), area=1.0, thermal_voltage=25.26e-3).reversals()["K"]
        >>> round(reversal * 1e3, 2)  # mV
        -89.81

    Attributes:
        name: name of the ion.
        valence: valence of the ion.
        inside: concentration inside, mol/m^3.
        outside: concentration outside, mol/m^3.
        permeability: permeability of the open channel, m/s.
    """

    name: str
    valence: int
    inside: float
    outside: float
    permeability: float = 0.0

    def __post_init__(self) -> None:
        for key in ("inside", "outside", "permeability"):
            value = getattr(self, key)
            if not (math.isfinite(value) and value >= 0.0):
                raise CaseError(f"{self.name}.{key}", "must be zero or greater", value)
        if self.valence == 0:
            raise CaseError(f"{self.name}.valence", "an ion without charge carries no current; give -2 ... 2", 0)


def linear_ratio(first: Permeant, second: Permeant) -> float:
    """Ratio P_2/P_1 at which a channel with two permeants has a linear current-voltage curve (eq. 15).

    Raises:
        CaseError: there is no such ratio.
    """
    ratio = -(first.inside - first.outside) / (second.inside - second.outside)
    if not ratio > 0.0:
        raise CaseError("permeants", "no ratio of permeabilities makes this curve linear: both gradients have one sign")
    return ratio


def permeabilities(
    first: Permeant, second: Permeant, slope: float, area: float, thermal_voltage: float
) -> tuple[float, float]:
    """Permeabilities P_1 and P_2 of a channel with a linear curve, from its measured conductance (eq. 16), m/s.

    Args:
        first: a permeant.
        second: another permeant of the same valence.
        slope: measured conductance, S.
        area: area of the pore's cross-section, m^2.
        thermal_voltage: RT/F, V.
    """
    k = thermal_voltage * slope / (area * FARADAY)
    determinant = first.outside * second.inside - second.outside * first.inside
    return (
        k * (second.inside - second.outside) / determinant,
        k * (first.outside - first.inside) / determinant,
    )


@dataclass(frozen=True)
class Channel:
    """A channel with any number of permeants.

    Examples:
        >>> from spinepnp.validation.gnp import Channel, Permeant
        >>> potassium = Permeant("K", 1, inside=140.0, outside=4.0, permeability=1e-8)
        >>> sodium = Permeant("Na", 1, inside=10.0, outside=145.0, permeability=1e-9)
        >>> channel = Channel("leak", (potassium, sodium), area=1.0, thermal_voltage=25.26e-3)
        >>> round(channel.resting_potential() * 1e3, 2)  # mV
        -51.3

    Attributes:
        name: name of the channel.
        permeants: permeants with their permeabilities.
        area: area of the pore's cross-section, m^2; one for values per area of membrane.
        thermal_voltage: RT/F, V.
    """

    name: str
    permeants: tuple[Permeant, ...]
    area: float
    thermal_voltage: float

    def __post_init__(self) -> None:
        if not any(p.permeability > 0.0 for p in self.permeants):
            raise CaseError(f"{self.name}.permeants", "no ion permeates; give one a permeability")

    def currents(self, V: Values) -> dict[str, np.ndarray]:
        """Current of each permeant into the cell, A, by name."""
        return {
            p.name: self.area * ghk_current(V, p.inside, p.outside, p.valence, p.permeability, self.thermal_voltage)
            for p in self.permeants
        }

    def current(self, V: Values) -> np.ndarray:
        """Current into the cell, A."""
        return np.asarray(sum(self.currents(V).values()))

    def conductances(self, V: Values) -> dict[str, np.ndarray]:
        """Conductance of each permeant (eq. 17), S, by name."""
        return {
            p.name: self.area * conductance(V, p.inside, p.outside, p.valence, p.permeability, self.thermal_voltage)
            for p in self.permeants
        }

    def reversals(self) -> dict[str, float]:
        """Nernst potential of each permeant, V, by name."""
        return {
            p.name: float(reversal_potential(p.inside, p.outside, p.valence, self.thermal_voltage))
            for p in self.permeants
        }

    def latent(self, V: Values) -> tuple[np.ndarray, np.ndarray]:
        """Latent conductance, S, and reversal potential, V (eqs. 24, 25); for any valences."""
        g, E = self.conductances(V), self.reversals()
        total = np.asarray(sum(g.values()))
        return total, np.asarray(sum(g[name] * E[name] for name in g)) / total

    def _joint(self) -> tuple[Permeant, float, float]:
        """Permeant that represents all, and the joint concentrations inside and outside (eq. 22).

        A permeant with a valence of the other sign counts with its sides exchanged.
        """
        valences = {abs(p.valence) for p in self.permeants}
        if len(valences) > 1:
            raise CaseError(f"{self.name}.permeants", "apparent quantities need valences of one size; use latent ones")
        first = next(p for p in self.permeants if p.permeability > 0.0)
        inside = outside = 0.0
        for p in self.permeants:
            ratio = p.permeability / first.permeability
            same = p.valence == first.valence
            inside += ratio * (p.inside if same else p.outside)
            outside += ratio * (p.outside if same else p.inside)
        return first, inside, outside

    def apparent(self, V: Values) -> tuple[np.ndarray, float]:
        """Apparent conductance, S, and reversal potential, V (eqs. 20-23); for valences of one size.

        Raises:
            CaseError: the permeants have valences of different size.
        """
        first, inside, outside = self._joint()
        mean = harmonic_mean(V, inside, outside, first.valence, self.thermal_voltage)
        strength = self.area * first.valence**2 * FARADAY / self.thermal_voltage * first.permeability
        E = reversal_potential(inside, outside, first.valence, self.thermal_voltage)
        return np.asarray(strength * mean), float(E)

    def resting_potential(self) -> float:
        """Potential at which the total current is zero, V."""
        from scipy.optimize import brentq

        return float(brentq(lambda V: float(self.current(V)), -1.0, 1.0, xtol=1e-15))

    def with_concentrations(self, **changed: tuple[float, float]) -> Channel:
        """Channel in other solutions: ``Na=(inside, outside)`` in mol/m^3.

        Raises:
            CaseError: the channel has no such permeant.
        """
        known = {p.name for p in self.permeants}
        for name in changed:
            if name not in known:
                raise CaseError(name, f"is no permeant of {self.name}; known: {', '.join(sorted(known))}")
        permeants = tuple(
            replace(p, inside=changed[p.name][0], outside=changed[p.name][1]) if p.name in changed else p
            for p in self.permeants
        )
        return replace(self, permeants=permeants)
