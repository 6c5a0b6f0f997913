"""Laws of necks: G of throats, cones and tubes, and the electroneutral law of any ions."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spinepnp.units import FARADAY, VACUUM_PERMITTIVITY
from spinepnp.validation.laws import CylinderLaw, ElectroneutralLaw, HyperboloidLaw, debye_layer, tube
from spinepnp.validation.reference import table as references

D, C, V_T = 2e-10, 167.0, 25.26e-3
EPS = 80.0 * VACUUM_PERMITTIVITY
#: The tables were made with F = 96485 C/mol, which is 3.4e-6 low.
OLD_F = 96485.0 / FARADAY


def binary() -> ElectroneutralLaw:
    return ElectroneutralLaw((1, -1), (C, C), 0, D, V_T)


# --- throats


@pytest.mark.parametrize(("ratio", "expected"), references.load("throat_infinite")["circular"])
def test_the_infinite_circular_throat(ratio, expected):
    throat = HyperboloidLaw(ratio, ratio, 1.0, math.inf)
    assert throat.G_infinite() / throat.G_printed() == pytest.approx(expected, abs=5.1e-5)
    assert throat.G_infinite() / throat.G_printed() == pytest.approx((1 + math.hypot(1, ratio)) / 2, rel=1e-12)


@pytest.mark.parametrize(("a", "b", "c", "expected"), references.load("throat_infinite")["elliptic"])
def test_the_infinite_elliptic_throat(a, b, c, expected):
    throat = HyperboloidLaw(a, b, c, math.inf)
    assert throat.G_infinite() / (c / (a * b)) == pytest.approx(expected, abs=5.1e-5)
    assert HyperboloidLaw(b, a, c, math.inf).G_infinite() == pytest.approx(throat.G_infinite(), rel=1e-12)


@pytest.mark.parametrize("row", references.load("throat_flat")["rows"], ids=lambda row: f"a/c={row[0]}")
def test_flat_ends_lie_between_the_confocal_ones_and_below_rayleighs_bound(row):
    ratio, *expected = row
    for half, flat in zip(references.load("throat_flat")["L_over_c"], expected, strict=True):
        throat = HyperboloidLaw(ratio, ratio, 1.0, half)
        low, high = throat.bounds_flat()
        slender = tube.tube(lambda z: ratio * np.sqrt(1.0 + z * z), -half, half)
        assert low < flat * throat.G_printed()
        assert flat * throat.G_printed() < high or ratio > 2  # equipotential ends keep it, even flux does not
        assert slender.lower == pytest.approx(throat.G_printed(), rel=1e-9)
        assert slender.lower < flat * slender.lower <= slender.upper * (1 + 5e-6)
        if slender.valid(0.02):
            # fourth order in the slope, and what the ends add
            assert slender.upper / slender.lower == pytest.approx(flat, abs=5e-4)


@pytest.mark.parametrize("row", references.rows("throat_voltage"), ids=lambda row: f"c={row['c']}-a={row['a']}")
def test_voltages_of_the_paper_s_throats(row):
    throat = HyperboloidLaw(row["a"] * 1e-9, row["a"] * 1e-9, row["c"] * 1e-9, 500e-9)
    exact = next(r for r in references.rows("hyperboloid") if (r["c"], r["a"]) == (row["c"], row["a"]))
    assert throat.G_printed() * 1e-6 == pytest.approx(exact["law"], rel=1e-6)
    low, high = throat.bounds_flat()
    assert low * 1e-6 < exact["mean"] < high * 1e-6
    for current in (10, 50):
        I = current * 1e-12 / OLD_F
        printed = throat.voltage(I, D, C, V_T, printed=True) * 1e3
        assert printed == pytest.approx(row[f"printed_{current}"], abs=6e-6)
        for place in ("centre", "rim"):
            found = binary().voltage(I, exact[place] * 1e6) * 1e3
            assert found == pytest.approx(row[f"{place}_{current}"], abs=1.1e-5)


def test_limits_of_the_throat():
    assert HyperboloidLaw(2.0, 2.0, 0.0, math.inf).G_infinite() == pytest.approx(0.25, rel=1e-14)  # Hall: 1/(2a)
    assert HyperboloidLaw(2.0, 2.0, 0.0, 1.0).G_printed() == 0.0
    thin = HyperboloidLaw(1e-3, 1e-3, 1.0, 5.0)
    assert thin.G() == pytest.approx(thin.G_printed(), rel=3e-7)
    assert thin.G() / thin.G_printed() - 1 < 1.01 * thin.leading_error()
    long = HyperboloidLaw(0.1, 0.1, 1.0, math.inf)
    assert long.G() / long.G_printed() - 1 == pytest.approx(long.leading_error(), rel=0.01)
    straight = HyperboloidLaw(1.0, 1.0, 1e4, 5.0)
    assert straight.G() == pytest.approx(tube.cylinder(10.0, 1.0), rel=1e-6)
    assert straight.printed_valid()
    assert not HyperboloidLaw(1.0, 1.0, 1.0, 5.0).printed_valid()


@given(st.floats(0.2, 3.0), st.floats(0.1, 2.0), st.floats(0.2, 10.0))
def test_a_nearly_circular_throat_is_circular_and_has_its_closed_form(a, c, half):
    k = math.hypot(a, c)
    closed = math.atan(half / k) * (k + c) / (math.pi * a * a)
    assert HyperboloidLaw(a, a, c, half).G() == pytest.approx(closed, rel=1e-11)
    assert HyperboloidLaw(a, a * (1 + 1e-7), c, half).G() == pytest.approx(closed, rel=1e-6)


@given(st.floats(0.3, 2.0), st.floats(0.3, 2.0), st.floats(1e-3, 2.0))
def test_the_one_dimensional_G_is_a_lower_bound(a, b, c):
    throat = HyperboloidLaw(a, b, c, 3.0)
    # flat ends through the farthest points of the confocal ones give more than these
    assert throat.bounds_flat()[1] > throat.G_printed()


@pytest.mark.parametrize(("a", "b", "c"), [(1.0, 1.0, 1.0), (0.5, 1.5, 0.8), (1.5, 0.5, 0.8)])
def test_G_is_harmonic_meets_the_wall_and_carries_unit_flux(a, b, c):
    throat, h = HyperboloidLaw(a, b, c, 4.0), 2e-3
    x, y, z = 0.2 * b, 0.3 * a, 0.7
    steps = [np.array(step) * h for step in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
    middle = throat.G_at(x, y, z)
    laplacian = (
        sum(
            throat.G_at(x + s[0], y + s[1], z + s[2]) + throat.G_at(x - s[0], y - s[1], z - s[2]) - 2 * middle
            for s in steps
        )
        / h**2
    )
    assert abs(laplacian) < 1e-5
    nodes, weights = np.polynomial.legendre.leggauss(40)
    s, angle = 0.5 * (1 + nodes)[:, None], 2 * np.pi * np.arange(64) / 64
    for height in (0.0, 0.7, -2.0):
        grow = math.sqrt(1 + (height / c) ** 2)
        X, Y = b * grow * s * np.cos(angle), a * grow * s * np.sin(angle)
        slope = (throat.G_at(X, Y, height + h) - throat.G_at(X, Y, height - h)) / (2 * h)
        flux = np.sum(0.5 * weights[:, None] * s * slope) * a * b * grow**2 * 2 * np.pi / 64
        assert flux == pytest.approx(1.0, rel=1e-4)
    assert throat.G_at(0.0, 0.0, 4.0) == pytest.approx(throat.G(), rel=1e-12)
    # no flux through the wall: along its normal G does not change
    height, point = 0.7, np.array([0.0, a * math.sqrt(1 + (0.7 / c) ** 2), 0.7])
    normal = np.array([0.0, point[1] / a**2, -height / c**2])
    inner = point - 1e-4 * normal / np.linalg.norm(normal)
    assert throat.G_at(*inner) - throat.G_at(*point) == pytest.approx(0.0, abs=1e-7)


# --- cones and tubes


def test_cones():
    bounds, exact = tube.cone(1.0, 0.10, 0.05), tube.cone_between_spheres(1.0, 0.10, 0.05)
    assert bounds.lower < exact < bounds.upper
    assert exact / bounds.lower - 1 == pytest.approx(0.5 * bounds.leading_error, rel=2e-3)
    by_quadrature = tube.tube(lambda z: 0.10 - 0.05 * z, 0.0, 1.0)
    assert (by_quadrature.lower, by_quadrature.upper) == pytest.approx((bounds.lower, bounds.upper), rel=1e-9)
    assert bounds.valid()
    assert not tube.cone(1.0, 0.5, 0.1).valid()
    assert tube.cone_between_spheres(1.0, 0.1, 0.1) == tube.cylinder(1.0, 0.1) == tube.cone(1.0, 0.1, 0.1).upper
    assert tube.cone_between_spheres(1.0, 0.1, 0.1 + 1e-7) == pytest.approx(tube.cylinder(1.0, 0.1), rel=2e-6)
    wide = tube.tube(lambda z: 1 + 0.1 * np.sin(z), 0.0, 3.0, lambda z: 0.1 * np.cos(z))
    assert wide.lower == pytest.approx(tube.tube_of_area(lambda z: math.pi * (1 + 0.1 * math.sin(z)) ** 2, 0.0, 3.0))
    assert wide.upper == pytest.approx(tube.tube(lambda z: 1 + 0.1 * np.sin(z), 0.0, 3.0).upper, rel=1e-10)
    assert tube.shell(1.0, 1.0 + 1e-6) == pytest.approx(1e-6 / (4 * math.pi), rel=1e-5)


# --- the electroneutral law


def test_the_cylinder_laws_are_special_cases():
    cylinder = CylinderLaw(1e-6, 1e-7, D, 12.0, C, V_T)
    law = ElectroneutralLaw((1, 1, -1), (12.0, 155.0, C), 0, D, V_T)
    G, I = tube.cylinder(1e-6, 1e-7), np.linspace(-7.4e-12, 2e-10, 9)
    assert law.voltage(I, G) == pytest.approx(cylinder.voltage(I), rel=1e-12, abs=1e-18)
    assert law.limiting_current(G) == pytest.approx(cylinder.limiting_current(), rel=1e-12)
    assert law.ohmic_resistance(G) == pytest.approx(cylinder.ohmic_resistance(), rel=1e-12)
    found = law.concentrations_at(law.voltage(I, G) / V_T)
    assert found == pytest.approx(np.array(cylinder.concentrations(I)), rel=1e-11, abs=1e-9)
    length = debye_layer.screening_length(law.strength(law.voltage(I, G) / V_T), EPS, V_T)
    drop = debye_layer.injector_drop(law.injector_slope(I, G, math.pi * 1e-14), length, V_T)
    assert drop == pytest.approx(cylinder.layer_drop(I), rel=1e-10)
    assert math.isnan(law.voltage(1.001 * law.limiting_current(G), G))
    assert law.valid(I, G, 1e-7, EPS)
    assert not law.valid(I, G, 1e-9, EPS)
    assert not law.valid(-1e-11, G, 1e-7, EPS)
    # eq. (12) as printed beyond the limit (facts pnp B3)
    assert cylinder.concentrations(-20e-12)[0] == pytest.approx(-21.5, abs=0.05)


def test_voltages_of_the_spine_from_its_G():
    data = references.load("spine_voltage")
    for G, steady, initial in data["rows"] + data["other_necks"]:
        assert binary().voltage(50e-12, G * 1e6) * 1e3 == pytest.approx(steady, abs=1e-4)
        assert binary().initial_voltage(50e-12, G * 1e6, (D, D)) * 1e3 == pytest.approx(initial, abs=2e-4)


def test_the_layer_at_the_cap_of_the_spine():
    data, law, area = references.load("spine_voltage"), binary(), math.pi * 1e-16
    G = data["cap_mean"] * 1e6
    slope = law.injector_slope(50e-12, G, area)
    length = debye_layer.screening_length(law.strength(law.voltage(50e-12, G) / V_T), EPS, V_T)
    assert debye_layer.injector_drop(slope, length, V_T) * 1e3 == pytest.approx(data["cap_layer_mV"], abs=5e-3)
    assert debye_layer.valid(slope, length, 10e-9)
    assert not debye_layer.valid(slope, length, 1e-9)


@st.composite
def laws(draw):
    """A neutral bulk of two to five species with any charges, one of them injected, with or without fixed charge."""
    valences = draw(st.lists(st.integers(-3, 3), min_size=1, max_size=4))
    valences = [draw(st.sampled_from((-3, -2, -1, 1, 2, 3))), *valences]
    concentrations = [draw(st.floats(1.0, 200.0)) for _ in valences]
    charge = sum(z * c for z, c in zip(valences, concentrations, strict=True))
    if draw(st.booleans()):
        return ElectroneutralLaw(tuple(valences), tuple(concentrations), 0, D, V_T, fixed_charge=-charge)
    assume(abs(charge) > 0.1)
    valences.append(-1 if charge > 0 else 1)
    concentrations.append(abs(charge))
    return ElectroneutralLaw(tuple(valences), tuple(concentrations), 0, D, V_T)


@given(laws(), st.floats(-3.0, 3.0))
def test_any_ions_are_neutral_and_the_inverse_is_one(law, u):
    limit = law.depletion()[0]
    assume(u * law.valences[0] > 0 or abs(u) < 0.99 * abs(limit))
    c = law.concentrations_at(u)
    scale = np.abs(law.valences) @ np.abs(c) + abs(law.fixed_charge)
    assert abs(np.dot(law.valences, c) + law.fixed_charge) < 1e-12 * scale
    assert c[0] > -1e-9 * scale
    assert np.all(c[1:] >= 0.0)
    assert law.scaled_potential(law.phi(u)) == pytest.approx(u, rel=1e-7, abs=1e-9)
    # z_k dPhi/du = sum z^2 c
    slope = (law.phi(u + 1e-5) - law.phi(u - 1e-5)) / 2e-5
    assert law.valences[0] * slope == pytest.approx(law.strength(u), rel=1e-6)
    assert law.current(u * V_T, 1e7) == pytest.approx(
        law.valences[0] * FARADAY * D * law.phi(u) / 1e7, rel=1e-12, abs=1e-30
    )


@given(laws())
def test_any_voltage_rises_with_the_current_up_to_the_limit(law):
    G, limit = 3e7, law.limiting_current(3e7)
    outward = 0.999 * limit if math.isfinite(limit) else -math.copysign(1e-10, law.valences[0])
    inward = math.copysign(2e-10, law.valences[0])
    V = law.voltage(np.linspace(outward, inward, 12), G) * np.sign(inward)
    assert np.all(np.isfinite(V))
    assert np.all(np.diff(V) > 0.0)
    if math.isfinite(limit) and limit != 0.0:
        assert math.isnan(law.voltage(1.001 * limit, G))
    small = 1e-6 * inward
    assert law.voltage(small, G) == pytest.approx(small * law.ohmic_resistance(G), rel=1e-3)


@given(laws(), st.floats(0.05, 0.95))
def test_any_flux_along_a_neck_is_that_of_the_injected_species_alone(law, x):
    """Nernst-Planck by differences: D_k (c' + z c u') is even for species k and zero for the others."""
    limit = law.depletion()[1]
    end = 50.0 if not math.isfinite(limit) or limit == 0.0 else -0.5 * limit
    u = law.scaled_potential(end * np.array([x - 1e-5, x, x + 1e-5]))
    c = law.concentrations_at(u)
    slope = (c[:, 2] - c[:, 0] + np.array(law.valences) * c[:, 1] * (u[2] - u[0])) / 2e-5
    scale = np.abs(end) + np.abs(law.concentrations_at(0.0)).sum()
    assert slope[0] == pytest.approx(end, abs=1e-6 * scale)
    assert slope[1:] == pytest.approx(0.0, abs=1e-6 * scale)


def test_bulks_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="not neutral"):
        ElectroneutralLaw((1, -1), (100.0, 90.0), 0, D, V_T)
    with pytest.raises(ValueError, match="no charge"):
        ElectroneutralLaw((0, 1, -1), (1.0, 90.0, 90.0), 0, D, V_T)


def test_limits_that_do_not_exist():
    held = ElectroneutralLaw((1, -1), (167.0, 100.0), 0, D, V_T, fixed_charge=-67.0)
    assert held.limiting_current(1e7) == -math.inf
    assert binary().depletion() == pytest.approx((-math.inf, -2.0 * C))
