"""Prescribed currents through boundaries, as loads: z_i J_i = I / area on the boundary."""

from __future__ import annotations

from typing import override

import numpy as np

from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import Term


class Injection(Term):
    """Prescribed currents; the density is the total over the area of the discrete patch, so that the total is exact."""

    order = 50

    @override
    def update(self, step: StepData) -> None:
        electrolyte, areas = step.problem_data.electrolyte, step.areas
        #: Boundary, index of the species, current in A, and its flux, scaled.
        self._entries = []
        for name, boundary in step.problem_data.boundaries.items():
            for injection in boundary.injections:
                i = electrolyte.index(injection.species)
                total = injection.total(areas[name])
                self._entries.append((name, i, total, total / (electrolyte.species[i].valence * step.scales.current)))

    @override
    def add_load(self, load: np.ndarray) -> None:
        weights = self.fields.weights
        for name, i, _, flux in self._entries:
            load[:, i] += flux / weights.area[name] * weights.boundary[name][: self.fields.owned]

    @override
    def add_currents(self, currents: dict[str, np.ndarray]) -> None:
        for name, i, total, _ in self._entries:
            currents[name][i] += total
