"""Charged walls, gels, membranes and strong currents with default settings, and how unknowns are chosen.

Every number comes from outside: Donnan, Teorell, Meyer and Sievers, Gouy and Chapman, SciPy's collocation, and
independent solvers of full PNP.
"""

import functools
import math

import numpy as np
import pytest
import tomli_w

from spinepnp.case.case import make_case
from spinepnp.errors import CaseError
from spinepnp.run.steady import Model
from spinepnp.runtime.stack import MPI, fem
from spinepnp.solvers.problem.variable_choice import donnan_state
from support.charged_cases import (
    BATH,
    FLOATING,
    STRONG_CURRENTS,
    USUAL,
    V_T,
    blocking_wall,
    case,
    charged_end,
    charged_middle,
    cone,
    current_into_a_neck,
    gel_at_one_bath,
    ions,
    long_membrane,
    sodium_chloride,
    solve,
)

#: What A2 of the findings asks for.
RIGHT = 2e-3

CALCIUM = ions(("Na", 1, 1330, 100), ("Ca", 2, 790, 20), ("Cl", -1, 2030, 140))
MEMBRANE = sodium_chloride(167, 1960)
EVERYWHERE = ("1d", "axisymmetric", "3d")

solved = functools.cache(lambda make, *arguments: solve(make(*arguments)))


# --- right values on default meshes


@pytest.mark.parametrize("dimension", EVERYWHERE)
def test_a_gel_at_one_bath_is_in_donnan_equilibrium(dimension):
    found = solved(gel_at_one_bath, dimension)
    assert found.V("top") == pytest.approx(-59.413, rel=1e-4)
    assert found.solution.formulation == "nodal"
    assert found.solution.volume.min_concentration["Cl"] > 0.9  # 10 exp(-2.312) mM


def step(dimension):
    return charged_middle(sodium_chloride(50), "-100 mM", dimension)


def with_calcium(dimension):
    return charged_middle(CALCIUM, "300 mM", dimension)


def strong_gel(dimension):
    return charged_middle(sodium_chloride(167), "-1000 mM", dimension)


@pytest.mark.parametrize(
    ("make", "dimension", "potential", "densities"),
    [
        *((step, d, -22.2635, {"Na": 120.7107, "Cl": 20.7107}) for d in EVERYWHERE),
        *((with_calcium, d, 22.9190, {"Ca": 3.2579}) for d in EVERYWHERE),
        *((strong_gel, d, -45.886, {}) for d in EVERYWHERE[:2]),
    ],
)
def test_the_middle_of_a_charged_neck(make, dimension, potential, densities):
    found = solved(make, dimension)
    assert found.V("middle") == pytest.approx(potential, rel=2e-5)
    state = found.solution.probes["middle"].concentration
    assert {name: state[name] for name in densities} == pytest.approx(densities, rel=2e-5)
    lowest = found.solution.volume.min_concentration
    # Nothing is beyond the two equilibria at the edges, but for the 1e-4 by which quadratic elements swing there.
    beyond = 2e-4 if dimension == "axisymmetric" else 1e-9
    bulk = found.case.electrolyte.bulk
    assert all(lowest[name] > min(state[name], c) * (1.0 - beyond) for name, c in bulk.items())


@pytest.mark.parametrize("dimension", EVERYWHERE[:2])
def test_the_current_of_a_membrane_between_two_baths(dimension):
    """Teorell, Meyer and Sievers, short circuit, full PNP; the electroneutral value is 207.587 pA."""
    top = {"potential": "0 mV", "concentrations": FLOATING["concentrations"]}
    found = solve(charged_middle(MEMBRANE, "-100 mM", dimension, top))
    assert found.current("base") == pytest.approx(207.6786, rel=1e-5)
    assert found.current("top") == pytest.approx(-207.6786, rel=1e-5)


