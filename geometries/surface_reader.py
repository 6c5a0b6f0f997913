"""Reader of triangulated surfaces and tetrahedral meshes: STL, OBJ, PLY, and Gmsh's msh with physical names."""

from __future__ import annotations

import functools
import itertools
import os
import stat
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.errors import reason_of
from spinepnp.geometries.linear_mesh import TETRAHEDRON_EDGES, renumbered
from spinepnp.geometries.ply_reader import has_labelled_faces, read_labelled_ply
from spinepnp.geometries.surface_files import check_whole
from spinepnp.geometries.triangulation import UNNAMED, Triangulation

#: Edges of second-order cells in the order of meshio's nodes (that of VTK).
MESHIO_EDGES = {
    "tetra10": [(0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3)],
    "triangle6": [(0, 1), (1, 2), (0, 2)],
}

#: Edges of second-order cells in the order of Basix's nodes.
BASIX_EDGES = {
    "tetra10": list(TETRAHEDRON_EDGES),
    "triangle6": [(1, 2), (0, 2), (0, 1)],
}

#: Cell types of meshio that are faces, but no triangles.
POLYGONS = {"quad", "quad8", "quad9", "polygon"}


def read_triangulation(path: str) -> Triangulation:
    """The triangulation of a file in STL, OBJ, PLY, or msh with physical names.

    Raises:
        ValueError: the file cannot be read, or holds no triangles; says why.
    """
    status = status_of(path)
    return _read_cached(path, status.st_mtime_ns, status.st_size)


