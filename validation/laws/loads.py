"""Potential of an electrical load in time after a step of current: a resistor with a capacitor, a passive cable."""

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
    arms: int,
) -> float:
    """Potential over the current of a passive cable at the end where a current steps up; the other end is sealed.

    With T = t/(R_m C_m), L = length/lambda and r_a = R_i/(pi a^2) it is r_a lambda/arms times

        coth L - (1/L) (exp(-T) + 2 sum_n exp(-k_n T)/k_n),    k_n = 1 + (n pi/L)^2,

    and erf(sqrt T) for a cable without an end (Rall, Biophysical Journal 2 (1962) 145; Jack, Noble and Tsien, Electric
    Current Flow in Excitable Cells, chapters 3 and 4). Exact.

    Args:
        time: time since the step of the current, s; positive.
        diameter: diameter 2 a of the cable, m.
        length: length of an arm, m; may be infinite.
        axial_resistivity: resistivity of the inside R_i, Ohm m.
        membrane_resistance: resistance of a unit area of the membrane R_m, Ohm m^2.
        membrane_capacitance: capacitance per area of the membrane C_m, F/m^2.
        arms: number of equal arms.

    Returns:
        The potential over the current, Ohm.
    """
    radius, T = 0.5 * diameter, time / (membrane_resistance * membrane_capacitance)
    constant = math.sqrt(0.5 * radius * membrane_resistance / axial_resistivity)
    unit = axial_resistivity * constant / (math.pi * radius**2 * arms)
    if math.isinf(length):
        return unit * math.erf(math.sqrt(T))
    L = length / constant
    terms = math.ceil(L / math.pi * math.sqrt(SMALLEST_EXPONENT / T)) + 1
    k = 1.0 + (np.arange(1, terms + 1) * math.pi / L) ** 2
    return unit * (1.0 / math.tanh(L) - (math.exp(-T) + 2.0 * float(np.sum(np.exp(-k * T) / k))) / L)
