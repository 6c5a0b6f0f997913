"""What a steady solve gives, in SI units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.newton import NewtonStatistics


@dataclass(frozen=True)
class BoundaryState:
    """What a boundary shows: area (m^2), mean potential (V), mean concentrations (mol/m^3) and currents (A)."""

    area: float
    potential: float
    concentration: dict[str, float]
    current: dict[str, float]

    @property
    def total_current(self) -> float:
        """Sum over the species, A."""
        return sum(self.current.values())


@dataclass(frozen=True)
class ProbeState:
    """What a point shows: potential (V) and concentrations (mol/m^3)."""

    potential: float
    concentration: dict[str, float]


@dataclass(frozen=True)
class Solution:
    """A steady state.

    Attributes:
        unknowns: nodal values (c_1..c_N in mol/m^3, potential in V), shape (local degrees of freedom, N + 1).
        electrolyte: what was solved for.
        boundary: means and currents by boundary name.
        probes: values at single points by their name.
        volume: m^3.
        mean_potential: over the volume, V.
        mean_concentration: over the volume, mol/m^3.
        min_concentration: smallest nodal value of each species, mol/m^3.
        ion_balance: largest |sum of boundary currents| over the largest current of a species.
        layers_resolved: whether the cells at every boundary with a Debye layer are finer than the Debye length there.
        electroneutral: mean electroneutral potential over each boundary, V; empty where the law does not hold.
        statistics: of the Newton solve.
    """

    unknowns: np.ndarray
    electrolyte: Electrolyte
    boundary: dict[str, BoundaryState]
    probes: dict[str, ProbeState]
    volume: float
    mean_potential: float
    mean_concentration: dict[str, float]
    min_concentration: dict[str, float]
    ion_balance: float
    layers_resolved: bool
    electroneutral: dict[str, float]
    statistics: NewtonStatistics
