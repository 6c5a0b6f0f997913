"""Picture of the membranes of a body: its surface with the potential over them and the open fractions of gates."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.plots.bodies import page
from spinepnp.plots.cells import facets, surface_of
from spinepnp.plots.curves import column_of
from spinepnp.plots.membranes import VOLTAGE, facets_by_boundary, gates_of, membranes_of, over_membrane, voltage_label
from spinepnp.plots.scene import Scene
from spinepnp.plots.style import scale_of
from spinepnp.units import POTENTIAL, TIME

#: Largest number of gates that are shown, those whose open fraction varies most over the membrane.
MOST_GATES = 2


def time_of_largest_change(case: Case, times: np.ndarray, rows: Sequence[dict[str, Any]]) -> int:
    """Number of the time at which the mean potential of a boundary with a membrane differs most from the first.

    Args:
        case: case of the run.
        times: times that there are fields of, in the unit of the results.
        rows: rows of observables.csv.
    """
    nearest = np.abs(column_of(rows, f"time_{TIME.suffix}") - times[:, None]).argmin(axis=1)
    names = [name for name, b in case.boundaries.items() if b.mechanisms or b.capacitance is not None]
    means = np.array([column_of(rows, f"{name}.potential_{POTENTIAL.suffix}")[nearest] for name in names])
    return int(np.abs(means - means[:, :1]).max(axis=0).argmax())


def body_figure(case: Case, grid: Any, moment: str = "", beside: Collection[str] = ()) -> Any:
    """Figure of the surface of a body with its membranes in colour.

    Args:
        case: case of the run.
        grid: grid of the fields.
        moment: their time or point of a sweep.
        beside: membranes over which the potential is that beside the Debye layer.
    """
    quantities = [VOLTAGE, *gates_of(grid, membranes_of(case, grid))]
    outer, marked = facets(grid), facets_by_boundary(case, grid)
    taken = {row.tobytes() for found in marked.values() for row in found}
    bare = outer[[row.tobytes() not in taken for row in outer]]
    pieces = []
    for name, found in (*marked.items(), ("", bare)):
        if len(found):
            pieces.append(surface_of(grid, found))
            for quantity in quantities:
                z = pieces[-1].points[:, 2] if name in beside else None
                values = over_membrane(case, pieces[-1].point_data, quantity, name, beside=z) if name else None
                found_there = np.full(pieces[-1].n_points, np.nan) if values is None else values
                pieces[-1].point_data[quantity] = found_there.astype(float)  # of one type, or VTK would drop it
    shown = pieces[0].merge(pieces[1:], merge_points=False) if len(pieces) > 1 else pieces[0]
    limits = {quantity: (np.nanmin(shown[quantity]), np.nanmax(shown[quantity])) for quantity in quantities}
    gates = sorted(quantities[1:], key=lambda name: -np.ptp(limits[name]))[:MOST_GATES]
    scene = Scene(shown.points, flat=False)
    pictures = []
    for quantity in (VOLTAGE, *gates):
        over = quantity == VOLTAGE
        label = voltage_label(beside, list(marked)) if over else f"open fraction of {quantity}"
        look = scale_of(label, "viridis" if over else "plasma", *limits[quantity])
        scene.paint(shown, quantity, look)
        pictures.append((scene.picture(), look))
    figure, _, _ = page(pictures, scene.extent, case.title or "membrane", flat=False, moment=moment)
    scene.close()
    return figure
