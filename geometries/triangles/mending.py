"""Mending of surfaces: what is wrong is named, what is done is measured, what changes too much is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spinepnp.geometries.triangles.remeshing import Target
from spinepnp.geometries.triangles.winding import outer_surface, winding_numbers
from spinepnp.geometries.triangulation import SMALLEST_EDGE, UNNAMED, Triangulation, problem_of

#: Spacing of the grid on which a surface is made anew, over volume by area (half of a neck's radius).
GRID_SHARE = 0.2

#: Relative change of the volume by mending above which the result is refused.
MOST_CHANGE = 0.05

#: Volume of a piece, over that of the largest, below which it is dropped as noise.
SPECK = 1e-3


@dataclass(frozen=True)
class Mended:
    """A closed, oriented surface, and what was done to get it.

    Attributes:
        surface: the surface.
        shells: closed surfaces within it, with normals that point outward from each.
        found: what was wrong with the file, and which pieces it has, in words.
        done: what was changed, in words.
        volume_change: relative change of the enclosed volume.
        area_change: relative change of the area of the outer triangles.
        distance: largest distance of the new surface from the triangles of the file, in their unit.
        stray: volumes of separate pieces that were dropped, over the largest.
    """

    surface: Triangulation
    shells: tuple[Triangulation, ...] = ()
    found: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    volume_change: float = 0.0
    area_change: float = 0.0
    distance: float = 0.0
    stray: tuple[float, ...] = ()


def mended(points: np.ndarray, triangles: np.ndarray, keep_shells: bool = True) -> Mended:
    """A closed, oriented surface without intersections that encloses what the given triangles do.

    Args:
        points: coordinates, shape (points, 3).
        triangles: corners, shape (triangles, 3).
        keep_shells: False to fill the closed surfaces within the outer one.

    Raises:
        ValueError: there is no volume, or mending would change it by more than `MOST_CHANGE`; says what to do.
    """
    found, done = [], []
    points, triangles, notes = _closed(points, triangles)
    found += notes[0]
    done += notes[1]
    pieces = _oriented_pieces(points, triangles)
    if not pieces:
        raise ValueError("encloses no volume; give a closed surface")
    if any(flipped for _, _, flipped in pieces):
        done.append(f"turned {sum(flipped for _, _, flipped in pieces)} pieces that were inside out")
    outer, shells, stray = _sorted_pieces(points, [(t, volume) for t, volume, _ in pieces])
    if stray:
        found.append(f"{len(stray)} separate pieces, the largest with {max(stray):.3g} of the volume; dropped")
    if shells:
        found.append(f"{len(shells)} closed surfaces within")
    original = _single(points, np.concatenate(outer))
    before, area = original.volume(), original.areas().sum()
    problem = problem_of(original)
    if problem is None:
        inner = tuple(_single(points, t) for t in shells) if keep_shells else ()
        return Mended(original, inner, tuple(found), tuple(done), stray=tuple(stray))
    found.append(problem)
    spacing = GRID_SHARE * before / area
    surface = _largest(*outer_surface(points, np.concatenate(outer), spacing))
    if len(outer) > 1:
        done.append(f"united {len(outer)} overlapping pieces")
    done.append("made the surface anew from winding numbers on a grid")
    change = surface.volume() / before - 1.0
    if len(outer) == 1 and abs(change) > MOST_CHANGE:
        raise ValueError(
            f"cannot be mended: its volume would change by {100 * change:.2g} % (allowed: {100 * MOST_CHANGE:g} %), "
            "as it overlaps itself; export the surface again from its labels"
        )
    distance = float(np.abs(Target(original.points, original.triangles).nearest(surface.points)[1]).max())
    made_shells: list[Triangulation] = []
    for shell in shells if keep_shells else ():
        piece = _single(points, shell)
        made_shells.append(piece if problem_of(piece) is None else _largest(*outer_surface(points, shell, spacing)))
    made = float(surface.areas().sum() / area - 1.0)
    return Mended(surface, tuple(made_shells), tuple(found), tuple(done), change, made, distance, tuple(stray))


def made_anew(repaired: Mended, share: float) -> Mended:
    """The surface made anew on another grid, where its creases are other ones.

    Args:
        repaired: result of `mended`.
        share: spacing of the grid over volume by area.

    Raises:
        ValueError: the volume would change by more than `MOST_CHANGE`; says so.
    """
    before = repaired.surface
    spacing = share * before.volume() / float(before.areas().sum())
    surface = _largest(*outer_surface(before.points, before.triangles, spacing))
    volume, area = (
        (1.0 + old) * new - 1.0
        for old, new in (
            (repaired.volume_change, surface.volume() / before.volume()),
            (repaired.area_change, float(surface.areas().sum() / before.areas().sum())),
        )
    )
    if abs(volume) > MOST_CHANGE:
        raise ValueError(f"cannot be mended: its volume would change by {100 * volume:.2g} %; export it again")
    gap = float(np.abs(Target(before.points, before.triangles).nearest(surface.points)[1]).max())
    done = (*repaired.done, "made anew on another grid, as remeshing it gave intersections")
    return replace(
        repaired, surface=surface, done=done, volume_change=volume, area_change=area, distance=repaired.distance + gap
    )


def _single(points: np.ndarray, triangles: np.ndarray) -> Triangulation:
    """A surface of these triangles alone."""
    used, index = np.unique(triangles, return_inverse=True)
    return Triangulation(points[used], index.reshape(-1, 3), np.zeros(len(triangles), dtype=int), (UNNAMED,))


def _largest(points: np.ndarray, triangles: np.ndarray) -> Triangulation:
    """The piece with the largest volume, its normals outward."""
    pieces = _oriented_pieces(points, triangles)
    return _single(points, max(pieces, key=lambda piece: piece[1])[0])


def _closed(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[list[str], list[str]]]:
    """Triangles of which every edge has two: as they are, with equal points merged, or with holes filled."""
    import pyvista

    found: list[str] = []
    done: list[str] = []
    x = points[triangles]
    flat = np.linalg.norm(np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]), axis=1)
    number = int((0.5 * flat <= (SMALLEST_EDGE * np.ptp(points, axis=0).max()) ** 2).sum())
    if number:
        found.append(f"{number} triangles without area")
    if _open_edges(triangles) == 0:
        return points, triangles, (found, done)
    unique, index = np.unique(points, axis=0, return_inverse=True)
    merged = index.ravel()[triangles]
    merged = merged[(merged[:, 0] != merged[:, 1]) & (merged[:, 1] != merged[:, 2]) & (merged[:, 2] != merged[:, 0])]
    if _open_edges(merged) == 0:
        return unique, merged, (found, done)
    found.append(f"{_open_edges(merged)} open edges or edges of more than two triangles")
    surface = pyvista.PolyData.from_regular_faces(unique, merged).clean()
    surface = surface.fill_holes(float(np.ptp(points, axis=0).max())).triangulate().clean()
    done.append("filled holes")
    closed = np.asarray(surface.regular_faces, dtype=int)
    left = _open_edges(closed)
    if left:
        raise ValueError(f"has {left} open or shared edges that filling of holes leaves; export the surface again")
    return np.asarray(surface.points, dtype=float), closed, (found, done)


def _edges(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directed edges, shape (3 triangles, 2), and the number of the undirected edge of each."""
    directed = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return directed, np.unique(np.sort(directed, axis=1), axis=0, return_inverse=True)[1].ravel()