def status_of(path: str) -> os.stat_result:
    """Status of a file of which there is one: no directory, pipe or device.

    Raises:
        ValueError: there is no such file; says why.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        why = reason_of(error) if isinstance(error, OSError) else error
        raise ValueError(f"cannot be read ({why}); give the path of a closed surface") from None
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("is no file; give the path of a closed surface")
    return status


@functools.lru_cache(maxsize=4)
def _read_cached(path: str, _changed: int, _size: int) -> Triangulation:
    return triangulation_of(read_mesh(path))


def read_mesh(path: str) -> Any:
    """The mesh of meshio of a file in STL, OBJ, PLY, or msh, as it is in the file.

    Raises:
        ValueError: the file cannot be read; says why.
    """
    suffix = Path(path).suffix.lower()
    import meshio.gmsh
    import meshio.stl

    readers = {".stl": meshio.stl.read, ".obj": _read_obj, ".ply": _read_ply, ".msh": meshio.gmsh.read}
    if suffix not in readers:
        raise ValueError("must end in .stl, .obj, .ply or .msh; export the surface in one of these formats")
    try:
        check_whole(path, suffix)
    except OSError as error:
        raise ValueError(f"cannot be read ({reason_of(error)}); give the path of a closed surface") from None
    try:
        with warnings.catch_warnings(action="ignore"):  # of meshio, on damaged headers
            return readers[suffix](path)
    except UnreadableError:
        raise
    except Exception as error:  # meshio's readers raise anything on a damaged file
        if "gmsh:physical" in str(error):
            raise ValueError("has elements in no physical group; save it from Gmsh without Mesh.SaveAll") from None
        raise ValueError(f"is cut off or damaged, no whole {suffix[1:].upper()}; export the surface again") from None


def _read_ply(path: str) -> Any:
    """Vertices and faces of a PLY file, with the labels of its faces."""
    import meshio.ply

    data = Path(path).read_bytes()
    return read_labelled_ply(data) if has_labelled_faces(data) else meshio.ply.read(path)


class UnreadableError(ValueError):
    """A file that the reader of OBJ files here cannot read; the message says where."""


def _read_obj(path: str) -> Any:
    """Vertices and faces of an OBJ file (meshio's reader stumbles over normals that are shared)."""
    import meshio

    points: list[tuple[float, float, float]] = []
    triangles: list[tuple[int, int, int]] = []
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            words = line.split()
            try:
                if words[:1] == ["v"]:
                    x, y, z = (float(word) for word in words[1:4])
                    points.append((x, y, z))
                elif words[:1] == ["f"]:
                    # A number counts vertices from one, a negative one back from the last.
                    corners = [int(word.partition("/")[0]) for word in words[1:]]
                    corners = [c - 1 if c > 0 else len(points) + c if c < 0 else -1 for c in corners]
                    triangles += [(corners[0], a, b) for a, b in itertools.pairwise(corners[1:])]
            except ValueError:
                shown = " ".join(words)[:40]
                raise UnreadableError(f'is damaged in line {number}, "{shown}"; export the surface again') from None
    if not triangles:
        raise UnreadableError("holds no faces; give a closed surface")
    return meshio.Mesh(np.array(points).reshape(-1, 3), [("triangle", np.array(triangles))])


def _blocks(mesh: Any, kinds: tuple[str, ...]) -> tuple[str, np.ndarray, np.ndarray] | None:
    """All cells of the first of ``kinds`` that a mesh has: kind, nodes, and physical tags (zero for none)."""
    tags = mesh.cell_data.get("gmsh:physical")
    for kind in kinds:
        chosen = [i for i, block in enumerate(mesh.cells) if block.type == kind]
        if chosen:
            nodes = np.concatenate([mesh.cells[i].data for i in chosen])
            values = [np.zeros(len(mesh.cells[i].data), int) if tags is None else tags[i] for i in chosen]
            return kind, nodes, np.concatenate(values)
    return None


def triangulation_of(mesh: Any) -> Triangulation:
    """The triangulation of a meshio mesh, with its physical names and cells.

    Raises:
        ValueError: there are no triangles, or what is no number; says what to do.
    """
    points = np.asarray(mesh.points, dtype=float)
    kinds = {block.type for block in mesh.cells if len(block.data)}
    other = kinds - {"vertex", "line", "line3", "triangle", "triangle6", "tetra", "tetra10"}
    if other or len(kinds & {"tetra", "tetra10"}) > 1:
        remedy = "triangulate its faces" if other <= POLYGONS else "give tetrahedra of one order"
        raise ValueError(f"holds cells of the type {', '.join(sorted(other or kinds))}; {remedy}")
    cells, triangles = _blocks(mesh, ("tetra10", "tetra")), _blocks(mesh, ("triangle6", "triangle"))
    if triangles is None and cells is None:
        raise ValueError("holds no triangles; give a closed surface")
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise ValueError("has coordinates that are not finite numbers; export the surface again")
    for _, corners, _ in (block for block in (cells, triangles) if block is not None):
        if not 0 <= corners.min() <= corners.max() < len(points):
            raise ValueError("has a face with a vertex that is not there; export the surface again")
    named = {int(tag): str(name) for name, (tag, dim) in mesh.field_data.items() if dim == 2}
    if triangles is None:
        nodes, tags, kind = np.empty((0, 3), dtype=int), np.empty(0, dtype=int), "triangle"
    else:
        kind, nodes, tags = triangles
    if cells is not None:
        return _with_cells(points, cells, _reordered(kind, nodes), tags, named)
    names = tuple(sorted(set(named.values()) - {UNNAMED}))
    index = {tag: names.index(name) if name in names else len(names) for tag, name in named.items()}
    values = np.array([index.get(int(tag), len(names)) for tag in tags])
    points, nodes = merged(points, nodes[:, :3])
    whole = (nodes[:, 0] != nodes[:, 1]) & (nodes[:, 1] != nodes[:, 2]) & (nodes[:, 2] != nodes[:, 0])
    return Triangulation(points, nodes[whole], values[whole], (*names, UNNAMED))


def _reordered(kind: str, nodes: np.ndarray) -> np.ndarray:
    """Nodes of cells of one kind of meshio, in the order of Basix."""
    if kind not in MESHIO_EDGES:
        return nodes
    corners = nodes.shape[1] - len(MESHIO_EDGES[kind])
    return nodes[:, [*range(corners), *(corners + MESHIO_EDGES[kind].index(edge) for edge in BASIX_EDGES[kind])]]


def merged(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points without repetitions, and triangles numbered in them: some formats repeat points for every triangle."""
    unique, index = np.unique(points[triangles.ravel()], axis=0, return_inverse=True)
    return unique, index.reshape(triangles.shape)


def _with_cells(
    points: np.ndarray,
    block: tuple[str, np.ndarray, np.ndarray],
    nodes: np.ndarray,
    tags: np.ndarray,
    named: dict[int, str],
) -> Triangulation:
    """Triangulation of a volume mesh: its outer facets, with the names that the file gives them."""
    kind, cells, _ = block
    used, cells, number_of = renumbered(cells, len(points))  # a file may hold points that belong to no cell
    points, cells, nodes = points[used], _reordered(kind, cells), number_of[nodes]
    columns = [[j for j in range(4) if j != i] for i in range(4)]
    if kind == "tetra10":
        number = {edge: 4 + i for i, edge in enumerate(BASIX_EDGES["tetra10"])}
        columns = [side + [number[side[i], side[j]] for i, j in BASIX_EDGES["triangle6"]] for side in columns]
    facets = np.concatenate([cells[:, c] for c in columns])
    corners = np.sort(facets[:, :3], axis=1)
    _, first, count = np.unique(corners, axis=0, return_index=True, return_counts=True)
    outer = facets[first[count == 1]]
    names = tuple(sorted(set(named.values()) - {UNNAMED}))
    known = {
        tuple(corners): names.index(named[int(tag)])
        for corners, tag in zip(np.sort(nodes[:, :3], axis=1).tolist(), tags, strict=True)
        if named.get(int(tag)) in names
    }
    values = np.array([known.get(tuple(c), len(names)) for c in np.sort(outer[:, :3], axis=1).tolist()])
    return Triangulation(points, outer, values, (*names, UNNAMED), cells)
