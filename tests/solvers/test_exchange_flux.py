"""Exchange with a solution outside (Robin condition) and prescribed fluxes: laws, rates, balances, mistakes."""

import math
import tomllib

import numpy as np
import pytest
import tomli_w

from spinepnp.case.case import make_case
from spinepnp.errors import CaseError
from spinepnp.geometries import Ball, Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.runtime.stack import MPI, fem, ufl
from spinepnp.solvers import Boundary, Closed, Electrolyte, Schedule, SolverOptions, SteadyProblem, TransientProblem
from spinepnp.solvers.pnp.custom_term import Term
from spinepnp.solvers.time.checkpoint import pack, unpack
from spinepnp.units import FARADAY
from spinepnp.validation.laws import end_with_exchange, neck_with_exchange, sphere_with_flux
from support.cases import CASE, GROUND
from support.commands import run
from support.ions import ion, salt

D, LENGTH, RADIUS = 50e-12, 1e-6, 100e-9
AREA = math.pi * RADIUS**2
TRACER = Electrolyte(species=[ion("T", 0, 10, 50)])


def neck(comm, dimension="1d", size="50 nm", degree=1):
    shape = Cylinder(length="1 um", radius="100 nm", dimension=dimension)
    return generate(shape, MeshOptions(size=size, element_degree=degree), comm)


def bath(**concentrations):
    return Boundary(concentrations={n: f"{c} mM" for n, c in concentrations.items()})


def exchange(species="T", rate=1e-4, outside=40.0):
    return Boundary(exchange={"species": species, "rate": f"{rate} m/s", "outside": f"{outside} mM"})


def flux(species="T", value=1e-3):
    return Boundary(flux={"species": species, "value": f"{value} mol/(m^2 s)"})


def solved(mesh, electrolyte, boundaries, options=None, **keys):
    problem = SteadyProblem(mesh, electrolyte, boundaries, options, **keys)
    solution = problem.solve(electrolyte, boundaries, keys.get("closed"))
    problem.destroy()
    return solution


@pytest.fixture(scope="module")
def line(comm):
    return neck(comm)


# --- steady states


@pytest.mark.parametrize("formulation", ["density", "log", "nodal"])
@pytest.mark.parametrize(("dimension", "size"), [("1d", "50 nm"), ("axisymmetric", "50 nm"), ("3d", "100 nm")])
def test_resistances_in_series(comm, dimension, size, formulation):
    """Diffusion D/L and two exchanges: J = (c_a - c_b) / (1/k_a + L/D + 1/k_b); no concentration is prescribed."""
    boundaries = {"base": exchange(rate=2e-5, outside=10.0), "top": exchange(rate=1e-4, outside=40.0)}
    options = SolverOptions(formulation=formulation, tolerance=1e-13)
    solution = solved(neck(comm, dimension, size), TRACER, boundaries, options)
    J = (40.0 - 10.0) / (1.0 / 2e-5 + LENGTH / D + 1.0 / 1e-4)
    found = [solution.boundary[end].concentration["T"] for end in ("base", "top")]
    # A logarithm is no straight line within a cell; sums along edges have the exact one.
    accuracy = 2e-3 if formulation == "log" else 1e-9
    assert found == pytest.approx([10.0 + J / 2e-5, 40.0 - J / 1e-4], rel=accuracy)


class Production(Term):
    """Source -D div grad c of the manufactured concentration 20 + 10 cos(b s) mM, s = z^2 on a line, else r^2."""

    b = 1.0 / 0.5e-12

    def concentration(self, x):
        return 20.0 + 10.0 * ufl.cos(self.b * self.square(x))

    def square(self, x):
        return x[0] ** 2 + (x[1] ** 2 if len(x) == 3 else 0.0)

    def densities(self, u):
        s, b = self.square(u.x), self.b
        # The second derivative on a line has one part, the Laplacian of the plane two of it, and the slope squared.
        parts = 2.0 if len(u.x) == 1 else 4.0
        return {("T", "volume"): D * 10.0 * (parts * b * ufl.sin(b * s) + 4.0 * b**2 * s * ufl.cos(b * s))}


