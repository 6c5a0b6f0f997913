"""Errors of the potential across Debye layers on the cells of a mesh, each compared with a fine layer on a line."""

from __future__ import annotations

import functools
import math

import numpy as np

from spinepnp.solvers.model.planar_layer import EXTENT, PlanarLayer, error_of_drop, error_of_edge, graded_heights

#: Potential drop up to which a layer is linear in its charge, V_T.
LINEAR = 0.2

#: Linear drop (charge of the wall times Debye length over lambda^2) above which a layer is steep, V_T.
STEEP = 2.0

#: States whose errors are remembered.
CACHE_SIZE = 1000


def drop_error(
    beside: PlanarLayer,
    charge: float,
    first: float,
    growth: float,
    largest: float,
    width: float,
    degree: int,
    lumped: bool,
) -> tuple[float, float]:
    """Error of the drop of a layer on cells, and the drop, V_T.

    Weak layers are linear in their charge: one solve serves them all.

    Args:
        beside: solution beside the layer.
        charge: charge that the layer screens, scaled.
        first: height of the cell at the wall, scaled as all lengths.
        growth: ratio of the heights of neighbouring cells.
        largest: largest height of a cell.
        width: volume per area of the wall.
        degree: degree of the elements.
        lumped: whether the charge of linear elements is that of the nodes.
    """
    debye = beside.debye_length
    if not math.isfinite(debye):
        return 0.0, 0.0
    linear = charge * debye / beside.debye_squared
    if abs(linear) < LINEAR and width > EXTENT * debye and not beside.fixed:
        ratios = (rounded(first / debye), growth, rounded(largest / debye))
        return linear * _linear_error(*ratios, degree, lumped), linear
    # In a steep layer concentrations lose more than the integral of their charge.
    lumped = lumped or (degree == 1 and abs(linear) > STEEP)
    extent = min(EXTENT * debye, width)
    heights = graded_heights(first, growth, largest, max(extent, 4.0 * first))
    return error_of_drop(beside, charge, heights, degree=degree, lumped=lumped)


def missing_pressure(field: float, height: float, debye_squared: float) -> float:
    """Maxwell stress lambda^2/2 g^2 at an end with a neutral solution that a cell there does not resolve.

    The field g of a strong current falls with the distance x from such an end, as g/(1 + g x): its mean over a cell of
    height h is ln(1 + g h)/h. Where ions move freely, stress and osmotic pressure balance: what is missing of one is
    missing in sum_i c_i wherever the field is weak again.

    Args:
        field: field g, V_T over the unit of length.
        height: height h of the cell.
        debye_squared: lambda^2.

    Returns:
        Missing stress in the unit of the concentrations.
    """
    change = field * height
    return 0.5 * debye_squared * field**2 * (1.0 - (math.log1p(change) / change) ** 2) if change > 0.0 else 0.0


def rounded(value: float) -> float:
    """The number to three digits, so that states of one run share what is remembered."""
    return float(f"{value:.2e}")


@functools.lru_cache(maxsize=CACHE_SIZE)
def _linear_error(first: float, growth: float, largest: float, degree: int, lumped: bool) -> float:
    """Relative error of the drop of a weak layer; lengths in Debye lengths."""
    beside = PlanarLayer(np.array([1.0, -1.0]), np.array([0.5, 0.5]), 0.0, 1.0)
    heights = graded_heights(first, growth, largest, max(EXTENT, 4.0 * first))
    error, exact = error_of_drop(beside, 1e-3, heights, degree=degree, lumped=lumped)
    return error / exact


@functools.lru_cache(maxsize=CACHE_SIZE)
def edge_errors(
    valence: tuple[float, ...],
    concentration: tuple[float, ...],
    fixed: float,
    step: float,
    debye_squared: float,
    height: float,
    growth: float,
    largest: float,
    degree: int,
    lumped: bool,
) -> tuple[float, ...]:
    """Errors of `error_of_edge` by species, for rounded numbers: states of one run share them.

    Args:
        valence: valences z_i, shape (N,).
        concentration: concentrations of the neutral solution on one side, scaled, shape (N,).
        fixed: fixed charge there, scaled.
        step: jump of the fixed charge to the other side, scaled.
        debye_squared: square lambda^2 of the scaled Debye length.
        height: height of the cells on both sides of the edge, scaled as all lengths.
        growth: growth of the cells from there on.
        largest: largest height of a cell.
        degree: degree of the elements, 1 or 2.
        lumped: whether the mass matrix of linear elements is lumped.
    """
    solution = PlanarLayer(np.array(valence), np.array(concentration), fixed, debye_squared)
    return tuple(error_of_edge(solution, step, height, growth, largest, degree=degree, lumped=lumped).tolist())
