"""Calcium stores, pumps and exchangers in space: kinetics by SciPy, balances, steady states, ranks."""

import math

import numpy as np
import pytest
from mpi4py import MPI
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from spinepnp.case.case import make_case
from spinepnp.case.toml import find_files, parse_toml
from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Electrolyte, Schedule, SolverOptions, SteadyProblem, TransientProblem
from spinepnp.solvers.model.zero_dimensions import rest_of
from support import CASES
from support.ions import ion

#: Calcium inside, and in the store at the start, mM.
INSIDE, LUMEN = 1e-4, 8e-3
#: Radius and length of the cell, m; volume of the store, m^3.
RADIUS, LENGTH, STORE = 1e-7, 2e-7, 1e-21
VOLUME, AREA = math.pi * RADIUS**2 * LENGTH, 2.0 * math.pi * RADIUS * LENGTH
PUMP, LEAK, RELEASE = 5e-10, 2e-8, 1e-6

SALT = Electrolyte(
    thermal_voltage="25.26 mV",
    species=[ion("K", 1, 150.0, 2000), ion("Ca", 2, INSIDE, 2000), ion("A", -1, 150.0 + 2 * INSIDE, 2000)],
)
SERCA = {
    "name": "SERCA", "law": "hill", "species": "Ca", "maximum": f"{PUMP} mol/(m^2 s)", "half": "0.2 uM", "power": 2,
    "counter": "K",
}  # fmt: skip
BACK = {"name": "leak", "law": "ghk", "permeability": {"Ca": f"{LEAK} m/s"}, "counter": "K"}
RYR = {
    "name": "RyR", "law": "ghk", "permeability": {"Ca": f"{RELEASE} m/s"}, "counter": "K",
    "gates": [{"kinetics": "kl_o"}, {"kinetics": "kl_w"}],
}  # fmt: skip


def store(*mechanisms):
    return {"mechanism": list(mechanisms), "outside": {"compartment": "er", "potential": "inside"}}


def er(volume=STORE):
    inside = {"K": "150 mM", "Ca": f"{LUMEN} mM", "A": f"{150.0 + 2.0 * LUMEN} mM"}
    return {"er": {"volume": f"{volume * 1e18!r} um^3", "concentrations": inside}}


@pytest.fixture(scope="module")
def line(comm):
    shape = Cylinder(length=f"{LENGTH * 1e9} nm", radius=f"{RADIUS * 1e9} nm", dimension="1d")
    return generate(shape, MeshOptions(size="50 nm"), comm)


def receptor(c):
    """Open fraction of the fast states, and rates of adaptation, by Keizer and Levine; c in mM, rates in 1/s."""
    c = 1e3 * c
    S = 1.0 + 0.0192 / c**4 + c**3 * 1500.0 / 385.9
    return (1.0 + c**3 * 1500.0 / 385.9) / S, 0.1, 1.75 / S


def release(c, beyond, w):
    """Flux of calcium into the cell, mol/(m^2 s), at concentrations inside and beyond, and a gate w."""
    return (LEAK + RELEASE * receptor(c)[0] * w) * (beyond - c) - PUMP * c**2 / (2e-4**2 + c**2)


def steady_gate(c):
    _, up, down = receptor(c)
    return up / (up + down)


