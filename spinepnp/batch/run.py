"""Run of a batch: the cases of a sweep over groups of ranks, kept so that nothing is solved twice.

Every group takes cases, claims them, solves them and lets their folders appear. A case that fails stops no other one; a
disk that is full, or a rank that is lost, ends the job, and the same command goes on where it was.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import math
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spinepnp.batch.index import NAME as INDEX
from spinepnp.batch.index import outcomes
from spinepnp.batch.listener import BatchListener
from spinepnp.batch.plan import plan_facts, plan_lines
from spinepnp.batch.scheduler import Counters, RankGroups, Scheduler, chains_of, divide
from spinepnp.batch.store import AGAIN, Store
from spinepnp.batch.summary import BatchSummary
from spinepnp.batch.sweep import Job, Plan, Sweep, load_sweep
from spinepnp.batch.table import LISTING, PARQUET, SOLVER, TABLE, refresh, write_listing
from spinepnp.errors import CaseError, OutputError, SingleRankError, SpineError, all_ranks_arrived, reason_of
from spinepnp.run.directory import ResultDirectory
from spinepnp.run.options import RunOptions, SweepPoint
from spinepnp.run.place import check_place, holds_results
from spinepnp.run.progress import print_line
from spinepnp.run.steady import Model, solve_case
from spinepnp.runtime.claims import Claim
from spinepnp.runtime.communication import on_root
from spinepnp.runtime.files import write_atomically
from spinepnp.runtime.versions import code_version, versions
from spinepnp.units import LENGTH, parse_quantity

#: Counts of a batch.
SUMMARY = "summary.json"

#: Lines that were printed.
LOG = "batch.log"

#: Files of a batch beside the folders `cases` and `work`; `--force` removes just these.
FILES = (LISTING, TABLE, PARQUET, SOLVER, SUMMARY, LOG, INDEX, "report.html")

#: Timeout for a case that another process holds, s: a job that was killed may not be gone yet.
CLAIM_TIMEOUT = 10.0

#: Numbers of errors of the disk, not of a case.
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM}


@dataclass(frozen=True)
class BatchOptions:
    """Options of a batch beyond its file.

    Attributes:
        force: whether the batch begins anew, whatever the directory holds of it.
        retry_failed: whether failed cases are solved again.
        retry_version: whether cases are solved again that another version of the code has solved.
        ranks_per_case: ranks that solve a case together, in place of the file's.
    """

    force: bool = False
    retry_failed: bool = False
    retry_version: bool = False
    ranks_per_case: int | None = None


def run_batch(
    path: Path, comm: Any, output: Path, options: BatchOptions, on_case: Callable[[], None] | None = None
) -> BatchSummary:
    """Solve all cases of a sweep that the directory does not hold yet, and count them. Collective.

    Args:
        path: path of the sweep file.
        comm: MPI communicator of all ranks.
        output: directory of the batch.
        options: what is solved again, and the number of ranks for a case.
        on_case: function that each rank calls after each of its cases.

    Returns:
        Summary of the batch.

    Raises:
        CaseError: bad input, found before anything was solved or written.
        OutputError: the results cannot be written.
    """
    start = time.monotonic()
    parse_quantity("1 nm", LENGTH)  # every rank needs the units, which take a second to read: all at once
    plan: Plan = on_root(comm, lambda: load_sweep(path, print_line))
    todo: list[Job] = on_root(comm, lambda: _open(output, plan, options))
    groups = divide(comm, options.ranks_per_case or plan.sweep.ranks_per_case, todo)
    listener = BatchListener(groups, todo, plan.sweep.title or path.stem, output / LOG)
    with listener.progress:
        held = {job.key for job in plan.jobs} - {job.key for job in todo}
        for line in plan_lines(plan, plan_facts(plan, held), comm.size) if comm.rank == 0 else ():
            listener.progress.log(f"[0/{len(todo)}] {line}")
        _work(groups, listener, todo, plan.sweep, output, on_case)
    tally = on_root(comm, lambda: _close(output, plan, listener, groups, start))
    groups.comm.Free()
    groups.world.Free()
    return tally


def _open(output: Path, plan: Plan, options: BatchOptions) -> list[Job]:
    """Prepare the directory, and list the cases to solve. On rank 0."""
    if holds_results(output) and not ((output / LISTING).exists() or (output / "cases").is_dir()):
        raise CaseError("--output", "holds results of a run; give a directory of its own to the batch", str(output))
    check_place(output, plan.sources)
    directory = ResultDirectory(output, resume=True, shared=True)
    store = Store(output)
    if options.force:
        for folder in (store.cases, store.work):
            shutil.rmtree(folder, ignore_errors=True)
        for name in FILES:
            (output / name).unlink(missing_ok=True)
    store.make()
    # Before the outcomes are read: what another batch finishes in between is then seen in one or the other.
    stamps = {job.key: store.stamp(job.key) for job in plan.jobs}
    with store.alone():
        write_listing(output, plan)
        directory.release()
        known = outcomes(output, write=True)

    lost = {key: name for key, outcome in known.items() if outcome["status"] == "ok" and (name := store.lost(key))}
    lost = {key: name for key, name in lost.items() if key in stamps}
    if lost:
        key, name = next(iter(lost.items()))
        number = f"{len(lost)} cases have" if len(lost) > 1 else "1 case has"
        print(f"{number} lost files (cases/{key}/{name}, for one) and will be solved again", file=sys.stderr)

    def is_due(outcome: dict[str, Any] | None) -> bool:
        if outcome is None:
            return True
        failed, old = outcome["status"] != "ok", outcome["version"] != code_version()
        return (failed and options.retry_failed) or (old and options.retry_version)

    todo: dict[str, Job] = {}
    for job in plan.jobs:
        if job.key in lost or is_due(known.get(job.key)):
            todo.setdefault(job.key, replace(job, stamp=stamps[job.key]))
    return list(todo.values())


def _work(
    groups: RankGroups,
    listener: BatchListener,
    todo: list[Job],
    sweep: Sweep,
    output: Path,
    on_case: Callable[[], None] | None,
) -> None:
    """Solve until nothing is left for this group, and wait for the others. Collective."""
    chains = chains_of(todo)
    counters = Counters(groups.world, len(chains) + 1)
    scheduler = Scheduler(chains, counters)
    worker = _Worker(groups, listener, sweep, Store(output))
    try:
        _solve_all(groups.comm, scheduler, worker, on_case)
    except OutputError as error:
        # The other groups are elsewhere: the job ends at once, not by an end of MPI that all would have to join.
        raise SingleRankError(str(OutputError(error.problem, AGAIN))) from error
    listener.wait()
    counters.close()


def _solve_all(comm: Any, scheduler: Scheduler, worker: _Worker, on_case: Callable[[], None] | None) -> None:
    """Take cases and solve them. Collective over the group."""
    busy = []
    while (job := comm.bcast(scheduler.next() if comm.rank == 0 else None, root=0)) is not None:
        if not worker.solve(job):
            busy.append(job)
        if on_case is not None:
            on_case()
    deadline = time.monotonic() + CLAIM_TIMEOUT
    while busy and comm.bcast(time.monotonic() < deadline, root=0):
        time.sleep(0.2)
        busy = [job for job in busy if not worker.solve(job)]
    worker.model.close()


class _Worker:
    """Group of ranks that solves cases. All methods are collective over the group."""

    def __init__(self, groups: RankGroups, listener: BatchListener, sweep: Sweep, store: Store) -> None:
        self._comm, self._listener, self._store = groups.comm, listener, store
        tick = listener.listen if groups.world.rank == 0 else None
        self._options = RunOptions(quiet=True, within=True, fields=sweep.fields, pictures=sweep.pictures, tick=tick)
        self.model = Model(groups.comm)

    def solve(self, job: Job) -> bool:
        """Solve a case, unless another process has; false if another one is solving it now."""
        claimed: list[Claim] = []

        def prepare() -> tuple[str, bool]:
            lock = self._store.claim(job.key)
            if lock is None:
                return "busy", False
            claimed.append(lock)
            if self._store.stamp(job.key) != job.stamp:
                return "done", False
            return "ours", self._store.begun(job.key)

        state, begun = on_root(self._comm, prepare)
        if state == "ours":
            start = time.monotonic()
            rows, reason = self._attempt(job, begun)
            seconds = time.monotonic() - start
            on_root(self._comm, lambda: self._store.finish(job.key, self._outcome(job, rows, reason, seconds)))
            if self._comm.rank == 0:
                self._listener.report_case(job, reason, seconds)
        elif state == "done" and self._comm.rank == 0:
            self._listener.report_case(job, "", None)
        for lock in claimed:
            lock.release()
        if self._options.tick is not None:
            self._options.tick()
        return state != "busy"

    def _attempt(self, job: Job, begun: bool) -> tuple[list[dict[str, Any]], str]:
        """Rows of a case, and the reason of its failure, if it has failed.

        Raises:
            OutputError: the results cannot be written.
            SingleRankError: only some ranks of the group have met an error.
        """
        if job.data is None:
            return [], job.error
        try:
            points = self._points(job, begun)
        except (OutputError, SingleRankError):
            raise
        except SpineError as error:
            return [], str(error)
        except Exception as error:  # one case never stops the others, whatever happens in it
            if not all_ranks_arrived(self._comm):
                raise SingleRankError(str(error)) from error
            if isinstance(error, OSError) and error.errno in DISK_ERRORS:
                raise OutputError(f"the results cannot be written ({reason_of(error)})") from None
            self.model = Model(self._comm)
            return [], f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"
        failures = [str(point.failure) for point in points if point.failure is not None]
        return [typed(point.row) for point in points], failures[0] if failures else ""

    def _points(self, job: Job, begun: bool) -> list[SweepPoint]:
        place, case = self._store.place(job.key), job.case()
        try:
            return solve_case(case, self._comm, place, replace(self._options, resume=begun), self.model)
        except CaseError as error:
            if error.key == "--output":
                raise OutputError(str(error)) from None
            if error.key != "--resume":
                raise
        on_root(self._comm, lambda: self._store.discard_work(job.key))  # what was begun is of no use
        return solve_case(case, self._comm, place, self._options, self.model)

    def _outcome(self, job: Job, rows: list[dict[str, Any]], reason: str, seconds: float) -> dict[str, Any]:
        """Outcome of a case: its rows and status, beside its files. On one rank."""
        place, status = self._store.place(job.key), "failed" if reason else "ok"
        if not (place / SUMMARY).exists():  # nothing could be solved of it
            place.mkdir(exist_ok=True)
            summary = {"status": status, "reason": reason, "versions": versions(), "ranks": self._comm.size}
            write_atomically(place / SUMMARY, json.dumps(summary, indent=2) + "\n", then=AGAIN)
        solver: list[dict[str, Any]] = []
        with contextlib.suppress(FileNotFoundError), (place / SOLVER).open(encoding="utf-8", newline="") as file:
            solver = [typed(row) for row in csv.DictReader(file)]
        return {
            "key": job.key,
            "status": status,
            "reason": reason,
            "version": code_version(),
            "seconds": seconds,
            "ranks": self._comm.size,
            "varied": job.varied,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "rows": rows or [{"status": f"failed: {reason}"}],
            "solver": solver,
        }


def typed(row: dict[str, Any]) -> dict[str, Any]:
    """Row with plain finite numbers, from numbers or from the text of a table."""

    def plain(value: Any) -> Any:
        if isinstance(value, str):
            if value in ("", "True", "False"):
                return {"": None, "True": True, "False": False}[value]
            try:
                value = float(value) if not value.isdecimal() else int(value)
            except ValueError:
                return value
        elif hasattr(value, "item"):
            value = value.item()
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {name: plain(value) for name, value in row.items()}


def _close(output: Path, plan: Plan, listener: BatchListener, groups: RankGroups, start: float) -> BatchSummary:
    """Write the tables, and count solved and failed cases. On rank 0."""
    listener.progress.log_to(output / LOG)
    known = refresh(output)
    failures = [
        f"case {job.number} ({job.name}): {outcome['reason']}"
        for job in plan.jobs
        if (outcome := known.get(job.key)) is not None and outcome["status"] != "ok"
    ]
    missing = sum(job.key not in known for job in plan.jobs)
    seconds = time.monotonic() - start
    tally = BatchSummary(len(plan.jobs), listener.solved, failures, missing, groups.number, seconds)
    summary = {
        "status": "failed" if failures else "incomplete" if missing else "ok",
        **({"reason": failures[0]} if failures else {}),
        "versions": versions(),
        "code_version": code_version(),
        "cases": tally.cases,
        "ok": tally.cases - len(failures) - missing,
        "failed": len(failures),
        "missing": missing,
        "solved_now": tally.solved,
        "ranks": groups.world.size,
        "groups": groups.number,
        "seconds": seconds,
    }
    with Store(output).alone():
        write_atomically(output / SUMMARY, json.dumps(summary, indent=2) + "\n", then=AGAIN)
    return tally
