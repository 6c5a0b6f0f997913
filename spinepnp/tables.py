"""The table that a run ends with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from spinepnp.recorder import Point

#: Columns of the table for an injecting boundary with a law: heading, key of the row, format.
LAW_COLUMNS = (
    ("3D PNP\n[mV]", "law.computed_potential_mV", ".5f"),
    ("full PNP\n(law + layer)", "law.full_pnp_potential_mV", ".5f"),
    ("deviation", "law.full_pnp_relative_error", "+.1e"),
    ("electroneutral\nlaw [mV]", "law.potential_mV", ".5f"),
    ("deviation", "law.relative_error", "+.1e"),
    ("R\n[MOhm]", "law.resistance_MOhm", ".2f"),
)


def _cell(row: dict[str, Any], key: str, form: str) -> str:
    value = row.get(key)
    return "" if value in (None, "") else format(float(value), form)


def _columns(point: Point) -> list[tuple[str, str, str]]:
    names = point.case.shown_boundaries
    if point.case.compare is not None and len(names) == 1:
        solid = point.case.geometry.dimension == "3d"
        return [(title if solid else title.removeprefix("3D "), key, form) for title, key, form in LAW_COLUMNS]
    names = [*names, *point.case.probes]
    return [(f"V({name})\n[mV]", f"{name}.potential_mV", ".5f") for name in names]


def print_outcome(points: list[Point], directory: Path) -> None:
    """Print all points of a run on standard output, and where its results are. On rank 0 only."""
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False, markup=False)
    if points[0].case.title:
        console.print(points[0].case.title)
    console.print(_table(points))
    resolved = [str(p.row["layers_resolved"]) == "True" for p in points if "layers_resolved" in p.row]
    if not points[0].case.electrolyte.has_ions:
        console.print("no species carries charge: there are no Debye layers")
    elif resolved:
        meaning = (
            "are resolved: full PNP values" if all(resolved) else "are not resolved: electroneutral values at best"
        )
        some = "" if all(resolved) or not any(resolved) else f" in {resolved.count(False)} of {len(resolved)} rows"
        console.print(f"Debye layers at the boundaries {meaning}{some}")
    pictures = ", ".join(sorted(path.name for path in directory.glob("*.png")))
    console.print(f"results: {directory}" + (f" (pictures: {pictures})" if pictures else ""))


def _table(points: list[Point]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    columns = _columns(points[0])
    for value in points[0].key.values():
        kind, path = points[0].case.study.kind_of_values, str(points[0].case.study.vary)
        heading = f"{path.removesuffix('.value')}\n[{kind.unit}]" if kind else path
        table.add_column(Text(heading), justify="right" if isinstance(value, float | int) else "left")
    for title, _, _ in columns:
        table.add_column(Text(title), justify="right")
    table.add_column("status")
    for point in points:
        cells = [f"{v:g}" if isinstance(v, float) else str(v) for v in point.key.values()]
        cells += [_cell(point.row, key, form) for _, key, form in columns]
        table.add_row(*cells, "ok" if point.row.get("status") == "ok" else "failed")
    return table
