"""Figure of Fig 9: a block that persists (vGNP) or ends (iHH) after the stimulus, and its equilibria."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spinepnp.validation.gnp.equilibria import Branch, Equilibrium, branch
from spinepnp.validation.gnp.figures import parts
from spinepnp.validation.gnp.figures.gated import gated_maximum
from spinepnp.validation.gnp.models import Model
from spinepnp.validation.gnp.simulation import Piece, Trace
from spinepnp.validation.laws.constant_field import harmonic_mean

#: Multiplier p_eff of the stimulus (p_open = 0.83).
P_EFF = 2.5

#: Largest rate of the pump, mM/s.
PUMP_MAXIMUM = 0.7

#: Duration of the run, ms; the paper does not give the times.
DURATION = 200e3

#: Fractions of the run at which the stimulus begins and ends (10 and 40 s).
ON = 0.05
OFF = 0.2

#: Voltages of the equilibria, mV.
VOLTAGES = np.linspace(-100.0, 0.0, 1001)

#: Colours of the models.
MODEL_COLOURS = {"vgnp": parts.BLACK, "ihh": parts.RED}

#: Offsets of the labels with the pump currents of the Hopf points, in points.
OFFSETS = {"vgnp": (-4, 5), "ihh": (5, -10)}


def fig9(options: parts.Options) -> parts.Picture:
    """Figure of runs through a strong stimulus (a-c), equilibria (d-f) and their conductances (g-i)."""
    drawn = parts.canvas(11.5, 9.2)
    parts.explain_ground(drawn)
    grid = drawn.add_gridspec(3, 3, height_ratios=(0.8, 1.0, 0.8))
    models = {n: Model(n, "concentration", options.parameters(pump_maximum=PUMP_MAXIMUM)) for n in MODEL_COLOURS}
    traces = {n: _released(model, options) for n, model in models.items()}
    for i, trace in enumerate(traces.values()):
        _voltage(parts.panel(drawn, grid[0, i], "ab"[i])[0], trace)
    _pumps(parts.panel(drawn, grid[0, 2], "c", 2), list(traces.values()))
    branches = {n: branch(replace(model, pump="constant"), VOLTAGES) for n, model in models.items()}
    tables = {n: _table(b) for n, b in branches.items()}
    limit = models["vgnp"].coefficients.pump_maximum
    for i, (column, label) in enumerate(
        (("V_mV", "V (mV)"), ("K_o_mM", f"{parts.ion('K', 'o')} (mM)"), ("Na_i_mM", f"{parts.ion('Na', 'i')} (mM)"))
    ):
        _diagram(parts.panel(drawn, grid[1, i], "def"[i])[0], branches, tables, column, label, limit)
    groups = (("Na_leak",), ("K_leak", "Cl_leak"), ("KM", "NaM"))
    for i, names in enumerate(groups):
        _conductance_panel(parts.panel(drawn, grid[2, i], "ghi"[i])[0], tables, names)
    found = {
        "traces": pd.concat([parts.thinned(t, 10_000) for t in traces.values()], ignore_index=True),
        "spikes": parts.spike_table(list(traces.values())), "equilibria": pd.concat(tables.values(), ignore_index=True),
        "bifurcations": pd.DataFrame([row for b in branches.values() for row in _bifurcations(b)]),
    }  # fmt: skip
    return parts.Picture(drawn, found, tuple(parts.note(t) for t in traces.values()))


def _released(model: Model, options: parts.Options) -> Trace:
    """Run from the model's own rest through the stimulus and after it."""
    span = DURATION if options.duration is None else options.duration
    p_eff = model.parameters.p_eff(options.opening(P_EFF))
    return parts.simulated(model, (Piece(ON * span, 0.0), Piece(OFF * span, p_eff), Piece(span, 0.0)), own_rest=True)


