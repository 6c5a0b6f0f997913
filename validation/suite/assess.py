"""Error, estimate and verdict of each number of a validation case."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.errors import CaseError, SolveError
from spinepnp.units import POTENTIAL, to_unit
from spinepnp.validation.gnp import table
from spinepnp.validation.reference.onedimensional import NoConvergenceError
from spinepnp.validation.suite import one_dimension
from spinepnp.validation.suite.context import FormulaContext
from spinepnp.validation.suite.formulas import FORMULAS
from spinepnp.validation.suite.plan import Check, Subject
from spinepnp.validation.suite.solve import FIRST_ORDER, Row, observables, refinements
from spinepnp.validation.suite.studies import STUDIES

#: Smallest reference that errors are relative to: where the reference is zero, only zero agrees.
SMALLEST_REFERENCE = 1e-300


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One number beside its reference.

    Attributes:
        case: name of the validation case.
        quantity: name of the quantity, with its unit.
        point: value of the study's varied key, or time, if there is one.
        reference: expected number (or word); ``None`` if the solve failed.
        value: result of the finest solve.
        error: error of the value, relative to the reference.
        estimate: estimated error of mesh and time steps, relative to the reference.
        parts: parts of the estimate, by what was refined.
        uncertainty: relative uncertainty of the reference.
        tolerance: largest error and largest estimate that pass.
        passed: whether error and estimate are within the tolerance.
        figure: figure of the papers.
        why: reason for the tolerance; for a number of a paper, reason for the expected verdict.
        verdict: "agrees", "differs" or "vanishes".
        reason: reason of the failure, if there is no value.
        seconds: run time of the whole validation case, s.
    """

    case: str
    quantity: str
    point: str = ""
    reference: float | str | None = None
    value: float | str | None = None
    error: float | None = None
    estimate: float | None = None
    uncertainty: float = 0.0
    tolerance: float
    passed: bool
    figure: str
    why: str
    verdict: str = "agrees"
    parts: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0


def value_of(check: Check, row: Mapping[str, Any], V_T: float) -> float:
    """Value of a check.

    Args:
        check: the check.
        row: observables by column.
        V_T: thermal voltage, V.

    Raises:
        CaseError: the results lack a column of the check.
    """
    for column in check.columns:
        if not isinstance(row.get(column), float):
            raise CaseError("checks.quantity", "is no number of the results; see observables.csv", column)
    value = row[check.quantity] + (row[check.plus] if check.plus else 0.0) - (row[check.minus] if check.minus else 0.0)
    value /= row[check.over] if check.over else 1.0
    return float(value / (to_unit(V_T, POTENTIAL) if check.per_thermal_voltage else 1.0))


def examine(subject: Subject, comm: Any) -> list[Verdict]:
    """Solve a case and finer ones; a verdict for each check and point, or a failed one a check. Collective."""
    start, plan = time.monotonic(), subject.plan
    if plan.study is not None:
        assessed = _examine_study(subject, plan.study, comm)
    elif subject.case is None:
        assessed = [_verdict_on_row(subject, row) for part in plan.neurons for row in table.rows(sections=(part,))]
    else:
        try:
            assessed = _assess_case(subject, subject.case, comm)
        except Exception as error:  # one case that breaks must not take the verdicts of all others with it
            assessed = [_failure(subject, check, _reason(error)) for check in plan.checks]
    seconds = time.monotonic() - start
    return [replace(verdict, seconds=seconds) for verdict in assessed]


def _reason(error: Exception) -> str:
    """Reason of a failure, with the kind of an error that nobody expected."""
    known = isinstance(error, CaseError | SolveError | NoConvergenceError)
    return str(error) if known else f"{type(error).__name__}: {error}"


def _examine_study(subject: Subject, name: str, comm: Any) -> list[Verdict]:
    """Verdict on each number of a study, or a failed one. Collective."""
    of_all: dict[str, Any] = {"case": subject.name, "figure": subject.plan.figure}
    try:
        numbers = STUDIES[name](comm)
    except Exception as error:  # as of a case
        reason = _reason(error)
        return [Verdict(**of_all, quantity=name, tolerance=0.0, passed=False, why="", verdict="differs", reason=reason)]
    verdicts = []
    for number in numbers:
        deviation = (number.value - number.reference) / number.reference
        passed = abs(deviation) <= number.tolerance and number.estimate <= number.tolerance
        verdict = "agrees" if passed else "differs"
        verdicts.append(Verdict(**of_all, **vars(number), error=deviation, passed=passed, verdict=verdict))
    return verdicts


def _verdict_on_row(subject: Subject, row: table.Row) -> Verdict:
    """Verdict on a row of the table on paper 002; errors are relative to the paper's number where that is not zero."""
    computed, error, tolerance = row.computed, None, row.tolerance
    value = computed if isinstance(computed, str) else float(computed) if math.isfinite(computed) else None
    if isinstance(row.paper, float | int) and row.paper != 0.0:
        tolerance = row.tolerance / abs(row.paper)
        error = None if value is None else (float(value) - row.paper) / abs(row.paper)
    return Verdict(
        case=subject.name,
        quantity=f"{row.quantity} ({row.unit})" if row.unit else row.quantity,
        reference=row.paper,
        value=value,
        error=error,
        tolerance=tolerance,
        passed=row.verdict == row.expected,
        figure=row.section,
        why=row.reason,
        verdict=row.verdict,
        reason="" if row.verdict == row.expected else f"{row.verdict}, expected: {row.expected}",
    )


