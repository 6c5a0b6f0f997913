"""Runs through the command line: the result directory of the contract, resuming, failures, ranks."""

import json
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas
import pytest
import pyvista

from spinepnp.__main__ import _run
from spinepnp.geometries import Cylinder
from spinepnp.plots import pictures
from support import CASES, ROOT
from support.commands import call, refused

TWO = str(CASES / "cylinder_iv.toml")
THREE = str(CASES / "cylinder_iv_three_species.toml")
#: A mesh that is solved in a fraction of a second.
COARSE = ("--set", "mesh={size='50 nm', grade={top={size='0.2 nm', growth=2}}}")


def results(directory):
    return json.loads((directory / "summary.json").read_text()), pandas.read_csv(directory / "observables.csv")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """The first case of the README, as a user runs it."""
    directory = tmp_path_factory.mktemp("sweep")
    process = subprocess.run(
        [sys.executable, "-m", "spinepnp", "run", TWO], cwd=directory, capture_output=True, text=True, timeout=180
    )
    return directory / "runs" / "cylinder_iv", process


class TestTheFirstCase:
    def test_it_ends_well_and_shows_its_table(self, sweep):
        directory, process = sweep
        assert process.returncode == 0, process.stderr
        for text in ("10.13", "full PNP", "electroneutral", "Debye layers", "are resolved", str(directory.name)):
            assert text in process.stdout
        lines = process.stderr.strip().splitlines()
        assert [line[:5] for line in lines] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
        assert "s left" in lines[0]
        assert "s in all" in lines[-1]

    def test_files(self, sweep):
        names = {path.name for path in sweep[0].iterdir()}
        assert names == {
            "case.toml", "summary.json", "observables.csv", "solver.csv", "run.log", "fields.vtu", "points",
            "report.html", "iv.png", "potential.png", "profile.png",
        }  # fmt: skip
        assert len((sweep[0] / "run.log").read_text().splitlines()) == 4

    def test_summary(self, sweep):
        summary, table = results(sweep[0])
        assert summary["status"] == "ok"
        assert set(summary) >= {
            "versions", "mesh", "debye_length_nm", "layers_resolved", "ranks", "seconds", "newton_iterations",
            "krylov_iterations", "min_concentration_mM", "ion_balance_relative", "boundaries", "volume", "law",
        }  # fmt: skip
        assert set(summary["mesh"]) >= {"cells", "vertices", "dofs", "volume_um3", "min_quality"}
        assert set(summary["boundaries"]) == {"base", "top", "wall"}
        top = summary["boundaries"]["top"]
        assert set(top) >= {"area_um2", "potential_mV", "concentration_mM", "current_pA"}
        assert set(top["current_pA"]) == {"C", "A", "total"}
        assert set(summary["law"]) >= {"potential_mV", "resistance_MOhm", "relative_error"}
        assert summary["law"]["relative_error"] == pytest.approx(
            top["potential_mV"] / summary["law"]["potential_mV"] - 1
        )
        assert summary["debye_length_nm"] == pytest.approx(0.74513, rel=1e-5)
        assert summary["ion_balance_relative"] < 1e-10
        last = table.iloc[-1]
        assert last["top.potential_mV"] == top["potential_mV"]
        assert last["law.potential_mV"] == summary["law"]["potential_mV"]
        assert last["volume.concentration_mM.A"] == summary["volume"]["concentration_mM"]["A"]

    def test_observables(self, sweep):
        table = results(sweep[0])[1]
        assert table.columns[0] == "boundaries.top.current.value_pA"
        assert table.columns[-1] == "status"
        assert list(table["boundaries.top.current.value_pA"]) == [10.0, 50.0, 100.0, 200.0]
        assert list(table["status"]) == ["ok"] * 4
        assert np.allclose(table["top.current_pA.C"], [10, 50, 100, 200], rtol=1e-10)
        assert np.allclose(table["base.current_pA.total"], [-10, -50, -100, -200], rtol=1e-10)
        assert (np.abs(table["law.full_pnp_relative_error"]) < 1e-4).all()

    def test_solver_table(self, sweep):
        table = pandas.read_csv(sweep[0] / "solver.csv")
        assert set(table.columns) >= {"dofs", "ranks", "newton", "krylov", "assembly_s", "solve_s", "reason"}
        assert len(table) == 4
        assert (table["newton"] <= 2).all()
        assert table["reason"].str.startswith("converged").all()

    def test_fields_open_in_pyvista_and_agree_with_the_summary(self, sweep):
        summary = results(sweep[0])[0]
        grid = pyvista.read(sweep[0] / "fields.vtu")
        assert set(grid.point_data) == {"concentration_mM.C", "concentration_mM.A", "potential_mV"}
        assert grid.n_cells == summary["mesh"]["cells"]
        on_top = np.isclose(grid.points[:, 2], 1.0)
        assert grid["potential_mV"][on_top].mean() == pytest.approx(
            summary["boundaries"]["top"]["potential_mV"], rel=1e-6
        )
        assert grid["potential_mV"][np.isclose(grid.points[:, 2], 0.0)] == pytest.approx(0.0, abs=1e-12)
        assert np.allclose(pyvista.read(sweep[0] / "points" / "0004.vtu")["potential_mV"], grid["potential_mV"])
        # Nodes on the curved wall lie on the circle: the cells are curved in the file, too.
        assert grid.celltypes[0] == pyvista.CellType.QUADRATIC_TETRA
        radius = np.hypot(*grid.points[:, :2].T)
        assert radius.max() == pytest.approx(0.1, rel=1e-6)

    def test_the_resolved_case_gives_the_same_run(self, sweep):
        resolved = tomllib.loads((sweep[0] / "case.toml").read_text())
        assert resolved["mesh"]["order"] == 2
        assert resolved["study"]["values"] == ["10 pA", "50 pA", "100 pA", "200 pA"]

    def test_pictures_show_something(self, sweep):
        for name in ("iv.png", "potential.png"):
            image = matplotlib.image.imread(sweep[0] / name)
            assert min(image.shape[:2]) > 500
            assert image[..., :3].std() > 0.05, f"{name} is blank"

    def test_a_directory_with_results_is_refused(self, sweep, capfd):
        error = refused(capfd, "run", TWO, "--output", str(sweep[0]))
        assert "holds results already; give --resume, --force" in error


