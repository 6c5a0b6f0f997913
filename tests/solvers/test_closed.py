"""Closed domains: Box 2 against its table, the contact theorem, mixed signs, membranes; and what has no answer."""

import json
import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, fsolve

from spinepnp.case.case import make_case
from spinepnp.errors import CaseError
from spinepnp.geometries import Ball, Cylinder
from spinepnp.meshes import GradeOptions, MeshOptions, generate
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import Boundary, Closed, Electrolyte, SolverOptions, SteadyProblem
from spinepnp.units import AVOGADRO, ELEMENTARY_CHARGE, FARADAY, VACUUM_PERMITTIVITY
from spinepnp.validation.reference import table as references
from support.charged_cases import BATH
from support.commands import call, refusal
from support.ions import ion

V_T, PERMITTIVITY, R = 25.26e-3, 80.0 * VACUUM_PERMITTIVITY, 0.5e-6
VOLUME, AREA = 4.0 / 3.0 * math.pi * R**3, 4.0 * math.pi * R**2
PROBES = {"centre": (0.0, 0.0, 0.0)}


def ions(lam):
    """Number of monovalent ions in the ball for a given lambda (facts pnp A2)."""
    return lam * PERMITTIVITY * V_T * R / ELEMENTARY_CHARGE


def crowd(lam, negative=0.0):
    """Ions of one sign (and a fraction of the other) in the ball, net charge as lambda says."""
    count = ions(lam)
    amounts = {"P": count * (1.0 + negative)} | ({"M": count * negative} if negative else {})
    species = [ion(n, 1 if n == "P" else -1, amount / AVOGADRO / VOLUME) for n, amount in amounts.items()]
    closed = Closed(amounts={name: f"{amount!r} ions" for name, amount in amounts.items()})
    return Electrolyte(species=species, neutral=False), closed


class ClosedBall:
    def __init__(self, comm, mesh, formulation="density", dimension="axisymmetric"):
        self.mesh = generate(Ball(radius="500 nm", dimension=dimension), mesh, comm)
        self.options, self.problem = SolverOptions(formulation=formulation), None

    def solve(self, lam, negative=0.0):
        electrolyte, closed = crowd(lam, negative)
        if self.problem is None or self.problem.signature.names != electrolyte.names:
            self.problem = SteadyProblem(self.mesh, electrolyte, {}, self.options, PROBES, closed)
        return self.problem.solve(electrolyte, {}, closed)

    def drop(self, lam, negative=0.0):
        solution = self.solve(lam, negative)
        return (solution.probes["centre"].potential - solution.boundary["wall"].potential) / V_T, solution


FINE = MeshOptions(size="60 nm", grade={"wall": GradeOptions(size="1.5 nm", growth=1.4)}, element_degree=2)


@pytest.fixture(scope="module")
def balls(comm):
    return {formulation: ClosedBall(comm, FINE, formulation) for formulation in ("density", "log")}


@pytest.mark.parametrize("formulation", ["density", "log"])
@pytest.mark.parametrize("row", references.rows("closed_ball"), ids=lambda r: f"{r['lambda']:g}")
def test_box_2_is_that_of_the_table(balls, row, formulation):
    drop, solution = balls[formulation].drop(row["lambda"])
    mean = ions(row["lambda"]) / AVOGADRO / VOLUME
    assert drop == pytest.approx(row["drop"], abs=1e-3)
    assert solution.boundary["wall"].concentration["P"] / mean == pytest.approx(row["wall"], rel=1e-3)
    assert solution.probes["centre"].concentration["P"] / mean == pytest.approx(row["centre"], rel=2e-3)
    assert solution.ion_balance < 1e-10
    assert solution.volume.min_concentration["P"] > 0.0
    assert abs(solution.volume.potential) < 1e-12
    assert solution.volume.charge == pytest.approx(ions(row["lambda"]) * ELEMENTARY_CHARGE, rel=1e-9)
    assert solution.layers_resolved


@pytest.mark.parametrize(("lam", "negative"), [(10.0, 0.0), (1000.0, 0.0), (100.0, 0.05)])
def test_the_contact_theorem(balls, lam, negative):
    """Balance of momentum: RT (sum c(R) - <sum c>) = sigma^2 / (2 eps) + (field energy) / (3 |Omega|)."""
    _, solution = balls["density"].drop(lam, negative)
    wall = sum(solution.boundary["wall"].concentration.values())
    mean = sum(solution.volume.concentration.values())
    sigma = solution.volume.charge / AREA
    stress = sigma**2 / (2.0 * PERMITTIVITY) + solution.volume.field_energy / (3.0 * VOLUME)
    assert FARADAY * V_T * (wall - mean) == pytest.approx(stress, rel=1e-3)


