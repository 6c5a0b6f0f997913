"""Law of the Debye layer that an injector without surface charge adds to the electroneutral voltage (facts pnp D).

The electroneutral solution has a slope u' at the injector, which carries the current; the condition dV/dn = 0 requires
that there is none. A layer of the local Debye length matches both: in it the potential falls by V_T lambda_D u'.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinepnp.units import FARADAY

Values = NDArray[np.float64]


def screening_length(strength: ArrayLike, permittivity: float, thermal_voltage: float) -> Values:
    """Debye length sqrt(eps V_T / (F sum_i z_i^2 c_i)), m.

    Debye and Hueckel (1923); linear in the potential, thus for |u| well below one against the place where ``strength``
    holds.

    Args:
        strength: sum_i z_i^2 c_i (twice the ionic strength), mol/m^3, any shape.
        permittivity: absolute permittivity, F/m.
        thermal_voltage: kT/e, V.

    Returns:
        Debye length, m, shape of ``strength``; not a number where it is negative, infinite where it is zero.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(permittivity * thermal_voltage / (FARADAY * np.asarray(strength, dtype=float)))


def injector_drop(slope: ArrayLike, length: ArrayLike, thermal_voltage: float) -> Values:
    """Potential that the full equations add at a zero-field injector: -V_T lambda_D du/dn, V.

    First order in lambda_D over the size of the injector and in lambda_D |du/dn| (`valid`).

    Args:
        slope: du/dn, outward, of the electroneutral solution at the injector, 1/m.
        length: Debye length at the injector, m.
        thermal_voltage: kT/e, V.
    """
    return np.asarray(-thermal_voltage * np.asarray(length, dtype=float) * np.asarray(slope, dtype=float))


def leading_error(slope: ArrayLike, length: ArrayLike) -> Values:
    """Relative error of `injector_drop`, about lambda_D |du/dn|, the layer's own potential in units of V_T."""
    return np.abs(np.asarray(length, dtype=float) * np.asarray(slope, dtype=float))


def valid(slope: ArrayLike, length: ArrayLike, size: float, tolerance: float = 0.1) -> NDArray[np.bool_]:
    """Whether the layer is linear and thin.

    Args:
        slope: du/dn, 1/m.
        length: Debye length, m.
        size: smallest radius of the injector, m.
        tolerance: largest value of both small parameters.
    """
    return (leading_error(slope, length) <= tolerance) & (np.asarray(length) <= tolerance * size)
