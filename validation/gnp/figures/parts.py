"""Parts that the figures of paper 002 share: options, runs that several figures show, tables, panels.

Units are those of the models: mV, ms, mM, mS/cm^2, uA/cm^2. Every column of a table names its unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.gridspec import SubplotSpec

from spinepnp.figure_style import COMPUTED, ION_COLOURS, figure_style
from spinepnp.figure_style import GREY as GREY
from spinepnp.validation.gnp.models import Model
from spinepnp.validation.gnp.parameters import P_EFF_PER_P_OPEN, Parameters
from spinepnp.validation.gnp.simulation import Piece, Trace, run, stimulus

#: Rows of a table at most.
ROWS = 20_000

#: Samples of a run that is drawn: enough of them to see the peak of every spike.
SAMPLES = 600_000

#: Colour of the model that others are compared with.
BLACK = "black"

#: Colour of that other model.
RED = COMPUTED

#: Colours of ions.
COLOURS = ION_COLOURS

#: Colours of curves that differ in a parameter.
SHADES = ("#1b1b1b", "#7b3294", "#d95f02", "#0093b8", "#2a8f3a")

#: How ions are written.
WRITTEN = {"K": "K^+", "Na": "Na^+", "Cl": "Cl^-", "HCO3": "HCO_3^-", "Ca": "Ca^{2+}"}

#: How models are written.
NAMES = {
    "chh": "cHH", "fgnp": "fGNP", "gnp": "GNP", "vgnp": "vGNP", "kvgnp": "kvGNP", "navgnp": "navGNP", "ihh": "iHH",
}  # fmt: skip

#: Parameters that relate charge to concentrations: if they change, the authors' start has another voltage.
OF_CHARGE = ("anions", "K", "Na", "Cl", "capacitance", "surface_to_volume")


@dataclass(frozen=True)
class Options:
    """Options of a figure that a user can change.

    Attributes:
        changes: parameters by name (see `Parameters`).
        p_open: opening of the glutamate channels in place of the figure's.
        duration: duration of the run in place of the figure's, ms; the stimulus keeps its share of the run.
    """

    changes: Mapping[str, float] = field(default_factory=dict)
    p_open: float | None = None
    duration: float | None = None

    def parameters(self, **preset: float) -> Parameters:
        """Parameters of the figure, with the user's changes."""
        return Parameters().changed(**(preset | dict(self.changes)))

    def opening(self, p_eff: float) -> float:
        """Opening p_open of a stimulus for which the authors' programs have p_eff."""
        return p_eff / P_EFF_PER_P_OPEN if self.p_open is None else self.p_open


@dataclass(frozen=True)
class Picture:
    """A figure with its numbers.

    Attributes:
        canvas: figure of matplotlib.
        tables: tables by name; each becomes a CSV file.
        notes: lines on the runs.
    """

    canvas: Canvas
    tables: dict[str, pd.DataFrame]
    notes: tuple[str, ...] = ()


def style() -> AbstractContextManager[None]:
    """Small type and thin lines, for the time of a drawing."""
    return figure_style(8.0, {"lines.linewidth": 1.2, "axes.linewidth": 0.7, "agg.path.chunksize": 20_000})


# Runs.


def start_of(model: Model) -> tuple[str, np.ndarray]:
    """Initial state of a run and its name: the authors' point, or the model's rest if the point has another charge."""
    default = Parameters()
    moved = any(getattr(model.parameters, name) != getattr(default, name) for name in OF_CHARGE)
    return ("rest", model.rest()) if moved else ("authors", model.start())


def sample_of(duration: float) -> float:
    """Interval of the samples of a run, ms."""
    return max(0.05, duration / SAMPLES)


@lru_cache(maxsize=8)
def simulated(model: Model, protocol: tuple[Piece, ...], own_rest: bool = False) -> Trace:
    """Run of a protocol, cached for other figures that show it.

    Args:
        model: model of a neuron.
        protocol: parts of the run, each with one opening of the glutamate channels.
        own_rest: whether the run starts from the model's rest in place of the authors' point.
    """
    start = model.rest() if own_rest else start_of(model)[1]
    return run(model, protocol, start, sample=sample_of(protocol[-1].until))


def stimulated(options: Options, name: str, pump: str, p_eff: float, duration: float) -> Trace:
    """Run of the authors' protocol: the stimulus begins after a fifth of it.

    Args:
        options: options that the user has changed; they go before the arguments.
        name: name of the model.
        pump: kind of its pump.
        p_eff: multiplier of the glutamate densities during the stimulus.
        duration: duration of the run, ms.
    """
    model = Model(name, pump, options.parameters())
    span = duration if options.duration is None else options.duration
    return simulated(model, stimulus(model, options.opening(p_eff), span))


