"""Currents of membrane mechanisms: derivatives, limits, and independent code of the same laws."""

import decimal
import math
from dataclasses import replace

import numpy as np
import pytest

from spinepnp.solvers.model.membrane import functions
from spinepnp.solvers.model.membrane.currents import GhkCurrent, NakPump, OhmicCurrent, ghk_reversal, ghk_scale
from spinepnp.units import FARADAY
from spinepnp.validation.gnp import Model
from spinepnp.validation.laws import constant_field

MS, mV = 1e-3, 1e-3

#: Thermal voltage of paper 002, V.
V_T = 26.64e-3

#: Na, K, Cl, Ca.
NA, K, CL, CA = range(4)
IONS = {"valences": (1, 1, -1, 2), "thermal_voltage": V_T}
INSIDE, OUTSIDE = np.array([10.0, 140.0, 5.0, 1e-4]), np.array([145.0, 4.0, 149.0, 2.0])

LAWS = {
    "ohmic": OhmicCurrent(conductance=20.0, shares={NA: 1.2, K: -0.2}, reversal=5 * mV, **IONS),
    "ohmic with magnesium": OhmicCurrent(conductance=20.0, shares={CA: 1.0}, reversal=0.0, magnesium=1.0, **IONS),
    "nernst": OhmicCurrent(conductance=3.0, shares={K: 1.0}, **IONS),
    "nernst of an anion": OhmicCurrent(conductance=3.0, shares={CL: 1.0}, magnesium=0.5, **IONS),
    "nernst of calcium": OhmicCurrent(conductance=3.0, shares={CA: 1.0}, **IONS),
    "ghk": GhkCurrent(permeabilities={K: 2e-8, NA: 1e-9, CL: 4e-9, CA: 3e-9}, **IONS),
    "ghk with magnesium": GhkCurrent(permeabilities={CA: 1e-7, NA: 1e-8}, magnesium=1.0, **IONS),
    "pump": NakPump(sodium=NA, potassium=K, maximum=0.05, **IONS),
    "constant pump": NakPump(sodium=NA, potassium=K, rate=0.01, **IONS),
}

#: Species whose concentrations inside and outside each law depends on.
READS = {
    "ohmic": ((), ()), "ohmic with magnesium": ((), ()), "constant pump": ((), ()), "pump": ((NA,), (K,)),
    "nernst": ((K,), (K,)), "nernst of an anion": ((CL,), (CL,)), "nernst of calcium": ((CA,), (CA,)),
    "ghk": ((NA, K, CL, CA),) * 2, "ghk with magnesium": ((NA, CA),) * 2,
}  # fmt: skip

#: Ordinary potentials, removable singularities, the edge of the series, and potentials that no cell has.
POTENTIALS = np.array([0.0, 1e-12, -1e-9, 1e-6, 2.6639e-5, -2.6641e-5, 1e-3, -0.07, 0.04, 1.0, -1.0])


def at(law, V=POTENTIALS, inside=INSIDE, outside=OUTSIDE):
    return law.open_current(V, np.broadcast_to(inside, (len(V), 4)), outside)


@pytest.mark.parametrize("name", LAWS)
class TestCurrents:
    def test_shapes(self, name):
        law, found = LAWS[name], at(LAWS[name])
        n, moved = len(POTENTIALS), len(law.moved)
        assert found.current.shape == found.by_potential.shape == (n, moved)
        assert found.by_inside.shape == found.by_outside.shape == (n, moved, 4)

    def test_derivative_by_the_potential(self, name):
        h = 1e-6
        centred = (at(LAWS[name], POTENTIALS + h).current - at(LAWS[name], POTENTIALS - h).current) / (2.0 * h)
        scale = np.abs(at(LAWS[name]).current) / V_T + np.abs(centred)
        assert np.all(np.abs(at(LAWS[name]).by_potential - centred) <= 1e-7 * scale + 1e-12)

    @pytest.mark.parametrize("factor", [1.0, 1e-3, -0.2], ids=["ordinary", "small", "negative"])
    def test_derivatives_by_concentrations(self, name, factor):
        law, inside, outside = LAWS[name], factor * INSIDE, factor * OUTSIDE
        found = at(law, inside=inside, outside=outside)
        assert all(np.all(np.isfinite(array)) for array in vars(found).values())
        for side, derivative in (("inside", found.by_inside), ("outside", found.by_outside)):
            for j, c in enumerate({"inside": inside, "outside": outside}[side]):
                h = 1e-4 * abs(c)
                moved = [{"inside": inside, "outside": outside} for _ in range(2)]
                for data, sign in zip(moved, (1.0, -1.0), strict=True):
                    data[side] = data[side] + sign * h * np.eye(4)[j]
                centred = (at(law, **moved[0]).current - at(law, **moved[1]).current) / (2.0 * h)
                assert derivative[:, :, j] == pytest.approx(centred, rel=1e-6, abs=1e-9 * np.abs(derivative).max())
                assert (j in READS[name][side == "outside"]) == np.any(derivative[:, :, j])

    def test_concentrations_that_it_does_not_read_may_be_absent(self, name):
        law = LAWS[name]
        inside, outside = (
            np.where(np.isin(np.arange(4), reads), c, np.nan)
            for reads, c in zip(READS[name], (INSIDE, OUTSIDE), strict=True)
        )
        assert np.array_equal(at(law, inside=inside, outside=outside).current, at(law).current)


