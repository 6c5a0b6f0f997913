"""Imports run one way only, --help starts nothing heavy, and what needs no DOLFINx runs without it."""

import re
import tomllib

import pytest

from support import ROOT
from support.commands import STACK, imports, run_code

#: Top-level folders, which committed symlinks make rooms of the package.
TOP = ("geometries", "meshes", "solvers", "validation")

#: Rooms from the foundation to the roof, those of one floor in one row. A module may import modules of its own room and
#: of lower floors.
FLOORS = (
    ("errors",),
    ("messages",),
    ("units", "csv_files", "checkout", "figure_style"),
    ("expressions",),
    ("runtime",),
    ("geometries",),
    ("geometries.shapes",),
    ("meshes",),
    ("solvers.model",),
    ("solvers.fem", "solvers.algebra"),
    ("solvers.pnp",),
    ("solvers.problem",),
    ("solvers.steady",),
    ("solvers.time",),
    ("validation.laws", "validation.reference"),
    ("validation.gnp",),
    ("validation.gnp.figures", "validation.studies"),
    ("case",),
    ("plots",),
    ("pages",),
    ("run",),
    ("batch",),
    ("python",),
    ("validation.suite",),
    ("validation.report",),
    ("reference",),
    ("commands",),
    ("cli",),
    ("__main__",),
)

#: Files that only pass on public names: of a room, or by a former path.
FACADES = (
    "spinepnp", "spinepnp.geometries", "spinepnp.meshes", "spinepnp.solvers", "spinepnp.case", "spinepnp.run",
    "spinepnp.validation.laws", "spinepnp.validation.analytic", "spinepnp.validation.onedimensional",
    "spinepnp.validation.pore", "spinepnp.validation.pore_limits",
    "spinepnp.validation.gnp", "spinepnp.validation.reference.onedimensional",
)  # fmt: skip


#: Laws of cases, which know geometries and boundaries; all other laws are formulas.
OF_CASES = tuple(
    f"spinepnp.validation.laws.{name}" for name in ("catalogue", "assumptions", "geometric_factors", "profiles")
)

#: Parts that run where DOLFINx is not installed, with what they may import beside the ground floor and each other.
PURE = {"validation.laws": (), "validation.gnp": ("spinepnp.validation.laws",), "validation.reference": ()}


def modules():
    """Files of the package by the full name of their module."""
    files = [path for room in TOP for path in (ROOT / room).rglob("*.py")]
    files += [p for p in (ROOT / "spinepnp").rglob("*.py") if p.relative_to(ROOT).parts[1] not in TOP]
    named = {}
    for path in files:
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts if parts[0] == "spinepnp" else ("spinepnp", *parts)
        named[".".join(parts).removesuffix(".__init__")] = path
    return dict(sorted(named.items()))


MODULES = modules()


IMPORTS = {module: imports(path) & MODULES.keys() - {module} for module, path in MODULES.items()}


def floor_of(module):
    """Number of the floor of a module, and its room there; ``None`` for what only passes on names."""
    rooms = [(i, f"spinepnp.{room}") for i, row in enumerate(FLOORS) for room in row]
    found = [(i, room) for i, room in rooms if module == room or module.startswith(f"{room}.")]
    return max(found, key=lambda place: len(place[1])) if found else None


def test_every_module_has_a_floor():
    assert [m for m in MODULES if floor_of(m) is None and m not in (*FACADES, "spinepnp.validation")] == []


@pytest.mark.parametrize("module", [module for module in MODULES if module not in FACADES])
def test_imports_run_one_way(module):
    own, room = floor_of(module) or (-1, "")
    for target in IMPORTS[module]:
        there = floor_of(target)
        if target == "spinepnp" or there is None:
            continue
        assert there[0] < own or there[1] == room, f"{module} ({room}) imports {target} ({there[1]})"


def test_no_two_modules_import_each_other_in_a_circle():
    """Imports for types and within functions count; those of files that only pass on names do not."""
    left = {module: found - set(FACADES) for module, found in IMPORTS.items() if module not in FACADES}
    while True:
        leaves = {module for module, found in left.items() if not found & left.keys()}
        if not leaves:
            break
        left = {module: found for module, found in left.items() if module not in leaves}
    assert not left, f"circles among {sorted(left)}"


@pytest.mark.parametrize("module", MODULES)
def test_only_one_file_imports_the_stack(module):
    found = {name.split(".")[0] for name in imports(MODULES[module])} & STACK
    assert bool(found) == (module == "spinepnp.runtime.stack")