@pytest.mark.parametrize("formulation", ["density", "log", "nodal"])
@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("dimension", ["1d", "axisymmetric", "3d"])
def test_rates_of_convergence_in_l2(comm, dimension, degree, formulation):
    """A manufactured concentration that an exchange at the end of a line, or at the curved wall, keeps in balance."""
    made, end, k = Production(), 0.5e-6, 2e-4
    slope = -20.0 * made.b * end * math.sin(made.b * end**2)
    outside = 20.0 + 10.0 * math.cos(made.b * end**2) + D * slope / k
    boundaries = {"top" if dimension == "1d" else "wall": exchange(rate=k, outside=repr(outside))}
    shape = Cylinder(length="500 nm", radius="500 nm", dimension=dimension)

    errors = []
    for size in {"1d": (50, 25), "axisymmetric": (100, 50), "3d": (200, 100)}[dimension]:
        mesh = generate(shape, MeshOptions(size=f"{size} nm", element_degree=degree), comm)
        options = SolverOptions(formulation=formulation, tolerance=1e-13)
        problem = SteadyProblem(mesh, TRACER, boundaries, options, terms=[made])
        problem.solve(TRACER, boundaries)
        fields, unit = problem.system.equations.fields, problem.system.step_data.scales.concentration
        found = unit * fields.variables.concentration(fields.functions[0])
        x = ufl.SpatialCoordinate(mesh.mesh)
        square = (found - made.concentration([1e-6 * x[i] for i in range(len(x))])) ** 2
        form = fem.form(fields.operators.measure.over_volume(square, 2 * degree + 4))
        errors.append(math.sqrt(comm.allreduce(float(fem.assemble_scalar(form)))))
        problem.destroy()
    assert np.log2(errors[0] / errors[1]) == pytest.approx(degree + 1.0, abs=0.35 if dimension == "3d" else 0.15)


@pytest.mark.parametrize("linear", ["direct", "block"])
def test_an_ion_that_is_exchanged_carries_a_balanced_current(line, linear):
    """I = z F k (c_out - c) A at the boundary, and the same leaves at the ground."""
    electrolyte = salt(100, (133, 203))
    data = {"base": GROUND, "top": exchange("C", 1e-4, 120.0)}
    solution = solved(line, electrolyte, data, SolverOptions(linear=linear))
    top = solution.boundary["top"]
    law = FARADAY * 1e-4 * (120.0 - top.concentration["C"]) * top.area
    assert top.current["C"] == pytest.approx(law, rel=1e-9)
    assert top.current["C"] > 1e-12
    assert abs(top.current["A"]) < 1e-10 * top.current["C"]
    assert solution.boundary["base"].current["C"] == pytest.approx(-law, rel=1e-8)
    assert solution.ion_balance < 1e-8
    assert solution.electroneutral == {}  # no prediction for what is not a given current


def test_a_flux_of_an_ion_is_the_current_of_that_size(line):
    electrolyte, area = salt(100, (133, 203)), AREA
    value = 10e-12 / (FARADAY * area)
    boundaries = {"base": GROUND, "top": flux("C", value)}
    by_flux = solved(line, electrolyte, boundaries)
    injected = {"base": GROUND, "top": Boundary(current={"species": "C", "value": "10 pA"})}
    by_current = solved(line, electrolyte, injected)
    for name in ("base", "top"):
        a, b = by_flux.boundary[name], by_current.boundary[name]
        assert a.potential == pytest.approx(b.potential, rel=1e-9, abs=1e-15)
        assert a.current["C"] == pytest.approx(b.current["C"], rel=1e-9)
    leaving = solved(line, electrolyte, {"base": GROUND, "top": flux("A", value)})
    assert leaving.boundary["top"].current["A"] == pytest.approx(-10e-12, rel=1e-9)  # anions that enter


@pytest.mark.mpi
def test_the_same_on_any_number_of_ranks(comm):
    electrolyte, found = salt(100, (133, 203)), []
    data = {"base": GROUND, "top": Boundary(exchange=exchange("C").exchange, flux=flux("A", 1e-4).flux)}
    for c in (MPI.COMM_SELF, comm):
        solution = solved(neck(c, "3d", "80 nm"), electrolyte, data)
        top = solution.boundary["top"]
        found.append([top.potential, top.current["C"], top.current["A"], top.concentration["C"]])
    assert found[1] == pytest.approx(found[0], rel=1e-8)


