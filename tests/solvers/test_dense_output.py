"""Dense output: third order at all times of a step, balances between steps, jumps, peaks, ranks."""

import numpy as np
import pytest
from mpi4py import MPI

from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary, Closed, Schedule, SolverOptions
from spinepnp.solvers.time.checkpoint import pack, unpack
from spinepnp.solvers.time.dense_output import weight_coefficients
from spinepnp.solvers.time.peaks import peaks, rises
from spinepnp.solvers.time.tableaux import ESDIRK
from spinepnp.solvers.time.transient import TransientProblem, solve_transient
from spinepnp.units import FARADAY
from support.cases import GROUND, MS, current, line
from support.ions import SALT, THREE, salt

SINE = {"species": "N", "value": "50 pA", "waveform": "sine", "frequency": "250 Hz", "phase": "270 deg"}
SMOOTH = [{"species": "N", "value": "50 pA", "waveform": "step"}, SINE]
GATES = {"half": "1 mV", "slope": "1 mV", "time": "0.3 ms"}
CHANNEL = {"law": "sigmoid", "species": "N", "maximum": "20 pA", "half": "1 mV", "slope": "1 mV", "gates": GATES}

#: Boundaries by what they have that changes in time.
KINDS = {
    "current": {"base": GROUND, "top": Boundary(current=SMOOTH)},
    "membrane": {"base": GROUND, "top": Boundary(current=SMOOTH, capacitance={"value": "1 F/m^2", "outside": "0 mV"})},
    "channels": {"base": GROUND, "top": Boundary(current=SMOOTH, channel=CHANNEL)},
    "floating": {
        "base": GROUND,
        "top": Boundary(potential="floating", concentrations={"K": "155 mM", "A": "167 mM"}, current=SMOOTH),
    },
    "closed": {"base": Boundary(potential="0 mV"), "top": Boundary(current=SMOOTH)},
}


class TestWeights:
    @pytest.mark.parametrize("ratio", [None, 0.2, 1.0, 3.0])
    def test_order_conditions(self, ratio):
        """b(theta) = A^T w(theta) over the stages of both steps meets all conditions of third order at each theta."""
        A, c = ESDIRK.A, ESDIRK.c
        for theta in np.linspace(0.0, 1.0, 7):
            w = theta ** np.arange(len(weight_coefficients(ESDIRK, ratio))) @ weight_coefficients(ESDIRK, ratio)
            now, kept = w[-4:], w[:-4]
            assert w.sum() == pytest.approx(1.0, abs=1e-12)
            # Values of a solution t^p/p! at the points: the stages have the quadrature sum a_ij c_j^(p-1)/(p-1)!.
            for p, factor in ((1, 1.0), (2, 1.0), (3, 2.0)):
                stages = A @ c ** (p - 1) / factor
                moved = A @ (ratio * (c - 1.0)) ** (p - 1) / factor * ratio if kept.size else np.zeros(4)
                start = (-ratio) ** p / (factor * p) if kept.size else 0.0
                found = now @ stages + (kept @ (start + moved[[0, 2]]) if kept.size else 0.0)
                assert found == pytest.approx(theta**p / (factor * p), abs=1e-11)

    def test_stiff_parts_are_interpolated_to_fourth_degree(self):
        W, c = weight_coefficients(ESDIRK, 0.5), ESDIRK.c
        points = np.concatenate([0.5 * (c[[0, 2]] - 1.0), c])
        for theta in (0.1, 0.37, 0.8):
            w = theta ** np.arange(len(W)) @ W
            assert w @ points**4 == pytest.approx(theta**4, abs=1e-12)


