"""Columns of degrees of freedom through flat cells: nodes that lie above one another across the layers of a mesh.

In a cell that is much wider than high, nodes at the same place of the layer are coupled a^2 times more strongly than
others (a = width over height). Smoothers that treat such nodes one by one hardly reduce an error that is constant
across the layer; those that solve for a column at once do.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from spinepnp.meshes.simplices import edge_lengths, reference_gradients
from spinepnp.runtime.stack import MPI, fem

#: Ratio of the longest edge of a cell to its smallest height above which its nodes belong to columns.
FLAT = 4.0

#: Ratio that some cell of the mesh must exceed: cells of moderate aspect, of unstructured meshes too, need no columns.
VERY_FLAT = 10.0

#: Largest distance of neighbours in a column, in heights of their cell: above 1, so that slanting columns count too.
REACH = 1.1

#: Most nodes in a column: bodies that are thin in two directions have whole cross-sections instead of columns.
LONGEST = 2000


class NodeColumns:
    """Columns of one scalar space, each of them on one rank. Collective.

    Args:
        space: scalar Lagrange space.

    Attributes:
        dofs: degrees of freedom of the columns of this rank, as PETSc numbers them, in rising order.
        labels: number of the column of each of them.
        exist: whether there are cells so flat that columns are of use.
    """

    def __init__(self, space: fem.FunctionSpace[Any]) -> None:
        comm = space.mesh.comm
        self.dofs = self.labels = np.empty(0, dtype=np.int64)
        pairs, aspect = _neighbours(space)
        self.exist = comm.allreduce(aspect, op=MPI.MAX) > VERY_FLAT
        if self.exist:
            numbers = space.dofmap.index_map.local_to_global(pairs.ravel().astype(np.int32)).reshape(-1, 2)
            dofs, labels = _whole_columns(space, numbers)
            _, labels, sizes = np.unique(labels, return_inverse=True, return_counts=True)
            short = sizes[labels] <= LONGEST
            self.dofs, self.labels = dofs[short], labels[short]


def _neighbours(space: fem.FunctionSpace[Any]) -> tuple[np.ndarray, float]:
    """Local degrees of freedom that are neighbours in a column, shape (pairs, 2), and the largest aspect of a cell."""
    dim = space.mesh.topology.dim
    dofs = space.dofmap.list[: space.mesh.topology.index_map(dim).size_local].astype(np.int64)
    if dim == 1 or not len(dofs):
        return np.empty((0, 2), dtype=np.int64), 0.0
    x = space.tabulate_dof_coordinates()[dofs]
    longest = edge_lengths(x[:, : dim + 1]).reshape(-1, len(dofs)).max(axis=0)
    _, gradients = reference_gradients((x[:, 1 : dim + 1, :dim] - x[:, :1, :dim]).transpose(1, 2, 0))
    gradients = np.concatenate([gradients, -gradients.sum(axis=0, keepdims=True)])
    heights = 1.0 / np.linalg.norm(gradients, axis=1).max(axis=0)
    flat = longest > FLAT * heights
    x, dofs, reach = x[flat], dofs[flat], REACH * heights[flat]
    near = [
        dofs[np.linalg.norm(x[:, i] - x[:, j], axis=1) <= reach][:, [i, j]]
        for i, j in combinations(range(dofs.shape[1]), 2)
    ]
    return np.concatenate(near), float((longest / heights).max())


def _components(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers in pairs, rising, and the smallest number that each is connected with."""
    from scipy.sparse import coo_matrix  # needed for quadratic elements on flat cells alone
    from scipy.sparse.csgraph import connected_components

    numbers, ends = np.unique(pairs, return_inverse=True)
    first, second = ends.reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(first)), (first, second)), (len(numbers), len(numbers)))
    _, component = connected_components(graph, directed=False)
    _, smallest = np.unique(component, return_index=True)
    return numbers, numbers[smallest[component]]


def _whole_columns(space: fem.FunctionSpace[Any], pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Degrees of freedom of the columns that begin on this rank, and the first one of the column of each. Collective.

    Args:
        space: scalar space.
        pairs: global numbers of neighbours in the cells of this rank, shape (pairs, 2).
    """
    comm, index_map = space.mesh.comm, space.dofmap.index_map
    dofs, labels = _components(pairs)
    if comm.size > 1:
        # Columns of two ranks are one where they share a node. Only such nodes are sent to all ranks.
        ghosts = np.concatenate(comm.allgather(index_map.ghosts))
        shared = np.isin(dofs, ghosts)
        links = np.concatenate(comm.allgather(np.column_stack([dofs[shared], labels[shared]])))
        former, first = _components(links)
        position = np.minimum(np.searchsorted(former, labels), max(len(former) - 1, 0))
        if len(former):
            labels = np.where(former[position] == labels, first[position], labels)
        ends = np.array(comm.allgather(index_map.local_range[1]))
        rank = np.searchsorted(ends, labels, side="right")
        found = comm.alltoall([np.column_stack([dofs, labels])[rank == r] for r in range(comm.size)])
        dofs, labels = np.unique(np.concatenate(found), axis=0).T
    return dofs, labels
