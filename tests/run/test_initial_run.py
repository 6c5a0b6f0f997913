"""Transients that start from regions or from a file of fields, through the command line: files, restarts, ranks."""

import os
import shutil

import numpy as np
import pandas
import pytest
import pyvista
import tomli_w

from spinepnp.case.case import load_case
from spinepnp.case.digest import case_digest
from spinepnp.errors import CaseError
from support import CASES
from support.commands import refused, run
from support.ions import ion

LOW = {"C": "15 mM", "A": "15 mM"}


def tables(duration="0.1 ms", dimension="axisymmetric", **more):
    """A neck between baths of 150 and 15 mM in open circuit: the junction in its middle goes to the steady profile."""
    return {
        "geometry": {"shape": "cylinder", "length": "1 um", "radius": "100 nm", "dimension": dimension},
        "mesh": {"size": "50 nm"},
        "electrolyte": {"species": [ion("C", 1, 150), ion("A", -1, 150, 100)]},
        "boundaries": {
            "base": {"potential": "0 mV", "concentrations": "bulk"},
            "top": {"potential": "floating", "concentrations": LOW},
        },
        "initial": {"region": [{"z": ["500 nm", "1 um"], "concentrations": LOW}]},
        "study": {"kind": "transient", "duration": duration, "times": [duration], "tolerance": 1e-5},
    } | more  # fmt: skip


def write(path, data):
    path.write_text(tomli_w.dumps(data))
    return path


