"""Interruptions of a command: one line, an exit code and no process left, whenever the signal arrives.

`begin` divides the command into two processes, a worker and a supervisor. The supervisor only waits for signals and for
the end of the worker; it kills a worker that does not end by itself, as within a long call into a C library, which runs
no handler of Python's. Nothing heavy is imported here, so that signals are handled almost from the start.
"""

from __future__ import annotations

import _socket
import math
import mmap
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO, Any, NoReturn

from spinepnp.runtime import hosts
from spinepnp.runtime.ranks import is_launched

#: Exit codes by the signals that interrupt.
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 130, signal.SIGHUP: 129}

#: Signals that interrupt.
SIGNALS = tuple(EXIT_CODES)

#: Exit code of an interruption by Ctrl-C.
INTERRUPTED = EXIT_CODES[signal.SIGINT]

#: Messages of interrupted verbs that keep their results; others are only "interrupted".
INTERRUPTIONS = {
    "run": "interrupted: what was solved is kept; the same command with --resume continues",
    "batch": "interrupted: what was solved is kept; the same command continues",
}

#: Error line on the loss of a host.
LOST_HOST = "error: host {host} was lost, and the job with it; what was solved is kept: {again}"

#: Environment variable that `launch` sets: it reports interruptions itself, once for all ranks.
QUIET_VARIABLE = "SPINEPNP_LAUNCHER_TELLS"

#: Seconds after a signal at which the worker is killed where it has nothing to keep.
KILL_DELAY = 1.0

#: Seconds after a signal at which the worker is killed where it has results to keep (`graceful`).
GRACE_PERIOD = 4.0

#: Seconds after which mpiexec has forwarded a line; it drops the rest when a rank ends.
MPIEXEC_DELAY = 0.3

#: Option of prctl: the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1

#: Option of prctl: orphans below a process become its children.
PR_SET_CHILD_SUBREAPER = 36

#: Bytes that both processes share.
_shared = mmap.mmap(-1, mmap.PAGESIZE)

#: Index of the byte that counts the `graceful` blocks of the worker.
_GRACEFUL = 0

#: Index of the byte that says whether the line on the interruption is printed.
_REPORTED = 1

_active = False
_launcher = 0
_opened: list[IO[str]] = []
_token: _socket.socket | None = None
_channel: _socket.socket | None = None  # from the worker to its supervisor


def is_active() -> bool:
    """Whether this process is a command, which signals end, and not a program that uses the library."""
    return _active


def watched() -> set[signal.Signals]:
    """Signals that interrupt this command: not SIGHUP under nohup."""
    return {n for n in SIGNALS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN}


def interruption(arguments: list[str]) -> str:
    """Message on an interrupted command."""
    verb = next((a for a in arguments if not a.startswith("-")), "")
    return INTERRUPTIONS.get(verb, "interrupted")


def again(arguments: list[str]) -> str:
    """Remedy after the loss of a rank: a batch continues without --resume."""
    return "the same command goes on" if "batch" in arguments else "the same command with --resume goes on"


def open_streams() -> None:
    """Open standard streams that the caller has closed (``>&-``), to nowhere: else the next file takes their number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - lives as long as the process
        _opened.append(sys.stdout)  # a stream that replaces it may share its buffer
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def begin() -> None:
    """Let signals end this command from here on, and continue in a worker process.

    The supervisor never returns from here.
    """
    global _active, _launcher, _channel
    _active, _launcher = True, os.getppid()
    signal.pthread_sigmask(signal.SIG_BLOCK, {*SIGNALS, signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if sys.platform == "linux" and "mpi4py.MPI" not in sys.modules:  # a process that runs MPI must not be divided
        parent = os.getpid()
        ends = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET) if is_launched() else (None, None)
        try:
            child = os.fork()
        except OSError:  # too many processes: continue without a supervisor
            child = None
        if child:
            _watch(child, watched(), ends[0])
        elif child == 0:
            end_with_parent(parent)
            _channel = ends[1]
    for number in watched():
        signal.signal(number, _at_signal)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*SIGNALS, signal.SIGCHLD})


def watch_hosts(world: Any) -> None:
    """Let the supervisors of a job on several hosts end it when one of the hosts is lost. Collective.

    Args:
        world: MPI communicator of all ranks.
    """
    if _active and world.size > 1:
        hosts.connect(world, _channel)


def _at_signal(number: int, _frame: FrameType | None) -> None:
    end(number)


def end(number: int = signal.SIGINT) -> NoReturn:
    """End this process and its job at once after a signal, with one line on standard error for all its ranks."""
    code = EXIT_CODES[signal.Signals(number)]
    with suppress(Exception):  # the process must end, whatever happens to the output
        if sys.stdout is not None:
            sys.stdout.flush()
    _report_interruption()
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End, and let the launcher end the other ranks."""
    if is_launched():
        time.sleep(MPIEXEC_DELAY)
        if os.environ.get("PMI_FD", "").isdecimal():
            # As MPI_Abort does: MPICH's launcher does not notice the end of a rank that has not started MPI, and the
            # other ranks would wait for it for ever.
            with suppress(OSError):
                os.write(int(os.environ["PMI_FD"]), f"cmd=abort exitcode={code}\n".encode())
    os._exit(code)


