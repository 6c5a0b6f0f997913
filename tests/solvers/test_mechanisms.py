"""Mechanisms of membranes: neutral traces, balances with compartments and loads, ranks, solvers, restarts."""

import math

import numpy as np
import pytest
from mpi4py import MPI

from spinepnp.geometries import Ball, BallNeck, Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Electrolyte, Schedule, SolverOptions, SteadyProblem, TransientProblem
from spinepnp.solvers.model.membrane.traces import neutral_trace
from spinepnp.solvers.time.checkpoint import on_mesh, pack, unpack
from spinepnp.units import FARADAY
from support.cases import GROUND, MS
from support.ions import ion, salt

#: Inside and outside of a cell, mM; each is neutral.
INSIDE = {"K": 96.832537, "Na": 23.582, "Cl": 10.414537, "A": 110.0}
OUTSIDE = {"K": 3.167463, "Na": 131.418, "Cl": 134.585463}
VALENCE = {"K": 1, "Na": 1, "Cl": -1, "A": -1}
CELL = Electrolyte(
    thermal_voltage="26.64 mV", species=[ion(n, VALENCE[n], c, 1000) for n, c in INSIDE.items()]
)  # fmt: skip
LEAK = {"name": "leak", "law": "ghk", "permeability": {"K": "2e-8 m/s", "Na": "1e-9 m/s", "Cl": "4e-9 m/s"}}
PUMP = {"name": "pump", "law": "pump", "kind": "nak", "maximum": "7.22457 uA/cm^2"}
KV = {
    "name": "Kv", "law": "ohmic", "species": "K", "conductance": "20 mS/cm^2",
    "gates": {"kinetics": "rtm_n", "power": 4},
}  # fmt: skip
NAV = {
    "name": "Nav", "law": "ohmic", "species": "Na", "conductance": "30 mS/cm^2",
    "gates": [{"kinetics": "rtm_m", "power": 3}, {"kinetics": "rtm_h"}],
}  # fmt: skip
AMPA = {
    "name": "AMPA", "law": "ghk", "permeability": {"K": 1, "Na": 1}, "conductance": "0.5 nS", "magnesium": "1 mM",
    "waveform": "biexponential", "rise": "0.2 ms", "decay": "2 ms", "onset": "0.1 ms",
}  # fmt: skip
VOLUME = 4.0 / 3.0 * math.pi * 0.5**3


def membrane(*mechanisms, outside=None, **keys):
    outside = outside or {"compartment": "around"}
    return {"capacitance": {"value": "1 uF/cm^2"}, "outside": outside, "mechanism": list(mechanisms), **keys}


def around(volume=VOLUME):
    return {"around": {"volume": f"{volume} um^3", "concentrations": {n: f"{c} mM" for n, c in OUTSIDE.items()}}}


CENTRE = {"centre": (0.0, 0.0, 0.0)}
BATH = {"concentrations": {n: f"{c} mM" for n, c in OUTSIDE.items()}}


@pytest.fixture(scope="module")
def ball(comm):
    return generate(Ball(radius="0.5 um", dimension="1d"), MeshOptions(size="50 nm"), comm)


def spine(comm, dimension="axisymmetric", size="60 nm", element_degree=1):
    shape = BallNeck(
        head_radius="0.3 um", neck_radius="0.1 um", neck_length="0.5 um", cap_radius="0.15 um", dimension=dimension
    )
    return generate(shape, MeshOptions(size=size, element_degree=element_degree), comm)


#: A spine with all that a membrane can have: compartment, gates, a synapse, a cable as the rest of the cell.
CABLE = {
    "diameter": "1 um", "length": "200 um", "axial_resistivity": "1 Ohm m", "membrane_resistance": "2 Ohm m^2",
    "membrane_capacitance": "1 uF/cm^2", "rest": "-70 mV", "arms": 2,
}  # fmt: skip
ALIVE = {
    "base": {"concentrations": "bulk", "load": {"cable": CABLE}},
    "wall": membrane(LEAK, PUMP, KV, NAV),
    "cap": membrane(AMPA, KV),
}


# --- what mechanisms see


