"""Fields on the whole mesh for files and pictures: gathered on rank 0, or in parts, one a rank.

In a gathered file cells stand in the order in which they were made and points in the order in which the cells name
them, so that the file is the same on any number of ranks. Of a large mesh no rank has the whole.
"""

from __future__ import annotations

import glob
import os
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from spinepnp.errors import CaseError, OutputError
from spinepnp.meshes import SpineMesh
from spinepnp.meshes.tagged_mesh import cells_of_facets
from spinepnp.runtime.communication import on_root
from spinepnp.runtime.files import BOUNDARY, write_atomically
from spinepnp.runtime.stack import FunctionSpace, Mesh, cell_nodes, coordinate_element, dolfinx
from spinepnp.solvers.model.initial import array_name
from spinepnp.units import CONCENTRATION, POTENTIAL

#: Remedy of an error in `write`, once there is room.
SAVE_AGAIN = "save again"

#: Most cells of a mesh on several ranks whose fields are gathered on one, with 0.5 GB there; measured.
MOST_GATHERED = 1_000_000

#: VTK's cell types by number of nodes.
VTK_SIMPLEX = {2: 3, 3: 5, 4: 10, 6: 22, 10: 24}


def field_names(species: tuple[str, ...]) -> list[str]:
    """Names of the arrays in field files, in the order of the unknowns."""
    return [array_name(name) for name in species] + [f"potential_{POTENTIAL.suffix}"]


@dataclass(frozen=True)
class Fields:
    """Nodal values of a solution with their mesh.

    Attributes:
        mesh: distributed mesh.
        space: scalar space of each unknown.
        unknowns: concentrations, mol/m^3, then the potential, V, shape (local degrees of freedom, N + 1).
        species: names of the species.
        others: dimensionless fields by name, such as gates, each of shape (local degrees of freedom,).
    """

    mesh: SpineMesh
    space: FunctionSpace
    unknowns: np.ndarray
    species: tuple[str, ...]
    others: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the arrays in field files."""
        return field_names(self.species) + list(self.others)

    def in_result_units(self) -> np.ndarray:
        """Values at the nodes of the (curved) local geometry in the units of results, shape (nodes, names)."""
        si = [CONCENTRATION.si] * len(self.species) + [POTENTIAL.si] + [1.0] * len(self.others)
        values = np.column_stack([self.unknowns, *self.others.values()])
        return _nodal_values(self.mesh.mesh, self.space, values) / np.array(si)


def _nodal_values(mesh: Mesh, space: FunctionSpace, unknowns: np.ndarray) -> np.ndarray:
    """Values of the unknowns at the nodes of the (curved) local geometry, shape (nodes, components)."""
    nodes = coordinate_element(mesh).basix_element.points
    basis = space.element.basix_element.tabulate(0, nodes)[0, :, :, 0]
    in_cells = basis @ unknowns[space.dofmap.list]
    values = np.zeros((len(mesh.geometry.x), unknowns.shape[1]))
    values[cell_nodes(mesh).ravel()] = in_cells.reshape(-1, unknowns.shape[1])
    return values


def gather(fields: Fields) -> Any:
    """A PyVista grid (um) of the whole mesh with all unknowns in result units; ``None`` but on rank 0. Collective."""
    return _gather(fields.mesh, fields.in_result_units(), fields.names)


def gather_mesh(mesh: SpineMesh) -> Any:
    """A PyVista grid of a mesh alone; see `gather`. Collective."""
    return _gather(mesh, np.zeros((len(mesh.mesh.geometry.x), 0)), [])


#: Layouts of meshes that are still in use: the next point of a sweep, or the next time, has the same.
_layouts: weakref.WeakKeyDictionary[SpineMesh, tuple[Any, Any]] = weakref.WeakKeyDictionary()


def _gather(spine: SpineMesh, values: np.ndarray, names: list[str]) -> Any:
    if spine not in _layouts:
        _layouts[spine] = _layout_of(spine)
    places, points = _layouts[spine]
    # The values at the nodes of owned cells are complete on each rank; ghosts come along and are overwritten alike.
    parts = spine.mesh.comm.gather(values, root=0)
    if parts is None:
        return None
    grid = points.copy(deep=False)
    for name, column in zip(names, np.concatenate(parts)[places].T, strict=True):
        grid.point_data[name] = column
    return grid


def _layout_of(spine: SpineMesh) -> tuple[Any, Any]:
    """Layout of a mesh in a file, on rank 0. Collective.

    Returns:
        Position of each point among the nodes of all ranks, one after the other; grid of points and cells.
    """
    mesh, nodes = spine.mesh, spine.mesh.geometry.input_global_indices
    owned = _owned_cells(mesh)
    local = (spine.cell_order[: len(owned)], nodes[owned], nodes, mesh.geometry.x, facet_codes(spine))
    parts = mesh.comm.gather(local, root=0)
    if parts is None:
        return None, None
    import pyvista

    order = np.concatenate([p[0] for p in parts])
    cells = np.concatenate([p[1] for p in parts])[np.argsort(order)]
    # Nodes in the order in which the cells first name them: the same on any number of ranks.
    used, first, numbers = np.unique(cells, return_index=True, return_inverse=True)
    renumbered = np.empty(len(used), dtype=np.int64)
    renumbered[np.argsort(first)] = np.arange(len(used))
    known, place = np.unique(np.concatenate([p[2] for p in parts]), return_index=True)
    places = place[np.searchsorted(known, used[np.argsort(first)])]
    points = np.concatenate([p[3] for p in parts])[places]
    connectivity = renumbered[numbers.reshape(cells.shape)]
    grid = pyvista.UnstructuredGrid({VTK_SIMPLEX[cells.shape[1]]: connectivity}, points)
    grid.GetCells().ConvertTo32BitStorage()  # half of the bytes in each file; left alone where numbers are too large
    position = np.empty(order.max() + 1, dtype=np.int64)
    position[np.sort(order)] = np.arange(len(order))
    for name in spine.boundary_facets:
        codes = np.concatenate([p[4][name] for p in parts])
        grid.field_data[f"{BOUNDARY}{name}"] = np.sort(4 * position[codes // 4] + codes % 4).astype(np.int32)
    return places, grid


def facet_codes(spine: SpineMesh) -> dict[str, np.ndarray]:
    """Facets of each boundary at the owned cells: four times the cell's number, plus the vertex opposite the facet."""
    codes = {}
    for name, facets in spine.boundary_facets.items():
        cells, opposite = cells_of_facets(spine.mesh, facets).T
        ours = cells < spine.mesh.topology.index_map(spine.mesh.topology.dim).size_local
        codes[name] = 4 * spine.cell_order[cells[ours]].astype(np.int64) + opposite[ours]
    return codes


