"""Directories of results: one run at a time, nothing replaced that the program has not written, nothing outside."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spinepnp.errors import CaseError
from spinepnp.run.directory import ResultDirectory
from spinepnp.run.place import MARK, check_place, default_output, is_ours
from spinepnp.runtime import claims
from spinepnp.runtime.claims import claim, owner
from spinepnp.validation.report.record import make_folder
from support import ROOT
from support.cases import CASE
from support.commands import call, refusal, refused

SOLVE = '[study]\nkind = "sweep"\nvary = "boundaries.top.current.value"\nvalues = [{}]\n'
LONG = SOLVE.format(", ".join(f'"{i / 100} pA"' for i in range(1, 3000)))


@pytest.fixture
def case(tmp_path) -> Path:
    (tmp_path / "mine").mkdir()
    path = tmp_path / "mine" / "case.toml"
    path.write_text(f"# my notes\n{CASE}")
    return path


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


# --- one run at a time


def start(case: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "spinepnp", "run", str(case), "--output", "out", *more]
    return subprocess.Popen(command, cwd=case.parent, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.mark.parametrize("more", [(), ("--force",)])
def test_the_second_of_two_runs_is_refused(case, more, monkeypatch, capfd):
    case.write_text(f"{CASE}{LONG}")
    monkeypatch.chdir(case.parent)
    first = start(case)
    try:
        wait_for(case.parent / "out" / MARK, first)
        complaint = refused(capfd, "run", case, "--output", "out", *more)
        if more:  # without it the results that are there may be seen first
            assert re.search('error: --output = "out": another run \\(process [0-9]+ on ', complaint)
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate()


def test_a_killed_run_leaves_no_lock(case, monkeypatch):
    monkeypatch.chdir(case.parent)
    case.write_text(f"{CASE}{LONG}")
    first = start(case)
    wait_for(case.parent / "out" / "observables.csv", first)
    first.kill()
    first.communicate()
    assert call("run", case, "--output", "out", "--set", 'study.values=["1 pA"]', "--force") == 0


def test_a_resumed_run_waits_for_what_still_lives(tmp_path):
    """As ranks of a killed run do for a little while; here another process holds the directory for half a second."""
    (tmp_path / "out").mkdir()
    code = "import sys, time; from pathlib import Path; from spinepnp.runtime.claims import claim\n"
    code += "held = claim(Path(sys.argv[1]), stays=True); print('held', flush=True); time.sleep(1.5)"
    mark = tmp_path / "out" / MARK
    with subprocess.Popen([sys.executable, "-c", code, str(mark)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert claim(mark) is None
        assert owner(mark).startswith(f"process {other.pid} on ")
        ResultDirectory(tmp_path / "out", resume=True).release()
        other.kill()


def test_a_lock_falls_when_a_run_has_ended_or_failed(tmp_path):
    first = ResultDirectory(tmp_path / "out")
    with pytest.raises(CaseError, match="another run"):
        ResultDirectory(tmp_path / "out")
    first.discard()
    assert not (tmp_path / "out").exists()
    second = ResultDirectory(tmp_path / "out")
    (tmp_path / "out" / "summary.json").write_text("{}")
    second.release()
    ResultDirectory(tmp_path / "out", force=True).discard()
    assert set(tree(tmp_path / "out")) == {MARK, "summary.json"}
    third = ResultDirectory(tmp_path / "out", force=True)
    third.write_summary({"versions": {"spinepnp": "0"}})  # now that tells whose it is
    third.release()
    assert set(tree(tmp_path / "out")) == {"summary.json"}


def test_a_batch_shares_its_directory(tmp_path):
    ResultDirectory(tmp_path / "out", resume=True, shared=True)
    ResultDirectory(tmp_path / "out", resume=True, shared=True)


@pytest.mark.parametrize(
    ("told", "free"),
    [
        ("{host} {dead} {machine}", True),
        ("{host} {alive} {machine}", False),
        ("{host} {alive} other-boot {space}", True),  # the machine was started anew
        ("elsewhere {dead} {machine}", False),
        ("{host} {dead} {boot} pid:[1]", False),  # another container on this machine
        ("", False),
    ],
)
def test_without_locks_an_owner_that_is_gone_does_not_count(tmp_path, monkeypatch, told, free):
    def no_locks(*_):
        raise OSError(next(iter(claims.NO_LOCKS)), "no locks")

    monkeypatch.setattr(claims.fcntl, "flock", no_locks)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    boot, space = claims._machine().split()
    here = {"host": claims.socket.gethostname(), "dead": gone.pid, "alive": os.getpid(), "boot": boot, "space": space}
    (tmp_path / f"{MARK}.claim").write_text(told.format(**here, machine=f"{boot} {space}"))
    held = claim(tmp_path / MARK, stays=True)
    assert (held is not None) == free
    if held is not None:
        assert owner(tmp_path / MARK).startswith(f"process {os.getpid()} on ")
        held.release()
        assert set(tree(tmp_path)) == {MARK}


# --- nothing is replaced that the program has not written


def verbs(case: Path, output: str) -> dict[str, list[str]]:
    sweep = case.with_name("sweep.toml")
    sweep.write_text(f'[base]\ncase = "{case.name}"\n[axes]\n"mesh.size" = ["50 nm"]\n')
    where = ["--output", output, "--force"]
    return {
        "run": ["run", str(case), *where],
        "batch": ["batch", str(sweep), *where],
        "mesh": ["mesh", str(case), *where],
        "validate": ["validate", "cone", *where, "--no-figures"],
        "gnp": ["gnp", "s2", *where],
        "gnp all": ["gnp", "all", *where],
        "gnp table": ["gnp", "table", *where],
        "docs": ["docs", "--output", output],
        "bench": ["bench", "none", "--output", output],
    }


VERBS = ("run", "batch", "mesh", "validate", "gnp", "gnp all", "gnp table", "docs", "bench")


@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_with_files_of_others_is_refused_by_every_verb(capfd, case, verb):
    """With --force, too."""
    theirs = case.parent.parent / "theirs"
    theirs.mkdir()
    (theirs / "thesis.tex").write_text("years of work")
    (theirs / "summary.json").write_text('{"versions": {}}')
    command = verbs(case, str(theirs))[verb]
    before = tree(theirs.parent)
    assert refused(capfd, *command).startswith("error: --output = ")
    assert tree(theirs.parent) == before


def test_the_folder_of_the_case_is_refused(capfd, case):
    """By any path that leads there; also where an earlier run has left its mark."""
    (case.parent / MARK).touch()
    (case.parent.parent / "link").symlink_to(case.parent)
    before = tree(case.parent.parent)
    for output in (case.parent, case.parent / "..", case.parent.parent / "link", case.parent / "x" / ".."):
        with pytest.raises(CaseError, match=r"which is read|has not written") as caught:
            check_place(output, (case,))
        assert caught.value.key == "--output"
    link = str(case.parent.parent / "link")
    for verb in ("run", "mesh"):
        assert "which is read" in refused(capfd, verb, str(case), "--output", link, "--force")
    assert tree(case.parent.parent) == before


@pytest.mark.parametrize("base", [False, True])
def test_the_folder_of_a_sweep_is_refused(capfd, case, base):
    command = verbs(case, str(case.parent))["batch"]
    if base:
        sweep = case.parent.parent / "sweep.toml"
        sweep.write_text('[base]\ncase = "mine/case.toml"\n[axes]\n"mesh.size" = ["50 nm"]\n')
        command[1] = str(sweep)
    (case.parent / MARK).touch()
    (case.parent / "batch.json").write_text('{"layout": 1}')  # as a batch leaves it
    before = tree(case.parent)
    assert "which is read" in refused(capfd, *command)
    assert tree(case.parent) == before


def test_places_that_are_never_results(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "there").symlink_to(tmp_path / "home")
    for place in (
        "/",
        "//",
        "/usr/..",
        tmp_path / "home",
        tmp_path / "there",
        ".",
        ROOT,
        ROOT / "solvers",
        "/usr",
        "a\0b",
    ):
        assert refusal(check_place, Path(place)).key == "--output", place


def test_what_nobody_minds_and_what_is_ours(tmp_path):
    for name in (".gitkeep", "slurm-17.out", "job.log", "job.err", ".summary.json.partial", "lost+found"):
        (tmp_path / name).write_text("")
    run = ResultDirectory(tmp_path / "a")
    run.write_summary({})
    run.release()
    check_place(tmp_path)
    assert is_ours(tmp_path / "a")
    assert not is_ours(tmp_path)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "summary.json").write_text('{"status": "ok", "versions": {"spinepnp": "0.1.0"}}')
    check_place(tmp_path / "b")  # by a version without marks
    (tmp_path / "run.log").write_text("mine")  # one that a run would append to
    with pytest.raises(CaseError, match=r"holds run\.log"):
        check_place(tmp_path)


@pytest.mark.parametrize("name", ["points", "fields", "run.log", "observables.csv", "work"])
def test_links_out_of_the_folder_are_refused(tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "0001.vtu").write_text("mine")
    ResultDirectory(tmp_path / "out").release()
    (tmp_path / "out" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CaseError, match=f"its {name} is a link"):
        ResultDirectory(tmp_path / "out", force=True)


@pytest.mark.parametrize("name", ["...toml", "..toml"])
def test_a_name_of_dots_gives_no_folder(name):
    with pytest.raises(CaseError, match="give --output"):
        default_output(Path("somewhere") / name)
    assert default_output(Path("a/..b.toml")) == Path("runs/..b")


def test_a_case_of_dots_writes_nothing(capfd, tmp_path, monkeypatch):
    (tmp_path / "...toml").write_text(CASE)
    monkeypatch.chdir(tmp_path)
    refused(capfd, "run", "...toml")
    assert set(tree(tmp_path)) == {"...toml"}


def test_titles_and_names_make_no_paths(tmp_path, monkeypatch):
    (tmp_path / "case.toml").write_text(f'title = "../../a/b"\n{CASE}')
    monkeypatch.chdir(tmp_path)
    assert call("run", "case.toml") == 0
    assert {path.split("/")[0] for path in tree(tmp_path)} == {"case.toml", "runs"}
    assert {path.split("/")[1] for path in tree(tmp_path) if path.startswith("runs/")} == {"case"}


def test_a_report_is_written_by_one_validation_at_a_time(tmp_path):
    held = make_folder(tmp_path / "out")
    with pytest.raises(CaseError, match="another run"):
        make_folder(tmp_path / "out")
    held.discard()


@pytest.mark.parametrize("name", ["notes.toml", "spine.ply"])
def test_new_replaces_only_what_it_has_made(capfd, tmp_path, monkeypatch, name):
    (tmp_path / name).write_text("mine")
    shape, output = ("cone", "notes.toml") if name == "notes.toml" else ("surface", "begin.toml")
    monkeypatch.chdir(tmp_path)
    refused(capfd, "new", shape, "--output", output, "--force")
    assert tree(tmp_path) == {name: b"mine"}
    (tmp_path / name).unlink()
    for more in ((), ("--force",)):
        assert call("new", shape, "--output", output, *more) == 0
