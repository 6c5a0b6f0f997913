"""Check, before Gmsh runs, that a mesh and the solve on it fit into the memory of this machine."""

from __future__ import annotations

from spinepnp.errors import CaseError
from spinepnp.geometries import Geometry
from spinepnp.meshes.options import MeshOptions, ResolvedMeshOptions
from spinepnp.runtime.memory import available_memory
from spinepnp.units import LENGTH, format_quantity

#: Peak resident memory per curved cell, bytes: Gmsh and the distribution of the mesh; measured.
BYTES_PER_CELL = 1500.0

#: Nodes of Lagrange elements per cell, by dimension and degree; measured, in 3D on meshes with much surface.
NODES_PER_CELL = {"3d": {1: 0.2, 2: 1.48}, "axisymmetric": {1: 0.6, 2: 2.2}, "1d": {1: 1.02, 2: 2.02}}

#: Length of a shape, over its largest one, below which it is named as the cause of a large mesh.
SMALL_LENGTH = 0.05

#: Size over the default one from which on a large mesh is due to the shape, and not to mesh.size.
DEFAULT_SIZE = 0.99


def check_memory(geometry: Geometry, options: ResolvedMeshOptions, solver: float = 0.0) -> None:
    """Refuse a mesh whose estimated memory exceeds what the machine has.

    Args:
        geometry: shape to mesh.
        options: options of the mesh.
        solver: memory that the solve on this mesh will need, bytes.

    Raises:
        CaseError: names the key that makes the mesh so large, the estimate and what to do.
    """
    cells = options.cells(geometry)
    need, have = cells * BYTES_PER_CELL + solver, available_memory()
    if need > have:
        purpose = " for the mesh and the solve" if solver else ""
        key, value, advice = _culprit(geometry, options, cells, have / need)
        raise CaseError(
            key,
            f"about {cells:.2g} cells need {need / 1e9:.3g} GB{purpose}, {have / 1e9:.3g} GB are free; {advice}",
            value,
        )


def _culprit(geometry: Geometry, options: ResolvedMeshOptions, cells: float, share: float) -> tuple[str, object, str]:
    """The key that makes a mesh too large, its value, and what to do; ``share`` of the estimated cells would fit."""

    def fits(**changed: object) -> bool:
        return options.model_copy(update=changed).cells(geometry) <= share * cells

    if options.refine and fits(refine=0):
        return "mesh.refine", options.refine, "make it smaller"
    for name, grade in options.grade.items():
        if fits(grade={other: g for other, g in options.grade.items() if other != name}):
            return f"mesh.grade.{name}.size", format_quantity(grade.size, LENGTH), "make it or its growth larger"
    size = format_quantity(float(f"{options.size:.6g}"), LENGTH)
    small = SMALL_LENGTH * max(geometry.lengths().values(), default=0.0)
    lengths = {name: value for name, value in geometry.lengths().items() if value < small}
    if options.size >= DEFAULT_SIZE * MeshOptions().resolved(geometry).size and lengths:
        name = min(lengths, key=lambda key: lengths[key])
        advice = f"it is small beside the other lengths; make it or mesh.size = {size} larger"
        return f"geometry.{name}", format_quantity(lengths[name], LENGTH), advice
    return "mesh.size", size, "make it larger"
