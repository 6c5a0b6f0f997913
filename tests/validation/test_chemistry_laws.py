"""Laws of chemistry: facts recomputed, integrators beside closed forms, limits of the laws, and what they refuse."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_bvp, solve_ivp

from spinepnp.units import FARADAY
from spinepnp.validation.laws import (
    BufferedTube,
    RemovalLaw,
    binding,
    binding_equilibrium,
    conservation_laws,
    equilibrium,
    nanodomain,
    rapid_buffer_diffusivity,
)
from spinepnp.validation.laws.buffers import buffer_capacity, excess_buffer_range
from spinepnp.validation.laws.stoichiometry import null_space
from spinepnp.validation.reference import table as references

#: Binding of calcium: k_on, m^3/(mol s), and k_off, 1/s.
K_ON, K_OFF = 1e5, 10.0

#: Neck: length (m) and cross-section (m^2).
LENGTH, AREA = 1e-6, math.pi * 1e-14

#: Diffusivity of calcium in the cytosol, m^2/s.
D = 220e-12

FACTS = references.load("chemistry")


def flux(current):
    """Flux of calcium into the neck by a current, mol/(m^2 s)."""
    return current / (2.0 * FARADAY * AREA)


def tube(current=1e-15, **changed):
    given = {"buffer_diffusivity": 50e-12, "calcium": 1e-4, "total": 0.1, "forward": K_ON, "backward": K_OFF}
    return BufferedTube(LENGTH, D, flux=flux(current), **(given | changed))


# --- binding


def test_the_equilibrium_of_a_binding():
    c = binding_equilibrium(0.01, 0.1, K_OFF / K_ON)
    assert 1e3 * c == pytest.approx(FACTS["binding_uM"], abs=FACTS["uncertainty"])
    assert (0.01 - c) * (0.1 - c) / c == pytest.approx(K_OFF / K_ON, rel=1e-11)  # a0 - c loses three digits


def test_a_trace_that_binds_among_salt_is_exact():
    """The textbook form of the root would lose eleven digits of 1e-9 mM beside 150 mM."""
    assert binding_equilibrium(1e-9, 150.0, 50.0) == pytest.approx(1e-9 * 150.0 / 200.0, rel=1e-10)
    assert binding_equilibrium(0.0, 0.0, 0.0) == 0.0


def test_the_kinetics_of_a_binding():
    assert 1e3 * binding(1e-4, 0.01, 0.1, K_ON) == pytest.approx(FACTS["irreversible_uM"], abs=FACTS["uncertainty"])
    even, uneven = (binding(1e-3, 0.05, b, K_ON) for b in (0.05, 0.05 * (1.0 + 1e-12)))
    assert even == pytest.approx(0.05 * (1.0 - 1.0 / 6.0), rel=1e-14)  # 1/a - 1/a0 = k t
    assert uneven == pytest.approx(even, rel=1e-11)


def test_the_kinetics_of_both_directions_by_an_integrator():
    times = np.array([1e-5, 1e-4, 1e-3, 1.0])
    found = solve_ivp(
        lambda t, c: K_ON * (0.01 - c) * (0.1 - c) - 2e3 * c,
        (0.0, 1.0), [0.0], "Radau", times, rtol=1e-11, atol=1e-16,
    )  # fmt: skip
    assert binding(times, 0.01, 0.1, K_ON, 2e3) == pytest.approx(found.y[0], rel=1e-8)
    assert binding(1e9, 0.01, 0.1, K_ON, 2e3) == pytest.approx(binding_equilibrium(0.01, 0.1, 2e3 / K_ON), rel=1e-13)


# --- networks


def network(*reactions):
    return np.array(reactions).T


def test_totals_of_calcium_and_of_two_buffers():
    """Ca + B <-> CaB, Ca + D <-> CaD, of Ca, B, CaB, D, CaD."""
    laws = conservation_laws(network([-1, -1, 1, 0, 0], [-1, 0, 0, -1, 1]))
    assert laws.tolist() == [[0, 1, 1, 0, 0], [0, 0, 0, 1, 1], [1, 0, 1, 0, 1]]


@pytest.mark.parametrize(
    ("reactions", "laws"),
    [
        ([[-2, 1]], [[1, 2]]),  # 2 A <-> A2
        ([[-2, -1, 1]], [[0, 1, 1], [1, 0, 2]]),  # 2 Ca + B <-> Ca2B
        ([[-1, 0], [0, 1]], []),  # removal, and supply
        ([[-1, 1, 0], [0, -1, 1], [1, 0, -1]], [[1, 1, 1]]),  # a cycle
        ([[1, 1]], [[-1, 1]]),  # a supply of pairs: no total is positive
    ],
)
def test_totals_of_small_networks(reactions, laws):
    assert conservation_laws(network(*reactions)).tolist() == laws


def test_totals_of_random_networks_span_the_null_space():
    rng = np.random.default_rng(28)
    for _ in range(20):
        N = rng.integers(-2, 3, (6, 3))
        laws = conservation_laws(N)
        assert not (laws @ N).any()
        assert len(laws) == len(null_space(N)) == 6 - np.linalg.matrix_rank(N)
        assert np.linalg.matrix_rank(laws) == len(laws)


def test_a_network_in_equilibrium_keeps_traces_beside_salt():
    """Calmodulin's way of two calcium one after the other, a fast dye, and 150 mM that take no part."""
    N = network([-1, -1, 1, 0, 0, 0, 0], [-1, 0, -1, 1, 0, 0, 0], [-1, 0, 0, 0, -1, 1, 0])
    K = np.array([1e2, 4e3, 1e4])
    start = np.array([1e-6, 0.1, 0.0, 1e-5, 2e-4, 0.0, 150.0])
    c = equilibrium(N, K, start)
    assert np.prod(c[:, None] ** N, axis=0) == pytest.approx(K, rel=1e-13)
    laws = conservation_laws(N)
    assert laws @ c == pytest.approx(laws @ start, rel=1e-13)
    assert c[-1] == pytest.approx(150.0, rel=1e-14)
    z = np.array([2, -2, 0, 2, -3, -1, 1])
    assert not (z @ N).any()
    assert z @ c == pytest.approx(z @ start, rel=1e-14)


