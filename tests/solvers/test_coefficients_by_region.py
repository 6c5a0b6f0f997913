"""Diffusivity and permittivity by region: resistances in series, jumps of the field, layers; what is refused."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_bvp

from spinepnp.case.case import make_case
from spinepnp.meshes import MeshOptions, generate
from spinepnp.run.steady import Model
from spinepnp.runtime.stack import MPI, fem, ufl
from spinepnp.solvers.fem.edge_fluxes import Edges
from spinepnp.solvers.fem.forms import drift, stiffness
from spinepnp.solvers.fem.measure import Measure, values_in_cells
from spinepnp.solvers.fem.operators import Operators
from spinepnp.solvers.model.profiles import Profile
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.time.transient import TransientProblem
from spinepnp.units import FARADAY, VACUUM_PERMITTIVITY
from support.cases import MS, spine
from support.charged_cases import BATH, NECK, USUAL, V_T, case
from support.ions import ion

STEP = 0.33e-6
AREA = math.pi * 1e-14
SHAPES = [(dimension, degree) for dimension in ("1d", "axisymmetric", "3d") for degree in (1, 2)]
SLOW_BELOW = [{"region": ["0 um", "0.33 um"], "value": "10 um^2/s"}, {"value": "1000 um^2/s"}]
RESISTANCE = STEP / 10e-12 + (1e-6 - STEP) / 1000e-12  # int dz / D, s/m


def solved(data, comm=MPI.COMM_WORLD):
    made = make_case(data)
    problem = Model(comm).fit(made, lambda _: None)
    return problem.solve(made.electrolyte, made.boundaries, made.closed), problem


def tracer(dimension, degree, formulation="density"):
    """A tracer of 3 and 1 mM at the ends of a neck."""
    species = [{**ion("T", 0, 1), "diffusivity": SLOW_BELOW}]
    ends = {n: {"potential": "0 mV", "concentrations": {"T": f"{c} mM"}} for n, c in (("base", 3), ("top", 1))}
    mesh = {"size": "40 nm", "element_degree": degree}
    more = {"solver": {"formulation": formulation}, "probes": {"step": ["0 um", "0 um", "0.33 um"]}}
    return case(NECK, {**USUAL, "species": species}, ends, dimension=dimension, mesh=mesh, **more)


def salt(dimension, degree, diffusivity, current="0.01 pA", permittivity=80, **solver):
    """A salt of 150 mM in a neck with a current into its top."""
    species = [{**ion(n, z, 150), "diffusivity": diffusivity} for n, z in (("C", 1), ("A", -1))]
    top = {"current": {"species": "C", "value": current}}
    mesh = {"size": "20 nm" if dimension != "3d" else "40 nm", "element_degree": degree}
    electrolyte = {**USUAL, "permittivity": permittivity, "species": species}
    return case(NECK, electrolyte, {"base": BATH, "top": top}, dimension=dimension, mesh=mesh, solver=solver)


def flux_in(problem, name):
    """Flux of each species into a boundary, mol/s."""
    scales, indicator = problem.system.step_data.scales, problem.system.constraints.indicators[name]
    nodal = problem.system.nodal_flux()[:, :-1] * indicator
    return problem.weights.integral(np.ones(len(nodal)), nodal) * scales.current / FARADAY


@pytest.mark.mpi
@pytest.mark.parametrize(("dimension", "degree"), SHAPES)
def test_two_diffusivities_are_resistances_in_series(dimension, degree):
    solution, problem = solved(tracer(dimension, degree))
    area = problem.discretisation.areas()["base"]
    assert flux_in(problem, "base")[0] == pytest.approx(2.0 / RESISTANCE * area, rel=1e-11)
    kink = 3.0 - 2.0 * STEP / 10e-12 / RESISTANCE
    assert solution.probes["step"].concentration["T"] == pytest.approx(kink, rel=1e-11)
    assert solution.relative_error < 1e-20  # of the dissipation of logarithms, whose gradient jumps


@pytest.mark.parametrize("formulation", ["log", "nodal"])
def test_logarithms_follow_the_kink(formulation):
    """On a line fluxes along edges are exact, and Galerkin's of logarithms in their order."""
    solution, problem = solved(tracer("1d", 1, formulation))
    expected = 2.0 / RESISTANCE * problem.discretisation.areas()["base"]
    assert flux_in(problem, "base")[0] == pytest.approx(expected, rel=1e-11 if formulation == "nodal" else 1e-3)
    assert solution.statistics.newton <= 6


