"""Body of a run for the viewer: surface by boundary, a cut, and fields at the listed times, from files of fields.

A mesh that is finer than a page can hold is drawn with fewer triangles, whose nodes keep their places and values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.pages.page import PACKAGE, environment
from spinepnp.pages.viewer import Body, Field
from spinepnp.pages.words import Words
from spinepnp.plots.animation import node_weights, scale
from spinepnp.plots.cells import EDGES, TRIANGLES, facets, is_solid, read_fields
from spinepnp.plots.membranes import GATE, MEMBRANE, ON_IT
from spinepnp.plots.style import ColourScale, level_limits
from spinepnp.runtime.files import BOUNDARY
from spinepnp.units import CONCENTRATION, POTENTIAL

#: Largest number of triangles of a body, and the number that is always shown.
MOST_TRIANGLES, FEWEST_TRIANGLES = 60_000, 8_000

#: Largest number of bytes of all values of a body, and of files of fields that are read for it.
VALUES, FILES = 1_100_000, 400_000_000

#: Largest number of times.
MOST_TIMES = 24

#: Height that a range of values has on a flat surface whose triangles are to be fewer, over its larger side.
RELIEF = 0.5

#: Distance below which nodes of two parts are one, um: they differ by rounding.
SAME = 1e-9

#: Scales of colours of the ions in their order.
ION_SCALES = ("plasma", "cividis", "magma", "inferno")


@dataclass(frozen=True)
class Fields:
    """Fields of a run at several times, on one mesh.

    Attributes:
        grid: mesh, um.
        labels: time of each frame in words; one empty word of a steady state.
        names: names of the arrays.
        values: values at the nodes, shape (nodes, times, names).
        first: number of the frame that is shown at first: the last of them, or that of the largest potentials.
    """

    grid: Any
    labels: tuple[str, ...]
    names: tuple[str, ...]
    values: np.ndarray
    first: int


def read_frames(frames: Sequence[tuple[str, Any]], shown_as: Callable[[Any], Any] = lambda grid: grid) -> Fields:
    """Fields of several frames, as many as a page can hold; those on another mesh than the last one are left out.

    Args:
        frames: label of each frame, and its file or grid; at least one.
        shown_as: gives the grid that is shown for one of a file.
    """
    last = frames[-1][1]
    size = last.stat().st_size if isinstance(last, Path) else 0
    count = min(len(frames), MOST_TIMES, max(2, FILES // max(size, 1)))
    chosen = np.unique(np.linspace(len(frames) - 1, 0, count).round().astype(int))
    grid = shown_as(_grid(last))
    kinds = ("potential_", "concentration_", GATE)
    shown = [name for name in grid.point_data if name.startswith(kinds)]
    names = tuple(sorted(shown, key=lambda name: [not name.startswith(kind) for kind in kinds]))  # else as in the case
    labels, values = [], []
    for i in chosen.tolist():
        label, source = frames[i]
        one = grid if source is last else shown_as(_grid(source))
        if one.n_points == grid.n_points and all(name in one.point_data for name in names):
            labels.append(label)
            values.append(np.array([one.point_data[name] for name in names], dtype=np.float32))
    stacked = np.ascontiguousarray(np.array(values).transpose(2, 0, 1))
    spread = np.ptp(stacked[:, :, 0], axis=0)
    return Fields(grid, tuple(labels), names, stacked, int(spread.argmax()) if len(labels) > 1 else 0)


def _grid(source: Any) -> Any:
    """Grid of a file, or a grid as it is; the parts of one in parts share their nodes."""
    if not isinstance(source, Path):
        return source
    grid = read_fields(source)
    return grid.clean(tolerance=SAME) if source.suffix == ".pvtu" else grid


def viewer_html(grid: Any, looks: Mapping[str, ColourScale]) -> str:
    """HTML of a viewer of one state of a body, cut open at first, with its script.

    Args:
        grid: grid of the body, um.
        looks: scales of colours of the arrays that are shown, by name; their labels end with the unit in brackets.
    """
    values = np.stack([grid.point_data[name] for name in looks], axis=1).astype(np.float32)[:, None]
    body = body_of(Fields(grid, ("",), tuple(looks), values, 0), looks, opened=True)
    return environment(PACKAGE).get_template("viewer.html.j2").render(body=body.data())


def body_of(fields: Fields, looks: Mapping[str, ColourScale], *, opened: bool) -> Body:
    """Body of a run: a surface that is closed and a cut, or a meridian.

    Args:
        fields: fields of the run; no line.
        looks: scale of colours of each array, by name.
        opened: whether it is shown cut open at first.
    """
    grid, solid = fields.grid, is_solid(fields.grid)
    marked = marked_facets(grid)
    # Curved facets are drawn as four flat ones where there are not too many.
    surface, patches = [], []
    for number, found in enumerate(marked.values()):
        pieces = _straight(found, solid)
        surface.append(pieces)
        patches.append(np.full(len(pieces), number))
    outline, numbers = np.vstack(surface), np.concatenate(patches).astype(np.uint8)
    cells = grid.cell_connectivity.reshape(grid.n_cells, -1)
    if solid:
        points, values, cut = _with_cut(grid, fields.values)
    else:
        points, values, cut = np.asarray(grid.points), fields.values, _straight_triangles(cells)
    budget = int(np.clip(VALUES // values[0].size, FEWEST_TRIANGLES, MOST_TRIANGLES))  # a node has two triangles
    share = budget / max(len(cut) + (len(outline) if solid else 0), 1)
    if share < 1.0:
        cut = _fewer(_relief(points, values, flat=solid), cut, share)
        if solid:
            parts = [_fewer(points, outline[numbers == n], share) for n in range(len(marked))]
            outline, numbers = (
                np.vstack(parts),
                np.repeat(np.arange(len(parts), dtype=np.uint8), [len(p) for p in parts]),
            )
    used, renumbered = np.unique(np.concatenate([outline.ravel(), cut.ravel()]), return_inverse=True)
    return Body(
        points=points[used] if solid else points[used][:, :2],
        surface=renumbered[: outline.size].reshape(outline.shape),
        patches=numbers,
        names=tuple(marked),
        cut=renumbered[outline.size :].reshape(-1, 3),
        plane=float(grid.center[1]) if solid else 0.0,
        opened=opened,
        fields=[
            _field(looks[name], values[used][:, :, i], _patches_of(name, list(marked)))
            for i, name in enumerate(fields.names)
            if name in looks
        ],
    )


def marked_facets(grid: Any) -> dict[str, np.ndarray]:
    """Facets of each boundary, corners first, shape (facets, nodes); all by an empty name in older files."""
    known = TRIANGLES if is_solid(grid) else EDGES
    corners = len(known[0]) // 2 if is_solid(grid) else 2
    cells = grid.cell_connectivity.reshape(grid.n_cells, -1)
    opposite = {next(iter(set(range(corners + 1)) - set(facet[:corners]))): facet for facet in known}
    nodes = np.array([[n for n in opposite[v] if n < cells.shape[1]] for v in range(corners + 1)])
    found = {}
    for name in sorted(name for name in grid.field_data if name.startswith(BOUNDARY)):
        codes = np.asarray(grid.field_data[name])
        if len(codes):
            found[name.removeprefix(BOUNDARY)] = cells[codes // 4][np.arange(len(codes))[:, None], nodes[codes % 4]]
    if found:
        return found
    outer = facets(grid)
    if not is_solid(grid):  # the axis is no surface
        outer = outer[np.any(grid.points[outer[:, :2], 0] > 1e-9 * np.ptp(grid.points), axis=1)]
    return {"": outer}


def _straight(found: np.ndarray, solid: bool) -> np.ndarray:
    """Straight triangles of facets of a body, edges of those of a meridian; several of a curved one."""
    if not solid:
        return found if found.shape[1] == 2 else np.vstack([found[:, [0, 2]], found[:, [2, 1]]])
    if found.shape[1] == 3 or len(found) > MOST_TRIANGLES // 4:
        return found[:, :3]
    return _straight_triangles(found)


def _straight_triangles(found: np.ndarray) -> np.ndarray:
    """Triangles of curved ones with six nodes in VTK's order: four each, or the corners where there are many."""
    if found.shape[1] == 3 or len(found) > MOST_TRIANGLES // 4:
        return found[:, :3]
    return np.vstack([found[:, [0, 3, 5]], found[:, [3, 1, 4]], found[:, [5, 4, 2]], found[:, [3, 4, 5]]])


