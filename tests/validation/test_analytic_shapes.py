"""Laws of G for shapes: a sphere in a tube, bands of a neck's wall, any smooth body of revolution."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import iv, jn_zeros

from spinepnp.geometries import Cylinder, Tube
from spinepnp.meshes import MeshOptions
from spinepnp.validation.laws import ObstacleLaw, RingsLaw, smooth_tube, tube
from spinepnp.validation.laws.rings import _sum_rule
from spinepnp.validation.reference import table as references
from support.cases import spine
from support.measures import UnitFlux

# --- a sphere on the axis of a tube


@pytest.mark.parametrize(("ratio", "expected", "uncertainty"), references.load("obstacle_tube")["rows"])
def test_the_sphere_of_the_table(ratio, expected, uncertainty):
    assert ObstacleLaw(1.0, ratio).extra_length() == pytest.approx(expected, abs=uncertainty)


@pytest.mark.parametrize(("ratio", "tolerance"), [(0.6, 5e-6), (0.9, 1e-6)])
def test_a_sphere_by_finite_elements(ratio, tolerance):
    obstacle = {"shape": "sphere", "centre": ["0 nm", "0 nm", "500 nm"], "radius": f"{100 * ratio} nm"}
    shape = Cylinder(length="1 um", radius="100 nm", dimension="axisymmetric", obstacle=obstacle)
    law = ObstacleLaw(100e-9, ratio * 100e-9)
    found = UnitFlux(shape, MeshOptions(size="5 nm")).mean("top", "top") * 1e6
    assert law.valid(500e-9, 1e-14)
    extra = found * math.pi * 1e-14 - 1e-6
    assert extra == pytest.approx(law.extra_length(), rel=tolerance)
    assert found == pytest.approx(law.G(1e-6), rel=5e-7)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.7, 0.9, 0.95])
def test_multipoles_converge_geometrically_and_from_below(ratio):
    law = ObstacleLaw(1.0, ratio)
    enough = law.extra_length(2 * law.multipoles())
    assert law.extra_length() == pytest.approx(enough, rel=1e-13)
    errors = np.array([1.0 - law.extra_length(n) / enough for n in range(1, law.multipoles() // 3)])
    errors = errors[errors > 1e-13]
    assert np.all(np.diff(errors) < 0.0)
    # every multipole more gains (s/a)^4, after the first few even more
    assert np.all(errors[1:] < 1.2 * ratio**4 * errors[:-1])
    assert np.all(errors < ratio ** (4 * np.arange(1, len(errors) + 1)))


@given(st.just(0.0) | st.floats(1e-90, 0.95))  # the cubes of smaller ones have no full digits
def test_a_sphere_lies_above_its_bounds(ratio):
    law = ObstacleLaw(2.0, 2.0 * ratio)
    s = ratio**3
    assert law.shortest_length() <= law.extra_length()
    assert law.leading_length() <= law.extra_length()
    # the terms after the dipole's own add at most as much as they do at contact
    dipole = references.load("obstacle_tube")["dipole"]
    assert law.extra_length() >= law.leading_length() / (1.0 - dipole * s) * (1.0 - 1e-6)
    assert law.extra_length() == pytest.approx(2.0 * ObstacleLaw(1.0, ratio).extra_length(), rel=1e-14)


def test_limits_of_a_sphere():
    data, law = references.load("obstacle_tube"), ObstacleLaw(1.0, 0.1)
    dipole = (1.0 - law.leading_length() / law.extra_length(1)) / 1e-3
    assert dipole == pytest.approx(data["dipole"], abs=5e-5)
    assert dipole == pytest.approx(0.8, abs=data["dipole_uncertainty"])
    assert ObstacleLaw(1.0, 0.0).extra_length() == 0.0
    assert ObstacleLaw(1.0, 1e-3).extra_length() == pytest.approx(2e-9, rel=1e-8)
    for ratio in (0.009999, 0.010001, 0.5):  # the series and the closed form
        s = ratio**2
        plane = quad(lambda z, s=s: (s - z * z) / (1.0 - s + z * z), -ratio, ratio, epsabs=0.0, epsrel=1e-12)[0]
        assert ObstacleLaw(1.0, ratio).shortest_length() == pytest.approx(plane, rel=1e-9)
    # near contact the gap holds all the resistance, pi/sqrt(2 gap) of a thin annulus
    assert ObstacleLaw(1.0, 0.99).shortest_length() / ObstacleLaw(1.0, 0.99).extra_length() > 0.96
    assert not ObstacleLaw(1.0, 0.5).valid(0.4)
    assert ObstacleLaw(1.0, 0.5).valid(1.0)


def test_spheres_that_do_not_fit_are_refused():
    for radius, sphere in ((0.0, 0.0), (1.0, -0.1), (1.0, 1.0), (1.0, math.nan)):
        with pytest.raises(ValueError, match="radius"):
            ObstacleLaw(radius, sphere)
    with pytest.raises(ValueError, match="multipole"):
        ObstacleLaw(1.0, 0.5).extra_length(0)


# --- bands of the wall of a neck

NECK = RingsLaw(0.1)
BANDS = st.tuples(st.floats(0.0, 1.0), st.floats(1e-3, 1.0)).map(lambda b: (b[0], b[0] + b[1]))


@pytest.mark.parametrize("row", references.rows("neck_rings"), ids=lambda r: f"{r['low']}-{r['other_low']}")
def test_the_bands_of_the_table(row):
    found = NECK.mean((row["low"], row["high"]), (row["other_low"], row["other_high"]))
    assert found == pytest.approx(row["G"], rel=references.load("neck_rings")["uncertainty"])


def test_the_neck_base_of_the_spine_s_ring_matrix():
    data, base = references.load("spine_rings"), (0.05, 0.15)
    *others, own = data["G"][data["bands"].index("neck_base")]
    assert NECK.mean(base, base) == pytest.approx(own, rel=data["uncertainty"])
    assert others == pytest.approx(4 * [NECK.far(base)], abs=1e-5)
    assert NECK.mean(base, (0.9, 1.0)) == pytest.approx(NECK.far(base), rel=1e-12)


def test_bands_by_finite_elements():
    bands = [(0.05, 0.15), (0.4, 0.5)]
    rings = [{"name": f"b{i}", "z": [f"{low} um", f"{high} um"]} for i, (low, high) in enumerate(bands)]
    G = UnitFlux(spine(100, rings=rings), MeshOptions(size="10 nm"))
    found = np.array([[G.mean(f"b{j}", f"b{i}") for j in range(2)] for i in range(2)])
    assert found == pytest.approx(NECK.matrix(bands), rel=3e-5)
    assert found[0, 1] == pytest.approx(NECK.mean(*bands), rel=1e-9)
    assert [G.mean(f"b{i}", "cap") for i in range(2)] == pytest.approx([NECK.far(b) for b in bands], rel=1e-9)


def test_the_sum_over_zeros():
    x, weights = _sum_rule()
    assert weights @ x**-2 == pytest.approx(1.0 / 8.0, rel=1e-13)  # Rayleigh
    assert weights @ x**-4 == pytest.approx(1.0 / 192.0, rel=1e-13)
    zeros = jn_zeros(1, 50000)
    for y in (1e-3, 1e-2, 0.1, 1.0):
        assert weights @ (np.exp(-x * y) / x) == pytest.approx(np.sum(np.exp(-zeros * y) / zeros), rel=1e-11)


def test_means_of_bands_are_those_of_their_rings():
    """By quadrature, with cut points where G of a ring is logarithmic."""
    for first, second in (((0.05, 0.15), (0.05, 0.15)), ((0.05, 0.15), (0.1, 0.25)), ((0.0, 0.1), (0.02, 0.05))):
        low, high = first
        cuts = [low, *(cut for cut in second if low < cut < high), high]
        found = sum(
            quad(lambda z, second=second: NECK.mean((z, z), second), p, q, epsabs=0.0, epsrel=1e-11)[0]
            for p, q in itertools.pairwise(cuts)
        )
        assert NECK.mean(first, second) == pytest.approx(found / (high - low), rel=1e-10)


def test_rings_by_their_modes():
    nodes, weights = np.polynomial.legendre.leggauss(24)
    z, y = 0.1 + 0.02 * nodes, 0.2 + 0.05 * nodes
    k = jn_zeros(1, 60)[:, None, None] / 0.1
    near = ((np.exp(-k * abs(z[:, None] - y)) - np.exp(-k * (z[:, None] + y))) / (2.0 * k)).sum(axis=0)
    expected = (0.1 + 0.25 * weights @ near @ weights) / (math.pi * 0.01)
    assert NECK.mean((0.08, 0.12), (0.15, 0.25)) == pytest.approx(expected, rel=1e-12)


@given(BANDS, BANDS, st.floats(0.01, 0.99))
@example(first=(1e-05, 0.00101), second=(0.0, 0.001), share=0.01)  # a series was cut off too early
def test_bands_are_symmetric_and_add_up(first, second, share):
    G = NECK.mean(first, second)
    assert pytest.approx(NECK.mean(second, first), rel=1e-13) == G
    cut = first[0] + share * (first[1] - first[0])
    share = (cut - first[0]) / (first[1] - first[0])
    parts = share * NECK.mean((first[0], cut), second) + (1.0 - share) * NECK.mean((cut, first[1]), second)
    assert parts == pytest.approx(G, rel=1e-11)
    assert G > 0.0
    assert RingsLaw(0.2).mean((2 * first[0], 2 * first[1]), (2 * second[0], 2 * second[1])) == pytest.approx(
        0.5 * G, rel=1e-12
    )
    if second[0] > first[1] + 0.8:
        assert pytest.approx(NECK.far(first), rel=1e-12) == G


def test_narrow_bands_are_logarithmic():
    """Like a line source on a wall that is flat nearby: -ln(distance)/(2 pi a pi)."""
    found = [NECK.mean((0.1, 0.1 + w), (0.1, 0.1 + w)) for w in (1e-5, 1e-7)]
    assert found[1] - found[0] == pytest.approx(math.log(100.0) / (2.0 * math.pi**2 * 0.1), rel=1e-3)
    touching = NECK.mean((0.1, 0.1), (0.1, 0.2))
    assert touching == pytest.approx(NECK.mean((0.1, 0.1 + 1e-9), (0.1, 0.2)), rel=1e-6)
    assert NECK.valid((0.1, 0.2), 0.4)
    assert not NECK.valid((0.1, 0.2), 0.21)


def test_bands_that_make_no_sense_are_refused():
    for band in ((-0.1, 0.1), (0.2, 0.1), (0.1, math.inf), (0.1, math.nan)):
        with pytest.raises(ValueError, match="band"):
            NECK.mean((0.0, 0.1), band)
    with pytest.raises(ValueError, match="ring without width"):
        NECK.mean((0.1, 0.1), (0.1, 0.1))
    with pytest.raises(ValueError, match="radius"):
        RingsLaw(0.0)


# --- any smooth body of revolution


def corrugated(z):
    return 0.06 + 0.03 * np.cos(2.0 * np.pi * z / 0.5)


@pytest.mark.parametrize("length", [0.05, 1.0, 20.0])
def test_a_straight_cylinder_is_exact(length):
    found, exact = smooth_tube(lambda z: 0.1 + 0.0 * z, length), tube.cylinder(length, 0.1)
    assert [found.mean, found.upper, found.centre, found.rim] == pytest.approx(4 * [exact], rel=1e-12)


def test_a_corrugated_tube_converges_between_its_bounds():
    """Spectrally down to 1e-9, then as the singularity at the rim of the top lets it."""
    bounds, best = tube.tube(corrugated, 0.0, 1.0), smooth_tube(corrugated, 1.0, pieces=32, order=12, across=24)
    found = [
        smooth_tube(corrugated, 1.0, order=order, across=n) for order, n in ((6, 1), (6, 2), (8, 4), (8, 6), (12, 16))
    ]
    errors = np.array([best.mean / g.mean - 1.0 for g in found])
    assert bounds.lower < found[0].mean
    assert found[0].upper < bounds.upper
    assert np.all(np.diff([g.mean for g in found]) > 0.0)
    assert np.all(np.diff([g.upper for g in found]) < 0.0)
    assert all(g.mean < best.mean < best.upper < g.upper for g in found)
    assert np.all(errors < [3.1e-5, 6e-8, 8e-10, 1e-10, 2e-12])
    assert best.error < 1e-12
    assert best.centre == pytest.approx(found[-1].centre, rel=1e-8)
    assert best.rim == pytest.approx(found[-1].rim, rel=1e-7)
    slope = smooth_tube(corrugated, 1.0, slope=lambda z: -0.12 * np.pi * np.sin(2.0 * np.pi * z / 0.5))
    assert slope.mean == pytest.approx(best.mean, rel=5e-12)


def test_a_corrugated_tube_by_finite_elements():
    data, law = references.load("corrugated_tube"), smooth_tube(corrugated, 1.0)
    places = [law.mean, law.centre, law.rim]
    assert [data[name] for name in ("mean", "centre", "rim")] == pytest.approx(places, abs=data["uncertainty"])
    shape = Tube(length="1 um", profile="60 nm + 30 nm*cos(2*pi*z/(500 nm))", dimension="axisymmetric")
    G = UnitFlux(shape, MeshOptions(size="10 nm"))
    found = [G.mean("top", "top"), *G.at("top", [(0.0, 1.0 - 1e-9), (0.09 * (1.0 - 1e-9), 1.0 - 1e-9)])]
    assert found == pytest.approx(places, rel=1e-6)


@pytest.mark.parametrize("x", [0.5, 2.0, 5.0])
def test_a_faintly_corrugated_tube_by_perturbation(x):
    """r = a (1 + e cos(kz)), ends where the slope is zero: pi a^2 G/L - 1 to e^2, for every x = k a.

    G = z - e a I0(k rho) sin(kz)/I1(x) meets the wall to first order, and its flux through the top is I0's; what makes
    that even is a sum over the zeros of J1 of fields that end with the top.
    """
    length, e, zeros = 4.0 * np.pi / x, 1e-3, jn_zeros(1, 400)
    expected = x * iv(0, x) / iv(1, x) - 0.5 + 4.0 * x**4 / length * np.sum(1.0 / (zeros * (x**2 + zeros**2) ** 2))
    found = [
        smooth_tube(lambda z, b=b: 1.0 + b * np.cos(x * z), length, lambda z, b=b: -b * x * np.sin(x * z))
        for b in (e, -e)
    ]
    for values in ([g.mean for g in found], [g.upper for g in found]):
        assert (np.mean(values) * math.pi / length - 1.0) / e**2 == pytest.approx(expected, rel=4e-6)


@pytest.mark.parametrize("row", references.load("throat_flat")["rows"], ids=lambda row: f"a/c={row[0]}")
def test_flat_ended_throats_of_the_table(row):
    data, (ratio, *expected) = references.load("throat_flat"), row
    for half, flat in zip(data["L_over_c"], expected, strict=True):
        throat = smooth_tube(lambda z, half=half: ratio * np.hypot(1.0, z - half), 2.0 * half, across=16)
        one = 2.0 * math.atan(half) / (math.pi * ratio**2)
        assert throat.mean / one == pytest.approx(flat, abs=data["uncertainty"])
        assert -1e-12 < throat.error < (2e-8 if ratio < 4 else 1.5e-7)


@pytest.mark.parametrize("row", references.rows("hyperboloid"), ids=lambda row: f"c {row['c']}, a {row['a']}")
def test_places_of_the_top_of_a_throat(row):
    a, c = row["a"] * 1e-9, row["c"] * 1e-9
    found = smooth_tube(lambda z: a * np.hypot(1.0, (z - 0.5e-6) / c), 1e-6)
    expected = [row["centre"], row["mean"], row["rim"]]
    assert [x * 1e-6 for x in (found.centre, found.mean, found.rim)] == pytest.approx(expected, rel=1e-5)


def test_a_cone_in_metres_lies_between_its_bounds():
    cone = tube.cone(1e-6, 50e-9, 100e-9)
    up = smooth_tube(lambda z: 50e-9 + 50e-3 * z, 1e-6)
    assert cone.lower < up.mean < up.upper < cone.upper
    assert up.error < 1e-7


def test_tubes_that_make_no_sense_are_refused():
    for profile in (lambda z: 0.0 * z, lambda z: 0.5 - z, lambda z: 1.0 + 0.0 * z / (z - z)):
        with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="radius"):
            smooth_tube(profile, 1.0)
    for numbers in ((0, 6, 2), (2, 1, 2), (2, 6, 0)):
        with pytest.raises(ValueError, match="at least"):
            smooth_tube(lambda z: 1.0 + 0.0 * z, 1.0, None, *numbers)
