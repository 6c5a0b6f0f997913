"""Mending of surfaces: what is wrong is named, what is done is measured, what changes too much is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from spinepnp.geometries.triangles.pieces import Parts, Piece, labelled, list_of, parts_of, pieces_of
from spinepnp.geometries.triangles.remeshing import Target
from spinepnp.geometries.triangles.winding import outer_surface
from spinepnp.geometries.triangulation import SMALLEST_EDGE, UNNAMED, Triangulation, problem_of

#: Spacing of the grid on which a surface is made anew, over volume by area (half of a neck's radius).
GRID_SHARE = 0.2

#: Relative change of the volume by mending above which the result is refused.
MOST_CHANGE = 0.05

#: Spacing of the grid on which pieces are united, over volume by area: right to 0.1 % of the volume; measured.
UNION_SHARE = 0.1

#: Volume of the pieces that a union falls into, over that of the largest, above which it is none: they only touch.
MOST_LOST = 1e-2


@dataclass(frozen=True)
class Mended:
    """A closed, oriented surface, and what was done to get it.

    Attributes:
        surface: the outer surface.
        shells: closed surfaces within it, by falling volume, with normals that point outward from each.
        found: what was wrong with the file, and which pieces it has, in words.
        done: what was changed, in words.
        volume_change: relative change of the volume that the outer surface encloses.
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


def mended(
    points: np.ndarray,
    triangles: np.ndarray,
    values: np.ndarray | None = None,
    names: tuple[str, ...] = (UNNAMED,),
    refuse_stray: str | None = None,
) -> Mended:
    """A closed, oriented surface without intersections that encloses what the given triangles do.

    Args:
        points: coordinates, shape (points, 3).
        triangles: corners, shape (triangles, 3).
        values: index of each triangle's name in ``names``, shape (triangles,).
        names: names of groups of triangles, `UNNAMED` last.
        refuse_stray: remedy that the refusal of pieces apart from the largest names; ``None`` drops them.

    Raises:
        ValueError: there is no volume, or mending would change it by more than `MOST_CHANGE`; says what to do.
    """
    closed_points, closed, (found, done) = _closed(points, triangles)
    oriented = _oriented(closed)
    pieces = pieces_of(closed_points, oriented) if len(closed) else []
    if not pieces:
        raise ValueError("encloses no volume; give a closed surface")
    parts = parts_of(closed_points, pieces)
    if parts.stray and refuse_stray is not None:
        raise ValueError(f"has {list_of(closed_points, parts)}; {refuse_stray}")
    new_found, new_done = _in_words(closed_points, parts, int((oriented != closed).any(axis=1).sum()))
    found += new_found
    done += new_done
    stray = tuple(piece.volume / pieces[0].volume for piece in parts.stray)
    source = Triangulation(points, triangles, np.zeros(len(triangles), dtype=int) if values is None else values, names)
    original = _of_pieces(closed_points, parts.outer)
    before, area = original.volume(), original.areas().sum()
    problem = problem_of(original)
    if problem is None:
        shells = tuple(labelled(whole(closed_points, group), source) for group in parts.shells)
        return Mended(labelled(original, source), shells, tuple(found), tuple(done), stray=stray)
    if len(parts.outer) == 1:
        found.append(problem)
        done.append("made the surface anew from winding numbers on a grid")
        surface = _anew(original, GRID_SHARE)
    else:
        surface = whole(closed_points, parts.outer)
    change = surface.volume() / before - 1.0
    if len(parts.outer) == 1 and abs(change) > MOST_CHANGE:
        raise ValueError(
            f"cannot be mended: its volume would change by {100 * change:.2g} % (allowed: {100 * MOST_CHANGE:g} %), "
            "as it overlaps itself; export the surface again from its labels"
        )
    distance = float(np.abs(Target(original.points, original.triangles).nearest(surface.points)[1]).max())
    shells = tuple(labelled(whole(closed_points, group), source) for group in parts.shells)
    made = float(surface.areas().sum() / area - 1.0)
    return Mended(labelled(surface, source), shells, tuple(found), tuple(done), change, made, distance, stray)


