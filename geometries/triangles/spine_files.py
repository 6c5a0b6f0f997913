"""Files of surfaces as they come: triangles by meshio and VTK, and the spines of a morph-spines HDF5 file."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.errors import reason_of
from spinepnp.geometries.surface_files import check_whole

#: Suffixes of morph-spines files.
MORPH_SPINES = (".h5", ".hdf5")

#: Suffixes that VTK reads.
VTK_SUFFIXES = (".vtk", ".vtu", ".vtp")

#: Suffixes that meshio reads; those of the first four are checked before.
MESHIO_SUFFIXES = (".stl", ".obj", ".ply", ".msh", ".off")

#: Extent of a surface in its own unit above which that is taken for nanometres.
LARGEST_IN_UM = 50.0


def guessed_unit(path: Path, points: np.ndarray) -> str:
    """Unit of a surface's coordinates by its extent; morph-spines files are in micrometres."""
    if path.suffix.lower() in MORPH_SPINES:
        return "um"
    return "nm" if np.ptp(points, axis=0).max() > LARGEST_IN_UM else "um"


def count_spines(path: Path) -> int:
    """Number of spines of a file: one, but for morph-spines.

    Raises:
        ValueError: the file cannot be read; says why.
    """
    if path.suffix.lower() not in MORPH_SPINES:
        return 1
    return int(_from_hdf5(path)["count"])


def read_spine(path: Path, number: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points, shape (points, 3), and triangles, shape (triangles, 3), as they are in the file.

    Args:
        path: a surface (.stl, .obj, .ply, .off, .msh, .vtk, .vtu, .vtp), or morph-spines (.h5).
        number: number of the spine in a morph-spines file, from zero.

    Raises:
        ValueError: the file cannot be read, or has no such spine; says why.
    """
    suffix = path.suffix.lower()
    if suffix in MORPH_SPINES:
        found = _from_hdf5(path, number)
        return _checked(found["points"], found["triangles"])
    if suffix not in MESHIO_SUFFIXES + VTK_SUFFIXES:
        known = ", ".join((*MESHIO_SUFFIXES, *VTK_SUFFIXES))
        raise ValueError(f"must end in {known}, or .h5; export the surface in one of these formats")
    try:
        if suffix in MESHIO_SUFFIXES[:4]:
            check_whole(str(path), suffix)
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read ({reason_of(error)}); give the path of a surface") from None
    if not data.strip():
        raise ValueError("is empty; give a closed surface")
    try:
        found = _by_vtk(path) if suffix in VTK_SUFFIXES else _by_meshio(path)
    except (Exception, SystemExit):  # readers raise anything on a damaged file, and meshio ends the program
        raise ValueError(f"is damaged, or no {suffix[1:].upper()} of triangles; export the surface again") from None
    return _checked(*found)


def _checked(points: Any, triangles: Any) -> tuple[np.ndarray, np.ndarray]:
    points, triangles = np.asarray(points, dtype=float), np.asarray(triangles, dtype=int)
    if len(triangles) < 4:
        raise ValueError("has fewer than four triangles; a closed surface is needed")
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise ValueError("has coordinates that are not finite numbers; export the surface again")
    if not 0 <= triangles.min() <= triangles.max() < len(points):
        raise ValueError("has a face with a vertex that is not there; export the surface again")
    return points, triangles


def _by_meshio(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import meshio

    mesh = meshio.read(path)
    return mesh.points, np.concatenate([block.data for block in mesh.cells if block.type == "triangle"])


def _by_vtk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import pyvista

    surface = pyvista.read(path).extract_surface(algorithm=None).triangulate()
    return surface.points, surface.regular_faces


def _from_hdf5(path: Path, *arguments: int) -> Any:
    """Arrays that `morph_spines` writes."""
    program = [sys.executable, str(Path(__file__).with_name("morph_spines.py")), str(path), *map(str, arguments)]
    done = subprocess.run(program, capture_output=True, check=False)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines() or ["cannot be read; give a morph-spines file"]
        raise ValueError(lines[-1])
    return np.load(io.BytesIO(done.stdout))
