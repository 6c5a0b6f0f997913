"""The verb `check`, and PETSc's options on the command line."""

import csv
import json
import math
import tomllib

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from spinepnp.commands.check import check_case, print_facts
from spinepnp.commands.petsc_options import split
from spinepnp.validation.reference import table as references
from support import CASES
from support.cases import CASE
from support.commands import call

CYLINDER = str(CASES / "cylinder_iv.toml")
LINE = ("--set", 'geometry.dimension="1d"', "--set", 'study.values=["10 pA"]')


def test_check_tells_limit_and_curve_of_the_cylinder(comm):
    _, facts = check_case(CASES / "cylinder_iv_three_species.toml", comm)
    row = next(r for r in references.rows("cylinder") if (r["radius"], r["current"]) == (100, 100))
    limit = references.load("cylinder")["limiting_current"]["three_species"]
    assert facts["electroneutral"]["top"]["potential_mV"] == pytest.approx(row["V_law"], rel=2e-4)
    assert facts["law"]["potential_mV"] == pytest.approx(row["V_law"], rel=1e-5)
    assert facts["law"]["full_pnp_potential_mV"] == pytest.approx(row["V_full"], rel=1e-5)
    assert facts["limiting_currents"]["top"]["reversed_pA"] == pytest.approx(limit, abs=0.01)
    assert facts["limiting_currents"]["top"]["forward_pA"] is None
    assert facts["layers"]["top"] == {
        "forms": True,
        "debye_length_nm": pytest.approx(0.6096, rel=1e-3),
        "cell_height_nm": pytest.approx(0.1, rel=0.05),
        "charged": True,
        "resolved": True,
        "error_mV": pytest.approx(0.0, abs=1e-4),
    }
    currents = [row["top.current_pA"] for row in facts["curve"]]
    assert currents[0] == pytest.approx(0.99 * limit, abs=0.01)
    assert currents[-1] == pytest.approx(200.0)
    table = {r["current"]: r["V_law"] for r in references.rows("cylinder") if r["radius"] == 100}
    assert facts["curve"][-1]["top.potential_mV"] == pytest.approx(table[200], rel=2e-4)


def test_check_tells_the_volumes_of_a_body_and_of_its_parts(comm, capsys):
    spine = check_case(CASES / "spine_synapse.toml", comm, overrides=('mesh.size="150 nm"', "mesh.element_degree=1"))
    line = check_case(CASES / "dendrite_spike.toml", comm)
    for case, facts in (spine, line):
        print_facts(case, facts, as_json=False)
    assert spine[1]["body"] == pytest.approx(
        {"volume_um3": 0.13068, "head_volume_um3": 0.11301, "neck_volume_um3": 0.017671, "neck_length_nm": 1e3},
        rel=1e-3,
    )
    assert line[1]["body"] == {"volume_um3": pytest.approx(math.pi * 0.5**2 * 1e3)}
    of_spine, of_line = (text for text in capsys.readouterr().out.splitlines() if text.startswith("body: "))
    assert of_spine.endswith(", head volume 0.113 um^3, neck volume 0.01767 um^3, neck length 1000 nm")
    assert of_line == "body: volume 785.4 um^3"


def test_check_says_why_there_is_no_electroneutral_answer(comm):
    _, facts = check_case(CASES / "pore_steady.toml", comm, overrides=('electrolyte.species.A.source="1 mM/s"',))
    assert facts["electroneutral"] is None
    assert facts["why_not"] == "a source of ions"
    assert facts["estimated_solve_s"] > 0.0


def test_of_a_tracer_alone_check_tells_no_layer(comm, capsys):
    case, facts = check_case(CASES / "window_tracer.toml", comm, overrides=('mesh.size="100 nm"', "mesh.grade={}"))
    assert facts["debye_length_nm"] is None
    assert facts["layers"] == {}
    assert facts["diffusion_time_ms"] == pytest.approx(5.0, rel=1e-3)
    print_facts(case, facts, as_json=False)
    printed = capsys.readouterr().out
    assert "Debye length infinite" in printed
    assert "no electroneutral answer: no species carries charge" in printed


@pytest.mark.parametrize(
    "case",
    [path for path in sorted(CASES.glob("*.toml")) if "[electrolyte" in path.read_text()],
    ids=lambda path: path.stem,
)
def test_check_of_every_case_is_json(comm, capsys, case):
    checked, facts = check_case(case, comm)
    print_facts(checked, facts, as_json=True)
    assert json.loads(capsys.readouterr().out)["mesh"]["dofs"] > 0
    print_facts(checked, facts, as_json=False)
    assert "scales: Debye length" in capsys.readouterr().out


def test_check_from_the_command_line(spinepnp):
    done = spinepnp("check", CYLINDER, *LINE, "--json", exit_code=0)
    assert done.stderr == ""
    assert json.loads(done.stdout)["shape"] == "cylinder"


