"""What lies in the current directory is data: no module, no options of PETSc, no flags of the compiler from there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT
from support.cases import CASE

#: Names that Python's start itself may need before any code of ours runs, where no file of the environment needs them.
OF_START = {"types", "threading", "warnings"}

NAMES = [
    *sorted({name for name in sys.stdlib_module_names if not name.startswith("_")} - OF_START),
    "numpy", "pandas", "scipy", "typer", "click", "rich", "pydantic", "mpi4py", "petsc4py", "dolfinx", "gmsh", "pint",
    "tomli_w", "matplotlib", "pyvista", "vtk", "numba", "psutil", "jinja2", "cffi", "sitecustomize", "meshio",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A working folder with a file for each module that anything could import, and files that libraries look for."""
    made = tmp_path_factory.mktemp("hostile")
    for name in NAMES:
        (made / f"{name}.py").write_text(f"open({str(made / 'imported')!r}, 'a').write('{name} ')\n")
    (made / "case.toml").write_text(CASE)
    (made / ".petscrc").write_text("-snes_view :from_petscrc\n-unknown_word 1\n")
    (made / "dolfinx_jit_options.json").write_text('{"cffi_libraries": ["no_such_library"], "cffi_verbose": true}')
    (made / "ffcx_options.json").write_text('{"language": "no_such_language"}')
    return made


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONSAFEPATH", "PYTHONPATH")}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def start(way: str, mpiexec: str) -> list[str]:
    module = [sys.executable, "-m", "spinepnp"]
    script = Path(sys.executable).parent / "spinepnp"
    ways = {
        "module": module,
        "script": [str(script)],
        "mpiexec": [mpiexec, "-n", "2", *module],
        "launch": [sys.executable, "-m", "spinepnp.runtime.launch", mpiexec, "-n", "2", *module],
    }
    if way == "script" and not script.exists():
        pytest.skip("not installed")
    return ways[way]


@pytest.mark.parametrize("way", ["module", "script", "mpiexec", "launch"])
def test_nothing_of_the_current_directory_is_run(folder, tmp_path, mpiexec, way):
    """The first way on one rank, and the first on two, have an empty cache, so that equations are compiled."""
    command = [*start(way, mpiexec), "run", "case.toml", "--output", str(tmp_path / "out")]
    cache = folder.with_name("cache-ranks" if way in ("mpiexec", "launch") else "cache-one")
    done = subprocess.run(
        command, cwd=folder, env=environment(XDG_CACHE_HOME=str(cache)), capture_output=True, text=True, timeout=240
    )
    assert not (folder / "imported").exists(), (folder / "imported").read_text()
    assert done.returncode == 0, done.stderr
    assert "unknown_word" not in done.stdout + done.stderr
    assert not (folder / "from_petscrc").exists()


@pytest.mark.parametrize(
    "arguments", [("--version",), ("list",), ("gnp", "list"), ("bench", "none", "--output", "OUT")]
)
def test_other_verbs_and_their_processes_are_isolated(folder, tmp_path, arguments):
    words = [str(tmp_path / "site") if word == "OUT" else word for word in arguments]
    command = [sys.executable, "-m", "spinepnp", *words]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=240)
    assert not (folder / "imported").exists(), (folder / "imported").read_text()
    assert done.returncode == 0, done.stderr


def test_a_checkout_runs_from_its_own_folder(tmp_path):
    """Without being installed and without PYTHONPATH: there the current directory is where the package comes from."""
    for room in ("spinepnp", "geometries", "meshes", "solvers", "validation"):
        (tmp_path / room).symlink_to(ROOT / room)
    site = next(path for path in sys.path if path.endswith("site-packages"))
    code = f"import sys; sys.path.append({site!r}); sys.argv = ['-m']\nimport spinepnp.units; print(spinepnp.__file__)"
    kept = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, env=kept, capture_output=True, text=True)
    assert done.stdout.strip() == str(tmp_path / "spinepnp" / "__init__.py"), done.stderr


def test_a_library_leaves_the_path_of_its_callers(tmp_path):
    """A script, a notebook or `python -c` keeps what it can import."""
    (tmp_path / "mine.py").write_text("value = 3\n")
    code = "import spinepnp, mine; print(mine.value)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "3\n", done.stderr


def test_launcher_and_image_isolate_their_pythons():
    assert "\nexport PYTHONSAFEPATH=1" in (ROOT / "spine").read_text(encoding="utf-8")
    assert "PYTHONSAFEPATH=1" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert shutil.which("bash") is None or subprocess.run(["bash", "-n", str(ROOT / "spine")]).returncode == 0
