"""Liquid junction potentials without current: of one binary salt, exact, and Henderson's of any mixture.

Both are the diffusion potential in the electroneutral limit, u' = -sum z_i D_i c_i' / sum z_i^2 D_i c_i. They are given
as V_right - V_left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from spinepnp.units import FARADAY


def binary_junction(
    left: float,
    right: float,
    valences: tuple[int, int],
    diffusivities: tuple[float, float],
    thermal_voltage: float,
) -> float:
    """V_T (D- - D+)/(z+ D+ - z- D-) ln(c_right/c_left), V (Nernst 1889; Planck 1890).

    Exact for any profile, steady or in time, because neutrality ties both ions to one concentration.

    Args:
        left: salt concentration, any unit, positive.
        right: likewise.
        valences: (z+, z-) of cation and anion.
        diffusivities: (D+, D-), m^2/s.
        thermal_voltage: V.

    Raises:
        ValueError: valences that are not of a cation and an anion.
    """
    (cation, anion), (plus, minus) = valences, diffusivities
    if not cation > 0 > anion:
        raise ValueError("a cation and an anion are needed, in this order")
    # not ln(right/left): of two sides that are nearly equal the quotient keeps few digits, and other ones once reversed
    log_ratio = np.copysign(np.log1p(abs(right - left) / min(left, right)), right - left)
    return float(thermal_voltage * (minus - plus) / (cation * plus - anion * minus) * log_ratio)


def henderson_junction(
    left: ArrayLike, right: ArrayLike, valences: ArrayLike, diffusivities: ArrayLike, thermal_voltage: float
) -> float:
    """-V_T sum z D (c_r - c_l) ln(b_r/b_l)/(b_r - b_l), b = sum z^2 D c, V (Henderson, Z. Phys. Chem. 59 (1907) 118).

    Assumes that the junction is a mixture of both solutions, all concentrations linear in the same fraction. Exact for
    one binary salt; else an approximation, which is best where both sides share the dominating salt: compare with the
    steady state of all ions (Planck) if it matters.

    Args:
        left: concentrations c_l, mol/m^3, shape (n,).
        right: c_r.
        valences: z, shape (n,).
        diffusivities: D, m^2/s.
        thermal_voltage: V.

    Raises:
        ValueError: a side without ions.
    """
    c_l, c_r, z, D = (np.asarray(x, dtype=float) for x in (left, right, valences, diffusivities))
    b_l, b_r = float(z**2 * D @ c_l), float(z**2 * D @ c_r)
    if min(b_l, b_r) <= 0.0:
        raise ValueError("both sides need ions")
    ratio = b_r / b_l - 1.0
    # ln(b_r/b_l)/(b_r - b_l) is 1/b where both sides conduct alike
    mean = 1.0 / b_l if ratio == 0.0 else float(np.log1p(ratio)) / (ratio * b_l)
    return -thermal_voltage * float(z * D @ (c_r - c_l)) * mean


def conductivity(
    concentrations: ArrayLike, valences: ArrayLike, diffusivities: ArrayLike, thermal_voltage: float
) -> float:
    """F sum z^2 D c / V_T, S/m (Nernst and Einstein; ideal dilute solution)."""
    c, z, D = (np.asarray(x, dtype=float) for x in (concentrations, valences, diffusivities))
    return FARADAY / thermal_voltage * float(z**2 * D @ c)
