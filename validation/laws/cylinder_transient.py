"""Electroneutral step and alpha responses of a cylinder, all diffusivities equal, monovalent ions (facts pnp D2).

The total salt c obeys c_t = D c_xx, c(0) = C, c'(L) = I(t)/(2 S D F); the field follows at once, c u' = I(t)/(2 S D F)
at every x, so that V(x, t) = V_T int_0^x I/(2 S D F c) dx: at t = 0+ the Ohmic value, in the end the log law of paper
001, eq. (5), which a current that stays approaches from above with tau_1 = 4 L^2/(pi^2 D).

Assumes times above the Debye time (`relaxation`), no membrane capacitance, and I above the limiting current.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinepnp.units import FARADAY
from spinepnp.validation.laws.relaxation import alpha_integral

Values = NDArray[np.float64]

#: Fraction of L^2/D below which images converge faster than eigenfunctions.
SHORT = 0.1

#: Number of eigenfunctions in a sum; terms of the alpha response fall with the fourth power.
MODES = 400


def _ierfc(x: Values) -> Values:
    """Integral of erfc from x to infinity."""
    from scipy.special import erfc

    return np.exp(-(x**2)) / math.sqrt(math.pi) - x * erfc(x)


@dataclass(frozen=True)
class CylinderTransientLaw:
    """A cylinder at rest in its bulk until t = 0.

    Examples:
        >>> from spinepnp.validation.laws import CylinderTransientLaw
        >>> law = CylinderTransientLaw(1e-6, 100e-9, diffusivity=200e-12, concentration=167.0, thermal_voltage=25.26e-3)
        >>> f"{law.relaxation_time():.3g}"  # s
        '0.00203'
        >>> (law.step_voltage(200e-12, [0.0, 1e-3, 1.0]) * 1e3).round(2)  # mV: from Ohm's law to the log law
        array([24.95, 21.38, 17.35])

    Attributes:
        length: length L, m.
        radius: radius, m.
        diffusivity: diffusivity D of all ions, m^2/s.
        concentration: total concentration C of cations, mol/m^3.
        thermal_voltage: kT/e, V.
    """

    length: float
    radius: float
    diffusivity: float
    concentration: float
    thermal_voltage: float

    def slope(self, current: ArrayLike) -> Values:
        """Slope c'(L) = I/(2 S D F), mol/m^4."""
        area = math.pi * self.radius**2
        return np.asarray(current, dtype=float) / (2.0 * area * self.diffusivity * FARADAY)

    def relaxation_time(self, n: int = 1) -> float:
        """Relaxation time tau_n = 4 L^2/((2n - 1)^2 pi^2 D) of mode n, s; tau_1 is the slowest."""
        return 4.0 * self.length**2 / (((2 * n - 1) * math.pi) ** 2 * self.diffusivity)

    def ohmic_voltage(self, current: ArrayLike) -> Values:
        """Potential V(L) at t = 0+: V_T I L/(2 S D F C), V."""
        return self.thermal_voltage * self.length / self.concentration * self.slope(current)

    def steady_voltage(self, current: ArrayLike) -> Values:
        """Steady potential V(L), the log law, V."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.thermal_voltage * np.log1p(self.slope(current) * self.length / self.concentration)

    def _rates(self) -> tuple[Values, Values]:
        """Wave numbers mu_n (1/m) and (2/L)(-1)^n/mu_n^2 (m), as columns."""
        n = np.arange(MODES, dtype=float)[:, None]
        mu = np.asarray((n + 0.5) * (math.pi / self.length), dtype=float)
        return mu, np.asarray(2.0 / self.length * np.cos(math.pi * n) / mu**2, dtype=float)

    def step_rise(self, x: ArrayLike, time: float) -> Values:
        """Rise (c - C)/c'(L), m, (n,), at places x (m, (n,)) and a time (s) after a step of current, to rounding.

        It is a sum over eigenfunctions, or over images at short times.
        """
        x = np.atleast_1d(np.asarray(x, dtype=float))
        if time <= 0.0:
            return np.zeros_like(x)
        if time * self.diffusivity < SHORT * self.length**2:
            width = 2.0 * math.sqrt(self.diffusivity * time)
            total = np.zeros_like(x)
            for n in range(5):
                near, far = (2 * n + 1) * self.length - x, (2 * n + 1) * self.length + x
                total += (-1) ** n * (_ierfc(near / width) - _ierfc(far / width))
            return width * total
        mu, weight = self._rates()
        return x - np.sum(weight * np.sin(mu * x) * np.exp(-(mu**2) * self.diffusivity * time), axis=0)

    def step_concentration(self, current: float, x: ArrayLike, time: float) -> Values:
        """Concentration c(x, t) after a step of current, mol/m^3, shape (n,).

        Args:
            current: current I of the step, A.
            x: distances from the grounded end, m, shape (n,).
            time: time since the step, s.
        """
        return self.concentration + self.slope(current) * self.step_rise(x, time)

    def alpha_concentration(self, current: float, peak_time: float, x: ArrayLike, time: float) -> Values:
        """Concentration c(x, t) of a current I (t/t_peak) exp(1 - t/t_peak), mol/m^3, (n,), to 1e-8 of its rise.

        Args:
            current: largest current I, A.
            peak_time: time t_peak of the largest current, s.
            x: places, m, shape (n,).
            time: time, s.
        """
        x = np.atleast_1d(np.asarray(x, dtype=float))
        if time <= 0.0:
            return np.full_like(x, self.concentration)
        mu, weight = self._rates()
        k, beta = mu**2 * self.diffusivity, 1.0 / peak_time
        # Difference of each mode to the quasi-steady g(t) x, so that the sum converges fast.
        lag = k * alpha_integral(time, k, beta) - time * math.exp(-beta * time)
        shape = time * math.exp(-beta * time) * x + np.sum(weight * lag * np.sin(mu * x), axis=0)
        return self.concentration + self.slope(current) * math.e * beta * shape

    def _places(self, time: float) -> tuple[Values, Values]:
        """Gauss points and weights on (0, L), finer toward L where c changes within sqrt(D t)."""
        finest = min(0.25, 0.5 * math.sqrt(self.diffusivity * max(time, 0.0)) / self.length + 1e-9)
        edges = np.concatenate([[0.0], np.geomspace(finest, 1.0, 1 + math.ceil(-2.0 * math.log(finest)) + 1)])
        nodes, weights = np.polynomial.legendre.leggauss(20)
        half = 0.5 * np.diff(edges)[:, None]
        from_end = (edges[:-1, None] + half * (1.0 + nodes)).ravel()
        return self.length * (1.0 - from_end), self.length * (half * weights).ravel()

    def step_voltage(self, current: float, time: ArrayLike) -> Values:
        """Potential V(L, t) after a step of current at t = 0, V, shape of ``time``; the Ohmic value at t = 0."""
        time = np.asarray(time, dtype=float)
        values = [self._voltage(current, t, None) for t in time.ravel()]
        return np.array(values).reshape(time.shape)

    def alpha_voltage(self, current: float, peak_time: float, time: ArrayLike) -> Values:
        """Potential V(L, t) of a current I (t/t_peak) exp(1 - t/t_peak), V, shape of ``time``.

        Args:
            current: largest current I, A.
            peak_time: time t_peak of the largest current, s.
            time: time since the onset, s, any shape.
        """
        time = np.asarray(time, dtype=float)
        values = [self._voltage(current, t, peak_time) for t in time.ravel()]
        return np.array(values).reshape(time.shape)

    def _voltage(self, current: float, time: float, peak_time: float | None) -> float:
        if time < 0.0:
            return 0.0
        x, weights = self._places(time)
        if peak_time is None:
            flowing, c = current, self.step_concentration(current, x, time)
        else:
            flowing = current * time / peak_time * math.exp(1.0 - time / peak_time)
            c = self.alpha_concentration(current, peak_time, x, time)
        if np.any(c <= 0.0):
            return math.nan
        return self.thermal_voltage * float(self.slope(flowing) * np.sum(weights / c))

    def valid(self, current: float, debye_time: float, time: float) -> bool:
        """Whether the time is past a few Debye times and the current within the limit -2 S D F C/L of the end.

        Args:
            current: current I, A.
            debye_time: Debye time of the bulk, s.
            time: time since the step, s.
        """
        return time >= 5.0 * debye_time and float(self.slope(current)) * self.length > -self.concentration
