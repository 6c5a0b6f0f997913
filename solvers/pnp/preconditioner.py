"""Block preconditioner, with iterations that depend neither on mesh size nor on Debye length.

The Jacobian has a block A_i for each species, the potential's field block F, and the couplings G_i = z_i D_i K(c_i) and
-z_i M. In a steady state A_i c_i is nearly without flux, so that A_i^-1 G_i is nearly z_i c_i, node by node (the change
of variables from concentrations to electrochemical potentials). With that, the block factorisation costs one solve for
each unknown:

    y_i = A_i^-1 r_i,      phi = S^-1 (r_phi + sum_i z_i M y_i),      c_i = y_i - z_i c_i phi,

with the Schur complement S = F + M(sum_i z_i^2 c_i), the linearised Poisson-Boltzmann operator. Every inverse is one
V-cycle of algebraic multigrid.

With a rate of storage alpha, charges move by D k^2 / (alpha + D k^2) of what they do in a steady state (wave number k),
and for equal diffusivities S^-1 splits exactly, with kappa = sum z_i^2 c_i and D its mean diffusivity, into

    S^-1 = (kappa D / p) (lambda^2 K + M(kappa + lambda^2 alpha / D))^-1 + (lambda^2 K + K(kappa D) / alpha)^-1,

p = lambda^2 alpha + kappa D: screening, and the charge relaxation of a conductor. The same fractions give
A_i^-1 G_i S^-1 = z_i c_i (lambda^2 K + M(kappa + lambda^2 alpha / D))^-1: species exchange for the part of screening
alone, and one V-cycle each remains enough. Diffusivities that differ by factors of 40 cost a sixth more iterations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

from spinepnp.errors import petsc_reason
from spinepnp.runtime.stack import MPI, PETSc
from spinepnp.solvers.pnp.blocks import Blocks
from spinepnp.solvers.pnp.cycles import AGGREGATION, BY_DEGREE, SWEEPS, Cycle, LaplaceCycles, Options
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.nodal_elimination import NodalElimination
from spinepnp.solvers.pnp.terms.reaction import Reactions
from spinepnp.solvers.pnp.total_correction import TotalCorrection
from spinepnp.solvers.pnp.variables import LogVariables

#: Prefixes of the options of the inner solvers: species, screening, and (with storage) conduction; sweeps in place of
#: the screening where that is nearly a mass matrix; the Laplacian in place of species.
PREFIXES = ("species_", "potential_", "conduction_", "sweeps_", "laplace_")


def block_options(element_degree: int) -> Options:
    """Default options of the block solver, by name of the PETSc option.

    One Gram-Schmidt pass, PETSc's default, loses the orthogonality of the basis in long time steps of a closed domain,
    whose amounts are nearly a null space. The residual at the restart is then far above its estimate, and iterations
    double. A second pass where cancellation asks for it costs nothing elsewhere.
    """
    inner = AGGREGATION if element_degree == 1 else BY_DEGREE
    return {
        "ksp_type": "gmres",
        "ksp_pc_side": "right",
        "ksp_gmres_restart": 50,
        "ksp_gmres_cgs_refinement_type": "refine_ifneeded",
        "ksp_rtol": 1e-6,
        "ksp_max_it": 200,
        "pc_type": "python",
    } | {
        prefix + name: value
        for prefix in PREFIXES
        for name, value in (SWEEPS if prefix == "sweeps_" else inner).items()
    }


class Linearisation(Protocol):
    """Linearised equations as the preconditioner sees them; every term adds its part.

    Attributes:
        fields: fields of the unknowns with their coefficients.
        blocks: blocks of the Jacobian, with constraints applied; those between two species are taken as well.
    """

    fields: Fields
    blocks: Blocks

    def charge_response(self) -> np.ndarray:
        """Change of the charge by minus the potential at constant electrochemical potentials, shape (owned dofs,)."""

    def conductivity(self) -> np.ndarray:
        """Conductivity sum_i z_i^2 D_i c_i at the nodes, shape (owned dofs,)."""


#: Largest exponent of a Slotboom factor exp(-z phi): beyond it the factor no longer follows the potential.
LARGEST_EXPONENT = 50.0

#: Relative difference of time steps up to which they share a matrix or a preconditioner.
SIMILAR = 0.1

#: Ratio of time steps up to which solved columns of unknown constants (`algebra.bordered`) stay in the preconditioner.
ONE_GENERATION = 10.0

#: Change of the potential, V_T, and of the response of the charge, relative, up to which a preconditioner of a steady
#: state stays: it is then as good as that of a start from the electroneutral answer.
LAGGED = 0.1

#: Iterations of a solve, scaled to a tolerance of 1e-6, up to which species share the hierarchy of the Laplacian.
MOST_SHARED = 25

#: Ratio of the diagonals of field and mass in the screening up to which sweeps solve it: its condition number is then
#: of order one.
SWEEPABLE = 1.0

#: Number of nodes above which a steady state does without what would set up a hierarchy again: memory is short there.
MANY_NODES = 500_000

#: Factor of the iterations of its first solve above which a multigrid hierarchy is rebuilt.
REBUILD_FACTOR = 1.5

#: Iterations beyond that factor (or beyond the first solve of time steps) up to which a hierarchy stays.
REBUILD_MARGIN = 3


class BlockPreconditioner:
    """Context of a PETSc preconditioner of Python type.

    Args:
        equations: linearised equations, with constraints applied.
        free: unconstrained degrees of freedom, shape (owned dofs, N + 1).
        laplace: Laplacians of the problem with their hierarchies.
        given: names of options of the user; what has options of its own is not replaced by something shared or simpler.
        reactions: term of the reactions; ``None`` without any.

    Attributes:
        iterations: function that returns the iterations of the last linear solve, negative where it failed.
        options: default options of the linear solver and of the inner ones, by name.
        renewals: number of times that hierarchies were dropped because iterations had grown.
        generation: number that rises when the inverse has changed much.
        failure: reason of PETSc why the preconditioner could not be set up.
    """

    def __init__(
        self,
        equations: Linearisation,
        free: np.ndarray,
        laplace: LaplaceCycles,
        given: Iterable[str] = (),
        reactions: Reactions | None = None,
    ) -> None:
        self._equations, self._blocks, self._free = equations, equations.blocks, free.astype(float)
        self._fields = fields = equations.fields
        operators = self._operators = fields.operators
        self._variables, self._count = fields.variables, fields.count
        self.iterations: Callable[[], int] = lambda: 0
        self.options = block_options(operators.degree)
        self._laplace = laplace
        own = [prefix for prefix in PREFIXES if any(name.startswith(prefix) for name in given)]
        self._may_sweep, self._never_shares = PREFIXES[1] not in own, PREFIXES[0] in own
        self._own: list[tuple[Cycle, Any]] = []  # hierarchy and scaled matrix of each species
        self._species: list[Cycle] = []  # in use
        self._may_share = False
        self._screening, self._sweeps = Cycle(operators, PREFIXES[1]), Cycle(operators, PREFIXES[3])
        self._conduction = Cycle(operators, PREFIXES[2])
        self._S = operators.empty()
        self._conductor: Any = None
        self._r = [operators.vector() for _ in range(self._count + 1)]
        self._y = [vector.duplicate() for vector in self._r]
        self._weight = self._r[0].duplicate()
        self._right = [vector.duplicate() for vector in self._r[:-1]]
        self._left = [vector.duplicate() for vector in self._r[:-1]]
        self._first: int | None = None  # iterations of the first solve with these hierarchies
        self._made = self._destroyed = False
        self._made_for: np.ndarray | None = None  # diffusivities over the time step
        self._elimination = NodalElimination(fields, equations.blocks) if fields.immobile else None
        self._mobile = [i for i in range(self._count) if i not in fields.immobile]
        self._reacts = fields.signature.has_chemistry
        # Logarithms far from their solution are corrected the wrong way.
        self._totals: TotalCorrection | None = None
        if reactions is not None and not isinstance(fields.variables, LogVariables):
            self._totals = TotalCorrection(fields, equations.blocks, reactions, free, PREFIXES[0])
        self.failure, self.renewals, self.generation = "", 0, 0
        self._generation_made_for: np.ndarray | None = None

    def expect_smooth_potential(self, smooth: bool) -> None:
        """Say whether the potential of the next steady state is smooth, as that of the electroneutral answer is."""
        # Logarithms that are integrated over cells keep hierarchies of their own.
        alike = self._variables.lumped or not isinstance(self._variables, LogVariables)
        alike = alike and not self._reacts  # the Laplacian has no rates
        self._may_share = smooth and alike and not self._never_shares

    def setUp(self, _pc: Any) -> None:
        """Set up with the present blocks, unless the former preconditioner still serves. Collective."""
        if self._still_serves():
            return
        try:
            self._take_blocks()
        except PETSc.Error as error:  # PETSc passes on nothing but a number
            self.failure = petsc_reason(error)
            raise
        except Exception as error:  # PETSc would pass on error code 101
            self.failure = f"{type(error).__name__} in the block preconditioner: {error}"
            raise

    def _still_serves(self) -> bool:
        """Whether the blocks are near the former ones, as in the stages of a time step, and iterations are few."""
        c, before = self._fields.coefficients, self._made_for
        if before is None:
            return False
        if np.any(np.abs(c.diffusivity - before) > SIMILAR * before) or bool(c.storage_rate) != self._in_time:
            return False
        last = self.iterations()
        if self._first is None and last >= 0:
            self._first = last
        few = self._first is not None and 0 <= last <= self._first + REBUILD_MARGIN
        return few and (self._in_time or self._is_near())

    def _is_near(self) -> bool:
        """Whether the state is near that of the last set-up. Collective."""
        phi, kappa = self._made_at
        owned = self._fields.owned
        potential = float(np.abs(self._fields.phi.x.array[:owned] - phi).max(initial=0.0))
        response = np.abs(self._equations.charge_response() - kappa)
        response = float((response / np.where(kappa > 0.0, kappa, 1.0)).max(initial=0.0))
        return bool(self._fields.comm.allreduce(max(potential, response), op=MPI.MAX) <= LAGGED)

    def _take_blocks(self) -> None:
        renewals = self.renewals
        self._renew_if_worse()
        self._count_generation(renewed=self.renewals > renewals)
        fields, count, variables = self._fields, self._count, self._variables
        owned, c = fields.owned, fields.coefficients
        self._made_for, self._in_time = c.diffusivity.copy(), bool(c.storage_rate)
        concentrations = fields.concentrations()[:owned]
        slope = self._slope = variables.slope(concentrations)
        ratio = np.divide(concentrations, slope, out=np.ones_like(concentrations), where=slope != 0.0)
        self._exchange = c.valence * fields.moves * ratio * self._free[:, :-1]
        kappa = self._equations.charge_response()
        self._made_at = fields.phi.x.array[:owned].copy(), kappa
        if c.storage_rate:
            conductivity = self._equations.conductivity()
            diffusivity = np.where(kappa > 0.0, conductivity / np.where(kappa > 0.0, kappa, 1.0), c.diffusivity.max())
            self._share = conductivity / (c.debye_squared * c.storage_rate + conductivity)
            kappa = kappa + c.debye_squared * c.storage_rate / diffusivity
            self._set_up_conductor()
        self._weight.array[:] = np.sqrt(kappa) * self._free[:, -1]
        self._blocks[count, count].copy(self._S, structure=True)
        variables.add_mass(self._S, self._weight)
        self._set_up_species()
        if self._totals is not None and not self._in_time:
            self._totals.set_up()
        self._set_up_screening()

    def _count_generation(self, *, renewed: bool) -> None:
        """Begin a new generation where the time step is another one, or a former one has become too old."""
        now, before = self._fields.coefficients.diffusivity, self._generation_made_for
        in_time = bool(self._fields.coefficients.storage_rate)
        moves = now > 0.0
        old = before is None or not in_time or _far_apart(now[moves], before[moves])
        if old or renewed:
            self.generation += 1
            self._generation_made_for = now.copy()

    def _set_up_species(self) -> None:
        """Set up the inverses of the species' blocks, y = left * cycle(right * r). Collective.

        With the Slotboom factor s = exp(-z phi), a block is D K(s) / s without storage, and K(s) is near
        sqrt(s) K sqrt(s) where s is smooth: then all species share the Laplacian K. In logarithms the block has one
        more factor, c.
        """
        fields, c, variables = self._fields, self._fields.coefficients, self._variables
        phi, shares = fields.phi.x.array[: fields.owned], self._may_share and not c.storage_rate
        if not shares and not self._own:
            self._own = [(Cycle(self._operators, PREFIXES[0]), self._operators.empty()) for _ in range(self._count)]
        self._species = []
        if self._elimination is not None:
            self._elimination.set_up()
        for i in self._mobile:
            # With logarithms the slope contains the factor already.
            factor = np.exp(np.clip(-c.valence[i] * phi, -LARGEST_EXPONENT, LARGEST_EXPONENT))
            if shares:
                free, root = self._free[:, i] > 0.0, np.sqrt(factor)
                self._left[i].array[:] = np.where(free, factor / self._slope[:, i] / root, 1.0)
                self._right[i].array[:] = np.where(free, 1.0 / (root * c.diffusivity[i]), 1.0)
                laplacian = self._laplace.of(fields.transport[i].operators, ~free)
                laplacian.prepare()
                cycle: Cycle = laplacian
            else:
                cycle, scaled = self._own[i]
                self._left[i].array[:] = np.clip(factor / variables.slope(factor), 0.0, None)
                self._right[i].set(1.0)
                self._blocks[i, i].copy(scaled, structure=True)
                if self._elimination is not None:
                    self._weight.array[:] = self._elimination.change(i, i)
                    scaled.setDiagonal(self._weight, addv=True)
                scaled.diagonalScale(None, self._left[i])
                cycle.set_up(scaled)
            self._species.append(cycle)

    def _set_up_screening(self) -> None:
        """Set up the inverse of S: a cycle, or sweeps where it is nearly a mass matrix. Collective."""
        whole, field, free = (
            self._S.getDiagonal(),
            self._blocks[self._count, self._count].getDiagonal(),
            self._free[:, -1],
        )
        mass = whole.array_r - field.array_r
        ratio = np.divide(field.array_r, mass, out=np.full_like(mass, np.inf), where=mass > 0.0)[free > 0.0]
        largest = self._fields.comm.allreduce(float(ratio.max(initial=0.0)), op=MPI.MAX)
        for vector in (whole, field):
            vector.destroy()
        self._screens = self._sweeps if self._may_sweep and largest <= SWEEPABLE else self._screening
        self._screens.set_up(self._S)
        steady = not self._fields.coefficients.storage_rate
        if steady and self._operators.space.dofmap.index_map.size_global > MANY_NODES:
            self._screens.forget_products()

    def _set_up_conductor(self) -> None:
        """Set up the solver of lambda^2 K + K(sum z_i^2 D_i c_i) / alpha, a sum of the blocks. Collective."""
        count, c = self._count, self._fields.coefficients
        if self._conductor is None:
            self._conductor = self._operators.empty()
        self._blocks[count, count].copy(self._conductor, structure=True)
        for i in self._mobile:
            share = c.valence[i] / (c.storage_rate * self._fields.row_factors[i])
            self._conductor.axpy(share, self._blocks[i, count], structure=True)
        self._conduction.set_up(self._conductor)

    def _renew_if_worse(self) -> None:
        """Drop hierarchies whose iterations have grown; the next set-up makes new ones."""
        last = self.iterations()
        worse = self._first is not None and last > REBUILD_FACTOR * self._first + REBUILD_MARGIN
        if self._made and self._may_share and not self._in_time:
            if last < 0 or last > MOST_SHARED:
                self._never_shares, self._may_share, self._first = True, False, None
        elif self._made and (last < 0 or worse):
            for cycle in (*(cycle for cycle, _ in self._own), self._screening, self._conduction):
                cycle.renew()
            self.renewals += 1
            self._first = None
        self._made = True

    def apply(self, _pc: Any, x: Any, y: Any) -> None:
        """Apply the preconditioner, y = P^-1 x. Collective.

        Args:
            x: vector of all unknowns of the mesh.
            y: result, which is overwritten.
        """
        count, c, owned, r, solved = self._count, self._fields.coefficients, self._fields.owned, self._r, self._y
        for vector, part in zip(r, x.array_r.reshape(count + 1, owned), strict=True):
            vector.array[:] = part
        potential, work = solved[count], self._weight
        fixed = None if self._elimination is None else self._elimination.reduce(r)
        for n, i in enumerate(self._mobile):
            for j in self._mobile[:n]:
                self._subtract_coupling(i, j, r[i])
            self._solve_for_species(n, i)
        if self._elimination is not None and fixed is not None:
            self._solve_for_immobile(fixed, solved)
        if self._totals is not None and not self._in_time:
            self._totals.correct(lambda i, left: self._species_residual(x, i, left), solved)
        for i in range(count):
            if c.valence[i]:
                self._blocks[count, i].mult(solved[i], work)
                r[count].axpy(-1.0, work)
        screened = self._solve_for_potential(r[count], potential)
        parts = y.array_w.reshape(count + 1, owned)
        parts[count] = potential.array_r
        for i in range(count):
            parts[i] = solved[i].array_r - self._exchange[:, i] * screened

    def _species_residual(self, x: Any, i: int, left: Any) -> None:
        """Fill a vector with the residual of species i that the solved ones leave, at the potential before."""
        owned, work = self._fields.owned, self._weight
        left.array[:] = x.array_r[i * owned : (i + 1) * owned]
        for j in range(self._count):
            if (block := self._blocks[i, j]) is not None:
                block.mult(self._y[j], work)
                left.axpy(-1.0, work)

    def _subtract_coupling(self, i: int, j: int, right: Any) -> None:
        """Subtract what the solved species j adds to the equation of species i."""
        if (coupling := self._blocks[i, j]) is not None:
            coupling.mult(self._y[j], self._weight)
            right.axpy(-1.0, self._weight)
        if self._elimination is not None:
            right.array[:] -= self._elimination.change(i, j) * self._y[j].array_r

    def _solve_for_immobile(self, right: np.ndarray, solved: list[Any]) -> None:
        assert self._elimination is not None
        mobile = np.column_stack([solved[i].array_r for i in self._mobile])
        for i, values in zip(self._elimination.immobile, self._elimination.solve(right, mobile).T, strict=True):
            solved[i].array[:] = values

    def _solve_for_species(self, number: int, i: int) -> None:
        scaled, y = self._weight, self._y[i]
        scaled.pointwiseMult(self._right[i], self._r[i])
        self._species[number].solver.solve(scaled, y)
        y.pointwiseMult(y, self._left[i])

    def _solve_for_potential(self, right: Any, x: Any) -> np.ndarray:
        """Solve for the potential, and return its part of screening, for which species exchange."""
        self._screens.solver.solve(right, x)
        screened = np.array(x.array_r)
        if self._fields.coefficients.storage_rate:
            x.array[:] *= np.where(self._free[:, -1] > 0.0, self._share, 1.0)
            self._conduction.solver.solve(right, self._weight)
            x.array[:] += self._weight.array_r * self._free[:, -1]
        return screened

    def destroy(self, _pc: Any = None) -> None:
        """Free the PETSc objects, once; PETSc calls this too. Collective."""
        if self._destroyed:
            return
        self._destroyed = True
        cycles = (*(cycle for cycle, _ in self._own), self._screening, self._sweeps, self._conduction)
        matrices = (*(matrix for _, matrix in self._own), self._S)
        for item in (*cycles, *matrices, *self._left, *self._right, self._weight, *self._r, *self._y):
            item.destroy()
        if self._totals is not None:
            self._totals.destroy()
        if self._conductor is not None:
            self._conductor.destroy()


def _far_apart(now: np.ndarray, before: np.ndarray) -> bool:
    """Whether two time steps, given by diffusivities, differ by more than a generation allows."""
    return bool(np.any(np.abs(np.log(now / before)) > np.log(ONE_GENERATION)))
