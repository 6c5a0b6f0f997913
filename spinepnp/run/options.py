"""Options of a run, and its points: one a value of a sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from spinepnp.case.case import Case
from spinepnp.case.study import number_of
from spinepnp.errors import SpineError


@dataclass(frozen=True)
class RunOptions:
    """Options of how a run is kept and shown; its numbers do not depend on them.

    Attributes:
        force: replace results that the directory holds.
        resume: keep them, and solve only what is missing.
        quiet: say nothing on the screen; the log has it.
        fields: keep the fields of each steady state, and the last of a transient.
        pictures: draw pictures at the end.
        within: the directory belongs to a larger one (a batch, the points of a transient), which is looked after.
        tick: called now and then while it works. Not collective.
    """

    force: bool = False
    resume: bool = False
    quiet: bool = False
    fields: bool = True
    pictures: bool = True
    within: bool = False
    tick: Callable[[], None] | None = None


@dataclass
class SweepPoint:
    """One sweep value (or the only one): its case, and what became of it.

    Attributes:
        index: position in the sweep.
        case: the case with this value.
        value: as it stands in the case file; ``None`` for a steady study.
        row: its row of observables.csv; empty until it is solved or has failed.
        failure: why it has no solution.
    """

    index: int
    case: Case
    value: object = None
    row: dict[str, Any] = field(default_factory=dict)
    failure: SpineError | None = None

    @property
    def name(self) -> str:
        """How lines on the screen call it."""
        return "steady" if self.value is None else f"{self.case.study.vary} = {self.value}"

    @property
    def key(self) -> dict[str, Any]:
        """The first column of its row: the varied path with its unit, and the value in that unit."""
        if self.value is None:
            return {}
        study = self.case.study
        return {study.column: number_of(self.value, study.kind_of_values)}
