"""Presets: buffers at binding equilibrium, charge and totals; the tables that short forms become; what is refused."""

import re
import tomllib

import jsonschema
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import null_space

from spinepnp.batch.sweep import load_sweep
from spinepnp.case import expand_presets, load_case
from spinepnp.case.buffers import Ligand, _total_of_capacity
from spinepnp.case.case import make_case
from spinepnp.case.digest import case_digest
from spinepnp.case.preset_library import library
from spinepnp.case.remarks import remarks_of
from spinepnp.commands.list import list_topics
from spinepnp.errors import CaseError
from spinepnp.reference import presets_page, schema
from spinepnp.units import CONCENTRATION, FIRST_ORDER, FLUX, SECOND_ORDER, parse_quantity
from support import CASES, ROOT

#: Bulk of the ions that buffers bind, mol/m^3.
BULK = {"Ca": 1e-4, "Mg": 0.59}

IONS = [{"use": ion, "concentration": f"{c} mM"} for ion, c in BULK.items()]
SALT = [{"use": "K", "concentration": "150 mM"}, {"use": "Cl", "concentration": "151 mM"}]

#: Keys of a buffer.
ONE = {"concentration": "1 uM"}
RATES = {"forward": "1 1/(M s)", "backward": "1 1/s"}

#: Concentration of each buffer in these tests, mol/m^3.
TOTAL = 0.04


def expanded(*buffers, species=(), **keys):
    """Electrolyte with buffers, neutral by chloride."""
    table = {"species": [*IONS, *SALT, *species], "buffers": list(buffers), "balance": "Cl", **keys}
    return expand_presets({"electrolyte": table})[0]["electrolyte"]


def concentrations(electrolyte):
    return {s["name"]: parse_quantity(s["concentration"], CONCENTRATION) for s in electrolyte["species"]}


def parsed(reaction):
    """Both sides of a reaction, and its rate constants."""
    left, right = ([part.strip() for part in side.split(" + ")] for side in reaction["equation"].split("<->"))
    forward = parse_quantity(reaction["forward"], SECOND_ORDER)
    return left, right, forward, parse_quantity(reaction["backward"], FIRST_ORDER)


BUFFERS = sorted(library()["buffers"])


@pytest.mark.parametrize("name", BUFFERS)
def test_a_buffer_is_at_equilibrium_with_the_bulk(name):
    """Shares of the states against the null space of their rate matrix, with the ligands held."""
    electrolyte = expanded({"use": name, "concentration": f"{TOTAL} mM"})
    states = [s["name"] for s in electrolyte["species"][4:]]
    rates = np.zeros((len(states), len(states)))
    for (ligand, free), (bound,), forward, backward in map(parsed, electrolyte["reactions"]):
        i, j = states.index(free), states.index(bound)
        up, down = forward * BULK[ligand], backward
        rates[[i, j, i, j], [i, i, j, j]] += -up, up, down, -down
    c = concentrations(electrolyte)
    amounts = np.array([c[state] for state in states])
    modes = null_space(rates, rcond=1e-9)
    assert modes.shape[1] == sum(1 for _ in library()["buffers"][name]["sites"])
    # The equilibrium lies in the space of rests, and each class of sites has its whole amount.
    assert modes @ (modes.T @ amounts) == pytest.approx(amounts, rel=1e-9)
    first = 0
    for site in library()["buffers"][name]["sites"]:
        last = first + 1 + len(site["states"])
        assert amounts[first:last].sum() == pytest.approx(TOTAL * site.get("count", 1), rel=1e-12)
        first = last


def test_reactions_conserve_charge_and_the_bulk_is_neutral():
    buffers = [{"use": name, "concentration": "20 uM", "name": f"B{i}"} for i, name in enumerate(BUFFERS)]
    electrolyte = expanded(*buffers, {"use": "BAPTA", "concentration": "1 mM", "valence": -4})
    valences = {s["name"]: s["valence"] for s in electrolyte["species"]}
    assert len(valences) == len(electrolyte["species"])
    for left, right, *_ in map(parsed, electrolyte["reactions"]):
        assert sum(valences[name] for name in left) == sum(valences[name] for name in right)
    assert (valences["BAPTA"], valences["BAPTA_Ca"]) == (-4, -2)
    charges = [valences[name] * c for name, c in concentrations(electrolyte).items()]
    assert abs(sum(charges)) < 1e-12 * sum(map(abs, charges))


