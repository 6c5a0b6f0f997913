"""What one MPI job of a benchmark measures; `worker` runs it. Every function here is collective."""

from __future__ import annotations

import gc
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import psutil

from benchmarks.problems import Problem, electrolyte, problems
from spinepnp.batch.run import Wish, run_batch
from spinepnp.batch.table import load
from spinepnp.case import load_case
from spinepnp.errors import SpineError
from spinepnp.meshes import SpineMesh, generate
from spinepnp.meshes.kernels import compile_form
from spinepnp.meshes.stack import MPI, PETSc, fem, ufl
from spinepnp.solvers import SolverOptions, SteadyProblem
from spinepnp.solvers.imposed import Imposed
from spinepnp.solvers.transient import Schedule, TransientProblem
from spinepnp.validation import gnp

#: Where the shipped cases are.
CASES = Path(__file__).resolve().parents[1] / "cases"

#: No adaptive forcing: every linear solve to this relative true residual.
FIXED = {"ksp_rtol": 1e-6}

#: Unknowns up to which MUMPS is asked as well.
DIRECT_UP_TO = 160_000

#: Time steps whose linear systems are solved, s: far below the charging of nanoseconds to far above diffusion.
TIME_STEPS = (1e-11, 1e-9, 1e-7, 1e-5, 1e-3, 1e-1)


def poisson_unit(mesh: SpineMesh, repeats: int = 2) -> float:
    """Seconds of one scalar Poisson solve: assembly, CG with PETSc's default GAMG to 1e-10; the best of some."""
    space = fem.functionspace(mesh.mesh, ("Lagrange", mesh.options.element_degree))
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    dx = ufl.Measure("dx", mesh.mesh, metadata={"quadrature_degree": max(2, 2 * mesh.options.element_degree)})
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


def _timed(comm: Any, call: Any) -> tuple[Any, float]:
    gc.collect()
    comm.barrier()
    start = time.perf_counter()
    result = call()
    return result, float(comm.allreduce(time.perf_counter() - start, op=MPI.MAX))


def _peak(comm: Any) -> list[float]:
    """Peak memory of each rank, GB."""
    return list(comm.allgather(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))


def warm_up(comm: Any, degree: int = 1) -> None:
    """Compile the kernels and load the libraries, so that nobody measures them."""
    problem = Problem("")
    mesh = problem.make_mesh("40 nm", degree, comm)
    conditions = problem.conditions()
    for linear in ("block", "direct"):
        steady = SteadyProblem(mesh, problem.electrolyte, conditions, SolverOptions(linear=linear))
        steady.solve(problem.electrolyte, conditions)
        steady.destroy()
    poisson_unit(mesh, 1)


def solve(comm: Any, size: str, refine: int = 0, direct: bool = True) -> dict[str, Any]:
    """A steady solve of two species in a cylinder, all of it after the mesh, in Poisson units."""
    warm_up(comm)
    problem = Problem("", mesh={"refine": refine} if refine else {})
    mesh, mesh_s = _timed(comm, lambda: problem.make_mesh(size, 1, comm))
    unit = poisson_unit(mesh)
    conditions, salt = problem.conditions(), problem.electrolyte
    options = SolverOptions(linear="block")
    steady, set_up = _timed(comm, lambda: SteadyProblem(mesh, salt, conditions, options))
    solution, solving = _timed(comm, lambda: steady.solve(salt, conditions))
    statistics = solution.statistics
    more = {**problem.boundaries, "top": {"current": {"species": "C", "value": "120 pA"}}}
    again = {name: type(conditions["top"])(**keys) for name, keys in more.items()}
    point, sweeping = _timed(comm, lambda: steady.solve(salt, again))
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
        # Set-up is assembly but for a few searches.
        "assembly_share": (set_up + statistics.assembly_s) / (set_up + solving),
        "assembly_of_newton": statistics.assembly_s / statistics.solve_s,
        "sweep_newton": point.statistics.newton,
        "sweep_units": sweeping / unit,
    }
    unknowns = solution.unknowns
    steady.destroy()
    peaks = _peak(comm)
    row |= {"peak_GB": sum(peaks), "peak_rank_GB": max(peaks)}
    if direct and dofs <= DIRECT_UP_TO:
        factorised = SteadyProblem(mesh, salt, conditions, SolverOptions(linear="direct"))
        other, direct_s = _timed(comm, lambda: factorised.solve(salt, conditions))
        scale = np.array([*salt.bulk.values(), salt.V_T])
        difference = float((np.abs(other.unknowns - unknowns) / scale).max())
        row |= {
            "direct_s": direct_s,
            "faster": direct_s / solving,
            "difference": comm.allreduce(difference, op=MPI.MAX),
        }
        factorised.destroy()
    return row


