"""The cylinder in NGSolve: weak forms, mesh and Newton of its own. Run by the environment that has NGSolve.

    python peer_ngsolve.py JSON       prints one line of JSON

Lengths in micrometres, concentrations over that of the bulk, potential over V_T; only Python and NGSolve are needed.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import ngsolve as ng
import numpy as np
from netgen.meshing import Element2D, Element3D, FaceDescriptor, MeshPoint, Pnt
from netgen.meshing import Mesh as NetgenMesh
from netgen.occ import Cylinder, OCCGeometry, Z

#: Faraday constant, C/mol.
FARADAY = 96485.33212

#: Vacuum permittivity, F/m, and relative permittivity of the electrolyte.
EPSILON_0 = 8.8541878128e-12
RELATIVE = 80.0

#: Thermal voltage, V.
V_T = 25.26e-3

#: Bulk concentration of each ion, mol/m^3.
BULK = 167.0

#: Diffusivity of both ions, m^2/s.
DIFFUSIVITY = 200e-12

#: Radius and length of the cylinder, um.
RADIUS = 0.05
LENGTH = 1.0

#: Boundaries in the order of their numbers in a mesh from a file.
NAMES = ("base", "wall", "top")


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


def equations(mesh: Any, degree: int, current: float) -> tuple[Any, Any]:
    """Space of (cations, anions, potential), and the residual as a nonlinear form."""
    one = ng.H1(mesh, order=degree, dirichlet="base")
    space = ng.FESpace([one, one, one])
    (p, n, u), (v, w, q) = space.TnT()
    debye2 = EPSILON_0 * RELATIVE * V_T / (2.0 * FARADAY * BULK) * 1e12
    area = ng.Integrate(ng.CoefficientFunction(1.0), mesh, ng.BND, definedon=mesh.Boundaries("top"))
    # mol/(s m^2) over D C/um: the slope that carries the current
    slope = current / (FARADAY * area * 1e-12) / (DIFFUSIVITY * BULK) * 1e-6
    form = ng.BilinearForm(space, symmetric=False)
    # One integral for each equation: the derivative of their sum would be three times as dear.
    form += (ng.grad(p) + p * ng.grad(u)) * ng.grad(v) * ng.dx
    form += (ng.grad(n) - n * ng.grad(u)) * ng.grad(w) * ng.dx
    form += (debye2 * ng.grad(u) * ng.grad(q) - 0.5 * (p - n) * q) * ng.dx
    form += -slope * v * ng.ds("top")
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


def main() -> None:
    """Solve with the arguments of the command line, and print the row."""
    given = json.loads(sys.argv[1])
    ng.SetNumThreads(1)
    ng.ngsglobals.msg_level = 0
    start = time.perf_counter()
    mesh = given_mesh(given["mesh"]) if "mesh" in given else own_mesh(given["size"], given["curve"])
    meshed = time.perf_counter()
    best, row = float("inf"), {}
    for _ in range(given.get("repeats", 2)):
        begin = time.perf_counter()
        space, form = equations(mesh, given["degree"], given["current_pA"] * 1e-12)
        state, steps = newton(space, form, given["solver"], given["tolerance"])
        best = min(best, time.perf_counter() - begin)
        top = mesh.Boundaries("top")
        area = ng.Integrate(ng.CoefficientFunction(1.0), mesh, ng.BND, definedon=top)
        mean = ng.Integrate(state.components[2], mesh, ng.BND, definedon=top) / area
        row = {"V_mV": 1e3 * V_T * mean, "unknowns": space.ndof, "newton": steps}
    print(json.dumps({**row, "mesh_s": meshed - start, "solve_s": best, "version": ng.__version__}))


if __name__ == "__main__":
    main()