@pytest.mark.parametrize("formulation", ["density", "log", "nodal"])
@pytest.mark.parametrize(("dimension", "degree"), SHAPES)
def test_a_small_current_meets_both_resistances(dimension, degree, formulation):
    solution, problem = solved(salt(dimension, degree, SLOW_BELOW, formulation=formulation))
    area = problem.discretisation.areas()["base"]
    ohmic = V_T * 1e-3 / (2.0 * FARADAY * 150.0) * RESISTANCE / area * 1e-14
    neutral = V_T * 1e-3 * math.log1p(ohmic / (V_T * 1e-3))
    assert solution.electroneutral["top"] == pytest.approx(neutral, rel=1e-11)
    assert solution.boundary["top"].potential == pytest.approx(neutral, rel=1e-5)  # a layer has another 8e-6
    assert solution.statistics.newton <= 2


def test_the_prediction_is_that_of_the_injected_species():
    """The anions carry no current: their diffusivity by region does not matter."""
    data = salt("axisymmetric", 2, "200 um^2/s", "50 pA")
    expected, _ = solved(data)
    data["electrolyte"]["species"][1]["diffusivity"] = SLOW_BELOW
    found, _ = solved(data)
    assert found.electroneutral["top"] == pytest.approx(expected.electroneutral["top"], rel=1e-12)
    assert found.boundary["top"].potential == pytest.approx(expected.boundary["top"].potential, rel=1e-5)


@pytest.mark.parametrize(("dimension", "degree"), SHAPES)
def test_the_field_jumps_with_the_permittivity(dimension, degree):
    """Without ions: linear pieces without fixed charge, and a parabola in the upper part with 1 uM."""
    low, high, height = 2.0 * VACUUM_PERMITTIVITY, 80.0 * VACUUM_PERMITTIVITY, 1e-6 - STEP
    for charge in (0.0, 1e-3):
        rho = FARADAY * charge
        field = (0.01 + rho * height**2 / (2.0 * high)) / (STEP + low / high * height)
        above = field * STEP + low / high * field * STEP - rho * STEP**2 / (2.0 * high)
        permittivity = [{"region": ["0 um", "0.33 um"], "value": 2}, {"region": ["0.33 um", "1 um"], "value": 80}]
        electrolyte = {
            **USUAL, "permittivity": permittivity, "species": [ion("T", 0, 1)], "neutral": False,
            "fixed_charge": [{"region": ["0.33 um", "1 um"], "value": f"{charge} mM"}],
        }  # fmt: skip
        ends = {name: {"potential": f"{V} mV", "concentrations": "bulk"} for name, V in (("base", 0), ("top", 10))}
        solution, _ = solved(
            case(
                NECK, electrolyte, ends, dimension=dimension, mesh={"size": "40 nm", "element_degree": degree},
                solver={"formulation": "density"},
                probes={"step": ["0 um", "0 um", "0.33 um"], "above": ["0 um", "0 um", "0.66 um"]},
            )
        )  # fmt: skip
        exact = degree == 2 or not charge or dimension == "1d"
        assert solution.probes["step"].potential == pytest.approx(field * STEP, rel=1e-10 if exact else 2e-3)
        if degree == 2 or not charge:
            assert solution.probes["above"].potential == pytest.approx(above, rel=1e-10)


