"""Currents through boundaries from the assembled residual, which conserves them exactly.

The residual of species i, tested against all basis functions of a boundary where its concentration is prescribed, is
the flux that enters there (int D (dn c + z c dn phi)); grad c . n on the boundary would err by O(h).
"""

from __future__ import annotations

import numpy as np

from spinepnp.solvers.fem.weights import IntegrationWeights


def currents_at_constraints(
    nodal_flux: np.ndarray,
    indicators: dict[str, np.ndarray],
    valence: np.ndarray,
    unit: float,
    weights: IntegrationWeights,
) -> dict[str, np.ndarray]:
    """Current of each species through the constrained degrees of freedom of each boundary, A. Collective.

    Positive charge entering counts positive. Newton's remaining residual is part of the currents, so that the sum over
    all boundaries measures the balance.

    Args:
        nodal_flux: columns of the species of `System.nodal_flux`, scaled, shape (owned dofs, N).
        indicators: 1 where a degree of freedom of a species counts for a boundary, by name, shape (owned dofs, N).
        valence: valence of each species, shape (N,).
        unit: current of one scaled unit, A.
        weights: weights of all boundaries.

    Returns:
        Currents by boundary name, shape (N,).
    """
    ones = np.ones(len(nodal_flux))
    return {name: weights.integral(ones, part * nodal_flux) * valence * unit for name, part in indicators.items()}