def poisson_boltzmann(lam, negative):
    """u(0) - u(R) of a ball with ions of both signs, by shooting for the density at the centre and the wall field."""

    def profile(p, m):
        def slope(r, y):
            u, du = y[:2]
            c = 4.0 * math.pi * r**2
            curvature = -(p * math.exp(-u) - m * math.exp(u)) - (2.0 / r * du if r > 0.0 else 0.0)
            return [du, curvature, c * p * math.exp(-u), c * m * math.exp(u)]

        r = 1e-6
        start = [-(p - m) * r**2 / 6.0, -(p - m) * r / 3.0, 0.0, 0.0]
        return solve_ivp(slope, (r, 1.0), start, method="DOP853", rtol=1e-11, atol=1e-13).y[:, -1]

    def misfit(logs):
        _, _, plus, minus = profile(*np.exp(logs))
        return [math.log(plus / (lam * (1.0 + negative))), math.log(minus / (lam * negative))]

    mean = 3.0 / (4.0 * math.pi) * lam
    logs = fsolve(misfit, np.log([mean * (1.0 + negative) * 0.5, mean * negative]), xtol=1e-12)
    return -profile(*np.exp(logs))[0]


@pytest.mark.parametrize("negative", [0.02, 0.2])
def test_a_few_ions_of_the_other_sign(balls, negative):
    drop, solution = balls["density"].drop(20.0, negative)
    assert drop == pytest.approx(poisson_boltzmann(20.0, negative), abs=1e-4)
    assert solution.ion_balance < 1e-10


def mean_drop(comm, options, lam=10.0):
    _, solution = ClosedBall(comm, options).drop(lam)
    return solution.volume.potential - solution.boundary["wall"].potential


def test_linear_elements_converge_to_quadratic_ones_at_second_order(comm):
    """In the mean: at the centre itself, which is on the axis of the meridian, a logarithm is added."""
    exact = mean_drop(comm, MeshOptions(size="125 nm", refine=2, element_degree=2))
    errors = [abs(mean_drop(comm, MeshOptions(size="125 nm", refine=r, element_degree=1)) - exact) for r in (1, 2, 3)]
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert rates[-1] == pytest.approx(2.0, abs=0.1)


@pytest.mark.mpi
def test_box_2_in_three_dimensions_on_any_number_of_ranks(comm):
    options = MeshOptions(size="200 nm", grade={"wall": GradeOptions(size="12 nm", growth=1.8)}, element_degree=2)
    row = next(row for row in references.rows("closed_ball") if row["lambda"] == 10.0)
    alone, together = (ClosedBall(c, options, dimension="3d").drop(10.0) for c in (MPI.COMM_SELF, comm))
    assert alone[0] == pytest.approx(row["drop"], abs=1e-3)
    assert together[0] == pytest.approx(alone[0], rel=1e-9)
    assert together[1].volume.free_energy == pytest.approx(alone[1].volume.free_energy, rel=1e-9)
    assert together[1].boundary["wall"].potential == pytest.approx(alone[1].boundary["wall"].potential, rel=1e-9)


@pytest.mark.parametrize("charge", [1e-18, 1e-16, 1e-15])
def test_a_salted_ball_with_a_membrane_is_its_capacitor_at_first(comm, charge):
    """Q / C_m while the charge is small; then the ions at the wall are used up and the layer adds a drop of its own."""
    salt, capacitance = 1.0, 0.01
    mesh = MeshOptions(size="60 nm", grade={"wall": GradeOptions(size="0.5 nm", growth=1.3)}, element_degree=2)
    ball = generate(Ball(radius="500 nm", dimension="axisymmetric"), mesh, comm)
    extra = charge / FARADAY
    species = [ion("P", 1, salt), ion("M", -1, salt)]
    closed = Closed(
        amounts={"P": f"{(salt * VOLUME + extra) * AVOGADRO!r} ions", "M": f"{salt * VOLUME * AVOGADRO!r} ions"}
    )
    membrane = {"wall": Boundary(capacitance={"value": f"{capacitance} F/m^2", "outside": "0 mV"})}
    problem = SteadyProblem(ball, Electrolyte(species=species), membrane, None, PROBES, closed)
    solution = problem.solve(Electrolyte(species=species), membrane, closed)
    drop = charge / (capacitance * AREA)
    assert solution.boundary["wall"].potential == pytest.approx(drop, rel=1e-6)
    debye = math.sqrt(PERMITTIVITY * V_T / (2.0 * FARADAY * salt))
    # Debye-Hueckel in a ball: u(0) - u(R) of a wall charge, for small charges.
    x = R / debye
    linear = charge / AREA / PERMITTIVITY * debye * (1.0 - x / math.sinh(x)) / (1.0 / math.tanh(x) - 1.0 / x)
    found = solution.probes["centre"].potential - solution.boundary["wall"].potential
    if charge < 1e-17:
        assert found == pytest.approx(linear, rel=2e-3)
    else:
        assert found < linear * (1.0 - 3e-4)


