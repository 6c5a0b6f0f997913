"""Terms of a user, from UFL densities alone: values, currents, balances in space and time, mistakes."""

import itertools
import math

import numpy as np
import pytest

from spinepnp.errors import CaseError
from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import Boundary, Electrolyte, Schedule, SolverOptions, SteadyProblem, TransientProblem
from spinepnp.solvers.pnp.custom_term import Term
from spinepnp.units import FARADAY
from support.cases import GROUND
from support.ions import ion, salt

NECK = Cylinder(length="1 um", radius="100 nm", dimension="1d")
TRACER = Electrolyte(species=[ion("T", 0, 10, 50)])
RATE, OUTSIDE, D, LENGTH = 1e-4, 40.0, 50e-12, 1e-6


class Exchange(Term):
    """Robin condition: flux rate (outside - c) of one species into the domain."""

    def __init__(self, species, boundary, rate, outside):
        self.species, self.boundary, self.rate, self.outside = species, boundary, rate, outside
        self.determines = frozenset({species})

    def parameters(self, time):
        return {"rate": self.rate, "outside": self.outside}

    def densities(self, u):
        p = u.parameters
        return {(self.species, self.boundary): p["rate"] * (p["outside"] - u.c[self.species])}


class Decay(Term):
    """First-order decay of T in the volume."""

    rate = 300.0

    def parameters(self, time):
        return {"rate": self.rate}

    def densities(self, u):
        return {("T", "volume"): -u.parameters["rate"] * u.c["T"]}


@pytest.fixture(scope="module")
def line(comm):
    return generate(NECK, MeshOptions(size="50 nm"), comm)


def bath(**concentrations):
    return Boundary.model_validate({"concentrations": {n: f"{c} mM" for n, c in concentrations.items()}})


@pytest.mark.parametrize("formulation", ["density", "log", "nodal"])
@pytest.mark.parametrize("dimension", ["1d", "axisymmetric", "3d"])
def test_a_robin_condition_on_a_neutral_species(comm, dimension, formulation):
    """c(L) = (c(0) D/L + k c_out) / (D/L + k), between them a straight line."""
    size = {"1d": "50 nm", "axisymmetric": "50 nm", "3d": "100 nm"}[dimension]
    mesh = generate(NECK.model_copy(update={"dimension": dimension}), MeshOptions(size=size, element_degree=1), comm)
    options = SolverOptions(formulation=formulation, tolerance=1e-13)
    data = {"base": bath(T=10)}
    problem = SteadyProblem(mesh, TRACER, data, options, terms=[Exchange("T", "top", RATE, OUTSIDE)])
    solution = problem.solve(TRACER, data)
    problem.destroy()
    conductance = D / LENGTH
    expected = (10.0 * conductance + RATE * OUTSIDE) / (conductance + RATE)
    # A logarithm is no straight line within a cell; sums along edges have the exact one.
    assert solution.boundary["top"].concentration["T"] == pytest.approx(
        expected, rel=2e-3 if formulation == "log" else 1e-9
    )


def test_terms_are_added_before_a_solve_and_their_values_between_solves(line):
    data = {"base": bath(T=10)}
    problem = SteadyProblem(line, TRACER, data)
    assert problem.solve(TRACER, data).boundary["top"].concentration["T"] == pytest.approx(10.0, rel=1e-12)
    term = Exchange("T", "top", RATE, OUTSIDE)
    problem.terms.append(term)
    first = problem.solve(TRACER, data).boundary["top"].concentration["T"]
    term.outside = 10.0
    assert problem.solve(TRACER, data).boundary["top"].concentration["T"] == pytest.approx(10.0, rel=1e-12)
    problem.terms.remove(term)
    assert problem.solve(TRACER, data).boundary["top"].concentration["T"] == pytest.approx(10.0, rel=1e-12)
    problem.destroy()
    assert first == pytest.approx((10.0 * D / LENGTH + RATE * OUTSIDE) / (D / LENGTH + RATE), rel=1e-9)


@pytest.mark.parametrize("linear", ["direct", "block"])
def test_an_ion_that_is_exchanged_carries_a_current_that_is_balanced(line, linear):
    electrolyte, data = salt(100, (133, 203)), {"base": GROUND}
    term = Exchange("C", "top", 1e-4, 120.0)
    problem = SteadyProblem(line, electrolyte, data, SolverOptions(linear=linear), terms=[term])
    solution = problem.solve(electrolyte, data)
    problem.destroy()
    top = solution.boundary["top"]
    law = FARADAY * term.rate * (term.outside - top.concentration["C"]) * top.area
    assert top.current["C"] == pytest.approx(law, rel=1e-9)
    assert top.current["C"] > 1e-12
    assert solution.boundary["base"].current["C"] == pytest.approx(-law, rel=1e-8)
    assert solution.ion_balance < 1e-8
    assert solution.electroneutral == {}


