"""Laws in time: step and alpha responses of the cylinder, Debye relaxation, charging of a membrane."""

import math

import numpy as np
import pytest
from scipy.integrate import simpson, solve_ivp
from scipy.optimize import brentq

from spinepnp.units import FARADAY, VACUUM_PERMITTIVITY
from spinepnp.validation.laws import (
    CylinderTransientLaw,
    MembraneCharging,
    charging_cable,
    cylinder_transient,
    relaxation,
)
from spinepnp.validation.laws.liquid_junction import conductivity
from spinepnp.validation.reference import table as references

V_T, D, C, L = 25.26e-3, 2e-10, 167.0, 1e-6
#: The tables were made with F = 96485 C/mol, which is 3.4e-6 low.
OLD_F = 96485.0 / FARADAY


def law(radius: float) -> CylinderTransientLaw:
    return CylinderTransientLaw(L, radius * 1e-9, D, C, V_T)


def test_the_step_response_of_the_table():
    for row in references.rows("cylinder_transient"):
        V = law(row["radius"]).step_voltage(row["current"] * 1e-12 / OLD_F, row["time"] * 1e-3)
        assert pytest.approx(row["V"], abs=1.1e-6) == V * 1e3
    assert law(50).relaxation_time() * 1e3 == pytest.approx(
        references.load("cylinder_transient")["late_time_ms"], abs=5e-6
    )


def test_from_ohm_to_the_log_law():
    one, I = law(50), 2e-10
    assert one.step_voltage(I, 0.0) == pytest.approx(one.ohmic_voltage(I), rel=1e-13)
    assert one.step_voltage(I, 1.0) == pytest.approx(one.steady_voltage(I), rel=1e-13)
    assert one.step_voltage(I, -1.0) == 0.0
    V = one.step_voltage(I, np.geomspace(1e-9, 0.1, 40))
    assert np.all(np.diff(V) <= 1e-15)
    late = one.step_voltage(I, np.array([0.02, 0.02 + one.relaxation_time()])) - one.steady_voltage(I)
    assert late[0] / late[1] == pytest.approx(math.e, rel=1e-3)
    assert math.isnan(one.step_voltage(-6e-11, 1.0))
    assert one.valid(I, 2.776e-9, 1e-6)
    assert not one.valid(-6e-11, 2.776e-9, 1e-6)
    assert not one.valid(I, 2.776e-9, 1e-9)


@pytest.mark.parametrize(("radius", "current", "to_e", "to_half"), references.load("relaxation_times")["rows"])
def test_the_times_of_relaxation(radius, current, to_e, to_half):
    one, I = law(radius), current * 1e-12
    start, end = float(one.ohmic_voltage(I)), float(one.steady_voltage(I))
    for part, expected in ((1 / math.e, to_e), (0.5, to_half)):
        goal = end + part * (start - end)
        time = brentq(lambda t, goal=goal: float(one.step_voltage(I, t)) - goal, 1e-5, 1e-2)
        assert time * 1e3 == pytest.approx(expected, abs=6e-5)


def test_images_and_eigenfunctions_agree(monkeypatch):
    x, times = np.linspace(0.0, L, 9), (0.03 * L**2 / D, 0.09 * L**2 / D)
    images = [law(100).step_rise(x, t) for t in times]
    monkeypatch.setattr(cylinder_transient, "SHORT", 0.0)
    assert [law(100).step_rise(x, t) for t in times] == [pytest.approx(i, abs=1e-20) for i in images]