@pytest.mark.parametrize("dimension", EVERYWHERE)
def test_the_potential_of_a_membrane_between_two_baths(dimension):
    """Open circuit, full PNP; the electroneutral value, 4.52924 mV, is 3e-4 off."""
    found = solve(charged_middle(MEMBRANE, "-100 mM", dimension, FLOATING))
    assert found.V("top") == pytest.approx(4.53055, rel=2e-5)


@pytest.mark.parametrize("mesh", [{"size": "1 nm", "element_degree": 2}, {"size": "1 nm"}, {}], ids=str)
def test_the_potential_of_a_long_membrane(mesh):
    assert solve(long_membrane(mesh=mesh)).V("top") == pytest.approx(-42.102, rel=2e-5)


FINE_WALL = {"grade": {"wall": {"size": "0.1 nm", "growth": 1.3}}}


@pytest.mark.parametrize(
    ("voltage", "mesh", "current", "within"),
    [
        ("1 V", None, -4265.0, 15.0),
        ("-1 V", None, 1409.0, 2.0),
        # What 5e-3 of the current is would be more than the reference is sure of.
        ("-1 V", FINE_WALL, 1409.0, 2.0),
    ],
)
def test_the_current_of_a_charged_conical_pore(voltage, mesh, current, within):
    """On a default mesh, without any grade, as with a wall of 0.1 nm; from the base on, inward."""
    found = solve(cone(voltage, mesh))
    assert found.solution.formulation == "nodal"
    assert "surface charge of wall" in found.solution.formulation_reason
    assert found.current("base") == pytest.approx(current, abs=within)
    assert found.current("base") == pytest.approx(-found.current("top"), rel=1e-9)


@pytest.mark.parametrize(
    ("current", "dimension"),
    [
        *((current, "1d") for current in STRONG_CURRENTS),
        *((current, "axisymmetric") for current in (1e2, 1e4, 1e5)),
        *((current, "3d") for current in (1e4, 1e5)),
    ],
)
def test_a_strong_current_into_a_neck(current, dimension):
    """Full PNP by SciPy's collocation; ungraded, densities of linear elements are 14.5 % off at 1e5 pA in 3D."""
    found = solved(current_into_a_neck, current, dimension)
    assert found.V("top") == pytest.approx(STRONG_CURRENTS[current], rel=RIGHT)
    assert not found.solution.too_steep


@pytest.mark.parametrize("u", [5.0, 10.0, 20.0])
def test_a_wall_that_blocks_all_ions_has_the_layer_of_gouy_and_chapman(u):
    """tanh(phi/4) falls by e in a Debye length; logarithms with consistent masses have -139 mV at 20 V_T."""
    exact = 4.0 * V_T * math.atanh(math.tanh(u / 4.0) / math.e)
    found = solve(blocking_wall(u))
    assert found.V("near") == pytest.approx(exact, rel=1e-3)
    assert found.solution.volume.min_potential > -1e-6


def test_a_meridian_has_that_layer_too():
    """The probe interpolates linearly between quadratic nodes, so that 1e-3 is what it can tell."""
    exact = 4.0 * V_T * math.atanh(math.tanh(10.0 / 4.0) / math.e)
    assert solve(blocking_wall(10.0, "axisymmetric")).V("near") == pytest.approx(exact, rel=2e-3)


# --- what is refused


def test_more_than_22_thermal_voltages_at_a_blocking_wall_are_refused(verb, tmp_path):
    (tmp_path / "case.toml").write_text(tomli_w.dumps(blocking_wall(-23.0)))
    done = verb("run", "case.toml", "--output", "out", exit_code=2)
    (line,) = done.stderr.strip().splitlines()
    assert "boundaries.top.potential" in line
    assert "at most 22 kT/e" in line


def test_the_limit_counts_the_valence_and_the_bath():
    with_bath = blocking_wall(31.0)
    with_bath["boundaries"]["base"] = {**BATH, "potential": f"{V_T * 10.0} mV"}
    assert Model(MPI.COMM_SELF).fit(make_case(with_bath), lambda _: None)
    divalent = blocking_wall(12.0)
    divalent["electrolyte"]["species"] = ions(("Ca", 2, 790, 50), ("Cl", -1, 2030, 100))
    with pytest.raises(CaseError, match=r"exp\(24\)"):
        Model(MPI.COMM_SELF).fit(make_case(divalent), lambda _: None)


