"""Solve validation cases twice, on two meshes, and hold them against their references with an error bar.

The second mesh is finer; its values count, and how far they are from those of the first one estimates what the mesh
still changes. Ranks take cases one by one and solve each alone.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from spinepnp.batch.groups import Counters
from spinepnp.case import Case
from spinepnp.errors import CaseError, OutputError, SolveError, reason_of
from spinepnp.key_paths import tables_at
from spinepnp.output import write_atomically
from spinepnp.results import flatten, state_of
from spinepnp.run import Model
from spinepnp.units import LENGTH, POTENTIAL, parse_quantity, to_unit
from spinepnp.validation_case import Check, Subject

#: Mesh sizes of the finer solve over those of the case file.
FINER = 0.7

#: Least reference that errors are relative to: where it is zero, nothing but zero agrees.
TINY = 1e-300


@dataclass(frozen=True)
class Verdict:
    """One number beside its reference.

    Attributes:
        case: name of the validation case.
        quantity: what was computed; its unit is in its name.
        point: value of the study's varied key, if there is one.
        reference: the number that it should be; ``None`` if the solve failed.
        value: on the finer mesh.
        error: value over reference, less one.
        estimate: what the mesh still changes, relative to the reference.
        uncertainty: of the reference, relative.
        tolerance: largest error and largest estimate that pass.
        passed: whether both are within.
        figure: of the papers.
        why: what the tolerance stands for.
        reason: why there is no value.
        seconds: of the whole validation case.
    """

    case: str
    quantity: str
    point: str
    reference: float | None
    value: float | None
    error: float | None
    estimate: float | None
    uncertainty: float
    tolerance: float
    passed: bool
    figure: str
    why: str
    reason: str = ""
    seconds: float = 0.0


def finer_case(subject: Subject) -> Case:
    """The case with smaller cells.

    Raises:
        CaseError: a key of `finer` that the case does not have.
    """
    case = subject.case
    for key in subject.plan.finer:
        *names, name = key.split(".")
        values = [table[name] for table in tables_at(case.to_dict(), names) if name in table]
        if len(values) != 1:
            raise CaseError("finer", "is not set in the case; set it or drop it", key)
        (value,) = values
        if isinstance(value, float):  # a growth from cell to cell
            case = case.with_value(key, 1.0 + FINER * (value - 1.0))
        else:
            case = case.with_value(key, f"{FINER * to_unit(parse_quantity(value, LENGTH), LENGTH)!r} {LENGTH.unit}")
    return case


def observables(case: Case, comm: Any) -> list[dict[str, Any]]:
    """Observables of all points of a case. Collective.

    Raises:
        CaseError: bad input.
        SolveError: no solution.
    """
    rows, model = [], Model(comm)
    for point in case.points():
        problem = model.fit(point, lambda _: None)
        solution = problem.solve(point.electrolyte, point.boundaries, point.closed)
        rows.append(flatten(state_of(solution, point.law())))
    model.close()
    return rows


def value_of(check: Check, row: dict[str, Any], case: Case) -> float:
    """The number that a check is about.

    Raises:
        CaseError: a column that the results do not have.
    """
    for column in filter(None, (check.quantity, check.minus, check.over)):
        if not isinstance(row.get(column), float):
            raise CaseError("checks.quantity", "is no number of the results; see observables.csv", column)
    value = row[check.quantity] - (row[check.minus] if check.minus else 0.0)
    value /= row[check.over] if check.over else 1.0
    return float(value / (to_unit(case.electrolyte.V_T, POTENTIAL) if check.per_thermal_voltage else 1.0))


def examine(subject: Subject, comm: Any) -> list[Verdict]:
    """Solve a validation case on both meshes and judge it. Collective.

    Returns:
        A verdict a check and point; a single failed one a check, with the reason, where there is no solution.
    """
    start, plan = time.monotonic(), subject.plan
    try:
        coarse, fine = observables(subject.case, comm), observables(finer_case(subject), comm)
        judged = [v for check in plan.checks for v in _judge(subject, check, coarse, fine)]
    except (CaseError, SolveError) as error:
        judged = [_verdict(subject, check, reason=str(error)) for check in plan.checks]
    seconds = time.monotonic() - start
    return [replace(verdict, seconds=seconds) for verdict in judged]


def _verdict(subject: Subject, check: Check, **found: Any) -> Verdict:
    """What is known of a check before its case is solved, and what was found then, if anything."""
    nothing: dict[str, Any] = {
        "point": "",
        "reference": None,
        "value": None,
        "error": None,
        "estimate": None,
        "passed": False,
    }
    return Verdict(
        case=subject.name,
        quantity=check.name,
        uncertainty=check.reference.uncertainty,
        tolerance=check.tolerance,
        figure=subject.plan.figure,
        why=check.why,
        **{**nothing, **found},
    )


def _judge(
    subject: Subject, check: Check, coarse: Sequence[dict[str, Any]], fine: Sequence[dict[str, Any]]
) -> list[Verdict]:
    law, verdicts = check.reference.law, []
    numbers = [row[f"law.{law}"] for row in fine] if law else check.reference.numbers()
    points = [str(value) for value in subject.case.study.values or ("",)]
    for point, reference, before, after in zip(points, numbers, coarse, fine, strict=True):
        value = value_of(check, after, subject.case)
        scale = max(abs(reference), TINY)
        error = (value - reference) / scale
        estimate = abs(value - value_of(check, before, subject.case)) / scale
        passed = math.isfinite(error) and abs(error) <= check.tolerance and estimate <= check.tolerance
        verdicts.append(
            _verdict(
                subject,
                check,
                point=point,
                reference=reference,
                value=value,
                error=error,
                estimate=estimate,
                passed=passed,
            )
        )
    return verdicts


def run_validation(subjects: Sequence[Subject], comm: Any) -> list[Verdict]:
    """Examine all validation cases, each on one rank. Collective.

    Args:
        subjects: the cases, the same on all ranks.
        comm: MPI communicator.

    Returns:
        On all ranks: the verdicts, those of failed cases first, else in the order of the cases.
    """
    world = comm.Dup()
    alone, counters = world.Split(world.rank), Counters(world, 1)
    found: list[Verdict] = []
    while (place := counters.take(0)) < len(subjects):
        found += examine(subjects[place], alone)
    gathered = [verdict for part in world.allgather(found) for verdict in part]
    counters.close()
    alone.Free()
    world.Free()
    order = {subject.name: i for i, subject in enumerate(subjects)}
    bad = {verdict.case for verdict in gathered if not verdict.passed}
    return sorted(gathered, key=lambda v: (v.case not in bad, order[v.case]))


def by_case(verdicts: Sequence[Verdict]) -> list[list[Verdict]]:
    """Verdicts of one case together, in their order."""
    parts: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        parts.setdefault(verdict.case, []).append(verdict)
    return list(parts.values())


def describe(verdicts: Sequence[Verdict]) -> str:
    """One line on a validation case."""
    first = verdicts[0]
    failed = [v for v in verdicts if not v.passed]
    reason = next((v.reason for v in failed if v.reason), "")
    word = f"FAILED {reason}".strip() if failed else "ok"
    worst = max(
        (v for v in verdicts if v.error is not None), key=lambda v: abs(v.error or 0.0) / v.tolerance, default=None
    )
    numbers = (
        ""
        if worst is None
        else f", largest error {worst.error:+.1e} +- {worst.estimate:.1e} of {worst.tolerance:.0e} allowed"
    )
    return f"{first.case}: {word}, {len(verdicts)} numbers{numbers} ({first.seconds:.1f} s)"


def make_folder(directory: Path) -> None:
    """Make the directory of the report, before anything is solved. On rank 0.

    Raises:
        CaseError: it cannot be made or written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_atomically(directory / "report.json", "[]\n", then="run it again")
    except OSError as error:
        reason = reason_of(error)
        raise CaseError("--output", f"cannot be used ({reason}); give another --output", str(directory)) from None
    except OutputError as error:
        raise CaseError("--output", f"{error.problem}; give another --output", str(directory)) from None


def write_report(verdicts: Sequence[Verdict], directory: Path) -> Path:
    """Write ``report.json``. On rank 0.

    Raises:
        OutputError: it cannot be written.
    """
    path = directory / "report.json"
    write_atomically(
        path, json.dumps([asdict(v) for v in verdicts], indent=1, allow_nan=False) + "\n", then="run it again"
    )
    return path
