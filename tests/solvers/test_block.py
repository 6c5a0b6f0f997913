"""The block solver: the answers of MUMPS, iterations that do not grow, and what happens when it fails."""

import gc
import weakref

import numpy as np
import pytest

from benchmarks.iterations import euler_step
from spinepnp.errors import CaseError, SolveError
from spinepnp.geometries import Ball, BallNeck, Cylinder, Hyperboloid
from spinepnp.meshes import GradeOptions, MeshOptions, generate
from spinepnp.runtime.stack import MPI, PETSc, fem
from spinepnp.solvers import Boundary, Closed, Electrolyte, SolverOptions, SteadyProblem, TransientProblem
from spinepnp.solvers.algebra.cost import linear_solver
from spinepnp.solvers.algebra.statistics import NewtonError, NewtonStatistics
from spinepnp.solvers.fem.forms import drift, stiffness
from spinepnp.solvers.fem.measure import Measure
from spinepnp.solvers.fem.operators import Operators
from spinepnp.solvers.model.problem_data import ProblemData
from support.cases import GROUND
from support.ions import ion

#: Most linear iterations in a Newton step to a true residual of 1e-6.
MOST = 16


def ions(*species, **keys):
    """Species by valence, diffusivity in um^2/s and concentration in mM."""
    return Electrolyte(species=[ion(f"X{i}", z, c, D) for i, (z, D, c) in enumerate(species)], **keys)


SALT = ions((1, 200, 167.0), (-1, 200, 167.0))
FIVE = ions((1, 1333, 100.0), (1, 2000, 40.0), (2, 200, 5.0), (-1, 2000, 100.0), (-1, 200, 50.0))
DILUTE = ions((1, 200, 1e-3), (-1, 200, 1e-3))
NECK = Cylinder(length="1 um", radius="50 nm")
SPINE = BallNeck(head_radius="500 nm", neck_radius="100 nm", neck_length="1 um", cap_radius="20 nm")
FIXED = {"ksp_rtol": 1e-6}


def current(value, species="X0"):
    return Boundary(current={"species": species, "value": f"{value} pA"})


DATA = {"base": GROUND, "top": current(100)}
LAYER = {"top": GradeOptions(size="0.2 nm", growth=1.6)}
MEMBRANE = {"value": "1 uF/cm^2", "outside": "-70 mV"}
CROWD = ions((1, 200, 1.0), (-1, 200, 0.2), neutral=False)
AMOUNTS = Closed(amounts={"X0": "5000 ions", "X1": "1000 ions"})

PROBLEMS = {
    "current": (NECK, SALT, DATA, None, {}),
    "near the limit": (NECK, SALT, {"base": GROUND, "top": current(-48)}, None, {}),
    "five species": (NECK, FIVE, {"base": GROUND, "top": current(50, "X2")}, None, {}),
    "charged wall": (NECK, SALT, {**DATA, "wall": Boundary(surface_charge="-0.01 C/m^2")}, None, {}),
    "membrane": (NECK, SALT, {**DATA, "wall": Boundary(capacitance=MEMBRANE)}, None, {}),
    "matched": (NECK, SALT, {"base": GROUND, "top": current(100).model_copy(update={"field_matched": True})}, None, {}),
    "layer": (NECK, SALT, DATA, None, {"grade": LAYER}),
    "long Debye length": (NECK, DILUTE, {"base": GROUND, "top": current(6e-4)}, None, {}),
    "short Debye length": (NECK, SALT.model_copy(update={"permittivity": 0.015}), DATA, None, {}),
    "spine": (SPINE, SALT, {"base": GROUND, "cap": current(50)}, None, {}),
    "throat": (Hyperboloid(a="50 nm", c="100 nm", half_length="300 nm"), SALT, DATA, None, {}),
    "meridian": (NECK.model_copy(update={"dimension": "axisymmetric"}), SALT, DATA, None, {"size": "8 nm"}),
    "quadratic": (NECK, SALT, DATA, None, {"size": "35 nm", "element_degree": 2}),
    "closed": (Ball(radius="500 nm"), CROWD, {}, AMOUNTS, {}),
}


