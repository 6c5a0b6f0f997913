"""The one-dimensional reference: against the printed table, its own orders, closed forms, and what it refuses."""

import itertools
import math

import numpy as np
import pytest

from spinepnp.units import AVOGADRO, ELEMENTARY_CHARGE, FARADAY
from spinepnp.validation.laws import CylinderLaw
from spinepnp.validation.reference import table as references
from spinepnp.validation.reference.onedimensional import (
    End,
    Ion,
    NoConvergenceError,
    Problem,
    ball,
    estimated_error,
    line,
    shell,
    solve_steady,
)
from support.onedimensional import BULK, FLUX, LENGTH, PERMITTIVITY, V_T, D, neck

ROWS = references.rows("cylinder")


def closed_ball(lam, radius=5e-7):
    charge = lam * PERMITTIVITY * V_T * radius / ELEMENTARY_CHARGE / AVOGADRO
    return Problem(ball(radius), (Ion("P", 1, D),), PERMITTIVITY, V_T, right=End(normal_field=None), amounts=(charge,))


def end_voltage(state):
    """V(L) - V(0), mV."""
    return 1e3 * (state.potential[-1] - state.potential[0])


# --- the reference is what it is taken for


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['radius']}nm-{row['current']}pA")
def test_the_twelve_points_to_a_nanovolt(row):
    problem = neck(row["radius"], row["current"] * FLUX)
    assert end_voltage(solve_steady(problem)) == pytest.approx(row["V_full"], abs=1e-6)
    assert float(estimated_error(problem, end_voltage)) < 1e-8


def test_the_error_falls_with_the_order_like_that_of_a_spectral_method():
    problem = neck(50, 100)
    best = end_voltage(solve_steady(problem, 20, 12))
    errors = [abs(end_voltage(solve_steady(problem, order, 12)) - best) for order in (3, 5, 7, 9)]
    assert all(fine < 0.1 * coarse for coarse, fine in itertools.pairwise(errors)), errors


@pytest.mark.parametrize("row", references.rows("closed_ball"), ids=lambda row: f"{row['lambda']:g}")
def test_box_2(row):
    state = solve_steady(closed_ball(row["lambda"]), 16)
    drop = (state.potential[0] - state.potential[-1]) / V_T
    assert drop == pytest.approx(row["drop"], rel=1e-9)
    mean = state.amounts[0] / (4.0 / 3.0 * math.pi * 1.25e-19)
    assert state.concentrations[0, -1] / mean == pytest.approx(row["wall"], rel=1e-6)
    assert state.concentrations[0, 0] / mean == pytest.approx(row["centre"], rel=1e-5)


# --- laws


def test_three_species_have_the_voltage_of_two():
    """Facts B3: c_Na + c_K obeys the equation of the cation of two species, at any Debye length."""
    two, three = (end_voltage(solve_steady(neck(75, 100, sodium=sodium))) for sodium in (BULK, 12.0))
    assert three == pytest.approx(two, abs=1e-9)


def test_with_the_field_matched_the_electroneutral_law_holds_to_a_millionth():
    law = CylinderLaw(length=LENGTH, radius=5e-8, diffusivity=D, injected=BULK, anions=BULK, thermal_voltage=V_T)
    for current in (10.0, 200.0):
        voltage = end_voltage(solve_steady(neck(50, current, matched=True)))
        assert voltage == pytest.approx(1e3 * float(law.voltage(current * 1e-12)), abs=2.5e-5)


def test_currents_are_the_same_everywhere_and_leave_where_they_should():
    state = solve_steady(neck(100, 50, sodium=12.0))
    assert state.currents(0)[1:-1] == pytest.approx(-50e-12, rel=1e-6)
    for resting in (1, 2):
        assert np.abs(state.currents(resting)[1:-1]).max() < 1e-6 * 50e-12
    assert state.entering[:, 0] == pytest.approx([-50e-12, 50e-12], rel=1e-9)
    assert abs(state.total_entering.sum()) < 1e-9 * 50e-12


def test_a_shell_is_a_line_with_the_area_of_spheres():
    ends = {
        "left": End(currents=(50e-12, 0.0), field_matched=True),
        "right": End(potential=0.0, concentrations=(BULK, BULK)),
    }
    ions = (Ion("C", 1, D), Ion("A", -1, D))
    voltage = solve_steady(Problem(shell(1e-7, 5e-7), ions, PERMITTIVITY, V_T, **ends)).potential[0]
    G = (1.0 / 1e-7 - 1.0 / 5e-7) / (4.0 * math.pi)
    assert voltage == pytest.approx(V_T * math.log1p(50e-12 * G / (2.0 * D * FARADAY * BULK)), rel=1e-5)
    moved = line(4e-7, lambda x: 4.0 * math.pi * (1e-7 + x) ** 2)
    again = solve_steady(Problem(moved, ions, PERMITTIVITY, V_T, **ends)).potential[0]
    assert again == pytest.approx(voltage, rel=1e-9)


def test_beyond_the_limiting_current_there_is_no_state():
    limit = references.load("cylinder")["limiting_current"]["two_species"]
    with pytest.raises(NoConvergenceError, match="of the loads"):
        solve_steady(neck(100, 1.02 * limit))


# --- what it refuses


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: line(-1.0, 1.0), "length = -1.0"),
        (lambda: line(1e-6, 0.0), "area = 0.0"),
        (lambda: shell(2e-7, 1e-7), "outer = 1e-07"),
        (lambda: Ion("Na", 1, math.nan), "Na.diffusivity = nan"),
        (lambda: Problem(ball(1e-7), (), PERMITTIVITY, V_T), "species"),
        (lambda: Problem(ball(1e-7), (Ion("P", 1, D),), -1.0, V_T), "permittivity = -1.0"),
        (lambda: solve_steady(neck(50, 10), order=1), "order = 1"),
        (lambda: solve_steady(neck(50, 10), elements=1), "elements = 1"),
    ],
)
def test_bad_input_is_told_by_key_and_value(make, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        make()