def test_the_alpha_response_against_the_method_of_lines():
    """c_t = D c_xx by central differences with the flux at the end, stiffly integrated; second order, extrapolated."""
    one, I, peak = law(50), 2e-10, 2e-3
    times = np.array([0.5e-3, 2e-3, 6e-3])

    def by_lines(n):
        h = L / n

        def rates(t, c):
            padded = np.concatenate([[C], c])
            slope = float(one.slope(I)) * t / peak * math.exp(1 - t / peak)
            flux = np.append(np.diff(padded) / h, slope)
            change = np.diff(flux) * D / h
            change[-1] *= 2.0
            return change

        found = solve_ivp(rates, (0, times[-1]), np.full(n, C), "BDF", times, rtol=1e-9, atol=1e-8)
        return found.y[[n // 2 - 1, n - 1]]

    coarse, fine = by_lines(40), by_lines(80)
    expected = fine + (fine - coarse) / 3
    c = np.array([one.alpha_concentration(I, peak, np.array([L / 2, L]), t) for t in times]).T
    assert c == pytest.approx(expected, rel=2e-5)
    V = one.alpha_voltage(I, peak, times)
    assert V[0] < one.ohmic_voltage(I)
    # a slow stimulus is a row of steady states
    slow = law(50).alpha_voltage(I, 2.0, np.array([2.0]))
    assert slow == pytest.approx(one.steady_voltage(I), rel=1e-3)
    assert one.alpha_voltage(I, peak, 0.0) == 0.0


def test_the_alpha_integral_without_cancellation():
    for k, beta, t in ((3.0, 3.0, 1.3), (3.0, 3.0 + 1e-9, 1.3), (3.0, 3.011, 1.3), (5.0, 3.0, 0.7), (1e5, 3.0, 0.7)):
        s, w = np.polynomial.legendre.leggauss(60)
        edges = np.concatenate([[0.0], t - t * np.geomspace(1.0, 1e-7, 30)[1:], [t]])
        half = 0.5 * np.diff(edges)[:, None]
        at = edges[:-1, None] + half * (1 + s)
        expected = np.sum(half * w * at * np.exp(-beta * at - k * (t - at)))
        assert relaxation.alpha_integral(t, k, beta) == pytest.approx(expected, rel=1e-8)


def test_debye_relaxation():
    data = references.load("paper_electrolyte")
    sigma = conductivity((C, C), (1, -1), (D, D), V_T)
    tau = relaxation.debye_time(80 * VACUUM_PERMITTIVITY, sigma)
    assert tau * 1e9 == pytest.approx(data["debye_time_ns"], abs=5e-4)
    assert tau == pytest.approx((data["debye_length_nm"] * 1e-9) ** 2 / D, rel=2e-5)
    V = relaxation.charging(np.array([-1.0, 0.0, tau, 1.0]), 5.0, tau)
    assert pytest.approx([0.0, 0.0, 5.0 * (1 - 1 / math.e), 5.0]) == V


def test_charging_a_head_through_its_neck():
    head = MembraneCharging.of_ball(5e-7, 0.01, 124.75e6)
    tau = head.time_constant
    assert tau == pytest.approx(math.pi * 1e-14 * 124.75e6)
    assert head.voltage(50 * tau, 50e-12) == pytest.approx(124.75e6 * 50e-12)

    def rates(t, V):
        flowing = 50e-12 * t / 1e-5 * math.exp(1 - t / 1e-5)
        return (flowing - V / head.resistance) / head.capacitance

    times = np.array([2e-6, 1e-5, 5e-5])
    found = solve_ivp(rates, (0, 5e-5), [0.0], "Radau", times, rtol=1e-9, atol=1e-12)
    assert head.alpha_voltage(times, 50e-12, 1e-5) == pytest.approx(found.y[0], rel=1e-6)
    assert head.valid(1e-6, 2e-10, 0.25)
    assert not MembraneCharging(2e-11, 124.75e6).valid(1e-6, 2e-10, 0.25)


CABLE = (1e-6, 1e-3, 1.0, 4.0, 0.01)  # Rallpack 1: length constant 1 mm, time constant 40 ms


@pytest.mark.parametrize("time", [1e-3, 0.02, 0.25])
def test_charge_and_equation_of_a_cable(time):
    """What entered is on the membrane or has leaked, int V dx = r_m (1 - exp(-t/tau)); c dV/dt = V''/r_a - V/r_m."""
    x, h = np.linspace(0.0, 1e-3, 2001), 2e-6
    V = np.array([charging_cable(time, *CABLE, distance=d) for d in x])
    r_m = 4.0 / (math.pi * 1e-6)
    assert simpson(V, x=x) == pytest.approx(r_m * -math.expm1(-time / 0.04), rel=1e-9)
    at = [charging_cable(time, *CABLE, distance=3e-4 + k * h) for k in (-1, 0, 1)]
    before, after = (charging_cable(time * (1.0 + e), *CABLE, distance=3e-4) for e in (-1e-4, 1e-4))
    bent = (at[0] - 2.0 * at[1] + at[2]) / h**2
    assert 0.04 * (after - before) / (2e-4 * time) == pytest.approx(1e-6 * bent - at[1], rel=2e-5, abs=1e-6 * at[1])


def test_a_long_cable_has_no_end():
    for time, distance in ((1e-3, 0.0), (1e-3, 2e-4), (0.05, 1e-3)):
        long, endless = (
            charging_cable(time, 1e-6, length, 1.0, 4.0, 0.01, distance=distance) for length in (0.02, math.inf)
        )
        assert long == pytest.approx(endless, rel=1e-7)
