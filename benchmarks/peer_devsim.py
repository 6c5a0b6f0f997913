"""The cylinder in DEVSIM: finite volumes with the fluxes of Scharfetter and Gummel on a straight mesh of Gmsh.

python -m benchmarks.peer_devsim JSON       prints one line of JSON
"""

from __future__ import annotations

import itertools
import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import devsim as ds
import numpy as np

from benchmarks import peer_cylinder as cylinder

#: Name of device and region in DEVSIM.
AT = {"device": "cylinder", "region": "body"}


def read(path: Path) -> None:
    """Make the device from a file of Gmsh."""
    ds.create_gmsh_mesh(mesh="mesh", file=str(path))
    ds.add_gmsh_region(mesh="mesh", gmsh_name="body", region="body", material="electrolyte")
    for name in ("base", "top"):
        ds.add_gmsh_contact(mesh="mesh", gmsh_name=name, name=name, region="body", material="metal")
    ds.finalize_mesh(mesh="mesh")
    ds.create_device(mesh="mesh", device=AT["device"])


def around_axis() -> None:
    """Volumes, couplings and surfaces of a half plane are those of the body of revolution about x = 0."""
    ds.set_parameter(device=AT["device"], name="raxis_variable", value="x")
    ds.set_parameter(device=AT["device"], name="raxis_zero", value=0)
    for make in (ds.cylindrical_node_volume, ds.cylindrical_edge_couple, ds.cylindrical_surface_area):
        make(**AT)
    ds.set_parameter(name="node_volume_model", value="CylindricalNodeVolume")
    ds.set_parameter(name="edge_couple_model", value="CylindricalEdgeCouple")


def coupling() -> None:
    """Couplings of edges and volumes of nodes from the stiffness of linear elements (edge-averaged finite elements).

    DEVSIM's own take the distance to the circumcentre without its sign. They are right only where each tetrahedron
    contains its circumcentre, which Gmsh does not provide: the volume would be 20 % too large.
    """
    x = np.column_stack([ds.get_node_model_values(**AT, name=name) for name in "xyz"])
    cells = np.array(ds.get_element_node_list(**AT))
    jacobians = x[cells[:, 1:]] - x[cells[:, :1]]
    volumes = np.abs(np.linalg.det(jacobians)) / 6.0
    rest = np.linalg.inv(jacobians).transpose(0, 2, 1)
    slopes = np.concatenate([-rest.sum(axis=1, keepdims=True), rest], axis=1)
    ds.edge_from_node_model(**AT, node_model="node_index")
    ends = np.column_stack([ds.get_edge_model_values(**AT, name=f"node_index@{end}") for end in ("n0", "n1")]).astype(
        int
    )
    number = dict(zip(map(tuple, np.sort(ends, axis=1).tolist()), range(len(ends)), strict=True))
    couple = np.zeros(len(ends))
    for i, j in itertools.combinations(range(4), 2):
        weights = -volumes * np.einsum("ck,ck->c", slopes[:, i], slopes[:, j])
        pairs = np.sort(cells[:, [i, j]], axis=1).tolist()
        np.add.at(couple, [number[a, b] for a, b in pairs], weights)
    couple *= np.linalg.norm(x[ends[:, 0]] - x[ends[:, 1]], axis=1)
    shares = np.bincount(cells.ravel(), np.repeat(volumes / 4.0, 4), len(x))
    areas = np.zeros(len(x))
    for name in ("base", "top"):
        facets = np.array(ds.get_element_node_list(**AT, contact=name))
        edges = x[facets[:, 1:]] - x[facets[:, :1]]
        sizes = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1) / 2.0
        areas += np.bincount(facets.ravel(), np.repeat(sizes / 3.0, 3), len(x))
    ds.edge_solution(**AT, name="couple")
    ds.set_edge_values(**AT, name="couple", values=couple.tolist())
    for name, values in (("volume", shares), ("area", areas)):
        ds.node_solution(**AT, name=name)
        ds.set_node_values(**AT, name=name, values=values.tolist())
    ds.set_parameter(name="node_volume_model", value="volume")
    ds.set_parameter(name="edge_couple_model", value="couple")


def model(name: str, equation: str, *unknowns: str) -> None:
    """Model of nodes, and its derivatives."""
    ds.node_model(**AT, name=name, equation=equation)
    for u in unknowns:
        ds.node_model(**AT, name=f"{name}:{u}", equation=f"simplify(diff({equation}, {u}))")