def test_a_second_path_can_be_varied(tmp_path):
    code = call("run", str(CASES / "cylinder_iv_radii.toml"), "--output", str(tmp_path / "out"))
    table = results(tmp_path / "out")[1]
    assert code == 0
    assert table.columns[0] == "geometry.radius_nm"
    assert list(table["geometry.radius_nm"]) == [50.0, 75.0, 100.0]
    assert (np.abs(table["law.full_pnp_relative_error"]) < 1e-4).all()
    assert (tmp_path / "out" / "sweep.png").exists()


def test_a_steady_study_has_one_row_without_a_varied_path(tmp_path):
    arguments = ["run", TWO, "--output", str(tmp_path / "out"), *COARSE, "--set", "study={kind='steady'}"]
    assert call(*arguments) == 0
    summary, table = results(tmp_path / "out")
    assert len(table) == 1
    assert table.columns[0] == "base.area_um2"
    assert table["top.potential_mV"][0] == pytest.approx(10.1335, rel=1e-3)
    assert summary["status"] == "ok"


IMPOSSIBLE = ["--set", 'study.values=["-10 pA"]']


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([THREE, *IMPOSSIBLE], 'boundaries.top.current.value = "-10 pA": beyond the limiting current -7.41 pA'),
        ([TWO, "--set", 'study.values=["-250 pA", "-203 pA"]'], '"-250 pA": beyond the limiting current -202.5 pA'),
        ([TWO, "--set", 'mesh={size="0.05 nm"}'], 'mesh.size = "0.05 nm": about'),
        ([TWO, "--set", "geometry.radius=-5 nm"], 'geometry.radius = "-5 nm"'),
        (["nowhere.toml"], "nowhere.toml: cannot be read (no such file or directory); give the path of a case file"),
        ([str(ROOT)], "cannot be read (is a directory)"),
        ([str(ROOT / "docs" / "images" / "iv.png")], "is not a text file"),
        ([str(ROOT / "LICENSE")], "is not valid TOML"),
        ([TWO, "--set", "nonsense"], '--set = "nonsense": write key=value'),
        ([TWO, "--resume", "--force"], "--force: excludes --resume"),
        ([TWO, "--output", "."], '--output = ".": is the current directory'),
        ([TWO, "--output", ""], "is the current directory"),
        ([TWO, "--output", "x" * 300], "(file name too long)"),
        (["/dev/zero"], "is no file, or too large for a case"),
        ([TWO, "--frobnicate"], "No such option: --frobnicate"),
        ([], "Missing argument"),
    ],
)
def test_bad_input_is_one_line_exit_code_2_and_no_trace(tmp_path, capfd, monkeypatch, arguments, complaint):
    monkeypatch.chdir(tmp_path)
    assert call("run", *arguments) == 2
    captured = capfd.readouterr()
    assert complaint in captured.err
    assert captured.err.startswith("error: ")
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["/proc/nothing/here", "/dev/null"])
def test_an_output_that_cannot_be_written_is_refused(capfd, place):
    assert refused(capfd, "run", TWO, "--output", place).startswith(f'error: --output = "{place}": ')


def test_debug_shows_the_traceback(capfd):
    assert _run(["run", "nowhere.toml"], debug=True) == 2
    assert "Traceback" in capfd.readouterr().err


