"""Transients: laws, rates of convergence, balances, and the same answer on any number of ranks."""

import math

import numpy as np
import pytest
from mpi4py import MPI
from scipy.integrate import solve_ivp
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from spinepnp.case.case import load_case
from spinepnp.errors import SolveError
from spinepnp.geometries import Ball, BallNeck, Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.runtime.stack import fem, ufl
from spinepnp.solvers import Boundary, Closed, Electrolyte, SolverOptions, SteadyProblem
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.time.dirk import predicted
from spinepnp.solvers.time.tableaux import ESDIRK, EULER
from spinepnp.solvers.time.transient import TransientProblem, solve_transient
from spinepnp.units import FARADAY
from spinepnp.validation.reference import table as references
from support import CASES
from support.cases import GROUND, MS, current, line
from support.electroneutral_spine import reference
from support.ions import SALT, THREE


def potentials(steps, place="top"):
    """mV at the listed times."""
    return np.array([s.solution.boundary[place].potential * 1e3 for s in steps if s.listed])


class TestMethods:
    @pytest.mark.parametrize("method", [EULER, ESDIRK])
    def test_order_conditions(self, method):
        A, b, c = method.A, method.b, method.c
        conditions = {1: b.sum() - 1, 2: b @ c - 1 / 2, 3: abs(b @ c**2 - 1 / 3) + abs(b @ A @ c - 1 / 6)}
        assert all(abs(v) < 1e-14 for order, v in conditions.items() if order <= method.order)
        assert abs(conditions[method.order + 1]) > 1e-3 if method.order < 3 else abs(b @ c**3 - 1 / 4) > 1e-3

    def test_the_embedded_method_is_of_one_order_less(self):
        c, b = ESDIRK.c, ESDIRK.embedded
        assert abs(b.sum() - 1) + abs(b @ c - 1 / 2) < 1e-14
        assert abs(b @ c**2 - 1 / 3) > 1e-3

    def test_stages_are_of_second_order_and_stiff_parts_vanish(self):
        A, c = ESDIRK.A, ESDIRK.c
        assert np.abs(A @ c - c**2 / 2)[1:].max() < 1e-14
        ends = [1.0]
        for i in range(1, len(c)):  # y' = z y with z to infinity
            ends.append(-sum(A[i, j] * ends[j] for j in range(i)) / A[i, i])
        assert abs(ends[-1]) < 1e-12

    def test_the_defect_of_a_step_is_a_third_difference_of_its_states(self):
        """Equal to that of the embedded method for any rates, and without slope and curvature: w c = w c^2 = 0."""
        w, c, rates = ESDIRK.defect, ESDIRK.c, np.array([1.0, -3.0, 2.5, 7.0])
        assert w @ (ESDIRK.A @ rates) == pytest.approx((ESDIRK.b - ESDIRK.embedded) @ rates, rel=1e-12)
        assert abs(w @ c) + abs(w @ c**2) < 1e-13
        assert abs(w @ c**3) > 1e-4


class TestStartsOfStages:
    def test_a_polynomial_is_met(self, comm):
        times, time = (0.0, 0.4, 1.0, 1.2), 1.5
        points = [(t, np.array([1.0 + t + 0.3 * t**2 - 0.01 * t**3, 2.0])) for t in times]
        expected = 1.0 + time + 0.3 * time**2 - 0.01 * time**3
        assert predicted(comm, points, time) == pytest.approx([expected, 2.0], rel=1e-12)

    def test_terms_that_grow_are_left_out(self, comm):
        """A kink far behind: the line through the nearest two states remains."""
        points = [(0.0, np.array([5.0])), (1.0, np.array([0.0])), (1.1, np.array([0.1]))]
        assert predicted(comm, points, 2.0) == pytest.approx([1.0])

    def test_a_single_state_stays(self, comm):
        assert predicted(comm, [(0.0, np.array([3.0, 4.0]))], 1.0) == pytest.approx([3.0, 4.0])


