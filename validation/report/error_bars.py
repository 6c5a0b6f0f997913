"""What a validation comes to: counts, and whether its error bars hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spinepnp.validation.suite.assess import Verdict, by_case

#: Error and bar below which two numbers are the same for a computer.
ROUNDING = 1e-16

#: A bar says how large an error is if it is within this factor of it.
FACTOR = 10.0


@dataclass(frozen=True)
class Counts:
    """How many cases and numbers there are, and how they fared.

    Attributes:
        cases, numbers: examined.
        failed_cases, failed_numbers: of them.
        of_paper: numbers of a paper that differ, as is expected of them.
        seconds: of all cases together.
    """

    cases: int
    numbers: int
    failed_cases: int
    failed_numbers: int
    of_paper: int
    seconds: float


@dataclass(frozen=True)
class Bars:
    """How error bars (estimate and uncertainty of the reference) compare to errors.

    Attributes:
        number: of errors with a bar.
        covered: share of them that the bar covers.
        within: share of the bars within a factor 10 of the error, above or below.
        largest: largest error over its tolerance.
    """

    number: int
    covered: float
    within: float
    largest: float


def count(verdicts: Sequence[Verdict]) -> Counts:
    """Count cases and numbers."""
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
    """Whether error bars hold; ``None`` where no number has one."""
    found = pairs(verdicts)
    if not found:
        return None
    return Bars(
        number=len(found),
        covered=sum(error <= bar for _, error, bar in found) / len(found),
        within=sum(error / FACTOR <= bar <= error * FACTOR for _, error, bar in found) / len(found),
        largest=max(error / v.tolerance for v, error, _ in found),
    )
