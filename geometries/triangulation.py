"""Closed triangulated surfaces from files: reading, and what must hold before they are meshed.

Self-intersections are found by the edges of one triangle that pierce another (Moeller and Trumbore, J. Graphics Tools
2, 21, 1997), among the pairs whose boxes meet.
"""

from __future__ import annotations

import functools
import itertools
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.errors import reason_of
from spinepnp.geometries.linear_mesh import TETRAHEDRON_EDGES
from spinepnp.geometries.surface_files import check_whole

#: Name of what has no other.
REST = "wall"

#: Edges of second-order cells as meshio orders their nodes (that of VTK), and as Basix does.
EDGES = {
    "tetra10": [(0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3)],
    "triangle6": [(0, 1), (1, 2), (0, 2)],
}
BASIX_EDGES = {
    "tetra10": list(TETRAHEDRON_EDGES),
    "triangle6": [(1, 2), (0, 2), (0, 1)],
}

#: Faces that meshio knows and that are no triangles.
FLAT = {"quad", "quad8", "quad9", "polygon"}

#: A point is on a triangle if it is nearer than this, over the triangle's size.
TOUCH = 1e-9

#: Pairs of triangles looked at together, to bound the memory.
CHUNK = 200_000


@dataclass(frozen=True, eq=False)
class Triangulation:
    """A surface, and the cells within it where the file has them.

    Attributes:
        points: in the file's unit, shape (points, 3).
        triangles: corners, shape (triangles, 3); with nodes on their edges if the cells have such.
        values: which name each triangle has, shape (triangles,).
        names: of the patches, `REST` last.
        cells: nodes of tetrahedra in the order of Basix, or ``None``.
    """

    points: np.ndarray
    triangles: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]
    cells: np.ndarray | None = None

    @property
    def corners(self) -> np.ndarray:
        """Coordinates of the triangles' corners, shape (triangles, 3, 3)."""
        return np.asarray(self.points[self.triangles[:, :3]])

    def areas(self) -> np.ndarray:
        """Of the triangles, in the file's unit squared."""
        return np.asarray(0.5 * np.linalg.norm(_normals(self.corners), axis=1))

    def volume(self) -> float:
        """That the surface encloses, in the file's unit cubed; negative where its normals point inward."""
        if self.cells is not None:
            corner, *others = (self.points[self.cells[:, i]] for i in range(4))
            edges = np.stack([other - corner for other in others], axis=1)
            return float(np.abs(np.linalg.det(edges)).sum() / 6.0)
        a, b, c = (self.corners[:, i] for i in range(3))
        return float(np.einsum("ti,ti->", a, np.cross(b, c)) / 6.0)

    def mean_edge(self) -> float:
        """Mean length of the triangles' edges, in the file's unit."""
        x = self.corners
        return float(np.mean([np.linalg.norm(x[:, i] - x[:, i - 1], axis=1) for i in range(3)]))

    def extent(self) -> float:
        """Largest side of the box around it, in the file's unit."""
        return float(np.ptp(self.corners.reshape(-1, 3), axis=0).max())


def _normals(x: np.ndarray) -> np.ndarray:
    return np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0])


def read_triangulation(path: str) -> Triangulation:
    """Read STL, OBJ, PLY, or Gmsh's msh with physical names.

    Raises:
        ValueError: the file cannot be read, or holds no triangles; says why.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # a name with a zero byte is no name
        why = reason_of(error) if isinstance(error, OSError) else error
        raise ValueError(f"cannot be read ({why}); give the path of a closed surface") from None
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("is no file; give the path of a closed surface")
    return _kept(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _kept(path: str, _changed: int, _size: int) -> Triangulation:
    suffix = Path(path).suffix.lower()
    import meshio.gmsh
    import meshio.ply
    import meshio.stl

    readers = {".stl": meshio.stl.read, ".obj": _read_obj, ".ply": meshio.ply.read, ".msh": meshio.gmsh.read}
    if suffix not in readers:
        raise ValueError("must end in .stl, .obj, .ply or .msh; export the surface in one of these formats")
    try:
        check_whole(path, suffix)
    except OSError as error:
        raise ValueError(f"cannot be read ({reason_of(error)}); give the path of a closed surface") from None
    try:
        with warnings.catch_warnings(action="ignore"):  # meshio's arithmetic on the headers of files
            found = readers[suffix](path)
    except UnreadableError:
        raise
    except Exception as error:  # meshio's readers raise anything on a damaged file, in words that help nobody
        if "gmsh:physical" in str(error):
            raise ValueError("has elements in no physical group; save it from Gmsh without Mesh.SaveAll") from None
        raise ValueError(f"is cut off or damaged, no whole {suffix[1:].upper()}; export the surface again") from None
    return _triangulation(found)


class UnreadableError(ValueError):
    """A file that this module's own reader cannot read; the message says where."""


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


