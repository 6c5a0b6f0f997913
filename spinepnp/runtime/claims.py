"""Claims: of several processes, on one machine or on many, one works on a case, or writes into a directory.

A claim is a lock on a file, which falls with its process, however that ends. File systems that have no locks get a file
that exists or not, which names its owner; one whose owner is seen to be gone does not count.
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

#: What file systems without locks answer.
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


@dataclass
class Claim:
    """A case that is ours until `release`.

    Attributes:
        path: of its file.
        file: that is locked; ``None`` where existence is the claim.
        stays: whether the file stays behind, without its lock.
    """

    path: Path
    file: IO[str] | None
    stays: bool = False

    def release(self) -> None:
        """Give it up."""
        if not self.stays:
            self.path.unlink(missing_ok=True)
        if self.file is not None:
            self.file.close()
        elif self.path.suffix != ".claim":
            self.path.with_suffix(".claim").unlink(missing_ok=True)


def claim(path: Path, *, patience: float = 0.0, stays: bool = False) -> Claim | None:
    """Claim something.

    Args:
        path: of the file that stands for it; its folder exists.
        patience: seconds to wait for another process that has it: one that was killed may not be gone yet.
        stays: whether the file stays behind; it then names its last owner.

    Returns:
        The claim, or ``None`` if another process has it.
    """
    deadline = time.monotonic() + patience
    while (made := _claim(path)) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    if made is not None and stays:
        made.stays = True
        if made.file is None:
            path.touch()
            made.path = path
        else:
            with suppress(OSError):  # a full disk: the lock is what counts
                made.file.truncate(0)
                made.file.write(_told())
                made.file.flush()
    return made


def owner(path: Path) -> str:
    """Who has claimed something, in words; empty where that is not known."""
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
        # The one before may have removed the file between our opening and our lock: then the lock is on nothing.
        try:
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return Claim(path, file)
        except FileNotFoundError:
            pass
        file.close()


def _told() -> str:
    """This process, as a claim names it: host, number, start of the machine, space of process numbers."""
    return f"{socket.gethostname()} {os.getpid()} {_machine()}"


def _machine() -> str:
    """What tells this start of the machine, and this container on it, from others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _claim_by_existence(path: Path) -> Claim | None:
    """A claim without locks; one of a process of this machine that is gone does not count."""
    for _ in range(2):
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            if not _abandoned(path):
                return None
            path.unlink(missing_ok=True)
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(_told())
        return Claim(path, None)
    return None


def _abandoned(path: Path) -> bool:
    """Whether the owner of a claim ran on this machine and does no longer."""
    try:
        host, number, *machine = path.read_text(encoding="utf-8").split()
        here = _machine().split()
        if host != socket.gethostname() or (machine and machine[1:] != here[1:]):
            return False
        if machine and machine != here:  # the machine was started anew since
            return True
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False
    return False
