"""Laws of conductances: synapse, leaky neck, reduced spine; their numbers, limits, and cases that they refuse."""

import math
from typing import Any

import numpy as np
import pytest

from spinepnp.case.case import make_case
from spinepnp.validation.laws import ElectroneutralLaw, LeakyNeckLaw, ReducedSpine, SynapseLaw, facilitation
from spinepnp.validation.reference import table as references
from support.commands import refusal
from support.ions import ion

SALT = ElectroneutralLaw((1, -1), (167.0, 167.0), injected=0, diffusivity=200e-12, thermal_voltage=25.26e-3)
CYTOSOL = ElectroneutralLaw((1, 1, -1), (12.0, 155.0, 167.0), injected=0, diffusivity=200e-12, thermal_voltage=25.26e-3)
THIN = 0.5e-6 / (math.pi * 50e-9**2)


@pytest.mark.parametrize("row", references.rows("synapse"), ids=str)
def test_a_synapse_has_the_current_and_the_potentials_of_the_scalar_equation(row):
    G = 1e-6 / (math.pi * (row["radius"] * 1e-9) ** 2)
    law = SynapseLaw(SALT, G, 1e-9, 70e-3, row["load"] * 1e6)
    assert law.current() == pytest.approx(row["current"] * 1e-12, rel=1e-7)
    assert law.ground_potential(law.current()) == pytest.approx(row["V_base"] * 1e-3, rel=1e-7)
    assert law.potential() == pytest.approx(row["V_top"] * 1e-3, rel=1e-7)
    assert law.current() == pytest.approx(1e-9 * (70e-3 - law.potential()), rel=1e-12)
    # Ohm's law has a larger resistance, as salt gathers, and so a smaller current
    assert law.ohmic_current() < law.current()


def test_a_synapse_may_draw_ions_out_up_to_the_limiting_current():
    law = SynapseLaw(CYTOSOL, 1e-6 / (math.pi * 100e-9**2), 0.1e-9, -50e-3)
    assert law.current() == pytest.approx(1e-10 * (-50e-3 - law.potential()), rel=1e-12)
    assert law.current() > CYTOSOL.limiting_current(law.G)
    assert math.isnan(SynapseLaw(CYTOSOL, law.G, 1e-9, -50e-3).current())  # more sodium than there is
    assert SynapseLaw(CYTOSOL, law.G, 1e-9, 0.0).current() == 0.0
    shifted = SynapseLaw(CYTOSOL, law.G, 0.1e-9, -50e-3 - 65e-3, rest=-65e-3)
    assert shifted.current() == pytest.approx(law.current(), rel=1e-12)


@pytest.mark.parametrize("row", references.rows("leaky_neck"), ids=str)
def test_a_leaky_neck_has_the_potential_of_its_boundary_value_problem(row):
    law = LeakyNeckLaw(SALT, 5e-6, 100e-9, 200.0)
    assert float(law.voltage(row["current"] * 1e-12)) == pytest.approx(row["V_top"] * 1e-3, rel=1e-7)
    assert law.ohmic_voltage(row["current"] * 1e-12) == pytest.approx(row["V_ohm"] * 1e-3, rel=1e-6)
    assert law.space_constant() == pytest.approx(7.98679e-6, rel=1e-6)


def test_a_leaky_neck_is_a_cable_at_small_signals_and_a_neck_without_leak():
    law = LeakyNeckLaw(CYTOSOL, 5e-6, 100e-9, 200.0, reversal=1e-6)
    for current in (-1e-15, 1e-15):
        assert float(law.voltage(current)) == pytest.approx(law.ohmic_voltage(current), rel=1e-4)
    tight = LeakyNeckLaw(CYTOSOL, 5e-6, 100e-9, 0.0)
    assert float(tight.voltage(50e-12)) == pytest.approx(float(CYTOSOL.voltage(50e-12, 5e-6 / tight.area)), rel=1e-9)
    assert float(tight.voltage(50e-12, 2e-6)) == pytest.approx(
        float(CYTOSOL.voltage(50e-12, 2e-6 / tight.area)), rel=1e-9
    )
    assert math.isnan(float(tight.voltage(-20e-12)))  # the sodium of the end is used up at 1.5 pA
    # what leaves through the wall is what does not leave at the base
    x = np.linspace(0.0, 5e-6, 201)
    V = np.array([float(LeakyNeckLaw(SALT, 5e-6, 100e-9, 200.0).voltage(50e-12, place)) for place in x])
    leak = 200.0 * 2.0 * math.pi * 100e-9 * np.trapezoid(V, x)
    base = float(SALT.current(V[1], x[1] / law.area))  # over the first piece hardly any leaves
    assert leak + base == pytest.approx(50e-12, rel=1e-3)


