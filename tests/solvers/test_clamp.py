"""Voltage clamp: a prescribed potential that goes in time, at walls that block ions and at baths."""

import itertools
import math
import tomllib

import numpy as np
import pytest
from mpi4py import MPI

from spinepnp.case.case import make_case
from spinepnp.errors import CaseError
from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary, Closed, Schedule, SolverOptions, SteadyProblem, TransientProblem
from spinepnp.solvers.time.checkpoint import pack, unpack
from spinepnp.units import FARADAY
from spinepnp.validation.laws import BlockingElectrode
from support.cases import CASE, GROUND, MS
from support.ions import THREE, salt

SALT = salt(100, 200)
RADIUS, GAP, NECK = 10e-9, 25e-9, 1e-6
AREA = math.pi * RADIUS**2


def clamp(waveform, *, bath=False, **keys):
    table = {"waveform": waveform} | keys
    return Boundary(potential=table, concentrations="bulk") if bath else Boundary(potential=table)


def gap(comm, length="25 nm", ends=("top",)):
    """A line of salt whose layer at the electrode is resolved."""
    grade = {end: {"size": "0.1 nm", "growth": 1.25} for end in ends}
    shape = Cylinder(length=length, radius="10 nm", dimension="1d")
    return generate(shape, MeshOptions(size="1 nm", element_degree=2, grade=grade), comm)


def neck(comm, size="50 nm", dimension="1d", degree=1):
    shape = Cylinder(length="1 um", radius="100 nm", dimension=dimension)
    return generate(shape, MeshOptions(size=size, element_degree=degree), comm)


def total(state):
    return state.total_current + state.displacement


def solved(problem, schedule, initial="bulk"):
    problem.begin(initial)
    return list(problem.steps(schedule))


# --- a wall that blocks ions


@pytest.mark.parametrize("initial", ["bulk", "steady"])
def test_a_step_charges_a_blocking_wall(comm, initial):
    """The end is the steady state at that potential; at each step both ends carry the same charge."""
    mesh = gap(comm)
    boundaries = {"base": GROUND, "top": clamp("step", value="40 mV", before="10 mV", onset="20 ns")}
    problem = TransientProblem(mesh, SALT, boundaries)
    first = problem.begin(initial)
    assert first.boundary["top"].potential == pytest.approx(10e-3, rel=1e-9)
    state = problem.progress.time_state
    for step in problem.steps(Schedule(2e-4, (10e-9, 20e-9), 1e-5)):
        before, state = state, problem.progress.time_state
        charge = state.passed.sum(axis=1) - before.passed.sum(axis=1) + state.rates.charge - before.rates.charge
        moved = max(np.abs(state.passed - before.passed).max(), np.abs(state.rates.charge - before.rates.charge).max())
        assert abs(charge.sum()) < 1e-9 * moved + 1e-13 * AREA * GAP * 100.0 * FARADAY
        V = 10e-3 if step.time <= 20e-9 * (1.0 + 1e-9) else 40e-3
        assert step.solution.boundary["top"].potential == pytest.approx(V)
        assert np.all(state.passed[1] == 0.0)  # nothing passes the wall but the field
    held = {"base": GROUND, "top": Boundary(potential="40 mV")}
    steady = SteadyProblem(mesh, SALT, held).solve(SALT, held)
    scale = np.abs(steady.unknowns).max(axis=0)
    assert np.all(np.abs(step.solution.unknowns - steady.unknowns).max(axis=0) <= 1e-6 * scale)
    for name in "CA":
        assert step.solution.volume.amount[name] == pytest.approx(steady.volume.amount[name], rel=1e-6)


def test_the_charge_of_the_wall_is_the_integral_of_its_displacement_current(comm):
    """Steps of the third order carry what the wall gets; a trapezium of the reported currents is near to it."""
    boundaries = {"base": GROUND, "top": clamp("ramp", value="30 mV", duration="100 ns")}
    problem = TransientProblem(gap(comm), SALT, boundaries)
    problem.begin()
    charges, start = [], problem.progress.time_state.rates.charge[1]
    times, currents = [0.0], [math.nan]
    for step in problem.steps(Schedule(1e-7, tuple(np.arange(1, 101) * 1e-9), 1e-6)):
        times.append(step.time)
        currents.append(step.solution.boundary["top"].displacement)
        charges.append(problem.progress.time_state.rates.charge[1] - start)
    currents[0] = currents[1]
    integral = np.trapezoid(currents, times)
    assert integral == pytest.approx(charges[-1], rel=1e-3)
    # Gauss: the charge of the wall is that of the ions of the layer, and of what the base's field sends.
    ions = FARADAY * (step.solution.volume.amount["A"] - step.solution.volume.amount["C"])
    assert problem.progress.time_state.rates.charge.sum() == pytest.approx(ions, rel=1e-9)


