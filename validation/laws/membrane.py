"""Law of a charged membrane between two baths of one salt in open circuit (Teorell 1935; Meyer and Sievers 1936).

Assumes ideal solutions of a 1:1 salt, one dimension, and Debye layers that are thin against all lengths: the solution
is neutral, with Donnan equilibria at both faces and Planck's diffusion between them. An unstirred layer of bath on each
side, which the salt crosses by diffusion, is included (Nernst). The error is of order (Debye length / length).
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class MembraneLaw:
    """A membrane with an unstirred layer on its left and on its right.

    Examples:
        >>> from spinepnp.validation.laws import MembraneLaw
        >>> law = MembraneLaw(10.0, 100.0, -1000.0, (200e-12, 200e-12), (0.0, 1e-6, 0.0), thermal_voltage=25.26e-3)
        >>> round(law.potential * 1e3, 2)  # mV
        -57.92

    Attributes:
        left: concentration of the salt in the left bath, mol/m^3, positive.
        right: concentration of the salt in the right bath, mol/m^3, positive.
        fixed_charge: fixed charge of the membrane, mol/m^3 of unit charges, signed.
        diffusivities: diffusivities (D+, D-), m^2/s.
        lengths: thickness of the left layer, the membrane and the right layer, m; layers may be zero.
        thermal_voltage: kT/e, V.

    Raises:
        ValueError: a bath has no salt, or the membrane no thickness.
    """

    left: float
    right: float
    fixed_charge: float
    diffusivities: tuple[float, float]
    lengths: tuple[float, float, float]
    thermal_voltage: float

    def __post_init__(self) -> None:
        if min(self.left, self.right) <= 0.0:
            raise ValueError("both baths need salt")
        if self.lengths[1] <= 0.0 or min(self.lengths) < 0.0:
            raise ValueError("the membrane needs a thickness")

    def _anions(self, salt: float) -> float:
        """Concentration of anions in the membrane in Donnan equilibrium with a solution: c (c - rho) = C^2."""
        half = 0.5 * self.fixed_charge
        root = math.hypot(half, salt)
        return half + root if half >= 0.0 else salt**2 / (root - half)

    @property
    def flux(self) -> float:
        """Flux of the salt from left to right, mol/(m^2 s)."""
        from scipy.optimize import brentq

        plus, minus = self.diffusivities
        salt = 2.0 * plus * minus / (plus + minus)
        first, thickness, last = self.lengths

        def excess(flux: float) -> float:
            """Residual of a flux J: J x from the concentrations at the faces, less J times the thickness."""
            faces = self.left - flux * first / salt, self.right + flux * last / salt
            return self._thickness_times_flux(*(self._anions(c) for c in faces)) - flux * thickness

        # The flux is smaller than it would be without the unstirred layers, and leaves salt at both faces.
        most = self._thickness_times_flux(self._anions(self.left), self._anions(self.right)) / thickness
        if first == last == 0.0:
            return most
        if most > 0.0 and first > 0.0:
            most = min(most, self.left * salt / first)
        elif most < 0.0 and last > 0.0:
            most = max(most, -self.right * salt / last)
        return most * float(brentq(lambda share: excess(share * most), 0.0, 1.0, xtol=1e-16)) if most else 0.0

    def _thickness_times_flux(self, before: float, behind: float) -> float:
        """Product J x = D+ D- int (2 c - rho) / ((D+ + D-) c - D+ rho) dc of anions from right to left, J+ = J-."""
        plus, minus = self.diffusivities
        total, rho = plus + minus, self.fixed_charge
        log = self._log_ratio(before, behind) if rho else 0.0
        return plus * minus / total * (2.0 * (before - behind) - rho * (minus - plus) / total * log)

    def _log_ratio(self, before: float, behind: float) -> float:
        """Logarithm of the ratio of conductivities left and right, D+ c+ + D- c- with c+ = c- - rho."""
        plus, minus = self.diffusivities
        at = [(plus + minus) * c - plus * self.fixed_charge for c in (before, behind)]
        return math.log(at[0] / at[1])

    @property
    def potential(self) -> float:
        """Potential of the right bath relative to the left one, V."""
        plus, minus = self.diffusivities
        salt, flux = 2.0 * plus * minus / (plus + minus), self.flux
        near, far = self.left - flux * self.lengths[0] / salt, self.right + flux * self.lengths[2] / salt
        before, behind = self._anions(near), self._anions(far)
        share = (plus - minus) / (plus + minus)
        diffusion = share * (math.log(self.left / near) + self._log_ratio(before, behind) + math.log(far / self.right))
        donnan = math.log(before / near) - math.log(behind / far)
        return self.thermal_voltage * (diffusion + donnan)
