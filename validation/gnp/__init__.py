"""Gauss-Nernst-Planck reductions: channels, neuron models, bifurcations (paper 002). NumPy, SciPy and Numba only.

from spinepnp.validation import gnp
model = gnp.Model("vgnp", pump="concentration")
trace = gnp.run(model, gnp.stimulus(model, p_open=0.515 / 3, duration=150e3))
trace.state, trace.spikes, trace.block_onset
"""

from __future__ import annotations

from spinepnp.validation.gnp.channels import Channel, Permeant
from spinepnp.validation.gnp.equilibria import branch, equilibrium
from spinepnp.validation.gnp.models import MODELS, Model
from spinepnp.validation.gnp.parameters import Parameters
from spinepnp.validation.gnp.simulation import Piece, Trace, run, scan_anions, stimulus

__all__ = [
    "MODELS",
    "Channel",
    "Model",
    "Parameters",
    "Permeant",
    "Piece",
    "Trace",
    "branch",
    "equilibrium",
    "run",
    "scan_anions",
    "stimulus",
]
