"""Rings of cylinder, cone, tube and pore: measures, places, layers, and what is refused."""

import math
import re

import numpy as np
import pytest

from spinepnp.case.case import make_case
from spinepnp.case.digest import case_digest
from spinepnp.errors import CaseError
from spinepnp.geometries import Cone, Cylinder, Hyperboloid, Pore, Tube
from spinepnp.geometries.extruded import Extruded
from spinepnp.meshes import GradeOptions, MeshOptions, boundary_layer_heights, generate
from spinepnp.meshes.options import GradePlane
from spinepnp.runtime.stack import MPI, dolfinx
from spinepnp.validation.laws import RingsLaw
from support.charged_cases import BATH, NECK, USUAL, case, sodium_chloride
from support.commands import refusal
from support.measures import UnitFlux, errors

BAND = {"name": "band", "z": ["0.3 um", "0.5 um"]}
RINGS = [BAND, {"name": "thin", "height": "0.7 um", "width": "20 nm"}, {"name": "edge", "z": ["0.9 um", "1 um"]}]
BODIES = {
    "cylinder": (Cylinder, {"length": "1 um", "radius": "100 nm"}),
    "cone": (Cone, {"length": "1 um", "base_radius": "100 nm", "top_radius": "50 nm"}),
    "tube": (Tube, {"length": "1 um", "profile": "60 nm + 30 nm*cos(2*pi*z/(500 nm))"}),
    "pore": (Pore, {"length": "1 um", "radius": "100 nm"}),
    "pore with reservoirs": (Pore, {"length": "1 um", "radius": "100 nm", "reservoir_radius": "300 nm"}),
    "cylinder with an organelle": (
        Cylinder,
        {"length": "1 um", "radius": "100 nm", "obstacle": {"centre": ["0 nm", "0 nm", "0.4 um"], "radius": "40 nm"}},
    ),
}


def body(name, rings=RINGS, dimension="axisymmetric", **more):
    shape, sizes = BODIES[name]
    return shape(**sizes | more, rings=rings, dimension=dimension)


def neck(*rings, **more):
    return body("cylinder", rings, **more)


@pytest.mark.parametrize("dimension", ["axisymmetric", "3d"])
@pytest.mark.parametrize("name", BODIES)
def test_areas_of_a_default_mesh_and_names_of_its_facets(name, dimension, comm):
    shape = body(name, dimension=dimension)
    shape.check()
    mesh = generate(shape, MeshOptions(), comm)
    assert max(abs(error) for error in errors(mesh).values()) < 1e-4
    assert mesh.min_quality > 0.1
    assert 0.5 < shape.estimate_cells(mesh.options.sizes(shape)) / mesh.cells < 2.0
    if dimension == "axisymmetric":  # the axis has no name
        return
    named = np.sort(np.concatenate(list(mesh.boundary_facets.values())))
    assert np.array_equal(named, np.sort(dolfinx.mesh.exterior_facet_indices(mesh.mesh.topology)))


@pytest.mark.parametrize("name", BODIES)
def test_areas_add_up_to_that_of_the_whole_wall(name):
    cut, whole = body(name).exact_measures(), body(name, rings=None).exact_measures()
    parts = ("wall", "band", "thin", "edge")
    assert sum(cut[part] for part in parts) == pytest.approx(whole["wall"], rel=1e-8)
    assert {key: value for key, value in cut.items() if key not in parts} == {
        key: value for key, value in whole.items() if key != "wall"
    }


def test_areas_in_closed_form():
    assert body("cylinder").exact_area("band") == pytest.approx(2.0 * math.pi * 1e-7 * 2e-7, rel=1e-12)
    for name in ("cylinder", "cone"):
        assert Extruded.body_measures(body(name)) == pytest.approx(body(name).exact_measures(), rel=1e-8)
    cone = body("cone").exact_area("band")  # radii of 85 and 75 nm
    assert cone == pytest.approx(math.pi * 160e-9 * math.hypot(200e-9, 10e-9), rel=1e-12)
    by_profile = Tube(length="1 um", profile="100 nm - 0.05*z", rings=RINGS)
    assert by_profile.exact_area("band") == pytest.approx(cone, rel=1e-8)


@pytest.mark.parametrize("name", BODIES)
def test_places(name):
    shape = body(name)
    assert shape.heights("band") == pytest.approx((0.3e-6, 0.5e-6))
    assert shape.heights("thin") == pytest.approx((0.69e-6, 0.71e-6))
    assert shape.heights("wall") == pytest.approx((0.0, 1e-6) if "reservoirs" in name else (0.0, 0.9e-6))
    assert shape.named[-3:] == ("band", "thin", "edge")
    assert type(shape).model_validate(shape.model_dump(mode="json", exclude_none=True)) == shape