def edge_of_gel(below, above):
    """Potential, V, at an edge of -100 mM in 150 mM between two permittivities, and 1 nm below and above it."""
    k, L, at_rest = FARADAY * 150.0 / (V_T * 1e-3 * VACUUM_PERMITTIVITY) * 1e-18, 40.0, math.asinh(-1.0 / 3.0)

    def slopes(x, y):
        charge = 2.0 * np.sinh(y[0]), 2.0 * np.sinh(y[2]) + 2.0 / 3.0
        return L * np.vstack([y[1] / below, k * charge[0], y[3] / above, k * charge[1]])

    def ends(start, stop):
        return np.array([start[0], stop[0] - start[2], stop[1] - start[3], stop[2] - at_rest])

    y = np.zeros((4, 2001))
    y[2] = at_rest
    found = solve_bvp(slopes, ends, np.linspace(0.0, 1.0, 2001), y, tol=1e-10, max_nodes=200_000)
    assert found.success
    values = found.sol(1.0)[0], found.sol(1.0 - 1.0 / L)[0], found.sol(1.0 / L)[2]
    return np.array(values) * V_T * 1e-3


@pytest.mark.parametrize("formulation", ["density", "log", "nodal"])
@pytest.mark.parametrize(("below", "above"), [(80.0, 20.0), (10.0, 80.0)])
def test_a_layer_at_the_edge_of_a_gel_has_both_permittivities(below, above, formulation):
    """eps dV/dn is continuous: against a boundary value problem on two lines that meet at the edge."""
    electrolyte = {
        **USUAL, "permittivity": [{"region": ["0 nm", "100 nm"], "value": below}, {"value": above}],
        "species": [ion("C", 1, 150), ion("A", -1, 150)],
        "fixed_charge": [{"region": ["100 nm", "200 nm"], "value": "-100 mM"}],
    }  # fmt: skip
    data = case(
        {"shape": "cylinder", "length": "200 nm", "radius": "20 nm"}, electrolyte, {"base": BATH},
        mesh={"size": "0.2 nm", "element_degree": 2}, solver={"formulation": formulation},
        probes={n: ["0 nm", "0 nm", z] for n, z in (("edge", "100 nm"), ("below", "99 nm"), ("above", "101 nm"))},
    )  # fmt: skip
    solution, _ = solved(data)
    found = [solution.probes[name].potential for name in ("edge", "below", "above")]
    assert found == pytest.approx(edge_of_gel(below, above), abs=2e-4 * abs(found[0]))
    layer = solution.layers["z = 100 nm"]
    assert layer.resolved
    assert layer.debye_length == pytest.approx(0.7862e-9 * math.sqrt(min(below, above) / 80.0), rel=0.05)


def test_a_charged_wall_is_graded_and_judged_by_its_own_permittivity():
    """Grahame's equation at a wall with 20 in place of 80."""
    permittivity = [{"region": ["0 nm", "50 nm"], "value": 80}, {"value": 20}]
    electrolyte = {**USUAL, "permittivity": permittivity, "species": [ion("C", 1, 150), ion("A", -1, 150)]}
    data = case(
        {"shape": "cylinder", "length": "100 nm", "radius": "20 nm"}, electrolyte,
        {"base": BATH, "top": {"surface_charge": "-0.02 C/m^2"}}, mesh={"element_degree": 2},
    )  # fmt: skip
    made = make_case(data)
    uniform = {**data, "electrolyte": {**electrolyte, "permittivity": 20}}
    assert made.mesh.grade == make_case(uniform).mesh.grade
    (solution, _), (expected, _) = solved(data), solved(uniform)
    unit = math.sqrt(8.0 * 20.0 * VACUUM_PERMITTIVITY * FARADAY * 150.0 * V_T * 1e-3)
    assert solution.boundary["top"].potential == pytest.approx(2.0 * V_T * 1e-3 * math.asinh(-0.02 / unit), rel=2e-4)
    layer, same = solution.layers["top"], expected.layers["top"]
    assert layer.debye_length == pytest.approx(same.debye_length, rel=1e-3)
    assert layer.drop == pytest.approx(same.drop, rel=1e-3)


