"""Peaks of traces, with their times, half-widths and rise times, from the polynomials of the dense output."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from spinepnp.solvers.problem.columns import NEUTRAL_POTENTIAL, TIME_COLUMN, has_peak, is_synaptic
from spinepnp.solvers.time.traces import ROWS_PER_STEP
from spinepnp.units import POTENTIAL, TIME

#: Rows of a step, with its start, that give its polynomial of fourth degree.
SAMPLES = (0, 1, 3, 5, 6)

#: Excess over an earlier maximum, relative to the largest value, up to which it is rounding.
SAME_HEIGHT = 1e-12

#: Levels between which the rise of a peak is timed, and that of its width, over its height.
RISE_LEVELS, HALF = (0.2, 0.8), 0.5

#: Level over the height of a peak of a concentration at which its decay is timed.
DECAY_LEVEL = math.exp(-1.0)

#: Least height of a peak, relative to its largest value, that has a width: a smaller one is rounding.
LEAST_HEIGHT = 1e-9

#: Names of the times of a peak.
HALF_WIDTH, RISE, DECAY = f"half_width_{TIME.suffix}", f"rise_20_80_{TIME.suffix}", f"decay_{TIME.suffix}"

#: Ends of the columns of potentials.
POTENTIALS = (f".potential_{POTENTIAL.suffix}", f".{NEUTRAL_POTENTIAL}")


def peaks(rows: Sequence[Mapping[str, Any]], species: Collection[str] = ()) -> dict[str, dict[str, float]]:
    """Peaks of the potentials and concentrations of a trace, and of the currents of synapses.

    Args:
        rows: rows of a trace of whole steps, with its start: numbers, or text as it is read.
        species: species whose concentrations have widths, too.

    Returns:
        By column: ``value`` and ``time_ms`` of the largest value. Of a potential also ``half_width_ms``, the time above
        half of its height over the value at the start of the transient, and ``rise_20_80_ms``, the time from 20 % to
        80 % of it, both next to the peak and only where the trace reaches these levels; of the concentrations of
        ``species`` the width, and ``decay_ms``, the time until 1/e of the height is left. Of the total current of a
        synapse the value of the largest size among the rows, with its sign.
    """
    if len(rows) <= ROWS_PER_STEP:
        return {}
    times = np.array([float(row[TIME_COLUMN]) for row in rows])
    found = {}
    for name in rows[0]:
        if is_synaptic(name, rows[0]):  # it jumps with its waveform, and a polynomial would pass beyond it
            if rows[0][name] in (None, ""):
                continue
            values = np.array([float(row[name]) for row in rows])
            highest = int(np.argmax(np.abs(values)))
            found[name] = {"value": float(values[highest]), TIME_COLUMN: float(times[highest])}
        elif has_peak(name):
            # A probe that was added in an extension has values from the end of a step on.
            begin = next((i for i in range(0, len(rows), ROWS_PER_STEP) if rows[i][name] not in (None, "")), len(rows))
            if len(rows) - begin > ROWS_PER_STEP:
                values = np.array([float(row[name]) for row in rows[begin:]])
                found[name] = _peak(times[begin:], values, _timed(name, species) if begin == 0 else ())
    return found


def _polynomials(times: np.ndarray, values: np.ndarray) -> Any:
    """The trace as a piecewise polynomial of SciPy, a piece a step."""
    from scipy.interpolate import PPoly

    starts = np.arange(0, len(times) - 1, ROWS_PER_STEP)
    theta = np.array(SAMPLES) / ROWS_PER_STEP
    lengths = np.diff(times[::ROWS_PER_STEP])
    # Differences from the start: a constant stays one to the last digit.
    samples = values[starts[None, :] + np.array(SAMPLES)[1:, None]] - values[starts]
    powers = np.arange(4, 0, -1)
    coefficients = np.linalg.solve(theta[1:, None] ** powers, samples) / lengths ** powers[:, None]
    return PPoly(np.vstack([coefficients, values[starts]]), times[::ROWS_PER_STEP])


def _timed(name: str, species: Collection[str]) -> tuple[str, ...]:
    """Times of the peak of a column that are told: of potentials, of some concentrations, and none of others."""
    followed = ".concentration_" in name and name.rpartition(".")[2] in species
    return (HALF_WIDTH, RISE) if name.endswith(POTENTIALS) else (HALF_WIDTH, DECAY) if followed else ()


def _peak(times: np.ndarray, values: np.ndarray, timed: Collection[str]) -> dict[str, float]:
    """Peak of one column, with some of its times."""
    curve = _polynomials(times, values)
    stationary = curve.derivative().roots(discontinuity=False, extrapolate=False)
    at = np.union1d(times, stationary[np.isfinite(stationary)])
    found = curve(at)
    found[np.searchsorted(at, times)] = values
    top = found.max()
    highest = int(np.argmax(found >= top - SAME_HEIGHT * np.abs(found).max()))
    peak = {"value": float(found[highest]), TIME_COLUMN: float(at[highest])}
    if timed:
        peak |= {key: time for key, time in _widths(curve, values[0], peak).items() if key in timed}
    return peak


def rises(rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Times at which the potentials of a trace rise through zero, ms, by column; those of spikes.

    Args:
        rows: see `peaks`.
    """
    if len(rows) <= ROWS_PER_STEP:
        return {}
    times = np.array([float(row[TIME_COLUMN]) for row in rows])
    found = {}
    for name in rows[0]:
        if has_peak(name) and name.endswith(POTENTIALS):
            curve = _polynomials(times, np.array([float(row[name]) for row in rows]))
            zeros = curve.roots(discontinuity=False, extrapolate=False)
            zeros = zeros[np.isfinite(zeros)]
            found[name] = zeros[curve(zeros, 1) > 0.0]
    return found


def _widths(curve: Any, rest: float, peak: Mapping[str, float]) -> dict[str, float]:
    """Half-width, rise time and decay time of a peak over the value at the start, where they are reached."""
    height, time = peak["value"] - rest, peak[TIME_COLUMN]
    if height <= LEAST_HEIGHT * max(abs(peak["value"]), abs(rest)):
        return {}

    def crossings(level: float) -> np.ndarray:
        found = curve.solve(rest + level * height, discontinuity=False, extrapolate=False)
        return np.asarray(found[np.isfinite(found)])

    def before(level: float, end: float) -> float | None:
        return max((float(t) for t in crossings(level) if t <= end), default=None)

    def after(level: float) -> float | None:
        return min((float(t) for t in crossings(level) if t > time), default=None)

    result = {}
    half, behind, decayed = before(HALF, time), after(HALF), after(DECAY_LEVEL)
    if half is not None and behind is not None:
        result[HALF_WIDTH] = behind - half
    if decayed is not None:
        result[DECAY] = decayed - time
    upper = before(RISE_LEVELS[1], time)
    lower = None if upper is None else before(RISE_LEVELS[0], upper)
    if upper is not None and lower is not None:
        result[RISE] = upper - lower
    return result


def peaks_of_rows(rows: Iterable[Mapping[str, Any]], names: Iterable[str]) -> dict[str, dict[str, float]]:
    """Largest values of columns among rows, with their times: of numbers that are not linear in the solution."""
    table, found = list(rows), {}
    for name in names:
        numbers = np.array([np.nan if row.get(name) in (None, "") else float(row[name]) for row in table])
        if np.isfinite(numbers).any():
            highest = int(np.nanargmax(numbers))
            found[name] = {"value": float(numbers[highest]), TIME_COLUMN: float(table[highest][TIME_COLUMN])}
    return found
