"""Mesh generation: a distributed, curved, tagged DOLFINx mesh from a geometry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from spinepnp.errors import MissingStackError, SolveError, SpineError
from spinepnp.geometries import Geometry, LinearMesh, Sizes
from spinepnp.geometries.linear_mesh import order_for_refinement
from spinepnp.meshes.cache import cached_mesh
from spinepnp.meshes.curving import curve
from spinepnp.meshes.fidelity import check_measures, check_vertices
from spinepnp.meshes.memory import check_memory
from spinepnp.meshes.options import MeshOptions
from spinepnp.meshes.quality import check_quality
from spinepnp.meshes.refinement import refine
from spinepnp.meshes.spine_mesh import SpineMesh
from spinepnp.meshes.tagged_mesh import TaggedMesh, determinant_signs, simplex_domain, tag_facets
from spinepnp.runtime import interrupts
from spinepnp.runtime.communication import on_root
from spinepnp.runtime.stack import dolfinx

#: Number of cells of a linear mesh above which `generate` announces it: it takes 20 s or more.
MANY_CELLS = 2e5

#: Time that Gmsh takes for a cell, s; measured.
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
    with interrupts.preserve_handlers():
        gmsh.initialize(["", "-v", "0"], readConfigFiles=False, run=False, interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("General.NumThreads", 1)
        yield gmsh
    finally:
        with interrupts.preserve_handlers():
            gmsh.finalize()


def _linear_mesh(geometry: Geometry, sizes: Sizes) -> LinearMesh:
    """Mesh the geometry with Gmsh. On one rank.

    Raises:
        MissingStackError: this Gmsh was built without a part.
        SolveError: Gmsh failed, or made the mesh of another body.
    """
    with _gmsh_session() as gmsh:
        try:
            gmsh.model.add(geometry.shape)
            mesh = geometry.linear_mesh(gmsh, sizes)
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
    return replace(mesh, cells=order_for_refinement(mesh.cells, geometry.map_to_body(mesh.points)))


def _distribute(linear: LinearMesh | None, geometry: Geometry, order: int, comm: Any) -> TaggedMesh:
    """Distribute the linear mesh of rank 0 (``None`` elsewhere); order 1 drops nodes on edges. Collective."""
    dim = geometry.cell_dimension
    if linear is not None and order == 1:
        linear = linear.without_edge_nodes()
    shapes = comm.bcast(None if linear is None else (linear.cells.shape[1], linear.facets.shape[1]), root=0)
    if linear is not None:
        points, cells, facets = linear.points, linear.cells, linear.facets
        # From here on a value is an index into the boundaries of the geometry.
        values = np.array([geometry.boundaries.index(name) for name in linear.names])[linear.values]
    else:
        points, cells, facets = (np.empty((0, n)) for n in (dim, *shapes))
        values = np.empty(0)
    cell = {1: "interval", 2: "triangle", 3: "tetrahedron"}[dim]
    domain = simplex_domain(cell, 1 if shapes[0] == dim + 1 else 2, dim)
    mesh = dolfinx.mesh.create_mesh(comm, cells, domain, points)
    tagged_facets, values = tag_facets(mesh, facets, values)
    return TaggedMesh(mesh, tagged_facets, values, mesh.topology.original_cell_index, determinant_signs(mesh))


def generate(
    geometry: Geometry,
    options: MeshOptions,
    comm: Any,
    *,
    faithful: bool = True,
    log: Callable[[str], None] | None = None,
) -> SpineMesh:
    """Mesh a geometry on rank 0, or take its mesh from the cache; distribute, curve and refine it. Collective.

    Args:
        geometry: the shape.
        options: sizes, order, grading, refinements.
        comm: MPI communicator; the mesh is the same on any number of ranks.
        faithful: refuse a mesh whose volume or areas are not those of the body (`fidelity`); False where their error
            is to be measured.
        log: takes a line on rank 0 before a large mesh is made: its estimated number of cells and time.

    Returns:
        The distributed mesh.

    Raises:
        CaseError: the options do not fit the shape, the mesh does not fit into memory, or is not that of the body.
        SolveError: Gmsh failed, or a curved cell is inverted.
    """
    on_root(comm, geometry.check)
    resolved = options.resolved(geometry)
    sizes = resolved.sizes(geometry)
    on_root(comm, lambda: check_memory(geometry, resolved))

    def make() -> LinearMesh:
        cells = geometry.estimate_cells(sizes)
        if log is not None and cells > MANY_CELLS:
            log(f"meshing the {geometry.shape}: about {cells:.2g} cells, {cells * SECONDS_PER_CELL:.2g} s")
        return _linear_mesh(geometry, sizes)

    linear: list[LinearMesh] = []
    on_root(comm, lambda: linear.append(cached_mesh(geometry, sizes, make)))  # not its result: that goes to all ranks
    tagged = _distribute(linear.pop() if linear else None, geometry, resolved.order, comm)
    if resolved.order == 2 and geometry.surfaces():
        tagged = curve(tagged, geometry, sizes)
    for _ in range(resolved.refine):
        tagged = refine(tagged, geometry, sizes)
    mesh, dim = tagged.mesh, geometry.cell_dimension
    mesh.geometry.x[:, :dim] = geometry.map_to_body(geometry.toward_rims(mesh.geometry.x[:, :dim], sizes))
    quality = check_quality(mesh, tagged.signs)
    topology = mesh.topology
    made = SpineMesh(
        mesh=mesh,
        geometry=geometry,
        options=resolved,
        boundary_facets={name: tagged.facets[tagged.values == i] for i, name in enumerate(geometry.boundaries)},
        min_quality=quality,
        cells=topology.index_map(topology.dim).size_global,
        vertices=topology.index_map(0).size_global,
        cell_order=tagged.order,
    )
    if faithful:
        check_measures(made)
    return made