def both(name, comm, formulation="density"):
    """Solutions by MUMPS and by blocks on the same mesh."""
    shape, electrolyte, data, closed, options = PROBLEMS[name]
    size = {"size": "16 nm"} if shape is NECK else {}
    mesh = generate(shape, MeshOptions(**{**size, **options}), comm)
    for linear, petsc in (("direct", {}), ("block", FIXED)):
        chosen = SolverOptions(linear=linear, formulation=formulation, petsc=petsc)
        problem = SteadyProblem(mesh, electrolyte, data, chosen, closed=closed)
        yield problem.solve(electrolyte, data, closed)
        problem.destroy()


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_answer_of_mumps_in_few_iterations(comm, name):
    direct, block = both(name, comm)
    scale = np.abs(direct.unknowns).max(axis=0)
    assert np.abs((block.unknowns - direct.unknowns) / scale).max() < 1e-8
    assert block.ion_balance < 1e-8
    assert 0 < block.statistics.krylov_step <= MOST
    assert block.statistics.krylov > block.statistics.newton


@pytest.mark.parametrize("name", ["current", "charged wall", "closed"])
def test_logarithms_too(comm, name):
    direct, block = both(name, comm, "log")
    scale = np.abs(direct.unknowns).max(axis=0)
    assert np.abs((block.unknowns - direct.unknowns) / scale).max() < 1e-8
    assert block.statistics.krylov_step <= MOST


@pytest.mark.mpi
@pytest.mark.parametrize("name", ["current", "closed", "quadratic"])
def test_blocks_are_the_same_on_any_number_of_ranks(comm, name):
    shape, electrolyte, data, closed, options = PROBLEMS[name]
    found = []
    for c in (MPI.COMM_SELF, comm):
        mesh = generate(shape, MeshOptions(**{"size": "60 nm", **options}), c)
        problem = SteadyProblem(mesh, electrolyte, data, SolverOptions(linear="block"), closed=closed)
        found.append(problem.solve(electrolyte, data, closed))
        problem.destroy()
    alone, together = found
    for boundary, state in alone.boundary.items():
        assert together.boundary[boundary].potential == pytest.approx(state.potential, rel=1e-9, abs=1e-15)
        assert together.boundary[boundary].concentration == pytest.approx(state.concentration, rel=1e-9)
    assert together.ion_balance < 1e-9


@pytest.mark.parametrize(("formulation", "largest"), [("density", 10), ("nodal", 12)])
def test_iterations_do_not_grow_with_the_mesh(comm, formulation, largest):
    most = []
    for size in ("40 nm", "20 nm", "10 nm"):
        problem = SteadyProblem(generate(NECK, MeshOptions(size=size), comm), SALT, DATA, SolverOptions(
            linear="block", petsc=FIXED, formulation=formulation))  # fmt: skip
        most.append(problem.solve(SALT, DATA).statistics.krylov_step)
        problem.destroy()
    assert max(most) <= largest


@pytest.mark.parametrize("step", [1e-12, 1e-9, 1e-6, 1e-3, 1.0])
def test_a_time_step_of_any_length(comm, step):
    """One implicit Euler step after the current is switched on, against MUMPS."""
    mesh = generate(NECK, MeshOptions(size="20 nm"), comm)
    answers, iterations = [], 0
    for linear in ("direct", "block"):
        problem = SteadyProblem(mesh, SALT, DATA, SolverOptions(linear=linear, formulation="density"))
        solver = problem._newton.linear.ksp
        b, x = euler_step(problem, ProblemData(SALT, DATA), step)
        with problem._newton.petsc_options.in_force():
            solver.setTolerances(rtol=1e-6 if linear == "block" else 1e-12)
            solver.setOperators(problem.system.A)
            solver.solve(b, x)
            iterations = solver.getIterationNumber()
            solver.setTolerances(rtol=1e-12)
            solver.solve(b, x)
        answers.append(x.array.copy())
        problem.destroy()
    assert iterations <= MOST
    assert np.abs(answers[1] - answers[0]).max() < 1e-7 * np.abs(answers[0]).max()


