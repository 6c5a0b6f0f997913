"""Kinetics of gates, and formulas of their rates."""

import decimal
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinepnp.solvers.model.channels import Gate, GateStep
from spinepnp.solvers.model.membrane.currents import GhkCurrent
from spinepnp.solvers.model.membrane.expression import read_rate
from spinepnp.solvers.model.membrane.kinetics import (
    ExpressionGate,
    SigmoidGate,
    gated,
    known_kinetics,
    named_gate,
    temperature_factor,
)
from spinepnp.validation.gnp import kinetics

MS, mV = 1e-3, 1e-3


def vtrap(x, y):
    """x / (exp(x/y) - 1) as in NEURON's mechanism hh."""
    return y * (1.0 - x / y / 2.0) if abs(x / y) < 1e-6 else x / (math.exp(x / y) - 1.0)


#: Rates of the squid's axon at 6.3 C in 1/ms by the potential in mV, as NEURON writes them.
SQUID = {
    "hh_m": (lambda v: 0.1 * vtrap(-(v + 40.0), 10.0), lambda v: 4.0 * math.exp(-(v + 65.0) / 18.0)),
    "hh_h": (lambda v: 0.07 * math.exp(-(v + 65.0) / 20.0), lambda v: 1.0 / (math.exp(-(v + 35.0) / 10.0) + 1.0)),
    "hh_n": (lambda v: 0.01 * vtrap(-(v + 55.0), 10.0), lambda v: 0.125 * math.exp(-(v + 65.0) / 80.0)),
}

#: Concentrations that do not change, mol/m^3, for kinetics that depend on some.
CONSTANTS = {"Ca": 3e-4, "IP3": 5e-4}

#: All kinds of gates.
GATES = {
    **{name: named_gate(name, constants=CONSTANTS) for name in known_kinetics()},
    "sigmoid": SigmoidGate(half=-40 * mV, slope=9 * mV, time=0.5 * MS),
    "closing": SigmoidGate(half=-60 * mV, slope=-7 * mV, time=2 * MS, factor=3.0),
}

#: Potentials with the removable singularities of all kinetics, and some beside them, V.
SINGULAR = np.array([-54.0, -27.0, -52.0, -40.0, -55.0, 19.26, 19.88, 81.5]) * mV
NODES = np.concatenate([SINGULAR, SINGULAR + 1e-9, SINGULAR - 1e-6, SINGULAR + 2e-4, np.linspace(-0.15, 0.15, 7)])


