"""Kinetics of gates, and formulas of their rates."""

import decimal
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinepnp.solvers.model.channels import Gate, GateStep
from spinepnp.solvers.model.membrane.expression import read_rate
from spinepnp.solvers.model.membrane.kinetics import (
    ExpressionGate,
    SigmoidGate,
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
            assert (m - start) / length == pytest.approx(alpha * (1.0 - m) - beta * m, abs=1e-9 * alpha.max())
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
