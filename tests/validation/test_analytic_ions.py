"""Laws of ions at rest and across membranes: closed ball, window, charged wall, Donnan, junctions, Goldman."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp
from scipy.special import iv

from spinepnp.units import FARADAY, VACUUM_PERMITTIVITY
from spinepnp.validation.laws import (
    ChargedCylinderLaw,
    ClosedBallLaw,
    GouyChapmanLaw,
    MembraneLaw,
    WindowEscapeLaw,
    binary_junction,
    closed_ball,
    donnan,
    donnan_concentrations,
    donnan_potential,
    ghk_current,
    ghk_voltage,
    gouy_chapman,
    henderson_junction,
    liquid_junction,
    window_escape,
)
from spinepnp.validation.reference import table as references

V_T, EPS = 25.26e-3, 80.0 * VACUUM_PERMITTIVITY


# --- Box 2


@pytest.mark.parametrize("row", references.rows("closed_ball"), ids=lambda row: f"lambda={row['lambda']}")
def test_the_closed_ball_to_all_digits(row):
    ball = ClosedBallLaw.of_lambda(row["lambda"])
    assert ball.drop() == pytest.approx(row["drop"], abs=1e-12)
    assert ball.wall_concentration() == pytest.approx(row["wall"], rel=5e-7)
    assert ball.centre_concentration() == pytest.approx(row["centre"], rel=2e-6)
    assert ball.potential(1.0) == pytest.approx(-ball.drop(), rel=1e-12)


def test_the_closed_ball_by_its_charge_number():
    data = references.load("closed_ball_charge")
    for charge, drop in data["rows"]:
        assert ClosedBallLaw(charge).drop() == pytest.approx(drop, abs=1e-12)
    assert closed_ball.critical_radius() == pytest.approx(data["critical_radius"], abs=5e-7)
    assert closed_ball.large_charge_constant() == pytest.approx(data["constant"], abs=5e-7)
    s = np.array([1e-4, 2e-4])
    near = ClosedBallLaw(1e8).potential(1 - s) - 2 * np.log(s)
    assert 2 * near[0] - near[1] == pytest.approx(data["wall_constant"], abs=1e-3)
    number = closed_ball.charge_number(data["ions"], 5e-7, EPS, V_T)
    assert 4 * math.pi * number == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("charge", [0.1, 3.0, 50.0])
def test_the_closed_ball_holds_its_ions_and_its_equation(charge):
    ball = ClosedBallLaw(charge)
    nodes, weights = np.polynomial.legendre.leggauss(80)
    edges = 1.0 - np.geomspace(1.0, 1e-4, 12)
    edges = np.append(edges, 1.0)
    half = 0.5 * np.diff(edges)[:, None]
    r = edges[:-1, None] + half * (1 + nodes)
    assert np.sum(half * weights * 3 * r**2 * ball.concentration(r)) == pytest.approx(1.0, rel=1e-11)

    def rates(r, state):
        return [state[1], -2 * state[1] / r - 3 * charge * ball.centre_concentration() * math.exp(-state[0])]

    scale = 3 * charge * ball.centre_concentration()
    start = [-scale * 1e-8 / 6, -scale * 1e-4 / 3]
    shot = solve_ivp(rates, (1e-4, 1.0), start, rtol=1e-11, atol=1e-13, t_eval=[0.3, 0.7, 1.0])
    assert shot.y[0] == pytest.approx(ball.potential(np.array([0.3, 0.7, 1.0])), rel=1e-6)
    assert shot.y[1, -1] == pytest.approx(-charge, rel=1e-6)


def test_the_closed_ball_of_little_and_much_charge():
    for charge in (1e-6, 1e-3):
        ball = ClosedBallLaw(charge)
        assert ball.drop() / ball.small_charge_drop() - 1 == pytest.approx(-0.15 * charge, rel=0.01, abs=1e-9)
    much = ClosedBallLaw(1e5)
    assert much.drop() == pytest.approx(much.large_charge_drop(), abs=1e-6)
    assert much.wall_concentration() == pytest.approx(much.large_charge_contact(), rel=1e-7)
    assert ClosedBallLaw(80).drop() == pytest.approx(ClosedBallLaw(80).large_charge_drop(), rel=0.01)
    s = np.array([0.0, 1e-5, 5e-5])
    assert much.potential(1 - s) - much.potential(1.0) == pytest.approx(much.layer_potential(s), abs=1e-3)
    # half of a layer's charge lies within its thickness
    b = much.layer_thickness()
    inside = quad(lambda s: 3 * float(much.concentration(1 - s)), 0, b, epsrel=1e-8)[0]
    assert inside == pytest.approx(0.5, rel=1e-3)


# --- Box 1


def exact_mean_time(angle: float, points: int = 150) -> float:
    """Mean escape time from a unit ball through a cap of half angle ``angle``, D = 1.

    Dual series in Legendre functions, (2n+1)/(2n) F_n P_n on the cap; with F_n = int h(t) cos((n+1/2)t) dt it becomes
    h + K h / pi = cos(t/2), K = sum_{n > 0} cos((n+1/2)t) cos((n+1/2)s)/n: log-singular, by subtraction.
    """

    def half(v):
        v = np.abs(v)
        return 0.5 * (-np.cos(v / 2) * np.log(2 * np.sin(v / 2)) - np.sin(v / 2) * (np.pi - v) / 2)

    nodes, weights = np.polynomial.legendre.leggauss(points)
    t, w = 0.5 * angle * (1 + nodes), 0.5 * angle * weights
    near = np.subtract.outer(t, t)
    np.fill_diagonal(near, 1.0)
    singular = half(near) * w
    np.fill_diagonal(singular, 0.0)
    whole = [quad(half, 0, v)[0] + quad(half, 0, angle - v)[0] for v in t]
    matrix = np.eye(points) + (half(np.add.outer(t, t)) * w + singular) / np.pi
    matrix[np.diag_indices(points)] += (np.array(whole) - singular.sum(axis=1)) / np.pi
    h = np.linalg.solve(matrix, np.cos(t / 2))
    return float(np.pi / 3 / np.sum(w * h * np.cos(t / 2)) - 0.6)


@pytest.mark.parametrize(("ratio", "expected"), references.load("window_escape")["rows"])
def test_the_escape_time_and_its_error_term(ratio, expected):
    assert exact_mean_time(math.asin(ratio)) == pytest.approx(expected, rel=1e-8)
    law = WindowEscapeLaw(1.0, ratio, 1.0)
    assert abs(law.mean_time() / expected - 1) == pytest.approx(law.leading_error(), rel=0.1)
    assert law.valid() == (ratio < 0.2)
    assert law.leading_time() == pytest.approx(expected, rel=ratio)


def test_the_neumann_function_has_no_mean_and_solves_its_equation():
    nodes, weights = np.polynomial.legendre.leggauss(300)
    r = 1 - (0.5 * (1 + nodes)) ** 2  # crowded toward the source
    wr = 0.5 * weights * (1 + nodes) * r**2
    x = 1 - 2 * (0.5 * (1 + nodes)) ** 3
    wx = weights * 3 * (0.5 * (1 + nodes)) ** 2
    mean = np.einsum("i,j,ij", wr, wx, window_escape.neumann_green(r[:, None], x[None, :])) * 1.5
    assert mean * 2 * math.pi / 3 == pytest.approx(0.0, abs=1e-5)

    def green(p):
        radius = np.linalg.norm(p)
        return float(window_escape.neumann_green(radius, p[2] / radius))

    point, h = np.array([0.3, 0.2, -0.4]), 1e-3
    laplacian = sum(green(point + s) + green(point - s) - 2 * green(point) for s in h * np.eye(3)) / h**2
    assert laplacian == pytest.approx(3 / (4 * math.pi), rel=1e-4)
    assert window_escape.neumann_green(1.0, 0.2) == pytest.approx(window_escape.neumann_green(1 - 1e-5, 0.2), abs=1e-9)


def test_the_voltage_of_a_ball_with_a_window():
    law = WindowEscapeLaw(5e-7, 5e-8, 2e-10)
    I = 10e-12
    ohm = V_T * I * law.mean_G() / (2 * law.diffusivity * FARADAY * 167.0)
    assert law.voltage(1e-4 * I, 167.0, V_T) == pytest.approx(1e-4 * ohm, rel=1e-4)
    assert law.voltage(I, 167.0, V_T, G=law.mean_G()) == law.voltage(I, 167.0, V_T)
    assert law.voltage(I, 167.0, V_T) < ohm
    opposite, middle = law.time_from(5e-7, -1.0), law.time_from(0.0, 1.0)
    assert opposite > middle > law.time_from(4e-7, 1.0)
    # exactly R^2/(10 D) more than on average, as the dual series has it for any window
    assert middle - law.mean_time() == pytest.approx(0.1 * 5e-7**2 / 2e-10, rel=1e-12)
    assert opposite == pytest.approx(law.mean_time(), rel=0.05)


# --- charged walls


@given(st.floats(-0.2, 0.2), st.sampled_from((1, 2)), st.floats(0.1, 500.0))
def test_gouy_and_chapman(V, valence, concentration):
    wall = GouyChapmanLaw(concentration, EPS, V_T, valence)
    sigma = wall.surface_charge(V)
    assert wall.surface_potential(sigma) == pytest.approx(V, rel=1e-10, abs=1e-15)
    mixture = gouy_chapman.surface_charge_of(V, (valence, -valence), (concentration, concentration), EPS, V_T)
    assert mixture == pytest.approx(sigma, rel=1e-6, abs=1e-9)
    h = 1e-6
    by_differences = (wall.surface_charge(V + h) - wall.surface_charge(V - h)) / (2 * h)
    assert wall.capacitance(V) == pytest.approx(by_differences, rel=1e-6)
    step = 1e-5 * wall.debye_length
    x = 0.4 * wall.debye_length
    left, middle, right = wall.potential(np.array([x - step, x, x + step]), V)
    # eps V'^2/2 = osmotic pressure, everywhere
    field = (right - left) / (2 * step)
    assert -EPS * field == pytest.approx(wall.surface_charge(middle), rel=1e-5, abs=1e-9)
    assert wall.potential(0.0, V) == pytest.approx(V, rel=1e-9, abs=1e-15)


def test_the_debye_length_and_the_range():
    data = references.load("paper_electrolyte")
    wall = GouyChapmanLaw(167.0, EPS, V_T)
    assert wall.debye_length * 1e9 == pytest.approx(data["debye_length_nm"], rel=1e-5)
    assert closed_ball.charge_number(1, 1e-9, EPS, V_T) == pytest.approx(data["bjerrum_length_nm"], rel=1e-5)
    assert wall.valid(0.05, 0.3e-9)
    assert not wall.valid(0.2, 0.6e-9)


# --- Donnan


@given(
    st.lists(st.tuples(st.sampled_from((-3, -2, -1, 1, 2, 3)), st.floats(0.1, 200.0)), min_size=1, max_size=4),
    st.floats(-500.0, 500.0),
)
def test_a_gel_is_neutral_and_in_equilibrium(salts, rho):
    z, c = [], []
    for valence, amount in salts:  # each with a monovalent counter-ion
        z += [valence, -int(math.copysign(1, valence))]
        c += [amount, abs(valence) * amount]
    u, inside = donnan_potential(z, c, rho, 1.0), donnan_concentrations(z, c, rho)
    assert np.dot(z, inside) + rho == pytest.approx(0.0, abs=1e-9 * (np.abs(z) @ inside + 1))
    assert np.log(inside / c) + u * np.array(z) == pytest.approx(0.0, abs=1e-9)
    assert u * rho >= 0.0
    assert donnan.osmotic_pressure(c, inside, FARADAY * V_T) >= -1e-6 * FARADAY * V_T * sum(c)


def test_donnan_of_a_salt_in_closed_form_and_what_is_refused():
    assert donnan_potential((1, -1), (150.0, 150.0), -100.0, V_T) == pytest.approx(-V_T * math.asinh(1 / 3), rel=1e-12)
    assert donnan_potential((1, -1), (150.0, 150.0), 0.0, V_T) == 0.0
    with pytest.raises(ValueError, match="not neutral"):
        donnan_potential((1, -1), (150.0, 100.0), -100.0, V_T)
    with pytest.raises(ValueError, match="can balance"):
        donnan_potential((1, -1), (0.0, 0.0), -100.0, V_T)


# --- membranes: Teorell, Meyer and Sievers


def _membrane(left, right, rho, D, lengths=(3e-7, 4e-7, 3e-7)):
    return MembraneLaw(left, right, rho, D, lengths, V_T)


concentrations_ = st.floats(1.0, 500.0)
fixed = st.floats(-1e3, 1e3)
mobilities = st.tuples(st.floats(2e-10, 5e-9), st.floats(2e-10, 5e-9))


@given(left=concentrations_, right=concentrations_, rho=fixed, D=mobilities)
def test_a_membrane_reversed_or_with_ions_swapped_has_the_opposite_potential(left, right, rho, D):
    law = _membrane(left, right, rho, D)
    there = law.potential
    assert _membrane(right, left, rho, D).potential == pytest.approx(-there, rel=1e-9, abs=1e-14)
    assert _membrane(left, right, -rho, D[::-1]).potential == pytest.approx(-there, rel=1e-9, abs=1e-14)
    assert law.flux * (left - right) >= 0.0
    # Between ideal selectivity for either ion.
    assert abs(there) <= V_T * abs(math.log(left / right)) * (1.0 + 1e-9) + 1e-15


@given(left=concentrations_, right=concentrations_, D=mobilities)
def test_a_membrane_without_charge_is_a_junction(left, right, D):
    law = _membrane(left, right, 0.0, D)
    assert law.potential == pytest.approx(binary_junction(left, right, (1, -1), D, V_T), rel=1e-9, abs=1e-15)
    salt = 2.0 * D[0] * D[1] / sum(D)
    assert law.flux == pytest.approx(salt * (left - right) / 1e-6, rel=1e-9, abs=1e-12)


def test_a_strong_membrane_lets_one_ion_through():
    """-10 M between 10 and 100 mM: the cations' Nernst potential, and no salt."""
    law = _membrane(10.0, 100.0, -1e4, (1.33e-9, 2.03e-9), (0.0, 5e-6, 0.0))
    assert law.potential == pytest.approx(-V_T * math.log(10.0), rel=2e-2)
    weak = _membrane(10.0, 100.0, -1.0, (1.33e-9, 2.03e-9), (0.0, 5e-6, 0.0))
    assert 0.0 > law.flux > 0.05 * weak.flux