def test_the_neutral_trace_of_a_salt_has_a_closed_form():
    """c_+ e^-w = c_- e^w: w = ln(c_+/c_-)/2, and both concentrations are their geometric mean."""
    c = np.array([[10.0, 160.0], [150.0, 150.0], [900.0, 1e-3]])
    trace = neutral_trace(c, np.array([1.0, -1.0]))
    assert trace.shift == pytest.approx(0.5 * np.log(c[:, 0] / c[:, 1]), abs=1e-12)
    assert trace.concentrations == pytest.approx(np.sqrt(c[:, 0] * c[:, 1])[:, None] * np.ones(2), rel=1e-12)


def test_the_neutral_trace_is_neutral_with_any_ions_and_fixed_charge():
    rng = np.random.default_rng(3)
    z, fixed = np.array([1.0, 2.0, -1.0, 0.0, -2.0]), rng.uniform(-50.0, 50.0, 200)
    c = rng.uniform(0.0, 200.0, (200, 5))
    trace = neutral_trace(c, z, fixed)
    assert np.abs(trace.concentrations @ z + fixed).max() < 1e-9
    assert trace.concentrations[:, 3] == pytest.approx(c[:, 3])
    for j in range(5):
        up, down = (neutral_trace(c + d * np.eye(5)[j], z, fixed).shift for d in (1e-4, -1e-4))
        assert trace.shift_slopes[:, j] == pytest.approx((up - down) / 2e-4, rel=1e-6, abs=1e-9)


def test_at_a_layer_that_the_mesh_resolves_neutral_traces_are_those_beyond_it(comm):
    """The laws of a membrane then do not know its Debye layer; with those at the wall it moves the rest."""
    shape, grade = Ball(radius="0.5 um", dimension="1d"), {"wall": {"size": "0.05 nm", "growth": 1.3}}
    fine = generate(shape, MeshOptions(size="50 nm", element_degree=2, grade=grade), comm)
    wall, rest = membrane(LEAK, PUMP, outside=BATH), {}
    for traces, mesh in (
        ("neutral", fine),
        ("local", fine),
        ("none", generate(shape, MeshOptions(size="50 nm"), comm)),
    ):
        boundaries = {"wall": {**wall, "traces": "local" if traces == "local" else "neutral"}}
        with SteadyProblem(mesh, CELL, boundaries, SolverOptions(tolerance=1e-12), CENTRE, {}) as problem:
            rest[traces] = problem.solve().probes["centre"]
    assert rest["neutral"].potential == pytest.approx(rest["none"].potential, rel=1e-4)
    assert rest["neutral"].concentration == pytest.approx(rest["none"].concentration, rel=1e-4)
    assert rest["local"].potential != pytest.approx(rest["none"].potential, rel=2e-3)


# --- balances


def test_domain_and_compartment_together_keep_every_ion_and_the_charge(ball):
    """Through a spike, to 1e-10 of what has passed; the sum over mechanisms is the current of the boundary."""
    kick = {"name": "kick", "law": "ghk", "permeability": {"Na": "3e-7 m/s"}, "waveform": "step", "onset": "0.2 ms"}
    with TransientProblem(ball, CELL, {"wall": membrane(LEAK, PUMP, KV, NAV, kick)}, compartments=around()) as problem:
        problem.begin("rest")
        first = total_amounts(problem)
        steps = problem.run(Schedule(duration=8 * MS, times=(1 * MS,), tolerance=1e-3))
        last = total_amounts(problem)
        state = problem.progress.time_state
    V = [step.solution.boundary["wall"].potential for step in steps]
    assert max(V) > 0.0 > V[0]  # a spike
    went = sum(abs(step.length * step.solution.boundary["wall"].current["Na"]) for step in steps) / FARADAY
    for name in VALENCE:
        assert abs(last[name] - first[name]) <= 1e-10 * max(went, 1e-6 * first[name]), name
    assert state.passed[1:].sum(axis=0) == pytest.approx(state.passed[0], rel=1e-12, abs=1e-9 * FARADAY * went)
    for step in steps:
        through = [m.current for (_, name), m in step.solution.mechanisms.items()]
        for name, current in step.solution.boundary["wall"].current.items():
            size = sum(abs(c.get(name, 0.0)) for c in through)
            assert abs(sum(c.get(name, 0.0) for c in through) - current) <= 1e-9 * size + 1e-30
        assert step.solution.ion_balance < 1e-9


