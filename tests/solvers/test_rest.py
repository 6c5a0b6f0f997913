"""Rest of membranes: without space against laws, robust, and as the start of steady states."""

import math
from dataclasses import replace

import numpy as np
import pytest

import spinepnp as pnp
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.closed import Closed
from spinepnp.solvers.model.compartments import Compartment
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.membrane.rest import RestError, _Equations, find_rest
from spinepnp.solvers.model.membrane.well_stirred import molar_flows, outside_of
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.zero_dimensions import (
    exchanged_concentrations,
    rest_of,
    uncharged_membranes,
    well_stirred_cell,
)
from spinepnp.units import FARADAY

RADIUS = 7.5e-6
VOLUME, AREAS = 4.0 / 3.0 * math.pi * RADIUS**3, {"wall": 4.0 * math.pi * RADIUS**2}
V_T = 26.64e-3

#: Rest of paper 002's neuron with a constant pump: K_o, Na_i, Cl_i in mM, and V.
K_OUT, NA_IN, CL_IN, V_REST = 3.1674634958638901, 23.579174619559872, 10.414537331856835, -68.17167360001278e-3

LEAK = {"name": "leak", "law": "ghk", "permeability": {"K": "2e-8 m/s", "Na": "1e-9 m/s", "Cl": "4e-9 m/s"}}
PUMP = {"name": "pump", "law": "pump", "kind": "nak"}
KV = {
    "name": "Kv", "law": "ohmic", "species": "K", "conductance": "20 mS/cm^2",
    "gates": [{"kinetics": "rtm_n", "power": 4}],
}  # fmt: skip
NAV = {
    "name": "Nav", "law": "ohmic", "species": "Na", "conductance": "30 mS/cm^2",
    "gates": [{"kinetics": "rtm_m", "power": 3}, {"kinetics": "rtm_h"}],
}  # fmt: skip


#: Sodium inside with which the totals of the paper's neuron stand neutral on both sides, mM.
NA_START = K_OUT + CL_IN + 10.0


def _ions():
    inside = {"K": (1, 100.0 - K_OUT), "Na": (1, NA_START), "Cl": (-1, CL_IN), "A": (-1, 110.0)}
    found = [
        {"name": n, "valence": z, "diffusivity": "1000 um^2/s", "concentration": f"{c!r} mM"}
        for n, (z, c) in inside.items()
    ]
    return Electrolyte(thermal_voltage="26.64 mV", species=found)


def _neuron(*mechanisms, ratio=1.0, capacitance="1 uF/cm^2"):
    """Data of the neuron in a ball beside a compartment; ratio of the volumes outside and inside."""
    outside = {"K": f"{K_OUT!r} mM", "Na": f"{155.0 - NA_START!r} mM", "Cl": f"{145.0 - CL_IN!r} mM"}
    wall = {"outside": {"compartment": "bath"}, "mechanism": list(mechanisms)}
    if capacitance:
        wall["capacitance"] = {"value": capacitance}
    bath = Compartment(volume=f"{ratio * VOLUME * 1e18!r} um^3", concentrations=outside)
    return ProblemData(_ions(), {"wall": Boundary(**wall)}, Closed(), compartments={"bath": bath})


def _pump(rate="1.15782 uA/cm^2"):
    return PUMP | {"rate": rate}


@pytest.fixture(scope="module")
def ball():
    return pnp.mesh(pnp.Ball(radius="7.5 um", dimension="1d"), size="1.5 um")


def test_the_neuron_of_paper_002_rests_where_its_own_model_does():
    """Its charge stands in the layers here, in the concentrations there: 3 uM of ions."""
    rest = rest_of(_neuron(LEAK, _pump(), KV, NAV), VOLUME, AREAS)
    assert rest.potential == pytest.approx(V_REST, abs=1e-5)
    _, Na, Cl, _ = rest.inside
    assert [rest.exchanged[0], Na, Cl] == pytest.approx([K_OUT, NA_IN, CL_IN], rel=1e-4)
    net = sum(I for currents in rest.currents.values() for I in currents.values())
    assert abs(net) < 1e-9 * abs(rest.currents["wall", "pump"]["Na"])
    assert rest.currents["wall", "pump"]["Na"] == pytest.approx(-3.0 * 1.15782e-2 * AREAS["wall"])


def test_gated_channels_have_other_steady_potentials_and_the_one_of_leak_and_pump_is_meant():
    rest = rest_of(_neuron(LEAK, _pump(), KV, NAV), VOLUME, AREAS)
    assert len(rest.others) == 2
    assert min(rest.others) > rest.potential + 5e-3
    assert rest_of(_neuron(LEAK, _pump()), VOLUME, AREAS).others == ()


