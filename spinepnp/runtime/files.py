"""Atomic writing of files, and checks of files and directories."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.sax.saxutils import unescape

from spinepnp.errors import OutputError, reason_of

#: Beginning of the names of the field data of a file of fields with the facets of a boundary.
BOUNDARY = "boundary."


@contextmanager
def replacing(path: Path, *, sync: bool = False, then: str = "continue with --resume") -> Iterator[Path]:
    """Path of a new file that takes the place of a file at the end of the block, or not at all.

    Args:
        path: path of the file.
        sync: whether the new file must be on the disk before the old one is replaced.
        then: remedy in the error message, once there is room.

    Raises:
        OutputError: the file cannot be written, with the reason.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)  # it may be a link to another file
        yield partial
        if sync:
            _sync(partial)
        partial.replace(path)
        if sync:
            settle(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = reason_of(error)
        raise OutputError(f"{path}: cannot be written ({reason})", then) from None


def write_atomically(
    path: Path, content: str | bytes, *, sync: bool = False, then: str = "continue with --resume"
) -> None:
    """Write a file whole or not at all.

    Args:
        path: path of the file.
        content: content of the file.
        sync: see `replacing`.
        then: see `replacing`.

    Raises:
        OutputError: the file cannot be written, with the reason.
    """
    with replacing(path, sync=sync, then=then) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def settle(path: Path) -> None:
    """Flush a file, or new names in a directory, to the disk, where the file system can."""
    with suppress(OSError):
        _sync(path)


def is_whole(path: Path) -> bool:
    """Whether a VTK XML file exists and has its end, with the parts that it names."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 100))
            whole = file.read().rstrip().endswith(b"</VTKFile>")
        return whole and all(is_whole(part) for part in parts_of(path))
    except OSError:
        return False


def parts_of(path: Path) -> list[Path]:
    """Files that a VTK XML file in parts (.pvtu) names; none of another one.

    Raises:
        OSError: it cannot be read.
    """
    if path.suffix != ".pvtu":
        return []
    names = re.findall(r'<Piece Source="([^"]*)"', path.read_text(encoding="utf-8"))
    return [path.parent / unescape(name) for name in names]


def fields_path(stem: Path) -> Path:
    """Path of a file of fields by its name without an ending: in parts (.pvtu) where there is such a file."""
    parts = stem.with_name(f"{stem.name}.pvtu")
    return parts if parts.exists() else stem.with_name(f"{stem.name}.vtu")


def make_writable(directory: Path) -> None:
    """Make a directory, if there is none, and check that files can be made in it.

    Raises:
        OSError: files cannot be made.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=directory):
        pass
