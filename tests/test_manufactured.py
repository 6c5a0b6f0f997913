"""Manufactured solutions: the weak forms against the strong equations, at the rates of theory.

The sources come from the strong form, div D (grad c + z c grad phi) with the divergence of the body (1/r d(r .)/dr in a
meridian), so that a wrong measure or a wrong sign in the weak form shows.
"""

from __future__ import annotations

import numpy as np
import pytest

from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.meshes.stack import MPI, basix, dolfinx, fem, ufl
from spinepnp.solvers.formulation import FORMULATIONS
from spinepnp.solvers.measure import Measure
from spinepnp.solvers.newton import Newton
from spinepnp.solvers.options import SolverOptions
from spinepnp.solvers.weak_forms import Coefficients, steady_residual

VALENCE, DIFFUSIVITY, DEBYE_SQUARED, FIXED = (1, -2), (1.0, 0.7), 0.1, 0.3


def exact(x, dimension):
    """Two densities and a potential, smooth in the body: functions of r^2 and z (and of the angle in 3D)."""
    z = x[len(x) - 1]
    square = 0.0 if dimension == "1d" else x[0] ** 2 if dimension == "axisymmetric" else x[0] ** 2 + x[1] ** 2
    skew = 0.3 * x[0] if dimension == "3d" else 0.0
    c1 = 1.5 + 0.5 * ufl.cos(3.0 * z) * (1.0 + square) + skew
    c2 = 1.0 + 0.4 * ufl.sin(2.0 * z + square)
    phi = ufl.sin(2.5 * z) * (1.0 + 0.5 * square) - skew
    return [c1, c2, phi]


def divergence(flux, x, dimension):
    return ufl.div(flux) + (flux[0] / x[0] if dimension == "axisymmetric" else 0.0)


def solve(mesh, formulation, dimension):
    """Errors in L2 and H1 over all components (densities, not their logarithms)."""
    domain, degree = mesh.mesh, mesh.options.element_degree
    space = fem.functionspace(domain, basix.ufl.element("Lagrange", domain.basix_cell(), degree, shape=(3,)))
    U, measure, kind = fem.Function(space), Measure(mesh), FORMULATIONS[formulation]
    coefficients = Coefficients.on(domain, 2, (), ())
    for i in range(2):
        coefficients.valence[i].value, coefficients.diffusivity[i].value = VALENCE[i], DIFFUSIVITY[i]
    coefficients.debye_squared.value, coefficients.fixed_charge.value = DEBYE_SQUARED, FIXED
    x, test = ufl.SpatialCoordinate(domain), ufl.TestFunction(space)
    *c, phi = exact(x, dimension)
    source = -DEBYE_SQUARED * divergence(ufl.grad(phi), x, dimension) - FIXED
    source = (source - sum(z * c[i] for i, z in enumerate(VALENCE))) * test[2]
    for i, (z, D) in enumerate(zip(VALENCE, DIFFUSIVITY, strict=True)):
        flux = D * (ufl.grad(c[i]) + z * c[i] * ufl.grad(phi))
        source -= divergence(flux, x, dimension) * test[i]
    residual = steady_residual(U, coefficients, measure, kind) - measure.over_volume(source, 2 * degree + 4)
    residual_form, jacobian_form = fem.form(residual), fem.form(ufl.derivative(residual, U))

    wanted = fem.Function(space)
    unknowns = [ufl.ln(q) if formulation == "log" else q for q in c]
    points = space.element.interpolation_points
    wanted.interpolate(fem.Expression(ufl.as_vector([*unknowns, phi]), points))
    facets = np.unique(np.concatenate(list(mesh.boundary_facets.values())))
    dofs = fem.locate_dofs_topological(space, domain.topology.dim - 1, facets)
    condition = fem.dirichletbc(wanted, dofs)

    def take(vector):
        U.x.array[: len(vector.array_r)] = vector.array_r
        U.x.scatter_forward()

    def assemble_residual(vector, b):
        take(vector)
        assembled = fem.assemble_vector(residual_form)
        assembled.scatter_reverse(dolfinx.la.InsertMode.add)
        b.array[:] = assembled.array[: b.getLocalSize()]
        held, owned = condition.dof_indices()
        b.array[held[:owned]] = 0.0

    def assemble_jacobian(vector, A):
        take(vector)
        A.zeroEntries()
        fem.petsc.assemble_matrix(A, jacobian_form, bcs=[condition])
        A.assemble()

    start = fem.Function(space)
    start.x.array[:] = np.tile([0.0 if formulation == "log" else 1.0] * 2 + [0.0], len(start.x.array) // 3)
    condition.set(start.x.array)
    vector, A = start.x.petsc_vec, fem.petsc.create_matrix(jacobian_form)
    newton = Newton(domain.comm, assemble_residual, assemble_jacobian, vector, A, SolverOptions())
    newton.solve(vector, 1.0)
    take(vector)
    newton.destroy()
    A.destroy()

    found = ufl.as_vector([kind.density(U[i]) for i in range(2)] + [U[2]])
    error = found - ufl.as_vector([*c, phi])
    squares = (ufl.inner(error, error), ufl.inner(ufl.grad(error), ufl.grad(error)))
    values = [fem.assemble_scalar(fem.form(measure.over_volume(q, 2 * degree + 4))) for q in squares]
    return np.sqrt([domain.comm.allreduce(float(v), op=MPI.SUM) for v in values])


@pytest.mark.parametrize("formulation", ["density", "log"])
@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("dimension", ["1d", "axisymmetric", "3d"])
def test_rates_are_those_of_theory(comm, dimension, degree, formulation):
    shape = Cylinder(length="1 um", radius="500 nm", dimension=dimension)
    if dimension == "1d":
        series = [MeshOptions(size=f"{h} nm", element_degree=degree) for h in (50, 25, 12.5)]
    else:
        size = "200 nm" if dimension == "axisymmetric" else "350 nm"
        refine = (1, 2, 3) if dimension == "axisymmetric" else (0, 1, 2)
        series = [MeshOptions(size=size, refine=r, element_degree=degree) for r in refine]
    errors = np.array([solve(generate(shape, options, comm), formulation, dimension) for options in series])
    rates = np.log2(errors[:-1] / errors[1:])
    assert rates[-1] == pytest.approx([degree + 1.0, degree], abs=0.1)
