"""Electrical loads: the rest of the cell beyond a boundary, as resistor and capacitor or as a passive cable."""

import math

import numpy as np
import pytest

from spinepnp.case.case import make_case
from spinepnp.errors import CaseError
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import Boundary, Load, SolverOptions, SteadyProblem, solve_steady, solve_transient
from spinepnp.solvers.model.cable import PassiveCable
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.time.checkpoint import on_mesh, pack, unpack
from spinepnp.solvers.time.transient import TransientProblem
from spinepnp.validation.laws import LAWS
from support.cases import GROUND, MS, current, line
from support.ions import SALT, ion

V_T, I = 25.26e-3, 50e-12

#: A dendrite of 1 um: length constant 707 um, time constant 20 ms.
DENDRITE = {
    "diameter": "1 um", "length": "inf", "axial_resistivity": "1 Ohm m", "membrane_resistance": "2 Ohm m^2",
    "membrane_capacitance": "1 uF/cm^2",
}  # fmt: skip
LAMBDA, TAU = math.sqrt(0.5e-6 * 2.0 / 2.0), 20e-3
SOMA = {"resistance": "200 MOhm", "capacitance": "20 pF"}


def cable(**keys):
    return {"cable": DENDRITE | keys}


def loaded(load, **keys):
    return Boundary(load=load, concentrations="bulk", **keys)


def steady_step(value="50 pA"):
    return Boundary(current={"species": "C", "value": value})


@pytest.fixture(scope="module")
def neck(comm):
    return line(comm, size="100 nm")


@pytest.mark.parametrize("arms", [1, 2])
@pytest.mark.parametrize("length", [1e-6, 1e-4, 0.5e-3, 1e-3, 5e-3, math.inf])
def test_the_input_resistance_of_a_cable(length, arms):
    """R = r_a lambda coth(length / lambda) / arms, with r_a = R_i / (pi a^2)."""
    unit = 1.0 / (math.pi * 0.25e-12) * LAMBDA / arms
    R = unit / math.tanh(length / LAMBDA)
    text = "inf" if math.isinf(length) else f"{length!r} m"
    load = Load(**cable(length=text, arms=arms, rest="-70 mV"))
    assert load.potential_at(I) + 0.07 == pytest.approx(I * R, rel=1e-10)
    law = PassiveCable(1e-6, length, 1.0, 2.0, 0.01, arms)
    assert law.input_resistance == pytest.approx(R, rel=1e-14)
    profile = load.model.steady(0.0)
    assert profile[0] == 0.0
    assert profile[-1] == pytest.approx(-0.07 + 0.07 / math.cosh(min(length / LAMBDA, 300.0)), abs=1e-8)


@pytest.mark.parametrize("length", [1e-7, 1e-3, math.inf])
def test_a_stage_of_a_cable_conserves_charge_and_does_not_depend_on_how_it_is_split(length):
    """The current is what the whole cable stores and leaks; two half steps approach the whole one."""
    model = PassiveCable(1e-6, length, 1.0, 2.0, 0.01, 2).model(-0.07)
    start = model.steady(-0.05)
    step = model.step(start, 1e-4)
    assert step.current(-0.05) == pytest.approx(0.02 * model.conductance, rel=1e-9)
    end = step.end(-0.04)
    assert end[0] == pytest.approx(-0.04, rel=1e-14)
    stored = model._storage.sum(axis=0) @ (end - start) / 1e-4 + model._leak.sum(axis=0) @ (end + 0.07)
    assert step.current(-0.04) == pytest.approx(stored, rel=1e-10)
    assert step.slope == pytest.approx((step.current(-0.03) - step.current(-0.04)) / 0.01, rel=1e-10)
    assert model.step(start, 1e9).slope == pytest.approx(model.conductance, rel=1e-9)


@pytest.mark.parametrize("load", [SOMA, cable(arms=1), cable(length="0.3 mm"), {"resistance": "1 kOhm"}], ids=str)
@pytest.mark.parametrize("rest", ["0 mV", "-70 mV"])
def test_a_load_on_the_ground_shifts_everything_by_its_resistance(neck, load, rest):
    """All current leaves through the load: V_b = rest + R I, and the law holds from there on."""
    load = {"cable": load["cable"] | {"rest": rest}} if "cable" in load else load | {"rest": rest}
    table = Load(**load)
    V_b = table.potential_at(I)
    grounded = solve_steady(neck, SALT, {"base": GROUND, "top": steady_step()})
    boundaries = {"base": loaded(load), "top": steady_step()}
    found = solve_steady(neck, SALT, boundaries)
    base, top = found.boundary["base"], found.boundary["top"]
    assert base.potential == pytest.approx(V_b, rel=1e-9)
    assert base.load_current == pytest.approx(I, rel=1e-9)
    assert top.potential - V_b == pytest.approx(grounded.boundary["top"].potential, rel=1e-9)
    assert found.electroneutral["top"] - V_b == pytest.approx(grounded.electroneutral["top"], rel=1e-9)
    assert found.statistics.newton == grounded.statistics.newton  # its start knows the load
    assert found.layers_resolved == grounded.layers_resolved
    law = LAWS["cylinder"](neck.geometry, SALT, boundaries)
    assert law.potential == pytest.approx(found.electroneutral["top"] - V_b, rel=1e-9)