@pytest.mark.parametrize("capacitance", ["1 uF/cm^2", ""])
def test_without_a_pump_all_ions_that_pass_are_in_equilibrium(capacitance):
    """The Donnan state: V is the Nernst potential of each; nothing flows, and totals are kept."""
    data = _neuron(LEAK, capacitance=capacitance)
    rest, cell = rest_of(data, VOLUME, AREAS), well_stirred_cell(data, VOLUME, AREAS)
    z = cell.valences[:3]
    assert V_T / z * np.log(rest.exchanged / rest.inside[:3]) == pytest.approx(rest.potential, rel=1e-10)
    equations = _Equations(cell)
    amounts, _ = equations.amounts(equations.start(rest.potential, rest.inside, rest.exchanged))
    assert amounts[:3] + amounts[4:] == pytest.approx(cell.totals[:3], rel=1e-13)
    assert FARADAY * (cell.valences @ amounts[:4]) == pytest.approx(cell.charge(rest.potential)[0], abs=1e-20)


@pytest.mark.parametrize("ratio", [1e-3, 1e3])
@pytest.mark.parametrize(("leak", "pump"), [(0.1, 1e-2), (0.1, 1.0), (1.0, 3.0), (100.0, 1e-2), (100.0, 100.0)])
def test_rests_of_very_different_strengths_and_volumes_are_found(ratio, leak, pump):
    permeability = {ion: f"{leak * float(P.split()[0])!r} m/s" for ion, P in LEAK["permeability"].items()}
    maximum = PUMP | {"maximum": f"{pump * 7.2} uA/cm^2"}
    data = _neuron(LEAK | {"permeability": permeability}, maximum, KV, NAV, ratio=ratio)
    rest, cell = rest_of(data, VOLUME, AREAS), well_stirred_cell(data, VOLUME, AREAS)
    flows = molar_flows(cell, rest.potential, rest.inside, rest.exchanged)
    assert np.abs(flows.inflow) == pytest.approx(0.0, abs=1e-9 * flows.size.max())
    assert rest.inside @ cell.valences == pytest.approx(0.0, abs=1e-9)


def test_a_strong_pump_that_uses_up_an_ion_on_the_way_is_raised_from_zero():
    """From the bulk the potassium of the small compartment is used up before the sodium inside has fallen."""
    leak = LEAK | {"permeability": {"K": "3.2e-9 m/s", "Na": "1.6e-10 m/s", "Cl": "6.4e-10 m/s"}}
    data = _neuron(leak, PUMP | {"maximum": "23 uA/cm^2"}, ratio=0.022)
    cell = well_stirred_cell(data, VOLUME, AREAS)
    with pytest.raises(RestError, match=r"no rest: K in bath falls until it is used up .*"):
        find_rest(cell)
    rest = rest_of(data, VOLUME, AREAS)
    flows = molar_flows(cell, rest.potential, rest.inside, rest.exchanged)
    assert np.abs(flows.inflow) == pytest.approx(0.0, abs=1e-9 * flows.size.max())


def test_an_empty_compartment_is_no_steady_state(ball):
    """Newton's method alone comes to a negative one: the pump of paper 002 does not stop without potassium."""
    leak = LEAK | {"permeability": {"K": "1.2e-9 m/s", "Na": "6e-11 m/s", "Cl": "2.4e-10 m/s"}}
    data = _neuron(leak, PUMP | {"maximum": "67 uA/cm^2"}, ratio=0.03)
    with pytest.raises(
        pnp.SolveError, match=r"^no rest: K in bath falls until it is used up .*without space; the conc"
    ):
        pnp.solve_steady(
            ball,
            data.electrolyte,
            data.boundaries,
            {"continuation": "none", "formulation": "density"},
            closed={},
            compartments=data.compartments,
        )


@pytest.mark.parametrize("held", [True, False])
def test_a_leak_beside_a_bath_rests_at_the_potential_of_goldman_hodgkin_and_katz(held):
    """The bath holds the inside; else the only rest without a pump is that of the bath outside."""
    P, out = {"K": 2e-8, "Na": 1e-9, "Cl": 4e-9}, {"K": 3.0, "Na": 132.0, "Cl": 135.0}
    outside = {name: f"{c} mM" for name, c in out.items()}
    wall = Boundary(capacitance={"value": "1 uF/cm^2"}, outside={"concentrations": outside}, mechanism=[LEAK])
    boundaries = {"wall": wall} | ({"base": Boundary(potential="floating", concentrations="bulk")} if held else {})
    data = ProblemData(_ions(), boundaries, None if held else Closed())
    rest, inside = rest_of(data, VOLUME, AREAS | {"base": 1e-12}), _ions().bulk
    if held:
        upper = P["K"] * out["K"] + P["Na"] * out["Na"] + P["Cl"] * inside["Cl"]
        lower = P["K"] * inside["K"] + P["Na"] * inside["Na"] + P["Cl"] * out["Cl"]
        assert rest.potential == pytest.approx(V_T * math.log(upper / lower), rel=1e-12)
    else:  # Donnan with the impermeant anion: K Cl products are those outside
        K, Na, Cl, A = rest.inside
        assert K * Cl == pytest.approx(out["K"] * out["Cl"], rel=1e-6)
        assert Na * Cl == pytest.approx(out["Na"] * out["Cl"], rel=1e-6)
        assert pytest.approx(A, rel=1e-4) == _ions().bulk["A"]


