"""Paths of keys that reach entries of lists by name, removed keys, and digests that new keys leave alone."""

from pathlib import Path

import pytest

from spinepnp.batch.sweep import load_sweep
from spinepnp.case.case import load_case, make_case
from spinepnp.case.digest import case_digest
from spinepnp.case.toml import set_value, unset_value
from spinepnp.errors import CaseError
from support import CASES
from support.commands import refused
from support.living import living

CASE = make_case(living())
AMPA = "boundaries.top.mechanism.AMPA"


class TestPaths:
    @pytest.mark.parametrize("entry", ["AMPA", "0"])
    def test_entries_by_name_or_number(self, entry):
        case = CASE.with_value(f"boundaries.top.mechanism.{entry}.conductance", "2 nS")
        assert case.boundaries["top"].mechanisms[0].conductance.value == 2e-9

    def test_gates_and_species_by_name(self):
        case = CASE.with_value("boundaries.wall.mechanism.Kv.gates.rtm_n.power", 2)
        assert case.boundaries["wall"].mechanisms[1].gates[0].power == 2
        assert CASE.with_value("electrolyte.species.T.source", "1 mM/s").electrolyte.species[3].source == 1.0

    def test_a_name_goes_before_a_species(self):
        data = living(boundaries__wall__mechanism__pump__name="K")
        set_value(data, "boundaries.wall.mechanism.K.maximum", "2 uA/cm^2")
        assert make_case(data).boundaries["wall"].mechanisms[2].maximum.value == pytest.approx(0.02)

    def test_a_sweep_varies_strengths(self):
        vary = {"study__vary": f"{AMPA}.conductance", "study__values": ["1 nS", "2 nS"]}
        case = make_case(living(**vary))
        assert [p.boundaries["top"].mechanisms[0].conductance.value for p in case.points()] == [1e-9, 2e-9]
        assert case.study.column == "boundaries.top.mechanism.AMPA.conductance_nS"

    def test_keys_are_removed(self):
        data = living()
        unset_value(data, "boundaries.wall.mechanism.Kv")
        unset_value(data, "boundaries.top.mechanism")
        case = make_case(data)
        assert [m.name for m in case.boundaries["wall"].mechanisms] == ["leak", "pump"]
        assert case.boundaries["top"].mechanisms == ()
        with pytest.raises(CaseError, match='cannot be removed, as it is not there; did you mean "capacitance"'):
            unset_value(data, "boundaries.wall.capacitanc")
        with pytest.raises(CaseError, match="no such entry"):
            unset_value(data, "boundaries.wall.mechanism.Nav")

    def test_the_only_entry_of_a_list_takes_new_keys(self):
        """Of several entries the message says how to write it; a word that is near the name of an entry is no key."""
        data = living(boundaries__top__mechanism__simple=None)
        set_value(data, "boundaries.top.mechanism.magnesium", "2 mM")
        assert make_case(data).boundaries["top"].mechanisms[0].magnesium == 2.0
        with pytest.raises(CaseError, match=r'no such entry; did you mean "AMPA"\? known: AMPA$'):
            set_value(data, "boundaries.top.mechanism.AMPB", "2 mM")
        with pytest.raises(CaseError, match=r"write boundaries.wall.mechanism.leak.magnesium for a key of an entry"):
            set_value(data, "boundaries.wall.mechanism.magnesium", "2 mM")

    @pytest.mark.parametrize("removed", [AMPA, "boundaries.top.mechanism", "boundaries.top"])
    def test_a_sweep_over_what_was_removed(self, removed):
        data = living(study__vary=f"{AMPA}.conductance", study__values=["1 nS"])
        unset_value(data, removed)
        if removed == "boundaries.top":
            unset_value(data, "compartments")
        with pytest.raises(CaseError, match=r"study.vary = .*: leads through boundaries.top.*, which is not there"):
            make_case(data).points()

    def test_an_axis_and_unset_of_a_sweep(self, tmp_path):
        (tmp_path / "living.toml").write_text(CASE.to_toml())
        (tmp_path / "sweep.toml").write_text(
            '[base]\ncase = "living.toml"\nunset = ["boundaries.wall.mechanism.Kv"]\n'
            '[axes]\n"boundaries.top.mechanism.AMPA.conductance" = ["1 nS", "2 nS"]\n'
        )
        cases = [job.case() for job in load_sweep(tmp_path / "sweep.toml").jobs]
        assert [c.boundaries["top"].mechanisms[0].conductance.value for c in cases] == [1e-9, 2e-9]
        assert {len(c.boundaries["wall"].mechanisms) for c in cases} == {2}

    def test_unset_of_a_file(self):
        case = load_case(CASES / "cylinder_iv.toml", (), ("compare",))
        assert case.compare is None

    @pytest.mark.parametrize("verb", ["run", "mesh", "check"])
    def test_the_option_of_verbs(self, verb, capsys):
        line = refused(capsys, verb, CASES / "cylinder_iv.toml", "--unset", "boundaries.top.curent")
        assert 'boundaries.top.curent: cannot be removed, as it is not there; did you mean "current"' in line


@pytest.mark.parametrize(("name", "expected"), [
    ("ball_membrane", "1124913f69edf5b1ab37"), ("ball_neck_steady", "575c26735922f3cb4971"),
])  # fmt: skip
def test_new_keys_do_not_change_the_digest_of_a_case_without_them(name, expected):
    assert case_digest(load_case(Path(CASES) / f"{name}.toml")) == expected
