"""Commands that are interrupted: one line, the right exit code, no process left, nothing lost. See `interruptions`."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from support import ROOT
from support.interruptions import HOLD, command, difference, interrupt, of_job, write_cases

ENVIRONMENT = {"OMP_NUM_THREADS": "1"}

#: A run until it has its first step, and what is left of it, are cut off at moments of this seed.
SEED = 21


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the cases, and unbroken results of the transient."""
    made = tmp_path_factory.mktemp("interrupted")
    write_cases(made)
    done = subprocess.run(command("run", 1, "", again=False), cwd=made, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (made / "out").rename(made / "whole")
    return made


@pytest.mark.parametrize("ranks", [1, 2])
def test_at_any_moment_one_line_and_no_process_is_left_and_the_rest_is_as_unbroken(folder, mpiexec, ranks):
    """From the first millisecond to the steps of the transient; each command goes on where the last one was."""
    draw = random.Random(SEED + ranks)
    moments = [0.0, draw.uniform(0.0, 0.1), draw.uniform(0.1, 0.6), draw.uniform(0.6, 2.0), draw.uniform(1.0, 3.0)]
    signals = draw.sample([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGINT], 5)
    for i, (delay, number) in enumerate(zip(moments, signals, strict=True)):
        outcome = interrupt(command("run", ranks, mpiexec, again=i > 0), folder, number, delay, environment=ENVIRONMENT)
        # Seconds are those of a machine that others use, too; "hangs" is told where there is no end.
        told = [c for c in outcome.complaints if not c.startswith("hangs") or outcome.seconds > 15.0]
        assert told == [], (delay, number, outcome)
    last = subprocess.run(command("run", 3 - ranks, mpiexec, again=True), cwd=folder, capture_output=True, text=True)
    assert last.returncode == 0, last.stderr
    assert difference(folder / "out", folder / "whole", "run") == ""
    (folder / "out").rename(folder / f"ended-{ranks}")


BUSY = """
import ctypes, sys
sys.argv = ["spinepnp", "run", "x"]
import spinepnp.__main__ as main
import spinepnp.cli
def busy(*_, **__):
    print("busy", flush=True)
    {work}
spinepnp.cli.app = busy
main.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize(
    "work",
    [
        "sum(range(10**12))",
        "__import__('hashlib').pbkdf2_hmac('sha256', b'', b'', 10**9)",
        "__import__('subprocess').run(['sleep', '60'])",
    ],
    ids=["C with the GIL", "C without", "another program"],
)
def test_a_long_call_into_a_library_is_ended_too(work, number):
    """Factorisations keep Python's lock; Gmsh does not, but no handler runs before its end."""
    mark = f"LONG_CALL={time.monotonic_ns()}"
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY.format(work=work)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | dict([mark.split("=")]), cwd=ROOT,
    )  # fmt: skip
    assert process.stdout.readline() == "busy\n"
    time.sleep(0.3)  # it is in the call
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == (130 if number == signal.SIGINT else 129)
    assert errors == "interrupted: what was solved is kept; the same command with --resume continues\n"
    assert of_job(mark) == []


def test_kill_9_of_the_watching_process_leaves_no_other():
    mark = f"KILLED={time.monotonic_ns()}"
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY.format(work="ctypes.CDLL(None).sleep(60)")], stdout=subprocess.PIPE,
        env=os.environ | dict([mark.split("=")]), cwd=ROOT,
    )  # fmt: skip
    assert process.stdout.readline() == b"busy\n"
    assert len(of_job(mark)) == 2
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while of_job(mark) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert of_job(mark) == []


def test_how_the_work_ends_the_command_ends():
    for work, code in (("sys.exit(7)", 7), ("__import__('os').kill(__import__('os').getpid(), 11)", -11)):
        done = subprocess.run([sys.executable, "-c", BUSY.format(work=work)], cwd=ROOT, stdout=subprocess.DEVNULL)
        assert done.returncode == code


def test_nohup_keeps_its_promise():
    code = BUSY.format(work="import time; time.sleep(1)")
    process = subprocess.Popen(
        ["nohup", sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout.readline() == "busy\n"
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_one_rank_that_ends_before_mpi_has_begun_does_not_keep_the_others_waiting(mpiexec, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, signal, sys, time\nfrom spinepnp.runtime import supervisor\nsys.argv = ['spinepnp', 'run', 'x']\n"
        "supervisor.begin()\nif os.environ['PMI_RANK'] == '1':\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "from mpi4py import MPI\nMPI.COMM_WORLD.Barrier()\ntime.sleep(60)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [mpiexec, "-n", "2", sys.executable, str(script)], capture_output=True, text=True, timeout=30, env=environment
    )
    assert done.returncode == 130
    assert done.stderr.splitlines() == [
        "interrupted: what was solved is kept; the same command with --resume continues"
    ]
    assert done.stdout == ""


def test_the_launcher_holds_signals_back(tmp_path):
    """`./spine` begins by it: what comes before Python can say a line waits."""
    code = "import os, signal; os.kill(os.getppid(), 0); print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))"
    done = subprocess.run([*HOLD, sys.executable, "-c", code], capture_output=True, text=True)
    assert "SIGHUP: 1" in done.stdout
    assert "SIGINT: 2" in done.stdout
    assert "SIGTERM: 15" in done.stdout
    assert " ".join(HOLD) in (ROOT / "spine").read_text()