# --- fluxes along edges


@pytest.fixture(scope="module")
def neck():
    """A problem with edge fluxes on cells whose stiffness is no M-matrix."""
    data = current_into_a_neck(10.0, "3d", mesh={"size": "40 nm"}, solver={"formulation": "nodal"})
    problem = Model(MPI.COMM_WORLD).fit(make_case(data), lambda _: None)
    assert problem.discretisation.operators.edges.k.max() > 0.0
    return problem


def field(problem, of):
    """A nodal function of (x, y, z) in um, the same on any number of ranks."""
    found = fem.Function(problem.discretisation.space)
    found.interpolate(of)
    return found


def rough(x, seed):
    """What changes by several units between neighbours."""
    return 8.0 * np.sin((91.0 + seed) * x[0] + 57.0 * x[1] - 83.0 * x[2] + seed)


@pytest.mark.mpi
@pytest.mark.parametrize("valence", [-2, 0, 1])
def test_edge_fluxes_add_up_to_zero(neck, valence):
    """What leaves one node enters another: nothing is made or lost, whatever the state."""
    equations, comm = neck.system.equations, neck.mesh.mesh.comm
    equations.fields.phi.x.array[:] = field(neck, lambda x: rough(x, 3)).x.array
    flux = equations.fields.variables.flux(field(neck, lambda x: rough(x, 1)), float(valence))
    assert abs(comm.allreduce(flux.sum())) < 1e-13 * comm.allreduce(np.abs(flux).sum())


@pytest.mark.mpi
def test_without_a_field_edge_fluxes_are_those_of_the_densities(neck):
    equations = neck.system.equations
    equations.fields.phi.x.array[:] = 0.0
    w = field(neck, lambda x: 0.3 * rough(x, 2))
    c = fem.Function(neck.discretisation.space)
    c.x.array[:] = np.exp(w.x.array)
    expected = (neck.discretisation.operators.K * c.x.petsc_vec).array_r
    assert equations.fields.variables.flux(w, 0.0) == pytest.approx(
        expected, rel=1e-12, abs=1e-12 * np.abs(expected).max()
    )


@pytest.mark.mpi
@pytest.mark.parametrize("valence", [-2, 1, 3])
def test_an_equilibrium_has_no_flux_whatever_the_potential_does_within_a_cell(neck, valence):
    """c = C exp(-z phi): a Galerkin flux of densities has c_b/c_a = (1 - d/2)/(1 + d/2) instead, negative from 2 on."""
    equations, comm = neck.system.equations, neck.mesh.mesh.comm
    phi = field(neck, lambda x: rough(x, 5) / abs(valence))
    equations.fields.phi.x.array[:] = phi.x.array
    w = fem.Function(neck.discretisation.space)
    w.x.array[:] = -valence * phi.x.array + 0.7
    edges = neck.discretisation.operators.edges
    assert comm.allreduce(np.abs(edges.differences(phi.x.array)).max(), op=MPI.MAX) > 2.0
    flux = equations.fields.variables.flux(w, float(valence))
    one_way = np.abs(edges.k * edges.logarithmic_mean(w.x.array)).max()
    assert np.abs(flux).max() < 1e-13 * comm.allreduce(one_way, op=MPI.MAX)


