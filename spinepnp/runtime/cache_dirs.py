"""Directories for files that are kept between runs: compiled kernels and meshes."""

from __future__ import annotations

import errno
import functools
import os
import sys
import tempfile
from pathlib import Path

from spinepnp.errors import reason_of

#: Bytes that can be written in a usable directory: less, and the disk is full.
FREE_SPACE = 2**20

#: Error numbers of a disk that is full, read-only or broken.
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}


@functools.cache
def cache_dir(name: str, *, code: bool = False) -> Path:
    """A directory of the user's cache, or of the temporary directory where the cache cannot be written.

    Args:
        name: kind of files in the directory, its last part.
        code: whether the files are loaded as code, which some file systems forbid (temporary ones of some containers).
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    for folder in (Path(base) / "spinepnp" / name, Path(tempfile.gettempdir()) / f"spinepnp-{name}-{os.getuid()}"):
        if not folder.is_absolute():  # a user without a home: "~" stays, and would become a directory among the results
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Code is loaded from here: no other user may own the directory or write to it.
            status = folder.stat()
            if status.st_uid != os.getuid() or status.st_mode & 0o022:
                continue
            if code and os.statvfs(folder).f_flag & os.ST_NOEXEC:
                continue
            with tempfile.TemporaryFile(dir=folder) as file:
                os.posix_fallocate(file.fileno(), 0, FREE_SPACE)
                return folder
        except OSError as error:
            if error.errno in DISK_ERRORS:
                _warn_once(f"{base}: cannot be written ({reason_of(error)}); another folder serves as cache this time")
            continue
    return Path(tempfile.mkdtemp(prefix=f"spinepnp-{name}-"))


_warned: set[str] = set()


def _warn_once(line: str) -> None:
    """Print a line on standard error, the first time only."""
    if line not in _warned:
        _warned.add(line)
        print(line, file=sys.stderr, flush=True)
