"""Figures of Fig 8 and S3 Fig: voltage-gated channels with GHK currents (vGNP, kvGNP, navGNP) against GNP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spinepnp.validation.gnp.figures import parts
from spinepnp.validation.gnp.models import REST, fits
from spinepnp.validation.gnp.parameters import Parameters
from spinepnp.validation.gnp.simulation import Trace
from spinepnp.validation.gnp.table_neurons import WINDOW, WINDOW_STEP
from spinepnp.validation.laws.constant_field import harmonic_mean

#: Multiplier p_eff of the authors' programs; the paper rounds p_open = 0.1717 to 0.17, with which both models spike on.
P_EFF = 0.515

#: Duration of the runs, ms.
DURATION = 150e3

#: Potassium outside of the curves of Fig 8c besides that at rest, mM.
K_OUTSIDE = (8.0, 12.0, 16.0)

#: Sodium inside of the curves of Fig 8c besides that at rest, mM.
NA_INSIDE = (30.0, 40.0, 50.0)

#: Colours of the models.
MODEL_COLOURS = {"gnp": parts.RED, "vgnp": parts.BLACK, "kvgnp": parts.COLOURS["K"], "navgnp": parts.COLOURS["Na"]}


def gated_maximum(
    p: Parameters, name: str, V: np.ndarray, inside: np.ndarray | float, outside: np.ndarray | float
) -> np.ndarray:
    """Largest conductance of a voltage-gated channel of vGNP (eq. 45), mS/cm^2.

    Args:
        p: parameters.
        name: ion, K or Na.
        V: voltage, mV.
        inside: concentration inside, mM.
        outside: concentration outside, mM.
    """
    fit = fits(p)[0 if name == "K" else 1]
    permeability = p.P_KV if name == "K" else p.P_NaV
    mean = harmonic_mean(V, inside, outside, 1, p.thermal_voltage)
    return np.asarray(p.unit / p.thermal_voltage * permeability * mean / np.polyval(fit, V))


def fig8(options: parts.Options) -> parts.Picture:
    """Figure of currents of both kinds (a-c), and of a block in vGNP where GNP spikes on (d-i)."""
    drawn, p = parts.canvas(11.5, 9.8), options.parameters()
    parts.explain_ground(drawn)
    grid = drawn.add_gridspec(3, 3)
    traces = {
        n: parts.stimulated(options, n, "concentration", P_EFF, DURATION) for n in ("gnp", "vgnp", "kvgnp", "navgnp")
    }
    gnp, vgnp = traces["gnp"], traces["vgnp"]
    curves = [_curves(parts.panel(drawn, grid[0, i], "ab"[i], 2), p, name) for i, name in enumerate(("K", "Na"))]
    maxima = _maxima(parts.panel(drawn, grid[0, 2], "c", 2), p)
    _voltages(parts.panel(drawn, grid[1, 0], "d", 2), (vgnp, gnp))
    _changes(parts.panel(drawn, grid[1, 1], "e", 2), (vgnp, gnp))
    conductances = _conductances(parts.panel(drawn, grid[1, 2], "f", 2), vgnp)
    lags = _lags(
        parts.panel(drawn, grid[2, 0], "g", 2, (0.35, 1.0)), gnp, [traces[n] for n in ("vgnp", "kvgnp", "navgnp")]
    )
    differences = _differences(vgnp, gnp)
    _difference_panels([parts.panel(drawn, grid[2, i], "hi"[i - 1])[0] for i in (1, 2)], differences, vgnp)
    tables = {
        "curves": pd.concat(curves, ignore_index=True), "maxima": maxima, "conductances": conductances, "lags": lags,
        "differences": differences, "spikes": parts.spike_table(list(traces.values())),
        "traces": pd.concat([parts.thinned(t, 10_000) for t in (vgnp, gnp)], ignore_index=True),
    }  # fmt: skip
    return parts.Picture(drawn, tables, tuple(parts.note(t) for t in traces.values()))


def _curves(axes: list[Axes], p: Parameters, name: str) -> pd.DataFrame:
    """Draw currents with all gates open in both forms, and their ratio with its fit (eqs. 42, 43)."""
    V = np.linspace(-100.0, 100.0, 401)
    _, _, _, K_o, Na_i, _ = REST
    inside, outside = (p.K - K_o, K_o) if name == "K" else (Na_i, p.Na - Na_i)
    largest, fit = (p.G_KM, fits(p)[0]) if name == "K" else (p.G_NaM, fits(p)[1])
    fitted = np.polyval(fit, V)
    ratio = gated_maximum(p, name, V, inside, outside) * fitted / largest
    ohmic = largest * (V - p.thermal_voltage * np.log(outside / inside)) * 1e-3
    axes[0].plot(V, ratio * ohmic, color=parts.COLOURS[name], label=f"$-I'_{{{name}V}}$ (GHK)")
    axes[0].plot(V, ohmic, color=parts.BLACK, linestyle="--", label=f"$-I_{{{name}V}}$ (RTM)")
    axes[0].axhline(0.0, color=parts.GREY, linewidth=0.5)
    axes[1].plot(
        V[::12], ratio[::12], "o", color=parts.COLOURS[name], markersize=3, label=f"$I'_{{{name}V}}/I_{{{name}V}}$"
    )
    axes[1].plot(V, fitted, color=parts.BLACK, linewidth=0.9, label=f"$f_{{{name}}}(V)$")
    axes[0].set_ylabel("gates open (mA/cm²)")
    axes[1].set(xlabel="membrane potential (mV)", ylabel="ratio")
    for place in axes:
        parts.key(place)
    return pd.DataFrame({
        "ion": name, "V_mV": V, "minus_I_GHK_mA_per_cm2": ratio * ohmic, "minus_I_RTM_mA_per_cm2": ohmic,
        "GHK_over_RTM": ratio, "RTM_over_GHK": 1.0 / ratio, "fit_GHK_over_RTM": fitted,
    })  # fmt: skip


def _maxima(axes: list[Axes], p: Parameters) -> pd.DataFrame:
    """Draw largest conductances (eq. 45) against voltage at four concentrations."""
    V, frames = np.linspace(-100.0, 100.0, 401), []
    _, _, _, K_o, Na_i, _ = REST
    for place, name, side, values in ((axes[0], "K", "o", (K_o, *K_OUTSIDE)), (axes[1], "Na", "i", (Na_i, *NA_INSIDE))):
        for value, colour in zip(values, parts.SHADES, strict=False):
            sides = (p.K - value, value) if name == "K" else (value, p.Na - value)
            G = gated_maximum(p, name, V, *sides)
            unit = " mM" if value == values[0] else ""
            place.plot(V, G, color=colour, label=f"{value:.3g}{unit}")
            frames.append(
                pd.DataFrame({"ion": name, "side": side, "concentration_mM": value, "V_mV": V, "G_max_mS_per_cm2": G})
            )
        place.set_ylabel(f"$G'_{{{name}M}}$ (mS/cm²)")
        parts.key(place, 4)
    axes[1].set_xlabel("membrane potential (mV)")
    return pd.concat(frames, ignore_index=True)


def _voltages(axes: list[Axes], traces: Sequence[Trace]) -> None:
    for place, trace in zip(axes, traces, strict=True):
        name = trace.model.name
        parts.draw_voltage(place, parts.thinned(trace, 1_500), 1e3, color=MODEL_COLOURS[name], linewidth=0.3)
        place.set_ylabel(f"{parts.NAMES[name]} (mV)")
        onset = trace.block_onset
        if onset is not None:
            place.axvline(onset / 1e3, color=parts.GREY, linestyle=":", linewidth=0.9)
        parts.annotate(
            place, f"{parts.NAMES[name]}: {trace.state}" + (f" from {onset / 1e3:.1f} s" if onset is not None else "")
        )
        parts.mark_stimulus(place, trace, 1e3)
    axes[-1].set_xlabel("time (s)")


def _changes(axes: list[Axes], traces: Sequence[Trace]) -> None:
    """Draw changes of concentrations in each model."""
    for place, trace in zip(axes, traces, strict=True):
        table = parts.thinned(trace, 5_000)
        for name, side in (("K", "o"), ("Na", "i"), ("Cl", "i")):
            c = table[f"{name}_{side}_mM"]
            place.plot(table["time_ms"] / 1e3, c - c[0], color=parts.COLOURS[name], label=parts.ion(name, side))
        place.set_ylabel(f"{parts.NAMES[trace.model.name]}: change (mM)")
        parts.mark_stimulus(place, trace, 1e3)
    axes[-1].set_xlabel("time (s)")
    parts.key(axes[0])


def _conductances(axes: list[Axes], trace: Trace) -> pd.DataFrame:
    """Draw largest conductances during a run: extremes, as they follow every spike, and means over about a second."""
    c, p, table = trace.concentrations, trace.model.parameters, pd.DataFrame()
    for place, name in zip(axes, ("K", "Na"), strict=True):
        G = gated_maximum(p, name, trace.V, c[f"{name}_i"], c[f"{name}_o"])
        at, low, high = parts.extremes(G, 4_000)
        mean = np.add.reduceat(G, at) / np.diff(np.append(at, len(G)))
        smooth = np.convolve(mean, np.ones(27) / 27.0, mode="same")[13:-13]
        time = trace.time[at] / 1e3
        parts.band(place, time, low, high, color=parts.COLOURS[name], linewidth=0.3, alpha=0.35)
        place.plot([], [], color=parts.COLOURS[name], alpha=0.35, label="range")
        place.plot(
            time[13:-13], smooth, color=parts.BLACK, label="mean over 1 s" if trace.time[-1] == DURATION else "mean"
        )
        place.set_ylabel(f"$G'_{{{name}M}}$ (mS/cm²)")
        parts.mark_stimulus(place, trace, 1e3)
        table["time_ms"] = trace.time[at]
        table[f"G_{name}M_min_mS_per_cm2"], table[f"G_{name}M_max_mS_per_cm2"] = low, high
        table[f"G_{name}M_mean_mS_per_cm2"] = mean
    parts.key(axes[0])
    axes[-1].set_xlabel("time (s)")
    return table


def _lags(axes: list[Axes], gnp: Trace, others: Sequence[Trace]) -> pd.DataFrame:
    """Draw the lag of each spike to the spike of the same number in GNP; some spikes of GNP are above."""
    shown = slice(None, None, max(1, len(gnp.spikes) // 150))
    axes[0].vlines(gnp.spikes[shown] / 1e3, 0.0, 1.0, color=parts.RED, linewidth=0.5)
    axes[0].set(ylabel="GNP", yticks=[], ylim=(0.0, 1.0))
    frames = []
    below = axes[1:] if len(axes) > 2 else [axes[1]] * len(others)
    for place, trace in zip(below, others, strict=True):
        name, count = trace.model.name, min(len(trace.spikes), len(gnp.spikes))
        lag = trace.spikes[:count] - gnp.spikes[:count]
        place.plot(gnp.spikes[:count] / 1e3, lag / 1e3, color=MODEL_COLOURS[name], label=parts.NAMES[name])
        frames.append(pd.DataFrame({
            "model": parts.NAMES[name], "spike": np.arange(1, count + 1), "GNP_time_ms": gnp.spikes[:count],
            "lag_ms": lag,
        }))  # fmt: skip
    for place in dict.fromkeys(below):
        place.axhline(0.0, color=parts.GREY, linewidth=0.5)
        place.set_ylabel("lag behind GNP (s)")
        if len(below) > len(set(below)):  # beside leads of half a minute the lags before them would not be seen
            place.set_yscale("asinh", linear_width=0.1)
            place.set_yticks([-30, -10, -3, -1, -0.3, 0, 0.3, 1], ["−30", "−10", "−3", "−1", "−0.3", "0", "0.3", "1"])
        parts.mark_stimulus(place, gnp, 1e3)
        parts.key(place)
    axes[-1].set_xlabel("time (s)")
    return pd.concat(frames, ignore_index=True)


def _differences(vgnp: Trace, gnp: Trace) -> pd.DataFrame:
    """Table of electrodiffusive currents of vGNP minus those of GNP, in sliding windows (eq. 46)."""
    share = vgnp.time[-1] / DURATION
    one, other = (parts.diffusive_means(t, WINDOW * share, WINDOW_STEP * share) for t in (vgnp, gnp))
    columns = [c for c in one.columns if c.startswith("I_")]
    return pd.concat([one["time_ms"], (one[columns] - other[columns]).add_prefix("d")], axis=1)


def _difference_panels(axes: list[Axes], table: pd.DataFrame, trace: Trace) -> None:
    time = table["time_ms"] / 1e3
    for name in ("K", "Na", "Cl"):
        look: dict[str, Any] = {"color": parts.COLOURS[name], "label": f"$dI$ of {parts.ion(name)}"}
        axes[0].plot(time, table[f"dI_{name}_uA_per_cm2"], marker="o", markersize=2, **look)
    axes[1].plot(time, table["dI_diff_uA_per_cm2"], color=parts.BLACK, marker="o", markersize=2)
    parts.annotate(axes[1], "vGNP less GNP, all ions")
    for place, label in zip(axes, ("$dI_q$ (µA/cm²)", "$dI_{diff}$ (µA/cm²)"), strict=True):
        place.set(xlabel="time (s)", ylabel=label)
        place.axhline(0.0, color=parts.GREY, linewidth=0.5)
        parts.mark_stimulus(place, trace, 1e3)
    parts.key(axes[0])


def s3(options: parts.Options) -> parts.Picture:
    """Figure of models with one kind of GHK channel (kvGNP, navGNP), which spike on."""
    drawn = parts.canvas(9.6, 7.6)
    parts.explain_ground(drawn)
    grid = drawn.add_gridspec(2, 2)
    traces = {
        n: parts.stimulated(options, n, "concentration", P_EFF, DURATION) for n in ("gnp", "vgnp", "kvgnp", "navgnp")
    }
    _voltages(parts.panel(drawn, grid[0, 0], "a", 2), (traces["kvgnp"], traces["navgnp"]))
    tables = {n: parts.thinned(t, 5_000) for n, t in traces.items()}
    for i, (name, side) in enumerate((("K", "o"), ("Na", "i"))):
        _compared(parts.panel(drawn, (grid[0, 1], grid[1, 0])[i], "bc"[i])[0], tables, name, side, traces["gnp"])
    lags = _lags(
        parts.panel(drawn, grid[1, 1], "d", 3, (0.35, 1.0, 1.0)), traces["gnp"], [traces["kvgnp"], traces["navgnp"]]
    )
    return parts.Picture(
        drawn,
        {
            "traces": pd.concat(tables.values(), ignore_index=True), "lags": lags,
            "spikes": parts.spike_table(list(traces.values())),
        },
        tuple(parts.note(t) for t in traces.values()),
    )  # fmt: skip


def _compared(axes: Axes, tables: dict[str, pd.DataFrame], name: str, side: str, trace: Trace) -> None:
    """Draw a concentration in four models, with an enlarged part of 40 to 70 s of 150 s."""
    inset, low, high = axes.inset_axes((0.09, 0.5, 0.4, 0.42)), np.inf, -np.inf
    first, last = 40.0 / 150.0 * trace.time[-1] / 1e3, 70.0 / 150.0 * trace.time[-1] / 1e3
    for model, table in tables.items():
        c, time = table[f"{name}_{side}_mM"], table["time_ms"] / 1e3
        for place in (axes, inset):
            place.plot(time, c - c[0], color=MODEL_COLOURS[model], label=parts.NAMES[model], linewidth=1.0)
        inside = (c - c[0])[(time >= first) & (time <= last)]
        low, high = min(low, inside.min()), max(high, inside.max())
    inset.set(xlim=(first, last), ylim=(low - 0.05 * (high - low), high + 0.05 * (high - low)))
    inset.tick_params(labelsize=6)
    axes.set(xlabel="time (s)", ylabel=f"change of {parts.ion(name, side)} (mM)")
    parts.mark_stimulus(axes, trace, 1e3)
    parts.key(axes)
