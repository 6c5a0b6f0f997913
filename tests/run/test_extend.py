"""A finished transient that goes on: a longer duration, later times, added probes; `run CASE --extend`."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas
import pytest

from spinepnp.case.case import load_case
from spinepnp.plots.concentration_traces import concentration_charts
from spinepnp.run import checkpoints
from spinepnp.run.options import RunOptions
from spinepnp.run.steady import solve_case
from spinepnp.run.transient_records import TransientRecorder
from spinepnp.runtime.stack import MPI
from support.commands import call, refused, run
from support.interruptions import TRANSIENT

#: Extended, with a probe that the first run lacks.
LONGER = {"study.duration": "20 ms", "study.times": '["2 ms", "5 ms", "10 ms", "12 ms", "20 ms"]'}
PROBE = {"probes.tip": '["0 nm", "0 nm", "900 nm"]'}


def options(values):
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


def solve(path, values, output, *, extend=False):
    """Run a case without fields and pictures."""
    changed = load_case(path, [f"{key}={value}" for key, value in values.items()])
    keep = RunOptions(resume=extend, extend=extend, quiet=True, fields=False, pictures=False)
    solve_case(changed, MPI.COMM_SELF, output, keep)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    path = tmp_path_factory.mktemp("extended") / "case.toml"
    path.write_text(TRANSIENT.replace('t_peak = "1 ms"', 't_peak = "7 ms"'))
    return path


@pytest.fixture(scope="module")
def short(case):
    out = case.parent / "short"
    assert run(case, "--output", out) == 0
    return out


@pytest.fixture(scope="module")
def whole(case):
    out = case.parent / "whole"
    assert run(case, *options(LONGER | PROBE), "--output", out) == 0
    return out


@pytest.fixture(scope="module")
def extended(case, short):
    out = case.parent / "longer"
    shutil.copytree(short, out)
    assert run(case, *options(LONGER | PROBE), "--output", out, "--extend") == 0
    return out


@pytest.fixture
def out(short, tmp_path):
    shutil.copytree(short, tmp_path / "out")
    return tmp_path / "out"


def table(directory, name="observables.csv"):
    return pandas.read_csv(directory / name)


class TestAnExtendedRun:
    def test_has_the_numbers_of_an_unbroken_one(self, extended, whole, short):
        """To the tolerance of the steps, 1e-4 V_T: the extended run has one more step end, at 10 ms."""
        one, other = table(extended), table(whole)
        at = [2.0, 5.0, 10.0, 12.0, 20.0]
        one, other = (t[t["time_ms"].isin(at)].drop_duplicates("time_ms").set_index("time_ms") for t in (one, other))
        assert list(one.index) == at
        for name in ("top.potential_mV", "top.concentration_mM.Na", "tip.potential_mV"):
            late = one.index >= 10.0
            assert np.abs(one[name] - other[name])[late].max() < 2e-4 * other[name].abs().max(), name
        first = table(short)
        assert table(extended)[list(first)].iloc[: len(first)].equals(first)

    def test_added_probes_have_values_from_the_old_end_on(self, extended, short):
        for name in ("observables.csv", "trace.csv"):
            rows, before = table(extended, name), table(short, name)
            assert rows["tip.potential_mV"].notna().equals(rows["time_ms"] >= 10.0)
            assert len(rows) > len(before)
        assert table(extended).columns[-1] == "status"

    def test_summary_fields_and_pictures_are_those_of_the_whole(self, extended, short):
        summary, before = (json.loads((d / "summary.json").read_text()) for d in (extended, short))
        assert summary["status"] == "ok"
        assert summary["time_ms"] == 20.0
        assert summary["peaks"]["top.potential_mV"]["value"] == before["peaks"]["top.potential_mV"]["value"]
        assert "half_width_ms" in summary["peaks"]["top.potential_mV"]
        assert set(summary["peaks"]["tip.potential_mV"]) == {"value", "time_ms"}
        assert summary["peaks"]["tip.potential_mV"]["time_ms"] == 10.0
        assert summary["newton_iterations"] > before["newton_iterations"]
        assert (extended / "fields.pvd").read_text().count("<DataSet") == 6
        assert (extended / "trace.png").stat().st_mtime > (short / "trace.png").stat().st_mtime
        assert 'duration = "20 ms"' in (extended / "case.toml").read_text()

    def test_the_picture_says_from_when_on_a_probe_has_changed(self, extended):
        rows, case = table(extended, "trace.csv").to_dict("records"), load_case(extended / "case.toml")
        (chart,) = concentration_charts(case, [{k: v for k, v in row.items() if v == v} for row in rows])
        assert chart.note == "tip: since 10 ms"
        assert len(chart.curves) == 2
        assert np.nanmin(np.abs(chart.curves[0][0])) == 0.0

    def test_says_so_in_one_line_each(self, extended):
        log = (extended / "run.log").read_text()
        assert "goes on from 10 ms to 20 ms" in log
        assert log.count("tip: values from 10 ms on") == 1
        assert "listed times" not in log  # those of the past are the same

    def test_can_be_extended_again(self, extended, case, tmp_path):
        shutil.copytree(extended, tmp_path / "out")
        more = LONGER | PROBE | {"study.duration": "21 ms", "study.times": '["3 ms", "21 ms"]'}
        assert run(case, *options(more), "--output", tmp_path / "out", "--extend") == 0
        rows = table(tmp_path / "out")
        assert "1 listed times up to 20 ms are new, and have no rows" in (tmp_path / "out" / "run.log").read_text()
        assert rows["time_ms"].iloc[-1] == 21.0
        assert rows["tip.potential_mV"].notna().equals(rows["time_ms"] >= 10.0)

    def test_resuming_it_changes_nothing(self, extended, case):
        before = (extended / "observables.csv").read_bytes()
        assert run(case, *options(LONGER | PROBE), "--output", extended, "--resume") == 0
        assert run(case, *options(LONGER | PROBE), "--output", extended, "--extend") == 0
        assert (extended / "observables.csv").read_bytes() == before


def test_a_jump_at_the_old_end_starts_a_new_smooth_interval(case, tmp_path):
    """A pulse that begins where the first run ends: the state before it is kept, and the charging is resolved."""
    pulse = {"boundaries.top.current": '{species="Na", waveform="step", value="50 pA", onset="1 ms"}'}
    times = {"study.times": '["1 ms"]', "study.duration": "1 ms"}
    longer = {"study.times": '["2 ms"]', "study.duration": "2 ms"}
    solve(case, pulse | times, tmp_path / "cut")
    solve(case, pulse | longer, tmp_path / "cut", extend=True)
    solve(case, pulse | longer, tmp_path / "whole")
    one, other = (table(tmp_path / name)["top.potential_mV"].iloc[-1] for name in ("cut", "whole"))
    assert one == pytest.approx(other, rel=1e-4)
    assert table(tmp_path / "cut")["time_ms"].between(1.0, 1.0 + 1e-6, inclusive="right").any()


def test_killed_in_an_extension_it_is_resumed(out, case, mpiexec, whole):
    """kill -9 as soon as the extension has a checkpoint of its own, then --resume on another number of ranks."""
    words = [*options(LONGER | PROBE | {"study.checkpoint_steps": "1"}), "--output", out]
    ended = (out / checkpoints.NEWEST).stat().st_mtime_ns
    command = [sys.executable, "-c", KILLED.format(words=["run", str(case), *map(str, words), "--extend"])]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert killed.returncode != 0
    assert (out / checkpoints.NEWEST).stat().st_mtime_ns > ended
    assert not (out / "summary.json").exists()  # that of the shorter run is none of this one
    assert table(out)["time_ms"].max() < 20.0
    again = [mpiexec, "-n", "2", sys.executable, "-m", "spinepnp", "run", case, *words, "--resume"]
    done = subprocess.run(again, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    last, other = table(out).iloc[-1], table(whole).iloc[-1]
    assert last["time_ms"] == 20.0
    assert last["top.potential_mV"] == pytest.approx(other["top.potential_mV"], abs=1e-3)
    assert last["tip.potential_mV"] == pytest.approx(other["tip.potential_mV"], abs=1e-3)


KILLED = """
import os, signal, sys
from spinepnp.run.transient_records import TransientRecorder
step = TransientRecorder.step
def killed(self, problem, step_):
    step(self, problem, step_)
    if step_.time > 11e-3:
        os.kill(os.getpid(), signal.SIGKILL)
