"""Style of the pictures of runs: colours, lines, titles, legends, and the writing of figures."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.figure_style import COMPUTED, GREY
from spinepnp.runtime.files import write_atomically
from spinepnp.units import TIME

#: Colour of laws.
LAW = "#0000a7"

#: Colour of the profiles of laws, which lie on those of the solution.
OF_LAW = "#e08e0b"

#: Colour of Ohm's law.
OHM = GREY

#: Colours of probes and boundaries.
PLACES = (LAW, COMPUTED, OF_LAW, "#444444", "#56b4e9", "#b05fa0")

#: Colours of species, as many as a case with buffers and indicators has.
IONS = (
    "#008176", "#7b3294", "#d95f02", "#3f90da", "#a6761d", "#666666", "#e7298a", "#66a61e", "#1b1b8f", "#e6ab02",
    "#c1272d", "#17becf", "#b39ddb", "#5b3a1e", "#9edb7d", "#000000",
)  # fmt: skip

#: Dashes of probes.
STYLES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))

#: Largest number of intervals between the lines of equal values of a picture.
LEVELS = 14

#: Part of the scale of colours of times or values that is dark enough for curves.
DARK = 0.88

#: Width of curves, points.
WIDTH = 1.6

#: Range of values over the largest of them below which there is rounding only; and size of a value that is zero.
ROUNDING = 1e-9

#: Largest number of lines of a title; twice as many on a page that is not `WIDE`, inches.
TITLE_LINES = 2

#: Width of a page with long lines, inches.
WIDE = 6.0

#: Height of a line of a title, inches.
TITLE_LINE = 0.17

#: Resolution of figures, dots per inch.
DPI = 150


@dataclass(frozen=True)
class ColourScale:
    """Scale of colours of a field.

    Attributes:
        label: name and unit of the field.
        colours: matplotlib's name of the colours.
        limits: ends of the scale, in that unit.
        extend: ends of the scale that values go beyond: "neither", "min", "max", "both".
    """

    label: str
    colours: str
    limits: tuple[float, float]
    extend: Any = "neither"

    @property
    def levels(self) -> np.ndarray:
        """Round values within the limits: those of lines of equal values, and of the marks of the scale."""
        import matplotlib.ticker

        low, high = self.limits
        values = np.asarray(matplotlib.ticker.MaxNLocator(LEVELS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
        margin = 1e-9 * (high - low)
        return values[(values > low + margin) & (values < high - margin)]


def is_flat(low: float, high: float, rounding: float = ROUNDING) -> bool:
    """Whether values between two ends are one value with rounding.

    Args:
        low: smallest value.
        high: largest value.
        rounding: range over the largest value below which there is rounding only.
    """
    largest = max(abs(low), abs(high))
    return bool(largest < ROUNDING or high - low <= rounding * largest)


def level_limits(low: float, high: float, rounding: float = ROUNDING) -> tuple[float, float]:
    """Limits of a scale of colours: zero where there is rounding only, and wide around a field that is flat.

    Args:
        low: smallest value.
        high: largest value.
        rounding: range over the largest value below which there is rounding only.
    """
    low, high = (0.0 if abs(limit) < ROUNDING else float(limit) for limit in (low, high))
    return (low, high) if not is_flat(low, high, rounding) else ((low + high - 1.0) / 2.0, (low + high + 1.0) / 2.0)


def in_words(label: str, low: float, high: float, rounding: float = ROUNDING) -> str:
    """Label of a scale of colours, with the value of a field that is flat.

    Args:
        label: name and unit of the field.
        low: smallest value.
        high: largest value.
        rounding: range over the largest value below which there is rounding only.
    """
    return f"{label}\n{_level(low, high):.6g} everywhere" if is_flat(low, high, rounding) else label


def scale_of(label: str, colours: str, low: float, high: float) -> ColourScale:
    """Scale of colours of a field, flat where it is one value with rounding.

    Args:
        label: name and unit of the field.
        colours: matplotlib's name of the colours.
        low: smallest value.
        high: largest value.
    """
    return ColourScale(in_words(label, low, high), colours, level_limits(low, high))


def show_flat(axes: Any, low: float, high: float, rounding: float = ROUNDING) -> None:
    """Draw curves flat, with their value in words, where they are one value with rounding.

    Args:
        axes: axes of matplotlib.
        low: smallest value.
        high: largest value.
        rounding: range over the largest value below which there is rounding only.
    """
    if is_flat(low, high, rounding):
        level = _level(low, high)
        axes.set_ylim(level - 0.5, level + 0.5)
        axes.text(0.02, 0.95, f"{level:.6g} everywhere", transform=axes.transAxes, fontsize=8, ha="left", va="top")


def _level(low: float, high: float) -> float:
    return 0.0 if max(abs(low), abs(high)) < ROUNDING else (low + high) / 2.0


def new_figure(width: float, height: float, layout: Any = "constrained") -> Any:
    """An empty figure of matplotlib, without pyplot, which takes longer to import than a figure to draw.

    Args:
        width: width, inches.
        height: height, inches.
        layout: layout engine of matplotlib, or its name.
    """
    import matplotlib.figure

    return matplotlib.figure.Figure(figsize=(width, height), dpi=DPI, layout=layout)


def snapshot(figure: Any) -> np.ndarray:
    """Picture of a figure, shape (height, width, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for axes in figure.axes:
        for formatter in (axes.xaxis.get_major_formatter(), axes.yaxis.get_major_formatter()):
            if hasattr(formatter, "set_useOffset"):
                formatter.set_useOffset(False)  # a number on an axis is its value
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def write(figure: Any, path: Path) -> None:
    """Write a figure as PNG, whole or not at all, without drawing it twice and without opacities as `savefig` would."""
    import PIL.Image

    picture = io.BytesIO()
    PIL.Image.fromarray(snapshot(figure)).save(picture, format="PNG", dpi=(figure.dpi, figure.dpi))
    write_atomically(path, picture.getvalue())


def set_title(figure: Any, title: str, moment: str = "") -> Any:
    """Write plain text over a figure, never beyond its sides; returns matplotlib's text.

    Args:
        figure: figure of matplotlib.
        title: title, on two lines or more if it is long.
        moment: time or point of a sweep that the figure shows, on a line of its own.
    """
    return figure.suptitle(fitted(title, figure, moment), fontsize=10, parse_math=False)


def fitted(title: str, figure: Any, moment: str = "") -> str:
    """Title as wide as a figure, and the moment below it.

    Args:
        title: see `set_title`.
        figure: see `set_title`.
        moment: see `set_title`.
    """
    width = figure.get_figwidth()
    characters, lines = int(11.5 * width), TITLE_LINES if width >= WIDE else 2 * TITLE_LINES  # at 10 points
    wrapped = textwrap.wrap(title, characters, max_lines=lines, placeholder=" ...")
    return "\n".join([*wrapped, *textwrap.wrap(moment, characters)])


def moment_of(case: Case, row: Mapping[str, Any]) -> str:
    """Words for the point of a sweep and the time that a picture shows; empty of a steady state.

    Args:
        case: case of the run.
        row: row of observables.csv, numbers or as they are read.
    """
    words, study = [], case.study
    if study.vary is not None and study.column in row:
        value, kind = row[study.column], study.kind_of_values
        shown = f"{float(value):g} {kind.unit}" if kind is not None else str(value)
        words.append(f"last point: {study.vary} = {shown}")
    time = row.get(f"time_{TIME.suffix}")
    if study.kind == "transient" and time not in (None, ""):
        words.append(at_time(float(time)))
    return ", ".join(words)


def at_time(time: float) -> str:
    """Words for a time, in the unit of the results; empty for one that is not a number."""
    return f"t = {time:.4g} {TIME.unit}" if np.isfinite(time) else ""


def set_legend(axes: Any, keys: list[Any], names: list[str], heading: str | None = None) -> None:
    """Put a legend with plain names of lines at the right side of an axis, outside of it.

    Args:
        axes: axes of matplotlib.
        keys: lines or markers that the legend shows.
        names: name of each of them, as plain text.
        heading: title of the legend.
    """
    legend = axes.legend(
        keys, names, loc="upper left", bbox_to_anchor=(1.0, 1.03), frameon=False, fontsize=9,
        title=heading, title_fontsize=9, alignment="left",
    )  # fmt: skip
    for text in (*legend.get_texts(), legend.get_title()):
        text.set_parse_math(False)


def line_styles(colours: Sequence[str], count: int) -> list[dict[str, Any]]:
    """Matplotlib's keywords of lines that can be told apart, also where they coincide."""
    return [
        {"color": colours[i % len(colours)], "linestyle": STYLES[i % len(STYLES)], "linewidth": WIDTH}
        for i in range(count)
    ]


def place_styles(case: Case) -> dict[str, dict[str, Any]]:
    """Matplotlib's keywords of the lines of probes and, without dashes, of the boundaries that are shown."""
    names = [*case.probes, *case.shown_boundaries]
    looks = dict(zip(names, line_styles(PLACES, len(names)), strict=True))
    return {name: look if name in case.probes else look | {"linestyle": "-"} for name, look in looks.items()}
