"""Run of a transient from its case to its result directory, step by step."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from spinepnp.case.case import Case
from spinepnp.case.estimate import check_feasible
from spinepnp.case.remarks import remarks_of
from spinepnp.errors import CaseError, SingleRankError, SolveError, all_ranks_arrived
from spinepnp.meshes import generate
from spinepnp.run.directory import Recorder, ResultDirectory
from spinepnp.run.extension import extension_of
from spinepnp.run.membranes import charge_warnings, current_lines, currents_of, shown_potentials
from spinepnp.run.options import RunOptions, SweepPoint
from spinepnp.run.place import holds_results
from spinepnp.run.progress import ProgressBar, print_line
from spinepnp.run.transient_records import TransientRecorder
from spinepnp.runtime import interrupts
from spinepnp.runtime.communication import on_root
from spinepnp.runtime.files import fields_path
from spinepnp.runtime.stack import MPI
from spinepnp.runtime.versions import versions
from spinepnp.solvers.algebra.statistics import NewtonError
from spinepnp.solvers.problem import field_files
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.time.adaptive import Step
from spinepnp.solvers.time.checkpoint import unpack
from spinepnp.solvers.time.transient import TransientProblem
from spinepnp.units import POTENTIAL, TIME, format_quantity, to_unit

#: Seconds between lines on the way, where nothing else is said.
LINE_EVERY = 10.0

#: Reason in summary.json of a run that Ctrl-C or SIGTERM has ended.
INTERRUPTED = "interrupted; continue with --resume"


class _Run:
    """Running transient: its steps so far, and the lines on them."""

    def __init__(
        self, recorder: TransientRecorder, progress: ProgressBar, problem: TransientProblem, first: Solution
    ) -> None:
        self.recorder, self.progress, self.problem = recorder, progress, problem
        self.last = first
        spent, self._seconds = recorder.spent
        self.totals = replace(first.statistics, **spent)
        self.steps = self.rejected = self._smooth = 0
        self._duration = recorder.case.study.schedule.duration
        self._since = problem.time / self._duration
        self._start = self._said = time.monotonic()

    @property
    def seconds(self) -> float:
        """Duration of all runs of this transient, s."""
        return self._seconds + time.monotonic() - self._start

    def checkpoint(self) -> None:
        """Write a checkpoint. Collective."""
        self.recorder.checkpoint(self.problem, self.totals, self.seconds)

    def take(self, step: Step) -> None:
        """Record a step. Collective."""
        self.last, self.rejected = step.solution, self.rejected + len(step.rejected)
        self.steps += not step.interpolated
        if not step.interpolated:  # a jump of a waveform begins a new interval with a short step
            self._smooth = self._smooth + 1 if self.problem.progress.started else 0
        before = [NewtonError("", self.totals)]
        spent = [NewtonError("", s) for _, _, s in step.rejected if s is not None]
        self.totals = step.statistics.after(before + spent)
        self.recorder.step(self.problem, step)
        fraction = step.time / self._duration
        where = f"t = {format_quantity(float(f'{step.time:.4g}'), TIME)}"
        left = self.progress.left(fraction, self._since, self._smooth)
        self.progress.doing(where, fraction, left)
        if step.listed or time.monotonic() - self._said > LINE_EVERY:
            self._said = time.monotonic()
            self.progress.log(f"{where}: {self._describe(step)}, {left}")
        self.progress.log_to(self.recorder.log)

    def _describe(self, step: Step) -> str:
        solution = step.solution
        shown = shown_potentials(self.recorder.case, solution)
        shown |= {name: state.potential for name, state in solution.probes.items()}
        parts = [f"V({n}) = {to_unit(value, POTENTIAL):.5g} {POTENTIAL.unit}" for n, value in shown.items()]
        length = format_quantity(float(f"{step.dense.end - step.dense.start:.2g}"), TIME)
        return ", ".join([*parts, f"{'in ' if step.interpolated else ''}step {step.number} of {length}"])


def solve_transients(case: Case, comm: Any, output: Path, options: RunOptions) -> list[SweepPoint]:
    """Run a checked transient case: once, or for each value of what is varied. Collective.

    Each value gets a directory of its own below ``points``; the tables above them have a row for each, with the last
    state and the peaks. One that fails does not stop the others.

    Args:
        case: checked case of a transient study.
        comm: MPI communicator.
        output: result directory.
        options: options of the run.

    Returns:
        All points with their last rows; failed ones with their reason.

    Raises:
        CaseError: bad input, found before the first step.
        KeyboardInterrupt: after an orderly end.
    """
    values = case.study.values
    if values is None:
        point = SweepPoint(0, case)
        solve_transient(point, comm, output, options)
        return [point]
    cases = [p.model_copy(update={"study": p.study.single()}) for p in case.points()]
    points = [SweepPoint(i, case, value) for i, value in enumerate(values)]
    recorder = Recorder(comm, case, options)

    for remark in remarks_of(case) if comm.rank == 0 and not options.quiet else ():
        print_line(f"warning: {remark}")

    def recall(directory: ResultDirectory) -> None:
        extended = options.extend and extension_of(case, directory.path)
        remark = directory.check_same_case(case.to_toml()) if options.resume and not extended else ""
        if remark and not options.quiet:
            print(remark, file=sys.stderr)

    recorder.open(output, recall)
    try:
        recorder.write(lambda _: None)  # case.toml
        for point, single in zip(points, cases, strict=True):
            below, one = output / "points" / f"{point.index + 1:04d}", SweepPoint(0, single)
            try:
                begun = on_root(comm, partial(holds_results, below))
                # Of an extension that was interrupted some points are as long as before: those are extended, too.
                again = options.resume and begun
                solve_transient(one, comm, below, replace(options, resume=again, extend=again, within=True))
            except CaseError as error:
                one.failure, one.row = error, {"status": f"failed: {error}"}
            point.failure, point.row, point.course = one.failure, {**point.key, **one.row}, one.course
            recorder.write(lambda directory: _write_points(recorder, directory, points))
        on_root(comm, recorder.finish_pictures)
    finally:
        recorder.close()
    return points


def _write_points(recorder: Recorder, directory: ResultDirectory, points: list[SweepPoint]) -> None:
    """Write the tables above the points, and the fields and pictures of the last one. On rank 0."""
    rows = [{k: v for k, v in point.row.items() if k != "step"} for point in points if point.row]
    directory.write_table("observables.csv", rows)
    failures = [str(point.failure) for point in points if point.failure is not None]
    summary = {"status": "failed" if failures else "ok", "versions": versions(), "failed_points": len(failures)}
    solved = [p.index for p in points if p.row.get("status") == "ok"]
    if solved:  # the last point, as for any sweep
        below = directory.path / "points" / f"{solved[-1] + 1:04d}"
        summary = json.loads((below / "summary.json").read_text(encoding="utf-8")) | summary
        if recorder.options.fields:
            field_files.copy(fields_path(below / "fields"), directory.path / "fields")
    directory.write_summary(summary | ({"reason": failures[0]} if failures else {}))
    recorder.draw(rows)


def solve_transient(point: SweepPoint, comm: Any, output: Path, options: RunOptions) -> None:
    """Run one transient, and give its point a row. Collective.

    Ctrl-C and SIGTERM end it after the step at hand, with a checkpoint.

    Args:
        point: point of the run, with its case; it gets the last row, or the error.
        comm: MPI communicator.
        output: result directory.
        options: options of the run.

    Raises:
        CaseError: bad input, found before the first step.
        KeyboardInterrupt: after an orderly end.
    """
    case = point.case
    on_root(comm, lambda: check_feasible(case))
    recorder = TransientRecorder(comm, output, case, options)
    try:
        with ProgressBar(
            comm, 1, case.title or case.geometry.shape, quiet=options.quiet, tick=options.tick
        ) as progress:
            known = options.within and not options.quiet  # told above for all points
            remarks = [] if known else [f"warning: {remark}" for remark in remarks_of(case)]
            for remark in (*remarks, *recorder.remarks):
                progress.log(remark)
            if case.initial is not None and not recorder.resumed:
                on_root(comm, case.initial.check_file)
            progress.doing(f"meshing the {case.geometry.shape}")
            mesh = generate(case.geometry, case.mesh, comm, log=progress.log)
            problem = TransientProblem(
                mesh,
                case.electrolyte,
                case.boundaries,
                case.solver,
                case.probes,
                case.closed,
                case.regions,
                initial_concentrations=case.initial,
                compartments=case.compartments,
            )
            with interrupts.graceful() as pending:
                _go(recorder, progress, problem, pending, point)
            problem.destroy()
    finally:
        recorder.close()


def _go(
    recorder: TransientRecorder,
    progress: ProgressBar,
    problem: TransientProblem,
    pending: interrupts.Pending,
    point: SweepPoint,
) -> None:
    case, comm = recorder.case, recorder.comm
    first = _first(recorder, problem)
    if problem.remark:
        progress.log(problem.remark)
    if problem.time == 0.0 and case.study.initial in ("steady", "rest"):
        for line in current_lines(currents_of(first)):
            progress.log(f"at rest, {line}")
    run = _Run(recorder, progress, problem, first)
    reason, interrupted = "", False
    try:
        for step in problem.steps(case.study.schedule):
            run.take(step)
            if step.interpolated:  # the state is that of the end of the step, whose rows come next
                continue
            interrupted = comm.allreduce(pending.received, op=MPI.LOR)
            if interrupted or recorder.is_due(step):
                run.checkpoint()
            if interrupted:
                break
    except (CaseError, SolveError) as error:
        if not all_ranks_arrived(comm):
            raise SingleRankError(str(error)) from error
        reason, point.failure = str(error), SolveError(str(error))
        progress.log(f"failed: {error}")
        run.checkpoint()
    finished = not (interrupted or reason)
    if finished:
        run.checkpoint()
        progress.log(f"{run.steps} steps, {run.rejected} rejected, {progress.left(1.0, 0.0)}")
    for line in charge_warnings(case, recorder.rows):
        progress.log(line)
    progress.log_to(recorder.log)
    recorder.end(
        problem, run.last, run.totals, run.seconds, INTERRUPTED if interrupted else reason, pictured=not interrupted
    )
    point.row = dict(comm.bcast(recorder.outcome() if comm.rank == 0 else None, root=0))
    point.course = comm.bcast(recorder.course() if comm.rank == 0 else None, root=0)
    if point.failure is not None:
        point.row["status"] = "failed"
    if interrupted or comm.allreduce(pending.received, op=MPI.LOR):
        raise KeyboardInterrupt


def _first(recorder: TransientRecorder, problem: TransientProblem) -> Solution:
    """Solution to start from: that of the checkpoint, or the initial one, which is recorded."""
    if not recorder.resumed:
        solution = problem.begin(recorder.case.study.initial or "bulk")
        recorder.begin(problem, solution)
        return solution
    try:
        solution = unpack(problem, recorder.packed(problem.ordering.length))
    except (KeyError, ValueError, IndexError) as error:
        raise CaseError("--resume", f"the checkpoint does not fit the case ({error}); use --force") from None
    recorder.extend(problem, solution)
    return solution
