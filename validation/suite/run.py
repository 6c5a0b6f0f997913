"""Run of all validation cases, shared between the ranks: each rank takes one case after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from spinepnp.batch.listener import ProgressListener
from spinepnp.batch.scheduler import Counters, RankGroups
from spinepnp.run.progress import ProgressBar
from spinepnp.validation.suite.assess import Verdict, describe, examine
from spinepnp.validation.suite.plan import Subject


def share[Item, Result](
    items: Sequence[Item],
    comm: Any,
    title: str,
    name: Callable[[Item], str],
    work: Callable[[Item, Any], Result],
    line: Callable[[Result], str],
) -> list[Result]:
    """Share work between the ranks: each takes one item after the other; rank 0 prints a line on each. Collective.

    Args:
        items: items of work, equal on all ranks.
        comm: MPI communicator.
        title: title of the progress bar.
        name: function that gives the name of an item, shown while it is worked on.
        work: function that works on an item, with a communicator of this rank alone.
        line: function that gives the line on a result.

    Returns:
        Results, on all ranks, in the order of the items.
    """
    world = comm.Dup()
    alone, counters = world.Split(world.rank), Counters(world, 1)
    results = []
    with ProgressBar(world, len(items), title) as progress:
        listener = ProgressListener(RankGroups(world, alone, world.size), progress.done)
        while (place := counters.take(0)) < len(items):
            progress.doing(name(items[place]))
            result = work(items[place], alone)
            results.append((place, result))
            listener.report(line(result))
            if world.rank == 0:
                listener.listen()
        listener.wait()
    gathered = dict(pair for part in world.allgather(results) for pair in part)
    counters.close()
    alone.Free()
    world.Free()
    return [gathered[place] for place in range(len(items))]


def run_validation(subjects: Sequence[Subject], comm: Any) -> list[Verdict]:
    """Examine all validation cases (equal on all ranks), each on one rank; verdicts on all ranks. Collective.

    The verdicts of failed cases come first, then the others in the order of the cases.
    """
    done = share(subjects, comm, "validation", lambda subject: subject.name, examine, describe)
    gathered = [verdict for verdicts in done for verdict in verdicts]
    order = {subject.name: i for i, subject in enumerate(subjects)}
    bad = {verdict.case for verdict in gathered if not verdict.passed}
    return sorted(gathered, key=lambda v: (v.case not in bad, order[v.case]))
