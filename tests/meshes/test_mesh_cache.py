"""Kept meshes: the same bit for bit, rebuilt where damaged, made once by several processes."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from spinepnp.geometries import Ball, Cylinder, Grading, Sizes, Tube
from spinepnp.meshes import MeshOptions, cache, generate
from spinepnp.meshes.generation import _linear_mesh
from spinepnp.runtime.stack import MPI

BALL, SIZES = Ball(radius="500 nm"), Sizes(0.2)
PARTS = ("points", "cells", "facets", "values")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "cache_dir", lambda name: tmp_path)
    return tmp_path


def same(a, b):
    return a.names == b.names and all(np.array_equal(getattr(a, p), getattr(b, p)) for p in PARTS)


def test_meshes_repeat_bit_for_bit():
    for shape in (BALL, Cylinder(length="1 um", radius="100 nm")):
        sizes = Sizes(shape.default_size() * 1e6, {"wall": Grading(0.01, 1.5)})
        assert same(_linear_mesh(shape, sizes), _linear_mesh(shape, sizes))


def test_a_kept_mesh_is_the_one_that_was_made(folder):
    made = cache.cached_mesh(BALL, SIZES, lambda: _linear_mesh(BALL, SIZES))
    assert same(cache.cached_mesh(BALL, SIZES, pytest.fail), made)
    assert {path.suffix for path in folder.iterdir()} == {".npz", ".lock"}
    fresh, again = (generate(BALL, MeshOptions(size="200 nm"), MPI.COMM_SELF) for _ in range(2))
    assert np.array_equal(fresh.mesh.geometry.x, again.mesh.geometry.x)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"nothing of the kind",
        lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
    ],
)
def test_a_damaged_file_is_made_again(folder, damage):
    made = cache.cached_mesh(BALL, SIZES, lambda: _linear_mesh(BALL, SIZES))
    (path,) = folder.glob("*.npz")
    path.write_bytes(damage(path.read_bytes()))
    calls = []
    again = cache.cached_mesh(BALL, SIZES, lambda: calls.append(1) or made)
    assert calls == [1]
    assert same(again, made)
    assert same(cache.cached_mesh(BALL, SIZES, pytest.fail), made)


def test_what_a_mesh_is_known_by(tmp_path, monkeypatch):
    table = tmp_path / "neck.csv"
    table.write_text("z_nm,radius_nm\n0,100\n1000,80\n")
    tube = Tube(length="1 um", profile=str(table))
    keys = {
        cache.mesh_key(BALL, SIZES),
        cache.mesh_key(BALL, Sizes(0.1)),
        cache.mesh_key(BALL, Sizes(0.2, {"wall": Grading(0.01, 1.5)})),
        cache.mesh_key(Ball(radius="499 nm"), SIZES),
        cache.mesh_key(Ball(radius="500 nm", dimension="axisymmetric"), SIZES),
        cache.mesh_key(tube, SIZES),
    }
    assert len(keys) == 6
    assert cache.mesh_key(Ball(radius="0.5 um"), SIZES) in keys
    table.write_text("z_nm,radius_nm\n0,100\n1000,81\n")
    assert cache.mesh_key(tube, SIZES) not in keys
    monkeypatch.setattr(cache, "_gmsh_version", lambda: "1.0")
    assert cache.mesh_key(BALL, SIZES) not in keys


SLOWLY = """
import sys, time
from pathlib import Path
from spinepnp.geometries import Ball, Sizes
from spinepnp.meshes import cache
from spinepnp.meshes.generation import _linear_mesh

def make():
    Path(sys.argv[1]).open("a").write("made\\n")
    time.sleep(1.0)
    return _linear_mesh(Ball(radius="500 nm"), Sizes(0.2))

assert len(cache.cached_mesh(Ball(radius="500 nm"), Sizes(0.2), make).cells) > 100
"""


def test_of_several_processes_one_makes_the_mesh(tmp_path):
    log, environment = tmp_path / "log", os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", SLOWLY, str(log)]
    processes = [subprocess.Popen(command, env=environment) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert log.read_text() == "made\n"
    assert len(list((tmp_path / "spinepnp" / "meshes").glob("*.npz"))) == 1


def test_the_oldest_meshes_go_first(folder, monkeypatch):
    for size in (0.2, 0.21, 0.22):
        cache.cached_mesh(BALL, Sizes(size), lambda size=size: _linear_mesh(BALL, Sizes(size)))
        time.sleep(0.02)
    sizes = sorted(path.stat().st_size for path in folder.glob("*.npz"))
    monkeypatch.setattr(cache, "CACHE_LIMIT", sum(sizes) - 1)
    cache.cached_mesh(BALL, Sizes(0.2), pytest.fail)  # used again: no longer the oldest
    time.sleep(0.02)
    cache.cached_mesh(BALL, Sizes(0.3), lambda: _linear_mesh(BALL, Sizes(0.3)))
    left = {path.stem for path in folder.glob("*.npz")}
    assert cache.mesh_key(BALL, Sizes(0.21)) not in left
    assert {cache.mesh_key(BALL, Sizes(s)) for s in (0.2, 0.3)} <= left


def test_what_a_killed_process_has_left_goes(folder):
    for name, age in (("old.part", 7200), ("new.part", 0)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age,) * 2)
    cache.cached_mesh(BALL, SIZES, lambda: _linear_mesh(BALL, SIZES))
    assert {path.name for path in folder.glob("*.part")} == {"new.part"}


def test_a_folder_that_cannot_be_written_only_costs_time(folder, monkeypatch):
    made = _linear_mesh(BALL, SIZES)
    monkeypatch.setattr(cache, "cache_dir", lambda name: folder / "missing")
    assert cache.cached_mesh(BALL, SIZES, lambda: made) is made
    monkeypatch.setattr(cache, "cache_dir", lambda name: folder)
    monkeypatch.setenv("SPINEPNP_MESH_CACHE", "off")
    assert cache.cached_mesh(BALL, SIZES, lambda: made) is made
    assert list(folder.iterdir()) == []
