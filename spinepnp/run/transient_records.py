"""Records of a transient: a row a step, fields at the listed times, and checkpoints to resume from.

Rows are appended and flushed, so that a run can be followed, and one that was killed is readable up to its last step. A
run that resumes from a checkpoint drops the rows behind it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.case.digest import table_digests
from spinepnp.errors import CaseError
from spinepnp.plots import pictures
from spinepnp.run import checkpoints
from spinepnp.run.columns import STEP, TIME_COLUMN, has_peak, summary_of, transient_row, values
from spinepnp.run.directory import ResultDirectory, Writer, digest_of_case
from spinepnp.run.fields import gather, save
from spinepnp.run.options import RunOptions
from spinepnp.run.place import holds_results
from spinepnp.runtime.communication import on_root
from spinepnp.runtime.files import is_whole, settle, write_atomically
from spinepnp.solvers.algebra.statistics import NewtonStatistics
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.time.adaptive import Step
from spinepnp.solvers.time.checkpoint import pack
from spinepnp.solvers.time.transient import TransientProblem
from spinepnp.units import TIME, to_unit

#: Format of checkpoints; those of another format are refused.
FORMAT = 2

#: Table of observables, which grows by a row a step.
OBSERVABLES = "observables.csv"

#: Table of nonlinear solves, which grows by a row a step.
SOLVER = "solver.csv"

#: Statistics that add up over interruptions.
SPENT = ("newton", "krylov", "assembly_s", "solve_s")


class TransientRecorder:
    """Recorder of a transient in its result directory. All public methods are collective unless they say otherwise.

    Args:
        comm: MPI communicator.
        output: result directory.
        case: whole case.
        options: options of the run.

    Attributes:
        packed: checkpoint to resume from, on rank 0; ``None`` where there is none.
        rows: rows of observables.csv, on rank 0.
        resumed: whether there is a checkpoint to resume from.
        spent: sums of the statistics before the checkpoint, and seconds.
        remarks: remarks on damaged files, on rank 0.

    Raises:
        CaseError: the directory cannot be used.
    """

    def __init__(self, comm: Any, output: Path, case: Case, options: RunOptions) -> None:
        self._comm, self._case, self._options = comm, case, options
        self._writer = Writer(comm, case)
        self.packed: dict[str, np.ndarray] | None = None
        self.spent: tuple[dict[str, Any], float] = ({}, 0.0)
        self.rows: list[dict[str, Any]] = []
        self._fields: list[tuple[float, str]] = []
        self._saved_at, self._saved_step = time.monotonic(), 0
        self._columns: dict[str, list[str]] = {}
        self._written: dict[str, _Content] = {}
        self.remarks: list[str] = []

        def open_directory() -> tuple[int | None, tuple[dict[str, Any], float]]:
            directory = self._writer.open(output, options)
            if options.resume:
                self._recall(directory)
            return self._saved_step if self.packed is not None else None, self.spent

        try:
            self._kept_step, self.spent = on_root(comm, open_directory)
        except BaseException:
            self.close()
            raise
        self.resumed = self._kept_step is not None

    @property
    def log(self) -> Path | None:
        """Log file, on rank 0 and once there is something to keep. Not collective."""
        return self._writer.log

    def _recall(self, directory: ResultDirectory) -> None:
        """Read the checkpoint and the rows up to it, and cut the tables there."""
        names = [name for name in (checkpoints.NEWEST, checkpoints.OLDER) if (directory.path / name).exists()]
        if not names:
            self._keep_remark(directory.check_same_case(self._case.to_toml()))
            if holds_results(directory.path, (OBSERVABLES,)):
                self.remarks.append(f"{directory.path} has no checkpoint: the transient starts again")
            return
        problems = [self._try(directory, name) for name in names]
        if all(problems):
            directory.check_same_case(self._case.to_toml())
            raise CaseError("--resume", problems[0], str(directory.path / names[0]))
        if problems[0] or names[0] != checkpoints.NEWEST:
            checkpoints.go_back(directory.path)
            reason = problems[0].split(";")[0] if problems[0] else "the last checkpoint is missing"
            self.remarks.append(f"{reason}: goes on from the one before it, at step {self._saved_step}")
        self._repair_fields(directory)
        self._writer.begun = True

    def _try(self, directory: ResultDirectory, name: str) -> str:
        """Resume from a checkpoint, unless one has been found before.

        Returns:
            Reason why it cannot be used, and remedy; empty if it can.
        """
        if self.packed is not None:
            return ""
        stored = checkpoints.read(directory.path / name)
        if stored is None:
            return "the checkpoint cannot be read; use --force to start again"
        packed, about = stored
        if about.get("format") != FORMAT:
            return "the checkpoint is one of another version; use --force"
        self._keep_remark(directory.check_same_case(self._case.to_toml(), about["case"]))
        if about["tables"] != table_digests(self._case):
            return "a table of a waveform or a channel has changed since; use --force"
        last = int(packed["number"])
        contents = {table: _cut(directory.path / table, *about["written"].get(table, (0, ""))) for table in
                    (OBSERVABLES, SOLVER)}  # fmt: skip
        if contents[OBSERVABLES] is None:
            return f"{OBSERVABLES} lacks rows that the checkpoint has seen; use --force to start again"
        if contents[SOLVER] is None:
            self.remarks.append(f"{SOLVER} has lost rows; those from step {last + 1} on are added to what is left")
            contents[SOLVER] = _rest(directory, last)
        for table, content in contents.items():
            self._resume_table(directory, table, content or b"")
        self.packed, self._fields = packed, [(t, field) for t, field in about["fields"]]
        self.spent, self._saved_step = (about["spent"], float(about["seconds"])), last
        return ""

    def _keep_remark(self, remark: str) -> None:
        if remark:
            self.remarks.append(remark)

    def _resume_table(self, directory: ResultDirectory, table: str, content: bytes) -> None:
        path = directory.path / table
        if not content:  # no row yet
            if path.is_file():
                path.unlink()
            return
        write_atomically(path, content)
        self._written[table] = _Content.of(content)
        reader = csv.DictReader(io.StringIO(content.decode(), newline=""))
        rows = list(reader)
        self._columns[table] = list(reader.fieldnames or ())
        if table == OBSERVABLES:
            self.rows = list(rows)

    def _repair_fields(self, directory: ResultDirectory) -> None:
        """Write the list of fields again, and remark on those that are gone."""
        if self._fields:
            write_atomically(directory.path / "fields.pvd", _series(self._fields))
        lost = [name for _, name in self._fields if not is_whole(directory.path / name)]
        if lost:
            self.remarks.append(f"{', '.join(lost)}: missing or damaged; only a new run (--force) makes them again")

    def _append(self, directory: ResultDirectory, name: str, row: dict[str, Any]) -> None:
        """Append a row to a table on the disk, so that the run can be followed."""
        buffer = io.StringIO(newline="")
        first = name not in self._columns
        columns = self._columns.setdefault(name, list(row))
        writer = csv.DictWriter(buffer, columns, lineterminator="\n", extrasaction="ignore")
        if first:
            writer.writeheader()
        writer.writerow(row)
        content = buffer.getvalue().encode()
        with (directory.path / name).open("wb" if first else "ab") as file:
            file.write(content)
        self._written.setdefault(name, _Content()).add(content)

    def begin(self, problem: TransientProblem, solution: Solution) -> None:
        """Record the state at the start."""
        row = transient_row(0.0, 0, solution, self._case.law(), problem.gates, {})
        grid = gather(problem, solution) if self._keeps_fields else None

        def write(directory: ResultDirectory) -> None:
            self.rows.append(row)
            self._append(directory, "observables.csv", row)
            if grid is not None:
                self._save_fields(directory, 0.0, grid)

        self._writer.write(write)

    @property
    def _keeps_fields(self) -> bool:
        return self._case.study.fields == "times"

    def step(self, problem: TransientProblem, step: Step) -> None:
        """Record an accepted step, and the attempts that were rejected before it."""
        row = transient_row(step.time, step.number, step.solution, self._case.law(), problem.gates, step.defect)
        recorded = step.listed or self._case.study.record == "steps"
        grid = gather(problem, step.solution) if step.listed and self._keeps_fields else None

        def write(directory: ResultDirectory) -> None:
            for length, reason, statistics in step.rejected:
                self._append(directory, "solver.csv", _solver_row(step, length, statistics, f"rejected: {reason}"))
            self._append(directory, "solver.csv", _solver_row(step, step.length, step.statistics, ""))
            if recorded:
                self.rows.append(row)
                self._append(directory, "observables.csv", row)
            if grid is not None:
                self._save_fields(directory, step.time, grid)

        self._writer.write(write)

    def _save_fields(self, directory: ResultDirectory, time_: float, grid: Any) -> None:
        folder = directory.path / "fields"
        folder.mkdir(exist_ok=True)
        name = f"fields/{len(self._fields):04d}.vtu"
        save(grid, directory.path / name)
        self._fields.append((to_unit(time_, TIME), name))
        write_atomically(directory.path / "fields.pvd", _series(self._fields))

    def is_due(self, step: Step) -> bool:
        """Whether a checkpoint should be written now; the same on every rank."""
        study = self._case.study
        by_steps = study.checkpoint_steps is not None and step.number - self._saved_step >= study.checkpoint_steps
        waited = time.monotonic() - self._saved_at
        by_clock = study.checkpoint_minutes is not None and waited > 60.0 * study.checkpoint_minutes
        return bool(self._comm.bcast(by_steps or by_clock, root=0))

    def checkpoint(self, problem: TransientProblem, totals: NewtonStatistics, seconds: float) -> None:
        """Write a checkpoint with the statistics so far."""
        if problem.step_count == self._kept_step:  # the older one stays another one
            return
        packed = pack(problem)

        def write(directory: ResultDirectory) -> None:
            spent = {name: getattr(totals, name) for name in SPENT}
            about = {
                "format": FORMAT,
                "case": digest_of_case(self._case.to_toml()),
                "fields": self._fields,
                "written": {name: content.known for name, content in self._written.items()},
                "spent": spent,
                "seconds": seconds,
                "tables": table_digests(self._case),
            }
            for name in self._written:  # a checkpoint must not be on the disk before its rows
                settle(directory.path / name)
            checkpoints.write(directory.path, packed, about)

        self._writer.write(write)
        self._saved_at, self._saved_step = time.monotonic(), problem.step_count
        self._kept_step = self._saved_step

    def end(
        self,
        problem: TransientProblem,
        last: Solution,
        totals: NewtonStatistics,
        seconds: float,
        reason: str = "",
        *,
        pictured: bool = True,
    ) -> None:
        """Write the summary, the last fields and the pictures.

        Args:
            problem: problem that was solved.
            last: last solution.
            totals: statistics of all steps.
            seconds: duration of the run, s.
            reason: reason of an early end; empty without one.
            pictured: whether there is time for pictures.
        """
        failed = {"status": "failed", "reason": reason} if reason else {}
        grid = gather(problem, last) if self._options.fields else None
        where = {
            TIME_COLUMN: to_unit(problem.time, TIME),
            "steps": problem.step_count,
        }
        total = replace(last, statistics=totals)
        summary = summary_of(problem.mesh, total, self._case.law(), seconds) | where | failed

        def write(directory: ResultDirectory) -> None:
            directory.write_summary({**summary, "peaks": _peaks(self.rows)})
            if grid is not None:
                save(grid, directory.path / "fields.vtu")
            if self._options.pictures and pictured:
                fields = directory.path / "fields.vtu" if grid is None else grid
                pictures.draw(self._case, self.rows, fields, directory.path)

        self._writer.write(write)

    def outcome(self) -> dict[str, Any]:
        """Last row, with the peaks of all rows. On rank 0 only."""
        peaks = {f"peak.{key}": peak["value"] for key, peak in _peaks(self.rows).items()}
        last = {key: value for key, value in self.rows[-1].items() if key != "status"}
        return {**last, **peaks, "status": self.rows[-1]["status"]}

    def close(self) -> None:
        """Unlock the directory; one that nothing was written to is removed. Not collective."""
        self._writer.close()


@dataclass
class _Content:
    """Content of a growing table: its length and digest.

    Attributes:
        length: number of bytes.
        digest: SHA-256 of all bytes.
    """

    length: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    @classmethod
    def of(cls, content: bytes) -> _Content:
        """Length and digest of some content."""
        made = cls()
        made.add(content)
        return made

    def add(self, content: bytes) -> None:
        """Add content at the end."""
        self.length += len(content)
        self.digest.update(content)

    @property
    def known(self) -> tuple[int, str]:
        """Length and digest by which a checkpoint knows the content."""
        return self.length, self.digest.hexdigest()


def _cut(path: Path, length: int, digest: str) -> bytes | None:
    """Beginning of a table that a checkpoint has seen; ``None`` where the file differs from it."""
    if length == 0:
        return b""
    try:
        with path.open("rb") as file:
            content = file.read(length)
    except OSError:
        return None
    return content if _Content.of(content).known == (length, digest) else None


def _rest(directory: ResultDirectory, last: int) -> bytes:
    """Rows of the statistics up to a step that are left, as a table."""
    try:
        rows = [row for row in directory.read_table(SOLVER) if _whole(row) and int(row["step"]) <= last]
    except CaseError:
        rows = []
    buffer = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return buffer.getvalue().encode()


def _whole(row: dict[str, Any]) -> bool:
    """Whether a row of a table is complete: a killed run may end with a part of one."""
    return None not in row and None not in row.values() and str(row.get("step", "")).isdecimal()


def _solver_row(step: Step, length: float, statistics: NewtonStatistics | None, rejected: str) -> dict[str, Any]:
    of_solver = statistics.row() if statistics is not None else dict.fromkeys(step.statistics.row(), "")
    state = SimpleNamespace(time=step.time, step=step.number, length=length, error=step.error if not rejected else "")
    return {**values(STEP, state, step.solution), **of_solver, "reason": rejected or of_solver["reason"]}


def _peaks(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Largest value of every column that has a peak, and the time at which it is reached."""
    peaks = {}
    for key in rows[0] if rows else ():
        numbers = [float(row[key]) for row in rows if row.get(key) not in (None, "")] if has_peak(key) else []
        if numbers:
            highest = int(np.argmax(numbers))
            peaks[key] = {"value": numbers[highest], TIME_COLUMN: float(rows[highest][TIME_COLUMN])}
    return peaks


def _series(fields: list[tuple[float, str]]) -> str:
    """ParaView collection of files over time (ms)."""
    sets = "\n".join(f'    <DataSet timestep="{t!r}" part="0" file="{name}"/>' for t, name in fields)
    return (
        '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">\n'
        f"  <Collection>\n{sets}\n  </Collection>\n</VTKFile>\n"
    )