def total_amounts(problem):
    """Amount of each species in domain and compartment, mol."""
    system = problem.system
    content = system.equations.fields.weights.integral(
        np.ones(system.equations.fields.owned), problem.progress.time_state.rates.content
    )
    unit = system.step_data.scales.amount
    amounts = dict(zip(VALENCE, (content * unit).tolist(), strict=True))
    states = dict(zip(system.equations.state_names(), problem.progress.time_state.rates.states, strict=True))
    for name in OUTSIDE:
        amounts[name] += states[f"compartments.around.concentration_mM.{name}"] * VOLUME * 1e-18
    return amounts


def test_charge_and_displacement_balance_over_domain_compartment_and_cable(comm):
    """The charge of ions and displacement through all boundaries adds up to zero, up to rounding of the ions inside."""
    with TransientProblem(spine(comm), CELL, ALIVE, compartments=around()) as problem:
        first = problem.begin("rest")
        inside = FARADAY * sum(first.volume.amount.values())
        before = problem.progress.time_state
        for _ in problem.steps(Schedule(duration=1 * MS, tolerance=1e-3)):
            now = problem.progress.time_state
            count = len(problem.boundary_names)
            ions = (now.passed - before.passed)[:count].sum(axis=1)
            field = now.rates.charge - before.rates.charge
            moved = np.abs([ions, field]).max()
            assert abs((ions + field).sum()) <= 1e-10 * moved + 4e-13 * inside  # a rounding error of each of four ions
            before = now
        assert moved > 1e-17  # the synapse is open


def test_gates_of_another_solve_have_its_power_and_rates(comm):
    """A steady problem that is solved again for other gates gives what a new one gives."""
    mesh = generate(Cylinder(length="1 um", radius="100 nm", dimension="1d"), MeshOptions(size="50 nm"), comm)

    def ends(**gate):
        gates = {"half": "-50 mV", "slope": "9 mV", "time": "1 ms"} | gate
        kv = {"name": "Kv", "law": "ohmic", "species": "K", "conductance": "1 nS", "gates": gates}
        return {"base": {"potential": "-60 mV", "concentrations": "bulk"}, "top": {"outside": BATH, "mechanism": kv}}

    def opened(found):
        return found.mechanisms["top", "Kv"].gate["0"], found.mechanisms["top", "Kv"].current["K"]

    with SteadyProblem(mesh, CELL, ends(power=1)) as problem:
        first = opened(problem.solve())
        for gate in ({"power": 4}, {"power": 1, "half": "-40 mV"}):
            again = opened(problem.solve(boundaries=ends(**gate)))
            with SteadyProblem(mesh, CELL, ends(**gate)) as other:
                assert again == pytest.approx(opened(other.solve()), rel=1e-9)
            assert abs(again[1]) < 0.7 * abs(first[1])


def test_the_first_row_from_rest_has_the_currents_of_the_rest(comm):
    """Sodium leaks in through the wall and leaves at the base, before the first step, too."""
    bath = ALIVE | {"wall": membrane(LEAK, KV, outside=BATH), "cap": membrane(AMPA, outside=BATH)}
    with TransientProblem(spine(comm), CELL, bath) as problem:
        first = problem.begin("rest").boundary
        step = next(problem.steps(Schedule(duration=1e-9, tolerance=1e-3))).solution.boundary
    assert first["wall"].current["Na"] > 1e-16
    assert first["base"].current["Na"] == pytest.approx(-first["wall"].current["Na"], rel=1e-6)
    for name in ("base", "wall"):
        for species, current in first[name].current.items():
            assert current == pytest.approx(step[name].current[species], rel=1e-3, abs=1e-18), name


# --- ranks, solvers, restarts


def state_of(problem):
    rates = problem.progress.time_state.rates
    solution = problem.solution_at(problem.time)
    return (
        [solution.boundary[n].potential for n in ("base", "wall", "cap")]
        + [I for m in solution.mechanisms.values() for I in m.current.values()]
        + [g for m in solution.mechanisms.values() for g in m.gate.values()]
        + rates.states.tolist()
    )


