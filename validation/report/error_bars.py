"""Counts of a validation, and coverage of its error bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spinepnp.validation.suite.assess import Verdict, by_case

#: Smallest error and bar that are distinguished; smaller ones are rounding of double precision.
ROUNDING = 1e-16

#: Factor between bar and error within which the bar is a fair estimate of the size of the error.
FACTOR = 10.0


@dataclass(frozen=True)
class Counts:
    """Counts of cases and numbers.

    Attributes:
        cases, numbers: number of cases and of numbers.
        failed_cases, failed_numbers: number of those that failed.
        of_paper: number of values of a paper that differ, as expected.
        seconds: run time of all cases together, s.
    """

    cases: int
    numbers: int
    failed_cases: int
    failed_numbers: int
    of_paper: int
    seconds: float


@dataclass(frozen=True)
class Bars:
    """Comparison of error bars (estimate and uncertainty of the reference) with errors.

    Attributes:
        number: number of errors with a bar.
        covered: share of errors that are not larger than their bar.
        within: share of bars within a factor `FACTOR` of the error, above or below.
        largest: largest error over its tolerance.
    """

    number: int
    covered: float
    within: float
    largest: float


def count(verdicts: Sequence[Verdict]) -> Counts:
    """Counts of cases and numbers."""
    cases = by_case(verdicts)
    return Counts(
        cases=len(cases),
        numbers=len(verdicts),
        failed_cases=sum(not all(v.passed for v in part) for part in cases),
        failed_numbers=sum(not v.passed for v in verdicts),
        of_paper=sum(v.passed and v.verdict != "agrees" for v in verdicts),
        seconds=sum(part[0].seconds for part in cases),
    )


def pairs(verdicts: Sequence[Verdict]) -> list[tuple[Verdict, float, float]]:
    """Verdicts with an error bar, with the error's size and the bar."""
    return [
        (v, max(abs(v.error), ROUNDING), max(v.estimate + v.uncertainty, ROUNDING))
        for v in verdicts
        if v.error is not None and v.estimate is not None
    ]


def bars(verdicts: Sequence[Verdict]) -> Bars | None:
    """Comparison of error bars with errors; ``None`` where no number has a bar."""
    measured = pairs(verdicts)
    if not measured:
        return None
    return Bars(
        number=len(measured),
        covered=sum(error <= bar for _, error, bar in measured) / len(measured),
        within=sum(error / FACTOR <= bar <= error * FACTOR for _, error, bar in measured) / len(measured),
        largest=max(error / v.tolerance for v, error, _ in measured),
    )
