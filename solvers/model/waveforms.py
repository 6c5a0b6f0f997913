"""Waveforms of prescribed values in time: step, pulses, alpha or biexponential functions, ramp, sine, or a table.

A waveform is a factor of the value. It is smooth between its breaks, at which it may jump (a step, the ends
of a pulse) or bend (the onset of an alpha function); the time stepper ends a step at each of them. At a jump, a second
time within the smooth interval on one side says which of the two limits is meant.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from spinepnp.errors import CaseError
from spinepnp.solvers.model.tables import check_keys, read_columns
from spinepnp.units import CURRENT, TIME, Duration, Frequency, Kind, Phase, Table, Time, Whole

Waveform = Literal["constant", "step", "pulse", "alpha", "biexponential", "ramp", "sine", "table"]

#: Keys that each waveform needs, and keys that it may have, beside the value.
KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "constant": ((), ()),
    "step": ((), ("onset",)),
    "pulse": (("duration",), ("onset", "count", "interval")),
    "alpha": (("t_peak",), ("onset", "count", "interval")),
    "biexponential": (("rise", "decay"), ("onset", "count", "interval")),
    "ramp": (("duration",), ("onset",)),
    "sine": (("frequency",), ("onset", "duration", "phase")),
    "table": (("file",), ("onset",)),
}

#: Fewest time steps in a period of a sine: currents that follow it at once, as through a capacitor, then err by 0.3 %.
STEPS_A_PERIOD = 32.0

#: Fewest time steps from the onset of an alpha or biexponential function to its peak: a longer one could step over it.
STEPS_TO_PEAK = 10.0

#: Largest number of steps that a sine may require.
MOST_STEPS = 1e6

#: Shortest pulse over the duration of the study: the times of a shorter one differ by rounding only.
SHORTEST_PULSE = 1e-9

#: Most pulses of a train: each is a break point of the time steps.
LONGEST_TRAIN = 10_000

#: Duration of an alpha function over its time to peak, and of a biexponential one over its decay: 4e-16 of the peak is
#: left then.
ALPHA_DURATION = 40.0


@dataclass(frozen=True)
class WaveformFunction:
    """Prescribed value in time over its height, as a function; of a table the value itself.

    Attributes:
        factor: value at a time (first argument, s), by the smooth interval that contains the second argument, s.
        breaks: times at which the function bends or jumps, s, rising.
        jumps: breaks at which it jumps.
        longest_step: largest time step that resolves it from a time on, s.
        largest: largest value; of a table it is not known.
    """

    factor: Callable[[float, float], float]
    breaks: tuple[float, ...] = ()
    jumps: tuple[float, ...] = ()
    longest_step: Callable[[float], float] = lambda _time: math.inf
    largest: float = 1.0


#: Waveform of a constant value.
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

    # Those of a train add up, and the last one has the largest sum.
    top = peak + np.average(starting, weights=np.exp((starting - starting[-1]) / peak))
    steps = _steps_after(starting, peak, ALPHA_DURATION * peak)
    return WaveformFunction(factor, tuple(starts), longest_step=steps, largest=factor(float(top), math.inf))


def biexponentials(starts: tuple[float, ...], rise: float, decay: float) -> WaveformFunction:
    """Sum of functions (exp(-s/decay) - exp(-s/rise))/peak of the times s since each start; each has the height one.

    Args:
        starts: onsets, s, rising.
        rise: time constant of the rise, s.
        decay: time constant of the decay, s, which is longer.
    """
    starting = np.array(starts)
    difference = (decay - rise) / (rise * decay)  # 1/rise - 1/decay without cancellation
    peak = math.log1p((decay - rise) / rise) / difference
    height = -math.exp(-peak / decay) * math.expm1(-peak * difference)

    def factor(time: float, _inside: float) -> float:
        s = np.clip(time - starting, 0.0, None)
        return float(np.sum(-np.exp(-s / decay) * np.expm1(-s * difference))) / height

    # Those of a train add up, and the last one has the largest sum.
    rising, decaying = (float(np.sum(np.exp((starting - starting[-1]) / tau))) for tau in (rise, decay))
    top = starting[-1] + max(math.log(rising / decaying) / difference + peak, 0.0)
    steps = _steps_after(starting, peak, ALPHA_DURATION * decay)
    return WaveformFunction(factor, tuple(starts), longest_step=steps, largest=factor(float(top), math.inf))


def _steps_after(starting: np.ndarray, peak: float, duration: float) -> Callable[[float], float]:
    """Longest steps after onsets: a function that rises from each of them is small there, and could be stepped over."""

    def longest_step(time: float) -> float:
        since = time - starting[starting <= time]
        alive = since[since < duration]
        return max(peak / STEPS_TO_PEAK, float(alive.min())) if len(alive) else math.inf

    return longest_step


def ramp(onset: float, duration: float) -> WaveformFunction:
    """Ramp from zero to one within a duration, then one."""
    return WaveformFunction(lambda t, _inside: min(max((t - onset) / duration, 0.0), 1.0), (onset, onset + duration))


def sine(onset: float, frequency: float, duration: float | None, phase: float) -> WaveformFunction:
    """Sine sin(2 pi f s + phase) of the time s since its onset.

    Args:
        onset: time at which the sine begins, s.
        frequency: frequency f, 1/s.
        duration: duration, s; ``None`` for a sine without an end.
        phase: phase at the onset, rad.
    """
    end = math.inf if duration is None else onset + duration

    def factor(time: float, inside: float) -> float:
        return math.sin(2.0 * math.pi * frequency * (time - onset) + phase) if onset < inside < end else 0.0

    breaks = (onset,) if duration is None else (onset, end)
    jumps = tuple(t for t in breaks if abs(math.sin(2.0 * math.pi * frequency * (t - onset) + phase)) > 1e-12)
    step = 1.0 / (STEPS_A_PERIOD * frequency)
    return WaveformFunction(factor, breaks, jumps, longest_step=lambda time: step if onset <= time < end else math.inf)


def table(file: str, onset: float, kind: Kind = CURRENT, *, held: bool = False) -> WaveformFunction:
    """Value that is linear between the rows of a CSV file.

    Args:
        file: path of the table, with a column of times.
        onset: time that is added to all times, s.
        kind: quantity of the other column.
        held: whether the first and the last value hold before and after the table, where the value else is zero.

    Raises:
        ValueError: the file is no such table.
    """
    times, values = read_columns(file, TIME, kind)
    times = times + onset
    ends = (times[0], times[-1])

    def factor(time: float, inside: float) -> float:
        return float(np.interp(time, times, values)) if held or ends[0] < inside < ends[1] else 0.0

    jumps = tuple(float(t) for t, value in zip(ends, (values[0], values[-1]), strict=True) if value != 0.0 and not held)
    return WaveformFunction(factor, tuple(times.tolist()), jumps)


class WaveformKeys(Table):
    """Keys of a waveform, in the table of the value that goes in time.

    Examples:
        >>> from spinepnp.solvers import Injection
        >>> synapse = Injection(species="Na", waveform="alpha", value="50 pA", onset="1 ms", t_peak="2 ms")
        >>> synapse.at(3e-3, 3e-3).value  # A, at the peak
        5e-11

    Attributes:
        waveform: course of the value in time; a steady state takes "constant" only.
        onset: time at which the waveform begins, s.
        duration: duration of a pulse, of the rise of a ramp, or of a sine (which has no end without it), s.
        t_peak: time from the onset of an alpha function to its peak, s.
        rise: time constant of the rise of a biexponential function, s; shorter than its decay.
        decay: time constant of the decay of a biexponential function, s.
        count: number of pulses, alpha or biexponential functions of a train.
        interval: time from one onset to the next, s.
        frequency: frequency of a sine, 1/s.
        phase: phase of a sine at its onset, rad.
        file: CSV table of the value in time.
    """

    #: Quantity in the column of the values of a file.
    column: ClassVar[Kind] = CURRENT
    #: Whether the first and the last value of a file hold before and after it.
    held: ClassVar[bool] = False

    waveform: Waveform = "constant"
    onset: Time | None = None
    duration: Duration | None = None
    t_peak: Duration | None = None
    rise: Duration | None = None
    decay: Duration | None = None
    count: Annotated[Whole, Field(ge=1, le=LONGEST_TRAIN)] | None = None
    interval: Duration | None = None
    frequency: Frequency | None = None
    phase: Phase | None = None
    file: str | None = None

    def check_waveform(self, always: tuple[str, ...]) -> None:
        """Refuse keys that the waveform lacks or does not know, beside those that it always allows.

        Raises:
            ValueError: names the key.
        """
        check_keys(self, "waveform", KEYS, always)
        if (self.count is None or self.count == 1) != (self.interval is None):
            raise ValueError('a train needs both count = 2 and interval = "20 ms"')
        if self.waveform == "pulse" and self.interval is not None and self.interval < (self.duration or 0.0):
            raise ValueError("the interval of a train of pulses is shorter than a pulse; make it longer")
        if self.rise is not None and self.decay is not None and self.rise >= self.decay:
            raise ValueError("the rise must be shorter than the decay; for equal ones use an alpha function")

    def check_file(self, key: str) -> None:
        """Read the table of the waveform, if it has one; the key is that of the value.

        Raises:
            CaseError: the table cannot be used.
        """
        try:
            _ = self.time_profile
        except ValueError as error:
            raise CaseError(f"{key}.file", str(error), self.file) from None

    def check_pace(self, key: str, duration: float) -> None:
        """Refuse a waveform that steps in time cannot follow over a duration, s; the key is that of the value.

        Raises:
            CaseError: names the key.
        """
        steps = STEPS_A_PERIOD * (self.frequency or 0.0) * min(duration, self.duration or duration)
        if self.waveform == "sine" and steps > MOST_STEPS:
            raise CaseError(
                f"{key}.frequency",
                f"would take more than {MOST_STEPS:g} steps; make it lower, or the study shorter",
            )
        if self.waveform == "pulse" and (self.duration or 0.0) < SHORTEST_PULSE * duration:
            raise CaseError(
                f"{key}.duration", "is less than 1e-9 of the study, too short to be hit; make the study shorter"
            )

    @property
    def time_profile(self) -> WaveformFunction:
        """Waveform as a function of time, over the value.

        Raises:
            ValueError: the table cannot be read.
        """
        return _time_profile(self)  # cached outside: a case is sent between ranks, and functions cannot be


@functools.lru_cache(maxsize=256)
def _time_profile(keys: WaveformKeys) -> WaveformFunction:
    onset = keys.onset or 0.0
    starts = tuple(onset + i * (keys.interval or 0.0) for i in range(keys.count or 1))
    match keys.waveform:
        case "step":
            return step(onset)
        case "pulse":
            return pulses(starts, keys.duration or 0.0)
        case "alpha":
            return alphas(starts, keys.t_peak or 0.0)
        case "biexponential":
            return biexponentials(starts, keys.rise or 0.0, keys.decay or 0.0)
        case "ramp":
            return ramp(onset, keys.duration or 0.0)
        case "sine":
            return sine(onset, keys.frequency or 0.0, keys.duration, keys.phase or 0.0)
        case "table":
            return table(keys.file or "", onset, keys.column, held=keys.held)
    return CONSTANT
