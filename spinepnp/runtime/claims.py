"""Claims: exclusive access of one process, among several on one or many machines, to a case or a directory.

A claim is a lock on a file, which is released when its process ends, however that happens. On file systems without
locks a claim is the existence of a file that names its owner; a file whose owner no longer runs does not count.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

#: Error numbers of file systems without locks.
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}

#: Seconds between two attempts to claim.
RETRY_INTERVAL = 0.02


@dataclass
class Claim:
    """Exclusive access of this process until `release`.

    Attributes:
        path: path of the claim's file.
        file: the locked file; ``None`` where existence is the claim.
        stays: whether the file stays behind after `release`, without its lock.
    """

    path: Path
    file: IO[str] | None
    stays: bool = False

    def release(self) -> None:
        """Give up the claim."""
        if not self.stays:
            self.path.unlink(missing_ok=True)
        if self.file is not None:
            self.file.close()
        elif self.path.suffix != ".claim":
            self.path.with_suffix(".claim").unlink(missing_ok=True)


def claim(path: Path, *, patience: float = 0.0, stays: bool = False) -> Claim | None:
    """Claim exclusive access to a case or a directory by a file; ``None`` if another process has it.

    Args:
        path: path of the case or directory that the claim is for.
        patience: seconds to wait for another owner: a process that was killed may not have ended yet.
        stays: whether the file stays behind; it then names its last owner.
    """
    deadline = time.monotonic() + patience
    while (result := _claim(path)) is None and time.monotonic() < deadline:
        time.sleep(RETRY_INTERVAL)
    if result is not None and stays:
        result.stays = True
        if result.file is None:
            path.touch()
            result.path = path
        else:
            with suppress(OSError):  # a full disk: the lock alone is the claim
                result.file.truncate(0)
                result.file.write(_own_name())
                result.file.flush()
    return result


def owner(path: Path) -> str:
    """Owner of a claim, in words; empty where it is not known."""
    for file in (path.with_suffix(".claim"), path):
        with suppress(OSError, ValueError):
            host, number = file.read_text(encoding="utf-8").split()[:2]
            return f"process {int(number)} on {host}"
    return ""


def _claim(path: Path) -> Claim | None:
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            if error.errno in NO_LOCKS:
                return _claim_by_existence(path.with_suffix(".claim"))
            return None
        # The last owner may have removed the file between our opening and our lock: then the lock protects nothing.
        try:
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return Claim(path, file)
        except FileNotFoundError:
            pass
        file.close()


def _own_name() -> str:
    """Name of this process in a claim: host, process number, start of the machine, space of process numbers."""
    return f"{socket.gethostname()} {os.getpid()} {_machine()}"


def _machine() -> str:
    """Identity of this start of the machine, and of this container on it; empty where it is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _claim_by_existence(path: Path) -> Claim | None:
    """A claim without locks; the claim of a process of this machine that no longer runs is removed."""
    for _ in range(2):
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            if not _abandoned(path):
                return None
            path.unlink(missing_ok=True)
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(_own_name())
        return Claim(path, None)
    return None


def _abandoned(path: Path) -> bool:
    """Whether the owner of a claim ran on this machine and no longer does."""
    try:
        host, number, *machine = path.read_text(encoding="utf-8").split()
        here = _machine().split()
        if host != socket.gethostname() or (machine and machine[1:] != here[1:]):
            return False
        if machine and machine != here:  # the machine has been restarted since
            return True
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False
    return False
