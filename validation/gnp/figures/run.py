"""Table and picture of one run of one model (`spinepnp gnp run`)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from spinepnp.validation.gnp.figures import parts
from spinepnp.validation.gnp.simulation import Trace

#: Duration from which on the axis is in seconds, ms.
LONG = 2e3


def trace_table(trace: Trace) -> pd.DataFrame:
    """Table of a run with its gates and all its currents, uA/cm^2."""
    table = parts.thinned(trace).drop(columns="model")
    at = np.searchsorted(trace.time, table["time_ms"])
    for i, gate in enumerate(("m", "h", "n")):
        table[gate] = trace.states[at, i]
    currents = trace.model.currents(trace.states[at], trace.p_eff[at])
    for name in ("leak", "glutamate", "gated", "total"):
        table[f"I_{name}_uA_per_cm2"] = currents[name]
    return table


def draw_trace(trace: Trace) -> Canvas:
    """Picture of a run: voltage, firing rate, changes of concentrations, pump current."""
    drawn = parts.canvas(8.0, 6.2)
    scale, unit = (1e3, "s") if trace.time[-1] >= LONG else (1.0, "ms")
    axes = parts.panel(drawn, drawn.add_gridspec(1, 1)[0], "", 4, (1.6, 1.0, 1.0, 1.0))
    table, rates = parts.thinned(trace, 10_000), parts.rate_table(trace, trace.time[-1] / 50.0)
    time = table["time_ms"] / scale
    parts.draw_voltage(
        axes[0], parts.thinned(trace, 3_000) if scale > 1.0 else table, scale, color=parts.BLACK, linewidth=0.6
    )
    axes[1].step(rates["time_ms"] / scale, rates["rate_Hz"], where="mid", color=parts.BLACK)
    for name, side in (("K", "o"), ("Na", "i"), ("Cl", "i")):
        c = table[f"{name}_{side}_mM"]
        axes[2].plot(time, c - c[0], color=parts.COLOURS[name], label=parts.ion(name, side))
    axes[3].plot(time, table["I_NaK_uA_per_cm2"], color=parts.COLOURS["K"])
    parts.key(axes[2])
    for place, label in zip(axes, ("V (mV)", "rate (Hz)", "change (mM)", "$I_{NaK}$ (µA/cm²)"), strict=True):
        place.set_ylabel(label)
        parts.mark_stimulus(place, trace, scale)
    axes[3].set_xlabel(f"time ({unit}); shaded: glutamate channels are stimulated")
    drawn.align_ylabels(axes)
    parts.annotate(axes[0], f"{parts.note(trace).split(';')[0]}; {parts.counted(trace)}, {trace.state}")
    return drawn
