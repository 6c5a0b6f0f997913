"""Estimate of the relative error of potentials in the volume, from the jumps of gradients between cells.

The gradients of the electrochemical potentials mu_i = ln c_i + z_i phi jump between cells; their averages at the nodes
are closer to the truth (Zienkiewicz and Zhu, Int. J. Numer. Meth. Eng. 24 (1987) 337). With the dissipation
sum_i int D_i c_i |grad mu_i|^2 as the measure, the square of the difference is the relative error of the dissipation,
and so of the resistance. Debye layers do not enter: mu_i is smooth across them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.meshes import SpineMesh
from spinepnp.meshes.measures import cell_contents, owned_cells
from spinepnp.runtime.stack import MPI, cell_nodes, dolfinx, fem, reduced
from spinepnp.solvers.fem.measure import values_in_cells
from spinepnp.solvers.model.electrolyte import Electrolyte

#: Fraction of the largest concentration of a species below which its concentrations do not count.
TRACE = 1e-9


def dissipation_error(
    mesh: SpineMesh,
    space: Any,
    concentrations: np.ndarray,
    phi: np.ndarray,
    electrolyte: Electrolyte,
    *,
    along_edges: bool,
) -> tuple[float, float, float]:
    """Estimated error of the dissipation, and the dissipation, sum_i int D_i c_i |grad mu_i|^2. Collective.

    Args:
        mesh: mesh of the solution.
        space: scalar Lagrange space.
        concentrations: nodal concentrations, in any unit, shape (local dofs, species).
        phi: nodal potential, V_T.
        electrolyte: species of the case.
        along_edges: whether fluxes are those of `edge_fluxes`: with the logarithmic mean of the concentrations they are
            smooth where mu is steep, and are averaged instead of gradients.

    Returns:
        Both in m^2/s um times the unit of the concentrations; and the sum of the ranges of all mu_i, V_T: a flow of N
        through the domain dissipates N times that at most.
    """
    comm, dim = mesh.mesh.comm, mesh.mesh.topology.dim
    corners = dim + 1
    volume = cell_contents(mesh, owned_cells(mesh.mesh))
    dofs = space.dofmap.list[: len(volume)]
    gradients = _gradients_at_corners(mesh, space, len(volume))
    weight = fem.Function(space).x

    def summed(values: np.ndarray) -> np.ndarray:
        """Sums over the cells of all ranks at the local corners, of values by cell and corner."""
        weight.array[:] = np.bincount(dofs[:, :corners].ravel(), values.ravel(), len(weight.array))
        weight.scatter_reverse(dolfinx.la.InsertMode.add)
        weight.scatter_forward()
        return weight.array.copy()

    middle = mesh.mesh.geometry.x[:, dim - 1][cell_nodes(mesh.mesh)[: len(volume), :corners]].mean(axis=1)
    parts, ranges = np.zeros(2), 0.0
    for i, species in enumerate(electrolyte.species):
        c = concentrations[:, i]
        largest = comm.allreduce(float(c.max(initial=0.0)), op=MPI.MAX)
        if largest <= 0.0 or not electrolyte.effective_diffusivity(species):
            continue
        present = np.maximum(c, TRACE * largest)
        mu = np.log(present) + species.valence * phi
        highest, lowest = mu.max(initial=-np.inf), -mu.min(initial=np.inf)
        ranges += comm.allreduce(float(highest), op=MPI.MAX) + comm.allreduce(float(lowest), op=MPI.MAX)
        at_corners = np.einsum("tadk,tk->tad", gradients, mu[dofs])
        at_nodes = present[dofs[:, :corners]]
        profile = electrolyte.diffusivity_profile(species)
        relative = values_in_cells(mesh.mesh, profile)[: len(volume)]
        conductivity = electrolyte.effective_diffusivity(species) * relative * volume
        if along_edges:
            mean = logarithmic_mean(at_nodes.min(axis=1), at_nodes.max(axis=1))
            at_corners, conductivity = at_corners * mean[:, None, None], conductivity / mean
        else:
            conductivity = conductivity * at_nodes.mean(axis=1)
        # Gradients jump where diffusivities do.
        region = np.searchsorted(profile.planes, middle * MODEL_UNIT), len(profile.values)
        smooth = _averaged(at_corners, volume, dofs[:, :corners], region, summed)
        for part, field in enumerate((at_corners - smooth, at_corners)):
            parts[part] += float(conductivity @ _square(field))
    error, dissipation = reduced(comm, parts, MPI.SUM) / (corners * (corners + 1.0))
    return float(error), float(dissipation), ranges


def _averaged(
    field: np.ndarray,
    volume: np.ndarray,
    nodes: np.ndarray,
    region: tuple[np.ndarray, int],
    summed: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Averages of a field at the corners of each cell over the cells around that lie in the same region. Collective.

    Args:
        field: values by cell, corner and coordinate.
        volume: volume of each cell.
        nodes: local nodes of the corners, shape (cells, corners).
        region: number of the region of each cell, and of all regions.
        summed: sums over the cells of all ranks at the local nodes, of values by cell and corner.
    """
    number_of, regions = region
    averages = np.empty_like(field)
    for number in range(regions):
        inside = number_of == number
        shares = np.repeat((volume * inside)[:, None], nodes.shape[1], axis=1)
        around = summed(shares)
        around[around == 0.0] = 1.0
        means = [summed(shares * field[:, :, d]) / around for d in range(field.shape[2])]
        averages[inside] = np.stack(means, axis=-1)[nodes[inside]]
    return averages


def _square(field: np.ndarray) -> np.ndarray:
    """Integral of |e|^2 over each cell of a linear e by its corner values, over |T| / ((d + 1)(d + 2))."""
    return np.asarray((field**2).sum(axis=(1, 2)) + (field.sum(axis=1) ** 2).sum(axis=1))


def logarithmic_mean(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Logarithmic mean (high - low) / ln(high / low) of positive numbers, low <= high."""
    s = 0.5 * np.log(high / low)
    return np.asarray(np.sqrt(low * high) * np.where(s < 1e-4, 1.0, np.sinh(s) / np.where(s == 0.0, 1.0, s)))


def _gradients_at_corners(mesh: SpineMesh, space: Any, cells: int) -> np.ndarray:
    """Gradients of the basis functions at the corners of straight cells, shape (cells, corner, coordinate, basis)."""
    element, dim = space.element.basix_element, mesh.mesh.topology.dim
    reference = np.vstack([np.zeros(dim), np.eye(dim)])
    table = element.tabulate(1, reference)[1:, :, :, 0]  # derivative, corner, basis
    x = mesh.mesh.geometry.x[cell_nodes(mesh.mesh)[:cells, : dim + 1], :dim]
    jacobian = x[:, 1:] - x[:, :1]  # cell, derivative, coordinate
    inverse = np.linalg.inv(jacobian)  # cell, coordinate, derivative
    return np.einsum("tcd,dak->tack", inverse, table)
