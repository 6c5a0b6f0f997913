"""What a mesh is like: sizes, measures against exact values, quality, layers; the content of mesh.json."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.meshes.generation import SpineMesh, boundary_cells, boundary_layer_heights
from spinepnp.meshes.stack import MPI, basix, cell_nodes
from spinepnp.meshes.tetrahedra import shape_quality
from spinepnp.units import AREA, LENGTH, VOLUME, to_unit

#: Quadrature degree of the measures: exact for the determinants of second-order tetrahedra and their facets.
DEGREE = 6


def _owned_cells(mesh: Any) -> np.ndarray:
    return cell_nodes(mesh)[: mesh.topology.index_map(mesh.topology.dim).size_local]


def volume(mesh: Any) -> float:
    """Volume of the curved mesh, um^3. Collective."""
    element = mesh.ufl_domain().ufl_coordinate_element().basix_element
    points, weights = basix.make_quadrature(element.cell_type, DEGREE)
    gradients = element.tabulate(1, points)[1:, :, :, 0]
    x = mesh.geometry.x[_owned_cells(mesh)]
    determinant = np.abs(np.linalg.det(np.einsum("dpn,cni->cpid", gradients, x)))
    return float(mesh.comm.allreduce(float((determinant @ weights).sum()), op=MPI.SUM))


def area(mesh: SpineMesh, name: str) -> float:
    """Area of a boundary of the curved mesh, um^2. Collective."""
    domain = mesh.mesh
    element = domain.ufl_domain().ufl_coordinate_element().basix_element
    points, weights = basix.make_quadrature(basix.CellType.triangle, DEGREE)
    corners = basix.geometry(element.cell_type)
    pairs, nodes, total = boundary_cells(mesh, name), cell_nodes(domain), 0.0
    for side in np.unique(pairs[:, 1]):
        cells = pairs[pairs[:, 1] == side, 0]
        origin, first, second = corners[basix.topology(element.cell_type)[2][side]]
        directions = np.stack([first - origin, second - origin])
        gradients = element.tabulate(1, origin + points @ directions)[1:, :, :, 0]
        jacobian = np.einsum("dpn,cni->cpid", gradients, domain.geometry.x[nodes[cells]])
        tangents = np.einsum("cpid,kd->cpki", jacobian, directions)
        normal = np.cross(tangents[:, :, 0], tangents[:, :, 1])
        total += float((np.linalg.norm(normal, axis=-1) @ weights).sum())
    return float(domain.comm.allreduce(total, op=MPI.SUM))


def _edges(x: np.ndarray) -> np.ndarray:
    return np.concatenate([np.linalg.norm(x[:, i] - x[:, j], axis=1) for i in range(4) for j in range(i)])


def describe(mesh: SpineMesh, debye_length: float) -> dict[str, Any]:
    """Facts about a mesh, with units in the names. Collective.

    Args:
        mesh: distributed mesh.
        debye_length: of the bulk, m.

    Returns:
        Cells, vertices, order, quality (smallest and mean), edges, and for the volume and each boundary the measure,
        the exact one and their relative difference; for each boundary the height of the cells on it and how many of
        them make up a Debye length.
    """
    domain, comm = mesh.mesh, mesh.mesh.comm
    x = domain.geometry.x[_owned_cells(domain)[:, :4]]
    quality, edges = shape_quality(x), _edges(x)
    exact = mesh.geometry.exact_measures()
    found = volume(domain) * MODEL_UNIT**3
    result: dict[str, Any] = {
        "shape": mesh.geometry.shape,
        "cells": mesh.cells,
        "vertices": mesh.vertices,
        "order": mesh.options.order,
        "min_quality": mesh.min_quality,
        "mean_quality": comm.allreduce(float(quality.sum()), op=MPI.SUM) / mesh.cells,
        f"shortest_edge_{LENGTH.suffix}": to_unit(
            comm.allreduce(float(edges.min(initial=np.inf)), op=MPI.MIN) * MODEL_UNIT, LENGTH
        ),
        f"longest_edge_{LENGTH.suffix}": to_unit(
            comm.allreduce(float(edges.max(initial=0.0)), op=MPI.MAX) * MODEL_UNIT, LENGTH
        ),
        f"volume_{VOLUME.suffix}": to_unit(found, VOLUME),
        f"exact_volume_{VOLUME.suffix}": to_unit(exact["volume"], VOLUME),
        "volume_relative_error": found / exact["volume"] - 1.0,
        "boundaries": {},
    }
    for name in mesh.geometry.boundaries:
        size = area(mesh, name) * MODEL_UNIT**2
        height = comm.allreduce(float(boundary_layer_heights(mesh, name).max(initial=0.0)), op=MPI.MAX) * MODEL_UNIT
        result["boundaries"][name] = {
            f"area_{AREA.suffix}": to_unit(size, AREA),
            f"exact_area_{AREA.suffix}": to_unit(exact[name], AREA),
            "area_relative_error": size / exact[name] - 1.0,
            f"cell_height_{LENGTH.suffix}": to_unit(height, LENGTH),
            "cells_per_debye_length": debye_length / height if np.isfinite(debye_length) else None,
        }
    return result
