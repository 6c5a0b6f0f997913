"""What `check` and `run` tell of reactions."""

import math

import pytest

from spinepnp.case.case import load_case
from spinepnp.commands.check import check_case, print_facts
from spinepnp.errors import CaseError
from spinepnp.run.summary import outcome_of
from support import CASES

BUFFERED = CASES / "buffered_step.toml"
LINE = ('geometry.dimension="1d"',)

#: All calcium free, as it is mixed; the neck comes to rest at about 100 nM.
MIXED = ("electrolyte.equilibrate=true", 'electrolyte.species.CaB.concentration="0 mM"',
         'electrolyte.species.Ca.concentration="1.1 uM"')  # fmt: skip


def test_check_tells_totals_times_and_ranges(comm, capsys):
    case, facts = check_case(BUFFERED, comm, overrides=LINE)
    found = facts["chemistry"]
    assert found["conserved"] == ["B + CaB", "Dye + CaDye", "Ca + CaB + CaDye"]
    assert found["conserved_at_every_node"] == ["B + CaB"]
    assert found["equilibrate"] == {}
    loss = 1e5 * 0.1 + 2e5 * 0.05  # 1/s, of both reactions
    assert found["ranges"]["Ca"]["range_nm"] == pytest.approx(1e9 * math.sqrt(220e-12 / loss), rel=1e-9)
    assert found["ranges"]["CaDye"]["range_nm"] == pytest.approx(1e9 * math.sqrt(50e-12 / 500.0), rel=1e-9)
    assert found["ranges"]["Ca"]["enters_at"] == "top"
    assert set(found["ranges"]) == {"Ca", "Dye", "CaDye"}
    # Rates of both modes: the sum is the trace of the two binding reactions, the product their determinant.
    a, b, x, y = 1e4 + 1e1 + 1e3, 1e4 + 2e1 + 5e2, 1e4, 1e4
    times = [1e-3 * t for t in found["relaxation_times_ms"]]
    assert 1.0 / times[0] + 1.0 / times[1] == pytest.approx(a + b, rel=1e-9)
    assert 1.0 / (times[0] * times[1]) == pytest.approx(a * b - x * y, rel=1e-6)
    print_facts(case, facts, as_json=False)
    text = capsys.readouterr().out
    assert "reactions conserve Dye + CaDye, Ca + CaB + CaDye; at every node: B + CaB" in text
    assert "warning" not in text


def test_check_warns_of_cells_that_miss_the_range(comm, capsys):
    coarse = (*LINE, 'mesh.size="300 nm"')
    print_facts(*check_case(BUFFERED, comm, overrides=coarse, removals=("mesh.grade",)), as_json=False)
    text = capsys.readouterr().out
    assert "warning: cells at top are 250 nm high, too high for the profile of Ca there" in text
    assert "set mesh.grade.top.size to 52 nm or less" in text


def test_the_bulk_before_and_after_equilibrium_is_told(comm, capsys):
    case, facts = check_case(BUFFERED, comm, overrides=(*LINE, *MIXED))
    before, after = facts["chemistry"]["equilibrate"]["Ca"].values()
    assert (before, after) == (pytest.approx(1.1e-3), pytest.approx(case.electrolyte.bulk["Ca"]))
    print_facts(case, facts, as_json=False)
    assert (
        "electrolyte.equilibrate changed the bulk: Ca from 1.1 uM to 100.3 nM, B from 100 uM to 99.01 uM"
        in capsys.readouterr().out
    )


def test_a_changed_concentration_comes_to_rest_as_if_it_stood_in_the_file():
    changed = load_case(BUFFERED, MIXED).with_value("electrolyte.species.B.concentration", "50 uM")
    direct = load_case(BUFFERED, (*MIXED, 'electrolyte.species.B.concentration="50 uM"'))
    assert changed.electrolyte.bulk == pytest.approx(direct.electrolyte.bulk, rel=1e-12)
    assert changed.to_dict() == direct.to_dict()
    assert changed.to_dict()["electrolyte"]["species"][2]["concentration"] == "0.0011 mM"


def test_run_tells_small_numbers_and_conservation():
    case = load_case(CASES / "calcium_nanodomain.toml", removals=("study",))
    counts = {"Ca": 60.0, "B": 4000.0, "CaB": 0.0}
    row = {"status": "ok", "conservation_relative": 1.5e-14}
    row |= {f"volume.amount_ions.{name}": n for name, n in counts.items()}
    row |= {f"volume.amount_sd_ions.{name}": math.sqrt(n) for name, n in counts.items()}
    lines = outcome_of(case, [row], {}).lines
    assert "few ions: Ca 60 +- 8, B 4000 +- 63 in the body (Poisson: sqrt(N) of ions that enter independently)" in lines
    assert "largest error of a total that reactions conserve, relative: 1.5e-14" in lines


def test_check_lists_the_species_of_presets_and_its_cases_resolve_calcium(comm, capsys):
    print_facts(*check_case(CASES / "calcium_dye.toml", comm), as_json=False)
    text = capsys.readouterr().out
    assert "Ca: valence +2, D 223 um^2/s, bulk 100 nM (Ca in cytosol)" in text
    assert "fixed: valence 0, immobile, bulk 44.43 uM" in text
    assert "electrolyte.balance: bulk of Cl changed from 150 mM to 150.07316 mM" in text
    assert "warning" not in text


def test_a_charge_that_is_left_is_told_in_few_digits():
    with pytest.raises(CaseError, match=r'leave -0\.002 mM; change .*fixed_charge = "0\.002 mM"'):
        load_case(BUFFERED, ('electrolyte.species.CaDye.concentration="1 uM"',))
