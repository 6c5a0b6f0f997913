"""Laws of liquid junction potentials without current: exact for one binary salt, and Henderson's for any mixture.

Both are the diffusion potential in the electroneutral limit, u' = -sum z_i D_i c_i' / sum z_i^2 D_i c_i, given as
V_right - V_left.
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
    """Junction potential V_T (D- - D+)/(z+ D+ - z- D-) ln(c_right/c_left), V (Nernst 1889; Planck 1890).

    Exact for any profile, steady or in time, because neutrality ties both ions to one concentration.

    Args:
        left: salt concentration on the left, any unit, positive.
        right: salt concentration on the right, in the same unit.
        valences: valences (z+, z-) of cation and anion.
        diffusivities: diffusivities (D+, D-), m^2/s.
        thermal_voltage: kT/e, V.

    Raises:
        ValueError: the valences are not those of a cation and an anion.
    """
    (cation, anion), (plus, minus) = valences, diffusivities
    if not cation > 0 > anion:
        raise ValueError("a cation and an anion are needed, in this order")
    # not ln(right/left): for nearly equal sides the quotient keeps few digits, and others when the sides are exchanged
    log_ratio = np.copysign(np.log1p(abs(right - left) / min(left, right)), right - left)
    return float(thermal_voltage * (minus - plus) / (cation * plus - anion * minus) * log_ratio)


def henderson_junction(
    left: ArrayLike, right: ArrayLike, valences: ArrayLike, diffusivities: ArrayLike, thermal_voltage: float
) -> float:
    """Junction potential of any mixture, V (Henderson, Z. Phys. Chem. 59 (1907) 118).

    V = -V_T sum z D (c_r - c_l) ln(b_r/b_l)/(b_r - b_l) with b = sum z^2 D c. Assumes that the junction is a mixture of
    both solutions, all concentrations linear in one fraction. Exact for one binary salt; else an approximation, best
    where both sides share the dominating salt: compare with the steady state of all ions (Planck) if it matters.

    Args:
        left: concentrations c_l, mol/m^3, shape (n,).
        right: concentrations c_r, mol/m^3, shape (n,).
        valences: valences z, shape (n,).
        diffusivities: diffusivities D, m^2/s.
        thermal_voltage: kT/e, V.

    Raises:
        ValueError: a side has no ions.
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
    """Conductivity F sum z^2 D c / V_T, S/m (Nernst and Einstein; ideal dilute solution).

    Args:
        concentrations: concentrations c, mol/m^3, shape (n,).
        valences: valences z, shape (n,).
        diffusivities: diffusivities D, m^2/s, shape (n,).
        thermal_voltage: kT/e, V.
    """
    c, z, D = (np.asarray(x, dtype=float) for x in (concentrations, valences, diffusivities))
    return FARADAY / thermal_voltage * float(z**2 * D @ c)
