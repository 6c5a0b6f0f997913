"""Cases of living membranes: which ion carries the charge, and when; numbers of the tutorial and of comments."""

import json
import re
from dataclasses import replace

import pandas
import pytest

from spinepnp.case.case import load_case
from spinepnp.run.options import RunOptions
from spinepnp.run.steady import solve_case
from spinepnp.run.summary import print_outcome
from spinepnp.runtime.stack import MPI
from spinepnp.validation.studies.facilitation import HEADS, PulsePair
from support import CASES, ROOT


def solved(folder, overrides=(), removals=(), name="spine_synapse"):
    """Points, summary and rows between steps of a case; no number depends on pictures and fields."""
    case = load_case(CASES / f"{name}.toml", ["study.fields=none", *overrides], removals)
    points = solve_case(case, MPI.COMM_SELF, folder, RunOptions(quiet=True, pictures=False))
    return points, json.loads((folder / "summary.json").read_text()), pandas.read_csv(folder / "trace.csv")


@pytest.fixture(scope="module")
def synapse(tmp_path_factory):
    return solved(tmp_path_factory.mktemp("run") / "spine")


@pytest.fixture(scope="module")
def tutorial():
    text = (ROOT / "docs" / "tutorial.md").read_text()
    return " ".join(re.search(r"^## 8\..*?(?=^## 9)", text, flags=re.M | re.S)[0].split())


def row_at(table, time):
    return table.iloc[(table["time_ms"] - time).abs().argmin()]


def test_potassium_carries_the_charge_of_a_synapse_at_once_and_sodium_follows(synapse):
    _, summary, table = synapse
    start, early, late = table.iloc[0], row_at(table, 5.3), row_at(table, 9.0)
    assert start["base.potential_mV"] == pytest.approx(-70.0, abs=0.02)
    assert start["wall.pump.current_pA.Na"] == pytest.approx(-1.5 * start["wall.pump.current_pA.K"], rel=1e-12)
    assert start["wall.leak.current_pA.Na"] == pytest.approx(-start["wall.pump.current_pA.Na"], rel=0.1)
    assert early["cap.AMPA.current_pA.Na"] > 10.0 * -early["cap.AMPA.current_pA.K"] > 0.0
    assert early["base.current_pA.K"] < 5.0 * early["base.current_pA.Na"] < 0.0
    assert late["base.current_pA.Na"] < early["base.current_pA.Na"]
    assert late["head.concentration_mM.Na"] > 1.5 * start["head.concentration_mM.Na"]
    assert summary["peaks"]["cap.potential_mV"]["time_ms"] < summary["peaks"]["base.potential_mV"]["time_ms"]
    total = table["cap.AMPA.current_pA.total"] + table["cap.NMDA.current_pA.total"]
    assert -table["base.current_pA.total"].min() == pytest.approx(total.max(), rel=0.02)


def test_the_numbers_of_the_tutorial_are_those_of_the_run(synapse, tutorial):
    _, summary, table = synapse
    cap, base = (summary["peaks"][f"{name}_mV"] for name in ("cap.neutral_potential", "base.potential"))
    first, largest, least = table.iloc[0], table.max(), table.min()
    sodium = table["head.concentration_mM.Na"]
    rise, top = sodium.max() - first["head.concentration_mM.Na"], sodium.idxmax()
    gone = table["time_ms"][top:][sodium[top:] < sodium.max() - rise / 2.0].iloc[0] - table["time_ms"][top]
    peak = table.iloc[table["base.current_pA.total"].argmin()]
    diffused = table["time_ms"][table["base.current_pA.Na"].idxmin()] - 5.0
    for said in (
        f"highest at {cap['time_ms']:.1f} ms, {cap['value']:.1f} mV, that of the dendrite (the base) at "
        f"{base['time_ms']:.1f} ms, {base['value']:.1f} mV.",
        f"the cap rises by {cap['value'] - first['cap.neutral_potential_mV']:.1f} mV and the dendrite by "
        f"{base['value'] - first['base.potential_mV']:.1f} mV.",
        f"up to {largest['cap.AMPA.current_pA.Na']:.1f} pA enter, while {-least['cap.AMPA.current_pA.K']:.1f} pA of "
        "potassium leave",
        f"NMDA receptors: up to {largest['cap.NMDA.current_pA.Na']:.1f} pA,",
        f"up to {-peak['base.current_pA.total']:.1f} pA leave the spine, {peak['time_ms'] - 5.0:.1f} ms after",
        f"{-peak['base.current_pA.K']:.1f} of these {-peak['base.current_pA.total']:.1f} pA",
        f"up to {-least['base.current_pA.Na']:.1f} pA leave, {diffused:.1f} ms after",
        f"from {sodium[0]:.1f} to {sodium.max():.1f} mM, and half of this rise is gone {gone:.0f} ms later",
        f"potential at rest, {first['base.potential_mV']:.2f} mV",
    ):
        assert said in tutorial, said


