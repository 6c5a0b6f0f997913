"""Uptake of a species through a boundary: a constant flux into a sphere, and exchange with a solution outside.

Diffusion alone: species without charge, or the ions of one salt with equal diffusivities that enter in neutral
proportions, so that no potential acts on them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

#: Number of terms of the series; at the times of a case all but the first few are below rounding.
TERMS = 200


def sphere_with_flux(time: float, radius: float, diffusivity: float, flux: float, start: float) -> float:
    """Concentration at the surface of a closed sphere into which a constant flux J enters.

    With tau = D t/R^2 it is c = c_0 + (J R/D) (3 tau + 1/5 - 2 sum e^(-l_n^2 tau)/l_n^2), l_n the positive roots of
    tan l = l (Carslaw and Jaeger, Conduction of Heat in Solids, 2nd ed., section 9.7, at the surface). Exact.

    Args:
        time: time since the flux began, s; positive.
        radius: radius R of the sphere, m.
        diffusivity: diffusivity D, m^2/s.
        flux: flux J into the sphere, mol/(m^2 s).
        start: uniform concentration c_0 at the start, mol/m^3.

    Returns:
        The concentration, mol/m^3.
    """
    tau = diffusivity * time / radius**2
    roots = _roots(lambda x: x * np.cos(x) - np.sin(x), first=1)
    series = float(np.sum(np.exp(-(roots**2) * tau) / roots**2))
    return start + flux * radius / diffusivity * (3.0 * tau + 0.2 - 2.0 * series)


def neck_with_exchange(
    time: float, length: float, diffusivity: float, rate: float, outside: float, start: float
) -> float:
    """Concentration at the closed end of a straight neck that fills by an exchange k (c_out - c) at its other end.

    With Bi = k L/D it is c = c_out + (c_0 - c_out) sum 4 sin l_n/(2 l_n + sin 2 l_n) e^(-l_n^2 D t/L^2), l_n the roots
    of l tan l = Bi (Carslaw and Jaeger, section 3.11). Exact.

    Args:
        time: time since the start, s; positive.
        length: length L of the neck, m.
        diffusivity: diffusivity D, m^2/s.
        rate: rate k of the exchange, m/s.
        outside: concentration c_out outside, mol/m^3.
        start: uniform concentration c_0 at the start, mol/m^3.

    Returns:
        The concentration, mol/m^3.
    """
    biot = rate * length / diffusivity
    roots = _roots(lambda x: x * np.sin(x) - biot * np.cos(x), first=0)
    parts = 4.0 * np.sin(roots) / (2.0 * roots + np.sin(2.0 * roots))
    return outside + (start - outside) * float(np.sum(parts * np.exp(-(roots**2) * diffusivity * time / length**2)))


def end_with_exchange(length: float, diffusivity: float, rate: float, outside: float, bath: float) -> float:
    """Steady concentration at an end of a straight neck with exchange, where the other end is a bath.

    The resistances of diffusion, L/D, and of the exchange, 1/k, are in series: c = (c_bath D/L + k c_out)/(D/L + k).

    Args:
        length: length L of the neck, m.
        diffusivity: diffusivity D, m^2/s.
        rate: rate k of the exchange, m/s.
        outside: concentration c_out outside, mol/m^3.
        bath: concentration c_bath of the other end, mol/m^3.

    Returns:
        The concentration, mol/m^3.
    """
    conductance = diffusivity / length
    return (bath * conductance + rate * outside) / (conductance + rate)


def end_with_leaky_wall(
    length: float, radius: float, diffusivity: float, rate: float, outside: float, bath: float
) -> float:
    """Steady concentration at the closed end of a slender neck that exchanges along its wall; a bath at its other end.

    Averaged over the cross-section, D c'' = (2 k/r) (c - c_out): c = c_out + (c_bath - c_out)/cosh(L/lambda) with
    lambda = sqrt(D r/(2 k)). In a body the concentration varies over the cross-section by k r/(2 D) of it.

    Args:
        length: length L of the neck, m.
        radius: radius r of the neck, m.
        diffusivity: diffusivity D, m^2/s.
        rate: rate k of the exchange, m/s.
        outside: concentration c_out outside, mol/m^3.
        bath: concentration c_bath at the open end, mol/m^3.

    Returns:
        The concentration, mol/m^3.
    """
    return outside + (bath - outside) / float(np.cosh(length * np.sqrt(2.0 * rate / (diffusivity * radius))))


def _roots(function: Callable[[float], float], first: int) -> NDArray[np.float64]:
    """Roots of a function, one in each interval (n pi, (n + 1/2) pi), n from `first` on."""
    from scipy.optimize import brentq

    return np.array([brentq(function, n * np.pi, (n + 0.5) * np.pi) for n in range(first, first + TERMS)])
