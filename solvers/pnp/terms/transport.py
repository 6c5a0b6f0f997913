"""Diffusion and drift of each species: D_i (grad c_i + z_i c_i grad phi) . grad v (paper 001, eq. (1))."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, override

import numpy as np

from spinepnp.solvers.fem.forms import drift, stiffness
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.blocks import Blocks
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.terms.base import Term


class Transport(Term):
    """Nernst-Planck flux of every species, in the form of its variables (`pnp.variables`)."""

    order = 20

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        last = fields.count
        self.pairs = [pair for i in range(last) for pair in ((i, i), (i, last))]

    @override
    def integrands(self) -> Iterator[tuple[int, Any]]:
        fields, coefficients, v = self.fields, self.fields.coefficients, self.fields.operators.v
        for i, w in enumerate(fields.functions[:-1]):
            D, z = float(coefficients.diffusivity[i]), float(coefficients.valence[i])
            c = fields.variables.concentration(w)
            yield i, stiffness(D, c, v) + drift(D * z, fields.phi, c, v)

    @override
    def add_residual(self, residual: np.ndarray) -> None:
        c, variables = self.fields.coefficients, self.fields.variables
        for i, w in enumerate(self.fields.functions[:-1]):
            residual[:, i] += c.diffusivity[i] * variables.flux(w, c.valence[i])

    @override
    def add_jacobian(self, blocks: Blocks) -> None:
        c, variables, last = self.fields.coefficients, self.fields.variables, self.fields.count
        for i, w in enumerate(self.fields.functions[:-1]):
            own, conduction = blocks.write(i, i), blocks.write(i, last)
            variables.fill_flux_slope(own, w, c.valence[i])
            own.scale(c.diffusivity[i])
            variables.fill_conduction(conduction, w)
            conduction.scale(c.diffusivity[i] * c.valence[i])

    @override
    def conductivity(self) -> np.ndarray:
        c, coefficients = self.fields.concentrations()[: self.fields.owned], self.fields.coefficients
        return np.asarray(np.maximum(c, 0.0) @ (coefficients.valence**2 * coefficients.diffusivity))
