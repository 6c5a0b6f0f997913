"""One contribution to the discrete equations, and its unknown constants where it has some.

The equations of the N species and of the potential are sums over terms. With tau the size of an implicit step (one in a
steady state) and v a basis function,

    R_i   = (state-dependent terms) - tau loads_i - history_i,
    R_phi = (state-dependent terms) - loads_phi.

A term is one object for all boundaries and regions that have it, so that sums keep their order. Its key in the case and
the checks of its values stand in the file of that name in `model.terms`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.blocks import Blocks, Pair
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StateStep, StepData


@dataclass
class Condition:
    """One value for some local degrees of freedom of one component.

    Attributes:
        component: index of the component; the potential is the last one.
        dofs: local degrees of freedom.
        boundary: name of the boundary where they lie; empty for a single node.
        value: prescribed unknown, scaled; of no use where the value is an unknown constant.
    """

    component: int
    dofs: np.ndarray
    boundary: str = ""
    value: float = 0.0


class Term:
    """One contribution to the discrete equations; the methods here add nothing.

    Args:
        fields: fields of the unknowns.
        problem_data: data of the case, which decide the structure; values come with `update`.

    Attributes:
        order: place among the terms, which is the order of sums.
        pairs: pairs of an equation and an unknown that the term couples.
        nodal_pairs: pairs that it couples within each node only.
        prescribed: degrees of freedom with a prescribed value.
        state_step: implicit step of the states, set before `update`; ``None`` in a steady state.
        nodal_step: implicit step of the nodal states, set before `update`; ``None`` in a steady state.
    """

    order: ClassVar[int]
    state_step: StateStep | None = None
    nodal_step: StateStep | None = None

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        self.fields = fields
        self.pairs: list[Pair] = []
        self.nodal_pairs: list[Pair] = []
        self.prescribed: list[Condition] = []

    @classmethod
    def applies(cls, problem_data: ProblemData) -> bool:
        """Whether a case with this structure has the term."""
        return True

    def integrands(self) -> Iterable[tuple[int, Any]]:
        """Definition of the residual in the volume: component, and UFL integrand with the test function.

        A faster assembly of `add_residual` has to give the same.
        """
        return ()

    def update(self, step: StepData) -> None:
        """Take the values of a solve or of a stage. Collective."""

    def add_load(self, load: np.ndarray) -> None:
        """Add what does not depend on the state, shape (owned dofs, N + 1), to the loads. Collective."""

    def add_residual(self, residual: np.ndarray) -> None:
        """Add what depends on the state to the residual, shape (owned dofs, N + 1). Collective."""

    def add_jacobian(self, blocks: Blocks) -> None:
        """Add the derivative of the residual by the unknowns to the blocks. Collective."""

    def mechanism_names(self) -> list[tuple[str, str]]:
        """Boundary and name of each mechanism whose currents are reported apart."""
        return []

    def mechanism_currents(self) -> np.ndarray:
        """Current of each species through each of them, A, shape (mechanisms, N). Collective."""
        return np.zeros((0, self.fields.count))

    def add_currents(self, currents: dict[str, np.ndarray]) -> None:
        """Add currents through boundaries that do not enter at constrained degrees of freedom. Collective.

        Args:
            currents: current of each species into each boundary, A, shape (N,), by name.
        """

    def through(self) -> np.ndarray | float:
        """Size of the flow of each species through boundaries that depends on the state, scaled, (N,). Collective."""
        return 0.0

    def production(self) -> np.ndarray | float:
        """Rate at which each species is produced in the volume, mol/s, shape (N,). Collective."""
        return 0.0

    def wall_charges(self) -> dict[str, float]:
        """Charges lambda^2 int dn phi on boundaries, scaled, that the term knows of the state. Collective."""
        return {}

    def state_names(self) -> list[str]:
        """Names of quantities with a rate of their own that are equal on all ranks, such as gates of a patch.

        Those with a name are columns of results, in their units; others have an empty one.
        """
        return []

    def states(self) -> np.ndarray:
        """Their values at the state: at the end of the stage, or steady ones. Collective."""
        return np.empty(0)

    def start_states(self) -> np.ndarray:
        """Their values at the start of a transient that does not begin in a steady state. Collective."""
        return self.states()

    def state_scales(self) -> np.ndarray:
        """Scales of the states, to which their errors in a step are compared, shape (states,)."""
        return np.ones(len(self.state_names()))

    def nodal_state_names(self) -> list[str]:
        """Names of quantities with a rate of their own at the nodes, such as gates of a membrane."""
        return []

    def nodal_states(self) -> np.ndarray:
        """Their values at the owned nodes, zero elsewhere than on their boundary, shape (owned dofs, names)."""
        return np.empty((self.fields.owned, 0))

    def charge_response(self) -> np.ndarray | float:
        """Part of `preconditioner.Linearisation.charge_response`."""
        return 0.0

    def conductivity(self) -> np.ndarray | float:
        """Part of `preconditioner.Linearisation.conductivity`."""
        return 0.0

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""


@dataclass
class BorderRow:
    """Equation of one unknown constant g: weights . R + f(unknowns) + own g = 0.

    Attributes:
        weights: weights of the nodal flux R, shape (owned dofs, N + 1); ``None`` where it does not enter.
        slopes: component, owned degrees of freedom and derivative of f by their unknowns, for each component that f
            depends on.
        own: derivative by the constant itself.
        others: derivatives by other constants of the term, by number.
        lifted: whether f follows when unknowns take their prescribed values in the first Newton step.
    """

    weights: np.ndarray | None = None
    slopes: list[tuple[int, np.ndarray, np.ndarray]] = field(default_factory=list)
    own: float = 0.0
    others: dict[int, float] = field(default_factory=dict)
    lifted: bool = False


#: Flux that a constant drives: parts of a component, owned degrees of freedom, and values there.
type DrivenFlux = list[tuple[int, np.ndarray, np.ndarray]]


class BorderTerm(Term):
    """Term with unknown constants, each with an equation of its own, behind the unknowns of the mesh.

    Attributes:
        shared: degrees of freedom that share one unknown constant, in the order of the constants; or nothing, where the
            constants drive fluxes.
        constants: present values of the constants, scaled.
    """

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        self.shared: list[Condition] = []
        self.constants = np.empty(0)

    @property
    def count(self) -> int:
        """Number of unknown constants."""
        return len(self.shared)

    def constants_at(self, unknowns: np.ndarray) -> np.ndarray:
        """Values of the constants at local unknowns, shape (local dofs, N + 1). Collective where there are any."""
        if not self.shared:
            return np.empty(0)
        local = np.array([unknowns[c.dofs, c.component].max(initial=-np.inf) for c in self.shared])
        return reduced(self.fields.comm, local, MPI.MAX)

    def values(self, nodal_flux: np.ndarray) -> list[float]:
        """Residual of each equation, by the nodal flux (owned dofs, N + 1). Collective."""
        raise NotImplementedError

    def rows(self) -> list[BorderRow]:
        """Derivative of each equation at the state."""
        raise NotImplementedError

    def add_driven(self, residual: np.ndarray) -> None:
        """Add the fluxes that the constants drive, after the loads."""

    def driven(self) -> list[DrivenFlux]:
        """Derivative of the residual by each constant that drives fluxes."""
        return []
