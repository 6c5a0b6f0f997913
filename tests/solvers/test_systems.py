"""The systems of the papers, each against a law of its own: junctions, gels, windows, cytosol, constrictions."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from spinepnp.case.case import make_case
from spinepnp.case.toml import set_value
from spinepnp.errors import CaseError
from spinepnp.geometries import BallNeck, BallWindow, Cylinder, Hyperboloid, Tube
from spinepnp.meshes import GradeOptions, MeshOptions, generate
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import Boundary, Closed, Electrolyte, SolverOptions, SteadyProblem, solve_steady
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.time.transient import solve_transient
from spinepnp.units import AVOGADRO, FARADAY, VACUUM_PERMITTIVITY
from spinepnp.validation.laws import WindowEscapeLaw
from support.cases import GROUND
from support.ions import SALT, ion, salt

V_T, D = 25.26e-3, 200e-12


NECK = Cylinder(length="1 um", radius="100 nm", dimension="1d")


@pytest.mark.parametrize("formulation", ["density", "log"])
@pytest.mark.parametrize("diffusivity", [(200.0, 100.0), (50.0, 200.0), (133.0, 203.0)])
@pytest.mark.parametrize("dimension", ["1d", "3d"])
def test_an_open_neck_between_two_baths_has_the_diffusion_potential(comm, diffusivity, dimension, formulation):
    """V = V_T (D+ - D-)/(D+ + D-) ln(c1/c2), and no current."""
    shape = NECK.model_copy(update={"dimension": dimension})
    mesh = generate(shape, MeshOptions(size="20 nm" if dimension == "1d" else "40 nm"), comm)
    electrolyte = salt(150.0, diffusivity)
    data = {"base": GROUND, "top": Boundary(potential="floating", concentrations={"C": "15 mM", "A": "15 mM"})}
    solution = solve_steady(mesh, electrolyte, data, SolverOptions(formulation=formulation))
    plus, minus = diffusivity
    law = V_T * (plus - minus) / (plus + minus) * math.log(150.0 / 15.0)
    top = solution.boundary["top"]
    assert top.potential == pytest.approx(law, rel=5e-3)
    assert abs(top.total_current) < 1e-10 * abs(top.current["C"])
    # Salt diffuses with 2 D+ D- / (D+ + D-).
    salt_flux = 2.0 * plus * minus / (plus + minus) * 1e-12 * (15.0 - 150.0) / 1e-6 * math.pi * 1e-14
    assert top.current["C"] == pytest.approx(FARADAY * salt_flux, rel=5e-3)
    assert solution.ion_balance < 1e-10


@pytest.mark.mpi
def test_a_floating_potential_is_the_same_on_any_number_of_ranks(comm):
    electrolyte = salt(150.0, (200.0, 100.0))
    data = {"base": GROUND, "top": Boundary(potential="floating", concentrations={"C": "15 mM", "A": "15 mM"})}
    shape = NECK.model_copy(update={"dimension": "3d"})
    alone, together = (
        solve_steady(generate(shape, MeshOptions(size="80 nm"), c), electrolyte, data) for c in (MPI.COMM_SELF, comm)
    )
    for name, state in alone.boundary.items():
        assert together.boundary[name].potential == pytest.approx(state.potential, rel=1e-9, abs=1e-15)
        assert together.boundary[name].current == pytest.approx(state.current, rel=1e-9, abs=1e-24)


TRACER = ion("T", 0, 1.0)


def survival(t):
    """Mean of a line that is absorbed at one end and was even at first, over what it was."""
    k = (np.arange(300) + 0.5) * math.pi
    return float((2.0 / k**2 * np.exp(-(k**2) * D * t / 1e-12)).sum())


@pytest.mark.parametrize("linear", ["direct", "block"])
@pytest.mark.parametrize("scale", [1e-9, 1.0])
def test_a_tracer_alone_diffuses_away(comm, linear, scale):
    """Without any salt, whose concentration would say what counts as little, and without a potential."""
    mesh = generate(NECK, MeshOptions(size="10 nm", grade={"base": GradeOptions(size="2 nm", growth=1.3)}), comm)
    electrolyte = Electrolyte(species=[ion("T", 0, scale)])
    schedule = Schedule(2e-3, (1e-5, 1e-4, 2e-3), 1e-4)
    data = {"base": Boundary(concentrations="absorbing")}
    steps = solve_transient(mesh, electrolyte, data, schedule, SolverOptions(linear=linear))
    for step in (s for s in steps if s.listed):
        volume = step.solution.volume
        assert volume.concentration["T"] / scale == pytest.approx(survival(step.time), rel=5e-4)
        assert volume.max_potential == volume.min_potential == 0.0


@pytest.fixture(scope="module")
def windows(comm):
    """A ball with a window as a meridian and in space."""
    shape = BallWindow(radius="500 nm", window_radius="100 nm", dimension="axisymmetric")
    fine = MeshOptions(size="60 nm", element_degree=2, grade={"window": GradeOptions(size="2 nm")})
    return {
        "axisymmetric": generate(shape, fine, comm),
        "3d": generate(shape.model_copy(update={"dimension": "3d"}), MeshOptions(), comm),
    }


@pytest.mark.parametrize("linear", ["direct", "block"])
@pytest.mark.parametrize(("dimension", "tolerance"), [("axisymmetric", 1.5e-2), ("3d", 1.5e-2)])
def test_a_tracer_alone_escapes_in_the_mean_time_of_the_narrow_escape_law(comm, windows, dimension, tolerance, linear):
    electrolyte = Electrolyte(species=[ion("T", 0, 0.0, source="2 mM/s")])
    data = {"window": Boundary(concentrations="absorbing")}
    solution = solve_steady(windows[dimension], electrolyte, data, SolverOptions(linear=linear))
    law = WindowEscapeLaw(radius=500e-9, window_radius=100e-9, diffusivity=D)
    assert solution.volume.concentration["T"] / 2.0 == pytest.approx(law.mean_time(), rel=tolerance)
    assert solution.statistics.newton <= 2
    assert solution.layers_resolved


@pytest.mark.parametrize("linear", ["direct", "block"])
@pytest.mark.parametrize("formulation", ["density", "log"])
def test_around_a_tracer_alone_the_potential_is_that_of_laplace(comm, linear, formulation):
    """It feels no tracer, and no tracer feels it."""
    mesh = generate(NECK.model_copy(update={"dimension": "axisymmetric"}), MeshOptions(size="50 nm"), comm)
    data = {"base": GROUND, "top": Boundary(potential="30 mV", concentrations={"T": "5 mM"})}
    options = SolverOptions(linear=linear, formulation=formulation)
    solution = solve_steady(mesh, Electrolyte(species=[TRACER]), data, options, {"middle": (0.0, 0.0, 0.25e-6)})
    middle = solution.probes["middle"]
    assert middle.potential == pytest.approx(7.5e-3, rel=1e-9)
    assert middle.concentration["T"] == pytest.approx(2.0, rel=1e-2 if formulation == "log" else 1e-9)
    charged = {"base": GROUND, "top": Boundary(surface_charge="1e-4 C/m^2")}
    solution = solve_steady(mesh, Electrolyte(species=[TRACER]), charged, options)
    field = 1e-4 / (80.0 * VACUUM_PERMITTIVITY)
    assert solution.boundary["top"].potential == pytest.approx(field * 1e-6, rel=1e-9)


def test_a_plain_ohmic_channel_needs_no_gate(comm):
    """I = g (E - V) with the V of that current."""
    mesh = generate(NECK, MeshOptions(size="20 nm"), comm)
    channel = {"law": "gates", "species": "C", "conductance": "2 nS", "reversal": "30 mV"}
    top = solve_steady(mesh, SALT, {"base": GROUND, "top": Boundary(channel=channel)}).boundary["top"]
    assert top.current["C"] == pytest.approx(2e-9 * (30e-3 - top.potential), rel=1e-9)
    given = Boundary(current={"species": "C", "value": f"{top.current['C']!r} A"})
    same = solve_steady(mesh, SALT, {"base": GROUND, "top": given}).boundary["top"]
    assert top.potential == pytest.approx(same.potential, rel=1e-9)
    assert top.potential > 2e-3


def test_a_closed_domain_keeps_its_tracer(comm):
    mesh = generate(NECK, MeshOptions(size="50 nm"), comm)
    closed = Closed(amounts={"T": "1000 ions"})
    solution = solve_steady(mesh, Electrolyte(species=[TRACER]), {}, closed=closed)
    assert solution.volume.amount["T"] == pytest.approx(1000 / AVOGADRO, rel=1e-12)
    assert solution.volume.max_concentration["T"] == pytest.approx(solution.volume.min_concentration["T"], rel=1e-12)


def diode(**changes):
    """Two gels of opposite charge that touch; each end holds what is neutral with the gel that reaches it."""
    regions = [
        {"region": ["0 um", "0.5 um"], "value": "-49.999 mM"},
        {"region": ["0.5 um", "1 um"], "value": "49.999 mM"},
    ]
    potential = V_T * math.log(50.0 / math.sqrt(50.0 * 1e-3)) * 1e3
    data = {
        "geometry": {"shape": "cylinder", "length": "1 um", "radius": "100 nm", "dimension": "1d"},
        "mesh": {"size": "1 nm"},
        "electrolyte": {
            "thermal_voltage": "25.26 mV",
            "fixed_charge": regions,
            "species": [ion("C", 1, 0.22360679775), ion("A", -1, 0.22360679775)],
        },
        "boundaries": {
            "base": {"potential": f"{-potential!r} mV", "concentrations": {"C": "50 mM", "A": "1e-3 mM"}},
            "top": {"potential": f"{potential!r} mV", "concentrations": {"C": "1e-3 mM", "A": "50 mM"}},
        },
        "solver": {"formulation": "log"},
    }
    for path, value in changes.items():
        set_value(data, path.replace("__", "."), value)
    return make_case(data)


def test_ends_within_gels_hold_what_is_neutral_there(comm):
    """In equilibrium no current flows, and no layer forms at the ends."""
    case = diode()
    problem = SteadyProblem(generate(case.geometry, case.mesh, comm), case.electrolyte, case.boundaries, case.solver)
    solution = problem.solve(case.electrolyte, case.boundaries)
    moved = D * FARADAY * 50.0 * math.pi * 1e-14 / 1e-6
    assert all(abs(c) < 1e-9 * moved for b in solution.boundary.values() for c in b.current.values())
    layers = problem.prediction.layers(ProblemData(case.electrolyte, case.boundaries), None)
    assert [name for name, layer in layers.items() if layer.forms] == ["z = 500 nm"]
    problem.destroy()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        # Neutral with the gel at the other end.
        ({"boundaries__base__concentrations": {"C": "1e-3 mM", "A": "50 mM"}}, r'is "-49.999 mM" there; change a'),
        # A bath before the gel is neutral alone, another one is not.
        ({"boundaries__base__concentrations": {"C": "5 mM", "A": "4 mM"}}, r"leave 1 mM without the fixed charge by"),
        # The gel does not reach the end.
        ({"electrolyte__fixed_charge.0.region": ["0.1 um", "0.5 um"]}, r"base.concentrations: the charges .* leave 49"),
    ],
)
def test_ends_that_no_gel_makes_neutral_are_refused(change, complaint):
    assert diode(boundaries__base__concentrations={"C": "5 mM", "A": "5 mM"})
    with pytest.raises(CaseError, match=complaint):
        diode(**change)


def test_both_formulations_agree_as_the_mesh_is_refined(comm):
    data = {"base": GROUND, "top": Boundary(current={"species": "C", "value": "100 pA"})}
    differences = []
    for size in ("40 nm", "20 nm"):
        mesh = generate(NECK, MeshOptions(size=size), comm)
        found = [solve_steady(mesh, SALT, data, SolverOptions(formulation=f)) for f in ("density", "log")]
        differences.append(abs(found[0].boundary["top"].potential - found[1].boundary["top"].potential))
        assert found[1].ion_balance < 1e-10
    assert math.log2(differences[0] / differences[1]) == pytest.approx(2.0, abs=0.2)


def test_logarithms_need_something_to_take_the_logarithm_of(comm):
    mesh = generate(NECK, MeshOptions(), comm)
    log = SolverOptions(formulation="log")
    with pytest.raises(CaseError, match=r"boundaries.top.concentrations: absorbing has no logarithm; use"):
        solve_steady(mesh, SALT, {"base": GROUND, "top": Boundary(concentrations="absorbing")}, log)
    with pytest.raises(CaseError, match=r"boundaries.base.concentrations: X = 0 has no logarithm"):
        solve_steady(mesh, Electrolyte(species=[*SALT.species, ion("X", 1, 0.0)]), {"base": GROUND}, log)


@pytest.mark.parametrize("formulation", ["density", "log"])
@pytest.mark.parametrize("charge", [-50.0, 300.0])
def test_a_charged_region_holds_the_donnan_potential(comm, charge, formulation):
    """A gel from the middle of the neck to its top: sinh(u) = rho / (2 C) within, the bulk outside."""
    region = {"region": ["0.5 um", "1.1 um"], "value": f"{charge} mM"}
    mesh = generate(NECK, MeshOptions(size="0.5 nm", element_degree=2), comm)
    electrolyte = salt(fixed_charge=[region])
    probes = {"gel": (0.0, 0.0, 0.8e-6), "free": (0.0, 0.0, 0.2e-6)}
    problem = SteadyProblem(mesh, electrolyte, {"base": GROUND}, SolverOptions(formulation=formulation), probes)
    solution = problem.solve(electrolyte, {"base": GROUND})
    u = math.asinh(charge / (2.0 * 167.0))
    assert solution.probes["gel"].potential == pytest.approx(u * V_T, rel=1e-4)
    assert solution.probes["gel"].concentration["A"] == pytest.approx(167.0 * math.exp(u), rel=1e-4)
    assert abs(solution.probes["free"].potential) < 1e-6 * V_T
    # Neutral as a whole: nothing but the base holds a charge, and the gel ends far from it.
    volume = 0.5e-6 * math.pi * 1e-14
    assert abs(solution.volume.charge) < 1e-4 * FARADAY * abs(charge) * volume


WINDOW = {"radius": "500 nm", "window_radius": "50 nm", "cap_radius": "10 nm", "dimension": "axisymmetric"}
FINE = MeshOptions(
    size="25 nm", grade={"window": GradeOptions(size="0.5 nm"), "cap": GradeOptions(size="1 nm")}, element_degree=2
)


def test_the_mean_escape_time_through_a_window(comm):
    """Pure diffusion: what is produced evenly leaves through the window; <c> over the rate is the mean escape time.

    tau = |Omega| / (4 a D) (1 + (a / (pi R)) (ln(R/a) - ln 2 - 0.3)), within 0.3 % for a = R/10 (facts pnp A1).
    """
    rate = 1.0
    tracer = ion("T", 0, 0.0, source=f"{rate} mM/s")
    electrolyte = Electrolyte(species=[*SALT.species, tracer])
    window = Boundary(potential="0 mV", concentrations={"C": "167 mM", "A": "167 mM", "T": "0 mM"})
    solution = solve_steady(generate(BallWindow(**WINDOW), FINE, comm), electrolyte, {"window": window})
    a, radius = 50e-9, 500e-9
    volume = 4.0 / 3.0 * math.pi * radius**3
    law = volume / (4.0 * a * D) * (1.0 + a / (math.pi * radius) * (math.log(radius / a) - math.log(2.0) - 0.3))
    assert solution.volume.concentration["T"] / rate == pytest.approx(law, rel=5e-3)
    assert solution.volume.min_concentration["T"] >= -1e-12 * 167.0


def test_box_1_with_salt_is_the_electroneutral_law(comm):
    """G of cap and window from the same mesh twice as fine; V = V_T ln(1 + I G / (2 D F C)) away from the cap."""
    shape = BallWindow(**WINDOW)
    mesh = generate(shape, FINE, comm)
    probes = {"centre": (0.0, 0.0, 0.0), "south": (0.0, 0.0, -0.3e-6)}
    data = {"window": GROUND, "cap": Boundary(current={"species": "C", "value": "50 pA"})}
    solution = SteadyProblem(mesh, SALT, data, None, probes).solve(SALT, data)
    finer = MeshOptions(
        size="12 nm", grade={n: GradeOptions(size="0.3 nm") for n in ("window", "cap")}, element_degree=2
    )
    fine = generate(shape, finer, comm)
    reference = SteadyProblem(fine, SALT, data, None, probes)
    prediction = reference.prediction.predict(ProblemData(SALT, data))
    values = reference.discretisation.probes.values(np.column_stack([prediction.u, prediction.u]))
    for name, (u, _) in values.items():
        assert solution.probes[name].potential == pytest.approx(u * V_T, rel=5e-3)
    # Narrow escape: G is 1/(4 a) to leading order.
    G = (math.exp(values["centre"][0]) - 1.0) * 2.0 * D * FARADAY * 167.0 / 50e-12
    assert pytest.approx(1.0 / (4.0 * 50e-9), rel=0.1) == G
    assert solution.ion_balance < 1e-10


def test_a_lone_species_from_an_empty_ball(comm):
    """Cations alone repel each other: no law, but what enters leaves, and Gauss' law holds for what is inside."""
    electrolyte = Electrolyte(species=[ion("C", 1, 0.0)], neutral=False)
    data = {
        "window": Boundary(potential="0 mV", concentrations="absorbing"),
        "cap": Boundary(current={"species": "C", "value": "1 pA"}),
    }
    solution = solve_steady(generate(BallWindow(**WINDOW), FINE, comm), electrolyte, data)
    assert solution.boundary["window"].current["C"] == pytest.approx(-1e-12, rel=1e-10)
    assert solution.ion_balance < 1e-10
    assert solution.volume.min_concentration["C"] >= -1e-12
    assert solution.volume.charge > 0.0
    # The field drives the ions out: fewer are inside than by diffusion alone, I tau / F.
    assert solution.volume.amount["C"] < 0.7 * 1e-12 / FARADAY * 4.0 / 3.0 * math.pi * R**3 / (4.0 * 50e-9 * D)


