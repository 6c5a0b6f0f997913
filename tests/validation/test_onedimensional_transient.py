"""Transients of the one-dimensional reference: tables, closed forms, its own orders, balances, and what it refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.special import gammainc

from spinepnp.units import FARADAY
from spinepnp.validation.laws.cylinder_transient import CylinderTransientLaw
from spinepnp.validation.reference import table as references
from spinepnp.validation.reference.onedimensional import (
    End,
    Gate,
    Ion,
    NoConvergenceError,
    Problem,
    ball,
    line,
    shell,
    solve_steady,
    solve_transient,
)
from support.onedimensional import BULK, FLUX, LENGTH, PERMITTIVITY, V_T, D, neck

ROWS = references.rows("cylinder_transient")

#: Debye time, s.
TAU = PERMITTIVITY * V_T / (2.0 * FARADAY * BULK) / D


def driven(current, **more):
    """The neck of 100 nm with a function as its current."""
    problem = neck(100, 0, **more)
    return replace(problem, right=replace(problem.right, currents=(current, 0.0)))


def channel(t, V):
    """Closes as the end depolarises, A."""
    return 100e-12 / (1.0 + math.exp((V - 5e-3) / 1e-3))


def at_end(states):
    """V at the injector, mV."""
    return np.array([1e3 * state.potential[-1] for state in states])


def apart(states, others):
    """Largest difference in ln c and V/V_T of each pair."""
    return np.array([np.max(np.abs(a.state - b.state)) for a, b in zip(states, others, strict=True)])


@pytest.fixture(scope="module")
def step():
    """From a nanosecond to a tenth of a second in one run, Na among K and anions, field not matched."""
    return solve_transient(neck(100, 50, sodium=12.0), [0.0, 1e-9, 1e-8, 1e-6, 1e-4, 1e-1], rtol=1e-5)


# --- laws


@pytest.mark.parametrize(("radius", "current"), [(100, 50), (50, 200)])
def test_the_table_of_the_electroneutral_step(radius, current):
    """With the field matched; what Debye layers do beyond falls with the square of their length, and is taken off."""
    rows = [row for row in ROWS if (row["radius"], row["current"]) == (radius, current)]
    problem, times = neck(radius, current * FLUX, matched=True), [row["time"] * 1e-3 for row in rows]
    thick = at_end(solve_transient(problem, times, rtol=1e-6))
    thin = at_end(solve_transient(replace(problem, permittivity=problem.permittivity / 4.0), times, rtol=1e-6))
    exact = np.array([row["V"] for row in rows])
    assert thick == pytest.approx(exact, rel=3e-6)
    assert (4.0 * thin - thick) / 3.0 == pytest.approx(exact, abs=1.2e-6)  # the table: 1e-6, rounded


def test_a_layer_at_the_injector_takes_off_six_ten_thousandths():
    rows = ROWS[:8]
    found = at_end(solve_transient(neck(100, 50 * FLUX), [row["time"] * 1e-3 for row in rows], rtol=1e-5))
    assert found / np.array([row["V"] for row in rows]) - 1.0 == pytest.approx(-6.7e-4, abs=0.8e-4)


def test_the_first_nanoseconds():
    """Linear: eps E_t + sigma E = D eps E_xx + I/S, E(L) = 0: V/V_Ohm = 1 - exp(-t/tau) - lambda/L P(3/2, t/tau)."""
    assert pytest.approx(2.776e-9, rel=1e-4) == TAU
    times, area = np.array([1e-10, 1e-9, TAU, 1e-8, 5e-8]), math.pi * 1e-14
    states = solve_transient(neck(100, 1), list(times), rtol=1e-9)
    ohm = 1e3 * 1e-12 * LENGTH * V_T / (2.0 * area * D * FARADAY * BULK)
    rise = 1.0 - np.exp(-times / TAU)
    assert at_end(states) == pytest.approx(ohm * rise, rel=1e-3)
    layer = math.sqrt(D * TAU) / LENGTH * gammainc(1.5, times / TAU)
    assert at_end(states) == pytest.approx(ohm * (rise - layer), abs=1e-7 * ohm)
    # What is not carried by ions at the held end is displaced.
    assert [state.displacement[0] for state in states] == pytest.approx(-1e-12 * np.exp(-times / TAU), abs=1e-17)


@pytest.mark.parametrize("matched", [False, True])
def test_in_the_end_there_is_the_steady_state(matched):
    problem = neck(100, 50, matched=matched)
    late, steady = solve_transient(problem, [0.1])[0], solve_steady(problem)
    assert apart([late], [steady]) < 1e-9
    assert late.entering == pytest.approx(steady.entering, rel=1e-9, abs=1e-21)
    rest = solve_transient(problem, [1e-9, 1e-6, 1e-3, 1.0], initial=steady)
    assert np.all(apart(rest, [steady] * 4) < 1e-9)
    assert rest[-1].steps < 30


# --- balances


def test_what_has_passed_is_what_there_is_more(step):
    for state in step[1:]:
        more = (state.amounts - step[0].amounts) * state.system.z * FARADAY
        charge = 50e-12 * state.time
        assert state.passed[1] == pytest.approx([charge, 0.0, 0.0], rel=1e-12, abs=1e-30)
        rounding = 1e-15 * FARADAY * step[0].amounts.max()
        assert state.passed.sum(axis=0) == pytest.approx(more, abs=1e-9 * charge + rounding)


def test_the_total_current_is_the_same_at_both_ends(step):
    for state in step:
        assert state.total_entering == pytest.approx([-50e-12, 50e-12], rel=1e-8)
        assert state.displacement[1] == pytest.approx(0.0, abs=1e-8 * 50e-12)


def test_displacement_is_the_rate_of_the_field(step):
    """At the held end, against the fields a little earlier and later."""
    t, dt = 2e-9, 2e-11
    problem = neck(100, 50)
    states = solve_transient(problem, [t - 2 * dt, t - dt, t, t + dt, t + 2 * dt], rtol=1e-9)
    E = np.array([state.end_fields for state in states])
    rate = (E[0] - 8.0 * E[1] + 8.0 * E[3] - E[4]) / (12.0 * dt)
    assert states[2].displacement == pytest.approx(PERMITTIVITY * math.pi * 1e-14 * rate, rel=1e-6, abs=1e-20)


def test_matched_ends_of_a_current_that_varies_have_the_same_total_current():
    states = solve_transient(driven(lambda t: 50e-12 * math.sin(t / 1e-8) ** 2, matched=True), [1e-9, 1e-8, 5e-8])
    for state in states:
        assert abs(state.total_entering.sum()) < 1e-8 * 50e-12
        assert abs(state.displacement[1]) > 1e-7 * 50e-12


def test_a_closed_ball_charges_its_membrane():
    """Nothing leaves: amounts grow with I t, and V rises by I t over the capacitance as soon as ions have spread."""
    radius, C = 1e-7, 1e-2
    end = End(currents=(1e-15, 0.0), capacitance=C)
    volume, area = 4.0 / 3.0 * math.pi * radius**3, 4.0 * math.pi * radius**2
    problem = Problem(
        ball(radius), (Ion("K", 1, D), Ion("A", -1, D)), PERMITTIVITY, V_T, right=end, amounts=(150 * volume,) * 2
    )
    states = solve_transient(problem, [1e-4, 1e-3])
    assert [s.potential[-1] for s in states] == pytest.approx([1e-15 * s.time / (C * area) for s in states], rel=1e-7)
    assert states[1].displacement[1] == pytest.approx(-1e-15, rel=1e-7)


# --- time


@pytest.mark.parametrize(("dilute", "least"), [(True, 4.7), (False, 4.2)])
def test_order_in_time(dilute, least):
    """Five for modes that steps resolve; about 4.5 where layers are far faster than a step, as for all stiff problems.

    The stages are of order 3 only: what is slaved to the rest sees some of that, the voltage hardly.
    """
    duration, c, peak = 2e-3, BULK, 50e-12
    if dilute:
        c, peak = 1e-3, 5e-15
    problem = driven(lambda t: peak * math.sin(1.3 * t / duration) ** 2)
    problem = replace(problem, left=End(potential=0.0, concentrations=(c, c)))
    numbers = (16, 32, 128) if dilute else (8, 16, 64)
    found = [solve_transient(problem, [duration], step=duration / n)[0] for n in numbers]
    coarse, fine = apart(found[:2], [found[2]] * 2)
    assert least < math.log2(coarse / fine) < 5.3


def test_in_the_debye_time_the_voltage_has_order_five():
    problem = driven(lambda t: 50e-12 * math.sin(1.3 * t / 2e-8) ** 2)
    voltages = at_end([solve_transient(problem, [2e-8], step=2e-8 / n)[0] for n in (8, 16, 64)])
    assert math.log2((voltages[0] - voltages[2]) / (voltages[1] - voltages[2])) == pytest.approx(5.0, abs=0.3)


def test_tolerance_order_of_polynomials_and_elements():
    times = [1e-9, 1e-7, 1e-4]
    problem = driven(channel)
    best = solve_transient(problem, times, rtol=1e-8)
    for rtol in (1e-4, 1e-6):
        found = solve_transient(problem, times, rtol=rtol)
        assert np.all(apart(found, best) < 0.1 * rtol)
    finer = solve_transient(problem, times, order=14, elements=20, rtol=1e-6)
    assert at_end(finer) == pytest.approx(at_end(found), abs=2e-8)


@pytest.mark.parametrize("matched", [False, True])
def test_a_channel(matched):
    """Its steady state is where the current and the voltage fit; the transient ends there, nothing lagged."""
    problem = driven(channel, matched=matched)
    steady = solve_steady(problem)
    fixed = brentq(
        lambda V: solve_steady(neck(100, 1e12 * channel(0.0, V), matched=matched)).potential[-1] - V,
        1e-3,
        8e-3,
        xtol=1e-16,
    )
    assert steady.potential[-1] == pytest.approx(fixed, rel=1e-12)
    states = solve_transient(problem, [1e-9, 1e-6, 1e-3, 0.1])
    assert apart(states[-1:], [steady]) < 1e-9
    for state in states:
        assert state.entering[1, 0] == pytest.approx(channel(0.0, state.potential[-1]), rel=1e-12)
        assert abs(state.total_entering.sum()) < 1e-8 * 50e-12


def test_an_alpha_function_has_passed_its_charge():
    peak, t_peak = 50e-12, 1e-4
    states = solve_transient(driven(lambda t: peak * t / t_peak * math.exp(1.0 - t / t_peak)), [2e-4, 2e-3])
    for state in states:
        s = state.time / t_peak
        assert state.passed[1, 0] == pytest.approx(peak * t_peak * math.e * (1.0 - (1.0 + s) * math.exp(-s)), rel=1e-7)


def test_a_pulse_that_breaks_tell_of():
    """A jump in the midst: as if the run began anew with the new current."""
    problem = driven(lambda t: 50e-12 if t < 1e-5 else 0.0)
    until, after = solve_transient(problem, [1e-5, 1.2e-5], breaks=[1e-5])
    assert until.passed[1, 0] == pytest.approx(50e-17, rel=1e-12)
    assert after.passed[1, 0] == pytest.approx(50e-17, rel=1e-12)
    assert until.entering[1, 0] == 50e-12
    again = solve_transient(neck(100, 0), [2e-6], initial=until)
    assert apart([after], again) < 1e-7


# --- where it begins


def test_it_goes_on_from_a_state():
    problem = neck(100, 50)
    through, middle = solve_transient(problem, [1e-4, 1e-6 + 1e-4])[1], solve_transient(problem, [1e-4])[0]
    assert apart([through], solve_transient(problem, [1e-6], initial=middle)) < 1e-8
    on_another = solve_transient(problem, [1e-6], initial=middle, order=14)[0]
    assert on_another.potential[-1] == pytest.approx(through.potential[-1], rel=1e-7)


def test_a_shell_whose_membrane_is_held_at_rest_stays():
    ends = {"left": End(), "right": End(potential=0.0, concentrations=(BULK, BULK))}
    problem = Problem(shell(1e-7, 2e-7), (Ion("K", 1, D), Ion("A", -1, 2.0 * D)), PERMITTIVITY, V_T, **ends)
    state = solve_transient(problem, [1e-3])[0]
    assert np.abs(state.potential).max() < 1e-12
    assert state.concentrations == pytest.approx(np.full_like(state.concentrations, BULK), rel=1e-12)


# --- what it refuses


def floating():
    ions = (Ion("K", 1, D), Ion("A", -1, D))
    right = End(currents=(1e-12, 0.0))
    return Problem(line(1e-7, 1e-14), ions, PERMITTIVITY, V_T, right=right, amounts=(1e-19, 1e-19))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: solve_transient(p, []), r"times = \[\]"),
        (lambda p: solve_transient(p, [1e-3, 1e-4]), "must grow"),
        (lambda p: solve_transient(p, [-1e-3]), "times = -0.001"),
        (lambda p: solve_transient(p, [math.nan]), "times = nan"),
        (lambda p: solve_transient(p, [1e-3], breaks=[math.inf]), "breaks = inf"),
        (lambda p: solve_transient(p, 1e-3), "times = 0.001: a list"),
        (lambda p: solve_transient(p, [1e-3], rtol=1e-14), "rtol = 1e-14"),
        (lambda p: solve_transient(p, [1e-3], rtol=1e-11), "no less than 8e-10 here"),
        (lambda p: solve_transient(p, [1e-3], step=0.0), "step = 0.0"),
        (lambda p: solve_transient(p, [1e-3], order=0), "order = 0"),
        (lambda p: solve_transient(p, [1e-3], initial="rest"), "initial = 'rest'"),
        (lambda p: solve_transient(p, [1e-3], initial=solve_steady(neck(100, 5, sodium=12.0))), "other species"),
        (lambda p: solve_transient(replace(p, geometry=line(2e-6, 1.0)), [1e-3], initial=solve_steady(p)), "interval"),
        (lambda p: solve_transient(driven(lambda t: math.nan), [1e-3]), r"right.currents .* not finite at t = 0 s"),
        (lambda p: solve_transient(driven(lambda t, V, c, m, x: 0.0), [1e-3]), r"right.currents\[Na\]"),
        (lambda p: solve_transient(floating(), [1e-6]), "does not balance the charge"),
    ],
)
def test_bad_input_is_told_by_key_and_value(make, words):
    with pytest.raises(ValueError, match=words) as told:
        make(neck(100, 5))
    assert "\n" not in str(told.value)


def test_a_current_that_exhausts_the_ions_is_told_with_its_time():
    """Sand's time of the electroneutral law, from which the layer at the end takes what falls as lambda^(2/3)."""
    limit = references.load("cylinder")["limiting_current"]["two_species"]
    law = CylinderTransientLaw(LENGTH, 1e-7, D, BULK, V_T)
    sand = brentq(lambda t: law.step_concentration(1.5e-12 * limit, LENGTH, t).item(), 1e-3, 3e-3)
    problem, lost = neck(100, 1.5 * limit), []
    for part in (1.0, 8.0):
        with pytest.raises(NoConvergenceError, match=r"are used up at t = 0\.0017\d+ s") as told:
            solve_transient(replace(problem, permittivity=problem.permittivity / part), [0.1], order=8, rtol=1e-5)
        lost.append(float(str(told.value).split()[-2]))
    assert lost[0] == pytest.approx(sand, rel=0.02)
    assert 2.0 * lost[1] - lost[0] == pytest.approx(sand, rel=1e-4)


