"""Charge of synapses: what enters, what reaches the dendrite, and the ions that carry it there."""

import numpy as np
import pytest

from spinepnp.solvers import Schedule, TransientProblem
from spinepnp.solvers.time.checkpoint import pack, unpack
from spinepnp.solvers.time.steps import Steps
from support.cases import GROUND, MS, line
from support.ions import THREE

#: A synapse that takes N in and a little K out; it is open for 10 us.
SYNAPSE = {
    "name": "AMPA", "law": "ohmic", "conductance": "1 nS", "reversal": "50 mV", "carriers": {"N": 1.2, "K": -0.2},
    "waveform": "pulse", "onset": "10 us", "duration": "10 us",
}  # fmt: skip
CLOSED = {"base": GROUND, "top": {"mechanism": [SYNAPSE]}}
LEAK = {"name": "leak", "law": "ohmic", "species": "K", "conductance": "1 mS/cm^2", "reversal": "-40 mV"}
GATED = {
    "name": "Kv", "law": "ohmic", "species": "K", "conductance": "1 mS/cm^2", "reversal": "-40 mV",
    "gates": {"kinetics": "rtm_n", "power": 4},
}  # fmt: skip
CARRIED = np.array([1.2, -0.2, 0.0])
NAMES = ("N", "K", "A")


@pytest.fixture(scope="module")
def neck(comm):
    return line(comm, size="50 nm")


def solve(mesh, boundaries, schedule, initial="rest"):
    with TransientProblem(mesh, THREE, boundaries) as problem:
        problem.begin(initial)
        return problem.run(schedule)


def parts(charges):
    return np.array([charges[name] for name in NAMES])


def entered(solution):
    """Charge of each species through the synapse, C."""
    charges = solution.mechanisms["top", "AMPA"].charge_in
    return np.array([charges.get(name, 0.0) for name in NAMES])


class TestClosedMembrane:
    """All charge reaches the base, as nothing leaks: at once by the ions of the bath, later by those that entered."""

    @pytest.fixture(scope="class")
    @classmethod
    def steps(cls, neck):
        return solve(neck, CLOSED, Schedule(duration=80 * MS, times=(0.02 * MS,), tolerance=1e-5))

    def test_at_once_each_ion_of_the_bath_carries_its_share_of_the_conductivity(self, steps):
        early = next(step.solution for step in steps if step.time == pytest.approx(0.02 * MS))
        species = THREE.species
        share = np.array([s.valence**2 * s.diffusivity * s.concentration for s in species])
        share /= share.sum()
        total = entered(early).sum()
        assert entered(early) == pytest.approx(CARRIED * total, rel=1e-12)
        assert parts(early.boundary["base"].charge_out) == pytest.approx(share * total, rel=2e-3)

    def test_in_the_end_what_has_entered_has_left(self, steps):
        last = steps[-1].solution
        total = entered(last).sum()
        assert total > 0.0
        out = parts(last.boundary["base"].charge_out)
        assert out.sum() == pytest.approx(total, rel=1e-9)
        assert out == pytest.approx(CARRIED * total, abs=1e-6 * total)

    def test_the_charge_is_the_integral_of_the_current(self, steps):
        trace = steps.trace()
        t, I = trace["time_ms"].to_numpy(), trace["top.AMPA.current_pA.total"].to_numpy()
        open_ = t <= 0.02 * (1 + 1e-12)
        assert trace["top.AMPA.charge_fC.total"].iloc[-1] == pytest.approx(np.trapezoid(I[open_], t[open_]), rel=1e-3)
        for place, charge in (("top.AMPA", "charge_fC"), ("base", "charge_out_fC")):
            species = [n for n in NAMES if f"{place}.{charge}.{n}" in trace]
            assert trace[f"{place}.{charge}.total"].to_numpy() == pytest.approx(
                trace[[f"{place}.{charge}.{n}" for n in species]].sum(axis=1).to_numpy(), abs=1e-12
            )
        assert "top.AMPA.charge_fC.A" not in trace

    def test_rows_and_trace_agree_and_the_peak_is_that_of_the_current(self, steps):
        rows, trace = steps.to_frame(), steps.trace([step.time for step in steps])
        for name in ("top.AMPA.charge_fC.N", "top.AMPA.charge_fC.total", "base.charge_out_fC.K"):
            assert rows[name].to_numpy() == pytest.approx(trace[name].to_numpy(), rel=1e-9, abs=1e-12)
        peak = steps.peaks()["top.AMPA.current_pA.total"]
        assert peak["value"] == pytest.approx(1.0 * 50, rel=1e-3)  # pA: 1 nS times 50 mV, before the potential rises
        assert peak["time_ms"] == pytest.approx(0.01, rel=1e-3)


