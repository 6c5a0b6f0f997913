"""Batches: sweeps, groups of ranks, what survives a crash, tables, reports."""

import base64
import errno
import fcntl
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

import spinepnp
from spinepnp.batch import run as batch_run
from spinepnp.batch.index import NAME, outcomes
from spinepnp.batch.run import BatchOptions, run_batch, typed
from spinepnp.batch.scheduler import Counters, Scheduler, _number, chains_of, divide
from spinepnp.batch.store import OUTCOME
from spinepnp.batch.sweep import Job, load_sweep, named_columns
from spinepnp.errors import CaseError
from spinepnp.run import directory
from spinepnp.run.options import RunOptions
from spinepnp.run.steady import load_case, solve_case
from spinepnp.runtime.claims import _claim_by_existence, claim
from spinepnp.solvers.steady import SteadyProblem
from support import CASES, ROOT
from support.browser import look, needs_browser
from support.commands import STACK, call, run_code

BASE = f"""
[base]
case = "{CASES / "cylinder_iv.toml"}"
set = {{ "mesh" = {{ size = "50 nm", grade = {{ top = {{ size = "0.3 nm", growth = 2.0 }} }} }} }}
"""
SMALL = (
    BASE
    + """
[axes]
"geometry.radius" = ["80 nm", "100 nm"]
"boundaries.top.current.value" = ["10 pA", "20 pA", "50 pA"]
"""
)
WORSE = (
    BASE
    + """
[axes]
"geometry.radius" = ["100 nm", "-5 nm"]
"boundaries.top.current.value" = ["10 pA", "-300 pA"]
"""
)


def sweep_file(folder: Path, text: str) -> Path:
    path = folder / "sweep.toml"
    path.write_text(text)
    return path


def batch(folder: Path, text: str, *arguments: str) -> int:
    return call("batch", str(sweep_file(folder, text)), "--output", str(folder / "out"), *arguments)


def stamps(directory: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in directory.glob("cases/*/outcome.json")}


def assert_equal_tables(one: pandas.DataFrame, other: pandas.DataFrame) -> None:
    """Equal to 1e-9 of what rounding is measured by: the largest number of a column, the largest current, the ions."""
    assert list(one.columns) == list(other.columns)
    assert len(one) == len(other)
    currents = [c for c in one if ".current_pA." in c]
    for name in one:
        if "floor" in name:  # what is lost on the way is noise
            continue
        if one[name].dtype.kind != "f" or other[name].dtype.kind != "f":  # words
            told = [[("" if value != value else str(value)) for value in frame[name]] for frame in (one, other)]
            assert told[0] == told[1], name
            continue
        scale = one[currents].abs().max().max() if name in currents else one[name].abs().max()
        if "charge_fC" in name or "relative_error" in name:  # differences of larger numbers: of all ions, and of one
            scale = max(scale, 1.0)
        assert (one[name] - other[name]).abs().max() <= 1e-9 * scale, name


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    assert batch(folder, SMALL) == 0
    return folder / "out"