class TestCylinderStep:
    """Facts pnp D2."""

    @pytest.mark.parametrize(("radius", "value"), [(100, 50), (50, 200)])
    def test_the_voltage_after_the_onset(self, comm, radius, value):
        rows = [r for r in references.rows("cylinder_transient") if (r["radius"], r["current"]) == (radius, value)]
        times = tuple(r["time"] * MS for r in rows)
        mesh = line(comm, radius)
        steps = solve_transient(mesh, SALT, {"base": GROUND, "top": current(value)}, Schedule(times[-1], times))
        assert potentials(steps) == pytest.approx([r["V"] for r in rows], rel=6e-4)
        assert len(steps) < 80

    @pytest.mark.parametrize("dimension", ["axisymmetric", "3d"])
    def test_in_more_dimensions(self, comm, dimension):
        rows = [r for r in references.rows("cylinder_transient") if r["radius"] == 100]
        times = tuple(r["time"] * MS for r in rows)
        mesh = line(comm, size="40 nm", dimension=dimension)
        steps = solve_transient(mesh, SALT, {"base": GROUND, "top": current(50)}, Schedule(times[-1], times))
        assert potentials(steps) == pytest.approx([r["V"] for r in rows], rel=3e-3)

    def test_it_charges_within_nanoseconds(self, comm):
        """V(t) = V_Ohm (1 - exp(-t / 2.776 ns))."""
        times = (1e-9, 2e-9, 3e-9, 5e-9, 1e-6)
        steps = solve_transient(line(comm), SALT, {"base": GROUND, "top": current(50)}, Schedule(1e-6, times, 1e-5))
        V = potentials(steps)
        found = -np.array(times[:4]) / np.log(1.0 - V[:4] / V[4])
        assert found * 1e9 == pytest.approx(references.load("cylinder_transient")["debye_time_ns"], rel=5e-3)

    def test_late_it_decays_with_the_slowest_time(self, comm):
        times = (10e-3, 14e-3)
        problem = TransientProblem(line(comm, degree=2), SALT, {"base": GROUND, "top": current(50)})
        V = potentials(list(problem.steps(Schedule(60e-3, (*times, 60e-3), 1e-7))))
        found = (times[1] - times[0]) / math.log((V[0] - V[2]) / (V[1] - V[2])) / MS
        assert found == pytest.approx(references.load("cylinder_transient")["late_time_ms"], rel=2e-3)

    def test_it_ends_at_the_steady_state(self, comm):
        boundaries = {"base": GROUND, "top": current(50, "N")}
        mesh = line(comm)
        last = solve_transient(mesh, THREE, boundaries, Schedule(0.2))[-1].solution
        steady = SteadyProblem(mesh, THREE, {"base": GROUND, "top": current(50, "N", waveform="constant")})
        expected = steady.solve(THREE, {"base": GROUND, "top": current(50, "N", waveform="constant")})
        assert last.boundary["top"].potential == pytest.approx(expected.boundary["top"].potential, rel=1e-6)
        for name in "NKA":
            assert last.volume.amount[name] == pytest.approx(expected.volume.amount[name], rel=1e-6)

    def test_ohm_at_the_onset_with_unequal_diffusivities(self, comm):
        """V(0+) = V_T I L / (S F sum D_i c_i): every ion carries its part (facts pnp B4)."""
        steps = solve_transient(line(comm), THREE, {"base": GROUND, "top": current(50, "N")}, Schedule(1e-7, (1e-7,)))
        conductivity = sum(s.diffusivity * s.concentration for s in THREE.species) * FARADAY / 25.26e-3
        ohm = 50e-12 * 1e-6 / (math.pi * 100e-9**2 * conductivity) * 1e3
        assert potentials(steps)[0] == pytest.approx(ohm, rel=2e-3)


SMOOTH = [
    {"species": "N", "value": "50 pA", "waveform": "step"},
    {"species": "N", "value": "50 pA", "waveform": "sine", "frequency": "250 Hz", "phase": "270 deg"},
]


