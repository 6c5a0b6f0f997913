"""A body and its image under x <-> y, or turned, are the same physics: shapes without that symmetry."""

import meshio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinepnp.geometries import Ball, BallNeck, BallWindow, Cone, Cylinder, Hyperboloid, ImportedSurface, Pore
from spinepnp.geometries.surface_reader import read_triangulation
from spinepnp.meshes import GradeOptions, MeshOptions, boundary_layer_heights, generate
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.problem.prediction import ElectroneutralPrediction, discretise
from spinepnp.validation.laws import HyperboloidLaw
from support.cases import SPINE_FILE, flow
from support.ions import SALT
from support.measures import errors


def electroneutral(mesh, base="base", top="top"):
    """Potential of an injector that is fed 1 pA, by one Laplace equation, in V."""
    problem_data = ProblemData(SALT, flow(top, base, "1 pA"))
    discretisation = discretise(mesh, problem_data)
    prediction = ElectroneutralPrediction(discretisation, problem_data)
    try:
        return prediction.potentials(problem_data, prediction.predict(problem_data))[top]
    finally:
        prediction.destroy()
        discretisation.destroy()


def throat(a, b, **keys):
    return Hyperboloid(**({"a": f"{a} nm", "b": f"{b} nm", "c": "100 nm", "half_length": "200 nm"} | keys))


@pytest.mark.parametrize(
    ("axes", "keys", "options"),
    [
        ((80, 40), {}, {"size": "60 nm"}),
        ((80, 40), {}, {"size": "60 nm", "order": 1}),
        ((60, 40), {"ends": "confocal"}, {"size": "60 nm"}),
        ((80, 40), {}, {"size": "60 nm", "grade": {"wall": GradeOptions(size="2 nm", growth=2.0)}}),
    ],
    ids=["curved", "straight", "confocal", "graded"],
)
def test_a_throat_and_its_image_have_one_resistance(comm, axes, keys, options):
    """Half axes swapped: measures, thickness of the layers, and the potential."""
    wide, tall = (generate(throat(*order, **keys), MeshOptions(**options), comm) for order in (axes[::-1], axes))
    assert tall.cells == wide.cells
    if options.get("order") != 1:
        assert max(abs(error) for error in errors(tall).values()) < 2e-3
    assert errors(tall) == pytest.approx(errors(wide), abs=1e-9)
    thickness = [boundary_layer_heights(mesh, "wall").max(initial=0.0) for mesh in (wide, tall)]
    assert thickness[1] == pytest.approx(thickness[0], rel=1e-6)
    if "grade" in options:
        assert thickness[1] < 2.02e-3
    assert electroneutral(tall) == pytest.approx(electroneutral(wide), rel=1e-9)


@given(st.floats(0.05, 20.0), st.floats(0.3, 10.0), st.sampled_from(["flat", "confocal"]))
@settings(max_examples=10)
def test_measures_estimates_and_laws_of_throats_and_their_images(ratio, opening, ends):
    pair = [
        throat(*order, c=f"{opening * 50.0} nm", ends=ends) for order in ((50.0, 50.0 * ratio), (50.0 * ratio, 50.0))
    ]
    one, other = pair
    assert one.exact_measures() == pytest.approx(other.exact_measures(), rel=1e-9)
    assert one.default_size() == pytest.approx(other.default_size(), rel=1e-12)
    graded = MeshOptions(grade={"wall": GradeOptions(size="0.5 nm")})
    assert graded.cells(one) == pytest.approx(graded.cells(other), rel=1e-9)
    laws = [HyperboloidLaw(shape.a, shape.b, shape.c, shape.half_length) for shape in pair]
    assert laws[0].G() == pytest.approx(laws[1].G(), rel=1e-9)
    assert laws[0].bounds_flat() == pytest.approx(laws[1].bounds_flat(), rel=1e-9)
    assert laws[0].G_printed() == pytest.approx(laws[1].G_printed(), rel=1e-12)


