"""Weak form of the Poisson-Nernst-Planck equations, in scaled variables.

For test functions v (species i) and w (potential), with dx and ds the measures of the body in any dimension of its
mesh (`measure.Measure`):

    int (alpha c_i v + D_i (grad c_i + z_i c_i grad phi) . grad v) dx                        = loads,
    int lambda^2 grad phi . grad w dx - int (sum_i z_i c_i + rho) w dx
        + sum over membranes of int kappa (phi - phi_out) w ds
        - sum over matched injectors of int lambda^2 g w ds                                  = loads

(paper 001, eq. (1), with the anion's gradient corrected). alpha is zero in a steady state and the inverse step size of
an implicit time step; kappa is the scaled capacitance of a membrane, and g the electroneutral field of a current
(`matched_field`). The integrals over boundaries are zero on reflecting ones; prescribed currents, surface charges,
sources and fixed charge by region are loads (`pnp.currents.loads`), for which nothing is compiled.

This file has the integrands; `pnp.variables` applies them to concentrations and to logarithms; `pnp.equations` sums up.
"""

from __future__ import annotations

from typing import Any

from spinepnp.runtime.stack import ufl


def stiffness(weight: Any, u: Any, v: Any) -> Any:
    """Integrand weight grad u . grad v: diffusion (weight one), conduction (weight c_i), and the field.

    Args:
        weight: scalar factor of the integrand, an expression of UFL or a number.
        u: scalar trial function, or a field.
        v: scalar test function.

    Returns:
        Expression of UFL, to be integrated over the body.
    """
    return weight * ufl.inner(ufl.grad(u), ufl.grad(v))


def drift(weight: Any, potential: Any, u: Any, v: Any) -> Any:
    """Integrand weight u grad potential . grad v: drift of the concentration u in a field.

    Args:
        weight: scalar factor of the integrand, an expression of UFL or a number.
        potential: potential whose gradient is the field.
        u: concentration: scalar trial function, or a field.
        v: scalar test function.

    Returns:
        Expression of UFL, to be integrated over the body.
    """
    return weight * u * ufl.inner(ufl.grad(potential), ufl.grad(v))


def mass(weight: Any, u: Any, v: Any) -> Any:
    """Integrand weight u v: charge and storage.

    Args:
        weight: scalar factor of the integrand, an expression of UFL or a number.
        u: scalar trial function, or a field.
        v: scalar test function.

    Returns:
        Expression of UFL, to be integrated over the body.
    """
    return weight * u * v


def stiffness_degree(element_degree: int) -> int:
    """Degree of quadrature that is exact for c grad phi . grad v on straight cells."""
    return 3 * element_degree - 2


def mass_degree(element_degree: int) -> int:
    """Degree of quadrature that is exact for c v on straight cells."""
    return 2 * element_degree


def matched_field(
    strength: Any, injected: int, densities: list[Any], valence: list[Any], diffusivity: list[Any], rho: Any
) -> Any:
    """Electroneutral field of a current density: J / (z_k D_k (sum_{j != k} z_j (z_j / z_k - 1) c_j - rho)).

    Args:
        strength: current density J, scaled.
        injected: index k of the species that carries it.
        densities: concentrations c_j.
        valence: valences z_j.
        diffusivity: diffusivities D_j.
        rho: uniform fixed charge.
    """
    k, z = injected, valence
    others = sum(z[j] * (z[j] / z[k] - 1.0) * c for j, c in enumerate(densities) if j != k)
    return strength / (z[k] * diffusivity[k] * (others - rho))