class TestConvergence:
    def test_third_order_in_time(self, comm):
        """Of potential and concentrations, with unequal diffusivities and a current that begins smoothly."""
        mesh = line(comm, 50, "25 nm")
        boundaries = {"base": GROUND, "top": Boundary(current=SMOOTH)}

        def at_the_end(steps):
            problem = TransientProblem(mesh, THREE, boundaries, SolverOptions(tolerance=1e-12))
            *_, last = problem.steps(Schedule(2e-3, fixed_step=2e-3 / steps))
            return last.solution.unknowns

        reference = at_the_end(320)
        errors = np.array([np.abs(at_the_end(n) - reference).max(axis=0) for n in (20, 40, 80)])
        errors = comm.allreduce(errors, op=max_of)
        assert np.log2(errors[:-1] / errors[1:]) == pytest.approx(3.0, abs=0.15)

    def test_the_error_follows_the_tolerance(self, comm):
        """Halving one halves the other, within a factor of three; on the cylinder's step."""
        mesh = line(comm, size="25 nm", degree=2)
        times = (2e-9, 5e-9, 1e-4, 5e-4, 2e-3, 5e-3)

        def run(tolerance):
            problem = TransientProblem(mesh, SALT, {"base": GROUND, "top": current(50)})
            return potentials(list(problem.steps(Schedule(times[-1], times, tolerance))))

        reference = run(1e-7)
        tolerances = 1e-4 * 0.5 ** np.arange(5)
        errors = np.array([np.abs(run(t) - reference).max() for t in tolerances])
        assert np.all(errors * 1e-3 / 25.26e-3 < 2.0 * tolerances)  # and it is the error that was asked for
        ratios = errors[:-1] / errors[1:]
        assert np.all((ratios > 2.0 / 3.0) & (ratios < 6.0))


def max_of(a, b):
    return np.maximum(a, b)


def integral_over(mesh, space, values, radius=0.1):
    """Integral of nodal values over a cylinder with its radius in um, in m^3 times their unit."""
    function = fem.Function(space)
    function.x.array[:] = values
    r = ufl.SpatialCoordinate(mesh.mesh)[0]
    weight = {"1d": math.pi * radius**2, "axisymmetric": 2.0 * math.pi * r, "3d": 1.0}[mesh.geometry.dimension]
    part = fem.assemble_scalar(fem.form(function * weight * ufl.dx))
    return mesh.mesh.comm.allreduce(part) * 1e-18


@pytest.mark.parametrize(
    ("dimension", "linear"), [("1d", "direct"), ("axisymmetric", "direct"), ("axisymmetric", "block"), ("3d", "block")]
)
@pytest.mark.mpi
def test_every_step_conserves_each_species_and_charge(comm, dimension, linear):
    """|N_end - N_start - passed| <= 1e-10 passed + 1e-13 N, and the same for charge with displacement currents.

    At the end the same from outside: amounts by another quadrature, currents as they are reported, integrated in time.
    """
    shape = Cylinder(length="1 um", radius="100 nm", dimension=dimension)
    mesh = generate(shape, MeshOptions(size="10 nm" if dimension == "1d" else "50 nm"), comm)
    boundaries = {"base": GROUND, "top": current(50, "N", waveform="alpha", t_peak="1 ms")}
    problem = TransientProblem(mesh, THREE, boundaries, SolverOptions(linear=linear))
    first = problem.begin()
    valence = np.array([s.valence for s in THREE.species])
    time_state = problem.progress.time_state
    amounts, passed, charges = np.array(list(first.volume.amount.values())), time_state.passed, time_state.rates.charge
    start, all_through = amounts, np.zeros(3)
    times, leaving = [0.0], [np.zeros(3)]
    for step in problem.steps(Schedule(8e-3)):
        time_state = problem.progress.time_state
        now = np.array(list(step.solution.volume.amount.values()))
        came = (time_state.passed - passed) / (FARADAY * valence)
        through = np.abs(came).max(axis=0)
        all_through = all_through + through
        rounding = 1e-13 * now
        assert np.all(np.abs(now - amounts - came.sum(axis=0)) <= 1e-10 * through + rounding)
        total = time_state.passed.sum(axis=0) / (FARADAY * valence)
        assert np.all(np.abs(now - start - total) <= 1e-10 * all_through + rounding)
        charge = (time_state.passed - passed).sum() + (time_state.rates.charge - charges).sum()
        assert abs(charge) <= FARADAY * (1e-10 * through.max() + rounding.sum())
        assert min(step.solution.volume.min_concentration.values()) > 0.0
        times.append(step.time)
        leaving.append(np.array(list(step.solution.boundary["base"].current.values())))
        amounts, passed, charges = now, time_state.passed, time_state.rates.charge
    entered = 50e-12 * 1e-3 * (math.e - 9.0 * math.exp(-7.0)) * np.array([1.0, 0.0, 0.0])  # the alpha function to 8 ms
    left = PchipInterpolator(times, leaving).integrate(0.0, 8e-3)
    measured = np.array(
        [integral_over(mesh, problem.discretisation.space, c) for c in step.solution.unknowns[:, :-1].T]
    )
    assert measured == pytest.approx(amounts, rel=1e-10)
    assert measured - start == pytest.approx((entered + left) / (FARADAY * valence), abs=1e-3 * all_through.max())


