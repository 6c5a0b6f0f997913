"""Prescribed fluxes through boundaries, as loads; for species without charge too."""

from __future__ import annotations

from typing import override

import numpy as np

from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import Term


class Flux(Term):
    """Amount of a species per area and time that enters through a boundary."""

    order = 55

    @override
    def update(self, step: StepData) -> None:
        electrolyte, scales = step.problem_data.electrolyte, step.scales
        self._current, unit = scales.current, scales.diffusivity * scales.concentration / scales.length
        #: Boundary, index of the species, and flux density, scaled.
        self._entries = [
            (name, electrolyte.index(flux.species), flux.value / unit)
            for name, boundary in step.problem_data.boundaries.items()
            for flux in boundary.flux or ()
        ]

    @override
    def add_load(self, load: np.ndarray) -> None:
        for name, i, flux in self._entries:
            load[:, i] += flux * self.fields.weights.boundary[name][: self.fields.owned]

    @override
    def add_currents(self, currents: dict[str, np.ndarray]) -> None:
        valence = self.fields.coefficients.valence
        for name, i, flux in self._entries:
            currents[name][i] += valence[i] * self._current * flux * self.fields.weights.area[name]
