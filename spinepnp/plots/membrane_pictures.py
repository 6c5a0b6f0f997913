"""Picture of membranes: the potential over them and the open fractions of gates, by place and time."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.plots.cells import is_line, is_solid, read_fields, read_times, times_and_files
from spinepnp.plots.membrane_bodies import body_figure, time_of_largest_change
from spinepnp.plots.membrane_labels import ends, mark
from spinepnp.plots.membrane_outline import COLOURS, ROUNDING, Panels, draw_outline
from spinepnp.plots.membranes import (
    VOLTAGE,
    Stretch,
    gates_of,
    heights,
    membranes_of,
    over_membrane,
    stretches,
    unresolved,
    voltage_label,
)
from spinepnp.plots.scene import can_render
from spinepnp.plots.style import (
    DARK,
    PLACES,
    WIDTH,
    at_time,
    in_words,
    level_limits,
    line_styles,
    moment_of,
    new_figure,
    set_legend,
    set_title,
    show_flat,
    write,
)
from spinepnp.units import TIME

#: Largest number of times that are curves; more of them are an image over place and time.
MOST_CURVES = 8

#: Largest number of times of an image.
MOST_TIMES = 60

#: Largest number of gates that are shown over time: those that change most.
MOST_GATES = 4

#: Colours of gates.
GATE_COLOURS = "plasma"

#: Largest height over width of the outline of a meridian that is drawn beside the curves.
SLENDER = 12.0

#: Largest number of numbers on an axis along a membrane, per inch.
TICKS = 1.8

#: Longest line of a note below a legend, characters.
NOTE_WIDTH = 18


def draw_membranes(
    case: Case, grid: Any, rows: Sequence[dict[str, Any]], directory: Path, *, last: bool = True
) -> list[Path]:
    """Potential over membranes and open fractions of gates in them, as ``membrane.png``.

    Along a line or the outline of a meridian there are curves, of a transient one a time, or an image over place and
    time where there are many; a body is coloured, at the time with the largest change.

    Args:
        case: case of the run.
        grid: grid of the fields of the last state.
        rows: rows of observables.csv.
        directory: directory of the picture, and of fields in time.
        last: whether these fields are those of the last row.

    Returns:
        Path of the picture; an empty list without a membrane that has a length.
    """
    if not membranes_of(case, grid):
        return []
    files = _files(case, rows, directory, grid, last=last)
    if is_solid(grid) and not can_render():
        return []
    beside, moment = unresolved(case, rows), moment_of(case, rows[-1]) if last and rows else ""
    if is_solid(grid):
        figure = _body(case, files, rows, moment, beside)
    else:
        figure = _along(case, grid, files, moment if case.study.vary is not None else "", beside)
    if figure is None:
        return []
    write(figure, directory / "membrane.png")
    return [directory / "membrane.png"]


def _files(
    case: Case, rows: Sequence[dict[str, Any]], directory: Path, grid: Any, *, last: bool
) -> list[tuple[float, Any]]:
    """Times, in the unit of the results, and fields: files of listed times, then the last ones where they are later."""
    if case.study.kind != "transient":
        return [(np.nan, grid)]
    found: list[tuple[float, Any]] = [(time, p) for time, p in times_and_files(directory / "fields.pvd") if p.exists()]
    end = float(rows[-1][f"time_{TIME.suffix}"]) if rows else np.nan
    if not found or (last and end > found[-1][0]):
        found.append((end, grid))
    return found


def _body(
    case: Case, files: list[tuple[float, Any]], rows: Sequence[dict[str, Any]], moment: str, beside: Collection[str]
) -> Any:
    """Figure of a body, of a transient at the time with the largest change."""
    times = np.array([time for time, _ in files])
    time, fields = files[time_of_largest_change(case, times, rows) if len(files) > 1 else 0]
    grid = read_fields(fields) if isinstance(fields, Path) else fields
    return body_figure(case, grid, at_time(time) or moment, beside)


def _along(
    case: Case, grid: Any, files: list[tuple[float, Any]], moment: str = "", beside: Collection[str] = ()
) -> Any:
    """Figure of membranes along a line or the outline of a meridian; ``None`` where all of them are points."""
    parts = [part for part in stretches(case, grid) if any(len(stretch.nodes) > 1 for stretch in part)]
    if not parts:
        return None
    image = len(files) > MOST_CURVES
    count = min(len(files), MOST_TIMES if image else MOST_CURVES)
    chosen = [files[i] for i in np.unique(np.linspace(0, len(files) - 1, count).round().astype(int))]
    times = np.array([time for time, _ in chosen])
    fields = read_times([field for _, field in chosen])[1]
    quantities = (VOLTAGE, *gates_of(grid, membranes_of(case, grid)))
    z = heights(grid)
    found = {quantity: [_values(case, part, fields, quantity, z, beside) for part in parts] for quantity in quantities}
    voltage = voltage_label(beside, membranes_of(case, grid))
    left = _without_small(found, MOST_GATES if len(times) > 1 else MOST_CURVES)
    shown = [(voltage.replace(" ", "\n", 1), {"": found[VOLTAGE]})]
    if len(times) > 1:
        shown += [(f"open fraction of\n{name}", {"": panels}) for name, panels in found.items() if name != VOLTAGE]
    elif len(found) > 1:
        shown.append(("open fraction", {name: panels for name, panels in found.items() if name != VOLTAGE}))
    figure, axes, outline = _layout(case, grid, parts, len(shown))
    note = f"smaller changes: {'; '.join(left)}" if left else ""
    for number, (row, (label, panels)) in enumerate(zip(axes, shown, strict=True)):
        if image:
            _draw_image(figure, row, label, panels[""], times)
        else:
            _draw_curves(row, label, panels, times, note if number == len(shown) - 1 else "", first=number == 0)
    if outline is not None:
        draw_outline(figure, outline, grid, parts, found[VOLTAGE], times, voltage)
    set_title(figure, case.title or "membrane", moment)
    return figure


def _values(
    case: Case, part: list[Stretch], fields: Any, quantity: str, z: np.ndarray, beside: Collection[str]
) -> list[tuple[Stretch, np.ndarray]]:
    """Stretches of a part that have a quantity, with its values."""
    found = []
    for stretch in part:
        heights_there = z[stretch.nodes] if stretch.boundary in beside else None
        values = over_membrane(
            case, fields, quantity, stretch.boundary, nodes=stretch.nodes, beside=heights_there
        )  # fmt: skip
        if values is not None:
            found.append((stretch, values))
    return found


def _range(panels: Panels) -> tuple[float, float]:
    """Smallest and largest value."""
    values = np.concatenate([values.ravel() for part in panels for _, values in part])
    return float(values.min()), float(values.max())


def _without_small(found: dict[str, Panels], most: int) -> list[str]:
    """Take the gates that change least out of the quantities, so that some number is left; returns their names."""
    gates = sorted((name for name in found if name != VOLTAGE), key=lambda name: -np.ptp(_range(found[name])))
    for name in gates[most:]:
        del found[name]
    return gates[most:]


def _layout(case: Case, grid: Any, parts: list[list[Stretch]], rows: int) -> tuple[Any, Any, Any]:
    """Figure with axes, shape (rows, parts), and those of the outline of a meridian beside them, or ``None``."""
    import matplotlib.ticker

    lengths = np.array([np.diff(ends(part))[0] for part in parts])
    widths = np.maximum(lengths / lengths.sum(), 0.2)
    high, tall = 0.9 + 2.1 * rows, np.ptp(grid.points[:, 1]) / max(2.0 * grid.points[:, 0].max(), 1e-30)
    outlined = not is_line(grid) and tall < SLENDER
    beside = float(np.clip((high - 1.2) / tall + 0.9, 2.0, 3.4)) if outlined else 0.0
    figure = new_figure(7.4 + beside, max(high, 3.6 if outlined else 0.0))
    inner = widths / widths.sum() * 5.6
    cells = figure.add_gridspec(rows, len(parts) + outlined, width_ratios=[*([beside] if outlined else []), *inner])
    axes = np.empty((rows, len(parts)), dtype=object)
    for i in range(rows):
        for j in range(len(parts)):
            shared = {"sharex": axes[0, j] if i else None, "sharey": axes[i, 0] if j else None}
            axes[i, j] = figure.add_subplot(cells[i, j + outlined], **shared)
            axes[i, j].tick_params(labelbottom=i == rows - 1, labelleft=j == 0)
            axes[i, j].xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(max(2, int(TICKS * inner[j]))))
            mark(axes[i, j], parts[j], inner[j], named=i == 0)
    on_line = "r (um)" if case.geometry.radial else "z (um)"
    widest = int(np.argmax(inner))  # of parts side by side one has the label
    axes[-1, widest].set_xlabel(on_line if is_line(grid) else "arc length along the membrane (um)")
    return figure, axes, figure.add_subplot(cells[:, 0]) if outlined else None


def _draw_curves(row: Any, label: str, panels: dict[str, Panels], times: np.ndarray, note: str, *, first: bool) -> None:
    """Draw a row of curves: one a time, or one a name at a single time, with their legend."""
    import matplotlib
    import matplotlib.lines

    if len(times) > 1:
        names, colours = [f"{t:.4g}" for t in times], matplotlib.colormaps[COLOURS](np.linspace(0.0, DARK, len(times)))
        looks = [{"color": colour, "linewidth": WIDTH} for colour in colours]
        curves = [(look, panels[""], i) for i, look in enumerate(looks)]
    else:
        names, looks = list(panels), line_styles(PLACES, len(panels))
        curves = [(look, of_parts, 0) for look, of_parts in zip(looks, panels.values(), strict=True)]
    for look, of_parts, time in curves:
        for axes, part in zip(row, of_parts, strict=True):
            for stretch, values in part:
                point = {"marker": "o", "markersize": 4} if len(stretch.nodes) == 1 else {}
                axes.plot(stretch.position, values[time], **look, **point)
    low, high = np.array([_range(of_parts) for _, of_parts, _ in curves]).T
    show_flat(row[0], low.min(), high.max(), ROUNDING)
    row[0].set_ylabel(label)
    for axes in row:
        axes.grid(alpha=0.3)
    if first != (len(times) > 1):  # the times stand beside the first row, gates beside their own
        names, looks = [], []
    heading = f"time ({TIME.unit})" if len(times) > 1 and names else None
    if note:
        names, looks = [*names, textwrap.fill(note, NOTE_WIDTH)], [*looks, {"linestyle": "none"}]
    if names:
        set_legend(row[-1], [matplotlib.lines.Line2D([], [], **look) for look in looks], names, heading)


def _draw_image(figure: Any, row: Any, label: str, panels: Panels, times: np.ndarray) -> None:
    """Draw a row of images over place and time with their scale of colours."""
    limits = level_limits(*_range(panels), ROUNDING)
    mesh = None
    for axes, part in zip(row, panels, strict=True):
        for stretch, values in part:
            if len(stretch.nodes) > 1:
                mesh = axes.pcolormesh(
                    stretch.position, times, values, shading="gouraud", vmin=limits[0], vmax=limits[1],
                    cmap=GATE_COLOURS if label.startswith("open") else COLOURS,
                )  # fmt: skip
    if mesh is not None:
        figure.colorbar(mesh, ax=list(row), label=in_words(label, *_range(panels), ROUNDING), aspect=15)
    row[0].set_ylabel(f"time ({TIME.unit})")
