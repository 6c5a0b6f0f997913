"""Suite `solve`: a steady solve of the cylinder, and of the next value of a sweep."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.measure import peak, poisson_unit, timed, warm_up
from benchmarks.problems import Problem
from spinepnp.meshes import SpineMesh
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import SolverOptions, SteadyProblem

#: Number of unknowns up to which MUMPS solves the problem as well.
DIRECT_UP_TO = 160_000


def solve(comm: Any, size: str, refine: int = 0, direct: bool = True) -> dict[str, Any]:
    """Row of a steady solve of two species in a cylinder, everything after the mesh, in Poisson units."""
    warm_up(comm)
    problem = Problem("", mesh={"refine": refine} if refine else {})
    mesh, mesh_s = timed(comm, lambda: problem.make_mesh(size, 1, comm))
    unit = poisson_unit(mesh)
    conditions, salt = problem.conditions(), problem.electrolyte
    steady, set_up = timed(comm, lambda: SteadyProblem(mesh, salt, conditions, SolverOptions(linear="block")))
    solution, solving = timed(comm, lambda: steady.solve(salt, conditions))
    statistics, unknowns = solution.statistics, solution.unknowns
    more = {**problem.boundaries, "top": {"current": {"species": "C", "value": "120 pA"}}}
    again = {name: type(conditions["top"])(**keys) for name, keys in more.items()}
    point, sweeping = timed(comm, lambda: steady.solve(salt, again))
    dofs = statistics.dofs
    row = {
        "ranks": comm.size,
        "cells": mesh.cells,
        "dofs": dofs,
        "unit_s": unit,
        "mesh_s": mesh_s,
        "set_up_s": set_up,
        "solve_s": solving,
        "units": (set_up + solving) / unit,
        "us_per_dof": 1e6 * (set_up + solving) / dofs,
        "newton": statistics.newton,
        "krylov": statistics.krylov,
        "krylov_step": statistics.krylov_step,
        # Nearly all of the set-up is assembly.
        "assembly_share": (set_up + statistics.assembly_s) / (set_up + solving),
        "assembly_of_newton": statistics.assembly_s / statistics.solve_s,
        "sweep_newton": point.statistics.newton,
        "sweep_units": sweeping / unit,
    }
    steady.destroy()
    peaks = peak(comm)
    row |= {"peak_GB": sum(peaks), "peak_rank_GB": max(peaks)}
    if direct and dofs <= DIRECT_UP_TO:
        row |= _by_mumps(comm, mesh, problem, unknowns, solving)
    return row


def _by_mumps(comm: Any, mesh: SpineMesh, problem: Problem, unknowns: np.ndarray, solving: float) -> dict[str, Any]:
    """Row of the solve by a direct solver: seconds, ratio to the iterative one, largest difference of the answers."""
    conditions, salt = problem.conditions(), problem.electrolyte
    factorised = SteadyProblem(mesh, salt, conditions, SolverOptions(linear="direct"))
    other, direct_s = timed(comm, lambda: factorised.solve(salt, conditions))
    scale = np.array([*salt.bulk.values(), salt.V_T])
    difference = float((np.abs(other.unknowns - unknowns) / scale).max())
    factorised.destroy()
    worst = comm.allreduce(difference, op=MPI.MAX)
    return {"direct_s": direct_s, "faster": direct_s / solving, "difference": worst}
