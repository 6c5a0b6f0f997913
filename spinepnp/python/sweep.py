"""Sweep of a steady problem over the values of one key, in Python."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from spinepnp.batch.table import AXES
from spinepnp.case.study import column_of, common_kind, number_of
from spinepnp.case.toml import get_value, set_value
from spinepnp.errors import CaseError, SingleRankError, SolveError, SpineError, all_ranks_arrived, nearest
from spinepnp.messages import validated
from spinepnp.python.frames import to_xarray
from spinepnp.solvers.model.arguments import Arguments
from spinepnp.solvers.problem.columns import flatten, state_of
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.steady import SteadyProblem

#: Tables whose keys can be varied: mesh and solver belong to the problem.
VARIED = ("electrolyte", "boundaries", "closed")


@dataclass(frozen=True)
class Sweep:
    """Steady states for the values of one key.

    Examples:
        >>> import spinepnp as pnp
        >>> mesh = pnp.mesh(pnp.Cylinder(length="1 um", radius="100 nm", dimension="1d"), size="50 nm")
        >>> ion = {"diffusivity": "200 um^2/s", "concentration": "150 mM"}
        >>> salt = pnp.Electrolyte(species=[{"name": "Na", "valence": 1, **ion}, {"name": "Cl", "valence": -1, **ion}])
        >>> ends = {"base": pnp.bath("0 mV"), "top": pnp.inject("Na", "50 pA")}
        >>> with pnp.SteadyProblem(mesh, salt, ends) as problem:
        ...     result = pnp.sweep(problem, "boundaries.top.current", ["10 pA", "50 pA"])
        >>> result.column, result.values
        ('boundaries.top.current.value_pA', (10.0, 50.0))
        >>> result.to_frame()["top.potential_mV"].round(3).tolist()
        [1.352, 6.135]

    Attributes:
        column: name of the column of the values: the path of the key, with the unit.
        values: the values, in that unit.
        solutions: solution for each value; ``None`` where the solve has failed.
        failures: error for each value; ``None`` where it was solved.
    """

    column: str
    values: tuple[Any, ...]
    solutions: tuple[Solution | None, ...] = field(repr=False)
    failures: tuple[SpineError | None, ...]

    def to_frame(self) -> Any:
        """Table (`pandas.DataFrame`) with a row a value, in the columns of observables.csv of a sweep."""
        import pandas

        rows = []
        for value, solution, failure in zip(self.values, self.solutions, self.failures, strict=True):
            numbers = {} if solution is None else flatten(state_of(solution))
            rows.append({self.column: value, **numbers, "status": "ok" if failure is None else f"failed: {failure}"})
        names = dict.fromkeys(name for row in rows for name in row)
        frame = pandas.DataFrame(rows, columns=[name for name in names if name != "status"] + ["status"])
        frame.attrs[AXES] = [self.column]
        return frame

    def to_xarray(self) -> Any:
        """Dataset (`xarray.Dataset`) of the table along the varied value; see `spinepnp.to_xarray`.

        Raises:
            MissingStackError: xarray is not installed.
        """
        return to_xarray(self.to_frame())


def sweep(problem: SteadyProblem, path: str, values: Iterable[Any]) -> Sweep:
    """Solve a problem for several values of one key; all else is as at its construction. Collective.

    A value that cannot be solved for does not stop the others; where all are refused as bad input, the first error is
    raised.

    Args:
        problem: steady problem.
        path: dotted path of the key as in a case file, for example "boundaries.top.current.value"; the last word may be
            left out where it is "value".
        values: values as they would stand in the case file, or quantities of pint or `si`.

    Returns:
        The solutions with the values.

    Raises:
        CaseError: no such key, a value that it cannot take, or values that are all impossible.
    """
    data, given = _tables_of(problem), list(values)
    if path.split(".")[0] not in VARIED:
        raise CaseError(path, f"cannot be varied, mesh and solver belong to the problem; {nearest(path, VARIED)}")
    if not given:
        raise CaseError(path, "has no values to solve for; give at least one")
    path = _full_path(data, path, given[0])
    cases = [_with_value(data, path, value) for value in given]  # all are checked before the first is solved
    texts = [get_value(_plain(case), path) for case in cases]
    kind = common_kind(texts)
    outcomes = [_solve(problem, case) for case in cases]
    solutions, failures = zip(*outcomes, strict=True)
    refused = [failure for failure in failures if isinstance(failure, CaseError)]
    if len(refused) == len(given):
        raise refused[0]
    return Sweep(column_of(path, kind), tuple(number_of(text, kind) for text in texts), solutions, failures)


def _tables_of(problem: SteadyProblem) -> dict[str, Any]:
    """Tables of a problem as they stand in a case file."""
    built = problem.problem_data
    given = {"closed": built.closed, "compartments": built.compartments or None}
    given = {name: value for name, value in given.items() if value is not None}
    return _plain(Arguments(electrolyte=built.electrolyte, boundaries=built.boundaries, **given))


def _plain(tables: Arguments) -> dict[str, Any]:
    """Tables that can be varied as they stand in a case file: quantities as text, nothing that is unset."""
    return tables.model_dump(mode="json", exclude_none=True, include=set(VARIED))


def _full_path(data: dict[str, Any], path: str, value: object) -> str:
    """Path with the word "value" at its end, where a plain value is given for a table that has it."""
    there = get_value(data, path)
    table = there[0] if isinstance(there, list) and len(there) == 1 else there
    return f"{path}.value" if isinstance(table, dict) and "value" in table and not isinstance(value, dict) else path


def _with_value(data: dict[str, Any], path: str, value: object) -> Arguments:
    """Tables of a problem with one key changed."""
    changed = copy.deepcopy(data)
    set_value(changed, path, value)
    return validated(changed, Arguments)


def _solve(problem: SteadyProblem, case: Arguments) -> tuple[Solution | None, SpineError | None]:
    """Solution of a case, or its error. Collective."""
    try:
        return problem.solve(case.electrolyte, case.boundaries, case.closed, case.compartments), None
    except (CaseError, SolveError) as error:
        if not all_ranks_arrived(problem.mesh.mesh.comm):
            raise SingleRankError(str(error)) from error
        return None, error
