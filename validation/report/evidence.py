"""Numbers of a validation run, which figures and errata look up by case and quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spinepnp.validation.suite.assess import Verdict, by_case


class MissingError(LookupError):
    """A number is missing in this run of the validation: its case was not requested, or has failed."""


@dataclass(frozen=True)
class Found:
    """A verdict with two numbers, and its anchor on the page.

    Attributes:
        verdict: the verdict.
        value, reference: computed number and reference.
        anchor: anchor on the page, without the ``#``.
    """

    verdict: Verdict
    value: float
    reference: float
    anchor: str

    @property
    def point(self) -> float:
        """Number of the point of the study, in its unit there."""
        return float(self.verdict.point.split()[0])


def anchors(verdicts: Sequence[Verdict]) -> list[tuple[Verdict, str]]:
    """Verdicts, each with its anchor on the page."""
    return [(verdict, f"v-{verdict.case}-{i}") for part in by_case(verdicts) for i, verdict in enumerate(part)]


class Evidence:
    """Verdicts and the numbers of figures, by name.

    Args:
        verdicts: verdicts of this run.
        numbers: numbers of the figures, by figure and name.
    """

    def __init__(self, verdicts: Sequence[Verdict], numbers: Mapping[str, Mapping[str, float]] | None = None) -> None:
        self.verdicts = tuple(verdicts)
        self._numbers = numbers or {}

    def all(self, case: str, quantity: str) -> list[Found]:
        """Numbers of a quantity that passed, in the order of their points.

        Args:
            case: name of the validation case.
            quantity: name of the quantity in the report.

        Raises:
            MissingError: no number has passed.
        """
        passed = []
        for v, anchor in anchors(self.verdicts):
            named = (v.case, v.quantity) == (case, quantity)
            if named and v.passed and isinstance(v.value, float) and isinstance(v.reference, float):
                passed.append(Found(v, v.value, v.reference, anchor))
        if not passed:
            raise MissingError(f"{case}: {quantity}")
        return passed

    def any(self, case: str, quantity: str) -> list[Found]:
        """Numbers as from `all`, but an empty list where no number has passed."""
        try:
            return self.all(case, quantity)
        except MissingError:
            return []

    def at(self, case: str, quantity: str, point: str = "") -> Found:
        """Number of a quantity at one point.

        Args:
            case, quantity: see `all`.
            point: point as in the report.

        Raises:
            MissingError: there is no such number that has passed.
        """
        for found in self.all(case, quantity):
            if found.verdict.point == point:
                return found
        raise MissingError(f"{case}: {quantity} at {point}")

    def number(self, figure: str, name: str) -> float:
        """Number from which a figure was made.

        Raises:
            MissingError: the figure was not drawn.
        """
        try:
            return self._numbers[figure][name]
        except KeyError:
            raise MissingError(f"{figure}: {name}") from None
