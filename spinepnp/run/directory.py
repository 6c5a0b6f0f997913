"""Result directories and files: refused where they hold something, written whole or not at all.

Nothing here needs DOLFINx. Only rank 0 writes, so that an interrupted run leaves readable results.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from spinepnp.errors import CaseError, reason_of
from spinepnp.runtime.claims import Claim, claim, owner
from spinepnp.runtime.files import make_writable, write_atomically

#: Any of these in a directory means that it holds results.
RESULT_FILES = ("summary.json", "observables.csv", "case.toml", "solver.csv")

#: What else a run writes, beside the fields of its points; nothing but these names is ever replaced.
OTHER_FILES = (
    "fields.vtu", "fields.pvd", "checkpoint.npz", "checkpoint.older.npz", "run.log",
    "potential.png", "profile.png", "iv.png", "sweep.png", "trace.png", "animation.gif",
)  # fmt: skip

#: In a directory of results: is locked while a run writes there, and says that the program has made it.
MARK = ".spinepnp"

#: Seconds to wait for a run that writes into the directory: ranks of one that was killed may live a little longer.
PATIENCE, PATIENCE_TO_RESUME = 1.0, 10.0

#: Files that nobody minds beside results: of version control, file systems, and logs of batch systems.
_INDIFFERENT = re.compile(r"\.(git)?keep|\.gitignore|\.DS_Store|\.nfs.*|lost\+found|\..*\.partial|.*\.(log|out|err)")


def digest_of_case(resolved_case: str) -> str:
    """By what results know the resolved case that they belong to."""
    return hashlib.sha256(resolved_case.encode()).hexdigest()[:20]


def holds_results(directory: Path, names: Iterable[str] = RESULT_FILES) -> bool:
    """Whether a run has left its files in a directory."""
    return any((directory / name).exists() for name in names)


#: Folders that a run or a batch makes in its directory.
FOLDERS = ("points", "fields", "cases", "work")


def is_ours(directory: Path) -> bool:
    """Whether the program has made a directory of results."""
    return (directory / MARK).exists() or _tells(directory)


def _tells(directory: Path) -> bool:
    """Whether some file in a directory shows that the program has made it."""
    return any(_is_told(directory / name, told) for name, told in _SIGNS.items()) or _is_solver_table(
        directory / "solver.csv"
    )


def _is_solver_table(file: Path) -> bool:
    """Whether a table has the columns of nonlinear solves: summary.json may be lost."""
    try:
        with file.open(encoding="utf-8") as lines:
            return {"newton", "krylov", "assembly_s"} <= set(lines.readline().strip().split(","))
    except (OSError, ValueError):
        return False


#: What only the program writes into these files.
_SIGNS: dict[str, Callable[[Any], bool]] = {
    "summary.json": lambda content: "spinepnp" in content["versions"],
    "batch.json": lambda content: "layout" in content,
    "mesh.json": lambda content: {"min_quality", "volume_um3"} <= set(content),
    "report.json": lambda content: {"case", "quantity", "passed"} <= set(content[0]),
}


def _is_told(file: Path, told: Callable[[Any], bool]) -> bool:
    try:
        return told(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False


def _is_hollow(path: Path) -> bool:
    """Whether a directory holds nothing but locks: a batch that has just begun has such ones."""
    return path.is_dir() and not path.is_symlink() and all(name.endswith(".lock") for name in os.listdir(path))


def check_place(path: Path, sources: Iterable[Path] = ()) -> None:
    """Refuse a place for results where files are that the program has not written.

    Args:
        path: of the directory; there may be none yet.
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


