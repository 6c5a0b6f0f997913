"""Two-sided bounds of the conductance in solutions, results and the facts of `check`."""

import pytest

from spinepnp.commands.check import check_case
from spinepnp.geometries import Cone
from spinepnp.meshes import MeshOptions, generate
from spinepnp.run.summary import bounds_lines
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import SteadyProblem
from spinepnp.solvers.fem.conductance import conductance
from spinepnp.solvers.problem.columns import flatten, state_of
from support.cases import flow
from support.ions import salt

CONE = Cone(length="400 nm", base_radius="150 nm", top_radius="100 nm")
BOUNDARIES = flow("top", "base")


def solved(comm, **mesh):
    with SteadyProblem(generate(CONE, MeshOptions(size="60 nm", **mesh), comm), salt(150), BOUNDARIES) as problem:
        return problem.solve()


@pytest.mark.mpi
def test_bounds_enclose_a_better_value_and_are_those_of_one_rank(comm):
    solution = solved(comm, order=1)
    found, alone = solution.bounds["top"], solved(MPI.COMM_SELF, order=1).bounds["top"]
    assert found.low < conductance(solution.mesh, "top", ("base",)) < found.high < 1.05 * found.low
    assert [found.low, found.high] == pytest.approx([alone.low, alone.high], rel=1e-9)


def test_the_potential_is_that_of_the_lower_bound_and_its_error_at_most_the_gap():
    solution = solved(MPI.COMM_SELF, order=1)
    bounds, V = solution.bounds["top"], solution.boundary["top"].potential
    assert solution.potential_error["top"] <= bounds.gap * V + abs(solution.layers["top"].error)
    row = flatten(state_of(solution))
    assert row["bounds.top.G_low_per_um"] == bounds.low
    assert row["bounds.top.G_high_per_um"] == bounds.high
    (line,) = bounds_lines([row])
    assert line.startswith(f"G(top) between {bounds.low:.5g} and {bounds.high:.5g} 1/um (error of the mesh at most")


def test_curved_cells_have_no_bounds():
    assert solved(MPI.COMM_SELF).bounds == {}


def test_check_tells_the_same_bounds(tmp_path):
    case = tmp_path / "cone.toml"
    case.write_text(
        """
        geometry = { shape = "cone", length = "400 nm", base_radius = "150 nm", top_radius = "100 nm" }
        mesh = { size = "60 nm", order = 1 }
        electrolyte = { species = [
            { name = "C", valence = 1, diffusivity = "200 um^2/s", concentration = "150 mM" },
            { name = "A", valence = -1, diffusivity = "200 um^2/s", concentration = "150 mM" },
        ] }
        [boundaries]
        base = { potential = "0 mV", concentrations = "bulk" }
        top = { current = { species = "C", value = "10 pA" } }
        """
    )
    facts = check_case(case, MPI.COMM_SELF)[1]["bounds"]
    bounds = solved(MPI.COMM_SELF, order=1).bounds["top"]
    assert facts["top"]["G_low_per_um"] == pytest.approx(bounds.low, rel=1e-9)
    assert facts["top"]["G_high_per_um"] == pytest.approx(bounds.high, rel=1e-9)