class TestKinetics:
    def test_the_neuron_of_paper_002(self):
        for V in [*NODES, -1.0, 1.0]:
            found = [rate for gate in "mhn" for rate in GATES[f"rtm_{gate}"].rates(V)[:2]]
            assert MS * np.array(found) == pytest.approx(kinetics.gate_rates(V / mV), rel=1e-12)

    @pytest.mark.parametrize("name", SQUID)
    def test_the_squid_axon_of_neuron(self, name):
        for V in [*NODES, -1.0, 1.0]:
            expected = [rate(V / mV) for rate in SQUID[name]]
            assert MS * np.array(GATES[name].rates(V)[:2]) == pytest.approx(expected, rel=2e-6)

    @pytest.mark.parametrize(("name", "steady", "tau"), [
        ("hh_m", 0.0529325, 0.236767), ("hh_h", 0.5961208, 8.516012), ("hh_n", 0.3176769, 5.458611),
    ])  # fmt: skip
    def test_the_squid_axon_at_rest(self, name, steady, tau):
        alpha, beta, _, _ = named_gate(name).rates(-65 * mV)
        assert (alpha / (alpha + beta), 1e3 / (alpha + beta)) == pytest.approx((steady, tau), rel=1e-5)

    @pytest.mark.parametrize("name", GATES)
    def test_derivatives(self, name):
        h = 1e-6
        _, _, *slopes = GATES[name].rates(NODES)
        above, below = GATES[name].rates(NODES + h)[:2], GATES[name].rates(NODES - h)[:2]
        for slope, up, down in zip(slopes, above, below, strict=True):
            scale = np.maximum(np.abs(slope), np.abs(up) / 0.02)
            assert np.all(np.abs(slope - (up - down) / (2.0 * h)) <= 1e-6 * scale)

    @pytest.mark.parametrize("name", GATES)
    def test_a_step_is_backward_euler(self, name):
        gate, start = GATES[name], np.linspace(0.0, 1.0, len(NODES))
        for length in (1e-6, 1e-3, 1.0, math.inf):
            m, slope = gate.end_of_step(NODES, start, length)[:2]
            alpha, beta, _, _ = gate.rates(NODES)
            assert np.all((m >= 0.0) & (m <= 1.0))
            if gate.is_fast:
                assert m == pytest.approx(alpha, rel=1e-14)
                continue
            rounding = 1e-9 * alpha.max() + 1e-15 / length
            assert (m - start) / length == pytest.approx(alpha * (1.0 - m) - beta * m, abs=rounding)
            up, down = (gate.end_of_step(NODES + h, start, length)[0] for h in (1e-6, -1e-6))
            assert slope == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-5 * np.abs(slope).max())

    def test_a_sigmoid_gate_is_that_of_channels(self):
        table = Gate(half="-40 mV", slope="9 mV", time="0.5 ms")
        for length in (1e-4, math.inf):
            for V in (-1.0, -0.05, 0.02, 1.0):
                expected = GateStep(np.array([0.3]), length).end((table,), 0, V)
                found = GATES["sigmoid"].end_of_step(np.array([V]), np.array([0.3]), length)[:2]
                assert np.array(found) == pytest.approx(np.array(expected), rel=1e-12, abs=1e-15)

    def test_temperature(self):
        assert temperature_factor(3.0, 6.3, 279.45) == pytest.approx(1.0)
        assert temperature_factor(3.0, 6.3, 299.45) == pytest.approx(9.0)
        warm = named_gate("hh_n", power=4, factor=9.0)
        assert warm.power == 4
        assert np.array(warm.rates(NODES)) == pytest.approx(9.0 * np.array(GATES["hh_n"].rates(NODES)))

    def test_far_potentials_are_finite_and_stay(self):
        for name, gate in GATES.items():
            rates = np.array(gate.rates(np.array([-30.0, 30.0])))
            assert np.all(np.isfinite(rates)), name
            assert not rates[2:].any(), name

    def test_unknown_kinetics(self):
        with pytest.raises(ValueError, match='did you mean "hh_m"'):
            named_gate("hhm")

    @pytest.mark.parametrize(("alpha", "beta", "message"), [
        ("1/ms", "1 mV", "beta: its value is a potential, not 1/time"),
        ("exp(V)/ms", "1/ms", "alpha: the argument of exp must be a plain number"),
        ("0/ms", "0*V/(mV*ms)", "both zero at V = "),
    ])  # fmt: skip
    def test_bad_rates(self, alpha, beta, message):
        with pytest.raises(ValueError, match=message):
            ExpressionGate(alpha=alpha, beta=beta)


#: Concentrations inside, mol/m^3: of calcium, then of IP3.
PLACES = {"Ca": 0, "IP3": 1}
STATES = np.array([[1e-4, 5e-4], [3e-4, 1e-4], [1e-3, 2e-4], [5e-2, 1e-5]])


def fractions(c, p):
    """Open fractions by Keizer and Levine and by Li and Rinzel, and the rates of their slow gates, in uM and s."""
    c, p = 1e3 * c, 1e3 * p
    S = 1.0 + 28.8 / 1500.0 / c**4 + c**3 * 1500.0 / 385.9
    w = S / (1.75 / 0.1 + S)
    Q = 1.049 * (p + 0.13) / (p + 0.9434)
    return {
        "kl_o": (1.0 + c**3 * 1500.0 / 385.9) / S, "kl_w": w, "lr_m": p / (p + 0.13), "lr_n": c / (c + 0.08234),
        "lr_h": Q / (Q + c), "cal_c": 1.0 / (1.0 + c),
    }, {"kl_w": 0.1 / w, "lr_h": 0.2 * (Q + c)}  # fmt: skip


