"""Order of degrees of freedom that does not depend on the number of ranks: by their first cell.

States are gathered on rank 0 in this order, and scattered to any number of ranks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.runtime.stack import fem


class Ordering:
    """Order of the degrees of freedom of one scalar space. Collective.

    Args:
        space: scalar Lagrange space of degree one or two: one degree of freedom a node.
        mesh: mesh of the space, which has the original order of its cells.
    """

    def __init__(self, space: fem.FunctionSpace[Any], mesh: SpineMesh) -> None:
        self._comm, self._space = mesh.mesh.comm, space
        index_map, topology = space.dofmap.index_map, mesh.mesh.topology
        self._owned = index_map.size_local
        cells = topology.index_map(topology.dim).size_local
        named = index_map.local_to_global(space.dofmap.list[:cells].ravel().astype(np.int32))
        parts = self._comm.gather((mesh.cell_order[:cells], named.reshape(cells, -1)), root=0)
        self._sizes: list[int] = self._comm.gather(self._owned, root=0) or []
        self._order = np.empty(0, dtype=np.int64)
        if parts is not None:
            order = np.argsort(np.concatenate([cell_order for cell_order, _ in parts]))
            names = np.concatenate([dofs for _, dofs in parts])[order].ravel()
            _, first = np.unique(names, return_index=True)
            self._order = names[np.sort(first)]  # global numbers, in order

    def gather(self, owned: np.ndarray) -> np.ndarray | None:
        """Values at owned degrees of freedom, shape (owned, ...), in order on rank 0. Collective."""
        parts = self._comm.gather(np.ascontiguousarray(owned[: self._owned]), root=0)
        return None if parts is None else np.concatenate(parts)[self._order]

    def scatter(self, values: np.ndarray | None) -> np.ndarray:
        """Values at owned degrees of freedom of ordered values on rank 0: the inverse of `gather`. Collective."""
        parts = None
        if values is not None:
            by_number = np.empty_like(values)
            by_number[self._order] = values
            parts = np.split(by_number, np.cumsum(self._sizes)[:-1])
        return np.asarray(self._comm.scatter(parts, root=0))
