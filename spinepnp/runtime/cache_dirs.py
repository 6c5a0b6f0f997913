"""Folders for what is kept between runs: compiled kernels and meshes."""

from __future__ import annotations

import errno
import functools
import os
import sys
import tempfile
from pathlib import Path

from spinepnp.errors import reason_of

#: Bytes that a folder must have room for.
ROOM = 2**20

#: Errors of a disk that is full, read-only or broken.
OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}


@functools.cache
def cache_dir(name: str, *, code: bool = False) -> Path:
    """A folder of the user's cache, or of the temporary folder where that cannot be written.

    Args:
        name: of the kind of things that are kept in it.
        code: these are loaded as code, which some file systems forbid (the temporary folders of some containers).
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    for folder in (Path(base) / "spinepnp" / name, Path(tempfile.gettempdir()) / f"spinepnp-{name}-{os.getuid()}"):
        if not folder.is_absolute():  # a user without a home: "~" stays, and would be a folder of the results
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Code is loaded from such a folder: nobody else may have made it or may write to it.
            status = folder.stat()
            if status.st_uid != os.getuid() or status.st_mode & 0o022:
                continue
            if code and os.statvfs(folder).f_flag & os.ST_NOEXEC:
                continue
            with tempfile.TemporaryFile(dir=folder) as file:
                os.posix_fallocate(file.fileno(), 0, ROOM)
                return folder
        except OSError as error:
            if error.errno in OF_DISKS:
                _tell(f"{base}: cannot be written ({reason_of(error)}); another folder serves as cache this time")
            continue
    return Path(tempfile.mkdtemp(prefix=f"spinepnp-{name}-"))


_told: set[str] = set()


def _tell(line: str) -> None:
    """Say a line once."""
    if line not in _told:
        _told.add(line)
        print(line, file=sys.stderr, flush=True)