def test_the_ends_of_a_ring_are_planes_of_the_mesh(comm):
    mesh = generate(neck(BAND, dimension="3d"), MeshOptions(), comm)
    tdim = mesh.mesh.topology.dim
    mesh.mesh.topology.create_connectivity(tdim - 1, 0)
    for name, (low, high) in {"band": (0.3, 0.5), "wall": (0.0, 1.0)}.items():
        vertices = dolfinx.mesh.entities_to_geometry(mesh.mesh, tdim - 1, mesh.boundary_facets[name])
        z = mesh.mesh.geometry.x[np.unique(vertices), 2]
        assert comm.allreduce(z.min(initial=1.0), op=MPI.MIN) == pytest.approx(low, abs=1e-12)
        assert comm.allreduce(z.max(initial=0.0), op=MPI.MAX) == pytest.approx(high, abs=1e-12)


@pytest.mark.parametrize(("dimension", "tolerance"), [("axisymmetric", 2e-3), ("3d", 2e-2)])
@pytest.mark.parametrize("width", [5, 50])
def test_flux_through_narrow_rings_on_default_meshes(width, dimension, tolerance):
    """G of two rings against the series of a long neck; the top is five radii away."""
    bands = [(low, low + 1e-3 * width) for low in (0.2, 0.5)]
    rings = [{"name": f"b{i}", "z": [f"{low} um", f"{high} um"]} for i, (low, high) in enumerate(bands)]
    degree = {"axisymmetric": 2, "3d": 1}[dimension]  # the default ones
    G = UnitFlux(neck(*rings, dimension=dimension), MeshOptions(), degree=degree)
    found = np.array([[G.mean(f"b{j}", f"b{i}") for j in range(2)] for i in range(2)])
    exact = RingsLaw(0.1).matrix(bands)
    assert found == pytest.approx(exact, rel=tolerance)
    assert found[0, 1] == pytest.approx(exact[0, 1], rel=2e-5)


@pytest.mark.parametrize("name", ["cylinder", "cone", "tube"])
def test_a_graded_ring_grades_the_whole_wall(name, comm):
    options = MeshOptions(grade={"band": GradeOptions(size="1 nm")})
    mesh = generate(body(name, [BAND], "3d"), options, comm)
    for part in ("band", "wall"):
        assert boundary_layer_heights(mesh, part).max() < 1.2e-3
    whole = generate(body(name, None, "3d"), MeshOptions(grade={"wall": GradeOptions(size="1 nm")}), comm)
    assert mesh.min_quality > 0.95 * whole.min_quality
    both = MeshOptions(grade={"band": GradeOptions(size="2 nm"), "wall": GradeOptions(size="1 nm")})
    shape = body(name, [BAND])
    assert both.cells(shape) == options.cells(shape)  # the finer one holds


def test_planes_of_the_case_beside_rings():
    shape, plane = neck(BAND), {"z": "0.3 um", "size": "1 nm"}
    on_the_end = MeshOptions(grade_planes=[plane])
    assert on_the_end.cells(shape) > MeshOptions().cells(shape)
    with pytest.raises(CaseError, match=r"mesh.grade_planes.0.*0.5 nm from an end of a ring"):
        MeshOptions(grade_planes=[GradePlane(**plane | {"z": "300.5 nm"})]).sizes(shape)


@pytest.mark.parametrize(
    ("rings", "key", "message"),
    [
        ([BAND | {"z": ["0.9 um", "1.1 um"]}], "band.z", "must lie between 0 nm and 1000 nm, where the wall ends"),
        ([BAND, {"name": "a", "z": ["0.4 um", "0.6 um"]}], "band.z", "overlaps a; move one of them"),
        ([BAND, {"name": "a", "z": ["500.1 nm", "0.6 um"]}], "band.z", "almost touches a"),
        ([BAND | {"z": ["0.3 um", "300.1 nm"]}], "band.z", "some width"),
        ([BAND | {"z": ["0.5 um", "0.3 um"]}], "band.z", "its smaller value first"),
        ([{"name": "a", "height": "10 nm", "width": "30 nm"}], "a.height", "must lie between"),
        ([{"name": "a", "height": "10 nm"}], "a", "needs height = .* and width"),
        ([{"name": "a"}], "a", 'needs either z = \\["0.3 um", "0.5 um"\\] or height and width'),
        ([BAND | {"height": "10 nm", "width": "1 nm"}], "band", "has z and height"),
        ([BAND, BAND], "1.name", "is taken"),
        ([BAND | {"name": "volume"}], "0.name", "is taken"),
        ([BAND | {"name": "obstacle"}], "0.name", "is taken"),
        ([BAND | {"name": "wall"}], "0.name", "is taken"),
        ([BAND | {"name": "a.b"}], "0.name", "must be a letter"),
        ([{"name": "a", "z": ["0 um", "0.5 um"]}, {"name": "b", "z": ["0.5 um", "1 um"]}], "", "leave nothing of"),
    ],
)
@pytest.mark.parametrize("name", ["cylinder", "cone", "tube", "pore"])
def test_rings_that_are_not_on_the_wall_are_refused(name, rings, key, message):
    error = refusal(lambda: body(name, rings).check())
    assert error.key == f"geometry.rings.{key}".removesuffix(".")
    assert re.search(message, error.problem)