@pytest.mark.parametrize("linear", ["direct", "block"])
@pytest.mark.mpi
def test_on_a_meridian_and_beside_a_bath(comm, linear):
    """Two baths of bulk make a resistor L / (sigma A), in series with the load: linear elements have it exactly."""
    mesh = line(comm, size="50 nm", dimension="axisymmetric")
    top = Boundary(potential="20 mV", concentrations="bulk")
    found = solve_steady(mesh, SALT, {"base": loaded(SOMA), "top": top}, SolverOptions(linear=linear))
    sigma = 96485.33212 * 2.0 * 200e-12 * 167.0 / V_T
    area = mesh.geometry.exact_area("base")
    R = 1e-6 / (sigma * area)
    assert found.boundary["base"].load_current == pytest.approx(20e-3 / (R + 200e6), rel=1e-6)
    assert found.boundary["base"].potential == pytest.approx(200e6 * found.boundary["base"].load_current, rel=1e-9)
    given = solve_steady(mesh, SALT, {"base": loaded(SOMA), "top": steady_step()}, SolverOptions(linear=linear))
    assert given.boundary["base"].potential == pytest.approx(10e-3, rel=1e-9)
    row = given.to_frame()
    assert row["base.load.current_pA"][0] == pytest.approx(50.0, rel=1e-9)
    assert row["base.load.potential_mV"][0] == pytest.approx(10.0, rel=1e-9)
    assert "top.load.current_pA" not in row


def test_a_large_resistance_is_an_open_circuit_and_a_small_one_a_ground(neck):
    """Both limits of a junction between two concentrations, whose ions differ."""
    salt = SALT.model_copy(
        update={"species": (SALT.species[0].model_copy(update={"diffusivity": 1e-10}), SALT.species[1])}
    )
    other = {"C": "50 mM", "A": "50 mM"}

    def with_top(**keys):
        return solve_steady(neck, salt, {"base": GROUND, "top": Boundary(concentrations=other, **keys)}).boundary["top"]

    floating, grounded = with_top(potential="floating"), with_top(potential="0 mV")
    large, small = with_top(load={"resistance": "1e9 MOhm"}), with_top(load={"resistance": "1 Ohm"})
    assert large.potential == pytest.approx(floating.potential, rel=1e-6)
    assert abs(floating.potential) > 5e-3
    assert small.total_current == pytest.approx(grounded.total_current, rel=1e-6)


def step_response(mesh, load, duration, times, tolerance=1e-5, initial="bulk", base=None):
    boundaries = {"base": base or loaded(load), "top": current(I * 1e12)}
    with TransientProblem(mesh, SALT, boundaries) as problem:
        problem.begin(initial)
        steps = problem.run(Schedule(duration, times, tolerance))
    return {step.time: step.solution.boundary["base"] for step in steps if step.listed}


def test_a_resistor_with_a_capacitor_charges_in_its_time_constant(neck):
    """What enters at the top leaves at once as ions and displacement: V = rest + I R (1 - exp(-t / R C))."""
    tau = 200e6 * 20e-12
    times = (1e-9, 1e-3 * tau, 0.1 * tau, tau, 5.0 * tau)
    found = step_response(neck, SOMA | {"rest": "-70 mV"}, times[-1], times)
    for time, base in found.items():
        assert base.load_current == pytest.approx(I, rel=1e-7)
        assert base.potential + 0.07 == pytest.approx(-0.01 * math.expm1(-time / tau), rel=1e-4, abs=1e-12)


def infinite(T):
    return math.erf(math.sqrt(T))


def sealed(T, L):
    """Series of a cable of length L with sealed ends, over r_a lambda, at the end where the current enters (Rall)."""
    k = 1.0 + (np.arange(1, 4000) * math.pi / L) ** 2
    return float(-np.expm1(-T) - 2.0 * (np.expm1(-k * T) / k).sum()) / L