def krylov(comm: Any, size: str, degree: int = 1, refine: int = 0, only: str = "") -> list[dict[str, Any]]:
    """Linear iterations of every problem on meshes of one size (the default ones, if it is empty)."""
    rows = []
    meshes: dict[str, SpineMesh] = {}
    for problem in problems():
        if only and only not in problem.name:
            continue
        key = f"{problem.shape} {problem.mesh}"
        if key not in meshes:
            changed = Problem(**{**vars(problem), "mesh": {**problem.mesh, **({"refine": refine} if refine else {})}})
            meshes[key] = changed.make_mesh(size if problem.shape == "cylinder" else "", degree, comm)
        rows.append({"problem": problem.name, "degree": degree, **_iterations(problem, meshes[key], comm)})
    if not only:
        mesh = Problem("").make_mesh(size, degree, comm)
        rows += [{"degree": degree, **_time_step(mesh, step, comm)} for step in TIME_STEPS]
    return rows


def _iterations(problem: Problem, mesh: SpineMesh, comm: Any) -> dict[str, Any]:
    conditions = problem.conditions()
    options = SolverOptions(linear="block", formulation=problem.formulation, petsc=FIXED)
    row: dict[str, Any] = {"ranks": comm.size, "shape": problem.shape, "hard": problem.known_hard}
    steady = SteadyProblem(mesh, problem.electrolyte, conditions, options, closed=problem.closed)
    row["dofs"] = steady.system.vector.getSize()
    try:
        solution, seconds = _timed(comm, lambda: steady.solve(problem.electrolyte, conditions, problem.closed))
    except SpineError as error:
        return row | {"status": str(error)}
    finally:
        steady.destroy()
    s = solution.statistics
    return row | {
        "status": "ok",
        "newton": s.newton,
        "krylov": s.krylov,
        "mean": s.krylov / s.newton,
        "most": s.krylov_step,
        "solve_s": seconds,
        "residual": s.residual,
    }


def euler_step(problem: SteadyProblem, imposed: Imposed, step: float) -> tuple[Any, Any]:
    """Assemble the linear system of an implicit Euler step from the bulk state, into the matrix of a problem.

    Args:
        problem: whose system is used.
        imposed: what is switched on.
        step: its length, s.

    Returns:
        Right-hand side, and a vector for the solution.
    """
    system = problem.system
    system.impose(imposed)
    system.equations.coefficients.storage = system.scales.length**2 / (system.scales.diffusivity * step)
    system.start_from(system.bulk(imposed.electrolyte))
    b, x = system.vector.duplicate(), system.vector.duplicate()
    system.residual(system.vector, b)
    content = system.equations.contents() * system.equations.coefficients.storage
    b.array[: content.size] -= (content * system.held.free[:, :-1]).T.ravel()  # that of the state before
    system.jacobian(system.vector, system.A)
    return b, x


def _time_step(mesh: SpineMesh, step: float, comm: Any) -> dict[str, Any]:
    """The linear system of an implicit Euler step from the bulk state, when the current is switched on."""
    problem = Problem("")
    conditions, salt = problem.conditions(), electrolyte()
    steady = SteadyProblem(mesh, salt, conditions, SolverOptions(linear="block", petsc=FIXED))
    solver = steady._newton.linear_solver
    b, x = euler_step(steady, Imposed(salt, conditions), step)
    with steady._newton.options_in_force():
        solver.setOperators(steady.system.A)
        _, seconds = _timed(comm, lambda: solver.solve(b, x))
    its, reason = solver.getIterationNumber(), solver.getConvergedReason()
    row = {
        "problem": f"time step of {step:g} s",
        "ranks": comm.size,
        "shape": problem.shape,
        "hard": "",
        "dofs": x.getSize(),
        "status": "ok" if reason > 0 else f"PETSc reason {reason}",
        "newton": 1,
        "krylov": its,
        "mean": float(its),
        "most": its,
        "solve_s": seconds,
    }
    for item in (b, x):
        item.destroy()
    steady.destroy()
    return row


def transient(comm: Any, case: str, dimension: str, linear: str = "auto", tolerance: float = 1e-4) -> dict[str, Any]:
    """A transient of a shipped case from its first to its last step, against a steady solve of its final current.

    Args:
        comm: MPI communicator.
        case: name of the case.
        dimension: of its geometry.
        linear: solver.
        tolerance: of the steps.
    """
    overrides = [f'geometry.dimension="{dimension}"', f'solver.linear="{linear}"', f"study.tolerance={tolerance}"]
    made = load_case(CASES / f"{case}.toml", overrides)
    study, constant = made.study, made.imposed.at(made.study.duration or 0.0, made.study.duration or 0.0)
    mesh, mesh_s = _timed(comm, lambda: generate(made.geometry, made.mesh, comm))
    steady = SteadyProblem(mesh, made.electrolyte, constant.boundaries, made.solver)
    steady.solve(made.electrolyte, constant.boundaries)
    _, steady_s = _timed(comm, lambda: steady.solve(made.electrolyte, constant.boundaries))
    steady.destroy()
    problem = TransientProblem(mesh, made.electrolyte, made.boundaries, made.solver, made.probes, made.closed)
    assert study.duration is not None
    schedule = Schedule(study.duration, study.times or (), tolerance)
    steps, seconds = _timed(comm, lambda: [*problem.steps(schedule)])
    rejected = [s for step in steps for _, _, s in step.rejected if s is not None]
    statistics = [*(step.statistics for step in steps), *rejected]
    row = {
        "case": case,
        "dimension": dimension,
        "linear": problem.linear,
        "ranks": comm.size,
        "dofs": problem.system.vector.getSize(),
        "steps": len(steps),
        "rejected": sum(len(step.rejected) for step in steps),
        "newton": sum(s.newton for s in statistics),
        "krylov": sum(s.krylov for s in statistics),
        "mesh_s": mesh_s,
        "run_s": seconds,
        "step_s": seconds / len(steps),
        "steady_s": steady_s,
        "step_over_steady": seconds / len(steps) / steady_s,
        "V_max_mV": 1e3 * max(step.solution.probes["head"].potential for step in steps),
    }
    problem.destroy()
    return row


