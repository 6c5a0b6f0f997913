"""Bounds of the unit-flux harmonic mean of a body, from both sides, rigorous for meshes of straight cells.

u is harmonic, zero on the grounded boundaries and has the even influx 1/A on an injector of area A; its mean there is G
(1/um). For any v of a conforming space 2 mean(v) - int |grad v|^2 <= G, with equality for u: linear and quadratic
Lagrange elements give lower bounds (Dirichlet's principle). For any divergence-free flux tau with that influx and none
through other walls int |tau|^2 >= G (Thomson's principle). The gradient of the Crouzeix-Raviart solution is such a
flux: constant in each cell, its normal component is continuous across facets, and 1/A on the injector (Marini, SIAM J.
Numer. Anal. 22, 1985).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.errors import SolveError
from spinepnp.meshes import SpineMesh
from spinepnp.runtime.stack import MPI, PETSc, cell_nodes, dolfinx, fem, ufl
from spinepnp.solvers.fem.measure import Measure

#: Relative residual of the linear solves: their error is far below the width of the bounds.
TOLERANCE = 1e-11

#: Sweeps of symmetric Gauss-Seidel before and after the correction by linear elements.
SWEEPS = 1

#: Largest number of iterations of a solve.
MOST_ITERATIONS = 2000


@dataclass(frozen=True)
class Conductance:
    """G of an injector against all grounded boundaries, 1/um.

    Attributes:
        low: lower bound, by linear elements.
        value: by quadratic elements, also a lower bound.
        high: upper bound, by the flux of Crouzeix-Raviart elements.
    """

    low: float
    value: float
    high: float

    @property
    def gap(self) -> float:
        """Distance of the upper bound over the value: bound of the relative error of the value."""
        return self.high / self.value - 1.0


def has_bounds(mesh: SpineMesh) -> bool:
    """Whether bounds hold on a mesh: its cells are straight tetrahedra."""
    return mesh.geometry.dimension == "3d" and cell_nodes(mesh.mesh).shape[1] == 4


def conductance_bounds(mesh: SpineMesh, injector: str, grounded: tuple[str, ...]) -> Conductance:
    """Two-sided bounds of G on a mesh of straight tetrahedra. Collective.

    Args:
        mesh: mesh in micrometres.
        injector: name of the boundary with an even influx.
        grounded: names of the boundaries where u vanishes.

    Raises:
        SolveError: a linear solver did not converge.
    """
    low, value = (conductance(mesh, injector, grounded, degree) for degree in (1, 2))
    return Conductance(low, value, upper_bound(mesh, injector, grounded))


def conductance(mesh: SpineMesh, injector: str, grounded: tuple[str, ...], degree: int = 2) -> float:
    """G by Lagrange elements, 1/um; on straight tetrahedra a lower bound. Collective.

    Args:
        mesh: mesh in micrometres, also of a meridian.
        injector: name of the boundary with an even influx.
        grounded: names of the boundaries where u vanishes.
        degree: degree of the elements.

    Raises:
        SolveError: the linear solver did not converge.
    """
    return _energy(mesh, injector, grounded, ("Lagrange", degree))


def upper_bound(mesh: SpineMesh, injector: str, grounded: tuple[str, ...]) -> float:
    """Upper bound of G, 1/um, on a mesh of straight tetrahedra. Collective.

    Args:
        mesh: mesh in micrometres.
        injector: name of the boundary with an even influx.
        grounded: names of the boundaries where u vanishes.

    Raises:
        SolveError: the linear solver did not converge.
    """
    return _energy(mesh, injector, grounded, ("CR", 1))


def _energy(mesh: SpineMesh, injector: str, grounded: tuple[str, ...], element: tuple[str, int]) -> float:
    """int |grad u_h|^2 of the solution in a finite-element space, which is the mean of u_h on the injector."""
    domain = mesh.mesh
    dim = domain.topology.dim
    space = fem.functionspace(domain, element)
    facets = np.sort(mesh.boundary_facets[injector])
    tags = dolfinx.mesh.meshtags(domain, dim - 1, facets, np.ones(len(facets), dtype=np.int32))
    ds = ufl.Measure("ds", domain, subdomain_data=tags)
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    weight = fem.Constant(domain, 1.0) * Measure(mesh).weight
    area = domain.comm.allreduce(fem.assemble_scalar(fem.form(weight * ds(1))), op=MPI.SUM)
    ground = np.concatenate([mesh.boundary_facets[name] for name in grounded])
    held = fem.dirichletbc(0.0, fem.locate_dofs_topological(space, dim - 1, ground), space)
    matrix = fem.petsc.assemble_matrix(fem.form(weight * ufl.inner(ufl.grad(u), ufl.grad(v)) * ufl.dx), bcs=[held])
    matrix.assemble()
    load = fem.petsc.assemble_vector(fem.form(weight * v / area * ds(1)))
    load.ghostUpdate(PETSc.InsertMode.ADD, PETSc.ScatterMode.REVERSE)  # type: ignore[arg-type]
    fem.petsc.set_bc(load, [held])
    solver = PETSc.KSP().create(domain.comm)
    solver.setOperators(matrix)
    solver.setType("cg")
    from_linear = _set_preconditioner(solver, space, element)
    solver.setTolerances(rtol=TOLERANCE, max_it=MOST_ITERATIONS)
    solution = load.duplicate()
    solver.solve(load, solution)
    converged, energy = solver.is_converged, float(np.real(load.dot(solution)))
    for made in (solver, matrix, load, solution, *from_linear):
        made.destroy()
    if not converged:
        raise SolveError(f"the solver of the bounds of {injector} did not converge in {MOST_ITERATIONS} iterations")
    return energy


def _set_preconditioner(solver: Any, space: Any, element: tuple[str, int]) -> list[Any]:
    """Give a solver multigrid, from linear elements on by aggregation; returns matrices to be freed after it."""
    preconditioner = solver.getPC()
    if element == ("Lagrange", 1):
        preconditioner.setType("gamg")
        return []
    # Linear elements are part of both other spaces.
    linear = fem.functionspace(space.mesh, ("Lagrange", 1))
    interpolation = fem.petsc.interpolation_matrix(linear, space)
    interpolation.assemble()
    matrix, _ = solver.getOperators()
    preconditioner.setType("mg")
    preconditioner.setMGLevels(2)
    preconditioner.setMGInterpolation(1, interpolation)
    coarse_matrix = matrix.ptap(interpolation)
    smoother = preconditioner.getMGSmoother(1)
    smoother.setType("richardson")
    smoother.setTolerances(max_it=SWEEPS)
    smoother.getPC().setType("sor")
    coarse = preconditioner.getMGCoarseSolve()
    coarse.setOperators(coarse_matrix)
    coarse.setType("preonly")
    coarse.getPC().setType("gamg")
    return [interpolation, coarse_matrix]
