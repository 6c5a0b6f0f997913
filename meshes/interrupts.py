"""Ctrl-C and SIGTERM end a run in order: what was solved is kept, and no library's message stands in the way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def install() -> None:
    """Let both signals raise `KeyboardInterrupt`.

    Needed at the start and after Gmsh: PETSc prints and aborts on SIGTERM, and Gmsh resets every handler.
    """
    if _in_main_thread():
        for number in SIGNALS:
            signal.signal(number, signal.default_int_handler)


class Pending:
    """Whether a signal has come while it was deferred."""

    def __init__(self) -> None:
        self.come = False

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if a signal has come."""
        if self.come:
            raise KeyboardInterrupt

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.come = True


@contextmanager
def deferred() -> Iterator[Pending]:
    """Hold both signals back during a call into a C library, which would swallow the exception.

    Yields:
        What tells whether one has come; it is raised at the end of the block at the latest.
    """
    pending = Pending()
    if not _in_main_thread():
        yield pending
        return
    before = [(number, signal.signal(number, pending._note)) for number in SIGNALS]
    try:
        yield pending
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    pending.check()
