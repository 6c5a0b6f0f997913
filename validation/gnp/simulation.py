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

#: Tolerance of a step (gates, tens of mV, mM): errors of spike times are below 0.01 ms over 150 s of tonic firing.
TOLERANCE = 1e-6

#: Voltage whose upward crossings count as spikes, mV.
THRESHOLD = -20.0

#: Smallest voltage of a depolarisation block, mV.
BLOCK_ABOVE = -50.0

#: Range within which the voltage stays in a block, mV.
BLOCK_RANGE = 1.0

#: Shortest duration of a block, ms.
BLOCK_TIME = 500.0

#: Largest number of samples of a trace by default.
MOST_SAMPLES = 200_000

#: Largest number of spikes per ms for which there is memory; refractoriness allows far fewer.
SPIKES_A_MS = 2.0

#: Behaviour of a neuron under a stimulus.
State = Literal["rest", "phasic", "tonic", "block"]


@dataclass(frozen=True)
class Piece:
    """Part of a protocol with one opening of the glutamate channels.

    Examples:
        >>> from spinepnp.validation import gnp
        >>> protocol = (gnp.Piece(until=200.0, p_eff=0.0), gnp.Piece(until=400.0, p_eff=0.515))
        >>> gnp.run(gnp.Model("gnp"), protocol).p_eff[[0, -1]]
        array([0.   , 0.515])

    Attributes:
        until: end of the piece, ms.
        p_eff: multiplier of the glutamate densities.
    """

    until: float
    p_eff: float


