"""Figures of Figs 6 and 7: changing concentrations, with a constant pump and with one that depends on them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.gridspec import SubplotSpec

from spinepnp.validation.gnp.figures import parts
from spinepnp.validation.gnp.parameters import P_EFF_PER_P_OPEN
from spinepnp.validation.gnp.simulation import Trace
from spinepnp.validation.laws.constant_field import harmonic_mean

#: Multiplier p_eff of the authors' programs in Fig 6 (p_open = 0.065).
P_EFF = 0.195

#: Multipliers p_eff in the rows of Fig 7 (p_open = 0.033, 0.172, 0.177).
ROWS_OF_7 = (0.1, 0.515, 0.53)

#: Duration of the runs of Fig 6a-c, ms.
SHORT = 500.0

#: Duration of the runs of Fig 6d-f, ms.
LONG = 20e3

#: Duration of the run of Fig 6g-i, ms.
PUMPED = 5e3

#: Duration of the runs of Fig 7, ms.
MINUTES = 150e3

#: Times of the bars of Fig 6h, ms.
BARS = (800.0, 1000.0, 3000.0, 5000.0)

#: Ions whose changes are drawn, with the side.
CHANGING = (("K", "o"), ("Na", "i"), ("Cl", "i"))


def fig6(options: parts.Options) -> parts.Picture:
    """Figure of earlier spikes (a-c), a block (d-f), and a burst that the pump ends (g-i)."""
    drawn = parts.canvas(11.5, 10.2)
    parts.explain_ground(drawn)
    grid = drawn.add_gridspec(3, 3, height_ratios=(1.0, 1.15, 0.85))
    runs = {
        span: [parts.stimulated(options, name, "constant", P_EFF, span) for name in ("gnp", "fgnp")]
        for span in (SHORT, LONG)
    }
    advances = _timing(parts.panel(drawn, grid[0, 0], "a", 2), *runs[SHORT])
    _ions(parts.panel(drawn, grid[0, 1], "b", 2), runs[SHORT][0], 1.0)
    charges = _charges(parts.panel(drawn, grid[0, 2], "c", 2), runs[SHORT][0])
    rates = _firing(parts.panel(drawn, grid[1, 0], "d", 3), *runs[LONG])
    _ions(parts.panel(drawn, grid[1, 1], "e", 2), runs[LONG][0], 1e3)
    means = _means(parts.panel(drawn, grid[1, 2], "f")[0], runs[LONG][0])
    pumped = parts.stimulated(options, "gnp", "concentration", P_EFF, PUMPED)
    _pumped(parts.panel(drawn, grid[2, 0], "g")[0], pumped)
    bars = _bars(parts.panel(drawn, grid[2, 1], "h")[0], pumped)
    balance = _balance(parts.panel(drawn, grid[2, 2], "i")[0], pumped)
    tables = {
        "traces_a": pd.concat([parts.thinned(t, 10_000) for t in runs[SHORT]], ignore_index=True), "advances": advances,
        "charges": charges, "traces_d": pd.concat([parts.thinned(t, 10_000) for t in runs[LONG]], ignore_index=True),
        "rates": rates, "means": means, "traces_g": parts.thinned(pumped), "bars": bars, "balance": balance,
        "spikes_a": parts.spike_table(runs[SHORT]), "spikes_d": parts.spike_table(runs[LONG]),
        "spikes_g": parts.spike_table([pumped]),
    }  # fmt: skip
    return parts.Picture(drawn, tables, tuple(parts.note(t) for t in (*runs[SHORT], *runs[LONG], pumped)))


def _timing(axes: list[Axes], gnp: Trace, fgnp: Trace) -> pd.DataFrame:
    """Draw spikes of both models, and the lead of those of GNP."""
    for trace, colour, name in ((fgnp, parts.RED, "fGNP"), (gnp, parts.BLACK, "GNP")):
        axes[0].plot(trace.time, trace.V, color=colour, linewidth=0.9, label=f"{name}, {parts.counted(trace)}")
    count = min(len(gnp.spikes), len(fgnp.spikes))
    early = fgnp.spikes[:count] - gnp.spikes[:count]
    axes[1].vlines(gnp.spikes[:count], 0.0, early, color=parts.BLACK, linewidth=1.0)
    axes[1].plot(gnp.spikes[:count], early, "o", color=parts.BLACK, markersize=3.5)
    axes[1].set(xlabel="time (ms)", ylabel="GNP ahead (ms)", ylim=(0.0, None))
    axes[0].set_ylabel("V (mV)")
    for place in axes:
        parts.mark_stimulus(place, gnp, 1.0)
    parts.key(axes[0])
    return pd.DataFrame({
        "spike": np.arange(1, count + 1), "GNP_time_ms": gnp.spikes[:count], "fGNP_time_ms": fgnp.spikes[:count],
        "advance_ms": early,
    })  # fmt: skip


def _ions(axes: list[Axes], trace: Trace, scale: float) -> None:
    """Draw changes of concentrations and of reversal potentials since the start."""
    table = parts.thinned(trace, 5_000)
    time = table["time_ms"] / scale
    for name, side in CHANGING:
        c, E = table[f"{name}_{side}_mM"], table[f"E_{name}_mV"]
        axes[0].plot(time, c - c[0], color=parts.COLOURS[name], label=parts.ion(name, side))
        axes[1].plot(time, E - E[0], color=parts.COLOURS[name], label=rf"$E_{{{name}}}$, from {parts.number(E[0])} mV")
    axes[0].set_ylabel("change (mM)")
    axes[1].set(xlabel="time (ms)" if scale == 1.0 else "time (s)", ylabel="change (mV)")
    for place in axes:
        parts.mark_stimulus(place, trace, scale)
        place.axhline(0.0, color=parts.GREY, linewidth=0.5, zorder=-1)
    parts.key(axes[0])
    parts.key(axes[1], fontsize=6, columnspacing=0.6, handlelength=1.0)


def _charges(axes: list[Axes], trace: Trace) -> pd.DataFrame:
    """Draw the net charge on both sides as a concentration, uM."""
    c, anions = trace.concentrations, trace.model.parameters.anions
    inside = (c["K_i"] + c["Na_i"] - c["Cl_i"] - anions) * 1e3
    outside = (c["K_o"] + c["Na_o"] - c["Cl_o"]) * 1e3
    axes[0].plot(trace.time, inside - outside, color="#0000a7", linewidth=0.9, label="$c_i - c_o$")
    axes[0].plot(trace.time, inside + outside, color="#e08e0b", linewidth=0.9, label="$c_i + c_o$")
    axes[1].plot(trace.time, inside, color="#c2188f", linewidth=0.9, label="$c_i$")
    axes[1].plot(trace.time, outside, color="#c2188f", linewidth=0.9, linestyle="--", label="$c_o$")
    for place in axes:
        place.set_ylabel("net charge (µM)")
        parts.mark_stimulus(place, trace, 1.0)
        parts.key(place)
    axes[1].set_xlabel("time (ms)")
    every = max(1, len(trace.time) // 20_000)
    return pd.DataFrame({"time_ms": trace.time, "c_i_uM": inside, "c_o_uM": outside})[::every]


def _firing(axes: list[Axes], gnp: Trace, fgnp: Trace) -> pd.DataFrame:
    """Draw voltages, and firing rates in forty windows."""
    onset, tables = gnp.block_onset, []
    for place, trace, colour, name in ((axes[0], gnp, parts.BLACK, "GNP"), (axes[1], fgnp, parts.RED, "fGNP")):
        parts.draw_voltage(place, parts.thinned(trace, 4_000), 1e3, color=colour, linewidth=0.3)
        rates = parts.rate_table(trace, trace.time[-1] / 40.0)
        axes[2].step(rates["time_ms"] / 1e3, rates["rate_Hz"], where="mid", color=colour, label=name)
        place.set_ylabel(f"{name} (mV)")
        tables.append(rates)
    parts.annotate(axes[0], parts.counted(gnp) + (f", block from {onset / 1e3:.1f} s" if onset is not None else ""))
    parts.annotate(axes[1], parts.counted(fgnp))
    axes[2].set(xlabel="time (s)", ylabel="rate (Hz)")
    for place in axes:
        parts.mark_stimulus(place, gnp, 1e3)
        if onset is not None and place is not axes[1]:
            place.axvline(onset / 1e3, color=parts.GREY, linestyle=":", linewidth=0.9)
    parts.key(axes[2])
    return pd.concat(tables, ignore_index=True)


def _means(axes: Axes, trace: Trace) -> pd.DataFrame:
    """Draw harmonic means of the concentrations within the membrane (eq. 2): bands, as they follow every spike."""
    c, phi, table = trace.concentrations, trace.model.parameters.thermal_voltage, pd.DataFrame()
    for name, valence in (("Na", 1), ("Cl", -1), ("K", 1)):
        mean = harmonic_mean(trace.V, c[f"{name}_i"], c[f"{name}_o"], valence, phi)
        at, low, high = parts.extremes(mean, 4_000)
        parts.band(axes, trace.time[at] / 1e3, low, high, color=parts.COLOURS[name], linewidth=0.3)
        axes.plot([], [], color=parts.COLOURS[name], label=parts.ion(name))
        table["time_ms"] = trace.time[at]
        table[f"mean_{name}_min_mM"], table[f"mean_{name}_max_mM"] = low, high
    axes.set(xlabel="time (s)", ylabel=r"mean $\bar{c}$ (mM)")
    parts.mark_stimulus(axes, trace, 1e3)
    parts.key(axes)
    return table


def _pumped(axes: Axes, trace: Trace) -> None:
    parts.draw_voltage(axes, parts.thinned(trace, 10_000), 1e3, color=parts.BLACK, linewidth=0.7)
    axes.set(xlabel="time (s)", ylabel="V (mV)")
    parts.mark_stimulus(axes, trace, 1e3)
    parts.annotate(axes, f"pump by concentrations: {parts.counted(trace)}, {trace.state}")


def _bars(axes: Axes, trace: Trace) -> pd.DataFrame:
    """Draw currents at four times; at a jump of the stimulus they are those after it."""
    share = np.array(BARS) / PUMPED * trace.time[-1]
    at = np.minimum(np.searchsorted(trace.time, share - 1e-9), len(trace.time) - 1)
    ends = np.array([piece.until for piece in trace.protocol])
    piece = np.minimum(np.searchsorted(ends, trace.time[at], side="right"), len(ends) - 1)
    opens = np.array([trace.protocol[i].p_eff for i in piece])
    currents, names = trace.model.currents(trace.states[at], opens), ("gated", "leak", "glutamate", "pump")
    labels = ("$I_V$", "$I_L$", "$I_G$", "$I_{NaK}$")
    for i, (name, label, colour) in enumerate(
        zip(names, labels, ("#c1272d", "#2a8f3a", "#e08e0b", "#7b3294"), strict=True)
    ):
        axes.bar(np.arange(len(at)) + 0.2 * (i - 1.5), currents[name], 0.19, color=colour, label=label)
    for j in range(len(at)):
        value = currents["pump"][j]
        axes.text(j + 0.3, value - 0.05, parts.number(value, ".2f"), ha="center", va="top", fontsize=6)
    axes.axhline(0.0, color=parts.BLACK, linewidth=0.6)
    axes.set_xticks(range(len(at)), [f"{t / 1e3:g} s" for t in trace.time[at]])
    axes.set(ylabel="current (µA/cm²)", xlabel="time")
    axes.margins(y=0.12)
    parts.key(axes)
    columns = {f"I_{n}_uA_per_cm2": currents[n] for n in (*names, "total")}
    return pd.DataFrame({"time_ms": trace.time[at], "p_eff": opens, "V_mV": trace.V[at], **columns})


def _balance(axes: Axes, trace: Trace) -> pd.DataFrame:
    """Draw the pump current against the electrodiffusive one (eq. 40), in windows that average over spikes."""
    every = trace.time[-1] / PUMPED
    table = parts.diffusive_means(trace, 200.0 * every, 20.0 * every)
    time = table["time_ms"] / 1e3
    axes.plot(time, table["I_diff_uA_per_cm2"], color=parts.BLACK, label="mean $I_{diff}$")
    axes.plot(time, table["I_NaK_uA_per_cm2"], color="#7b3294", label="$I_{NaK}$")
    axes.plot(time, -table["I_NaK_uA_per_cm2"], color="#7b3294", linestyle=":", label="$-I_{NaK}$")
    axes.axhline(0.0, color=parts.GREY, linewidth=0.5)
    axes.set(xlabel="time (s)", ylabel="current (µA/cm²)")
    parts.mark_stimulus(axes, trace, 1e3)
    parts.key(axes)
    return table


def fig7(options: parts.Options) -> parts.Picture:
    """Figure of rest, tonic spikes and block, with a pump that depends on concentrations."""
    drawn = parts.canvas(11.5, 9.0)
    parts.explain_ground(drawn)
    grid, traces, rates = drawn.add_gridspec(3, 3), [], []
    for row, p_eff in enumerate(ROWS_OF_7):
        trace = parts.stimulated(options, "gnp", "concentration", p_eff, MINUTES)
        traces.append(trace)
        letters = "abcdefghi"[3 * row : 3 * row + 3]
        _input(drawn, grid[row, 0], letters[0], trace)
        _ions(parts.panel(drawn, grid[row, 1], letters[1], 2), trace, 1e3)
        rates.append(
            _activity(parts.panel(drawn, grid[row, 2], letters[2], 2, (0.8, 1.0)), trace).assign(
                p_open=p_eff / P_EFF_PER_P_OPEN
            )
        )
    tables = [
        parts.thinned(t, 7_000).assign(p_open=e / P_EFF_PER_P_OPEN) for t, e in zip(traces, ROWS_OF_7, strict=True)
    ]
    return parts.Picture(
        drawn,
        {
            "traces": pd.concat(tables, ignore_index=True), "rates": pd.concat(rates, ignore_index=True),
            "spikes": parts.spike_table(traces),
        },
        tuple(parts.note(t) for t in traces),
    )  # fmt: skip


def _input(drawn: Canvas, place: SubplotSpec, letter: str, trace: Trace) -> None:
    """Draw the opening of the glutamate channels, and the pump current."""
    axes = parts.panel(drawn, place, letter, 2, (0.45, 1.0))
    density = trace.model.parameters.glutamate_density or 1.0
    ends = [0.0, *(piece.until / 1e3 for piece in trace.protocol)]
    opens = [piece.p_eff / density for piece in trace.protocol]
    axes[0].stairs(opens, ends, color="#e08e0b", linewidth=1.4)
    axes[0].set(ylabel="$p_o$", ylim=(0.0, 0.23 if max(opens) < 0.2 else None))
    parts.annotate(axes[0], f"$p_o$ = {max(opens):.4g}")
    table = parts.thinned(trace, 5_000)
    axes[1].plot(table["time_ms"] / 1e3, table["I_NaK_uA_per_cm2"], color="#7b3294")
    axes[1].set(xlabel="time (s)", ylabel="$I_{NaK}$ (µA/cm²)")
    parts.mark_stimulus(axes[1], trace, 1e3)


def _activity(axes: list[Axes], trace: Trace) -> pd.DataFrame:
    """Draw firing rates and the voltage."""
    rates = parts.rate_table(trace, trace.time[-1] / 150.0)
    axes[0].step(rates["time_ms"] / 1e3, rates["rate_Hz"], where="mid", color=parts.BLACK)
    axes[0].set(ylabel="rate (Hz)", ylim=(0.0, max(1.0, 1.08 * rates["rate_Hz"].max())))
    parts.draw_voltage(
        axes[1], parts.thinned(trace, 1_500), 1e3, color=parts.BLACK, linewidth=0.3 if len(trace.spikes) else 1.0
    )
    axes[1].set(xlabel="time (s)", ylabel="V (mV)")
    onset = trace.block_onset
    parts.annotate(axes[0], trace.state + (f" from {onset / 1e3:.1f} s" if onset is not None else ""))
    for place in axes:
        parts.mark_stimulus(place, trace, 1e3)
        if onset is not None:
            place.axvline(onset / 1e3, color=parts.RED, linestyle=":", linewidth=0.9)
    return rates
