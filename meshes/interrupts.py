"""Ctrl-C and SIGTERM end a run in order: what was solved is kept, and no library's message stands in the way."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

#: Seconds within which a second signal is the same one.
ECHO = 1.0


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def install() -> None:
    """Let both signals raise `KeyboardInterrupt`, and a pipe that nobody reads `BrokenPipeError`, as Python does.

    Needed at the start and after Gmsh: PETSc prints and aborts on SIGTERM and SIGPIPE, and Gmsh resets every handler.
    """
    if _in_main_thread():
        for number in SIGNALS:
            signal.signal(number, signal.default_int_handler)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)


class Pending:
    """Whether a signal has come while it was deferred.

    Args:
        patience: how many signals are noted before `check` raises.
    """

    def __init__(self, patience: int = 0) -> None:
        self._signals, self._patience, self._last = 0, patience, -math.inf

    @property
    def come(self) -> bool:
        """Whether one has come."""
        return self._signals > 0

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if more signals have come than are waited for."""
        if self._signals > self._patience:
            raise KeyboardInterrupt

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        # A Ctrl-C reaches ranks twice: from the terminal, and passed on by mpiexec.
        now = time.monotonic()
        self._signals += now - self._last > ECHO
        self._last = now


_orderly: list[Pending] = []


@contextmanager
def orderly() -> Iterator[Pending]:
    """Hold the first signal back during a whole loop, which asks for it where it can end; the second one interrupts.

    Yields:
        What tells whether one has come.
    """
    with _held(Pending(patience=1)) as pending:
        _orderly.append(pending)
        try:
            yield pending
        finally:
            _orderly.pop()


@contextmanager
def deferred() -> Iterator[Pending]:
    """Hold both signals back during a call into a C library, which would swallow the exception.

    Yields:
        What tells whether one has come; it is raised at the end of the block at the latest.
    """
    if _orderly:
        yield _orderly[-1]
        _orderly[-1].check()
        return
    with _held(Pending()) as pending:
        yield pending
    pending.check()


@contextmanager
def _held(pending: Pending) -> Iterator[Pending]:
    if not _in_main_thread():
        yield pending
        return
    before = [(number, signal.signal(number, pending._note)) for number in SIGNALS]
    try:
        yield pending
    finally:
        for number, handler in before:
            signal.signal(number, handler)
