"""Files of surfaces as they come: triangles by meshio and VTK, and the spines of a morph-spines HDF5 file."""

from __future__ import annotations

import functools
import io
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.errors import reason_of
from spinepnp.geometries.surface_reader import merged, read_mesh, read_triangulation, status_of, triangulation_of
from spinepnp.geometries.triangulation import UNNAMED, Triangulation

#: Suffixes of morph-spines files.
MORPH_SPINES = (".h5", ".hdf5")

#: Suffixes that VTK reads.
VTK_SUFFIXES = (".vtk", ".vtu", ".vtp")

#: Suffixes of files that are checked before meshio reads them.
CHECKED = (".stl", ".obj", ".ply", ".msh")

#: Suffixes that meshio reads.
MESHIO_SUFFIXES = (*CHECKED, ".off")

#: All suffixes.
SUFFIXES = (*MESHIO_SUFFIXES, *VTK_SUFFIXES, *MORPH_SPINES)

#: Extent of a surface in its own unit above which that is taken for nanometres.
LARGEST_IN_UM = 50.0

#: Names of a group of triangles that are taken for the synapse without being asked for, in lower case.
PSD_NAMES = ("psd", "synapse")

#: Names of a group of triangles that are taken for a flat base.
BASE_NAMES = ("base",)

#: Kind of a triangle in VTK.
VTK_TRIANGLE = 5


@dataclass(frozen=True)
class SurfaceFile:
    """A surface as it is in a file.

    Attributes:
        points: coordinates, shape (points, 3).
        triangles: corners, shape (triangles, 3).
        labels: labels of the triangles by name: a mask for a physical name, the values of an array of cells.
        root: place at which the spine leaves its dendrite, where the file has it, shape (3,).
    """

    points: np.ndarray
    triangles: np.ndarray
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    root: np.ndarray | None = None

    def group(self, label: str) -> np.ndarray:
        """Mask of the triangles of a label: NAME (not zero there), or NAME=VALUE, shape (triangles,).

        Raises:
            ValueError: there is no such label, or it has no triangle; lists the labels.
        """
        name, _, value = label.partition("=")
        if name not in self.labels:
            known = ", ".join(sorted(self.labels)) or "none"
            raise ValueError(f"has no label {name}; its labels are: {known}")
        values = self.labels[name]
        mask = values.astype(bool) if not value else values == _as_kind(value, values)
        if not mask.any():
            present = ", ".join(f"{name}={v:g}" for v in np.unique(values)[:8].astype(float).tolist())
            raise ValueError(f"has no triangle with the label {label}; there are {present}")
        return np.asarray(mask)

    def group_of(self, names: tuple[str, ...]) -> np.ndarray | None:
        """Mask of the first label that has one of these names, in any case of letters, and not all triangles."""
        for name, values in self.labels.items():
            mask = values.astype(bool)
            if name.lower() in names and mask.any() and not mask.all():
                return np.asarray(mask)
        return None


def _as_kind(value: str, values: np.ndarray) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"has labels that are numbers, not {value}; give NAME=NUMBER") from None


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
    _check_file(path)
    if path.suffix.lower() not in MORPH_SPINES:
        return 1
    return int(_from_hdf5(path)["count"])


def _check_file(path: Path) -> None:
    """Refuse what is no file, cannot be read, or has another suffix."""
    if path.is_dir():
        raise ValueError("is a directory; give its files, or --all for every surface in it")
    status_of(str(path))
    if path.suffix.lower() not in SUFFIXES:
        known = ", ".join((*MESHIO_SUFFIXES, *VTK_SUFFIXES))
        raise ValueError(f"must end in {known}, or .h5; export the surface in one of these formats")
    try:
        with path.open("rb") as file:
            start = file.read(256)
    except OSError as error:
        raise ValueError(f"cannot be read ({reason_of(error)}); give the path of a surface") from None
    if not start.strip():
        raise ValueError("is empty; give a closed surface")


def read_surface(path: Path, number: int = 0) -> SurfaceFile:
    """Points, triangles, labels and root as they are in the file.

    Args:
        path: a surface (.stl, .obj, .ply, .off, .msh, .vtk, .vtu, .vtp), or morph-spines (.h5).
        number: number of the spine in a morph-spines file, from zero.

    Raises:
        ValueError: the file cannot be read, or has no such spine; says why.
    """
    _check_file(path)
    suffix = path.suffix.lower()
    if suffix in MORPH_SPINES:
        found = _from_hdf5(path, number)
        root = found["root"]
        return _checked(SurfaceFile(found["points"], found["triangles"], {}, root if len(root) else None))
    if number:
        raise ValueError(f"has one surface; spine {number} needs a morph-spines file (.h5)")
    if suffix in CHECKED:
        return _checked(_of_mesh(read_mesh(str(path))))
    try:
        found = _by_vtk(path) if suffix in VTK_SUFFIXES else _by_meshio(path)
    except (Exception, SystemExit):  # readers raise anything on a damaged file, and meshio ends the program
        raise ValueError(f"is damaged, or no {suffix[1:].upper()} of triangles; export the surface again") from None
    return _checked(found)