def neuron(comm: Any, model: str, p_eff: float, seconds: float, tolerance: float) -> dict[str, Any]:
    """A run of a neuron model, and the error of its spike times against a tight reference of the same run.

    Args:
        comm: MPI communicator; one rank works.
        model: name.
        p_eff: multiplier of the glutamate densities, from a fifth of the run on.
        seconds: of model time.
        tolerance: of the integrator.
    """
    neuron_model = gnp.Model(model, "concentration")
    protocol = [gnp.Piece(200.0 * seconds, 0.0), gnp.Piece(1e3 * seconds, p_eff)]
    gnp.run(neuron_model, [gnp.Piece(1.0, p_eff)])  # compiled, or read from the disk
    trace, run_s = _timed(comm, lambda: gnp.run(neuron_model, protocol, tolerance=tolerance))
    reference = gnp.run(neuron_model, protocol, tolerance=1e-9)
    same = len(reference.spikes) == len(trace.spikes)
    return {
        "model": model,
        "p_eff": p_eff,
        "seconds": seconds,
        "tolerance": tolerance,
        "spikes": len(trace.spikes),
        "reference_spikes": len(reference.spikes),
        "run_s": run_s,
        "steps": trace.steps,
        "spike_error_ms": float(np.abs(trace.spikes - reference.spikes).max()) if same else float("nan"),
    }


def batch(comm: Any, sweep: str) -> dict[str, Any]:
    """A sweep by one group of one rank, then by all ranks, each a group: seconds, and whether the tables agree."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(comm.bcast(folder, root=0))
        run_batch(CASES / sweep, comm, place / "warm", Wish(ranks_per_case=1))  # meshes and modules are kept
        if comm.rank == 0:
            alone = run_batch(CASES / sweep, MPI.COMM_SELF, place / "one", Wish())
        waiting = comm.Ibarrier()
        while not waiting.Test():
            time.sleep(0.05)  # a core that waits busily would be missing
        together = run_batch(CASES / sweep, comm, place / "all", Wish(ranks_per_case=1))
        if comm.rank > 0:
            return {}
        one, many = load(place / "one"), load(place / "all")
        assert list(one["key"]) == list(many["key"])
        return {
            "sweep": sweep, "cases": together.cases, "ranks": comm.size, "groups": together.groups,
            "one_s": alone.seconds, "all_s": together.seconds, "faster": alone.seconds / together.seconds,
            "difference": largest_difference(one, many),
        }  # fmt: skip


def largest_difference(one: pandas.DataFrame, other: pandas.DataFrame) -> float:
    """Of all numbers of two tables, over the largest number of their column; of currents, over the largest current."""
    currents = [c for c in one if ".current_pA." in c]
    worst, current = 0.0, float(one[currents].abs().max().max())
    for name in one.select_dtypes("number"):
        scale = current if name in currents else float(one[name].abs().max())
        if scale > 0.0 and "charge" not in name:  # the charge inside is a difference of the ions'
            worst = max(worst, float((one[name] - other[name]).abs().max()) / scale)
    return worst


def memory(comm: Any, cases: int, meshes: int) -> dict[str, Any]:
    """Resident memory of a process that solves many cases on many meshes, after a tenth of them and at the end."""
    radii = ", ".join(f'"{60 + 40 * i / meshes:.6g} nm"' for i in range(meshes))
    currents = ", ".join(f'"{10 + i} pA"' for i in range(cases // meshes))
    text = (
        f'[base]\ncase = "{CASES / "cylinder_iv.toml"}"\n'
        'set = { mesh = { size = "50 nm", grade = { top = { size = "0.3 nm", growth = 2.0 } } } }\n'
        f'[axes]\n"geometry.radius" = [{radii}]\n"boundaries.top.current.value" = [{currents}]\n'
    )
    process, seen = psutil.Process(), []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sweep.toml"
        path.write_text(text)
        tally = run_batch(
            path, comm, Path(folder) / "out", Wish(), on_case=lambda: seen.append(process.memory_info().rss)
        )
    first, last = seen[len(seen) // 10], seen[-1]
    return {
        "cases": tally.solved, "meshes": meshes, "first_MB": first / 1e6, "last_MB": last / 1e6,
        "growth_kB_per_case": (last - first) / 1e3 / (len(seen) - len(seen) // 10), "seconds": tally.seconds,
    }  # fmt: skip
