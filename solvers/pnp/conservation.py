"""Conservation of each species: whether a solve has met its amount, and the balance of a whole transient.

One norm of the whole residual does not show it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.units import FARADAY

#: Largest error of the balance of a species in a stage of a time step, over the amount that passes: a step has three
#: implicit stages, and conserves to 1e-10.
CONSERVED_FLOW = 1e-11

#: Error of the balance of a species in a stage of a time step, over its amount, by rounding.
CONSERVED_AMOUNT = 5e-15

#: Largest amount of a species at the end of a long stage that its fluxes do not explain, over the amount: the next
#: stage starts from that of the fluxes, so that such errors do not add up. In short stages charge moves the potential.
UNEXPLAINED_AMOUNT = 1e-13

#: Relative rounding error of an amount, from fluxes through fine cells in steps far longer than their diffusion.
ROUNDING = 1e-11

#: Relative loss of a steady current above which Newton goes on, as long as that helps.
CONSERVED_CURRENT = 1e-6

#: Relative error of a prescribed amount above which Newton goes on.
AMOUNT_TOLERANCE = 1e-10


def amounts_are_met(amounts: dict[str, float], prescribed: dict[str, float]) -> bool:
    """Whether every species with a prescribed amount has it."""
    return all(abs(amounts[name] - amount) <= AMOUNT_TOLERANCE * (amount or 1.0) for name, amount in prescribed.items())


def currents_are_met(lost: np.ndarray, through: np.ndarray, flows: np.ndarray) -> bool:
    """Whether each species that can flow loses little of its current within the domain.

    Args:
        lost: sum of the residual over all free rows, shape (N,).
        through: largest current through a boundary, shape (N,).
        flows: whether the species can both enter and leave, shape (N,).
    """
    return bool(np.all(lost[flows] <= CONSERVED_CURRENT * through[flows]))


def circuits_close(net: np.ndarray, passing: np.ndarray, rounding: np.ndarray) -> bool:
    """Whether the charge that passes each floating or loaded boundary in a stage of a time step adds up to zero.

    Args:
        net: sum of the terms of each boundary, shape (boundaries,).
        passing: terms of the charge, with that of the load, shape (boundaries, terms).
        rounding: rounding error of the sum that is allowed beside that of the largest term, shape (boundaries,).
    """
    return bool(np.all(np.abs(net) <= CONSERVED_FLOW * np.abs(passing).max(axis=1, initial=0.0) + rounding))


def step_conserves(
    comm: Any,
    nodal_flux: np.ndarray,
    free: np.ndarray,
    load: np.ndarray,
    history: np.ndarray,
    through: np.ndarray,
    sensitivity: float,
    totals: np.ndarray | None = None,
) -> bool:
    """Whether the amounts of a step change by the fluxes through boundaries and by nothing else. Collective.

    Args:
        comm: MPI communicator.
        nodal_flux: columns of the species of `System.nodal_flux`, shape (owned dofs, N).
        free: unconstrained degrees of freedom, of the same shape.
        load: load of the step, of the same shape.
        history: storage at the start of the step, of the same shape.
        through: size of what passes boundaries by terms that depend on the state, shape (N,).
        sensitivity: change of a charge over that of the potential which it makes, scaled, at most one.
        totals: weights of the species in the totals that reactions conserve, shape (totals, N); ``None`` without any.
    """
    sums = np.array([(nodal_flux * free).sum(axis=0), (nodal_flux * ~free).sum(axis=0), load.sum(axis=0)])
    sums = np.vstack([sums, history.sum(axis=0)])
    sums = reduced(comm, sums, MPI.SUM)
    if totals is not None:
        sums, through = sums @ totals.T, np.abs(totals) @ through
    error, at_boundaries, entered, amount = np.abs(sums)
    share = max(CONSERVED_AMOUNT, UNEXPLAINED_AMOUNT * sensitivity)
    allowed = CONSERVED_FLOW * np.maximum(np.maximum(at_boundaries, entered), through) + share * amount
    return bool(np.all(error <= allowed))


def error_of_totals(
    totals: np.ndarray, change: np.ndarray, came: np.ndarray, amounts: np.ndarray, known: np.ndarray
) -> float:
    """Largest error of a conserved total, over its amount and what has passed.

    Args:
        totals: weights of the species in the totals that reactions conserve, shape (totals, N).
        change: change of the amount of each species since the start, mol, shape (N,).
        came: amount of each species that boundaries and sources have brought, mol, shape (ways, N).
        amounts: present amounts, mol, shape (N,).
        known: whether the flow of each species through boundaries is known, shape (N,).
    """
    counts = ~np.any((totals != 0.0) & ~known, axis=1)
    size = np.abs(totals) @ (np.abs(amounts) + np.abs(came).sum(axis=0))
    error = np.abs(totals @ (change - came.sum(axis=0)))
    relative = np.divide(error, size, out=np.zeros_like(error), where=size > 0.0)
    return float(relative[counts].max(initial=0.0))


def error_of_local_totals(comm: Any, totals: np.ndarray, c: np.ndarray, start: np.ndarray) -> float:
    """Largest error of a total of immobile species at a node, over its largest value. Collective.

    Args:
        comm: MPI communicator.
        totals: weights of the species in these totals, shape (totals, N).
        c: concentrations at the owned nodes, shape (n, N).
        start: values of the totals at the start, shape (n, totals) or (totals,).
    """
    if not len(totals):
        return 0.0
    start = np.broadcast_to(start, (len(c), len(totals)))
    error = np.abs(c @ totals.T - start).max(axis=0, initial=0.0)
    sizes = np.abs(start).max(axis=0, initial=0.0)
    error, sizes = reduced(comm, np.array([error, sizes]), MPI.MAX)
    return float(np.divide(error, sizes, out=np.zeros_like(error), where=sizes > 0.0).max())


def transient_balance(
    amounts: np.ndarray,
    start: np.ndarray,
    rounding: float,
    passed: np.ndarray,
    produced: np.ndarray,
    electrolyte: Electrolyte,
    unit: float,
) -> tuple[np.ndarray, float]:
    """Balance of the amounts of a transient against the charge that has passed since the start.

    Args:
        amounts: amount of each species, scaled, shape (N,).
        start: amounts at the start, scaled, shape (N,).
        rounding: rounding error of an amount that all steps may have left, scaled.
        passed: charge that each species has carried in through each boundary, C, shape (boundaries, N).
        produced: amount of each species that was produced in the volume since the start, mol, shape (N,).
        electrolyte: species with their valences.
        unit: amount that one scaled unit stands for, mol.

    Returns:
        Defect |N - N_start - passed| of each species, mol, zero for a neutral one, whose flow is no current; and the
        largest defect beyond rounding, over the largest amount that has passed.
    """
    charge = FARADAY * np.array([float(s.valence) for s in electrolyte.species])
    carried = np.divide(passed, charge, out=np.zeros_like(passed), where=charge != 0.0)
    defect = np.abs((amounts - start) * unit - carried.sum(axis=0) - produced) * (charge != 0.0)
    through = float((np.abs(carried).max(axis=0, initial=0.0) + np.abs(produced)).max())
    missed = float((defect - (ROUNDING * amounts + rounding) * unit).max())
    return defect, missed / through if through > rounding * unit and missed > 0.0 else 0.0