def test_the_logarithmic_mean_and_its_derivatives(neck):
    """Against the quotient, and against differences of it; on both sides of where a series takes over."""
    edges = neck.discretisation.operators.edges
    n = len(neck.system.equations.fields.phi.x.array)
    generator = np.random.default_rng(4)
    for size in (1e-7, 1e-3, 0.02, 0.499, 0.501, 20.0):
        w = generator.uniform(-size, size, n)
        a, b = w[edges.first], w[edges.second]
        mean = edges.logarithmic_mean(w)
        by_first, by_second = edges.slopes_of_mean(w, mean)
        quotient = np.exp(a) * np.where(a == b, 1.0, np.expm1(b - a) / np.where(a == b, 1.0, b - a))
        assert mean == pytest.approx(quotient, rel=1e-13)
        # L(c, c') = c L(1, c'/c): one derivative follows from the other, and both from a difference.
        assert by_first + by_second == pytest.approx(mean, rel=1e-12)
        h = 1e-5
        up, down = (np.exp(a) * np.expm1(b + s - a) / (b + s - a) for s in (h, -h))
        assert by_second == pytest.approx((up - down) / (2.0 * h), rel=3e-5 if size < 1e-4 else 1e-6, abs=1e-8)


@pytest.mark.mpi
def test_the_content_of_nodes_is_lumped(neck):
    """m e^w with m = int phi_a: its sum is the integral of the interpolant, and no neighbour takes part."""
    formulation, comm, owned = neck.system.equations.fields.variables, neck.mesh.mesh.comm, neck.weights.owned
    one = fem.Function(neck.discretisation.space)
    masses = formulation.storage(one)
    assert comm.allreduce(masses.sum()) == pytest.approx(math.pi * 0.1**2, rel=0.02)
    w = field(neck, lambda x: rough(x, 1))
    assert formulation.storage(w) == pytest.approx(masses * np.exp(w.x.array[:owned]), rel=1e-14)
    matrix = neck.discretisation.operators.M.copy()
    formulation.fill_storage_slope(matrix, w)
    assert (matrix * one.x.petsc_vec).norm() == 0.0  # diagonal, and `one` is ln 1 = 0
    assert matrix.getDiagonal().array_r == pytest.approx(formulation.storage(w), rel=1e-14)


@pytest.mark.mpi
@pytest.mark.parametrize("degree", [1, 2])
def test_slopes_are_those_of_fluxes_and_contents(degree):
    """What Newton is told, against differences: by the unknown of a species and by the potential."""
    data = current_into_a_neck(
        1.0, "axisymmetric", mesh={"element_degree": degree, "size": "60 nm"}, solver={"formulation": "nodal"}
    )
    problem = Model(MPI.COMM_WORLD).fit(make_case(data), lambda _: None)
    equations, owned, z, h = problem.system.equations, problem.weights.owned, -2.0, 1e-5
    formulation, phi = equations.fields.variables, equations.fields.phi
    w, along = (field(problem, lambda x, k=k: np.sin(9.0 * x[0] + k * x[1])) for k in (4.0, 7.0))
    phi.x.array[:] = field(problem, lambda x: 2.0 * np.cos(5.0 * x[1])).x.array
    matrix = problem.discretisation.operators.empty()

    def slope(fill, *arguments):
        fill(matrix, w, *arguments)
        matrix.assemble()
        return (matrix * along.x.petsc_vec).array_r.copy()

    def difference(of, moved):
        there = moved.x.array.copy()
        ends = []
        for step in (h, -h):
            moved.x.array[:] = there + step * along.x.array
            ends.append(of())
        moved.x.array[:] = there
        return (ends[0] - ends[1]) / (2.0 * h)

    def same(found, expected):
        assert found[:owned] == pytest.approx(expected, rel=1e-6, abs=1e-8 * np.abs(expected).max())

    same(slope(formulation.fill_storage_slope), difference(lambda: formulation.storage(w), w))
    same(slope(formulation.fill_flux_slope, z), difference(lambda: formulation.flux(w, z), w))
    same(z * slope(formulation.fill_conduction), difference(lambda: formulation.flux(w, z), phi))
    whole = formulation.amount_slope(w) * along.x.array[:owned]
    comm = problem.mesh.mesh.comm
    change = comm.allreduce(difference(lambda: formulation.storage(w), w).sum())
    assert comm.allreduce(whole.sum()) == pytest.approx(change, rel=1e-6)


# --- where Newton starts


