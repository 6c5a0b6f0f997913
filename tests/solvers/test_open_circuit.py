"""A floating potential in time: no total current passes, that of ions and displacement together."""

from dataclasses import replace

import numpy as np
import pytest

from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary, Electrolyte, SolverOptions, SteadyProblem
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.time.checkpoint import pack, unpack
from spinepnp.solvers.time.transient import TransientProblem
from spinepnp.units import FARADAY
from spinepnp.validation.reference import onedimensional
from spinepnp.validation.reference.onedimensional import End, Ion
from support.cases import GROUND, MS, current
from support.charged_cases import ROOM
from support.ions import THREE, salt
from support.measures import closes

ACID = salt(10, (9310, 2030), ("H", "Cl"), **ROOM)
OPEN = Boundary(potential="floating", concentrations={"H": "100 mM", "Cl": "100 mM"})

#: Times in s and potentials in mV, by an independent solution of the same equations on a line.
RIGHT = {1e-12: -0.09095, 1e-10: -7.6847, 1e-9: -29.4958, 1e-8: -37.1686, 1e-7: -37.8910, 1e-3: -37.9766}


def neck(comm, dimension="1d", size="5 nm", degree=2, grade="2 nm"):
    shape = Cylinder(length="1 um", radius="100 nm", dimension=dimension)
    options = MeshOptions(size=size, element_degree=degree, grade={"top": {"size": grade, "growth": 1.2}})
    return generate(shape, options, comm)


@pytest.fixture(scope="module")
def mesh(comm):
    return neck(comm)


def acid(mesh, formulation="density", linear="direct", boundaries=None, electrolyte=ACID):
    boundaries = boundaries or {"base": GROUND, "top": OPEN}
    return TransientProblem(mesh, electrolyte, boundaries, SolverOptions(formulation=formulation, linear=linear))


@pytest.mark.parametrize(("formulation", "linear"), [
    ("density", "direct"), ("log", "direct"), ("nodal", "direct"), ("density", "block"),
])  # fmt: skip
@pytest.mark.mpi
def test_an_acid_in_open_circuit_from_the_first_picosecond(mesh, formulation, linear):
    """The potential rises as ions part, in Debye times, to that of the junction; no charge passes on the way."""
    problem = acid(mesh, formulation, linear)
    problem.begin()
    before, found = problem.progress.time_state.rates.charge, {}
    assert before[list(mesh.geometry.boundaries).index("top")] == pytest.approx(0.0, abs=1e-22)
    for step in problem.steps(Schedule(1 * MS, tuple(RIGHT))):
        closes(step, before)
        passed = max(abs(charge) for charges in step.passed.values() for charge in charges.values()) / FARADAY
        amounts = step.solution.volume.amount
        assert all(defect <= 1e-10 * passed + 1e-13 * amounts[name] for name, defect in step.defect.items())
        if step.listed:
            found[step.time] = step.solution.boundary["top"].potential * 1e3
    assert found == pytest.approx(RIGHT, rel=1e-2)


@pytest.mark.parametrize(("dimension", "linear"), [("axisymmetric", "direct"), ("3d", "block")])
@pytest.mark.mpi
def test_in_more_dimensions(comm, dimension, linear):
    """On cells that only the layer's potential needs fine: charges close to rounding on any of them."""
    problem = acid(neck(comm, dimension, "80 nm", 1, "10 nm"), linear=linear)
    problem.begin()
    before = problem.progress.time_state.rates.charge
    for step in problem.steps(Schedule(1e-6, (1e-10, 1e-6))):
        closes(step, before)
    assert step.solution.boundary["top"].potential * 1e3 == pytest.approx(-37.97, rel=2e-2)


def test_a_slow_drift_has_the_potential_of_the_steady_junction(mesh):
    """From ever slower changes the open circuit forgets the displacement, and what is left is that of the ions."""
    problem = acid(mesh)
    *_, last = problem.steps(Schedule(20 * MS, tolerance=1e-5))
    steady = SteadyProblem(mesh, ACID, {"base": GROUND, "top": OPEN})
    expected = steady.solve(ACID, {"base": GROUND, "top": OPEN})
    found = last.solution.boundary["top"]
    assert found.potential == pytest.approx(expected.boundary["top"].potential, rel=1e-8)
    assert found.current == pytest.approx(expected.boundary["top"].current, rel=1e-6)
    assert abs(found.displacement) < 1e-9 * max(map(abs, found.current.values()))