def test_a_reduced_spine_begins_with_ohm_s_law_and_ends_with_that_of_the_synapse():
    spine = ReducedSpine(THIN, 0.03e-18, load_resistance=200e6)
    course = spine.respond([0.0, 1.0], lambda _: 1e-9, reversal=70e-3)
    law = SynapseLaw(SALT, THIN, 1e-9, 70e-3, 200e6)
    assert course.current == pytest.approx([law.ohmic_current(), law.current()], rel=1e-9)
    assert course.head[1] == pytest.approx(law.potential(), rel=1e-9)
    assert course.dendrite[1] == pytest.approx(200e6 * law.current(), rel=1e-9)
    assert course.salt[1] == pytest.approx(167.0 * math.exp((course.head[1] - course.dendrite[1]) / 25.26e-3), rel=1e-9)
    frozen = spine.respond([1.0], lambda _: 1e-9, reversal=70e-3, frozen=True)
    assert frozen.current == pytest.approx([law.ohmic_current()], rel=1e-9)


def test_the_load_of_a_reduced_spine_charges_with_its_time_constant():
    spine = ReducedSpine(THIN, 0.03e-18, load_resistance=200e6, load_capacitance=20e-12, rest=-70e-3)
    times = np.array([1e-3, 4e-3, 5e-3, 9e-3])
    course = spine.respond(times, lambda t: 50e-12 * (t < 5e-3), breaks=(5e-3,))
    risen = -10e-3 * np.expm1(-np.minimum(times, 5e-3) / 4e-3) * np.exp(-np.maximum(times - 5e-3, 0.0) / 4e-3)
    assert course.dendrite + 70e-3 == pytest.approx(risen, rel=1e-8)
    assert (course.head - course.dendrite)[[0, 1]] == pytest.approx(
        50e-12 * spine.neck_resistance(course.salt[:2]), rel=1e-9
    )
    assert course.head[2:] == pytest.approx(course.dendrite[2:], abs=1e-15)  # right after the end of the pulse, too


def pair(interval: float, rise: float = 0.5e-3, decay: float = 2e-3):
    peak = rise * decay / (decay - rise) * math.log(decay / rise)
    height = math.exp(-peak / decay) - math.exp(-peak / rise)

    def course(t: float) -> float:
        after = [s for s in (t, t - interval) if s > 0.0]
        return sum((math.exp(-s / decay) - math.exp(-s / rise)) / height for s in after)

    return course


@pytest.mark.parametrize("row", references.rows("facilitation"), ids=str)
def test_only_a_conductance_facilitates_by_salt(row):
    interval, course = row["interval"] * 1e-3, pair(row["interval"] * 1e-3)
    volume = row["head"] * 1e-18 + math.pi * 50e-9**2 * 0.5e-6 / 3.0
    spine = ReducedSpine(THIN, volume, load_resistance=200e6, load_capacitance=20e-12)
    times = np.linspace(0.0, interval + 10e-3, 3001)

    def ratio(scale: float, *, frozen: bool, **more: Any) -> float:
        found = spine.respond(times, lambda t: scale * course(t), breaks=(interval,), frozen=frozen, **more)
        return facilitation(found, interval)

    conductance, frozen = (ratio(1e-9, frozen=f, reversal=70e-3) for f in (False, True))
    assert conductance == pytest.approx(row["conductance"], abs=6e-6)
    assert frozen == pytest.approx(row["frozen"], abs=6e-6)
    assert conductance > frozen
    assert [ratio(50e-12, frozen=f) for f in (False, True)] == pytest.approx([row["current"]] * 2, abs=6e-6)


def test_the_resistance_of_the_neck_is_smooth_where_the_salt_is_that_of_the_bulk():
    spine = ReducedSpine(THIN, 0.03e-18)
    near, exact = 167.0 * (1.0 + np.array([-2e-5, -9e-6, 0.0, 9e-6, 2e-5])), spine.neck_resistance(167.0)
    expected = exact * (1.0 - np.array([-2e-5, -9e-6, 0.0, 9e-6, 2e-5]) / 2.0)
    assert spine.neck_resistance(near) == pytest.approx(expected, rel=1e-9)


