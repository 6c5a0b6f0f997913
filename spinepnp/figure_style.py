"""Style that pictures of runs, of the validation page and of the neuron models share: colours, type and lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

#: Colour of computed curves, and of numbers that fail.
COMPUTED = "#c1272d"

#: Colour of lines that are no curve, and of Ohm's law.
GREY = "#888888"

#: Colours of ions by name.
ION_COLOURS = {
    "Na": "#0093b8", "K": "#7b3294", "Cl": "#2a8f3a", "HCO3": "#d95f02", "Ca": "#d95f02", "A": "#4d4d4d",
}  # fmt: skip


@contextmanager
def figure_style(size: float, changes: Mapping[str, Any]) -> Iterator[None]:
    """Type (size in points), lines and frames of matplotlib for the time of a drawing, with changes by its names."""
    import matplotlib

    style: Any = {
        "font.size": size, "axes.labelsize": size, "axes.titlesize": size, "xtick.labelsize": size - 1,
        "ytick.labelsize": size - 1, "legend.fontsize": size - 1, "legend.frameon": False, "axes.spines.top": False,
        "axes.spines.right": False, "mathtext.default": "regular",
        **changes,
    }  # fmt: skip
    with matplotlib.rc_context(style):
        yield
