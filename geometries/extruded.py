"""Base of the bodies that are meshed as a straight cylinder in layers and then mapped to the body.

A disc extruded in layers can be graded to a fraction of a Debye length at its ends at little cost, and the map scales
the cross-section, so that a throat has as many cells across as the widest place.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from spinepnp.geometries.base import VOLUME_NAME, Geometry, triangles_in
from spinepnp.geometries.gmsh_reader import read_model
from spinepnp.geometries.linear_mesh import LinearMesh, add_wall_layers, grid_mesh, interval_mesh
from spinepnp.geometries.meridian import Piece, Refinement
from spinepnp.geometries.obstacle import check_obstacle
from spinepnp.geometries.revolution import estimate_revolved, mesh_revolved, refinements_of, surfaces_of
from spinepnp.geometries.rings import Band, areas_of_parts, cut_line, finest_on, name_bands, sizes_at_bands
from spinepnp.geometries.sizes import LAYER_SHARE, MODEL_UNIT, Sizes
from spinepnp.geometries.surfaces import Surface
from spinepnp.geometries.wall_layers import WallLayers

#: Step of the central differences of the map, over the reference cylinder: truncation and rounding are about equal.
DIFFERENCE_STEP = 1e-5

#: Gauss points along the radius in the quadratures of volume and end areas.
RADIAL_POINTS = 24

#: Panels along the axis in the quadratures of volume and wall area.
AXIAL_PANELS = 40

#: Gauss points in each panel along the axis.
AXIAL_POINTS = 12

#: Angles of the trapezoidal rule around the axis, which converges exponentially; the volume takes every eighth.
ANGLES = 96


class Extruded(Geometry):
    """Base of the shapes with a `base`, a `top` and one `wall` around the z axis.

    Grading toward base, top or an inner plane makes the layers thin; grading toward the wall covers it with boundary
    layers, up to a third of the radius. Rings of the wall share its layers. With an obstacle the body is meshed as a
    body of revolution instead, if it has a `meridian`.
    """

    @property
    def ring_names(self) -> tuple[str, ...]:
        """Names of the rings of the wall; here none."""
        return ()

    @property
    def named(self) -> tuple[str, ...]:
        """Names of both ends, the wall and each ring; on a line the wall has no facets, see `sides`."""
        return ("base", "top") if self.dimension == "1d" else ("base", "top", "wall", *self.ring_names)

    @property
    def sides(self) -> tuple[str, ...]:
        """The wall of a line."""
        return ("wall",) if self.dimension == "1d" else ()

    @abstractmethod
    def reference(self) -> tuple[float, float, float]:
        """Radius, length and lowest z of the reference cylinder, which is meshed; model units."""

    def aspect(self) -> float:
        """Half axis of the reference cylinder along y over that along x (its radius)."""
        return 1.0

    def relative_size(self, z: np.ndarray) -> np.ndarray:
        """Radius of the cross-section at distances from the base, over the largest one; cell sizes follow it."""
        return np.ones_like(z)

    def map_cylinder(self, x: np.ndarray) -> np.ndarray:
        """Map from the reference cylinder to the body, model units, shape (n, 3) to (n, 3)."""
        return x

    def map_points(self, x: np.ndarray) -> np.ndarray:
        """Coordinates in space, by `map_cylinder` where the body is meshed as a cylinder."""
        return x if self.obstacle is not None else self.map_cylinder(x)

    def meridian(self) -> list[list[Piece]]:
        """Meridian of the body, needed where it has an obstacle."""
        raise NotImplementedError

    def wall_parts(self) -> list[Band]:
        """The wall and its rings from below, m; here the wall alone."""
        start, end = self.z_extent()
        return [Band(start * MODEL_UNIT, end * MODEL_UNIT, "wall")]

    def _wall(self) -> list[Piece]:
        """Wall of the reference cylinder, cut into its parts."""
        radius, length, start = self.reference()
        return cut_line(Piece("wall", (radius, start), (radius, start + length)), self.wall_parts())

    def body_heights(self, name: str) -> tuple[float, float]:
        """Lowest and highest z of the middle and the rim of an end; for the wall or a ring, of its ends."""
        radius, length, start = self.reference()
        across = [(0.0, 0.0), (radius, 0.0), (0.0, radius * self.aspect())]
        on_wall = [end[1] for piece in self._wall() if piece.name == name for end in (piece.start, piece.end)]
        ends = {"base": [start], "top": [start + length]}.get(name, on_wall)
        z = self.map_cylinder(np.array([(x, y, end) for end in ends for x, y in across]))[:, 2]
        return float(z.min()), float(z.max())

    def check(self) -> None:
        """Refuse an obstacle that is not inside the body."""
        super().check()
        if self.obstacle is not None:
            check_obstacle(self.obstacle, self.meridian())

    def all_refinements(self, sizes: Sizes) -> list[Refinement]:
        """Refinements of a body with an obstacle: regions with smaller edges than in the bulk."""
        return refinements_of(self.meridian(), self.obstacle, [], sizes, self.default_size() / MODEL_UNIT)

    def end_heights(self) -> dict[str, float]:
        """Heights of base and top."""
        _, length, start = self.reference()
        return {"base": start, "top": start + length}

    def z_extent(self) -> tuple[float, float]:
        """Heights of base and top."""
        _, length, start = self.reference()
        return start, start + length

    def places(self) -> dict[str, float]:
        """Height of the middle of the axis."""
        return {"middle": sum(self.z_extent()) / 2.0 * MODEL_UNIT}

    @property
    def in_layers(self) -> bool:
        """Whether inner planes become planes of the mesh: without an obstacle."""
        return self.obstacle is None

    def own_planes(self) -> list[float]:
        """Heights of the ends of rings, where the body is meshed in layers."""
        return [part.end / MODEL_UNIT for part in self.wall_parts()[:-1]] if self.in_layers else []

    def share_layers(self, name: str) -> tuple[str, ...]:
        """The wall and all rings for one of them, where the body is meshed in layers."""
        wall = tuple(dict.fromkeys(part.name for part in self.wall_parts()))
        return wall if self.in_layers and name in wall else (name,)

    @property
    def _room(self) -> float:
        """Thickness that layers on the wall may have, model units."""
        return LAYER_SHARE * self.reference()[0] * min(1.0, self.aspect())

    def _at_bands(self, sizes: Sizes) -> tuple[Sizes, str]:
        """Sizes with those that rings need, and the name of the boundary whose grading sets the layers on the wall."""
        sizes = sizes_at_bands(sizes, self.wall_parts(), self.default_size() / MODEL_UNIT, self._room)
        return sizes, finest_on(sizes.grade, self.share_layers("wall")) or "wall"

    def _heights(self, sizes: Sizes) -> np.ndarray:
        _, length, start = self.reference()
        return sizes.layers(length, "base", "top", self.relative_size, start)

    def wall_layers(self, sizes: Sizes) -> list[WallLayers]:
        """Layers on the wall; a meridian and a body with an obstacle have none."""
        if self.dimension != "3d" or self.obstacle is not None:
            return []
        radius, aspect = self.reference()[0], self.aspect()
        sizes, graded = self._at_bands(sizes)
        # A layer has its height along the longer half axis, and is thinner along the other.
        heights = sizes.wall_layer_heights(graded, self._room) / max(1.0, aspect)
        return [WallLayers(("wall",), graded, radius, heights, about="axis", aspect=aspect)] if len(heights) else []

    def estimate_cells(self, sizes: Sizes) -> float:
        """Estimated number of cells: three tetrahedra for each triangle of the disc and each layer, and wall layers."""
        if self.obstacle is not None:
            refinements, dim = self.all_refinements(sizes), self.cell_dimension
            return estimate_revolved(self.meridian(), self.obstacle, refinements, sizes.size, dim)
        radius, length, start = self.reference()
        sizes, graded = self._at_bands(sizes)
        layers = sizes.layer_count(length, "base", "top", self.relative_size, start)
        at_wall = sum(len(wall.heights) for wall in self.wall_layers(sizes))
        if self.dimension == "1d":
            return layers
        if self.dimension == "axisymmetric":
            return 2.0 * layers * sizes.layer_count(radius, "", graded)
        disc = triangles_in(np.pi * radius**2 * self.aspect(), sizes.size)
        around = np.pi * radius * (1.0 + self.aspect()) / sizes.size
        return 3.0 * layers * (disc + 2.0 * around * at_wall)

    def linear_mesh(self, gmsh: Any, sizes: Sizes) -> LinearMesh:
        """Mesh of the reference cylinder (a disc, extruded in layers), of its meridian, or of its axis."""
        if self.obstacle is not None:
            refinements, dim = self.all_refinements(sizes), self.cell_dimension
            return mesh_revolved(gmsh, self.meridian(), self.obstacle, refinements, sizes.size, dim)
        radius, _, start = self.reference()
        sizes, graded = self._at_bands(sizes)
        z = start + np.concatenate(([0.0], self._heights(sizes).cumsum()))
        if self.dimension == "1d":
            return interval_mesh(z, "base", "top")
        if self.dimension == "axisymmetric":
            r = np.concatenate(([0.0], sizes.layers(radius, "", graded).cumsum()))
            return name_bands(grid_mesh(r, z), self.wall_parts())
        wall_layers = self.wall_layers(sizes)
        self._extrude(gmsh, sizes, wall_layers[0].core_radius / radius if wall_layers else 1.0)
        return name_bands(add_wall_layers(read_model(gmsh, ("base", "top", "wall"), 3), wall_layers), self.wall_parts())

    def _extrude(self, gmsh: Any, sizes: Sizes, fraction: float) -> None:
        """Mesh the reference cylinder, its radius reduced to a fraction, in the current model of Gmsh."""
        occ, model = gmsh.model.occ, gmsh.model
        radius, length, start = self.reference()
        heights = self._heights(sizes)
        axes = (fraction * radius, fraction * radius * self.aspect())
        along = [1.0, 0.0, 0.0] if axes[0] >= axes[1] else [0.0, 1.0, 0.0]  # OCC requires the longer axis first
        # Gmsh reads xAxis only beside zAxis.
        disc = occ.addDisk(0.0, 0.0, start, max(axes), min(axes), zAxis=[0.0, 0.0, 1.0], xAxis=along)
        ends = (heights.cumsum() / length).tolist()
        extruded = occ.extrude([(2, disc)], 0.0, 0.0, length, [1] * len(heights), ends, recombine=False)
        occ.synchronize()
        (_, top), (_, body), *walls = extruded
        for name, tags in (("base", [disc]), ("top", [top]), ("wall", [tag for _, tag in walls])):
            model.addPhysicalGroup(2, tags, name=name)
        model.addPhysicalGroup(3, [body], name=VOLUME_NAME)
        for option in ("Min", "Max"):
            gmsh.option.setNumber(f"Mesh.MeshSize{option}", fraction * sizes.size)
        model.mesh.generate(3)

    def surfaces(self) -> list[Surface]:
        """Surfaces of the reference cylinder, or of the body with an obstacle."""
        if self.dimension == "1d":
            return []
        if self.obstacle is not None:
            return surfaces_of(self.meridian(), self.obstacle)
        _, length, start = self.reference()
        wall = self._wall()
        base = Piece("base", (0.0, start), wall[0].start)
        pieces = [base, *wall, Piece("top", wall[-1].end, (0.0, start + length))]
        return [Surface(piece, aspect=self.aspect()) for piece in pieces]

    def cross_section(self, x: np.ndarray) -> np.ndarray:
        """Area of the disc or ellipse at each height, model units."""
        radius, _, start = self.reference()
        return np.pi * self.aspect() * (radius * self.relative_size(x - start)) ** 2

    def side_weight(self, x: np.ndarray) -> np.ndarray:
        r"""Area of the wall per unit of the line, model units: 2 pi r sqrt(1 + r'^2) of a circular cross-section.

        Of an ellipse with half axes p s and q s, s(z) the relative size, it is s times the integral over the angle t of
        sqrt(p^2 sin^2 t + q^2 cos^2 t + (p q s')^2). Differences for s' stay within the body.
        """
        radius, length, start = self.reference()
        z, step = x - start, length * DIFFERENCE_STEP
        middle = np.clip(z, step, length - step)
        low, size, high = (self.relative_size(middle + shift) for shift in (-step, 0.0, step))
        slope = (high - low) / (2.0 * step) + (z - middle) * (high - 2.0 * size + low) / step**2
        p, q, size = radius, radius * self.aspect(), self.relative_size(z)
        if p == q:
            return np.asarray(2.0 * np.pi * p * size * np.sqrt(1.0 + (p * slope) ** 2))
        angles, weights = _around()
        around = (p * np.sin(angles)) ** 2 + (q * np.cos(angles)) ** 2
        return np.asarray(size * (np.sqrt(around + (p * q * slope[:, None]) ** 2) @ weights))

    def body_measures(self) -> dict[str, float]:
        """Volume in m^3 and areas in m^2, by quadrature of the map to about nine digits."""
        radius, length, start = self.reference()
        z, z_weights = _along(start, start + length)
        angles, angle_weights = _around()
        steps = (radius * DIFFERENCE_STEP, DIFFERENCE_STEP, length * DIFFERENCE_STEP)
        walls = areas_of_parts([Band(p.start[1], p.end[1], p.name) for p in self._wall()], self._wall_area)
        # The determinant of the map in cylindrical coordinates (r, angle, z), by central differences.
        s, s_weights = _gauss(0.0, radius, RADIAL_POINTS)
        grid, columns = [s[:, None, None], angles[None, ::8, None], z[None, None, :]], []
        for i, step in enumerate(steps):
            right, left = ([g + sign * step if j == i else g for j, g in enumerate(grid)] for sign in (1.0, -1.0))
            columns.append((self._at(*right) - self._at(*left)) / (2.0 * step))
        determinant = np.abs(np.linalg.det(np.stack(columns, axis=-1)))
        volume = float(np.einsum("rtz,r,t,z->", determinant, s_weights, 8.0 * angle_weights[::8], z_weights))
        ends = {name: self.end_area(name) for name in ("base", "top")}
        areas = {name: area * MODEL_UNIT**2 for name, area in walls.items()}
        return {"volume": volume * MODEL_UNIT**3, **ends, **areas}

    def _wall_area(self, low: float, high: float) -> float:
        """Area of the wall between two heights of the reference cylinder, model units, by quadrature."""
        radius, length, _ = self.reference()
        (z, z_weights), (angles, angle_weights) = _along(low, high), _around()
        steps = (DIFFERENCE_STEP, length * DIFFERENCE_STEP)
        density = _area_density(angles[:, None], z, lambda t, h: self._at(np.array(radius), t, h), steps)
        return float(angle_weights @ density @ z_weights)

    def exact_area(self, name: str) -> float:
        """Exact area of a boundary, m^2; an end needs no quadrature of the other boundaries."""
        return self.end_area(name) if name in ("base", "top") else super().exact_area(name)

    def end_area(self, name: str) -> float:
        """Area of "base" or "top", m^2, by quadrature."""
        radius, length, start = self.reference()
        height = start if name == "base" else start + length
        s, s_weights = _gauss(0.0, radius, RADIAL_POINTS)
        angles, angle_weights = _around()
        steps = (radius * DIFFERENCE_STEP, DIFFERENCE_STEP)
        density = _area_density(s[:, None], angles, lambda r, t: self._at(r, t, np.array(height)), steps)
        return float(s_weights @ density @ angle_weights) * MODEL_UNIT**2

    def _at(self, r: np.ndarray, angle: np.ndarray, height: np.ndarray) -> np.ndarray:
        """Points of the body at cylindrical coordinates of the reference cylinder, model units."""
        x = np.stack(np.broadcast_arrays(r * np.cos(angle), self.aspect() * r * np.sin(angle), height), axis=-1)
        return self.map_cylinder(x.reshape(-1, 3)).reshape(x.shape)


def _along(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Heights and weights for integrals along the axis."""
    panels = itertools.pairwise(np.linspace(low, high, AXIAL_PANELS + 1))
    z, weights = zip(*(_gauss(*panel, AXIAL_POINTS) for panel in panels), strict=True)
    return np.concatenate(z), np.concatenate(weights)


def _around() -> tuple[np.ndarray, np.ndarray]:
    """Angles and weights for integrals around the axis."""
    angles = np.arange(ANGLES) * 2.0 * np.pi / ANGLES
    return angles, np.full_like(angles, 2.0 * np.pi / ANGLES)


def _area_density(
    u: np.ndarray, v: np.ndarray, surface: Callable[..., np.ndarray], steps: tuple[float, float]
) -> np.ndarray:
    """Area of a surface per unit of its two parameters, by central differences."""
    along_u = (surface(u + steps[0], v) - surface(u - steps[0], v)) / (2.0 * steps[0])
    along_v = (surface(u, v + steps[1]) - surface(u, v - steps[1])) / (2.0 * steps[1])
    return np.linalg.norm(np.cross(along_u, along_v), axis=-1)


def _gauss(low: float, high: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return 0.5 * (high - low) * (nodes + 1.0) + low, 0.5 * (high - low) * weights
