"""What is printed of synapses: charges, shares that add up to 100 %, currents of steady states; errors of changes."""

import re
from types import SimpleNamespace

import pytest

from spinepnp.case.case import make_case
from spinepnp.case.toml import parse_toml
from spinepnp.run.membranes import current_lines, shown_potentials
from spinepnp.run.options import Course
from spinepnp.run.progress import FEW_STEPS, ProgressBar
from spinepnp.run.shares import charge_lines, current_shares
from spinepnp.run.summary import outcome_of, statements
from spinepnp.solvers.problem.columns import shown_potential
from support.interruptions import TRANSIENT

#: Of 10 fC that enter 9.6 leave at the base, 0.1 are stored, and 0.3 leak.
ROW = {
    "cap.AMPA.charge_fC.Na": 12.0, "cap.AMPA.charge_fC.K": -2.0, "cap.AMPA.charge_fC.total": 10.0,
    "base.charge_out_fC.Na": 2.0, "base.charge_out_fC.K": 7.1, "base.charge_out_fC.Cl": 0.5,
    "base.charge_out_fC.total": 9.6, "volume.charge_fC": -4.9, "base.charge_C_per_m2": 3.0,
    "peak.cap.AMPA.current_pA.total": 34.1, "cap.AMPA.current_pA.total": 0.0,
}  # fmt: skip
START = {"volume.charge_fC": -5.0}
ESTIMATED = {"layers_resolved": True, "cap.potential_mV": -70.0, "cap.potential_error_mV": 0.07}


def test_a_synapse_has_one_line_whose_parts_add_up():
    (line,) = charge_lines(ROW, START)
    assert line == (
        "cap.AMPA: peak 34.1 pA, 10 fC in (Na 12, K -2); 96 % out at base (Na 20, K 71, Cl 5), "
        "3 % out through other mechanisms and boundaries, 1 % stored on the membrane"
    )


@pytest.mark.parametrize("third", [0.1, 1.0 / 3.0, 2.2222, -0.77777])
def test_shares_add_up_to_a_hundred_however_they_are_rounded(third):
    row = ROW | {"base.charge_out_fC.Cl": third}
    (line,) = charge_lines(row, START)
    parts = [float(value) for value in re.findall(r"(-?[\d.]+) %", line)]
    assert sum(parts) == pytest.approx(100.0, abs=1e-9)
    ions = [float(v) for v in re.findall(r"(?:Na|K|Cl) (-?[\d.]+)", line.split(";")[1])]
    assert sum(ions) == pytest.approx(parts[0], abs=1e-9)


def test_several_synapses_have_one_statement_for_their_sum():
    other = {"cap.NMDA.charge_fC.Na": 5.0, "cap.NMDA.charge_fC.total": 5.0, "base.charge_out_fC.K": 12.1}
    first, second, both = charge_lines(ROW | other, START)
    assert (first, second) == ("cap.AMPA: peak 34.1 pA, 10 fC in (Na 12, K -2)", "cap.NMDA: 5 fC in of Na")
    assert both.startswith("of all synapses together, 15 fC: 97.3 % out at base (")


def test_near_reversal_shares_are_charges():
    """Ions enter and leave, and next to nothing is left to have shares of."""
    row = {"cap.AMPA.charge_fC.Na": 10.0, "cap.AMPA.charge_fC.K": -9.999, "base.charge_out_fC.Na": 1.0,
           "base.charge_out_fC.K": -0.999, "volume.charge_fC": 0.0}  # fmt: skip
    (line,) = charge_lines(row, {"volume.charge_fC": 0.0})
    assert "0.001 fC out at base (Na 1, K -0.999)" in line
    assert "%" not in line


def test_without_a_synapse_there_is_no_line():
    assert charge_lines({"volume.charge_fC": 1.0, "cap.leak.current_pA.K": 1.0}, {"volume.charge_fC": 0.0}) == []
    assert current_shares({"base.current_pA.Na": -1.0, "top.current_pA.Na": 1.0}) == ""


def test_a_steady_state_splits_its_current():
    row = {
        "top.AMPA.current_pA.Na": 60.0, "top.AMPA.current_pA.K": -10.0, "top.AMPA.current_pA.total": 50.0,
        "top.current_pA.Na": 60.0, "top.current_pA.K": -10.0, "top.current_pA.Cl": 0.0,
        "wall.pump.current_pA.Na": -15.0, "wall.pump.current_pA.K": 10.0,
        "wall.current_pA.Na": -15.0, "wall.current_pA.K": 10.0,
        "base.current_pA.Na": -45.0, "base.current_pA.K": 1e-12, "base.current_pA.displacement": 3.0,
    }  # fmt: skip
    assert current_shares(row) == (
        "50 pA in by top.AMPA 50 (Na 60, K -10): 90 % out at base (Na 90), 10 % out through wall.pump"
    )  # fmt: skip


