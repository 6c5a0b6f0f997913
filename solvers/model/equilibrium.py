"""Chemical equilibrium of a solution: its test, and the equilibrium that keeps all conserved totals."""

from __future__ import annotations

import warnings

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.solvers.model.reactions import EQUILIBRIUM_TOLERANCE, ReactionNetwork
from spinepnp.units import CONCENTRATION, format_quantity

#: Time of the relaxation toward equilibrium over that of the slowest rate.
RELAXATION = 1e4

#: Relative tolerance of the relaxation.
RELATIVE_TOLERANCE = 1e-8

#: Absolute tolerance of the relaxation, over the largest concentration.
ABSOLUTE_TOLERANCE = 1e-16

#: Rate over the fastest one below which a reaction is not waited for: Newton's method finds its rest.
SLOWEST_RATE = 1e-10

#: Largest number of evaluations of the rates in the relaxation: a second of time.
MOST_EVALUATIONS = 20_000

#: Concentration over the largest one below which a species is used up.
USED_UP = 1e-14

#: What to do where reactions come to no rest, such as a supply without removal.
NO_REST = "the reactions come to no rest from the bulk; correct a rate, or drop it"


def imbalance(network: ReactionNetwork, c: np.ndarray, *, everywhere: bool = True) -> tuple[float, int]:
    """Largest relative imbalance of the species by the reactions of a solution, and the index of that species.

    Args:
        network: reactions.
        c: concentrations, mol/m^3, shape (N,).
        everywhere: whether reactions of a region count.
    """
    forward, backward = network.rates(c[None, :])[:, 0]
    if not everywhere:
        counts = np.array([r.region is None for r in network.reactions])
        forward, backward = forward * counts, backward * counts
    change, gross = network.net.T @ (forward - backward), np.abs(network.net).T @ (forward + backward)
    relative = np.abs(np.divide(change, gross, out=np.zeros(len(c)), where=gross > 0.0))
    worst = int(np.argmax(relative))
    return float(relative[worst]), worst


def in_equilibrium(network: ReactionNetwork, c: np.ndarray) -> bool:
    """Whether a solution is in equilibrium with the reactions that take place everywhere."""
    return imbalance(network, c, everywhere=False)[0] <= EQUILIBRIUM_TOLERANCE


def equilibrium(network: ReactionNetwork, c: np.ndarray) -> np.ndarray:
    """The solution at which reactions come to rest from a given one, with all conserved totals and the charge.

    The reactions are followed in time until they have nearly come to rest; then Newton's method finds the rest, in the
    logarithms of the concentrations.

    Args:
        network: reactions; those of a region count as well.
        c: concentrations, mol/m^3, shape (N,).

    Raises:
        CaseError: reactions come to no rest.
    """
    from scipy.integrate import solve_ivp
    from scipy.optimize import least_squares

    unit = float(np.max(c, initial=0.0)) or 1.0

    slopes = np.abs(network.rate_slopes(np.maximum(c, USED_UP * unit)[None, :])[0])
    rates = slopes[slopes > SLOWEST_RATE * slopes.max(initial=0.0)]
    if imbalance(network, c)[0] <= EQUILIBRIUM_TOLERANCE**2:
        return c
    if not rates.size:
        raise CaseError("electrolyte.equilibrate", NO_REST)
    end, calls = RELAXATION / float(rates.min()), 0

    def change(_: float, x: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls > MOST_EVALUATIONS:
            raise CaseError("electrolyte.equilibrate", NO_REST)
        forward, backward = network.rates(np.maximum(x, 0.0)[None, :] * unit)[:, 0]
        return np.asarray(network.net.T @ (forward - backward) / unit)

    with warnings.catch_warnings(), np.errstate(all="ignore"):  # of steps that the integrator takes back
        warnings.simplefilter("ignore")
        found = solve_ivp(
            change, (0.0, end), c / unit, method="Radau", rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE
        ).y[:, -1]
    left = np.maximum(found, 0.0)
    present = left > USED_UP
    conserved = network.total_weights
    sizes = np.abs(conserved) @ (c / unit) + USED_UP

    def residual(w: np.ndarray) -> np.ndarray:
        x = np.where(present, 0.0, left)
        x[present] = np.exp(w)
        forward, backward = network.rates(x[None, :] * unit)[:, 0]
        gross = np.abs(network.net).T @ (forward + backward)
        moved = network.net.T @ (forward - backward)
        relative = np.divide(moved, gross, out=np.zeros(len(c)), where=gross > 0.0)
        return np.concatenate([relative, conserved @ (x - c / unit) / sizes])

    polished = least_squares(residual, np.log(left[present]), xtol=1e-15, ftol=1e-15, gtol=1e-15, x_scale="jac")
    result = np.zeros(len(c))
    result[present] = np.exp(polished.x) * unit
    if imbalance(network, result)[0] > EQUILIBRIUM_TOLERANCE:
        raise CaseError("electrolyte.equilibrate", NO_REST)
    return result


def refuse_imbalance(network: ReactionNetwork, c: np.ndarray, why: str) -> None:
    """Refuse a bulk out of equilibrium.

    Args:
        network: reactions.
        c: bulk concentrations, mol/m^3, shape (N,).
        why: reason why it has to be in equilibrium, for the message.

    Raises:
        CaseError: names the species that changes most, and the equilibrium.
    """
    if in_equilibrium(network, c):
        return
    _, worst = imbalance(network, c, everywhere=False)
    try:
        rest = equilibrium(network, c)
    except CaseError:
        there = ""
    else:
        changed = [i for i in np.flatnonzero(network.reacts) if abs(rest[i] - c[i]) > 1e-3 * max(rest[i], c[i])]
        values = (f"{network.names[i]} {format_quantity(float(f'{rest[i]:.5g}'), CONCENTRATION)}" for i in changed[:4])
        there = f" ({', '.join(values)})"
    raise CaseError(
        "electrolyte.species.concentration",
        f"the bulk is out of equilibrium: reactions change {network.names[worst]} there, but {why}; set "
        f"electrolyte.equilibrate = true{there}, or give concentrations in equilibrium",
    )