R = 500e-9


def test_the_cytosol_is_neutral_inside(comm):
    """Na 18, K 135, Ca 1e-4, Cl 7 mM with the fixed charge that neutralises them (paper 000)."""
    species = [ion("Na", 1, 18.0), ion("K", 1, 135.0), ion("Ca", 2, 1e-4), ion("Cl", -1, 7.0)]
    electrolyte = Electrolyte(species=species, fixed_charge="-146.0002 mM")
    shape = BallNeck(
        head_radius="500 nm", neck_radius="100 nm", neck_length="1 um", cap_radius="10 nm",
        dimension="axisymmetric",
    )  # fmt: skip
    data = {"base": GROUND, "cap": Boundary(current={"species": "Na", "value": "50 pA"})}
    mesh = generate(shape, MeshOptions(element_degree=2), comm)
    problem = SteadyProblem(mesh, electrolyte, data)
    solution = problem.solve(electrolyte, data)
    charge = solution.unknowns[:, :-1] @ np.array([1.0, 1.0, 2.0, -1.0]) - 146.0002
    points = problem.discretisation.space.tabulate_dof_coordinates()  # r, z in um
    inside = np.hypot(points[:, 0], points[:, 1] - shape.head_centre * 1e6 - 0.5) > 0.1  # of the cap
    assert np.abs(charge[inside]).max() < 1e-4 * 153.0
    assert solution.volume.min_concentration["Ca"] > 0.0
    assert solution.boundary["cap"].potential == pytest.approx(solution.electroneutral["cap"], rel=0.05)


