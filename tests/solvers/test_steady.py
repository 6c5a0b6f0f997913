"""Steady Poisson-Nernst-Planck on the real stack: laws, rates, balances, the Jacobian, ranks."""

import dataclasses
import re

import numpy as np
import pytest

from spinepnp.errors import CaseError, SolveError
from spinepnp.geometries import Cylinder
from spinepnp.meshes import GradeOptions, MeshOptions, generate
from spinepnp.runtime.stack import MPI
from spinepnp.solvers.algebra.petsc import NO_MEMORY, NO_ROOM, SINGULAR, mumps_problem
from spinepnp.solvers.algebra.statistics import NewtonError
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.options import SolverOptions
from spinepnp.solvers.problem import predictor
from spinepnp.solvers.problem.limiting_current import shown_limit
from spinepnp.solvers.steady import SteadyProblem, solve_steady
from spinepnp.validation.reference import table as references
from support.cases import GROUND
from support.commands import refusal
from support.ions import SALT, salt

REFERENCE = references.load("cylinder")
ROWS = references.rows("cylinder")
GRADED = MeshOptions(grade={"top": GradeOptions(size="0.1 nm")})


THREE = salt((12, 155, 167), names=("Na", "K", "A"), z=(1, 1, -1))


def neck(species="C", current="100 pA"):
    return {"base": GROUND, "top": Boundary(current={"species": species, "value": current})}


def cylinder(radius="100 nm", length="1 um"):
    return Cylinder(length=length, radius=radius)


def solve(electrolyte, boundaries, comm, mesh=GRADED, shape=None, options=None):
    return solve_steady(generate(shape or cylinder(), mesh, comm), electrolyte, boundaries, options)


@pytest.fixture(scope="module")
def columns(comm):
    """All twelve points of the reference table on graded meshes, with two and with three species."""
    found = {}
    for radius in sorted({row["radius"] for row in ROWS}):
        mesh = generate(cylinder(f"{radius} nm"), GRADED, comm)
        for electrolyte, species in ((SALT, "C"), (THREE, "Na")):
            problem = SteadyProblem(mesh, electrolyte, neck(species))
            for row in (r for r in ROWS if r["radius"] == radius):
                found[radius, row["current"], species] = problem.solve(
                    electrolyte, neck(species, f"{row['current']} pA")
                )
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['radius']}nm-{row['current']}pA")
class TestReferenceTable:
    def test_voltage_is_that_of_full_pnp(self, columns, row):
        """1e-4 is a tenth of the promised 0.1 %; the two columns of the table lie 1.7e-4 to 7.1e-4 apart."""
        solution = columns[row["radius"], row["current"], "C"]
        assert solution.layers_resolved
        assert solution.boundary["top"].potential * 1e3 == pytest.approx(row["V_full"], rel=1e-4)

    def test_three_species_give_the_voltage_of_two(self, columns, row):
        two, three = (columns[row["radius"], row["current"], s].boundary["top"].potential for s in ("C", "Na"))
        assert three == pytest.approx(two, rel=1e-6)

    def test_concentrations_at_the_injector(self, columns, row):
        found = columns[row["radius"], row["current"], "Na"].boundary["top"].concentration
        assert found == pytest.approx({name: row[name] for name in ("Na", "K", "A")}, rel=3e-3)

    @pytest.mark.parametrize("species", ["C", "Na"])
    def test_what_enters_at_the_top_leaves_at_the_base(self, columns, row, species):
        solution, total = columns[row["radius"], row["current"], species], row["current"] * 1e-12
        for name in solution.electrolyte.names:
            expected = -total if name == species else 0.0
            assert solution.boundary["base"].current[name] == pytest.approx(expected, abs=1e-10 * total)
            assert solution.boundary["top"].current[name] == pytest.approx(-expected, abs=1e-10 * total)
            assert solution.boundary["wall"].current[name] == pytest.approx(0.0, abs=1e-10 * total)
        assert solution.ion_balance < 1e-10

    def test_two_newton_steps_from_the_predictor(self, columns, row):
        assert columns[row["radius"], row["current"], "Na"].statistics.newton <= 2