def test_classes_of_sites_bind_as_the_whole_molecule_does():
    """Calcium bound to calbindin after a jump, by the nine states of the molecule, and by its two classes of sites."""
    sites = library()["buffers"]["calbindin-D28k"]["sites"]
    constants = [parsed({"equation": "Ca + B <-> C", **site["states"][0]})[2:] for site in sites]
    calcium = 2e-3

    def molecule(_, y):
        p, dp = y.reshape(3, 3), np.zeros((3, 3))
        for axis, (forward, backward) in enumerate(constants):
            for k in range(2):
                take = [slice(None), slice(None)]
                low, high = list(take), list(take)
                low[axis], high[axis] = k, k + 1
                flow = (2 - k) * forward * calcium * p[tuple(low)] - (k + 1) * backward * p[tuple(high)]
                dp[tuple(low)] -= flow
                dp[tuple(high)] += flow
        return dp.ravel()

    def classes(_, y):
        return [on * calcium * (2.0 - b) - off * b for b, (on, off) in zip(y, constants, strict=True)]

    start, end = np.eye(1, 9).ravel(), 0.02
    full = solve_ivp(molecule, (0, end), start, method="LSODA", rtol=1e-10, atol=1e-13).y[:, -1].reshape(3, 3)
    reduced = solve_ivp(classes, (0, end), [0.0, 0.0], method="LSODA", rtol=1e-10, atol=1e-13).y[:, -1]
    bound = [full.sum(axis=1) @ [0, 1, 2], full.sum(axis=0) @ [0, 1, 2]]
    assert 0.1 < bound[1] / 2 < 0.9
    assert reduced == pytest.approx(bound, rel=1e-7)


def test_a_capacity_is_the_slope_of_the_bound_calcium():
    electrolyte = expanded({"use": "endogenous", "capacity": 20})
    c, (_, _, forward, backward) = concentrations(electrolyte), parsed(electrolyte["reactions"][0])
    total, constant = c["fixed"] + c["fixed_Ca"], backward / forward
    bound = [total * calcium / (calcium + constant) for calcium in (0.999e-4, 1.001e-4)]
    assert (bound[1] - bound[0]) / 2e-7 == pytest.approx(20.0, rel=1e-6)
    assert {s["diffusivity"] for s in electrolyte["species"][4:]} == {"0 um^2/s"}


@pytest.mark.parametrize("count", [1, 2])
def test_a_capacity_is_shared_by_equal_sites(count):
    sites = [{"count": count, "states": [{"ligand": "Ca", "forward": "1e8 1/(M s)", "backward": "100 1/s"}]}]
    total = _total_of_capacity(20.0, sites, "electrolyte.buffers.0", {"Ca": Ligand(2, 1e-4)})
    constant = 1e-3
    assert count * total * constant / (constant + 1e-4) ** 2 == pytest.approx(20.0, rel=1e-12)


