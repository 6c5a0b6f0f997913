"""Places for results: directories that the program has made, and those that it may write to. Needs no DOLFINx."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from spinepnp.errors import CaseError, reason_of

#: Any of these in a directory means that it holds results.
RESULT_FILES = ("summary.json", "observables.csv", "case.toml", "solver.csv")

#: Other files of a run, beside the fields of its points; nothing but these names is ever replaced.
OTHER_FILES = (
    "trace.csv", "fields.vtu", "fields.pvtu", "fields.pvd", "checkpoint.npz", "checkpoint.older.npz", "run.log",
    "potential.png", "profile.png", "iv.png", "sweep.png", "trace.png", "membrane.png", "animation.gif",
    "report.html",
)  # fmt: skip

#: Folders that a run or a batch makes in its directory.
FOLDERS = ("points", "fields", "cases", "work")

#: File in a directory of results that is locked while a run writes there, and shows that the program has made it.
MARK = ".spinepnp"

#: Names of files that may stand beside results: of version control, file systems, and logs of batch systems.
_INDIFFERENT = re.compile(r"\.(git)?keep|\.gitignore|\.DS_Store|\.nfs.*|lost\+found|\..*\.partial|.*\.(log|out|err)")

#: Tests of contents that only the program writes into these files.
_SIGNS: dict[str, Callable[[Any], bool]] = {
    "summary.json": lambda content: "spinepnp" in content["versions"],
    "batch.json": lambda content: "layout" in content,
    "mesh.json": lambda content: {"min_quality", "volume_um3"} <= set(content),
    "report.json": lambda content: {"case", "quantity", "passed"} <= set(content[0]),
}


def holds_results(directory: Path, names: Iterable[str] = RESULT_FILES) -> bool:
    """Whether a run has left its files in a directory."""
    return any((directory / name).exists() for name in names)


def is_ours(directory: Path) -> bool:
    """Whether the program has made a directory of results."""
    return (directory / MARK).exists() or is_told_by_files(directory)


def is_told_by_files(directory: Path) -> bool:
    """Whether some file in a directory shows that the program has made it."""
    return any(_passes(directory / name, test) for name, test in _SIGNS.items()) or _is_solver_table(
        directory / "solver.csv"
    )


def _is_solver_table(file: Path) -> bool:
    """Whether a table has the columns of nonlinear solves: summary.json may be lost."""
    try:
        with file.open(encoding="utf-8") as lines:
            return {"newton", "krylov", "assembly_s"} <= set(lines.readline().strip().split(","))
    except (OSError, ValueError):
        return False


def _passes(file: Path, test: Callable[[Any], bool]) -> bool:
    try:
        return test(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False


def _is_hollow(path: Path) -> bool:
    """Whether a directory holds nothing but locks, as a batch that has just begun does."""
    return path.is_dir() and not path.is_symlink() and all(name.endswith(".lock") for name in os.listdir(path))


def check_place(path: Path, sources: Iterable[Path] = ()) -> None:
    """Refuse a place for results where files are that the program has not written.

    Args:
        sources: files that are read, such as the case: none of them may be in it.

    Raises:
        CaseError: it is no place for results, whatever else is asked for.
    """
    try:
        place = path.resolve()
        special = {Path("/"): "the root folder", Path.home().resolve(): "your home"}
        what = "the current directory" if path == Path() else special.get(place)
        if what is not None:
            raise CaseError("--output", f"is {what}; give a directory of its own", str(path))
        if path.exists() and not path.is_dir():
            raise CaseError("--output", "is a file; give the path of a directory", str(path))
        for source in sources:
            if source.resolve().is_relative_to(place):
                raise CaseError("--output", f"holds {source}, which is read; give a directory of its own", str(path))
        for name in (*FOLDERS, *RESULT_FILES, *OTHER_FILES):
            if (path / name).is_symlink():
                problem = f"its {name} is a link to another place; remove it, or give another --output"
                raise CaseError("--output", problem, str(path))
        if not path.is_dir() or is_ours(path):
            return
        for name in sorted(os.listdir(path)):
            ours = name in (*RESULT_FILES, *OTHER_FILES)
            if (ours or not _INDIFFERENT.fullmatch(name)) and not (is_ours(path / name) or _is_hollow(path / name)):
                problem = f"holds {name}, which spinepnp has not written; give a directory of its own"
                raise CaseError("--output", problem, str(path))
    except (OSError, ValueError, RuntimeError) as error:  # a name too long, a byte of zero, no home
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise CaseError("--output", f"cannot be used ({reason}); give another --output", str(path)) from None


def default_output(case_path: Path) -> Path:
    """Default directory ``runs/STEM`` below the current directory.

    Raises:
        CaseError: the name of the file gives none to a directory.
    """
    if set(case_path.stem) <= {"."}:  # ``...toml``, whose stem is the folder above
        raise CaseError(str(case_path), "its name gives none to a directory of results; give --output")
    return Path("runs") / case_path.stem