def rows(directory):
    return pandas.read_csv(directory / "observables.csv")


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A folder with a run of 0.1 ms on the meridian, in ``first``."""
    folder = tmp_path_factory.mktemp("initial")
    case = write(folder / "first.toml", tables())
    assert run(case, "--output", folder / "first") == 0
    return folder


def restarted(folder, path="first/fields.vtu", duration="0.4 ms", **more):
    return write(folder / "second.toml", tables(duration, initial={"file": path}, **more))


class TestRegions:
    def test_results_and_resolved_case(self, first):
        table, case = rows(first / "first"), load_case(first / "first" / "case.toml")
        mean = 0.5 * (150 + 15) * 6.02214076e5 * np.pi * 0.01 * 1e-3  # ions
        assert table["volume.amount_ions.C"].iloc[0] == pytest.approx(1e3 * mean, rel=1e-9)
        assert [(p.z, p.size) for p in case.mesh.grade_planes] == [(5e-7, None)]
        assert case.to_toml() == (first / "first" / "case.toml").read_text()
        assert table["top.potential_mV"].iloc[-1] == pytest.approx(19.388, rel=1e-3)

    def test_a_sweep_over_a_concentration(self, tmp_path):
        study = tables()["study"] | {
            "vary": "initial.region.0.concentrations", "values": ["unused"], "duration": "1 us", "times": ["1 us"],
        }  # fmt: skip
        data = tables(dimension="1d", study=study | {"vary": "initial.region.0.z", "values": [["0.2 um", "1 um"]]})
        assert run(write(tmp_path / "sweep.toml", data), "--output", tmp_path / "out") == 0
        amounts = rows(tmp_path / "out" / "points" / "0001")["volume.amount_ions.C"]
        mean = (0.2 * 150 + 0.8 * 15) * 6.02214076e5 * np.pi * 0.01
        assert amounts.iloc[0] == pytest.approx(mean, rel=1e-9)


class TestRestart:
    def test_it_goes_on_as_the_long_run(self, first, tmp_path):
        """The state at the start is that of the file, the charge of a floating boundary included."""
        long = tables("0.5 ms")
        long["study"]["times"] = ["0.1 ms", "0.5 ms"]
        assert run(write(tmp_path / "long.toml", long), "--output", tmp_path / "long") == 0
        assert run(restarted(first), "--output", tmp_path / "second") == 0
        before, after = pyvista.read(first / "first" / "fields.vtu"), pyvista.read(tmp_path / "second/fields/0000.vtu")
        for name in before.point_data:
            assert np.allclose(before[name], after[name], rtol=1e-9, atol=1e-9), name
        end, found = (pyvista.read(tmp_path / name / "fields.vtu") for name in ("long", "second"))
        for name in end.point_data:
            scale = 25.26 if "potential" in name else 150.0
            assert np.abs(end[name] - found[name]).max() < 20 * 1e-5 * scale, name  # so many steps, each to 1e-5

    def test_another_mesh_and_linear_elements(self, first, tmp_path):
        case = restarted(first, duration="1 us", mesh={"size": "33 nm", "element_degree": 1})
        assert run(case, "--output", tmp_path / "out") == 0
        table, expected = rows(tmp_path / "out").iloc[0], rows(first / "first").iloc[-1]
        assert table["volume.amount_ions.C"] == pytest.approx(expected["volume.amount_ions.C"], rel=2e-4)
        assert table["top.potential_mV"] == pytest.approx(expected["top.potential_mV"], rel=5e-3)

    def test_a_meridian_in_its_body_of_revolution(self, first, tmp_path):
        case = restarted(first, duration="0.1 us", dimension="3d", mesh={"size": "50 nm", "order": 1})
        assert run(case, "--output", tmp_path / "out") == 0
        grid, source = pyvista.read(tmp_path / "out/fields/0000.vtu"), pyvista.read(first / "first/fields.vtu")
        z, c = source.points[:, 1], source["concentration_mM.C"]
        order = np.argsort(z)
        assert np.allclose(grid["concentration_mM.C"], np.interp(grid.points[:, 2], z[order], c[order]), atol=0.12)

    def test_names_of_species_on_a_line(self, tmp_path):
        """A file of somebody else: any VTK file with arrays named like the species, in mM."""
        x = np.linspace(0.0, 1.0, 41)
        line = pyvista.lines_from_points(np.column_stack([x, 0 * x, 0 * x])[::-1])
        line.point_data["C"] = line.point_data["A"] = 150.0 - 135.0 * line.points[:, 0]
        line.save(tmp_path / "line.vtp")
        data = tables("1 us", "1d", initial={"file": "line.vtp"})
        assert run(write(tmp_path / "line.toml", data), "--output", tmp_path / "out") == 0
        grid = pyvista.read(tmp_path / "out/fields/0000.vtu")
        assert np.allclose(grid["concentration_mM.A"], 150.0 - 135.0 * grid.points[:, 0], rtol=1e-6)

    def test_two_ranks(self, first, tmp_path, spinepnp, mpiexec):
        data = tables("1 us", initial={"file": "first/fields.vtu"}, mesh={"size": "80 nm"})
        case = write(first / "ranks.toml", data | {"study": data["study"] | {"tolerance": 1e-3}})
        assert run(case, "--output", tmp_path / "out1") == 0
        spinepnp("run", str(case), "--output", "out2", ranks=2, mpiexec=mpiexec, exit_code=0)
        one, two = (rows(tmp_path / f"out{ranks}") for ranks in (1, 2))
        assert list(one["step"]) == list(two["step"])
        for name in ("top.potential_mV", "volume.amount_ions.C", "volume.concentration_mM.A"):
            assert np.allclose(one[name], two[name], rtol=1e-9)

    def test_two_ranks_and_regions(self, tmp_path, spinepnp, mpiexec):
        data = tables("1 us", "1d", mesh={"size": "80 nm"})
        case = write(tmp_path / "case.toml", data | {"study": data["study"] | {"tolerance": 1e-3}})
        assert run(case, "--output", tmp_path / "out1") == 0
        spinepnp("run", str(case), "--output", "out2", ranks=2, mpiexec=mpiexec, exit_code=0)
        one, two = (rows(tmp_path / f"out{ranks}") for ranks in (1, 2))
        assert np.allclose(one["top.potential_mV"], two["top.potential_mV"], rtol=1e-9, atol=1e-9)
        assert np.allclose(one["volume.amount_ions.C"], two["volume.amount_ions.C"], rtol=1e-12)


class TestTheFileOfACase:
    def test_resuming_does_not_need_it(self, first, tmp_path, monkeypatch, capfd):
        for folder in (tmp_path, tmp_path / "cases"):  # beside the case, and in the current directory
            folder.mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path)
        for number, place in enumerate((tmp_path, tmp_path / "cases")):
            shutil.copy(first / "first" / "fields.vtu", place / "start.vtu")
            data = tables("10 us", initial={"file": "start.vtu"})
            case = write(tmp_path / "cases" / "case.toml", data)
            out = tmp_path / f"out{number}"
            assert run(case, "--output", out, "--set", "study.checkpoint_steps=5") == 0
            whole = rows(out)
            (out / "checkpoint.npz").unlink()  # goes on from the older one
            os.remove(place / "start.vtu")
            assert run(case, "--output", out, "--set", "study.checkpoint_steps=5", "--resume") == 0
            assert "goes on from the one before it" in capfd.readouterr().err
            resumed = rows(out)
            assert list(resumed["step"]) == list(whole["step"])
            assert np.allclose(resumed["top.potential_mV"], whole["top.potential_mV"], rtol=1e-8)

    def test_closed_domains_resume_with_the_amounts_of_their_start(self, tmp_path):
        """With a net charge: its field, by Gauss' law, is that of the amounts at the start."""
        electrolyte = {"neutral": False, "species": [ion("C", 1, 1), ion("A", -1, 1)]}
        region = [{"z": ["500 nm", "1 um"], "concentrations": {"C": "1.001 mM"}}]
        data = tables("10 us", "1d", initial={"region": region}, electrolyte=electrolyte, boundaries={}, closed={})
        case, out = write(tmp_path / "case.toml", data), tmp_path / "out"
        assert run(case, "--output", out, "--set", "study.checkpoint_steps=5") == 0
        whole = rows(out)
        (out / "checkpoint.npz").unlink()
        assert run(case, "--output", out, "--set", "study.checkpoint_steps=5", "--resume") == 0
        assert np.allclose(rows(out)["base.potential_mV"], whole["base.potential_mV"], rtol=1e-8)
        assert whole["volume.charge_fC"].iloc[0] == pytest.approx(96485.33 * 0.5e-3 * np.pi * 1e-20 * 1e15, rel=1e-6)

    def test_its_content_is_in_the_digest(self, first, tmp_path):
        paths = [shutil.copy(first / "first" / "fields.vtu", tmp_path / name) for name in ("a.vtu", "b.vtu")]
        cases = [load_case(write(tmp_path / "case.toml", tables(initial={"file": path.name}))) for path in paths]
        assert cases[0].initial.file == str(tmp_path / "a.vtu")
        assert case_digest(cases[0]) == case_digest(cases[1])
        shutil.copy(first / "first" / "fields" / "0000.vtu", paths[1])
        assert case_digest(cases[0]) != case_digest(cases[1])
        paths[1].unlink()
        with pytest.raises(CaseError, match="no such file"):
            case_digest(cases[1])

    def test_files_that_do_not_fit(self, first, tmp_path, capfd):
        good = pyvista.read(first / "first" / "fields.vtu")

        def with_arrays(name, **arrays):
            grid = good.copy()
            for key, values in arrays.items():
                grid.point_data[f"concentration_mM.{key}"] = values
            grid.save(tmp_path / name)

        c = good["concentration_mM.C"].copy()
        with_arrays("negative.vtu", C=np.where(good.points[:, 1] > 0.99, -1.0, c))
        with_arrays("nan.vtu", A=np.where(good.points[:, 1] > 0.99, np.nan, c))
        with_arrays("zero.vtu", A=np.where(good.points[:, 1] > 0.99, 0.0, c))
        missing = good.copy()
        del missing.point_data["concentration_mM.A"]
        missing.save(tmp_path / "missing.vtu")
        small = good.copy()
        small.points *= 0.5
        small.save(tmp_path / "small.vtu")
        (tmp_path / "damaged.vtu").write_bytes((first / "first" / "fields.vtu").read_bytes()[:2000])
        (tmp_path / "text.vtk").write_text("hello")
        points = pyvista.PolyData(good.points)
        points.save(tmp_path / "points.vtp")
        for name, words, more in (
            ("none.vtu", "cannot be read (no such file or directory)", {}),
            ("negative.vtu", "concentration_mM.C is negative (-1 mM at its lowest)", {}),
            ("nan.vtu", "concentration_mM.A has a value that is no number", {}),
            ("missing.vtu", "no array concentration_mM.A at its points; it has concentration_mM.C, potential_mV", {}),
            ("small.vtu", "beyond the mesh of the file", {}),
            ("damaged.vtu", "no file of fields that VTK can read", {}),
            ("text.vtk", "no file of fields that VTK can read", {}),
            ("points.vtp", "no cells between its points", {}),
            ("zero.vtu", "no logarithm", {"solver": {"formulation": "nodal"}}),
            (str(first / "first" / "fields.vtu"), "holds a meridian, and the case is a line", {"dimension": "1d"}),
        ):
            case = write(tmp_path / "case.toml", tables(initial={"file": name}, **more))
            error = refused(capfd, "run", case, "--output", tmp_path / "out")
            assert words in error, error
            assert "initial" in error
            assert not (tmp_path / "out").exists()
        assert "no such file" in refused(capfd, "check", write(case, tables(initial={"file": "none.vtu"})))


@pytest.mark.parametrize("name", ["diffusion_step", "junction_in_time"])
def test_the_cases_run(name, tmp_path):
    words = ["--set", "mesh.size=50 nm", "--set", "study.duration=0.1 ms", "--set", 'study.times=["0.1 ms"]']
    assert run(CASES / f"{name}.toml", *words, "--output", tmp_path / "out") == 0
    table = rows(tmp_path / "out")
    if name == "junction_in_time":
        drop = table["probes.end.potential_mV" if "probes.end.potential_mV" in table else "end.potential_mV"]
        assert drop.iloc[-1] > 5
    else:
        assert table["middle.concentration_mM.T"].iloc[-1] == pytest.approx(4.8293, rel=2e-3)
