"""Validation cases: what they refuse, what they report, and that faults of the physics do not pass them."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import interpolate

from spinepnp.case.case import make_case
from spinepnp.case.toml import set_value
from spinepnp.errors import CaseError, SolveError
from spinepnp.solvers.fem.measure import Measure
from spinepnp.solvers.model import waveforms
from spinepnp.solvers.model.channels import Channel, GateStep
from spinepnp.solvers.model.waveforms import _time_profile
from spinepnp.solvers.pnp import variables
from spinepnp.solvers.pnp.terms.channel import Channels
from spinepnp.solvers.time import adaptive, dirk
from spinepnp.units import FARADAY
from spinepnp.validation.gnp import table
from spinepnp.validation.laws import ElectroneutralLaw
from spinepnp.validation.reference.table import load
from spinepnp.validation.report.record import default_folder, make_folder, write_report
from spinepnp.validation.suite import assess, solve
from spinepnp.validation.suite import stimuli as references
from spinepnp.validation.suite.assess import by_case, describe, examine, summary
from spinepnp.validation.suite.context import FormulaContext
from spinepnp.validation.suite.formulas import FORMULAS
from spinepnp.validation.suite.plan import load_subject, load_subjects
from spinepnp.validation.suite.run import run_validation
from spinepnp.validation.suite.solve import refinements
from support import CASES
from support.commands import call, refusal, refused

FOLDER = CASES / "validation"
NAMES = [path.stem for path in sorted(FOLDER.glob("*.toml"))]

#: One case of each kind, a second or less each; `./spine validate` has them all.
QUICK = [
    "box1_salt", "charged_wall", "closed_ball", "cone", "corrugated", "cylinder_50", "cytosol", "gel", "gel_membrane",
    "junction", "line", "line_constant_field", "line_table", "membrane", "pore_ampa", "pore_gaba", "pore_leak",
    "rings_channels", "shell", "spine_head", "throat_confocal",
]  # fmt: skip
KEYS = {"case", "quantity", "reference", "value", "error", "estimate", "tolerance", "passed", "figure", "reason"}


def subject(name):
    return load_subject(FOLDER / f"{name}.toml")


def changed(name, change):
    found = subject(name)
    data = found.case.to_dict()
    change(data)
    return replace(found, case=make_case(data))


def failing(subjects, comm):
    """Verdicts that do not pass, of one solve a case: a fault is in the error, whatever the estimate says."""
    solved = {}

    def once(case, comm):
        if id(case) not in solved:
            solved[id(case)] = solve.observables(case, comm)
        return solved[id(case)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assess, "refinements", lambda case, keys: [("mesh", case)])
        patch.setattr(assess, "observables", once)
        return [v for s in subjects for v in examine(s, comm) if not v.passed]


# --- what is solved


@pytest.mark.parametrize("name", NAMES)
def test_every_case_can_be_read_and_refined(name):
    found = subject(name)
    if found.case is None:
        assert found.plan.neurons or found.plan.study
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
    monkeypatch.setattr(table, "assess", lambda *_: "agrees")
    surprised = [v for v in examine(subject("neurons_channels"), comm) if not v.passed]
    assert surprised
    assert all(v.reason.startswith("agrees, expected: ") for v in surprised)


def test_the_estimate_of_a_transient_has_parts(comm):
    verdicts = examine(subject("line_onset"), comm)
    assert all(v.passed and set(v.parts) == {"time", "mesh"} for v in verdicts)
    assert all(v.estimate == pytest.approx(sum(v.parts.values())) for v in verdicts)
    assert [v.point for v in verdicts[:2]] == ["1e-06 ms", "3e-06 ms"]


def test_the_verb(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert call("validate", "line", "--no-figures", "--output", "out") == 0
    told = capfd.readouterr()
    assert told.err.startswith("[1/1] line: ok, 4 numbers")
    assert told.out.startswith("1 cases, 4 numbers: all passed")
    assert all(row["passed"] for row in json.loads((tmp_path / "out" / "report.json").read_text()))
    (tmp_path / "file").write_text("")
    for place in ("/proc/nowhere", "file"):
        assert "--output" in refused(capfd, "validate", "line", "--output", place)
    assert "line" in refused(capfd, "validate", "lime")


@pytest.mark.parametrize(
    "what",
    [
        "keys",
        "section",
        "column",
        "unknown",
        "base",
        "tolerance",
        "law",
        "formula",
        "number",
        "both",
        "one",
        "neurons",
        "study",
    ],
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
        "study": 'title = "t"\nfigure = "-"\nstudy = "facilitatoin"\n',
        "law": text.replace('section = "cylinder"', 'law = "potential_mV"'),
    }[what]
    path = tmp_path / "bad.toml"
    path.write_text(text)
    assert "bad" in str(refusal(load_subject, path))


# --- deliberate faults: each kills a case that has a name


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("cylinder_50", {"electrolyte.permittivity": 160.0}),
        ("cylinder_50", {"geometry.radius": f"{50 * 1.03**0.5} nm"}),  # three percent of area
        ("cylinder_three_species", {"electrolyte.tortuosity": 1.9}),
        # The valence of the anion; the cylinder law refuses it.
        ("line", {"electrolyte.species.1.valence": -2, "electrolyte.species.1.concentration": "83.5 mM",
                  "compare.law": "electroneutral"}),
    ],
    ids=["permittivity", "area", "tortuosity", "valence"],
)  # fmt: skip
def test_a_wrong_value_is_found(comm, name, changes):
    def change(data):
        for path, value in changes.items():
            set_value(data, path, value)

    assert failing([changed(name, change)], comm)


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
    def turned(correct):
        return lambda self, w, valence: correct(self, w, -valence)

    for kind in (variables.ConcentrationVariables, variables.LogVariables, variables.EdgeFluxVariables):
        monkeypatch.setattr(kind, "flux", turned(kind.flux))
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
    correct = dirk._rates

    def without(*arguments, **keys):
        rates = correct(*arguments, **keys)
        return replace(rates, charge_rate=0.0 * rates.charge_rate)

    monkeypatch.setattr(dirk, "_rates", without)
    quantities = {v.quantity for v in failing([subject("line_onset")], comm)}
    assert "base.current_pA.total + base.current_pA.displacement" in quantities


def test_channels_lagged_by_a_step_are_found(comm, monkeypatch):
    """Their current is that of the potential at the start of the step, as an explicit coupling would have it."""
    step, current, before = adaptive.take_step, Channels._current, {}

    def lagged_step(problem, *arguments):
        before["means"] = problem.system.channels.constants.copy()
        try:
            return step(problem, *arguments)
        finally:
            before.clear()

    def lagged(self, entry):
        now, self.constants = self.constants, before.get("means", self.constants)
        found, self.constants = current(self, entry), now
        return (found[0], 0.0, 0.0) if before else found

    monkeypatch.setattr(adaptive, "take_step", lagged_step)
    monkeypatch.setattr(Channels, "_current", lagged)
    early = changed("line_channels", lambda data: data["study"].update(times=["0.5 ms", "0.8 ms"]))
    assert {v.case for v in failing([early], comm)} == {"line_channels"}


def test_a_channel_that_lets_in_twice_its_current_is_found(comm, monkeypatch):
    """References have channels of their own, in space and in one dimension."""
    correct = Channel.open_channel_current
    monkeypatch.setattr(Channel, "open_channel_current", lambda *a, **k: tuple(2.0 * x for x in correct(*a, **k)))
    early = changed("line_channels", lambda data: data["study"].update(times=["0.5 ms", "0.8 ms"]))
    assert {v.case for v in failing([subject("rings_channels"), early], comm)} == {"rings_channels", "line_channels"}


def slower_gates(monkeypatch):
    """By a twentieth."""
    correct = GateStep.end
    monkeypatch.setattr(GateStep, "end", lambda step, *rest: correct(replace(step, length=step.length / 1.05), *rest))


#: Waveforms that are wrong: by a hundredth of a radian, a hundredth of a millisecond, one pulse of two, a hundredth.
WRONG = {
    "sine": lambda correct: lambda onset, f, lasts, phase: correct(onset, f, lasts, phase - 0.01),
    "table": lambda correct: lambda file, onset, kind, **how: correct(file, onset + 1e-5, kind, **how),
    "pulses": lambda correct: lambda starts, lasts: correct(starts[:1], lasts),
    "ramp": lambda correct: lambda onset, lasts: correct(onset, 1.01 * lasts),
}


def outside_at_zero(monkeypatch):
    """The potential on the other side of a membrane is forgotten."""
    correct = Channel.open_channel_current

    def open_channel_current(channel, *arguments, **more):
        return correct(channel.model_copy(update={"outside_potential": None}), *arguments, **more)

    monkeypatch.setattr(Channel, "open_channel_current", open_channel_current)


def straight_table(monkeypatch):
    """Straight lines between the rows of a table of channels."""
    monkeypatch.setattr(interpolate, "PchipInterpolator", lambda x, y: interpolate.make_interp_spline(x, y, k=1))


def powerless_gates(monkeypatch):
    """All gates as if there were one of each."""
    correct = Channels._current

    def current(self, entry, *state):
        gates = tuple(gate.model_copy(update={"power": 1}) for gate in entry.channel.gates)
        return correct(self, replace(entry, channel=entry.channel.model_copy(update={"gates": gates})), *state)

    monkeypatch.setattr(Channels, "_current", current)


@pytest.mark.parametrize(
    ("fault", "name", "times"),
    [
        (slower_gates, "line_gates", ["0.3 ms", "0.6 ms"]),
        ("sine", "line_sine", ["0.3 ms", "0.5 ms"]),
        ("table", "line_sine", ["0.3 ms", "0.75 ms"]),
        ("pulses", "line_pulses", ["0.25 ms", "0.7 ms"]),
        ("ramp", "line_pulses", ["0.25 ms", "0.7 ms"]),
        (outside_at_zero, "line_constant_field", []),
        (powerless_gates, "line_constant_field", []),
        (straight_table, "line_table", []),
    ],
)
def test_a_fault_of_a_channel_or_a_waveform_is_found(comm, monkeypatch, fault, name, times):
    """Laws and waveforms that the reference has once more; see `spinepnp.validation.suite.stimuli`."""
    early = changed(name, lambda data: data["study"].update({"times": times} if times else {}))
    _time_profile.cache_clear()
    if fault in WRONG:
        monkeypatch.setattr(waveforms, fault, WRONG[fault](getattr(waveforms, fault)))
    else:
        fault(monkeypatch)
    try:
        found = failing([early], comm)
    finally:
        _time_profile.cache_clear()
    assert found
    assert not any(v.reason for v in found)


def test_references_have_the_same_waveforms_and_channels():
    """Written twice, they are one, on both sides of every jump."""
    for name in ("line_pulses", "line_biexponential", "line_sine", "line_gates", "line_channels"):
        for injection in subject(name).case.boundaries["top"].injections:
            bends = [0.0, *references.breaks(injection), 1.3e-3]
            assert set(injection.time_profile.breaks) <= {*bends}
            for bend in bends:
                for t in (bend - 1e-7, bend + 1e-7):
                    assert references.current(injection, 1.0, t) == pytest.approx(injection.at(t, t).value, abs=1e-24)
    more = {"area": 3e-14, "valence": 2, "thermal_voltage": 25e-3}
    for name in ("line_table", "line_gates", "line_constant_field", "line_channels"):
        for channel in subject(name).case.boundaries["top"].channels:
            for V in np.linspace(-30e-3, 30e-3, 301):
                own = references.gated(channel, V, 150.0, [1.0] * len(channel.gates), **more)
                assert own == pytest.approx(channel.open_channel_current(V, 150.0, **more)[0], rel=1e-9, abs=1e-24)


# --- the channels' scalar equations


def on_all_bands(**changes):

    def change(data):
        for name in ("head_top", "head_bottom", "neck_top", "neck_base"):
            data["boundaries"][name]["channel"][0].update(changes)

    return changed("rings_channels", change)


def band(found, name="head_top"):
    """Mean V of a band by the formula, mV."""
    return FORMULAS["band"].value(FormulaContext(found.case, f"{name}.potential_mV", {}))


def test_several_states_of_channels_are_told():
    """Closed near 6 mV, they would keep themselves open near 16 mV: nothing says which of them a solver should find."""
    with pytest.raises(SolveError, match=r"several solutions, from 6\.\d+ to 1\d\.\d+ mV at head_top"):
        band(on_all_bands(maximum="60 pA", half="8 mV", slope="0.3 mV"))


def test_several_states_of_channels_fail_the_case_with_that_reason(comm):
    verdicts = examine(on_all_bands(maximum="60 pA", half="8 mV", slope="0.3 mV"), comm)
    assert not any(v.passed for v in verdicts)
    assert all("several solutions" in v.reason for v in verdicts)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"maximum": "60 pA", "half": "4 mV"},  # open
        {"maximum": "20 pA", "half": "9 mV", "slope": "2 mV"},
        {"maximum": "-40 pA", "half": "5 mV", "slope": "0.2 mV"},  # steep, but close what they open
        {"maximum": "40 pA", "half": "5 mV", "slope": "-0.2 mV"},
    ],
)
def test_the_only_state_of_channels_solves_their_equations(changes):
    found = on_all_bands(**changes)
    names, rings = ("cap", "head_top", "head_bottom", "neck_top", "neck_base"), load("spine_rings")
    assert tuple(rings["bands"]) == names
    V = np.array([band(found, name) for name in names]) * 1e-3
    placed = [(found.case.boundaries[name].channels, v) for name, v in zip(names, V, strict=True)]
    opened = [sum(references.gated(c, v) for c in kinds) for kinds, v in placed]
    w = np.array(rings["G"]) * 1e6 @ (np.array([50e-12, 0, 0, 0, 0]) + opened) / (2 * 2e-10 * FARADAY * 167.0)
    assert np.log1p(w) * found.case.electrolyte.V_T == pytest.approx(V, rel=1e-9)


def test_channels_that_the_scalar_equations_do_not_know_are_refused():
    with pytest.raises(CaseError, match="plain sigmoids"):
        band(on_all_bands(gates=[{"half": "0 mV", "slope": "1 mV", "time": "1 ms"}]))


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
    rows = [{"case": "line", "quantity": "top.potential_mV", "point": "", "passed": True}]
    (tmp_path / "report.json").write_text(json.dumps(rows))
    make_folder(tmp_path)
    assert json.loads((tmp_path / "report.json").read_text()) == rows
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


# --- where the report goes


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("report.json", "[1]"),
        ("report.json", "[]"),
        ("report.json", '{"case": 1}'),
        ("report.json", "not JSON"),
        ("report.html", "<title>Batch of necks</title>"),
        ("report.html", "\xff"),
    ],
)
def test_a_report_of_something_else_stays(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="latin-1")
    error = refusal(make_folder, tmp_path)
    assert error.exit_code == 2
    assert "--output" in str(error)
    with pytest.raises(CaseError):
        make_folder(tmp_path, force=True)
    assert (tmp_path / name).read_text(encoding="latin-1") == text


def test_the_verb_refuses_a_report_of_something_else(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.html").write_text("mine")
    for more in ([], ["--force"]):
        refused(capfd, "validate", "line", "--output", "out", "--no-figures", *more)
        assert (tmp_path / "out" / "report.html").read_text() == "mine"
    for _ in range(2):  # the second time it is ours
        assert call("validate", "line", "--output", "new", "--no-figures") == 0
        assert "Validation of spinepnp" in (tmp_path / "new" / "report.html").read_text()


def test_named_cases_leave_the_record_of_all_alone(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    whole = tmp_path / "runs" / "validate"
    whole.mkdir(parents=True)
    (whole / "report.json").write_text("the record of all")
    assert call("validate", "line", "cone", "--no-figures") == 0
    assert (whole / "report.json").read_text() == "the record of all"
    assert "runs/validate-cone-line/report.json" in capfd.readouterr().out
    assert {path.name for path in (tmp_path / "runs" / "validate-cone-line").iterdir()} == {
        "report.json",
        "report.html",
    }


def test_folders_of_named_cases_have_names_of_bearable_length():
    assert default_folder([]) == Path("runs/validate")
    assert default_folder(["line", "cone", "line"]) == Path("runs/validate-cone-line")
    many = default_folder(NAMES)
    assert len(many.name) < 100
    assert many != default_folder(NAMES[:-1])


def test_keys_of_the_case_are_removed(tmp_path):
    text = (FOLDER / "line.toml").read_text().replace("../cylinder_iv.toml", str(CASES / "cylinder_iv.toml"))
    (tmp_path / "line.toml").write_text(text.replace("finer ", 'unset = ["compare"]\nfiner ', 1))
    assert load_subject(FOLDER / "line.toml").case.compare is not None
    assert load_subject(tmp_path / "line.toml").case.compare is None