def test_membranes_by_their_full_solution():
    """Full PNP is off by the layers at the faces, 1 nm of 400; -42.147 mV is the limit of a thick membrane."""
    row = references.load("membrane_potential")["rows"][0]
    law = MembraneLaw(167.0, 50.0, -100.0, (1.96e-9, 2.03e-9), (3e-7, 4e-7, 3e-7), 25.26e-3)
    assert 1e3 * law.potential == pytest.approx(row[1], rel=5e-4)
    assert 2.0 * FARADAY * math.pi * 1e-14 * law.flux * 1e12 == pytest.approx(row[2], rel=1e-3)
    thick = MembraneLaw(10.0, 100.0, -100.0, (1.33e-9, 2.03e-9), (0.0, 5e-6, 0.0), 25.6926e-3)
    assert 1e3 * thick.potential == pytest.approx(-42.147, abs=5e-4)


@pytest.mark.parametrize("given_", [{"left": 0.0}, {"right": -1.0}, {"lengths": (0.0, 0.0, 0.0)}], ids=str)
def test_membranes_that_make_no_sense_are_refused(given_):
    data = {"left": 1.0, "right": 2.0, "rho": -1.0, "D": (1e-9, 1e-9), **given_}
    with pytest.raises(ValueError, match=r"needs? "):
        _membrane(**data)


