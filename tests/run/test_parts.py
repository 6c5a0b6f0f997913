"""Files that no rank writes alone: fields in parts, and checkpoints in slices of the ranks, on one and two ranks."""

import shutil

import numpy as np
import pytest
import pyvista

import spinepnp as pnp
from spinepnp.case.case import Case
from spinepnp.errors import CaseError, OutputError
from spinepnp.pages.body import marked_facets, read_frames
from spinepnp.run import checkpoints
from spinepnp.run.membranes import current_lines, currents_of_row
from spinepnp.run.options import RunOptions
from spinepnp.run.steady import solve_case
from spinepnp.run.summary import statements
from spinepnp.runtime.files import fields_path, is_whole, parts_of
from spinepnp.runtime.stack import MPI
from spinepnp.solvers.fem.discretisation import Discretisation
from spinepnp.solvers.fem.dof_order import Ordering
from spinepnp.solvers.fem.field_file import FieldFile
from spinepnp.solvers.problem import field_files
from support.ions import ion, salt

SALT = salt(150, names=("Na", "Cl"))
CONDITIONS = {"base": pnp.bath(), "top": pnp.inject("Na", "50 pA")}


def neck(comm, **options):
    shape = pnp.Cylinder(length="1 um", radius="100 nm", dimension="axisymmetric")
    return pnp.mesh(shape, comm=comm, **{"size": "50 nm", **options})


@pytest.fixture
def folder(comm, tmp_path):
    return comm.bcast(tmp_path)


@pytest.fixture
def in_parts(monkeypatch):
    """Every mesh on several ranks is a large one."""
    monkeypatch.setattr(field_files, "MOST_GATHERED", 0)


# --- slices


@pytest.mark.mpi
@pytest.mark.parametrize("degree", [1, 2])
def test_slices_of_all_ranks_are_the_order_of_one_rank(comm, degree):
    def ordered(on):
        mesh = neck(on, element_degree=degree, refine=1)
        space = Discretisation(mesh).space
        ordering, x = Ordering(space, mesh), space.tabulate_dof_coordinates()
        owned = x[: space.dofmap.index_map.size_local]
        part = ordering.to_slice(owned)
        assert len(part) == ordering.length
        assert np.array_equal(ordering.from_slice(part), owned)
        return part

    together, alone = np.concatenate(comm.allgather(ordered(comm))), ordered(MPI.COMM_SELF)
    assert np.allclose(together, alone, rtol=0.0, atol=1e-12)
    assert len(alone) / comm.size <= 2.0 * len(ordered(comm))  # no rank has much more than its share


# --- checkpoints


@pytest.mark.mpi
def test_a_checkpoint_is_the_same_file_on_any_number_of_ranks_and_is_read_on_any(comm, folder):
    values, others = (
        np.random.default_rng(1).normal(size=(101, 3)),
        {"number": np.array(7), "linear": np.array("block")},
    )
    mine = np.array_split(values, comm.size)[comm.rank]
    checkpoints.write(folder, comm, others | {"unknowns": mine}, {"format": 3}, ("unknowns",))
    alone = folder / f"alone{comm.rank}"
    alone.mkdir()
    checkpoints.write(alone, MPI.COMM_SELF, others | {"unknowns": values}, {"format": 3}, ("unknowns",))
    for place, on in ((folder, MPI.COMM_SELF), (alone, MPI.COMM_SELF), (comm.bcast(alone), comm)):
        arrays, about = checkpoints.read(place / checkpoints.NEWEST)
        assert about == {"format": 3, "on_mesh": ["unknowns"]}
        assert {name: array.tolist() for name, array in arrays.items()} == {"number": 7, "linear": "block"}
        expected = np.array_split(values, on.size)[on.rank]
        found = checkpoints.read_on_mesh(place / checkpoints.NEWEST, on, ("unknowns",), len(expected))
        assert np.array_equal(found["unknowns"], expected)
    with np.load(folder / checkpoints.NEWEST) as one, np.load(alone / checkpoints.NEWEST) as other:
        assert str(one["sha256"]) == str(other["sha256"])
        assert np.array_equal(one["unknowns"], values)


@pytest.mark.mpi
def test_a_full_disk_and_another_mesh_are_told_on_every_rank(comm, folder, monkeypatch):
    slices = {"unknowns": np.zeros((1000, 3))}
    checkpoints.write(folder, comm, slices, {}, ("unknowns",))
    before = (folder / checkpoints.NEWEST).read_bytes()
    with pytest.raises(ValueError, match="rows in place of"):
        checkpoints.read_on_mesh(folder / checkpoints.NEWEST, comm, ("unknowns",), 10)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(OutputError, match="no space left on device"):
        checkpoints.write(folder, comm, slices | {"past_0": np.zeros((1000, 3))}, {}, ("past_0", "unknowns"))
    assert (folder / checkpoints.NEWEST).read_bytes() == before
    assert comm.allreduce(len(list(folder.glob(".*.partial")))) == 0


# --- fields


