"""Groups of ranks, and the scheduler that hands cases to them by counters which any rank can raise.

A chain of cases shares a mesh and compiled equations, so that a group keeps to one as long as it lasts. Then it opens
the largest one that nobody has begun, and in the end it helps with the one of which most is left. Nobody has to answer:
counters are raised in the memory of rank 0 (MPI's one-sided operations), whatever rank 0 is doing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.batch.sweep import Job
from spinepnp.runtime.memory import available_memory
from spinepnp.runtime.stack import MPI

#: Share of the available memory that all groups of a machine may take together.
MEMORY_SHARE = 0.8

#: Cost of a mesh and its equations, in solves: with fewer solves left, helping a group does not pay.
SET_UP_SOLVES = 4


@dataclass
class RankGroups:
    """Division of the ranks into groups.

    Attributes:
        world: communicator of all ranks, for this work only.
        comm: communicator of the ranks of this group.
        number: number of groups.
    """

    world: Any
    comm: Any
    number: int


def divide(comm: Any, ranks_per_case: int | str, jobs: Sequence[Job]) -> RankGroups:
    """Divide the ranks of a communicator into groups of a number of ranks, or "auto" by the cases. Collective.

    Args:
        comm: MPI communicator of all ranks.
        ranks_per_case: number of ranks that solve a case together; "auto" makes as many groups as memory and cases can
            use.
        jobs: cases that are to be solved.

    Returns:
        The groups; their communicators are new, and to be freed by the caller.
    """
    world = comm.Dup()
    node = world.Split_type(MPI.COMM_TYPE_SHARED)
    share = world.allreduce(available_memory() / node.size, op=MPI.MIN)  # bytes a rank
    node.Free()
    number = world.bcast(_number(world.size, ranks_per_case, jobs, share), root=0)
    return RankGroups(world, world.Split(world.rank * number // world.size), number)


def _number(ranks: int, ranks_per_case: int | str, jobs: Sequence[Job], share: float) -> int:
    """Number of groups."""
    if not jobs:
        return 1
    if isinstance(ranks_per_case, int):
        return max(1, ranks // ranks_per_case)
    largest = max(job.memory for job in jobs)
    fitting = ranks if largest == 0.0 else int(MEMORY_SHARE * share * ranks / largest)
    most = max(job.cost for job in jobs)
    useful = math.ceil(sum(job.cost for job in jobs) / most) if most else len(jobs)
    return max(1, min(ranks, len(jobs), fitting, useful))


class Counters:
    """Counters in the memory of rank 0, from 0 on. Making and closing them is collective, taking is not."""

    def __init__(self, comm: Any, number: int) -> None:
        self._values = np.zeros(number, dtype=np.int64)
        self._window = None
        if comm.size > 1:
            self._window = MPI.Win.Allocate(8 * number if comm.rank == 0 else 0, 8, comm=comm)
            if comm.rank == 0:
                np.frombuffer(self._window.tomemory(), dtype=np.int64)[:] = 0
            comm.Barrier()
            self._window.Lock_all(MPI.MODE_NOCHECK)

    def take(self, which: int) -> int:
        """Next number of a counter."""
        if self._window is None:
            self._values[which] += 1
            return int(self._values[which]) - 1
        result = np.zeros(1, dtype=np.int64)
        self._window.Fetch_and_op(np.ones(1, dtype=np.int64), result, 0, which, MPI.SUM)
        self._window.Flush(0)
        return int(result[0])

    def seen(self) -> np.ndarray:
        """Present values of all counters."""
        if self._window is None:
            return self._values.copy()
        result = np.zeros_like(self._values)
        self._window.Get_accumulate(np.zeros_like(result), result, 0, op=MPI.NO_OP)
        self._window.Flush(0)
        return result

    def close(self) -> None:
        """Free the memory."""
        if self._window is not None:
            self._window.Unlock_all()
            self._window.Free()


def chains_of(jobs: Sequence[Job]) -> list[list[Job]]:
    """Chains of cases that share mesh and equations, most work first; within a chain in the order of the sweep."""
    chains: dict[str, list[Job]] = {}
    for job in jobs:
        chains.setdefault(job.chain, []).append(job)
    return sorted(chains.values(), key=lambda chain: -sum(job.cost for job in chain))


class Scheduler:
    """Scheduler that hands cases to one group. Used by its first rank.

    Args:
        chains: chains of cases (`chains_of`), in the same order on all ranks.
        counters: a counter for each chain, and a last one for chains that are opened.
    """

    def __init__(self, chains: list[list[Job]], counters: Counters) -> None:
        self._chains, self._counters = chains, counters
        self._own: int | None = None

    def next(self) -> Job | None:
        """Next case, which no other group gets; ``None`` when there is none left for this group."""
        while True:
            if self._own is None:
                self._own = self._choose()
                if self._own is None:
                    return None
            chain, place = self._chains[self._own], self._counters.take(self._own)
            if place < len(chain):
                return chain[place]
            self._own = None

    def _choose(self) -> int | None:
        """Number of the next chain: one that nobody has opened, most work first; else that of which most is left."""
        unopened = self._counters.take(len(self._chains))
        if unopened < len(self._chains):
            return unopened
        rests = [chain[taken:] for chain, taken in zip(self._chains, self._counters.seen(), strict=False)]
        left = [(sum(job.cost for job in rest), i) for i, rest in enumerate(rests) if len(rest) > SET_UP_SOLVES]
        return max(left)[1] if left else None