# --- junctions


@given(st.floats(0.1, 500), st.floats(0.1, 500), st.integers(1, 3), st.integers(-3, -1), st.floats(0.1, 10))
@example(left=0.1, right=0.10000000000000002, cation=1, anion=-1, ratio=0.25)  # sides that differ by one rounding
def test_junctions_of_one_salt(left, right, cation, anion, ratio):
    D = (ratio * 1e-9, 1e-9)
    exact = binary_junction(left, right, (cation, anion), D, V_T)
    assert binary_junction(right, left, (cation, anion), D, V_T) == pytest.approx(-exact, rel=1e-12, abs=1e-18)
    sides = [np.array([-anion, cation]) * c for c in (left, right)]
    henderson = henderson_junction(sides[0], sides[1], (cation, anion), D, V_T)
    assert henderson == pytest.approx(exact, rel=1e-8, abs=1e-15)
    # without current: sum z D (c' + z c u') = 0, with c' and u' per unit of ln c
    u = exact / V_T / math.log1p((right - left) / left) if left != right else 0.0
    z, nu = np.array([cation, anion]), np.array([-anion, cation])
    if left != right:
        assert np.sum(z * D * nu) + np.sum(z**2 * D * nu) * u == pytest.approx(0.0, abs=1e-12 * np.sum(z**2 * D * nu))


