"""Sparse matrices and vectors of a scalar Lagrange space, all with one sparsity pattern."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from spinepnp.runtime.kernels import compile_form
from spinepnp.runtime.stack import PETSc, dolfinx, fem, matrix_of, ufl
from spinepnp.solvers.fem.edge_fluxes import Edges
from spinepnp.solvers.fem.fast_assembly import FastAssembly
from spinepnp.solvers.fem.forms import mass, mass_degree, stiffness, stiffness_degree
from spinepnp.solvers.fem.measure import Measure
from spinepnp.solvers.fem.node_columns import NodeColumns
from spinepnp.solvers.model.profiles import UNIFORM, Profile

#: Lowest degree of quadrature on curved cells: one point would miss the variation of their Jacobian.
CURVED_DEGREE = 2


class Operators:
    """Matrices, vectors and compiled forms of one scalar space.

    Args:
        space: scalar Lagrange space.
        measure: integration measure of the body.
        plain: operators of the space without a profile, whose mass terms and pattern these share, where the measure has
            one: then all terms with gradients have the profile.

    Attributes:
        u: trial function.
        v: test function.
        owned: number of degrees of freedom that this rank owns.
        degree: degree of the elements.
        along_edges: whether fluxes along edges are expected: K is then made of the edges, and factors of other
            matrices are made only when one is asked for.
    """

    def __init__(self, space: fem.FunctionSpace[Any], measure: Measure, plain: Operators | None = None) -> None:
        self.space, self.measure, self._plain = space, measure, plain or self
        self._with_profiles: dict[Profile, Operators] = {}
        self.along_edges = False
        self.u, self.v = ufl.TrialFunction(space), ufl.TestFunction(space)
        self.owned = space.dofmap.index_map.size_local
        degree = self.degree = space.element.basix_element.degree
        self._degrees = stiffness_degree(degree), mass_degree(degree)

    def with_profile(self, profile: Profile) -> Operators:
        """Operators whose terms with gradients are weighted with a profile; these where it is one everywhere."""
        if profile == UNIFORM:
            return self
        if profile not in self._with_profiles:
            self._with_profiles[profile] = Operators(self.space, self.measure.with_profile(profile), self)
        return self._with_profiles[profile]

    def compile_gradient_form(self, integrand: Any, extra_degree: int = 0) -> fem.Form[Any]:
        """Compiled form over the volume, with the quadrature of stiffness and drift."""
        return compile_form(self.measure.over_volume(integrand, self._degrees[0] + extra_degree, curved=CURVED_DEGREE))

    def compile_mass_form(self, integrand: Any, extra_degree: int = 0) -> fem.Form[Any]:
        """Compiled form over the volume, with the quadrature of mass terms."""
        return compile_form(self._plain.measure.over_volume(integrand, self._degrees[1] + extra_degree))

    @cached_property
    def K(self) -> Any:
        """Stiffness matrix int grad u . grad v dx, um."""
        matrix = matrix_of(self.space.mesh.comm, self._pattern)
        if self._plain.along_edges:
            self.edges.fill(matrix, -self.edges.k, self.edges.k)
            return matrix
        if self.fast_assembly is None:
            return self.fill(matrix, self._stiffness_form)
        self.fast_assembly.stiffness(matrix, np.ones(self.owned + self.space.dofmap.index_map.num_ghosts))
        return matrix

    @cached_property
    def _stiffness_form(self) -> fem.Form[Any]:
        return self.compile_gradient_form(stiffness(1.0, self.u, self.v))

    @cached_property
    def edges(self) -> Edges:
        """Edges of linear elements, with their entries of K. Collective at first use."""
        return Edges(self.space, self._stiffness_form, self._pattern)

    @cached_property
    def _mass_form(self) -> fem.Form[Any]:
        return self.compile_mass_form(mass(1.0, self.u, self.v))

    @cached_property
    def _pattern(self) -> Any:
        # Every form over the volume has this pattern; it is that of a form that is compiled in any case.
        if self._plain is not self:
            return self._plain._pattern
        form = self._stiffness_form if self.along_edges else self._mass_form
        pattern = fem.create_sparsity_pattern(form)
        pattern.finalize()
        return pattern

    @cached_property
    def fast_assembly(self) -> FastAssembly | None:
        """Fast assembly of weighted stiffness and drift; ``None`` where it is not available. Collective."""
        degrees = self.measure.degrees(self._degrees[0], CURVED_DEGREE)
        if self.degree > 1 or self.measure.is_line or not FastAssembly.fits(self.space, self.measure, degrees):
            return None
        return FastAssembly(self.space, self.measure, self._pattern, degrees)

    @cached_property
    def M(self) -> Any:
        """Mass matrix int u v dx, um^3."""
        if self._plain is not self:
            return self._plain.M
        return self.fill(self.empty(), self._mass_form)

    @cached_property
    def from_linear(self) -> Any:
        """Interpolation matrix from linear elements on the same mesh."""
        if self._plain is not self:
            return self._plain.from_linear
        matrix = fem.petsc.interpolation_matrix(fem.functionspace(self.space.mesh, ("Lagrange", 1)), self.space)
        matrix.assemble()
        return matrix

    @cached_property
    def columns(self) -> NodeColumns:
        """Columns of nodes through flat cells. Collective at first use."""
        return self._plain.columns if self._plain is not self else NodeColumns(self.space)

    def empty(self) -> Any:
        """Matrix of zeros with the common pattern."""
        return self.K.duplicate(copy=False)

    def empty_diagonal(self) -> Any:
        """Diagonal matrix of zeros."""
        index_map = self.space.dofmap.index_map
        sizes = index_map.size_local, index_map.size_global
        matrix = PETSc.Mat().createAIJ((sizes, sizes), nnz=(1, 0), comm=self.space.mesh.comm)
        diagonal = matrix.createVecLeft()
        matrix.setDiagonal(diagonal)
        diagonal.destroy()
        return matrix

    @staticmethod
    def fill(matrix: Any, form: fem.Form[Any]) -> Any:
        """Assemble a form into a matrix, and return the matrix. Collective."""
        matrix.zeroEntries()
        return Operators.add(matrix, form)

    @staticmethod
    def add(matrix: Any, form: Any) -> Any:
        """Add a form to a matrix, and return the matrix. Collective."""
        fem.petsc.assemble_matrix(matrix, form)
        matrix.assemble()
        return matrix

    def vector(self) -> Any:
        """New PETSc vector of the owned degrees of freedom."""
        return self.K.createVecLeft()

    def masks(self, constrained: np.ndarray) -> tuple[Any, Any]:
        """Vectors that are one at free, and at constrained owned degrees of freedom (true in the argument)."""
        free, fixed = self.vector(), self.vector()
        free.array[:], fixed.array[:] = ~constrained, constrained
        return free, fixed

    def integrals(self, form: fem.Form[Any]) -> np.ndarray:
        """Linear form assembled at the owned degrees of freedom, shape (owned,). Collective."""
        vector = fem.assemble_vector(form)
        vector.scatter_reverse(dolfinx.la.InsertMode.add)
        return vector.array[: self.owned]

    def destroy(self) -> None:
        """Free the matrices. Collective."""
        for operators in self._with_profiles.values():
            operators.destroy()
        self._with_profiles.clear()
        for name in ("K", "M", "from_linear") if self._plain is self else ("K",):
            if name in self.__dict__:
                self.__dict__.pop(name).destroy()