def _report_interruption() -> None:
    """Print the message on the interruption, unless the launcher does."""
    if not os.environ.get(QUIET_VARIABLE):
        _report(interruption(sys.argv[1:]))


def _report(line: str) -> None:
    """Print a line, unless another process of this job on this machine has."""
    global _token
    if _shared[_REPORTED]:
        return
    if is_launched():
        _token = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        try:
            # A name in the abstract name space belongs to one process, and is free again at its end.
            _token.bind(f"\0spinepnp-interrupted-{os.getuid()}-{_launcher}")
        except OSError:
            return
    _shared[_REPORTED] = 1
    cursor = "\033[?25h\n" if os.isatty(2) else ""  # a progress bar has hidden it
    with suppress(OSError):
        os.write(2, f"{cursor}{line}\n".encode())


@contextmanager
def graceful() -> Iterator[None]:
    """Mark a block in which the worker notes a signal, keeps results and ends within the grace period."""
    _shared[_GRACEFUL] += 1
    try:
        yield
    finally:
        _shared[_GRACEFUL] -= 1


def end_with_parent(parent: int | None = None) -> None:
    """Let this process be killed when its parent, which may have ended already, ends."""
    _control(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(child: int, interrupting: set[signal.Signals], channel: _socket.socket | None) -> NoReturn:
    """Wait for the end of the worker, and end in the same way; after a signal, make sure that it ends."""
    try:
        _watch_on(child, interrupting, channel)
    finally:  # the supervisor must never continue with the work of the worker
        os._exit(1)


def _watch_on(child: int, interrupting: set[signal.Signals], channel: _socket.socket | None) -> NoReturn:
    _control(PR_SET_CHILD_SUBREAPER, 1)
    _end_with_launcher(_launcher)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
    connections = hosts.Connections(channel) if channel else None
    deadline, received = math.inf, 0
    while True:
        lost = connections.deadline if connections else math.inf
        left = max(0.0, min(deadline, lost) - time.monotonic())
        arrived = next_signal(interrupting | {signal.SIGCHLD, signal.SIGIO}, left)
        for number, status in _ended():
            if number == child:
                if connections and not os.WIFSIGNALED(status):
                    connections.tell(hosts.FINISHED)
                _end_as(status, received)
        if arrived in EXIT_CODES:
            received = received or arrived
            os.kill(child, arrived)  # the terminal has sent it there, too; a copy does no harm
            deadline = min(deadline, time.monotonic() + (GRACE_PERIOD if _shared[_GRACEFUL] else KILL_DELAY))
        elif time.monotonic() >= deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            _end_as(signal.SIGKILL, received)
        elif connections and arrived == signal.SIGIO:
            connections.read()
        elif connections and time.monotonic() >= connections.deadline:
            _end_without_host(child, connections)


def _end_without_host(child: int, connections: hosts.Connections) -> NoReturn:
    """End the part of the job on this side of a loss: this rank, then the other ranks and their launcher."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    _kill_orphans()
    if not connections.reported:
        _report(LOST_HOST.format(host=connections.lost, again=again(sys.argv)))
        time.sleep(MPIEXEC_DELAY)
    connections.tell(hosts.REPORTED)
    hosts.kill_launcher(_launcher)
    os._exit(1)


def _ended() -> Iterator[tuple[int, int]]:
    """Numbers and states of children that have ended, orphans included."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            yield found


def next_signal(awaited: set[signal.Signals], seconds: float) -> int:
    """Next of the awaited signals, which are blocked; 0 if none arrives in time."""
    if seconds == math.inf:
        return signal.sigwait(awaited)
    arrived = signal.sigtimedwait(awaited, seconds)
    return arrived.si_signo if arrived is not None else 0


def _end_as(status: int, received: int) -> NoReturn:
    """End as the worker did; after a signal, its own children end, too."""
    killed = os.WIFSIGNALED(status)
    if received and (killed or os.WEXITSTATUS(status) in EXIT_CODES.values()):
        _kill_orphans()
        if not killed:
            os._exit(EXIT_CODES[signal.Signals(received)])
        _report_interruption()
        _leave(EXIT_CODES[signal.Signals(received)])
    if killed:
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))  # one is enough
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def _kill_orphans() -> None:
    """Kill the processes that the worker has started (compilers, pytest, Sphinx), and their children."""
    path = f"/proc/self/task/{os.getpid()}/children"
    with suppress(OSError, ValueError):
        for _ in range(100):
            with open(path, "rb") as file:
                children = [int(number) for number in file.read().split()]
            if not children:
                return
            for child in children:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def _end_with_launcher(launcher: int) -> None:
    """End with MPICH's launcher: its ranks are in sessions of their own and would continue."""
    with suppress(OSError):
        with open(f"/proc/{launcher}/comm", encoding="utf-8") as file:
            if not file.read().startswith("hydra_pmi"):
                return
        end_with_parent(launcher)


def _control(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, int(value))