def test_keys_beside_a_preset_stay():
    electrolyte = expanded(
        {"use": "OGB-1", "name": "dye", "concentration": "50 uM", "diffusivity": "30 um^2/s", "backward": "100 1/s",
         "forward": "1e8 1/(M s)", "region": ["0 nm", "200 nm"]},
        {"name": "own", "concentration": "1 mM", "forward": "1e8 1/(M s)", "backward": "10 1/s", "mobile": False},
        {"use": "calmodulin", "concentration": "10 uM", "mobile": False},
        species=[{"use": "Na", "name": "sodium", "concentration": "0 mM"}, {"use": "ATP", "concentration": "0 mM"},
                 {"use": "Ca", "name": "tracer", "valence": 0, "medium": "cytosol", "concentration": "1 nM"}],
    )  # fmt: skip
    species = {s["name"]: s for s in electrolyte["species"]}
    assert species["dye_Ca"]["diffusivity"] == "30 um^2/s"
    assert species["own"]["diffusivity"] == species["CaM_N_Ca2"]["diffusivity"] == "0 um^2/s"
    assert (species["sodium"]["valence"], species["sodium"]["diffusivity"]) == (1, "1330 um^2/s")
    assert (species["tracer"]["valence"], species["tracer"]["diffusivity"]) == (0, "223 um^2/s")
    assert species["ATP"]["diffusivity"] == "140 um^2/s"  # the only medium that is known
    assert electrolyte["reactions"][0] == {
        "name": "dye_Ca", "equation": "Ca + dye <-> dye_Ca", "forward": "1e8 1/(M s)", "backward": "100 1/s",
        "region": ["0 nm", "200 nm"],
    }  # fmt: skip
    assert "region" not in electrolyte["reactions"][1]


def test_a_mechanism_takes_what_the_case_does_not_give():
    boundary = {"mechanism": [
        {"use": "PMCA", "maximum": "1e-8 mol/(m^2 s)"},
        {"use": "NMDA", "name": "slow", "conductance": "1 nS", "onset": "1 ms"},
        {"use": "AMPA", "conductance": "1 nS", "waveform": "alpha", "peak_time": "1 ms"},
    ]}  # fmt: skip
    data = {
        "electrolyte": {"species": [*IONS, *SALT]},
        "boundaries": {"cap": boundary, "wall": {"mechanism": boundary["mechanism"][0]}},
    }
    tables, notes, _ = expand_presets(data)
    pump, slow, fast = tables["boundaries"]["cap"]["mechanism"]
    of_preset = {"name": "PMCA", "law": "hill", "species": "Ca", "power": 1, "half": "0.1 uM"}
    assert pump == {**of_preset, "maximum": "1e-8 mol/(m^2 s)"}
    assert tables["boundaries"]["wall"]["mechanism"] == pump
    assert (slow["waveform"], slow["rise"], slow["onset"]) == ("biexponential", "3.3 ms", "1 ms")
    assert slow["permeability"] == {"K": 1, "Ca": 3.1}  # there is no sodium
    assert fast["waveform"] == "alpha"
    assert "rise" not in fast
    assert notes["boundaries.cap.mechanism.slow"].startswith("NMDA; Dingledine")
    assert "use" in boundary["mechanism"][0]  # what is given is not changed