def test_check_refuses_a_current_beyond_the_limit(verb):
    done = verb("check", CYLINDER, *LINE, "--set", 'boundaries.top.current.value="-300 pA"', exit_code=2)
    assert done.stderr.count("\n") == 1
    assert "beyond the limiting current -202.5 pA" in done.stderr


def test_petsc_options_of_the_command_line_reach_petsc(spinepnp):
    done = spinepnp("run", CYLINDER, *LINE, "-snes_monitor", "-snes_max_fail", "5", "-log_view", exit_code=0)
    assert done.stdout.count("SNES Function norm") >= 2
    assert "Main Stage" in done.stdout
    assert "warning" not in done.stderr


def test_a_misspelt_petsc_option_is_told(spinepnp):
    done = spinepnp("run", "-snes_monitorr", CYLINDER, *LINE, exit_code=0)
    assert "warning: -snes_monitorr is read by no part of PETSc here" in done.stderr
    done = spinepnp("run", CYLINDER, *LINE, "--force", "-snes_type", "nosuch", exit_code=2)
    assert 'snes_type = "nosuch": PETSc has no such type' in done.stderr


@given(st.lists(st.sampled_from(["--force", "--set", "a.b=-1", "case.toml", "--output", "out", "-n"])))
def test_what_is_no_petsc_option_stays_ours(arguments):
    assert split(["run", *arguments]) == (["run", *arguments], [])


def test_petsc_options_take_their_values():
    ours, petsc = split(["run", "-ksp_rtol", "1e-8", "-snes_monitor", "case.toml", "-a_b", "-1", "--force"])
    assert ours == ["run", "case.toml", "--force"]
    assert petsc == ["-ksp_rtol", "1e-8", "-snes_monitor", "-a_b", "-1"]
    assert split(["test", "-vv", "-x"]) == (["test", "-vv", "-x"], [])


def test_check_finds_the_rest_of_a_membrane_and_says_where_a_transient_starts(comm, capsys):
    """The potential of Goldman, Hodgkin and Katz, with the currents of each ion; the bulk starts uncharged."""
    transient = ("study={ kind = 'transient', duration = '1 us' }",)
    case, facts = check_case(CASES / "membrane_rest.toml", comm, overrides=transient)
    V = 26.64 * math.log((20 * 3 + 132 + 4 * 10) / (20 * 97 + 23 + 4 * 135))
    assert facts["rest"]["potential_mV"] == pytest.approx(V, rel=1e-9)
    currents = facts["rest"]["current_pA"]["wall.leak"]
    assert sum(currents.values()) == pytest.approx(0.0, abs=1e-9 * currents["Na"])
    print_facts(case, facts, as_json=False)
    printed = capsys.readouterr().out
    start = (
        'the membrane wall starts uncharged: V_m = 0 mV at the first step; study.initial = "rest" starts at -63.36 mV'
    )
    assert start in printed
    assert "rest without space: V = -63.3635 mV; inside K 97, Na 23, Cl 10, A 110 mM" in printed
    assert "current of wall.leak into the domain (pA): K -0.007617, Na 0.008256, Cl -0.000639, total 0" in printed


def _printed(capsys, case, facts):
    capsys.readouterr()
    print_facts(case, facts, as_json=False)
    return capsys.readouterr().out.splitlines()


def test_each_number_of_a_synapse_says_what_it_is(comm, capsys):
    """A law of the drop, the steady state of a run, and a rest that leaves out the neck, with its error by that."""
    line = ('geometry.dimension="1d"', 'mesh.size="50 nm"', "mesh.grade={}")
    case, facts = check_case(CASES / "neck_synapse.toml", comm, overrides=line)
    printed = _printed(capsys, case, facts)
    assert any(x.startswith("analytic law synapse, steady state: V(top) - V(base) = 5.913 mV") for x in printed)
    (steady,) = [x for x in printed if x.startswith("electroneutral answer")]
    assert steady.startswith(
        "electroneutral answer, steady state of the case as it stands, before study.vary changes it"
    )
    assert "V(top) = 16.59" in steady
    assert "(run gives these for that value" in steady
    resistance = 1e-6 * 25.26e-3 / (96485.332 * 2 * 200e-12 * 167.0 * math.pi * 1e-14)
    assert facts["rest"]["drop_mV"] == pytest.approx(58.333e-12 * resistance * 1e3, rel=1e-3)
    (rest,) = [x for x in printed if x.startswith("that is one potential for all of the inside")]
    assert f"V can be wrong by about {facts['rest']['drop_mV']:.2g} mV" in rest
    assert rest.endswith("left out, between base and top; run gives the electroneutral answer above, not this")


