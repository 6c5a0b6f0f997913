"""Reports of finished work to rank 0, from groups of ranks that work by themselves; what rank 0 says of a batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spinepnp.batch.scheduler import RankGroups
from spinepnp.batch.sweep import Job
from spinepnp.run.progress import ProgressBar
from spinepnp.runtime.stack import MPI

#: Seconds between looks while nothing is to be done.
PAUSE = 0.02


class ProgressListener:
    """Reports of finished work: rank 0 listens, the first ranks of the other groups send, and nobody waits for anybody.

    Args:
        groups: of the ranks. On their common communicator nothing else is sent.
        take: called on rank 0 with each report, which is not ``None``.
    """

    def __init__(self, groups: RankGroups, take: Callable[[Any], None]) -> None:
        self._groups, self._take = groups, take
        self._sent: list[Any] = []
        self._ended = 0

    def report(self, message: Any) -> None:
        """Report finished work. Called by the first rank of a group."""
        if self._groups.world.rank == 0:
            self._take(message)
        else:
            self._sent.append(self._groups.world.isend(message, dest=0))

    def listen(self) -> None:
        """Take the reports that have come. On rank 0; not collective."""
        world = self._groups.world
        while world.Iprobe(source=MPI.ANY_SOURCE):
            message = world.recv(source=MPI.ANY_SOURCE)
            if message is None:
                self._ended += 1
            else:
                self._take(message)

    def wait(self) -> None:
        """Wait until all groups have come to their end. Collective; nobody keeps a core busy."""
        world = self._groups.world
        if self._groups.comm.rank == 0 and world.rank != 0:
            self._sent.append(world.isend(None, dest=0))
        while world.rank == 0 and self._ended < self._groups.number - 1:
            self.listen()
            time.sleep(PAUSE)
        MPI.Request.waitall(self._sent)
        request = world.Ibarrier()
        while not request.Test():
            time.sleep(PAUSE)


class BatchListener(ProgressListener):
    """Reports of the cases of a batch, and counts, rate and time left, which rank 0 says.

    Args:
        groups: division of the ranks into groups.
        jobs: all cases that are to be solved.
        title: title of the batch, beside the bar.
        log: file that the lines are added to, on rank 0.

    Attributes:
        progress: bar and lines on the screen.
        solved: number of cases that were solved, failed ones among them, on rank 0.
    """

    def __init__(self, groups: RankGroups, jobs: list[Job], title: str, log: Path) -> None:
        super().__init__(groups, lambda message: self._count(*message))
        self._jobs, self._log = {job.number: job for job in jobs}, log
        self.progress = ProgressBar(groups.world, len(jobs), title)
        self.solved = self._failed = 0
        self._start = time.monotonic()

    def report_case(self, job: Job, reason: str, seconds: float | None) -> None:
        """Report a finished case. Called by the first rank of a group.

        Args:
            job: case that is finished.
            reason: reason of a failure; empty where there is none.
            seconds: duration of its solve, s; ``None`` if another batch has solved it meanwhile.
        """
        self.report((job.number, reason, seconds))

    def _count(self, number: int, reason: str, seconds: float | None) -> None:
        job = self._jobs[number]
        if seconds is None:
            self.progress.done(f"{job.name}: solved by another batch")
            return
        self.solved += 1
        self._failed += bool(reason)
        rate = self.solved / max(time.monotonic() - self._start, 1e-9)
        how = f"failed: {reason}" if reason else f"ok, {seconds:.2g} s"
        failed = f", {self._failed} failed" if self._failed else ""
        self.progress.done(f"{job.name}: {how} ({60.0 * rate:.3g} a minute{failed})")
        self.progress.log_to(self._log)
