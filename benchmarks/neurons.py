"""Benchmark of a run of a Gauss-Nernst-Planck neuron model."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.measure import timed
from spinepnp.validation import gnp


def neuron(comm: Any, model: str, p_eff: float, seconds: float, tolerance: float) -> dict[str, Any]:
    """A run of a neuron model, and the error of its spike times against a tight reference of the same run.

    Args:
        p_eff: multiplier of the glutamate densities, from a fifth of the run on.
        seconds: duration of the run in model time, s.
    """
    neuron_model = gnp.Model(model, "concentration")
    protocol = [gnp.Piece(200.0 * seconds, 0.0), gnp.Piece(1e3 * seconds, p_eff)]
    gnp.run(neuron_model, [gnp.Piece(1.0, p_eff)])  # compiled, or read from the disk
    trace, run_s = timed(comm, lambda: gnp.run(neuron_model, protocol, tolerance=tolerance))
    reference = gnp.run(neuron_model, protocol, tolerance=1e-9)
    return {
        "model": model,
        "p_eff": p_eff,
        "seconds": seconds,
        "tolerance": tolerance,
        **spike_errors(trace.spikes, reference.spikes),
        "reference_spikes": len(reference.spikes),
        "run_s": run_s,
        "steps": trace.steps,
    }


def spike_errors(spikes: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    """Number of spikes, and largest error of their times (ms), where there are as many as in a reference."""
    same = len(spikes) == len(reference)
    return {"spikes": len(spikes), "spike_error_ms": float(np.abs(spikes - reference).max()) if same else float("nan")}