@pytest.mark.parametrize("name", ["PMCA", "NCX", "SERCA"])
def test_pumps_have_the_fluxes_of_their_source(name):
    """Ions of the source per square micrometre and second, as moles per square metre and second."""
    entry = library()["mechanisms"][name]
    ions = float(re.search(r"\((\d+) ions", entry["source"])[1])
    assert float(entry["keys"]["maximum"].split()[0]) == pytest.approx(ions / 6.02214076e23 * 1e12, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"buffers": [{"use": "calbindin", **ONE}]}, 'calbindin": no such preset; did you mean "calbindin-D28k"?'),
        ({"buffers": [{"use": "Na", **ONE}]}, '"Na": is a preset of [[electrolyte.species]]; write it there'),
        ({"buffers": [{"use": 3, **ONE}]}, "electrolyte.buffers.0.use = 3: must be text"),
        ({"buffers": [{"use": "OGB-1"}]}, 'buffers.OGB-1: concentration is missing; write concentration = "40 uM"'),
        ({"buffers": [{"use": "OGB-1", "capacity": 2, **ONE}]}, "exclude each other"),
        ({"buffers": [{"use": "calmodulin", "capacity": 2}]}, "calmodulin.capacity: is for a buffer with one calcium"),
        ({"buffers": [{"use": "calmodulin", **ONE, **RATES}]}, "binds in several ways"),
        ({"buffers": [{"use": "OGB-1", **ONE, **RATES, "forward": "1 1/s"}]}, "second-order rate constant is needed"),
        ({"buffers": [{"use": "OGB-1", **ONE, "forward": "1 1/(M s)"}]}, "needs both forward and backward"),
        ({"buffers": [{"use": "OGB-1", **ONE, "mobile": False, "diffusivity": "1 um^2/s"}]}, "has no diffusivity"),
        ({"buffers": [{"use": "endogenous", "capacity": 2, "mobile": True}]}, "endogenous.diffusivity: is missing"),
        ({"buffers": [ONE]}, "needs use ="),
        ({"buffers": [{"use": "OGB-1", "concentraton": "1 uM"}]}, 'did you mean "concentration"?'),
        ({"buffers": [{"use": "OGB-1", **ONE}] * 2}, "OGB1 is a species already"),
        ({"buffers": {"use": "OGB-1"}}, "is a list of tables"),
        ({"buffers": ["OGB-1"]}, "must be a table"),
        ({"species": [IONS[0], *SALT], "buffers": [{"use": "parvalbumin", **ONE}]}, "binds Mg, which is no species"),
        ({"species": [{"use": "Ca"}, *SALT], "buffers": []}, "species.Ca.concentration: is missing"),
        ({"species": [{"use": "Caa", "concentration": "1 mM"}]}, 'did you mean "Ca"?'),
        ({"species": [{"use": "K", "medium": "cytosol"}]}, 'known there; give diffusivity, or medium = "water"'),
        ({"species": [{"use": "K", "medium": "mud"}]}, "medium"),
        ({"species": [{"name": "K", "medium": "water"}]}, "belongs to a preset"),
        ({"balance": "cl"}, 'electrolyte.balance = "cl": no such species; did you mean "Cl"?'),
        ({"balance": "Ca"}, "name another ion"),
        ({"balance": None, "buffers": [{"use": "OGB-1", **ONE}]}, "electrolyte.balance: is missing"),
    ],
)  # fmt: skip
def test_a_wrong_short_form_is_one_line(change, problem):
    table = {"species": [*IONS, *SALT], "balance": "Cl"} | change
    with pytest.raises(CaseError) as error:
        expand_presets({"electrolyte": {key: value for key, value in table.items() if value is not None}})
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"use": "PMCAA"}, 'did you mean "PMCA"?'),
        ({"use": "AMPA"}, 'conductance: is missing; AMPA needs it, for example "1 nS"'),
    ],
)
def test_a_wrong_mechanism_is_one_line(table, problem):
    with pytest.raises(CaseError, match=re.escape(problem)):
        expand_presets({"boundaries": {"cap": {"mechanism": [table]}}})


def test_tables_without_presets_stay_as_they_are():
    data = {
        "electrolyte": {"species": [{"name": "K", "valence": 1}]},
        "boundaries": {"a": {"mechanism": "x"}, "b": 1},
        "mesh": {},
    }
    tables, notes, short = expand_presets(data)
    assert (tables, notes, short.electrolyte) == (data, {}, None)


# --- whole cases


def whole(*changes, removals=()):
    """Shipped case with buffers, changed."""
    return load_case(CASES / "calcium_dye.toml", changes, removals)


def totals(case):
    bulk = case.electrolyte.bulk
    return {name: bulk[name] + bulk[f"{name}_Ca"] for name in ("CB_medium", "OGB1")}


def test_the_resolved_case_is_plain_and_says_where_it_comes_from():
    case = whole()
    tables = tomllib.loads(case.to_toml())
    assert "buffers" not in tables["electrolyte"]
    assert "use" not in str(tables["electrolyte"])
    assert tables["presets"]["electrolyte.species.Ca"].startswith("Ca in cytosol; Allbritton")
    assert tables["presets"]["electrolyte.buffers.CB"].startswith(
        "calbindin-D28k, 0.04 mM: CB_medium, CB_medium_Ca, CB_"
    )
    # The same case by hand, without presets, has the same digest; in_equilibrium is asked for by the bath.
    del tables["presets"]
    assert case_digest(make_case(tables)) == case_digest(case)
    assert case_digest(whole("electrolyte.buffers.0.concentration='41 uM'")) != case_digest(case)


