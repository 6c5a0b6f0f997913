"""Measurements: the unit of one scalar Poisson solve, seconds of a call on all ranks, memory."""

from __future__ import annotations

import gc
import resource
import time
from typing import Any

import numpy as np

from benchmarks.problems import Problem
from spinepnp.case.case import Case
from spinepnp.meshes import SpineMesh
from spinepnp.runtime.kernels import compile_form
from spinepnp.runtime.stack import MPI, PETSc, fem, ufl
from spinepnp.solvers import SolverOptions, SteadyProblem


def poisson_unit(mesh: SpineMesh, repeats: int = 2) -> float:
    """Seconds of one scalar Poisson solve: assembly, CG with PETSc's default GAMG to 1e-10; the best of `repeats`."""
    space = fem.functionspace(mesh.mesh, ("Lagrange", mesh.element_degree))
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    dx = ufl.Measure("dx", mesh.mesh, metadata={"quadrature_degree": max(2, 2 * mesh.element_degree)})
    a, L = compile_form(ufl.inner(ufl.grad(u), ufl.grad(v)) * dx), compile_form(v * dx)
    boundary = "base" if "base" in mesh.boundary_facets else next(iter(mesh.boundary_facets))
    dofs = fem.locate_dofs_topological(space, mesh.mesh.topology.dim - 1, mesh.boundary_facets[boundary])
    ground = fem.dirichletbc(np.float64(0.0), dofs, space)
    best = np.inf
    for _ in range(repeats):
        mesh.mesh.comm.barrier()
        start = time.perf_counter()
        A = fem.petsc.assemble_matrix(a, bcs=[ground])
        A.assemble()
        b = fem.petsc.assemble_vector(L)
        b.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        fem.petsc.set_bc(b, [ground])
        solver = PETSc.KSP().create(mesh.mesh.comm)
        solver.setType("cg")
        solver.getPC().setType("gamg")
        solver.setTolerances(rtol=1e-10)
        solver.setOperators(A)
        x = A.createVecRight()
        solver.solve(b, x)
        best = min(best, time.perf_counter() - start)
        for item in (solver, A, b, x):
            item.destroy()
    return float(mesh.mesh.comm.allreduce(best, op=MPI.MAX))


def timed(comm: Any, call: Any) -> tuple[Any, float]:
    """Result of a call and its seconds on the slowest rank. Collective."""
    gc.collect()
    comm.barrier()
    start = time.perf_counter()
    result = call()
    return result, float(comm.allreduce(time.perf_counter() - start, op=MPI.MAX))


def peak(comm: Any) -> list[float]:
    """Peak memory of each rank, GB."""
    return list(comm.allgather(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))


def warm_up(comm: Any, degree: int = 1) -> None:
    """Compile the kernels and load the libraries, so that their time is not measured."""
    problem = Problem("")
    mesh = problem.make_mesh("40 nm", degree, comm)
    conditions = problem.conditions()
    for linear in ("block", "direct"):
        steady = SteadyProblem(mesh, problem.electrolyte, conditions, SolverOptions(linear=linear))
        steady.solve(problem.electrolyte, conditions)
        steady.destroy()
    poisson_unit(mesh, 1)


def solve_once(case: Case, mesh: SpineMesh, place: str) -> dict[str, Any]:
    """Potential (mV) at a probe or boundary of a steady solve, unknowns and Newton steps."""
    steady = SteadyProblem(mesh, case.electrolyte, case.boundaries, case.solver, case.probes)
    solution = steady.solve(case.electrolyte, case.boundaries)
    state, statistics = (solution.probes | solution.boundary)[place], solution.statistics
    steady.destroy()
    return {"V_mV": 1e3 * state.potential, "unknowns": statistics.dofs, "newton": statistics.newton}
