"""Regions of a case on its mesh: weights for their means, and nodes for their extremes."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.errors import CaseError, nearest
from spinepnp.geometries import MODEL_UNIT
from spinepnp.runtime.stack import MPI, fem, reduced
from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.model.regions import Region


class RegionOnMesh:
    """Region on one mesh.

    Args:
        name: name of the region, for messages.
        region: planes and excluded boundaries.
        weights: integration weights of the volume and its slabs.
        space: scalar Lagrange space.
        boundary_dofs: local degrees of freedom of each boundary.

    Attributes:
        weights: integral of each local basis function over the region, um^3.
        nodes: whether each owned degree of freedom lies in the region.
        volume: volume of the region, um^3.

    Raises:
        CaseError: a boundary is unknown, or the region contains no node.
    """

    def __init__(
        self,
        name: str,
        region: Region,
        weights: IntegrationWeights,
        space: fem.FunctionSpace[Any],
        boundary_dofs: dict[str, np.ndarray],
    ) -> None:
        for boundary in region.exclude:
            if boundary not in boundary_dofs:
                raise CaseError(f"regions.{name}.exclude", f"no such boundary; {nearest(boundary, boundary_dofs)}")
        x = space.tabulate_dof_coordinates()
        self.weights = weights.volume if region.z is None else weights.slab(region.z, f"regions.{name}")
        inside = np.ones(len(x), dtype=bool)
        if region.z is not None:
            low, high = (z / MODEL_UNIT for z in region.z)
            height = x[:, space.mesh.geometry.dim - 1]
            inside = (height >= low - 1e-9) & (height <= high + 1e-9)
        if region.exclude:
            from scipy.spatial import KDTree

            local = np.unique(np.concatenate([boundary_dofs[b] for b in region.exclude]))
            near = np.vstack(weights.comm.allgather(x[local]))
            away = KDTree(near).query(x)[0] > (region.margin or 0.0) / MODEL_UNIT
            inside &= away
            self.weights = self.weights * away
        self.nodes = inside[: weights.owned]
        self.volume = weights.sum(self.weights)
        if not weights.comm.allreduce(bool(self.nodes.any()), op=MPI.LOR) or self.volume <= 0.0:
            raise CaseError(f"regions.{name}", "holds no node of the mesh; make it larger, or mesh.size smaller")

    def extremes(self, comm: MPI.Comm, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest nodal value of each column in the region. Collective."""
        inside = values[: len(self.nodes)][self.nodes]
        both = np.array([-inside.min(axis=0, initial=np.inf), inside.max(axis=0, initial=-np.inf)])
        lowest, highest = reduced(comm, both, MPI.MAX)
        return -lowest, highest
