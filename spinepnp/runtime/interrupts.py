"""Deferral of Ctrl-C, SIGTERM and SIGHUP: solved points are kept, and no library prints a message of its own.

The handlers of `supervisor` end a command at once, except where `graceful` defers a signal. A user of the library gets
`KeyboardInterrupt`, as from Python itself, but not within a C library, which would swallow it.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from spinepnp.runtime import supervisor
from spinepnp.runtime.supervisor import SIGNALS

#: Seconds within which a second signal is a copy of the first: a Ctrl-C reaches ranks from the terminal and by mpiexec.
ECHO_INTERVAL = 1.0


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def preserve_handlers() -> Iterator[None]:
    """Restore Python's signal handlers after a block in which a C library sets its own; signals wait for its end.

    Gmsh resets every handler, and PETSc prints and aborts on SIGTERM, SIGHUP and SIGPIPE.
    """
    if not _in_main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        for number in (*SIGNALS, signal.SIGPIPE):
            handler = signal.getsignal(number)
            if handler is not None:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Pending:
    """Signals that have arrived while they were deferred.

    Args:
        tolerated: number of signals up to which `check` does not raise.
    """

    def __init__(self, tolerated: int = 0) -> None:
        self._signals, self._tolerated, self._last = 0, tolerated, -math.inf

    @property
    def received(self) -> bool:
        """Whether a signal has arrived."""
        return self._signals > 0

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if more signals have arrived than are tolerated."""
        if self._signals > self._tolerated:
            raise KeyboardInterrupt

    def _note(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        self._signals += now - self._last > ECHO_INTERVAL
        self._last = now
        if supervisor.is_active() and self._signals > self._tolerated:
            supervisor.end(number)


_active: list[Pending] = []


@contextmanager
def graceful() -> Iterator[Pending]:
    """Defer the first signal during a loop, which checks for it where it can end; the second signal interrupts."""
    with supervisor.graceful(), _deferring(Pending(tolerated=1)) as pending:
        _active.append(pending)
        try:
            yield pending
        finally:
            _active.pop()


@contextmanager
def deferred() -> Iterator[Pending]:
    """Defer signals during a call into a C library, which would swallow the exception; a command ends within it.

    Yields:
        Signals that have arrived; `KeyboardInterrupt` is raised at the end of the block at the latest.
    """
    if _active:
        yield _active[-1]
        _active[-1].check()
        return
    if supervisor.is_active():
        yield Pending()
        return
    with _deferring(Pending()) as pending:
        yield pending
    pending.check()


@contextmanager
def _deferring(pending: Pending) -> Iterator[Pending]:
    if not _in_main_thread():
        yield pending
        return
    handled = [n for n in SIGNALS if signal.getsignal(n) not in (signal.SIG_IGN, signal.SIG_DFL, None)]
    before = [(number, signal.signal(number, pending._note)) for number in handled]
    try:
        yield pending
    finally:
        for number, handler in before:
            signal.signal(number, handler)
