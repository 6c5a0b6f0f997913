"""Names of membranes above the curves along them, which can be read however small a membrane is."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.figure_style import GREY
from spinepnp.plots.membranes import Stretch

#: Width of a letter of a label, inches.
LETTER = 0.065

#: Distance of upright labels, inches.
LINE = 0.14


def ends(part: list[Stretch]) -> tuple[float, float]:
    """First and last position of a part, um."""
    position = np.concatenate([stretch.position for stretch in part])
    return float(position.min()), float(position.max())


def mark(axes: Any, part: list[Stretch], width: float, *, named: bool) -> None:
    """Mark where stretches meet, and name them above.

    Args:
        axes: axes of matplotlib.
        part: stretches of one part of the membranes.
        width: width of the axes, inches.
        named: whether there are names.
    """
    low, high = ends(part)
    for stretch in part:
        if len(stretch.nodes) > 1 and stretch.position[0] > low:
            axes.axvline(stretch.position[0], color=GREY, linewidth=0.8, linestyle=":")
    if named:
        for place, name, upright in labels(part, (high - low) / width):
            axes.text(
                place, 1.02, name, fontsize=8, ha="center", va="bottom", rotation=90 if upright else 0,
                transform=axes.get_xaxis_transform(), parse_math=False,
            )  # fmt: skip


def labels(part: list[Stretch], inch: float) -> list[tuple[float, str, bool]]:
    """Place, name and direction of the label of each stretch: upright ones of narrow stretches stand side by side.

    Args:
        part: stretches of one part of the membranes.
        inch: length along the membrane that is an inch wide.
    """
    found: list[tuple[float, str, bool]] = []
    wide = {s.boundary for s in part if np.ptp(s.position) >= LETTER * len(s.boundary) * inch}
    last = -np.inf
    for stretch in sorted(part, key=lambda stretch: stretch.position.mean()):
        name, length, place = stretch.boundary, float(np.ptp(stretch.position)), float(stretch.position[[0, -1]].mean())
        if length >= LETTER * len(name) * inch or length == 0.0:
            found.append((place, name, False))
        elif name not in wide:  # a short piece of a longer stretch needs no name
            last = max(place, last + LINE * inch)
            found.append((last, name, True))
    return found
