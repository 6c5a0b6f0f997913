"""Tables of mechanisms, solutions outside and compartments: what they mean, and each mistake with its line."""

import re
import tomllib

import numpy as np
import pytest

from spinepnp.case.case import make_case, read_case
from spinepnp.case.digest import case_digest
from spinepnp.errors import CaseError
from spinepnp.solvers.model.arguments import check_kind
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.membrane.currents import GhkCurrent, NakPump, OhmicCurrent
from support import CASES
from support.cases import spine_case
from support.commands import refusal
from support.living import OUTSIDE, living

AREA = 1e-13  # m^2

CASE = make_case(living())
WALL, TOP = (CASE.boundaries[name] for name in ("wall", "top"))
LEAK, KV, PUMP = WALL.mechanisms
AMPA, SIMPLE = TOP.mechanisms
MECHANISMS = [(m, place) for place, boundary in (("wall", WALL), ("top", TOP)) for m in boundary.mechanisms]
IDS = [mechanism.name for mechanism, _ in MECHANISMS]


def current_of(mechanism, place, area=AREA):
    return mechanism.membrane_current(CASE.electrolyte, CASE.problem_data.outside_concentrations(place), area)


def _plain(mechanism):
    """Keys of a mechanism as in a file, with a constant strength."""
    return mechanism.model_dump(mode="json", exclude_none=True)


