"""Amount of each species, int c_i v: its storage alpha c_i in time, and its charge z_i c_i in Poisson's equation.

Both have one matrix, the derivative of the storage, which is assembled once in the block of the charge.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, override

import numpy as np

from spinepnp.solvers.fem.forms import mass
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.blocks import Blocks
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.terms.base import Term


class Storage(Term):
    """Storage of every species in time and its ionic charge, in the form of its variables."""

    order = 40

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        last, nodal = fields.count, fields.signature.has_chemistry and fields.variables.lumped
        self._nodal = nodal
        for i in range(last):
            (self.nodal_pairs if nodal else self.pairs).extend(((i, i), (last, i)))

    @override
    def integrands(self) -> Iterator[tuple[int, Any]]:
        fields, coefficients, v = self.fields, self.fields.coefficients, self.fields.operators.v
        for i, w in enumerate(fields.functions[:-1]):
            c = fields.variables.concentration(w)
            if coefficients.storage_rate:
                yield i, mass(coefficients.storage_rate, c, v)
            if z := float(coefficients.valence[i]):
                yield fields.count, mass(-z, c, v)

    @override
    def add_residual(self, residual: np.ndarray) -> None:
        c, storage = self.fields.coefficients, self.fields.storage()
        if c.storage_rate:
            residual[:, :-1] += c.storage_rate * storage
        residual[:, -1] -= storage @ c.valence

    @override
    def add_jacobian(self, blocks: Blocks) -> None:
        c, last = self.fields.coefficients, self.fields.count
        for i, w in enumerate(self.fields.functions[:-1]):
            charge = blocks.write(last, i)
            self.fields.variables.fill_storage_slope(charge, w)
            if c.storage_rate and self._nodal:
                diagonal = charge.getDiagonal()
                diagonal.scale(c.storage_rate)
                blocks.add(i, i).setDiagonal(diagonal, addv=True)
                diagonal.destroy()
            elif c.storage_rate:
                blocks.add(i, i).axpy(c.storage_rate, charge, structure=True)
            charge.scale(-c.valence[i])

    @override
    def charge_response(self) -> np.ndarray:
        c = np.maximum(self.fields.concentrations()[: self.fields.owned], 0.0)
        return np.asarray(c @ (self.fields.coefficients.valence**2 * self.fields.moves))