@pytest.mark.parametrize("step", [1.0, 100.0])
def test_the_basis_stays_orthogonal_in_a_closed_domain(comm, step):
    """Long steps, whose matrix is nearly singular: 26 iterations, and 65 where Gram-Schmidt has one pass only."""
    neck = Cylinder(length="1 um", radius="100 nm", dimension="axisymmetric")
    options = MeshOptions(size="20 nm", element_degree=1, grade={"wall": GradeOptions(size="1 nm", growth=1.6)})
    electrolyte = ions((1, 1330, 10.0), (-1, 2030, 9.0), neutral=False)
    chosen = SolverOptions(linear="block", petsc=FIXED)
    problem = TransientProblem(generate(neck, options, comm), electrolyte, {}, chosen, closed=Closed())
    b, x = euler_step(problem, problem.problem_data, step)
    solver = problem._newton.linear.ksp
    with problem._newton.petsc_options.in_force():
        solver.setOperators(problem.system.A)
        solver.solve(b, x)
    assert solver.getConvergedReason() > 0
    assert solver.getIterationNumber() <= 32
    problem.destroy()


def test_a_step_of_the_voltage_is_one_of_the_whole_domain(comm):
    """Not of the cells at the boundary, 0.2 nm thin, where it would be a field no solver could make sense of."""
    mesh = generate(NECK, MeshOptions(size="20 nm", grade=LAYER), comm)
    data = {"base": GROUND, "top": Boundary(potential="-100 mV", concentrations="bulk")}
    for linear in ("direct", "block"):
        problem = SteadyProblem(mesh, SALT, data, SolverOptions(linear=linear, continuation="none"))
        solution = problem.solve(SALT, data)
        assert solution.statistics.newton <= 3
        assert solution.boundary["top"].potential == pytest.approx(-0.1, rel=1e-12)
        problem.destroy()


@pytest.mark.mpi
@pytest.mark.parametrize(
    "shape", [NECK, NECK.model_copy(update={"dimension": "axisymmetric"}), Ball(radius="500 nm")], ids=str
)
def test_matrices_without_a_pass_over_the_cells_are_those_of_the_forms(comm, shape):
    mesh = generate(shape, MeshOptions(size="40 nm"), comm)
    space = fem.functionspace(mesh.mesh, ("Lagrange", 1))
    operators = Operators(space, Measure(mesh))
    f = fem.Function(space)
    x = space.tabulate_dof_coordinates()
    f.x.array[:] = 1.0 + x[:, 0] + 3.0 * x[:, 1] ** 2 + np.sin(5.0 * x[:, 2])
    f.x.scatter_forward()
    assert operators.fast_assembly is not None
    u, v = operators.u, operators.v
    pairs = (
        (operators.fast_assembly.stiffness, stiffness(f, u, v)),
        (operators.fast_assembly.drift, drift(1.0, f, u, v)),
    )
    for fill, integrand in pairs:
        fast, slow = operators.empty(), operators.fill(operators.empty(), operators.compile_gradient_form(integrand))
        fill(fast, f.x.array)
        norm = slow.norm()
        slow.axpy(-1.0, fast)
        assert slow.norm() < 1e-12 * norm


@pytest.mark.parametrize(("degree", "compiled"), [(1, 3), (2, 6)])
def test_no_kernel_is_compiled_that_nothing_assembles(comm, monkeypatch, degree, compiled):
    """Boundary, volume and mass; where no product of matrices does for them, also field, conduction and drift."""
    forms = []

    def form(expression, **options):
        forms.append(expression.signature())
        return original(expression, **options)

    original = fem.form
    monkeypatch.setattr(fem, "form", form)
    mesh = generate(NECK, MeshOptions(size="40 nm", element_degree=degree), comm)
    problem = SteadyProblem(mesh, SALT, DATA)
    problem.solve(SALT, DATA)
    problem.destroy()
    assert len(set(forms)) == compiled


def test_auto_takes_blocks_for_large_problems_only():
    assert [linear_solver("auto", n, "3d") for n in (1e3, 1e5)] == ["direct", "block"]
    assert linear_solver("auto", 1e7, "1d") == "direct"
    assert linear_solver("direct", 1e7, "3d") == "direct"
    assert linear_solver("block", 10, "1d") == "block"
    assert [linear_solver("auto", 2e4, "axisymmetric", n) for n in (3, 6, 13)] == ["direct", "direct", "block"]


