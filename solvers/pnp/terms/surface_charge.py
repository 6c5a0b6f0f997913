"""Surface charge of walls without a field behind them, as a load: eps dV/dn = sigma."""

from __future__ import annotations

from typing import override

import numpy as np

from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import Term


class SurfaceCharge(Term):
    """Charge per area of the walls."""

    order = 70

    @override
    def update(self, step: StepData) -> None:
        boundaries = step.problem_data.boundaries.items()
        charges = {name: b.surface_charge for name, b in boundaries if b.surface_charge is not None}
        self._charges = {name: charge / step.scales.surface_charge for name, charge in charges.items()}

    @override
    def add_load(self, load: np.ndarray) -> None:
        for name, charge in self._charges.items():
            load[:, -1] += charge * self.fields.weights.boundary[name][: self.fields.owned]
