"""Fixed charges in time: where transients start, how many steps and iterations they take, and what they conserve."""

import numpy as np
import pytest
from mpi4py import MPI

from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary, Closed, Electrolyte, SolverOptions, SteadyProblem
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.time.checkpoint import pack, unpack
from spinepnp.solvers.time.initial_state import BARE_WALLS, DONNAN
from spinepnp.solvers.time.transient import TransientProblem
from support import CASES
from support.cases import GROUND, MS
from support.charged_cases import ROOM
from support.commands import run
from support.ions import salt
from support.measures import closes

#: Of a gel of -100 mM in 10 mM NaCl, at 298.15 K.
DONNAN_POTENTIAL, NA, CL = -59.41250504578, 100.99019513592785, 0.9901951359278449


def gel(region=("0 um", "1 um"), value="-100 mM", **keys):
    charge = [{"region": region, "value": value}]
    return salt(10, (1330, 2030), ("Na", "Cl"), **ROOM, fixed_charge=charge, **keys)


GEL = gel()
HALF = gel(("0 um", "0.5 um"))
BATH = {"base": GROUND}


def neck(comm, dimension="1d", size="10 nm", degree=1, grade=None):
    shape = Cylinder(length="1 um", radius="100 nm", dimension=dimension)
    return generate(shape, MeshOptions(size=size, element_degree=degree, grade=grade or {}), comm)


@pytest.fixture(scope="module")
def mesh(comm):
    return neck(comm)


def worst_defect(step):
    """Largest |N - N_start - passed| over N. (`ion_balance` is zero until it exceeds what rounding is granted.)"""
    return max(defect / step.solution.volume.amount[name] for name, defect in step.defect.items())


@pytest.mark.parametrize(
    ("dimension", "degree", "linear"),
    [("1d", 1, "direct"), ("1d", 2, "direct"), ("axisymmetric", 1, "block"), ("3d", 1, "block")],
)
@pytest.mark.mpi
def test_a_gel_in_a_bath(comm, dimension, degree, linear):
    """Neutral at the start, at the Donnan potential after the layer has formed. From even concentrations it would start
    at -7 kV and take 1200 steps on a line; in more dimensions it failed within a nanosecond."""
    problem = TransientProblem(
        neck(comm, dimension, "10 nm" if dimension == "1d" else "50 nm", degree),
        GEL,
        BATH,
        SolverOptions(linear=linear),
    )
    first = problem.begin()
    assert problem.formulation == "nodal"
    assert problem.remark == DONNAN
    # The bath's densities are in the first cells at once, where quadratic elements see their charge.
    assert first.volume.max_potential - first.volume.min_potential < (1e-9 if degree == 1 else 0.02)
    assert first.volume.min_concentration["Na"] == pytest.approx(10.0)  # at the bath
    assert first.volume.max_concentration["Na"] == pytest.approx(NA, rel=1e-6)
    steps = list(problem.steps(Schedule(5 * MS)))
    assert len(steps) < 100
    assert steps[-1].solution.boundary["top"].potential * 1e3 == pytest.approx(DONNAN_POTENTIAL, rel=1e-6)
    assert max(worst_defect(step) for step in steps) < 1e-11
    assert max(step.statistics.krylov_step for step in steps) <= 30  # with the hierarchies of the first step up to 200


@pytest.mark.mpi
def test_a_gel_in_a_closed_neck(comm, mesh):
    """Amounts stay what they are, and nothing moves but the ions of the layer."""
    amounts = Closed(amounts={"Na": "1.2e6 ions", "Cl": "2.5e5 ions"})  # the gel has 945 000 charges
    problem = TransientProblem(mesh, HALF, {}, closed=amounts)
    first = problem.begin()
    assert first.volume.amount["Na"] == pytest.approx(amounts.amounts["Na"], rel=1e-9)
    assert first.volume.amount["Cl"] == pytest.approx(amounts.amounts["Cl"], rel=1e-9)
    *_, last = problem.steps(Schedule(20 * MS))
    assert last.number < 150
    assert worst_defect(last) < 1e-11
    steady = SteadyProblem(mesh, HALF, {}, closed=amounts).solve(HALF, {}, amounts)
    assert last.solution.boundary["top"].potential == pytest.approx(steady.boundary["top"].potential, rel=1e-6)
    assert first.volume.free_energy - last.solution.volume.free_energy >= 0.0