@pytest.mark.parametrize(("length", "arms"), [("inf", 2), ("0.3 mm", 1)])
def test_a_cable_charges_as_the_cable_equation_says(neck, length, arms):
    """V = I R erf(sqrt(t / tau)) of a semi-infinite arm; the series of a sealed one."""
    times = tuple(TAU * T for T in (1e-3, 0.1, 0.3, 1.0, 5.0))
    found = step_response(neck, cable(length=length, arms=arms), times[-1], times)
    unit = I * 1.0 / (math.pi * 0.25e-12) * LAMBDA / arms
    for time, base in found.items():
        T = time / TAU
        law = infinite(T) if length == "inf" else sealed(T, 0.3e-3 / LAMBDA)
        assert base.potential == pytest.approx(unit * law, rel=1e-4 if T >= 0.1 else 1e-3)


def test_without_a_capacitance_the_potential_follows_the_current(neck):
    found = step_response(neck, {"resistance": "200 MOhm"}, 1e-6, (1e-9, 1e-6), tolerance=1e-3)
    assert [base.potential for base in found.values()] == pytest.approx([0.01, 0.01], rel=1e-7)


@pytest.mark.parametrize("load", [SOMA | {"rest": "-60 mV"}, cable(rest="-60 mV"), {"resistance": "200 MOhm"}], ids=str)
def test_a_transient_from_the_steady_state_stays_there(neck, load):
    """The load, with the profile of its cable, starts in the steady state with the domain."""
    boundaries = {"base": loaded(load), "top": steady_step()}
    with TransientProblem(neck, SALT, boundaries) as problem:
        first = problem.begin("steady").boundary["base"].potential
        *_, last = problem.steps(Schedule(10 * MS))
        assert first == pytest.approx(Load(**load).potential_at(I), rel=1e-9)
        assert last.solution.boundary["base"].potential == pytest.approx(first, rel=1e-9)


def test_from_the_bulk_it_starts_at_rest_beside_another_potential(neck):
    """The charge of the field at t = 0 is nothing beside that of the capacitor; then R_neck and C make a time."""
    top = Boundary(potential="20 mV", concentrations="bulk")
    with TransientProblem(neck, SALT, {"base": loaded(SOMA | {"rest": "-60 mV"}), "top": top}) as problem:
        assert problem.begin().boundary["base"].potential == pytest.approx(-0.06, rel=1e-12)
        sigma = 96485.33212 * 2.0 * 200e-12 * 167.0 / V_T
        R = 1e-6 / (sigma * math.pi * 1e-14)
        tau, V_end = 20e-12 / (1.0 / 200e6 + 1.0 / R), (20e-3 / R - 60e-3 / 200e6) / (1.0 / R + 1.0 / 200e6)
        *_, last = problem.steps(Schedule(tau, tolerance=1e-5))
        base = last.solution.boundary["base"]
        assert base.potential == pytest.approx(V_end + (-0.06 - V_end) * math.exp(-1.0), rel=1e-4)


def sliced(problem, packed):
    """Arrays of a checkpoint of one rank in the slices of the ranks of a problem."""
    comm, length = problem.mesh.mesh.comm, problem.ordering.length
    first = sum(comm.allgather(length)[: comm.rank])
    return {n: values[first : first + length] if on_mesh(n) else values for n, values in packed.items()}


@pytest.mark.mpi
def test_the_same_on_any_number_of_ranks_and_after_a_restart_on_another(comm):
    """Potentials of the cable are equal on all ranks, and stand in the checkpoint."""
    boundaries = {"base": loaded(cable(length="0.2 mm")), "top": current(50)}
    schedule = Schedule(1 * MS, (0.1 * MS, 1 * MS), 1e-3)
    meshes = [line(c, size="100 nm", dimension="axisymmetric") for c in (MPI.COMM_SELF, comm)]
    alone, together = (TransientProblem(mesh, SALT, boundaries) for mesh in meshes)
    packed, found = None, {}
    for step in alone.steps(schedule):
        if packed is None and step.time > 1e-5:
            packed = pack(alone)
        found[step.time] = step.solution.boundary["base"]
    for number, steps in enumerate([together.steps(schedule), None]):
        if number:
            together.system.set_data(together.problem_data)
            unpack(together, sliced(together, packed))
        for step in steps or together.steps(schedule):
            base = step.solution.boundary["base"]
            assert base.potential == pytest.approx(found[step.time].potential, rel=1e-9)
            assert base.load_current == pytest.approx(found[step.time].load_current, rel=1e-8)
        states = together.progress.time_state.rates.states
        assert len(states) == loaded(cable(length="0.2 mm")).load.model.count
        assert states == pytest.approx(alone.progress.time_state.rates.states, rel=1e-9)


CASE = {
    "geometry": {"shape": "cylinder", "length": "1 um", "radius": "100 nm", "dimension": "1d"},
    "electrolyte": {"species": [ion("C", 1, 150), ion("A", -1, 150), ion("T", 0, 1)]},
}


