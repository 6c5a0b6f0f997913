"""Tables of a report: means and currents of the last state, peaks, what was resolved, and provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spinepnp.pages.page import number
from spinepnp.pages.words import DISPLACEMENT, TOTAL, Words
from spinepnp.units import CONCENTRATION, CURRENT, POTENTIAL, TIME

#: Quantities of a place in summary.json.
V, C, FLOW = f"potential_{POTENTIAL.suffix}", f"concentration_{CONCENTRATION.suffix}", f"current_{CURRENT.suffix}"

#: Keys of summary.json on what was resolved, with their words and unit.
RESOLVED = {
    "layers_resolved": "Debye layers are resolved",
    "layers_unresolved": "layers that are not",
    "debye_length_nm": "Debye length of the bulk (nm)",
    "mesh.cells": "cells",
    "mesh.dofs": "unknowns",
    "mesh.min_quality": "quality of the worst cell (0 to 1)",
    "relative_error": "estimated relative error of currents",
    "change_within_cell_VT": "largest change of the potential within a cell (kT/e)",
    "too_steep": "too steep for densities",
    "formulation": "unknowns of the species",
    "formulation_reason": "reason",
    "ion_balance_relative": "balance of ions, relative",
    "conservation_relative": "largest error of a total that reactions conserve, relative",
    "min_concentration_mM": "smallest concentration (mM)",
    "wall_charge_C_per_m2": "charge spread over all walls (C/m^2)",
    "steps": "steps in time",
    "newton_iterations": "Newton steps",
    "krylov_iterations": "linear iterations",
}

#: Rise of a value above that at the start, over it, which is no peak.
RISE = 1e-4


@dataclass(frozen=True)
class Cell:
    """Cell of a table: its text, and the number behind it where it is one."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """Table of a page.

    Attributes:
        headings: headings of the columns.
        rows: rows of cells; the first one of each is a name.
        note: sentence below it.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


def cell(value: Any) -> Cell:
    """Cell of a value of summary.json."""
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if isinstance(value, int | float):
        return Cell(number(value), value)
    return Cell("" if value is None else str(value))


def places(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Boundaries, probes, regions and the volume of a state, by their words."""
    boundaries = summary.get("boundaries", {})
    words = Words.of(f"{name}.area_um2" for name in boundaries)
    found = {words.place(n): s for key in ("boundaries", "probes", "regions") for n, s in summary.get(key, {}).items()}
    return found | ({"in the volume": summary["volume"]} if "volume" in summary else {})


def state_table(summary: Mapping[str, Any]) -> Table | None:
    """Mean potentials, their estimated errors, and mean concentrations; ``None`` without a state."""
    found = places(summary)
    species = list(dict.fromkeys(name for state in found.values() for name in state.get(C, {})))
    errors = any(f"potential_error_{POTENTIAL.suffix}" in state for state in found.values())
    headings = ["", f"potential ({POTENTIAL.unit})", *([f"its error ({POTENTIAL.unit})"] if errors else [])]
    rows = []
    for name, state in found.items():
        error = [cell(state.get(f"potential_error_{POTENTIAL.suffix}"))] if errors else []
        rows.append([Cell(name), cell(state.get(V)), *error, *(cell(state.get(C, {}).get(s)) for s in species)])
    note = "Means over the area of a boundary and the volume of a region."
    return Table([*headings, *(f"{s} ({CONCENTRATION.unit})" for s in species)], rows, note) if rows else None


def currents_table(summary: Mapping[str, Any]) -> Table | None:
    """Currents into the domain by boundary, mechanism and ion; ``None`` without a state."""
    rows: list[tuple[str, Mapping[str, float], Mapping[str, float]]] = []
    for name, state in summary.get("boundaries", {}).items():
        rows.append((name, state.get(FLOW, {}), state.get(f"current_floor_{CURRENT.suffix}", {})))
        mechanisms = {k: v for k, v in state.items() if isinstance(v, dict) and isinstance(v.get(FLOW), dict)}
        rows += [(f"{name}: {mechanism}", found[FLOW], {}) for mechanism, found in mechanisms.items()]
    parts = list(dict.fromkeys(part for _, currents, _ in rows for part in currents))
    species = [part for part in parts if part not in (TOTAL, DISPLACEMENT)]
    moved = any(currents.get(DISPLACEMENT) for _, currents, _ in rows)
    columns = [*species, *[p for p in (TOTAL, DISPLACEMENT) if p in parts and (p != DISPLACEMENT or moved)]]
    if not columns:
        return None
    headings = ["", *(f"{'all ions' if p == TOTAL else p} ({CURRENT.unit})" for p in columns)]
    body = []
    for name, currents, floors in rows:
        cells = [Cell(name)]
        for part in columns:
            value, floor = currents.get(part), floors.get(part, 0.0)
            below = value is not None and value != 0.0 and abs(value) < floor
            cells.append(Cell(f"below {floor:.1g}", value) if below else cell(value))
        body.append(cells)
    return Table(headings, body, "Positive current is positive charge that enters; below: rounding, no number.")


def peaks_table(summary: Mapping[str, Any], shown: Sequence[str], start: Mapping[str, Any]) -> Table | None:
    """Peaks of a transient at some places, of what rises above its value at the start; ``None`` without any.

    Args:
        summary: content of summary.json.
        shown: names of boundaries and probes.
        start: first row of observables.csv.
    """
    words = Words.of(f"{name}.area_um2" for name in summary.get("boundaries", {}))
    rows = []
    for column, peak in summary.get("peaks", {}).items():
        quantity = words.of_column(column)
        before = float(start.get(column) or 0.0)
        rises = peak["value"] - before > RISE * abs(before)
        if quantity.place not in shown or quantity.kind not in ("potential", "concentration") or not rises:
            continue
        keys = (
            "value",
            f"time_{TIME.suffix}",
            f"half_width_{TIME.suffix}",
            f"rise_20_80_{TIME.suffix}",
            f"decay_{TIME.suffix}",
        )
        rows.append([Cell(quantity.label), *(cell(peak.get(key)) for key in keys)])
    unit = TIME.unit
    headings = ["", "peak", f"at ({unit})", f"half-width ({unit})", f"rise 20-80 % ({unit})", f"1/e decay ({unit})"]
    return Table(headings, rows) if rows else None


def resolved_table(summary: Mapping[str, Any]) -> Table | None:
    """Layers that the mesh resolves, and estimated errors, as a table; ``None`` without a state."""
    rows = []
    for key, words in RESOLVED.items():
        first, _, second = key.partition(".")
        value = summary.get(first)
        value = value.get(second) if second and isinstance(value, dict) else value
        if value not in (None, "-"):
            rows.append([Cell(words), cell(value)])
    return Table(["", ""], rows) if rows else None


def provenance_table(summary: Mapping[str, Any], command: str) -> Table:
    """Command, digest, duration and versions."""
    rows = [
        [Cell("run it again (in this folder)"), Cell(command)],
        [Cell("digest of the case"), cell(summary.get("case_digest"))],
    ]
    rows.append([Cell("duration (s)"), cell(summary.get("seconds"))])
    rows.append([Cell("MPI ranks"), cell(summary.get("ranks"))])
    rows += [[Cell(name), cell(version)] for name, version in summary.get("versions", {}).items()]
    return Table(["", ""], [row for row in rows if row[1].text])