def test_a_stronger_synapse_is_that_of_the_tutorial(tmp_path, tutorial):
    (command,) = re.findall(r"\./spine run (cases/spine_synapse.toml --output runs/stronger .*?) Both", tutorial)
    assert command.split(" --set ")[1:] == [
        'boundaries.cap.mechanism.AMPA.conductance="2 nS" --unset boundaries.base.load.capacitance'
    ]
    short = ("study.duration=6 ms", 'study.times=["6 ms"]', 'boundaries.cap.mechanism.AMPA.conductance="2 nS"')
    _, summary, _ = solved(tmp_path / "stronger", short, ["boundaries.base.load.capacitance"])
    cap, base = (summary["peaks"][f"{name}_mV"] for name in ("cap.neutral_potential", "base.potential"))
    assert f"{cap['time_ms']:.1f}" == f"{base['time_ms']:.1f}"
    at_cap, at_base = f"{cap['value']:.1f} mV at the cap", f"{base['value']:.1f} mV in the dendrite."
    assert f"highest at {cap['time_ms']:.1f} ms: {at_cap} and {at_base}" in tutorial


def test_a_spike_along_a_dendrite_takes_the_time_and_the_sodium_of_its_comment(tmp_path):
    short = ("study.duration=7 ms", 'study.times=["7 ms"]', "study.tolerance=1e-3")
    _, summary, table = solved(tmp_path / "spike", short, name="dendrite_spike")
    start, end = (summary["peaks"][f"{name}.potential_mV"]["time_ms"] for name in ("base", "top"))
    sodium = table["volume.concentration_mM.Na"]
    comment = " ".join((CASES / "dendrite_spike.toml").read_text().replace("\n#", "").split())
    assert f"arrives at the other end {end - start:.1f} ms later" in comment
    assert f"raises its concentration by {sodium.iloc[-1] - sodium[0]:.1f} mM" in comment


def test_a_run_shows_the_volumes_of_head_and_neck(synapse, tmp_path, capsys):
    """A head of 300 nm is 0.113 um^3, a neck of 75 nm by 1 um 0.0177 um^3."""
    points, summary, _ = synapse
    print_outcome(points, tmp_path)
    assert "head volume 0.113 um^3, neck volume 0.01767 um^3, neck length 1000 nm\n" in capsys.readouterr().out
    longer = replace(points[0], case=points[0].case.with_value("geometry.neck_length", "2 um"))
    print_outcome([points[0], longer], tmp_path)
    assert "neck volume 0.03534 um^3, neck length 2000 nm (in the last row)\n" in capsys.readouterr().out
    found = {name: summary["mesh"][name] for name in ("head_volume_um3", "neck_volume_um3", "neck_length_nm")}
    assert found == pytest.approx(
        {"head_volume_um3": 0.1130, "neck_volume_um3": 0.01767, "neck_length_nm": 1000.0}, rel=1e-3
    )
    parts = found["head_volume_um3"] + found["neck_volume_um3"]
    assert parts == pytest.approx(summary["mesh"]["volume_um3"], rel=1e-3)


def test_a_conductance_facilitates_by_its_salt_as_the_reduced_law_says():
    """All heads and intervals, and currents: `validate facilitation`."""
    pair = PulsePair(MPI.COMM_SELF, HEADS["microscopy"], 10e-3, size=60e-9, tolerance=2e-5)
    reduced = pair.reduced_ratio() / pair.reduced_ratio(frozen=True)
    assert reduced - 1.0 == pytest.approx(0.00503, rel=0.01)
    assert pair.facilitation() - 1.0 == pytest.approx(reduced - 1.0, rel=0.1)
    assert pair.ratio("current") == pytest.approx(pair.reduced_ratio("current"), rel=1e-4)
