"""The [mesh] table of a case file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from spinepnp.errors import CaseError, nearest
from spinepnp.geometries import MODEL_UNIT, Geometry, Grading, InnerPlane, Sizes
from spinepnp.geometries.rings import TOUCHING_GAP
from spinepnp.units import LENGTH, Coordinate, Length, Number, Table, Whole, format_quantity

#: Default size on a line over that of the shape: there small cells cost nothing.
LINE_SIZE = 1.0 / 16.0

#: Default size of quadratic elements in three dimensions over that of the shape: volume and areas still err by less
#: than 1e-4.
QUADRATIC_SIZE = 1.6

#: Smallest distance of two inner planes over the height of the body, and relative rounding of sizes in a comparison.
SAME_PLANE = 1e-9


class GradeOptions(Table):
    """Grading toward one boundary.

    Examples:
        >>> from spinepnp.meshes import GradeOptions, MeshOptions
        >>> options = MeshOptions(size="20 nm", grade={"top": GradeOptions(size="0.1 nm", growth=1.4)})
        >>> options.grade["top"].size  # m
        1e-10

    Attributes:
        size: edge length at the boundary, m.
        growth: ratio of the heights of neighbouring layers.
    """

    size: Length
    growth: Number = Field(default=1.4, ge=1.01, le=10.0)


class GradePlane(Table):
    """Grading toward one inner plane z = const, on both sides.

    Examples:
        >>> from spinepnp.meshes import GradePlane, MeshOptions
        >>> options = MeshOptions(size="20 nm", grade_planes=[GradePlane(z="0.3 um", size="0.2 nm")])
        >>> options.grade_planes[0].growth
        1.4

    Attributes:
        z: height of the plane, m.
        size: edge length at the plane, m; without it the mesh only gets a plane there, in shapes made of layers.
        growth: ratio of the heights of neighbouring layers.
    """

    z: Coordinate
    size: Length | None = None
    growth: Number = Field(default=1.4, ge=1.01, le=10.0)


class MeshOptions(Table):
    """Options of the mesh.

    Examples:
        >>> from spinepnp.geometries import Cylinder
        >>> from spinepnp.meshes import MeshOptions
        >>> resolved = MeshOptions().resolved(Cylinder(length="1 um", radius="100 nm"))
        >>> resolved.size, resolved.element_degree  # a quarter of the radius, m
        (2.5e-08, 1)

    Attributes:
        size: target edge length, m; by default that of the shape; a sixteenth of it for a line.
        order: 2 for curved cells, 1 for straight ones, which lose area.
        refine: number of divisions of every cell (into eight in three dimensions), after meshing and in parallel.
        grade: finer cells toward named boundaries: thin layers at the ends of necks, on the wall of a ball and on the
            spheres of a shell, small cells of all directions at others; none for a surface.
        grade_planes: finer cells toward inner planes z = const, by default toward the edges of regions of fixed charge
            (with an empty list toward none); thin layers in necks and on lines, where the plane is one of the mesh,
            small cells of all directions in other shapes.
        element_degree: degree of the Lagrange elements of all unknowns; by default 2 on meridians, and in three
            dimensions where walls are smooth (hyperboloid, tube, shell) and at windows (ball_window); else 1, as in a
            transient in which species react or do not move.
    """

    size: Length | None = None
    order: Literal[1, 2] = 2
    refine: Whole = Field(default=0, ge=0, le=6)
    grade: dict[str, GradeOptions] = Field(default_factory=dict)
    grade_planes: tuple[GradePlane, ...] | None = None
    element_degree: Literal[1, 2] | None = None

    def resolved(self, geometry: Geometry) -> ResolvedMeshOptions:
        """Options with the shape's default size and element degree filled in."""
        update: dict[str, Any] = {}
        if self.size is None:
            solid = QUADRATIC_SIZE if geometry.default_degree() == 2 else 1.0
            relative = {"3d": solid, "axisymmetric": 1.0, "1d": LINE_SIZE}[geometry.dimension]
            update["size"] = geometry.default_size() * relative
        if self.element_degree is None:
            update["element_degree"] = geometry.default_degree()
        # Quantities are SI here: a validator would ask for text with a unit.
        return ResolvedMeshOptions.model_construct(self.model_fields_set | update.keys(), **(dict(self) | update))

    def graded_places(self) -> dict[str, float]:
        """Edge length at each graded boundary and inner plane, m, by boundary name or ``z = ...``."""
        planes = {f"z = {format_quantity(p.z, LENGTH)}": p.size for p in self.grade_planes or () if p.size is not None}
        return {name: grade.size for name, grade in self.grade.items()} | planes

    def cells(self, geometry: Geometry) -> float:
        """Estimated number of cells, refinements included."""
        return geometry.estimate_cells(self.sizes(geometry)) * 2.0 ** (geometry.cell_dimension * self.refine)

    def sizes(self, geometry: Geometry) -> Sizes:
        """Target sizes of the mesh, in model units.

        Raises:
            CaseError: grading toward a boundary or plane that the shape does not have, or coarser than the bulk.
        """
        size = self.resolved(geometry).size
        for name, grade in self.grade.items():
            if name not in geometry.boundaries:
                raise CaseError(f"mesh.grade.{name}", f"no such boundary; {nearest(name, geometry.boundaries)}")
            if not geometry.gradable:
                problem = "the triangles of a surface stay as they are; make them finer in the file, or set mesh.refine"
                raise CaseError(f"mesh.grade.{name}", problem)
            _refuse_coarser(f"mesh.grade.{name}.size", grade.size, size)
        self._check_planes(geometry, size)
        grading = {name: Grading(g.size / MODEL_UNIT, g.growth) for name, g in self.grade.items()}
        planes = [
            InnerPlane(p.z / MODEL_UNIT, None if p.size is None else Grading(p.size / MODEL_UNIT, p.growth))
            for p in sorted(self.grade_planes or (), key=lambda plane: plane.z)
        ]
        sizes = Sizes(size / MODEL_UNIT, grading, tuple(planes))
        geometry.wall_layers(sizes)  # refuses layers that do not fit
        return sizes

    def _check_planes(self, geometry: Geometry, size: float) -> None:
        """Refuse inner planes outside the body, too near to each other, or in a shape that has no such planes."""
        planes = self.grade_planes or ()
        if not planes:
            return
        reason = geometry.why_no_planes()
        if reason is not None:
            raise CaseError("mesh.grade_planes", reason)
        low, high = (z * MODEL_UNIT for z in geometry.z_extent())
        for number, plane in enumerate(planes):
            key, shown = f"mesh.grade_planes.{number}", format_quantity(plane.z, LENGTH)
            if not low < plane.z < high:
                ends = f"{format_quantity(low, LENGTH)} and {format_quantity(high, LENGTH)}"
                raise CaseError(f"{key}.z", f"must lie between the ends of the body, {ends}; move it or drop it", shown)
            if plane.size is None:
                if not geometry.in_layers:
                    raise CaseError(f"{key}.size", "is missing, and the cells of this body follow no plane; add it")
                continue
            _refuse_coarser(f"{key}.size", plane.size, size)
        hair = TOUCHING_GAP * (high - low)
        for number, plane in enumerate(planes):
            rings = [z * MODEL_UNIT for z in geometry.own_planes() if abs(z * MODEL_UNIT - plane.z) > hair]
            others = [low, high, *rings, *(p.z for n, p in enumerate(planes) if n != number)]
            nearest_one = min(others, key=lambda z: abs(z - plane.z))
            gap = abs(nearest_one - plane.z)
            if gap < max(SAME_PLANE * (high - low), (1.0 - SAME_PLANE) * (plane.size or 0.0)):
                end = "an end of the body" if nearest_one in (low, high) else "another plane"
                what = "an end of a ring" if nearest_one in rings else end
                room = f"{format_quantity(float(f'{gap:.3g}'), LENGTH)} from {what}" if gap else "the same as another"
                raise CaseError(
                    f"mesh.grade_planes.{number}",
                    f"is {room}; drop one, or make the size smaller than the distance",
                    format_quantity(plane.z, LENGTH),
                )


class ResolvedMeshOptions(MeshOptions):
    """Mesh options in which size and element degree are set; made by `MeshOptions.resolved`."""

    size: Length
    element_degree: Literal[1, 2]


def _refuse_coarser(key: str, graded: float, size: float) -> None:
    """Refuse a graded size that is coarser than the bulk size, with a `CaseError`."""
    if graded > size * (1.0 + SAME_PLANE):
        raise CaseError(
            key,
            f"is coarser than mesh.size = {format_quantity(size, LENGTH)}; make it smaller or leave it out",
            format_quantity(graded, LENGTH),
        )