@pytest.mark.parametrize("contrast", ["1000 um^2/s", "10 um^2/s"])
@pytest.mark.parametrize(("dimension", "degree"), SHAPES[2:])
def test_solvers_do_not_see_the_contrast(dimension, degree, contrast):
    """Newton's and Krylov's iterations at a contrast of 100 stay near those of a uniform neck."""
    parts = [{"region": ["0 um", "0.33 um"], "value": contrast}, {"value": "1000 um^2/s"}]
    permittivity = [{"region": ["0 um", "0.5 um"], "value": 2}, {"value": 200}]
    data = salt(dimension, degree, parts, "1 pA", permittivity, linear="block", formulation="density")
    solution, problem = solved(data)
    assert problem.linear == "block"
    assert solution.statistics.newton <= 2
    assert solution.statistics.krylov <= 10 * solution.statistics.newton
    direct, _ = solved({**data, "solver": {"linear": "direct", "formulation": "density"}})
    assert solution.boundary["top"].potential == pytest.approx(direct.boundary["top"].potential, rel=1e-9)


@pytest.mark.mpi
@pytest.mark.parametrize("shape", ["cylinder", "spine"])
def test_operators_of_a_profile_are_those_of_weighted_forms(comm, shape):
    """Also where a plane cuts cells, and in the fast assembly and the edges of linear elements."""
    parts = [{"region": ["0.33 um", "0.7 um"], "value": "1 um^2/s"}, {"value": "2 um^2/s"}]
    neck = make_case(salt("axisymmetric", 1, parts))
    mesh = (
        generate(neck.geometry, neck.mesh, comm)
        if shape == "cylinder"
        else generate(spine(100), MeshOptions(size="60 nm", element_degree=1), comm)
    )  # planes of the mesh, and planes that cut cells
    profile = Profile((STEP, 0.7e-6), (0.01, 1.0, 0.3))
    space = fem.functionspace(mesh.mesh, ("Lagrange", 1))
    plain = Operators(space, Measure(mesh))
    operators = plain.with_profile(profile)
    assert plain.with_profile(Profile((STEP, 0.7e-6), (0.01, 1.0, 0.3))) is operators
    assert plain.with_profile(Profile()) is plain
    assert operators.M.handle == plain.M.handle
    z = ufl.SpatialCoordinate(mesh.mesh)[1]
    d = ufl.conditional(ufl.lt(z, STEP * 1e6), 0.01, ufl.conditional(ufl.lt(z, 0.7), 1.0, 0.3))
    if shape == "spine":
        d = fem.Function(fem.functionspace(mesh.mesh, ("DG", 0)))
        d.x.array[:] = values_in_cells(mesh.mesh, profile)
        assert set(profile.values) < set(np.concatenate(comm.allgather(d.x.array)))
    f = fem.Function(space)
    x = space.tabulate_dof_coordinates()
    f.x.array[:] = 1.0 + x[:, 0] + np.sin(5.0 * x[:, 1])
    f.x.scatter_forward()
    u, v, fast = operators.u, operators.v, operators.fast_assembly
    assert fast is not None
    pairs = (
        (lambda A: operators.K.copy(A), stiffness(d, u, v)),
        (lambda A: fast.stiffness(A, f.x.array), stiffness(d * f, u, v)),
        (lambda A: fast.drift(A, f.x.array), drift(d, f, u, v)),
    )
    for fill, integrand in pairs:
        found, expected = plain.empty(), plain.fill(plain.empty(), plain.compile_gradient_form(integrand))
        fill(found)
        norm = expected.norm()
        expected.axpy(-1.0, found)
        assert expected.norm() < 1e-12 * norm
    edges: Edges = operators.edges
    flux = edges.exchange(edges.k * edges.differences(f.x.array))
    assert flux == pytest.approx((operators.K * f.x.petsc_vec).array_r, abs=1e-12 * np.abs(flux).max())
    plain.destroy()


def test_a_plane_that_cuts_cells_has_the_resistance_of_its_parts():
    """A line whose mesh has no plane at the step: by the harmonic mean of the diffusivity in the cell."""
    data = tracer("1d", 1)
    data["mesh"] |= {"grade_planes": [], "size": "70 nm"}
    _, problem = solved(data)
    area = problem.discretisation.areas()["base"]
    assert flux_in(problem, "base")[0] == pytest.approx(2.0 / RESISTANCE * area, rel=2e-3)


