"""All validation cases, shared between the ranks: each takes one after the other and solves it alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from spinepnp.batch.scheduler import Counters
from spinepnp.run.progress import ProgressBar
from spinepnp.runtime.stack import MPI
from spinepnp.validation.suite.assess import Verdict, describe, examine
from spinepnp.validation.suite.plan import Subject

#: Seconds between looks of rank 0 at what the others have done.
PAUSE = 0.05


def share[Item, Result](
    items: Sequence[Item],
    comm: Any,
    title: str,
    name: Callable[[Item], str],
    work: Callable[[Item, Any], Result],
    line: Callable[[Result], str],
) -> list[Result]:
    """Work that the ranks share: each takes one item after the other, alone; rank 0 says a line on each. Collective.

    Args:
        items: the same on all ranks.
        comm: MPI communicator.
        title: of all of it.
        name: of an item, while it is worked on.
        work: on an item, with a communicator of this rank alone.
        line: on a result.

    Returns:
        On all ranks: the results, in the order of the items.
    """
    world = comm.Dup()
    alone, counters = world.Split(world.rank), Counters(world, 1)
    found = []
    with ProgressBar(world, len(items), title) as progress:
        desk = _SuiteListener(world, progress)
        while (place := counters.take(0)) < len(items):
            progress.doing(name(items[place]))
            result = work(items[place], alone)
            found.append((place, result))
            desk.report(line(result))
        desk.wait(len(items))
    gathered = dict(pair for part in world.allgather(found) for pair in part)
    counters.close()
    alone.Free()
    world.Free()
    return [gathered[place] for place in range(len(items))]


def run_validation(subjects: Sequence[Subject], comm: Any) -> list[Verdict]:
    """Examine all validation cases, each on one rank. Collective.

    Args:
        subjects: the cases, the same on all ranks.
        comm: MPI communicator.

    Returns:
        On all ranks: the verdicts, those of failed cases first, else in the order of the cases.
    """
    done = share(subjects, comm, "validation", lambda subject: subject.name, examine, describe)
    gathered = [verdict for verdicts in done for verdict in verdicts]
    order = {subject.name: i for i, subject in enumerate(subjects)}
    bad = {verdict.case for verdict in gathered if not verdict.passed}
    return sorted(gathered, key=lambda v: (v.case not in bad, order[v.case]))


class _SuiteListener:
    """Where rank 0 hears of finished work, one line each. Nobody waits for anybody."""

    def __init__(self, world: Any, progress: ProgressBar) -> None:
        self._world, self._progress = world, progress
        self._sent: list[Any] = []
        self._heard = 0

    def report(self, line: str) -> None:
        """Something is finished."""
        if self._world.rank == 0:
            self._hear(line)
            self._listen()
        else:
            self._sent.append(self._world.isend(line, dest=0))

    def _hear(self, line: str) -> None:
        self._heard += 1
        self._progress.done(line)

    def _listen(self) -> None:
        while self._world.Iprobe(source=MPI.ANY_SOURCE):
            self._hear(self._world.recv(source=MPI.ANY_SOURCE))

    def wait(self, total: int) -> None:
        """Wait until all is finished, without keeping a core busy. Collective."""
        while self._world.rank == 0 and self._heard < total:
            self._listen()
            time.sleep(PAUSE)
        MPI.Request.waitall(self._sent)
        request = self._world.Ibarrier()
        while not request.Test():
            time.sleep(PAUSE)
