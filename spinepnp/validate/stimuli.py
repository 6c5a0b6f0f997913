"""Currents and channels once more, for references: what they share with the solvers would not be checked by them."""

from __future__ import annotations

import math

from spinepnp.solvers.boundaries import Injection
from spinepnp.solvers.channels import Channel

#: Waveforms and laws of channels that references know.
WAVEFORMS, LAWS = ("constant", "step", "alpha"), ("sigmoid",)


def known(injection: Injection) -> bool:
    """Whether `current` gives it: one step or alpha function, or what is constant."""
    return injection.waveform in WAVEFORMS and (injection.count or 1) == 1


def current(injection: Injection, area: float, time: float) -> float:
    """What enters at a time, A; at the onset of a step it is on.

    Args:
        injection: that is `known`.
        area: of the boundary, m^2.
        time: s.
    """
    height = injection.density * area if injection.density is not None else injection.value or 0.0
    since = time - (injection.onset or 0.0)
    if injection.waveform == "alpha":
        s = max(since, 0.0) / (injection.t_peak or math.inf)
        return height * s * math.exp(1.0 - s)
    return height if injection.waveform == "constant" or since >= 0.0 else 0.0


def gated(channel: Channel, V: float) -> float:
    """I_max / (1 + exp(-(V - V_half)/k)), A, of a sigmoid at a potential in V (facts pnp D4)."""
    assert channel.maximum is not None
    assert channel.half is not None
    assert channel.slope is not None
    return 0.5 * channel.maximum * (1.0 + math.tanh(0.5 * (V - channel.half) / channel.slope))
