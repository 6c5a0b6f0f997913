"""Suite `peer` at equal error: full PNP in the cylinder, for each program the time to reach an error."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import accuracy
from benchmarks.accuracy_problems import Variant, cylinder
from benchmarks.front import lasting
from benchmarks.peer_environment import DEVSIM, DOLFINX, NGSOLVE, NoPeerError, Program, peer_python, solve
from spinepnp.meshes import generate

#: Tolerance of Newton's method in all programs, relative to the residual of the bulk state.
TOLERANCE = 1e-10

#: Words for the dimensions, as the column `case` has them.
PLACES = {"3d": "3D", "axisymmetric": "meridian"}

#: Column `case` of the rows on one and two cores.
CORES = "full PNP, 3D, cores"

#: Pairs of a size across and one along the cylinder, um, from coarse to fine.
Sizes = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Setting:
    """Settings of another program.

    Attributes:
        program: the program.
        words: settings in words.
        sizes: sizes of cells.
        arguments: arguments of its script.
    """

    program: Program
    words: str
    sizes: Sizes
    arguments: dict[str, Any] = field(default_factory=dict)


#: Sizes of cells of linear elements with curved sides in three dimensions; finer than 10 nm adds little here.
CURVED: Sizes = ((0.05, 0.1), (0.025, 0.05), (0.0125, 0.025))

#: Sizes of straight cells, whose error is that of a polygon in place of a circle.
STRAIGHT: Sizes = ((0.0125, 0.05), (0.008, 0.033), (0.005, 0.02))

#: Sizes of cells of quadratic and cubic elements.
HIGH: Sizes = ((0.05, 0.2), (0.035, 0.1), (0.025, 0.1))

#: Sizes of cells of linear elements on a meridian, where the solution varies along the axis only.
LINES: Sizes = ((0.05, 0.1), (0.05, 0.025), (0.025, 0.00625))

#: Sizes of cells of quadratic and cubic elements on a meridian.
HIGH_LINES: Sizes = ((0.05, 0.4), (0.05, 0.1), (0.05, 0.05))

#: Settings of other programs by dimension.
SETTINGS: dict[str, tuple[Setting, ...]] = {
    "3d": (
        Setting(NGSOLVE, "linear, PARDISO", CURVED, {"degree": 1, "curve": 3, "solver": "pardiso"}),
        Setting(NGSOLVE, "linear, GMRES, h1amg blocks", CURVED, {"degree": 1, "curve": 3, "solver": "h1amg"}),
        Setting(NGSOLVE, "quadratic, PARDISO", HIGH, {"degree": 2, "curve": 3, "solver": "pardiso"}),
        Setting(NGSOLVE, "quadratic, GMRES, BDDC blocks", HIGH, {"degree": 2, "curve": 3, "solver": "bddc"}),
        Setting(NGSOLVE, "cubic, PARDISO", HIGH, {"degree": 3, "curve": 3, "solver": "pardiso"}),
        Setting(DEVSIM, "Scharfetter-Gummel, straight, PARDISO", STRAIGHT),
        Setting(DOLFINX, "linear, straight, MUMPS", STRAIGHT, {"degree": 1, "order": 1}),
        Setting(DOLFINX, "linear, curved, MUMPS", CURVED, {"degree": 1, "order": 2}),
    ),
    "axisymmetric": (
        Setting(NGSOLVE, "linear, PARDISO", LINES, {"degree": 1, "curve": 1, "solver": "pardiso"}),
        Setting(NGSOLVE, "quadratic, PARDISO", HIGH_LINES, {"degree": 2, "curve": 1, "solver": "pardiso"}),
        Setting(NGSOLVE, "cubic, PARDISO", HIGH_LINES, {"degree": 3, "curve": 1, "solver": "pardiso"}),
        Setting(DEVSIM, "Scharfetter-Gummel, PARDISO", LINES),
        Setting(DOLFINX, "linear, MUMPS", LINES, {"degree": 1, "order": 1}),
        Setting(DOLFINX, "quadratic, MUMPS", HIGH_LINES, {"degree": 2, "order": 1}),
    ),
}

#: Sizes of this program over its default, by dimension and degree.
OWN_SIZES = {
    ("3d", 1): (4.0, 2.0, 0.72), ("3d", 2): (8.0, 4.0, 2.0),
    ("axisymmetric", 1): (4.0, 1.0, 0.25), ("axisymmetric", 2): (8.0, 4.0, 1.0),
}  # fmt: skip


def peer_equal(comm: Any, dimension: str, coarsest: bool = False) -> list[dict[str, Any]]:
    """Rows of all programs and settings in a dimension ("3d", "axisymmetric"); for tests only the coarsest mesh."""
    rows = []
    for degree in (1, 2):
        rows += _checked(own(comm, dimension, degree, OWN_SIZES[dimension, degree][: 1 if coarsest else None]))
    for setting in SETTINGS[dimension]:
        name = f"full PNP, {PLACES[dimension]}"
        rows += _checked(other(setting, name, dimension, setting.sizes[: 1 if coarsest else None]))
    return rows


def own(comm: Any, dimension: str, degree: int, sizes: Sequence[float]) -> list[dict[str, Any]]:
    """Rows of this program, on curved cells that resolve the layer; collective."""
    os.environ["SPINEPNP_MESH_CACHE"] = "off"
    problem, rows = cylinder(), []
    for i, size in enumerate(sizes):
        case = problem.load(Variant(degree, 2, True, dimension, "density", size, 0))
        if i == 0:
            generate(case.geometry, case.mesh, comm)  # loads Gmsh
        meshes = accuracy.Meshes(comm)
        found = accuracy.solve(case, meshes.fit(case), problem.place, comm, warm=i == 0)
        standard = degree == case.geometry.default_degree()
        words = ("default, " if standard else "") + ("linear" if degree == 1 else "quadratic")
        rows.append(
            _row("spinepnp", words, f"full PNP, {PLACES[dimension]}", f"{size:g}", found | {"mesh_s": meshes.seconds})
        )
    return rows


def other(setting: Setting, case: str, dimension: str, sizes: Sizes, **how: int) -> list[dict[str, Any]]:
    """Rows of another program; one row with the reason if it cannot be used."""
    rows, program = [], setting.program
    for size, axial in sizes:
        given = {**setting.arguments, "dimension": 3 if dimension == "3d" else 2, "size": size, "axial": axial}
        try:
            found = solve(peer_python(program), program, current_pA=100.0, tolerance=TOLERANCE, **how, **given)
        except NoPeerError as error:
            reason = f"{program.name}, {setting.words}, {PLACES[dimension]}: {error}"
            return [*rows, {"case": case, "program": program.name, "settings": setting.words, "status": reason}]
        rows.append(_row(program.name, setting.words, case, f"{1e3 * size:g} x {1e3 * axial:g} nm", found))
    return rows


def _row(program: str, words: str, case: str, size: str, found: dict[str, Any]) -> dict[str, Any]:
    kept = {key: found[key] for key in ("unknowns", "newton", "krylov", "mesh_s", "solve_s", "status") if key in found}
    return {
        "case": case, "program": program, "settings": words, "size": size, "status": "ok", **kept,
        "total_s": found["mesh_s"] + found["solve_s"], "error": abs(found["V_mV"] / cylinder().answer - 1.0),
    }  # fmt: skip


def _checked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with `sure_error`: the largest error on this mesh and on any finer one."""
    good = [row for row in rows if row["status"] == "ok"]
    for row, error in zip(good, lasting([row["error"] for row in good]), strict=True):
        row["sure_error"] = error
    return rows


def peer_ranks(comm: Any, dimension: str = "3d") -> list[dict[str, Any]]:
    """Rows of this program on the ranks of the communicator, one rank a core; collective."""
    return [row | {"case": CORES, "cores": comm.size} for row in own(comm, dimension, 1, (1.0,))]


def peer_threads(comm: Any, dimension: str = "3d") -> list[dict[str, Any]]:
    """Rows of linear elements in the other programs on one core and on two: two threads, in DOLFINx two ranks."""
    rows = []
    for setting in SETTINGS[dimension]:
        if setting.arguments.get("degree", 1) > 1 or setting.arguments.get("order", 2) == 1:
            continue
        sizes = setting.sizes[-1:] if setting.sizes is CURVED else setting.sizes[:1]
        for cores in (1, 2):
            how = {"ranks": cores} if setting.program is DOLFINX else {"threads": cores}
            rows += [row | {"cores": cores} for row in other(setting, CORES, dimension, sizes, **how)]
    return rows