def test_currents_that_are_rounding_beside_the_others_are_zero():
    """The unit stands before all numbers."""
    lines = current_lines({"wall.leak": {"K": -2.0, "Na": 2.0}, "cap.AMPA": {"Na": 3e-12, "K": -1e-12}})
    assert lines == [
        "current of wall.leak into the domain (pA): K -2, Na 2, total 0",
        "current of cap.AMPA into the domain (pA): Na 0, K 0, total 0",
    ]


def test_potentials_beside_a_layer_are_named():
    case = SimpleNamespace(shown_boundaries=["base", "cap"])
    beside = {"base": None, "cap": -0.0608}
    states = {name: SimpleNamespace(potential=-0.0605) for name in beside}
    solution = SimpleNamespace(potential_beside=beside.get, boundary=states)
    assert shown_potentials(case, solution) == {"base": -0.0605, "cap, beside its layer": -0.0608}
    row = {"layers_unresolved": "cap", "cap.neutral_potential_mV": -60.8}
    assert shown_potential("cap", {"layers_unresolved": "-"}, row) == "cap.neutral_potential_mV"
    assert shown_potential("cap", row | {"layers_unresolved": "-"}) == "cap.potential_mV"
    assert shown_potential("base", row) == "base.potential_mV"


class TestError:
    def test_a_transient_from_rest_compares_its_error_with_the_change(self):
        course = Course({}, True, {"cap": 12.0, "base": 0.0}, {"cap": 0.06, "base": 0.0})
        assert statements([ESTIMATED], True, [course])[1] == (
            "estimated error: at most 0.06 mV of V(cap), which changes by 12 mV (5.0e-03)"
        )

    def test_others_with_the_potential(self):
        of_potential = "estimated error: at most 1.0e-03 of V(cap), 0.07 mV"
        assert statements([ESTIMATED], True)[1] == of_potential
        assert statements([ESTIMATED], True, [Course({}, False, {"cap": 12.0}, {"cap": 0.06})])[1] == of_potential


def test_the_time_left_is_told_only_where_it_is_known():
    progress = ProgressBar(SimpleNamespace(rank=1), 1, "")
    progress._start -= 10.0
    assert progress.left(1e-9, 0.0, FEW_STEPS) == "time left: unknown yet"
    assert progress.left(0.5, 0.0, FEW_STEPS - 1) == "time left: unknown yet"
    assert progress.left(0.5, 0.5 - 1e-12, FEW_STEPS) == "time left: unknown yet"  # just resumed
    assert progress.left(0.5, 0.0, FEW_STEPS) == "about 10 s left"
    assert progress.left(1.0, 0.0).endswith("s in all")


def test_the_time_left_follows_the_recent_steps():
    """Steps of a transient grow: of 11 s the first five have done 5 %, the last six as much as is left."""
    progress = ProgressBar(SimpleNamespace(rank=1), 1, "")
    progress._start -= 5.0
    assert progress.left(0.05, 0.0, FEW_STEPS) == "time left: unknown yet"
    progress._start -= 6.0
    assert progress.left(0.525, 0.0, FEW_STEPS) == "about 6 s left"


def test_a_synapse_that_never_opens_has_no_shares():
    row = {"cap.AMPA.charge_fC.Na": 0.0, "cap.AMPA.charge_fC.total": 0.0, "base.charge_out_fC.Na": 2e-11,
           "volume.charge_fC": 0.0}  # fmt: skip
    (line,) = charge_lines(row, row)
    assert line == "no charge has entered through cap.AMPA: closed until the end, or without a strength"
    none = {"top.syn.current_pA.Na": 4.7e-12, "top.current_pA.Na": 4.7e-12, "base.current_pA.Na": -2e-11}
    assert current_shares(none) == ""


def test_debye_layers_of_a_report_are_those_of_all_rows():
    """A layer that was not resolved on the way is told again by `report`, which knows the files alone."""
    rows = [ESTIMATED | {"time_ms": float(i), "layers_resolved": str(not i), "layers_unresolved": name, "status": "ok"}
            for i, name in enumerate(("-", "cap", "-"))]  # fmt: skip
    rows[2]["layers_resolved"] = "True"
    lines = outcome_of(make_case(parse_toml(TRANSIENT, "case")), rows, {"status": "ok"}).lines
    assert "Debye layers are not resolved at cap: electroneutral values there at best" in lines
