"""The rank of this process by the variables of its launcher: for what never starts MPI."""

from __future__ import annotations

import os

#: Variables by which launchers tell a process its rank.
RANK_VARIABLES = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID")


def rank_from_launcher() -> int:
    """The rank; zero where nothing has launched the process."""
    for name in RANK_VARIABLES:
        if os.environ.get(name, "").isdecimal():
            return int(os.environ[name])
    return 0


def is_launched() -> bool:
    """Whether a launcher has started this process, among others or alone."""
    return any(name in os.environ for name in RANK_VARIABLES)