class TestConcentrations:
    @pytest.mark.parametrize("name", ["kl_o", "kl_w", "lr_m", "lr_n", "lr_h", "cal_c"])
    def test_receptors_of_a_store(self, name):
        """Steady values and rates of the papers; derivatives by differences, for each length of a step."""
        gate, start, V = named_gate(name, places=PLACES), np.full(4, 0.3), np.zeros(4)
        steady, rate = fractions(*STATES.T)
        assert gate.end_of_step(V, start, np.inf, STATES).value == pytest.approx(steady[name], rel=1e-7)
        assert gate.is_fast == (name not in rate)
        if name in rate:
            alpha, beta, *slopes = gate.rates(V, STATES)
            assert alpha + beta == pytest.approx(rate[name], rel=1e-7)
            assert not np.any(slopes)
        for length in (1e-3, 10.0, np.inf):
            end = gate.end_of_step(V, start, length, STATES)
            assert {*end.by_inside} == {PLACES[species] for species in gate.species}
            for j, slope in end.by_inside.items():
                h = 1e-4 * STATES[:, j]
                up, down = (gate.end_of_step(V, start, length, STATES + sign * h[:, None] * np.eye(2)[j]).value
                            for sign in (1.0, -1.0))  # fmt: skip
                assert slope == pytest.approx((up - down) / (2.0 * h), rel=1e-4, abs=1e-12 / h.min())

    def test_concentrations_below_zero_count_as_zero(self):
        """As in an iteration of Newton's method; the gate then does not depend on them."""
        gate = named_gate("kl_w", places=PLACES)
        zero, below = (gate.end_of_step(np.zeros(1), np.full(1, 0.3), 1.0, np.array([[c, 0.0]])) for c in (0.0, -1e-3))
        assert zero.value == below.value
        assert not below.by_inside[0].any()

    def test_a_constant_stands_for_a_species(self):
        free, fixed = (
            named_gate("lr_h", places=places, constants=constants)
            for places, constants in ((PLACES, {}), ({"Ca": 0}, {"IP3": 5e-4}))
        )
        state = np.column_stack([STATES[:, 0], np.full(4, 5e-4)])
        ends = [gate.end_of_step(np.zeros(4), np.full(4, 0.3), 1.0, state) for gate in (free, fixed)]
        assert np.array_equal(ends[0].value, ends[1].value)
        assert {*ends[1].by_inside} == {0}

    def test_a_steady_value_and_a_time_constant_are_rates(self):
        given = {"steady": "[Ca]/([Ca] + 1 uM)", "tau": "2 ms + 1 ms*[Ca]/(1 uM) * exp(V/(20 mV))"}
        gate, V = ExpressionGate(**given, places={"Ca": 0}), np.array([-30.0, 0.0, 10.0, 20.0]) * mV
        s, tau = STATES[:, 0] / (STATES[:, 0] + 1e-3), 2e-3 + STATES[:, 0] * np.exp(V / 0.02)
        assert np.array(gate.rates(V, STATES)[:2]) == pytest.approx(np.array([s / tau, (1.0 - s) / tau]), rel=1e-12)

    def test_the_product_of_gates_has_all_derivatives(self):
        """Of two that depend on V and calcium, in a current that depends on both."""
        law = GhkCurrent(permeabilities={0: 1e-7}, valences=(2, 0), thermal_voltage=0.025)
        gates = [
            named_gate("kl_o", power=2, places=PLACES),
            ExpressionGate(
                alpha="[Ca]/(1 uM*ms)", beta="exp(-V/(20 mV))/ms*(0.1 + [IP3]/(1 uM))", power=3, places=PLACES
            ),
        ]
        V, start = np.array([-30.0, 0.0, 10.0, 20.0]) * mV, np.full((4, 2), 0.3)

        def at(V, c):
            return gated(law.open_current(V, c, np.array([2.0, 0.0])), gates, V, c, start, 1e-3)[0]

        found = at(V, STATES)
        by_V = (at(V + 1e-6, STATES).current - at(V - 1e-6, STATES).current) / 2e-6
        assert found.by_potential == pytest.approx(by_V, rel=1e-6)
        for j in range(2):
            h = 1e-4 * STATES[:, j]
            up, down = (at(V, STATES + sign * h[:, None] * np.eye(2)[j]).current for sign in (1.0, -1.0))
            assert found.by_inside[:, 0, j] == pytest.approx((up - down)[:, 0] / (2.0 * h), rel=1e-5, abs=1e-7)

    @pytest.mark.parametrize(("formulas", "message"), [
        ({"steady": "2*[Ca]/([Ca] + 1 uM)"}, r"steady is above one at V = .* mV, \[Ca\] = "),
        ({"steady": "[Ca]/([Ca] - 1 uM)"}, r"steady: its value is not finite at V = 0.25 mV, \[Ca\] = 0.001 mM"),
        ({"steady": "1 - [Ca]/(1 uM)"}, "steady: its value is negative at"),
        ({"steady": "[Ca]"}, "steady: its value is a concentration, not a plain number"),
        ({"steady": "0.5", "tau": "1/s"}, "tau: its value is 1/time, not a time"),
        ({"steady": "0.5", "tau": "1 ms*[Ca]/(1 uM)"}, "tau is zero at"),
        ({"alpha": "1/ms*[Ca]/(1 uM)", "beta": "0/ms"}, r"both zero at V = .*, \[Ca\] = 0 mM, where the gate would"),
        ({"alpha": "1/ms*[Ca", "beta": "1/ms"}, "alpha: it cannot be read"),
        ({"alpha": "1/ms*[1]", "beta": "1/ms"}, r"alpha: only numbers, quantities, V, species as \[Ca\], pi"),
    ])  # fmt: skip
    def test_bad_formulas(self, formulas, message):
        with pytest.raises(ValueError, match=message):
            ExpressionGate(**formulas)


