"""From a geometry to a distributed, curved, tagged DOLFINx mesh."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.errors import MissingStackError, SolveError
from spinepnp.geometries import Geometry, Sizes
from spinepnp.meshes import interrupts
from spinepnp.meshes.communication import on_root
from spinepnp.meshes.memory import check_memory
from spinepnp.meshes.options import MeshOptions
from spinepnp.meshes.quality import check_quality
from spinepnp.meshes.stack import cell_nodes, dolfinx, fem

TETRAHEDRA = {1: 4, 2: 11}  # Gmsh's element types by order


@dataclass(frozen=True)
class SpineMesh:
    """A distributed mesh with its boundaries by name; coordinates in micrometres.

    Attributes:
        mesh: the DOLFINx mesh.
        geometry: the shape it fills.
        options: the resolved options it was made with.
        boundary_facets: local facets (owned and ghost) of each boundary, by name.
        min_quality: smallest ratio of inscribed to circumscribed radius (times 3; 1 for a regular tetrahedron).
        cells: number of cells on all ranks.
        vertices: number of vertices on all ranks.
    """

    mesh: Any
    geometry: Geometry
    options: MeshOptions
    boundary_facets: dict[str, np.ndarray]
    min_quality: float
    cells: int
    vertices: int


@contextmanager
def _gmsh_session() -> Iterator[Any]:
    """An initialised, silent, single-threaded Gmsh (the same mesh on every machine and rank count)."""
    try:
        import gmsh
    except (ImportError, OSError) as error:
        raise MissingStackError(
            f"Gmsh cannot be loaded ({error}); './spine' installs the system libraries it needs, see docs/install.md"
        ) from None
    gmsh.initialize(["", "-v", "0"], readConfigFiles=False, run=False, interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("General.NumThreads", 1)
        yield gmsh
    finally:
        gmsh.finalize()
        interrupts.install()


def _mesh_in_gmsh(gmsh: Any, geometry: Geometry, sizes: Sizes, order: int) -> None:
    """Mesh the geometry in the running Gmsh session.

    Raises:
        SolveError: Gmsh failed.
    """
    try:
        gmsh.model.add(geometry.shape)
        geometry.build(gmsh, sizes)
        gmsh.model.mesh.generate(3)
        gmsh.model.mesh.setOrder(order)
    except Exception as error:  # Gmsh raises bare Exception with its last message
        raise SolveError(f"Gmsh could not mesh the {geometry.shape}: {error}") from None
    tags, _ = gmsh.model.mesh.getElementsByType(TETRAHEDRA[order])
    if len(tags) == 0:
        raise SolveError(f"Gmsh made no cells for the {geometry.shape}; try another mesh.size")


def generate(geometry: Geometry, options: MeshOptions, comm: Any) -> SpineMesh:
    """Mesh a geometry on rank 0 and distribute it. Collective.

    Args:
        geometry: the shape.
        options: sizes, order, grading.
        comm: MPI communicator; the mesh is the same on any number of ranks.

    Returns:
        The distributed mesh.

    Raises:
        CaseError: the options do not fit the shape, or the mesh does not fit into memory.
        SolveError: Gmsh failed, or a curved cell is inverted.
    """
    geometry.check()
    options = options.resolved(geometry)
    sizes = options.sizes(geometry)
    on_root(comm, lambda: check_memory(geometry.estimate_cells(sizes), options))
    with _session_on_root(comm) as gmsh:
        on_root(comm, lambda: _mesh_in_gmsh(gmsh, geometry, sizes, options.order))
        data = dolfinx.io.gmsh.model_to_mesh(gmsh.model if gmsh else None, comm, 0, gdim=3)
    facets = {name: data.facet_tags.find(data.physical_groups[name].tag) for name in geometry.boundaries}
    mesh = data.mesh
    mesh.geometry.x[:] = geometry.place(mesh.geometry.x)
    quality = check_quality(mesh)
    mesh.topology.create_connectivity(mesh.topology.dim - 1, mesh.topology.dim)
    mesh.topology.create_connectivity(mesh.topology.dim, mesh.topology.dim - 1)
    topology = mesh.topology
    return SpineMesh(
        mesh=mesh,
        geometry=geometry,
        options=options,
        boundary_facets=facets,
        min_quality=quality,
        cells=topology.index_map(topology.dim).size_global,
        vertices=topology.index_map(0).size_global,
    )


@contextmanager
def _session_on_root(comm: Any) -> Iterator[Any]:
    """Gmsh on rank 0 and ``None`` elsewhere; a Gmsh that cannot be loaded is an error of every rank."""
    session = _gmsh_session()
    gmsh: list[Any] = [None]

    def enter() -> None:
        gmsh[0] = session.__enter__()

    on_root(comm, enter)
    try:
        yield gmsh[0]
    finally:
        if gmsh[0] is not None:
            session.__exit__(None, None, None)


def boundary_cells(mesh: SpineMesh, name: str) -> np.ndarray:
    """Owned cells with a facet on a boundary, and which of their facets it is, shape (facets, 2). Not collective."""
    facets = np.sort(mesh.boundary_facets[name])
    pairs = fem.compute_integration_domains(fem.IntegralType.exterior_facet, mesh.mesh.topology, facets)
    return np.asarray(pairs).reshape(-1, 2)


def boundary_layer_heights(mesh: SpineMesh, name: str) -> np.ndarray:
    """Heights over a boundary of the cells that have a facet on it, in micrometres.

    The height of a cell over its facet, 3 |cell| / |facet|, is what resolves a Debye layer there; it is taken from the
    straight cell. Not collective: each rank gives those of its own cells, shape (facets of owned cells,).
    """
    cells, sides = boundary_cells(mesh, name).T
    corners = mesh.mesh.geometry.x[cell_nodes(mesh.mesh)[cells][:, :4]]
    # Vertex i of a simplex lies opposite to its facet i.
    each = np.arange(len(cells))
    opposite, (a, b, c) = corners[each, sides], (corners[each, (sides + k) % 4] for k in (1, 2, 3))
    normal = np.cross(b - a, c - a)
    return np.asarray(np.abs(np.einsum("fi,fi->f", opposite - a, normal)) / np.linalg.norm(normal, axis=1))