def test_a_crowded_neck_of_a_spine(comm):
    """Where planes cut cells, potentials on two meshes agree, and with the sum of the resistances."""
    potentials = []
    for size in ("60 nm", "30 nm"):
        species = [{**ion(n, z, 150), "diffusivity": [
            {"region": ["0.2 um", "0.8 um"], "value": "40 um^2/s"}, {"value": "400 um^2/s"}
        ]} for n, z in (("C", 1), ("A", -1))]  # fmt: skip
        geometry = spine(100).model_dump(mode="json", exclude_none=True, exclude={"dimension"})
        top = {"current": {"species": "C", "value": "10 pA"}}
        data = case(geometry, {**USUAL, "species": species}, {"base": BATH, "cap": top},
                    dimension="axisymmetric", mesh={"size": size})  # fmt: skip
        solution, _ = solved(data)
        potentials.append(solution.boundary["cap"].potential)
        beside = abs(solution.boundary["cap"].potential - solution.electroneutral["cap"])
        assert beside < 5e-5  # the layer of the injector, as in a spine with one diffusivity
    assert potentials[0] == pytest.approx(potentials[1], rel=5e-3)


@pytest.mark.parametrize("linear", ["direct", "block"])
def test_amounts_are_conserved_in_time(comm, linear):
    """Cations that enter at one end of a closed neck and leave at the other, across both steps."""
    permittivity = [{"region": ["0 um", "0.5 um"], "value": 20}, {"value": 80}]
    data = salt("axisymmetric", 2, SLOW_BELOW, "0 pA", permittivity, linear=linear)
    data["boundaries"] = {
        end: {"current": {"species": "C", "value": f"{sign}20 pA", "waveform": "step", "onset": "0 ms"}}
        for end, sign in (("base", "-"), ("top", ""))
    }
    data["closed"] = {}
    data["study"] = {"kind": "transient", "duration": "2 ms"}
    made = make_case(data)
    mesh = generate(made.geometry, made.mesh, comm)
    problem = TransientProblem(mesh, made.electrolyte, made.boundaries, made.solver, closed=made.closed)
    first = problem.begin().volume.amount
    steps = list(problem.steps(Schedule(2 * MS)))
    for step in steps:
        assert step.solution.volume.amount == pytest.approx(first, rel=1e-10)
    last, iterations = steps[-1].solution, [step.solution.statistics for step in steps]
    assert last.boundary["top"].potential - last.boundary["base"].potential > 1e-3
    if linear == "block":
        assert sum(s.krylov for s in iterations) < 12 * sum(s.newton for s in iterations)


def test_a_matched_field_is_that_of_the_medium_at_the_injector():
    """No layer forms, so that the electroneutral answer is that of full PNP, to its order in the Debye length."""
    fast_below = [{"region": ["0 um", "0.33 um"], "value": "1000 um^2/s"}, {"value": "10 um^2/s"}]
    permittivity = [{"region": ["0 um", "0.5 um"], "value": 20}, {"value": 80}]
    data = salt("axisymmetric", 2, fast_below, "10 pA", permittivity)
    layered, _ = solved(data)
    data["boundaries"]["top"]["field_matched"] = True
    matched, _ = solved(data)
    errors = [abs(s.boundary["top"].potential / s.electroneutral["top"] - 1.0) for s in (matched, layered)]
    assert errors[0] < 1e-7
    assert errors[1] > 1e-4


@pytest.mark.mpi
def test_numbers_are_those_of_one_rank(comm):
    potential = [{"region": ["0 um", "0.5 um"], "value": 2}, {"value": 200}]
    data = salt("axisymmetric", 2, SLOW_BELOW, "5 pA", potential)
    solutions = [solved(data, ranks)[0] for ranks in (comm, MPI.COMM_SELF)]
    V = [solution.boundary["top"].potential for solution in solutions]
    assert V[0] == pytest.approx(V[1], rel=1e-11)
    assert solutions[0].relative_error == pytest.approx(solutions[1].relative_error, rel=1e-6)
