"""The same equations on a body, its meridian and its line: laws, tables of G, and what all three have in common."""

import math

import numpy as np
import pytest

from spinepnp.geometries import Cone, Cylinder, Hyperboloid, Shell
from spinepnp.meshes import GradeOptions, MeshOptions, generate
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import SteadyProblem, solve_steady
from spinepnp.units import FARADAY
from spinepnp.validation.reference import table as references
from support.cases import flow, spine
from support.ions import SALT
from support.measures import UnitFlux

RINGS = [
    {"name": "head_top", "theta": ["25 deg", "35 deg"]},
    {"name": "head_bottom", "theta": ["145 deg", "155 deg"]},
    {"name": "neck_top", "z": ["0.9 um", "1 um"]},
    {"name": "neck_base", "z": ["0.05 um", "0.15 um"]},
]


@pytest.mark.parametrize("row", references.rows("cylinder")[::4], ids=lambda r: f"{r['radius']}nm")
@pytest.mark.parametrize("dimension", ["axisymmetric", "1d"])
def test_the_cylinder_of_the_table(comm, row, dimension):
    """Full PNP to 1e-5, and its difference from the law (-2.838 uV at 50 nm, 10 pA) to 2 %."""
    shape = Cylinder(length="1 um", radius=f"{row['radius']} nm", dimension=dimension)
    options = MeshOptions(size="5 nm", grade={"top": GradeOptions(size="0.1 nm", growth=1.2)})
    solution = solve_steady(generate(shape, options, comm), SALT, flow("top", "base", f"{row['current']} pA"))
    voltage = solution.boundary["top"].potential
    assert solution.layers_resolved
    assert voltage * 1e3 == pytest.approx(row["V_full"], rel=1e-5)
    assert (voltage - solution.electroneutral["top"]) * 1e3 == pytest.approx(row["V_full"] - row["V_law"], rel=2e-2)
    assert solution.boundary["base"].current["C"] == pytest.approx(-row["current"] * 1e-12, rel=1e-10)
    assert solution.ion_balance < 1e-10


@pytest.mark.parametrize("row", references.rows("spine"), ids=lambda row: f"neck of {row['radius']} nm")
def test_the_spine_of_the_table(row):
    G = UnitFlux(spine(row["radius"]), MeshOptions(size="20 nm"))
    centre = G.mesh.geometry.head_centre * 1e6
    found = G.at("cap", [(0.0, centre + 0.5 - 1e-9), (0.0, centre), (row["radius"] * 1e-3 - 1e-9, 1.0)])
    assert found[1:] == pytest.approx([row["centre"], row["neck_top"]], rel=5e-4)
    assert found[0] == pytest.approx(row["cap_centre"], rel=5e-3)
    # "The head is a point": what the head adds to its neck.
    neck = 1.0 / (math.pi * (row["radius"] * 1e-3) ** 2)
    assert row["neck_top"] / neck - 1.0 == pytest.approx(found[2] / neck - 1.0, abs=2e-3)


def test_potential_along_a_spine():
    G, profile = UnitFlux(spine(100), MeshOptions(size="20 nm")), references.load("spine")["profile"]
    centre = G.mesh.geometry.head_centre * 1e6
    angles = [math.radians(a) for a, _ in profile["wall"]]
    R = 0.4998  # within the straight cells, by which DOLFINx looks for points; the field is flat across the wall
    wall = [(R * math.sin(a), centre + R * math.cos(a)) for a in angles]
    assert G.at("cap", wall) == pytest.approx([g for _, g in profile["wall"]], rel=1e-3)
    assert G.at("cap", [(0.0, z) for z, _ in profile["axis"]]) == pytest.approx(
        [g for _, g in profile["axis"]], rel=1e-3
    )


def test_the_ring_matrix_of_a_spine():
    table = references.load("spine_rings")
    G = UnitFlux(spine(100, rings=RINGS), MeshOptions(size="15 nm"))
    found = np.array([[G.mean(j, i) for i in table["bands"]] for j in table["bands"]])
    assert found == pytest.approx(found.T, rel=1e-8)
    assert found == pytest.approx(np.array(table["G"]), rel=5e-3)
    assert found[1:, 1:] == pytest.approx(np.array(table["G"])[1:, 1:], rel=1e-3)


@pytest.mark.parametrize("row", references.rows("hyperboloid"), ids=lambda row: f"c {row['c']}, a {row['a']}")
def test_the_hyperboloids_of_the_table(row):
    shape = Hyperboloid(a=f"{row['a']} nm", c=f"{row['c']} nm", half_length="500 nm", dimension="axisymmetric")
    G = UnitFlux(shape, MeshOptions())
    rim = shape.a * math.sqrt(1.0 + (shape.half_length / shape.c) ** 2) * 1e6
    found = [*G.at("top", [(0.0, 0.5 - 1e-9), (rim * (1.0 - 1e-9), 0.5 - 1e-9)]), G.mean("top", "top")]
    assert found == pytest.approx([row["centre"], row["rim"], row["mean"]], rel=1e-4)
    line = UnitFlux(shape.model_copy(update={"dimension": "1d"}), MeshOptions())
    assert line.mean("top", "top") == pytest.approx(row["law"], rel=1e-6)


def test_a_shell_by_its_radius_its_meridian_and_whole(comm):
    """G = (1/a - 1/b) / (4 pi); the meridian and the radius are far finer."""
    exact = (1.0 / 0.1 - 1.0 / 0.5) / (4.0 * math.pi) * 1e6
    volts = 25.26e-3 * math.log1p(10e-12 * exact / (2.0 * 200e-12 * FARADAY * 167.0))
    for dimension, tolerance in (("1d", 1e-4), ("axisymmetric", 3e-4), ("3d", 6e-3)):
        shell = Shell(inner_radius="100 nm", outer_radius="500 nm", dimension=dimension)
        solution = solve_steady(generate(shell, MeshOptions(element_degree=2), comm), SALT, flow("inner", "outer"))
        assert solution.electroneutral["inner"] == pytest.approx(volts, rel=tolerance), dimension


@pytest.mark.mpi
@pytest.mark.parametrize("dimension", ["axisymmetric", "1d"])
def test_ranks_agree(comm, dimension):
    cone = Cone(length="1 um", base_radius="100 nm", top_radius="50 nm", dimension=dimension)
    found = [solve_steady(generate(cone, MeshOptions(), c), SALT, flow("top", "base")) for c in (comm, MPI.COMM_SELF)]
    for name in cone.boundaries:
        together, alone = (solution.boundary[name] for solution in found)
        assert together.potential == pytest.approx(alone.potential, rel=1e-10, abs=1e-14)
        assert together.current == pytest.approx(alone.current, rel=1e-9, abs=1e-20)
        assert together.concentration == pytest.approx(alone.concentration, rel=1e-10)


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("dimension", ["axisymmetric", "1d"])
def test_predictor_and_newton_agree_where_layers_are_thin(comm, dimension, degree):
    cone = Cone(length="1 um", base_radius="100 nm", top_radius="50 nm", dimension=dimension)
    problem = SteadyProblem(generate(cone, MeshOptions(element_degree=degree), comm), SALT, flow("top", "base"))
    solution = problem.solve(SALT, flow("top", "base"))
    assert solution.statistics.newton <= 3
    assert solution.boundary["top"].potential == pytest.approx(solution.electroneutral["top"], rel=2e-3)
