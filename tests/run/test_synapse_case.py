"""The case of a synapse on a spine: which ion carries the charge, and when."""

import json

import pandas
import pytest

from spinepnp.runtime.stack import MPI
from spinepnp.validation.studies.facilitation import HEADS, PulsePair
from support import CASES
from support.commands import call


def test_potassium_carries_the_charge_of_a_synapse_at_once_and_sodium_follows(tmp_path):
    changed = ("mesh.size=80 nm", "study.duration=9 ms", 'study.times=["9 ms"]', "study.fields=none")
    call(
        "run", CASES / "spine_synapse.toml", "--output", tmp_path / "spine", *(w for c in changed for w in ("--set", c))
    )
    summary = json.loads((tmp_path / "spine" / "summary.json").read_text())
    table = pandas.read_csv(tmp_path / "spine" / "observables.csv")
    early, late = (table.iloc[(table["time_ms"] - t).abs().argmin()] for t in (5.3, 9.0))
    start = table.iloc[0]
    assert start["base.potential_mV"] == pytest.approx(-70.0, abs=0.02)
    assert start["wall.pump.current_pA.Na"] == pytest.approx(-1.5 * start["wall.pump.current_pA.K"], rel=1e-12)
    assert start["wall.leak.current_pA.Na"] == pytest.approx(-start["wall.pump.current_pA.Na"], rel=0.1)
    assert early["cap.AMPA.current_pA.Na"] > 10.0 * -early["cap.AMPA.current_pA.K"] > 0.0
    assert early["base.current_pA.K"] < 5.0 * early["base.current_pA.Na"] < 0.0
    assert late["base.current_pA.Na"] < early["base.current_pA.Na"]
    assert late["head.concentration_mM.Na"] > 1.5 * start["head.concentration_mM.Na"]
    assert summary["peaks"]["cap.potential_mV"]["time_ms"] < summary["peaks"]["base.potential_mV"]["time_ms"]
    total = table["cap.AMPA.current_pA.total"] + table["cap.NMDA.current_pA.total"]
    assert table["base.load.current_pA"].max() == pytest.approx(total.max(), rel=0.02)


def test_a_conductance_facilitates_by_its_salt_as_the_reduced_law_says():
    """All heads and intervals, and currents: `validate facilitation`."""
    pair = PulsePair(MPI.COMM_SELF, HEADS["microscopy"], 10e-3, size=60e-9, tolerance=2e-5)
    reduced = pair.reduced_ratio() / pair.reduced_ratio(frozen=True)
    assert reduced - 1.0 == pytest.approx(0.00503, rel=0.01)
    assert pair.facilitation() - 1.0 == pytest.approx(reduced - 1.0, rel=0.1)
    assert pair.ratio("current") == pytest.approx(pair.reduced_ratio("current"), rel=1e-4)