@pytest.mark.parametrize("name", ["cylinder", "cone", "tube", "pore"])
def test_a_line_has_no_rings(name):
    error = refusal(lambda: body(name, [BAND], "1d").check())
    assert error.key == "geometry.rings"
    assert 'set dimension = "axisymmetric" or "3d", or leave rings out' in error.problem


def test_the_ends_of_the_body_may_not_lend_their_names():
    for name, taken in (("cylinder", "base"), ("cone", "top"), ("pore", "inside")):
        assert refusal(lambda n=name, t=taken: body(n, [BAND | {"name": t}]).check()).key == "geometry.rings.0.name"
    neck(BAND | {"name": "inside"}).check()  # which a cylinder has not


def test_rings_may_touch_each_other_and_the_ends_and_cover_a_pore_between_reservoirs(comm):
    touching = [{"name": "a", "z": ["0 um", "0.3 um"]}, {"name": "b", "z": ["300 nm", "0.6 um"]}]
    mesh = generate(neck(*touching), MeshOptions(), comm)
    assert max(abs(error) for error in errors(mesh).values()) < 1e-10
    covered = body("pore with reservoirs", [{"name": "inner", "z": ["0 um", "1 um"]}])
    covered.check()
    assert covered.exact_area("wall") == pytest.approx(2.0 * math.pi * (300e-9**2 - 100e-9**2))


def test_a_hyperboloid_has_no_rings():
    with pytest.raises(CaseError, match=r"unknown key; known: .*half_length, ends"):
        Hyperboloid(a="50 nm", c="100 nm", half_length="500 nm", rings=[BAND])


# Grading by default


def charged(dimension="axisymmetric", rings=(BAND,), **conditions):
    shape = NECK | ({"rings": list(rings)} if rings else {})
    electrolyte = {**USUAL, "species": sodium_chloride(150)}
    return make_case(case(shape, electrolyte, {"base": BATH, "top": BATH, **conditions}, dimension=dimension))


CHARGE = {"surface_charge": "-0.02 C/m^2"}


def test_a_charged_ring_is_graded_as_a_charged_wall_with_its_ends():
    ring, wall = charged(band=CHARGE).mesh, charged(rings=(), wall=CHARGE).mesh
    assert ring.grade == {"band": wall.grade["wall"]}  # the baths are at the other part of the wall
    assert {"base", "top"} < set(wall.grade)
    assert [plane.z for plane in ring.grade_planes] == pytest.approx([0.3e-6, 0.5e-6])
    assert all(plane.size == wall.grade["base"].size for plane in ring.grade_planes)


def test_a_bath_is_graded_where_it_meets_the_charge():
    at_base = BAND | {"z": ["0 um", "0.5 um"]}
    assert set(charged(rings=[at_base], band=CHARGE).mesh.grade) == {"band", "base"}
    assert set(charged(rings=[at_base], wall=CHARGE).mesh.grade) == {"wall", "top"}


def test_what_the_case_says_of_the_wall_or_a_ring_stays():
    data = charged(band=CHARGE).to_dict()
    data["mesh"] = {"grade": {"wall": {"size": "1 nm"}}, "grade_planes": []}
    assert set(make_case(data).mesh.grade) == {"wall"}
    data["mesh"] = {"grade": {"band": {"size": "1 nm"}}}
    assert make_case(data).mesh.grade["band"].size == pytest.approx(1e-9)


def test_the_default_grading_of_rings_reads_as_itself():
    found = charged(rings=RINGS, band=CHARGE, thin={"surface_charge": "0.05 C/m^2"})
    assert make_case(found.to_dict()) == found


def test_a_case_without_rings_keeps_its_digest():
    plain, ringed = charged(rings=()), charged()
    assert "rings" not in plain.to_dict()["geometry"]
    assert case_digest(plain) != case_digest(ringed)
