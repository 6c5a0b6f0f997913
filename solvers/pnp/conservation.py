"""Amounts of species, each for itself: whether a solve has met them, and how a whole transient balances.

One norm of a residual does not show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.runtime.stack import MPI
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.units import FARADAY

#: What a stage of a time step may leave of the balance of a species, over what passes, and over the amount: a step has
#: three, so that it conserves both to 1e-10 and 1e-13.
CONSERVED_FLOW, CONSERVED_AMOUNT = 1e-11, 5e-15

#: Rounding of an amount over itself: what fluxes through fine cells leave over steps far longer than their diffusion.
ROUNDING = 1e-11

#: Loss of a steady current over itself above which Newton goes on, as long as that helps.
CONSERVED_CURRENT = 1e-6

#: Relative error of a prescribed amount at which Newton goes on.
AMOUNT_TOLERANCE = 1e-10


def amounts_are_met(found: dict[str, float], prescribed_amounts: dict[str, float]) -> bool:
    """Whether prescribed amounts are, by species."""
    return all(
        abs(found[name] - amount) <= AMOUNT_TOLERANCE * (amount or 1.0) for name, amount in prescribed_amounts.items()
    )


def currents_are_met(lost: np.ndarray, through: np.ndarray, flows: np.ndarray) -> bool:
    """Whether species that can flow lose little of their current on the way; each has the shape (N,).

    Args:
        lost: what the residual of all free rows adds up to.
        through: largest current through a boundary.
        flows: whether there is a way in and a way out.
    """
    return bool(np.all(lost[flows] <= CONSERVED_CURRENT * through[flows]))


def circuits_are_open(net: np.ndarray, passing: np.ndarray) -> bool:
    """Whether a stage of a time step lets no charge through any floating boundary, but what is rounding.

    Args:
        net: charge that passes each, shape (floating boundaries,).
        passing: its terms, shape (floating boundaries, terms).
    """
    return bool(np.all(np.abs(net) <= CONSERVED_FLOW * np.abs(passing).max(axis=1, initial=0.0)))


def step_conserves(comm: Any, nodal_flux: np.ndarray, free: np.ndarray, load: np.ndarray, history: np.ndarray) -> bool:
    """Whether a residual moves no amount: that of a step changes by what passes, and by nothing else. Collective.

    Args:
        comm: MPI communicator.
        nodal_flux: of the species, as `System.nodal_flux` gives it, shape (owned dofs, N).
        free: where nothing is held, likewise.
        load: what enters in the step, likewise.
        history: contents at its start, likewise.
    """
    sums = np.array([(nodal_flux * free).sum(axis=0), (nodal_flux * ~free).sum(axis=0), load.sum(axis=0)])
    sums = np.vstack([sums, history.sum(axis=0)])
    total = np.empty_like(sums)
    comm.Allreduce(sums, total, op=MPI.SUM)
    missed, left, came, amount = np.abs(total)
    return bool(np.all(missed <= CONSERVED_FLOW * np.maximum(left, came) + CONSERVED_AMOUNT * amount))


@dataclass(frozen=True)
class TransientBalance:
    """Balance of amounts against the charge that has passed since the start.

    Attributes:
        defect: |N - N_start - passed| of each species, mol; zero for a neutral species, whose flow is no current.
        error: largest defect beyond rounding, over the largest amount that has passed.
    """

    defect: np.ndarray
    error: float


def transient_balance(
    amounts: np.ndarray,
    start: np.ndarray,
    rounding: float,
    passed: np.ndarray,
    electrolyte: Electrolyte,
    volume: float,
    time: float,
    unit: float,
) -> TransientBalance:
    """The balance of a transient.

    Args:
        amounts: amount of each species, scaled, shape (N,).
        start: amounts at the start, scaled, shape (N,).
        rounding: rounding error of an amount that all steps may have left, scaled.
        passed: charge that each species has carried in through each boundary, C, shape (boundaries, N).
        electrolyte: species, with their sources.
        volume: volume of the body, m^3.
        time: time since the start, s.
        unit: amount that one scaled unit stands for, mol.
    """
    charge = FARADAY * np.array([float(s.valence) for s in electrolyte.species])
    produced = np.array([s.source for s in electrolyte.species]) * volume * time
    carried = np.divide(passed, charge, out=np.zeros_like(passed), where=charge != 0.0)
    defect = np.abs((amounts - start) * unit - carried.sum(axis=0) - produced) * (charge != 0.0)
    through = float((np.abs(carried).max(axis=0, initial=0.0) + np.abs(produced)).max())
    missed = float((defect - (ROUNDING * amounts + rounding) * unit).max())
    return TransientBalance(defect, missed / through if through > rounding * unit and missed > 0.0 else 0.0)
