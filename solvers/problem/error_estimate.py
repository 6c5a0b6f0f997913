"""Estimate of the relative error of potentials in the volume, from the jumps of gradients between cells.

The gradients of the electrochemical potentials mu_i = ln c_i + z_i phi jump between cells; their averages at the nodes
are closer to the truth (Zienkiewicz and Zhu, Int. J. Numer. Meth. Eng. 24 (1987) 337). With the dissipation
sum_i int D_i c_i |grad mu_i|^2 as the measure, the square of the difference is the relative error of the dissipation,
and so of the resistance. Debye layers do not enter: mu_i is smooth across them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.meshes import SpineMesh
from spinepnp.meshes.simplices import reference_gradients
from spinepnp.runtime.stack import MPI, cell_nodes, dolfinx, fem, reduced
from spinepnp.solvers.fem.measure import values_in_cells
from spinepnp.solvers.model.electrolyte import Electrolyte

#: Fraction of the largest concentration of a species below which its concentrations do not count.
TRACE = 1e-9

#: Number of cells that are worked on at once: their arrays stay in the cache of the processor.
CELLS_PER_BATCH = 20_000

#: Number of cells of a rank up to which their gradients are kept between two passes, 72 bytes each.
MOST_KEPT = 1_000_000


@dataclass
class _Batch:
    """Some cells of this rank, straight.

    Attributes:
        dofs: local degrees of freedom, shape (nodes, n).
        volume: volume of the part of the body that each stands for, shape (n,).
        gradients: gradients of the reference coordinates, shape (reference coordinate, coordinate, n).
        height: last coordinate of the middle, um, shape (n,).
        cells: positions among the cells of this rank.
    """

    dofs: np.ndarray
    volume: np.ndarray
    gradients: np.ndarray
    height: np.ndarray
    cells: slice


class DissipationEstimate:
    """Estimate on one mesh and space.

    Args:
        mesh: mesh of the solution.
        space: scalar Lagrange space.
    """

    def __init__(self, mesh: SpineMesh, space: Any) -> None:
        self._mesh, self._space, self._comm = mesh, space, mesh.mesh.comm
        self._dim = mesh.mesh.topology.dim
        self._corners = self._dim + 1
        element = space.element.basix_element
        reference = np.vstack([np.zeros(self._dim), np.eye(self._dim)])
        table = element.tabulate(1, reference)[1:, :, :, 0]  # derivative, corner, basis
        # Gradients of linear elements are equal at all corners.
        self._table = table[:, :1] if element.degree == 1 else table
        self._vector = fem.Function(space).x
        self._count = mesh.mesh.topology.index_map(self._dim).size_local
        self._kept = list(self._made()) if self._count <= MOST_KEPT else None

    def _batches(self) -> Iterable[_Batch]:
        return self._made() if self._kept is None else self._kept

    def _made(self) -> Iterator[_Batch]:
        mesh, dim, count = self._mesh.mesh, self._dim, self._count
        nodes, x = cell_nodes(mesh)[:count, : self._corners], mesh.geometry.x[:, :dim]
        for start in range(0, count, CELLS_PER_BATCH):
            part = slice(start, min(start + CELLS_PER_BATCH, count))
            corners = x[nodes[part]].transpose(1, 2, 0)  # corner, coordinate, cell
            determinants, gradients = reference_gradients(corners[1:] - corners[0])
            middle = corners.mean(axis=0)
            weight = self._mesh.geometry.weight(middle.T)
            volume = np.abs(determinants) * weight / math.factorial(dim)
            yield _Batch(self._space.dofmap.list[part].T, volume, gradients, middle[-1], part)

    def _field(self, batch: _Batch, mu: np.ndarray) -> np.ndarray:
        """Gradient of nodal values at the corners of cells, or once for all of them, (corner, coordinate, cell)."""
        by_reference = np.tensordot(self._table, mu[batch.dofs], axes=(2, 0))  # derivative, corner, cell
        pairs = zip(by_reference, batch.gradients, strict=True)
        return sum((by[:, None] * gradient for by, gradient in pairs), np.zeros(1))

    def _means(
        self, field: Callable[[_Batch, np.ndarray], np.ndarray], mu: np.ndarray, inside: Callable[[_Batch], Any]
    ) -> np.ndarray:
        """Averages of a field at the local nodes over the cells around, shape (coordinate, local dofs). Collective."""
        sums = np.zeros((self._dim + 1, len(self._vector.array)))
        for batch in self._batches():
            share = batch.volume * inside(batch)
            nodes = batch.dofs[: self._corners].ravel()
            weighted = [np.broadcast_to(share, (1, len(share))), *(share * field(batch, mu)).transpose(1, 0, 2)]
            for total, values in zip(sums, weighted, strict=True):
                at_corners = np.broadcast_to(values, (self._corners, len(share))).ravel()
                total += np.bincount(nodes, at_corners, len(total))
        for total in sums:
            self._vector.array[:] = total
            self._vector.scatter_reverse(dolfinx.la.InsertMode.add)
            self._vector.scatter_forward()
            total[:] = self._vector.array
        return np.asarray(sums[1:] / np.where(sums[0] == 0.0, 1.0, sums[0]))

    def error(
        self, concentrations: np.ndarray, phi: np.ndarray, electrolyte: Electrolyte, *, along_edges: bool
    ) -> tuple[float, float, float]:
        """Estimated error of the dissipation, and the dissipation, sum_i int D_i c_i |grad mu_i|^2. Collective.

        Args:
            concentrations: nodal concentrations, in any unit, shape (local dofs, species).
            phi: nodal potential, V_T.
            electrolyte: species of the case.
            along_edges: whether fluxes are those of `edge_fluxes`: with the logarithmic mean of the concentrations they
                are smooth where mu is steep, and are averaged instead of gradients.

        Returns:
            Both in m^2/s um times the unit of the concentrations; and the sum of the ranges of all mu_i, V_T: a flow of
            N through the domain dissipates N times that at most.
        """
        parts, ranges = np.zeros(2), 0.0
        for i, species in enumerate(electrolyte.species):
            c = concentrations[:, i]
            largest = self._comm.allreduce(float(c.max(initial=0.0)), op=MPI.MAX)
            D = electrolyte.effective_diffusivity(species)
            if largest <= 0.0 or not D:
                continue
            present = np.maximum(c, TRACE * largest)
            mu = np.log(present) + species.valence * phi
            extremes = np.array([mu.max(initial=-np.inf), -mu.min(initial=np.inf)])
            ranges += float(reduced(self._comm, extremes, MPI.MAX).sum())
            profile = electrolyte.diffusivity_profile(species)
            relative = values_in_cells(self._mesh.mesh, profile) if profile.planes else None
            mean = _EdgeMeans(present)
            field = mean.times(self._field) if along_edges else self._field
            # Gradients jump where diffusivities do: averages are over one region.
            for number in range(len(profile.values)):

                def inside(batch: _Batch, number: int = number, planes: tuple[float, ...] = profile.planes) -> Any:
                    return np.searchsorted(planes, batch.height * MODEL_UNIT) == number if planes else 1.0

                means = self._means(field, mu, inside)
                for batch in self._batches():
                    vectors = field(batch, mu)
                    conductivity = D * batch.volume * inside(batch)
                    if relative is not None:
                        conductivity = conductivity * relative[batch.cells]
                    if along_edges:
                        conductivity = conductivity / mean.of(batch)
                    else:
                        conductivity = conductivity * present[batch.dofs[: self._corners]].mean(axis=0)
                    for part, squares in enumerate(self._squares(vectors, means, batch.dofs[: self._corners])):
                        parts[part] += float(conductivity @ squares)
        error, dissipation = reduced(self._comm, parts, MPI.SUM) / (self._corners * (self._corners + 1.0))
        return float(error), float(dissipation), ranges

    def _squares(self, vectors: np.ndarray, means: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Integrals over each cell, as `_square`, of |vectors - means|^2 and of |vectors|^2.

        Args:
            vectors: field at the corners of cells, or once for all of them, shape (corner, coordinate, cell).
            means: averages at the local nodes, shape (coordinate, local dofs).
            corners: degrees of freedom of the corners, shape (corner, cell).
        """
        if len(vectors) > 1:
            return _square(vectors - means[:, corners].transpose(1, 0, 2)), _square(vectors)
        # A field that is constant in each cell: the squares by sums over the corners, without arrays of all of them.
        vector, k = vectors[0], len(corners)
        nodal = np.einsum("in,in->n", means, means)
        total = sum((means[:, nodes] for nodes in corners), np.zeros_like(vector))
        whole = (k + k**2) * np.einsum("in,in->n", vector, vector)
        difference = whole - 2.0 * (1 + k) * np.einsum("in,in->n", vector, total) + np.einsum("in,in->n", total, total)
        difference += sum(nodal[nodes] for nodes in corners)
        return np.maximum(difference, 0.0), whole


