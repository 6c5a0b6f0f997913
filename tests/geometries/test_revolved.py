"""Ball, ball with neck or window, shell and pore: measures, tags, quality, sizes, and the law of a ball on a neck."""

import math

import numpy as np
import pytest

from spinepnp.geometries.shapes.ball import Ball, BallWindow
from spinepnp.geometries.shapes.ball_neck import BallNeck
from spinepnp.geometries.shapes.pore import Pore
from spinepnp.geometries.shapes.shell import Shell
from spinepnp.meshes import GradeOptions, MeshOptions, generate
from spinepnp.runtime.stack import MPI, dolfinx
from spinepnp.units import FARADAY
from support.commands import refusal
from support.measures import UnitFlux, measures

SPINE = {"head_radius": "500 nm", "neck_radius": "100 nm", "neck_length": "1 um", "cap_radius": "10 nm"}
RINGS = [
    {"name": "head_top", "theta": ["25 deg", "35 deg"]},
    {"name": "head_bottom", "theta": ["145 deg", "155 deg"]},
    {"name": "neck_top", "z": ["0.9 um", "1 um"]},
    {"name": "neck_base", "z": ["0.05 um", "0.15 um"]},
]
BALL = {"radius": "500 nm", "window_radius": "100 nm", "cap_radius": "30 nm"}
SHAPES = {
    "ball": Ball(radius="500 nm"),
    "shell": Shell(inner_radius="200 nm", outer_radius="500 nm"),
    "spine": BallNeck(**SPINE),
    "spine with rings": BallNeck(**SPINE, rings=RINGS),
    "spine with a fillet": BallNeck(**SPINE, fillet="40 nm"),
    "spine without a cap": BallNeck(head_radius="500 nm", neck_radius="150 nm", neck_length="0.5 um"),
    "window": BallWindow(radius="500 nm", window_radius="150 nm"),
    "window and cap": BallWindow(**BALL),
    "window and tilted cap": BallWindow(**BALL, cap_angle="50 deg"),
    "pore": Pore(radius="50 nm", length="200 nm"),
    "pore with reservoirs": Pore(radius="40 nm", length="100 nm", reservoir_radius="200 nm"),
}


@pytest.fixture(scope="module")
def meshes():
    """Each default mesh is made once."""
    made = {}

    def mesh_of(name):
        if name not in made:
            made[name] = generate(SHAPES[name], MeshOptions(), MPI.COMM_SELF)
        return made[name]

    return mesh_of


@pytest.mark.parametrize("name", SHAPES)
def test_the_default_mesh_has_the_exact_measures_and_names_every_facet_once(name, meshes):
    mesh, shape = meshes(name), SHAPES[name]
    found, exact = measures(mesh), shape.exact_measures()
    assert list(found) == ["volume", *shape.boundaries]
    for key, value in exact.items():
        assert found[key] == pytest.approx(value * (1e18 if key == "volume" else 1e12), rel=1e-4), key
    named = np.sort(np.concatenate(list(mesh.boundary_facets.values())))
    assert np.array_equal(named, np.sort(dolfinx.mesh.exterior_facet_indices(mesh.mesh.topology)))
    assert mesh.min_quality > (0.03 if name.startswith("window") else 0.1)  # nodes move toward the window's rim
    assert mesh.cells < 60_000
    assert 0.5 < shape.estimate_cells(MeshOptions().sizes(shape)) / mesh.cells < 2.0


def test_head_and_neck_of_a_spine_are_a_ball_without_its_cap_and_a_cylinder():
    spine, rounded = SHAPES["spine"], SHAPES["spine with a fillet"]
    found, depth = spine.anatomy(), 0.5 - math.sqrt(0.5**2 - 0.1**2)  # um, of the cap that the neck cuts off
    head = 4.0 / 3.0 * math.pi * 0.5**3 - math.pi * depth**2 * (1.5 - depth) / 3.0
    neck = math.pi * 0.1**2
    assert found == pytest.approx(
        {"head_volume": head * 1e-18, "neck_volume": neck * 1e-18, "neck_length": 1e-6}, rel=1e-12
    )
    added = rounded.exact_measures()["volume"] - spine.exact_measures()["volume"]
    assert rounded.anatomy()["head_volume"] - found["head_volume"] == pytest.approx(added, rel=1e-9)
    assert rounded.anatomy()["neck_volume"] == found["neck_volume"]
    assert SHAPES["pore"].anatomy() == {}


@pytest.mark.parametrize(("z", "part"), [("0.5 um", "neck_volume"), ("1.4 um", "head_volume")])
def test_an_organelle_takes_its_volume_from_the_part_in_which_it_lies(z, part):
    organelle = {"centre": ["0 nm", "0 nm", z], "radius": "50 nm"}
    found, whole = (BallNeck(**SPINE, **more).anatomy() for more in ({"obstacle": organelle}, {}))
    taken = {name: whole[name] - found[name] for name in whole}
    expected = dict.fromkeys(whole, 0.0) | {part: 4.0 / 3.0 * math.pi * 50e-9**3}
    assert taken == pytest.approx(expected, abs=1e-30)


