"""The wall of a line as a boundary, spread along the line: areas, charges, fluxes, laws of cables, mistakes."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from spinepnp.case.case import make_case
from spinepnp.errors import CaseError
from spinepnp.geometries import Ball, Cone, Cylinder, Hyperboloid, Pore, Tube
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary, Closed, Electrolyte, SolverOptions, SteadyProblem, TransientProblem
from spinepnp.solvers.fem.discretisation import Discretisation
from spinepnp.solvers.pnp.custom_term import Term
from spinepnp.solvers.problem.columns import flatten, state_of
from spinepnp.solvers.time.checkpoint import pack, unpack
from spinepnp.units import FARADAY
from support.cases import GROUND, flow
from support.ions import ion, salt

LENGTH, RADIUS = 1e-6, 100e-9
AREA, VOLUME = 2.0 * math.pi * RADIUS * LENGTH, math.pi * RADIUS**2 * LENGTH
SALT = salt(150)


def neck(comm, size="20 nm", degree=1, radius="100 nm", length="1 um"):
    shape = Cylinder(length=length, radius=radius, dimension="1d")
    return generate(shape, MeshOptions(size=size, element_degree=degree), comm)


def solved(mesh, electrolyte, boundaries, options=None, **keys):
    with SteadyProblem(mesh, electrolyte, boundaries, options, **keys) as problem:
        return problem.solve()


@pytest.fixture(scope="module")
def line(comm):
    return neck(comm)


# --- geometry


def wave(z):
    return 60e-9 + 30e-9 * math.cos(4.0 * math.pi * z / 1e-6)


def wave_slope(z):
    return -30e-9 * 4.0 * math.pi / 1e-6 * math.sin(4.0 * math.pi * z / 1e-6)


def throat(z):
    return 20e-9 * math.sqrt(1.0 + (z / 100e-9) ** 2)


SHAPES = {
    "cylinder": (Cylinder(length="1 um", radius="100 nm", dimension="1d"), lambda z: 1e-7, lambda z: 0.0),
    "cone": (
        Cone(length="200 nm", base_radius="100 nm", top_radius="50 nm", dimension="1d"),
        lambda z: 1e-7 - 0.25 * z,
        lambda z: -0.25,
    ),
    "tube": (Tube(length="1 um", profile="60 nm + 30 nm*cos(2*pi*z/(500 nm))", dimension="1d"), wave, wave_slope),
    "hyperboloid": (
        Hyperboloid(a="20 nm", c="100 nm", half_length="300 nm", dimension="1d"),
        throat,
        lambda z: 400e-18 * z / 1e-14 / throat(z),
    ),
}


@pytest.mark.mpi
@pytest.mark.parametrize("shape", SHAPES)
def test_area_of_the_wall(comm, shape):
    """int 2 pi r sqrt(1 + r'^2) dz of each shape, on the mesh, of the body, and point by point."""
    body, radius, slope = SHAPES[shape]

    def density(z):
        return 2.0 * math.pi * radius(z) * math.sqrt(1.0 + slope(z) ** 2)

    bottom, top = (1e-6 * z for z in body.z_extent())
    z = np.linspace(bottom, top, 41)
    assert 1e-6 * body.side_weight(1e6 * z) == pytest.approx([density(x) for x in z], rel=1e-8)
    area = quad(density, bottom, top, epsrel=1e-12, epsabs=0.0, limit=200)[0]
    discretisation = Discretisation(generate(body, MeshOptions(size="5 nm"), comm), listed={"wall"})
    assert discretisation.areas()["wall"] == pytest.approx(area, rel=1e-8)
    assert body.exact_area("wall") == pytest.approx(area, rel=1e-8)
    assert {*discretisation.boundary_dofs, *discretisation.weights.area} == {"base", "top", "wall"}
    assert len(discretisation.boundary_dofs["wall"]) == len(discretisation.weights.volume)
    discretisation.destroy()


def test_wall_of_an_elliptic_throat():
    """The sum over the line is the area of the body, which a quadrature of its surface gives."""
    body = Hyperboloid(a="20 nm", b="50 nm", c="100 nm", half_length="300 nm", dimension="1d")
    nodes, weights = np.polynomial.legendre.leggauss(200)
    assert 0.3e-12 * weights @ body.side_weight(0.3 * nodes) == pytest.approx(body.exact_area("wall"), rel=1e-8)


# --- charge


@pytest.mark.mpi
@pytest.mark.parametrize("degree", [1, 2])
def test_charge_behind_a_capacitance(comm, degree):
    """Gauss: the charge of the ions is C_m area (V - V_out), in a line that nothing else grounds."""
    electrolyte = salt(150, (133, 203))
    amounts = {"C": f"{150.1 * VOLUME!r} mol", "A": f"{150.0 * VOLUME!r} mol"}
    wall = Boundary(capacitance={"value": "0.01 F/m^2", "outside": "-20 mV"})
    solution = solved(neck(comm, degree=degree), electrolyte, {"wall": wall}, closed=Closed(amounts=amounts))
    charge, side = FARADAY * 0.1 * VOLUME, solution.boundary["wall"]
    assert side.area == pytest.approx(AREA, rel=1e-12)
    assert solution.volume.charge == pytest.approx(charge, rel=1e-9)
    assert charge == pytest.approx(0.01 * AREA * (side.potential + 0.02), rel=1e-9)
    # The membrane has one potential and one charge along the whole line.
    assert solution.volume.max_potential - solution.volume.min_potential < 1e-9


@pytest.mark.parametrize("dimension", ["1d", "axisymmetric"])
def test_a_line_charges_as_the_body_does(comm, dimension):
    """The same membrane on a line and on the meridian: the same charge but for the Debye layer of the wall."""
    shape = Cylinder(length="200 nm", radius="100 nm", dimension=dimension)
    mesh = generate(shape, MeshOptions(size="20 nm", element_degree=1), comm)
    data = {"base": GROUND, "wall": Boundary(capacitance={"value": "0.01 F/m^2", "outside": "-70 mV"})}
    solution = solved(mesh, SALT, data)
    assert solution.volume.charge == pytest.approx(0.01 * 2.0 * math.pi * 1e-7 * 2e-7 * 0.07, rel=0.03)


def test_charge_of_a_closed_line(line):
    """Gauss' law counts the charge of the wall: the ions balance it, and nothing is spread over the ends."""
    charge = -1e-3 * AREA
    amounts = {"C": f"{150.0 * VOLUME - charge / FARADAY!r} mol", "A": f"{150.0 * VOLUME!r} mol"}
    wall = Boundary(surface_charge="-0.001 C/m^2")
    solution = solved(line, SALT, {"wall": wall}, closed=Closed(amounts=amounts))
    assert solution.volume.charge == pytest.approx(-charge, rel=1e-9)
    assert solution.wall_charge == pytest.approx(0.0, abs=1e-9)
    assert solution.volume.max_potential - solution.volume.min_potential < 1e-9


SIGMA, THIN = -0.02, 5e-9
#: Fixed charge that a surface charge is over the cross-section, mol/m^3.
DENSITY = 2.0 * SIGMA / THIN / FARADAY


def charged(kind, degree=1):
    """A thin nanotube between a bath and a closed end, charged on its wall or all over."""
    ends = {"base": {"potential": "0 mV", "concentrations": "bulk"}}
    fixed = {"fixed_charge": [{"region": ["0 nm", "100 nm"], "value": f"{DENSITY!r} mM"}]}
    return make_case({
        "geometry": {"shape": "cylinder", "length": "100 nm", "radius": "5 nm", "dimension": "1d"},
        "mesh": {"size": "5 nm", "element_degree": degree},
        "electrolyte": {"species": [ion("C", 1, 50), ion("A", -1, 50)], **(fixed if kind == "region" else {})},
        "boundaries": ends | ({"wall": {"surface_charge": f"{SIGMA} C/m^2"}} if kind == "wall" else {}),
    })  # fmt: skip


@pytest.mark.mpi
@pytest.mark.parametrize("degree", [1, 2])
def test_charge_of_the_wall_is_a_fixed_charge(comm, degree):
    """A surface charge is the fixed charge 2 sigma/r: the same mesh, unknowns, Donnan state and layer at the bath."""
    cases = [charged(kind, degree) for kind in ("wall", "region")]
    assert cases[0].mesh.grade == cases[1].mesh.grade
    assert list(cases[0].mesh.grade) == ["base"]
    mesh = generate(cases[0].geometry, cases[0].mesh, comm)
    wall, region = (solved(mesh, case.electrolyte, case.boundaries) for case in cases)
    assert wall.formulation == region.formulation == "nodal"
    assert wall.unknowns == pytest.approx(region.unknowns, rel=1e-8, abs=1e-12)
    assert {*wall.layers} == {"base"}
    ours, theirs = wall.layers["base"], region.layers["base"]
    assert ours.forms
    assert ours.resolved == theirs.resolved
    assert (ours.drop, ours.error) == pytest.approx((theirs.drop, theirs.error), rel=1e-6)
    donnan = SALT.V_T * math.asinh(DENSITY / (2.0 * 50.0))
    assert wall.boundary["top"].potential == pytest.approx(donnan, rel=1e-6)
    assert wall.boundary["wall"].area == pytest.approx(2.0 * math.pi * THIN * 100e-9, rel=1e-10)


def test_transient_begins_in_equilibrium_with_the_charge(comm):
    """As with a fixed charge: no charge is bare at the start, and only the layer at the bath has to form."""
    case = charged("wall")
    mesh = generate(case.geometry, case.mesh, comm)
    with TransientProblem(mesh, case.electrolyte, case.boundaries) as problem:
        first = problem.begin()
        last = problem.run({"duration": "1 us", "times": ["1 us"]})[-1].solution
    assert not problem.remark.startswith("surface charges start bare")
    donnan = SALT.V_T * math.asinh(DENSITY / (2.0 * 50.0))
    assert first.boundary["top"].concentration["C"] == pytest.approx(50.0 * math.exp(-donnan / SALT.V_T), rel=1e-9)
    assert last.boundary["top"].potential == pytest.approx(donnan, rel=1e-3)


# --- flows

TRACER = Electrolyte(species=[ion("T", 0, 10, 50)])
K, DIFFUSIVITY = 2e-6, 50e-12
EXCHANGE = Boundary(exchange={"species": "T", "rate": f"{K} m/s", "outside": "0 mM"})
HELD = Boundary(concentrations={"T": "10 mM"})


class Leak(Term):
    def densities(self, u):
        return {("T", "wall"): -K * u.c["T"]}


@pytest.mark.mpi
@pytest.mark.parametrize("formulation", ["density", "nodal"])
def test_decay_of_a_tracer_that_leaves_through_the_wall(comm, formulation):
    """c = c_0 cosh((L - z)/lambda)/cosh(L/lambda), lambda = sqrt(D r/(2 k)) = 1.12 um."""
    mesh, options = neck(comm, "10 nm"), SolverOptions(formulation=formulation)
    solution = solved(mesh, TRACER, {"base": HELD, "wall": EXCHANGE}, options, probes={"middle": (0, 0, 5e-7)})
    decay = math.sqrt(DIFFUSIVITY * RADIUS / (2.0 * K))
    steepness = LENGTH / decay
    assert solution.boundary["top"].concentration["T"] == pytest.approx(10.0 / math.cosh(steepness), rel=1e-4)
    middle = 10.0 * math.cosh(0.5 * steepness) / math.cosh(steepness)
    assert solution.probes["middle"].concentration["T"] == pytest.approx(middle, rel=1e-4)
    mean = 10.0 * math.tanh(steepness) / steepness
    assert solution.boundary["wall"].concentration["T"] == pytest.approx(mean, rel=1e-4)


def test_exchange_at_the_end_and_along_the_wall(comm):
    """Both at once, in one form: c(L) = c_0/(cosh s + m sinh s), s = L/lambda, m = k lambda/D."""
    decay = math.sqrt(DIFFUSIVITY * RADIUS / (2.0 * K))
    s, m = LENGTH / decay, K * decay / DIFFUSIVITY
    solution = solved(neck(comm, "10 nm"), TRACER, {"base": HELD, "wall": EXCHANGE, "top": EXCHANGE})
    law = 10.0 / (math.cosh(s) + m * math.sinh(s))
    assert solution.boundary["top"].concentration["T"] == pytest.approx(law, rel=1e-4)


def test_term_of_the_user_on_the_wall(line):
    """A term of the user finds the wall where the problem lists it, with conditions or without."""
    exchanged = solved(line, TRACER, {"base": HELD, "wall": EXCHANGE})
    own = solved(line, TRACER, {"base": HELD, "wall": {}}, terms=[Leak()])
    assert own.unknowns == pytest.approx(exchanged.unknowns, rel=1e-8, abs=1e-12)
    with pytest.raises(CaseError, match="no such boundary"):
        SteadyProblem(line, TRACER, {"base": HELD}, terms=[Leak()])


@pytest.mark.mpi
def test_current_that_is_spread_over_the_wall(line):
    """I (1 - z/L) flows: V(L) = V_T ln(1 + I L/(2 S)/(2 D F C)); the balance of each ion closes."""
    solution = solved(line, SALT, {"base": GROUND, "wall": Boundary(current={"species": "C", "value": "50 pA"})})
    half = 0.5 * LENGTH / (math.pi * RADIUS**2)
    law = SALT.V_T * math.log1p(50e-12 * half / (2.0 * 200e-12 * FARADAY * 150.0))
    assert solution.electroneutral["top"] == pytest.approx(law, rel=1e-9)
    assert solution.boundary["top"].potential == pytest.approx(law, rel=1e-4)
    assert solution.boundary["wall"].current["C"] == 50e-12
    assert solution.boundary["base"].current["C"] == pytest.approx(-50e-12, rel=1e-9)
    assert solution.ion_balance < 1e-9
    assert {*solution.layers} == {"base"}


def test_balance_sees_what_the_interior_loses(line):
    """Newton's remaining residual within the line is no current of the wall: an open balance shows."""
    with SteadyProblem(line, SALT, flow("top", "base") | {"wall": {}}) as problem:
        problem.solve()
        lost = np.zeros_like(problem.system.nodal_flux())
        lost[lost.shape[0] // 2, 0] = 1e-3
        currents = problem.currents(lost[:, :-1])
        assert not any(current.any() for name, current in currents.items() if name != "top")


def test_flux_and_channel_of_the_wall(line):
    """A flux enters by its area; a channel sees the mean potential of the wall."""
    channel = {"law": "gates", "species": "C", "conductance": "1 nS", "reversal": "50 mV"}
    solution = solved(line, SALT, {"base": GROUND, "wall": Boundary(channel=channel)})
    wall = solution.boundary["wall"]
    assert wall.current["C"] == pytest.approx(1e-9 * (0.05 - wall.potential), rel=1e-9)
    assert wall.potential > 1e-3
    assert solution.ion_balance < 1e-9
    flux = Boundary(flux={"species": "C", "value": "1e-4 mol/(m^2 s)"})
    solution = solved(line, SALT, {"base": GROUND, "wall": flux})
    assert solution.boundary["wall"].current["C"] == pytest.approx(FARADAY * 1e-4 * AREA, rel=1e-9)


# --- time


def membrane():
    return Boundary(capacitance={"value": "0.01 F/m^2"})


def clamp(value="1 mV"):
    return Boundary(potential={"waveform": "step", "value": value, "before": "0 mV"}, concentrations="bulk")


def test_charging_time_of_a_cable(comm):
    """A clamped end charges the membrane at the rate (pi/2 L)^2/(r_a c_m) of the slowest mode of the cable."""
    length = 10e-6
    mesh = neck(comm, "100 nm", length="10 um")
    resistivity = SALT.V_T / (FARADAY * 200e-12 * 300.0)
    rate = (math.pi / (2.0 * length)) ** 2 * RADIUS / (2.0 * resistivity * 0.01)
    times = [1.0 / rate, 2.0 / rate, 3.0 / rate]
    with TransientProblem(mesh, SALT, {"base": clamp(), "wall": membrane()}) as problem:
        schedule = {"duration": times[-1], "times": times, "tolerance": 1e-6}
        steps = [step for step in problem.run(schedule) if step.listed]
    V = [step.solution.boundary["top"].potential for step in steps]
    assert math.log((V[1] - V[0]) / (V[2] - V[1])) == pytest.approx(1.0, rel=0.01)
    assert V[0] == pytest.approx(1e-3 * (1.0 - 4.0 / math.pi * math.exp(-1.0)), rel=0.01)


@pytest.mark.mpi
def test_currents_of_a_transient(line):
    """Charge that passes the base is that on the membrane; columns, traces and a checkpoint know the wall."""
    data, schedule = {"base": clamp("20 mV"), "wall": membrane()}, {"duration": "1 us"}
    with TransientProblem(line, SALT, data) as problem:
        problem.begin()
        steps, packed = [], None
        for step in problem.steps(schedule):
            steps.append(step)
            if step.number == 6:
                packed = pack(problem)
    last = steps[-1].solution
    total = sum(b.total_current + b.displacement for b in last.boundary.values())
    assert abs(total) < 1e-9 * max(abs(b.total_current) for b in last.boundary.values())
    assert last.boundary["wall"].displacement < 0.0
    entered = sum(steps[-1].passed["base"].values())
    assert last.volume.charge == pytest.approx(entered, rel=1e-9)
    assert entered == pytest.approx(0.01 * AREA * last.boundary["wall"].potential, rel=1e-2)
    assert {"wall.potential_mV", "wall.current_pA.displacement"} <= {*steps[-1].trace.names}
    with TransientProblem(line, SALT, data) as again:
        unpack(again, packed)
        resumed = [*again.steps(schedule)]
    assert len(resumed) == len(steps) - 6
    assert flatten(state_of(resumed[-1].solution)) == flatten(state_of(last))


# --- other problems, and mistakes


def test_lines_that_do_not_list_the_wall(line):
    """Their results have the two ends, as ever; an empty table lists the wall."""
    plain = flatten(state_of(solved(line, SALT, flow("top", "base"))))
    listed = flatten(state_of(solved(line, SALT, flow("top", "base") | {"wall": {}})))
    new = {name for name in listed if name not in plain}
    assert new
    assert all(name.startswith("wall.") for name in new)
    numbers = {name: value for name, value in plain.items() if isinstance(value, float)}
    assert {name: listed[name] for name in numbers} == pytest.approx(numbers, rel=1e-12, nan_ok=True)


def mistake(boundaries=None, **tables):
    data = charged("wall").to_dict() | tables
    data["mesh"] = tables.get("mesh", {})
    data["boundaries"] = {"base": {"potential": "0 mV", "concentrations": "bulk"}} | (boundaries or {})
    with pytest.raises(CaseError) as error:
        make_case(data)
    return str(error.value)


@pytest.mark.parametrize(
    ("key", "table"),
    [
        ("potential", {"potential": "0 mV"}),
        ("potential", {"potential": "floating", "concentrations": "bulk"}),
        ("concentrations", {"concentrations": "bulk"}),
        ("field_matched", {"current": {"species": "C", "value": "1 pA"}, "field_matched": True}),
    ],
)
def test_conditions_that_a_wall_along_a_line_cannot_have(key, table):
    error = mistake({"wall": table})
    assert error.startswith(f"boundaries.wall.{key}: has no place on the wall of a line")
    assert "give it to an end" in error


def test_other_mistakes(line):
    wall = {"wall": {"surface_charge": "0.01 C/m^2"}}
    assert "no such boundary" in mistake(wall, mesh={"grade": {"wall": {"size": "1 nm"}}})
    assert "no such boundary" in mistake(wall, regions={"core": {"exclude": ["wall"], "margin": "1 nm"}})
    assert "is taken" in mistake(wall, probes={"wall": ["0 nm", "0 nm", "50 nm"]})
    pore = {"shape": "pore", "length": "100 nm", "radius": "5 nm", "dimension": "1d"}
    assert "no such boundary" in mistake(wall, geometry=pore)
    ring = {**charged("wall").to_dict()["geometry"], "rings": [{"name": "band", "z": ["10 nm", "20 nm"]}]}
    assert "a line has one wall" in mistake(wall, geometry=ring)
    with SteadyProblem(line, SALT, flow("top", "base")) as problem, pytest.raises(ValueError, match="other species"):
        problem.solve(boundaries=flow("top", "base") | wall)


def test_shapes_without_a_side():
    """A radius ends at a real wall; a meridian has facets."""
    assert Ball(radius="1 um", dimension="1d").boundaries_of({"wall"}) == ("wall",)
    assert Pore(radius="5 nm", length="20 nm", dimension="1d").boundaries_of({"wall"}) == ("outside", "inside")
    meridian = Cylinder(length="1 um", radius="100 nm", dimension="axisymmetric")
    assert meridian.boundaries_of({"wall"}) == meridian.boundaries == ("base", "top", "wall")
