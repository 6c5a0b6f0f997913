"""Body that the reader can turn: what `viewer.js` needs, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spinepnp.pages.page import packed
from spinepnp.plots.style import ColourScale

#: Largest 16-bit number: values of a field are stored as such numbers between its ends.
STEPS = 65535

#: Number of colours of a scale.
COLOURS = 64

#: Largest number of triangles of a swept surface, which the page makes itself, and of segments of a circle.
SWEPT_TRIANGLES, SEGMENTS = 160_000, 72

#: Smallest number of segments of a circle.
FEWEST_SEGMENTS = 16


@dataclass(frozen=True)
class Field:
    """A field on the nodes of a body.

    Attributes:
        label: name in words.
        unit: unit of the values.
        scale: scale of colours.
        values: values at the times that are shown, shape (times, nodes); one time of a steady state.
        patches: numbers of the boundaries on which it is; everywhere if empty.
    """

    label: str
    unit: str
    scale: ColourScale
    values: np.ndarray
    patches: tuple[int, ...] = ()

    def data(self) -> dict[str, Any]:
        """Plain data for the script."""
        import matplotlib

        low, high = float(self.values.min()), float(self.values.max())
        if high <= low:
            high = low + 1.0
        if self.patches:  # the last step tells the page that there is no value
            high += (high - low) / (STEPS - 1)
        steps = np.round((self.values - low) / (high - low) * STEPS)
        colours = matplotlib.colormaps[self.scale.colours](np.linspace(0.0, 1.0, COLOURS), bytes=True)[:, :3]
        return {
            "label": self.label,
            "unit": self.unit,
            "low": low,
            "high": high,
            "limits": list(map(float, self.scale.limits)),
            "extend": self.scale.extend,
            "colours": packed(colours, np.uint8),
            "values": [packed(at_time, np.uint16) for at_time in steps],
            "patches": list(self.patches),
        }


@dataclass(frozen=True)
class Body:
    """A body with its fields; or a meridian, which the page sweeps about the z axis.

    Attributes:
        points: nodes (x, y, z), um, shape (n, 3); of a meridian (r, z), shape (n, 2).
        surface: nodes of the triangles of the surface, shape (m, 3); of a meridian's outline (m, 2).
        patches: number of the boundary of each, shape (m,).
        names: names of the boundaries.
        cut: nodes of the triangles of the cut, or of the meridian itself, shape (k, 3).
        plane: the cut is y = plane, um.
        opened: whether it is shown cut open at first.
        fields: its fields.
    """

    points: np.ndarray
    surface: np.ndarray
    patches: np.ndarray
    names: tuple[str, ...]
    cut: np.ndarray
    plane: float = 0.0
    opened: bool = True
    fields: list[Field] = field(default_factory=list)

    @property
    def swept(self) -> bool:
        """Whether it is a meridian."""
        return self.points.shape[1] == 2

    def data(self, first: int = 0) -> dict[str, Any]:
        """Plain data for the script.

        Args:
            first: number of the time that is shown at first.
        """
        triangles = self.cut if self.swept else np.vstack([self.surface, self.cut.reshape(-1, 3)])
        made = {
            "points": packed(self.points, np.float32),
            "triangles": packed(triangles, np.uint32),
            "patches": packed(self.patches, np.uint8),
            "names": list(self.names),
            "plane": self.plane,
            "opened": self.opened,
            "swept": self.swept,
            "fields": [one.data() for one in self.fields],
            "first": first,
        }
        if self.swept:
            most = SWEPT_TRIANGLES // (2 * max(len(self.surface), 1))
            made |= {
                "edges": packed(self.surface, np.uint32),
                "segments": int(np.clip(most, FEWEST_SEGMENTS, SEGMENTS)),
            }
        return made