def _voltage(axes: Axes, trace: Trace) -> None:
    name = trace.model.name
    parts.draw_voltage(axes, parts.thinned(trace, 1_500), 1e3, color=MODEL_COLOURS[name], linewidth=0.3)
    axes.axvline(trace.protocol[1].until / 1e3, color=parts.GREY, linestyle=":", linewidth=1.0)
    axes.set(xlabel="time (s)", ylabel="V (mV)")
    parts.mark_stimulus(axes, trace, 1e3)
    parts.annotate(axes, f"{parts.NAMES[name]}: {parts.number(trace.V[-1])} mV at the end")


def _pumps(axes: list[Axes], traces: list[Trace]) -> None:
    """Draw pump currents and their limit."""
    limit = traces[0].model.coefficients.pump_maximum
    for place, trace in zip(axes, traces, strict=True):
        table = parts.thinned(trace, 5_000)
        place.plot(table["time_ms"] / 1e3, table["I_NaK_uA_per_cm2"], color=MODEL_COLOURS[trace.model.name])
        place.axhline(-limit, color=parts.GREY, linestyle=":", linewidth=1.0)
        place.axvline(trace.protocol[1].until / 1e3, color=parts.GREY, linestyle=":", linewidth=1.0)
        place.set(ylabel=parts.NAMES[trace.model.name], ylim=(-1.1 * limit, 0.06 * limit))
        parts.mark_stimulus(place, trace, 1e3)
    parts.annotate(axes[0], f"$I_{{NaK}}$ (µA/cm²), dotted: limit {parts.number(-limit, '.2f')}")
    axes[-1].set_xlabel("time (s)")


def _table(found: Branch) -> pd.DataFrame:
    """Table of equilibria with their conductances, mS/cm^2; a row of gaps where there is none with K_o > 0."""
    model, p = found.model, found.model.parameters
    states = np.array([e.state for e in found.points])
    V, Na_i, Cl_i = states[:, 3], states[:, 4], states[:, 5]
    K_o = model.potassium_outside(states)
    table = pd.DataFrame({
        "model": parts.NAMES[model.name], "I_NaK_uA_per_cm2": [e.pump for e in found.points], "V_mV": V, "K_o_mM": K_o,
        "Na_i_mM": Na_i, "Cl_i_mM": Cl_i, "stable": [e.stable for e in found.points],
    })  # fmt: skip
    sides = {"K": (p.K - K_o, K_o, 1), "Na": (Na_i, p.Na - Na_i, 1), "Cl": (Cl_i, p.Cl - Cl_i, -1)}
    for name, (inside, outside, valence) in sides.items():
        mean = harmonic_mean(V, inside, outside, valence, p.thermal_voltage)
        ghk = p.unit / p.thermal_voltage * getattr(p, f"P_{name}L") * mean
        table[f"G_{name}_leak_mS_per_cm2"] = getattr(p, f"G_{name}L") if model.name == "ihh" else ghk
        if name != "Cl":
            constant = getattr(p, f"G_{name}M")
            gated = constant if model.name == "ihh" else gated_maximum(p, name, V, inside, outside)
            table[f"G_{name}M_mS_per_cm2"] = gated
    return table


def _hopf(found: Branch) -> list[Equilibrium]:
    """Hopf points at which stability changes; the others belong to states that stay unstable."""
    at = [e.V for e in found.points]
    index = [int(np.searchsorted(at, h.V)) for h in found.hopf]
    return [
        h
        for h, i in zip(found.hopf, index, strict=True)
        if found.points[i - 1].stable != found.points[min(i, len(at) - 1)].stable
    ]


def _bifurcations(found: Branch) -> list[dict[str, float | str | bool]]:
    changing = _hopf(found)
    return [
        {
            "model": parts.NAMES[found.model.name], "kind": kind, "V_mV": e.V, "I_NaK_uA_per_cm2": e.pump,
            "K_o_mM": float(found.model.potassium_outside(e.state)), "Na_i_mM": float(e.state[4]),
            "Cl_i_mM": float(e.state[5]), "stability_changes": any(e is h for h in changing) or kind == "saddle-node",
        }
        for kind, points in (("saddle-node", found.saddle_nodes), ("Hopf", found.hopf))
        for e in points
    ]  # fmt: skip


