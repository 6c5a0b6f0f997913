"""Mesh refinement at inner planes, and the default grading toward layers of fixed and surface charge."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinepnp.case.case import make_case
from spinepnp.case.digest import case_digest
from spinepnp.commands.check import check_case
from spinepnp.errors import CaseError
from spinepnp.geometries import (
    Ball,
    BallNeck,
    Cone,
    Cylinder,
    Grading,
    Hyperboloid,
    InnerPlane,
    Pore,
    Shell,
    Sizes,
    Tube,
)
from spinepnp.meshes import GradePlane, MeshOptions, boundary_layer_heights, generate
from spinepnp.meshes.measures import owned_cells, size_along_z
from spinepnp.run.steady import Model
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import Boundary, Electrolyte, Species, grade_layers
from spinepnp.solvers.problem.columns import flatten, state_of
from spinepnp.validation.suite.solve import finer_case
from support.charged_cases import BATH
from support.ions import ion, salt

NECK = {"length": "1 um", "radius": "100 nm"}
PLANE = {"z": "300 nm", "size": "0.2 nm", "growth": 1.4}
GEL = [{"region": ["300 nm", "700 nm"], "value": "-100 mM"}]


def planes(*tables, **options):
    return MeshOptions(grade_planes=[GradePlane(**table) for table in tables], **options)


def case_data(dimension="1d", boundaries=None, geometry=None, fixed_charge=GEL, concentration=167):
    """A neck with a gel between baths of one salt, if nothing else is said."""
    salt = [ion("C", 1, concentration, 1960), ion("A", -1, concentration, 2030)]
    charge = {} if fixed_charge is None else {"fixed_charge": fixed_charge}
    return {
        "geometry": {"dimension": dimension, **(geometry or {"shape": "cylinder", **NECK})},
        "electrolyte": {"thermal_voltage": "25.26 mV", "permittivity": 80, "species": salt, **charge},
        "boundaries": {"base": BATH, "top": BATH} if boundaries is None else boundaries,
        "solver": {"formulation": "log"},
    }


def row_of(data):
    """Observables of a case with one point, and its number of cells."""
    case, model = make_case(data), Model(MPI.COMM_SELF)
    problem = model.fit(case, lambda _: None)
    found = flatten(state_of(problem.solve(case.electrolyte, case.boundaries, case.closed), None))
    cells = problem.mesh.cells
    model.close()
    return found, cells


def sides_along_z(mesh, z):
    """Extents along z of the cells just below and above a plane, nm; and how near the nearest node is."""
    heights = mesh.mesh.geometry.x[owned_cells(mesh.mesh), mesh.mesh.geometry.dim - 1][:, : mesh.mesh.topology.dim + 1]
    low, high = heights.min(axis=1), heights.max(axis=1)
    crossing = (low < z - 1e-9) & (high > z + 1e-9)
    below, above = (high > z - 1e-9) & (low < z - 1e-9), (low < z + 1e-9) & (high > z + 1e-9)
    return crossing.sum(), (high - low)[below].max() * 1e3, (high - low)[above].max() * 1e3


# Meshes


@pytest.mark.parametrize("dimension", ["1d", "axisymmetric", "3d"])
@pytest.mark.parametrize(
    "shape",
    [
        Cylinder(**NECK),
        Cone(length="1 um", base_radius="100 nm", top_radius="50 nm"),
        Tube(length="1 um", profile="80 nm + 20 nm*cos(2*pi*z/(500 nm))"),
        Hyperboloid(a="80 nm", c="400 nm", half_length="500 nm"),
    ],
    ids=lambda shape: shape.shape,
)
def test_bodies_in_layers_have_planes_exactly_at_inner_planes(shape, dimension):
    shape = shape.model_copy(update={"dimension": dimension})
    options = planes(PLANE, {"z": "410 nm"}, size="40 nm")
    mesh = generate(shape, options, MPI.COMM_SELF)
    crossing, below, above = sides_along_z(mesh, 0.3)
    assert crossing == 0
    assert 0.12 < below < 0.21
    assert 0.12 < above < 0.21
    crossing, below, above = sides_along_z(mesh, 0.41)
    assert crossing == 0
    assert min(below, above) > 5.0
    assert 0.5 < options.cells(shape) / mesh.cells < 2.0


@pytest.mark.parametrize(
    ("shape", "z"),
    [
        (BallNeck(head_radius="500 nm", neck_radius="100 nm", neck_length="1 um", dimension="axisymmetric"), 500.0),
        (Ball(radius="50 nm", dimension="axisymmetric"), 20.0),
        (Pore(radius="5 nm", length="20 nm", reservoir_radius="20 nm"), -10.0),
        (Cylinder(**NECK, dimension="axisymmetric",
                  obstacle={"centre": ["0 nm", "0 nm", "700 nm"], "radius": "40 nm"}), 300.0),
    ],
    ids=["ball_neck", "ball", "pore", "obstacle"],
)  # fmt: skip
def test_other_bodies_have_small_cells_at_inner_planes(shape, z):
    size = 1.2
    options = planes({"z": f"{z} nm", "size": f"{size} nm"})
    mesh, coarse = (generate(shape, o, MPI.COMM_SELF) for o in (options, MeshOptions()))
    assert size_along_z(mesh, z * 1e-3) * 1e3 < 2.2 * size < size_along_z(coarse, z * 1e-3) * 1e3
    assert mesh.min_quality > 0.1
    assert 0.5 < options.cells(shape) / mesh.cells < 2.0


@pytest.mark.mpi
def test_a_mesh_with_inner_planes_is_the_same_on_any_number_of_ranks(comm):
    together, alone = (generate(Cylinder(**NECK), planes(PLANE), c) for c in (comm, MPI.COMM_SELF))
    assert (together.cells, together.vertices) == (alone.cells, alone.vertices)
    assert size_along_z(together, 0.3) == pytest.approx(size_along_z(alone, 0.3), rel=1e-9)


def test_a_bare_pore_has_planes_on_its_line():
    mesh = generate(Pore(radius="5 nm", length="20 nm", dimension="1d"), planes({"z": "10 nm", "size": "0.05 nm"}),
                    MPI.COMM_SELF)  # fmt: skip
    crossing, below, above = sides_along_z(mesh, 0.01)
    assert crossing == 0
    assert max(below, above) < 0.051


@settings(max_examples=100)
@given(
    length=st.floats(min_value=0.01, max_value=100.0),
    start=st.floats(min_value=-10.0, max_value=10.0),
    places=st.lists(st.integers(1, 99), min_size=1, max_size=4, unique=True),
    first=st.floats(min_value=1e-4, max_value=1.0),
    growth=st.floats(min_value=1.05, max_value=3.0),
)
def test_layers_end_at_every_plane_and_grow_no_faster_than_asked(length, start, places, first, growth):
    size, graded = 0.1 * length, Grading(1e-3 * first * length, growth)
    inner = tuple(InnerPlane(start + 0.01 * n * length, graded) for n in sorted(places))
    heights = Sizes(size, {"a": graded}, inner).layers(length, "a", "b", bottom=start)
    assert heights.min() > 0.0
    assert heights.sum() == pytest.approx(length, rel=1e-12)
    ends = np.concatenate([[0.0], heights.cumsum()])
    for plane in inner:
        at = int(np.argmin(np.abs(ends - (plane.z - start))))
        assert ends[at] == pytest.approx(plane.z - start, abs=1e-12 * (length + abs(start)))
        assert max(heights[at - 1 : at + 1]) <= graded.size * 1.01
    # Between two planes the layers fill the length, so that both sides of a plane may differ by one layer.
    ratios = np.maximum(heights[1:] / heights[:-1], heights[:-1] / heights[1:])
    assert ratios.max() <= growth * 2.0


@pytest.mark.parametrize(
    ("shape", "tables", "problem"),
    [
        ({}, [PLANE | {"z": "1.2 um"}], "grade_planes.0.z = .*must lie between the ends of the body, 0 nm and 1000 nm"),
        ({}, [PLANE | {"z": "0 nm"}], "grade_planes.0.z = .*must lie between"),
        ({}, [PLANE | {"z": "1 um"}], "grade_planes.0.z = .*must lie between"),
        ({}, [PLANE | {"growth": 1}], "grade_planes.0.growth = 1"),
        ({}, [PLANE | {"size": "30 nm"}], "grade_planes.0.size = .*is coarser than mesh.size = 25 nm"),
        ({}, [PLANE, PLANE | {"size": "1 nm"}], "grade_planes.0 = .300 nm.: is the same as another"),
        ({}, [{"z": "300 nm"}, {"z": "300 nm"}], "grade_planes.0 = .*is the same as another"),
        ({}, [PLANE, {"z": "300.1 nm"}], "grade_planes.0 = .300 nm.: is 0.1 nm from another plane"),
        ({}, [{"z": "0.1 nm", "size": "0.2 nm"}], "grade_planes.0 = .0.1 nm.: is 0.1 nm from an end of the body"),
        ({}, [{"size": "0.2 nm"}], "grade_planes.0.z"),
        ({"obstacle": {"centre": ["0 nm", "0 nm", "0.7 um"], "radius": "40 nm"}}, [{"z": "300 nm"}],
         "grade_planes.0.size: is missing, and the cells of this body follow no plane"),
        ({"shape": "ball", "radius": "50 nm", "dimension": "1d"}, [PLANE], "grade_planes: a line along the radius"),
        ({"shape": "shell", "inner_radius": "50 nm", "outer_radius": "90 nm", "dimension": "1d"}, [PLANE],
         "grade_planes: a line along the radius"),
        ({"shape": "hyperboloid", "a": "50 nm", "c": "90 nm", "half_length": "500 nm", "ends": "confocal"}, [PLANE],
         "grade_planes: between confocal ends"),
    ],
)  # fmt: skip
def test_impossible_planes_are_refused(shape, tables, problem):
    geometry = shape if "shape" in shape else {"shape": "cylinder", **NECK, **shape}
    data = case_data(shape.get("dimension", "3d"), {}, geometry, None)
    data |= {"closed": {}, "mesh": {"grade_planes": tables}}
    with pytest.raises(CaseError, match=problem):
        make_case(data)


# Defaults


def test_edges_of_a_gel_are_graded_by_default_and_only_there():
    mesh = make_case(case_data()).mesh
    assert [(p.z, p.size) for p in mesh.grade_planes] == [(3e-7, 0.08e-9), (7e-7, 0.08e-9)]
    assert mesh.grade == {}
    # Regions that touch have no edge between them, and what lies at the end of the body is no inner plane.
    halves = [{"region": [f"{a} nm", f"{a + 500} nm"], "value": "-100 mM"} for a in (0, 500)]
    mesh = make_case(case_data(fixed_charge=halves, boundaries={"base": BATH})).mesh
    assert mesh.grade_planes is None
    assert set(mesh.grade) == {"base"}  # the bath is not neutral with the gel


def test_a_bath_in_equilibrium_with_the_gel_has_no_layer():
    electrolyte = make_case(
        case_data(fixed_charge=[{"region": ["0 um", "1 um"], "value": "-100 mM"}], boundaries={"base": BATH})
    ).electrolyte
    line = Cylinder(**NECK, dimension="1d")
    for ions, graded in (({"C": "200 mM", "A": "100 mM"}, set()), ({"C": "167 mM", "A": "167 mM"}, {"base"})):
        boundaries = {"base": Boundary(potential="0 mV", concentrations=ions)}
        assert set(grade_layers(MeshOptions(), line, electrolyte, boundaries).grade) == graded


def test_what_the_case_says_of_a_plane_or_boundary_stays():
    own = {"grade_planes": [PLANE | {"size": "1 nm"}, {"z": "700 nm"}], "grade": {"top": {"size": "0.5 nm"}}}
    data = case_data(boundaries={"base": BATH, "top": {"surface_charge": "-0.02 C/m^2"}}) | {"mesh": own}
    mesh = make_case(data).mesh
    assert [(p.z, p.size) for p in mesh.grade_planes] == [(3e-7, 1e-9), (7e-7, None)]
    assert mesh.grade["top"].size == 0.5e-9
    near = make_case(case_data() | {"mesh": {"grade_planes": [PLANE | {"z": "300.5 nm", "size": "1 nm"}]}}).mesh
    assert [round(p.z * 1e9, 3) for p in near.grade_planes] == [300.5, 700.0]


CHARGED = {
    "gel": case_data("3d"),
    "gel between planes that are near": case_data(
        fixed_charge=[{"region": ["300 nm", "300.05 nm"], "value": "-100 mM"}]
    ),
    "wall": case_data("axisymmetric", {"base": BATH, "wall": {"surface_charge": "-0.08 C/m^2"}}, fixed_charge=None),
    "wall in 3D": case_data("3d", {"base": BATH, "wall": {"surface_charge": "-0.08 C/m^2"}}, fixed_charge=None),
    "gel and walls": case_data(
        "3d", {"base": BATH, "top": {"surface_charge": "-0.02 C/m^2"}, "wall": {"surface_charge": "-0.02 C/m^2"}}
    ),
    "more layers than are affordable": case_data(
        "3d", fixed_charge=[{"region": [f"{a} nm", f"{a + 200} nm"], "value": "-100 mM"} for a in (0, 400, 800)]
    ),
    "confocal": case_data(geometry={"shape": "hyperboloid", "a": "50 nm", "c": "90 nm", "half_length": "500 nm",
                                    "ends": "confocal"}, dimension="3d"),
    "shell": case_data("1d", {"outer": BATH, "inner": {"surface_charge": "0.0146 C/m^2"}},
                       {"shape": "shell", "inner_radius": "28 nm", "outer_radius": "60 nm"}, None),
    "pore": case_data("axisymmetric", {"outside": BATH, "wall": {"surface_charge": "0.01 C/m^2"}},
                      {"shape": "pore", "radius": "5 nm", "length": "20 nm", "reservoir_radius": "20 nm"}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", CHARGED)
def test_the_resolved_case_says_what_was_chosen_and_reads_as_itself(name):
    case = make_case(copy.deepcopy(CHARGED[name]))
    assert make_case(case.to_dict()) == case
    plain = case.mesh.model_copy(update={"grade": {}, "grade_planes": None})
    cells = case.mesh.cells(case.geometry) / plain.cells(case.geometry)
    assert cells <= (2.0 if case.geometry.dimension == "3d" else 30.0)


def test_cases_without_charge_keep_their_options_and_digest():
    case = make_case(case_data(fixed_charge=None))
    assert (case.mesh.grade, case.mesh.grade_planes) == ({}, None)
    assert "grade_planes" not in case.to_dict()["mesh"]
    assert case_digest(make_case(case_data(fixed_charge=None) | {"mesh": {}})) == case_digest(case)


def test_a_sweep_over_the_charge_is_graded_at_each_value():
    walls = {"base": BATH, "top": {"surface_charge": "-0.001 C/m^2"}}
    data = case_data(boundaries=walls, fixed_charge=None)
    data["study"] = {"kind": "sweep", "vary": "boundaries.top.surface_charge",
                     "values": ["-0.001 C/m^2", "-0.002 C/m^2", "-0.1 C/m^2"]}  # fmt: skip
    case = make_case(data)
    assert case.mesh.grade == {}
    sizes = [point.mesh.grade["top"].size for point in case.points()]
    assert sizes[0] == sizes[1] == 0.08e-9  # one mesh where the Debye length decides
    assert sizes[2] == 0.04e-9  # of Gouy and Chapman


def test_cells_at_layers_shrink_with_the_mesh_size_and_a_validation_refines_them():
    coarse, fine = (make_case(case_data() | {"mesh": {"size": size}}).mesh for size in ("1.5 nm", "0.75 nm"))
    assert fine.grade_planes[0].size <= 0.625 * coarse.grade_planes[0].size
    case = make_case(case_data())
    finer = finer_case(case, ("mesh.size", "mesh.grade_planes"))
    assert [p.size for p in finer.mesh.grade_planes] == pytest.approx([0.7 * p.size for p in case.mesh.grade_planes])
    assert finer.mesh.grade_planes[0].growth == pytest.approx(1.07)


def test_check_knows_the_same(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(make_case(case_data()).to_toml())
    _, facts = check_case(path, MPI.COMM_SELF)
    assert facts["mesh"]["graded"] == pytest.approx({"z = 300 nm": 0.08, "z = 700 nm": 0.08})


def test_python_gets_the_same_from_a_function():
    case = make_case(case_data())
    salt = [Species(**table) for table in case_data()["electrolyte"]["species"]]
    electrolyte = Electrolyte(thermal_voltage="25.26 mV", fixed_charge=GEL, species=salt)
    assert grade_layers(MeshOptions(), Cylinder(**NECK, dimension="1d"), electrolyte).grade_planes == (
        case.mesh.grade_planes
    )


# Answers (facts: full PNP in one dimension, independent solver)


@pytest.mark.parametrize(("dimension", "tolerance"), [("1d", 2e-5), ("axisymmetric", 2e-5), ("3d", 1e-4)])
def test_short_circuit_current_of_a_gel_between_two_baths(dimension, tolerance):
    data = case_data(dimension)
    data["boundaries"]["top"] = {"potential": "0 mV", "concentrations": {"C": "50 mM", "A": "50 mM"}}
    found, _ = row_of(data)
    assert found["top.current_pA.total"] == pytest.approx(-207.6786, rel=tolerance)
    assert found["layers_resolved"]


@pytest.mark.parametrize(("dimension", "tolerance"), [("1d", 1.5e-3), ("axisymmetric", 2e-4), ("3d", 2e-3)])
def test_potential_of_a_charged_wall(dimension, tolerance):
    """Gouy and Chapman: 2 V_T asinh(sigma / sqrt(8 eps V_T F c)) = -20.4739 mV."""
    data = case_data(dimension, {"base": BATH, "top": {"surface_charge": "-0.02 C/m^2"}}, fixed_charge=None)
    found, _ = row_of(data)
    assert found["top.potential_mV"] == pytest.approx(-20.473869, rel=tolerance)


def test_current_of_a_conical_nanopore():
    """The wall and its meeting with the baths are resolved: +4265 pA."""
    walls = {"base": BATH, "top": {"potential": "1 V", "concentrations": "bulk"}}
    walls["wall"] = {"surface_charge": "-0.08 C/m^2"}
    cone = {"shape": "cone", "length": "500 nm", "base_radius": "40 nm", "top_radius": "3 nm"}
    data = case_data("axisymmetric", walls, cone, None, 100)
    data["electrolyte"] |= {"temperature": "298.15 K", "permittivity": 78.36}
    del data["electrolyte"]["thermal_voltage"]
    found, _ = row_of(data)
    assert found["top.current_pA.total"] == pytest.approx(4265.0, rel=3e-3)


@pytest.mark.parametrize("dimension", ["1d", "axisymmetric"])
def test_potential_of_a_charged_sphere_in_its_cell(dimension):
    """Poisson and Boltzmann about a sphere, by an independent solver: 99.762 mV."""
    data = {
        "geometry": {
            "shape": "shell", "inner_radius": "28 nm", "outer_radius": "220.456532 nm", "dimension": dimension
        },
        "electrolyte": {
            "temperature": "298.15 K", "permittivity": 78.36,
            "species": [ion("P", 1, 0.998659474, 1000), ion("N", -1, 0.998659474, 1000)],
        },
        "boundaries": {"inner": {"surface_charge": "0.014636154 C/m^2"}, "outer": BATH},
        "solver": {"formulation": "log"},
    }  # fmt: skip
    found, _ = row_of(data)
    assert found["inner.potential_mV"] == pytest.approx(99.762, rel=1e-3)
    assert found["layers_resolved"]


def test_layers_on_a_sphere_are_as_thin_as_chosen():
    case = make_case(copy.deepcopy(CHARGED["shell"]))
    mesh = generate(case.geometry, case.mesh, MPI.COMM_SELF)
    assert boundary_layer_heights(mesh, "inner").max() * 1e3 < 0.0801
    assert isinstance(case.geometry, Shell)


def test_an_empty_list_of_planes_asks_for_none():
    line, gel = Cylinder(**NECK, dimension="1d"), salt(50, names="PM", fixed_charge=GEL)
    assert grade_layers(MeshOptions(grade_planes=[]), line, gel).grade_planes == ()
    assert len(grade_layers(MeshOptions(), line, gel).grade_planes) == 2