def linoid(A, k, V, D):
    x = k * (V - D)
    return A * (1.0 + x / 2.0 if abs(x) < 1e-7 else x / (1.0 - math.exp(-x)))


#: Calcium channels of Jaffe et al. as other simulators write them, in 1/ms by the potential in mV.
CALCIUM = {
    "cat_m": (lambda v: linoid(2.0, 0.1, v, 19.26), lambda v: 0.009 * math.exp(-0.045393 * v)),
    "cat_h": (lambda v: 1e-6 * math.exp(-0.061501 * v), lambda v: 1.0 / (1.0 + math.exp(-0.1 * (v - 29.79)))),
    "can_m": (lambda v: linoid(1.9, 0.1, v, 19.88), lambda v: 0.046 * math.exp(-0.048239 * v)),
    "can_h": (lambda v: 1.6e-4 * math.exp(-0.020661 * v), lambda v: 1.0 / (1.0 + math.exp(-0.1 * (v - 39.0)))),
    "cal_m": (lambda v: linoid(156.9, 0.1, v, 81.5), lambda v: 0.29 * math.exp(-0.092081 * v)),
}


@pytest.mark.parametrize("name", CALCIUM)
def test_calcium_channels(name):
    for V in (-80.0, -40.0, 0.0, 19.26, 19.88, 30.0, 81.5):
        expected = [rate(V) for rate in CALCIUM[name]]
        assert MS * np.array(GATES[name].rates(V * mV)[:2]) == pytest.approx(expected, rel=1e-3)


#: Formulas with a removable singularity at -54 mV, and the same as functions of x = (V + 54 mV)/(4 mV) in decimals.
REMOVABLE = {
    "1.28/ms * (V + 54 mV)/(4 mV) / (1 - exp(-(V + 54 mV)/(4 mV)))": lambda x: 1280 * x / (1 - (-x).exp()),
    "1/(1 - exp(-(V + 54 mV)/(4 mV))) * ((V + 54 mV)/(4 mV*ms))": lambda x: 1000 * x / (1 - (-x).exp()),
    "1/ms * (V + 54 mV)/(4 mV) * (exp((V + 54 mV)/(4 mV)) - 1)**-1": lambda x: 1000 * x / (x.exp() - 1),
    "1/ms * ((V + 54 mV)/(4 mV))**2 / (1 - exp(-(V + 54 mV)/(4 mV)))**2": lambda x: 1000 * (x / (1 - (-x).exp())) ** 2,
    "1/ms * (V/mV + 54)*(V/mV + 54)/16 / (exp((V + 54 mV)/(4 mV)) + exp(-(V + 54 mV)/(4 mV)) - 2)": (
        lambda x: 1000 * x**2 / (x.exp() + (-x).exp() - 2)
    ),
}


