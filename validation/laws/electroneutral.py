"""Electroneutral law of one injected species and any others without flux (facts pnp B6 and B3, generalised).

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
from numpy.typing import ArrayLike

from spinepnp.units import FARADAY
from spinepnp.validation.laws.debye_layer import Values, screening_length

#: Relative charge of the bulk (over sum |z| C) below which it counts as neutral: rounding of the input.
NEUTRALITY = 1e-9

#: Largest |z u| that is tried, below the overflow of the exponentials.
FARTHEST = 600.0


def _bracketed(function: Callable[[float], float], direction: float, limit: float) -> float | None:
    """Root of a function with one sign change, searched from zero outward; ``None`` if there is none up to |limit|."""
    from scipy.optimize import brentq

    near, far = 0.0, direction * min(0.5, limit)
    while (function(near) > 0.0) == (function(far) > 0.0):
        if abs(far) >= limit:
            return None
        near, far = far, direction * min(2.0 * abs(far), limit)
    return float(brentq(function, near, far, xtol=1e-16, rtol=1e-15, maxiter=300))


@dataclass(frozen=True)
class ElectroneutralLaw:
    """Electrolyte with a neutral bulk, of which one species is injected.

    Examples:
        >>> from spinepnp.validation.laws import ElectroneutralLaw
        >>> valences, concentrations = (1, 1, -1), (12.0, 155.0, 167.0)
        >>> law = ElectroneutralLaw(valences, concentrations, injected=0, diffusivity=200e-12, thermal_voltage=25.26e-3)
        >>> round(float(law.voltage(50e-12, G=3.183e7)) * 1e3, 3)  # mV; G = L/S of a cylinder, 1/m
        5.574

    Attributes:
        valences: valences z_j, whole numbers.
        concentrations: bulk concentrations C_j, mol/m^3.
        injected: index k of the injected species, which is charged.
        diffusivity: diffusivity D_k, m^2/s; those of the others do not enter at steady state.
        thermal_voltage: kT/e, V.
        fixed_charge: uniform concentration rho of immobile unit charges, mol/m^3, signed.

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
        """Valence and bulk concentration of each species without flux."""
        pairs = list(zip(self.valences, self.concentrations, strict=True))
        return pairs[: self.injected] + pairs[self.injected + 1 :]

    @property
    def _valence(self) -> int:
        """Valence of the injected species."""
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
        """Strength sum_i z_i^2 c_i at u, mol/m^3, which is z_k dPhi/du."""
        return np.tensordot(np.square(np.asarray(self.valences, dtype=float)), self.concentrations_at(u), axes=1)

    def phi(self, u: ArrayLike) -> Values:
        """Flux potential Phi(u), mol/m^3: its gradient times -D_k is the flux of the injected species."""
        u = np.asarray(u, dtype=float)
        terms = [(1.0 - z / self._valence) * C * np.expm1(-z * u) for z, C in self._others]
        return np.asarray(sum(terms, -self.fixed_charge * u))

    @property
    def _farthest(self) -> float:
        """Largest |u| that is tried."""
        return FARTHEST / max(map(abs, self.valences))

    def depletion(self) -> tuple[float, float]:
        """State (u, Phi) at which the injected species is used up; u is infinite if only the limit reaches it.

        Phi is minus infinity where there is no limiting current: ions that balance the fixed charge cannot be used up.
        """
        k, direction = self.injected, -math.copysign(1.0, self._valence)
        if self.concentrations[k] == 0.0:
            return 0.0, 0.0
        u = _bracketed(lambda v: float(self.concentrations_at(v)[k]), direction, self._farthest)
        # Where the concentration only tends to zero with growing |u|, rounding decides on its sign.
        if u is not None and abs(u) < 30.0:
            return u, float(self.phi(u))
        balances = self.fixed_charge * self._valence < 0.0
        return direction * math.inf, -math.inf if balances else float(self.phi(direction * self._farthest))

    def scaled_potential(self, phi: ArrayLike) -> Values:
        """Scaled potential u with Phi(u) = phi, mol/m^3, any shape; not a number at and beyond `depletion`."""
        phi = np.asarray(phi, dtype=float)
        end = self.depletion()
        return np.array([self._invert(float(p), end) for p in phi.ravel()]).reshape(phi.shape)

    def _invert(self, phi: float, end: tuple[float, float]) -> float:
        """Scaled potential at one value of Phi; ``end`` is `depletion`."""
        if phi == 0.0:
            return 0.0
        if phi < 0.0 and phi <= end[1]:
            return math.nan
        direction = math.copysign(1.0, phi * self._valence)
        # Beyond depletion Phi is not monotonic.
        limit = self._farthest if phi > 0.0 else min(abs(end[0]), self._farthest)
        with np.errstate(over="ignore"):
            u = _bracketed(lambda v: float(self.phi(v)) - phi, direction, limit)
        return math.nan if u is None else u

    def voltage(self, current: ArrayLike, G: float) -> Values:
        """Potential V where the unit-flux harmonic function is G, V.

        Args:
            current: current I, A, positive where positive charge enters, any shape.
            G: value of G at the injector or any other place, 1/m.

        Returns:
            Potential, shape of ``current``; not a number beyond `limiting_current` of that place.
        """
        phi = np.asarray(current, dtype=float) * G / (self._valence * FARADAY * self.diffusivity)
        return self.thermal_voltage * self.scaled_potential(phi)

    def current(self, voltage: ArrayLike, G: float) -> Values:
        """Current that brings the place of G to a voltage, A: z_k F D_k Phi(V/V_T) / G, in closed form."""
        return self._valence * FARADAY * self.diffusivity * self.phi(np.asarray(voltage) / self.thermal_voltage) / G

    def ohmic_resistance(self, G: float) -> float:
        """Resistance dV/dI at I = 0 in steady state: V_T G / (F D_k sum_i z_i^2 C_i), Ohm."""
        return float(self.thermal_voltage * G / (FARADAY * self.diffusivity * self.strength(0.0)))

    def initial_voltage(self, current: ArrayLike, G: float, diffusivities: tuple[float, ...]) -> Values:
        """Potential right after a step of current, before concentrations change: V_T I G / (F sum_i z_i^2 D_i C_i), V.

        Ohm's law; for times above a Debye time and far below that of diffusion (facts pnp B4).

        Args:
            current: current I of the step, A, any shape.
            G: geometric factor of the body, 1/m: L/S of a cylinder.
            diffusivities: diffusivities D_i of all species, m^2/s.
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
        """Slope du/dn at an injector with even flux, 1/m (for `debye_layer.injector_drop`).

        Args:
            current: injected current, A.
            G: value of G at the injector, 1/m.
            area: area of the injector, m^2.
        """
        u = self.voltage(current, G) / self.thermal_voltage
        flux = np.asarray(current, dtype=float) / (FARADAY * self.diffusivity * area)
        with np.errstate(divide="ignore"):
            return np.asarray(flux / self.strength(u))

    def valid(self, current: ArrayLike, G: float, size: float, permittivity: float, tolerance: float = 0.1) -> bool:
        """Whether all currents are within the limit and the largest Debye length is below ``tolerance`` times ``size``.

        Args:
            current: injected currents, A.
            G: value of G at the injector, 1/m.
            size: smallest radius of the body, m.
            permittivity: absolute permittivity, F/m.
            tolerance: largest ratio of Debye length to size.
        """
        u = self.voltage(current, G) / self.thermal_voltage
        lengths = screening_length(np.append(self.strength(u), self.strength(0.0)), permittivity, self.thermal_voltage)
        return bool(np.all(np.isfinite(u)) and np.all(lengths <= tolerance * size))
