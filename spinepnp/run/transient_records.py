"""Records of a transient: rows of steps and listed times, fields at these, a trace, and checkpoints to resume from.

A run that was killed is readable up to its last step; one that resumes from a checkpoint drops the rows behind it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.case.digest import table_digests
from spinepnp.case.trace_ions import followed
from spinepnp.errors import CaseError
from spinepnp.run import checkpoints
from spinepnp.run.directory import Recorder, ResultDirectory, digest_of_case
from spinepnp.run.extension import Extension, extension_of, is_extension, widened
from spinepnp.run.growing_table import GrowingTable
from spinepnp.run.options import Course, RunOptions
from spinepnp.run.place import holds_results
from spinepnp.run.recall import beginning_of, statistics_left, with_recorded_start
from spinepnp.run.shares import course_of
from spinepnp.runtime.communication import on_root
from spinepnp.runtime.files import is_whole, settle, write_atomically
from spinepnp.solvers.algebra.statistics import NewtonStatistics
from spinepnp.solvers.problem import columns
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.time.adaptive import Step
from spinepnp.solvers.time.checkpoint import on_mesh, pack
from spinepnp.solvers.time.peaks import peaks, peaks_of_rows
from spinepnp.solvers.time.transient import TransientProblem
from spinepnp.units import TIME, to_unit

#: Format of checkpoints; those of another format are refused.
FORMAT = 3

#: Table of observables, which grows by a row a step.
OBSERVABLES = "observables.csv"

#: Table of the trace, which grows by several rows a step.
TRACE = "trace.csv"

#: Table of nonlinear solves, which grows by a row a step.
SOLVER = "solver.csv"

#: Statistics that add up over interruptions.
SPENT = ("newton", "krylov", "assembly_s", "solve_s")


class TransientRecorder(Recorder):
    """Recorder of a transient in its result directory. All public methods are collective unless they say otherwise.

    Args:
        comm: MPI communicator.
        output: result directory.
        case: case of the run.
        options: options of the run.

    Attributes:
        rows: rows of observables.csv, on rank 0.
        trace: rows of trace.csv, on rank 0.
        resumed: whether there is a checkpoint to resume from.
        spent: sums of the statistics before the checkpoint, and seconds.
    """

    def __init__(self, comm: Any, output: Path, case: Case, options: RunOptions) -> None:
        super().__init__(comm, case, options)
        self._found: tuple[dict[str, np.ndarray], tuple[str, ...]] | None = None  # on rank 0
        self._extension: Extension | None = None  # on rank 0
        self.spent: tuple[dict[str, Any], float] = ({}, 0.0)
        self.rows: list[dict[str, Any]] = []
        self.trace: list[dict[str, Any]] = []
        self._fields: list[tuple[float, str]] = []
        self._saved_at, self._saved_step = time.monotonic(), 0
        self._tables: dict[str, GrowingTable] = {}  # on rank 0

        def recall(directory: ResultDirectory) -> tuple[int | None, tuple[dict[str, Any], float]]:
            self._tables = {name: GrowingTable(directory.path / name) for name in (OBSERVABLES, TRACE, SOLVER)}
            if options.resume:
                self._recall(directory)
            return self._saved_step if self._found is not None else None, self.spent

        self._kept_step, self.spent = self.open(output, recall)
        self.resumed = self._kept_step is not None

    def _recall(self, directory: ResultDirectory) -> None:
        """Read the checkpoint and the rows up to it, and cut the tables there."""
        self.case = with_recorded_start(self.case, directory)
        self._extension = extension_of(self.case, directory.path) if self.options.extend else None
        names = [name for name in (checkpoints.NEWEST, checkpoints.OLDER) if (directory.path / name).exists()]
        if not names and self._extension is not None:
            raise CaseError("--extend", "the run has no checkpoint to go on from; use --force", str(directory.path))
        if not names:
            self.remarks += self._same_case(directory)
            if holds_results(directory.path, (OBSERVABLES,)):
                self.remarks.append(f"{directory.path} has no checkpoint: the transient starts again")
            return
        problems = [self._try(directory, name) for name in names]
        if all(problems):
            if self._extension is None:
                self._same_case(directory)
            raise CaseError("--resume", problems[0], str(directory.path / names[0]))
        if problems[0] or names[0] != checkpoints.NEWEST:
            checkpoints.go_back(directory.path)
            reason = problems[0].split(";")[0] if problems[0] else "the last checkpoint is missing"
            self.remarks.append(f"{reason}: goes on from the one before it, at step {self._saved_step}")
        self._repair_fields(directory)
        if self._extension is not None and self._found is not None:
            self.remarks += self._extension.remarks(float(self._found[0]["time"]))
        self.begun = True

    def _same_case(self, directory: ResultDirectory, digest: str = "") -> list[str]:
        """Remarks on a case.toml that was repaired; see `ResultDirectory.check_same_case`."""
        try:
            return list(filter(None, [directory.check_same_case(self.case.to_toml(), digest)]))
        except CaseError:
            if not is_extension(self.case, directory.path):
                raise
            problem = "the case is longer than the run, or has more probes; give --extend in its place"
            raise CaseError("--resume", problem, str(directory.path)) from None

    def _try(self, directory: ResultDirectory, name: str) -> str:
        """Resume from a checkpoint, unless one has been found before; returns why it cannot be used, and the remedy."""
        if self._found is not None:
            return ""
        stored = checkpoints.read(directory.path / name)
        if stored is None:
            return "the checkpoint cannot be read; use --force to start again"
        packed, about = stored
        if about.get("format") != FORMAT:
            return "the checkpoint is one of another version; use --force"
        if about["case"] == digest_of_case(self.case.to_toml()):
            self._extension = None  # it was begun before
        if self._extension is None:
            self.remarks += self._same_case(directory, about["case"])
        if about["tables"] != table_digests(self.case):
            return "a table of a waveform or a channel has changed since; use --force"
        last = int(packed["number"])
        contents = {n: beginning_of(table, n, about) for n, table in self._tables.items()}
        for name in (OBSERVABLES, TRACE):
            if contents[name] is None:
                return f"{name} lacks rows that the checkpoint has seen; use --force to start again"
        if contents[SOLVER] is None:
            self.remarks.append(f"{SOLVER} has lost rows; those from step {last + 1} on are added to what is left")
            contents[SOLVER] = statistics_left(directory, SOLVER, last)
        rows = {name: table.resume(contents[name] or b"") for name, table in self._tables.items()}
        self.rows, self.trace = list(rows[OBSERVABLES]), list(rows[TRACE])
        self._found = packed, tuple(about[checkpoints.ON_MESH])
        self._fields = [(t, field) for t, field in about["fields"]]
        self.spent, self._saved_step = (about["spent"], float(about["seconds"])), last
        return ""

    def extend(self, problem: TransientProblem, solution: Solution) -> None:
        """Take the case of an extension in place of the one that was run. Collective.

        The checkpoint knows the tables as they are and as they become: until all files are changed, `_recall` goes on
        from either.

        Args:
            problem: problem with the state of the checkpoint.
            solution: solution at that state, with the values at added probes.
        """
        extension = self.comm.bcast(self._extension, root=0)
        if extension is None:
            return
        probes = columns.state_of(solution).get("probes", {})
        added = columns.flatten({"probes": {name: probes[name] for name in extension.probes}})

        def wider() -> dict[str, bytes]:
            tables = {n: self._tables[n] for n in (OBSERVABLES, TRACE) if added and self._tables[n].length}
            return {name: widened(table.path.read_bytes(), added, problem.time) for name, table in tables.items()}

        contents: dict[str, bytes] = on_root(self.comm, wider)
        written = {name: GrowingTable.known_of(content) for name, content in contents.items()}
        totals = replace(solution.statistics, **self.spent[0])
        self._kept_step = None
        self.checkpoint(problem, totals, self.spent[1], {"written": written, "added": added, "time": problem.time})
        self.write(lambda directory: self._take_tables(contents))
        self.write(self._take_case)

    def _take_tables(self, contents: dict[str, bytes]) -> None:
        """Replace tables by those with the columns of added probes. On rank 0."""
        rows = {name: self._tables[name].resume(content) for name, content in contents.items()}
        self.rows, self.trace = list(rows.get(OBSERVABLES, self.rows)), list(rows.get(TRACE, self.trace))

    def _take_case(self, directory: ResultDirectory) -> None:
        """Replace the case, and remove the summary of the shorter run. On rank 0."""
        write_atomically(directory.path / "case.toml", self.case.to_toml())
        (directory.path / "summary.json").unlink(missing_ok=True)

    def packed(self, share: int) -> dict[str, np.ndarray]:
        """Arrays of the checkpoint to resume from; of those on the mesh a slice.

        Args:
            share: number of nodes of the slice of this rank.

        Raises:
            ValueError: the mesh has another number of nodes.
        """
        arrays, names = on_root(self.comm, lambda: self._found or ({}, ()))
        return arrays | checkpoints.read_on_mesh(self.output / checkpoints.NEWEST, self.comm, names, share)

    def _repair_fields(self, directory: ResultDirectory) -> None:
        """Write the list of fields again, and remark on those that are gone."""
        if self._fields:
            write_atomically(directory.path / "fields.pvd", _series(self._fields))
        lost = [name for _, name in self._fields if not is_whole(directory.path / name)]
        if lost:
            self.remarks.append(f"{', '.join(lost)}: missing or damaged; only a new run (--force) makes them again")

    def begin(self, problem: TransientProblem, solution: Solution) -> None:
        """Record the state at the start."""
        row = self._row(solution, 0.0, 0, {}, problem.gates)

        def write(_directory: ResultDirectory) -> None:
            self.rows.append(row)
            self._tables[OBSERVABLES].append(row)

        self.write(write)
        if self.case.study.fields == "times":
            self._add_fields(0.0, solution)

    def _row(
        self, solution: Solution, time_: float, step: int, defect: dict[str, float], gates: dict[str, float]
    ) -> dict[str, Any]:
        """Row of observables.csv at a time (s); `defect` is what the balance of a species leaves open, mol."""
        defects = {name: defect.get(name, 0.0) for name in solution.electrolyte.names}
        record = SimpleNamespace(time=time_, step=step, ion_balance=solution.ion_balance, defect=defects)
        return {
            **columns.values(columns.BEGINNING, record, solution),
            **columns.flatten(columns.state_of(solution, self.case.law())),
            **columns.flatten(columns.values(columns.BALANCE, record, solution)),
            **gates,
            **columns.values([columns.STATUS], record, solution),
        }

    def step(self, problem: TransientProblem, step: Step) -> None:
        """Record an accepted step with the attempts that were rejected before it, or a listed time within it."""
        gates = dict(zip(problem.gates, step.gates, strict=True))
        row = self._row(step.solution, step.time, step.number, step.defect, gates)
        recorded = step.listed or self.case.study.record == "steps"

        def write(_directory: ResultDirectory) -> None:
            if not step.interpolated:
                for length, reason, statistics in step.rejected:
                    self._tables[SOLVER].append(_solver_row(step, length, statistics, f"rejected: {reason}"))
                self._tables[SOLVER].append(_solver_row(step, step.length, step.statistics, ""))
                traced = step.trace.rows(with_start=not self.trace)
                self.trace += traced
                self._tables[TRACE].append(*traced)
            if recorded:
                self.rows.append(row)
                self._tables[OBSERVABLES].append(row)

        self.write(write)
        if step.listed and self.case.study.fields == "times":
            self._add_fields(step.time, step.solution)

    def _add_fields(self, time_: float, solution: Solution) -> None:
        """Write the fields at a time, s, and their list."""
        path, _ = self.save_fields(solution, f"fields/{len(self._fields):04d}")

        def write(directory: ResultDirectory) -> None:
            self._fields.append((to_unit(time_, TIME), f"fields/{path.name}"))
            write_atomically(directory.path / "fields.pvd", _series(self._fields))

        self.write(write)

    def is_due(self, step: Step) -> bool:
        """Whether a checkpoint should be written now; the same on every rank."""
        study = self.case.study
        by_steps = study.checkpoint_steps is not None and step.number - self._saved_step >= study.checkpoint_steps
        waited = time.monotonic() - self._saved_at
        by_clock = study.checkpoint_minutes is not None and waited > 60.0 * study.checkpoint_minutes
        return bool(self.comm.bcast(by_steps or by_clock, root=0))

    def checkpoint(
        self,
        problem: TransientProblem,
        totals: NewtonStatistics,
        seconds: float,
        wider: dict[str, Any] | None = None,
    ) -> None:
        """Write a checkpoint with the statistics so far.

        Args:
            problem: problem with the state that is kept.
            totals: sums of the statistics of all solves so far.
            seconds: duration of all runs of the transient so far, s.
            wider: tables that get columns after the checkpoint: how it will know them, and the arguments of `widened`.
        """
        if problem.step_count == self._kept_step:  # the older one stays another one
            return
        packed, about = pack(problem), dict[str, Any]()

        def prepare(directory: ResultDirectory) -> None:
            written = {name: table for name, table in self._tables.items() if table.length}
            about.update(
                format=FORMAT,
                case=digest_of_case(self.case.to_toml()),
                fields=self._fields,
                written={name: table.known for name, table in written.items()},
                spent={name: getattr(totals, name) for name in SPENT},
                seconds=seconds,
                tables=table_digests(self.case),
                wider=wider,
            )
            for table in written.values():  # a checkpoint must not be on the disk before its rows
                settle(table.path)

        self.write(prepare)
        checkpoints.write(self.output, self.comm, packed, about, tuple(filter(on_mesh, packed)))
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
            problem: problem at its last state.
            last: solution at that state.
            totals: sums of the statistics of all solves.
            seconds: duration of all runs of the transient, s.
            reason: reason of an early end; empty without one.
            pictured: whether there is time for pictures.
        """
        failed = {"status": "failed", "reason": reason} if reason else {}
        where = {columns.TIME_COLUMN: to_unit(problem.time, TIME), "steps": problem.step_count}
        total = replace(last, statistics=totals)
        summary = columns.summary_of(problem.mesh, total, self.case.law(), seconds) | where | failed

        self.write(lambda directory: directory.write_summary({**summary, "peaks": self._peaks}))
        grid = self.save_fields(last, "fields")[1] if self.options.fields else None

        def write(directory: ResultDirectory) -> None:
            if pictured:
                self.draw(self.rows, grid, self.trace)
                self.finish_pictures()

        self.write(write)

    def outcome(self) -> dict[str, Any]:
        """Last row, with the peaks and with the Debye layers of all rows. On rank 0 only."""
        highest = columns.columns_of_peaks(self._peaks)
        last = {key: value for key, value in self.rows[-1].items() if key != "status"}
        last |= columns.layers_of_rows(self.rows)
        return {**last, **highest, "status": self.rows[-1]["status"]}

    def course(self) -> Course:
        """Start, changes and estimated errors of the transient. On rank 0 only."""
        return replace(course_of(self.case, self.rows, self.trace), peaks=self._peaks)

    @cached_property
    def _peaks(self) -> dict[str, dict[str, float]]:
        """Peaks of the trace, else of the rows, in the order of the columns; at the end, as they take long to find."""
        first = self.rows[0] if self.rows else {}
        names = [name for name in first if columns.has_peak(name) or columns.is_synaptic(name, first)]
        traced = peaks(self.trace, followed(self.case))
        of_rows = peaks_of_rows(self.rows, [name for name in names if name not in traced])
        found = traced | of_rows
        return {name: found[name] for name in names if name in found}


def _solver_row(step: Step, length: float, statistics: NewtonStatistics | None, rejected: str) -> dict[str, Any]:
    of_solver = statistics.row() if statistics is not None else dict.fromkeys(step.statistics.row(), "")
    state = SimpleNamespace(time=step.time, step=step.number, length=length, error=step.error if not rejected else "")
    return {
        **columns.values(columns.STEP, state, step.solution),
        **of_solver,
        "reason": rejected or of_solver["reason"],
    }


def _series(fields: list[tuple[float, str]]) -> str:
    """ParaView collection of files over time (ms)."""
    sets = "\n".join(f'    <DataSet timestep="{t!r}" part="0" file="{name}"/>' for t, name in fields)
    return (
        '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">\n'
        f"  <Collection>\n{sets}\n  </Collection>\n</VTKFile>\n"
    )