@pytest.mark.parametrize("in_time", [False, True])
def test_a_floating_end_counts_a_flux_of_ions(line, in_time):
    """A flux of cations and the anions that follow carry no net current: the same as with a current of that size."""
    electrolyte, found = salt(100, (100, 200)), []
    value = 3e-12 / (FARADAY * AREA)
    for keys in ({"flux": flux("C", value).flux}, {"current": {"species": "C", "value": "3 pA"}}):
        boundaries = {"base": GROUND, "top": Boundary(potential="floating", concentrations={"A": "100 mM"}, **keys)}
        if in_time:
            *_, last = TransientProblem(line, electrolyte, boundaries).steps(Schedule(1e-3))
            found.append(last.solution.boundary["top"])
        else:
            found.append(solved(line, electrolyte, boundaries).boundary["top"])
    assert found[0].potential == pytest.approx(found[1].potential, rel=1e-9)
    assert abs(found[0].current["A"]) > 2e-12
    total = found[0].total_current + (found[0].displacement or 0.0)
    assert total == pytest.approx(0.0, abs=1e-10 * found[0].current["C"])


@pytest.mark.parametrize("rate", [1e3, 1e-4, 1e-20])
def test_fast_exchange_is_a_bath_and_slow_exchange_a_wall(line, rate):
    end = solved(line, TRACER, {"base": bath(T=10), "top": exchange(rate=rate)}).boundary["top"]
    assert end.concentration["T"] == pytest.approx(end_with_exchange(LENGTH, D, rate, 40.0, 10.0), rel=1e-9)


def test_nothing_outside_has_no_logarithm_but_what_is_left_inside_does(line):
    boundaries = {"base": bath(T=10), "top": exchange(outside=0.0)}
    for formulation in ("log", "nodal"):
        end = solved(line, TRACER, boundaries, SolverOptions(formulation=formulation)).boundary["top"]
        assert end.concentration["T"] == pytest.approx(10 / (1 + 1e-4 * LENGTH / D), rel=1e-2)


# --- transients


@pytest.mark.parametrize(
    ("dimension", "size", "degree", "valences", "accuracy"),
    [
        ("1d", "0.2 um", 2, (1, -1), 1e-4),
        ("1d", "0.2 um", 2, (0,), 1e-4),
        ("axisymmetric", "2 um", 2, (0,), 1e-3),
        ("3d", "3 um", 2, (0,), 3e-3),
    ],
)
def test_a_sphere_that_takes_up_salt(comm, dimension, size, degree, valences, accuracy):
    """c(R, t) of a constant flux into a closed sphere (Carslaw and Jaeger, section 9.7), and dN/dt = J A exactly."""
    R, diffusivity, start = 8.5e-6, 0.01e-12, 25458.0
    mesh = generate(Ball(radius="8.5 um", dimension=dimension), MeshOptions(size=size, element_degree=degree), comm)
    names = [f"S{i}" for i in range(len(valences))]
    electrolyte = Electrolyte(species=[ion(n, z, start, 0.01) for n, z in zip(names, valences, strict=True)])
    current = 1346.427207954e-12
    density = current / (FARADAY * 4.0 * math.pi * R**2)
    boundaries = {"wall": Boundary(flux=[{"species": n, "value": f"{density!r} mol/(m^2 s)"} for n in names])}
    closed = Closed() if len(names) > 1 else None
    problem = TransientProblem(mesh, electrolyte, boundaries, closed=closed)
    first = problem.begin().volume.amount
    times = (100.0, 1000.0, 3600.0)
    for step in problem.steps(Schedule(times[-1], times, 1e-5)):
        for n in names:
            entered = density * step.solution.boundary["wall"].area * step.time
            assert step.solution.volume.amount[n] - first[n] == pytest.approx(entered, rel=1e-9, abs=1e-12 * first[n])
        if step.listed:
            law = sphere_with_flux(step.time, R, diffusivity, density, start)
            found = [step.solution.boundary["wall"].concentration[n] for n in names]
            assert found == pytest.approx([law] * len(names), rel=accuracy)
    problem.destroy()


@pytest.mark.parametrize("valence", [0, 1])
def test_a_neck_fills_through_an_exchange_and_nothing_is_lost(comm, valence):
    """c(z, t) by the eigenfunctions cos(l (1 - z/L)) with l tan l = k L/D; the balance holds to 1e-10."""
    k, outside = 1e-4, 40.0
    mesh = neck(comm, size="10 nm")
    if valence:  # a salt of which both ions are exchanged alike diffuses as a tracer with the same D
        electrolyte = salt(10.0, (50, 50))
        both = [{"species": n, "rate": f"{k} m/s", "outside": f"{outside} mM"} for n in "CA"]
        boundaries = {"top": Boundary(exchange=both, capacitance={"value": "0.01 F/m^2", "outside": "0 mV"})}
    else:
        electrolyte, boundaries = TRACER, {"top": exchange(rate=k, outside=outside)}
    times = (1e-3, 5e-3, 2e-2)
    problem = TransientProblem(mesh, electrolyte, boundaries)
    first = problem.begin().volume.amount
    name = electrolyte.names[0]
    for step in problem.steps(Schedule(times[-1], times, 1e-6)):
        assert step.defect[name] < 1e-10 * first[name]
        assert step.solution.ion_balance < 1e-10
        if step.listed:
            law = neck_with_exchange(step.time, LENGTH, D, k, outside, 10.0)
            assert step.solution.boundary["base"].concentration[name] == pytest.approx(law, rel=1e-4)
    problem.destroy()


