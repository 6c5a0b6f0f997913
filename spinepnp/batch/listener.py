"""What rank 0 knows of a batch on its way: reports of all groups, counts, rate and time left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from spinepnp.batch.scheduler import RankGroups
from spinepnp.batch.sweep import Job
from spinepnp.run.progress import ProgressBar
from spinepnp.runtime.stack import MPI

#: Seconds between looks while nothing is to be done.
PAUSE = 0.02

REPORT, END = 1, 2


class ProgressListener:
    """Takes reports. Rank 0 listens, the first ranks of the other groups send; nobody waits for anybody.

    Args:
        groups: of the ranks.
        jobs: the cases to solve.
        title: of the batch.
        log: its log file.
    """

    def __init__(self, groups: RankGroups, jobs: list[Job], title: str, log: Path) -> None:
        self._groups, self._jobs, self._log = groups, {job.number: job for job in jobs}, log
        self.progress = ProgressBar(groups.world, len(jobs), title)
        self.solved = self._failed = 0
        self._sent: list[Any] = []
        self._ended = 0
        self._start = time.monotonic()

    def report(self, job: Job, reason: str, seconds: float | None) -> None:
        """Tell that a case is finished. Called by the first rank of a group.

        Args:
            job: the case.
            reason: why it failed; empty if it did not.
            seconds: that it took; ``None`` if another batch has solved it meanwhile.
        """
        message = (job.number, reason, seconds)
        if self._groups.world.rank == 0:
            self._take(*message)
        else:
            self._sent.append(self._groups.world.isend(message, dest=0, tag=REPORT))

    def listen(self) -> None:
        """Take what has come. On rank 0; not collective."""
        world, status = self._groups.world, MPI.Status()
        while world.Iprobe(source=MPI.ANY_SOURCE, tag=MPI.ANY_TAG, status=status):
            message = world.recv(source=status.source, tag=status.tag)
            if status.tag == END:
                self._ended += 1
            else:
                self._take(*message)

    def _take(self, number: int, reason: str, seconds: float | None) -> None:
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

    def wait(self) -> None:
        """Wait until all groups have come to their end. Collective; nobody keeps a core busy."""
        world = self._groups.world
        if self._groups.comm.rank == 0 and world.rank != 0:
            self._sent.append(world.isend(None, dest=0, tag=END))
        while world.rank == 0 and self._ended < self._groups.number - 1:
            self.listen()
            time.sleep(PAUSE)
        MPI.Request.waitall(self._sent)
        request = world.Ibarrier()
        while not request.Test():
            time.sleep(PAUSE)
