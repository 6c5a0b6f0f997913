"""The cylinder in NGSolve: weak forms, mesh and Newton of its own. Run by the environment that has NGSolve.

    python -m benchmarks.peer_ngsolve JSON       prints one line of JSON

Meshes are of Netgen, of a file, of Gmsh (curved by NGSolve), or, for a half plane, of NGSolve's structured cells.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ngsolve as ng
import numpy as np
from netgen.meshing import Element2D, Element3D, FaceDescriptor, MeshPoint, Pnt
from netgen.meshing import Mesh as NetgenMesh
from netgen.occ import Cylinder, OCCGeometry, Z
from netgen.read_gmsh import ReadGmsh
from ngsolve.meshes import MakeStructured2DMesh

from benchmarks import peer_cylinder as cylinder
from benchmarks.peer_cylinder import LENGTH, NAMES, RADIUS
from benchmarks.peer_ngsolve_blocks import newton as newton_blocks


def own_mesh(size: float, order: int) -> Any:
    """Mesh of the cylinder by Netgen, with curved cells of an order."""
    body = Cylinder((0, 0, 0), Z, r=RADIUS, h=LENGTH)
    for face in body.faces:
        height = face.center.z
        face.name = "base" if height < 0.01 * LENGTH else "top" if height > 0.99 * LENGTH else "wall"
    mesh = ng.Mesh(OCCGeometry(body).GenerateMesh(maxh=size))
    if order > 1:
        mesh.Curve(order)
    return mesh


def given_mesh(path: str) -> Any:
    """Mesh of straight cells from a file with points, cells, facets, and the number of the boundary of each facet."""
    mesh, data = NetgenMesh(dim=3), np.load(path)
    numbers = [mesh.Add(MeshPoint(Pnt(*map(float, point)))) for point in data["points"]]
    for i in range(len(NAMES)):
        mesh.Add(FaceDescriptor(surfnr=i + 1, domin=1, domout=0, bc=i + 1))
    for facet, value in zip(data["facets"].tolist(), data["values"].tolist(), strict=True):
        mesh.Add(Element2D(value + 1, [numbers[v] for v in facet]))
    for cell in data["cells"].tolist():
        mesh.Add(Element3D(1, [numbers[v] for v in cell]))
    for i, name in enumerate(NAMES):
        mesh.SetBCName(i, name)
    return ng.Mesh(mesh)


def extruded_mesh(size: float, axial: float, order: int) -> Any:
    """Mesh by Gmsh in layers, whose wall NGSolve curves by a deformation."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mesh.msh"
        cylinder.gmsh_mesh(path, 3, size, axial)
        mesh = ng.Mesh(ReadGmsh(str(path)))
    if order > 1:
        moved = ng.GridFunction(ng.VectorH1(mesh, order=order))
        outwards = RADIUS / ng.sqrt(ng.x**2 + ng.y**2) - 1.0
        moved.Set(ng.CoefficientFunction((ng.x * outwards, ng.y * outwards, 0.0)), definedon=mesh.Boundaries("wall"))
        mesh.SetDeformation(moved)
    return mesh


def half_plane(size: float, axial: float) -> Any:
    """Mesh of a half plane by rectangles in layers, with the axis at x = 0."""
    layers = [0.0, *(LENGTH * z for z in cylinder.heights(axial))]
    last = len(layers) - 1
    mesh = MakeStructured2DMesh(
        quads=True, nx=max(1, round(RADIUS / size)), ny=last, mapping=lambda x, y: (RADIUS * x, layers[round(y * last)])
    )
    names = {"bottom": "base", "right": "wall", "top": "top", "left": "axis"}
    for i, name in enumerate(mesh.ngmesh.GetRegionNames(codim=1)):
        mesh.ngmesh.SetBCName(i, names[name])
    return ng.Mesh(mesh.ngmesh)


def weight_of(mesh: Any) -> Any:
    """Weight of integrals: a half plane stands for the body of revolution."""
    return 2.0 * np.pi * ng.x if mesh.dim == 2 else ng.CoefficientFunction(1.0)


