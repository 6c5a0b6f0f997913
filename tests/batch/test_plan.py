"""The plan of a batch before it begins: `check SWEEP`, the same lines of `batch`, and what is removed along an axis."""

import json

import pytest
import tomli_w

from spinepnp.batch import sweep
from spinepnp.batch.sweep import load_sweep
from spinepnp.case.case import Case
from support.cases import CASE
from support.commands import call, refused

AXES = """
[base]
case = "case.toml"
[axes]
"geometry.radius" = ["40 nm", "50 nm", "60 nm"]
"boundaries.top.current.value" = ["10 pA", "20 pA"]
"""


@pytest.fixture
def written(tmp_path):
    def write(text=AXES, **tables):
        (tmp_path / "case.toml").write_text(CASE + tomli_w.dumps(tables))
        (tmp_path / "sweep.toml").write_text(text)
        return tmp_path / "sweep.toml"

    return write


class TestThePlan:
    def test_counts_cases_meshes_and_cost(self, written, capsys):
        path = written()
        assert call("check", path, "--json") == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["cases"] == facts["solves"] == 6
        assert facts["meshes"] == 3
        assert facts["axes"] == {"geometry.radius": 3, "boundaries.top.current.value": 2}
        jobs = load_sweep(path).jobs
        assert facts["unknowns"] == [round(jobs[0].unknowns), round(jobs[-1].unknowns)]
        assert call("check", path.parent / "case.toml", "--json") == 0
        assert jobs[2].unknowns == pytest.approx(json.loads(capsys.readouterr().out)["mesh"]["dofs"], rel=0.1)
        assert facts["estimated_s"] > sum(job.cost for job in jobs) > 0.0
        assert facts["estimated_memory_GB"] == pytest.approx(max(job.memory for job in jobs) / 1e9)

    def test_in_words(self, written, capsys):
        path = written('title = "Six"\n' + AXES)
        assert call("check", path) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "Six"
        assert lines[1] == "6 cases: all combinations of geometry.radius (3 values), boundaries.top.current.value (2)"
        assert lines[2].startswith("3 different meshes, ")
        assert "unknowns a case" in lines[2]
        assert lines[3].startswith("cost: about ")
        assert "on one core" in lines[3]
        assert "GB" in lines[3]

    def test_a_sweep_within_the_cases_counts(self, written, capsys):
        study = {"kind": "sweep", "vary": "geometry.length", "values": ["300 nm", "400 nm", "500 nm"]}
        assert call("check", written(study=study), "--json") == 0
        facts = json.loads(capsys.readouterr().out)
        assert (facts["cases"], facts["solves"], facts["meshes"]) == (6, 18, 9)

    def test_equal_and_impossible_cases_are_told(self, written, capsys):
        path = written(AXES.replace('"60 nm"', '"0.05 um", "-1 nm"'))
        assert call("check", path) == 0
        text = capsys.readouterr().out
        assert "8 cases" in text
        assert "2 of them are impossible: case 7" in text
        assert "must be positive" in text or "greater than" in text
        assert "2 are the same as others" in text

    def test_the_batch_prints_it_before_it_starts(self, written, capsys, tmp_path):
        assert call("batch", written(), "--output", tmp_path / "out") == 0
        captured = capsys.readouterr()
        told = captured.err.splitlines()
        assert told[0].startswith("[0/6] 6 cases: all combinations")
        assert told[1].startswith("[0/6] 3 different meshes")
        assert told[2].startswith("[0/6] cost: about")
        assert "different" not in captured.out  # of which the last lines alone are results
        assert "3 different meshes" in (tmp_path / "out" / "batch.log").read_text()

    def test_a_case_that_is_solved_is_not_in_the_cost(self, written, capsys, tmp_path):
        path = written()
        assert call("batch", path, "--output", tmp_path / "out") == 0
        capsys.readouterr()
        assert call("batch", path, "--output", tmp_path / "out") == 0
        assert "6 are solved already, 0 are left" in capsys.readouterr().err

    def test_zip_and_csv_are_named(self, written, capsys, tmp_path):
        zipped = AXES.replace(', "60 nm"', "") + 'combine = "zip"\n'
        assert call("check", written(zipped)) == 0
        assert "2 cases: the values of geometry.radius (2 values), boundaries.top" in capsys.readouterr().out
        (tmp_path / "points.csv").write_text("geometry.radius\n40 nm\n50 nm\n40 nm\n")
        assert call("check", written('combine = "csv"\ncsv = "points.csv"\n[base]\ncase = "case.toml"\n')) == 0
        assert "3 cases: the rows of points.csv: geometry.radius_nm (2 values)" in capsys.readouterr().out

    def test_bad_input(self, written, capsys):
        assert "radios: unknown key" in refused(capsys, "check", written(AXES.replace("radius", "radios")))
        line = refused(capsys, "check", written(), "--set", "mesh.size=10 nm")
        assert line.startswith("error: --set")
        assert "base.set" in line
        assert "base.unset" in refused(capsys, "check", written(), "--unset", "mesh.size")


