"""Standard output and error streams: errors of their own (a full disk, a closed pipe), and no control characters."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from spinepnp.errors import CONTROL, OutputError, plain, reason_of

#: Sequences that colour text on a terminal and move the progress bar (group 1), or other control characters.
_STYLE = re.compile(rf"(\r|\x1b\[[0-9;?]*[A-Za-z])|{CONTROL}")


class ScreenError(OutputError):
    """Standard output cannot be written."""


class Screen(io.TextIOWrapper):
    """Standard output; text that cannot be written raises `ScreenError`, or `BrokenPipeError` where nobody reads."""

    def write(self, text: str, /) -> int:
        """Write text without control characters (`_shown`)."""
        _tried(super().write, _shown(self, text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        _tried(super().flush)


class Complaints(io.TextIOWrapper):
    """Standard error."""

    def write(self, text: str, /) -> int:
        """Write text without control characters (`_shown`)."""
        super().write(_shown(self, text))
        return len(text)


def _shown(stream: io.TextIOWrapper, text: str) -> str:
    """Text without control characters, which names and titles from files may hold; colours stay on a terminal."""
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
    """Replace `sys.stdout` by a `Screen` and `sys.stderr` by `Complaints`, for the whole process."""
    sys.stdout = _wrapped(sys.stdout, 1, Screen)
    sys.stderr = _wrapped(sys.stderr, 2, Complaints)


def _wrapped(stream: Any, number: int, kind: type[io.TextIOWrapper]) -> Any:
    """A stream of another kind on the same file; a stream that is not the plain one of this number stays."""
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
    """Flush standard output; at the interpreter's end an error would come too late for a message and an exit code.

    Raises:
        ScreenError: the output cannot be written.
        BrokenPipeError: nobody reads the output.
    """
    if sys.stdout is not None:  # closed by the shell: >&-
        sys.stdout.flush()


def silence(*streams: int) -> None:
    """Discard further output of this process to streams (1 and 2), also from C."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream)
