"""Work on rank 0 whose result, or exception, goes to every rank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast


def on_root[T](comm: Any, work: Callable[[], T]) -> T:
    """Do ``work`` on rank 0 and give its result, or its exception, to every rank.

    Collective. An error thus ends every rank in the same way, and no rank waits for one that has raised.

    Args:
        comm: MPI communicator.
        work: a function without arguments; its result must be picklable.

    Returns:
        Result of ``work`` on rank 0.

    Raises:
        Exception: exception of ``work`` on rank 0, on every rank.
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
