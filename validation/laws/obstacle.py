"""Law of a reflecting sphere on the axis of a reflecting tube, exact by multipoles (Smythe; Coulter counters).

W. R. Smythe, Phys. Fluids 4 (1961) 756; R. W. DeBlois and C. P. Bean, Rev. Sci. Instrum. 41 (1970) 909. Far from its
ends a tube of radius a (the unit of length below) with a sphere of radius s behaves as one that is longer by dL,

    G = (L + dL)/(pi a^2).

Around the sphere the potential is z + sum of B_n (P_n(cos t)/R^(n+1) + the response of the wall), n odd. With

    P_n/R^(n+1) = (-1)^n/n! d^n/dz^n (1/R),   1/R = (2/pi) int_0^oo K0(k rho) cos(kz) dk,

the response of the wall to K0(k rho) is (K1(k)/I1(k)) I0(k rho), and

    I0(k rho) sin(kz) = sum_{m odd} (-1)^((m-1)/2) (kR)^m P_m/m!.

No flux through the sphere is then a linear system, with b_n = B_n/s^(n+2),

    (m + 1) b_m - m sum_n A_mn s^(m+n+1) b_n = 1 for m = 1, else 0,
    A_mn = (-1)^((m+n)/2-1) (2/pi) int_0^oo k^(m+n) K1(k)/I1(k) dk / (m! n!).

Far away only the response to the dipole remains, as 2 B_1 sign(z): dL = 4 B_1 = 2 s^3/(1 - 0.79683 s^3 - ...).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

#: Largest s/a: the number of multipoles grows as 1/(1 - s/a).
WIDEST = 0.99

#: Relative change of dL, s^(2n) with n multipoles, at which the sum ends.
TOLERANCE = 1e-14


@functools.cache
def _wall_integrals(highest: int) -> Values:
    """Integrals (2^(p+1)/(pi p!)) int k^p K1(k)/I1(k) dk for p = 0, 2, ..., highest at index p/2; one for large p.

    The entry for p = 0, where the integral diverges, is not a number.
    """
    from scipy.special import gammaln, i1e, k1e

    # K1/I1 is 2/k^2 with logarithms at zero, hence small pieces there; k^p exp(-2k) is a peak sqrt(p)/2 wide.
    far = 0.5 * highest + 8.0 * math.sqrt(highest + 1.0) + 40.0
    edges = np.concatenate([[0.0], 0.5 ** np.arange(40, 0, -1), np.arange(1.0, math.ceil(far) + 1.0)])
    nodes, weights = np.polynomial.legendre.leggauss(16)
    half = 0.5 * np.diff(edges)[:, None]
    k = (edges[:-1, None] + half * (1.0 + nodes)).ravel()
    measure = (half * weights).ravel() * k1e(k) / i1e(k)
    integrals = np.full(highest // 2 + 1, math.nan)
    for p in range(2, highest + 1, 2):
        width = 8.0 * math.sqrt(p) + 40.0
        near = slice(*np.searchsorted(k, [0.5 * p - width, 0.5 * p + width]))
        log_peak = p * np.log(2.0 * k[near]) - 2.0 * k[near] - gammaln(p + 1.0)
        integrals[p // 2] = 2.0 / math.pi * float(measure[near] @ np.exp(log_peak))
    return integrals


@dataclass(frozen=True)
class ObstacleLaw:
    """A sphere on the axis of a tube; neither lets any flux through.

    Examples:
        >>> from spinepnp.validation.laws import ObstacleLaw
        >>> law = ObstacleLaw(radius=100e-9, obstacle_radius=30e-9)
        >>> round(law.extra_length() * 1e9, 4)  # nm of tube that the sphere is worth
        5.5187

    Attributes:
        radius: radius a of the tube, m.
        obstacle_radius: radius s of the sphere, m; from 0 to ``WIDEST`` times a.

    Raises:
        ValueError: a is not positive, or s is negative or too large.
    """

    radius: float
    obstacle_radius: float

    def __post_init__(self) -> None:
        if not self.radius > 0.0:
            raise ValueError(f"the tube's radius is not positive: {self.radius}")
        if not 0.0 <= self.obstacle_radius <= WIDEST * self.radius:
            raise ValueError(f"the sphere's radius is not from 0 to {WIDEST} of the tube's: {self.obstacle_radius}")

    @property
    def ratio(self) -> float:
        """Ratio s/a of the radii."""
        return self.obstacle_radius / self.radius

    def multipoles(self) -> int:
        """Default number of odd multipoles in `extra_length`: the relative error is of order (s/a)^(4n)."""
        if self.ratio == 0.0:
            return 1
        return math.ceil(0.25 * math.log(TOLERANCE) / math.log(self.ratio)) + 4

    def strengths(self, multipoles: int | None = None) -> Values:
        """Strengths b_n = B_n/s^(n+2), n = 1, 3, 5, ..., for unit gradient far away; 1/2 and zeros for a small sphere.

        Args:
            multipoles: number of multipoles; by default as many as change the result.

        Raises:
            ValueError: the number is less than one.
        """
        from scipy.special import gammaln

        count = self.multipoles() if multipoles is None else multipoles
        if count < 1:
            raise ValueError(f"at least one multipole is needed, not {count}")
        n = 2 * np.arange(count) + 1
        total = n[:, None] + n
        choose = gammaln(total + 1.0) - gammaln(n + 1.0)[:, None] - gammaln(n + 1.0) - total * math.log(2.0)
        sign = 1.0 - 2.0 * ((total // 2 - 1) % 2)
        wall = sign * np.exp(choose) * _wall_integrals(2 * int(n[-1]))[total // 2]
        matrix = np.diag(n + 1.0) - n[:, None] * wall * self.ratio ** (total + 1.0)
        return np.asarray(np.linalg.solve(matrix, np.eye(count)[0]))

    def extra_length(self, multipoles: int | None = None) -> float:
        """Extra length dL = 4 B_1/a^2, m, see `strengths`; relative error about 1e-13 (5 s for s/a = 0.99)."""
        return 4.0 * float(self.strengths(multipoles)[0]) * self.ratio**2 * self.obstacle_radius

    def leading_length(self) -> float:
        """Length 2 s^3/a^2 of a sphere in an infinite medium (Maxwell), m; relative error -(0.797 + ...) (s/a)^3."""
        return 2.0 * self.ratio**2 * self.obstacle_radius

    def shortest_length(self) -> float:
        """Lower bound of dL, m, from planes z = const that are made equipotential: int a^2/(a^2 - r^2) - 1 dz."""
        s = self.ratio
        if s < 1e-2:  # the closed form cancels
            return self.radius * (4.0 / 3.0 * s**3 + 16.0 / 15.0 * s**5 + 32.0 / 35.0 * s**7)
        return self.radius * (2.0 * math.asin(s) / math.sqrt((1.0 - s) * (1.0 + s)) - 2.0 * s)

    def G(self, length: float) -> float:
        """G = (L + dL)/(pi a^2) of a tube of length L (m), 1/m; the sphere is far from its ends (`leading_error`)."""
        return (length + self.extra_length()) / (math.pi * self.radius**2)

    def leading_error(self, distance: float) -> float:
        """Relative error of dL, about exp(-2 j_1 d/a), j_1 = 3.83, by the end at a distance d, m, from the middle."""
        from scipy.special import jn_zeros

        return math.exp(-2.0 * float(jn_zeros(1, 1)[0]) * distance / self.radius)

    def valid(self, distance: float, tolerance: float = 1e-3) -> bool:
        """Whether the sphere is inside a tube whose nearer end is at ``distance``, m, and the error below tolerance."""
        return distance > self.obstacle_radius and self.leading_error(distance) <= tolerance
