"""What reviews have found, each with the case that showed it."""

import copy
import math

import pytest

from spinepnp.case.case import make_case
from spinepnp.case.toml import set_value
from spinepnp.commands.check import check_case
from spinepnp.errors import CaseError
from spinepnp.meshes import generate
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import SteadyProblem
from spinepnp.solvers.algebra.statistics import NewtonError
from spinepnp.units import ELEMENTARY_CHARGE
from support.charged_cases import BATH
from support.commands import refusal
from support.ions import ion

BASE = {
    "geometry": {"shape": "cylinder", "length": "1 um", "radius": "100 nm", "dimension": "1d"},
    "mesh": {"size": "25 nm"},
    "electrolyte": {"species": [ion("P", 1, 100), ion("M", -1, 100, 100)]},
    "boundaries": {"base": BATH},
}
THIN = {name: {"size": "0.1 nm", "growth": 1.3} for name in ("base", "top")}


def case_of(changes):
    data = copy.deepcopy(BASE)
    for path, value in changes.items():
        set_value(data, path, value)
    return make_case(data)


def solve(comm, changes):
    case = case_of(changes)
    mesh = generate(case.geometry, case.mesh, comm)
    problem = SteadyProblem(
        mesh, case.electrolyte, case.boundaries, case.solver, case.probes, case.closed, case.regions
    )
    return problem.solve(case.electrolyte, case.boundaries, case.closed)


@pytest.mark.mpi
def test_a_closed_meridian_is_the_same_on_any_number_of_ranks(comm):
    """On the axis r is rounding, which must not decide the node whose density is an unknown constant."""
    flow = {"boundaries.base": {"current": {"species": "P", "value": "-20 pA"}}}
    flow |= {"boundaries.top": {"current": {"species": "P", "value": "20 pA"}}}
    changes = {"geometry.dimension": "axisymmetric", "closed": {}, **flow}
    alone, together = (solve(c, changes) for c in (MPI.COMM_SELF, comm))
    assert together.boundary["base"].concentration == pytest.approx(alone.boundary["base"].concentration, rel=1e-9)
    assert together.volume.free_energy == pytest.approx(alone.volume.free_energy, rel=1e-9)


@pytest.mark.parametrize("voltage", [75.0, 150.0])
def test_logarithms_do_not_leave_for_minus_infinity(comm, voltage):
    changes = {"boundaries.base": {"potential": "0 mV"}, "boundaries.top": {"potential": f"{voltage} mV"}}
    changes |= {"closed": {}, "mesh.grade": THIN, "mesh.element_degree": 2}
    density, log = (solve(comm, {**changes, "solver.formulation": f}) for f in ("density", "log"))
    assert log.volume.potential == pytest.approx(0.5e-3 * voltage, rel=1e-6)
    for name, c in density.boundary["top"].concentration.items():
        assert log.boundary["top"].concentration[name] == pytest.approx(c, rel=1e-2)


def test_continuation_arrives_where_newton_fails(comm):
    # A blocking electrode, by the data, and ions of one sign, by the Debye length.
    blocking = {"boundaries.top": {"potential": "550 mV"}, "mesh.grade": THIN, "solver.formulation": "nodal"}
    blocking |= {"solver.max_newton": 8}
    with pytest.raises(NewtonError):
        solve(comm, {**blocking, "solver.continuation": "none"})
    assert solve(comm, blocking).statistics.continuation > 0
    crowd = {"boundaries": {}, "electrolyte.neutral": False, "solver.formulation": "log", "solver.max_newton": 10}
    crowd |= {"closed": {"amounts": {"P": "3e5 ions", "M": "1e4 ions"}}}
    with pytest.raises(NewtonError):
        solve(comm, {**crowd, "solver.continuation": "none"})
    solution = solve(comm, crowd)
    assert solution.statistics.continuation > 0
    assert solution.ion_balance < 1e-6


def test_a_potential_that_no_boundary_holds_is_refused(comm):
    """Consistent masses overestimate the crowd at a wall of 20 V_T and give -155 mV beside it."""
    coarse = {"boundaries.top": {"potential": "505 mV"}, "mesh.grade": {"top": {"size": "0.2 nm", "growth": 1.2}}}
    with pytest.raises(NewtonError, match="beyond what any boundary holds"):
        solve(comm, {**coarse, "mesh.size": "10 nm", "solver.formulation": "log"})
    assert solve(comm, {**coarse, "mesh.size": "10 nm"}).volume.min_potential > -1e-9


@pytest.mark.parametrize("ions", [4.999e5, 5e5, 5.001e5])
def test_a_crowd_beyond_rounding_is_solved_or_refused_never_wrong(comm, ions):
    """Logarithms of a trace over e^47: rounding decides whether the way ends; each end must be told as what it is."""
    crowd = {"boundaries": {}, "electrolyte.neutral": False, "solver.formulation": "log"}
    crowd |= {"closed": {"amounts": {"P": f"{ions} ions", "M": "100 ions"}}}
    try:
        solution = solve(comm, crowd)
    except NewtonError as error:
        assert "the Debye length could be brought" in str(error)
    else:
        assert solution.ion_balance < 1e-6
        assert solution.volume.charge == pytest.approx((ions - 100.0) * ELEMENTARY_CHARGE, rel=1e-6)