@dataclass(frozen=True)
class Trace:
    """Result of a run.

    Examples:
        >>> from spinepnp.validation import gnp
        >>> protocol = (gnp.Piece(until=200.0, p_eff=0.0), gnp.Piece(until=400.0, p_eff=0.515))
        >>> trace = gnp.run(gnp.Model("gnp"), protocol)
        >>> trace.state, len(trace.spikes)
        ('tonic', 22)

    Attributes:
        model: model of the run.
        time: times of the samples, ms, shape (n,).
        states: states (m, h, n, V, Na_i, Cl_i) at the samples, shape (n, 6).
        p_eff: multiplier of the glutamate densities at the samples, shape (n,).
        spikes: times of upward crossings of the threshold, ms.
        end: state at the end.
        protocol: protocol of the run.
        steps: number of steps of the integrator.
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
        """Concentrations K_o, K_i, Na_o, Na_i, Cl_o, Cl_i, mM."""
        p, K_o = self.model.parameters, self.model.potassium_outside(self.states)
        Na_i, Cl_i = self.states[:, kinetics.NA], self.states[:, kinetics.CL]
        return {"K_o": K_o, "K_i": p.K - K_o, "Na_o": p.Na - Na_i, "Na_i": Na_i, "Cl_o": p.Cl - Cl_i, "Cl_i": Cl_i}

    def currents(self) -> dict[str, np.ndarray]:
        """Currents into the cell, uA/cm^2; see `Model.currents`."""
        return self.model.currents(self.states, self.p_eff)

    def rates(self, window: float) -> tuple[np.ndarray, np.ndarray]:
        """Firing rates in successive windows (ms): middles of the windows (ms) and rates (1/s)."""
        edges = np.arange(0.0, self.protocol[-1].until + 0.5 * window, window)
        counts, _ = np.histogram(self.spikes, edges)
        return 0.5 * (edges[1:] + edges[:-1]), counts / window * 1e3

    def between(self, start: float, end: float) -> np.ndarray:
        """Spikes between two times, ms."""
        return self.spikes[(self.spikes >= start) & (self.spikes < end)]

    @property
    def block_onset(self) -> float | None:
        """Start of the first depolarisation block, ms: above -50 mV and within a range of 1 mV for half a second."""
        return block_onset(self.time, self.V)

    @property
    def state(self) -> State:
        """Behaviour of the neuron during the last stimulus (or the run, if there is none)."""
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
        """Start of each piece of the protocol, ms."""
        return [0.0, *(piece.until for piece in self.protocol[:-1])]


def block_onset(time: np.ndarray, V: np.ndarray) -> float | None:
    """Start of the first block (see `Trace.block_onset`), ms; samples must be closer than the width of a spike."""
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    if len(time) < 3 or time[-1] - time[0] < BLOCK_TIME:
        return None
    size = math.ceil(BLOCK_TIME / ((time[-1] - time[0]) / (len(time) - 1)))
    origin = -(size // 2)  # windows that begin at a sample
    high, low = maximum_filter1d(V, size, origin=origin), minimum_filter1d(V, size, origin=origin)
    inside = time <= time[-1] - BLOCK_TIME
    starts = np.flatnonzero((high - low < BLOCK_RANGE) & (low > BLOCK_ABOVE) & inside)
    return float(time[starts[0]]) if len(starts) else None


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
        model: model with its parameters.
        protocol: pieces in order of time.
        start: initial state (m, h, n, V, Na_i, Cl_i); the authors' starting point by default.
        sample: interval of the samples, ms; by default fine enough to show every spike, at most 200 000 samples.
        tolerance: tolerance of a step.
        threshold: threshold of spikes, mV.

    Returns:
        The trace.

    Raises:
        CaseError: the protocol or an option is invalid.
        SolveError: a concentration leaves its range; the message has the time.
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
        crossings = np.empty(int(SPIKES_A_MS * (piece.until - begin)) + 100)
        first = 0 if begin == 0.0 else int(np.searchsorted(times, begin, side="right"))
        why, reached, count, taken, _ = kinetics.integrate(
            y, begin, piece.until, piece.p_eff, c, tolerance, threshold, samples[first:], crossings
        )
        spikes.append(crossings[:count])
        steps += taken
        if why != kinetics.FINISHED:
            raise SolveError(_why(model, y, why, reached))
        begin = piece.until
    opens = np.select([times <= p.until for p in pieces], [p.p_eff for p in pieces])
    return Trace(model, times, samples[:, 1:], opens, np.concatenate(spikes), y, pieces, steps)


def _checked(protocol: Sequence[Piece]) -> tuple[Piece, ...]:
    """Pieces of a valid protocol."""
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
    """Message on why an integration ended early."""
    at = f"{model.name}: at {reached:.6g} ms"
    if why == kinetics.FULL:
        return f"{at} there are more spikes than a neuron can fire"
    p, K_o = model.parameters, float(model.potassium_outside(y))
    # Concentrations of each ion on the side that a strong pump empties, and on the side that a strong stimulus empties.
    pumped = {"K_o": K_o, "Na_i": float(y[kinetics.NA])}
    leaked = {"K_i": p.K - K_o, "Na_o": p.Na - float(y[kinetics.NA])}
    left = {**pumped, **leaked, "Cl_i": float(y[kinetics.CL]), "Cl_o": p.Cl - float(y[kinetics.CL])}
    first = min(left, key=lambda name: left[name])
    values = ", ".join(f"{name} = {left[name]:.3g}" for name in ("K_o", "Na_i", "Cl_i"))
    advice = "a weaker pump" if first in pumped else "a weaker stimulus or a stronger pump"
    what = f"{first} is used up" if left[first] < 0.5 or not math.isfinite(left[first]) else "the voltage runs away"
    return f"{at} {what} ({values} mM, V = {y[kinetics.V]:.4g} mV): the model has left its range; use {advice}"


def stimulus(model: Model, p_open: float, duration: float, onset: float | None = None) -> tuple[Piece, ...]:
    """Protocol of the authors: no stimulus for a fifth of the run, then one opening to its end.

    Args:
        model: model whose parameters have the density of glutamate channels.
        p_open: opening between 0 and 1; p_eff is `Parameters.glutamate_density` times that.
        duration: duration of the whole run, ms.
        onset: onset of the stimulus, ms.

    Raises:
        CaseError: the opening, the duration or the onset is invalid.
    """
    if not (math.isfinite(duration) and duration > 0.0):
        raise CaseError("duration", "must be greater than zero", duration)
    onset = 0.2 * duration if onset is None else onset
    if not 0.0 <= onset < duration:
        raise CaseError("onset", "must lie within the run", onset)
    p_eff = model.parameters.p_eff(p_open)
    return (Piece(onset, 0.0), Piece(duration, p_eff)) if onset > 0.0 else (Piece(duration, p_eff),)


def scan_anions(model: Model, anions: Sequence[float], p_eff: float = 0.0) -> list[tuple[float, np.ndarray]]:
    """Rest for each concentration of impermeant anions, each by Newton's method from the one before.

    Args:
        model: model of a neuron.
        anions: concentrations of impermeant anions, mM, in the order of the scan.
        p_eff: multiplier of the glutamate densities.

    Returns:
        Each concentration with the state at rest, shape (6,).

    Raises:
        SolveError: there is no steady state at one of the concentrations.
    """
    rests: list[tuple[float, np.ndarray]] = []
    y = model.rest(p_eff)
    for value in anions:
        changed = replace(model, parameters=model.parameters.changed(anions=value))
        y = changed.rest(p_eff, y)
        rests.append((value, y))
    return rests