def note(trace: Trace) -> str:
    """Line on a run."""
    model, last = trace.model, max(piece.p_eff for piece in trace.protocol)
    density = model.parameters.glutamate_density
    opening = (
        f"p_open = {last / density:.4g} (p_eff = {density:g} p_open = {last:.4g})" if density > 0.0 else "p_eff = 0"
    )
    times = " ".join(f"until {p.until / 1e3:g} s: {p.p_eff:.4g};" for p in trace.protocol)
    block = "" if trace.block_onset is None else f", blocked from {trace.block_onset / 1e3:.2f} s"
    return f"{NAMES[model.name]}, {model.pump} pump, {opening}; p_eff {times} {counted(trace)}, {trace.state}{block}"


def counted(trace: Trace) -> str:
    """Number of spikes of a run, in words."""
    return "1 spike" if len(trace.spikes) == 1 else f"{len(trace.spikes)} spikes"


# Tables.


def thinned(trace: Trace, rows: int = ROWS) -> pd.DataFrame:
    """Table of a run: state, concentrations, reversal potentials, pump.

    Where rows are left out, V_min_mV and V_max_mV are the extremes from one row to the next.
    """
    every = -(-len(trace.time) // rows)
    at = np.arange(0, len(trace.time), every)
    if at[-1] != len(trace.time) - 1:
        at = np.append(at, len(trace.time) - 1)
    states, opens, phi = trace.states[at], trace.p_eff[at], trace.model.parameters.thermal_voltage
    table = pd.DataFrame({"model": NAMES[trace.model.name], "time_ms": trace.time[at], "V_mV": trace.V[at]})
    if every > 1:
        table["V_min_mV"] = np.minimum.reduceat(trace.V, at)
        table["V_max_mV"] = np.maximum.reduceat(trace.V, at)
    c = {name: values[at] for name, values in trace.concentrations.items()}
    for name in ("K_o", "Na_i", "Cl_i"):
        table[f"{name}_mM"] = c[name]
    for ion, sign in (("K", 1.0), ("Na", 1.0), ("Cl", -1.0)):
        table[f"E_{ion}_mV"] = sign * phi * np.log(c[f"{ion}_o"] / c[f"{ion}_i"])
    table["I_NaK_uA_per_cm2"] = trace.model.currents(states)["pump"]
    table["p_eff"] = opens
    return table


def spike_table(traces: Sequence[Trace]) -> pd.DataFrame:
    """Table of the times of the spikes of some runs."""
    parts = [
        pd.DataFrame({
            "model": NAMES[t.model.name],
            "p_open": max(p.p_eff for p in t.protocol) / (t.model.parameters.glutamate_density or 1.0),
            "spike": np.arange(1, len(t.spikes) + 1), "time_ms": t.spikes,
        })
        for t in traces
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def rate_table(trace: Trace, window: float) -> pd.DataFrame:
    """Table of firing rates in successive windows (ms)."""
    time, rate = trace.rates(window)
    return pd.DataFrame({"model": NAMES[trace.model.name], "time_ms": time, "rate_Hz": rate})


def diffusive_means(trace: Trace, width: float, step: float) -> pd.DataFrame:
    """Electrodiffusive current of each ion in sliding windows, uA/cm^2 (eqs. 40, 46).

    Ions are conserved, so that the mean current over a window follows from the concentrations at its ends and the mean
    pump current: no spike is missed, however short it is.

    Args:
        trace: run of a model with changing concentrations.
        width: width of a window, ms.
        step: distance from one window to the next, ms.
    """
    first = np.arange(0.0, trace.time[-1] - width + 1e-6, step)
    a, b = (np.searchsorted(trace.time, t - 1e-9) for t in (first, first + width))
    b = np.minimum(b, len(trace.time) - 1)
    elapsed, gamma = trace.time[b] - trace.time[a], trace.model.parameters.gamma * 1e-3
    c = trace.concentrations
    slope = {name: (c[name][b] - c[name][a]) / elapsed / gamma for name in ("K_o", "Na_i", "Cl_i")}
    every = max(1, len(trace.time) // 60_000)  # the pump follows concentrations, which are slow
    coarse = trace.time[::every]
    flow = trace.model.currents(trace.states[::every])["pump"]
    charge = np.concatenate([[0.0], np.cumsum(0.5 * (flow[1:] + flow[:-1]) * np.diff(coarse))])
    pump = (np.interp(trace.time[b], coarse, charge) - np.interp(trace.time[a], coarse, charge)) / elapsed
    table = pd.DataFrame({
        "model": NAMES[trace.model.name], "time_ms": 0.5 * (trace.time[a] + trace.time[b]),
        "I_K_uA_per_cm2": 2.0 * pump - slope["K_o"], "I_Na_uA_per_cm2": slope["Na_i"] - 3.0 * pump,
        "I_Cl_uA_per_cm2": -slope["Cl_i"], "I_NaK_uA_per_cm2": pump,
    })  # fmt: skip
    table["I_diff_uA_per_cm2"] = table[[f"I_{q}_uA_per_cm2" for q in ("K", "Na", "Cl")]].sum(axis=1)
    return table


# Panels.


def canvas(width: float, height: float) -> Canvas:
    """Empty figure of a size in inches."""
    drawn = Canvas(figsize=(width, height), dpi=170, layout="constrained")
    engine: Any = drawn.get_layout_engine()
    engine.set(w_pad=0.05, h_pad=0.04, wspace=0.02, hspace=0.02)
    return drawn


def panel(
    figure: Canvas, place: SubplotSpec, letter: str, parts: int = 1, ratios: Sequence[float] | None = None
) -> list[Axes]:
    """Axes in a column that share their x axis, with one letter.

    Args:
        figure: figure of matplotlib.
        place: place of the column in the figure's grid.
        letter: letter of the panel, above its first axes.
        parts: number of axes.
        ratios: heights of the axes, relative to each other; equal by default.
    """
    inner = place.subgridspec(parts, 1, height_ratios=ratios)
    made: list[Axes] = []
    for i in range(parts):
        made.append(figure.add_subplot(inner[i], sharex=made[0] if made else None))
        if i < parts - 1:
            made[i].tick_params(labelbottom=False)
    made[0].set_title(letter, loc="left", x=-0.14, fontweight="bold", fontsize=10)
    return made


def key(axes: Axes, columns: int = 4, **words: Any) -> None:
    """Draw a legend above the axes, beside the letter, where there are no data.

    Args:
        axes: axes of matplotlib.
        columns: number of columns of the legend.
        words: other arguments of matplotlib's legend.
    """
    look = {"handlelength": 1.3, "columnspacing": 0.9, "handletextpad": 0.4, "labelspacing": 0.25} | words
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=columns, borderaxespad=0.1, **look)


def annotate(axes: Axes, text: str) -> None:
    """Write a text above the axes, at the right end."""
    axes.set_title(text, loc="right", fontsize=7)


def draw_voltage(axes: Axes, table: pd.DataFrame, scale: float, **look: Any) -> None:
    """Draw a voltage over time, by its extremes where rows are left out.

    Args:
        axes: axes of matplotlib.
        table: samples of a run, with the columns ``time_ms`` and ``V_mV``, or ``V_min_mV`` and ``V_max_mV``.
        scale: ms per unit of the axis of time.
        look: properties of the line.
    """
    time = table["time_ms"].to_numpy() / scale
    if "V_min_mV" not in table:
        axes.plot(time, table["V_mV"], **look)
        return
    band(axes, time, table["V_min_mV"].to_numpy(), table["V_max_mV"].to_numpy(), **look)


def band(axes: Axes, x: np.ndarray, low: np.ndarray, high: np.ndarray, **look: Any) -> None:
    """Draw a curve that runs between its smallest and largest values from one point to the next.

    Args:
        axes: axes of matplotlib.
        x: positions of the points, shape (n,).
        low: smallest values from each point to the next, shape (n,).
        high: largest values from each point to the next, shape (n,).
        look: properties of the line.
    """
    axes.plot(np.repeat(x, 2), np.column_stack([low, high]).ravel(), **({"linewidth": 0.5} | look))


def extremes(values: np.ndarray, rows: int = ROWS // 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, and the smallest and largest values from each position to the next."""
    at = np.arange(0, len(values), -(-len(values) // rows))
    return at, np.minimum.reduceat(values, at), np.maximum.reduceat(values, at)


def mark_stimulus(axes: Axes, trace: Trace, scale: float) -> None:
    """Draw a grey background during the stimulus.

    Args:
        axes: axes of matplotlib.
        trace: run of a model, with its protocol.
        scale: ms per unit of the axis of time.
    """
    begin = 0.0
    for piece in trace.protocol:
        if piece.p_eff > 0.0:
            axes.axvspan(begin / scale, piece.until / scale, color="#f3ead8", linewidth=0.0, zorder=-5)
        begin = piece.until


def explain_ground(figure: Canvas) -> None:
    """Write a note on the grey background of `mark_stimulus`."""
    figure.supxlabel("shaded: glutamate channels are stimulated", fontsize=7, x=0.99, ha="right")


def number(value: float, form: str = ".1f") -> str:
    """Text of a number with a minus sign in place of a hyphen."""
    return format(value, form).replace("-", "−")


def ion(name: str, side: str = "") -> str:
    """Label of an ion, or of its concentration on a side."""
    return rf"$[{WRITTEN[name]}]_{side}$" if side else rf"${WRITTEN[name]}$"
