"""Bodies of revolution: a meridian turned about the z axis."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import replace
from typing import Any, Self

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries.base import OBSTACLE_NAME, VOLUME_NAME, Geometry, Obstacle
from spinepnp.geometries.gmsh_reader import read_model
from spinepnp.geometries.linear_mesh import StraightMesh, cover_core, interval_mesh
from spinepnp.geometries.meridian import Piece, Refinement, facets_on, set_size_fields, simplices_in
from spinepnp.geometries.obstacle import check_obstacle, gap_of, obstacle_surface
from spinepnp.geometries.sizes import MODEL_UNIT, ROOM, Sizes
from spinepnp.geometries.surfaces import Surface
from spinepnp.geometries.wall_layers import Covering
from spinepnp.units import LENGTH, format_quantity

#: Edges of a sphere's mesh, over its radius: curved cells then have its area and volume to 1e-5.
CURVATURE = 1.0 / 6.0

#: Edges of a rounded corner's mesh, over its radius; no edge of any arc is larger.
COARSEST = 1.0 / 2.0

#: Edges of the mesh of a disc or cap, over its radius.
PATCH = 1.0 / 4.0

#: Edges of the mesh of a band, over its width.
BAND = 1.0 / 2.0

#: Cells of Gmsh per regular tetrahedron of the wanted edge that would fill the same volume; measured.
CELLS_PER_TETRAHEDRON = 0.62


def add_surface_of_revolution(gmsh: Any, pieces: list[Piece]) -> dict[str, list[int]]:
    """Sweep each piece on its own and join the surfaces at their common circles.

    The piece that swept a surface is known from the call that made it, and Gmsh tells what became of each in the join:
    no surface is ever looked for by its place.

    Returns:
        Tags of the surfaces of each boundary, by name.
    """
    occ = gmsh.model.occ
    surfaces, names = [], []
    for piece in (part for whole in pieces for part in whole.divided()):
        ends = [occ.addPoint(r, 0.0, z) for r, z in (piece.start, piece.end)]
        if piece.centre is None:
            curve = occ.addLine(*ends)
        else:
            curve = occ.addCircleArc(ends[0], occ.addPoint(piece.centre[0], 0.0, piece.centre[1]), ends[1])
        swept = occ.revolve([(1, curve)], 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0 * math.pi)
        surfaces.append(next(entity for entity in swept if entity[0] == 2))
        names.append(piece.name)
    _, became = occ.fragment(surfaces[:1], surfaces[1:])
    found: dict[str, list[int]] = {name: [] for name in names}
    for name, entities in zip(names, became, strict=True):
        found[name] += [tag for _, tag in entities]
    return found


def add_obstacle(gmsh: Any, obstacle: Obstacle) -> tuple[int, list[int]]:
    """The surface loop around an obstacle, and its surfaces."""
    occ, surface = gmsh.model.occ, obstacle_surface(obstacle)
    (tags,) = add_surface_of_revolution(gmsh, [surface.piece]).values()
    occ.translate([(2, tag) for tag in tags], *surface.shift, 0.0)
    return occ.addSurfaceLoop(tags), tags


def name_groups(gmsh: Any, surfaces: dict[str, list[int]], volume: int) -> None:
    """One physical group for each boundary and one for the volume."""
    for name, tags in surfaces.items():
        gmsh.model.addPhysicalGroup(2, tags, name=name)
    gmsh.model.addPhysicalGroup(3, [volume], name=VOLUME_NAME)


def surfaces_of(chains: list[list[Piece]], obstacle: Obstacle | None) -> list[Surface]:
    """The exact boundary of a body of revolution with its obstacle."""
    found = [Surface(piece) for chain in chains for piece in chain]
    return found if obstacle is None else [*found, obstacle_surface(obstacle)]


def refinements_of(
    chains: list[list[Piece]], obstacle: Obstacle | None, own: list[Refinement], sizes: Sizes, default: float
) -> list[Refinement]:
    """Where edges are smaller than in the bulk: arcs, small patches and bands, gaps, and what the case grades.

    Inner planes stand for their discs within the body: cells there are small, but no mesh plane coincides with them.

    Args:
        chains: the meridian.
        obstacle: in the body.
        own: refinements of the shape.
        sizes: of the case.
        default: size that the shape takes by default, in model units; all edges shrink together with the size.
    """
    ratio = sizes.size / default
    scale, found = min(1.0, ratio), list(own)
    for surface in surfaces_of(chains, obstacle):
        piece = surface.piece
        width = PATCH if 0.0 in (piece.start[0], piece.end[0]) else BAND
        here = [Refinement(piece, scale * width * piece.length())]
        if piece.centre is not None:
            fraction = CURVATURE * ratio if piece.centre[0] == 0.0 else COARSEST * scale
            here.append(Refinement(piece, min(fraction, COARSEST) * piece.radius))
        if piece.name in sizes.grade:
            here.append(Refinement.graded(piece, sizes.grade[piece.name]))
        if piece.name == OBSTACLE_NAME:
            assert obstacle is not None
            here.append(Refinement(piece, scale * BAND * gap_of(obstacle, chains)))
        found += [replace(refinement, shift=surface.shift) for refinement in here]
    widest = max(float(piece.points(48)[:, 0].max()) for chain in chains for piece in chain)
    for plane in sizes.planes:
        assert plane.grading is not None
        found.append(Refinement.graded(Piece("", (0.0, plane.z), (widest, plane.z)), plane.grading))
    return [refinement for refinement in found if refinement.size < sizes.size]


def estimate_revolved(
    chains: list[list[Piece]], obstacle: Obstacle | None, refinements: list[Refinement], size: float, dim: int
) -> float:
    """Cells of a body of revolution (or its meridian): as many regular simplices of the wanted edge as fill it."""
    holes = [] if obstacle is None else [[obstacle_surface(obstacle).piece]]
    cells = CELLS_PER_TETRAHEDRON if dim == 3 else 1.0
    return cells * simplices_in(chains + holes, refinements, size, dim)


def mesh_revolved(
    gmsh: Any,
    chains: list[list[Piece]],
    obstacle: Obstacle | None,
    refinements: list[Refinement],
    size: float,
    dim: int,
) -> StraightMesh:
    """Mesh a body of revolution, or its meridian.

    Args:
        gmsh: with an empty current model.
        chains: the meridian.
        obstacle: cut out.
        refinements: where edges are smaller than in the bulk.
        size: in the bulk.
        dim: 3 for the body, 2 for its meridian.
    """
    surfaces = _swept_body(gmsh, chains, obstacle) if dim == 3 else _half_plane(gmsh, chains, obstacle)
    set_size_fields(gmsh, refinements, size)
    gmsh.option.setNumber("Mesh.OptimizeNetgen", int(dim == 3))  # worst cells from 0.3 to 0.4, for as much time again
    gmsh.model.mesh.generate(dim)
    return read_model(gmsh, tuple(surfaces), dim)


def _swept_body(gmsh: Any, chains: list[list[Piece]], obstacle: Obstacle | None) -> dict[str, list[int]]:
    """Surfaces swept by the meridian, and the volume that they enclose with that of the obstacle."""
    occ = gmsh.model.occ
    surfaces: dict[str, list[int]] = {}
    loops = []
    for chain in chains:
        swept = add_surface_of_revolution(gmsh, chain)
        for name, tags in swept.items():
            surfaces.setdefault(name, []).extend(tags)
        loops.append(occ.addSurfaceLoop([tag for tags in swept.values() for tag in tags]))
    if obstacle is not None:
        loop, surfaces[OBSTACLE_NAME] = add_obstacle(gmsh, obstacle)
        loops.append(loop)
    volume = occ.addVolume(loops)
    occ.synchronize()
    name_groups(gmsh, surfaces, volume)
    return surfaces


def _half_plane(gmsh: Any, chains: list[list[Piece]], obstacle: Obstacle | None) -> dict[str, list[int]]:
    """The meridian as curves of the plane y = 0, and the surface that they enclose with the axis."""
    occ = gmsh.model.occ
    holes = chains[1:] if obstacle is None else [*chains[1:], [obstacle_surface(obstacle).piece]]
    # Up along the outer wall, then down the axis and along what stands on it.
    order = [chains[0], *sorted(holes, key=lambda chain: -chain[0].start[1])]
    points: dict[tuple[float, float], int] = {}

    def point(at: tuple[float, float]) -> int:
        if at not in points:
            points[at] = occ.addPoint(at[0], 0.0, at[1])
        return points[at]

    curves: dict[str, list[int]] = {}
    loop = []
    for chain, after in zip(order, [*order[1:], order[0]], strict=True):
        for piece in (part for whole in chain for part in whole.divided()):
            if piece.centre is None:
                loop.append(occ.addLine(point(piece.start), point(piece.end)))
            else:
                loop.append(occ.addCircleArc(point(piece.start), point(piece.centre), point(piece.end)))
            curves.setdefault(piece.name, []).append(loop[-1])
        loop.append(occ.addLine(point(chain[-1].end), point(after[0].start)))
    surface = occ.addPlaneSurface([occ.addCurveLoop(loop)])
    occ.synchronize()
    for name, tags in curves.items():
        gmsh.model.addPhysicalGroup(1, tags, name=name)
    gmsh.model.addPhysicalGroup(2, [surface], name=VOLUME_NAME)
    return curves


class Revolved(Geometry):
    """A body of revolution: a subclass gives its meridian and where small edges are needed.

    Grading (`mesh.grade`) is isotropic: it suits small patches; toward a whole wall it costs many cells. A sphere as a
    whole is covered with thin layers instead, where the subclass gives `coverings` and its `core`.
    """

    @abstractmethod
    def meridian(self) -> list[list[Piece]]:
        """Closed chains of pieces in model units: the outer surface first, then those of cavities."""

    def refinements(self, scale: float) -> list[Refinement]:
        """Smaller edges beyond those that every meridian gets.

        Args:
            scale: wanted edge length over the default one, at most one: all edges shrink together.
        """
        return []

    def core(self, coverings: list[Covering]) -> Self:
        """The same body without the layers."""
        return self

    def check(self) -> None:
        """An obstacle lies inside. Subclasses check their own parameters first."""
        super().check()
        if self.obstacle is not None:
            check_obstacle(self.obstacle, self.meridian())

    def room(self, radius: float) -> float:
        """What layers on a sphere of this radius may take: a part of it, and half of the gap beside an obstacle, m."""
        if self.obstacle is None:
            return radius * ROOM
        return min(radius * ROOM, gap_of(self.obstacle, self.meridian()) * MODEL_UNIT / 2.0)

    def z_extent(self) -> tuple[float, float]:
        """Between the ends of the outer chain, which are its lowest and highest points."""
        z = [end[1] for piece in self.meridian()[0] for end in (piece.start, piece.end)]
        return min(z), max(z)

    def pieces(self) -> list[Piece]:
        """The pieces of all chains."""
        return [piece for chain in self.meridian() for piece in chain]

    def tilt_of(self, name: str) -> float:
        """Angle about the origin, from the z axis toward +x, by which a boundary is turned after its sweep, rad."""
        return 0.0

    def body_heights(self, name: str) -> tuple[float, float]:
        """Those of its pieces, swept and turned."""
        r, z = np.vstack([piece.points(180) for piece in self.pieces() if piece.name == name]).T
        c, s = math.cos(self.tilt_of(name)), abs(math.sin(self.tilt_of(name)))
        return float((c * z - s * r).min()), float((c * z + s * r).max())

    def all_refinements(self, sizes: Sizes, default: float) -> list[Refinement]:
        """Where edges are smaller than in the bulk.

        Args:
            sizes: of the case.
            default: size that the whole shape takes by default, m.
        """
        own = self.refinements(min(1.0, sizes.size * MODEL_UNIT / default))
        return refinements_of(self.meridian(), self.obstacle, own, sizes, default / MODEL_UNIT)

    def body_measures(self) -> dict[str, float]:
        """Volume in m^3 and areas in m^2."""
        found = dict.fromkeys(("volume", *self.named), 0.0)
        for piece in self.pieces():
            found["volume"] += piece.volume() * MODEL_UNIT**3
            found[piece.name] = found.get(piece.name, 0.0) + piece.area() * MODEL_UNIT**2
        return found

    def surfaces(self) -> list[Surface]:
        """The turned pieces; a line has none."""
        return [] if self.dimension == "1d" else surfaces_of(self.meridian(), self.obstacle)

    def _core(self, sizes: Sizes) -> tuple[Self, Sizes, list[Refinement]]:
        """The body without thin layers, the sizes without those that they stand for, and where its edges are small."""
        coverings = self.coverings(sizes)
        layered = {cover.graded for cover in coverings}
        bulk = replace(sizes, grade={name: grade for name, grade in sizes.grade.items() if name not in layered})
        core = self.core(coverings)
        return core, bulk, core.all_refinements(bulk, self.default_size())

    def estimate_cells(self, sizes: Sizes) -> float:
        """The integral of one over the volume of a regular simplex of the wanted edge, and the layers."""
        dim = self.cell_dimension
        if dim == 1:
            start, end, name, other = self._line()
            return sizes.layer_count(end - start, name or "centre", other, bottom=None if self.radial else start)
        core, bulk, refinements = self._core(sizes)
        cells = estimate_revolved(core.meridian(), self.obstacle, refinements, bulk.size, dim)
        for cover in self.coverings(sizes):
            pieces = [piece for piece in core.pieces() if piece.name in cover.names]
            cells += dim * len(cover.heights) * sum(facets_on(p, refinements, bulk.size, dim) for p in pieces)
        return cells

    def straight_mesh(self, gmsh: Any, sizes: Sizes) -> StraightMesh:
        """The core by Gmsh, and layers on it; a line by itself."""
        if self.dimension == "1d":
            start, end, name, other = self._line()
            heights = sizes.layers(end - start, name or "centre", other, bottom=None if self.radial else start)
            return interval_mesh(start + np.concatenate(([0.0], heights.cumsum())), name, other)
        core, bulk, refinements = self._core(sizes)
        return cover_core(core.mesh_core(gmsh, bulk, refinements), self.coverings(sizes))

    def mesh_core(self, gmsh: Any, sizes: Sizes, refinements: list[Refinement]) -> StraightMesh:
        """Mesh it as it is."""
        return mesh_revolved(gmsh, self.meridian(), self.obstacle, refinements, sizes.size, self.cell_dimension)

    def _line(self) -> tuple[float, float, str | None, str]:
        """Where the line of a one-dimensional mesh starts and ends, model units, and the names of its ends."""
        raise NotImplementedError


def sphere_covering(
    radius: float, names: tuple[str, ...], graded: str, sizes: Sizes, room: float, side: int = 1
) -> list[Covering]:
    """The covering of a sphere about the origin, if the case grades it.

    Args:
        radius: of the sphere, m.
        names: of the boundaries on it.
        graded: the one whose grading counts.
        sizes: of the case.
        room: that the layers may take, m.
        side: +1 where the body is inside the sphere.
    """
    heights = sizes.covering(graded, room / MODEL_UNIT)
    return [Covering(names, graded, radius / MODEL_UNIT, heights, side)] if len(heights) else []


def refuse_unless(holds: bool, key: str, problem: str, value: float | None = None) -> None:
    """Refuse a parameter of the [geometry] table.

    Args:
        holds: what must be true.
        key: the parameter, without "geometry.".
        problem: what is wrong and what to do.
        value: a length in m.

    Raises:
        CaseError: it does not hold.
    """
    if not holds:
        raise CaseError(f"geometry.{key}", problem, None if value is None else format_quantity(value, LENGTH))
