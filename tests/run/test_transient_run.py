"""Transients through the command line: files, checkpoints, interruptions, ranks."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas
import pytest

from spinepnp.case.case import load_case
from support import CASES
from support.commands import run

CASE = [str(CASES / "spine_alpha.toml"), "--set", "geometry.dimension=axisymmetric", "--set", "mesh.size=150 nm"]
SHORT = [*CASE, "--set", "study.duration=20 ms", "--set", 'study.times=["5 ms", "10 ms", "20 ms"]']


def rows(directory):
    return pandas.read_csv(directory / "observables.csv")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "out"
    assert run(*SHORT, "--output", str(out)) == 0
    return out


class TestWhatARunLeaves:
    def test_files(self, whole):
        names = {path.name for path in whole.iterdir()}
        assert names >= {
            "case.toml", "summary.json", "observables.csv", "solver.csv", "run.log", "fields.vtu", "fields.pvd",
            "fields", "checkpoint.npz",
        }  # fmt: skip
        assert len(list((whole / "fields").glob("*.vtu"))) == 4  # the start, and the three times
        assert (whole / "fields.pvd").read_text().count("<DataSet") == 4

    def test_observables(self, whole):
        table = rows(whole)
        assert table.columns[0] == "time_ms"
        assert table.columns[-1] == "status"
        assert table["time_ms"].iloc[0] == 0.0
        assert {5.0, 10.0, 20.0} <= set(table["time_ms"])
        assert np.all(np.diff(table["time_ms"]) > 0)
        for column in (
            "cap.current_pA.Na", "base.current_pA.total", "base.current_pA.displacement", "head.potential_mV",
            "body.max_potential_mV", "volume.amount_ions.K", "ion_balance_relative", "defect_ions.Na",
        ):  # fmt: skip
            assert column in table
        last = table.iloc[-1]
        assert last["cap.current_pA.Na"] == pytest.approx(50.0 * 2.0 * np.exp(-1.0), rel=1e-12)
        # "max over the domain" without the hot cap (facts pnp D): what the paper means.
        assert last["body.max_potential_mV"] < 1.1 * last["head.potential_mV"] < last["volume.max_potential_mV"]

    def test_summary_and_solver(self, whole):
        summary = json.loads((whole / "summary.json").read_text())
        table, solver = rows(whole), pandas.read_csv(whole / "solver.csv")
        assert summary["status"] == "ok"
        assert summary["time_ms"] == 20.0
        assert summary["steps"] == table["step"].iloc[-1]
        assert (
            summary["boundaries"]["base"]["current_pA"]["displacement"]
            == table.iloc[-1]["base.current_pA.displacement"]
        )
        peak = summary["peaks"]["head.potential_mV"]
        assert 1.0 < peak["value"] / table["head.potential_mV"].max() < 1.001  # between two rows
        assert peak["time_ms"] == pytest.approx(9.868, abs=0.03)
        assert 3.0 < peak["rise_20_80_ms"] < 4.5
        assert "half_width_ms" not in peak  # 5 of 6.7 mV are left at the end
        trace = pandas.read_csv(whole / "trace.csv")
        assert len(trace) == 6 * summary["steps"] + 1
        assert trace["head.potential_mV"].max() == pytest.approx(peak["value"], rel=1e-3)
        assert set(trace.columns) <= set(table.columns)
        assert summary["newton_iterations"] >= solver["newton"].sum()
        reasons = set(solver["reason"][~solver["reason"].str.startswith("rejected")])
        assert reasons <= {"converged_fnorm_abs", "converged_fnorm_relative"}

    def test_the_resolved_case_says_all_defaults(self, whole):
        case = load_case(whole / "case.toml")
        assert case.study.tolerance == 1e-4
        assert case.study.initial == "bulk"
        assert case.to_toml() == (whole / "case.toml").read_text()

    def test_a_directory_with_results_is_refused(self, whole, capfd):
        assert run(*SHORT, "--output", str(whole)) == 2
        assert "holds results already" in capfd.readouterr().err

    def test_resuming_what_is_finished_changes_nothing(self, whole):
        before = (whole / "observables.csv").read_text()
        assert run(*SHORT, "--output", str(whole), "--resume") == 0
        assert (whole / "observables.csv").read_text() == before
        assert json.loads((whole / "summary.json").read_text())["status"] == "ok"


def same(one, other):
    """Equal to 1e-8 of the size of each column, or of the current, charge and amount that rounding is measured by."""
    a, b = rows(one), rows(other)
    assert list(a.columns) == list(b.columns)
    assert list(a["step"]) == list(b["step"])
    largest = max(float(a[name].abs().max()) for name in a if name.endswith("potential_mV"))
    # Displacement currents are differences of charges over steps of 0.1 ns: rounding of the amounts shows.
    floors = {
        "displacement": 1e3,
        "current_pA": 50.0,
        "current_floor_pA": 50.0,
        "potential_mV": largest,  # of the whole field: a minimum next to the ground is rounding of it
        "potential_error": largest,  # estimated from what flows, which is rounding at first
        "defect_ions": 1e6,
        "charge_fC": 1.0,
        "balance": 1.0,
    }
    assert list(a["layers_resolved"]) == list(b["layers_resolved"])
    for name in a.select_dtypes("number"):
        floor = next((f for key, f in floors.items() if key in name), 0.0)
        scale = max(float(a[name].abs().max()), floor)
        assert np.abs(a[name] - b[name]).max() <= 1e-8 * scale, name


def start(directory, *arguments, ranks=0, mpiexec=""):
    command = [sys.executable, "-m", "spinepnp", "run", *arguments, "--output", str(directory)]
    if ranks:
        command = [mpiexec, "-n", str(ranks), *command]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for(directory, steps, process):
    """Until so many steps stand in the table, and a checkpoint beside it."""
    deadline = time.monotonic() + 60
    path = directory / "observables.csv"
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        if path.exists() and path.read_text().count("\n") > steps and (directory / "checkpoint.npz").exists():
            return
        time.sleep(0.005)
    raise AssertionError("no such step")


EVERY = ("--set", "study.checkpoint_steps=3")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken") / "out"
    assert run(*SHORT, *EVERY, "--output", str(out)) == 0
    return out


@pytest.mark.parametrize(("before", "after"), [(0, 2), (2, 0)])
def test_killed_within_a_step_it_goes_on_from_its_checkpoint(tmp_path, mpiexec, unbroken, before, after):
    """kill -9, then another number of ranks: the same rows as without an interruption."""
    out = tmp_path / "out"
    process = start(out, *SHORT, *EVERY, ranks=before, mpiexec=mpiexec)
    wait_for(out, 7, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    # A torn row and a torn checkpoint, as a kill within a write leaves them.
    with (out / "observables.csv").open("a") as file:
        file.write("19.99,77,0.1")
    (out / ".checkpoint.npz.partial").write_bytes((out / "checkpoint.npz").read_bytes()[:1000])
    held = len(rows(out))
    process = start(out, *SHORT, *EVERY, "--resume", ranks=after, mpiexec=mpiexec)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert len(rows(out)) > held - 5
    same(unbroken, out)


@pytest.mark.parametrize(("number", "ranks"), [(signal.SIGINT, 0), (signal.SIGHUP, 0), (signal.SIGTERM, 2)])
def test_interrupted_it_keeps_what_it_has_and_says_how_to_go_on(tmp_path, mpiexec, unbroken, number, ranks):
    out = tmp_path / "out"
    process = start(out, *SHORT, *EVERY, ranks=ranks, mpiexec=mpiexec)
    wait_for(out, 7, process)
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (129 if number == signal.SIGHUP else 130)
    assert "--resume" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    summary = json.loads((out / "summary.json").read_text())
    assert summary["status"] == "failed"
    assert "interrupted" in summary["reason"]
    with np.load(out / "checkpoint.npz") as stored:
        assert int(stored["number"]) == rows(out)["step"].iloc[-1] == summary["steps"]
    assert run(*SHORT, *EVERY, "--output", str(out), "--resume") == 0
    same(unbroken, out)


def test_gates_and_history_survive(tmp_path):
    """A run that is cut into pieces, with gates, equals the one that is not."""
    gate = "{half='3 mV', slope='1 mV', time='2 ms'}"
    channel = f"[{{law='sigmoid', species='Na', maximum='10 pA', half='3 mV', slope='0.5 mV', gates=[{gate}]}}]"
    case = [
        str(CASES / "spine_rings_head_top_alpha.toml"), "--set", f"boundaries.ring.channel={channel}",
        "--set", "mesh.size=150 nm", "--set", "study.duration=12 ms", "--set", 'study.times=["6 ms"]', *EVERY,
    ]  # fmt: skip
    assert run(*case, "--output", str(tmp_path / "whole")) == 0
    process = start(tmp_path / "cut", *case)
    wait_for(tmp_path / "cut", 6, process)
    process.kill()
    process.communicate()
    assert run(*case, "--output", str(tmp_path / "cut"), "--resume") == 0
    same(tmp_path / "whole", tmp_path / "cut")
    assert rows(tmp_path / "cut")["ring.gate.1"].iloc[-1] > 0.1


def test_a_bad_checkpoint_is_one_line(tmp_path, whole, capfd):
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    (out / "checkpoint.npz").write_bytes(b"no checkpoint")
    assert run(*SHORT, "--output", str(out), "--resume") == 2
    assert "the checkpoint cannot be read" in capfd.readouterr().err.splitlines()[-1]


def test_a_failing_transient_keeps_what_was_reached(tmp_path, capfd):
    """Cations leave faster than they can come: the limit is reached in time."""
    out = tmp_path / "out"
    code = run(
        str(CASES / "spine_step.toml"), "--set", "geometry.dimension=axisymmetric", "--set", "mesh.size=150 nm",
        "--set", "boundaries.cap.current={species='A', waveform='step', value='400 pA'}",
        "--set", "study.duration=30 ms", "--output", str(out),
    )  # fmt: skip
    assert code == 1
    summary = json.loads((out / "summary.json").read_text())
    assert summary["status"] == "failed"
    assert "no step can be made" in summary["reason"]
    assert 0.0 < summary["time_ms"] < 30.0
    assert rows(out)["time_ms"].iloc[-1] == pytest.approx(summary["time_ms"])
    assert "Traceback" not in capfd.readouterr().err


def test_a_sweep_of_transients_has_a_row_for_each_value(tmp_path):
    """Paper 000: the shorter the interval of two pulses, the more ions gather."""
    out = tmp_path / "out"
    case = [
        str(CASES / "pulse_pair.toml"), "--set", "mesh.size=150 nm", "--set", "study.duration=30 ms",
        "--set", 'study.values=["10 ms", "20 ms"]', "--set", "study.tolerance=1e-3",
        "--set", "mesh.element_degree=1", "--output", str(out),
    ]  # fmt: skip
    assert run(*case) == 0
    table = rows(out)
    assert table.columns[0] == "boundaries.cap.current.interval_ms"
    assert list(table.iloc[:, 0]) == [10.0, 20.0]
    peaks = table["peak.head.concentration_mM.A"]
    assert peaks[0] > peaks[1] + 0.05 > 167.0
    assert (out / "points" / "0001" / "summary.json").exists()
    before = (out / "observables.csv").read_text()
    assert run(*case, "--resume") == 0
    assert (out / "observables.csv").read_text() == before