def test_a_factorisation_takes_over_where_auto_chose_in_vain(comm):
    mesh = generate(NECK, MeshOptions(size="16 nm"), comm)
    problem = SteadyProblem(mesh, SALT, DATA, SolverOptions(petsc={"ksp_max_it": 1}))
    assert problem.linear == "block"
    solution = problem.solve(SALT, DATA)
    assert problem.linear == "direct"
    assert solution.statistics.reason.startswith("converged")
    problem.destroy()
    stubborn = SteadyProblem(mesh, SALT, DATA, SolverOptions(linear="block", petsc={"ksp_max_it": 1}))
    with pytest.raises(NewtonError, match=r"did not reach its tolerance; .* or solver.linear = .direct."):
        stubborn.solve(SALT, DATA)
    stubborn.destroy()


def test_the_same_on_the_way_of_a_continuation(comm, monkeypatch):
    """Where the first attempts fail for another reason, and the linear solver only then."""
    mesh = generate(NECK, MeshOptions(size="16 nm"), comm)
    problem = SteadyProblem(mesh, SALT, DATA, SolverOptions(petsc={"ksp_max_it": 1}))
    original = problem._solve_once

    def fails_at_first(here, problem_data, line_search_fallback):
        if not line_search_fallback:
            return original(here, problem_data, line_search_fallback)
        statistics = NewtonStatistics(0, 1, 0, 0, 0.0, 0.0, 1.0, "diverged_max_it")
        raise NewtonError("no", statistics)

    monkeypatch.setattr(problem, "_solve_once", fails_at_first)
    solution = problem.solve(SALT, DATA)
    assert problem.linear == "direct"
    assert solution.statistics.continuation > 0
    problem.destroy()


def test_hierarchies_of_a_failed_solve_are_not_kept(comm):
    problem = SteadyProblem(generate(NECK, MeshOptions(size="20 nm"), comm), SALT, DATA, SolverOptions(linear="block"))
    problem.solve(SALT, DATA)
    assert problem._preconditioner.renewals == 0
    problem._preconditioner.iterations = lambda: -1
    assert problem.solve(SALT, {"base": GROUND, "top": current(110)}).statistics.newton <= 2
    assert problem._preconditioner.renewals > 0
    problem.destroy()


def test_options_of_either_solver_are_taken_by_auto(comm):
    fine, coarse = (generate(NECK, MeshOptions(size=size), comm) for size in ("16 nm", "30 nm"))
    chosen = {
        "direct": (fine, {"mat_mumps_icntl_14": 50}),
        "block": (fine, {"species_pc_gamg_threshold": 0.02, "conduction_pc_type": "lu"}),
    }
    for linear, (mesh, petsc) in chosen.items():
        problem = SteadyProblem(mesh, SALT, DATA, SolverOptions(petsc=petsc))
        problem.solve(SALT, DATA)
        assert problem.linear == linear
        problem.destroy()
    problem = SteadyProblem(coarse, SALT, DATA, SolverOptions(petsc={"species_pc_gamg_threshold": 0.02}))
    problem.solve(SALT, DATA)
    assert problem.linear == "direct"
    problem.destroy()


@pytest.mark.parametrize("linear", ["direct", "block"])
def test_a_lagged_jacobian_is_one_with_conditions(comm, linear):
    """The first residual of a step of the voltage fills the matrix too; it must not be left without its conditions."""
    data = {"base": GROUND, "top": Boundary(potential="100 mV", concentrations="bulk")}
    options = SolverOptions(linear=linear, continuation="none", petsc={"snes_lag_jacobian": 2})
    problem = SteadyProblem(generate(NECK, MeshOptions(size="30 nm"), comm), SALT, data, options)
    assert problem.solve(SALT, data).statistics.newton <= 4
    problem.destroy()