class TestExpressions:
    @pytest.mark.parametrize("text", REMOVABLE)
    def test_removable_singularities_to_many_digits(self, text):
        sizes = np.logspace(-14, -1.2, 70)
        V = -0.054 + np.concatenate([[0.0], sizes, -sizes])
        value, slope = read_rate(text)(V)
        with decimal.localcontext(prec=80):
            h = decimal.Decimal("1e-25")
            x = [(decimal.Decimal(v) + decimal.Decimal("0.054")) / decimal.Decimal("0.004") for v in V.tolist()]
            low, high = ([REMOVABLE[text](y + e) for y in x] for e in (-h, h))
            expected = np.array([float((a + b) / 2) for a, b in zip(low, high, strict=True)])
            slopes = np.array(
                [float((b - a) / (2 * h) / decimal.Decimal("0.004")) for a, b in zip(low, high, strict=True)]
            )
        assert value == pytest.approx(expected, rel=1e-13)
        assert slope == pytest.approx(slopes, rel=1e-12, abs=1e-12 * np.abs(slopes).max())

    @pytest.mark.parametrize(("text", "message"), [
        ("V", "its value is a potential, not 1/time"),
        ("5", "its value is a plain number, not 1/time"),
        ("1 ms", "its value is a time, not 1/time"),
        ("0.1/(ms*mV)", r"its value is time\^-1 potential\^-1, not 1/time"),
        ("0.1/ms*(V + 5)/mV", "a potential and a plain number cannot be added"),
        ("0.1/ms*(V + 5 ms)/mV", "a potential and a time cannot be added"),
        ("exp(V)/ms", "the argument of exp must be a plain number, not a potential"),
        ("2**(V/mV)/ms", "an exponent must be a plain number"),
        ("2 V/mV/ms", r'"2 V" is unclear, since V is the variable; write 2\*V'),
        ("3/msec", 'did you mean "ms"'),
        ("3 nm/ms", 'the unit "nm" is not known'),
        ("sin(V/mV)/ms", 'the function "sin" is not known'),
        ("U/mV/ms", '"U" is not known'),
        ("0.1/ms*", 'it cannot be read; write a formula such as "1.28/ms'),
        ("", "it cannot be read"),
        ("1/ms" + "+0/ms" * 100, "it is too long"),
        ("((((((" * 8 + "1/ms" + "))))))" * 8 + "+1/ms", None),  # parentheses are no nesting
        ("-" * 60 + "1/ms", "nested too deeply"),
        ("1/ms/(1 - exp(-(V + 40 mV)/(5 mV)))", "its value is infinite at V = -40 mV"),
        ("1 mV/(V*ms)", "its value is infinite at V = 0 mV"),
        ("1/ms*log(V/mV + 30)", "its value is not finite at V = -30"),
        ("1/ms*sqrt(V/mV)", "its value is not finite at V = -0.25"),
        ("1/ms/(V/mV/(pi - pi) + 1)", "it divides by zero"),
        ("1e400/ms", "a number in it is not finite"),
        ("-1/ms", "its value is negative at V = "),
        ("1/ms*tanh(V/(10 mV))", "its value is negative at V = "),
        ("1/ms*exp(exp(-V/(1 mV)))", r"its value overflows at V = -5.751 mV \(rates are checked from -150 to 150 mV\)"),
        ("exp(1000*V/(1 mV))/ms", r"its value overflows at V = 0.25 mV"),
        ("exp(1000*V/(1 mV))/ms - 1/ms", r"its value overflows|is negative"),
        ("1/ms/(1 + exp(1000*V/(1 mV)))", None),
    ])  # fmt: skip
    def test_what_is_refused(self, text, message):
        if message is None:
            assert np.all(np.isfinite(read_rate(text)(NODES)))
            return
        with pytest.raises(ValueError, match=message) as caught:
            read_rate(text)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("text", [
        "__import__('os').system('true')", "().__class__.__bases__[0]", "V.__class__", "(1/ms).real", "lambda: 1/ms",
        "9**9**9**9/ms", "2**1e9/ms", "2**2**9/ms", "[V for V in V]", "1/ms if V else 2/ms", "exec('1')",
        "exp(V, V)/ms", "exp(x=1)/ms", "exp(*V)/ms", "exp/ms", "'1/ms'", "True/ms", "1j/ms", "V:=1/ms", "1/ms; 2/ms",
        "V < 0", "not V", "V @ V", "V // mV / ms", "V % mV / ms", "~V", "f'{V}'", "open('x')", "1/ms\n2/ms",
        "eval('1')",
    ])  # fmt: skip
    def test_nothing_is_executed(self, text):
        with pytest.raises(ValueError, match=r"stand in it|cannot be read|not known|too large|plain number") as caught:
            read_rate(text)
        assert "\n" not in str(caught.value)

    @settings(max_examples=60, deadline=None)
    @given(st.text(alphabet="0123456789.+-*/() VmsexplogsqrttanhuV", max_size=30))
    def test_any_text_is_a_rate_or_refused(self, text):
        try:
            rate = read_rate(text)
        except ValueError:
            return
        assert np.all(np.isfinite(rate(NODES)))

    @pytest.mark.parametrize(
        "text", ["2e3/s", "2/ms", ".2e1/ms", "2.0 /ms", "2000e-3/ms", "2/(1e3us)", "1E0/(5e-1 ms)"]
    )
    def test_numbers(self, text):
        assert read_rate(text)(np.zeros(1))[0] == pytest.approx(2e3, rel=1e-14)

    def test_the_shape_of_potentials_is_kept(self):
        for text in ("2/ms", next(iter(REMOVABLE))):
            for V in (np.float64(-0.054), np.zeros(3), np.full((2, 3), -0.054)):
                assert [part.shape for part in read_rate(text)(V)] == [np.shape(V)] * 2