def test_keys_of_buffers_are_set_and_removed_by_name_or_number():
    for path in ("electrolyte.buffers.OGB-1.concentration", "electrolyte.buffers.1.concentration"):
        assert totals(whole(f"{path}='20 uM'"))["OGB1"] == pytest.approx(0.02)
    bare = whole(
        removals=["electrolyte.buffers.calbindin-D28k", "electrolyte.buffers.0", "electrolyte.buffers.endogenous"]
    )
    assert bare.electrolyte.names == ("K", "Cl", "Ca")
    assert bare.electrolyte.bulk["Cl"] == pytest.approx(150.0002, rel=1e-14)
    assert whole("electrolyte.species.Ca.medium=water").electrolyte.species[2].diffusivity == pytest.approx(790e-12)


@pytest.mark.parametrize(
    ("vary", "values"),
    [
        ("electrolyte.buffers.OGB-1.concentration", ["20 uM", "50 uM"]),
        ("electrolyte.species.Ca.concentration", ["50 nM", "1 uM"]),
    ],
)
def test_buffers_follow_what_a_case_varies(vary, values):
    case = whole(f"study.vary={vary}", f"study.values={values}")
    points = case.points()
    for point in points:
        bulk = point.electrolyte.bulk
        free = bulk["Ca"] / (bulk["Ca"] + 140.0 / 4.3e5)
        assert bulk["OGB1_Ca"] == pytest.approx(free * totals(point)["OGB1"], rel=1e-12)
        point.electrolyte.check()
    dye, calcium = ([point.electrolyte.bulk[name] for point in points] for name in ("OGB1", "Ca"))
    assert dye[0] != dye[1]
    assert (calcium[0] != calcium[1]) == (vary.split(".")[1] == "species")
    again = make_case(tomllib.loads(case.to_toml()))  # buffers are left to each value
    assert again.to_toml() == case.to_toml()
    assert [p.electrolyte.bulk for p in again.points()] == [p.electrolyte.bulk for p in points]
    # What follows from a buffer is no key of the case.
    with pytest.raises(CaseError, match=r"leads through electrolyte.species.OGB1, which is not there"):
        whole("study.vary=electrolyte.species.OGB1.concentration", "study.values=['1 uM']").points()


