"""Functions in the laws of membranes, each with its derivative, finite for every argument."""

from __future__ import annotations

import numpy as np

#: Concentration below which ln c is continued by its tangent, mol/m^3: a Newton iterate may be tiny or negative. It is
#: 1 nM, below every concentration in a cell, so that no solution is changed.
NERNST_FLOOR = 1e-6

#: |x| below which x / (e^x - 1) is taken from its series, whose error there is below 1e-17.
SERIES_BELOW = 1e-3

#: Largest x of x / (e^x - 1), which is 1e-301 there: e^x does not overflow.
LARGEST_EXPONENT = 700.0

#: Concentration of magnesium that blocks half of the NMDA channels at 0 mV, mol/m^3 (Jahr and Stevens 1990).
MAGNESIUM_HALF = 3.57

#: Steepness of the block by magnesium, 1/V (Jahr and Stevens 1990: 0.062 /mV).
MAGNESIUM_STEEPNESS = 62.0


def magnesium_block(V: np.ndarray, magnesium: float) -> tuple[np.ndarray, np.ndarray]:
    """Open fraction 1 / (1 + [Mg]/(3.57 mM) exp(-0.062 V/mV)) of NMDA channels, and its derivative by V, 1/V.

    Source: Jahr and Stevens, J. Neurosci. 10, 3178 (1990).

    Args:
        V: membrane potential, V, shape (n,).
        magnesium: concentration of magnesium outside, mol/m^3; zero blocks nothing.
    """
    if magnesium == 0.0:
        return np.ones_like(V), np.zeros_like(V)
    open_fraction, slope = logistic(MAGNESIUM_STEEPNESS * V - np.log(magnesium / MAGNESIUM_HALF))
    return open_fraction, MAGNESIUM_STEEPNESS * slope


def logistic(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logistic function 1 / (1 + e^-x), and its derivative."""
    small = np.exp(-np.abs(x))  # no overflow
    value = np.where(x < 0.0, small, 1.0) / (1.0 + small)
    return value, small / (1.0 + small) ** 2


def hill(x: np.ndarray, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Function x^n / (1 + x^n) of Hill, and its derivative; below zero it goes on by its tangent at zero.

    Args:
        x: concentration over that of half saturation.
        power: Hill coefficient n, not below one.
    """
    tangent = 1.0 if power == 1.0 else 0.0
    above = np.maximum(x, 0.0)
    large = above > 1.0
    small = np.where(large, 1.0 / np.where(large, above, 1.0), above) ** power  # of x or 1/x: no overflow
    value = np.where(large, 1.0, small) / (1.0 + small)
    slope = power * small / (1.0 + small) ** 2 / np.where(above > 0.0, above, 1.0)
    return np.where(x < 0.0, tangent * x, value), np.where(x > 0.0, slope, tangent)


def bernoulli(x: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Function x / (e^x - 1) of Bernoulli without its removable singularity, and its derivative.

    The B(x) = x / (1 - e^-x) of the law of Goldman, Hodgkin and Katz is its value at -x.
    """
    x = np.minimum(x, LARGEST_EXPONENT)
    near = np.abs(x) < SERIES_BELOW
    far = np.where(near, 1.0, x)
    grown = np.expm1(far)
    value = far / grown
    slope = (1.0 - value * np.exp(far)) / grown
    if not np.any(near):
        return value, slope
    s = np.where(near, x, 0.0)
    return (
        np.where(near, 1.0 - s / 2.0 + s**2 / 12.0 - s**4 / 720.0, value),
        np.where(near, -0.5 + s / 6.0 - s**3 / 180.0, slope),
    )


def continued_log(c: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of a concentration, and its derivative; its tangent below `NERNST_FLOOR`.

    Args:
        c: concentration, mol/m^3; may be zero or negative.
    """
    above = np.maximum(c, NERNST_FLOOR)
    return np.log(above) + (c - above) / NERNST_FLOOR, 1.0 / above
