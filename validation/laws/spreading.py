"""Diffusion of steps of concentration in a closed neck, of an uncharged species or of one salt.

The Fourier series on 0 < z < L between reflecting ends (J. Crank, The Mathematics of Diffusion, 2nd ed., Oxford 1975,
section 2.2.4 is the same by images) holds for the ions of one salt, too, with its ambipolar diffusivity
D+ D- (z+ - z-)/(z+ D+ - z- D-): neutrality ties both to one concentration (Nernst 1888). Assumes times far above the
Debye time, and no dependence on the other coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Exponent n^2 pi^2 D t/L^2 beyond which the terms of the series are rounding.
LARGEST_EXPONENT = 40.0

#: Most terms of the series: enough down to D t = 4e-11 L^2.
MOST_TERMS = 320_000


def ambipolar_diffusivity(valences: tuple[int, int], diffusivities: tuple[float, float]) -> float:
    """Diffusivity D+ D- (z+ - z-)/(z+ D+ - z- D-) of a salt, m^2/s.

    Args:
        valences: valences (z+, z-) of cation and anion.
        diffusivities: diffusivities (D+, D-), m^2/s.
    """
    (cation, anion), (plus, minus) = valences, diffusivities
    return plus * minus * (cation - anion) / (cation * plus - anion * minus)


@dataclass(frozen=True)
class SpreadingLaw:
    """Steps of concentration in a neck with reflecting ends and constant cross-section.

    Examples:
        >>> from spinepnp.validation.laws import SpreadingLaw
        >>> law = SpreadingLaw(1e-6, 200e-12, outside=1.0, regions=((0.0, 0.5e-6, 3.0),))
        >>> f"{law.relaxation_time():.3g}", law.mean  # s, mol/m^3
        ('0.000507', 2.0)
        >>> law.concentration([0.0, 1e-6], time=1e-3).round(4)  # mol/m^3
        array([2.1769, 1.8231])

    Attributes:
        length: length L, m.
        diffusivity: diffusivity D, m^2/s.
        outside: initial concentration outside of the regions, mol/m^3.
        regions: lower and upper plane, m, and initial concentration, mol/m^3, of each region; they do not overlap.
    """

    length: float
    diffusivity: float
    outside: float
    regions: tuple[tuple[float, float, float], ...]

    @property
    def mean(self) -> float:
        """Mean concentration, which stays, mol/m^3."""
        excess = sum((c - self.outside) * (high - low) for low, high, c in self.regions)
        return self.outside + excess / self.length

    def relaxation_time(self) -> float:
        """Relaxation time L^2/(pi^2 D) of the slowest mode, s."""
        return self.length**2 / (math.pi**2 * self.diffusivity)

    def concentration(self, z: ArrayLike, time: float) -> NDArray[np.float64]:
        """Concentration c(z, t) at heights z (m, shape (n,)) and a time > 0 (s), mol/m^3, shape (n,).

        Raises:
            ValueError: the time is so short that the series has too many terms.
        """
        terms = math.ceil(math.sqrt(LARGEST_EXPONENT * self.relaxation_time() / time)) if time > 0.0 else MOST_TERMS + 1
        if terms > MOST_TERMS:
            raise ValueError("the time is too short for the series; take a later one")
        k = np.arange(1, terms + 1) * (math.pi / self.length)
        weights = _sum((c - self.outside) * (np.sin(k * high) - np.sin(k * low)) for low, high, c in self.regions)
        decay = np.exp(-(k**2) * self.diffusivity * time)
        z = np.atleast_1d(np.asarray(z, dtype=float))
        return np.asarray(self.mean + np.cos(np.multiply.outer(z, k)) @ (2.0 / (k * self.length) * weights * decay))


def _sum(parts: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.sum(list(parts), axis=0)
