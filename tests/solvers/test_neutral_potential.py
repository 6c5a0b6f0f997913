"""Potential beside the Debye layer of a membrane, on cells that do not resolve the layer and on those that do."""

import pytest

from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Schedule, SolverOptions, TransientProblem, solve_steady
from support.cases import GROUND
from support.ions import SALT

#: A membrane whose outside is 70 mV above the inside, so that ions charge it.
MEMBRANE = {"base": GROUND, "top": {"capacitance": {"value": "1 uF/cm^2", "outside": "70 mV"}}}
NECK = Cylinder(length="200 nm", radius="100 nm", dimension="1d")


@pytest.fixture(scope="module")
def coarse(comm):
    return generate(NECK, MeshOptions(size="20 nm"), comm)


def test_in_equilibrium_it_is_that_of_the_bath_on_any_cells(coarse, comm):
    """At the nodes of the wall the potential depends on the cells.

    With concentrations as unknowns the ratio of two neighbours is (1 - v/2)/(1 + v/2) in place of e^-v, where v is the
    change of V/V_T between them: an error of V_T v^3/12 in V + V_T w.
    """
    fine = generate(NECK, MeshOptions(size="20 nm", grade={"top": {"size": "0.02 nm", "growth": 1.2}}), comm)
    found = [solve_steady(mesh, SALT, MEMBRANE, SolverOptions(tolerance=1e-12)) for mesh in (coarse, fine)]
    at_wall = [solution.boundary["top"].potential for solution in found]
    assert at_wall[0] < 0.3 * at_wall[1]
    assert at_wall[0] > 5e-5  # V
    cubic = SALT.V_T * (at_wall[0] / SALT.V_T) ** 3 / 12.0
    assert abs(found[0].boundary["top"].neutral_potential) < 2.0 * cubic
    for solution in found:
        assert solution.boundary["top"].neutral_potential == pytest.approx(0.0, abs=1e-4 * at_wall[0])
        assert solution.boundary["base"].neutral_potential is None
    assert [solution.layers["top"].resolved for solution in found] == [False, True]
    assert [solution.potential_beside("top") is None for solution in found] == [False, True]


def test_its_error_is_without_that_of_the_layer(coarse):
    solution = solve_steady(coarse, SALT, MEMBRANE)
    assert solution.neutral_potential_error["top"] < 1e-2 * solution.potential_error["top"]


def test_rows_and_trace_have_it(coarse):
    with TransientProblem(coarse, SALT, MEMBRANE) as problem:
        problem.begin("bulk")
        steps = problem.run(Schedule(duration="1 us", tolerance=1e-2))
    rows, trace = steps.to_frame(), steps.trace([step.time for step in steps])
    name = "top.neutral_potential_mV"
    assert rows[name].to_numpy() == pytest.approx(trace[name].to_numpy(), abs=1e-12)
    assert abs(rows[name].iloc[-1]) < 0.05 * rows[name].max()  # it has relaxed
    assert name in steps.peaks()
