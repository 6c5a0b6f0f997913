"""Figures of single channels: profiles and means (Fig 2), GABA_A and AMPA (Fig 3), chords (S1), places (S2 Fig).

Computations are in SI units; tables are in mV, mM, pA, pS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spinepnp.validation.gnp.channels import Channel, Permeant, linear_ratio, permeabilities
from spinepnp.validation.gnp.data import AREA, CALCIUM_RATIO, SLOPE
from spinepnp.validation.gnp.figures import parts
from spinepnp.validation.gnp.models import REST
from spinepnp.validation.gnp.parameters import Parameters
from spinepnp.validation.laws.constant_field import harmonic_mean, profile, transit_time

#: Total calcium, mM.
CALCIUM = 2.0

#: Calcium inside, mM.
CALCIUM_INSIDE = 1e-4

#: Concentrations inside and outside in the measurement of GABA_A channels, mM.
MEASURED = {"Cl": (147.0, 145.0), "HCO3": (15.0, 25.0)}

#: Concentrations inside and outside of AMPA channels, mM, as the paper rounds them.
AMPA = {"K": (96.83, 3.17), "Na": (23.58, 131.42)}

#: Voltages of the profiles of Fig 2, mV.
PROFILES = (-80.0, -40.0, 0.0, 40.0, 80.0)

#: Voltages of its curves over concentrations, mV.
SWEPT = (-80.0, -40.0, 0.0, 40.0)


@dataclass(frozen=True)
class _Kind:
    """An ion of Fig 2; its concentration varies on the side where it is lower."""

    name: str
    valence: int
    total: float
    side: str
    values: tuple[float, ...]

    def sides(self, scarce: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Concentrations inside and outside, mM."""
        low = np.asarray(scarce, dtype=float)
        return (low, self.total - low) if self.side == "i" else (self.total - low, low)


def _kinds(p: Parameters) -> tuple[_Kind, ...]:
    """Ions of Fig 2."""
    return (
        _Kind("K", 1, p.K, "o", (4.0, 8.0, 12.0, 16.0)),
        _Kind("Na", 1, p.Na, "i", (20.0, 30.0, 40.0, 50.0)),
        _Kind("Cl", -1, p.Cl, "i", (6.0, 12.0, 18.0, 24.0)),
        _Kind("Ca", 2, CALCIUM, "i", (1e-4, 1e-3, 1e-2, 1e-1)),
    )


def fig2(options: parts.Options) -> parts.Picture:
    """Figure of profiles within the membrane (eq. 13) and their harmonic means (eq. 2)."""
    p = options.parameters()
    phi, drawn = p.thermal_voltage * 1e-3, parts.canvas(11.0, 7.4)
    grid = drawn.add_gridspec(3, 4)
    profiles, means, sweeps = [], [], []
    for column, kind in enumerate(_kinds(p)):
        axes = [parts.panel(drawn, grid[row, column], "abcdefghijkl"[4 * row + column])[0] for row in range(3)]
        profiles.append(_profiles(axes[0], kind, phi))
        means.append(_means(axes[1], kind, phi))
        sweeps.append(_sweep(axes[2], kind, phi))
        for place in axes:
            parts.key(place, 5, handlelength=0.9, columnspacing=0.7)
    tables = {"profiles": profiles, "means": means, "sweeps": sweeps}
    return parts.Picture(drawn, {name: pd.concat(frames, ignore_index=True) for name, frames in tables.items()})


def _profiles(axes: Axes, kind: _Kind, phi: float) -> pd.DataFrame:
    xi, (inside, outside), frames = np.linspace(0.0, 1.0, 201), kind.sides(kind.values[0]), []
    for V, colour in zip(PROFILES, parts.SHADES, strict=True):
        unit = " mV" if PROFILES[0] == V else ""
        c = profile(xi, V * 1e-3, inside, outside, kind.valence, phi)
        axes.plot(xi, c, color=colour, label=f"{V:g}{unit}")
        frames.append(pd.DataFrame({"ion": kind.name, "V_mV": V, "x_over_d": xi, "c_mM": c}))
    axes.set(xlabel="place $x/d$ (0 outside, 1 inside)", ylabel=f"{parts.ion(kind.name)} in the membrane (mM)")
    return pd.concat(frames)


def _means(axes: Axes, kind: _Kind, phi: float) -> pd.DataFrame:
    V, frames = np.linspace(-300.0, 300.0, 601), []
    for value, colour in zip(kind.values, parts.SHADES, strict=False):
        mean = harmonic_mean(V * 1e-3, *kind.sides(value), kind.valence, phi)
        unit = " mM" if value == kind.values[0] else ""
        word = f"{value:g}" if value > 1e-3 else f"$10^{{{round(np.log10(value))}}}$"
        axes.plot(V, mean, color=colour, label=f"{word}{unit}")
        frames.append(
            pd.DataFrame({"ion": kind.name, "side": kind.side, "concentration_mM": value, "V_mV": V, "mean_mM": mean})
        )
    axes.set(xlabel="membrane potential (mV)", ylabel=rf"mean $\bar{{c}}$ of {parts.ion(kind.name)} (mM)")
    return pd.concat(frames)