def _owned_cells(mesh: Mesh) -> np.ndarray:
    """Local nodes of the owned cells in the order of VTK, shape (cells, nodes a cell)."""
    owned = mesh.topology.index_map(mesh.topology.dim).size_local
    nodes = cell_nodes(mesh)
    return nodes[:owned][:, np.argsort(dolfinx.cpp.io.perm_vtk(mesh.topology.cell_type, nodes.shape[1]))]


def write(fields: Fields, path: Path) -> None:
    """Write the fields for ParaView and PyVista. Collective.

    Args:
        fields: nodal values with their mesh.
        path: a ``.vtu`` file holds the whole mesh and is the same on any number of ranks; a ``.pvtu`` file names one
            ``.vtu`` file a rank beside it, which that rank writes, so that no rank holds the whole mesh.

    Raises:
        CaseError: another ending of the name.
        OutputError: a file cannot be written.
    """
    if path.suffix == ".vtu":
        grid = gather(fields)
        on_root(fields.mesh.mesh.comm, lambda: save(grid, path, SAVE_AGAIN))
    elif path.suffix == ".pvtu":
        _write_parts(fields.mesh, fields.in_result_units(), fields.names, path, SAVE_AGAIN)
    else:
        raise CaseError("save", "fields are written as .vtu or .pvtu; end the name with one of them", str(path))


def ending(spine: SpineMesh) -> str:
    """Ending of files of fields: ".vtu", or ".pvtu" (in parts) for a large mesh on several ranks."""
    return ".vtu" if spine.mesh.comm.size == 1 or spine.cells <= MOST_GATHERED else ".pvtu"


def record(fields: Fields, stem: Path) -> tuple[Path, Any]:
    """Write the fields of a run as STEM.vtu or STEM.pvtu, see `ending`, in place of either. Collective.

    Args:
        fields: nodal values with their mesh.
        stem: path without an ending; one file system for all ranks.

    Returns:
        Path of the file; the grid on rank 0 where it was gathered, else ``None``.

    Raises:
        OutputError: a file cannot be written.
    """
    return _record(fields.mesh, fields.in_result_units(), fields.names, stem, "continue with --resume")


def record_mesh(spine: SpineMesh, stem: Path, then: str) -> tuple[Path, Any]:
    """Write a mesh alone; see `record`. Collective.

    Args:
        spine: mesh.
        stem: path without an ending.
        then: remedy of an error, once there is room.
    """
    return _record(spine, np.zeros((len(spine.mesh.geometry.x), 0)), [], stem, then)


