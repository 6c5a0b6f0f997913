"""Pieces of a surface: the outer one, closed surfaces within it (organelles), pieces that overlap, pieces apart.

A piece within the outer one is a hole of the body, whichever way its normals point. A piece within a hole belongs to
that hole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spinepnp.geometries.triangulation import UNNAMED, Triangulation

#: Volume of a piece apart, over that of the largest, below which it is noise of the segmentation.
SPECK = 1e-3

#: Volume of a piece within, over that of the largest, below which it is noise: a vesicle of 40 nm has 1e-3 of a head.
SMALLEST_SHELL = 1e-5

#: Rotation before rays are followed, as a rotation vector: rays along the axes of a file would meet its edges.
RAYS = (0.5347, -0.9121, 0.7713)

#: Pieces apart that a message lists.
MOST_LISTED = 4


@dataclass(frozen=True)
class Piece:
    """A closed connected part of a list of triangles.

    Attributes:
        triangles: corners of its triangles with outward normals, shape (n, 3).
        numbers: numbers of the triangles in the list, shape (n,).
        volume: volume that it encloses.
        turned: whether its normals pointed inward.
    """

    triangles: np.ndarray
    numbers: np.ndarray
    volume: float
    turned: bool


@dataclass(frozen=True)
class Parts:
    """Pieces of a surface by their place.

    Attributes:
        outer: the largest piece, and all that overlap with it.
        shells: pieces within, by falling volume; pieces that overlap are in one group.
        nested: pieces within shells.
        stray: pieces apart.
        specks: pieces that are too small to count.
    """

    outer: tuple[Piece, ...]
    shells: tuple[tuple[Piece, ...], ...] = ()
    nested: tuple[Piece, ...] = ()
    stray: tuple[Piece, ...] = ()
    specks: tuple[Piece, ...] = ()


def edge_parts(triangles: np.ndarray) -> np.ndarray:
    """Number of the connected part of each triangle; neighbours share an edge."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    _, index = np.unique(edges, axis=0, return_inverse=True)
    owner = np.tile(np.arange(len(triangles)), 3)
    membership = coo_array((np.ones(len(owner)), (owner, index.ravel()))).tocsr()
    return np.asarray(connected_components(membership @ membership.T, directed=False)[1])


def pieces_of(points: np.ndarray, triangles: np.ndarray) -> list[Piece]:
    """Closed pieces of triangles that are oriented within each piece, by falling volume; those without are left out.

    Args:
        points: coordinates, shape (points, 3).
        triangles: corners, shape (triangles, 3).
    """
    part, x = edge_parts(triangles), points[triangles] - points.mean(axis=0)
    volumes = np.bincount(part, np.einsum("ti,ti->t", x[:, 0], np.cross(x[:, 1], x[:, 2])) / 6.0)
    order = np.argsort(part, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(part))[:-1])
    found = [
        Piece(triangles[numbers] if volume > 0.0 else triangles[numbers][:, ::-1], numbers, abs(volume), volume < 0.0)
        for numbers, volume in zip(groups, volumes.tolist(), strict=True)
        if volume != 0.0
    ]
    return sorted(found, key=lambda piece: -piece.volume)