def test_unresolved_edges_of_a_gel_are_told(comm):
    gel = {"electrolyte.fixed_charge": [{"region": ["0.3 um", "1.1 um"], "value": "-3000 mM"}]}
    assert not solve(comm, {**gel, "mesh.grade_planes": [{"z": "0.3 um"}]}).layers_resolved
    assert solve(comm, gel).layers_resolved  # they are graded by default


def test_walls_of_a_closed_domain_have_layers(comm):
    changes = {"boundaries": {}, "closed": {"amounts": {"P": "5000 ions", "M": "100 ions"}}}
    changes |= {"electrolyte.neutral": False, "solver.formulation": "log"}
    assert not solve(comm, changes).layers_resolved


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"regions": {"far": ["2 um", "3 um"]}}, 'regions.far = "[2000 nm, 3000 nm]": lies outside of the domain'),
        (
            {"regions": {"thin": ["500 nm", "501 nm"]}},
            'regions.thin = "[500 nm, 501 nm]": is thinner than the cells there (25 nm)',
        ),
        (
            {
                "geometry": {"shape": "ball", "radius": "500 nm", "dimension": "axisymmetric"},
                "boundaries": {"wall": BATH},
                "electrolyte.fixed_charge": [{"region": ["0 nm", "1 nm"], "value": "1000 mM"}],
            },
            'electrolyte.fixed_charge.0.region = "[0 nm, 1 nm]": is thinner than the cells there',
        ),
        (
            {
                "geometry": {"shape": "ball", "radius": "500 nm", "dimension": "1d"},
                "boundaries": {"wall": BATH},
                "regions": {"top": ["0 nm", "200 nm"]},
            },
            "has no planes z = const",
        ),
        (
            {"boundaries.top": {"potential": "floating", "concentrations": {}}},
            "boundaries.top.potential = \"floating\": needs the concentration of a charged species",
        ),
        (
            {
                "boundaries": {"top": {"current": {"species": "P", "value": "0 pA"}, "field_matched": True}},
                "closed": {},
            },
            "boundaries.top.field_matched: needs a potential that is given somewhere",
        ),
        (
            {"boundaries": {}, "closed": {"amounts": {"M": "0 ions"}}, "solver.formulation": "log"},
            "closed.amounts.M: zero has no logarithm",
        ),
    ],
)  # fmt: skip
def test_refused_before_solving(comm, changes, message):
    assert message in str(refusal(solve, comm, changes))


def test_one_linear_step_is_no_solution(comm):
    with pytest.raises(NewtonError, match="PETSc stopped before the tolerance was reached"):
        solve(comm, {"solver.petsc": {"snes_type": "ksponly"}, "boundaries.top": {"surface_charge": "-0.02 C/m^2"}})


@pytest.mark.parametrize("option", ["-snes_max_it", "-snes_rtol"])
def test_options_that_keys_of_our_own_stand_for(spinepnp, tmp_path, option):
    path = tmp_path / "case.toml"
    path.write_text(case_of({}).to_toml())
    done = spinepnp("run", str(path), option, "2", exit_code=2)
    assert f"error: {option}: is set by solver." in done.stderr
    assert done.stderr.count("\n") == 1


def test_currents_that_are_rounding_have_no_balance(comm):
    wall = {"boundaries.top": {"surface_charge": "-0.02 C/m^2"}, "mesh.grade": THIN}
    assert solve(comm, wall).ion_balance == 0.0


def test_no_ions_of_a_species_are_no_error(comm):
    none = {"boundaries.base": {"potential": "0 mV"}, "closed": {"amounts": {"M": "0 ions", "P": "10 ions"}}}
    solution = solve(comm, {**none, "electrolyte.neutral": False})
    assert abs(solution.volume.concentration["M"]) < 1e-12
    assert solution.ion_balance < 1e-9


def test_a_sweep_over_words_and_quantities(verb, tmp_path):
    salt = {"P": "10 mM", "M": "10 mM"}
    study = {"kind": "sweep", "vary": "boundaries.top.potential", "values": ["10 mV", "floating"]}
    changes = {"boundaries.top": {"potential": "floating", "concentrations": salt}, "study": study}
    path = tmp_path / "case.toml"
    path.write_text(case_of(changes).to_toml())
    verb("run", str(path), exit_code=0)
    henderson = 25.26 / 3.0 * math.log(10.0)
    table = (tmp_path / "runs" / "case" / "observables.csv").read_text().splitlines()
    columns, *rows = [line.split(",") for line in table]
    assert columns[0] == "boundaries.top.potential"
    assert [row[0] for row in rows] == ["10 mV", "floating"]
    assert float(rows[1][columns.index("top.potential_mV")]) == pytest.approx(henderson, rel=5e-3)
    assert verb("run", str(path), "--resume").returncode == 0


def test_check_looks_at_every_value_of_a_sweep(comm, tmp_path):
    path = tmp_path / "case.toml"
    study = {"kind": "sweep", "vary": "electrolyte.permittivity", "values": [80, -1]}
    path.write_text(case_of({"study": study}).to_toml())
    with pytest.raises(CaseError, match="permittivity"):
        check_case(path, comm)
