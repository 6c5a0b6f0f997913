"""Currents and what is known of them: those of a minority beside a majority that carries none."""

import json

import numpy as np
import pandas
import pytest

from spinepnp.case.case import make_case
from spinepnp.meshes import generate
from spinepnp.solvers import SolverOptions, SteadyProblem
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.problem.solution import BoundaryState
from spinepnp.solvers.time.transient import TransientProblem
from support.cases import GROUND, current, line
from support.commands import run
from support.ions import SALT, ion

CARRIER, ABSENT = "1.660539067174 mM", "1.660539067174e-16 mM"

DIODE = {
    "geometry": {"shape": "cylinder", "length": "100 nm", "radius": "100 nm", "dimension": "1d"},
    "mesh": {"size": "0.2 nm", "element_degree": 2},
    "electrolyte": {
        "thermal_voltage": "25.9 mV", "permittivity": 11.1, "neutral": False,
        "fixed_charge": [
            {"region": ["0 nm", "50 nm"], "value": f"-{CARRIER}"},
            {"region": ["50 nm", "100 nm"], "value": CARRIER},
        ],
        "species": [ion("h", 1, 1.660539067e-08, 518000000), ion("e", -1, 1.660539067e-08, 1036000000)],
    },
    "boundaries": {
        "base": {"potential": "-0.377095631 V", "concentrations": {"h": CARRIER, "e": ABSENT}},
        "top": {"potential": "0.477095631 V", "concentrations": {"h": ABSENT, "e": CARRIER}},
    },
    "solver": {"formulation": "log"},
}  # fmt: skip


@pytest.fixture(scope="module")
def diode(comm):
    """A diode of two gels at 0.1 V: 16 decades between the carriers."""
    case = make_case(DIODE)
    mesh = generate(case.geometry, case.mesh, comm)
    problem = SteadyProblem(mesh, case.electrolyte, case.boundaries, case.solver)
    return problem.solve(case.electrolyte, case.boundaries)


@pytest.mark.mpi
def test_the_current_of_the_holes_is_solved_for(diode):
    """The norm of the residual has no digit of it; Newton goes on until it is the same at both ends."""
    base, top = diode.boundary["base"], diode.boundary["top"]
    assert base.current["h"] * 1e12 == pytest.approx(4.36e-7, rel=1e-3)
    assert -top.current["h"] * 1e12 == pytest.approx(4.36e-7, rel=1e-3)
    assert base.current_floor["h"] < 0.05 * base.current["h"]


@pytest.mark.mpi
def test_the_current_of_the_electrons_is_lost_in_rounding_and_says_so(diode):
    """It should be twice that of the holes, where they are 16 decades more at 37 thermal voltages."""
    base, top = diode.boundary["base"], diode.boundary["top"]
    assert abs(top.current["e"]) * 1e12 > 1e-5  # no digit is right
    assert (base.lost, top.lost) == (("e",), ("e",))
    assert abs(top.current["e"] + 8.72e-7 * 1e-12) < top.current_floor["e"]
    assert top.current_floor["e"] * 1e12 < 0.05  # and it does not claim that larger ones are lost


@pytest.mark.parametrize("formulation", ["density", "log"])
@pytest.mark.parametrize("linear", ["direct", "block"])
@pytest.mark.mpi
def test_floors_are_between_the_errors_and_the_currents(comm, formulation, linear):
    """Of a species that cannot flow the current is zero, and what is found instead is its error."""
    mesh = line(comm, size="50 nm", dimension="3d" if linear == "block" else "1d")
    problem = SteadyProblem(mesh, SALT, {"base": GROUND, "top": current(50, waveform="constant")},
                            SolverOptions(formulation=formulation, linear=linear))  # fmt: skip
    solution = problem.solve(SALT, problem.problem_data.boundaries)
    for state in solution.boundary.values():
        assert abs(state.current["A"]) < 3.0 * state.current_floor["A"]
        assert state.current_floor["A"] < 1e-6 * 50e-12
    top, base = solution.boundary["top"], solution.boundary["base"]
    assert "C" not in top.lost + base.lost
    assert abs(base.current["C"] + 50e-12) < 3.0 * base.current_floor["C"]


def test_floors_of_short_steps_are_those_of_what_is_stored(comm):
    """Over a short step a current is a small difference of contents."""
    problem = TransientProblem(line(comm), SALT, {"base": GROUND, "top": current(50)})
    first, *others = [step.solution.boundary["base"] for step in problem.steps(Schedule(1e-3))]
    assert first.current_floor["C"] > 1e3 * others[-1].current_floor["C"]
    assert others[-1].current_floor["C"] < 1e-5 * 50e-12
    assert 0.0 < others[-1].displacement_floor < 1e-5 * 50e-12
    for state in others:  # all that leaves is ions and displacement
        floor = sum(state.current_floor.values()) + state.displacement_floor
        assert abs(state.total_current + state.displacement + 50e-12) < 10.0 * floor + 1e-9 * 50e-12


def test_a_floor_is_no_floor_of_nothing():
    state = BoundaryState(0.0, {}, 1.0, {"a": 0.0, "b": 1e-15, "c": -3e-15}, current_floor=dict.fromkeys("abc", 2e-15))
    assert state.lost == ("b",)


def test_a_run_says_which_currents_are_no_numbers(tmp_path, capsys):
    """In the tables, where the number stands, and in a line at the end; of what cannot flow nothing is printed."""
    case, out = tmp_path / "case.toml", tmp_path / "out"
    case.write_text(make_case(DIODE).to_toml())
    assert run(str(case), "--output", str(out)) == 0
    said = capsys.readouterr().out
    assert "currents below their rounding floor, no numbers: base e; top e (floors: current_floor_pA)" in said
    row = pandas.read_csv(out / "observables.csv").iloc[-1]
    state = json.loads((out / "summary.json").read_text())["boundaries"]["top"]
    assert row["top.current_below_floor"] == state["current_below_floor"] == "e"
    assert row["top.current_floor_pA.e"] == pytest.approx(state["current_floor_pA"]["e"])
    assert np.isclose(state["current_floor_pA"]["total"], sum(state["current_floor_pA"][s] for s in "he"))