def read_merged(path: str) -> tuple[Triangulation, SurfaceFile]:
    """The triangulation of a file, with equal points merged, and the file as it is.

    Raises:
        ValueError: the file cannot be read; says why.
    """
    status = status_of(path)
    return _read_merged(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _read_merged(path: str, _changed: int, _size: int) -> tuple[Triangulation, SurfaceFile]:
    found = read_surface(Path(path))
    if Path(path).suffix.lower() in CHECKED:
        return read_triangulation(path), found
    points, triangles = merged(found.points, found.triangles)
    return Triangulation(points, triangles, np.zeros(len(triangles), dtype=int), (UNNAMED,)), found


def _checked(found: SurfaceFile) -> SurfaceFile:
    points, triangles = np.asarray(found.points, dtype=float), np.asarray(found.triangles, dtype=int)
    if len(triangles) == 0:
        raise ValueError(
            "holds points and no triangles; make a surface of them" if len(points) else "is empty; give a surface"
        )
    if len(triangles) < 4:
        raise ValueError("has fewer than four triangles; a closed surface is needed")
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise ValueError("has coordinates that are not finite numbers; export the surface again")
    if not 0 <= triangles.min() <= triangles.max() < len(points):
        raise ValueError("has a face with a vertex that is not there; export the surface again")
    return SurfaceFile(points, triangles, found.labels, found.root)


def _by_meshio(path: Path) -> SurfaceFile:
    import meshio

    return _of_mesh(meshio.read(path))


def _of_mesh(mesh: Any) -> SurfaceFile:
    """Triangles of a mesh of meshio; of tetrahedra without triangles their outer facets."""
    chosen = [i for i, block in enumerate(mesh.cells) if block.type == "triangle" and len(block.data)]
    if not chosen:
        if any(block.type.startswith(("tetra", "triangle6")) and len(block.data) for block in mesh.cells):
            surface = triangulation_of(mesh)
            named = {name: surface.values == i for i, name in enumerate(surface.names[:-1])}
            return SurfaceFile(surface.points, surface.triangles[:, :3], named)
        others = sorted({block.type for block in mesh.cells if block.type not in ("vertex", "line")})
        if others:
            raise ValueError(f"holds cells of the type {', '.join(others)} and no triangles; triangulate its surface")
        return SurfaceFile(mesh.points, np.empty((0, 3), dtype=int))
    labels = {
        name: np.concatenate([np.asarray(values[i]) for i in chosen])
        for name, values in mesh.cell_data.items()
        if np.ndim(values[chosen[0]]) == 1
    }
    tags = labels.get("gmsh:physical")
    labels = {name: values for name, values in labels.items() if not name.startswith("gmsh:")}
    if tags is not None:
        labels |= {str(name): tags == tag for name, (tag, dim) in mesh.field_data.items() if dim == 2}
    return SurfaceFile(mesh.points, np.concatenate([mesh.cells[i].data for i in chosen]), labels)


def _by_vtk(path: Path) -> SurfaceFile:
    import pyvista

    data = pyvista.read(path)
    if isinstance(data, pyvista.UnstructuredGrid) and (data.celltypes == VTK_TRIANGLE).any():
        data = data.extract_cells(data.celltypes == VTK_TRIANGLE)
    surface = data.extract_surface(algorithm=None).triangulate()
    labels = {
        name: np.asarray(values)
        for name, values in surface.cell_data.items()
        if not name.startswith("vtk") and values.ndim == 1 and np.issubdtype(values.dtype, np.number)
    }
    faces = surface.regular_faces if surface.n_cells else np.empty((0, 3), dtype=int)
    return SurfaceFile(np.asarray(surface.points), faces, labels)


def _from_hdf5(path: Path, *arguments: int) -> Any:
    """Arrays that `morph_spines` writes."""
    program = [sys.executable, str(Path(__file__).with_name("morph_spines.py")), str(path), *map(str, arguments)]
    done = subprocess.run(program, capture_output=True, check=False)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines() or ["cannot be read; give a morph-spines file"]
        raise ValueError(lines[-1])
    return np.load(io.BytesIO(done.stdout))