def test_a_stirred_store_follows_the_ordinary_differential_equations(line):
    """Release, adaptation and uptake by SciPy, to the tolerance of the steps; calcium and charge are kept."""
    times, tolerance = [0.1, 1.0], 1e-4

    def rates(_time, y):
        flux = AREA * release(*y)
        _, up, down = receptor(y[0])
        return [flux / VOLUME, -flux / STORE, up * (1.0 - y[2]) - down * y[2]]

    start = [INSIDE, LUMEN, steady_gate(INSIDE)]
    exact = solve_ivp(rates, (0.0, times[-1]), start, method="LSODA", rtol=1e-10, atol=1e-13, t_eval=times).y.T
    boundaries = {"base": {"potential": "0 mV"}, "wall": store(SERCA, BACK, RYR)}
    with TransientProblem(line, SALT, boundaries, compartments=er()) as problem:
        problem.begin("bulk")
        steps = problem.run(Schedule(duration=times[-1], times=times, tolerance=tolerance))
    ends = [step.solution for step in steps if any(abs(step.time - t) < 1e-12 for t in times)]
    assert exact[1][0] > 5.0 * INSIDE  # there is a release, and receptors adapt
    assert exact[-1][2] < 0.8 * start[2]
    for solution, (c, beyond, w) in zip(ends, exact, strict=True):
        inside, lumen = solution.volume.concentration["Ca"], solution.compartments["er"]
        assert inside == pytest.approx(c, rel=10.0 * tolerance)
        assert lumen["Ca"] == pytest.approx(beyond, rel=10.0 * tolerance)
        assert solution.mechanisms["wall", "RyR"].gate["kl_w"] == pytest.approx(w, rel=10.0 * tolerance)
        total = VOLUME * INSIDE + STORE * LUMEN
        assert VOLUME * inside + STORE * lumen["Ca"] == pytest.approx(total, rel=1e-11)
        assert 2.0 * lumen["Ca"] + lumen["K"] == pytest.approx(2.0 * LUMEN + 150.0, rel=1e-13)


def test_a_store_beside_a_bath_rests_where_pump_and_leaks_balance(line):
    """In the field and without space; potassium follows from the charge of the store."""
    boundaries = {"base": {"potential": "-70 mV", "concentrations": "bulk"}, "wall": store(SERCA, BACK, RYR)}
    beyond = brentq(lambda e: release(INSIDE, e, steady_gate(INSIDE)), INSIDE, 10.0, xtol=1e-18)
    with SteadyProblem(line, SALT, boundaries, SolverOptions(tolerance=1e-12), compartments=er()) as problem:
        solution, data = problem.solve(), problem.problem_data
    assert solution.compartments["er"]["Ca"] == pytest.approx(beyond, rel=1e-9)
    assert solution.compartments["er"]["K"] == pytest.approx(150.0 + 2.0 * (LUMEN - beyond), rel=1e-11)
    rest = rest_of(data, VOLUME, {"base": 1e-14, "top": 1e-14, "wall": AREA})
    found = dict(zip(rest.places, rest.exchanged, strict=True))
    assert found == pytest.approx({(0, 1): beyond, (0, 0): 150.0 + 2.0 * (LUMEN - beyond)}, rel=1e-9)
    flows = rest.currents["wall", "SERCA"]
    assert flows["Ca"] == pytest.approx(-2 * 96485.33212 * AREA * PUMP * 0.2, rel=1e-6)
    assert flows["K"] == pytest.approx(-flows["Ca"])


def test_a_pump_of_a_tracer_takes_what_diffusion_brings(line):
    """D (c_0 - c)/L = J c/(half + c) at the end of a line with a bath: a quadratic equation for c; here it is lost."""
    tracer = Electrolyte(species=[ion("T", 0, 1.0, 200)])
    boundaries = {
        "base": {"concentrations": "bulk"},
        "top": {"mechanism": {"name": "uptake", "law": "hill", "species": "T", "maximum": "1e-3 mol/(m^2 s)",
                              "half": "0.5 mM"}},
    }  # fmt: skip
    with SteadyProblem(line, tracer, boundaries, SolverOptions(tolerance=1e-13)) as problem:
        c = problem.solve().boundary["top"].concentration["T"]
    brought = 200e-12 / LENGTH
    b = 0.5 + 1e-3 / brought - 1.0
    assert c == pytest.approx(-b / 2.0 + math.sqrt(b**2 / 4.0 + 0.5), rel=1e-9)


def amounts(problem):
    """Amount of each species in the domain, and in each compartment, mol."""
    system, names = problem.system, problem.problem_data.electrolyte.names
    fields = system.equations.fields
    content = fields.weights.integral(np.ones(fields.owned), problem.progress.time_state.rates.content)
    inside = dict(zip(names, (content * system.step_data.scales.amount).tolist(), strict=True))
    states = dict(zip(system.equations.state_names(), problem.progress.time_state.rates.states, strict=True))
    volumes = {name: c.volume for name, c in problem.problem_data.compartments.items()}
    for key, c in states.items():
        _, place, _, name = key.split(".")
        inside[name] += volumes[place] * c
    return inside


