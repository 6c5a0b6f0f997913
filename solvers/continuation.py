"""From a state that is easy to the one that is wanted, in steps that Newton can take.

Two ways: the data of the boundaries are raised from the bulk state (currents, voltages, charges, concentrations,
amounts, all in proportion), or the Debye length shrinks to what it is (for a bulk that is not neutral).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spinepnp.solvers.algebra.statistics import NewtonError, NewtonStatistics
from spinepnp.solvers.algebra.step_control import StepControl
from spinepnp.solvers.model.options import SolverOptions
from spinepnp.solvers.model.problem_data import ProblemData

#: First step, and the smallest, as fractions of the way.
FIRST, SMALLEST = 0.25, 1e-3

Attempt = Callable[[np.ndarray | None, ProblemData], NewtonStatistics]


def follow(
    attempt: Attempt,
    problem_data: ProblemData,
    bulk: np.ndarray,
    options: SolverOptions,
    volume: Callable[[], float],
    failures: list[NewtonError],
) -> NewtonStatistics:
    """Solve by continuation. Collective.

    Args:
        attempt: solves from nodal values, or from where the last attempt that went well ended.
        problem_data: what is wanted.
        bulk: nodal values of the bulk state.
        options: which way to take.
        volume: of the domain, m^3.
        failures: of the attempts before; their statistics are added.

    Returns:
        Statistics of all attempts together.

    Raises:
        NewtonError: the way is lost; says how far it led.
    """
    # Where nothing is grounded, data on the way would not fit Gauss' law.
    by_data = problem_data.signature.grounded and (
        options.continuation == "data" or (options.continuation == "auto" and problem_data.bulk_is_neutral)
    )
    amounts = {name: c * volume() for name, c in problem_data.electrolyte.bulk.items()}

    def at(fraction: float) -> ProblemData:
        if fraction == 1.0:
            return problem_data
        return (
            problem_data.scaled_from_bulk(fraction, amounts) if by_data else problem_data.with_debye_scaling(fraction)
        )

    control = StepControl(step=FIRST, smallest=SMALLEST, largest=0.5)
    reached, steps = 0.0, 0
    start: np.ndarray | None = bulk
    if not by_data:
        try:
            failures.append(_as_failure(attempt(bulk, at(0.0))))
        except NewtonError as error:
            failures.append(error)
            raise _lost(error, 0.0, failures, problem_data, by_data=False) from None
        start = None
    while reached < 1.0:
        target = min(1.0, reached + control.step)
        try:
            statistics = attempt(start, at(target))
        except NewtonError as error:
            failures.append(error)
            if not control.failed():
                raise _lost(error, reached, failures, problem_data, by_data=by_data) from None
        else:
            reached, start, steps = target, None, steps + 1
            if reached < 1.0:
                failures.append(_as_failure(statistics))
            control.succeeded()
    return statistics.after(failures, continuation=steps)


def _as_failure(statistics: NewtonStatistics) -> NewtonError:
    """The statistics of a step on the way, among those of the attempts before the last."""
    return NewtonError("", statistics)


def _lost(
    error: NewtonError, reached: float, failures: list[NewtonError], problem_data: ProblemData, *, by_data: bool
) -> NewtonError:
    boundaries = problem_data.boundaries.values()
    flows = any(i.flows for b in boundaries for i in b.injections)
    charged = any(b.surface_charge or b.capacitance is not None for b in boundaries)
    layers = charged or problem_data.electrolyte.charged_regions or not flows
    causes = {"a current may reach its limit": flows, "the mesh may be too coarse for a layer": layers}
    cause = " or ".join(name for name, holds in causes.items() if holds)
    way = (
        f"the data could be raised to {100.0 * reached:.3g} % of what is imposed, where {cause}"
        if by_data
        else f"the Debye length could be brought {100.0 * reached:.3g} % of the way to its value"
    )
    return NewtonError(f"{error}; {way}", error.statistics.after(failures[:-1]))
