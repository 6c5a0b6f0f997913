"""Available memory of this machine, and the name of its processor."""

from __future__ import annotations

import platform
from contextlib import suppress
from pathlib import Path

import psutil


def available_memory() -> float:
    """Memory in bytes that a process of this machine can still get; at most the limit of its control group."""
    available = float(psutil.virtual_memory().available)
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path, encoding="ascii") as file:
                available = min(available, float(file.read()))
        except (OSError, ValueError):  # no such control group, or its limit is "max"
            continue
    return available


def processor_name() -> str:
    """Name of the processor, where the system tells it, else of the architecture."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
