"""From a geometry to a distributed, curved, tagged DOLFINx mesh."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from spinepnp.errors import MissingStackError, SolveError, SpineError
from spinepnp.geometries import Geometry, Sizes, StraightMesh
from spinepnp.geometries.linear_mesh import order_for_refinement
from spinepnp.meshes.cache import cached_mesh
from spinepnp.meshes.curve_refine import TaggedMesh, curved, domain_of, refined, signs_of, tag_facets
from spinepnp.meshes.fidelity import check_measures, check_vertices
from spinepnp.meshes.memory import check_memory
from spinepnp.meshes.options import MeshOptions
from spinepnp.meshes.quality import check_quality
from spinepnp.meshes.spine_mesh import SpineMesh
from spinepnp.runtime import interrupts
from spinepnp.runtime.communication import on_root
from spinepnp.runtime.stack import dolfinx

#: Cells of a straight mesh from which on a user is told before it is made.
MANY_CELLS = 2e5

#: Time that Gmsh takes for a cell; measured.
SECONDS_PER_CELL = 1e-4


@contextmanager
def _gmsh_session() -> Iterator[Any]:
    """An initialised, silent, single-threaded Gmsh (the same mesh on every machine and rank count)."""
    try:
        import gmsh
    except (ImportError, OSError) as error:
        raise MissingStackError(
            f"Gmsh cannot be loaded ({error}); './spine' installs the system libraries it needs, see docs/install.md"
        ) from None
    with interrupts.kept():
        gmsh.initialize(["", "-v", "0"], readConfigFiles=False, run=False, interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("General.NumThreads", 1)
        yield gmsh
    finally:
        with interrupts.kept():
            gmsh.finalize()


def _straight_mesh(geometry: Geometry, sizes: Sizes) -> StraightMesh:
    """Mesh the geometry. On one rank.

    Raises:
        MissingStackError: this Gmsh was built without a part.
        SolveError: Gmsh failed, or made the mesh of another body.
    """
    with _gmsh_session() as gmsh:
        try:
            gmsh.model.add(geometry.shape)
            mesh = geometry.straight_mesh(gmsh, sizes)
            check_vertices(mesh, geometry)
        except (SpineError, MemoryError):
            raise
        except Exception as error:  # Gmsh raises bare Exception with its last message
            if "not compiled" in str(error):
                raise MissingStackError(
                    f"this Gmsh lacks a part that is needed ({error}); 'pip install --ignore-installed gmsh' has it"
                ) from None
            raise SolveError(f"Gmsh could not mesh the {geometry.shape}: {error}") from None
    if geometry.cell_dimension < 3:
        return mesh
    return replace(mesh, cells=order_for_refinement(mesh.cells, geometry.place_nodes(mesh.points)))


def _distributed(straight: list[StraightMesh], geometry: Geometry, order: int, comm: Any) -> TaggedMesh:
    """A mesh of rank 0 (in a list; empty elsewhere) on all ranks; of order 1 without nodes on edges. Collective."""
    dim = geometry.cell_dimension
    if straight and order == 1:
        straight = [straight[0].without_edge_nodes()]
    shapes = comm.bcast((straight[0].cells.shape[1], straight[0].facets.shape[1]) if straight else None, root=0)
    if straight:
        points, cells, facets = straight[0].points, straight[0].cells, straight[0].facets
        # From here on a value is a place in the boundaries of the geometry.
        values = np.array([geometry.boundaries.index(name) for name in straight[0].names])[straight[0].values]
    else:
        points, cells, facets = (np.empty((0, n)) for n in (dim, *shapes))
        values = np.empty(0)
    cell = {1: "interval", 2: "triangle", 3: "tetrahedron"}[dim]
    domain = domain_of(cell, 1 if shapes[0] == dim + 1 else 2, dim)
    mesh = dolfinx.mesh.create_mesh(comm, cells, domain, points)
    found, values = tag_facets(mesh, facets, values)
    return TaggedMesh(mesh, found, values, mesh.topology.original_cell_index, signs_of(mesh))


def generate(
    geometry: Geometry,
    options: MeshOptions,
    comm: Any,
    *,
    faithful: bool = True,
    log: Callable[[str], None] | None = None,
) -> SpineMesh:
    """Mesh a geometry on rank 0, or take the mesh that is kept; distribute, curve and refine it. Collective.

    Args:
        geometry: the shape.
        options: sizes, order, grading, refinements.
        comm: MPI communicator; the mesh is the same on any number of ranks.
        faithful: refuse a mesh whose volume or areas are not those of the body (`fidelity`); False where their error
            is what is looked at.
        log: told on rank 0, before a mesh is made that takes long, how many cells it will have and how long it takes.

    Returns:
        The distributed mesh.

    Raises:
        CaseError: the options do not fit the shape, the mesh does not fit into memory, or is not that of the body.
        SolveError: Gmsh failed, or a curved cell is inverted.
    """
    on_root(comm, geometry.check)
    options = options.resolved(geometry)
    sizes = options.sizes(geometry)
    on_root(comm, lambda: check_memory(geometry, options))
    straight: list[StraightMesh] = []

    def make() -> StraightMesh:
        cells = geometry.estimate_cells(sizes)
        if log is not None and cells > MANY_CELLS:
            log(f"meshing the {geometry.shape}: about {cells:.2g} cells, {cells * SECONDS_PER_CELL:.2g} s")
        return _straight_mesh(geometry, sizes)

    on_root(comm, lambda: straight.append(cached_mesh(geometry, sizes, make)))
    tagged = _distributed(straight, geometry, options.order, comm)
    straight.clear()
    if options.order == 2 and geometry.surfaces():
        tagged = curved(tagged, geometry, sizes)
    for _ in range(options.refine):
        tagged = refined(tagged, geometry, sizes)
    mesh, dim = tagged.mesh, geometry.cell_dimension
    mesh.geometry.x[:, :dim] = geometry.place_nodes(mesh.geometry.x[:, :dim])
    quality = check_quality(mesh, tagged.signs)
    topology = mesh.topology
    made = SpineMesh(
        mesh=mesh,
        geometry=geometry,
        options=options,
        boundary_facets={name: tagged.facets[tagged.values == i] for i, name in enumerate(geometry.boundaries)},
        min_quality=quality,
        cells=topology.index_map(topology.dim).size_global,
        vertices=topology.index_map(0).size_global,
        cell_order=tagged.order,
    )
    if faithful:
        check_measures(made)
    return made