def test_what_a_domain_has_too_much_is_spread(comm, mesh):
    """One species alone cannot be neutral with a charge of its own sign: concentrations stay even then."""
    alone = gel(value="100 mM", neutral=False)
    alone = alone.model_copy(update={"species": alone.species[:1]})
    problem = TransientProblem(mesh, alone, BATH)
    first = problem.begin()
    assert problem.remark == ""
    assert first.volume.max_concentration["Na"] == pytest.approx(10.0)


def test_a_charged_wall_is_told_to_start_bare(comm):
    mesh = neck(comm, "axisymmetric", "50 nm")
    plain = Electrolyte(species=GEL.species)
    problem = TransientProblem(mesh, plain, {**BATH, "wall": Boundary(surface_charge="-0.005 C/m^2")})
    problem.begin()
    assert problem.remark == BARE_WALLS


MEMBRANE = {"base": GROUND, "top": Boundary(potential="floating", concentrations={"Na": "100 mM", "Cl": "100 mM"})}


@pytest.mark.mpi
def test_a_membrane_potential_builds_up(comm):
    """Two baths and a gel between them: no total current passes the open end, and the last state is the steady one."""
    mesh = neck(comm, size="20 nm", grade={name: {"size": "0.5 nm", "growth": 1.5} for name in ("base", "top")})
    problem = TransientProblem(mesh, GEL, MEMBRANE)
    problem.begin()
    before = problem.progress.time_state.rates.charge
    for step in problem.steps(Schedule(5 * MS, (1e-9, 1e-6))):
        closes(step, before)
        assert worst_defect(step) < 1e-11
    assert step.number < 120
    steady = SteadyProblem(mesh, GEL, MEMBRANE).solve(GEL, MEMBRANE)
    assert step.solution.boundary["top"].potential == pytest.approx(steady.boundary["top"].potential, rel=1e-6)


@pytest.mark.parametrize("linear", ["direct", "block"])
def test_a_restart_changes_nothing(mesh, linear):
    options = SolverOptions(linear=linear)
    whole = TransientProblem(mesh, GEL, BATH, options)
    schedule = Schedule(1e-4, (1e-8, 1e-4))
    steps = whole.steps(schedule)
    packed = next(pack(whole) for step in steps if step.time > 1e-8 and not step.interpolated)
    unbroken = [(s.time, s.solution.boundary["top"].potential) for s in steps]
    resumed = TransientProblem(mesh, GEL, BATH, options)
    resumed.system.set_data(resumed.problem_data)
    unpack(resumed, packed)
    assert resumed.formulation == "nodal"
    again = [(s.time, s.solution.boundary["top"].potential) for s in resumed.steps(schedule)]
    assert np.array(again) == pytest.approx(np.array(unbroken), rel=1e-9 if linear == "direct" else 1e-7)


@pytest.mark.mpi
def test_a_gel_is_the_same_on_any_number_of_ranks(comm):
    rows = []
    for ranks in (comm, MPI.COMM_SELF):
        problem = TransientProblem(
            neck(ranks, "axisymmetric", "50 nm"), HALF, MEMBRANE, SolverOptions(linear="block")
        )  # fmt: skip
        times = (1e-9, 1e-6)
        rows.append([
            [s.time, s.solution.boundary["top"].potential, s.solution.volume.amount["Cl"]]
            for s in problem.steps(Schedule(1e-6, times)) if s.listed
        ])  # fmt: skip
        problem.destroy()
    assert np.array(rows[0]) == pytest.approx(np.array(rows[1]), rel=1e-9)


def test_a_run_says_how_it_starts(tmp_path, capfd):
    out, study = tmp_path / "out", 'study={kind = "transient", duration = "1 ns", fields = "none"}'
    line = "geometry.dimension=1d", "--set", "mesh.size=20 nm", "--set", study
    assert run(str(CASES / "neck_gel.toml"), "--set", *line, "--output", str(out)) == 0
    assert DONNAN in capfd.readouterr().err
