"""What rank 0 writes into one result directory; its errors reach every rank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spinepnp.case import Case
from spinepnp.errors import OutputError, reason_of
from spinepnp.meshes.communication import on_root
from spinepnp.output import ResultDirectory


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

    def abandon(self) -> None:
        """Remove an output directory that nothing was written to. Not collective."""
        if self.directory is not None and not self.begun:
            self.directory.discard()