def test_an_outward_current_has_a_peak_too(neck):
    """Its largest size, with its sign."""
    outward = {"base": GROUND, "top": {"mechanism": [{**SYNAPSE, "reversal": "-50 mV"}]}}
    peak = solve(neck, outward, Schedule(duration=0.03 * MS, tolerance=1e-2)).peaks()["top.AMPA.current_pA.total"]
    assert peak["value"] == pytest.approx(-50.0, rel=1e-3)


class TestAwayFromEquilibrium:
    """A leak in the wall, whose current at rest is no part of the charge of a synapse."""

    def boundaries(self, **base):
        wall = {"mechanism": [LEAK, GATED], "capacitance": {"value": "1 uF/cm^2"}}
        synapse = {**SYNAPSE, "onset": "1 ms"}
        return {"base": base or GROUND, "wall": wall, "top": {"mechanism": [synapse]}}

    def test_before_the_synapse_opens_no_charge_has_passed(self, neck):
        steps = solve(neck, self.boundaries(), Schedule(duration=0.5 * MS, tolerance=1e-3))
        last = steps[-1].solution
        flow = last.boundary["base"].total_current
        assert abs(flow) > 1e-14  # A
        assert np.abs(parts(last.boundary["base"].charge_out)).max() < 1e-6 * abs(flow) * 0.5 * MS
        assert entered(last) == pytest.approx(0.0, abs=0.0)

    def test_from_the_bulk_all_charge_counts(self, neck):
        steps = solve(neck, self.boundaries(), Schedule(duration=0.01 * MS, tolerance=1e-2), initial="bulk")
        passed = parts(steps[-1].passed["base"])
        assert parts(steps[-1].solution.boundary["base"].charge_out) == pytest.approx(-passed, rel=1e-12)

    def test_a_transient_that_resumes_goes_on_counting(self, neck):
        with TransientProblem(neck, THREE, self.boundaries()) as first:
            first.begin("rest")
            last = first.run(Schedule(duration=1.005 * MS, tolerance=1e-2))[-1].solution
            packed = pack(first)
            assert np.abs(packed["resting"]).max() > 0.0
            again = unpack(first, packed)
        assert again.boundary["base"].charge_out == last.boundary["base"].charge_out
        assert again.mechanisms["top", "AMPA"].charge_in == last.mechanisms["top", "AMPA"].charge_in

    def test_the_trace_has_gates_of_mechanisms_and_what_a_load_takes(self, neck):
        load = {"load": {"resistance": "200 MOhm", "capacitance": "1 pF", "rest": "0 mV"}, "concentrations": "bulk"}
        steps = solve(neck, self.boundaries(**load), Schedule(duration=1.02 * MS, tolerance=1e-2))
        rows, trace = steps.to_frame(), Steps.trace(steps, [step.time for step in steps])
        for name in ("wall.Kv.gate.rtm_n", "base.load.potential_mV", "base.load.current_pA"):
            assert np.ptp(rows[name]) > 0.0
            assert trace[name].to_numpy() == pytest.approx(rows[name].to_numpy(), rel=1e-9, abs=1e-9), name


def test_without_a_synapse_nothing_is_counted(neck):
    open_ = {"name": "leak", "law": "ohmic", "species": "K", "conductance": "20 pS", "reversal": "50 mV"}
    steps = solve(neck, {"base": GROUND, "top": {"mechanism": [open_]}}, Schedule(duration=1e-8, tolerance=1e-2))
    assert not [name for name in [*steps.to_frame(), *steps.trace()] if "charge_out" in name or ".charge_fC." in name]
