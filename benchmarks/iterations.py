"""Suite `krylov`: linear iterations of every problem of the table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.measure import timed
from benchmarks.problems import Problem, electrolyte, problems
from spinepnp.errors import SpineError
from spinepnp.meshes import GradeOptions, SpineMesh
from spinepnp.solvers import Closed, SolverOptions, SteadyProblem, TransientProblem
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.problem.problem import Problem as DiscreteProblem

#: PETSc options without adaptive forcing: every linear solve to this relative true residual.
FIXED = {"ksp_rtol": 1e-6}

#: Time steps whose linear systems are solved, s: from far below the charging time (ns) to far above that of diffusion.
TIME_STEPS = (1e-11, 1e-9, 1e-7, 1e-5, 1e-3, 1e-1)

#: Closed neck with a net charge, which gathers at its wall: with long steps its matrices are nearly singular.
CLOSED = Problem(
    "closed, ",
    electrolyte((("C", 1, 1330, 1.0), ("A", -1, 2030, 0.9)), 10.0, neutral=False),
    boundaries={},
    shape="cylinder, meridian",
    mesh={"size": "20 nm", "grade": {"wall": GradeOptions(size="1 nm", growth=1.6)}},
    closed=Closed(),
)

#: Long time steps of the closed neck, s.
LONG_STEPS = (1e-3, 1.0, 1e3)


def krylov(comm: Any, size: str, degree: int = 1, refine: int = 0, only: str = "") -> list[dict[str, Any]]:
    """Rows of linear iterations of every problem, on meshes of one size (the default sizes if it is empty)."""
    rows = []
    meshes: dict[str, SpineMesh] = {}
    for problem in problems():
        if only and only not in problem.name:
            continue
        key = f"{problem.shape} {problem.mesh}"
        if key not in meshes:
            changed = replace(problem, mesh=problem.mesh | ({"refine": refine} if refine else {}))
            meshes[key] = changed.make_mesh(size if problem.shape == "cylinder" else "", degree, comm)
        rows.append({"problem": problem.name, "degree": degree, **_iterations(problem, meshes[key], comm)})
    if not only:
        for problem, steps in ((Problem(""), TIME_STEPS), (CLOSED, LONG_STEPS)):
            mesh = problem.make_mesh(size if problem.shape == "cylinder" else "", degree, comm)
            rows += [{"degree": degree, **_time_step(problem, mesh, step, comm)} for step in steps]
    return rows


def _iterations(problem: Problem, mesh: SpineMesh, comm: Any) -> dict[str, Any]:
    conditions = problem.conditions()
    options = SolverOptions(linear="block", formulation=problem.formulation, petsc=FIXED)
    row: dict[str, Any] = {"ranks": comm.size, "shape": problem.shape}
    steady = SteadyProblem(mesh, problem.electrolyte, conditions, options, closed=problem.closed)
    row["dofs"] = steady.system.state.vector.getSize()
    try:
        solution, seconds = timed(comm, lambda: steady.solve(problem.electrolyte, conditions, problem.closed))
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


def euler_step(problem: DiscreteProblem, problem_data: ProblemData, step: float) -> tuple[Any, Any]:
    """Assemble the linear system of an implicit Euler step from the bulk state, into the matrix of a problem.

    Args:
        problem: problem whose system is used.
        problem_data: boundary data that are switched on.
        step: step size, s.

    Returns:
        Right-hand side, and a vector for the solution.
    """
    system = problem.system
    system.set_data(problem_data)
    scales = system.step_data.scales
    system.equations.fields.coefficients.storage_rate = scales.length**2 / (scales.diffusivity * step)
    system.state.start_from(system.state.bulk(problem_data.electrolyte))
    b, x = system.state.vector.duplicate(), system.state.vector.duplicate()
    system.residual(system.state.vector, b)
    content = system.equations.fields.storage() * system.equations.fields.coefficients.storage_rate
    b.array[: content.size] -= (content * system.constraints.free[:, :-1]).T.ravel()  # storage of the state before
    system.jacobian(system.state.vector, system.A)
    return b, x


def _time_step(problem: Problem, mesh: SpineMesh, step: float, comm: Any) -> dict[str, Any]:
    """Row of the linear system of an implicit Euler step from the bulk state, with the boundary data switched on."""
    options = SolverOptions(linear="block", formulation=problem.formulation, petsc=FIXED)
    discrete = TransientProblem(mesh, problem.electrolyte, problem.conditions(), options, closed=problem.closed)
    solver = discrete._newton.linear.ksp
    b, x = euler_step(discrete, discrete.problem_data, step)
    with discrete._newton.petsc_options.in_force():
        solver.setOperators(discrete.system.A)
        _, seconds = timed(comm, lambda: solver.solve(b, x))
    its, reason = solver.getIterationNumber(), solver.getConvergedReason()
    row = {
        "problem": f"{problem.name}time step of {step:g} s",
        "ranks": comm.size,
        "shape": problem.shape,
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
    discrete.destroy()
    return row