@given(st.lists(st.floats(1.0, 300.0), min_size=4, max_size=4), st.lists(st.floats(0.2, 3.0), min_size=3, max_size=3))
def test_henderson_reverses_and_is_the_junction_of_its_own_mixture(c, D):
    z = np.array([1, 1, -1])
    left, right = np.array([c[0], c[1], c[0] + c[1]]), np.array([c[2], c[3], c[2] + c[3]])
    V = henderson_junction(left, right, z, D, V_T)
    assert henderson_junction(right, left, z, D, V_T) == pytest.approx(-V, rel=1e-9, abs=1e-15)

    def slope(x):
        mixed = left + x * (right - left)
        return -np.sum(z * D * (right - left)) / np.sum(z**2 * D * mixed)

    assert V_T * quad(slope, 0, 1, epsrel=1e-12)[0] == pytest.approx(V, rel=1e-8, abs=1e-14)
    assert henderson_junction(left, left, z, D, V_T) == 0.0


def test_junctions_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="a cation and an anion"):
        binary_junction(1.0, 2.0, (-1, 1), (1e-9, 1e-9), V_T)
    with pytest.raises(ValueError, match="need ions"):
        henderson_junction((0.0, 0.0), (1.0, 1.0), (1, -1), (1e-9, 1e-9), V_T)
    siemens = liquid_junction.conductivity((167.0, 167.0), (1, -1), (2e-10, 2e-10), V_T)
    assert siemens == pytest.approx(2 * FARADAY * 2e-10 * 167.0 / V_T)