class ResultDirectory:
    """A directory for the results of one run; made on demand, and removed again if nothing came of it.

    It belongs to this process until `release`, or until the process ends, however that happens.

    Args:
        path: of the directory.
        force: replace the results that it holds.
        resume: keep them and add to them.
        names: files by which results are known; with others than those of a run nothing can be resumed.
        shared: whether others may write there at the same time.
        within: whether it belongs to a directory of results that is looked after already.

    Raises:
        CaseError: it holds results already, is written by another run, or cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        force: bool = False,
        resume: bool = False,
        names: tuple[str, ...] = RESULT_FILES,
        shared: bool = False,
        within: bool = False,
    ) -> None:
        self.path = path
        self._claim: Claim | None = None
        self._shared = shared and not within
        self._replace = False
        if not within:
            check_place(path)
        if holds_results(path, names) and not resume:
            if not force:
                ways = "--resume, --force" if names == RESULT_FILES else "--force"
                problem = f"holds results already; give {ways} (replaces them) or another --output"
                raise CaseError("--output", problem, str(path))
            self._replace = True
        self._made = [p for p in (path, *path.parents) if not p.exists()]
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not within:
                self._take(shared=shared, patience=PATIENCE_TO_RESUME if resume else PATIENCE)
            make_writable(path)
        except OSError as error:
            self.discard()
            reason = reason_of(error)
            raise CaseError("--output", f"cannot be written ({reason}); give another --output", str(path)) from None

    def _take(self, *, shared: bool, patience: float) -> None:
        """Mark the directory, and let nobody else write there unless it is shared.

        Raises:
            CaseError: another process writes there.
            OSError: it cannot be written.
        """
        mark = self.path / MARK
        if shared:
            mark.touch()
            return
        self._claim = claim(mark, patience=patience, stays=True)
        if self._claim is None:
            who = owner(mark)
            problem = f"another run{f' ({who})' if who else ''} is writing there; wait for it, or give another --output"
            raise CaseError("--output", problem, str(self.path))

    def release(self) -> None:
        """Let others write there; the mark stays where nothing else tells whose directory it is."""
        told = _tells(self.path)
        if self._claim is not None:
            self._claim.stays = not told
            self._claim.release()
        elif self._shared and told:
            (self.path / MARK).unlink(missing_ok=True)
        self._claim = None

    def __del__(self) -> None:
        """One that nobody holds any more is given back."""
        with suppress(Exception):
            self.release()

    def check_same_case(self, resolved_case: str, digest: str = "") -> str:
        """Refuse to resume a run of another case; a case.toml that is missing or damaged is written again.

        Args:
            resolved_case: that is to be resumed.
            digest: of the case by which results were made, where they know it; that of summary.json otherwise.

        Returns:
            What was repaired, for the user; empty if nothing was.

        Raises:
            CaseError: the resolved case that the directory holds differs, or nothing says which one that is.
        """
        path = self.path / "case.toml"
        try:
            before = path.read_bytes()
        except OSError:
            before = b""
        if before == resolved_case.encode():
            return ""
        known = digest or self._digest_of_summary()
        if known == digest_of_case(resolved_case):
            write_atomically(path, resolved_case)
            return "case.toml was missing or damaged and is written again"
        if not before and not known:
            if not holds_results(self.path, ("observables.csv",)):
                return ""
            problem = "case.toml is missing or empty, so that nothing says whose results these are"
            raise CaseError("--resume", f"{problem}; give --force or another --output", str(self.path))
        raise CaseError(
            "--resume", "the directory holds results of another case; give another --output", str(self.path)
        )

    def has_summary(self) -> bool:
        """Whether summary.json is there and whole."""
        try:
            return isinstance(json.loads((self.path / "summary.json").read_text(encoding="utf-8")), dict)
        except (OSError, ValueError):
            return False

    def _digest_of_summary(self) -> str:
        try:
            summary = json.loads((self.path / "summary.json").read_text(encoding="utf-8"))
            return str(summary["case_digest"])
        except (OSError, ValueError, TypeError, KeyError):
            return ""

    def begin(self, resolved_case: str) -> None:
        """Start writing: clear what is replaced, and keep the resolved case."""
        if self._replace:
            folders = [self.path / name for name in FOLDERS[:2]]
            ours = [self.path / name for name in (*RESULT_FILES, *OTHER_FILES)]
            for item in (*ours, *(f for folder in folders for f in folder.glob("[0-9][0-9][0-9][0-9].vtu"))):
                item.unlink(missing_ok=True)
            for point in folders[0].glob("[0-9][0-9][0-9][0-9]"):
                if point.is_dir() and holds_results(point):
                    shutil.rmtree(point)
            for folder in folders:
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
        write_atomically(self.path / "case.toml", resolved_case)

    def discard(self) -> None:
        """Release it, and remove the directories that were made for this run, as far as they are empty."""
        with suppress(OSError):
            if os.listdir(self.path) == [MARK]:
                (self.path / MARK).unlink()
        self.release()
        for directory in self._made:
            try:
                directory.rmdir()
            except OSError:
                break

    def read_table(self, name: str) -> list[dict[str, str]]:
        """Rows of a CSV table that is there already; none if it is not."""
        path = self.path / name
        if not path.exists():
            return []
        try:
            with path.open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        except (OSError, ValueError, csv.Error):
            raise CaseError(
                "--resume", "this table cannot be read; give another --output, or --force", str(path)
            ) from None

    def write_table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Write a CSV table; its columns are those of all rows in the order of their first appearance."""
        columns = list(dict.fromkeys(key for row in rows for key in row))
        columns.sort(key="status".__eq__)  # the status is the last column
        buffer = io.StringIO(newline="")
        writer = csv.DictWriter(buffer, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.path / name, buffer.getvalue())

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write summary.json; it knows the case that it belongs to."""
        with suppress(OSError):
            own = (self.path / "case.toml").read_text(encoding="utf-8")
            summary = {**summary, "case_digest": digest_of_case(own)}
        write_atomically(self.path / "summary.json", json.dumps(summary, indent=2, allow_nan=False) + "\n")
