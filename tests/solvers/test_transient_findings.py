"""What a hostile review of transients has found, one test each."""

import json
import math

import numpy as np
import pandas
import pytest

from spinepnp.case.case import make_case
from spinepnp.case.toml import parse_override, set_value
from spinepnp.errors import CaseError
from spinepnp.solvers import Boundary, Closed
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.time.transient import TransientProblem
from spinepnp.units import AVOGADRO, FARADAY
from support import CASES
from support.cases import GROUND, MS, SIGMOID, current, line, spine_case
from support.charged_cases import BATH
from support.commands import call, refusal, run
from support.ions import SALT, THREE


@pytest.mark.parametrize(
    ("keys", "charge"),
    [
        ({"t_peak": "0.1 ms", "onset": "50 ms"}, 1e-4),
        ({"t_peak": "0.1 ms", "count": 3, "interval": "30 ms"}, 3e-4),
        ({"t_peak": "0.01 ms", "onset": "2 ms"}, 1e-5),
    ],
)
def test_a_short_alpha_after_a_quiet_time_is_not_stepped_over(comm, keys, charge):
    problem = TransientProblem(line(comm), SALT, {"base": GROUND, "top": current(50, waveform="alpha", **keys)})
    steps = list(problem.steps(Schedule(100e-3)))
    passed = sum(step.passed["top"]["C"] for step in steps[-1:])
    assert passed == pytest.approx(50e-12 * charge * math.e, rel=2e-3)
    assert max(s.solution.boundary["top"].potential for s in steps) > 4e-3


def test_a_sine_is_followed_while_it_lasts_only(comm):
    top = current(5, waveform="sine", frequency="10 kHz", onset="99 ms")
    problem = TransientProblem(line(comm), SALT, {"base": GROUND, "top": top})
    steps = list(problem.steps(Schedule(100e-3)))
    assert sum(s.time < 99e-3 for s in steps) < 40
    assert sum(s.time > 99e-3 for s in steps) >= 80


def test_a_floating_boundary_follows_a_waveform(comm):
    """Its total current, displacement included, is zero before, while and after a pulse of another species enters."""
    top = Boundary(
        potential="floating", concentrations={"K": "155 mM"},
        current={"species": "N", "value": "50 pA", "waveform": "pulse", "onset": "1 ms", "duration": "1 ms"},
    )  # fmt: skip
    problem = TransientProblem(line(comm), THREE, {"base": GROUND, "top": top})
    for step in problem.steps(Schedule(3 * MS, (0.9 * MS, 1.9 * MS))):
        state = step.solution.boundary["top"]
        assert state.total_current + state.displacement == pytest.approx(0.0, abs=1e-18)
        if step.listed:
            assert state.current["N"] == pytest.approx(50e-12 if 1 * MS < step.time < 2 * MS else 0.0, abs=1e-18)


def test_amounts_are_those_of_the_case_where_a_membrane_grounds(comm):
    amounts = {"C": "100000 ions", "A": "100000 ions"}
    membrane = Boundary(capacitance={"value": "0.01 F/m^2", "outside": "0 mV"})
    problem = TransientProblem(line(comm), SALT, {"top": membrane}, closed=Closed(amounts=amounts))
    first = problem.begin()
    for value in first.volume.amount.values():
        assert value * AVOGADRO == pytest.approx(1e5, rel=1e-12)


def test_a_source_cannot_charge_what_nothing_grounds():
    case = spine_case(boundaries={"base": {}}, closed={})
    case["electrolyte"]["species"][0]["source"] = "10 mM/s"
    with pytest.raises(CaseError, match="the sources charge a domain"):
        make_case(case)


@pytest.mark.parametrize(("value", "duration"), [(0, 100.0), (50, 5000.0)])
def test_a_long_quiet_time_is_no_open_balance(comm, value, duration):
    """Steps far longer than anything in the domain leave rounding of the fluxes."""
    top = current(value, onset=f"{0.5 * duration} s")
    problem = TransientProblem(line(comm, size="2 nm"), SALT, {"base": GROUND, "top": top})
    *_, last = problem.steps(Schedule(duration))
    assert last.solution.boundary["base"].current["C"] == pytest.approx(-value * 1e-12, rel=1e-6, abs=1e-17)


FAMILY = (
    "--set", "geometry.dimension=axisymmetric", "--set", "mesh.size=200 nm", "--set", "study.duration=1 ms",
    "--set", "study.fields=none", "--set", "study.vary=boundaries.cap.current.value",
)  # fmt: skip


def family(out, values, *more):
    return run(str(CASES / "spine_alpha.toml"), *FAMILY, "--set", f"study.values={values}", "--output", str(out), *more)


