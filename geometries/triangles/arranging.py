"""A surface of several pieces as the surface of one body: an outer one, and holes with names of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spinepnp.geometries.triangles.mending import whole
from spinepnp.geometries.triangles.pieces import (
    edge_parts,
    joined,
    labelled,
    list_of,
    parts_of,
    pieces_of,
    shell_names,
    single,
)
from spinepnp.geometries.triangulation import UNNAMED, Triangulation


def arranged(surface: Triangulation, refuse_stray: str | None) -> Triangulation:
    """The surface of one body: pieces within the largest are its holes, pieces that overlap are united.

    A surface of one piece stays as it is, and so does one that is open, which `problem_of` refuses. Triangles of a hole
    that have no name get one: inner_1, inner_2, ..., by falling volume.

    Args:
        surface: triangles of a file, with cells or without.
        refuse_stray: remedy that the refusal of pieces apart from the largest names; ``None`` drops them.

    Raises:
        ValueError: there are pieces apart, or pieces that touch; says what to do.
    """
    triangles = surface.triangles[:, :3]
    part = edge_parts(triangles)
    if part.max(initial=0) == 0 or not _closed(triangles):
        return surface
    if surface.cells is not None:
        return _with_named_holes(surface, part)
    pieces = pieces_of(surface.points, triangles)
    if not pieces:
        return surface
    parts = parts_of(surface.points, pieces)
    if parts.stray and refuse_stray is not None:
        raise ValueError(f"has {list_of(surface.points, parts)}; {refuse_stray}")
    outer, *shells = (
        single(surface, group[0]) if len(group) == 1 else labelled(whole(surface.points, group), surface)
        for group in (parts.outer, *parts.shells)
    )
    return joined(outer, shells)


def _closed(triangles: np.ndarray) -> bool:
    """Whether each edge has two triangles."""
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    return bool((np.unique(edges, axis=0, return_counts=True)[1] == 2).all())


def _with_named_holes(surface: Triangulation, part: np.ndarray) -> Triangulation:
    """A surface with cells, whose holes get names; its facets have no direction: the widest part is the outer one."""
    wide = [
        np.linalg.norm(np.ptp(surface.points[surface.triangles[part == i]], axis=(0, 1))) for i in range(part.max() + 1)
    ]
    holes = [i for i in np.argsort(wide)[::-1][1:] if (surface.values[part == i] == len(surface.names) - 1).any()]
    named = surface.names[:-1]
    names = (*named, *shell_names(len(holes), named), UNNAMED)
    values = np.where(surface.values == len(named), len(names) - 1, surface.values)
    for number, i in enumerate(holes):
        values[(part == i) & (surface.values == len(named))] = len(named) + number
    return replace(surface, values=values, names=names)