def test_a_restart_with_exchange_gives_the_same_numbers(line):
    electrolyte, schedule = salt(100, (133, 203)), Schedule(1e-3, (1e-4, 1e-3))
    data = {"base": GROUND, "top": Boundary(exchange=exchange("C").exchange, flux=flux("A", 1e-4).flux)}

    def rows(problem):
        return [(s.time, s.solution.boundary["top"].potential, *s.passed["top"].values()) for s in steps_of(problem)]

    def steps_of(problem):
        for step in problem.steps(schedule):
            if step.listed and step.time < 1e-3:
                packed.append(pack(problem))
            yield step

    packed = []
    whole = TransientProblem(line, electrolyte, data)
    whole.begin()
    unbroken = rows(whole)
    again = TransientProblem(line, electrolyte, data)
    unpack(again, packed[0])
    resumed = rows(again)
    assert 2 < len(resumed) < len(unbroken)
    assert resumed == unbroken[-len(resumed) :]


# --- mistakes


def case(boundaries, **tables):
    data = tomllib.loads(CASE)
    data["boundaries"] = boundaries
    data["electrolyte"]["species"].append(ion("T", 0, 1))
    return make_case(data | tables)


BASE = {"potential": "0 mV", "concentrations": "bulk"}
ROBIN = {"species": "C", "rate": "1e-4 m/s", "outside": "100 mM"}


