"""Meshes of a meridian turned about the z axis, and of the meridian itself, by Gmsh."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from spinepnp.geometries.base import OBSTACLE_NAME, VOLUME_NAME, Obstacle
from spinepnp.geometries.gmsh_reader import read_model
from spinepnp.geometries.linear_mesh import LinearMesh
from spinepnp.geometries.meridian import Piece, Refinement, set_size_fields, simplices_in
from spinepnp.geometries.obstacle import gap_of, obstacle_surface
from spinepnp.geometries.sizes import Sizes
from spinepnp.geometries.surfaces import Surface

#: Edge length on a sphere over its radius: curved cells then have its area and volume to 1e-5.
SPHERE_EDGE = 1.0 / 6.0

#: Largest edge length on any arc over its radius, as on a rounded corner.
ARC_EDGE = 1.0 / 2.0

#: Edge length on a disc or cap over its radius: four edges from the centre to the rim.
DISC_EDGE = 1.0 / 4.0

#: Edge length on a band, or in a gap, over its width: two edges across.
BAND_EDGE = 1.0 / 2.0

#: Cells of Gmsh per regular tetrahedron of the target edge that would fill the same volume; measured.
CELLS_PER_TETRAHEDRON = 0.62


def add_surface_of_revolution(gmsh: Any, pieces: list[Piece]) -> dict[str, list[int]]:
    """Sweep each piece on its own and join the surfaces at their common circles.

    The names of the surfaces follow from the order of the calls and from the map that Gmsh's join returns, never from
    coordinates.

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
    _, fragments = occ.fragment(surfaces[:1], surfaces[1:])
    tags: dict[str, list[int]] = {name: [] for name in names}
    for name, entities in zip(names, fragments, strict=True):
        tags[name] += [tag for _, tag in entities]
    return tags


def add_obstacle(gmsh: Any, obstacle: Obstacle) -> tuple[int, list[int]]:
    """Add the surface of an obstacle; tags of its surface loop and its surfaces."""
    occ, surface = gmsh.model.occ, obstacle_surface(obstacle)
    (tags,) = add_surface_of_revolution(gmsh, [surface.piece]).values()
    occ.translate([(2, tag) for tag in tags], *surface.shift, 0.0)
    return occ.addSurfaceLoop(tags), tags


def name_groups(gmsh: Any, surfaces: dict[str, list[int]], volume: int) -> None:
    """Add one physical group for each boundary and one for the volume.

    Args:
        gmsh: the initialised Gmsh module; its current model gets the groups.
        surfaces: tags of Gmsh's surfaces by the name of their boundary.
        volume: tag of the body's volume.
    """
    for name, tags in surfaces.items():
        gmsh.model.addPhysicalGroup(2, tags, name=name)
    gmsh.model.addPhysicalGroup(3, [volume], name=VOLUME_NAME)


def surfaces_of(chains: list[list[Piece]], obstacle: Obstacle | None) -> list[Surface]:
    """The exact boundary of a body of revolution with its obstacle."""
    surfaces = [Surface(piece) for chain in chains for piece in chain]
    return surfaces if obstacle is None else [*surfaces, obstacle_surface(obstacle)]


def refinements_of(
    chains: list[list[Piece]], obstacle: Obstacle | None, own: list[Refinement], sizes: Sizes, default: float
) -> list[Refinement]:
    """Refinements of a body of revolution: arcs, small patches and bands, gaps, and the gradings of the case.

    Cells are small near the disc of an inner plane, but no plane of the mesh coincides with it.

    Args:
        chains: the meridian.
        obstacle: obstacle in the body.
        own: refinements of the shape.
        sizes: target sizes of the case.
        default: default size of the shape, in model units; all edges shrink together with the size.
    """
    ratio = sizes.size / default
    scale, refinements = min(1.0, ratio), list(own)
    for surface in surfaces_of(chains, obstacle):
        piece = surface.piece
        width = DISC_EDGE if 0.0 in (piece.start[0], piece.end[0]) else BAND_EDGE
        here = [Refinement(piece, scale * width * piece.length())]
        if piece.centre is not None:
            fraction = SPHERE_EDGE * ratio if piece.centre[0] == 0.0 else ARC_EDGE * scale
            here.append(Refinement(piece, min(fraction, ARC_EDGE) * piece.radius))
        if piece.name in sizes.grade:
            here.append(Refinement.graded(piece, sizes.grade[piece.name]))
        if obstacle is not None and piece.name == OBSTACLE_NAME:
            here.append(Refinement(piece, scale * BAND_EDGE * gap_of(obstacle, chains)))
        refinements += [replace(refinement, shift=surface.shift) for refinement in here]
    widest = max(float(piece.points(48)[:, 0].max()) for chain in chains for piece in chain)
    for plane in sizes.planes:
        if plane.grading is not None:  # which bodies of revolution need (`MeshOptions`)
            refinements.append(Refinement.graded(Piece("", (0.0, plane.z), (widest, plane.z)), plane.grading))
    return [refinement for refinement in refinements if refinement.size < sizes.size]


def estimate_revolved(
    chains: list[list[Piece]], obstacle: Obstacle | None, refinements: list[Refinement], size: float, dim: int
) -> float:
    """Estimated number of cells of a body of revolution or its meridian, from regular simplices of the target edge.

    Args:
        chains: the meridian.
        obstacle: obstacle that is cut out.
        refinements: regions with smaller edges than in the bulk.
        size: edge length in the bulk, model units.
        dim: 3 for the body, 2 for its meridian.
    """
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
) -> LinearMesh:
    """Mesh a body of revolution, or its meridian.

    Args:
        gmsh: the initialised Gmsh module, with an empty current model.
        chains: the meridian.
        obstacle: obstacle that is cut out.
        refinements: regions with smaller edges than in the bulk.
        size: edge length in the bulk.
        dim: 3 for the body, 2 for its meridian.
    """
    surfaces = _swept_body(gmsh, chains, obstacle) if dim == 3 else _half_plane(gmsh, chains, obstacle)
    set_size_fields(gmsh, refinements, size)
    gmsh.option.setNumber("Mesh.OptimizeNetgen", int(dim == 3))  # worst cells from 0.3 to 0.4, for as much time again
    gmsh.model.mesh.generate(dim)
    return read_model(gmsh, tuple(surfaces), dim)


def _swept_body(gmsh: Any, chains: list[list[Piece]], obstacle: Obstacle | None) -> dict[str, list[int]]:
    """Add the surfaces that the meridian sweeps, and the volume between them and the obstacle; tags by boundary."""
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
    """Add the meridian as curves of the plane y = 0, and the surface between them and the axis; tags by boundary."""
    occ = gmsh.model.occ
    holes = chains[1:] if obstacle is None else [*chains[1:], [obstacle_surface(obstacle).piece]]
    # Up along the outer wall, then down along the axis and the holes that stand on it.
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
