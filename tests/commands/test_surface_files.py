"""The verb `surface` on bad files, on several files, after a kill, and on ranks."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spinepnp.commands.surface import surface
from spinepnp.commands.surface_inputs import SurfaceRequest, items_of
from spinepnp.errors import CaseError
from spinepnp.geometries.triangles.patch_file import write_patches
from spinepnp.geometries.triangulation import Triangulation
from spinepnp.runtime.stack import MPI
from support import ROOT
from support.commands import call, refused
from support.surfaces import (
    above,
    ball,
    meridian_conductance,
    revolved,
    rod,
    spine_profile,
    together,
    volume_of,
    write,
    write_morph_spines,
)

PROFILE = spine_profile(step=0.06)
SPINE = revolved(PROFILE, 12)
HOLES = [rod(0.15, 0.3, 0.02), ball(PROFILE[-1, 1] - 0.2, 0.08)]


def written(path, change=lambda points, triangles: (points, triangles)):
    return write(path, *change(*SPINE))


def tetrahedra(points, _):
    corner = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=float)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    return together((corner, faces), (-corner, faces[:, ::-1]))


def nan(points, triangles):
    return np.where(np.arange(len(points))[:, None] == 7, np.nan, points), triangles


def meshed(path, *cells):
    import meshio

    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=float)
    meshio.write(path, meshio.Mesh(points, [(kind, np.array(data)) for kind, data in cells]))


def patches(path):
    flat = SPINE[0][SPINE[1], 2].max(axis=1) < 1e-9
    write_patches(Triangulation(*SPINE, np.where(flat, 0, 1), ("base", "wall")), path)


def cut_off(path):
    path.write_bytes(written(path).read_bytes()[:3000])


CLOUD = "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\nend_header\n"

#: Bad files by name: what makes one, options, and words of the error.
BAD = {
    "empty": ("a.stl", lambda p: p.write_bytes(b""), "is empty; give"),
    "cut off": ("a.stl", cut_off, "is cut off"),
    "a sheet": ("a.ply", lambda p: written(p, lambda x, t: (x * [1, 1, 0], t)), "encloses no volume; give a closed"),
    "text": ("a.obj", lambda p: p.write_text("Dear colleague,\nhere is the spine.\n"), "is no OBJ file"),
    "not a number": ("a.off", lambda p: written(p, nan), "not finite numbers; export"),
    "too large": ("a.ply", lambda p: written(p, lambda x, t: (1e9 * x, t)), "um wide in nm, and a spine"),
    "too small": ("a.ply", lambda p: written(p, lambda x, t: (1e-6 * x, t)), "um wide in um, and a spine"),
    "no triangles": ("a.vtu", lambda p: meshed(p, ("line", [[0, 1]])), "no triangles; "),
    "two tetrahedra at a corner": ("a.stl", lambda p: written(p, tetrahedra), "has 2 separate pieces"),
    "a cloud of points": ("a.ply", lambda p: p.write_text(CLOUD + "0 0 0\n1 1 1\n"), "no triangles; "),
    "a directory": ("a.stl", lambda p: p.mkdir(), "is a directory; give its files, or --all"),
    "a pipe": ("a.stl", os.mkfifo, "is no file; give"),
    "not there": ("a.stl", lambda p: None, "cannot be read (no such file"),
    "HDF5 of another kind": ("other.h5", lambda p: written_spines(p.parent), "give morph-spines"),
    "no HDF5": ("a.h5", lambda p: p.write_bytes(b"nothing"), "is no HDF5 file, or damaged; give"),
    "no such spine": ("table.h5", lambda p: written_spines(p.parent), "has no spine 7; give 0 to 1"),
    "one spine of many": ("pandas.h5", lambda p: written_spines(p.parent), "has 2 spines; give --spine 0 to 1, or"),
    "faces of four corners": ("a.vtu", lambda p: meshed(p, ("hexahedron", [[0, 1, 2, 3] * 2])), "; "),
    "another format": ("a.step", lambda p: p.write_text("ISO-10303-21;"), "must end in .stl"),
    "no such label": ("a.msh", patches, "has no label cleft; its labels are: base, wall"),
}  # fmt: skip

OPTIONS = {"no such spine": ["--spine", "7"], "no such label": ["--psd-label", "cleft"]}


def written_spines(folder):
    place, turn = np.zeros((2, 3)), np.tile([0.0, 0.0, 0.0, 1.0], (2, 1))
    dendrite = np.array([[-1.0, 0.0, -0.2], [1.0, 0.0, -0.2]])
    write_morph_spines(folder, *SPINE, dendrite, place, turn)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line_that_says_what_to_do_and_leaves_nothing(tmp_path, capfd, name):
    file, make, message = BAD[name]
    make(tmp_path / file)
    error = refused(capfd, "surface", tmp_path / file, *OPTIONS.get(name, ()), "--output", tmp_path / "out")
    assert message in error
    assert file in error
    assert ";" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--unit", "mm"], "--unit"),
        (["--psd-area", "0.1", "--psd-label", "psd"], "excludes --psd-area"),
        (["--base-normal", "0", "0", "1"], "needs --base-point"),
        (["--all", "--base-point", "0", "0", "0"], "is that of one spine"),
        (["--all", "--spine", "1"], "excludes --all"),
        (["--base-point", "0", "0", "5"], "does not cut the surface; move its point"),
        (["--psd-area", "1000"], "has less area; make the patch smaller"),
    ],
)
def test_options_that_are_impossible(tmp_path, capfd, options, message):
    assert message in refused(capfd, "surface", written(tmp_path / "a.ply"), *options, "--output", tmp_path / "out")


def test_files_of_a_directory_with_bad_ones_among_them(tmp_path, capfd):
    """An apparatus, a volume mesh without triangles and a surface inside out are fine; a bad file is a row."""
    folder = tmp_path / "spines"
    folder.mkdir()
    organelles = together(SPINE, *(revolved(h, 12) for h in HOLES))
    write(folder / "a.stl", organelles[0], organelles[1][:, ::-1])
    (folder / "a.ply").write_text(CLOUD + "0 0 0\n1 1 1\n")
    (folder / "notes.txt").write_text("nothing")
    assert call("surface", folder, "--all", "--output", tmp_path / "out", "--psd-area", "0.03") == 1
    lines = capfd.readouterr().out.splitlines()
    assert any("failed: holds points and no triangles; make a surface of them" in line for line in lines)
    assert any("2 holes" in line for line in lines)
    table = pd.read_parquet(tmp_path / "out" / "spines.parquet")
    assert table["status"].tolist() == ["failed", "ok"]
    assert [Path(file).name for file in table["file"]] == ["a.ply", "a.stl"]
    row = json.loads((tmp_path / "out" / "a_stl" / "surface.json").read_text())
    assert "turned 1 pieces that were inside out" in row["done"]
    cut = above(PROFILE, row["base_point_um"][2])
    exact = volume_of(cut) - sum(map(volume_of, HOLES))
    assert row["volume_um3"] == pytest.approx(exact, rel=5e-3)
    assert row["shell_volumes_um3"] == pytest.approx([volume_of(hole) for hole in HOLES[::-1]])
    rim = PROFILE[-1, 1] - row["psd_radius_um"] ** 2 / 0.4
    assert row["G_low_per_um"] < meridian_conductance(cut, HOLES, rim) < row["G_high_per_um"]


BATCH = """
import sys
from pathlib import Path
from mpi4py import MPI
from spinepnp.commands.surface import surface
from spinepnp.commands.surface_inputs import SurfaceRequest
files = tuple(Path(file) for file in sys.argv[2:])
sys.exit(surface(SurfaceRequest(files=files, output=Path(sys.argv[1]), psd_area=0.03), MPI.COMM_WORLD))
"""


def test_a_batch_goes_on_where_it_was_killed(tmp_path):
    files = [str(written(tmp_path / f"{name}.ply")) for name in "ab"]
    out = tmp_path / "out"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", BATCH, str(out), *files], env=environment)
    first, deadline = out / "a" / "surface.json", time.monotonic() + 120.0
    while not first.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "spines.parquet").exists()
    before = first.stat().st_mtime_ns
    keys = {"files": tuple(map(Path, files)), "output": out, "psd_area": 0.03}
    assert surface(SurfaceRequest(**keys), MPI.COMM_SELF) == 0
    assert first.stat().st_mtime_ns == before, "what is done stays"
    table = pd.read_parquet(out / "spines.parquet")
    assert table["status"].tolist() == ["ok"] * 2
    assert np.ptp(table["G_per_um"]) < 1e-12 * table["G_per_um"][0]
    again = items_of(SurfaceRequest(**keys))[0].asked
    written(Path(files[0]), lambda x, t: (1.1 * x, t))
    assert items_of(SurfaceRequest(**keys))[0].asked != again, "a file that has changed is another spine"


@pytest.mark.mpi
def test_ranks_find_the_same_spine(comm, tmp_path_factory):
    if comm.size == 1:
        pytest.skip("compares several ranks with one")
    folder = comm.bcast(tmp_path_factory.mktemp("ranks"))
    if comm.rank == 0:
        write(folder / "a.stl", *together(SPINE, revolved(HOLES[1], 12)))
    comm.barrier()
    surface(SurfaceRequest(files=(folder / "a.stl",), output=folder / "all", psd_area=0.03), comm)
    if comm.rank > 0:
        return
    surface(SurfaceRequest(files=(folder / "a.stl",), output=folder / "one", psd_area=0.03), MPI.COMM_SELF)
    assert (folder / "all" / "surface.msh").read_bytes() == (folder / "one" / "surface.msh").read_bytes()
    many, one = (json.loads((folder / name / "surface.json").read_text()) for name in ("all", "one"))
    for key in set(one) - {"seconds", "asked"}:
        assert many[key] == (pytest.approx(one[key], rel=1e-9) if isinstance(one[key], float) else one[key]), key


def test_a_bad_file_ends_every_rank_alike(tmp_path):
    with pytest.raises(CaseError, match="cannot be read"):
        surface(SurfaceRequest(files=(tmp_path / "none.ply",), output=tmp_path / "out"), MPI.COMM_SELF)
