"""Available memory of this machine."""

from __future__ import annotations

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