def test_an_unknown_verb_and_no_verb(capfd):
    assert "No such command 'rnu'. Did you mean 'run'" in refused(capfd, "rnu")


def test_an_impossible_value_does_not_stop_the_others(tmp_path, capfd):
    out = tmp_path / "out"
    arguments = ["run", THREE, "--output", str(out), *COARSE, "--set", 'study.values=["-10 pA", "10 pA"]']
    assert call(*arguments) == 1
    summary, table = results(out)
    assert list(table["status"])[1] == "ok"
    assert table["status"][0].startswith("failed: boundaries.top.current.value")
    assert np.isnan(table["top.potential_mV"][0])
    assert (summary["status"], summary["failed_points"]) == ("ok", 1)
    assert "beyond the limiting current" in capfd.readouterr().err


def test_a_failed_solve_keeps_its_reason_and_is_never_ok(tmp_path):
    out = tmp_path / "out"
    options = ["--set", "solver={max_newton=1, tolerance=1e-13}"]
    assert call("run", TWO, "--output", str(out), *COARSE, *options) == 1
    summary, table = results(out)
    assert summary["status"] == "failed"
    assert "did not converge within solver.max_newton steps" in summary["reason"]
    assert table["status"].str.startswith("failed: ").all()
    assert (pandas.read_csv(out / "solver.csv")["reason"] == "diverged_max_it").all()


def test_a_failure_of_gmsh_is_a_failed_run(tmp_path, monkeypatch):
    monkeypatch.setenv("SPINEPNP_MESH_CACHE", "off")
    monkeypatch.setattr(Cylinder, "linear_mesh", lambda self, gmsh, sizes: 1 / 0)
    assert call("run", TWO, "--output", str(tmp_path / "out"), *COARSE) == 1
    summary, table = results(tmp_path / "out")
    assert summary["status"] == "failed"
    assert "Gmsh could not mesh the cylinder" in summary["reason"]
    assert table["status"].str.startswith("failed: ").all()


