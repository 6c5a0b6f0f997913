"""Electrical loads: the net current through a boundary is the one that its load gives at the potential of the boundary.

In a step the load makes the same implicit stage as the domain (`model.cable`), with its inner potentials eliminated, so
that its equation stays linear in the potential of the boundary.
"""

from __future__ import annotations

from dataclasses import replace
from typing import override

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.model.cable import LoadModel
from spinepnp.solvers.model.problem_data import ProblemData, ProblemSignature
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import BorderRow
from spinepnp.solvers.pnp.terms.net_current import NetCurrent

#: Rounding error of a potential over its size.
PRECISION = 4.0 * float(np.finfo(float).eps)


class Loads(NetCurrent):
    """Potentials of boundaries with loads.

    The equation of a boundary is divided by its derivative by the potential where that is above one: a load of small
    resistance nearly prescribes the potential. At the start of a transient the potentials are those of the loads.
    """

    order = 115

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        self._models = self._models_of(problem_data)

    def _models_of(self, problem_data: ProblemData) -> list[LoadModel]:
        return [problem_data.boundaries[name].load.model for name in self.names]

    @staticmethod
    @override
    def boundaries(signature: ProblemSignature) -> tuple[str, ...]:
        return signature.loaded

    @classmethod
    @override
    def applies(cls, problem_data: ProblemData) -> bool:
        return bool(problem_data.signature.loaded)

    @override
    def update(self, step: StepData) -> None:
        super().update(step)
        self._potential, self._zero = step.scales.potential, step.zero
        self._models, self._steps, first = self._models_of(step.problem_data), [], 0
        for model in self._models:
            start, length = model.at_rest, np.inf
            if self.state_step is not None:
                start, length = self.state_step.start[first : first + model.count], self.state_step.length
            self._steps.append(model.step(start, length))
            first += model.count
        self._start = np.array([load.start[0] - self._zero for load in self._steps]) / self._potential
        self._held = self.state_step is not None and self.state_step.at_start
        self._unit = self._step_size / step.scales.current
        self._own = np.array([self._unit * self._potential * load.slope for load in self._steps])
        self._factor = 1.0 / np.maximum(1.0, self._own)

    @override
    def passing(self, nodal_flux: np.ndarray) -> np.ndarray:
        """Terms of `NetCurrent.passing`, and that of the load; at the solution each row adds up to zero."""
        if self._held:
            return np.column_stack([self.constants, -self._start])
        potentials = self.constants * self._potential + self._zero
        loads = zip(self._steps, potentials.tolist(), strict=True)
        into = [self._unit * load.current(V) for load, V in loads]
        return np.column_stack([super().passing(nodal_flux), into]) * self._factor[:, None]

    @override
    def rounding(self) -> np.ndarray:
        """Error by the digits of the potential, whose difference to that at the start counts."""
        return PRECISION * self._own * self._factor * (np.abs(self.constants) + np.abs(self._start))

    @override
    def rows(self) -> list[BorderRow]:
        if self._held:
            return [BorderRow(own=1.0) for _ in self._steps]
        rows = zip(super().rows(), self._own, self._factor, strict=True)
        return [replace(row, weights=row.weights * factor, own=float(own * factor)) for row, own, factor in rows]

    @override
    def state_names(self) -> list[str]:
        """An empty name for the potential of each node of each load."""
        return [""] * sum(model.count for model in self._models)

    @override
    def states(self) -> np.ndarray:
        phi = self.fields.phi.x.array
        local = np.array([phi[condition.dofs].max(initial=-np.inf) for condition in self.shared])
        values = reduced(self.fields.comm, local, MPI.MAX) * self._potential + self._zero
        loads = zip(self._models, self._steps, values.tolist(), strict=True)
        steady = self.state_step is None
        return np.concatenate([model.steady(V) if steady else load.end(V) for model, load, V in loads])

    @override
    def start_states(self) -> np.ndarray:
        return np.concatenate([model.at_rest for model in self._models])

    @override
    def state_scales(self) -> np.ndarray:
        return np.full(len(self.state_names()), self._potential)