AMPA = {"name": "AMPA", "law": "ohmic", "species": "C", "conductance": "1 nS", "reversal": "70 mV"}
BATH = {"C": "167 mM", "A": "167 mM"}
GHK = {"name": "g", "law": "ghk", "permeability": {"C": "1e-8 m/s"}}
HEAD = {"shape": "ball_neck", "head_radius": "500 nm", "neck_radius": "100 nm", "neck_length": "1 um",
        "cap_radius": "100 nm"}  # fmt: skip
REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("synapse", {}, {"top": {"mechanism": [AMPA, AMPA | {"name": "b"}]}}, "one mechanism"),
    ("synapse", {}, {"top": {"mechanism": AMPA | {"magnesium": "1 mM"}}}, "without gates and magnesium"),
    ("synapse", {}, {"top": {"mechanism": AMPA | {"gates": [{"kinetics": "rtm_n"}]}}}, "without gates and magnesium"),
    ("synapse", {}, {"top": {"mechanism": GHK, "outside": {"concentrations": BATH}}}, '"ohmic" of one species'),
    ("synapse", {}, {"top": {"mechanism": {k: v for k, v in AMPA.items() if k != "reversal"},
                             "outside": {"concentrations": BATH}}}, "with a reversal potential"),
    ("synapse", {}, {"top": {"mechanism": {k: v for k, v in AMPA.items() if k != "species"}
                             | {"carriers": {"C": 1.2, "A": -0.2}}}}, "of one species"),
    ("synapse", {}, {"top": {"current": {"species": "C", "value": "5 pA"}}}, "one mechanism"),
    ("synapse", {}, {"top": {"mechanism": AMPA, "current": {"species": "C", "value": "5 pA"}}}, "no current but that"),
    ("synapse", {}, {"top": {"mechanism": AMPA, "capacitance": {"value": "1 uF/cm^2"}}}, "and capacitance"),
    ("synapse", {}, {"top": {"mechanism": AMPA}, "base": {"potential": "0 mV", "concentrations": BATH}}, "bulk"),
    ("synapse", HEAD, {"cap": {"mechanism": AMPA}}, 'not "ball_neck"'),
    ("leaky_neck", {}, {"top": {"mechanism": AMPA}}, "at wall one mechanism"),
    ("leaky_neck", {}, {"wall": {"mechanism": AMPA}}, "one current, at base or top"),
    ("leaky_neck", {}, {"wall": {"mechanism": AMPA | {"species": "A"}},
                        "top": {"current": {"species": "C", "value": "5 pA"}}}, "C in the wall's mechanism"),
    ("leaky_neck", {}, {"wall": {"mechanism": AMPA}, "top": {"current": {"species": "C", "value": "5 pA"}},
                        "base": {"load": {"resistance": "1 MOhm"}, "concentrations": "bulk"}}, "a potential on base"),
    ("leaky_neck", {}, {"wall": {"mechanism": AMPA, "capacitance": {"value": "1 uF/cm^2"}},
                        "top": {"current": {"species": "C", "value": "5 pA"}}}, "and capacitance"),
    ("leaky_neck", {"shape": "cone", "length": "1 um", "base_radius": "100 nm", "top_radius": "90 nm"},
     {"wall": {"mechanism": AMPA}}, 'not "cone"'),
    ("electroneutral", {}, {"top": {"mechanism": AMPA}}, "no mechanisms"),
]  # fmt: skip


@pytest.mark.parametrize(("law", "geometry", "boundaries", "problem"), REFUSED)
def test_a_law_names_what_it_needs(law, geometry, boundaries, problem):
    tables = {
        "geometry": geometry or {"shape": "cylinder", "length": "1 um", "radius": "100 nm"},
        "electrolyte": {"species": [ion("C", 1, 167), ion("A", -1, 167)]},
        "boundaries": {"base": {"potential": "0 mV", "concentrations": "bulk"}} | boundaries,
        "compare": {"law": law},
    }
    error = refusal(lambda: make_case(tables))
    assert error.key == "compare.law"
    assert problem in error.problem
