"""What a batch has solved: a folder a case, which appears whole or not at all.

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

#: Written last into the folder of a case: its rows, and what became of it.
OUTCOME = "outcome.json"

#: Files that a solved case has whatever its study.
KEPT = ("case.toml", "summary.json", "observables.csv")

#: Seconds to wait for another batch that writes its tables.
PATIENCE = 120.0

#: What to do once there is room.
AGAIN = "run the same command again"


class Store:
    """The cases below the directory of a batch. Not collective: called by the first rank of a group.

    Args:
        directory: of the batch.
    """

    def __init__(self, directory: Path) -> None:
        self.cases, self.work = directory / "cases", directory / "work"

    def make(self) -> None:
        """Make the folders.

        Raises:
            OutputError: they cannot be made.
        """
        try:
            for folder in (self.cases, self.work):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{error.filename}: cannot be made ({reason_of(error)})", AGAIN) from None

    def place(self, key: str) -> Path:
        """Where a case is solved."""
        return self.work / key

    def begun(self, key: str) -> bool:
        """Whether a run of it was interrupted that can be continued; what cannot is removed."""
        place = self.place(key)
        if holds_results(place):
            return True
        shutil.rmtree(place, ignore_errors=True)
        return False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one that writes what belongs to the whole batch: list, index and tables.

        Raises:
            OutputError: another batch on the directory has been writing for long.
        """
        deadline = time.monotonic() + PATIENCE
        while (held := self.claim("tables")) is None:
            if time.monotonic() > deadline:
                raise OutputError(f"{self.work}: another batch has been writing its tables for {PATIENCE:g} s", AGAIN)
            time.sleep(0.02)
        try:
            yield
        finally:
            held.release()

    def claim(self, key: str) -> Claim | None:
        """Claim a case; ``None`` if another batch works on it.

        Raises:
            OutputError: the disk is full, or the like.
        """
        try:
            return claim(self.work / f"{key}.lock")
        except OSError as error:
            raise OutputError(f"{self.work}: cannot be written ({reason_of(error)})", AGAIN) from None

    def stamp(self, key: str) -> int:
        """When a case was finished, in the file system's own measure; 0 if it was not."""
        try:
            return (self.cases / key / OUTCOME).stat().st_mtime_ns
        except OSError:
            return 0

    def stamps(self) -> dict[str, int]:
        """The same for all cases that are finished."""
        return {key: stamp for key in self._keys() if (stamp := self.stamp(key))}

    def _keys(self) -> Iterator[str]:
        try:
            with os.scandir(self.cases) as entries:
                yield from (entry.name for entry in entries if not entry.name.startswith("."))
        except OSError:
            return

    def outcome(self, key: str) -> dict[str, Any] | None:
        """What became of a case; ``None`` if it is not finished, or its file is damaged."""
        try:
            read = json.loads((self.cases / key / OUTCOME).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return read if isinstance(read, dict) and isinstance(read.get("rows"), list) else None

    def lost(self, key: str) -> str:
        """A file that is missing in the folder of a case that was solved; empty if none is."""
        return next((name for name in KEPT if not (self.cases / key / name).is_file()), "")

    def finish(self, key: str, outcome: dict[str, Any]) -> None:
        """Let the folder of a case appear among the finished ones, in one step.

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
        """Forget what was begun of a case."""
        shutil.rmtree(self.place(key), ignore_errors=True)
