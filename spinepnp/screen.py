"""Standard output, whose errors are told apart from those of files: a full disk behind it, or a pipe that is closed."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import Any

from spinepnp.errors import OutputError, reason_of


class ScreenError(OutputError):
    """Standard output cannot be written."""


class Screen(io.TextIOWrapper):
    """Text that raises `ScreenError`, or `BrokenPipeError` where nobody reads, if it cannot be written."""

    def write(self, text: str, /) -> int:
        """As any file does."""
        return int(_tried(super().write, text))

    def flush(self) -> None:
        """As any file does."""
        _tried(super().flush)


def _tried(work: Callable[..., Any], *arguments: str) -> Any:
    try:
        return work(*arguments)
    except BrokenPipeError:
        raise
    except OSError as error:
        problem = f"standard output: cannot be written ({reason_of(error)})"
        raise ScreenError(problem, then="run it again") from None


def watch() -> None:
    """Let `sys.stdout` be a `Screen`, for the whole process."""
    plain = sys.stdout
    if isinstance(plain, io.TextIOWrapper) and plain.fileno() == 1:
        sys.stdout = Screen(
            plain.buffer,
            encoding=plain.encoding,
            errors=plain.errors,
            line_buffering=plain.line_buffering,
            write_through=plain.write_through,
        )


def finish() -> None:
    """Write what is left, which is tried again and told badly at the interpreter's end otherwise.

    Raises:
        ScreenError: it cannot be written.
        BrokenPipeError: nobody reads it.
    """
    if sys.stdout is not None:  # closed by the shell: >&-
        sys.stdout.flush()


def silence(*streams: int) -> None:
    """Send what this process still prints, from C too, to nowhere.

    Args:
        streams: numbers of the streams, 1 and 2.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream)