def test_ionic_and_displacement_currents_close(comm):
    """While it charges most of the current leaves by displacement, later all of it by ions."""
    steps = solve_transient(line(comm), SALT, {"base": GROUND, "top": current(50)}, Schedule(1e-6, tolerance=1e-5))
    for step in steps:
        flows = [b.total_current + b.displacement for b in step.solution.boundary.values()]
        assert sum(flows) == pytest.approx(0.0, abs=50e-12 * 1e-6)
    early, late = steps[1].solution.boundary["base"], steps[-1].solution.boundary["base"]
    assert abs(early.displacement) > 0.5 * 50e-12
    assert abs(late.displacement) < 1e-6 * 50e-12


@pytest.mark.parametrize("kind", ["one species", "salt"])
def test_the_free_energy_of_a_closed_body_falls(comm, kind):
    """Box 2 from an even concentration: nothing drives it, and its layer forms."""
    mesh = generate(Ball(radius="20 nm", dimension="1d"), MeshOptions(size="0.5 nm", element_degree=2), comm)
    table = [{"name": "C", "valence": 1, "diffusivity": "200 um^2/s", "concentration": "50 mM"}]
    if kind == "salt":
        table.append({"name": "A", "valence": -1, "diffusivity": "100 um^2/s", "concentration": "40 mM"})
    electrolyte = Electrolyte(species=table, neutral=False)
    problem = TransientProblem(mesh, electrolyte, {}, closed=Closed())
    first = problem.begin()
    energies = [first.volume.free_energy]
    for step in problem.steps(Schedule(1e-5)):
        energies.append(step.solution.volume.free_energy)
        amounts = step.solution.volume.amount
        assert all(amounts[n] == pytest.approx(first.volume.amount[n], rel=1e-12) for n in amounts)
    energies = np.array(energies)
    drop = energies[0] - energies[-1]
    assert drop > 0.0
    assert np.diff(energies).max() < 1e-4 * drop
    closed = SteadyProblem(mesh, electrolyte, {}, closed=Closed()).solve(electrolyte, {}, Closed())
    assert energies[-1] == pytest.approx(closed.volume.free_energy, rel=1e-6)


