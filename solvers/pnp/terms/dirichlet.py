"""Prescribed potentials and concentrations of boundaries (Dirichlet conditions)."""

from __future__ import annotations

from typing import override

import numpy as np

from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import Condition, Term


class Dirichlet(Term):
    """Unknowns with the prescribed values of their boundaries."""

    order = 10

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        self.prescribed = [
            Condition(i, fields.boundary_dofs[name], name)
            for name, prescribes_potential, species in fields.signature.dirichlet
            for i in [fields.names.index(s) for s in species] + ([fields.count] if prescribes_potential else [])
        ]

    @override
    def update(self, step: StepData) -> None:
        names, variables, scales = self.fields.names, self.fields.variables, step.scales
        for condition in self.prescribed:
            boundary, i = step.problem_data.boundaries[condition.boundary], condition.component
            if i < self.fields.count:
                value = boundary.prescribed(step.problem_data.electrolyte)[names[i]]
                condition.value = float(variables.unknowns(np.array(value / scales.concentration)))
                continue
            potential = boundary.prescribed_potential
            if potential is None:
                raise ValueError(f"{condition.boundary} prescribes no potential, as it did at construction")
            condition.value = (potential - step.zero) / scales.potential
