"""Geometric factor G of the shapes for which it is known: between two ends, 1/m; L/S of a cylinder."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from spinepnp.geometries import Cone, Cylinder, Geometry, Hyperboloid, Shell, Tube
from spinepnp.validation.laws import tube
from spinepnp.validation.laws.assumptions import refusal
from spinepnp.validation.laws.hyperboloid import HyperboloidLaw
from spinepnp.validation.laws.tube import Values

#: Largest relative gap between the bounds of G of a tube that counts as slowly varying.
SLENDER = 0.02

#: Number of heights of a profile along the axis.
HEIGHTS = 101

#: Largest relative variation of the flux over a confocal end for which an even injection is equivalent.
EVEN = 0.02


def throat_of(geometry: Hyperboloid) -> HyperboloidLaw:
    """Law of a throat in closed form."""
    return HyperboloidLaw(a=geometry.a, b=geometry.along_x, c=geometry.c, half_length=geometry.half_length)


def confocal_G(law: str, geometry: Hyperboloid) -> float:
    """Exact G of a throat between confocal ends; refuses one so short that an even injection differs from the law's."""
    throat = throat_of(geometry)
    if throat.unevenness() > EVEN:
        raise refusal(law, f"half_length so large that the flux varies by less than {EVEN:.0%} over the ends")
    return throat.G()


def _slender_G(law: str, geometry: Geometry, bounds: tube.Bounds) -> tuple[float, float]:
    """G of a slowly varying tube and a bound of its relative error; on a line the lower bound is exact."""
    if geometry.dimension == "1d":
        return bounds.lower, 0.0
    if not bounds.valid(SLENDER):
        raise refusal(
            law,
            f"a radius that varies slowly: the bounds of this shape are {bounds.leading_error:.2g} apart, "
            f'of at most {SLENDER:g} (or dimension = "1d")',
        )
    return bounds.upper, bounds.leading_error


def geometric_factor(law: str, geometry: Geometry) -> tuple[float, float, tuple[str, str]]:
    """G of a shape, 1/m, a bound of its relative error, and the boundaries between which it holds.

    Args:
        law: name of the law that needs it, for messages.
        geometry: shape of the case.

    Raises:
        CaseError: G of the shape is not known, or the shape is outside the range of its formula.
    """
    ends = ("base", "top")
    match geometry:
        case Cylinder():
            return tube.cylinder(geometry.length, geometry.radius), 0.0, ends
        case Cone():
            bounds = tube.cone(geometry.length, geometry.base_radius, geometry.top_radius)
            return *_slender_G(law, geometry, bounds), ends
        case Tube():
            return *_slender_G(law, geometry, tube.tube(geometry.radius, 0.0, geometry.length, pieces=400)), ends
        case Shell():
            return tube.shell(geometry.inner_radius, geometry.outer_radius), 0.0, ("inner", "outer")
        case Hyperboloid(ends="confocal"):
            return confocal_G(law, geometry), 0.0, ends
        case Hyperboloid():
            return *_slender_G(law, geometry, _flat_throat(geometry)), ends
    raise refusal(law, f'a cylinder, cone, tube, hyperboloid or shell, whose G is known, not "{geometry.shape}"')


def factor_along(law: str, geometry: Geometry) -> tuple[Values, Values] | None:
    """Heights along the axis of a neck, m, and G between its base and each, 1/m; ``None`` of other shapes.

    In slowly varying tubes it is that of the mean over the cross-section.

    Args:
        law: name of the law that needs it, for messages.
        geometry: shape of the case.
    """
    match geometry:
        case Hyperboloid():
            z, radius = np.linspace(-1.0, 1.0, HEIGHTS) * geometry.half_length, _mean_radius(geometry)
        case Cylinder():
            z, radius = np.linspace(0.0, geometry.length, HEIGHTS), lambda z: np.full_like(z, geometry.radius)
        case Cone(base_radius=base, top_radius=top, length=length):
            z, radius = np.linspace(0.0, length, HEIGHTS), lambda z: base + (top - base) * z / length
        case Tube():
            z, radius = np.linspace(0.0, geometry.length, HEIGHTS), geometry.radius
        case _:
            return None
    if isinstance(geometry, Hyperboloid) and geometry.ends == "confocal":
        return z, throat_of(geometry).G_between(-geometry.half_length, z)
    pieces = [tube.tube(radius, start, end, pieces=4) for start, end in pairwise(z)]
    shares = np.cumsum([0.0, *(p.lower if geometry.dimension == "1d" else p.upper for p in pieces)])
    return z, geometric_factor(law, geometry)[0] * shares / shares[-1]


def _mean_radius(geometry: Hyperboloid) -> Callable[[Values], Values]:
    """Radius of the circular throat that stands for an elliptic one.

    Flux density 1/S along z and in proportion to x and y: (b^2 + a^2)/4 in place of r^2/2.
    """
    throat = throat_of(geometry)
    mean = np.sqrt(0.5 * (throat.a**2 + throat.b**2))
    return lambda z: np.asarray(mean * np.sqrt(1.0 + (z / throat.c) ** 2))


def _flat_throat(geometry: Hyperboloid) -> tube.Bounds:
    """Bounds of G of a throat with flat ends; for an elliptic one from its cross-sections."""
    throat = throat_of(geometry)
    lower = float(throat.G_printed())
    circular = tube.tube(_mean_radius(geometry), -throat.half_length, throat.half_length, pieces=400)
    return tube.Bounds(lower, lower * circular.upper / circular.lower)