class TestSpine:
    """Facts pnp D3, recomputed: see tests/support/electroneutral_spine.py."""

    @pytest.fixture(scope="class")
    @staticmethod
    def spine(comm):
        case = load_case(CASES / "spine_alpha.toml", ['geometry.dimension="axisymmetric"'])
        return case, generate(case.geometry, case.mesh, comm)

    @pytest.mark.parametrize("kind", ["step", "alpha"])
    def test_the_centre_of_the_head(self, spine, kind):
        case, mesh = spine
        table = np.array(references.load("spine_transient")[kind]["rows"])
        waveform = {"waveform": "step"} if kind == "step" else {"waveform": "alpha", "t_peak": "10 ms"}
        boundaries = {"base": GROUND, "cap": current(50, "Na", **waveform)}
        times = tuple(table[:, 0] * MS)
        peaks = tuple(np.linspace(9.6, 10.2, 13) * MS) if kind == "alpha" else ()
        problem = TransientProblem(mesh, case.electrolyte, boundaries, probes=case.probes)
        found = {
            round(s.time / MS, 9): s.solution.probes["head"]
            for s in problem.steps(Schedule(times[-1], times + peaks))
            if s.listed
        }
        for t, V, c in table:
            error = abs(found[t].potential * 1e3 - V)
            assert error < (5e-3 * V if V > 0.5 else 0.003)
            assert error < 1.5e-3 * V + 1e-4
            assert found[t].concentration["A"] / 167.0 == pytest.approx(c, abs=1e-3)
        if kind == "alpha":
            at = np.array(sorted(t for t in found if 9.6 <= t <= 10.2))
            V = np.array([found[t].potential * 1e3 for t in at])
            a, b, _ = np.polyfit(at - 9.9, V, 2)
            peak = references.load("spine_transient")["alpha_peak"]
            assert 9.9 - b / (2.0 * a) == pytest.approx(peak["time_ms"], abs=0.02)
            assert V.max() == pytest.approx(peak["V"], rel=1e-3)

    def test_the_reference_is_that_of_the_fact_sheet(self):
        """Recomputed by another method with two time steps (kept coarse here; converged values are in the table)."""
        for kind in ("step", "alpha"):
            table = np.array(references.load("spine_transient")[kind]["rows"])
            coarse, fine = (reference(kind, table[:, 0] * MS, steps=n) for n in (2, 4))
            assert coarse.voltage == pytest.approx(fine.voltage, rel=1e-5)
            assert fine.voltage * 1e3 == pytest.approx(table[:, 1], rel=5e-5)
            assert fine.concentration == pytest.approx(table[:, 2], abs=1e-5)


BANDS = {
    "head_top": {"theta": ["25 deg", "35 deg"]},
    "head_bottom": {"theta": ["145 deg", "155 deg"]},
    "neck_top": {"z": ["0.9 um", "1 um"]},
    "neck_base": {"z": ["0.05 um", "0.15 um"]},
}
SIGMOID = {"law": "sigmoid", "species": "C", "maximum": "10 pA", "half": "5 mV", "slope": "0.5 mV"}


def G(one, other):
    """Mean unit-flux potential over one band for a current through the other, 1/m (facts pnp B8)."""
    table = references.load("spine_rings")
    return table["G"][table["bands"].index(one)][table["bands"].index(other)] * 1e6


def electroneutral(fluxes):
    """V in mV for sum_j I_j G_j in A/m."""
    return 25.26 * math.log1p(sum(fluxes) / (2.0 * 200e-12 * FARADAY * 167.0))