class TestManyCases:
    def test_are_announced_at_once_and_counted_on_the_way(self, written, monkeypatch):
        monkeypatch.setattr(sweep, "MANY_CASES", 4)
        monkeypatch.setattr(sweep, "LINE_EVERY", 0.0)
        lines = []
        made = []

        def case(data, make=sweep.make_case):
            made.append(len(lines))
            return make(data)

        monkeypatch.setattr(sweep, "make_case", case)
        load_sweep(written(), lines.append)
        assert lines[0] == "6 cases are checked"
        assert made[0] == 1  # the line stands before the first of them
        assert lines[-1].startswith("5 of 6 cases are checked, about ")

    def test_few_are_not(self, written):
        lines = []
        load_sweep(written(), lines.append)
        assert lines == []

    def test_each_is_written_as_tables_once_and_each_mesh_is_estimated_once(self, written, monkeypatch):
        """What took half of the time of a plan."""
        counts = {"to_dict": 0, "size_of": 0}

        def counted(name, work):
            def wrapper(*arguments):
                counts[name] += 1
                return work(*arguments)

            return wrapper

        monkeypatch.setattr(Case, "to_dict", counted("to_dict", Case.to_dict))
        monkeypatch.setattr(sweep, "size_of", counted("size_of", sweep.size_of))
        load_sweep(written())
        assert counts == {"to_dict": 6, "size_of": 3}


class TestUnsetAlongAnAxis:
    TEXT = '[base]\ncase = "case.toml"\nset = { "title" = "x" }\nunset = ["mesh.size"]\n'

    def test_keys_are_removed_in_some_cases(self, written):
        text = self.TEXT + '[axes]\nunset = [[], ["boundaries.top.current"]]\n"geometry.radius" = ["40 nm", "50 nm"]\n'
        jobs = load_sweep(written(text)).jobs
        assert [bool(job.case().boundaries["top"].injections) for job in jobs] == [True, True, False, False]
        assert [job.columns["unset"] for job in jobs] == ["-", "-", *["boundaries.top.current"] * 2]
        assert len({job.key for job in jobs}) == 4

    def test_before_others_are_set(self, written):
        text = self.TEXT + (
            '[axes]\nunset = ["boundaries.top.current", "title"]\n'
            '"boundaries.top.surface_charge" = ["1e-4 C/m^2", "2e-4 C/m^2"]\ncombine = "zip"\n'
        )
        first, second = (job.case().boundaries["top"] for job in load_sweep(written(text)).jobs)
        assert not first.injections
        assert second.injections

    def test_in_a_csv_file(self, written, tmp_path):
        (tmp_path / "points.csv").write_text("unset,geometry.radius\nboundaries.top.current,40 nm\n,50 nm\n")
        text = 'combine = "csv"\ncsv = "points.csv"\n' + self.TEXT
        cases = [job.case() for job in load_sweep(written(text)).jobs]
        assert [bool(case.boundaries["top"].injections) for case in cases] == [False, True]

    def test_of_a_key_that_is_not_there(self, written, capsys, tmp_path):
        text = self.TEXT + '[axes]\nunset = ["boundaries.top.curent"]\n'
        line = refused(capsys, "batch", written(text), "--output", tmp_path / "out")
        assert 'boundaries.top.curent: cannot be removed, as it is not there; did you mean "current"' in line
        assert "axes.unset" in refused(capsys, "check", written(text.replace('["boundaries.top.curent"]', "[1]")))