def test_a_sweep_varies_a_buffer(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(
        f'base = {{ case = "{CASES / "calcium_dye.toml"}" }}\n'
        '[axes]\n"electrolyte.buffers.OGB-1.concentration" = ["20 uM", "50 uM"]\n'
        'unset = [[], ["electrolyte.buffers.0"]]\n'
    )
    jobs = load_sweep(path).jobs
    assert [job.error for job in jobs] == [""] * 4
    assert len({job.key for job in jobs}) == 4
    assert jobs[2].columns["electrolyte.buffers.OGB-1.concentration_mM"] == 0.05
    assert "CB_medium" in jobs[2].case().electrolyte.names
    assert "CB_medium" not in jobs[3].case().electrolyte.names


def test_receptors_make_a_whole_case():
    case = whole(removals=["boundaries.top.current"])
    tables = case.to_dict()
    tables["boundaries"]["top"] = {
        "capacitance": {"value": "1 uF/cm^2"},
        "outside": {"concentrations": {"K": "4 mM", "Ca": "2 mM"}},
        "mechanism": [{"use": "AMPA", "conductance": "1 nS"}, {"use": "NMDA", "conductance": "0.1 nS"}],
    }
    made = make_case(tables)
    fast, slow = made.boundaries["top"].mechanisms
    assert (fast.moved, slow.magnesium, slow.rise) == (("K", "Ca"), 1.0, pytest.approx(3.3e-3))
    assert case_digest(make_case(tomllib.loads(made.to_toml()))) == case_digest(made)


# --- what the user reads


def test_every_preset_names_its_source():
    for entry in presets_page.entries():
        assert re.search(r"\(\d{4}\)|Handbook|ModelDB", entry["source"]), entry["name"]
        assert ("source" in entry.get("unverified", [])) >= ("ModelDB" in entry["source"])


def test_one_preset_is_listed_with_all_that_is_known(capsys):
    list_topics("presets", "ATP", as_json=False)
    said = capsys.readouterr().out
    assert "[[electrolyte.species]]" in said
    assert "1.36e7 1/(M s)" in said
    list_topics("presets", "BAPTA", as_json=False)
    assert "unverified: source, diffusivity" in capsys.readouterr().out
    with pytest.raises(CaseError, match='did you mean "calbindin-D28k"'):
        list_topics("presets", "calbindin", as_json=False)


def test_the_page_of_presets_is_that_of_the_library():
    page = (ROOT / "docs" / "presets.md").read_text()
    assert page == presets_page.page(), "python -m spinepnp.reference.presets_page > docs/presets.md"


def test_the_schema_knows_short_forms():
    rules = schema.schema_of("case")
    electrolyte = {**rules, **rules["definitions"]["Electrolyte"]}
    good = tomllib.loads(
        '[[species]]\nuse = "Ca"\nconcentration = "1 uM"\n[[buffers]]\nuse = "OGB-1"\nconcentration = "1 uM"\n'
    )
    jsonschema.Draft7Validator(electrolyte).validate(good)
    for key, value in (("use", "OGB-2"), ("mobile", 1)):
        bad = {**good, "buffers": [{**good["buffers"][0], key: value}]}
        assert not jsonschema.Draft7Validator(electrolyte).is_valid(bad)
    assert not jsonschema.Draft7Validator(electrolyte).is_valid({"species": [{"name": "Ca"}]})


def test_the_balance_and_the_sites_of_a_molecule_are_told():
    case = whole()
    assert case.presets["electrolyte.balance"].startswith("bulk of Cl changed from 150 mM to 150.0")
    assert "sites, of which a molecule has 2 medium, 2 high" in case.presets["electrolyte.buffers.CB"]
    assert any("becomes fixed, fixed_Ca" in entry["values"] for entry in presets_page.entries())
    assert any(
        "maximum 1.66054e-9 mol/(m^2 s) (1000 ions/(um^2 s))" in entry["values"] for entry in presets_page.entries()
    )


def test_what_a_bath_blocks_and_calcium_as_fast_as_in_water_are_remarked():
    assert not remarks_of(whole())
    listed = 'boundaries.base.concentrations={ K = "150 mM", Cl = "150.0002 mM", Ca = "100 nM" }'
    (told,) = remarks_of(whole(listed))
    blocked = "CB_medium, CB_medium_Ca, CB_high, CB_high_Ca, OGB1, OGB1_Ca"  # the immobile buffer cannot pass anyway
    assert told.startswith(f"boundaries.base holds Ca but not {blocked}, which react with it: they cannot pass there")
    (told,) = remarks_of(whole("electrolyte.species.Ca.medium=water"))
    assert "electrolyte.species.Ca has the diffusivity of water beside buffers of the cytosol" in told


def test_the_leak_beside_the_pump_balances_it():
    """The permeability of the library against Goldman, Hodgkin and Katz, at 100 nM, -70 mV and 2 mM outside."""
    entry = library()["mechanisms"]["PMCA"]
    leak = float(re.search(r'permeability = \{ Ca = "(\S+) m/s"', entry["conditions"])[1])
    pump = parse_quantity(entry["keys"]["maximum"], FLUX) * 0.1 / (0.1 + 0.1)
    u = 2 * 70.0 / 25.26
    influx = leak * u * (2.0 - 1e-4 * np.exp(-u)) / (1.0 - np.exp(-u))
    assert influx == pytest.approx(pump, rel=0.01)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("electrolyte.species.CB_medium.concentration='1 uM'", "electrolyte.buffers.calbindin-D28k.concentration"),
        ("electrolyte.buffers.endogenous.affinity='1 uM'", "is backward/forward"),
    ],
)
def test_keys_that_no_buffer_has_name_those_that_it_has(change, told):
    with pytest.raises(CaseError, match=re.escape(told)):
        whole(change)
