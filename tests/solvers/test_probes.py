"""Values at single points: on the law, the same on any number of ranks, refused outside."""

import math
import tomllib

import numpy as np
import pytest

from spinepnp.case.case import load_case, make_case
from spinepnp.errors import CaseError
from spinepnp.geometries import SHAPES, BallNeck, Cylinder, Hyperboloid, Shell
from spinepnp.meshes import MeshOptions, generate
from spinepnp.runtime.stack import MPI, fem
from spinepnp.solvers import solve_steady
from spinepnp.solvers.fem.probes import Probes
from spinepnp.solvers.problem.columns import flatten, state_of
from spinepnp.units import FARADAY
from spinepnp.validation.reference import table as references
from support import CASES
from support.cases import flow
from support.commands import refusal
from support.ions import SALT


@pytest.mark.parametrize("dimension", ["3d", "axisymmetric", "1d"])
def test_along_a_neck_the_law_holds_at_every_height(comm, dimension):
    shape = Cylinder(length="1 um", radius="50 nm", dimension=dimension)
    heights = {f"at_{i}": (20e-9, -30e-9, i * 100e-9) for i in range(11)}
    solution = solve_steady(generate(shape, MeshOptions(), comm), SALT, flow("top", "base", "50 pA"), probes=heights)
    for name, (_, _, z) in heights.items():
        c = 167.0 + 50e-12 * z / (2.0 * math.pi * 50e-9**2 * 200e-12 * FARADAY)
        assert solution.probes[name].potential == pytest.approx(25.26e-3 * math.log(c / 167.0), rel=6e-4, abs=1e-9)
        assert solution.probes[name].concentration["A"] == pytest.approx(c, rel=6e-4)


@pytest.mark.parametrize(("order", "degree"), [(1, 1), (2, 1), (2, 2)])
def test_a_linear_field_is_exact_everywhere_up_to_the_wall(comm, order, degree):
    """Points near a curved wall lie in curved cells, beyond the straight ones of the same vertices."""
    shape = Hyperboloid(a="50 nm", c="100 nm", half_length="200 nm")
    mesh = generate(shape, MeshOptions(order=order, element_degree=degree), comm)
    generator, points = np.random.default_rng(3), {}
    for i in range(40):
        z, angle = generator.uniform(-0.2, 0.2), generator.uniform(0.0, 2.0 * math.pi)
        fraction = generator.uniform(0.9, 1.0 if order == 2 else 0.97) ** 0.5
        r = fraction * 0.05 * math.hypot(1.0, z / 0.1)
        points[f"p{i}"] = (r * math.cos(angle) * 1e-6, r * math.sin(angle) * 1e-6, z * 1e-6)
    space = fem.functionspace(mesh.mesh, ("Lagrange", degree))
    x = space.tabulate_dof_coordinates()
    found = Probes(points, mesh, space).values(x @ np.array([[1.0], [-2.0], [3.0]]))
    for name, (a, b, c) in points.items():
        exact = (a - 2.0 * b + 3.0 * c) * 1e6
        # Linear elements on curved cells hold linear fields up to the bend of a cell.
        assert found[name][0] == pytest.approx(exact, abs=1e-12 if order == 1 or degree == 2 else 5e-3)


@pytest.mark.mpi
def test_probes_do_not_depend_on_the_ranks(comm):
    spine = BallNeck(head_radius="500 nm", neck_radius="100 nm", neck_length="1 um", cap_radius="10 nm")
    points = {"centre": (0.0, 0.0, 1.49e-6), "neck": (0.05e-6, 0.0, 0.5e-6), "corner": (0.1e-6, 0.0, 0.0)}
    found = [
        solve_steady(generate(spine, MeshOptions(), c), SALT, flow("cap", "base", "50 pA"), probes=points)
        for c in (comm, MPI.COMM_SELF)
    ]
    for name in points:
        together, alone = (solution.probes[name] for solution in found)
        assert together.potential == pytest.approx(alone.potential, rel=1e-9, abs=1e-15)
        assert together.concentration == pytest.approx(alone.concentration, rel=1e-9)
    G = next(row["centre"] for row in references.rows("spine") if row["radius"] == 100)
    volts = 25.26e-3 * math.log1p(50e-12 * G * 1e6 / (2.0 * 200e-12 * FARADAY * 167.0))
    assert found[0].probes["centre"].potential == pytest.approx(volts, rel=3e-3)


def test_a_radius_is_measured_from_the_centre(comm):
    shell = Shell(inner_radius="100 nm", outer_radius="500 nm", dimension="1d")
    mesh = generate(shell, MeshOptions(), comm)
    space = fem.functionspace(mesh.mesh, ("Lagrange", 1))
    probe = Probes({"p": (0.0, 0.12e-6, -0.16e-6)}, mesh, space)
    assert probe.values(space.tabulate_dof_coordinates()[:, :1])["p"][0] == pytest.approx(0.2)


