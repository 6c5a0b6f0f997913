"""Compartments in results: concentrations of all their species, their charge, and what a run says of it."""

import json
import math

import pandas
import pytest
import tomli_w

from spinepnp.case.case import make_case
from spinepnp.case.remarks import remarks_of
from spinepnp.commands.check import check_case, print_facts
from spinepnp.units import FARADAY
from support.commands import call
from support.ions import ion
from support.living import OUTSIDE, living

VOLUME = 0.005  # um^3
DURATION = 10.0  # us


def cleft(tmp_path, volume=VOLUME, **synapse):
    """File of a short neck whose end faces a cleft, with an ohmic current of sodium at its end."""
    mechanism = {"name": "syn", "law": "ohmic", "species": "Na", "conductance": "10 nS", "reversal": "50 mV", **synapse}
    case = {
        "geometry": {"shape": "cylinder", "length": "0.5 um", "radius": "100 nm", "dimension": "1d"},
        "mesh": {"size": "50 nm"},
        "electrolyte": {"species": [ion("Na", 1, 12), ion("K", 1, 155), ion("Cl", -1, 167)]},
        "boundaries": {
            "base": {"potential": "0 mV", "concentrations": "bulk"},
            "top": {"outside": {"compartment": "cleft"}, "mechanism": [mechanism]},
        },
        "compartments": {"cleft": {"volume": f"{volume} um^3", "concentrations": OUTSIDE}},
        "study": {"kind": "transient", "duration": f"{DURATION} us", "times": [f"{DURATION} us"], "fields": "none"},
    }  # fmt: skip
    path = tmp_path / "cleft.toml"
    path.write_text(tomli_w.dumps(case))
    return path


def run(path, capfd):
    """Table and warnings of a run."""
    assert call("run", path, "--output", path.parent / "out", "--force") == 0
    lines = capfd.readouterr().err.splitlines()
    return pandas.read_csv(path.parent / "out" / "observables.csv"), [x for x in lines if x.startswith("warning: ")]


def test_a_run_tells_the_charge_of_a_compartment_and_warns_of_it(tmp_path, capfd):
    """The charge is that of the sodium that has passed; potassium and chloride stay, and have columns, too."""
    table, warnings = run(cleft(tmp_path), capfd)
    last = table.iloc[-1]
    place = "compartments.cleft"
    ions = {name: last[f"{place}.concentration_mM.{name}"] for name in ("Na", "K", "Cl")}
    assert (ions["K"], ions["Cl"]) == (4.0, 149.0)
    assert table[f"{place}.charge_mM"].iloc[0] == pytest.approx(0.0, abs=1e-12)
    assert last[f"{place}.charge_mM"] == pytest.approx(ions["Na"] - 145.0, rel=1e-9)
    current = table["top.syn.current_pA.Na"].iloc[1:].mean() * 1e-12
    passed = current * DURATION * 1e-6 / (FARADAY * VOLUME * 1e-18)
    assert last[f"{place}.charge_mM"] == pytest.approx(-passed, rel=0.1)
    (line,) = warnings
    amount, when = f"{last[f'{place}.charge_mM']:.3g} mM", f"at {DURATION / 1e3:g} ms"
    assert f"compartments.cleft has left neutrality by {amount} {when}: nothing returns the net current" in line
    assert "make its volume larger" in line
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert set(summary["compartments"]["cleft"]) == {"concentration_mM", "charge_mM"}


def test_a_large_compartment_stays_neutral(tmp_path, capfd):
    assert run(cleft(tmp_path, volume=2.0), capfd)[1] == []


@pytest.mark.parametrize(("keys", "share"), [({}, 1.0), ({"waveform": "step", "onset": f"{DURATION / 2} us"}, 0.5)])
def test_check_foresees_the_largest_charge(tmp_path, comm, capsys, keys, share):
    """The current of the conductance in series with the neck, 50 mV from its reversal potential, all the time."""
    case, facts = check_case(cleft(tmp_path, **keys), comm)
    neck = 0.5e-6 * 25.26e-3 / (FARADAY * 200e-12 * 334.0 * math.pi * 1e-14)
    current = 50e-3 / (1.0 / 10e-9 + neck)
    charge = -current * share * DURATION * 1e-6 / (FARADAY * VOLUME * 1e-18)
    (line,) = facts["charges"]
    assert f"compartments.cleft may leave neutrality by up to about {charge:.3g} mM within the study, by its" in line
    print_facts(case, facts, as_json=False)
    assert f"warning: {line}" in capsys.readouterr().out
    assert check_case(cleft(tmp_path, volume=20.0, **keys), comm)[1]["charges"] == []


def test_a_rest_that_charges_a_compartment_is_foreseen(tmp_path, comm):
    """Sodium leaves the cleft until it has the concentration of equilibrium at 0 mV: that of the bulk."""
    leak = {"law": "ghk", "permeability": {"Na": "1e-7 m/s"}, "conductance": None, "species": None, "reversal": None}
    path = cleft(tmp_path)
    data = {name: value for name, value in leak.items() if value is not None}
    changes = [f"boundaries.top.mechanism.syn.{name}={json.dumps(value)}" for name, value in data.items()
               if name != "permeability"]  # fmt: skip
    removed = tuple(f"boundaries.top.mechanism.syn.{name}" for name, value in leak.items() if value is None)
    _, facts = check_case(
        path, comm, removals=removed,
        overrides=(*changes, "boundaries.top.mechanism.syn.permeability.Na='1e-7 m/s'", "study.initial='rest'"),
    )  # fmt: skip
    assert any("leaves neutrality by -133 mM at rest" in line for line in facts["charges"])


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, []),
    ({"boundaries__top__mechanism": None},
     ["boundaries.top.outside is used by nothing", "compartments.cleft is used by no mechanism"]),
    ({"boundaries__wall__mechanism": None}, ["boundaries.wall.outside.concentrations is used by nothing"]),
    ({"boundaries__wall__mechanism": None, "boundaries__wall__outside__concentrations": None}, []),
    ({"boundaries__base__traces": "local"}, ["boundaries.base.traces is used by nothing"]),
    ({"boundaries__wall": None, "boundaries__top": None, "compartments": None, "study__initial": "rest"},
     ['study.initial = "rest": there is no mechanism or channel, so that rest is the steady state']),
])  # fmt: skip
def test_what_nothing_uses_is_told(changes, expected):
    found = remarks_of(make_case(living(**changes)))
    assert len(found) == len(expected)
    assert all(line.startswith(beginning) for line, beginning in zip(found, expected, strict=True))


def test_run_and_check_tell_it(tmp_path, comm, capfd):
    path = cleft(tmp_path)
    unset = ("boundaries.top.mechanism",)
    assert math.isclose(check_case(path, comm, removals=unset)[1]["extent_nm"], 500.0)
    assert len(check_case(path, comm, removals=unset)[1]["remarks"]) == 2
    assert call("run", path, "--unset", unset[0], "--output", tmp_path / "bare") == 0
    assert "warning: boundaries.top.outside is used by nothing: there is no mechanism" in capfd.readouterr().err