def _record(spine: SpineMesh, values: np.ndarray, names: list[str], stem: Path, then: str) -> tuple[Path, Any]:
    comm, kind = spine.mesh.comm, ending(spine)
    path = stem.with_name(stem.name + kind)
    if kind == ".pvtu":
        on_root(comm, lambda: stem.with_name(f"{stem.name}.vtu").unlink(missing_ok=True))
        _write_parts(spine, values, names, path, then)
        return path, None
    grid = _gather(spine, values, names)

    def work() -> None:
        save(grid, path, then)
        forget_parts(stem)

    on_root(comm, work)
    return path, grid


def forget_parts(stem: Path, kept: int = 0) -> None:
    """Remove a file in parts, or those of its parts from a number on that is not zero. On one rank."""
    if not kept:
        stem.with_name(f"{stem.name}.pvtu").unlink(missing_ok=True)
    for part in stem.parent.glob(f"{glob.escape(stem.name)}_*.vtu"):
        number = part.stem.removeprefix(f"{stem.name}_")
        if number.isdecimal() and int(number) >= kept:
            part.unlink()


def copy(source: Path, stem: Path) -> None:
    """Copy a file of fields to STEM.vtu; of one in parts, only what names the parts, to STEM.pvtu. On one rank."""
    target = stem.with_name(stem.name + source.suffix)
    if source.suffix == ".pvtu":
        stem.with_name(f"{stem.name}.vtu").unlink(missing_ok=True)
        forget_parts(stem)
        folder = Path(os.path.relpath(source.parent, target.parent))
        content = source.read_text(encoding="utf-8")
        content = content.replace('<Piece Source="', f'<Piece Source="{escape((folder / "x").as_posix()[:-1])}')
        write_atomically(target, content)
    else:
        write_atomically(target, source.read_bytes())
        forget_parts(stem)


def _write_parts(spine: SpineMesh, values: np.ndarray, names: list[str], path: Path, then: str) -> None:
    comm, stem = spine.mesh.comm, path.with_name(path.stem)
    parts = [f"{path.stem}_{rank}.vtu" for rank in range(comm.size)]
    on_root(comm, lambda: path.unlink(missing_ok=True))  # until its parts are whole there is none
    failure: OutputError | None = None
    try:
        save(_own_grid(spine, values, names), path.with_name(parts[comm.rank]), then)
    except OutputError as error:
        failure = error
    failures = [error for error in comm.allgather(failure) if error is not None]
    if failures:
        raise failures[0]

    def work() -> None:
        write_atomically(path, _parallel_file(names, parts), then=then)
        forget_parts(stem, comm.size)

    on_root(comm, work)


def _own_grid(spine: SpineMesh, values: np.ndarray, names: list[str]) -> Any:
    """A PyVista grid of the cells that this rank owns."""
    import pyvista

    mesh = spine.mesh
    used, cells = np.unique(_owned_cells(mesh), return_inverse=True)
    nodes_a_cell = cell_nodes(mesh).shape[1]
    connectivity = cells.reshape(-1, nodes_a_cell)
    grid = pyvista.UnstructuredGrid({VTK_SIMPLEX[nodes_a_cell]: connectivity}, mesh.geometry.x[used])
    for name, column in zip(names, values[used].T, strict=True):
        grid.point_data[name] = column
    return grid


def _parallel_file(names: list[str], pieces: list[str]) -> str:
    """Content of a .pvtu file with these arrays and pieces."""
    arrays = "".join(f'<PDataArray type="Float64" Name="{name}"/>' for name in names)
    sources = "".join(f'<Piece Source="{escape(piece)}"/>' for piece in pieces)
    return (
        '<?xml version="1.0"?>\n<VTKFile type="PUnstructuredGrid" version="1.0"><PUnstructuredGrid GhostLevel="0">'
        f'<PPointData>{arrays}</PPointData><PPoints><PDataArray type="Float64" NumberOfComponents="3"/></PPoints>'
        f"{sources}</PUnstructuredGrid></VTKFile>\n"
    )


def save(grid: Any, path: Path, then: str = "continue with --resume") -> None:
    """Write a grid of VTK as XML, whole or not at all. On one rank.

    Args:
        grid: grid of VTK.
        path: path of the file (.vtu).
        then: advice for a full disk, in the error.

    Raises:
        OutputError: the file cannot be written.
    """
    from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

    # VTK itself crashes on a full disk: it writes to memory, and Python to the disk.
    writer = vtkXMLUnstructuredGridWriter()
    writer.SetInputData(grid)
    writer.SetDataModeToBinary()
    writer.SetCompressorTypeToNone()  # a fifth of the time of the fastest compression, for a quarter more bytes
    writer.WriteToOutputStringOn()
    writer.Write()
    write_atomically(path, writer.GetOutputString(), then=then)