class TestRings:
    @pytest.fixture(scope="class")
    @staticmethod
    def mesh(comm):
        rings = [{"name": name, **band} for name, band in BANDS.items()]
        shape = BallNeck(
            head_radius="500 nm", neck_radius="100 nm", neck_length="1 um", cap_radius="10 nm", rings=rings,
            dimension="axisymmetric",
        )  # fmt: skip
        return generate(shape, MeshOptions(element_degree=2), comm)

    @pytest.mark.parametrize("ring", BANDS)
    def test_a_ring_of_channels_settles_where_the_scalar_equation_says(self, mesh, ring):
        def channels(V):
            return 10e-12 / (1.0 + math.exp(-(V - 5.0) / 0.5))

        expected = brentq(
            lambda V: V - electroneutral([50e-12 * G(ring, "cap"), channels(V) * G(ring, ring)]), 0.0, 20.0
        )
        boundaries = {"base": GROUND, "cap": current(50, waveform="constant"), ring: Boundary(channel=SIGMOID)}
        steady = SteadyProblem(mesh, SALT, boundaries).solve(SALT, boundaries)
        V = steady.boundary[ring].potential * 1e3
        assert abs(V - expected) < 2e-3 * expected
        assert steady.boundary[ring].current["C"] == pytest.approx(channels(V), rel=1e-6)
        # Rings on the head and at the neck's entrance open; the one at the base never does.
        assert (steady.boundary[ring].current["C"] > 9e-12) == (ring != "neck_base")

    def test_in_time_it_ends_there_too_and_no_ring_opens_late(self, mesh):
        """With equal diffusivities the voltage falls after the onset: what opens, opens at once."""
        ring = "neck_top"
        boundaries = {"base": GROUND, "cap": current(50), ring: Boundary(channel=SIGMOID)}
        steps = solve_transient(mesh, SALT, boundaries, Schedule(1.0, (1e-6, 1.0)))
        after = [s for s in steps if s.time >= 1e-6]
        V = np.array([s.solution.boundary[ring].potential for s in after])
        opened = np.array([s.solution.boundary[ring].current["C"] for s in after])
        assert np.all(np.diff(V) < 1e-6 * V[0])
        assert opened[0] == pytest.approx(opened.max(), rel=1e-6)
        constant = boundaries | {"cap": current(50, waveform="constant")}
        steady = SteadyProblem(mesh, SALT, constant).solve(SALT, constant)
        assert V[-1] == pytest.approx(steady.boundary[ring].potential, rel=1e-5)

    def test_a_slow_injected_ion_opens_it_late(self, comm):
        """The documented set of cases/spine_rings_neck_top_delayed.toml."""
        case = load_case(CASES / "spine_rings_neck_top_delayed.toml", ['mesh.size="150 nm"'])
        mesh = generate(case.geometry, case.mesh, comm)
        problem = TransientProblem(mesh, case.electrolyte, case.boundaries)
        open_, last = math.inf, None
        for step in problem.steps(Schedule(case.study.duration, (0.011,), 1e-3)):
            last = step.solution.boundary["ring"].current["Na"]
            if last > 5e-12:
                open_ = min(open_, step.time)
        onset = 10e-3
        assert 0.1 < open_ - onset < 0.5
        assert last > 9.9e-12

    @pytest.mark.parametrize("other", ["head_bottom", "neck_top", "neck_base"])
    def test_two_rings_by_the_matrix(self, mesh, other):
        one = "head_top"
        pair = {name: current(25, waveform="constant") for name in (one, other)}
        boundaries = {"base": GROUND, **pair}
        steady = SteadyProblem(mesh, SALT, boundaries).solve(SALT, boundaries)
        for ring in pair:
            expected = electroneutral([25e-12 * G(ring, source) for source in pair])
            assert steady.boundary[ring].potential * 1e3 == pytest.approx(expected, rel=5e-3)