class _EdgeMeans:
    """Logarithmic mean of the smallest and the largest concentration of each cell, computed once.

    Args:
        present: positive concentrations at the local nodes.
    """

    def __init__(self, present: np.ndarray) -> None:
        self._present = present
        self._kept: dict[int, np.ndarray] = {}

    def of(self, batch: _Batch) -> np.ndarray:
        """Means of the cells of a batch, shape (n,)."""
        start = batch.cells.start
        if start not in self._kept:
            at_nodes = [self._present[dofs] for dofs in batch.dofs]
            low, high = functools.reduce(np.minimum, at_nodes), functools.reduce(np.maximum, at_nodes)
            self._kept[start] = logarithmic_mean(low, high)
        return self._kept[start]

    def times(self, field: Callable[[_Batch, np.ndarray], np.ndarray]) -> Callable[[_Batch, np.ndarray], np.ndarray]:
        """A field of cells times their means."""
        return lambda batch, mu: field(batch, mu) * self.of(batch)


def _square(field: np.ndarray) -> np.ndarray:
    """Integral of |e|^2 over each cell of a linear e (corner, coordinate, cell), over |T| / ((d + 1)(d + 2))."""
    return np.asarray((field**2).sum(axis=(0, 1)) + (field.sum(axis=0) ** 2).sum(axis=0))


def logarithmic_mean(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Logarithmic mean (high - low) / ln(high / low) of positive numbers, low <= high."""
    s = 0.5 * np.log(high / low)
    return np.asarray(np.sqrt(low * high) * np.where(s < 1e-4, 1.0, np.sinh(s) / np.where(s == 0.0, 1.0, s)))
