"""Law of Box 1 of paper 000: mean escape time from a ball with a small window, voltage in salt (facts pnp A1).

Mean first-passage times of pure diffusion D in a ball of radius R with one circular window, a the radius of its rim
circle, by matched asymptotics: Cheviakov, Ward and Straube, Multiscale Model. Simul. 8 (2010) 836, for one trap; the
leading term is Rayleigh's, the logarithm that of Singer, Schuss, Holcman and Eisenberg, J. Stat. Phys. 122 (2006) 437
(with the factor 1/pi that is missing there). Neglects terms of order (a/R)^2 (`leading_error`).

In salt the electroneutral law holds (facts pnp B6): 1 + I G(x)/(2 D F C) is c/C, and by reciprocity the volume mean
of G for a current that enters at x is D tau(x)/|Omega|, exactly, with tau(x) the escape time from x.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinepnp.units import FARADAY

Values = NDArray[np.float64]


@dataclass(frozen=True)
class WindowEscapeLaw:
    """A ball with one small window at its south pole.

    Examples:
        >>> from spinepnp.validation.laws import WindowEscapeLaw
        >>> law = WindowEscapeLaw(radius=500e-9, window_radius=50e-9, diffusivity=200e-12)
        >>> f"{law.leading_time():.4g} {law.mean_time():.4g}"  # s
        '0.01309 0.01364'

    Attributes:
        radius: radius R of the ball, m.
        window_radius: radius a of the window's rim circle, m.
        diffusivity: diffusivity D, m^2/s.
    """

    radius: float
    window_radius: float
    diffusivity: float

    @property
    def _volume(self) -> float:
        """Volume |Omega| of the ball, m^3."""
        return 4.0 / 3.0 * math.pi * self.radius**3

    def leading_time(self) -> float:
        """Leading term |Omega|/(4 a D), s (Rayleigh); its relative error is (a/(pi R)) (ln(R/a) - 1)."""
        return self._volume / (4.0 * self.window_radius * self.diffusivity)

    def mean_time(self) -> float:
        """Mean escape time over all starting points, s, with three terms.

        |Omega|/(4 a D) [1 + (a/(pi R)) (ln(R/a) - ln 2 + 3/2 - 9/5)].
        """
        ratio = self.window_radius / self.radius
        correction = -math.log(ratio) - math.log(2.0) + 1.5 - 1.8
        return self.leading_time() * (1.0 + ratio / math.pi * correction)

    def time_from(self, r: ArrayLike, cosine: ArrayLike) -> Values:
        """Escape time from a point, s: the mean minus |Omega|/D times the surface Neumann Green's function.

        Valid at distances from the window well above a, to order a/R.

        Args:
            r: distance from the centre, m.
            cosine: cosine of the angle to the window's middle, 1 at the window.
        """
        green = neumann_green(np.asarray(r, dtype=float) / self.radius, cosine) / self.radius
        return self.mean_time() - self._volume / self.diffusivity * green

    def mean_G(self) -> float:
        """Mean of G over the ball for a current that enters evenly in the whole volume: D tau/|Omega|, 1/m.

        It also holds for a current that enters at a place where `time_from` equals the mean time.
        """
        return self.diffusivity * self.mean_time() / self._volume

    def voltage(
        self, current: ArrayLike, concentration: float, thermal_voltage: float, G: float | None = None
    ) -> Values:
        """Potential V_T ln(1 + I G/(2 D F C)), V, of two monovalent ions, one of them injected.

        With `mean_G`, the default, it is the potential of the mean concentration. Needs a Debye length far below a.

        Args:
            current: current I, A, any shape.
            concentration: concentration C of the salt at the window, mol/m^3.
            thermal_voltage: kT/e, V.
            G: value of G at another place or for another injector, 1/m.
        """
        G = self.mean_G() if G is None else G
        scaled = np.asarray(current, dtype=float) * G / (2.0 * self.diffusivity * FARADAY * concentration)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(thermal_voltage * np.log1p(scaled))

    def leading_error(self) -> float:
        """Relative error of `mean_time`: (a/R)^2/4, measured on the dual integral equation for a/R from 0.02 to 0.4."""
        return 0.25 * (self.window_radius / self.radius) ** 2

    def valid(self, tolerance: float = 0.01) -> bool:
        """Whether `leading_error` is below the tolerance: a below R/5."""
        return self.leading_error() <= tolerance


def neumann_green(r: ArrayLike, cosine: ArrayLike) -> Values:
    """Surface Neumann Green's function of the unit ball, of zero mean over it (Cheviakov et al. 2010).

    Lap G = 1/|Omega|, dG/dn = delta at the source on the surface; r from the centre, cosine of the angle to the source.
    """
    r, cosine = np.asarray(r, dtype=float), np.asarray(cosine, dtype=float)
    distance = np.sqrt(np.maximum(1.0 - 2.0 * r * cosine + r**2, 0.0))
    logarithm = np.log(2.0 / (1.0 - r * cosine + distance))
    even = (r**2 + 1.0) / (8.0 * math.pi) - 7.0 / (10.0 * math.pi)
    return 1.0 / (2.0 * math.pi * distance) + logarithm / (4.0 * math.pi) + even
