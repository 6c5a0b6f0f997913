"""Checks that a mesh fills the body of its geometry: volume, areas and boundary vertices against the exact ones."""

from __future__ import annotations

import numpy as np

from spinepnp.errors import CaseError, SolveError
from spinepnp.geometries import MODEL_UNIT, Geometry, ImportedSurface, LinearMesh
from spinepnp.meshes.measures import area, volume
from spinepnp.meshes.spine_mesh import SpineMesh
from spinepnp.units import AREA, LENGTH, VOLUME, Kind, format_quantity, to_unit

#: Relative error of volume and areas that is allowed where cells can fill the body exactly (a triangulation): rounding.
TOLERANCE_FILE = 1e-6

#: Relative error of volume and areas that is allowed where a surface is remeshed: the rim of a patch becomes coarser.
TOLERANCE_REMESHED = 1e-2

#: Relative error of volume and areas that is allowed with curved cells: it falls with the fourth power of the size, and
#: default meshes keep 1e-4.
TOLERANCE_CURVED = 1e-2

#: Relative error of volume and areas that is allowed with straight cells: a circle of twelve edges lacks 4.5 %.
TOLERANCE_STRAIGHT = 5e-2

#: Distance of a boundary vertex from the exact surface that is allowed, over the body's extent.
VERTEX_TOLERANCE = 1e-6

#: Distance of a boundary vertex from the exact surface that Gmsh's own tolerance allows in addition, um.
GMSH_TOLERANCE = 2e-7


def tolerance_of(mesh: SpineMesh) -> float:
    """Relative difference between exact and meshed volume and areas that is allowed."""
    if isinstance(mesh.geometry, ImportedSurface):
        return TOLERANCE_REMESHED if mesh.geometry.is_remeshed else TOLERANCE_FILE
    return TOLERANCE_CURVED if mesh.options.order == 2 else TOLERANCE_STRAIGHT


def check_measures(mesh: SpineMesh) -> None:
    """Refuse a mesh whose volume or boundaries are not those of the body. Collective.

    Raises:
        CaseError: names what differs, both numbers, and what to do.
    """
    exact, tolerance = mesh.geometry.exact_measures(), tolerance_of(mesh)
    parts = []
    for name, value in exact.items():
        meshed = volume(mesh) * MODEL_UNIT**3 if name == "volume" else area(mesh, name) * MODEL_UNIT**2
        if not abs(meshed - value) <= tolerance * value:  # not a number is refused, too
            kind = VOLUME if name == "volume" else AREA
            of = "" if name == "volume" else f" of {name}"
            parts.append(f"{_shown(meshed, kind)}{of} (right: {_shown(value, kind)})")
    if not parts:
        return
    what = f"has {' and '.join(parts)}"
    if isinstance(mesh.geometry, ImportedSurface):
        kept = f"the mesh {what}: Gmsh could not keep its triangles; remesh the surface with less pointed triangles"
        lost = f"the remeshed surface {what}, {100 * tolerance:g} % are allowed; make mesh.size smaller"
        problem = lost if mesh.geometry.is_remeshed else kept
        raise CaseError("geometry.file", problem, mesh.geometry.file)

    cells, instead = ("curved", "") if mesh.options.order == 2 else ("straight", " or set mesh.order = 2")
    raise CaseError(
        "mesh.size",
        f"the mesh of {cells} cells {what}, {100 * tolerance:g} % are allowed; make it smaller{instead}",
        format_quantity(float(f"{mesh.options.size:.6g}"), LENGTH),
    )


def _shown(value: float, kind: Kind) -> str:
    return f"{to_unit(value, kind):.5g} {kind.unit}"


def check_vertices(mesh: LinearMesh, geometry: Geometry) -> None:
    """Refuse a linear mesh whose boundary vertices are off the exact surface: it is that of another body.

    Args:
        mesh: mesh on one rank, in the coordinates in which the geometry is meshed.
        geometry: shape that it should fill.

    Raises:
        SolveError: names the boundary and how far off it is.
    """
    surfaces = geometry.surfaces()
    if not surfaces:
        return
    allowed = VERTEX_TOLERANCE * float(np.ptp(mesh.points, axis=0).max()) + GMSH_TOLERANCE
    for value, name in enumerate(mesh.names):
        x = mesh.points[np.unique(mesh.facets[mesh.values == value][:, : mesh.points.shape[1]])]
        distances = [surface.distance(x) for surface in surfaces if surface.piece.name == name]
        off = float(np.min(distances, axis=0).max(initial=0.0))
        if not off <= allowed:
            raise SolveError(
                f"Gmsh meshed another body than the {geometry.shape}: {name} is up to {off * 1e3:.3g} nm off its "
                "surface; try another mesh.size, and please report it"
            )
