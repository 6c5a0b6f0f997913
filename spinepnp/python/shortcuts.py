"""Meshes and boundary conditions in one call."""

from __future__ import annotations

from typing import Any

from spinepnp.case.case import make_mesh_case
from spinepnp.geometries import Geometry
from spinepnp.meshes import GradeOptions, MeshOptions, SpineMesh, generate
from spinepnp.messages import validated
from spinepnp.runtime.stack import MPI
from spinepnp.solvers.model.boundaries import Boundary


def mesh(geometry: Geometry | dict[str, Any], *, comm: Any = None, log: Any = None, **options: Any) -> SpineMesh:
    """Mesh of a geometry. Collective.

    Args:
        geometry: the shape, or the keys of the table [geometry] of a case file.
        comm: MPI communicator, by default all ranks (`COMM_WORLD`); the mesh is the same on any number of ranks.
        log: takes a line on rank 0 before a large mesh is made.
        options: keys of the table [mesh] of a case file (`size`, `order`, `refine`, `grade`, `grade_planes`,
            `element_degree`). In `grade`, an edge length alone stands for a table with this size:
            ``grade={"top": "0.1 nm"}``.

    Returns:
        The distributed mesh, with coordinates in micrometres.

    Raises:
        CaseError: wrong keys or values, options that do not fit the shape, or a mesh that does not fit into memory.
        SolveError: the mesh could not be made.
    """
    if isinstance(options.get("grade"), dict):
        options["grade"] = {name: _with_size(value) for name, value in options["grade"].items()}
    comm = MPI.COMM_WORLD if comm is None else comm
    if isinstance(geometry, Geometry):
        return generate(geometry, validated(options, MeshOptions, "mesh"), comm, log=log)
    case = make_mesh_case({"geometry": geometry, "mesh": options})
    return generate(case.geometry, case.mesh, comm, log=log)


def _with_size(value: Any) -> Any:
    """Table of a grading; an edge length alone is its size."""
    return value if isinstance(value, dict | GradeOptions) else {"size": value}


def bath(potential: Any = "0 mV", concentrations: Any = "bulk", **keys: Any) -> Boundary:
    """Boundary with a prescribed potential and prescribed concentrations, such as the dendrite at the base of a neck.

    Args:
        potential: potential; or "floating".
        concentrations: "bulk", "absorbing", or concentrations by species.
        keys: further keys of a boundary.

    Raises:
        CaseError: wrong keys or values.
    """
    return Boundary(potential=potential, concentrations=concentrations, **keys)


def inject(species: str, value: Any = None, **keys: Any) -> Boundary:
    """Boundary through which a current of one species enters, such as a synapse; positive charge counts positive.

    Args:
        species: name of the species.
        value: total current; the height of a waveform.
        keys: further keys of a current: `waveform` with those that it needs, or `density` in place of the value.

    Raises:
        CaseError: wrong keys or values.
    """
    given = {} if value is None else {"value": value}
    return Boundary(current={"species": species, **given, **keys})