@pytest.mark.parametrize(("radius", "current"), [(50, 10), (100, 10)])
def test_a_mesh_that_does_not_resolve_the_layer_computes_the_electroneutral_law(comm, radius, current):
    row = next(r for r in ROWS if (r["radius"], r["current"]) == (radius, current))
    solution = solve(SALT, neck(current=f"{current} pA"), comm, MeshOptions(), cylinder(f"{radius} nm"))
    voltage = solution.boundary["top"].potential * 1e3
    assert not solution.layers_resolved
    assert voltage == pytest.approx(row["V_law"], rel=2e-4)
    assert voltage == pytest.approx(row["V_full"], rel=1e-3)
    assert abs(voltage / row["V_law"] - 1.0) < abs(voltage / row["V_full"] - 1.0)


@pytest.mark.parametrize(("radius", "current"), [(50, 10), (100, 10)])
def test_the_resolved_layer_adds_what_full_pnp_adds(comm, radius, current):
    """-2.838 and -0.865 uV on top of the law, within 2 %, on a mesh of 0.1 nm at the injector."""
    row = next(r for r in ROWS if (r["radius"], r["current"]) == (radius, current))
    mesh = MeshOptions(size=f"{radius / 4} nm", grade={"top": GradeOptions(size="0.1 nm", growth=1.2)})
    solution = solve(SALT, neck(current=f"{current} pA"), comm, mesh, cylinder(f"{radius} nm"))
    added = (solution.boundary["top"].potential - solution.electroneutral["top"]) * 1e3
    assert added == pytest.approx(row["V_full"] - row["V_law"], rel=2e-2)


@pytest.mark.parametrize(
    ("degree", "sizes", "low", "high"),
    [
        (1, ("50 nm", "25 nm", "12.5 nm"), 1.9, 2.1),
        # Quadratic elements soon see the difference between full PNP and the law: the coarse pair tells their rate.
        (2, ("100 nm", "50 nm"), 2.9, 3.4),
    ],
)
def test_the_potential_converges_at_the_rate_of_the_elements(comm, degree, sizes, low, high):
    """L2 distance to the logarithm in front of the Debye layer, at ten times the salt's own current."""
    errors = []
    for size in sizes:
        mesh = generate(cylinder("100 nm", "400 nm"), MeshOptions(size=size, element_degree=degree), comm)
        problem = SteadyProblem(mesh, SALT, neck(current="2000 pA"))
        solution = problem.solve(SALT, neck(current="2000 pA"))
        z = problem.discretisation.space.tabulate_dof_coordinates()[:, 2]
        exact = 25.26e-3 * np.log1p(2000e-12 * z * 1e-6 / (2 * 167 * np.pi * 1e-14 * 2e-10 * 96485.33212331))
        weights = problem.weights.volume * (z < 0.201)
        errors.append(np.sqrt(weights @ (solution.unknowns[:, -1] - exact) ** 2 / weights.sum()))
        problem.destroy()
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert low < rates[-1] < high, rates


@pytest.mark.mpi
def test_all_ranks_together_give_the_numbers_of_one(comm):
    together, alone = (solve(THREE, neck("Na", "50 pA"), c) for c in (comm, MPI.COMM_SELF))
    for name, state in alone.boundary.items():
        other = together.boundary[name]
        assert other.area == pytest.approx(state.area, rel=1e-12)
        assert other.potential == pytest.approx(state.potential, rel=1e-9, abs=1e-15)
        assert other.concentration == pytest.approx(state.concentration, rel=1e-9)
        assert other.current == pytest.approx(state.current, rel=1e-9, abs=1e-9 * 50e-12)
    assert together.volume.potential == pytest.approx(alone.volume.potential, rel=1e-9)
    assert together.electroneutral == pytest.approx(alone.electroneutral, rel=1e-9, abs=1e-15)
    assert together.volume.min_concentration == pytest.approx(alone.volume.min_concentration, rel=1e-9)
    assert together.statistics.newton == alone.statistics.newton
    assert together.layers_resolved == alone.layers_resolved


@pytest.mark.mpi
def test_a_current_beyond_the_limit_is_refused_with_the_limit_on_every_rank(comm):
    limits = REFERENCE["limiting_current"]
    for electrolyte, species, limit in ((THREE, "Na", limits["three_species"]), (SALT, "C", limits["two_species"])):
        with pytest.raises(CaseError, match=rf"beyond the limiting current {limit} pA") as caught:
            solve(electrolyte, neck(species, f"{1.001 * limit} pA"), comm, MeshOptions())
        assert caught.value.key == "boundaries.top.current.value"


