"""The verbs `gnp ...`: figures, table and runs of paper 002, as a user types them."""

import csv
import dataclasses
import json
import re
import types

import numpy as np
import pytest

import spinepnp.validation.gnp as library
from spinepnp.commands import gnp as gnp_verbs
from spinepnp.errors import CaseError
from spinepnp.validation.gnp import Parameters
from spinepnp.validation.gnp.figures import catalogue
from support.commands import STACK, call, refused, run_code

#: A run that fires three times in a tenth of a second.
SHORT = ["gnp", "run", "--model", "chh", "--p-open", "0.065", "--duration", "100 ms"]


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def is_picture(path):
    return path.stat().st_size > 20_000 and path.read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run") / "out"
    assert call(*SHORT, "--output", directory) == 0
    return directory


def test_a_run_writes_the_files_and_keys_of_the_contract(short):
    assert {p.name for p in short.iterdir()} == {"summary.json", "trace.csv", "trace.png"}
    summary = json.loads((short / "summary.json").read_text())
    assert {"state", "spike_times_ms", "block_onset_ms", "V_final_mV", "parameters", "versions"} <= set(summary)
    assert (summary["state"], summary["block_onset_ms"], summary["pump"]) == ("tonic", None, "constant")
    assert summary["p_eff"] == pytest.approx(0.195)
    assert (summary["onset_ms"], summary["duration_ms"]) == (20.0, 100.0)
    assert summary["parameters"]["pump_maximum"] == Parameters().pump_maximum
    assert is_picture(short / "trace.png")


def test_the_trace_shows_the_spikes_of_the_summary(short):
    summary, rows = json.loads((short / "summary.json").read_text()), rows_of(short / "trace.csv")
    time, V = (np.array([float(row[name]) for row in rows]) for name in ("time_ms", "V_mV"))
    crossings = time[1:][(V[:-1] < -20.0) & (V[1:] >= -20.0)]
    assert np.allclose(crossings, summary["spike_times_ms"], atol=0.06)
    assert len(crossings) == 3
    assert (time[-1], V[-1]) == (100.0, pytest.approx(summary["V_final_mV"]))


def test_voltage_and_concentrations_of_a_trace_agree(tmp_path):
    command = ["gnp", "run", "--model", "gnp", "--p-open", "0.065", "--duration", "5 s", "--set", "G_KM=21"]
    assert call(*command, "--onset", "500 ms", "--output", tmp_path / "out") == 0
    summary, rows = json.loads((tmp_path / "out" / "summary.json").read_text()), rows_of(tmp_path / "out" / "trace.csv")
    assert (summary["pump"], summary["onset_ms"], summary["parameters"]["G_KM"]) == ("concentration", 500.0, 21.0)
    assert len(rows) <= 20_001
    V, K_o, Na_i, Cl_i = (np.array([float(r[n]) for r in rows]) for n in ("V_mV", "K_o_mM", "Na_i_mM", "Cl_i_mM"))
    assert np.allclose(Parameters().kappa * (Na_i - K_o - Cl_i - 10.0), V, atol=1e-5)  # eq. 27
    low, high = (np.array([float(r[n]) for r in rows]) for n in ("V_min_mV", "V_max_mV"))
    assert np.all(np.maximum(low - V, V - high) < 1e-9)


def test_a_directory_with_results_is_kept_unless_forced(short, tmp_path, capsys):
    before = (short / "summary.json").read_bytes()
    assert "--force" in refused(capsys, *SHORT, "--output", short)
    assert (short / "summary.json").read_bytes() == before
    (tmp_path / "summary.json").write_text("{}")  # of something else
    assert call(*SHORT, "--output", tmp_path, "--force") == 2
    (tmp_path / "summary.json").write_text('{"versions": {"spinepnp": "0"}}')
    assert call(*SHORT, "--output", tmp_path, "--force") == 0
    assert "spike_times_ms" in json.loads((tmp_path / "summary.json").read_text())