# --- gates, and currents that depend on concentrations


def opening(V):
    """Half open at 2 mV."""
    return 1.0 / (1.0 + math.exp(-(V - 2e-3) / 1e-3))


GATE = Gate(opening, 0.5e-3)


def gated(t, V, c, m):
    """Ramps in 20 pA, with the gate up to 5 nS toward 20 mV; A."""
    return 20e-12 * min(t / 1e-3, 1.0) + 5e-9 * (20e-3 - V) * m[0] ** 2


def with_gate(gate=GATE, current=gated):
    problem = driven(current)
    return replace(problem, right=replace(problem.right, gates=(gate,)))


def test_a_gate_follows_the_potential_late():
    """The gate of the stages is the integral of where it would come to rest, with a memory of its time constant."""
    times = np.linspace(0.0, 4e-3, 161)
    states = solve_transient(with_gate(), times.tolist(), rtol=1e-7, breaks=(1e-3,))
    rest = CubicSpline(times, [opening(s.potential[-1]) for s in states])
    fine = np.linspace(0.0, times[-1], 64001)
    kernel = np.exp((fine - times[-1]) / GATE.time) / GATE.time
    m = math.exp(-times[-1] / GATE.time) * opening(0.0) + float(np.trapezoid(kernel * rest(fine), fine))
    assert states[-1].gates[1][0] == pytest.approx(m, rel=1e-6)
    assert states[0].gates[1][0] == opening(0.0)
    middle = states[40]
    assert middle.gates[1][0] < 0.8 * opening(middle.potential[-1])  # it is late indeed
    for state in states[1:]:
        expected = gated(state.time, state.potential[-1], None, state.gates[1])
        assert state.entering[1, 0] == pytest.approx(expected, rel=1e-11)
        assert state.total_entering.sum() == pytest.approx(0.0, abs=1e-9 * state.entering[1, 0])


