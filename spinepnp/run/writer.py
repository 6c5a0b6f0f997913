"""What rank 0 writes into one result directory; its errors reach every rank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spinepnp.case.case import Case
from spinepnp.errors import OutputError, reason_of
from spinepnp.run.directory import ResultDirectory
from spinepnp.run.options import RunOptions
from spinepnp.runtime.communication import on_root


@dataclass
class Writer:
    """Writes a run. Nothing is written before there is something to keep.

    Attributes:
        comm: MPI communicator.
        case: the whole case, which is kept beside the results.
        directory: on rank 0, once it is open.
        begun: on rank 0, whether anything was written.
    """

    comm: Any
    case: Case
    directory: ResultDirectory | None = None
    begun: bool = False

    @property
    def log(self) -> Path | None:
        """The log file, on rank 0 and once there is something to keep. Not collective."""
        return self.directory.path / "run.log" if self.directory is not None and self.begun else None

    def open(self, output: Path, options: RunOptions) -> ResultDirectory:
        """Take a directory, on rank 0, until `close`. Not collective.

        Raises:
            CaseError: it cannot be used.
        """
        self.directory = ResultDirectory(output, force=options.force, resume=options.resume, within=options.within)
        return self.directory

    def write(self, work: Callable[[ResultDirectory], None]) -> None:
        """Do work on rank 0. Collective.

        Raises:
            OutputError: the results cannot be written.
        """

        def write() -> None:
            assert self.directory is not None
            if not self.begun:
                self.directory.begin(self.case.to_toml())
                self.begun = True
            work(self.directory)

        try:
            on_root(self.comm, write)
        except OSError as error:
            raise OutputError(f"the results cannot be written ({reason_of(error)})") from None

    def close(self) -> None:
        """Let others write to the output directory; one that nothing was written to goes. Not collective."""
        if self.directory is not None and self.begun:
            self.directory.release()
        elif self.directory is not None:
            self.directory.discard()