def _sweep(axes: Axes, kind: _Kind, phi: float) -> pd.DataFrame:
    scarce = np.linspace(min(1.0, kind.values[0]), 0.5 * kind.total, 300)
    inside, outside = kind.sides(scarce)
    frames = []
    for V, colour in zip(SWEPT, parts.SHADES, strict=False):
        mean = harmonic_mean(V * 1e-3, inside, outside, kind.valence, phi)
        axes.plot(scarce, mean, color=colour, label=f"{V:g}{' mV' if SWEPT[0] == V else ''}")
        frames.append(pd.DataFrame({
            "ion": kind.name, "V_mV": V, "inside_mM": inside, "outside_mM": outside,
            "difference_mM": np.abs(inside - outside), "mean_mM": mean,
        }))  # fmt: skip
    axes.set(
        xlabel=f"{parts.ion(kind.name, kind.side)} (mM)", ylabel=rf"mean $\bar{{c}}$ of {parts.ion(kind.name)} (mM)"
    )
    return pd.concat(frames)


def gaba(phi: float, total: float) -> Channel:
    """GABA_A channel at rest: permeabilities from a linear curve (eqs. 15, 16), chloride as at the authors' rest."""
    first, second = Permeant("Cl", -1, *MEASURED["Cl"]), Permeant("HCO3", -1, *MEASURED["HCO3"])
    P_Cl, _ = permeabilities(first, second, SLOPE, AREA, phi)
    P_HCO3 = linear_ratio(first, second) * P_Cl
    permeants = (Permeant("Cl", -1, REST[5], total - REST[5], P_Cl), Permeant("HCO3", -1, *MEASURED["HCO3"], P_HCO3))
    return Channel("GABA_A", permeants, AREA, phi)


def ampa(phi: float, *, calcium: bool) -> Channel:
    """AMPA channel with GluR2, whose curve is linear; or without, which is permeable to calcium."""
    first, second = Permeant("K", 1, *AMPA["K"]), Permeant("Na", 1, *AMPA["Na"])
    P_K, P_Na = permeabilities(first, second, SLOPE, AREA, phi)
    permeants = [Permeant("K", 1, *AMPA["K"], P_K), Permeant("Na", 1, *AMPA["Na"], P_Na)]
    if calcium:
        permeants.append(Permeant("Ca", 2, CALCIUM_INSIDE, CALCIUM, CALCIUM_RATIO * P_K))
    return Channel("CP-AMPA" if calcium else "AMPA", tuple(permeants), AREA, phi)


def channel_table(channel: Channel, V: np.ndarray, *, apparent: bool) -> pd.DataFrame:
    """Table of outward currents, conductances and reversal potentials of a channel (eqs. 17-25).

    Args:
        channel: the channel.
        V: voltages, mV.
        apparent: whether its permeants have one valence, so that apparent quantities exist.
    """
    at = V * 1e-3
    table = pd.DataFrame({"channel": channel.name, "V_mV": V, "minus_i_pA": -channel.current(at) * 1e12})
    for name, values in channel.currents(at).items():
        table[f"minus_i_{name}_pA"] = -values * 1e12
    table["slope_pS"] = np.gradient(table["minus_i_pA"], V, edge_order=2) * 1e3
    for name, values in channel.conductances(at).items():
        table[f"g_{name}_pS"] = values * 1e12
    latent, latent_reversal = channel.latent(at)
    table["g_latent_pS"], table["E_latent_mV"] = latent * 1e12, latent_reversal * 1e3
    if apparent:
        g, E = channel.apparent(at)
        table["g_apparent_pS"], table["E_apparent_mV"] = g * 1e12, E * 1e3
    for name, E in channel.reversals().items():
        table[f"E_{name}_mV"] = E * 1e3
    return table


