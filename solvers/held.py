"""Degrees of freedom whose value is prescribed, or is one unknown constant that a balance decides.

Constants: the potential of a floating boundary, decided by its net current (zero); the density of a free species at one
node, decided by its amount. The equation of that one node follows from all others, because each species is conserved.
The potential of a domain that nothing grounds is zero at that node.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.meshes.stack import MPI, fem
from spinepnp.solvers.boundaries import Boundaries
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.structure import Structure


class Held:
    """Held degrees of freedom of one blocked space.

    Args:
        space: of the unknowns (c_1..c_N, phi).
        scalar_space: of one component.
        mesh: with named boundaries.
        structure: which boundary holds what.
        boundary_dofs: local scalar degrees of freedom of each boundary, by name.

    Attributes:
        conditions: of DOLFINx, those of the constants last.
        indicators: which boundary a degree of freedom of a species counts for: 0 or 1 by boundary, shape
            (local dofs, species). On the rim of two boundaries it is the one that holds the species.
        constants: number of unknown constants, floating boundaries first.
    """

    def __init__(
        self,
        space: Any,
        scalar_space: Any,
        mesh: SpineMesh,
        structure: Structure,
        boundary_dofs: dict[str, np.ndarray],
    ) -> None:
        self._space, self._structure = space, structure
        self._components = len(structure.names) + 1
        self._facet_dim = mesh.mesh.topology.dim - 1
        self._facets = mesh.boundary_facets
        self._boundary_dofs = boundary_dofs
        self.conditions: list[Any] = []
        self._values: list[tuple[str, int, Any]] = []
        for name, holds_potential, held_species in structure.held:
            components = [structure.names.index(s) for s in held_species]
            for i in components + ([self._components - 1] if holds_potential else []):
                self._values.append((name, i, self._hold(i, self._dofs_of(name, i))))
        node = self._one_node(scalar_space)
        if not structure.grounded:
            self._hold(self._components - 1, self._unrolled(node, self._components - 1))
        first = len(self.conditions)
        self._unknown = [
            self._hold(self._components - 1, self._dofs_of(name, self._components - 1)) for name in structure.floating
        ]
        for species in structure.free:
            i = structure.names.index(species)
            self._unknown.append(self._hold(i, self._unrolled(node, i)))
        self._of_constants = self.conditions[first:]
        self.constants = len(self._unknown)
        self._owned = space.dofmap.index_map.size_local * self._components
        self.indicators = self._indicators(space.dofmap.index_map)

    def _hold(self, component: int, dofs: np.ndarray) -> Any:
        value = fem.Constant(self._space.mesh, np.float64(0.0))
        self.conditions.append(fem.dirichletbc(value, dofs, self._space.sub(component)))
        return value

    def _dofs_of(self, name: str, component: int) -> np.ndarray:
        facets = self._facets[name]
        return np.asarray(fem.locate_dofs_topological(self._space.sub(component), self._facet_dim, facets))

    def _unrolled(self, nodes: np.ndarray, component: int) -> np.ndarray:
        return (nodes * self._components + component).astype(np.int32)

    def _one_node(self, scalar_space: Any) -> np.ndarray:
        """The same node on any number of ranks: local numbers on the ranks that know it, none on the others."""
        comm, index_map = scalar_space.mesh.comm, scalar_space.dofmap.index_map
        owned = scalar_space.tabulate_dof_coordinates()[: index_map.size_local]
        mine: tuple[tuple[float, ...], int] = ((np.inf,) * 3, -1)
        if len(owned):
            # What is zero may be rounding, which differs between ranks.
            rounded = np.round(owned, 9) + 0.0
            first = np.lexsort(rounded.T[::-1])[:1].astype(np.int32)
            mine = tuple(rounded[first[0]]), int(index_map.local_to_global(first)[0])
        _, chosen = min(comm.allgather(mine))
        local = index_map.global_to_local(np.array([chosen], dtype=np.int64))
        return np.asarray(local[local >= 0], dtype=np.int32)

    def _indicators(self, index_map: Any) -> dict[str, np.ndarray]:
        names = self._structure.names
        taken = np.zeros((index_map.size_local + index_map.num_ghosts, len(names)), dtype=bool)
        indicators = {name: np.zeros_like(taken, dtype=float) for name in self._boundary_dofs}
        holders = [(name, names.index(s)) for name, _, species in self._structure.held for s in species]
        for name, i in holders + [(name, i) for name in self._boundary_dofs for i in range(len(names))]:
            free = self._boundary_dofs[name][~taken[self._boundary_dofs[name], i]]
            indicators[name][free, i] = 1.0
            taken[free, i] = True
        return indicators

    def set(self, electrolyte: Electrolyte, boundaries: Boundaries, to_unknown: Any) -> None:
        """Take the prescribed values of a case.

        Args:
            electrolyte: the species.
            boundaries: what is imposed.
            to_unknown: takes a value (SI) and the number of its component to the unknown.
        """
        for name, i, constant in self._values:
            boundary = boundaries[name]
            value = (
                boundary.held_potential
                if i == self._components - 1
                else boundary.prescribed(electrolyte)[self._structure.names[i]]
            )
            constant.value = to_unknown(value, i)

    def apply(self, unknowns: np.ndarray, constants: np.ndarray) -> None:
        """Write prescribed values and constants into the local unknowns."""
        for value, g in zip(self._unknown, constants, strict=True):
            value.value = g
        for condition in self.conditions:
            condition.set(unknowns)

    def zero(self, array: np.ndarray) -> None:
        """Set the owned entries of held degrees of freedom to zero."""
        for condition in self.conditions:
            dofs, count = condition.dof_indices()
            array[dofs[:count]] = 0.0

    def directions(self, array: np.ndarray, constant: int) -> None:
        """How the owned unknowns move with a constant: one at its degrees of freedom, zero elsewhere."""
        array[:] = 0.0
        dofs, count = self._of_constants[constant].dof_indices()
        array[dofs[:count]] = 1.0

    def constants_at(self, unknowns: np.ndarray, comm: Any) -> np.ndarray:
        """The constants that local unknowns have. Collective where there are constants."""
        if not self.constants:
            return np.empty(0)
        found = np.full(self.constants, -np.inf)
        for k, condition in enumerate(self._of_constants):
            dofs, count = condition.dof_indices()
            found[k] = unknowns[dofs[:count]].max(initial=-np.inf)
        largest = np.empty_like(found)
        comm.Allreduce(found, largest, op=MPI.MAX)
        return largest
