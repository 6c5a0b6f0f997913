"""Electroneutral limit for one injected species k, all others without flux: a pointwise algebraic relation.

With c_j = C_j exp(-z_j u) for j != k and z_k c_k = -(sum_{j != k} z_j c_j + rho), the flux of species k is the gradient
of Phi, and Phi solves Laplace's equation in any shape (facts pnp B6, generalised to any valences and fixed charge):

    Phi(u) = sum_{j != k} (z_j/z_k - 1) C_j (1 - exp(-z_j u)) - rho u = I G / (z_k F D_k).

dPhi/du = (1/z_k) sum_i z_i^2 c_i over all species, so Phi is monotone as long as no concentration is negative; where
c_k reaches zero, the current reaches its limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spinepnp.solvers.model.electrolyte import Electrolyte, Species

#: Largest |z u| whose exponential is far from overflow.
LARGEST_EXPONENT = 600.0


@dataclass(frozen=True)
class Electroneutral:
    """Relation between u = V/V_T, the concentrations and Phi for one injected species.

    Attributes:
        electrolyte: species with a neutral bulk.
        injected: name of the injected species, charged.
    """

    electrolyte: Electrolyte
    injected: str

    @property
    def _valence(self) -> int:
        return self.electrolyte.species[self.electrolyte.index(self.injected)].valence

    @property
    def _fixed_charge(self) -> float:
        """Uniform fixed charge and that of immobile species, mol/m^3."""
        immobile = sum(s.valence * s.concentration for s in self.electrolyte.species if not s.moves)
        return self.electrolyte.uniform_charge + immobile

    def concentrations(self, u: np.ndarray) -> np.ndarray:
        """Concentrations (species, *u.shape), mol/m^3, at u = V/V_T relative to the grounded bulk, any shape."""
        u = np.asarray(u, dtype=float)
        k = self.electrolyte.index(self.injected)
        c = np.stack([s.concentration * np.exp(-_mobile_valence(s) * u) for s in self.electrolyte.species])
        others = sum((s.valence * c[j] for j, s in enumerate(self.electrolyte.species) if j != k), np.zeros_like(u))
        c[k] = -(others + self.electrolyte.uniform_charge) / self._valence
        return c

    def phi(self, u: np.ndarray) -> np.ndarray:
        """Electroneutral potential Phi(u), mol/m^3."""
        u = np.asarray(u, dtype=float)
        k, z_k = self.electrolyte.index(self.injected), self._valence
        total = -self._fixed_charge * u
        for j, s in enumerate(self.electrolyte.species):
            if j != k and s.moves:
                total = total - (s.valence / z_k - 1.0) * s.concentration * np.expm1(-s.valence * u)
        return total

    def phi_slope(self, concentrations: np.ndarray) -> np.ndarray:
        """Derivative of Phi by u, mol/m^3, at concentrations of shape (species, ...), mol/m^3."""
        squares = np.array([_mobile_valence(s) ** 2 for s in self.electrolyte.species])
        return np.asarray(np.tensordot(squares, concentrations, axes=1) / self._valence)

    def _largest_u(self) -> float:
        return LARGEST_EXPONENT / max(1, *(abs(s.valence) for s in self.electrolyte.species))

    def depletion(self) -> tuple[float, float]:
        """Limit of the current: u and Phi where the injected species is depleted.

        Returns:
            (u, Phi). Where the species is depleted only at infinite potential, u is infinite and Phi its limit there
            (minus infinity if the counter-charge is fixed: then there is no limiting current).
        """
        k, sign = self.electrolyte.index(self.injected), math.copysign(1.0, self._valence)
        far = -sign * self._largest_u()
        if self.concentrations(np.array(0.0))[k] <= 0.0:
            return 0.0, 0.0
        if self.concentrations(np.array(far))[k] < 0.0:
            from scipy.optimize import brentq

            u = brentq(lambda v: float(self.concentrations(np.array(v))[k]), 0.0, far, xtol=1e-14, rtol=1e-14)
            return u, float(self.phi(np.array(u)))
        limit = -math.inf if self._fixed_charge * sign < 0.0 else float(self.phi(np.array(far)))
        return -sign * math.inf, limit

    def potential(self, phi: np.ndarray) -> np.ndarray:
        """Scaled potential u = V/V_T with Phi(u) = phi, mol/m^3, both of shape (n,); inverse of `phi`.

        Raises:
            ValueError: a value at or beyond the limit of `depletion`.
        """
        phi = np.asarray(phi, dtype=float)
        u_limit, phi_limit = self.depletion()
        if phi.size == 0:
            return phi.copy()
        if phi.min() <= phi_limit and phi.min() < 0.0:
            raise ValueError("beyond the limiting current")
        z_k = self._valence
        # Neutral species, and those of the injected valence, do not enter Phi: most often one exponential remains.
        parts = [s for s in self.electrolyte.species if _mobile_valence(s) not in (0, z_k) and s.concentration > 0.0]
        valences = {s.valence for s in parts}
        if self._fixed_charge == 0.0 and len(valences) == 1 and (z := valences.pop()) * z_k < 0:
            return np.asarray(-np.log1p(phi / ((1.0 - z / z_k) * sum(s.concentration for s in parts))) / z)
        from scipy.optimize import elementwise

        sign = math.copysign(1.0, self._valence)
        lower = np.full_like(phi, u_limit if math.isfinite(u_limit) else -sign * self._largest_u())
        upper = np.full_like(phi, sign * self._largest_u())
        # Phi rises with sign*u: values of the wrong sign need only half the bracket, and zero is exact.
        lower = np.where(phi >= 0.0, 0.0, lower)
        upper = np.where(phi >= 0.0, upper, 0.0)
        result = elementwise.find_root(
            lambda u, target: self.phi(u) - target, (lower, upper), args=(phi,), tolerances={"xrtol": 1e-15}
        )
        return np.where(phi == 0.0, 0.0, result.x)


def _mobile_valence(species: Species) -> int:
    """Valence of a species that moves; zero of another one, whose concentration stays."""
    return species.valence if species.moves else 0
