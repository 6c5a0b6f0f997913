"""Safety nets: each situation here makes one of them act, and the test fails where its constant is made large."""

import basix.ufl
import meshio
import numpy as np
import pytest
from scipy import optimize

from spinepnp.errors import CaseError
from spinepnp.geometries import Ball, BallNeck, ImportedSurface
from spinepnp.geometries.triangulation import Triangulation, find_intersection
from spinepnp.meshes import MeshOptions, generate
from spinepnp.meshes.quality import smallest_jacobian
from spinepnp.runtime.stack import MPI, dolfinx
from spinepnp.solvers import Boundary, Closed, Electrolyte, SolverOptions, SteadyProblem, solve_steady
from spinepnp.solvers.algebra.statistics import NewtonError
from spinepnp.solvers.model.closed import check_neutral_inflow
from spinepnp.solvers.model.membrane.functions import bernoulli
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.model.waveforms import pulses
from spinepnp.solvers.pnp import system
from spinepnp.solvers.time.transient import TransientProblem
from spinepnp.units import AVOGADRO, FARADAY
from support.cases import GROUND
from support.cases import line as neck
from support.ions import SALT, ion

#: Newton stops at the first residual below this fraction of that of the bulk: nearly a percent is left.
LOOSE = 9e-3

#: An iterative solver that leaves half of each linear residual, and so does not preserve sums of rows.
SLOPPY = {"ksp_type": "bcgs", "pc_type": "jacobi", "ksp_rtol": 0.5}


def ions(**concentrations):
    """Monovalent species from their concentrations in mM; those whose name begins with A are anions."""
    return Electrolyte(species=[ion(name, -1 if name == "A" else 1, c) for name, c in concentrations.items()])


THREE = ions(N=12, K=155, A=167)
#: A trace beside the salt: less than a thousandth of the ionic strength.
WITH_TRACE = ions(C=167, A=167.1, X=0.1)


def injected(species, value, **keys):
    return Boundary(current={"species": species, "value": value, **keys})


@pytest.fixture(scope="module")
def line(comm):
    return neck(comm, size="50 nm")


