"""Constant-field theory of Goldman: profile, harmonic mean, conductance, current, reversal (paper 002, eqs. 1-14).

SI units throughout; every function takes scalars or arrays. ``thermal_voltage`` is RT/F. With w = z V / (RT/F) and
e = ln([q]_o/[q]_i) all of it is built from B(x) = x / (1 - exp(-x)), which has no singularity, so that nothing is
special at V = 0 or at the reversal potential. Outside is x = 0, inside x = d. Positive current is positive charge that
enters.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.units import FARADAY

#: A scalar or an array of numbers.
Values = Any


def B(x: Values) -> Values:
    """Function B(x) = x / (1 - exp(-x)), one at zero; B(-x) = B(x) - x."""
    x = np.asarray(x, dtype=float)
    safe = np.where(x == 0.0, 1.0, x)
    with np.errstate(over="ignore"):
        return np.where(x == 0.0, 1.0, safe / -np.expm1(-safe))[()]


def reversal_potential(c_i: Values, c_o: Values, valence: Values, thermal_voltage: float) -> Values:
    """Nernst potential (RT/zF) ln([q]_o/[q]_i), V.

    Args:
        c_i: concentration inside, mol/m^3.
        c_o: concentration outside, mol/m^3.
        valence: valence of the ion.
        thermal_voltage: RT/F, V.
    """
    return thermal_voltage / np.asarray(valence) * np.log(np.asarray(c_o) / np.asarray(c_i))


def profile(xi: Values, V: Values, c_i: Values, c_o: Values, valence: Values, thermal_voltage: float) -> Values:
    """Concentration within the membrane in a steady state (eq. 13, whose exponent lacks d), mol/m^3.

    Args:
        xi: x/d, 0 outside, 1 inside.
        V: membrane potential, V.
        c_i: concentration inside, mol/m^3.
        c_o: concentration outside, mol/m^3.
        valence: valence of the ion.
        thermal_voltage: RT/F, V.
    """
    w = np.asarray(valence) * np.asarray(V) / thermal_voltage
    xi = np.asarray(xi)
    # (1 - exp(-w xi)) / (1 - exp(-w)) = xi B(w) / B(w xi)
    return np.asarray(c_o) + (np.asarray(c_i) - np.asarray(c_o)) * xi * B(w) / B(w * xi)


def harmonic_mean(V: Values, c_i: Values, c_o: Values, valence: Values, thermal_voltage: float) -> Values:
    """Harmonic mean of the concentration within the membrane (eq. 2): [q]_i B(w) / B(w - e), e = ln([q]_o/[q]_i).

    Args:
        V: membrane potential, V.
        c_i: concentration inside [q]_i, mol/m^3.
        c_o: concentration outside [q]_o, mol/m^3.
        valence: valence z of the ion.
        thermal_voltage: RT/F, V.

    Returns:
        Mean concentration, mol/m^3, the common shape of the arguments.
    """
    c_i, c_o = np.asarray(c_i, dtype=float), np.asarray(c_o, dtype=float)
    w = np.asarray(valence) * np.asarray(V) / thermal_voltage
    return c_i * B(w) / B(w - np.log(c_o / c_i))


def conductance(
    V: Values, c_i: Values, c_o: Values, valence: Values, permeability: Values, thermal_voltage: float
) -> Values:
    """Membrane conductance z^2 F P cbar / (RT/F) (eq. 1), S/m^2.

    Args:
        V: membrane potential, V.
        c_i: concentration inside, mol/m^3.
        c_o: concentration outside, mol/m^3.
        valence: valence of the ion.
        permeability: permeability, m/s.
        thermal_voltage: RT/F, V.
    """
    mean = harmonic_mean(V, c_i, c_o, valence, thermal_voltage)
    return np.asarray(valence) ** 2 * FARADAY / thermal_voltage * np.asarray(permeability) * mean


def ghk_current(
    V: Values, c_i: Values, c_o: Values, valence: Values, permeability: Values, thermal_voltage: float
) -> Values:
    """Goldman-Hodgkin-Katz current into the cell (eq. 14 with the sign of eq. 28): -G (V - E).

    Args:
        V: membrane potential, V.
        c_i: concentration inside, mol/m^3.
        c_o: concentration outside, mol/m^3.
        valence: valence of the ion.
        permeability: permeability of the membrane, m/s.
        thermal_voltage: RT/F, V.

    Returns:
        Current per area, A/m^2, the common shape of the arguments.
    """
    w = np.asarray(valence) * np.asarray(V) / thermal_voltage
    strength = -np.asarray(valence) * FARADAY * np.asarray(permeability)
    return strength * (np.asarray(c_i) * B(w) - np.asarray(c_o) * B(-w))


def ghk_voltage(c_i: Values, c_o: Values, valences: Values, permeabilities: Values, thermal_voltage: float) -> float:
    """Goldman-Hodgkin-Katz voltage, at which the currents of all permeants add up to zero, V.

    For monovalent ions V_T ln((sum P c_o + sum P a_i) / (sum P c_i + sum P a_o)), c cations and a anions (Hodgkin and
    Katz, J. Physiol. 108 (1949) 37, eq. (4.5)); for other valences the root of the total current, which falls with V.
    Assumes a constant field and independent ions.

    Args:
        c_i: concentrations inside, mol/m^3, shape (n,), positive.
        c_o: concentrations outside, mol/m^3, shape (n,), positive.
        valences: valences of the ions, none zero.
        permeabilities: permeabilities, m/s.
        thermal_voltage: RT/F, V.

    Returns:
        Potential inside relative to outside, V; it lies between the extreme Nernst potentials of the permeants.

    Raises:
        ValueError: no ion has a permeability.
    """
    c_i, c_o, z, P = (np.asarray(x, dtype=float) for x in (c_i, c_o, valences, permeabilities))
    open_ = P > 0.0
    if not open_.any():
        raise ValueError("no ion permeates")
    nernst = np.asarray(reversal_potential(c_i, c_o, z, thermal_voltage))[open_]
    low, high = float(nernst.min()), float(nernst.max())
    if np.all(np.abs(z) == 1.0):
        cations = z > 0.0
        enters = float(np.sum(P * np.where(cations, c_o, c_i)))
        leaves = float(np.sum(P * np.where(cations, c_i, c_o)))
        return float(thermal_voltage * np.log(enters / leaves))

    from scipy.optimize import brentq

    margin = 1e-3 * thermal_voltage  # for rounding where one ion dominates

    def total(V: float) -> float:
        return float(np.sum(ghk_current(V, c_i, c_o, z, P, thermal_voltage)))

    return float(brentq(total, low - margin, high + margin, xtol=1e-16))


def transit_time(xi: Values, V: Values, valence: Values, thermal_voltage: float) -> Values:
    """Mean exit time of an ion from a place xi to either side of the membrane, over d^2/D (S2 figure).

    T = [xi - (exp(w xi) - 1)/(exp(w) - 1)] / w, which is xi (1 - xi)/2 without a field.

    Args:
        xi: x/d, 0 at one side of the membrane, 1 at the other.
        V: membrane potential, V.
        valence: valence of the ion.
        thermal_voltage: RT/F, V.

    Returns:
        Time over d^2/D, the common shape of the arguments.
    """
    w = np.asarray(valence) * np.asarray(V, dtype=float) / thermal_voltage
    xi = np.asarray(xi, dtype=float)
    small = np.abs(w) < 1e-3
    safe = np.where(small, 1.0, w)
    ratio = xi * B(-safe) / B(-safe * xi)
    series = 0.5 * xi * (1.0 - xi) * (1.0 - w * (1.0 - 2.0 * xi) / 6.0)
    return np.where(small, series, (xi - ratio) / safe)[()]
