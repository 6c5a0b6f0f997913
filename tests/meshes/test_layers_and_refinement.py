"""Refinement series, thin layers on walls, obstacles, and meshes of fewer dimensions."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinepnp.errors import CaseError, SolveError
from spinepnp.geometries import Ball, BallNeck, BallWindow, Cone, Cylinder, Hyperboloid, Pore, Shell, Tube
from spinepnp.geometries.linear_mesh import LinearMesh, add_wall_layers, grid_mesh
from spinepnp.geometries.wall_layers import WallLayers
from spinepnp.meshes import GradeOptions, MeshOptions, boundary_layer_heights, generate
from spinepnp.meshes.quality import check_quality
from spinepnp.meshes.simplices import shape_quality
from spinepnp.meshes.tagged_mesh import determinant_signs
from spinepnp.runtime.stack import MPI, cell_nodes, dolfinx
from spinepnp.solvers.problem.field_files import gather_mesh
from support.commands import refusal
from support.measures import errors

SPINE = {"head_radius": "500 nm", "neck_radius": "100 nm", "neck_length": "1 um", "cap_radius": "10 nm"}
NECK = {"length": "1 um", "radius": "100 nm"}
WINDOW = {"radius": "500 nm", "window_radius": "100 nm", "cap_radius": "30 nm"}


def graded(refine=0, **sizes):
    return MeshOptions(refine=refine, grade={name: GradeOptions(size=size) for name, size in sizes.items()})


def test_refinements_of_the_curved_ball_converge_at_fourth_order(comm):
    """Second-order cells through points of the sphere: fourth order in volume and area; straight ones: second."""
    for order, expected in ((2, 4.0), (1, 2.0)):
        ball, size = Ball(radius="500 nm"), "120 nm"
        series = [errors(generate(ball, MeshOptions(size=size, order=order, refine=r), comm)) for r in range(3)]
        for name in ("volume", "wall"):
            rates = [np.log2(a[name] / b[name]) for a, b in itertools.pairwise(series)]
            assert rates == pytest.approx([expected] * 2, abs=0.1), (order, name)


@pytest.mark.parametrize(
    "shape",
    [
        BallNeck(**SPINE),
        BallNeck(**SPINE, fillet="40 nm"),
        BallWindow(**WINDOW, cap_angle="50 deg"),
        Pore(radius="40 nm", length="100 nm", reservoir_radius="200 nm"),
        Cone(length="300 nm", base_radius="100 nm", top_radius="50 nm"),
        Hyperboloid(a="25 nm", b="50 nm", c="50 nm", half_length="200 nm", ends="confocal"),
        BallNeck(**SPINE, dimension="axisymmetric"),
        Shell(inner_radius="200 nm", outer_radius="500 nm", dimension="axisymmetric"),
    ],
    ids=lambda shape: f"{shape.shape} {shape.dimension}",
)
def test_refined_cells_are_curved_onto_every_part_of_the_surface(shape):
    coarse, fine = (generate(shape, MeshOptions(refine=r), MPI.COMM_SELF) for r in (0, 1))
    assert fine.cells == coarse.cells * 2**fine.mesh.topology.dim
    before, after = errors(coarse), errors(fine)
    for name, error in before.items():
        assert abs(after[name]) < max(abs(error) / 8.0, 1e-10), name
    thinner = 0.2 if shape.shape == "ball_window" else 0.5  # cells of a finer mesh are thinner at the window's rim
    assert fine.min_quality > thinner * coarse.min_quality
    named = np.sort(np.concatenate(list(fine.boundary_facets.values())))
    assert (
        len(np.unique(named))
        == len(named)
        == 2 ** (fine.mesh.topology.dim - 1) * sum(len(f) for f in coarse.boundary_facets.values())
    )


@pytest.mark.parametrize(
    ("shape", "ends"),
    [
        (Ball(radius="500 nm", dimension="1d"), {"wall": 0.5}),
        (Shell(inner_radius="100 nm", outer_radius="500 nm", dimension="1d"), {"inner": 0.1, "outer": 0.5}),
        (Cylinder(**NECK, dimension="1d"), {"base": 0.0, "top": 1.0}),
    ],
    ids=lambda value: getattr(value, "shape", ""),
)
def test_a_refined_line_keeps_its_ends(shape, ends):
    mesh = generate(shape, MeshOptions(size="100 nm", refine=2), MPI.COMM_SELF)
    for name, x in ends.items():
        place = dolfinx.mesh.compute_midpoints(mesh.mesh, 0, mesh.boundary_facets[name].astype(np.int32))
        assert place[:, 0] == pytest.approx([x])


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        (BallNeck(**SPINE, fillet="40 nm"), graded(1)),
        (Ball(radius="500 nm"), graded(1, wall="20 nm")),
        (Cylinder(**NECK), graded(0, wall="1 nm", top="0.5 nm")),
        (BallNeck(**SPINE, dimension="axisymmetric"), graded(1)),
        (Cylinder(**NECK, dimension="1d"), graded(2)),
    ],
    ids=["refined", "refined layers", "layers", "meridian", "line"],
)
def test_the_mesh_is_the_same_on_any_number_of_ranks(comm, shape, options):
    together, alone = (generate(shape, options, c) for c in (comm, MPI.COMM_SELF))
    assert (together.cells, together.vertices) == (alone.cells, alone.vertices)
    assert together.min_quality == pytest.approx(alone.min_quality, rel=1e-9)
    assert errors(together) == pytest.approx(errors(alone), rel=1e-5, abs=1e-13)
    grids = gather_mesh(together), gather_mesh(alone)
    if comm.rank == 0:
        assert np.array_equal(grids[0].cell_connectivity, grids[1].cell_connectivity)
        assert np.allclose(grids[0].points, grids[1].points, rtol=0.0, atol=1e-13)


LAYERED = {
    "ball": (Ball(radius="500 nm"), {"wall": 0.3}),
    "shell": (Shell(inner_radius="200 nm", outer_radius="500 nm"), {"inner": 0.3, "outer": 1.0}),
    "window": (BallWindow(**WINDOW, cap_angle="50 deg"), {"wall": 1.0}),
    "cylinder": (Cylinder(**NECK), {"wall": 0.3, "top": 0.1}),
    "tube": (Tube(length="1 um", profile="60 nm + 30 nm*cos(2*pi*z/(500 nm))"), {"wall": 1.0}),
    "elliptic": (Hyperboloid(a="25 nm", b="50 nm", c="50 nm", half_length="200 nm"), {"wall": 1.0}),
    "ball meridian": (Ball(radius="500 nm", dimension="axisymmetric"), {"wall": 0.3}),
    "cylinder meridian": (Cylinder(**NECK, dimension="axisymmetric"), {"wall": 0.3, "base": 0.1}),
    "ball radius": (Ball(radius="500 nm", dimension="1d"), {"wall": 0.3}),
    "neck line": (Cylinder(**NECK, dimension="1d"), {"top": 0.1}),
}


@pytest.mark.parametrize("name", LAYERED)
def test_thin_layers_are_as_thin_as_asked_and_nowhere_inverted(name):
    shape, sizes = LAYERED[name]
    options = graded(**{wall: f"{size} nm" for wall, size in sizes.items()})
    mesh = generate(shape, options, MPI.COMM_SELF)
    for wall, size in sizes.items():
        heights = boundary_layer_heights(mesh, wall) * 1e3
        assert heights.max() < 1.05 * size, wall
        assert heights.max() > 0.6 * size  # in a throat they shrink with the cross-section
    # (inverted cells are refused by generate itself)
    assert max(abs(error) for error in errors(mesh).values()) < 1e-4
    assert 0.5 < options.cells(shape) / mesh.cells < 2.0


def test_refinement_halves_thin_layers():
    options = MeshOptions(size="100 nm", refine=1, grade={"wall": GradeOptions(size="0.3 nm", growth=2.0)})
    mesh = generate(Ball(radius="500 nm"), options, MPI.COMM_SELF)
    heights = boundary_layer_heights(mesh, "wall") * 1e3
    assert 0.14 < heights.min() <= heights.max() < 0.16


def test_cells_outside_the_layers_stay_good():
    mesh = generate(Ball(radius="500 nm"), graded(wall="0.3 nm"), MPI.COMM_SELF)
    (cover,) = mesh.geometry.wall_layers(mesh.options.sizes(mesh.geometry))
    x = mesh.mesh.geometry.x[cell_nodes(mesh.mesh)[:, :4]]
    core = np.linalg.norm(x, axis=2).max(axis=1) < cover.core_radius + 1e-6
    assert shape_quality(x[core]).min() > 0.1
    assert 1000 < core.sum() < mesh.cells


@given(st.integers(2, 6), st.integers(2, 6), st.lists(st.floats(1e-3, 0.1), min_size=1, max_size=4))
def test_covering_a_rectangle_keeps_it_conforming(n, m, heights):
    """Every edge belongs to two triangles, or to one and the boundary; the area is that of the larger rectangle."""
    core = grid_mesh(np.linspace(0.0, 1.0, n), np.linspace(0.0, 2.0, m))
    cover = WallLayers(("wall",), "wall", 1.0 + sum(heights), np.array(heights))

    class Sideways(WallLayers):
        def outward(self, x, distance):
            return x + np.array([distance, 0.0])

    whole = add_wall_layers(core, [Sideways(cover.names, cover.graded, cover.radius, cover.heights)])
    x = whole.points[whole.cells]
    u, v = x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]
    assert 0.5 * np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum() == pytest.approx(2.0 * (1.0 + sum(heights)))
    edges = np.sort(np.concatenate([whole.cells[:, [0, 1]], whole.cells[:, [1, 2]], whole.cells[:, [0, 2]]]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    outside = {tuple(e) for e in unique[count == 1]}
    axis = {e for e in outside if np.all(whole.points[list(e), 0] == 0.0)}
    assert {tuple(np.sort(f)) for f in whole.facets} == outside - axis
    assert set(count) <= {1, 2}
    lengths = {
        name: np.linalg.norm(np.diff(whole.points[whole.facets[whole.values == i]], axis=1), axis=2).sum()
        for i, name in enumerate(whole.names)
    }
    assert lengths == pytest.approx({"base": 1.0 + sum(heights), "top": 1.0 + sum(heights), "wall": 2.0})
    assert isinstance(whole, LinearMesh)


OBSTACLES = {
    "in a neck": Cylinder(**NECK, obstacle={"centre": ["20 nm", "0 nm", "500 nm"], "radius": "40 nm"}),
    "in a cone": Cone(
        length="1 um", base_radius="100 nm", top_radius="50 nm",
        obstacle={"centre": ["0 nm", "0 nm", "500 nm"], "radius": "40 nm"},
    ),
    "in a spine's neck": BallNeck(**SPINE, obstacle={"centre": ["0 nm", "20 nm", "500 nm"], "radius": "40 nm"}),
    "in a head": BallNeck(**SPINE, obstacle={"centre": ["200 nm", "100 nm", "1500 nm"], "radius": "150 nm"}),
    "in a ball": Ball(radius="500 nm", obstacle={"centre": ["200 nm", "100 nm", "150 nm"], "radius": "150 nm"}),
    "in a window's ball": BallWindow(
        **WINDOW, cap_angle="50 deg", obstacle={"centre": ["100 nm", "0 nm", "0 nm"], "radius": "150 nm"}
    ),
    "in a reservoir": Pore(
        radius="40 nm", length="100 nm", reservoir_radius="200 nm",
        obstacle={"centre": ["0 nm", "0 nm", "220 nm"], "radius": "40 nm"},
    ),
    "on the axis": BallNeck(
        **SPINE, dimension="axisymmetric", obstacle={"centre": ["0 nm", "0 nm", "500 nm"], "radius": "60 nm"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OBSTACLES)
def test_an_obstacle_is_cut_out_and_has_its_own_surface(name):
    shape = OBSTACLES[name]
    shape.check()
    mesh = generate(shape, MeshOptions(), MPI.COMM_SELF)
    assert mesh.geometry.boundaries[-1] == "obstacle"
    assert max(abs(error) for error in errors(mesh).values()) < 1e-4
    assert mesh.min_quality > (0.03 if shape.shape == "ball_window" else 0.1)  # thin cells at the window's rim
    assert 0.5 < mesh.options.cells(shape) / mesh.cells < 2.0
    radius, centre = shape.obstacle.radius * 1e6, np.array(shape.obstacle.centre) * 1e6
    x = mesh.mesh.geometry.x
    if shape.dimension == "axisymmetric":
        centre = centre[[0, 2, 1]]
    assert np.linalg.norm(x - centre, axis=1).min() == pytest.approx(radius, rel=1e-9)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda o: Cylinder(**NECK, obstacle=o | {"radius": "90 nm"}), "geometry.obstacle"),
        (lambda o: Cylinder(**NECK, obstacle=o | {"centre": ["0 nm", "0 nm", "2 um"]}), "geometry.obstacle"),
        (lambda o: Cylinder(**NECK, obstacle=o | {"centre": ["300 nm", "0 nm", "500 nm"]}), "geometry.obstacle"),
        (lambda o: Cylinder(**NECK, obstacle=o | {"radius": "79.9 nm"}), "geometry.obstacle"),
        (lambda o: Cylinder(**NECK, dimension="1d", obstacle=o), "geometry.obstacle"),
        (lambda o: Cylinder(**NECK, dimension="axisymmetric", obstacle=o), "geometry.obstacle.centre"),
        (lambda o: BallNeck(**SPINE, obstacle=o | {"centre": ["0 nm", "90 nm", "990 nm"]}), "geometry.obstacle"),
        (lambda o: Shell(inner_radius="200 nm", outer_radius="500 nm", obstacle=o), "geometry.obstacle"),
        (lambda o: BallNeck(**SPINE, dimension="1d"), "geometry.dimension"),
        (lambda o: BallWindow(**WINDOW, dimension="1d"), "geometry.dimension"),
        (lambda o: BallWindow(**WINDOW, cap_angle="20 deg", dimension="axisymmetric"), "geometry.cap_angle"),
        (lambda o: Pore(radius="4 nm", length="9 nm", reservoir_radius="20 nm", dimension="1d"),
         "geometry.reservoir_radius"),
        (lambda o: Hyperboloid(a="25 nm", b="50 nm", c="50 nm", half_length="1 um", dimension="axisymmetric"),
         "geometry.dimension"),
        (lambda o: Hyperboloid(a="25 nm", c="50 nm", half_length="1 um", dimension="1d", ends="confocal"),
         "geometry.ends"),
    ],
)  # fmt: skip
def test_impossible_obstacles_and_dimensions(make, key):
    assert refusal(lambda: make({"centre": ["20 nm", "0 nm", "500 nm"], "radius": "40 nm"}).check()).key == key


@pytest.mark.parametrize("dimension", ["axisymmetric", "1d"])
@pytest.mark.parametrize(
    "shape",
    [
        Cylinder(**NECK),
        Cone(length="1 um", base_radius="100 nm", top_radius="50 nm"),
        Tube(length="1 um", profile="60 nm + 30 nm*cos(2*pi*z/(500 nm))"),
        Hyperboloid(a="50 nm", c="100 nm", half_length="500 nm"),
        BallNeck(**SPINE),
        Ball(radius="500 nm"),
        BallWindow(**WINDOW),
        Shell(inner_radius="200 nm", outer_radius="500 nm"),
        Pore(radius="50 nm", length="200 nm"),
        Pore(radius="40 nm", length="100 nm", reservoir_radius="200 nm"),
    ],
    ids=lambda shape: shape.shape,
)
def test_meridians_and_lines_stand_for_the_whole_body(shape, dimension):
    if dimension not in type(shape).dimensions or (dimension == "1d" and getattr(shape, "reservoir_radius", 0.0)):
        pytest.skip("has no such form")
    flat = shape.model_copy(update={"dimension": dimension})
    flat.check()
    mesh = generate(flat, MeshOptions(size=f"{shape.default_size() / 4.0!r} m"), MPI.COMM_SELF)
    whole = shape.exact_measures()
    assert flat.exact_measures() == pytest.approx({n: whole[n] for n in ("volume", *flat.boundaries)})
    assert max(abs(error) for error in errors(mesh).values()) < 2e-7
    assert mesh.min_quality > 0.1
    assert 0.5 < mesh.options.cells(flat) / mesh.cells < 2.0
    # What has no name is the axis, or the centre.
    facets = dolfinx.mesh.exterior_facet_indices(mesh.mesh.topology)
    free = np.setdiff1d(facets, np.concatenate(list(mesh.boundary_facets.values())))
    middle = dolfinx.mesh.compute_midpoints(mesh.mesh, mesh.mesh.topology.dim - 1, free)
    assert np.abs(middle[:, 0]).max(initial=0.0) < 1e-12


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        (Shell(inner_radius="480 nm", outer_radius="500 nm"), graded(inner="15 nm")),
        (Ball(radius="500 nm"), MeshOptions(size="600 nm", grade={"wall": GradeOptions(size="550 nm")})),
        (Ball(radius="500 nm", obstacle={"centre": ["0 nm"] * 3, "radius": "450 nm"}), graded(wall="60 nm")),
        (Cylinder(**NECK), MeshOptions(size="150 nm", grade={"wall": GradeOptions(size="120 nm")})),
    ],
)
def test_a_layer_thicker_than_the_room_is_refused(comm, shape, options):
    with pytest.raises(CaseError, match=r"mesh.grade.\w+.size = .* nm\": is thicker than the .* nm of room"):
        generate(shape, options.model_copy(update={"size": options.size or 1e-7}), comm)


def test_a_cap_can_be_finer_than_the_layers_around_it():
    coarse, fine = (
        generate(BallWindow(**WINDOW), graded(wall="20 nm", **cap), MPI.COMM_SELF) for cap in ({}, {"cap": "2 nm"})
    )
    assert len(fine.boundary_facets["cap"]) > 5 * len(coarse.boundary_facets["cap"])


def test_a_cell_that_is_turned_inside_out_is_refused(comm):
    mesh = generate(Ball(radius="500 nm"), MeshOptions(), comm)
    signs = determinant_signs(mesh.mesh)
    assert check_quality(mesh.mesh, signs) == pytest.approx(mesh.min_quality)
    if comm.rank == 0:
        signs[7] *= -1.0
    with pytest.raises(SolveError, match="inverted cell"):
        check_quality(mesh.mesh, signs)
