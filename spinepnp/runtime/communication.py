"""Work of one rank or of all whose failure on some rank is a failure on every rank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from spinepnp.errors import SolveError


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


def on_all[T](comm: Any, work: Callable[[], T], name: str) -> T:
    """Do ``work`` on every rank; where it fails on some rank, every rank fails.

    Collective. Work that a user wrote may fail on one rank only, and the others would wait for it.

    Args:
        comm: MPI communicator.
        work: a function without arguments.
        name: name of the work in the error of the other ranks, such as "the callback".

    Returns:
        Result of ``work`` on this rank.

    Raises:
        Exception: exception of ``work`` on this rank.
        SolveError: the work failed on another rank only.
    """
    result: T | None = None
    failure: Exception | None = None
    try:
        result = work()
    except Exception as error:  # the user's own, of any kind
        failure = error
    failed = any(comm.allgather(failure is not None))
    if failure is not None:
        raise failure
    if failed:
        raise SolveError(f"{name} failed on another rank")
    return cast(T, result)
