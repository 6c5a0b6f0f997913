"""Observables of a case, and of the finer cases from which the error is estimated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spinepnp.case.case import Case
from spinepnp.case.estimate import check_feasible
from spinepnp.case.toml import tables_at
from spinepnp.errors import CaseError
from spinepnp.meshes import generate
from spinepnp.run.steady import Model
from spinepnp.runtime.communication import on_root
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.problem.columns import TIME_COLUMN, flatten, state_of
from spinepnp.solvers.time.adaptive import Step
from spinepnp.solvers.time.peaks import peaks, rises
from spinepnp.solvers.time.traces import table
from spinepnp.solvers.time.transient import TransientProblem
from spinepnp.units import LENGTH, TIME, parse_quantity, to_unit

#: Ratio of the mesh sizes of a finer solve to those of the case: small enough to show convergence, cheap enough in 3D.
FINER = 0.7

#: Ratio of the tolerances of time steps.
TIGHTER = 0.3

#: Ratio of the error of the finer mesh to the difference of both, for convergence of first order, as at singular edges,
#: which is the slowest. For second order the ratio is less than half of this.
FIRST_ORDER = FINER / (1.0 - FINER)

#: Relative difference below which two times are equal.
SAME_TIME = 1e-9

#: Results by column of observables.csv.
Row = dict[str, Any]


def finer_case(case: Case, keys: tuple[str, ...]) -> Case:
    """Case with smaller cells.

    Args:
        case: the case.
        keys: mesh.refine, or keys of mesh sizes (made smaller), growths (made closer to one), inner planes (both).

    Raises:
        CaseError: the case does not set a key.
    """
    for key in keys:
        *names, name = key.split(".")
        values = [table[name] for table in tables_at(case.to_dict(), names) if name in table]
        if len(values) != 1:
            raise CaseError("finer", "is not set in the case; set it or drop it", key)
        case = case.with_value(key, _finer(values[0]))
    return case


def _finer(value: Any) -> Any:
    """Mesh size, growth, number of refinements, or tables of inner planes, changed to give smaller cells."""
    if isinstance(value, list):
        return [{k: v if k == "z" else _finer(v) for k, v in plane.items()} for plane in value]
    if isinstance(value, int):  # a number of refinements
        return value + 1
    if isinstance(value, float):  # a growth from cell to cell
        return 1.0 + FINER * (value - 1.0)
    return f"{FINER * to_unit(parse_quantity(value, LENGTH), LENGTH)!r} {LENGTH.unit}"


def refinements(case: Case, keys: tuple[str, ...]) -> list[tuple[str, Case]]:
    """Finer and finer cases, each with the name of what is refined relative to the one before.

    Raises:
        CaseError: the case does not set a key.
    """
    found = []
    if case.study.kind == "transient":
        assert case.study.tolerance is not None
        case = case.with_value("study.tolerance", TIGHTER * case.study.tolerance)
        found.append(("time", case))
    return [*found, ("mesh", finer_case(case, keys))]


def observables(case: Case, comm: Any) -> list[Row]:
    """Observables of a case, one row for each point or time. Collective.

    Raises:
        CaseError: bad input.
        SolveError: the case has no solution.
    """
    return _in_time(case, comm) if case.study.kind == "transient" else _steady(case, comm)


def _steady(case: Case, comm: Any) -> list[Row]:
    rows, model = [], Model(comm)
    for point in case.points():
        problem = model.fit(point, lambda _: None)
        solution = problem.solve(point.electrolyte, point.boundaries, point.closed, point.compartments)
        rows.append(flatten(state_of(solution, point.law())))
    model.close()
    return rows


def steps_of(case: Case, comm: Any) -> Iterator[Step]:
    """Steps of a transient, and states at its times. Collective.

    Raises:
        CaseError: bad input.
        SolveError: the case has no solution.
    """
    study = case.study
    assert study.times is not None
    assert study.tolerance is not None
    assert study.initial is not None
    on_root(comm, lambda: check_feasible(case))
    mesh = generate(case.geometry, case.mesh, comm)
    problem = TransientProblem(
        mesh,
        case.electrolyte,
        case.boundaries,
        case.solver,
        case.probes,
        case.closed,
        case.regions,
        initial_concentrations=case.initial,
        compartments=case.compartments,
    )
    problem.begin(study.initial)
    yield from problem.steps(Schedule(max(study.times), study.times, study.tolerance))
    problem.destroy()


def _in_time(case: Case, comm: Any) -> list[Row]:
    """Rows of a transient, one for each of its times, each with the peaks of the whole transient and its last spikes.

    The last spike of a potential is the last time, up to that of the row, at which it rises through zero.
    """
    law, rows, traces = case.law(), [], []
    for step in steps_of(case, comm):
        traces += [] if step.interpolated else [step.trace]
        if any(abs(step.time / time - 1.0) < SAME_TIME for time in case.study.times or ()):
            row = {f"{TIME.name}_{TIME.suffix}": to_unit(step.time, TIME)}
            rows.append(row | flatten(state_of(step.solution, law)))
    trace, highest = table(traces), Row()
    for name, peak in peaks(trace).items():
        highest |= {f"peak.{name}": peak["value"], f"peak.{name}.{TIME_COLUMN}": peak[TIME_COLUMN]}
    for name, times in rises(trace).items():
        for row in rows:
            before = times[times <= row[TIME_COLUMN]]
            row |= {f"rise.{name}.{TIME_COLUMN}": float(before[-1])} if len(before) else {}
    return [row | highest for row in rows]
