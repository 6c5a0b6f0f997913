"""The cylinder in plain DOLFINx, as tutorials write it: one mixed element, Newton's method of PETSc, MUMPS.

    python -m benchmarks.peer_fenics JSON       prints one line of JSON

Nothing of spinepnp is used but its import of DOLFINx: no prediction, no scaling of equations, no preconditioner. It
runs on any number of ranks.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from benchmarks import peer_cylinder as cylinder
from spinepnp.runtime.stack import MPI, fem, ufl  # loads the libraries of MPI and PETSc

import basix.ufl  # isort: skip
import gmsh  # isort: skip
from dolfinx import __version__  # isort: skip
from dolfinx.fem.petsc import NonlinearProblem  # isort: skip
from dolfinx.io import gmsh as gmshio  # isort: skip

#: Options of PETSc. The line search is off, as in tutorials; without it Newton's method converges here as well.
OPTIONS = {
    "snes_type": "newtonls", "snes_linesearch_type": "none", "snes_max_it": 30, "snes_atol": 1e-50,
    "ksp_type": "preonly", "pc_type": "lu", "pc_factor_mat_solver_type": "mumps", "snes_error_if_not_converged": True,
}  # fmt: skip


def solve(data: Any, degree: int, current: float, tolerance: float) -> tuple[float, int, int]:
    """Mean potential at the top (V_T), number of unknowns, steps of Newton's method."""
    domain, facets = data.mesh, data.facet_tags
    dimension = domain.topology.dim
    one = basix.ufl.element("Lagrange", domain.basix_cell(), degree)
    space = fem.functionspace(domain, basix.ufl.mixed_element([one, one, one]))
    state, (v, w, q) = fem.Function(space), ufl.TestFunctions(space)
    p, n, u = ufl.split(state)
    # A half plane stands for the body of revolution.
    weight = 2.0 * np.pi * ufl.SpatialCoordinate(domain)[0] if dimension == 2 else 1.0
    dx, top = ufl.dx(domain), ufl.Measure("ds", domain, subdomain_data=facets)(3)

    def total(form: Any) -> float:
        return float(domain.comm.allreduce(fem.assemble_scalar(fem.form(form)), op=MPI.SUM))

    area = total(fem.Constant(domain, 1.0) * weight * top)
    slope = fem.Constant(domain, cylinder.slope(current, area))
    residual = (
        ufl.inner(ufl.grad(p) + p * ufl.grad(u), ufl.grad(v)) * weight * dx
        + ufl.inner(ufl.grad(n) - n * ufl.grad(u), ufl.grad(w)) * weight * dx
        + (cylinder.DEBYE2 * ufl.inner(ufl.grad(u), ufl.grad(q)) - 0.5 * (p - n) * q) * weight * dx
        - slope * v * weight * top
    )
    conditions = []
    for i, value in enumerate((1.0, 1.0, 0.0)):
        part, _ = space.sub(i).collapse()
        bulk = fem.Function(part)
        bulk.x.array[:] = value
        state.sub(i).interpolate(bulk)
        dofs = fem.locate_dofs_topological((space.sub(i), part), dimension - 1, facets.find(1))
        conditions.append(fem.dirichletbc(bulk, dofs, space.sub(i)))
    options = OPTIONS | {"snes_rtol": tolerance}
    problem = NonlinearProblem(residual, state, bcs=conditions, petsc_options_prefix="peer_", petsc_options=options)
    problem.solve()
    unknowns = space.dofmap.index_map.size_global * space.dofmap.index_map_bs
    return total(u * weight * top) / area, unknowns, problem.solver.getIterationNumber()


def main() -> None:
    """Solve with the arguments of the command line, and print the row."""
    given, comm = json.loads(sys.argv[1]), MPI.COMM_WORLD
    dimension, degree = given["dimension"], given["degree"]
    gmsh.initialize(interruptible=False)

    def run(size: float, axial: float) -> dict[str, Any]:
        begin = time.perf_counter()
        model = cylinder.gmsh_mesh(None, dimension, size, axial, given["order"]) if comm.rank == 0 else None
        data = gmshio.model_to_mesh(model, comm, 0, gdim=dimension)
        comm.barrier()
        meshed = time.perf_counter()
        mean, unknowns, steps = solve(data, degree, given["current_pA"] * 1e-12, given["tolerance"])
        # The slowest rank counts, and all ranks decide alike on a repetition.
        mesh_s, solve_s = (
            comm.allreduce(meshed - begin, op=MPI.MAX),
            comm.allreduce(time.perf_counter() - meshed, op=MPI.MAX),
        )
        return {"V_mV": 1e3 * cylinder.V_T * mean, "unknowns": unknowns, "newton": steps,
                "mesh_s": mesh_s, "solve_s": solve_s, "version": __version__}  # fmt: skip

    row = cylinder.measured(run, given["size"], given["axial"])
    if comm.rank == 0:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
