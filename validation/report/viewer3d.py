"""Viewer of a body that the reader can turn: its coloured surface, as HTML for a browser with WebGL."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import matplotlib
import numpy as np

from spinepnp.plots.style import ColourScale

#: Integer that stands for the largest distance from the middle: points are stored as 16-bit integers.
REACH = 32767


def viewer_html(grid: Any, fields: Sequence[tuple[str, ColourScale]]) -> str:
    """HTML of a viewer of a grid of tetrahedra, cut open along its axis and coloured by one of several arrays."""
    triangles = _opened(grid)
    places = np.asarray(triangles.points, dtype=float)
    middle = 0.5 * (places.max(axis=0) + places.min(axis=0))
    reach = np.abs(places - middle).max()
    corners = triangles.faces.reshape(-1, 4)[:, 1:]
    data = {
        "points": _text(np.round((places - middle) / reach * REACH), np.int16),
        "colours": [_text(_colours(triangles[name], scale), np.uint8) for name, scale in fields],
        "triangles": _text(corners, np.uint32),
    }
    text = resources.files("spinepnp.validation.report").joinpath("viewer3d.html").read_text(encoding="utf-8")
    return text.replace("@DATA@", json.dumps(data))


def _opened(grid: Any) -> Any:
    """Triangles of the surface behind the axis and of the cut, with the arrays on their points.

    Curved cells are drawn straight: the picture need not be finer than the mesh.
    """
    import pyvista

    corners = grid.cell_connectivity.reshape(grid.n_cells, -1)[:, :4]
    straight = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: corners}, grid.points)
    straight.point_data.update(grid.point_data)
    plane = {"normal": "y", "origin": grid.center}
    wall = straight.extract_surface(algorithm="dataset_surface").clip(**plane, invert=False)
    whole = wall.merge(straight.slice(**plane), merge_points=False)
    return whole.extract_surface(algorithm="dataset_surface").triangulate()


def _colours(values: Any, scale: ColourScale) -> np.ndarray:
    """Colours of values: red, green and blue from 0 to 255."""
    low, high = scale.limits
    scaled = np.clip((np.asarray(values) - low) / (high - low), 0.0, 1.0)
    return np.asarray(matplotlib.colormaps[scale.colours](scaled, bytes=True))[:, :3]


def _text(values: np.ndarray, kind: Any) -> str:
    """Text (base64, little endian) of an array of numbers."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<")).tobytes()).decode()