def test_a_gate_comes_to_rest_where_the_steady_solver_has_it():
    problem = with_gate(current=lambda t, V, c, m: 20e-12 + 5e-9 * (20e-3 - V) * m[0] ** 2)
    steady = solve_steady(problem)
    (late,) = solve_transient(problem, [0.1], rtol=1e-7)
    assert late.potential[-1] == pytest.approx(steady.potential[-1], rel=1e-9)
    assert late.gates[1][0] == pytest.approx(opening(steady.potential[-1]), rel=1e-9)


def test_the_order_with_a_gate():
    """Of the whole: with a gate that lagged by a step it would be one."""
    problem, end = with_gate(), [1e-3]
    (best,) = solve_transient(problem, end, rtol=1e-9)
    errors = []
    for steps in (5, 10):
        (state,) = solve_transient(problem, end, step=end[0] / steps)
        errors.append(abs(state.gates[1][0] - best.gates[1][0]))
    assert math.log2(errors[0] / errors[1]) > 4.0


def test_a_fast_gate_is_a_function_of_the_potential():
    (fast,) = solve_transient(with_gate(Gate(opening, 1e-12)), [2e-3], rtol=1e-7, breaks=(1e-3,))
    alike = driven(lambda t, V: gated(t, V, None, [opening(V)]))
    (plain,) = solve_transient(alike, [2e-3], rtol=1e-7, breaks=(1e-3,))
    assert fast.potential[-1] == pytest.approx(plain.potential[-1], rel=1e-7)


def leak(t, V, c):
    """A current that the concentration drives, A."""
    return 1e-13 * (300.0 - c * math.exp(V / V_T))


def test_a_current_that_depends_on_the_concentration():
    problem = driven(leak)
    steady = solve_steady(problem)
    c = steady.concentrations[0, -1]
    assert c > 1.02 * BULK
    assert steady.entering[1, 0] == pytest.approx(leak(0.0, steady.potential[-1], c), rel=1e-11)
    early, late = solve_transient(problem, [1e-4, 0.1], rtol=1e-7)
    expected = leak(0.0, early.potential[-1], early.concentrations[0, -1])
    assert early.entering[1, 0] == pytest.approx(expected, rel=1e-11)
    assert late.potential[-1] == pytest.approx(steady.potential[-1], rel=1e-9)
    with pytest.raises(ValueError, match="field_matched"):
        replace(problem, right=replace(problem.right, field_matched=True))


def test_a_gate_needs_a_time():
    with pytest.raises(ValueError, match=r"gates\.time"):
        Gate(opening, 0.0)
