"""Loss of a host: who tells whom, what ends, and what is not taken for a loss."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spinepnp.runtime import hosts, launch
from spinepnp.runtime.ranks import RANK_VARIABLES, SIZE_VARIABLES, crowding
from support import ROOT

#: A rank of a job on three hosts of one rank each, all on this machine; without a network between them.
RANK = """
import json, os, sys, time
from spinepnp.runtime import hosts, supervisor
sys.argv = ["spinepnp", "run", "x"]
supervisor.begin()
from mpi4py import MPI
world = MPI.COMM_WORLD
hosts.connect(world, supervisor._channel, host=f"host{world.rank}")
LAST
"""

#: What the last rank does on a signal: its supervisor gets a connection whose other end goes away.
LOSE = """
import signal, socket
def lose(*_):
    near = socket.create_server(("127.0.0.1", 0))
    far = socket.create_connection(near.getsockname())
    hosts._hand_over(near.accept()[0], "elsewhere", supervisor._channel)
    far.close()
signal.signal(signal.SIGUSR1, lose)
numbers = world.gather((os.getppid(), os.getpid()))
if world.rank == 0:
    print(json.dumps(numbers), flush=True)
while True:
    time.sleep(1)
"""


class FakeWorld:
    """Communicator of one rank."""

    rank, size = 0, 1

    def allgather(self, value):
        return [value]


def pair():
    """Connections of a supervisor with one other end at "there", and that end."""
    channel, worker = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connections = hosts.Connections(channel)
    near = socket.create_server(("127.0.0.1", 0))
    far = socket.create_connection(near.getsockname())
    hosts._hand_over(near.accept()[0], "there", worker)
    connections.read()
    return connections, far


@pytest.fixture(autouse=True)
def news():
    """Signals SIGIO that have come; a process that does not expect them is ended by one."""
    came = []
    before = signal.signal(signal.SIGIO, lambda *_: came.append(True))
    yield came
    signal.signal(signal.SIGIO, before)


def await_news(news):
    deadline = time.monotonic() + 10.0
    while not news and time.monotonic() < deadline:
        time.sleep(0.01)
    assert news


def test_the_tree_has_a_leader_of_each_host_below_rank_zero():
    assert hosts.parents(["a", "a", "b", "b", "a", "c"]) == [-1, 0, 0, 2, 0, 0]
    assert hosts.parents(["a"]) == [-1]


def test_one_host_makes_no_connection():
    hosts.connect(FakeWorld(), None)


def test_silence_is_no_loss_and_the_kernel_watches():
    connections, far = pair()
    connections.read()
    assert not connections.lost
    ((near, host),) = connections._peers
    assert host == "there"
    assert near.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    seconds = near.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) + near.getsockopt(
        socket.IPPROTO_TCP, socket.TCP_KEEPINTVL
    ) * near.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
    assert 10 <= seconds + hosts.LAUNCHER_DELAY < 30
    far.close()


@pytest.mark.parametrize(
    ("message", "lost", "reported"),
    [(hosts.FINISHED, "", False), (hosts.REPORTED, "there", True), (b"", "there", False)],
)
def test_messages_and_the_end_of_a_connection(news, message, lost, reported):
    connections, far = pair()
    news.clear()
    far.sendall(message)
    far.close()
    await_news(news)
    connections.read()
    assert (connections.lost, connections.reported) == (lost, reported)
    assert (connections.deadline < float("inf")) == bool(lost)


def test_a_reset_connection_leaves_the_launcher_time(news):
    connections, far = pair()
    news.clear()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # the end is sent as a reset
    far.close()
    await_news(news)
    connections.read()
    assert connections.lost == "there"
    assert connections.deadline > time.monotonic()


def test_strangers_are_turned_away():
    listener = socket.create_server(("127.0.0.1", 0))
    port, token = listener.getsockname()[1], b"0123456789abcdef"
    stranger = hosts._reach(["127.0.0.1"], port, b"GET / HTTP/1.1\r\n\r\n__", time.monotonic() + 10)
    friend = hosts._reach(["127.0.0.1"], port, token + (7).to_bytes(4), time.monotonic() + 10)
    assert list(hosts._accepted(listener, token, 1, time.monotonic() + 10)) == [7]
    assert stranger.recv(1) == b""
    friend.close()
    assert hosts._reach(["127.0.0.1"], port, token, time.monotonic() + 10) is None


def start(tmp_path, mpiexec, last):
    """A job of three ranks, which do something at last."""
    script = tmp_path / "rank.py"
    script.write_text(RANK.replace("LAST", last))
    return subprocess.Popen(
        [sys.executable, "-m", "spinepnp.runtime.launch", mpiexec, "-n", "3", sys.executable, str(script)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=ROOT,
    )  # fmt: skip


def test_a_lost_host_ends_the_whole_job_with_one_line_and_a_stopped_rank_does_not(tmp_path, mpiexec):
    process = start(tmp_path, mpiexec, LOSE)
    numbers = json.loads(process.stdout.readline())  # supervisor and worker of each rank
    for number in numbers[1]:
        os.kill(number, signal.SIGSTOP)
    time.sleep(1.0)
    assert process.poll() is None
    for number in numbers[1]:
        os.kill(number, signal.SIGCONT)
    os.kill(numbers[2][1], signal.SIGUSR1)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.splitlines() == [
        "error: host elsewhere was lost, and the job with it; what was solved is kept: "
        "the same command with --resume goes on"
    ]
    deadline = time.monotonic() + 10.0
    while (left := [n for both in numbers for n in both if runs(n)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left == []


def runs(number):
    """Whether a process runs, and is not only to be collected."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_ranks_that_end_in_order_are_not_missed(tmp_path, mpiexec):
    process = start(tmp_path, mpiexec, "time.sleep(world.rank)")
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_lines_of_the_launcher_are_left_out_of_errors(size):
    text = b"bar 3/4\r[mpiexec@a] control_cb: assert (!closed) failed\nerror: host b was lost, and\n[1/2] x = 1\n[mpi"
    seen = set()
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    shown = b"".join(launch.without_complaints(pieces, seen))
    assert shown == b"bar 3/4\rerror: host b was lost, and\n[1/2] x = 1\n[mpi"
    assert "complaint" in seen
    assert "report" in seen


