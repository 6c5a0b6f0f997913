"""G of a cone and of a tube of slowly varying radius, with bounds (facts pnp B6; Rayleigh, Theory of Sound II, 308).

G, 1/m, is the mean over the injector of the harmonic function that is zero on one flat end and has unit, even flux
through the other. The one-dimensional G is a lower bound (surfaces z = const made equipotential). The flux field
J_z = 1/(pi r^2), J_rho = rho r'/(pi r^3), which follows the wall and spreads evenly, gives an upper one (Thomson):

    int dz/(pi r^2)  <=  G  <=  int (1 + r'^2/2) dz/(pi r^2),

for every radius profile, however steep. For slow ones the upper one is right to fourth order in r' (Zwanzig, J. Phys.
Chem. 96 (1992) 3926: D_eff = D/(1 + r'^2/2)), up to the ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """G between two bounds, 1/m.

    Attributes:
        lower: lower bound, the one-dimensional value.
        upper: upper bound of Rayleigh.
    """

    lower: float
    upper: float

    @property
    def leading_error(self) -> float:
        """Upper bound of the relative error of the one-dimensional G."""
        return self.upper / self.lower - 1.0

    def valid(self, tolerance: float = 0.02) -> bool:
        """Whether the body counts as slowly varying: both bounds agree within the tolerance."""
        return self.leading_error <= tolerance


def cylinder(length: float, radius: float) -> float:
    """G = L/(pi r^2) of a cylinder, exact, 1/m."""
    return length / (math.pi * radius**2)


def cone(length: float, base_radius: float, top_radius: float) -> Bounds:
    """Bounds of G of a truncated cone, 1/m: L/(pi r R) and (1 + s^2/2) times that, s = (R - r)/L.

    Args:
        length: length L, m.
        base_radius: radius r of the base, m.
        top_radius: radius R of the top, m.
    """
    lower = length / (math.pi * base_radius * top_radius)
    return Bounds(lower, lower * (1.0 + 0.5 * ((top_radius - base_radius) / length) ** 2))


def cone_between_spheres(length: float, base_radius: float, top_radius: float) -> float:
    """G of a cone between the spherical caps through its rims, exact, 1/m: (1/rho_r - 1/rho_R)/Omega.

    With the half angle alpha, sin(alpha) |1/r - 1/R| / (2 pi (1 - cos(alpha))): (1 + alpha^2/4 + ...) times the
    one-dimensional value. Equipotential ends.

    Args:
        length: distance of the two rims along the axis, m.
        base_radius: radius r of the lower rim, m.
        top_radius: radius R of the upper rim, m.
    """
    alpha = math.atan2(abs(top_radius - base_radius), length)
    if alpha == 0.0:
        return cylinder(length, base_radius)
    solid_angle = 4.0 * math.pi * math.sin(0.5 * alpha) ** 2
    return math.sin(alpha) * abs(1.0 / base_radius - 1.0 / top_radius) / solid_angle


def shell(inner_radius: float, outer_radius: float) -> float:
    """G between concentric spheres, exact: (1/r - 1/R)/(4 pi), 1/m."""
    return (1.0 / inner_radius - 1.0 / outer_radius) / (4.0 * math.pi)


def tube(
    radius: Callable[[Values], Values],
    start: float,
    end: float,
    slope: Callable[[Values], Values] | None = None,
    pieces: int = 64,
) -> Bounds:
    """Bounds of G of any circular tube, by quadrature to 1e-10.

    Args:
        radius: function r(z), m, of an array of heights (m); positive.
        start: lower end, m.
        end: upper end, m.
        slope: function r'(z); by default from differences of ``radius`` (to 1e-8).
        pieces: number of pieces of the quadrature; more for profiles of many periods.
    """
    step = 1e-5 * (end - start)

    def by_differences(z: Values) -> Values:
        low, high = np.clip(z - step, start, end), np.clip(z + step, start, end)
        return (radius(high) - radius(low)) / (high - low)

    slope = by_differences if slope is None else slope
    nodes, weights = np.polynomial.legendre.leggauss(16)
    edges = np.linspace(start, end, pieces + 1)
    half = 0.5 * np.diff(edges)[:, None]
    z = (edges[:-1, None] + half * (1.0 + nodes)).ravel()
    measure = (half * weights).ravel() / (math.pi * radius(z) ** 2)
    return Bounds(float(measure.sum()), float((measure * (1.0 + 0.5 * slope(z) ** 2)).sum()))


def tube_of_area(area: Callable[[float], float], start: float, end: float) -> float:
    """One-dimensional G = int dz/S(z) of a tube of any cross-section, a lower bound, 1/m.

    Args:
        area: function S(z), m^2, of a height (m).
        start: lower end, m.
        end: upper end, m.
    """
    from scipy.integrate import quad

    return float(quad(lambda z: 1.0 / area(z), start, end, epsabs=0.0, epsrel=1e-11, limit=400)[0])