def test_decay_in_the_volume_at_the_rate_of_the_elements(comm):
    """D c'' = k c with c(0) = C and no flux at L: c(L) = C / cosh(L sqrt(k/D))."""
    data, errors = {"base": bath(T=10)}, []
    for size in ("100 nm", "50 nm", "25 nm"):
        mesh = generate(NECK, MeshOptions(size=size, element_degree=1), comm)
        problem = SteadyProblem(mesh, TRACER, data, SolverOptions(tolerance=1e-12), terms=[Decay()])
        solution = problem.solve(TRACER, data)
        problem.destroy()
        expected = 10.0 / math.cosh(LENGTH * math.sqrt(Decay.rate / D))
        errors.append(abs(solution.boundary["top"].concentration["T"] / expected - 1.0))
        assert solution.ion_balance < 1e-8
    assert [math.log2(a / b) for a, b in itertools.pairwise(errors)] == pytest.approx([2.0, 2.0], abs=0.05)
    assert errors[-1] < 1e-3


def test_decay_in_time_and_the_balance_of_what_is_produced(line):
    """A closed line: N = N_0 e^-kt, and the defect of the balance is rounding."""
    problem = TransientProblem(line, TRACER, {}, terms=[Decay()])
    start = problem.begin().volume.amount["T"]
    steps = list(problem.steps(Schedule(0.01, (0.01,), 1e-6)))
    problem.destroy()
    last = steps[-1]
    assert last.solution.volume.amount["T"] == pytest.approx(start * math.exp(-Decay.rate * 0.01), rel=1e-5)


def test_an_ion_that_decays_in_time_is_balanced_by_its_production(line):
    """The charge that decays leaves through the ground; amounts follow from currents and production to rounding."""

    class Loss(Term):
        def densities(self, u):
            return {("C", "volume"): -200.0 * u.c["C"]}

    electrolyte, data = salt(1.0, (133, 203)), {"base": GROUND}
    problem = TransientProblem(line, electrolyte, data, terms=[Loss()])
    problem.begin()
    last = list(problem.steps(Schedule(0.001, (0.001,), 1e-4)))[-1]
    problem.destroy()
    amounts = last.solution.volume.amount
    assert last.defect["C"] < 1e-9 * amounts["C"]
    assert last.solution.ion_balance < 1e-8


@pytest.mark.mpi
def test_a_term_gives_the_same_on_any_number_of_ranks(comm):
    electrolyte, data = salt(100, (133, 203)), {"base": GROUND}
    shape, found = NECK.model_copy(update={"dimension": "3d"}), []
    for c in (MPI.COMM_SELF, comm):
        mesh = generate(shape, MeshOptions(size="80 nm"), c)
        problem = SteadyProblem(mesh, electrolyte, data, terms=[Exchange("C", "top", 1e-4, 120.0)])
        found.append(problem.solve(electrolyte, data))
        problem.destroy()
    alone, together = (np.array([s.boundary["top"].potential, s.boundary["top"].current["C"]]) for s in found)
    assert together == pytest.approx(alone, rel=1e-8)


@pytest.mark.parametrize(
    ("term", "message"),
    [
        (type("A", (Term,), {"densities": lambda self, u: {("Q", "top"): u.c["T"]}})(), "no such species"),
        (type("A", (Term,), {"densities": lambda self, u: {("T", "roof"): u.c["T"]}})(), "no such boundary"),
        (type("A", (Term,), {"densities": lambda self, u: [1]})(), "must be a dictionary"),
        (type("A", (Term,), {"densities": lambda self, u: {"T": u.c["T"]}})(), "is keyed by"),
        (type("A", (Term,), {"densities": lambda self, u: {}})(), "gives no density"),
        (type("A", (Term,), {"densities": lambda self, u: {("T", "top"): u.V * u.x}})(), "is no scalar"),
        (object(), "is no term"),
        (
            type("A", (Term,), {"parameters": lambda self, time: {"k": math.nan},
                                "densities": lambda self, u: {("T", "top"): u.parameters["k"]}})(),
            "is not finite",
        ),
    ],
)  # fmt: skip
def test_mistakes_of_terms_are_one_line(line, term, message):
    data = {"base": bath(T=10)}
    with pytest.raises(CaseError, match=message):
        SteadyProblem(line, TRACER, data, terms=[term]).solve(TRACER, data)


def test_ions_at_a_floating_potential_are_refused(line):
    """The equation of its net current would not know them."""
    electrolyte = salt(100, (133, 203))
    data = {"base": GROUND, "top": Boundary(potential="floating", concentrations={"A": "100 mM"})}
    with pytest.raises(CaseError, match="net current of a floating potential"):
        SteadyProblem(line, electrolyte, data, terms=[Exchange("C", "top", 1e-4, 120.0)]).solve(electrolyte, data)
