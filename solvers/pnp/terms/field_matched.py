"""Field-matched injectors: the field that their electroneutral current needs, so that no Debye layer forms there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, override

from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.ufl_term import Integral, UflTerm


class FieldMatched(UflTerm):
    """Normal field g of injectors of species k with the flux J, the integrand -lambda^2 g v with

    g = J / (z_k D_k (sum_{j != k} z_j (z_j / z_k - 1) c_j - rho)).
    """

    order = 100
    extra_degree = 2

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        self._strengths = {name: fields.constant() for name, _ in fields.signature.field_matched}
        self._valence = [fields.constant() for _ in range(fields.count)]
        self._diffusivity = [fields.constant() for _ in range(fields.count)]
        self._debye_squared, self._rho = fields.constant(), fields.constant()
        super().__init__(fields, problem_data)

    @classmethod
    @override
    def applies(cls, problem_data: ProblemData) -> bool:
        return bool(problem_data.signature.field_matched)

    def _field(self, strength: Any, k: int) -> Any:
        z, fields = self._valence, self.fields
        c = [fields.variables.concentration(w) for w in fields.functions[:-1]]
        others = sum(z[j] * (z[j] / z[k] - 1.0) * c_j for j, c_j in enumerate(c) if j != k)
        diffusivity = self._diffusivity[k] * fields.transport[k].operators.measure.profile
        return strength / (z[k] * diffusivity * (others - self._rho))

    @override
    def integrals(self) -> Iterator[Integral]:
        debye_squared = self._debye_squared * self.fields.permittivity.measure.profile
        for name, k in self.fields.signature.field_matched:
            yield Integral(self.fields.count, name, -(debye_squared * self._field(self._strengths[name], k)))

    @override
    def update(self, step: StepData) -> None:
        super().update(step)
        coefficients, areas, weights = self.fields.coefficients, step.areas, self.fields.weights
        for name, strength in self._strengths.items():
            (injection,) = step.problem_data.boundaries[name].injections
            strength.value = injection.total(areas[name]) / step.scales.current / weights.area[name]
        for i in range(self.fields.count):
            self._valence[i].value, self._diffusivity[i].value = coefficients.valence[i], coefficients.diffusivity[i]
        self._debye_squared.value = coefficients.debye_squared
        self._rho.value = step.problem_data.electrolyte.uniform_charge / step.scales.concentration
