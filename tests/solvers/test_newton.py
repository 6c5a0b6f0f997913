"""Newton's wrapper alone: what it says of systems that have no answer."""

import numpy as np
import pytest

from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.runtime.stack import MPI, PETSc
from spinepnp.solvers import Boundary, SolverOptions, SteadyProblem
from spinepnp.solvers.algebra.bordered import BorderedLayout, BorderedSystem
from spinepnp.solvers.algebra.newton import Newton
from spinepnp.solvers.algebra.statistics import NewtonError
from spinepnp.solvers.algebra.step_control import StepControl
from support.cases import GROUND
from support.ions import salt


def system(matrix, residual):
    """Newton for a small dense system on one rank."""
    n = len(matrix)
    A = PETSc.Mat().createAIJ((n, n), nnz=n, comm=MPI.COMM_SELF)
    A.setValues(range(n), range(n), matrix)
    A.assemble()
    x = PETSc.Vec().createMPI((n, n), comm=MPI.COMM_SELF)

    def assemble_residual(x, b):
        b.array[:] = residual(x.array_r)

    return Newton(MPI.COMM_SELF, assemble_residual, lambda x, A: A.assemble(), x, A, SolverOptions()), x


def test_a_singular_matrix_is_called_one():
    newton, x = system([[1.0, 1.0], [1.0, 1.0]], lambda x: np.array([1.0, 2.0]))
    with pytest.raises(NewtonError, match="the matrix is singular: the data leave something undetermined"):
        newton.solve(x, 1.0)


def test_a_failed_factorisation_does_not_spoil_the_next():
    """MUMPS refuses every later matrix after one failure, unless it is started anew."""
    newton, x = system([[1.0, 1.0], [1.0, 1.0]], lambda x: np.array([x[0] + x[1] - 1.0, x[0] - x[1]]))
    with pytest.raises(NewtonError, match="the matrix is singular"):
        newton.solve(x, 1.0)
    newton.linear.A.setValues([0, 1], [0, 1], [[1.0, 1.0], [1.0, -1.0]])
    newton.linear.A.assemble()
    x.set(0.0)
    newton.solve(x, 1.0)
    assert x.array == pytest.approx([0.5, 0.5])


def test_a_residual_that_is_not_a_number_is_told():
    newton, x = system([[1.0, 0.0], [0.0, 1.0]], lambda x: np.array([np.nan, 1.0]))
    with pytest.raises(NewtonError, match="the residual is not a number"):
        newton.solve(x, 1.0)


def test_a_failed_solve_leaves_the_state_and_names_the_equation(comm):
    """Logarithms of a density beyond the largest number: no answer, no traceback, and the problem still works."""
    electrolyte = salt(100)
    mesh = generate(Cylinder(length="1 um", radius="100 nm", dimension="1d"), MeshOptions(), comm)
    data = {"base": GROUND, "top": Boundary(potential="1 mV")}
    options = SolverOptions(formulation="log", continuation="none")
    problem = SteadyProblem(mesh, electrolyte, data, options)
    before = problem.solve(electrolyte, data)
    equations = problem.system.equations
    original = equations.residual
    equations.residual = lambda: original() * np.array([1.0, np.nan, 1.0])
    with pytest.raises(NewtonError, match="in the equation of A: the residual is not a number"):
        problem.solve(electrolyte, data)
    equations.residual = original
    after = problem.solve(electrolyte, data)
    assert after.boundary["top"].potential == before.boundary["top"].potential


@pytest.mark.parametrize("count", [1, 3])
def test_a_bordered_system_is_solved_with_one_factorisation(count):
    generator = np.random.default_rng(count)
    n = 7
    full = generator.standard_normal((n + count, n + count)) + 5.0 * np.eye(n + count)
    A = PETSc.Mat().createAIJ((n, n), nnz=n, comm=MPI.COMM_SELF)
    A.setValues(range(n), range(n), full[:n, :n])
    A.assemble()
    layout = BorderedLayout(MPI.COMM_SELF, n, count)
    border = BorderedSystem(layout, A)
    for k in range(count):
        border.columns[k].array[:] = full[:n, n + k]
        border.rows[k].array[:] = full[n + k, :n]
    border.corner[:] = full[n:, n:]
    border.inner.setType("preonly")
    border.inner.getPC().setType("lu")
    border.factorise()
    right, x, back = layout.vector(), layout.vector(), layout.vector()
    right.array[:] = generator.standard_normal(n + count)
    assert border.solve(right, x)
    assert x.array == pytest.approx(np.linalg.solve(full, right.array))
    border.mult(x, back)
    assert back.array == pytest.approx(right.array)
    diagonal = border.operator.getDiagonal()
    assert diagonal.array == pytest.approx(np.diag(full))
    border.destroy()


def test_columns_that_are_only_scaled_are_not_solved_again():
    """Nor does the answer change; others are solved again, and so are all of them with another preconditioner."""
    generator = np.random.default_rng(5)
    n, count = 7, 2
    full = generator.standard_normal((n + count, n + count)) + 5.0 * np.eye(n + count)
    A = PETSc.Mat().createDense((n, n), array=np.asfortranarray(full[:n, :n]), comm=MPI.COMM_SELF)
    A.assemble()
    layout, version = BorderedLayout(MPI.COMM_SELF, n, count), [1]
    border = BorderedSystem(layout, A)
    border.inner.setType("preonly")
    border.inner.getPC().setType("lu")
    border.version = lambda: version[0]
    right, x = layout.vector(), layout.vector()
    right.array[:] = generator.standard_normal(n + count)
    changes = [(1, np.array([1.0, 1.0]), count), (1, np.array([2.0, -0.5]), 0), (1, np.array([1.0, 1.0]), 0),
               (1, generator.standard_normal((n, count)), count), (2, np.array([1.0, 1.0]), count)]  # fmt: skip
    for number, factor, solves in changes:
        version[0] = number
        full[:n, n:] *= factor
        for k in range(count):
            border.columns[k].array[:] = full[:n, n + k]
            border.rows[k].array[:] = full[n + k, :n]
        border.corner[:] = full[n:, n:]
        before = border.krylov
        border.factorise()
        assert border.krylov - before == solves
        assert border.solve(right, x)
        assert x.array == pytest.approx(np.linalg.solve(full, right.array))
    border.destroy()


def test_steps_halve_after_a_failure_and_grow_after_success():
    control = StepControl(step=0.25, smallest=0.1, largest=0.6)
    control.succeeded()
    assert control.step == 0.5
    control.succeeded()
    assert control.step == 0.6
    assert control.failed()
    assert control.step == 0.3
    assert control.failed()
    assert not control.failed()
