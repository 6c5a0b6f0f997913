"""Model of the time of a steady solve on many ranks, from counts of suite `messages`: `python -m benchmarks.scaling`.

The time is that of computation, which memory bandwidth limits, of messages between neighbours on each level of the
multigrid hierarchies, of their bytes, and of reductions over all ranks. Nothing overlaps, so that it is an upper limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Smallest number of rows of a rank in a hierarchy of GAMG, which otherwise uses fewer ranks.
ROWS_OF_A_RANK = 50

#: Fields of the measured problem, with a hierarchy each: two species and the potential.
FIELDS = 3

#: Cells of a mesh of tetrahedra over unknowns of such a problem.
CELLS_PER_UNKNOWN = 1.95

#: Seconds of Gmsh for a cell, on one rank: 13 us in a cylinder, 60 us in a spine.
GMSH_SECONDS = 40e-6

#: Largest number of unknowns: the indices of PETSc have 32 bits.
MOST_UNKNOWNS = 2**31 - 1


@dataclass(frozen=True)
class Machine:
    """Cluster of nodes.

    Attributes:
        latency: seconds of a message.
        bandwidth: bytes a second of a node's network.
        ranks: ranks of a node.
        slowdown: time of the same computation on a full node over that on a core which has the memory for itself.
    """

    latency: float = 1.5e-6
    bandwidth: float = 12e9
    ranks: int = 32
    slowdown: float = 2.0

    def rank_bandwidth(self, ranks: int) -> float:
        """Bytes a second of one rank: of a cube of ranks, those at the surface send to other nodes."""
        on_node = min(ranks, self.ranks)
        leaving = min(1.0, on_node ** (-1 / 3))
        return self.bandwidth / (on_node * leaving)

    def reduction(self, ranks: int) -> float:
        """Seconds of a reduction over all ranks, up and down a binary tree."""
        return 2.0 * self.latency * math.ceil(math.log2(max(ranks, 1)))


@dataclass(frozen=True)
class Work:
    """Measured work of a steady solve.

    Attributes:
        seconds_per_unknown: time of the whole solve with its set-up on one core, s.
        iterations: number of linear iterations of the solve.
        messages: messages of an iteration with one neighbour on one level.
        reductions: reductions of an iteration.
        surface_bytes: bytes of an iteration over (unknowns of a rank)^(2/3), with all six sides.
        setup_messages: messages of the set-up with one neighbour on one level.
        setup_reductions: reductions of the set-up on one level.
        coarsening: unknowns of a level over those of the next one.
        neighbours: neighbours of a rank in a partition of a body into many.
    """

    seconds_per_unknown: float = 23e-6
    iterations: int = 23
    messages: float = 14.4
    reductions: float = 9.2
    surface_bytes: float = 1150.0
    setup_messages: float = 86.0
    setup_reductions: float = 21.0
    coarsening: float = 10.0
    neighbours: int = 20


@dataclass(frozen=True)
class Times:
    """Seconds of the parts of a solve on one number of ranks."""

    computation: float
    messages: float
    volume: float
    reductions: float
    coarse: float
    setup: float

    @property
    def total(self) -> float:
        """Seconds of the solve."""
        return self.computation + self.messages + self.volume + self.reductions + self.coarse + self.setup

    @property
    def limit(self) -> str:
        """Part besides computation that takes longest."""
        parts = {name: value for name, value in vars(self).items() if name != "computation"}
        return max(parts, key=lambda name: parts[name])


def levels(unknowns: float, work: Work) -> int:
    """Number of levels of the hierarchy of one field, down to one block of a rank."""
    blocks = max(unknowns / FIELDS / ROWS_OF_A_RANK, 1.0)
    return 1 + max(1, math.ceil(math.log(blocks) / math.log(work.coarsening)))


def times(unknowns: float, ranks: int, machine: Machine = Machine(), work: Work = Work()) -> Times:
    """Times of a steady solve.

    Args:
        unknowns: number of unknowns of the problem.
        ranks: number of ranks.
        machine: cluster that it runs on.
        work: measured work.
    """
    full = min(ranks, machine.ranks) / machine.ranks
    slowdown = 1.0 + (machine.slowdown - 1.0) * full
    computation = slowdown * work.seconds_per_unknown * unknowns / ranks
    if ranks == 1:
        return Times(computation, 0.0, 0.0, 0.0, 0.0, 0.0)
    neighbours = min(ranks - 1, work.neighbours)
    number = levels(unknowns, work)
    # Levels whose ranks have few rows: the time is latency alone, and that of all ranks which wait for a few.
    small = sum(unknowns / FIELDS / work.coarsening**level < ROWS_OF_A_RANK * ranks for level in range(1, number))
    exchange = work.messages * neighbours * machine.latency
    surface = work.surface_bytes * (unknowns / ranks) ** (2 / 3) * neighbours / work.neighbours
    setup = (work.setup_messages * neighbours * machine.latency) * number
    setup += work.setup_reductions * number * machine.reduction(ranks)
    return Times(
        computation=computation,
        messages=work.iterations * exchange * (number - small),
        volume=work.iterations * surface / machine.rank_bandwidth(ranks),
        reductions=work.iterations * work.reductions * machine.reduction(ranks),
        coarse=work.iterations * exchange * small,
        setup=setup,
    )


def efficiency(unknowns: float, ranks: int, machine: Machine = Machine(), work: Work = Work()) -> float:
    """Time of computation over the whole time: one for a machine without a network."""
    parts = times(unknowns, ranks, machine, work)
    return parts.computation / parts.total


def smallest_share(ranks: int, machine: Machine = Machine(), work: Work = Work(), least: float = 0.5) -> float:
    """Unknowns of a rank at which the efficiency falls to a value, by bisection of its logarithm."""
    low, high = 1.0, 1e9
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if efficiency(middle * ranks, ranks, machine, work) >= least else (middle, high)
    return high


def gmsh_seconds(unknowns: float, refine: int = 0) -> float:
    """Seconds of Gmsh on rank 0 for a mesh that is refined uniformly afterwards, on all ranks."""
    return GMSH_SECONDS * CELLS_PER_UNKNOWN * unknowns / 8**refine


def main() -> None:
    """Print the tables of docs/performance.md."""
    print("| ranks | unknowns a rank at 50 % | unknowns in all | seconds | limited by |\n|---|---|---|---|---|")
    for ranks in (8, 32, 256, 1_000, 10_000, 100_000):
        share = smallest_share(ranks)
        parts = times(share * ranks, ranks)
        print(f"| {ranks} | {share:.2g} | {share * ranks:.2g} | {parts.total:.2g} | {parts.limit} |")
    print(
        "\n| ranks | unknowns | s | computation | messages | volume | reductions | coarse | setup | Gmsh, refine = 2 |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for ranks in (1, 32, 1_000, 100_000):
        for share in (2_000, 20_000, 200_000):
            parts = times(share * ranks, ranks)
            shown = " | ".join(f"{100 * value / parts.total:.0f} %" for value in vars(parts).values())
            too_many = " (64-bit indices)" if share * ranks > MOST_UNKNOWNS else ""
            mesh = gmsh_seconds(share * ranks, 2)
            print(f"| {ranks} | {share * ranks:.2g}{too_many} | {parts.total:.2g} | {shown} | {mesh:.2g} s |")


if __name__ == "__main__":
    main()