def _blocks(found: Any, kinds: tuple[str, ...]) -> tuple[str, np.ndarray, np.ndarray] | None:
    """All cells of the first of these kinds that the file has, with their physical tags (zero for none)."""
    tags = found.cell_data.get("gmsh:physical")
    for kind in kinds:
        chosen = [i for i, block in enumerate(found.cells) if block.type == kind]
        if chosen:
            nodes = np.concatenate([found.cells[i].data for i in chosen])
            values = [np.zeros(len(found.cells[i].data), int) if tags is None else tags[i] for i in chosen]
            return kind, nodes, np.concatenate(values)
    return None


def _triangulation(found: Any) -> Triangulation:
    points = np.asarray(found.points, dtype=float)
    kinds = {block.type for block in found.cells if len(block.data)}
    other = kinds - {"vertex", "line", "line3", "triangle", "triangle6", "tetra", "tetra10"}
    if other or len(kinds & {"tetra", "tetra10"}) > 1:
        wanted = "triangulate its faces" if other <= FLAT else "give tetrahedra of one order"
        raise ValueError(f"holds cells of the type {', '.join(sorted(other or kinds))}; {wanted}")
    cells, triangles = _blocks(found, ("tetra10", "tetra")), _blocks(found, ("triangle6", "triangle"))
    if triangles is None and cells is None:
        raise ValueError("holds no triangles; give a closed surface")
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise ValueError("has coordinates that are not finite numbers; export the surface again")
    for _, corners, _ in (block for block in (cells, triangles) if block is not None):
        if not 0 <= corners.min() <= corners.max() < len(points):
            raise ValueError("has a face with a vertex that is not there; export the surface again")
    named = {int(tag): str(name) for name, (tag, dim) in found.field_data.items() if dim == 2}
    if triangles is None:
        nodes, tags, kind = np.empty((0, 3), dtype=int), np.empty(0, dtype=int), "triangle"
    else:
        kind, nodes, tags = triangles
    if cells is not None:
        return _with_cells(points, cells, _reordered(kind, nodes), tags, named)
    names = tuple(sorted(set(named.values()) - {REST}))
    index = {tag: names.index(name) if name in names else len(names) for tag, name in named.items()}
    values = np.array([index.get(int(tag), len(names)) for tag in tags])
    points, nodes = _merged(points, nodes[:, :3])
    whole = (nodes[:, 0] != nodes[:, 1]) & (nodes[:, 1] != nodes[:, 2]) & (nodes[:, 2] != nodes[:, 0])
    return Triangulation(points, nodes[whole], values[whole], (*names, REST))


def _reordered(kind: str, nodes: np.ndarray) -> np.ndarray:
    """Nodes in the order of Basix."""
    if kind not in EDGES:
        return nodes
    corners = nodes.shape[1] - len(EDGES[kind])
    return nodes[:, [*range(corners), *(corners + EDGES[kind].index(edge) for edge in BASIX_EDGES[kind])]]