def _in_words(points: np.ndarray, parts: Parts, turned: int) -> tuple[list[str], list[str]]:
    """Words on the pieces of a file, and on what is done about them."""
    found, done = [], []
    if turned:
        done.append(f"turned {turned} triangles that disagreed with their neighbours")
    outside = [*parts.outer, *parts.stray]
    if any(piece.turned for piece in outside):
        done.append(f"turned {sum(piece.turned for piece in outside)} pieces that were inside out")
    if parts.stray:
        found.append(list_of(points, parts))
        done.append("dropped the pieces apart")
    if parts.specks:
        done.append(f"dropped {len(parts.specks)} specks")
    if parts.shells:
        found.append(f"{len(parts.shells)} closed surfaces within")
    if parts.nested:
        found.append(f"{len(parts.nested)} surfaces within these, which belong to their inside")
        done.append("dropped the surfaces within others")
    for group in (parts.outer, *parts.shells):
        if len(group) > 1:
            done.append(f"united {len(group)} overlapping pieces")
    return found, done


def whole(points: np.ndarray, group: tuple[Piece, ...]) -> Triangulation:
    """A sound surface of one piece, or of the union of pieces that overlap; normals outward.

    Raises:
        ValueError: the pieces touch, but do not overlap.
    """
    surface = _of_pieces(points, group)
    if len(group) > 1:
        surface = _anew(surface, UNION_SHARE)
        if surface.volume() < (1.0 - MOST_LOST) * group[0].volume:
            raise ValueError(
                f"has {len(group)} pieces that touch, but hardly overlap; join them where the file is made"
            )
        return surface
    return surface if problem_of(surface) is None else _anew(surface, GRID_SHARE)


def _anew(surface: Triangulation, share: float) -> Triangulation:
    """The surface made anew on a grid whose spacing is a share of volume by area."""
    spacing = share * surface.volume() / float(surface.areas().sum())
    points, triangles = outer_surface(surface.points, surface.triangles, spacing)
    pieces = pieces_of(points, triangles) if _open_edges(triangles) == 0 else []
    if not pieces or sum(piece.volume for piece in pieces[1:]) > MOST_LOST * pieces[0].volume:
        raise ValueError("falls into pieces where it is made anew; export the surface again from its labels")
    return _of_pieces(points, pieces[:1])


def made_anew(repaired: Mended, share: float) -> Mended:
    """The surface made anew on another grid, where its creases are other ones.

    Args:
        repaired: result of `mended`.
        share: spacing of the grid over volume by area.

    Raises:
        ValueError: the volume would change by more than `MOST_CHANGE`; says so.
    """
    before = repaired.surface
    surface = labelled(_anew(before, share), before)
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


def _of_pieces(points: np.ndarray, pieces: Sequence[Piece]) -> Triangulation:
    """A surface of the triangles of pieces alone."""
    triangles = np.concatenate([piece.triangles for piece in pieces])
    used, index = np.unique(triangles, return_inverse=True)
    return Triangulation(points[used], index.reshape(-1, 3), np.zeros(len(triangles), dtype=int), (UNNAMED,))


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


def _oriented(triangles: np.ndarray) -> np.ndarray:
    """Triangles turned where they disagree with their neighbours of the same piece; each edge has two triangles."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    directed, number = _edges(triangles)
    order = np.argsort(number, kind="stable").reshape(-1, 2)
    owner = np.tile(np.arange(len(triangles)), 3)
    pairs, same = owner[order], (directed[order[:, 0]] == directed[order[:, 1]]).all(axis=1)
    if not same.any():
        return triangles
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(triangles),) * 2).tocsr()
    graph = graph + graph.T
    count, piece = connected_components(graph, directed=False)
    flip = np.zeros(len(triangles), dtype=bool)
    disagree = {}
    for (a, b), odd in zip(pairs.tolist(), same.tolist(), strict=True):
        disagree[a, b] = disagree[b, a] = odd
    for start in (np.flatnonzero(piece == i)[0] for i in range(count)):
        reached, before = breadth_first_order(graph, start, directed=False)
        for t in reached[1:].tolist():
            flip[t] = flip[before[t]] != disagree[t, int(before[t])]
    return np.where(flip[:, None], triangles[:, ::-1], triangles)
