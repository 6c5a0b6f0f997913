"""Closed domains: prescribed amounts, the zero of the potential, and the wall charge that Gauss' law requires.

The amount of a species that no boundary determines is prescribed. Its unknown constant is the concentration at one
node, whose own equation follows from all others, because each species is conserved. The potential of a domain that
nothing grounds is zero at that node.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, override

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.model.closed import (
    Charges,
    Closed,
    amounts_of,
    check_inflow,
    check_neutral_inflow,
    compatible_wall_charge,
)
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import BorderRow, BorderTerm, Condition, Term
from spinepnp.units import FARADAY


class ClosedDomain(BorderTerm):
    """Prescribed amounts with their equations, and the charge on walls that nothing grounds.

    Attributes:
        totals: weights of the species in each prescribed amount, shape (amounts, N): one for a species alone, several
            where reactions conserve a total.
        prescribed_amounts: prescribed amounts, scaled, by the name of the species that stands for each.
        wall_charge_density: charge spread over all walls of a domain that nothing grounds, C/m^2; ``None`` elsewhere.
    """

    order = 120

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        node = _one_node(fields.operators.space)
        if not fields.signature.grounded:
            self.prescribed = [Condition(fields.count, node)]
        self.species = [fields.names.index(name) for name in fields.signature.amount_constrained]
        self.shared = [Condition(i, node) for i in self.species]
        self.totals = np.array(fields.signature.totals or np.eye(fields.count)[self.species]).reshape(-1, fields.count)
        self.prescribed_amounts: dict[str, float] = {}
        self.wall_charge_density: float | None = None
        self._closing: np.ndarray | None = None

    @override
    def update(self, step: StepData) -> None:
        if step.wall_charge is not None:  # a stage changes neither amounts nor the charge inside
            return
        problem_data, scales, names = step.problem_data, step.scales, self.fields.signature.amount_constrained
        electrolyte = problem_data.electrolyte
        amounts = amounts_of(problem_data.closed or Closed(), electrolyte, electrolyte.names, step.volume)
        totals = self.total_amounts(np.array([*amounts.values()]) / scales.amount).tolist()
        self.prescribed_amounts = dict(zip(names, totals, strict=True))
        self.wall_charge_density, self._closing = None, None
        if not self.fields.signature.grounded:
            if problem_data.transient:
                check_neutral_inflow(problem_data.boundaries, problem_data.electrolyte, step.areas, step.volume)
            self._set_closing_load(step)

    def check_inflows(self, terms: Iterable[Term], step: StepData) -> None:
        """Refuse loads that change a prescribed amount. Collective.

        Raises:
            CaseError: names the species.
        """
        if not self.species:
            return
        loads = []
        for term in terms:
            load = np.zeros((self.fields.owned, self.fields.count + 1))
            term.add_load(load)
            loads.append([load.sum(axis=0), np.abs(load).sum(axis=0)])
        unit = step.scales.current / FARADAY
        net, size = reduced(self.fields.comm, np.array(loads).sum(axis=0), MPI.SUM)[:, :-1] * unit
        nets, sizes = self.total_amounts(net), np.abs(self.totals) @ size
        for i, of_total, total_size in zip(self.species, nets.tolist(), sizes.tolist(), strict=True):
            valence = step.problem_data.electrolyte.species[i].valence
            check_inflow(self.fields.names[i], of_total, total_size, valence)

    def _set_closing_load(self, step: StepData) -> None:
        """Set the load of the wall charge that Gauss' law requires of a domain that nothing grounds. Collective."""
        weights, areas = self.fields.weights, step.areas
        charges = self._charges(step, step.volume, areas)
        exact = [charges]
        if {"volume", *areas} <= set(weights.exact):
            exact.append(self._charges(step, weights.exact["volume"], weights.exact))
        even = self.wall_charge_density = compatible_wall_charge(charges, exact, sum(areas.values()))
        self._closing = np.zeros(self.fields.owned)
        for of_boundary in weights.boundary.values():
            self._closing += even / step.scales.surface_charge * of_boundary[: self.fields.owned]

    def _charges(self, step: StepData, volume: float, areas: dict[str, float]) -> Charges:
        """Charges of a domain of a given size, m^3 and m^2. Collective."""
        electrolyte, weights = step.problem_data.electrolyte, self.fields.weights
        amounts = amounts_of(step.problem_data.closed or Closed(), electrolyte, electrolyte.names, volume)
        unit = volume / weights.total_volume
        regional = [unit * weights.sum(weights.fixed_charge((region,))) for region in electrolyte.charged_regions]
        boundaries = step.problem_data.boundaries.items()
        return Charges(
            ions=tuple(FARADAY * s.valence * amounts[s.name] for s in electrolyte.species),
            fixed=tuple(FARADAY * amount for amount in (electrolyte.uniform_charge * volume, *regional)),
            walls=tuple(b.surface_charge * areas[n] for n, b in boundaries if b.surface_charge),
        )

    @override
    def add_load(self, load: np.ndarray) -> None:
        if self._closing is not None:
            load[:, -1] += self._closing

    @override
    def values(self, nodal_flux: np.ndarray) -> list[float]:
        if not self.species:
            return []
        amounts = self.fields.weights.integral(np.ones(self.fields.owned), self.fields.storage())
        return [
            total - self.prescribed_amounts[self.fields.names[i]]
            for i, total in zip(self.species, self.total_amounts(amounts).tolist(), strict=True)
        ]

    def total_amounts(self, amounts: np.ndarray) -> np.ndarray:
        """Amounts of the totals, of the amounts of all species, shape (N,)."""
        return self.totals @ amounts

    @override
    def rows(self) -> list[BorderRow]:
        variables, functions = self.fields.variables, self.fields.functions
        whole = np.arange(self.fields.owned)
        return [
            BorderRow(
                slopes=[(int(j), whole, total[j] * variables.amount_slope(functions[j])) for j in np.flatnonzero(total)]
            )
            for total in self.totals
        ]


def _one_node(space: Any) -> np.ndarray:
    """One node, equal on any number of ranks: local numbers on the ranks that know it, none on the others."""
    comm, index_map = space.mesh.comm, space.dofmap.index_map
    owned = space.tabulate_dof_coordinates()[: index_map.size_local]
    mine: tuple[tuple[float, ...], int] = ((np.inf,) * 3, -1)
    if len(owned):
        # A coordinate of zero may be rounding, which differs between numbers of ranks.
        rounded = np.round(owned, 9) + 0.0
        first = np.lexsort(rounded.T[::-1])[:1].astype(np.int32)
        mine = tuple(rounded[first[0]]), int(index_map.local_to_global(first)[0])
    _, chosen = min(comm.allgather(mine))
    local = index_map.global_to_local(np.array([chosen], dtype=np.int64))
    return np.asarray(local[local >= 0], dtype=np.int32)
