"""Geometry and mesh of the cylinder: measures, tags, grading, the same mesh on any number of ranks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinepnp.errors import CaseError, MissingStackError, SolveError
from spinepnp.geometries import Cylinder, Grading, Sizes
from spinepnp.meshes import GradeOptions, MeshOptions, boundary_layer_heights, generate
from spinepnp.runtime.stack import MPI, dolfinx
from spinepnp.solvers.problem.field_files import gather_mesh
from support.measures import measures

NECK = Cylinder(length="1 um", radius="100 nm")


@pytest.mark.mpi
@pytest.mark.parametrize("radius", ["50 nm", "75 nm", "100 nm", "400 nm"])
def test_volume_and_areas_of_the_default_mesh(comm, radius):
    cylinder = Cylinder(length="1 um", radius=radius)
    found = measures(generate(cylinder, MeshOptions(), comm))
    exact = cylinder.exact_measures()
    scale = {name: 1e18 if name == "volume" else 1e12 for name in exact}
    assert set(found) == {"volume", "base", "top", "wall"}
    for name, value in exact.items():
        assert found[name] == pytest.approx(value * scale[name], rel=1e-4), name


def test_straight_cells_lose_area_and_curved_ones_do_not(comm):
    exact = NECK.exact_measures()["base"] * 1e12
    loss = {order: 1.0 - measures(generate(NECK, MeshOptions(order=order), comm))["base"] / exact for order in (1, 2)}
    assert loss[1] > 5e-3
    assert abs(loss[2]) < 1e-4


def test_the_area_of_curved_cells_converges_with_the_fourth_power(comm):
    exact = NECK.exact_measures()["base"] * 1e12
    found = [measures(generate(NECK, MeshOptions(size=f"{h} nm"), comm))["base"] for h in (50.0, 25.0, 12.5)]
    errors = np.abs(np.array(found) / exact - 1.0)
    assert 0.5 * np.log2(errors[0] / errors[2]) == pytest.approx(4.0, abs=0.3)


@pytest.mark.mpi
def test_every_facet_of_the_surface_has_exactly_one_name(comm):
    mesh = generate(NECK, MeshOptions(), comm)
    topology = mesh.mesh.topology
    owned = topology.index_map(2).size_local
    named = np.sort(np.concatenate([f[f < owned] for f in mesh.boundary_facets.values()]))
    assert np.array_equal(named, np.sort(dolfinx.mesh.exterior_facet_indices(topology)))


@pytest.mark.mpi
def test_the_mesh_is_the_same_on_any_number_of_ranks(comm):
    options = MeshOptions(grade={"top": GradeOptions(size="0.5 nm")})
    together, alone = generate(NECK, options, comm), generate(NECK, options, MPI.COMM_SELF)
    assert (together.cells, together.vertices) == (alone.cells, alone.vertices)
    if comm.rank == 0:
        assert together.min_quality == alone.min_quality
    grids = gather_mesh(together), gather_mesh(alone)
    if comm.rank == 0:
        assert np.array_equal(grids[0].cell_connectivity, grids[1].cell_connectivity)
        assert np.allclose(grids[0].points, grids[1].points, rtol=0.0, atol=1e-13)


@pytest.mark.mpi
def test_grading_sets_the_height_of_the_first_layer(comm):
    mesh = generate(NECK, MeshOptions(grade={"top": GradeOptions(size="0.2 nm", growth=1.4)}), comm)
    top, base = (boundary_layer_heights(mesh, name) for name in ("top", "base"))
    assert 0.5e-4 < comm.allreduce(top.max(initial=0.0), op=MPI.MAX) < 2.03e-4  # of curved cells
    assert comm.allreduce(base.min(initial=1.0), op=MPI.MIN) > 1e-2


@settings(max_examples=200)
@given(
    length=st.floats(min_value=0.01, max_value=100.0),
    fraction=st.floats(min_value=0.02, max_value=2.0),
    first=st.floats(min_value=1e-4, max_value=1.0),
    growth=st.floats(min_value=1.05, max_value=3.0),
    ends=st.sampled_from([(), ("a",), ("b",), ("a", "b")]),
)
def test_layers_fill_the_length_and_grow_no_faster_than_asked(length, fraction, first, growth, ends):
    size = fraction * length
    sizes = Sizes(size, {end: Grading(first * size, growth) for end in ends})
    heights = sizes.layers(length, "a", "b")
    assert heights.min() > 0.0
    assert heights.sum() == pytest.approx(length, rel=1e-12)
    assert heights.max() <= size * (1.0 + 1e-3)
    if "a" in ends and first * size < length:
        assert heights[0] <= first * size * 1.01
    ratios = np.maximum(heights[1:] / heights[:-1], heights[:-1] / heights[1:])
    assert ratios.max(initial=1.0) <= growth * 1.01


def test_estimated_cells_are_right_within_a_factor_of_two(comm):
    for options in (MeshOptions(), MeshOptions(size="40 nm"), MeshOptions(grade={"top": GradeOptions(size="0.2 nm")})):
        estimate = NECK.estimate_cells(options.sizes(NECK))
        assert 0.5 < estimate / generate(NECK, options, comm).cells < 2.0


@pytest.mark.mpi
def test_a_mesh_beyond_the_memory_is_refused_before_meshing(comm):
    with pytest.raises(
        CaseError, match=r"mesh.size = \"0.01 nm\": about .* cells need .* GB, .* are free; make it larger"
    ):
        generate(NECK, MeshOptions(size="0.01 nm"), comm)


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("raised", "error", "message"),
    [
        ("no such surface", SolveError, "Gmsh could not mesh the cylinder: no such surface"),
        # What Debian's Gmsh raises.
        ("Netgen optimizer is not compiled in this version of Gmsh", MissingStackError,
         r"lacks a part that is needed .Netgen.*pip install"),
    ],
    ids=["surface", "Netgen"],
)  # fmt: skip
def test_an_error_of_gmsh_reaches_every_rank(comm, monkeypatch, raised, error, message):
    def fail(self, gmsh, sizes):
        raise Exception(raised)  # as Gmsh itself does

    monkeypatch.setenv("SPINEPNP_MESH_CACHE", "off")
    monkeypatch.setattr(Cylinder, "linear_mesh", fail)
    with pytest.raises(error, match=message):
        generate(NECK, MeshOptions(), comm)
