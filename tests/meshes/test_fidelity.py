"""The mesh is that of the body: volume, areas and boundary vertices, for every shape and every verb."""

from dataclasses import replace

import numpy as np
import pytest

from spinepnp.case.case import load_case
from spinepnp.errors import CaseError, SolveError
from spinepnp.geometries import Ball, Cylinder, Hyperboloid, ImportedSurface, Shell
from spinepnp.meshes import MeshOptions, generate
from support import CASES
from support.commands import call

SPINE_CASE = CASES / "spine_surface.toml"


@pytest.fixture
def fresh(monkeypatch):
    """No kept mesh stands in for the one that is made."""
    monkeypatch.setenv("SPINEPNP_MESH_CACHE", "off")


def pulled(geometry_type, monkeypatch, name, by):
    """Meshes of a shape get one vertex of a boundary pulled along z by a length, model units."""
    honest = geometry_type.linear_mesh

    def linear_mesh(self, gmsh, sizes):
        mesh = honest(self, gmsh, sizes)
        points = mesh.points.copy()
        at = mesh.facets[mesh.values == mesh.names.index(name)][0, 0]
        points[at, -1] += by
        return replace(mesh, points=points)

    monkeypatch.setattr(geometry_type, "linear_mesh", linear_mesh)


@pytest.mark.parametrize("verb", ["mesh", "check", "run", "batch"])
def test_every_verb_refuses_a_mesh_that_is_not_the_surface(tmp_path, monkeypatch, fresh, capfd, verb):
    """One vertex of the patch lifted by 20 nm: both numbers stand in the line, and the exit code is 2."""
    pulled(ImportedSurface, monkeypatch, "psd", 0.02)
    given = SPINE_CASE
    if verb == "batch":
        given = tmp_path / "sweep.toml"
        given.write_text(f'[base]\ncase = "{SPINE_CASE}"\n[axes]\n"boundaries.psd.current.value" = ["1 pA"]\n')
    output = [] if verb == "check" else ["--output", str(tmp_path / "out")]
    code = call(verb, str(given), *output)
    out, err = capfd.readouterr()
    said = out + err
    assert code == (1 if verb == "batch" else 2), said
    assert "geometry.file" in said
    assert "um^2 of psd (right: " in said
    assert "remesh the surface" in said


def test_straight_cells_too_coarse_for_the_wall_are_refused_and_curved_ones_are_not(comm):
    """A circle of n edges lacks 1 - sin(2 pi/n)/(2 pi/n) of its area: 17 % with six, 2.6 % with sixteen."""
    neck = Cylinder(length="200 nm", radius="100 nm")
    with pytest.raises(
        CaseError, match=r"mesh.size = \"100 nm\": the mesh of straight cells has .* um\^2 of base"
    ) as found:
        generate(neck, MeshOptions(size="100 nm", order=1), comm)
    assert "right: 0.031416 um^2" in str(found.value)
    assert "mesh.order = 2" in str(found.value)
    generate(neck, MeshOptions(size="100 nm"), comm)
    generate(neck, MeshOptions(size="40 nm", order=1), comm)
    generate(neck, MeshOptions(size="100 nm", order=1, refine=1), comm)
    generate(neck, MeshOptions(size="100 nm", order=1), comm, faithful=False)


@pytest.mark.parametrize(
    ("shape", "boundary"),
    [
        (Cylinder(length="200 nm", radius="100 nm"), "top"),
        (Hyperboloid(a="50 nm", b="30 nm", c="100 nm", half_length="100 nm"), "top"),
        (Ball(radius="100 nm"), "wall"),
        (Ball(radius="100 nm", dimension="axisymmetric"), "wall"),
        (Shell(inner_radius="50 nm", outer_radius="100 nm"), "inner"),
    ],
    ids=lambda value: getattr(value, "shape", value),
)
def test_a_boundary_vertex_off_its_surface_is_an_error(comm, monkeypatch, fresh, shape, boundary):
    pulled(type(shape), monkeypatch, boundary, 1e-4)
    with pytest.raises(SolveError, match=f"another body than the {shape.shape}: {boundary} is up to 0.1 nm off"):
        generate(shape, MeshOptions(size="60 nm"), comm)


def test_an_elliptic_disc_that_is_not_turned_is_an_error(comm, monkeypatch, fresh):
    """Gmsh ignores xAxis without zAxis: volume and areas are right, but the body is its mirror image."""
    import gmsh

    honest = gmsh.model.occ.addDisk
    monkeypatch.setattr(gmsh.model.occ, "addDisk", lambda *a, zAxis, xAxis: honest(*a, xAxis=xAxis))
    with pytest.raises(SolveError, match="another body than the hyperboloid"):
        generate(Hyperboloid(a="60 nm", b="40 nm", c="120 nm", half_length="300 nm"), MeshOptions(order=1), comm)


def test_every_part_that_differs_is_named(comm, monkeypatch, fresh):
    case = load_case(SPINE_CASE)
    pulled(ImportedSurface, monkeypatch, "base", -0.05)
    with pytest.raises(CaseError) as found:
        generate(case.geometry, case.mesh, comm)
    assert " um^3 (right: " in str(found.value)
    assert " of base (right: " in str(found.value)
    assert " of psd" not in str(found.value)
    assert np.isfinite(case.geometry.exact_measures()["base"])
