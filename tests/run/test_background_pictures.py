"""Pictures drawn by a process of their own: the same files, one line for what fails, and no process left."""

import io
import os
import pickle
import signal
import subprocess
import sys
import time

import pytest

from spinepnp.pages import background
from spinepnp.run.place import MARK
from support.interruptions import SWEEP, TRANSIENT, of_job

SHORT = TRANSIENT.replace("10 ms", "1 ms").replace('"2 ms", "5 ms"', '"0.5 ms"')
FAMILY = SHORT + 'vary = "boundaries.top.current.value"\nvalues = ["20 pA", "50 pA"]\n'

#: Program that holds a process for pictures until it is ended.
HOLDER = """
import time
from spinepnp.pages.background import background_pictures
from spinepnp.runtime import supervisor
supervisor.begin()
with background_pictures():
    print("ready", flush=True)
    time.sleep(60.0)
"""


def environment(wanted, **more):
    return {**os.environ, "OMP_NUM_THREADS": "1", background.VARIABLE: wanted, **more}


def run(folder, output, wanted):
    words = [sys.executable, "-m", "spinepnp", "run", "case.toml", "--output", output]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, env=environment(wanted), timeout=120.0)


def drawn(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}


@pytest.mark.parametrize("text", [SWEEP, FAMILY], ids=["sweep", "transients"])
def test_pictures_are_those_of_the_run_itself(tmp_path, verb, text):
    (tmp_path / "case.toml").write_text(text)
    for done in (run(tmp_path, "on", "on"), verb("run", "case.toml", "--output", "off")):
        assert done.returncode == 0, done.stderr
        assert "could not be drawn" not in done.stderr
    pictures = drawn(tmp_path / "on")
    assert pictures == drawn(tmp_path / "off")
    expected = {"potential.png", "iv.png"} if text == SWEEP else {"sweep.png", "points/0001/trace.png"}
    assert expected <= pictures.keys()
    reports = {path.relative_to(tmp_path / "on") for path in (tmp_path / "on").rglob("report.html")}
    assert reports == {path.relative_to(tmp_path / "off") for path in (tmp_path / "off").rglob("report.html")}
    assert len(reports) == (1 if text == SWEEP else 3)
    assert list((tmp_path / "on").rglob("*.partial")) == []


def test_a_picture_that_fails_is_one_line_of_a_run_that_does_not(tmp_path):
    (tmp_path / "case.toml").write_text(SWEEP)
    (tmp_path / "out" / "potential.png").mkdir(parents=True)  # no file can take its place
    (tmp_path / "out" / MARK).touch()
    done = run(tmp_path, "out", "on")
    assert done.returncode == 0, done.stderr
    told = next(line for line in done.stderr.splitlines() if "could not be drawn" in line)
    assert told.startswith("a picture could")
    assert done.stderr.count("could not be drawn") == 1
    assert (tmp_path / "out" / "iv.png").is_file()


def test_a_process_that_dies_is_one_line(tmp_path, capfd):
    process = background.PictureProcess()
    process._process.kill()
    process._process.wait()
    process.draw(None, [], tmp_path / "fields.vtu", tmp_path)
    process.finish()
    process.close()
    told = capfd.readouterr().err.splitlines()
    assert told == [
        f"pictures could not be drawn: their process has ended (code -9); spinepnp plot {tmp_path} draws them"
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_command(number):
    name, value = "PICTURES_OF", str(time.monotonic_ns())
    command = subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=environment("on", **{name: value}),
    )  # fmt: skip
    assert command.stdout.readline() == b"ready\n"
    assert len(of_job(f"{name}={value}")) == 3  # supervisor, worker, and the one for pictures
    command.send_signal(number)
    command.wait(30.0)
    command.stdout.close()
    deadline = time.monotonic() + 30.0
    while (left := of_job(f"{name}={value}")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_only_the_last_pictures_of_a_directory_are_drawn():
    """Jobs that have not begun when a later one arrives for their directory."""
    stream = io.BytesIO(b"".join(pickle.dumps((d, pickle.dumps(n))) for d, n in (("a", 1), ("b", 2), ("a", 3))))
    jobs = background._Jobs(stream)
    with jobs._changed:
        assert jobs._changed.wait_for(lambda: jobs._ended, timeout=30.0)
    assert list(jobs) == [2, 3]


@pytest.mark.parametrize(
    ("variables", "cores", "free"),
    [
        ({}, 2, True),
        ({}, 1, False),
        ({"PMI_RANK": "0", "PMI_SIZE": "8", "MPI_LOCALNRANKS": "2"}, 4, True),
        ({"PMI_RANK": "0", "PMI_SIZE": "2", "MPI_LOCALNRANKS": "2"}, 2, False),
        ({"SLURM_PROCID": "0"}, 64, False),
        ({"SLURM_PROCID": "0", background.VARIABLE: "on"}, 1, True),
        ({background.VARIABLE: "off"}, 64, False),
    ],
)
def test_it_needs_a_core_that_no_rank_has(monkeypatch, variables, cores, free):
    from spinepnp.runtime.ranks import RANK_VARIABLES, SIZE_VARIABLES

    for name in (*RANK_VARIABLES, *SIZE_VARIABLES, background.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert background.has_free_core() == free
