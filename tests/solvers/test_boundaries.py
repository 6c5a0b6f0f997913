"""Charged walls, membranes, matched injectors and current densities, held against their laws."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from spinepnp.case.case import make_case
from spinepnp.geometries import Cylinder
from spinepnp.meshes import GradeOptions, MeshOptions, generate
from spinepnp.solvers import Boundary, Closed, SolverOptions, SteadyProblem, solve_steady
from spinepnp.units import FARADAY, VACUUM_PERMITTIVITY
from spinepnp.validation.reference import table as references
from support.cases import GROUND
from support.commands import refusal
from support.ions import SALT, salt

V_T, CONCENTRATION, PERMITTIVITY = 25.26e-3, 167.0, 80.0 * VACUUM_PERMITTIVITY
DEBYE = math.sqrt(PERMITTIVITY * V_T / (2.0 * FARADAY * CONCENTRATION))


def line(grade="0.05 nm", degree=2, length="100 nm", dimension="1d"):
    """A mesh on which the Debye layer at the top is resolved."""
    shape = Cylinder(length=length, radius="50 nm", dimension=dimension)
    grading = {"top": GradeOptions(size=grade, growth=1.2)} if grade else {}
    return shape, MeshOptions(size="2 nm", grade=grading, element_degree=degree)


def grahame(u):
    """Surface charge of a wall at u = V/V_T in a symmetric salt, C/m^2."""
    return 4.0 * FARADAY * CONCENTRATION * DEBYE * np.sinh(u / 2.0)


@pytest.mark.parametrize("charge", [0.001, -0.02, 0.1])
@pytest.mark.parametrize(("dimension", "tolerance"), [("1d", 1e-4), ("axisymmetric", 1e-4)])
def test_a_charged_wall_is_that_of_gouy_and_chapman(comm, charge, dimension, tolerance):
    shape, options = line(dimension=dimension)
    problem = SteadyProblem(
        generate(shape, options, comm), SALT, {"base": GROUND, "top": Boundary(surface_charge="1 C/m^2")}
    )
    data = {"base": GROUND, "top": Boundary(surface_charge=f"{charge} C/m^2")}
    solution = problem.solve(SALT, data)
    u = 2.0 * math.asinh(charge / (4.0 * FARADAY * CONCENTRATION * DEBYE))
    assert solution.boundary["top"].potential == pytest.approx(u * V_T, rel=tolerance)
    for name, z in (("C", 1), ("A", -1)):
        assert solution.boundary["top"].concentration[name] == pytest.approx(CONCENTRATION * math.exp(-z * u), rel=3e-3)
    assert solution.layers_resolved
    assert max(abs(c) for b in solution.boundary.values() for c in b.current.values()) < 1e-20
    # The whole profile, tanh(u/4) = tanh(u_0/4) exp(-x/lambda_D).
    if dimension == "1d" and comm.size == 1:
        x = problem.discretisation.space.tabulate_dof_coordinates()[:, 0] * 1e-6
        expected = 4.0 * np.arctanh(math.tanh(u / 4.0) * np.exp((x - shape.length) / DEBYE))
        assert solution.unknowns[:, -1] / V_T == pytest.approx(expected, abs=5e-3 * abs(u))


@pytest.mark.parametrize("outside", [-70.0, 5.0, 200.0])
def test_a_membrane_is_in_series_with_its_layer(comm, outside):
    shape, options = line()
    membrane = {"value": "0.01 F/m^2", "outside": f"{outside} mV"}
    solution = solve_steady(
        generate(shape, options, comm), SALT, {"base": GROUND, "top": Boundary(capacitance=membrane)}
    )
    u = brentq(lambda u: 0.01 * (outside * 1e-3 - u * V_T) - grahame(u), -20.0, 20.0, xtol=1e-14)
    assert solution.boundary["top"].potential == pytest.approx(u * V_T, rel=1e-4)


def test_a_membrane_alone_fixes_the_potential(comm):
    """Nothing is grounded: far from the membrane the potential is that outside minus the drop, here none."""
    shape, options = line()
    bulk = Boundary(concentrations="bulk")
    membrane = Boundary(capacitance={"value": "0.01 F/m^2", "outside": "30 mV"})
    solution = solve_steady(generate(shape, options, comm), SALT, {"base": bulk, "top": membrane})
    assert solution.boundary["base"].potential == pytest.approx(30e-3, rel=1e-9)
    assert solution.boundary["top"].potential == pytest.approx(30e-3, rel=1e-9)


@pytest.mark.parametrize("row", references.rows("cylinder"), ids=lambda r: f"{r['radius']}nm-{r['current']}pA")
def test_a_matched_injector_has_no_layer(comm, row):
    """Full PNP with the electroneutral field is the law to 0.1 uV: what is left, up to 3e-6 of it, is its own."""
    shape = Cylinder(length="1 um", radius=f"{row['radius']} nm", dimension="1d")
    mesh = generate(shape, MeshOptions(size="2 nm", element_degree=2), comm)
    top = Boundary(current={"species": "C", "value": f"{row['current']} pA"}, field_matched=True)
    solution = solve_steady(mesh, SALT, {"base": GROUND, "top": top})
    assert solution.layers_resolved
    assert solution.boundary["top"].potential * 1e3 == pytest.approx(row["V_law"], abs=1e-4)


@pytest.mark.parametrize(
    ("electrolyte", "species"),
    [
        (salt((50, 100), z=(2, -1)), "C"),
        (salt((100, 150, 25), names="CAB", z=(1, -1, 2)), "B"),
        (salt((20, 60), fixed_charge="40 mM"), "A"),
    ],
)
def test_matched_injectors_of_other_valences_and_gels(comm, electrolyte, species):
    shape = Cylinder(length="1 um", radius="50 nm", dimension="1d")
    mesh = generate(shape, MeshOptions(size="2 nm", element_degree=2), comm)
    top = Boundary(current={"species": species, "value": "10 pA"}, field_matched=True)
    solution = solve_steady(mesh, electrolyte, {"base": GROUND, "top": top})
    assert solution.boundary["top"].potential == pytest.approx(solution.electroneutral["top"], rel=2e-5)


def test_a_current_density_is_a_current_over_the_area(comm):
    shape, options = line(grade=None)
    mesh = generate(shape, options, comm)
    area = math.pi * 50e-9**2
    found = [
        solve_steady(mesh, SALT, {"base": GROUND, "top": Boundary(current={"species": "C"} | amount)})
        for amount in ({"value": "10 pA"}, {"density": f"{10e-12 / area!r} A/m^2"})
    ]
    assert found[0].boundary["top"].potential == pytest.approx(found[1].boundary["top"].potential, abs=1e-14)
    assert found[1].boundary["base"].current["C"] == pytest.approx(-10e-12, rel=1e-10)


OPEN = {"C": "16.7 mM", "A": "16.7 mM"}


@pytest.mark.parametrize("boundary", [
    Boundary(surface_charge="0.02 C/m^2"),
    Boundary(capacitance={"value": "0.01 F/m^2", "outside": "-70 mV"}),
    Boundary(current={"species": "C", "value": "10 pA"}, field_matched=True),
    Boundary(current={"species": "C", "density": "1000 A/m^2"}),
    Boundary(potential="10 mV", current={"species": "A", "value": "-1 pA"}),
    Boundary(concentrations="absorbing", potential="3 mV"),
    Boundary(concentrations=OPEN, potential="floating"),
    Boundary(concentrations={"C": "120 mM"}, potential="floating", current={"species": "A", "value": "0.1 pA"}),
    Boundary(channel={"law": "sigmoid", "species": "C", "maximum": "10 pA", "half": "2 mV", "slope": "0.5 mV"}),
    Boundary(current={"species": "C", "value": "5 pA"}, channel=[
        {"law": "ghk", "species": "A", "permeability": "100 um/s", "outside": "100 mM", "outside_potential": "3 mV"},
        {"law": "gates", "species": "C", "conductance": "1 nS", "reversal": "20 mV", "gates": [
            {"half": "1 mV", "slope": "2 mV", "time": "1 ms", "power": 3},
            {"half": "0 mV", "slope": "-3 mV", "time": "5 ms"}]},
    ]),
    "closed", "half closed",
], ids=["surface_charge", "capacitance", "field_matched", "density", "potential", "absorbing", "floating",
        "floating and injecting", "sigmoid", "ghk and gates", "closed", "half closed"])  # fmt: skip
@pytest.mark.parametrize(
    ("dimension", "formulation"),
    [("1d", "density"), ("axisymmetric", "density"), ("3d", "density"), ("3d", "log"), ("3d", "nodal")],
)
def test_the_jacobian_is_that_of_finite_differences(comm, boundary, dimension, formulation):
    shape = Cylinder(length="100 nm", radius="50 nm", dimension=dimension)
    closed = None
    if isinstance(boundary, str):
        closed = Closed(amounts={"A": "80000 ions"})
        ground = {"potential": "0 mV", "concentrations": {"C": "167 mM"}}
        data = {} if boundary == "closed" else {"base": Boundary(**ground)}
    else:
        data = {"base": GROUND, "top": boundary}
        if formulation != "density" and boundary.concentrations == "absorbing":
            pytest.skip("a concentration of zero has no logarithm")
    mesh = generate(shape, MeshOptions(size="50 nm", grade={"top": GradeOptions(size="2 nm")}), comm)
    problem = SteadyProblem(mesh, SALT, data, SolverOptions(formulation=formulation), closed=closed)
    problem.solve(SALT, data, closed)
    x, A = problem.system.state.vector, problem._newton.linear.operator
    generator = np.random.default_rng(1)
    direction = x.duplicate()
    direction.array[:] = generator.standard_normal(direction.getLocalSize())
    free = problem.system.constraints.free.T.ravel()
    direction.array[: len(free)] *= free
    problem.system.jacobian(x, problem.system.A)
    product = A.createVecLeft()
    A.mult(direction, product)
    step, sides = 1e-6, []
    for sign in (1.0, -1.0):
        shifted, b = x.copy(), x.duplicate()
        shifted.axpy(sign * step, direction)
        problem.system.residual(shifted, b)
        sides.append(b)
    sides[0].axpy(-1.0, sides[1])
    sides[0].scale(0.5 / step)
    sides[0].axpy(-1.0, product)
    assert sides[0].norm() < 1e-7 * product.norm()


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ({"potential": "1 mV", "surface_charge": "1 C/m^2"}, "boundaries.top.surface_charge: excludes potential"),
        ({"capacitance": {"value": "1 F/m^2"}, "surface_charge": "1 C/m^2"}, "boundaries.top.capacitance: excludes"),
        ({"field_matched": True}, "boundaries.top.field_matched: belongs to one current"),
        ({"current": {"species": "C"}}, "boundaries.top.current: needs either value"),
        (
            {"current": {"species": "C", "value": "1 pA", "density": "1 A/m^2"}},
            "top.current: has value and density",
        ),
        ({"capacitance": {"value": "0 F/m^2"}}, "boundaries.top.capacitance.value"),
        ({"capacitance": {"value": "1 uF"}}, "boundaries.top.capacitance.value"),
        ({"surface_charge": "1 mV"}, "boundaries.top.surface_charge"),
    ],
)
def test_bad_boundary_data(top, message):
    case = {
        "geometry": {"shape": "cylinder", "length": "1 um", "radius": "50 nm"},
        "electrolyte": SALT.model_dump(mode="json", exclude_none=True),
        "boundaries": {"base": {"potential": "0 mV", "concentrations": "bulk"}, "top": top},
    }
    assert message in str(refusal(make_case, case))
