"""The three ways a run can end badly, each told to the user in one line.

Exit codes are those of the contract: 1 a solve failed, 2 bad input found before solving.
"""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Iterable
from typing import Any

MAX_VALUE_LENGTH = 120

#: Characters that a terminal obeys in place of showing them, and those that turn or break lines.
CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"


def plain(text: str) -> str:
    """Text whose control characters (but for tabs and line feeds) are question marks."""
    return re.sub(CONTROL, "?", text)


def _shown(value: object) -> str:
    """``value`` as it is quoted in an error line: on one line, and never longer than a line should be."""
    if isinstance(value, bool):
        return str(value).lower()  # as TOML has it
    return _short(f'"{value}"' if isinstance(value, str) else str(value))


def _short(text: str) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 3] + "..."


class SpineError(Exception):
    """Base of every error that is told in one line and without a traceback."""

    exit_code = 1


class CaseError(SpineError):
    """Bad input, found before solving (exit code 2).

    Args:
        key: dotted path of the offending key in the case file, or the name of the file, option or folder.
        problem: what is wrong and what to do, without the key and the value.
        value: the offending value as the user wrote it; omitted from the line when ``None``.
    """

    exit_code = 2

    def __init__(self, key: str, problem: str, value: object = None) -> None:
        self.key, self.problem, self.value = key, problem, value
        shown = "" if value is None else f" = {_shown(value)}"
        super().__init__(f"{_short(key)}{shown}: {plain(' '.join(problem.split()))}")

    def __reduce__(self) -> tuple[type[CaseError], tuple[str, str, object]]:
        # Errors travel between ranks by pickle.
        return type(self), (self.key, self.problem, None if self.value is None else _Shown(_shown(self.value)))


class _Shown:
    """An already quoted value (a value of any type can be broadcast as the text it is shown as)."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


class SolveError(SpineError):
    """A solve failed (exit code 1); the message is the reason that the results carry."""


#: Parts of what operating systems say where there is no room.
NO_SPACE = ("no space left", "quota exceeded", "file too large")


class OutputError(SpineError):
    """Results cannot be written (exit code 1): a full disk, for one.

    Args:
        problem: what cannot be written, and why.
        then: what to do once there is room; depends on who wanted it written.
    """

    def __init__(self, problem: str, then: str = "continue with --resume") -> None:
        self.problem, self.then = problem, then
        super().__init__(problem, then)

    def __str__(self) -> str:
        first = "make room" if any(word in self.problem for word in NO_SPACE) else "mend that"
        return f"{self.problem}; {first}, then {self.then}"


class SingleRankError(Exception):
    """An error that only this rank has met; ends the whole job. Its message is that of the error."""


class MissingStackError(SpineError):
    """A part of the software stack (DOLFINx, PETSc, mpi4py, Gmsh) is missing or does not fit (exit code 2)."""

    exit_code = 2


def all_ranks_arrived(comm: Any, patience: float = 1.5) -> bool:
    """Whether every rank comes here, as all do that met the same error. Not a wait for ever.

    A rank that meets an error of its own alone is waited for by the others in some other place; it learns so here and
    must then end the whole job.

    Args:
        comm: MPI communicator.
        patience: seconds to wait for the others.
    """
    if comm.size == 1:
        return True
    request, deadline = comm.Ibarrier(), time.monotonic() + patience
    while not request.Test():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def petsc_reason(error: Exception) -> str:
    """The line of a PETSc error that says what is wrong: it stands below the places in the code."""
    return str(error).strip().splitlines()[-1].split("] ")[-1]


def reason_of(error: OSError) -> str:
    """Why the operating system refused, in lower case: ``no such file or directory``."""
    return (error.strerror or str(error)).lower()


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to ``word`` and lists all of them.

    Args:
        word: what the user wrote.
        known: what would have been understood.

    Returns:
        ``did you mean "radius"? known: length, radius`` (the question only where something is near).
    """
    options = list(known)
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.5)
    question = f'did you mean "{close[0]}"? ' if close else ""
    return f"{question}known: {', '.join(options)}" if options else "nothing can stand here"
