"""Plots of the benchmark tables."""

from __future__ import annotations

from pathlib import Path

import pandas

#: Number of unknowns between small and large meshes in the legend.
SMALL = 60_000


def plot_solve(table: pandas.DataFrame, path: Path) -> None:
    """Plot Poisson units, and time for each unknown, against the number of unknowns, by number of ranks."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for ranks, rows in table.groupby("ranks"):
        label = f"{ranks} rank{'s' if ranks > 1 else ''}"
        left.plot(rows["dofs"], rows["units"], "o-", label=label)
        right.plot(rows["dofs"], rows["us_per_dof"], "o-", label=f"block, {label}")
        if "direct_s" in rows and rows["direct_s"].notna().any():
            right.plot(rows["dofs"], 1e6 * rows["direct_s"] / rows["dofs"], "x--", label=f"MUMPS, {label}")
    left.set_ylabel("steady solve / scalar Poisson solve")
    left.set_ylim(0.0, 1.1 * table["units"].max())
    right.set_ylabel("microseconds for each unknown")
    right.set_yscale("log")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xlabel("unknowns")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=150)


def plot_krylov(table: pandas.DataFrame, path: Path) -> None:
    """Plot the most iterations in a Newton step, problem by problem."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(table["problem"]))
    figure = Figure(figsize=(9.0, 0.26 * len(names) + 1.6), layout="constrained")
    axes = figure.subplots()
    place = {name: len(names) - i for i, name in enumerate(names)}
    sizes = table["dofs"].map(lambda dofs: "above" if dofs > SMALL else "below")
    for (degree, size), rows in table.assign(size=sizes).groupby(["degree", "size"], sort=False):
        kind = "linear" if degree == 1 else "quadratic"
        label = f"{kind}, {size} {SMALL:,} unknowns".replace(",", " ").replace("  ", ", ")
        marker = "o" if degree == 1 else "s"
        axes.plot(rows["most"], rows["problem"].map(place), marker, linestyle="", alpha=0.6, label=label)
    axes.axvline(16, color="black", linewidth=0.8, linestyle="--")
    axes.set_yticks(list(place.values()), list(place))
    axes.set_xscale("log", base=2)
    axes.set_xticks([4, 8, 16, 32, 64, 128], ["4", "8", "16", "32", "64", "128"])
    axes.set_xlabel("most linear iterations in a Newton step")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)
