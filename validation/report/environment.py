"""Where and with what a validation was run: for the foot of its page."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

from spinepnp.runtime.versions import STACK, code_version, versions

#: What the numbers and figures of a validation depend on.
MODULES = (*STACK, "scipy", "numba", "matplotlib")


@dataclass(frozen=True)
class Environment:
    """Versions, machine, date.

    Attributes:
        versions: by module.
        code: version and digest of the code that makes numbers.
        machine: processor and system, in words.
        ranks: that worked.
        when: the page was written.
        seconds: from the start of the validation to its page.
    """

    versions: dict[str, str]
    code: str
    machine: str
    ranks: int
    when: str
    seconds: float


def environment(ranks: int, seconds: float) -> Environment:
    """Those of now.

    Args:
        ranks: that worked.
        seconds: since the start.
    """
    return Environment(
        versions=versions(MODULES),
        code=code_version(),
        machine=f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        ranks=ranks,
        when=time.strftime("%Y-%m-%d %H:%M %Z"),
        seconds=seconds,
    )


def _processor() -> str:
    """Its name, where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
