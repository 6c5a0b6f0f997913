"""Edge fluxes: answers in smooth bulks and in thin layers, cost in iterations and memory, and when they are taken."""

import math

import numpy as np
import pytest

from spinepnp.case.case import make_case
from spinepnp.meshes import MeshOptions, generate
from spinepnp.run.steady import Model
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import SolverOptions, SteadyProblem
from spinepnp.solvers.fem.discretisation import Discretisation
from spinepnp.solvers.fem.forms import stiffness
from spinepnp.solvers.pnp.preconditioner import MOST_SHARED
from spinepnp.units import FARADAY
from support.charged_cases import V_T, charged_end, current_into_a_neck, ions, sodium_chloride, solve

LINEAR = {"element_degree": 1}
EDGES = {"formulation": "nodal"}


def matched(current, dimension, **more):
    """A current into a neck with the field that it needs, so that no Debye layer forms."""
    data = current_into_a_neck(current, dimension, **more)
    data["boundaries"]["top"]["field_matched"] = True
    return data


def law(current):
    """V_T ln(1 + j L / 2 C D), mV: a straight flow of one of two species."""
    flux = current * 1e-12 / (FARADAY * 200e-12 * math.pi * 100e-9**2)
    return V_T * math.log1p(flux * 1e-6 / (2.0 * 167.0))


# --- physics


@pytest.mark.parametrize("current", [-40.0, 100.0, 400.0])
def test_a_straight_flow_of_one_species_is_exact_at_the_nodes(current):
    """Up to the square of the Debye length, 5e-7; concentrations have 1e-5 to 1e-4 on these cells of 50 nm."""
    found = solve(matched(current, "axisymmetric", mesh={**LINEAR, "size": "50 nm"}, solver=EDGES))
    assert found.V("top") == pytest.approx(law(current), rel=2e-6)
    other = solve(matched(current, "axisymmetric", mesh={**LINEAR, "size": "50 nm"}, solver={"formulation": "density"}))
    assert abs(other.V("top") / law(current) - 1.0) > 5e-6


def test_a_layer_that_cells_resolve_keeps_concentrations():
    """Gouy and Chapman, -0.001 C/m^2 in cells of 0.2 nm: lumped charges have three times the error there."""
    eps = 80 * 8.8541878128e-12
    exact = 2.0 * V_T * math.asinh(-0.001 / math.sqrt(8.0 * eps * FARADAY * V_T * 1e-3 * 167.0))
    errors = {}
    for formulation in ("auto", "nodal"):
        data = charged_end("axisymmetric", mesh={**LINEAR, "grade": {"top": {"size": "0.2 nm"}}})
        data["boundaries"]["top"] = {"surface_charge": "-0.001 C/m^2"}
        found = solve({**data, "solver": {"formulation": formulation}})
        assert found.solution.formulation == {"auto": "density"}.get(formulation, formulation)
        errors[formulation] = abs(found.V("top") / exact - 1.0)
    assert errors["auto"] < 0.5 * errors["nodal"]


@pytest.mark.parametrize("formulation", ["log", "nodal"])
def test_any_weak_current_has_the_resistance_of_a_weak_one(formulation):
    """Full PNP is linear there; the rounding of ln c, near zero for c near its unit, does not tell that of c."""
    mesh, options = {**LINEAR, "grade": {"top": {"size": "0.2 nm"}}}, {"formulation": formulation}
    resistance = {}
    for current in (1e-3, 1e-6, 1e-8):
        found = solve(current_into_a_neck(current, "axisymmetric", mesh=mesh, solver=options))
        assert found.solution.statistics.newton <= 3
        resistance[current] = found.V("top") / current
    assert resistance == pytest.approx(dict.fromkeys(resistance, resistance[1e-3]), rel=3e-5)


def test_species_of_one_diffusivity_are_one_species_for_concentrations():
    """Sodium and potassium in place of one cation: exact for concentrations, of second order with edge fluxes."""
    change = {}
    for size in ("50 nm", "25 nm"):
        for formulation in ("density", "nodal"):
            data = matched(100.0, "axisymmetric", mesh={**LINEAR, "size": size}, solver={"formulation": formulation})
            one = solve(data).V("top")
            data["electrolyte"]["species"] = ions(("C", 1, 200, 12), ("K", 1, 200, 155), ("A", -1, 200, 167))
            change[formulation, size] = abs(solve(data).V("top") / one - 1.0)
    assert change["density", "50 nm"] < 1e-9
    assert 1e-6 < change["nodal", "50 nm"] < 1e-2
    assert change["nodal", "50 nm"] / change["nodal", "25 nm"] == pytest.approx(4.0, rel=0.3)


# --- cost


def test_species_share_the_hierarchy_of_the_laplacian(comm):
    """On one mesh of the body: the same answer by MUMPS, and about as many iterations as concentrations."""
    case = make_case(current_into_a_neck(100.0, "3d", mesh={"size": "26 nm"}))
    mesh = generate(case.geometry, case.mesh, comm)
    found = {}
    for linear, formulation in (("direct", "nodal"), ("block", "nodal"), ("block", "density")):
        options = SolverOptions(linear=linear, formulation=formulation)
        with SteadyProblem(mesh, case.electrolyte, case.boundaries, options) as problem:
            found[linear, formulation] = problem.solve()
            own = problem._preconditioner._own if linear == "block" else []
        assert not own  # hierarchies of single species
    edges, densities = found["block", "nodal"], found["block", "density"]
    scale = np.abs(edges.unknowns).max(axis=0)
    assert np.abs((edges.unknowns - found["direct", "nodal"].unknowns) / scale).max() < 1e-8
    assert edges.statistics.newton <= densities.statistics.newton
    assert edges.statistics.krylov_step <= MOST_SHARED
    assert edges.statistics.krylov <= densities.statistics.krylov + 4


def test_neither_factors_nor_a_mass_matrix_are_made():
    """What concentrations need, and edges do not: 700 bytes for each quadrature point."""
    problem = Model(MPI.COMM_SELF).fit(
        make_case(matched(100.0, "3d", mesh={"size": "60 nm"}, solver=EDGES)), lambda _: None
    )
    problem.solve()
    assert not {"fast_assembly", "M"} & set(vars(problem.discretisation.operators))


@pytest.mark.mpi
def test_the_stiffness_of_the_edges_is_that_of_the_form(comm):
    case = make_case(matched(100.0, "3d", mesh={"size": "60 nm"}))
    discretisation = Discretisation(generate(case.geometry, MeshOptions(size="60 nm"), comm))
    operators = discretisation.operators
    operators.along_edges = True
    difference = operators.fill(
        operators.empty(), operators.compile_gradient_form(stiffness(1.0, operators.u, operators.v))
    )
    norm = difference.norm()
    difference.axpy(-1.0, operators.K)
    assert difference.norm() < 1e-13 * norm
    difference.destroy()
    discretisation.destroy()


# --- when they are taken


def test_two_baths_at_a_large_voltage_begin_with_logarithms():
    """No step of concentrations is lost first."""
    ends = {
        "base": {"potential": "0 mV", "concentrations": "bulk"},
        "top": {"potential": "1 V", "concentrations": "bulk"},
    }
    data = current_into_a_neck(0.0, "axisymmetric", mesh={"size": "50 nm"})
    data["electrolyte"]["species"], data["boundaries"] = sodium_chloride(100), ends
    chosen, given = (solve({**data, "solver": {"formulation": f}}).solution for f in ("auto", "nodal"))
    assert chosen.formulation_reason.endswith("within a cell between base and top")
    assert chosen.statistics.newton == given.statistics.newton
