"""Suite `accuracy`: error against time, for every setting that a user can choose, on problems with a known answer."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from benchmarks.accuracy_problems import PROBLEMS, AccuracyProblem, Variant
from benchmarks.front import lasting
from benchmarks.measure import poisson_unit, solve_once, timed
from spinepnp.case.case import Case
from spinepnp.errors import SpineError
from spinepnp.meshes import SpineMesh, generate

#: Seconds of a solve below which it is measured again: what is short is noisy.
SHORT = 1.0

#: Unknowns from which logarithms, and straight cells with layers, are left out: they are far behind the front by then.
CLEAR = {"3d": 22_000, "axisymmetric": 20_000}

#: Approximate number of nodes for each vertex, by dimension and degree.
NODES = {("3d", 1): 1.0, ("3d", 2): 7.5, ("axisymmetric", 1): 1.0, ("axisymmetric", 2): 4.0}


class Meshes:
    """Mesh of the last variant, kept for the variants that share it, with the seconds that its generation took."""

    def __init__(self, comm: Any) -> None:
        self.comm = comm
        self.mesh: SpineMesh | None = None
        self.seconds = self.unit = 0.0
        self._made_for: tuple[Any, ...] = ()

    def fit(self, case: Case) -> SpineMesh:
        """Mesh of a case; one mesh serves all degrees of elements."""
        key = case.geometry, case.mesh.model_copy(update={"element_degree": 1})
        if self.mesh is None or key != self._made_for:
            # Coarse straight cells are among what is compared.
            self.mesh, self.seconds = timed(
                self.comm, lambda: generate(case.geometry, case.mesh, self.comm, faithful=False)
            )
            self._made_for, self.unit = key, 0.0
        if self.mesh.element_degree != case.mesh.element_degree:
            self.mesh, self.unit = replace(self.mesh, options=case.mesh.resolved(case.geometry)), 0.0
        return self.mesh

    def poisson(self, mesh: SpineMesh) -> float:
        """Seconds of a scalar Poisson solve on the mesh that fits."""
        self.unit = self.unit or poisson_unit(mesh)
        return self.unit


def accuracy(comm: Any, problem: str, dimension: str, coarsest: bool = False) -> list[dict[str, Any]]:
    """Rows of all variants of a problem in one dimension ("3d", "axisymmetric"); for tests only the coarsest meshes."""
    # The time of meshing is part of the time of an answer, so the cache is off.
    os.environ["SPINEPNP_MESH_CACHE"] = "off"
    given, meshes, rows = PROBLEMS[problem](), Meshes(comm), []
    seen: set[str] = set()
    first = given.load(next(given.variants(dimension)))
    generate(first.geometry, first.mesh, comm)  # loads Gmsh
    for variant in given.variants(dimension):
        if coarsest and (variant.name in seen or variant.formulation == "log"):
            continue
        case = given.load(variant)
        mesh = meshes.fit(case)
        unknowns = mesh.vertices * NODES[dimension, variant.degree] * (len(case.electrolyte.names) + 1)
        special = variant.formulation == "log" or (variant.order == 1 and variant.graded)
        if special and unknowns > CLEAR[dimension]:
            continue
        measured = solve(case, mesh, given.place, comm, warm=variant.name not in seen)
        seen.add(variant.name)
        rows.append(_row(given, variant, measured | {"mesh_s": meshes.seconds, "unit_s": meshes.poisson(mesh)}))
    return _without_luck(rows)


def solve(case: Case, mesh: SpineMesh, place: str, comm: Any, warm: bool) -> dict[str, Any]:
    """Unknowns, seconds and potential (mV) at a place of one solve; `warm`: kernels may have to be compiled first."""
    best: dict[str, Any] = {}
    for _ in range(3 if warm else 2):
        try:
            found, seconds = timed(comm, lambda: solve_once(case, mesh, place))
        except SpineError as error:
            return {"unknowns": 0, "solve_s": float("nan"), "V_mV": float("nan"), "status": str(error)}
        if not best or seconds < best["solve_s"]:
            best = {**found, "solve_s": seconds, "status": "ok"}
        if not warm and seconds > SHORT:
            break
        warm = False
    return best


def _row(problem: AccuracyProblem, variant: Variant, measured: dict[str, Any]) -> dict[str, Any]:
    return {
        "problem": problem.name,
        "variant": variant.name,
        "dimension": variant.dimension,
        "size": variant.size,
        "refine": variant.refine,
        "default": problem.is_default(variant),
        "unknowns": measured["unknowns"],
        "mesh_s": measured["mesh_s"],
        "solve_s": measured["solve_s"],
        "total_s": measured["mesh_s"] + measured["solve_s"],
        "units": measured["solve_s"] / measured["unit_s"],
        "error": abs(measured["V_mV"] / problem.answer - 1.0),
        "status": measured["status"],
    }


def _without_luck(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with `sure_error`: the largest error on this mesh and on any finer one."""
    variants: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        variants.setdefault(row["variant"], []).append(row)
    for group in variants.values():
        for row, error in zip(group, lasting([row["error"] for row in group]), strict=True):
            row["sure_error"] = error
    return rows
