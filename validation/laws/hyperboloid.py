"""Law of a hyperboloidal throat: G and voltage as paper 001 prints them, and exact (facts pnp B7).

The throat is the inside of y^2/a^2 + x^2/b^2 = 1 + z^2/c^2. Its wall is one of the confocal family of the ellipsoids

    x^2/(B^2 + t^2) + y^2/(A^2 + t^2) + z^2/t^2 = 1,   A^2 = a^2 + c^2, B^2 = b^2 + c^2,

so that a function of t alone is harmonic and meets the wall at right angles: G(t) between ellipsoids t = const, which
cross the axis at z = t, is an incomplete elliptic integral of the first kind over the solid angle Omega of the
asymptotic cone. A circular throat (a = b) has G = arctan(t/k)/(pi (k - c)), k = A.

Eq. (18) of paper 001 takes concentrations as functions of z alone: G_printed = 2 c arctan(L/c)/(pi a b). It is low by
about a^2/(4 c^2) (`leading_error`). Paper 001 writes its eq. (17) with c for both the axis and the concentration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinepnp.units import FARADAY

Values = NDArray[np.float64]


@dataclass(frozen=True)
class HyperboloidLaw:
    """A throat of half length L about its waist.

    Examples:
        >>> import math
        >>> from spinepnp.validation.laws import HyperboloidLaw
        >>> hole = HyperboloidLaw(a=1e-6, b=1e-6, c=0.0, half_length=math.inf)
        >>> round(hole.G_infinite() * 1e-6, 6)  # 1/um: 1/(2 a) of a round hole
        0.5

    Attributes:
        a: half axis of the waist along y, m.
        b: half axis of the waist along x, m.
        c: length over which the throat opens, m; zero for a hole in a thin wall.
        half_length: height L at which the ends (confocal or flat) cross the axis, m; may be infinite.
    """

    a: float
    b: float
    c: float
    half_length: float

    @property
    def _axes(self) -> tuple[float, float]:
        """Half axes A and B of the confocal family."""
        return math.hypot(self.a, self.c), math.hypot(self.b, self.c)

    def solid_angle(self) -> float:
        """Solid angle Omega of the asymptotic elliptic cone, sr; 2 pi (1 - c/k) for a circular one."""
        from scipy.integrate import quad

        def above(angle: float) -> float:
            square = 1.0 / ((math.cos(angle) / self.b) ** 2 + (math.sin(angle) / self.a) ** 2)
            slant = math.sqrt(self.c**2 + square)
            return square / (slant * (slant + self.c))  # 1 - c/slant without cancellation

        return 4.0 * float(quad(above, 0.0, 0.5 * math.pi, epsabs=0.0, epsrel=1e-12, limit=200)[0])

    def _integral(self, t: ArrayLike) -> Values:
        """Integral int_0^t dx / sqrt((A^2 + x^2)(B^2 + x^2)), 1/m."""
        from scipy.special import ellipk, ellipkinc

        small, large = sorted(self._axes)
        m = (large - small) * (large + small) / large**2
        t = np.asarray(t, dtype=float)
        if np.all(np.isinf(t)):
            return np.sign(t) * ellipk(m) / large
        return np.asarray(ellipkinc(np.arctan(t / small), m) / large)

    def G_between(self, lower: ArrayLike, upper: ArrayLike) -> Values:
        """Exact G between two confocal ellipsoids that cross the axis at given heights, 1/m; equipotential ends."""
        return (self._integral(upper) - self._integral(lower)) / self.solid_angle()

    def G(self) -> float:
        """Exact G between the confocal ends at z = -L and L, 1/m; arctan(L/k)/(pi (k - c)) for a = b."""
        return float(2.0 * self._integral(self.half_length) / self.solid_angle())

    def G_infinite(self) -> float:
        """Limit of G for L to infinity, 1/m: 2 K(m)/(sqrt(b^2+c^2) Omega); 1/(2a) for a circular hole (c = 0, Hall)."""
        return float(2.0 * self._integral(math.inf) / self.solid_angle())

    def G_printed(self, z: ArrayLike | None = None) -> Values:
        """G of paper 001, eqs. (17), (18): c (arctan(L/c) + arctan(z/c)) / (pi a b), 1/m; at z = L by default.

        A lower bound for flat ends (facts pnp B6). Zero for c = 0, where it has no meaning.
        """
        z = np.asarray(self.half_length if z is None else z, dtype=float)
        if self.c == 0.0:
            return np.zeros_like(z)
        with np.errstate(over="ignore"):
            angle = math.atan2(self.half_length, self.c) + np.arctan(z / self.c)
        return np.asarray(self.c * angle / (math.pi * self.a * self.b))

    def bounds_flat(self) -> tuple[float, float]:
        """Bounds of G for flat ends at z = -L and L, 1/m: G of the confocal ends inside and around them.

        The inner ends cross the axis there, the outer ones pass the farthest point of the rim, t = L max(A, B)/c.
        G of flat equipotential ends lies strictly between. The mean of G over a flat injector of even flux lies above
        the lower bound, too; it lies below the upper one in all cases of references.toml with a <= 2 c, but not for
        a = 4 c, L = 10 c, whereas the upper bound of `tube.tube` always holds. Needs c > 0.
        """
        outer = 2.0 * self._integral(self.half_length * max(self._axes) / self.c) / self.solid_angle()
        return self.G(), float(outer)

    def leading_error(self) -> float:
        """Relative error of `G_printed`, about (a^2 + b^2)/(8 c^2), the limit of a long throat for small a/c."""
        return math.inf if self.c == 0.0 else (self.a**2 + self.b**2) / (8.0 * self.c**2)

    def printed_valid(self, tolerance: float = 0.1) -> bool:
        """Whether eq. (18) is within the tolerance, by its leading error: c above about 2a for 6 %."""
        return self.leading_error() <= tolerance

    def unevenness(self) -> float:
        """Relative variation of the flux density over a confocal end: max(a, b)^2/(2 (L^2 + A^2)).

        The mean G of an injector of even flux density exceeds the exact one by a term of second order in this.
        """
        return max(self.a, self.b) ** 2 / (2.0 * (self.half_length**2 + min(self._axes) ** 2))

    def ellipsoid(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Values:
        """Signed height t at which the confocal ellipsoid through each point of the throat crosses the axis, m.

        Newton's method from below for t^2, where the left-hand side of the ellipsoid is convex and falls.

        Args:
            x: coordinates of the points, m, any shape.
            y: coordinates of the points, m, shape of ``x``.
            z: coordinates of the points, m, shape of ``x``.

        Returns:
            Heights, m, shape of ``x``; of the sign of ``z``.
        """
        x, y, z = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (x, y, z)))
        A, B = (axis**2 for axis in self._axes)
        p, q, r = x**2, y**2, z**2
        s = np.where(r == 0.0, 1.0, r)
        for _ in range(100):
            value = p / (B + s) + q / (A + s) + r / s - 1.0
            slope = p / (B + s) ** 2 + q / (A + s) ** 2 + r / s**2
            s = np.where(r == 0.0, 1.0, s + value / np.where(slope == 0.0, 1.0, slope))
        return np.where(r == 0.0, 0.0, np.sign(z) * np.sqrt(s))

    def G_at(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Values:
        """Exact G(x, y, z) from the lower confocal end, 1/m.

        Args:
            x: coordinates of the points, m, any shape.
            y: coordinates of the points, m, shape of ``x``.
            z: coordinates of the points, m, shape of ``x``.
        """
        return self.G_between(-self.half_length, self.ellipsoid(x, y, z))

    def voltage(
        self, current: ArrayLike, diffusivity: float, concentration: float, thermal_voltage: float, *, printed: bool
    ) -> Values:
        """Potential V_T ln(1 + I G/(2 D F C)) at the upper end, V, for monovalent ions of which one is injected.

        Args:
            current: current I, A, any shape.
            diffusivity: diffusivity D of the injected cation, m^2/s.
            concentration: total concentration of cations in the bulk, mol/m^3.
            thermal_voltage: kT/e, V.
            printed: whether to take G of paper 001, eq. (18), in place of the exact G.
        """
        G = float(self.G_printed()) if printed else self.G()
        scaled = np.asarray(current, dtype=float) * G / (2.0 * diffusivity * FARADAY * concentration)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(thermal_voltage * np.log1p(scaled))