@pytest.mark.parametrize(("frequency", "periods"), [(3e5, 2), (3e6, 5)])
@pytest.mark.parametrize("cell", ["bath", "electrodes"])
def test_a_small_sine_meets_the_impedance(comm, cell, frequency, periods):
    """Amplitude and phase of the current: Debye layers in series with the salt (Macdonald 1953)."""
    amplitude, samples = 0.5e-3, 32
    length = "25 nm" if cell == "bath" else "50 nm"
    other, ends = (GROUND, ("top",)) if cell == "bath" else (Boundary(potential="0 mV"), ("base", "top"))
    sine = clamp("sine", value="0.5 mV", frequency=f"{frequency} Hz")
    problem = TransientProblem(
        gap(comm, length, ends), SALT, {"base": other, "top": sine}, SolverOptions(tolerance=1e-12),
        closed=None if cell == "bath" else Closed(),
    )  # fmt: skip
    times = tuple((periods - 1 + (i + 1) / samples) / frequency for i in range(samples))
    problem.run(Schedule((periods - 1) / frequency, tolerance=1e-5))
    # Rates of what follows the clamp at once are right to (2 pi f h)^2 / 13 only: short steps.
    steps = [s for s in problem.steps(Schedule(times[-1], times, fixed_step=0.5 / (samples * frequency))) if s.listed]
    currents = [total(step.solution.boundary["top"]) for step in steps]
    found = 2j * np.mean(np.array(currents) * np.exp(-2j * math.pi * frequency * np.array(times)))
    law = BlockingElectrode(GAP, AREA, 200e-12, SALT.debye_length(), SALT.absolute_permittivity)
    impedance = law.impedance(frequency) * (1.0 if cell == "bath" else 2.0)
    assert found / amplitude == pytest.approx(1.0 / impedance, rel=1e-3)


def test_limits_of_the_impedance():
    """The layer with the salt in series at low, the gap at high frequencies, and the law of the layer beyond."""
    law = BlockingElectrode(GAP, AREA, 200e-12, SALT.debye_length(), SALT.absolute_permittivity)
    eps, kappa = SALT.absolute_permittivity, 1.0 / SALT.debye_length()
    conductivity = 2.0 * FARADAY * 200e-12 * 100.0 / SALT.V_T
    for frequency in (1.0, 1e2):
        Z, omega = law.impedance(frequency), 2.0 * math.pi * frequency
        assert (Z * 1j * omega).real == pytest.approx(math.tanh(kappa * GAP) / (eps * kappa * AREA), rel=1e-6)
    # The layer has ions of its own, which shorten the salt: by tanh = 1, expanded in omega.
    assert law.impedance(1e3).real == pytest.approx((GAP - 1.5 / kappa) / (conductivity * AREA), rel=1e-5)
    Z = law.impedance(1e13)
    assert Z * 2j * math.pi * 1e13 == pytest.approx(GAP / (eps * AREA), rel=1e-3)


# --- two baths


def conductance(electrolyte):
    flow = sum(s.valence**2 * s.diffusivity * s.concentration for s in electrolyte.species)
    return math.pi * 100e-9**2 * FARADAY * flow / electrolyte.V_T / NECK


@pytest.mark.parametrize(("dimension", "size"), [("1d", "50 nm"), ("axisymmetric", "100 nm"), ("3d", "150 nm")])
@pytest.mark.parametrize("place", ["base", "top"])
def test_a_neck_between_baths_is_a_resistor(comm, dimension, size, place):
    """I(t) = V(t)/R along a ramp and a train of pulses, whichever end is clamped."""
    other = {"base": "top", "top": "base"}[place]
    V = {"ramp": {"value": "60 mV", "duration": "1 ms"},
         "pulse": {"value": "30 mV", "before": "-10 mV", "duration": "0.2 ms", "onset": "0.1 ms", "count": 2,
                   "interval": "0.5 ms"}}  # fmt: skip
    course = {
        "ramp": lambda t: 60e-3 * t / MS,
        "pulse": lambda t: 30e-3 if 0.1 * MS < t % (0.5 * MS) < 0.3 * MS else -10e-3,
    }
    mesh = neck(comm, size, dimension)
    area = None
    for waveform, keys in V.items() if dimension == "1d" else [("ramp", V["ramp"])]:
        boundaries = {place: clamp(waveform, bath=True, **keys), other: GROUND}
        times = (0.25 * MS, 0.4 * MS, 0.75 * MS, 0.9 * MS)
        steps = [s for s in solved(TransientProblem(mesh, THREE, boundaries), Schedule(MS, times)) if s.listed]
        for step in steps[:-1]:
            end = step.solution.boundary[place]
            area = end.area / (math.pi * 100e-9**2)  # of the mesh over that of the circle
            assert end.potential == pytest.approx(course[waveform](step.time), rel=1e-9)
            assert end.total_current == pytest.approx(course[waveform](step.time) * conductance(THREE) * area, rel=2e-3)
    assert area == pytest.approx(1.0, abs=0.05)