class TestSteady:
    def test_a_charge_balance_that_is_open_is_no_answer(self, line):
        """An imprecise linear solver and a loose tolerance lose 7e-4 of the current on the way (UNBALANCED)."""
        data = {"base": GROUND, "top": injected("N", "50 pA")}
        with pytest.raises(NewtonError, match="the balance of the ions is open by") as caught:
            solve_steady(line, THREE, data, SolverOptions(tolerance=1e-3, petsc=SLOPPY))
        assert caught.value.statistics.reason == "unbalanced"

    def test_the_current_of_a_trace_is_solved_for(self, line):
        """The residual of the salt hides that of a trace; Newton goes on (CONSERVED_CURRENT, FOR_CURRENTS)."""
        trace = ions(C=100, A=100.000001, X=1e-6)
        top = Boundary(current={"species": "C", "value": "50 pA"}, concentrations={"X": "1e-5 mM"})
        solution = solve_steady(line, trace, {"base": GROUND, "top": top}, SolverOptions(tolerance=LOOSE))
        entered, left = (solution.boundary[name].current["X"] for name in ("top", "base"))
        assert entered > 1e-18
        assert abs(entered + left) <= 1e-6 * entered

    def test_prescribed_amounts_are_met_beyond_the_tolerance(self, comm):
        """AMOUNT_TOLERANCE: a loose tolerance of the residual does not loosen what is given."""
        mesh = generate(Ball(radius="20 nm", dimension="1d"), MeshOptions(size="1 nm", element_degree=2), comm)
        given = {"C": 3000.0, "A": 2000.0}
        electrolyte = ions(C=100, A=100).model_copy(update={"neutral": False})
        closed = Closed(amounts={name: f"{count} ions" for name, count in given.items()})
        options = SolverOptions(tolerance=LOOSE, formulation="log")
        found = solve_steady(mesh, electrolyte, {}, options, closed=closed).volume.amount
        assert {n: a * AVOGADRO for n, a in found.items()} == pytest.approx(given, rel=1e-10)

    def test_a_deficit_of_a_trace_is_no_rounding(self, line):
        """A trace of 0.1 mM that would have to fall to -0.06 mM, next to 167 mM of salt (ROUNDED)."""
        top = Boundary(current=({"species": "X", "value": "-0.1 pA"}, {"species": "C", "value": "1e-6 pA"}))
        with pytest.raises(NewtonError, match="the concentration of X is negative"):
            solve_steady(line, WITH_TRACE, {"base": GROUND, "top": top})

    def test_what_densities_leave_of_an_equilibrium_is_no_error_of_a_flow(self, comm):
        """At a charged wall whose layer the cells do not resolve, with next to no current (MOST_DISSIPATED)."""
        mesh = neck(comm, size="20 nm")
        top = Boundary(current={"species": "N", "value": "1e-3 pA"}, surface_charge="0.01 C/m^2")
        solution = solve_steady(mesh, THREE, {"base": GROUND, "top": top}, SolverOptions(formulation="density"))
        assert solution.relative_error == 0.0

    def test_a_density_that_has_vanished_is_no_answer(self, line):
        """A logarithm that Newton has sent to -400, where the equation of its species says nothing (VANISHED)."""
        data = {"base": GROUND, "top": injected("N", "1 pA")}
        problem = SteadyProblem(line, THREE, data, SolverOptions(formulation="log"))
        statistics = problem.solve(THREE, data).statistics
        unknowns = problem.system.state.local_unknowns()
        unknowns[len(unknowns) // 2, 0] = -400.0
        problem.system.state.restore(unknowns)
        with pytest.raises(NewtonError, match="the concentration of N has vanished somewhere"):
            problem.refuse_negative(statistics, problem.problem_data)
        problem.destroy()


class TestData:
    """What a case may miss by is rounding of its numbers, and no more."""

    def test_a_bulk_that_is_not_neutral(self):
        with pytest.raises(CaseError, match="the charges sum z c"):
            ions(N=12, K=155.0001, A=167).check()  # NEUTRALITY_TOLERANCE

    def test_regions_that_overlap_by_little(self):
        regions = [{"region": region, "value": "1 mM"} for region in (["0 nm", "50.1 nm"], ["50 nm", "100 nm"])]
        fields = {**SALT.model_dump(include={"species"}), "fixed_charge": regions, "neutral": False}
        with pytest.raises(CaseError, match=r"two regions overlap from 50 nm to 50\.1 nm"):
            Electrolyte(**fields).check()  # ROUNDING_OF_PLACES

    def test_currents_that_charge_a_domain_slowly(self):
        data = {"top": injected("C", "10 pA"), "wall": injected("C", "-9.9999 pA")}
        with pytest.raises(CaseError, match=r"they add up to 0\.0001 pA"):
            check_neutral_inflow(data, SALT)  # NEUTRAL_INFLOW

    def test_a_pulse_that_is_short_beside_the_transient_is_not_lost(self):
        times = (0.5, 0.5 + 1e-6)
        assert tuple(Schedule(1.0).ends([pulses((0.5,), 1e-6)])) == (*times, 1.0)  # SAME
        assert not Schedule(1.0, times).is_listed(0.5 + 5e-7)

    def test_a_probe_beyond_the_end_by_a_tenth_of_a_cell(self, line):
        with pytest.raises(CaseError, match="lies outside of the domain"):
            SteadyProblem(line, SALT, {"base": GROUND}, probes={"beyond": (0.0, 0.0, 1.004e-6)})  # OUTSIDE

    @pytest.mark.parametrize("x", [1e-5, 9e-4, 1.1e-3, 0.1, 0.9, 5.0])
    def test_the_series_of_a_channel_is_used_where_it_is_exact(self, x):
        for sign in (1.0, -1.0):
            value, slope = bernoulli(sign * x)  # SMALL
            assert value == pytest.approx(sign * x / np.expm1(sign * x), rel=1e-12)
            assert slope == pytest.approx(value * (1.0 - value * np.exp(sign * x)) / (sign * x), rel=1e-8)


class TestInTime:
    def test_an_open_balance_ends_a_transient(self, line, monkeypatch):
        """Where Newton's own test of amounts is cut, the balance since the start refuses (ROUNDING, UNBALANCED)."""
        monkeypatch.setattr(system, "step_conserves", lambda *_: True)
        problem = TransientProblem(line, THREE, pulse(), options=SolverOptions(tolerance=LOOSE))
        with pytest.raises(NewtonError, match="the balance of the ions is open by") as caught:
            list(problem.steps(Schedule(2e-3)))
        problem.destroy()
        assert caught.value.statistics.reason == "unbalanced"
        assert problem.progress.number < 10

    def test_steps_conserve_amounts_whatever_the_tolerance(self, line):
        """CONSERVED_FLOW, CONSERVED_AMOUNT: with the same loose tolerance, and the test in its place."""
        problem = TransientProblem(line, THREE, pulse(), options=SolverOptions(tolerance=LOOSE))
        first = problem.begin().volume.amount
        for step in problem.steps(Schedule(2e-3)):
            for name, valence in (("N", 1), ("K", 1), ("A", -1)):
                came = np.array([charge[name] for charge in step.passed.values()]) / (FARADAY * valence)
                now = step.solution.volume.amount[name]
                allowed = 1e-10 * np.abs(came).max() * step.number + 1e-13 * now
                assert abs(now - first[name] - came.sum()) <= allowed
        problem.destroy()

    def test_a_trace_that_is_taken_out_faster_than_it_comes_is_refused(self, line):
        """A front may undershoot by half of its height, a steady deficit by no more (UNDERSHOOT)."""
        problem = TransientProblem(line, WITH_TRACE, {"base": GROUND, "top": injected("X", "-0.3 pA", waveform="step")})
        lowest = 0.0
        with pytest.raises(NewtonError, match="the concentration of X is negative") as caught:  # noqa: PT012
            for step in problem.steps(Schedule(20e-3)):
                volume = step.solution.volume
                lowest = min(lowest, volume.min_concentration["X"] / volume.max_concentration["X"])
        problem.destroy()
        assert caught.value.statistics.reason == "negative_concentration"
        assert lowest >= -0.5

    def test_a_trace_is_followed_as_accurately_as_the_salt(self, line):
        """From a millionth of the salt on (TRACE of the steps); within twice the tolerance."""
        electrolyte = ions(C=167, A=167.03, X=0.03)
        data = {"base": GROUND, "top": injected("X", "1 pA", waveform="step")}
        times = (5e-4, 2e-3)

        def found(**keys):
            problem = TransientProblem(line, electrolyte, data)
            steps = [step for step in problem.steps(Schedule(times[-1], times, **keys)) if step.listed]
            problem.destroy()
            return [step.solution.boundary["top"].concentration["X"] for step in steps]

        assert found(tolerance=1e-4) == pytest.approx(found(fixed_step=2e-5), rel=2e-4)

    def test_a_start_that_misses_the_amounts_is_not_taken(self, line, monkeypatch):
        """A Donnan state whose amounts are off by 1e-3, as where no root is found (SAME_AMOUNT)."""
        found = optimize.root

        def inexact(function, start, **keys):
            result = found(function, start, **keys)
            result.x = result.x + 1e-3
            return result

        monkeypatch.setattr(optimize, "root", inexact)
        gel = ions(C=167, A=167).model_dump(include={"species"}) | {
            "fixed_charge": [{"region": ["0 um", "0.5 um"], "value": "-50 mM"}]
        }
        amounts = {"C": 3.2e6, "A": 2.4e6}
        closed = Closed(amounts={name: f"{count} ions" for name, count in amounts.items()})
        problem = TransientProblem(line, Electrolyte(**gel, neutral=False), {}, closed=closed)
        found_amounts = problem.begin().volume.amount
        problem.destroy()
        assert {n: a * AVOGADRO for n, a in found_amounts.items()} == pytest.approx(amounts, rel=1e-8)

    def test_what_is_no_trace_may_not_undershoot(self, line):
        """The salt itself beyond its limiting current, 202.5 pA (TRACE, NEGATIVE)."""
        problem = TransientProblem(line, SALT, {"base": GROUND, "top": injected("C", "-800 pA", waveform="step")})
        lowest = 0.0
        with pytest.raises(NewtonError, match="the concentration of C is negative"):  # noqa: PT012
            for step in problem.steps(Schedule(20e-3)):
                lowest = min(lowest, step.solution.volume.min_concentration["C"])
        problem.destroy()
        assert lowest > -1e-6


def pulse():
    return {"base": GROUND, "top": injected("N", "50 pA", waveform="alpha", t_peak="1 ms")}


class TestBodies:
    def test_a_thin_cell_whose_wall_is_bent_through_it_is_inverted(self):
        """The node moves by 3 % of the length of the cell, which is more than half of its height (STRAIGHT)."""
        nodes = np.array([[0.5, 0.05], [0.0, 0.0], [1.0, 0.0], [0.5, 0.03], [0.75, 0.025], [0.25, 0.025]])
        element = basix.ufl.element("Lagrange", "triangle", 2, shape=(2,))
        mesh = dolfinx.mesh.create_mesh(MPI.COMM_SELF, np.arange(6)[None], element, nodes)
        assert smallest_jacobian(mesh, np.ones(1)) < 0.0

    def test_a_region_that_cuts_cells_has_its_volume(self, comm):
        """To 4 % of a cell, root mean square (SLAB_DEGREE)."""
        mesh = neck(comm, size="50 nm", dimension="axisymmetric")
        problem = SteadyProblem(mesh, SALT, {"base": GROUND})
        weights, errors = problem.weights, []
        for k in range(20):
            low, high = (0.1 + 0.013 * k) * 1e-6, (0.6 + 0.017 * k) * 1e-6
            part = weights.sum(weights.slab((low, high))[: weights.owned]) / weights.total_volume
            errors.append((part * 1e-6 - (high - low)) / 50e-9)
        problem.destroy()
        assert np.sqrt(np.mean(np.square(errors))) < 0.04

    def test_rings_that_overlap_by_little_are_refused(self):
        """By 1 nm of a neck of 1 um (TOUCHING)."""
        spans = {"low": ["0.3 um", "0.5 um"], "high": ["0.499 um", "0.7 um"]}
        rings = [{"name": name, "z": span} for name, span in spans.items()]
        shape = BallNeck(head_radius="500 nm", neck_radius="100 nm", neck_length="1 um", rings=rings)
        with pytest.raises(CaseError, match=r"geometry\.rings\.\w+\.z: overlaps"):
            shape.check()


class TestSurfaces:
    CORNERS = np.array([[x, y, z] for z in (0.0, 1.0) for y in (0.0, 1.0) for x in (0.0, 1.0)])
    FACES = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))

    def test_a_plane_takes_the_triangles_that_lie_in_it(self, tmp_path):
        """Two of twelve of a cube, by either end (IN_PLANE)."""
        triangles = np.array([(a, *pair) for a, b, c, d in self.FACES for pair in ((b, c), (c, d))])
        meshio.ply.write(tmp_path / "cube.ply", meshio.Mesh(self.CORNERS, [("triangle", triangles)]))
        plane = {"point": ["0 nm"] * 3, "normal": [0, 0, 1]}
        patches = [{"name": "base", "plane": plane}]
        cube = ImportedSurface(file=str(tmp_path / "cube.ply"), unit="um", patches=patches)
        cube.check()
        assert cube.exact_measures()["base"] == pytest.approx(1e-12)
        assert cube.exact_measures()["wall"] == pytest.approx(5e-12)

    @pytest.mark.parametrize(("height", "touches"), [(-1e-3, True), (1e-12, True), (1e-3, False)])
    def test_triangles_touch_within_rounding(self, height, touches):
        """A corner through another triangle, on it, and above it by a thousandth of its size (TOUCH)."""
        oblique = np.eye(3)  # so that the boxes of the two overlap at any height
        normal = np.full(3, 1.0 / np.sqrt(3.0))
        tip = oblique.mean(axis=0) + height * normal
        points = np.vstack([oblique, tip, tip + normal, tip + normal + [0.1, 0.0, 0.0]])
        surface = Triangulation(points, np.array([[0, 1, 2], [3, 4, 5]]), np.zeros(2, dtype=int), ("wall",))
        assert (find_intersection(surface) is not None) == touches
