"""Rank of this process by the environment variables of its launcher, for code that does not start MPI."""

from __future__ import annotations

import math
import os

#: Environment variables in which launchers give a process its rank.
RANK_VARIABLES = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID")

#: Environment variables in which launchers give the number of ranks on this machine, or else, at least as many, of all.
SIZE_VARIABLES = (
    "MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "SLURM_NTASKS_PER_NODE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE",
    "SLURM_NTASKS",
)  # fmt: skip


def rank_from_launcher() -> int:
    """Rank of this process; zero without a launcher."""
    for name in RANK_VARIABLES:
        if os.environ.get(name, "").isdecimal():
            return int(os.environ[name])
    return 0


def is_launched() -> bool:
    """Whether a launcher has started this process, also as the only one."""
    return any(name in os.environ for name in RANK_VARIABLES)


def ranks_on_this_machine() -> float:
    """Number of ranks on this machine, or a larger one where only that of all is known; one without a launcher."""
    if not is_launched():
        return 1
    numbers = [os.environ.get(name, "") for name in SIZE_VARIABLES]
    return next((int(number) for number in numbers if number.isdecimal()), math.inf)
