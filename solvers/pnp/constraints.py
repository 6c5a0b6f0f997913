"""Constrained degrees of freedom: their value is prescribed, or is one unknown constant with an equation of its own.

Constants: the potential of a floating boundary, whose net current is zero; the concentration of a free species at one
node, whose amount is prescribed. The equation of that one node follows from all others, because each species is
conserved.
The potential of a domain that nothing grounds is zero at that node.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.problem_data import ProblemSignature


@dataclass
class _Condition:
    """One value for some local degrees of freedom of one component; where they are those of a boundary, its name."""

    component: int
    dofs: np.ndarray
    boundary: str = ""
    value: float = 0.0


class Constraints:
    """Constrained degrees of freedom of N species and a potential in one scalar space.

    Args:
        space: scalar space.
        signature: conditions of each boundary.
        boundary_dofs: local degrees of freedom of each boundary, by name.

    Attributes:
        free: unconstrained degrees of freedom, shape (owned dofs, N + 1), true or false.
        indicators: 1 where a degree of freedom of a species counts for a boundary, else 0, by boundary, shape
            (owned dofs, species). The rim of two boundaries counts for the one that prescribes the species.
        potential_dofs: owned degrees of freedom of each boundary that prescribes the potential, or floats.
        constants: number of unknown constants, floating boundaries first.
    """

    def __init__(self, space: Any, signature: ProblemSignature, boundary_dofs: dict[str, np.ndarray]) -> None:
        self._signature, self._boundary_dofs = signature, boundary_dofs
        names, last = signature.names, len(signature.names)
        self._prescribed = [
            _Condition(i, boundary_dofs[name], name)
            for name, prescribes_potential, species in signature.dirichlet
            for i in [names.index(s) for s in species] + ([last] if prescribes_potential else [])
        ]
        node = _one_node(space)
        if not signature.grounded:
            self._prescribed.append(_Condition(last, node))
        self._unknown = [_Condition(last, boundary_dofs[name], name) for name in signature.floating]
        for i, unknown in enumerate(self._unknown):  # the rim of two floating boundaries is the first one's
            for earlier in self._unknown[:i]:
                unknown.dofs = np.setdiff1d(unknown.dofs, earlier.dofs)
        self._unknown += [_Condition(names.index(species), node) for species in signature.amount_constrained]
        self.constants = len(self._unknown)
        for prescribed in self._prescribed:
            for unknown in self._unknown:  # the shared rim belongs to the unknown constant
                if unknown.component == prescribed.component:
                    prescribed.dofs = np.setdiff1d(prescribed.dofs, unknown.dofs)
        owned = space.dofmap.index_map.size_local
        self.free = np.ones((owned, last + 1), dtype=bool)
        for condition in (*self._prescribed, *self._unknown):
            self.free[condition.dofs[condition.dofs < owned], condition.component] = False
        self.indicators = self._indicators(owned)
        self.potential_dofs = self._potential_dofs(owned)

    def _potential_dofs(self, owned: int) -> dict[str, np.ndarray]:
        last, taken = len(self._signature.names), np.empty(0, dtype=np.int32)
        holders = {}
        for condition in (*self._unknown, *self._prescribed):
            name = condition.boundary
            if condition.component == last and name:
                holders[name] = np.setdiff1d(condition.dofs[condition.dofs < owned], taken)
                taken = np.union1d(taken, holders[name])
        return holders

    def _indicators(self, owned: int) -> dict[str, np.ndarray]:
        names = self._signature.names
        taken = np.zeros((owned, len(names)), dtype=bool)
        indicators = {name: np.zeros((owned, len(names))) for name in self._boundary_dofs}
        holders = [(name, names.index(s)) for name, _, species in self._signature.dirichlet for s in species]
        for name, i in holders + [(name, i) for name in self._boundary_dofs for i in range(len(names))]:
            dofs = self._boundary_dofs[name][self._boundary_dofs[name] < owned]
            free = dofs[~taken[dofs, i]]
            indicators[name][free, i] = 1.0
            taken[free, i] = True
        return indicators

    def set(self, electrolyte: Electrolyte, boundaries: Boundaries, to_unknown: Callable[[float, int], float]) -> None:
        """Set the prescribed values of a case.

        Args:
            electrolyte: species of the case.
            boundaries: boundary conditions by name.
            to_unknown: conversion of a value (SI) and the number of its component to the unknown.

        Raises:
            ValueError: another structure than at construction.
        """
        names = self._signature.names
        for condition in self._prescribed:
            if condition.boundary:
                boundary, i = boundaries[condition.boundary], condition.component
                value = boundary.prescribed_potential if i == len(names) else boundary.prescribed(electrolyte)[names[i]]
                if value is None:
                    raise ValueError(f"{condition.boundary} prescribes no potential, as it did at construction")
                condition.value = to_unknown(value, i)

    def prescribe(self, unknowns: np.ndarray, boundary: str | None = None) -> None:
        """Write prescribed values, all or those of one boundary, into local unknowns, shape (local dofs, N + 1)."""
        for condition in self._prescribed:
            if boundary in (None, condition.boundary):
                unknowns[condition.dofs, condition.component] = condition.value

    def prescribed_dofs(self) -> np.ndarray:
        """Degrees of freedom with a prescribed value, shape (owned dofs, N + 1), true or false."""
        prescribed = np.zeros(self.free.shape, dtype=bool)
        for condition in self._prescribed:
            prescribed[condition.dofs[condition.dofs < len(prescribed)], condition.component] = True
        return prescribed

    def write_constants(self, unknowns: np.ndarray, constants: np.ndarray) -> None:
        """Write the unknown constants into local unknowns."""
        for condition, g in zip(self._unknown, constants, strict=True):
            unknowns[condition.dofs, condition.component] = g

    def constraint_residual(self, unknowns: np.ndarray) -> np.ndarray:
        """Prescribed minus present values of owned unknowns, shape (owned dofs, N + 1); zero elsewhere."""
        prescribed = np.array(unknowns)
        for condition in self._prescribed:
            own = condition.dofs[condition.dofs < len(prescribed)]
            prescribed[own, condition.component] = condition.value
        return prescribed - unknowns

    def direction(self, constant: int) -> np.ndarray:
        """Derivative of the owned unknowns by a constant: one at its degrees of freedom, zero elsewhere."""
        condition = self._unknown[constant]
        direction = np.zeros(self.free.shape)
        direction[condition.dofs[condition.dofs < len(direction)], condition.component] = 1.0
        return direction

    def constants_at(self, unknowns: np.ndarray, comm: Any) -> np.ndarray:
        """Values of the constants at local unknowns. Collective where there are constants."""
        if not self.constants:
            return np.empty(0)
        local = np.array([unknowns[c.dofs, c.component].max(initial=-np.inf) for c in self._unknown])
        return reduced(comm, local, MPI.MAX)


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
