"""Discrete equations without constraints: a sum over terms, and the blocks of its derivative.

The unknowns are N species and the potential, each in one scalar Lagrange space. Every matrix has the pattern of the
scalar space: constant ones are assembled once, the others in one pass over the cells each (`pnp.variables`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from spinepnp.runtime.stack import MPI
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.blocks import Blocks
from spinepnp.solvers.pnp.custom_term import CustomTerm
from spinepnp.solvers.pnp.custom_term import Term as CustomSpec
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms import term_kinds
from spinepnp.solvers.pnp.terms.base import BorderTerm, Term


class Equations:
    """Residual and Jacobian of all terms at the state of their fields, with the values of a solve.

    Args:
        fields: fields of the unknowns.
        terms: terms in the order of sums.

    Attributes:
        fields: fields of the unknowns.
        terms: terms in the order of sums.
        blocks: blocks of the derivative by equation and unknown.
    """

    def __init__(self, fields: Fields, terms: Sequence[Term]) -> None:
        self.fields, self.terms = fields, tuple(terms)
        pairs = (pair for term in terms for pair in term.pairs)
        nodal = (pair for term in terms for pair in term.nodal_pairs)
        self.blocks = Blocks(fields.operators, fields.count + 1, pairs, nodal)
        self._known = np.zeros((fields.owned, fields.count + 1))

    @property
    def border_terms(self) -> list[BorderTerm]:
        """Terms with unknown constants."""
        return [term for term in self.terms if isinstance(term, BorderTerm)]

    def find[Kind: Term](self, kind: type[Kind]) -> Kind:
        """The term of a class that every problem has."""
        return next(term for term in self.terms if isinstance(term, kind))

    def update(self, step: StepData) -> None:
        """Take the values of a solve or of a stage. Collective.

        Raises:
            CaseError: a closed domain whose data have no steady state.
        """
        self._set_states(step)
        for term in self.terms:
            term.update(step)
        load = np.zeros_like(self._known)
        for term in self.terms:
            term.add_load(load)
        self.load = step.step_size * load[:, :-1]
        self._known[:, :-1], self._known[:, -1] = self.load + step.history, load[:, -1]

    def _set_states(self, step: StepData) -> None:
        """Hand the steps of their states to the terms."""
        first = first_nodal = 0
        for term in self.terms:
            term.state_step = term.nodal_step = None
            if step.states is not None and step.nodal_states is not None:
                last, last_nodal = first + len(term.state_names()), first_nodal + len(term.nodal_state_names())
                term.state_step = replace(step.states, start=step.states.start[first:last])
                nodal = step.nodal_states.start[:, first_nodal:last_nodal]
                term.nodal_step = replace(step.nodal_states, start=nodal)
                first, first_nodal = last, last_nodal

    def state_names(self) -> list[str]:
        """Names of the states of all terms, see `Term.states`."""
        return [name for term in self.terms for name in term.state_names()]

    def states(self) -> np.ndarray:
        """States of all terms at the state. Collective."""
        return np.concatenate([np.empty(0), *(term.states() for term in self.terms)])

    def start_states(self) -> np.ndarray:
        """States of all terms at the start of a transient that does not begin in a steady state. Collective."""
        return np.concatenate([np.empty(0), *(term.start_states() for term in self.terms)])

    def state_scales(self) -> np.ndarray:
        """Scales of the states of all terms."""
        return np.concatenate([np.empty(0), *(term.state_scales() for term in self.terms)])

    def nodal_state_names(self) -> list[str]:
        """Names of the nodal states of all terms, see `Term.nodal_states`."""
        return [name for term in self.terms for name in term.nodal_state_names()]

    def nodal_states(self) -> np.ndarray:
        """Nodal states of all terms at the state, shape (owned dofs, states)."""
        return np.hstack([term.nodal_states() for term in self.terms])

    def residual(self) -> np.ndarray:
        """Sum of all terms that depend on the state, shape (owned dofs, N + 1). Collective."""
        residual = np.zeros_like(self._known)
        for term in self.terms:
            term.add_residual(residual)
        return residual

    def nodal_flux(self) -> np.ndarray:
        """Residual with loads and with fluxes driven by constants, shape (owned dofs, N + 1). Collective.

        At constrained degrees of freedom it is the flux that enters there.
        """
        residual = self.residual()
        residual -= self._known
        for term in self.border_terms:
            term.add_driven(residual)
        return residual

    def fill_blocks(self) -> None:
        """Fill the blocks with the derivative of the residual at the state. Collective."""
        self.blocks.begin()
        for term in self.terms:
            term.add_jacobian(self.blocks)
        self.blocks.finish()

    def currents(self, nodal_flux: np.ndarray, indicators: dict[str, np.ndarray], unit: float) -> dict[str, np.ndarray]:
        """Current of each species through each boundary, A, shape (N,), by name. Collective.

        Positive charge entering counts positive. The residual of a species, tested against all basis functions of a
        boundary where its concentration is prescribed, is the flux that enters there (int D (dn c + z c dn phi));
        grad c . n on the boundary would err by O(h). Newton's remaining residual is part of the currents, so that the
        sum over all boundaries measures the balance.

        Args:
            nodal_flux: columns of the species of `nodal_flux`, scaled, shape (owned dofs, N).
            indicators: 1 where a degree of freedom of a species counts for a boundary, by name, shape (owned dofs, N).
            unit: current of one scaled unit, A.
        """
        weights, valence, ones = self.fields.weights, self.fields.coefficients.valence, np.ones(len(nodal_flux))
        currents = {
            name: weights.integral(ones, part * nodal_flux) * valence * unit for name, part in indicators.items()
        }
        for term in self.terms:
            term.add_currents(currents)
        return {name: current + 0.0 for name, current in currents.items()}  # a zero has no sign

    def mechanism_names(self) -> list[tuple[str, str]]:
        """Boundary and name of each mechanism, see `Term.mechanism_names`."""
        return [name for term in self.terms for name in term.mechanism_names()]

    def mechanism_currents(self) -> np.ndarray:
        """Current of each species through each of them, A, shape (mechanisms, N). Collective."""
        return np.vstack([term.mechanism_currents() for term in self.terms])

    def through(self) -> np.ndarray:
        """Size of the flow of each species that the terms let through boundaries, scaled, shape (N,). Collective."""
        return _sum(self.fields.count, (term.through() for term in self.terms))

    def production(self) -> np.ndarray:
        """Rate at which the terms produce each species in the volume, mol/s, shape (N,). Collective."""
        return _sum(self.fields.count, (term.production() for term in self.terms))

    def charge_response(self) -> np.ndarray:
        """Sum over the terms, for the preconditioner, shape (owned dofs,)."""
        return _sum(self.fields.owned, (term.charge_response() for term in self.terms))

    def conductivity(self) -> np.ndarray:
        """Sum over the terms, for the preconditioner, shape (owned dofs,)."""
        return _sum(self.fields.owned, (term.conductivity() for term in self.terms))

    def wall_charges(self, names: Iterable[str]) -> dict[str, float]:
        """Charges on boundaries that terms know, scaled, by name; zero on the others. Collective."""
        charges = dict.fromkeys(names, 0.0)
        for term in self.terms:
            charges |= term.wall_charges()
        return charges

    def field_energy(self) -> float:
        """Integral of lambda^2/2 |grad phi|^2. Collective."""
        fields, work = self.fields, self.fields.operators.vector()
        fields.permittivity.K.mult(fields.phi.x.petsc_vec, work)
        energy = float(fields.phi.x.array[: fields.owned] @ work.array_r)
        work.destroy()
        return 0.5 * fields.coefficients.debye_squared * float(fields.comm.allreduce(energy, op=MPI.SUM))

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        for term in self.terms:
            term.destroy()
        self.fields.destroy()
        self.blocks.destroy()


def _sum(length: int, parts: Iterable[np.ndarray | float]) -> np.ndarray:
    total = np.zeros(length)
    for part in parts:
        total += part
    return total


def make_terms(fields: Fields, problem_data: ProblemData, custom: Iterable[CustomSpec] = ()) -> list[Term]:
    """Terms of a case in the order of sums.

    Args:
        fields: fields of the unknowns.
        problem_data: data of the case, which decide the structure.
        custom: terms of the user.

    Raises:
        CaseError: a term of the user names what the problem does not have.
    """
    terms: list[Term] = [kind(fields, problem_data) for kind in term_kinds() if kind.applies(problem_data)]
    terms += [CustomTerm(fields, problem_data, term) for term in custom]
    return sorted(terms, key=lambda term: term.order)
