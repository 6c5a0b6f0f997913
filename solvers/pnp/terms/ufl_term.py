"""Terms from UFL integrands: the residual is given, its Jacobian follows by differentiation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, override

import numpy as np

from spinepnp.runtime.kernels import compile_form
from spinepnp.runtime.stack import ufl
from spinepnp.solvers.fem.forms import mass_degree
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.blocks import Blocks
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import Term
from spinepnp.units import FARADAY


@dataclass(frozen=True)
class Integral:
    """One integral of the residual.

    Attributes:
        component: index of the equation; that of the potential is the last one.
        boundary: name of the boundary over which the integral goes; empty for the volume.
        density: factor of the test function in the integrand, scaled, a UFL expression.
    """

    component: int
    boundary: str
    density: Any


class UflTerm(Term):
    """Sum of integrals density v over boundaries and the volume, given by `integrals`.

    Attributes:
        extra_degree: degree of quadrature beyond that of a product of two functions of the space.
    """

    extra_degree = 0

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        self._residuals: dict[int, Any] = {}
        self._slopes: dict[tuple[int, int], Any] = {}
        self._apart: dict[tuple[int, str], Any] = {}
        self._compile()

    def integrals(self) -> Iterable[Integral]:
        """Integrals of the residual; values that change are constants of `Fields.constant`."""
        raise NotImplementedError

    def _form(self, part: Integral, *, alone: bool = False) -> Any:
        operators = self.fields.operators
        degree = mass_degree(operators.degree) + self.extra_degree
        if part.boundary:
            return operators.measure.over_boundary(part.density * operators.v, part.boundary, degree, alone=alone)
        return operators.measure.over_volume(part.density * operators.v, degree)

    def _compile(self) -> None:
        forms: dict[int, Any] = {}
        self.parts = list(self.integrals())
        for part in self.parts:
            forms[part.component] = forms.get(part.component, 0) + self._form(part)
        for i, form in forms.items():
            self._residuals[i] = compile_form(form)
            for j, unknown in enumerate(self.fields.functions):
                slope = ufl.algorithms.expand_derivatives(ufl.derivative(form, unknown, self.fields.operators.u))
                if not slope.empty():
                    self._slopes[i, j] = compile_form(slope)
        self.pairs = list(self._slopes)

    @override
    def add_residual(self, residual: np.ndarray) -> None:
        for i, form in self._residuals.items():
            residual[:, i] += self.fields.operators.integrals(form)

    @override
    def add_jacobian(self, blocks: Blocks) -> None:
        for pair, form in self._slopes.items():
            self.fields.operators.add(blocks.add(*pair), form)

    @override
    def update(self, step: StepData) -> None:
        self._scales = step.scales

    def _inflows(self) -> dict[tuple[int, str], float]:
        """Flow of each species through each boundary, or from the volume, into the domain, scaled. Collective."""
        inflows: dict[tuple[int, str], float] = {}
        for part in self.parts:
            key = part.component, part.boundary
            if part.component == self.fields.count or key in inflows:
                continue
            if key not in self._apart:
                same = [self._form(p, alone=True) for p in self.parts if (p.component, p.boundary) == key]
                self._apart[key] = compile_form(sum(same[1:], same[0]))
            total = self.fields.weights.sum(self.fields.operators.integrals(self._apart[key]))
            inflows[key] = -total / self.fields.coefficients.step_size
        return inflows

    @override
    def add_currents(self, currents: dict[str, np.ndarray]) -> None:
        for (i, boundary), inflow in self._inflows().items():
            if boundary:
                currents[boundary][i] += self.fields.coefficients.valence[i] * self._scales.current * inflow

    @override
    def through(self) -> np.ndarray:
        through = np.zeros(self.fields.count)
        for (i, _), inflow in self._inflows().items():
            through[i] += abs(inflow)
        return through

    @override
    def production(self) -> np.ndarray:
        production = np.zeros(self.fields.count)
        for (i, boundary), inflow in self._inflows().items():
            if not boundary:
                production[i] += inflow * self._scales.current / FARADAY
        return production
