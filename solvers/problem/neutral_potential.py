"""Mean potential of the neutral solution beside membranes, which mechanisms see in place of that at the wall's nodes.

On cells that do not resolve the Debye layer the nodes of the wall hold the charge of the membrane, and their potential
is some tenths of a millivolt from that of the solution beside them, by an amount that depends on the cells.
"""

from __future__ import annotations

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.model.membrane.traces import neutral_trace
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.problem.problem import Problem


def membrane_names(data: ProblemData) -> tuple[str, ...]:
    """Boundaries that are membranes: with mechanisms or a capacitance."""
    return tuple(name for name, b in data.boundaries.items() if b.mechanisms or b.capacitance is not None)


class NeutralPotentials:
    """Area means of the potential V + V_T w of `model.membrane.traces` over the membranes of a problem. Collective.

    Args:
        problem: discrete problem.
        data: data that it is solved for.

    Attributes:
        names: names of the membranes.
    """

    def __init__(self, problem: Problem, data: ProblemData) -> None:
        self._weights, electrolyte = problem.weights, data.electrolyte
        self._V_T, self._valences = electrolyte.V_T, np.array([s.valence for s in electrolyte.species])
        self._moves = np.array([float(s.moves) for s in electrolyte.species])
        self.names = tuple(name for name in membrane_names(data) if electrolyte.has_ions)
        fixed = np.full(len(self._weights.volume), electrolyte.uniform_charge)
        if self.names and electrolyte.charged_regions:
            fixed += self._weights.fixed_charge_density(electrolyte.charged_regions)
        self._at: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for name in self.names:
            dofs = problem.discretisation.boundary_dofs[name]
            nodes = dofs[dofs < self._weights.owned]
            share = self._weights.boundary[name][nodes] / self._weights.area[name]
            self._at.append((nodes, share, fixed[nodes]))

    def means(self, unknowns: np.ndarray) -> np.ndarray:
        """Mean over each membrane, V, shape (membranes,). Collective.

        Args:
            unknowns: nodal values as in `Solution.unknowns`.
        """
        own = []
        for nodes, share, fixed in self._at:
            shift = neutral_trace(unknowns[nodes, :-1], self._valences, fixed, self._moves).shift
            own.append(share @ (unknowns[nodes, -1] + self._V_T * shift))
        return reduced(self._weights.comm, np.array(own), MPI.SUM) if own else np.empty(0)
