"""Integrands of the weak form of the Poisson-Nernst-Planck equations, in scaled variables.

For test functions v (species i) and w (potential), with dx the measure of the body in any dimension of its mesh
(`measure.Measure`):

    int (alpha c_i v + D_i (grad c_i + z_i c_i grad phi) . grad v) dx          = loads and terms of boundaries,
    int lambda^2 grad phi . grad w dx - int (sum_i z_i c_i + rho) w dx         = loads and terms of boundaries

(paper 001, eq. (1), with the anion's gradient corrected). alpha is zero in a steady state and one in an implicit time
step, where D_i is multiplied with the step size. Every term is a class of `pnp.terms`; `pnp.variables` applies the
integrands to concentrations and to logarithms.
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
