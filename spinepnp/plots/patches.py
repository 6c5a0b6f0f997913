"""Picture of a triangulated surface with its patches in colour, seen from below, from above and cut open."""

from __future__ import annotations

from pathlib import Path

import numpy as np

#: Colours of patches in their order, and of the wall.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

#: Azimuth and elevation of the views, degrees: patches are at ends most often, which a view from the side would hide.
VIEWS = ((20.0, -25.0), (200.0, 50.0), (20.0, 0.0))

#: Colour of what no patch takes.
WALL_COLOUR = "#d9d9d9"


def draw_patches(
    points: np.ndarray, triangles: np.ndarray, values: np.ndarray, names: tuple[str, ...], path: Path
) -> None:
    """Draw a surface from below, from above, and cut open, with the whole of what is within.

    Args:
        points: coordinates, shape (points, 3).
        triangles: corners, shape (triangles, 3).
        values: number of the patch of each triangle, shape (triangles,).
        names: names of the patches, the wall last.
        path: file of the picture.
    """
    import os

    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    import pyvista

    plotter = pyvista.Plotter(off_screen=True, shape=(1, 3), window_size=(1500, 500), border=False)
    middle, holes = 0.5 * (points.min(axis=0) + points.max(axis=0)), _holes(triangles)
    for view, (azimuth, elevation) in enumerate(VIEWS):
        plotter.subplot(0, view)
        for i, name in enumerate(names):
            for inner in (False, True):
                part = triangles[(values == i) & (holes == inner)]
                if len(part) == 0:
                    continue
                colour = WALL_COLOUR if i == len(names) - 1 else COLOURS[i % len(COLOURS)]
                mesh = pyvista.PolyData.from_regular_faces(points, part)
                if view == 2 and not inner:
                    mesh = mesh.clip(normal="-y", origin=middle)
                if mesh.n_cells:
                    plotter.add_mesh(mesh, color=colour, label=name)
        plotter.view_xz()
        plotter.camera.azimuth, plotter.camera.elevation = azimuth, elevation
        if view == 0:
            plotter.add_legend(bcolor=None)
    plotter.screenshot(path)
    plotter.close()


def _holes(triangles: np.ndarray) -> np.ndarray:
    """Mask of the triangles of all pieces but the one with the most points, shape (triangles,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = triangles[:, [0, 0]].ravel(), triangles[:, [1, 2]].ravel()
    graph = coo_array((np.ones(len(pairs[0])), pairs), (int(triangles.max()) + 1,) * 2)
    piece = connected_components(graph, directed=False)[1]
    return np.asarray(piece[triangles[:, 0]] != np.bincount(piece[np.unique(triangles)]).argmax())
