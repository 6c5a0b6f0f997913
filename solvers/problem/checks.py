"""Checks of a converged state: negative or vanished concentrations, potentials beyond those of the boundaries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spinepnp.runtime.stack import MPI, NOT_A_NUMBER_NAME, reduced
from spinepnp.solvers.algebra.statistics import NewtonError, NewtonStatistics
from spinepnp.solvers.fem.weights import IntegrationWeights, minimum
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.system import System
from spinepnp.units import CONCENTRATION, POTENTIAL, format_quantity

#: Fraction of the largest concentration of all species by which one may be negative: rounding of the linear solver.
NEGATIVE = 1e-9

#: Fraction of the scale of concentrations by which one may be negative, where all are small.
NEGATIVE_OF_SCALE = 1e-12

#: Bulk concentration over ionic strength up to which a species is a trace.
TRACE = 1e-3

#: Fraction of its largest concentration by which a trace may be negative in a transient: the front of a species that
#: enters a nearly empty domain is steeper than any cell and undershoots, by less than half of its height.
UNDERSHOOT = 0.5

#: Fraction of its largest concentration by which a species that reacts may be negative.
UNDERSHOOT_OF_REACTANTS = 1e-5

#: Excess of the potential over its bounds, V_T, that an equilibrium may have: elements that are not monotone overshoot.
OVERSHOOT = 1e-2

#: Concentration over the largest of all species below which its logarithm no longer follows its equation.
VANISHED = 1e-150


def refuse_negative(
    system: System,
    weights: IntegrationWeights,
    problem_data: ProblemData,
    statistics: NewtonStatistics,
    *,
    logarithms: bool,
) -> None:
    """Refuse a converged state with negative or vanished concentrations: it is not physical. Collective.

    Args:
        system: equations at the state.
        weights: weights of the volume.
        problem_data: data that were solved for.
        statistics: statistics of the Newton solve, for the error.
        logarithms: whether the unknowns are logarithms of concentrations.

    Raises:
        NewtonError: names the species and its lowest value.
    """
    _refuse_empty_compartments(system, statistics)
    names, comm = system.signature.names, weights.comm
    values = system.state.concentrations_and_potential()[: weights.owned, :-1]
    lowest, largest = minimum(comm, values), -minimum(comm, -values)
    allowed = np.full(len(names), NEGATIVE * largest.max() + NEGATIVE_OF_SCALE * system.step_data.scales.concentration)
    if problem_data.electrolyte.has_chemistry:
        allowed = np.maximum(
            UNDERSHOOT_OF_REACTANTS * largest, NEGATIVE_OF_SCALE * system.step_data.scales.concentration
        )
    elif problem_data.transient:
        # The undershoot is the larger the shorter the step. It passes; results say how far.
        bulk = np.array([*problem_data.electrolyte.bulk.values()])
        trace = bulk <= TRACE * problem_data.electrolyte.ionic_strength()
        allowed = np.where(trace, np.maximum(allowed, UNDERSHOOT * largest), allowed)
    worst = int(np.argmin(lowest + allowed))
    limited = any(b.limited for b in problem_data.boundaries.values())
    limit = "a current or flux is beyond its limit, or " if limited else ""
    if logarithms and lowest[worst] < VANISHED * largest.max():
        raise NewtonError(
            f"the concentration of {names[worst]} has vanished somewhere, where its equation says nothing more; "
            'use solver.formulation = "density", or a finer mesh',
            replace(statistics, reason="vanished_concentration"),
        )
    if np.any(lowest < -allowed):
        value = format_quantity(float(f"{lowest[worst]:.4g}"), CONCENTRATION)
        raise NewtonError(
            f"the concentration of {names[worst]} is negative ({value} at its lowest): {limit}the mesh is too "
            "coarse for the layers at its boundaries",
            replace(statistics, reason="negative_concentration"),
        )


def _refuse_empty_compartments(system: System, statistics: NewtonStatistics) -> None:
    """Refuse a negative concentration in a compartment.

    Raises:
        NewtonError: names the compartment, the species and its concentration.
    """
    for name, species, c in system.compartments.present():
        if c < -NEGATIVE_OF_SCALE * system.step_data.scales.concentration:
            value = format_quantity(float(f"{c:.4g}"), CONCENTRATION)
            raise NewtonError(
                f"the concentration of {species} in compartments.{name} is negative ({value}): mechanisms take more of "
                "it than comes back",
                replace(statistics, reason="negative_concentration"),
            )


def refuse_beyond_bounds(
    system: System, weights: IntegrationWeights, problem_data: ProblemData, statistics: NewtonStatistics
) -> None:
    """Refuse an equilibrium whose potential exceeds those of its boundaries, as in coarse cells at walls. Collective.

    Args:
        system: discrete equations with the state that is checked.
        weights: integration weights, with the number of owned nodes and the communicator.
        problem_data: data of the solve; they say whether the state is an equilibrium, and give its bounds.
        statistics: statistics of the solve, for the error.

    Raises:
        NewtonError: names the potential.
    """
    bounds = problem_data.equilibrium_bounds()
    if bounds is None:
        return
    phi = system.state.concentrations_and_potential()[: weights.owned, -1:] + system.step_data.zero
    lowest, highest = float(minimum(weights.comm, phi)[0]), -float(minimum(weights.comm, -phi)[0])
    allowed = OVERSHOOT * problem_data.electrolyte.V_T
    for extreme, outside in ((lowest, bounds[0] - lowest > allowed), (highest, highest - bounds[1] > allowed)):
        if outside:
            raise NewtonError(
                f"the potential reaches {format_quantity(float(f'{extreme:.4g}'), POTENTIAL)}, beyond what any "
                "boundary holds: a layer is thinner than the cells beside its wall; make them finer (mesh.grade), "
                "or leave out solver.formulation",
                replace(statistics, reason="beyond_bounds"),
            )


def locate_not_a_number(error: NewtonError, system: System, comm: Any) -> NewtonError:
    """The error, with the equations that have a residual that is not a number named. Collective.

    Args:
        error: error of Newton's method.
        system: discrete equations at the state where it failed.
        comm: MPI communicator.

    Returns:
        The same error where its reason is another one.
    """
    if error.statistics.reason != NOT_A_NUMBER_NAME.lower():
        return error
    anywhere = reduced(comm, ~np.isfinite(system.nodal_flux()).all(axis=0), MPI.LOR)
    names = [n for n, bad in zip((*system.signature.names, "the potential"), anywhere, strict=True) if bad]
    where = f"in the equation of {', '.join(names)}: " if names else ""
    return NewtonError(f"{where}{error}", error.statistics)
