"""Manufactured solutions: the weak forms against the strong equations, at the rates of theory.

The sources come from the strong form, div D (grad c + z c grad phi) with the divergence of the body (1/r d(r .)/dr in a
meridian), so that a wrong measure or a wrong sign in the weak form shows.
"""

import numpy as np
import pytest

from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.runtime.stack import MPI, PETSc, fem, ufl
from spinepnp.solvers.algebra.bordered import BorderedLayout
from spinepnp.solvers.algebra.newton import Newton
from spinepnp.solvers.fem.discretisation import Discretisation
from spinepnp.solvers.model.options import SolverOptions
from spinepnp.solvers.model.problem_data import ProblemSignature
from spinepnp.solvers.model.profiles import UNIFORM, Profile
from spinepnp.solvers.pnp.equations import Equations
from spinepnp.solvers.pnp.fields import Coefficients, Fields
from spinepnp.solvers.pnp.terms.fixed_charge import FixedCharge
from spinepnp.solvers.pnp.terms.poisson import Poisson
from spinepnp.solvers.pnp.terms.storage import Storage
from spinepnp.solvers.pnp.terms.transport import Transport

#: Coefficient that steps at 400 nm, the same for all: the exact solution has continuous fluxes.
STEPPED = Profile((4e-7,), (0.1, 1.0))

VALENCE, DIFFUSIVITY, DEBYE_SQUARED, FIXED = (1, -2), (1.0, 0.7), 0.1, 0.3


def along(z, profile):
    """The profile at z, um, and the integral of its inverse up to z: a function of that has a continuous flux."""
    if not profile.planes:
        return 1.0, z
    (plane,), (low, high) = profile.planes, profile.values
    below, start = ufl.lt(z, 1e6 * plane), 1e6 * plane / low
    return ufl.conditional(below, low, high), ufl.conditional(below, z / low, start + (z - 1e6 * plane) / high)


def exact(x, dimension, profile):
    """Two densities and a potential: functions of r^2 and z (and of the angle in 3D), with a kink at each step."""
    z = along(x[len(x) - 1], profile)[1]
    if profile.planes:
        z = z / 4.0  # as steep as without steps
    square = 0.0 if dimension == "1d" else x[0] ** 2 if dimension == "axisymmetric" else x[0] ** 2 + x[1] ** 2
    skew = 0.3 * x[0] if dimension == "3d" else 0.0
    c1 = 1.5 + 0.5 * ufl.cos(3.0 * z) * (1.0 + square) + skew
    c2 = 1.0 + 0.4 * ufl.sin(2.0 * z + square)
    phi = ufl.sin(2.5 * z) * (1.0 + 0.5 * square) - skew
    return [c1, c2, phi]


def divergence(flux, x, dimension):
    return ufl.div(flux) + (flux[0] / x[0] if dimension == "axisymmetric" else 0.0)


