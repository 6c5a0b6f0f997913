"""Properties of a mesh: sizes, measures against exact values, quality, layers; the content of mesh.json."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.geometries.description import anatomy_of
from spinepnp.meshes.measures import area, boundary_layer_heights, owned_cells, volume
from spinepnp.meshes.simplices import edge_lengths, shape_quality
from spinepnp.meshes.spine_mesh import SpineMesh
from spinepnp.runtime.stack import MPI, coordinate_element
from spinepnp.units import AREA, LENGTH, VOLUME, to_unit


def describe(mesh: SpineMesh, debye_length: float) -> dict[str, Any]:
    """Properties of a mesh, with units in the names. Collective.

    Args:
        mesh: distributed mesh.
        debye_length: Debye length of the bulk, m.

    Returns:
        Cells, vertices, order, quality (smallest and mean), edges, and for the volume and each boundary the measure,
        the exact one and their relative difference (``None`` where it is not known); for each boundary the height of
        the cells on it and the number of such cells in a Debye length. Of a spine the exact sizes of head and neck.
    """
    domain, comm = mesh.mesh, mesh.mesh.comm
    x = domain.geometry.x[owned_cells(domain)[:, : domain.topology.dim + 1]]
    quality, edges = shape_quality(x), edge_lengths(x)
    exact = mesh.geometry.exact_measures()
    meshed = volume(mesh) * MODEL_UNIT**3
    result: dict[str, Any] = {
        "shape": mesh.geometry.shape,
        "dimension": mesh.geometry.dimension,
        "cells": mesh.cells,
        "vertices": mesh.vertices,
        "order": coordinate_element(domain).degree,
        "min_quality": mesh.min_quality,
        "mean_quality": comm.allreduce(float(quality.sum()), op=MPI.SUM) / mesh.cells,
        f"shortest_edge_{LENGTH.suffix}": to_unit(
            comm.allreduce(float(edges.min(initial=np.inf)), op=MPI.MIN) * MODEL_UNIT, LENGTH
        ),
        f"longest_edge_{LENGTH.suffix}": to_unit(
            comm.allreduce(float(edges.max(initial=0.0)), op=MPI.MAX) * MODEL_UNIT, LENGTH
        ),
        f"volume_{VOLUME.suffix}": to_unit(meshed, VOLUME),
        f"exact_volume_{VOLUME.suffix}": to_unit(exact["volume"], VOLUME) if exact else None,
        "volume_relative_error": meshed / exact["volume"] - 1.0 if exact else None,
        **anatomy_of(mesh.geometry),
        "boundaries": {},
    }
    for name in mesh.geometry.boundaries:
        size = area(mesh, name) * MODEL_UNIT**2
        height = comm.allreduce(float(boundary_layer_heights(mesh, name).max(initial=0.0)), op=MPI.MAX) * MODEL_UNIT
        result["boundaries"][name] = {
            f"area_{AREA.suffix}": to_unit(size, AREA),
            f"exact_area_{AREA.suffix}": to_unit(exact[name], AREA) if exact else None,
            "area_relative_error": size / exact[name] - 1.0 if exact else None,
            f"cell_height_{LENGTH.suffix}": to_unit(height, LENGTH),
            "cells_per_debye_length": debye_length / height if np.isfinite(debye_length) else None,
        }
    return result
