"""Laws of charging in time: Debye relaxation of the bulk, and charging of a membrane through a neck."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]


def debye_time(permittivity: float, conductivity: float) -> float:
    """Debye (Maxwell) time eps/sigma, s; lambda_D^2/D where all diffusivities are equal.

    Args:
        permittivity: absolute permittivity, F/m.
        conductivity: conductivity F sum z^2 D c / V_T, S/m (`liquid_junction.conductivity`).
    """
    return permittivity / conductivity


def charging(time: ArrayLike, final: float, time_constant: float) -> Values:
    """Potential V(t) = V_Ohm (1 - exp(-t/tau)) after a step of current at t = 0, V (facts pnp D2).

    With tau the Debye time: exact for an even, Ohmic bulk between injector and ground without membrane capacitance, as
    displacement and conduction then have the same lines of flow; for t far below the diffusion time L^2/D, after which
    concentrations change.

    Args:
        time: time after the step, s, any shape; before the step (negative) the result is zero.
        final: final value V_Ohm, V.
        time_constant: time constant tau, s.
    """
    elapsed = np.maximum(np.asarray(time, dtype=float), 0.0)
    return -final * np.expm1(-elapsed / time_constant)


@dataclass(frozen=True)
class MembraneCharging:
    """A compartment with a membrane, charged by a current and drained through a neck.

    The compartment is at one potential, the neck is an Ohmic resistance without membrane.

    Examples:
        >>> from spinepnp.validation.laws import MembraneCharging
        >>> law = MembraneCharging.of_ball(500e-9, capacitance=0.01, resistance=100e6)
        >>> f"{law.time_constant:.3g}"  # s
        '3.14e-06'
        >>> f"{law.voltage(law.time_constant, 50e-12):.4g}"  # V
        '0.003161'

    Attributes:
        capacitance: capacitance of the whole membrane, F (0.01 F/m^2 times its area).
        resistance: resistance of the neck, Ohm.
    """

    capacitance: float
    resistance: float

    @classmethod
    def of_ball(cls, radius: float, capacitance: float, resistance: float) -> MembraneCharging:
        """Law of a ball with a membrane.

        Args:
            radius: radius of the ball, m.
            capacitance: capacitance of its membrane per area, F/m^2.
            resistance: resistance of the neck, Ohm.
        """
        return cls(4.0 * math.pi * radius**2 * capacitance, resistance)

    @property
    def time_constant(self) -> float:
        """Time constant R C, s."""
        return self.resistance * self.capacitance

    def voltage(self, time: ArrayLike, current: float) -> Values:
        """Potential I R (1 - exp(-t/RC)) after a step of current at t = 0, V."""
        return charging(time, current * self.resistance, self.time_constant)

    def alpha_voltage(self, time: ArrayLike, current: float, peak_time: float) -> Values:
        """Response to I (t/t_peak) exp(1 - t/t_peak), V.

        Args:
            time: time, s, any shape.
            current: largest current I, A.
            peak_time: time t_peak of the largest current, s.
        """
        t = np.maximum(np.asarray(time, dtype=float), 0.0)
        k, beta = 1.0 / self.time_constant, 1.0 / peak_time
        return current * math.e * beta / self.capacitance * alpha_integral(t, k, beta)

    def leading_error(self, neck_length: float, diffusivity: float, step: float) -> float:
        """Relative change of the neck's resistance within RC, by the salt that gathers in it.

        The salt at its end rises by the fraction (V_Ohm/V_T) 2 sqrt(t D/pi)/L, over the part sqrt(D t)/L of the neck.

        Args:
            neck_length: length L of the neck, m.
            diffusivity: diffusivity D, m^2/s.
            step: ratio V_Ohm/V_T.
        """
        return abs(step) * 2.0 / math.sqrt(math.pi) * diffusivity * self.time_constant / neck_length**2

    def valid(self, neck_length: float, diffusivity: float, step: float, tolerance: float = 0.05) -> bool:
        """Whether `leading_error` is below the tolerance.

        Args:
            neck_length: length L of the neck, m.
            diffusivity: diffusivity D, m^2/s.
            step: ratio V_Ohm/V_T.
            tolerance: largest accepted relative change.
        """
        return self.leading_error(neck_length, diffusivity, step) <= tolerance


def alpha_integral(time: ArrayLike, k: ArrayLike, beta: float) -> Values:
    """Integral int_0^t s exp(-beta s) exp(-k (t - s)) ds, s^2, without cancellation where k is near beta.

    Args:
        time: time t >= 0, s.
        k: rate, 1/s; broadcasts with ``time``.
        beta: rate 1/t_peak, 1/s.
    """
    t, k = np.broadcast_arrays(np.asarray(time, dtype=float), np.asarray(k, dtype=float))
    x = (k - beta) * t
    small = np.abs(x) < 1e-2
    safe = np.where(small, 1.0, k - beta)
    series = t**2 * np.exp(-beta * t) * (0.5 - x / 6.0 + x**2 / 24.0 - x**3 / 120.0 + x**4 / 720.0 - x**5 / 5040.0)
    exact = t * np.exp(-beta * t) / safe - (np.exp(-beta * t) - np.exp(-k * t)) / safe**2
    return np.where(small, series, exact)