def test_it_starts_from_the_steady_junction_with_the_charge_of_its_field(mesh):
    """Nothing moves, and the charge on the boundary is that of the steady field: no step at the start."""
    problem = acid(mesh)
    first = problem.begin("steady")
    *_, last = problem.steps(Schedule(1 * MS))
    assert last.solution.boundary["top"].potential == pytest.approx(first.boundary["top"].potential, rel=1e-9)


@pytest.mark.parametrize(("formulation", "degree"), [("density", 2), ("nodal", 1)])
def test_third_order_in_time(comm, formulation, degree):
    """The constant of the floating boundary is an algebraic one of index one: the method keeps its order."""
    problem = acid(neck(comm, size="20 nm", degree=degree, grade="5 nm"), formulation)
    list(problem.steps(Schedule(1e-9, tolerance=1e-6)))
    packed, found = pack(problem), []
    for steps in (10, 20, 40, 160):
        unpack(problem, packed)
        problem.progress.started = True  # the state is smooth: no step of backward Euler
        *_, last = problem.steps(Schedule(9e-9, fixed_step=8e-9 / steps))
        found.append(last.solution.boundary["top"].potential)
    errors = np.abs(np.array(found[:-1]) - found[-1])
    assert np.all(errors > 1e-10)
    assert np.all(errors[:-1] / errors[1:] > 6.0)


@pytest.mark.mpi
def test_an_injected_current_leaves_by_ions_and_displacement(mesh):
    """A species that is injected through the floating boundary itself: what comes in goes out there, as a whole."""
    pulse = current(50, "N", waveform="pulse", onset="1 us", duration="1 us").injections
    top = Boundary(potential="floating", concentrations={"K": "155 mM", "A": "167 mM"}, current=pulse)
    problem = acid(mesh, boundaries={"base": GROUND, "top": top}, electrolyte=THREE)
    problem.begin()
    before, early = problem.progress.time_state.rates.charge, []
    for step in problem.steps(Schedule(3e-6, (1.0001e-6, 1.9e-6))):
        closes(step, before, rounding=1e-10 * 50e-12)
        if step.listed:
            early.append(step.solution.boundary["top"])
    assert early[1].current["N"] == pytest.approx(50e-12)
    assert abs(early[0].displacement) > 20 * abs(early[1].displacement)


@pytest.mark.parametrize("formulation", ["density", "log", "nodal"])
def test_values_that_are_not_neutral_bring_no_charge_in(comm, formulation):
    """One species held in open circuit: what its value brings into the first cells is made up for at once."""
    top = Boundary(potential="floating", concentrations={"H": "50 mM"})
    problem = acid(neck(comm, grade="0.5 nm"), formulation, boundaries={"base": GROUND, "top": top})
    first = problem.begin()
    assert abs(first.boundary["top"].potential) < 0.1  # without it 6 V: a charged plate over the whole length
    before = problem.progress.time_state.rates.charge
    for step in problem.steps(Schedule(1e-9, (1e-12,))):
        closes(step, before)


@pytest.mark.mpi
def test_two_open_circuits_that_share_a_rim(comm):
    """The rim is the first one's: each has one potential, at which its own total current is zero."""
    shape = Cylinder(length="1 um", radius="100 nm", dimension="axisymmetric")
    mesh = generate(shape, MeshOptions(size="50 nm"), comm)
    wall = Boundary(potential="floating", concentrations={"H": "30 mM", "Cl": "30 mM"})
    boundaries = {"base": GROUND, "top": OPEN, "wall": wall}
    steady = SteadyProblem(mesh, ACID, boundaries).solve(ACID, boundaries)
    assert steady.statistics.newton < 8  # with a wrong derivative 19
    for name in ("top", "wall"):
        state = steady.boundary[name]
        assert abs(state.total_current) < 1e-10 * abs(state.current["H"])
    problem = acid(mesh, boundaries=boundaries)
    problem.begin()
    before = problem.progress.time_state.rates.charge
    for step in problem.steps(Schedule(1e-3, (1e-9, 1e-6))):
        for name in ("top", "wall"):
            closes(step, before, name)
    for name, state in step.solution.boundary.items():
        assert state.potential == pytest.approx(steady.boundary[name].potential, rel=1e-8)