def test_force_leaves_nothing_of_the_points_before(tmp_path):
    out = tmp_path / "out"
    assert family(out, '["20 pA", "30 pA"]') == 0
    summary = json.loads((out / "summary.json").read_text())
    assert {"mesh", "boundaries", "ion_balance_relative", "peaks"} <= set(summary)
    assert summary["boundaries"]["cap"]["current_pA"]["Na"] == pytest.approx(
        pandas.read_csv(out / "observables.csv")["cap.current_pA.Na"].iloc[-1]
    )
    assert (out / "fields.vtu").exists()
    assert family(out, '["50 pA"]', "--force") == 0
    assert [p.name for p in (out / "points").iterdir()] == ["0001"]


def test_totals_add_up_over_a_resume(tmp_path):
    out = tmp_path / "out"
    case = [str(CASES / "spine_alpha.toml"), *FAMILY[:6], "--output", str(out)]
    assert run(*case) == 0
    before = json.loads((out / "summary.json").read_text())
    assert run(*case, "--resume") == 0
    after = json.loads((out / "summary.json").read_text())
    assert after["newton_iterations"] == before["newton_iterations"] > 0
    assert after["seconds"] >= 0.9 * before["seconds"]


def test_a_table_that_has_changed_is_told_at_a_resume(tmp_path, capfd):
    table = tmp_path / "current.csv"
    table.write_text("time_ms,current_pA\n0,0\n1,40\n")
    out = tmp_path / "out"
    case = [
        str(CASES / "spine_alpha.toml"), *FAMILY[:6], "--set",
        f"boundaries.cap.current={{species='Na', waveform='table', file='{table}'}}", "--output", str(out),
    ]  # fmt: skip
    assert run(*case) == 0
    table.write_text("time_ms,current_pA\n0,0\n1,400\n")
    assert run(*case, "--resume") == 2
    assert "has changed since" in capfd.readouterr().err.splitlines()[-1]


def test_check_explains_a_transient_beyond_the_steady_limit(capfd):

    cut = "boundaries.cap.current={species='Na', value='-500 pA', waveform='pulse', duration='1 us'}"
    assert call("check", str(CASES / "spine_alpha.toml"), "--set", "geometry.dimension=axisymmetric", "--set", cut) == 0
    assert "for a while" in capfd.readouterr().out


@pytest.mark.parametrize(("case", "message"), [
    ({"study": {"kind": "transient", "duration": "1e-19 s"}}, "shorter than a millionth"),
    ({"study": {"kind": "transient", "duration": "1 ms", "times": []}}, "must have at least one entry"),
    ({"boundaries": {"cap": {"current": {"species": "C", "value": "1 pA", "waveform": "sine",
      "frequency": "1e12 Hz"}}}}, "would take more than 1e+06 steps"),
    ({"boundaries": {"cap": {"current": {"species": "C", "value": "1 pA", "waveform": "pulse",
      "duration": "1e-12 ms"}}}}, "too short to be hit"),
])  # fmt: skip
def test_what_no_step_could_follow_is_refused(case, message):
    assert message in str(refusal(make_case, spine_case(**case)))


@pytest.mark.parametrize("path", ["channel.maximum", "channel.0.maximum", "channel.C.maximum"])
@pytest.mark.parametrize("several", [False, True])
def test_one_channel_is_found_with_and_without_its_number(path, several):
    case = spine_case(boundaries={"ring": {"channel": [SIGMOID] if several else SIGMOID}})
    data = make_case(case).to_dict()
    set_value(data, f"boundaries.ring.{path}", "3 pA")
    assert make_case(data).boundaries["ring"].channels[0].maximum == pytest.approx(3e-12)


def test_one_current_is_found_by_its_number():
    data = make_case(spine_case(boundaries={"cap": {"current": {"species": "C", "value": "1 pA"}}})).to_dict()
    for path in ("current.0.value", "current.C.value", "current.value"):
        set_value(data, *parse_override(f"boundaries.cap.{path}=7 pA"))
        assert make_case(data).boundaries["cap"].injections[0].value == pytest.approx(7e-12)


def test_a_law_of_given_currents_refuses_channels():
    case = {
        "geometry": {"shape": "cylinder", "length": "1 um", "radius": "100 nm"},
        "electrolyte": SALT.model_dump(mode="json", exclude_none=True),
        "boundaries": {"base": BATH, "top": {"current": {"species": "C", "value": "10 pA"}, "channel": SIGMOID}},
        "compare": {"law": "cylinder"},
    }
    with pytest.raises(CaseError, match="no channels"):
        make_case(case)


def test_a_phase_has_a_sign(comm):
    top = current(10, waveform="sine", frequency="1 kHz", phase="-90 deg")
    problem = TransientProblem(line(comm, size="50 nm"), SALT, {"base": GROUND, "top": top})
    *_, step = problem.steps(Schedule(0.25 * MS, (), 1e-3))
    assert step.solution.boundary["top"].current["C"] == pytest.approx(0.0, abs=1e-20)
    assert np.isfinite(step.passed["base"]["C"] / FARADAY)
