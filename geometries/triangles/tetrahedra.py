"""Tetrahedra within a closed triangulated surface, by Gmsh, whose triangles become the facets of the mesh."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.geometries.base import VOLUME_NAME
from spinepnp.geometries.gmsh_reader import read_model
from spinepnp.geometries.linear_mesh import LinearMesh
from spinepnp.geometries.triangulation import Triangulation


def fill(gmsh: Any, surface: Triangulation, scale: float, size: float, netgen: bool) -> LinearMesh:
    """Mesh the inside of a surface.

    Gmsh's Delaunay method with its own optimisation; HXT makes twice as many cells.

    Args:
        gmsh: the initialised Gmsh module, with an empty current model.
        surface: closed surface with named patches.
        scale: model units per unit of the surface.
        size: largest edge of the cells, model units.
        netgen: optimise by Netgen, too: cells get a better shape, in three times as long, or more for large meshes.

    Raises:
        Exception: Gmsh failed (it raises nothing more specific).
    """
    model = gmsh.model
    # A node belongs to one entity of Gmsh: the first that has a triangle there.
    first = np.full(len(surface.points), len(surface.names))
    np.minimum.at(first, surface.triangles, surface.values[:, None])
    used = [i for i in range(len(surface.names)) if (surface.values == i).any()]
    for i in used:
        model.addDiscreteEntity(2, i + 1)
    for i in used:
        nodes = np.flatnonzero(first == i)
        model.mesh.addNodes(2, i + 1, nodes + 1, (surface.points[nodes] * scale).ravel())
    for i in used:
        model.mesh.addElementsByType(i + 1, 2, [], (surface.triangles[surface.values == i] + 1).ravel())
        model.addPhysicalGroup(2, [i + 1], name=surface.names[i])
    volume = model.geo.addVolume([model.geo.addSurfaceLoop([i + 1 for i in used])])
    model.geo.synchronize()
    model.addPhysicalGroup(3, [volume], name=VOLUME_NAME)
    gmsh.option.setNumber("Mesh.MeshSizeExtendFromBoundary", 1)
    gmsh.option.setNumber("Mesh.MeshSizeMax", size)
    gmsh.option.setNumber("Mesh.OptimizeNetgen", int(netgen))
    model.mesh.generate(3)
    return read_model(gmsh, tuple(surface.names[i] for i in used), 3)
