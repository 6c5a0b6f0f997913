"""How a prescribed current goes in time: step, pulses, alpha functions, ramp, sine, or a table.

A waveform is a factor of the current's value. It is smooth between its breaks, at which it may jump (a step, the ends
of a pulse) or bend (the onset of an alpha function); the time stepper ends a step at each of them. To say which side of
a jump is meant, the factor is asked for at a time within an interval that no break divides.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from spinepnp.solvers.model.tables import check_keys, read_columns
from spinepnp.units import CURRENT, TIME, Current, CurrentDensity, Duration, Frequency, Phase, Table, Time, Whole

Waveform = Literal["constant", "step", "pulse", "alpha", "ramp", "sine", "table"]

#: What each waveform needs, and what it may have, beside the species and the value.
KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "constant": ((), ()),
    "step": ((), ("onset",)),
    "pulse": (("duration",), ("onset", "count", "interval")),
    "alpha": (("t_peak",), ("onset", "count", "interval")),
    "ramp": (("duration",), ("onset",)),
    "sine": (("frequency",), ("onset", "duration", "phase")),
    "table": (("file",), ("onset",)),
}

#: Fewest steps in a period of a sine.
STEPS_A_PERIOD = 8.0

#: Fewest steps from the onset of an alpha function to its peak.
STEPS_TO_PEAK = 10.0

#: Most pulses of a train.
LONGEST_TRAIN = 10_000

#: An alpha function has died out after this many times to its peak (to 4e-16 of it).
DEAD = 40.0


@dataclass(frozen=True)
class WaveformFunction:
    """A current in time, over its value.

    Attributes:
        factor: at a time, taken from the smooth piece that holds the second time; both in s.
        breaks: times at which it bends or jumps, s, rising.
        jumps: those of them at which it jumps.
        longest: largest step that still sees it from a time on, s.
    """

    factor: Callable[[float, float], float]
    breaks: tuple[float, ...] = ()
    jumps: tuple[float, ...] = ()
    longest: Callable[[float], float] = lambda _time: math.inf


CONSTANT = WaveformFunction(lambda _time, _inside: 1.0)


def step(onset: float) -> WaveformFunction:
    """Zero before its onset, then one."""
    return WaveformFunction(lambda _t, inside: float(inside > onset), (onset,), (onset,))


def pulses(starts: tuple[float, ...], duration: float) -> WaveformFunction:
    """One within a time after each start, else zero."""
    starting, edges = np.array(starts), tuple(sorted({t for s in starts for t in (s, s + duration)}))
    # Where one pulse follows the other without a gap there is no jump.
    return WaveformFunction(
        lambda _t, inside: float(np.any((starting < inside) & (inside < starting + duration))), edges, edges
    )


def alphas(starts: tuple[float, ...], peak: float) -> WaveformFunction:
    """Sum of alpha functions (s/t_p) exp(1 - s/t_p) of the times s since each start."""
    starting = np.array(starts)

    def factor(time: float, _inside: float) -> float:
        s = np.clip((time - starting) / peak, 0.0, None)
        return float(np.sum(s * np.exp(1.0 - s)))

    def longest(time: float) -> float:
        # What is small at its onset would be stepped over whole.
        since = time - starting[starting <= time]
        alive = since[since < DEAD * peak]
        return max(peak / STEPS_TO_PEAK, float(alive.min())) if len(alive) else math.inf

    return WaveformFunction(factor, tuple(starts), longest=longest)


def ramp(onset: float, duration: float) -> WaveformFunction:
    """From zero to one within a time, then one."""
    return WaveformFunction(lambda t, _inside: min(max((t - onset) / duration, 0.0), 1.0), (onset, onset + duration))


def sine(onset: float, frequency: float, duration: float | None, phase: float) -> WaveformFunction:
    """sin(2 pi f s + phase) from its onset, for a time or without an end."""
    end = math.inf if duration is None else onset + duration

    def factor(time: float, inside: float) -> float:
        return math.sin(2.0 * math.pi * frequency * (time - onset) + phase) if onset < inside < end else 0.0

    breaks = (onset,) if duration is None else (onset, end)
    jumps = tuple(t for t in breaks if abs(math.sin(2.0 * math.pi * frequency * (t - onset) + phase)) > 1e-12)
    step = 1.0 / (STEPS_A_PERIOD * frequency)
    return WaveformFunction(factor, breaks, jumps, longest=lambda time: step if onset <= time < end else math.inf)


def table(file: str, onset: float) -> WaveformFunction:
    """A current in A that is linear between the rows of a CSV file, and zero before and after them.

    Raises:
        ValueError: the file is no such table.
    """
    times, values = read_columns(file, TIME, CURRENT)
    times = times + onset
    ends = (times[0], times[-1])

    def factor(time: float, inside: float) -> float:
        return float(np.interp(time, times, values)) if ends[0] < inside < ends[1] else 0.0

    jumps = tuple(float(t) for t, value in zip(ends, (values[0], values[-1]), strict=True) if value != 0.0)
    return WaveformFunction(factor, tuple(times.tolist()), jumps)


class Injection(Table):
    """A prescribed current of one species through a boundary; positive charge entering counts positive.

    Attributes:
        species: the species that carries the current.
        value: total, A, spread evenly over the boundary; the height of a waveform.
        density: per area, A/m^2, in place of the value.
        waveform: how it goes in time; a steady state knows "constant" only.
        onset: when the waveform begins, s.
        duration: of a pulse, of the rise of a ramp, or of a sine (which has no end without it), s.
        t_peak: from the onset of an alpha function to its peak, s.
        count: pulses or alpha functions of a train.
        interval: from one onset to the next, s.
        frequency: of a sine, 1/s.
        phase: of a sine at its onset, rad.
        file: CSV table with the columns ``time_ms`` and ``current_pA``.
    """

    species: str
    value: Current | None = None
    density: CurrentDensity | None = None
    waveform: Waveform = "constant"
    onset: Time | None = None
    duration: Duration | None = None
    t_peak: Duration | None = None
    count: Annotated[Whole, Field(ge=1, le=LONGEST_TRAIN)] | None = None
    interval: Duration | None = None
    frequency: Frequency | None = None
    phase: Phase | None = None
    file: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Injection:
        sizes = (self.value is not None) + (self.density is not None)
        if self.waveform == "table" and sizes:
            raise ValueError("a table holds the current itself; drop value and density")
        if self.waveform != "table" and sizes != 1:
            raise ValueError('needs either value = "50 pA" (the total) or density = "100 A/m^2"')
        check_keys(self, "waveform", KEYS, ("species", "value", "density"))
        if (self.count is None or self.count == 1) != (self.interval is None):
            raise ValueError('a train needs both count = 2 and interval = "20 ms"')
        if self.waveform == "pulse" and self.interval is not None and self.interval < (self.duration or 0.0):
            raise ValueError("the interval of a train of pulses is shorter than a pulse; make it longer")
        return self

    @property
    def flows(self) -> bool:
        """Whether it is not zero."""
        return bool(self.value or self.density) or self.waveform == "table"

    def total(self, area: float) -> float:
        """The current through a boundary, A; of a waveform its height.

        Args:
            area: of the boundary, m^2.
        """
        if self.density is not None:
            return self.density * area
        return self.value or 0.0

    @property
    def time_profile(self) -> WaveformFunction:
        """How it goes in time, over its value.

        Raises:
            ValueError: its table cannot be read.
        """
        return _time_profile(self)  # not kept here: a case travels between ranks, and functions cannot

    def at(self, time: float, inside: float) -> Injection:
        """The constant current that it is at a time, on the side of another one of the same smooth piece, s."""
        if self.waveform == "constant":
            return self
        factor = self.time_profile.factor(time, inside)
        value = factor if self.waveform == "table" else None if self.value is None else factor * self.value
        density = None if self.density is None else factor * self.density
        return Injection.model_construct(species=self.species, value=value, density=density)


@functools.lru_cache(maxsize=256)
def _time_profile(injection: Injection) -> WaveformFunction:
    onset = injection.onset or 0.0
    starts = tuple(onset + i * (injection.interval or 0.0) for i in range(injection.count or 1))
    match injection.waveform:
        case "step":
            return step(onset)
        case "pulse":
            return pulses(starts, injection.duration or 0.0)
        case "alpha":
            return alphas(starts, injection.t_peak or 0.0)
        case "ramp":
            return ramp(onset, injection.duration or 0.0)
        case "sine":
            return sine(onset, injection.frequency or 0.0, injection.duration, injection.phase or 0.0)
        case "table":
            return table(injection.file or "", onset)
    return CONSTANT
