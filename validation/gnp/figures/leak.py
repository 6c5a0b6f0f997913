"""Figure of Fig 5: the leak as a rectifying channel, and the effect of rectification on spikes (fGNP against cHH)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spinepnp.validation.gnp import data
from spinepnp.validation.gnp.figures import parts
from spinepnp.validation.gnp.figures.channels import channel_table, draw_channel
from spinepnp.validation.gnp.parameters import Parameters
from spinepnp.validation.gnp.simulation import Trace
from spinepnp.validation.laws.constant_field import harmonic_mean

#: Multiplier p_eff of the authors' programs (p_open = 0.065).
P_EFF = 0.195

#: Duration of the run, ms; the stimulus lasts 80 ms of it.
DURATION = 100.0

#: Valences of the ions of the leak.
VALENCES = {"K": 1, "Na": 1, "Cl": -1}


def fig5(options: parts.Options) -> parts.Picture:
    """Figure of the rectification of the leak (a-c), with which fGNP fires once where cHH fires three times (d-i)."""
    drawn, p = parts.canvas(11.0, 8.2), options.parameters()
    grid = drawn.add_gridspec(3, 3)
    channel = channel_table(data.leak(p), np.linspace(-100.0, 100.0, 401), apparent=True)
    draw_channel([parts.panel(drawn, grid[0, i], "abc"[i])[0] for i in range(3)], channel, tuple(VALENCES))
    fgnp, chh = (parts.stimulated(options, name, "constant", P_EFF, DURATION) for name in ("fgnp", "chh"))
    leak = _leak_table(fgnp, chh)
    _voltages(parts.panel(drawn, grid[1, 0], "d")[0], fgnp, chh)
    _currents(parts.panel(drawn, grid[1, 1], "e")[0], leak)
    _latent(parts.panel(drawn, grid[1, 2], "f", 2), leak)
    for i, name in enumerate(("K", "Cl", "Na")):
        _ion(parts.panel(drawn, grid[2, i], "ghi"[i])[0], leak, name, p)
    tables = {
        "channel": channel, "traces": pd.concat([parts.thinned(fgnp), parts.thinned(chh)], ignore_index=True),
        "leak": leak, "spikes": parts.spike_table([fgnp, chh]),
    }  # fmt: skip
    return parts.Picture(drawn, tables, (parts.note(fgnp), parts.note(chh)))


def _leak_table(fgnp: Trace, chh: Trace) -> pd.DataFrame:
    """Table of the leak of both models over time: currents, latent pair, means and conductances (eqs. 38-41)."""
    p = fgnp.model.parameters
    every = max(1, len(fgnp.time) // 20_000)
    V, phi = fgnp.V[::every], p.thermal_voltage
    table = pd.DataFrame({"time_ms": fgnp.time[::every], "V_fGNP_mV": V})
    table["I_leak_fGNP_uA_per_cm2"] = fgnp.model.currents(fgnp.states[::every])["leak"]
    table["I_leak_cHH_uA_per_cm2"] = chh.model.currents(chh.states[::every])["leak"]
    total, weighted = np.zeros(len(V)), np.zeros(len(V))
    for name, (inside, outside) in data.rest_concentrations(p).items():
        valence = VALENCES[name]
        mean = harmonic_mean(V, inside, outside, valence, phi)
        G = p.unit / phi * getattr(p, f"P_{name}L") * mean  # mS/cm^2
        table[f"mean_{name}_mM"], table[f"G_{name}_mS_per_cm2"] = mean, G
        total += G
        weighted += G * phi / valence * np.log(outside / inside)
    table["G_latent_mS_per_cm2"], table["E_latent_mV"] = total, weighted / total
    table["G_LH_mS_per_cm2"], table["E_LH_mV"] = p.G_L, p.E_L
    return table


def _voltages(axes: Axes, fgnp: Trace, chh: Trace) -> None:
    for trace, colour, name in ((chh, parts.RED, "cHH"), (fgnp, parts.BLACK, "fGNP")):
        axes.plot(trace.time, trace.V, color=colour, label=f"{name}, {parts.counted(trace)}")
    onset, end = fgnp.protocol[0].until, fgnp.time[-1]
    axes.set_ylim(top=max(fgnp.V.max(), chh.V.max()) + 16.0)
    top = axes.get_ylim()[1] - 4.0
    axes.plot([onset, end], [top, top], color="#e08e0b", linewidth=3.0, solid_capstyle="butt", label="stimulus")
    axes.set(xlabel="time (ms)", ylabel="membrane potential (mV)")
    parts.key(axes)


def _currents(axes: Axes, leak: pd.DataFrame) -> None:
    """Draw leak currents, and a bar in the colour of the model with the higher outward current."""
    t = leak["time_ms"].to_numpy()
    fgnp, chh = leak["I_leak_fGNP_uA_per_cm2"].to_numpy(), leak["I_leak_cHH_uA_per_cm2"].to_numpy()
    axes.plot(t, chh, color=parts.RED, label="cHH")
    axes.plot(t, fgnp, color=parts.BLACK, label="fGNP")
    axes.axhline(0.0, color=parts.BLACK, linestyle=":", linewidth=0.8)
    low, high = min(fgnp.min(), chh.min()), max(fgnp.max(), chh.max())
    bar, same = high + 0.12 * (high - low), 1e-4 * (high - low)
    for higher, colour in ((chh > fgnp + same, parts.RED), (fgnp > chh + same, parts.BLACK)):
        axes.plot(t, np.where(higher, bar, np.nan), color=colour, linewidth=4.0, solid_capstyle="butt")
    axes.text(t[-1], bar + 0.04 * (high - low), "higher leak current", ha="right", va="bottom", fontsize=7)
    axes.set(xlabel="time (ms)", ylabel="$I_L$ (µA/cm²)", ylim=(low - 0.05 * (high - low), high + 0.25 * (high - low)))
    parts.key(axes)


def _latent(axes: list[Axes], leak: pd.DataFrame) -> None:
    pairs = (("G_latent_mS_per_cm2", "G_LH_mS_per_cm2", "G"), ("E_latent_mV", "E_LH_mV", "E"))
    for place, (latent, constant, letter), unit in zip(axes, pairs, ("mS/cm²", "mV"), strict=True):
        place.plot(leak["time_ms"], leak[constant], color=parts.RED, label=f"${letter}_{{LH}}$ (cHH)")
        place.plot(leak["time_ms"], leak[latent], color=parts.BLACK, linestyle="--", label=f"${letter}_{{L,l}}$ (fGNP)")
        place.set_ylabel(f"${letter}$ ({unit})")
        parts.key(place)
    axes[1].set_xlabel("time (ms)")


def _ion(axes: Axes, leak: pd.DataFrame, name: str, p: Parameters) -> None:
    """Draw the mean of an ion and its conductance: one curve, as they are proportional (eq. 1)."""
    axes.plot(leak["time_ms"], leak[f"mean_{name}_mM"], color=parts.COLOURS[name])
    axes.set(xlabel="time (ms)", ylabel=rf"mean $\bar{{c}}$ of {parts.ion(name)} (mM)")
    factor = p.unit / p.thermal_voltage * getattr(p, f"P_{name}L") * 1e3
    if factor > 0.0:
        right = axes.secondary_yaxis("right", functions=(lambda c: c * factor, lambda G: G / factor))
        right.set_ylabel(f"$G_L$ of {parts.ion(name)} (µS/cm²)")
    parts.annotate(axes, f"leak of fGNP to {parts.ion(name)}")
