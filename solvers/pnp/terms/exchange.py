"""Exchange with a well-stirred solution beyond a boundary: the flux k (c_out - c) into the domain (Robin condition)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import override

from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.ufl_term import Integral, UflTerm


class Exchange(UflTerm):
    """Flux of each species in proportion to its difference from a concentration outside."""

    order = 105
    extra_degree = 2  # for exponentials, where logarithms are unknowns

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        self._entries = [
            (name, fields.names.index(exchange.species), fields.constant(), fields.constant())
            for name, boundary in problem_data.boundaries.items()
            for exchange in boundary.exchange or ()
        ]
        super().__init__(fields, problem_data)

    @classmethod
    @override
    def applies(cls, problem_data: ProblemData) -> bool:
        return any(b.exchange for b in problem_data.boundaries.values())

    @override
    def integrals(self) -> Iterator[Integral]:
        for name, i, rate, outside in self._entries:
            concentration = self.fields.variables.concentration(self.fields.functions[i])
            yield Integral(i, name, rate * (concentration - outside))

    @override
    def update(self, step: StepData) -> None:
        super().update(step)
        boundaries, scales = step.problem_data.boundaries, step.scales
        given = [exchange for name in boundaries for exchange in boundaries[name].exchange or ()]
        for (_, _, rate, outside), exchange in zip(self._entries, given, strict=True):
            rate.value = step.step_size * exchange.rate * scales.length / scales.diffusivity
            outside.value = exchange.outside / scales.concentration
