"""Files that are deleted, cut or damaged: made again, or told of in one line; never a traceback, never a wrong row."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import spinepnp
from spinepnp.errors import OutputError, SpineError
from spinepnp.run import checkpoints
from spinepnp.runtime import cache_dirs, files, kernels
from spinepnp.runtime.compiler import command as compiler
from spinepnp.runtime.stack import MPI
from support.commands import call, refused
from support.interruptions import difference, write_cases

DAMAGES = {
    "deleted": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "overwritten": lambda path: path.write_bytes(b"\xff\xfe\x00 nothing of the kind \x80" * 20),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    write_cases(folder)
    sweep = (folder / "sweep.toml").read_text()
    (folder / "sweep.toml").write_text(sweep[: sweep.index("values = [")] + 'values = ["1 pA", "2 pA"]\n')
    batch = (folder / "batch.toml").read_text()
    (folder / "batch.toml").write_text(batch[: batch.index('"boundaries')])
    before = os.getcwd()
    os.chdir(folder)
    for name, verb in (("transient", "run"), ("sweep", "run"), ("batch", "batch")):
        assert call(verb, f"{name}.toml", "--output", f"whole-{name}") == 0
    yield folder
    os.chdir(before)


def copy(results: Path, name: str) -> Path:
    out = results / "out"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(results / f"whole-{name}", out)
    return out


def is_one_line(code: int, errors: str) -> bool:
    """Whether a command has worked, or told in one line why not; lines of progress stand before it."""
    told = [line for line in errors.splitlines() if not line.startswith(("[", "t = ", "0 steps"))]
    fine = code == 0 or (code in (1, 2) and told[-1].startswith("error: "))
    return fine and len(told) <= 1 and not any(word in errors for word in ("unexpected", "Traceback", "ERROR"))


# --- checkpoints


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(results, damage, capfd):
    out = copy(results, "transient")
    before, _ = checkpoints.read(out / checkpoints.OLDER)
    DAMAGES[damage](out / checkpoints.NEWEST)
    assert call("run", "transient.toml", "--output", "out", "--resume") == 0
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "checkpoint" in line]
    assert line.endswith(f"goes on from the one before it, at step {int(before['number'])}")
    assert difference(out, results / "whole-transient", "run") == ""
    newest, _ = checkpoints.read(out / checkpoints.NEWEST)
    assert int(newest["number"]) > int(before["number"])


def test_one_bit_is_seen(tmp_path):
    checkpoints.write(tmp_path, MPI.COMM_SELF, {"unknowns": np.arange(1000.0)}, {"format": 1})
    path = tmp_path / checkpoints.NEWEST
    whole = path.read_bytes()
    for place in range(100, len(whole), 997):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        found = checkpoints.read(path)  # some bits of an archive mean nothing
        assert found is None or np.array_equal(found[0]["unknowns"], np.arange(1000.0))
    path.write_bytes(whole)
    assert checkpoints.read(path)[1]["format"] == 1


def test_an_archive_that_is_whole_but_another_one_is_seen(tmp_path):
    """What a process that still lives has written over it."""
    checkpoints.write(tmp_path, MPI.COMM_SELF, {"a": np.zeros(3), "b": np.ones(3)}, {})
    path = tmp_path / checkpoints.NEWEST
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(path, **{**arrays, "a": np.ones(3)})
    assert checkpoints.read(path) is None


@pytest.mark.parametrize("moment", range(4))
def test_a_crash_while_a_checkpoint_is_written_leaves_a_whole_one(tmp_path, monkeypatch, moment):
    """Whichever call to the disk is the last one."""
    for number in (1, 2):
        checkpoints.write(tmp_path, MPI.COMM_SELF, {"number": np.array(number)}, {})
    calls = []

    def count(work):
        def call(*arguments, **named):
            calls.append(work)
            if len(calls) > moment:
                raise KeyboardInterrupt
            return work(*arguments, **named)

        return call

    monkeypatch.setattr(os, "link", count(os.link))
    monkeypatch.setattr(Path, "replace", count(Path.replace))
    monkeypatch.setattr(files, "_sync", count(files._sync))
    with pytest.raises(KeyboardInterrupt):
        checkpoints.write(tmp_path, MPI.COMM_SELF, {"number": np.array(3)}, {})
    monkeypatch.undo()
    found = checkpoints.read(tmp_path / checkpoints.NEWEST)
    assert found is not None
    assert int(found[0]["number"]) in (2, 3)


@pytest.mark.parametrize("damage", DAMAGES)
def test_rows_that_the_checkpoint_has_seen_are_not_done_without(results, damage, capfd):
    out = copy(results, "transient")
    DAMAGES[damage](out / "observables.csv")
    line = refused(capfd, "run", "transient.toml", "--output", "out", "--resume")
    assert "observables.csv lacks rows that the checkpoint has seen; use --force to start again" in line


def test_the_older_checkpoint_serves_where_the_rows_suffice_for_it_only(results, capfd):
    out = copy(results, "transient")
    lines = (out / "observables.csv").read_text().splitlines(keepends=True)
    (out / "observables.csv").write_text("".join(lines[:-1]) + lines[-1][:20])
    assert call("run", "transient.toml", "--output", "out", "--resume") == 0
    assert "goes on from the one before it" in capfd.readouterr().err
    assert difference(out, results / "whole-transient", "run") == ""


@pytest.mark.parametrize("name", ["transient", "sweep"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_the_case_is_written_again(results, name, damage, capfd):
    out = copy(results, name)
    DAMAGES[damage](out / "case.toml")
    assert call("run", f"{name}.toml", "--output", "out", "--resume") == 0
    assert "case.toml was missing or damaged and is written again" in capfd.readouterr().err
    assert (out / "case.toml").read_text() == (results / f"whole-{name}" / "case.toml").read_text()


@pytest.mark.parametrize("name", ["transient", "sweep"])
def test_results_of_another_case_are_refused_without_their_case_too(results, name, capfd):
    out = copy(results, name)
    (out / "case.toml").unlink()
    other = ["run", f"{name}.toml", "--output", "out", "--resume", "--set", "geometry.radius=90 nm"]
    assert call(*other) == 2
    assert "holds results of another case" in capfd.readouterr().err
    (out / "summary.json").unlink()
    for path in out.glob("checkpoint*"):
        path.unlink()
    assert call(*other) == 2
    assert "nothing says whose results these are" in capfd.readouterr().err


# --- all other files


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["summary.json", "observables.csv", "solver.csv", "points/0001.vtu", "fields.vtu"])
def test_what_is_missing_of_a_sweep_is_solved_again(results, name, damage, capfd):
    out, whole = copy(results, "sweep"), results / "whole-sweep"
    DAMAGES[damage](out / name)
    code = call("run", "sweep.toml", "--output", "out", "--resume")
    assert is_one_line(code, capfd.readouterr().err)
    if code != 0:  # a table that is none
        assert (name.endswith(".csv"), damage) == (True, "overwritten")
        return
    assert difference(out, whole, "run") == ""
    assert len((out / "solver.csv").read_text().splitlines()) == 3
    assert all(files.is_whole(out / path) for path in ("points/0001.vtu", "points/0002.vtu", "fields.vtu"))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "name", ["summary.json", "solver.csv", "fields.vtu", "fields.pvd", "fields/0001.vtu", "run.log"]
)
def test_what_is_missing_of_a_transient_is_made_again_or_told(results, name, damage, capfd):
    out, whole = copy(results, "transient"), results / "whole-transient"
    DAMAGES[damage](out / name)
    code = call("run", "transient.toml", "--output", "out", "--resume")
    errors = capfd.readouterr().err
    assert code == 0
    assert is_one_line(code, errors)
    assert difference(out, whole, "run") == ""
    assert ("missing or damaged" in errors) == (name == "fields/0001.vtu")
    assert ("has lost rows" in errors) == (name == "solver.csv")
    assert (out / "fields.pvd").read_bytes() == (whole / "fields.pvd").read_bytes()
    assert files.is_whole(out / "fields.vtu")


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["case.toml", "observables.csv", "fields.vtu", "points/0002.vtu"])
def test_pictures_of_damaged_results_are_one_line(results, name, damage, capfd):
    out = copy(results, "sweep")
    DAMAGES[damage](out / name)
    code = call("plot", "out")
    assert is_one_line(code, capfd.readouterr().err)
    assert (code == 0) or name in ("case.toml", "observables.csv")
    try:
        assert len(spinepnp.load(out)) <= 2
    except SpineError as error:
        assert name == "observables.csv", error


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_batch_is_whole_again(results, damage, capfd):
    whole = results / "whole-batch"
    key = next((whole / "cases").iterdir()).name
    names = ["batch.json", "index.sqlite", "observables.parquet", "observables.csv", "summary.json", "solver.csv"]
    for name in [*names, f"cases/{key}/outcome.json"]:
        out = copy(results, "batch")
        DAMAGES[damage](out / name)
        code = call("report", "out")
        assert is_one_line(code, capfd.readouterr().err), name
        code = call("batch", "batch.toml", "--output", "out")
        assert code == 0
        assert is_one_line(code, capfd.readouterr().err), name
        assert {p.name for p in whole.iterdir()} <= {p.name for p in out.iterdir()}
        assert difference(out, whole, "batch") == "", name


def test_a_case_of_a_batch_whose_files_are_gone_is_solved_again(results, capfd):
    for name in ("case.toml", "summary.json", "observables.csv"):
        out = copy(results, "batch")
        path = next((out / "cases").iterdir()) / name
        path.unlink()
        assert call("batch", "batch.toml", "--output", "out") == 0
        assert "1 case has lost files" in capfd.readouterr().err
        assert path.is_file()


# --- kernels and caches


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    (folder / "a.c").write_text("double f(double x) { return x; }\n")
    subprocess.run([*compiler(), "-shared", "-fPIC", "a.c", "-o", "a.so"], cwd=folder, check=True)
    return (folder / "a.so").read_bytes()


@pytest.mark.parametrize("damage", ["none", "later", *DAMAGES])
def test_damaged_kernels_are_removed_before_they_crash(tmp_path, library, damage):
    """A cut library would end the process (SIGBUS); one that was written to may hold anything."""
    path = tmp_path / "libffcx_forms_1.cpython.so"
    path.write_bytes(library)
    (tmp_path / "libffcx_forms_1.c").touch()
    mark = tmp_path / "libffcx_forms_1.c.cached"
    mark.touch()
    before = path.stat().st_mtime_ns
    if damage == "later":
        os.utime(path, ns=(before, mark.stat().st_mtime_ns + 10**9))
    elif damage != "none":
        DAMAGES[damage](path)
        if damage != "deleted":
            os.utime(path, ns=(before, before))
    assert kernels.remove_damaged_entries(tmp_path) == (damage != "none")
    assert bool(list(tmp_path.iterdir())) == (damage == "none")


RUN = [sys.executable, "-m", "spinepnp", "run", "steady.toml", "--force", "--output", "out-of-cache"]


def test_a_kernel_that_cannot_be_loaded_is_compiled_again(results, tmp_path, mpiexec):
    """Whole by its looks, and no module of Python's: the import fails, on one rank and on two."""
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    for ranks in (0, 1, 2):
        for path in tmp_path.rglob("*.so"):
            stamp = path.stat().st_mtime_ns
            path.write_bytes(path.read_bytes().replace(b"PyInit", b"PyExit"))
            os.utime(path, ns=(stamp, stamp))
        launched = [mpiexec, "-n", "2", *RUN] if ranks == 2 else RUN
        done = subprocess.run(launched, cwd=results, env=environment, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        assert is_one_line(0, done.stderr)


def test_a_compilation_that_was_killed_a_moment_ago_is_not_waited_for(tmp_path):
    """Nobody compiles: a source without its mark is dead, however young. Where somebody does, it may be alive."""
    (tmp_path / "libffcx_forms_1.c").touch()
    other = (
        "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_SH)\nprint(1, flush=True); input()"
    )
    words = [sys.executable, "-c", other, str(tmp_path / "compiling.lock")]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"1\n"
    with kernels._lock(tmp_path, fcntl.LOCK_EX | fcntl.LOCK_NB) as alone:
        assert not alone
    process.kill()
    process.wait()
    with kernels._lock(tmp_path, fcntl.LOCK_EX | fcntl.LOCK_NB) as alone:
        assert alone
        assert kernels.remove_dead_entries(tmp_path, 0.0) == 1


def test_a_dead_compilation_that_another_process_has_removed_is_tried_again(tmp_path, monkeypatch):
    """Two ranks that work alone wait for the same one; the second finds nothing to remove."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache_dirs.cache_dir.cache_clear()
    try:
        folder = cache_dirs.cache_dir("kernels", code=True) / "key"
        assert kernels._heal(folder, TimeoutError("JIT compilation timed out. Try cleaning cache (e.g. remove x.c)"))
    finally:
        cache_dirs.cache_dir.cache_clear()


def test_a_cache_without_room_is_told_and_done_without(tmp_path, monkeypatch, capfd):
    def full(descriptor, offset, length):
        if Path(os.readlink(f"/proc/self/fd/{descriptor}")).is_relative_to(tmp_path / "full"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(cache_dirs, "_warned", set())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "full"))
    monkeypatch.setattr(cache_dirs.tempfile, "tempdir", str(tmp_path))
    for name in ("kernels", "meshes"):
        assert cache_dirs.cache_dir.__wrapped__(name).parent == tmp_path
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path / 'full'}: cannot be written (no space left on device)")


def test_kernels_that_can_be_kept_nowhere_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache_dirs.cache_dir.cache_clear()
    try:
        folder = cache_dirs.cache_dir("kernels", code=True) / "key"
        with pytest.raises(OutputError, match=r"key: compiled forms cannot be written \(no space left on device\)"):
            kernels._heal(folder, OSError(errno.ENOSPC, "No space left on device"))
    finally:
        cache_dirs.cache_dir.cache_clear()


# --- the screen


def test_a_closed_standard_output_is_no_error(results):
    done = subprocess.run(["bash", "-c", 'exec "$@" >&-', "bash", *RUN], cwd=results, capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 1), done.stderr
    for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
        words = ["bash", "-c", f'exec "$@" {closed}', "bash", sys.executable, "-m", "spinepnp", "list", "shapes"]
        done = subprocess.run(words, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("ranks", [0, 2])
def test_names_that_are_no_text_are_refused(results, mpiexec, ranks):
    words = [mpiexec, "-n", "2"] if ranks else []
    words += [sys.executable, "-m", "spinepnp", "run", "steady.toml", "--output", b"out\xff"]
    done = subprocess.run(words, cwd=results, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ['error: "out\\xff": is not UTF-8 text; give another name']


@pytest.mark.parametrize(
    ("words", "code"), [(["--foo"], 2), (["-k", "no such test", "tests/project/test_style.py"], 2)]
)
def test_what_pytest_does_not_understand_is_bad_input(words, code):
    assert call("test", *words) == code