@pytest.mark.mpi
def test_fields_in_parts_are_those_of_the_whole(comm, folder, in_parts):
    solution = pnp.solve_steady(neck(comm), SALT, CONDITIONS)
    solution.save(folder / "whole.vtu")
    path, grid = solution.record(folder / "parts")
    assert path.suffix == (".vtu" if comm.size == 1 else ".pvtu")
    assert (grid is not None) == (comm.size == 1)
    fine = neck(comm, size="30 nm")
    names = {"V": "potential_mV", "c": "concentration_mM.Na"}
    nodes = Discretisation(fine).space.tabulate_dof_coordinates()
    whole, parts = (
        FieldFile(str(file), "initial.file", comm).at_nodes(names, nodes, fine.geometry)
        for file in (folder / "whole.vtu", path)
    )
    assert np.allclose(parts, whole, rtol=1e-7, atol=1e-7 * np.abs(whole).max())
    with pytest.raises(CaseError, match="the body reaches"):
        FieldFile(str(path), "initial.file", comm).at_nodes(names, nodes + np.array([0.0, 0.5, 0.0]), fine.geometry)
    if comm.rank == 0:  # for a report, the parts are one body without walls inside
        bodies = [read_frames([("", file)]) for file in (folder / "whole.vtu", path)]
        outlines = [np.vstack(list(marked_facets(fields.grid).values())) for fields in bodies]
        assert len(outlines[0]) == len(outlines[1])
        assert bodies[0].grid.n_points == bodies[1].grid.n_points


@pytest.mark.mpi
def test_one_form_replaces_the_other_and_parts_are_copied_by_name(comm, folder, in_parts, monkeypatch):
    solution, stem = pnp.solve_steady(neck(comm, size="90 nm"), SALT, CONDITIONS), folder / "fields"
    for number in (0, 5):
        (folder / f"fields_{number}.vtu").write_text("of an earlier run on more ranks")
    comm.barrier()
    path, _ = solution.record(stem)
    comm.barrier()
    assert path == fields_path(stem)
    assert is_whole(path)
    assert len(list(folder.glob("fields_*.vtu"))) == len(parts_of(path)) == (comm.size if comm.size > 1 else 0)
    if comm.rank == 0:
        (folder / "points").mkdir()
        field_files.copy(path, folder / "points" / "0001")
        copied = fields_path(folder / "points" / "0001")
        assert np.array_equal(pyvista.read(copied)["potential_mV"], pyvista.read(path)["potential_mV"])
        for part in parts_of(path):
            shutil.copy(part, folder / "kept")
            part.write_bytes(part.read_bytes()[:1000])
            assert not is_whole(path)
            shutil.copy(folder / "kept", part)
    comm.barrier()
    monkeypatch.undo()
    assert solution.record(stem)[0].name == "fields.vtu"
    assert not list(folder.glob("fields_*.vtu"))
    assert not (folder / "fields.pvtu").exists()


@pytest.mark.mpi
def test_a_sweep_leaves_parts_and_solves_again_what_is_damaged(comm, folder, in_parts):
    case = Case.model_validate(
        {
            "geometry": {"shape": "cylinder", "length": "1 um", "radius": "100 nm", "dimension": "axisymmetric"},
            "mesh": {"size": "90 nm"},
            "electrolyte": {"species": [ion("Na", 1, 150), ion("Cl", -1, 150)]},
            "boundaries": {
                "base": {"potential": "0 mV", "concentrations": "bulk"},
                "top": {"current": {"species": "Na", "value": "10 pA"}},
            },
            "study": {"kind": "sweep", "vary": "boundaries.top.current.value", "values": ["10 pA", "20 pA"]},
        }
    )
    out, quiet = folder / "out", RunOptions(quiet=True)
    solve_case(case, comm, out, quiet)
    comm.barrier()
    last, second = fields_path(out / "fields"), fields_path(out / "points" / "0002")
    if comm.rank == 0:
        assert np.array_equal(pyvista.read(last)["potential_mV"], pyvista.read(second)["potential_mV"])
        assert (out / "iv.png").exists()
        assert (out / "potential.png").exists() == (comm.size == 1)  # the whole is on no rank
        (parts_of(second) or [second])[-1].write_bytes(b"")
    first = fields_path(out / "points" / "0001")
    written = first.stat().st_mtime_ns
    comm.barrier()
    solve_case(case, comm, out, RunOptions(quiet=True, resume=True))
    if comm.rank == 0:
        assert is_whole(second)
        assert is_whole(last)
    assert first.stat().st_mtime_ns == written


def test_a_capacitance_without_its_layer_and_the_currents_of_mechanisms_are_told():
    row = {"layers_resolved": False, "layers_unresolved": "top; wall", "wall.charge_C_per_m2": 1e-3}
    first, second, *_ = statements([row], True)
    assert first == "Debye layers are not resolved at top, wall: electroneutral values there at best"
    assert second == (
        "the charge of the capacitance of wall is C_m V_m: the layer in series with it is missing on these cells; "
        "grade the mesh there to have it"
    )
    charged = [{"layers_resolved": True, "layers_charged": place} for place in ("-", "top")]
    assert "no boundary has a charged Debye layer" in statements(charged[:1], True)[0]
    assert statements(charged, True)[0] == "Debye layers are resolved: full PNP values"
    columns = {"wall.leak.current_pA.K": -2.0, "wall.leak.current_pA.Na": 2.0, "wall.leak.current_pA.total": 0.0}
    lines = current_lines(currents_of_row({**columns, "wall.current_pA.K": -2.0, "peak.wall.potential_mV": 1.0}))
    assert lines == ["current of wall.leak into the domain (pA): K -2, Na 2, total 0"]
