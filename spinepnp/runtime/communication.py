"""Work of one rank or of all whose failure on some rank is a failure on every rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np

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


def exchanged(comm: Any, destinations: np.ndarray, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Rows that this rank receives when every rank sends each of its rows to one rank. Collective.

    Args:
        comm: MPI communicator.
        destinations: rank that gets each row, shape (rows,).
        arrays: numbers by row, each of shape (rows, ...).

    Returns:
        Received rows of each array: those of rank 0 first, each rank's in the order that it had there.
    """
    order = np.argsort(destinations, kind="stable")
    sent = np.bincount(destinations, minlength=comm.size)
    received = np.empty_like(sent)
    comm.Alltoall(sent, received)
    results = []
    for array in arrays:
        rows = np.ascontiguousarray(array[order])
        result = np.empty((received.sum(), *array.shape[1:]), dtype=array.dtype)
        width = int(np.prod(array.shape[1:], dtype=np.int64))
        comm.Alltoallv([rows, sent * width], [result, received * width])
        results.append(result)
    return tuple(results)


def in_turn(comm: Any, part: np.ndarray) -> Iterator[np.ndarray]:
    """Parts of an array of all ranks, one after the other, on rank 0; nothing elsewhere. Collective.

    All ranks go through all parts. Rank 0 holds one at a time.

    Args:
        comm: MPI communicator.
        part: rows of this rank.
    """
    if comm.rank > 0:
        comm.send((part.shape, part.dtype.str), dest=0)
        comm.Send(np.ascontiguousarray(part), dest=0)
        return
    yield part
    for rank in range(1, comm.size):
        yield _received(comm, rank)


def dealt(comm: Any, read: Callable[[int], np.ndarray], share: int) -> np.ndarray:
    """Rows that rank 0 reads for this rank: its own ones first, then those of the others in turn. Collective.

    Args:
        comm: MPI communicator.
        read: function that reads the next rows, of a given number; it is called on rank 0 only.
        share: number of rows for this rank.

    Raises:
        Exception: exception of ``read`` on rank 0, on every rank.
    """
    shares, failure, mine = comm.gather(share, root=0), None, np.empty(0)
    for rank, count in enumerate(shares or ()):
        part = np.empty(0)
        try:
            if failure is None:
                part = read(count)
        except Exception as error:
            failure = error
        if rank == 0:
            mine = part
        else:
            comm.send((part.shape, part.dtype.str), dest=rank)
            comm.Send(np.ascontiguousarray(part), dest=rank)
    if comm.rank > 0:
        mine = _received(comm, 0)
    if failures := [error for error in comm.allgather(failure) if error is not None]:
        raise failures[0]
    return mine


def _received(comm: Any, source: int) -> np.ndarray:
    """Array that another rank sends, after its shape and type."""
    shape, kind = comm.recv(source=source)
    received = np.empty(shape, dtype=kind)
    comm.Recv(received, source=source)
    return received
