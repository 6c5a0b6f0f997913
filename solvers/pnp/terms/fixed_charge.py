"""Immobile charge rho in the volume: uniform, or by regions between planes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, override

import numpy as np

from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import Term


class FixedCharge(Term):
    """Fixed charge of Poisson's equation; the uniform part stands beside the ions, that of regions is a load."""

    order = 80
    #: Uniform part of the charge, scaled.
    uniform = 0.0
    _regional: np.ndarray | None = None

    @override
    def update(self, step: StepData) -> None:
        electrolyte, weights = step.problem_data.electrolyte, self.fields.weights
        self.uniform = electrolyte.uniform_charge / step.scales.concentration
        regions = electrolyte.charged_regions
        self._regional = weights.fixed_charge(regions) / step.scales.concentration if regions else None

    @override
    def integrands(self) -> Iterator[tuple[int, Any]]:
        if self.uniform:
            yield self.fields.count, -self.uniform * self.fields.operators.v

    @override
    def add_residual(self, residual: np.ndarray) -> None:
        if self.uniform:
            residual[:, -1] -= self.uniform * self.fields.weights.volume[: self.fields.owned]

    @override
    def add_load(self, load: np.ndarray) -> None:
        if self._regional is not None:
            load[:, -1] += self._regional
