"""Uniform production of species in the whole domain, as a load."""

from __future__ import annotations

from typing import override

import numpy as np

from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import Term


class Source(Term):
    """Rates of production of the species."""

    order = 60

    @override
    def update(self, step: StepData) -> None:
        self._rates = [s.source / step.scales.rate for s in step.problem_data.electrolyte.species]
        self._produced = np.array([s.source for s in step.problem_data.electrolyte.species]) * step.volume

    @override
    def add_load(self, load: np.ndarray) -> None:
        for i, rate in enumerate(self._rates):
            if rate:
                load[:, i] += rate * self.fields.weights.volume[: self.fields.owned]

    @override
    def production(self) -> np.ndarray:
        return self._produced