class TestSweeps:
    def test_a_product_runs_through_its_last_axis_first(self, tmp_path):
        plan = load_sweep(sweep_file(tmp_path, SMALL))
        assert [list(i.columns.values()) for i in plan.jobs] == [
            [r, c] for r in (80.0, 100.0) for c in (10.0, 20.0, 50.0)
        ]
        assert list(plan.jobs[0].columns) == ["geometry.radius_nm", "boundaries.top.current.value_pA"]
        assert len({i.key for i in plan.jobs}) == 6
        assert len({i.chain for i in plan.jobs}) == 2
        # The axis takes the place of what the base case varies.
        assert plan.jobs[0].case().study.kind == "steady"

    def test_zip_and_csv_give_the_same_cases_as_they_say(self, tmp_path):
        zipped = SMALL.replace('["80 nm", "100 nm"]', '["80 nm", "90 nm", "100 nm"]') + 'combine = "zip"\n'
        one = load_sweep(sweep_file(tmp_path, zipped)).jobs
        rows = "geometry.radius, boundaries.top.current.value\n80 nm, 10 pA\n90 nm, 20 pA\n100 nm, 50 pA\n"
        (tmp_path / "points.csv").write_text(rows)
        other = load_sweep(sweep_file(tmp_path, 'combine = "csv"\ncsv = "points.csv"\n' + BASE)).jobs
        assert [i.key for i in one] == [i.key for i in other]
        assert [i.columns for i in one] == [i.columns for i in other]

    def test_whole_tables_and_several_base_cases_can_be_varied(self):
        plan = load_sweep(CASES / "sweeps/necks.toml")
        assert len(plan.jobs) == 60
        assert {i.columns["geometry.shape"] for i in plan.jobs} == {"cylinder", "hyperboloid"}
        assert "geometry.length_nm" not in plan.jobs[0].name  # the same in all that have it

    def test_several_base_cases(self, tmp_path):
        names = [str(CASES / f"{name}.toml") for name in ("cylinder_iv", "cylinder_iv_three_species")]
        text = f'[base]\ncase = {names}\n[axes]\n"geometry.radius" = ["50 nm", "60 nm"]\n'
        plan = load_sweep(sweep_file(tmp_path, text))
        assert [i.columns["base.case"] for i in plan.jobs] == ["cylinder_iv"] * 2 + ["cylinder_iv_three_species"] * 2

    def test_units_and_order_of_keys_do_not_make_another_case(self, tmp_path):
        text = SMALL.replace('"80 nm"', '"0.08 um"').replace('title = "', 'title = "other ')
        assert [i.key for i in load_sweep(sweep_file(tmp_path, text)).jobs] == [
            i.key for i in load_sweep(sweep_file(tmp_path, SMALL)).jobs
        ]

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("[base]\n", "base.case: is missing"),
            ('[base]\ncase = "nowhere.toml"\n', "nowhere.toml: cannot be read"),
            (SMALL + '\n[axis]\n"x" = [1]\n', 'axis: unknown key; did you mean "axes"?'),
            (SMALL.replace("radius", "radios"), 'geometry.radios: unknown key; did you mean "radius"?'),
            (SMALL + 'combine = "zip"\n', "geometry.radius has 2, boundaries.top.current.value has 3"),
            (SMALL + 'combine = "both"\n', 'combine = "both"'),
            (SMALL + 'csv = "x.csv"\n', 'csv = "x.csv": belongs to combine = "csv"'),
            ('combine = "csv"\n' + BASE, "csv: is missing"),
            ('combine = "csv"\ncsv = "nowhere.csv"\n' + BASE, "nowhere.csv: cannot be read"),
            (BASE + '[axes]\n"geometry.radius" = []\n', "must have at least one entry"),
            (BASE + '[axes]\n"geometry.radius" = ["-1 nm", "-2 nm"]\n', 'geometry.radius = "-1 nm"'),
            ("ranks_per_case = 0\n" + SMALL, "ranks_per_case"),
            ("nonsense", "is not valid TOML"),
        ],
    )
    def test_bad_input_is_one_line_exit_code_2_and_no_trace(self, tmp_path, capfd, text, complaint):
        assert batch(tmp_path, text) == 2
        captured = capfd.readouterr()
        assert complaint in captured.err
        assert len(captured.err.splitlines()) == 1
        assert captured.out == ""
        assert not (tmp_path / "out").exists()

    def test_a_csv_file_with_a_short_row_is_refused_with_its_number(self, tmp_path, capfd):
        (tmp_path / "points.csv").write_text("geometry.radius,mesh.size\n80 nm,50 nm\n90 nm\n")
        assert batch(tmp_path, 'combine = "csv"\ncsv = "points.csv"\n' + BASE) == 2
        assert "row 2 has not as many values as there are columns" in capfd.readouterr().err

    def test_the_directory_of_a_run_is_refused(self, tmp_path, capfd):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "summary.json").write_text("{}")
        assert batch(tmp_path, SMALL) == 2
        assert "holds results of a run" in capfd.readouterr().err


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=5), st.sampled_from(["nm", "um"]))
def test_a_column_has_one_unit_whatever_its_values_have(values, unit):
    columns = named_columns([{"geometry.radius": f"{value!r} {unit}"} for value in values])
    factor = 1.0 if unit == "nm" else 1e3
    assert [c["geometry.radius_nm"] for c in columns] == pytest.approx([factor * v for v in values], rel=1e-14)


