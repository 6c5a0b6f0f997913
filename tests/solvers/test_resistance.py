"""Resistance of a neck, as chord and as slope, and its limiting current: closed forms, differences of solutions."""

import math

import pytest

from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.problem import columns
from spinepnp.solvers.steady import SteadyProblem
from spinepnp.units import FARADAY
from support.cases import GROUND, line
from support.ions import SALT, THREE

#: Potential of the law V = V_T ln(1 + I/LIMIT) of the neck of 1 um and 100 nm with 167 mM, A.
LIMIT = 2.0 * 167.0 * math.pi * 1e-14 * 200e-12 * FARADAY / 1e-6


def neck(current, species="C", ground=GROUND):
    return {"base": ground, "top": Boundary(current={"species": species, "value": f"{current} pA"})}


@pytest.fixture(scope="module")
def mesh(comm):
    return line(comm, size="20 nm")


@pytest.fixture(scope="module")
def problem(mesh):
    with SteadyProblem(mesh, SALT, neck(50)) as made:
        yield made


def test_law_of_a_neck(problem):
    """Layers are not resolved, so that the solution is the electroneutral one to the error of the cells."""
    for current in (10, 50, -100):
        solution = problem.solve(boundaries=neck(current))
        ((name, found),) = solution.resistance.items()
        assert name == "top"
        I = current * 1e-12
        assert found.chord == pytest.approx(solution.boundary["top"].potential / I, rel=1e-9)
        assert found.chord == pytest.approx(SALT.V_T * math.log1p(I / LIMIT) / I, rel=1e-3)
        assert found.slope == pytest.approx(SALT.V_T / (LIMIT + I), rel=1e-3)
        assert found.limiting_current == pytest.approx(-LIMIT, rel=1e-9)


def test_slope_is_the_difference_of_two_solutions(mesh):
    """Three ions of unequal diffusivities, of which no closed form is known; and a ground that is not at zero."""
    ground = Boundary(potential="-65 mV", concentrations="bulk")
    with SteadyProblem(mesh, THREE, neck(50, "N", ground)) as problem:
        below, at, above = (problem.solve(boundaries=neck(I, "N", ground)) for I in (49, 50, 51))
    difference = (above.boundary["top"].potential - below.boundary["top"].potential) / 2e-12
    found = at.resistance["top"]
    assert found.slope == pytest.approx(difference, rel=1e-3)
    assert found.chord == pytest.approx((at.boundary["top"].potential + 65e-3) / 50e-12, rel=1e-9)
    assert found.slope != pytest.approx(found.chord, rel=0.05)


def test_of_probes_and_regions(mesh, comm):
    """The part of the neck below them: at the middle half of Phi."""
    probes, regions = {"middle": (0.0, 0.0, 0.5e-6)}, {"end": {"z": ["0.98 um", "1 um"]}}
    with SteadyProblem(mesh, SALT, neck(50), probes=probes, regions=regions) as problem:
        found = problem.solve().resistance
    I = 50e-12
    assert set(found) == {"top", "middle", "end"}
    assert found["middle"].chord == pytest.approx(SALT.V_T * math.log1p(0.5 * I / LIMIT) / I, rel=1e-3)
    assert found["middle"].slope == pytest.approx(SALT.V_T / (2.0 * LIMIT + I), rel=1e-3)
    assert found["middle"].limiting_current is None
    assert found["end"].slope == pytest.approx(found["top"].slope, rel=0.02)


def test_columns(problem):
    row = columns.flatten(columns.state_of(problem.solve(boundaries=neck(50))))
    found = problem.solve(boundaries=neck(50)).resistance["top"]
    assert row["top.resistance_MOhm"] == pytest.approx(found.chord / 1e6, rel=1e-12)
    assert row["top.slope_resistance_MOhm"] == pytest.approx(found.slope / 1e6, rel=1e-12)
    assert row["top.limiting_current_pA"] == pytest.approx(-1e12 * LIMIT, rel=1e-9)
    assert "base.resistance_MOhm" not in row


def test_without_the_electroneutral_law_there_is_a_chord_alone(mesh):
    """A synapse of one ion by Goldman, Hodgkin and Katz."""
    synapse = {"name": "s", "law": "ghk", "permeability": {"N": 1}, "conductance": "1 nS"}
    outside = {"concentrations": {"N": "145 mM", "K": "4 mM", "A": "149 mM"}}
    top = Boundary(mechanism=[synapse], outside=outside)
    with SteadyProblem(mesh, THREE, {"base": GROUND, "top": top}) as problem:
        solution = problem.solve()
    found = solution.resistance["top"]
    assert found.chord == solution.boundary["top"].potential / solution.boundary["top"].total_current > 0.0
    with SteadyProblem(mesh, THREE, neck(1e12 * solution.boundary["top"].total_current, "N")) as problem:
        assert found.chord == pytest.approx(problem.solve().resistance["top"].chord, rel=1e-6)
    assert found.slope is None
    assert found.limiting_current is None
    row = columns.flatten(columns.state_of(solution))
    assert "top.resistance_MOhm" in row
    assert "top.slope_resistance_MOhm" not in row


def test_two_species_two_grounds_or_no_current_have_none(problem, mesh):
    two = {"base": GROUND, "top": Boundary(current=[{"species": s, "value": "10 pA"} for s in "CA"])}
    assert problem.solve(boundaries=two).resistance == {}
    assert problem.solve(boundaries=neck(0)).resistance == {}
    wall = {"base": Boundary(potential="0 mV", concentrations="bulk"),
            "top": Boundary(potential="5 mV", concentrations="bulk"),
            "wall": Boundary(current={"species": "C", "value": "10 pA"})}  # fmt: skip
    with SteadyProblem(mesh, SALT, wall) as other:
        assert other.solve().resistance == {}