RUN = {"--model": "gnp", "--p-open": "0.1", "--duration": "1 s"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"--model": "hodgkin"}, ("hodgkin", "vgnp")),
        ({"--model": None}, ("--model", "missing")),
        ({"--p-open": "1.01"}, ("p_open", "between 0 and 1")),
        ({"--p-open": "-0.1"}, ("p_open",)),
        ({"--p-open": "nan"}, ("p_open",)),
        ({"--p-open": "much"}, ("--p-open",)),
        ({"--duration": "0 s"}, ("duration", "greater than zero")),
        ({"--duration": "-3 s"}, ("duration", "greater than zero")),
        ({"--duration": "3"}, ("duration", "unit")),
        ({"--duration": "3 mV"}, ("duration", "time")),
        ({"--duration": "1e8 s"}, ("duration", "10000 s")),
        ({"--onset": "1 s"}, ("onset", "within the run")),
        ({"--pump": "steam"}, ("pump", "concentration")),
        ({"--model": "fgnp", "--pump": "concentration"}, ("--pump", "constant")),
        ({"--set": "P_KL=-1e-8"}, ("P_KL", "zero or greater")),
        ({"--set": "Na=-155"}, ("Na", "zero or greater")),
        ({"--set": "G_KN=1"}, ("G_KN", 'did you mean "G_KM"')),
        ({"--set": "P_KL"}, ("--set", "NAME=VALUE")),
        ({"--set": "P_KL=large"}, ("P_KL", "number")),
        ({"--set": "P_KL=nan"}, ("P_KL", "finite")),
    ],
    ids=lambda value: " ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_bad_input_of_a_run_is_one_line_and_leaves_nothing(changed, words, tmp_path, capsys):
    options = [f"{name}={value}" for name, value in (RUN | changed).items() if value is not None]
    error = refused(capsys, "gnp", "run", *options, "--output", tmp_path / "out")
    for word in words:
        assert word in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["fig4"], "fig5"),
        (["fig7", "--p-open", "0.1"], "single opening"),
        (["fig6", "--duration", "1 s"], "single run"),
        (["fig5", "--p-open", "2"], "between 0 and 1"),
        (["fig2", "--set", "G_KM=20"], "does not depend"),
        (["fig5", "--set", "G_XX=20"], "G_XX"),
        (["fig5", "--model", "gnp"], "gnp run"),
        (["all", "--set", "K=100"], "gnp run"),
        (["table", "--duration", "1 s"], "gnp run"),
    ],
)
def test_bad_input_of_other_verbs_is_one_line(arguments, word, tmp_path, capsys):
    assert word in refused(capsys, "gnp", *arguments, "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_concentrations_that_leave_their_range_fail_the_run(tmp_path, capsys):
    strong = ["--pump", "constant", "--set", "pump_rate=0.2"]
    command = ["gnp", "run", "--model", "gnp", "--p-open", "0", "--duration", "20 s", *strong]
    assert "K_o" in refused(capsys, *command, "--output", tmp_path / "out", code=1)
    assert not (tmp_path / "out").exists()


def test_figures_are_those_of_the_paper(capsys):
    assert list(catalogue.FIGURES) == ["fig2", "fig3", "fig5", "fig6", "fig7", "fig8", "fig9", "s1", "s2", "s3"]
    assert call("gnp", "list") == 0
    text = capsys.readouterr().out
    for figure in catalogue.FIGURES.values():
        assert f"{figure.name:5} {figure.description}" in text
    assert "pump_maximum" in text


@pytest.fixture(scope="module")
def fig5(tmp_path_factory):
    directory = tmp_path_factory.mktemp("fig5") / "out"
    assert call("gnp", "fig5", "--output", directory) == 0
    return directory


def test_fig5_has_one_spike_against_three(fig5):
    assert is_picture(fig5 / "fig5.png")
    spikes = [row["model"] for row in rows_of(fig5 / "fig5_spikes.csv")]
    assert (spikes.count("fGNP"), spikes.count("cHH")) == (1, 3)


def test_columns_of_a_figure_name_their_units(fig5):
    assert {"V_mV", "minus_i_pA", "g_latent_pS", "E_latent_mV"} <= set(rows_of(fig5 / "fig5_channel.csv")[0])
    assert {"time_ms", "V_mV", "K_o_mM", "I_NaK_uA_per_cm2"} <= set(rows_of(fig5 / "fig5_traces.csv")[0])
    assert {"I_leak_fGNP_uA_per_cm2", "G_latent_mS_per_cm2"} <= set(rows_of(fig5 / "fig5_leak.csv")[0])


def test_the_summary_of_a_figure_says_what_was_run(fig5):
    summary = json.loads((fig5 / "summary.json").read_text())
    assert set(summary["files"]) == {p.name for p in fig5.iterdir()} - {"summary.json"}
    assert len(summary["runs"]) == 2
    assert all(re.search(r"p_open = 0\.065 \(p_eff = 3 p_open = 0\.195\)", line) for line in summary["runs"])


def test_options_change_a_figure():
    strong = catalogue.draw("fig5", p_open=0.1, duration=50.0, G_NaM=35.0).tables
    assert strong["traces"]["time_ms"].max() == 50.0
    assert strong["traces"]["p_eff"].max() == pytest.approx(0.3)


def test_fig6_has_nine_spikes_a_block_and_a_burst(tmp_path):
    assert call("gnp", "fig6", "--output", tmp_path) == 0
    assert is_picture(tmp_path / "fig6.png")
    counts = [sum(r["model"] == m for r in rows_of(tmp_path / "fig6_spikes_a.csv")) for m in ("GNP", "fGNP")]
    assert counts == [9, 8]
    last = max(float(r["time_ms"]) for r in rows_of(tmp_path / "fig6_spikes_d.csv") if r["model"] == "GNP")
    assert 15_200.0 < last < 15_500.0
    bars = rows_of(tmp_path / "fig6_bars.csv")
    assert [round(float(row["I_pump_uA_per_cm2"]), 2) for row in bars] == [-1.16, -1.16, -1.35, -1.41]
    balance = rows_of(tmp_path / "fig6_balance.csv")[0]  # at rest what diffuses is what is pumped
    assert float(balance["I_diff_uA_per_cm2"]) == pytest.approx(-float(balance["I_NaK_uA_per_cm2"]), rel=1e-3)


def test_channel_figures_and_places():
    places = catalogue.draw("s2").tables["times"]
    top = places.loc[places["T_over_d2_per_D"].idxmax()]
    assert (top["V_mV"], top["x_over_d"], top["T_over_d2_per_D"]) == (0.0, 0.5, pytest.approx(0.125))
    chords = catalogue.draw("s1").tables["chords"]
    assert np.allclose(chords["g_pS"] * (chords["V_mV"] - chords["E_mV"]) * 1e-3, chords["minus_i_pA"], atol=1e-9)
    curve = catalogue.draw("fig3").tables["channels"].query("channel == 'AMPA'")
    assert np.allclose(curve["minus_i_pA"], 0.03 * curve["V_mV"], atol=2e-3)
    assert {"profiles", "means", "sweeps"} == set(catalogue.draw("fig2").tables)


def test_a_figure_keeps_within_its_rows():
    tables = catalogue.draw("fig9", duration=4000.0).tables
    assert all(len(table) <= 21_000 for table in tables.values())
    hopf = tables["bifurcations"].query("kind == 'Hopf' and stability_changes").set_index("model")
    assert hopf["I_NaK_uA_per_cm2"]["vGNP"] == pytest.approx(-17.83, rel=0.01)
    assert hopf["I_NaK_uA_per_cm2"]["iHH"] == pytest.approx(-14.94, rel=0.01)


def test_all_draws_every_figure_into_a_directory(tmp_path, monkeypatch, capsys):
    quick = {name: catalogue.FIGURES[name] for name in ("s1", "s2")}
    monkeypatch.setattr(catalogue, "FIGURES", quick)
    assert call("gnp", "all", "--output", tmp_path) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["[1/2] s1", "[2/2] s2"]
    assert is_picture(tmp_path / "s1" / "s1.png")
    assert is_picture(tmp_path / "s2" / "s2.png")
    assert call("gnp", "all", "--output", tmp_path) == 2


@dataclasses.dataclass
class FakeRow:
    quantity: str = "V at rest"
    section: str = "rest"
    paper: float | str = -68.17
    computed: float | str = -68.1716736
    unit: str = "mV"
    verdict: str = "agrees"
    reason: str = ""
    expected: str = "agrees"


@pytest.mark.parametrize(("verdict", "code"), [("agrees", 0), ("differs", 1), ("vanishes", 1)])
def test_the_table_fails_where_a_verdict_is_not_expected(verdict, code, tmp_path, monkeypatch, capsys):
    rows = [FakeRow(), FakeRow(quantity="p_open [1]", verdict=verdict, computed=float("nan")), FakeRow(paper="tonic")]
    monkeypatch.setattr(library, "table", types.SimpleNamespace(rows=lambda: rows), raising=False)
    assert call("gnp", "table", "--output", tmp_path / "out") == code
    assert "p_open [1]" in capsys.readouterr().out
    assert len(rows_of(tmp_path / "out" / "table.csv")) == 3
    found = json.loads((tmp_path / "out" / "table.json").read_text())
    assert (found[1]["verdict"], found[1]["computed"], found[2]["paper"]) == (verdict, None, "tonic")
    assert call("gnp", "table", "--output", tmp_path / "out") == 2


def test_output_is_no_file_and_not_the_current_directory(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below", gnp_verbs.Path()):
        with pytest.raises(CaseError):
            gnp_verbs.Output(path, force=False)


def test_the_verbs_run_without_mpi_and_dolfinx(tmp_path):
    code = f"""
from spinepnp.__main__ import _run
assert _run({SHORT!r}, False) == 0
assert _run(["gnp", "s2"], False) == 0
assert _run(["gnp", "list"], False) == 0
"""
    run_code(code, cwd=tmp_path, blocked=STACK | {"gmsh", "pyvista"})
    assert (tmp_path / "runs" / "gnp" / "run" / "summary.json").exists()
    assert (tmp_path / "runs" / "gnp" / "s2" / "s2.png").exists()
