"""Rank of this process by the environment variables of its launcher, for code that does not start MPI."""

from __future__ import annotations

import math
import os

#: Environment variables in which launchers give a process its rank.
RANK_VARIABLES = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID")

#: Environment variables in which launchers give the number of ranks on this machine.
LOCAL_SIZE_VARIABLES = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "SLURM_NTASKS_PER_NODE")

#: The same, or else, at least as many, of all.
SIZE_VARIABLES = (*LOCAL_SIZE_VARIABLES, "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_NTASKS")

#: Ranks for each core above which a user is warned: a few more than cores are of use in tests.
MOST_RANKS_PER_CORE = 2


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
    return (_first_number(SIZE_VARIABLES) or math.inf) if is_launched() else 1


def _first_number(names: tuple[str, ...]) -> int | None:
    """Number in the first environment variable that holds one."""
    numbers = [os.environ.get(name, "") for name in names]
    return next((int(number) for number in numbers if number.isdecimal()), None)


def crowding() -> str:
    """Warning of far more ranks than this machine has cores; empty where it has enough, or nothing is known."""
    ranks, cores = _first_number(LOCAL_SIZE_VARIABLES), os.cpu_count()
    if not is_launched() or ranks is None or cores is None or ranks <= MOST_RANKS_PER_CORE * cores:
        return ""
    return f"warning: {ranks} ranks share {cores} cores and wait for each other; take -n {cores}"
