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
    """Nernst-Planck flux of every species, in the form of its variables (`pnp.variables`).

    D_i is the largest diffusivity; the variables of a species have the profile of its diffusivity over that.
    """

    order = 20

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        last = fields.count
        self._moving = [i for i in range(last) if i not in fields.immobile]
        self.pairs = [pair for i in self._moving for pair in ((i, i), (i, last))]
        self._at_nodes = np.ones(last)  # diffusivities over their largest ones
        if profiles := fields.signature.diffusivity:
            self._at_nodes = np.column_stack([fields.weights.at_nodes(profile)[: fields.owned] for profile in profiles])

    @override
    def integrands(self) -> Iterator[tuple[int, Any]]:
        fields, coefficients, v = self.fields, self.fields.coefficients, self.fields.operators.v
        for i in self._moving:
            w = fields.functions[i]
            D, z = float(coefficients.diffusivity[i]), float(coefficients.valence[i])
            c = fields.variables.concentration(w)
            yield i, stiffness(D, c, v) + drift(D * z, fields.phi, c, v)

    @override
    def add_residual(self, residual: np.ndarray) -> None:
        c = self.fields.coefficients
        for i in self._moving:
            w, variables = self.fields.functions[i], self.fields.transport[i]
            residual[:, i] += c.diffusivity[i] * variables.flux(w, c.valence[i])

    @override
    def add_jacobian(self, blocks: Blocks) -> None:
        c, last = self.fields.coefficients, self.fields.count
        for i in self._moving:
            w, variables = self.fields.functions[i], self.fields.transport[i]
            own, conduction = blocks.write(i, i), blocks.write(i, last)
            variables.fill_flux_slope(own, w, c.valence[i])
            own.scale(c.diffusivity[i])
            variables.fill_conduction(conduction, w)
            conduction.scale(c.diffusivity[i] * c.valence[i])

    @override
    def conductivity(self) -> np.ndarray:
        c, coefficients = self.fields.concentrations()[: self.fields.owned], self.fields.coefficients
        conducted = np.maximum(c, 0.0) * self._at_nodes
        return np.asarray(conducted @ (coefficients.valence**2 * coefficients.diffusivity))