@pytest.mark.parametrize("part", PURE)
def test_pure_parts_import_nothing_of_the_finite_element_side(part):
    ground = tuple(f"spinepnp.{name}" for row in FLOORS[:3] for name in row)
    for module, path in MODULES.items():
        if not module.startswith(f"spinepnp.{part}") or module in OF_CASES:
            continue
        for target in imports(path) - set(OF_CASES) - {"spinepnp", "spinepnp.validation"}:
            allowed = target.startswith((f"spinepnp.{part}", *PURE[part], *ground))
            assert not target.startswith("spinepnp.") or allowed, f"{module}: {target}"


def test_no_reference_number_stands_in_the_solver_rooms():
    """Numbers of the reference table, as written there, in any file of geometries/, meshes/ or solvers/."""
    table = tomllib.loads((ROOT / "validation" / "reference" / "references.toml").read_text())["cylinder"]
    numbers = {f"{value}" for row in table["rows"] for value in row if isinstance(value, float)}
    numbers |= {str(abs(v)) for v in table["limiting_current"].values() if isinstance(v, float)}
    for module, path in MODULES.items():
        if module.startswith(("spinepnp.geometries", "spinepnp.meshes", "spinepnp.solvers")):
            found = set(re.findall(r"\d+\.\d+", path.read_text())) & numbers
            assert not found, f"{path}: {found}"


def test_laws_cases_and_help_run_without_mpi_and_dolfinx(tmp_path):
    code = f"""
import sys
from spinepnp.validation.laws import CylinderLaw
from spinepnp.validation.reference import table as references
from spinepnp.case.case import load_case
from pathlib import Path
assert len(load_case(Path({str(ROOT / "cases" / "cylinder_iv.toml")!r})).points()) == 4
assert references.rows("cylinder")
from spinepnp.__main__ import _run
sys.exit(_run(["--help"], False))
"""
    done = run_code(code, cwd=tmp_path, blocked=STACK | {"gmsh", "pyvista"})
    assert "run" in done.stdout


def test_without_dolfinx_a_run_says_in_one_line_how_to_get_it(tmp_path):
    code = f"""
import sys
from spinepnp.__main__ import _run
sys.exit(_run(["run", {str(ROOT / "cases" / "cylinder_iv.toml")!r}], False))
"""
    done = run_code(code, cwd=tmp_path, exit_code=2, blocked={"dolfinx"})
    assert len(done.stderr.splitlines()) == 1
    for way in ("./spine", "spinepnp[wheels]", "conda-forge"):
        assert way in done.stderr


def test_help_loads_neither_mpi_nor_numpy(tmp_path):
    code = """
import sys
from spinepnp.__main__ import _run
assert _run(["--help"], False) == 0
heavy = {"mpi4py", "dolfinx", "numpy", "scipy", "pyvista", "gmsh", "pint", "pydantic", "pandas"} & set(sys.modules)
assert not heavy, heavy
"""
    run_code(code, cwd=tmp_path)


def test_a_run_draws_without_pyplot_and_the_plotter_of_pyvista(tmp_path):
    """Each of them takes longer to import than the pictures to draw."""
    case = ROOT / "cases" / "ball_neck_steady.toml"
    coarse = ["--set", 'mesh.size="300 nm"', "--set", 'geometry.dimension="3d"']
    code = f"""
import sys
from spinepnp.__main__ import _run
code = _run(["run", {str(case)!r}, *{coarse!r}, "--output", "out"], False)
print("loaded:", *sorted({{"matplotlib.pyplot", "pyvista.plotting", "matplotlib.figure"}} & set(sys.modules)))
sys.exit(code)
"""
    done = run_code(code, cwd=tmp_path)
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"potential.png", "profile.png"}
    assert done.stdout.splitlines()[-1] == "loaded: matplotlib.figure"


def test_a_run_loads_at_its_start_only_what_every_run_needs(tmp_path):
    code = """
import sys
import mpi4py.MPI, dolfinx.fem.petsc
theirs = set(sys.modules)
import spinepnp.run.steady
late = {"gmsh", "jinja2", "matplotlib", "meshio", "pandas", "pint", "pyarrow", "pyvista", "rich"}
late |= {f"scipy.{part}" for part in ("integrate", "interpolate", "linalg", "optimize", "sparse", "spatial", "special")}
found = late & (set(sys.modules) - theirs)
assert not found, found
"""
    run_code(code, cwd=tmp_path)


def test_no_test_module_imports_another():
    """What tests share stands in tests/support/."""
    files = [path for path in (ROOT / "tests").rglob("*.py") if path.is_file()]
    names = {path.stem for path in files if path.stem.startswith(("test_", "conftest"))}
    assert len(names) == sum(path.stem.startswith(("test_", "conftest")) for path in files)  # each is unique
    for path in files:
        assert not {part for name in imports(path) for part in name.split(".")} & names, path