def unit_flux_of_throat(a, b, c, z0):
    """G between confocal ends through an elliptic throat (facts pnp B7), 1/um for lengths in um."""
    omega = quad(
        lambda p: 1.0 - c / math.sqrt(c**2 + 1.0 / (math.cos(p) ** 2 / b**2 + math.sin(p) ** 2 / a**2)),
        0.0, 2.0 * math.pi, epsabs=1e-13,
    )[0]  # fmt: skip
    inner = quad(lambda x: 1.0 / math.sqrt((a**2 + c**2 + x**2) * (b**2 + c**2 + x**2)), 0.0, z0, epsabs=1e-13)[0]
    return 2.0 / omega * inner


@pytest.mark.parametrize(("a", "b", "c", "size"), [(50, 50, 100, 70), (50, 100, 100, 120), (90, 90, 50, 200)])
def test_the_current_through_a_confocal_throat(comm, a, b, c, size):
    """V = u V_T and the neutral C exp(u) at one end: the cation's current is 2 D F C (exp(u) - 1) / G exactly."""
    shape = Hyperboloid(a=f"{a} nm", b=f"{b} nm", c=f"{c} nm", half_length="300 nm", ends="confocal")
    u = 0.5
    high = f"{167.0 * math.exp(u)!r} mM"
    data = {"base": GROUND, "top": Boundary(potential=f"{u * V_T!r} V", concentrations={"C": high, "A": high})}
    # Default sizes and linear elements: 0.1 % for the gentle throats, 0.5 % for the last.
    mesh = generate(shape, MeshOptions(size=f"{size} nm", element_degree=2), comm)
    solution = solve_steady(mesh, SALT, data)
    G = unit_flux_of_throat(a * 1e-9, b * 1e-9, c * 1e-9, shape.half_length)
    current = 2.0 * D * FARADAY * 167.0 * (math.exp(u) - 1.0) / G
    assert solution.boundary["top"].current["C"] == pytest.approx(current, rel=1e-3 if c >= b else 5e-3)
    assert abs(solution.boundary["top"].current["A"]) < 1e-3 * current
    assert solution.ion_balance < 1e-10


def test_the_potential_along_a_corrugated_wall(comm):
    """Ions of one sign push each other to the wall: wide parts and narrow ones differ."""
    shape = Tube(length="1 um", profile="60 nm + 30 nm*cos(2*pi*z/(500 nm))", dimension="axisymmetric")
    electrolyte = Electrolyte(species=[ion("P", 1, 0.5)], neutral=False)
    mesh = generate(shape, MeshOptions(size="8 nm", element_degree=2), comm)
    probes = {"peak": (0.0, 0.0, 0.5e-6), "trough": (0.0, 0.0, 0.25e-6)}
    problem = SteadyProblem(mesh, electrolyte, {}, None, probes, Closed())
    solution = problem.solve(electrolyte, {}, Closed())
    peak, trough = (solution.probes[n].potential for n in ("peak", "trough"))
    assert peak - trough > 0.1 * V_T
    assert solution.ion_balance < 1e-10