class TestLaws:
    def test_the_neuron_of_paper_002(self):
        """Leak, glutamate, gated channels and pump, uA/cm^2, against the independent code of the GNP models."""
        model = Model("gnp", pump="concentration")
        ions = {"valences": (1, 1, -1), "thermal_voltage": V_T}
        p = model.parameters
        F = 0.01 * p.unit / FARADAY  # the paper's F is 96485 C/mol
        laws = {
            "leak": GhkCurrent(permeabilities={1: F * p.P_KL, 0: F * p.P_NaL, 2: F * p.P_ClL}, **ions),
            "glutamate": GhkCurrent(permeabilities={1: F * p.P_KG, 0: F * p.P_NaG}, **ions),
            "K_gated": OhmicCurrent(conductance=10.0 * p.G_KM, shares={1: 1.0}, **ions),
            "Na_gated": OhmicCurrent(conductance=10.0 * p.G_NaM, shares={0: 1.0}, **ions),
            "pump": NakPump(sodium=0, potassium=1, maximum=0.01 * p.pump_maximum / p.gamma, **ions),
        }
        for V in (-68.171674, 0.0, 31.0):
            state = np.array([1.0, 1.0, 1.0, V, 23.5, 10.4])
            expected, K_o = model.currents(state, 1.0), float(model.potassium_outside(state))
            inside, outside = np.array([[23.5, p.K - K_o, 10.4]]), np.array([p.Na - 23.5, K_o, p.Cl - 10.4])
            for name, law in laws.items():
                found = law.open_current(np.array([V * mV]), inside, outside).current
                rounding = 1e-12 * 100.0 * np.abs(found).sum()  # currents of ions cancel near the reversal potential
                assert 100.0 * found.sum() == pytest.approx(expected[name], abs=rounding), name

    def test_ghk_is_the_constant_field(self):
        for i, z in enumerate(IONS["valences"]):
            law = GhkCurrent(permeabilities={i: 1e-8}, **IONS)
            for V, found in zip(POTENTIALS, at(law).current[:, 0], strict=True):
                expected = constant_field.ghk_current(V, INSIDE[i], OUTSIDE[i], z, 1e-8, V_T)
                scale = FARADAY * 1e-8 * (INSIDE[i] + OUTSIDE[i])
                assert found == pytest.approx(expected, rel=1e-12, abs=1e-13 * scale)

    def test_limits_of_ghk(self):
        """Fick's law at zero, one concentration far away, no current at the Nernst potential."""
        for i, z in enumerate(IONS["valences"]):
            law = GhkCurrent(permeabilities={i: 1e-8}, **IONS)
            far = 40.0 * V_T * np.array([1.0, -1.0]) / z
            zero, out, into = at(law, np.array([0.0, *far])).current[:, 0]
            strength = 1e-8 * z * FARADAY
            assert zero == pytest.approx(strength * (OUTSIDE[i] - INSIDE[i]), rel=1e-14)
            assert out == pytest.approx(-40.0 * strength * INSIDE[i], rel=1e-10)
            assert into == pytest.approx(40.0 * strength * OUTSIDE[i], rel=1e-10)
            nernst = np.array([V_T / z * math.log(OUTSIDE[i] / INSIDE[i])])
            assert at(law, nernst).current[0, 0] == pytest.approx(0.0, abs=1e-13 * abs(strength) * INSIDE[i])
            assert not at(replace(law, valences=(0, 0, 0, 0))).current.any()

    def test_nernst(self):
        law = OhmicCurrent(conductance=2.0, shares={CA: 1.0}, **IONS)
        E = V_T / 2.0 * math.log(OUTSIDE[CA] / INSIDE[CA])
        assert at(law, np.array([E, 0.0])).current[:, 0] == pytest.approx([0.0, 2.0 * E], abs=1e-15)

    def test_the_logarithm_of_tiny_concentrations_is_continued_with_its_slope(self):
        floor = functions.NERNST_FLOOR
        c = floor * np.array([1.0 + 1e-9, 1.0 - 1e-9, 0.0, -1.0])
        value, slope = functions.continued_log(c)
        assert value - math.log(floor) == pytest.approx([1e-9, -1e-9, -1.0, -2.0], rel=1e-6)
        assert slope * floor == pytest.approx(np.ones(4))

    def test_shares_are_of_the_current(self):
        current = at(LAWS["ohmic"]).current
        assert current.sum(axis=1) == pytest.approx(20.0 * (5 * mV - POTENTIALS), rel=1e-12, abs=1e-15)
        assert current[:, 1] == pytest.approx(-current[:, 0] / 6.0)

    def test_pump(self):
        for name in ("pump", "constant pump"):
            current = at(LAWS[name]).current
            assert np.all(current.sum(axis=1) < 0.0), "positive charge leaves"
            assert current[:, 0] == pytest.approx(-1.5 * current[:, 1])
        half = at(LAWS["pump"], inside=np.full(4, 25.0), outside=np.full(4, 3.5)).current
        assert half.sum(axis=1) == pytest.approx(np.full(len(POTENTIALS), -0.05 / 4.0))
        steeper = at(LAWS["pump"], inside=np.full(4, 28.0), outside=np.full(4, 4.5)).current.sum(axis=1)
        assert steeper == pytest.approx(np.full(len(POTENTIALS), -0.05 / (1.0 + math.exp(-1.0)) ** 2))
        assert at(LAWS["constant pump"]).current.sum(axis=1) == pytest.approx(np.full(len(POTENTIALS), -0.01))

    def test_block_by_magnesium(self):
        open_fraction, _ = functions.magnesium_block(np.array([0.0, -60 * mV, 40 * mV, -3.0, 3.0]), 1.0)
        expected = [3.57 / 4.57, 1 / (1 + math.exp(3.72) / 3.57), 1 / (1 + math.exp(-2.48) / 3.57), 0.0, 1.0]
        assert open_fraction == pytest.approx(expected, rel=1e-12, abs=1e-70)
        unblocked = replace(LAWS["ohmic with magnesium"], magnesium=0.0)
        assert np.array_equal(at(unblocked).current, at(replace(unblocked, magnesium=None)).current)

    @pytest.mark.parametrize("x", [0.0, 1e-9, 9.99e-4, 1.001e-3, 0.1, 3.0, 90.0, 400.0])
    def test_bernoulli_to_many_digits(self, x):
        for y in (x, -x):
            with decimal.localcontext(prec=60):
                z = decimal.Decimal(y) or decimal.Decimal("1e-25")
                grown = z.exp()
                expected = z / (grown - 1), (grown - 1 - z * grown) / (grown - 1) ** 2
                expected = [float(e) for e in expected]
            value, slope = functions.bernoulli(y)
            assert float(value) == pytest.approx(expected[0], rel=1e-14)
            assert float(slope) == pytest.approx(expected[1], rel=1e-12)

    def test_bernoulli_does_not_overflow(self):
        value, slope = functions.bernoulli(np.array([1e4, -1e4]))
        assert np.array([value, slope]) == pytest.approx(np.array([[0.0, 1e4], [0.0, -1.0]]), abs=1e-200)