def _merged(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Equal points made one: some formats repeat them for every triangle."""
    unique, index = np.unique(points[triangles.ravel()], axis=0, return_inverse=True)
    return unique, index.reshape(triangles.shape)


def _with_cells(
    points: np.ndarray,
    block: tuple[str, np.ndarray, np.ndarray],
    nodes: np.ndarray,
    tags: np.ndarray,
    named: dict[int, str],
) -> Triangulation:
    """A volume mesh: its outer facets, with the names that the file gives them."""
    kind, cells, _ = block
    used, numbers = np.unique(cells, return_inverse=True)  # a file can hold points that belong to nothing
    place = np.full(len(points), -1)
    place[used] = np.arange(len(used))
    points, cells, nodes = points[used], _reordered(kind, numbers.reshape(cells.shape)), place[nodes]
    columns = [[j for j in range(4) if j != i] for i in range(4)]
    if kind == "tetra10":
        number = {edge: 4 + i for i, edge in enumerate(BASIX_EDGES["tetra10"])}
        columns = [side + [number[side[i], side[j]] for i, j in BASIX_EDGES["triangle6"]] for side in columns]
    facets = np.concatenate([cells[:, c] for c in columns])
    corners = np.sort(facets[:, :3], axis=1)
    _, first, count = np.unique(corners, axis=0, return_index=True, return_counts=True)
    outer = facets[first[count == 1]]
    names = tuple(sorted(set(named.values()) - {REST}))
    known = {
        tuple(corners): names.index(named[int(tag)])
        for corners, tag in zip(np.sort(nodes[:, :3], axis=1).tolist(), tags, strict=True)
        if named.get(int(tag)) in names
    }
    values = np.array([known.get(tuple(c), len(names)) for c in np.sort(outer[:, :3], axis=1).tolist()])
    return Triangulation(points, outer, values, (*names, REST), cells)


@functools.lru_cache(maxsize=4)
def problem_of(surface: Triangulation) -> str | None:
    """What is wrong with a closed surface, or ``None``."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    x = surface.corners
    if len(x) < 4:
        return "has fewer than four triangles; a closed surface is needed"
    size = surface.extent()
    flat = int((surface.areas() <= (1e-9 * size) ** 2).sum())
    if flat:
        return f"has {flat} triangles without area; repair it"
    triangles = surface.triangles[:, :3]
    directed = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges, index, count = np.unique(np.sort(directed, axis=1), axis=0, return_inverse=True, return_counts=True)
    if (count == 1).any():
        place = _place(surface.points[edges[np.argmax(count == 1)]].mean(axis=0))
        return f"is not watertight: {int((count == 1).sum())} open edges, one at {place}; close it"
    if (count > 2).any():
        place = _place(surface.points[edges[np.argmax(count > 2)]].mean(axis=0))
        return f"has {int((count > 2).sum())} edges of more than two triangles, one at {place}; repair it"
    owner = np.tile(np.arange(len(triangles)), 3)[np.argsort(index.ravel(), kind="stable")].reshape(-1, 2)
    graph = coo_array((np.ones(len(owner)), (owner[:, 0], owner[:, 1])), shape=(len(triangles),) * 2)
    pieces, _ = connected_components(graph, directed=False)
    if pieces > 1:
        return f"has {pieces} separate pieces; keep one"
    if surface.cells is None:
        forward = (directed[:, 0] < directed[:, 1]).astype(int)
        twice = np.bincount(index.ravel(), forward) != 1
        if twice.any():
            return f"is not oriented: its triangles disagree at {int(twice.sum())} edges; repair it"
        normals = _normals(x)
        normals /= np.linalg.norm(normals, axis=1)[:, None]
        folded = np.einsum("ei,ei->e", normals[owner[:, 0]], normals[owner[:, 1]]) < -1.0 + 1e-9
        if folded.any():
            return f"is folded onto itself at {int(folded.sum())} edges; repair it"
        crossing = find_intersection(surface)
        if crossing is not None:
            return f"intersects itself at {_place(crossing)}; repair it"
    return None


def _place(x: np.ndarray) -> str:
    return "({})".format(", ".join(f"{value:.4g}" for value in x))


def find_intersection(surface: Triangulation) -> np.ndarray | None:
    """A point at which two triangles cross, or ``None``.

    Pairs that share a corner are tested by their opposite edges; pairs that share an edge cannot cross.
    """
    x, nodes = surface.corners, surface.triangles[:, :3]
    for pairs in _near_pairs(x):
        a, b = nodes[pairs[:, 0]], nodes[pairs[:, 1]]
        same = a[:, :, None] == b[:, None, :]
        shared = same.sum(axis=(1, 2))
        for one, other, in_one in ((0, 1, same.any(axis=2)), (1, 0, same.any(axis=1))):
            for i, j in ((0, 1), (1, 2), (2, 0)):
                # An edge with a common corner touches the other triangle there; that is no crossing.
                todo = (shared < 2) & ~in_one[:, i] & ~in_one[:, j]
                first, second = pairs[todo, one], pairs[todo, other]
                hit, place = _pierce(x[first, i], x[first, j], x[second])
                if hit.any():
                    return np.asarray(place[np.argmax(hit)])
    return None


def _near_pairs(x: np.ndarray) -> Any:
    """Pairs of triangles whose boxes meet, in chunks of shape (pairs, 2)."""
    from scipy.spatial import cKDTree

    centre = x.mean(axis=1)
    radius = np.linalg.norm(x - centre[:, None], axis=2).max(axis=1)
    low, high = x.min(axis=1) - 1e-12, x.max(axis=1) + 1e-12
    order = np.argsort(-radius)
    tree = cKDTree(centre)
    for batch in itertools.batched(order.tolist(), 2000):
        here = np.array(batch)
        near = tree.query_ball_point(centre[here], 2.0 * radius[here])
        first = np.repeat(here, [len(n) for n in near])
        second = np.fromiter(itertools.chain.from_iterable(near), dtype=int, count=len(first))
        smaller = (radius[second] < radius[first]) | ((radius[second] == radius[first]) & (second > first))
        first, second = first[smaller], second[smaller]
        meet = ((low[first] <= high[second]) & (low[second] <= high[first])).all(axis=1)
        pairs = np.column_stack([first[meet], second[meet]])
        for start in range(0, len(pairs), CHUNK):
            yield pairs[start : start + CHUNK]


def _pierce(a: np.ndarray, b: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether edges a-b meet triangles, each with its own, and where."""
    origin, u, v = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    direction = b - a
    p = np.cross(direction, v)
    determinant = np.einsum("ti,ti->t", u, p)
    size = np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1) * np.linalg.norm(direction, axis=1)
    crossing = np.abs(determinant) > TOUCH * size
    inverse = 1.0 / np.where(crossing, determinant, 1.0)
    s = a - origin
    q = np.cross(s, u)
    alpha, beta = np.einsum("ti,ti->t", s, p) * inverse, np.einsum("ti,ti->t", direction, q) * inverse
    t = np.einsum("ti,ti->t", v, q) * inverse
    within = (alpha >= -TOUCH) & (beta >= -TOUCH) & (alpha + beta <= 1.0 + TOUCH) & (t >= -TOUCH) & (t <= 1.0 + TOUCH)
    return crossing & within, a + t[:, None] * direction