@pytest.mark.parametrize("name", SHAPES)
def test_closed_measures_are_the_integrals_along_the_meridian(name):
    shape = SHAPES[name]
    volume, areas = 0.0, dict.fromkeys(shape.boundaries, 0.0)
    for chain in shape.meridian():
        points = np.concatenate([piece.points(2000) for piece in chain])
        assert np.allclose([p.end for p in chain[:-1]], [p.start for p in chain[1:]], atol=1e-12)  # it is closed
        assert points[0, 0] == points[-1, 0] == 0.0
    for piece in shape.pieces():
        (r0, z0), (r1, z1) = (p.T for p in (piece.points(20000)[:-1], piece.points(20000)[1:]))
        areas[piece.name] += np.sum(np.pi * (r0 + r1) * np.hypot(r1 - r0, z1 - z0))
        volume += np.sum(np.pi / 3.0 * (r0**2 + r0 * r1 + r1**2) * (z1 - z0))
    exact = shape.exact_measures()
    assert volume == pytest.approx(exact.pop("volume") * 1e18, rel=1e-7)
    assert areas == pytest.approx({key: value * 1e12 for key, value in exact.items()}, rel=1e-7)


def test_closed_measures_are_those_of_the_textbook():
    R, r, L, a = 0.5, 0.1, 1.0, 0.01

    def cap(rim):
        """Height of a small cap of the sphere with this rim."""
        return rim**2 / (R + math.sqrt(R**2 - rim**2))

    exact = SHAPES["spine"].exact_measures()
    assert exact["cap"] * 1e12 == pytest.approx(2 * math.pi * R * cap(a), rel=1e-11)
    assert exact["wall"] * 1e12 == pytest.approx(2 * math.pi * (R * (2 * R - cap(r) - cap(a)) + r * L), rel=1e-12)
    head = 4 / 3 * math.pi * R**3 - math.pi * cap(r) ** 2 * (R - cap(r) / 3)
    assert exact["volume"] * 1e18 == pytest.approx(head + math.pi * r**2 * L, rel=1e-12)
    shell = SHAPES["shell"].exact_measures()
    assert shell["volume"] * 1e18 == pytest.approx(4 / 3 * math.pi * (0.5**3 - 0.2**3), rel=1e-12)
    assert shell["inner"] * 1e12 == pytest.approx(4 * math.pi * 0.2**2, rel=1e-12)


def test_a_fillet_adds_volume_and_leaves_the_head_where_it_is():
    sharp, rounded = SHAPES["spine"], SHAPES["spine with a fillet"]
    assert rounded.head_centre == sharp.head_centre == pytest.approx(1e-6 + math.sqrt(0.5**2 - 0.1**2) * 1e-6)
    assert rounded.exact_measures()["volume"] > sharp.exact_measures()["volume"]
    neck, fillet, head = (p for p in rounded.pieces() if p.name == "wall")
    assert neck.end[0] == pytest.approx(0.1)
    # Tangent to both: vertical where the neck ends, and across the radius of the head where the head begins.
    assert fillet.centre[1] == pytest.approx(neck.end[1])
    (x, z), (u, v) = (np.subtract(head.start, c) for c in (head.centre, fillet.centre))
    assert x * v - z * u == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("spine", MeshOptions(size="120 nm", grade={"cap": GradeOptions(size="1 nm")})),
        ("spine", MeshOptions(grade={"base": GradeOptions(size="10 nm", growth=1.2)})),
        ("window and tilted cap", MeshOptions(grade={"cap": GradeOptions(size="3 nm")})),
        ("ball", MeshOptions(size="50 nm")),
    ],
)
def test_grading_and_sizes_are_kept(name, options):
    mesh, shape = generate(SHAPES[name], options, MPI.COMM_SELF), SHAPES[name]
    assert mesh.min_quality > (0.03 if name.startswith("window") else 0.1)  # nodes move toward the window's rim
    assert 0.5 < shape.estimate_cells(options.sizes(shape)) / mesh.cells < 2.0
    found, exact = measures(mesh), shape.exact_measures()
    for boundary, grade in options.grade.items():
        triangles = len(mesh.boundary_facets[boundary])
        edge = math.sqrt(4.0 / math.sqrt(3.0) * found[boundary] / triangles)
        assert edge < 1.2 * grade.size * 1e6
        assert found[boundary] == pytest.approx(exact[boundary] * 1e12, rel=1e-4)


