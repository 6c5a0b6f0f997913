"""Checkpoints on the disk: the last two, each whole or known to be damaged.

A checkpoint is a NumPy archive of arrays by name, with what is to be known about them as JSON, and a digest of both.
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

#: Files of the last checkpoint and of the one before it.
NEWEST, OLDER = "checkpoint.npz", "checkpoint.older.npz"

#: Names in an archive of what is no array of the checkpoint.
ABOUT, DIGEST = "about", "sha256"


def write(directory: Path, arrays: dict[str, np.ndarray], about: dict[str, Any]) -> None:
    """Keep a checkpoint, and the one before it.

    Args:
        directory: of the run.
        arrays: by name.
        about: what is to be known about them, plain data.

    Raises:
        OutputError: it cannot be written.
    """
    held = {**arrays, ABOUT: np.array(json.dumps(about))}
    buffer = io.BytesIO()
    content: dict[str, Any] = {**held, DIGEST: np.array(_digest(held))}
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
    """Arrays of a checkpoint and what is to be known about them; ``None`` where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            held = {name: stored[name] for name in stored.files}
        digest = str(held.pop(DIGEST))
        about = json.loads(str(held[ABOUT]))
    except Exception:  # a damaged file makes NumPy and zipfile raise nearly anything: all mean the same
        return None
    if digest != _digest(held) or not isinstance(about, dict):
        return None
    del held[ABOUT]
    return held, about


def go_back(directory: Path) -> None:
    """Let the older checkpoint be the newest one, in place of one that is of no use.

    Raises:
        OutputError: it cannot be.
    """
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
