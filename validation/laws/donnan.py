"""Law of the Donnan equilibrium between a gel with fixed charge and a bath (Donnan 1911), for any valences.

Assumes ideal solutions, no flux, and a gel of many Debye lengths: neutral inside, the potential step at its edge.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]


def _check(z: Values, c: Values, fixed_charge: float) -> None:
    """Raise a ValueError for a bath that is not neutral, or without a counter-ion of the fixed charge."""
    if abs(float(z @ c)) > 1e-9 * float(np.abs(z) @ c):
        raise ValueError("the bath is not neutral")
    if fixed_charge != 0.0 and not np.any((z * fixed_charge < 0.0) & (c > 0.0)):
        raise ValueError("no ion can balance the fixed charge")


def donnan_potential(
    valences: ArrayLike, concentrations: ArrayLike, fixed_charge: float, thermal_voltage: float
) -> float:
    """Donnan potential V_gel - V_bath with sum_i z_i C_i exp(-z_i V/V_T) + rho = 0, V.

    For z:z salt (V_T/z) asinh(rho/(2 z C)); for others the only root of a function that falls with V.

    Args:
        valences: valences z_i of the mobile ions, shape (n,).
        concentrations: concentrations C_i in the neutral bath, mol/m^3.
        fixed_charge: fixed charge rho in the gel, mol/m^3 of unit charges, signed.
        thermal_voltage: kT/e, V.

    Raises:
        ValueError: the bath is not neutral, or has no ion that could balance the fixed charge.
    """
    z, c = np.asarray(valences, dtype=float), np.asarray(concentrations, dtype=float)
    _check(z, c, fixed_charge)
    if fixed_charge == 0.0:
        return 0.0

    from scipy.optimize import brentq

    def charge(u: float) -> float:
        return float(z @ (c * np.exp(-z * u))) + fixed_charge

    near, far = 0.0, math.copysign(1.0, fixed_charge)
    while charge(far) * fixed_charge > 0.0:
        near, far = far, 2.0 * far
    return thermal_voltage * float(brentq(charge, near, far, xtol=1e-16, rtol=1e-15))


def donnan_concentrations(valences: ArrayLike, concentrations: ArrayLike, fixed_charge: float) -> Values:
    """Concentrations C_i exp(-z_i u) in the gel, mol/m^3, shape (n,); see `donnan_potential`.

    Args:
        valences: valences z_i, shape (n,).
        concentrations: concentrations C_i in the bath, mol/m^3, shape (n,).
        fixed_charge: fixed charge of the gel, mol/m^3 of unit charges, signed.

    Raises:
        ValueError: as of `donnan_potential`.
    """
    u = donnan_potential(valences, concentrations, fixed_charge, 1.0)
    return np.asarray(concentrations, dtype=float) * np.exp(-np.asarray(valences, dtype=float) * u)


def osmotic_pressure(concentrations: ArrayLike, inside: ArrayLike, gas_energy: float) -> float:
    """Excess pressure of mobile ions in the gel, RT (sum c_i - sum C_i), Pa (van 't Hoff).

    Args:
        concentrations: concentrations in the bath, mol/m^3.
        inside: concentrations in the gel, mol/m^3.
        gas_energy: RT = F V_T, J/mol.
    """
    outside, inside = np.asarray(concentrations, dtype=float), np.asarray(inside, dtype=float)
    return gas_energy * float(inside.sum() - outside.sum())