def _open_edges(triangles: np.ndarray) -> int:
    """Number of edges that have not exactly two triangles."""
    return int((np.bincount(_edges(triangles)[1]) != 2).sum())


def _oriented_pieces(points: np.ndarray, triangles: np.ndarray) -> list[tuple[np.ndarray, float, bool]]:
    """Connected pieces with outward normals: triangles, volume, and whether the piece was inside out."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    directed, number = _edges(triangles)
    order = np.argsort(number, kind="stable").reshape(-1, 2)
    owner = np.tile(np.arange(len(triangles)), 3)
    pairs, same = owner[order], (directed[order[:, 0]] == directed[order[:, 1]]).all(axis=1)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(triangles),) * 2).tocsr()
    graph = graph + graph.T
    count, piece = connected_components(graph, directed=False)
    flip = np.zeros(len(triangles), dtype=bool)
    if same.any():
        disagree = {}
        for (a, b), odd in zip(pairs.tolist(), same.tolist(), strict=True):
            disagree[a, b] = disagree[b, a] = odd
        for start in (np.flatnonzero(piece == i)[0] for i in range(count)):
            reached, before = breadth_first_order(graph, start, directed=False)
            for t in reached[1:].tolist():
                flip[t] = flip[before[t]] != disagree[t, int(before[t])]
    turned = np.where(flip[:, None], triangles[:, ::-1], triangles)
    x = points[turned]
    volumes = np.bincount(piece, np.einsum("ti,ti->t", x[:, 0], np.cross(x[:, 1], x[:, 2])) / 6.0, minlength=count)
    largest = np.abs(volumes).max(initial=0.0)
    return [
        (
            turned[piece == i] if volumes[i] > 0.0 else turned[piece == i][:, ::-1],
            abs(float(volumes[i])),
            volumes[i] < 0,
        )
        for i in range(count)
        if abs(volumes[i]) > SPECK * largest > 0.0
    ]


def _sorted_pieces(
    points: np.ndarray, pieces: list[tuple[np.ndarray, float]]
) -> tuple[list[np.ndarray], list[np.ndarray], list[float]]:
    """Pieces that overlap the largest one, pieces within it, and relative volumes of the others."""
    pieces = sorted(pieces, key=lambda piece: -piece[1])
    outer, shells, stray = [pieces[0][0]], [], []
    largest = pieces[0][1]
    for triangles, volume in pieces[1:]:
        inside = np.zeros(len(np.unique(triangles)), dtype=bool)
        places = points[np.unique(triangles)]
        for other in outer:
            inside |= inside_of(points[other], places)
        if inside.all():
            shells.append(triangles)
        elif inside.any():
            outer.append(triangles)
        else:
            stray.append(volume / largest)
    return outer, shells, stray


def inside_of(corners: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Whether each place is inside of closed, outward oriented triangles, shape (places,)."""
    result = np.empty(len(places), dtype=bool)
    for i, place in enumerate(places):
        result[i] = winding_numbers(corners, place, 1.0, (1, 1, 1))[0, 0, 0] > 0
    return result
