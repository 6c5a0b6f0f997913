"""Errors that end a run with one line for the user: bad input, a failed solve, results that cannot be written.

Exit codes: 1 for a failed solve or output, 2 for bad input found before solving.
"""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Iterable
from typing import Any

#: Characters of a key or value in an error line, which should stay one line.
MAX_VALUE_LENGTH = 120

#: Most known words that a hint lists; of more only some that are like the one that was written.
MOST_LISTED, SHOWN_OF_MANY = 40, 8

#: Control characters of terminals, and characters that reverse or break lines.
CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"


def plain(text: str) -> str:
    """Text with question marks in place of control characters, except tabs and line feeds."""
    return re.sub(CONTROL, "?", text)


def _shown(value: object) -> str:
    """``value`` as an error line quotes it: on one line, and shortened."""
    if isinstance(value, bool):
        return str(value).lower()  # as TOML has it
    return _short(f'"{value}"' if isinstance(value, str) else str(value))


def _short(text: str) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 3] + "..."


class SpineError(Exception):
    """Base of all errors that are reported in one line and without a traceback.

    Examples:
        >>> from spinepnp.errors import CaseError, SpineError
        >>> error = CaseError("mesh.size", 'is missing; write "20 nm"')
        >>> isinstance(error, SpineError), error.exit_code
        (True, 2)
    """

    exit_code = 1


class CaseError(SpineError):
    """Bad input, found before solving (exit code 2).

    Examples:
        >>> from spinepnp.errors import CaseError
        >>> print(CaseError("geometry.radius", "must be positive; make it larger", "-1 nm"))
        geometry.radius = "-1 nm": must be positive; make it larger

    Args:
        key: dotted path of the key in the case file, or the name of the file, option or folder.
        problem: the problem and its remedy, without the key and the value.
        value: value as the user wrote it; omitted from the line when ``None``.
    """

    exit_code = 2

    def __init__(self, key: str, problem: str, value: object = None) -> None:
        self.key, self.problem, self.value = key, problem, value
        shown = "" if value is None else f" = {_shown(value)}"
        super().__init__(f"{_short(key)}{shown}: {plain(' '.join(problem.split()))}")

    def __reduce__(self) -> tuple[type[CaseError], tuple[str, str, object]]:
        # Errors are sent between ranks by pickle.
        return type(self), (self.key, self.problem, None if self.value is None else _Shown(_shown(self.value)))


class _Shown:
    """A value that is already quoted, so that a value of any type can be broadcast as text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


class SolveError(SpineError):
    """A solve failed (exit code 1); the message is also the reason in the results.

    Examples:
        >>> from spinepnp.errors import SolveError
        >>> print(SolveError("Newton: DIVERGED_MAX_IT after 30 steps"), SolveError.exit_code)
        Newton: DIVERGED_MAX_IT after 30 steps 1
    """


#: Parts of the messages of operating systems on full disks.
NO_SPACE = ("no space left", "quota exceeded", "file too large")


class OutputError(SpineError):
    """Results cannot be written (exit code 1): a full disk, for one.

    Examples:
        >>> from spinepnp.errors import OutputError
        >>> print(OutputError("runs/neck/solver.csv: no space left on device"))
        runs/neck/solver.csv: no space left on device; make room, then continue with --resume

    Args:
        problem: the file that cannot be written, and the reason.
        then: next step once the problem is solved; depends on the command.
    """

    def __init__(self, problem: str, then: str = "continue with --resume") -> None:
        self.problem, self.then = problem, then
        super().__init__(problem, then)

    def __str__(self) -> str:
        first = "make room" if any(word in self.problem for word in NO_SPACE) else "mend that"
        return f"{self.problem}; {first}, then {self.then}"


class SingleRankError(Exception):
    """An error of this rank alone; ends the whole job. Its message is that of the error."""


class MissingStackError(SpineError):
    """A part of the software stack (DOLFINx, PETSc, mpi4py, Gmsh) is missing or does not fit (exit code 2)."""

    exit_code = 2


def all_ranks_arrived(comm: Any, patience: float = 1.5) -> bool:
    """Whether every rank arrives here within a time, as all ranks with the same error do.

    After an error of one rank alone, the others wait elsewhere for ever; that rank finds out here and must end the job.

    Args:
        comm: MPI communicator.
        patience: seconds to wait for the other ranks.
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
    """Message of a PETSc error: its last line, below the traceback; without one its number, and where it was raised."""
    lines = str(error).strip().splitlines()
    first, last = lines[0], lines[-1].split("] ")[-1]
    function, is_place, _ = last.partition("() at ")
    return f"{first} in {function}" if is_place else last


def reason_of(error: OSError) -> str:
    """Reason of the operating system, in lower case: ``no such file or directory``."""
    return (error.strerror or str(error)).lower()


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to ``word`` and lists all of them; of very many some that are like it.

    Args:
        word: the word that the user wrote.
        known: the words that are allowed.

    Returns:
        ``did you mean "radius"? known: length, radius`` (the question only where something is near).
    """
    options = list(known)
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.5)
    question = f'did you mean "{close[0]}"? ' if close else ""
    if len(options) <= MOST_LISTED:
        return f"{question}known: {', '.join(options)}" if options else "nothing can stand here"
    likeness = {option: difflib.SequenceMatcher(None, option, word).ratio() for option in options}
    alike = [option for option in options if word.lower() in option.lower()]
    shown = sorted(alike, key=lambda option: -likeness[option])[:SHOWN_OF_MANY]
    shown = shown or difflib.get_close_matches(word, options, SHOWN_OF_MANY)
    among = f"among the {len(options)} known: {', '.join(shown)}" if shown else f"none of the {len(options)} is like it"
    return question + among
