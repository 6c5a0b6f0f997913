"""Plots of work against precision, for the suites `accuracy` and `precision`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas

from benchmarks.verdicts import good, of_front

#: Colours, by dimension and elements.
COLOURS = {"3D, linear": "C0", "3D, quadratic": "C3", "meridian, linear": "C2", "meridian, quadratic": "C1"}

#: Line styles, by cells and grading.
STYLES = {
    "curved, uniform": "-",
    "curved, graded": "--",
    "straight, uniform": ":",
    "straight, graded": "-.",
}


def plot_accuracy(table: pandas.DataFrame, folder: Path) -> list[Path]:
    """Plot error against time for each problem, with the front of each dimension and the default settings."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    paths = []
    for problem, found in good(table).groupby("problem", sort=False):
        rows = found.reset_index(drop=True)
        figure = Figure(figsize=(8.5, 4.6), layout="constrained")
        axes = figure.subplots()
        for variant, group in rows.groupby("variant", sort=False):
            dimension, elements, cells, grading, unknowns = str(variant).split(", ")
            marker, style = ("o" if unknowns == "density" else "x"), STYLES[f"{cells}, {grading}"]
            colour = COLOURS[f"{dimension}, {elements}"]
            axes.plot(
                group["total_s"], group["error"], marker + style, color=colour, markersize=4, linewidth=0.8, alpha=0.75
            )
        for _, some in rows.groupby("dimension", sort=False):
            alone = some.reset_index(drop=True)
            best = alone.loc[of_front(alone)]
            axes.step(best["total_s"], best["sure_error"], "k", where="post", linewidth=2.0, alpha=0.5)
        plain = rows[rows["default"]]
        axes.plot(plain["total_s"], plain["error"], "*", color="black", markersize=14)
        handles = [Line2D([], [], color=colour, label=name) for name, colour in COLOURS.items()]
        handles += [Line2D([], [], color="grey", linestyle=style, label=name) for name, style in STYLES.items()]
        handles += [Line2D([], [], color="grey", marker=m, linestyle="", label=n) for m, n in
                    (("o", "densities"), ("x", "logarithms"))]  # fmt: skip
        handles.append(Line2D([], [], color="black", linewidth=2.0, alpha=0.5, label="front of each dimension"))
        handles.append(Line2D([], [], color="black", marker="*", linestyle="", markersize=10, label="default"))
        _finish(axes, str(problem), "mesh and solve, s", "relative error")
        axes.legend(handles=handles, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
        paths.append(folder / f"accuracy_{str(problem).replace(', ', '_').replace(' ', '_')}.png")
        figure.savefig(paths[-1], dpi=130)
    return paths


def plot_precision(table: pandas.DataFrame, folder: Path) -> list[Path]:
    """Plot error against seconds for each transient, with its tolerances."""
    from matplotlib.figure import Figure

    cases = list(dict.fromkeys(table["case"]))
    figure = Figure(figsize=(4.6 * len(cases), 3.8), layout="constrained")
    labels = {"error_V": "potential", "error_c": "concentration", "error_line": "potential, one-dimensional reference"}
    for axes, case in zip(figure.subplots(1, len(cases), squeeze=False)[0], cases, strict=True):
        rows = table[table["case"] == case]
        for (column, label), style in zip(labels.items(), ("o-", "s--", "^:"), strict=True):
            if column in rows and rows[column].notna().any():
                axes.plot(rows["run_s"], rows[column], style, label=label)
        for row in rows.to_dict("records"):
            weight = "bold" if row["default"] else "normal"
            axes.annotate(f"{row['tolerance']:g}", (row["run_s"], row["error_c"]), fontsize=8, fontweight=weight)
        _finish(axes, case, "all steps, s", "error over the largest value")
        axes.legend(fontsize=8)
    figure.savefig(folder / "precision.png", dpi=130)
    return [folder / "precision.png"]


def _finish(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
