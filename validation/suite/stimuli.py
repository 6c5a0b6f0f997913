"""Currents and channels for references, written anew: code that is shared with the solvers would not be checked."""

from __future__ import annotations

import csv
import functools
import itertools
import math
from collections.abc import Sequence
from pathlib import Path

from spinepnp.solvers.model.channels import Channel
from spinepnp.solvers.model.channels import Gate as GateTable
from spinepnp.solvers.model.terms.injection import Injection
from spinepnp.units import CURRENT, FARADAY, POTENTIAL, TIME, Kind

#: Size of x below which x/(e^x - 1) is taken from its series, where the difference would lose digits.
SMALL = 1e-2


def starts(injection: Injection) -> list[float]:
    """Onsets of all pulses, alpha or biexponential functions of a train, s; one onset for other waveforms."""
    return [(injection.onset or 0.0) + k * (injection.interval or 0.0) for k in range(injection.count or 1)]


def current(injection: Injection, area: float, time: float) -> float:
    """Current of an injection at a time, A; at a jump the value after it.

    Args:
        injection: the injection.
        area: area of the boundary, m^2.
        time: time, s.
    """
    height = injection.density * area if injection.density is not None else injection.value or 0.0
    onsets, lasts = starts(injection), math.inf if injection.duration is None else injection.duration
    first = time - onsets[0]
    match injection.waveform:
        case "step":
            return height if time >= onsets[0] else 0.0
        case "pulse":
            return height * any(start <= time < start + lasts for start in onsets)  # as in `breaks`, to the last digit
        case "alpha":
            (t_peak,) = _required(injection.t_peak)
            rising = [max(time - start, 0.0) / t_peak for start in onsets]
            return height * sum(s * math.exp(1.0 - s) for s in rising)
        case "biexponential":
            rise, decay = _required(injection.rise, injection.decay)
            peak = rise * decay / (decay - rise) * math.log(decay / rise)
            since = [max(time - start, 0.0) for start in onsets]
            sums = [sum(math.exp(-s / decay) - math.exp(-s / rise) for s in times) for times in (since, [peak])]
            return height * sums[0] / sums[1]
        case "ramp":
            return height * sorted((0.0, first / lasts, 1.0))[1]
        case "sine":
            (frequency,) = _required(injection.frequency)
            on = onsets[0] <= time < onsets[0] + lasts
            return height * math.sin(math.tau * frequency * first + (injection.phase or 0.0)) if on else 0.0
        case "table":
            rows = read_rows(injection.file or "", TIME, CURRENT)
            return between(rows, first) if onsets[0] + rows[0][0] <= time < onsets[0] + rows[-1][0] else 0.0
    return height


def breaks(injection: Injection) -> list[float]:
    """Times at which the current of an injection jumps, bends or sets in, s."""
    onsets = starts(injection)
    if injection.waveform == "constant":
        return []
    if injection.waveform == "table":
        return [onsets[0] + time for time, _ in read_rows(injection.file or "", TIME, CURRENT)]
    return onsets + [start + injection.duration for start in onsets if injection.duration is not None]


@functools.lru_cache(maxsize=16)
def read_rows(file: str, rising: Kind, other: Kind) -> tuple[tuple[float, float], ...]:
    """Rows of a CSV table in SI, whose columns are in the units of the results: time_ms, current_pA, potential_mV.

    Args:
        file: path of the table.
        rising: kind of the quantity of the first column.
        other: kind of the quantity of the second column.

    Returns:
        Pairs of the two values, SI.

    Raises:
        KeyError: a column is missing, or in another unit.
    """
    with Path(file).open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    first, second = (f"{kind.name}_{kind.suffix}" for kind in (rising, other))
    return tuple((float(row[first]) * rising.si, float(row[second]) * other.si) for row in rows)


def _interval(rows: Sequence[tuple[float, float]], x: float) -> int:
    """Index of the interval of a table that contains x, counted by its left row."""
    return max(0, min(len(rows) - 2, sum(at <= x for at, _ in rows) - 1))