def closed_case(**tables):
    case = {
        "geometry": {"shape": "ball", "radius": "500 nm", "dimension": "axisymmetric"},
        "mesh": {"size": "100 nm"},
        "electrolyte": {"neutral": False, "species": [ion("P", 1, 0.001)]},
        "closed": {},
    }
    return {**case, **tables}


def solve_case(comm, data):
    case = make_case(data)
    mesh = generate(case.geometry, case.mesh, comm)
    problem = SteadyProblem(mesh, case.electrolyte, case.boundaries, case.solver, case.probes, case.closed)
    return problem.solve(case.electrolyte, case.boundaries, case.closed)


SALT_IN_BALL = [ion("p", 1, 167), ion("m", -1, 167)]


def salt_in_a_ball(balanced_for=0.0, wall=None, error=0.0):
    """A ball of 500 nm whose ions balance a surface charge (C/m^2), or that one up to a relative error."""
    extra = balanced_for * (1.0 + error) * 3.0 / 500e-9 / FARADAY
    species = [SALT_IN_BALL[0], SALT_IN_BALL[1] | {"concentration": f"{167.0 + extra!r} mM"}]
    return {
        "geometry": {"shape": "ball", "radius": "500 nm", "dimension": "1d"},
        "mesh": {"size": "20 nm", "grade": {"wall": {"size": "0.1 nm", "growth": 1.5}}},
        "electrolyte": {"neutral": False, "species": species},
        "boundaries": {} if wall is None else {"wall": {"surface_charge": f"{wall} C/m^2"}},
        "closed": {},
    }


@pytest.mark.parametrize(
    ("balanced_for", "wall", "error"),
    [(0.0, 0.005, 0.0), (0.0, 1e-9, 0.0), (0.005, 0.003, 0.0), (0.005, -0.005, 0.0), (0.005, 0.005, 3e-6)],
)
def test_a_surface_charge_is_never_replaced(comm, balanced_for, wall, error):
    """However many neutral ions there are besides: 0.005 C/m^2 is a thousandth of theirs in this ball."""
    with pytest.raises(CaseError, match=r"incompatible charge in a closed domain: .* but surface_charge gives"):
        solve_case(comm, salt_in_a_ball(balanced_for, wall, error))


def test_a_surface_charge_that_balances_the_ions_makes_its_layer(comm):
    """What is spread instead is the same, and is told."""
    given, spread = (solve_case(comm, salt_in_a_ball(0.005, wall)) for wall in (0.005, None))
    assert spread.wall_charge == pytest.approx(0.005, rel=1e-6)
    assert given.wall_charge == pytest.approx(0.0, abs=1e-6 * 0.005)
    assert given.boundary["wall"].potential == pytest.approx(spread.boundary["wall"].potential, rel=1e-5)
    assert given.boundary["wall"].potential > 3e-3
    neutral = solve_case(comm, salt_in_a_ball())
    assert neutral.wall_charge == 0.0
    assert abs(neutral.boundary["wall"].potential) < 1e-12


def test_a_run_tells_what_it_has_spread(tmp_path, capsys):
    case = tmp_path / "case.toml"
    case.write_text(make_case(salt_in_a_ball(0.005)).to_toml())
    assert call("run", str(case), "--output", str(tmp_path / "out")) == 0
    line = "charge spread evenly over all walls, as Gauss' law asks for in a closed domain: 0.005 C/m^2"
    assert line in capsys.readouterr().out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["wall_charge_C_per_m2"] == pytest.approx(0.005, rel=1e-6)


def test_an_empty_table_means_the_amounts_of_the_bulk(comm):
    solution = solve_case(comm, closed_case())
    assert solution.volume.concentration["P"] == pytest.approx(0.001, rel=1e-12)