TransientRecorder.step = killed
sys.argv = ["spinepnp", *{words!r}]
import spinepnp.__main__ as main
main.main()
"""


@pytest.mark.parametrize("stage", ["checkpoint", "tables", "case"])
def test_killed_between_two_files_of_the_change_it_goes_on(out, case, monkeypatch, stage):
    """The checkpoint, the tables and the case change one after another; at each moment there is a way on."""
    words = [*options(LONGER | PROBE), "--output", out]

    def stop(*_arguments, **_keys):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if stage == "checkpoint":
            patched.setattr(checkpoints, "write", stop)
        elif stage == "tables":
            patched.setattr(TransientRecorder, "_take_tables", stop)
        else:
            patched.setattr(TransientRecorder, "_take_case", stop)
        assert call("run", case, *words, "--extend") == 130
    if stage != "checkpoint":
        assert call("run", case, *words, "--resume") == 0
    else:  # nothing has changed yet
        assert call("run", case, *words, "--extend") == 0
    rows = table(out)
    assert rows["time_ms"].iloc[-1] == 20.0
    assert rows["tip.potential_mV"].notna().equals(rows["time_ms"] >= 10.0)


class TestRefusals:
    def test_another_case(self, out, case, capsys):
        line = refused(
            capsys, "run", case, *options(LONGER | {"geometry.radius": "90 nm"}), "--output", out, "--extend"
        )
        assert line.startswith("error: geometry.radius")
        assert "--extend takes a longer study.duration, later study.times and added probes" in line

    def test_a_shorter_one(self, out, case, capsys):
        shorter = {"study.duration": "8 ms", "study.times": '["8 ms"]'}
        line = refused(capsys, "run", case, *options(shorter), "--output", out, "--extend")
        assert 'study.duration = "8 ms": is shorter than the 10 ms of the run' in line

    def test_a_probe_that_is_dropped_or_moved(self, extended, case, capsys):
        for values in (LONGER, LONGER | {"probes.tip": '["0 nm", "0 nm", "800 nm"]'}):
            line = refused(capsys, "run", case, *options(values), "--output", extended, "--extend")
            assert line.startswith("error: probes.tip")

    def test_a_probe_without_more_time(self, out, case, capsys):
        line = refused(capsys, "run", case, *options(PROBE), "--output", out, "--extend")
        assert "study.duration" in line
        assert "make it longer" in line

    def test_resume_names_the_way(self, out, case, capsys):
        assert "--extend" in refused(capsys, "run", case, *options(LONGER), "--output", out, "--resume")

    def test_nothing_to_extend(self, tmp_path, case, capsys):
        assert "holds no run" in refused(capsys, "run", case, "--output", tmp_path / "new", "--extend")
        assert not (tmp_path / "new").exists()
        assert "--force" in refused(capsys, "run", case, "--output", tmp_path / "new", "--extend", "--force")

    def test_a_steady_case(self, tmp_path, case, capsys):
        still = case.parent / "still.toml"
        still.write_text(TRANSIENT.split("[study]")[0].replace('waveform = "alpha", ', "").replace(
            ', onset = "0 ms", t_peak = "1 ms"', ""))  # fmt: skip
        assert "transient" in refused(capsys, "run", still, "--output", tmp_path / "new", "--extend")

    def test_results_of_another_kind(self, tmp_path, case, capsys):
        (tmp_path / "summary.json").write_text('{"versions": {"spinepnp": "0"}}')
        line = refused(capsys, "run", case, "--output", tmp_path, "--extend")
        assert "case.toml is missing or damaged" in line
        (tmp_path / "case.toml").write_text('[study]\nkind = "steady"\n')
        assert refused(capsys, "run", case, "--output", tmp_path, "--extend").startswith("error: study.kind: differs")


def test_a_sweep_of_transients_is_extended_value_by_value(case, tmp_path):
    varied = {"study.vary": "boundaries.top.current.value", "study.values": '["20 pA", "50 pA"]'}
    out = tmp_path / "out"
    solve(case, varied, out)
    solve(case, varied | LONGER, out, extend=True)
    for point in ("0001", "0002"):
        assert table(out / "points" / point)["time_ms"].iloc[-1] == 20.0
    assert len(table(out)) == 2
    assert 'duration = "20 ms"' in (out / "case.toml").read_text()
