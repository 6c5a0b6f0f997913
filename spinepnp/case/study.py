"""The table [study] of a case file: steady, sweep or transient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from spinepnp.solvers.model.schedule import Schedule
from spinepnp.units import Duration, Kind, Number, Table, Time, Whole, kind_of_quantity, parse_quantity, to_unit

#: Shortest duration of a transient, s: a shorter one is taken for a slip.
SHORTEST_DURATION = 1e-15

#: Number of listed times of a transient that names none.
OUTPUTS = 20

#: Defaults of a transient.
TRANSIENT = {"tolerance": 1e-4, "initial": "bulk", "record": "steps", "fields": "times", "checkpoint_minutes": 1.0}


def common_kind(values: Iterable[object]) -> Kind | None:
    """Common kind of quantity of values as they stand in a case file; ``None`` where there is none."""
    kinds = {kind_of_quantity(value) for value in values}
    return kinds.pop() if len(kinds) == 1 else None


def column_of(path: str, kind: Kind | None) -> str:
    """Name of the column with the values of a key: its path with the unit."""
    return path if kind is None else f"{path}_{kind.suffix}"


def number_of(value: object, kind: Kind | None) -> Any:
    """Entry of that column: a quantity in the unit of its kind, without the digits of conversion; else the value."""
    return value if kind is None else float(f"{to_unit(parse_quantity(value, kind), kind):.15g}")


class Study(Table):
    """Kind of calculation: one steady state, a sweep over one key, or a transient.

    Attributes:
        kind: "steady" solves once, "sweep" once for each value, "transient" goes in time (once, or for each value).
        vary: dotted path of the key that is varied, for example "boundaries.top.current.value".
        values: the values that it takes, as they would stand in the case file.
        duration: that of a transient, s.
        times: times with a row of observables and a file of fields at each, s; twenty even ones by default. No step
            has to end there.
        tolerance: error of each step: of concentrations over their largest value, of the potential over V_T.
        initial: state at its start: "bulk" (even concentrations; those of [closed] where nothing is held; with
            fixed charge by region the Donnan state in equilibrium with them), the "steady" state before any waveform
            begins, or "rest": the same state, reached by raising the strengths of all mechanisms from zero.
        record: rows of observables at all "steps", or at the "times" only.
        fields: whether fields are kept at the "times", or "none".
        checkpoint_steps: steps after which all is kept that a restart needs.
        checkpoint_minutes: the same by the clock; also at the end and after Ctrl-C.
    """

    kind: Literal["steady", "sweep", "transient"] = "steady"
    vary: str | None = None
    values: tuple[str | int | float | bool | tuple[str, ...], ...] | None = None
    duration: Duration | None = None
    times: Annotated[tuple[Time, ...], Field(min_length=1)] | None = None
    tolerance: Annotated[Number, Field(gt=1e-12, le=0.1)] | None = None
    initial: Literal["bulk", "steady", "rest"] | None = None
    record: Literal["steps", "times"] | None = None
    fields: Literal["times", "none"] | None = None
    checkpoint_steps: Annotated[Whole, Field(ge=1)] | None = None
    checkpoint_minutes: Annotated[Number, Field(gt=0.0)] | None = None

    @property
    def kind_of_values(self) -> Kind | None:
        """Kind of quantity that is varied; ``None`` for plain numbers and words, and where some values are words."""
        return common_kind(self.values or ())

    @property
    def column(self) -> str:
        """Name of the column with the varied values: the path with its unit."""
        return column_of(str(self.vary), self.kind_of_values)

    @model_validator(mode="after")
    def _sweep_is_whole(self) -> Study:
        if self.kind == "sweep" and (self.vary is None or not self.values):
            raise ValueError('a sweep needs both vary = "path.of.a.key" and values = [...]')
        if self.kind == "steady" and (self.vary is not None or self.values is not None):
            raise ValueError('vary and values belong to a sweep; set kind = "sweep" or drop them')
        if (self.vary is None) != (not self.values):
            raise ValueError('vary = "path.of.a.key" and values = [...] belong together; give both')
        return self

    @model_validator(mode="after")
    def _transient_is_whole(self) -> Study:
        given = [
            name for name in ("duration", "times", *TRANSIENT, "checkpoint_steps") if getattr(self, name) is not None
        ]
        if self.kind != "transient" and given:
            raise ValueError(f'{given[0]} belongs to a transient; set kind = "transient" or drop it')
        if self.kind == "transient" and self.duration is None:
            raise ValueError('a transient needs duration = "100 ms"; add it')
        if self.duration is not None and self.duration < SHORTEST_DURATION:
            raise ValueError("the duration is shorter than a millionth of a nanosecond; make it longer")
        if self.duration is not None and max(self.times or (0.0,)) > self.duration:
            raise ValueError(
                "one of the times lies behind the end of the transient; make the duration longer, or drop it"
            )
        return self

    @property
    def schedule(self) -> Schedule:
        """Schedule of a transient.

        Raises:
            ValueError: the study is steady.
        """
        study = self.resolved()
        if study.duration is None or study.times is None or study.tolerance is None:
            raise ValueError("a steady study has no schedule")
        return Schedule(study.duration, study.times, study.tolerance)

    def single(self) -> Study:
        """Study of one value of a sweep, which is in the case."""
        return self.model_copy(update={"vary": None, "values": None})

    def resolved(self) -> Study:
        """Study with the defaults of a transient."""
        if self.kind != "transient" or self.duration is None:
            return self
        update: dict[str, Any] = {name: value for name, value in TRANSIENT.items() if getattr(self, name) is None}
        even = tuple(float(f"{(i + 1) / OUTPUTS * self.duration:.15g}") for i in range(OUTPUTS))
        return self.model_copy(update={**update, "times": tuple(sorted(set(self.times or even)))})
