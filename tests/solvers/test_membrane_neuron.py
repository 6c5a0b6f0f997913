"""The neuron of paper 002 in a ball: its rest, Gauss' law, conservation in time, what its mechanisms see."""

import numpy as np
import pytest

from spinepnp.case.case import load_case
from spinepnp.checkout import validation_folder
from spinepnp.geometries import Ball
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Schedule, SteadyProblem, TransientProblem
from spinepnp.units import FARADAY
from spinepnp.validation import gnp
from spinepnp.validation.gnp.wall import WallModel
from support.cases import MS

#: Times of the stimulus of the tests, and of their end: one spike.
ONSET, END = 0.2, 6.0

#: The stimulus opens five times as many channels as that of the case, so that the spike comes soon.
STRONG = 5.0


@pytest.fixture(scope="module")
def case():
    glutamate = "boundaries.wall.mechanism.glutamate"
    permeability = {"K": STRONG * 5.507412844e-10, "Na": STRONG * 4.783422940e-10}
    more = ", ".join(f'{name} = "{value} m/s"' for name, value in permeability.items())
    changes = (f'{glutamate}.onset="{ONSET} ms"', f"{glutamate}.permeability={{ {more} }}")
    return load_case(validation_folder().parent / "neuron_ball.toml", changes)


@pytest.fixture(scope="module")
def mesh(case, comm):
    return generate(case.geometry, case.mesh, comm)


def charge(solution):
    """Charge of all ions in the domain, C."""
    amounts = solution.volume.amount
    return FARADAY * (amounts["K"] + amounts["Na"] - amounts["Cl"] - amounts["A"])


def membrane_charge(solution, capacitance):
    """Charge C_m S V_m of the membrane, C."""
    wall = solution.boundary["wall"]
    return capacitance * wall.area * wall.potential


def rest(case, mesh, traces="neutral", capacitance=None):
    """Steady state without the stimulus."""
    table = case.to_dict()["boundaries"]["wall"]
    table["mechanism"] = [m for m in table["mechanism"] if m["name"] != "glutamate"]
    table["traces"] = traces
    table["capacitance"] = {"value": capacitance} if capacitance else table["capacitance"]
    with SteadyProblem(
        mesh, case.electrolyte, {"wall": table}, probes=case.probes, closed={}, compartments=case.compartments
    ) as problem:
        return problem.solve()


# --- rest


def test_its_rest_is_that_of_the_well_stirred_model(case, mesh):
    """Potential within 0.01 mV, concentrations within 1e-4: C_m and the resolved layer in series are the paper's."""
    model, solution = gnp.Model("gnp"), rest(case, mesh)
    expected = model.rest()
    inside, outside = solution.volume.concentration, solution.compartments["outside"]
    assert 1e3 * solution.probes["centre"].potential == pytest.approx(expected[3], abs=1e-3)
    assert outside["K"] == pytest.approx(model.potassium_outside(expected), rel=1e-4)
    assert [inside["Na"], inside["Cl"]] == pytest.approx(expected[4:], rel=1e-4)
    assert charge(solution) == pytest.approx(
        membrane_charge(solution, case.boundaries["wall"].capacitance.value), rel=1e-9, abs=0.0
    )


def test_on_cells_that_do_not_resolve_the_layer_the_capacitance_is_that_of_the_paper(case, comm):
    coarse = generate(Ball(radius="7.5 um", dimension="1d"), MeshOptions(size="250 nm"), comm)
    solution = rest(case, coarse, capacitance="1 uF/cm^2")
    assert 1e3 * solution.probes["centre"].potential == pytest.approx(gnp.Model("gnp").rest()[3], abs=1e-2)
    assert charge(solution) == pytest.approx(membrane_charge(solution, 0.01), rel=1e-9, abs=0.0)


def test_gauss_law_holds_on_curved_cells_in_space(case, comm):
    """The integral of the potential over a curved wall is the same in the equations and in the results."""
    body = generate(Ball(radius="7.5 um", dimension="3d"), MeshOptions(size="3 um", order=2, element_degree=1), comm)
    solution = rest(case, body, capacitance="1 uF/cm^2")
    assert 1e3 * solution.probes["centre"].potential == pytest.approx(gnp.Model("gnp").rest()[3], abs=1e-2)
    assert charge(solution) == pytest.approx(membrane_charge(solution, 0.01), rel=1e-9, abs=0.0)


def test_laws_at_the_wall_of_the_layer_move_its_rest(case, mesh):
    """With local traces: -67.86 mV across the membrane, as without space with the layer of Gouy and Chapman."""
    solution = rest(case, mesh, "local", "1 uF/cm^2")
    neuron = WallModel(gnp.Model("gnp"), 0.01, case.electrolyte.absolute_permittivity)
    state = neuron.rest()
    V, at_wall, ions = neuron.seen(state)
    wall, inside = solution.boundary["wall"], solution.volume.concentration
    assert at_wall == pytest.approx(-67.861, abs=1e-3)
    assert 1e3 * np.array([solution.probes["centre"].potential, wall.potential]) == pytest.approx(
        [V, at_wall], abs=2e-3
    )
    assert [wall.concentration[name] for name in ("K", "Na", "Cl")] == pytest.approx(ions, rel=1e-4)
    assert [solution.compartments["outside"]["K"], inside["Na"], inside["Cl"]] == pytest.approx(state[3:], rel=1e-4)


# --- a spike


@pytest.fixture(scope="module")
def spike(case, mesh):
    """Times, ms, and solutions: at rest and after each step."""
    with TransientProblem(
        mesh, case.electrolyte, case.boundaries, probes=case.probes, compartments=case.compartments
    ) as problem:
        found = [(0.0, problem.begin("rest"))]
        for step in problem.steps(Schedule(duration=END * MS, tolerance=5e-4)):
            found.append((step.time / MS, step.solution))
    return found


def test_its_spike_is_that_of_the_well_stirred_model(spike):
    """Potential in time, and the time of the peak; the model has the same stimulus."""
    times = np.array([time for time, _ in spike])
    V = np.array([1e3 * solution.probes["centre"].potential for _, solution in spike])
    model, protocol = gnp.Model("gnp"), (gnp.Piece(ONSET, 0.0), gnp.Piece(END, STRONG * 0.195))
    trace = gnp.run(model, protocol, model.rest(), sample=1e-3, tolerance=1e-9)
    assert max(V) > 20.0 > -60.0 > V[0]
    slopes = np.abs(np.interp(times, trace.time, np.gradient(trace.V, trace.time)))
    assert np.all(np.abs(V - np.interp(times, trace.time, trace.V)) <= 0.2 + 0.02 * slopes)  # 20 us in time


def test_gauss_law_holds_through_a_spike(case, spike):
    """The charge inside is C_m S V_m (paper 002, eq. 7) to 1e-9 of that at rest."""
    capacitance = case.boundaries["wall"].capacitance.value
    unit = abs(membrane_charge(spike[0][1], capacitance))
    for _, solution in spike:
        assert abs(charge(solution) - membrane_charge(solution, capacitance)) <= 1e-9 * unit


def test_every_ion_inside_and_outside_together_is_kept_through_a_spike(case, spike):
    volume = case.compartments["outside"].volume
    for name in ("K", "Na", "Cl"):
        total = [s.volume.amount[name] + volume * s.compartments["outside"][name] for _, s in spike]
        assert total == pytest.approx([total[0]] * len(total), rel=1e-10, abs=0.0), name