#: All that moves calcium, without a counter-ion: a pump into the cleft, an exchanger and channels to it, a store.
OUTSIDE = {"Na": "145 mM", "K": "4 mM", "Ca": "2 mM", "A": "153 mM"}
ALL_IONS = Electrolyte(species=[
    ion("Na", 1, 10.0, 1330), ion("K", 1, 140.0, 1960), ion("Ca", 2, 1e-3, 220), ion("A", -1, 150.002, 200),
    ion("T", 0, 0.1, 200),
])  # fmt: skip
WALL = {
    "capacitance": {"value": "1 uF/cm^2"},
    "outside": {"compartment": "cleft"},
    "mechanism": [
        {"name": "NCX", "law": "exchanger", "kind": "ncx", "maximum": "20 mA/cm^2"},
        {"name": "Cav", "law": "ghk", "permeability": {"Ca": "1e-6 m/s"},
         "gates": [{"kinetics": "cal_m", "power": 2}, {"kinetics": "cal_c"}]},
        {"name": "NMDA", "law": "ghk", "permeability": {"Na": 1, "K": 1, "Ca": 10}, "conductance": "0.1 nS"},
    ],
}  # fmt: skip
APPARATUS = {
    "outside": {"compartment": "er", "potential": "inside"},
    "mechanism": [
        {**SERCA, "half": "1 uM", "into": "er"},
        RYR,
        {"name": "uptake", "law": "hill", "species": "T", "maximum": "100 ions/s", "half": "1 mM", "into": "cleft"},
    ],
}
PLACES = {
    "er": {"volume": "0.004 um^3", "concentrations": {"K": "140 mM", "Ca": "0.2 mM", "A": "140.4 mM"}},
    "cleft": {"volume": "0.1 um^3", "concentrations": {**OUTSIDE, "T": "0 mM"}},
}


def organelle(comm):
    obstacle = {"shape": "sphere", "centre": ["0 nm", "0 nm", "200 nm"], "radius": "100 nm"}
    shape = Cylinder(length="400 nm", radius="200 nm", dimension="axisymmetric", obstacle=obstacle)
    return generate(shape, MeshOptions(size="100 nm"), comm)


@pytest.mark.mpi
def test_domain_store_and_cleft_together_keep_every_species_on_any_number_of_ranks(comm):
    """Over steps of a closed cell around an apparatus: to rounding; the same on all numbers of ranks."""
    schedule, found = Schedule(duration=0.2e-3, tolerance=1e-2), []
    for group in [MPI.COMM_SELF, *([comm] if comm.size > 1 else [])]:
        boundaries = {"wall": WALL, "obstacle": APPARATUS}
        with TransientProblem(organelle(group), ALL_IONS, boundaries, compartments=PLACES) as problem:
            problem.begin("bulk")
            first = amounts(problem)
            steps = problem.run(schedule)
            last = amounts(problem)
        end = steps[-1].solution
        for name, amount in first.items():
            assert last[name] == pytest.approx(amount, rel=1e-12), name
        found.append([
            *(c for place in end.compartments.values() for c in place.values()),
            *(I for m in end.mechanisms.values() for I in m.current.values()),
            end.boundary["wall"].potential, end.volume.concentration["Ca"], end.volume.concentration["T"],
        ])  # fmt: skip
    for other in found[1:]:
        assert other == pytest.approx(found[0], rel=1e-8, abs=1e-18)
    assert end.compartments["cleft"]["T"] > 0.0
    assert end.compartments["er"]["Ca"] != pytest.approx(0.2, rel=1e-3)


def test_an_inner_shell_of_a_surface_is_a_store_too():
    case = parse_toml((CASES / "spine_organelles.toml").read_text(), "organelles")
    find_files(case, CASES)
    case["boundaries"]["inner_1"] = store(
        {
            "name": "uptake",
            "law": "hill",
            "species": "K",
            "maximum": "1e-9 mol/(m^2 s)",
            "half": "1 mM",
            "counter": "Na",
        }
    )
    case["compartments"] = {"er": {"volume": "0.01 um^3", "concentrations": {"Na": "12 mM", "K": "1 mM", "A": "13 mM"}}}
    case["study"] = {"kind": "transient", "duration": "1 ms"}
    assert make_case(case).boundaries["inner_1"].is_equipotential
