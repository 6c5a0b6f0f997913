"""Bodies of revolution: a meridian turned about the z axis."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

from spinepnp.errors import CaseError
from spinepnp.geometries.base import MODEL_UNIT, VOLUME_NAME, Geometry, Sizes
from spinepnp.geometries.meridian import Piece, Refinement, set_size_fields, tetrahedra_in
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


def name_groups(gmsh: Any, surfaces: dict[str, list[int]], volume: int) -> None:
    """One physical group for each boundary and one for the volume."""
    for name, tags in surfaces.items():
        gmsh.model.addPhysicalGroup(2, tags, name=name)
    gmsh.model.addPhysicalGroup(3, [volume], name=VOLUME_NAME)


class Revolved(Geometry):
    """A body of revolution: a subclass gives its meridian and where small edges are needed.

    Grading (`mesh.grade`) is isotropic: it suits small patches; toward a whole wall it costs many cells.
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

    def pieces(self) -> list[Piece]:
        """The pieces of all chains."""
        return [piece for chain in self.meridian() for piece in chain]

    def all_refinements(self, sizes: Sizes) -> list[Refinement]:
        """Where edges are smaller than in the bulk: arcs, small patches and bands, and what the case grades."""
        ratio = sizes.size / (self.default_size() / MODEL_UNIT)
        scale = min(1.0, ratio)
        found = self.refinements(scale)
        for piece in self.pieces():
            width = PATCH if 0.0 in (piece.start[0], piece.end[0]) else BAND
            found.append(Refinement(piece, scale * width * piece.length()))
            if piece.centre is not None:
                fraction = CURVATURE * ratio if piece.centre[0] == 0.0 else COARSEST * scale
                found.append(Refinement(piece, min(fraction, COARSEST) * piece.radius))
            if piece.name in sizes.grade:
                found.append(Refinement.graded(piece, sizes.grade[piece.name]))
        return [refinement for refinement in found if refinement.size < sizes.size]

    def exact_measures(self) -> dict[str, float]:
        """Volume in m^3 and areas in m^2."""
        found = dict.fromkeys(("volume", *self.boundaries), 0.0)
        for piece in self.pieces():
            found["volume"] += piece.volume() * MODEL_UNIT**3
            found[piece.name] += piece.area() * MODEL_UNIT**2
        return found

    def estimate_cells(self, sizes: Sizes) -> float:
        """The integral of one over the volume of a regular tetrahedron of the wanted edge."""
        return CELLS_PER_TETRAHEDRON * tetrahedra_in(self.meridian(), self.all_refinements(sizes), sizes.size)

    def build(self, gmsh: Any, sizes: Sizes) -> None:
        """Surfaces swept by the meridian, and the volume that they enclose."""
        surfaces: dict[str, list[int]] = {}
        loops = []
        for chain in self.meridian():
            swept = add_surface_of_revolution(gmsh, chain)
            for name, tags in swept.items():
                surfaces.setdefault(name, []).extend(tags)
            loops.append(gmsh.model.occ.addSurfaceLoop([tag for tags in swept.values() for tag in tags]))
        volume = gmsh.model.occ.addVolume(loops)
        gmsh.model.occ.synchronize()
        name_groups(gmsh, {name: surfaces[name] for name in self.boundaries}, volume)
        set_size_fields(gmsh, self.all_refinements(sizes), sizes.size)
        gmsh.option.setNumber("Mesh.OptimizeNetgen", 1)  # worst cells from 0.3 to 0.4, for as much time again


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
