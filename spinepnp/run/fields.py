"""Fields on the whole mesh, gathered on rank 0 for files and pictures.

Cells stand in the order in which they were made and points in the order in which the cells name them, so that the file
is the same on any number of ranks.
"""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.runtime.files import write_atomically
from spinepnp.runtime.stack import cell_nodes, coordinate_element, dolfinx
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.problem.solution import Solution
from spinepnp.units import CONCENTRATION, POTENTIAL

#: VTK's cell types by number of nodes.
VTK_SIMPLEX = {2: 3, 3: 5, 4: 10, 6: 22, 10: 24}


def field_names(species: tuple[str, ...]) -> list[str]:
    """Names of the arrays in field files, in the order of the unknowns."""
    return [f"concentration_{CONCENTRATION.suffix}.{name}" for name in species] + [f"potential_{POTENTIAL.suffix}"]


def _nodal_values(problem: Problem, unknowns: np.ndarray) -> np.ndarray:
    """Values of the unknowns at the nodes of the (curved) local geometry, shape (nodes, components)."""
    mesh = problem.mesh.mesh
    nodes = coordinate_element(mesh).basix_element.points
    space = problem.discretisation.space
    basis = space.element.basix_element.tabulate(0, nodes)[0, :, :, 0]
    in_cells = basis @ unknowns[space.dofmap.list]
    values = np.zeros((len(mesh.geometry.x), unknowns.shape[1]))
    values[cell_nodes(mesh).ravel()] = in_cells.reshape(-1, unknowns.shape[1])
    return values


def gather(problem: Problem, solution: Solution) -> Any:
    """A PyVista grid (um) of the whole mesh with all unknowns in result units; ``None`` but on rank 0. Collective."""
    names = field_names(solution.electrolyte.names)
    si = [CONCENTRATION.si] * (len(names) - 1) + [POTENTIAL.si]
    return _gather(problem.mesh, _nodal_values(problem, solution.unknowns) / np.array(si), names)


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
    mesh = spine.mesh
    owned = mesh.topology.index_map(mesh.topology.dim).size_local
    to_vtk = np.argsort(dolfinx.cpp.io.perm_vtk(mesh.topology.cell_type, cell_nodes(mesh).shape[1]))
    nodes = mesh.geometry.input_global_indices
    local = (spine.cell_order[:owned], nodes[cell_nodes(mesh)[:owned][:, to_vtk]], nodes, mesh.geometry.x)
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
    return places, pyvista.UnstructuredGrid({VTK_SIMPLEX[cells.shape[1]]: connectivity}, points)


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
    writer.SetCompressionLevel(1)  # a third of the time of the default for 2 % more bytes
    writer.WriteToOutputStringOn()
    writer.Write()
    write_atomically(path, writer.GetOutputString(), then=then)
