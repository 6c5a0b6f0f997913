"""Columns of nodes through flat cells, and the iterations of quadratic elements that they save."""

import numpy as np
import pytest

from benchmarks.iterations import euler_step
from spinepnp.geometries import Ball, Cylinder
from spinepnp.meshes import GradeOptions, MeshOptions, generate
from spinepnp.runtime.stack import MPI, fem
from spinepnp.solvers import Boundary, Electrolyte, SolverOptions, SteadyProblem, TransientProblem
from spinepnp.solvers.fem.node_columns import FLAT, VERY_FLAT, NodeColumns
from support.cases import GROUND
from support.ions import ion

SALT = Electrolyte(species=[ion("C", 1, 167.0, 200), ion("A", -1, 167.0, 200)])
DATA = {"base": GROUND, "top": Boundary(current={"species": "C", "value": "100 pA"})}
NECK = Cylinder(length="1 um", radius="50 nm")
LAYER = {"top": GradeOptions(size="0.1 nm", growth=1.6)}
BLOCK = SolverOptions(linear="block", petsc={"ksp_rtol": 1e-6})


def mesh_of(shape, comm, **options):
    return generate(shape, MeshOptions(**{"size": "35 nm", "element_degree": 2, **options}), comm)


def columns_of(mesh):
    space = fem.functionspace(mesh.mesh, ("Lagrange", 2))
    return NodeColumns(space), space


def test_a_column_goes_straight_through_the_layer():
    columns, space = columns_of(mesh_of(NECK, MPI.COMM_SELF, grade=LAYER))
    x = space.tabulate_dof_coordinates()[columns.dofs]
    assert columns.exist
    numbers, sizes = np.unique(columns.labels, return_counts=True)
    assert len(numbers) > 20
    for number in numbers:
        across = x[columns.labels == number]
        assert np.ptp(across[:, :2], axis=0).max() < 1e-9  # um
    # Each reaches the boundary, in whose cells all nodes have one; the last cells of them are not flat any more.
    top = x[:, 2].max()
    assert sum(np.abs(x[:, 2] - top) < 1e-12) == len(numbers)
    assert sizes.max() < 40
    assert VERY_FLAT > FLAT


@pytest.mark.mpi
def test_columns_are_the_same_on_any_number_of_ranks(comm):
    """Also where the nodes of a column belong to several ranks."""
    found = []
    for c in (MPI.COMM_SELF, comm):
        columns, space = columns_of(mesh_of(NECK, c, grade=LAYER))
        own = [np.sum(columns.labels == number) for number in np.unique(columns.labels)]
        nodes = c.allgather(columns.dofs)
        assert len(np.unique(np.concatenate(nodes))) == sum(len(part) for part in nodes)
        assert max(part.max(initial=0) for part in nodes) < space.dofmap.index_map.size_global
        found.append(sorted(size for sizes in c.allgather(own) for size in sizes))
    assert found[0] == found[1]


@pytest.mark.parametrize("shape", [NECK, Ball(radius="500 nm")], ids=str)
def test_cells_that_are_not_flat_have_none(comm, shape):
    assert not columns_of(mesh_of(shape, comm, size="60 nm"))[0].exist


@pytest.mark.parametrize("step", [1e-9, 1e-6, 0.1])
def test_a_layer_costs_few_iterations_in_a_time_step_of_any_length(comm, step):
    """Without columns these solves take 64 iterations at 1 ns and do not end within 200 from 100 ns on."""
    problem = TransientProblem(mesh_of(NECK, comm, grade=LAYER), SALT, DATA, BLOCK)
    b, x = euler_step(problem, problem.problem_data, step)
    solver = problem._newton.linear.ksp
    with problem._newton.petsc_options.in_force():
        solver.setOperators(problem.system.A)
        solver.solve(b, x)
    assert solver.getConvergedReason() > 0
    assert solver.getIterationNumber() <= 18
    problem.destroy()


@pytest.mark.mpi
def test_the_answer_of_mumps_on_flat_cells(comm):
    mesh, solutions = mesh_of(NECK, comm, grade=LAYER), []
    for options in (SolverOptions(linear="direct"), BLOCK):
        problem = SteadyProblem(mesh, SALT, DATA, options)
        solutions.append(problem.solve(SALT, DATA))
        problem.destroy()
    direct, block = solutions
    scale = np.abs(direct.unknowns).max(axis=0)
    assert np.abs((block.unknowns - direct.unknowns) / scale).max() < 1e-8
    assert block.statistics.krylov_step <= 14