class TestScale:
    @pytest.mark.parametrize("ratios", [{NA: 1.0, K: 1.0}, {NA: 1.0, K: 1.2, CA: 5.0}, {CL: 1.0}, {CA: 1.0}])
    def test_slope_conductance_at_the_reversal_potential(self, ratios):
        factor = ghk_scale(ratios, 10.0, IONS["valences"], INSIDE, OUTSIDE, V_T)
        law = GhkCurrent(permeabilities={i: factor * ratio for i, ratio in ratios.items()}, **IONS)
        E = ghk_reversal(ratios, IONS["valences"], INSIDE, OUTSIDE, V_T)
        low, middle, high = at(law, E + np.array([-1e-6, 0.0, 1e-6])).current.sum(axis=1)
        assert middle == pytest.approx(0.0, abs=1e-12)
        assert (low - high) / 2e-6 == pytest.approx(10.0, rel=1e-8)

    def test_the_reversal_is_that_of_goldman(self):
        found = ghk_reversal({NA: 0.05, K: 1.0, CL: 0.2}, IONS["valences"], INSIDE, OUTSIDE, V_T)
        into, out = 0.05 * 145.0 + 4.0 + 0.2 * 5.0, 0.05 * 10.0 + 140.0 + 0.2 * 149.0
        assert found == pytest.approx(V_T * math.log(into / out), rel=1e-12)

    def test_a_current_of_one_direction_is_refused(self):
        empty = np.array([0.0, 140.0, 5.0, 0.0])
        with pytest.raises(ValueError, match="no reversal potential"):
            ghk_scale({CA: 1.0, NA: 1.0}, 10.0, IONS["valences"], empty, OUTSIDE, V_T)
