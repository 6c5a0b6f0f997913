"""Sweeps in Python, and tables of results as labelled arrays."""

import sys

import numpy as np
import pandas
import pint
import pytest

import spinepnp as pnp
from spinepnp.batch.run import BatchOptions, run_batch
from spinepnp.errors import MissingStackError
from spinepnp.meshes import generate
from spinepnp.run import run_case
from support.cases import CASE
from support.commands import refusal
from support.ions import salt

UNITS = pint.UnitRegistry()
SWEEP = 'study = { kind = "sweep", vary = "boundaries.top.current.value", values = ["10 pA", "20 pA", "-5 nA"] }\n'
COLUMN = "boundaries.top.current.value_pA"


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "case.toml"
    path.write_text(SWEEP + CASE)
    return path


def problem_of(case, comm):
    read = pnp.load_case(case)
    mesh = generate(read.geometry, read.mesh, comm)
    return pnp.SteadyProblem(mesh, read.electrolyte, read.boundaries, read.solver)


@pytest.mark.mpi
def test_the_table_of_a_sweep_is_that_of_a_run(comm, case):
    path = comm.bcast(case)
    run_case(path, comm, path.parent / "out")
    expected = pnp.load(path.parent / "out")
    with problem_of(path, comm) as problem:
        swept = pnp.sweep(problem, "boundaries.top.current", ["10 pA", pnp.si(20e-12), UNITS.Quantity(-5, "nA")])
    frame = swept.to_frame()
    assert list(frame.columns) == list(expected.columns)
    assert frame["status"].str.startswith(("ok", "failed")).all()
    assert list(frame["status"].str.slice(0, 2)) == list(expected["status"].str.slice(0, 2)) == ["ok", "ok", "fa"]
    numbers = frame.select_dtypes("number").columns
    assert numbers[0] == COLUMN
    assert np.array_equal(frame[numbers].to_numpy(), expected[numbers].to_numpy(), equal_nan=True)
    assert swept.solutions[2] is None
    assert isinstance(swept.failures[2], pnp.CaseError)
    assert swept.values == (10.0, 20.0, -5000.0)


def test_any_value_of_the_problem_can_be_varied_and_none_of_its_mesh(comm, case):
    with problem_of(case, comm) as problem:
        swept = pnp.sweep(problem, "electrolyte.species.C.diffusivity", ["100 um^2/s", "200 um^2/s"])
        doubled = pnp.sweep(problem, "boundaries.top.current.value", ["20 pA"])
        slow, fast, strong = (s.boundary["top"].potential for s in (*swept.solutions, *doubled.solutions))
        assert swept.column == "electrolyte.species.C.diffusivity_um2_per_s"
        assert slow == pytest.approx(strong, rel=1e-9)  # only the ion that flows, and only I/D counts
        assert fast == problem.solve().boundary["top"].potential
        permittivity = pnp.sweep(problem, "electrolyte.permittivity", [40, 80.0])
        assert (permittivity.column, permittivity.values) == ("electrolyte.permittivity", (40.0, 80.0))
        for path, values, key in [
            ("geometry.radius", ["50 nm"], "geometry.radius"),
            ("boundaries.top.current.vale", ["50 pA"], "boundaries.top.current.vale"),
            ("boundaries.top.current", [5e-11], "boundaries.top.current.value"),
            ("boundaries.top.current", ["5 pA", "5 mV"], "boundaries.top.current.value"),
            ("boundaries.top.current", [], "boundaries.top.current"),
            ("boundaries..current", ["5 pA"], "boundaries..current"),
            ("boundaries.top.current", ["-5 nA", "-6 nA"], "boundaries.top.current"),
        ]:
            assert refusal(pnp.sweep, problem, path, values).key.startswith(key), path


def test_the_row_of_a_solution_is_that_of_a_sweep(comm, case):
    with problem_of(case, comm) as problem:
        row = problem.solve().to_frame()
        swept = pnp.sweep(problem, "boundaries.top.current", ["10 pA"]).to_frame()
    pandas.testing.assert_frame_equal(row, swept.drop(columns=[COLUMN, "status"]))


def test_a_sweep_is_a_labelled_array(comm, case):
    pytest.importorskip("xarray")
    with problem_of(case, comm) as problem:
        swept = pnp.sweep(problem, "boundaries.top.current", ["10 pA", "20 pA"])
    data = swept.to_xarray()
    assert dict(data.sizes) == {COLUMN: 2}
    potential = data["top.potential_mV"].sel({COLUMN: 20.0})
    assert float(potential) == swept.solutions[1].boundary["top"].potential * 1e3
    assert (potential.attrs["units"], data[COLUMN].attrs["units"]) == ("mV", "pA")
    assert "units" not in data["status"].attrs


def test_a_batch_is_an_array_with_a_dimension_for_each_axis(comm, case, tmp_path):
    pytest.importorskip("xarray")
    axes = '"geometry.radius" = ["50 nm", "60 nm"]\n"boundaries.top.current.value" = ["10 pA", "20 pA", "30 pA"]\n'
    (tmp_path / "case.toml").write_text(CASE)
    (tmp_path / "sweep.toml").write_text(f'[base]\ncase = "case.toml"\n[axes]\n{axes}')
    run_batch(tmp_path / "sweep.toml", comm, tmp_path / "out", BatchOptions())
    frame = pnp.load(tmp_path / "out")
    data = pnp.to_xarray(frame)
    assert dict(data.sizes) == {"geometry.radius_nm": 2, COLUMN: 3}
    V = data["top.potential_mV"]
    assert float(V.sel({"geometry.radius_nm": 50.0, COLUMN: 30.0})) == frame["top.potential_mV"].max()
    assert data["geometry.radius_nm"].attrs["units"] == "nm"
    assert "two rows have the same values" in str(refusal(pnp.to_xarray, pandas.concat([frame, frame])))


def test_the_axes_of_single_runs_are_known(comm, case, tmp_path):
    (tmp_path / "case.toml").write_text(CASE)
    time = ('study.kind="transient"', 'study.duration="1 us"')
    for name, changes, axes in (("steady", (), []), ("time", time, ["time_ms"])):
        run_case(tmp_path / "case.toml", comm, tmp_path / name, overrides=changes)
        assert pnp.load(tmp_path / name).attrs["axes"] == axes
    run_case(case, comm, tmp_path / "sweep")
    assert pnp.load(tmp_path / "sweep").attrs["axes"] == [COLUMN]


def test_without_xarray_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)  # as where it is not installed
    with pytest.raises(MissingStackError, match=r'pip install "spinepnp\[xarray\]"') as caught:
        pnp.to_xarray(pandas.DataFrame({"a": [1.0]}))
    assert "\n" not in str(caught.value)


def test_a_solve_that_fails_is_a_row_with_its_reason(comm, case):
    """The failure is one of Newton, whose steps are too few for a strong current."""
    read = pnp.load_case(case)
    mesh = generate(read.geometry, read.mesh, comm)
    options = {"max_newton": 1, "continuation": "none", "tolerance": 1e-9}
    with pnp.SteadyProblem(mesh, salt(150), read.boundaries, options) as problem:
        swept = pnp.sweep(problem, "boundaries.top.current", ["0 pA", "300 pA"])
    assert swept.failures[0] is None
    assert isinstance(swept.failures[1], pnp.SolveError)
    assert swept.to_frame()["status"].iloc[1].startswith("failed: ")
