"""The benchmarks give numbers; how large these are is for nobody to assert."""

import pandas
import pytest

from benchmarks import tasks
from benchmarks.plots import plot_krylov, plot_solve
from benchmarks.problems import problems
from benchmarks.suites import SUITES
from benchmarks.verdicts import VERDICTS
from support.commands import refused, rows


def test_a_solve_fills_its_columns_and_its_plot(tmp_path):
    row = rows("solve", size="60 nm")
    assert set(SUITES["solve"].columns) <= set(row)
    assert row["difference"] < 1e-8
    assert row["newton"] <= 3
    plot_solve(pandas.DataFrame([row, {**row, "dofs": 2 * row["dofs"]}]), tmp_path / "solve.png")
    assert (tmp_path / "solve.png").stat().st_size > 10_000


def test_iterations_fill_their_columns_and_their_plot(tmp_path):
    found = rows("krylov", size="60 nm", only="100 pA")
    assert set(SUITES["krylov"].columns) <= set(found[0])
    assert found[0]["status"] == "ok"
    plot_krylov(pandas.DataFrame(found), tmp_path / "krylov.png")
    assert (tmp_path / "krylov.png").stat().st_size > 10_000


def test_a_transient_fills_its_columns():
    row = rows("transient", case="spine_alpha", dimension="axisymmetric", tolerance=1e-2)
    assert set(SUITES["transient"].columns) <= set(row)
    assert row["steps"] >= 20
    assert row["V_max_mV"] > 6.0


def test_species_and_channels_fill_their_columns():
    found = rows("wide_species", size="80 nm", kind="steady", numbers=[2, 12])
    found += rows("wide_channels", size="40 nm", dimension="axisymmetric")
    assert set(SUITES["wide"].columns) <= {name for row in found for name in row}
    assert found[1]["dofs"] * 3 == found[0]["dofs"] * 13
    assert found[1]["mean"] <= found[0]["mean"] + 2
    assert len(VERDICTS["wide"](pandas.DataFrame(found))) == 2


def test_a_neuron_fills_its_columns():
    row = rows("neuron", model="gnp", p_eff=0.515, seconds=2, tolerance=1e-6)
    assert set(SUITES["neuron"].columns) <= set(row)
    assert row["spike_error_ms"] < 1e-3


def test_every_suite_has_tasks_and_columns():
    assert {"accuracy", "precision", "peer", "start"} <= set(SUITES)
    for suite in SUITES.values():
        assert suite.columns
        assert all(hasattr(tasks, job.task) and job.title for job in suite.jobs)


def test_every_problem_has_a_name_of_its_own():
    names = [problem.name for problem in problems()]
    assert len(set(names)) == len(names) > 20


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"]])
def test_a_suite_that_does_not_exist_is_refused(arguments, capfd):
    assert "nonsense" in refused(capfd, "bench", *arguments)


def test_memory_fills_its_columns_and_stays():
    row = rows("memory", cases=12, meshes=6)
    assert set(SUITES["memory"].columns) <= set(row)
    assert row["cases"] == 12
    assert row["last_MB"] < 1.2 * row["first_MB"]
