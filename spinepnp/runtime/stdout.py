"""Standard output, whose errors are told apart from those of files: a full disk behind it, or a pipe that is closed."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from spinepnp.errors import CONTROL, OutputError, plain, reason_of

#: What gives colours on a terminal, and moves the bar of progress.
_STYLE = re.compile(rf"(\r|\x1b\[[0-9;?]*[A-Za-z])|{CONTROL}")


class ScreenError(OutputError):
    """Standard output cannot be written."""


class Screen(io.TextIOWrapper):
    """Text that raises `ScreenError`, or `BrokenPipeError` where nobody reads, if it cannot be written."""

    def write(self, text: str, /) -> int:
        """As any file does; see `_shown`."""
        _tried(super().write, _shown(self, text))
        return len(text)

    def flush(self) -> None:
        """As any file does."""
        _tried(super().flush)


class Complaints(io.TextIOWrapper):
    """Standard error."""

    def write(self, text: str, /) -> int:
        """As any file does; see `_shown`."""
        super().write(_shown(self, text))
        return len(text)


def _shown(stream: io.TextIOWrapper, text: str) -> str:
    """Text without what a terminal would obey: names and titles come from files. On a terminal, colours stay."""
    if not stream.isatty():
        return plain(text)
    return _STYLE.sub(lambda found: found[1] or "?", text)


def _tried(work: Callable[..., Any], *arguments: str) -> Any:
    try:
        return work(*arguments)
    except BrokenPipeError:
        raise
    except OSError as error:
        problem = f"standard output: cannot be written ({reason_of(error)})"
        raise ScreenError(problem, then="run it again") from None


def watch() -> None:
    """Let `sys.stdout` be a `Screen`, and `sys.stderr` be `Complaints`, for the whole process."""
    sys.stdout = _wrapped(sys.stdout, 1, Screen)
    sys.stderr = _wrapped(sys.stderr, 2, Complaints)


def _wrapped(stream: Any, number: int, kind: type[io.TextIOWrapper]) -> Any:
    """A stream of another kind on the same file; what is no plain stream of this number stays."""
    if not isinstance(stream, io.TextIOWrapper) or stream.fileno() != number:
        return stream
    return kind(
        stream.buffer,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
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
