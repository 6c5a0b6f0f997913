"""Style of the pictures of runs: colours, lines, titles, legends, and the writing of figures."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.figure_style import COMPUTED, GREY
from spinepnp.runtime.files import write_atomically

#: Colour of laws.
LAW = "#0000a7"

#: Colour of Ohm's law.
OHM = GREY

#: Colours of probes and boundaries.
PLACES = (LAW, COMPUTED, "#e08e0b", "#444444", "#56b4e9", "#b05fa0")

#: Colours of species.
IONS = ("#008176", "#7b3294", "#d95f02", "#3f90da", "#a6761d", "#666666")

#: Dashes of probes.
STYLES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))

#: Width of curves, points.
WIDTH = 1.6

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


def level_limits(low: float, high: float) -> tuple[float, float]:
    """Limits of a scale of colours: zero where there is rounding only, and never equal to each other."""
    low, high = (0.0 if abs(limit) < 1e-9 else float(limit) for limit in (low, high))
    return (low, high) if high - low >= 1e-12 else (low - 0.5, high + 0.5)


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

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def write(figure: Any, path: Path) -> None:
    """Write a figure as PNG, whole or not at all, without drawing it twice and without opacities as `savefig` would."""
    import PIL.Image

    picture = io.BytesIO()
    PIL.Image.fromarray(snapshot(figure)).save(picture, format="PNG", dpi=(figure.dpi, figure.dpi))
    write_atomically(path, picture.getvalue())


def set_title(figure: Any, title: str) -> Any:
    """Write plain text over a figure, on two lines if it is long, never beyond its sides; returns matplotlib's text."""
    return figure.suptitle(fitted(title, figure), fontsize=10, parse_math=False)


def fitted(title: str, figure: Any) -> str:
    """Title in at most two lines as wide as a figure; see `set_title`."""
    characters = int(11.5 * figure.get_figwidth())  # at 10 points
    return "\n".join(textwrap.wrap(title, characters, max_lines=2, placeholder=" ..."))


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
