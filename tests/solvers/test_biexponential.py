"""The waveform of a synapse, and tables of a factor without a unit."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from spinepnp.errors import CaseError
from spinepnp.solvers.model.tables import read_columns
from spinepnp.solvers.model.terms.dirichlet import PotentialWaveform
from spinepnp.solvers.model.terms.injection import Injection
from spinepnp.units import FACTOR, TIME
from spinepnp.validation.suite import stimuli as references

MS, mV = 1e-3, 1e-3


def synapse(**keys):
    return Injection(species="Na", waveform="biexponential", value="50 pA", **keys)


class TestBiexponential:
    @pytest.mark.parametrize(
        ("rise", "decay"), [(0.2, 2.0), (2.0, 100.0), (1.0, 1.001), (5.0, 5.000000000000001), (1e-4, 50.0)]
    )
    def test_its_peak_is_one_and_at_its_time(self, rise, decay):
        profile = synapse(rise=f"{rise!r} ms", decay=f"{decay!r} ms", onset="3 ms").time_profile
        peak = 3.0 + rise * (1.0 if decay - rise < 1e-6 else decay / (decay - rise) * math.log(decay / rise))
        assert profile.factor(peak * MS, math.inf) == pytest.approx(1.0, abs=1e-12)
        assert profile.largest == pytest.approx(1.0, abs=1e-12)
        beside = [profile.factor((3.0 + (peak - 3.0) * f) * MS, math.inf) for f in (0.99, 1.01)]
        assert max(beside) < 1.0
        assert profile.factor(3.0 * MS, 4.0 * MS) == profile.factor(0.0, 0.0) == 0.0
        assert profile.jumps == ()

    def test_its_charge(self):
        profile = synapse(rise="0.2 ms", decay="2 ms").time_profile
        charge, _ = quad(lambda t: profile.factor(t, t), 0.0, 80 * MS, points=[0.5 * MS, 5 * MS], epsabs=1e-16)
        t = 0.2 * 2 / 1.8 * math.log(10.0)
        assert charge == pytest.approx(1.8 * MS / (math.exp(-t / 2.0) - math.exp(-t / 0.2)), rel=1e-9)

    def test_a_train_adds_up(self):
        train = synapse(rise="1 ms", decay="10 ms", onset="2 ms", count=3, interval="4 ms")
        single = synapse(rise="1 ms", decay="10 ms").time_profile
        times = np.linspace(0.0, 40 * MS, 4001)
        values = [train.time_profile.factor(t, t) for t in times]
        assert values == pytest.approx([sum(single.factor(t - s * MS, 1.0) for s in (2, 6, 10)) for t in times])
        assert max(values) == pytest.approx(train.time_profile.largest, rel=1e-5)
        assert train.time_profile.largest >= max(values)
        assert np.array(train.time_profile.breaks) == pytest.approx(np.array([2, 6, 10]) * MS)

    def test_steps_begin_small_after_each_onset(self):
        profile = synapse(rise="1 ms", decay="10 ms", onset="2 ms", count=2, interval="100 ms").time_profile
        peak = 10.0 / 9.0 * math.log(10.0) * MS
        steps = [profile.longest_step(t * MS) for t in (1.0, 2.0, 7.0, 102.0)]
        assert steps == pytest.approx([math.inf, peak / 10.0, 5 * MS, peak / 10.0])
        assert profile.longest_step(0.6) == math.inf

    def test_the_reference_of_validation_has_it_once_more(self):
        train = synapse(rise="1 ms", decay="10 ms", onset="2 ms", count=3, interval="4 ms")
        for t in np.linspace(0.0, 30 * MS, 61):
            assert references.current(train, 1.0, t) == pytest.approx(train.at(t, t).value, rel=1e-12, abs=1e-24)

    def test_a_potential(self):
        clamp = PotentialWaveform(waveform="biexponential", value="50 mV", before="-70 mV", rise="1 ms", decay="9 ms")
        assert clamp.extremes() == pytest.approx((-70 * mV, 50 * mV))
        assert clamp.at(9 / 8 * math.log(9.0) * MS, 1.0) == pytest.approx(50 * mV)
        assert clamp.first == pytest.approx(-70 * mV)

    @pytest.mark.parametrize(("keys", "message"), [
        ({"rise": "1 ms"}, "needs decay"),
        ({"decay": "1 ms"}, "needs rise"),
        ({"rise": "2 ms", "decay": "2 ms"}, "the rise must be shorter than the decay"),
        ({"rise": "3 ms", "decay": "2 ms"}, "the rise must be shorter than the decay"),
        ({"rise": "0 ms", "decay": "2 ms"}, "greater than zero"),
        ({"rise": "1 ms", "decay": "2 ms", "t_peak": "1 ms"}, "t_peak is no key of waveform"),
        ({"rise": "1 ms", "decay": "2 ms", "count": 2}, "needs both count"),
    ])  # fmt: skip
    def test_what_is_refused(self, keys, message):
        with pytest.raises(CaseError, match=message):
            synapse(**keys)


class TestFactors:
    def test_a_table_of_a_factor_has_no_unit(self, tmp_path):
        (tmp_path / "f.csv").write_text("time_ms,factor\n0,0\n1,0.5\n3,1\n")
        times, values = read_columns(str(tmp_path / "f.csv"), TIME, FACTOR)
        assert times == pytest.approx([0.0, 1e-3, 3e-3])
        assert values.tolist() == [0.0, 0.5, 1.0]

    @pytest.mark.parametrize(("text", "message"), [
        ("time_ms,factor_mV\n0,0\n1,1\n", "needs a column of the factor; write the header time_ms,factor"),
        ("time_ms,factor\n0,0\n1,one\n", "a value of factor is no number$"),
        ("time_ms,factor\n0,0\n1,1e9\n", "1e9 in the column factor is too large a factor to be meant"),
    ])  # fmt: skip
    def test_bad_tables(self, tmp_path, text, message):
        (tmp_path / "f.csv").write_text(text)
        with pytest.raises(ValueError, match=message):
            read_columns(str(tmp_path / "f.csv"), TIME, FACTOR)
