"""Terms of the equations: the Jacobian of each by differences, alone and all together; fast assembly against forms."""

from dataclasses import replace

import numpy as np
import pytest

from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.runtime.stack import fem, ufl
from spinepnp.solvers import Boundary, Closed, Electrolyte, SolverOptions
from spinepnp.solvers.pnp.blocks import Blocks
from spinepnp.solvers.pnp.custom_term import Term
from spinepnp.solvers.pnp.step_data import Stage, StateStep
from spinepnp.solvers.pnp.terms import term_kinds
from spinepnp.solvers.problem.problem import Problem
from support.ions import ion

SPECIES = [
    ion("Na", 1, 100, 133), ion("Ca", 2, 20, 79), ion("Cl", -1, 110, 203), ion("T", 0, 5, 50, source="1 mol/(m^3 s)"),
]  # fmt: skip
CHARGED = Electrolyte(species=SPECIES, fixed_charge="-30 mM")
LAYERED = Electrolyte(
    species=SPECIES, neutral=False, fixed_charge=[{"region": ["0.2 um", "0.5 um"], "value": "-30 mM"}]
)
GATED = {
    "law": "gates", "species": "Na", "conductance": "2 nS", "reversal": "50 mV",
    "gates": [{"half": "-20 mV", "slope": "8 mV", "time": "0.2 ms", "power": 3}],
}  # fmt: skip
LEAK = {"law": "ghk", "species": "Ca", "permeability": "1e-3 m/s", "outside": "2 mM", "outside_potential": "10 mV"}
BATH = {"potential": "5 mV", "concentrations": "bulk"}
CURRENT = {"species": "Cl", "value": "20 pA"}
EXCHANGE = [
    {"species": "Ca", "rate": "1e-4 m/s", "outside": "30 mM"},
    {"species": "T", "rate": "2e-4 m/s", "outside": "1 mM"},
]
FLUX = [{"species": "Na", "value": "1e-3 mol/(m^2 s)"}, {"species": "T", "value": "-1e-4 mol/(m^2 s)"}]
CELL = Electrolyte(
    species=[ion("Na", 1, 30, 133), ion("K", 1, 100, 196), ion("Cl", -1, 110, 203), ion("T", 0, 5, 50)],
    fixed_charge="-20 mM",
)
CLEFT = {"cleft": {"volume": "0.01 um^3", "concentrations": {"Na": "145 mM", "K": "4 mM", "Cl": "149 mM"}}}
GATES = [
    {"half": "-20 mV", "slope": "8 mV", "time": "0.2 ms", "power": 3},
    {"half": "-30 mV", "slope": "-9 mV", "time": "0.5 ms"},
]
MECHANISMS = [
    {"name": "leak", "law": "ghk", "permeability": {"Na": "1e-5 m/s", "K": "3e-4 m/s", "Cl": "2e-5 m/s"}},
    {"name": "pump", "law": "pump", "kind": "nak", "maximum": "2000 A/m^2"},
    {"name": "Nav", "law": "ohmic", "species": "Na", "conductance": "300 S/m^2", "gates": GATES},
    {
        "name": "NMDA", "law": "ghk", "permeability": {"Na": 1, "K": 1}, "conductance": "2 nS", "magnesium": "1 mM",
        "traces": "local",
    },
    {
        "name": "simple", "law": "ohmic", "conductance": "1 nS", "reversal": "0 mV", "carriers": {"Na": 1.2, "K": -0.2},
        "gates": GATES[1:],
    },
]  # fmt: skip
SPINE = Electrolyte(
    species=[
        ion("Na", 1, 30, 133), ion("K", 1, 80, 196), ion("Ca", 2, 5, 79), ion("A", -1, 120, 203), ion("T", 0, 5, 50),
    ]
)  # fmt: skip
LUMEN = {"Na": "10 mM", "K": "80 mM", "Ca": "30 mM", "T": "3 mM", "A": "150 mM"}
STORE = {"er": {"volume": "0.01 um^3", "concentrations": LUMEN}}
EXCHANGER = {"name": "NCX", "law": "exchanger", "kind": "ncx", "maximum": "1e5 A/m^2"}
CALCIUM = [
    {
        "name": "SERCA", "law": "hill", "species": "Ca", "maximum": "3e-3 mol/(m^2 s)", "half": "6 mM", "power": 2.5,
        "counter": "K",
    },
    {"name": "uptake", "law": "hill", "species": "T", "maximum": "1e-16 mol/s", "half": "4 mM"},
    {
        "name": "RyR", "law": "ghk", "counter": "K",
        "permeability": {"Ca": "3e-4 m/s", "Na": "1e-4 m/s", "T": "1e-4 m/s"},
        "gates": [
            {"steady": "[Ca]**2/([Ca]**2 + 30*mM**2)", "power": 3},
            {
                "alpha": "2/(ms*mM)*[Ca] * exp(V/(30 mV))", "beta": "3/(ms*mM)*[T] + 1/(ms*mM)*[IP3]",
                "constants": {"IP3": "1 mM"}, "power": 2,
            },
        ],
    },
]  # fmt: skip
CABLE = {
    "diameter": "1 um", "length": "1 um", "axial_resistivity": "1 Ohm m", "membrane_resistance": "1e-5 Ohm m^2",
    "membrane_capacitance": "1 uF/cm^2", "rest": "10 mV",
}  # fmt: skip
REACTING = Electrolyte(
    species=[
        ion("Na", 1, 60, 133), ion("Ca", 2, 20, 79), ion("Cl", -1, 100, 203), ion("B", -1, 20, 0), ion("CaB", 1, 20, 0),
        ion("T", 0, 5, 50),
    ],
    neutral=False,
    reactions=[
        {"equation": "Ca + B <-> CaB", "forward": "2e6 1/(M s)", "backward": "4e4 1/s"},
        {"equation": "2 T + B <-> B", "forward": "1e8 1/(M^2 s)", "backward": "1e2 1/s", "region": ["0.2 um", "1 um"]},
        {"equation": "T <->", "forward": "1e4 1/s", "backward": "50 mM/ms"},
    ],
)  # fmt: skip
MEMBRANE = {"capacitance": {"value": "0.01 F/m^2", "outside": "30 mV"}}


