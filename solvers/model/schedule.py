"""What the steps of a transient must do: its times and its accuracy. Needs no DOLFINx."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spinepnp.solvers.model.waveforms import WaveformFunction

#: Times that are nearer than this, over the duration, are one.
SAME = 1e-12


@dataclass(frozen=True)
class Schedule:
    """What time steps must do.

    Attributes:
        duration: from the start, s.
        times: that steps must end at, s.
        tolerance: of the error of each step: of a density over its largest value, of the potential over V_T.
        fixed_step: length of all steps, s, for studies of convergence; ``None`` adapts them.
    """

    duration: float
    times: tuple[float, ...] = ()
    tolerance: float = 1e-4
    fixed_step: float | None = None

    def is_over(self, time: float) -> bool:
        """Whether a time is the end, or behind it."""
        return time >= self.duration * (1.0 - SAME)

    def is_listed(self, time: float) -> bool:
        """Whether a time is one of the schedule, or the end of all."""
        return any(abs(time - t) <= SAME * self.duration for t in (*self.times, self.duration))

    def just_after(self, time: float) -> float:
        """The first time that is not this one, s: a break that rounding puts a little ahead is behind already."""
        return time + SAME * self.duration

    def ends(self, waveforms: Iterable[WaveformFunction]) -> dict[float, bool]:
        """Whether a current jumps, by the times at which a step must end, rising.

        Args:
            waveforms: of all currents.
        """
        marked = [(t, False) for t in (*self.times, self.duration)]
        marked += [(t, t in waveform.jumps) for waveform in waveforms for t in waveform.breaks]
        ends: list[tuple[float, bool]] = []
        for time, jumps in sorted(marked):
            if not 0.0 < time <= self.duration:
                continue
            if ends and time - ends[-1][0] <= SAME * self.duration:
                ends[-1] = ends[-1][0], ends[-1][1] or jumps
            else:
                ends.append((time, jumps))
        return dict(ends)
