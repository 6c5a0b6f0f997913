"""The electroneutral predictor on a mesh: one Laplace solve, then pointwise algebra.

It gives Newton its start (two steps instead of four), the limiting current, and the electroneutral answer that a full
PNP result is compared with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.errors import CaseError, SolveError
from spinepnp.geometries import MODEL_UNIT
from spinepnp.runtime.memory import available_memory
from spinepnp.runtime.stack import MPI, PETSc, fem
from spinepnp.solvers.algebra.cost import memory
from spinepnp.solvers.algebra.petsc import PetscOptions
from spinepnp.solvers.fem.operators import Operators
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.electroneutral import Electroneutral
from spinepnp.solvers.model.profiles import UNIFORM, Profile
from spinepnp.solvers.model.terms import TERM_KEYS
from spinepnp.solvers.model.terms.injection import Injection
from spinepnp.solvers.model.terms.mechanism import the_conductance, without_mechanisms
from spinepnp.solvers.pnp.cycles import LaplaceCycles
from spinepnp.solvers.pnp.preconditioner import block_options
from spinepnp.solvers.problem.conductance import Injector
from spinepnp.solvers.problem.limiting_current import beyond_limit
from spinepnp.units import CONDUCTANCE, FARADAY, format_quantity

#: Iterations after which a factorisation takes over: on cells thousands of times wider than high, multigrid is slow.
MOST_ITERATIONS = 1000


@dataclass(frozen=True)
class Prediction:
    """The electroneutral answer at the local degrees of freedom.

    Attributes:
        u: potential V/V_T relative to the ground, shape (n,).
        concentrations: concentrations, mol/m^3, shape (species, n).
        ground: potential of the grounded boundaries, or of the one with a load at its current, V.
    """

    u: np.ndarray
    concentrations: np.ndarray
    ground: float


def why_not_electroneutral(electrolyte: Electrolyte, boundaries: Boundaries) -> str:
    """Reason why the electroneutral law does not hold; empty where it does.

    It holds for a neutral bulk, at most one injected species, no channels, and the same potential and bulk
    concentrations of all species on every boundary that prescribes anything, no sources and no fixed charge by region;
    each term says whether it leaves the law. The caller checks that the Debye length is small.
    """
    if not electrolyte.has_ions:
        return "no species carries charge"
    for term in TERM_KEYS:
        if reason := term.why_not_electroneutral(electrolyte, boundaries):
            return reason
    charge = abs(electrolyte.net_charge(electrolyte.bulk))
    return "a bulk that is not neutral" if charge > 1e-9 * max(electrolyte.ionic_strength(), 1e-300) else ""


def injected_species(electrolyte: Electrolyte, boundaries: Boundaries) -> str | None:
    """The one species that the electroneutral law covers, or ``None`` where the law does not hold.

    Without any injection the first charged species stands in.
    """
    if why_not_electroneutral(electrolyte, boundaries):
        return None
    injected = (i.species for b in boundaries.values() for i in b.injections if i.flows)
    charged = (s.name for s in electrolyte.species if s.valence != 0)
    return next(injected, None) or next(charged)


class Predictor:
    """Unit-flux solutions of Laplace's equation on one mesh, computed once for all currents.

    G solves div (d grad G) = 0 with G = 0 on the grounded boundaries, unit flux through one patch and none through the
    rest; d is the diffusivity of the injected species over its largest one.

    Args:
        space: scalar Lagrange space.
        grounded: local degrees of freedom of the grounded boundaries.
        weights: integral of each local basis function over a boundary, by boundary name.
        areas: area of each boundary.
        operators: matrices of the space.
        laplace: Laplacians of the problem with their hierarchies; its own by default.
    """

    def __init__(
        self,
        space: Any,
        grounded: np.ndarray,
        weights: dict[str, np.ndarray],
        areas: dict[str, float],
        operators: Operators,
        laplace: LaplaceCycles | None = None,
    ) -> None:
        self._laplace = laplace or LaplaceCycles()
        self._space, self._weights, self._areas, self._operators = space, weights, areas, operators
        self._grounded = grounded
        self._solutions: dict[tuple[str, Profile], np.ndarray] = {}
        self._solver: Any = None

    def _set_up(self, profile: Profile) -> None:
        grounded = np.zeros(self._operators.owned, dtype=bool)
        grounded[self._grounded[self._grounded < len(grounded)]] = True
        cycle = self._laplace.of(self._operators.with_profile(profile), grounded)
        with PetscOptions({name: value for name, value in block_options(self._operators.degree).items()
                           if name.startswith("laplace_")}, {}).in_force():  # fmt: skip
            cycle.prepare()
        solver = PETSc.KSP().create(self._space.mesh.comm)
        solver.setType("cg")
        solver.setPC(cycle.solver.getPC())
        solver.setTolerances(rtol=1e-13, max_it=MOST_ITERATIONS)
        self._solver, self._matrix = solver, cycle.matrix

    def _factorise(self) -> bool:
        """Let MUMPS replace multigrid for good, if its factors fit into half of the memory: whether it does."""
        comm, nodes = self._space.mesh.comm, self._space.dofmap.index_map.size_global
        enough = memory("direct", nodes) < available_memory() / 2.0
        if self._solver.getType() == "preonly" or not comm.allreduce(enough, op=MPI.LAND):
            return False
        self._solver.destroy()
        self._solver = PETSc.KSP().create(comm)
        self._solver.setType("preonly")
        self._solver.getPC().setType("lu")
        self._solver.getPC().setFactorSolverType("mumps")
        self._solver.setOperators(self._matrix)
        return True

    def _solve(self, right: Any, G: Any) -> bool:
        """Solve for one right-hand side, and return whether that succeeded. Collective."""
        self._solver.solve(right, G)
        reason: Any = self._solver.getConvergedReason()
        return reason > 0 or (self._factorise() and self._solve(right, G))

    def unit_flux(self, name: str, profile: Profile = UNIFORM) -> np.ndarray:
        """Function G of one boundary at the local degrees of freedom (ghosts too), 1/um. Collective at its first call.

        Args:
            name: name of the boundary.
            profile: diffusivity along z over its largest value; the same for all calls until `destroy`.

        Raises:
            SolveError: the linear solver did not converge.
        """
        if (name, profile) not in self._solutions:
            if self._solver is None:
                self._set_up(profile)
            G = fem.Function(self._space)
            right = fem.Function(self._space)
            right.x.array[:] = self._weights[name] / self._areas[name]
            right.x.array[self._grounded] = 0.0
            if not self._solve(right.x.petsc_vec, G.x.petsc_vec):
                raise SolveError(
                    f"the electroneutral current through {name} could not be solved for within {MOST_ITERATIONS} "
                    "iterations, and a factorisation does not fit into the memory: cells may be far thinner than wide; "
                    "use a larger mesh.grade size or mesh.size"
                )
            G.x.scatter_forward()
            G.x.array[self._grounded] = 0.0  # exactly
            self._solutions[name, profile] = G.x.array.copy()
        return self._solutions[name, profile]

    def mean_unit_flux(self, name: str) -> float:
        """Mean of G over its boundary at an even diffusivity, 1/um. Collective.

        Raises:
            SolveError: the linear solver did not converge.
        """
        self.destroy()  # what is set up may be of another profile
        G = self.unit_flux(name)
        owned = self._weights[name][: self._operators.owned] @ G[: self._operators.owned]
        self.destroy()
        return float(self._space.mesh.comm.allreduce(float(owned), op=MPI.SUM)) / self._areas[name]

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        if self._solver is not None:
            self._solver.destroy()
            self._solver = None
        if not self._laplace.keep:
            self._laplace.destroy()

    def _phi(self, electrolyte: Electrolyte, boundaries: Boundaries, injected: str) -> np.ndarray:
        """Sum over boundaries of I G / (z_k F D_k), mol/m^3, at the local degrees of freedom."""
        species = electrolyte.species[electrolyte.index(injected)]
        profile = electrolyte.diffusivity_profile(species)
        per_ampere = 1.0 / (species.valence * FARADAY * electrolyte.effective_diffusivity(species) * MODEL_UNIT)
        index_map = self._space.dofmap.index_map
        phi = np.zeros(index_map.size_local + index_map.num_ghosts)
        for name, boundary in boundaries.items():
            for injection in boundary.injections:
                if injection.flows:
                    total = injection.total(self._areas[name] * MODEL_UNIT**2)
                    phi += total * per_ampere * self.unit_flux(name, profile)
        self.destroy()  # its solutions stay; the memory is for the equations
        return phi

    def with_currents(self, electrolyte: Electrolyte, boundaries: Boundaries) -> Boundaries | None:
        """Boundaries with the current of a conductance in its place, where the law holds. Collective.

        Returns:
            The boundaries; ``None`` where the potential varies over the conductance, so that its current is not even.

        Raises:
            CaseError: the conductance draws more ions than can flow.
        """
        found = the_conductance(boundaries)
        if found is None or why_not_electroneutral(electrolyte, boundaries):
            return boundaries
        name, mechanism = found
        boundary, species = boundaries[name], mechanism.moved[0]
        unit = Injection.model_construct(species=species, value=1.0)
        ground = next(b for b in boundaries.values() if b.ground_potential() is not None)
        injector = Injector(
            comm=self._space.mesh.comm,
            law=Electroneutral(electrolyte, species),
            per_ampere=self._phi(electrolyte, {name: without_mechanisms(boundary, (unit,))}, species),
            weights=self._weights[name][: self._operators.owned] / self._areas[name],
            ground_potential=ground.ground_potential,
        )
        area = self._areas[name] * MODEL_UNIT**2
        conductance = mechanism.conductance_density(area) * area
        current = injector.current(conductance, boundary.outside_potential + mechanism.reversal)
        if current is None:
            return None
        if math.isnan(current):
            raise CaseError(
                f"boundaries.{name}.mechanism.{mechanism.name}.conductance",
                f"draws more {species} than can flow, so that its concentration would reach zero; choose a smaller one",
                format_quantity(conductance, CONDUCTANCE),
            )
        return boundaries | {name: without_mechanisms(boundary, (unit.model_copy(update={"value": current}),))}

    def predict(self, electrolyte: Electrolyte, boundaries: Boundaries) -> Prediction | None:
        """The electroneutral answer, or ``None`` where the law does not hold. Collective.

        Raises:
            CaseError: a current beyond the limiting one, with the limit.
        """
        given = self.with_currents(electrolyte, boundaries)
        injected = None if given is None else injected_species(electrolyte, given)
        if given is None or injected is None:
            return None
        boundaries = given
        law = Electroneutral(electrolyte, injected)
        phi = self._phi(electrolyte, boundaries, injected)
        lowest = float(self._space.mesh.comm.allreduce(phi.min() if phi.size else math.inf, op=MPI.MIN))
        limit = law.depletion()[1]
        if lowest < 0.0 and lowest <= limit:
            raise beyond_limit(electrolyte, boundaries, self._areas, injected, limit / lowest)
        u = law.potential(phi)
        areas = {name: area * MODEL_UNIT**2 for name, area in self._areas.items()}
        current = sum(i.total(areas[name]) for name, b in boundaries.items() for i in b.injections)
        grounds = (b.ground_potential(current) for b in boundaries.values())  # of a load all that flows in leaves there
        return Prediction(u, law.concentrations(u), next(V for V in grounds if V is not None))

    def limits(self, electrolyte: Electrolyte, boundaries: Boundaries) -> tuple[float, float]:
        """Largest factors of all currents, down (or reversed) and up; infinite without a limit. Collective.

        Raises:
            ValueError: the electroneutral law does not hold.
        """
        given = self.with_currents(electrolyte, boundaries)
        injected = None if given is None else injected_species(electrolyte, given)
        if given is None or injected is None:
            raise ValueError("the electroneutral law does not hold")
        phi, comm = self._phi(electrolyte, given, injected), self._space.mesh.comm
        lowest = float(comm.allreduce(phi.min(initial=0.0), op=MPI.MIN))
        highest = float(comm.allreduce(phi.max(initial=0.0), op=MPI.MAX))
        limit = Electroneutral(electrolyte, injected).depletion()[1]
        return (limit / highest if highest > 0.0 else -math.inf), (limit / lowest if lowest < 0.0 else math.inf)
