"""Reactions by mass action at the nodes, and the totals of immobile species.

With the net rate r_k of reaction k at the nodes and the molecules n_ki that it makes of species i,

    R_i -= tau int I(sum_k n_ki r_k) v,

I being the interpolation at the nodes: with linear elements the mass of each node times the rate there. So what one
species loses at a node another one gains there, exactly.

An immobile species has no flux. In time its storage decides; in a steady state its equations say only that reactions
rest. There the equation of one species of each total that consists of immobile species alone is replaced by that of
the total, which has its initial value at every node:

    R_p = int I(sum_i l_i (c_i - C_i)) v.
"""

from __future__ import annotations

from typing import override

import numpy as np

from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.blocks import Blocks
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import Term
from spinepnp.units import FARADAY


class Reactions(Term):
    """Rates of all reactions at the nodes.

    Attributes:
        network: reactions with their stoichiometry.
    """

    order = 160

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        network = problem_data.electrolyte.network
        self._share = np.ones((fields.owned, len(network.reactions)))
        for k, reaction in enumerate(network.reactions):
            if reaction.region is not None:
                share = fields.weights.share(reaction.region, f"electrolyte.reactions.{k}.region")
                self._share[:, k] = share[: fields.owned]
        self.network = network
        self._rows = {total.pivot: np.array(total.weights) for total in network.local_totals}
        pairs = [*network.coupled, *((p, int(j)) for p, row in self._rows.items() for j in np.flatnonzero(row))]
        (self.nodal_pairs if fields.operators.degree == 1 else self.pairs).extend(sorted({*pairs}))

    @classmethod
    @override
    def applies(cls, problem_data: ProblemData) -> bool:
        return problem_data.electrolyte.has_chemistry

    @override
    def update(self, step: StepData) -> None:
        electrolyte, self._scales = step.problem_data.electrolyte, step.scales
        self.network = electrolyte.network
        self._bulk = np.array([*electrolyte.bulk.values()]) / step.scales.concentration
        self._steady = step.states is None
        self._pace = step.step_size / step.scales.rate

    def _concentrations(self) -> np.ndarray:
        """Scaled concentrations at the owned nodes, shape (owned dofs, N)."""
        return self.fields.concentrations()[: self.fields.owned]

    def _net_rates(self) -> np.ndarray:
        """Net rates of the reactions, mol/(m^3 s), shape (owned dofs, R)."""
        forward, backward = self.network.rates(self._concentrations() * self._scales.concentration)
        return self._share * (forward - backward)

    @override
    def add_residual(self, residual: np.ndarray) -> None:
        variables, made = self.fields.variables, self._pace * (self._net_rates() @ self.network.net)
        for i in np.flatnonzero(self.network.reacts):
            residual[:, i] -= variables.of_nodes(made[:, i])
        if self._steady:
            excess = self._concentrations() - self._bulk
            for pivot, weights in self._rows.items():
                residual[:, pivot] = variables.of_nodes(excess @ weights)

    def rate_slopes(self) -> np.ndarray:
        """Derivative of the net rates by the concentrations at the nodes, scaled, shape (owned dofs, R, N)."""
        by_c = self.network.rate_slopes(self._concentrations() * self._scales.concentration) * self._share[:, :, None]
        return by_c * (self._pace * self._scales.concentration)

    @override
    def add_jacobian(self, blocks: Blocks) -> None:
        c, variables = self._concentrations(), self.fields.variables
        slope = variables.slope(c)
        by_unknown = self.rate_slopes() * slope[:, None, :]
        for i, j in self.network.coupled:
            if not (self._steady and i in self._rows):
                variables.add_nodal_slope(blocks.add(i, j), -(by_unknown[:, :, j] @ self.network.net[:, i]))
        for pivot, weights in self._rows.items() if self._steady else ():
            for k in np.flatnonzero(weights).tolist():
                variables.add_nodal_slope(blocks.add(pivot, k), weights[k] * slope[:, k])

    @override
    def production(self) -> np.ndarray:
        """Net rate of production of each species, mol/s, shape (N,). Collective."""
        made = self._net_rates() @ self.network.net
        weights = self.fields.weights
        return weights.integral(weights.volume, made) * self._scales.length**3

    @override
    def through(self) -> np.ndarray:
        """Size of the net production of each species, scaled, shape (N,). Collective."""
        return np.abs(self.production()) * FARADAY / self._scales.current
