"""Reader of the mesh of a Gmsh model; boundaries are known by their physical names alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.geometries.linear_mesh import LinearMesh, renumbered

#: Gmsh's element types of straight simplices, by dimension.
SIMPLEX_TYPES = {1: 1, 2: 2, 3: 4}


def read_model(gmsh: Any, names: tuple[str, ...], dim: int) -> LinearMesh:
    """The mesh of the current model.

    Args:
        gmsh: the initialised Gmsh module.
        names: names of the boundaries, each a physical group.
        dim: dimension of the cells; a meridian lies in the plane y = 0, and its coordinates become (r, z).

    Raises:
        RuntimeError: there are no cells.
    """
    model = gmsh.model
    tags, coordinates, _ = model.mesh.getNodes()
    order = np.argsort(tags)
    points = np.asarray(coordinates).reshape(-1, 3)[order]
    numbers = np.asarray(tags)[order]

    def elements(entity_dim: int, entity: int = -1) -> np.ndarray:
        _, nodes = model.mesh.getElementsByType(SIMPLEX_TYPES[entity_dim], entity)
        return np.searchsorted(numbers, nodes).reshape(-1, entity_dim + 1)

    cells = elements(dim)
    if len(cells) == 0:
        raise RuntimeError("there are no cells; try another mesh.size")
    groups = {model.getPhysicalName(dim - 1, tag): tag for _, tag in model.getPhysicalGroups(dim - 1)}
    facets, values = [], []
    for value, name in enumerate(names):
        for entity in model.getEntitiesForPhysicalGroup(dim - 1, groups[name]):
            facets.append(elements(dim - 1, entity))
            values.append(np.full(len(facets[-1]), value))
    used, cells, number_of = renumbered(cells, len(points))
    points = points[used] if dim == 3 else points[used][:, [0, 2]]
    sides = number_of[np.concatenate(facets)]
    assert sides.min() >= 0, "a facet that belongs to no cell"
    return LinearMesh(points, cells, sides, np.concatenate(values), names)