class TestChannelsInTime:
    def test_a_gate_relaxes_with_its_own_time(self, comm):
        """Under a voltage that a strong constant current holds, m(t) = m_inf + (m_0 - m_inf) exp(-t / time)."""
        gate = {"half": "10 mV", "slope": "5 mV", "time": "0.1 ms", "power": 3}
        channel = {"law": "gates", "species": "A", "conductance": "1e-6 nS", "reversal": "0 mV", "gates": gate}
        top = Boundary(current={"species": "C", "value": "50 pA", "waveform": "step"}, channel=channel)
        times = tuple(np.array([0.05, 0.1, 0.2, 0.4]) * MS)
        mesh = line(comm, size="50 nm")
        steps = solve_transient(mesh, SALT, {"base": GROUND, "top": top}, Schedule(times[-1], times, 1e-6))
        V = np.array([[s.time, s.solution.boundary["top"].potential * 1e3] for s in steps])
        m = np.array([[s.time, s.gates[0]] for s in steps])

        def rate(t, y):
            at = np.interp(t, V[:, 0], V[:, 1])
            return (1.0 / (1.0 + math.exp(-(at - 10.0) / 5.0)) - y) / 0.1e-3

        start = 1.0 / (1.0 + math.exp(10.0 / 5.0))
        found = solve_ivp(rate, (0.0, times[-1]), [start], t_eval=m[:, 0], rtol=1e-9, atol=1e-12, max_step=1e-6)
        assert m[:, 1] == pytest.approx(found.y[0], abs=2e-5)
        assert m[-1, 1] > m[0, 1] + 0.05

    def test_a_ghk_patch_reverses_at_its_nernst_potential(self, comm):
        """Permeable to one species only and with no other source, the patch stops its current there."""
        mesh = line(comm, size="50 nm")
        channel = {"law": "ghk", "species": "C", "permeability": "50 um/s", "outside": "120 mM"}
        boundaries = {"base": GROUND, "top": Boundary(channel=channel)}
        last = solve_transient(mesh, SALT, boundaries, Schedule(0.1))[-1].solution.boundary["top"]
        x = last.potential / 25.26e-3
        flux = 50e-6 * x * (120.0 - last.concentration["C"] * math.exp(x)) / math.expm1(x)
        assert last.current["C"] == pytest.approx(flux * FARADAY * last.area, rel=1e-6)
        assert last.current["C"] < 0.0  # 167 mM inside, 120 mM outside
        steady = SteadyProblem(mesh, SALT, boundaries).solve(SALT, boundaries)
        assert last.potential == pytest.approx(steady.boundary["top"].potential, rel=1e-6)


@pytest.mark.mpi
@pytest.mark.parametrize("linear", ["direct", "block"])
def test_a_transient_is_the_same_on_any_number_of_ranks(comm, linear):
    channel = {**SIGMOID, "half": "3 mV", "gates": {"half": "2 mV", "slope": "1 mV", "time": "0.2 ms"}}
    injected = {"species": "C", "value": "30 pA", "waveform": "step"}
    boundaries = {"base": GROUND, "top": Boundary(current=injected, channel=channel)}
    rows = []
    for ranks in (comm, MPI.COMM_SELF):
        mesh = generate(Cylinder(length="1 um", radius="100 nm"), MeshOptions(size="60 nm"), ranks)
        problem = TransientProblem(mesh, SALT, boundaries, SolverOptions(linear=linear))
        steps = list(problem.steps(Schedule(1e-3, (1e-8, 1e-4, 1e-3))))
        rows.append([
            [s.time, s.solution.boundary["top"].potential, s.solution.boundary["base"].current["C"],
             s.solution.volume.amount["A"], s.gates[0]] for s in steps if s.listed
        ])  # fmt: skip
        problem.destroy()
    assert np.array(rows[0]) == pytest.approx(np.array(rows[1]), rel=1e-9)


def test_ions_of_one_sign_enter_an_empty_ball(comm):
    """Box 1 without salt (facts pnp A1): dN/dt = I/F - window flux, from nothing to the steady state."""
    case = load_case(CASES / "window_one_species.toml", ['boundaries.cap.current.value="1 pA"', 'mesh.size="100 nm"'])
    mesh = generate(case.geometry, case.mesh, comm)
    problem = TransientProblem(mesh, case.electrolyte, case.boundaries)
    steps = list(problem.steps(Schedule(5e-3, (1e-5, 1e-4, 5e-3))))
    last = steps[-1].solution
    for step in steps:
        assert step.defect["C"] <= 1e-9 * max(step.passed["cap"]["C"] / FARADAY, 1e-30)
        lowest, highest = (getattr(step.solution.volume, f"{end}_concentration")["C"] for end in ("min", "max"))
        assert lowest > -0.5 * highest
    early = next(s for s in steps if s.time == 1e-4)
    assert early.solution.volume.amount["C"] == pytest.approx(
        1e-12 * 1e-4 / FARADAY, rel=1e-5
    )  # almost nothing has left
    assert last.boundary["window"].current["C"] == pytest.approx(-1e-12, rel=1e-6)
    steady = SteadyProblem(mesh, case.electrolyte, case.boundaries).solve(case.electrolyte, case.boundaries)
    assert last.volume.amount["C"] == pytest.approx(steady.volume.amount["C"], rel=1e-5)
    assert last.volume.min_concentration["C"] > -1e-9