@pytest.mark.parametrize("rho", [-1000.0, -3.0, 0.0, 40.0])
def test_the_donnan_start_is_neutral_and_in_equilibrium(rho):
    electrolyte = make_case(with_calcium("1d")).electrolyte
    state = donnan_state(electrolyte, np.array([0.0, rho, rho]))
    assert state[0] == pytest.approx([100.0, 20.0, 140.0, 0.0])
    *c, V = state[1]
    assert np.array([1.0, 2.0, -1.0]) @ c + rho == pytest.approx(0.0, abs=1e-9 * max(abs(rho), 100.0))
    u = V / electrolyte.V_T
    assert c == pytest.approx([100.0 * math.exp(-u), 20.0 * math.exp(-2.0 * u), 140.0 * math.exp(u)], rel=1e-12)
    assert np.sign(V) == np.sign(rho)


def test_a_gel_starts_from_its_donnan_state():
    """The bulk takes seven steps."""
    statistics = solved(strong_gel, "1d").solution.statistics
    assert statistics.newton <= 5
    assert statistics.continuation == 0


# --- which unknowns a case gets


def weak_wall(dimension, degree, charge):
    data = current_into_a_neck(0.0, dimension, mesh={"element_degree": degree, "grade": {"top": {"size": "0.5 nm"}}})
    data["boundaries"]["top"] = {"surface_charge": charge}
    return data


def fixed_charge_everywhere():
    """The bulk is neutral with it, and a bath that is neutral alone is not."""
    salt = ions(("Na", 1, 1330, 110), ("Cl", -1, 2030, 10))
    bath = {"potential": "0 mV", "concentrations": {"Na": "10 mM", "Cl": "10 mM"}}
    geometry = {"shape": "cylinder", "length": "1 um", "radius": "100 nm"}
    return case(geometry, {**USUAL, "fixed_charge": "-100 mM", "neutral": False, "species": salt}, {"base": bath})


def bath_that_is_not_neutral():
    """Beyond a layer, sodium and chloride are equal: 100 e^-u = 50 e^u."""
    geometry = {"shape": "cylinder", "length": "1 um", "radius": "100 nm"}
    salt = ions(("Na", 1, 1330, 100), ("Cl", -1, 2030, 50))
    return case(geometry, {**USUAL, "neutral": False, "species": salt}, {"base": BATH}, mesh={"size": "50 nm"})


def ball_with_a_strong_current():
    geometry = {"shape": "shell", "inner_radius": "1 nm", "outer_radius": "500 nm"}
    electrolyte = {**USUAL, "species": ions(("C", 1, 200, 167), ("A", -1, 200, 167))}
    inner = {"current": {"species": "C", "value": "1000 pA"}}
    return case(geometry, electrolyte, {"outer": BATH, "inner": inner})


def two_baths_at_one_volt():
    data = charged_middle(sodium_chloride(100), "-1 mM", top={"potential": "1 V", "concentrations": "bulk"})
    del data["electrolyte"]["fixed_charge"]
    data["mesh"] = {"size": "50 nm"}
    return data


CHOICES = {
    "a weak current": (lambda: current_into_a_neck(10.0), "density", ""),
    "fixed charge": (lambda: step("1d"), "nodal", "of the fixed charge of a region"),
    "a weak wall, linear": (lambda: weak_wall("1d", 1, "-0.001 C/m^2"), "density", ""),
    "a strong wall, linear": (lambda: weak_wall("1d", 1, "-0.1 C/m^2"), "nodal", "of the surface charge of top"),
    "a weak wall, quadratic": (lambda: weak_wall("1d", 2, "-0.001 C/m^2"), "nodal", "of the surface charge of top"),
    "a blocking wall": (lambda: blocking_wall(2.0), "nodal", "the potential of top is held without any concentration"),
    "a bath at a gel": (
        fixed_charge_everywhere,
        "nodal",
        "the concentrations of base and the fixed charge are not neutral",
    ),
    "a bath that is not neutral": (bath_that_is_not_neutral, "nodal", "the concentrations of base are not neutral"),
    "a strong current": (
        lambda: current_into_a_neck(1e5, "axisymmetric", mesh={"element_degree": 1}),
        "nodal",
        "the potential changes by 2.6 V_T within a cell at z = 8.33 nm",
    ),
    "a strong current into a shell": (ball_with_a_strong_current, "nodal", "within a cell at r = "),
    "two baths": (two_baths_at_one_volt, "nodal", "the potential changes by "),
}


