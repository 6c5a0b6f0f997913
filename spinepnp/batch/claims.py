"""Claims: of several processes, on one machine or on many, one works on a case.

A claim is a lock on a file, which falls with its process, however that ends. File systems that have no locks get a file
that exists or not, which names its owner.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import IO

#: What file systems without locks answer.
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


@dataclass
class Claim:
    """A case that is ours until `release`.

    Attributes:
        path: of its file.
        file: that is locked; ``None`` where existence is the claim.
    """

    path: Path
    file: IO[str] | None

    def release(self) -> None:
        """Give it up."""
        self.path.unlink(missing_ok=True)
        if self.file is not None:
            self.file.close()


def claim(path: Path) -> Claim | None:
    """Claim something.

    Args:
        path: of the file that stands for it; its folder exists.

    Returns:
        The claim, or ``None`` if another process has it.
    """
    while True:
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            if error.errno in NO_LOCKS:
                return _claim_by_existence(path.with_suffix(".claim"))
            return None
        # The one before may have removed the file between our opening and our lock: then the lock is on nothing.
        try:
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return Claim(path, file)
        except FileNotFoundError:
            pass
        file.close()


def _claim_by_existence(path: Path) -> Claim | None:
    """A claim without locks; one of a process of this machine that is gone does not count."""
    owner = f"{socket.gethostname()} {os.getpid()}"
    for _ in range(2):
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            if not _abandoned(path):
                return None
            path.unlink(missing_ok=True)
            continue
        with os.fdopen(descriptor, "w") as file:
            file.write(owner)
        return Claim(path, None)
    return None


def _abandoned(path: Path) -> bool:
    """Whether the owner of a claim ran on this machine and does no longer."""
    try:
        host, _, number = path.read_text().rpartition(" ")
        if host != socket.gethostname():
            return False
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False
    return False
