"""Probes: values at single points of the body, on curved meshes of any dimension and any number of ranks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries import MODEL_UNIT
from spinepnp.geometries.base import Point, Position
from spinepnp.meshes import SpineMesh
from spinepnp.runtime.stack import MPI, cell_nodes, coordinate_element, fem, reduced
from spinepnp.units import LENGTH, format_quantity

#: Largest distance of a point outside of a cell to which it is assigned, in barycentric coordinates: the wall of a mesh
#: of straight cells lies inside that of the body.
OUTSIDE_TOLERANCE = 0.05

#: Most Newton steps for the inversion of a cell's map, which is at most quadratic.
INVERSION_STEPS = 20


def mesh_coordinates(position: Position, mesh: SpineMesh) -> np.ndarray:
    """Coordinates of a point in the mesh of the body, um, shape (dimension,)."""
    x, y, z = (coordinate / MODEL_UNIT for coordinate in position)
    if mesh.geometry.dimension == "axisymmetric":
        return np.array([math.hypot(x, y), z])
    if mesh.geometry.dimension == "1d":
        return np.array([math.hypot(x, y, z) if mesh.geometry.radial else z])
    return np.array([x, y, z])


def _reference_points(element: Any, nodes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Reference coordinates of a point x (dimension,) in cells with nodes (cells, nodes, dimension)."""
    dim = nodes.shape[2]
    result = np.full((len(nodes), dim), 1.0 / (dim + 1))
    for _ in range(INVERSION_STEPS):
        # Cell, derivative, node.
        tables = np.stack([element.tabulate(1, point[None])[:, 0, :, 0] for point in result])
        residual = np.einsum("cn,cni->ci", tables[:, 0], nodes) - x
        jacobian = np.einsum("cdn,cni->cid", tables[:, 1:], nodes)
        step = np.linalg.solve(jacobian, residual[:, :, None])[:, :, 0]
        result = np.clip(result - step, -2.0, 3.0)
        if np.abs(step).max() < 1e-13:
            break
    return result


class Probes:
    """Points at which fields are evaluated repeatedly.

    Args:
        points: positions, m, or places of the shape (`Geometry.places`), by name.
        mesh: mesh of any dimension.
        space: scalar Lagrange space of the fields.

    Raises:
        CaseError: a point lies outside of the domain, or the shape has no such place.
    """

    def __init__(self, points: dict[str, Point], mesh: SpineMesh, space: fem.FunctionSpace[Any]) -> None:
        self._comm = mesh.mesh.comm
        self._local: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.names = tuple(points)
        if not points:
            return
        domain, dim = mesh.mesh, mesh.mesh.topology.dim
        element = coordinate_element(domain).basix_element
        nodes = domain.geometry.x[cell_nodes(domain)[: domain.topology.index_map(dim).size_local], :dim]
        low, high = nodes.min(axis=1), nodes.max(axis=1)
        margin = 0.1 * (high - low)
        for name, given in points.items():
            position = mesh.geometry.position(given, f"probes.{name}")
            x = mesh_coordinates(position, mesh)
            near = np.flatnonzero(((low - margin <= x) & (x <= high + margin)).all(axis=1))
            depth, cell, point = -np.inf, -1, np.empty(0)
            if len(near):
                reference = _reference_points(element, nodes[near], x)
                depths = np.minimum(reference.min(axis=1), 1.0 - reference.sum(axis=1))
                best = int(np.argmax(depths))
                depth, cell, point = float(depths[best]), int(near[best]), reference[best]
            deepest, owner = self._comm.allreduce((depth, -self._comm.rank), op=MPI.MAX)
            if deepest < -OUTSIDE_TOLERANCE:
                shown = ", ".join(format_quantity(coordinate, LENGTH) for coordinate in position)
                raise CaseError(f"probes.{name}", "lies outside of the domain; move it inside", f"({shown})")
            if -owner == self._comm.rank:
                basis = space.element.basix_element.tabulate(0, point[None])[0, 0, :, 0]
                self._local[name] = (space.dofmap.list[cell], basis)

    def values(self, nodal: np.ndarray) -> dict[str, np.ndarray]:
        """Values (fields,) of several fields (local dofs, fields) at each probe by name, on every rank. Collective."""
        result = np.zeros((len(self.names), nodal.shape[1]))
        for i, name in enumerate(self.names):
            if name in self._local:
                dofs, basis = self._local[name]
                result[i] = basis @ nodal[dofs]
        return dict(zip(self.names, reduced(self._comm, result, MPI.SUM), strict=True))