def _with_cut(grid: Any, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes and values of a body and of its cut through the middle, and the triangles of the cut."""
    import pyvista

    corners = grid.cell_connectivity.reshape(grid.n_cells, -1)[:, :4]
    y = np.asarray(grid.points)[corners, 1] - grid.center[1]
    across = corners[(y.min(axis=1) <= 0.0) & (y.max(axis=1) >= 0.0)]
    straight = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: across}, grid.points)
    straight.point_data["values"] = values.reshape(len(values), -1)
    cut = straight.slice(normal="y", origin=grid.center)
    triangles = cut.regular_faces if cut.is_all_triangles else cut.triangulate().regular_faces
    if not len(triangles):
        return np.asarray(grid.points), values, np.zeros((0, 3), dtype=int)
    of_cut = np.asarray(cut.point_data["values"], dtype=np.float32).reshape(-1, *values.shape[1:])
    return np.vstack([grid.points, cut.points]), np.concatenate([values, of_cut]), len(values) + np.asarray(triangles)


def _relief(points: np.ndarray, values: np.ndarray, *, flat: bool) -> np.ndarray:
    """Points of a flat part with the first field as height, so that triangles stay where it bends.

    Args:
        points: coordinates, shape (n, 3).
        values: values, shape (n, times, names).
        flat: whether the part lies in a plane y = const, else in one of z = const.
    """
    lifted = np.array(points, dtype=float)
    mean = values[:, :, 0].astype(float).mean(axis=1)
    side = np.ptp(points, axis=0).max()
    lifted[:, 1 if flat else 2] = (mean - mean.min()) / max(np.ptp(mean), 1e-30) * RELIEF * side
    return lifted


def _fewer(points: np.ndarray, triangles: np.ndarray, share: float) -> np.ndarray:
    """About a share of the triangles of a part; its rim and its nodes stay where they are."""
    import pyvista

    if not len(triangles):
        return triangles
    used, numbers = np.unique(triangles, return_inverse=True)
    part = pyvista.PolyData.from_regular_faces(points[used], numbers.reshape(triangles.shape))
    part.point_data["node"] = used.astype(np.int64)
    fewer = part.decimate_pro(
        1.0 - share, preserve_topology=True, splitting=False, boundary_vertex_deletion=False, feature_angle=60.0
    )
    return np.asarray(fewer.point_data["node"])[fewer.regular_faces]


def _patches_of(name: str, boundaries: list[str]) -> tuple[int, ...]:
    """Number of the boundary on which a gate is; none of a field that is everywhere."""
    return (boundaries.index(boundary_of(name)),) if name.startswith(GATE) else ()


def boundary_of(gate: str) -> str:
    """Boundary of an array of a gate, ``gate.BOUNDARY.MECHANISM.LABEL``."""
    return gate.split(".")[1]


def looks_of(fields: Fields) -> dict[str, ColourScale]:
    """Scale of colours of each array of a run, the same at all times, without what is extreme in a small volume.

    Gates have one of their values on the membrane, where the file tells the facets of its boundary.
    """
    weights, looks = node_weights(fields.grid), dict[str, ColourScale]()
    words = Words.of(f"{name}.area_um2" for name in marked_facets(fields.grid))
    for i, name in enumerate(fields.names):
        if name.startswith(GATE):
            boundary, mechanism, gate = name.removeprefix(GATE).split(".", 2)
            mark = fields.grid.point_data.get(f"{MEMBRANE}{boundary}")
            if mark is not None and f"{BOUNDARY}{boundary}" in fields.grid.field_data:
                on_it = fields.values[np.asarray(mark) > ON_IT, :, i]
                label = words.of_column(f"{boundary}.{mechanism}.gate.{gate}").words
                looks[name] = ColourScale(label, "plasma", level_limits(on_it.min(), on_it.max()))
            continue
        species = name.partition(".")[2]
        label = f"{species} ({CONCENTRATION.unit})" if species else f"potential ({POTENTIAL.unit})"
        colours = ION_SCALES[(len(looks) - 1) % len(ION_SCALES)] if species else "viridis"
        limits, extend = scale(fields.values[:, :, i].T, weights)
        looks[name] = ColourScale(label, colours, limits, extend)
    return looks


def _field(look: ColourScale, values: np.ndarray, patches: tuple[int, ...] = ()) -> Field:
    """Field for the viewer, of values of shape (nodes, times), on some boundaries or everywhere."""
    label, _, unit = look.label.partition(" (")
    return Field(label, unit.removesuffix(")"), look, values.T, patches)
