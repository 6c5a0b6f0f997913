"""Electroneutral answer to a conductance: its current by a scalar equation, as Newton's start and in `check`."""

import math

import pytest

from spinepnp.errors import CaseError
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import Boundary, SteadyProblem, solve_steady
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.problem.prediction import ElectroneutralPrediction, discretise
from spinepnp.validation.laws import LAWS
from support.cases import GROUND, line
from support.ions import SALT, salt

THREE = salt((12, 155, 167), names=("Na", "K", "A"), z=(1, 1, -1))
CALCIUM = salt((20, 80, 90), names=("Ca", "Na", "Cl"), z=(2, 1, -1), fixed_charge="-30 mM")
LOADED = Boundary(load={"resistance": "200 MOhm", "rest": "-70 mV"}, concentrations="bulk")
BEYOND = Boundary(potential="5 mV", concentrations="bulk")


def synapse(species="C", conductance="1 nS", reversal="70 mV", outside=None, **keys):
    table = {"name": "AMPA", "law": "ohmic", "species": species, "conductance": conductance, "reversal": reversal}
    return Boundary(mechanism={k: v for k, v in (table | keys).items() if v is not None}, outside=outside)


@pytest.fixture(scope="module", params=["1d", "axisymmetric"])
def neck(request, comm):
    return line(comm, size="50 nm", dimension=request.param)


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("electrolyte", "top", "base"),
    [
        (SALT, synapse(), GROUND),
        (SALT, synapse(), LOADED),
        (SALT, synapse(conductance="100 S/cm^2", reversal="-20 mV"), LOADED),
        (SALT, synapse("A", reversal="-80 mV", traces="local"), BEYOND),
        (SALT, synapse(reversal="3 mV", outside={"potential": "2 mV"}), BEYOND),
        (THREE, synapse("K", reversal="-80 mV"), GROUND),
        (CALCIUM, synapse("Ca"), GROUND),
    ],
)
def test_newton_starts_from_the_answer_of_the_scalar_equation(neck, electrolyte, top, base):
    ends = {"base": base, "top": top}
    with SteadyProblem(neck, electrolyte, ends) as problem:
        solution = problem.solve()
    law = LAWS["synapse"](neck.geometry, electrolyte, ends)
    ground = base.ground_potential(law.current)
    assert solution.electroneutral["base"] == pytest.approx(ground, rel=1e-9, abs=1e-13)
    assert solution.electroneutral["top"] == pytest.approx(ground + law.potential, rel=1e-9, abs=1e-13)
    assert solution.boundary["base"].total_current == pytest.approx(-law.current, rel=3e-3, abs=1e-18)
    assert solution.statistics.newton <= 3


@pytest.mark.mpi
def test_ranks_agree_on_the_current(comm):
    ends = {"base": LOADED, "top": synapse()}
    together, alone = (
        solve_steady(line(c, size="50 nm", dimension="axisymmetric"), SALT, ends) for c in (comm, MPI.COMM_SELF)
    )
    assert together.electroneutral == pytest.approx(alone.electroneutral, rel=1e-12)
    assert together.boundary["top"].potential == pytest.approx(alone.boundary["top"].potential, rel=1e-9)
    assert together.statistics.newton == alone.statistics.newton


@pytest.mark.mpi
def test_a_conductance_that_draws_more_than_there_is_is_refused_on_every_rank(neck):
    with pytest.raises(CaseError, match="draws more Na than can flow") as caught:
        solve_steady(neck, THREE, {"base": GROUND, "top": synapse("Na", reversal="-50 mV")})
    assert caught.value.key == "boundaries.top.mechanism.AMPA.conductance"
    assert caught.value.value == "1 nS"
    weak = solve_steady(neck, THREE, {"base": GROUND, "top": synapse("Na", "0.1 nS", "-50 mV")})
    assert weak.boundary["top"].concentration["Na"] > 0.0


@pytest.mark.parametrize(
    ("boundaries", "reason"),
    [
        ({"top": synapse(gates=[{"kinetics": "rtm_n"}])}, "mechanisms other than"),
        ({"top": synapse(magnesium="1 mM")}, "mechanisms other than"),
        ({"top": synapse(reversal=None, outside={"concentrations": {"C": "200 mM"}})}, "mechanisms other than"),
        ({"top": synapse(), "wall": synapse()}, "mechanisms other than"),
        ({"top": synapse(), "wall": Boundary(current={"species": "C", "value": "1 pA"})}, "mechanisms other than"),
        ({"wall": synapse(conductance="100 nS")}, "potential varies"),
        ({"wall": synapse(conductance="0.01 nS")}, ""),
    ],
)
def test_other_mechanisms_leave_the_law_with_a_reason(comm, boundaries, reason):
    mesh = line(comm, size="100 nm", dimension="axisymmetric")
    data = ProblemData(SALT, {"base": GROUND} | boundaries)
    discretisation = discretise(mesh, data)
    prediction = ElectroneutralPrediction(discretisation, data)
    try:
        assert reason in prediction.why_not(data)
        assert (prediction.predict(data) is None) == bool(reason)
        if reason:
            layers = prediction.layers(data, None)
            assert all(math.isnan(layers[name].error) for name, b in boundaries.items() if b.mechanisms)
        else:
            driven = prediction.with_currents(data).boundaries["wall"]
            assert driven.injections[0].value == pytest.approx(0.01e-9 * 70e-3, rel=1e-2)
    finally:
        prediction.destroy()
        discretisation.destroy()
