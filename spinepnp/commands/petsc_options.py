"""PETSc's own options on the command line: ``spinepnp run CASE -snes_monitor -ksp_rtol 1e-8 -log_view``."""

from __future__ import annotations

import itertools
import os
import re
import sys
from pathlib import Path

_OPTION = re.compile(r"-[a-z][a-z0-9_]+")

#: Verbs that take PETSc's options on the command line.
VERBS = ("run",)

#: Verbs that PETSC_OPTIONS reaches.
REACHED = ("run", "batch", "validate")


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split a command line into our arguments and PETSc's options with their values.

    A word with a single dash is an option of PETSc; the word after it is its value, unless that is an option too, or a
    case file.
    """
    verb = next((a for a in arguments if not a.startswith("-")), "")
    ours: list[str] = []
    petsc: list[str] = []
    takes_value = False
    for argument in arguments:
        if verb in VERBS and _OPTION.fullmatch(argument):
            petsc.append(argument)
            takes_value = True
        elif takes_value and not argument.startswith("--") and Path(argument).suffix != ".toml":
            petsc.append(argument)
            takes_value = False
        else:
            ours.append(argument)
            takes_value = False
    return ours, petsc


def hand_over(options: list[str]) -> None:
    """Add options to PETSC_OPTIONS, which PETSc reads when it starts, after those that are there already."""
    if options:
        os.environ["PETSC_OPTIONS"] = " ".join([os.environ.get("PETSC_OPTIONS", ""), *options]).strip()


def tell_of_power(verb: str) -> None:
    """Print a note on options that may do more than those of a case file: write files, or run code."""
    words = os.environ.get("PETSC_OPTIONS", "").split() if verb in REACHED else []
    if not words:
        return
    from spinepnp.solvers.model.options import OPTIONS_WITH_KEYS, is_allowed

    more: dict[str, None] = {}
    for word, after in itertools.pairwise([*words, ""]):
        # What a key of ours stands for is refused later, with the key.
        refused = not _OPTION.fullmatch(word) or word[1:] in OPTIONS_WITH_KEYS
        if not refused and not is_allowed(word[1:], "" if _OPTION.fullmatch(after) else after):
            more[word] = None
    if more:
        what = "PETSc options of the command line or of PETSC_OPTIONS may write files and run code"
        print(f"note: {', '.join(more)}: {what}, those of a case file may not", file=sys.stderr)


def warn_of_unused(options: list[str]) -> None:
    """Print a warning about options that no part of PETSc has read: misspelt ones, or those of another solver."""
    from spinepnp.runtime.stack import PETSc

    database = PETSc.Options()
    for option in options:
        general = option.startswith(("-options_", "-log_"))  # read when PETSc ends
        if _OPTION.fullmatch(option) and not general and not database.used(option[1:]):
            print(f"warning: {option} is read by no part of PETSc here; is it misspelt?", file=sys.stderr)