def test_a_load_and_a_bath_share_the_potential():
    mechanism = {"name": "leak", "law": "ohmic", "species": "K", "conductance": "1 nS", "reversal": "-80 mV"}
    base = Boundary(load={"resistance": "500 MOhm", "rest": "-60 mV"}, concentrations="bulk")
    data = ProblemData(_ions(), {"wall": Boundary(mechanism=[mechanism]), "base": base})
    rest = rest_of(data, VOLUME, AREAS | {"base": 1e-12})
    assert rest.potential == pytest.approx(-(80e-3 * 1.0 + 60e-3 * 2.0) / 3.0)
    assert rest.load_current == pytest.approx(-rest.currents["wall", "leak"]["K"])


def test_a_compartment_beside_a_held_inside_takes_its_concentrations():
    """Each ion that passes comes to its equilibrium at the potential of the bath; a synapse that is shut moves none."""
    shut = {"name": "AMPA", "law": "ghk", "permeability": {"Na": "0 m/s", "K": "0 m/s"}}
    data = _neuron(LEAK)
    bath = Boundary(potential="-50 mV", concentrations="bulk")
    cap = Boundary(outside={"compartment": "cleft"}, mechanism=[shut])
    cleft = {"cleft": Compartment(volume="1 um^3", concentrations={"Na": "145 mM", "K": "4 mM", "Cl": "149 mM"})}
    data = replace(data, boundaries=data.boundaries | {"base": bath, "cap": cap}, closed=None)
    data = replace(data, compartments=data.compartments | cleft)
    rest = rest_of(data, VOLUME, AREAS | {"base": 1e-12, "cap": 1e-13})
    assert rest.potential == pytest.approx(-50e-3, rel=1e-12)
    assert exchanged_concentrations(data, rest).keys() == {"bath"}
    z = np.array([1.0, 1.0, -1.0])
    assert rest.exchanged == pytest.approx(rest.inside[:3] * np.exp(z * rest.potential / V_T), rel=1e-9)
    assert rest.currents["cap", "AMPA"] == {"Na": 0.0, "K": 0.0}


def test_a_pump_without_a_leak_is_refused():
    with pytest.raises(RestError, match="until it is used up"):
        rest_of(_neuron(_pump(), LEAK | {"permeability": {"Cl": "4e-9 m/s"}}), VOLUME, AREAS)


def test_what_has_no_place_without_space_is_refused():
    data = _neuron(LEAK)
    with pytest.raises(RestError, match="terms of the user"):
        rest_of(replace(data, custom=1), VOLUME, AREAS)
    clamp = Boundary(potential="0 mV", concentrations={"K": "100 mM"})
    with pytest.raises(RestError, match="some species only"):
        rest_of(replace(data, boundaries=data.boundaries | {"base": clamp}), VOLUME, AREAS | {"base": 1e-12})


def test_flows_have_exact_derivatives():
    cell = well_stirred_cell(_neuron(LEAK, PUMP | {"maximum": "7 uA/cm^2"}, KV, NAV), VOLUME, AREAS)
    V, inside, exchanged = -0.04, cell.inside, outside_of(cell, np.array([4.0, 130.0, 134.0]))[0][:3]
    at, point = molar_flows(cell, V, inside, exchanged), np.concatenate([[V], inside, exchanged])
    for j, size in enumerate(1e-6 * np.maximum(np.abs(point), 1e-2)):
        moved = [molar_flows(cell, x[0], x[1:5], x[5:]) for x in (point + s * size * np.eye(8)[j] for s in (1.0, -1.0))]
        for name in ("inflow", "outflow"):
            slope = (getattr(moved[0], name) - getattr(moved[1], name)) / (2.0 * size)
            exact = getattr(at, f"{name}_slopes")[:, j]
            assert exact == pytest.approx(slope, rel=1e-5, abs=1e-6 * np.abs(exact).max())


def test_steady_states_start_from_it_and_obey_gauss_law(ball):
    """Concentrations outside agree to the layer, whose ions the field takes from the wall's cells."""
    data = _neuron(LEAK, _pump(), KV, NAV)
    found = pnp.solve_steady(ball, data.electrolyte, data.boundaries, closed={}, compartments=data.compartments)
    rest = rest_of(data, VOLUME, AREAS)
    assert found.statistics.newton <= 4
    assert [*found.compartments["bath"].values()] == pytest.approx(rest.exchanged, rel=1e-6)
    wall = found.boundary["wall"]
    assert found.volume.charge == pytest.approx(wall.charge * wall.area, rel=1e-9)
    assert found.volume.potential == pytest.approx(rest.potential, abs=2e-6)


def test_a_transient_from_the_bulk_says_where_its_membrane_starts(ball):
    data = _neuron(LEAK, _pump(), KV, NAV)
    with pnp.TransientProblem(ball, data.electrolyte, data.boundaries, compartments=data.compartments) as problem:
        problem.begin("bulk")
        assert problem.remark == (
            "the membrane wall starts uncharged: V_m = 0 mV at the first step; "
            'study.initial = "rest" starts at -68.17 mV'
        )
        problem.begin("rest")
    transient = replace(data, transient=True)
    assert uncharged_membranes(transient, {"wall": V_REST}, VOLUME, AREAS) == ""