def fluxes() -> dict[str, str]:
    """Models of the flux of each unknown along an edge, and their derivatives; written out, as DEVSIM's own models do.

    DEVSIM's symbolic derivatives of Bernoulli functions would take ten times as long as a solve on a coarse mesh.
    """
    inverse = "EdgeInverseLength"
    for name, function in (("up", "B"), ("slope_up", "dBdx")):
        ds.edge_model(**AT, name=name, equation=f"{function}(u@n1-u@n0)")
    for name, function in (("down", "B"), ("slope_down", "dBdx")):
        ds.edge_model(**AT, name=name, equation=f"{function}(u@n0-u@n1)")
    made = {"u": ("displacement", f"{cylinder.DEBYE2!r}*(u@n0-u@n1)*{inverse}")}
    derivatives = {
        "displacement:u@n0": f"{cylinder.DEBYE2!r}*{inverse}",
        "displacement:u@n1": f"-{cylinder.DEBYE2!r}*{inverse}",
    }
    for ion, flux, first, second, sign in (("p", "cations", "up", "down", "-"), ("n", "anions", "down", "up", "")):
        made[ion] = flux, f"({ion}@n0*{first}-{ion}@n1*{second})*{inverse}"
        drift = f"({ion}@n0*slope_{first}+{ion}@n1*slope_{second})*{inverse}"
        opposite = "" if sign else "-"
        derivatives |= {f"{flux}:u@n0": sign + drift, f"{flux}:u@n1": opposite + drift}
        derivatives |= {f"{flux}:{ion}@n0": f"{first}*{inverse}", f"{flux}:{ion}@n1": f"-{second}*{inverse}"}
    for name, equation in (*made.values(), *derivatives.items()):
        ds.edge_model(**AT, name=name, equation=equation)
    return {unknown: name for unknown, (name, _) in made.items()}


def equations(current: float, surface: str, volume: str) -> None:
    """Equations of cations p, anions n and potential u, with their conditions at base and top."""
    for name, bulk in (("u", 0.0), ("p", 1.0), ("n", 1.0)):
        ds.node_solution(**AT, name=name)
        ds.edge_from_node_model(**AT, node_model=name)
        ds.set_node_value(**AT, name=name, value=bulk)
    model("charge", "0.5*(n-p)", "p", "n")
    along = fluxes()
    for name, flux in along.items():
        more = {"node_model": "charge"} if name == "u" else {}
        update = "default" if name == "u" else "positive"
        ds.equation(**AT, name=name, variable_name=name, edge_model=flux, variable_update=update, **more)
    areas = ds.get_node_model_values(**AT, name=surface)
    tops = sorted(set(_nodes("top")))
    slope = cylinder.slope(current, sum(areas[i] for i in tops))
    # Models of nodes are integrated over their volumes, at contacts, too.
    model("inflow", f"-{slope!r}*{surface}/{volume}")
    for name, flux in along.items():
        bulk = 0.0 if name == "u" else 1.0
        model(f"bath_{name}", f"{name}-{bulk}", name)
        ds.contact_equation(device=AT["device"], contact="base", name=name, node_model=f"bath_{name}")
        source = {"u": {"node_model": "charge"}, "p": {"node_model": "inflow"}, "n": {}}[name]
        ds.contact_equation(device=AT["device"], contact="top", name=name, edge_model=flux, **source)


def _nodes(contact: str) -> list[int]:
    elements = ds.get_element_node_list(**AT, contact=contact)
    return [node for element in elements for node in element]


def run(folder: Path, given: dict[str, Any], size: float, axial: float) -> dict[str, Any]:
    """Row of mesh and solve at a size."""
    ds.reset_devsim()
    ds.set_parameter(name="threads_available", value=given["threads"])
    dimension, path = given["dimension"], folder / "mesh.msh"
    begin = time.perf_counter()
    cylinder.gmsh_mesh(path, dimension, size, axial)
    read(path)
    meshed = time.perf_counter()
    (around_axis if dimension == 2 else coupling)()
    surface, volume = ("CylindricalSurfaceArea", "CylindricalNodeVolume") if dimension == 2 else ("area", "volume")
    equations(given["current_pA"] * 1e-12, surface, volume)
    # Corrections count, not residuals; Newton's method squares them, so that the last one is far below this.
    found = ds.solve(
        type="dc", absolute_error=1e6, charge_error=1e30, relative_error=math.sqrt(given["tolerance"]),
        maximum_iterations=30, info=True,
    )  # fmt: skip
    solved = time.perf_counter()
    if not found["converged"]:
        raise RuntimeError("Newton did not converge")
    areas, u = (ds.get_node_model_values(**AT, name=name) for name in (surface, "u"))
    tops = sorted(set(_nodes("top")))
    mean = math.fsum(areas[i] * u[i] for i in tops) / math.fsum(areas[i] for i in tops)
    return {
        "V_mV": 1e3 * cylinder.V_T * mean, "unknowns": 3 * len(u), "newton": len(found["iterations"]),
        "mesh_s": meshed - begin, "solve_s": solved - meshed, "solver": ds.get_parameter(name="direct_solver"),
        "version": ds.get_parameter(name="info")["version"],
    }  # fmt: skip


def main() -> None:
    """Solve with the arguments of the command line, and print the row."""
    given: dict[str, Any] = {"threads": 1} | json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        row = cylinder.measured(
            lambda size, axial: run(Path(folder), given, size, axial), given["size"], given["axial"]
        )
    print(json.dumps(row))


if __name__ == "__main__":
    main()
