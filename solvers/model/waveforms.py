"""Prescribed currents and their waveforms in time: step, pulses, alpha functions, ramp, sine, or a table.

A waveform is a factor of the current's value. It is smooth between its breaks, at which it may jump (a step, the ends
of a pulse) or bend (the onset of an alpha function); the time stepper ends a step at each of them. At a jump, a second
time within the smooth interval on one side says which of the two limits is meant.
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

#: Keys that each waveform needs, and keys that it may have, beside the species and the value.
KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "constant": ((), ()),
    "step": ((), ("onset",)),
    "pulse": (("duration",), ("onset", "count", "interval")),
    "alpha": (("t_peak",), ("onset", "count", "interval")),
    "ramp": (("duration",), ("onset",)),
    "sine": (("frequency",), ("onset", "duration", "phase")),
    "table": (("file",), ("onset",)),
}

#: Fewest time steps in a period of a sine: fewer would alias it.
STEPS_A_PERIOD = 8.0

#: Fewest time steps from the onset of an alpha function to its peak: a longer one could step over it.
STEPS_TO_PEAK = 10.0

#: Most pulses of a train: each is a break point of the time steps.
LONGEST_TRAIN = 10_000

#: Duration of an alpha function over its time to peak: 4e-16 of the peak is left then.
ALPHA_DURATION = 40.0


@dataclass(frozen=True)
class WaveformFunction:
    """Current in time over its value, as a function.

    Attributes:
        factor: value at a time (first argument, s), by the smooth interval that contains the second argument, s.
        breaks: times at which the function bends or jumps, s, rising.
        jumps: breaks at which it jumps.
        longest_step: largest time step that resolves it from a time on, s.
    """

    factor: Callable[[float, float], float]
    breaks: tuple[float, ...] = ()
    jumps: tuple[float, ...] = ()
    longest_step: Callable[[float], float] = lambda _time: math.inf


#: Waveform of a constant current.
CONSTANT = WaveformFunction(lambda _time, _inside: 1.0)


def step(onset: float) -> WaveformFunction:
    """Step: zero before its onset, then one."""
    return WaveformFunction(lambda _t, inside: float(inside > onset), (onset,), (onset,))


def pulses(starts: tuple[float, ...], duration: float) -> WaveformFunction:
    """Pulses: one for a duration after each start, else zero."""
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

    def longest_step(time: float) -> float:
        # An alpha function is small at its onset: a long step would miss it.
        since = time - starting[starting <= time]
        alive = since[since < ALPHA_DURATION * peak]
        return max(peak / STEPS_TO_PEAK, float(alive.min())) if len(alive) else math.inf

    return WaveformFunction(factor, tuple(starts), longest_step=longest_step)


def ramp(onset: float, duration: float) -> WaveformFunction:
    """Ramp from zero to one within a duration, then one."""
    return WaveformFunction(lambda t, _inside: min(max((t - onset) / duration, 0.0), 1.0), (onset, onset + duration))


def sine(onset: float, frequency: float, duration: float | None, phase: float) -> WaveformFunction:
    """Sine sin(2 pi f s + phase) of the time s since its onset, for a duration or without an end."""
    end = math.inf if duration is None else onset + duration

    def factor(time: float, inside: float) -> float:
        return math.sin(2.0 * math.pi * frequency * (time - onset) + phase) if onset < inside < end else 0.0

    breaks = (onset,) if duration is None else (onset, end)
    jumps = tuple(t for t in breaks if abs(math.sin(2.0 * math.pi * frequency * (t - onset) + phase)) > 1e-12)
    step = 1.0 / (STEPS_A_PERIOD * frequency)
    return WaveformFunction(factor, breaks, jumps, longest_step=lambda time: step if onset <= time < end else math.inf)


def table(file: str, onset: float) -> WaveformFunction:
    """Current, A, that is linear between the rows of a CSV file, and zero before and after them.

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
    """Prescribed current of one species through a boundary; positive charge entering counts positive.

    Examples:
        >>> from spinepnp.solvers import Injection
        >>> synapse = Injection(species="Na", waveform="alpha", value="50 pA", onset="1 ms", t_peak="2 ms")
        >>> synapse.at(3e-3, 3e-3).value  # A, at the peak
        5e-11

    Attributes:
        species: species that carries the current.
        value: total current, A, spread evenly over the boundary; the height of a waveform.
        density: current per area, A/m^2, in place of the value.
        waveform: course of the current in time; a steady state takes "constant" only.
        onset: time at which the waveform begins, s.
        duration: duration of a pulse, of the rise of a ramp, or of a sine (which has no end without it), s.
        t_peak: time from the onset of an alpha function to its peak, s.
        count: number of pulses or alpha functions of a train.
        interval: time from one onset to the next, s.
        frequency: frequency of a sine, 1/s.
        phase: phase of a sine at its onset, rad.
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
        """Whether the current is not zero at all times."""
        return bool(self.value or self.density) or self.waveform == "table"

    def total(self, area: float) -> float:
        """Current through a boundary of an area (m^2), A; of a waveform its height."""
        if self.density is not None:
            return self.density * area
        return self.value or 0.0

    @property
    def time_profile(self) -> WaveformFunction:
        """Waveform as a function of time, over the value.

        Raises:
            ValueError: the table cannot be read.
        """
        return _time_profile(self)  # cached outside: a case is sent between ranks, and functions cannot be

    def at(self, time: float, inside: float) -> Injection:
        """Constant injection with the current of a time; ``inside`` lies in the same smooth interval, s."""
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
