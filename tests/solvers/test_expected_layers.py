"""Debye layers that are expected before a solve."""

import pytest

from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary, SteadyProblem
from support.cases import GROUND
from support.ions import salt


@pytest.mark.parametrize(
    "condition",
    [
        {"exchange": {"species": "C", "rate": "1e-4 m/s", "outside": "100 mM"}},
        {"channel": {"law": "ghk", "species": "C", "permeability": "100 um/s", "outside": "100 mM"}},
        {"flux": {"species": "C", "value": "1e-3 mol/(m^2 s)"}},
    ],
    ids=["exchange", "channel", "flux"],
)
def test_a_layer_whose_current_is_not_a_given_one_is_judged_as_after_the_solve(comm, condition):
    """Before the solve the flow through it is unknown; no flow at all would make every mesh fine enough."""
    electrolyte, neck = salt(), Cylinder(length="1 um", radius="100 nm", dimension="1d")
    boundaries = {"base": GROUND, "top": Boundary.model_validate(condition)}
    for grade in ({}, {"top": {"size": "0.1 nm"}}):
        problem = SteadyProblem(generate(neck, MeshOptions(grade=grade), comm), electrolyte, boundaries)
        expected = problem.prediction.layers(problem.problem_data, None)["top"]
        found = problem.solve().layers["top"]
        problem.destroy()
        assert expected.resolved == found.resolved == bool(grade)
        if "flux" in condition:
            assert expected.error == pytest.approx(found.error, rel=0.1)
