"""Table of the page and sentences for suites `formulations` and `formulations_in_time`."""

from __future__ import annotations

import numpy as np
import pandas

Table = pandas.DataFrame

#: Formulations with columns of their own; "auto" takes one of them.
CHOICES = ("density", "log", "nodal")


def by_mesh(table: Table) -> Table:
    """One row for each problem and mesh, with errors and Poisson units of each choice of unknowns beside each other."""
    rows = []
    for (problem, mesh, ranks), group in table.groupby(["problem", "mesh", "ranks"], sort=False):
        each = {row["formulation"]: row for row in group.to_dict("records")}
        unknowns = max(row["unknowns"] for row in each.values())
        row = {"problem": problem, "mesh": mesh, "ranks": ranks, "unknowns": unknowns}
        for name in CHOICES:
            found = each.get(name, {})
            row |= {f"error_{name}": found.get("error", np.nan), f"units_{name}": found.get("units", np.nan)}
        auto = each.get("auto", {})
        rows.append({**row, "auto": auto.get("taken", ""), "auto_over_best": auto.get("slower", np.nan)})
    return Table(rows)


def formulations(table: Table) -> list[str]:
    """Sentences on each kind of elements: error and time of edge fluxes over those of densities, and of auto."""
    rows, lines = by_mesh(table), []
    linear = rows["mesh"].str.contains("linear")
    for words, some in (("linear", rows[linear]), ("quadratic", rows[~linear])):
        both = some[some["error_density"].notna() & some["error_nodal"].notna()]
        if len(both):
            error, time = both["error_nodal"] / both["error_density"], both["units_nodal"] / both["units_density"]
            lines.append(
                f"{words} elements, `nodal` over `density`, {len(both)} meshes that both solve: error median "
                f"{error.median():.2g}, {error.min():.1g} to {error.max():.2g}; time median {time.median():.2f}, "
                f"{time.min():.2f} to {time.max():.2f}"
            )
    auto = rows[rows["auto_over_best"].notna()]
    if len(auto):
        worst = auto.loc[auto["auto_over_best"].idxmax()]
        lines.append(
            f"`auto` over the fastest choice of no larger error: median {auto['auto_over_best'].median():.2f}, largest "
            f"{worst['auto_over_best']:.2f} ({worst['problem']}, {worst['mesh']})"
        )
    failed = table[table["status"] != "ok"]["formulation"].value_counts()
    if len(failed):
        lines.append(f"not solved: {', '.join(f'{number} with {name}' for name, number in failed.items())}")
    return lines


def formulations_in_time(table: Table) -> list[str]:
    """Sentences on each transient: time of each choice over that of concentrations."""
    lines = []
    for problem, rows in table[table["status"] == "ok"].groupby("problem", sort=False):
        times = rows.set_index("formulation")["solve_s"]
        others = [f"`{name}` {times[name] / times['density']:.1f}" for name in ("log", "nodal") if name in times]
        if "density" in times and others:
            lines.append(f"{problem}: time over that of `density`: {', '.join(others)}")
    return lines