class TestOrder:
    @pytest.mark.parametrize("kind", KINDS)
    def test_values_between_steps_converge_as_those_at_the_ends_of_steps(self, comm, kind):
        """At third order; with a membrane, whose charging is neither slow nor stiff, at the order of the method."""
        mesh, closed = line(comm, 50, "100 nm"), None
        if kind == "closed":
            closed = Closed(amounts={"K": "7e5 ions", "A": "7.6e5 ions", "N": "6e4 ions"})
        ends, between = np.array([0.4, 0.8, 1.2, 1.6]) * MS, np.linspace(0.4, 1.6, 23) * MS

        def values(count):
            problem = TransientProblem(mesh, THREE, KINDS[kind], SolverOptions(tolerance=1e-12), closed=closed)
            steps = problem.run(Schedule(2 * MS, fixed_step=2 * MS / count))
            found = []
            for times in (ends, between):
                table = steps.trace(times)
                nodal = np.array([steps.at(t)[:, :-1] for t in times]) / 167.0
                scalar = [table["top.potential_mV"] / 25.0, *(table[name] for name in steps.gate_names)]
                found.append((np.array(scalar), nodal))
            return found

        def errors(run):
            found = [
                [*np.abs(v - w).max(axis=1), np.abs(n - m).max()] for (v, n), (w, m) in zip(run, exact, strict=True)
            ]
            return comm.allreduce(np.array(found), op=max_of)

        exact = values(160)
        coarse, fine = errors(values(20)), errors(values(40))
        assert np.all(coarse[1] < 1.3 * coarse[0] + 1e-6)
        assert np.all(fine[1] < 1.3 * fine[0] + 1e-7)
        # With channels fixed steps do not resolve how the gates open at first: ends of steps have a lower order, too.
        assert np.all(coarse[1] / fine[1] > 0.8 * coarse[0] / fine[0])
        if kind != "channels":
            assert np.all(coarse[1] > (4.8 if kind == "membrane" else 5.6) * fine[1])


def max_of(a, b):
    return np.maximum(a, b)


class TestBetweenSteps:
    def test_currents_and_amounts_balance_at_listed_times(self, comm):
        """Of ions and displacement over all boundaries, and of each species since the start."""
        top = Boundary(current=SMOOTH[:1], capacitance={"value": "1 F/m^2", "outside": "0 mV"})
        problem = TransientProblem(line(comm, size="50 nm"), THREE, {"base": GROUND, "top": top})
        times = (1e-12, 3e-9, 1e-6, 0.3 * MS, 0.37 * MS, 0.9 * MS)
        steps = problem.run(Schedule(1 * MS, times))
        found = [step for step in steps if step.interpolated]
        assert [step.time for step in found] == list(times)
        assert [step.time for step in steps] == sorted(step.time for step in steps)
        start = {s.name: s.concentration * found[0].solution.volume.volume for s in THREE.species}
        for step in found:
            states = step.solution.boundary.values()
            flows = [x for s in states for x in (*s.current.values(), s.displacement)]
            rounding = 5.0 * sum(s.displacement_floor for s in states)  # weights of stages that add up to more than one
            assert abs(sum(flows)) <= 1e-10 * max(map(abs, flows)) + rounding
            passed = {name: sum(c[name] for c in step.passed.values()) / FARADAY for name in start}
            for species in THREE.species:
                gained = step.solution.volume.amount[species.name] - start[species.name]
                went = passed[species.name] / species.valence
                assert abs(gained - went) <= 1e-10 * max(map(abs, passed.values())) + 1e-12 * start[species.name]
            assert step.solution.ion_balance < 1e-10
            assert step.statistics.newton == 0

    def test_nothing_is_interpolated_over_a_jump(self, comm):
        """A pulse ends: at its end the current is on, a picosecond later it is off."""
        pulse = current(50, "N", waveform="pulse", onset="10 us", duration="20 us")
        problem = TransientProblem(line(comm, size="50 nm"), THREE, {"base": GROUND, "top": pulse})
        us = 1e-6
        steps = problem.run(Schedule(50 * us, (9.9 * us, 10 * us, 10.1 * us, 29.9 * us, 30 * us, 30.1 * us)))
        found = {round(s.time / us, 3): s.solution.boundary["top"].current["N"] * 1e12 for s in steps if s.listed}
        assert found == pytest.approx({9.9: 0, 10: 0, 10.1: 50, 29.9: 50, 30: 50, 30.1: 0, 50: 0}, abs=1e-9)
        table = steps.trace()
        assert set(table["top.current_pA.N"].round(9).abs()) == {0.0, 50.0}
        assert table["time_ms"].is_monotonic_increasing

    def test_a_species_that_enters_from_nothing_is_never_below_zero(self, comm):
        """Where both ends of a step are not."""
        rare = salt((0, 167, 167), names="NKA", z=(1, 1, -1))
        steps = solve_transient(line(comm, size="50 nm"), rare, {"base": GROUND, "top": current(50, "N")}, "1 us")
        for step in steps:
            lowest = np.minimum(step.at(step.dense.start), step.solution.unknowns)[:, :-1]
            for theta in (0.1, 0.4, 0.9):
                values = step.at(step.dense.start + theta * (step.dense.end - step.dense.start))
                assert np.all(values[:, :-1] >= np.minimum(lowest, 0.0))

    def test_the_ends_of_a_step_are_its_values(self, comm):
        problem = TransientProblem(line(comm, size="50 nm"), SALT, {"base": GROUND, "top": current(50)})
        for step in problem.steps(Schedule(1e-7)):
            assert np.array_equal(step.at(step.time), step.solution.unknowns)
            middle = 0.5 * (step.dense.start + step.dense.end)
            assert problem.solution_at(middle).unknowns == pytest.approx(step.at(middle), rel=1e-12, abs=1e-15)
            with pytest.raises(ValueError, match="not"):
                step.at(2.0 * step.time)
        with pytest.raises(ValueError, match="last step"):
            problem.solution_at(1.0)