# --- groups


def jobs(costs, chains=None, memory=1.0):
    chains = chains or range(len(costs))
    pairs = zip(costs, chains, strict=True)
    return [Job(n, key=str(n), chain=str(c), cost=cost, memory=memory) for n, (cost, c) in enumerate(pairs, 1)]


class Several:
    """Counters without MPI."""

    def __init__(self, number):
        self.values = np.zeros(number, dtype=int)

    def take(self, which):
        self.values[which] += 1
        return self.values[which] - 1

    def seen(self):
        return self.values.copy()


@given(st.lists(st.tuples(st.floats(0.1, 100.0), st.integers(0, 4)), min_size=1, max_size=40), st.data())
def test_every_case_is_handed_out_once_whoever_asks(cases, data):
    chains = chains_of(jobs([c for c, _ in cases], [k for _, k in cases]))
    counters = Several(len(chains) + 1)
    dealers = [Scheduler(chains, counters) for _ in range(3)]
    given_out, waiting = [], list(dealers)
    while waiting:
        dealer = data.draw(st.sampled_from(waiting))
        job = dealer.next()
        if job is None:
            waiting.remove(dealer)
        else:
            given_out.append(job.number)
    assert sorted(given_out) == list(range(1, len(cases) + 1))


def test_the_largest_chain_goes_first_and_a_group_keeps_to_its_own():
    chains = chains_of(jobs([1.0, 5.0, 1.0, 5.0], ["small", "large", "small", "large"]))
    counters = Several(len(chains) + 1)
    one, other = Scheduler(chains, counters), Scheduler(chains, counters)
    assert [one.next().number, other.next().number, one.next().number, other.next().number] == [2, 1, 4, 3]
    assert one.next() is None


@pytest.mark.parametrize(
    ("ranks", "per_case", "costs", "memory", "share", "expected"),
    [
        (8, "auto", [1.0] * 60, 1.0, 1e3, 8),
        (8, "auto", [1.0, 1.0], 1.0, 1e3, 2),
        (8, "auto", [100.0, 1.0, 1.0], 1.0, 1e3, 2),  # one case is nearly all there is
        (8, "auto", [1.0] * 60, 3e3, 1e3, 2),  # 8 ranks have 6.4e3 for all groups together
        (8, "auto", [1.0], 1e9, 1e3, 1),
        (8, 4, [1.0] * 60, 1.0, 1e3, 2),
        (2, 5, [1.0] * 60, 1.0, 1e3, 1),
        (8, "auto", [], 1.0, 1e3, 1),
    ],
)
def test_number_of_groups(ranks, per_case, costs, memory, share, expected):
    assert _number(ranks, per_case, jobs(costs, memory=memory), share) == expected


@pytest.mark.mpi
def test_groups_and_counters_on_the_ranks_at_hand(comm):
    groups = divide(comm, 1, jobs([1.0] * 10))
    assert (groups.number, groups.comm.size) == (comm.size, 1)
    counters = Counters(groups.world, 2)
    taken = [counters.take(1) for _ in range(5)]
    groups.world.Barrier()
    assert sorted(itertools.chain(*groups.world.allgather(taken))) == list(range(5 * comm.size))
    assert list(counters.seen()) == [0, 5 * comm.size]
    counters.close()


@pytest.mark.mpi
def test_all_ranks_together_and_groups_of_one_give_the_same_table(comm, tmp_path_factory):
    folder = Path(comm.bcast(str(tmp_path_factory.mktemp("mpi")) if comm.rank == 0 else None, root=0))
    if comm.rank == 0:
        sweep_file(folder, SMALL)
    comm.Barrier()
    for name, ranks in (("together", comm.size), ("apart", 1)):
        tally = run_batch(folder / "sweep.toml", comm, folder / name, BatchOptions(ranks_per_case=ranks))
        assert (tally.cases, tally.solved, tally.failures) == (6, 6, [])
    if comm.rank == 0:
        assert_equal_tables(spinepnp.load(folder / "together"), spinepnp.load(folder / "apart"))