def test_a_network_of_one_binding_is_the_quadratic():
    c = equilibrium([[-1], [-1], [1]], [K_ON / K_OFF], [0.01, 0.1, 0.0])
    assert c[2] == pytest.approx(binding_equilibrium(0.01, 0.1, K_OFF / K_ON), rel=1e-13)


def test_species_of_an_empty_total_stay_away():
    c = equilibrium(network([-1, -1, 1, 0, 0], [-1, 0, 0, -1, 1]), [1e4, 1e3], [0.01, 0.1, 0.0, 0.0, 0.0])
    assert c[:3] == pytest.approx(equilibrium([[-1], [-1], [1]], [1e4], [0.01, 0.1, 0.0]), rel=1e-13)
    assert c[3:].tolist() == [0.0, 0.0]


def test_constants_around_a_cycle():
    cycle = network([-1, 1, 0], [0, -1, 1], [1, 0, -1])
    assert equilibrium(cycle, [2.0, 3.0, 1.0 / 6.0], [1.0, 0.0, 0.0]) == pytest.approx([1 / 9, 2 / 9, 6 / 9])
    with pytest.raises(ValueError, match="cycle"):
        equilibrium(cycle, [2.0, 3.0, 1.0], [1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="one direction"):
        equilibrium([[-1], [1]], [math.inf], [1.0, 0.0])


# --- tubes and channels


def test_removal_in_a_tube():
    law = RemovalLaw(LENGTH, AREA, D, 1e3, 2, 1e-15)
    assert 1e3 * law.concentration(LENGTH) == pytest.approx(FACTS["removal_uM"], abs=FACTS["uncertainty"])
    x, h = np.linspace(0.0, LENGTH, 5), 1e-9
    c = law.concentration(x)
    bent = (law.concentration(x + h) - 2.0 * c + law.concentration(x - h)) / h**2
    assert D * bent == pytest.approx(1e3 * c, rel=1e-4, abs=1e-9)
    out = D * law.concentration(1e-12) / 1e-12
    assert out / flux(1e-15) == pytest.approx(law.leaving, rel=1e-9)
    held = RemovalLaw(LENGTH, AREA, D, 1e3, 2, 1e-15, base=2e-4)
    assert held.concentration(x) - c == pytest.approx(
        2e-4 * np.cosh((LENGTH - x) / law.range) / np.cosh(LENGTH / law.range)
    )
    product_out = D * law.product(1e-12, D) / 1e-12
    assert (out + product_out) / flux(1e-15) == pytest.approx(1.0, rel=1e-9)


def test_a_channel_with_and_without_a_buffer():
    r = np.array([10e-9, 20e-9, 50e-9])
    assert 1e3 * nanodomain(r, 1e-13, 2, D) == pytest.approx(FACTS["hemisphere_uM"], abs=FACTS["uncertainty"])
    reach = excess_buffer_range(D, K_ON, 0.1)
    assert 1e9 * reach == pytest.approx(FACTS["range_nm"], abs=FACTS["uncertainty"])
    point = nanodomain(r, 1e-13, 2, D) * np.exp(-r / reach)
    assert nanodomain(r, 1e-13, 2, D, reach) == pytest.approx(point, rel=1e-14)


def test_the_limits_of_a_channel_in_a_shell():
    r, given = np.array([10e-9, 20e-9, 50e-9]), (1e-13, 2, D)
    shell = {"mouth": 5e-9, "solid_angle": 4.0 * math.pi}
    far, endless = (nanodomain(r, *given, 1e-7, edge=R, **shell) for R in (9e-6, math.inf))
    assert far == pytest.approx(endless, rel=1e-13)
    weak, none = (nanodomain(r, *given, reach, edge=1e-6, **shell) for reach in (1e-2, math.inf))
    assert weak == pytest.approx(none, rel=1e-8)
    assert nanodomain(1e-6, *given, 1e-7, edge=1e-6, **shell) == 0.0


def test_a_channel_in_a_shell_by_collocation():
    """D (r^2 c')' = k r^2 c, with the flux at 5 nm and none of the rise at 500 nm."""
    a, R, rate = 5e-9, 500e-9, K_ON * 0.1
    J = 1e-13 / (2.0 * FARADAY * 4.0 * math.pi * a**2)
    s = np.geomspace(1.0, R / a, 80)
    found = solve_bvp(
        lambda s, y: np.array([y[1], rate * a**2 / D * y[0] - 2.0 / s * y[1]]),
        lambda left, right: np.array([left[1] + J * a / D, right[0]]),
        s, np.zeros((2, len(s))), tol=1e-8,
    )  # fmt: skip
    law = nanodomain(a * s, 1e-13, 2, D, excess_buffer_range(D, K_ON, 0.1), a, R, 4.0 * math.pi)
    assert found.sol(s)[0] == pytest.approx(law, rel=1e-6, abs=1e-7 * law[0])


def test_a_rapid_buffer_slows_calcium():
    kappa = buffer_capacity(1e-4, 0.1, K_OFF / K_ON)
    assert kappa == pytest.approx(250.0)
    assert rapid_buffer_diffusivity(kappa, D, 50e-12) == pytest.approx(FACTS["D_eff_um2_per_s"] * 1e-12, rel=1e-9)
    assert rapid_buffer_diffusivity(0.0, D, 50e-12) == D


def test_a_buffered_tube_by_collocation():
    """The whole boundary-value problem at two currents: the linear law to second order, the rapid one beyond both."""
    x = np.linspace(0.0, 1.0, 41)
    errors = []
    for current in (1e-16, 1e-15):
        law = tube(current)

        def slopes(s, y, law=law):
            r = LENGTH**2 * (K_ON * y[0] * (law.total - law.bound - (y[2] - law.bound)) - K_OFF * y[2])
            return np.array([y[1], r / D, y[3], -r / law.buffer_diffusivity])

        def ends(left, right, law=law):
            return np.array([left[0] - 1e-4, left[2] - law.bound, right[1] - law.flux * LENGTH / D, right[3]])

        start = np.vstack([np.full(41, 1e-4), np.zeros(41), np.full(41, law.bound), np.zeros(41)])
        y = solve_bvp(slopes, ends, x, start, tol=1e-9).sol(x)
        rise = y[0] - 1e-4
        errors.append(np.max(np.abs(law.linear(LENGTH * x)[0] / 1e-4 - rise / 1e-4)) / np.max(rise / 1e-4))
        total = D * y[0] + law.buffer_diffusivity * y[2]
        assert np.diff(total) == pytest.approx(law.flux * LENGTH / 40.0, rel=1e-5)
    assert errors[0] == pytest.approx(0.1 * errors[1], rel=0.1)  # relative to the rise: of first order


def test_the_limits_of_a_buffered_tube():
    x = np.linspace(0.0, LENGTH, 5)
    far = x < 0.9 * LENGTH
    fast = tube(1e-14, forward=1e6 * K_ON, backward=1e6 * K_OFF)
    weak = tube(1e-20, forward=1e6 * K_ON, backward=1e6 * K_OFF)
    assert (weak.rapid(x) - 1e-4)[far] == pytest.approx(weak.linear(x)[0][far], rel=1e-6, abs=1e-18)
    immobile = tube(1e-14, buffer_diffusivity=0.0)
    assert immobile.rapid(x) == pytest.approx(1e-4 + immobile.flux * x / D, rel=1e-14)
    assert immobile.linear(x)[0] == pytest.approx(immobile.flux * x / D, rel=1e-14)
    K, both = fast.dissociation, 50e-12 * fast.total
    held = D * fast.rapid(x) + both * fast.rapid(x) / (K + fast.rapid(x))
    assert held - held[0] == pytest.approx(fast.flux * x, rel=1e-11, abs=1e-22)
    mobile = tube(1e-20, buffer_diffusivity=1e-5)
    removal = RemovalLaw(LENGTH, AREA, D, K_ON * (0.1 - mobile.bound), 2, 1e-20)
    assert mobile.linear(x)[0] == pytest.approx(removal.concentration(x), rel=1e-5, abs=1e-18)
