"""Environment of a validation run, for the foot of its page: versions, machine, date."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass

from spinepnp.runtime.memory import processor_name
from spinepnp.runtime.versions import STACK, code_version, versions

#: Modules on which the numbers and figures of a validation depend.
MODULES = (*STACK, "scipy", "numba", "matplotlib")


@dataclass(frozen=True)
class Environment:
    """Versions, machine and date of a run.

    Attributes:
        versions: version of each module.
        code: version and digest of the code that computes results.
        machine: processor and system, in words.
        ranks: number of MPI ranks.
        when: date and time at which the page was written.
        seconds: run time from the start of the validation to its page, s.
    """

    versions: dict[str, str]
    code: str
    machine: str
    ranks: int
    when: str
    seconds: float


def environment(ranks: int, seconds: float) -> Environment:
    """Environment of this run: number of MPI ranks, run time since the start (s), versions, machine, date."""
    return Environment(
        versions=versions(MODULES),
        code=code_version(),
        machine=f"{processor_name()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        ranks=ranks,
        when=time.strftime("%Y-%m-%d %H:%M %Z"),
        seconds=seconds,
    )