class TestClaims:
    @pytest.mark.parametrize("take", [claim, _claim_by_existence])
    def test_one_gets_it_and_the_other_after_it(self, tmp_path, take):
        first = take(tmp_path / "x.lock")
        assert first is not None
        assert take(tmp_path / "x.lock") is None
        first.release()
        assert list(tmp_path.iterdir()) == []
        second = take(tmp_path / "x.lock")
        assert second is not None
        second.release()

    def test_a_claim_of_a_process_that_is_gone_does_not_count(self, tmp_path):
        gone = subprocess.Popen(["true"])
        gone.wait()
        (tmp_path / "x").write_text(f"{socket.gethostname()} {gone.pid}")
        assert _claim_by_existence(tmp_path / "x") is not None
        (tmp_path / "y").write_text(f"another-machine {gone.pid}")
        assert _claim_by_existence(tmp_path / "y") is None

    def test_without_locks_existence_serves(self, tmp_path, monkeypatch):
        def refuse(*_):
            raise OSError(errno.ENOLCK, "no locks available")

        monkeypatch.setattr(fcntl, "flock", refuse)
        first = claim(tmp_path / "x.lock")
        assert first is not None
        assert claim(tmp_path / "x.lock") is None
        first.release()


class TestResults:
    def test_files(self, small):
        assert {path.name for path in small.iterdir()} == {
            "batch.json", "batch.log", "cases", "work", "index.sqlite", "observables.csv", "observables.parquet",
            "solver.csv", "summary.json",
        }  # fmt: skip
        assert list((small / "work").iterdir()) == []
        summary = json.loads((small / "summary.json").read_text())
        assert (summary["status"], summary["cases"], summary["ok"], summary["missing"]) == ("ok", 6, 6, 0)

    def test_the_table_is_tidy(self, small):
        table = pandas.read_csv(small / "observables.csv")
        assert list(table.columns[:3]) == ["case", "geometry.radius_nm", "boundaries.top.current.value_pA"]
        assert list(table.columns[-4:]) == ["key", "version", "reason", "status"]
        assert list(table["case"]) == [1, 2, 3, 4, 5, 6]
        assert (table["status"] == "ok").all()
        assert np.allclose(table["top.current_pA.C"], table["boundaries.top.current.value_pA"])
        assert (table["law.relative_error"].abs() < 5e-3).all()
        assert_equal_tables(table, pandas.read_parquet(small / "observables.parquet"))
        assert len(pandas.read_csv(small / "solver.csv")) == 6

    def test_a_case_is_a_run_of_its_own(self, small, tmp_path):
        key = pandas.read_csv(small / "observables.csv")["key"][0]
        case = small / "cases" / key
        assert call("run", str(case / "case.toml"), "--output", str(tmp_path / "run")) == 0
        one, other = (json.loads((d / "summary.json").read_text()) for d in (case, tmp_path / "run"))
        assert one["boundaries"]["top"]["potential_mV"] == pytest.approx(
            other["boundaries"]["top"]["potential_mV"], rel=1e-9
        )

    def test_load_needs_neither_index_nor_tables(self, small):
        before = spinepnp.load(small)
        for name in (NAME, "observables.csv", "observables.parquet"):
            (small / name).rename(small / f"{name}.away")
        assert_equal_tables(before, spinepnp.load(str(small)))
        (small / NAME).write_bytes(b"no database")
        assert_equal_tables(before, spinepnp.load(small))
        assert len(outcomes(small, write=True)) == 6  # made again
        assert len(outcomes(small, write=False)) == 6
        for name in ("observables.csv", "observables.parquet"):
            (small / f"{name}.away").rename(small / name)
        (small / f"{NAME}.away").unlink()

    def test_load_takes_runs_and_refuses_what_holds_nothing(self, small, tmp_path):
        key = spinepnp.load(small)["key"][0]
        assert len(spinepnp.load(small / "cases" / key)) == 1
        with pytest.raises(CaseError, match="holds no results"):
            spinepnp.load(tmp_path)

    def test_a_second_call_solves_nothing(self, small, capfd):
        before = stamps(small)
        assert batch(small.parent, SMALL) == 0
        assert "0 solved now, 6 held before" in capfd.readouterr().out
        assert stamps(small) == before

    def test_more_values_on_an_axis_solve_only_these(self, small, tmp_path, capfd):
        shutil.copytree(small, tmp_path / "out")
        assert batch(tmp_path, SMALL.replace('"50 pA"]', '"50 pA", "70 pA"]')) == 0
        assert "8 cases: 8 ok, 0 failed; 2 solved now, 6 held before" in capfd.readouterr().out
        # What another version has solved is solved again if that is asked for, and only then.
        for path in (tmp_path / "out").glob("cases/*/outcome.json"):
            path.write_text(path.read_text().replace('"version": "', '"version": "0.0.'))
        assert batch(tmp_path, SMALL) == 0
        assert "0 solved now" in capfd.readouterr().out
        assert spinepnp.load(tmp_path / "out")["version"].str.startswith("0.0.").all()
        assert batch(tmp_path, SMALL, "--retry-version") == 0
        assert "6 solved now" in capfd.readouterr().out
        assert not spinepnp.load(tmp_path / "out")["version"].str.startswith("0.0.").any()

    def test_rows_that_were_read_again_are_numbers(self):
        row = {"a": "1.5", "b": "", "c": "True", "d": "x", "e": np.float64(2.0), "f": "3", "g": float("inf")}
        assert typed(row) == {"a": 1.5, "b": None, "c": True, "d": "x", "e": 2.0, "f": 3, "g": None}


