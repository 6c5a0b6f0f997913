"""Bodies that are meshed as a straight cylinder in layers and then put in place by a smooth map.

A disc extruded in layers can be graded to a fraction of a Debye length at its ends at little cost, and the map scales
the cross-section, so that a throat has as many cells across as the widest place.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from spinepnp.geometries.base import MODEL_UNIT, VOLUME_NAME, Geometry, Sizes, triangles_in

#: Step of the central differences by which the map is differentiated, relative to the reference cylinder.
STEP = 1e-5


class Extruded(Geometry):
    """Base of the shapes with a `base`, a `top` and one `wall` around the z axis."""

    @property
    def boundaries(self) -> tuple[str, ...]:
        """Both ends and the wall."""
        return ("base", "top", "wall")

    @property
    def gradable(self) -> tuple[str, ...]:
        """Both ends."""
        return ("base", "top")

    @abstractmethod
    def reference(self) -> tuple[float, float, float]:
        """Radius, length and start on the z axis of the cylinder that is meshed, model units."""

    def aspect(self) -> float:
        """Half axis of the reference cylinder along y over that along x (its radius)."""
        return 1.0

    def relative_size(self, z: np.ndarray) -> np.ndarray:
        """Cross-section at a distance from the base over the largest one: the size of the cells follows it."""
        return np.ones_like(z)

    def _heights(self, sizes: Sizes) -> np.ndarray:
        return sizes.layers(self.reference()[1], "base", "top", self.relative_size)

    def estimate_cells(self, sizes: Sizes) -> float:
        """Three tetrahedra for each triangle of the disc and each layer."""
        radius, length, _ = self.reference()
        disc = triangles_in(np.pi * radius**2 * self.aspect(), sizes.size)
        if length / sizes.size > 1e5:  # far beyond any memory: no need to lay out the layers
            return 3.0 * disc * length / sizes.size
        return 3.0 * disc * len(self._heights(sizes))

    def build(self, gmsh: Any, sizes: Sizes) -> None:
        """The reference cylinder: a disc, extruded in layers."""
        occ, model = gmsh.model.occ, gmsh.model
        radius, length, start = self.reference()
        heights = self._heights(sizes)
        axes = (radius, radius * self.aspect())
        along = [1.0, 0.0, 0.0] if axes[0] >= axes[1] else [0.0, 1.0, 0.0]  # OCC wants the longer axis first
        disc = occ.addDisk(0.0, 0.0, start, max(axes), min(axes), xAxis=along)
        ends = (heights.cumsum() / length).tolist()
        extruded = occ.extrude([(2, disc)], 0.0, 0.0, length, [1] * len(heights), ends, recombine=False)
        occ.synchronize()
        (_, top), (_, body), *walls = extruded
        for name, tags in (("base", [disc]), ("top", [top]), ("wall", [tag for _, tag in walls])):
            model.addPhysicalGroup(2, tags, name=name)
        model.addPhysicalGroup(3, [body], name=VOLUME_NAME)
        gmsh.option.setNumber("Mesh.MeshSizeMin", sizes.size)
        gmsh.option.setNumber("Mesh.MeshSizeMax", sizes.size)

    def exact_measures(self) -> dict[str, float]:
        """Volume in m^3 and areas in m^2, by quadrature of the map to about nine digits."""
        radius, length, start = self.reference()
        aspect = self.aspect()
        s, s_weights = _gauss(0.0, radius, 24)
        z, z_weights = _gauss_composite(start, start + length, 40, 12)
        angles = np.arange(96) * 2.0 * np.pi / 96
        angle_weights = np.full_like(angles, 2.0 * np.pi / 96)

        def at(r: np.ndarray, angle: np.ndarray, height: np.ndarray) -> np.ndarray:
            x = np.stack(np.broadcast_arrays(r * np.cos(angle), aspect * r * np.sin(angle), height), axis=-1)
            return self.place(x.reshape(-1, 3)).reshape(x.shape)

        def area(u: np.ndarray, v: np.ndarray, surface: Callable[..., np.ndarray], steps: tuple[float, float]) -> Any:
            along_u = (surface(u + steps[0], v) - surface(u - steps[0], v)) / (2.0 * steps[0])
            along_v = (surface(u, v + steps[1]) - surface(u, v - steps[1])) / (2.0 * steps[1])
            return np.linalg.norm(np.cross(along_u, along_v), axis=-1)

        result = {}
        disc, side = (radius * STEP, STEP), (STEP, length * STEP)
        for name, height in (("base", start), ("top", start + length)):
            density = area(s[:, None], angles, lambda r, t, h=height: at(r, t, h), disc)
            result[name] = float(s_weights @ density @ angle_weights)
        density = area(angles[:, None], z, lambda t, h: at(np.array(radius), t, h), side)
        result["wall"] = float(angle_weights @ density @ z_weights)
        volume = _volume(at, s, s_weights, angles, angle_weights, z, z_weights, (radius * STEP, STEP, length * STEP))
        scaled = {name: value * MODEL_UNIT**2 for name, value in result.items()}
        return {"volume": volume * MODEL_UNIT**3, **scaled}


def _gauss(low: float, high: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return 0.5 * (high - low) * (nodes + 1.0) + low, 0.5 * (high - low) * weights


def _gauss_composite(low: float, high: float, panels: int, points: int) -> tuple[np.ndarray, np.ndarray]:
    edges = np.linspace(low, high, panels + 1)
    parts = [_gauss(a, b, points) for a, b in itertools.pairwise(edges)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _volume(
    at: Callable[..., np.ndarray],
    s: np.ndarray,
    s_weights: np.ndarray,
    angles: np.ndarray,
    angle_weights: np.ndarray,
    z: np.ndarray,
    z_weights: np.ndarray,
    steps: tuple[float, float, float],
) -> float:
    """Integral of the determinant of the map in cylinder coordinates (r, angle, z)."""
    grid = [s[:, None, None], angles[None, ::8, None], z[None, None, :]]
    columns = []
    for i, step in enumerate(steps):
        right, left = ([g + sign * step if j == i else g for j, g in enumerate(grid)] for sign in (1.0, -1.0))
        columns.append((at(*right) - at(*left)) / (2.0 * step))
    determinant = np.abs(np.linalg.det(np.stack(columns, axis=-1)))
    return float(np.einsum("rtz,r,t,z->", determinant, s_weights, 8.0 * angle_weights[::8], z_weights))
