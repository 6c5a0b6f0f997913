"""Schedule of a transient: output times, break points and accuracy of its steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from spinepnp.messages import validated
from spinepnp.solvers.model.waveforms import WaveformFunction
from spinepnp.units import Duration, Number, Table, Time, number_as_si

#: Distance of two times over the duration, below which they are the same: rounding of sums of time steps.
SAME_TIME = 1e-12


class ScheduleTable(Table):
    """Keys of a schedule with their checks; plain numbers are in SI. See `Schedule`.

    Attributes:
        duration: time from start to end, s.
        times: times of output, s.
        tolerance: largest error of a step, as of `Schedule`.
        fixed_step: size of all steps, s; ``None`` adapts them.
    """

    duration: Annotated[Duration, BeforeValidator(number_as_si)]
    times: tuple[Annotated[Time, BeforeValidator(number_as_si)], ...] = ()
    tolerance: Annotated[Number, Field(gt=0.0)] = 1e-4
    fixed_step: Annotated[Duration, BeforeValidator(number_as_si)] | None = None


@dataclass(frozen=True)
class Schedule:
    """Times and accuracy of the steps of a transient.

    Times are given as text ("5 ms"), pint quantities or numbers in seconds.

    Attributes:
        duration: time from start to end, s.
        times: times of output, s.
        tolerance: largest error of a step: of a concentration over its largest value, of the potential over V_T.
        fixed_step: size of all steps, s, for studies of convergence; ``None`` adapts them.

    Examples:
        >>> from spinepnp.solvers import Schedule
        >>> schedule = Schedule(duration=1e-3, times=(1e-6, 1e-5))
        >>> schedule.times_within(5e-6, 1e-4)  # s
        [1e-05]
    """

    duration: float
    times: tuple[float, ...] = ()
    tolerance: float = 1e-4
    fixed_step: float | None = None

    if TYPE_CHECKING:

        def __init__(
            self, duration: Any, times: Iterable[Any] = (), tolerance: float = 1e-4, fixed_step: Any = None
        ) -> None: ...

    def __post_init__(self) -> None:
        times: Any = self.times
        if hasattr(times, "shape"):  # an array of NumPy, or of pint
            times = tuple(times)
        given = {**vars(self), "times": times}
        for name, value in validated(given, ScheduleTable, "schedule"):
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, value: Schedule | dict[str, Any] | Any) -> Schedule:
        """Schedule from a schedule, a dictionary of its attributes, or its duration alone.

        Raises:
            CaseError: an unknown key, or a value that is no time or not positive.
        """
        if isinstance(value, Schedule):
            return value
        table = validated(value, ScheduleTable, "schedule") if isinstance(value, dict) else None
        return cls(value) if table is None else cls(**dict(table))

    def is_over(self, time: float) -> bool:
        """Whether a time is the end of the transient, or beyond it."""
        return time >= self.duration * (1.0 - SAME_TIME)

    def is_listed(self, time: float) -> bool:
        """Whether a time is an output time, or the end."""
        return any(abs(time - t) <= SAME_TIME * self.duration for t in (*self.times, self.duration))

    def times_within(self, start: float, end: float) -> list[float]:
        """Output times between two times, s, rising; those that are the same as one of the two are left out."""
        return sorted({t for t in self.times if self.just_after(start) < t and self.just_after(t) < end})

    def just_after(self, time: float) -> float:
        """Time plus the tolerance within which two times are the same, s: break points up to there are behind it."""
        return time + SAME_TIME * self.duration

    def ends(self, waveforms: Iterable[WaveformFunction]) -> dict[float, bool]:
        """Times at which a step must end, rising, and whether a current of these waveforms jumps there."""
        marked = [(self.duration, False)]
        marked += [(t, t in waveform.jumps) for waveform in waveforms for t in waveform.breaks]
        ends: list[tuple[float, bool]] = []
        for time, jumps in sorted(marked):
            if not 0.0 < time <= self.duration:
                continue
            if ends and time - ends[-1][0] <= SAME_TIME * self.duration:
                ends[-1] = ends[-1][0], ends[-1][1] or jumps
            else:
                ends.append((time, jumps))
        return dict(ends)
