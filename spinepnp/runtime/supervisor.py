"""Interruptions of a command: one line, an exit code and no process left, whenever the signal comes.

`begin` divides the command into two processes. One works. The other one only waits for signals and for the end of the
first: it ends it where it does not end by itself, as within a long call into a C library, which runs no handler of
Python's. Nothing heavy is imported here, so that hardly a moment is before it.
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
from typing import IO, NoReturn

from spinepnp.runtime.ranks import is_launched

#: Signals that interrupt, and exit codes.
CODES = {signal.SIGINT: 130, signal.SIGTERM: 130, signal.SIGHUP: 129}
SIGNALS = tuple(CODES)

INTERRUPTED = CODES[signal.SIGINT]

#: What is said of an interrupted verb that keeps what it has; of others only that they were interrupted.
INTERRUPTIONS = {
    "run": "interrupted: what was solved is kept; the same command with --resume continues",
    "batch": "interrupted: what was solved is kept; the same command continues",
}

#: Set by `launch`, which tells of interruptions itself, once for all ranks.
QUIET = "SPINEPNP_LAUNCHER_TELLS"

#: Seconds that the working process has for its end: at any moment, and where it has something to keep.
AT_ONCE, ORDERLY = 1.0, 4.0

#: Seconds after which mpiexec has passed a line on; it drops the rest when a rank ends.
PASSED_ON = 0.3

#: Of prctl: the signal that a process gets when its parent dies; orphans below a process become its children.
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

# Bytes that both processes see: how many orderly ends are being waited for, and whether the line was told.
_shared = mmap.mmap(-1, mmap.PAGESIZE)
_ORDERLY, _TOLD = 0, 1

_active = False
_launcher = 0
_opened: list[IO[str]] = []
_token: _socket.socket | None = None


def is_active() -> bool:
    """Whether this process is a command, which signals end, and not a user of the library."""
    return _active


def watched() -> set[signal.Signals]:
    """Signals that interrupt this command: nohup has taken SIGHUP out."""
    return {n for n in SIGNALS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN}


def interruption(arguments: list[str]) -> str:
    """What is said of an interrupted command."""
    verb = next((a for a in arguments if not a.startswith("-")), "")
    return INTERRUPTIONS.get(verb, "interrupted")


def open_streams() -> None:
    """Send standard streams that the caller has closed (``>&-``) to nowhere; the next file would stand in for them."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - lives as long as the process
        _opened.append(sys.stdout)  # what is put in its place may share its buffer
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def begin() -> None:
    """Let signals end this command from here on, and go on in a process that is watched over.

    The watching process never returns from here.
    """
    global _active, _launcher
    _active, _launcher = True, os.getppid()
    signal.pthread_sigmask(signal.SIG_BLOCK, {*SIGNALS, signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if sys.platform == "linux" and "mpi4py.MPI" not in sys.modules:  # a process that runs MPI must not be divided
        parent = os.getpid()
        try:
            child = os.fork()
        except OSError:  # too many processes: then without
            child = None
        if child:
            _watch(child, watched())
        elif child == 0:
            end_with_parent(parent)
    for number in watched():
        signal.signal(number, _at_signal)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*SIGNALS, signal.SIGCHLD})


def _at_signal(number: int, _frame: FrameType | None) -> None:
    end(number)


def end(number: int = signal.SIGINT) -> NoReturn:
    """End this process and its job at once, with one line on standard error for all its ranks.

    Args:
        number: of the signal.
    """
    code = CODES[signal.Signals(number)]
    with suppress(Exception):  # whatever happens to the screen: this is the end
        if sys.stdout is not None:
            sys.stdout.flush()
    _tell()
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End, and let the launcher end the other ranks."""
    if is_launched():
        time.sleep(PASSED_ON)
        if os.environ.get("PMI_FD", "").isdecimal():
            # As MPI_Abort does. MPICH's launcher does not miss a rank that ends before MPI has begun, for which the
            # others would wait for ever.
            with suppress(OSError):
                os.write(int(os.environ["PMI_FD"]), f"cmd=abort exitcode={code}\n".encode())
    os._exit(code)


def _tell() -> None:
    """Say the line, unless another process of this job on this machine has."""
    global _token
    if os.environ.get(QUIET) or _shared[_TOLD]:
        return
    if is_launched():
        _token = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        try:
            # A name in the abstract name space belongs to one process, and goes with it.
            _token.bind(f"\0spinepnp-interrupted-{os.getuid()}-{_launcher}")
        except OSError:
            return
    _shared[_TOLD] = 1
    cursor = "\033[?25h\n" if os.isatty(2) else ""  # a progress bar has hidden it
    with suppress(OSError):
        os.write(2, f"{cursor}{interruption(sys.argv[1:])}\n".encode())


@contextmanager
def graceful() -> Iterator[None]:
    """Ask the watching process for patience: a signal is noted here, and the end has something to keep."""
    _shared[_ORDERLY] += 1
    try:
        yield
    finally:
        _shared[_ORDERLY] -= 1


def end_with_parent(parent: int | None = None) -> None:
    """Let this process be killed when its parent ends.

    Args:
        parent: its number; it may have ended already.
    """
    _control(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(child: int, interrupting: set[signal.Signals]) -> NoReturn:
    """Wait for the end of the working process, and end as it does; after a signal, see to it that it ends."""
    try:
        _watch_on(child, interrupting)
    finally:  # whatever happens, the work is that of the other process
        os._exit(1)


def _watch_on(child: int, interrupting: set[signal.Signals]) -> NoReturn:
    _control(PR_SET_CHILD_SUBREAPER, 1)
    _end_with(_launcher)
    deadline, come = math.inf, 0
    while True:
        left = max(0.0, deadline - time.monotonic())
        heard = next_signal(interrupting | {signal.SIGCHLD}, left)
        for number, status in _ended():
            if number == child:
                _end_as(status, come)
        if heard in CODES:
            come = come or heard
            os.kill(child, heard)  # a terminal has sent it there too: the same twice
            deadline = min(deadline, time.monotonic() + (ORDERLY if _shared[_ORDERLY] else AT_ONCE))
        elif time.monotonic() >= deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            _end_as(signal.SIGKILL, come)


def _ended() -> Iterator[tuple[int, int]]:
    """Children that have ended, orphans among them: numbers and states."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            yield found


def next_signal(awaited: set[signal.Signals], seconds: float) -> int:
    """The next of some signals, which are blocked; 0 if none comes in time."""
    if seconds == math.inf:
        return signal.sigwait(awaited)
    heard = signal.sigtimedwait(awaited, seconds)
    return heard.si_signo if heard is not None else 0


def _end_as(status: int, come: int) -> NoReturn:
    """End as the working process did; after a signal, what it has left goes too."""
    killed = os.WIFSIGNALED(status)
    if come and (killed or os.WEXITSTATUS(status) in CODES.values()):
        _kill_orphans()
        if not killed:
            os._exit(CODES[signal.Signals(come)])
        _tell()
        _leave(CODES[signal.Signals(come)])
    if killed:
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))  # one is enough
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def _kill_orphans() -> None:
    """End what the working process has started (compilers, pytest, Sphinx), and what that has."""
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


def _end_with(launcher: int) -> None:
    """Die with MPICH's launcher, whose ranks are in sessions of their own and live on otherwise."""
    with suppress(OSError):
        with open(f"/proc/{launcher}/comm", encoding="utf-8") as file:
            if not file.read().startswith("hydra_pmi"):
                return
        end_with_parent(launcher)


def _control(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, int(value))
