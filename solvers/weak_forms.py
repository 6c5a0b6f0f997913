"""The weak form of the steady Poisson-Nernst-Planck equations, in scaled variables.

For test functions v_i (species) and w (potential), with the unknowns c_1..c_N and phi in one blocked space:

    sum_i int (D_i (grad c_i + z_i c_i grad phi) . grad v_i - s_i v_i) dx
        + int lambda^2 grad phi . grad w dx - int (sum_i z_i c_i + rho) w dx = 0,

        + sum over membranes of int kappa (phi - phi_out) w ds - sum over matched injectors of int lambda^2 g w ds = 0,

where dx and ds are the measures of the body, in any dimension of its mesh (`measure.Measure`), kappa is the scaled
capacitance, and g = J / (z_k D_k (sum_{j != k} z_j (z_j / z_k - 1) c_j - rho)) the electroneutral field of a current
density J of species k

(paper 001, eq. (1), with the anion's gradient corrected). What stands for c_i among the unknowns, the density or its
logarithm, is for the `Formulation` to say. The integrals over boundaries are zero on reflecting ones; prescribed
currents, surface charges, sources s_i and fixed charge by region enter as a load vector (`loads`), so that one compiled
form serves every boundary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.meshes.stack import fem, ufl
from spinepnp.solvers.boundaries import Boundaries
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.formulation import Formulation
from spinepnp.solvers.measure import Measure
from spinepnp.solvers.scaling import Scales


@dataclass(frozen=True)
class Coefficients:
    """Constants of the weak form, changed between solves without compiling again.

    Attributes:
        valence: z_i, one scalar constant a species.
        diffusivity: D_i, scaled.
        debye_squared: lambda^2.
        fixed_charge: rho, scaled, as far as it is uniform.
        capacitance: kappa and phi_out of each membrane, by boundary name.
        matched: J of each matched injector, scaled, by boundary name.
    """

    valence: list[Any]
    diffusivity: list[Any]
    debye_squared: Any
    fixed_charge: Any
    capacitance: dict[str, tuple[Any, Any]]
    matched: dict[str, Any]

    @classmethod
    def on(cls, mesh: Any, species: int, membranes: tuple[str, ...], matched: tuple[str, ...]) -> Coefficients:
        """Unset constants for a number of species, and names of boundaries with a membrane or a matched injector."""

        def constant() -> Any:
            return fem.Constant(mesh, np.float64(0.0))

        return cls(
            valence=[constant() for _ in range(species)],
            diffusivity=[constant() for _ in range(species)],
            debye_squared=constant(),
            fixed_charge=constant(),
            capacitance={name: (constant(), constant()) for name in membranes},
            matched={name: constant() for name in matched},
        )

    def set(
        self,
        electrolyte: Electrolyte,
        boundaries: Boundaries,
        scales: Scales,
        gauge: float,
        areas: dict[str, float],
    ) -> None:
        """Take the values of a case.

        Args:
            electrolyte: the species.
            boundaries: what is imposed.
            scales: of the unknowns.
            gauge: potential that counts as zero, V.
            areas: of the boundaries, in units of length squared.
        """
        for name, (kappa, outside) in self.capacitance.items():
            membrane = boundaries[name].capacitance
            assert membrane is not None
            kappa.value = membrane.value * scales.potential / scales.surface_charge
            outside.value = (membrane.outside - gauge) / scales.potential
        for name, strength in self.matched.items():
            (injection,) = boundaries[name].injections
            strength.value = injection.total(areas[name] * scales.length**2) / scales.current / areas[name]
        for i, species in enumerate(electrolyte.species):
            self.valence[i].value = species.valence
            self.diffusivity[i].value = electrolyte.effective_diffusivity(species) / scales.diffusivity
        self.debye_squared.value = scales.debye**2
        self.fixed_charge.value = electrolyte.uniform_charge / scales.concentration


def quadrature_degree(element_degree: int, formulation: Formulation) -> int:
    """Degree that integrates c grad phi . grad v exactly on straight cells (3p - 2), and the charge c w (2p)."""
    return max(2 * element_degree, 3 * element_degree - 2) + formulation.extra_degree


def boundary_residual(
    U: Any, coefficients: Coefficients, injected: dict[str, int], measure: Measure, formulation: Formulation
) -> Any:
    """The terms of membranes and matched injectors; zero where there are none.

    Args:
        U: the unknowns, as in `steady_residual`.
        coefficients: the constants of the equations.
        injected: position of the species of each matched injector, by boundary name.
        measure: of the body that the mesh stands for.
        formulation: what the unknowns of the species are.
    """
    space = U.function_space
    count, degree = len(coefficients.valence), space.element.basix_element.degree
    phi, w = U[count], ufl.TestFunction(space)[count]
    form: Any = 0
    for name, (kappa, outside) in coefficients.capacitance.items():
        form += measure.over_boundary(kappa * (phi - outside) * w, name, 2 * degree, alone=False)
    for name, strength in coefficients.matched.items():
        k, z = injected[name], coefficients.valence
        others = sum(z[j] * (z[j] / z[k] - 1.0) * formulation.density(U[j]) for j in range(count) if j != k)
        field = strength / (z[k] * coefficients.diffusivity[k] * (others - coefficients.fixed_charge))
        form -= measure.over_boundary(coefficients.debye_squared * field * w, name, 2 * degree + 2, alone=False)
    return form


def amounts(U: Any, measure: Measure, formulation: Formulation) -> Any:
    """The linear form int c_i v_i dx, summed over the species; the potential has none."""
    space = U.function_space
    test = ufl.TestFunction(space)
    count, degree = U.ufl_shape[0] - 1, space.element.basix_element.degree
    integrand = sum(formulation.density(U[i]) * test[i] for i in range(count))
    return measure.over_volume(integrand, quadrature_degree(degree, formulation))


def steady_residual(U: Any, coefficients: Coefficients, measure: Measure, formulation: Formulation) -> Any:
    """The residual form F(U; V) of the steady equations without boundary terms.

    Args:
        U: the unknowns (c_1, ..., c_N, phi), a function in a blocked Lagrange space of N + 1 components.
        coefficients: the constants of the equations.
        measure: of the body that the mesh stands for.
        formulation: what the unknowns of the species are.

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
        c = formulation.density(U[i])
        integrand += D * ufl.inner(formulation.gradient(U[i]) + z * c * ufl.grad(phi), ufl.grad(test[i]))
        integrand -= z * c * w
    return measure.over_volume(integrand, quadrature_degree(space.element.basix_element.degree, formulation))