def _failure(subject: Subject, check: Check, reason: str, point: str = "") -> Verdict:
    """Failed verdict of a check whose case has no solution."""
    return Verdict(
        case=subject.name,
        quantity=check.name,
        point=point,
        uncertainty=check.reference.uncertainty,
        tolerance=check.tolerance,
        passed=False,
        figure=subject.plan.figure,
        why=check.why,
        verdict="differs",
        reason=reason,
    )


def _assess_case(subject: Subject, case: Case, comm: Any) -> list[Verdict]:
    """Verdicts of all checks of a case; raises where it has no solution."""
    plan = subject.plan
    solves = {"": observables(case, comm)}
    for name, finer in refinements(case, plan.finer):
        solves[name] = observables(finer, comm)
    other = one_dimension.solved(case) if any(check.reference.one_dimension for check in plan.checks) else []
    return [verdict for check in plan.checks for verdict in _assess_check(subject, case, check, solves, other)]


def _numbers(check: Check, case: Case, rows: Sequence[Row], other: Sequence[tuple[Row, Row]]) -> list[float]:
    """References of a check, one for each point; some depend on other results at the point."""
    reference = check.reference
    if reference.law is not None:
        return [row[f"law.{reference.law}"] for row in rows]
    if reference.one_dimension:
        return [value_of(check, good, case.electrolyte.V_T) for good, _ in other]
    numbers = reference.numbers() if reference.tabled else [math.nan] * len(rows)
    if reference.formula is None:
        return numbers
    formula = FORMULAS[reference.formula]
    points = [case] * len(rows) if case.study.kind == "transient" else case.points()
    triples = zip(points, rows, numbers, strict=True)
    return [formula.value(FormulaContext(point, check.quantity, row, n)) for point, row, n in triples]


def _uncertainties(check: Check, case: Case, numbers: Sequence[float], other: Sequence[tuple[Row, Row]]) -> list[float]:
    """Uncertainties of the references; that of the other solver is the difference to its coarser solve."""
    if not check.reference.one_dimension:
        return [check.reference.uncertainty * abs(n) for n in numbers]
    coarser = [value_of(check, row, case.electrolyte.V_T) for _, row in other]
    return [abs(n - c) for n, c in zip(numbers, coarser, strict=True)]


def _assess_check(
    subject: Subject,
    case: Case,
    check: Check,
    solves: Mapping[str, Sequence[Row]],
    other: Sequence[tuple[Row, Row]],
) -> list[Verdict]:
    """Verdicts of one check, one for each point."""
    V_T = case.electrolyte.V_T
    numbers = {name: np.array(_numbers(check, case, rows, other)) for name, rows in solves.items()}
    values = {name: np.array([value_of(check, row, V_T) for row in rows]) for name, rows in solves.items()}
    *_, last = solves
    scale = np.maximum(np.abs(numbers[last]), SMALLEST_REFERENCE)
    scale[:] = scale.max() if check.relative_to == "largest" else scale
    errors = {name: (values[name] - numbers[name]) / scale for name in solves}
    parts = {after: np.abs(errors[after] - errors[before]) for before, after in itertools.pairwise(solves)}
    parts["mesh"] *= FIRST_ORDER
    uncertainties = _uncertainties(check, case, numbers[last].tolist(), other) / scale
    verdicts = []
    for i, point in enumerate(subject.points):
        error, estimate = float(errors[last][i]), float(sum(part[i] for part in parts.values()))
        if not (math.isfinite(error) and math.isfinite(estimate)):
            verdicts.append(_failure(subject, check, "a number that is not finite", point))
            continue
        passed = abs(error) <= check.tolerance and estimate <= check.tolerance
        verdicts.append(
            Verdict(
                case=subject.name,
                quantity=check.name,
                point=point,
                reference=float(numbers[last][i]),
                value=float(values[last][i]),
                error=error,
                estimate=estimate,
                parts={name: float(part[i]) for name, part in parts.items()},
                uncertainty=float(uncertainties[i]),
                tolerance=check.tolerance,
                passed=passed,
                figure=subject.plan.figure,
                why=check.why,
                verdict="agrees" if passed else "differs",
            )
        )
    return verdicts


def by_case(verdicts: Sequence[Verdict]) -> list[list[Verdict]]:
    """Verdicts grouped by case, in their order."""
    parts: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        parts.setdefault(verdict.case, []).append(verdict)
    return list(parts.values())


def describe(verdicts: Sequence[Verdict]) -> str:
    """Line on a validation case."""
    first = verdicts[0]
    failed = [v for v in verdicts if not v.passed]
    reason = next((v.reason for v in failed if v.reason), "")
    word = f"FAILED {reason}".strip() if failed else "ok"
    return f"{first.case}: {word}, {len(verdicts)} numbers{_worst(verdicts)} ({first.seconds:.1f} s)"


def summary(verdicts: Sequence[Verdict]) -> list[str]:
    """Lines on each failed case, and one on all cases."""
    cases = by_case(verdicts)
    bad = [part for part in cases if not all(v.passed for v in part)]
    how = f"{len(bad)} FAILED" if bad else "all passed"
    return [*map(describe, bad), f"{len(cases)} cases, {len(verdicts)} numbers: {how}"]


def _worst(verdicts: Sequence[Verdict]) -> str:
    """Text on the largest error of a case, or on the number of values of a paper that differ as expected."""
    of_paper = sum(v.verdict != "agrees" for v in verdicts if v.passed)
    if of_paper:
        return f", {of_paper} of the paper differ, as they should"
    assessed = [v for v in verdicts if v.error is not None and v.estimate is not None]
    if not assessed:
        return ""
    worst = max(assessed, key=lambda v: abs(v.error or 0.0) / v.tolerance)
    return f", largest error {worst.error:+.1e} +- {worst.estimate:.1e} of {worst.tolerance:.0e} allowed"
