"""Picture of a triangulated surface with its patches in colour, seen from two sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np

#: Colours of patches in their order, and of the wall.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")

#: Colour of what no patch takes.
WALL_COLOUR = "#d9d9d9"


def draw_patches(
    points: np.ndarray, triangles: np.ndarray, values: np.ndarray, names: tuple[str, ...], path: Path
) -> None:
    """Draw a surface from two sides.

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

    plotter = pyvista.Plotter(off_screen=True, shape=(1, 2), window_size=(1000, 500), border=False)
    for view, azimuth in enumerate((20.0, 200.0)):
        plotter.subplot(0, view)
        for i, name in enumerate(names):
            part = triangles[values == i]
            if len(part):
                colour = WALL_COLOUR if i == len(names) - 1 else COLOURS[i % len(COLOURS)]
                plotter.add_mesh(pyvista.PolyData.from_regular_faces(points, part), color=colour, label=name)
        plotter.view_xz()
        plotter.camera.azimuth = azimuth
        if view == 0:
            plotter.add_legend(bcolor=None)
    plotter.screenshot(path)
    plotter.close()