def test_a_bar_without_an_end_of_line_passes_at_once():
    pieces = launch.without_complaints(iter([b"solved 3 of 4"]), set())
    assert next(pieces) == b"solved 3 of 4"


class TestMoreRanksThanCores:
    """`./spine -n 64` and `mpirun -n 64` on two cores; a launcher tells each rank how many there are."""

    @pytest.mark.parametrize(("ranks", "cores", "warned"), [(64, 2, True), (4, 2, False), (64, 64, False)])
    def test_are_warned_of(self, monkeypatch, ranks, cores, warned):
        monkeypatch.setenv("PMI_RANK", "0")
        monkeypatch.setenv("MPI_LOCALNRANKS", str(ranks))
        monkeypatch.setattr("os.cpu_count", lambda: cores)
        line = "warning: 64 ranks share 2 cores and wait for each other; take -n 2"
        assert crowding() == (line if warned else "")

    def test_are_no_concern_without_a_launcher_and_on_several_hosts(self, monkeypatch):
        monkeypatch.setattr("os.cpu_count", lambda: 2)
        for name in (*RANK_VARIABLES, *SIZE_VARIABLES):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("MPI_LOCALNRANKS", "64")
        assert crowding() == ""
        monkeypatch.delenv("MPI_LOCALNRANKS")
        monkeypatch.setenv("PMI_RANK", "0")
        monkeypatch.setenv("PMI_SIZE", "64")  # of all hosts
        assert crowding() == ""

    @pytest.mark.parametrize("rank", [0, 1])
    def test_one_rank_says_so_in_one_line_at_once(self, rank):
        environment = {**os.environ, "PMI_RANK": str(rank), "MPI_LOCALNRANKS": "100000"}
        command = [sys.executable, "-m", "spinepnp", "list", "shapes"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0
        lines = done.stderr.splitlines()
        assert len(lines) == (1 if rank == 0 else 0), lines
        assert all(line.startswith("warning: 100000 ranks share ") for line in lines)