@pytest.mark.parametrize("formulation", ["density", "nodal"])
def test_a_restart_changes_nothing(mesh, formulation):
    """Charges on boundaries are in the checkpoint."""
    times = (1e-10, 1e-8)
    whole = acid(mesh, formulation)
    steps = whole.steps(Schedule(1e-8, times))
    packed = next(pack(whole) for step in steps if step.time > 1e-10 and not step.interpolated)
    unbroken = [s.solution.boundary["top"] for s in steps]
    resumed = acid(mesh, formulation)
    resumed.system.set_data(resumed.problem_data)
    unpack(resumed, packed)
    again = [s.solution.boundary["top"] for s in resumed.steps(Schedule(1e-8, times))]
    assert len(again) == len(unbroken)
    assert [b.potential for b in again] == pytest.approx([b.potential for b in unbroken], rel=1e-12)
    assert [b.displacement for b in again] == pytest.approx([b.displacement for b in unbroken], rel=1e-9)


@pytest.mark.parametrize(
    ("formulation", "degree", "charge"),
    [("density", 1, "0 mM"), ("log", 1, "0 mM"), ("nodal", 1, "0 mM"), ("nodal", 1, "-50 mM"), ("nodal", 2, "-50 mM")],
)
def test_the_derivative_is_that_of_the_residual(comm, formulation, degree, charge):
    """Rows and columns of the floating boundary in a time step, by differences."""
    gel = ACID.model_dump() | {"fixed_charge": [{"region": ("0.2 um", "0.6 um"), "value": charge}]}
    electrolyte = ACID if charge == "0 mM" else Electrolyte(**gel)
    problem = acid(neck(comm, size="100 nm", degree=degree, grade="50 nm"), formulation, electrolyte=electrolyte)
    problem.begin()
    list(problem.steps(Schedule(1e-9)))
    system, vector = problem.system, problem.system.state.vector
    b = [system.state.layout.vector() for _ in range(2)]
    system.jacobian(vector, system.A)
    direction, product = system.state.layout.vector(), system.state.layout.vector()
    generator, size = np.random.default_rng(1), direction.getLocalSize()
    free = np.append(system.constraints.free.T.ravel(), np.ones(size - system.constraints.free.size, bool))
    direction.array[:] = generator.standard_normal(size) * free
    system.border.mult(direction, product)
    h = 1e-6
    for side, sign in zip(b, (1.0, -1.0), strict=True):
        moved = vector.copy()
        moved.axpy(sign * h, direction)
        system.residual(moved, side)
    difference = (b[0].array_r - b[1].array_r) / (2 * h)
    assert product.array_r[-1] == pytest.approx(difference[-1], rel=1e-6)
    assert product.array_r * free == pytest.approx(difference * free, rel=1e-5, abs=1e-7 * np.abs(difference).max())


class TestReference:
    """The independent solver in one dimension has the same physics in another form: the total current has no sources
    in the domain, and none enters at an open end."""

    def problem(self, **open_end):
        held = {"potential": 0.0, "concentrations": (10.0, 10.0)}
        return onedimensional.Problem(
            onedimensional.line(1e-6, np.pi * 1e-14), (Ion("H", 1, 9.31e-9), Ion("Cl", -1, 2.03e-9)),
            78.36 * 8.8541878128e-12, ACID.V_T, End(**held),
            End(concentrations=(100.0, 100.0), open_circuit=True, **open_end),
        )  # fmt: skip

    def test_it_has_the_potentials_of_the_open_circuit(self):
        states = onedimensional.solve_transient(self.problem(), list(RIGHT), initial=(10.0, 10.0), order=10, rtol=1e-5)
        assert [1e3 * s.potential[-1] for s in states] == pytest.approx(list(RIGHT.values()), rel=1e-3)
        for state in states:
            assert abs(state.total_entering).max() < 1e-9 * np.abs(state.entering).max()

    def test_the_steady_one_carries_no_ionic_current(self):
        steady = onedimensional.solve_steady(self.problem())
        assert 1e3 * steady.potential[-1] == pytest.approx(-37.97661, rel=1e-6)
        assert abs(steady.entering[1].sum()) < 1e-9 * abs(steady.entering[1]).max()

    @pytest.mark.parametrize(
        ("change", "problem"),
        [({"potential": 0.0}, "decides the potential"), ({"normal_field": 1.0}, "decides the potential"),
         ({"field_matched": True}, "no matched field")],
    )  # fmt: skip
    def test_what_contradicts_it_is_refused(self, change, problem):
        with pytest.raises(ValueError, match=problem):
            self.problem(**change)

    def test_it_needs_a_ground(self):
        good = self.problem()
        with pytest.raises(ValueError, match="the other end holds"):
            replace(good, left=End(concentrations=(10.0, 10.0)))
