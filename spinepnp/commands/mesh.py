"""The verb `mesh`: the mesh of a case with a report on it, without solving."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.case.case import Case, MeshCase, load_mesh_case
from spinepnp.errors import CaseError
from spinepnp.geometries import Geometry
from spinepnp.geometries.description import body_line
from spinepnp.meshes import SpineMesh, generate
from spinepnp.meshes.memory import NODES_PER_CELL
from spinepnp.meshes.report import describe
from spinepnp.pages.body import marked_facets
from spinepnp.plots.bodies import draw_mesh
from spinepnp.plots.cells import is_solid
from spinepnp.plots.patches import draw_patches
from spinepnp.plots.scene import can_render
from spinepnp.run.directory import ResultDirectory
from spinepnp.run.place import check_place
from spinepnp.run.progress import print_line
from spinepnp.runtime.communication import on_root
from spinepnp.runtime.files import write_atomically
from spinepnp.solvers.algebra.cost import estimates
from spinepnp.solvers.problem.field_files import record_mesh

#: Boundary that is drawn grey.
WALL = "wall"

#: Advice for a full disk, in the message of the error.
AGAIN = "run it again"


def mesh_case(
    path: Path,
    comm: Any,
    output: Path,
    *,
    overrides: tuple[str, ...] = (),
    removals: tuple[str, ...] = (),
    force: bool = False,
) -> None:
    """Mesh a case and write ``mesh.json``, ``mesh.vtu`` and ``mesh.png``. Collective.

    Args:
        path: path of the case file; the tables of the mesh are enough.
        comm: MPI communicator.
        output: directory of the three files.
        overrides: ``key=value`` texts that change the case.
        removals: paths of keys that are removed from it before.
        force: whether a mesh in the directory is replaced.

    Raises:
        CaseError: bad input, or a mesh is there already.
        SolveError: Gmsh failed.
    """
    case = on_root(comm, lambda: load_mesh_case(path, overrides, removals))
    on_root(comm, lambda: check_place(output, (path,)))
    mesh = generate(case.geometry, case.mesh, comm, log=print_line)
    debye_length = math.inf if case.electrolyte is None else case.electrolyte.debye_length()
    facts = {**describe(mesh, debye_length), **_estimates(case, mesh)}
    directories: list[ResultDirectory] = []

    def begin() -> None:
        if (output / "mesh.json").exists() and not force:
            raise CaseError("--output", "holds a mesh already; give --force or another --output", str(output))
        directories.append(ResultDirectory(output, resume=True))
        write_atomically(output / "mesh.json", json.dumps(facts, indent=2) + "\n", then=AGAIN)

    try:
        on_root(comm, begin)
        path, grid = record_mesh(mesh, output / "mesh", AGAIN)
        on_root(comm, lambda: _draw(case, facts, grid, path))
    finally:
        for directory in directories:
            directory.discard()


def _estimates(case: Case | MeshCase, mesh: SpineMesh) -> dict[str, Any]:
    """Estimated cost of a solve on the mesh, where the case has an electrolyte."""
    if case.electrolyte is None:
        return {}
    nodes = mesh.vertices if mesh.element_degree == 1 else mesh.cells * NODES_PER_CELL[case.geometry.dimension][2]
    of_a_node = len(case.electrolyte.species) + 1
    unknowns = nodes * of_a_node
    linear = case.solver.linear if isinstance(case, Case) else "auto"
    return {"dofs": round(unknowns), **estimates(linear, unknowns, case.geometry.dimension, of_a_node)}


def _draw(case: Case | MeshCase, facts: dict[str, Any], grid: Any, path: Path) -> None:
    """Draw a mesh that was gathered, and print its table."""
    files = ["mesh.json", path.name]
    if grid is None:
        print("no picture of a mesh in parts", file=sys.stderr)
    elif can_render():
        files.append("mesh.png")
        draw_mesh(grid, path.with_suffix(".png"), case.title, opened=case.geometry.on_axis)
        if is_solid(grid):
            files.append("patches.png")
            _draw_patches(grid, path.with_name("patches.png"))
    else:
        print("no picture of the mesh: install libegl1 (or libosmesa6)", file=sys.stderr)
    print(_table(facts, case.geometry))
    print(f"results: {path.parent} ({', '.join(files)})")


def _draw_patches(grid: Any, path: Path) -> None:
    """Draw the boundaries of a body in colour, with their names."""
    marked = marked_facets(grid)
    names = sorted(marked, key=lambda name: name == WALL)  # the wall is grey, and last
    triangles = np.vstack([marked[name][:, :3] for name in names])
    values = np.repeat(np.arange(len(names)), [len(marked[name]) for name in names])
    known = tuple(names) if WALL in marked else (*names, WALL)
    draw_patches(np.asarray(grid.points), triangles, values, known, path)


def _table(facts: dict[str, Any], geometry: Geometry) -> str:
    lines = [
        f"{facts['cells']} cells, {facts['vertices']} vertices, order {facts['order']}",
        f"quality: smallest {facts['min_quality']:.3f}, mean {facts['mean_quality']:.3f}; "
        f"edges {facts['shortest_edge_nm']:.4g} to {facts['longest_edge_nm']:.4g} nm",
        f"volume {facts['volume_um3']:.6g} um3{_off(facts['volume_relative_error'])}",
        *filter(None, [body_line(geometry, None)]),
    ]
    for name, part in facts["boundaries"].items():
        layers = part["cells_per_debye_length"]
        per = "" if layers is None else f", {layers:.2g} cells per Debye length"
        lines.append(f"{name}: area {part['area_um2']:.6g} um2{_off(part['area_relative_error'])}{per}")
    if "dofs" in facts:
        memory, seconds = facts["estimated_memory_GB"], facts["estimated_solve_s"]
        lines.append(
            f"a solve ({facts['dofs']} unknowns, {facts['linear']}): about {memory:.2g} GB, {seconds:.2g} s on one core"
        )
    return "\n".join(lines)


def _off(error: float | None) -> str:
    return "" if error is None else f", {error:+.1e} of the exact one"
