"""Suite `messages`: point-to-point messages, bytes and reductions of a steady solve, which `scaling` extrapolates."""

from __future__ import annotations

from typing import Any

from benchmarks.measure import timed
from benchmarks.problems import Problem
from spinepnp.runtime.stack import MPI, PETSc
from spinepnp.solvers import SolverOptions, SteadyProblem

#: Events of PETSc that are one reduction over all ranks each.
REDUCTIONS = ("VecNorm", "VecDot", "VecTDot", "VecMDot", "VecReduceComm")

#: Events of PETSc whose messages are counted, by the name of the count.
EVENTS = {"solve": "SNESSolve", "setup": "PCSetUp"}

#: Largest number of levels of a hierarchy that is looked for.
MOST_LEVELS = 12


def messages(comm: Any, size: str, refine: int = 0) -> dict[str, Any]:
    """Row of the messages of one rank, the largest number among the ranks, for two species in a cylinder. Collective.

    Messages and bytes are those sent and received. An iteration has its share of those of Newton's residuals.
    """
    PETSc.Log.begin()
    problem = Problem("", mesh={"refine": refine} if refine else {})
    mesh = problem.make_mesh(size, 1, comm)
    conditions, salt = problem.conditions(), problem.electrolyte
    steady = SteadyProblem(mesh, salt, conditions, SolverOptions(linear="block"))
    before = _counts(comm)
    solution, seconds = timed(comm, lambda: steady.solve(salt, conditions))
    seen = {name: count - before[name] for name, count in _counts(comm).items()}
    steady.destroy()
    krylov = solution.statistics.krylov
    return {
        "ranks": comm.size,
        "dofs": solution.statistics.dofs,
        "newton": solution.statistics.newton,
        "krylov": krylov,
        "levels": _levels(comm),
        "iteration_messages": (seen["solve messages"] - seen["setup messages"]) / krylov,
        "iteration_kB": 1e-3 * (seen["solve bytes"] - seen["setup bytes"]) / krylov,
        "iteration_reductions": seen["reductions"] / krylov,
        "setup_messages": seen["setup messages"],
        "setup_kB": 1e-3 * seen["setup bytes"],
        "setup_reductions": seen["setup reductions"],
        "solve_messages": seen["solve messages"],
        "solve_kB": 1e-3 * seen["solve bytes"],
        "solve_s": seconds,
    }


def _counts(comm: Any) -> dict[str, float]:
    """Counts of one rank since the start, the largest among the ranks."""
    counts = {"reductions": 0.0}
    for name in REDUCTIONS:
        counts["reductions"] += PETSc.Log.Event(name).getPerfInfo()["count"]
    for name, event in EVENTS.items():
        seen = PETSc.Log.Event(event).getPerfInfo()
        counts[f"{name} messages"] = seen["numMessages"]
        counts[f"{name} bytes"] = seen["messageLength"]
        counts[f"{name} reductions"] = seen["numReductions"]
    return {name: float(comm.allreduce(count, op=MPI.MAX)) for name, count in counts.items()}


def _levels(comm: Any) -> int:
    """Number of levels of the hierarchy of a species or of the potential, the finest included."""
    made = [PETSc.Log.Event(f"PCGAMG Gal l{level:02d}").getPerfInfo()["count"] > 0 for level in range(MOST_LEVELS)]
    return 1 + int(comm.allreduce(sum(made), op=MPI.MAX))
