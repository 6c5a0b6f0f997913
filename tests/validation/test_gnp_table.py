"""The table of paper 002: every number and effect, each with the verdict that its reason gives."""

import math
from collections import Counter

import pytest

from spinepnp.validation.gnp import table

#: Rows of each section. A row that is added or lost must be meant.
COUNTS = {
    "electrodiffusion": 8,
    "channels": 22,
    "table1": 21,
    "rest": 6,
    "firing": 12,
    "pump": 10,
    "fits": 11,
    "gated": 9,
    "equilibria": 12,
    "persistence": 5,
    "printed": 7,
    "printed_long": 13,
}


@pytest.fixture(scope="module")
def rows():
    return table.rows()


def test_no_row_is_missing(rows):
    titles = {key: section["title"] for key, section in table.paper().items()}
    assert Counter(r.section for r in rows) == {titles[key]: n for key, n in COUNTS.items()}
    assert len({(r.section, r.quantity) for r in rows}) == len(rows)


def test_every_verdict_is_the_expected_one(rows):
    surprises = [
        f"{r.quantity}: {r.paper} / {r.computed} {r.unit} {r.verdict}" for r in rows if r.verdict != r.expected
    ]
    assert not surprises, "\n".join(surprises)


def test_every_row_has_a_value_and_a_sentence(rows):
    for r in rows:
        assert isinstance(r.computed, str) or math.isfinite(r.computed), r.quantity
        assert r.tolerance >= 0.0
        assert r.reason.endswith(".")
        assert "\n" not in r.reason


def test_effects_vanish_with_the_printed_parameters(rows):
    vanished = [r for r in rows if r.verdict == "vanishes"]
    assert len([r for r in vanished if r.section.startswith("As printed")]) == len(vanished) - 1 == 14
    assert [r.unit for r in vanished if not r.section.startswith("As printed")] == ["mV"]  # V of rounded concentrations
    found = {r.quantity: r.computed for r in vanished}
    assert found["spikes of cHH in 80 ms at 0.065"] == 0
    assert found["vGNP at p_eff = 3 times 0.17"] == "tonic"
    assert found["vGNP at p_eff = 0.515 with M_NaK = 0.3 mM/s"] == "tonic"
    assert found["iHH at p_eff = 2.5 with G_KG = 0.12 and G_NaG = 0.03 mS/cm^2"] == "rest"


def test_the_quick_table_is_the_same_without_long_runs():
    quick = table.rows(quick=True)
    slow = {section["title"] for section in table.paper().values() if section.get("slow", False)}
    assert len(quick) == sum(COUNTS.values()) - sum(COUNTS[k] for k in ("pump", "gated", "persistence", "printed_long"))
    assert not slow & {r.section for r in quick}


@pytest.mark.parametrize(
    ("printed", "computed", "tolerance", "verdict"),
    [
        (1.0, 1.005, 0.005, "agrees"),
        (1.0, 1.006, 0.005, "differs"),
        (3, 0, 0, "vanishes"),
        (0.0, 0.0, 0, "agrees"),
        (0.0, 1.0, 0.5, "differs"),
        (50.0, math.nan, 1.0, "vanishes"),
        ("block", "tonic", 0, "vanishes"),
        ("tonic", "block", 0, "differs"),
        ("rest", "rest", 0, "agrees"),
        ("stable", "unstable", 0, "differs"),
        ("< 0.1", 0.0999, 0, "agrees"),
        ("< 0.1", 0.1, 0, "differs"),
    ],
)
def test_verdicts_are_computed(printed, computed, tolerance, verdict):
    assert table.assess(printed, computed, tolerance) == verdict


def test_a_quantity_that_nothing_computes_is_not_skipped(monkeypatch):
    monkeypatch.setitem(table.SECTIONS, "rest", lambda: {"rest.V": -68.17})
    with pytest.raises(KeyError, match=r"rest\.K_o"):
        table.rows(quick=True)
