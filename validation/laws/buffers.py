"""Calcium that is removed or buffered, in tubes and at channels: steady states of diffusion with mass action.

Traces that the field does not move, or uncharged species. The current of an ion enters as I/(z F) particles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinepnp.units import FARADAY

Values = NDArray[np.float64]


@dataclass(frozen=True)
class RemovalLaw:
    """Steady tube into which an ion enters at x = L, from which it is removed at a rate k c, with c_0 of it at x = 0.

    D c'' = k c with D c'(L) = I/(z F S): with Lambda = sqrt(D/k)

        c = (I Lambda/(z F S D) sinh(x/Lambda) + c_0 cosh((L - x)/Lambda))/cosh(L/Lambda).

    Examples:
        >>> import math
        >>> from spinepnp.validation.laws import RemovalLaw
        >>> law = RemovalLaw(1e-6, math.pi * 1e-14, diffusivity=220e-12, rate=1e3, valence=2, current=1e-15)
        >>> f"{law.range * 1e9:.2f} nm, {float(law.concentration(1e-6)) * 1e3:.6f} uM"
        '469.04 nm, 0.341924 uM'

    Attributes:
        length: length L, m.
        area: cross-section S, m^2.
        diffusivity: diffusivity D, m^2/s.
        rate: rate k, 1/s.
        valence: valence z of the ion.
        current: current I, A.
        base: concentration c_0, mol/m^3.
    """

    length: float
    area: float
    diffusivity: float
    rate: float
    valence: int
    current: float
    base: float = 0.0

    @property
    def range(self) -> float:
        """Range Lambda, m."""
        return math.sqrt(self.diffusivity / self.rate)

    @property
    def leaving(self) -> float:
        """Share of what enters at x = L that leaves at x = 0; the rest is removed."""
        decay = math.exp(-self.length / self.range)
        return 2.0 * decay / (1.0 + decay**2)

    def concentration(self, x: ArrayLike) -> Values:
        """Concentrations at places x (m), mol/m^3; at the injector I Lambda tanh(L/Lambda)/(z F S D) of the current."""
        flux = self.current / (self.valence * FARADAY * self.area)
        made = flux * self.range / self.diffusivity * _sinh_over_cosh(x, self.length, self.range)
        from_base = np.cosh((self.length - np.asarray(x, dtype=float)) / self.range) / math.cosh(
            self.length / self.range
        )
        return np.asarray(made + self.base * from_base)

    def product(self, x: ArrayLike, diffusivity: float) -> Values:
        """Concentrations of the product less that at x = 0, which cannot pass x = L, mol/m^3.

        D c + D_X c_X is linear, as nothing of both is lost: D_X c_X = I x/(z F S) - D (c - c_0).

        Args:
            x: places, m.
            diffusivity: diffusivity D_X of the product, m^2/s.
        """
        flux = self.current / (self.valence * FARADAY * self.area)
        rest = flux * np.asarray(x, dtype=float) - self.diffusivity * (self.concentration(x) - self.base)
        return np.asarray(rest / diffusivity)


def _sinh_over_cosh(x: ArrayLike, length: float, range_: float) -> Values:
    """sinh(x/Lambda)/cosh(L/Lambda) without overflow."""
    places = np.asarray(x, dtype=float)
    decay = np.exp((places - length) / range_) * -np.expm1(-2.0 * places / range_)
    return np.asarray(decay / (1.0 + math.exp(-2.0 * length / range_)))


def excess_buffer_range(diffusivity: float, forward: float, free: float) -> float:
    """Range Lambda = sqrt(D/(k_on B)) of an ion among a buffer that it does not use up, m.

    Such a buffer removes the rise of the ion at a rate k_on B: see `RemovalLaw` for a tube, `nanodomain` for a channel.

    Args:
        diffusivity: diffusivity D of the ion, m^2/s.
        forward: rate constant k_on, m^3/(mol s).
        free: concentration B of the free buffer, mol/m^3.
    """
    return math.sqrt(diffusivity / (forward * free))


def nanodomain(
    distance: ArrayLike,
    current: float,
    valence: int,
    diffusivity: float,
    range_: float = math.inf,
    mouth: float = 0.0,
    edge: float = math.inf,
    solid_angle: float = 2.0 * math.pi,
) -> Values:
    """Steady rise of an ion around a channel's mouth in excess buffer, or without a buffer.

    (r c)'' = r c/Lambda^2 with the flux I/(z F) through the mouth r = a, and none of the rise at the edge r = R. For
    R = infinity c = I/(Omega z F D r) e^(-(r - a)/Lambda)/(1 + a/Lambda) (Neher 1986; Roberts 1994), else
    c = I/(Omega z F D r) sinh((R - r)/Lambda)/((a/Lambda) cosh((R - a)/Lambda) + sinh((R - a)/Lambda)); without a
    buffer I/(Omega z F D) (1/r - 1/R). The excess holds while the buffer is not used up: I small, or B diffuses fast.

    Args:
        distance: distances r from the centre of the mouth, m; none below a.
        current: current I, A.
        valence: valence z of the ion.
        diffusivity: diffusivity D of the ion, m^2/s.
        range_: range Lambda, m; infinity without a buffer.
        mouth: radius a of the mouth, m; zero for a point.
        edge: radius R of the edge, m.
        solid_angle: solid angle Omega: 2 pi at a flat wall, 4 pi around a sphere.

    Returns:
        Concentrations less those far away, mol/m^3, shape of the distances.
    """
    r = np.asarray(distance, dtype=float)
    scale = current / (solid_angle * valence * FARADAY * diffusivity)
    if math.isinf(range_):
        return np.asarray(scale * (1.0 / r - 1.0 / edge))
    if math.isinf(edge):
        return np.asarray(scale / r * np.exp(-(r - mouth) / range_) / (1.0 + mouth / range_))
    whole = (edge - mouth) / range_
    # Divided by e^whole, which may overflow.
    decay = np.exp(-(r - mouth) / range_) * -np.expm1(-2.0 * (edge - r) / range_)
    return np.asarray(scale / r * decay / (mouth / range_ * (1.0 + math.exp(-2.0 * whole)) - math.expm1(-2.0 * whole)))


def buffer_capacity(calcium: ArrayLike, total: float, dissociation: float) -> Values:
    """Binding ratio kappa = d[CaB]/d[Ca] = B K/(K + Ca)^2 of a buffer in equilibrium, shape of the concentrations.

    Args:
        calcium: free calcium, mol/m^3.
        total: total buffer B, free and bound, mol/m^3.
        dissociation: dissociation constant K, mol/m^3.
    """
    return np.asarray(total * dissociation / (dissociation + np.asarray(calcium, dtype=float)) ** 2)


def rapid_buffer_diffusivity(capacity: ArrayLike, diffusivity: float, buffer_diffusivity: float) -> Values:
    """Effective diffusivity (D + kappa D_B)/(1 + kappa) of an ion among a rapid buffer (Wagner and Keizer 1994), m^2/s.

    Holds for small changes of calcium, and for times and lengths beyond those of the binding.

    Args:
        capacity: binding ratio kappa; see `buffer_capacity`.
        diffusivity: diffusivity D of the ion, m^2/s.
        buffer_diffusivity: diffusivity D_B of the buffer, m^2/s.
    """
    kappa = np.asarray(capacity, dtype=float)
    return np.asarray((diffusivity + kappa * buffer_diffusivity) / (1.0 + kappa))


@dataclass(frozen=True)
class BufferedTube:
    """Steady tube into which calcium enters at x = L, with Ca + B <-> CaB, in equilibrium at x = 0.

    B and CaB diffuse equally fast and cannot pass x = L. D Ca + D_B CaB is linear in x, as nothing of both is lost.

    Examples:
        >>> from spinepnp.validation.laws import BufferedTube
        >>> binding = {"forward": 1e5, "backward": 10.0}
        >>> tube = BufferedTube(1e-6, 220e-12, 50e-12, calcium=1e-4, total=0.1, flux=1.65e-7, **binding)
        >>> f"{float(tube.rapid(1e-6)) * 1e6:.2f} nM, {tube.range * 1e9:.1f} nm"
        '113.85 nM, 207.9 nm'

    Attributes:
        length: length L, m.
        diffusivity: diffusivity D of calcium, m^2/s.
        buffer_diffusivity: diffusivity D_B of the buffer, m^2/s; zero for an immobile one.
        calcium: calcium at x = 0, mol/m^3.
        total: total buffer there, free and bound, mol/m^3.
        forward: rate constant k_on, m^3/(mol s).
        backward: rate constant k_off, 1/s.
        flux: flux J of calcium at x = L, I/(z F S), mol/(m^2 s).
    """

    length: float
    diffusivity: float
    buffer_diffusivity: float
    calcium: float
    total: float
    forward: float
    backward: float
    flux: float

    @property
    def dissociation(self) -> float:
        """Dissociation constant K, mol/m^3."""
        return self.backward / self.forward

    @property
    def bound(self) -> float:
        """Concentration of CaB at x = 0, mol/m^3."""
        return self.total * self.calcium / (self.dissociation + self.calcium)

    @property
    def range(self) -> float:
        """Range of the binding for small changes, m: 1/Lambda^2 = k_on B/D + (k_on Ca + k_off)/D_B."""
        exchange = self.forward * self.calcium + self.backward
        free = self.forward * (self.total - self.bound) / self.diffusivity
        return 0.0 if self.buffer_diffusivity == 0.0 else (free + exchange / self.buffer_diffusivity) ** -0.5

    def rapid(self, x: ArrayLike) -> Values:
        """Calcium where the binding is in equilibrium at every place, for any flux, mol/m^3.

        D Ca + D_B B Ca/(K + Ca) is linear in x (Smith 1996): a quadratic equation for Ca. The limit of fast rates, from
        which calcium differs within `range` of the injector.

        Args:
            x: places, m.
        """
        K, both = self.dissociation, self.buffer_diffusivity * self.total
        at_base = self.diffusivity * self.calcium + self.buffer_diffusivity * self.bound
        right = at_base + self.flux * np.asarray(x, dtype=float)
        half = 0.5 * (right - self.diffusivity * K - both)
        root = np.sqrt(half**2 + self.diffusivity * K * right)
        # One of the two forms has no cancellation.
        small = K * right / (root + np.abs(half))
        return np.asarray(np.where(half > 0.0, (half + root) / self.diffusivity, small))

    def linear(self, x: ArrayLike) -> tuple[Values, Values]:
        """Rises of calcium and of the bound buffer to first order in the flux, at any rates, mol/m^3.

        dCa = J/(D + kappa D_B) (x + kappa (D_B/D) Lambda sinh(x/Lambda)/cosh(L/Lambda)) and D_B dCaB = J x - D dCa,
        with kappa of `buffer_capacity` and Lambda of `range`: the linearised buffer of Naraghi and Neher (1997) in a
        tube. The error is of the second order in the flux. With a buffer that diffuses much faster than it binds,
        Lambda is that of `excess_buffer_range` and dCa that of `RemovalLaw` near the injector; an immobile buffer
        leaves dCa = J x/D.

        Args:
            x: places, m.
        """
        places = np.asarray(x, dtype=float)
        D, D_B = self.diffusivity, self.buffer_diffusivity
        kappa = float(buffer_capacity(self.calcium, self.total, self.dissociation))
        if D_B == 0.0:
            rise = self.flux * places / D
            return np.asarray(rise), np.asarray(kappa * rise)
        short = self.range * _sinh_over_cosh(places, self.length, self.range)
        per_flux = self.flux / (D + kappa * D_B)
        return np.asarray(per_flux * (places + kappa * D_B / D * short)), np.asarray(
            per_flux * kappa * (places - short)
        )