class TestMeaning:
    def test_a_resolved_case_is_itself_again(self):
        assert read_case(CASE.to_toml(), "again") == CASE
        assert case_digest(make_case(CASE.to_dict())) == case_digest(CASE)

    def test_laws_get_their_numbers_in_si(self):
        leak, kv, pump = (current_of(m, "wall") for m in (LEAK, KV, PUMP))
        assert isinstance(leak, GhkCurrent)
        assert leak.permeabilities == pytest.approx({1: 2e-8, 0: 1e-9, 2: 4e-9})
        assert isinstance(kv, OhmicCurrent)
        assert (kv.conductance, kv.shares, kv.reversal) == (pytest.approx(200.0), {1: 1.0}, None)
        assert isinstance(pump, NakPump)
        assert (pump.maximum, pump.rate, pump.moved) == (pytest.approx(0.0115782), None, (0, 1))
        simple = current_of(SIMPLE, "top")
        assert (simple.conductance, simple.reversal, simple.magnesium) == (pytest.approx(1e-9 / AREA), 0.0, 1.0)
        assert simple.shares == {0: 1.2, 1: -0.2}

    @pytest.mark.parametrize(("mechanism", "place"), MECHANISMS, ids=IDS)
    def test_tables_know_what_their_currents_depend_on(self, mechanism, place):
        """Currents change with the concentrations that the table names, on both sides, and with no others."""
        names, current = CASE.electrolyte.names, current_of(mechanism, place)
        assert tuple(names[i] for i in current.moved) == mechanism.moved
        state = np.array([-0.06]), np.array([[20.0, 140.0, 160.0, 1.0]]), np.array([145.0, 4.0, 149.0, 2.0])
        flows = current.open_current(*state)
        for slopes, read in ((flows.by_inside, mechanism.reads_inside), (flows.by_outside, mechanism.reads_outside)):
            assert {names[i] for i in np.flatnonzero(np.any(slopes, axis=(0, 1)))} == set(read)

    def test_a_slope_conductance_scales_ratios(self):
        """The slope of the current at the bulk, at its reversal potential, is the conductance, whatever the area."""
        inside = np.array([[s.concentration for s in CASE.electrolyte.species]])
        outside = np.array([145.0, 4.0, 149.0, np.nan])
        for area in (AREA, 3 * AREA):
            current = current_of(AMPA, "top", area)
            V = np.linspace(-0.1, 0.1, 20001)
            flows = current.open_current(V, np.repeat(inside, len(V), axis=0), outside)
            at = np.argmin(np.abs(flows.current.sum(axis=1)))
            assert -flows.by_potential[at].sum() * area == pytest.approx(1e-9, rel=1e-3)

    @pytest.mark.parametrize(("mechanism", "place"), MECHANISMS, ids=IDS)
    def test_currents_go_with_the_strength(self, mechanism, place):
        outside = np.array([145.0, 4.0, 149.0, np.nan])
        state = np.array([-0.06]), np.array([[20.0, 140.0, 160.0, 1.0]]), outside
        full, part = (current_of(m, place).open_current(*state) for m in (mechanism, mechanism.with_strength(0.25)))
        assert part.current == pytest.approx(0.25 * full.current, rel=1e-12)
        assert not current_of(mechanism.with_strength(0.0), place).open_current(*state).current.any()

    def test_a_waveform_is_a_factor(self):
        for time, factor in ((-1e-3, 0.0), (0.25e-3, 1.0), (0.75e-3, 0.0), (1.25e-3, 1.0)):
            there = TOP.at(time, time).mechanisms[0]
            assert there.conductance.value == pytest.approx(factor * 1e-9)
            assert there.waveform == "constant"
        assert WALL.at(1e-3, 1e-3) == WALL
        ends = CASE.study.schedule.ends([w for b in CASE.boundaries.values() for w in b.waveforms])
        assert all(ends[t] for t in (0.5e-3, 1e-3, 1.5e-3))
        before = CASE.problem_data.initial_steady_state()
        assert not before.boundaries["top"].mechanisms[0].is_active
        assert before.signature == CASE.problem_data.at(0.0, 0.1e-3).signature

    def test_a_synapse_and_a_table_of_factors(self, tmp_path):
        """Two time constants, with a peak of one; a table is linear between its rows, and zero outside of them."""
        twice = {"waveform": "biexponential", "rise": "0.2 ms", "decay": "2 ms", "onset": "1 ms"}
        synapse = Boundary(mechanism=_plain(SIMPLE) | twice)
        t = 1e-3 + np.linspace(0.0, 5e-3, 5001)
        g = np.array([synapse.at(x, x).mechanisms[0].conductance.value for x in t])
        expected = np.exp(-(t - 1e-3) / 2e-3) - np.exp(-(t - 1e-3) / 0.2e-3)
        assert g == pytest.approx(1e-9 * expected / expected.max(), rel=1e-5, abs=1e-15)
        file = tmp_path / "g.csv"
        file.write_text("time_ms,factor\n0,0\n1,2\n2,1\n")
        table = Boundary(mechanism=_plain(SIMPLE) | {"waveform": "table", "file": str(file)})
        found = [table.at(x, x).mechanisms[0].conductance.value for x in (-1e-3, 0.5e-3, 1.5e-3, 3e-3)]
        assert found == pytest.approx([0.0, 1e-9, 1.5e-9, 0.0])
        assert table.files == [str(file)]
        data = living(
            boundaries__top__mechanism__simple__waveform="table", boundaries__top__mechanism__simple__file=str(file)
        )
        first = case_digest(make_case(data))
        file.write_text("time_ms,factor\n0,0\n1,2\n2,-1\n")
        assert "has a negative factor" in str(refusal(lambda: make_case(data)))
        file.write_text("time_ms,factor\n0,0\n1,2\n2,0\n")
        assert case_digest(make_case(data)) != first

    def test_structure_for_compiled_equations(self):
        (entries,) = [found for name, found in CASE.problem_data.signature.terms if name == "mechanism"]
        kv, ampa = entries[1], entries[3]
        assert (kv.boundary, kv.name, kv.gates, kv.traces, kv.compartment) == (
            "wall", "Kv", ("rtm_n", "1"), "neutral", None,
        )  # fmt: skip
        assert (ampa.moved, ampa.reads_outside, ampa.compartment) == (("Na", "K"), ("Na", "K"), "cleft")
        stronger = make_case(living(boundaries__wall__mechanism__Kv__conductance="1 nS")).problem_data
        assert stronger.signature == CASE.problem_data.signature
        local = make_case(living(boundaries__wall__traces="local", boundaries__wall__mechanism__leak__traces="neutral"))
        seen = [entry.traces for entry in dict(local.problem_data.signature.terms)["mechanism"]]
        assert seen == ["neutral", "local", "local", "neutral", "neutral"]

    def test_answers_for_other_code(self):
        salt = CASE.electrolyte
        assert WALL.carries(salt) == {"Na", "K", "Cl"}
        assert TOP.driven == ["Na", "K"]
        assert WALL.determines(salt) == {"Na", "K", "Cl"}
        assert TOP.determines(salt) == {"Na", "K"}
        fixed = Boundary(mechanism=[_plain(SIMPLE), PUMP.model_copy()])
        assert fixed.determines(salt) == set()
        assert not Boundary(mechanism=AMPA.with_strength(0.0)).carries(salt)
        assert not CASE.problem_data.equilibrium_bounds()

    def test_one_potential_outside(self):
        assert WALL.outside_potential == WALL.capacitance.outside == 0.005
        assert TOP.outside_potential == 0.0
        other = Boundary(capacitance={"value": "0.01 F/m^2", "outside": "-70 mV"}, mechanism=LEAK)
        assert other.outside_potential == -0.07
        both = {"capacitance": {"value": "0.01 F/m^2", "outside": "-70 mV"}, "outside": {"potential": "-70 mV"}}
        assert Boundary(**both).outside_potential == -0.07
        half = WALL.scaled(0.5, CASE.electrolyte, 0.001)
        assert half.outside_potential == half.capacitance.outside == pytest.approx(0.003)
        assert half.mechanisms[1].conductance.value == pytest.approx(100.0)
        varied = CASE.with_value("boundaries.wall.outside.potential", "7 mV").boundaries["wall"]
        assert varied.outside_potential == varied.capacitance.outside == 0.007

    def test_concentrations_outside(self):
        data = CASE.problem_data
        assert data.outside_concentrations("wall") == data.outside_concentrations("top")
        assert data.outside_concentrations("wall") == {"Na": 145.0, "K": 4.0, "Cl": 149.0}
        assert data.outside_concentrations("base") == {}

    def test_q10_brings_rates_to_the_temperature_of_the_electrolyte(self):
        """Three times for ten kelvin, from the 6.3 degrees of the squid; an explicit temperature replaces those."""
        warm = CASE.electrolyte.model_copy(update={"thermal_voltage": None, "temperature": 289.45})
        for celsius, factor in ((None, 3.0), (16.3, 1.0)):
            gate = {"kinetics": "hh_n", "q10": 3.0} | ({} if celsius is None else {"celsius": celsius})
            mechanism = Boundary(mechanism={**_plain(SIMPLE), "gates": gate}).mechanism[0]
            assert mechanism.gates[0].kinetics_object(warm).factor == pytest.approx(factor)


