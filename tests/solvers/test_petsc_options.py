"""PETSc options of a case file: none of them writes a file, reads one, or runs code."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from petsc4py import PETSc

from spinepnp.case.case import read_case
from spinepnp.errors import CaseError, SpineError, petsc_reason
from spinepnp.meshes import generate
from spinepnp.solvers import SolverOptions, SteadyProblem
from spinepnp.solvers.model.options import ALLOWED, is_allowed
from support.cases import CASE
from support.commands import refusal

#: Options that have written or run a file.
DOORS = {
    'pc_type = "python", pc_python_type = "evil.py:PC"': "solver.petsc.pc_type",
    'pc_python_type = "evil.py:PC"': "solver.petsc.pc_python_type",
    'snes_view = ":FILE"': "solver.petsc.snes_view",
    'snes_monitor = ":FILE"': "solver.petsc.snes_monitor",
    'ksp_converged_reason = "ascii:FILE"': "solver.petsc.ksp_converged_reason",
    'log_view = ":FILE"': "solver.petsc.log_view",
    'mat_view = "binary:FILE"': "solver.petsc.mat_view",
    'options_file = "FILE"': "solver.petsc.options_file",
    'mat_mumps_ooc_tmpdir = "."': "solver.petsc.mat_mumps_ooc_tmpdir",
    "mat_mumps_icntl_3 = 7": "solver.petsc.mat_mumps_icntl_3",
    'species_ksp_monitor = ":FILE"': "solver.petsc.species_ksp_monitor",
    'PC_TYPE = "python"': "solver.petsc.PC_TYPE",
    'ksp_rtol = "1e-6 -snes_view :FILE"': "solver.petsc.ksp_rtol",
}

PREFIXES = ("", "species_", "potential_mg_levels_", "conduction_mg_coarse_sub_", "border_", "mg_levels_1_esteig_")

#: Values that name a file, a library, or what would draw or serve.
VALUES = (
    ":FILE", "FILE", "./FILE", "/tmp/FILE", "ascii:FILE", "ascii:FILE:ascii_matlab", "binary:FILE", "hdf5:FILE",
    "vtk:FILE.vtu", "FILE.so", "/tmp/FILE.so:symbol", "FILE.py:PC", "python", "shell", "draw", "socket:localhost:5005",
    "matlab", "saws", "1e-6,FILE", "1 -snes_view :FILE", "true -log_view :FILE", "1\n-log_view :FILE",
)  # fmt: skip


def _libraries() -> set[Path]:
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").split()
    return {Path(word) for word in maps if re.search(r"/(libpetsc|PETSc)[^/]*\.so", word)}


def _names(text: str) -> set[str]:
    return set(re.findall(r"^\s*-([A-Za-z]\w+)", text, re.M))


@pytest.fixture(scope="module")
def names() -> set[str]:
    """All options that PETSc's library has."""
    pattern = re.compile(rb"\x00-([A-Za-z][A-Za-z0-9_]+)(?=\x00)")
    found = [name.decode() for path in _libraries() for name in pattern.findall(path.read_bytes())]
    return {*found, *(f"{kind}_python_type" for kind in ("pc", "ksp", "snes", "mat", "ts", "tao"))}  # petsc4py's


@pytest.mark.parametrize(("options", "key"), DOORS.items(), ids=list(DOORS.values()))
def test_what_writes_or_runs_files_is_refused(options, key):
    assert refusal(read_case, f"{CASE}[solver]\npetsc = {{ {options} }}\n", "case").key == key


def test_no_option_takes_a_path_or_a_library(names):
    """Every name that PETSc has, within every kind of nested solver."""
    assert {"snes_view", "pc_python_type", "options_file", "log_view", "ksp_monitor", "ksp_rtol"} <= names
    assert len(names) > 1000
    tried = {prefix + name for name in {*names, *ALLOWED} for prefix in PREFIXES}
    opened = [(name, value) for name in sorted(tried) for value in VALUES if is_allowed(name, value)]
    assert opened == []


def test_what_is_allowed_exists(names):
    """A list of names must not outlive PETSc's; those of packages that this build lacks are not in its library."""
    missing = {name for name in ALLOWED if name not in names and "hypre" not in name}
    generic = {"ksp_ew_gamma", "ksp_ew_alpha"}
    assert missing <= generic | {"snes_ksp_ew"}, sorted(missing)


@pytest.mark.parametrize("linear", ["direct", "block"])
def test_what_help_lists_takes_no_path(spinepnp, tmp_path, linear):
    """The same of the options that a run reports; the command line passes a case by none of them."""
    (tmp_path / "case.toml").write_text(CASE)
    done = spinepnp("run", "case.toml", "-help", "--set", f"solver.linear={linear}", exit_code=0)
    told = _names(done.stdout)
    assert {"snes_type", "ksp_monitor", "snes_view"} <= told
    assert [(name, value) for name in sorted(told) for value in VALUES if is_allowed(name, value)] == []