@pytest.mark.parametrize("name", CHOICES)
def test_which_unknowns_are_taken_and_why(name):
    make, formulation, reason = CHOICES[name]
    solution = solve(make()).solution
    assert solution.formulation == formulation
    assert reason in solution.formulation_reason
    assert bool(reason) == bool(solution.formulation_reason)
    assert not solution.too_steep


def test_beyond_a_bath_that_is_not_neutral_ions_are_in_donnan_equilibrium():
    assert solve(bath_that_is_not_neutral()).V("top") == pytest.approx(0.5 * V_T * math.log(2.0), rel=1e-5)


@pytest.mark.parametrize("formulation", ["density", "log", "nodal"])
def test_what_the_case_asks_for_is_taken(formulation):
    data = {**charged_end(mesh={"grade": {"top": {"size": "0.5 nm"}}}), "solver": {"formulation": formulation}}
    solution = solve(data).solution
    assert (solution.formulation, solution.formulation_reason) == (formulation, "")


def test_zeros_keep_densities_which_say_where_they_are_too_steep():
    """What vanishes has no logarithm: at an absorbing end, and where the bulk has none of a species."""
    data = current_into_a_neck(1e5, "axisymmetric", mesh={"element_degree": 1})
    data["electrolyte"]["species"] += ions(("T", 0, 200, 0))
    solution = solve(data).solution
    assert solution.formulation == "density"
    assert solution.too_steep
    assert solution.change_within_cell > 0.5
    weak = current_into_a_neck(10.0)
    weak["electrolyte"]["species"] += ions(("T", 0, 200, 1))
    weak["boundaries"]["base"] = {"potential": "0 mV", "concentrations": {"C": "167 mM", "A": "167 mM", "T": "0 mM"}}
    solution = solve(weak).solution
    assert (solution.formulation, solution.too_steep) == ("density", False)


def test_one_problem_changes_its_unknowns_with_the_values():
    """A sweep from a weak to a strong current and back; the strong one is that of a problem of its own."""
    weak = make_case(current_into_a_neck(100.0, "axisymmetric", mesh={"element_degree": 1}))
    strong = make_case(current_into_a_neck(1e5, "axisymmetric", mesh={"element_degree": 1}))
    problem = Model(MPI.COMM_SELF).fit(weak, lambda _: None)
    found = [problem.solve(c.electrolyte, c.boundaries, c.closed) for c in (weak, strong, weak)]
    assert [s.formulation for s in found] == ["density", "nodal", "density"]
    assert found[2].boundary["top"].potential == pytest.approx(found[0].boundary["top"].potential, rel=1e-9)
    alone = solve(current_into_a_neck(1e5, "axisymmetric", mesh={"element_degree": 1}))
    assert 1e3 * found[1].boundary["top"].potential == pytest.approx(alone.V("top"), rel=1e-9)


@pytest.mark.mpi
def test_a_gel_is_the_same_on_any_number_of_ranks(comm):
    data = charged_middle(MEMBRANE, "-100 mM", "3d", FLOATING, mesh={"size": "40 nm"})
    together, alone = solve(data, comm), solve(data)
    assert together.solution.formulation == alone.solution.formulation == "nodal"
    for place in ("middle", "top"):
        assert together.V(place) == pytest.approx(alone.V(place), rel=1e-8)
    for name in ("Na", "Cl"):
        currents = [s.solution.boundary["base"].current[name] for s in (together, alone)]
        assert currents[0] == pytest.approx(currents[1], rel=1e-6)
    assert together.solution.relative_error == pytest.approx(alone.solution.relative_error, rel=1e-6, abs=1e-15)
