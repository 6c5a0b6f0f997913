"""Law of rings of sources on the wall of a long straight neck on a flat grounded base: exact means of G over bands.

With modes J0(j_n rho/a), where J1(j_n) = 0, and the base's image source of the other sign at -z', the G of a ring at
height z' on the wall is, on the wall (own derivation; textbook separation of variables),

    pi a^2 G(z, z') = min(z, z') + sum_n (a/(2 j_n)) (exp(-j_n |z - z'|/a) - exp(-j_n (z + z')/a)).

A band is a ring of some width with even flux. Two bands are cut where one begins or ends within the other, so that
pieces are identical or apart, and the means over pieces of widths v, w that are a gap g apart have closed forms:

    <exp(-k |z - z'|)> = exp(-k g) h(k v) h(k w), h(x) = (1 - exp(-x))/x;   2 (x - 1 + exp(-x))/x^2, x = k w, of one
    <min(z, z')> = middle of the lower one;   lowest height + w/3 of one.

Assumes that the other end is closed or leads to a head far away: several radii (`RingsLaw.leading_error`).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

#: Lower and upper height of a band above the base, m.
Band = tuple[float, float]

#: Number of zeros of J1 that are summed one by one; the sum over the others is an integral.
ZEROS = 200

#: Number of octaves of that integral: terms fall at least as 1/j^2 once j is above a over the width.
OCTAVES = 50


@functools.cache
def _sum_rule() -> tuple[Values, Values]:
    """Points x and weights w with which sum w f(x) is the sum of f over all zeros of J1, f at most like exp(-x y)/x.

    Zeros of Y1 lie halfway, in number n(x), between those of J1. Past one of them the sum is the integral of f dn, with
    dn = 2 dx/(pi^2 x (J1^2 + Y1^2)), and df/dn/24 (Euler and Maclaurin).
    """
    from scipy.special import j1, jn_zeros, y1, yn_zeros

    start = float(yn_zeros(1, ZEROS + 1)[-1])
    nodes, gauss = np.polynomial.legendre.leggauss(16)
    left = start * 2.0 ** np.arange(OCTAVES)[:, None]
    x = (left * (1.5 + 0.5 * nodes)).ravel()
    measure = (0.5 * left * gauss).ravel()
    density = (1.0 - 0.375 / x**2 + 63.0 / (128.0 * x**4)) / math.pi  # 1/x^6 is below rounding
    slope = math.pi**2 * start * (j1(start) ** 2 + y1(start) ** 2) / 2.0  # dx/dn
    step = 0.5  # of x; the error is that of a third derivative
    ends = np.array([start - step, start + step])
    difference = slope / (48.0 * step) * np.array([-1.0, 1.0])
    weights = np.concatenate([np.ones(ZEROS), measure * density, difference])
    return np.concatenate([jn_zeros(1, ZEROS), x, ends]), weights


def _apart(x: Values) -> Values:
    """Mean h(x) = (1 - exp(-x))/x of exp over a piece of width x; 1 at zero."""
    return np.where(x == 0.0, 1.0, -np.expm1(-x) / np.where(x == 0.0, 1.0, x))


def _same(x: Values) -> Values:
    """Mean 2 (x - 1 + exp(-x))/x^2 of exp(-|z - z'|) over both places in one piece of width x."""
    small, series = np.minimum(x, 0.1), np.ones_like(x)
    for n in range(9, 2, -1):
        series = 1.0 - small / n * series
    large = np.maximum(x, 0.1)
    return np.where(x < 0.1, series, 2.0 * (large + np.expm1(-large)) / large**2)


def _pieces(band: Band, other: Band) -> list[tuple[Band, float]]:
    """Pieces of a band, cut where the other band begins or ends, each with its share of the band."""
    low, high = band
    if low == high:
        return [(band, 1.0)]
    cuts = [low, *sorted({cut for cut in other if low < cut < high}), high]
    return [((p, q), (q - p) / (high - low)) for p, q in itertools.pairwise(cuts)]


def _pairs(first: Band, second: Band) -> Iterator[tuple[Band, Band, float]]:
    """Pairs of pieces of both bands, the lower piece first, identical or apart; each pair with its share."""
    for p, share in _pieces(first, second):
        for q, other_share in _pieces(second, first):
            yield min(p, q), max(p, q), share * other_share


@dataclass(frozen=True)
class RingsLaw:
    """A straight neck with reflecting wall on a flat grounded base at z = 0.

    Examples:
        >>> from spinepnp.validation.laws import RingsLaw
        >>> law = RingsLaw(radius=100e-9)
        >>> band = (0.9e-6, 1.0e-6)
        >>> f"{law.mean(band, band):.4g}"  # 1/m
        '3.004e+07'

    Attributes:
        radius: radius a, m.

    Raises:
        ValueError: a is not positive.
    """

    radius: float

    def __post_init__(self) -> None:
        if not self.radius > 0.0:
            raise ValueError(f"the neck's radius is not positive: {self.radius}")

    def mean(self, first: Band, second: Band) -> float:
        """Mean over one band of G for even unit flux through the other, 1/m, relative error 1e-12; symmetric.

        Args:
            first: lower and upper height of one band, m. A band without width is a ring.
            second: lower and upper height of the other band, m; it may overlap with the first, or be the first.

        Raises:
            ValueError: a height is negative, or not finite, or the upper one is below the lower; or both bands are the
                same ring, where G is infinite.
        """
        for band in (first, second):
            self._check(band)
        if first == second and first[0] == first[1]:
            raise ValueError(f"a ring without width has no G of its own: {first}")
        x, weights = _sum_rule()
        k, terms, linear = x / self.radius, np.zeros_like(x), 0.0
        for lower, upper, share in _pairs(first, second):
            if lower == upper:
                linear += share * (lower[0] + (lower[1] - lower[0]) / 3.0)
                terms += share * _same(k * (lower[1] - lower[0]))
            else:
                linear += share * 0.5 * (lower[0] + lower[1])
                widths = _apart(k * (lower[1] - lower[0])) * _apart(k * (upper[1] - upper[0]))
                terms += share * widths * np.exp(-k * (upper[0] - lower[1]))
        image = np.ones_like(k)
        for low, high in (first, second):
            image *= np.exp(-k * low) * _apart(k * (high - low))
        near = float(weights @ ((terms - image) / (2.0 * k)))
        return (linear + near) / (math.pi * self.radius**2)

    def matrix(self, bands: Sequence[Band]) -> Values:
        """Matrix of the `mean` over each of n bands for the flux of each, 1/m, (n, n), symmetric."""
        G = np.zeros((len(bands), len(bands)))
        for i, first in enumerate(bands):
            for j, second in enumerate(bands[: i + 1]):
                G[i, j] = G[j, i] = self.mean(first, second)
        return G

    def far(self, band: Band) -> float:
        """G far above a band (as in the head) for unit flux through the band, 1/m: its middle over pi a^2.

        By reciprocity this is also the mean of G over the band for unit flux that enters far above.

        Raises:
            ValueError: see `mean`.
        """
        self._check(band)
        return 0.5 * (band[0] + band[1]) / (math.pi * self.radius**2)

    def leading_error(self, band: Band, end: float) -> float:
        """Change of `mean` by the other end, relative to a/(j_1 pi a^2): about exp(-2 j_1 d/a), j_1 = 3.83.

        Args:
            band: lower and upper height of the higher band, m.
            end: height at which the neck ends or widens, m, at a distance d above the band.
        """
        self._check(band)
        from scipy.special import jn_zeros

        return math.exp(-2.0 * float(jn_zeros(1, 1)[0]) * (end - band[1]) / self.radius)

    def valid(self, band: Band, end: float, tolerance: float = 1e-3) -> bool:
        """Whether the band lies below the end and `leading_error` is within the tolerance.

        Args:
            band: lower and upper height of the higher band, m.
            end: height at which the neck ends or widens, m.
            tolerance: largest accepted `leading_error`.
        """
        return band[1] < end and self.leading_error(band, end) <= tolerance

    @staticmethod
    def _check(band: Band) -> None:
        """Raise a ValueError for heights that are no band."""
        low, high = band
        if not (0.0 <= low <= high < math.inf):
            raise ValueError(f"a band is two heights over the base, the lower one first, not {band}")
