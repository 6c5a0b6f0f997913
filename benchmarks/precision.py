"""Suite `precision`: tolerance, error, steps and seconds of time integration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.measure import timed
from benchmarks.places import CASES
from benchmarks.transients import solved, spent
from spinepnp.case.case import Case, load_case
from spinepnp.meshes import SpineMesh, generate
from spinepnp.solvers.time.adaptive import Step
from spinepnp.solvers.time.transient import TransientProblem
from spinepnp.validation.suite import one_dimension

#: Runs by name: case file, overrides, places that are compared, whether the solver in one dimension can solve it.
RUNS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...], bool]] = {
    "spine, alpha current (meridian)": (
        "spine_alpha.toml",
        ('geometry.dimension="axisymmetric"', 'study.times=["2 ms","5 ms","10 ms","20 ms","50 ms","100 ms"]'),
        ("head", "neck"),
        False,
    ),
    "cylinder, step (line)": (
        "cylinder_iv.toml",
        (
            'geometry.dimension="1d"', 'mesh.size="10 nm"', "mesh.element_degree=2",
            'mesh.grade={top={size="0.05 nm",growth=1.2}}',
            'boundaries.top.current={species="C",waveform="step",value="50 pA"}',
            'study={kind="transient",duration="10 ms",times=["1 ns","10 ns","1 us","0.1 ms","1 ms","10 ms"]}',
        ),
        ("top",),
        True,
    ),
}  # fmt: skip

#: Default tolerance of time steps.
DEFAULT = 1e-4

#: Tolerance of the reference run.
REFERENCE = 1e-8


def precision(
    comm: Any,
    run: str,
    tolerances: tuple[float, ...] = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6),
    reference: float = REFERENCE,
    independent: bool = True,
) -> list[dict[str, Any]]:
    """Rows for each tolerance, with the error against a run of far smaller tolerance on the same mesh.

    Args:
        independent: whether the solver in one dimension solves the run as well, where it can.
    """
    file, overrides, places, line = RUNS[run]
    case = load_case(CASES / file, overrides)
    mesh = generate(case.geometry, case.mesh, comm)
    _transient(case, mesh, max(tolerances), comm)  # compiles
    truth = _values(_transient(case, mesh, reference, comm)["steps"], case, places)
    other = None
    if line and independent:
        found = one_dimension.solved(case)
        other = np.array([[good[f"{p}.potential_mV"] for p in places] for good, _ in found])
    rows = []
    for tolerance in tolerances:
        made = _transient(case, mesh, tolerance, comm)
        values = _values(made.pop("steps"), case, places)
        errors = [float((np.abs(a - b) / np.abs(b).max(axis=0)).max()) for a, b in zip(values, truth, strict=True)]
        row = {"case": run, "tolerance": tolerance, "default": tolerance == DEFAULT, **made}
        row |= {"error_V": errors[0], "error_c": errors[1]}
        if other is not None:
            row["error_line"] = float((np.abs(values[0] - other) / np.abs(other).max(axis=0)).max())
        rows.append(row)
    linear = min(row["linear_s"] for row in rows)  # in all rows the same
    return [row | {"linear_s": linear, "step_over_linear": row["step_s"] / linear} for row in rows]


def _transient(case: Case, mesh: SpineMesh, tolerance: float, comm: Any) -> dict[str, Any]:
    """Steps of a run, their cost, and the cost of one linear solve."""
    problem = TransientProblem(mesh, case.electrolyte, case.boundaries, case.solver, case.probes, case.closed)
    schedule = replace(case.study.schedule, tolerance=tolerance)
    steps, seconds = timed(comm, lambda: [*problem.steps(schedule)])
    newton, number = sum(s.newton for s in spent(steps)), len(solved(steps))
    linear = _linear_solve(problem, comm)
    found = {
        "steps": steps,
        "unknowns": problem.system.state.vector.getSize(),
        "number": number,
        "rejected": sum(len(step.rejected) for step in steps),
        "newton": newton,
        "newton_a_step": newton / number,
        "run_s": seconds,
        "step_s": seconds / number,
        "linear_s": linear,
    }
    problem.destroy()
    return found


def _linear_solve(problem: TransientProblem, comm: Any) -> float:
    """Seconds of a linear time step: matrix, factorisation and one solution; the fastest of three."""
    x, solver = problem.system.state.vector, problem._newton.linear.ksp
    right, change = x.copy(), x.duplicate()

    def once() -> None:
        problem._newton.make_matrix(x)
        solver.solve(right, change)

    return min(timed(comm, once)[1] for _ in range(3))


def _values(steps: list[Step], case: Case, places: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Potentials (mV) and concentrations of the injected species (mM) at the listed times, each (times, places)."""
    species = next(i.species for b in case.boundaries.values() for i in b.injections)
    potentials, concentrations = [], []
    for step in steps:
        if step.listed:
            s = step.solution
            states = [s.probes[p] if p in s.probes else s.boundary[p] for p in places]
            potentials.append([1e3 * state.potential for state in states])
            concentrations.append([state.concentration[species] for state in states])
    return np.array(potentials), np.array(concentrations)