@pytest.mark.parametrize("linear", ["direct", "block"])
def test_a_floating_wall_shares_its_rim_with_the_ground(comm, linear):
    """Solved twice, nothing is left to do the second time; a junction is found in three steps."""
    mesh = generate(NECK, MeshOptions(size="30 nm"), comm)
    data = {"base": GROUND, "wall": Boundary(potential="floating", concentrations={"X0": "50 mM", "X1": "50 mM"})}
    problem = SteadyProblem(mesh, SALT, data, SolverOptions(linear=linear))
    problem.solve(SALT, data)
    assert problem.solve(SALT, data).statistics.newton <= 1
    problem.destroy()
    salt = ions((1, 200, 150.0), (-1, 100, 150.0))
    data = {"base": GROUND, "top": Boundary(potential="floating", concentrations={"X0": "15 mM", "X1": "15 mM"})}
    problem = SteadyProblem(mesh, salt, data, SolverOptions(linear=linear))
    assert problem.solve(salt, data).statistics.newton <= (3 if linear == "direct" else 4)
    problem.destroy()


def test_every_knob_is_reached(comm):
    mesh = generate(NECK, MeshOptions(size="30 nm"), comm)
    counts = {}
    for name, petsc in {"default": {}, "lu": {"species_pc_type": "lu", "potential_pc_type": "lu"}}.items():
        problem = SteadyProblem(mesh, SALT, DATA, SolverOptions(linear="block", petsc={**FIXED, **petsc}))
        counts[name] = problem.solve(SALT, DATA).statistics.krylov
        problem.destroy()
    assert counts["lu"] < counts["default"]
    unknown = SteadyProblem(mesh, SALT, DATA, SolverOptions(linear="block", petsc={"species_pc_type": "vpbjacobi"}))
    with pytest.raises(SolveError, match="PCVPBJACOBI"):
        unknown.solve(SALT, DATA)
    unknown.destroy()
    misspelt = SteadyProblem(mesh, SALT, DATA, SolverOptions(linear="block", petsc={"mg_levels_pc_type": "lu"}))
    with pytest.raises(CaseError, match="mg_levels_pc_type"):
        misspelt.solve(SALT, DATA)
    misspelt.destroy()


def test_a_solver_of_the_users_choice_gets_one_sparse_matrix(comm):
    mesh = generate(NECK, MeshOptions(size="16 nm"), comm)
    petsc = {"ksp_type": "gmres", "pc_type": "ilu", "ksp_max_it": 2000, "ksp_gmres_restart": 200, "ksp_rtol": 1e-8}
    problem = SteadyProblem(mesh, SALT, DATA, SolverOptions(petsc=petsc))
    assert problem.linear == "direct"
    assert problem.system.A.getType() != PETSc.Mat.Type.NEST
    assert problem.solve(SALT, DATA).statistics.krylov > 20
    problem.destroy()


@pytest.mark.parametrize("formulation", ["density", "nodal"])
def test_a_sweep_keeps_what_it_has(comm, formulation):
    """The next value of a current: two Newton steps at most, and no new hierarchies."""
    options = SolverOptions(linear="block", formulation=formulation)
    problem = SteadyProblem(generate(NECK, MeshOptions(size="20 nm"), comm), SALT, DATA, options)
    first = problem.solve(SALT, DATA).statistics
    for value in (110, 130, 160):
        statistics = problem.solve(SALT, {"base": GROUND, "top": current(value)}).statistics
        assert statistics.newton <= 2
        assert statistics.krylov_step <= first.krylov_step + 3
    assert problem._preconditioner.renewals == 0
    assert not problem._preconditioner._own  # the hierarchy is that of the Laplacian
    problem.destroy()


@pytest.mark.parametrize("linear", ["direct", "block"])
@pytest.mark.parametrize("name", ["current", "closed"])
def test_a_problem_that_nobody_needs_is_freed(comm, name, linear):
    """Cycles that lead through PETSc would keep it, and MPI has no more than 2048 communicators."""
    shape, electrolyte, data, closed, _ = PROBLEMS[name]
    mesh = generate(shape, MeshOptions(size="60 nm"), comm)
    problem = SteadyProblem(mesh, electrolyte, data, SolverOptions(linear=linear), closed=closed)
    problem.solve(electrolyte, data, closed)
    kept = weakref.ref(problem.system.equations)
    del problem
    gc.collect()
    assert kept() is None


def test_bad_names_of_solvers_are_refused():
    with pytest.raises(CaseError, match="linear"):
        SolverOptions(linear="blocks")