def test_a_picture_that_cannot_be_drawn_is_a_warning(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(pictures, "sweep_figure", lambda *arguments, **_: 1 / 0)
    assert call("run", TWO, "--output", str(tmp_path / "out"), *COARSE) == 0
    assert "a picture could not be drawn: division by zero" in capfd.readouterr().err


def test_a_title_is_no_formula(tmp_path):
    arguments = ["--set", r'title="a $\foo_$ b"', "--set", 'study.values=["10 pA"]']
    assert call("run", TWO, "--output", str(tmp_path / "out"), *COARSE, *arguments) == 0
    assert {"iv.png", "potential.png"} <= {path.name for path in (tmp_path / "out").iterdir()}


def test_a_full_disk_is_one_line_and_keeps_what_is_whole(tmp_path, monkeypatch, capfd):
    """The disk is full from the second point on."""
    write = Path.write_bytes

    def full(self, content):
        if "0002.vtu" in self.name:
            raise OSError(28, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert call("run", TWO, "--output", str(tmp_path / "out"), *COARSE) == 1
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert "cannot be written (no space left on device); make room, then continue with --resume" in error
    assert list(results(tmp_path / "out")[1]["status"]) == ["ok"]
    assert not list((tmp_path / "out").rglob("*.partial"))


def test_resume_solves_only_what_is_missing(tmp_path):
    out = tmp_path / "out"
    base = ["run", TWO, "--output", str(out), *COARSE]
    assert call(*base) == 0
    whole = (out / "observables.csv").read_text().splitlines()
    (out / "observables.csv").write_text("\n".join(whole[:2] + whole[3:]) + "\n")
    assert call(*base, "--resume") == 0
    assert (out / "observables.csv").read_text().splitlines() == whole
    # The fields are those of the last value, not of the one that was solved last.
    assert pyvista.read(out / "fields.vtu")["potential_mV"].max() == pytest.approx(17.347, rel=1e-3)
    (out / "fields.vtu").unlink()
    (out / "iv.png").unlink()
    assert call(*base, "--resume") == 0
    assert (out / "fields.vtu").exists()
    assert (out / "iv.png").exists()
    assert len(pandas.read_csv(out / "solver.csv")) == 4  # a row a point: the one that was missing is replaced
    assert results(out)[0]["boundaries"]["top"]["current_pA"]["total"] == pytest.approx(200.0)


def test_resume_of_another_case_is_refused(tmp_path, capfd):
    base = ["run", TWO, "--output", str(tmp_path / "out"), *COARSE]
    assert call(*base, "--set", 'study.values=["10 pA"]') == 0
    assert "holds results of another case" in refused(capfd, *base, "--resume")


def test_force_replaces_results_and_leaves_other_files(tmp_path):
    out = tmp_path / "out"
    base = ["run", TWO, "--output", str(out), *COARSE]
    assert call(*base) == 0
    mine = [out / "notes.txt", out / "figure.png", out / "mine.log", out / "points" / "mine.vtu"]
    for path in mine:
        path.write_text("mine")
    assert call(*base, "--force", "--set", 'study.values=["10 pA"]') == 0
    assert len(results(out)[1]) == 1
    assert sorted(path.name for path in (out / "points").iterdir()) == ["0001.vtu", "mine.vtu"]
    assert [path.read_text() for path in mine] == ["mine"] * 4


@pytest.mark.parametrize(("number", "ranks"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGINT, 2)])
def test_interruption_keeps_what_was_solved(tmp_path, mpiexec, number, ranks):
    values = ",".join(f'"{i} pA"' for i in range(1, 400))
    words = ["run", TWO, "--output", "out", *COARSE, "--set", f"study.values=[{values}]"]
    command = [sys.executable, "-m", "spinepnp", *words]
    process = subprocess.Popen(
        ([mpiexec, "-n", str(ranks)] if ranks else []) + command,
        cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    table = tmp_path / "out" / "observables.csv"
    deadline = time.monotonic() + 60
    while not table.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    error = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert "interrupted: what was solved is kept; the same command with --resume continues" in error
    assert "Traceback" not in error
    assert (pandas.read_csv(table)["status"] == "ok").all()


class TestRanks:
    def test_three_ranks_write_what_one_writes(self, tmp_path, spinepnp, mpiexec):
        """Currents are compared on the scale of the injected one, everything else relative to itself."""
        few = ("--set", 'study.values=["10 pA", "200 pA"]', "--set", "mesh={size='70 nm', order=2}")
        for ranks in (1, 3):
            words = ["run", THREE, "--output", f"out{ranks}", *few]
            done = spinepnp(*words, ranks=ranks, mpiexec=mpiexec, exit_code=0)
            assert done.stdout.count("results: ") == 1
        one, three = (results(tmp_path / f"out{n}")[1].drop(columns="status") for n in (1, 3))
        assert list(one.columns) == list(three.columns)
        for column in one:
            if "floor" in column:  # what is lost on the way is noise
                continue
            scale = 1e-10 if "error" in column else 0.0  # of errors that are differences of voltages, over one of them
            absolute = 1e-9 * 200 if "current_pA" in column else scale + 1e-12 * ("potential" in column)
            if one[column].dtype == object or pandas.api.types.is_string_dtype(one[column]):
                assert list(one[column]) == list(three[column]), column
            else:
                assert np.allclose(one[column], three[column], rtol=1e-9, atol=absolute), column
        a, b = (pyvista.read(tmp_path / f"out{n}" / "fields.vtu") for n in (1, 3))
        assert np.array_equal(a.cell_connectivity, b.cell_connectivity)
        assert np.allclose(a.points, b.points, rtol=0.0, atol=1e-13)
        for name in a.point_data:
            assert np.allclose(a[name], b[name], rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize(
        ("arguments", "ranks"),
        [
            (["run", THREE, "--set", "geometry.dimension='1d'", *IMPOSSIBLE], 3),
            (["run", "nowhere.toml"], 2),
            (["rnu"], 3),
        ],
    )
    def test_bad_input_is_said_once(self, tmp_path, spinepnp, mpiexec, arguments, ranks):
        done = spinepnp(*arguments, ranks=ranks, mpiexec=mpiexec, exit_code=2)
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert done.stderr.startswith("error: ")
        assert done.stdout == ""
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("culprit", [0, 1])
    def test_an_error_on_one_rank_ends_the_job(self, tmp_path, mpiexec, culprit):
        """Rank ``culprit`` fails in the middle of a solve, while the others wait for it."""
        script = tmp_path / "script.py"
        script.write_text(f"""
import sys
from mpi4py import MPI
import spinepnp.__main__ as main
from spinepnp.errors import SolveError
from spinepnp.solvers.pnp.system import System
nodal_flux = System.nodal_flux
def fail(self):
    if MPI.COMM_WORLD.rank == {culprit}:
        print(__import__("time").time(), file=open("failed_at", "w"))
        raise SolveError("the disk of rank {culprit} is gone")
    return nodal_flux(self)
System.nodal_flux = fail
sys.argv = ["spinepnp", "run", {THREE!r}, *{COARSE!r}]
main.main()
""")
        done = subprocess.run(
            [mpiexec, "-n", "3", sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        ended = time.time()
        assert done.returncode == 1
        assert done.stderr.splitlines() == [f"error: the disk of rank {culprit} is gone"]
        assert "TERMINATION" not in done.stdout
        assert ended - float((tmp_path / "failed_at").read_text()) < 5.0