def test_the_law_of_a_ball_on_a_neck():
    """Facts B6 and B8: V = V_T ln(1 + I G / (2 D F C)), with G from an independent spectral code."""
    flux = UnitFlux(SHAPES["spine"], MeshOptions(), degree=1)
    values = flux.at("cap", [[0.0, 0.0, SHAPES["spine"].head_centre * 1e6], [0.0, 0.0, 0.5]])
    voltage = 25.26 * np.log1p(50e-12 * values * 1e6 / (2.0 * 200e-12 * FARADAY * 167.0))
    assert voltage == pytest.approx([6.01425, 2.9408], rel=5e-3)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: BallNeck(**SPINE | {"neck_radius": "500 nm"}), "geometry.neck_radius"),
        (lambda: BallNeck(**SPINE | {"cap_radius": "0.6 um"}), "geometry.cap_radius"),
        (lambda: BallNeck(**SPINE | {"neck_length": "50 nm"}, fillet="1 um"), "geometry.fillet"),
        (lambda: BallNeck(**SPINE, rings=[{"name": "cap", "z": ["0 um", "1 um"]}]), "geometry.rings"),
        (lambda: BallNeck(**SPINE, rings=[{"name": "volume", "z": ["0 um", "1 um"]}]), "geometry.rings"),
        (lambda: BallNeck(**SPINE, rings=[{"name": "a.b", "z": ["0 um", "1 um"]}]), "geometry.rings"),
        (lambda: BallNeck(**SPINE, rings=[RINGS[0], RINGS[0]]), "geometry.rings"),
        (lambda: BallNeck(**SPINE, rings=[{"name": "a"}]), "geometry.rings.a"),
        (lambda: BallNeck(**SPINE, rings=[RINGS[0] | {"z": ["0 um", "1 um"]}]), "geometry.rings.head_top"),
        (lambda: BallNeck(**SPINE, rings=[{"name": "a", "theta": ["35 deg", "25 deg"]}]), "geometry.rings.a.theta"),
        (lambda: BallNeck(**SPINE, rings=[{"name": "a", "theta": ["150 deg", "170 deg"]}]), "geometry.rings.a.theta"),
        (lambda: BallNeck(**SPINE, rings=[{"name": "a", "theta": ["1 deg", "20 deg"]}]), "geometry.rings.a.theta"),
        (lambda: BallNeck(**SPINE, rings=[{"name": "a", "z": ["0.9 um", "1.1 um"]}]), "geometry.rings.a.z"),
        (lambda: BallNeck(**SPINE, rings=[RINGS[2], {"name": "a", "z": ["0.5 um", "0.95 um"]}]), "geometry.rings.a.z"),
        (lambda: BallNeck(**SPINE, rings=[{"name": "a", "theta": ["0 deg", "1 deg"]}]), "geometry.rings.a.theta"),
        (lambda: BallNeck(**SPINE, rings=[RINGS[2], {"name": "a", "z": ["0.5 um", "899.9 nm"]}]), "geometry.rings.a.z"),
        (
            lambda: BallNeck(
                **SPINE | {"cap_radius": "500 nm"},
                rings=[
                    {"name": "neck", "z": ["0 um", "1 um"]},
                    {"name": "head", "theta": ["90 deg", f"{180.0 - math.degrees(math.asin(0.2))!r} deg"]},
                ],
            ),
            "geometry.rings",
        ),
        (lambda: Shell(inner_radius="500 nm", outer_radius="500 nm"), "geometry.inner_radius"),
        (lambda: Pore(radius="50 nm", length="1 um", reservoir_radius="40 nm"), "geometry.reservoir_radius"),
        (lambda: BallWindow(radius="100 nm", window_radius="100 nm"), "geometry.window_radius"),
        (lambda: BallWindow(radius="100 nm", window_radius="10 nm", cap_radius="1 um"), "geometry.cap_radius"),
        (lambda: BallWindow(**BALL, cap_angle="170 deg"), "geometry.cap_angle"),
        (lambda: BallWindow(radius="1 um", window_radius="50 nm", cap_angle="9 deg"), "geometry.cap_angle"),
    ],
)
def test_impossible_parameters_are_refused_before_meshing(make, key):
    assert refusal(lambda: make().check()).key.startswith(key)


def test_rings_may_touch_each_other_the_cap_and_the_ends():
    touching = [
        {"name": "a", "theta": [f"{math.degrees(math.asin(0.02))!r} deg", "30 deg"]},
        {"name": "b", "theta": ["30 deg", "40 deg"]},
        {"name": "c", "z": ["0 um", "0.5 um"]},
        {"name": "d", "z": ["500 nm", "1 um"]},
    ]
    shape = BallNeck(**SPINE, rings=touching)
    shape.check()
    assert [piece.name for piece in shape.pieces()] == ["base", "c", "d", "wall", "b", "a", "cap"]


def test_a_shape_is_read_back_as_it_was_written():
    for shape in SHAPES.values():
        assert type(shape).model_validate(shape.model_dump(mode="json", exclude_none=True)) == shape