def test_it_starts_from_the_steady_state_before_the_onset(comm):
    """A constant current flows before; the transient adds to it."""
    top = Boundary(current=[
        {"species": "C", "value": "20 pA"}, {"species": "C", "value": "30 pA", "waveform": "step", "onset": "1 ms"}
    ])  # fmt: skip
    mesh = line(comm)
    problem = TransientProblem(mesh, SALT, {"base": GROUND, "top": top})
    first = problem.begin("steady")
    assert first.boundary["top"].potential == pytest.approx(25.26e-3 * math.log1p(20 / 202.615), rel=1e-3)
    steps = list(problem.steps(Schedule(30e-3, (0.5e-3, 1e-3, 30e-3))))
    V = potentials(steps)
    assert V[:2] == pytest.approx(first.boundary["top"].potential * 1e3, rel=1e-7)
    assert V[2] == pytest.approx(25.26 * math.log1p(50 / 202.615), rel=1e-3)


def test_a_membrane_charges_with_its_capacitance(comm):
    """RC: the potential behind a membrane goes to that outside; the displacement current charges it."""
    shape = Cylinder(length="100 nm", radius="50 nm", dimension="1d")
    mesh = generate(shape, MeshOptions(size="0.2 nm"), comm)
    top = Boundary(capacitance={"value": "0.01 F/m^2", "outside": "30 mV"})
    problem = TransientProblem(mesh, SALT, {"base": GROUND, "top": top})
    steps = list(problem.steps(Schedule(1e-5)))
    # Gauss' law: what the membrane holds is in the layer before it.
    charge = problem.progress.time_state.rates.charge.sum()
    assert charge == pytest.approx(-steps[-1].solution.volume.charge, rel=1e-6)
    area = steps[-1].solution.boundary["top"].area
    assert charge == pytest.approx(0.01 * area * (30e-3 - steps[-1].solution.boundary["top"].potential), rel=1e-6)
    steady = SteadyProblem(mesh, SALT, {"base": GROUND, "top": top}).solve(SALT, {"base": GROUND, "top": top})
    last = steps[-1].solution.boundary["top"]
    assert last.potential == pytest.approx(steady.boundary["top"].potential, rel=1e-5)


def test_logarithms_give_the_same(comm):
    boundaries = {"base": GROUND, "top": current(50)}
    found = [
        potentials(
            solve_transient(line(comm), SALT, boundaries, Schedule(2e-3, (1e-8, 2e-3)), SolverOptions(formulation=f))
        )
        for f in ("density", "log")
    ]
    # Each may err by the tolerance of a step, of V_T; steps, and so these errors, depend on the processor's rounding.
    promised = 1e-4 * SALT.V_T * 1e3  # mV
    assert found[0] == pytest.approx(found[1], abs=2.0 * promised)


def test_a_current_beyond_the_limit_fails_with_what_was_reached(comm):
    """Outward 400 pA: the cations at the top are used up after a while (the limit is 202.5 pA)."""
    problem = TransientProblem(line(comm), SALT, {"base": GROUND, "top": current(-400)})
    with pytest.raises(SolveError, match=r"at .* ms no step can be made") as caught:
        list(problem.steps(Schedule(20e-3)))
    assert "negative" in str(caught.value)
    assert 1e-4 < problem.progress.time_state.time < 5e-3
