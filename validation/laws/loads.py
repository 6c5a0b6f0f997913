"""Potential in time after a step of current: of a resistor with a capacitor, and along a passive cable."""

from __future__ import annotations

import math

import numpy as np

#: Exponent below which the terms of a series are beyond rounding.
SMALLEST_EXPONENT = 40.0


def charging_resistor(time: float, resistance: float, capacitance: float) -> float:
    """Potential over the current of a resistor with a capacitor in parallel: R (1 - exp(-t/(R C))).

    Args:
        time: time since the step of the current, s; positive.
        resistance: resistance R, Ohm.
        capacitance: capacitance C, F; zero for none.

    Returns:
        The potential over the current, Ohm.
    """
    return resistance if capacitance == 0.0 else -resistance * math.expm1(-time / (resistance * capacitance))


def charging_cable(
    time: float,
    diameter: float,
    length: float,
    axial_resistivity: float,
    membrane_resistance: float,
    membrane_capacitance: float,
    arms: int = 1,
    distance: float = 0.0,
) -> float:
    """Potential over the current of a passive cable into one end of which a current steps up; the other end is sealed.

    With T = t/(R_m C_m), L = length/lambda, X = distance/lambda and r_a = R_i/(pi a^2) it is r_a lambda/arms times

        cosh(L - X)/sinh L - (1/L) (exp(-T) + 2 sum_n cos(n pi X/L) exp(-k_n T)/k_n),    k_n = 1 + (n pi/L)^2,

    and for a cable without an end (exp(-X) erfc(X/(2 sqrt T) - sqrt T) - exp(X) erfc(X/(2 sqrt T) + sqrt T))/2, at the
    end erf(sqrt T) (Rall, Biophysical Journal 2 (1962) 145; Jack, Noble and Tsien, Electric Current Flow in Excitable
    Cells, chapters 3 and 4). Exact.

    Args:
        time: time since the step of the current, s; positive.
        diameter: diameter 2 a of the cable, m.
        length: length of an arm, m; may be infinite.
        axial_resistivity: resistivity of the inside R_i, Ohm m.
        membrane_resistance: resistance of a unit area of the membrane R_m, Ohm m^2.
        membrane_capacitance: capacitance per area of the membrane C_m, F/m^2.
        arms: number of equal arms.
        distance: distance from the end where the current enters, m.

    Returns:
        The potential over the current, Ohm.
    """
    radius, T = 0.5 * diameter, time / (membrane_resistance * membrane_capacitance)
    constant = math.sqrt(0.5 * radius * membrane_resistance / axial_resistivity)
    unit = axial_resistivity * constant / (math.pi * radius**2 * arms)
    X, L = distance / constant, length / constant
    if math.isinf(length):
        near, root = 0.5 * X / math.sqrt(T), math.sqrt(T)
        return 0.5 * unit * (math.exp(-X) * math.erfc(near - root) - math.exp(X) * math.erfc(near + root))
    n = np.arange(1, math.ceil(L / math.pi * math.sqrt(SMALLEST_EXPONENT / T)) + 2)
    k = 1.0 + (n * math.pi / L) ** 2
    series = math.exp(-T) + 2.0 * float(np.sum(np.cos(n * math.pi * X / L) * np.exp(-k * T) / k))
    return unit * (math.cosh(L - X) / math.sinh(L) - series / L)
