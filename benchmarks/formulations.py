"""Suite `formulations`: unknowns of the species on charged and on smooth problems: error against time."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.charged_problems import known_problems
from benchmarks.front import SPREAD
from benchmarks.measure import poisson_unit
from benchmarks.problems import Problem
from spinepnp.case.case import Case
from spinepnp.errors import SpineError
from spinepnp.meshes import SpineMesh, generate
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import SolverOptions, SteadyProblem

#: Unknowns that are compared; "auto" chooses one of the others.
FORMULATIONS = ("density", "log", "nodal", "auto")

#: Seconds of a solve below which it is measured again.
SHORT = 2.0

#: Relative error that counts as none: that of the reference numbers.
SURE = 2e-5

Row = dict[str, Any]


def cpu_timed(comm: Any, call: Any) -> tuple[Any, float]:
    """Result of a call and its processor seconds on the busiest rank. Collective.

    What others do on the machine counts less than in seconds of the clock.
    """
    comm.barrier()
    start = time.process_time()
    result = call()
    return result, float(comm.allreduce(time.process_time() - start, op=MPI.MAX))


def formulations(comm: Any, problem: str, only: str = "") -> list[Row]:
    """Rows of every mesh of a problem with every choice of unknowns; of meshes whose name begins with `only`."""
    known, rows = known_problems()[problem], []
    for words, case in known.cases():
        if not words.startswith(only):
            continue
        mesh = generate(case.geometry, case.mesh, comm, faithful=False)
        poisson_unit(mesh, 1)
        _, unit = cpu_timed(comm, lambda mesh=mesh: poisson_unit(mesh, 1))
        group = []
        for formulation in FORMULATIONS:
            solver = case.solver.model_copy(update={"formulation": formulation})
            found = _solve(case, mesh, solver, known.place, comm)
            error = abs(found.pop("value") / known.answer - 1.0)
            head = {"problem": problem, "charged": known.charged, "mesh": words, "ranks": comm.size}
            group.append(
                {**head, "formulation": formulation, **found, "units": found["solve_s"] / unit, "error": error}
            )
        rows += compared(group)
    return rows


def compared(rows: list[Row]) -> list[Row]:
    """Rows of one mesh with `slower`: time over the shortest of all choices whose error is not larger, if solved.

    Errors within a factor of `SPREAD`, and those below `SURE`, count as equal.
    """
    for row in rows:
        enough = max(SPREAD * row["error"], SURE)
        times = [other["solve_s"] for other in rows if other["status"] == "ok" and other["error"] <= enough]
        row["slower"] = row["solve_s"] / min(times) if times and row["status"] == "ok" else float("nan")
    return rows


def _solve(case: Case, mesh: SpineMesh, solver: SolverOptions, place: str, comm: Any) -> Row:
    """Statistics, processor seconds of set-up and solve (the best of some), and the value at a place."""
    best: Row = {}
    for attempt in range(3):
        try:
            found, seconds = cpu_timed(comm, lambda: _once(case, mesh, solver, place))
        except SpineError as error:
            nothing = float("nan")
            return {
                "taken": "", "unknowns": 0, "newton": 0, "krylov": 0, "solve_s": nothing, "value": nothing,
                "status": str(error),
            }  # fmt: skip
        if not best or seconds < best["solve_s"]:
            best = {**found, "solve_s": seconds, "status": "ok"}
        if attempt and seconds > SHORT:
            break
    return best


def _once(case: Case, mesh: SpineMesh, solver: SolverOptions, place: str) -> Row:
    with SteadyProblem(mesh, case.electrolyte, case.boundaries, solver, case.probes) as steady:
        solution = steady.solve()
    name = place.removeprefix("current of ")
    if name == place:
        value = 1e3 * (solution.probes | solution.boundary)[place].potential
    else:
        value = 1e12 * solution.boundary[name].total_current
    statistics = solution.statistics
    return {
        "taken": solution.formulation,
        "unknowns": statistics.dofs,
        "newton": statistics.newton,
        "krylov": statistics.krylov,
        "value": value,
    }


def large_formulations(comm: Any, size: str, refine: int = 0, degree: int = 1) -> list[Row]:
    """Rows of each choice of unknowns for 100 pA into a neck of 50 nm, on a large mesh."""
    rows = []
    problem = Problem("", mesh={"refine": refine} if refine else {})
    mesh = problem.make_mesh(size, degree, comm)
    poisson_unit(mesh, 1)
    _, unit = cpu_timed(comm, lambda: poisson_unit(mesh, 1))
    for formulation in ("density", "nodal"):
        options = SolverOptions(formulation=formulation)

        def once(options: SolverOptions = options) -> Any:
            with SteadyProblem(mesh, problem.electrolyte, problem.conditions(), options) as steady:
                return steady.solve()

        solution, seconds = cpu_timed(comm, once)
        statistics = solution.statistics
        rows.append(
            {
                "problem": "100 pA into a neck of 50 nm",
                "mesh": f"3D, {'linear' if degree == 1 else 'quadratic'}",
                "ranks": comm.size,
                "formulation": formulation,
                "taken": solution.formulation,
                "unknowns": statistics.dofs,
                "newton": statistics.newton,
                "krylov": statistics.krylov,
                "solve_s": seconds,
                "units": seconds / unit,
                "V_mV": 1e3 * solution.boundary["top"].potential,
                "status": "ok",
            }
        )
    return rows
