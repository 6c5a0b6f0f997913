"""Options of a run, and its points: one a value of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from spinepnp.case.case import Case
from spinepnp.case.study import number_of
from spinepnp.errors import SpineError
from spinepnp.pages.background import PictureProcess


@dataclass(frozen=True)
class RunOptions:
    """Options of how a run is kept and shown; its numbers do not depend on them.

    Attributes:
        force: whether results that the directory holds are replaced.
        resume: whether they are kept, and only what is missing is solved.
        extend: with `resume`, whether the case may go on from a transient of a shorter one.
        quiet: whether lines go to the log only.
        fields: whether the fields of each steady state, and the last of a transient, are written.
        pictures: whether pictures are drawn at the end.
        within: whether the directory is part of a larger one (a batch, points of a transient), which is locked.
        background: process that draws the pictures, on rank 0; without one the run draws them itself.
        tick: function that is called now and then while the run works. Not collective.
    """

    force: bool = False
    resume: bool = False
    extend: bool = False
    quiet: bool = False
    fields: bool = True
    pictures: bool = True
    within: bool = False
    background: PictureProcess | None = None
    tick: Callable[[], None] | None = None


@dataclass(frozen=True)
class Course:
    """Facts on a transient as a whole, for what is printed at its end.

    Attributes:
        start: row of observables.csv at time zero.
        from_rest: whether it begins in a steady state.
        change: largest change of the mean potential of each boundary since the start, mV, by name.
        error: largest estimated error of that potential, mV, by name.
        peaks: ``peaks`` of summary.json.
    """

    start: dict[str, Any]
    from_rest: bool
    change: dict[str, float]
    error: dict[str, float]
    peaks: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass
class SweepPoint:
    """Point of a sweep (or the only one): its case, and its row or error.

    Attributes:
        index: position in the sweep.
        case: case with this value.
        value: value as it stands in the case file; ``None`` for a steady study.
        row: row of observables.csv; empty until the point is solved or has failed.
        failure: error of a point without solution.
        course: facts on its transient; ``None`` of a steady state.
    """

    index: int
    case: Case
    value: object = None
    row: dict[str, Any] = field(default_factory=dict)
    failure: SpineError | None = None
    course: Course | None = None

    @property
    def name(self) -> str:
        """Name on the screen."""
        return "steady" if self.value is None else f"{self.case.study.vary} = {self.value}"

    @property
    def key(self) -> dict[str, Any]:
        """The first column of its row: the varied path with its unit, and the value in that unit."""
        if self.value is None:
            return {}
        study = self.case.study
        return {study.column: number_of(self.value, study.kind_of_values)}
