"""The weak form of the steady Poisson-Nernst-Planck equations, in scaled variables.

For test functions v_i (species) and w (potential), with the unknowns c_1..c_N and phi in one blocked space:

    sum_i int D_i (grad c_i + z_i c_i grad phi) . grad v_i dx
        + int lambda^2 grad phi . grad w dx - int (sum_i z_i c_i + rho) w dx = 0,

where dx is the measure of the body, in any dimension of its mesh (`measure.Measure`)

(paper 001, eq. (1), with the anion's gradient corrected). The integrals over boundaries are zero on reflecting ones;
prescribed currents enter as a load vector (`steady.SteadyProblem`), so that one compiled form serves every boundary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.meshes.stack import fem, ufl
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.measure import Measure
from spinepnp.solvers.scaling import Scales


@dataclass(frozen=True)
class Coefficients:
    """Constants of the weak form, changed between solves without compiling again.

    Attributes:
        valence: z_i, one scalar constant a species.
        diffusivity: D_i, scaled.
        debye_squared: lambda^2.
        fixed_charge: rho, scaled.
    """

    valence: list[Any]
    diffusivity: list[Any]
    debye_squared: Any
    fixed_charge: Any

    @classmethod
    def on(cls, mesh: Any, species: int) -> Coefficients:
        """Unset constants for a number of species."""

        def constant() -> Any:
            return fem.Constant(mesh, np.float64(0.0))

        return cls([constant() for _ in range(species)], [constant() for _ in range(species)], constant(), constant())

    def set(self, electrolyte: Electrolyte, scales: Scales) -> None:
        """Take the values of an electrolyte."""
        for i, species in enumerate(electrolyte.species):
            self.valence[i].value = species.valence
            self.diffusivity[i].value = electrolyte.effective_diffusivity(species) / scales.diffusivity
        self.debye_squared.value = scales.debye**2
        self.fixed_charge.value = electrolyte.fixed_charge / scales.concentration


def quadrature_degree(element_degree: int) -> int:
    """Degree that integrates c grad phi . grad v exactly on straight cells (3p - 2), and the charge c w (2p)."""
    return max(2 * element_degree, 3 * element_degree - 2)


def steady_residual(U: Any, coefficients: Coefficients, measure: Measure) -> Any:
    """The residual form F(U; V) of the steady equations without boundary terms.

    Args:
        U: the unknowns (c_1, ..., c_N, phi), a function in a blocked Lagrange space of N + 1 components.
        coefficients: the constants of the equations.
        measure: of the body that the mesh stands for.

    Returns:
        A UFL linear form in the test functions of U's space.
    """
    space = U.function_space
    test = ufl.TestFunction(space)
    count = len(coefficients.valence)
    phi, w = U[count], test[count]
    integrand = coefficients.debye_squared * ufl.inner(ufl.grad(phi), ufl.grad(w))
    integrand -= coefficients.fixed_charge * w
    for i, (z, D) in enumerate(zip(coefficients.valence, coefficients.diffusivity, strict=True)):
        integrand += D * ufl.inner(ufl.grad(U[i]) + z * U[i] * ufl.grad(phi), ufl.grad(test[i]))
        integrand -= z * U[i] * w
    return measure.over_volume(integrand, quadrature_degree(space.element.basix_element.degree))