@pytest.mark.parametrize(
    ("limit", "value", "shown"),
    [
        (-202.48256378, -300.0, -202.5),
        (-202.48256378, -202.6, -202.48),
        (-202.48256378, -202.4825639, -202.4825637),
        (-100.0, -100.0, -99.9999999),
        (99.99999999999999, 100.0, 99.9999999),
        (-1e-10, -1.5e-10, -1e-10),
    ],
)
def test_a_limit_is_told_from_a_value_just_beyond_it(limit, value, shown):
    assert shown_limit(limit, value) == pytest.approx(shown, rel=1e-14)
    assert abs(shown_limit(limit, value)) < abs(value)


def test_a_factorisation_takes_over_where_multigrid_crawls(comm, monkeypatch):
    """On cells far thinner than wide the predictor alone would end the run."""
    mesh = generate(cylinder(), MeshOptions(size="50 nm"), comm)
    found = solve(SALT, neck(), comm, MeshOptions(size="50 nm")).electroneutral
    monkeypatch.setattr(predictor, "MOST_ITERATIONS", 1)
    again = SteadyProblem(mesh, SALT, neck())
    assert again.solve(SALT, neck()).electroneutral == pytest.approx(found, rel=1e-10)
    again.destroy()
    monkeypatch.setattr(predictor, "available_memory", lambda: 0.0)
    lost = SteadyProblem(mesh, SALT, neck())
    with pytest.raises(SolveError, match=r"current through top .* cells may be far thinner than wide; use a larger"):
        lost.solve(SALT, neck())
    lost.destroy()


def test_errors_of_mumps_are_told_apart():
    """What needs more room than planned is no machine without memory; an option of the user's comes first."""
    assert mumps_problem(-13, {"ksp_rtol"}) == NO_MEMORY
    assert mumps_problem(-9, ()) == NO_ROOM
    assert "far too large for the mesh" in NO_ROOM
    assert "drop what was set" in mumps_problem(-9, {"mat_mumps_icntl_14"})
    assert mumps_problem(-10, {"mat_mumps_icntl_14"}) == SINGULAR
    assert mumps_problem(-99, ()) == mumps_problem(0, {"mat_mumps_icntl_14"}) == ""


def test_an_option_of_mumps_is_blamed_for_what_it_does(comm):
    options = SolverOptions(linear="direct", continuation="none", petsc={"mat_mumps_icntl_14": -90})
    mesh = generate(cylinder(), MeshOptions(size="50 nm"), comm)
    problem = SteadyProblem(mesh, SALT, neck(), options)
    with pytest.raises(SolveError, match=r"the factorisation failed with mat_mumps_icntl_14 as set \(error -"):
        problem.solve(SALT, neck())
    problem.destroy()


def test_close_to_the_limit_no_concentration_is_negative(comm):
    solution = solve(THREE, neck("Na", "-7.40 pA"), comm)
    assert 0.0 < solution.volume.min_concentration["Na"] < 0.05


def test_weak_currents_meet_the_resistance_of_full_pnp(comm):
    """V/I does not depend on the current where it is weak, and is not the electroneutral one (7e-4 away)."""
    mesh = generate(cylinder(), GRADED, comm)
    problem = SteadyProblem(mesh, SALT, neck())
    resistances = []
    for current in (1e-2, 1e-3, 1e-4, 1e-6, 1e-8):
        solution = problem.solve(SALT, neck(current=f"{current} pA"))
        resistances.append(solution.boundary["top"].potential / (current * 1e-12))
        assert solution.statistics.newton <= 3
    assert resistances == pytest.approx([resistances[-1]] * 5, rel=1e-4)
    assert solution.electroneutral["top"] / 1e-20 / resistances[-1] - 1.0 == pytest.approx(7.4e-4, rel=0.1)


@pytest.mark.parametrize("current", ["0 pA", "1e4 pA"])
def test_no_current_and_a_strong_one(comm, current):
    solution = solve(SALT, neck(current=current), comm)
    assert solution.boundary["top"].potential == pytest.approx(solution.electroneutral["top"], rel=2e-2, abs=1e-15)
    assert solution.ion_balance < 1e-10


