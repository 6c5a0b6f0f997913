"""Summary of a batch, and its lines on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spinepnp.batch.table import PARQUET, TABLE

#: Largest number of failures that are listed.
MOST_LINES = 20


@dataclass(frozen=True)
class BatchSummary:
    """Summary of a batch at its end.

    Attributes:
        cases: number of cases in the sweep.
        solved: number of cases solved in this call, failed ones among them.
        failures: a line for each failed case: its name, and the reason.
        missing: number of cases that other batches still work on.
        groups: number of groups of ranks.
        seconds: duration of this call, s.
    """

    cases: int
    solved: int
    failures: list[str]
    missing: int
    groups: int
    seconds: float


def print_tally(tally: BatchSummary, directory: Path) -> None:
    """Print the summary of a batch on standard output. On rank 0."""
    good = tally.cases - len(tally.failures) - tally.missing
    before = (
        f", {tally.cases - tally.solved - tally.missing} held before"
        if tally.cases > tally.solved + tally.missing
        else ""
    )
    print(
        f"{tally.cases} cases: {good} ok, {len(tally.failures)} failed; {tally.solved} solved now{before}"
        f" ({tally.groups} {'group' if tally.groups == 1 else 'groups'}, {tally.seconds:.1f} s)"
    )
    for line in tally.failures[:MOST_LINES]:
        print(f"failed: {line}")
    if len(tally.failures) > MOST_LINES:
        print(f"and {len(tally.failures) - MOST_LINES} more: see the column reason of {directory / TABLE}")
    if tally.missing:
        print(f"{tally.missing} cases are still being solved by another batch, whose tables will have them")
    print(f"results: {directory} ({TABLE}, {PARQUET}; ./spine report {directory} draws them)")