def test_a_transient_goes_on_from_a_checkpoint_to_the_last_bit(comm):
    mesh, boundaries, schedule = line(comm, size="50 nm"), KINDS["channels"], Schedule(0.5 * MS, (0.11 * MS, 0.4 * MS))

    def rows(steps):
        return [(s.number, s.time, s.solution.boundary["top"].potential, *s.gates, s.trace.row(s.time)) for s in steps]

    whole, packed, number = TransientProblem(mesh, THREE, boundaries), None, 0
    found = []
    for step in whole.steps(schedule):
        found.append(step)
        if packed is None and step.time > 0.05 * MS:
            packed, number = pack(whole), step.number
    again = TransientProblem(mesh, THREE, boundaries)
    unpack(again, packed)
    assert rows(again.steps(schedule)) == rows(step for step in found if step.number > number)


@pytest.mark.mpi
def test_listed_times_are_the_same_on_any_number_of_ranks(comm):
    rows = []
    for ranks in (comm, MPI.COMM_SELF):
        mesh = generate(Cylinder(length="1 um", radius="100 nm", dimension="1d"), MeshOptions(size="20 nm"), ranks)
        steps = TransientProblem(mesh, THREE, KINDS["membrane"]).run(Schedule(1 * MS, (0.3 * MS, 0.7 * MS)))
        listed = [s.solution.boundary["top"].potential for s in steps if s.listed]
        highest = steps.peaks()["top.potential_mV"]
        rows.append([*listed, *steps.trace([0.2 * MS]).iloc[0], highest["value"], highest["rise_20_80_ms"]])
    assert rows[0] == pytest.approx(rows[1], rel=1e-9)


class TestPeaks:
    def alpha(self, count):
        """Trace of t exp(1 - t) over a rest of 2, in steps of equal length."""
        t = np.linspace(0.0, 10.0, 6 * count + 1)
        V = 2.0 + t * np.exp(1.0 - t)
        return [{"time_ms": a, "head.potential_mV": v, "head.current_pA.total": v} for a, v in zip(t, V, strict=True)]

    def test_the_peak_of_an_alpha_function(self):
        found = peaks(self.alpha(20))
        assert set(found) == {"head.potential_mV"}
        peak = found["head.potential_mV"]
        assert peak["value"] == pytest.approx(3.0, abs=1e-5)
        assert peak["time_ms"] == pytest.approx(1.0, abs=2e-3)
        assert peak["half_width_ms"] == pytest.approx(2.67835 - 0.23196, abs=1e-3)
        assert peak["rise_20_80_ms"] == pytest.approx(0.47167 - 0.07968, abs=1e-3)

    def test_what_is_not_reached_is_absent(self):
        rows = self.alpha(20)[: 6 * 4 + 1]  # up to 2 ms: not yet below half
        peak = peaks(rows)["head.potential_mV"]
        assert "half_width_ms" not in peak
        assert "rise_20_80_ms" in peak
        flat = peaks([row | {"head.potential_mV": 0.0} for row in rows])["head.potential_mV"]
        assert flat == {"value": 0.0, "time_ms": 0.0}
        assert peaks(rows[:3]) == {}

    def test_times_at_which_a_potential_rises_through_zero(self):
        """Steps of 0.3 ms: -cos(t/ms) rises at pi/2 and 5 pi/2 ms, a constant never."""
        times = np.linspace(0.0, 9.0, 181)
        rows = [{"time_ms": t, "a.potential_mV": -np.cos(t), "b.potential_mV": 1.0, "a.current_pA": t} for t in times]
        found = rises(rows)
        assert found["a.potential_mV"] == pytest.approx([0.5 * np.pi, 2.5 * np.pi], abs=1e-5)
        assert [*found] == ["a.potential_mV", "b.potential_mV"]
        assert not len(found["b.potential_mV"])
        assert rises(rows[:3]) == {}
