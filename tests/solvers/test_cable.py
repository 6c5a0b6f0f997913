"""Cables of ions: mechanisms along the wall of a line."""

import math

import numpy as np
import pytest

from spinepnp.case.case import load_case
from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary, SteadyProblem, TransientProblem
from spinepnp.solvers.time.peaks import rises
from spinepnp.solvers.time.traces import table
from spinepnp.units import FARADAY
from spinepnp.validation.reference import table as references
from support import ROOT
from support.ions import salt

LENGTH, RADIUS, LEAK = 1e-3, 0.5e-6, 2.0


def bath(V):
    return Boundary(potential=V, concentrations="bulk")


def leak(conductance=f"{LEAK} S/m^2"):
    law = {"name": "leak", "law": "ohmic", "conductance": conductance, "reversal": "0 mV"}
    return Boundary(outside={"potential": "-2 mV"}, mechanism=law | {"carriers": {"C": 0.5, "A": 0.5}})


@pytest.mark.mpi
@pytest.mark.parametrize("conductance", [f"{LEAK} S/m^2", f"{LEAK * 2.0 * math.pi * RADIUS * LENGTH!r} S"])
def test_a_leak_along_a_line_is_that_of_a_cable(comm, conductance):
    """V - V_out = (V_0 - V_out) cosh((L - z)/lambda)/cosh(L/lambda), lambda = sqrt(r/(2 R_A g)) = 0.19 mm."""
    electrolyte = salt(150)
    shape = Cylinder(length="1 mm", radius="0.5 um", dimension="1d")
    mesh = generate(shape, MeshOptions(size="20 um", element_degree=2), comm)
    with SteadyProblem(mesh, electrolyte, {"base": bath("1 mV"), "wall": leak(conductance)}) as problem:
        solution = problem.solve()
    resistivity = electrolyte.V_T / (FARADAY * 200e-12 * 300.0)
    steep = LENGTH / math.sqrt(RADIUS / (2.0 * resistivity * LEAK))
    assert solution.boundary["top"].potential + 2e-3 == pytest.approx(3e-3 / math.cosh(steep), rel=1e-3)
    current = math.pi * RADIUS**2 / resistivity * steep / LENGTH * 3e-3 * math.tanh(steep)
    through = solution.mechanisms["wall", "leak"].current
    assert sum(through.values()) == pytest.approx(-current, rel=1e-3)
    assert through["C"] == pytest.approx(through["A"], rel=1e-9)
    assert sum(solution.boundary["base"].current.values()) == pytest.approx(current, rel=1e-3)
    assert solution.ion_balance < 1e-9


@pytest.mark.mpi
def test_a_spike_travels_as_in_neuron(comm):
    """The first spike of Rallpack 3 at both ends, and charge by Gauss while it is on its way."""
    case = load_case(ROOT / "cases" / "rallpack_3.toml", ('mesh.size="40 um"',))
    mesh = generate(case.geometry, case.mesh, comm)
    data = (case.electrolyte, case.boundaries, case.solver, case.probes, case.closed)
    with TransientProblem(mesh, *data) as problem:
        first = problem.begin()
        steps = list(problem.steps({"duration": "4.5 ms", "tolerance": 1e-3}))
    assert [b.potential for b in first.boundary.values()] == pytest.approx([-0.065] * 3, rel=1e-7)
    found, expected = rises(table([step.trace for step in steps])), references.rows("rallpack_3")[0]
    for end in ("base", "top"):
        (time,) = found[f"{end}.potential_mV"]
        assert time == pytest.approx(expected[end], abs=0.03)
    last = steps[-1].solution
    area = 2.0 * math.pi * RADIUS * LENGTH
    assert last.volume.charge == pytest.approx(0.01 * area * last.boundary["wall"].potential, rel=1e-9)
    total = sum(b.total_current + b.displacement for b in last.boundary.values())
    assert abs(total) < 1e-9 * sum(abs(b.total_current) for b in last.boundary.values())
    assert np.ptp([*last.boundary["wall"].concentration.values()]) < 0.05
