"""Capacitance of thin membranes: eps dV/dn = C_m (V_out - V), the integrand kappa (phi - phi_out) v."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, override

from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.ufl_term import Integral, UflTerm


class Capacitance(UflTerm):
    """Charge on membranes, in proportion to the potential across them; kappa = C_m V_T / (F c L)."""

    order = 90
    #: As in the weights of boundaries, with which results integrate the potential over a curved wall.
    extra_degree = 2

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        self._constants = {name: (fields.constant(), fields.constant()) for name in fields.signature.membranes}
        super().__init__(fields, problem_data)

    @classmethod
    @override
    def applies(cls, problem_data: ProblemData) -> bool:
        return bool(problem_data.signature.membranes)

    @override
    def integrals(self) -> Iterator[Integral]:
        for name, (kappa, outside) in self._constants.items():
            yield Integral(self.fields.count, name, kappa * (self.fields.phi - outside))

    @override
    def update(self, step: StepData) -> None:
        super().update(step)
        for name, (kappa, outside) in self._constants.items():
            boundary = step.problem_data.boundaries[name]
            membrane: Any = boundary.capacitance  # the signature has it
            scales = step.scales
            kappa.value = membrane.value * scales.potential / scales.surface_charge
            outside.value = (boundary.outside_potential - step.zero) / scales.potential

    @override
    def wall_charges(self) -> dict[str, float]:
        weights, phi, charges = self.fields.weights, self.fields.phi.x.array, {}
        for name, (kappa, outside) in self._constants.items():
            area, integral = weights.area[name], weights.sum(weights.boundary[name] * phi)
            charges[name] = float(kappa.value) * (float(outside.value) * area - integral)
        return charges
