"""Validation cases: what they refuse, what they report, and that faults of the physics do not pass them."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import CASES

from spinepnp.case import make_case
from spinepnp.errors import CaseError
from spinepnp.solvers import advance, formulation, time_stepping
from spinepnp.solvers.channels import Channel
from spinepnp.solvers.coupling import Coupling
from spinepnp.solvers.measure import Measure
from spinepnp.validate import solve
from spinepnp.validate.judge import by_case, describe, examine, summary
from spinepnp.validate.plan import load_subject, load_subjects
from spinepnp.validate.report import make_folder, write_report
from spinepnp.validate.solve import refinements
from spinepnp.validate.suite import run_validation
from spinepnp.validation.analytic import ElectroneutralLaw
from spinepnp.validation.gnp import table

FOLDER = CASES / "validation"
NAMES = [path.stem for path in sorted(FOLDER.glob("*.toml"))]

#: A second or two each; `./spine validate` has them all.
QUICK = [
    "ball_membrane", "box1_salt", "charged_wall", "closed_ball", "cone", "corrugated", "cylinder_100", "cylinder_50",
    "cylinder_75", "cylinder_three_species", "cytosol", "gel", "junction", "line", "membrane", "pore_ampa",
    "pore_gaba", "pore_leak", "rings", "rings_channels", "shell", "spine_head", "spine_head_50", "spine_head_75",
    "throat_confocal",
]  # fmt: skip
KEYS = {"case", "quantity", "reference", "value", "error", "estimate", "tolerance", "passed", "figure", "reason"}


def subject(name):
    return load_subject(FOLDER / f"{name}.toml")


def changed(name, change):
    """A validation case whose case was changed behind its back."""
    found = subject(name)
    data = found.case.to_dict()
    change(data)
    return replace(found, case=make_case(data))


def failing(subjects, comm):
    return [v for s in subjects for v in examine(s, comm) if not v.passed]


# --- what is solved


@pytest.mark.parametrize("name", NAMES)
def test_every_case_can_be_read_and_refined(name):
    found = subject(name)
    if found.case is None:
        assert found.plan.neurons
        return
    *_, (name, finer) = refinements(found.case, found.plan.finer)
    assert name == "mesh"
    assert finer.mesh != found.case.mesh
    assert all(check.why and check.name for check in found.plan.checks)


def test_quick_cases_pass_and_their_error_bars_hold(comm):
    """The estimate, with what the reference leaves open, covers nine of ten errors; most within a factor 10."""
    verdicts = run_validation(load_subjects(FOLDER, QUICK, full=False), comm)
    assert [v for v in verdicts if not v.passed] == []
    assert sorted({v.case for v in verdicts}) == sorted(QUICK)
    bars = [(abs(v.error), v.estimate + v.uncertainty) for v in verdicts if v.estimate is not None]
    assert np.mean([error <= bar for error, bar in bars]) >= 0.9
    assert np.median([bar / max(error, 1e-16) for error, bar in bars]) <= 10.0


@pytest.mark.mpi
def test_ranks_share_the_cases_and_all_know_the_verdicts(comm):
    wanted = load_subjects(FOLDER, ["line", "cone", "cylinder_50"], full=False)
    verdicts = run_validation(wanted, comm)
    assert [v[0].case for v in by_case(verdicts)] == [s.name for s in wanted]
    assert len({tuple((v.case, v.point, v.value) for v in part) for part in comm.allgather(verdicts)}) == 1
    assert all(v.passed for v in verdicts)


# --- what is reported


def test_a_failing_case_comes_first_and_is_told(comm, tmp_path):
    strict = subject("line")
    checks = tuple(c.model_copy(update={"tolerance": 1e-9}) for c in strict.plan.checks)
    strict = replace(strict, name="strict", plan=strict.plan.model_copy(update={"checks": checks}))
    verdicts = run_validation([subject("line"), strict], comm)
    assert [part[0].case for part in by_case(verdicts)] == ["strict", "line"]
    assert describe(by_case(verdicts)[0]).startswith("strict: FAILED")
    assert summary(verdicts)[0].startswith("strict: FAILED")
    assert summary(verdicts)[-1] == "2 cases, 8 numbers: 1 FAILED"
    make_folder(tmp_path / "out")
    rows = json.loads(write_report(verdicts, tmp_path / "out").read_text())
    assert len(rows) == 8
    assert all(set(row) >= KEYS for row in rows)


def test_a_case_without_solution_fails_with_its_reason(comm):
    def beyond_the_limit(data):
        data["study"]["values"] = ["-900 pA"] * 4

    verdicts = examine(changed("line", beyond_the_limit), comm)
    assert not any(v.passed for v in verdicts)
    assert "current" in verdicts[0].reason
    assert verdicts[0].value is None


def test_numbers_of_a_paper_pass_where_they_do_what_is_expected_of_them(comm, monkeypatch):
    verdicts = examine(subject("neurons_channels"), comm)
    assert all(v.passed for v in verdicts)
    assert {v.verdict for v in verdicts} == {"agrees", "differs", "vanishes"} & {v.verdict for v in verdicts}
    assert any(v.verdict == "differs" and v.why for v in verdicts)
    monkeypatch.setattr(table, "judge", lambda *_: "agrees")
    surprised = [v for v in examine(subject("neurons_channels"), comm) if not v.passed]
    assert surprised
    assert all(v.reason.startswith("agrees, expected: ") for v in surprised)


def test_the_estimate_of_a_transient_has_parts(comm):
    verdicts = examine(subject("line_onset"), comm)
    assert all(v.passed and set(v.parts) == {"time", "mesh"} for v in verdicts)
    assert all(v.estimate == pytest.approx(sum(v.parts.values())) for v in verdicts)
    assert [v.point for v in verdicts[:2]] == ["1e-06 ms", "3e-06 ms"]


def test_the_verb(spinepnp, tmp_path):
    done = spinepnp("validate", "line", "--output", "out")
    assert done.returncode == 0
    assert done.stderr.startswith("[1/1] line: ok, 4 numbers")
    assert done.stdout.startswith("1 cases, 4 numbers: all passed")
    assert all(row["passed"] for row in json.loads((tmp_path / "out" / "report.json").read_text()))
    (tmp_path / "file").write_text("")
    for place in ("/proc/nowhere", "file"):
        refused = spinepnp("validate", "line", "--output", place)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert len(refused.stderr.splitlines()) == 1
        assert "--output" in refused.stderr
    wrong = spinepnp("validate", "lime")
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1
    assert "line" in wrong.stderr


@pytest.mark.parametrize(
    "what",
    ["keys", "section", "column", "unknown", "base", "tolerance", "law", "formula", "number", "both", "one", "neurons"],
)
def test_what_is_wrong_with_a_file_is_told_in_a_line(tmp_path, what):
    text = (FOLDER / "line.toml").read_text().replace("../", f"{CASES}/")
    text = {
        "keys": text.replace("[10, 50, 100, 200]", "[10, 50, 100]"),
        "section": text.replace('section = "cylinder"', 'section = "cylindre"'),
        "column": text.replace("V_full", "V_empty"),
        "unknown": text + '\nwy = "x"\n',
        "base": text.replace("cylinder_iv", "cylinder_vi"),
        "tolerance": text.replace("1e-5", "-1e-5"),
        "formula": text.replace('section = "cylinder"', 'formula = "electro", section = "cylinder"'),
        "number": text.replace('section = "cylinder"', 'formula = "leaving", section = "cylinder"'),
        "both": text.replace('section = "cylinder"', 'one_dimension = true, section = "cylinder"'),
        "one": re.sub(r"reference = .*", "reference = { one_dimension = true }", text).replace(
            "cylinder_iv", "cone_neck"
        ),
        "neurons": text.replace("base ", 'neurons = ["rest"]\nbase '),
        "law": text.replace('section = "cylinder"', 'law = "potential_mV"'),
    }[what]
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(CaseError) as caught:
        load_subject(path)
    assert len(str(caught.value).splitlines()) == 1
    assert "bad" in str(caught.value)


# --- deliberate faults: each kills a case that has a name


def test_permittivity_times_two_is_found(comm):
    def double(data):
        data["electrolyte"]["permittivity"] = 160.0

    assert failing([changed("cylinder_50", double)], comm)


def test_three_percent_of_area_are_found(comm):
    def widen(data):
        data["geometry"]["radius"] = f"{50 * 1.03**0.5} nm"

    assert failing([changed("cylinder_50", widen)], comm)


def test_the_valence_of_the_anion_is_found(comm):
    def divalent(data):
        data["electrolyte"]["species"][1] |= {"valence": -2, "concentration": "83.5 mM"}
        data["compare"]["law"] = "electroneutral"  # the other one refuses it

    assert failing([changed("line", divalent)], comm)


def test_swapped_diffusivities_are_found(comm):
    def swap(data):
        species = data["electrolyte"]["species"]
        assert species[0]["diffusivity"] != species[1]["diffusivity"]
        species[0]["diffusivity"], species[1]["diffusivity"] = species[1]["diffusivity"], species[0]["diffusivity"]

    assert failing([changed("cylinder_three_species", swap)], comm)


def test_a_factor_two_in_the_law_is_found(comm, monkeypatch):
    correct = ElectroneutralLaw.voltage
    monkeypatch.setattr(ElectroneutralLaw, "voltage", lambda law, current, G: correct(law, 2.0 * current, G))
    assert {v.case for v in failing([subject("shell"), subject("cone")], comm)} == {"shell", "cone"}


def test_poisson_dropped_is_found(comm, monkeypatch):
    correct = solve.state_of

    def electroneutral(solution, law):
        state = correct(solution, law)
        top = state["boundaries"]["top"]
        top["potential_mV"] = top["electroneutral_potential_mV"]
        return state

    monkeypatch.setattr(solve, "state_of", electroneutral)
    assert {v.case for v in failing([subject("line"), subject("cylinder_50")], comm)} == {"line", "cylinder_50"}


def test_the_sign_of_the_drift_is_found(comm, monkeypatch):
    correct = formulation.Densities.flux
    monkeypatch.setattr(formulation.Densities, "flux", lambda self, w, valence: correct(self, w, -valence))
    assert failing([subject("line")], comm)


def test_two_pi_r_omitted_is_found(comm, monkeypatch):
    correct = Measure.__init__

    def plain(self, mesh):
        correct(self, mesh)
        if mesh.geometry.dimension == "axisymmetric":
            self.weight = self.weight * 0.0 + 1.0

    monkeypatch.setattr(Measure, "__init__", plain)
    assert failing([subject("shell")], comm)


def test_a_lost_displacement_current_is_found(comm, monkeypatch):
    correct = time_stepping._rates

    def without(*arguments):
        rates = correct(*arguments)
        return replace(rates, charge_rate=0.0 * rates.charge_rate)

    monkeypatch.setattr(time_stepping, "_rates", without)
    quantities = {v.quantity for v in failing([subject("line_onset")], comm)}
    assert "base.current_pA.total + base.current_pA.displacement" in quantities


def test_channels_lagged_by_a_step_are_found(comm, monkeypatch):
    """Their current is that of the potential at the start of the step, as an explicit coupling would have it."""
    step, current, before = advance.take_step, Coupling._current, {}

    def lagged_step(problem, *arguments):
        before["means"] = problem.system.state.means.copy()
        try:
            return step(problem, *arguments)
        finally:
            before.clear()

    def lagged(self, entry, means):
        found = current(self, entry, before.get("means", means))
        return (found[0], 0.0, 0.0) if before else found

    monkeypatch.setattr(advance, "take_step", lagged_step)
    monkeypatch.setattr(Coupling, "_current", lagged)
    early = changed("line_channels", lambda data: data["study"].update(times=["0.5 ms", "0.8 ms"]))
    assert {v.case for v in failing([early], comm)} == {"line_channels"}


def test_a_channel_that_lets_in_twice_its_current_is_found(comm, monkeypatch):
    """References have channels of their own, in space and in one dimension."""
    correct = Channel.all_open
    monkeypatch.setattr(Channel, "all_open", lambda *a, **k: tuple(2.0 * x for x in correct(*a, **k)))
    early = changed("line_channels", lambda data: data["study"].update(times=["0.5 ms", "0.8 ms"]))
    assert {v.case for v in failing([subject("rings_channels"), early], comm)} == {"rings_channels", "line_channels"}


def test_a_wrong_tortuosity_is_found(comm):
    assert failing([changed("cylinder_three_species", lambda data: data["electrolyte"].update(tortuosity=1.9))], comm)


# --- what breaks one case does not take the others with it


def test_a_check_that_breaks_is_a_failed_one(comm, tmp_path):
    broken = subject("line")
    checks = tuple(c.model_copy(update={"over": "base.potential_mV"}) for c in broken.plan.checks)
    broken = replace(broken, name="broken", plan=broken.plan.model_copy(update={"checks": checks}))
    verdicts = run_validation([subject("line"), broken], comm)
    assert [part[0].case for part in by_case(verdicts)] == ["broken", "line"]
    assert "ZeroDivisionError" in verdicts[0].reason
    assert json.loads(write_report(verdicts, tmp_path).read_text())


def test_a_number_that_is_not_finite_fails_and_can_be_written(comm, monkeypatch, tmp_path):
    monkeypatch.setattr(ElectroneutralLaw, "voltage", lambda law, current, G: np.nan)
    verdicts = examine(subject("cytosol"), comm)
    bad = [v for v in verdicts if not v.passed]
    assert [v.value for v in bad] == [None]
    assert "finite" in bad[0].reason
    write_report(verdicts, tmp_path)


def test_the_report_before_stays_until_there_is_another(tmp_path):
    (tmp_path / "report.json").write_text("[1]")
    make_folder(tmp_path)
    assert (tmp_path / "report.json").read_text() == "[1]"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
