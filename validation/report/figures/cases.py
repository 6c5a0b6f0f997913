"""Small solves for figures: a case file with some keys changed, and its results by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spinepnp.case.case import Case, make_case
from spinepnp.case.toml import read_tables, read_text
from spinepnp.checkout import validation_folder
from spinepnp.meshes import generate
from spinepnp.solvers.problem.field_files import gather_mesh
from spinepnp.units import CONCENTRATION, POTENTIAL
from spinepnp.validation.suite.solve import Row, observables

#: Names of probes along an axis, by their index.
PROBE = "at_{:03d}"


def case_of(name: str, changes: Mapping[str, object]) -> Case:
    """Case of a file of cases/ (by its name without ending), checked, with values changed by dotted key."""
    path = validation_folder().parent / f"{name}.toml"
    return make_case(read_tables(read_text(path), str(path), list(changes.items()), path.parent))


def probes(places: Sequence[float]) -> dict[str, list[str]]:
    """Probes on the z axis at some heights, um."""
    return {PROBE.format(i): ["0 nm", "0 nm", f"{z!r} um"] for i, z in enumerate(places)}


def solved(name: str, changes: Mapping[str, object], comm: Any) -> list[Row]:
    """Observables of a case with some keys changed, one row for each point or time.

    Args:
        name: name of a file of cases/, without ending.
        changes: values by dotted key of the case.
        comm: MPI communicator.
    """
    return observables(case_of(name, changes), comm)


def potentials(row: Row, places: Sequence[float]) -> np.ndarray:
    """Potential at the probes of `probes`, mV."""
    return np.array([row[f"{PROBE.format(i)}.potential_{POTENTIAL.suffix}"] for i in range(len(places))])


def concentrations(row: Row, places: Sequence[float], ion: str) -> np.ndarray:
    """Concentration of an ion at the probes of `probes`.

    Args:
        row: observables of one point or time.
        places: heights of the probes, um.
        ion: name of the species.

    Returns:
        Concentrations, mM, shape (places,).
    """
    return np.array([row[f"{PROBE.format(i)}.concentration_{CONCENTRATION.suffix}.{ion}"] for i in range(len(places))])


def draw_meridian(axes: Any, case: Case, comm: Any, **line_style: Any) -> Any:
    """Draw the cells of a meridian and their mirror image, which show the section of the body.

    Args:
        axes: axes of matplotlib.
        case: case whose mesh is drawn.
        comm: communicator of one rank.
        line_style: properties of the lines.

    Returns:
        The grid that was drawn.
    """
    grid = gather_mesh(generate(case.geometry, case.mesh, comm))
    corners = grid.cell_connectivity.reshape(grid.n_cells, -1)[:, :3]
    lines = {"color": "#8a939c", "linewidth": 0.35, "rasterized": True} | line_style
    for side in (-1.0, 1.0):
        axes.triplot(side * grid.points[:, 0], grid.points[:, 1], corners, **lines)
    axes.set_aspect("equal")
    axes.grid(False)
    axes.set_xlabel("r (um)")
    axes.set_ylabel("z (um)")
    return grid
