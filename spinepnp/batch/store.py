"""Store of the solved cases of a batch: a folder for each case, which appears whole or not at all.

`cases/KEY` is the truth; `work/KEY` is where a case is being solved, from which a transient goes on after a crash. What
else a batch writes (the index, the tables) can be made again from `cases`.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spinepnp.errors import OutputError, reason_of
from spinepnp.run.place import holds_results
from spinepnp.runtime.claims import Claim, claim
from spinepnp.runtime.files import write_atomically

#: File of the rows and the status of a case, which is written last into its folder.
OUTCOME = "outcome.json"

#: Files that a solved case has whatever its study.
CASE_FILES = ("case.toml", "summary.json", "observables.csv")

#: Timeout for another batch that writes its tables, s.
TABLES_TIMEOUT = 120.0

#: Advice for a full disk, in the message of the error.
AGAIN = "run the same command again"


class Store:
    """Folders of the cases of a batch. Not collective: used by the first rank of a group.

    Args:
        directory: directory of the batch.
    """

    def __init__(self, directory: Path) -> None:
        self.cases, self.work = directory / "cases", directory / "work"

    def make(self) -> None:
        """Make the folders `cases` and `work`.

        Raises:
            OutputError: the folders cannot be made.
        """
        try:
            for folder in (self.cases, self.work):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{error.filename}: cannot be made ({reason_of(error)})", AGAIN) from None

    def place(self, key: str) -> Path:
        """Folder in which a case is solved."""
        return self.work / key

    def begun(self, key: str) -> bool:
        """Whether an interrupted run of a case can be resumed; other remains are removed."""
        place = self.place(key)
        if holds_results(place):
            return True
        shutil.rmtree(place, ignore_errors=True)
        return False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lock list, index and tables, which belong to the whole batch.

        Raises:
            OutputError: another batch on the directory has been writing for long.
        """
        deadline = time.monotonic() + TABLES_TIMEOUT
        while (lock := self.claim("tables")) is None:
            if time.monotonic() > deadline:
                problem = f"another batch has been writing its tables for {TABLES_TIMEOUT:g} s"
                raise OutputError(f"{self.work}: {problem}", AGAIN)
            time.sleep(0.02)
        try:
            yield
        finally:
            lock.release()

    def claim(self, key: str) -> Claim | None:
        """Lock of a case; ``None`` if another batch works on it.

        Raises:
            OutputError: the disk is full, or the like.
        """
        try:
            return claim(self.work / f"{key}.lock")
        except OSError as error:
            raise OutputError(f"{self.work}: cannot be written ({reason_of(error)})", AGAIN) from None

    def stamp(self, key: str) -> int:
        """Time at which a case was finished, in nanoseconds of the file system; 0 if it was not."""
        try:
            return (self.cases / key / OUTCOME).stat().st_mtime_ns
        except OSError:
            return 0

    def stamps(self) -> dict[str, int]:
        """Times at which the finished cases were finished, by key."""
        return {key: stamp for key in self._keys() if (stamp := self.stamp(key))}

    def _keys(self) -> Iterator[str]:
        try:
            with os.scandir(self.cases) as entries:
                yield from (entry.name for entry in entries if not entry.name.startswith("."))
        except OSError:
            return

    def outcome(self, key: str) -> dict[str, Any] | None:
        """Outcome of a case; ``None`` if it is not finished, or its file is damaged."""
        try:
            read = json.loads((self.cases / key / OUTCOME).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return read if isinstance(read, dict) and isinstance(read.get("rows"), list) else None

    def lost(self, key: str) -> str:
        """Name of a file that is missing in the folder of a solved case; empty if none is."""
        return next((name for name in CASE_FILES if not (self.cases / key / name).is_file()), "")

    def finish(self, key: str, outcome: dict[str, Any]) -> None:
        """Move the folder of a case to the finished ones, in one step.

        Raises:
            OutputError: it cannot be written.
        """
        place, end, old = self.place(key), self.cases / key, self.work / f"{key}.old"
        try:
            place.mkdir(exist_ok=True)
            text = json.dumps(outcome, allow_nan=False)
            write_atomically(place / OUTCOME, text, sync=True, then=AGAIN)
            if end.exists():
                shutil.rmtree(old, ignore_errors=True)
                end.replace(old)
            place.replace(end)
            shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            raise OutputError(f"{place}: cannot be written ({reason_of(error)})", AGAIN) from None

    def discard_work(self, key: str) -> None:
        """Remove what was begun of a case."""
        shutil.rmtree(self.place(key), ignore_errors=True)
