"""Work done on one rank whose outcome, good or bad, every rank must know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast


def on_root[T](comm: Any, work: Callable[[], T]) -> T:
    """Do ``work`` on rank 0 and give its result, or its exception, to every rank.

    Collective. An error thus ends every rank the same way, and nobody waits for a rank that has raised.

    Args:
        comm: MPI communicator.
        work: a function without arguments; its result must be picklable.

    Returns:
        What ``work`` returned on rank 0.

    Raises:
        Exception: what ``work`` raised on rank 0, on every rank.
    """
    outcome: tuple[T | None, Exception | None] = (None, None)
    if comm.rank == 0:
        try:
            outcome = (work(), None)
        except Exception as error:
            outcome = (None, error)
    result, failure = comm.bcast(outcome, root=0)
    if failure is not None:
        raise failure
    return cast(T, result)
