"""Files of surfaces with named patches."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spinepnp.geometries.triangulation import Triangulation


def write_patches(surface: Triangulation, path: Path) -> None:
    """Write a surface with the names of its patches as a file of Gmsh (msh), every digit of the coordinates included.

    Args:
        surface: surface of triangles, in the unit of the file.
        path: path of the file.
    """
    import meshio

    tags = [surface.values + 1]
    mesh = meshio.Mesh(
        surface.points, [("triangle", surface.triangles)],
        cell_data={"gmsh:physical": tags, "gmsh:geometrical": tags},
        field_data={name: np.array([i + 1, 2]) for i, name in enumerate(surface.names)},
    )  # fmt: skip
    meshio.gmsh.write(path, mesh, fmt_version="2.2", binary=False, float_fmt=".16e")
