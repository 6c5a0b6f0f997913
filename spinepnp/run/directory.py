"""Result directories: claimed by one run, written by rank 0, each file whole or not at all.

An interrupted run thus leaves readable results. Nothing here needs DOLFINx before something is written.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinepnp.csv_files import csv_text
from spinepnp.errors import CaseError, OutputError, reason_of
from spinepnp.pages.outcome import read_summary
from spinepnp.plots import pictures
from spinepnp.run.place import FOLDERS, MARK, OTHER_FILES, RESULT_FILES, check_place, holds_results, is_told_by_files
from spinepnp.runtime.claims import Claim, claim, owner
from spinepnp.runtime.communication import on_root
from spinepnp.runtime.files import fields_path, make_writable, write_atomically

if TYPE_CHECKING:
    from spinepnp.case.case import Case
    from spinepnp.run.options import RunOptions
    from spinepnp.solvers.problem.solution import Solution

#: Timeout for a directory that another run holds, s: ranks of one that was killed may live a little longer.
LOCK_TIMEOUT = 1.0

#: This timeout where a run is to be resumed, s: it was killed just before, most often.
LOCK_TIMEOUT_TO_RESUME = 10.0


def digest_of_case(resolved_case: str) -> str:
    """Digest of a resolved case, by which its results know it."""
    return hashlib.sha256(resolved_case.encode()).hexdigest()[:20]


class ResultDirectory:
    """Directory for the results of one run; made on demand, and removed again if nothing is written.

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
                self._take(shared=shared, patience=LOCK_TIMEOUT_TO_RESUME if resume else LOCK_TIMEOUT)
            make_writable(path)
        except OSError as error:
            self.discard()
            reason = reason_of(error)
            raise CaseError("--output", f"cannot be written ({reason}); give another --output", str(path)) from None

    def _take(self, *, shared: bool, patience: float) -> None:
        """Mark the directory, and lock it unless it is shared."""
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
        """Unlock the directory; the mark stays where no other file shows that the program has made it."""
        known = is_told_by_files(self.path)
        if self._claim is not None:
            self._claim.stays = not known
            self._claim.release()
        elif self._shared and known:
            (self.path / MARK).unlink(missing_ok=True)
        self._claim = None

    def __del__(self) -> None:
        """Unlock a directory that is no longer used."""
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

    def read_summary(self) -> dict[str, Any]:
        """Content of summary.json; empty where it is missing or damaged."""
        return read_summary(self.path)

    def has_summary(self) -> bool:
        """Whether summary.json is there and whole."""
        return bool(self.read_summary())

    def _digest_of_summary(self) -> str:
        return str(self.read_summary().get("case_digest", ""))

    def begin(self, resolved_case: str) -> None:
        """Start writing: clear what is replaced, and keep the resolved case."""
        if self._replace:
            folders = [self.path / name for name in FOLDERS[:2]]
            ours = [self.path / name for name in (*RESULT_FILES, *OTHER_FILES)]
            fields = (f for folder in folders for f in folder.glob("[0-9][0-9][0-9][0-9]*.*vtu"))
            for item in (*ours, *self.path.glob("fields_*.vtu"), *filter(is_of_fields, fields)):
                item.unlink(missing_ok=True)
            for point in folders[0].glob("[0-9][0-9][0-9][0-9]"):
                if point.is_dir() and holds_results(point):
                    shutil.rmtree(point)
            for folder in folders:
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
        write_atomically(self.path / "case.toml", resolved_case)

    def discard(self) -> None:
        """Unlock the directory, and remove those that were made for this run, as far as they are empty."""
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
        write_atomically(self.path / name, csv_text(columns, rows))

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write summary.json; it knows the case that it belongs to."""
        with suppress(OSError):
            own = (self.path / "case.toml").read_text(encoding="utf-8")
            summary = {**summary, "case_digest": digest_of_case(own)}
        write_atomically(self.path / "summary.json", json.dumps(summary, indent=2, allow_nan=False) + "\n")


def is_of_fields(path: Path) -> bool:
    """Whether a file below a directory of results holds the fields of a point or time, or a part of them."""
    return re.fullmatch(r"\d{4}(_\d+)?\.vtu|\d{4}\.pvtu", path.name) is not None


class Recorder:
    """Recorder of a run, whose errors reach every rank. Nothing is written before there is something to keep.

    Args:
        comm: MPI communicator.
        case: case of the run.
        options: options of the run.

    Attributes:
        directory: result directory, on rank 0 once it is open.
        output: its path, on all ranks.
        begun: whether anything was written, on rank 0.
        remarks: remarks on damaged files, on rank 0.
    """

    def __init__(self, comm: Any, case: Case, options: RunOptions) -> None:
        self.comm, self.case, self.options = comm, case, options
        self.directory: ResultDirectory | None = None
        self.output = Path()
        self.begun = False
        self.remarks: list[str] = []

    @property
    def log(self) -> Path | None:
        """Log file, on rank 0 and once there is something to keep. Not collective."""
        return self.directory.path / "run.log" if self.directory is not None and self.begun else None

    def open[T](self, output: Path, recall: Callable[[ResultDirectory], T]) -> T:
        """Open and lock a directory until `close`, and recall on rank 0 what it holds. Collective.

        Raises:
            CaseError: it cannot be used.
        """

        self.output = output

        def work() -> T:
            options = self.options
            self.directory = ResultDirectory(output, force=options.force, resume=options.resume, within=options.within)
            return recall(self.directory)

        try:
            return on_root(self.comm, work)
        except BaseException:
            self.close()
            raise

    def write(self, work: Callable[[ResultDirectory], None]) -> None:
        """Do work on rank 0. Collective.

        Raises:
            OutputError: the results cannot be written.
        """

        def write() -> None:
            assert self.directory is not None
            if not self.begun:
                self.directory.begin(self.case.to_toml())
                self.begun = True
            work(self.directory)

        try:
            on_root(self.comm, write)
        except OSError as error:
            raise OutputError(f"the results cannot be written ({reason_of(error)})") from None

    def draw(self, rows: list[dict[str, Any]], grid: Any = None, trace: Sequence[dict[str, Any]] = ()) -> None:
        """Draw all pictures that suit the run and write its report, or let it be done in the background. On rank 0.

        Args:
            rows: rows of observables.csv.
            grid: grid of the last fields where it was gathered; their file in the directory serves as well.
            trace: rows of trace.csv.
        """
        assert self.directory is not None
        path, background = self.directory.path, self.options.background
        if not self.options.pictures:
            return
        file = pictures.not_in_parts(fields_path(path / "fields")) if grid is None or background is not None else None
        from spinepnp.pages import drawing
        from spinepnp.run.summary import outcome_of

        outcome = outcome_of(self.case, rows, self.directory.read_summary(), trace)
        if background is None:
            drawing.draw(self.case, rows, file if grid is None else grid, path, trace, outcome)
        else:
            background.draw(self.case, rows, file, path, trace, outcome)

    def finish_pictures(self) -> None:
        """Wait for pictures that are drawn in the background, at the end of the whole run. On rank 0."""
        if self.options.background is not None and not self.options.within:
            self.options.background.finish()

    def save_fields(self, solution: Solution, stem: str) -> tuple[Path, Any]:
        """Write the fields of a solution. Collective.

        Args:
            solution: solution with the fields.
            stem: name of the file in the directory, without an ending; that of rank 0 counts.

        Returns:
            Path of the file; the grid on rank 0 where it was gathered, else ``None``.

        Raises:
            OutputError: the fields cannot be written.
        """
        self.write(lambda directory: (directory.path / stem).parent.mkdir(exist_ok=True))
        return solution.record(self.output / self.comm.bcast(stem, root=0))

    def close(self) -> None:
        """Unlock the directory; one that nothing was written to is removed. Not collective."""
        if self.directory is not None and self.begun:
            self.directory.release()
        elif self.directory is not None:
            self.directory.discard()