GATE = "boundaries__wall__mechanism__Kv__gates"
KV_PATH = "boundaries__wall__mechanism__Kv"
LEAK_PATH = "boundaries__wall__mechanism__leak"
PUMP_PATH = "boundaries__wall__mechanism__pump"
AMPA_PATH = "boundaries__top__mechanism__AMPA"
SIMPLE_PATH = "boundaries__top__mechanism__simple"
STEADY = {"study": {"kind": "steady"}}

#: Changes of the case above, and what its one line of error then holds.
NCX = {"name": "NCX", "law": "exchanger", "kind": "ncx", "maximum": "1 uA/cm^2"}


def pumped(**changes):
    """A wall with a pump of the tracer, with changes of its keys."""
    pump = {"name": "uptake", "law": "hill", "species": "T", "maximum": "1e-6 mol/(m^2 s)", "half": "1 mM"} | changes
    return {"boundaries__wall__mechanism": [{key: value for key, value in pump.items() if value is not None}]}


MISTAKES = {
    "law": ({f"{LEAK_PATH}__law": "gkh"}, "wall.mechanism.leak.law = \"gkh\""),
    "word": ({"boundaries__wall__mechanism": "leak"}, 'mechanism = "leak": write a table such as'),
    "word of a gate": ({GATE: "rtm_n"}, 'write a table such as { kinetics = "rtm_n"'),
    "no name": ({f"{LEAK_PATH}__name": None}, "name: is missing"),
    "species": ({f"{KV_PATH}__species": "Kk"}, 'wall.mechanism.Kv.species = "Kk": no such species; did you mean "K"'),
    "species of shares": ({f"{SIMPLE_PATH}__carriers": {"Na": 1.2, "X": -0.2}},
                          "simple.carriers = \"X\": no such species"),
    "species of permeabilities": ({f"{LEAK_PATH}__permeability__Ca": "1e-9 m/s"},
                                  'permeability = "Ca": no such species'),
    "sum of shares": ({f"{SIMPLE_PATH}__carriers": {"Na": 1.2, "K": -0.1}}, "must sum to one, not to 1.1"),
    "shares and nernst": ({f"{SIMPLE_PATH}__reversal": "nernst"}, "no Nernst potential in common"),
    "shares without reversal": ({f"{SIMPLE_PATH}__reversal": None}, "no Nernst potential in common"),
    "shares and species": ({f"{SIMPLE_PATH}__species": "Na"}, "has species and carriers, which exclude"),
    "neither": ({f"{KV_PATH}__species": None}, "needs either species"),
    "no ion outside": ({"boundaries__wall__outside__concentrations__K": "0 mM"}, "no K is outside, so it"),
    "ion not given": ({"boundaries__wall__outside__concentrations": {"Na": "145 mM", "Cl": "145 mM"}},
                      "outside.concentrations: the mechanism leak needs that of K; add it"),
    "nothing outside": ({"boundaries__wall__outside": None}, "the mechanism leak needs that of K; add it"),
    "nernst of a tracer": ({f"{KV_PATH}__species": "T"}, 'Kv.species = "T": carries no charge'),
    "negative": ({f"{KV_PATH}__conductance": "-1 nS"}, 'conductance = "-1 nS": must be zero or greater'),
    "unit": ({f"{KV_PATH}__conductance": "1 nS/cm"}, "conductance per area"),
    "number": ({f"{KV_PATH}__conductance": 3.0}, "must be a conductance per area"),
    "permeabilities mixed": ({f"{LEAK_PATH}__permeability__K": 2.0}, "permeability of K needs a unit"),
    "ratio with a unit": ({f"{AMPA_PATH}__permeability__K": "1 um/s"}, "permeability of K beside a conductance"),
    "no ratio": ({f"{AMPA_PATH}__permeability": {"Na": 0, "K": 0}}, "must be larger than zero"),
    "no permeability": ({f"{LEAK_PATH}__permeability": None}, 'law = "ghk" needs permeability'),
    "no reversal": ({f"{AMPA_PATH}__permeability": {"Na": 1}, "compartments__cleft__concentrations":
                     {"Na": "0 mM", "K": "149 mM", "Cl": "149 mM"}}, "no reversal potential"),
    "volume": ({"compartments__cleft__volume": "0 um^3"}, "compartments.cleft.volume"),
    "unknown compartment": ({"boundaries__top__outside__compartment": "clef"},
                            "there is no [compartments.clef]; did you mean"),
    "no compartments": ({"compartments": None}, "there is no [compartments.cleft]; add it"),
    "species of a compartment": ({"compartments__cleft__concentrations__X": "1 mM"},
                                 "cleft.concentrations.X: no such species"),
    "incomplete compartment": ({"compartments__cleft__concentrations": {"K": "149 mM", "Cl": "149 mM"}},
                               "compartments.cleft.concentrations: the mechanism AMPA needs that of Na"),
    "charged compartment": ({"compartments__cleft__concentrations__Na": "146 mM"}, "leave 1 mM here"),
    "compartment of nobody": ({"compartments__other": {"volume": "1 um^3", "concentrations": {"K": "0 mM"}}},
                              "compartments.other: lies beyond no boundary"),
    "both outside": ({"boundaries__top__outside__concentrations": OUTSIDE}, "drop outside.concentrations"),
    "species outside": ({"boundaries__wall__outside__concentrations__Ka": "1 mM"},
                        "wall.outside.concentrations.Ka: no such"),
    "blocked pump": ({f"{PUMP_PATH}__magnesium": "1 mM"}, "magnesium is no key of law"),
    "kind of pump": ({f"{PUMP_PATH}__kind": None}, 'law = "pump" needs kind'),
    "pump twice": ({f"{PUMP_PATH}__rate": "1 pA"}, "a pump has maximum and rate, which exclude"),
    "pump of nothing": ({f"{PUMP_PATH}__maximum": None}, "needs either maximum"),
    "pump without Na": ({"electrolyte__species__Na__name": "Li", "boundaries__wall__mechanism__leak": None,
                         "boundaries__top": None, "compartments": None,
                         "boundaries__wall__outside__concentrations": {"K": "4 mM"}},
                        "pump.kind = \"nak\": moves Na and K, and there is no Na of valence 1"),
    "species held here": ({"boundaries__wall__concentrations": {"K": "155 mM"}},
                          "its concentration is prescribed here too"),
    "two potentials outside": ({"boundaries__wall__capacitance__outside": "1 mV"},
                               'wall.outside.potential = "5 mV": says the same as capacitance.outside = "1 mV"'),
    "reserved": ({f"{LEAK_PATH}__name": "load"}, 'mechanism.0.name = "load": is a word of the results'),
    "reserved compartment": ({"compartments__cleft": None, "boundaries__top__outside__compartment": "volume",
                              "compartments__volume": {"volume": "1 um^3", "concentrations": OUTSIDE}},
                             'compartments = "volume": is a word'),
    "letters": ({f"{LEAK_PATH}__name": "K-leak"}, "must be a letter and then letters, digits or _"),
    "twice": ({f"{LEAK_PATH}__name": "Kv"}, 'mechanism.1.name = "Kv": is taken'),
    "sine": ({f"{KV_PATH}__waveform": "sine"}, 'Kv.waveform = "sine": a strength takes no sine'),
    "sine with its keys": ({f"{AMPA_PATH}__waveform": "sine", f"{AMPA_PATH}__frequency": "10 Hz"},
                           'top.mechanism.AMPA.waveform = "sine": a strength takes no sine'),
    "key of a sine": ({f"{AMPA_PATH}__frequency": "10 Hz"}, 'AMPA.frequency = "10 Hz": a strength takes no sine'),
    "waveform": ({f"{AMPA_PATH}__duration": None}, 'waveform = "pulse" needs duration'),
    "steady": (STEADY, 'boundaries.top.mechanism.AMPA.waveform = "pulse": goes in time'),
    "no kinetics": ({GATE: [{"power": 4}]}, "gates.0: a gate needs kinetics"),
    "two kinetics": ({GATE: [{"kinetics": "hh_n", "alpha": "1/ms", "beta": "1/ms"}]}, "give one of these only"),
    "kinetics": ({GATE: [{"kinetics": "hh_k"}]}, "gates.0.kinetics"),
    "expression": ({GATE: [{"alpha": "import(V)", "beta": "1/ms"}]}, 'Kv.gates.0.alpha = "import(V)": '),
    "overflow": ({GATE: [{"alpha": "exp(1000*V/(1 mV))/ms", "beta": "1/ms"}]},
                 'wall.mechanism.Kv.gates.0.alpha = "exp(1000*V/(1 mV))/ms": its value overflows at V = 0.25 mV (rates '
                 "are checked from -150 to 150 mV); divide V in the exponent by a larger potential"),
    "second gate": ({GATE: [{"kinetics": "hh_m"}, {"kinetics": "hh_n", "power": 0}]}, "Kv.gates.hh_n.power = 0: must"),
    "one table": ({"boundaries__top__mechanism": living()["boundaries"]["top"]["mechanism"][0] | {"kind": 1}},
                  "boundaries.top.mechanism.AMPA.kind = 1: must"),
    "rate": ({GATE: [{"alpha": "V", "beta": "1/ms"}]}, "not 1/time"),
    "half a gate": ({GATE: [{"half": "1 mV", "time": "1 ms"}]}, "needs slope; add it"),
    "gate twice": ({GATE: [{"kinetics": "hh_n"}, {"kinetics": "hh_n"}]}, "raise its power"),
    "celsius": ({GATE: [{"kinetics": "hh_n", "celsius": 6.3}]}, "celsius is for q10"),
    "q10": ({GATE: [{"kinetics": "rtm_n", "q10": 3.0}]}, "q10 needs celsius"),
    "floating": ({"boundaries__wall": None, "boundaries__top__potential": "floating",
                  "boundaries__top__concentrations": {"Cl": "167 mM"}}, "no place in the net current of a floating"),
    "no level": ({"boundaries__base": None, "boundaries__wall": None, "closed": {}, AMPA_PATH: None},
                 "boundaries.top.mechanism: depends on a potential that nothing here is relative to"),
    "traces": ({"boundaries__wall__traces": "wall"}, "boundaries.wall.traces"),
    "traces of one": ({f"{KV_PATH}__traces": "bulk"}, "traces"),
    "key of another law": ({f"{KV_PATH}__permeability": {"K": "1 um/s"}}, "permeability is no key of law"),
    "unknown key": ({f"{KV_PATH}__conductanc": "1 nS"}, "did you mean \"conductance\""),
    "rest of a compartment": ({"study__initial": "rest"},
                              "compartments.cleft: has no steady concentration of K: no current there comes to rest"),
    "kind of an exchanger": ({"boundaries__wall__mechanism": [NCX | {"kind": "nak"}]}, 'write kind = "ncx"'),
    "exchanger without Ca": ({"boundaries__wall__mechanism": [NCX]},
                             'NCX.kind = "ncx": moves Na and Ca, and there is no Ca of valence 2; add it'),
    "flux of an exchanger": ({"boundaries__wall__mechanism": [NCX | {"maximum": "1 mol/(m^2 s)"}]},
                             'maximum of law = "exchanger" is a current density ("100 A/m^2") or current ("50 pA")'),
    "no species of hill": (pumped(species=None), 'law = "hill" needs species; add it'),
    "species of hill": (pumped(species="Ca"), 'uptake.species = "Ca": no such species'),
    "current of hill": (pumped(maximum="1 pA"), 'maximum of law = "hill" is a flux'),
    "negative maximum": (pumped(maximum="-1 mol/(m^2 s)"), "must be zero or greater"),
    "half": (pumped(half="0 mM"), "uptake.half"),
    "power of hill": (pumped(power=0.5), "uptake.power = 0.5: must be"),
    "gate of hill": (pumped(gates=[{"kinetics": "hh_n"}]), "gates is no key of law"),
    "into nothing": (pumped(into="er"), 'wall.mechanism.uptake.into = "er": there is no [compartments.er]'),
    "into one without it": (pumped(into="cleft"),
                            "compartments.cleft.concentrations: the mechanism uptake needs that of T; add it"),
    "counter-ion": (pumped(counter="T"), "the counter-ion T must not be what it moves"),
    "counter-ion without charge": (pumped(species="K", counter="T"), 'uptake.counter = "T": carries no charge'),
    "unknown counter-ion": (pumped(species="K", counter="H"), 'uptake.counter = "H": no such species'),
    "no capacitance": ({"boundaries__wall__outside__potential": "inside"},
                       'wall.outside.potential = "inside": leaves no potential for a capacitance'),
    "potential outside": ({"boundaries__wall__outside__potential": "outside"}, "wall.outside.potential"),
    "gate of no species": ({GATE: [{"kinetics": "lr_h"}]},
                           "Kv.gates: depends on [IP3], which is no species of the case; add it, or give constants"),
    "constant of a species": ({GATE: [{"steady": "[K]/([K] + 1 mM)", "constants": {"K": "1 mM"}}]},
                              "Kv.gates.constants.K: is a species of the case; drop it"),
    "unused constant": ({GATE: [{"kinetics": "hh_n", "constants": {"Ca": "1 uM"}}]},
                        "constants.Ca stands in no formula of the gate"),
    "no steady value": ({GATE: [{"tau": "1 ms"}]}, "a gate with tau needs steady; add it"),
    "steady above one": ({GATE: [{"steady": "1 + [K]/(1 mM)"}]}, "steady is above one at V = "),
    "initial fields": ({"study__initial": "rest", SIMPLE_PATH: None,
                        "initial": {"region": [{"z": ["0 um", "0.5 um"], "concentrations": {"T": "2 mM"}}]}},
                       'study.initial = "rest"; drop one'),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_have_one_line(changes, message):
    line = str(refusal(lambda: make_case(living(**changes))))
    assert message in line
    assert "\n" not in line


def test_gates_have_the_name_of_their_kinetics_or_their_number_from_0():
    assert KV.gate_labels == ("rtm_n", "1")


def test_the_example_of_the_docs_is_good():
    text = (CASES.parent / "docs" / "case-file.md").read_text()
    block = re.search(r"### Living membranes.*?```toml\n(.*?)```", text, flags=re.S)[1]
    spine = spine_case(electrolyte=living()["electrolyte"], study={"kind": "transient", "duration": "1 ms"})
    example = tomllib.loads(block)
    spine["boundaries"] = {"base": {"potential": "0 mV", "concentrations": "bulk"}} | example.pop("boundaries")
    case = make_case(spine | example)
    names = [m.name for boundary in case.boundaries.values() for m in boundary.mechanisms]
    assert names == ["leak", "Kv", "pump", "AMPA", "simple"]


def test_what_is_allowed():
    """A mechanism where the potential is held, and beside species that are held; one table in place of a list."""
    held = living(boundaries__top__potential="0 mV", boundaries__top__concentrations={"Cl": "167 mM"})
    assert make_case(held).boundaries["top"].mechanisms == TOP.mechanisms
    alone = living(boundaries__top__mechanism=living()["boundaries"]["top"]["mechanism"][0])
    assert [m.name for m in make_case(alone).boundaries["top"].mechanisms] == ["AMPA"]
    charged = living(compartments__cleft__concentrations__Na="146 mM", electrolyte__neutral=False)
    assert make_case(charged).problem_data.compartments["cleft"].concentrations["Na"] == 146.0


def test_a_charge_of_the_domain_may_be_balanced_beyond_it():
    """1 mM of chloride more in a closed neck of 10 pi 10^-3 um^3, and as much less in a cleft of 10^-2 um^3."""
    sealed = {"boundaries__base__concentrations": None, "boundaries__wall__mechanism": None, SIMPLE_PATH: None}
    surplus = {"closed": {"amounts": {"Cl": f"{168e-18 * np.pi * 0.01!r} mol"}}}
    balanced = {"compartments__cleft__concentrations__Cl": f"{149.0 - np.pi!r} mM"}
    make_case(living(**sealed, **surplus, **balanced))
    assert "leave -3.14159265 mM" in str(refusal(make_case, living(**sealed, **surplus)))


def test_species_that_only_a_fixed_reversal_lets_pass_have_no_steady_amount():
    sealed = living(
        boundaries__base__concentrations=None, boundaries__wall__mechanism=None, boundaries__top__mechanism__AMPA=None,
        boundaries__top__outside=None, compartments=None, closed={}, **STEADY,
    )  # fmt: skip
    assert "lets K pass, which nothing else holds" in str(refusal(make_case, sealed))


def test_in_python_a_waveform_is_no_steady_problem():
    with pytest.raises(CaseError, match="goes in time"):
        check_kind(CASE.boundaries, transient=False)
    check_kind(CASE.boundaries, transient=True)


def test_the_example_of_calcium_is_good():
    text = (CASES.parent / "docs" / "case-file.md").read_text()
    example = tomllib.loads(re.search(r"### Calcium.*?```toml\n(.*?)```", text, flags=re.S)[1])
    case = tomllib.loads((CASES / "calcium_store.toml").read_text())
    example["boundaries"]["wall"]["outside"] = case["boundaries"]["wall"]["outside"]
    boundaries = case["boundaries"] | example["boundaries"]
    found = make_case(case | {"boundaries": boundaries, "compartments": example["compartments"]})
    names = [m.name for name in ("wall", "obstacle") for m in found.boundaries[name].mechanisms]
    assert names == ["PMCA", "NCX", "CaL", "SERCA", "leak", "RyR"]