class Uptake(Term):
    """Saturating, voltage-dependent uptake through the top, a reaction of two species, and a polarisable wall."""

    def parameters(self, time):
        return {"most": 1e-3, "half": 20.0, "rate": 1e-2}

    def densities(self, u):
        p, c = u.parameters, u.c
        taken = p["most"] * c["T"] / (p["half"] + c["T"]) * ufl.exp(u.V / 0.05)
        binding = p["rate"] * c["Na"] * c["T"]
        return {
            ("T", "top"): -taken, ("Cl", "top"): 0.3 * taken, ("T", "volume"): -binding, ("Na", "volume"): binding,
            ("potential", "top"): 1e-2 * ufl.tanh(u.V / 0.1), ("potential", "volume"): 1e4 * u.V,
        }  # fmt: skip


#: Cases by name: electrolyte, boundaries, closed amounts, terms of the user.
CASES = {
    "bath_and_current": (CHARGED, {"base": BATH, "top": {"current": CURRENT}}, None, ()),
    "membrane_and_channels": (CHARGED, {"base": BATH, "top": {**MEMBRANE, "channel": [GATED, LEAK]}}, None, ()),
    "matched": (CHARGED, {"base": BATH, "top": {"current": CURRENT, "field_matched": True}}, None, ()),
    "floating_and_load": (
        CHARGED,
        {
            "base": {"concentrations": "bulk", "load": {"cable": CABLE}},
            "top": {"potential": "floating", "concentrations": {"Na": "80 mM"}, "current": CURRENT},
        },
        None,
        (),
    ),
    "regions_and_wall_charge": (LAYERED, {"base": BATH, "top": {"surface_charge": "0.01 C/m^2"}}, None, ()),
    "closed": (
        Electrolyte(species=[ion("C", 1, 10), ion("A", -1, 10)]), {}, Closed(amounts={"C": "2e5 ions"}), (),
    ),
    "custom": (CHARGED, {"base": BATH}, None, (Uptake(),)),
    "mechanisms": (
        CELL,
        {
            "base": BATH,
            "top": {**MEMBRANE, "mechanism": MECHANISMS, "outside": {"compartment": "cleft"}},
        },
        None,
        (),
        CLEFT,
    ),
    "mechanisms_in_a_bath": (
        CELL,
        {
            "base": {"potential": "5 mV"},
            "top": {
                "concentrations": {"T": "5 mM"}, "mechanism": MECHANISMS, "traces": "local",
                "outside": {"concentrations": {"Na": "145 mM", "K": "4 mM", "Cl": "149 mM"}},
            },
        },
        None,
        (),
    ),
    "enclosed": (
        CELL,
        {
            "base": {"concentrations": {"T": "5 mM"}},
            "top": {**MEMBRANE, "mechanism": MECHANISMS, "outside": {"compartment": "cleft"}},
        },
        None,
        (),
        CLEFT,
    ),
    "reactions": (REACTING, {"base": BATH, "top": {"current": CURRENT}}, None, ()),
    "reactions_enclosed": (
        REACTING.model_copy(update={"reactions": REACTING.reactions[:1]}), {}, Closed(amounts={"Ca": "2e5 ions"}), (),
    ),
    "calcium": (
        SPINE,
        {"base": BATH, "top": {"mechanism": [EXCHANGER, *CALCIUM], "outside": {"concentrations": LUMEN}}},
        None,
        (),
    ),
    "store": (
        SPINE,
        {"base": BATH, "top": {"mechanism": CALCIUM, "outside": {"compartment": "er", "potential": "inside"}}},
        None,
        (),
        STORE,
    ),
    "exchange": (CHARGED, {"base": BATH, "top": {"exchange": EXCHANGE, "flux": FLUX}}, None, ()),
}  # fmt: skip