@pytest.mark.parametrize(
    ("make", "height", "ends"),
    [
        (lambda o: Cylinder(length="400 nm", radius="100 nm", obstacle=o), 200, ("base", "top")),
        (lambda o: Cone(length="400 nm", base_radius="120 nm", top_radius="80 nm", obstacle=o), 200, ("base", "top")),
        (lambda o: Pore(radius="100 nm", length="300 nm", obstacle=o), 150, ("outside", "inside")),
        (
            lambda o: BallWindow(radius="200 nm", window_radius="80 nm", cap_radius="80 nm", obstacle=o),
            0,
            ("window", "cap"),
        ),
        (
            lambda o: BallNeck(
                head_radius="200 nm", neck_radius="80 nm", neck_length="200 nm", cap_radius="80 nm", obstacle=o
            ),
            400,
            ("base", "cap"),
        ),
    ],
    ids=["cylinder", "cone", "pore", "ball_window", "ball_neck"],
)
def test_an_obstacle_off_the_axis_has_one_resistance_wherever_it_stands(comm, make, height, ends):
    potentials = []
    for x, y in ((40, 0), (0, -40)):
        centre = [f"{x} nm", f"{y} nm", f"{height} nm"]
        mesh = generate(make({"centre": centre, "radius": "35 nm"}), MeshOptions(size="100 nm"), comm)
        assert max(abs(error) for error in errors(mesh).values()) < 2e-3
        potentials.append(electroneutral(mesh, *ends))
    assert potentials == pytest.approx([potentials[0]] * len(potentials), rel=4e-3)


def test_an_obstacle_in_a_closed_ball_is_cut_out_wherever_it_stands(comm):
    for x, y in ((40, 0), (0, 40), (-30, 30)):
        ball = Ball(radius="100 nm", obstacle={"centre": [f"{x} nm", f"{y} nm", "10 nm"], "radius": "30 nm"})
        assert max(abs(e) for e in errors(generate(ball, MeshOptions(size="50 nm"), comm)).values()) < 2e-3


#: Right-angled turns and a mirror image; and a turn about a slanted axis.
TURNS = {
    "about z": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "about x": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
    "mirrored": np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "slanted": np.array([[2.0, -1.0, 2.0], [2.0, 2.0, -1.0], [-1.0, 2.0, 2.0]]) / 3.0,
}


def turned_spine(path, turn):
    """The shipped spine turned in space, with its patches, whose coordinates carry the rounding of the turn."""
    spine = read_triangulation(str(SPINE_FILE))
    meshio.ply.write(str(path), meshio.Mesh(spine.points @ turn.T, [("triangle", spine.triangles.astype(np.int32))]))

    def at(*x):
        return [f"{value!r} um" for value in (turn @ np.array(x)).tolist()]

    angle = 2.0 * np.pi / 3.0  # a base point as scripts make it: zero up to rounding
    about = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    base = turn @ np.linalg.matrix_power(about, 3) @ turn.T @ turn @ np.array([0.03, 0.0, 0.0])
    plane = {
        "point": [f"{value!r} um" for value in base.tolist()],
        "normal": (turn @ np.array([0.0, 0.0, 2.0])).tolist(),
    }
    patches = [{"name": "base", "plane": plane}]
    patches.append({"name": "psd", "disc": {"centre": at(0.227, 0.198, 1.192), "radius": "115 nm"}})
    return ImportedSurface(file=str(path), unit="um", patches=patches)


@pytest.mark.parametrize("name", TURNS)
def test_a_turned_surface_has_the_same_patches_and_resistance(comm, tmp_path, name):
    straight, turned = turned_spine(tmp_path / "a.ply", np.eye(3)), turned_spine(tmp_path / "b.ply", TURNS[name])
    turned.check()
    assert turned.exact_measures() == pytest.approx(straight.exact_measures(), rel=1e-6)
    meshes = [generate(shape, MeshOptions(), comm) for shape in (straight, turned)]
    one, other = (electroneutral(mesh, "base", "psd") for mesh in meshes)
    assert other == pytest.approx(one, rel=2e-2)
