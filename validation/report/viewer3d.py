"""A body to turn in the page: its surface with colours, as HTML that needs nothing but a browser with WebGL."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import matplotlib
import numpy as np

from spinepnp.plots.style import ColourScale

#: What the largest side becomes in the integers that places are kept in.
REACH = 32767


def viewer_html(grid: Any, fields: Sequence[tuple[str, ColourScale]]) -> str:
    """A viewer of a body, cut open along its axis, that is coloured by one of several fields.

    Args:
        grid: of tetrahedra, with arrays on its points.
        fields: names of arrays, and how they are coloured.
    """
    triangles = _opened(grid)
    places = np.asarray(triangles.points, dtype=float)
    middle = 0.5 * (places.max(axis=0) + places.min(axis=0))
    reach = np.abs(places - middle).max()
    corners = triangles.faces.reshape(-1, 4)[:, 1:]
    data = {
        "points": _text(np.round((places - middle) / reach * REACH), np.int16),
        "colours": [_text(_colours(triangles[name], look), np.uint8) for name, look in fields],
        "triangles": _text(corners, np.uint32),
    }
    text = resources.files("spinepnp.validation.report").joinpath("viewer3d.html").read_text(encoding="utf-8")
    return text.replace("@DATA@", json.dumps(data))


def _opened(grid: Any) -> Any:
    """Triangles of the surface of the half behind the axis, and of the cut, with the arrays on their points.

    Cells are taken as straight: a page need not be finer than its mesh.
    """
    import pyvista

    corners = grid.cell_connectivity.reshape(grid.n_cells, -1)[:, :4]
    straight = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: corners}, grid.points)
    straight.point_data.update(grid.point_data)
    plane = {"normal": "y", "origin": grid.center}
    wall = straight.extract_surface(algorithm="dataset_surface").clip(**plane, invert=False)
    whole = wall.merge(straight.slice(**plane), merge_points=False)
    return whole.extract_surface(algorithm="dataset_surface").triangulate()


def _colours(values: Any, look: ColourScale) -> np.ndarray:
    """Red, green and blue of values, from 0 to 255."""
    low, high = look.limits
    scaled = np.clip((np.asarray(values) - low) / (high - low), 0.0, 1.0)
    return np.asarray(matplotlib.colormaps[look.colours](scaled, bytes=True))[:, :3]


def _text(values: np.ndarray, kind: Any) -> str:
    """Numbers as text that a page can hold, little endian."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<")).tobytes()).decode()