@pytest.fixture(scope="module")
def meshes(comm):
    shape = Cylinder(length="1 um", radius="200 nm", dimension="1d")
    sizes = {"1d": "50 nm", "axisymmetric": "100 nm", "3d": "200 nm"}
    bodies = {name: shape.model_copy(update={"dimension": name}) for name in sizes}
    return {
        (name, degree): generate(bodies[name], MeshOptions(size=size, element_degree=degree), comm)
        for name, size in sizes.items()
        for degree in (1, 2)
    }


def problem_at_a_rough_state(mesh, name, formulation, in_time):
    """A problem whose state is far from any solution, in a steady state or within a step."""
    electrolyte, tables, closed, terms, *compartments = CASES[name]
    boundaries = {n: b if isinstance(b, Boundary) else Boundary.model_validate(b) for n, b in tables.items()}
    problem = Problem(
        mesh,
        electrolyte,
        boundaries,
        SolverOptions(formulation=formulation),
        closed=closed,
        terms=terms,
        compartments=compartments[0] if compartments else None,
    )
    system, rng = problem.system, np.random.default_rng(1)
    system.set_data(problem.problem_data)
    if in_time:
        data = replace(problem.problem_data, transient=True)
        states = StateStep(np.full(len(system.equations.state_names()), 0.3), 1e-4)
        at_nodes = StateStep(
            np.full((system.equations.fields.owned, len(system.equations.nodal_state_names())), 0.3), 1e-4
        )
        charges = dict.fromkeys(mesh.geometry.boundaries, 0.01)
        system.set_step(Stage(data, 0.03, system.equations.fields.storage(), states, at_nodes, charges))
    x = system.equations.fields.operators.space.tabulate_dof_coordinates()
    z = x[:, mesh.mesh.geometry.dim - 1]
    rough = np.array([rng.uniform(0.6, 1.4) + 0.3 * np.sin(rng.uniform(3, 9) * z) for _ in electrolyte.species]).T
    variables = system.equations.fields.variables
    start = np.column_stack([variables.unknowns(rough), 0.4 * np.cos(5.0 * z)])
    system.constraints.prescribe(start)
    system.state.iterate_from(start)
    system.state.assign(system.state.vector)
    return problem, rng


def directional(function, state, change, size=1e-5):
    """Derivative of a function of a vector in a direction, by central differences of fourth order."""
    values = [function(state + k * size * change) for k in (-2, -1, 1, 2)]
    return (values[0] - 8.0 * values[1] + 8.0 * values[2] - values[3]) / (12.0 * size)


def products(term, fields, change):
    """Product of the Jacobian of one term with a change of the owned unknowns, shape (owned, N + 1)."""
    blocks = Blocks(fields.operators, fields.count + 1, term.pairs, term.nodal_pairs)
    blocks.begin()
    term.add_jacobian(blocks)
    blocks.finish()
    total, x, y = np.zeros_like(change), fields.operators.vector(), fields.operators.vector()
    for i, j in (*term.pairs, *term.nodal_pairs):
        x.array[:] = change[:, j]
        blocks[i, j].mult(x, y)
        total[:, i] += y.array_r
    for item in (blocks, x, y):
        item.destroy()
    return total


#: Mesh, unknowns, and whether within a step: each dimension and degree with the unknowns that assemble in its own way.
SETTINGS = [
    (("1d", 1), "density", False), (("1d", 1), "log", True), (("1d", 1), "nodal", False), (("1d", 2), "nodal", True),
    (("axisymmetric", 1), "density", True), (("axisymmetric", 1), "log", False), (("axisymmetric", 1), "nodal", True),
    (("3d", 1), "density", True), (("3d", 1), "nodal", False), (("1d", 2), "density", False),
]  # fmt: skip


