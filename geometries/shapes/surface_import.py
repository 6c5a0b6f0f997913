"""A domain from a file: a closed triangulated surface, or a mesh made with Gmsh elsewhere."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from spinepnp.errors import CaseError, SolveError
from spinepnp.geometries.base import VOLUME_NAME, Geometry, digest_of
from spinepnp.geometries.linear_mesh import LinearMesh
from spinepnp.geometries.names import check_name
from spinepnp.geometries.revolution import CELLS_PER_TETRAHEDRON
from spinepnp.geometries.sizes import MODEL_UNIT, Sizes
from spinepnp.geometries.surface_reader import read_triangulation
from spinepnp.geometries.triangles.anatomy import find_anatomy
from spinepnp.geometries.triangles.cutting import cut_off, flat_triangles, named_disc
from spinepnp.geometries.triangles.own_frame import in_own_frame, unrounded
from spinepnp.geometries.triangles.pieces import edge_parts, joined, labelled, separated
from spinepnp.geometries.triangles.spine_files import CHECKED, MORPH_SPINES, read_merged
from spinepnp.geometries.triangles.tetrahedra import fill
from spinepnp.geometries.triangles.thickness import bulk_size, edge_lengths
from spinepnp.geometries.triangulation import UNNAMED, Triangulation, problem_of
from spinepnp.units import LENGTH, Area, Coordinate, Length, Number, Table, format_quantity, parse_quantity

#: Smallest plausible extent of a domain, m: a smaller one was given in another unit.
SMALLEST_EXTENT = 2e-9

#: Largest plausible extent of a domain, m: a larger one was given in another unit.
LARGEST_EXTENT = 1e-3

#: Distance of a triangle's corners from a plane, over the mean edge, within which the triangle lies in the plane.
PLANE_TOLERANCE = 1e-3

#: Mean edge of the cells within a surface over the mean edge of its triangles; measured.
INNER_EDGE = 1.3

#: Number of triangles above which a surface is remeshed by default: they would make more than 100 000 unknowns.
MANY_TRIANGLES = 12_000

#: Tetrahedra per triangle within a remeshed surface; measured.
CELLS_PER_TRIANGLE = 3.2

#: Area of an equilateral triangle of edge one.
EQUILATERAL = math.sqrt(3.0) / 4.0

#: Coordinates x, y and z, m.
Position = tuple[Coordinate, Coordinate, Coordinate]


class Plane(Table):
    """Triangles that lie in a plane.

    Attributes:
        point: point of the plane, m.
        normal: vector normal to the plane, of any length.
    """

    point: Position
    normal: tuple[Number, Number, Number]


class Disc(Table):
    """Triangles whose middle is within a distance of a point, connected with the one nearest to it.

    Attributes:
        centre: the point, m.
        radius: the distance, m.
    """

    centre: Position
    radius: Length


class Patch(Table):
    """A named part of the surface.

    Attributes:
        name: name of the boundary.
        plane: picks triangles in a plane.
        disc: picks triangles near a point.
        label: picks triangles of a group of the file: a physical name, an array of its cells that is not zero there, or
            ARRAY=VALUE.
        cut: cuts the base off: the flat face is the patch; "auto" finds the place, normal to the axis of the spine.
        pick: "pole": a disc around the place of the head that is farthest from the base.
        area: area of that disc, m^2.
    """

    name: str
    plane: Plane | None = None
    disc: Disc | None = None
    label: str | None = None
    cut: Plane | Literal["auto"] | None = None
    pick: Literal["pole"] | None = None
    area: Area | None = None


class ImportedSurface(Geometry):
    r"""The inside of a closed triangulated surface (STL, OBJ, PLY, OFF, VTK), or of a Gmsh mesh (msh) with names.

    ::

             ___psd_
           /        \___
          |             \     wall    what no patch takes
           \_      _____/
             \   /
             |__|             base    a patch, picked by a plane or by a disc around a point

    The triangles stay as they are, unless they are many: the cells are straight, and a patch follows the edges of the
    triangles. Closed pieces within the largest one (a spine apparatus, a mitochondrion), in either orientation, are
    holes of the body: boundaries `inner_1`, `inner_2`, ... by falling volume, reflecting unless the case lists them.
    Pieces that overlap are united.

    Examples:
        >>> from pathlib import Path
        >>> from spinepnp.geometries import ImportedSurface
        >>> corners = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"
        >>> _ = Path("tetrahedron.obj").write_text(corners + "f 1 3 2\nf 1 2 4\nf 2 3 4\nf 1 4 3\n")
        >>> floor = {"name": "base", "plane": {"point": ["0 um", "0 um", "0 um"], "normal": [0, 0, 1]}}
        >>> body = ImportedSurface(file="tetrahedron.obj", unit="um", patches=[floor])
        >>> body.boundaries
        ('base', 'wall')
        >>> round(body.exact_measures()["volume"] * 1e18, 4)  # um^3
        0.1667

    Attributes:
        file: path of the surface (.stl, .obj, .ply, .off, .vtk, .vtu, .vtp, .msh), relative to the case file or to the
            current directory.
        unit: unit of its coordinates, "nm" or "um".
        patches: named parts, beside those that a msh file names itself.
        triangles: "keep" meshes the triangles of the file as they are; "remesh" replaces them by others of about
            `mesh.size` in thick parts and smaller ones in thin parts and at the rims of patches, with volume and areas
            kept to 1 %; "auto" remeshes surfaces of more than 12 000 triangles.
        stray: "drop" leaves out closed pieces apart from the largest one, which are refused otherwise.
    """

    dimensions: ClassVar[tuple[str, ...]] = ("3d",)
    takes_obstacle: ClassVar[bool] = False
    gradable: ClassVar[bool] = False
    on_axis: ClassVar[bool] = False

    shape: Literal["surface"] = "surface"
    file: str
    unit: str
    patches: tuple[Patch, ...] = ()
    triangles: Literal["auto", "keep", "remesh"] = "auto"
    stray: Literal["drop"] | None = None

    @property
    def _scale(self) -> float:
        """Model units per unit of the file."""
        try:
            return parse_quantity(f"1 {self.unit}", LENGTH) / MODEL_UNIT
        except ValueError as error:
            raise CaseError("geometry.unit", f"{error}", self.unit) from None

    def _read(self) -> Triangulation:
        """The triangles of the file; a `CaseError` where it cannot be read."""
        suffix = Path(self.file).suffix.lower()
        if suffix in MORPH_SPINES:
            what = "holds many spines; make a surface of one by the verb: surface FILE --spine NUMBER"
            raise CaseError("geometry.file", what, self.file)
        try:
            return read_triangulation(self.file) if suffix in CHECKED else read_merged(self.file)[0]
        except ValueError as error:
            raise CaseError("geometry.file", str(error), self.file) from None

    @property
    def _surface(self) -> Triangulation:
        """The triangles of the file, with holes for what lies within, cut and with the names of the case."""
        return _named(self, self._read())

    def _arranged(self, surface: Triangulation) -> Triangulation:
        """The surface of one body, with holes where pieces lie within the largest."""
        if edge_parts(surface.triangles[:, :3]).max(initial=0) == 0:
            return surface
        from spinepnp.geometries.triangles.arranging import arranged  # with Numba, which takes its time

        try:
            return arranged(surface, None if self.stray == "drop" else 'set geometry.stray = "drop" to leave them out')
        except ValueError as error:
            raise CaseError("geometry.file", str(error), self.file) from None

    def _cut(self, surface: Triangulation) -> Triangulation:
        """The surface with the patches that are cut into it: bases, then discs at the pole."""
        asked = [patch for patch in self.patches if patch.cut is not None or patch.pick is not None]
        if not asked or problem_of(surface) is not None:
            return surface
        surface, frame = in_own_frame(surface.outward())
        anatomy, scale = find_anatomy(separated(surface)[0]), self._scale * MODEL_UNIT
        for patch in sorted(asked, key=lambda one: one.cut is None):
            try:
                if isinstance(patch.cut, Plane):
                    point, normal = frame.into(np.array(patch.cut.point) / scale), frame.axes @ patch.cut.normal
                    surface = cut_off(surface, point, normal, patch.name, anatomy.tip, flat_triangles)
                elif patch.cut is not None:
                    where = (anatomy.cut, anatomy.direction)
                    surface = cut_off(surface, *where, patch.name, anatomy.tip, flat_triangles)
                else:
                    outer, shells = separated(surface)
                    area = (patch.area or 0.0) / scale**2
                    surface = joined(named_disc(outer, anatomy.pole, area, patch.name)[0], shells)
            except ValueError as error:
                raise CaseError(f"geometry.patches.{patch.name}", str(error)) from None
        return frame.surface_back(surface)

    def body_heights(self, name: str) -> tuple[float, float]:
        """Lowest and highest z of the boundary's triangles."""
        surface = self._surface
        z = surface.corners[surface.values == surface.names.index(name), :, 2] * self._scale
        return float(z.min()), float(z.max())

    @property
    def named(self) -> tuple[str, ...]:
        """Names of the patches, those of the file first, and of the wall if any triangle is left for it."""
        surface = self._surface
        used = set(surface.values.tolist())
        return tuple(name for i, name in enumerate(surface.names) if i in used)

    def name_patches(self, surface: Triangulation) -> Triangulation:
        """The surface with the patches of the case; a patch may take only triangles that have no name."""
        surface = self._cut(self._arranged(surface))
        listed = [patch for patch in self.patches if patch.cut is None and patch.pick is None]
        names = (*surface.names[:-1], *(patch.name for patch in listed), UNNAMED)
        values = np.where(surface.values == len(surface.names) - 1, len(names) - 1, surface.values)
        for number, patch in enumerate(listed, start=len(surface.names) - 1):
            picked = self._picked(surface, patch)
            taken = picked & (values != len(names) - 1)
            if taken.any():
                other = names[values[np.argmax(taken)]]
                raise CaseError(f"geometry.patches.{patch.name}", f"overlaps {other}; make one of them smaller")
            if not picked.any():
                raise CaseError(f"geometry.patches.{patch.name}", self._nothing_picked(surface, patch))
            values[picked] = number
        return Triangulation(surface.points, surface.triangles, values, names, surface.cells)

    def _nothing_picked(self, surface: Triangulation, patch: Patch) -> str:
        """Reason why a patch takes no triangle, and the remedy."""
        takes = f"takes no triangle of the surface, which lies within {self._box(surface)}"
        if patch.plane is None:
            return f"{takes}; move or enlarge it"
        x, normal = surface.corners * self._scale, _unit(patch.plane.normal)
        heights = (x - np.array(patch.plane.point) / MODEL_UNIT) @ normal
        flat = np.ptp(heights, axis=1) < 2.0 * PLANE_TOLERANCE * surface.mean_edge() * self._scale
        if not flat.any():
            return f"{takes}: none of its triangles is parallel to the plane; turn the normal, or give a disc"
        parallel = x[flat]
        nearest = parallel[np.argmin(np.abs(heights[flat].mean(axis=1)))].mean(axis=0) * MODEL_UNIT * 1e9
        place = ", ".join(f'"{value:.6g} nm"' for value in nearest)
        return f"{takes}; move plane.point to the nearest triangle parallel to the plane, [{place}]"

    def _box(self, surface: Triangulation) -> str:
        """Ranges of x, y and z of the surface, in words."""
        ends = np.array([surface.points.min(axis=0), surface.points.max(axis=0)]).T * self._scale * MODEL_UNIT * 1e9
        ranges = [f"{axis} = {low:.4g} to {high:.4g} nm" for axis, (low, high) in zip("xyz", ends, strict=True)]
        return ", ".join(ranges)

    def _picked(self, surface: Triangulation, patch: Patch) -> np.ndarray:
        """Mask of the triangles that a patch takes, shape (triangles,)."""
        x = surface.corners * self._scale
        if patch.plane is not None:
            normal = _unit(patch.plane.normal)
            offset = (x - np.array(patch.plane.point) / MODEL_UNIT) @ normal
            return np.asarray((np.abs(offset) < PLANE_TOLERANCE * surface.mean_edge() * self._scale).all(axis=1))
        if patch.label is not None:
            try:
                found = read_merged(self.file)[1]
                group = found.group(patch.label)
            except ValueError as error:
                raise CaseError(f"geometry.patches.{patch.name}.label", str(error), patch.label) from None
            source = Triangulation(found.points, found.triangles, np.where(group, 0, 1), (patch.name, UNNAMED))
            return labelled(surface, source).values == 0
        if patch.disc is None:  # refused by `_check_patches`
            return np.zeros(len(x), dtype=bool)
        distance = np.linalg.norm(x.mean(axis=1) - np.array(patch.disc.centre) / MODEL_UNIT, axis=1)
        near = np.flatnonzero(distance <= patch.disc.radius / MODEL_UNIT)
        picked = np.zeros(len(x), dtype=bool)
        if len(near):
            parts = edge_parts(surface.triangles[near, :3])
            picked[near[parts == parts[np.argmin(distance[near])]]] = True
        return picked

    def check(self) -> None:
        """Refuse a file that is unreadable or not closed, an implausible unit, and patches without triangles."""
        super().check()
        scale = self._scale * MODEL_UNIT
        self._check_patches()
        extent = self._read().extent() * scale
        if not SMALLEST_EXTENT <= extent <= LARGEST_EXTENT:
            size = format_quantity(float(f"{extent:.3g}"), LENGTH) if 0.0 < extent < 1.0 else f"{extent:.3g} m"
            raise CaseError("geometry.unit", f"makes the domain {size} wide; give the file's own unit", self.unit)
        surface, seen = self._surface, {VOLUME_NAME}
        for name in surface.names:
            check_name("geometry.file", name, seen)
        problem = problem_of(surface)
        if problem is not None:
            raise CaseError("geometry.file", problem, self.file)

    def _check_patches(self) -> None:
        seen = {UNNAMED, VOLUME_NAME}
        for patch in self.patches:
            check_name("geometry.patches.name", patch.name, seen)
            key = f"geometry.patches.{patch.name}"
            given = [word for word in ("plane", "disc", "label", "cut", "pick") if getattr(patch, word) is not None]
            if len(given) != 1:
                what = 'plane = { point, normal }, disc = { centre, radius }, label, cut = "auto" or pick = "pole"'
                raise CaseError(key, f"needs either of {what}")
            if (patch.pick is None) != (patch.area is None):
                raise CaseError(f"{key}.area", 'belongs to pick = "pole"; give both or neither')
            for word, plane in (("plane", patch.plane), ("cut", patch.cut)):
                if isinstance(plane, Plane) and not any(plane.normal):
                    raise CaseError(f"{key}.{word}.normal", "must not be zero")

    def files(self) -> dict[str, str]:
        """Digest of the surface's file."""
        return {"file": digest_of(self.file)}

    @property
    def is_remeshed(self) -> bool:
        """Whether the triangles are replaced by others of the wanted size."""
        surface = self._surface
        return surface.cells is None and {
            "auto": len(surface.triangles) > MANY_TRIANGLES, "keep": False, "remesh": True
        }[self.triangles]  # fmt: skip

    def default_degree(self) -> int:
        """Default degree of the elements: 2 where triangles are remeshed, as large as quadratic elements allow."""
        return 2 if self.is_remeshed else 1

    def default_size(self) -> float:
        """Default edge length: mean edge of the triangles; of remeshed ones the size in the thickest part."""
        if self.is_remeshed:
            return bulk_size(self._surface) * self._scale * MODEL_UNIT
        return self._surface.mean_edge() * self._scale * MODEL_UNIT

    def body_measures(self) -> dict[str, float]:
        """Volume in m^3 and areas in m^2 of the polyhedron."""
        surface, unit = self._surface, self._scale * MODEL_UNIT
        areas = surface.areas() * unit**2
        by_name = {name: float(areas[surface.values == i].sum()) for i, name in enumerate(surface.names)}
        return {"volume": abs(surface.volume()) * unit**3, **by_name}

    def exact_measures(self) -> dict[str, float]:
        """Volume in m^3 and areas in m^2 of the polyhedron; none for curved cells, whose exact shape is not known."""
        cells = self._surface.cells
        return super().exact_measures() if cells is None or cells.shape[1] == 4 else {}

    def estimate_cells(self, sizes: Sizes) -> float:
        """Estimated number of cells: regular tetrahedra of the target edge, little larger than the triangles."""
        surface = self._surface
        if surface.cells is not None:
            return float(len(surface.cells))
        if self.is_remeshed:
            lengths = edge_lengths(surface.outward(), sizes.size / self._scale)[surface.triangles].mean(axis=1)
            return CELLS_PER_TRIANGLE * float((surface.areas() / (EQUILATERAL * lengths**2)).sum())
        edge = min(sizes.size, INNER_EDGE * surface.mean_edge() * self._scale)
        inner = CELLS_PER_TETRAHEDRON * abs(surface.volume()) * self._scale**3 * 6.0 * math.sqrt(2.0) / edge**3
        return max(inner, float(len(surface.triangles)))

    def linear_mesh(self, gmsh: Any, sizes: Sizes) -> LinearMesh:
        """Mesh of the file's cells, or of tetrahedra by Gmsh within its triangles, remeshed where they are many."""
        surface = self._surface
        if surface.cells is not None:
            names, values = np.unique(surface.values, return_inverse=True)
            known = tuple(surface.names[i] for i in names)
            return LinearMesh(surface.points * self._scale, surface.cells, surface.triangles, values, known)
        size = float(f"{sizes.size:.6g}")  # a mean edge, whose rounding depends on how the file is turned
        if self.is_remeshed:
            from spinepnp.geometries.triangles.spine import soundly_remeshed  # with Numba, which takes its time

            try:
                surface = soundly_remeshed(surface.outward(), size / self._scale)
            except ValueError as error:
                raise SolveError(f"{error}; change mesh.size a little, or remesh the surface elsewhere") from None
        given, frame = in_own_frame(surface.outward())
        mesh = fill(gmsh, given, self._scale, size, netgen=len(surface.triangles) <= MANY_TRIANGLES)
        points = unrounded(frame.back(mesh.points / self._scale), surface)
        return replace(mesh, points=points * self._scale)


@functools.lru_cache(maxsize=4)
def _named(geometry: ImportedSurface, surface: Triangulation) -> Triangulation:
    return geometry.name_patches(surface)


def _unit(normal: tuple[float, float, float]) -> np.ndarray:
    return np.array(normal) / math.hypot(*normal)