# --- Goldman, Hodgkin and Katz


@given(st.lists(st.floats(0.1, 200.0), min_size=6, max_size=6), st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3))
def test_no_current_flows_at_the_ghk_voltage(c, P):
    assume(max(P) > 1e-3)
    inside, outside = np.array(c[:3]), np.array(c[3:])
    for z in ((1, 1, -1), (1, 2, -1)):
        V = ghk_voltage(inside, outside, z, P, V_T)
        total = np.sum(ghk_current(V, inside, outside, z, P, V_T))
        assert total == pytest.approx(0.0, abs=1e-12 * FARADAY * np.dot(P, inside + outside))
        assert ghk_voltage(outside, inside, z, P, V_T) == pytest.approx(-V, abs=1e-10)


def test_ghk_is_linear_at_small_voltages():
    """Equal sides: -z^2 F P c V/V_T, as V goes to zero."""
    for V in (1e-6, -1e-8):
        ohm = -4 * FARADAY * 1e-6 * 50.0 * V / V_T
        assert ghk_current(V, 50.0, 50.0, 2, 1e-6, V_T) == pytest.approx(ohm, rel=1e-6)
    assert ghk_voltage([10.0, 1.0], [100.0, 7.0], [2, 1], [1.0, 0.0], V_T) == pytest.approx(V_T / 2 * math.log(10.0))
    with pytest.raises(ValueError, match="no ion permeates"):
        ghk_voltage([1.0], [2.0], [1], [0.0], V_T)


# --- charged cylinders


@pytest.mark.parametrize("radius", [1e-9, 1e-8, 5e-8])
def test_a_weakly_charged_cylinder_is_that_of_rice_and_whitehead(radius):
    wall, r = GouyChapmanLaw(10.0, EPS, V_T), radius * np.array([0.0, 0.5, 1.0])
    law = ChargedCylinderLaw(radius, 1e-6, (1, -1), (10.0, 10.0), EPS, V_T)
    x, debye = r / wall.debye_length, wall.debye_length
    linear = 1e-6 * debye / EPS * iv(0, x) / iv(1, radius / debye)
    assert law.potential(r) == pytest.approx(linear, rel=1e-4, abs=1e-13)


def test_counter_ions_alone_in_a_charged_cylinder():
    """Without a salt: exp(-u) = b/(1 - a b x^2/8)^2 with x = r/R, a = F R^2 c/(eps V_T) (Fuoss, Katchalsky, Lifson)."""
    radius, sigma, c = 1e-8, -0.05, 20.0
    a, slope = FARADAY * radius**2 * c / (EPS * V_T), sigma * radius / (EPS * V_T)
    b = 8.0 * slope / (a * (slope - 4.0))  # from the field -(a b/2)/(1 - a b/8) at the wall
    x = np.linspace(0.0, 1.0, 7)
    exact = -V_T * np.log(b / (1.0 - a * b * x**2 / 8.0) ** 2)
    found = ChargedCylinderLaw(radius, sigma, (1,), (c,), EPS, V_T).potential(radius * x)
    assert found == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize("sigma", [-0.3, 0.02])
def test_a_wide_charged_cylinder_is_a_plane_wall(sigma):
    law, wall = ChargedCylinderLaw(1e-6, sigma, (1, -1), (100.0, 100.0), EPS, V_T), GouyChapmanLaw(100.0, EPS, V_T)
    assert law.potential(1e-6) == pytest.approx(wall.surface_potential(sigma), rel=1e-3)
    assert law.potential(0.0) == pytest.approx(0.0, abs=1e-12)
