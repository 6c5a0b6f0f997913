"""Suite `peer`: other programs on the same problems in the same run: NGSolve on the cylinder, LSODA on a neuron."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy_problems import cylinder, neutral_cylinder
from benchmarks.measure import solve_once, timed
from benchmarks.neurons import spike_errors
from benchmarks.peer_environment import NoPeerError, peer_python
from benchmarks.peer_environment import solve as peer_solve
from benchmarks.places import CASES
from spinepnp.case.case import Case, load_case
from spinepnp.meshes import SpineMesh, generate
from spinepnp.runtime.stack import cell_nodes
from spinepnp.validation import gnp

#: Tolerance of Newton's method in both programs, relative to the residual of the bulk state.
TOLERANCE = 1e-10


def peer_cylinder(
    comm: Any, size: str, own_size: float | None = None, degree: int = 1, graded: bool = False, repeats: int = 2
) -> list[dict[str, Any]]:
    """Rows of the cylinder on one straight mesh in both programs, and on the curved mesh that each program makes.

    Args:
        comm: MPI communicator; one rank works.
        size: size of the cells of this program, as in a case file.
        own_size: size of Netgen's cells for as many unknowns, um; without it only the shared mesh is used.
        degree: degree of the elements.
        graded: whether the cells resolve the Debye layer, which is then part of the answer.
        repeats: number of solves by NGSolve, of which the fastest counts.
    """
    os.environ["SPINEPNP_MESH_CACHE"] = "off"
    try:
        python = peer_python()
    except NoPeerError as error:
        return [{"status": f"skipped: {error}"}]
    # Cells that do not resolve the layer give the answer without a layer, that is, the law.
    answer, rows = (cylinder() if graded else neutral_cylinder()).answer, []
    given = {"degree": degree, "current_pA": 100.0, "tolerance": TOLERANCE, "solver": "pardiso", "repeats": repeats}
    for kind in ("shared, straight", "own, curved"):
        if kind.startswith("own") and own_size is None:
            continue
        case = _case(size, degree, 1 if kind.startswith("shared") else 2, graded)
        mesh, mesh_s = timed(comm, lambda case=case: generate(case.geometry, case.mesh, comm, faithful=False))
        ours = {"program": "spinepnp", "mesh_s": mesh_s, **_solve(case, mesh, comm)}
        with tempfile.TemporaryDirectory() as folder:
            own = {"size": own_size, "curve": 2} if kind.startswith("own") else {"mesh": _exported(mesh, Path(folder))}
            try:
                theirs = {"program": "NGSolve", **peer_solve(python, **given, **own)}
            except NoPeerError as error:
                theirs = {"program": "NGSolve", "status": str(error)}
        rows += [_row(r, ours, answer, mesh=kind, degree=degree, graded=graded) for r in (ours, theirs)]
    return rows


def _case(size: str, degree: int, order: int, graded: bool) -> Case:
    grade = [] if graded else ["mesh.grade={}"]
    options = [f'mesh.size="{size}"', f"mesh.element_degree={degree}", f"mesh.order={order}"]
    return load_case(CASES / "cylinder_iv.toml", (*cylinder().overrides, *options, *grade))


def _solve(case: Case, mesh: SpineMesh, comm: Any) -> dict[str, Any]:
    """Row of the fastest of three solves, everything after the mesh; the first solve may include compilation."""
    runs = [timed(comm, lambda: solve_once(case, mesh, "top")) for _ in range(3)]
    return runs[0][0] | {"solve_s": min(seconds for _, seconds in runs)}


def _exported(mesh: SpineMesh, folder: Path) -> str:
    """Write a straight mesh for `peer_ngsolve.given_mesh`; returns the path."""
    domain = mesh.mesh
    tdim = domain.topology.dim
    domain.topology.create_connectivity(tdim - 1, 0)
    domain.topology.create_connectivity(0, tdim)
    # Nodes of a straight mesh are its vertices, in another order.
    node = np.empty(domain.topology.index_map(0).size_local, dtype=np.int64)
    corners = domain.topology.connectivity(tdim, 0)
    cells = cell_nodes(domain)
    for cell, nodes in enumerate(cells):
        node[corners.links(cell)] = nodes
    to_vertices = domain.topology.connectivity(tdim - 1, 0)
    facets, values = [], []
    for value, name in enumerate(("base", "wall", "top")):
        for facet in mesh.boundary_facets[name]:
            facets.append(node[to_vertices.links(facet)])
            values.append(value)
    path = folder / "mesh.npz"
    points = domain.geometry.x
    np.savez(path, points=points, cells=_turned(points, cells), facets=np.array(facets), values=np.array(values))
    return str(path)


def _turned(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Cells with their corners in the order that Netgen needs: the determinant of their edges is negative."""
    edges = points[cells[:, 1:]] - points[cells[:, :1]]
    wrong = np.linalg.det(edges) > 0.0
    turned = cells.copy()
    turned[wrong, 0], turned[wrong, 1] = cells[wrong, 1], cells[wrong, 0]
    return turned


