"""Membranes in a grid of fields: where they lie, and the potential over them and gates in them.

Boundaries with mechanisms or a capacitance are marked in files of fields by arrays ``membrane.BOUNDARY``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.plots.cells import facets, is_line, is_solid
from spinepnp.solvers.model.membrane.law_keys import INSIDE
from spinepnp.solvers.model.membrane.traces import neutral_trace
from spinepnp.solvers.problem.columns import NEUTRAL_POTENTIAL, POTENTIAL_COLUMN, shown_potential
from spinepnp.units import CONCENTRATION, POTENTIAL

#: Beginning of the names of arrays that mark membranes, and of those of gates in them.
MEMBRANE, GATE = "membrane.", "gate."

#: Value of a mark above which a node lies on the membrane; between a node on it and one inside there is one half.
ON_IT = 0.99

#: Length of coordinates in files of fields, m.
LENGTH_UNIT = 1e-6

#: Name of the potential over a membrane among the quantities.
VOLTAGE = f"membrane potential ({POTENTIAL.unit})"


@dataclass(frozen=True)
class Stretch:
    """Piece of a membrane that is a curve, or a point.

    Attributes:
        boundary: name of its boundary.
        position: z, r or arc length at its nodes, rising, um, shape (n,).
        nodes: nodes of the grid, shape (n,).
    """

    boundary: str
    position: np.ndarray
    nodes: np.ndarray


def membranes_of(case: Case, grid: Any) -> list[str]:
    """Boundaries that are marked in a grid, but for those without gates that have no potential across by definition."""
    marked = [name for name in case.boundaries if f"{MEMBRANE}{name}" in grid.point_data]
    return [name for name in marked if not _is_even(case, name) or gates_of(grid, [name])]


def _is_even(case: Case, name: str) -> bool:
    """Whether the potential outside a membrane is that inside."""
    outside = case.boundaries[name].outside
    return outside is not None and outside.potential == INSIDE


def gates_of(grid: Any, boundaries: list[str]) -> list[str]:
    """Gates by mechanism and label, ``MECHANISM LABEL``, each once, also where several boundaries have it."""
    found: dict[str, None] = {}
    for boundary in boundaries:
        start = f"{GATE}{boundary}."
        names = (name.removeprefix(start) for name in grid.point_data if name.startswith(start))
        found |= dict.fromkeys(name.replace(".", " ") for name in names)
    return list(found)


def unresolved(case: Case, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Membranes over which the potential beside the Debye layer is drawn, as cells do not resolve the layer.

    Args:
        case: case of the run.
        rows: rows of observables.csv, numbers or as they are read.
    """
    membranes = (name for name, boundary in case.boundaries.items() if not boundary.is_equipotential)
    return {name for name in membranes if NEUTRAL_POTENTIAL in shown_potential(name, *rows)}


def voltage_label(beside: Iterable[str], names: Sequence[str]) -> str:
    """Name of the potential over membranes, which tells where it is that beside the Debye layer.

    Args:
        beside: membranes over which it is.
        names: all membranes.
    """
    found = [name for name in names if name in beside]
    where = "" if len(found) == len(names) else f" of {', '.join(found)}"
    return VOLTAGE if not found else f"{VOLTAGE},\nbeside the Debye layer{where}"


def heights(grid: Any) -> np.ndarray:
    """Heights z of the nodes of a body, a meridian or a line, um."""
    return np.asarray(grid.points[:, 0 if is_line(grid) else 2 if is_solid(grid) else 1])


def over_membrane(
    case: Case,
    fields: Any,
    quantity: str,
    boundary: str,
    *,
    nodes: Any = slice(None),
    beside: np.ndarray | None = None,
) -> np.ndarray | None:
    """Values of a quantity at nodes of a boundary. None where it has no such gate.

    Args:
        case: case of the run.
        fields: arrays by name: of a grid, or of several times, whose last axis is that of the nodes.
        quantity: `VOLTAGE` or a gate of `gates_of`.
        boundary: name of the boundary.
        nodes: nodes on it.
        beside: heights of the nodes, um, where the potential is that of the neutral solution beside the Debye layer.
    """
    if quantity != VOLTAGE:
        name = f"{GATE}{boundary}.{quantity.replace(' ', '.')}"
        return np.asarray(fields[name])[..., nodes] if name in fields else None
    if case.boundaries[boundary].is_equipotential:
        return np.zeros_like(np.asarray(fields[POTENTIAL_COLUMN])[..., nodes])
    outside = case.boundaries[boundary].outside_potential / POTENTIAL.si
    potential = np.asarray(fields[POTENTIAL_COLUMN])[..., nodes] - outside
    return potential if beside is None else potential + _shift(case, fields, nodes, beside)


def without_layers(case: Case, grid: Any) -> Any:
    """Grid whose potential and concentrations are those of the neutral solution at each node.

    Cells that do not resolve Debye layers hold their charge in the nodes of the wall, and ring beside it; the
    electrochemical potentials, and so the neutral solution, are smooth. The grid itself where there is none: without
    ions of both signs.

    Args:
        case: case of the run.
        grid: grid of fields.
    """
    signs = {np.sign(species.valence) for species in case.electrolyte.species}
    if not {-1.0, 1.0} <= signs:
        return grid
    shift = _shift(case, grid.point_data, slice(None), heights(grid))
    shown, V_T = grid.copy(), case.electrolyte.V_T / POTENTIAL.si
    shown.point_data[POTENTIAL_COLUMN] = grid.point_data[POTENTIAL_COLUMN] + shift
    for species in case.electrolyte.species:
        name = f"concentration_{CONCENTRATION.suffix}.{species.name}"
        shown.point_data[name] = grid.point_data[name] * np.exp(-species.valence * shift / V_T)
    return shown


