"""Amounts of species: whether a solve has met them, each for itself, which one norm of a residual does not show."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.meshes.stack import MPI

#: What a stage of a time step may leave of the balance of a species, over what passes, and over the amount: a step has
#: three, so that it conserves both to 1e-10 and 1e-13.
CONSERVED_FLOW, CONSERVED_AMOUNT = 1e-11, 5e-15

#: Relative error of a prescribed amount at which Newton goes on.
AMOUNT_TOLERANCE = 1e-10


def amounts_are_met(found: dict[str, float], wanted: dict[str, float]) -> bool:
    """Whether prescribed amounts are, by species."""
    return all(abs(found[name] - amount) <= AMOUNT_TOLERANCE * (amount or 1.0) for name, amount in wanted.items())


def step_conserves(comm: Any, reaction: np.ndarray, free: np.ndarray, load: np.ndarray, history: np.ndarray) -> bool:
    """Whether a residual moves no amount: that of a step changes by what passes, and by nothing else. Collective.

    Args:
        comm: MPI communicator.
        reaction: of the species, as `System.reaction` gives it, shape (owned dofs, N).
        free: where nothing is held, likewise.
        load: what enters in the step, likewise.
        history: contents at its start, likewise.
    """
    sums = np.array([(reaction * free).sum(axis=0), (reaction * ~free).sum(axis=0), load.sum(axis=0)])
    sums = np.vstack([sums, history.sum(axis=0)])
    total = np.empty_like(sums)
    comm.Allreduce(sums, total, op=MPI.SUM)
    missed, left, came, amount = np.abs(total)
    return bool(np.all(missed <= CONSERVED_FLOW * np.maximum(left, came) + CONSERVED_AMOUNT * amount))
