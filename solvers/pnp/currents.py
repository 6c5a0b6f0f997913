"""Currents through boundaries from the assembled residual, which conserves them exactly.

The residual of species i, tested against all basis functions of a boundary where its concentration is prescribed, is
the flux that enters there (int D (dn c + z c dn phi)); grad c . n on the boundary would err by O(h).
"""

from __future__ import annotations

import numpy as np

from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.scaling import Scales
from spinepnp.units import FARADAY


def loads(boundaries: Boundaries, electrolyte: Electrolyte, scales: Scales, weights: IntegrationWeights) -> np.ndarray:
    """Load vector of prescribed currents, surface charges, sources and fixed charge by region, scaled. Collective.

    The density of a current is its total over the area of the discrete patch, so that the total is exact.

    Returns:
        Loads of shape (owned degrees of freedom, species + 1).
    """
    load, owned = np.zeros((weights.owned, len(electrolyte.species) + 1)), weights.owned
    for name, boundary in boundaries.items():
        for injection in boundary.injections:
            i = electrolyte.index(injection.species)
            total = injection.total(weights.area[name] * scales.length**2)
            flux = total / (electrolyte.species[i].valence * scales.current)
            load[:, i] += flux / weights.area[name] * weights.boundary[name][:owned]
        if boundary.surface_charge is not None:
            load[:, -1] += boundary.surface_charge / scales.surface_charge * weights.boundary[name][:owned]
    for i, species in enumerate(electrolyte.species):
        if species.source:
            load[:, i] += species.source / scales.rate * weights.volume[:owned]
    if electrolyte.charged_regions:
        load[:, -1] += weights.fixed_charge(electrolyte.charged_regions) / scales.concentration
    return load


def inflows(
    boundaries: Boundaries, electrolyte: Electrolyte, scales: Scales, weights: IntegrationWeights
) -> dict[str, tuple[float, float]]:
    """Current of each species from sources and prescribed currents, net and sum of absolute values, A.

    A species without charge is counted as if it had one.
    """
    volume = weights.total_volume * scales.length**3
    totals = {}
    for species in electrolyte.species:
        parts = [FARADAY * (species.valence or 1) * species.source * volume]
        for name, boundary in boundaries.items():
            area = weights.area[name] * scales.length**2
            parts += [i.total(area) for i in boundary.injections if i.species == species.name]
        totals[species.name] = sum(parts), sum(map(abs, parts))
    return totals


def terminal_currents(
    nodal_flux: np.ndarray,
    indicators: dict[str, np.ndarray],
    boundaries: Boundaries,
    electrolyte: Electrolyte,
    scales: Scales,
    weights: IntegrationWeights,
    through_channels: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Current of each species through each boundary; positive charge entering counts positive. Collective.

    Args:
        nodal_flux: columns of the species of `System.nodal_flux`, scaled, shape (owned dofs, species).
        indicators: 1 where a degree of freedom of a species counts for a boundary, by name, shape (owned dofs, N).
        boundaries: boundary conditions by name.
        electrolyte: species of the case.
        scales: scales of the residual.
        weights: weights of all boundaries.
        through_channels: currents of channels, A, by boundary name, shape (species,).

    Returns:
        Currents in A by boundary name, shape (species,). Newton's remaining residual is part of them, so that the sum
        over all boundaries measures the balance.
    """
    valence = np.array([s.valence for s in electrolyte.species], dtype=float)
    currents = {}
    for name, indicator in indicators.items():
        current = weights.integral(np.ones(len(nodal_flux)), indicator * nodal_flux) * valence * scales.current
        for injection in boundaries[name].injections if name in boundaries else ():
            area = weights.area[name] * scales.length**2
            current[electrolyte.index(injection.species)] += injection.total(area)
        currents[name] = current + through_channels.get(name, 0.0)
    return currents
