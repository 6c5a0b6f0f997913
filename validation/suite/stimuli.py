"""Currents and channels once more, for references: what they share with the solvers would not be checked by them."""

from __future__ import annotations

import csv
import functools
import itertools
import math
from collections.abc import Sequence
from pathlib import Path

from spinepnp.solvers.model.channels import Channel
from spinepnp.solvers.model.channels import Gate as GateTable
from spinepnp.solvers.model.waveforms import Injection
from spinepnp.units import CURRENT, FARADAY, POTENTIAL, TIME, Kind

#: Below it, x/(e^x - 1) is taken from its series: there the difference loses digits.
SMALL = 1e-2


def starts(injection: Injection) -> list[float]:
    """Onsets of all pulses or alpha functions of a train, of other waveforms of the one, s."""
    return [(injection.onset or 0.0) + k * (injection.interval or 0.0) for k in range(injection.count or 1)]


def current(injection: Injection, area: float, time: float) -> float:
    """What enters at a time, A; at a jump the side after it, as at the onset of a step.

    Args:
        injection: any.
        area: of the boundary, m^2.
        time: s.
    """
    height = injection.density * area if injection.density is not None else injection.value or 0.0
    begun, lasts = starts(injection), injection.duration
    first = time - begun[0]
    match injection.waveform:
        case "step":
            return height if time >= begun[0] else 0.0
        case "pulse":
            assert lasts is not None
            return height * any(start <= time < start + lasts for start in begun)  # as in `breaks`, to the last digit
        case "alpha":
            assert injection.t_peak is not None
            rising = [max(time - start, 0.0) / injection.t_peak for start in begun]
            return height * sum(s * math.exp(1.0 - s) for s in rising)
        case "ramp":
            assert lasts is not None
            return height * sorted((0.0, first / lasts, 1.0))[1]
        case "sine":
            assert injection.frequency is not None
            on = time >= begun[0] and (lasts is None or time < begun[0] + lasts)
            return height * math.sin(math.tau * injection.frequency * first + (injection.phase or 0.0)) if on else 0.0
        case "table":
            rows = read_rows(injection.file or "", TIME, CURRENT)
            return between(rows, first) if begun[0] + rows[0][0] <= time < begun[0] + rows[-1][0] else 0.0
    return height


def breaks(injection: Injection) -> list[float]:
    """Times at which it jumps, bends or sets in, s."""
    found = starts(injection)
    if injection.waveform == "constant":
        return []
    if injection.waveform == "table":
        return [found[0] + time for time, _ in read_rows(injection.file or "", TIME, CURRENT)]
    return found + [start + injection.duration for start in found if injection.duration is not None]


@functools.lru_cache(maxsize=16)
def read_rows(file: str, rising: Kind, other: Kind) -> tuple[tuple[float, float], ...]:
    """Rows of a CSV table in SI, whose columns are in the units of the results: time_ms, current_pA, potential_mV.

    Raises:
        KeyError: a column is missing, or in another unit.
    """
    with Path(file).open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    first, second = (f"{kind.name}_{kind.suffix}" for kind in (rising, other))
    return tuple((float(row[first]) * rising.si, float(row[second]) * other.si) for row in rows)


def _interval(rows: Sequence[tuple[float, float]], x: float) -> int:
    """The interval of a table that holds a place: of its left row."""
    return max(0, min(len(rows) - 2, sum(at <= x for at, _ in rows) - 1))


def between(rows: Sequence[tuple[float, float]], x: float) -> float:
    """A straight line from row to row."""
    (x0, y0), (x1, y1) = rows[(k := _interval(rows, x)) : k + 2]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def monotone(rows: Sequence[tuple[float, float]], x: float) -> float:
    """The monotone cubic of Fritsch and Butland (SIAM J. Sci. Stat. Comput. 5 (1984) 300), constant beyond the rows."""
    x = min(max(x, rows[0][0]), rows[-1][0])
    k = _interval(rows, x)
    (x0, y0), (x1, y1) = rows[k : k + 2]
    h, s = x1 - x0, (x - x0) / (x1 - x0)
    left, right = _slope(rows, k), _slope(rows, k + 1)
    hermite = y0 * (1 + 2 * s) * (1 - s) ** 2 + y1 * s**2 * (3 - 2 * s)
    return hermite + h * s * (1 - s) * (left * (1 - s) - right * s)


def _slope(rows: Sequence[tuple[float, float]], k: int) -> float:
    """Of that cubic at a row: a weighted harmonic mean of the slopes beside it, zero where they differ in sign."""
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
    """Where a gate comes to rest at a potential in V, 1 / (1 + exp(-(V - V_half)/k))."""
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
    """What a channel lets in, A.

    A sigmoid I_max / (1 + exp(-(V - V_half)/k)) (facts pnp D4); a table; g (E - V); or the constant field,
    A P z F x (c_out - c e^x) / (e^x - 1) with x = z (V - V_out)/V_T; times its gates m^p (Hodgkin and Huxley).

    Args:
        channel: any.
        V: potential, V.
        c: concentration of the species, mol/m^3, for the constant field.
        m: its gates; at rest by default.
        area: of the boundary, m^2, for the constant field, and so are
        valence: of the species,
        thermal_voltage: V.
    """
    if m is None:
        m = [opening(gate, V) for gate in channel.gates]
    fraction = math.prod(x**gate.power for x, gate in zip(m, channel.gates, strict=True))
    match channel.law:
        case "sigmoid":
            assert channel.maximum is not None
            assert channel.half is not None
            assert channel.slope is not None
            return fraction * 0.5 * channel.maximum * (1.0 + math.tanh(0.5 * (V - channel.half) / channel.slope))
        case "table":
            return fraction * monotone(read_rows(channel.file or "", POTENTIAL, CURRENT), V)
        case "gates":
            assert channel.conductance is not None
            assert channel.reversal is not None
            return fraction * channel.conductance * (channel.reversal - V)
    assert channel.permeability is not None
    assert channel.outside is not None
    x = valence * (V - (channel.outside_potential or 0.0)) / thermal_voltage
    flux = (channel.outside - c * math.exp(x)) * _over(x)
    return fraction * area * channel.permeability * valence * FARADAY * flux


def _over(x: float) -> float:
    """x / (e^x - 1)."""
    return x / math.expm1(x) if abs(x) > SMALL else 1.0 - x / 2 + x**2 / 12 - x**4 / 720
