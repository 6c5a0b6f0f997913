"""Accuracy for time, work and precision, other programs, start-up: tables have columns, and fronts are fronts."""

import itertools
import json
import os
import re
import time
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given, strategies

from benchmarks import (
    buffered_neck,
    cables,
    chemistry,
    page,
    peer,
    peer_cylinder,
    peer_environment,
    peer_equal,
    start,
    verdicts,
)
from benchmarks.accuracy_problems import PROBLEMS
from benchmarks.formulations import compared
from benchmarks.front import front, lasting, position, time_to
from benchmarks.plots_work import plot_accuracy, plot_precision
from benchmarks.stages import Watch
from benchmarks.start import slowest_imports
from benchmarks.suites import SUITES
from benchmarks.summary import SOURCES
from benchmarks.verdicts import VERDICTS
from benchmarks.verdicts_formulations import by_mesh
from support import ROOT
from support.commands import rows


@pytest.fixture(autouse=True)
def environment():
    """Tasks are made for processes of their own and set variables; other tests must not see them."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_accuracy_fills_its_columns_its_plot_and_its_verdict(tmp_path):
    found = rows("accuracy", problem="cylinder", dimension="axisymmetric", coarsest=True)
    assert set(SUITES["accuracy"].columns) <= set(found[0])
    table = pandas.DataFrame(found)
    assert set(table["status"]) == {"ok"}
    assert table[table["variant"].str.contains("quadratic, curved, graded")]["error"].max() < 1e-6
    assert table["error"].max() < 1e-2
    table.loc[0, "default"] = True
    assert len(VERDICTS["accuracy"](table)) == 1
    paths = plot_accuracy(table, tmp_path)
    assert [path.name for path in paths] == ["accuracy_cylinder_full_PNP.png"]
    assert all(path.stat().st_size > 10_000 for path in paths)


def test_every_problem_has_a_default_among_its_variants():
    for make in PROBLEMS.values():
        problem = make()
        for dimension in ("axisymmetric", "3d"):
            variants = list(problem.variants(dimension))
            assert sum(problem.is_default(variant) for variant in variants) == 1
            assert len(set(variants)) == len(variants)


def test_formulations_fill_their_columns_and_the_table_of_the_page():
    table = pandas.DataFrame(rows("formulations", problem="Donnan step, -100 mM", only="line"))
    assert set(SUITES["formulations"].columns) <= set(table)
    assert list(table["taken"]) == ["density", "log", "nodal", "nodal"]
    error = table.set_index("formulation")["error"]
    assert error["nodal"] == error["auto"] < 1e-6 < 1e-5 < error["density"]
    assert table["slower"].min() == 1.0
    (row,) = by_mesh(table).to_dict("records")
    assert set(SUITES["formulations"].page) <= set(row)
    assert row["auto"] == "nodal"
    assert len(VERDICTS["formulations"](table)) == 2
    assert page.section("formulations", table, page.about()).count("Donnan step") == 2


def test_a_choice_is_slower_than_those_that_err_no_more():
    """Half the error is better, a tenth more error is the same; what failed counts for nothing."""
    times, errors = [2.0, 3.0, 1.0, 0.1], [1e-3, 5e-4, 2e-3, np.nan]
    status = ["ok", "ok", "ok", "Newton failed"]
    table = [{"solve_s": t, "error": e, "status": s} for t, e, s in zip(times, errors, status, strict=True)]
    assert [row["slower"] for row in compared(table)[:3]] == [1.0, 1.0, 1.0]
    table[2]["error"] = 1.1e-3
    assert [row["slower"] for row in compared(table)[:3]] == [2.0, 1.0, 1.0]


def test_precision_fills_its_columns_and_its_plot(tmp_path):
    found = rows(
        "precision", run="cylinder, step (line)", tolerances=[1e-2, 1e-4], reference=1e-4 / 3, independent=False
    )
    assert set(SUITES["precision"].columns) - {"error_line"} <= set(found[0])
    assert found[1]["error_V"] < found[0]["error_V"] < 0.1
    assert "default" in VERDICTS["precision"](pandas.DataFrame(found))[0]
    assert plot_precision(pandas.DataFrame(found), tmp_path)[0].stat().st_size > 10_000


def test_a_peer_that_is_missing_is_one_line(monkeypatch, capfd):
    monkeypatch.setenv("SPINEPNP_PEER", "off")
    monkeypatch.setattr(peer_environment, "_store", lambda: Path("/nowhere"))
    found = peer.peer_cylinder(None, "40 nm", 0.04)
    assert [set(row) for row in found] == [{"status"}]
    lines = VERDICTS["peer"](pandas.DataFrame(found))
    assert len(lines) == 1
    assert "skipped" in lines[0]


def test_a_peer_that_cannot_be_installed_is_said_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(peer_environment, "_store", lambda: tmp_path)
    monkeypatch.delenv("SPINEPNP_PEER", raising=False)

    def full(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr(peer_environment.venv, "create", full)
    with pytest.raises(peer_environment.NoPeerError, match="cannot be installed") as caught:
        peer_environment.peer_python()
    assert len(str(caught.value).splitlines()) == 1


def test_a_peer_that_is_missing_leaves_the_others(monkeypatch):
    monkeypatch.setenv("SPINEPNP_PEER", "off")
    monkeypatch.setattr(peer_environment, "_store", lambda: Path("/nowhere"))
    sizes = ((0.05, 0.4), (0.05, 0.1))
    missing = peer_equal.Setting(peer_environment.DEVSIM, "words", sizes)
    assert [row["status"] for row in peer_equal.other(missing, "case", "axisymmetric", sizes)] == [
        "DEVSIM, words, meridian: DEVSIM is switched off by SPINEPNP_PEER"
    ]
    plain = peer_equal.Setting(peer_environment.DOLFINX, "plain", sizes, {"degree": 2, "order": 1})
    found = peer_equal.other(plain, "full PNP, meridian", "axisymmetric", sizes[:1])
    assert [row["status"] for row in found] == ["ok"]
    assert found[0]["error"] < 1e-4
    assert set(found[0]) <= set(SUITES["peer"].columns)


def test_a_cable_without_neuron_is_one_line(monkeypatch, comm):
    monkeypatch.setenv("SPINEPNP_PEER", "off")
    monkeypatch.setattr(peer_environment, "_store", lambda: Path("/nowhere"))
    found = cables.rallpack(comm, 2.0, [1e-2])
    assert found[0] == {"status": "skipped: NEURON is switched off by SPINEPNP_PEER"}
    assert found[1]["spikes"] == 1
    assert {name for row in found for name in row} <= set(SUITES["cable"].columns)


def test_a_buffered_neck_without_other_programs(monkeypatch, comm):
    monkeypatch.setenv("SPINEPNP_PEER", "off")
    monkeypatch.setattr(peer_environment, "_store", lambda: Path("/nowhere"))
    found = chemistry.chemistry(comm, "mobile", [1.0], size="100 nm", tolerance=1e-3)
    others = [row["status"] for row in found if row["program"] != "spinepnp"]
    assert others == 2 * ["skipped: NEURON rxd is switched off by SPINEPNP_PEER"] + 2 * [
        "skipped: scikit-fem is switched off by SPINEPNP_PEER"
    ]
    assert {name for row in found for name in row} <= set(SUITES["chemistry"].columns)


def test_errors_of_a_buffered_neck():
    exact = chemistry.expected("immobile", 10.0)
    assert exact.shape == (5, 3)
    found = {name: list(column) for name, column in zip(chemistry.QUANTITIES, 1.001 * exact.T, strict=True)}
    row = chemistry._errors(found | {"cells": 3}, exact)
    assert row["head_uM"] == pytest.approx(1.001 * 2.20754636)
    assert [row[name] for name in ("error", "bound_error", "steady_error")] == pytest.approx([1e-3] * 3)
    assert buffered_neck.end_by_cells([0.5**2, 1.5**2, 2.5**2]) == pytest.approx(9.0)  # a parabola to 3


def test_spikes_are_compared_one_by_one():
    reference = [[1.0, 3.0], [2.0]]
    assert cables.differences([[1.25, 3.0], [2.0]], reference) == {
        "spikes": 2, "spike_error_ms": 0.25, "speed_error": 0.25,
    }  # fmt: skip
    assert cables.differences([[1.0], [2.0]], reference) == {"spikes": 1}


def test_a_failing_peer_is_one_line():
    with pytest.raises(peer_environment.NoPeerError, match="DOLFINx failed") as caught:
        peer_environment.solve(peer_environment.peer_python(peer_environment.DOLFINX), peer_environment.DOLFINX)
    assert len(str(caught.value).splitlines()) == 1


def test_the_time_to_an_error_is_that_of_a_power_law():
    times, errors = [1.0, 4.0, 16.0], [1e-1, 1e-2, 1e-3]  # error ~ time^(-1/log10(4))
    assert time_to(10**-1.5, times, errors) == pytest.approx(2.0)
    assert time_to(1e-3, times, errors) == 16.0
    assert time_to(0.5, times, errors) == 1.0
    assert time_to(1e-4, times, errors) == np.inf
    # A point that is slower and worse does not count.
    assert time_to(10**-1.5, [1.0, 3.0, 4.0, 16.0], [1e-1, 1e-1, 1e-2, 1e-3]) == pytest.approx(2.0)
    assert time_to(1e-3, [1.0, 2.0], [1e-2, 0.0]) == 2.0


def test_programs_are_compared_at_equal_error():
    def sweep(program, seconds, errors):
        at = {"case": "full PNP, 3D", "program": program, "settings": "linear", "status": "ok"}
        return [{**at, "total_s": t, "sure_error": e} for t, e in zip(seconds, errors, strict=True)]

    rows = sweep("spinepnp", [1.0, 4.0], [1e-3, 1e-5]) + sweep("DEVSIM", [10.0, 90.0], [1e-2, 1e-3])
    lines = verdicts.peer(pandas.DataFrame([*rows, {"status": "NGSolve: skipped"}]))
    assert lines == [
        "NGSolve: skipped",
        "full PNP, 3D, error 1e-03: spinepnp (linear) 1 s, DEVSIM (linear) 90 s",
        "full PNP, 3D, error 1e-04: spinepnp (linear) 2 s; not reached by DEVSIM (linear)",
        "full PNP, 3D, error 1e-05: spinepnp (linear) 4 s; not reached by DEVSIM (linear)",
    ]
    ratios = SOURCES["peer"](pandas.DataFrame(rows))
    assert [number for _, number in ratios] == ["DEVSIM 90", "DEVSIM not reached", "DEVSIM not reached"]


def test_layers_for_other_programs_resolve_the_debye_layer():
    heights = np.array([0.0, *peer_cylinder.heights(0.05)])
    steps = np.diff(heights)
    assert heights[-1] == 1.0
    assert steps[-1] == pytest.approx(peer_cylinder.FIRST)
    assert (steps > 0.0).all()
    assert (steps[:-1] / steps[1:]).max() < 1.5
    assert steps.max() < 0.06


def test_the_mesh_that_is_given_away_is_the_one_that_we_solve_on(comm, tmp_path):
    case = peer._case("40 nm", 1, 1, False)
    mesh = peer.generate(case.geometry, case.mesh, comm, faithful=False)
    data = np.load(peer._exported(mesh, tmp_path))
    points, cells = data["points"], data["cells"]
    volumes = np.linalg.det(points[cells[:, 1:]] - points[cells[:, :1]]) / 6.0
    assert (volumes < 0.0).all()  # Netgen's order
    heights = {value: points[data["facets"][data["values"] == value]][:, :, 2] for value in (0, 2)}
    assert np.allclose(heights[0], 0.0)
    assert np.allclose(heights[2], 1.0)
    corners = points[data["facets"]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = 0.5 * np.linalg.norm(normals, axis=1).sum()
    assert area == pytest.approx(2 * np.pi * 0.05 * 1.05, rel=0.1)


def test_lsoda_fills_its_columns(comm):
    found = peer.peer_neuron(comm, seconds=1.0, rtols=(1e-7,))
    assert {row["program"] for row in found} == {"spinepnp", "LSODA"}
    assert set(found[-1]) <= set(SUITES["peer"].columns)
    assert found[-1]["spikes"] == found[0]["spikes"] > 5


def test_imports_are_added_up_by_package():
    text = "import time: self [us] | cumulative | imported package\nimport time:       100 |        100 | numpy.core\n"
    text += "import time:       200 |        300 |   numpy\nimport time:       700 |       1000 | spinepnp.cli.x\n"
    assert slowest_imports(text) == [("spinepnp.cli", 7e-4, 0.7), ("numpy", pytest.approx(3e-4), pytest.approx(0.3))]


def test_stages_within_stages_are_counted_once():
    watch = Watch()
    inner = watch.wrapped("inner", lambda: time.sleep(0.02))
    watch.wrapped("outer", lambda: inner())()
    assert watch.seconds["inner"] >= 0.02
    assert watch.seconds["outer"] < watch.seconds["inner"]


def test_of_a_generator_only_its_own_steps_are_counted():
    class Counting:
        def steps(self, number):
            for i in range(number):
                time.sleep(0.01)
                yield i

    watch, between, begun = Watch(), 0.0, time.perf_counter()
    watch.wrap_each(Counting, "steps", "steps")
    for i, step in enumerate(Counting().steps(3)):
        assert step == i
        asleep = time.perf_counter()
        time.sleep(0.05)
        between += time.perf_counter() - asleep
    assert 0.03 <= watch.seconds["steps"] <= time.perf_counter() - begun - between


def test_stages_of_a_run_add_up(tmp_path):
    case = (ROOT / "cases" / "cylinder_iv.toml").read_text().replace('"25 nm"', '"50 nm"')
    (tmp_path / "case.toml").write_text(case.replace('shape  = "cylinder"', 'shape = "cylinder"\ndimension = "1d"'))
    stages = start._stages(tmp_path / "case.toml", tmp_path / "out", {})
    assert {"imports", "mesh", "solve", "tables and fields", "pictures"} <= set(stages)
    assert sum(s for name, s in stages.items() if name != "total") == pytest.approx(stages["total"])
    table = pandas.DataFrame(start._of_run("first run", stages, 0.1))
    assert set(table.columns) <= set(SUITES["start"].columns)


points = strategies.lists(strategies.tuples(*2 * [strategies.floats(1e-3, 1e3)]), min_size=1, max_size=30)


@given(points)
def test_the_front_is_what_nobody_beats(found):
    times, errors = zip(*found, strict=True)
    best = front(times, errors)
    assert [times[i] for i in best] == sorted(times[i] for i in best)
    assert all(errors[a] > errors[b] for a, b in itertools.pairwise(best))
    for i in range(len(found)):
        beaten = [j for j in best if times[j] <= times[i] and errors[j] <= errors[i]]
        assert beaten  # everybody is beaten by, or is, somebody of the front
        at = position(i, times, errors)
        assert at.slower >= 1.0
        assert at.worse >= 1.0
        assert errors[at.faster_is] <= errors[i]
        assert times[at.better_is] <= times[i]
        if i in best:
            assert at.slower == 1.0
            assert at.worse == 1.0


@given(strategies.lists(strategies.floats(1e-9, 1.0), min_size=1))
def test_errors_without_luck_fall(errors):
    sure = lasting(errors)
    assert all(a >= b for a, b in itertools.pairwise(sure))
    assert all(a >= b for a, b in zip(sure, errors, strict=True))
    assert sure[-1] == errors[-1]


BLOCKS = [("README.md", "tasks"), *(("docs/performance.md", name) for name in (*page.COLUMNS, "ratios"))]


@pytest.mark.parametrize(("path", "name"), BLOCKS)
def test_the_pages_have_blocks_with_a_table_date_and_machine(path, name):
    text = (ROOT / path).read_text()
    begin, end = f"<!-- bench {name}: written by ./spine bench --readme -->", f"<!-- end of bench {name} -->"
    assert text.count(begin) == text.count(end) == 1
    block = text.split(begin)[1].split(end)[0]
    lines = [line for line in block.splitlines() if line.startswith("|")]
    assert len(lines) >= 3
    assert re.search(r"\b\d{4}-\d\d-\d\d\b", block)
    assert re.search(r"\d+ cores", block)


def test_a_block_is_rewritten_and_nothing_else(tmp_path):
    marks = "<!-- bench x: written by ./spine bench --readme -->", "<!-- end of bench x -->"
    path = tmp_path / "page.md"
    path.write_text(f"before\n{marks[0]}\nold \\1\n{marks[1]}\nafter\n")
    page.rewrite(path, "x", "new \\1")
    assert path.read_text() == f"before\n{marks[0]}\nnew \\1\n{marks[1]}\nafter\n"
    with pytest.raises(ValueError, match="once each"):
        page.rewrite(path, "y", "")


def test_iterations_have_a_column_a_degree_and_size():
    head = {"problem": "100 pA", "shape": "cylinder", "degree": 1, "dofs": 19197, "ranks": 1, "mean": 7.0, "most": 9}
    rows = [head, head | {"ranks": 2, "most": 10}, head | {"dofs": 148_000}, head | {"degree": 2, "most": 8}]
    rows += [head | {"problem": "spine", "shape": "ball_neck", "dofs": 18236, "most": 7}]
    text = page.section("krylov", pandas.DataFrame(rows), page.about())
    assert "| problem | linear, 20 k | linear, 150 k | quadratic, 20 k |" in text
    assert "| 100 pA | 9 / 10 | 9 | 8 |" in text
    assert "| spine (ball_neck) | 7 |  |  |" in text


def test_tables_of_a_folder_go_into_the_pages(tmp_path):
    for file in ("README.md", "docs/performance.md"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text((ROOT / file).read_text())
    times = [start._time(what, 0.4, 0.1) for what in start.TARGETS]
    parts = [{"kind": kind, "what": "mesh", "seconds": 1.0, "share": 0.5} for kind in ("first run", "second run")]
    pandas.DataFrame([*times, *parts]).to_csv(tmp_path / "start.csv", index=False)
    (tmp_path / "start.json").write_text(json.dumps({"date": "2026-01-02", "machine": "a core"}))
    page.write(tmp_path, tmp_path)
    assert "2026-01-02, a core." in (tmp_path / "docs" / "performance.md").read_text()
    page_text = (tmp_path / "docs" / "performance.md").read_text()
    assert "| --help, over what is asked for (0.5 s) | 0.80 | 2026-01-02 |" in page_text
    assert (tmp_path / "README.md").read_text() == (ROOT / "README.md").read_text()  # it needs suites that are missing