@pytest.mark.parametrize(
    ("boundaries", "message"),
    [
        ({"base": BASE, "top": {"exchange": ROBIN | {"rate": "-1e-4 m/s"}}}, "rate.*must be greater than zero"),
        ({"base": BASE, "top": {"exchange": ROBIN | {"rate": "nan m/s"}}}, "rate.*not a number with a unit"),
        ({"base": BASE, "top": {"exchange": ROBIN | {"rate": "1e-4 m"}}}, "rate.*is the unit of a length"),
        ({"base": BASE, "top": {"exchange": ROBIN | {"rate": 1e-4}}}, "rate.*is text with a unit"),
        ({"base": BASE, "top": {"exchange": ROBIN | {"outside": "-1 mM"}}}, "outside.*must be zero or greater"),
        ({"base": BASE, "top": {"exchange": ROBIN | {"species": "K"}}}, "exchange.species.*no such species"),
        ({"base": BASE, "top": {"exchange": [ROBIN, ROBIN]}}, "exchange.1.species.*is listed twice"),
        ({"base": BASE, "top": {"exchange": "Cl"}}, "exchange.*write a table such as"),
        ({"base": BASE, "top": {"flux": "Cl"}}, "flux.*write a table such as"),
        ({"base": BASE | {"exchange": ROBIN}}, "exchange.species.*its concentration is prescribed here too"),
        ({"top": {"exchange": ROBIN}}, "no boundary prescribes the potential"),
        ({"base": BASE, "top": {"flux": {"species": "C", "value": "1 mol/s"}}}, "value.*unit of an amount per time"),
        ({"base": BASE, "top": {"flux": {"species": "C", "value": "inf mol/(m^2 s)"}}}, "flux.value.*not a number"),
        ({"base": BASE, "top": {"flux": [{"species": "C", "value": "1 mol/(m^2 s)"}] * 2}}, "is listed twice"),
        ({"base": BASE | {"flux": {"species": "C", "value": "1 mol/(m^2 s)"}}}, "its concentration is prescribed"),
        (
            {"base": BASE, "top": {"field_matched": True, "flux": {"species": "C", "value": "1 mol/(m^2 s)"}}},
            "field_matched: belongs to one current",
        ),
        (
            {"base": BASE, "top": {"field_matched": True, "exchange": ROBIN,
                                   "current": {"species": "A", "value": "1 pA"}}},
            "field_matched: belongs to one ion that passes, and C passes too",
        ),
        (
            {"base": BASE, "top": {"potential": "floating", "concentrations": {"A": "150 mM"}, "exchange": ROBIN}},
            "exchange: of ions has no place in the net current of a floating potential",
        ),
        (
            {"base": {"potential": "0 mV", "concentrations": {"C": "150 mM", "A": "150 mM"}},
             "top": {"exchange": {"species": "T", "rate": "1e-16 m/s", "outside": "1 mM"}}},
            "exchange.rate.*alone determines how much T there is",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(boundaries, message):
    with pytest.raises(CaseError, match=message) as caught:
        case(boundaries)
    assert "\n" not in str(caught.value)


def test_a_flux_into_a_closed_domain_has_no_steady_state(line):
    with pytest.raises(CaseError, match="T enters at a net rate"):
        solved(line, TRACER, {"top": flux()}, closed=Closed())
    balanced = solved(line, TRACER, {"top": flux(), "base": flux(value=-1e-3)}, closed=Closed())
    drop = balanced.boundary["top"].concentration["T"] - balanced.boundary["base"].concentration["T"]
    assert drop == pytest.approx(1e-3 * LENGTH / D, rel=1e-9)


def test_rounding_of_balanced_fluxes_is_no_inflow(comm):
    """Of a meridian, whose loads are sums over many rows."""
    boundaries = {"top": flux(value=0.123e-3), "base": flux(value=-0.123e-3)}
    balanced = solved(neck(comm, "axisymmetric"), TRACER, boundaries, closed=Closed())
    drop = balanced.boundary["top"].concentration["T"] - balanced.boundary["base"].concentration["T"]
    assert drop == pytest.approx(0.123e-3 * LENGTH / D, rel=1e-8)


def test_ions_of_one_sign_cannot_enter_a_closed_domain(line):
    with pytest.raises(CaseError, match=r"boundaries\.top\.flux.*charge a domain"):
        TransientProblem(line, salt(), {"top": flux("C")}, closed=Closed()).begin()


@pytest.mark.parametrize("where", ["vary", "number"])
def test_a_rate_is_varied_by_species_or_number(where):
    two = [ROBIN, {"species": "T", "rate": "1e-5 m/s", "outside": "3 mM"}]
    path = f"boundaries.top.exchange.{'T' if where == 'vary' else '1'}.rate"
    study = {"kind": "sweep", "vary": path, "values": ["1e-5 m/s", "2e-5 m/s"]}
    points = case({"base": BASE, "top": {"exchange": two}}, study=study).points()
    assert [p.boundaries["top"].exchange[1].rate for p in points] == pytest.approx([1e-5, 2e-5])
    assert [p.boundaries["top"].exchange[0].rate for p in points] == pytest.approx([1e-4, 1e-4])


def test_a_varied_flux_has_a_column_with_its_unit():
    study = {"kind": "sweep", "vary": "boundaries.top.flux.T.value", "values": ["1e-4 mol/(m^2 s)"]}
    varied = case({"base": BASE, "top": {"flux": {"species": "T", "value": "0 mol/(m^2 s)"}}}, study=study)
    assert varied.study.column == "boundaries.top.flux.T.value_mol_per_m2_s"
    assert varied.points()[0].boundaries["top"].flux[0].value == pytest.approx(1e-4)


def test_the_rate_of_a_single_exchange_needs_no_species():
    study = {"kind": "sweep", "vary": "boundaries.top.exchange.rate", "values": ["1e-5 m/s", "2e-5 m/s"]}
    points = case({"base": BASE, "top": {"exchange": ROBIN}}, study=study).points()
    assert [p.boundaries["top"].exchange[0].rate for p in points] == pytest.approx([1e-5, 2e-5])


@pytest.mark.parametrize("kind", ["steady", "transient"])
def test_a_flux_that_empties_the_domain_fails_with_the_name_of_the_species(tmp_path, capsys, kind):
    """With exit code 1: it was found in the solve."""
    data = tomllib.loads(CASE)
    data["electrolyte"]["species"].append(ion("T", 0, 1))
    data["boundaries"] = {"base": BASE, "top": {"flux": {"species": "T", "value": "-1 mol/(m^2 s)"}}}
    data["study"] = {"kind": kind} | ({"duration": "1 ms"} if kind == "transient" else {})
    (tmp_path / "case.toml").write_text(tomli_w.dumps(data))
    assert run(tmp_path / "case.toml", "--output", tmp_path / "out") == 1
    told = capsys.readouterr()
    (line,) = [line for line in (told.out + told.err).splitlines() if "failed: " in line]
    assert "the concentration of T is negative" in line
    assert "a current or flux is beyond its limit" in line