@pytest.mark.mpi
def test_a_living_spine_is_equal_on_any_number_of_ranks_and_goes_on_from_a_checkpoint(comm):
    """Gates, compartment and cable with it; the checkpoint of one rank goes on on all of them."""
    schedule, found = Schedule(duration=0.5 * MS, times=(0.25 * MS,), fixed_step=0.02 * MS), []
    packed = None
    for group in (MPI.COMM_SELF, comm):
        with TransientProblem(spine(group), CELL, ALIVE, compartments=around()) as problem:
            problem.begin("rest")
            for step in problem.steps(schedule):
                if packed is None and step.time > 0.2 * MS:
                    packed = pack(problem)
            found.append(state_of(problem))
    with TransientProblem(spine(comm), CELL, ALIVE, compartments=around()) as problem:
        length = problem.ordering.length
        first = comm.scan(length) - length
        slices = {name: a[first : first + length] if on_mesh(name) else a for name, a in packed.items()}
        unpack(problem, slices)
        problem.run(schedule)
        found.append(state_of(problem))
    one = np.array(found[0])
    for other in found[1:]:
        assert np.abs(np.array(other) - one).max() <= 1e-9 * np.abs(one).max()
        assert np.array(other) == pytest.approx(one, rel=1e-8, abs=1e-18)


@pytest.mark.parametrize("degree", [1, 2])
def test_the_block_solver_agrees_with_the_direct_one_in_few_iterations(comm, degree):
    """In a steady state of a spine with leak, pump, channels and a cable; see `./spine bench krylov` for sizes."""
    mesh = spine(comm, element_degree=degree)
    boundaries = {**ALIVE, "cap": membrane(KV)}
    found = {}
    for linear in ("direct", "block"):
        options = SolverOptions(linear=linear, tolerance=1e-10)
        with SteadyProblem(mesh, CELL, boundaries, options, closed={}, compartments=around()) as problem:
            found[linear] = problem.solve()
    direct, block = found["direct"], found["block"]
    assert block.boundary["cap"].potential == pytest.approx(direct.boundary["cap"].potential, rel=1e-8)
    leaks = [found[linear].mechanisms["wall", "leak"].current for linear in ("block", "direct")]
    largest = max(map(abs, leaks[1].values()))
    assert leaks[0] == pytest.approx(leaks[1], rel=1e-6, abs=1e-9 * largest)
    assert block.statistics.krylov <= 16 * block.statistics.newton
    grid = direct.grid()
    if grid is not None:  # files of fields mark the membranes, where they have gates
        for name in ("wall", "cap"):
            assert 0 < np.sum(grid[f"membrane.{name}"] > 1.0 - 1e-12) < grid.n_points
            assert np.array_equal(grid[f"membrane.{name}"] > 1e-9, grid[f"gate.{name}.Kv.rtm_n"] > 1e-9)


def test_a_synapse_sends_its_current_through_the_neck(comm):
    """Facts of a conductance with equal diffusivities: I = g (E - V), V = V_T ln(1 + I G/(2 D F C))."""
    mesh = generate(
        Cylinder(length="1 um", radius="50 nm", dimension="1d"),
        MeshOptions(size="20 nm", grade={"top": {"size": "0.1 nm"}}),
        comm,
    )
    mechanism = {"name": "AMPA", "law": "ohmic", "species": "C", "conductance": "1 nS", "reversal": "70 mV"}
    with SteadyProblem(
        mesh, salt(167, 200, thermal_voltage="25.26 mV"), {"base": GROUND, "top": {"mechanism": mechanism}}
    ) as problem:
        top = problem.solve().boundary["top"]
    assert top.current["C"] * 1e12 == pytest.approx(52.119800, rel=1e-5)
    # The neutral solution beside the injector: the layer at the wall is not part of the law.
    shift = 0.5 * math.log(top.concentration["C"] / top.concentration["A"])
    assert top.potential * 1e3 + 25.26 * shift == pytest.approx(17.880200, rel=2e-4)
