"""Approximate inverses of matrices of the scalar space: one V-cycle of multigrid each, or a few sweeps.

A hierarchy costs as much as ten of its cycles. The Laplacian of the electroneutral prediction has one, and so have the
species of a steady state whose potential is smooth: all of them share it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.runtime.stack import MPI, PETSc, forget_product
from spinepnp.solvers.fem.operators import Operators
from spinepnp.solvers.pnp.column_smoother import ColumnSmoother

Options = dict[str, Any]

#: Options of one V-cycle of smoothed aggregation. Symmetric Gauss-Seidel needs no spectrum, which drift would make
#: complex; weak couplings (of flat cells) are not coarsened along, on coarse levels less strictly, so that these stay
#: sparse.
AGGREGATION: Options = {
    "ksp_type": "preonly",
    "pc_type": "gamg",
    "pc_gamg_threshold": 0.08,
    "pc_gamg_threshold_scale": 0.1,
    "pc_gamg_reuse_interpolation": True,
    "mg_levels_ksp_type": "richardson",
    "mg_levels_ksp_max_it": 1,
    "mg_levels_pc_type": "sor",
}

#: Options for quadratic elements: one V-cycle from these to linear ones, which are left to aggregation.
BY_DEGREE: Options = {
    "ksp_type": "preonly",
    "pc_type": "mg",
    "pc_mg_galerkin": "both",
    "mg_levels_ksp_type": "richardson",
    "mg_levels_ksp_max_it": 1,
    "mg_levels_pc_type": "sor",
} | {f"mg_coarse_{name}": value for name, value in AGGREGATION.items()}

#: Options of sweeps for a matrix whose condition number is of order one.
SWEEPS: Options = {"ksp_type": "preonly", "pc_type": "sor", "pc_sor_its": 2}


class Cycle:
    """Approximate inverse of one matrix, with the PETSc options of a prefix.

    Args:
        operators: matrices of the space.
        prefix: prefix of its options.
    """

    def __init__(self, operators: Operators, prefix: str) -> None:
        self._operators = operators
        self.solver = PETSc.KSP().create(operators.space.mesh.comm)
        self.solver.setOptionsPrefix(prefix)
        self._has_levels = self._is_final = False

    def set_up(self, matrix: Any) -> None:
        """Set up for a matrix, with the interpolation of the last one where the options say so. Collective."""
        if self._is_final:
            self.renew()
        self.solver.setOperators(matrix)
        self.solver.setFromOptions()
        preconditioner = self.solver.getPC()
        if preconditioner.getType() == "mg" and not self._has_levels:
            self._has_levels = True
            preconditioner.setMGLevels(2)
            preconditioner.setMGInterpolation(1, self._operators.from_linear)
            self.solver.setFromOptions()
        self.solver.setUp()
        smoother = preconditioner.getMGSmoother(1).getPC() if self._has_levels else None
        if smoother is not None and smoother.getType() == "sor" and self._operators.columns.exist:
            smoother.setType("python")
            smoother.setPythonContext(ColumnSmoother(self._operators.columns))

    def forget_products(self) -> None:
        """Free what a hierarchy keeps to be set up for other values: on several ranks the memory of three matrices.

        The next set-up makes another one.
        """
        self._is_final = True
        preconditioner = self.solver.getPC()
        if preconditioner.getType() == "mg":
            preconditioner = preconditioner.getMGCoarseSolve().getPC()
        if preconditioner.getType() == "gamg":
            for level in range(preconditioner.getMGLevels() - 1):
                forget_product(preconditioner.getMGSmoother(level).getOperators()[1])

    def renew(self) -> None:
        """Drop the hierarchy; the next set-up makes another one."""
        self.solver.getPC().setType("none")  # a hierarchy without levels would survive a reset
        self._has_levels = self._is_final = False

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        self.solver.destroy()


class LaplaceCycle(Cycle):
    """Approximate inverse of the stiffness matrix with Dirichlet conditions.

    Args:
        operators: matrices of the space, with the profile of a coefficient.
        constrained: constrained owned degrees of freedom, shape (owned dofs,), true or false.
        prefix: prefix of its options.

    Attributes:
        matrix: stiffness matrix whose constrained rows and columns are those of the identity.
    """

    def __init__(self, operators: Operators, constrained: np.ndarray, prefix: str) -> None:
        super().__init__(operators, prefix)
        self.matrix = operators.K.copy()
        free, fixed = operators.masks(constrained)
        self.matrix.diagonalScale(free, free)
        self.matrix.setDiagonal(fixed, addv=True)
        for vector in (free, fixed):
            vector.destroy()
        self._constrained, self._is_set_up = constrained.copy(), False

    def serves(self, operators: Operators, constrained: np.ndarray) -> bool:
        """Whether it is that of these operators and constraints. Collective."""
        same = operators is self._operators and np.array_equal(constrained, self._constrained)
        return bool(self._operators.space.mesh.comm.allreduce(same, op=MPI.LAND))

    def prepare(self) -> None:
        """Set up the hierarchy, once. Collective."""
        if not self._is_set_up:
            self.set_up(self.matrix)
            self.forget_products()
            self._is_set_up = True

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        super().destroy()
        self.matrix.destroy()


class LaplaceCycles:
    """Laplacians of one problem with their hierarchies, one for each profile and each set of constraints.

    Args:
        prefix: prefix of their options.

    Attributes:
        keep: whether they are kept after the electroneutral prediction, for the species' equations.
    """

    def __init__(self, prefix: str = "laplace_") -> None:
        self._prefix, self.keep = prefix, False
        self._cycles: list[LaplaceCycle] = []

    def of(self, operators: Operators, constrained: np.ndarray) -> LaplaceCycle:
        """The Laplacian of some operators with constrained owned degrees of freedom. Collective."""
        for cycle in self._cycles:
            if cycle.serves(operators, constrained):
                return cycle
        self._cycles.append(LaplaceCycle(operators, constrained, self._prefix))
        return self._cycles[-1]

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        for cycle in self._cycles:
            cycle.destroy()
        self._cycles.clear()