def draw_channel(axes: list[Axes], table: pd.DataFrame, ions: tuple[str, ...], *, slope: bool = False) -> None:
    """Draw current, conductance and reversal potential of a channel in three panels.

    Args:
        axes: three axes of matplotlib: current, conductance, reversal potential.
        table: curves of the channel over the voltage, with units in the names of the columns.
        ions: ions whose own curves are drawn.
        slope: whether the slope of the current is drawn beside the conductances.
    """
    V, some = table["V_mV"], slice(None, None, max(1, len(table) // 20))
    apparent = "E_apparent_mV" in table
    axes[0].plot(V, table["minus_i_pA"], color=parts.BLACK, marker="D", markersize=3, markevery=some, label="$-i_c$")
    for name in ions:
        for place, column in zip(axes, (f"minus_i_{name}_pA", f"g_{name}_pS", f"E_{name}_mV"), strict=True):
            place.plot(V, table[column], color=parts.COLOURS[name], label=parts.ion(name))
    letter = ("g", "E")
    for place, column, word in zip(axes[1:], ("g_{}_pS", "E_{}_mV"), letter, strict=True):
        if apparent:
            place.plot(V, table[column.format("apparent")], color=parts.BLACK, label=f"${word}_{{c,a}}$")
            place.axvline(table["E_apparent_mV"].iloc[0], color=parts.BLACK, linestyle=":", linewidth=0.8)
        place.plot(V, table[column.format("latent")], color=parts.BLACK, linestyle="--", label=f"${word}_{{c,l}}$")
    if slope:
        axes[1].plot(
            V, table["slope_pS"], color=parts.BLACK, linestyle="none", marker="D", markersize=3, markevery=some,
            markerfacecolor="none", label="slope of $-i_c$",
        )  # fmt: skip
    axes[0].axhline(0.0, color=parts.BLACK, linewidth=0.5)
    axes[0].axvline(0.0, color=parts.BLACK, linewidth=0.5)
    for place, label in zip(axes, ("current $-i$ (pA)", "conductance (pS)", "reversal potential (mV)"), strict=True):
        place.set(xlabel="membrane potential (mV)", ylabel=label)
        parts.key(place, 6)


def fig3(options: parts.Options) -> parts.Picture:
    """Figure of the rectification of GABA_A and AMPA channels: currents, conductances, reversal potentials."""
    p = options.parameters()
    phi, V, drawn = p.thermal_voltage * 1e-3, np.linspace(-100.0, 100.0, 401), parts.canvas(11.0, 8.2)
    channels = (gaba(phi, p.Cl), ampa(phi, calcium=False), ampa(phi, calcium=True))
    grid, tables = drawn.add_gridspec(3, 3), []
    for row, channel in enumerate(channels):
        axes = [parts.panel(drawn, grid[row, i], "abcdefghi"[3 * row + i])[0] for i in range(3)]
        table = channel_table(channel, V, apparent=row < 2)
        draw_channel(axes, table, tuple(q.name for q in channel.permeants), slope=row == 0)
        axes[0].text(0.03, 0.95, channel.name.replace("GABA_A", "GABA$_A$"), transform=axes[0].transAxes, va="top")
        if row == 0:
            _zoom(axes[2], table)
        tables.append(table)
    return parts.Picture(drawn, {"channels": pd.concat(tables, ignore_index=True)})


def _zoom(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the reversal potentials near the voltage at which apparent and latent ones agree."""
    E = table["E_apparent_mV"].iloc[0]
    inset = axes.inset_axes((0.52, 0.42, 0.42, 0.34))
    for column, line in (("E_apparent_mV", "-"), ("E_latent_mV", "--")):
        inset.plot(table["V_mV"], table[column], color=parts.BLACK, linestyle=line, linewidth=1.0)
    inset.axvline(E, color=parts.BLACK, linestyle=":", linewidth=0.8)
    inset.set(xlim=(E - 10.0, E + 10.0), ylim=(E - 1.5, E + 1.5))
    inset.tick_params(labelsize=6)


def s1(options: parts.Options) -> parts.Picture:
    """Figure of lines through a point and a reversal potential, apparent and latent: both give one current."""
    p = options.parameters()
    phi, drawn = p.thermal_voltage * 1e-3, parts.canvas(8.2, 7.0)
    grid = drawn.add_gridspec(2, 2)
    inhibitory = gaba(phi, p.Cl)
    E = inhibitory.resting_potential() * 1e3
    cases = (
        (inhibitory, (E,)), (inhibitory, (-5.0,)),
        (ampa(phi, calcium=False), (-80.0, 0.0, 80.0)), (ampa(phi, calcium=True), (-80.0, 0.0, 80.0)),
    )  # fmt: skip
    curves, chords = [], []
    for i, (channel, voltages) in enumerate(cases):
        axes = parts.panel(drawn, grid[i // 2, i % 2], "abcd"[i])[0]
        V = np.linspace(-100.0, 100.0, 401)
        table = channel_table(channel, V, apparent=i < 2)
        axes.plot(V, table["minus_i_pA"], color=parts.RED, linewidth=1.8, label="$-i_c$")
        for j, at in enumerate(voltages):
            chords += _chord(axes, channel, at, apparent=i < 2, named=j == 0)
        low, high = table["minus_i_pA"].min(), table["minus_i_pA"].max()
        axes.set(xlabel="membrane potential (mV)", ylabel="current $-i$ (pA)", ylim=(1.15 * low, 1.15 * high))
        axes.axhline(0.0, color=parts.BLACK, linewidth=0.5)
        name = channel.name.replace("GABA_A", "GABA$_A$")
        where = ", ".join(f"{V:.4g}" for V in voltages)
        axes.text(0.03, 0.96, f"{name}, at {where} mV", transform=axes.transAxes, va="top")
        parts.key(axes)
        if i < 2:
            _chord_inset(axes, channel, voltages[0])
        if i != 1:  # the second is the first's channel
            curves.append(table)
    return parts.Picture(drawn, {"curves": pd.concat(curves, ignore_index=True), "chords": pd.DataFrame(chords)})


def _chord(axes: Axes, channel: Channel, V: float, *, apparent: bool, named: bool) -> list[dict[str, Any]]:
    """Draw -i = g (V' - E) with the conductance and reversal potential that a channel has at V (mV)."""
    i = -float(channel.current(V * 1e-3)) * 1e12
    pairs = {"latent": tuple(float(np.asarray(x)) for x in channel.latent(V * 1e-3))}
    if apparent:
        pairs["apparent"] = tuple(float(np.asarray(x)) for x in channel.apparent(V * 1e-3))
    rows: list[dict[str, Any]] = []
    for kind in sorted(pairs):
        g, E = pairs[kind][0] * 1e12, pairs[kind][1] * 1e3
        ends = np.array([-100.0, 100.0])
        word = f"$g_{{c,{kind[0]}}}(V - E_{{c,{kind[0]}}})$"
        axes.plot(
            ends, g * (ends - E) * 1e-3, color=parts.BLACK, linestyle="-" if kind == "apparent" else "--",
            linewidth=1.0, label=word if named else None,
        )  # fmt: skip
        rows.append({
            "channel": channel.name, "kind": kind, "V_mV": V, "minus_i_pA": i, "g_pS": g, "E_mV": E,
        })  # fmt: skip
    axes.plot([V], [i], "o", color="#0000a7", markerfacecolor="none", markersize=6)
    return rows


def _chord_inset(axes: Axes, channel: Channel, V: float) -> None:
    """Draw an inset of the zeros of the lines."""
    inset = axes.inset_axes((0.15, 0.52, 0.36, 0.3))
    crossings = [float(np.asarray(channel.latent(V * 1e-3)[1])) * 1e3, float(channel.apparent(V * 1e-3)[1]) * 1e3]
    for line in axes.lines:
        x, y = (np.asarray(values) for values in line.get_data())
        if len(x) > 1:
            inset.plot(x, y, color=line.get_color(), linestyle=line.get_linestyle(), linewidth=1.0)
    reach = max(2.0, 1.2 * abs(crossings[1] - crossings[0]))
    middle = 0.5 * sum(crossings)
    inset.plot(crossings, [0.0, 0.0], "o", color="#0000a7", markerfacecolor="none", markersize=4)
    inset.set(xlim=(middle - reach, middle + reach), ylim=(-0.02 * reach, 0.02 * reach))
    inset.axhline(0.0, color=parts.BLACK, linewidth=0.5)
    inset.tick_params(labelsize=6)


def s2(options: parts.Options) -> parts.Picture:
    """Figure of the mean exit time from the membrane against the place, at four voltages and for three valences."""
    phi, drawn = options.parameters().thermal_voltage * 1e-3, parts.canvas(11.0, 7.0)
    grid, xi, tables = drawn.add_gridspec(3, 4), np.linspace(0.0, 1.0, 201), []
    for row, (valence, name) in enumerate(((1, "K"), (-1, "Cl"), (2, "Ca"))):
        for column, V in enumerate(SWEPT):
            axes = parts.panel(drawn, grid[row, column], "abcdefghijkl"[4 * row + column])[0]
            T = transit_time(xi, V * 1e-3, valence, phi)
            top = int(np.argmax(T))
            axes.plot(xi, T, color=parts.COLOURS[name])
            axes.plot(xi[top], T[top], "o", color=parts.BLACK, markersize=3)
            axes.annotate(
                f"{T[top]:.4f}", (xi[top], T[top]), xytext=(0, 4), textcoords="offset points", ha="center", fontsize=7
            )
            axes.set(ylim=(0.0, 0.142), xlim=(0.0, 1.0), xlabel="place $x/d$" if row == 2 else "")
            if column == 0:
                axes.set_ylabel("$T\\,D/d^2$")
            axes.set_title(f"$z = {valence:+d}$, $V = {V:g}$ mV", loc="right", fontsize=7.5)
            tables.append(pd.DataFrame({"valence": valence, "V_mV": V, "x_over_d": xi, "T_over_d2_per_D": T}))
    return parts.Picture(drawn, {"times": pd.concat(tables, ignore_index=True)})
