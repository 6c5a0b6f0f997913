"""Displacement field of the potential: lambda^2 grad phi . grad v (Poisson's equation)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, override

import numpy as np

from spinepnp.solvers.fem.forms import stiffness
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.blocks import Blocks
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.terms.base import Term


class Poisson(Term):
    """Field term of Poisson's equation, by the stiffness matrix K with the profile of the permittivity."""

    order = 30

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        self.pairs = [(fields.count, fields.count)]
        self._product = fields.operators.vector()

    @override
    def integrands(self) -> Iterator[tuple[int, Any]]:
        fields = self.fields
        yield fields.count, stiffness(fields.coefficients.debye_squared, fields.phi, fields.operators.v)

    @override
    def add_residual(self, residual: np.ndarray) -> None:
        self.fields.permittivity.K.mult(self.fields.phi.x.petsc_vec, self._product)
        residual[:, -1] += self.fields.coefficients.debye_squared * self._product.array_r

    @override
    def add_jacobian(self, blocks: Blocks) -> None:
        block = blocks.write(self.fields.count, self.fields.count)
        self.fields.permittivity.K.copy(block, structure=True)
        block.scale(self.fields.coefficients.debye_squared)

    @override
    def destroy(self) -> None:
        self._product.destroy()