def with_base(**keys):
    return make_case(CASE | {"boundaries": {"base": {"concentrations": "bulk"} | keys}})


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"load": SOMA, "potential": "0 mV"}, r"base.load: excludes potential: both say"),
        ({"load": SOMA, "potential": "floating"}, r"base.load: excludes potential: both say"),
        ({"load": SOMA, "capacitance": {"value": "0.01 F/m^2"}}, r"base.capacitance: excludes load"),
        ({"load": SOMA, "surface_charge": "0.01 C/m^2"}, r"base.surface_charge: excludes load"),
        ({"load": SOMA, "concentrations": {"A": "150 mM", "T": "1 mM"}, "current": {"species": "C", "value": "1 pA"}},
         r"base.current: excludes load: the load takes the current here; drop one"),
        ({"load": SOMA, "concentrations": {"A": "150 mM", "T": "1 mM"}, "channel": {
            "law": "sigmoid", "species": "C", "maximum": "1 pA", "half": "5 mV", "slope": "1 mV"}},
         r"base.channel: excludes load"),
        ({"load": SOMA, "concentrations": {"A": "150 mM", "T": "1 mM"},
          "exchange": [{"species": "C", "rate": "1e-5 m/s", "outside": "1 mM"}]},
         r"base.exchange: of ions has no place in the net current of a load; drop one of them"),
        ({"load": SOMA, "concentrations": {"T": "1 mM"}}, r"base.load: needs the concentration of a charged species"),
        ({"load": {"resistance": "-1 MOhm"}}, r'base.load.resistance = "-1 MOhm": a resistance here must be greater'),
        ({"load": {"resistance": "0 MOhm"}}, r"must be greater than zero"),
        ({"load": {"resistance": "1 mV"}}, r'a resistance is needed, "mV" is the unit of a potential'),
        ({"load": {"resistence": "1 MOhm"}}, r'unknown key; did you mean "resistance"\?'),
        ({"load": {"resistance": "1 MOhm", "capacitance": "-1 pF"}}, r"must be zero or greater"),
        ({"load": {"capacitance": "1 pF"}}, r"base.load: needs either resistance"),
        ({"load": {}}, r"base.load: needs either resistance"),
        ({"load": SOMA | cable()}, r"base.load: has resistance and cable, which exclude each other; keep one of them"),
        ({"load": {"capacitance": "1 pF"} | cable()}, r"base.load: capacitance is no key beside cable"),
        ({"load": {"rest": "1 mV"} | cable()}, r"base.load: rest is no key beside cable; write cable.rest"),
        ({"load": cable(arms=3)}, r"base.load.cable.arms = 3: must be 1 or 2"),
        ({"load": cable(length="0 nm")}, r"base.load.cable.length = \"0 nm\": a length here must be greater"),
        ({"load": cable(length="endless")}, r"base.load.cable.length = \"endless\": not a number with a unit"),
        ({"load": cable(membrane_resistance="2 Ohm m")}, r'"Ohm m" is the unit of a resistivity'),
        ({"load": {"cable": {"diameter": "1 um"}}}, r"base.load.cable.length: is missing; add it"),
        ({"load": 3}, r"base.load = 3: must be a table"),
    ],
)  # fmt: skip
def test_what_is_refused(keys, complaint):
    with pytest.raises(CaseError, match=complaint) as caught:
        with_base(**keys)
    assert "\n" not in str(caught.value)


def test_without_concentrations_it_is_refused():
    with pytest.raises(CaseError, match=r"base.load: needs the concentration of a charged species here.*; add conc"):
        make_case(CASE | {"boundaries": {"base": {"load": SOMA}, "top": {"concentrations": "bulk"}}})


def test_a_load_beside_another_bath_has_no_electroneutral_law(neck):
    """The current splits in a way that the law does not know; the case is solved from the bulk."""
    boundaries = {"base": loaded(SOMA), "top": Boundary(potential="5 mV", concentrations="bulk")}
    with SteadyProblem(neck, SALT, boundaries) as problem:
        assert problem.solve().electroneutral == {}


def test_values_between_those_of_a_problem(neck):
    """A problem that was built with one load solves for another kind of it."""
    with SteadyProblem(neck, SALT, {"base": loaded(SOMA), "top": steady_step()}) as problem:
        for load in (cable(), {"resistance": "1 MOhm", "rest": "30 mV"}):
            base = problem.solve(boundaries={"base": loaded(load), "top": steady_step()}).boundary["base"]
            assert base.potential == pytest.approx(Load(**load).potential_at(I), rel=1e-9)


def test_steps_in_python(comm):
    steps = solve_transient(line(comm, size="100 nm"), SALT, {"base": loaded(SOMA), "top": current(50)}, "1 us")
    assert steps[-1].solution.boundary["base"].load_current == pytest.approx(I, rel=1e-6)
    assert steps.to_frame()["base.load.current_pA"].iloc[-1] == pytest.approx(50.0, rel=1e-6)