def between(rows: Sequence[tuple[float, float]], x: float) -> float:
    """Value of the linear interpolation of a table at x."""
    (x0, y0), (x1, y1) = rows[(k := _interval(rows, x)) : k + 2]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def monotone(rows: Sequence[tuple[float, float]], x: float) -> float:
    """Monotone cubic of Fritsch and Butland (SIAM J. Sci. Stat. Comput. 5 (1984) 300) at x, constant outside."""
    x = min(max(x, rows[0][0]), rows[-1][0])
    k = _interval(rows, x)
    (x0, y0), (x1, y1) = rows[k : k + 2]
    h, s = x1 - x0, (x - x0) / (x1 - x0)
    left, right = _slope(rows, k), _slope(rows, k + 1)
    hermite = y0 * (1 + 2 * s) * (1 - s) ** 2 + y1 * s**2 * (3 - 2 * s)
    return hermite + h * s * (1 - s) * (left * (1 - s) - right * s)


def _slope(rows: Sequence[tuple[float, float]], k: int) -> float:
    """Slope of the cubic at a row: weighted harmonic mean of both chords, zero where they differ in sign."""
    widths = [b[0] - a[0] for a, b in itertools.pairwise(rows)]
    chords = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.pairwise(rows)]
    if 0 < k < len(rows) - 1:
        before, after = chords[k - 1 : k + 1]
        if before * after <= 0.0:
            return 0.0
        w = 2 * widths[k] + widths[k - 1], widths[k] + 2 * widths[k - 1]
        return sum(w) / (w[0] / before + w[1] / after)
    near, far = (0, 1) if k == 0 else (-1, -2)
    if len(chords) == 1:
        return chords[0]
    # At an end: the parabola of three rows, kept from overshooting.
    slope = ((2 * widths[near] + widths[far]) * chords[near] - widths[near] * chords[far]) / (
        widths[near] + widths[far]
    )
    if slope * chords[near] <= 0.0:
        return 0.0
    if chords[near] * chords[far] <= 0.0 and abs(slope) > 3.0 * abs(chords[near]):
        return 3.0 * chords[near]
    return slope


def opening(gate: GateTable, V: float) -> float:
    """Steady-state value of a gate at a potential in V, 1 / (1 + exp(-(V - V_half)/k))."""
    return 0.5 * (1.0 + math.tanh(0.5 * (V - gate.half) / gate.slope))


def gated(
    channel: Channel,
    V: float,
    c: float = math.nan,
    m: Sequence[float] | None = None,
    *,
    area: float = math.nan,
    valence: int = 0,
    thermal_voltage: float = math.nan,
) -> float:
    """Current of a channel into the domain, A.

    A sigmoid I_max / (1 + exp(-(V - V_half)/k)) (facts pnp D4); a table; g (E - V); or the constant field,
    A P z F x (c_out - c e^x) / (e^x - 1) with x = z (V - V_out)/V_T; times its gates m^p (Hodgkin and Huxley).

    Args:
        channel: the channel.
        V: potential, V.
        c: concentration of the species, mol/m^3; for the constant field only, as are the keyword arguments.
        m: values of its gates; steady ones by default.
        area: area of the boundary, m^2.
        valence: valence of the species.
        thermal_voltage: thermal voltage, V.
    """
    if m is None:
        m = [opening(gate, V) for gate in channel.gates]
    fraction = math.prod(x**gate.power for x, gate in zip(m, channel.gates, strict=True))
    match channel.law:
        case "sigmoid":
            maximum, half, slope = _required(channel.maximum, channel.half, channel.slope)
            return fraction * 0.5 * maximum * (1.0 + math.tanh(0.5 * (V - half) / slope))
        case "table":
            return fraction * monotone(read_rows(channel.file or "", POTENTIAL, CURRENT), V)
        case "gates":
            conductance, reversal = _required(channel.conductance, channel.reversal)
            return fraction * conductance * (reversal - V)
    permeability, outside = _required(channel.permeability, channel.outside)
    x = valence * (V - (channel.outside_potential or 0.0)) / thermal_voltage
    flux = (outside - c * math.exp(x)) * _over(x)
    return fraction * area * permeability * valence * FARADAY * flux


def _required(*values: float | None) -> list[float]:
    """Values of keys that the law or waveform needs; the checks of the case file ensure that they are there."""
    return [value for value in values if value is not None]


def _over(x: float) -> float:
    """Bernoulli function x / (e^x - 1)."""
    return x / math.expm1(x) if abs(x) > SMALL else 1.0 - x / 2 + x**2 / 12 - x**4 / 720
