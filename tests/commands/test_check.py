"""The verb `check`, and PETSc's options on the command line."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinepnp.commands.check import check_case, print_facts
from spinepnp.commands.petsc_options import split
from spinepnp.validation.reference import table as references
from support import CASES

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
        "resolved": True,
        "error_mV": pytest.approx(0.0, abs=1e-4),
    }
    currents = [row["top.current_pA"] for row in facts["curve"]]
    assert currents[0] == pytest.approx(0.99 * limit, abs=0.01)
    assert currents[-1] == pytest.approx(200.0)
    table = {r["current"]: r["V_law"] for r in references.rows("cylinder") if r["radius"] == 100}
    assert facts["curve"][-1]["top.potential_mV"] == pytest.approx(table[200], rel=2e-4)


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