def test_a_table_holds_its_ends_and_steps_end_at_its_rows(comm, tmp_path):
    path = tmp_path / "clamp.csv"
    path.write_text("time_ms,potential_mV\n0.2,-20\n0.3,40\n0.7,10\n")
    boundaries = {"base": GROUND, "top": clamp("table", bath=True, file=str(path), onset="0.1 ms")}
    problem = TransientProblem(neck(comm), SALT, boundaries)
    first = problem.begin("steady")
    assert first.boundary["top"].potential == pytest.approx(-20e-3)
    found = {s.time: s.solution.boundary["top"].potential for s in problem.steps(Schedule(MS))}
    for time, V in ((0.3, -20), (0.4, 40), (0.8, 10), (1.0, 10)):
        at = min(found, key=lambda t: abs(t - time * MS))
        assert at == pytest.approx(time * MS, rel=1e-9)
        assert found[at] == pytest.approx(V * 1e-3)


@pytest.mark.parametrize(
    ("keys", "ends"),
    [
        ({"waveform": "step", "onset": "0.3 ms"}, [0.3]),
        ({"waveform": "pulse", "onset": "0.1 ms", "duration": "0.2 ms", "count": 2, "interval": "0.4 ms"},
         [0.1, 0.3, 0.5, 0.7]),
        ({"waveform": "ramp", "onset": "0.1 ms", "duration": "0.25 ms"}, [0.1, 0.35]),
        ({"waveform": "alpha", "onset": "0.2 ms", "t_peak": "0.3 ms"}, [0.2]),
    ],
)  # fmt: skip
def test_steps_end_where_the_clamp_bends(comm, keys, ends):
    boundaries = {"base": GROUND, "top": clamp(keys.pop("waveform"), bath=True, value="20 mV", **keys)}
    times = np.array([s.time for s in solved(TransientProblem(neck(comm), SALT, boundaries), Schedule(MS))])
    for end in ends:
        assert np.abs(times / (end * MS) - 1.0).min() < 1e-12


def test_third_order_in_time(comm):
    """With fixed steps, from a state within the first period of a sine: the onset, where the slope jumps, is behind."""
    mesh, sine = gap(comm), clamp("sine", value="20 mV", frequency="2 MHz")
    options = SolverOptions(tolerance=1e-12)
    problem = TransientProblem(mesh, SALT, {"base": GROUND, "top": sine}, options)
    problem.run(Schedule(1e-7, tolerance=1e-6))
    packed = pack(problem)

    def at_the_end(steps):
        problem = TransientProblem(mesh, SALT, {"base": GROUND, "top": sine}, options)
        unpack(problem, packed)
        *_, last = problem.steps(Schedule(3e-7, fixed_step=2e-7 / steps))
        return last.solution.unknowns

    reference = at_the_end(240)
    errors = np.array([np.abs(at_the_end(n) - reference).max(axis=0) for n in (40, 80)])
    errors = comm.allreduce(errors, op=np.maximum)
    assert np.log2(errors[0] / errors[1]) == pytest.approx(3.0, abs=0.2)


@pytest.mark.parametrize("wall", ["bath", "blocking"])
def test_a_restart_in_the_middle_of_a_clamp_changes_nothing(comm, wall):
    mesh = neck(comm) if wall == "bath" else gap(comm)
    duration = MS if wall == "bath" else 1e-6
    ramp = clamp("ramp", bath=wall == "bath", value="50 mV", before="5 mV", duration=f"{0.8 * duration * 1e9} ns")
    schedule = Schedule(duration, (0.3 * duration, duration))
    whole, packed, rows = TransientProblem(mesh, SALT, {"top": ramp, "base": GROUND}), None, []
    whole.begin("steady")
    for step in whole.steps(schedule):
        rows.append((step.time, step.solution.boundary["top"].potential, total(step.solution.boundary["base"])))
        if packed is None and step.time >= 0.3 * duration and not step.interpolated:
            packed, reached = pack(whole), step.time
    again = TransientProblem(mesh, SALT, {"top": ramp, "base": GROUND})
    resumed = unpack(again, packed)
    assert resumed.boundary["top"].potential == pytest.approx(5e-3 + 45e-3 * reached / (0.8 * duration), rel=1e-9)
    more = [(s.time, s.solution.boundary["top"].potential, total(s.solution.boundary["base"]))
            for s in again.steps(schedule)]  # fmt: skip
    assert more == rows[-len(more) :]


