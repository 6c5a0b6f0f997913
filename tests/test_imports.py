"""Imports run one way only, --help starts nothing heavy, and what needs no DOLFINx runs without it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

#: The right may import the left, never the reverse.
ROOMS = ("geometries", "meshes", "solvers", "validation", "spinepnp")
GROUND_FLOOR = {
    "spinepnp.units", "spinepnp.known_units", "spinepnp.errors", "spinepnp.runtime.ranks", "spinepnp.runtime.supervisor",
    "spinepnp.csv_files", "spinepnp.runtime.versions",
}  # fmt: skip
STACK = {"mpi4py", "petsc4py", "dolfinx", "basix", "ufl", "ffcx"}
#: Parts that run where DOLFINx is not installed; each may import those before it.
PURE = ("validation/analytic", "validation/gnp", "validation/onedimensional")


def sources(room):
    files = (ROOT / room).glob("*.py") if room == "spinepnp" else (ROOT / room).rglob("*.py")
    return sorted(files)


def imports(path):
    """Modules that a file imports anywhere, in full."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(module):
    parts = module.split(".")
    if parts[0] != "spinepnp" or ".".join(parts[:2]) in GROUND_FLOOR:
        return None
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else "spinepnp"


FILES = [(room, path) for room in ROOMS for path in sources(room)]


@pytest.mark.parametrize(("room", "path"), FILES, ids=[str(p.relative_to(ROOT)) for _, p in FILES])
def test_imports_run_one_way(room, path):
    on_ground_floor = room == "spinepnp" and f"spinepnp.{path.stem}" in GROUND_FLOOR
    allowed = () if on_ground_floor else ROOMS[: ROOMS.index(room) + 1]
    for module in imports(path):
        target = room_of(module)
        # `from spinepnp import __version__` names the package, not a room below it.
        assert target is None or target in allowed or module == "spinepnp", f"{path}: {module}"


@pytest.mark.parametrize(("room", "path"), FILES, ids=[str(p.relative_to(ROOT)) for _, p in FILES])
def test_only_one_file_imports_the_stack(room, path):
    found = {module.split(".")[0] for module in imports(path)} & STACK
    if path == ROOT / "meshes" / "stack.py":
        assert found
    else:
        assert not found


@pytest.mark.parametrize("part", PURE)
def test_pure_parts_import_nothing_of_the_finite_element_side(part):
    pure = tuple(f"spinepnp.{part.replace('/', '.')}" for part in PURE[: PURE.index(part) + 1])
    for path in sorted((ROOT / part).rglob("*.py")):
        for module in imports(path):
            allowed = module == "spinepnp.validation" or module.startswith((*pure, *GROUND_FLOOR))
            assert not module.startswith("spinepnp.") or allowed, f"{path}: {module}"


def test_no_reference_number_stands_in_the_solver_rooms():
    """Numbers of the reference table, as written there, in any file of geometries/, meshes/ or solvers/."""
    import re
    import tomllib

    table = tomllib.loads((ROOT / "validation" / "references.toml").read_text())["cylinder"]
    numbers = {f"{value}" for row in table["rows"] for value in row if isinstance(value, float)}
    numbers |= {str(abs(v)) for v in table["limiting_current"].values() if isinstance(v, float)}
    for room in ROOMS[:3]:
        for path in sources(room):
            found = set(re.findall(r"\d+\.\d+", path.read_text())) & numbers
            assert not found, f"{path}: {found}"


def run(code: str, *, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, timeout=60)


BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Block())
"""


def test_laws_cases_and_help_run_without_mpi_and_dolfinx(tmp_path):
    code = (
        BLOCK.format(names=STACK | {"gmsh", "pyvista"})
        + f"""
from spinepnp.validation.laws import CylinderLaw
from spinepnp.validation.reference import table as references
from spinepnp.case.case import load_case
from pathlib import Path
assert len(load_case(Path({str(ROOT / "cases" / "cylinder_iv.toml")!r})).points()) == 4
assert references.rows("cylinder")
from spinepnp.__main__ import _run
sys.exit(_run(["--help"], False))
"""
    )
    done = run(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout


def test_without_dolfinx_a_run_says_in_one_line_how_to_get_it(tmp_path):
    code = (
        BLOCK.format(names={"dolfinx"})
        + f"""
from spinepnp.__main__ import _run
sys.exit(_run(["run", {str(ROOT / "cases" / "cylinder_iv.toml")!r}], False))
"""
    )
    done = run(code, cwd=tmp_path)
    assert done.returncode == 2
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
    done = run(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


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
    done = run(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
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
    done = run(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
