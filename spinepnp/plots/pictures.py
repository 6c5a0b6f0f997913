"""Pictures of a run, all that suit it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from spinepnp.case.case import Case
from spinepnp.plots.bodies import draw_potential, potential_figure
from spinepnp.plots.cells import read_fields
from spinepnp.plots.lines import draw_profile
from spinepnp.plots.membrane_pictures import draw_membranes
from spinepnp.plots.membranes import without_layers
from spinepnp.plots.scene import can_render
from spinepnp.plots.style import moment_of, new_figure, snapshot
from spinepnp.plots.sweeps import draw_peaks, draw_sweep
from spinepnp.plots.traces import draw_trace
from spinepnp.units import POTENTIAL


def draw(
    case: Case,
    rows: Sequence[dict[str, Any]],
    fields: Any,
    directory: Path,
    trace: Sequence[dict[str, Any]] = (),
) -> list[Path]:
    """All pictures that suit a run. On rank 0 only; one that fails is a warning, not an error of the run.

    Args:
        case: what was run.
        rows: rows of observables.csv, numbers or as they are read.
        fields: of the last point that was solved: a grid, or the path of a file, which need not be there; or ``None``.
        directory: that gets them.
        trace: rows of trace.csv, numbers or as they are read; without any, those of observables.csv are drawn.
    """
    solved = [row for row in rows if row.get("status") == "ok"]
    made = []
    if fields is not None and (not isinstance(fields, Path) or fields.exists()):
        made += attempt(lambda: _draw_fields(case, fields, solved, directory))
    over_time, varied = case.study.kind == "transient", case.study.vary is not None
    if over_time or varied:
        drawing = draw_sweep if not over_time else draw_peaks if varied else partial(draw_trace, trace=trace)
        made += attempt(lambda: drawing(case, solved, directory))
    return made


def warm_up() -> None:
    """Import and try everything that the first picture of a process needs: libraries, fonts, a window of VTK."""
    import numpy as np
    import pyvista
    import scipy.interpolate  # noqa: F401  curves over time take it

    corners = np.vstack([np.zeros(3), np.eye(3)])
    grid = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: np.arange(4)[None]}, corners)
    grid.point_data[f"potential_{POTENTIAL.suffix}"] = np.arange(4.0)
    figure = potential_figure(grid, "", opened=True) if can_render() else new_figure(1.0, 1.0)
    snapshot(figure)


def not_in_parts(fields: Path) -> Path | None:
    """Path of a file of fields, unless it is in parts: these are too much for one rank of a run; a line tells of it."""
    if fields.suffix != ".pvtu":
        return fields
    print("no picture of fields in parts; the verb plot draws them, on one rank", file=sys.stderr)
    return None


def attempt(work: Callable[[], list[Path]], what: str = "a picture") -> list[Path]:
    """Files that a drawing makes; none, and a warning that names it, where it fails."""
    try:
        return work()
    except Exception as error:  # drawing libraries raise anything; the results are complete without pictures
        print(f"{what} could not be drawn: {' '.join(str(error).split())[:200]}", file=sys.stderr)
        return []


def _draw_fields(case: Case, fields: Any, rows: Sequence[dict[str, Any]], directory: Path) -> list[Path]:
    """Pictures of the last fields, and of membranes."""
    grid = read_fields(fields) if isinstance(fields, Path) else fields
    last = not isinstance(fields, Path) or fields.parent == directory
    moment = moment_of(case, rows[-1]) if last and rows else ""
    resolved = not rows or str(rows[-1].get("layers_resolved", True)) == "True"
    made = attempt(lambda: _draw_potential(case, grid, directory, moment, resolved=resolved))
    return made + attempt(lambda: draw_membranes(case, grid, rows, directory, last=last))


def _draw_potential(case: Case, grid: Any, directory: Path, moment: str, *, resolved: bool) -> list[Path]:
    """Pictures of the potential, of the neutral solution where cells do not resolve the Debye layers."""
    if case.geometry.dimension != "1d" and not can_render():
        print("no picture of the potential: install libegl1 (or libosmesa6)", file=sys.stderr)
        return []
    made, where = [directory / "potential.png"], ""
    if not resolved:
        shown = without_layers(case, grid)
        grid, where = shown, "" if shown is grid else ",\nwithout Debye layers"
    draw_potential(grid, made[0], case.title, opened=case.geometry.on_axis, moment=moment, where=where)
    if case.geometry.on_axis and case.geometry.dimension != "1d":
        made.append(directory / "profile.png")
        draw_profile(grid, made[1], case.title, moment, where)
    return made
