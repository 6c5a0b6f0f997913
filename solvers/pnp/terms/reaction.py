"""Reactions by mass action at the nodes, and the totals of immobile species.

With the net rate r_k of reaction k at the nodes and the molecules n_ki that it makes of species i,

    R_i -= tau int I(sum_k n_ki r_k) v,

I being the interpolation at the nodes: with linear elements the mass of each node times the rate there. So what one
species loses at a node another one gains there, exactly.

An immobile species has no flux. In time its storage decides; in a steady state its equations say only that reactions
rest. There the equation of one species of each total that consists of immobile species alone is replaced by that of
the total, which has its initial value at every node:

    R_p = int I(sum_i l_i (c_i - C_i)) v.

Outside of the region of a reaction there are more such totals: what reacts nowhere else stays as it was.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import compress
from typing import override

import numpy as np

from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.reactions import ReactionNetwork
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
        self._rows = [
            (np.flatnonzero(np.all((self._share > 0.0) == pattern, axis=1)), total.pivot, np.array(total.weights))
            for pattern in self._patterns(network)
            for total in replace(network, reactions=tuple(compress(network.reactions, pattern))).local_totals
        ]
        of_rows = {(pivot, int(j)) for _, pivot, weights in self._rows for j in np.flatnonzero(weights)}
        self._coupled = sorted({*network.coupled} | of_rows)
        (self.nodal_pairs if fields.operators.degree == 1 else self.pairs).extend(self._coupled)

    def _patterns(self, network: ReactionNetwork) -> list[tuple[bool, ...]]:
        """Which reactions take place at a node, as they occur on any rank. Collective."""
        here = {tuple(row) for row in (self._share > 0.0).tolist()}
        return sorted(set().union(*self.fields.comm.allgather(here)))

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
        with np.errstate(over="ignore", invalid="ignore"):  # Newton refuses what is not finite
            forward, backward = self.network.rates(self._concentrations() * self._scales.concentration)
            return np.asarray(self._share * (forward - backward))

    @override
    def add_residual(self, residual: np.ndarray) -> None:
        lost = -self._pace * (self._net_rates() @ self.network.net)
        if self._steady:
            excess = self._concentrations() - self._bulk
            for nodes, pivot, weights in self._rows:
                lost[nodes, pivot] = excess[nodes] @ weights
        for i in sorted({i for i, _ in self._coupled}):
            residual[:, i] += self.fields.variables.of_nodes(lost[:, i])

    def rate_slopes(self) -> np.ndarray:
        """Derivative of the net rates by the concentrations at the nodes, scaled, shape (owned dofs, R, N)."""
        by_c = self.network.rate_slopes(self._concentrations() * self._scales.concentration) * self._share[:, :, None]
        return by_c * (self._pace * self._scales.concentration)

    @override
    def add_jacobian(self, blocks: Blocks) -> None:
        c, variables = self._concentrations(), self.fields.variables
        slope = variables.slope(c)
        by_unknown = self.rate_slopes() * slope[:, None, :]
        for i, j in self._coupled:
            lost = -(by_unknown[:, :, j] @ self.network.net[:, i])
            for nodes, pivot, weights in self._rows if self._steady else ():
                if pivot == i:
                    lost[nodes] = weights[j] * slope[nodes, j]
            variables.add_nodal_slope(blocks.add(i, j), lost)

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
