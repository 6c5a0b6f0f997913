"""G of a body of revolution of smooth radius r(z) between flat ends, with bounds that converge to the exact value.

G is harmonic, zero on the lower end, with an even unit flux through the upper one and none through the wall. In
coordinates u = (rho/r(z))^2 in (0, 1) and z, where G is smooth (even in rho), its energy is separable:

    2 pi int int [(2 + 2 t)(G_t)^2 + (1 + t)^2 r'^2 (G_t)^2 + r^2 G_z^2/4 - (1 + t) r r' G_t G_z] dt dz,   t = 2 u - 1,

and so is that of the stream function psi, which is the flux through the disc within rho:

    (1/pi) int int [(1 + u r'^2) psi_u^2/r^2 + psi_z^2/(4 u) - (r'/r) psi_u psi_z] du dz.

Galerkin's method in Legendre polynomials of t times spectral elements in z, a banded system. With flux given, the mean
of G over the top is low for the potential (Dirichlet: twice the load less the energy) and high for the flux (Thomson),
at every order: the lowest orders are the bounds of `tube.tube`, the higher ones lie strictly between. Derived from
these principles; own code (W. J. Gordon and C. A. Hall's map, P. Solin et al., Higher-Order Finite Element Methods, for
the shape functions).

Range: any smooth positive r(z). A wall that meets the base at a right angle leaves no singularity there (reflect at
the base, if r is even about it); at the top the even flux leaves one of d^2 ln(d), d the distance from the rim, times
r'' (none for a straight cylinder). At any other angle w between wall and end it is d^(pi/(2 w)) at the base and
d^(pi/w) at the top. Convergence is exponential down to what these leave, algebraic from there. With the default orders
the mean is right to 3e-12 for a corrugated tube (60 nm + 30 nm cos, period 500 nm, 1 um; to 1e-9 with orders 8 and 4),
to 2e-8 for flat-ended throats with a/c up to 2, to 1.5e-7 for a/c = 4, L/c = 10; G at the middle and at the rim of the
corrugated tube to 1e-8 and 5e-8. `SmoothTube.error` bounds the error of the mean; rounding is about 1e-12.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

Values = NDArray[np.float64]

#: Term of an energy: matrix across, (n, n), weight of int weight f g dz, and orders of the derivatives of f and g.
Term = tuple[Values, Values, int, int]


@dataclass(frozen=True)
class SmoothTube:
    """Values of G at the top, 1/m.

    Examples:
        >>> import numpy as np
        >>> from spinepnp.validation.laws import smooth_tube
        >>> G = smooth_tube(lambda z: 100e-9 + 20e-9 * np.cos(2e6 * np.pi * z), length=1e-6)
        >>> f"{G.mean:.4g}", G.error < 1e-9  # 1/m
        ('3.397e+07', True)

    Attributes:
        mean: mean over the top; a lower bound, far closer than the upper one where G is smooth.
        upper: upper bound of that mean.
        centre: value at the middle of the top.
        rim: value at the rim of the top.
    """

    mean: float
    upper: float
    centre: float
    rim: float

    @property
    def error(self) -> float:
        """Upper bound of the relative error of the mean."""
        return self.upper / self.mean - 1.0


def _shapes(order: int, t: Values) -> tuple[Values, Values]:
    """Shape functions of a piece (-1, 1) and slopes, (order + 1, points): hat, integrals of P_1, P_2, ..., hat."""
    P = legendre.legvander(t, order).T
    scale = np.sqrt(np.arange(1, order) + 0.5)[:, None]  # slopes of unit norm keep the matrix well conditioned
    n = np.arange(1, order)[:, None]
    bubbles = (P[2:] - P[:-2]) / (2.0 * n + 1.0) * scale
    values = np.vstack([[0.5 * (1.0 - t)], bubbles, [0.5 * (1.0 + t)]])
    half = np.full((1, t.size), 0.5)
    return values, np.vstack([-half, P[1:-1] * scale, half])


@dataclass(frozen=True)
class _Along:
    """Quadrature points along z, (pieces, points), with the radius and its slope there.

    Attributes:
        half: half the length of each piece.
        order: order of the shape functions.
        nodes: nodes of the quadrature, in (-1, 1).
        weights: weights of the quadrature.
        r: radius at the points.
        slope: slope r' at the points.
    """

    half: Values
    order: int
    nodes: Values
    weights: Values
    r: Values
    slope: Values

    def matrix(self, terms: list[Term], piece: int) -> Values:
        """Sum of the terms on a piece, (order + 1, n, order + 1, n)."""
        values, slopes = _shapes(self.order, self.nodes)
        by = (values, slopes / self.half[piece])
        total: Values = np.zeros(1)
        for across, weight, first, second in terms:
            along = (by[first] * (weight[piece] * self.weights * self.half[piece])) @ by[second].T
            total = total + along[:, None, :, None] * across[None, :, None, :]
        return total


def _banded(along: _Along, terms: list[Term]) -> Values:
    """Upper band of the global matrix; unknowns ordered by height, then across."""
    size, p = len(terms[0][0]), along.order
    pieces, block = len(along.half), (p + 1) * size
    band = np.zeros((block, (pieces * p + 1) * size))
    row, column = np.triu_indices(block)
    for piece in range(pieces):
        local = along.matrix(terms, piece).reshape(block, block)
        band[block - 1 + row - column, column + piece * p * size] += local[row, column]
    return band


def _across(order: int) -> tuple[Values, Values, Values, Values, Values]:
    """Nodes u and weights on (0, 1); P_0 .. P_order and slopes by t = 2 u - 1; shape functions zero at both ends."""
    nodes, weights = legendre.leggauss(order + 3)
    P = np.asarray(legendre.legvander(nodes, order).T, dtype=float)
    slopes = np.asarray(legendre.legval(nodes, legendre.legder(np.eye(order + 1))), dtype=float)
    return 0.5 * (1.0 + nodes), 0.5 * weights, P, slopes, _shapes(order + 1, nodes)[0][1:-1]


def _potential(along: _Along, order: int) -> Values:
    """Legendre coefficients (in t) of G at the top, (order + 1,), for a flux of 1/(2 pi); the first is the mean."""
    from scipy.linalg import solveh_banded

    u, w, P, D, _ = _across(order)
    one = np.ones_like(along.r)
    steep = (D * (8.0 * u * w)) @ D.T
    mixed = -(P * (2.0 * u * w)) @ D.T
    terms: list[Term] = [
        (steep, one, 0, 0),
        ((D * (8.0 * u**2 * w)) @ D.T, along.slope**2, 0, 0),
        ((P * (0.5 * w)) @ P.T, along.r**2, 1, 1),
        (mixed, along.r * along.slope, 1, 0),
        (mixed.T, along.r * along.slope, 0, 1),
    ]
    band = _banded(along, terms)[:, order + 1 :]  # zero at the base
    load = np.zeros(band.shape[1])
    load[-order - 1] = 1.0
    return solveh_banded(band, load, check_finite=False)[-order - 1 :]


def _flux(along: _Along, order: int) -> float:
    """Energy of the flux times pi, for psi = u + sum of shape functions that vanish on axis, wall and top."""
    from scipy.linalg import solveh_banded

    u, w, P, _, B = _across(order)
    scale = 2.0 * np.sqrt(np.arange(1, order + 1) + 0.5)[:, None]
    slope = P[1:] * scale  # of B by u
    r, s = along.r, along.slope
    mixed = -0.5 * (B * w) @ slope.T
    terms: list[Term] = [
        ((slope * w) @ slope.T, 1.0 / r**2, 0, 0),
        ((slope * (u * w)) @ slope.T, (s / r) ** 2, 0, 0),
        ((B * (0.25 * w / u)) @ B.T, np.ones_like(r), 1, 1),
        (mixed, s / r, 1, 0),
        (mixed.T, s / r, 0, 1),
    ]
    band = _banded(along, terms)
    values, slopes = _shapes(along.order, along.nodes)
    load = np.zeros((len(along.half) * along.order + 1, order))
    rayleigh = 0.0
    for piece, half in enumerate(along.half):
        rows, step = slice(piece * along.order, (piece + 1) * along.order + 1), along.weights * half
        ratio = s[piece] / r[piece]
        load[rows] += np.outer(values @ (ratio**2 * step), slope @ (u * w))
        load[rows] -= 0.5 * np.outer(slopes / half @ (ratio * step), B @ w)
        rayleigh += float(((1.0 / r[piece] ** 2 + 0.5 * ratio**2) * step).sum())
    right = load[:-1].ravel()  # zero at the top
    return rayleigh - float(right @ solveh_banded(band[:, :-order], right, check_finite=False))


def _sampled(
    radius: Callable[[Values], Values],
    length: float,
    slope: Callable[[Values], Values] | None,
    pieces: int,
    order: int,
) -> _Along:
    """Profile at the points of a quadrature, lengths in units of L; refuses a radius that is not positive."""
    nodes, weights = legendre.leggauss(2 * order + 4)
    half = np.full(pieces, 0.5 / pieces)
    z = half[:, None] * (2.0 * np.arange(pieces)[:, None] + 1.0 + nodes)
    r = np.asarray(radius(z.ravel() * length), dtype=float).reshape(z.shape) / length
    if not (np.all(np.isfinite(r)) and np.all(r > 0.0)):
        raise ValueError("the radius is not positive and finite everywhere")
    if slope is None:
        s = legendre.legval(nodes, legendre.legder(legendre.legfit(nodes, r.T, len(nodes) - 1))) / half[:, None]
    else:
        s = np.asarray(slope(z.ravel() * length), dtype=float).reshape(z.shape)
    return _Along(half, order, nodes, weights, r, s)


def smooth_tube(
    radius: Callable[[Values], Values],
    length: float,
    slope: Callable[[Values], Values] | None = None,
    pieces: int = 16,
    order: int = 12,
    across: int = 16,
) -> SmoothTube:
    """G at the top of a body of revolution between flat ends: z = 0 is grounded, an even unit flux enters at z = L.

    Args:
        radius: function r(z), m, of an array of heights (m); smooth and positive.
        length: length L, m.
        slope: function r'(z); by default the slope of the polynomial through r on each piece.
        pieces: number of pieces of equal length; several for each period of the profile.
        order: order of the polynomials along z on each piece.
        across: highest power of (rho/r)^2.

    Raises:
        ValueError: the radius is not positive and finite, pieces or across are below 1, or order is below 2.
    """
    if pieces < 1 or order < 2 or across < 1:
        raise ValueError(f"at least one piece, order 2 and one power across: {pieces}, {order}, {across}")
    along = _sampled(radius, length, slope, pieces, order)
    top = _potential(along, across) / (2.0 * math.pi * length)
    sign = 1.0 - 2.0 * (np.arange(across + 1) % 2)
    return SmoothTube(
        mean=float(top[0]),
        upper=_flux(along, across) / (math.pi * length),
        centre=float(top @ sign),
        rim=float(top.sum()),
    )
