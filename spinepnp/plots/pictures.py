"""Pictures of a run, all that suit it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.plots.bodies import draw_potential, potential_figure
from spinepnp.plots.cells import is_line, read_fields
from spinepnp.plots.lines import draw_profile, sweep_profiles
from spinepnp.plots.membrane_pictures import draw_membranes
from spinepnp.plots.membranes import without_layers
from spinepnp.plots.multiples import sweep_figure
from spinepnp.plots.scene import can_render
from spinepnp.plots.style import moment_of, new_figure, snapshot, write
from spinepnp.plots.sweeps import draw_peaks, draw_sweep
from spinepnp.plots.traces import draw_trace
from spinepnp.runtime.files import fields_path, is_whole
from spinepnp.units import POTENTIAL

#: Largest number of points of a sweep that a picture shows.
MOST_POINTS = 6

#: Longest value of a point in words, characters.
LONGEST = 24


@dataclass(frozen=True)
class SweptPoint:
    """Point of a sweep whose fields have been kept.

    Attributes:
        value: value in words.
        case: case with it.
        path: file of the fields.
    """

    value: str
    case: Case
    path: Path


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


def sweep_points(case: Case, directory: Path) -> list[SweptPoint]:
    """Points of a sweep of steady states whose fields are in a directory: at most `MOST_POINTS`, at even distances."""
    study, found = case.study, list[tuple[object, Path]]()
    for i, value in enumerate(study.values or () if study.kind == "sweep" else ()):
        path = fields_path(directory / "points" / f"{i + 1:04d}")
        if is_whole(path):
            found.append((value, path))
    chosen = np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST_POINTS)).round().astype(int))
    return [
        SweptPoint(textwrap.shorten(str(value), LONGEST), case.with_value(str(study.vary), value), path)
        for value, path in (found[i] for i in chosen)
    ]


def warm_up() -> None:
    """Import and try everything that the first picture of a process needs: libraries, fonts, a window of VTK."""
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
    made = attempt(lambda: _draw_potential(case, grid, rows, directory, moment))
    return made + attempt(lambda: draw_membranes(case, grid, rows, directory, last=last))


def _draw_potential(case: Case, grid: Any, rows: Sequence[dict[str, Any]], directory: Path, moment: str) -> list[Path]:
    """Pictures of the potential: at several points of a sweep, and along the axis at the last one."""
    if case.geometry.dimension != "1d" and not can_render():
        print("no picture of the potential: install libegl1 (or libosmesa6)", file=sys.stderr)
        return []
    points = sweep_points(case, directory)
    last = points[-1].case if points else case
    law = last.law_profile() if points or case.study.vary is None else None
    made, opened = [directory / "potential.png"], case.geometry.on_axis
    (shown,), where = _beside_layers([(last, grid)], rows[-1:])
    if len(points) > 1:
        _draw_points(case, points, rows, made[0])
    else:
        draw_potential(shown, made[0], case.title, opened=opened, moment=moment, where=where, law=law)
    if opened and case.geometry.dimension != "1d":
        made.append(directory / "profile.png")
        draw_profile(shown, made[1], case.title, moment, where, law)
    return made


def _draw_points(case: Case, points: Sequence[SweptPoint], rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Picture of the potential at several points of a sweep, in which one scale holds for all."""
    grids, where = _beside_layers([(point.case, read_fields(point.path)) for point in points], rows)
    values, laws = [point.value for point in points], [point.case.law_profile() for point in points]
    count = len(case.study.values or ())
    moment = f"by {case.study.vary}{f', {len(points)} of {count} values' if len(points) < count else ''}"
    if is_line(grids[0]):
        figure = sweep_profiles(list(zip(values, grids, laws, strict=True)), case.title or "potential", moment, where)
    else:
        several, opened = list(zip(values, grids, strict=True)), case.geometry.on_axis
        figure = sweep_figure(several, case.title, opened=opened, moment=moment, where=where)
    write(figure, path)


def _beside_layers(fields: Sequence[tuple[Case, Any]], rows: Sequence[dict[str, Any]]) -> tuple[list[Any], str]:
    """Grids, of the neutral solution where cells do not resolve the Debye layers, and words for that."""
    grids = [grid for _, grid in fields]
    if all(str(row.get("layers_resolved", True)) == "True" for row in rows):
        return grids, ""
    shown = [without_layers(case, grid) for case, grid in fields]
    changed = any(one is not grid for one, grid in zip(shown, grids, strict=True))
    return shown, ",\nwithout Debye layers" if changed else ""