@pytest.mark.parametrize("volts", [0.05, -2.0, 1000.0])
def test_a_common_potential_changes_nothing(comm, volts):
    raised = neck(current="10 pA")
    raised["base"] = Boundary(potential=f"{volts} V", concentrations="bulk")
    plain, shifted = (solve(SALT, b, comm) for b in (neck(current="10 pA"), raised))
    difference = shifted.boundary["top"].potential - shifted.boundary["base"].potential
    assert difference == pytest.approx(plain.boundary["top"].potential, rel=1e-9, abs=4e-16 * abs(volts))
    assert shifted.boundary["base"].potential == pytest.approx(volts, rel=1e-12)
    assert shifted.ion_balance < 1e-10


def test_negative_concentrations_are_no_answer(comm):
    """Two injected species: no limit is known beforehand, so what Newton finds is looked at."""
    both = neck()
    both["top"] = Boundary(current=({"species": "Na", "value": "-50 pA"}, {"species": "K", "value": "1e-6 pA"}))
    with pytest.raises(NewtonError, match="the concentration of Na is negative") as caught:
        solve(THREE, both, comm, MeshOptions(), cylinder().model_copy(update={"dimension": "1d"}))
    assert caught.value.statistics.reason == "negative_concentration"
    # Continuation finds the limit, -7.41 pA of Na in this neck (facts pnp B3).
    reached = re.search(r"raised to ([\d.]+) %", str(caught.value))
    assert float(reached[1]) / 100.0 * 50.0 == pytest.approx(7.41, abs=0.15)


def test_a_bulk_spelled_as_numbers_is_the_bulk(comm):
    spelled = neck("Na", "-50 pA")
    spelled["base"] = Boundary(potential="0 mV", concentrations={"Na": "12 mM", "K": "155 mM", "A": "167 mM"})
    with pytest.raises(CaseError, match="beyond the limiting current"):
        solve(THREE, spelled, comm)


def test_where_the_debye_layer_fills_the_neck_the_electroneutral_law_is_not_used(comm):
    thin = salt(1e-3)
    solution = solve(thin, neck(current="1e-4 pA"), comm, MeshOptions())
    assert solution.electroneutral == {}
    assert solution.ion_balance < 1e-9


@pytest.mark.parametrize("first", ["wall", "base"])
def test_a_boundary_that_holds_the_potential_alone_takes_no_ions(comm, first):
    data = {
        "base": GROUND,
        "wall": Boundary(potential="0 mV"),
        "top": Boundary(current={"species": "Na", "value": "1 pA"}),
    }
    ordered = {first: data[first], **data}
    solution = solve(THREE, ordered, comm, MeshOptions())
    assert solution.boundary["wall"].current["Na"] == pytest.approx(0.0, abs=1e-20)
    assert solution.boundary["base"].current["Na"] == pytest.approx(-1e-12, rel=1e-9)
    assert not solution.layers_resolved


def test_without_a_layer_there_is_nothing_to_resolve(comm):
    assert solve(SALT, neck(current="0 pA"), comm, MeshOptions()).layers_resolved


def test_several_patches_beyond_the_limit(comm):
    several = neck("Na", "10 pA")
    several["wall"] = Boundary(current={"species": "Na", "value": "-900 pA"})
    with pytest.raises(CaseError, match="all currents together can be") as caught:
        solve(THREE, several, comm, MeshOptions())
    assert caught.value.key == "boundaries.wall.current.value"


@pytest.mark.parametrize(
    ("petsc", "complaint"),
    [({"ksp_chebyshev_kind": "fourth"}, "solver.petsc.ksp_chebyshev_kind: is read by no part of this solver")],
)
def test_wrong_petsc_options_are_refused(comm, petsc, complaint):
    assert complaint in str(refusal(solve, SALT, neck(), comm, MeshOptions(), options=SolverOptions(petsc=petsc)))


def test_anions_can_be_injected(comm):
    """By symmetry: a negative current of anions out of the neck mirrors the cations' positive one."""
    cations, anions = (solve(SALT, neck(s, v), comm).boundary["top"] for s, v in (("C", "50 pA"), ("A", "-50 pA")))
    assert anions.potential == pytest.approx(-cations.potential, rel=1e-9)
    assert anions.concentration["A"] == pytest.approx(cations.concentration["C"], rel=1e-9)