def test_cases_that_fail_stop_no_other(tmp_path, capfd):
    assert batch(tmp_path, WORSE) == 1
    captured = capfd.readouterr()
    lines = [line for line in captured.out.splitlines() if line.startswith("failed: ")]
    assert len(lines) == 3
    assert "case 2" in lines[0]
    assert "beyond the limiting current -202.5 pA" in lines[0]
    assert 'geometry.radius = "-5 nm": a length here must be greater than zero' in lines[1]
    table = spinepnp.load(tmp_path / "out")
    assert list(table["status"]) == ["ok", "failed", "failed", "failed"]
    assert table["reason"][1].startswith("boundaries.top.current.value")
    # Failed ones are kept as such, and solved again where that is asked for.
    assert batch(tmp_path, WORSE) == 1
    assert "0 solved now" in capfd.readouterr().out
    assert batch(tmp_path, WORSE, "--retry-failed") == 1
    assert "3 solved now" in capfd.readouterr().out


def test_whatever_a_case_raises_is_its_own_failure(tmp_path, monkeypatch, capfd):
    solve = SteadyProblem.solve

    def explode(self, electrolyte, boundaries, *rest):
        if boundaries["top"].injections[0].value == pytest.approx(20e-12):
            raise RuntimeError("the sky\nfalls")
        return solve(self, electrolyte, boundaries, *rest)

    monkeypatch.setattr(SteadyProblem, "solve", explode)
    assert batch(tmp_path, SMALL) == 1
    table = spinepnp.load(tmp_path / "out")
    assert list(table["status"]) == ["ok", "failed", "ok"] * 2
    assert set(table["reason"][table["status"] == "failed"]) == {"unexpected RuntimeError: the sky falls"}


def test_a_full_disk_of_one_rank_ends_the_job_with_one_line(tmp_path, mpiexec):
    """Only the second of two groups finds the disk full, when it keeps its first case."""
    sweep_file(tmp_path, SMALL)
    code = """
from pathlib import Path
from spinepnp.runtime.stack import MPI
write = Path.write_bytes
def full(self, content):
    if self.name == ".outcome.json.partial" and MPI.COMM_WORLD.rank == 1:
        raise OSError(28, "No space left on device")
    return write(self, content)
Path.write_bytes = full
from spinepnp.__main__ import main
main()
"""
    command = [mpiexec, "-n", "2", sys.executable, "-c", code, "batch", "sweep.toml", "--output", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("[")]
    assert line.startswith("error: out/work/")
    assert "no space left on device" in line
    assert line.endswith("run the same command again")