def test_a_compatible_surface_charge_is_taken_and_another_refused(comm):
    amount = 1000.0
    even = -amount * ELEMENTARY_CHARGE / AREA
    closed = {"closed": {"amounts": {"P": f"{amount} ions"}}}
    by_hand = closed_case(boundaries={"wall": {"surface_charge": f"{even!r} C/m^2"}}, **closed)
    alike = [solve_case(comm, data).volume.free_energy for data in (closed_case(**closed), by_hand)]
    # The area of the mesh is that of the body to 1e-6; the energies are sums of larger parts.
    assert alike[0] == pytest.approx(alike[1], rel=5e-5)
    assert solve_case(comm, closed_case(**closed)).wall_charge == pytest.approx(even, rel=1e-5)
    assert abs(solve_case(comm, by_hand).wall_charge) < 1e-5 * abs(even)  # by how much the area of the mesh errs
    wrong = closed_case(boundaries={"wall": {"surface_charge": f"{0.9 * even!r} C/m^2"}}, **closed)
    with pytest.raises(CaseError, match=r"incompatible charge in a closed domain: .* walls must carry -1.6\d+e-16 C"):
        solve_case(comm, wrong)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"closed": {"amounts": {"Q": "5 ions"}}}, "closed.amounts.Q: no such species"),
        ({"closed": {"amounts": {"P": "5 mM"}}}, "closed.amounts.P"),
        ({"closed": {"amounts": {"P": "-5 ions"}}}, "closed.amounts.P"),
        ({"closed": {"amount": {}}}, 'closed.amount: unknown key; did you mean "amounts"'),
        (
            {"boundaries": {"wall": BATH}, "closed": {"amounts": {"P": "5 ions"}}},
            "closed.amounts.P: a boundary prescribes its concentration",
        ),
        ({"boundaries": {"wall": {"concentrations": "bulk"}}}, "boundaries: no boundary prescribes the potential"),
        ({"closed": None}, "boundaries: no boundary prescribes the potential"),
        ({"boundaries": {"wall": {"potential": "0 mV"}}, "closed": None}, "the concentration of P, so its amount"),
        ({"boundaries": {"wall": BATH | {"potential": "floating"}}}, "no boundary prescribes the potential"),
    ],
)  # fmt: skip
def test_bad_closed_domains(tables, message):
    data = {key: value for key, value in closed_case(**tables).items() if value is not None}
    assert message in str(refusal(make_case, data))


@pytest.mark.parametrize("way_in", ["current", "source"])
def test_a_net_inflow_has_no_steady_state(comm, way_in):
    data = closed_case()
    if way_in == "current":
        data["boundaries"] = {"wall": {"current": {"species": "P", "value": "1 pA"}}}
    else:
        data["electrolyte"]["species"][0]["source"] = "1 mM/s"
    with pytest.raises(CaseError, match=r"closed: P enters at a net rate of .* no steady state"):
        solve_case(comm, data)


def test_a_closed_cylinder_as_a_line(comm):
    """Ions of one sign between plates: u'' = -c, known in closed form: c(x) = c_m / cos^2(x / sqrt(2) l)."""
    shape = Cylinder(length="1 um", radius="100 nm", dimension="1d")
    electrolyte = Electrolyte(species=[ion("P", 1, 0.02, 1)], neutral=False)
    mesh = generate(shape, MeshOptions(size="5 nm", element_degree=2), comm)
    # A line has three walls, the lateral one without a facet: the field is that of the two ends.
    closed = Closed()
    problem = SteadyProblem(mesh, electrolyte, {}, None, {"middle": (0.0, 0.0, 0.5e-6)}, closed)
    solution = problem.solve(electrolyte, {}, closed)
    k = 1.0
    half = 0.5e-6
    mean = 0.02
    length = lambda c: math.sqrt(PERMITTIVITY * V_T / (FARADAY * c))  # noqa: E731

    def misfit(c):
        s = half / (math.sqrt(2.0) * length(c))
        return c * math.tan(s) / s - mean * k

    smallest = 2.0 * PERMITTIVITY * V_T / FARADAY * (math.pi / 2.0 / half) ** 2
    c = brentq(misfit, 1e-12, smallest * (1.0 - 1e-9), xtol=1e-18)
    drop = -2.0 * math.log(math.cos(half / (math.sqrt(2.0) * length(c)))) * V_T
    found = solution.probes["middle"].potential - solution.boundary["top"].potential
    assert found == pytest.approx(drop, rel=1e-4)
