"""The verb `mesh`: its report against the mesh itself, on any number of ranks."""

import json
import math

import numpy as np
import pytest
import pyvista

from spinepnp.commands.mesh import _table
from spinepnp.geometries import BallNeck, Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.meshes.measures import area, volume
from spinepnp.meshes.report import describe
from spinepnp.meshes.simplices import shape_quality
from spinepnp.runtime.stack import MPI
from support import CASES
from support.commands import call, refused
from support.measures import measures

CASE = str(CASES / "cylinder_iv.toml")


def test_quality_of_known_tetrahedra():
    regular = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
    corner = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=float)
    flat = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], dtype=float)
    # The corner of a cube: inscribed radius 1/(3 + sqrt 3), circumscribed sqrt(3)/2.
    expected = [1.0, 3.0 / (3.0 + np.sqrt(3.0)) / (np.sqrt(3.0) / 2.0), 0.0]
    assert shape_quality(np.array([7.0 * regular + 3.0, corner, flat])) == pytest.approx(expected, abs=1e-12)


@pytest.mark.mpi
@pytest.mark.parametrize("order", [1, 2])
def test_measures_of_the_report_are_those_of_the_elements(comm, order):
    mesh = generate(Cylinder(length="1 um", radius="100 nm"), MeshOptions(order=order, size="50 nm"), comm)
    expected = measures(mesh)
    assert volume(mesh) == pytest.approx(expected["volume"], rel=1e-12)
    for name in mesh.geometry.boundaries:
        assert area(mesh, name) == pytest.approx(expected[name], rel=1e-8), name


@pytest.mark.mpi
def test_the_report_does_not_depend_on_the_ranks(comm):
    together, alone = (
        describe(generate(Cylinder(length="1 um", radius="100 nm"), MeshOptions(), c), 0.745e-9)
        for c in (comm, MPI.COMM_SELF)
    )
    for facts in (together, alone):
        assert (facts.pop("shape"), facts.pop("dimension")) == ("cylinder", "3d")
    boundaries = together.pop("boundaries"), alone.pop("boundaries")
    assert together == pytest.approx(alone, rel=1e-9)
    for name in boundaries[0]:
        assert boundaries[0][name] == pytest.approx(boundaries[1][name], rel=1e-9, abs=1e-12)


def test_the_report_of_a_spine_has_its_head_and_its_neck():
    spine = BallNeck(head_radius="300 nm", neck_radius="75 nm", neck_length="1 um", dimension="axisymmetric")
    facts = describe(generate(spine, MeshOptions(size="150 nm"), MPI.COMM_SELF), 1e-9)
    parts = {"head_volume_um3": 0.11301, "neck_volume_um3": math.pi * 0.075**2, "neck_length_nm": 1e3}
    assert {name: facts[name] for name in parts} == pytest.approx(parts, rel=1e-4)
    assert facts["head_volume_um3"] + facts["neck_volume_um3"] == pytest.approx(facts["exact_volume_um3"], rel=1e-12)
    assert _table(facts, spine).splitlines()[3] == (
        "body: head volume 0.113 um^3, neck volume 0.01767 um^3, neck length 1000 nm"
    )


def test_the_verb_writes_its_files_and_a_run_can_follow(tmp_path, capfd):
    out = tmp_path / "out"
    assert call("mesh", CASE, "--output", str(out)) == 0
    facts = json.loads((out / "mesh.json").read_text())
    assert {path.name for path in out.iterdir()} == {"mesh.json", "mesh.vtu", "mesh.png", "patches.png"}
    assert facts["boundaries"]["top"]["cells_per_debye_length"] > 2.0
    assert abs(facts["volume_relative_error"]) < 1e-4
    assert 0.0 < facts["min_quality"] < facts["mean_quality"] < 1.0
    assert pyvista.read(out / "mesh.vtu").n_cells == facts["cells"]
    assert f"{facts['cells']} cells" in capfd.readouterr().out
    assert "holds a mesh already" in refused(capfd, "mesh", CASE, "--output", str(out))
    assert call("mesh", CASE, "--output", str(out), "--force") == 0
    assert call("run", CASE, "--output", str(out), "--set", 'study.values=["10 pA"]') == 0


def test_bad_input_of_the_verb(tmp_path, capfd):
    fine = ("--set", 'mesh.size="0.01 nm"', "--set", "mesh.grade={}")
    assert "cells need" in refused(capfd, "mesh", CASE, "--output", str(tmp_path / "out"), *fine)
    assert list(tmp_path.iterdir()) == []