def test_an_open_end_follows_the_clamp(comm):
    """A floating end carries no current, so a neck without any is at the potential of its clamped end."""
    open_end = Boundary(potential="floating", concentrations="bulk")
    boundaries = {"base": clamp("ramp", bath=True, value="30 mV", duration="0.5 ms"), "top": open_end}
    for step in solved(TransientProblem(neck(comm), SALT, boundaries), Schedule(MS, (0.25 * MS, MS))):
        top, base = (step.solution.boundary[n] for n in ("top", "base"))
        assert abs(total(top)) < 1e-10 * 30e-3 * conductance(SALT)
        assert top.potential == pytest.approx(base.potential, abs=1e-7)
    assert top.potential == pytest.approx(30e-3, rel=1e-9)


@pytest.mark.mpi
def test_the_same_on_any_number_of_ranks(comm):
    found = []
    for c in (MPI.COMM_SELF, comm):
        boundaries = {"base": clamp("step", bath=True, value="30 mV", onset="0.1 ms"), "top": GROUND}
        problem = TransientProblem(neck(c, "80 nm", "axisymmetric"), SALT, boundaries)
        steps = solved(problem, Schedule(0.2 * MS))
        found.append([(s.time, s.solution.boundary["top"].total_current) for s in steps])
    assert np.array(found[1]) == pytest.approx(np.array(found[0]), rel=1e-8, abs=1e-22)


# --- mistakes

TRANSIENT = {"kind": "transient", "duration": "1 ms"}


def case(potential, study=None, boundaries=None, **tables):
    data = tomllib.loads(CASE)
    data["boundaries"] = {"base": {"potential": "0 mV", "concentrations": "bulk"},
                          "top": {"potential": potential} | (boundaries or {})}  # fmt: skip
    return make_case(data | {"study": study or TRANSIENT} | tables)


@pytest.mark.parametrize(
    ("potential", "keys", "message"),
    [
        ({"waveform": "step"}, {}, 'potential.*needs value = "50 mV"'),
        ({"waveform": "constant", "value": "1 mV"}, {}, "potential.waveform"),
        ({"value": "1 mV"}, {}, "potential"),
        ({"waveform": "step", "value": "1 pA"}, {}, "potential.value.*unit of a current"),
        ({"waveform": "step", "value": "nan mV"}, {}, "potential.value.*not a number"),
        ({"waveform": "step", "value": "1 mV", "before": 0}, {}, "potential.before.*is text with a unit"),
        ({"waveform": "step", "value": "1 mV", "t_peak": "1 ms"}, {}, "t_peak is no key of waveform"),
        ({"waveform": "ramp", "value": "1 mV"}, {}, "needs duration"),
        ({"waveform": "table", "value": "1 mV", "file": "x.csv"}, {}, "drop value and before"),
        ({"waveform": "table", "file": "nowhere.csv"}, {}, "potential.file.*nowhere.csv"),
        ({"waveform": "step", "value": "1 V"}, {}, "potential.*lets point ions crowd"),
        ({"waveform": "sine", "value": "0.4 V", "before": "0.3 V", "frequency": "1 kHz"}, {}, "lets point ions crowd"),
        ({"waveform": "sine", "value": "1 mV", "frequency": "1 THz"}, {}, "potential.frequency.*more than 1e"),
        ({"waveform": "step", "value": "1 mV"}, {"study": {"kind": "steady"}}, "potential.waveform.*goes in time"),
        ({"waveform": "step", "value": "1 mV"}, {"boundaries": {"surface_charge": "0.01 C/m^2"}}, "excludes potential"),
        ({"waveform": "sinus", "value": "1 mV"}, {}, "potential.waveform"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(potential, keys, message):
    with pytest.raises(CaseError, match=message) as caught:
        case(potential, **keys)
    assert "\n" not in str(caught.value)


def test_a_clamp_is_varied_like_any_key():
    step = {"waveform": "step", "value": "1 mV", "onset": "0.1 ms"}
    study = TRANSIENT | {"vary": "boundaries.top.potential.value", "values": ["10 mV", "20 mV"]}
    values = [point.boundaries["top"].potential.value for point in case(step, study).points()]
    assert values == pytest.approx([10e-3, 20e-3])


def test_extremes_bound_the_course():
    for keys in ({"waveform": "sine", "value": "5 mV", "before": "2 mV", "frequency": "1 kHz"},
                 {"waveform": "alpha", "value": "5 mV", "before": "-2 mV", "t_peak": "0.1 ms", "count": 3,
                  "interval": "0.05 ms"}):  # fmt: skip
        potential = clamp(**keys).potential
        low, high = sorted(potential.extremes())
        course = [potential.at(t, t) for t in np.linspace(0.0, 2e-3, 2001)]
        assert low - 1e-12 <= min(course) <= max(course) <= high + 1e-12
        assert all(b - a < 5e-3 for a, b in itertools.pairwise(course))
