"""Rank of this process by the environment variables of its launcher, for code that does not start MPI."""

from __future__ import annotations

import os

#: Environment variables in which launchers give a process its rank.
RANK_VARIABLES = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID")


def rank_from_launcher() -> int:
    """Rank of this process; zero without a launcher."""
    for name in RANK_VARIABLES:
        if os.environ.get(name, "").isdecimal():
            return int(os.environ[name])
    return 0


def is_launched() -> bool:
    """Whether a launcher has started this process, also as the only one."""
    return any(name in os.environ for name in RANK_VARIABLES)