#: These with each case; mechanisms of calcium differ from others by their currents only, whatever the body.
PAIRS = [(name, *s) for name in CASES for s in (SETTINGS[:2] if name in ("calcium", "store") else SETTINGS)]


@pytest.mark.parametrize(("name", "body", "formulation", "in_time"), PAIRS, ids=str)
def test_jacobian_of_each_term_and_of_all(meshes, name, body, formulation, in_time):
    in_time = in_time and name != "matched"  # field-matched injectors are steady
    problem, rng = problem_at_a_rough_state(meshes[body], name, formulation, in_time)
    system, fields = problem.system, problem.system.equations.fields
    comm, owned = fields.comm, fields.owned
    before = system.state.local_unknowns()
    change = rng.standard_normal((owned, fields.count + 1))

    def residual_of(term):
        def evaluate(unknowns):
            system.state.restore(system.state.with_ghosts(unknowns))
            residual = np.zeros_like(unknowns)
            term.add_residual(residual)
            return residual

        return evaluate

    for term in system.equations.terms:
        expected = directional(residual_of(term), before[:owned], change)
        system.state.restore(before)
        found = products(term, fields, change)
        assert np.abs(found - expected).max(initial=0.0) <= 1e-8 * max(np.abs(expected).max(initial=0.0), 1e-6), term

    vector, b = system.state.vector, system.state.layout.vector()
    state = np.array(vector.array_r)
    shared = ~system.constraints.free & ~system.constraints.prescribed_dofs()  # they follow their constants
    whole = np.where(shared, 0.0, change)
    direction = np.concatenate([whole.T.ravel(), rng.standard_normal(state.size - change.size)])

    def residual(values):
        vector.array[:] = values
        system.residual(vector, b)
        return np.array(b.array_r)

    expected = directional(residual, state, direction, size=1e-5)
    vector.array[:] = state
    system.jacobian(vector, system.A)
    x = system.state.layout.vector()
    x.array[:] = direction
    (system.border.mult if system.border is not None else system.A.mult)(x, b)
    error, size = np.abs(b.array_r - expected), np.abs(expected)
    assert comm.allreduce(float(error.max())) <= 2e-8 * comm.allreduce(float(size.max()))
    for item in (b, x):
        item.destroy()
    problem.destroy()


def test_every_kind_of_term_is_among_these_cases(meshes):
    found = set()
    for name in CASES:
        problem, _ = problem_at_a_rough_state(meshes["1d", 1], name, "density", False)
        found |= {
            type(term)
            for term in problem.system.equations.terms
            if term.pairs or term.nodal_pairs or hasattr(term, "count")
        }
        problem.destroy()
    computes = {kind for kind in term_kinds() if "add_residual" in dir(kind)}
    loads = {kind.__name__ for kind in computes - found}
    assert loads <= {"Dirichlet", "Injection", "Source", "SurfaceCharge", "FixedCharge", "Flux"}


@pytest.mark.parametrize("formulation", ["density", "log"])
@pytest.mark.parametrize("body", [("1d", 1), ("1d", 2), ("axisymmetric", 1), ("axisymmetric", 2), ("3d", 1)], ids=str)
def test_assembly_of_each_term_is_that_of_its_integrand(meshes, body, formulation):
    """Products of matrices, and sums along edges, against the form that DOLFINx assembles at high degree."""
    problem, _ = problem_at_a_rough_state(meshes[body], "bath_and_current", formulation, True)
    fields = problem.system.equations.fields
    measure, degree = fields.operators.measure, body[1]
    defined = [term for term in problem.system.equations.terms if list(term.integrands())]
    assert {type(term).__name__ for term in defined} == {"Transport", "Poisson", "Storage", "FixedCharge"}
    # The same quadrature as that of the operators, so that only the way of summation differs.
    extra = 2 if formulation == "log" else 0
    for term in defined:
        found, expected = np.zeros((2, fields.owned, fields.count + 1))
        term.add_residual(found)
        gradients = type(term).__name__ in ("Transport", "Poisson")
        exact = (3 * degree - 2, 2) if gradients else (2 * degree, 0)
        for i, integrand in term.integrands():
            exponential = extra if i < fields.count or not gradients else 0
            form = measure.over_volume(integrand, exact[0] + exponential, curved=exact[1])
            expected[:, i] += fields.operators.integrals(fem.form(form))
        size = np.abs(expected).max(initial=0.0)
        assert found == pytest.approx(expected, rel=1e-11, abs=1e-12 * size), term
    problem.destroy()