def equations(mesh: Any, degree: int, slope: float, dx: Any) -> tuple[Any, Any]:
    """Space of (cations, anions, potential), and the residual as a nonlinear form with integrals `dx`."""
    one = ng.H1(mesh, order=degree, dirichlet="base")
    space, weight = ng.FESpace([one, one, one]), weight_of(mesh)
    (p, n, u), (v, w, q) = space.TnT()
    form = ng.BilinearForm(space, symmetric=False)
    # One integral for each equation: the derivative of their sum would be three times as dear.
    form += weight * (ng.grad(p) + p * ng.grad(u)) * ng.grad(v) * dx
    form += weight * (ng.grad(n) - n * ng.grad(u)) * ng.grad(w) * dx
    form += weight * (cylinder.DEBYE2 * ng.grad(u) * ng.grad(q) - 0.5 * (p - n) * q) * dx
    form += -weight * slope * v * ng.ds("top")
    return space, form


def newton(space: Any, form: Any, solver: str, tolerance: float) -> tuple[Any, int]:
    """State and number of steps of Newton's method from the bulk, until the residual has fallen by `tolerance`."""
    state = ng.GridFunction(space)
    for component, value in zip(state.components, (1.0, 1.0, 0.0), strict=True):
        component.Set(value)
    residual, step = state.vec.CreateVector(), state.vec.CreateVector()
    free = space.FreeDofs()
    project = ng.Projector(free, True)
    first, inverse = 0.0, None
    for taken in range(30):
        form.Apply(state.vec, residual)
        residual.data = project * residual
        norm = ng.Norm(residual)
        first = first or norm
        if norm <= tolerance * first:
            return state, taken
        form.AssembleLinearization(state.vec)
        # PARDISO keeps its ordering from step to step.
        if inverse is None or solver != "pardiso":
            inverse = form.mat.Inverse(free, inverse=solver)
        else:
            inverse.Update()
        step.data = inverse * residual
        state.vec.data -= step
    raise RuntimeError("Newton did not converge")


def mesh_of(given: dict[str, Any], size: float, axial: float) -> Any:
    """Mesh that the arguments ask for."""
    if "mesh" in given:
        return given_mesh(given["mesh"])
    if given.get("dimension") == 2:
        return half_plane(size, axial)
    return extruded_mesh(size, axial, given["curve"]) if "axial" in given else own_mesh(size, given["curve"])


def solve(mesh: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Row of a solve on a mesh."""
    begin = time.perf_counter()
    top, weight = mesh.Boundaries("top"), weight_of(mesh)
    area = ng.Integrate(weight, mesh, ng.BND, definedon=top)
    slope = cylinder.slope(given["current_pA"] * 1e-12, area)
    # Without more points, linear elements in cells that are curved by a deformation lose their order.
    dx = ng.dx(bonus_intorder=2) if given["degree"] == 1 and given.get("curve", 1) > 1 and "axial" in given else ng.dx
    if given["solver"] == "pardiso":
        space, form = equations(mesh, given["degree"], slope, dx)
        state, steps = newton(space, form, given["solver"], given["tolerance"])
        potential, unknowns, iterations = state.components[2], space.ndof, 0
    else:
        potential, unknowns, steps, iterations = newton_blocks(
            mesh, given["solver"], given["degree"], weight, dx, slope, given["tolerance"]
        )
    mean = ng.Integrate(weight * potential, mesh, ng.BND, definedon=top) / area
    return {"V_mV": 1e3 * cylinder.V_T * mean, "unknowns": unknowns, "newton": steps, "krylov": iterations,
            "solve_s": time.perf_counter() - begin, "version": ng.__version__}  # fmt: skip


def run(given: dict[str, Any], size: float, axial: float) -> dict[str, Any]:
    """Row of mesh and solve at a size."""
    start = time.perf_counter()
    mesh = mesh_of(given, size, axial)
    meshed = time.perf_counter()
    return {"mesh_s": meshed - start, **solve(mesh, given)}


def main() -> None:
    """Solve with the arguments of the command line, and print the row."""
    given = {"threads": 1} | json.loads(sys.argv[1])
    ng.SetNumThreads(given["threads"])
    ng.ngsglobals.msg_level = 0
    if "axial" in given:
        with ng.TaskManager() if given["threads"] > 1 else contextlib.nullcontext():
            row = cylinder.measured(lambda size, axial: run(given, size, axial), given["size"], given["axial"])
    else:
        # One mesh, and the fastest of several solves.
        rows = [run(given, given.get("size", 0.0), 0.0)]
        rows += [
            rows[0] | solve(mesh_of(given, given.get("size", 0.0), 0.0), given) for _ in range(1, given["repeats"])
        ]
        row = min(rows, key=lambda r: r["solve_s"])
    print(json.dumps(row))


if __name__ == "__main__":
    main()
