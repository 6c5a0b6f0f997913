"""Observables of the case of a validation case, and of the finer ones that say how large the error is."""

from __future__ import annotations

from typing import Any

from spinepnp.case.case import Case
from spinepnp.case.estimate import check_feasible
from spinepnp.case.toml import tables_at
from spinepnp.errors import CaseError
from spinepnp.meshes import generate
from spinepnp.run.columns import flatten, state_of
from spinepnp.run.steady import Model
from spinepnp.runtime.communication import on_root
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.time.transient import TransientProblem
from spinepnp.units import LENGTH, TIME, parse_quantity, to_unit

#: Mesh sizes of a finer solve over those of the case, and tolerances of the steps of a transient.
FINER, TIGHTER = 0.7, 0.3

#: Error of the finer mesh over the difference to the coarser one, if convergence is of first order: that of singular
#: edges, the slowest there is. Of second order it is less than half of it.
FIRST_ORDER = FINER / (1.0 - FINER)

#: Times that differ by less, relative, are one.
SAME = 1e-9

Row = dict[str, Any]


def finer_case(case: Case, keys: tuple[str, ...]) -> Case:
    """The case with smaller cells.

    Args:
        case: any.
        keys: of mesh sizes, which become smaller, of growths, which come closer to one, of inner planes, which do both,
            or mesh.refine.

    Raises:
        CaseError: a key that the case does not have.
    """
    for key in keys:
        *names, name = key.split(".")
        values = [table[name] for table in tables_at(case.to_dict(), names) if name in table]
        if len(values) != 1:
            raise CaseError("finer", "is not set in the case; set it or drop it", key)
        case = case.with_value(key, _finer(values[0]))
    return case


def _finer(value: Any) -> Any:
    """A mesh size, a growth, a number of refinements, or the tables of inner planes, for smaller cells."""
    if isinstance(value, list):
        return [{k: v if k == "z" else _finer(v) for k, v in plane.items()} for plane in value]
    if isinstance(value, int):  # how often all cells are divided
        return value + 1
    if isinstance(value, float):  # a growth from cell to cell
        return 1.0 + FINER * (value - 1.0)
    return f"{FINER * to_unit(parse_quantity(value, LENGTH), LENGTH)!r} {LENGTH.unit}"


def refinements(case: Case, keys: tuple[str, ...]) -> list[tuple[str, Case]]:
    """Finer and finer cases, each with what is finer in it than in the one before.

    Raises:
        CaseError: a key that the case does not have.
    """
    found = []
    if case.study.kind == "transient":
        assert case.study.tolerance is not None
        case = case.with_value("study.tolerance", TIGHTER * case.study.tolerance)
        found.append(("time", case))
    return [*found, ("mesh", finer_case(case, keys))]


def observables(case: Case, comm: Any) -> list[Row]:
    """Observables of all points of a case. Collective.

    Raises:
        CaseError: bad input.
        SolveError: no solution.
    """
    return _in_time(case, comm) if case.study.kind == "transient" else _steady(case, comm)


def _steady(case: Case, comm: Any) -> list[Row]:
    rows, model = [], Model(comm)
    for point in case.points():
        problem = model.fit(point, lambda _: None)
        solution = problem.solve(point.electrolyte, point.boundaries, point.closed)
        rows.append(flatten(state_of(solution, point.law())))
    model.close()
    return rows


def _in_time(case: Case, comm: Any) -> list[Row]:
    """A row for each of the times of a transient."""
    study, law, rows = case.study, case.law(), []
    assert study.times is not None
    assert study.duration is not None
    assert study.tolerance is not None
    assert study.initial is not None
    on_root(comm, lambda: check_feasible(case))
    mesh = generate(case.geometry, case.mesh, comm)
    problem = TransientProblem(
        mesh, case.electrolyte, case.boundaries, case.solver, case.probes, case.closed, case.regions
    )
    problem.begin(study.initial)
    for step in problem.steps(Schedule(max(study.times), study.times, study.tolerance)):
        if any(abs(step.time / time - 1.0) < SAME for time in study.times):
            moment = {f"{TIME.name}_{TIME.suffix}": to_unit(step.time, TIME)}
            rows.append(moment | flatten(state_of(step.solution, law)))
    problem.destroy()
    return rows
