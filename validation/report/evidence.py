"""The numbers of a run of the validation, where figures and findings look them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spinepnp.validation.suite.assess import Verdict, by_case


class MissingError(LookupError):
    """A number that this run of the validation does not have: its case was not asked for, or has failed."""


@dataclass(frozen=True)
class Found:
    """A verdict with two numbers, and where it stands on the page.

    Attributes:
        verdict: as it is.
        value, reference: its numbers.
        anchor: on the page, without the ``#``.
    """

    verdict: Verdict
    value: float
    reference: float
    anchor: str


def anchors(verdicts: Sequence[Verdict]) -> list[tuple[Verdict, str]]:
    """Each verdict with the name of its place on the page."""
    return [(verdict, f"v-{verdict.case}-{i}") for part in by_case(verdicts) for i, verdict in enumerate(part)]


class Evidence:
    """Verdicts and the numbers of figures, by name.

    Args:
        verdicts: of this run.
        numbers: of the figures, by figure and name.
    """

    def __init__(self, verdicts: Sequence[Verdict], numbers: Mapping[str, Mapping[str, float]] | None = None) -> None:
        self.verdicts = tuple(verdicts)
        self._numbers = numbers or {}

    def all(self, case: str, quantity: str) -> list[Found]:
        """The numbers of a case, in the order of their points.

        Args:
            case: name of the validation case.
            quantity: as it stands in the report.

        Raises:
            MissingError: there is none that has passed.
        """
        found = []
        for v, anchor in anchors(self.verdicts):
            named = (v.case, v.quantity) == (case, quantity)
            if named and v.passed and isinstance(v.value, float) and isinstance(v.reference, float):
                found.append(Found(v, v.value, v.reference, anchor))
        if not found:
            raise MissingError(f"{case}: {quantity}")
        return found

    def any(self, case: str, quantity: str) -> list[Found]:
        """As `all`, but nothing where there is none."""
        try:
            return self.all(case, quantity)
        except MissingError:
            return []

    def at(self, case: str, quantity: str, point: str = "") -> Found:
        """One of them.

        Args:
            case, quantity: see `all`.
            point: as it stands in the report.

        Raises:
            MissingError: there is none.
        """
        for found in self.all(case, quantity):
            if found.verdict.point == point:
                return found
        raise MissingError(f"{case}: {quantity} at {point}")

    def number(self, figure: str, name: str) -> float:
        """A number that a figure was made from.

        Raises:
            MissingError: it was not drawn.
        """
        try:
            return self._numbers[figure][name]
        except KeyError:
            raise MissingError(f"{figure}: {name}") from None
