"""The electroneutral law for one injected species and any others without flux (facts pnp B6 and B3, generalised).

With u = V/V_T, c_j = C_j exp(-z_j u) for j != k (no flux), z_k c_k = -(sum_{j != k} z_j c_j + rho) (neutrality), the
molar flux of the injected species k is -D_k grad Phi with

    Phi(u) = sum_{j != k} (z_j/z_k - 1) C_j (1 - exp(-z_j u)) - rho u.

div J_k = 0 and the walls make Phi harmonic, so that Phi = I G / (z_k F D_k) in any shape. G, 1/m, is the harmonic
function that vanishes on the ground and has unit flux through the injector: L/S for a cylinder.

Assumes a steady state, one bath, one injector, a uniform fixed charge, and a Debye length far below all sizes. For two
monovalent ions this is V = V_T ln(1 + I G/(2 D F C)), paper 001, eq. (5); for three, its eqs. (12) and (13).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinepnp.units import FARADAY
from spinepnp.validation.laws.debye_layer import screening_length

Values = NDArray[np.float64]

#: A bulk charge below this fraction of sum |z| C is rounding.
NEUTRALITY = 1e-9

#: Largest |z u| that is tried.
FARTHEST = 600.0


def _bracketed(function: Callable[[float], float], direction: float, limit: float) -> float | None:
    """The root of a function of one sign change, looked for from zero outward; None where it has none up to |limit|."""
    from scipy.optimize import brentq

    near, far = 0.0, direction * min(0.5, limit)
    while (function(near) > 0.0) == (function(far) > 0.0):
        if abs(far) >= limit:
            return None
        near, far = far, direction * min(2.0 * abs(far), limit)
    return float(brentq(function, near, far, xtol=1e-16, rtol=1e-15, maxiter=300))


@dataclass(frozen=True)
class ElectroneutralLaw:
    """A neutral bulk, and which of its species is injected.

    Attributes:
        valences: z_j, whole numbers.
        concentrations: C_j of the bulk, mol/m^3.
        injected: position k of the injected species, charged.
        diffusivity: D_k, m^2/s; those of the others do not enter at steady state.
        thermal_voltage: kT/e, V.
        fixed_charge: rho, uniform concentration of immobile unit charges, mol/m^3, signed.

    Raises:
        ValueError: the injected species has no charge, or the bulk is not neutral.
    """

    valences: tuple[int, ...]
    concentrations: tuple[float, ...]
    injected: int
    diffusivity: float
    thermal_voltage: float
    fixed_charge: float = 0.0

    def __post_init__(self) -> None:
        if self.valences[self.injected] == 0:
            raise ValueError("the injected species has no charge")
        charges = [z * c for z, c in zip(self.valences, self.concentrations, strict=True)]
        if abs(sum(charges) + self.fixed_charge) > NEUTRALITY * (sum(map(abs, charges)) + abs(self.fixed_charge)):
            raise ValueError("the bulk is not neutral")

    @property
    def _others(self) -> list[tuple[int, float]]:
        pairs = list(zip(self.valences, self.concentrations, strict=True))
        return pairs[: self.injected] + pairs[self.injected + 1 :]

    @property
    def _valence(self) -> int:
        return self.valences[self.injected]

    def concentrations_at(self, u: ArrayLike) -> Values:
        """Concentration of every species at u = V/V_T, mol/m^3, shape (species, *u.shape)."""
        u = np.asarray(u, dtype=float)
        c = np.stack([C * np.exp(-z * u) for z, C in zip(self.valences, self.concentrations, strict=True)])
        c[self.injected] = 0.0
        charge = np.tensordot(np.asarray(self.valences, dtype=float), c, axes=1) + self.fixed_charge
        c[self.injected] = -charge / self._valence
        return c

    def strength(self, u: ArrayLike) -> Values:
        """sum_i z_i^2 c_i at u, mol/m^3; z_k dPhi/du."""
        return np.tensordot(np.square(np.asarray(self.valences, dtype=float)), self.concentrations_at(u), axes=1)

    def phi(self, u: ArrayLike) -> Values:
        """Phi(u), mol/m^3, whose gradient times -D_k is the flux of the injected species."""
        u = np.asarray(u, dtype=float)
        terms = [(1.0 - z / self._valence) * C * np.expm1(-z * u) for z, C in self._others]
        return np.asarray(sum(terms, -self.fixed_charge * u))

    @property
    def _farthest(self) -> float:
        return FARTHEST / max(map(abs, self.valences))

    def depletion(self) -> tuple[float, float]:
        """Where the injected species is used up: (u, Phi); u is infinite where that is reached only in the limit.

        Phi is minus infinity where there is no limiting current: what balances the fixed charge cannot be used up.
        """
        k, direction = self.injected, -math.copysign(1.0, self._valence)
        if self.concentrations[k] == 0.0:
            return 0.0, 0.0
        u = _bracketed(lambda v: float(self.concentrations_at(v)[k]), direction, self._farthest)
        # Where counter-ions only fade out with u, rounding decides on the sign of what is left.
        if u is not None and abs(u) < 30.0:
            return u, float(self.phi(u))
        balances = self.fixed_charge * self._valence < 0.0
        return direction * math.inf, -math.inf if balances else float(self.phi(direction * self._farthest))

    def scaled_potential(self, phi: ArrayLike) -> Values:
        """u with Phi(u) = phi, the inverse of `phi`.

        Args:
            phi: mol/m^3, any shape.

        Returns:
            u, shape of ``phi``; not a number at and beyond `depletion`.
        """
        phi = np.asarray(phi, dtype=float)
        end = self.depletion()
        return np.array([self._invert(float(p), end) for p in phi.ravel()]).reshape(phi.shape)

    def _invert(self, phi: float, end: tuple[float, float]) -> float:
        if phi == 0.0:
            return 0.0
        if phi < 0.0 and phi <= end[1]:
            return math.nan
        direction = math.copysign(1.0, phi * self._valence)
        # Past the end Phi turns back.
        limit = self._farthest if phi > 0.0 else min(abs(end[0]), self._farthest)
        with np.errstate(over="ignore"):
            u = _bracketed(lambda v: float(self.phi(v)) - phi, direction, limit)
        return math.nan if u is None else u

    def voltage(self, current: ArrayLike, G: float) -> Values:
        """V where the unit-flux harmonic function is G, V.

        Args:
            current: I, A, positive where positive charge enters, any shape.
            G: 1/m, of the injector or any other place.

        Returns:
            Shape of ``current``; not a number beyond `limiting_current` of that place.
        """
        phi = np.asarray(current, dtype=float) * G / (self._valence * FARADAY * self.diffusivity)
        return self.thermal_voltage * self.scaled_potential(phi)

    def current(self, voltage: ArrayLike, G: float) -> Values:
        """I that brings the place of G to a voltage, A: z_k F D_k Phi(V/V_T) / G, in closed form."""
        return self._valence * FARADAY * self.diffusivity * self.phi(np.asarray(voltage) / self.thermal_voltage) / G

    def ohmic_resistance(self, G: float) -> float:
        """dV/dI at I = 0 in steady state: V_T G / (F D_k sum_i z_i^2 C_i), Ohm."""
        return float(self.thermal_voltage * G / (FARADAY * self.diffusivity * self.strength(0.0)))

    def initial_voltage(self, current: ArrayLike, G: float, diffusivities: tuple[float, ...]) -> Values:
        """V right after a step of current, before any concentration has changed: V_T I G / (F sum_i z_i^2 D_i C_i).

        Ohm's law; for times above a Debye time and far below that of diffusion (facts pnp B4).
        """
        terms = zip(self.valences, diffusivities, self.concentrations, strict=True)
        conductivity = FARADAY * sum(z * z * D * C for z, D, C in terms)
        return np.asarray(self.thermal_voltage * G / conductivity * np.asarray(current, dtype=float))

    def limiting_current(self, G: float) -> float:
        """Current that uses up the injected species at the place of G, A; infinite where there is no limit.

        Its sign is that of -z_k: the injected species is drawn out.
        """
        return float(self._valence * FARADAY * self.diffusivity * self.depletion()[1] / G)

    def injector_slope(self, current: ArrayLike, G: float, area: float) -> Values:
        """du/dn at an injector through which the current passes evenly, 1/m (for `debye_layer.injector_drop`).

        Args:
            current: A.
            G: of the injector, 1/m.
            area: of the injector, m^2.
        """
        u = self.voltage(current, G) / self.thermal_voltage
        flux = np.asarray(current, dtype=float) / (FARADAY * self.diffusivity * area)
        with np.errstate(divide="ignore"):
            return np.asarray(flux / self.strength(u))

    def valid(self, current: ArrayLike, G: float, size: float, permittivity: float, tolerance: float = 0.1) -> bool:
        """Whether all currents are within the limit and the largest Debye length is below ``tolerance`` times ``size``.

        Args:
            current: A.
            G: of the injector, 1/m.
            size: smallest radius of the body, m.
            permittivity: absolute, F/m.
            tolerance: of the Debye length over the size.
        """
        u = self.voltage(current, G) / self.thermal_voltage
        lengths = screening_length(np.append(self.strength(u), self.strength(0.0)), permittivity, self.thermal_voltage)
        return bool(np.all(np.isfinite(u)) and np.all(lengths <= tolerance * size))