def _split(table: pd.DataFrame, column: str, *, stable: bool) -> tuple[np.ndarray, np.ndarray]:
    """Curve of the stable or of the unstable equilibria, interrupted where there are none."""
    keep = table["stable"].to_numpy() == stable
    if not stable:  # the dashed curve then meets the solid one
        keep = keep | np.roll(keep, 1) | np.roll(keep, -1)
    gap = np.flatnonzero(np.diff(table["V_mV"]) > 1.5 * (VOLTAGES[1] - VOLTAGES[0])) + 1
    pump = table["I_NaK_uA_per_cm2"].to_numpy()
    x = np.where(keep & (pump <= 0.0), pump, np.nan)  # the pump does not run backwards
    return np.insert(x, gap, np.nan), np.insert(table[column].to_numpy(), gap, np.nan)


def _diagram(
    axes: Axes, branches: dict[str, Branch], tables: dict[str, pd.DataFrame], column: str, label: str, limit: float
) -> None:
    """Draw equilibria against the pump current, with their bifurcations and the limit of the pump."""
    for name, found in branches.items():
        look: dict[str, Any] = {"color": MODEL_COLOURS[name], "linewidth": 1.3}
        axes.plot(*_split(tables[name], column, stable=True), **look, label=parts.NAMES[name])
        axes.plot(*_split(tables[name], column, stable=False), **look, linestyle=(0, (3, 2)))
        marks = (("o", _hopf(found), "HB"), ("s", list(found.saddle_nodes), "SN"))
        for marker, points, word in marks:
            for e in points:
                y = {"V_mV": e.V, "K_o_mM": float(found.model.potassium_outside(e.state)), "Na_i_mM": e.state[4]}[
                    column
                ]
                axes.plot([e.pump], [y], marker, color=MODEL_COLOURS[name], markersize=4, zorder=5)
                if word == "HB":
                    axes.annotate(
                        f"HB {parts.number(e.pump, '.2f')}", (e.pump, y), xytext=OFFSETS[name], fontsize=7,
                        textcoords="offset points", color=MODEL_COLOURS[name], ha="right" if name == "vgnp" else "left",
                    )  # fmt: skip
    axes.axvline(-limit, color=parts.GREY, linestyle=":", linewidth=1.0)
    axes.set(xlabel="$I_{NaK}$ (µA/cm²)", ylabel=label)
    axes.plot([], [], "s", color=parts.GREY, markersize=4, label="SN")
    axes.plot([], [], color=parts.GREY, label="stable")
    axes.plot([], [], color=parts.GREY, linestyle=(0, (3, 2)), label="unstable")
    parts.key(axes, 5, handlelength=1.1, columnspacing=0.7)


def _conductance_panel(axes: Axes, tables: dict[str, pd.DataFrame], names: tuple[str, ...]) -> None:
    """Draw conductances of vGNP at its equilibria, and the constants of iHH (dotted)."""
    for name in names:
        element = name.removesuffix("_leak").removesuffix("M")
        word = f"{parts.ion(element)} leak" if name.endswith("_leak") else f"$G'_{{{name}}}$"
        column = f"G_{name}_mS_per_cm2"
        look: dict[str, Any] = {"color": parts.COLOURS[element]}
        axes.plot(*_split(tables["vgnp"], column, stable=True), **look, label=word)
        axes.plot(*_split(tables["vgnp"], column, stable=False), **look, linestyle=(0, (3, 2)))
        axes.axhline(tables["ihh"][column].iloc[0], **look, linestyle=":")
    axes.plot([], [], color=parts.GREY, linestyle=":", label="iHH")
    axes.set(xlabel="$I_{NaK}$ (µA/cm²)", ylabel="conductance (mS/cm²)")
    parts.key(axes)
