"""Steady states by Newton's method from the uniform electroneutral state, with the loads applied in parts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from spinepnp.units import FARADAY
from spinepnp.validation.reference.onedimensional import mesh as meshes
from spinepnp.validation.reference.onedimensional.checks import refuse
from spinepnp.validation.reference.onedimensional.equations import SteadyEquations
from spinepnp.validation.reference.onedimensional.newton import NoConvergenceError, newton
from spinepnp.validation.reference.onedimensional.problem import Problem, Values
from spinepnp.validation.reference.onedimensional.profile import Profile
from spinepnp.validation.reference.onedimensional.scales import finest, reference_concentrations, scales
from spinepnp.validation.reference.onedimensional.system import Loads, System

#: Default order of the polynomials.
ORDER = 12

#: Increase of the order in the finer solve of `estimated_error`.
FINER = 4

#: Smallest part of the loads that is tried, below which the state counts as lost.
SMALLEST_PART = 1e-4


class Steady(Profile):
    """A steady state.

    Examples:
        >>> from spinepnp.units import VACUUM_PERMITTIVITY
        >>> from spinepnp.validation.onedimensional import End, Ion, Problem, line, solve_steady
        >>> salt = (Ion("Na", 1, 2e-10), Ion("A", -1, 2e-10))
        >>> geometry = line(1e-6, 7.854e-15)
        >>> ends = {"left": End(potential=0.0, concentrations=(167.0, 167.0)), "right": End(currents=(50e-12, 0.0))}
        >>> problem = Problem(geometry, salt, 80 * VACUUM_PERMITTIVITY, 25.26e-3, **ends)
        >>> state = solve_steady(problem)
        >>> round(float(state.potential[-1]) * 1e3, 4)  # mV
        17.3469
    """


def discretise(problem: Problem, order: int, elements: int | None, time: float, reference: Values) -> System:
    """System of a problem.

    Args:
        problem: the problem.
        order: order of the polynomials, 2 or more.
        elements: number of elements, 2 or more; ``None`` for as many as resolve a Debye length at the ends.
        time: time of the currents from which the Debye length is estimated, s.
        reference: uniform state, mol/m^3, (species,).

    Raises:
        ValueError: order or elements are too small.
    """
    for key, value in (("order", order), ("elements", elements)):
        if value is not None and (value != int(value) or value < 2):
            refuse(key, value, "a whole number of at least 2 is needed")
    scale, geometry = scales(problem, reference), problem.geometry
    first = finest(problem, reference, time) / scale.length
    both = not geometry.closed_left
    start = geometry.start / scale.length
    many = meshes.count(first / (1.0 - start), both) if elements is None else int(elements)
    edges = meshes.edges(start, 1.0, many, first, both)
    borders = [x / scale.length for reaction in problem.reactions for x in reaction.region or ()]
    edges = np.unique(np.concatenate([edges, [x for x in borders if edges[0] < x < edges[-1]]]))
    return System(problem, meshes.Mesh(edges, int(order)), scale, reference)


def continued(solve: Callable[[Values, float], Values], start: Values) -> Values:
    """State after all loads, applied in parts that are halved where Newton fails and doubled where it converges."""
    state, done, part = start, 0.0, 1.0
    while done < 1.0:
        try:
            state = solve(state, min(1.0, done + part))
        except NoConvergenceError as error:
            part *= 0.5
            if part < SMALLEST_PART:
                raise NoConvergenceError(f"state lost at {done:.4f} of the loads: {error}") from None
        else:
            done, part = min(1.0, done + part), 2.0 * part
    return state


def solve_state(system: System, time: float) -> Values:
    """Steady state of a system with the currents of a time (s), (species + 1, nodes)."""
    responsive = any(end.responsive for end in system.problem.ends)
    if not responsive:
        system.check_balance(time, system.uniform())
    equations = SteadyEquations(system)

    def solve(state: Values, part: float) -> Values:
        loads = system.loads(time, part)
        point = newton(lambda p: equations(p, loads), state.ravel(), polish=1 if part == 1.0 else 0)
        return point.reshape(system.shape)

    state = continued(solve, system.uniform())
    if responsive:  # only now are the currents known
        system.check_balance(time, state)
    return state


def end_flows(system: System, state: Values, loads: Loads, storing: Values | None = None) -> tuple[Values, Values]:
    """Electric currents that enter (2, species), A, and dV/dn (2,), V/m, from the discrete balances.

    Args:
        system: system of the state.
        state: state, (species + 1, nodes).
        loads: loads at its time.
        storing: rate dq/dt, scaled, (species + 1, nodes); ``None`` in steady state.
    """
    supplied = system.volume_terms(state, loads) + (0.0 if storing is None else storing)
    prescribed = system.prescribed[:, system.end_nodes].T
    inflow = np.where(prescribed[:, :-1], supplied[:-1, system.end_nodes].T, system.inflow(state, loads))
    with np.errstate(divide="ignore", invalid="ignore"):
        by_balance = supplied[-1, system.end_nodes] / (system.scale.delta2 * system.end_area)
    by_residual = prescribed[:, -1] | system.open[system.end_nodes]
    slopes = np.where(by_residual, by_balance, system.end_slopes(state, loads))
    field = slopes * system.problem.thermal_voltage / system.scale.length
    return inflow * system.carried * FARADAY * system.scale.rate, field


def solve_steady(problem: Problem, order: int = ORDER, elements: int | None = None, time: float = 0.0) -> Steady:
    """Steady state of a problem.

    Args:
        problem: the problem.
        order: order of the polynomials.
        elements: number of elements, graded to the ends; ``None`` for as many as resolve a Debye length there.
        time: time of currents that vary, s.

    Returns:
        The state; `estimated_error` estimates its error.

    Raises:
        ValueError: the problem has no steady state, or order or number of elements are invalid.
        NoConvergenceError: Newton's method does not converge, as beyond a limiting current.
    """
    system = discretise(problem, order, elements, time, reference_concentrations(problem))
    state = solve_state(system, time)
    entering, field = end_flows(system, state, system.loads(time))
    return Steady(system, state, entering, np.zeros(2), field)


def estimated_error(problem: Problem, quantity: Callable[[Steady], ArrayLike], order: int = ORDER) -> Values:
    """Difference of a quantity between two resolutions: orders ``order`` and four more, each on its own mesh.

    Args:
        problem: the problem.
        quantity: function of a steady state, any shape.
        order: order of the coarser solve.

    Returns:
        Magnitude of the difference, shape of the quantity; the error of the finer solution is usually far smaller.
    """
    coarse = solve_steady(problem, order)
    fine = solve_steady(problem, order + FINER, coarse.system.mesh.elements + 2)
    return np.abs(np.asarray(quantity(fine), dtype=float) - np.asarray(quantity(coarse), dtype=float))
