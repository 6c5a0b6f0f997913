"""Waveforms, channels and the keys that describe them."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from spinepnp.case.case import make_case
from spinepnp.errors import CaseError
from spinepnp.solvers.algebra.step_control import StepControl, graded
from spinepnp.solvers.model.channels import Channel, Gate, GateStep, gate_rates
from spinepnp.solvers.model.membrane.functions import bernoulli
from spinepnp.solvers.model.tables import read_columns
from spinepnp.solvers.model.terms.injection import Injection
from spinepnp.units import CURRENT, FARADAY, TIME
from support.cases import SIGMOID, spine_case
from support.commands import refusal

MS = 1e-3


def tenths(low, high):
    return st.integers(low, high).map(lambda n: n / 10)


def injection(waveform, value="50 pA", **keys):
    sized = {} if waveform == "table" else {"value": value}
    return Injection(species="Na", waveform=waveform, **sized, **keys)


def at(injected, time, inside=None):
    return injected.at(time, time if inside is None else inside).total(1.0) * 1e12


class TestWaveforms:
    def test_alpha_is_that_of_the_contract(self):
        alpha = injection("alpha", t_peak="10 ms", onset="5 ms")
        assert at(alpha, 5 * MS) == 0.0
        assert at(alpha, 15 * MS) == pytest.approx(50.0)
        s = 3.7
        assert at(alpha, (5 + s) * MS) == pytest.approx(50.0 * s / 10 * math.exp(1 - s / 10))

    def test_the_sides_of_a_jump(self):
        step = injection("step", onset="10 ms")
        assert at(step, 10 * MS, 9 * MS) == 0.0
        assert at(step, 10 * MS, 11 * MS) == 50.0
        assert step.time_profile.jumps == (10 * MS,)

    def test_a_train_of_pulses(self):
        train = injection("pulse", duration="2 ms", onset="1 ms", count=3, interval="10 ms")
        assert [at(train, t * MS) for t in (0.5, 2, 4, 12, 14, 22, 24, 40)] == [0, 50, 0, 50, 0, 50, 0, 0]
        assert np.array(train.time_profile.breaks) == pytest.approx(np.array([1, 3, 11, 13, 21, 23]) * MS)

    def test_a_ramp_bends_and_does_not_jump(self):
        ramp = injection("ramp", duration="4 ms", onset="1 ms")
        assert [at(ramp, t * MS) for t in (0.5, 1, 3, 5, 9)] == pytest.approx([0, 0, 25, 50, 50])
        assert ramp.time_profile.jumps == ()

    @pytest.mark.parametrize(("phase", "jumps"), [("0 deg", 0), ("90 deg", 2), ("180 deg", 0)])
    def test_a_sine(self, phase, jumps):
        sine = injection("sine", frequency="100 Hz", onset="1 ms", duration="20 ms", phase=phase)
        assert at(sine, 3 * MS) == pytest.approx(50.0 * math.sin(2 * math.pi * 0.2 + math.radians(float(phase[:-4]))))
        assert at(sine, 30 * MS) == 0.0
        assert len(sine.time_profile.jumps) == jumps
        assert sine.time_profile.longest_step(2 * MS) <= 1 / 100 / 8
        assert sine.time_profile.longest_step(0.5 * MS) == sine.time_profile.longest_step(22 * MS) == math.inf

    def test_a_table(self, tmp_path):
        path = tmp_path / "current.csv"
        path.write_text("time_ms,current_pA\n0,0\n1,10\n3,10\n4,5\n")
        table = injection("table", file=str(path), onset="1 ms")
        assert [at(table, t * MS) for t in (0.5, 1.5, 3, 4.5, 4.999, 6)] == pytest.approx([0, 5, 10, 7.5, 5.005, 0])
        assert np.array(table.time_profile.breaks) == pytest.approx(np.array([1, 2, 4, 5]) * MS)
        assert table.time_profile.jumps == (5 * MS,)

    @given(peak=tenths(1, 500), onset=tenths(0, 200), count=st.integers(1, 5), interval=tenths(5, 400))
    def test_charge_of_a_train_of_alphas(self, peak, onset, count, interval):
        """Each brings in value * t_peak * e."""
        keys = {} if count == 1 else {"count": count, "interval": f"{interval} ms"}
        train = injection("alpha", t_peak=f"{peak} ms", onset=f"{onset} ms", **keys)
        starts = np.array(train.time_profile.breaks)
        end = starts[-1] + 40 * peak * MS
        edges = [*starts, end]
        charge = sum(quad(lambda t: at(train, t), a, b, limit=200)[0] for a, b in itertools.pairwise(edges))
        assert charge == pytest.approx(count * 50.0 * peak * MS * math.e, rel=1e-6)

    @given(time=tenths(0, 1000), onset=tenths(0, 500), duration=tenths(1, 200), count=st.integers(2, 6))
    def test_between_its_breaks_a_waveform_is_smooth(self, time, onset, duration, count):
        train = injection(
            "pulse", duration=f"{duration} ms", onset=f"{onset} ms", count=count, interval=f"{duration * 1.5} ms"
        )
        edges = [0.0, *train.time_profile.breaks, 1.0]
        for a, b in itertools.pairwise(edges):
            if a < time * MS < b:
                inside = 0.5 * (a + b)
                assert len({at(train, t, inside) for t in (a, time * MS, b)}) == 1

    @pytest.mark.parametrize(("keys", "message"), [
        ({"waveform": "alpha"}, "needs t_peak"),
        ({"waveform": "pulse"}, "needs duration"),
        ({"waveform": "pulse", "duration": "-1 ms"}, "greater than zero"),
        ({"waveform": "step", "t_peak": "1 ms"}, "t_peak is no key of waveform"),
        ({"waveform": "pulse", "duration": "5 ms", "count": 2}, "needs both count"),
        ({"waveform": "pulse", "duration": "5 ms", "count": 2, "interval": "4 ms"}, "shorter than a pulse"),
        ({"waveform": "table", "file": "x.csv"}, "drop value and density"),
        ({"waveform": "sine", "frequency": "0 Hz"}, "greater than zero"),
        ({"waveform": "sinus"}, "must be"),
        ({"waveform": "step", "onset": "-1 ms"}, "zero or greater"),
    ])  # fmt: skip
    def test_what_is_refused(self, keys, message):
        with pytest.raises(CaseError, match=message):
            Injection(species="Na", value="50 pA", **keys)


class TestTables:
    @pytest.mark.parametrize(("text", "message"), [
        ("time_ms,current_pA\n0,1\n0,2\n", "rises; sort it"),
        ("time_ms,current_pA\n1,1\n", "at least two rows"),
        ("time_ms,voltage_mV\n0,1\n1,2\n", "needs a column of the current"),
        ("time_ms,current_mV\n0,1\n1,2\n", "its unit is none of a current"),
        ("time_ms,current_pA\n0,a\n1,2\n", "is no number"),
        ("time_ms,current_pA\n0,inf\n1,2\n", "is not finite"),
        ("time_ms,current_pA\n0,0\n1,-1e30\n", "-1e30 in the column current_pA is too large a current to be meant"),
        ("", "needs a column of the time"),
    ])  # fmt: skip
    def test_bad_tables(self, tmp_path, text, message):
        path = tmp_path / "t.csv"
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_columns(str(path), TIME, CURRENT)

    def test_units_are_read(self, tmp_path):
        path = tmp_path / "t.csv"
        path.write_text("current_nA, time_us\n1,0\n2,10\n")
        times, values = read_columns(str(path), TIME, CURRENT)
        assert times == pytest.approx([0, 1e-5])
        assert values == pytest.approx([1e-9, 2e-9])


def evaluate(channel, V, c=100.0):
    return channel.open_channel_current(V, c, area=1e-14, valence=1.0, thermal_voltage=25e-3)


class TestChannels:
    @pytest.fixture
    def table(self, tmp_path):
        path = tmp_path / "iv.csv"
        path.write_text("potential_mV,current_pA\n-50,0\n0,1\n20,5\n40,20\n80,20\n")
        return str(path)

    @given(V=st.floats(-60e-3, 90e-3), c=st.floats(0.0, 300.0))
    def test_derivatives(self, V, c):
        channels = [
            Channel(law="sigmoid", species="C", maximum="10 pA", half="5 mV", slope="0.5 mV"),
            Channel(law="gates", species="C", conductance="1 nS", reversal="20 mV",
                    gates=Gate(half="0 mV", slope="1 mV", time="1 ms")),
            Channel(law="ghk", species="C", permeability="1 um/s", outside="145 mM", outside_potential="10 mV"),
        ]  # fmt: skip
        for channel in channels:
            _, by_V, by_c = evaluate(channel, V, c)
            h, dc = 1e-7, 1e-3
            slope = (evaluate(channel, V + h, c)[0] - evaluate(channel, V - h, c)[0]) / (2 * h)
            assert by_V == pytest.approx(slope, rel=1e-4, abs=1e-16)
            slope = (evaluate(channel, V, c + dc)[0] - evaluate(channel, V, c - dc)[0]) / (2 * dc)
            assert by_c == pytest.approx(slope, rel=1e-6, abs=1e-24)

    @given(V=st.floats(-60e-3, 90e-3), gates=st.sampled_from([{}, {"gates": []}]))
    def test_without_gates_it_is_ohmic(self, V, gates):
        channel = Channel(law="gates", species="C", conductance="1 nS", reversal="20 mV", **gates)
        assert evaluate(channel, V)[0] == pytest.approx(1e-9 * (20e-3 - V), rel=1e-12)

    def test_a_table_is_met_and_monotone(self, table):
        channel = Channel(law="table", species="C", file=table)
        for V, current in ((-50, 0), (0, 1), (20, 5), (40, 20), (100, 20), (-90, 0)):
            assert evaluate(channel, V * MS)[0] == pytest.approx(current * 1e-12)
        values = [evaluate(channel, V)[0] for V in np.linspace(-60e-3, 90e-3, 301)]
        assert np.all(np.diff(values) >= 0.0)

    @given(x=st.floats(-40, 40))
    def test_bernoulli(self, x):
        value, slope = bernoulli(x)
        assert value == pytest.approx(x / math.expm1(x) if x else 1.0, rel=1e-12)
        assert bernoulli(-x)[0] - value == pytest.approx(x, rel=1e-9, abs=1e-12)
        h = 1e-5 * max(1.0, abs(x))
        assert slope == pytest.approx((bernoulli(x + h)[0] - bernoulli(x - h)[0]) / (2 * h), rel=1e-5, abs=1e-11)

    def test_ghk_is_the_textbook_formula(self):
        """At its Nernst potential no current flows; far from it the current is ohmic with one concentration."""
        channel = Channel(law="ghk", species="C", permeability="1 um/s", outside="150 mM")
        assert evaluate(channel, 25e-3 * math.log(150 / 100))[0] == pytest.approx(0.0, abs=1e-20)
        far = evaluate(channel, -25e-3 * 40)[0]
        assert far == pytest.approx(1e-14 * 1e-6 * FARADAY * 40 * 150, rel=1e-9)

    @given(V=st.floats(-0.1, 0.1), m=st.floats(0, 1), h=st.floats(1e-6, 1.0))
    def test_a_gate_step_is_backward_euler(self, V, m, h):
        gates = (Gate(half="-40 mV", slope="9 mV", time="0.5 ms", power=3),)
        end, slope = GateStep(np.array([m]), h).end(gates, 0, V)
        assert end[0] == pytest.approx(m + h * gate_rates(gates, end, V)[0], rel=1e-9, abs=1e-12)
        up, down = (GateStep(np.array([m]), h).end(gates, 0, V + d)[0][0] for d in (1e-7, -1e-7))
        assert slope[0] == pytest.approx((up - down) / 2e-7, rel=1e-4, abs=1e-6)

    @pytest.mark.parametrize(("keys", "message"), [
        ({"law": "sigmoid", "maximum": "10 pA", "half": "5 mV"}, "needs slope"),
        ({"law": "sigmoid", "maximum": "10 pA", "half": "5 mV", "slope": "0 mV"}, "must not be zero"),
        ({"law": "ghk", "permeability": "1 um/s"}, "needs outside"),
        ({"law": "gates", "conductance": "1 nS"}, "needs reversal"),
        ({"law": "gates", "conductance": "1 nS", "reversal": "0 mV",
          "gates": [{"half": "0 mV", "slope": "1 mV", "time": "0 ms"}]}, "greater than zero"),
        ({"law": "sigmoid", "maximum": "10 pA", "half": "5 mV", "slope": "1 mV", "file": "x"}, "file is no key"),
        ({"law": "linear"}, "must be"),
    ])  # fmt: skip
    def test_what_is_refused(self, keys, message):
        with pytest.raises(CaseError, match=message):
            Channel(species="C", **keys)


class TestControl:
    @given(factor=st.floats(1e-6, 1e6))
    def test_grades_are_below_and_near(self, factor):
        found = graded(factor)
        assert found <= factor * (1 + 1e-9)
        assert found > factor * 2 ** (-1 / 8) * (1 - 1e-9)

    @given(step=st.floats(1e-9, 1.0), remaining=st.floats(1e-9, 1.0))
    def test_steps_up_to_an_end_are_equalised(self, step, remaining):
        taken = StepControl(step, 0.0, 1.0).step_to(remaining)
        assert 0.0 < taken <= remaining
        assert taken <= step * (1 + 1e-6)
        left = remaining - taken
        assert left == 0.0 or left >= 0.99 * taken

    def test_a_short_step_says_nothing_against_a_longer_one(self):
        control = StepControl(1.0, 0.0, 10.0, 5.0)
        control.succeeded(1.3, 0.01)
        assert control.step == 1.0
        control.succeeded(0.5, 1.0)
        assert 0.3 < control.step < 0.5
        assert not StepControl(1.0, 0.9, 1.0).failed()


@pytest.mark.parametrize(("case", "message"), [
    ({"boundaries": {"rings": {"channel": SIGMOID}}}, "boundaries.rings: no such boundary; did you mean \"ring\"?"),
    ({"boundaries": {"ring": {"channel": SIGMOID | {"species": "Ca"}}}}, "boundaries.ring.channel.species"),
    ({"boundaries": {"base": {"potential": "0 mV", "concentrations": "bulk", "channel": SIGMOID}}},
     "boundaries.base.channel"),
    ({"boundaries": {"cap": {"current": {"species": "C", "waveform": "table", "file": "no.csv"}}}},
     'boundaries.cap.current.file = "no.csv": the table cannot be read'),
    ({"boundaries": {"ring": {"channel": {"law": "table", "species": "C", "file": "no.csv"}}}},
     'boundaries.ring.channel.file = "no.csv": the table cannot be read'),
    ({"study": {"kind": "transient"}}, "a transient needs duration"),
    ({"study": {"kind": "transient", "duration": "-1 ms"}}, "study.duration"),
    ({"study": {"kind": "transient", "duration": "1 ms", "times": ["2 ms"]}}, "behind the end"),
    ({"study": {"kind": "steady", "duration": "1 ms"}}, "duration belongs to a transient"),
    ({"study": {"kind": "transient", "duration": "1 ms", "vary": "geometry.neck_radius"}}, "belong together"),
    ({"study": {"kind": "steady"}, "boundaries": {"cap": {"current": {"species": "C", "value": "1 pA",
      "waveform": "step"}}}}, 'boundaries.cap.current.waveform = "step": goes in time'),
    ({"boundaries": {"cap": {"current": {"species": "C", "value": "1 pA"}, "field_matched": True}}},
     "boundaries.cap.field_matched: belongs to a steady state"),
    ({"boundaries": {"base": {}, "cap": {"current": {"species": "C", "value": "1 pA"}}}, "closed": {}},
     "nothing holds the potential"),
    ({"regions": {"body": {"exclude": ["top"], "margin": "10 nm"}}}, "regions.body.exclude"),
    ({"regions": {"body": {"exclude": ["cap"]}}}, "belong together"),
])  # fmt: skip
def test_bad_transients_are_one_line_before_the_first_step(case, message):
    assert message in str(refusal(make_case, spine_case(**case)))


def test_rings_by_height_and_width():
    case = spine_case()
    case["geometry"]["rings"] = [{"name": "ring", "height": "0.5 um", "width": "100 nm"}]
    made = make_case(case)
    assert made.geometry.rings[0].on_wall == pytest.approx((0.45e-6, 0.55e-6))
    case["geometry"]["rings"] = [{"name": "ring", "height": "0.5 um"}]
    with pytest.raises(CaseError, match="together"):
        make_case(case)
    case["geometry"]["rings"] = [{"name": "ring", "z": ["0.5 um", "0.5 um"]}]
    with pytest.raises(CaseError, match="some width"):
        make_case(case)
