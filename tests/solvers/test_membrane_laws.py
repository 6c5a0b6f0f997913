"""Currents of membrane mechanisms: derivatives, limits, and independent code of the same laws."""

import decimal
import math
from dataclasses import replace

import numpy as np
import pytest

from spinepnp.solvers.model.membrane import functions
from spinepnp.solvers.model.membrane.calcium import CounteredCurrent, HillPump, SodiumCalciumExchanger
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
    "exchanger": SodiumCalciumExchanger(sodium=NA, calcium=CA, maximum=20.0, **IONS),
    "hill": HillPump(species=CA, maximum=1e-6, half=2e-4, **IONS),
    "countered": CounteredCurrent(current=GhkCurrent(permeabilities={CL: 1e-7, NA: 1e-8}, **IONS), counter=K, **IONS),
}

#: Species whose concentrations inside and outside each law depends on.
READS = {
    "ohmic": ((), ()), "ohmic with magnesium": ((), ()), "constant pump": ((), ()), "pump": ((NA,), (K,)),
    "nernst": ((K,), (K,)), "nernst of an anion": ((CL,), (CL,)), "nernst of calcium": ((CA,), (CA,)),
    "exchanger": ((NA, CA),) * 2, "hill": ((CA,), ()), "countered": ((CL, NA),) * 2,
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
            neutral = at(replace(law, valences=(0, 0, 0, 0)))  # Fick's law at any potential, as a flux times F
            assert neutral.current == pytest.approx(np.full((11, 1), 1e-8 * FARADAY * (OUTSIDE[i] - INSIDE[i])))

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

    def test_the_exchanger_of_luo_and_rudy(self):
        """Their formula in mM and mV; no current at 3 E_Na - 2 E_Ca, calcium out below it, in above it."""
        current = at(LAWS["exchanger"]).current
        for V, net in zip(POTENTIALS[:-2] / mV, current[:-2].sum(axis=1), strict=True):
            into, out = (math.exp(eta * V / (V_T / mV)) for eta in (0.35, 0.35 - 1.0))
            driving = into * 10.0**3 * 2.0 - out * 145.0**3 * 1e-4
            expected = 20.0 / (87.5**3 + 145.0**3) / (1.38 + 2.0) / (1.0 + 0.1 * out) * driving
            assert net == pytest.approx(-expected, rel=1e-12)
        assert current[:, 0] == pytest.approx(-1.5 * current[:, 1])
        E = V_T * (3.0 * math.log(145.0 / 10.0) - math.log(2.0 / 1e-4))
        below, none, above = at(LAWS["exchanger"], np.array([E - 5 * mV, E, E + 5 * mV])).current
        assert np.abs(none).max() < 1e-12 * np.abs(below).max()
        assert below[0] > 0.0 > below[1]
        assert above[0] < 0.0 < above[1]

    def test_a_hill_pump(self):
        """Half of its maximum at `half`, all of it far above, by the square far below; nothing without its species."""
        law = replace(LAWS["hill"], power=2.0)
        c = np.array([2e-4, 2e-1, 2e-8, 0.0, -1e-4])

        def flux(law, c):
            inside = np.where(np.arange(4) == CA, c[:, None], np.nan)
            found = law.open_current(np.zeros(len(c)), inside, np.full(4, np.nan))
            return -found.current[:, 0], -found.by_inside[:, 0, CA]

        found, slope = flux(law, c)
        expected = [0.5e-6, 1e-6 / (1.0 + 1e-6), 1e-14 / (1.0 + 1e-8), 0.0, 0.0]
        assert found == pytest.approx(2.0 * FARADAY * np.array(expected), rel=1e-12)
        c, h = c[:3], 1e-4 * c[:3]
        assert slope[:3] == pytest.approx((flux(law, c + h)[0] - flux(law, c - h)[0]) / (2.0 * h), rel=1e-6)
        assert not slope[3:].any()
        assert flux(replace(law, valences=(1, 1, -1, 0)), c)[0] == pytest.approx(0.5 * found[:3])  # F times the flux

    def test_a_counter_ion_carries_the_charge_back(self):
        law = LAWS["countered"]
        found = at(law)
        assert law.moved == (CL, NA, K)
        assert np.abs(found.current.sum(axis=1)).max() < 1e-15 * np.abs(found.current).max()
        assert np.array_equal(found.current[:, :2], at(law.current).current)
        tracer = replace(law, valences=(1, 1, 0, 2), current=replace(law.current, valences=(1, 1, 0, 2)))
        assert at(tracer).current[:, 2] == pytest.approx(-at(tracer).current[:, 1])  # that of sodium alone

    def test_calcium_through_nmda_receptors(self):
        """P_Ca : P_Na : P_K of 10 : 1 : 1: the share of calcium, with as many monovalent ions on both sides.

        I_Ca/I = [Ca]/([Ca] + [M] (1 - e^(2 V/V_T))/(4 * 10)): Schneggenburger et al., Neuron 11, 133 (1993).
        """
        inside, outside, ratios = (
            np.array([10.0, 140.0, 5.0, 0.0]),
            np.array([145.0, 5.0, 149.0, 2.0]),
            {NA: 1.0, K: 1.0},
        )
        factor = ghk_scale(ratios | {CA: 10.0}, 10.0, IONS["valences"], INSIDE, OUTSIDE, V_T)
        permeabilities = {NA: factor, K: factor, CA: 10.0 * factor}
        law = GhkCurrent(permeabilities=permeabilities, magnesium=1.0, **IONS)
        V = np.array([-90.0, -60.0, -20.0, 30.0]) * mV
        current = at(law, V, inside, outside).current
        expected = 2.0 / (2.0 + 150.0 * (1.0 - np.exp(2.0 * V / V_T)) / 40.0)
        assert current[:, 2] / current.sum(axis=1) == pytest.approx(expected, rel=1e-12)
        unblocked = at(replace(law, magnesium=None), V, inside, outside).current
        block = 1.0 / (1.0 + np.exp(-0.062 * V / mV) / 3.57)
        assert current == pytest.approx(block[:, None] * unblocked, rel=1e-12)

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
