"""The cylinder that other programs solve, in numbers, and its mesh by Gmsh; only Gmsh's own Python package is needed.

Lengths in micrometres, concentrations over that of the bulk, potential over the thermal voltage.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Faraday constant, C/mol.
FARADAY = 96485.33212

#: Permittivity of vacuum, F/m.
EPSILON_0 = 8.8541878128e-12

#: Relative permittivity of the electrolyte.
RELATIVE = 80.0

#: Thermal voltage, V.
V_T = 25.26e-3

#: Bulk concentration of each ion, mol/m^3.
BULK = 167.0

#: Diffusivity of both ions, m^2/s.
DIFFUSIVITY = 200e-12

#: Radius of the cylinder, um.
RADIUS = 0.05

#: Length of the cylinder, um.
LENGTH = 1.0

#: Boundaries in the order of their numbers in a mesh.
NAMES = ("base", "wall", "top")

#: Height of the cell at the top, which resolves the Debye layer, um.
FIRST = 1e-4

#: Ratio of the heights of neighbouring cells at the top.
GROWTH = 1.4

#: Size of cells at the axis where those at the wall are smaller, um: only the circle needs these.
CORE = 0.0125

#: Seconds of a run below which it is repeated: what is short is noisy.
SHORT = 2.0

#: Square of the Debye length in the bulk, um^2.
DEBYE2 = EPSILON_0 * RELATIVE * V_T / (2.0 * FARADAY * BULK) * 1e12


def slope(current: float, area: float) -> float:
    """Normal derivative of the cations' concentration, 1/um, that carries a current (A) through an area (um^2)."""
    return current / (FARADAY * area * 1e-12) / (DIFFUSIVITY * BULK) * 1e-6


def heights(size: float, first: float = FIRST, growth: float = GROWTH) -> list[float]:
    """Positions of the layers of cells from base (excluded) to top, over the length: graded towards the top."""
    graded = [0.0]
    step = first
    while step < size and graded[-1] + step < LENGTH:
        graded.append(graded[-1] + step)
        step *= growth
    rest = LENGTH - graded[-1]
    number = max(1, round(rest / size))
    uniform = [rest * i / number for i in range(1, number + 1)]
    return [z / LENGTH for z in uniform + [LENGTH - z for z in graded[-2::-1]]]


def gmsh_mesh(path: Path | None, dimension: int, size: float, axial: float, order: int = 1) -> Any:
    """Model in Gmsh of a disc (or its radius, in two dimensions) extruded in layers of simplices.

    Args:
        path: file to which the mesh is written in format 2.2, which DEVSIM reads; by default none.
        dimension: 3, or 2 for a half plane with the axis at x = 0.
        size: size of the cells across, um; in three dimensions that at the wall.
        axial: height of the cells away from the top, um.
        order: 1 for straight cells, 2 for curved ones.
    """
    import gmsh

    if not gmsh.isInitialized():
        gmsh.initialize(interruptible=False)
    gmsh.option.setNumber("General.Verbosity", 1)
    gmsh.option.setNumber("General.NumThreads", 1)
    gmsh.clear()
    layers = heights(axial)
    if dimension == 3:
        face, vector = (2, gmsh.model.occ.addDisk(0.0, 0.0, 0.0, RADIUS, RADIUS)), (0.0, 0.0, LENGTH)
    else:
        ends = [gmsh.model.occ.addPoint(x, 0.0, 0.0) for x in (0.0, RADIUS)]
        face, vector = (1, gmsh.model.occ.addLine(*ends)), (0.0, LENGTH, 0.0)
    made = gmsh.model.occ.extrude([face], *vector, numElements=[1] * len(layers), heights=layers)
    gmsh.model.occ.synchronize()
    # In two dimensions the first side is the axis.
    walls = [tag for _, tag in (made[2:] if dimension == 3 else made[3:])]
    gmsh.model.addPhysicalGroup(dimension, [made[1][1]], 4, "body")
    for number, (name, tags) in enumerate(zip(NAMES, ([face[1]], walls, [made[0][1]]), strict=True), 1):
        gmsh.model.addPhysicalGroup(dimension - 1, tags, number, name)
    field = gmsh.model.mesh.field.add("MathEval")
    inwards = f"{max(0.0, CORE - size)}*(1-sqrt(x^2+y^2)/{RADIUS})" if dimension == 3 else "0"
    gmsh.model.mesh.field.setString(field, "F", f"{size}+{inwards}")
    gmsh.model.mesh.field.setAsBackgroundMesh(field)
    gmsh.option.setNumber("Mesh.MeshSizeExtendFromBoundary", 0)
    gmsh.model.mesh.generate(dimension)
    if order > 1:
        gmsh.model.mesh.setOrder(order)
    if path is not None:
        gmsh.option.setNumber("Mesh.MshFileVersion", 2.2)
        gmsh.write(str(path))
    return gmsh.model


def measured(run: Callable[[float, float], dict[str, Any]], size: float, axial: float) -> dict[str, Any]:
    """Row of the fastest of two runs (mesh and solve), or of one that takes long, after a coarse one that loads all."""
    run(RADIUS, 0.2 * LENGTH)
    row = run(size, axial)
    if row["mesh_s"] + row["solve_s"] > SHORT:
        return row
    return min(row, run(size, axial), key=lambda r: r["mesh_s"] + r["solve_s"])