@pytest.mark.parametrize("form", ["--set", "axes", "base"])
def test_no_way_from_a_file_passes_by(verb, tmp_path, form):
    (tmp_path / "evil.py").write_text("open('executed', 'w')\nclass PC: pass\n")
    (tmp_path / "case.toml").write_text(CASE)
    evil = '{ pc_type = "python", pc_python_type = "evil.py:PC" }'
    if form == "--set":
        done = verb("run", "case.toml", "--set", f"solver.petsc={evil}", exit_code=2)
    else:
        axes = f'"solver.petsc" = [{evil}]' if form == "axes" else '"solver.max_newton" = [20]'
        base = f'set = {{ "solver.petsc" = {evil} }}' if form == "base" else ""
        (tmp_path / "sweep.toml").write_text(f'[base]\ncase = "case.toml"\n{base}\n[axes]\n{axes}\n')
        done = verb("batch", "sweep.toml", exit_code=2)
    assert done.stderr.startswith('error: solver.petsc.pc_type = "python": ')
    assert done.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"evil.py", "case.toml", "sweep.toml"}


def test_python_callers_are_held_to_the_same():
    with pytest.raises(CaseError, match="pc_python_type"):
        SolverOptions(petsc={"pc_python_type": "evil.py:PC"})


def test_harmless_options_stay():
    text = (
        'snes_monitor = "", ksp_converged_reason = "", species_ksp_monitor = "", ksp_rtol = 1e-8, ksp_atol = "1e-30", '
        'mat_mumps_icntl_14 = 50, pc_gamg_threshold = "0.02,0.01", potential_mg_levels_ksp_max_it = 2, '
        'species_mg_coarse_mg_levels_2_pc_type = "jacobi", snes_ksp_ew = true, ksp_gmres_modifiedgramschmidt = ""'
    )
    case = read_case(f"{CASE}[solver]\npetsc = {{ {text} }}\n", "case")
    assert read_case(case.to_toml(), "resolved") == case


#: Values that PETSc takes where it refuses those of `_benign`.
SPECIAL = {
    "snes_divergence_tolerance": 1e5, "ksp_divtol": 1e5, "pc_factor_fill": 2.0, "pc_redundant_number": 1,
    "pc_factor_zeropivot": 1e-14, "pc_factor_shift_amount": 1e-10,
}  # fmt: skip

#: Options that end a solve before it has begun.
STOPS = (
    "snes_max_linear_solve_fail", "snes_max_fail", "snes_force_iteration", "snes_error_if_not_converged", "snes_qn_m",
    "snes_anderson_m", "snes_ngmres_m", "ksp_error_if_not_converged", "ksp_min_it", "ksp_initial_guess_nonzero",
    "pc_factor",
)  # fmt: skip


def _benign(name):
    kind = ALLOWED[name]
    if name in SPECIAL:
        return SPECIAL[name]
    return {"a whole number": 2, "a number": 0.5, "true or false": True, '""': ""}.get(kind, "0.1,1.1")


@pytest.mark.parametrize("linear", ["direct", "block"])
def test_what_is_allowed_neither_writes_nor_loads(comm, tmp_path, monkeypatch, linear):
    """All switches, counts and tolerances at once with each type of solver, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    case = read_case(CASE, "case")
    salt, data = case.electrolyte, case.boundaries
    mesh = generate(case.geometry, case.mesh, comm)
    words = {name for name, kind in ALLOWED.items() if isinstance(kind, tuple)}
    plain = {name: _benign(name) for name in ALLOWED if name not in words and not name.startswith(STOPS)}
    nested = ("",) if linear == "direct" else ("", "species_", "potential_")

    def loaded():
        return {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(".so")}

    def solve(more):
        options = SolverOptions(linear=linear, continuation="none", max_newton=3, petsc=more)
        with suppress(SpineError):  # nonsense for this solver
            problem = SteadyProblem(mesh, salt, data, options)
            try:
                problem.solve(salt, data)
            finally:
                problem.destroy()

    solve({})
    before, tried = loaded(), 0
    for name in ("pc_type", "ksp_type", "snes_type"):
        for word in ALLOWED[name]:
            prefixes = nested if name != "snes_type" else ("",)
            solve({prefix + key: value for prefix in prefixes for key, value in {**plain, name: word}.items()})
            tried += 1
    assert tried > 50
    assert loaded() == before
    assert list(tmp_path.iterdir()) == []
    assert not PETSc.Options().getAll()


def test_the_command_line_may_do_more_and_says_so(spinepnp, tmp_path):
    (tmp_path / "case.toml").write_text(CASE)
    done = spinepnp("run", "case.toml", "-snes_view", ":told", "-snes_monitor", exit_code=0)
    assert (tmp_path / "told").exists()
    assert done.stderr.startswith("note: -snes_view: PETSc options of the command line or of PETSC_OPTIONS may write")
    assert "snes_monitor" not in done.stderr


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("[0] KSPSetUp() at /a/itfunc.c:428", "[0] Zero pivot"), "Zero pivot"),
        (("[0] KSPSetUp() at /a/itfunc.c:428", "[0] PCSetUp() at /a/precon.c:1120"), "error code 77 in PCSetUp"),
    ],
)
def test_an_error_of_petsc_is_told_without_a_path(lines, said):
    assert petsc_reason(Exception("\n".join(("error code 77", *lines)))) == said
