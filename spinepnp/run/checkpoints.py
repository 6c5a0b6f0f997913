"""Checkpoints on the disk: the last two, each whole or known to be damaged.

A checkpoint is a NumPy archive of arrays by name, a description of them as JSON, and a digest of both.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.errors import OutputError, reason_of
from spinepnp.runtime.files import write_atomically

#: File of the last checkpoint.
NEWEST = "checkpoint.npz"

#: File of the checkpoint before it.
OLDER = "checkpoint.older.npz"

#: Name of the description in an archive.
ABOUT = "about"

#: Name of the digest in an archive.
DIGEST = "sha256"


def write(directory: Path, arrays: dict[str, np.ndarray], about: dict[str, Any]) -> None:
    """Write a checkpoint of arrays with a description of them, and keep the one before it.

    Args:
        directory: result directory.
        arrays: arrays by name.
        about: description of the arrays, plain data that JSON can hold.

    Raises:
        OutputError: the checkpoint cannot be written.
    """
    entries = {**arrays, ABOUT: np.array(json.dumps(about))}
    buffer = io.BytesIO()
    content: dict[str, Any] = {**entries, DIGEST: np.array(_digest(entries))}
    np.savez(buffer, **content)
    newest, older, link = directory / NEWEST, directory / OLDER, directory / f".{OLDER}.partial"
    if newest.exists():
        # By a second name for the file: at each moment there is a newest one.
        with suppress(OSError):
            link.unlink(missing_ok=True)
            try:
                os.link(newest, link)
            except OSError:  # a file system without links
                link = newest
            link.replace(older)
    write_atomically(newest, buffer.getvalue(), sync=True)


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Arrays of a checkpoint and their description; ``None`` where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        digest = str(arrays.pop(DIGEST))
        about = json.loads(str(arrays[ABOUT]))
    except Exception:  # a damaged file makes NumPy and zipfile raise nearly anything: all mean the same
        return None
    if digest != _digest(arrays) or not isinstance(about, dict):
        return None
    del arrays[ABOUT]
    return arrays, about


def go_back(directory: Path) -> None:
    """Replace a newest checkpoint that cannot be used by the older one."""
    try:
        (directory / OLDER).replace(directory / NEWEST)
    except OSError as error:
        raise OutputError(f"{directory / NEWEST}: cannot be replaced ({reason_of(error)})") from None


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {arrays[name].shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