def _shift(case: Case, fields: Any, nodes: Any, z: np.ndarray) -> np.ndarray:
    """Potential of the neutral solution beside the Debye layer over that at the nodes, in the unit of the results."""
    electrolyte = case.electrolyte
    fixed = np.full(len(z), electrolyte.uniform_charge)
    for charged in electrolyte.charged_regions:
        low, high = np.array(charged.region) / LENGTH_UNIT
        fixed += charged.value * ((low <= z) & (z < high))
    name = f"concentration_{CONCENTRATION.suffix}."
    c = np.stack([np.asarray(fields[f"{name}{s}"])[..., nodes] for s in electrolyte.names], axis=-1) * CONCENTRATION.si
    valences = np.array([species.valence for species in electrolyte.species])
    moves = np.array([float(species.moves) for species in electrolyte.species])
    shape = c.shape[:-1]
    shift = neutral_trace(c.reshape(-1, len(valences)), valences, np.broadcast_to(fixed, shape).ravel(), moves).shift
    return shift.reshape(shape) * electrolyte.V_T / POTENTIAL.si


def facets_by_boundary(case: Case, grid: Any) -> dict[str, np.ndarray]:
    """Outer facets of a body or of a meridian that lie on each membrane, corners first, shape (facets, nodes)."""
    outer = facets(grid)
    return {
        name: outer[np.all(grid.point_data[f"{MEMBRANE}{name}"][outer] > ON_IT, axis=1)]
        for name in membranes_of(case, grid)
    }


def stretches(case: Case, grid: Any) -> list[list[Stretch]]:
    """Membranes of a line or of a meridian, by connected parts of the outline.

    Positions on a line are its coordinate; on a meridian the arc length of the part from its first membrane on.
    """
    if is_line(grid):
        found = []
        for name in membranes_of(case, grid):
            nodes = np.flatnonzero(grid.point_data[f"{MEMBRANE}{name}"] > ON_IT)
            nodes = nodes[np.argsort(grid.points[nodes, 0])]
            found.append(Stretch(name, grid.points[nodes, 0], nodes))
        return [found]
    outer = facets(grid)
    owner = {
        tuple(sorted(facet[:2].tolist())): name
        for name, found_there in facets_by_boundary(case, grid).items()
        for facet in found_there
    }
    off_axis = np.any(grid.points[outer, 0] > 1e-9 * np.ptp(grid.points, axis=0).max(), axis=1)
    parts = []
    for chain in _chains(outer[off_axis], grid.points):
        length = np.concatenate([[0.0], np.cumsum(_lengths(chain, grid.points))])
        names = [owner.get(tuple(sorted(facet[:2].tolist())), "") for facet in chain]
        held = [i for i, name in enumerate(names) if name]
        if held:
            parts.append(list(_pieces(chain, names, length - length[held[0]])))
    return parts


def _chains(edges: np.ndarray, points: np.ndarray) -> Iterator[np.ndarray]:
    """Connected edges of an outline in a row, each from its first to its second corner; the lowest end comes first.

    Args:
        edges: corners, and the node between them where edges are curved, shape (edges, nodes).
        points: coordinates (r, z), shape (points, 3).
    """
    at: dict[int, list[int]] = {}
    for number, edge in enumerate(edges):
        for corner in edge[:2].tolist():
            at.setdefault(corner, []).append(number)
    left = set(range(len(edges)))
    while left:
        corners = {corner for number in left for corner in edges[number, :2].tolist()}
        ends = [corner for corner in corners if sum(number in left for number in at[corner]) == 1]
        here = min(ends or corners, key=lambda corner: (points[corner, 1], points[corner, 0]))
        row = []
        while following := [number for number in at[here] if number in left]:
            number = following[0]
            left.remove(number)
            edge = edges[number]
            row.append(edge if edge[0] == here else np.array([edge[1], edge[0], *edge[2:]]))
            here = int(row[-1][1])
        yield np.array(row)


def _lengths(chain: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Lengths of edges in a row, um; a curved one is taken as two straight ones."""
    middle = points[chain[:, 2]] if chain.shape[1] > 2 else points[chain[:, :2]].mean(axis=1)
    return np.linalg.norm(middle - points[chain[:, 0]], axis=1) + np.linalg.norm(points[chain[:, 1]] - middle, axis=1)


def _pieces(chain: np.ndarray, names: list[str], length: np.ndarray) -> Iterator[Stretch]:
    """Stretches of a chain: neighbouring edges of one membrane."""
    start = 0
    for i in range(1, len(names) + 1):
        if i < len(names) and names[i] == names[start]:
            continue
        if names[start]:
            nodes = np.append(chain[start:i, 0], chain[i - 1, 1])
            yield Stretch(names[start], length[start : i + 1], nodes)
        start = i
