"""Mesh of spectral elements on an interval: Gauss-Lobatto nodes, Gauss quadrature, sizes that grow from the ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.interpolate import BarycentricInterpolator
from scipy.optimize import brentq

Values = NDArray[np.float64]

#: Quadrature points of an element beyond its order, as exponentials of polynomials are integrated.
EXTRA_POINTS = 4

#: Largest growth from one element to the next that `count` allows.
GROWTH = 2.2


@lru_cache(maxsize=64)
def lobatto(order: int) -> Values:
    """Legendre-Gauss-Lobatto nodes on [-1, 1], shape (order + 1,)."""
    inner = legendre.Legendre.basis(order).deriv().roots()
    return np.concatenate([[-1.0], np.sort(np.real(inner)), [1.0]])


@lru_cache(maxsize=64)
def tables(order: int) -> tuple[Values, Values, Values, Values]:
    """Gauss points and weights on [-1, 1], values and derivatives there of the nodal functions (points, nodes)."""
    nodes = lobatto(order)
    points, weights = legendre.leggauss(order + EXTRA_POINTS)
    inverse = np.linalg.inv(legendre.legvander(nodes, order))
    values = legendre.legvander(points, order) @ inverse
    slopes = legendre.legvander(points, order - 1) @ legendre.legder(np.eye(order + 1)) @ inverse
    slopes -= values * slopes.sum(axis=1, keepdims=True)  # a constant has no slope, to the last bit
    return points, weights, values, slopes


@lru_cache(maxsize=64)
def node_slopes(order: int) -> Values:
    """Derivatives of the nodal functions at the nodes, (nodes, nodes); each row sums to zero."""
    nodes = lobatto(order)
    inverse = np.linalg.inv(legendre.legvander(nodes, order))
    slopes = legendre.legvander(nodes, order - 1) @ legendre.legder(np.eye(order + 1)) @ inverse
    return np.asarray(slopes - np.diag(slopes.sum(axis=1)))


def _graded(count: int, first: float, length: float) -> Values:
    """Sizes of ``count`` elements that grow from ``first`` by a constant factor and fill ``length``."""
    if count == 1 or first * count >= length:
        return np.full(count, length / count)
    steps = np.arange(count)
    log_ratio = brentq(lambda q: math.log(first / length * np.sum(np.exp(q * steps))), 0.0, 50.0, xtol=1e-14)
    sizes = np.exp(log_ratio * steps)
    return np.asarray(length * sizes / np.sum(sizes))


def count(first: float, both: bool) -> int:
    """Number of elements that keep the growth below `GROWTH` if the first one has the share ``first`` of the length."""
    length = 0.5 if both else 1.0
    one_side = math.ceil(math.log1p((GROWTH - 1.0) * length / min(first, length)) / math.log(GROWTH))
    return max(4, 2 * one_side if both else one_side)


def edges(start: float, stop: float, elements: int, first: float, both: bool) -> Values:
    """Edges of elements, finest at the right end, or at both.

    Args:
        start: left end.
        stop: right end.
        elements: number of elements.
        first: size of the element at the fine end.
        both: whether the left end is fine as well.
    """
    length = stop - start
    if both:
        left = _graded(elements // 2, first, 0.5 * length)
        sizes = np.concatenate([left, _graded(elements - elements // 2, first, 0.5 * length)[::-1]])
    else:
        sizes = _graded(elements, first, length)[::-1]
    places = start + np.concatenate([[0.0], np.cumsum(sizes)])
    places[-1] = stop
    return places


@dataclass(frozen=True)
class Mesh:
    """Nodes, quadrature and tables of elements between given edges.

    Attributes:
        edges: edges of the elements, shape (elements + 1,).
        order: order of the polynomials.
    """

    edges: Values
    order: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return len(self.edges) - 1

    @cached_property
    def connectivity(self) -> NDArray[np.int64]:
        """Nodes of each element, (elements, order + 1)."""
        return np.arange(self.elements)[:, None] * self.order + np.arange(self.order + 1)

    @cached_property
    def x(self) -> Values:
        """Nodes, (nodes,)."""
        half = 0.5 * np.diff(self.edges)[:, None]
        local = self.edges[:-1, None] + half * (1.0 + lobatto(self.order))
        return np.concatenate([local[:, :-1].ravel(), self.edges[-1:]])

    @cached_property
    def points(self) -> Values:
        """Quadrature points, (elements, points)."""
        half = 0.5 * np.diff(self.edges)[:, None]
        return np.asarray(self.edges[:-1, None] + half * (1.0 + tables(self.order)[0]))

    @cached_property
    def weights(self) -> Values:
        """Quadrature weights, (elements, points)."""
        return np.asarray(0.5 * np.diff(self.edges)[:, None] * tables(self.order)[1])

    @property
    def values(self) -> Values:
        """Nodal functions at the quadrature points, (points, order + 1)."""
        return tables(self.order)[2]

    @property
    def local_slopes(self) -> Values:
        """Derivatives of the nodal functions on [-1, 1], (points, order + 1)."""
        return tables(self.order)[3]

    @cached_property
    def stretch(self) -> Values:
        """Factor from derivatives on [-1, 1] to derivatives on the elements, (elements, 1)."""
        return np.asarray(2.0 / np.diff(self.edges)[:, None])

    @cached_property
    def slopes(self) -> Values:
        """Derivatives of the nodal functions, (elements, points, order + 1)."""
        return np.asarray(self.local_slopes * self.stretch[:, :, None])

    def nodal_slope(self, f: Values) -> Values:
        """Derivative of nodal values at the nodes, mean of both sides between elements; (..., nodes)."""
        local = f[..., self.connectivity] @ node_slopes(self.order).T * (2.0 / np.diff(self.edges))[:, None]
        total = np.zeros_like(f)
        sides = np.zeros(f.shape[-1])
        for k in range(self.order + 1):
            total[..., self.connectivity[:, k]] += local[..., k]
            sides[self.connectivity[:, k]] += 1.0
        return np.asarray(total / sides)

    def interpolate(self, f: Values, x: Values) -> Values:
        """Values at places of functions given at the nodes, (..., nodes) and (places,) to (..., places)."""
        element = np.clip(np.searchsorted(self.edges, x, side="right") - 1, 0, self.elements - 1)
        values = np.empty((*f.shape[:-1], len(x)))
        for e in np.unique(element):
            inside = element == e
            nodes = self.connectivity[e]
            values[..., inside] = BarycentricInterpolator(self.x[nodes], f[..., nodes], axis=-1)(x[inside])
        return values
