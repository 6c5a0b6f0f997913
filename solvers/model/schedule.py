"""Schedule of a transient: output times, break points and accuracy of its steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spinepnp.solvers.model.waveforms import WaveformFunction

#: Distance of two times over the duration, below which they are the same: rounding of sums of time steps.
SAME_TIME = 1e-12


@dataclass(frozen=True)
class Schedule:
    """Times and accuracy of the steps of a transient.

    Attributes:
        duration: time from start to end, s.
        times: times at which steps must end, s.
        tolerance: largest error of a step: of a concentration over its largest value, of the potential over V_T.
        fixed_step: size of all steps, s, for studies of convergence; ``None`` adapts them.

    Examples:
        >>> from spinepnp.solvers import Schedule
        >>> schedule = Schedule(duration=1e-3, times=(1e-6, 1e-5))
        >>> schedule.ends([])  # s, and whether a current jumps there
        {1e-06: False, 1e-05: False, 0.001: False}
    """

    duration: float
    times: tuple[float, ...] = ()
    tolerance: float = 1e-4
    fixed_step: float | None = None

    def is_over(self, time: float) -> bool:
        """Whether a time is the end of the transient, or beyond it."""
        return time >= self.duration * (1.0 - SAME_TIME)

    def is_listed(self, time: float) -> bool:
        """Whether a time is an output time, or the end."""
        return any(abs(time - t) <= SAME_TIME * self.duration for t in (*self.times, self.duration))

    def just_after(self, time: float) -> float:
        """Time plus the tolerance within which two times are the same, s: break points up to there are behind it."""
        return time + SAME_TIME * self.duration

    def ends(self, waveforms: Iterable[WaveformFunction]) -> dict[float, bool]:
        """Times at which a step must end, rising, and whether a current of these waveforms jumps there."""
        marked = [(t, False) for t in (*self.times, self.duration)]
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
