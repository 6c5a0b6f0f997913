"""Checkpoints on the disk: the last two, each whole or known to be damaged.

A checkpoint is a NumPy archive of arrays by name, a description of them as JSON, and a digest of both. Arrays on the
mesh pass through rank 0 in the slices of the ranks: the file is the same on any number of ranks, and no rank holds a
whole array.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

import numpy as np

from spinepnp.errors import OutputError, reason_of
from spinepnp.runtime.communication import dealt, in_turn, on_root
from spinepnp.runtime.files import replacing

#: File of the last checkpoint.
NEWEST = "checkpoint.npz"

#: File of the checkpoint before it.
OLDER = "checkpoint.older.npz"

#: Name of the description in an archive.
ABOUT = "about"

#: Name of the digest in an archive.
DIGEST = "sha256"

#: Key of the description for the names of the arrays on the mesh.
ON_MESH = "on_mesh"

#: Bytes that are read at once where an archive is checked.
BYTES_AT_ONCE = 1 << 24


def write(
    directory: Path, comm: Any, arrays: dict[str, np.ndarray], about: dict[str, Any], on_mesh: tuple[str, ...] = ()
) -> None:
    """Write a checkpoint of arrays with a description of them, and keep the one before it. Collective.

    Args:
        directory: result directory; that of rank 0 counts.
        comm: MPI communicator.
        arrays: arrays by name, the same on all ranks but for those on the mesh.
        about: description of the arrays, plain data that JSON can hold; that of rank 0 counts.
        on_mesh: names of arrays of which each rank has its slice of rows.

    Raises:
        OutputError: the checkpoint cannot be written.
    """
    described = {**arrays, ABOUT: np.array(json.dumps({**about, ON_MESH: sorted(on_mesh)}))}
    parts = _parts(comm, described, on_mesh)

    def work() -> None:
        try:
            _write(directory, parts)
        finally:
            deque(parts, maxlen=0)  # after an error of the disk the other ranks still send theirs

    if comm.rank > 0:
        deque(parts, maxlen=0)
    on_root(comm, work)


def _parts(
    comm: Any, arrays: dict[str, np.ndarray], on_mesh: tuple[str, ...]
) -> Iterator[tuple[str, tuple[int, ...], np.ndarray]]:
    """Name, whole shape and next rows of each array, by rising names, on rank 0; nothing elsewhere. Collective."""
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if name in on_mesh:
            shape = (comm.allreduce(len(array)), *array.shape[1:])
            yield from ((name, shape, part) for part in in_turn(comm, array))
        elif comm.rank == 0:
            yield name, array.shape, array


def _write(directory: Path, parts: Iterator[tuple[str, tuple[int, ...], np.ndarray]]) -> None:
    newest, digest = directory / NEWEST, hashlib.sha256()
    with replacing(newest, sync=True) as partial:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for (name, shape), of_array in groupby(parts, key=itemgetter(0, 1)):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    for number, (_, _, part) in enumerate(of_array):
                        if not number:
                            header = {"descr": part.dtype.str, "fortran_order": False, "shape": shape}
                            np.lib.format.write_array_header_1_0(member, header)
                            digest.update(_beginning(name, part.dtype, shape))
                        rows = np.ascontiguousarray(part).reshape(-1).view(np.uint8).data
                        member.write(rows)
                        digest.update(rows)
            with archive.open(f"{DIGEST}.npy", "w") as last:
                np.lib.format.write_array(last, np.array(digest.hexdigest()))
        if newest.exists():
            _keep(newest, directory / OLDER)


def _keep(newest: Path, older: Path) -> None:
    """Keep the newest checkpoint as the older one, by a second name: at each moment there is a newest one."""
    link = older.with_name(f".{OLDER}.partial")
    with suppress(OSError):
        link.unlink(missing_ok=True)
        try:
            os.link(newest, link)
        except OSError:  # a file system without links
            link = newest
        link.replace(older)


def _beginning(name: str, kind: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Bytes of an array in the digest before its values."""
    return f"{name} {kind.str} {shape} ".encode()


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Arrays of a checkpoint but those on the mesh, and the description; ``None`` where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(str(stored[ABOUT]))
            if str(stored[DIGEST]) != _digest(path):
                return None
            others = (ABOUT, DIGEST, *about.get(ON_MESH, ()))
            return {name: stored[name] for name in stored.files if name not in others}, about
    except Exception:  # a damaged file makes NumPy and zipfile raise nearly anything: all mean the same
        return None


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with zipfile.ZipFile(path) as archive:
        for name in sorted({file.removesuffix(".npy") for file in archive.namelist()} - {DIGEST}):
            with archive.open(f"{name}.npy") as member:
                shape, kind = _header(member)
                digest.update(_beginning(name, kind, shape))
                while block := member.read(BYTES_AT_ONCE):
                    digest.update(block)
    return digest.hexdigest()


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array whose values follow."""
    np.lib.format.read_magic(member)
    shape, _, kind = np.lib.format.read_array_header_1_0(member)
    return shape, kind


def go_back(directory: Path) -> None:
    """Replace a newest checkpoint that cannot be used by the older one."""
    try:
        (directory / OLDER).replace(directory / NEWEST)
    except OSError as error:
        raise OutputError(f"{directory / NEWEST}: cannot be replaced ({reason_of(error)})") from None


def read_on_mesh(path: Path, comm: Any, names: tuple[str, ...], share: int) -> dict[str, np.ndarray]:
    """Slices of this rank of the arrays on the mesh, by name. Collective.

    Args:
        path: path of a checkpoint that `read` has found whole; that of rank 0 counts.
        comm: MPI communicator.
        names: names of the arrays.
        share: number of rows that this rank gets: first rank 0, then the others.

    Raises:
        ValueError: the arrays have another length than the shares together.
    """
    total, slices = comm.allreduce(share), {}
    for name in names:
        with ExitStack() as at_end:
            opened: list[Any] = []

            def begin(name: str = name, opened: list[Any] = opened, at_end: ExitStack = at_end) -> None:
                archive = at_end.enter_context(zipfile.ZipFile(path))
                member = at_end.enter_context(archive.open(f"{name}.npy"))
                opened[:] = member, *_header(member)
                if opened[1][0] != total:
                    raise ValueError(f"{name} has {opened[1][0]} rows in place of {total}")

            def rows(count: int, opened: list[Any] = opened) -> np.ndarray:
                member, shape, kind = opened
                size = count * kind.itemsize * int(np.prod(shape[1:], dtype=np.int64))
                return np.frombuffer(member.read(size), dtype=kind).reshape(count, *shape[1:])

            on_root(comm, begin)
            slices[name] = dealt(comm, rows, share)
    return slices