def inside_of(corners: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Whether each place is inside of closed, outward oriented triangles, shape (places,).

    Args:
        corners: the triangles, shape (triangles, 3, 3).
        places: shape (places, 3).
    """
    from scipy.spatial.transform import Rotation

    from spinepnp.geometries.triangles.winding import winding_numbers  # with Numba, which takes its time

    turn = Rotation.from_rotvec(RAYS).as_matrix()
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    result = ((places > low) & (places < high)).all(axis=1)
    corners, turned = corners @ turn.T, places @ turn.T
    for i in np.flatnonzero(result):
        result[i] = winding_numbers(corners, turned[i], 1.0, (1, 1, 1))[0, 0, 0] > 0
    return result


def _placed(points: np.ndarray, pieces: list[Piece]) -> tuple[list[Piece], list[Piece], list[Piece]]:
    """The largest piece with all that overlap with it, pieces within these, and the others."""
    outer, rest = pieces[:1], pieces[1:]
    while True:
        places = [_place(points, outer, piece) for piece in rest]
        of = {word: [p for p, place in zip(rest, places, strict=True) if place == word] for word in set(places)}
        if "overlaps" not in of:
            return outer, of.get("within", []), of.get("apart", [])
        outer = outer + of["overlaps"]
        rest = [piece for piece, place in zip(rest, places, strict=True) if place != "overlaps"]


def _place(points: np.ndarray, outer: list[Piece], piece: Piece) -> str:
    """Place of a piece: "within", "overlaps" or "apart"; points at which it touches others do not count."""
    own = np.unique(points[np.unique(piece.triangles)], axis=0)
    inside, touching, entered = np.zeros(len(own), dtype=bool), np.zeros(len(own), dtype=bool), False
    for large in outer:
        theirs = np.unique(points[np.unique(large.triangles)], axis=0)
        _, index, count = np.unique(np.vstack([own, theirs]), axis=0, return_inverse=True, return_counts=True)
        common = count[index.ravel()] > 1
        touching |= common[: len(own)]
        inside |= inside_of(points[large.triangles], own)
        entered |= bool(inside_of(points[piece.triangles], theirs[~common[len(own) :]]).any())
    if (inside | touching).all() and (inside & ~touching).any():
        return "within"
    return "overlaps" if (inside & ~touching).any() or entered else "apart"


def parts_of(points: np.ndarray, pieces: list[Piece]) -> Parts:
    """Pieces, by falling volume, sorted by their place.

    Args:
        points: coordinates, shape (points, 3).
        pieces: at least one piece.
    """
    largest = pieces[0].volume
    counted = [piece for piece in pieces if piece.volume > SMALLEST_SHELL * largest]
    specks = [piece for piece in pieces if piece.volume <= SMALLEST_SHELL * largest]
    outer, rest, stray = _placed(points, counted)
    specks += [piece for piece in stray if piece.volume <= SPECK * largest]
    shells, nested = [], []
    while rest:
        group, inner, rest = _placed(points, rest)
        shells.append(tuple(group))
        nested += inner
    far = tuple(piece for piece in stray if piece.volume > SPECK * largest)
    return Parts(tuple(outer), tuple(shells), tuple(nested), far, tuple(specks))


def list_of(points: np.ndarray, parts: Parts) -> str:
    """The pieces apart in words: volume as a share of that of the largest piece, and middle, in the file's unit."""
    shown = []
    for piece in parts.stray[:MOST_LISTED]:
        middle = ", ".join(f"{x:.4g}" for x in points[np.unique(piece.triangles)].mean(axis=0))
        shown.append(f"{100.0 * piece.volume / parts.outer[0].volume:.3g} % at ({middle})")
    more = len(parts.stray) - len(shown)
    listed = ", ".join([*shown, f"{more} more"] if more else shown)
    return f"{len(parts.stray) + 1} separate pieces, those beside the largest with these shares of its volume: {listed}"


def shell_names(count: int, taken: tuple[str, ...] = ()) -> list[str]:
    """Names of closed surfaces within a body: inner_1, inner_2, ..., without those that the file has."""
    free = (f"inner_{i}" for i in range(1, count + len(taken) + 1))
    return [name for name in free if name not in taken][:count]


def joined(outer: Triangulation, shells: list[Triangulation]) -> Triangulation:
    """One surface of an outer one and of outward oriented ones within it, which are turned and get names.

    Triangles of a shell that have no name become inner_1, inner_2, ... by the order of the shells.

    Args:
        outer: surface with normals out of the body.
        shells: surfaces with normals out of each, by falling volume.
    """
    if not shells:
        return outer
    of_shells = [
        tuple(shell.names[i] for i in np.unique(shell.values) if shell.names[i] != UNNAMED) for shell in shells
    ]
    known = tuple(dict.fromkeys((*outer.names[:-1], *(name for names in of_shells for name in names))))
    new = shell_names(len(shells), known)
    names = (*known, *new, UNNAMED)
    points, triangles, values = [outer.points], [outer.triangles], [_renumbered(outer, names, UNNAMED)]
    for shell, name in zip(shells, new, strict=True):
        triangles.append(shell.triangles[:, ::-1] + sum(map(len, points)))
        points.append(shell.points)
        values.append(_renumbered(shell, names, name))
    whole = Triangulation(np.vstack(points), np.vstack(triangles), np.concatenate(values), names)
    used = (*(name for i, name in enumerate(names[:-1]) if (whole.values == i).any()), UNNAMED)
    return replace(whole, values=_renumbered(whole, used, UNNAMED), names=used)


def _renumbered(surface: Triangulation, names: tuple[str, ...], unnamed: str) -> np.ndarray:
    """Indices of the triangles' names in other names; what has no name gets the one given."""
    index = [names.index(name) if name in names else -1 for name in (*surface.names[:-1], unnamed)]
    return np.asarray(np.array(index)[surface.values])


def separated(surface: Triangulation) -> tuple[Triangulation, list[Triangulation]]:
    """The outer surface, and outward oriented ones within it; the other way round of `joined`."""
    pieces = pieces_of(surface.points, surface.triangles[:, :3])
    outer, *shells = (single(surface, piece) for piece in pieces)
    return outer, shells


def single(surface: Triangulation, piece: Piece) -> Triangulation:
    """A piece of a surface alone, with outward normals."""
    used, index = np.unique(piece.triangles, return_inverse=True)
    return replace(
        surface, points=surface.points[used], triangles=index.reshape(-1, 3), values=surface.values[piece.numbers]
    )


def labelled(surface: Triangulation, source: Triangulation) -> Triangulation:
    """The surface with the name that the nearest triangle of another one has."""
    if len(source.names) == 1:
        return replace(surface, values=np.zeros(len(surface.triangles), dtype=int), names=source.names)
    import pyvista

    cells = pyvista.PolyData.from_regular_faces(source.points, source.triangles[:, :3])
    nearest = np.asarray(cells.find_closest_cell(surface.corners.mean(axis=1)))
    return replace(surface, values=source.values[nearest], names=source.names)
