"""Runs of a neuron model: protocols, traces, spikes, depolarisation block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from spinepnp.errors import CaseError, SolveError
from spinepnp.validation.gnp import kinetics
from spinepnp.validation.gnp.models import Model

#: Tolerance of a step (gates, tens of mV, mM): spike times are then right to 0.01 ms over 150 s of tonic firing.
TOLERANCE = 1e-6

#: Upward crossings of it are spikes, mV.
THRESHOLD = -20.0

#: A block is a voltage above the first number (mV) that moves by less than the second (mV) for the third (ms).
BLOCK_ABOVE, BLOCK_RANGE, BLOCK_TIME = -50.0, 1.0, 500.0

#: Samples of a trace at most, where nothing else is asked for.
MOST_SAMPLES = 200_000

#: Spikes that a run can have a millisecond: refractoriness allows far fewer.
SPIKES_A_MS = 2.0

State = Literal["rest", "phasic", "tonic", "block"]


@dataclass(frozen=True)
class Piece:
    """A part of a protocol with one opening of the glutamate channels.

    Attributes:
        until: its end, ms.
        p_eff: multiplier of the glutamate densities.
    """

    until: float
    p_eff: float


@dataclass(frozen=True)
class Trace:
    """What a run gives.

    Attributes:
        model: that was run.
        time: of the samples, ms, shape (n,).
        states: (m, h, n, V, Na_i, Cl_i), shape (n, 6).
        p_eff: at the samples, shape (n,).
        spikes: times of upward crossings of the threshold, ms.
        end: state at the end.
        protocol: that was run.
        steps: of the integrator.
    """

    model: Model
    time: np.ndarray
    states: np.ndarray
    p_eff: np.ndarray
    spikes: np.ndarray
    end: np.ndarray
    protocol: tuple[Piece, ...]
    steps: int

    @property
    def V(self) -> np.ndarray:
        """Voltage, mV."""
        return self.states[:, kinetics.V]

    @property
    def concentrations(self) -> dict[str, np.ndarray]:
        """K_o, K_i, Na_o, Na_i, Cl_o, Cl_i, mM."""
        p, K_o = self.model.parameters, self.model.potassium_outside(self.states)
        Na_i, Cl_i = self.states[:, kinetics.NA], self.states[:, kinetics.CL]
        return {"K_o": K_o, "K_i": p.K - K_o, "Na_o": p.Na - Na_i, "Na_i": Na_i, "Cl_o": p.Cl - Cl_i, "Cl_i": Cl_i}

    def currents(self) -> dict[str, np.ndarray]:
        """Currents into the cell, uA/cm^2; see `Model.currents`."""
        return self.model.currents(self.states, self.p_eff)

    def rates(self, window: float) -> tuple[np.ndarray, np.ndarray]:
        """Number of spikes in windows that follow each other, over their length: middles (ms) and rates (1/s)."""
        edges = np.arange(0.0, self.protocol[-1].until + 0.5 * window, window)
        counts, _ = np.histogram(self.spikes, edges)
        return 0.5 * (edges[1:] + edges[:-1]), counts / window * 1e3

    def between(self, start: float, end: float) -> np.ndarray:
        """Spikes between two times, ms."""
        return self.spikes[(self.spikes >= start) & (self.spikes < end)]

    @property
    def block_onset(self) -> float | None:
        """Start of the first depolarisation block, ms: above -50 mV and still within 1 mV for half a second."""
        return block_onset(self.time, self.V)

    @property
    def state(self) -> State:
        """What the neuron does at the end of the last stimulus (or of the run, if there is none)."""
        stimuli = [(a, p.until) for a, p in zip(self._starts(), self.protocol, strict=True) if p.p_eff > 0.0]
        start, end = stimuli[-1] if stimuli else (0.0, self.protocol[-1].until)
        inside = (self.time >= start) & (self.time <= end)
        if block_onset(self.time[inside], self.V[inside]) is not None:
            return "block"
        spikes = self.between(start, end)
        if not len(spikes):
            return "rest"
        longest = float(np.diff(spikes).max(initial=0.0)) if len(spikes) > 1 else end - start
        return "tonic" if end - spikes[-1] <= 2.0 * longest and len(spikes) > 2 else "phasic"

    def _starts(self) -> list[float]:
        return [0.0, *(piece.until for piece in self.protocol[:-1])]


def block_onset(time: np.ndarray, V: np.ndarray) -> float | None:
    """See `Trace.block_onset`; the samples must be closer than a spike is long."""
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    if len(time) < 3 or time[-1] - time[0] < BLOCK_TIME:
        return None
    size = math.ceil(BLOCK_TIME / ((time[-1] - time[0]) / (len(time) - 1)))
    origin = -(size // 2)  # windows that begin at a sample
    high, low = maximum_filter1d(V, size, origin=origin), minimum_filter1d(V, size, origin=origin)
    inside = time <= time[-1] - BLOCK_TIME
    found = np.flatnonzero((high - low < BLOCK_RANGE) & (low > BLOCK_ABOVE) & inside)
    return float(time[found[0]]) if len(found) else None


def run(
    model: Model,
    protocol: Sequence[Piece],
    start: np.ndarray | None = None,
    *,
    sample: float | None = None,
    tolerance: float = TOLERANCE,
    threshold: float = THRESHOLD,
) -> Trace:
    """Integrate a model over a protocol; steps end at its jumps.

    Args:
        model: with its parameters.
        protocol: pieces in order.
        start: state (m, h, n, V, Na_i, Cl_i); the authors' starting point by default.
        sample: interval of the samples, ms; by default fine enough to see every spike, at most 200 000 samples.
        tolerance: of a step.
        threshold: of spikes, mV.

    Returns:
        The trace.

    Raises:
        CaseError: a protocol that is none.
        SolveError: a concentration leaves its range; says when.
    """
    pieces = _checked(protocol)
    duration = pieces[-1].until
    sample = max(0.05, duration / MOST_SAMPLES) if sample is None else sample
    if not (math.isfinite(sample) and sample > 0.0 and duration / sample < 1e8):
        raise CaseError("sample", "must be greater than zero, and not finer than 1e-8 of the run", sample)
    if not (math.isfinite(tolerance) and 0.0 < tolerance <= 0.1):
        raise CaseError("tolerance", "must lie between 0 and 0.1", tolerance)
    times = np.append(np.arange(0.0, duration - 0.5 * sample, sample), duration)
    samples = np.zeros((len(times), 7))
    samples[:, 0] = times
    y = model.start() if start is None else np.array(start, dtype=float)
    c, begin, spikes, steps = model.coefficients, 0.0, [], 0
    for piece in pieces:
        room = np.empty(int(SPIKES_A_MS * (piece.until - begin)) + 100)
        first = 0 if begin == 0.0 else int(np.searchsorted(times, begin, side="right"))
        why, reached, count, taken, _ = kinetics.integrate(
            y, begin, piece.until, piece.p_eff, c, tolerance, threshold, samples[first:], room
        )
        spikes.append(room[:count])
        steps += taken
        if why != kinetics.FINISHED:
            raise SolveError(_why(model, y, why, reached))
        begin = piece.until
    opens = np.select([times <= p.until for p in pieces], [p.p_eff for p in pieces])
    return Trace(model, times, samples[:, 1:], opens, np.concatenate(spikes), y, pieces, steps)


def _checked(protocol: Sequence[Piece]) -> tuple[Piece, ...]:
    before = 0.0
    for piece in protocol:
        if not (math.isfinite(piece.until) and piece.until > before):
            raise CaseError("duration", "must be greater than zero, and pieces must follow each other", piece.until)
        if not (math.isfinite(piece.p_eff) and piece.p_eff >= 0.0):
            raise CaseError("p_open", "must be zero or greater", piece.p_eff)
        before = piece.until
    if not protocol:
        raise CaseError("protocol", "is empty; give at least one piece")
    return tuple(protocol)


def _why(model: Model, y: np.ndarray, why: int, reached: float) -> str:
    at = f"{model.name}: at {reached:.6g} ms"
    if why == kinetics.FULL:
        return f"{at} there are more spikes than a neuron can fire"
    p, K_o = model.parameters, float(model.potassium_outside(y))
    # How much is left of each ion on the side that a strong pump empties, and on that which a strong stimulus does.
    pumped = {"K_o": K_o, "Na_i": float(y[kinetics.NA])}
    leaked = {"K_i": p.K - K_o, "Na_o": p.Na - float(y[kinetics.NA])}
    left = {**pumped, **leaked, "Cl_i": float(y[kinetics.CL]), "Cl_o": p.Cl - float(y[kinetics.CL])}
    first = min(left, key=lambda name: left[name])
    values = ", ".join(f"{name} = {left[name]:.3g}" for name in ("K_o", "Na_i", "Cl_i"))
    advice = "a weaker pump" if first in pumped else "a weaker stimulus or a stronger pump"
    what = f"{first} is used up" if left[first] < 0.5 or not math.isfinite(left[first]) else "the voltage runs away"
    return f"{at} {what} ({values} mM, V = {y[kinetics.V]:.4g} mV): the model has left its range; use {advice}"


def stimulus(model: Model, p_open: float, duration: float, onset: float | None = None) -> tuple[Piece, ...]:
    """The authors' protocol: nothing for a fifth of the run, then one opening to its end.

    Args:
        model: whose parameters say what an opening is worth.
        p_open: between 0 and 1; p_eff is `Parameters.glutamate_density` times that.
        duration: of the whole run, ms.
        onset: of the stimulus, ms.

    Raises:
        CaseError: an opening or a duration that is none.
    """
    if not (math.isfinite(duration) and duration > 0.0):
        raise CaseError("duration", "must be greater than zero", duration)
    onset = 0.2 * duration if onset is None else onset
    if not 0.0 <= onset < duration:
        raise CaseError("onset", "must lie within the run", onset)
    p_eff = model.parameters.p_eff(p_open)
    return (Piece(onset, 0.0), Piece(duration, p_eff)) if onset > 0.0 else (Piece(duration, p_eff),)


def scan_anions(model: Model, anions: Sequence[float], p_eff: float = 0.0) -> list[tuple[float, np.ndarray]]:
    """Rest for each concentration of impermeant anions (mM), following the one before."""
    found: list[tuple[float, np.ndarray]] = []
    y = model.rest(p_eff)
    for value in anions:
        changed = replace(model, parameters=model.parameters.changed(anions=value))
        y = changed.rest(p_eff, y)
        found.append((value, y))
    return found
