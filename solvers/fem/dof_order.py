"""Order of degrees of freedom that does not depend on the number of ranks: by their first cell.

States are written in this order and read on any number of ranks. Each rank has a slice of it, and none has the whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.runtime.communication import exchanged
from spinepnp.runtime.stack import MPI, fem, reduced

#: Number of parts of the order, none of which is divided between two ranks.
BINS = 4096


class Ordering:
    """Order of the degrees of freedom of one scalar space, in slices of about equal length. Collective.

    Args:
        space: scalar Lagrange space of degree one or two: one degree of freedom a node.
        mesh: mesh of the space, which has the original order of its cells.

    Attributes:
        length: length of the slice of this rank.
    """

    def __init__(self, space: fem.FunctionSpace[Any], mesh: SpineMesh) -> None:
        self._comm = comm = mesh.mesh.comm
        index_map, topology = space.dofmap.index_map, mesh.mesh.topology
        self._owned = owned = index_map.size_local
        cells = topology.index_map(topology.dim).size_local
        dofs = space.dofmap.list[:cells]
        nodes = dofs.shape[1]
        # The place among the nodes of all cells where a degree of freedom is named for the first time.
        named = mesh.cell_order[:cells, None] * nodes + np.arange(nodes)
        first = np.full(owned + index_map.num_ghosts, np.iinfo(np.int64).max)
        np.minimum.at(first, dofs.ravel(), named.ravel())
        ghosts = exchanged(comm, index_map.owners, index_map.ghosts, first[owned:])
        np.minimum.at(first, ghosts[0] - index_map.local_range[0], ghosts[1])
        # Slices of about equal length: the first cells name far more for the first time than the last ones.
        bins = first[:owned] * BINS // (mesh.cells * nodes)
        counts = reduced(comm, np.bincount(bins, minlength=BINS), MPI.SUM)
        before = np.cumsum(counts) - counts
        self._home = (before * comm.size // index_map.size_global)[bins].astype(np.int32)
        (received,) = exchanged(comm, self._home, first[:owned])
        self._order = np.argsort(received)
        self.length = len(received)
        # Where each value of the slice comes from, and its place there.
        ranks = np.full(owned, comm.rank, dtype=np.int32)
        self._sources, self._places = exchanged(comm, self._home, ranks, np.arange(owned))

    def to_slice(self, owned: np.ndarray) -> np.ndarray:
        """Slice of this rank in order, of values at owned degrees of freedom, shape (owned, ...). Collective."""
        (received,) = exchanged(self._comm, self._home, owned[: self._owned])
        return np.asarray(received[self._order])

    def from_slice(self, values: np.ndarray) -> np.ndarray:
        """Values at owned degrees of freedom, of the slice of this rank: the inverse of `to_slice`. Collective.

        Raises:
            ValueError: the slice has another length.
        """
        if self._comm.allreduce(int(len(values) != self.length)):
            raise ValueError("its arrays have another length than the mesh")
        unordered = np.empty_like(values)
        unordered[self._order] = values
        places, received = exchanged(self._comm, self._sources, self._places, unordered)
        owned = np.empty((self._owned, *values.shape[1:]), dtype=values.dtype)
        owned[places] = received
        return owned