def test_a_full_disk_ends_the_batch_in_one_line_and_it_goes_on_later(tmp_path, monkeypatch, capfd):
    write, count = Path.write_bytes, []

    def full(self, content):
        if self.name == ".outcome.json.partial":
            count.append(self)
            if len(count) > 2:
                raise OSError(28, "No space left on device")
        return write(self, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert batch(tmp_path, SMALL) == 1
    error = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error")]
    assert len(error) == 1
    assert "no space left on device" in error[0]
    assert "run the same command again" in error[0]
    before = stamps(tmp_path / "out")
    assert len(before) == 2
    assert batch(tmp_path, SMALL) == 0
    assert "4 solved now, 2 held before" in capfd.readouterr().out
    assert before.items() <= stamps(tmp_path / "out").items()


# --- crashes


BATCH = (sys.executable, "-m", "spinepnp", "batch", "sweep.toml", "--output", "out")


def start(folder: Path, *launcher: str) -> subprocess.Popen:
    command = [*launcher, *BATCH]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(directory: Path, pattern: str, number: int, process: subprocess.Popen) -> list[Path]:
    deadline = time.monotonic() + 60
    while len(files := [*directory.glob(pattern)]) < number:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return files


LONGER = SMALL.replace('"50 pA"]', ", ".join(f'"{n} pA"' for n in range(51, 63)) + "]")


def test_kill_9_of_mpirun_and_rerun_solve_nothing_twice(tmp_path, mpiexec, comm):
    sweep_file(tmp_path, LONGER)
    before: dict[str, int] = {}
    for number in (3, 12):
        process = start(tmp_path, mpiexec, "-n", "2")
        wait_for(tmp_path / "out", "cases/*/outcome.json", number, process)
        process.kill()
        process.communicate()
        time.sleep(0.5)
        assert before.items() <= stamps(tmp_path / "out").items()
        before = stamps(tmp_path / "out")
    assert batch(tmp_path, LONGER) == 0
    assert before.items() <= stamps(tmp_path / "out").items()
    table, solver = spinepnp.load(tmp_path / "out"), pandas.read_csv(tmp_path / "out" / "solver.csv")
    assert len(table) == len(solver) == 28
    assert solver["key"].is_unique
    assert run_batch(tmp_path / "sweep.toml", comm, tmp_path / "whole", BatchOptions()).solved == 28
    assert_equal_tables(table, spinepnp.load(tmp_path / "whole"))


@pytest.mark.parametrize("table", ["solver.csv", "summary.json", "observables.csv"])
def test_a_case_that_is_cut_off_between_its_files_has_all_of_them_once_in_the_end(tmp_path, comm, monkeypatch, table):
    """Whichever file was the last one to be written: observables stand for the others, so that they come last."""
    case, written = load_case(CASES / "tube_one_species.toml"), directory.write_atomically

    def cut_off(path, *arguments, **named):
        written(path, *arguments, **named)
        if path.name == table:
            raise KeyboardInterrupt

    monkeypatch.setattr(directory, "write_atomically", cut_off)
    with pytest.raises(KeyboardInterrupt):
        solve_case(case, comm, tmp_path / "out", RunOptions(quiet=True, pictures=False))
    monkeypatch.undo()
    solve_case(case, comm, tmp_path / "out", RunOptions(quiet=True, pictures=False, resume=True))
    points = len(case.points())
    for name in ("solver.csv", "observables.csv"):
        assert len(pandas.read_csv(tmp_path / "out" / name)) == points
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["status"] == "ok"


def test_a_rank_that_is_killed_ends_the_job_at_once_with_one_line(tmp_path, mpiexec):
    import psutil

    sweep_file(tmp_path, LONGER)
    process = start(tmp_path, sys.executable, "-m", "spinepnp.runtime.launch", mpiexec, "-n", "2")
    wait_for(tmp_path / "out", "cases/*/outcome.json", 2, process)
    running = [(p, p.cmdline()) for p in psutil.Process(process.pid).children(recursive=True)]
    ranks = [p for p, line in running if line[0] == sys.executable and "batch" in line]
    victim = max(ranks, key=lambda p: p.pid)
    begin = time.monotonic()
    victim.send_signal(signal.SIGKILL)
    out, error = process.communicate(timeout=10)
    assert time.monotonic() - begin < 5.0
    assert process.returncode == 1
    (line,) = [line for line in error.splitlines() if not line.startswith("[")]
    assert line.startswith("error: a rank was lost (killed, signal 9), and the job with it; what was solved is kept")
    assert line.endswith("the same command goes on")
    assert out == ""


def test_two_batches_on_one_directory_share_the_work(tmp_path):
    sweep_file(tmp_path, LONGER)
    both = [start(tmp_path) for _ in range(2)]
    told = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    solved = [int(out.split(" solved now")[0].rsplit(" ", 1)[1]) for out, _ in told]
    assert sum(solved) == 28
    assert len(spinepnp.load(tmp_path / "out")) == 28
    assert pandas.read_csv(tmp_path / "out" / "solver.csv")["key"].is_unique


def test_several_processes_bring_one_directory_up_to_date_at_once(small):
    code = "import sys; from pathlib import Path; from spinepnp.batch.table import refresh\n"
    code += "for _ in range(25): assert len(refresh(Path(sys.argv[1]))) == 6"
    many = [
        subprocess.Popen([sys.executable, "-c", code, str(small)], stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    told = [process.communicate(timeout=120)[1] for process in many]
    assert [process.returncode for process in many] == [0] * 4, told
    assert len(pandas.read_csv(small / "observables.csv")) == 6
    assert list((small / "work").iterdir()) == []
    assert not list(small.glob(".*"))


def test_a_case_that_another_process_holds_is_left_to_it(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(batch_run, "CLAIM_TIMEOUT", 0.5)
    key = load_sweep(sweep_file(tmp_path, SMALL)).jobs[3].key
    (tmp_path / "out" / "work").mkdir(parents=True)
    held = claim(tmp_path / "out" / "work" / f"{key}.lock")
    assert held is not None
    assert batch(tmp_path, SMALL) == 0
    out = capfd.readouterr().out
    assert "6 cases: 5 ok, 0 failed; 5 solved now" in out
    assert "1 cases are still being solved by another batch" in out
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["status"] == "incomplete"
    assert key not in set(spinepnp.load(tmp_path / "out")["key"])
    held.release()
    assert batch(tmp_path, SMALL) == 0
    assert "1 solved now, 5 held before" in capfd.readouterr().out


def test_a_transient_that_was_killed_goes_on_from_its_checkpoint(tmp_path, capfd):
    text = f"""
    [base]
    case = "{CASES / "spine_alpha.toml"}"
    [base.set]
    "geometry.dimension" = "axisymmetric"
    "study.checkpoint_steps" = 1
    "study.duration" = "20 ms"
    "study.times" = ["20 ms"]
    [axes]
    "boundaries.cap.current.value" = ["40 pA"]
    """
    sweep_file(tmp_path, text)
    process = start(tmp_path)
    checkpoint, *_ = wait_for(tmp_path / "out", "work/*/checkpoint.npz", 1, process)
    process.kill()
    process.communicate()
    with np.load(checkpoint) as stored:
        number = int(stored["number"])
    assert number >= 1
    assert batch(tmp_path, text) == 0
    case = next((tmp_path / "out" / "cases").iterdir())
    steps = pandas.read_csv(case / "observables.csv")["step"]
    assert list(steps) == list(range(len(steps)))
    (row,) = spinepnp.load(tmp_path / "out").to_dict("records")
    assert row["time_ms"] == 20.0
    assert (case / "run.log").read_text().count("steps, ") == 1


class TestReports:
    def test_a_page_with_its_pictures_inside(self, small, capfd):
        assert call("report", str(small)) == 0
        assert capfd.readouterr().out.split() == [str(small / n) for n in ("report.html", "families.png", "heat.png")]
        page = (small / "report.html").read_text()
        assert page.count("data:image/png;base64,") == 1
        assert "6 cases: 6 solved, 0 failed" in page
        assert '<th scope="col">potential at the top (mV)</th>' in page
        data = json.loads(re.search(r'type="application/json" id="family-1">(.*?)</script>', page).group(1))
        assert (data["x"], data["y"]) == ("current at the top (pA)", "potential at the top (mV)")
        assert [curve["name"] for curve in data["curves"]] == ["radius = 80 nm", "radius = 100 nm"]
        table = pandas.read_csv(small / "observables.csv")
        for curve, radius in zip(data["curves"], (80.0, 100.0), strict=True):
            (shown,) = (np.frombuffer(base64.b64decode(text), "<f8") for text in curve["y"])
            assert list(shown) == list(table["top.potential_mV"][table["geometry.radius_nm"] == radius])
        links = re.findall(r'<a href="(cases/\w+/report\.html)">(\d)</a>', page)
        assert [number for _, number in links] == list("123456")
        assert all("<h3>Currents</h3>" in (small / link).read_text() for link, _ in links)
        content = re.search(r'href="data:text/csv;base64,([^"]*)" download="observables.csv"', page).group(1)
        assert base64.b64decode(content) == (small / "observables.csv").read_bytes()
        for name in ("report.html", "families.png", "heat.png"):
            (small / name).unlink()

    @needs_browser
    def test_a_browser_shows_all_columns_at_three_widths(self, small, tmp_path):
        assert call("report", str(small)) == 0
        for (_, width), seen in look(tmp_path, [small / "report.html"]).items():
            assert (seen["bad"], seen["wide"]) == (0, []), width
            assert seen["scroll"] <= seen["width"] <= width

    def test_what_failed_stands_at_the_top_and_names_cannot_break_the_page(self, tmp_path):
        assert batch(tmp_path, 'title = "a <b> & c"\n' + WORSE) == 1
        assert call("report", str(tmp_path / "out")) == 0
        page = (tmp_path / "out" / "report.html").read_text()
        assert "a &lt;b&gt; &amp; c" in page
        assert "a <b>" not in page
        assert page.index("beyond the limiting current") < page.index("What was varied")

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["--x", "geometry.radios"], '--x = "geometry.radios": no such column; did you mean "geometry.radius_nm"?'),
            (["--value", "nothing"], '--value = "nothing": no such column'),
        ],
    )
    def test_bad_columns_are_one_line(self, small, capfd, arguments, complaint):
        assert call("report", str(small), *arguments) == 2
        assert complaint in capfd.readouterr().err

    def test_any_two_axes(self, small, capfd):
        arguments = [
            "--x",
            "geometry.radius",
            "--y",
            "boundaries.top.current.value",
            "--value",
            "top.concentration_mM.C",
        ]
        assert call("report", str(small), *arguments) == 0
        assert (small / "heat.png").stat().st_size > 10_000
        capfd.readouterr()
        for name in ("report.html", "families.png", "heat.png"):
            (small / name).unlink()

    def test_a_directory_without_a_batch(self, tmp_path, capfd):
        assert call("report", str(tmp_path)) == 2
        assert "holds no batch and no run; give the directory of one" in capfd.readouterr().err

    def test_load_and_report_need_no_dolfinx(self, small, tmp_path):
        code = f"""
import sys
import spinepnp
assert len(spinepnp.load({str(small)!r})) == 6
from spinepnp.__main__ import _run
sys.exit(_run(["report", {str(small)!r}], False))
"""
        run_code(code, cwd=tmp_path, blocked=STACK | {"gmsh", "pyvista"})
        for name in ("report.html", "families.png", "heat.png"):
            (small / name).unlink()


def test_one_thread_unless_the_user_wants_more():
    code = "from spinepnp.runtime.stack import MPI; import os; print(os.environ['OMP_NUM_THREADS'])"
    for wanted, expected in ((None, "1"), ("3", "3")):
        environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
        environment |= {"OMP_NUM_THREADS": wanted} if wanted else {}
        done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
        assert done.stdout.strip() == expected


def test_a_case_that_another_batch_finishes_while_this_one_begins_is_not_solved_again(tmp_path, monkeypatch):
    """It is finished after the outcomes were read: its stamp must be the one from before."""
    plan = load_sweep(CASES / "sweeps" / "necks.toml")
    first = plan.jobs[0]

    def outcomes(output, *, write):
        (output / "cases" / first.key).mkdir()
        (output / "cases" / first.key / OUTCOME).write_text("{}")
        return {}

    monkeypatch.setattr(batch_run, "outcomes", outcomes)
    todo = batch_run._open(tmp_path / "out", plan, BatchOptions())
    assert next(job for job in todo if job.key == first.key).stamp == 0