def test_divalent_ions_and_fixed_charge_follow_the_predictor(comm):
    cytosol = salt((18, 135, 1e-4, 7), names=("Na", "K", "Ca", "Cl"), z=(1, 1, 2, -1), fixed_charge="-146.0002 mM")
    solution = solve(cytosol, neck("Na", "50 pA"), comm, MeshOptions())
    assert solution.boundary["top"].potential == pytest.approx(solution.electroneutral["top"], rel=2e-3)


def test_without_a_predictor_newton_starts_from_the_bulk(comm):
    """Unequal reservoirs: the liquid junction between 150 and 15 mM of one salt carries its diffusion flux."""
    ends = {"base": GROUND, "top": Boundary(potential="0 mV", concentrations={"C": "15 mM", "A": "15 mM"})}
    solution = solve(salt(150), ends, comm, MeshOptions())
    flux = 2e-10 * (150.0 - 15.0) / 1e-6 * np.pi * 1e-14 * 96485.33212331
    assert solution.electroneutral == {}
    assert solution.boundary["base"].current == pytest.approx({"C": flux, "A": -flux}, rel=1e-3)
    assert solution.ion_balance < 1e-10


def test_two_injected_species_add_their_currents(comm):
    """Equal diffusivities: sum_k I_k / D_k is all that counts, so two half currents give the voltage of one."""
    halves = neck("Na", "50 pA")
    halves["top"] = Boundary(current=({"species": "Na", "value": "25 pA"}, {"species": "K", "value": "25 pA"}))
    whole, split = (solve(THREE, b, comm).boundary["top"].potential for b in (neck("Na", "50 pA"), halves))
    assert split == pytest.approx(whole, rel=1e-8)


def test_a_sweep_changes_values_without_building_again(comm):
    mesh = generate(cylinder(), GRADED, comm)
    problem = SteadyProblem(mesh, SALT, neck())
    first = problem.solve(SALT, neck(current="10 pA"))
    problem.solve(SALT, neck(current="200 pA"))
    again = problem.solve(SALT, neck(current="10 pA"))
    assert again.boundary["top"].potential == pytest.approx(first.boundary["top"].potential, rel=1e-12)
    dense = salt(334)
    fresh = SteadyProblem(mesh, dense, neck()).solve(dense, neck())
    assert problem.solve(dense, neck()).boundary["top"].potential == pytest.approx(
        fresh.boundary["top"].potential, rel=1e-9
    )
    with pytest.raises(ValueError, match="built for other"):
        problem.solve(THREE, neck("Na"))


def test_newton_says_why_it_failed(comm):
    options = SolverOptions(max_newton=1, tolerance=1e-14)
    with pytest.raises(NewtonError, match=r"did not converge within solver\.max_newton steps") as caught:
        solve(SALT, neck(), comm, options=options)
    assert caught.value.statistics.reason == "diverged_max_it"


def test_petsc_options_of_the_case_reach_the_solver(comm):
    options = SolverOptions(
        petsc={"ksp_type": "gmres", "pc_type": "none", "ksp_max_it": 2, "ksp_norm_type": "unpreconditioned"}
    )
    with pytest.raises(NewtonError, match="the linear solve failed"):
        solve(SALT, neck(), comm, options=options)


def test_the_line_search_of_the_case_is_used_near_the_predictor_too(comm):
    mesh = generate(cylinder(), MeshOptions(), comm)
    problem = SteadyProblem(mesh, SALT, neck(), SolverOptions(petsc={"snes_linesearch_type": "l2"}))
    problem.solve(SALT, neck())
    assert problem._newton._snes.getLineSearch().getType() == "l2"


def test_statistics_are_one_plain_row(comm):
    row = solve(SALT, neck(), comm).statistics.row()
    assert set(row) >= {"dofs", "ranks", "newton", "krylov", "assembly_s", "solve_s", "reason"}
    assert row["ranks"] == comm.size
    assert row == dataclasses.asdict(solve(SALT, neck(), comm).statistics) | {
        k: row[k] for k in ("assembly_s", "solve_s", "residual")
    }
