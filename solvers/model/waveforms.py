"""How a prescribed current goes in time: step, pulses, alpha functions, ramp, sine, or a table.

A waveform is a factor of the current's value. It is smooth between its breaks, at which it may jump (a step, the ends
of a pulse) or bend (the onset of an alpha function); the time stepper ends a step at each of them. To say which side of
a jump is meant, the factor is asked for at a time within an interval that no break divides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from spinepnp.solvers.model.tables import read_columns
from spinepnp.units import CURRENT, TIME

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

#: Steps that a period of a sine takes at least, and those from the onset of an alpha function to its peak.
STEPS_A_PERIOD, STEPS_TO_PEAK = 8.0, 10.0

#: An alpha function has died out after this many times to its peak (to 4e-16 of it).
DEAD = 40.0


@dataclass(frozen=True)
class Course:
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


CONSTANT = Course(lambda _time, _inside: 1.0)


def step(onset: float) -> Course:
    """Zero before its onset, then one."""
    return Course(lambda _t, inside: float(inside > onset), (onset,), (onset,))


def pulses(starts: tuple[float, ...], duration: float) -> Course:
    """One within a time after each start, else zero."""
    starting, edges = np.array(starts), tuple(sorted({t for s in starts for t in (s, s + duration)}))
    # Where one pulse follows the other without a gap there is no jump.
    return Course(lambda _t, inside: float(np.any((starting < inside) & (inside < starting + duration))), edges, edges)


def alphas(starts: tuple[float, ...], peak: float) -> Course:
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

    return Course(factor, tuple(starts), longest=longest)


def ramp(onset: float, duration: float) -> Course:
    """From zero to one within a time, then one."""
    return Course(lambda t, _inside: min(max((t - onset) / duration, 0.0), 1.0), (onset, onset + duration))


def sine(onset: float, frequency: float, duration: float | None, phase: float) -> Course:
    """sin(2 pi f s + phase) from its onset, for a time or without an end."""
    end = math.inf if duration is None else onset + duration

    def factor(time: float, inside: float) -> float:
        return math.sin(2.0 * math.pi * frequency * (time - onset) + phase) if onset < inside < end else 0.0

    breaks = (onset,) if duration is None else (onset, end)
    jumps = tuple(t for t in breaks if abs(math.sin(2.0 * math.pi * frequency * (t - onset) + phase)) > 1e-12)
    step = 1.0 / (STEPS_A_PERIOD * frequency)
    return Course(factor, breaks, jumps, longest=lambda time: step if onset <= time < end else math.inf)


def table(file: str, onset: float) -> Course:
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
    return Course(factor, tuple(times.tolist()), jumps)