def solve(mesh, formulation, dimension, profile):
    """Errors in L2 and H1 over all components (densities, not their logarithms)."""
    domain, degree = mesh.mesh, mesh.element_degree
    discretisation = Discretisation(mesh)
    space, measure, operators = discretisation.space, discretisation.measure, discretisation.operators
    signature = ProblemSignature(
        names=("P", "M"),
        dirichlet=(),
        floating=(),
        amount_constrained=(),
        grounded=True,
        membranes=(),
        field_matched=(),
        diffusivity=(profile, profile) if profile.planes else (),
        permittivity=profile,
    )
    fields = Fields(operators, discretisation.weights, discretisation.boundary_dofs, signature, formulation)
    fields.coefficients = Coefficients(np.array(VALENCE, dtype=float), np.array(DIFFUSIVITY), DEBYE_SQUARED)
    terms = [kind(fields, None) for kind in (Transport, Poisson, Storage, FixedCharge)]
    terms[-1].uniform = FIXED
    equations = Equations(fields, terms)

    x = ufl.SpatialCoordinate(domain)
    *c, phi = exact(x, dimension, profile)
    d, _ = along(x[len(x) - 1], profile)
    sources = [-divergence(d * D * (ufl.grad(q) + z * q * ufl.grad(phi)), x, dimension) for q, z, D in zip(
        c, VALENCE, DIFFUSIVITY, strict=True)]  # fmt: skip
    charge = sum(z * q for q, z in zip(c, VALENCE, strict=True)) + FIXED
    sources.append(-DEBYE_SQUARED * divergence(d * ufl.grad(phi), x, dimension) - charge)
    loads = [operators.integrals(fem.form(measure.over_volume(s * operators.v, 2 * degree + 4))) for s in sources]

    facets = np.unique(np.concatenate(list(mesh.boundary_facets.values())))
    held = fem.locate_dofs_topological(space, domain.topology.dim - 1, facets)
    logarithms = formulation != "density"
    wanted = [ufl.ln(q) if logarithms else q for q in c] + [phi]
    for function, value, start in zip(fields.functions, wanted, [0.0 if logarithms else 1.0] * 2 + [0.0],
                                      strict=True):  # fmt: skip
        function.interpolate(fem.Expression(value, space.element.interpolation_points))
        keep = function.x.array[held].copy()
        function.x.array[:] = start
        function.x.array[held] = keep
    own = held[held < operators.owned]
    masks = operators.masks(np.isin(np.arange(operators.owned), own))
    nest = equations.blocks.nest()
    nest.assemble()
    A, vector = nest.convert("aij", out=PETSc.Mat()), BorderedLayout(domain.comm, 3 * operators.owned, 0).vector()
    vector.array[:] = np.concatenate([function.x.array[: operators.owned] for function in fields.functions])

    def take(vector):
        for function, values in zip(fields.functions, vector.array_r.reshape(3, -1), strict=True):
            function.x.array[: operators.owned] = values
            function.x.scatter_forward()

    def assemble_residual(vector, b):
        take(vector)
        residual = equations.residual() - np.column_stack(loads)
        residual[own] = 0.0
        b.array[:] = residual.T.ravel()

    def assemble_jacobian(vector, A):
        take(vector)
        equations.fill_blocks()
        equations.blocks.apply_dirichlet([masks[0]] * 3, [masks[1]] * 3)
        nest.convert("aij", out=A)

    newton = Newton(domain.comm, assemble_residual, assemble_jacobian, vector, A, SolverOptions())
    newton.solve(vector, 1.0)
    take(vector)
    newton.destroy()

    found = [fields.variables.concentration(w) for w in fields.functions[:-1]] + [fields.phi]
    error = ufl.as_vector(found) - ufl.as_vector([*c, phi])
    squares = (ufl.inner(error, error), ufl.inner(ufl.grad(error), ufl.grad(error)))
    values = [fem.assemble_scalar(fem.form(measure.over_volume(q, 2 * degree + 4))) for q in squares]
    for item in (A, nest):
        item.destroy()
    equations.destroy()
    operators.destroy()
    return np.sqrt([domain.comm.allreduce(float(v), op=MPI.SUM) for v in values])


#: Dimensions with coefficients, degrees and formulations. Quadratic logarithms have their forms in the meridian, and
#: the measure of three dimensions is that of the densities: both together are left out.
SETTINGS = [
    pytest.param(dimension, profile, degree, formulation, id=f"{dimension}{name}-{degree}-{formulation}")
    for dimension, profile, name in (
        ("1d", UNIFORM, ""), ("axisymmetric", UNIFORM, ""), ("3d", UNIFORM, ""),
        ("1d", STEPPED, " stepped"), ("axisymmetric", STEPPED, " stepped"),
    )
    for degree in (1, 2)
    for formulation in ("density", "log", "nodal")
    if (dimension, degree, formulation) != ("3d", 2, "log")
]  # fmt: skip


@pytest.mark.parametrize(("dimension", "profile", "degree", "formulation"), SETTINGS)
def test_rates_are_those_of_theory(comm, dimension, degree, formulation, profile):
    shape = Cylinder(length="1 um", radius="500 nm", dimension=dimension)
    planes = {"grade_planes": [{"z": "400 nm"}]} if profile.planes else {}
    if dimension == "1d":
        series = [MeshOptions(size=f"{h} nm", element_degree=degree, **planes) for h in (25, 12.5)]
    else:
        size = "200 nm" if dimension == "axisymmetric" else "255 nm"
        refine = (2, 3) if dimension == "axisymmetric" else (0, 1)
        series = [MeshOptions(size=size, refine=r, element_degree=degree, **planes) for r in refine]
    errors = np.array([solve(generate(shape, options, comm), formulation, dimension, profile) for options in series])
    assert np.log2(errors[0] / errors[1]) == pytest.approx([degree + 1.0, degree], abs=0.1)