def test_without_a_ground_the_resistance_is_that_between_the_patches(comm):
    """A current of 10 pA along a sealed neck: in at one end, out at the other; by Ohm's law R = L V_T/(F D c A)."""

    ends = (
        "boundaries.base.load", "boundaries.base.concentrations", "boundaries.top.mechanism", "compare", "study",
    )  # fmt: skip
    leak = "[{name='leak', law='ghk', permeability={C='1e-3 m/s', A='1e-3 m/s'}}]"
    bath = "{concentrations={C='167 mM', A='167 mM'}, potential='%s'}"
    changes = (
        'geometry.dimension="1d"', 'mesh.size="50 nm"', "mesh.grade={}", f"boundaries.base.mechanism={leak}",
        f"boundaries.top.mechanism={leak}", f"boundaries.base.outside={bath % '-5 mV'}",
        f"boundaries.top.outside={bath % '5 mV'}", "boundaries.base.capacitance={value='1 uF/cm^2'}",
        "closed={}",
    )  # fmt: skip
    _, facts = check_case(CASES / "neck_synapse.toml", comm, overrides=changes, removals=ends)
    rest = facts["rest"]
    (current,) = {abs(sum(found.values())) for found in rest["current_pA"].values()} or {0.0}
    resistance = 1e-6 * 25.26e-3 / (96485.332 * 2 * 200e-12 * 167.0 * math.pi * 1e-14)
    assert rest["drop_mV"] == pytest.approx(current * 1e-12 * resistance * 1e3, rel=1e-3)
    assert (rest["drop_from"], rest["drop_to"]) == ("base", "top")


def test_where_there_is_no_rest_check_warns_that_a_run_will_probably_fail(comm, capsys):
    """A pump that no leak makes up for, to which a run starts; one from the bulk starts without a rest."""
    changes = ("boundaries.wall.mechanism.Kv", "boundaries.wall.mechanism.Nav", "boundaries.wall.mechanism.glutamate")
    leak = ("boundaries.wall.mechanism.leak.permeability.K='1e-14 m/s'",)
    for initial, ending in (("rest", "run looks for this rest and will probably fail"), ("bulk", "starts without one")):
        start = (*leak, f'study.initial="{initial}"')
        case, facts = check_case(CASES / "neuron_ball.toml", comm, overrides=start, removals=changes)
        lines = [x for x in _printed(capsys, case, facts) if "no rest" in x]
        assert len(lines) == 1
        assert lines[0].count("no rest") == 1
        assert "add one that comes to rest at a concentration" in lines[0]
        if initial == "rest":
            assert lines[0].startswith("warning: no rest: K in outside falls until it is used up (")
            assert lines[0].endswith(ending)


def test_numbers_beyond_reason_are_left_out(comm, capsys):
    """Rallpack 3 carries both ions at fixed reversals: any amount of them is at rest, and none is ever used up."""
    case, facts = check_case(CASES / "rallpack_3.toml", comm)
    printed = " ".join(_printed(capsys, case, facts))
    assert "nothing tells the amount of Na, Cl" in printed
    assert "e+1" not in printed
    assert "starts" not in facts.get("start", "")  # its membrane is charged on purpose


def test_of_a_boundary_without_charge_no_layer_is_told(comm, capsys):
    """An uncharged capacitor, on cells that would not resolve a layer."""
    changes = ("boundaries.top.capacitance={value='1 uF/cm^2'}", 'geometry.dimension="1d"', "mesh.grade={}")
    removed = ("boundaries.top.mechanism", "compare", "study")
    case, facts = check_case(CASES / "neck_synapse.toml", comm, overrides=changes, removals=removed)
    assert facts["layers"]["top"]["charged"] is False
    assert any(x.startswith("layer at top: ") and x.endswith("no charged layer") for x in _printed(capsys, case, facts))


def test_check_and_run_judge_the_layers_of_a_pulse_in_the_same_way(tmp_path, capfd):
    """The current has ended when the run ends; that its layer was not resolved is told all the same."""
    path, pulse = tmp_path / "pulse.toml", {"waveform": "pulse", "duration": "1 us"}
    changed = tomllib.loads(CASE)
    changed["boundaries"]["top"]["current"] |= pulse
    changed["study"] = {"kind": "transient", "duration": "3 us", "times": ["3 us"], "fields": "none"}
    path.write_text(tomli_w.dumps(changed))
    assert call("check", path) == 0
    assert "cells 50 nm high, not resolved" in capfd.readouterr().out
    assert call("run", path, "--output", tmp_path / "out") == 0
    assert "Debye layers are not resolved at top: electroneutral values there at best" in capfd.readouterr().out
    last = list(csv.DictReader((tmp_path / "out" / "observables.csv").open()))[-1]
    assert (last["layers_resolved"], last["layers_charged"]) == ("True", "-")