@pytest.mark.mpi
def test_a_probe_outside_is_refused_on_every_rank(comm):
    mesh = generate(Cylinder(length="1 um", radius="100 nm"), MeshOptions(), comm)
    space = fem.functionspace(mesh.mesh, ("Lagrange", 1))
    for place in ((0.0, 0.0, 1.1e-6), (0.11e-6, 0.0, 0.5e-6), (1.0, 0.0, 0.0)):
        with pytest.raises(CaseError, match=r"probes.p = .*: lies outside of the domain"):
            Probes({"p": place}, mesh, space)


def test_names_of_results(comm):
    case = load_case(CASES / "cylinder_iv.toml", ['probes.middle=["0 nm", "0 nm", "500 nm"]', "mesh={}"])
    shape = case.geometry
    solution = solve_steady(generate(shape, case.mesh, comm), case.electrolyte, case.boundaries, probes=case.probes)
    row = flatten(state_of(solution, None))
    assert row["middle.potential_mV"] == solution.probes["middle"].potential * 1e3
    assert row["middle.concentration_mM.C"] == solution.probes["middle"].concentration["C"]
    for name, message in (("top", "is taken"), ("volume", "is taken"), ("a-b.c", "must be")):
        with pytest.raises(CaseError, match=message):
            load_case(CASES / "cylinder_iv.toml", [f'probes={{"{name}"=["0 nm", "0 nm", "500 nm"]}}'])


# --- places of a shape


@pytest.mark.parametrize("length", [0.5, 1.0, 2.0])
def test_a_probe_at_a_place_follows_the_lengths_of_the_shape(length):
    changed = [f'geometry.neck_length="{length} um"', 'geometry.neck_radius="60 nm"']
    case = load_case(CASES / "spine_synapse.toml", changed)
    heights = {name: case.geometry.position(point, name)[2] * 1e6 for name, point in case.probes.items()}
    assert heights == pytest.approx({"head": length + math.sqrt(0.3**2 - 0.06**2), "neck": length / 2.0}, rel=1e-12)


def test_a_sweep_of_a_length_moves_its_probes():
    data = load_case(CASES / "spine_head_is_a_point.toml").to_dict()
    data["study"] |= {"vary": "geometry.neck_length", "values": ["0.5 um", "2 um"]}
    points = make_case(data).points()
    centres = [point.geometry.position(point.probes["head"], "head")[2] for point in points]
    assert centres[1] - centres[0] == pytest.approx(1.5e-6, rel=1e-12)


def test_a_place_is_the_point_with_its_coordinates(comm):
    mesh = generate(Cylinder(length="1 um", radius="50 nm", dimension="1d"), MeshOptions(), comm)
    points = {"place": "middle", "point": (0.0, 0.0, 0.5e-6), "quarter": (0.0, 0.0, 0.25e-6)}
    probes = solve_steady(mesh, SALT, flow("top", "base", "50 pA"), probes=points).probes
    assert probes["place"] == probes["point"]
    assert probes["place"].potential != probes["quarter"].potential


def test_probes_of_all_spines_follow_them():
    for path in CASES.glob("*.toml"):
        table = tomllib.loads(path.read_text())
        for name, point in table.get("probes", {}).items():
            if table["geometry"]["shape"] == "ball_neck" and name in ("head", "neck"):
                assert point == name, path


def test_places_of_shapes_lie_on_their_axis():
    sizes = {
        "cone": {"length": "1 um", "base_radius": "60 nm", "top_radius": "80 nm"},
        "hyperboloid": {"a": "50 nm", "c": "100 nm", "half_length": "500 nm"},
        "pore": {"radius": "5 nm", "length": "20 nm", "reservoir_radius": "40 nm"},
        "ball": {"radius": "500 nm"},
        "shell": {"inner_radius": "200 nm", "outer_radius": "500 nm"},
    }
    found = {name: SHAPES[name].model_validate(keys).places() for name, keys in sizes.items()}
    assert found == {
        "cone": {"middle": pytest.approx(0.5e-6)}, "hyperboloid": {"middle": 0.0}, "pore": {"middle": 10e-9},
        "ball": {"centre": 0.0}, "shell": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "point", "problem"),
    [
        (
            "spine_synapse",
            "hed",
            'probes.a = "hed": a ball_neck has no such place; did you mean "head"? known: head, neck',
        ),
        ("shell_steady", "centre", 'probes.a = "centre": a shell has no such place; give ["0 nm"'),
        ("spine_synapse", ["0 nm", "0 nm"], "probes.a.2: is missing"),
        ("spine_synapse", 3, "probes.a = 3: must be a list"),
    ],
)
def test_a_place_that_is_none_is_refused(name, point, problem):
    data = load_case(CASES / f"{name}.toml").to_dict()
    assert str(refusal(make_case, data | {"probes": {"a": point}})).startswith(problem)
