"""Ctrl-C, SIGTERM and SIGHUP end a run in order: what was solved is kept, and no library's message stands in the way.

A command is ended on the spot by the handlers of `supervisor`, except where `graceful` holds a signal back.
A user of the library gets `KeyboardInterrupt`, as from Python itself, but not within a C library, which swallows it.
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

#: Seconds within which a second signal is the same one.
ECHO = 1.0


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def preserve_handlers() -> Iterator[None]:
    """Keep Python's handlers over a block in which a C library sets its own; what comes meanwhile comes at its end.

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
    """Whether a signal has come while it was deferred.

    Args:
        patience: how many signals are noted before `check` raises.
    """

    def __init__(self, patience: int = 0) -> None:
        self._signals, self._patience, self._last = 0, patience, -math.inf

    @property
    def received(self) -> bool:
        """Whether one has come."""
        return self._signals > 0

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if more signals have come than are waited for."""
        if self._signals > self._patience:
            raise KeyboardInterrupt

    def _note(self, number: int, _frame: FrameType | None) -> None:
        # A Ctrl-C reaches ranks twice: from the terminal, and passed on by mpiexec.
        now = time.monotonic()
        self._signals += now - self._last > ECHO
        self._last = now
        if supervisor.is_active() and self._signals > self._patience:
            supervisor.end(number)


_orderly: list[Pending] = []


@contextmanager
def graceful() -> Iterator[Pending]:
    """Hold the first signal back during a whole loop, which asks for it where it can end; the second one interrupts.

    Yields:
        What tells whether one has come.
    """
    with supervisor.graceful(), _held(Pending(patience=1)) as pending:
        _orderly.append(pending)
        try:
            yield pending
        finally:
            _orderly.pop()


@contextmanager
def deferred() -> Iterator[Pending]:
    """Hold signals back during a call into a C library, which would swallow the exception; a command is ended there.

    Yields:
        What tells whether one has come; it is raised at the end of the block at the latest.
    """
    if _orderly:
        yield _orderly[-1]
        _orderly[-1].check()
        return
    if supervisor.is_active():
        yield Pending()
        return
    with _held(Pending()) as pending:
        yield pending
    pending.check()


@contextmanager
def _held(pending: Pending) -> Iterator[Pending]:
    if not _in_main_thread():
        yield pending
        return
    held = [n for n in SIGNALS if signal.getsignal(n) not in (signal.SIG_IGN, signal.SIG_DFL, None)]
    before = [(number, signal.signal(number, pending._note)) for number in held]
    try:
        yield pending
    finally:
        for number, handler in before:
            signal.signal(number, handler)
