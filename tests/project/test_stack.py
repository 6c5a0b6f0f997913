"""Which installations of DOLFINx and PETSc are refused, and that only one file knows in what versions differ."""

import re
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from spinepnp.runtime import stack
from spinepnp.runtime.stack import MPI, cell_nodes, dolfinx, fem, matrix_of, ufl, with_geometry
from spinepnp.solvers.algebra import petsc
from support import CASES, ROOT
from support.commands import run_code

OTHER_STACK = """
import sys
from mpi4py import MPI
from petsc4py import PETSc
import numpy as np
import dolfinx
{change}
from spinepnp.__main__ import _run
sys.exit(_run(["run", {case!r}], False))
"""

WITHOUT_PETSC = """
class Block:
    def find_spec(self, name, path=None, target=None):
        if name == "dolfinx.fem.petsc":
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Block())
"""

#: What is pretended, and what the line must name.
REFUSED = {
    "0.9": ("dolfinx.__version__ = '0.9.0'", ("0.10 or 0.11", "0.9.0", "./spine", "conda-forge")),
    "0.12": ("dolfinx.__version__ = '0.12.0.dev0'", ("0.10 or 0.11", "0.12.0.dev0", "./spine")),
    "1.10": ("dolfinx.__version__ = '1.10.0'", ("0.10 or 0.11", "1.10.0")),
    "complex": ("PETSc.ScalarType = np.complex128", ("real", "complex128", "petsc=*=real*", "PETSC_DIR")),
    "single": ("PETSc.ScalarType = np.float32", ("double", "float32")),
    "no MUMPS": (
        "PETSc.Sys = type('Sys', (), {'hasExternalPackage': staticmethod(lambda name: name != 'mumps')})",
        ("MUMPS", "./spine"),
    ),
    "no PETSc": (WITHOUT_PETSC, ("dolfinx.fem.petsc", "conda-forge")),
}


def run(change, tmp_path, *launcher):
    code = OTHER_STACK.format(change=change, case=str(CASES / "cylinder_iv.toml"))
    return subprocess.run(
        [*launcher, sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60
    )


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(name, tmp_path):
    change, named = REFUSED[name]
    done = run(change, tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    for word in named:
        assert word in done.stderr
    assert not list(tmp_path.iterdir())


def test_several_ranks_say_it_once(tmp_path, mpiexec):
    done = run(REFUSED["0.9"][0], tmp_path, mpiexec, "-n", "2")
    assert done.returncode == 2
    assert done.stderr.count("0.9.0 was found") == 1


def test_supported_versions_are_taken(tmp_path):
    code = """
import importlib
from mpi4py import MPI
import dolfinx
from spinepnp.runtime import stack
for version in ("0.10.0", "0.10.0.post5", "0.11.0", "0.11.0.post0"):
    dolfinx.__version__ = version
    importlib.reload(stack)
    assert stack.SERIES in stack.SUPPORTED, version
    assert version.startswith(stack.SERIES), version
"""
    run_code(code, cwd=tmp_path)


def test_the_documentation_names_the_supported_versions():
    text = (ROOT / "docs" / "install.md").read_text()
    assert f"DOLFINx {' or '.join(stack.SUPPORTED)}" in text


def test_only_one_file_knows_in_what_versions_differ():
    """Names that one of the supported versions does not have, or means otherwise."""
    changed = re.compile(
        r"geometry\.(dofmaps?|cmaps?)\b|create_geometry|dolfinx\.io\.gmsh|\bdolfinx\.__version__|cpp\.la\b|NANORINF|FNORM_NAN"
    )
    for room in ("geometries", "meshes", "solvers", "validation", "spinepnp", "benchmarks"):
        for path in (ROOT / room).rglob("*.py"):
            if path != ROOT / "spinepnp" / "runtime" / "stack.py":
                assert not changed.search(path.read_text()), path


@pytest.mark.skipif(stack.SERIES == "0.10", reason="the way of 0.10 is the only one here")
def test_the_way_of_the_older_version_gives_the_same_nodes(monkeypatch):
    mesh = dolfinx.mesh.create_unit_square(MPI.COMM_SELF, 3, 2)
    nodes = cell_nodes(mesh)
    monkeypatch.setattr(stack, "SERIES", "0.10")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert np.array_equal(cell_nodes(mesh), nodes)
    assert nodes.shape == (12, 3)


def test_a_mesh_gets_new_nodes():
    mesh = dolfinx.mesh.create_unit_square(MPI.COMM_SELF, 2, 2)
    space = fem.functionspace(mesh, ("Lagrange", 2))
    domain = ufl.Mesh(stack.basix.ufl.element("Lagrange", "triangle", 2, shape=(2,)))
    x = 2.0 * space.tabulate_dof_coordinates()[:, :2]
    numbers = np.arange(len(x), dtype=np.int64)
    new = with_geometry(mesh, space.dofmap.index_map, np.array(space.dofmap.list), domain, x, numbers)
    assert fem.assemble_scalar(fem.form(fem.Constant(new, 1.0) * ufl.dx)) == pytest.approx(4.0, rel=1e-14)
    assert np.array_equal(new.geometry.input_global_indices, numbers)
    assert np.array_equal(cell_nodes(new), space.dofmap.list)


def test_a_matrix_has_the_type_that_assembly_gives():
    mesh = dolfinx.mesh.create_unit_square(MPI.COMM_SELF, 2, 2)
    space = fem.functionspace(mesh, ("Lagrange", 1))
    form = fem.form(ufl.TrialFunction(space) * ufl.TestFunction(space) * ufl.dx)
    pattern = fem.create_sparsity_pattern(form)
    pattern.finalize()
    mine, theirs = matrix_of(mesh.comm, pattern), fem.petsc.assemble_matrix(form)
    theirs.assemble()
    fem.petsc.assemble_matrix(mine, form)
    mine.assemble()
    assert mine.getType() == theirs.getType()
    assert mine.equal(theirs)


@pytest.mark.parametrize("name", ["DIVERGED_FNORM_NAN", "DIVERGED_FUNCTION_NANORINF"])
def test_a_residual_that_is_not_a_number_has_one_name(name, monkeypatch):
    known = type("ConvergedReason", (), {name: -4, "DIVERGED_MAX_IT": -5})
    monkeypatch.setattr(petsc, "PETSc", SimpleNamespace(SNES=SimpleNamespace(ConvergedReason=known)))
    assert petsc.reason_name(-4) in petsc.FAILURES
    assert petsc.reason_name(-4) == stack.NOT_A_NUMBER_NAME
    assert petsc.reason_name(-5) == "DIVERGED_MAX_IT"
