"""Suite `transient`: all steps of a shipped transient, against a steady solve."""

from __future__ import annotations

from typing import Any

from benchmarks.measure import timed
from benchmarks.places import CASES
from spinepnp.case.case import load_case
from spinepnp.meshes import generate
from spinepnp.solvers import SteadyProblem
from spinepnp.solvers.algebra.statistics import NewtonStatistics
from spinepnp.solvers.time.adaptive import Step
from spinepnp.solvers.time.transient import TransientProblem


def spent(steps: list[Step]) -> list[NewtonStatistics]:
    """Statistics of all solves of a run, with those of rejected steps."""
    rejected = [s for step in steps for _, _, s in step.rejected if s is not None]
    return [*(step.statistics for step in steps), *rejected]


def solved(steps: list[Step]) -> list[Step]:
    """Steps that were solved, without the listed times within them."""
    return [step for step in steps if not step.interpolated]


def transient(comm: Any, case: str, dimension: str, linear: str = "auto", tolerance: float = 1e-4) -> dict[str, Any]:
    """Row of a transient of a shipped case, all steps, against a steady solve of its final current."""
    overrides = [f'geometry.dimension="{dimension}"', f'solver.linear="{linear}"', f"study.tolerance={tolerance}"]
    made = load_case(CASES / f"{case}.toml", overrides)
    schedule = made.study.schedule
    constant = made.problem_data.at(schedule.duration, schedule.duration)
    mesh, mesh_s = timed(comm, lambda: generate(made.geometry, made.mesh, comm))
    steady = SteadyProblem(mesh, made.electrolyte, constant.boundaries, made.solver)
    steady.solve(made.electrolyte, constant.boundaries)
    _, steady_s = timed(comm, lambda: steady.solve(made.electrolyte, constant.boundaries))
    steady.destroy()
    problem = TransientProblem(mesh, made.electrolyte, made.boundaries, made.solver, made.probes, made.closed)
    steps, seconds = timed(comm, lambda: [*problem.steps(schedule)])
    statistics, number = spent(steps), len(solved(steps))
    row = {
        **{"case": case, "dimension": dimension, "linear": problem.linear, "tolerance": tolerance},
        "ranks": comm.size,
        "dofs": problem.system.state.vector.getSize(),
        "steps": number,
        "rejected": sum(len(step.rejected) for step in steps),
        "newton": sum(s.newton for s in statistics),
        "krylov": sum(s.krylov for s in statistics),
        "mesh_s": mesh_s,
        "run_s": seconds,
        "step_s": seconds / number,
        "steady_s": steady_s,
        "step_over_steady": seconds / number / steady_s,
        "V_max_mV": 1e3 * max(step.solution.probes["head"].potential for step in steps),
    }
    problem.destroy()
    return row