def _row(row: dict[str, Any], ours: dict[str, Any], answer: float, **keys: Any) -> dict[str, Any]:
    """Row with the errors and the ratios of times to those of this program."""
    if "V_mV" not in row:
        return {**keys, "case": "cylinder", "program": row["program"], "status": row["status"]}
    total, our_total = row["mesh_s"] + row["solve_s"], ours["mesh_s"] + ours["solve_s"]
    return {
        "case": "cylinder", **keys, **row, "error": abs(row["V_mV"] / answer - 1.0),
        "difference": abs(row["V_mV"] / ours["V_mV"] - 1.0), "solve_ratio": row["solve_s"] / ours["solve_s"],
        "step_ratio": row["solve_s"] / row["newton"] / (ours["solve_s"] / ours["newton"]),
        "total_ratio": total / our_total, "status": "ok",
    }  # fmt: skip


def peer_neuron(
    comm: Any, seconds: float = 15.0, p_eff: float = 0.515, rtols: tuple[float, ...] = (1e-5, 1e-6, 1e-7, 1e-8)
) -> list[dict[str, Any]]:
    """Rows of a tonic neuron by this integrator and by LSODA on one compiled right-hand side, at several tolerances."""
    model = gnp.Model("gnp", "concentration")
    protocol = [gnp.Piece(200.0 * seconds, 0.0), gnp.Piece(1e3 * seconds, p_eff)]
    gnp.run(model, [gnp.Piece(1.0, p_eff)])
    truth = gnp.run(model, protocol, tolerance=1e-10).spikes
    rows: list[dict[str, Any]] = []
    for tolerance in (1e-5, 1e-6, 1e-7, 1e-8):
        trace, run_s = timed(comm, lambda t=tolerance: gnp.run(model, protocol, tolerance=t))
        rows.append({"program": "spinepnp", "tolerance": tolerance, "solve_s": run_s,
                     "evaluations": 6 * trace.steps, **spike_errors(trace.spikes, truth)})  # fmt: skip
    for rtol in rtols:
        (spikes, count), run_s = timed(comm, lambda t=rtol: _lsoda(model, protocol, t))
        rows.append({"program": "LSODA", "tolerance": rtol, "solve_s": run_s,
                     "evaluations": count, **spike_errors(spikes, truth)})  # fmt: skip
    own = [r for r in rows if r["program"] == "spinepnp"]
    for row in rows:
        row |= {"case": f"neuron, {seconds:g} s", "status": "ok", "solve_ratio": _at_equal_error(row, own)}
    return rows


def _lsoda(model: gnp.Model, protocol: list[gnp.Piece], rtol: float) -> tuple[np.ndarray, int]:
    """Times of spikes and evaluations by SciPy's LSODA, with the longest step and threshold of this integrator."""
    from scipy.integrate import solve_ivp

    from spinepnp.validation.gnp import kinetics
    from spinepnp.validation.gnp.simulation import THRESHOLD

    c, y, begin, found, count = model.coefficients, model.start(), 0.0, [], 0
    out = np.empty(6)
    atol = rtol * np.array([1.0, 1.0, 1.0, 10.0, 1.0, 1.0])

    def crossing(t: float, state: np.ndarray) -> float:
        return float(state[3] - THRESHOLD)

    crossing.direction = 1.0  # type: ignore[attr-defined]
    for piece in protocol:

        def slopes(t: float, state: np.ndarray, open_: float = piece.p_eff) -> np.ndarray:
            kinetics.slopes(state, open_, c, out)
            return out

        run = solve_ivp(
            slopes, (begin, piece.until), y, method="LSODA", rtol=max(rtol, 1e-13), atol=atol,
            max_step=kinetics.LONGEST, events=crossing, t_eval=[piece.until],
        )  # fmt: skip
        found.append(run.t_events[0])
        y, begin, count = run.y[:, -1], piece.until, count + run.nfev
    return np.concatenate(found), count


def _at_equal_error(row: dict[str, Any], own: list[dict[str, Any]]) -> float:
    """Time of a row over the time of this integrator at the same error, which is interpolated (log-log)."""
    good = sorted((r["spike_error_ms"], r["solve_s"]) for r in own if r["spike_error_ms"] > 0.0)
    if not good or not row["spike_error_ms"] > 0.0:
        return float("nan")
    errors, seconds = np.log(np.array(good)).T
    return float(row["solve_s"] / np.exp(np.interp(np.log(row["spike_error_ms"]), errors, seconds)))
