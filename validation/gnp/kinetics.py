"""Compiled right-hand side of all neuron models, and an adaptive integrator for it.

Units are those of the field: mV, ms, mM, uA/cm^2, mS/cm^2 (`parameters` converts). The state is (m, h, n, V, Na_i,
Cl_i); K_o follows from charge (eq. 27), so that voltage and concentrations never contradict each other. The functions
also take complex arguments: derivatives by complex steps are exact.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

#: Decorator that compiles at the first call and caches on the disk; division by zero gives infinity, as in NumPy.
compiled = njit(cache=True, error_model="numpy")

#: Indices of the variables in the state.
M, H, N, V, NA, CL = range(6)

#: Longest step, ms: at rest the error does not limit the step, and the gates would become unstable.
LONGEST = 0.5

#: Shortest step, ms, below which the integration is given up.
SHORTEST = 1e-7

#: Size of the voltage beyond which a model has left its range, mV.
RUNAWAY = 200.0

#: Codes of the reasons for which an integration ends.
FINISHED, OUT_OF_RANGE, TOO_SMALL, FULL = range(4)


class Coefficients(NamedTuple):
    """All numbers and switches of a model; see `parameters.Parameters` and `models.Model`.

    Attributes:
        phi: thermal voltage RT/F, mV.
        capacitance: membrane capacitance C_m, uF/cm^2.
        gamma: rate of a concentration by a current, mM/ms per uA/cm^2.
        kappa: potential of a net charge, mV per mM.
        unit: factor 100 F of currents, uA/cm^2 per (m/s mM).
        anions: combination (A - K + Na - Cl)/2 of the totals, mM.
        K, Na, Cl: total amounts, mM.
        leak, glutamate: 0 Goldman-Hodgkin-Katz, 1 one constant conductance, 2 one conductance for each ion.
        potassium, sodium: voltage-gated channels: 0 ohmic, 1 Goldman-Hodgkin-Katz over its fit.
        pump: 0 constant, 1 dependent on concentrations.
        frozen: 1 where concentrations do not change.
        K_o: potassium outside where concentrations are frozen, mM.
        P_KL, P_NaL, P_ClL, G_L, E_L, G_KL, G_NaL, G_ClL: leak, as in `Parameters`.
        P_KG, P_NaG, G_glu, E_glu, G_KG, G_NaG: glutamate channels, as in `Parameters`.
        G_KM, G_NaM, P_KV, P_NaV: voltage-gated channels, as in `Parameters`.
        f_K3, f_K2, f_K1, f_K0: fit f of the gated potassium current, a polynomial in V (mV), from its cubic term on.
        f_Na3, f_Na2, f_Na1, f_Na0: fit f of the gated sodium current.
        pump_constant: current of the constant pump, uA/cm^2.
        pump_maximum: largest current of the pump that follows concentrations, uA/cm^2, positive.
    """

    phi: float
    capacitance: float
    gamma: float
    kappa: float
    unit: float
    anions: float
    K: float
    Na: float
    Cl: float
    leak: int
    glutamate: int
    potassium: int
    sodium: int
    pump: int
    frozen: int
    K_o: float
    P_KL: float
    P_NaL: float
    P_ClL: float
    G_L: float
    E_L: float
    G_KL: float
    G_NaL: float
    G_ClL: float
    P_KG: float
    P_NaG: float
    G_glu: float
    E_glu: float
    G_KG: float
    G_NaG: float
    G_KM: float
    G_NaM: float
    P_KV: float
    P_NaV: float
    f_K3: float
    f_K2: float
    f_K1: float
    f_K0: float
    f_Na3: float
    f_Na2: float
    f_Na1: float
    f_Na0: float
    pump_constant: float
    pump_maximum: float


@compiled
def B(x: Any) -> Any:
    """Function B(x) = x / (1 - exp(-x)), one at zero."""
    if abs(x) < 1e-7:
        return 1.0 + 0.5 * x
    return x / -np.expm1(-x)


@compiled
def ghk(w: Any, inside: Any, outside: Any) -> Any:
    """Goldman-Hodgkin-Katz current of a cation into the cell over F P; for an anion, w and the sign are reversed.

    Args:
        w: voltage over RT/F.
        inside: concentration inside, mM.
        outside: concentration outside, mM.

    Returns:
        Current over F P, mM.
    """
    return -(inside * B(w) - outside * (B(w) - w))


@compiled
def currents(y: Any, K_o: Any, open_: float, c: Coefficients) -> Any:
    """Currents of a state (paper 002; the model's switches choose the equations).

    Args:
        y: state (m, h, n, V, Na_i, Cl_i), V in mV and concentrations in mM, shape (6,).
        K_o: potassium outside, mM.
        open_: multiplier p_eff of the glutamate densities.
        c: coefficients of the model.

    Returns:
        Ten currents into the cell, uA/cm^2: K, Na, Cl leak; K, Na glutamate; K, Na gated; pump; other leak; other
        glutamate.
    """
    voltage, Na_i, Cl_i = y[3], y[4], y[5]
    K_i, Na_o, Cl_o = c.K - K_o, c.Na - Na_i, c.Cl - Cl_i
    w, zero = voltage / c.phi, 0.0 * voltage
    K_flux, Na_flux = ghk(w, K_i, K_o), ghk(w, Na_i, Na_o)
    E_K, E_Na = c.phi * np.log(K_o / K_i), c.phi * np.log(Na_o / Na_i)
    K_L, Na_L, Cl_L, L = zero, zero, zero, zero
    if c.leak == 0:
        K_L, Na_L = c.unit * c.P_KL * K_flux, c.unit * c.P_NaL * Na_flux
        Cl_L = -c.unit * c.P_ClL * ghk(-w, Cl_i, Cl_o)
    elif c.leak == 1:
        L = -c.G_L * (voltage - c.E_L)
    else:
        E_Cl = -c.phi * np.log(Cl_o / Cl_i)
        K_L, Na_L = -c.G_KL * (voltage - E_K), -c.G_NaL * (voltage - E_Na)
        Cl_L = -c.G_ClL * (voltage - E_Cl)
    K_G, Na_G, G = zero, zero, zero
    if c.glutamate == 0:
        K_G, Na_G = open_ * c.unit * c.P_KG * K_flux, open_ * c.unit * c.P_NaG * Na_flux
    elif c.glutamate == 1:
        G = -open_ * c.G_glu * (voltage - c.E_glu)
    else:
        K_G, Na_G = -open_ * c.G_KG * (voltage - E_K), -open_ * c.G_NaG * (voltage - E_Na)
    n4, m3h = y[2] ** 4, y[0] ** 3 * y[1]
    if c.potassium == 0:
        K_V = -c.G_KM * n4 * (voltage - E_K)
    else:
        f = ((c.f_K3 * voltage + c.f_K2) * voltage + c.f_K1) * voltage + c.f_K0
        K_V = n4 * c.unit * c.P_KV * K_flux / f
    if c.sodium == 0:
        Na_V = -c.G_NaM * m3h * (voltage - E_Na)
    else:
        f = ((c.f_Na3 * voltage + c.f_Na2) * voltage + c.f_Na1) * voltage + c.f_Na0
        Na_V = m3h * c.unit * c.P_NaV * Na_flux / f
    pump = c.pump_constant + zero
    if c.pump == 1:
        pump = -c.pump_maximum / ((1.0 + np.exp((25.0 - Na_i) / 3.0)) * (1.0 + np.exp(3.5 - K_o)))
    return K_L, Na_L, Cl_L, K_G, Na_G, K_V, Na_V, pump, L, G


@compiled
def potassium_outside(y: Any, c: Coefficients) -> Any:
    """Potassium outside, K_o, from charge (eq. 27), mM."""
    if c.frozen == 1:
        return c.K_o + 0.0 * y[3]
    return y[4] - y[5] - c.anions - y[3] / c.kappa


@compiled
def gate_rates(voltage: Any) -> Any:
    """Rates alpha and beta of m, h, n (reduced Traub-Miles, eqs. 32-35), 1/ms."""
    return (
        1.28 * B((voltage + 54.0) / 4.0),
        1.4 * B(-(voltage + 27.0) / 5.0),
        0.128 * np.exp(-(voltage + 50.0) / 18.0),
        4.0 / (1.0 + np.exp(-(voltage + 27.0) / 5.0)),
        0.16 * B((voltage + 52.0) / 5.0),
        0.5 * np.exp(-(voltage + 57.0) / 40.0),
    )


@compiled
def slopes(y: Any, open_: float, c: Coefficients, out: Any) -> None:
    """Right-hand side dy/dt, written to ``out``, 1/ms, mV/ms, mM/ms.

    Args:
        y: state (m, h, n, V, Na_i, Cl_i), V in mV and concentrations in mM, shape (6,).
        open_: multiplier p_eff of the glutamate densities.
        c: coefficients of the model.
        out: result, which is overwritten, shape (6,).
    """
    voltage = y[3]
    a_m, b_m, a_h, b_h, a_n, b_n = gate_rates(voltage)
    out[0] = a_m * (1.0 - y[0]) - b_m * y[0]
    out[1] = a_h * (1.0 - y[1]) - b_h * y[1]
    out[2] = a_n * (1.0 - y[2]) - b_n * y[2]
    K_L, Na_L, Cl_L, K_G, Na_G, K_V, Na_V, pump, L, G = currents(y, potassium_outside(y, c), open_, c)
    out[3] = (K_L + Na_L + Cl_L + K_G + Na_G + K_V + Na_V + pump + L + G) / c.capacitance
    out[4] = out[5] = 0.0 * voltage
    if c.frozen == 0:
        out[4] = c.gamma * (Na_V + Na_L + Na_G + 3.0 * pump)
        out[5] = -c.gamma * Cl_L


@compiled
def jacobian(y: np.ndarray, open_: float, c: Coefficients) -> np.ndarray:
    """Jacobian d(dy/dt)/dy by complex steps, exact to rounding, shape (6, 6).

    Args:
        y: state (m, h, n, V, Na_i, Cl_i), V in mV and concentrations in mM, shape (6,).
        open_: multiplier p_eff of the glutamate densities.
        c: coefficients of the model.
    """
    result, out = np.empty((6, 6)), np.empty(6, dtype=np.complex128)
    step = 1e-30
    for j in range(6):
        shifted = y.astype(np.complex128)
        shifted[j] += 1j * step
        slopes(shifted, open_, c, out)
        for i in range(6):
            result[i, j] = out[i].imag / step
    return result


@compiled
def all_currents(states: np.ndarray, opens: np.ndarray, c: Coefficients) -> np.ndarray:
    """Currents of many states; see `currents`.

    Args:
        states: states as of `currents`, shape (n, 6).
        opens: multipliers p_eff of the glutamate densities, shape (n,).
        c: coefficients of the model.

    Returns:
        Currents of each state, uA/cm^2, shape (n, 10).
    """
    result = np.empty((len(states), 10))
    for i in range(len(states)):
        y = states[i]
        parts = currents(y, potassium_outside(y, c), opens[i], c)
        for j in range(10):
            result[i, j] = parts[j]
    return result


@compiled
def _in_range(y: np.ndarray, c: Coefficients) -> bool:
    """Whether concentrations are positive and the voltage has not run away."""
    K_o = potassium_outside(y, c)
    return 0.0 < K_o < c.K and 0.0 < y[4] < c.Na and 0.0 < y[5] < c.Cl and abs(y[3]) < RUNAWAY


@compiled
def _hermite(s: float, h: float, y0: float, y1: float, f0: float, f1: float) -> float:
    """Cubic interpolation between two ends with slopes, at a fraction of the step."""
    a, b = y1 - y0, s * (1.0 - s)
    return y0 + s * a + b * ((1.0 - s) * (h * f0 - a) + s * (a - h * f1))


@compiled
def integrate(
    y: np.ndarray,
    start: float,
    end: float,
    open_: float,
    c: Coefficients,
    tolerance: float,
    threshold: float,
    samples: np.ndarray,
    spikes: np.ndarray,
) -> tuple[int, float, int, int, int]:
    """Integrate over one piece of a protocol by the method of Dormand and Prince, 5(4).

    Args:
        y: state at the start; overwritten by the state at the end.
        start: start of the piece, ms.
        end: end of the piece, ms.
        open_: opening of the glutamate channels.
        c: coefficients of the model.
        tolerance: tolerance of the error of a step.
        threshold: threshold of spikes, mV.
        samples: array (n, 7) with times (ms) in its first column; the states at these times are written to it.
        spikes: array to which the times of upward crossings are written, ms.

    Returns:
        Code of the reason of the end, the time, and the numbers of spikes, of steps, and of rejected steps.
    """
    k1, k2, k3, k4, k5, k6, k7 = (
        np.empty(6), np.empty(6), np.empty(6), np.empty(6), np.empty(6), np.empty(6), np.empty(6),
    )  # fmt: skip
    z, new = np.empty(6), np.empty(6)
    scale = np.array([1.0, 1.0, 1.0, 10.0, 1.0, 1.0])
    t, h = start, min(0.01, end - start)
    count = steps = rejected = sample = 0
    while sample < len(samples) and samples[sample, 0] < start - 1e-12:
        sample += 1
    slopes(y, open_, c, k1)
    while t < end:
        last = t + h >= end - 1e-12
        if last:
            h = end - t
        for i in range(6):
            z[i] = y[i] + h * (k1[i] / 5.0)
        slopes(z, open_, c, k2)
        for i in range(6):
            z[i] = y[i] + h * (3.0 / 40.0 * k1[i] + 9.0 / 40.0 * k2[i])
        slopes(z, open_, c, k3)
        for i in range(6):
            z[i] = y[i] + h * (44.0 / 45.0 * k1[i] - 56.0 / 15.0 * k2[i] + 32.0 / 9.0 * k3[i])
        slopes(z, open_, c, k4)
        for i in range(6):
            z[i] = y[i] + h * (
                19372.0 / 6561.0 * k1[i] - 25360.0 / 2187.0 * k2[i] + 64448.0 / 6561.0 * k3[i] - 212.0 / 729.0 * k4[i]
            )
        slopes(z, open_, c, k5)
        for i in range(6):
            z[i] = y[i] + h * (
                9017.0 / 3168.0 * k1[i]
                - 355.0 / 33.0 * k2[i]
                + 46732.0 / 5247.0 * k3[i]
                + 49.0 / 176.0 * k4[i]
                - 5103.0 / 18656.0 * k5[i]
            )
        slopes(z, open_, c, k6)
        for i in range(6):
            new[i] = y[i] + h * (
                35.0 / 384.0 * k1[i]
                + 500.0 / 1113.0 * k3[i]
                + 125.0 / 192.0 * k4[i]
                - 2187.0 / 6784.0 * k5[i]
                + 11.0 / 84.0 * k6[i]
            )
        slopes(new, open_, c, k7)
        error = 0.0
        for i in range(6):
            e = h * (
                71.0 / 57600.0 * k1[i]
                - 71.0 / 16695.0 * k3[i]
                + 71.0 / 1920.0 * k4[i]
                - 17253.0 / 339200.0 * k5[i]
                + 22.0 / 525.0 * k6[i]
                - 1.0 / 40.0 * k7[i]
            )
            if not abs(e) / scale[i] <= error:  # true for NaN as well
                error = abs(e) / scale[i]
        error = error / tolerance
        if not error <= 1.0:  # NaN as well
            rejected += 1
            h *= max(0.2, 0.9 * error**-0.2) if np.isfinite(error) else 0.2
            if h < SHORTEST:
                return TOO_SMALL, t, count, steps, rejected
            continue
        steps += 1
        reached = end if last else t + h
        while sample < len(samples) and samples[sample, 0] <= reached + 1e-12:
            s = min(max((samples[sample, 0] - t) / h, 0.0), 1.0)
            for i in range(6):
                samples[sample, i + 1] = _hermite(s, h, y[i], new[i], k1[i], k7[i])
            sample += 1
        if y[3] < threshold <= new[3]:
            low, high = 0.0, 1.0
            for _ in range(40):
                middle = 0.5 * (low + high)
                if _hermite(middle, h, y[3], new[3], k1[3], k7[3]) < threshold:
                    low = middle
                else:
                    high = middle
            if count == len(spikes):
                return FULL, t, count, steps, rejected
            spikes[count] = t + high * h
            count += 1
        t = reached
        for i in range(6):
            y[i], k1[i] = new[i], k7[i]
        if not _in_range(y, c):
            return OUT_OF_RANGE, t, count, steps, rejected
        h = min(LONGEST, h * min(5.0, 0.9 * max(error, 1e-10) ** -0.2))
    return FINISHED, t, count, steps, rejected
